//! The message as it goes over the line: CRLF line ends, dots doubled, a dot at the end (RFC 5321 4.5.2).

use std::io;

use crate::spool::{Pieces, Reader};

/// Bytes that are looked at together for the end of a line.
const STRETCH: usize = 32;

/// A message whose size is known.
#[derive(Debug)]
pub(super) struct Text {
    pieces: Pieces,
    len: u64,
    eight_bit: bool,
}

impl Text {
    /// Reads the message once to know what the server wants to hear of it before.
    pub(super) async fn measured(pieces: &Pieces) -> io::Result<Self> {
        let (mut reader, mut lines) = (pieces.reader(), Lines::default());
        let mut text = Self { pieces: pieces.clone(), len: 0, eight_bit: false };
        while let Some(bytes) = reader.next().await? {
            text.eight_bit |= !bytes.is_ascii();
            lines.put(&bytes, |bytes| text.len += bytes.len() as u64);
        }
        // Doubled dots are no part of the size (RFC 1870 5), the end of the last line is.
        text.len += if lines.is_at_start() { 0 } else { 2 };
        text.len -= lines.doubled;
        Ok(text)
    }

    /// Bytes of the message with corrected line ends.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn is_eight_bit(&self) -> bool {
        self.eight_bit
    }

    pub(super) fn flow(&self) -> Flow {
        Flow { reader: self.pieces.reader(), lines: Lines::default(), ended: false }
    }
}

/// Gives the message as it goes over the line.
#[derive(Debug)]
pub(super) struct Flow {
    reader: Reader,
    lines: Lines,
    ended: bool,
}

impl Flow {
    /// The next bytes; `None` behind the dot that ends the message.
    pub(super) async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.ended {
            return Ok(None);
        }
        let mut out = Vec::new();
        match self.reader.next().await? {
            Some(bytes) => {
                out.reserve(bytes.len() + bytes.len() / 16);
                self.lines.put(&bytes, |bytes| out.extend_from_slice(bytes));
            }
            None => {
                self.ended = true;
                self.lines.end(&mut out);
            }
        }
        Ok(Some(out))
    }
}

/// Where in a line the last piece ended.
#[derive(Debug, Default)]
struct Lines {
    last: Last,
    doubled: u64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Last {
    #[default]
    Newline,
    /// A carriage return whose end of line is written already.
    Return,
    Other,
}

impl Lines {
    /// Gives a piece to `out`: every CR, LF and CRLF becomes CRLF, so that no server takes for an end of the message what another does not.
    fn put(&mut self, bytes: &[u8], mut out: impl FnMut(&[u8])) {
        let mut rest = bytes;
        loop {
            if let (Last::Return, Some((b'\n', behind))) = (self.last, rest.split_first()) {
                (self.last, rest) = (Last::Newline, behind);
            }
            let (text, end) = rest.split_at(line_end(rest));
            if !text.is_empty() {
                if self.is_at_start() && text.starts_with(b".") {
                    out(b".");
                    self.doubled += 1;
                }
                out(text);
                self.last = Last::Other;
            }
            let Some((byte, behind)) = end.split_first() else { return };
            out(b"\r\n");
            self.last = if *byte == b'\r' { Last::Return } else { Last::Newline };
            rest = behind;
        }
    }

    fn is_at_start(&self) -> bool {
        self.last != Last::Other
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.is_at_start() { b".\r\n".as_slice() } else { b"\r\n.\r\n" });
    }
}

/// Where the first CR or LF is; behind the last byte if there is none.
fn line_end(bytes: &[u8]) -> usize {
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    // Without a branch per byte, so that many are compared at once.
    let clear = |stretch: &&[u8]| !stretch.iter().fold(false, |found, byte| found | is_end(byte));
    let skipped: usize = bytes.chunks(STRETCH).take_while(clear).map(<[u8]>::len).sum();
    let rest = bytes.get(skipped..).unwrap_or_default();
    skipped + rest.iter().position(is_end).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::Piece;

    /// What goes over the line, the size told before, with the message in pieces of `step` bytes.
    async fn line(message: &[u8], step: usize) -> (String, u64) {
        let pieces: Pieces = message.chunks(step).map(|piece| Piece::Bytes(piece.to_vec().into())).collect();
        let text = Text::measured(&pieces).await.unwrap();
        let (mut flow, mut out) = (text.flow(), Vec::new());
        while let Some(bytes) = flow.next().await.unwrap() {
            out.extend(bytes);
        }
        (String::from_utf8(out).unwrap(), text.len())
    }

    #[tokio::test]
    async fn line_ends_and_dots() {
        let cases = [
            ("", ".\r\n", 0),
            ("a", "a\r\n.\r\n", 3),
            ("a\r\n", "a\r\n.\r\n", 3),
            ("a\nb\rc\r\nd\r\r\n", "a\r\nb\r\nc\r\nd\r\n\r\n.\r\n", 14),
            (".a\r\n.\r\n..\n.", "..a\r\n..\r\n...\r\n..\r\n.\r\n", 14),
            ("a.\r\n", "a.\r\n.\r\n", 4),
            (
                "a line of more than thirty-two characters\n.and another one that is as long, \r or nearly so",
                "a line of more than thirty-two \
              characters\r\n..and another one that is as long, \r\n or nearly so\r\n.\r\n",
                94,
            ),
            ("a\n.\nRCPT\r.\r", "a\r\n..\r\nRCPT\r\n..\r\n.\r\n", 15),
        ];
        for (message, expected, len) in cases {
            for step in 1..=message.len().max(1) {
                assert_eq!(line(message.as_bytes(), step).await, (expected.to_owned(), len), "{message:?} by {step}");
            }
        }
    }

    #[tokio::test]
    async fn eight_bit_is_noticed_anywhere() {
        let text = Text::measured(&Pieces::from("a\r\nü".as_bytes().to_vec())).await.unwrap();
        assert!(text.is_eight_bit());
        assert!(!Text::measured(&Pieces::from(b"a".to_vec())).await.unwrap().is_eight_bit());
    }
}

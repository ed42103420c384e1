//! The message as it goes over the line: CRLF line ends, dots doubled, a dot at the end (RFC 5321 4.5.2).

use std::io;

use crate::spool::{Pieces, Reader};

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
        let mut out = Vec::new();
        while let Some(bytes) = reader.next().await? {
            text.eight_bit |= !bytes.is_ascii();
            out.clear();
            lines.put(&bytes, &mut out);
            text.len += out.len() as u64;
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
            Some(bytes) => self.lines.put(&bytes, &mut out),
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
    /// Writes a piece: every CR, LF and CRLF becomes CRLF, so that no server takes for an end of the message what another does not.
    fn put(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        out.reserve(bytes.len() + bytes.len() / 16);
        for &byte in bytes {
            match (byte, self.last) {
                (b'\n', Last::Return) => self.last = Last::Newline,
                (b'\n' | b'\r', _) => {
                    out.extend_from_slice(b"\r\n");
                    self.last = if byte == b'\r' { Last::Return } else { Last::Newline };
                }
                _ => {
                    if byte == b'.' && self.is_at_start() {
                        out.push(b'.');
                        self.doubled += 1;
                    }
                    out.push(byte);
                    self.last = Last::Other;
                }
            }
        }
    }

    fn is_at_start(&self) -> bool {
        self.last != Last::Other
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.is_at_start() { b".\r\n".as_slice() } else { b"\r\n.\r\n" });
    }
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

//! A message of any length as text that a document can hold.

use std::io;

use crate::{
    convert::mime::{charset, scan, whole},
    spool::Spool,
};

/// Bytes read at once.
const STEP: usize = 64 << 10;

/// Messages that are no UTF-8 are brought into a form that is while they stand in memory, up to this length; of longer ones what is no UTF-8 is lost.
const IN_MEMORY: u64 = 16 << 20;

/// A message as text.
#[derive(Debug)]
pub(super) struct Readable {
    /// As much of it as is to be sent.
    pub(super) text: Spool,
    /// Length of the whole, bytes.
    pub(super) size: u64,
}

/// The message as text, at most `limit` bytes of it, in the spool `into`. Characters that XML does not have are left out.
pub(super) async fn readable(raw: &Spool, into: Spool, limit: u64) -> io::Result<Readable> {
    if raw.len() <= IN_MEMORY && !is_utf8(raw).await? {
        let bytes = raw.read(0, usize::try_from(raw.len()).map_err(io::Error::other)?).await?;
        // Off the threads that serve others: it may take a second.
        let work = move || whole::readable(&bytes, &scan::scan(&bytes)).into_owned();
        let text = tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?;
        let mut out = Out { text: into, size: 0, limit, full: false };
        out.write(&text).await?;
        return Ok(out.done());
    }
    let mut out = Out { text: into, size: 0, limit, full: false };
    let (mut at, mut left) = (0, Vec::new());
    while at < raw.len() {
        let bytes = raw.read(at, STEP).await?;
        at += bytes.len() as u64;
        left.extend_from_slice(&bytes);
        let end = if at < raw.len() { whole_characters(&left) } else { left.len() };
        let rest = left.split_off(end);
        out.write(&String::from_utf8_lossy(&left)).await?;
        left = rest;
    }
    Ok(out.done())
}

async fn is_utf8(raw: &Spool) -> io::Result<bool> {
    let (mut at, mut left) = (0, Vec::new());
    while at < raw.len() {
        let bytes = raw.read(at, STEP).await?;
        at += bytes.len() as u64;
        left.extend_from_slice(&bytes);
        match std::str::from_utf8(&left) {
            Ok(_) => left.clear(),
            Err(error) if error.error_len().is_none() && at < raw.len() => drop(left.drain(..error.valid_up_to())),
            Err(_) => return Ok(false),
        }
    }
    Ok(true)
}

/// How many of the bytes make whole characters: what is left are at most three bytes of one that was cut.
fn whole_characters(bytes: &[u8]) -> usize {
    for back in 1..=bytes.len().min(3) {
        let at = bytes.len() - back;
        let needed = match bytes.get(at) {
            Some(0xc0..=0xdf) => 2,
            Some(0xe0..=0xef) => 3,
            Some(0xf0..=0xf7) => 4,
            Some(0x80..=0xbf) => continue,
            _ => 1,
        };
        return if needed > back { at } else { bytes.len() };
    }
    bytes.len()
}

struct Out {
    text: Spool,
    size: u64,
    limit: u64,
    full: bool,
}

impl Out {
    async fn write(&mut self, text: &str) -> io::Result<()> {
        let forbidden =
            |c: char| matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
        for piece in text.split(forbidden) {
            self.size += piece.len() as u64;
            let room = usize::try_from(self.limit - self.text.len().min(self.limit)).unwrap_or(usize::MAX);
            if self.full || piece.is_empty() {
                continue;
            }
            self.full = piece.len() > room;
            let end = if self.full { charset::cut(piece, room).len() } else { piece.len() };
            self.text.write(piece.as_bytes().get(..end).unwrap_or_default()).await?;
        }
        Ok(())
    }

    fn done(self) -> Readable {
        Readable { text: self.text, size: self.size }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::tests::block_on;

    fn read(raw: &[u8], limit: u64) -> (String, u64) {
        block_on(async {
            let spool = || Spool::new(std::env::temp_dir());
            let mut whole = spool();
            whole.write(raw).await.unwrap();
            let Readable { text, size } = readable(&whole, spool(), limit).await.unwrap();
            let bytes = text.read(0, usize::MAX >> 1).await.unwrap();
            (String::from_utf8(bytes.to_vec()).unwrap(), size)
        })
    }

    #[test]
    fn text_of_any_length_is_cut_between_characters() {
        assert_eq!(read("a\0b\x01ä".as_bytes(), u64::MAX), ("abä".into(), 4));
        assert_eq!(read("abä".as_bytes(), 3), ("ab".into(), 4));
        assert_eq!(read(b"", 3), (String::new(), 0));
        for shift in 0..4 {
            let long = format!("{}{}", "x".repeat(shift), "€ä😀".repeat(60_000));
            let (text, size) = read(long.as_bytes(), u64::MAX);
            assert!(text == long && size == long.len() as u64);
        }
    }

    #[test]
    fn what_is_no_utf_8_is_brought_into_a_form_that_is() {
        let raw = b"Subject: x\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGr\xfc\xdfe\r\n";
        let (text, _) = read(raw, u64::MAX);
        assert!(text.contains("quoted-printable") && text.contains("Gr=FC=DFe"), "{text}");
    }

    #[test]
    fn long_messages_that_are_no_utf_8_come_through() {
        let mut raw = vec![b'x'; usize::try_from(IN_MEMORY).unwrap() + 10];
        raw[5] = 0xff;
        let (text, _) = read(&raw, 100);
        assert!(text.starts_with("xxxxx\u{fffd}xxx"));
    }
}

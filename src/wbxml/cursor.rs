//! The bytes of a document, read from front to back with every length checked before it is believed.

use super::{Error, ErrorKind};

#[derive(Debug)]
pub(super) struct Cursor<'a> {
    document: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(document: &'a [u8]) -> Self {
        Self { document, at: 0 }
    }

    pub(super) fn offset(&self) -> usize {
        self.at
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.document.get(self.at).copied()
    }

    pub(super) fn byte(&mut self) -> Result<u8, Error> {
        let byte = self.peek().ok_or(self.truncated())?;
        self.at += 1;
        Ok(byte)
    }

    /// A multi-byte integer (`mb_u_int32`).
    pub(super) fn number(&mut self) -> Result<u32, Error> {
        let start = self.at;
        let mut value: u32 = 0;
        for _ in 0..5 {
            let byte = self.byte()?;
            if value > u32::MAX >> 7 {
                break;
            }
            value = value << 7 | u32::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Error { offset: start, kind: ErrorKind::Integer })
    }

    /// A block preceded by its length.
    pub(super) fn block(&mut self) -> Result<&'a [u8], Error> {
        let length = self.number()? as usize;
        let rest = self.rest();
        let block = rest.get(..length).ok_or(self.truncated())?;
        self.at += length;
        Ok(block)
    }

    /// A string that ends with NUL. Inlined for the reason that the reader's own steps are.
    #[inline(always)]
    pub(super) fn string(&mut self) -> Result<&'a str, Error> {
        let start = self.at;
        let string = until_nul(self.rest()).ok_or(self.truncated())?;
        self.at += string.len() + 1;
        utf8(string, start)
    }

    fn rest(&self) -> &'a [u8] {
        self.document.get(self.at..).unwrap_or_default()
    }

    fn truncated(&self) -> Error {
        Error { offset: self.document.len(), kind: ErrorKind::Truncated }
    }
}

/// The bytes, which begin at `offset` of the document, as text.
pub(super) fn utf8(bytes: &[u8], offset: usize) -> Result<&str, Error> {
    std::str::from_utf8(bytes).map_err(|e| Error { offset: offset + e.valid_up_to(), kind: ErrorKind::String })
}

/// The bytes before the first NUL. Eight at a time: most strings are too short for the standard library's search, which
/// goes byte by byte until it is aligned.
pub(super) fn until_nul(bytes: &[u8]) -> Option<&[u8]> {
    const ONES: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH_BITS: u64 = u64::from_le_bytes([0x80; 8]);
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // The lowest bit that is set belongs to the first byte that is zero (higher ones may be carries).
        let zeros = word.wrapping_sub(ONES) & !word & HIGH_BITS;
        if zeros != 0 {
            return bytes.get(..index * 8 + zeros.trailing_zeros() as usize / 8);
        }
    }
    let tail = rest.iter().position(|b| *b == 0)?;
    bytes.get(..words.len() * 8 + tail)
}

#[cfg(test)]
mod tests {
    use super::until_nul;

    #[test]
    fn the_first_nul_is_found_wherever_it_is() {
        for filler in [1, 0x7f, 0x80, 0x81, 0xff] {
            for length in 0..40 {
                let mut bytes = vec![filler; length];
                assert_eq!(until_nul(&bytes), None);
                for at in (0..length).rev() {
                    bytes[at] = 0;
                    assert_eq!(until_nul(&bytes), Some(&vec![filler; at][..]));
                    if let Some(next) = bytes.get_mut(at + 1) {
                        *next = 1;
                    }
                    assert_eq!(until_nul(&bytes), Some(&vec![filler; at][..]));
                }
            }
        }
    }
}

//! The bytes of a document, read from front to back with every length checked before it is believed.

use std::ffi::CStr;

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
        let string = CStr::from_bytes_until_nul(self.rest()).map_err(|_| self.truncated())?;
        self.at += string.count_bytes() + 1;
        utf8(string.to_bytes(), start)
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

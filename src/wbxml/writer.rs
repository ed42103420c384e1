//! Writer.

use super::Tag;

/// Writes a document: header `03 01 6A 00`, page switches only where the page changes, inline strings, never a string
/// table. Characters that XML 1.0 forbids (NUL above all: it would end the string) are left out of text.
#[derive(Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// An empty document.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens an element that has content; an element that is closed without any becomes the empty form.
    pub fn open(&mut self, _tag: Tag) {}

    /// Closes the innermost open element.
    pub fn close(&mut self) {}

    /// An element with text (empty text: an empty element).
    pub fn text(&mut self, _tag: Tag, _text: &str) {}

    /// An element with a number as text.
    pub fn int(&mut self, _tag: Tag, _value: i64) {}

    /// An element without content.
    pub fn empty(&mut self, _tag: Tag) {}

    /// An element with a byte array (OPAQUE).
    pub fn opaque(&mut self, _tag: Tag, _bytes: &[u8]) {}

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// The document; elements still open are closed.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }
}

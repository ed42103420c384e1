//! Writer.

use std::fmt::Write as _;

use super::{
    Tag,
    token::{CONTENT, END, HEADER, OPAQUE, STR_I, SWITCH_PAGE},
};

/// Writes a document: header `03 01 6A 00`, page switches only where the page changes, inline strings, never a string
/// table. Characters that XML 1.0 forbids (NUL above all: it would end the string) are left out of text.
///
/// The header comes with the first element, so that a document without any is an empty body. The first element that is
/// opened must be the only one on the outermost level.
///
/// ```
/// use horde_eas::wbxml::{Writer, tag::folder_hierarchy as fh};
/// let mut w = Writer::new();
/// w.open(fh::FOLDER_SYNC);
/// w.text(fh::SYNC_KEY, "0");
/// w.close();
/// assert_eq!(w.finish(), [3, 1, 0x6a, 0, 0, 7, 0x56, 0x52, 3, b'0', 0, 1, 1]);
/// ```
#[derive(Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
    page: u8,
    depth: usize,
    /// The last byte is the tag of an element that was opened and has nothing in it yet.
    fresh: bool,
}

impl Writer {
    /// An empty document.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens an element that has content; an element that is closed without any becomes the empty form.
    pub fn open(&mut self, tag: Tag) {
        self.tag(tag, CONTENT);
        self.depth += 1;
        self.fresh = true;
    }

    /// Closes the innermost open element; without one it does nothing.
    pub fn close(&mut self) {
        if self.depth == 0 {
            return;
        }
        self.depth -= 1;
        match self.out.last_mut() {
            Some(tag) if self.fresh => *tag &= !CONTENT,
            _ => self.out.push(END),
        }
        self.fresh = false;
    }

    /// An element with text (empty text: an empty element).
    pub fn text(&mut self, tag: Tag, text: &str) {
        self.open(tag);
        self.text_piece(text);
        self.close();
    }

    /// An element with a number as text.
    pub fn int(&mut self, tag: Tag, value: i64) {
        self.tag(tag, CONTENT);
        self.out.push(STR_I);
        // Writing to a vector cannot fail.
        let _ = write!(Ascii(&mut self.out), "{value}");
        self.out.extend_from_slice(&[0, END]);
    }

    /// An element without content.
    pub fn empty(&mut self, tag: Tag) {
        self.tag(tag, 0);
    }

    /// An element with a byte array (OPAQUE; without bytes: an empty element). Longer than 4 GiB does not exist in WBXML;
    /// the rest would be left out.
    pub fn opaque(&mut self, tag: Tag, bytes: &[u8]) {
        self.open(tag);
        self.opaque_piece(bytes);
        self.close();
    }

    /// An element whose text is put in later; gives the offset at which it belongs in the finished document. The text must not be empty, and
    /// have neither NUL nor another character that XML does not allow.
    pub fn hole(&mut self, tag: Tag) -> usize {
        self.tag(tag, CONTENT);
        self.out.push(STR_I);
        let hole = self.out.len();
        self.out.extend_from_slice(&[0, END]);
        hole
    }

    /// Adds text to the innermost open element, for content made of several pieces. Nothing is written for text without
    /// any character that XML allows, or outside an element.
    pub fn text_piece(&mut self, text: &str) {
        if self.depth == 0 || text.is_empty() {
            return;
        }
        let start = self.out.len();
        self.out.push(STR_I);
        if clean(text) {
            self.out.extend_from_slice(text.as_bytes());
        } else {
            let mut buffer = [0; 4];
            for c in text.chars().filter(|c| !forbidden(*c)) {
                self.out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
            }
        }
        if self.out.len() == start + 1 {
            self.out.truncate(start);
            return;
        }
        self.out.push(0);
        self.fresh = false;
    }

    /// Adds bytes to the innermost open element, for content made of several pieces. Nothing is written for no bytes, or
    /// outside an element.
    pub fn opaque_piece(&mut self, bytes: &[u8]) {
        if self.depth == 0 || bytes.is_empty() {
            return;
        }
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.out.push(OPAQUE);
        self.number(length);
        self.out.extend(bytes.get(..length as usize).unwrap_or(bytes));
        self.fresh = false;
    }

    /// Bytes written so far, the header included.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// The document; elements still open are closed.
    pub fn finish(mut self) -> Vec<u8> {
        while self.depth > 0 {
            self.close();
        }
        self.out
    }

    fn tag(&mut self, tag: Tag, content: u8) {
        if self.out.is_empty() {
            self.out.extend_from_slice(&HEADER);
        }
        if tag.page() != self.page {
            self.page = tag.page();
            self.out.extend_from_slice(&[SWITCH_PAGE, self.page]);
        }
        self.out.push(tag.token() | content);
        self.fresh = false;
    }

    /// A multi-byte integer (`mb_u_int32`).
    fn number(&mut self, value: u32) {
        for shift in [28, 21, 14, 7] {
            if value >> shift > 0 {
                self.out.push(0x80 | (value >> shift & 0x7f) as u8);
            }
        }
        self.out.push((value & 0x7f) as u8);
    }
}

/// Formats numbers into a document without a detour through a string.
struct Ascii<'a>(&'a mut Vec<u8>);

impl std::fmt::Write for Ascii<'_> {
    fn write_str(&mut self, s: &str) -> std::fmt::Result {
        self.0.extend_from_slice(s.as_bytes());
        Ok(())
    }
}

/// What XML 1.0 does not allow as a character (section 2.2); surrogates cannot occur in a `str`.
pub(super) fn forbidden(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// Whether the text certainly has no forbidden character. U+FFFE and U+FFFF begin with EF; without a branch per byte the
/// compiler makes vector code of this.
fn clean(text: &str) -> bool {
    let suspicious = |b: u8| (b < 0x20 && b != b'\t' && b != b'\n' && b != b'\r') || b == 0xef;
    !text.bytes().fold(false, |found, b| found | suspicious(b))
}

//! Pull reader.

use std::borrow::Cow;

use super::{Error, ErrorKind, Tag};

/// Limits that a document must keep; what exceeds them is refused before anything is allocated for it.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Open elements (deepest legal path is about 12).
    pub depth: usize,
    /// Elements per document.
    pub elements: usize,
    /// Bytes of one text (concatenated pieces) or opaque block.
    pub value: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 64, elements: 200_000, value: 64 << 20 }
    }
}

/// One token of the document, unknown elements already left out with all that is in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// An element begins. For an element without content an `End` follows at once.
    Start(Tag),
    /// A piece of text.
    Text(Cow<'a, str>),
    /// A byte array.
    Opaque(&'a [u8]),
    /// The innermost open element ends.
    End(Tag),
}

/// Reads a document as events or, more conveniently, element by element with [`Reader::root`], [`Reader::child`],
/// [`Reader::text`], [`Reader::bytes`] and [`Reader::skip`].
///
/// ```
/// use horde_eas::wbxml::{Reader, tag::folder_hierarchy as fh};
/// let body = [3, 1, 0x6a, 0, 0, 7, 0x56, 0x52, 3, b'0', 0, 1, 1];
/// let mut r = Reader::new(&body).unwrap();
/// assert_eq!(r.root().unwrap(), fh::FOLDER_SYNC);
/// while let Some(tag) = r.child().unwrap() {
///     match tag {
///         fh::SYNC_KEY => assert_eq!(r.text().unwrap(), "0"),
///         _ => r.skip().unwrap(),
///     }
/// }
/// r.finish().unwrap();
/// ```
#[derive(Debug)]
pub struct Reader<'a> {
    _document: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads the header with the default [`Limits`].
    ///
    /// # Errors
    /// The header is not that of an EAS document.
    pub fn new(document: &'a [u8]) -> Result<Self, Error> {
        Self::with_limits(document, Limits::default())
    }

    /// Like [`Reader::new`] with other limits.
    ///
    /// # Errors
    /// The header is not that of an EAS document.
    pub fn with_limits(document: &'a [u8], _limits: Limits) -> Result<Self, Error> {
        Ok(Self { _document: document })
    }

    /// The next event; `None` after the root has ended and nothing but page switches follows.
    ///
    /// # Errors
    /// The document is not sound.
    pub fn next_event(&mut self) -> Result<Option<Event<'a>>, Error> {
        Err(Error { offset: 0, kind: ErrorKind::Truncated })
    }

    /// Opens the root element; afterwards [`Reader::child`] walks through its children.
    ///
    /// # Errors
    /// The document is not sound or has no root.
    pub fn root(&mut self) -> Result<Tag, Error> {
        Err(Error { offset: 0, kind: ErrorKind::Truncated })
    }

    /// Opens the next child of the innermost open element, or closes that element and gives `None`.
    /// Stray text between elements is passed over. Every child that was opened must be consumed by exactly one of: a loop of
    /// `child` until `None`, [`Reader::text`], [`Reader::bytes`], [`Reader::skip`].
    ///
    /// # Errors
    /// The document is not sound.
    pub fn child(&mut self) -> Result<Option<Tag>, Error> {
        Err(Error { offset: 0, kind: ErrorKind::Truncated })
    }

    /// The text of the innermost open element, which is closed; "" for all three spellings of an empty element. Opaque
    /// content counts as text if it is UTF-8. A child element inside is skipped.
    ///
    /// # Errors
    /// The document is not sound.
    pub fn text(&mut self) -> Result<Cow<'a, str>, Error> {
        Err(Error { offset: 0, kind: ErrorKind::Truncated })
    }

    /// The bytes of the innermost open element, which is closed; text counts as its UTF-8 bytes.
    ///
    /// # Errors
    /// The document is not sound.
    pub fn bytes(&mut self) -> Result<Cow<'a, [u8]>, Error> {
        Err(Error { offset: 0, kind: ErrorKind::Truncated })
    }

    /// Closes the innermost open element, passing over what is in it.
    ///
    /// # Errors
    /// The document is not sound.
    pub fn skip(&mut self) -> Result<(), Error> {
        Err(Error { offset: 0, kind: ErrorKind::Truncated })
    }

    /// Checks that the root is closed and nothing follows it.
    ///
    /// # Errors
    /// Something follows, or an element is still open.
    pub fn finish(&mut self) -> Result<(), Error> {
        Err(Error { offset: 0, kind: ErrorKind::Truncated })
    }

    /// Offset of the next byte to read, for error messages.
    pub fn offset(&self) -> usize {
        0
    }
}

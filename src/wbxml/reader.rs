//! Pull reader.

use std::borrow::Cow;

use super::{
    Error, ErrorKind, Tag,
    cursor::{Cursor, until_nul, utf8},
    token::{ATTRIBUTES, CONTENT, END, ENTITY, FIRST_TAG, OPAQUE, STR_I, STR_T, SWITCH_PAGE, UTF_8},
};

/// Limits that a document must keep; what exceeds them is refused before anything is allocated for it.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Open elements (deepest legal path is about 12).
    pub depth: usize,
    /// Elements per document.
    pub elements: usize,
    /// Bytes of one text (concatenated pieces) or opaque block; also of all references into the string table together, so
    /// that a small document cannot stand for a huge one.
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
    /// A piece of text, never empty.
    Text(Cow<'a, str>),
    /// A byte array, never empty.
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
    cursor: Cursor<'a>,
    table: &'a [u8],
    limits: Limits,
    page: u8,
    open: Vec<Tag>,
    elements: usize,
    /// Bytes of the pieces since the last element began or ended.
    value: usize,
    /// Bytes of all references into the string table.
    referenced: usize,
    /// The innermost open element has no content, so it ends without an END.
    bare: bool,
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
    pub fn with_limits(document: &'a [u8], limits: Limits) -> Result<Self, Error> {
        let mut cursor = Cursor::new(document);
        // 1.1 and 1.2 differ from 1.3 only in what EAS does not use.
        if !matches!(cursor.byte()?, 1..=3) {
            return Err(Error { offset: 0, kind: ErrorKind::Header });
        }
        // The public id names the document type; it says nothing that the URL does not. 0 refers to the string table.
        if cursor.number()? == 0 {
            cursor.number()?;
        }
        let charset = cursor.offset();
        if cursor.number()? != UTF_8 {
            return Err(Error { offset: charset, kind: ErrorKind::Charset });
        }
        let table = cursor.block()?;
        // Room for the usual depth, so that reading does not allocate again.
        let open = Vec::with_capacity(limits.depth.min(16));
        Ok(Self { cursor, table, limits, page: 0, open, elements: 0, value: 0, referenced: 0, bare: false })
    }

    /// The next event; `None` after the root has ended and nothing but page switches follows.
    ///
    /// # Errors
    /// The document is not sound.
    pub fn next_event(&mut self) -> Result<Option<Event<'a>>, Error> {
        loop {
            match self.next_of_any_tag()? {
                Some(Event::Start(tag)) if !tag.is_known() => self.pass_over_unknown(tag)?,
                event => return Ok(event),
            }
        }
    }

    /// Opens the root element; afterwards [`Reader::child`] walks through its children.
    ///
    /// # Errors
    /// The document is not sound or has no root.
    pub fn root(&mut self) -> Result<Tag, Error> {
        if self.elements > 0 {
            return Err(self.unexpected("the root element was opened before"));
        }
        match self.next_event()? {
            Some(Event::Start(tag)) => Ok(tag),
            _ => Err(self.unexpected("the document has no root element")),
        }
    }

    /// Opens the next child of the innermost open element, or closes that element and gives `None`.
    /// Stray text between elements is passed over. Every child that was opened must be consumed by exactly one of: a loop of
    /// `child` until `None`, [`Reader::text`], [`Reader::bytes`], [`Reader::skip`].
    ///
    /// # Errors
    /// The document is not sound, or no element is open.
    pub fn child(&mut self) -> Result<Option<Tag>, Error> {
        self.inside()?;
        loop {
            match self.next_event()? {
                Some(Event::Start(tag)) => return Ok(Some(tag)),
                Some(Event::End(_)) | None => return Ok(None),
                Some(Event::Text(_) | Event::Opaque(_)) => {}
            }
        }
    }

    /// The text of the innermost open element, which is closed; "" for all three spellings of an empty element. Opaque
    /// content counts as text if it is UTF-8. A child element inside is skipped.
    ///
    /// # Errors
    /// The document is not sound, or no element is open.
    pub fn text(&mut self) -> Result<Cow<'a, str>, Error> {
        self.inside()?;
        let mut text = Cow::Borrowed("");
        loop {
            let piece = match self.next_event()? {
                Some(Event::Text(piece)) => piece,
                Some(Event::Opaque(bytes)) => Cow::Borrowed(utf8(bytes, self.cursor.offset() - bytes.len())?),
                Some(Event::Start(_)) => {
                    self.skip()?;
                    continue;
                }
                Some(Event::End(_)) | None => return Ok(text),
            };
            self.within_value(text.len() + piece.len())?;
            if text.is_empty() {
                text = piece;
            } else {
                text.to_mut().push_str(&piece);
            }
        }
    }

    /// The bytes of the innermost open element, which is closed; text counts as its UTF-8 bytes. A child element inside is
    /// skipped.
    ///
    /// # Errors
    /// The document is not sound, or no element is open.
    pub fn bytes(&mut self) -> Result<Cow<'a, [u8]>, Error> {
        self.inside()?;
        let mut all: Cow<'a, [u8]> = Cow::Borrowed(&[]);
        loop {
            let piece = match self.next_event()? {
                Some(Event::Text(Cow::Borrowed(text))) => Cow::Borrowed(text.as_bytes()),
                Some(Event::Text(Cow::Owned(text))) => Cow::Owned(text.into_bytes()),
                Some(Event::Opaque(bytes)) => Cow::Borrowed(bytes),
                Some(Event::Start(_)) => {
                    self.skip()?;
                    continue;
                }
                Some(Event::End(_)) | None => return Ok(all),
            };
            self.within_value(all.len() + piece.len())?;
            if all.is_empty() {
                all = piece;
            } else {
                all.to_mut().extend_from_slice(&piece);
            }
        }
    }

    /// Closes the innermost open element, passing over what is in it.
    ///
    /// # Errors
    /// The document is not sound, or no element is open.
    pub fn skip(&mut self) -> Result<(), Error> {
        self.inside()?;
        let depth = self.open.len();
        while self.open.len() >= depth {
            self.next_event()?;
        }
        Ok(())
    }

    /// Checks that the root is closed and nothing follows it.
    ///
    /// # Errors
    /// Something follows, or an element is still open.
    pub fn finish(&mut self) -> Result<(), Error> {
        if !self.open.is_empty() {
            return Err(self.unexpected("an element is still open where the document should end"));
        }
        match self.next_event()? {
            None => Ok(()),
            Some(_) => Err(self.unexpected("the document was not read")),
        }
    }

    /// Offset of the next byte to read, for error messages.
    pub fn offset(&self) -> usize {
        self.cursor.offset()
    }

    /// Whether the element that was just opened is written without content bit and END.
    pub(super) fn is_bare(&self) -> bool {
        self.bare
    }

    /// The next event, elements that the table does not have included. Inlined, like what it calls for every token:
    /// events that are handed on through memory cost more than reading them.
    #[inline(always)]
    fn next_of_any_tag(&mut self) -> Result<Option<Event<'a>>, Error> {
        loop {
            if self.bare {
                return Ok(self.end());
            }
            let at = self.cursor.offset();
            if self.cursor.peek().is_none() {
                return self.end_of_document();
            }
            match self.cursor.byte()? {
                SWITCH_PAGE => self.switch_page()?,
                END if self.open.is_empty() => return Err(Error { offset: at, kind: ErrorKind::Structure }),
                END => return Ok(self.end()),
                token @ (STR_I | STR_T | ENTITY | OPAQUE) => {
                    if let Some(event) = self.piece(token, at)? {
                        return Ok(Some(event));
                    }
                }
                byte if byte & ATTRIBUTES == 0 && byte & !CONTENT >= FIRST_TAG => {
                    return Ok(Some(Event::Start(self.start(byte, at)?)));
                }
                other => return Err(Error { offset: at, kind: ErrorKind::Token(other) }),
            }
        }
    }

    /// The end of the bytes is the end of the document only after the root.
    fn end_of_document(&self) -> Result<Option<Event<'a>>, Error> {
        if self.open.is_empty() && self.elements > 0 {
            return Ok(None);
        }
        Err(self.error(ErrorKind::Truncated))
    }

    fn switch_page(&mut self) -> Result<(), Error> {
        let at = self.cursor.offset();
        let page = self.cursor.byte()?;
        if !Tag::page_exists(page) {
            return Err(Error { offset: at, kind: ErrorKind::Page(page) });
        }
        self.page = page;
        Ok(())
    }

    /// Opens an element. Only a known one can be the root: nothing would remain of the document without it.
    #[inline(always)]
    fn start(&mut self, byte: u8, at: usize) -> Result<Tag, Error> {
        let fail = |kind| Err(Error { offset: at, kind });
        let tag = Tag::at(self.page, byte & !CONTENT);
        if self.open.is_empty() && self.elements > 0 {
            return fail(ErrorKind::Structure);
        }
        if self.open.is_empty() && !tag.is_known() {
            return fail(ErrorKind::Token(byte));
        }
        if self.open.len() >= self.limits.depth {
            return fail(ErrorKind::Limit("elements are nested too deeply"));
        }
        if self.elements >= self.limits.elements {
            return fail(ErrorKind::Limit("the document has too many elements"));
        }
        self.elements += 1;
        self.value = 0;
        self.bare = byte & CONTENT == 0;
        self.open.push(tag);
        Ok(tag)
    }

    /// Reads to the end of the unknown element that was just opened.
    fn pass_over_unknown(&mut self, tag: Tag) -> Result<(), Error> {
        let (page, token, offset) = (tag.page(), tag.token(), self.cursor.offset());
        log::debug!("WBXML, byte {offset}: unknown tag 0x{token:02X} on page {page} left out");
        let depth = self.open.len();
        while self.open.len() >= depth {
            self.next_of_any_tag()?;
        }
        Ok(())
    }

    #[inline(always)]
    fn end(&mut self) -> Option<Event<'a>> {
        self.bare = false;
        self.value = 0;
        self.open.pop().map(Event::End)
    }

    /// A piece of content; an empty one says nothing and is left out.
    #[inline(always)]
    fn piece(&mut self, token: u8, at: usize) -> Result<Option<Event<'a>>, Error> {
        if self.open.is_empty() {
            return Err(Error { offset: at, kind: ErrorKind::Structure });
        }
        let event = match token {
            STR_I => Event::Text(Cow::Borrowed(self.cursor.string()?)),
            STR_T => Event::Text(Cow::Borrowed(self.table_string()?)),
            ENTITY => Event::Text(Cow::Owned(self.entity()?.to_string())),
            _ => Event::Opaque(self.cursor.block()?),
        };
        let length = match &event {
            Event::Text(text) => text.len(),
            Event::Opaque(bytes) => bytes.len(),
            Event::Start(_) | Event::End(_) => 0,
        };
        self.value += length;
        self.within_value(self.value)?;
        Ok((length > 0).then_some(event))
    }

    fn table_string(&mut self) -> Result<&'a str, Error> {
        let at = self.cursor.offset();
        let fail = |kind| Error { offset: at, kind };
        let start = self.cursor.number()? as usize;
        let tail = self.table.get(start..).ok_or(fail(ErrorKind::String))?;
        let string = until_nul(tail).ok_or(fail(ErrorKind::String))?;
        self.referenced = self.referenced.saturating_add(string.len());
        self.within_value(self.referenced)?;
        std::str::from_utf8(string).map_err(|_| fail(ErrorKind::String))
    }

    /// A character by its number. NUL is refused like everywhere in WBXML text.
    fn entity(&mut self) -> Result<char, Error> {
        let at = self.cursor.offset();
        let code = self.cursor.number()?;
        char::from_u32(code).filter(|c| *c != '\0').ok_or(Error { offset: at, kind: ErrorKind::String })
    }

    fn within_value(&self, length: usize) -> Result<(), Error> {
        if length > self.limits.value {
            return Err(self.error(ErrorKind::Limit("a value is too long")));
        }
        Ok(())
    }

    fn inside(&self) -> Result<(), Error> {
        if self.open.is_empty() {
            return Err(self.unexpected("no element is open"));
        }
        Ok(())
    }

    fn unexpected(&self, what: &'static str) -> Error {
        self.error(ErrorKind::Unexpected(what))
    }

    fn error(&self, kind: ErrorKind) -> Error {
        Error { offset: self.cursor.offset(), kind }
    }
}

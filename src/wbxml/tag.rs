//! Tags and the code pages they live on. The constants and tables are generated from `code-pages.tsv`.

/// A tag: code page and token (without the content bit).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(u16);

impl Tag {
    /// The tag with `token` on `page`; the token must lie in 5..64, see [`Tag::known`] for tags from outside.
    pub(crate) const fn at(page: u8, token: u8) -> Self {
        Self(((page as u16) << 8) | token as u16)
    }

    /// The tag if the code page table has it.
    pub fn known(page: u8, token: u8) -> Option<Self> {
        Some(Self::at(page, token)).filter(|tag| tag.is_known())
    }

    /// Whether the code page table has the tag.
    pub(crate) fn is_known(self) -> bool {
        has(&KNOWN, self)
    }

    /// Whether the table has this code page.
    pub(crate) fn page_exists(page: u8) -> bool {
        usize::from(page) < KNOWN.len()
    }

    /// Finds a tag by namespace and name, as the readable form writes them ("AirSync", "SyncKey").
    pub fn by_name(namespace: &str, name: &str) -> Option<Self> {
        let page = NAMESPACES.iter().position(|n| *n == namespace)?;
        let token = NAMES.get(page)?.iter().position(|n| *n == name && !n.is_empty())?;
        Some(Self::at(u8::try_from(page).ok()?, u8::try_from(token).ok()?))
    }

    /// Code page, 0-25.
    pub const fn page(self) -> u8 {
        (self.0 >> 8) as u8
    }

    /// Token without the content bit, 5-63.
    pub const fn token(self) -> u8 {
        (self.0 & 0xff) as u8
    }

    /// Element name, "" when the table does not have the tag.
    pub fn name(self) -> &'static str {
        NAMES.get(usize::from(self.page())).and_then(|p| p.get(usize::from(self.token()))).copied().unwrap_or("")
    }

    /// Name of the code page ("AirSync").
    pub fn namespace(self) -> &'static str {
        NAMESPACES.get(usize::from(self.page())).copied().unwrap_or("")
    }

    /// Whether the element's content is a byte array (OPAQUE on the wire).
    pub fn is_byte_array(self) -> bool {
        has(&BYTE_ARRAYS, self)
    }
}

/// The table's own copy of the name, if a code page is called so.
pub(crate) fn namespace(name: &str) -> Option<&'static str> {
    NAMESPACES.iter().copied().find(|n| *n == name)
}

/// Whether the set, one bit per token and one number per page, has the tag.
fn has(set: &[u64], tag: Tag) -> bool {
    set.get(usize::from(tag.page()))
        .and_then(|tokens| tokens.checked_shr(tag.token().into()))
        .is_some_and(|t| t & 1 == 1)
}

impl std::fmt::Debug for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.namespace(), self.name())
    }
}

impl std::fmt::Display for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

include!(concat!(env!("OUT_DIR"), "/tags.rs"));

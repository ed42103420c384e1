//! Why a document is not the WBXML that EAS speaks.

/// What is wrong; see [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The document ends inside an element, string, number or opaque block.
    Truncated,
    /// Version, public id or string table of the header are not acceptable.
    Header,
    /// The charset is not UTF-8 (106).
    Charset,
    /// A number runs over 5 bytes or 32 bits.
    Integer,
    /// A code page outside 0-25.
    Page(u8),
    /// LITERAL, EXT, PI, an attribute bit or another token that EAS never uses.
    Token(u8),
    /// A string that is not UTF-8, or an offset outside the string table.
    String,
    /// END without an open element, a second root, or bytes after the root.
    Structure,
    /// Deeper, longer or more than the limits allow.
    Limit(&'static str),
    /// The document is sound, but an element is not where the caller needs it (text where elements belong, and so on).
    Unexpected(&'static str),
}

impl std::fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Truncated => f.write_str("the document ends too early"),
            Self::Header => f.write_str("this is not the header of a WBXML document"),
            Self::Charset => f.write_str("the character set is not UTF-8"),
            Self::Integer => f.write_str("a number is longer than 5 bytes or 32 bits"),
            Self::Page(page) => write!(f, "code page {page} does not exist"),
            Self::Token(token) => write!(f, "token 0x{token:02X} is not used by Exchange ActiveSync"),
            Self::String => f.write_str("a text is not UTF-8 or lies outside the string table"),
            Self::Structure => f.write_str("the elements are not properly nested in one root element"),
            Self::Limit(what) => write!(f, "too large: {what}"),
            Self::Unexpected(what) => f.write_str(what),
        }
    }
}

/// A decoding error with the offset of the byte at which it was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Error {
    /// Offset from the start of the document, at most its length (when the document ends too early).
    pub offset: usize,
    /// What is wrong there.
    pub kind: ErrorKind,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WBXML, byte {}: {}", self.offset, self.kind)
    }
}

impl std::error::Error for Error {}

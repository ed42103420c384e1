//! What all requests have in common when they are read.

use super::Malformed;
use crate::wbxml::{Reader, Tag};

/// Opens a document whose root must be `root`.
pub(super) fn open(body: &[u8], root: Tag) -> Result<Reader<'_>, Malformed> {
    let mut reader = Reader::new(body)?;
    if reader.root()? == root { Ok(reader) } else { Err(Malformed::Schema("root element")) }
}

/// An unsigned number, `None` when the element is empty. What is larger than 32 bits is out of range for every element that
/// has one and stays so as `u32::MAX`; what is no number at all is `what` not according to the schema.
pub(super) fn number(reader: &mut Reader<'_>, what: &'static str) -> Result<Option<u32>, Malformed> {
    let text = reader.text()?;
    match text.trim() {
        "" => Ok(None),
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => Ok(Some(digits.parse().unwrap_or(u32::MAX))),
        _ => Err(Malformed::Schema(what)),
    }
}

/// A number that the schema does not let be empty.
pub(super) fn required(reader: &mut Reader<'_>, what: &'static str) -> Result<u32, Malformed> {
    number(reader, what)?.ok_or(Malformed::Schema(what))
}

/// A boolean; the empty element means true (MS-ASCMD: `GetChanges`, `DeletesAsMoves`, `Partial`).
pub(super) fn flag(reader: &mut Reader<'_>, what: &'static str) -> Result<bool, Malformed> {
    match reader.text()?.trim() {
        "" | "1" => Ok(true),
        "0" => Ok(false),
        _ => Err(Malformed::Schema(what)),
    }
}

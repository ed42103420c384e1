//! Global tokens and header fields of WBXML that EAS uses (WBXML 1.3, MS-ASWBXML 2.1).

pub(super) const SWITCH_PAGE: u8 = 0x00;
pub(super) const END: u8 = 0x01;
pub(super) const ENTITY: u8 = 0x02;
pub(super) const STR_I: u8 = 0x03;
pub(super) const STR_T: u8 = 0x83;
pub(super) const OPAQUE: u8 = 0xc3;
/// Set in a tag byte when content and END follow.
pub(super) const CONTENT: u8 = 0x40;
/// Set in a tag byte when attributes follow, which EAS does not have.
pub(super) const ATTRIBUTES: u8 = 0x80;
/// Tags begin here; below are global tokens.
pub(super) const FIRST_TAG: u8 = 0x05;
/// IANA's number of UTF-8.
pub(super) const UTF_8: u32 = 106;
/// Version 1.3, public id "unknown", UTF-8, no string table.
pub(super) const HEADER: [u8; 4] = [0x03, 0x01, 0x6a, 0x00];

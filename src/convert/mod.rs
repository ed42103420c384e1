//! Items in foreign forms: vCard. No I/O in here.

pub mod vcard;

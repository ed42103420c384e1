//! Mails.

pub mod address;
pub mod charset;
pub mod encoding;
pub mod header;
pub mod params;
pub mod part;
pub mod scan;
pub mod word;

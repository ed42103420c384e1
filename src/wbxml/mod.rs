//! WBXML as Exchange ActiveSync uses it (MS-ASWBXML): tags from a table that is data, a pull [`Reader`] that never
//! allocates for what it can borrow, and a [`Writer`].
//!
//! Nothing in here knows what an element means.

mod cursor;
mod error;
mod reader;
pub mod tag;
mod token;
mod writer;
pub mod xml;

pub use error::{Error, ErrorKind};
pub use reader::{Event, Limits, Reader};
pub use tag::Tag;
pub use writer::Writer;

#[cfg(test)]
mod tests;

//! Mails (RFC 5322, RFC 2045-2049): what phones are shown of them. Whatever the bytes are, a [`Message`] comes out, at a bounded cost and
//! without a panic.
//!
//! A message is read from its bytes ([`Message::parse`]), or from its header, its parts as IMAP's BODYSTRUCTURE tells them ([`Part`]) and
//! the contents of the few parts that are its text ([`Message::wanted`], [`Message::assemble`]). Both ways give the same.

pub mod address;
pub mod attachment;
pub mod charset;
pub mod clean;
pub mod compose;
pub mod encoding;
pub mod fit;
pub mod flowed;
pub mod header;
pub mod kind;
pub mod layout;
pub mod message;
pub mod params;
pub mod part;
pub mod scan;
#[cfg(test)]
mod tests;
pub mod thread;
pub mod whole;
pub mod word;

pub use encoding::{Decoder, Encoding};
pub use message::Message;
pub use part::Part;

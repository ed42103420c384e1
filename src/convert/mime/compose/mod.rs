//! Mails that leave: what a phone sends, with what the server adds to it (MS-ASCMD 2.2.1.17-19), and drafts.
//!
//! The result is a list of [`Piece`]s: bytes, stretches of what the phone has sent, parts of the original message as they stand on the IMAP
//! server. So an attachment of any size goes from where it is to where it is wanted byte for byte, and never stands in memory.

mod answer;
mod draft;
mod head;
mod node;
mod quote;
#[cfg(test)]
mod tests;

pub use answer::{forward, reply, send};
pub use draft::draft;

use super::{Message, address::Mailbox};

/// A stretch of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Bytes of what the phone has sent.
    Own {
        /// Offset from the beginning of its message.
        offset: u64,
        /// How many.
        len: u64,
    },
    /// The content of a part of the original message, or of the old draft, as it is encoded there: `BODY.PEEK[<section>]`.
    Section {
        /// IMAP section number.
        section: String,
        /// How many bytes it has, as BODYSTRUCTURE says.
        len: u64,
    },
    /// The original message as a whole: `BODY.PEEK[]`.
    Original,
}

/// Who sends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Name and address for From; without a name, the one that the phone gives is taken.
    pub mailbox: Mailbox,
}

/// What makes a mail unique.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stamp {
    /// The value of Date where the phone sends none: now, as RFC 5322 3.3 has it.
    pub date: String,
    /// At least 20 random letters and digits, for Message-ID and boundaries.
    pub unique: String,
}

/// What a phone has sent: a message that lies elsewhere, of which the parts and the texts are known.
#[derive(Debug, Clone, Copy)]
pub struct Own<'a> {
    /// Its header block: its bytes before `message.root.place.body`.
    pub head: &'a [u8],
    /// Read by [`super::scan::Scanner`] and [`Message::assemble`]; the parts have their places.
    pub message: &'a Message,
}

/// A mail that can be sent or stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Composed {
    /// Envelope sender.
    pub from: String,
    /// Envelope recipients: To, Cc and Bcc, each once.
    pub recipients: Vec<String>,
    /// What stands in To, Cc or Bcc but is nothing that a mail can go to.
    pub invalid: Vec<String>,
    /// Its Message-ID, with angle brackets.
    pub message_id: String,
    /// Its bytes. Bcc is not among them, unless it is a draft.
    pub pieces: Vec<Piece>,
}

/// Why a mail cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// What the phone has sent is no message: it has no header (Status 107).
    NoMessage,
    /// A text of the old draft is so long that it was not read as a whole.
    TooLong,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoMessage => "no header in the message",
            Self::TooLong => "a text is too long",
        })
    }
}

impl std::error::Error for Error {}

//! What sending needs of the user's mailbox.

use std::future::Future;

use crate::spool::Pieces;

/// A mail that is answered or forwarded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Original {
    /// Id of its folder.
    pub container: String,
    /// Its uid in the folder, as items are named.
    pub uid: String,
    /// Its Message-ID, without angle brackets; may be empty.
    pub message_id: String,
}

/// What was done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// The sender was answered.
    Reply,
    /// All were answered.
    ReplyAll,
    /// Others got it.
    Forward,
}

/// The user's mailbox. Errors are texts for the log: none of this can make a mail unsent.
pub trait Mailroom: Send + Sync {
    /// Whether a mail with that Message-ID (without angle brackets) lies in the folder of sent mails.
    fn has_sent(&self, message_id: &str) -> impl Future<Output = Result<bool, String>> + Send;

    /// Puts a copy of a mail, as read, into the folder of sent mails.
    fn keep(&self, message: &Pieces) -> impl Future<Output = Result<(), String>> + Send;

    /// Notes at a mail that it was answered, or forwarded to these addresses.
    fn mark(&self, original: &Original, verb: Verb, to: &[String]) -> impl Future<Output = Result<(), String>> + Send;
}

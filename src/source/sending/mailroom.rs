//! What sending needs of the user's mailbox.

use std::{future::Future, sync::Arc};

use crate::{
    source::Error,
    spool::{Pieces, Spool},
};

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

/// The user's mailbox. Where errors are texts, they are for the log: none of that can make a mail unsent.
pub trait Mailroom: Send + Sync + 'static {
    /// A mail as it is, header and all. Nothing of it is marked as read.
    fn raw(&self, container: &str, uid: &str) -> impl Future<Output = Result<Arc<Spool>, Error>> + Send;

    /// Whether a mail with that Message-ID (without angle brackets) lies in the folder of sent mails.
    fn has_sent(&self, message_id: &str) -> impl Future<Output = Result<bool, String>> + Send;

    /// Puts a copy of a mail, as read, into the folder of sent mails; `at` is when it was sent, in seconds since 1970.
    fn keep(&self, message: &Pieces, at: u64) -> impl Future<Output = Result<(), String>> + Send;

    /// Notes at a mail that it was answered, or forwarded to these addresses; `now` is in seconds since 1970.
    fn mark(
        &self,
        original: &Original,
        verb: Verb,
        to: &[String],
        now: u64,
    ) -> impl Future<Output = Result<(), String>> + Send;

    /// Has a mail counted that was sent to these addresses (`verb`: in answer to another one): who is written to most follows from that.
    fn count(&self, message_id: &str, verb: Option<Verb>, to: &[String]) -> impl Future<Output = ()> + Send;
}

//! What commands do with mails beside synchronising them.

use std::{future::Future, sync::Arc};

use super::{Error, Source};
use crate::spool::Spool;

/// A mailbox as one user sees it. Containers and uids are those of [`Source`].
pub trait Mail: Source {
    /// Moves mails into another folder; per mail, in order, the uid that it has there. A mail that is not there (any more) is
    /// [`Error::NotFound`], one that has moved without the server telling its new uid [`Error::Uncertain`], and one that it will not move
    /// [`Error::Refused`]; none of them keeps others from being moved.
    fn move_items(
        &self,
        from: &str,
        uids: &[String],
        to: &str,
    ) -> impl Future<Output = Result<Vec<Result<String, Error>>, Error>> + Send;

    /// Deletes all mails of a folder for good, and with `folders` the folders in it with all that is in them. Special folders stay.
    fn empty(&self, container: &str, folders: bool) -> impl Future<Output = Result<(), Error>> + Send;

    /// Makes a folder in another one, or at the top; gives its id. [`Error::Exists`]: there is one of that name;
    /// [`Error::ContainerGone`]: the other one is not there.
    fn create_folder(&self, parent: Option<&str>, name: &str) -> impl Future<Output = Result<String, Error>> + Send;

    /// Gives a folder another name, another place, or both. [`Error::Exists`]: there is one of that name; [`Error::ContainerGone`]: it is not there.
    fn rename_folder(
        &self,
        container: &str,
        parent: Option<&str>,
        name: &str,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Deletes a folder with its mails and the folders in it. [`Error::ContainerGone`]: it is not there.
    fn delete_folder(&self, container: &str) -> impl Future<Output = Result<(), Error>> + Send;

    /// A mail as it is, header and all, in the empty spool `into`. Nothing of it is marked as read.
    fn raw(&self, container: &str, uid: &str, into: Spool) -> impl Future<Output = Result<Arc<Spool>, Error>> + Send;

    /// An attachment, decoded, in the empty spool `into`. `part` is the IMAP section number in its FileReference.
    fn attachment(
        &self,
        container: &str,
        uid: &str,
        part: &str,
        into: Spool,
    ) -> impl Future<Output = Result<Attachment, Error>> + Send;

    /// Looks for mails in these folders; container and uid of each, of each folder the last received first, at most `most`. A folder that is not there (any more)
    /// has nothing.
    fn search(
        &self,
        containers: &[String],
        query: &Query,
        most: usize,
    ) -> impl Future<Output = Result<Vec<Hit>, Error>> + Send;
}

/// A mail that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The folder in which it lies.
    pub container: String,
    /// Its uid.
    pub uid: String,
}

/// An attachment.
#[derive(Debug, Clone)]
pub struct Attachment {
    /// Content type without parameters ("application/pdf").
    pub kind: String,
    /// Its bytes.
    pub bytes: Arc<Spool>,
}

/// What is looked for. The days are Unix seconds of a midnight UTC: mail servers know no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// All of them hold; none: always.
    All(Vec<Query>),
    /// One of them holds; none: never.
    Any(Vec<Query>),
    /// It does not hold.
    Not(Box<Query>),
    /// The text is in that part of the mail, in whatever letter case.
    Has(Field, String),
    /// Received on that day or later.
    ReceivedSince(i64),
    /// Received before that day.
    ReceivedBefore(i64),
    /// Sent on that day or later.
    SentSince(i64),
    /// Sent before that day.
    SentBefore(i64),
    /// It has attachments.
    Attachments,
    /// `Email2:ConversationId` is that.
    Conversation(Vec<u8>),
    /// `Email:Read` is "1".
    Read,
    /// `Email:Flag` is not empty.
    Flagged,
}

/// A part of a mail in which text is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Field {
    /// Header and body.
    Anywhere,
    From,
    To,
    Cc,
    Bcc,
    Subject,
    Body,
}

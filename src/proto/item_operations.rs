//! ItemOperations (MS-ASCMD 2.2.1.10), from 12.0 on, and its answers in several parts (MS-ASHTTP 2.2.2.1.1, MS-ASCMD 2.2.1.10.1).

mod read;
#[cfg(test)]
mod tests;
mod write;

use super::{
    Range,
    class::{BodyKind, BodyPreference, Class, Properties, View},
};
use crate::wbxml::Tag;

pub use write::multipart_head;

/// An ItemOperations request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// What is to be done, in order.
    pub operations: Vec<Operation>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Give an item, or an attachment.
    Fetch(Fetch),
    /// EmptyFolderContents.
    Empty {
        /// CollectionId.
        collection: String,
        /// DeleteSubFolders: its folders as well.
        folders: bool,
    },
    /// Move a whole conversation (14.0+).
    Move {
        /// ConversationId.
        conversation: Vec<u8>,
        /// DstFldId.
        to: String,
        /// MoveAlways: and all mails that will belong to it. Without it: Status 155.
        always: bool,
    },
}

/// A Fetch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fetch {
    /// Store: "Mailbox", "DocumentLibrary"; anything else is Status 9.
    pub store: String,
    /// CollectionId; "" when missing.
    pub collection: String,
    /// ServerId.
    pub item: Option<String>,
    /// LongId, of something found by Search.
    pub long_id: Option<String>,
    /// FileReference of an attachment; an empty one is Status 15.
    pub attachment: Option<String>,
    /// LinkId of a document.
    pub link: Option<String>,
    /// Range, as sent.
    pub range: Option<String>,
    /// Schema: the only properties that are wanted; `None` = all.
    pub schema: Option<Vec<Tag>>,
    /// In which form bodies are wanted.
    pub bodies: Bodies,
}

/// In which form bodies of mails are wanted; also in the Options of Search.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bodies {
    /// MIMESupport 0-2.
    pub mime_support: Option<u32>,
    /// BodyPreference, in the order of the request.
    pub preferences: Vec<BodyPreference>,
    /// BodyPartPreference (14.1+).
    pub parts: Vec<BodyPreference>,
}

/// The answer to an ItemOperations request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Response {
    /// 1 fine, 2 protocol error, 3 server error (MS-ASCMD 2.2.3.177.8).
    pub status: u16,
    /// One result per operation, in order.
    pub results: Vec<Outcome>,
}

/// What became of one operation.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Of a Fetch.
    Fetch(Box<Fetched>),
    /// Of EmptyFolderContents.
    Empty {
        /// CollectionId as it was sent.
        collection: String,
        /// 1 done, 6 no such folder, 3 server error.
        status: u16,
    },
    /// Of a Move.
    Move {
        /// ConversationId as it was sent.
        conversation: Vec<u8>,
        /// 1 done, 6 no such conversation, 155 without MoveAlways, 156 a folder that is no destination.
        status: u16,
    },
}

/// What a Fetch gave. The ids are those of the request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fetched {
    /// 1 fine, 6 not found, 8 wrong range, 9 no such store, 11 too large, 15 wrong id of an attachment.
    pub status: u16,
    /// CollectionId.
    pub collection: Option<String>,
    /// ServerId.
    pub item: Option<String>,
    /// LongId.
    pub long_id: Option<String>,
    /// FileReference.
    pub attachment: Option<String>,
    /// What was asked for; `None` with an error.
    pub content: Option<Content>,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// An item.
    Item {
        /// Its class.
        class: Class,
        /// Its properties; without Body if that comes from elsewhere.
        item: Properties,
        /// How it is to be written.
        view: View,
        /// A body that comes from elsewhere.
        body: Option<Elsewhere>,
    },
    /// An attachment or a part of it.
    Attachment {
        /// Content type, "application/pdf".
        kind: String,
        /// Which bytes these are; `None` = all.
        range: Option<Range>,
        /// Length of the whole attachment, bytes.
        total: u64,
        /// Where the bytes are.
        place: Place,
    },
}

/// A body that is too large to be a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// Its form.
    pub kind: BodyKind,
    /// Length of the whole body, bytes.
    pub size: u64,
    /// It is not the whole body.
    pub truncated: bool,
    /// Where it is.
    pub place: Place,
}

/// Where large data are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Nowhere: there are none.
    Nowhere,
    /// In the document, where it has a hole: text without NUL and other characters that XML does not have; of attachments its base64.
    Hole,
    /// In that part of the answer, counted from 1; as they are.
    Part(u32),
}

/// A document with holes: offsets of what is to be put in, in the order of the operations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// The document.
    pub bytes: Vec<u8>,
    /// Offsets of the holes.
    pub holes: Vec<usize>,
}

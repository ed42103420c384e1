//! The query of a request, plain and base64 (MS-ASHTTP 2.2.1.1.1).

use super::Version;

/// A command of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Command {
    Sync,
    SendMail,
    SmartForward,
    SmartReply,
    GetAttachment,
    GetHierarchy,
    CreateCollection,
    DeleteCollection,
    MoveCollection,
    FolderSync,
    FolderCreate,
    FolderDelete,
    FolderUpdate,
    MoveItems,
    GetItemEstimate,
    MeetingResponse,
    Search,
    Settings,
    Ping,
    ItemOperations,
    Provision,
    ResolveRecipients,
    ValidateCert,
    Find,
}

/// What the query says, both forms alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The command; `None` when its name or code is not known.
    pub command: Option<Command>,
    /// Command as sent, for the log.
    pub command_name: String,
    /// User of the query; for checking and logging only, who it is decides Authorization.
    pub user: String,
    /// Device id as sent (not yet checked).
    pub device_id: String,
    /// Device type.
    pub device_type: String,
    /// Version of a base64 query; a plain query says it in a header.
    pub version: Option<Version>,
    /// Policy key of a base64 query: `None` = the field was empty or the query plain.
    pub policy_key: Option<u32>,
    /// CollectionId, ItemId, LongId, Occurrence, AttachmentName as (name, value).
    pub parameters: Vec<(String, String)>,
    /// SaveInSent.
    pub save_in_sent: bool,
    /// AcceptMultiPart of a base64 query.
    pub accept_multipart: bool,
}

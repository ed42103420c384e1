//! Sync (MS-ASCMD 2.2.1.21).

mod read;
#[cfg(test)]
mod tests;
mod write;

pub(in crate::proto) use read::read_preference;

use super::class::{BodyPreference, Class, Properties, View};
use crate::wbxml::Tag;

/// A Sync request with a body. (An empty body means "as last time" and never gets here.)
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The collections named, in the order of the request.
    pub collections: Vec<Collection>,
    /// How long the answer may be held back.
    pub wait: Option<Wait>,
    /// Window for all collections together (12.1+).
    pub window: Option<u32>,
    /// "As in my last Sync, except for what I list here" (12.1+).
    pub partial: bool,
}

/// Wait or HeartbeatInterval, in the unit in which the phone asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Wait {
    /// Wait, minutes.
    Minutes(u32),
    /// HeartbeatInterval, seconds.
    Seconds(u32),
    /// Both were sent (Status 4).
    Both,
}

/// One collection of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collection {
    /// Class, up to 12.1.
    pub class: Option<Class>,
    /// Sync key; "0" starts anew, "" when missing (Status 4).
    pub key: String,
    /// CollectionId; "" when missing (2.5 may name only the class).
    pub id: String,
    /// Supported: `None` = not sent, `Some([])` = everything ghosted.
    pub supported: Option<Vec<Tag>>,
    /// DeletesAsMoves (default true).
    pub deletes_as_moves: Option<bool>,
    /// GetChanges: `None` = not sent.
    pub get_changes: Option<bool>,
    /// WindowSize as sent.
    pub window: Option<u32>,
    /// ConversationMode (14.0+).
    pub conversation_mode: Option<bool>,
    /// Options: `None` = as before; more than one only for SMS beside the folder's class, else Status 4.
    pub options: Option<Vec<Options>>,
    /// Changes made on the phone, in order.
    pub commands: Vec<Command>,
}

/// Options of a collection; remembered until they are replaced as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Options {
    /// Class these options are for (14.0+; only "SMS" makes a difference).
    pub class: Option<String>,
    /// FilterType 0-8.
    pub filter: Option<u32>,
    /// Conflict: true = the server wins (default), false = the client wins.
    pub server_wins: Option<bool>,
    /// MIMESupport 0-2.
    pub mime_support: Option<u32>,
    /// MIMETruncation 0-8.
    pub mime_truncation: Option<u32>,
    /// Truncation 0-9 (2.5).
    pub truncation: Option<u32>,
    /// BodyPreference, in the order of the request.
    pub bodies: Vec<BodyPreference>,
    /// BodyPartPreference (14.1+), in the order of the request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub body_parts: Vec<BodyPreference>,
    /// MaxItems (14.0+, recipient cache).
    pub max_items: Option<u32>,
}

/// What a client command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs)]
pub enum CommandKind {
    Add,
    Change,
    Delete,
    Fetch,
}

/// One change made on the phone, or a Fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What to do.
    pub kind: CommandKind,
    /// ClientId of an Add, ServerId of everything else, as sent; "" when missing (some phones: to be passed over).
    pub id: String,
    /// InstanceId (16.0+).
    pub instance: Option<String>,
    /// The item's properties (Add, Change).
    pub item: Properties,
    /// Status to answer with because the item cannot be taken as it is (6: malformed); the command is not carried out.
    pub refused: Option<u16>,
}

/// The answer to a Sync request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Response {
    /// Top-level Status, only when the whole request failed.
    pub status: Option<u16>,
    /// Limit, with Status 14 and 15.
    pub limit: Option<u32>,
    /// The collections that have something to say.
    pub collections: Vec<CollectionResponse>,
}

/// The answer for one collection.
#[derive(Debug, Clone, PartialEq)]
pub struct CollectionResponse {
    /// Class (written up to 12.1 only).
    pub class: Class,
    /// New sync key; "0" when the phone must start anew.
    pub key: String,
    /// CollectionId.
    pub id: String,
    /// Status: 1 fine.
    pub status: u16,
    /// Changes for the phone.
    pub commands: Vec<ServerCommand>,
    /// Answers to the phone's commands.
    pub responses: Vec<CommandResult>,
    /// More changes wait.
    pub more_available: bool,
    /// How items are to be written for this device.
    pub view: View,
}

/// What a server command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs)]
pub enum ServerKind {
    Add,
    Change,
    Delete,
    SoftDelete,
}

/// One change for the phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerCommand {
    /// What to do.
    pub kind: ServerKind,
    /// ServerId.
    pub server_id: String,
    /// The item (Add, Change).
    pub item: Properties,
}

/// The answer to one client command. Only what MS-ASCMD wants answered is put in here: Adds, Fetches, failed Changes and Deletes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandResult {
    /// Which command.
    pub kind: CommandKind,
    /// ClientId (Add only).
    pub client_id: Option<String>,
    /// ServerId; `None` for a failed Add.
    pub server_id: Option<String>,
    /// InstanceId of the command.
    pub instance: Option<String>,
    /// Status.
    pub status: u16,
    /// The item (Fetch).
    pub item: Option<Properties>,
}

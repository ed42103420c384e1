//! The query of a request, plain and base64 (MS-ASHTTP 2.2.1.1.1).

mod base64;
mod plain;
#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;

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

/// Code of a command that has none: commands of the first editions never got one.
const NO_CODE: u8 = u8::MAX;

use Command as C;
use Version::{V2_5, V12_0, V12_1, V16_1};

/// Name in a plain query and in MS-ASProtocolCommands, code in a base64 query, first and last version (MS-ASHTTP 2.2.1.1.1.2.2,
/// MS-ASCMD 2.2.1), in the order in which servers list commands.
const COMMANDS: [(Command, &str, u8, Version, Version); 24] = [
    (C::Sync, "Sync", 0, V2_5, V16_1),
    (C::SendMail, "SendMail", 1, V2_5, V16_1),
    (C::SmartForward, "SmartForward", 2, V2_5, V16_1),
    (C::SmartReply, "SmartReply", 3, V2_5, V16_1),
    (C::GetAttachment, "GetAttachment", 4, V2_5, V12_1),
    (C::GetHierarchy, "GetHierarchy", NO_CODE, V2_5, V12_1),
    (C::CreateCollection, "CreateCollection", NO_CODE, V2_5, V2_5),
    (C::DeleteCollection, "DeleteCollection", NO_CODE, V2_5, V2_5),
    (C::MoveCollection, "MoveCollection", NO_CODE, V2_5, V2_5),
    (C::FolderSync, "FolderSync", 9, V2_5, V16_1),
    (C::FolderCreate, "FolderCreate", 10, V2_5, V16_1),
    (C::FolderDelete, "FolderDelete", 11, V2_5, V16_1),
    (C::FolderUpdate, "FolderUpdate", 12, V2_5, V16_1),
    (C::MoveItems, "MoveItems", 13, V2_5, V16_1),
    (C::GetItemEstimate, "GetItemEstimate", 14, V2_5, V16_1),
    (C::MeetingResponse, "MeetingResponse", 15, V2_5, V16_1),
    (C::Search, "Search", 16, V2_5, V16_1),
    (C::Settings, "Settings", 17, V12_0, V16_1),
    (C::Ping, "Ping", 18, V2_5, V16_1),
    (C::ItemOperations, "ItemOperations", 19, V12_0, V16_1),
    (C::Provision, "Provision", 20, V2_5, V16_1),
    (C::ResolveRecipients, "ResolveRecipients", 21, V2_5, V16_1),
    (C::ValidateCert, "ValidateCert", 22, V2_5, V16_1),
    (C::Find, "Find", 23, V16_1, V16_1),
];

impl Command {
    /// All commands, in the order in which servers list them.
    pub fn all() -> impl Iterator<Item = Self> {
        COMMANDS.iter().map(|row| row.0)
    }

    fn row(self) -> Option<&'static (Self, &'static str, u8, Version, Version)> {
        COMMANDS.iter().find(|row| row.0 == self)
    }

    /// "FolderSync": as in a plain query and in MS-ASProtocolCommands; also the name of the root element of its documents.
    pub fn name(self) -> &'static str {
        self.row().map_or("", |row| row.1)
    }

    /// The command of that name, in any letter case.
    pub fn parse(name: &str) -> Option<Self> {
        COMMANDS.iter().find(|row| row.1.eq_ignore_ascii_case(name)).map(|row| row.0)
    }

    /// The command of that code (MS-ASHTTP 2.2.1.1.1.2.2).
    pub fn from_code(code: u8) -> Option<Self> {
        COMMANDS.iter().find(|row| row.2 == code && code != NO_CODE).map(|row| row.0)
    }

    /// The versions of the protocol that have this command.
    pub fn versions(self) -> RangeInclusive<Version> {
        self.row().map_or(V2_5..=V2_5, |row| row.3..=row.4)
    }
}

impl std::fmt::Display for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What the query says, both forms alike.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// The command; `None` when its name or code is not known.
    pub command: Option<Command>,
    /// Command as sent, for the log.
    pub command_name: String,
    /// User of the query; for checking and logging only, who it is decides Authorization.
    pub user: String,
    /// Device id as sent (not yet checked); a raw GUID of a base64 query as 32 upper-case hexadecimal digits.
    pub device_id: String,
    /// Device type.
    pub device_type: String,
    /// Version of a base64 query; a plain query says it in a header.
    pub version: Option<Version>,
    /// Policy key of a base64 query: `None` = the field was empty or the query plain.
    pub policy_key: Option<u32>,
    /// Locale (LCID) of a base64 query, for example 0x0407.
    pub locale: Option<u16>,
    /// CollectionId, ItemId, LongId, Occurrence, AttachmentName as (name, value).
    pub parameters: Vec<(String, String)>,
    /// SaveInSent.
    pub save_in_sent: bool,
    /// AcceptMultiPart of a base64 query.
    pub accept_multipart: bool,
}

/// Why a query cannot be understood (HTTP 400).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadQuery(pub &'static str);

impl std::fmt::Display for BadQuery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "query: {}", self.0)
    }
}

impl std::error::Error for BadQuery {}

/// Longest query that is looked at, in bytes. LongId has at most 256 characters, attachment names are ours.
const LONGEST: usize = 8 * 1024;

/// Parameters whose values are kept.
const PARAMETERS: [&str; 5] = ["AttachmentName", "CollectionId", "ItemId", "LongId", "Occurrence"];

impl Query {
    /// Reads a query (without the question mark, not decoded), whichever form it has.
    ///
    /// # Errors
    /// The query is empty, too long, or a base64 query that is cut off or has fields of impossible lengths.
    pub fn parse(query: &[u8]) -> Result<Self, BadQuery> {
        if query.is_empty() {
            return Err(BadQuery("empty"));
        }
        if query.len() > LONGEST {
            return Err(BadQuery("too long"));
        }
        if is_plain(query) { Ok(plain::parse(query)) } else { base64::parse(query) }
    }

    /// The value of one of the parameters CollectionId, ItemId, LongId, Occurrence, AttachmentName.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Keeps the first value that a parameter has.
    fn keep(&mut self, name: &'static str, value: String) {
        if self.parameter(name).is_none() {
            self.parameters.push((name.to_owned(), value));
        }
    }
}

/// Plain queries are pairs; in a base64 query "=" occurs at the end only, as padding.
fn is_plain(query: &[u8]) -> bool {
    let unpadded = query.len() - query.iter().rev().take_while(|b| **b == b'=').count();
    let body = query.get(..unpadded).unwrap_or(query);
    let has_command = query
        .split(|b| *b == b'&')
        .any(|pair| pair.split_at_checked(4).is_some_and(|(name, _)| name.eq_ignore_ascii_case(b"cmd=")));
    has_command || (body.contains(&b'=') && body.contains(&b'&'))
}

/// UTF-8 where it is that, else Latin-1: old phones do not say which they mean.
pub(super) fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|b| char::from(*b)).collect(),
    }
}

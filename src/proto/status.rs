//! An answer that holds nothing but a Status.

use super::{Command, Version};
use crate::wbxml::{
    Tag, Writer,
    tag::{
        air_sync, compose_mail, find, folder_hierarchy as fh, get_item_estimate, item_operations, meeting_response,
        move_items, ping, provision, resolve_recipients, search, settings, validate_cert,
    },
};

/// Root element and Status element of a command's answer; `None` for commands that do not answer in WBXML.
const fn root(command: Command) -> Option<(Tag, Tag)> {
    Some(match command {
        Command::Sync => (air_sync::SYNC, air_sync::STATUS),
        Command::SendMail => (compose_mail::SEND_MAIL, compose_mail::STATUS),
        Command::SmartForward => (compose_mail::SMART_FORWARD, compose_mail::STATUS),
        Command::SmartReply => (compose_mail::SMART_REPLY, compose_mail::STATUS),
        Command::FolderSync => (fh::FOLDER_SYNC, fh::STATUS),
        Command::FolderCreate => (fh::FOLDER_CREATE, fh::STATUS),
        Command::FolderDelete => (fh::FOLDER_DELETE, fh::STATUS),
        Command::FolderUpdate => (fh::FOLDER_UPDATE, fh::STATUS),
        Command::MoveItems => (move_items::MOVE_ITEMS, move_items::STATUS),
        Command::GetItemEstimate => (get_item_estimate::GET_ITEM_ESTIMATE, get_item_estimate::STATUS),
        Command::MeetingResponse => (meeting_response::MEETING_RESPONSE, meeting_response::STATUS),
        Command::Search => (search::SEARCH, search::STATUS),
        Command::Settings => (settings::SETTINGS, settings::STATUS),
        Command::Ping => (ping::PING, ping::STATUS),
        Command::ItemOperations => (item_operations::ITEM_OPERATIONS, item_operations::STATUS),
        Command::Provision => (provision::PROVISION, provision::STATUS),
        Command::ResolveRecipients => (resolve_recipients::RESOLVE_RECIPIENTS, resolve_recipients::STATUS),
        Command::ValidateCert => (validate_cert::VALIDATE_CERT, validate_cert::STATUS),
        Command::Find => (find::FIND, find::STATUS),
        Command::GetAttachment
        | Command::GetHierarchy
        | Command::CreateCollection
        | Command::DeleteCollection
        | Command::MoveCollection => return None,
    })
}

/// The command's root element with `status` in it (MS-ASCMD 2.2.2). Empty, that is an answer without a body, where there is no
/// such document: for commands that do not answer in WBXML, and for the common statuses (101 and above) in versions that do
/// not know them (up to 12.1), where the HTTP status says it.
pub fn write_status(command: Command, status: u16, version: Version) -> Vec<u8> {
    let common = status > 100;
    match root(command) {
        Some((root, tag)) if !common || version.traits().status_in_body => {
            let mut w = Writer::new();
            w.open(root);
            w.int(tag, status.into());
            w.finish()
        }
        _ => Vec::new(),
    }
}

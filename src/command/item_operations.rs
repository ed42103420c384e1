//! ItemOperations: items and attachments, folders to be emptied, conversations to be moved (MS-ASCMD 2.2.1.10). What is large goes from the mail server
//! through a spool to the phone.

mod answer;
mod fetch;
#[cfg(test)]
mod tests;
mod text;

use bytes::Bytes;

use super::{Context, Reply, folder_sync, sources};
use crate::{
    error::Error,
    proto::{
        Version,
        class::Class,
        item_operations::{Fetched, Operation, Outcome, Request, Response},
    },
    source::{self, Mail, Role, mail::Query},
    state::{Locked, Store},
    sync::{Folder, Hierarchy},
};
use answer::Parts;
pub(super) use fetch::reference;

/// Status values (MS-ASCMD 2.2.3.177.8).
mod status {
    pub(super) const OK: u16 = 1;
    pub(super) const PROTOCOL: u16 = 2;
    pub(super) const SERVER: u16 = 3;
    pub(super) const NOT_FOUND: u16 = 6;
    pub(super) const RANGE: u16 = 8;
    pub(super) const STORE: u16 = 9;
    pub(super) const EMPTY: u16 = 10;
    pub(super) const TOO_LARGE: u16 = 11;
    pub(super) const WRONG_ID: u16 = 15;
    pub(super) const DENIED: u16 = 16;
    pub(super) const MOVE_ALWAYS: u16 = 155;
    pub(super) const NO_DESTINATION: u16 = 156;
    pub(super) const BODY_PART: u16 = 164;
}

/// Most mails of one conversation that are moved.
const MOST: usize = 1000;

/// The only store that there is.
const MAILBOX: &str = "Mailbox";

/// What all operations of a request share.
struct Desk<'a, M> {
    locked: &'a Locked,
    hierarchy: Option<Hierarchy>,
    mail: Option<&'a M>,
    store: &'a Store,
    version: Version,
}

/// Carries the command out.
///
/// # Errors
/// The request is malformed, or the mail server, Horde or the state cannot be had.
pub async fn run(ctx: &Context, body: Bytes) -> Result<Reply, Error> {
    let request = Request::read(&body)?;
    let locked = ctx.device.lock().await?;
    let mail = sources::mail_of(ctx).await?;
    let mail = mail.as_ref();
    let hierarchy = Hierarchy::load(&mut locked.journal(folder_sync::JOURNAL)?)?;
    let desk = Desk { locked: &locked, hierarchy, mail, store: &ctx.site.store, version: ctx.version };
    let mut parts = Parts::new(ctx.query.accept_multipart);
    let mut results = Vec::new();
    for operation in &request.operations {
        let other = match operation {
            Operation::Fetch(fetch) => desk.folder(&fetch.collection).filter(|folder| folder.class != Class::Email),
            _ => None,
        };
        results.push(match (operation, other) {
            (Operation::Fetch(fetch), Some(folder)) => {
                let source = sources::source_of(ctx, folder.class)?;
                Outcome::Fetch(Box::new(desk.item(&source, folder, fetch).await?))
            }
            _ => desk.carry_out(operation, &mut parts).await?,
        });
    }
    parts.reply(&Response { status: status::OK, results })
}

impl<M: Mail> Desk<'_, M> {
    fn folder(&self, id: &str) -> Option<&Folder> {
        self.hierarchy.as_ref().and_then(|hierarchy| hierarchy.folder(id))
    }

    async fn carry_out(&self, operation: &Operation, parts: &mut Parts) -> Result<Outcome, Error> {
        Ok(match operation {
            Operation::Fetch(fetch) => {
                let fetched = match self.mail {
                    Some(mail) => self.fetch(mail, fetch, parts).await?,
                    None => Fetched { status: status::NOT_FOUND, ..fetch::named(fetch) },
                };
                Outcome::Fetch(Box::new(fetched))
            }
            Operation::Empty { collection, folders } => {
                let status = self.empty(collection, *folders).await?;
                Outcome::Empty { collection: collection.clone(), status }
            }
            Operation::Move { conversation, to, always } => {
                let status = self.move_conversation(conversation, to, *always).await?;
                Outcome::Move { conversation: conversation.clone(), status }
            }
        })
    }

    async fn empty(&self, collection: &str, folders: bool) -> Result<u16, Error> {
        let (Some(folder), Some(mail)) = (self.folder(collection), self.mail) else { return Ok(status::NOT_FOUND) };
        if folder.class != Class::Email {
            return Ok(status::PROTOCOL);
        }
        match mail.empty(&folder.container, folders).await {
            Ok(()) => Ok(status::OK),
            Err(error) => told(error),
        }
    }

    /// Moves what has arrived of a conversation; what is yet to arrive, nothing can be done about.
    async fn move_conversation(&self, conversation: &[u8], to: &str, always: bool) -> Result<u16, Error> {
        if !always {
            return Ok(status::MOVE_ALWAYS);
        }
        let (Some(hierarchy), Some(mail)) = (&self.hierarchy, self.mail) else { return Ok(status::NOT_FOUND) };
        let open = |folder: &&Folder| {
            let closed = matches!(folder.role, Role::Outbox | Role::RecipientCache);
            folder.class == Class::Email && folder.writable && !closed
        };
        let Some(target) = hierarchy.folder(to).filter(open) else { return Ok(status::NO_DESTINATION) };
        let from: Vec<String> = hierarchy
            .all()
            .map(|(_, folder)| folder)
            .filter(|folder| open(folder) && matches!(folder.role, Role::Inbox | Role::Plain))
            .map(|folder| folder.container.clone())
            .collect();
        let hits = match mail.search(&from, &Query::Conversation(conversation.to_vec()), MOST).await {
            Ok(hits) => hits,
            Err(error) => return told(error),
        };
        if hits.is_empty() {
            return Ok(status::NOT_FOUND);
        }
        for container in from.iter().filter(|container| **container != target.container) {
            let uids: Vec<String> =
                hits.iter().filter(|hit| hit.container == *container).map(|hit| hit.uid.clone()).collect();
            if uids.is_empty() {
                continue;
            }
            match mail.move_items(container, &uids, &target.container).await {
                // What is gone meanwhile needs not be moved.
                Ok(moved) if moved.iter().all(|moved| matches!(moved, Ok(_) | Err(source::Error::NotFound))) => {}
                Ok(_) => return Ok(status::SERVER),
                Err(error) => return told(error),
            }
        }
        Ok(status::OK)
    }
}

/// The status for what the source says; trouble is told as such.
fn told(error: source::Error) -> Result<u16, Error> {
    Ok(match error {
        source::Error::NotFound | source::Error::ContainerGone => status::NOT_FOUND,
        source::Error::Denied => status::DENIED,
        source::Error::Refused(reason) => {
            log::warn!("ItemOperations: {reason}");
            status::SERVER
        }
        error => return Err(error.into()),
    })
}

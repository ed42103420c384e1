//! FolderCreate, FolderUpdate, FolderDelete: folders of mails (MS-ASCMD 2.2.1.2 to 2.2.1.4). Horde makes no address books and calendars for others.

#[cfg(test)]
mod tests;

use bytes::Bytes;

use super::{Context, Reply, folder_sync, sources::mail_of};
use crate::{
    error::Error,
    proto::{
        Command,
        class::Class,
        folder_change::{Request, Response},
    },
    source::{self, Container, Mail, Role},
    state::Locked,
    sync::{Folder, Hierarchy, Turn},
};

/// Status values (MS-ASCMD 2.2.3.177.2 to 2.2.3.177.6).
mod status {
    pub(super) const OK: u16 = 1;
    /// There is one of that name; or, for FolderUpdate, the folder is a special one.
    pub(super) const EXISTS: u16 = 2;
    pub(super) const SPECIAL: u16 = 3;
    pub(super) const NO_FOLDER: u16 = 4;
    pub(super) const NO_PARENT: u16 = 5;
    pub(super) const SERVER: u16 = 6;
    pub(super) const KEY: u16 = 9;
    pub(super) const MALFORMED: u16 = 10;
}

/// ParentId of what lies at the top.
const TOP: &str = "0";

/// Types of folders of mails that a phone may ask for (MS-ASCMD 2.2.3.186.2).
const MAIL: [u32; 2] = [1, 12];

/// Types of folders of other classes that it may ask for.
const OTHERS: std::ops::RangeInclusive<u32> = 13..=17;

/// Carries one of the three commands out.
///
/// # Errors
/// The mail server or the state cannot be had; the same request again repeats nothing that was done.
pub async fn run(ctx: &Context, command: Command, body: Bytes) -> Result<Reply, Error> {
    let locked = ctx.device.lock().await?;
    let mail = mail_of(ctx).await?;
    let reply = carry_out(&locked, mail.as_ref(), command, &body).await?;
    ctx.site.watch.folders_changed(ctx.session.user());
    Ok(Reply::document(reply))
}

async fn carry_out<M: Mail>(
    locked: &Locked,
    mail: Option<&M>,
    command: Command,
    body: &[u8],
) -> Result<Vec<u8>, Error> {
    let response = match Request::read(body, command) {
        Ok(request) => answer(locked, mail, command, &request).await?,
        Err(malformed) => {
            log::debug!("{command}: {malformed}");
            refused(status::MALFORMED)
        }
    };
    Ok(response.write(command))
}

fn refused(status: u16) -> Response {
    Response { status, key: None, folder: None }
}

async fn answer<M: Mail>(
    locked: &Locked,
    mail: Option<&M>,
    command: Command,
    request: &Request,
) -> Result<Response, Error> {
    let mut journal = locked.journal(folder_sync::JOURNAL)?;
    let Some(mut hierarchy) = Hierarchy::load(&mut journal)? else { return Ok(refused(status::KEY)) };
    match hierarchy.turn(&request.key) {
        None => return Ok(refused(status::KEY)),
        Some(Turn::Newest) => {}
        Some(Turn::Repeat) => {
            if let Some(folder) = done(&hierarchy, command, request) {
                return Ok(Response { status: status::OK, key: Some(hierarchy.newest_key()), folder });
            }
            hierarchy.roll_back();
        }
    }
    let Some(mail) = mail else { return Ok(refused(status::SERVER)) };
    let folder = match change(mail, &mut hierarchy, command, request).await {
        Ok(folder) => folder,
        Err(Refusal::Status(status)) => return Ok(refused(status)),
        Err(Refusal::Source(error)) => return told(error, command).map(refused),
    };
    hierarchy.write(&mut journal).await?;
    Ok(Response { status: status::OK, key: Some(hierarchy.newest_key()), folder })
}

/// Whether the newest answer, which was lost, was the one to this request; with the id of the folder if it was made.
fn done(hierarchy: &Hierarchy, command: Command, request: &Request) -> Option<Option<String>> {
    match command {
        Command::FolderCreate => hierarchy.created(&request.parent, &request.name).map(|id| Some(id.to_owned())),
        Command::FolderUpdate => {
            let fits = |folder: &&Folder| folder.name == request.name && hierarchy.parent_of(folder) == request.parent;
            hierarchy.now(&request.folder).filter(fits).map(|_| None)
        }
        _ => hierarchy.deleted(&request.folder).then_some(None),
    }
}

enum Refusal {
    Status(u16),
    Source(source::Error),
}

impl From<source::Error> for Refusal {
    fn from(error: source::Error) -> Self {
        Self::Source(error)
    }
}

/// Changes the mailbox and what the device knows of it; gives the id of a folder that was made.
async fn change<M: Mail>(
    mail: &M,
    hierarchy: &mut Hierarchy,
    command: Command,
    request: &Request,
) -> Result<Option<String>, Refusal> {
    if command == Command::FolderCreate {
        if OTHERS.contains(&request.kind) {
            return Err(Refusal::Status(status::SPECIAL));
        }
        if !MAIL.contains(&request.kind) {
            return Err(Refusal::Status(status::MALFORMED));
        }
        let parent = parent(hierarchy, request)?;
        let id = match mail.create_folder(parent.as_deref(), &request.name).await {
            // Made by this request before the program was stopped, or by somebody else: the phone does not know it yet.
            Err(source::Error::Exists) => match find(mail, &parent, &request.name).await? {
                Some(id) if !hierarchy.has(Class::Email, &id) => id,
                _ => return Err(Refusal::Status(status::EXISTS)),
            },
            made => made?,
        };
        return Ok(Some(hierarchy.put(Class::Email, container(&request.name, parent, id))));
    }
    let special = if command == Command::FolderUpdate { status::EXISTS } else { status::SPECIAL };
    let folder = match hierarchy.now(&request.folder) {
        None => return Err(Refusal::Status(status::NO_FOLDER)),
        Some(folder) if folder.role == Role::RecipientCache => return Err(Refusal::Status(status::SPECIAL)),
        Some(folder) if folder.class != Class::Email || folder.role != Role::Plain || !folder.writable => {
            return Err(Refusal::Status(special));
        }
        Some(folder) => folder.container.clone(),
    };
    if command == Command::FolderDelete {
        match mail.delete_folder(&folder).await {
            // Somebody else was faster.
            Ok(()) | Err(source::Error::ContainerGone) => {}
            Err(error) => return Err(error.into()),
        }
        hierarchy.remove(&request.folder);
        return Ok(None);
    }
    if hierarchy.lies_in(&request.parent, &request.folder) {
        return Err(Refusal::Status(status::NO_PARENT));
    }
    let parent = parent(hierarchy, request)?;
    match mail.rename_folder(&folder, parent.as_deref(), &request.name).await {
        Err(source::Error::Exists) if find(mail, &parent, &request.name).await?.as_ref() == Some(&folder) => {}
        renamed => renamed?,
    }
    hierarchy.put(Class::Email, container(&request.name, parent, folder));
    Ok(None)
}

/// The folder of that name in that place.
async fn find<M: Mail>(mail: &M, parent: &Option<String>, name: &str) -> Result<Option<String>, Refusal> {
    let mut all = mail.containers().await?.into_iter();
    Ok(all.find(|container| container.name == name && container.parent == *parent).map(|container| container.id))
}

/// Container of the folder in which another is to lie; `None` = at the top.
fn parent(hierarchy: &Hierarchy, request: &Request) -> Result<Option<String>, Refusal> {
    if request.parent == TOP {
        return Ok(None);
    }
    match hierarchy.now(&request.parent) {
        Some(parent) if parent.role == Role::RecipientCache => Err(Refusal::Status(status::SPECIAL)),
        Some(parent) if parent.class == Class::Email => Ok(Some(parent.container.clone())),
        _ => Err(Refusal::Status(status::NO_PARENT)),
    }
}

fn container(name: &str, parent: Option<String>, id: String) -> Container {
    Container { id, name: name.to_owned(), parent, writable: true, ..Container::default() }
}

/// The status for what the mail server says; trouble is told as such.
fn told(error: source::Error, command: Command) -> Result<u16, Error> {
    Ok(match error {
        source::Error::Exists => status::EXISTS,
        source::Error::ContainerGone | source::Error::NotFound if command == Command::FolderCreate => status::NO_PARENT,
        source::Error::ContainerGone | source::Error::NotFound => status::NO_FOLDER,
        source::Error::Denied if command == Command::FolderUpdate => status::EXISTS,
        source::Error::Denied => status::SPECIAL,
        source::Error::Refused(reason) => {
            log::warn!("{command}: the mail server refuses: {reason}");
            status::SERVER
        }
        error => return Err(error.into()),
    })
}

//! FolderSync: which folders there are (MS-ASCMD 2.2.1.5).

use super::{Context, Reply, contacts};
use crate::{
    error::Error,
    proto::{
        class::{Class, Scope},
        folder_sync::*,
    },
    source::{self, Container, Source},
    state::Locked,
    sync::Hierarchy,
};

/// Journal of the hierarchy.
pub(super) const JOURNAL: &str = "folders";

/// The key is not the one of the last answer, nor of the one before.
const INVALID_KEY: u16 = 9;

/// Carries the command out.
///
/// # Errors
/// The request is malformed, or Horde or the state cannot be had.
pub async fn run(ctx: &Context, body: &[u8]) -> Result<Reply, Error> {
    let request = Request::read(body)?;
    let locked = ctx.device.lock().await?;
    let mut journal = locked.journal(JOURNAL)?;
    let loaded = Hierarchy::load(&mut journal)?;
    let mut present = present(ctx).await?;
    if let Some(hierarchy) = &loaded {
        keep_unproven(ctx, hierarchy, &mut present).await?;
    }
    let Some((hierarchy, answer, write)) = Hierarchy::answer(loaded, &request.key, &present) else {
        let response = Response { status: INVALID_KEY, key: None, changes: None };
        return Ok(Reply::document(response.write()));
    };
    if write {
        hierarchy.write(&mut journal).await?;
        prune(&locked, &hierarchy).await?;
    }
    let response = Response { status: 1, key: Some(answer.key), changes: Some(answer.changes) };
    Ok(Reply::document(response.write()))
}

/// All containers of all classes that the user may see.
pub(super) async fn present(ctx: &Context) -> Result<Vec<(Class, Container)>, Error> {
    let contacts = contacts(ctx)?.containers().await?;
    Ok(contacts.into_iter().map(|container| (Class::Contacts, container)).collect())
}

/// A folder that the listing lacks is deleted only when a direct question confirms that it is gone.
async fn keep_unproven(
    ctx: &Context,
    hierarchy: &Hierarchy,
    present: &mut Vec<(Class, Container)>,
) -> Result<(), Error> {
    let mut kept = Vec::new();
    for folder in hierarchy.missing(present) {
        match contacts(ctx)?.list(&folder.container, Scope::All).await {
            Err(source::Error::ContainerGone | source::Error::Denied) => {}
            Ok(_) => {
                log::warn!("{} is not listed by Horde, but answers: its folder is kept", folder.container);
                let (id, name) = (folder.container.clone(), folder.name.clone());
                let container = Container { id, name, default: folder.default, writable: folder.writable };
                kept.push((folder.class, container));
            }
            Err(error) => return Err(error.into()),
        }
    }
    present.extend(kept);
    Ok(())
}

/// Removes the sync states of folders that neither generation of the hierarchy names.
async fn prune(locked: &Locked, hierarchy: &Hierarchy) -> Result<(), Error> {
    let ids = hierarchy.ids();
    let collection = |name: &str| name.starts_with(|c: char| c.is_ascii_uppercase());
    for name in locked.journals()? {
        if collection(&name) && !ids.contains(name.as_str()) {
            locked.journal(&name)?.remove().await?;
        }
    }
    Ok(())
}

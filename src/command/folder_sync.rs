//! FolderSync: which folders there are (MS-ASCMD 2.2.1.5).

use bytes::Bytes;

use super::{
    Context, Reply,
    sources::{classes, merges, present, source_of},
};
use crate::{
    error::Error,
    proto::{
        class::{Class, Scope},
        folder_sync::{Request, Response},
    },
    source::{self, Container, Role, Source, merged},
    state::Locked,
    sync::{Folder, Hierarchy},
};

/// Journal of the hierarchy.
pub(super) const JOURNAL: &str = "folders";

/// The key is not the one of the last answer, nor of the one before.
const INVALID_KEY: u16 = 9;

/// Carries the command out.
///
/// # Errors
/// The request is malformed, or Horde or the state cannot be had.
pub async fn run(ctx: &Context, body: Bytes) -> Result<Reply, Error> {
    let request = Request::read(&body)?;
    let locked = ctx.device.lock().await?;
    let mut journal = locked.journal(JOURNAL)?;
    let loaded = Hierarchy::load(&mut journal)?;
    let classes = classes(ctx).await?;
    let mut present = present(ctx, &classes).await?;
    if let Some(hierarchy) = &loaded {
        keep_unproven(ctx, hierarchy, &classes, &mut present).await?;
    }
    let Some((hierarchy, answer, write)) = Hierarchy::answer(loaded, &request.key, &present) else {
        let response = Response { status: INVALID_KEY, key: None, changes: None };
        return Ok(Reply::document(response.write()));
    };
    if write {
        hierarchy.write(&mut journal).await?;
        prune(&locked, &hierarchy).await?;
        // What this device did not know the user's others may not know either.
        ctx.site.watch.folders_changed(ctx.session.user());
    }
    let response = Response { status: 1, key: Some(answer.key), changes: Some(answer.changes) };
    Ok(Reply::document(response.write()))
}

/// A folder that the listing lacks is deleted only when a direct question confirms that it is gone, unless the site has no application for it, or
/// the device is to have one folder for all containers, or has had one.
async fn keep_unproven(
    ctx: &Context,
    hierarchy: &Hierarchy,
    classes: &[Class],
    present: &mut Vec<(Class, Container)>,
) -> Result<(), Error> {
    let mut kept = Vec::new();
    let wanted = |f: &&Folder| classes.contains(&f.class) && merges(ctx, f.class) == (f.container == merged::ALL);
    // Nobody needs to be asked for that one.
    let asked = |f: &&Folder| f.role != Role::RecipientCache;
    for folder in hierarchy.missing(present).filter(wanted).filter(asked) {
        match source_of(ctx, folder.class)?.list(&folder.container, Scope::All).await {
            Err(source::Error::ContainerGone | source::Error::Denied) => {}
            Ok(_) => {
                log::warn!("{} is not listed by Horde, but answers: its folder is kept", folder.container);
                let (id, name) = (folder.container.clone(), folder.name.clone());
                let (default, writable) = (folder.default, folder.writable);
                let (parent, role) = (folder.parent.clone(), folder.role);
                let container = Container { id, name, parent, role, default, writable };
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

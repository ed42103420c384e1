//! Sync: changes in both directions, with or without waiting for them (MS-ASCMD 2.2.1.21).

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    Context, Reply, folder_sync,
    remembered::{recall, remember},
    sources::{self, source_of},
    unix_time,
    wait::{self, Ended},
};
use crate::{
    error::Error,
    proto::{
        class::Class,
        sync::{Collection, CollectionResponse, Request, Response, Wait},
    },
    source,
    state::Locked,
    sync::{self, Folder, Hierarchy, Outcome, Place, Task},
};

const JOURNAL: &str = "sync";

/// Most collections of one request.
const MAX_COLLECTIONS: usize = 300;

/// Status values (MS-ASCMD 2.2.3.177.17).
mod status {
    pub(super) const PROTOCOL: u16 = 4;
    pub(super) const UNKNOWN: u16 = 8;
    pub(super) const FOLDERS: u16 = 12;
    pub(super) const INCOMPLETE: u16 = 13;
    pub(super) const WAIT: u16 = 14;
    pub(super) const TOO_MANY: u16 = 15;
}

/// What an empty or partial request refers to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Remembered {
    collections: Vec<Known>,
    wait: Option<Wait>,
    window: Option<u32>,
}

/// A collection of the last request, without its changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Known {
    id: String,
    key: String,
    window: Option<u32>,
    get_changes: Option<bool>,
}

/// Carries the command out.
///
/// # Errors
/// The request is malformed, or Horde or the state cannot be had.
pub async fn run(ctx: &Context, body: Bytes) -> Result<Reply, Error> {
    let request = match &*body {
        [] if !ctx.version.traits().empty_sync => return Err(Error::Status(101)),
        [] => Request { partial: true, ..Request::default() },
        body => Request::read(body, ctx.version)?,
    };
    drop(body);
    // In a box that is gone while the request waits: a round is large.
    let (request, outcomes) = match Box::pin(first_round(ctx, request)).await? {
        Ok(begun) => begun,
        Err(response) => return Ok(Reply::document(response.write(ctx.version))),
    };
    let response = match outcomes {
        collections if collections.iter().any(|c| c.speaks) => collections,
        collections => match wait_time(ctx, &request) {
            None => collections,
            Some(time) => {
                let ids: Vec<String> = request.collections.iter().map(|c| c.id.clone()).collect();
                match wait::changes(ctx, &ids, time).await? {
                    Ended::Changes(_) => {
                        ctx.place.resume().await?;
                        Box::pin(another_round(ctx, &request)).await?
                    }
                    Ended::Folders => return Ok(failed(ctx, status::FOLDERS)),
                    Ended::Over | Ended::Gate => collections,
                }
            }
        },
    };
    Ok(reply(ctx, response))
}

fn failed(ctx: &Context, status: u16) -> Reply {
    Reply::document(Response { status: Some(status), ..Response::default() }.write(ctx.version))
}

/// Collections that have nothing to say are left out where the version allows; an answer without any is empty.
fn reply(ctx: &Context, mut outcomes: Vec<Outcome>) -> Reply {
    if ctx.version.traits().empty_sync {
        outcomes.retain(|outcome| outcome.speaks);
        if outcomes.is_empty() {
            return Reply::default();
        }
    }
    let collections: Vec<CollectionResponse> = outcomes.into_iter().map(|outcome| outcome.response).collect();
    Reply::document(Response { status: None, limit: None, collections }.write(ctx.version))
}

/// Adds to a partial request what was said before. `Err`: the answer to a request that cannot be served.
fn complete(ctx: &Context, locked: &Locked, mut request: Request) -> Result<Result<Request, Response>, Error> {
    let refused = |status, limit| Ok(Err(Response { status: Some(status), limit, ..Response::default() }));
    if request.partial {
        let Some(known) = recall::<Remembered>(locked, JOURNAL)?.filter(|known| !known.collections.is_empty()) else {
            return refused(status::INCOMPLETE, None);
        };
        add_known(&mut request, known);
    }
    name_default(ctx, locked, &mut request)?;
    let ids: BTreeSet<&str> = request.collections.iter().map(|c| c.id.as_str()).collect();
    if request.collections.is_empty() || ids.len() < request.collections.len() {
        return refused(status::PROTOCOL, None);
    }
    if request.collections.len() > MAX_COLLECTIONS {
        return refused(status::TOO_MANY, u32::try_from(MAX_COLLECTIONS).ok());
    }
    let limits = &ctx.site.config.ping;
    match request.wait {
        Some(Wait::Both) => return refused(status::PROTOCOL, None),
        Some(Wait::Minutes(minutes)) => {
            let (min, max) = (limits.min.div_ceil(60).max(1), (limits.max / 60).clamp(1, 59));
            if minutes < min || minutes > max {
                return refused(status::WAIT, Some(minutes.clamp(min, max)));
            }
        }
        Some(Wait::Seconds(seconds)) if seconds < limits.min || seconds > limits.max => {
            return refused(status::WAIT, Some(seconds.clamp(limits.min, limits.max)));
        }
        _ => {}
    }
    Ok(Ok(request))
}

fn add_known(request: &mut Request, known: Remembered) {
    for old in known.collections {
        if !request.collections.iter().any(|c| c.id == old.id) {
            request.collections.push(Collection {
                id: old.id,
                key: old.key,
                window: old.window,
                get_changes: old.get_changes,
                ..Collection::default()
            });
        }
    }
    request.wait = request.wait.or(known.wait);
    request.window = request.window.or(known.window);
}

fn remembered(request: &Request) -> Remembered {
    let known =
        |c: &Collection| Known { id: c.id.clone(), key: c.key.clone(), window: c.window, get_changes: c.get_changes };
    Remembered {
        collections: request.collections.iter().map(known).collect(),
        wait: request.wait,
        window: request.window,
    }
}

/// 2.5 may name the class alone: its default folder is meant.
fn name_default(ctx: &Context, locked: &Locked, request: &mut Request) -> Result<(), Error> {
    if !ctx.version.traits().class_in_collection || request.collections.iter().all(|c| !c.id.is_empty()) {
        return Ok(());
    }
    let hierarchy = Hierarchy::load(&mut locked.journal(folder_sync::JOURNAL)?)?;
    for collection in request.collections.iter_mut().filter(|c| c.id.is_empty()) {
        let default = hierarchy.as_ref().zip(collection.class).and_then(|(h, class)| h.default_of(class));
        if let Some((id, _)) = default {
            collection.id = id.to_owned();
        }
    }
    Ok(())
}

/// How long this request may wait; `None` when it must be answered at once.
fn wait_time(ctx: &Context, request: &Request) -> Option<Duration> {
    let seconds = match request.wait? {
        Wait::Minutes(minutes) => minutes.saturating_mul(60),
        Wait::Seconds(seconds) => seconds,
        Wait::Both => return None,
    };
    let idle = request.collections.iter().all(|c| c.commands.is_empty() && c.get_changes != Some(false));
    (ctx.may_wait && idle).then(|| Duration::from_secs(seconds.into()))
}

/// Completes the request and synchronises all its collections. What the request says is put on disk meanwhile, for later ones that do not say it.
async fn first_round(ctx: &Context, request: Request) -> Result<Result<(Request, Vec<Outcome>), Response>, Error> {
    let locked = ctx.device.lock().await?;
    let request = match complete(ctx, &locked, request)? {
        Ok(request) => request,
        Err(response) => return Ok(Err(response)),
    };
    let remembering = async {
        match ctx.version.traits().empty_sync {
            true => remember(&locked, JOURNAL, &remembered(&request)).await,
            false => Ok(()),
        }
    };
    // Neither is broken off when the other fails: what is being written is written under the lock.
    let (kept, outcomes) = tokio::join!(remembering, round(ctx, &locked, &request));
    kept?;
    Ok(Ok((request, outcomes?)))
}

async fn another_round(ctx: &Context, request: &Request) -> Result<Vec<Outcome>, Error> {
    let locked = ctx.device.lock().await?;
    round(ctx, &locked, request).await
}

/// Synchronises all collections once.
async fn round(ctx: &Context, locked: &Locked, request: &Request) -> Result<Vec<Outcome>, Error> {
    let hierarchy = Hierarchy::load(&mut locked.journal(folder_sync::JOURNAL)?)?;
    let folders: Vec<Option<&Folder>> =
        request.collections.iter().map(|c| hierarchy.as_ref().and_then(|h| h.folder(&c.id))).collect();
    let cursors = cursors(ctx, request, &folders).await?;
    let limits = &ctx.site.config.sync;
    let whole = |window: u32| if window == 0 { limits.max_window } else { window.min(limits.max_window) };
    let mut left = request.window.map_or(limits.max_window, whole) as usize;
    let mut outcomes = Vec::new();
    for ((collection, folder), cursor) in request.collections.iter().zip(folders).zip(cursors) {
        let window = collection.window.map_or(limits.window, whole) as usize;
        let outcome = one(ctx, locked, collection, folder, window.min(left), cursor).await?;
        left = left.saturating_sub(outcome.response.commands.len());
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

/// Where the histories of several collections stand, in one question.
async fn cursors(ctx: &Context, request: &Request, folders: &[Option<&Folder>]) -> Result<Vec<Option<u64>>, Error> {
    let idle = |c: &Collection| c.key != "0" && c.commands.is_empty() && c.get_changes.unwrap_or(true);
    let wanted: Vec<Option<(Class, String)>> = request
        .collections
        .iter()
        .zip(folders)
        .map(|(c, folder)| folder.filter(|_| idle(c)).map(|f| (f.class, f.container.clone())))
        .collect();
    let containers: Vec<(Class, String)> = wanted.iter().flatten().cloned().collect();
    if containers.len() < 2 {
        return Ok(vec![None; folders.len()]);
    }
    let mut cursors = sources::cursors(ctx, &containers).await?.into_iter();
    Ok(wanted.into_iter().map(|container| container.and_then(|_| cursors.next())).collect())
}

async fn one(
    ctx: &Context,
    locked: &Locked,
    collection: &Collection,
    folder: Option<&Folder>,
    window: usize,
    cursor: Option<u64>,
) -> Result<Outcome, Error> {
    let Some(folder) = folder else {
        let place = Place { id: &collection.id, container: "", writable: false };
        let class = collection.class.unwrap_or(Class::Email);
        return Ok(sync::refused(class, place, "0".into(), status::UNKNOWN, ctx.version));
    };
    let place = Place { id: &collection.id, container: &folder.container, writable: folder.writable };
    let mut journal = locked.journal(&collection.id)?;
    let (version, now) = (ctx.version, unix_time());
    let task = Task { place, request: collection, version, now, window, cursor };
    let outcome = match source_of(ctx, folder.class) {
        Ok(source) => sync::run(&source, &mut journal, task).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(outcome) => {
            if let Some(items) = &outcome.aside {
                let name = format!("{} {}", folder.class.name(), folder.name);
                if let Err(error) = locked.update(|info| info.note_aside(&name, items)).await {
                    log::warn!("what could not be delivered is not noted: {error}");
                }
            }
            Ok(outcome)
        }
        Err(sync::Error::Source(source::Error::ContainerGone)) => {
            log::info!("{} is gone: the phone is sent to look at the folders", folder.container);
            Ok(sync::refused(folder.class, place, collection.key.clone(), status::FOLDERS, ctx.version))
        }
        Err(error) => Err(error.into()),
    }
}

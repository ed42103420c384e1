//! GetItemEstimate: how many changes wait (MS-ASCMD 2.2.1.9).

use bytes::Bytes;

use super::{Context, Reply, folder_sync, sources::source_of, unix_time};
use crate::{
    error::Error,
    proto::get_item_estimate::*,
    source,
    state::Locked,
    sync::{self, Hierarchy, Place},
};

/// Status of a collection (MS-ASCMD 2.2.3.177.6).
const UNKNOWN_COLLECTION: u16 = 2;

/// Largest estimate that is worth telling.
const LARGEST: usize = 512;

/// Carries the command out. No key moves.
///
/// # Errors
/// The request is malformed, or Horde or the state cannot be had.
pub async fn run(ctx: &Context, body: Bytes) -> Result<Reply, Error> {
    let request = Request::read(&body)?;
    let locked = ctx.device.lock().await?;
    let hierarchy = Hierarchy::load(&mut locked.journal(folder_sync::JOURNAL)?)?;
    let mut collections = Vec::new();
    for collection in request.collections {
        let (status, estimate) = estimate(ctx, &locked, hierarchy.as_ref(), &collection).await?;
        collections.push(Estimate { status, class: collection.class, id: collection.id, estimate });
    }
    let response = Response { status: None, collections };
    Ok(Reply::document(response.write(ctx.version)))
}

async fn estimate(
    ctx: &Context,
    locked: &Locked,
    hierarchy: Option<&Hierarchy>,
    collection: &Collection,
) -> Result<(u16, Option<u32>), Error> {
    let Some(folder) = hierarchy.and_then(|h| h.folder(&collection.id)) else {
        return Ok((UNKNOWN_COLLECTION, None));
    };
    let place = Place { id: &collection.id, container: &folder.container, writable: folder.writable };
    let mut journal = locked.journal(&collection.id)?;
    let (key, filter, now) = (&collection.key, collection.filter, unix_time());
    let answer = match source_of(ctx, folder.class) {
        Ok(source) => sync::estimate(&source, &mut journal, place, key, filter, ctx.version, now).await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(Ok(count)) => Ok((1, Some(u32::try_from(count.min(LARGEST)).unwrap_or(u32::MAX)))),
        Ok(Err(status)) => Ok((status, None)),
        Err(sync::Error::Source(source::Error::ContainerGone)) => Ok((UNKNOWN_COLLECTION, None)),
        Err(error) => Err(error.into()),
    }
}

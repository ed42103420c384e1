//! Items that a phone has moved from one collection to another (MoveItems): what it has of both is changed without an answer to a Sync.

use super::{
    Error, Log, Place,
    history::{Position, encode},
    item_id, load,
    state::{Item, Record},
    work::Work,
};
use crate::{
    proto::Version,
    source::{Fetched, Source, Want},
};

/// Takes uids out of what the device has of a collection: it has moved them elsewhere and is told of no deletion.
///
/// # Errors
/// The state cannot be had.
pub async fn forget(log: &mut impl Log, uids: &[String]) -> Result<(), Error> {
    let Some(history) = load(log)? else { return Ok(()) };
    let state = history.state(Position::Newest);
    let ids = state.items.ids_of(uids);
    if ids.is_empty() {
        return Ok(());
    }
    Ok(log.append(&encode(&Record::Moved { from_here: ids, to_here: Vec::new() })?).await?)
}

/// Puts uids into what the device has of a collection: it has moved them there, shows them already and is told of no addition. A collection
/// that it has not got yet stays as it is.
///
/// # Errors
/// The source or the state cannot be had.
pub async fn receive<S: Source>(
    source: &S,
    log: &mut impl Log,
    place: Place<'_>,
    uids: &[String],
    version: Version,
    now: u64,
) -> Result<(), Error> {
    let Some(history) = load(log)? else { return Ok(()) };
    let state = history.state(Position::Newest);
    if state.cursor.is_none() {
        return Ok(());
    }
    let work = Work::new(source, place, state, version, now);
    let fetched = source.fetch_for(place.container, uids, &[], Want::Volatile).await?;
    let items = uids.iter().zip(fetched).filter_map(|(uid, fetched)| match fetched {
        Fetched::Item(item) => {
            let ends = work.scope.end_of(&item);
            let item = Item { ends, ..Item::sent(uid.clone(), work.fingerprint(&item)) };
            Some((item_id(source.class(), uid), item))
        }
        _ => None,
    });
    let to_here: Vec<(String, Item)> = items.collect();
    if to_here.is_empty() {
        return Ok(());
    }
    Ok(log.append(&encode(&Record::Moved { from_here: Vec::new(), to_here })?).await?)
}

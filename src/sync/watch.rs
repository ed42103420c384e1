//! What waits for the phone, without delivering it.

use super::{Error, LARGEST_WINDOW, Log, Place, history::Position, load, open, work::Work};
use crate::{
    proto::{
        Version,
        class::{Class, Scope},
        sync::Options,
    },
    source::Source,
};

/// Up to so many items are looked at for an estimate when some of them may not be wanted.
const LOOKED_AT: usize = 32;

/// Number of changes that wait for the phone, for the FilterType `filter` if it names one, else for that of its last Sync. `Err(status)`: the
/// key is not primed (3) or not valid (4), as GetItemEstimate has it.
///
/// # Errors
/// The source or the state cannot be had.
pub async fn estimate<S: Source>(
    source: &S,
    log: &mut impl Log,
    place: Place<'_>,
    key: &str,
    filter: Option<u32>,
    version: Version,
    now: u64,
) -> Result<Result<usize, u16>, Error> {
    if key == "0" {
        return Ok(Err(3));
    }
    let Some((history, position)) = open(log, key)? else {
        return Ok(Err(4));
    };
    let mut state = history.state(position);
    if filter.is_some() {
        match state.options.iter_mut().find(|options| options.class.as_deref() != Some("SMS")) {
            Some(options) => options.filter = filter,
            None => state.options.push(Options { filter, ..Options::default() }),
        }
    }
    let mut work = Work::new(source, place, state, version, now);
    work.light = true;
    work.collect(None).await?;
    if work.scope != Scope::All && work.state.dirty.len() <= LOOKED_AT {
        return Ok(Ok(work.fill(LARGEST_WINDOW).await?.0.len()));
    }
    Ok(Ok(work.state.dirty.len() + work.state.gone.len()))
}

/// What a waiting request has to know of a collection before it asks anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It was never synchronised and has nothing to tell: phones that ping before the first Sync would loop otherwise.
    Never,
    /// A Sync would deliver something now.
    Changed,
    /// The phone has all that happened up to this cursor.
    At(u64),
}

/// Finds out what the state on disk says of a collection.
///
/// # Errors
/// The state cannot be had.
pub fn standing<S: Source>(
    source: &S,
    log: &mut impl Log,
    place: Place<'_>,
    version: Version,
    now: u64,
) -> Result<Standing, Error> {
    let Some(history) = load(log)? else {
        return Ok(Standing::Never);
    };
    let state = history.state(Position::Newest);
    let Some(cursor) = state.cursor.filter(|_| state.gone.is_empty() && state.dirty.is_empty()) else {
        return Ok(Standing::Changed);
    };
    let work = Work::new(source, place, state, version, now);
    Ok(if work.is_refiltered() { Standing::Changed } else { Standing::At(cursor) })
}

/// Whether a Sync would deliver any of what happened in a collection after what the phone has, up to `to`.
///
/// # Errors
/// The source or the state cannot be had.
pub async fn has_changes<S: Source>(
    source: &S,
    log: &mut impl Log,
    place: Place<'_>,
    version: Version,
    now: u64,
    to: u64,
) -> Result<bool, Error> {
    let cursor = match standing(source, log, place, version, now)? {
        Standing::Never => return Ok(false),
        Standing::Changed => return Ok(true),
        Standing::At(cursor) => cursor,
    };
    // What a mail server says is exact, so that less than before is a change, too. Of Horde the device may know more by now.
    if cursor == to || cursor > to && source.class() != Class::Email {
        return Ok(false);
    }
    let Some(history) = load(log)? else {
        return Ok(false);
    };
    let mut state = history.state(Position::Newest);
    // Listings are compared by Syncs; a watcher only follows the history.
    state.listed = now;
    let mut work = Work::new(source, place, state, version, now);
    work.light = true;
    work.collect(Some(to)).await?;
    Ok(!work.fill(1).await?.0.is_empty())
}

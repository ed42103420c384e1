//! What waits for the phone, without delivering it.

use super::{Error, LARGEST_WINDOW, Log, Place, history::Position, load, open, work::Work};
use crate::{
    proto::{Version, class::Scope, sync::Options},
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

/// Watches one collection for a waiting request: remembers how far the history was looked through without finding anything.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    cursor: Option<u64>,
}

impl Watch {
    /// Whether a Sync would now deliver something. A collection that was never synchronised has nothing to tell (phones that ping before the
    /// first Sync would loop otherwise). `cursor` is where the container's history stands, if the caller knows.
    ///
    /// # Errors
    /// The source or the state cannot be had.
    pub async fn has_changes<S: Source>(
        &mut self,
        source: &S,
        log: &mut impl Log,
        place: Place<'_>,
        version: Version,
        now: u64,
        cursor: Option<u64>,
    ) -> Result<bool, Error> {
        let Some(history) = load(log)? else {
            return Ok(false);
        };
        let mut state = history.state(Position::Newest);
        if state.cursor.is_none() || !state.gone.is_empty() || !state.dirty.is_empty() {
            return Ok(true);
        }
        state.cursor = state.cursor.max(self.cursor);
        // Listings are compared by Syncs; a watcher only follows the history.
        state.listed = now;
        let mut work = Work::new(source, place, state, version, now);
        if work.is_refiltered() {
            return Ok(true);
        }
        if cursor.is_some() && cursor == work.state.cursor {
            return Ok(false);
        }
        work.light = true;
        work.collect(cursor).await?;
        let (commands, _) = work.fill(1).await?;
        if commands.is_empty() {
            self.cursor = work.state.cursor;
        }
        Ok(!commands.is_empty())
    }
}

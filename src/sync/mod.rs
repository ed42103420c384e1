//! The sync engine: sync keys, windows, replay, changes, conflicts, ghosting, echo suppression, items put aside. It knows no sockets and
//! no Horde: time, source and journal come in, answers and records go out.
//!
//! Rules that hold here (each has a test):
//! - Key n proves receipt of answer n; key n-1 again means that answer n was lost. Anything else is Status 3.
//! - A generation is on disk before its answer leaves; the intent of a write is on disk before the write.
//! - A change is sent only if the item's fingerprint differs from that of what the phone has; own writes are not echoed that way, and
//!   foreign ones never swallowed.
//! - An item is deleted on the phone only when Horde's history or a complete listing says that it is gone.
//! - One bad item stops nothing: it is put aside and tried again when it changes, and once a day.

mod add;
mod client;
mod folders;
mod history;
mod items;
mod key;
mod moves;
mod server;
mod state;
#[cfg(test)]
mod tests;
mod watch;
mod work;

pub use folders::{Folder, Hierarchy, HierarchyAnswer, Turn};
pub use history::Log;
pub use key::SyncKey;
pub use moves::{forget, receive};
pub use watch::{Standing, estimate, has_changes, standing};

use crate::{
    proto::{
        Version,
        class::{Class, View},
        sync::{Collection, CollectionResponse, CommandKind, Options},
    },
    source::{self, Source},
};
use history::{History, Position};
use state::{Generation, Record, State};
use work::Work;

/// Largest window; also what 0 and larger values mean (MS-ASCMD 2.2.3.199).
pub const LARGEST_WINDOW: usize = 512;
/// Collections are compared with a full listing this often, seconds.
const LISTING_INTERVAL: u64 = 24 * 3600;
/// What was listed not longer ago is delivered to its end before anybody asks what has happened since, seconds.
const JUST_NOW: u64 = 10;
/// How long a source that gives none of its items is waited for before they are taken for broken, seconds.
const TROUBLE_LASTS: u64 = 3600;
/// The same answer asked for so often in a row: items are sent one at a time.
const CAREFUL_AFTER: u32 = 3;
/// The same single item asked for so often in a row: it is put aside.
const ASIDE_AFTER: u32 = 6;

/// Why a collection could not be synchronised.
#[derive(Debug)]
pub enum Error {
    /// The source.
    Source(source::Error),
    /// The state directory.
    State(crate::state::Error),
}

impl From<source::Error> for Error {
    fn from(error: source::Error) -> Self {
        Self::Source(error)
    }
}

impl From<crate::state::Error> for Error {
    fn from(error: crate::state::Error) -> Self {
        Self::State(error)
    }
}

/// A collection as the folder list of the device names it.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// CollectionId.
    pub id: &'a str,
    /// Horde's id of the container.
    pub container: &'a str,
    /// Whether items may be changed.
    pub writable: bool,
}

/// What a Sync of one collection came to.
#[derive(Debug)]
pub struct Outcome {
    /// The answer.
    pub response: CollectionResponse,
    /// Whether it says anything; if not it may be left out (12.1+).
    pub speaks: bool,
    /// All items that are put aside, uid and reason each, if that is not as before.
    pub aside: Option<Vec<(String, String)>>,
}

/// What the phone asks of one collection, and the circumstances.
#[derive(Debug)]
pub struct Task<'a> {
    /// The collection.
    pub place: Place<'a>,
    /// What the phone says.
    pub request: &'a Collection,
    /// Protocol version.
    pub version: Version,
    /// Seconds since 1970.
    pub now: u64,
    /// Most server commands in the answer; 0 = none fit any more.
    pub window: usize,
    /// Where the container's history stands, if that is known already.
    pub cursor: Option<u64>,
}

/// Synchronises one collection.
///
/// # Errors
/// The source or the state cannot be had; nothing is lost when the phone asks again.
pub async fn run<S: Source>(source: &S, log: &mut impl Log, task: Task<'_>) -> Result<Outcome, Error> {
    let Task { place, request, version, now, window, cursor } = task;
    if request.key == "0" {
        return begin(log, source.class(), place, request, version).await;
    }
    let Some((mut history, position)) = open(log, &request.key)? else {
        return Ok(refused(source.class(), place, "0".into(), 3, version));
    };
    let mut replays = 0;
    if position == Position::Repeat {
        history.roll_back(log).await?;
        replays = history.replays;
    }
    let base = history.state(Position::Newest);
    let mut state = base.clone();
    if let Some(options) = &request.options {
        state.options.clone_from(options);
    }
    let mut work = Work::new(source, place, state, version, now);
    work.deletes_for_good = request.deletes_as_moves == Some(false);
    // What the phone wants to change or see must not come from what a source remembers of earlier.
    let looked = request.commands.iter().any(|c| matches!(c.kind, CommandKind::Change | CommandKind::Fetch));
    if looked {
        work.collect(cursor).await?;
    }
    let responses = client::carry_out(&mut work, log, &history, &request.commands).await?;
    // A cursor read before own writes would miss them, and have them looked at again next time.
    let cursor = cursor.filter(|_| work.touched.is_empty());
    let looked = looked && work.touched.is_empty();
    let (mut commands, mut more) = (Vec::new(), false);
    if request.get_changes.unwrap_or(true) {
        // The phone asks for the same answer again and again: one of the items may be what it cannot take.
        let window = if replays >= CAREFUL_AFTER { window.min(1) } else { window.min(LARGEST_WINDOW) };
        // While a listing is being delivered there is no need to ask for more; nor with the rest of one that was made a moment ago.
        let waiting = work.state.dirty.len() + work.state.gone.len();
        let is_rest = waiting > 0 && !work.is_refiltered() && now.saturating_sub(work.state.listed) < JUST_NOW;
        if !looked && waiting < window && !is_rest {
            work.collect(cursor).await?;
        }
        if replays >= ASIDE_AFTER {
            work.skip_first();
        }
        let filled = work.fill(window).await;
        if filled.is_err() && work.state.trouble > base.trouble {
            log.append(&history::encode(&Record::Trouble { since: work.state.trouble })?).await?;
        }
        (commands, more) = filled?;
    }
    let Work { mut state, settled, view, deleted_meanwhile, .. } = work;
    state.gone.extend(deleted_meanwhile);
    let aside = (state.aside != base.aside).then(|| state.aside.clone().into_iter().collect());
    let answers = !responses.is_empty();
    let key = record(log, history, &base, &state, settled, answers).await?;
    let speaks = answers || !commands.is_empty() || more || key != base.key();
    let response = CollectionResponse {
        class: source.class(),
        key: key.to_string(),
        id: place.id.to_owned(),
        status: 1,
        commands,
        responses,
        more_available: more,
        view,
    };
    Ok(Outcome { response, speaks, aside })
}

fn load(log: &mut impl Log) -> Result<Option<History>, Error> {
    match History::load(log) {
        // What cannot be read is built anew by the phone; only its own collection is concerned.
        Err(error @ crate::state::Error::Unreadable { .. }) => {
            log::error!("{error}: the collection starts anew");
            Ok(None)
        }
        other => Ok(other?),
    }
}

fn open(log: &mut impl Log, key: &str) -> Result<Option<(History, Position)>, Error> {
    let Some(key) = SyncKey::parse(key) else {
        return Ok(None);
    };
    Ok(load(log)?.and_then(|history| history.position(key).map(|position| (history, position))))
}

async fn begin(
    log: &mut impl Log,
    class: Class,
    place: Place<'_>,
    request: &Collection,
    version: Version,
) -> Result<Outcome, Error> {
    if !request.commands.is_empty() {
        return Ok(refused(class, place, "0".into(), 4, version));
    }
    let key = SyncKey::begin();
    let options = request.options.clone().unwrap_or_default();
    history::begin(log, State::begin(key, options, request.supported.as_deref())).await?;
    Ok(Outcome { aside: Some(Vec::new()), ..refused(class, place, key.to_string(), 1, version) })
}

/// An answer without items.
pub fn refused(class: Class, place: Place<'_>, key: String, status: u16, version: Version) -> Outcome {
    let response = CollectionResponse {
        class,
        key,
        id: place.id.to_owned(),
        status,
        commands: Vec::new(),
        responses: Vec::new(),
        more_available: false,
        view: view(&[], version),
    };
    Outcome { response, speaks: true, aside: None }
}

/// Puts what happened on disk; gives the key for the answer. An answer that `answers` the phone's commands has a key of its own.
async fn record(
    log: &mut impl Log,
    history: History,
    base: &State,
    state: &State,
    settled: Vec<state::Settled>,
    answers: bool,
) -> Result<SyncKey, Error> {
    let mut generation = Generation::between(base, state);
    generation.settled = settled;
    if generation.is_empty() && !answers {
        if (state.cursor, state.listed) != (base.cursor, base.listed)
            && let Some(cursor) = state.cursor
        {
            log.append(&history::encode(&Record::Advance { cursor, listed: state.listed })?).await?;
        }
        return Ok(base.key());
    }
    generation.from = base.generation;
    generation.generation = history.next_generation();
    let key = SyncKey { series: base.series, generation: generation.generation };
    history.write(log, generation).await?;
    Ok(key)
}

/// The options for the folder's own class.
fn own_options(options: &[Options]) -> Option<&Options> {
    options.iter().find(|o| o.class.as_deref() != Some("SMS"))
}

fn view(options: &[Options], version: Version) -> View {
    let options = own_options(options);
    View {
        version,
        bodies: options.map(|o| o.bodies.clone()).unwrap_or_default(),
        truncation: options.and_then(|o| o.truncation),
        body_parts: options.map(|o| o.body_parts.clone()).unwrap_or_default(),
        mime_support: options.and_then(|o| o.mime_support).unwrap_or(0),
        mime_truncation: options.and_then(|o| o.mime_truncation),
    }
}

/// The uid of the item that a device has, or could have, under a ServerId of a collection; `None`: it has none.
///
/// # Errors
/// The state cannot be read.
pub fn resolve(log: &mut impl Log, class: Class, collection: &str, server_id: &str) -> Result<Option<String>, Error> {
    let Some(item_id) = server_id.strip_prefix(collection).and_then(|rest| rest.strip_prefix(':')) else {
        return Ok(None);
    };
    let items = load(log)?.map(|history| history.state(Position::Newest).items).unwrap_or_default();
    let known = items.get(item_id).map(|item| item.uid);
    // A search finds mails that the device does not have.
    Ok(known.or_else(|| (class == Class::Email).then(|| item_id.to_owned())))
}

/// The id of an item: the same for every device of the user, after every restart and resync, because it follows from its uid. That of a
/// mail is short and harmless as it is, and a mail must be found by its id alone.
pub fn item_id(class: Class, uid: &str) -> String {
    match class {
        Class::Email => uid.to_owned(),
        _ => short_hash(uid),
    }
}

/// Twenty hexadecimal digits that stand for a text.
fn short_hash(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().take(10).fold(String::with_capacity(20), |mut id, byte| {
        use std::fmt::Write as _;
        let _ = write!(id, "{byte:02x}");
        id
    })
}

fn digest(bytes: &[u8]) -> u64 {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

fn random() -> u64 {
    use ring::rand::SecureRandom as _;
    let mut bytes = [0; 8];
    // Uniqueness is what counts; without random numbers from the system the clock has to do.
    if ring::rand::SystemRandom::new().fill(&mut bytes).is_err() {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        return now.as_nanos() as u64;
    }
    u64::from_le_bytes(bytes)
}

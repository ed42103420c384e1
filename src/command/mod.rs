//! What each command does: one file per command, the same names as in `proto/`.

pub mod compose;
pub mod find;
pub mod folder_change;
pub mod folder_sync;
mod found;
pub mod get_attachment;
pub mod get_hierarchy;
pub mod get_item_estimate;
pub mod item_operations;
mod kql;
pub mod meeting_response;
pub mod move_items;
pub mod ping;
mod place;
pub mod provision;
mod remembered;
pub mod search;
pub mod settings;
mod sources;
pub mod sync;
#[cfg(test)]
mod tests;
mod wait;

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

pub use place::{Full, Place, Places};
pub use sources::{Memory, flush, mail};

use crate::{
    config::Config,
    error::Error,
    gateway::Hangup,
    horde::{Horde, Session},
    proto::{Malformed, Query, Version},
    source,
    spool::{Piece, Pieces},
    state::{self, Device, Facts, Store},
    sync as engine,
    watch::Watch,
};

/// What all requests share.
#[derive(Debug)]
pub struct Site {
    /// Settings.
    pub config: Config,
    /// State directory.
    pub store: Store,
    /// Horde.
    pub horde: Horde,
    /// Watches for those who wait.
    pub watch: Watch,
    /// What is remembered of Horde's applications.
    pub memory: Arc<Memory>,
}

impl Site {
    /// A site on which nothing has happened yet.
    pub fn new(config: Config, store: Store, horde: Horde) -> Self {
        let memory = Arc::new(Memory::new(config.imap.clone()));
        let watch = Watch::new(store.clone(), memory.shared().clone(), config.ping.tick());
        Self { config, store, horde, watch, memory }
    }

    /// The same site with other settings; state directory, Horde and mail server stay as they are.
    #[must_use]
    pub fn with(&self, config: Config) -> Self {
        let (store, horde, watch) = (self.store.clone(), self.horde.clone(), self.watch.clone());
        watch.set_tick(config.ping.tick());
        Self { config, store, horde, watch, memory: Arc::clone(&self.memory) }
    }
}

/// One request that passed the front desk: who asks, from which device, in which version.
#[derive(Debug)]
pub struct Context {
    /// What all requests share.
    pub site: Arc<Site>,
    /// The user's calls to Horde.
    pub session: Session,
    /// The device's state.
    pub device: Device,
    /// What let the request in, of the device's info file.
    pub facts: Facts,
    /// What the device calls itself (User-Agent), as the info file has it.
    pub user_agent: String,
    /// Protocol version of this request.
    pub version: Version,
    /// The query.
    pub query: Query,
    /// When the request reached this program.
    pub arrived: Instant,
    /// Tells when the phone has gone.
    pub hangup: Hangup,
    /// Whether the answer may be delayed.
    pub may_wait: bool,
    /// Its place among those that are worked on; given back while it waits.
    pub place: Place,
}

/// The answer of a command: HTTP 200 with a WBXML document (or what a header says), or with an empty body.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// WBXML; no bytes = empty body. What lies in a spool is sent without ever standing in memory as a whole.
    pub body: Pieces,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
}

impl Reply {
    /// A document.
    pub fn document(body: Vec<u8>) -> Self {
        Self { body: body.into(), headers: Vec::new() }
    }

    /// A document in pieces.
    pub fn pieces(pieces: impl IntoIterator<Item = Piece>) -> Self {
        Self { body: pieces.into_iter().collect(), headers: Vec::new() }
    }
}

impl From<Malformed> for Error {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::Wbxml(_) => Self::Status(102),
            Malformed::Schema(_) => Self::Status(103),
        }
    }
}

impl From<source::Error> for Error {
    fn from(error: source::Error) -> Self {
        match error {
            source::Error::Unavailable { reason, retry_after } => Self::RetryLater { reason, after: retry_after },
            source::Error::Unauthorized => Self::Unauthorized,
            // A repeat of the request finds out what became of the write.
            source::Error::Uncertain(reason) => Self::RetryLater { reason, after: Duration::from_secs(30) },
            error => Self::RetryLater { reason: error.to_string(), after: Duration::from_secs(300) },
        }
    }
}

impl From<state::Error> for Error {
    fn from(error: state::Error) -> Self {
        match error {
            state::Error::Io { .. } => Self::RetryLater { reason: error.to_string(), after: Duration::from_secs(60) },
            // The phone comes back by itself once the administrator has corrected the file.
            state::Error::Unreadable { .. } => {
                Self::RetryLater { reason: error.to_string(), after: Duration::from_secs(300) }
            }
            error => Self::Internal(error.to_string()),
        }
    }
}

impl From<engine::Error> for Error {
    fn from(error: engine::Error) -> Self {
        match error {
            engine::Error::Source(error) => error.into(),
            engine::Error::State(error) => error.into(),
        }
    }
}

/// Seconds since 1970.
fn unix_time() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

//! What each command does: one file per command, the same names as in `proto/`.

use std::sync::Arc;

use crate::{
    config::Config,
    error::Error,
    gateway::Hangup,
    horde::{Horde, Session},
    proto::{Malformed, Query, Version},
    state::{Device, Info, Store},
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
    /// The device's info file as the gate saw it.
    pub info: Info,
    /// Protocol version of this request.
    pub version: Version,
    /// The query.
    pub query: Query,
    /// Tells when the phone has gone.
    pub hangup: Hangup,
    /// Whether the answer may be delayed.
    pub may_wait: bool,
}

/// The answer of a command: HTTP 200 with a WBXML document, or with an empty body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// WBXML; empty = empty body.
    pub body: Vec<u8>,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
}

impl Reply {
    /// A document.
    pub fn document(body: Vec<u8>) -> Self {
        Self { body, headers: Vec::new() }
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

//! Horde's RPC interface: `rpc.php` by JSON-RPC, with XML-RPC `system.multiCall` and WebDAV multiget as accelerators where the site
//! offers them. Sessions, retries, batching and the telling apart of what can go wrong live in here; nothing about EAS does.

mod error;

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use serde_json::Value;

pub use error::Error;

/// User name as Horde knows it, and password. Never printed, never written to disk.
#[derive(Debug, Clone)]
pub struct Login {
    /// Horde's name of the user (after the mapping of the configuration).
    pub user: String,
    /// Password.
    pub password: SecretString,
}

/// How to reach Horde (`[horde]` of the configuration).
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// URL of `rpc.php`.
    pub url: String,
    /// Longest time for one call, seconds.
    pub timeout: u64,
    /// Calls to PHP at the same time, for all users together.
    pub parallel: usize,
    /// Whether to use XML-RPC multiCall: probed unless switched off.
    pub multicall: bool,
    /// Whether to use WebDAV multiget: probed unless switched off.
    pub multiget: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: "http://localhost/horde/rpc.php".to_owned(),
            timeout: 60,
            parallel: 4,
            multicall: true,
            multiget: true,
        }
    }
}

/// One call of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// `api.method`.
    pub method: String,
    /// Positional parameters.
    pub params: Vec<Value>,
}

/// The Horde site. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Horde {
    _inner: Arc<Settings>,
}

/// The calls of one user, sharing one Horde session (cookie) with all his devices. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Session {
    _horde: Horde,
    login: Login,
}

impl Horde {
    /// Prepares the client; connects to nothing yet.
    ///
    /// # Errors
    /// The URL is not one that can be called, or TLS cannot be set up; the text is for the administrator.
    pub fn new(settings: Settings) -> Result<Self, String> {
        Ok(Self { _inner: Arc::new(settings) })
    }

    /// Asks Horde whether the password is right, by a call without any cookie (`horde-rpc.md` 2: with a cookie any password is).
    ///
    /// # Errors
    /// Horde could not be asked.
    pub async fn verify(&self, _login: &Login) -> Result<bool, Error> {
        Err(Error::Unavailable { reason: "not connected".into(), retry_after: Duration::from_secs(30) })
    }

    /// The session of that user. Sessions are kept per user and password; another password never meets an older cookie.
    pub fn session(&self, login: &Login) -> Session {
        Session { _horde: self.clone(), login: login.clone() }
    }
}

impl Session {
    /// Horde's name of the user.
    pub fn user(&self) -> &str {
        &self.login.user
    }

    /// A call that changes nothing; repeated after a failure of the transport.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn read(&self, _method: &str, _params: Vec<Value>) -> Result<Value, Error> {
        Err(Error::Unavailable { reason: "not connected".into(), retry_after: Duration::from_secs(30) })
    }

    /// A call that changes something; never repeated. [`Error::is_uncertain`] tells whether it may have been carried out all the same.
    /// Writes of one user run one after the other (Horde has no locking over RPC).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn write(&self, _method: &str, _params: Vec<Value>) -> Result<Value, Error> {
        Err(Error::Unavailable { reason: "not connected".into(), retry_after: Duration::from_secs(30) })
    }

    /// Many reading calls: one PHP request by multiCall where the site offers it, else JSON calls side by side. One result per
    /// call, in order. A PHP fatal error in one entry kills a whole multiCall answer: then the batch is halved until the bad one is alone.
    ///
    /// # Errors
    /// The site cannot be asked at all; the errors of single calls are in the results.
    pub async fn batch(&self, _calls: Vec<Call>) -> Result<Vec<Result<Value, Error>>, Error> {
        Err(Error::Unavailable { reason: "not connected".into(), retry_after: Duration::from_secs(30) })
    }

    /// Whether [`Session::batch`] costs one PHP request (multiCall was seen to work).
    pub async fn has_multicall(&self) -> bool {
        false
    }

    /// WebDAV multiget REPORT on `rpc.php/<path>` for `hrefs`; gives (href, data) of those that were found. `None` when the site
    /// does not offer it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn multiget(&self, _path: &str, _hrefs: &[String]) -> Result<Option<Vec<(String, String)>>, Error> {
        Ok(None)
    }
}

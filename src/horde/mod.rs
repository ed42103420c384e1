//! Horde's RPC interface: `rpc.php` by JSON-RPC, with XML-RPC `system.multiCall` and WebDAV multiget as accelerators where the site
//! offers them. Sessions, retries, batching and the telling apart of what can go wrong live in here; nothing about EAS does.

mod circuit;
mod diagnose;
mod error;
mod http;
mod indents;
mod jar;
mod jsonrpc;
mod multicall;
mod multiget;
mod probe;
mod session;
mod site;
mod xmlrpc;

use std::sync::Arc;

use secrecy::SecretString;
use serde_json::Value;

pub use error::Error;
pub use session::Session;

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
    /// Longest time that a Horde session is used before the password is shown to Horde again, seconds: so long a changed password
    /// may go unnoticed. 0: never use sessions.
    pub recheck: u64,
    /// Largest answer, MiB.
    pub answer_limit: usize,
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
            recheck: 300,
            answer_limit: 64,
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

/// PHP requests made so far, by protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// JSON-RPC calls.
    pub json: u64,
    /// XML-RPC requests; one multiCall counts once.
    pub xml: u64,
    /// WebDAV requests.
    pub dav: u64,
}

impl Stats {
    /// All requests.
    pub fn total(self) -> u64 {
        self.json + self.xml + self.dav
    }
}

/// The Horde site. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Horde {
    site: Arc<site::Site>,
}

impl Horde {
    /// Prepares the client; connects to nothing yet.
    ///
    /// # Errors
    /// The URL is not one that can be called, or TLS cannot be set up; the text is for the administrator.
    pub fn new(settings: Settings) -> Result<Self, String> {
        Ok(Self { site: site::Site::new(settings)? })
    }

    /// Asks Horde whether the password is right, by a call without any cookie (`horde-rpc.md` 2: with a cookie any password is).
    /// A Horde whose IMAP server is down may say no to a right password, too: it answers 401 in both cases.
    ///
    /// # Errors
    /// Horde could not be asked.
    pub async fn verify(&self, login: &Login) -> Result<bool, Error> {
        self.session(login).verify().await
    }

    /// The session of that user. Sessions are kept per user and password; another password never meets an older cookie.
    pub fn session(&self, login: &Login) -> Session {
        Session::new(self, login)
    }

    /// How many PHP requests were made.
    pub fn stats(&self) -> Stats {
        self.site.stats()
    }
}

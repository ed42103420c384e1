//! `[smtp]` of the configuration.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

pub use crate::net::Tls;
use crate::net::{Schemes, Server};

/// Submission (RFC 6409 3.1, RFC 8314 3.3).
const SCHEMES: Schemes = Schemes { plain: ("smtp", 587), wrapped: ("smtps", 465) };

/// How mail is sent (`[smtp]` of the configuration).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// `smtp://host:port` (587 when there is none) or `smtps://host:port` (465). Empty: no mail is sent.
    pub url: String,
    /// For `smtp://`.
    pub tls: Tls,
    /// Log in as this user for everybody, instead of with the login of the phone.
    pub user: String,
    /// Password of [`Settings::user`].
    #[serde(deserialize_with = "secret")]
    pub password: SecretString,
    /// Domain that is put behind user names without one for the login; empty: none.
    pub login_domain: String,
    /// Longest time that the server may stand still, seconds; it may think about a whole message ten times as long.
    pub timeout: u64,
    /// Days after which a message that could not be sent is dropped, or the copy of one that was sent and cannot be kept.
    pub give_up: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: String::new(),
            tls: Tls::default(),
            user: String::new(),
            password: SecretString::default(),
            login_domain: String::new(),
            timeout: 30,
            give_up: 5,
        }
    }
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

impl PartialEq for Settings {
    fn eq(&self, other: &Self) -> bool {
        let plain = |s: &Self| (s.url.clone(), s.tls, s.user.clone(), s.login_domain.clone(), s.timeout, s.give_up);
        plain(self) == plain(other) && self.password.expose_secret() == other.password.expose_secret()
    }
}

impl Settings {
    /// Whether there is a server.
    pub fn is_on(&self) -> bool {
        !self.url.is_empty()
    }

    /// Whether [`Settings::url`] can be used.
    ///
    /// # Errors
    /// It cannot; the text says why.
    pub fn check(&self) -> Result<(), String> {
        if self.is_on() { self.server().map(drop) } else { Ok(()) }
    }

    pub(super) fn server(&self) -> Result<Server, String> {
        Server::parse(&self.url, self.tls, &SCHEMES)
    }

    /// User name and password for the server.
    pub(super) fn credentials(&self, user: &str, password: &SecretString) -> (String, SecretString) {
        if !self.user.is_empty() {
            return (self.user.clone(), self.password.clone());
        }
        let bare = self.login_domain.is_empty() || user.contains('@');
        (if bare { user.to_owned() } else { format!("{user}@{}", self.login_domain) }, password.clone())
    }
}

//! `[imap]` of the configuration.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

use crate::net::{Schemes, Server, Tls};

const SCHEMES: Schemes = Schemes { plain: ("imap", 143), wrapped: ("imaps", 993) };

/// How news for waiting phones are found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Watch {
    /// The folders are looked at, again and again.
    #[default]
    Poll,
    /// One connection per user waits for news of his inbox (RFC 2177); the other folders are looked at.
    Idle,
    /// One connection per user waits for news of all folders (RFC 5465); like [`Watch::Idle`] where the server cannot do that.
    Notify,
}

/// How mail is read (`[imap]` of the configuration).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// `imap://host:port` (143 when there is none) or `imaps://host:port` (993). Empty: the server that Horde uses.
    pub url: String,
    /// For servers that are not `imaps://`.
    pub tls: Tls,
    /// Master user that may read everybody's mail; empty: the login of the phone.
    pub user: String,
    /// Password of [`Settings::user`].
    #[serde(deserialize_with = "secret")]
    pub password: SecretString,
    /// Domain that is put behind user names without one; empty: none.
    pub login_domain: String,
    /// Longest silence of the server, seconds.
    pub timeout: u64,
    /// Connections per user.
    pub connections: usize,
    /// Connections for all users together.
    pub max_connections: usize,
    /// Seconds for which a connection is kept that nobody uses.
    pub idle: u64,
    /// How news for waiting phones are found.
    pub watch: Watch,
    /// Connections that may be kept for [`Watch::Idle`] and [`Watch::Notify`], of all users together; they are some of
    /// [`Settings::max_connections`].
    pub max_held: usize,
    /// Capabilities that are not used though the server has them.
    pub ignore: Vec<String>,
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
            connections: 2,
            max_connections: 500,
            idle: 60,
            watch: Watch::default(),
            max_held: 200,
            ignore: Vec::new(),
        }
    }
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

impl PartialEq for Settings {
    fn eq(&self, other: &Self) -> bool {
        let plain = |s: &Self| {
            let texts = (s.url.clone(), s.tls, s.user.clone(), s.login_domain.clone(), s.ignore.clone());
            (texts, s.timeout, s.connections, s.max_connections, s.idle, s.watch, s.max_held)
        };
        plain(self) == plain(other) && self.password.expose_secret() == other.password.expose_secret()
    }
}

/// Who reads: the login of the phone.
#[derive(Debug, Clone)]
pub struct Login {
    /// User name as Horde knows it.
    pub user: String,
    /// Password.
    pub password: SecretString,
}

/// Whose mail is read, and who says so.
#[derive(Debug, Clone)]
pub(super) struct Credentials {
    /// Whose mail.
    pub(super) user: String,
    /// The master user; empty: the user is it.
    pub(super) master: String,
    /// Password of the master user or the user.
    pub(super) password: SecretString,
}

impl Settings {
    /// The server of [`Settings::url`]; `None` without one.
    ///
    /// # Errors
    /// The URL cannot be used; the text says why.
    pub fn server(&self) -> Result<Option<Server>, String> {
        if self.url.is_empty() { Ok(None) } else { Server::parse(&self.url, self.tls, &SCHEMES).map(Some) }
    }

    pub(super) fn credentials(&self, login: &Login) -> Credentials {
        let bare = self.login_domain.is_empty() || login.user.contains('@');
        let user = if bare { login.user.clone() } else { format!("{}@{}", login.user, self.login_domain) };
        let password = if self.user.is_empty() { &login.password } else { &self.password };
        Credentials { user, master: self.user.clone(), password: password.clone() }
    }

    pub(super) fn patience(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_logs_in() {
        let login = Login { user: "erika".into(), password: "pw".into() };
        let mut settings = Settings::default();
        let of = |settings: &Settings| {
            let c = settings.credentials(&login);
            (c.user, c.master, c.password.expose_secret().to_owned())
        };
        assert_eq!(of(&settings), ("erika".into(), String::new(), "pw".into()));
        settings.login_domain = "example.org".into();
        settings.user = "master".into();
        settings.password = "all".into();
        assert_eq!(of(&settings), ("erika@example.org".into(), "master".into(), "all".into()));
        assert!(!format!("{settings:?}").contains("all"));
    }

    #[test]
    fn urls() {
        let server = |url: &str| Settings { url: url.into(), ..Settings::default() }.server();
        assert_eq!(server(""), Ok(None));
        assert_eq!(server("imaps://mail.example.org").unwrap().unwrap().port, 993);
        assert!(server("mail.example.org").is_err());
    }
}

//! `[smtp]` of the configuration.

use std::net::IpAddr;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

/// When a connection that begins without TLS changes to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// Always, but not to this machine itself.
    #[default]
    Auto,
    /// Always; the certificate must be good for the host name.
    Starttls,
    /// Never: mails and passwords travel as they are.
    None,
}

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
    /// Longest time for one message, seconds.
    pub timeout: u64,
    /// Days after which a message that could not be sent is dropped.
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

/// Where a server is and how to speak to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    /// TLS from the first byte.
    pub(super) wrapped: bool,
    /// TLS by STARTTLS.
    pub(super) starttls: bool,
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
        let wrong = || format!("{:?} is no smtp://host:port or smtps://host:port", self.url);
        let uri: hyper::Uri = self.url.parse().map_err(|_| wrong())?;
        let wrapped = match uri.scheme_str() {
            Some("smtp") => false,
            Some("smtps") => true,
            _ => return Err(wrong()),
        };
        let plain = matches!(uri.path(), "" | "/") && uri.query().is_none();
        let without_login = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        let host = uri.host().filter(|host| !host.is_empty() && plain && without_login).ok_or_else(wrong)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().unwrap_or(if wrapped { 465 } else { 587 });
        let starttls = !wrapped
            && match self.tls {
                Tls::Auto => !is_this_machine(&host),
                Tls::Starttls => true,
                Tls::None => false,
            };
        Ok(Server { host, port, wrapped, starttls })
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

fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

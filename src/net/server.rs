//! Where a server is and how to speak to it: the URLs of the configuration.

use std::net::IpAddr;

use serde::Deserialize;

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

/// What a connection is protected by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Security {
    /// Nothing.
    None,
    /// TLS, begun by a command of the protocol; without it there is no connection.
    Starttls,
    /// TLS from the first byte.
    Wrapped,
}

/// The two schemes of a protocol with their ports, as in `("imap", 143)` and `("imaps", 993)`.
#[derive(Debug, Clone, Copy)]
pub struct Schemes {
    /// Begins without TLS.
    pub plain: (&'static str, u16),
    /// TLS from the first byte.
    pub wrapped: (&'static str, u16),
}

/// A server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Server {
    /// Name or address (IPv6 without brackets); certificates must be good for it.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How to protect the connection.
    pub security: Security,
}

impl Server {
    /// Reads `scheme://host[:port]`; nothing else may be in it, above all no login.
    ///
    /// # Errors
    /// It is something else; the text says what was expected.
    pub fn parse(url: &str, tls: Tls, schemes: &Schemes) -> Result<Self, String> {
        let (plain, wrapped) = (schemes.plain, schemes.wrapped);
        let wrong = || format!("{url:?} is no {}://host:port or {}://host:port", plain.0, wrapped.0);
        let uri: hyper::Uri = url.parse().map_err(|_| wrong())?;
        let scheme = uri.scheme_str().unwrap_or_default();
        let (is_wrapped, default_port) = match scheme {
            _ if scheme == plain.0 => (false, plain.1),
            _ if scheme == wrapped.0 => (true, wrapped.1),
            _ => return Err(wrong()),
        };
        let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        let without_login = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        let host = uri.host().filter(|host| !host.is_empty() && bare && without_login).ok_or_else(wrong)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let security = if is_wrapped { Security::Wrapped } else { Security::of(tls, &host) };
        Ok(Self { port: uri.port_u16().unwrap_or(default_port), host, security })
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Security {
    /// How a connection to `host` that begins without TLS goes on.
    pub fn of(tls: Tls, host: &str) -> Self {
        match tls {
            Tls::Auto if is_this_machine(host) => Self::None,
            Tls::None => Self::None,
            Tls::Auto | Tls::Starttls => Self::Starttls,
        }
    }
}

fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

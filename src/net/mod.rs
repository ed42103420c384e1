//! One way to open a connection to a mail server: TCP, with TLS from the first byte, by STARTTLS or not at all. Knows no protocol above.

mod server;
mod stream;
#[cfg(test)]
mod tests;
mod tls;

pub use server::{Schemes, Security, Server, Tls};
pub use stream::Stream;

/// Why there is no connection. The texts are for the administrator; all of this may pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The name has no address, or nobody listens there.
    Unreachable(String),
    /// No connection or no handshake in time.
    TimedOut(String),
    /// The certificate is not trusted or is for another name.
    Certificate(String),
    /// TLS cannot be set up or its handshake failed.
    Tls(String),
    /// Bytes stood behind the answer to STARTTLS: somebody in between wants them taken for what the server says under TLS.
    Injected(String),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreachable(text) => write!(f, "no connection: {text}"),
            Self::TimedOut(text) => write!(f, "no connection in time: {text}"),
            Self::Certificate(text) => write!(f, "certificate not accepted: {text}"),
            Self::Tls(text) => write!(f, "no TLS: {text}"),
            Self::Injected(name) => write!(f, "{name} sends more than the answer to STARTTLS; left it"),
        }
    }
}

impl std::error::Error for Error {}

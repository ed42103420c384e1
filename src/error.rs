//! Errors named by what the phone must be told. `front` turns them into an HTTP status or a Status element, per protocol version.

use std::time::Duration;

/// Why a command gives no answer of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// Not now (back end down, disk full, overloaded): HTTP 503 with Retry-After, or the command's own retryable Status. The phone keeps its data.
    RetryLater {
        /// For the log; names what the administrator should do.
        reason: String,
        /// When the phone should come back.
        after: Duration,
    },
    /// The login is not accepted (any more): HTTP 401.
    Unauthorized,
    /// A common Status of MS-ASCMD 2.2.2 (101-184): in the body from 14.0 on, as HTTP status before (`protocol/commands.md` 0).
    Status(u16),
    /// A defect of this program or of its state: HTTP 500 / Status 110. The text is for the log.
    Internal(String),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::RetryLater { reason, .. } => write!(f, "retry later: {reason}"),
            Self::Unauthorized => f.write_str("login not accepted"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::Internal(text) => write!(f, "internal error: {text}"),
        }
    }
}

impl std::error::Error for Error {}

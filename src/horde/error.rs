//! What can go wrong with a call, told apart by what has to follow.

use std::time::Duration;

/// Why a call gave no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// User name or password are not accepted (HTTP 401).
    Unauthorized,
    /// Horde carried the call out and refused: its (perhaps translated) text. "Not found" and "permission denied" look alike.
    Fault(String),
    /// PHP died on this call ("A fatal error has occurred" behind a 200, "Serialization failed"): a bug that this item or call
    /// triggers. Skip the item; never take it for deleted.
    Fatal(String),
    /// The site cannot answer now: not reachable, time-out, 5xx, half an answer, an RPC that is broken altogether. Retry later, lose nothing.
    Unavailable {
        /// For the administrator: what was seen and what to do.
        reason: String,
        /// How long to leave the site alone.
        retry_after: Duration,
    },
    /// A writing call was sent, but its answer was lost: it may have been carried out.
    Uncertain(String),
}

impl Error {
    /// Whether a writing call may have been carried out in spite of the error.
    pub fn is_uncertain(&self) -> bool {
        matches!(self, Self::Uncertain(_) | Self::Fatal(_))
    }

    /// Whether the same call may work later.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Uncertain(_))
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unauthorized => f.write_str("Horde does not accept user name and password"),
            Self::Fault(text) => write!(f, "Horde refused: {text}"),
            Self::Fatal(text) => write!(f, "Horde's PHP failed: {text}"),
            Self::Unavailable { reason, .. } => write!(f, "Horde cannot answer: {reason}"),
            Self::Uncertain(text) => write!(f, "the answer of Horde was lost: {text}"),
        }
    }
}

impl std::error::Error for Error {}

//! From what the IMAP client says to what a phone must be told.

use std::time::Duration;

use crate::{
    imap::{self, Code},
    source::Error,
    state,
};

/// Something that may pass.
pub(super) fn unavailable(reason: String) -> Error {
    Error::Unavailable { reason, retry_after: Duration::from_secs(60) }
}

/// The state directory fails.
pub(super) fn disk(error: state::Error) -> Error {
    unavailable(error.to_string())
}

/// An unlucky answer that concerns a folder or all of them. A login that Horde has accepted and IMAP has not is no reason to ask the user
/// for his password: either the configuration is wrong, or Horde notices soon that it has changed.
pub(super) fn of_folder(error: imap::Error) -> Error {
    match error {
        imap::Error::No { code: Code::NonExistent, .. } => Error::ContainerGone,
        imap::Error::No { code: Code::NoPerm, .. } => Error::Denied,
        error @ imap::Error::Lost(_) => Error::Uncertain(error.to_string()),
        error => unavailable(error.to_string()),
    }
}

/// An unlucky answer to a write that concerns one thing: what the server will never do is refused.
pub(super) fn of_write(error: imap::Error) -> Error {
    match error {
        imap::Error::No { code: Code::AlreadyExists, .. } => Error::Exists,
        imap::Error::No { code: Code::NonExistent | Code::TryCreate, .. } => Error::ContainerGone,
        imap::Error::No { code: Code::NoPerm, .. } => Error::Denied,
        imap::Error::No { code: Code::Unavailable, .. } => unavailable(error.to_string()),
        imap::Error::No { .. } | imap::Error::Bad(_) => Error::Refused(error.to_string()),
        error => of_folder(error),
    }
}

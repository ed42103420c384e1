//! From what Horde's client says to what a phone must be told. Kronolith's "not found" and "permission denied" are texts in the user's
//! language: they are not believed, but looked into.

use std::time::Duration;

use crate::{horde, source::Error};

/// An unlucky answer to a call that concerns the calendar as a whole or the site.
pub(super) fn of_site(error: horde::Error) -> Error {
    match error {
        horde::Error::Unauthorized => Error::Unauthorized,
        horde::Error::Unavailable { reason, retry_after } => Error::Unavailable { reason, retry_after },
        horde::Error::Fault(text) => unavailable(format!("Kronolith refuses: {text}")),
        horde::Error::Fatal(text) => unavailable(format!("Kronolith fails: {text}")),
        horde::Error::Uncertain(text) => unavailable(text),
    }
}

/// A failure at our own end or one that may pass.
pub(super) fn unavailable(reason: impl Into<String>) -> Error {
    Error::Unavailable { reason: reason.into(), retry_after: Duration::from_secs(60) }
}

/// An answer in a form that Kronolith does not have.
pub(super) fn strange(method: &str) -> Error {
    unavailable(format!("{method} gave an answer of another form than Kronolith's"))
}

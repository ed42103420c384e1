//! From what Horde's client says to what a phone must be told. Horde's texts are translated for some users, so a text that is not
//! recognised is not believed to be anything: the caller asks Horde what is the case.

use std::time::Duration;

use crate::{horde, source::Error};

/// The book is not there or not for this user.
pub(super) fn is_book_gone(text: &str) -> bool {
    text.contains("Invalid address book")
}

/// An unlucky answer to a call that concerns the book as a whole or the site.
pub(super) fn of_site(error: horde::Error) -> Error {
    match error {
        horde::Error::Unauthorized => Error::Unauthorized,
        horde::Error::Unavailable { reason, retry_after } => Error::Unavailable { reason, retry_after },
        horde::Error::Fault(text) if is_book_gone(&text) => Error::ContainerGone,
        horde::Error::Fault(text) => unavailable(format!("Turba refuses: {text}")),
        horde::Error::Fatal(text) => unavailable(format!("Turba fails: {text}")),
        horde::Error::Uncertain(text) => unavailable(text),
    }
}

/// A failure at our own end or one that may pass.
pub(super) fn unavailable(reason: String) -> Error {
    Error::Unavailable { reason, retry_after: Duration::from_secs(60) }
}

/// An answer in a form that Turba does not have.
pub(super) fn strange(method: &str) -> Error {
    unavailable(format!("{method} gave an answer of another form than Turba's"))
}

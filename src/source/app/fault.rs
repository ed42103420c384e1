//! From what Horde's client says to what a phone must be told. Horde's texts are translated for some users, so a text that is not
//! recognised is not believed to be anything: the caller asks Horde what is the case.

use std::time::Duration;

use crate::{horde, source::Error};

/// The container is not there or not for this user.
pub(in crate::source) fn is_container_gone(text: &str) -> bool {
    text.contains("Invalid address book") || (text.starts_with("Share name") && text.ends_with("not found"))
}

/// The database refused a statement, perhaps not the first one of the call. Two calls at the same moment can be to blame: a deadlock, or a
/// tag or uid that both wanted to be the first to note, as with an invitation that two users of the site take.
pub(in crate::source) fn is_of_database(text: &str) -> bool {
    text.contains("Horde_Db_Exception") || text.contains("QUERY FAILED")
}

/// An unlucky answer to a call that concerns the container as a whole or the site.
pub(in crate::source) fn of_site(error: horde::Error) -> Error {
    match error {
        horde::Error::Unauthorized => Error::Unauthorized,
        horde::Error::Unavailable { reason, retry_after } => Error::Unavailable { reason, retry_after },
        horde::Error::Fault(text) if is_container_gone(&text) => Error::ContainerGone,
        horde::Error::Fault(text) => unavailable(format!("Horde refuses: {text}")),
        horde::Error::Fatal(text) => unavailable(format!("Horde fails: {text}")),
        horde::Error::Uncertain(text) => unavailable(text),
    }
}

/// A failure at our own end or one that may pass.
pub(in crate::source) fn unavailable(reason: String) -> Error {
    Error::Unavailable { reason, retry_after: Duration::from_secs(60) }
}

/// An answer in a form that the application does not have.
pub(in crate::source) fn strange(method: &str) -> Error {
    unavailable(format!("{method} gave an answer of another form than expected"))
}

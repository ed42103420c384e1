//! What messages are searched for.

use super::search_date;
use crate::imap::Command;

/// What a message has to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Criterion<'a> {
    /// The text in its header or body.
    Text(&'a str),
    /// In its body.
    Body(&'a str),
    /// In its subject.
    Subject(&'a str),
    /// In one of the addresses of From.
    From(&'a str),
    /// In one of the addresses of To.
    To(&'a str),
    /// In one of the addresses of Cc.
    Cc(&'a str),
    /// It came at that moment or later, seconds since 1970; up to a day earlier may be among what is found.
    Since(i64),
    /// It came before that moment; up to a day later may be among what is found.
    Before(i64),
    /// It was read, or was not.
    Seen(bool),
    /// It is flagged, or is not.
    Flagged(bool),
}

/// All that a message has to have. Such that are marked as deleted are never found.
#[derive(Clone)]
pub struct Criteria(Command);

impl std::fmt::Debug for Criteria {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Criteria")
    }
}

impl Default for Criteria {
    fn default() -> Self {
        Self(Command::new("UNDELETED"))
    }
}

impl Criteria {
    /// One more.
    #[must_use]
    pub fn and(self, criterion: Criterion<'_>) -> Self {
        let text = |key: &str, text: &str| self.0.clone().words(key).argument(text);
        let flag = |set: bool, name: &str| self.0.clone().words(if set { " " } else { " UN" }).words(name);
        Self(match criterion {
            Criterion::Text(t) => text(" TEXT", t),
            Criterion::Body(t) => text(" BODY", t),
            Criterion::Subject(t) => text(" SUBJECT", t),
            Criterion::From(t) => text(" FROM", t),
            Criterion::To(t) => text(" TO", t),
            Criterion::Cc(t) => text(" CC", t),
            Criterion::Since(time) => self.0.words(&format!(" SINCE {}", search_date(time - 86400))),
            Criterion::Before(time) => self.0.words(&format!(" BEFORE {}", search_date(time + 2 * 86400))),
            Criterion::Seen(set) => flag(set, "SEEN"),
            Criterion::Flagged(set) => flag(set, "FLAGGED"),
        })
    }

    pub(super) fn command(&self) -> &Command {
        &self.0
    }
}

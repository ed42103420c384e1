//! iCalendar (RFC 5545) to and from the neutral event, whose form the head of `proto::class::calendar` defines. No I/O in here; the
//! time zone database is jiff's.
//!
//! [`read()`] takes what Horde exports and what other programs mail; [`write()`] gives what Horde imports (times with the Olson name of
//! their zone and its VTIMEZONE before them) and what goes into mails.

mod dates;
mod facts;
mod law;
mod lines;
mod people;
mod read;
mod rule;
mod series;
mod source;
#[cfg(test)]
pub(crate) mod tests;
mod times;
mod write;

use jiff::Timestamp;

pub(crate) use lines::escaped;
pub use read::read;
pub use series::{aligned, is_in_horde, nearest, occurrences};
pub use write::{occurrence, write, write_exception};

use crate::proto::class::Properties;

/// Whose calendar it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Home {
    /// IANA name of the user's zone in Horde: what times without a zone are meant in.
    pub zone: String,
    /// The user's own mail addresses, lower case, the main one first.
    pub addresses: Vec<String>,
}

/// An event as an iCalendar text has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The neutral event.
    pub item: Properties,
    /// IANA name of the zone in which it starts and recurs; `None`: a single event in UTC, or all-day.
    pub zone: Option<String>,
    /// Value of UID; empty when there is none.
    pub uid: String,
    /// LAST-MODIFIED, or CREATED.
    pub modified: Option<Timestamp>,
    /// It recurs by a rule that the protocol cannot say; `item` is its first occurrence only.
    pub simplified: bool,
    /// Original start (`20261124T080000Z`, a plain date at midnight of an all-day series) when the text is about one occurrence of a
    /// series that it has not got.
    pub instance: Option<String>,
    /// METHOD of the text, upper case.
    pub method: Option<String>,
    /// SEQUENCE; 0 when there is none.
    pub sequence: u32,
}

/// Why a text gives no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// There is no VEVENT in it.
    NoEvent,
    /// The event has no start, or one that is no date.
    NoStart,
    /// Larger than anything that is an event, or more than 2000 exceptions.
    TooLarge,
}

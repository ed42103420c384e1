//! Time zones between the three who speak of them: Horde knows names of the tz database, a phone sends a law for one year without a
//! name (`proto::class::Blob`), and Horde's import believes a name only when a VTIMEZONE stands before the appointment.
//!
//! * [`blob`] writes down what a zone does in the year of an appointment.
//! * [`zone`] finds the zone that does what a blob says: not by comparing rules, for one and the same change can be written in many
//!   ways, but by comparing the instants at which the clocks are changed.
//! * [`named`] reads names in any of the usual spellings: tz database, Windows, Outlook's lists.
//! * [`vtimezone`] writes the iCalendar component.
//!
//! The rules come from jiff, that is from the system's tz database as it is kept up to date there, or from the copy in the program
//! where the system has none.

mod cache;
mod changes;
mod find;
mod law;
mod names;
mod text;

pub use find::zone;
pub use law::blob;
pub use names::{canonical, named};
pub use text::vtimezone;

#[cfg(test)]
mod tests;

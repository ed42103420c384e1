//! Items in foreign forms: vCard, iCalendar, time zones. No I/O in here.

pub mod body;
pub mod html;
pub mod ical;
pub mod vcard;
pub mod vnote;
pub mod zone;

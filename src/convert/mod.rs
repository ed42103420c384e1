//! Items in foreign forms: vCard, iCalendar, time zones. No I/O in here.

pub mod ical;
pub mod vcard;
pub mod zone;

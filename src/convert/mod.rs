//! Items in foreign forms: vCard, iCalendar. No I/O in here.

pub mod ical;
pub mod vcard;

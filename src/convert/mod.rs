//! Items in foreign forms: vCard, iCalendar, mails; mails about meetings; HTML and plain bodies; time zones by name, by law and in
//! iCalendar. No I/O in here but what reading the time zone database takes.

pub mod body;
pub mod html;
pub mod ical;
pub mod itip;
pub mod meeting;
pub mod mime;
pub mod vcard;
pub mod vnote;
pub mod zone;

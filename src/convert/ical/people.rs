//! Organizer and attendees (MS-ASCAL 2.2.2.3 to 2.2.2.6, RFC 5545 3.8.4.1 and 3.8.4.3).

use calcard::icalendar::{
    ICalendarComponent, ICalendarEntry, ICalendarParameterName as Name, ICalendarParameterValue as Parameter,
    ICalendarParticipationRole as Role, ICalendarParticipationStatus as Status, ICalendarProperty,
    ICalendarUserTypes as UserType,
};

use super::{Home, lines::Lines, source};
use crate::{
    proto::class::{Properties, Value},
    wbxml::tag::calendar as c,
};

/// Most attendees of a meeting.
const MANY: usize = 2000;

/// Bit of MeetingStatus: it is a meeting.
const MEETING: u8 = 1;
/// Somebody else's.
const RECEIVED: u8 = 2;
/// It does not take place.
pub(super) const CANCELLED: u8 = 4;

/// AttendeeStatus and ResponseType by the names of PARTSTAT; the first of a number is what is written.
const ANSWERS: [(&str, &str); 5] =
    [("2", "TENTATIVE"), ("3", "ACCEPTED"), ("4", "DECLINED"), ("5", "NEEDS-ACTION"), ("0", "NEEDS-ACTION")];

/// Sets everything that follows from who takes part.
pub(super) fn read(component: &ICalendarComponent, cancelled: bool, mailed: bool, home: &Home, item: &mut Properties) {
    let organizer = component.property(&ICalendarProperty::Organizer).and_then(person);
    let entries: Vec<&ICalendarEntry> = component.properties(&ICalendarProperty::Attendee).take(MANY).collect();
    let attendees: Vec<Properties> = entries.iter().filter_map(|entry| attendee(entry)).collect();
    let meeting = !attendees.is_empty() || (mailed && organizer.is_some());
    let own = |address: &str| home.addresses.iter().any(|own| own.eq_ignore_ascii_case(address));
    let received = meeting && organizer.as_ref().is_some_and(|(address, _)| !own(address));
    let mut status = if meeting { MEETING } else { 0 };
    if received {
        status |= RECEIVED;
    }
    if cancelled {
        // There is no number for what is cancelled without being a meeting.
        status |= MEETING | CANCELLED;
    }
    item.set_text(c::MEETING_STATUS, status.to_string());
    if !meeting {
        return;
    }
    // A meeting of nobody is the user's.
    if let Some((address, name)) = organizer.or_else(|| Some((home.addresses.first()?.clone(), None))) {
        item.set_text(c::ORGANIZER_EMAIL, address);
        item.set_text(c::ORGANIZER_NAME, name.unwrap_or_default());
    }
    let mine = || attendees.iter().find(|attendee| attendee.text(c::EMAIL).is_some_and(own));
    let response = match received {
        false => Some("1"),
        true => mine().and_then(|attendee| attendee.text(c::ATTENDEE_STATUS)),
    };
    item.set_text(c::RESPONSE_TYPE, response.unwrap_or("0"));
    // Horde asks whoever has not answered, so it says nothing there.
    let asked = !mailed || entries.iter().any(|e| matches!(e.parameter(&Name::Rsvp), Some(Parameter::Bool(true))));
    if asked {
        item.set_text(c::RESPONSE_REQUESTED, "1");
    }
    if !attendees.is_empty() {
        item.0.insert(c::ATTENDEES, Value::Groups(attendees));
    }
}

/// An occurrence has the people of its series when it names none: Horde does not store those of an occurrence.
pub(super) fn inherit(occurrence: &mut Properties, series: &Properties) {
    if occurrence.groups(c::ATTENDEES).is_empty() && !series.groups(c::ATTENDEES).is_empty() {
        let cancelled = status(occurrence) & CANCELLED;
        for tag in [c::ATTENDEES, c::RESPONSE_TYPE] {
            occurrence.0.extend(series.0.get(&tag).map(|value| (tag, value.clone())));
        }
        let status = (status(series) & !CANCELLED) | cancelled;
        occurrence.set_text(c::MEETING_STATUS, status.to_string());
    }
}

/// Address and name.
fn person(entry: &ICalendarEntry) -> Option<(String, Option<String>)> {
    let value = source::texts(entry).next().unwrap_or_default();
    let address = match value.split_at_checked(7) {
        Some((scheme, address)) if scheme.eq_ignore_ascii_case("mailto:") => address,
        _ => value.as_str(),
    };
    // Some have the address in a parameter, and something else as the value.
    let parameter = || source::named(entry, &Name::Email);
    let address = if address.contains('@') { Some(address.to_owned()) } else { parameter() };
    let name = source::named(entry, &Name::Cn).and_then(|name| source::line(&name));
    Some((source::line(address.as_deref().unwrap_or_default()).filter(|address| address.contains('@'))?, name))
}

fn attendee(entry: &ICalendarEntry) -> Option<Properties> {
    let (address, name) = person(entry)?;
    let status = match entry.parameter(&Name::Partstat) {
        Some(Parameter::Partstat(Status::Accepted | Status::Completed | Status::InProcess)) => "3",
        Some(Parameter::Partstat(Status::Declined)) => "4",
        Some(Parameter::Partstat(Status::Tentative)) => "2",
        _ => "5",
    };
    let kind = match (entry.parameter(&Name::Cutype), entry.parameter(&Name::Role)) {
        // Horde knows no resources but keeps who does not take part.
        (Some(Parameter::Cutype(UserType::Resource | UserType::Room)), _)
        | (_, Some(Parameter::Role(Role::NonParticipant))) => "3",
        (_, Some(Parameter::Role(Role::OptParticipant))) => "2",
        _ => "1",
    };
    let mut attendee = Properties::default();
    attendee.set_text(c::EMAIL, address);
    attendee.set_text(c::NAME, name.unwrap_or_default());
    attendee.set_text(c::ATTENDEE_STATUS, status);
    attendee.set_text(c::ATTENDEE_TYPE, kind);
    Some(attendee)
}

/// The bits of MeetingStatus.
pub(super) fn status(item: &Properties) -> u8 {
    item.text(c::MEETING_STATUS).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Writes ORGANIZER and ATTENDEE lines. Organizer of what has attendees is the user when nobody else is named.
pub(super) fn write(item: &Properties, home: &Home, method: Option<&str>, out: &mut Lines) {
    let attendees = item.groups(c::ATTENDEES);
    let named = item.text(c::ORGANIZER_EMAIL).filter(|address| !address.is_empty());
    let own = || home.addresses.first().map(String::as_str).filter(|_| !attendees.is_empty());
    if let Some(address) = named.or_else(own) {
        let name = item.text(c::ORGANIZER_NAME).unwrap_or_default();
        out.address("ORGANIZER", &[("CN", name)], address);
    }
    // Old versions cannot say that an answer is wanted.
    let asked = match item.text(c::RESPONSE_REQUESTED) {
        Some(asked) if !asked.is_empty() => asked == "1",
        _ => method == Some("REQUEST"),
    };
    for attendee in attendees {
        let Some(address) = attendee.text(c::EMAIL).filter(|address| !address.is_empty()) else { continue };
        let status = attendee.text(c::ATTENDEE_STATUS);
        let answer =
            ANSWERS.iter().find(|(number, _)| Some(*number) == status).map_or("NEEDS-ACTION", |(_, name)| name);
        let (role, kind) = match attendee.text(c::ATTENDEE_TYPE) {
            Some("2") => ("OPT-PARTICIPANT", ""),
            Some("3") => ("NON-PARTICIPANT", "RESOURCE"),
            _ => ("REQ-PARTICIPANT", ""),
        };
        let name = attendee.text(c::NAME).unwrap_or_default();
        let asked = if asked { "TRUE" } else { "" };
        let parameters = [("ROLE", role), ("CUTYPE", kind), ("PARTSTAT", answer), ("RSVP", asked), ("CN", name)];
        out.address("ATTENDEE", &parameters, address);
    }
}

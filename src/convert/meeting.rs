//! What a mail says of a meeting (MS-ASEMAIL 2.2.2.47, MeetingRequest), from its text/calendar part.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use super::{
    ical::{self, Event, Home},
    zone,
};
use crate::{
    proto::class::{Properties, Value},
    wbxml::{
        Tag,
        tag::{air_sync_base as b, calendar as c, email as e, email2 as e2, meeting_response as m},
    },
};

/// InstanceType (MS-ASEMAIL 2.2.2.39).
mod instance {
    pub(super) const SINGLE: &str = "0";
    pub(super) const SERIES: &str = "1";
    /// An occurrence at its time.
    pub(super) const OCCURRENCE: &str = "2";
    /// An occurrence at another time.
    pub(super) const EXCEPTION: &str = "3";
}

/// MeetingMessageType (MS-ASEMAIL 2.2.2.46).
mod kind {
    pub(super) const UNKNOWN: &str = "0";
    pub(super) const INITIAL: &str = "1";
    pub(super) const UPDATE: &str = "2";
}

/// Under which tags a mail has what an event has under others.
const SAME: [(Tag, Tag); 5] = [
    (c::ALL_DAY_EVENT, e::ALL_DAY_EVENT),
    (c::SENSITIVITY, e::SENSITIVITY),
    (c::BUSY_STATUS, e::BUSY_STATUS),
    (c::TIMEZONE, e::TIME_ZONE),
    (c::DISALLOW_NEW_TIME_PROPOSAL, e::DISALLOW_NEW_TIME_PROPOSAL),
];

/// The same for a rule.
const RULE: [(Tag, Tag); 11] = [
    (c::TYPE, e::TYPE),
    (c::INTERVAL, e::INTERVAL),
    (c::UNTIL, e::UNTIL),
    (c::OCCURRENCES, e::OCCURRENCES),
    (c::WEEK_OF_MONTH, e::WEEK_OF_MONTH),
    (c::DAY_OF_MONTH, e::DAY_OF_MONTH),
    (c::DAY_OF_WEEK, e::DAY_OF_WEEK),
    (c::MONTH_OF_YEAR, e::MONTH_OF_YEAR),
    (c::CALENDAR_TYPE, e2::CALENDAR_TYPE),
    (c::IS_LEAP_MONTH, e2::IS_LEAP_MONTH),
    (c::FIRST_DAY_OF_WEEK, e2::FIRST_DAY_OF_WEEK),
];

/// MeetingRequest of a mail whose text/calendar part is `text`, in the form that `proto::class::email` describes. `method` is that of the part's
/// Content-Type, for texts that have none of their own. Invitations, cancellations, and proposals of another time have one; `None` for
/// everything else: answers, events that are merely published, what cannot be read.
pub fn request(text: &str, method: Option<&str>, home: &Home) -> Option<Properties> {
    let event = ical::read(text, home).ok()?;
    let method = event.method.clone().or_else(|| Some(method?.trim().to_ascii_uppercase()))?;
    if event.uid.is_empty() {
        return None;
    }
    let mut request = Properties::default();
    match method.as_str() {
        "REQUEST" => {
            request.set_text(e2::MEETING_MESSAGE_TYPE, if event.sequence == 0 { kind::INITIAL } else { kind::UPDATE })
        }
        "CANCEL" => request.set_text(e2::MEETING_MESSAGE_TYPE, kind::UNKNOWN),
        "COUNTER" => {
            request.set_text(e2::MEETING_MESSAGE_TYPE, kind::UNKNOWN);
            for (of_event, proposed) in [(c::START_TIME, m::PROPOSED_START_TIME), (c::END_TIME, m::PROPOSED_END_TIME)] {
                request.set_text(proposed, moment(&event, of_event, home).map(compact).unwrap_or_default());
            }
        }
        _ => return None,
    }
    facts(&event, home, &mut request)?;
    when(&event, home, &mut request)?;
    Some(request)
}

fn facts(event: &Event, home: &Home, request: &mut Properties) -> Option<()> {
    let item = &event.item;
    for (of_event, of_mail) in SAME {
        request.set_text(of_mail, item.text(of_event).unwrap_or_default());
    }
    if let Some(place) = item.0.get(&b::LOCATION) {
        request.0.insert(b::LOCATION, place.clone());
    }
    let address = item.text(c::ORGANIZER_EMAIL).unwrap_or_default();
    request.set_text(
        e::ORGANIZER,
        match item.text(c::ORGANIZER_NAME).unwrap_or_default() {
            "" => address.to_owned(),
            name => format!("\"{}\" <{address}>", name.replace(['"', '\\'], "'")),
        },
    );
    request.set_text(e::RESPONSE_REQUESTED, item.text(c::RESPONSE_REQUESTED).unwrap_or("0"));
    // Seconds in a mail, minutes in an event.
    let seconds = item.text(c::REMINDER).and_then(|minutes| minutes.parse::<i32>().ok()?.checked_mul(60));
    request.set_text(e::REMINDER, seconds.map(|seconds| seconds.to_string()).unwrap_or_default());
    request.set_text(c::UID, event.uid.as_str());
    let stamp = item.text(c::DT_STAMP).and_then(civil).and_then(|civil| TimeZone::UTC.to_timestamp(civil).ok());
    request.set_text(e::DT_STAMP, dashed(stamp.or_else(|| moment(event, c::START_TIME, home))?));
    Some(())
}

fn when(event: &Event, home: &Home, request: &mut Properties) -> Option<()> {
    let start = moment(event, c::START_TIME, home)?;
    request.set_text(e::START_TIME, dashed(start));
    request.set_text(e::END_TIME, dashed(moment(event, c::END_TIME, home).unwrap_or(start)));
    let rule = event.item.group(c::RECURRENCE).filter(|rule| !rule.0.is_empty());
    let kind = match &event.instance {
        Some(original) => {
            let original = instant(event, civil(original)?, home)?;
            request.set_text(e::RECURRENCE_ID, dashed(original));
            if original == start { instance::OCCURRENCE } else { instance::EXCEPTION }
        }
        None if rule.is_some() => instance::SERIES,
        None => instance::SINGLE,
    };
    request.set_text(e::INSTANCE_TYPE, kind);
    if let Some(rule) = rule.filter(|_| kind == instance::SERIES) {
        let mut told = Properties::default();
        for (of_event, of_mail) in RULE {
            told.set_text(of_mail, rule.text(of_event).unwrap_or_default());
        }
        request.0.insert(e::RECURRENCES, Value::Groups(vec![told]));
    }
    Some(())
}

/// A moment of the event; of whole days the midnight where the user is.
fn moment(event: &Event, tag: Tag, home: &Home) -> Option<Timestamp> {
    instant(event, event.item.text(tag).and_then(civil)?, home)
}

fn instant(event: &Event, civil: DateTime, home: &Home) -> Option<Timestamp> {
    let zone = match event.item.text(c::ALL_DAY_EVENT) {
        Some("1") => zone::named(&home.zone).unwrap_or(TimeZone::UTC),
        _ => TimeZone::UTC,
    };
    zone.to_timestamp(civil).ok()
}

fn civil(text: &str) -> Option<DateTime> {
    text.trim_end_matches('Z').parse().ok()
}

fn dashed(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

fn compact(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> Home {
        Home { zone: "Europe/Berlin".into(), addresses: vec!["me@example.test".into()] }
    }

    fn text(method: &str, lines: &[&str]) -> String {
        let method = if method.is_empty() { String::new() } else { format!("METHOD:{method}\r\n") };
        format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{method}BEGIN:VEVENT\r\nUID:u1@x\r\nDTSTAMP:20261101T120000Z\r\n\
             ORGANIZER;CN=Ann \"A\":mailto:ann@example.test\r\nATTENDEE;RSVP=TRUE;PARTSTAT=NEEDS-ACTION:mailto:me@example.test\r\n\
             SUMMARY:Talk\r\n{}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
            lines.join("\r\n")
        )
    }

    const TIMED: [&str; 2] = ["DTSTART;TZID=Europe/Berlin:20261201T090000", "DTEND;TZID=Europe/Berlin:20261201T100000"];

    fn of(method: &str, lines: &[&str]) -> Properties {
        request(&text(method, lines), None, &home()).unwrap()
    }

    #[test]
    fn an_invitation() {
        let more = ["LOCATION:Room 5", "BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT15M", "END:VALARM"];
        let found = of("REQUEST", &[&TIMED[..], &more].concat());
        for (tag, value) in [
            (e::ALL_DAY_EVENT, "0"),
            (e::START_TIME, "2026-12-01T08:00:00.000Z"),
            (e::END_TIME, "2026-12-01T09:00:00.000Z"),
            (e::DT_STAMP, "2026-11-01T12:00:00.000Z"),
            (e::INSTANCE_TYPE, "0"),
            (e::REMINDER, "900"),
            (e::RESPONSE_REQUESTED, "1"),
            (e::SENSITIVITY, "0"),
            (e::BUSY_STATUS, "2"),
            (c::UID, "u1@x"),
            (e2::MEETING_MESSAGE_TYPE, "1"),
        ] {
            assert_eq!(found.text(tag), Some(value), "{tag:?}");
        }
        assert!(
            found.text(e::ORGANIZER).is_some_and(|o| o.ends_with("<ann@example.test>") && o.matches('"').count() == 2)
        );
        assert!(
            found
                .text(e::TIME_ZONE)
                .and_then(crate::proto::class::Blob::parse)
                .is_some_and(|blob| blob.standard.name() == "Europe/Berlin")
        );
        assert_eq!(found.group(b::LOCATION).and_then(|place| place.text(b::DISPLAY_NAME)), Some("Room 5"));
        assert!([e::RECURRENCE_ID, e::RECURRENCES].iter().all(|tag| !found.0.contains_key(tag)));
    }

    #[test]
    fn series_and_occurrences() {
        let series =
            of("REQUEST", &[&TIMED[..], &["RRULE:FREQ=WEEKLY;BYDAY=TU;UNTIL=20270131T090000Z", "SEQUENCE:2"]].concat());
        assert_eq!([e::INSTANCE_TYPE, e2::MEETING_MESSAGE_TYPE].map(|tag| series.text(tag)), [Some("1"), Some("2")]);
        let [rule] = series.groups(e::RECURRENCES) else { panic!("{series:?}") };
        let told = [e::TYPE, e::INTERVAL, e::DAY_OF_WEEK, e::UNTIL].map(|tag| rule.text(tag));
        assert_eq!(told, [Some("1"), Some("1"), Some("4"), Some("20270131T080000Z")]);
        let moved = of("REQUEST", &[&TIMED[..], &["RECURRENCE-ID:20261202T080000Z"]].concat());
        assert_eq!(
            [e::INSTANCE_TYPE, e::RECURRENCE_ID].map(|tag| moved.text(tag)),
            [Some("3"), Some("2026-12-02T08:00:00.000Z")]
        );
        let gone = of("CANCEL", &[&TIMED[..], &["RECURRENCE-ID:20261201T080000Z"]].concat());
        assert_eq!([e::INSTANCE_TYPE, e2::MEETING_MESSAGE_TYPE].map(|tag| gone.text(tag)), [Some("2"), Some("0")]);
    }

    #[test]
    fn whole_days_begin_where_the_user_is() {
        let found = of("REQUEST", &["DTSTART;VALUE=DATE:20261201", "DTEND;VALUE=DATE:20261202"]);
        let told = [e::ALL_DAY_EVENT, e::START_TIME, e::END_TIME].map(|tag| found.text(tag));
        assert_eq!(told, [Some("1"), Some("2026-11-30T23:00:00.000Z"), Some("2026-12-01T23:00:00.000Z")]);
    }

    #[test]
    fn another_time_is_proposed() {
        let found = of("COUNTER", &TIMED);
        let told = [m::PROPOSED_START_TIME, m::PROPOSED_END_TIME].map(|tag| found.text(tag));
        assert_eq!(told, [Some("20261201T080000Z"), Some("20261201T090000Z")]);
    }

    #[test]
    fn answers_and_published_events_are_no_requests() {
        for method in ["REPLY", "PUBLISH", "REFRESH", ""] {
            assert_eq!(request(&text(method, &TIMED), None, &home()), None, "{method}");
        }
        assert!(request(&text("", &TIMED), Some("request"), &home()).is_some(), "the method of the part counts");
        for broken in ["", "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR", "\u{0}\u{1}"] {
            assert_eq!(request(broken, Some("REQUEST"), &home()), None);
        }
        let nameless = text("REQUEST", &TIMED).replace("UID:u1@x\r\n", "");
        assert_eq!(request(&nameless, None, &home()), None);
    }
}

//! Neutral events through iCalendar, and through every version of the protocol.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{
    super::{read, write},
    corpus::samples,
    flat, home, strategy,
};
use crate::{
    proto::{
        Version,
        class::{Class, Properties, Sender, Value, View, encoded, patch, read_item},
    },
    wbxml::{
        Reader,
        tag::{air_sync_base as b, calendar as c},
    },
};

const VERSIONS: [Version; 4] = [Version::V2_5, Version::V12_1, Version::V14_1, Version::V16_1];

/// What a phone that sends back what it was sent means.
fn through(item: &Properties, version: Version) -> Properties {
    let view = View::plain(version);
    let document = encoded(Class::Calendar, item, &view);
    let mut reader = Reader::new(&document).unwrap();
    reader.root().unwrap();
    let (sent, sound) = read_item(&mut reader, version).unwrap();
    assert!(sound);
    let sender = Sender { version, supported: None, shown: &BTreeSet::new() };
    patch(Class::Calendar, sender, &sent, &Properties::default()).set
}

/// The item without what the version has no element for, and with what it always says.
fn carried(item: &Properties, version: Version) -> Properties {
    let mut item = item.clone();
    let mut lost = vec![c::DT_STAMP];
    if version < Version::V14_0 {
        lost.extend([c::RESPONSE_TYPE, c::RESPONSE_REQUESTED, c::DISALLOW_NEW_TIME_PROPOSAL]);
    }
    if version < Version::V14_1 {
        lost.push(c::ONLINE_MEETING_EXTERNAL_LINK);
    }
    if version >= Version::V16_0 && item.text(c::ALL_DAY_EVENT) == Some("1") {
        lost.push(c::TIMEZONE);
    }
    item.0.retain(|tag, _| !lost.contains(tag));
    if let Some(Value::Group(rule)) = item.0.get_mut(&c::RECURRENCE) {
        let weekly = rule.text(c::TYPE) == Some("1");
        if version < Version::V14_1 {
            rule.0.remove(&c::FIRST_DAY_OF_WEEK);
        } else if weekly && rule.text(c::FIRST_DAY_OF_WEEK).is_none() {
            rule.set_text(c::FIRST_DAY_OF_WEEK, "1");
        }
        if version >= Version::V14_0 && !matches!(rule.text(c::TYPE), Some("0" | "1")) {
            rule.set_text(c::CALENDAR_TYPE, "0");
        }
    }
    if let Some(Value::Groups(exceptions)) = item.0.get_mut(&c::EXCEPTIONS) {
        for exception in exceptions {
            if version < Version::V14_0 {
                exception.0.remove(&c::ATTENDEES);
                exception.0.remove(&c::RESPONSE_TYPE);
            }
            part(exception, version);
        }
    }
    part(&mut item, version);
    item
}

/// Attendees and place, of the series and of an exception.
fn part(item: &mut Properties, version: Version) {
    if let Some(Value::Groups(attendees)) = item.0.get_mut(&c::ATTENDEES) {
        for attendee in attendees.iter_mut().filter(|_| version < Version::V12_0) {
            attendee.0.remove(&c::ATTENDEE_STATUS);
            attendee.0.remove(&c::ATTENDEE_TYPE);
        }
    }
    if let Some(Value::Group(place)) = item.0.get_mut(&b::LOCATION)
        && version < Version::V16_0
    {
        place.0.retain(|tag, _| *tag == b::DISPLAY_NAME);
        if place.0.is_empty() {
            item.0.remove(&b::LOCATION);
        }
    }
}

/// Without what exceptions have empty.
fn without_empty(item: &Properties) -> BTreeMap<String, String> {
    flat(item).into_iter().filter(|(path, value)| !(path.starts_with("Exceptions/") && value.is_empty())).collect()
}

#[test]
fn the_corpus_survives_every_version() {
    for sample in samples() {
        let event = read(&sample.text, &home(sample.zone)).unwrap();
        for version in VERSIONS {
            let expected = without_empty(&carried(&event.item, version));
            let found = without_empty(&through(&event.item, version));
            assert_eq!(expected, found, "{} {version:?}", sample.name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn events_survive_icalendar(event in strategy::events()) {
        let home = home(&event.home);
        let written = write(&event.item, "generated@example.test", &event.zone, &home, None);
        let again = read(&written, &home).unwrap();
        prop_assert_eq!(flat(&event.item), flat(&again.item), "{}", written);
        prop_assert!(!again.simplified);
        if again.item.text(c::ALL_DAY_EVENT) == Some("0") {
            prop_assert!(again.zone.is_none() || again.zone.as_deref() == Some(event.zone.as_str()));
        }
        for line in written.split("\r\n") {
            prop_assert!(line.len() <= 75 && !line.contains(['\r', '\n']), "{}", line);
        }
    }

    #[test]
    fn events_survive_every_version(event in strategy::events()) {
        for version in VERSIONS {
            let expected = without_empty(&carried(&event.item, version));
            prop_assert_eq!(expected, without_empty(&through(&event.item, version)), "{:?}", version);
        }
    }
}

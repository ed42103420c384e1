//! Texts that mean no good.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{
    super::{Unreadable, read, write},
    corpus::samples,
    home,
};

fn event(body: &str) -> String {
    format!("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:x\r\n{body}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
}

fn why(text: &str) -> Option<Unreadable> {
    read(text, &home("Europe/Berlin")).err()
}

#[test]
fn what_is_no_event_says_why() {
    assert_eq!(why(""), Some(Unreadable::NoEvent));
    assert_eq!(why("A fatal error has occurred"), Some(Unreadable::NoEvent));
    assert_eq!(why("BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\nEND:VTODO\r\nEND:VCALENDAR"), Some(Unreadable::NoEvent));
    assert_eq!(why(&event("SUMMARY:x")), Some(Unreadable::NoStart));
    for start in ["tomorrow", "20261324", "20260230T000000Z", "00000000T000000Z", "99991231T235959Z", ""] {
        assert_eq!(why(&event(&format!("DTSTART:{start}"))), Some(Unreadable::NoStart), "{start}");
    }
}

#[test]
fn too_much_is_refused() {
    assert_eq!(why(&" ".repeat(9 << 20)), Some(Unreadable::TooLarge));
    assert_eq!(why(&"BEGIN:VEVENT\r\nEND:VEVENT\r\n".repeat(20_001)), Some(Unreadable::TooLarge));
    let dates = |n: u32| {
        let day = |n: u32| format!("EXDATE;VALUE=DATE:{}{:02}{:02}\r\n", 2027 + n / 336, n / 28 % 12 + 1, n % 28 + 1);
        let days: String = (0..n).map(day).collect();
        event(&format!("DTSTART:20261124T080000Z\r\nRRULE:FREQ=DAILY\r\n{days}"))
    };
    assert_eq!(why(&dates(2000)), None);
    assert_eq!(why(&dates(2001)), Some(Unreadable::TooLarge));
}

#[test]
fn nothing_is_expanded_without_end() {
    let begin = Instant::now();
    for rule in [
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;COUNT=4294967295",
        "FREQ=MONTHLY;INTERVAL=999;BYMONTHDAY=31;COUNT=20000",
        "FREQ=SECONDLY;COUNT=4294967295",
        "FREQ=YEARLY;INTERVAL=65535",
        "FREQ=DAILY;UNTIL=99991231T235959Z",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=1000",
    ] {
        let text = event(&format!("DTSTART:20261124T080000Z\r\nRRULE:{rule}"));
        let home = home("Europe/Berlin");
        let event = read(&text, &home).unwrap();
        let written = write(&event.item, "x", "Europe/Berlin", &home, None);
        assert!(written.len() < 100_000);
        read(&written, &home).unwrap();
    }
    let deep = "BEGIN:VEVENT\r\n".repeat(15_000);
    assert!(why(&deep).is_some());
    assert!(begin.elapsed() < Duration::from_secs(20));
}

#[test]
fn control_characters_do_not_get_through() {
    let text = event("DTSTART:20261124T080000Z\r\nSUMMARY:a\u{0}b\u{1b}c\r\nDESCRIPTION:x\u{0}\\ny");
    let event = read(&text, &home("UTC")).unwrap();
    let flat = super::flat(&event.item);
    assert_eq!((flat["Subject"].as_str(), flat["Body"].as_str()), ("abc", "x\r\ny"));
}

proptest! {
    /// Texts that are nearly those of the corpus: cut, doubled and changed at any place.
    #[test]
    fn damaged_texts_are_read_or_refused(n in 0..1000_usize, changes in prop::collection::vec((any::<prop::sample::Index>(), ".{0,6}", 0..40_usize), 1..6)) {
        let samples = samples();
        let mut text: Vec<char> = samples[n % samples.len()].text.chars().collect();
        for (at, new, cut) in changes {
            let at = at.index(text.len() + 1);
            let end = (at + cut).min(text.len());
            text.splice(at..end, new.chars());
        }
        let text: String = text.into_iter().collect();
        let home = home("Europe/Berlin");
        if let Ok(event) = read(&text, &home) {
            let zone = event.zone.as_deref().unwrap_or("Europe/Berlin");
            let written = write(&event.item, &event.uid, zone, &home, None);
            prop_assert!(read(&written, &home).is_ok(), "{}", written);
        }
    }
}

#[test]
fn a_series_that_is_counted_and_ends_before_it_begins_has_its_first_occurrence() {
    let body = "DTSTART;TZID=Europe/Berlin:20261124T090000\r\nDTEND;TZID=Europe/Berlin:20261124T100000\r\n\
        RRULE:FREQ=DAILY;COUNT=100;UNTIL=20261101T080000Z";
    let home = home("Europe/Berlin");
    let one = read(&event(body), &home).unwrap();
    let again = read(&write(&one.item, "x", "Europe/Berlin", &home, None), &home).unwrap();
    assert_eq!(one.item, again.item);
}

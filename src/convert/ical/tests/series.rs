//! Occurrences.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{
    super::{aligned, is_in_horde, nearest, occurrences, times},
    strategy,
};
use crate::{
    proto::class::{Properties, Value},
    wbxml::{Tag, tag::calendar as c},
};

fn at(text: &str) -> Timestamp {
    times::moment(text).unwrap()
}

fn series(start: &str, end: &str, rule: &[(Tag, &str)]) -> Properties {
    let mut item = Properties::default();
    item.set_text(c::START_TIME, start);
    item.set_text(c::END_TIME, end);
    let rule = rule.iter().map(|(tag, text)| (*tag, Value::Text((*text).to_owned()))).collect();
    item.0.insert(c::RECURRENCE, Value::Group(Properties(rule)));
    item
}

fn starts(item: &Properties, zone: &str, from: &str, to: &str, limit: usize) -> Vec<String> {
    occurrences(item, zone, at(from), at(to), limit).into_iter().map(times::compact).collect()
}

#[test]
fn a_window_far_away_is_as_if_counted_from_the_start() {
    let item = series("20000103T080000Z", "20000103T090000Z", &[(c::TYPE, "1"), (c::DAY_OF_WEEK, "2")]);
    let berlin = "Europe/Berlin";
    assert_eq!(
        starts(&item, berlin, "20260323T000000Z", "20260401T000000Z", 10),
        ["20260323T080000Z", "20260330T070000Z"]
    );
    assert_eq!(starts(&item, berlin, "20260323T080001Z", "20260330T070000Z", 10), [""; 0]);
    assert_eq!(starts(&item, berlin, "19990101T000000Z", "20260401T000000Z", 1), ["20000103T080000Z"]);
}

#[test]
fn a_single_event_has_its_start() {
    let mut item = series("20260323T080000Z", "20260323T090000Z", &[]);
    item.0.remove(&c::RECURRENCE);
    assert_eq!(starts(&item, "UTC", "20260101T000000Z", "20270101T000000Z", 10), ["20260323T080000Z"]);
    assert_eq!(starts(&item, "UTC", "20260401T000000Z", "20270101T000000Z", 10), [""; 0]);
    assert_eq!(aligned(&item, "UTC"), item);
}

#[test]
fn days_that_never_come_end_the_search() {
    let rule = [(c::TYPE, "5"), (c::DAY_OF_MONTH, "30"), (c::MONTH_OF_YEAR, "2")];
    let item = series("20260323T080000Z", "20260323T090000Z", &rule);
    assert_eq!(starts(&item, "UTC", "20260101T000000Z", "99991201T000000Z", 10), [""; 0]);
    assert_eq!(aligned(&item, "UTC"), item);
}

#[test]
fn until_is_the_start_of_the_last_or_any_time_before_the_next() {
    for (until, last) in [
        ("20260325T080000Z", "20260325T080000Z"),
        ("20260326T075959Z", "20260325T080000Z"),
        ("20260325T225959Z", "20260325T080000Z"),
        // Midnight of the last day in Berlin is before the last start.
        ("20260324T230000Z", "20260324T080000Z"),
        ("20200101T000000Z", "20260323T080000Z"),
    ] {
        let item = series("20260323T080000Z", "20260323T090000Z", &[(c::TYPE, "0"), (c::UNTIL, until)]);
        let all = starts(&item, "Europe/Berlin", "20260101T000000Z", "20270101T000000Z", 100);
        assert_eq!(all.last().map(String::as_str), Some(last), "{until}");
    }
}

/// Phones send what is an hour or half a day off; what is nowhere near an occurrence is none.
#[test]
fn shifted_starts_mean_the_nearest_occurrence() {
    let item = series("20260317T080000Z", "20260317T090000Z", &[(c::TYPE, "1"), (c::DAY_OF_WEEK, "4")]);
    for (sent, meant) in [
        ("20260331T070000Z", Some("20260331T070000Z")),
        ("20260331T080000Z", Some("20260331T070000Z")),
        ("20260330T220000Z", Some("20260331T070000Z")),
        ("20260331T220000Z", Some("20260331T070000Z")),
        ("20260403T070000Z", None),
    ] {
        assert_eq!(nearest(&item, "Europe/Berlin", at(sent)), meant.map(at), "{sent}");
    }
}

#[test]
fn what_horde_cannot_say() {
    for (kind, week, days, fits) in [
        ("3", "2", "4", true),
        ("3", "5", "32", true),
        ("3", "3", "127", true),
        ("3", "5", "127", false),
        ("3", "1", "62", false),
        ("6", "4", "16", true),
        ("6", "5", "1", false),
        ("6", "1", "65", false),
    ] {
        let rule = [(c::TYPE, kind), (c::WEEK_OF_MONTH, week), (c::DAY_OF_WEEK, days), (c::MONTH_OF_YEAR, "3")];
        let item = series("20260317T080000Z", "20260317T090000Z", &rule);
        assert_eq!(is_in_horde(&item, "UTC"), fits, "{rule:?}");
    }
    // 17 March 2026 is a Tuesday; with Sunday as the first day of the week the next occurrence is on the 29th, else on the 22nd.
    for (interval, days, first_day, fits) in [
        ("1", "5", "0", true),
        ("2", "5", "0", false),
        ("2", "5", "1", true),
        ("2", "4", "0", true),
        ("2", "20", "0", true),
    ] {
        let rule = [(c::TYPE, "1"), (c::INTERVAL, interval), (c::DAY_OF_WEEK, days), (c::FIRST_DAY_OF_WEEK, first_day)];
        let item = series("20260317T080000Z", "20260317T090000Z", &rule);
        assert_eq!(is_in_horde(&item, "UTC"), fits, "{rule:?}");
    }
    let lunar = series("20260317T080000Z", "20260317T090000Z", &[(c::TYPE, "4")]);
    assert!(!is_in_horde(&lunar, "UTC"));
}

proptest! {
    #[test]
    fn occurrences_are_in_order_and_on_the_clock_of_the_zone(event in strategy::events(), back in 0..4000_i64) {
        let zone = times::zone_of(&event.zone);
        let far = Timestamp::from_second(9_000_000_000).unwrap();
        let all = occurrences(&event.item, &event.zone, Timestamp::MIN, far, 60);
        prop_assert!(all.is_sorted());
        prop_assert_eq!(all.first().copied(), event.item.text(c::START_TIME).and_then(times::moment));
        // In a window there are the same ones.
        let (from, to) = (all[0] + SignedDuration::from_hours(back), far);
        let expected: Vec<Timestamp> = all.iter().copied().filter(|start| *start >= from).collect();
        prop_assert_eq!(&occurrences(&event.item, &event.zone, from, to, 60)[..expected.len()], &expected[..]);
        if event.item.text(c::ALL_DAY_EVENT) == Some("0") {
            let clock = zone.to_datetime(all[0]).time();
            for start in &all {
                // Or the clock does not show that time on that day.
                let shown = zone.to_datetime(*start);
                prop_assert!(shown.time() == clock || zone.to_ambiguous_timestamp(shown.date().to_datetime(clock)).is_ambiguous());
            }
        }
    }
}

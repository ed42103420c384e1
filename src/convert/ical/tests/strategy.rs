//! Generated neutral events, in the one form in which reading gives them.

use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Date, DateTime, Time},
    tz::TimeZone,
};
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::super::{
    aligned, occurrences,
    times::{compact, zone_of},
};
use crate::{
    convert::zone,
    proto::class::{Body, BodyKind, Properties, Value},
    wbxml::{
        Tag,
        tag::{air_sync_base as b, calendar as c},
    },
};

/// Zones of all kinds: northern, southern, half hours, half an hour of daylight time, without a rule, without daylight time.
pub(crate) const ZONES: [&str; 12] = [
    "Europe/Berlin",
    "America/New_York",
    "Europe/London",
    "Europe/Dublin",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Asia/Tokyo",
    "America/St_Johns",
    "Pacific/Auckland",
    "Africa/Casablanca",
    "America/Santiago",
];

/// A generated event.
#[derive(Debug, Clone)]
pub(crate) struct Generated {
    pub(crate) item: Properties,
    /// In which it takes place.
    pub(crate) zone: String,
    /// The user's zone.
    pub(crate) home: String,
}

fn words() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "[a-zA-Z]{1,12}",
        "[äöüß€漢字éñ]{1,5}",
        Just("😀🎂👩‍👩‍👧".to_owned()),
        Just("a,b;c\\d:e\"f".to_owned()),
        Just("\\n\\N\\,".to_owned()),
        Just("BEGIN:VEVENT".to_owned()),
        Just("<b>&amp;</b>".to_owned()),
    ];
    vec(word, 1..8).prop_map(|words| words.join(" "))
}

fn text(pairs: &[(Tag, String)]) -> Properties {
    Properties(pairs.iter().map(|(tag, text)| (*tag, Value::Text(text.clone()))).collect())
}

/// What an event says besides its times.
fn facts() -> impl Strategy<Value = Properties> {
    let body = vec(option::of(words()), 1..6).prop_map(|lines| {
        let lines: Vec<String> = lines.into_iter().map(Option::unwrap_or_default).collect();
        let data = lines.join("\r\n");
        (!data.trim().is_empty()).then_some(Value::Body(Body { kind: BodyKind::Plain, data }))
    });
    let place = (words(), option::of((-900..900_i32, -1800..1800_i32))).prop_map(|(name, geo)| {
        let mut place = text(&[(b::DISPLAY_NAME, name)]);
        if let Some((latitude, longitude)) = geo {
            place.set_text(b::LATITUDE, (f64::from(latitude) / 10.0).to_string());
            place.set_text(b::LONGITUDE, (f64::from(longitude) / 10.0).to_string());
        }
        Value::Group(place)
    });
    let numbers = (select(vec!["0", "2", "3"]), 0..5_u8, option::of(0..20_000_i32));
    let texts = (option::of(words()), body, option::of(place), vec(words(), 0..4));
    (texts, numbers).prop_map(|((subject, body, place, categories), (class, busy, reminder))| {
        let mut item = text(&[(c::SENSITIVITY, class.to_owned()), (c::BUSY_STATUS, busy.to_string())]);
        item.set_text(c::SUBJECT, subject.unwrap_or_default());
        item.set_text(c::REMINDER, reminder.map(|r| r.to_string()).unwrap_or_default());
        let more = [(b::BODY, body), (b::LOCATION, place)];
        item.0.extend(more.into_iter().filter_map(|(tag, value)| Some((tag, value?))));
        if !categories.is_empty() {
            item.0.insert(c::CATEGORIES, Value::List(categories));
        }
        item
    })
}

/// Attendees with the organizer and everything that follows from them.
fn people() -> impl Strategy<Value = Properties> {
    let attendee = ("[a-y]{3,8}", option::of(words()), 2..=5_u8, 1..=3_u8).prop_map(|(local, name, status, kind)| {
        let mut attendee = text(&[
            (c::EMAIL, format!("{local}@example.org")),
            (c::ATTENDEE_STATUS, status.to_string()),
            (c::ATTENDEE_TYPE, kind.to_string()),
        ]);
        attendee.set_text(c::NAME, name.unwrap_or_default().replace('"', "'").replace('\\', "/"));
        attendee
    });
    let own = option::of(2..=5_u8);
    (vec(attendee, 0..5), own, any::<bool>(), any::<bool>()).prop_map(|(mut attendees, own, received, cancelled)| {
        let mut item = Properties::default();
        let cancelled = u8::from(cancelled) * 4;
        if attendees.is_empty() {
            item.set_text(c::MEETING_STATUS, if cancelled == 0 { "0" } else { "5" });
            return item;
        }
        let mut response = if received { "0".to_owned() } else { "1".to_owned() };
        if let Some(status) = own.filter(|_| received) {
            let status = status.to_string();
            response.clone_from(&status);
            let pairs = [(c::EMAIL, "alice@example.test".to_owned()), (c::ATTENDEE_STATUS, status)];
            let mut me = text(&pairs);
            me.set_text(c::ATTENDEE_TYPE, "1");
            attendees.push(me);
        }
        item.set_text(c::MEETING_STATUS, (1 + 2 * u8::from(received) + cancelled).to_string());
        item.set_text(c::ORGANIZER_EMAIL, if received { "zoe@example.org" } else { "alice@example.test" });
        item.set_text(c::RESPONSE_TYPE, response);
        item.set_text(c::RESPONSE_REQUESTED, "1");
        item.0.insert(c::ATTENDEES, Value::Groups(attendees));
        item
    })
}

/// A rule for a series that begins on or after that day; without end.
fn rule() -> impl Strategy<Value = Properties> {
    let many = select(vec![62_u32, 65, 20, 127]);
    let single = (0..7_u32).prop_map(|n| 1_u32 << n);
    let pattern = prop_oneof![
        Just((0, vec![])),
        (1..=127_u32).prop_map(|days| (1, vec![(c::DAY_OF_WEEK, days)])),
        (1..=31_u32).prop_map(|day| (2, vec![(c::DAY_OF_MONTH, day)])),
        (1..=5_u32, single.clone()).prop_map(|(n, days)| (3, vec![(c::WEEK_OF_MONTH, n), (c::DAY_OF_WEEK, days)])),
        many.clone().prop_map(|days| (3, vec![(c::WEEK_OF_MONTH, 5), (c::DAY_OF_WEEK, days)])),
        (1..=12_u32, 1..=28_u32).prop_map(|(month, day)| (5, vec![(c::MONTH_OF_YEAR, month), (c::DAY_OF_MONTH, day)])),
        Just((5, vec![(c::MONTH_OF_YEAR, 2), (c::DAY_OF_MONTH, 29)])),
        (1..=12_u32, 1..=5_u32, single).prop_map(|(month, n, days)| {
            (6, vec![(c::MONTH_OF_YEAR, month), (c::WEEK_OF_MONTH, n), (c::DAY_OF_WEEK, days)])
        }),
        (1..=12_u32, many).prop_map(|(month, days)| {
            (6, vec![(c::MONTH_OF_YEAR, month), (c::WEEK_OF_MONTH, 5), (c::DAY_OF_WEEK, days)])
        }),
    ];
    (pattern, 1..4_u8, option::of(0..7_u8)).prop_map(
        |((kind, numbers), interval, first_day): ((_, Vec<(Tag, u32)>), _, _)| {
            let mut rule = text(&[(c::TYPE, kind.to_string()), (c::INTERVAL, interval.to_string())]);
            for (tag, number) in numbers {
                rule.set_text(tag, number.to_string());
            }
            if let Some(day) = first_day.filter(|_| kind == 1) {
                rule.set_text(c::FIRST_DAY_OF_WEEK, day.to_string());
            }
            rule
        },
    )
}

/// One exception: deleted, or moved by so many minutes and with other facts.
type Exception = Option<(i64, i64, bool, Properties)>;

fn exceptions() -> impl Strategy<Value = Vec<(usize, Exception)>> {
    let exception = option::of((-2000..2000_i64, 0..600_i64, any::<bool>(), facts()));
    vec((0..12_usize, exception), 0..5)
}

fn set_times(item: &mut Properties, start: Timestamp, end: Timestamp) {
    item.set_text(c::START_TIME, compact(start));
    item.set_text(c::END_TIME, compact(end));
}

fn midnight(date: Date) -> Timestamp {
    TimeZone::UTC.to_timestamp(date.to_datetime(Time::midnight())).unwrap()
}

/// What the exception says that the series does not say.
fn own(facts: Properties, series: &Properties) -> Properties {
    let mut own = Properties::default();
    for tag in [c::SUBJECT, b::BODY, b::LOCATION, c::CATEGORIES, c::SENSITIVITY, c::BUSY_STATUS, c::REMINDER] {
        let empty = |value: &Value| match value {
            Value::List(_) => Value::List(Vec::new()),
            Value::Body(_) => Value::Body(Body::default()),
            Value::Group(_) => Value::Group(Properties::default()),
            _ => Value::Text(String::new()),
        };
        match (facts.0.get(&tag), series.0.get(&tag)) {
            (mine, before) if mine == before => {}
            (Some(mine), _) => drop(own.0.insert(tag, mine.clone())),
            (None, Some(before)) => drop(own.0.insert(tag, empty(before))),
            (None, None) => {}
        }
    }
    own
}

fn make_series(item: &mut Properties, zone: &str, end: (u8, usize), exceptions: Vec<(usize, Exception)>) {
    let all_day = item.text(c::ALL_DAY_EVENT) == Some("1");
    *item = aligned(item, zone);
    let far = Timestamp::from_second(9_000_000_000).unwrap();
    let starts = occurrences(item, zone, Timestamp::MIN, far, 12);
    if starts.is_empty() {
        item.0.remove(&c::RECURRENCE);
        return;
    }
    let Some(Value::Group(rule)) = item.0.get_mut(&c::RECURRENCE) else { return };
    match end {
        (1, n) => rule.set_text(c::UNTIL, compact(starts[n % starts.len()])),
        (2, n) => rule.set_text(c::OCCURRENCES, (n + 1).to_string()),
        _ => {}
    }
    let series = item.clone();
    let mut all = std::collections::BTreeMap::new();
    for (n, exception) in exceptions {
        let start = starts[n % starts.len()];
        let mut one = match exception {
            None => text(&[(c::DELETED, "1".to_owned())]),
            Some((moved, length, swaps, facts)) => {
                let mut one = own(facts, &series);
                if all_day != swaps {
                    let day = TimeZone::UTC.to_datetime(start).date().saturating_add((moved % 20).days());
                    set_times(&mut one, midnight(day), midnight(day.saturating_add((1 + length % 3).days())));
                } else {
                    let start = start + SignedDuration::from_mins(moved);
                    set_times(&mut one, start, start + SignedDuration::from_mins(length));
                }
                if swaps {
                    one.set_text(c::ALL_DAY_EVENT, if all_day { "0" } else { "1" });
                }
                one
            }
        };
        one.set_text(c::EXCEPTION_START_TIME, compact(start));
        all.insert(start, one);
    }
    if !all.is_empty() {
        item.0.insert(c::EXCEPTIONS, Value::Groups(all.into_values().collect()));
    }
}

fn civil() -> impl Strategy<Value = DateTime> {
    (1995..2040_i16, 1..=12_i8, 1..=28_i8, 0..24_i8, 0..60_i8)
        .prop_map(|(year, month, day, hour, minute)| Date::constant(year, month, day).at(hour, minute, 0, 0))
}

/// Events of all kinds.
pub(crate) fn events() -> impl Strategy<Value = Generated> {
    let frame = (select(&ZONES[..]), select(&ZONES[..]), civil(), 0..3000_i64, any::<bool>());
    let recurrence = option::of((rule(), 0..3_u8, 0..12_usize, exceptions()));
    (frame, facts(), people(), recurrence).prop_map(
        |((zone, home, civil, minutes, all_day), facts, people, recurrence)| {
            let mut item = facts;
            item.0.extend(people.0);
            item.set_text(c::UID, "generated@example.test");
            item.set_text(c::DT_STAMP, "20261102T093000Z");
            item.set_text(c::ALL_DAY_EVENT, if all_day { "1" } else { "0" });
            if all_day {
                let last = civil.date().saturating_add((1 + minutes % 10).days());
                set_times(&mut item, midnight(civil.date()), midnight(last));
            } else {
                let start = zone_of(zone).to_timestamp(civil).unwrap();
                set_times(&mut item, start, start + SignedDuration::from_mins(minutes));
            }
            if let Some((rule, end, n, exceptions)) = recurrence {
                item.0.insert(c::RECURRENCE, Value::Group(rule));
                make_series(&mut item, zone, (end, n), exceptions);
            }
            let start = super::super::times::moment(item.text(c::START_TIME).unwrap()).unwrap();
            let blob = if all_day {
                let home = zone_of(home);
                zone::blob(&home, home.to_timestamp(TimeZone::UTC.to_datetime(start)).unwrap())
            } else {
                zone::blob(&zone_of(zone), start)
            };
            item.set_text(c::TIMEZONE, blob.encode());
            Generated { item, zone: zone.to_owned(), home: home.to_owned() }
        },
    )
}

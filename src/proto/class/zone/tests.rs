use jiff::{civil::datetime, tz::TimeZone};
use proptest::prelude::*;

use super::*;

/// The rows of the vectors: name, the fields in words, the blob.
fn vectors() -> Vec<(&'static str, Vec<&'static str>, Blob)> {
    let rows = include_str!("../../../../tests/vectors/timezones.tsv").lines().skip(1);
    let row = |line: &'static str| {
        let columns: Vec<&str> = line.split('\t').collect();
        (columns[0], columns[1..6].to_vec(), Blob::parse(columns[6]).expect(columns[0]))
    };
    rows.map(row).collect()
}

fn berlin() -> Blob {
    vectors().into_iter().find(|(name, ..)| *name == "Europe/Berlin").unwrap().2
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn the_vectors_say_what_their_columns_say() {
    assert_eq!(vectors().len(), 20);
    for (name, columns, blob) in vectors() {
        let date = |d: &SystemTime| match d.month {
            0 => "-".to_owned(),
            _ => format!("{}/{}/{} {:02}:{:02}", d.month, d.day_of_week, d.day, d.hour, d.minute),
        };
        let said = [blob.bias.to_string(), date(&blob.standard.start), date(&blob.daylight.start)];
        assert_eq!(said, columns[1..4], "{name}");
        assert_eq!(blob.daylight.bias.to_string(), columns[4], "{name}");
        assert_eq!(blob.says_nothing(), columns[2] == "-", "{name}");
        assert_eq!(blob.is_zero(), name == "UTC");
    }
}

/// In the year for which they were made, by the time zone database: every half hour of the first and the last days of every month, among
/// which all the changes are, and a few of the others.
#[test]
fn the_vectors_give_the_offsets_of_their_zones() {
    for (name, _, blob) in vectors() {
        let zone = TimeZone::get(name).unwrap();
        let (mut now, end) = (at("2025-01-01T00:00Z"), at("2026-01-01T00:00Z"));
        while now < end {
            assert_eq!(blob.offset_at(now), zone.to_offset(now).seconds(), "{name} {now}");
            let local = blob.to_local(now);
            assert_eq!(blob.to_utc(local), zone.to_timestamp(local).unwrap(), "{name} {local}");
            let day = now.to_zoned(TimeZone::UTC).day();
            now += jiff::SignedDuration::from_mins(if (9..24).contains(&day) { 7 * 60 } else { 30 });
        }
    }
}

#[test]
fn a_time_that_is_left_out_is_later_and_one_that_comes_twice_the_first() {
    let blob = berlin();
    assert_eq!(blob.to_utc(datetime(2025, 3, 30, 2, 30, 0, 0)), at("2025-03-30T01:30Z"));
    assert_eq!(blob.to_utc(datetime(2025, 3, 30, 2, 0, 0, 0)), at("2025-03-30T01:00Z"));
    assert_eq!(blob.to_utc(datetime(2025, 10, 26, 2, 30, 0, 0)), at("2025-10-26T00:30Z"));
    assert_eq!(blob.to_utc(datetime(2025, 10, 26, 3, 0, 0, 0)), at("2025-10-26T02:00Z"));
}

#[test]
fn the_last_second_of_a_day_is_the_midnight_that_follows() {
    let mut blob = berlin();
    // Last Thursday of October, as the law of Egypt has it.
    blob.standard.start =
        SystemTime { month: 10, day_of_week: 4, day: 5, hour: 23, minute: 59, second: 59, milliseconds: 999, year: 0 };
    assert_eq!(blob.offset_at(at("2024-10-31T21:59:59.5Z")), 7200);
    assert_eq!(blob.offset_at(at("2024-10-31T22:00:00Z")), 3600);
    assert_eq!(blob.standard.start.in_year(2024), Some(datetime(2024, 11, 1, 0, 0, 0, 0)));
}

#[test]
fn a_date_with_a_year_comes_once() {
    let mut blob = berlin();
    blob.daylight.start = SystemTime { year: 2016, month: 3, day: 27, hour: 2, ..SystemTime::default() };
    blob.standard.start = SystemTime { year: 2018, month: 10, day: 28, hour: 3, ..SystemTime::default() };
    for (instant, offset) in [
        ("2001-07-01T00:00Z", 3600),
        ("2016-03-27T00:59:59Z", 3600),
        ("2016-03-27T01:00Z", 7200),
        ("2017-12-24T00:00Z", 7200),
        ("2018-10-28T01:00Z", 3600),
        ("2040-07-01T00:00Z", 3600),
    ] {
        assert_eq!(blob.offset_at(at(instant)), offset, "{instant}");
    }
}

#[test]
fn what_cannot_be_a_date_is_no_daylight_time() {
    let zeros = BASE64_STANDARD.encode([0; LENGTH]);
    assert!(Blob::parse(&zeros).unwrap().is_zero());
    for start in [
        SystemTime::default(),
        SystemTime { month: 13, day: 1, ..SystemTime::default() },
        SystemTime { month: 3, day: 6, ..SystemTime::default() },
        SystemTime { month: 3, day: 1, day_of_week: 7, ..SystemTime::default() },
        SystemTime { month: 3, day: 1, hour: 24, ..SystemTime::default() },
        SystemTime { year: 2025, month: 2, day: 29, ..SystemTime::default() },
        SystemTime { year: 65535, month: 2, day: 1, ..SystemTime::default() },
    ] {
        let mut blob = berlin();
        blob.standard.start = start;
        blob.standard.bias = 17;
        assert!(blob.says_nothing() && !blob.is_zero());
        assert_eq!(blob.offset_at(at("2025-07-01T00:00Z")), 3600, "{start:?}");
    }
}

#[test]
fn a_name_is_kept_or_left_out_whole() {
    let mut blob = berlin();
    assert!(!blob.says_nothing());
    blob.standard.set_name("Mitteleuropäische Zeit 🕐");
    assert_eq!(Blob::parse(&blob.encode()).unwrap().standard.name(), "Mitteleuropäische Zeit 🕐");
    blob.standard.set_name("America/Argentina/ComodRivadavia");
    assert_eq!(blob.standard.name(), "");
    blob.standard.name = [0xD800; NAME];
    assert_eq!(blob.standard.name().chars().count(), NAME);
    blob = Blob { bias: -60, ..Blob::default() };
    assert!(blob.says_nothing());
    blob.standard.set_name("CET");
    assert!(!blob.says_nothing());
}

#[test]
fn texts_that_are_no_zone() {
    let whole = berlin().encode();
    assert_eq!(whole.len(), 232);
    assert_eq!(Blob::parse(""), None);
    assert_eq!(Blob::parse("Europe/Berlin"), None);
    assert_eq!(Blob::parse(&whole[..228]), None);
    assert_eq!(Blob::parse(&"A".repeat(5000)), None);
    let berlin = Some(berlin());
    assert_eq!(Blob::parse(whole.trim_end_matches('=')), berlin);
    assert_eq!(Blob::parse(&format!(" {}\r\n {}", &whole[..76], &whole[76..])), berlin);
    let mut longer = BASE64_STANDARD.decode(&whole).unwrap();
    longer.extend([0xFF; 20]);
    assert_eq!(Blob::parse(&BASE64_STANDARD.encode(longer)), berlin);
}

fn system_time() -> impl Strategy<Value = SystemTime> {
    let year = prop_oneof![4 => Just(0_u16), 1 => 1990_u16..2040];
    (year, 0_u16..14, 0_u16..8, 0_u16..32, 0_u16..25, 0_u16..61, 0_u16..61).prop_map(
        |(year, month, day_of_week, day, hour, minute, second)| SystemTime {
            year,
            month,
            day_of_week,
            day: if year == 0 { day % 6 } else { day },
            hour,
            minute,
            second,
            milliseconds: 0,
        },
    )
}

fn likely() -> impl Strategy<Value = Blob> {
    let half = || (system_time(), -200_i32..200);
    (-900_i32..900, half(), half()).prop_map(|(bias, (standard, standard_bias), (daylight, daylight_bias))| Blob {
        bias,
        standard: Observance { name: [0; NAME], start: standard, bias: standard_bias },
        daylight: Observance { name: [0; NAME], start: daylight, bias: daylight_bias },
    })
}

fn any_bytes() -> impl Strategy<Value = Blob> {
    prop::collection::vec(any::<u8>(), LENGTH).prop_map(|bytes| Blob::from_bytes(&bytes).unwrap())
}

proptest! {
    #[test]
    fn what_is_read_is_written_back(bytes in prop::collection::vec(any::<u8>(), LENGTH)) {
        let text = BASE64_STANDARD.encode(&bytes);
        prop_assert_eq!(Blob::parse(&text).unwrap().encode(), text);
    }

    #[test]
    fn no_bytes_and_no_instant_are_too_absurd(
        blob in prop_oneof![any_bytes(), likely()],
        second in prop_oneof![Timestamp::MIN.as_second()..=Timestamp::MAX.as_second(), -5_000_000_000_i64..5_000_000_000],
    ) {
        let at = Timestamp::from_second(second).unwrap();
        let local = blob.to_local(at);
        prop_assert!(blob.offset_at(at).abs() <= 25 * 3600);
        // Twice the same local time: the first is never later, and reads the same.
        let first = blob.to_utc(local);
        prop_assert!(first <= at);
        prop_assert_eq!(blob.to_local(first), local);
        blob.to_utc(DateTime::MIN);
        blob.to_utc(DateTime::MAX);
    }

    #[test]
    fn a_local_time_is_itself_or_in_a_gap(blob in likely(), minutes in 0_i64..20_000_000) {
        let local = datetime(1995, 1, 1, 0, 0, 0, 0) + jiff::Span::new().minutes(minutes);
        let utc = blob.to_utc(local);
        let back = blob.to_local(utc);
        if back != local {
            let (standard, daylight) = blob.offsets();
            for offset in [standard, daylight] {
                let at = offset.to_timestamp(local).unwrap();
                prop_assert_ne!(blob.to_local(at), local);
            }
            prop_assert!(back > local);
        }
    }
}

//! Time zones from a phone: any bytes are read, written back, give instants and local times, and may be looked for.

#![no_main]

use arbitrary::Arbitrary;
use horde_eas::{convert::zone, proto::class::Blob};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

/// Zones with and without a rule.
const ZONES: [&str; 6] =
    ["Europe/Berlin", "Africa/Casablanca", "Pacific/Apia", "Asia/Gaza", "America/Nuuk", "Antarctica/Troll"];

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// Mostly an instant of our days.
    second: i32,
    far: Option<i64>,
    zone: u8,
    tzid: &'a str,
    text: &'a str,
    bytes: &'a [u8],
}

fuzz_target!(|input: Input<'_>| {
    let far = input.far.unwrap_or(input.second.into());
    let at = Timestamp::from_second(far.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second())).unwrap();
    let known = ZONES[usize::from(input.zone) % ZONES.len()];
    for tzid in [input.tzid, known] {
        let Some(rules) = zone::named(tzid) else { continue };
        let blob = zone::blob(&rules, at);
        assert_eq!(Blob::parse(&blob.encode()).as_ref(), Some(&blob));
        check(&blob, tzid, at);
    }
    for blob in [Blob::parse(input.text), Blob::from_bytes(input.bytes)].into_iter().flatten() {
        assert_eq!(Blob::parse(&blob.encode()).as_ref(), Some(&blob));
        check(&blob, known, at);
    }
});

fn check(blob: &Blob, tzid: &str, at: Timestamp) {
    let local = blob.to_local(at);
    let first = blob.to_utc(local);
    assert!(first <= at);
    assert_eq!(blob.to_local(first), local);
    blob.to_utc(local.date().last_of_month().to_datetime(jiff::civil::Time::MAX));
    if let Some(name) = zone::zone(blob, &[tzid], at) {
        assert!(zone::vtimezone(&name, local.date(), local.date()).is_some());
    }
}

//! Any text as an event: it is read or refused; what is read can be written, for Horde and as a mail, and read again as the same.

#![no_main]

use horde_eas::{
    convert::ical::{Home, occurrences, read, write},
    proto::class::Value,
    wbxml::tag::calendar,
};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let home = Home { zone: "Europe/Berlin".to_owned(), addresses: vec!["alice@example.test".to_owned()] };
    let Ok(event) = read(text, &home) else { return };
    let zone = event.zone.as_deref().unwrap_or("Europe/Berlin");
    for start in occurrences(&event.item, zone, Timestamp::MIN, Timestamp::MAX, 100).windows(2) {
        assert!(start[0] < start[1]);
    }
    for method in [None, Some("REQUEST")] {
        let written = write(&event.item, &event.uid, zone, &home, method);
        let again = read(&written, &home).expect("what is written can be read");
        assert!(!again.simplified);
        for tag in [calendar::START_TIME, calendar::END_TIME, calendar::ALL_DAY_EVENT, calendar::RECURRENCE] {
            assert_eq!(event.item.0.get(&tag), again.item.0.get(&tag), "{written}");
        }
        let exceptions = |item: &horde_eas::proto::class::Properties| match item.0.get(&calendar::EXCEPTIONS) {
            Some(Value::Groups(all)) => {
                all.iter().map(|one| one.text(calendar::EXCEPTION_START_TIME).map(str::to_owned)).collect()
            }
            _ => Vec::new(),
        };
        assert_eq!(exceptions(&event.item), exceptions(&again.item), "{written}");
    }
});

//! What is written for Horde and for mails.

use super::{
    super::{occurrence, read, write, write_exception},
    flat, home,
};
use crate::{
    proto::class::{Body, BodyKind, Properties, Value},
    wbxml::{
        Tag,
        tag::{air_sync_base as b, calendar as c},
    },
};

fn text(pairs: &[(Tag, &str)]) -> Properties {
    Properties(pairs.iter().map(|(tag, text)| (*tag, Value::Text((*text).to_owned()))).collect())
}

fn weekly() -> Properties {
    let mut item = text(&[
        (c::SUBJECT, "Series"),
        (c::START_TIME, "20260316T080000Z"),
        (c::END_TIME, "20260316T093000Z"),
        (c::REMINDER, "15"),
        (c::DT_STAMP, "20260101T000000Z"),
    ]);
    let rule = text(&[(c::TYPE, "1"), (c::INTERVAL, "1"), (c::DAY_OF_WEEK, "4")]);
    item.0.insert(c::RECURRENCE, Value::Group(rule));
    item.0.insert(b::LOCATION, Value::Group(text(&[(b::DISPLAY_NAME, "Here")])));
    item
}

fn lines<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let starts = |line: &&str| line.split([':', ';']).next() == Some(name);
    text.split("\r\n").filter(starts).collect()
}

#[test]
fn a_series_begins_with_its_first_occurrence() {
    let written = write(&weekly(), "u", "Europe/Berlin", &home("Europe/Berlin"), None);
    assert!(lines(&written, "DTSTART").contains(&"DTSTART;TZID=Europe/Berlin:20260317T090000"), "{written}");
    assert_eq!(lines(&written, "DTEND"), ["DTEND;TZID=Europe/Berlin:20260317T103000"]);
    assert_eq!(lines(&written, "RRULE").last(), Some(&"RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=TU"));
    // Horde takes a zone only when it has read its rules before.
    assert!(written.find("BEGIN:VTIMEZONE") < written.find("BEGIN:VEVENT"));
}

#[test]
fn for_horde_what_is_not_there_is_written_empty() {
    let item = text(&[(c::START_TIME, "20260316T080000Z"), (c::END_TIME, "20260316T093000Z")]);
    let zone = home("Europe/Berlin");
    let written = write(&item, "u", "Europe/Berlin", &zone, None);
    for line in ["SUMMARY:", "DESCRIPTION:", "LOCATION:", "CATEGORIES:", "CLASS:PUBLIC", "STATUS:CONFIRMED"] {
        assert!(written.contains(&format!("\r\n{line}\r\n")), "{line}\n{written}");
    }
    let mailed = write(&item, "u", "Europe/Berlin", &zone, Some("REQUEST"));
    for name in ["SUMMARY", "DESCRIPTION", "LOCATION", "CATEGORIES"] {
        assert_eq!(lines(&mailed, name), [""; 0], "{mailed}");
    }
    assert_eq!(lines(&mailed, "METHOD"), ["METHOD:REQUEST"]);
}

#[test]
fn in_utc_there_is_no_zone() {
    let item = text(&[(c::START_TIME, "20260316T080000Z"), (c::END_TIME, "20260316T093000Z")]);
    for zone in ["UTC", "Nowhere/Special"] {
        let written = write(&item, "u", zone, &home("Europe/Berlin"), None);
        assert_eq!(lines(&written, "DTSTART"), ["DTSTART:20260316T080000Z"]);
        assert!(!written.contains("VTIMEZONE"));
    }
}

#[test]
fn an_exception_has_everything_that_it_inherits() {
    let mut exception =
        text(&[(c::EXCEPTION_START_TIME, "20260331T070000Z"), (c::SUBJECT, "Other"), (c::REMINDER, "")]);
    exception.0.insert(c::CATEGORIES, Value::List(vec!["A".to_owned()]));
    let berlin = home("Europe/Berlin");
    let written = write_exception(&weekly(), &exception, "u", "Europe/Berlin", &berlin, None);
    assert_eq!(lines(&written, "RECURRENCE-ID"), ["RECURRENCE-ID;TZID=Europe/Berlin:20260331T090000"]);
    assert_eq!(lines(&written, "DTEND"), ["DTEND;TZID=Europe/Berlin:20260331T103000"]);
    assert_eq!(lines(&written, "LOCATION"), ["LOCATION:Here"]);
    assert_eq!(lines(&written, "SUMMARY"), ["SUMMARY:Other"]);
    assert!(!written.contains("VALARM"));
    assert_eq!(written.matches("BEGIN:VEVENT").count(), 1);
    let event = read(&written, &berlin).unwrap();
    assert_eq!(event.instance.as_deref(), Some("20260331T070000Z"));
    assert_eq!(flat(&event.item)["Categories"], "A");
}

#[test]
fn a_deleted_occurrence_alone_is_a_cancelled_one() {
    let deleted = text(&[(c::EXCEPTION_START_TIME, "20260331T070000Z"), (c::DELETED, "1")]);
    let berlin = home("Europe/Berlin");
    let written = write_exception(&weekly(), &deleted, "u", "Europe/Berlin", &berlin, Some("CANCEL"));
    assert_eq!(lines(&written, "STATUS"), ["STATUS:CANCELLED"]);
    let whole = occurrence(&weekly(), &deleted, "Europe/Berlin");
    assert_eq!(whole.text(c::START_TIME), Some("20260331T070000Z"));
    assert_eq!(whole.text(c::END_TIME), Some("20260331T083000Z"));
    assert!(whole.group(c::RECURRENCE).is_none() && whole.text(c::DELETED).is_none());
    // With the whole series it is a date that is left out.
    let mut series = weekly();
    series.0.insert(c::EXCEPTIONS, Value::Groups(vec![deleted]));
    let written = write(&series, "u", "Europe/Berlin", &berlin, None);
    assert_eq!(lines(&written, "EXDATE"), ["EXDATE;TZID=Europe/Berlin:20260331T090000"]);
    assert_eq!(written.matches("BEGIN:VEVENT").count(), 1);
}

/// Horde keeps the day on the user's clock as the day of an exception.
#[test]
fn for_horde_an_original_start_is_on_the_same_day_for_the_user() {
    let mut item = weekly();
    item.set_text(c::START_TIME, "20260317T230000Z");
    item.set_text(c::END_TIME, "20260318T000000Z");
    let exception = text(&[(c::EXCEPTION_START_TIME, "20260324T230000Z"), (c::SUBJECT, "Other")]);
    let berlin = home("Europe/Berlin");
    let new_york = "America/New_York";
    let written = write_exception(&item, &exception, "u", new_york, &berlin, None);
    assert_eq!(lines(&written, "RECURRENCE-ID"), ["RECURRENCE-ID:20260324T190000"]);
    let mailed = write_exception(&item, &exception, "u", new_york, &berlin, Some("REQUEST"));
    assert_eq!(lines(&mailed, "RECURRENCE-ID"), ["RECURRENCE-ID;TZID=America/New_York:20260324T190000"]);
}

#[test]
fn an_html_body_becomes_text() {
    let mut item = text(&[(c::START_TIME, "20260316T080000Z"), (c::END_TIME, "20260316T093000Z")]);
    let html = "<html><head><style>p {}</style></head><body><p>One &amp; &#8364; two</p><!-- no --><div>three<br>four&nbsp;x</div></body>";
    item.0.insert(b::BODY, Value::Body(Body { kind: BodyKind::Html, data: html.to_owned() }));
    let written = write(&item, "u", "UTC", &home("UTC"), None);
    assert_eq!(lines(&written, "DESCRIPTION"), ["DESCRIPTION:One & € two\\n\\nthree\\nfour x"]);
    // What cannot be turned into text leaves what Horde has.
    item.0.insert(b::BODY, Value::Body(Body { kind: BodyKind::Rtf, data: "e1xy".to_owned() }));
    let written = write(&item, "u", "UTC", &home("UTC"), None);
    assert_eq!(lines(&written, "DESCRIPTION"), [""; 0]);
}

#[test]
fn values_cannot_break_out_of_their_line() {
    let evil = "a\r\nBEGIN:VEVENT\r\nUID:x\u{0}\u{7f}";
    let mut item = text(&[(c::SUBJECT, evil), (c::START_TIME, "20260316T080000Z"), (c::END_TIME, "20260316T093000Z")]);
    let attendee = text(&[(c::EMAIL, "a@b\r\nX:y"), (c::NAME, "\"evil\":\r\nX;y")]);
    item.0.insert(c::ATTENDEES, Value::Groups(vec![attendee]));
    item.0.insert(c::CATEGORIES, Value::List(vec![evil.to_owned()]));
    let written = write(&item, evil, "UTC", &home("UTC"), None);
    assert_eq!(written.matches("\r\nBEGIN:VEVENT").count(), 1, "{written}");
    assert!(!written.contains("\r\nX:") && !written.contains("\r\nX;"), "{written}");
    assert!(!written.contains('\u{0}'));
}

#[test]
fn a_place_without_a_name_has_its_address() {
    let mut item = text(&[(c::START_TIME, "20260316T080000Z"), (c::END_TIME, "20260316T093000Z")]);
    let place = text(&[(b::STREET, "Hauptstr. 1"), (b::POSTAL_CODE, "10115"), (b::CITY, "Berlin")]);
    item.0.insert(b::LOCATION, Value::Group(place));
    let written = write(&item, "u", "UTC", &home("UTC"), None);
    assert_eq!(lines(&written, "LOCATION"), ["LOCATION:Hauptstr. 1\\, 10115\\, Berlin"]);
}

//! Events that recur.

use horde_eas::{proto::class::Properties, source::Source, wbxml::tag::calendar as c};
use serde_json::json;

use crate::site::*;

fn series() -> Properties {
    with(&event("Series"), [zone("Europe/Berlin"), weekly()])
}

fn moved(start: &str, to: &str, end: &str) -> Properties {
    exception(start, [text(c::START_TIME, to), text(c::END_TIME, end)])
}

fn count(text: &str, what: &str) -> usize {
    text.lines().filter(|line| line.starts_with(what)).count()
}

#[tokio::test]
async fn a_series_with_exceptions_survives() {
    for home in ["Europe/Berlin", "America/New_York", ""] {
        let site = Site::new(home).await;
        let list = [
            deleted("20261222T080000Z"),
            moved("20261208T080000Z", "20261209T100000Z", "20261209T110000Z"),
            exception("20261215T080000Z", [text(c::SUBJECT, "Special")]),
        ];
        let mut made = with(&series(), [exceptions(list)]);
        let uid = site.add(&made).await;
        made = site_sorted(made);
        assert_eq!(site.read_like(&uid, &made).await, made, "{home}\n{}", site.text(&uid).await);
        let there = site.text(&uid).await;
        assert_eq!(count(&there, "RECURRENCE-ID"), 2, "{there}");

        // Another device changes the series: the exceptions are still those of the same days.
        site.change(&uid, item([text(c::REMINDER, "10")])).await;
        let expected = with(&made, [text(c::REMINDER, "10")]);
        assert_eq!(site.read_like(&uid, &expected).await, expected, "{home}\n{}", site.text(&uid).await);
    }
}

fn site_sorted(mut item: Properties) -> Properties {
    let mut list = item.groups(c::EXCEPTIONS).to_vec();
    list.sort_by_key(|e| e.text(c::EXCEPTION_START_TIME).map(str::to_owned));
    item.0.extend([exceptions(list)]);
    item
}

#[tokio::test]
async fn exceptions_come_change_and_go_one_by_one() {
    let site = Site::new("Europe/Berlin").await;
    let uid = site.add(&series()).await;
    site.change(&uid, item([exceptions([exception("20261208T080000Z", [text(c::SUBJECT, "One")])])])).await;
    site.change(&uid, item([exceptions([moved("20261215T080000Z", "20261215T120000Z", "20261215T130000Z")])])).await;
    let there = site.text(&uid).await;
    assert_eq!((count(&there, "RECURRENCE-ID"), count(&there, "EXDATE")), (2, 0), "{there}");

    // Known ones are changed, not doubled; what the web has of them stays.
    let instance = instance_of(&site, "20261208").await;
    let lines = [
        "DTSTART;TZID=Europe/Berlin:20261208T090000",
        "DTEND;TZID=Europe/Berlin:20261208T100000",
        "URL:https://w.test/",
    ];
    site.web_change(&instance, &lines).await;
    site.change(&uid, item([exceptions([exception("20261208T080000Z", [text(c::SUBJECT, "Two")])])])).await;
    let there = site.text(&uid).await;
    assert_eq!(count(&there, "RECURRENCE-ID"), 2, "{there}");
    assert!(there.contains("SUMMARY:Two") && there.contains("URL:https://w.test/"), "{there}");

    site.change(&uid, item([exceptions([deleted("20261215T080000Z")])])).await;
    site.change(&uid, item([exceptions([deleted("20261229T080000Z")])])).await;
    let there = site.text(&uid).await;
    assert_eq!((count(&there, "RECURRENCE-ID"), count(&there, "EXDATE")), (1, 2), "{there}");
    let seen = site.read(&uid).await;
    let list: Vec<_> =
        seen.groups(c::EXCEPTIONS).iter().map(|e| (e.text(c::EXCEPTION_START_TIME), e.text(c::DELETED))).collect();
    assert_eq!(
        list,
        [
            (Some("20261208T080000Z"), None),
            (Some("20261215T080000Z"), Some("1")),
            (Some("20261229T080000Z"), Some("1"))
        ]
    );

    // A deleted one comes back.
    site.change(&uid, item([exceptions([exception("20261229T080000Z", [text(c::SUBJECT, "Again")])])])).await;
    let there = site.text(&uid).await;
    assert_eq!((count(&there, "RECURRENCE-ID"), count(&there, "EXDATE")), (2, 1), "{there}");
    assert!(there.contains("SUMMARY:Again"), "{there}");
    assert_eq!(site.phone().list(&site.calendar, horde_eas::proto::class::Scope::All).await.unwrap(), [uid.as_str()]);
}

/// The uid of the event that Horde has for an exception.
async fn instance_of(site: &Site, day: &str) -> String {
    let at = jiff::civil::Date::strptime("%Y%m%d", day).unwrap().to_zoned(jiff::tz::TimeZone::UTC).unwrap();
    let from = at.timestamp().as_second();
    let params = json!([from, from + 80_000, [site.calendar], false, false, false, false, false, false]);
    let days = site.web("calendar.listEvents", params).await;
    let event = days[day].as_object().unwrap().values().find(|e| e["baseid"] != "").unwrap().clone();
    event["uid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn another_start_or_rule_ends_the_exceptions() {
    let site = Site::new("Europe/Berlin").await;
    let special =
        || exceptions([exception("20261208T080000Z", [text(c::SUBJECT, "Special")]), deleted("20261215T080000Z")]);
    for change in [
        vec![text(c::START_TIME, "20261201T100000Z"), text(c::END_TIME, "20261201T110000Z")],
        vec![rule(&[(c::TYPE, "0"), (c::INTERVAL, "2"), (c::OCCURRENCES, "5")])],
    ] {
        let uid = site.add(&with(&series(), [special()])).await;
        site.change(&uid, item(change.clone())).await;
        let there = site.text(&uid).await;
        assert_eq!((count(&there, "RECURRENCE-ID"), count(&there, "EXDATE")), (0, 0), "{there}");
        let seen = site.read(&uid).await;
        assert!(seen.groups(c::EXCEPTIONS).is_empty());
        for (tag, value) in change {
            assert_eq!(seen.0.get(&tag), Some(&value), "{there}");
        }
        let events = json!([1796083200, 1798761600, [site.calendar], false, false, false, false, false, false]);
        let orphans = site.web("calendar.listEvents", events).await.to_string().matches("\"Special\"").count();
        assert_eq!(orphans, 0);
        site.phone().delete(&site.calendar, &uid).await.unwrap();
    }
}

#[tokio::test]
async fn a_series_becomes_a_single_event_and_back() {
    let site = Site::new("Europe/Berlin").await;
    for with_exception in [false, true] {
        let mut made = series();
        if with_exception {
            made.0.extend([exceptions([exception("20261208T080000Z", [text(c::SUBJECT, "Special")])])]);
        }
        let uid = site.add(&made).await;
        site.clear(&uid, &[c::RECURRENCE]).await;
        let there = site.text(&uid).await;
        assert_eq!((count(&there, "RRULE:FREQ=WEEKLY;INT"), count(&there, "BEGIN:VEVENT")), (0, 1), "{there}");
        let seen = site.read(&uid).await;
        assert!(!seen.0.contains_key(&c::RECURRENCE) && !seen.0.contains_key(&c::EXCEPTIONS), "{seen:?}");
        site.change(&uid, item([weekly()])).await;
        assert_eq!(site.read(&uid).await.0.get(&c::RECURRENCE), Some(&weekly().1), "{}", site.text(&uid).await);
    }
}

/// The series begins in summer and goes on in winter: its occurrences stay at nine o'clock.
#[tokio::test]
async fn summer_time_within_a_series() {
    for home in ["Europe/Berlin", "America/New_York", ""] {
        let site = Site::new(home).await;
        let span = [text(c::START_TIME, "20261006T070000Z"), text(c::END_TIME, "20261006T080000Z")];
        let winter = exception("20261103T080000Z", [text(c::SUBJECT, "Winter")]);
        let list = [deleted("20261020T070000Z"), winter, deleted("20261110T080000Z")];
        let made = with(&series(), span.into_iter().chain([exceptions(list)]));
        let uid = site.add(&made).await;
        assert_eq!(site.read_like(&uid, &made).await, made, "{home}\n{}", site.text(&uid).await);
        assert!(site.text(&uid).await.contains("DTSTART;TZID=Europe/Berlin:20261006T090000"));
        // A phone whose idea of summer time is another one.
        site.change(&uid, item([exceptions([deleted("20261117T070000Z")])])).await;
        let seen = site.read(&uid).await;
        assert!(
            seen.groups(c::EXCEPTIONS).contains(&deleted("20261117T080000Z")),
            "{seen:?}\n{}",
            site.text(&uid).await
        );
    }
}

/// Late in New York is tomorrow in Berlin.
#[tokio::test]
async fn a_series_whose_days_are_others_where_the_user_is() {
    let site = Site::new("Europe/Berlin").await;
    let span =
        [text(c::START_TIME, "20261202T010000Z"), text(c::END_TIME, "20261202T020000Z"), zone("America/New_York")];
    let list = [deleted("20261209T010000Z"), exception("20261216T010000Z", [text(c::SUBJECT, "Special")])];
    let made = with(&series(), span.into_iter().chain([exceptions(list)]));
    let uid = site.add(&made).await;
    assert_eq!(site.read_like(&uid, &made).await, made, "{}", site.text(&uid).await);
    assert!(site.text(&uid).await.contains("DTSTART;TZID=America/New_York:20261201T200000"));
    site.change(&uid, item([exceptions([deleted("20261223T010000Z")])])).await;
    let seen = site.read(&uid).await;
    assert_eq!(seen.groups(c::EXCEPTIONS).len(), 3, "{seen:?}\n{}", site.text(&uid).await);
}

#[tokio::test]
async fn rules_come_back_as_they_were() {
    let site = Site::new("Europe/Berlin").await;
    let daily = [(c::TYPE, "0"), (c::INTERVAL, "3"), (c::OCCURRENCES, "7")];
    let endless = [(c::TYPE, "1"), (c::INTERVAL, "2"), (c::DAY_OF_WEEK, "4"), (c::FIRST_DAY_OF_WEEK, "0")];
    let until = [(c::TYPE, "1"), (c::INTERVAL, "1"), (c::DAY_OF_WEEK, "12"), (c::UNTIL, "20270105T080000Z")];
    let monthly = [(c::TYPE, "2"), (c::INTERVAL, "1"), (c::DAY_OF_MONTH, "1")];
    let nth = [(c::TYPE, "3"), (c::INTERVAL, "1"), (c::WEEK_OF_MONTH, "1"), (c::DAY_OF_WEEK, "4")];
    let yearly = [(c::TYPE, "5"), (c::INTERVAL, "1"), (c::DAY_OF_MONTH, "1"), (c::MONTH_OF_YEAR, "12")];
    let yearly_nth =
        [(c::TYPE, "6"), (c::INTERVAL, "1"), (c::WEEK_OF_MONTH, "1"), (c::DAY_OF_WEEK, "4"), (c::MONTH_OF_YEAR, "12")];
    for parts in [&daily[..], &endless, &until, &monthly, &nth, &yearly, &yearly_nth] {
        let made = with(&series(), [rule(parts)]);
        let uid = site.add(&made).await;
        assert_eq!(site.read_like(&uid, &made).await, made, "{}", site.text(&uid).await);
    }
}

/// Kronolith's import loses them; its replace does not.
#[tokio::test]
async fn attendees_of_exceptions_are_in_horde() {
    let site = Site::new("Europe/Berlin").await;
    let list =
        [exception("20261208T080000Z", [text(c::SUBJECT, "More"), attendees([attendee("ann@example.test", "3")])])];
    let meeting = attendees([attendee("bob@example.test", "3")]);
    let uid = site.add(&with(&series(), [meeting, exceptions(list)])).await;
    let there = site.text(&uid).await;
    assert_eq!((count(&there, "ATTENDEE"), count(&there, "RECURRENCE-ID")), (2, 1), "{there}");
    let other = exception("20261215T080000Z", [attendees([attendee("ann@example.test", "4")])]);
    site.change(&uid, item([exceptions([other])])).await;
    let there = site.text(&uid).await;
    assert_eq!((count(&there, "ATTENDEE"), count(&there, "RECURRENCE-ID")), (3, 2), "{there}");
    // The first occurrence with nothing but other people: Kronolith takes it for the series itself.
    let first = exception("20261201T080000Z", [attendees([attendee("ann@example.test", "4")])]);
    site.change(&uid, item([exceptions([first])])).await;
    let seen = site.read(&uid).await;
    assert_eq!(seen.groups(c::EXCEPTIONS).len(), 3, "{}", site.text(&uid).await);
}

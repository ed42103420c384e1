//! Windows of time, and what reading costs.

use std::{collections::HashSet, time::Instant};

use horde_eas::{
    horde::{Horde, Login, Settings},
    proto::class::Scope,
    source::{Fetched, Shared, Source, kronolith::Kronolith},
    wbxml::tag::calendar as c,
};
use serde_json::json;

use crate::site::*;

const EVENTS: usize = 2_000;

#[tokio::test]
async fn the_window_leaves_out_nothing_that_goes_on() {
    let site = Site::new("Europe/Berlin").await;
    let bound = jiff::civil::date(2026, 11, 10).to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_second();
    let day = |n: i64| jiff::Timestamp::from_second(bound + n * 86_400).unwrap().strftime("%Y%m%d").to_string();
    let timed = |from: i64, to: i64| {
        [text(c::START_TIME, &format!("{}T080000Z", day(from))), text(c::END_TIME, &format!("{}T090000Z", day(to)))]
    };
    let counted = |n: &'static str| rule(&[(c::TYPE, "0"), (c::INTERVAL, "7"), (c::OCCURRENCES, n)]);
    let mut all = Vec::new();
    for (name, span, rule) in [
        ("running", timed(-3, 1), None),
        ("in", timed(1, 1), None),
        ("endless", timed(-300, -300), Some(rule(&[(c::TYPE, "0"), (c::INTERVAL, "7")]))),
        ("last occurrence running", timed(-9, -4), Some(counted("2"))),
        ("over just now", timed(-1, -1), None),
        ("over", timed(-200, -200), None),
        ("ended", timed(-300, -300), Some(counted("5"))),
    ] {
        let made = with(&event(name), span.into_iter().chain(rule));
        let uid = site.add(&made).await;
        all.push((name, uid, made));
    }
    let listed = site.phone().list(&site.calendar, Scope::Since(bound)).await.unwrap();
    for (name, uid, made) in &all {
        let there = listed.contains(uid);
        assert!(there || !Scope::Since(bound).holds(made), "{name} is left out");
        assert!(!there || !["over", "ended"].contains(name), "{name} is listed");
    }
    assert_eq!(site.phone().list(&site.calendar, Scope::All).await.unwrap().len(), all.len());
}

#[tokio::test]
async fn a_look_is_the_cursor_and_the_listing() {
    let site = Site::new("").await;
    let uids = [site.add(&event("one")).await, site.add(&event("two")).await];
    for (multicall, requests) in [(true, 1), (false, 3)] {
        let horde = Horde::new(Settings { multicall, ..settings() }).unwrap();
        let beside = site.store.beside(&site.login.user, "calendar").unwrap();
        let phone = Kronolith::new(horde.session(&site.login), beside, &Shared::new());
        horde.session(&site.login).has_multicall().await;
        let before = horde.stats().total();
        let (cursor, listed) = phone.look(&site.calendar, Scope::All).await.unwrap();
        assert_eq!(horde.stats().total() - before, requests);
        assert_eq!(cursor, phone.cursor(&site.calendar).await.unwrap());
        assert_eq!(listed.iter().collect::<HashSet<_>>(), uids.iter().collect());
        let changes = phone.changes(&site.calendar, cursor - 1, cursor).await.unwrap();
        assert_eq!([changes.add, changes.modify].concat(), uids[1..], "the newest change");
    }
}

/// The targets: a first sync of 2,000 events in at most 10 PHP requests, the first hundred within 0.3 s, one changed event in at most three.
#[tokio::test]
async fn reading_is_frugal() {
    let names = std::env::var("HORDE_EAS_LAB_USERS").unwrap_or_else(|_| "e2e-live".into());
    let user = format!("{names}-many");
    let site = Site::with(Login { password: format!("{user}-secret").into(), user }, "Europe/Berlin").await;
    fill(&site).await;
    site.session().has_multicall().await;

    let phone = site.phone();
    let (requests, start) = (site.horde.stats().total(), Instant::now());
    let cursor = phone.cursor(&site.calendar).await.unwrap();
    let uids = phone.list(&site.calendar, Scope::All).await.unwrap();
    let listed = start.elapsed();
    let mut items = Vec::new();
    let mut first = None;
    for (n, window) in uids.chunks(100).enumerate() {
        let ahead = uids.get((n + 1) * 100..).unwrap_or_default();
        items.extend(phone.fetch(&site.calendar, window, ahead).await.unwrap());
        first.get_or_insert_with(|| start.elapsed());
    }
    let (bulk, time) = (site.horde.stats().total() - requests, start.elapsed());
    println!(
        "{} events: {bulk} PHP requests, {} ms; cursor and list {} ms, the first hundred after {} ms",
        uids.len(),
        time.as_millis(),
        listed.as_millis(),
        first.unwrap().as_millis()
    );
    assert!(items.iter().all(|item| matches!(item, Fetched::Item(_))));
    assert!(bulk <= 10, "{bulk}");

    site.change(&uids[7], item([text(c::SUBJECT, &wish())])).await;
    let (requests, start) = (site.horde.stats().total(), Instant::now());
    let now = phone.cursor(&site.calendar).await.unwrap();
    let changes = phone.changes(&site.calendar, cursor, now).await.unwrap();
    assert_eq!(changes.modify, [uids[7].as_str()]);
    phone.fetch(&site.calendar, &changes.modify, &[]).await.unwrap();
    let few = site.horde.stats().total() - requests;
    println!("one changed event: {few} PHP requests, {} ms", start.elapsed().as_millis());
    assert!(few <= 3, "{few}");
}

async fn fill(site: &Site) {
    let there = site.phone().list(&site.calendar, Scope::All).await.unwrap().len();
    let mut n = there;
    while n < EVENTS {
        let to = (n + 200).min(EVENTS);
        let events = (n..to).map(|n| {
            let day = jiff::civil::date(2026, 1, 1).saturating_add(jiff::Span::new().days((n % 700) as i64));
            let (day, hour) = (day.strftime("%Y%m%d"), 8 + n % 9);
            let rule = if n % 10 == 0 { "RRULE:FREQ=WEEKLY;COUNT=10\r\n" } else { "" };
            format!(
                "BEGIN:VEVENT\r\nUID:many-{n}\r\nSUMMARY:Event {n} ü\r\nDTSTART:{day}T{hour:02}0000Z\r\nDTEND:{day}T{hour:02}3000Z\r\n\
                 DESCRIPTION:Body of {n}\\nmore\r\nLOCATION:Room {n}\r\n{rule}END:VEVENT\r\n"
            )
        });
        let text = format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{}END:VCALENDAR\r\n", events.collect::<String>());
        site.web("calendar.import", json!([text, "text/calendar", site.calendar])).await;
        n = to;
    }
}

/// Without multiCall many events come with all of their calendar, few one by one; all the same.
#[tokio::test]
async fn the_ways_of_reading_give_the_same() {
    let site = Site::new("Europe/Berlin").await;
    for n in 0..70 {
        let changed = [deleted("20261208T080000Z")];
        let made = with(&event(&format!("Event {n}")), [weekly(), exceptions(changed)]);
        site.add(&made).await;
    }
    let uids = site.phone().list(&site.calendar, Scope::All).await.unwrap();
    let mut answers = Vec::new();
    for (multicall, at_a_time) in [(true, uids.len()), (false, uids.len()), (false, 10)] {
        let horde = Horde::new(Settings { multicall, multiget: multicall, ..settings() }).unwrap();
        let beside = site.store.beside(&site.login.user, "calendar").unwrap();
        let phone = Kronolith::new(horde.session(&site.login), beside, &Shared::new());
        let mut items = Vec::new();
        for uids in uids.chunks(at_a_time) {
            items.extend(phone.fetch(&site.calendar, uids, &[]).await.unwrap());
        }
        answers.push(items);
        println!("multiCall {multicall}, {at_a_time} at a time: {:?}", horde.stats());
    }
    assert!(answers[0].iter().all(|item| matches!(item, Fetched::Item(_))));
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
}

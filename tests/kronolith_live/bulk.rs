//! Whole calendars read at once.

use std::collections::BTreeMap;

use horde_eas::{
    proto::class::{Properties, Scope},
    source::{Fetched, Source},
    wbxml::tag::calendar as c,
};
use serde_json::json;

use crate::{
    corpus::{all_samples, without_stamps},
    site::*,
    trouble::admin,
};

/// So many events are worth a reading at once.
const MANY: usize = 260;

/// All events of the calendar as a first sync reads them, and how many of them came without being asked for one by one.
async fn at_once(site: &Site) -> (BTreeMap<String, Fetched>, usize) {
    let phone = site.phone();
    phone.cursor(&site.calendar).await.unwrap();
    let uids = phone.list(&site.calendar, Scope::All).await.unwrap();
    assert!(uids.len() >= MANY, "{}", uids.len());
    let (first, rest) = uids.split_at(5);
    phone.fetch(&site.calendar, first, rest).await.unwrap();
    // Waits for what is read meanwhile, and exports what was not told whole.
    phone.fetch(&site.calendar, rest, &[]).await.unwrap();
    let before = site.horde.stats().total();
    let all = phone.fetch(&site.calendar, &uids, &[]).await.unwrap();
    assert_eq!(site.horde.stats().total(), before, "everything was there");
    (uids.iter().cloned().zip(all).collect(), uids.len())
}

/// Each event by an export of its own.
async fn one_by_one(site: &Site, uids: impl Iterator<Item = String>) -> BTreeMap<String, Fetched> {
    let uids: Vec<String> = uids.collect();
    let items = site.phone().fetch(&site.calendar, &uids, &[]).await.unwrap();
    uids.into_iter().zip(items).collect()
}

async fn assert_same(site: &Site) {
    let (at_once, count) = at_once(site).await;
    let one_by_one = one_by_one(site, at_once.keys().cloned()).await;
    let mut failures = Vec::new();
    for (uid, item) in &at_once {
        match (item, &one_by_one[uid]) {
            (Fetched::Item(a), Fetched::Item(b)) => failures.extend(differences(uid, a, b)),
            (a, b) if a == b => {}
            (a, b) => failures.push(format!("{uid}: {a:?} and {b:?}")),
        }
    }
    println!("{count} events");
    assert!(failures.is_empty(), "{} of {count}:\n{}", failures.len(), failures.join("\n"));
}

fn differences(uid: &str, a: &Properties, b: &Properties) -> Vec<String> {
    let (a, b) = (without_stamps(a), without_stamps(b));
    let tags = a.0.keys().chain(b.0.keys().filter(|tag| !a.0.contains_key(tag)));
    let differ = tags.filter(|tag| a.0.get(tag) != b.0.get(tag));
    differ.map(|tag| format!("{uid}: {tag:?}: {:?}, exported {:?}", a.0.get(tag), b.0.get(tag))).collect()
}

/// Fills the calendar up with plain events.
async fn fill(site: &Site) {
    // Horde notes each uid once for all users, and two that do so at the same moment fail.
    let owner = &site.login.user;
    let events = (0..MANY).map(|n| {
        let day = jiff::civil::date(2026, 1, 1).saturating_add(jiff::Span::new().days(n as i64));
        let day = day.strftime("%Y%m%d");
        format!("BEGIN:VEVENT\r\nUID:plain-{n}-{owner}\r\nSUMMARY:Plain {n}\r\nDTSTART:{day}T080000Z\r\nDTEND:{day}T090000Z\r\nEND:VEVENT\r\n")
    });
    let text = format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{}END:VCALENDAR\r\n", events.collect::<String>());
    site.web("calendar.import", json!([text, "text/calendar", site.calendar])).await;
}

/// Each event of the corpus is in the calendar of a user of its zone, as the web has it.
#[tokio::test]
async fn the_corpus_is_the_same_at_once_and_one_by_one() {
    let mut sites: BTreeMap<&str, Site> = BTreeMap::new();
    let mut imported = 0;
    for (_, zone, text) in all_samples() {
        if !sites.contains_key(zone) {
            sites.insert(zone, Site::new(zone).await);
        }
        let site = &sites[zone];
        let params = vec![json!(text), json!("text/calendar"), json!(site.calendar)];
        // Not everything is an event to Kronolith.
        imported += usize::from(site.session().write("calendar.import", params).await.is_ok());
    }
    assert!(imported > 80, "{imported}");
    for site in sites.values() {
        fill(site).await;
        assert_same(site).await;
    }
}

/// What phones make, with everything that there is, in zones east and west and in that of a user who has chosen none.
#[tokio::test]
async fn what_phones_make_is_the_same_at_once_and_one_by_one() {
    for home in ["Europe/Berlin", "America/Los_Angeles", "Pacific/Auckland", ""] {
        let site = Site::new(home).await;
        fill(&site).await;
        let midnight = |day: u32| text(c::START_TIME, &format!("202612{day:02}T000000Z"));
        let all_day = [text(c::ALL_DAY_EVENT, "1"), midnight(3), text(c::END_TIME, "20261205T000000Z")];
        let daily = rule(&[(c::TYPE, "0"), (c::INTERVAL, "2"), (c::UNTIL, "20270110T080000Z")]);
        let monthly = rule(&[(c::TYPE, "2"), (c::INTERVAL, "1"), (c::DAY_OF_MONTH, "1"), (c::OCCURRENCES, "5")]);
        let nth = rule(&[(c::TYPE, "3"), (c::INTERVAL, "1"), (c::WEEK_OF_MONTH, "1"), (c::DAY_OF_WEEK, "4")]);
        let last = rule(&[(c::TYPE, "3"), (c::INTERVAL, "1"), (c::WEEK_OF_MONTH, "5"), (c::DAY_OF_WEEK, "4")]);
        let yearly = rule(&[(c::TYPE, "5"), (c::INTERVAL, "1"), (c::MONTH_OF_YEAR, "12"), (c::DAY_OF_MONTH, "1")]);
        let exception = || exceptions([deleted("20261208T080000Z")]);
        let own = || exceptions([exception_of("20261208T080000Z")]);
        for (n, pairs) in [
            vec![text(c::REMINDER, "15"), place("Room, 5; \u{fc}"), categories(&["Work", "a, b"])],
            vec![text(c::REMINDER, "0"), text(c::SENSITIVITY, "2"), text(c::BUSY_STATUS, "0")],
            vec![text(c::BUSY_STATUS, "1"), body(horde_eas::proto::class::BodyKind::Plain, "one\r\n two \\ three\r\n")],
            vec![text(c::BUSY_STATUS, "3"), zone("America/New_York")],
            vec![text(c::SUBJECT, ""), place("0"), body(horde_eas::proto::class::BodyKind::Plain, "0")],
            all_day.to_vec(),
            all_day.iter().cloned().chain([daily.clone()]).collect(),
            all_day.iter().cloned().chain([weekly(), text(c::REMINDER, "600")]).collect(),
            vec![weekly()],
            vec![weekly(), exception()],
            vec![weekly(), own()],
            vec![weekly(), zone("Asia/Tokyo")],
            vec![daily],
            vec![monthly],
            vec![nth],
            vec![last],
            vec![yearly],
            vec![attendees([attendee("bob@example.test", "3")])],
            vec![text(c::END_TIME, "20261201T080000Z")],
            vec![text(c::END_TIME, "20261204T080000Z"), text(c::MEETING_STATUS, "5")],
        ]
        .into_iter()
        .enumerate()
        {
            site.add(&with(&event(&format!("Event {n} \u{20ac}\u{3a9}")), pairs)).await;
        }
        assert_same(&site).await;
    }
}

fn exception_of(start: &str) -> Properties {
    exception(start, [text(c::SUBJECT, "another"), text(c::START_TIME, start), text(c::END_TIME, "20261208T093000Z")])
}

/// Reading at once is an accelerator that tells no private matters: of other people's private events there is no more to be seen than in an export.
#[tokio::test]
async fn private_events_of_others_stay_private() {
    let owner = Site::new("Europe/Berlin").await;
    fill(&owner).await;
    let secret = with(&event("secret"), [text(c::SENSITIVITY, "2"), place("hidden")]);
    let uid = owner.add(&secret).await;
    let mut reader = Site::new("Europe/Berlin").await;
    let params = json!(["kronolith", owner.calendar, reader.login.user, ["show", "read"]]);
    admin().await.web("horde.addUserPermissions", params).await;
    reader.calendar.clone_from(&owner.calendar);
    let (seen, _) = at_once(&reader).await;
    let Fetched::Item(seen) = &seen[&uid] else { panic!("{:?}", seen[&uid]) };
    assert!(!format!("{seen:?}").contains("secret") && !format!("{seen:?}").contains("hidden"), "{seen:?}");
    assert_same(&reader).await;
}

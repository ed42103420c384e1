//! Events that do not recur.

use horde_eas::{
    proto::class::{BodyKind, Patch, Properties},
    source::{Error, Fetched, Source},
    wbxml::tag::{air_sync_base as b, calendar as c},
};

use crate::site::*;

/// Every property that a phone can set.
fn everything() -> Properties {
    with(
        &event("Besprechung Ω 😀"),
        [
            zone("Europe/Berlin"),
            text(c::ALL_DAY_EVENT, "0"),
            text(c::BUSY_STATUS, "3"),
            text(c::SENSITIVITY, "1"),
            text(c::REMINDER, "15"),
            text(c::MEETING_STATUS, "3"),
            text(c::ORGANIZER_NAME, "Carla Chef"),
            text(c::ORGANIZER_EMAIL, "carla@elsewhere.example"),
            text(c::RESPONSE_TYPE, "3"),
            text(c::APPOINTMENT_REPLY_TIME, "20261101T120000Z"),
            text(c::DISALLOW_NEW_TIME_PROPOSAL, "1"),
            text(c::ONLINE_MEETING_EXTERNAL_LINK, "https://meet.example.test/x?y=z&a"),
            attendees([attendee("bob@example.test", "3"), attendee("ann@example.test", "5")]),
            categories(&["Büro", "alte, Freunde"]),
            place("Raum 5; links, \\oben"),
            body(BodyKind::Html, "<p>one<br>two &amp; <b>three</b></p>"),
        ],
    )
}

#[tokio::test]
async fn everything_survives_from_one_phone_to_another_and_can_be_cleared() {
    let site = Site::new("Europe/Berlin").await;
    let phone = site.phone();
    let before = phone.cursor(&site.calendar).await.unwrap();
    let made = everything();
    let uid = site.add(&made).await;
    let there = site.read_like(&uid, &made).await;
    for (tag, value) in &made.0 {
        assert_eq!(there.0.get(tag), Some(value), "{tag:?}\n{}", site.text(&uid).await);
    }
    assert_eq!(there, made);
    let now = phone.cursor(&site.calendar).await.unwrap();
    assert_eq!(phone.changes(&site.calendar, before, now).await.unwrap().add, [uid.as_str()]);
    assert_eq!(phone.cursors(std::slice::from_ref(&site.calendar)).await.unwrap(), [now]);
    assert_eq!(site.phone().add(&site.calendar, &uid, &made).await, Err(Error::Exists));

    let clear: Vec<_> = made
        .0
        .keys()
        .copied()
        .filter(|tag| ![c::SUBJECT, c::START_TIME, c::END_TIME, c::TIMEZONE, c::MEETING_STATUS].contains(tag))
        .collect();
    site.clear(&uid, &clear).await;
    let mut bare = event("Besprechung Ω 😀");
    bare.0.extend([zone("Europe/Berlin"), text(c::MEETING_STATUS, "3")]);
    assert_eq!(site.read_like(&uid, &bare).await, bare, "{}", site.text(&uid).await);

    assert_eq!(phone.delete(&site.calendar, &uid).await, Ok(()));
    assert_eq!(phone.fetch(&site.calendar, std::slice::from_ref(&uid), &[]).await, Ok(vec![Fetched::Missing]));
    assert!(site.store.beside(&site.login.user, "calendar").unwrap().names().unwrap().is_empty());
    phone.cursor(&site.calendar).await.unwrap();
    assert_eq!(phone.delete(&site.calendar, &uid).await, Err(Error::NotFound));
    assert_eq!(phone.change(&site.calendar, &uid, &Patch::default()).await, Err(Error::NotFound));
}

/// What Horde holds by itself comes back from it, not from what is kept beside.
#[tokio::test]
async fn horde_has_what_it_can_hold() {
    let site = Site::new("Europe/Berlin").await;
    let plain = with(
        &event("Plain"),
        [
            zone("Europe/Berlin"),
            text(c::ALL_DAY_EVENT, "0"),
            text(c::BUSY_STATUS, "0"),
            text(c::SENSITIVITY, "2"),
            text(c::REMINDER, "30"),
            categories(&["A", "B"]),
            place("Here"),
            body(BodyKind::Plain, "one\r\ntwo"),
        ],
    );
    let uid = site.add(&plain).await;
    let text_there = site.text(&uid).await;
    for line in
        ["DTSTART;TZID=Europe/Berlin:20261201T090000", "STATUS:FREE", "CLASS:PRIVATE", "LOCATION:Here", "-PT30M"]
    {
        assert!(text_there.contains(line), "{line} is not in {text_there}");
    }
    assert!(site.store.beside(&site.login.user, "calendar").unwrap().names().unwrap().is_empty());
    assert_eq!(site.read_like(&uid, &plain).await, plain);

    // One field changes one field.
    site.change(&uid, item([text(c::SUBJECT, "Other")])).await;
    let changed = site.text(&uid).await;
    let lines = |text: &str| -> Vec<String> {
        let volatile = ["DTSTAMP", "LAST-MODIFIED", "DESCRIPTION:Plain", "DESCRIPTION:Other"];
        text.lines().filter(|l| !volatile.iter().any(|v| l.starts_with(v))).map(str::to_owned).collect()
    };
    let expected: Vec<_> = lines(&text_there.replace("SUMMARY:Plain", "SUMMARY:Other"));
    assert_eq!(lines(&changed), expected);

    site.clear(&uid, &[c::REMINDER, c::CATEGORIES, b::LOCATION, b::BODY]).await;
    let bare = site.text(&uid).await;
    assert!(!["VALARM", "CATEGORIES", "LOCATION", "DESCRIPTION"].iter().any(|name| bare.contains(name)), "{bare}");
}

#[tokio::test]
async fn what_the_phone_does_not_know_stays() {
    let site = Site::new("Europe/Berlin").await;
    let lines = [
        "SUMMARY:Web",
        "DTSTART:20261201T080000Z",
        "DTEND:20261201T090000Z",
        "URL:https://example.test/",
        "GEO:50.1;8.6",
    ];
    site.web_add("web-1", &lines).await;
    let item_there = site.read("web-1").await;
    assert_eq!(item_there.text(c::SUBJECT), Some("Web"));
    site.change("web-1", item([text(c::SUBJECT, "Phone")])).await;
    let there = site.text("web-1").await;
    for line in ["SUMMARY:Phone", "URL:https://example.test/", "DTSTART:20261201T080000Z"] {
        assert!(there.contains(line), "{line} is not in {there}");
    }
}

#[tokio::test]
async fn all_day_events_are_dates_wherever_the_user_is() {
    for home in ["Europe/Berlin", "America/New_York", "Pacific/Auckland"] {
        let site = Site::new(home).await;
        let made = with(
            &event("Holidays"),
            [
                zone(home),
                text(c::ALL_DAY_EVENT, "1"),
                text(c::START_TIME, "20261224T000000Z"),
                text(c::END_TIME, "20261227T000000Z"),
            ],
        );
        let uid = site.add(&made).await;
        let there = site.text(&uid).await;
        assert!(
            there.contains("DTSTART;VALUE=DATE:20261224") && there.contains("DTEND;VALUE=DATE:20261227"),
            "{there}"
        );
        assert_eq!(site.read_like(&uid, &made).await.0.get(&c::START_TIME), made.0.get(&c::START_TIME));
        site.change(&uid, item([text(c::END_TIME, "20261226T000000Z")])).await;
        assert!(site.text(&uid).await.contains("DTEND;VALUE=DATE:20261226"));
        // It becomes one with times, and back.
        let timed = [
            text(c::ALL_DAY_EVENT, "0"),
            text(c::START_TIME, "20261224T100000Z"),
            text(c::END_TIME, "20261224T110000Z"),
        ];
        site.change(&uid, item(timed)).await;
        let there = site.read(&uid).await;
        assert_eq!(
            (there.text(c::ALL_DAY_EVENT), there.text(c::START_TIME)),
            (Some("0"), Some("20261224T100000Z")),
            "{}",
            site.text(&uid).await
        );
    }
}

/// Horde shows a phrase in its place.
#[tokio::test]
async fn an_event_without_a_subject_has_none() {
    let site = Site::new("").await;
    let mut made = event("x");
    made.0.remove(&c::SUBJECT);
    let uid = site.add(&made).await;
    assert_eq!(site.read_like(&uid, &made).await, made, "{}", site.text(&uid).await);
    site.web_change(&uid, &["DTSTART:20261201T080000Z", "DTEND:20261201T090000Z", "SUMMARY:Named"]).await;
    assert_eq!(site.read(&uid).await.text(c::SUBJECT), Some("Named"));
}

#[tokio::test]
async fn zones_are_recognised_and_not_changed_without_need() {
    let site = Site::new("America/New_York").await;
    // A phone in Berlin, which says nothing of the name.
    let uid = site.add(&with(&event("Berlin"), [nameless("Europe/Berlin")])).await;
    assert!(site.text(&uid).await.contains("DTSTART;TZID=Europe/Berlin:20261201T090000"), "{}", site.text(&uid).await);
    // A phone with a zone of no law: the user's own.
    let nothing = text(c::TIMEZONE, &"A".repeat(230));
    let odd = site.add(&with(&event("Odd"), [nothing.clone()])).await;
    assert!(
        site.text(&odd).await.contains("DTSTART;TZID=America/New_York:20261201T030000"),
        "{}",
        site.text(&odd).await
    );
    let silent = site.add(&event("Silent")).await;
    assert!(site.text(&silent).await.contains("America/New_York"));
    // What says nothing changes nothing.
    let shift = [text(c::START_TIME, "20261201T083000Z"), text(c::END_TIME, "20261201T093000Z"), nothing];
    site.change(&uid, item(shift)).await;
    assert!(site.text(&uid).await.contains("DTSTART;TZID=Europe/Berlin:20261201T093000"), "{}", site.text(&uid).await);
    let paris = nameless("Europe/Paris");
    site.change(&uid, item([paris, text(c::SUBJECT, "same law")])).await;
    assert!(site.text(&uid).await.contains("DTSTART;TZID=Europe/Berlin:20261201T093000"), "{}", site.text(&uid).await);
    site.change(&uid, item([nameless("Australia/Sydney")])).await;
    assert!(
        site.text(&uid).await.contains("DTSTART;TZID=Australia/Sydney:20261201T193000"),
        "{}",
        site.text(&uid).await
    );
}

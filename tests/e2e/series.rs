//! Series: rules, occurrences that are moved or deleted, in both forms of the protocol, across the change of the clocks.

use serde_json::json;

use crate::{
    calendar::{BERLIN, event, no_echo, paired},
    phone::{Phone, Request, change, change_instance, delete_instance},
    site::Site,
    tree::{El, el, t},
};

/// Every Thursday at 9 in Berlin from the 15th of October 2026 on: 07:00Z in summer, 08:00Z from the 29th on.
fn thursdays(phone: &Phone, title: &str) -> Vec<El> {
    let mut fields = event(phone, title, BERLIN, "20261015T070000Z", "20261015T080000Z");
    let rule = [t("Type", 1), t("Interval", 1), t("DayOfWeek", 16), t("Occurrences", 8)];
    fields.push(el("Calendar:Recurrence", rule));
    fields
}

/// Deleted on the 22nd of October, an hour later on the 5th of November: the one in summer time, the other in winter time.
fn exceptions() -> El {
    let deleted = el("Exception", [t("Deleted", 1), t("ExceptionStartTime", "20261022T070000Z")]);
    let moved = el(
        "Exception",
        [
            t("ExceptionStartTime", "20261105T080000Z"),
            t("Subject", "Jour fixe, später"),
            t("StartTime", "20261105T090000Z"),
            t("EndTime", "20261105T100000Z"),
        ],
    );
    el("Calendar:Exceptions", [deleted, moved])
}

/// The occurrences of an item that are not as the series has them: original start, start ("" = deleted), title.
fn seen(item: &El) -> Vec<(String, String, String)> {
    let text = |e: &El, name: &str| e.text(name).unwrap_or_default().to_owned();
    let list = item.get("Exceptions").map(|e| e.all("Exception").collect::<Vec<_>>()).unwrap_or_default();
    let mut seen: Vec<_> = list
        .into_iter()
        .map(|e| {
            let original = e.text("ExceptionStartTime").or_else(|| e.text("InstanceId")).unwrap_or_default().to_owned();
            let start = if e.text("Deleted") == Some("1") { String::new() } else { text(e, "StartTime") };
            (original, start, text(e, "Subject"))
        })
        .collect();
    seen.sort();
    seen
}

fn wanted() -> Vec<(String, String, String)> {
    [("20261022T070000Z", "", ""), ("20261105T080000Z", "20261105T090000Z", "Jour fixe, später")]
        .map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()))
        .to_vec()
}

#[test]
fn a_series_with_exceptions_made_on_the_phone_in_each_form() {
    let site = Site::start("series");
    for (n, version) in ["2.5", "12.1", "14.1", "16.1"].into_iter().enumerate() {
        let (mut phone, calendar) = paired(&site, &format!("series{n}a"), version);
        let title = format!("Jour fixe {n}");
        let mut fields = thursdays(&phone, &title);
        let instances = phone.at_least("16.0");
        if !instances {
            fields.push(exceptions());
        }
        let id = phone.add_item(&calendar, fields);
        if instances {
            let moved = [
                t("Calendar:Subject", "Jour fixe, später"),
                t("Calendar:StartTime", "20261105T090000Z"),
                t("Calendar:EndTime", "20261105T100000Z"),
            ];
            let commands =
                vec![delete_instance(&id, "20261022T070000Z"), change_instance(&id, "20261105T080000Z", moved)];
            let answer = phone.sync(&calendar, &Request { commands, ..Request::default() });
            for result in answer.responses("Change").into_iter().chain(answer.responses("Delete")) {
                assert_eq!(result.number("Status"), Some(1), "{:?}", answer.doc);
            }
            phone.sync_all(&calendar);
        }
        let (uid, text) = site.horde.event_called(&title).expect("it is in Horde");
        assert!(text.contains("FREQ=WEEKLY") && text.contains("COUNT=8"), "{text}");
        assert!(text.contains("EXDATE") && text.contains("20261022T"), "{version}: {text}");
        assert!(
            text.contains("RECURRENCE-ID:20261105T080000Z") || text.contains("RECURRENCE-ID;"),
            "{version}: {text}"
        );
        assert!(text.contains("SUMMARY:Jour fixe\\, später"), "{version}: {text}");
        assert_eq!(site.horde.uids_of("calendar").iter().filter(|u| **u == uid).count(), 1);
        if !instances {
            no_echo(&mut phone, &calendar);
        }
        for other in ["2.5", "14.1", "16.1"] {
            let (phone, calendar) = paired(&site, &format!("series{n}{}", other.replace('.', "")), other);
            let (same, item) = phone.find_by(&calendar, "Subject", &title).unwrap();
            assert_eq!(same, id, "one item has one id for all devices");
            assert_eq!(seen(item), wanted(), "made in {version}, seen in {other}: {item:?}");
            assert_eq!(item.text("StartTime"), Some("20261015T070000Z"), "{item:?}");
            assert_eq!(item.text("Recurrence/DayOfWeek"), Some("16"), "{item:?}");
            assert_eq!(item.text("Recurrence/Occurrences"), Some("8"), "{item:?}");
        }
    }
}

/// users-want 14: two phones of different age and the web, all at the same series.
#[test]
fn two_phones_and_the_web_change_one_series() {
    let site = Site::start("series2");
    let uid = site.horde.event(&[
        "UID:series-web",
        "SUMMARY:Probe",
        "DTSTART;TZID=Europe/Berlin:20261015T090000",
        "DTEND;TZID=Europe/Berlin:20261015T100000",
        "RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=TH",
    ]);
    let (mut old, calendar) = paired(&site, "series2old", "14.1");
    let (mut new, _) = paired(&site, "series2new", "16.1");
    let id = old.find_by(&calendar, "Subject", "Probe").unwrap().0;

    let moved = [
        t("Calendar:StartTime", "20261105T090000Z"),
        t("Calendar:EndTime", "20261105T100000Z"),
        t("Calendar:Subject", "Probe, später"),
    ];
    new.sync(
        &calendar,
        &Request { commands: vec![change_instance(&id, "20261105T080000Z", moved)], ..Request::default() },
    );
    site.horde.call("calendar.delete", &json!([uid, "20261029T090000"]));
    old.sync_all(&calendar);
    let mut fields = event(&old, "Probe", BERLIN, "20261015T070000Z", "20261015T080000Z");
    fields.retain(|field| field.name != "UID");
    fields.push(el("Calendar:Recurrence", [t("Type", 1), t("Interval", 1), t("DayOfWeek", 16)]));
    let gone = el("Exception", [t("Deleted", 1), t("ExceptionStartTime", "20261112T080000Z")]);
    fields.push(el("Calendar:Exceptions", [gone]));
    old.sync(&calendar, &Request { commands: vec![change(&id, fields)], ..Request::default() });
    for phone in [&mut old, &mut new] {
        phone.sync_all(&calendar);
        phone.sync_all(&calendar);
    }
    let all: Vec<(String, String, String)> = [
        ("20261029T080000Z", "", ""),
        ("20261105T080000Z", "20261105T090000Z", "Probe, später"),
        ("20261112T080000Z", "", ""),
    ]
    .map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()))
    .to_vec();
    let (fresh, _) = paired(&site, "series2fresh", "14.1");
    assert_eq!(seen(&fresh.items(&calendar)[&id]), all, "{}", site.horde.export("calendar", &uid));
    assert_eq!(seen(&new.items(&calendar)[&id]), all);
}

/// Rules of every type, from Horde to the phone and back without a change.
#[test]
fn rules_of_every_type_go_both_ways() {
    let site = Site::start("rules");
    let rules = [
        (
            "täglich",
            "20261201T100000",
            "FREQ=DAILY;INTERVAL=3;COUNT=10",
            vec![("Type", "0"), ("Interval", "3"), ("Occurrences", "10")],
        ),
        (
            "wöchentlich",
            "20261201T100000",
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,TH",
            vec![("Type", "1"), ("Interval", "2"), ("DayOfWeek", "20")],
        ),
        ("am 31.", "20261231T100000", "FREQ=MONTHLY;INTERVAL=1", vec![("Type", "2"), ("DayOfMonth", "31")]),
        (
            "zweiter Dienstag",
            "20261208T100000",
            "FREQ=MONTHLY;INTERVAL=1;BYDAY=2TU",
            vec![("Type", "3"), ("WeekOfMonth", "2"), ("DayOfWeek", "4")],
        ),
        (
            "letzter Montag",
            "20261228T100000",
            "FREQ=MONTHLY;INTERVAL=1;BYDAY=-1MO",
            vec![("Type", "3"), ("WeekOfMonth", "5"), ("DayOfWeek", "2")],
        ),
        (
            "Schalttag",
            "20280229T100000",
            "FREQ=YEARLY;INTERVAL=1",
            vec![("Type", "5"), ("DayOfMonth", "29"), ("MonthOfYear", "2")],
        ),
    ];
    for (title, start, rule, _) in &rules {
        site.horde.event(&[
            &format!("SUMMARY:{title}"),
            &format!("DTSTART;TZID=Europe/Berlin:{start}"),
            "DURATION:PT1H",
            &format!("RRULE:{rule}"),
        ]);
    }
    for version in ["2.5", "14.1", "16.1"] {
        let (mut phone, calendar) = paired(&site, &format!("rules{}", version.replace('.', "")), version);
        for (title, _, _, wanted) in &rules {
            let (id, item) = phone.find_by(&calendar, "Subject", title).expect("the event came");
            for (name, value) in wanted {
                assert_eq!(item.text(&format!("Recurrence/{name}")), Some(*value), "{title} in {version}: {item:?}");
            }
            let before = site.horde.event_called(title).unwrap();
            let fields: Vec<El> = item
                .children
                .iter()
                .filter(|c| !["NativeBodyType", "UID", "DtStamp", "Reminder"].contains(&c.name.as_str()))
                .filter(|c| !phone.at_least("16.0") || !["OrganizerName", "OrganizerEmail"].contains(&c.name.as_str()))
                .cloned()
                .chain([t("Calendar:Reminder", 5)])
                .collect();
            phone.sync(&calendar, &Request { commands: vec![change(&id, fields)], ..Request::default() });
            let after = site.horde.event_called(title).unwrap();
            let line = |text: &str| {
                text.lines()
                    .filter(|l| l.starts_with("RRULE") || l.starts_with("DTSTART"))
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            assert_eq!(line(&after.1), line(&before.1), "{title} in {version}");
        }
    }
}

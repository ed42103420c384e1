//! Events both ways, read back through the other door.

use crate::{
    phone::{Phone, Request, VERSIONS, change, delete},
    site::Site,
    tree::{El, el, t},
};

/// Europe/Berlin as phones have it: last Sundays of March and October.
pub(crate) const BERLIN: &str = "xP///wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAoAAAAFAAMAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAMAAAAFAAIAAAAAAAAAxP///w==";
/// America/New_York.
pub(crate) const NEW_YORK: &str = "LAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAsAAAABAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAMAAAACAAIAAAAAAAAAxP///w==";

/// The type of the default calendar.
const CALENDAR: u32 = 8;

/// A phone that has its calendar.
pub(crate) fn paired(site: &Site, device: &str, version: &'static str) -> (Phone, String) {
    let mut phone = site.phone(device, version);
    phone.pair();
    let calendar = phone.default_folder(CALENDAR);
    phone.sync_all(&calendar);
    (phone, calendar)
}

/// What a phone sends of a timed event, in the form of its version.
pub(crate) fn event(phone: &Phone, title: &str, zone: &str, start: &str, end: &str) -> Vec<El> {
    let mut fields = vec![
        t("Calendar:Timezone", zone),
        t("Calendar:AllDayEvent", 0),
        t("Calendar:BusyStatus", 2),
        t("Calendar:Subject", title),
        t("Calendar:StartTime", start),
        t("Calendar:EndTime", end),
        t("Calendar:Sensitivity", 0),
        t("Calendar:Reminder", 15),
    ];
    if !phone.at_least("16.0") {
        fields.push(t("Calendar:DtStamp", "20260101T000000Z"));
        fields.push(t("Calendar:UID", format!("uid-{title}-{}", phone.device)));
    }
    fields
}

/// The place of an event, in the form of this version.
pub(crate) fn place(phone: &Phone, name: &str) -> El {
    if phone.at_least("16.0") {
        el("AirSyncBase:Location", [t("DisplayName", name)])
    } else {
        t("Calendar:Location", name)
    }
}

pub(crate) fn place_of(item: &El) -> Option<&str> {
    item.text("Location/DisplayName").or_else(|| item.text("Location")).filter(|text| !text.is_empty())
}

pub(crate) fn body(phone: &Phone, text: &str) -> El {
    if phone.at_least("12.0") {
        el("AirSyncBase:Body", [t("Type", 1), t("Data", text)])
    } else {
        t("Calendar:Body", text)
    }
}

/// Nothing comes back of what the phone itself wrote.
pub(crate) fn no_echo(phone: &mut Phone, folder: &str) {
    let answer = phone.sync(folder, &Request { as_before: true, ..Request::default() });
    for kind in ["Add", "Change", "Delete", "SoftDelete"] {
        assert!(answer.commands(kind).is_empty(), "an echo in {}: {:?}", phone.version, answer.doc);
    }
}

/// Add, Change, Delete on the phone, each read back in Horde.
#[test]
fn from_the_phone_to_horde_in_each_version() {
    let site = Site::start("calto");
    for version in VERSIONS {
        let short = version.replace('.', "");
        let (mut phone, calendar) = paired(&site, &format!("calto{short}"), version);
        let title = format!("Zahnärztin {short}");
        let mut fields = event(&phone, &title, BERLIN, "20261201T090000Z", "20261201T100000Z");
        fields.push(place(&phone, "Köln, Ring 1"));
        fields.push(body(&phone, "Karte mitnehmen\r\nund Geduld"));
        fields.push(el("Calendar:Categories", [t("Category", "Gesundheit"), t("Category", "Privat")]));
        let id = phone.add_item(&calendar, fields);
        let (uid, text) = site.horde.event_called(&title).expect("it is in Horde");
        assert!(text.contains("20261201T100000") || text.contains("20261201T090000Z"), "{text}");
        assert!(text.contains("\nLOCATION:Köln\\, Ring 1\n"), "{text}");
        assert!(text.contains("Karte mitnehmen\\nund Geduld"), "{text}");
        assert!(text.contains("Gesundheit") && text.contains("Privat"), "{text}");
        assert!(text.contains("-PT15M"), "{text}");
        if !phone.at_least("16.0") {
            assert_eq!(uid, format!("uid-{title}-{}", phone.device), "the phone's UID is Horde's");
        }
        no_echo(&mut phone, &calendar);

        // One field is changed and nothing else; absent means unchanged from 16.0 on.
        let mut fields = if phone.at_least("16.0") {
            Vec::new()
        } else {
            event(&phone, &title, BERLIN, "20261201T090000Z", "20261201T100000Z")
        };
        if !phone.at_least("16.0") {
            fields.push(el("Calendar:Categories", [t("Category", "Gesundheit"), t("Category", "Privat")]));
        }
        fields.push(place(&phone, "Bonn"));
        let answer = phone.sync(&calendar, &Request { commands: vec![change(&id, fields)], ..Request::default() });
        assert!(answer.doc.is_none() || answer.collection_status() == 1, "{:?}", answer.doc);
        let after = site.horde.export("calendar", &uid);
        assert!(after.contains("\nLOCATION:Bonn\n"), "{after}");
        let same = |text: &str| {
            let volatile = ["DTSTAMP", "LAST-MODIFIED", "LOCATION", "CREATED", "SEQUENCE"];
            let mut lines: Vec<String> =
                text.lines().filter(|l| !volatile.iter().any(|v| l.starts_with(v))).map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(same(&after), same(&text), "only the place changed");
        no_echo(&mut phone, &calendar);

        phone.sync(&calendar, &Request { commands: vec![delete(&id)], ..Request::default() });
        assert_eq!(site.horde.event_called(&title), None);
        no_echo(&mut phone, &calendar);
    }
}

#[test]
fn from_horde_to_the_phone_in_each_version() {
    let site = Site::start("calfrom");
    let uid = site.horde.event(&[
        "UID:from-horde-1",
        "SUMMARY:Besprechung",
        "LOCATION:Saal 3",
        "DESCRIPTION:Erste Zeile\\nzweite",
        "DTSTART;TZID=Europe/Berlin:20261201T100000",
        "DTEND;TZID=Europe/Berlin:20261201T113000",
        "CLASS:PRIVATE",
        "CATEGORIES:Arbeit",
        "STATUS:TENTATIVE",
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        "TRIGGER;VALUE=DURATION:-PT30M",
        "END:VALARM",
    ]);
    for version in VERSIONS {
        let (mut phone, calendar) = paired(&site, &format!("calfr{}", version.replace('.', "")), version);
        let (id, item) = phone.find_by(&calendar, "Subject", "Besprechung").expect("the event came");
        assert_eq!(item.text("UID"), Some(uid.as_str()));
        assert_eq!(item.text("StartTime"), Some("20261201T090000Z"), "{item:?}");
        assert_eq!(item.text("EndTime"), Some("20261201T103000Z"));
        assert_eq!(item.text("AllDayEvent").unwrap_or("0"), "0");
        assert_eq!(item.text("Sensitivity"), Some("2"));
        assert_eq!(item.text("BusyStatus"), Some("1"));
        assert_eq!(item.text("Reminder"), Some("30"));
        assert_eq!(item.text("Categories/Category"), Some("Arbeit"));
        assert_eq!(place_of(item), Some("Saal 3"));
        assert_eq!(item.text("Timezone").map(str::len), Some(232), "{item:?}");
        assert!(phone.note_of(item).unwrap().replace("\r\n", "\n").starts_with("Erste Zeile\nzweite"), "{item:?}");

        site.horde.change_event(
            &uid,
            &[
                "UID:from-horde-1",
                &format!("SUMMARY:Besprechung {version}"),
                "DTSTART;TZID=Europe/Berlin:20261202T100000",
                "DTEND;TZID=Europe/Berlin:20261202T113000",
            ],
        );
        phone.sync_all(&calendar);
        let item = &phone.items(&calendar)[&id];
        assert_eq!(item.text("StartTime"), Some("20261202T090000Z"), "{item:?}");
        assert_eq!(place_of(item), Some("Saal 3"));
        site.horde.change_event(
            &uid,
            &[
                "UID:from-horde-1",
                "SUMMARY:Besprechung",
                "DTSTART;TZID=Europe/Berlin:20261201T100000",
                "DTEND;TZID=Europe/Berlin:20261201T113000",
                "BEGIN:VALARM",
                "ACTION:DISPLAY",
                "TRIGGER;VALUE=DURATION:-PT30M",
                "END:VALARM",
            ],
        );
    }
    let (mut phone, calendar) = paired(&site, "calfrdel", "14.1");
    site.horde.call("calendar.delete", &serde_json::json!([uid]));
    phone.sync_all(&calendar);
    assert!(phone.items(&calendar).is_empty());
}

/// Dates, never offsets: users-want 13. Up to 14.1 the phone has local midnights in UTC.
#[test]
fn all_day_events_keep_their_days_in_each_version() {
    let site = Site::start("allday");
    let uid = site.horde.event(&[
        "UID:allday-horde",
        "SUMMARY:Ferien",
        "DTSTART;VALUE=DATE:20260327",
        "DTEND;VALUE=DATE:20260331",
    ]);
    for version in VERSIONS {
        let short = version.replace('.', "");
        let (mut phone, calendar) = paired(&site, &format!("allday{short}"), version);
        let plain = phone.at_least("16.0");
        let (id, item) = phone.find_by(&calendar, "Subject", "Ferien").expect("the event came");
        let item = item.clone();
        assert_eq!(item.text("AllDayEvent"), Some("1"), "{item:?}");
        assert_eq!(item.get("Timezone").is_none(), plain, "{item:?}");
        if plain {
            assert_eq!(item.text("StartTime"), Some("20260327T000000Z"));
            assert_eq!(item.text("EndTime"), Some("20260331T000000Z"));
        }
        // Sent back as it came, with another title: the days stay.
        let mut fields: Vec<El> =
            item.children.iter().filter(|c| c.name != "NativeBodyType" && c.name != "UID").cloned().collect();
        fields.retain(|field| field.name != "Subject");
        fields.push(t("Calendar:Subject", "Urlaub"));
        phone.sync(&calendar, &Request { commands: vec![change(&id, fields)], ..Request::default() });
        let text = site.horde.export("calendar", &uid);
        assert!(
            text.contains("SUMMARY:Urlaub\n") && text.contains("DTSTART;VALUE=DATE:20260327\n"),
            "{version}: {text}"
        );
        assert!(text.contains("DTEND;VALUE=DATE:20260331\n"), "{version}: {text}");
        site.horde.change_event(
            &uid,
            &["UID:allday-horde", "SUMMARY:Ferien", "DTSTART;VALUE=DATE:20260327", "DTEND;VALUE=DATE:20260331"],
        );

        // Two days around the change to summer time, made by a phone in New York.
        let (start, end) =
            if plain { ("20260307T000000Z", "20260309T000000Z") } else { ("20260307T050000Z", "20260309T040000Z") };
        let title = format!("Messe {short}");
        let mut fields = event(&phone, &title, NEW_YORK, start, end);
        fields.retain(|field| field.name != "AllDayEvent" && (!plain || field.name != "Timezone"));
        fields.push(t("Calendar:AllDayEvent", 1));
        phone.add_item(&calendar, fields);
        let (_, text) = site.horde.event_called(&title).expect("it is in Horde");
        assert!(
            text.contains("DTSTART;VALUE=DATE:20260307\n") && text.contains("DTEND;VALUE=DATE:20260309\n"),
            "{version}: {text}"
        );
        phone.sync_all(&calendar);
        no_echo(&mut phone, &calendar);
    }
}

/// FilterType: what is over leaves the phone and comes back when more is asked for.
#[test]
fn filter_types_widen_and_narrow() {
    let site = Site::start("calfilter");
    let day = |days: i64| {
        (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days)).strftime("%Y%m%dT100000Z").to_string()
    };
    let end = |days: i64| day(days).replace("T10", "T11");
    for (title, days) in
        [("gestern", -1_i64), ("drei Wochen", -21), ("zwei Monate", -60), ("ein Jahr", -365), ("morgen", 1)]
    {
        site.horde.event(&[
            &format!("SUMMARY:{title}"),
            &format!("DTSTART:{}", day(days)),
            &format!("DTEND:{}", end(days)),
        ]);
    }
    site.horde.event(&[
        "SUMMARY:offene Serie",
        &format!("DTSTART:{}", day(-500)),
        &format!("DTEND:{}", end(-500)),
        "RRULE:FREQ=WEEKLY;INTERVAL=1",
    ]);
    site.horde.event(&[
        "SUMMARY:alte Serie",
        &format!("DTSTART:{}", day(-500)),
        &format!("DTEND:{}", end(-500)),
        "RRULE:FREQ=DAILY;INTERVAL=1;COUNT=3",
    ]);
    for version in ["2.5", "14.1", "16.1"] {
        let mut phone = site.phone(&format!("calfil{}", version.replace('.', "")), version);
        phone.pair();
        let calendar = phone.default_folder(CALENDAR);
        phone.prime(&calendar, None);
        for (filter, wanted) in [
            (4, vec!["gestern", "morgen", "offene Serie"]),
            (6, vec!["drei Wochen", "gestern", "morgen", "offene Serie", "zwei Monate"]),
            (5, vec!["drei Wochen", "gestern", "morgen", "offene Serie"]),
            (0, vec!["alte Serie", "drei Wochen", "ein Jahr", "gestern", "morgen", "offene Serie", "zwei Monate"]),
            (4, vec!["gestern", "morgen", "offene Serie"]),
        ] {
            let answer = phone.sync(&calendar, &Request { filter: Some(filter), ..Request::default() });
            assert!(answer.commands("Delete").is_empty(), "leaving the window is no deletion: {:?}", answer.doc);
            let mut titles: Vec<&str> = phone.items(&calendar).values().filter_map(|i| i.text("Subject")).collect();
            titles.sort_unstable();
            assert_eq!(titles, wanted, "filter {filter} in {version}");
        }
        // Remembered: nothing moves when the phone does not say it again.
        no_echo(&mut phone, &calendar);
        assert_eq!(site.horde.uids_of("calendar").len(), 7, "nothing is deleted in Horde");
    }
}

#[test]
fn two_phones_and_the_web_change_one_event_in_both_conflict_modes() {
    let site = Site::start("calconf");
    for (conflict, winner) in [(1, "Web"), (0, "Telefon")] {
        let uid = site.horde.event(&["SUMMARY:Streit", "DTSTART:20261201T100000Z", "DTEND:20261201T110000Z"]);
        let (mut first, calendar) = paired(&site, &format!("calconf{conflict}a"), "14.1");
        let (mut second, _) = paired(&site, &format!("calconf{conflict}b"), "16.1");
        let id = first.find_by(&calendar, "Subject", "Streit").unwrap().0;
        site.horde.change_event(&uid, &["SUMMARY:Web", "DTSTART:20261201T100000Z", "DTEND:20261201T110000Z"]);
        let fields = event(&first, "Telefon", BERLIN, "20261201T100000Z", "20261201T110000Z");
        let commands = vec![change(&id, fields)];
        first.sync(&calendar, &Request { conflict: Some(conflict), commands, ..Request::default() });
        first.sync_all(&calendar);
        second.sync_all(&calendar);
        let text = site.horde.export("calendar", &uid);
        assert!(text.contains(&format!("SUMMARY:{winner}\n")), "{conflict}: {text}");
        for phone in [&first, &second] {
            assert_eq!(phone.items(&calendar)[&id].text("Subject"), Some(winner), "{conflict}");
        }
        first.sync(&calendar, &Request { commands: vec![delete(&id)], ..Request::default() });
        second.sync_all(&calendar);
        assert!(second.items(&calendar).is_empty());
    }
}

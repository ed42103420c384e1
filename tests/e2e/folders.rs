//! Several containers of one class: each a folder of its own, or all in one for devices that can show only one.

use std::process::Command;

use serde_json::json;

use crate::{
    calendar::{BERLIN, event, no_echo},
    horde::Lab,
    phone::{Phone, Request, change, delete},
    site::{Door, Site},
    tree::t,
};

const CALENDAR: u32 = 8;
const FURTHER_CALENDAR: u32 = 13;

/// Gives `user` rights on the default calendar of `owner` (SHOW 2, READ 4); its id.
fn share(owner: &str, user: &str, rights: &str) -> String {
    let code = ". tests/lab/lib.sh; lab_php tests/lab/php/share.php kronolith \"$@\"";
    let dir = env!("CARGO_MANIFEST_DIR");
    let out = Command::new("bash").current_dir(dir).args(["-c", code, "lab", owner, user, rights]).output().unwrap();
    let id = String::from_utf8_lossy(&out.stdout).trim().to_owned();
    assert!(out.status.success() && !id.is_empty(), "share.php: {}", String::from_utf8_lossy(&out.stderr));
    id
}

fn titles(phone: &Phone, folder: &str) -> Vec<String> {
    let mut titles: Vec<String> =
        phone.items(folder).values().filter_map(|item| item.text("Subject").map(str::to_owned)).collect();
    titles.sort();
    titles
}

#[test]
fn a_device_that_can_show_one_calendar_has_all_events_in_it() {
    let site = Site::start("merged");
    let own = site.horde.event(&["SUMMARY:eigener", "DTSTART:20261201T100000Z", "DTEND:20261201T110000Z"]);
    let second = site.horde.call("calendar.addCalendar", &json!(["Verein", { "synchronize": true }]));
    let text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nSUMMARY:Training\r\nDTSTART:20261202T180000Z\r\nDTEND:20261202T190000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    let other = site.horde.call("calendar.import", &json!([text, "text/calendar", second]));

    let mut plain = site.phone("plainphone", "14.1");
    plain.pair();
    assert_eq!(plain.folders.values().filter(|f| f.kind == FURTHER_CALENDAR).count(), 1, "{:?}", plain.folders);

    let mut phone = site.phone("samsung1", "14.1");
    phone.kind = "SAMSUNGSMG960F".to_owned();
    phone.pair();
    assert!(phone.folders.values().all(|f| f.kind != FURTHER_CALENDAR), "{:?}", phone.folders);
    let calendar = phone.default_folder(CALENDAR);
    phone.sync_all(&calendar);
    assert_eq!(titles(&phone, &calendar), ["Training", "eigener"]);

    // What is new goes into the default calendar; what is changed stays where it is.
    let fields = event(&phone, "neu", BERLIN, "20261203T090000Z", "20261203T100000Z");
    phone.add_item(&calendar, fields);
    assert!(site.horde.event_called("neu").is_some(), "it is in the default calendar");
    let id = phone.find_by(&calendar, "Subject", "Training").unwrap().0;
    let mut fields = event(&phone, "Training fällt aus", BERLIN, "20261202T180000Z", "20261202T190000Z");
    fields.retain(|field| field.name != "UID");
    phone.sync(&calendar, &Request { commands: vec![change(&id, fields)], ..Request::default() });
    let there = site.horde.call("calendar.export", &json!([other, "text/calendar", [], [second]]));
    assert!(there.as_str().unwrap().contains("SUMMARY:Training fällt aus"), "{there}");
    assert!(!site.horde.uids_of("calendar").iter().any(|uid| other == json!(uid)));
    phone.sync_all(&calendar);
    no_echo(&mut phone, &calendar);

    let id = phone.find_by(&calendar, "Subject", "eigener").unwrap().0;
    phone.sync(&calendar, &Request { commands: vec![delete(&id)], ..Request::default() });
    assert!(!site.horde.uids_of("calendar").contains(&own));
    site.horde.call("calendar.delete", &json!([other, null, null]));
    phone.sync_all(&calendar);
    assert_eq!(titles(&phone, &calendar), ["neu"]);
}

#[test]
fn a_calendar_that_may_only_be_read_gives_the_servers_version_back() {
    let site = Site::start("readcal");
    let owner = site.lab.user("calowner");
    owner.event(&["SUMMARY:Vorstand", "DTSTART:20261201T100000Z", "DTEND:20261201T110000Z"]);
    let shared = share(&owner.user, &site.horde.user, "6");
    let visible = site.horde.call("calendar.sources", &json!([false, false]));
    assert!(visible.get(&shared).is_some(), "{visible}");

    let mut phone = site.phone("readcal1", "14.1");
    phone.pair();
    let folder = phone.folders.iter().find(|(_, f)| f.kind == FURTHER_CALENDAR).map(|(id, _)| id.clone()).unwrap();
    phone.sync_all(&folder);
    let (id, before) = phone.find_by(&folder, "Subject", "Vorstand").map(|(id, item)| (id, item.clone())).unwrap();
    let fields = event(&phone, "Aufstand", BERLIN, "20261201T100000Z", "20261201T110000Z");
    let answer = phone.sync(&folder, &Request { commands: vec![change(&id, fields)], ..Request::default() });
    assert!(answer.responses("Change").first().and_then(|r| r.number("Status")).is_some_and(|s| s != 1));
    phone.sync_all(&folder);
    assert_eq!(phone.items(&folder)[&id].without("DtStamp"), before.without("DtStamp"));
    phone.sync(&folder, &Request { commands: vec![delete(&id)], ..Request::default() });
    phone.sync_all(&folder);
    assert_eq!(titles(&phone, &folder), ["Vorstand"], "a deletion that was refused: the event comes back");
    let add = phone.add([
        t("Calendar:Subject", "x"),
        t("Calendar:StartTime", "20261201T100000Z"),
        t("Calendar:EndTime", "20261201T110000Z"),
    ]);
    let answer = phone.sync(&folder, &Request { commands: vec![add], ..Request::default() });
    assert!(answer.responses("Add")[0].number("Status").is_some_and(|s| s != 1), "{:?}", answer.doc);
    assert_eq!(owner.uids_of("calendar").len(), 1);

    // Taken away while the phone has it: nothing more comes of it, and the next look at the folders takes it from the phone.
    share(&owner.user, &site.horde.user, "0");
    owner.event(&["SUMMARY:geheim", "DTSTART:20261201T100000Z", "DTEND:20261201T110000Z"]);
    let answer = phone.sync(&folder, &Request::default());
    assert_eq!(answer.collection_status(), 12, "{:?}", answer.doc);
    assert!(answer.commands("Add").is_empty());
    phone.folder_sync();
    assert!(!phone.folders.contains_key(&folder));
}

/// Horde makes the default container of a new user at the first call of its application, and several of them for calls at the same moment.
#[test]
fn a_new_user_gets_one_folder_of_each_kind_without_accelerators_too() {
    let url = format!("http://{}/horde/rpc.php", Lab::get().rpc());
    let plain = format!("[horde]\nurl = \"{url}\"\nmulticall = false\nmultiget = false\n");
    let site = Site::with("plainfolders", Door::wanted(), &plain);
    let mut phone = site.phone("plainfolders1", "14.1");
    phone.pair_and_sync();
    for kinds in [[7, 15], [8, 13], [10, 17]] {
        let folders: Vec<_> = phone.folders.values().filter(|folder| kinds.contains(&folder.kind)).collect();
        let own = folders.iter().filter(|folder| folder.name.contains(&site.horde.user)).count();
        assert_eq!(own, 1, "{folders:?}");
    }
}

//! Waiting for changes.

use std::time::Duration;

use serde_json::json;

use crate::{
    phone::{Phone, ping},
    site::Site,
    tree::{el, t},
};

fn heartbeat(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn wakes_on_a_change_and_only_then() {
    let site = Site::start("pingwake");
    for version in ["2.5", "12.1", "14.1", "16.1"] {
        let short = version.replace('.', "");
        let mut phone = site.phone(&format!("wake{short}"), version);
        let book = phone.pair_and_sync();
        let waiting = phone.send("Ping", &ping(Some(120), &[&book]).encode());
        assert!(waiting.silent_for(heartbeat(3)), "{version}: nothing has changed");
        site.horde.make(&json!({ "firstname": format!("Wake{short}"), "lastname": "Up" }));
        let answer = waiting.answer().unwrap();
        assert!(answer.time < heartbeat(20), "{version}: after {:?}", answer.time);
        let answer = phone.check("Ping", answer);
        assert_eq!(answer.status(), Some(2), "{:?}", answer.doc);
        assert_eq!(answer.doc().text("Folders/Folder"), Some(book.as_str()), "{:?}", answer.doc);
        phone.sync_all(&book);
        assert!(phone.find(&book, &format!("Wake{short}")).is_some());
    }
}

#[test]
fn what_has_changed_already_is_told_at_once() {
    let site = Site::start("pingonce");
    let mut phone = site.phone("pingonce1", "14.1");
    let book = phone.pair_and_sync();
    site.horde.make(&json!({ "firstname": "Already", "lastname": "There" }));
    let answer = phone.command("Ping", &ping(Some(60), &[&book]));
    assert_eq!(answer.status(), Some(2), "{:?}", answer.doc);
    assert!(answer.http.time < heartbeat(5), "{:?}", answer.http.time);
}

#[test]
fn own_changes_do_not_wake() {
    let site = Site::start("pingown");
    let mut phone = site.phone("pingown1", "14.1");
    let book = phone.pair_and_sync();
    phone.add_item(&book, [t("Contacts:FirstName", "My"), t("Contacts:LastName", "Own")]);
    let answer = phone.command("Ping", &ping(Some(4), &[&book]));
    assert_eq!(answer.status(), Some(1), "{:?}", answer.doc);
    assert!(answer.http.time >= heartbeat(3), "{:?}", answer.http.time);
}

#[test]
fn another_users_changes_do_not_wake() {
    let site = Site::start("pingother");
    let mut phone = site.phone("pingother1", "14.1");
    let book = phone.pair_and_sync();
    let waiting = phone.send("Ping", &ping(Some(5), &[&book]).encode());
    site.lab.user("pingother-neighbour").make(&json!({ "firstname": "Not", "lastname": "Yours" }));
    let answer = phone.check("Ping", waiting.answer().unwrap());
    assert_eq!(answer.status(), Some(1), "{:?}", answer.doc);
}

#[test]
fn a_heartbeat_out_of_range_is_corrected() {
    let site = Site::start("pingrange");
    let mut phone = site.phone("pingrange1", "14.1");
    let book = phone.pair_and_sync();
    for (asked, bound) in [(1, 2), (5000, 300)] {
        let answer = phone.command("Ping", &ping(Some(asked), &[&book]));
        assert_eq!(answer.status(), Some(5), "{:?}", answer.doc);
        assert_eq!(answer.doc().number("HeartbeatInterval"), Some(bound), "{:?}", answer.doc);
    }
}

fn status(phone: &mut Phone, body: &[u8]) -> Option<u32> {
    phone.post("Ping", body).status()
}

#[test]
fn parameters_are_remembered() {
    let mut site = Site::start("pingcache");
    let mut phone = site.phone("pingcache1", "14.1");
    let book = phone.pair_and_sync();
    assert_eq!(status(&mut phone, &[]), Some(3), "nothing to remember yet");
    assert_eq!(status(&mut phone, &ping(Some(3), &[]).encode()), Some(3), "no folders yet");
    assert_eq!(status(&mut phone, &ping(Some(3), &[&book]).encode()), Some(1));
    assert_eq!(status(&mut phone, &[]), Some(1), "an empty body stands for the last Ping");
    assert_eq!(status(&mut phone, &ping(Some(2), &[]).encode()), Some(1), "another heartbeat, the same folders");
    assert_eq!(status(&mut phone, &ping(None, &[&book]).encode()), Some(1), "other folders, the same heartbeat");
    site.restart_bridge();
    assert_eq!(status(&mut phone, &[]), Some(1), "after a restart");
}

#[test]
fn wrong_folders_have_their_status() {
    let site = Site::start("pingfolders");
    let mut phone = site.phone("pingfolders1", "14.1");
    let book = phone.pair_and_sync();
    assert_eq!(status(&mut phone, &ping(Some(10), &["no-such-folder"]).encode()), Some(7));
    assert_eq!(status(&mut phone, &ping(Some(10), &[&book, &book]).encode()), Some(4));
    let no_id = el("Ping:Ping", [t("HeartbeatInterval", 10), el("Folders", [el("Folder", [t("Class", "Contacts")])])]);
    let told = status(&mut phone, &no_id.encode());
    assert!(matches!(told, Some(4 | 103)), "{told:?}");
}

#[test]
fn a_newer_request_ends_the_older_ping() {
    let site = Site::start("pingnewer");
    let mut phone = site.phone("pingnewer1", "14.1");
    let book = phone.pair_and_sync();
    let older = phone.send("Ping", &ping(Some(120), &[&book]).encode());
    assert!(older.silent_for(heartbeat(2)));
    let newer = phone.send("Ping", &ping(Some(120), &[&book]).encode());
    let answer = older.answer().unwrap();
    assert!(answer.time < heartbeat(12), "the older one stayed for {:?}", answer.time);
    assert!(newer.silent_for(heartbeat(1)), "the newer one was ended");
    site.horde.make(&json!({ "firstname": "Newer", "lastname": "Ping" }));
    let answer = phone.check("Ping", newer.answer().unwrap());
    assert_eq!(answer.status(), Some(2), "{:?}", answer.doc);
}

#[test]
fn a_phone_that_hung_up_is_forgotten() {
    let site = Site::start("pinghangup");
    let mut phone = site.phone("pinghangup1", "14.1");
    let book = phone.pair_and_sync();
    for _ in 0..20 {
        let waiting = phone.send("Ping", &ping(Some(120), &[&book]).encode());
        // More at the same moment than a device may have would be refused.
        assert!(waiting.silent_for(Duration::from_millis(150)));
        waiting.break_off();
    }
    let answer = phone.command("Ping", &ping(Some(3), &[&book]));
    assert_eq!(answer.status(), Some(1), "{:?}", answer.doc);
    phone.sync_all(&book);
    let open = std::fs::read_dir(format!("/proc/{}/fd", site.pid())).map(Iterator::count);
    assert!(open.is_ok_and(|n| n < 40), "descriptors that stay open");
}

#[test]
fn a_calendar_made_on_the_web_ends_the_wait() {
    let site = Site::start("pingfoldermade");
    let mut phone = site.phone("pingfoldermade1", "14.1");
    let book = phone.pair_and_sync();
    let waiting = phone.send("Ping", &ping(Some(120), &[&book]).encode());
    assert!(waiting.silent_for(heartbeat(3)));
    site.horde.call("calendar.addCalendar", &json!(["Verein", { "synchronize": true }]));
    let answer = waiting.answer().unwrap();
    assert!(answer.time < heartbeat(60), "{:?}", answer.time);
    assert_eq!(phone.check("Ping", answer).status(), Some(7));
}

#[test]
fn two_devices_wait_at_the_same_time() {
    let site = Site::start("pingtwo");
    let mut phones = [site.phone("pingtwo1", "14.1"), site.phone("pingtwo2", "12.1")];
    let books: Vec<String> = phones.iter_mut().map(Phone::pair_and_sync).collect();
    let waiting: Vec<_> =
        phones.iter().zip(&books).map(|(p, b)| p.send("Ping", &ping(Some(120), &[b]).encode())).collect();
    assert!(waiting.iter().all(|w| w.silent_for(heartbeat(2))));
    site.horde.make(&json!({ "firstname": "For", "lastname": "Both" }));
    for (phone, waiting) in phones.iter_mut().zip(waiting) {
        let answer = phone.check("Ping", waiting.answer().unwrap());
        assert_eq!(answer.status(), Some(2), "{:?}", answer.doc);
    }
}

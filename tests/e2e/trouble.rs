//! Horde in trouble never looks like an empty address book.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{
    calendar::{BERLIN, event},
    phone::{Answer, Phone, Request, VERSIONS},
    proxy::Mood,
    site::{Door, Site},
    tree::{el, t},
};

const TROUBLES: [Mood; 4] = [Mood::Closed, Mood::Page, Mood::Empty, Mood::Half];

/// The phone is told to try again later, in a form that it knows.
fn assert_later(answer: &Answer, what: &str) {
    let status = |path: &str| answer.doc.as_ref().and_then(|d| d.number(path));
    let told = [status("Status"), status("Collections/Collection/Status")]
        .into_iter()
        .flatten()
        .any(|s| matches!(s, 5 | 6 | 8 | 16 | 110 | 111 | 114));
    assert!(answer.http.status == 503 || told, "{what}: HTTP {} {:?}", answer.http.status, answer.doc);
    if answer.http.status == 503 {
        assert!(answer.http.header("Retry-After").is_some(), "{what}: {:?}", answer.http.headers);
    }
}

/// Horde is well again, and the bridge has noticed: for some seconds after a failure it does not ask.
fn recover(site: &Site, phone: &mut Phone) {
    site.proxy.set(Mood::Well);
    let since = Instant::now();
    loop {
        let answer =
            phone.post("FolderSync", &el("FolderHierarchy:FolderSync", [t("SyncKey", &phone.folder_key)]).encode());
        if answer.http.status != 503 && !matches!(answer.status(), Some(6 | 110 | 111 | 114)) {
            return;
        }
        assert!(
            since.elapsed() < Duration::from_secs(60),
            "Horde is well, but: {} {:?}",
            answer.http.status,
            answer.doc
        );
        std::thread::sleep(Duration::from_millis(300));
    }
}

#[test]
fn a_sick_horde_deletes_nothing() {
    let site = Site::start("sick");
    for i in 0..5 {
        site.horde.make(&json!({ "firstname": format!("Sick{i}"), "lastname": "Trouble" }));
    }
    for version in ["2.5", "12.1", "14.1"] {
        let mut phone = site.phone(&format!("sick{}", version.replace('.', "")), version);
        let book = phone.pair_and_sync();
        let before = phone.items(&book).clone();
        let folders = phone.folders.clone();
        for mood in TROUBLES {
            site.proxy.set(mood);
            let body = phone.sync_request(&book, &Request::default()).encode();
            let answer = phone.post("Sync", &body);
            assert_later(&answer, &format!("Sync in {version} with {mood:?}"));
            let body = el("FolderHierarchy:FolderSync", [t("SyncKey", &phone.folder_key)]).encode();
            let answer = phone.post("FolderSync", &body);
            assert_later(&answer, &format!("FolderSync in {version} with {mood:?}"));
            recover(&site, &mut phone);
            phone.sync_all(&book);
            assert_eq!(phone.items(&book), &before, "{version} after {mood:?}");
            assert_eq!(phone.folder_sync().status(), Some(1));
            assert_eq!(phone.folders, folders, "{version} after {mood:?}");
        }
    }
}

#[test]
fn a_horde_that_says_nothing_deletes_nothing() {
    let site = Site::start("nothing");
    for i in 0..5 {
        site.horde.make(&json!({ "firstname": format!("Not{i}"), "lastname": "Hing" }));
    }
    let mut phone = site.phone("nothing1", "14.1");
    let book = phone.pair_and_sync();
    let before = phone.items(&book).clone();
    let folders = phone.folders.clone();
    site.proxy.set(Mood::Nothing);
    let answer = phone.post("Sync", &phone.sync_request(&book, &Request::default()).encode());
    assert!(answer.commands("Delete").is_empty(), "{:?}", answer.doc);
    let body = el("FolderHierarchy:FolderSync", [t("SyncKey", &phone.folder_key)]).encode();
    let answer = phone.post("FolderSync", &body);
    assert!(answer.doc.as_ref().is_none_or(|d| d.get("Changes/Delete").is_none()), "{:?}", answer.doc);
    recover(&site, &mut phone);
    phone.sync_all(&book);
    assert_eq!(phone.items(&book), &before);
    phone.folder_sync();
    assert_eq!(phone.folders, folders);
}

#[test]
fn a_sick_horde_is_no_wrong_password() {
    let site = Site::start("sicklogin");
    let mut phone = site.phone("sicklogin1", "14.1");
    for mood in TROUBLES {
        site.proxy.set(mood);
        let answer = phone.options();
        assert_eq!(answer.status, 503, "{mood:?}");
        assert!(answer.header("Retry-After").is_some(), "{mood:?}: {:?}", answer.headers);
        assert!(!answer.header("Content-Type").unwrap_or_default().contains("html"), "{mood:?}");
        recover(&site, &mut phone);
        // The next trouble is met by somebody whom the bridge does not know.
        phone = site.phone_of(&site.lab.user("sicklogin"), "sicklogin1", "14.1");
    }
    recover(&site, &mut site.phone("sicklogin1", "14.1"));
    // The administrator reads what to do.
    let log = site.log();
    assert!(log.contains("PHP 8") || log.contains("horde-on-php8"), "an empty 500 has a known cause: {log}");
}

#[test]
fn an_add_that_horde_did_not_take_is_not_lost() {
    let site = Site::start("sickadd");
    for (version, mood) in VERSIONS.into_iter().zip(TROUBLES.into_iter().cycle()) {
        let short = version.replace('.', "");
        let mut phone = site.phone(&format!("sickadd{short}"), version);
        let book = phone.pair_and_sync();
        let add = phone.add([t("Contacts:FirstName", format!("Add{short}")), t("Contacts:LastName", "Sick")]);
        let request = Request { commands: vec![add], ..Request::default() };
        let body = phone.sync_request(&book, &request).encode();
        phone.sent(&book, &request);
        site.proxy.set(mood);
        let answer = phone.post("Sync", &body);
        assert_later(&answer, &format!("{version} with {mood:?}"));
        recover(&site, &mut phone);
        let answer = phone.post("Sync", &body);
        phone.apply(&book, &request, &answer);
        assert_eq!(answer.responses("Add").len(), 1, "{:?}", answer.doc);
        assert!(site.horde.find(&format!("Add{short}"), &[]).is_some());
        phone.sync_all(&book);
        assert!(phone.find(&book, &format!("Add{short}")).is_some());
    }
}

#[test]
fn a_bridge_that_is_down_gives_503() {
    let door = if Door::wanted() == Door::Http { Door::Lighttpd } else { Door::wanted() };
    let mut site = Site::with("bridgedown", door, "");
    let mut phone = site.phone("bridgedown1", "14.1");
    let book = phone.pair_and_sync();
    site.kill_bridge();
    let answer = phone.send("Sync", &phone.sync_request(&book, &Request::default()).encode()).answer().unwrap();
    assert!(matches!(answer.status, 502..=504), "{}", answer.status);
    site.start_bridge();
    // A web server may leave a dead bridge alone for some seconds.
    let since = Instant::now();
    while phone.options().status != 200 {
        assert!(since.elapsed().as_secs() < 30, "the bridge is back, but not for the web server");
        std::thread::sleep(Duration::from_millis(200));
    }
    phone.sync_all(&book);
}

/// Horde notes the uids of all users in one table, each once; who loses the race for one has his event stored and is told of a failure.
#[test]
fn what_was_stored_before_the_database_failed_is_there_once() {
    let site = Site::start("doubtful");
    let mut phone = site.phone("doubtful1", "14.1");
    phone.pair();
    let (calendar, tasks, book) = (phone.default_folder(8), phone.default_folder(7), phone.contacts());
    let event = event(&phone, "Stored", BERLIN, "20261201T080000Z", "20261201T090000Z");
    let task = vec![t("Tasks:Subject", "Stored"), t("Tasks:Complete", 0)];
    let contact = vec![t("Contacts:FirstName", "Was"), t("Contacts:LastName", "Stored")];
    for (folder, fields) in [(calendar, event), (tasks, task), (book, contact)] {
        phone.sync_all(&folder);
        site.proxy.set(Mood::Doubtful);
        let id = phone.add_item(&folder, fields);
        assert_eq!(site.proxy.mood(), Mood::Well, "nothing was added");
        let mut other = site.phone(&format!("doubtful{folder}"), "14.1");
        other.pair();
        other.sync_all(&folder);
        assert_eq!(other.items(&folder).len(), 1, "{:?}", other.items(&folder));
        assert!(other.items(&folder).contains_key(&id), "{id}: {:?}", other.items(&folder));
    }
}

//! Keys, empty and partial requests, estimates: the mechanics of Sync.

use serde_json::json;

use crate::{
    phone::{Phone, Request, VERSIONS, change, delete},
    site::Site,
    tree::{el, empty, t},
};

#[test]
fn a_sync_without_changes_is_cheap() {
    let site = Site::start("cheap");
    // An address book that never had an entry has the history of the whole site: its cursor moves with everybody's.
    site.horde.make(&serde_json::json!({ "firstname": "Cheap", "lastname": "Sync" }));
    let mut phone = site.phone("cheap1", "14.1");
    let book = phone.pair_and_sync();
    phone.sync_all(&book);
    let before = site.proxy.requests();
    let answer = phone.sync(&book, &Request::default());
    assert!(answer.doc.is_none(), "nothing has changed: {:?}", answer.doc);
    assert!(site.proxy.requests() - before <= 1, "{} PHP requests", site.proxy.requests() - before);
}

#[test]
fn an_unknown_key_restarts_the_collection() {
    let site = Site::start("badkey");
    for version in ["2.5", "14.1"] {
        let mut phone = site.phone(&format!("badkey{}", version.replace('.', "")), version);
        let book = phone.pair_and_sync();
        let first = format!("Key{version}");
        phone.add_item(&book, [t("Contacts:FirstName", &first), t("Contacts:LastName", "Key")]);
        let before = site.horde.uids();
        let answer = phone.sync(&book, &Request { key: Some("{nonsense}17".to_owned()), ..Request::default() });
        assert_eq!(answer.collection_status(), 3, "{:?}", answer.doc);
        assert!(answer.collection().get("Commands").is_none());
        phone.collections.remove(&book);
        phone.sync_all(&book);
        assert!(phone.find(&book, &first).is_some());
        assert_eq!(site.horde.uids(), before);
    }
}

#[test]
fn an_old_key_is_refused() {
    let site = Site::start("oldkey");
    let mut phone = site.phone("oldkey1", "14.1");
    let book = phone.pair_and_sync();
    let old = phone.collections[&book].key.clone();
    for i in 0..3 {
        phone.add_item(&book, [t("Contacts:FirstName", format!("Old{i}")), t("Contacts:LastName", "Key")]);
    }
    let answer = phone.sync(&book, &Request { key: Some(old), ..Request::default() });
    assert_eq!(answer.collection_status(), 3, "{:?}", answer.doc);
}

#[test]
fn a_fresh_start_gives_the_same_ids() {
    let mut site = Site::start("sameids");
    for i in 0..5 {
        site.horde.make(&json!({ "firstname": format!("S{i}"), "lastname": "Ids" }));
    }
    let mut phone = site.phone("sameids1", "14.1");
    let book = phone.pair_and_sync();
    let before = phone.items(&book).clone();
    assert_eq!(before.len(), 5);
    site.restart_bridge();
    phone.collections.remove(&book);
    phone.sync_all(&book);
    assert_eq!(phone.items(&book), &before);
}

#[test]
fn get_changes_0_brings_nothing() {
    let site = Site::start("nochanges");
    let mut phone = site.phone("nochanges1", "14.1");
    let book = phone.pair_and_sync();
    site.horde.make(&json!({ "firstname": "Later", "lastname": "X" }));
    let add = phone.add([t("Contacts:FirstName", "Mine"), t("Contacts:LastName", "X")]);
    let answer = phone.sync(&book, &Request { get_changes: Some(false), commands: vec![add], ..Request::default() });
    assert_eq!(answer.commands("Add").len(), 0, "{:?}", answer.doc);
    assert_eq!(answer.responses("Add").len(), 1, "{:?}", answer.doc);
    phone.sync_all(&book);
    assert!(phone.find(&book, "Later").is_some());
    assert_eq!(phone.items(&book).len(), 2);
}

#[test]
fn empty_requests_repeat_the_last_one() {
    let site = Site::start("emptysync");
    for version in ["12.1", "14.1", "16.1"] {
        let short = version.replace('.', "");
        let mut phone = site.phone(&format!("empty{short}"), version);
        phone.pair();
        let cold = phone.post("Sync", &[]);
        assert!(matches!(cold.status(), Some(13 | 149)), "nothing is cached: {:?}", cold.doc);
        let book = phone.contacts();
        phone.sync_all(&book);
        // The last request of sync_all was answered with the key that an empty request stands for.
        phone.sync(&book, &Request::default());
        let quiet = phone.post("Sync", &[]);
        assert!(quiet.doc.is_none(), "{:?}", quiet.doc);
        let first = format!("Empty{short}");
        site.horde.make(&json!({ "firstname": first, "lastname": "X" }));
        let news = phone.post("Sync", &[]);
        phone.apply(&book, &Request::default(), &news);
        assert!(phone.find(&book, &first).is_some(), "{:?}", news.doc);
    }
}

#[test]
fn partial_requests_take_the_rest_from_the_last_one() {
    let site = Site::start("partial");
    let mut phone = site.phone("partial1", "14.1");
    phone.pair();
    let partial = el("AirSync:Sync", [t("WindowSize", 5), empty("Partial")]);
    let cold = phone.command("Sync", &partial);
    assert!(matches!(cold.status(), Some(13 | 149)), "nothing is cached: {:?}", cold.doc);
    let book = phone.contacts();
    phone.sync_all(&book);
    phone.sync(&book, &Request::default());
    for i in 0..7 {
        site.horde.make(&json!({ "firstname": format!("P{i}"), "lastname": "Partial" }));
    }
    let answer = phone.command("Sync", &partial);
    phone.apply(&book, &Request { window: Some(5), ..Request::default() }, &answer);
    assert_eq!(phone.items(&book).len(), 5, "{:?}", answer.doc);
    phone.sync_all(&book);
    assert_eq!(phone.items(&book).len(), 7);
}

fn estimate(phone: &mut Phone, book: &str, key: &str) -> (Option<u32>, Option<u32>) {
    let id = t("GetItemEstimate:CollectionId", book);
    let collection = if phone.at_least("14.0") {
        vec![t("AirSync:SyncKey", key), id]
    } else {
        vec![t("Class", "Contacts"), id, t("AirSync:FilterType", 0), t("AirSync:SyncKey", key)]
    };
    let doc = el("GetItemEstimate:GetItemEstimate", [el("Collections", [el("Collection", collection)])]);
    let answer = phone.command("GetItemEstimate", &doc);
    let response = answer.doc().get("Response").unwrap_or_else(|| panic!("{:?}", answer.doc));
    (response.number("Status"), response.number("Collection/Estimate"))
}

#[test]
fn estimates_in_each_version() {
    let site = Site::start("estimate");
    for i in 0..3 {
        site.horde.make(&json!({ "firstname": format!("E{i}"), "lastname": "Estimate" }));
    }
    for version in VERSIONS {
        let mut phone = site.phone(&format!("estimate{}", version.replace('.', "")), version);
        phone.pair();
        let book = phone.contacts();
        assert_eq!(estimate(&mut phone, &book, "0").0, Some(3), "never primed");
        phone.prime(&book, None);
        let key = phone.collections[&book].key.clone();
        assert_eq!(estimate(&mut phone, &book, &key), (Some(1), Some(3)));
        // It does not move the key.
        phone.sync_all(&book);
        let key = phone.collections[&book].key.clone();
        assert_eq!(estimate(&mut phone, &book, &key), (Some(1), Some(0)));
        assert_eq!(estimate(&mut phone, &book, "{nonsense}9").0, Some(4));
        assert_eq!(estimate(&mut phone, "no-such-folder", &key).0, Some(2));
    }
}

#[test]
fn deleting_what_is_not_there_is_no_error() {
    let site = Site::start("delunknown");
    let mut phone = site.phone("delunknown1", "14.1");
    let book = phone.pair_and_sync();
    let id = phone.add_item(&book, [t("Contacts:FirstName", "Twice"), t("Contacts:LastName", "Gone")]);
    let uid = site.horde.uids().remove(0);
    site.horde.delete(&uid);
    let answer = phone.sync(&book, &Request { commands: vec![delete(&id), delete("nothing")], ..Request::default() });
    assert!(answer.doc.is_none() || answer.collection_status() == 1, "{:?}", answer.doc);
    phone.sync_all(&book);
    assert_eq!(phone.items(&book).len(), 0);
}

#[test]
fn many_commands_in_one_request() {
    let site = Site::start("many");
    let mut phone = site.phone("many1", "14.1");
    let book = phone.pair_and_sync();
    let adds: Vec<_> = (0..20)
        .map(|i| phone.add([t("Contacts:FirstName", format!("M{i}")), t("Contacts:LastName", "Many")]))
        .collect();
    let answer = phone.sync(&book, &Request { commands: adds, ..Request::default() });
    assert_eq!(answer.responses("Add").len(), 20);
    assert_eq!(site.horde.uids().len(), 20);
    let ids: Vec<String> = phone.items(&book).keys().cloned().collect();
    let mut commands: Vec<_> = ids[..10].iter().map(|id| delete(id)).collect();
    commands.extend(
        ids[10..]
            .iter()
            .enumerate()
            .map(|(i, id)| change(id, [t("Contacts:FirstName", format!("N{i}")), t("Contacts:LastName", "Many")])),
    );
    phone.sync(&book, &Request { commands, ..Request::default() });
    assert_eq!(site.horde.uids().len(), 10);
    let names = site.horde.search(&["firstname"]);
    assert!(names.iter().all(|c| c["firstname"].as_str().unwrap().starts_with('N')), "{names:?}");
    phone.sync_all(&book);
    assert_eq!(phone.items(&book).len(), 10);
}

#[test]
fn one_bad_item_stops_nothing() {
    let site = Site::start("baditem");
    let mut phone = site.phone("baditem1", "14.1");
    let book = phone.pair_and_sync();
    let good = phone.add([t("Contacts:FirstName", "Good"), t("Contacts:LastName", "Item")]);
    let bad = phone.add([
        t("Contacts:FirstName", "Bad"),
        t("Contacts:Picture", "%%% not base64 %%%"),
        t("Contacts:Birthday", "yesterday"),
    ]);
    let good2 = phone.add([t("Contacts:FirstName", "Good2"), t("Contacts:LastName", "Item")]);
    let answer = phone.sync(&book, &Request { commands: vec![good, bad, good2], ..Request::default() });
    assert_eq!(answer.responses("Add").len(), 3, "{:?}", answer.doc);
    assert!(site.horde.find("Good", &[]).is_some());
    assert!(site.horde.find("Good2", &[]).is_some());
}

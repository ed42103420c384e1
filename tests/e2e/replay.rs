//! Lost answers, repeated requests, the bridge killed in between: nothing is lost, doubled or resurrected.

use std::time::Duration;

use serde_json::json;

use crate::{
    phone::{Phone, Request, change, delete},
    site::Site,
    tree::{El, t},
};

fn contact(first: &str) -> [El; 2] {
    [t("Contacts:FirstName", first), t("Contacts:LastName", "Replay")]
}

/// Sends a request whose answer is lost, then the same again, and applies the second answer. Gives both documents.
fn lose_and_repeat(phone: &mut Phone, book: &str, request: &Request, between: impl FnOnce()) -> (El, El) {
    let body = phone.sync_request(book, request).encode();
    phone.sent(book, request);
    let lost = phone.post("Sync", &body);
    between();
    let again = phone.post("Sync", &body);
    phone.apply(book, request, &again);
    (lost.doc.unwrap_or_default(), again.doc.unwrap_or_default())
}

fn added_ids(doc: &El) -> Vec<String> {
    let responses = doc.get("Collections/Collection/Responses");
    responses.iter().flat_map(|r| r.all("Add")).map(|a| a.text("ServerId").unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_lost_answer_is_repeated() {
    let site = Site::start("lost");
    for version in ["2.5", "12.1", "14.1", "16.1"] {
        let short = version.replace('.', "");
        let mut phone = site.phone(&format!("lost{short}"), version);
        let book = phone.pair_and_sync();
        let first = format!("Lost{short}");
        let add = phone.add(contact(&first));
        let request = Request { commands: vec![add], ..Request::default() };
        let (lost, again) = lose_and_repeat(&mut phone, &book, &request, || {});
        assert_eq!(added_ids(&lost), added_ids(&again));
        assert_eq!(added_ids(&again).len(), 1, "{again:?}");
        assert!(site.horde.find(&first, &[]).is_some());

        let id = added_ids(&again).remove(0);
        let fields = [t("Contacts:FirstName", &first), t("Contacts:LastName", "Changed")];
        let request = Request { commands: vec![change(&id, fields)], ..Request::default() };
        lose_and_repeat(&mut phone, &book, &request, || {});
        assert_eq!(site.horde.find(&first, &["lastname"]).unwrap()["lastname"], "Changed");

        let request = Request { commands: vec![delete(&id)], ..Request::default() };
        lose_and_repeat(&mut phone, &book, &request, || {});
        assert_eq!(site.horde.find(&first, &[]), None);
        phone.sync_all(&book);
        assert_eq!(phone.items(&book).len(), 0);
    }
}

#[test]
fn a_lost_answer_twice() {
    let site = Site::start("losttwice");
    let mut phone = site.phone("losttwice1", "14.1");
    let book = phone.pair_and_sync();
    let add = phone.add(contact("Twice"));
    let request = Request { commands: vec![add], ..Request::default() };
    let body = phone.sync_request(&book, &request).encode();
    phone.sent(&book, &request);
    let first = phone.post("Sync", &body);
    let second = phone.post("Sync", &body);
    let third = phone.post("Sync", &body);
    phone.apply(&book, &request, &third);
    assert_eq!(added_ids(first.doc()), added_ids(third.doc()));
    assert_eq!(added_ids(second.doc()), added_ids(third.doc()));
    assert_eq!(site.horde.uids().len(), 1);
}

#[test]
fn items_of_a_lost_window_come_again() {
    let site = Site::start("lostwindow");
    for i in 0..9 {
        site.horde.make(&json!({ "firstname": format!("W{i}"), "lastname": "Replay" }));
    }
    let mut phone = site.phone("lostwindow1", "14.1");
    phone.pair();
    let book = phone.contacts();
    phone.prime(&book, None);
    let request = Request { window: Some(4), ..Request::default() };
    lose_and_repeat(&mut phone, &book, &request, || {});
    // In the middle something changes on the other side, too.
    lose_and_repeat(&mut phone, &book, &request, || {
        drop(site.horde.make(&json!({ "firstname": "W9", "lastname": "Replay" })))
    });
    lose_and_repeat(&mut phone, &book, &request, || {});
    phone.sync_all(&book);
    let mut names: Vec<_> = phone.items(&book).values().map(|i| i.text("FirstName").unwrap().to_owned()).collect();
    names.sort();
    assert_eq!(names, (0..10).map(|i| format!("W{i}")).collect::<Vec<_>>());
}

#[test]
fn what_changes_in_horde_between_the_two_is_not_lost() {
    let site = Site::start("between");
    let mut phone = site.phone("between1", "14.1");
    let book = phone.pair_and_sync();
    let add = phone.add(contact("Between"));
    let request = Request { commands: vec![add], ..Request::default() };
    lose_and_repeat(&mut phone, &book, &request, || {
        let uid = site.horde.find("Between", &[]).unwrap()["__uid"].as_str().unwrap().to_owned();
        site.horde.change(&uid, &json!({ "lastname": "Web" }));
    });
    phone.sync_all(&book);
    assert_eq!(phone.find(&book, "Between").unwrap().1.text("LastName"), Some("Web"));
    assert_eq!(site.horde.find("Between", &["lastname"]).unwrap()["lastname"], "Web");
}

#[test]
fn a_client_id_that_was_answered_makes_no_second_contact() {
    let site = Site::start("clientid");
    let mut phone = site.phone("clientid1", "14.1");
    let book = phone.pair_and_sync();
    let add = phone.add(contact("Once"));
    let request = Request { commands: vec![add], ..Request::default() };
    let first = phone.sync(&book, &request);
    // The phone took the new key, but sends the Add again with it.
    let again = phone.command("Sync", &phone.sync_request(&book, &request));
    assert_eq!(again.collection_status(), 1, "{:?}", again.doc);
    assert_eq!(added_ids(first.doc()), added_ids(again.doc()));
    assert_eq!(site.horde.uids().len(), 1);
}

#[test]
fn two_equal_contacts_are_two_contacts() {
    let site = Site::start("equal");
    let mut phone = site.phone("equal1", "14.1");
    let book = phone.pair_and_sync();
    let commands = vec![phone.add(contact("Equal")), phone.add(contact("Equal"))];
    let answer = phone.sync(&book, &Request { commands, ..Request::default() });
    // Turba refuses an exact copy; then the phone must hear of it, or both Adds stand for the one contact that there is.
    let statuses: Vec<_> = answer.responses("Add").iter().map(|r| r.number("Status").unwrap()).collect();
    assert_eq!(statuses.len(), 2, "{:?}", answer.doc);
    assert_eq!(statuses[0], 1, "{:?}", answer.doc);
    let told = statuses.iter().filter(|s| **s == 1).count();
    phone.sync_all(&book);
    assert_eq!(phone.items(&book).len(), site.horde.uids().len(), "told {told}");
}

#[test]
fn a_restart_in_between_is_not_noticed() {
    let mut site = Site::start("restart");
    let mut phone = site.phone("restart1", "14.1");
    let book = phone.pair_and_sync();
    phone.add_item(&book, contact("Before"));
    site.restart_bridge();
    phone.add_item(&book, contact("After"));
    site.horde.make(&json!({ "firstname": "Horde", "lastname": "Restart" }));
    site.restart_bridge();
    phone.sync_all(&book);
    assert_eq!(phone.items(&book).len(), 3);
    assert_eq!(phone.folder_sync().doc().number("Changes/Count"), Some(0));
}

#[test]
fn killed_after_the_answer() {
    let mut site = Site::start("killed");
    let mut phone = site.phone("killed1", "14.1");
    let book = phone.pair_and_sync();
    let add = phone.add(contact("Killed"));
    let request = Request { commands: vec![add], ..Request::default() };
    let body = phone.sync_request(&book, &request).encode();
    phone.sent(&book, &request);
    let lost = phone.post("Sync", &body);
    site.kill_bridge();
    site.start_bridge();
    site.wait_until_ready();
    let again = phone.post("Sync", &body);
    phone.apply(&book, &request, &again);
    assert_eq!(added_ids(lost.doc()), added_ids(again.doc()));
    assert_eq!(site.horde.uids().len(), 1);
    phone.sync_all(&book);
    assert_eq!(phone.items(&book).len(), 1);
}

/// The bridge dies at some moment while it works on a request: repeating it gives each contact once, on the phone and in Horde.
#[test]
fn killed_in_the_middle() {
    let mut site = Site::start("middle");
    let mut phone = site.phone("middle1", "14.1");
    let book = phone.pair_and_sync();
    for round in 0..8_u32 {
        let names: Vec<String> = (0..4).map(|i| format!("R{round}N{i}")).collect();
        let commands: Vec<El> = names.iter().map(|n| phone.add(contact(n))).collect();
        let request = Request { commands, ..Request::default() };
        let body = phone.sync_request(&book, &request).encode();
        phone.sent(&book, &request);
        let pending = phone.send("Sync", &body);
        std::thread::sleep(Duration::from_millis(u64::from(round) * 17 + 5));
        site.kill_bridge();
        drop(pending);
        site.start_bridge();
        site.wait_until_ready();
        // What Horde was asked last may still be under way.
        std::thread::sleep(Duration::from_millis(200));
        let again = phone.post("Sync", &body);
        phone.apply(&book, &request, &again);
        assert_eq!(again.responses("Add").len(), 4, "round {round}: {:?}", again.doc);
        phone.sync_all(&book);
        for name in &names {
            assert!(site.horde.find(name, &[]).is_some(), "round {round}: {name} is not in Horde");
            assert!(phone.find(&book, name).is_some(), "round {round}: {name} is not on the phone");
        }
    }
    assert_eq!(site.horde.uids().len(), 32);
    assert_eq!(phone.items(&book).len(), 32);
}

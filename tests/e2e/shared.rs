//! Address books that belong to somebody else.

use serde_json::json;

use crate::{
    phone::{Phone, Request, change, delete},
    site::Site,
    tree::t,
};

const SHARED: &str = "lab-company-directory";

fn directory(phone: &Phone) -> String {
    let book = phone.folders.iter().find(|(_, f)| f.name.contains("Company Directory"));
    book.unwrap_or_else(|| panic!("{:?}", phone.folders)).0.clone()
}

#[test]
fn a_read_only_address_book_gives_the_servers_version_back() {
    let site = Site::start("readonly");
    let admin = site.lab.named("admin");
    let first = site.horde.user.clone();
    let made =
        admin.call("contacts.import", &json!([{ "firstname": first, "lastname": "Directory" }, "array", SHARED]));
    let uid = made.as_str().unwrap();

    let mut phone = site.phone("readonly1", "14.1");
    phone.pair();
    let book = directory(&phone);
    phone.sync_all(&book);
    let (id, before) = phone.find(&book, &first).map(|(id, item)| (id, item.clone())).unwrap();
    let count = phone.items(&book).len();

    let fields = [t("Contacts:FirstName", &first), t("Contacts:LastName", "Vandal")];
    let answer = phone.sync(&book, &Request { commands: vec![change(&id, fields)], ..Request::default() });
    let status = answer.responses("Change").first().and_then(|r| r.number("Status"));
    assert!(status.is_some_and(|s| s != 1), "{:?}", answer.doc);
    phone.sync_all(&book);
    assert_eq!(phone.items(&book)[&id], before, "the server's version comes back");

    let answer = phone.sync(&book, &Request { commands: vec![delete(&id)], ..Request::default() });
    phone.sync_all(&book);
    assert_eq!(
        phone.items(&book).get(&id),
        Some(&before),
        "a deletion that was refused: the item comes back: {:?}",
        answer.doc
    );

    let add = phone.add([t("Contacts:FirstName", "Intruder"), t("Contacts:LastName", "X")]);
    let answer = phone.sync(&book, &Request { commands: vec![add], ..Request::default() });
    assert_ne!(answer.responses("Add")[0].number("Status"), Some(1), "{:?}", answer.doc);
    phone.sync_all(&book);
    assert_eq!(phone.items(&book).len(), count);

    let there = admin.call("contacts.search", &json!([[first], { "sources": [SHARED], "returnFields": ["lastname"] }]));
    assert_eq!(there[&first][0]["lastname"], "Directory", "{there}");
    admin.call("contacts.delete", &json!([uid, [SHARED]]));
    phone.sync_all(&book);
    assert!(!phone.items(&book).contains_key(&id));
}

#[test]
fn no_user_reaches_anothers_device_or_items() {
    let site = Site::start("mine");
    let other = site.lab.user("mine-other");
    let mut mine = site.phone("samephone", "14.1");
    let book = mine.pair_and_sync();
    let id = mine.add_item(&book, [t("Contacts:FirstName", "Private"), t("Contacts:LastName", "Mine")]);
    // The same device id with another login is another device.
    let mut theirs = site.phone_of(&other, "samephone", "14.1");
    theirs.policy_key = mine.policy_key;
    theirs.folder_key.clone_from(&mine.folder_key);
    theirs.collections.clone_from(&mine.collections);
    let answer = theirs.post("Sync", &theirs.sync_request(&book, &Request::default()).encode());
    assert_eq!(answer.status(), Some(142).filter(|_| answer.status() == Some(142)).or(Some(144)), "{:?}", answer.doc);
    theirs.provision();
    theirs.folder_key = "0".to_owned();
    theirs.folder_sync();
    theirs.collections.clear();
    let their_book = theirs.contacts();
    theirs.sync_all(&their_book);
    assert_eq!(theirs.items(&their_book).len(), 0);
    theirs.sync(&their_book, &Request { commands: vec![delete(&id)], ..Request::default() });
    // A folder id that was seen elsewhere is of no use either.
    let answer = theirs.post(
        "Sync",
        &theirs.sync_request(&book, &Request { key: Some("0".to_owned()), ..Request::default() }).encode(),
    );
    if book != their_book {
        let status =
            answer.doc.as_ref().and_then(|d| d.number("Collections/Collection/Status").or_else(|| d.number("Status")));
        assert!(status.is_some_and(|s| s != 1), "{:?}", answer.doc);
    }
    assert!(site.horde.find("Private", &[]).is_some());
    mine.sync_all(&book);
    assert_eq!(mine.items(&book).len(), 1);
}

//! The people whom the user writes to most (the recipient information cache).

use std::collections::BTreeMap;

use super::{Post, address};
use crate::{
    phone::{Phone, Request, ping},
    phone_mail::Outgoing,
    tree::{el, t},
};

const CACHE: u32 = 19;

fn mail_to(address: &str) -> String {
    format!("To: {address}\r\nSubject: people\r\n\r\nHello\r\n")
}

/// Rank by address.
fn ranks(phone: &Phone, folder: &str) -> BTreeMap<String, String> {
    let items = phone.collections[folder].items.values();
    let text =
        |item: &crate::tree::El, name: &str| item.text(name).unwrap_or_else(|| panic!("{name}: {item:?}")).to_owned();
    items
        .map(|item| {
            assert_eq!(text(item, "FileAs"), text(item, "Email1Address"));
            (text(item, "Email1Address"), text(item, "WeightedRank"))
        })
        .collect()
}

#[test]
fn who_is_written_to_most_comes_first() {
    let mut post = Post::start("people");
    let [often, seldom, new] = ["often", "seldom", "new"].map(|name| address(&post.site.lab.user(name)));
    let mut phone = post.phone("14.1");
    for to in [&often, &seldom, &often] {
        phone.send_mail(mail_to(to).as_bytes());
    }
    let cache = phone.default_folder(CACHE);
    assert_eq!(phone.folders.values().filter(|f| f.kind == 9).count(), 1, "{:?}", phone.folders);
    phone.sync_all(&cache);
    let expected = |list: &[(&String, &str)]| -> BTreeMap<String, String> {
        list.iter().map(|(address, rank)| ((*address).clone(), (*rank).to_owned())).collect()
    };
    assert_eq!(ranks(&phone, &cache), expected(&[(&often, "1"), (&seldom, "2")]));

    // Nobody writes there.
    let data = el("ApplicationData", [t("Contacts:FileAs", "x"), t("Contacts:Email1Address", "x@example.test")]);
    let add = el("AirSync:Add", [t("ClientId", "1"), data]);
    let answer = phone.sync(&cache, &Request { commands: vec![add], ..Request::default() });
    assert_ne!(answer.responses("Add")[0].number("Status"), Some(1), "{:?}", answer.doc);

    // Waiting for it disturbs nobody, and the folder list is the one that the phone has.
    let answer = phone.command("Ping", &ping(Some(5), &[&cache, &phone.contacts()]));
    assert_eq!(answer.status(), Some(1), "{:?}", answer.doc);

    for _ in 0..3 {
        let mime = mail_to(&new);
        let mail = Outgoing { save: false, ..Outgoing::new(mime.as_bytes()) };
        crate::phone_mail::sent(&phone.submit("SendMail", &mail));
    }
    // IMP is asked every ten minutes, and after a start.
    post.site.restart_bridge();
    phone.sync_all(&cache);
    assert_eq!(ranks(&phone, &cache), expected(&[(&new, "1"), (&often, "2"), (&seldom, "3")]));

    let old = post.phone("12.1");
    assert!(old.folders.values().all(|f| f.kind != CACHE), "{:?}", old.folders);
}

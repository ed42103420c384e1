//! A thousand contacts.

use crate::{
    horde::Lab,
    phone::{Phone, Request},
    side::{Cost, Side, both, median, row, site, user},
};

const CONTACTS: usize = 1000;

/// First sync of all contacts by a new device.
fn initial(side: &Side<'_>, device: &str) -> (Cost, Phone, String) {
    (side.forget)();
    let mut phone = (side.phone)(device);
    phone.folder_key = "0".to_owned();
    assert_eq!(phone.folder_sync().status(), Some(1));
    let book = phone.contacts();
    let cost = side.cost(|| _ = phone.sync_all_by(&book, 100));
    let items = phone.items(&book);
    assert_eq!(items.len(), CONTACTS);
    let pictures = items.values().filter(|i| i.text("Picture").is_some_and(|p| p.len() > 500)).count();
    assert_eq!(pictures, CONTACTS / 10);
    (cost, phone, book)
}

pub(crate) fn run(lab: &Lab, rounds: usize, repeats: usize) {
    let user = user(lab, "bench", CONTACTS, 0, 0);
    // Horde's own server syncs only the address books that the user has chosen.
    let book = user.book();
    let chosen = format!("a:1:{{i:0;s:{}:\"{book}\";}}", book.len());
    user.call("horde.setPreference", &serde_json::json!(["turba", "sync_books", chosen]));
    let site = site(lab, "bench", "");
    println!("\n{:<38} {:>22}   {:>22}", "contacts", "Horde's own", "horde-eas");
    let mut results = Vec::new();
    for side in both(lab, &user, &site) {
        let stamp = std::process::id();
        // One that does not count: both have warm caches afterwards.
        let _ = initial(&side, &format!("warm{stamp}"));
        let mut first = Vec::new();
        let mut last = None;
        for round in 0..rounds {
            let (cost, phone, book) = initial(&side, &format!("bench{stamp}x{round}"));
            first.push(cost);
            last = Some((phone, book));
        }
        let (mut phone, book) = last.unwrap();
        phone.sync_all(&book);
        let quiet = median((0..repeats).map(|_| side.cost(|| drop(phone.sync(&book, &Request::default())))).collect());
        let options = median((0..repeats).map(|_| side.cost(|| assert_eq!(phone.options().status, 200))).collect());
        phone.policy_key ^= 1;
        let refused = median((0..repeats).map(|_| side.cost(|| drop(phone.post("FolderSync", &[])))).collect());
        results.push([median(first), quiet, options, refused]);
    }
    let [a, b] = [results[0], results[1]];
    row(&format!("first sync of {CONTACTS}"), a[0], b[0], "target: 8 times, at most 8 PHP");
    row("Sync without changes", a[1], b[1], "target: 2 times, at most 1 PHP");
    row("OPTIONS", a[2], b[2], "target: no PHP");
    row("refused (wrong policy key)", a[3], b[3], "target: no PHP");
}

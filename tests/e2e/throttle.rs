//! Overload, and phones that turn in circles: those are slowed down, and nobody else.

use std::time::Duration;

use serde_json::json;

use crate::{
    http::Response,
    phone::{Phone, Request, ping},
    proxy::Mood,
    site::{Door, Site},
    tree::{el, t},
};

fn site(test: &str, limits: &str) -> Site {
    Site::with(test, Door::wanted(), &format!("[limits]\n{limits}\n"))
}

/// 503 with a time to come back, and the reason.
fn assert_slowed(http: &Response, reason: Option<&str>) {
    assert_eq!((http.status, http.header("X-MS-ASThrottle")), (503, reason), "{:?}", http.headers);
    let after: u64 = http.header("Retry-After").expect("Retry-After").parse().unwrap();
    assert!((1..=3600).contains(&after), "{after}");
    assert!(http.body.is_empty());
}

fn warnings(site: &Site) -> usize {
    site.log().matches("it is slowed down").count()
}

#[test]
fn a_request_that_fails_again_and_again_is_slowed_down_shown_and_forgiven() {
    let site = site("loop", "max_pause = 4");
    let (mut phone, mut other) = (site.phone("loop1", "14.1"), site.phone("loop2", "14.1"));
    let book = phone.pair_and_sync();
    other.pair_and_sync();
    // A Ping that refers to an earlier one which there never was.
    for n in 0..20 {
        assert_eq!(phone.post("Ping", &[]).status(), Some(3), "{n}");
    }
    assert_slowed(&phone.post("Ping", &[]).http, Some("RecentCommands"));
    let noted = site.info("loop1").value("trouble").unwrap();
    assert!(noted.ends_with("Z Ping 3, the same request 20 times"), "{noted}");
    assert_eq!(site.info("loop2").value("trouble").as_deref(), Some(""));
    // What it does right works, and so does another device with the same request.
    phone.sync_all(&book);
    assert_eq!(other.post("Ping", &[]).status(), Some(3));
    std::thread::sleep(Duration::from_millis(4100));
    assert_eq!(phone.post("Ping", &[]).status(), Some(3), "after the pause it may try again");
    assert_slowed(&phone.post("Ping", &[]).http, Some("RecentCommands"));
    assert_eq!(warnings(&site), 1, "{}", site.log());
    assert_eq!(site.info("loop1").value("trouble"), Some(noted));
    // Now there is one, and the request works.
    assert_eq!(phone.command("Ping", &ping(Some(2), &[&book])).status(), Some(1));
    std::thread::sleep(Duration::from_millis(4100));
    assert_eq!(phone.post("Ping", &[]).status(), Some(1));
    assert_eq!(site.info("loop1").value("trouble").as_deref(), Some(""));
    assert_eq!(phone.post("Ping", &[]).status(), Some(1));
    assert_eq!(warnings(&site), 1);
}

#[test]
fn a_phone_that_begins_anew_for_ever_is_slowed_down() {
    let site = site("anew", "max_pause = 5");
    site.horde.make(&json!({ "firstname": "A", "lastname": "New" }));
    for version in ["2.5", "12.1", "16.1"] {
        let mut phone = site.phone(&format!("anew{}", version.replace('.', "")), version);
        let book = phone.pair_and_sync();
        let key = phone.collections[&book].key.clone();
        let anew = phone.sync_request(&book, &Request { key: Some("0".into()), ..Request::default() });
        let answers: Vec<u16> = (0..21).map(|_| phone.command("Sync", &anew).http.status).collect();
        // The first sync was one of them.
        assert_eq!(answers[..19], [200; 19], "{version}");
        assert_eq!(answers[19..], [503; 2], "{version}");
        assert_slowed(&phone.command("Sync", &anew).http, Some("RecentSyncs"));
        let noted = site.info(&phone.device).value("trouble").unwrap();
        assert!(noted.ends_with("Sync began 20 times anew with the same folder"), "{noted}");
        assert_ne!(phone.collections[&book].key, "0");
        assert_eq!(phone.collections[&book].key, key);
        assert_eq!(phone.folder_sync().status(), Some(1), "the rest works");
    }
}

#[test]
fn an_ordinary_day_meets_no_limit() {
    let site = Site::start("ordinary");
    let mut phone = site.phone("ordinary1", "14.1");
    let book = phone.pair_and_sync();
    for n in 0..40 {
        phone.add_item(&book, [t("Contacts:FirstName", format!("Day{n}")), t("Contacts:LastName", "Ordinary")]);
        phone.sync_all(&book);
        assert_eq!(phone.folder_sync().status(), Some(1));
    }
    assert_eq!(site.info("ordinary1").value("trouble").as_deref(), Some(""));
    assert!(!site.log().contains("limit="), "{}", site.log());
}

#[test]
fn a_flood_is_refused_and_the_user_s_other_phone_is_served() {
    let site = site("flood", "device_rate = 30");
    let (mut phone, mut other) = (site.phone("flood1", "14.1"), site.phone("flood2", "14.1"));
    let folders = el("FolderHierarchy:FolderSync", [t("SyncKey", "0")]).encode();
    phone.provision();
    let flood = || phone.send("FolderSync", &folders).answer().unwrap();
    // What comes back to it while it sends is more on a slow machine.
    let served = (0..500).take_while(|_| flood().status == 200).count();
    assert!((20..500).contains(&served), "{served}");
    let refused: Vec<Response> = (0..20).map(|_| flood()).collect();
    refused.iter().for_each(|a| assert_slowed(a, Some("CommandFrequency")));
    let times: std::collections::BTreeSet<_> = refused.iter().map(|a| a.header("Retry-After")).collect();
    assert!(times.len() > 5, "they come back one by one: {times:?}");
    let book = other.pair_and_sync();
    other.sync_all(&book);
    let noted = site.info("flood1").value("trouble").unwrap();
    assert!(noted.ends_with("more than 30 requests in a minute"), "{noted}");
    assert_eq!(warnings(&site), 1);
    let lines = site.log().matches("device=flood1").count();
    assert!(lines < served + 10, "{lines} lines in the log");
}

#[test]
fn waiting_phones_do_not_hold_up_working_ones() {
    let site = site("waiting", "working = 1\nqueue = 0\nuser_working = 1");
    let mut phones: Vec<Phone> = (0..8).map(|n| site.phone(&format!("waiting{n}"), "14.1")).collect();
    let books: Vec<String> = phones.iter_mut().map(Phone::pair_and_sync).collect();
    let mut waiting = Vec::new();
    for (phone, book) in phones.iter().zip(&books) {
        let pending = phone.send("Ping", &ping(Some(60), &[book]).encode());
        assert!(pending.silent_for(Duration::from_secs(1)), "refused, or ended");
        waiting.push(pending);
    }
    // The only place is free for whoever works.
    let mut worker = site.phone("worker", "14.1");
    let book = worker.pair_and_sync();
    worker.add_item(&book, [t("Contacts:FirstName", "Work"), t("Contacts:LastName", "Er")]);
    for (phone, pending) in phones.iter().zip(waiting) {
        let answer = phone.check("Ping", pending.answer().unwrap());
        assert_eq!(answer.status(), Some(2), "{:?}", answer.doc);
    }
}

#[test]
fn a_hanging_sync_takes_its_place_again() {
    let site = site("hanging", "working = 1\nqueue = 10");
    let mut phones: Vec<Phone> = (0..4).map(|n| site.phone(&format!("hanging{n}"), "14.1")).collect();
    let books: Vec<String> = phones.iter_mut().map(Phone::pair_and_sync).collect();
    let waiting: Vec<_> = phones
        .iter()
        .zip(&books)
        .map(|(phone, book)| {
            let mut doc = phone.sync_request(book, &Request::default());
            doc.children.push(t("AirSync:HeartbeatInterval", 60));
            phone.send("Sync", &doc.encode())
        })
        .collect();
    std::thread::sleep(Duration::from_secs(2));
    site.horde.make(&json!({ "firstname": "Hang", "lastname": "Ing" }));
    for ((phone, book), pending) in phones.iter_mut().zip(&books).zip(waiting) {
        let answer = phone.check("Sync", pending.answer().unwrap());
        assert_eq!(answer.commands("Add").len(), 1, "{:?}", answer.doc);
        phone.apply(book, &Request::default(), &answer);
        phone.sync_all(book);
        assert!(phone.find(book, "Hang").is_some());
    }
}

/// One phone's request stands still at a slow Horde; a second one comes meanwhile.
fn two_at_once(site: &Site) -> (Phone, String, Response) {
    let (mut first, mut second) = (site.phone("busy1", "14.1"), site.phone("busy2", "14.1"));
    let books = [first.pair_and_sync(), second.pair_and_sync()];
    site.horde.make(&json!({ "firstname": "Busy", "lastname": "Site" }));
    let bodies = [(&first, &books[0]), (&second, &books[1])]
        .map(|(phone, book)| phone.sync_request(book, &Request::default()).encode());
    site.proxy.set(Mood::Slow);
    let pending = first.send("Sync", &bodies[0]);
    assert!(pending.silent_for(Duration::from_millis(500)));
    let answer = second.send("Sync", &bodies[1]).answer().unwrap();
    site.proxy.set(Mood::Well);
    drop(pending);
    let [_, book] = books;
    (second, book, answer)
}

#[test]
fn an_overloaded_site_tells_phones_to_come_back() {
    let site = site("overload", "working = 1\nqueue = 0");
    let (mut phone, book, answer) = two_at_once(&site);
    // The phone is not to blame, so no X-MS-ASThrottle.
    assert_slowed(&answer, None);
    let after: u64 = answer.header("Retry-After").unwrap().parse().unwrap();
    assert!((30..=45).contains(&after), "{after}");
    assert!(site.log().contains("more requests than limits.working"), "{}", site.log());
    let since = std::time::Instant::now();
    while phone.send("Sync", &phone.sync_request(&book, &Request::default()).encode()).answer().unwrap().status == 503 {
        assert!(since.elapsed() < Duration::from_secs(30), "the place is never free again");
        std::thread::sleep(Duration::from_millis(200));
    }
    phone.sync_all(&book);
    assert!(phone.find(&book, "Busy").is_some());
}

#[test]
fn a_short_queue_spares_phones_the_way() {
    let site = site("queue", "working = 1\nqueue = 1\nqueue_time = 20");
    let (_, _, answer) = two_at_once(&site);
    assert_eq!(answer.status, 200);
}

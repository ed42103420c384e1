//! How waits end when nothing has changed: the program ends, is replaced or reads its configuration again, or the phone is cut off.

use std::{
    os::{fd::OwnedFd, unix::net::UnixListener},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    phone::{Phone, Request, ping},
    site::{Door, Site},
    tree::t,
};

const LONG: u32 = 250;

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn wait_until(what: &str, mut ready: impl FnMut() -> bool) {
    let since = Instant::now();
    while !ready() {
        assert!(since.elapsed() < seconds(60), "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_end_of_the_program_ends_all_waits_in_order() {
    let mut site = Site::start("endterm");
    let mut phones = [site.phone("endterm1", "14.1"), site.phone("endterm2", "2.5"), site.phone("endterm3", "16.1")];
    let books: Vec<String> = phones.iter_mut().map(Phone::pair_and_sync).collect();
    let mut sync = phones[2].sync_request(&books[2], &Request::default());
    sync.children.push(t("Wait", 4));
    let waiting = [
        phones[0].send("Ping", &ping(Some(LONG), &[&books[0]]).encode()),
        phones[1].send("Ping", &ping(Some(LONG), &[&books[1]]).encode()),
        phones[2].send("Sync", &sync.encode()),
    ];
    assert!(waiting.iter().all(|waiting| waiting.silent_for(seconds(2))));
    site.restart_bridge();
    let answers = waiting.map(|waiting| waiting.answer().unwrap());
    for (phone, answer) in phones.iter().zip(&answers[..2]) {
        let answer = phone.check("Ping", answer.clone());
        assert_eq!(answer.status(), Some(1), "{:?}", answer.doc);
    }
    let answer = phones[2].check("Sync", answers[2].clone());
    assert_eq!(answer.http.status, 200);
    assert!(answer.doc.is_none() || answer.collection_status() == 1, "{:?}", answer.doc);
    // Nothing was lost by it.
    for (phone, book) in phones.iter_mut().zip(&books) {
        site.horde.make(&json!({ "firstname": format!("After{}", phone.device), "lastname": "End" }));
        phone.sync_all(book);
        assert!(phone.find(book, &format!("After{}", phone.device)).is_some());
    }
}

#[test]
fn hup_ends_no_wait_and_changes_what_comes_after() {
    let site = Site::start("endhup");
    let mut phone = site.phone("endhup1", "14.1");
    let mut other = site.phone("endhup2", "14.1");
    let (book, others) = (phone.pair_and_sync(), other.pair_and_sync());
    let waiting = phone.send("Ping", &ping(Some(LONG), &[&book]).encode());
    assert!(waiting.silent_for(seconds(1)));
    site.configure("max = 300", "max = 100");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut asked = 0;
            while !done.load(Ordering::SeqCst) {
                assert_eq!(other.sync(&others, &Request::default()).http.status, 200);
                asked += 1;
            }
            asked
        });
        for _ in 0..20 {
            let before = site.log().matches("configuration read again").count();
            site.signal_bridge("HUP");
            wait_until("SIGHUP", || site.log().matches("configuration read again").count() > before);
        }
        done.store(true, Ordering::SeqCst);
        assert!(asking.join().unwrap() > 0);
    });
    let answer = other.command("Ping", &ping(Some(200), &[&others]));
    assert_eq!((answer.status(), answer.doc().number("HeartbeatInterval")), (Some(5), Some(100)), "{:?}", answer.doc);
    assert!(waiting.silent_for(seconds(2)), "the wait has ended");
    site.horde.make(&json!({ "firstname": "After", "lastname": "Hup" }));
    let answer = phone.check("Ping", waiting.answer().unwrap());
    assert_eq!(answer.status(), Some(2), "{:?}", answer.doc);
}

/// The socket stays, the program is replaced again and again: every request is answered, and rightly.
#[test]
fn an_upgrade_loses_no_request() {
    let mut site = Site::start("endupgrade");
    let mut phones = [site.phone("endupgrade1", "14.1"), site.phone("endupgrade2", "16.1")];
    let books: Vec<String> = phones.iter_mut().map(Phone::pair_and_sync).collect();
    let mut working = site.phone("endupgrade3", "14.1");
    let book = working.pair_and_sync();
    site.stop_bridge();
    let socket: UnixListener = site.hold_socket();
    let done = AtomicBool::new(false);
    let (pings, syncs) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        let (done, pings) = (&done, &pings);
        for (phone, book) in phones.iter_mut().zip(&books) {
            scope.spawn(move || {
                while !done.load(Ordering::SeqCst) {
                    let answer = phone.command("Ping", &ping(Some(LONG), &[book]));
                    assert_eq!((answer.http.status, answer.status()), (200, Some(1)), "{:?}", answer.doc);
                    pings.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                let answer = working.sync(&book, &Request::default());
                assert_eq!(answer.http.status, 200, "{answer:?}");
                assert!(answer.doc.is_none() || answer.collection_status() == 1, "{:?}", answer.doc);
                syncs.fetch_add(1, Ordering::SeqCst);
            }
        });
        for round in 0..6 {
            site.start_bridge_on(OwnedFd::from(socket.try_clone().unwrap()), round % 2 == 0);
            let before = syncs.load(Ordering::SeqCst);
            wait_until("requests while it runs", || syncs.load(Ordering::SeqCst) > before + 3);
            // Long enough for the Pings to wait.
            thread::sleep(seconds(1));
            done.store(round == 5, Ordering::SeqCst);
            site.stop_bridge();
            // What comes now waits for the next program.
            thread::sleep(Duration::from_millis(200));
        }
        // Whoever asks for the last time is answered, too.
        site.start_bridge_on(OwnedFd::from(socket.try_clone().unwrap()), true);
        thread::sleep(seconds(1));
        site.stop_bridge();
        site.start_bridge_on(OwnedFd::from(socket.try_clone().unwrap()), true);
    });
    assert!(pings.load(Ordering::SeqCst) >= 10, "each end ends both Pings, which come back");
}

/// What web servers tell of it is tested with the samples (tests/webservers).
#[test]
fn a_phone_that_is_cut_off_frees_its_place() {
    let site = Site::with("endcut", Door::Http, "");
    let mut phones: Vec<Phone> = (0..3).map(|i| site.phone(&format!("endcut{i}"), "14.1")).collect();
    let books: Vec<String> = phones.iter_mut().map(Phone::pair_and_sync).collect();
    let waiting: Vec<_> = phones
        .iter()
        .zip(&books)
        .map(|(phone, book)| phone.send("Ping", &ping(Some(LONG), &[book]).encode()))
        .collect();
    assert!(waiting.iter().all(|waiting| waiting.silent_for(seconds(2))));
    let since = Instant::now();
    assert_eq!(site.connections(), 3);
    waiting.into_iter().for_each(crate::http::Pending::reset);
    wait_until("connections of phones that are not there any more", || site.connections() == 0);
    assert!(since.elapsed() < seconds(LONG.into()) / 2, "they ended by themselves");
}

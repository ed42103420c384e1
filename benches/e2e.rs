//! The bridge against Horde's own PHP ActiveSync: same lab, same run, same phone. Prints times, PHP requests and ratios.
//!
//! Needs root and a running lab: `tests/lab/up && cargo bench --bench e2e`; with `-- --short` fewer repetitions.
// In here a panic is the report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(dead_code, reason = "the tests use more of the phone")]

#[path = "../tests/e2e/horde.rs"]
mod horde;
#[path = "../tests/e2e/http.rs"]
mod http;
#[path = "../tests/e2e/phone.rs"]
mod phone;
#[path = "../tests/e2e/proxy.rs"]
mod proxy;
#[path = "../tests/e2e/site.rs"]
mod site;
#[path = "../tests/e2e/tree.rs"]
mod tree;

use std::{
    cell::RefCell,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use horde::{Horde, Lab};
use phone::{Phone, Request};
use site::{Door, Site};

const CONTACTS: usize = 1000;

/// Milliseconds and PHP requests of one thing.
#[derive(Debug, Clone, Copy)]
struct Cost {
    time: Duration,
    php: usize,
}

fn median(mut costs: Vec<Cost>) -> Cost {
    costs.sort_by_key(|c| c.time);
    let time = costs[costs.len() / 2].time;
    costs.sort_by_key(|c| c.php);
    Cost { time, php: costs[costs.len() / 2].php }
}

/// PHP requests so far of one of the lab's two pools.
fn php(lab: &Lab, pool: &str) -> usize {
    // php-fpm writes its line after the answer.
    std::thread::sleep(Duration::from_millis(30));
    let log = std::fs::read(lab.dir.join("log").join(format!("php-{pool}-access.log"))).unwrap_or_default();
    log.iter().filter(|b| **b == b'\n').count()
}

/// One side of the comparison.
struct Side<'a> {
    lab: &'a Lab,
    pool: &'static str,
    phone: Box<dyn Fn(&str) -> Phone + 'a>,
    /// Makes it forget what it has read for another device.
    forget: Box<dyn Fn() + 'a>,
}

impl Side<'_> {
    fn cost(&self, work: impl FnOnce()) -> Cost {
        let before = php(self.lab, self.pool);
        let since = Instant::now();
        work();
        let time = since.elapsed();
        Cost { time, php: php(self.lab, self.pool) - before }
    }

    /// First sync of all contacts by a new device.
    fn initial(&self, device: &str) -> (Cost, Phone, String) {
        (self.forget)();
        let mut phone = (self.phone)(device);
        phone.folder_key = "0".to_owned();
        assert_eq!(phone.folder_sync().status(), Some(1));
        let book = phone.contacts();
        let cost = self.cost(|| _ = phone.sync_all_by(&book, 100));
        let items = phone.items(&book);
        assert_eq!(items.len(), CONTACTS);
        let pictures = items.values().filter(|i| i.text("Picture").is_some_and(|p| p.len() > 500)).count();
        assert_eq!(pictures, CONTACTS / 10);
        (cost, phone, book)
    }
}

fn row(what: &str, theirs: Cost, ours: Cost, target: &str) {
    let ms = |c: Cost| c.time.as_secs_f64() * 1000.0;
    let ratio = ms(theirs) / ms(ours);
    println!(
        "{what:<34} {:>10.1} ms {:>4} PHP   {:>10.1} ms {:>4} PHP   {ratio:>6.1} times   {target}",
        ms(theirs),
        theirs.php,
        ms(ours),
        ours.php
    );
}

fn paired(site: &Site, user: &Horde, device: &str) -> Phone {
    let mut phone = site.phone_of(user, device, "14.1");
    phone.pair();
    phone
}

fn main() {
    let short = std::env::args().any(|a| a == "--short");
    let (rounds, repeats) = if short { (1, 5) } else { (3, 20) };
    let lab = Lab::get();
    let user = lab.user("bench");
    let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/seed");
    let count = CONTACTS.to_string();
    let done = Command::new(seed).args(["--photos", "10", &user.user, &count, "0", "0", "0", "0"]).status().unwrap();
    assert!(done.success(), "tests/lab/seed");
    // Horde's own server syncs only the address books that the user has chosen.
    let book = user.book();
    let chosen = format!("a:1:{{i:0;s:{}:\"{book}\";}}", book.len());
    user.call("horde.setPreference", &serde_json::json!(["turba", "sync_books", chosen]));
    let direct = format!("[horde]\nurl = \"http://{}/horde/rpc.php\"\n", lab.rpc());
    let site = RefCell::new(Site::with("bench", Door::wanted(), &direct));

    let rival = |device: &str| {
        let mut phone = Phone::new(lab.port("P_EAS"), &user.user, &user.password, device, "14.1");
        phone.lenient = true;
        phone
    };
    let theirs = Side { lab: &lab, pool: "eas", phone: Box::new(rival), forget: Box::new(|| ()) };
    let ours = Side {
        lab: &lab,
        pool: "rpc",
        phone: Box::new(|device| paired(&site.borrow(), &user, device)),
        forget: Box::new(|| site.borrow_mut().restart_bridge()),
    };

    println!("\n{:<34} {:>22}   {:>22}", "contacts", "Horde's own", "horde-eas");
    let mut results = Vec::new();
    for side in [&theirs, &ours] {
        let stamp = std::process::id();
        // One that does not count: both have warm caches afterwards.
        let _ = side.initial(&format!("warm{stamp}"));
        let mut first = Vec::new();
        let mut last = None;
        for round in 0..rounds {
            let (cost, phone, book) = side.initial(&format!("bench{stamp}x{round}"));
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
    waiting(&site.borrow(), &lab.user("waiting"), if short { 100 } else { 1000 });
}

/// Resident memory of the bridge, in KiB.
fn memory(site: &Site) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", site.pid())).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Memory of the bridge per waiting Ping, each of another device.
fn waiting(site: &Site, user: &Horde, count: usize) {
    let mut phones = Vec::new();
    for i in 0..count {
        let mut phone = paired(site, user, &format!("waiting{i}"));
        let book = phone.contacts();
        phone.sync_all(&book);
        phones.push((phone, book));
    }
    // Once around, so that what is needed only once is there; then what each wait adds.
    let ask = |range: &[(Phone, String)]| -> Vec<http::Pending> {
        range.iter().map(|(phone, book)| phone.send("Ping", &phone::ping(Some(250), &[book]).encode())).collect()
    };
    let few = ask(&phones[..count / 10]);
    std::thread::sleep(Duration::from_secs(3));
    let before = memory(site);
    let rest = ask(&phones[count / 10..]);
    std::thread::sleep(Duration::from_secs(3));
    let after = memory(site);
    let still = few.iter().chain(&rest).filter(|p| p.silent_for(Duration::from_millis(1))).count();
    let each = after.saturating_sub(before) as f64 / rest.len() as f64;
    println!("{still} of {count} Pings waiting: {before} KiB, then {after} KiB: {each:.1} KiB each   target: 10 KiB");
}

//! The two sides of the comparison, and what things cost there.

use std::{
    cell::RefCell,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    horde::{Horde, Lab},
    phone::Phone,
    site::{Door, Site},
};

/// Milliseconds and PHP requests of one thing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) time: Duration,
    pub(crate) php: usize,
}

pub(crate) fn median(mut costs: Vec<Cost>) -> Cost {
    costs.sort_by_key(|c| c.time);
    let time = costs[costs.len() / 2].time;
    costs.sort_by_key(|c| c.php);
    Cost { time, php: costs[costs.len() / 2].php }
}

/// PHP requests so far of one of the lab's two pools.
pub(crate) fn php(lab: &Lab, pool: &str) -> usize {
    // php-fpm writes its line after the answer.
    std::thread::sleep(Duration::from_millis(30));
    let log = std::fs::read(lab.dir.join("log").join(format!("php-{pool}-access.log"))).unwrap_or_default();
    log.iter().filter(|b| **b == b'\n').count()
}

/// One side of the comparison.
pub(crate) struct Side<'a> {
    pub(crate) lab: &'a Lab,
    pub(crate) pool: &'static str,
    pub(crate) phone: Box<dyn Fn(&str) -> Phone + 'a>,
    /// Makes it forget what it has read for another device.
    pub(crate) forget: Box<dyn Fn() + 'a>,
}

impl Side<'_> {
    pub(crate) fn cost(&self, work: impl FnOnce()) -> Cost {
        let before = php(self.lab, self.pool);
        let since = Instant::now();
        work();
        let time = since.elapsed();
        Cost { time, php: php(self.lab, self.pool) - before }
    }
}

/// Horde's own server and ours, for one user.
pub(crate) fn both<'a>(lab: &'a Lab, user: &'a Horde, site: &'a RefCell<Site>) -> [Side<'a>; 2] {
    let rival = |device: &str| {
        let mut phone = Phone::new(lab.port("P_EAS"), &user.user, &user.password, device, "14.1");
        phone.lenient = true;
        phone
    };
    let theirs = Side { lab, pool: "eas", phone: Box::new(rival), forget: Box::new(|| ()) };
    let ours = Side {
        lab,
        pool: "rpc",
        phone: Box::new(|device| paired(&site.borrow(), user, device)),
        forget: Box::new(|| site.borrow_mut().restart_bridge()),
    };
    [theirs, ours]
}

/// A site that asks Horde past the proxy of the tests; `more` = further lines for its section `[horde]`.
pub(crate) fn site(lab: &Lab, name: &str, more: &str) -> RefCell<Site> {
    let direct = format!("[horde]\nurl = \"http://{}/horde/rpc.php\"\n{more}\n", lab.rpc());
    RefCell::new(Site::with(name, Door::wanted(), &direct))
}

/// A new user with so many contacts, events and tasks.
pub(crate) fn user(lab: &Lab, name: &str, contacts: usize, events: usize, tasks: usize) -> Horde {
    let user = lab.user(name);
    let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/seed");
    let counts = [contacts, events, tasks, 0, 0].map(|n| n.to_string());
    let done = Command::new(seed).args(["--photos", "10", &user.user]).args(counts).status().unwrap();
    assert!(done.success(), "tests/lab/seed");
    user
}

pub(crate) fn row(what: &str, theirs: Cost, ours: Cost, target: &str) {
    let ms = |c: Cost| c.time.as_secs_f64() * 1000.0;
    let ratio = ms(theirs) / ms(ours);
    println!(
        "{what:<38} {:>10.1} ms {:>4} PHP   {:>10.1} ms {:>4} PHP   {ratio:>6.1} times   {target}",
        ms(theirs),
        theirs.php,
        ms(ours),
        ours.php
    );
}

pub(crate) fn paired(site: &Site, user: &Horde, device: &str) -> Phone {
    let mut phone = site.phone_of(user, device, "14.1");
    phone.pair();
    phone
}

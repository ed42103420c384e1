//! Memory of waiting phones.

use std::time::Duration;

use crate::{
    horde::Lab,
    http,
    phone::{self, Phone},
    side::{paired, site},
    site::Site,
};

/// Resident memory of the bridge, in KiB.
fn memory(site: &Site) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", site.pid())).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Memory of the bridge per waiting Ping, each of another device.
pub(crate) fn run(lab: &Lab, count: usize) {
    // No user has so many phones.
    let site = site(lab, "waiting", "[limits]\nuser_rate = 0\nuser_open = 0\nuser_working = 0");
    let (site, user) = (site.borrow(), lab.user("waiting"));
    let mut phones = Vec::new();
    for i in 0..count {
        let mut phone = paired(&site, &user, &format!("waiting{i}"));
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
    let before = memory(&site);
    let rest = ask(&phones[count / 10..]);
    std::thread::sleep(Duration::from_secs(3));
    let after = memory(&site);
    let still = few.iter().chain(&rest).filter(|p| p.silent_for(Duration::from_millis(1))).count();
    let each = after.saturating_sub(before) as f64 / rest.len() as f64;
    println!("{still} of {count} Pings waiting: {before} KiB, then {after} KiB: {each:.1} KiB each   target: 10 KiB");
}

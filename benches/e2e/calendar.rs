//! Two thousand events and two hundred tasks.

use std::time::{Duration, Instant};

use crate::{
    horde::{Horde, Lab},
    phone::{Phone, Request},
    side::{Cost, Side, both, median, row, site, user},
};

const EVENTS: usize = 2000;
const TASKS: usize = 200;

/// The types of the default folders.
const CALENDAR: u32 = 8;
const TASK_LIST: u32 = 7;

/// First sync of a folder by a new device, and how long its first window takes.
fn initial(side: &Side<'_>, device: &str, kind: u32, count: usize) -> (Cost, Duration, Phone, String) {
    (side.forget)();
    let mut phone = (side.phone)(device);
    phone.folder_key = "0".to_owned();
    assert_eq!(phone.folder_sync().status(), Some(1));
    let folder = phone.default_folder(kind);
    let mut first = Duration::ZERO;
    let cost = side.cost(|| {
        let since = Instant::now();
        phone.prime(&folder, None);
        let _ = phone.sync(&folder, &Request { window: Some(100), ..Request::default() });
        first = since.elapsed();
        phone.sync_all_by(&folder, 100);
    });
    assert_eq!(phone.items(&folder).len(), count);
    (cost, first, phone, folder)
}

/// A Sync that brings one event that was changed on the web.
fn one_change(side: &Side<'_>, user: &Horde, phone: &mut Phone, folder: &str, uid: &str, round: usize) -> Cost {
    let title = format!("changed {} {round}", side.pool);
    let day = ["DTSTART:20261201T090000Z", "DTEND:20261201T100000Z"];
    user.change_event(uid, &[&format!("UID:{uid}"), &format!("SUMMARY:{title}"), day[0], day[1]]);
    let cost = side.cost(|| drop(phone.sync(folder, &Request::default())));
    assert!(phone.find_by(folder, "Subject", &title).is_some(), "the change came");
    cost
}

pub(crate) fn run(lab: &Lab, rounds: usize) {
    let user = user(lab, "benchcal", 0, EVENTS, TASKS);
    let uid = user.event(&["SUMMARY:the one", "DTSTART:20261201T090000Z", "DTEND:20261201T100000Z"]);
    let stamp = std::process::id();
    let normal = site(lab, "benchcal", "");
    println!("\n{:<38} {:>22}   {:>22}", "events and tasks", "Horde's own", "horde-eas");
    let sides = both(lab, &user, &normal);
    // One that does not count: both have warm caches afterwards. Then by turns: a machine is not always equally fast.
    sides.iter().for_each(|side| drop(initial(side, &format!("warm{stamp}"), CALENDAR, EVENTS + 1)));
    let rounds = rounds.max(3);
    let turn = |round| sides.each_ref().map(|side| initial(side, &format!("cal{stamp}x{round}"), CALENDAR, EVENTS + 1));
    let mut turns: Vec<_> = (0..rounds).map(turn).collect();
    let [a, b] = [0, 1].map(|n| {
        let costs = turns.iter().map(|turn| turn[n].0).collect();
        let firsts = turns.iter().map(|turn| Cost { time: turn[n].1, php: 0 }).collect();
        let (side, (.., phone, folder)) = (&sides[n], &mut turns[rounds - 1][n]);
        let change = (0..rounds).map(|round| one_change(side, &user, phone, folder, &uid, round)).collect();
        let (tasks, ..) = initial(side, &format!("task{stamp}"), TASK_LIST, TASKS);
        (median(costs), median(firsts).time, median(change), tasks)
    });
    row(&format!("first sync of {} events", EVENTS + 1), a.0, b.0, "target: 3 times, at most 25 PHP");
    let first = |first: Duration| format!("{:.1} ms", first.as_secs_f64() * 1000.0);
    println!("{:<38} {:>22}   {:>22}   target: 300 ms", "  its first 100", first(a.1), first(b.1));
    row("one changed event of these", a.2, b.2, "target: at most 3 PHP");
    row(&format!("first sync of {TASKS} tasks"), a.3, b.3, "target: at most 2 PHP");
    let plain = site(lab, "benchplain", "multicall = false\nmultiget = false");
    let [_, ours] = both(lab, &user, &plain);
    let (cost, ..) = initial(&ours, &format!("plain{stamp}"), CALENDAR, EVENTS + 1);
    row("first sync with plain JSON-RPC only", a.0, cost, "target: 1 times");
}

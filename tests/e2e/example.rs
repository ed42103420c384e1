//! `cargo run --example phone -- http://HOST:PORT USER PASSWORD [VERSION]`: pairs as a new phone and shows what it synced.
// In here a panic is the report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(dead_code, reason = "the tests use more of the phone")]

mod http;
mod phone;
mod phone_mail;
mod phone_sync;
mod tree;

use std::{
    net::ToSocketAddrs as _,
    time::{Duration, Instant},
};

use phone::{Phone, VERSIONS};
use tree::El;

/// Runs one step and tells how long it took.
fn step<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let since = Instant::now();
    let result = work();
    println!("  {what:<44} {:>8.1} ms", since.elapsed().as_secs_f64() * 1000.0);
    result
}

fn kind(number: u32) -> &'static str {
    match number {
        7 | 15 => "tasks",
        8 | 13 => "calendar",
        9 | 14 => "contacts",
        10 | 17 => "notes",
        _ => "mail",
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, user, password, rest @ ..] = arguments.as_slice() else {
        eprintln!("usage: phone http://HOST:PORT USER PASSWORD [VERSION]");
        std::process::exit(2);
    };
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let to = host.to_socket_addrs().ok().and_then(|mut a| a.next());
    let Some(to) = to else {
        eprintln!("{url}: no such host, or no port given");
        std::process::exit(2);
    };
    let version = rest.first().and_then(|v| VERSIONS.into_iter().find(|x| x == v)).unwrap_or("14.1");
    let mut phone = Phone::new(to, user, password, &format!("demo{}", std::process::id()), version);

    println!("A new phone of {user}, device id {}, protocol {version}:", phone.device);
    let options = step("OPTIONS (what can the server do?)", || phone.options());
    assert_eq!(options.status, 200, "{} {}", options.status, options.reason);
    step("Provision (policy asked for and accepted)", || phone.provision());
    step("FolderSync (which folders are there?)", || assert_eq!(phone.folder_sync().status(), Some(1)));
    let mut spent: Vec<(String, usize, Duration)> = Vec::new();
    for book in phone.folders.keys().cloned().collect::<Vec<_>>() {
        let name = phone.folders[&book].name.clone();
        let since = Instant::now();
        let requests = step(&format!("Sync \"{name}\""), || phone.sync_all(&book));
        spent.push((book, requests, since.elapsed()));
    }

    println!("\n  {:<10} {:<36} {:>6} {:>9} {:>10}", "folder", "name", "items", "requests", "time");
    for (id, folder) in &phone.folders {
        let cost = spent.iter().find(|(book, ..)| book == id);
        let items = phone.collections.get(id).map_or_else(|| "-".to_owned(), |c| c.items.len().to_string());
        let (requests, time) = cost.map_or((0, Duration::ZERO), |(_, r, t)| (*r, *t));
        println!("  {:<10} {:<36} {items:>6} {requests:>9} {:>7} ms", kind(folder.kind), folder.name, time.as_millis());
    }
    for class in ["mail", "contacts", "calendar", "tasks", "notes"] {
        let folders = phone.folders.iter().filter(|(_, folder)| kind(folder.kind) == class);
        let items: Vec<&El> = folders.flat_map(|(id, _)| phone.items(id).values()).collect();
        show(class, items);
    }
    if phone.folders.values().any(|folder| folder.kind == INBOX) {
        write_home(&mut phone);
    }
}

/// The type of the inbox (MS-ASCMD 2.2.3.186.3).
const INBOX: u32 = 2;

/// Sends a mail to the address that the mails in the inbox are for, and waits for it.
fn write_home(phone: &mut Phone) {
    let inbox = phone.default_folder(INBOX);
    let Some(to) = phone.items(&inbox).values().find_map(|item| item.text("To").map(str::to_owned)) else { return };
    let subject = format!("From {}", phone.device);
    let mime =
        format!("To: {to}\r\nSubject: {subject}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße an mich.\r\n");
    println!();
    step(&format!("SendMail to {to}"), || phone.send_mail(mime.as_bytes()));
    step("Sync until it is in the inbox", || {
        let since = Instant::now();
        while phone.find_by(&inbox, "Subject", &subject).is_none() {
            assert!(since.elapsed() < Duration::from_secs(20), "it did not come");
            phone.sync_all(&inbox);
        }
    });
}

/// The first few items of a class, a line each.
fn show(class: &str, mut items: Vec<&El>) {
    let columns: &[(&str, &str)] = match class {
        "mail" => &[("DateReceived", "received"), ("Read", "read"), ("From", "from"), ("Subject", "mail")],
        "contacts" => &[
            ("FirstName", "first name"),
            ("LastName", "last name"),
            ("Email1Address", "mail"),
            ("MobilePhoneNumber", "mobile"),
        ],
        "calendar" => &[("StartTime", "start"), ("EndTime", "end"), ("Recurrence/Type", "rule"), ("Subject", "event")],
        "tasks" => &[("DueDate", "due"), ("Complete", "done"), ("Importance", "importance"), ("Subject", "task")],
        _ => &[("LastModifiedDate", "changed"), ("Categories/Category", "category"), ("Subject", "note")],
    };
    let text = |item: &El, path: &str| item.text(path).unwrap_or_default().chars().take(24).collect::<String>();
    items.sort_by_key(|item| columns.first().map(|(path, _)| text(item, path)));
    // The newest mails, but the next events and tasks.
    if class == "mail" {
        items.reverse();
    }
    let line = |cells: Vec<String>| {
        let cells: String = cells.iter().map(|cell| format!("  {cell:<24}")).collect();
        println!("{}", cells.trim_end());
    };
    println!();
    line(columns.iter().map(|(_, title)| (*title).to_owned()).collect());
    let shown = 5;
    for item in items.iter().take(shown) {
        line(columns.iter().map(|(path, _)| text(item, path)).collect());
    }
    if items.len() > shown {
        println!("  ... and {} more", items.len() - shown);
    }
}

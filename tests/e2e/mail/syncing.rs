//! Windows, filters, and what a look at a large folder costs.

use std::{collections::BTreeMap, path::Path, process::Command};

use super::{INBOX, Post, item, plain, subjects};
use crate::{
    mailbox::deliver,
    phone::{Phone, Request, VERSIONS},
    phone_mail::preference,
    tree::El,
};

/// Puts so many messages into the inbox.
fn seed(post: &Post, count: usize) {
    let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/seed");
    let user = &post.site.horde.user;
    let done = Command::new(seed).args(["--mail", user, &count.to_string()]).output().unwrap();
    assert!(done.status.success(), "tests/lab/seed: {done:?}");
}

/// `24-Nov-2026 16:25:36 +0000` as a phone gets it.
fn dashed(date: &str) -> String {
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (day, rest) = date.trim().split_once('-').unwrap();
    let (month, rest) = rest.split_once('-').unwrap();
    let (year, time) = rest.split_once(' ').unwrap();
    let month = months.iter().position(|m| *m == month).unwrap() + 1;
    format!("{year}-{month:02}-{day:0>2}T{}.000Z", time.split(' ').next().unwrap())
}

#[test]
fn the_first_sync_brings_everything_in_windows() {
    const COUNT: usize = 130;
    let post = Post::start("firstsync");
    seed(&post, COUNT);
    let there = post.mailbox().messages("INBOX");
    assert_eq!(there.len(), COUNT);
    let by_date: BTreeMap<String, bool> = there.iter().map(|m| (dashed(&m.date), m.has("\\Seen"))).collect();
    for version in VERSIONS {
        let mut phone = post.phone(version);
        let inbox = phone.default_folder(INBOX);
        let requests = phone.sync_all_by(&inbox, 50);
        assert!((4..=5).contains(&requests), "{version}: {requests} requests");
        let items = phone.items(&inbox);
        assert_eq!(items.len(), COUNT, "{version}");
        for item in items.values() {
            let read = by_date.get(item.text("DateReceived").unwrap());
            let read = read.unwrap_or_else(|| panic!("{version}: no message of that date: {item:?}"));
            assert_eq!(item.text("Read"), Some(if *read { "1" } else { "0" }), "{version}: {item:?}");
            for name in ["To", "From", "Subject", "MessageClass", "InternetCPID"] {
                assert!(item.text(name).is_some_and(|text| !text.is_empty()), "{version}: no {name} in {item:?}");
            }
            if phone.at_least("14.0") {
                let id = item.get("ConversationId").and_then(|id| id.opaque.as_ref());
                assert_eq!(id.map(Vec::len), Some(16), "{version}: {item:?}");
            }
        }
        assert!(
            item(&phone, &inbox, "Seed message 1 – größer").1.text("From").unwrap().contains("sender1@example.test")
        );
    }
    let unread = by_date.values().filter(|read| !**read).count();
    let still = post.mailbox().messages("INBOX").iter().filter(|m| !m.has("\\Seen")).count();
    assert_eq!(still, unread, "reading for a phone marks nothing as read");
}

#[test]
fn the_newest_messages_come_first() {
    let post = Post::start("newest");
    seed(&post, 60);
    let mut phone = post.phone("14.1");
    let inbox = phone.default_folder(INBOX);
    phone.prime(&inbox, None);
    phone.sync(&inbox, &Request { window: Some(10), ..Request::default() });
    let dates = |phone: &Phone| -> Vec<String> {
        phone.items(&inbox).values().map(|i| i.text("DateReceived").unwrap().to_owned()).collect()
    };
    let oldest_of_these = dates(&phone).into_iter().min().unwrap();
    phone.sync_all(&inbox);
    let mut all = dates(&phone);
    all.sort();
    assert_eq!(all[50], oldest_of_these, "the first window holds the newest ten");
}

/// A date of receipt so many hours ago.
fn hours_ago(hours: u64) -> String {
    let spec = format!(
        "@{}",
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() - hours * 3600
    );
    let out =
        Command::new("date").env("LC_ALL", "C").args(["-u", "-d", &spec, "+%d-%b-%Y %H:%M:%S +0000"]).output().unwrap();
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

#[test]
fn filters_are_windows_in_time() {
    let post = Post::start("filters");
    let mut mailbox = post.mailbox();
    for (name, hours) in [
        ("hours", 6),
        ("two days", 50),
        ("five days", 120),
        ("ten days", 240),
        ("twenty days", 480),
        ("long ago", 2400),
    ] {
        mailbox.append_at("INBOX", &hours_ago(hours), &plain(name, "x"));
    }
    for version in ["2.5", "12.1", "14.1", "16.1"] {
        let mut phone = post.phone(version);
        let inbox = phone.default_folder(INBOX);
        phone.prime(&inbox, None);
        let mut look = |filter: u32| {
            let answer = phone.sync(&inbox, &Request { filter: Some(filter), ..Request::default() });
            assert!(
                answer.commands("Delete").is_empty(),
                "{version}: what leaves the window is not deleted: {:?}",
                answer.doc
            );
            let soft = answer.commands("SoftDelete").len();
            (phone.items(&inbox).len(), soft)
        };
        // Wider and wider, then narrower; at last everything.
        let expected = [(1, 1, 0), (2, 2, 0), (5, 5, 0), (3, 3, 2), (1, 1, 2), (4, 4, 0), (0, 6, 0)];
        for (filter, count, soft) in expected {
            assert_eq!(look(filter), (count, soft), "{version}: filter {filter}");
        }
    }
    assert_eq!(mailbox.count("INBOX"), 6, "nothing was deleted");
}

#[test]
fn a_look_costs_what_has_changed() {
    for more in ["", "ignore = [\"CONDSTORE\", \"QRESYNC\"]"] {
        let post = Post::with("costs", more);
        seed(&post, 2000);
        let (mut phone, inbox) = post.phone_with_inbox("14.1");
        assert_eq!(phone.items(&inbox).len(), 2000);
        let mut mailbox = post.mailbox();
        let bytes = |what: &str, phone: &mut Phone, most: u64| {
            let before = post.imap.received();
            let answer =
                phone.sync(&inbox, &Request { options: vec![preference(1, Some(5120))], ..Request::default() });
            let bytes = post.imap.received() - before;
            // Without the extensions the flags of all messages are listed, twice at most.
            let most = if more.is_empty() { most } else { most + 250_000 };
            assert!(bytes < most, "{what} {more}: {bytes} bytes from IMAP");
            answer
        };
        bytes("nothing", &mut phone, 4000);
        deliver(&post.site.lab, &post.address(), &plain("one more", "Hello"));
        let answer = bytes("one new message", &mut phone, 8000);
        assert_eq!(answer.commands("Add").len(), 1, "{:?}", answer.doc);
        let uid = mailbox.messages("INBOX")[1000].uid;
        mailbox.store("INBOX", uid, "FLAGS (\\Seen \\Flagged)");
        mailbox.expunge("INBOX", uid + 1);
        let answer = bytes("a flag and a removal", &mut phone, 6000);
        let names: Vec<&str> = answer.collection().get("Commands").unwrap().order();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, ["Change", "Delete"], "{:?}", answer.doc);
        assert_eq!(phone.items(&inbox).len(), 2000);
    }
}

#[test]
fn a_folder_of_thirty_thousand_is_not_read_as_a_whole() {
    let post = Post::start("thirty");
    seed(&post, 30_000);
    post.mailbox().select("INBOX");
    let mut phone = post.phone("14.1");
    let inbox = phone.default_folder(INBOX);
    let since = std::time::Instant::now();
    phone.prime(&inbox, None);
    // A month, a message an hour.
    let request = Request { filter: Some(5), window: Some(100), ..Request::default() };
    while phone.sync(&inbox, &request).collection().get("MoreAvailable").is_some() {}
    let count = phone.items(&inbox).len();
    assert!((670..=790).contains(&count), "{count} messages");
    let new = deliver_and_sync(&post, &mut phone, &inbox, &request);
    assert!(new < std::time::Duration::from_secs(2), "one new message: {new:?}");
    assert!(since.elapsed() < std::time::Duration::from_secs(60), "{:?}", since.elapsed());
}

/// How long the Sync takes that brings a new message.
fn deliver_and_sync(post: &Post, phone: &mut Phone, inbox: &str, request: &Request) -> std::time::Duration {
    deliver(&post.site.lab, &post.address(), &plain("the newest", "x"));
    let since = std::time::Instant::now();
    phone.sync(inbox, request);
    let time = since.elapsed();
    item(phone, inbox, "the newest");
    time
}

#[test]
fn two_phones_see_the_same() {
    let post = Post::start("twophones");
    let mut mailbox = post.mailbox();
    for n in 0..5 {
        mailbox.append("INBOX", "", &plain(&format!("shared {n}"), "x"));
    }
    let (mut one, inbox) = post.phone_with_inbox("14.1");
    let mut two = post.phone_called("other", "16.1");
    assert_eq!(two.default_folder(INBOX), inbox, "ids are the user's");
    two.sync_all(&inbox);
    let (id, _) = item(&one, &inbox, "shared 1");
    assert_eq!(item(&two, &inbox, "shared 1").0, id);
    let (gone, _) = item(&one, &inbox, "shared 2");
    let commands: Vec<El> = vec![super::flags::read(&id, true), crate::phone::delete(&gone)];
    super::tell(&mut one, &inbox, commands);
    two.sync_all(&inbox);
    assert_eq!(item(&two, &inbox, "shared 1").1.text("Read"), Some("1"));
    assert_eq!(subjects(&two, &inbox), ["shared 0", "shared 1", "shared 3", "shared 4"]);
    super::tell(&mut two, &inbox, vec![super::flags::read(&id, false)]);
    let answer = one.sync(&inbox, &Request::default());
    assert_eq!(answer.commands("Change").len(), 1, "{:?}", answer.doc);
    assert_eq!(item(&one, &inbox, "shared 1").1.text("Read"), Some("0"));
    assert!(one.sync(&inbox, &Request::default()).doc.is_none(), "and that is all");
}

//! Mail servers in trouble never look like an empty mailbox, and trouble of mail is not trouble of the rest.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{INBOX, Post, plain, subjects};
use crate::{
    mailbox::deliver,
    mailproxy::Mail,
    phone::{Phone, Request},
    tree::{el, t},
};

/// The IMAP server is well again, and the bridge has noticed.
fn recover(post: &Post, phone: &mut Phone, inbox: &str) {
    post.imap.set(Mail::Well);
    let since = Instant::now();
    loop {
        let answer = phone.post("Sync", &phone.sync_request(inbox, &Request::default()).encode());
        let told = answer.doc.as_ref().and_then(|d| d.number("Collections/Collection/Status").or(d.number("Status")));
        if answer.http.status == 200 && matches!(told, None | Some(1)) {
            return phone.apply(inbox, &Request::default(), &answer);
        }
        assert!(since.elapsed() < Duration::from_secs(60), "well, but {} {:?}", answer.http.status, answer.doc);
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_server_in_trouble_deletes_nothing() {
    let post = Post::with("imaptrouble", "timeout = 3");
    post.site.horde.make(&json!({ "firstname": "Still", "lastname": "There" }));
    let mut mailbox = post.mailbox();
    for n in 0..20 {
        mailbox.append("INBOX", "", &plain(&format!("kept {n}"), "x"));
    }
    for version in ["2.5", "12.1", "14.1", "16.1"] {
        let (mut phone, inbox) = post.phone_with_inbox(version);
        let book = phone.contacts();
        phone.sync_all(&book);
        let (before, folders) = (phone.items(&inbox).clone(), phone.folders.clone());
        for mood in [Mail::Closed, Mail::Silent, Mail::Refuses, Mail::Unavailable, Mail::Cut(600), Mail::Noise] {
            post.imap.set(mood);
            let what = format!("{version} with {mood:?}");
            let since = Instant::now();
            let answer = phone.post("Sync", &phone.sync_request(&inbox, &Request::default()).encode());
            assert!(since.elapsed() < Duration::from_secs(30), "{what}: {:?}", since.elapsed());
            assert!(
                answer.commands("Delete").is_empty() && answer.commands("SoftDelete").is_empty(),
                "{what}: {:?}",
                answer.doc
            );
            let status = |path: &str| answer.doc.as_ref().and_then(|d| d.number(path));
            let told = [status("Status"), status("Collections/Collection/Status")].into_iter().flatten().max();
            let later = answer.http.status == 503 || matches!(told, Some(5 | 6 | 8 | 16 | 110 | 111 | 114));
            assert!(later || told.is_none_or(|s| s == 1), "{what}: {} {:?}", answer.http.status, answer.doc);
            assert_ne!(answer.http.status, 401, "{what}: the phone's password is right");
            // Contacts go on.
            let answer = phone.sync(&book, &Request::default());
            assert!(answer.doc.is_none() || answer.collection_status() == 1, "{what}: {:?}", answer.doc);
            // No folder goes.
            let body = el("FolderHierarchy:FolderSync", [t("SyncKey", &phone.folder_key)]).encode();
            let answer = phone.post("FolderSync", &body);
            assert!(answer.doc.as_ref().is_none_or(|d| d.get("Changes/Delete").is_none()), "{what}: {:?}", answer.doc);
            recover(&post, &mut phone, &inbox);
            assert_eq!(phone.items(&inbox), &before, "after {what}");
            phone.folder_sync();
            assert_eq!(phone.folders, folders, "after {what}");
        }
    }
    assert_eq!(mailbox.count("INBOX"), 20);
}

#[test]
fn a_restarted_server_is_found_again() {
    let post = Post::start("imaprestart");
    let mut mailbox = post.mailbox();
    mailbox.append("INBOX", "", &plain("before", "x"));
    let (mut phone, inbox) = post.phone_with_inbox("14.1");
    // Every connection is cut; the next request makes another without the phone noticing.
    for n in 0..3 {
        post.imap.set(Mail::Well);
        mailbox.append("INBOX", "", &plain(&format!("after {n}"), "x"));
        let answer = phone.sync(&inbox, &Request::default());
        assert_eq!(answer.commands("Add").len(), 1, "{:?}", answer.doc);
    }
}

#[test]
fn a_slow_server_is_waited_for() {
    let post = Post::start("imapslow");
    post.mailbox().append("INBOX", "", &plain("patience", "x"));
    post.imap.set(Mail::Slow(150));
    let (phone, inbox) = post.phone_with_inbox("14.1");
    assert_eq!(subjects(&phone, &inbox), ["patience"]);
    assert!(post.imap.connections() < 20, "{} connections", post.imap.connections());
}

#[test]
fn a_new_phone_waits_for_the_mail_server() {
    let post = Post::start("imapfirst");
    post.mailbox().append("INBOX", "", &plain("there", "x"));
    post.imap.set(Mail::Closed);
    let mut phone = post.site.phone("imapfirst1", "14.1");
    phone.provision();
    // Either it is told to come again, or it gets what there is; never a hierarchy that lacks what it had.
    let _ = phone.folder_sync();
    post.imap.set(Mail::Well);
    let since = Instant::now();
    while !phone.folders.values().any(|f| f.kind == INBOX) {
        assert!(since.elapsed() < Duration::from_secs(60), "{:?}", phone.folders);
        let _ = phone.folder_sync();
        std::thread::sleep(Duration::from_millis(200));
    }
    let inbox = phone.default_folder(INBOX);
    let since = Instant::now();
    loop {
        if phone.collections.get(&inbox).is_none_or(|c| c.key.is_empty()) {
            let _ = phone.sync(&inbox, &Request { key: Some("0".to_owned()), ..Request::default() });
        }
        let _ = phone.sync(&inbox, &Request::default());
        if subjects(&phone, &inbox) == ["there"] {
            return;
        }
        assert!(since.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn new_mail_wakes_a_waiting_phone() {
    let post = Post::start("mailping");
    let (mut phone, inbox) = post.phone_with_inbox("14.1");
    let folders = el("Folders", [el("Folder", [t("Id", &inbox), t("Class", "Email")])]);
    let waiting = phone.send("Ping", &el("Ping:Ping", [t("HeartbeatInterval", 60), folders]).encode());
    assert!(waiting.silent_for(Duration::from_secs(3)), "nothing has happened");
    deliver(&post.site.lab, &post.address(), &plain("ding", "x"));
    let since = Instant::now();
    let answer = phone.check("Ping", waiting.answer().unwrap());
    assert_eq!(answer.status(), Some(2), "{:?}", answer.doc);
    assert_eq!(answer.doc().text("Folders/Folder"), Some(inbox.as_str()));
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    phone.sync_all(&inbox);
    assert_eq!(subjects(&phone, &inbox), ["ding"]);
}

#[test]
fn messages_that_nobody_can_read_block_nothing() {
    let post = Post::start("unreadable");
    let mut mailbox = post.mailbox();
    let many: String = (0..1000).map(|n| format!("Recipient {n} <r{n}@example.test>,\r\n ")).collect();
    let deep: String =
        (0..300).map(|n| format!("Content-Type: multipart/mixed; boundary=\"b{n}\"\r\n\r\n--b{n}\r\n")).collect();
    let broken: Vec<Vec<u8>> = vec![
        b"\r\n".to_vec(),
        b"Subject: only a header\r\n".to_vec(),
        b"no header at all, just a line\r\n".to_vec(),
        (0..3000_u32).map(|i| ((i * 7919) % 255 + 1) as u8).collect(),
        b"Subject: \xff\xfe\xfd bytes\r\n\r\nbody \x81\x8d\x8f \xc3\x28\r\n".to_vec(),
        b"Subject: =?utf-8?q?=FF=FE?= =?unknown-8bit?b?////?=\r\nContent-Type: text/plain; charset=klingon\r\n\r\nx\r\n".to_vec(),
        b"Subject: never ends\r\nContent-Type: multipart/mixed; boundary=\"x\"\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n<p>open".to_vec(),
        b"Subject: no type\r\nContent-Type: ;;;\r\nContent-Transfer-Encoding: rot13\r\n\r\nx\r\n".to_vec(),
        format!("Subject: {}\r\n\r\nx\r\n", "long ".repeat(40_000)).into_bytes(),
        format!("Subject: crowd\r\nTo: {many}last@example.test\r\n\r\nx\r\n").into_bytes(),
        format!("Subject: deep\r\nMIME-Version: 1.0\r\n{deep}Content-Type: text/plain\r\n\r\nx\r\n").into_bytes(),
        b"Subject: controls \x01\x02\x1f\x7f\r\n\r\n\x01\x02\x1b[31m\r\n".to_vec(),
        b"Date: yesterday\r\nFrom: @@@\r\nTo: <<>>,;:\r\nSubject: odd addresses\r\n\r\nx\r\n".to_vec(),
    ];
    for message in &broken {
        mailbox.append("INBOX", "", message);
    }
    mailbox.append("INBOX", "", &plain("in order", "x"));
    for version in ["2.5", "12.1", "14.1", "16.1"] {
        let (mut phone, inbox) = post.phone_with_inbox(version);
        let items = phone.items(&inbox).len();
        assert_eq!(items, broken.len() + 1, "{version}: {:?}", subjects(&phone, &inbox));
        assert!(subjects(&phone, &inbox).contains(&"in order".to_owned()), "{version}");
        for subject in ["never ends", "crowd", "deep"] {
            assert!(phone.find_by(&inbox, "Subject", subject).is_some(), "{version}: {:?}", subjects(&phone, &inbox));
        }
        assert!(phone.sync(&inbox, &Request::default()).commands("Add").is_empty(), "{version}");
    }
}

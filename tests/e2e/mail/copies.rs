//! Copies in Sent that come after the phone was answered, whatever happens in between.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{INBOX, Post, address, plain};
use crate::{mailbox::Message, mailproxy::Mail, phone_mail::Outgoing};

/// A message from a phone whose copy does not come before the answer.
fn large(to: &str, subject: &str) -> Vec<u8> {
    let lines = "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4\r\n".repeat(8000);
    format!(
        "To: {to}\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{lines}"
    )
    .into_bytes()
}

/// The records of copies that wait, with the files in which they lie.
fn waiting(post: &Post) -> Vec<(std::path::PathBuf, Value)> {
    let dir = post.site.state().join(&post.site.horde.user).join("copies");
    let files = std::fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().path());
    let records = files.filter(|path| path.extension().is_some_and(|suffix| suffix == "json"));
    // One may be gone before it is read.
    records.filter_map(|path| Some((path.clone(), serde_json::from_slice(&std::fs::read(path).ok()?).ok()?))).collect()
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let since = Instant::now();
    while !done() {
        assert!(since.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The one copy is the mail that arrived, and is read.
fn assert_copy(post: &Post, arrived: &Message) {
    let kept = post.mailbox().wait("Sent", 1).remove(0);
    assert!(kept.body() == arrived.body() && kept.has("\\Seen"), "{:?}", kept.flags);
    assert_eq!(kept.header("Message-ID"), arrived.header("Message-ID"));
    until("the copy is forgotten once it is there", || waiting(post).is_empty());
}

#[test]
fn a_copy_that_breaks_off_comes_later_once() {
    let post = Post::start("brokencopy");
    let friend = post.site.lab.user("friend");
    let mut phone = post.phone("14.1");
    post.imap.set(Mail::Stops(100_000));
    phone.send_mail(&large(&address(&friend), "breaks off"));
    let arrived = post.mailbox_of(&friend).wait("INBOX", 1).remove(0);
    until("the copy is begun", || waiting(&post).iter().any(|(_, copy)| copy["tries"] == 1));
    assert_eq!(post.mailbox().count("Sent"), 0);
    post.imap.set(Mail::Well);
    assert_copy(&post, &arrived);
}

#[test]
fn a_copy_that_is_refused_comes_when_there_is_room() {
    let post = Post::start("full-copies");
    let friend = post.site.lab.user("friend");
    let mut mailbox = post.mailbox();
    let uid = mailbox.append("INBOX", "", &plain("large", &"x".repeat(150_000)));
    let mut phone = post.phone("14.1");
    let body = "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4\r\n".repeat(1700);
    phone.send_mail(format!("To: {}\r\nSubject: no room\r\n\r\n{body}", address(&friend)).as_bytes());
    let arrived = post.mailbox_of(&friend).wait("INBOX", 1).remove(0);
    until("it was tried more than once", || {
        waiting(&post).iter().any(|(_, copy)| copy["tries"].as_u64().is_some_and(|tries| tries > 1))
    });
    assert_eq!(mailbox.count("Sent"), 0);
    mailbox.expunge("INBOX", uid);
    // As if its pause were over.
    for (file, mut copy) in waiting(&post) {
        copy["not_before"] = 0.into();
        std::fs::write(file, copy.to_string()).unwrap();
    }
    let inbox = phone.default_folder(INBOX);
    phone.sync_all(&inbox);
    assert_copy(&post, &arrived);
}

#[test]
fn a_kill_between_answer_and_copy_neither_loses_nor_doubles_it() {
    let mut post = Post::start("killedcopy");
    let friend = post.site.lab.user("friend");
    let mut phone = post.phone("14.1");
    post.imap.set(Mail::Stops(100_000));
    let mime = large(&address(&friend), "killed");
    let mail = Outgoing { client_id: Some("killed".to_owned()), ..Outgoing::new(&mime) };
    crate::phone_mail::sent(&phone.submit("SendMail", &mail));
    until("the copy is begun", || waiting(&post).iter().any(|(_, copy)| copy["tries"] == 1));
    post.site.kill_bridge();
    post.imap.set(Mail::Well);
    assert_eq!(post.mailbox().count("Sent"), 0);
    post.site.start_bridge();
    post.site.wait_until_ready();
    // Whatever the user asks for next.
    phone.folder_sync();
    let arrived = post.mailbox_of(&friend).wait("INBOX", 1).remove(0);
    assert_copy(&post, &arrived);
    let again = phone.submit("SendMail", &mail);
    assert_eq!(again.status(), Some(118), "{:?}", again.doc);
    post.mailbox_of(&friend).wait("INBOX", 1);
    assert_copy(&post, &arrived);
}

#[test]
fn a_copy_that_is_under_way_is_finished_before_the_program_ends() {
    let mut post = Post::start("endingcopy");
    let friend = post.site.lab.user("friend");
    let mut phone = post.phone("14.1");
    post.imap.set(Mail::Slow(400));
    phone.send_mail(&large(&address(&friend), "ending"));
    assert_eq!(waiting(&post).len(), 1, "answered before the copy is there");
    post.site.restart_bridge();
    assert_eq!((post.mailbox().count("Sent"), waiting(&post).len()), (1, 0));
}

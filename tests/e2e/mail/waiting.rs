//! Waiting for mail.

use std::time::Duration;

use super::{Post, SENT, TRASH, plain};
use crate::{
    mailbox::deliver,
    mailproxy::Mail,
    phone::{Phone, ping},
};

/// So long a phone may take to hear of a change.
const SOON: Duration = Duration::from_secs(15);

/// A site that hears of mail by `watch`, and looks by itself only every `tick` seconds.
fn post(test: &str, watch: &str, tick: u32) -> Post {
    Post::with(test, &format!("watch = \"{watch}\"\n[ping]\nmin = 2\nmax = 300\ntick = {tick}"))
}

/// Lets the phone wait for `folders` while something happens, and gives the folders of which it is told then.
fn told(phone: &mut Phone, folders: &[&str], happens: impl FnOnce()) -> Vec<String> {
    let waiting = phone.send("Ping", &ping(Some(120), folders).encode());
    assert!(waiting.silent_for(Duration::from_secs(3)), "nothing has changed");
    happens();
    let answer = waiting.answer().unwrap();
    assert!(answer.time < SOON, "after {:?}", answer.time);
    let answer = phone.check("Ping", answer);
    assert_eq!(answer.status(), Some(2), "{:?}", answer.doc);
    let folders = answer.doc().get("Folders").unwrap();
    folders.children.iter().map(|folder| folder.text.clone()).collect()
}

/// With a tick longer than the test, only the mail server can have told.
#[test]
fn new_mail_ends_the_wait_in_each_way_to_hear_of_it() {
    for (watch, tick) in [("poll", 1), ("idle", 250), ("notify", 250)] {
        let post = post(&format!("wait{watch}"), watch, tick);
        let (mut phone, inbox) = post.phone_with_inbox("14.1");
        for subject in ["the first", "the second"] {
            let folders =
                told(&mut phone, &[&inbox], || deliver(&post.site.lab, &post.address(), &plain(subject, "x")));
            assert_eq!(folders, [inbox.as_str()], "{watch}");
            phone.sync_all(&inbox);
        }
        assert_eq!(phone.items(&inbox).len(), 2, "{watch}");
    }
}

#[test]
fn what_another_program_does_in_other_folders_ends_the_wait() {
    for (watch, tick) in [("poll", 1), ("notify", 250)] {
        let post = post(&format!("waitother{watch}"), watch, tick);
        let (mut phone, inbox) = post.phone_with_inbox("14.1");
        let (sent, trash) = (phone.default_folder(SENT), phone.default_folder(TRASH));
        phone.sync_all(&sent);
        phone.sync_all(&trash);
        let mut mailbox = post.mailbox();
        let mut uid = 0;
        let folders =
            told(&mut phone, &[&inbox, &sent, &trash], || uid = mailbox.append("Sent", "", &plain("there", "x")));
        assert_eq!(folders, [sent.as_str()], "{watch}");
        phone.sync_all(&sent);
        let folders = told(&mut phone, &[&inbox, &sent, &trash], || mailbox.store("Sent", uid, "+FLAGS (\\Seen)"));
        assert_eq!(folders, [sent.as_str()], "{watch}");
    }
}

/// Over a connection that has died nothing is heard.
#[test]
fn a_mail_server_that_was_restarted_is_listened_to_again() {
    let post = post("waitrestart", "idle", 2);
    let (mut phone, inbox) = post.phone_with_inbox("14.1");
    let folders = told(&mut phone, &[&inbox], || {
        post.imap.set(Mail::Well);
        deliver(&post.site.lab, &post.address(), &plain("after the restart", "x"));
    });
    assert_eq!(folders, [inbox.as_str()]);
}

//! What can change of a mail: read, follow-up, categories, answered.

use super::{Post, item, plain, tell};
use crate::{
    phone::{Request, change},
    tree::{El, el, empty, t},
};

/// A Change that marks a message as read, or not.
pub(super) fn read(id: &str, read: bool) -> El {
    change(id, [t("Email:Read", u8::from(read))])
}

fn follow_up(status: u32) -> El {
    let due = [
        t("Tasks:StartDate", "2026-12-01T00:00:00.000Z"),
        t("Tasks:UtcStartDate", "2026-12-01T00:00:00.000Z"),
        t("Tasks:DueDate", "2026-12-05T00:00:00.000Z"),
        t("Tasks:UtcDueDate", "2026-12-05T00:00:00.000Z"),
    ];
    el("Email:Flag", [t("Status", status), t("FlagType", "Flag for follow up")].into_iter().chain(due))
}

#[test]
fn read_and_unread_go_both_ways() {
    let post = Post::start("readflag");
    let mut mailbox = post.mailbox();
    for version in ["2.5", "12.1", "14.1", "16.1"] {
        let subject = format!("read me {version}");
        let uid = mailbox.append("INBOX", "", &plain(&subject, "x"));
        let (mut phone, inbox) = post.phone_with_inbox(version);
        let (id, _) = item(&phone, &inbox, &subject);
        tell(&mut phone, &inbox, vec![read(&id, true)]);
        assert!(mailbox.called("INBOX", &subject).unwrap().has("\\Seen"), "{version}");
        tell(&mut phone, &inbox, vec![read(&id, false)]);
        assert!(!mailbox.called("INBOX", &subject).unwrap().has("\\Seen"), "{version}");
        mailbox.store("INBOX", uid, "+FLAGS (\\Seen)");
        let answer = phone.sync(&inbox, &Request::default());
        let changes = answer.commands("Change");
        assert_eq!(changes.len(), 1, "{version}: {:?}", answer.doc);
        let data = changes[0].get("ApplicationData").unwrap();
        assert_eq!(data.text("Read"), Some("1"));
        assert!(data.get("Body").is_none() && data.get("Subject").is_none(), "only what has changed: {data:?}");
    }
}

#[test]
fn follow_up_goes_both_ways() {
    let post = Post::start("followup");
    let mut mailbox = post.mailbox();
    for version in ["12.0", "12.1", "14.1", "16.1"] {
        let subject = format!("follow {version}");
        let uid = mailbox.append("INBOX", "\\Seen", &plain(&subject, "x"));
        let (mut phone, inbox) = post.phone_with_inbox(version);
        let (id, flat) = item(&phone, &inbox, &subject);
        assert_eq!(flat.get("Flag").map(|f| f.children.len()), Some(0), "{version}: {flat:?}");
        tell(&mut phone, &inbox, vec![change(&id, [follow_up(2)])]);
        let there = mailbox.called("INBOX", &subject).unwrap();
        assert!(there.has("\\Flagged") && there.has("\\Seen"), "{version}: {there:?}");
        // Another phone sees it with its dates.
        let mut other = post.phone_called("other", version);
        other.sync_all(&inbox);
        let flag = item(&other, &inbox, &subject).1.get("Flag").cloned().unwrap();
        assert_eq!(flag.text("Status"), Some("2"), "{version}: {flag:?}");
        assert_eq!(flag.text("DueDate"), Some("2026-12-05T00:00:00.000Z"), "{version}: {flag:?}");
        let complete = el(
            "Email:Flag",
            [
                t("Status", 1),
                t("FlagType", "Flag for follow up"),
                t("CompleteTime", "2026-12-03T10:00:00.000Z"),
                t("Tasks:DateCompleted", "2026-12-03T10:00:00.000Z"),
            ],
        );
        tell(&mut phone, &inbox, vec![change(&id, [complete])]);
        other.sync_all(&inbox);
        let flag = item(&other, &inbox, &subject).1.get("Flag").cloned().unwrap();
        assert_eq!(flag.text("Status"), Some("1"), "{version}: {flag:?}");
        tell(&mut phone, &inbox, vec![change(&id, [empty("Email:Flag")])]);
        assert!(!mailbox.called("INBOX", &subject).unwrap().has("\\Flagged"), "{version}");
        other.sync_all(&inbox);
        let flag = item(&other, &inbox, &subject).1.get("Flag").cloned().unwrap();
        assert!(flag.children.is_empty(), "{version}: {flag:?}");
        // And elsewhere.
        mailbox.store("INBOX", uid, "+FLAGS (\\Flagged)");
        phone.sync_all(&inbox);
        assert_eq!(item(&phone, &inbox, &subject).1.text("Flag/Status"), Some("2"), "{version}");
    }
}

#[test]
fn categories_go_both_ways() {
    let post = Post::start("categories");
    let mut mailbox = post.mailbox();
    for version in ["14.0", "14.1", "16.1"] {
        let subject = format!("sorted {version}");
        let uid = mailbox.append("INBOX", "", &plain(&subject, "x"));
        let (mut phone, inbox) = post.phone_with_inbox(version);
        let (id, _) = item(&phone, &inbox, &subject);
        let names = ["Work", "Größe wichtig"];
        let list = el("Email:Categories", names.iter().map(|n| t("Category", n)));
        tell(&mut phone, &inbox, vec![change(&id, [list])]);
        let there = mailbox.called("INBOX", &subject).unwrap();
        assert!(there.has("Work"), "{version}: {there:?}");
        let mut other = post.phone_called("other", version);
        other.sync_all(&inbox);
        let told = item(&other, &inbox, &subject).1;
        let mut got: Vec<&str> = told.get("Categories").unwrap().all("Category").map(|c| c.text.as_str()).collect();
        got.sort_unstable();
        assert_eq!(got, ["Größe wichtig", "Work"], "{version}");
        mailbox.store("INBOX", uid, "+FLAGS (Private)");
        mailbox.store("INBOX", uid, "-FLAGS (Work)");
        phone.sync_all(&inbox);
        let told = item(&phone, &inbox, &subject).1;
        let mut got: Vec<&str> = told.get("Categories").unwrap().all("Category").map(|c| c.text.as_str()).collect();
        got.sort_unstable();
        assert_eq!(got, ["Größe wichtig", "Private"], "{version}");
        // What is no category stays with the message.
        mailbox.store("INBOX", uid, "+FLAGS ($Forwarded $MDNSent)");
        tell(&mut phone, &inbox, vec![change(&id, [empty("Email:Categories")])]);
        let there = mailbox.called("INBOX", &subject).unwrap();
        assert!(there.has("$Forwarded") && there.has("$MDNSent") && !there.has("Private"), "{version}: {there:?}");
    }
}

#[test]
fn answered_and_forwarded_elsewhere_are_seen() {
    let post = Post::start("lastverb");
    let mut mailbox = post.mailbox();
    let uid = mailbox.append("INBOX", "\\Answered", &plain("answered", "x"));
    mailbox.append("INBOX", "$Forwarded", &plain("forwarded", "x"));
    let (mut phone, inbox) = post.phone_with_inbox("14.1");
    assert_eq!(item(&phone, &inbox, "answered").1.text("LastVerbExecuted"), Some("1"));
    assert_eq!(item(&phone, &inbox, "forwarded").1.text("LastVerbExecuted"), Some("3"));
    mailbox.store("INBOX", uid, "-FLAGS (\\Answered)");
    phone.sync_all(&inbox);
    assert!(matches!(item(&phone, &inbox, "answered").1.text("LastVerbExecuted"), None | Some("0" | "1")));
}

#[test]
fn what_a_phone_may_not_change_of_a_mail_stays() {
    let post = Post::start("readonly");
    let mut mailbox = post.mailbox();
    mailbox.append("INBOX", "", &plain("fixed", "as it is"));
    let before = mailbox.messages("INBOX");
    for version in ["12.1", "14.1", "16.1"] {
        let (mut phone, inbox) = post.phone_with_inbox(version);
        let (id, _) = item(&phone, &inbox, "fixed");
        let fields = [t("Email:Subject", "changed"), t("Email:Read", 0)];
        let _ = phone.sync(&inbox, &Request { commands: vec![change(&id, fields)], ..Request::default() });
        assert_eq!(mailbox.messages("INBOX"), before, "{version}");
        let wrong = change(&id, [t("Email:Read", 7)]);
        let answer = phone.sync(&inbox, &Request { commands: vec![wrong], ..Request::default() });
        assert_eq!(answer.responses("Change")[0].number("Status"), Some(6), "{version}: {:?}", answer.doc);
        assert_eq!(mailbox.messages("INBOX"), before, "{version}");
    }
}

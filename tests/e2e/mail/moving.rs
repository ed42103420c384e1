//! Deleting, moving, emptying.

use super::{INBOX, Post, TRASH, item, plain, subjects, tell};
use crate::{
    phone::{Request, VERSIONS, delete},
    tree::{El, el, empty, t},
};

#[test]
fn deleted_mail_goes_to_the_trash_or_for_good() {
    let post = Post::start("deleting");
    let mut mailbox = post.mailbox();
    for version in VERSIONS {
        for subject in ["to trash", "by default", "for good"] {
            mailbox.append("INBOX", "", &plain(subject, "x"));
        }
        let raw = mailbox.called("INBOX", "to trash").unwrap().text();
        let (mut phone, inbox) = post.phone_with_inbox(version);
        let trash = phone.default_folder(TRASH);
        phone.sync_all(&trash);
        for (subject, moves) in [("to trash", Some(true)), ("by default", None), ("for good", Some(false))] {
            let commands = vec![delete(&item(&phone, &inbox, subject).0)];
            let request = Request { commands, deletes_as_moves: moves, ..Request::default() };
            let answer = phone.sync(&inbox, &request);
            assert!(answer.doc.is_none() || answer.collection().get("Responses").is_none(), "{:?}", answer.doc);
        }
        assert_eq!(mailbox.count("INBOX"), 0, "{version}");
        assert_eq!(mailbox.called("Trash", "to trash").unwrap().text(), raw, "{version}");
        assert!(mailbox.called("Trash", "by default").is_some() && mailbox.called("Trash", "for good").is_none());
        phone.sync_all(&trash);
        assert_eq!(subjects(&phone, &trash), ["by default", "to trash"], "{version}");
        // What is deleted in the trash is gone.
        let ids: Vec<_> = phone.items(&trash).keys().map(|id| delete(id)).collect();
        tell(&mut phone, &trash, ids);
        assert_eq!(mailbox.count("Trash"), 0, "{version}");
        phone.sync_all(&inbox);
        assert!(phone.items(&inbox).is_empty(), "{version}");
    }
}

#[test]
fn what_others_delete_leaves_the_phone() {
    let post = Post::start("deletedelse");
    let mut mailbox = post.mailbox();
    for version in ["2.5", "12.1", "16.1"] {
        let uid = mailbox.append("INBOX", "", &plain("short life", "x"));
        let (mut phone, inbox) = post.phone_with_inbox(version);
        // Marked as deleted only, it is still there for other programs; gone when it is expunged.
        mailbox.expunge("INBOX", uid);
        let answer = phone.sync(&inbox, &Request::default());
        assert_eq!(answer.commands("Delete").len(), 1, "{version}: {:?}", answer.doc);
        assert!(phone.items(&inbox).is_empty());
        // A delete of what is gone is no error.
        let gone = format!("{}:{}", inbox, "1.999999");
        let answer = phone.sync(&inbox, &Request { commands: vec![delete(&gone)], ..Request::default() });
        assert!(answer.doc.is_none() || answer.collection_status() == 1, "{:?}", answer.doc);
    }
}

#[test]
fn move_items() {
    let post = Post::start("moveitems");
    let mut mailbox = post.mailbox();
    mailbox.create("Elsewhere");
    for version in VERSIONS {
        mailbox.append("INBOX", "\\Seen \\Flagged", &plain("wanders", "x"));
        let raw = mailbox.called("INBOX", "wanders").unwrap();
        let (mut phone, inbox) = post.phone_with_inbox(version);
        let other = phone.folder_called("Elsewhere").unwrap();
        phone.sync_all(&other);
        let (id, _) = item(&phone, &inbox, "wanders");
        assert_eq!(phone.move_item(&id, &inbox, &inbox), Err(4), "{version}: to where it is");
        assert_eq!(phone.move_item(&id, &inbox, "f0000000000"), Err(2), "{version}: to nowhere");
        assert_eq!(phone.move_item(&format!("{inbox}:1.77777"), &inbox, &other), Err(1), "{version}: nothing");
        let new = phone.move_item(&id, &inbox, &other).unwrap();
        let there = mailbox.called("Elsewhere", "wanders").unwrap();
        assert_eq!((there.text(), &there.flags, &there.date), (raw.text(), &raw.flags, &raw.date), "{version}");
        assert_eq!(mailbox.count("INBOX"), 0, "{version}");
        for folder in [&inbox, &other] {
            phone.sync_all(folder);
        }
        assert!(phone.items(&inbox).is_empty(), "{version}");
        assert_eq!(phone.items(&other).keys().collect::<Vec<_>>(), [&new], "{version}");
        // A repeated request, whose answer was lost, finds it moved: not another copy, and no loss.
        let again = phone.move_item(&id, &inbox, &other);
        assert!(again == Ok(new.clone()) || again == Err(1), "{version}: {again:?}");
        assert_eq!(mailbox.count("Elsewhere"), 1, "{version}");
        tell(&mut phone, &other, vec![delete(&new)]);
        assert_eq!(mailbox.count("Elsewhere"), 0, "{version}");
    }
}

#[test]
fn what_others_move_moves_on_the_phone() {
    let post = Post::start("movedelse");
    let mut mailbox = post.mailbox();
    mailbox.create("Elsewhere");
    let uid = mailbox.append("INBOX", "", &plain("carried", "x"));
    let (mut phone, inbox) = post.phone_with_inbox("14.1");
    let other = phone.folder_called("Elsewhere").unwrap();
    phone.sync_all(&other);
    mailbox.shift("INBOX", uid, "Elsewhere");
    phone.sync_all(&inbox);
    phone.sync_all(&other);
    assert!(phone.items(&inbox).is_empty());
    assert_eq!(subjects(&phone, &other), ["carried"]);
}

#[test]
fn an_emptied_folder_is_empty() {
    let post = Post::start("emptying");
    let mut mailbox = post.mailbox();
    for version in ["12.0", "12.1", "14.1", "16.1"] {
        mailbox.create("Trash/Within");
        for folder in ["Trash", "Trash/Within"] {
            mailbox.append(folder, "", &plain("rubbish", "x"));
            mailbox.append(folder, "", &plain("more rubbish", "x"));
        }
        let mut phone = post.phone(version);
        let trash = phone.default_folder(TRASH);
        phone.sync_all(&trash);
        assert_eq!(phone.items(&trash).len(), 2);
        assert_eq!(phone.empty_folder(&trash, false), Some(1), "{version}");
        assert_eq!((mailbox.count("Trash"), mailbox.count("Trash/Within")), (0, 2), "{version}");
        phone.sync_all(&trash);
        assert!(phone.items(&trash).is_empty(), "{version}");
        assert_eq!(phone.empty_folder(&trash, true), Some(1), "{version}");
        assert!(!mailbox.folders().contains(&"Trash/Within".to_owned()), "{version}");
        phone.folder_sync();
        assert_eq!(phone.folder_called("Within"), None, "{version}");
        assert_ne!(phone.empty_folder("f0000000000", false), Some(1), "{version}");
    }
}

#[test]
fn a_conversation_is_moved_as_a_whole() {
    let post = Post::start("conversing");
    let mut mailbox = post.mailbox();
    mailbox.create("Talks");
    for version in ["14.0", "16.1"] {
        let topic = format!("topic {version}");
        for subject in [topic.clone(), format!("Re: {topic}"), format!("other {version}")] {
            let mime = String::from_utf8(plain(&subject, "x")).unwrap();
            let answers = format!("References: <topic-{version}@example.test>\r\nSubject: Re:");
            mailbox.append("INBOX", "", mime.replacen("Subject: Re:", &answers, 1).as_bytes());
        }
        let (mut phone, inbox) = post.phone_with_inbox(version);
        let to = phone.folder_called("Talks").unwrap();
        let id = item(&phone, &inbox, &topic).1.get("ConversationId").and_then(|id| id.opaque.clone()).unwrap();
        let operation = |always: bool| {
            let id = El { opaque: Some(id.clone()), ..empty("ConversationId") };
            let options = always.then(|| el("Options", [empty("MoveAlways")]));
            vec![el("Move", [id, t("DstFldId", &to)].into_iter().chain(options))]
        };
        let before = (mailbox.count("INBOX"), mailbox.count("Talks"));
        let status = |answer: &El| answer.number("Response/Move/Status");
        assert_eq!(status(phone.item_operations(operation(false)).doc()), Some(155), "{version}");
        assert_eq!((mailbox.count("INBOX"), mailbox.count("Talks")), before, "{version}");
        assert_eq!(status(phone.item_operations(operation(true)).doc()), Some(1), "{version}");
        assert_eq!((mailbox.count("INBOX"), mailbox.count("Talks")), (before.0 - 2, before.1 + 2), "{version}");
        phone.sync_all(&inbox);
        let left = subjects(&phone, &inbox);
        assert!(left.contains(&format!("other {version}")) && !left.contains(&topic), "{version}: {left:?}");
    }
}

#[test]
fn mails_are_not_added_by_phones() {
    let post = Post::start("mailadd");
    for version in ["12.1", "14.1"] {
        let (mut phone, inbox) = post.phone_with_inbox(version);
        let add =
            phone.add([t("Email:Subject", "from nowhere"), el("AirSyncBase:Body", [t("Type", 1), t("Data", "x")])]);
        let answer = phone.sync(&inbox, &Request { commands: vec![add], ..Request::default() });
        assert_eq!(answer.responses("Add")[0].number("Status"), Some(6), "{version}: {:?}", answer.doc);
    }
    assert_eq!(post.mailbox().count("INBOX"), 0);
    assert!(post.phone("14.1").folders.values().any(|f| f.kind == INBOX));
}

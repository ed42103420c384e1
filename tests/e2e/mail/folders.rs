//! The hierarchy of mail folders, changed on both sides.

use super::{DRAFTS, INBOX, OUTBOX, Post, SENT, TRASH, plain, subjects};
use crate::{phone::VERSIONS, tree::t};

#[test]
fn special_folders_are_there_once() {
    let post = Post::start("special");
    for version in VERSIONS {
        let phone = post.phone(version);
        for kind in [INBOX, DRAFTS, TRASH, SENT, OUTBOX] {
            let id = phone.default_folder(kind);
            assert_eq!(phone.folders[&id].parent, "0", "{version}: {:?}", phone.folders);
        }
        let junk = phone.folder_called("Junk").unwrap();
        assert_eq!(phone.folders[&junk].kind, 12, "{version}");
    }
}

#[test]
fn without_settings_the_mail_server_is_the_one_horde_uses() {
    let site = crate::site::Site::start("fromhorde");
    crate::mailbox::Mailbox::of(&site.lab, &site.horde).append("INBOX", "", &plain("found", "x"));
    let mut phone = site.phone("fromhorde1", "14.1");
    phone.pair();
    let inbox = phone.default_folder(INBOX);
    phone.sync_all(&inbox);
    assert_eq!(subjects(&phone, &inbox), ["found"]);
}

#[test]
fn folders_of_the_phone_are_folders_of_the_server() {
    let post = Post::start("foldermake");
    for version in ["2.5", "12.1", "14.1", "16.1"] {
        let mut phone = post.phone(version);
        let mut mailbox = post.mailbox();
        let short = version.replace('.', "");
        let parent = phone.create_folder("0", &format!("Projekte {short}"));
        let child = phone.create_folder(&parent, "Größe & Maß");
        let names = mailbox.folders();
        assert!(names.contains(&format!("Projekte {short}")), "{names:?}");
        assert!(names.contains(&format!("Projekte {short}/Gr&APYA3w-e &- Ma&AN8-")), "{names:?}");
        // The key includes the change: nothing is told twice.
        let before = phone.folders.clone();
        let answer = phone.folder_sync();
        assert_eq!(answer.doc().number("Changes/Count"), Some(0), "{:?}", answer.doc);
        assert_eq!(phone.folders, before);

        mailbox.append(&format!("Projekte {short}/Gr&APYA3w-e &- Ma&AN8-"), "", &plain("inside", "x"));
        phone.sync_all(&child);
        let items = phone.items(&child).clone();
        assert_eq!(items.len(), 1);
        let renamed = phone.folder(
            "FolderUpdate",
            [t("ServerId", &child), t("ParentId", "0"), t("DisplayName", format!("Oben {short}"))],
        );
        assert_eq!(renamed.status(), Some(1), "{:?}", renamed.doc);
        let names = mailbox.folders();
        assert!(names.contains(&format!("Oben {short}")) && !names.iter().any(|n| n.contains("Gr&")), "{names:?}");
        let answer = phone.folder_sync();
        assert_eq!(answer.doc().number("Changes/Count"), Some(0), "{:?}", answer.doc);
        // The same folder with the same messages.
        phone.sync_all(&child);
        assert_eq!(phone.items(&child), &items, "{version}");

        for id in [&child, &parent] {
            let gone = phone.folder("FolderDelete", [t("ServerId", id)]);
            assert_eq!(gone.status(), Some(1), "{:?}", gone.doc);
        }
        let names = mailbox.folders();
        assert!(!names.iter().any(|n| n.contains(&short)), "{names:?}");
    }
}

#[test]
fn what_cannot_be_done_with_folders_is_told_apart() {
    let post = Post::start("folderrefuse");
    let mut phone = post.phone("14.1");
    let inbox = phone.default_folder(INBOX);
    let once = phone.create_folder("0", "Once");
    let create = |parent: &str, name: &str, kind: u32| [t("ParentId", parent), t("DisplayName", name), t("Type", kind)];
    assert_eq!(phone.folder("FolderCreate", create("0", "Once", 12)).status(), Some(2));
    assert_eq!(phone.folder("FolderCreate", create("fffffffffff", "x", 12)).status(), Some(5));
    assert_eq!(phone.folder("FolderCreate", create("0", "x", INBOX)).status(), Some(10));
    let update = |id: &str, name: &str| [t("ServerId", id), t("ParentId", "0"), t("DisplayName", name)];
    assert_eq!(phone.folder("FolderUpdate", update(&inbox, "x")).status(), Some(2));
    assert_eq!(phone.folder("FolderUpdate", update("fffffffffff", "x")).status(), Some(4));
    let taken = phone.folder("FolderUpdate", update(&once, "Sent")).status();
    assert_eq!(taken, Some(2), "a name that is taken");
    for kind in [INBOX, DRAFTS, TRASH, SENT, OUTBOX] {
        let id = phone.default_folder(kind);
        assert_eq!(phone.folder("FolderDelete", [t("ServerId", id)]).status(), Some(3), "type {kind}");
    }
    assert_eq!(phone.folder("FolderDelete", [t("ServerId", "fffffffffff")]).status(), Some(4));
    let key = std::mem::replace(&mut phone.folder_key, "77777".to_owned());
    assert_eq!(phone.folder("FolderDelete", [t("ServerId", &once)]).status(), Some(9));
    phone.folder_key = key;
    assert_eq!(phone.folder("FolderDelete", [t("ServerId", &once)]).status(), Some(1));
}

#[test]
fn folders_made_elsewhere_come_to_the_phone() {
    let post = Post::start("folderelse");
    let mut phone = post.phone("14.1");
    let mut mailbox = post.mailbox();
    mailbox.create("Archiv/2025");
    mailbox.append("Archiv/2025", "", &plain("kept", "x"));
    phone.folder_sync();
    let year = phone.folder_called("2025").unwrap();
    let archive = phone.folder_called("Archiv").unwrap();
    assert_eq!(phone.folders[&year].parent, archive);
    phone.sync_all(&year);
    let items = phone.items(&year).clone();
    assert_eq!(items.len(), 1);

    mailbox.rename("Archiv/2025", "Archiv/Alt");
    let answer = phone.folder_sync();
    assert_eq!(answer.doc().get("Changes").unwrap().order(), ["Count", "Update"], "{:?}", answer.doc);
    assert_eq!(phone.folder_called("Alt"), Some(year.clone()), "the id survives the new name");
    phone.sync_all(&year);
    assert_eq!(phone.items(&year), &items, "and so do the messages");

    // Another folder of the old name is another folder.
    mailbox.create("Archiv/2025");
    phone.folder_sync();
    assert_ne!(phone.folder_called("2025"), Some(year.clone()));

    mailbox.command("DELETE \"Archiv/Alt\"");
    phone.folder_sync();
    assert!(!phone.folders.contains_key(&year), "{:?}", phone.folders);
    let answer = phone.post("Sync", &phone.sync_request(&year, &crate::phone::Request::default()).encode());
    let told = answer.doc.as_ref().and_then(|d| d.number("Collections/Collection/Status").or(d.number("Status")));
    assert!(matches!(told, Some(8 | 12)), "{:?}", answer.doc);
}

#[test]
fn a_folder_that_was_made_anew_is_another() {
    let post = Post::start("folderanew");
    let mut phone = post.phone("14.1");
    let mut mailbox = post.mailbox();
    mailbox.create("Anew");
    mailbox.append("Anew", "", &plain("before", "x"));
    phone.folder_sync();
    let first = phone.folder_called("Anew").unwrap();
    phone.sync_all(&first);
    mailbox.command("DELETE Anew");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    mailbox.create("Anew");
    mailbox.append("Anew", "", &plain("after", "x"));
    let answer = phone.folder_sync();
    assert_eq!(answer.doc().number("Changes/Count"), Some(2), "one goes, one comes: {:?}", answer.doc);
    let second = phone.folder_called("Anew").unwrap();
    assert_ne!(first, second);
    phone.sync_all(&second);
    assert_eq!(subjects(&phone, &second), ["after"]);
}

//! Drafts of 16.0 and later: made, edited and sent on the phone.

use super::{DRAFTS, Post, address, item, tell};
use crate::{
    phone::{Request, change, delete},
    tree::{El, el, empty, t},
};

fn text(text: &str) -> El {
    el("AirSyncBase:Body", [t("Type", 1), t("Data", text)])
}

fn file(name: &str, data: &[u8]) -> El {
    let content = El { opaque: Some(data.to_vec()), ..empty("AirSyncBase:Content") };
    el(
        "AirSyncBase:Add",
        [t("ClientId", name), content, t("DisplayName", name), t("Method", 1), t("ContentType", "text/x-log")],
    )
}

#[test]
fn drafts_are_made_edited_and_sent() {
    let post = Post::start("drafts");
    let friend = post.site.lab.user("friend");
    let mut mailbox = post.mailbox();
    for (n, version) in ["16.0", "16.1"].into_iter().enumerate() {
        let mut phone = post.phone(version);
        let drafts = phone.default_folder(DRAFTS);
        phone.sync_all(&drafts);
        let subject = format!("Entwurf für {version}");
        let to = address(&friend);
        let id = phone.add_item(&drafts, [t("Email:To", &to), t("Email:Subject", &subject), text("Erster Satz.")]);
        let there = mailbox.messages("Drafts");
        assert_eq!(there.len(), 1, "{version}: {there:?}");
        assert!(there[0].has("\\Draft") && there[0].text().contains(&to), "{version}: {there:?}");

        let data = b"line 1\r\nline 2\0\xff\r\n";
        let attachments = el("AirSyncBase:Attachments", [file("first.log", data), file("second.log", b"2")]);
        let fields = [t("Email:To", &to), t("Email:Subject", &subject), text("Zweiter Satz."), attachments];
        let answer = phone.sync(&drafts, &Request { commands: vec![change(&id, fields)], ..Request::default() });
        let told = answer.responses("Change");
        assert_eq!(told.len(), 1, "{version}: {:?}", answer.doc);
        assert_eq!(told[0].number("Status"), Some(1), "{version}: {:?}", answer.doc);
        let list = told[0].get("ApplicationData/Attachments").unwrap_or_else(|| panic!("{version}: {:?}", answer.doc));
        let reference = |name: &str| {
            let one = list.all("Attachment").find(|a| a.text("ClientId") == Some(name));
            one.and_then(|a| a.text("FileReference")).unwrap_or_else(|| panic!("{version}: {list:?}")).to_owned()
        };
        let (first, second) = (reference("first.log"), reference("second.log"));
        assert_eq!(phone.attachment(&first, None).data, data, "{version}");
        assert_eq!(mailbox.count("Drafts"), 1, "{version}: the old text is gone");

        // The phone's own change may come back under another id.
        phone.sync_all(&drafts);
        let (id, draft) = item(&phone, &drafts, &subject);
        assert_eq!(draft.get("Attachments").map_or(0, |a| a.all("Attachment").count()).max(2), 2, "{version}");
        let removal = el("AirSyncBase:Attachments", [el("AirSyncBase:Delete", [t("FileReference", second)])]);
        tell(&mut phone, &drafts, vec![change(&id, [removal])]);
        phone.sync_all(&drafts);
        let raw = mailbox.messages("Drafts").remove(0).text();
        assert!(raw.contains("first.log") && !raw.contains("second.log"), "{version}: {raw}");

        let (id, _) = item(&phone, &drafts, &subject);
        let send = el(
            "AirSync:Change",
            [t("ServerId", &id), empty("Email2:Send"), el("ApplicationData", [t("Email:Importance", 1)])],
        );
        let answer = phone.sync(&drafts, &Request { commands: vec![send], ..Request::default() });
        assert!(
            answer.responses("Change").iter().all(|r| r.number("Status") == Some(1)),
            "{version}: {:?}",
            answer.doc
        );
        let got = post.mailbox_of(&friend).wait("INBOX", n + 1).pop().unwrap();
        assert!(
            got.text().contains("Zweiter Satz.") || got.text().contains("WndlaXRlciBTYXR6"),
            "{version}: {}",
            got.text()
        );
        assert!(got.text().contains("first.log") && !got.has("\\Draft"), "{version}");
        assert_eq!((mailbox.count("Drafts"), mailbox.count("Sent")), (0, n + 1), "{version}");
        phone.sync_all(&drafts);
        assert!(phone.items(&drafts).is_empty(), "{version}");
    }
}

#[test]
fn a_new_draft_can_be_sent_at_once() {
    let post = Post::start("sendnow");
    let friend = post.site.lab.user("friend");
    let mut phone = post.phone("16.1");
    let drafts = phone.default_folder(DRAFTS);
    phone.sync_all(&drafts);
    let data = el("ApplicationData", [t("Email:To", address(&friend)), t("Email:Subject", "at once"), text("Hallo.")]);
    let add = el("AirSync:Add", [t("ClientId", phone.client_id()), empty("Email2:Send"), data]);
    let request = Request { commands: vec![add], ..Request::default() };
    let body = phone.sync_request(&drafts, &request).encode();
    let answer = phone.post("Sync", &body);
    assert_eq!(answer.collection_status(), 1, "{:?}", answer.doc);
    assert_eq!(answer.responses("Add")[0].number("Status"), Some(1), "{:?}", answer.doc);
    // The answer was lost: not sent twice.
    phone.post("Sync", &body);
    post.mailbox_of(&friend).wait("INBOX", 1);
    assert_eq!((post.mailbox().count("Drafts"), post.mailbox().count("Sent")), (0, 1));
}

#[test]
fn drafts_of_other_programs_come_to_the_phone() {
    let post = Post::start("draftelse");
    let mut mailbox = post.mailbox();
    mailbox.append("Drafts", "\\Draft", &super::plain("half written", "to be continued"));
    let mut phone = post.phone("16.1");
    let drafts = phone.default_folder(DRAFTS);
    phone.sync_all(&drafts);
    let (id, draft) = item(&phone, &drafts, "half written");
    assert_eq!(draft.text("IsDraft"), Some("1"), "{draft:?}");
    tell(&mut phone, &drafts, vec![delete(&id)]);
    assert_eq!(mailbox.count("Drafts"), 0);
    // Older phones see drafts, but do not write them.
    mailbox.append("Drafts", "\\Draft", &super::plain("seen", "x"));
    let mut old = post.phone("14.1");
    old.sync_all(&drafts);
    item(&old, &drafts, "seen");
    let add = old.add([t("Email:Subject", "no")]);
    let answer = old.sync(&drafts, &Request { commands: vec![add], ..Request::default() });
    assert_eq!(answer.responses("Add")[0].number("Status"), Some(6), "{:?}", answer.doc);
}

//! What the phone sends, read back from Sent and from the recipient's inbox.

use super::{INBOX, Post, SENT, address, item, plain};
use crate::{
    horde::Horde,
    mailbox::Message,
    phone::{Answer, VERSIONS},
    phone_mail::{Origin, Outgoing, sent},
    tree::{El, el, t},
};

/// A message from a phone, without an attachment.
fn outgoing(to: &str, subject: &str) -> String {
    format!(
        "From: somebody@else.where\r\nTo: {to}\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=\"utf-8\"\r\nContent-Transfer-Encoding: base64\r\n\r\n\
         R3LDvMOfZSB2b20gVGVsZWZvbi4NCg==\r\n"
    )
}

/// Headers and bodies that the server has to leave as they are.
fn assert_same(got: &Message, mime: &str, what: &str) {
    let (_, body) = mime.split_once("\r\n\r\n").unwrap();
    assert_eq!(String::from_utf8_lossy(got.body()).trim_end(), body.trim_end(), "{what}");
    for line in ["MIME-Version", "Content-Type", "Content-Transfer-Encoding"] {
        let there = mime.split("\r\n").find_map(|l| l.strip_prefix(&format!("{line}: ")));
        assert_eq!(got.header(line).as_deref(), there, "{what}: {line}");
    }
}

#[test]
fn mail_arrives_as_it_was_sent() {
    let post = Post::start("sending");
    let friend = post.site.lab.user("friend");
    let (mut mine, mut his) = (post.mailbox(), post.mailbox_of(&friend));
    for (n, version) in VERSIONS.into_iter().enumerate() {
        let mut phone = post.phone(version);
        phone.base64 = version == "12.1" || version == "16.1";
        let subject = format!("sent in {version}");
        let mime = outgoing(&address(&friend), &subject);
        phone.send_mail(mime.as_bytes());
        let got = his.wait("INBOX", n + 1);
        let got = got.iter().find(|m| m.header("Subject").as_deref() == Some(&subject)).unwrap();
        assert_same(got, &mime, version);
        let from = got.header("From").unwrap();
        assert!(from.contains(&post.address()) && !from.contains("else.where"), "{version}: {from}");
        assert!(got.header("Message-ID").is_some() && got.header("Date").is_some(), "{version}: {}", got.text());
        let kept = mine.called("Sent", &subject).unwrap_or_else(|| panic!("{version}: not in Sent"));
        assert_same(&kept, &mime, version);
        assert!(kept.has("\\Seen"), "{version}: {kept:?}");
        assert_eq!(kept.header("Message-ID"), got.header("Message-ID"), "{version}");
        // The phone sees its own mail.
        let folder = phone.default_folder(SENT);
        phone.sync_all(&folder);
        item(&phone, &folder, &subject);
        // Without a copy.
        let subject = format!("unsaved in {version}");
        let mime = outgoing("nobody-saves@example.test", &subject);
        sent(&phone.submit("SendMail", &Outgoing { save: false, ..Outgoing::new(mime.as_bytes()) }));
        assert!(mine.called("Sent", &subject).is_none(), "{version}");
    }
}

#[test]
fn blind_copies_are_delivered_and_hidden() {
    let post = Post::start("blind");
    let (open, blind) = (post.site.lab.user("open"), post.site.lab.user("blind"));
    let mut phone = post.phone("14.1");
    let to = format!("{}\r\nBcc: {}", address(&open), address(&blind));
    phone.send_mail(outgoing(&to, "secretly").as_bytes());
    for user in [&open, &blind] {
        let got = post.mailbox_of(user).wait("INBOX", 1).remove(0);
        assert!(
            got.header("Bcc").is_none() && !got.text().split("\r\n\r\n").next().unwrap().contains("Bcc:"),
            "{}",
            got.text()
        );
    }
}

#[test]
fn a_repeated_mail_is_sent_once() {
    let post = Post::start("repeated");
    let friend = post.site.lab.user("friend");
    for (n, version) in ["14.0", "14.1", "16.1"].into_iter().enumerate() {
        let mut phone = post.phone(version);
        let mime = outgoing(&address(&friend), &format!("once {version}"));
        let mail = Outgoing { client_id: Some(format!("once-{version}")), ..Outgoing::new(mime.as_bytes()) };
        sent(&phone.submit("SendMail", &mail));
        let answer = phone.submit("SendMail", &mail);
        assert_eq!(answer.status(), Some(118), "{version}: {:?}", answer.doc);
        assert_eq!(post.mailbox_of(&friend).wait("INBOX", n + 1).len(), n + 1);
        assert_eq!(post.mailbox().wait("Sent", n + 1).len(), n + 1);
    }
}

/// A message with a file, from `friend`, in the inbox of the test's user.
fn received(post: &Post, friend: &Horde, subject: &str) -> Vec<u8> {
    let mime = format!(
        "From: Fred Friend <{}>\r\nTo: {}\r\nSubject: {subject}\r\nMessage-ID: <origin-{subject}@example.test>\r\n\
         Date: Mon, 2 Nov 2026 10:00:00 +0100\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"o\"\r\n\r\n\
         --o\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nSch=F6ne Gr=FC=DFe.\r\n\
         --o\r\nContent-Type: application/pdf; name=\"plan.pdf\"\r\nContent-Disposition: attachment; filename=\"plan.pdf\"\r\n\
         Content-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQKJdPr6eEKMSAwIG9iago8PC9UaXRsZSA8RkVGRj4KPj4KZW5kb2Jq\r\nCg==\r\n--o--\r\n",
        address(friend),
        post.address(),
    );
    post.mailbox().append("INBOX", "", mime.as_bytes());
    mime.into_bytes()
}

/// All text of a message as Python's email library reads it, and its attachments.
fn read(message: &Message) -> (String, Vec<(String, String)>) {
    use std::io::Write as _;
    let script = "import sys, json, email, email.policy, base64\n\
        m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)\n\
        leaves = [p for p in m.walk() if not p.is_multipart()]\n\
        text = [p.get_content() for p in leaves if p.get_content_maintype() == 'text' and not p.get_filename()]\n\
        files = [[p.get_filename(), base64.b64encode(p.get_payload(decode=True)).decode()] for p in leaves if p.get_filename()]\n\
        print(json.dumps([chr(10).join(text), files, [str(d) for d in m.defects]]))";
    let mut python = std::process::Command::new("python3")
        .args(["-c", script])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(&message.raw).unwrap();
    let out = python.wait_with_output().unwrap().stdout;
    let (text, files, defects): (String, Vec<(String, String)>, Vec<String>) = serde_json::from_slice(&out).unwrap();
    assert!(defects.is_empty(), "{defects:?}: {}", message.text());
    (text, files)
}

const PLAN: &str = "JVBERi0xLjQKJdPr6eEKMSAwIG9iago8PC9UaXRsZSA8RkVGRj4KPj4KZW5kb2JqCg==";

#[test]
fn replies_quote_and_thread() {
    let post = Post::start("replying");
    let friend = post.site.lab.user("friend");
    let (mut mine, mut his) = (post.mailbox(), post.mailbox_of(&friend));
    for (n, version) in ["2.5", "12.0", "12.1", "14.0", "14.1", "16.1"].into_iter().enumerate() {
        let subject = format!("question-{version}");
        received(&post, &friend, &subject);
        let (mut phone, inbox) = post.phone_with_inbox(version);
        phone.base64 = version == "12.1";
        let (id, _) = item(&phone, &inbox, &subject);
        phone.smart("SmartReply", outgoing(&address(&friend), &format!("Re: {subject}")).as_bytes(), &inbox, &id);
        let got = his.wait("INBOX", n + 1);
        let got = got.iter().find(|m| m.header("Subject") == Some(format!("Re: {subject}"))).unwrap();
        let origin = format!("<origin-{subject}@example.test>");
        assert_eq!(got.header("In-Reply-To").as_deref(), Some(origin.as_str()), "{version}: {}", got.text());
        assert!(got.header("References").is_some_and(|r| r.ends_with(&origin)), "{version}");
        let (text, files) = read(got);
        let (new, old) = (text.find("Grüße vom Telefon.").unwrap(), text.find("Schöne Grüße.").unwrap());
        assert!(new < old, "{version}: {text}");
        assert!(files.is_empty(), "{version}: a reply carries no files: {files:?}");
        assert!(mine.called("INBOX", &subject).unwrap().has("\\Answered"), "{version}");
        let kept = mine.called("Sent", &format!("Re: {subject}")).unwrap();
        assert_eq!(read(&kept).0, text, "{version}");
        if phone.at_least("14.0") {
            phone.sync_all(&inbox);
            let told = item(&phone, &inbox, &subject).1;
            assert_eq!(told.text("LastVerbExecuted"), Some("1"), "{version}: {told:?}");
            assert!(told.text("LastVerbExecutionTime").is_some(), "{version}: {told:?}");
        }
    }
}

#[test]
fn forwards_carry_the_files() {
    let post = Post::start("forwarding");
    let (friend, third) = (post.site.lab.user("friend"), post.site.lab.user("third"));
    let (mut mine, mut his) = (post.mailbox(), post.mailbox_of(&third));
    for (n, version) in ["2.5", "12.0", "12.1", "14.0", "14.1", "16.1"].into_iter().enumerate() {
        let subject = format!("plan-{version}");
        received(&post, &friend, &subject);
        let (mut phone, inbox) = post.phone_with_inbox(version);
        phone.base64 = version == "12.1";
        let (id, _) = item(&phone, &inbox, &subject);
        phone.smart("SmartForward", outgoing(&address(&third), &format!("Fwd: {subject}")).as_bytes(), &inbox, &id);
        let got = his.wait("INBOX", n + 1);
        let got = got.iter().find(|m| m.header("Subject") == Some(format!("Fwd: {subject}"))).unwrap();
        let (text, files) = read(got);
        assert!(text.contains("Grüße vom Telefon.") && text.contains("Schöne Grüße."), "{version}: {text}");
        assert_eq!(files, [("plan.pdf".to_owned(), PLAN.to_owned())], "{version}");
        assert!(mine.called("INBOX", &subject).unwrap().has("$Forwarded"), "{version}");
        assert!(mine.called("Sent", &format!("Fwd: {subject}")).is_some(), "{version}");
        if phone.at_least("14.0") {
            phone.sync_all(&inbox);
            assert_eq!(item(&phone, &inbox, &subject).1.text("LastVerbExecuted"), Some("3"), "{version}");
        }
    }
}

#[test]
fn forwardees_get_the_mail_with_its_files() {
    let post = Post::start("forwardees-mail");
    let (friend, third) = (post.site.lab.user("friend"), post.site.lab.user("third"));
    let mut his = post.mailbox_of(&third);
    for (n, version) in ["16.0", "16.1"].into_iter().enumerate() {
        let subject = format!("shared-{version}");
        received(&post, &friend, &subject);
        let (mut phone, inbox) = post.phone_with_inbox(version);
        let (id, _) = item(&phone, &inbox, &subject);
        let mut forward = |client: &str, email: &str| {
            let forwardee: El = el("Forwardee", [t("Email", email), t("Name", "Thea Drei")]);
            let document = el(
                "ComposeMail:SmartForward",
                [
                    t("ClientId", format!("{client}-{version}")),
                    el("Source", [t("FolderId", &inbox), t("ItemId", &id)]),
                    el("Forwardees", [forwardee]),
                    el("AirSyncBase:Body", [t("Type", 1), t("Data", "Grüße vom Telefon.")]),
                ],
            );
            phone.command("SmartForward", &document)
        };
        sent(&forward("a", &address(&third)));
        let got = his.wait("INBOX", n + 1);
        let got = got.iter().find(|m| m.header("Subject") == Some(format!("Fwd: {subject}"))).unwrap();
        let (text, files) = read(got);
        assert!(text.contains("Grüße vom Telefon.") && text.contains("Schöne Grüße."), "{version}: {text}");
        assert_eq!(files, [("plan.pdf".to_owned(), PLAN.to_owned())], "{version}");
        assert_eq!(forward("a", &address(&third)).status(), Some(118), "{version}: sent once");
        assert_eq!(forward("b", "nobody").status(), Some(179), "{version}");
    }
}

#[test]
fn a_replaced_text_is_not_appended_to() {
    let post = Post::start("replacing");
    let friend = post.site.lab.user("friend");
    received(&post, &friend, "origin");
    let mut his = post.mailbox_of(&friend);
    for (n, version) in ["14.0", "14.1", "16.1"].into_iter().enumerate() {
        let (mut phone, inbox) = post.phone_with_inbox(version);
        let (id, _) = item(&phone, &inbox, "origin");
        let subject = format!("Re: origin {version}");
        let mime = outgoing(&address(&friend), &subject);
        let origin = Some(Origin::Item(&inbox, &id));
        sent(&phone.submit("SmartReply", &Outgoing { replace: true, origin, ..Outgoing::new(mime.as_bytes()) }));
        let got = his.wait("INBOX", n + 1);
        let got = got.iter().find(|m| m.header("Subject").as_deref() == Some(&subject)).unwrap();
        assert_same(got, &mime, version);
        assert!(got.header("In-Reply-To").is_some(), "{version}");
        // What it would answer is gone.
        let gone = format!("{inbox}:1.4711");
        let origin = Some(Origin::Item(&inbox, &gone));
        let answer = phone.submit("SmartReply", &Outgoing { origin, ..Outgoing::new(mime.as_bytes()) });
        assert_eq!(answer.status(), Some(150), "{version}: {:?}", answer.doc);
    }
}

fn refused(answer: &Answer) -> bool {
    answer.http.status == 500 || answer.status().is_some_and(|s| (115..=122).contains(&s))
}

#[test]
fn a_refused_recipient_is_told() {
    let post = Post::start("refused");
    let mut mailbox = post.mailbox();
    for version in ["2.5", "12.1", "14.1", "16.1"] {
        let mut phone = post.phone(version);
        for to in ["nobody@elsewhere.test", ""] {
            let mime = outgoing(to, &format!("undeliverable {version}"));
            let answer = phone.submit("SendMail", &Outgoing::new(mime.as_bytes()));
            assert!(refused(&answer), "{version} {to:?}: {} {:?}", answer.http.status, answer.doc);
        }
        assert_eq!(mailbox.count("Sent"), 0, "{version}: what was not sent is not kept as sent");
    }
}

#[test]
fn a_mail_server_that_is_away_is_told_and_nothing_is_lost() {
    use crate::mailproxy::Mail;
    let post = Post::start("smtpaway");
    let friend = post.site.lab.user("friend");
    for (n, version) in ["12.1", "14.1"].into_iter().enumerate() {
        let mut phone = post.phone(version);
        let mime = outgoing(&address(&friend), &format!("later {version}"));
        let mail = Outgoing { client_id: Some(format!("later-{version}")), ..Outgoing::new(mime.as_bytes()) };
        post.smtp.set(Mail::Closed);
        let answer = phone.submit("SendMail", &mail);
        let told = answer.status().or(Some(u32::from(answer.http.status)));
        assert!(matches!(told, Some(503 | 110..=122 | 500)), "{version}: {told:?}");
        assert_ne!((answer.http.status, answer.http.body.len()), (200, 0), "{version}: not sent is not told as sent");
        post.smtp.set(Mail::Well);
        sent(&phone.submit("SendMail", &mail));
        post.mailbox_of(&friend).wait("INBOX", n + 1);
    }
}

#[test]
fn a_full_mailbox_does_not_stop_the_sending() {
    let post = Post::start("full-sender");
    let friend = post.site.lab.user("friend");
    let mut mailbox = post.mailbox();
    mailbox.append("INBOX", "", &plain("large", &"x".repeat(150_000)));
    let mut phone = post.phone("14.1");
    let body = "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4\r\n".repeat(1700);
    let mime = format!("{}{body}", outgoing(&address(&friend), "too large to keep"));
    phone.send_mail(mime.as_bytes());
    post.mailbox_of(&friend).wait("INBOX", 1);
    assert_eq!(mailbox.count("Sent"), 0);
    // What is there can still be read, marked, and deleted for good.
    let inbox = phone.default_folder(INBOX);
    phone.sync_all(&inbox);
    let (id, _) = item(&phone, &inbox, "large");
    super::tell(&mut phone, &inbox, vec![super::flags::read(&id, true)]);
    assert!(mailbox.called("INBOX", "large").unwrap().has("\\Seen"));
}

//! Events that are forwarded, and what Horde is told of answers.

use serde_json::json;

use super::{Post, address, item, plain};
use crate::{
    calendar::{BERLIN, event},
    phone_mail::{Origin, Outgoing, sent},
    tree::{El, el, t},
};

/// The calendar with an event in it, on a paired phone; ids of both.
fn with_event(post: &Post, version: &'static str, title: &str) -> (crate::phone::Phone, String, String) {
    let mut phone = post.phone(version);
    let calendar = phone.default_folder(8);
    phone.sync_all(&calendar);
    let fields = event(&phone, title, BERLIN, "20300115T090000Z", "20300115T100000Z");
    let id = phone.add_item(&calendar, fields);
    (phone, calendar, id)
}

/// iCalendar in a message, its lines unfolded.
fn calendar_of(raw: &[u8]) -> String {
    use std::io::Write as _;
    let script = "import sys, email, email.policy\n\
        m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)\n\
        [sys.stdout.write(p.get_param('method') + '\\n' + p.get_content()) for p in m.walk() if p.get_content_type() == 'text/calendar']";
    let mut python = std::process::Command::new("python3")
        .args(["-c", script])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(raw).unwrap();
    let out = python.wait_with_output().unwrap().stdout;
    String::from_utf8(out).unwrap().replace("\r\n", "\n").replace("\n ", "")
}

#[test]
fn an_event_is_forwarded_as_an_invitation() {
    let post = Post::start("eventforward");
    let friend = post.site.lab.user("eventfriend");
    let mut his = post.mailbox_of(&friend);
    for (n, version) in ["12.1", "14.1"].into_iter().enumerate() {
        let (mut phone, calendar, id) = with_event(&post, version, &format!("Zahnarzt {version}"));
        let text = format!(
            "To: {}\r\nSubject: Fwd: Zahnarzt {version}\r\nContent-Type: text/plain\r\n\r\nSee.\r\n",
            address(&friend)
        );
        phone.smart("SmartForward", text.as_bytes(), &calendar, &id);
        his.wait("INBOX", n + 1);
        let got = his.called("INBOX", &format!("Fwd: Zahnarzt {version}")).unwrap();
        let invitation = calendar_of(&got.raw);
        assert!(invitation.starts_with("REQUEST\n"), "{version}: {}", got.text());
        for line in [&format!("SUMMARY:Zahnarzt {version}"), "METHOD:REQUEST", "20300115T1000"] {
            assert!(invitation.contains(line), "{version}: {line} in {invitation}");
        }
        assert!(got.text().contains("See.") && got.header("In-Reply-To").is_none(), "{version}: {}", got.text());
        assert!(got.header("From").unwrap().contains(&post.address()));
    }
}

#[test]
fn forwardees_need_no_mail_of_the_phone() {
    let post = Post::start("forwardees");
    let friend = post.site.lab.user("forwardee");
    for (n, version) in ["16.0", "16.1"].into_iter().enumerate() {
        let (mut phone, calendar, id) = with_event(&post, version, &format!("Größe {version}"));
        let document = |client: &str, email: &str| {
            let forwardee: El = el("Forwardee", [t("Email", email), t("Name", "Frida Fünf")]);
            el(
                "ComposeMail:SmartForward",
                [
                    t("ClientId", format!("{client}-{version}")),
                    el("Source", [t("FolderId", &calendar), t("ItemId", &id)]),
                    el("Forwardees", [forwardee]),
                    el("AirSyncBase:Body", [t("Type", 1), t("Data", "Komm doch auch!")]),
                ],
            )
        };
        sent(&phone.command("SmartForward", &document("a", &address(&friend))));
        let got = post.mailbox_of(&friend).wait("INBOX", n + 1);
        let got = got.iter().find(|m| calendar_of(&m.raw).contains(&format!("SUMMARY:Größe {version}"))).unwrap();
        assert!(got.header("To").unwrap().contains(&address(&friend)), "{}", got.text());
        let repeated = phone.command("SmartForward", &document("a", &address(&friend)));
        assert_eq!(repeated.status(), Some(118), "{version}");
        let nobody = phone.command("SmartForward", &document("b", "nobody"));
        assert_eq!(nobody.status(), Some(179), "{version}");
    }
}

#[test]
fn horde_is_told_of_answers() {
    let post = Post::start("maillog");
    let friend = post.site.lab.user("logfriend");
    let mut mailbox = post.mailbox();
    for id in ["answered", "forwarded"] {
        let mime = String::from_utf8(plain(id, "x")).unwrap();
        let mime = mime.replacen("Subject:", &format!("Message-ID: <{id}@log.test>\r\nSubject:"), 1);
        mailbox.append("INBOX", "", mime.as_bytes());
    }
    let (mut phone, inbox) = post.phone_with_inbox("14.1");
    for (command, subject) in [("SmartReply", "answered"), ("SmartForward", "forwarded")] {
        let (id, _) = item(&phone, &inbox, subject);
        let text = format!("To: {}\r\nSubject: x\r\n\r\nx\r\n", address(&friend));
        let origin = Some(Origin::Item(&inbox, &id));
        sent(&phone.submit(command, &Outgoing { origin, ..Outgoing::new(text.as_bytes()) }));
    }
    let told = post.site.horde.call("mail.getMaillogChanges", &json!([0])).to_string();
    for id in ["answered", "forwarded"] {
        assert!(told.contains(&format!("<{id}@log.test>")), "{id}: {told}");
    }
}

#[test]
fn an_invitation_is_answered_from_the_inbox() {
    let post = Post::start("invited");
    let friend = post.site.lab.user("host");
    let (mut mailbox, mut his) = (post.mailbox(), post.mailbox_of(&friend));
    for (n, version) in ["12.1", "14.1", "16.1"].into_iter().enumerate() {
        let title = format!("Größte Runde {version}");
        let invitation = format!(
            "From: {host}\r\nTo: {me}\r\nSubject: {title}\r\nDate: Mon, 2 Nov 2026 10:00:00 +0100\r\n\
             Message-ID: <inv-{version}@x.test>\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\n\
             BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:inv-{version}-{user}\r\n\
             DTSTAMP:20261102T090000Z\r\nDTSTART:20300115T090000Z\r\nDTEND:20300115T100000Z\r\nSUMMARY:{title}\r\n\
             ORGANIZER:mailto:{host}\r\nATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:{me}\r\n\
             END:VEVENT\r\nEND:VCALENDAR\r\n",
            host = address(&friend),
            me = post.address(),
            user = post.site.horde.user,
        );
        mailbox.append("INBOX", "", invitation.as_bytes());
        let (mut phone, inbox) = post.phone_with_inbox(version);
        let calendar = phone.default_folder(8);
        phone.sync_all(&calendar);
        let (mail, told) = item(&phone, &inbox, &title);
        assert_eq!(told.text("MessageClass"), Some("IPM.Schedule.Meeting.Request"), "{version}: {told:?}");
        let request = told.get("MeetingRequest").unwrap_or_else(|| panic!("{version}: {told:?}"));
        assert_eq!(request.text("StartTime"), Some("2030-01-15T09:00:00.000Z"), "{version}");
        let mut answer = vec![t("UserResponse", 1), t("CollectionId", &inbox), t("RequestId", &mail)];
        if version == "16.1" {
            answer.push(crate::tree::empty("SendResponse"));
        }
        let document = el("MeetingResponse:MeetingResponse", [el("Request", answer)]);
        let doc = phone.command("MeetingResponse", &document).doc().clone();
        let result = doc.get("Result").unwrap();
        assert_eq!(result.number("Status"), Some(1), "{version}: {doc:?}");
        let id = result.text("CalendarId").unwrap().to_owned();
        phone.sync_all(&calendar);
        let event = phone.items(&calendar).get(&id).unwrap_or_else(|| panic!("{version}: no {id}")).clone();
        assert_eq!(event.text("Subject"), Some(title.as_str()), "{version}");
        if phone.at_least("14.0") {
            assert_eq!(event.text("ResponseType"), Some("3"), "{version}: {event:?}");
        }
        assert_eq!(mailbox.count("INBOX"), 0, "{version}");
        assert_eq!(mailbox.count("Trash"), n + 1, "{version}");
        let gone = phone.command("MeetingResponse", &document).doc().clone();
        assert_eq!(gone.get("Result").unwrap().number("Status"), Some(2), "{version}: the mail is not there any more");
    }
    let replies = his.wait("INBOX", 1);
    assert!(calendar_of(&replies[0].raw).contains("PARTSTAT=ACCEPTED"), "{}", replies[0].text());
}

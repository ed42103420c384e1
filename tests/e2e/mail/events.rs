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

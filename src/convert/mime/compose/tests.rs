//! Mails that are put together, read again by us and by the reader of another crate.

use std::collections::BTreeMap;

use mail_parser::{MessageParser, MimeHeaders};
use proptest::prelude::*;

use super::{
    super::{Message, Part, address::Mailbox, scan, tests::corpus::mails},
    *,
};
use crate::{
    proto::class::{Body, BodyKind, Properties, Value},
    wbxml::tag::{air_sync_base as b, email as e, email2 as e2},
};

const OWN_PLAIN: &str = "From: x\r\nTo: carol@example.test\r\nBcc: dave@example.test\r\nSubject: Re: Test\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\
    Content-Transfer-Encoding: quoted-printable\r\n\r\nMein =FC Text\r\n";
const OWN_HTML: &str = "To: carol@example.test\r\nSubject: Re: Test\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body><p>Mein ü Text</p></body></html>\r\n";
const OWN_BOTH: &str = "To: carol@example.test\r\nSubject: Re: Test\r\nContent-Type: multipart/alternative; boundary=\"o w\"\r\n\r\n--o w\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\r\nMein ü Text\r\n--o w\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Mein ü Text</p>\r\n--o w--\r\n";
const OWN_MIXED: &str = "To: carol@example.test\r\nSubject: Re: Test\r\nContent-Type: multipart/mixed; boundary=own\r\n\r\n--own\r\n\r\nMein Text\r\n--own\r\n\
    Content-Type: image/png; name=own.png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0K\r\n--own--\r\n";
const OWN_IMAGE: &str = "To: carol@example.test\r\nSubject: x\r\nContent-Type: image/png; name=own.png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0K\r\n";
const OWN_SIGNED: &str = "To: carol@example.test\r\nSubject: x\r\nContent-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=s\r\n\r\n\
    --s\r\n\r\nSigned\r\n--s\r\nContent-Type: application/pkcs7-signature\r\n\r\nAAAA\r\n--s--\r\n";
const OWNS: [&str; 6] = [OWN_PLAIN, OWN_HTML, OWN_BOTH, OWN_MIXED, OWN_IMAGE, OWN_SIGNED];
const ORIGINAL: &str = "From: Bob <bob@example.test>\r\nTo: alice@example.test\r\nDate: Tue, 24 Nov 2026 10:00:00 +0100\r\nSubject: Test\r\n\
    Message-ID: <orig@example.test>\r\nReferences: <root@example.test>\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n\
    Content-Type: multipart/related; boundary=r\r\n\r\n--r\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Original ö<img src=\"cid:i@x\"></p><script>x</script>\r\n--r\r\n\
    Content-Type: image/png\r\nContent-ID: <i@x>\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--r--\r\n--m\r\nContent-Type: application/pdf;\r\n \
    name*=utf-8''Gr%C3%BC%C3%9Fe.pdf\r\nContent-Disposition: attachment; filename*=utf-8''Gr%C3%BC%C3%9Fe.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n\
    JVBERi0xLjQK\r\nAAECAwQF\r\n--m--\r\n";

fn identity() -> Identity {
    Identity { mailbox: Mailbox { name: "Älice".into(), address: "alice@example.test".into() } }
}

fn stamp() -> Stamp {
    Stamp { date: "Tue, 24 Nov 2026 12:00:00 +0000".into(), unique: "0123456789abcdefghij".into() }
}

/// What a phone sends, read as the server does: its structure from a scan, its texts from their places.
fn own(raw: &[u8]) -> (Vec<u8>, Message) {
    let root = scan::scan(raw);
    let head = raw[..usize::try_from(root.place.unwrap().body).unwrap()].to_vec();
    let texts: BTreeMap<String, Vec<u8>> =
        Message::wanted(&root).into_iter().map(|part| (part.section.clone(), part.encoded(raw).to_vec())).collect();
    let message = Message::assemble(&head, root, &texts);
    (head, message)
}

fn written(composed: &Composed, own: &[u8], original: &[u8]) -> Vec<u8> {
    let root = scan::scan(original);
    let mut out = Vec::new();
    for piece in &composed.pieces {
        match piece {
            Piece::Bytes(bytes) => out.extend_from_slice(bytes),
            Piece::Own { offset, len } => {
                let at = |offset: u64| usize::try_from(offset).unwrap();
                out.extend_from_slice(&own[at(*offset)..at(offset + len)]);
            }
            Piece::Section { section, len } => {
                let content = root.find(section).unwrap().encoded(original);
                assert_eq!(content.len() as u64, *len);
                out.extend_from_slice(content);
            }
            Piece::Original => out.extend_from_slice(original),
        }
    }
    out
}

type Way = fn(&Own<'_>, &Identity, &Stamp, &Message) -> Result<Composed, Error>;

fn answered(way: Way, raw: &str, original: &[u8]) -> (Composed, Vec<u8>) {
    let (head, message) = own(raw.as_bytes());
    let composed =
        way(&Own { head: &head, message: &message }, &identity(), &stamp(), &Message::parse(original)).unwrap();
    let bytes = written(&composed, raw.as_bytes(), original);
    (composed, bytes)
}

fn leaves<'a>(part: &'a Part, all: &mut Vec<&'a Part>) {
    if part.children.is_empty() {
        all.push(part);
    }
    part.children.iter().for_each(|child| leaves(child, all));
}

#[test]
fn what_is_sent_is_the_phones_own_under_the_users_name() {
    let (head, message) = own(OWN_PLAIN.as_bytes());
    let own = Own { head: &head, message: &message };
    let composed = send(&own, &identity(), &stamp(), None).unwrap();
    assert_eq!(composed.from, "alice@example.test");
    assert_eq!(composed.recipients, ["carol@example.test", "dave@example.test"]);
    assert_eq!(composed.message_id, "<0123456789abcdefghij@example.test>");
    assert_eq!(composed.pieces.len(), 2);
    let text = String::from_utf8(written(&composed, OWN_PLAIN.as_bytes(), b"")).unwrap();
    assert_eq!(
        text,
        "From: =?utf-8?B?w4RsaWNl?= <alice@example.test>\r\nDate: Tue, 24 Nov 2026 12:00:00 +0000\r\n\
         Message-ID: <0123456789abcdefghij@example.test>\r\nTo: carol@example.test\r\nSubject: Re: Test\r\n\
         Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nMein =FC Text\r\n"
    );
}

#[test]
fn what_the_phone_says_itself_stays() {
    let raw = "Message-ID: <own@phone>\r\nDate: Mon, 23 Nov 2026 10:00:00 +0100\r\nTo: Team: a@example.test, nobody, \"x y\" <A@example.test>;\r\n\
        Subject: Gr\u{fc}\u{df}e\r\nReferences: <mine@phone>\r\nX-Mailer: phone\r\n\r\nx";
    let (head, message) = own(raw.as_bytes());
    let original = Message::parse(ORIGINAL.as_bytes());
    let composed = send(&Own { head: &head, message: &message }, &identity(), &stamp(), Some(&original)).unwrap();
    assert_eq!((composed.recipients, composed.invalid), (vec!["a@example.test".to_owned()], vec!["nobody".to_owned()]));
    let Piece::Bytes(head) = &composed.pieces[0] else { unreachable!() };
    let head = std::str::from_utf8(head).unwrap();
    for line in [
        "Message-ID: <own@phone>\r\n",
        "Date: Mon, 23 Nov 2026 10:00:00 +0100\r\n",
        "In-Reply-To: <orig@example.test>\r\n",
        "References: <mine@phone>\r\n",
        "X-Mailer: phone\r\n",
    ] {
        assert!(head.contains(line), "{line}: {head}");
    }
    assert!(head.is_ascii() && Message::parse(head.as_bytes()).subject() == "Grüße");
}

#[test]
fn no_message_is_not_sent() {
    for raw in ["", "no header in here\r\n", "\r\nbody"] {
        let (head, message) = own(raw.as_bytes());
        assert_eq!(send(&Own { head: &head, message: &message }, &identity(), &stamp(), None), Err(Error::NoMessage));
    }
}

#[test]
fn answers_quote_the_original_in_the_form_of_the_new_text() {
    for (raw, plain, html) in
        [(OWN_PLAIN, true, false), (OWN_HTML, false, true), (OWN_BOTH, true, true), (OWN_MIXED, true, false)]
    {
        let (composed, bytes) = answered(reply, raw, ORIGINAL.as_bytes());
        let message = Message::parse(&bytes);
        assert_eq!(message.headers.ids("in-reply-to"), ["orig@example.test"]);
        assert_eq!(message.headers.ids("references"), ["root@example.test", "orig@example.test"]);
        assert_eq!(message.has_html(), html, "{}", String::from_utf8_lossy(&bytes));
        if plain {
            let (text, _) = message.plain(None);
            assert!(
                text.contains("Mein ")
                    && text.contains(
                        "\r\n\r\nOn Tue, 24 Nov 2026 10:00:00 +0100, \"Bob\" <bob@example.test> wrote:\r\n> Original ö"
                    ),
                "{text}"
            );
        }
        if html {
            let source = String::from_utf8_lossy(&bytes).into_owned();
            let (text, _) = message.html(None);
            assert!(text.contains("Mein ü Text") && text.contains("<p>Original ö<img src=\"cid:i@x\"></p>"), "{text}");
            assert!(!source.contains("<script") && source.matches("</html>").count() <= 1);
            assert!(composed.pieces.contains(&Piece::Section { section: "1.2".into(), len: 4 }));
        }
    }
}

#[test]
fn forwarded_mails_carry_the_attachments_byte_for_byte() {
    for raw in [OWN_PLAIN, OWN_HTML, OWN_BOTH, OWN_MIXED, OWN_IMAGE] {
        let (composed, bytes) = answered(forward, raw, ORIGINAL.as_bytes());
        assert!(composed.pieces.contains(&Piece::Section { section: "2".into(), len: 22 }), "{:?}", composed.pieces);
        let message = Message::parse(&bytes);
        let (text, _) = message.plain(None);
        let wanted = [
            "---------- Forwarded message ----------",
            "Date: Tue, 24 Nov 2026 10:00:00 +0100",
            "Subject: Test",
            "Original ö",
        ];
        assert!(wanted.iter().all(|wanted| text.contains(wanted)), "{text}\n{}", String::from_utf8_lossy(&bytes));
        let attachment = message.attachments().into_iter().find(|attachment| attachment.name == "Grüße.pdf").unwrap();
        assert_eq!(
            message.root.find(&attachment.section).unwrap().content(&bytes),
            b"%PDF-1.4\n\0\x01\x02\x03\x04\x05"
        );
        assert_eq!(raw == OWN_MIXED || raw == OWN_IMAGE, message.attachments().iter().any(|a| a.name == "own.png"));
    }
}

#[test]
fn what_is_signed_stays_as_it_is() {
    for way in [reply as Way, forward] {
        let (composed, bytes) = answered(way, OWN_SIGNED, ORIGINAL.as_bytes());
        assert_eq!(composed.pieces.len(), 2);
        let body = OWN_SIGNED.split_once("\r\n\r\n").unwrap().1;
        assert!(String::from_utf8(bytes).unwrap().ends_with(body));
    }
    let (composed, bytes) = answered(forward, OWN_PLAIN, OWN_SIGNED.as_bytes());
    assert!(composed.pieces.contains(&Piece::Original));
    let message = Message::parse(&bytes);
    assert_eq!(message.attachments().iter().map(|a| a.name.as_str()).collect::<Vec<_>>(), ["x.eml"]);
    assert!(bytes.windows(OWN_SIGNED.len()).any(|window| window == OWN_SIGNED.as_bytes()));
}

#[test]
fn every_mail_of_the_corpus_can_be_answered_and_forwarded() {
    for (name, raw) in mails() {
        let original = Message::parse(&raw);
        for own in OWNS {
            for way in [reply as Way, forward] {
                let (composed, bytes) = answered(way, own, &raw);
                let name = format!("{name}, {own:.90}");
                let message = Message::parse(&bytes);
                let other = MessageParser::default().parse(&bytes).unwrap();
                assert!(composed.recipients.contains(&"carol@example.test".to_owned()), "{name}");
                assert_eq!(other.from().unwrap().first().unwrap().name(), Some("Älice"), "{name}");
                assert!(other.bcc().is_none() && other.message_id().is_some() && other.date().is_some(), "{name}");
                let carried = composed.pieces.iter().filter_map(|piece| match piece {
                    Piece::Section { section, .. } => original.root.find(section),
                    _ => None,
                });
                let mut all = Vec::new();
                leaves(&message.root, &mut all);
                for part in carried.filter(|part| part.children.is_empty()) {
                    let content = part.content(&raw);
                    let found = all
                        .iter()
                        .filter(|leaf| leaf.content(&bytes) == content)
                        .any(|leaf| leaf.given_name() == part.given_name());
                    assert!(found, "{name}: {} is lost", part.section);
                    if part.encoding == super::super::Encoding::Base64
                        && !name.starts_with("broken")
                        && part.kind != "message/rfc822"
                    {
                        assert!(
                            other.parts.iter().any(|part| part.contents() == content),
                            "{name}: {} is lost for others",
                            part.section
                        );
                    }
                }
                let names = |list: Vec<super::super::attachment::Attachment>| list.len();
                if way as usize == forward as Way as usize
                    && own == OWN_PLAIN
                    && !composed.pieces.contains(&Piece::Original)
                {
                    assert!(names(message.attachments()) >= names(original.attachments()), "{name}");
                    let unnamed = other.attachments().filter(|part| part.attachment_name().is_none()).count();
                    assert!(unnamed <= all.len());
                }
            }
        }
    }
}

fn item(values: &[(crate::wbxml::Tag, &str)]) -> Properties {
    Properties(values.iter().map(|(tag, text)| (*tag, Value::Text((*text).to_owned()))).collect())
}

fn added(name: &str, content: &[u8], id: &str) -> Properties {
    let mut file = item(&[(b::DISPLAY_NAME, name), (b::CLIENT_ID, "1"), (b::METHOD, "1")]);
    file.0.insert(b::CONTENT, Value::Bytes(content.to_vec()));
    if !id.is_empty() {
        file.set_text(b::CONTENT_ID, id);
        file.set_text(b::IS_INLINE, "1");
    }
    Properties([(b::ADD, Value::Group(file))].into())
}

#[test]
fn drafts_are_made_and_changed() {
    let mut first = item(&[
        (e::TO, "\"Bob\" <bob@example.test>; carol@example.test, half"),
        (e2::BCC, "dave@example.test"),
        (e::SUBJECT, "Grüße"),
        (e::IMPORTANCE, "2"),
    ]);
    first
        .0
        .insert(b::BODY, Value::Body(Body { kind: BodyKind::Html, data: "<p>Text ü<img src=\"cid:i\"></p>".into() }));
    first.0.insert(b::ATTACHMENTS, Value::Groups(vec![added("Ü.txt", b"first", ""), added("i.png", b"image", "i")]));
    let made = draft(None, &first, &identity(), &stamp(), false).unwrap();
    let raw = written(&made, b"", b"");
    let message = Message::parse(&raw);
    assert_eq!((made.recipients.len(), made.invalid), (3, vec!["half".to_owned()]));
    let shown = message.item(0);
    assert_eq!(shown.text(e::SUBJECT), Some("Grüße"));
    assert_eq!(shown.text(e::TO), Some("\"Bob\" <bob@example.test>, carol@example.test, \"half\""));
    assert_eq!(shown.text(e::IMPORTANCE), Some("2"));
    assert_eq!(super::super::address::shown(&message.addresses("bcc"), ""), "dave@example.test");
    assert_eq!(message.plain(None).0.trim(), "Text ü");
    let files: Vec<(String, bool)> = message.attachments().into_iter().map(|a| (a.name, a.inline)).collect();
    assert_eq!(files, [("i.png".to_owned(), true), ("Ü.txt".to_owned(), false)]);

    let file = message.attachments().into_iter().find(|a| a.name == "Ü.txt").unwrap().section;
    let removed =
        Properties([(b::DELETE, Value::Group(item(&[(b::FILE_REFERENCE, &format!("f1:1.2:{file}"))])))].into());
    let mut second = item(&[(e::SUBJECT, "New"), (e::TO, "bob@example.test")]);
    second.0.insert(b::ATTACHMENTS, Value::Groups(vec![removed, added("new.bin", &[0, 1, 2, 255], "")]));
    let changed = draft(Some(&message), &second, &identity(), &stamp(), false).unwrap();
    assert_eq!(changed.message_id, made.message_id);
    let again = written(&changed, b"", &raw);
    let message = Message::parse(&again);
    assert_eq!(message.subject(), "New");
    assert_eq!(message.plain(None).0.trim(), "Text ü");
    let files: Vec<String> = message.attachments().into_iter().map(|a| a.name).collect();
    assert_eq!(files, ["i.png", "new.bin"]);
    let new = message.attachments().into_iter().find(|a| a.name == "new.bin").unwrap().section;
    assert_eq!(message.root.find(&new).unwrap().content(&again), [0, 1, 2, 255]);

    let sent = draft(Some(&message), &Properties::default(), &identity(), &stamp(), true).unwrap();
    let bytes = written(&sent, b"", &again);
    assert_eq!(sent.recipients, ["bob@example.test", "dave@example.test"]);
    assert!(!String::from_utf8_lossy(&bytes).to_lowercase().contains("bcc:"));
    assert_eq!(Message::parse(&bytes).attachments().len(), 2);
}

#[test]
fn a_draft_of_what_others_have_written_keeps_its_text() {
    let old = Message::parse(ORIGINAL.as_bytes());
    let changed = draft(Some(&old), &item(&[(e::SUBJECT, "x")]), &identity(), &stamp(), false).unwrap();
    let message = Message::parse(&written(&changed, b"", ORIGINAL.as_bytes()));
    assert_eq!(message.plain(None), old.plain(None));
    assert_eq!(message.attachments().len(), old.attachments().len());
}

proptest! {
    #[test]
    fn nothing_gets_out_of_a_header(text in "[ -~\r\n\tü\0]{0,60}(\r\nBcc: evil@example.test)?[ -~\r\n]{0,20}", what in 0_usize..6) {
        let mut all = item(&[(e::SUBJECT, "s"), (e::TO, "to@example.test")]);
        let tag = [e::SUBJECT, e::TO, e::CC, e::IMPORTANCE][what % 4];
        if what < 4 {
            all.set_text(tag, &text);
        }
        let mut file = item(&[(b::DISPLAY_NAME, &text), (b::CONTENT_TYPE, &format!("a/{text}")), (b::CONTENT_ID, &text), (b::CONTENT_LOCATION, &text)]);
        file.0.insert(b::CONTENT, Value::Bytes(b"x".to_vec()));
        all.0.insert(b::ATTACHMENTS, Value::Groups(vec![Properties([(b::ADD, Value::Group(file))].into())]));
        let stamp = Stamp { date: text.clone(), unique: format!("{text}aaaaaaaaaaaaaaaaaaaa") };
        let mailbox = Mailbox { name: text.clone(), address: "alice@example.test".into() };
        let composed = draft(None, &all, &Identity { mailbox }, &stamp, true).unwrap();
        let raw = written(&composed, b"", b"");
        let text = String::from_utf8(raw).unwrap();
        let is_foreign = |address: &String| !address.is_ascii();
        for line in text.lines() {
            // Mail servers that know SMTPUTF8 carry such addresses as they are; others are not given them.
            let may_be = composed.recipients.iter().any(is_foreign) && (line.starts_with("To: ") || line.starts_with("Cc: "));
            prop_assert!(line.is_ascii() || may_be, "{}", text);
            prop_assert!(!line.to_lowercase().starts_with("bcc"), "{}", text);
        }
        let message = Message::parse(text.as_bytes());
        prop_assert_eq!(message.attachments().len(), 1);
        prop_assert_eq!(text.matches("\nMIME-Version").count(), 1);
    }

    #[test]
    fn any_phone_can_send_anything(raw in "(To: |Subject: |Bcc: |Content-Type: |a@example.test|text/plain|multipart/mixed; boundary=a|\r\n|\n| |--a|--|x|ü){0,30}") {
        let (head, message) = own(raw.as_bytes());
        let own = Own { head: &head, message: &message };
        for composed in [send(&own, &identity(), &stamp(), None), reply(&own, &identity(), &stamp(), &Message::parse(ORIGINAL.as_bytes()))].into_iter().flatten() {
            let bytes = written(&composed, raw.as_bytes(), ORIGINAL.as_bytes());
            let head_ = scan::scan(&bytes).place.unwrap().body;
            let head_ = String::from_utf8_lossy(&bytes[..usize::try_from(head_).unwrap()]).to_lowercase();
            prop_assert!(!head_.lines().any(|line| line.starts_with("bcc")), "{}", head_);
            prop_assert!(Message::parse(&bytes).headers.raw("from").contains("alice@example.test"));
        }
    }
}

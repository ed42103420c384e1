//! What phones get of a message in which form.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{
    super::{
        Message, attachment,
        fit::{Raw, body, body_part, wants_whole},
        layout::LONGEST_TEXT,
        part::Part,
        whole,
    },
    corpus::mails,
};
use crate::{
    proto::{
        Version,
        class::{BodyKind, BodyPreference, Content, Properties, Value, View},
    },
    wbxml::tag::{air_sync_base as b, email as e, email2 as e2},
};

const ALTERNATIVE: &str = "Subject: x\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
    Plain ü text\r\n--a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>HTML ü text</p>\r\n--a--\r\n";
const PLAIN: &str = "Subject: x\r\n\r\nOnly <plain>\r\ntext\r\n";
const SIGNED: &str = "Subject: x\r\nContent-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=a\r\n\r\n--a\r\n\r\nSigned\r\n--a\r\n\
    Content-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--a--\r\n";

fn preference(kind: BodyKind, size: Option<u32>) -> BodyPreference {
    BodyPreference { kind, truncation_size: size, ..BodyPreference::default() }
}

fn view(bodies: &[BodyPreference]) -> View {
    View {
        version: Version::V14_1,
        bodies: bodies.to_vec(),
        truncation: None,
        body_parts: Vec::new(),
        mime_support: 0,
        mime_truncation: None,
    }
}

fn oldest() -> View {
    View { version: Version::V2_5, ..view(&[]) }
}

fn fitted(raw: &str, view: &View) -> Content {
    let whole = Raw { bytes: raw.as_bytes(), size: raw.len() as u64 };
    body(&Message::parse(raw.as_bytes()), view, Some(whole))
}

fn text(item: &Properties, tag: crate::wbxml::Tag) -> &str {
    item.text(tag).unwrap_or_default()
}

#[test]
fn phones_get_the_form_that_they_ask_for() {
    use BodyKind::{Html, Mime, Plain, Rtf};
    for (raw, asked, kind, data) in [
        (ALTERNATIVE, &[Plain][..], Plain, "Plain ü text"),
        (ALTERNATIVE, &[Html][..], Html, "<p>HTML ü text</p>"),
        (ALTERNATIVE, &[Plain, Html][..], Html, "<p>HTML ü text</p>"),
        (ALTERNATIVE, &[Mime][..], Plain, "Plain ü text"),
        (ALTERNATIVE, &[Rtf][..], Plain, "Plain ü text"),
        (ALTERNATIVE, &[][..], Plain, "Plain ü text"),
        (PLAIN, &[Plain, Html][..], Plain, "Only <plain>\r\ntext\r\n"),
        (PLAIN, &[Html][..], Html, "Only &lt;plain&gt;<br>\ntext"),
    ] {
        let bodies: Vec<BodyPreference> = asked.iter().map(|kind| preference(*kind, None)).collect();
        let got = fitted(raw, &view(&bodies));
        assert_eq!((got.kind, got.truncated, got.size), (kind, false, got.data.len() as u64), "{asked:?}");
        assert!(got.data.contains(data), "{asked:?}: {}", got.data);
    }
}

#[test]
fn bodies_are_cut_between_characters() {
    for (size, data, truncated) in
        [(0, "", true), (6, "Plain ", true), (7, "Plain ", true), (8, "Plain ü", true), (100, "Plain ü text", false)]
    {
        let got = fitted(ALTERNATIVE, &view(&[preference(BodyKind::Plain, Some(size))]));
        assert_eq!((got.data.trim_end(), got.truncated), (data.trim_end(), truncated), "{size}");
        assert_eq!(got.size, 13);
    }
    let html = fitted(ALTERNATIVE, &view(&[preference(BodyKind::Html, Some(110))]));
    assert!(html.truncated && html.data.len() <= 110 && !html.data.ends_with('<'), "{html:?}");
}

#[test]
fn all_or_none_goes_to_the_next_form() {
    let html = BodyPreference { all_or_none: true, ..preference(BodyKind::Html, Some(20)) };
    let got = fitted(ALTERNATIVE, &view(&[html.clone(), preference(BodyKind::Plain, Some(5))]));
    assert_eq!((got.kind, got.data.as_str()), (BodyKind::Plain, "Plain"));
    let got = fitted(ALTERNATIVE, &view(&[html]));
    assert_eq!((got.kind, got.data.as_str(), got.truncated), (BodyKind::Html, "", true));
    assert!(got.size > 20);
}

#[test]
fn mime_is_for_those_who_support_it() {
    let bodies = [preference(BodyKind::Html, None), preference(BodyKind::Mime, None)];
    for (raw, support, kind) in [
        (ALTERNATIVE, 0, BodyKind::Html),
        (ALTERNATIVE, 1, BodyKind::Html),
        (ALTERNATIVE, 2, BodyKind::Mime),
        (SIGNED, 0, BodyKind::Html),
        (SIGNED, 1, BodyKind::Mime),
    ] {
        let view = View { mime_support: support, ..view(&bodies) };
        assert_eq!(fitted(raw, &view).kind, kind, "{support}");
        let message = Message::parse(raw.as_bytes());
        assert_eq!(wants_whole(&message.root, &view).is_some(), kind == BodyKind::Mime);
        // A source that could not fetch the whole still sends the text.
        assert_ne!(body(&message, &view, None).kind, BodyKind::Mime);
    }
    assert_eq!(fitted(SIGNED, &View { mime_support: 2, ..view(&bodies) }).data, SIGNED);
}

#[test]
fn the_oldest_version_has_tables() {
    let long = format!("Subject: x\r\n\r\n{}", "ü".repeat(2_000));
    for (truncation, characters) in [(None, 2_000), (Some(0), 0), (Some(1), 512), (Some(2), 1_024), (Some(9), 2_000)] {
        let got = fitted(&long, &View { truncation, ..oldest() });
        assert_eq!((got.kind, got.data.chars().count(), got.size), (BodyKind::Plain, characters, 4_000));
        assert_eq!(got.truncated, characters < 2_000);
    }
    let lines = format!("Subject: x\r\n\r\n{}", "line\r\n".repeat(2_000));
    let got = fitted(&lines, &View { mime_support: 2, mime_truncation: Some(1), ..oldest() });
    assert_eq!((got.kind, got.truncated, got.size), (BodyKind::Mime, true, lines.len() as u64));
    assert!(got.data.len() <= 4_096 && got.data.ends_with("line\r\n"));
}

#[test]
fn previews_are_one_line_of_text() {
    let asked = BodyPreference { preview: Some(9), ..preference(BodyKind::Html, Some(0)) };
    assert_eq!(fitted(ALTERNATIVE, &view(&[asked])).preview.as_deref(), Some("Plain ü t"));
    let asked = BodyPreference { preview: Some(200), ..preference(BodyKind::Plain, None) };
    assert_eq!(fitted(PLAIN, &view(std::slice::from_ref(&asked))).preview.as_deref(), Some("Only <plain> text"));
    assert_eq!(body_part(&Message::parse(PLAIN.as_bytes()), &asked).kind, BodyKind::Html);
}

#[test]
fn a_glimpse_is_sent_to_who_asks_for_nothing() {
    let long = format!("Subject: x\r\n\r\n{}", "ü".repeat(2_000));
    let got = fitted(&long, &view(&[]));
    assert_eq!((got.data.chars().count(), got.size, got.truncated), (255, 4_000, true));
}

#[test]
fn texts_beyond_the_limit_are_told_to_be_cut() {
    let long = format!("Subject: x\r\n\r\n{}", "line\r\n".repeat(1_000_000));
    let got = fitted(&long, &view(&[preference(BodyKind::Plain, None)]));
    assert!(got.truncated && got.data.len() as u64 <= LONGEST_TEXT && got.size == 6_000_000);
}

#[test]
fn the_item_says_what_the_headers_say() {
    let raw = "From: =?utf-8?Q?J=C3=BCrgen?= <j@example.test>\r\nSender: s@example.test\r\nTo: \"A\" <a@example.test>, b@example.test\r\n\
        Reply-To: x@example.test, y@example.test\r\nSubject: AW: Thema\r\nImportance: high\r\nContent-Type: text/html; charset=koi8-r\r\n\r\n<p>x</p>\r\n";
    let item = Message::parse(raw.as_bytes()).item(1_795_510_800);
    for (tag, wanted) in [
        (e::FROM, "\"Jürgen\" <j@example.test>"),
        (e::TO, "\"A\" <a@example.test>, b@example.test"),
        (e::CC, ""),
        (e::REPLY_TO, "x@example.test; y@example.test"),
        (e::DISPLAY_TO, "A; b@example.test"),
        (e::SUBJECT, "AW: Thema"),
        (e::THREAD_TOPIC, "Thema"),
        (e::IMPORTANCE, "2"),
        (e::DATE_RECEIVED, "2026-11-24T09:00:00.000Z"),
        (e::MESSAGE_CLASS, "IPM.Note"),
        (e::CONTENT_CLASS, "urn:content-classes:message"),
        (e::INTERNET_CPID, "20866"),
        (b::NATIVE_BODY_TYPE, "2"),
        (e2::SENDER, "s@example.test"),
    ] {
        assert_eq!(text(&item, tag), wanted, "{tag:?}");
    }
    assert!(matches!(item.0.get(&e2::CONVERSATION_ID), Some(Value::Bytes(id)) if id.len() == 16));
}

#[test]
fn what_imap_tells_gives_the_same_as_the_bytes() {
    fn without_places(part: &mut Part) {
        part.place = None;
        part.children.iter_mut().for_each(without_places);
    }
    for (name, raw) in mails() {
        let whole = Message::parse(&raw);
        let body = usize::try_from(whole.root.place.unwrap().body).unwrap();
        let mut texts = BTreeMap::new();
        for part in Message::wanted(&whole.root) {
            texts.insert(part.section.clone(), part.encoded(&raw).to_vec());
        }
        let mut root = whole.root.clone();
        without_places(&mut root);
        root.number();
        let told = Message::assemble(&raw[..body], root, &texts);
        assert_eq!(told.item(0), whole.item(0), "{name}");
        assert_eq!(told.attachments(), whole.attachments(), "{name}");
        assert_eq!((told.plain(None), told.html(None)), (whole.plain(None), whole.html(None)), "{name}");
    }
}

/// What has to hold for anything that is read.
fn check(name: &str, raw: &[u8]) {
    let message = Message::parse(raw);
    let item = message.item(0);
    assert!(!text(&item, e::MESSAGE_CLASS).is_empty() && !text(&item, e::INTERNET_CPID).is_empty(), "{name}");
    for attachment in message.attachments() {
        assert!(!attachment.name.is_empty() && !attachment.name.contains(['/', '\\', '\0', '\r', '\n']), "{name}");
        assert!(message.root.find(&attachment.section).is_some(), "{name}: {}", attachment.section);
    }
    attachment::groups(&message.attachments(), "f0:1.2");
    let bytes = Raw { bytes: raw, size: raw.len() as u64 };
    for kind in [BodyKind::Plain, BodyKind::Html, BodyKind::Mime] {
        for size in [None, Some(0), Some(100), Some(5_000)] {
            for all_or_none in [false, true] {
                let bodies = [BodyPreference { kind, truncation_size: size, all_or_none, preview: Some(100) }];
                let got = body(&message, &View { mime_support: 2, ..view(&bodies) }, Some(bytes));
                let length = got.data.len() as u64;
                assert!(size.is_none_or(|size| length <= u64::from(size)), "{name} {kind:?} {size:?} {length}");
                assert!(
                    if got.truncated { length < got.size || got.size == 0 } else { length == got.size },
                    "{name} {kind:?}"
                );
                assert!(
                    !got.data.contains('\0') && got.preview.is_some_and(|text| text.chars().count() <= 100),
                    "{name}"
                );
                assert!(got.kind != BodyKind::Html || !got.data.to_lowercase().contains("<script"), "{name}");
            }
        }
    }
}

#[test]
fn all_mails_of_the_corpus_can_be_shown() {
    for (name, raw) in mails() {
        check(&name, &raw);
    }
}

#[test]
fn mime_is_the_message_or_means_the_same() {
    for (name, raw) in mails() {
        let message = Message::parse(&raw);
        let text = whole::readable(&raw, &message.root);
        if std::str::from_utf8(&raw).is_ok() && !raw.contains(&0) {
            assert_eq!(text.as_bytes(), raw, "{name}");
            continue;
        }
        let again = Message::parse(text.as_bytes());
        let (ours, theirs) = (again.item(0), message.item(0));
        assert_eq!(ours, theirs, "{name}");
        let same = |text: &str| text.replace('\0', "");
        assert_eq!(same(&again.plain(None).0), same(&message.plain(None).0), "{name}");
        assert_eq!(again.attachments().len(), message.attachments().len(), "{name}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_message(raw in prop::collection::vec(any::<u8>(), 0..300)) {
        check("bytes", &raw);
    }

    #[test]
    fn anything_like_a_message_is_a_message(raw in "(Subject: |From: |=\\?utf-8\\?Q\\?|\\?=|<a@b>|Content-Type: |text/html|multipart/(mixed|related|alternative); boundary=a|\
        message/rfc822|; charset=(utf-8|koi8-r|utf-7|iso-2022-jp)|Content-Transfer-Encoding: (base64|quoted-printable)|\r\n|\r\n\r\n|--a|--|<p>|ü|[ -~]{0,5}){0,40}") {
        check("like", raw.as_bytes());
    }

    #[test]
    fn mails_of_the_corpus_may_be_damaged(at in 0_usize..100_000, which in 0_usize..1_000, byte in any::<u8>(), cut in any::<bool>()) {
        thread_local!(static MAILS: Vec<(String, Vec<u8>)> =
            mails().into_iter().filter(|(_, raw)| !raw.is_empty() && raw.len() < 10_000).collect());
        MAILS.with(|mails| {
            let (name, mut raw) = mails[which % mails.len()].clone();
            let at = at % raw.len();
            if cut { raw.truncate(at) } else { raw[at] = byte }
            check(&name, &raw);
        });
    }
}

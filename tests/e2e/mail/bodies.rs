//! The text of a mail in each form and version.

use super::{Post, item, plain};
use crate::{
    phone::{Phone, Request},
    phone_mail::{fetch_item, preference, whole_mime},
    tree::{El, el, t},
};

/// A newsletter: text, and HTML with things that are not shown.
fn both(subject: &str) -> Vec<u8> {
    let text = "Zeile für Zeile steht hier der Text.\r\n".repeat(60);
    let html: String = (0..60).map(|n| format!("<p>Absatz <b>{n}</b> für alle</p>\r\n")).collect();
    let page = format!(
        "<html><head><title>t</title></head><body onload=\"evil()\"><script>evil()</script>{html}<img src=\"cid:x@y\"></body></html>"
    );
    format!(
        "From: News <news@example.test>\r\nTo: you@example.test\r\nSubject: {subject}\r\nDate: Mon, 2 Nov 2026 10:00:00 +0100\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=\"=-b\"\r\n\r\n\
         --=-b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n\
         --=-b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{page}\r\n--=-b--\r\n"
    )
    .into_bytes()
}

/// A message as a new phone gets it with these options.
fn synced(phone: &mut Phone, inbox: &str, subject: &str, options: Vec<El>) -> El {
    phone.prime(inbox, None);
    phone.sync(inbox, &Request { options, ..Request::default() });
    item(phone, inbox, subject).1
}

fn with(kind: u32, more: impl IntoIterator<Item = El>) -> Vec<El> {
    vec![el("AirSyncBase:BodyPreference", [t("Type", kind)].into_iter().chain(more))]
}

#[test]
fn text_and_html_as_they_are_asked_for() {
    let post = Post::start("bodies");
    post.mailbox().append("INBOX", "", &both("newsletter"));
    for version in ["12.0", "12.1", "14.0", "14.1", "16.0", "16.1"] {
        let mut phone = post.phone(version);
        let inbox = phone.default_folder(super::INBOX);
        let all = synced(&mut phone, &inbox, "newsletter", vec![preference(1, None)]);
        let body = all.get("Body").unwrap();
        assert_eq!(body.text("Type"), Some("1"), "{version}: {body:?}");
        let data = body.text("Data").unwrap();
        assert_eq!(data.matches("Zeile für Zeile steht hier der Text.").count(), 60, "{version}");
        assert!(!data.contains('<') && matches!(body.text("Truncated"), None | Some("0")), "{version}: {body:?}");
        assert_eq!(body.number("EstimatedDataSize"), Some(data.len() as u32), "{version}");
        assert_eq!(all.text("NativeBodyType"), Some("2"), "{version}: the original has HTML");

        let all = synced(&mut phone, &inbox, "newsletter", vec![preference(2, None)]);
        let body = all.get("Body").unwrap();
        assert_eq!(body.text("Type"), Some("2"), "{version}: {body:?}");
        let data = body.text("Data").unwrap();
        assert!(data.contains("Absatz <b>59</b> für alle") && data.contains("cid:x@y"), "{version}: {data}");
        assert!(!data.contains("evil"), "{version}: {data}");

        // Cut at a character, with the whole size.
        for (kind, size) in [(1, 7), (1, 500), (2, 501)] {
            let all = synced(&mut phone, &inbox, "newsletter", vec![preference(kind, Some(size))]);
            let body = all.get("Body").unwrap();
            let data = body.text("Data").unwrap_or_default();
            assert!(
                data.len() <= size as usize && data.len() + 4 > size as usize,
                "{version}: {} of {size}",
                data.len()
            );
            assert_eq!(body.text("Truncated"), Some("1"), "{version}: {body:?}");
            assert!(body.number("EstimatedDataSize").unwrap() > 2000, "{version}: {body:?}");
        }
        // All or none: too large for this form, so the next one.
        let none = vec![
            el("AirSyncBase:BodyPreference", [t("Type", 2), t("TruncationSize", 100), t("AllOrNone", 1)]),
            preference(1, Some(100)),
        ];
        let all = synced(&mut phone, &inbox, "newsletter", none);
        assert_eq!(all.text("Body/Type"), Some("1"), "{version}: {all:?}");
        if phone.at_least("14.0") {
            let options = with(2, [t("TruncationSize", 0), t("Preview", 100)]);
            let all = synced(&mut phone, &inbox, "newsletter", options);
            let preview = all.text("Body/Preview").unwrap_or_default();
            assert!(preview.starts_with("Zeile für Zeile") && preview.chars().count() <= 100, "{version}: {all:?}");
        }
        if phone.at_least("14.1") {
            let part = el("AirSyncBase:BodyPartPreference", [t("Type", 2), t("TruncationSize", 5000)]);
            let all = synced(&mut phone, &inbox, "newsletter", vec![preference(2, Some(0)), part]);
            let part = all.get("BodyPart").unwrap_or_else(|| panic!("{version}: {all:?}"));
            assert_eq!(part.text("Status"), Some("1"), "{version}: {part:?}");
            assert!(part.text("Data").is_some_and(|d| d.contains("Absatz")), "{version}: {part:?}");
        }
    }
}

#[test]
fn whole_messages_are_the_bytes_of_the_server() {
    let post = Post::start("wholemime");
    let mut mailbox = post.mailbox();
    let signed = "From: a@example.test\r\nSubject: signed\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; micalg=sha-256; boundary=\"s\"\r\n\r\n\
        --s\r\nContent-Type: text/plain\r\n\r\nNot  a   byte of this\t\r\nmay change. \r\n\r\n--s\r\n\
        Content-Type: application/pkcs7-signature; name=smime.p7s\r\nContent-Transfer-Encoding: base64\r\n\
        Content-Disposition: attachment; filename=smime.p7s\r\n\r\nMIIGgAYJKoZIhvcNAQcCoIIGcTCCBm0CAQExDzANBglghkgBZQMEAgEFADAL\r\n\r\n--s--\r\n";
    mailbox.append("INBOX", "", signed.as_bytes());
    mailbox.append("INBOX", "", &plain("ordinary", "Only ASCII."));
    for version in ["2.5", "12.0", "12.1", "14.1", "16.1"] {
        let mut phone = post.phone(version);
        let inbox = phone.default_folder(super::INBOX);
        let mime = |item: &El| -> Option<String> {
            if version == "2.5" {
                item.text("MIMEData").map(str::to_owned)
            } else {
                (item.text("Body/Type") == Some("4")).then(|| item.text("Body/Data").unwrap().to_owned())
            }
        };
        // 2: all, 1: S/MIME only, 0: none.
        for (support, ordinary) in [(2, true), (1, false), (0, false)] {
            let mut options = vec![t("AirSync:MIMESupport", support)];
            options.extend(if version == "2.5" {
                vec![t("AirSync:MIMETruncation", 8)]
            } else {
                vec![preference(1, None), preference(4, None)]
            });
            let secret = synced(&mut phone, &inbox, "signed", options);
            let class = secret.text("MessageClass").unwrap();
            assert_eq!(class, "IPM.Note.SMIME.MultipartSigned", "{version}");
            let there = mailbox.called("INBOX", "signed").unwrap();
            let told = mime(&secret);
            assert_eq!(told.is_some(), support > 0, "{version} {support}: {secret:?}");
            assert!(told.is_none_or(|told| told.as_bytes() == there.raw), "{version}: not the same bytes");
            let there = mailbox.called("INBOX", "ordinary").unwrap();
            let told = mime(&item(&phone, &inbox, "ordinary").1);
            assert_eq!(told.is_some(), ordinary, "{version} {support}");
            assert!(told.is_none_or(|told| told.as_bytes() == there.raw), "{version}: not the same bytes");
        }
    }
}

#[test]
fn bodies_of_the_oldest_version() {
    let post = Post::start("oldbodies");
    post.mailbox().append("INBOX", "", &both("newsletter"));
    let mut phone = post.phone("2.5");
    let inbox = phone.default_folder(super::INBOX);
    for (truncation, most) in [(Some(1), 512), (Some(3), 2048), (Some(0), 0), (None, usize::MAX)] {
        let options = truncation.map(|n| t("AirSync:Truncation", n)).into_iter().collect();
        let all = synced(&mut phone, &inbox, "newsletter", options);
        let text = all.text("Body").unwrap_or_default();
        assert!(all.get("Body").is_none_or(|b| b.children.is_empty()), "{all:?}");
        let cut = most < 60 * 38;
        assert_eq!(all.text("BodyTruncated") == Some("1"), cut, "{truncation:?}: {all:?}");
        assert!(text.chars().count() <= most, "{truncation:?}: {}", text.len());
        assert!(all.number("BodySize").unwrap() > 2000, "{all:?}");
        assert!(cut || text.matches("für Zeile").count() == 60);
    }
}

#[test]
fn a_cut_message_is_fetched_as_a_whole() {
    let post = Post::start("fetching");
    let mut mailbox = post.mailbox();
    mailbox.append("INBOX", "", &both("newsletter"));
    for version in ["2.5", "12.0", "12.1", "14.1", "16.1"] {
        let mut phone = post.phone(version);
        let inbox = phone.default_folder(super::INBOX);
        let options = if version == "2.5" { vec![t("AirSync:Truncation", 1)] } else { vec![preference(1, Some(100))] };
        synced(&mut phone, &inbox, "newsletter", options);
        let (id, _) = item(&phone, &inbox, "newsletter");
        let fetch = el("AirSync:Fetch", [t("ServerId", &id)]);
        let answer = phone.sync(&inbox, &Request { commands: vec![fetch], as_before: true, ..Request::default() });
        let fetched = answer.responses("Fetch");
        assert_eq!(fetched.len(), 1, "{version}: {:?}", answer.doc);
        assert_eq!(fetched[0].number("Status"), Some(1), "{version}: {:?}", answer.doc);
        let missing = el("AirSync:Fetch", [t("ServerId", format!("{inbox}:1.4711"))]);
        let answer = phone.sync(&inbox, &Request { commands: vec![missing], as_before: true, ..Request::default() });
        assert_eq!(answer.responses("Fetch")[0].number("Status"), Some(8), "{version}: {:?}", answer.doc);
        if version == "2.5" {
            continue;
        }
        let text = phone.fetch(&inbox, &id, vec![preference(1, None)]);
        assert_eq!(text.text("Body/Data").unwrap().matches("für Zeile").count(), 60, "{version}");
        assert_eq!(text.text("Subject"), Some("newsletter"), "{version}");
        let whole = phone.fetch(&inbox, &id, whole_mime());
        let raw = mailbox.called("INBOX", "newsletter").unwrap().text();
        // Bytes beyond ASCII come in another encoding, or as they are where they are UTF-8.
        let told = whole.text("Body/Data").unwrap();
        assert!(told.contains("multipart/alternative") && told.contains("--=-b--"), "{version}: {told}");
        assert_eq!(whole.text("Body/Type"), Some("4"));
        let parts = phone.item_operations_in_parts(vec![fetch_item(&inbox, &id, vec![preference(2, None)])]);
        let body = crate::phone_mail::properties(&parts.doc).get("Body").cloned().unwrap();
        assert_eq!(body.text("Type"), Some("2"));
        let part = body.number("Part").unwrap_or_else(|| panic!("{version}: {body:?}"));
        let html = std::str::from_utf8(&parts.parts[part as usize - 1]).unwrap();
        assert!(html.contains("Absatz <b>59</b> für alle"), "{version}");
        let absent = phone.item_operations(vec![fetch_item(&inbox, &format!("{inbox}:1.4711"), vec![])]);
        assert_eq!(absent.doc().number("Response/Fetch/Status"), Some(6), "{version}: {:?}", absent.doc);
        assert_eq!(mailbox.called("INBOX", "newsletter").unwrap().text(), raw);
        assert!(!mailbox.called("INBOX", "newsletter").unwrap().has("\\Seen"), "{version}: fetching is not reading");
    }
}

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::*;
use crate::{
    command::tests::{Device, Mailbox, Message, block_on},
    proto::{
        class::{BodyKind, BodyPreference, Content, Value},
        item_operations::{Bodies, Fetch},
    },
    state::Store,
    wbxml::{tag::air_sync_base as b, xml::decode_to_xml},
};

/// What the answer to some operations has: the document as XML, and the parts.
async fn ask(
    device: &Device,
    mail: Option<&Mailbox>,
    multipart: bool,
    operations: &[Operation],
) -> (String, Vec<Vec<u8>>) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let hierarchy = Some(device.hierarchy());
    let desk = Desk { locked: &device.locked, hierarchy, mail, store: &store, version: Version::V14_1 };
    let mut parts = Parts::new(multipart);
    let mut results = Vec::new();
    for operation in operations {
        results.push(desk.carry_out(operation, &mut parts).await.unwrap());
    }
    let reply = parts.reply(&Response { status: status::OK, results }).unwrap();
    let (length, mut reader, mut bytes) = (reply.body.len(), reply.body.reader(), Vec::new());
    while let Some(piece) = reader.next().await.unwrap() {
        bytes.extend_from_slice(&piece);
    }
    assert_eq!(bytes.len() as u64, length);
    if !multipart {
        return (line(&bytes), Vec::new());
    }
    assert_eq!(reply.headers, [("Content-Type", "application/vnd.ms-sync.multipart".to_owned())]);
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let part = |n: usize| bytes[number(4 + 8 * n)..][..number(8 + 8 * n)].to_vec();
    let mut all: Vec<Vec<u8>> = (0..number(0)).map(part).collect();
    (line(&all.remove(0)), all)
}

fn line(document: &[u8]) -> String {
    decode_to_xml(document).unwrap().lines().map(str::trim).collect::<String>()
}

fn fetch(device: &Device, uid: &str, kind: BodyKind, truncation_size: Option<u32>) -> Fetch {
    let preference = BodyPreference { kind, truncation_size, ..BodyPreference::default() };
    Fetch {
        store: "Mailbox".into(),
        collection: device.id("INBOX").into(),
        item: Some(format!("{}:{uid}", device.id("INBOX"))),
        bodies: Bodies { mime_support: Some(2), preferences: vec![preference], parts: vec![] },
        ..Fetch::default()
    }
}

fn attachment(reference: &str, range: Option<&str>) -> Fetch {
    let (attachment, range) = (Some(reference.to_owned()), range.map(str::to_owned));
    Fetch { store: "Mailbox".into(), attachment, range, ..Fetch::default() }
}

async fn one(device: &Device, mail: &Mailbox, fetch: Fetch) -> String {
    ask(device, Some(mail), false, &[Operation::Fetch(fetch)]).await.0
}

/// A mail whose body is a message of which the source gives a piece.
fn long(raw: &str) -> Message {
    let mut message = Message { raw: raw.as_bytes().to_vec(), ..Message::new("long") };
    let content = Content {
        kind: BodyKind::Mime,
        data: raw.chars().take(10).collect(),
        size: raw.len() as u64,
        truncated: true,
        preview: None,
    };
    message.item.0.insert(b::BODY, Value::Content(content));
    message
}

#[test]
fn attachments_and_stretches_of_them() {
    block_on(async {
        let mail = Mailbox::new();
        let device = Device::knowing(&mail).await;
        let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
        let uid = mail.put("inbox", Message { attachment: bytes.clone(), ..Message::new("a") });
        let name = format!("inbox:{uid}:2");
        let whole = one(&device, &mail, attachment(&name, None)).await;
        assert!(whole.contains(&format!("<Total>300000</Total><Data>{}</Data>", STANDARD.encode(&bytes))));
        assert!(whole.contains("application/pdf</ContentType>") && !whole.contains("<Range>"));
        let some = one(&device, &mail, attachment(&name, Some("299990-400000"))).await;
        let expected = STANDARD.encode(&bytes[299_990..]);
        assert!(some.contains(&format!("<Range>299990-299999</Range><Total>300000</Total><Data>{expected}</Data>")));
        let operations = [attachment(&name, Some("1-4")), attachment(&name, None)].map(Operation::Fetch);
        let (document, parts) = ask(&device, Some(&mail), true, &operations).await;
        assert!(document.contains("<Part>1</Part>") && document.contains("<Part>2</Part>"), "{document}");
        assert_eq!(parts, [bytes[1..5].to_vec(), bytes]);
        for (name, range, expected) in [
            ("", None, status::WRONG_ID),
            ("x", None, status::WRONG_ID),
            ("inbox:7.9:2", None, status::WRONG_ID),
            ("inbox:7.1:3", None, status::WRONG_ID),
            (name.as_str(), Some("300000-300001"), status::RANGE),
            (name.as_str(), Some("5-4"), status::RANGE),
        ] {
            let refused = one(&device, &mail, attachment(name, range)).await;
            assert!(refused.contains(&format!("<Fetch><Status>{expected}</Status>")), "{name} {range:?} {refused}");
            assert!(!refused.contains("Properties"));
        }
    });
}

#[test]
fn long_messages_come_from_the_spool() {
    block_on(async {
        let mail = Mailbox::new();
        let device = Device::knowing(&mail).await;
        let raw = format!("Subject: long\r\n\r\n{}", "zwölf Boxkämpfer\r\n".repeat(30_000));
        let uid = mail.put("inbox", long(&raw));
        let whole = one(&device, &mail, fetch(&device, &uid, BodyKind::Mime, None)).await;
        let size = format!("<Type>4</Type><EstimatedDataSize>{}</EstimatedDataSize>", raw.len());
        assert!(whole.contains(&format!("{size}<Data>Subject: long")) && whole.matches("Boxkämpfer").count() == 30_000);
        assert_eq!(whole.matches("<Body").count(), 1);
        let cut = one(&device, &mail, fetch(&device, &uid, BodyKind::Mime, Some(300_000))).await;
        assert!(cut.contains(&format!("{size}<Truncated>1</Truncated><Data>Subject")));
        assert!((290_000..400_000).contains(&cut.len()), "{}", cut.len());
        let (document, parts) =
            ask(&device, Some(&mail), true, &[Operation::Fetch(fetch(&device, &uid, BodyKind::Mime, None))]).await;
        assert!(document.contains("<Part xmlns=\"ItemOperations\">1</Part></Body>"), "{document}");
        assert!(parts == [raw.into_bytes()]);
    });
}

#[test]
fn mails_by_their_long_id_and_only_what_the_schema_names() {
    block_on(async {
        let mail = Mailbox::new();
        let device = Device::knowing(&mail).await;
        let mut message = Message::new("s");
        let content = Content { data: "Text".into(), size: 4, ..Content::default() };
        message.item.0.insert(b::BODY, Value::Content(content));
        let uid = mail.put("old", message);
        let named = |schema: Option<Vec<_>>| Fetch {
            store: "Mailbox".into(),
            long_id: Some(format!("old:{uid}")),
            schema,
            ..Fetch::default()
        };
        let whole = one(&device, &mail, named(None)).await;
        assert!(whole.contains("<LongId xmlns=\"Search\">old:7.1</LongId>") && whole.contains("<Data>Text</Data>"));
        let schema = Some(vec![crate::wbxml::tag::email::SUBJECT]);
        let part = one(&device, &mail, named(schema)).await;
        assert!(part.contains("<Subject xmlns=\"Email\">s</Subject></Properties>") && !part.contains("Read"), "{part}");
        let (_, parts) = ask(&device, Some(&mail), true, &[Operation::Fetch(named(None))]).await;
        assert_eq!(parts, [b"Text".to_vec()]);
    });
}

#[test]
fn fetches_that_are_refused() {
    block_on(async {
        let mail = Mailbox::new();
        let device = Device::knowing(&mail).await;
        let uid = mail.put("inbox", Message::new("a"));
        let good = fetch(&device, &uid, BodyKind::Plain, None);
        let parts = Bodies { parts: vec![BodyPreference::default()], ..Bodies::default() };
        for (fetch, expected) in [
            (Fetch { store: "DocumentLibrary".into(), ..good.clone() }, status::STORE),
            (Fetch { long_id: Some("x".into()), ..good.clone() }, status::PROTOCOL),
            (Fetch { item: None, ..good.clone() }, status::PROTOCOL),
            (Fetch { collection: "nowhere".into(), ..good.clone() }, status::NOT_FOUND),
            (Fetch { item: None, long_id: Some("x".into()), ..good.clone() }, status::NOT_FOUND),
            (Fetch { bodies: parts, ..good.clone() }, status::BODY_PART),
            (self::fetch(&device, "7.9", BodyKind::Plain, None), status::NOT_FOUND),
        ] {
            let refused = one(&device, &mail, fetch).await;
            assert!(refused.contains(&format!("<Fetch><Status>{expected}</Status>")), "{expected} {refused}");
        }
        let none = ask(&device, None, false, &[Operation::Fetch(good)]).await.0;
        assert!(none.contains("<Fetch><Status>6</Status>"), "{none}");
    });
}

#[test]
fn folders_are_emptied() {
    block_on(async {
        let mail = Mailbox::new();
        let device = Device::knowing(&mail).await;
        mail.put("work", Message::new("a"));
        let empty = |name: &str, folders| Operation::Empty { collection: device.id(name).into(), folders };
        let unknown = Operation::Empty { collection: "x".into(), folders: true };
        let (document, _) = ask(&device, Some(&mail), false, &[empty("Work", false), unknown]).await;
        assert!(
            document.contains("<EmptyFolderContents><Status>1</Status>") && document.contains("<Status>6</Status>")
        );
        assert!(mail.subjects("work").is_empty() && mail.folders().len() == 5);
        ask(&device, Some(&mail), false, &[empty("Work", true)]).await;
        assert_eq!(mail.folders().len(), 4);
    });
}

#[test]
fn conversations_are_moved() {
    block_on(async {
        let mail = Mailbox::new();
        let device = Device::knowing(&mail).await;
        for (folder, subject) in [("inbox", "a"), ("old", "b"), ("sent", "c"), ("work", "d")] {
            mail.put(folder, Message::new(subject));
        }
        let to = |name: &str, always| Operation::Move {
            conversation: vec![1; 16],
            to: device.ids.get(name).cloned().unwrap_or_else(|| name.to_owned()),
            always,
        };
        let operations = [to("Work", false), to("nowhere", true), to("Work", true)];
        let (document, _) = ask(&device, Some(&mail), false, &operations).await;
        for status in [155, 156, 1] {
            assert!(document.contains(&format!("<Move><Status>{status}</Status>")), "{document}");
        }
        let mut there = mail.subjects("work");
        there.sort();
        assert_eq!((there, mail.subjects("sent")), (vec!["a".into(), "b".into(), "d".into()], vec!["c".to_owned()]));
    });
}

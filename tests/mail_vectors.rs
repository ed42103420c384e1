//! Typed requests and answers of mail against the vectors: what a document says, and that our answers are the very bytes.

// Helpers of tests may panic like the tests themselves.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, unreachable_pub)]

#[path = "vectors/load.rs"]
#[allow(dead_code)]
mod load;

use std::{collections::HashMap, sync::LazyLock};

use horde_eas::{
    proto::{
        Command, Range, Version,
        class::{BodyKind, BodyPreference, Class, Content, Properties, Value, View},
        compose, find, folder_change,
        folder_sync::{Folder, FolderKind},
        item_operations::{self as items, Fetch, Fetched, Operation, Outcome, Place},
        move_items, search,
        sync::{self, CollectionResponse, ServerCommand, ServerKind},
    },
    wbxml::{
        Tag,
        tag::{air_sync_base as b, calendar as c, email as e, email2 as e2},
    },
};

static VECTORS: LazyLock<HashMap<String, Vec<u8>>> =
    LazyLock::new(|| load::all().into_iter().map(|vector| (vector.name, vector.bytes)).collect());

/// A vector of this folder.
fn vector(name: &str) -> &'static [u8] {
    &VECTORS[&format!("valid/{name}")]
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn item<const N: usize>(values: [(Tag, Value); N]) -> Properties {
    Properties(values.into())
}

fn view(version: Version) -> View {
    View {
        version,
        bodies: Vec::new(),
        truncation: None,
        body_parts: Vec::new(),
        mime_support: 0,
        mime_truncation: None,
    }
}

fn id(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// The ConversationId of the vectors.
const CONVERSATION: [u8; 16] =
    [0xff, 0x68, 0x02, 0x20, 0x58, 0xbd, 0x48, 0x59, 0x96, 0xbe, 0x15, 0xf6, 0xf6, 0xd9, 0x93, 0x20];

/// The message of the vectors.
const MESSAGE: &[u8] = b"From: erika@example.org\r\nTo: max@example.com\r\nSubject: Test\r\nMIME-Version: 1.0\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\r\nHallo\r\n";

#[test]
fn folder_changes() {
    let read = |name, command| folder_change::Request::read(vector(name), command).unwrap();
    let created = read("053-c-foldercreate-req", Command::FolderCreate);
    assert_eq!((created.kind, created.parent.as_str()), (13, "0"));
    assert_eq!((created.key.as_str(), created.name.as_str()), ("{6f1c}2", "Projekte"));
    let updated = read("055-c-folderupdate-req", Command::FolderUpdate);
    assert_eq!((updated.folder.as_str(), updated.name.as_str()), ("k4", "Projekte 2025"));
    let deleted = read("056-c-folderdelete-req", Command::FolderDelete);
    assert_eq!((deleted.key.as_str(), deleted.folder.as_str()), ("{6f1c}4", "k4"));
    let done = |key: &str, folder: Option<&str>| folder_change::Response {
        status: 1,
        key: id(key),
        folder: folder.map(str::to_owned),
    };
    assert_eq!(done("{6f1c}3", Some("k4")).write(Command::FolderCreate), vector("054-c-foldercreate-resp"));
    assert_eq!(done("{6f1c}4", None).write(Command::FolderUpdate), vector("187-c-folderupdate-resp"));
    let refused = folder_change::Response { status: 3, ..Default::default() };
    assert_eq!(refused.write(Command::FolderDelete), vector("188-c-folderdelete-status3-resp"));
    let folders = [
        Folder { server_id: "f1".into(), parent_id: "0".into(), name: "INBOX".into(), kind: FolderKind::DefaultInbox },
        Folder { server_id: "f2".into(), parent_id: "f1".into(), name: "Grüße".into(), kind: FolderKind::Mail },
    ];
    assert_eq!(folder_change::write_hierarchy(&folders), vector("189-c-gethierarchy-resp"));
}

#[test]
fn items_are_moved() {
    let request = move_items::Request::read(vector("099-c-moveitems-req")).unwrap();
    let one = |item: &str, to| move_items::Move { item: item.into(), from: "m1".into(), to: id(to) };
    assert_eq!(request.moves, [one("m1:4711", "m7"), one("m1:1", "m1")]);
    let outcome = |item: &str, status, moved: Option<&str>| move_items::Outcome {
        item: item.into(),
        status,
        moved: moved.map(str::to_owned),
    };
    let response =
        move_items::Response { results: vec![outcome("m1:4711", 3, Some("m7:12")), outcome("m1:1", 4, None)] };
    assert_eq!(response.write(), vector("100-c-moveitems-resp"));
}

/// A request without its message, and the message.
fn taken_apart(document: &[u8]) -> (Command, compose::Request, Vec<u8>) {
    let found = compose::split(document, document.len() as u64).unwrap().unwrap();
    let at = usize::try_from(found.at).unwrap();
    let end = at + usize::try_from(found.len.unwrap()).unwrap();
    let outline = [&document[..found.before], &document[end..]].concat();
    let (command, request) = compose::Request::read(&outline).unwrap();
    (command, request, document[at..end].to_vec())
}

#[test]
fn messages_are_sent() {
    let (command, request, message) = taken_apart(vector("104-c-sendmail-141-req"));
    assert_eq!((command, message.as_slice()), (Command::SendMail, MESSAGE));
    assert_eq!(request.client_id.as_deref(), Some("633916348086136194"));
    assert!(request.save && !request.replace);
    let (command, request, message) = taken_apart(vector("106-c-smartreply-141-req"));
    assert_eq!((command, message.as_slice()), (Command::SmartReply, MESSAGE));
    assert!(request.replace && request.save);
    let source = compose::Source { folder: id("m1"), item: id("m1:4711"), ..Default::default() };
    assert_eq!(request.source, source);
}

#[test]
fn events_are_forwarded() {
    let document = vector("107-c-smartforward-161-req");
    assert_eq!(compose::split(document, document.len() as u64).unwrap(), None);
    let (command, request) = compose::Request::read(document).unwrap();
    assert_eq!(request.fault(command, Version::V16_1), None);
    assert_eq!(request.forwardees, [compose::Forwardee { email: "neu@example.com".into(), name: "Neu".into() }]);
    assert_eq!(request.body, Some((BodyKind::Plain, "FYI".into())));
    assert_eq!(request.source.instance.as_deref(), Some("2025-04-28T08:00:00.000Z"));
}

#[test]
fn item_operations_requests() {
    let read = |name| items::Request::read(vector(name)).unwrap().operations;
    let mime = BodyPreference { kind: BodyKind::Mime, truncation_size: None, all_or_none: false, preview: None };
    assert_eq!(
        read("108-c-itemoperations-fetch-req"),
        [
            Operation::Fetch(Fetch {
                store: "Mailbox".into(),
                collection: "m1".into(),
                item: id("m1:4711"),
                bodies: items::Bodies { mime_support: Some(2), preferences: vec![mime], parts: vec![] },
                ..Fetch::default()
            }),
            Operation::Fetch(Fetch {
                store: "Mailbox".into(),
                attachment: id("m1:4711:2"),
                range: id("0-65535"),
                ..Fetch::default()
            }),
        ]
    );
    assert_eq!(read("111-c-itemoperations-empty-req"), [Operation::Empty { collection: "m4".into(), folders: true }]);
    assert_eq!(
        read("112-c-itemoperations-move-140-req"),
        [Operation::Move { conversation: CONVERSATION.to_vec(), to: "m7".into(), always: true }]
    );
}

#[test]
fn item_operations_answers() {
    let attachment = items::Content::Attachment {
        kind: "application/pdf".into(),
        range: Some(Range { first: 0, last: 8 }),
        total: 9,
        place: Place::Hole,
    };
    let fetched = Fetched { status: 1, attachment: id("m1:4711:2"), content: Some(attachment), ..Fetched::default() };
    let document = items::Response { status: 1, results: vec![Outcome::Fetch(fetched.into())] }.write();
    let (head, tail) = document.bytes.split_at(document.holes[0]);
    assert_eq!([head, b"JVBERi0xLjQK", tail].concat(), vector("109-c-itemoperations-fetch-resp"));

    let body = items::Elsewhere { kind: BodyKind::Plain, size: 7, truncated: false, place: Place::Part(1) };
    let mail = items::Content::Item {
        class: Class::Email,
        item: Properties::default(),
        view: view(Version::V14_1),
        body: Some(body),
    };
    let fetched =
        Fetched { status: 1, collection: id("m1"), item: id("m1:4711"), content: Some(mail), ..Fetched::default() };
    let document = items::Response { status: 1, results: vec![Outcome::Fetch(fetched.into())] }.write();
    assert_eq!(document.bytes, vector("110-c-itemoperations-part-resp"));

    let results = vec![
        Outcome::Move { conversation: CONVERSATION.to_vec(), status: 1 },
        Outcome::Empty { collection: "m4".into(), status: 6 },
        Outcome::Fetch(Box::new(Fetched { status: 6, long_id: id("m1:7.9"), ..Fetched::default() })),
    ];
    assert_eq!(items::Response { status: 1, results }.write().bytes, vector("190-c-itemoperations-mixed-resp"));
}

#[test]
fn searches() {
    let request = search::Request::read(vector("116-c-search-mailbox-121-req")).unwrap();
    let plain = BodyPreference { kind: BodyKind::Plain, truncation_size: Some(512), all_or_none: false, preview: None };
    assert_eq!(
        request,
        search::Request {
            store: "Mailbox".into(),
            query: search::Query {
                classes: vec!["Email".into()],
                collections: vec!["m1".into()],
                text: id("Rechnung"),
                after: id("2025-01-01T00:00:00.000Z"),
                ..Default::default()
            },
            range: id("0-49"),
            deep: true,
            rebuild: true,
            bodies: items::Bodies { preferences: vec![plain], ..Default::default() },
            ..Default::default()
        }
    );
    let request = search::Request::read(vector("113-c-search-gal-req")).unwrap();
    assert_eq!((request.store.as_str(), request.text.as_str()), ("GAL", "mus"));
    let nothing = search::StoreResponse { status: 1, ..Default::default() };
    let answer = search::Response { status: 1, store: Some(nothing) };
    assert_eq!(answer.write(), vector("115-c-search-gal-empty-resp"));
    let content = Content { data: "Anbei".into(), size: 700, truncated: true, ..Content::default() };
    let found = search::Found {
        long_id: "m1:7.9".into(),
        collection: "m1".into(),
        item: item([(e::SUBJECT, text("Rechnung 5")), (b::BODY, Value::Content(content))]),
        view: view(Version::V12_1),
    };
    let store = search::StoreResponse {
        status: 1,
        results: vec![found],
        range: Some(Range { first: 0, last: 0 }),
        total: Some(1),
    };
    let answer = search::Response { status: 1, store: Some(store) };
    assert_eq!(answer.write(), vector("191-c-search-mailbox-121-resp"));
}

#[test]
fn finding() {
    let request = find::Request::read(vector("117-c-find-mailbox-161-req")).unwrap();
    assert_eq!(request.id, "2B0E3B7C-1");
    let mailbox = find::Mailbox {
        class: "Email".into(),
        collection: id("m1"),
        text: "subject:Rechnung".into(),
        range: id("0-9"),
        deep: true,
    };
    assert_eq!(request.mailbox, Some(mailbox));
    let people = find::Request::read(vector("119-c-find-gal-161-req")).unwrap().people.unwrap();
    let picture = search::Picture { size: Some(102_400), count: Some(5) };
    assert_eq!(people, find::People { text: "mus".into(), range: id("0-19"), picture: Some(picture) });
    let found = find::Found {
        item: "m1:4711".into(),
        collection: "m1".into(),
        mail: item([
            (e::SUBJECT, text("Rechnung 5")),
            (e::DATE_RECEIVED, text("2025-03-01T10:00:00.000Z")),
            (e::DISPLAY_TO, text("Erika Muster")),
            (e::IMPORTANCE, text("1")),
            (e::READ, text("1")),
            (e::FROM, text("max@example.com")),
        ]),
        preview: "Anbei".into(),
        attachments: true,
    };
    let response = find::Response {
        status: 1,
        results: Some(vec![found]),
        range: Some(Range { first: 0, last: 0 }),
        total: Some(1),
    };
    assert_eq!(response.write(), vector("118-c-find-mailbox-161-resp"));
}

fn one_mail(key: &str, server_id: &str, item: Properties, more_available: bool, version: Version) -> Vec<u8> {
    let collection = CollectionResponse {
        class: Class::Email,
        key: key.into(),
        id: "m1".into(),
        status: 1,
        commands: vec![ServerCommand { kind: ServerKind::Add, server_id: server_id.into(), item }],
        responses: Vec::new(),
        more_available,
        view: view(version),
    };
    sync::Response { collections: vec![collection], ..Default::default() }.write(version)
}

/// The elements of a document, sorted: what it says, whatever the order.
fn elements(document: &[u8]) -> Vec<String> {
    let xml = horde_eas::wbxml::xml::decode_to_xml(document).unwrap();
    let mut lines: Vec<String> = xml.lines().map(|line| line.trim().to_owned()).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn mails() {
    let attachment = item([
        (b::DISPLAY_NAME, text("plan.pdf")),
        (b::FILE_REFERENCE, text("m1:4711:2")),
        (b::METHOD, text("1")),
        (b::ESTIMATED_DATA_SIZE, text("48213")),
    ]);
    let body =
        Content { kind: BodyKind::Html, data: "<p>Hallo</p>".into(), size: 5120, truncated: true, preview: None };
    let mail = item([
        (e::TO, text("\"Erika Muster\" <erika@example.org>")),
        (e::FROM, text("\"Max Muster\" <max@example.com>")),
        (e::SUBJECT, text("Grüße aus München")),
        (e::DATE_RECEIVED, text("2025-03-30T01:30:00.000Z")),
        (e::DISPLAY_TO, text("Erika Muster")),
        (e::THREAD_TOPIC, text("Grüße aus München")),
        (e::IMPORTANCE, text("1")),
        (e::READ, text("0")),
        (b::ATTACHMENTS, Value::Groups(vec![attachment])),
        (b::BODY, Value::Content(body)),
        (e::MESSAGE_CLASS, text("IPM.Note")),
        (e::INTERNET_CPID, text("65001")),
        (e::FLAG, Value::Group(Properties::default())),
        (e::CONTENT_CLASS, text("urn:content-classes:message")),
        (b::NATIVE_BODY_TYPE, text("2")),
        (e2::CONVERSATION_ID, Value::Bytes(CONVERSATION.to_vec())),
        (e2::CONVERSATION_INDEX, Value::Bytes(vec![0xcb, 0xa0, 0xb1, 0xf1, 0xd0])),
    ]);
    let written = one_mail("{a1}2", "m1:4711", mail.clone(), true, Version::V14_1);
    assert_eq!(elements(&written), elements(vector("063-c-sync-email-add-141-resp")));
    assert_eq!(one_mail("{a1}2", "m1:4711", mail, false, Version::V2_5), vector("192-c-sync-email-add-25-resp"));
}

#[test]
fn invitations() {
    let zone = "xP///0MARQBUAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAoAAAAFAAMAAAAAAAAAAAAAAEMARQBTAFQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAMAAAAFAAIAAAAAAAAAxP///w==";
    let place = item([(b::DISPLAY_NAME, text("Raum 2"))]);
    let request = item([
        (e::ALL_DAY_EVENT, text("0")),
        (e::START_TIME, text("2025-04-28T08:00:00.000Z")),
        (e::DT_STAMP, text("2025-04-01T10:00:00.000Z")),
        (e::END_TIME, text("2025-04-28T09:00:00.000Z")),
        (e::INSTANCE_TYPE, text("0")),
        (b::LOCATION, Value::Group(place)),
        (e::ORGANIZER, text("\"Max Muster\" <max@example.com>")),
        (e::REMINDER, text("900")),
        (e::RESPONSE_REQUESTED, text("1")),
        (e::SENSITIVITY, text("0")),
        (e::BUSY_STATUS, text("2")),
        (e::TIME_ZONE, text(zone)),
        (c::UID, text("20250401.abc@example.com")),
        (e::DISALLOW_NEW_TIME_PROPOSAL, text("0")),
        (e2::MEETING_MESSAGE_TYPE, text("1")),
    ]);
    let mail = item([
        (e::TO, text("erika@example.org")),
        (e::FROM, text("max@example.com")),
        (e::SUBJECT, text("Besprechung")),
        (e::DATE_RECEIVED, text("2025-04-01T10:00:00.000Z")),
        (e::MESSAGE_CLASS, text("IPM.Schedule.Meeting.Request")),
        (e::MEETING_REQUEST, Value::Group(request)),
        (e::CONTENT_CLASS, text("urn:content-classes:calendarmessage")),
    ]);
    let written = one_mail("{a1}4", "m1:815", mail, false, Version::V14_1);
    assert_eq!(written, vector("133-c-meetingrequest-email-141-resp"));
}

#[test]
fn drafts() {
    let request = sync::Request::read(vector("079-c-sync-draft-send-161-req"), Version::V16_1).unwrap();
    let command = &request.collections[0].commands[0];
    assert_eq!((command.id.as_str(), command.refused), ("d1", None));
    let draft = &command.item;
    assert_eq!((draft.text(e2::SEND), draft.text(e2::BCC)), (Some("1"), Some("archiv@example.org")));
    let added = draft.groups(b::ATTACHMENTS)[0].group(b::ADD).unwrap();
    assert_eq!(added.0[&b::CONTENT], Value::Bytes(vec![0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0]));
}

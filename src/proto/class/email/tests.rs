use proptest::prelude::*;

use super::{
    super::{
        Body, BodyKind, Content, Patch, Sender, View, encoded, patch, read_item, table, takes, tests::view, volatile,
    },
    *,
};
use crate::wbxml::{Reader, Writer, tag::air_sync::APPLICATION_DATA, xml::decode_to_xml};

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn item<const N: usize>(values: [(Tag, Value); N]) -> Properties {
    Properties(values.into())
}

fn xml(item: &Properties, version: Version) -> String {
    let lines = decode_to_xml(&encoded(Class::Email, item, &view(version))).unwrap();
    lines.lines().map(str::trim).collect::<String>().replace(" xmlns=\"", " \"")
}

fn read(version: Version, write: impl FnOnce(&mut Writer)) -> (Properties, bool) {
    let mut w = Writer::new();
    w.open(APPLICATION_DATA);
    write(&mut w);
    let document = w.finish();
    let mut reader = Reader::new(&document).unwrap();
    reader.root().unwrap();
    let read = read_item(&mut reader, version).unwrap();
    reader.finish().unwrap();
    read
}

fn meant(version: Version, sent: &Properties) -> Patch {
    let shown = sent.0.keys().copied().collect();
    patch(Class::Email, Sender { version, supported: None, shown: &shown }, sent, &item([(e::TO, text("x"))]))
}

#[test]
fn object_ids_of_the_vectors() {
    let vectors = include_str!("../../../../tests/vectors/globalobjid.tsv");
    for line in vectors.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        if columns[1].is_empty() {
            continue;
        }
        let instance = (columns[2] == "Outlook").then_some("2025-04-28T08:00:00.000Z");
        assert_eq!(object_id(columns[1], instance), columns[0], "{line}");
    }
}

#[test]
fn the_table_has_the_pages_of_mail_whole() {
    let mut missing = Vec::new();
    for (page, tokens) in [(2, 5..0x40), (22, 5..0x18)] {
        for tag in tokens.filter_map(|token| Tag::known(page, token)) {
            let nested = [&MEETING_REQUEST[..], &FLAG, &RECURRENCE, &ATTACHMENT, &LEGACY_ATTACHMENT, TABLE.properties];
            if !nested.iter().any(|table| table.iter().any(|property| property.tag == tag)) {
                missing.push(tag);
            }
        }
    }
    // Parts of rows, and what no server of this century writes.
    let parts = [
        e::ATTACHMENT,
        e::ATT_OID,
        e::ATT_REMOVED,
        e::BODY,
        e::BODY_SIZE,
        e::BODY_TRUNCATED,
        e::CATEGORY,
        e::RECURRENCE,
        e::MIME_DATA,
        e::MIME_TRUNCATED,
        e::MIME_SIZE,
    ];
    assert_eq!(missing, parts);
    let mut seen: Vec<(Tag, Version)> =
        table::properties(Class::Email, Version::V16_1).map(|p| (p.tag, p.since)).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), table::properties(Class::Email, Version::V16_1).count());
}

#[test]
fn an_unflagged_mail_has_an_empty_flag() {
    let mail = item([
        (e::READ, text("0")),
        (e::FLAG, Value::Group(Properties::default())),
        (e::CATEGORIES, Value::List(vec![])),
    ]);
    let head = "<ApplicationData \"AirSync\"><Read \"Email\">0</Read>";
    assert_eq!(xml(&mail, Version::V2_5), format!("{head}</ApplicationData>"));
    assert_eq!(xml(&mail, Version::V12_0), format!("{head}<Flag \"Email\"/></ApplicationData>"));
    assert_eq!(xml(&mail, Version::V14_0), format!("{head}<Flag \"Email\"/><Categories \"Email\"/></ApplicationData>"));
    let list = Value::List(vec!["Rot".into()]);
    assert!(
        xml(&item([(e::CATEGORIES, list)]), Version::V14_0).contains("<Categories \"Email\"><Category>Rot</Category>")
    );
}

#[test]
fn bodies_in_all_versions() {
    let content = |kind, truncated| Content { kind, data: "a".into(), size: 9, truncated, preview: Some("p".into()) };
    let mail = |kind, truncated| item([(b::BODY, Value::Content(content(kind, truncated)))]);
    let body = "<Body>a</Body><BodySize>9</BodySize><BodyTruncated>1</BodyTruncated>".replacen(
        "<Body>",
        "<Body \"Email\">",
        1,
    );
    let inside =
        |xml: String| xml.replacen("<ApplicationData \"AirSync\">", "", 1).replacen("</ApplicationData>", "", 1);
    let old = inside(xml(&mail(BodyKind::Plain, true), Version::V2_5));
    assert_eq!(
        old,
        body.replace("<BodySize>", "<BodySize \"Email\">").replace("<BodyTruncated>", "<BodyTruncated \"Email\">")
    );
    let whole = inside(xml(&mail(BodyKind::Mime, false), Version::V2_5));
    assert_eq!(
        whole.replace(" \"Email\"", ""),
        "<MIMEData>a</MIMEData><MIMESize>9</MIMESize><MIMETruncated>0</MIMETruncated>"
    );
    let new = |tag: &str, status: &str, preview: &str| {
        format!(
            "<{tag} \"AirSyncBase\">{status}<Type>2</Type><EstimatedDataSize>9</EstimatedDataSize><Truncated>1</Truncated><Data>a</Data>{preview}</{tag}>"
        )
    };
    assert_eq!(inside(xml(&mail(BodyKind::Html, true), Version::V12_1)), new("Body", "", ""));
    assert_eq!(inside(xml(&mail(BodyKind::Html, true), Version::V14_0)), new("Body", "", "<Preview>p</Preview>"));
    let part = item([(b::BODY_PART, Value::Content(content(BodyKind::Html, true)))]);
    assert_eq!(inside(xml(&part, Version::V14_0)), "<ApplicationData \"AirSync\"/>");
    assert_eq!(inside(xml(&part, Version::V14_1)), new("BodyPart", "<Status>1</Status>", "<Preview>p</Preview>"));
    // Nothing but its size.
    let none = Content { size: 9, truncated: true, ..Content::default() };
    assert!(!xml(&item([(b::BODY, Value::Content(none))]), Version::V16_1).contains("Data>a"));
}

#[test]
fn attachments_in_all_versions() {
    let attachment = item([
        (b::DISPLAY_NAME, text("plan.pdf")),
        (b::FILE_REFERENCE, text("f1:7.9:2")),
        (b::METHOD, text("1")),
        (b::ESTIMATED_DATA_SIZE, text("48213")),
        (b::IS_INLINE, text("1")),
    ]);
    let mail = item([(b::ATTACHMENTS, Value::Groups(vec![attachment]))]);
    assert_eq!(
        xml(&mail, Version::V2_5),
        "<ApplicationData \"AirSync\"><Attachments \"Email\"><Attachment><DisplayName>plan.pdf</DisplayName>\
         <AttName>f1:7.9:2</AttName><AttMethod>1</AttMethod><AttSize>48213</AttSize></Attachment></Attachments></ApplicationData>"
    );
    assert_eq!(
        xml(&mail, Version::V12_0),
        "<ApplicationData \"AirSync\"><Attachments \"AirSyncBase\"><Attachment><DisplayName>plan.pdf</DisplayName>\
         <FileReference>f1:7.9:2</FileReference><Method>1</Method><EstimatedDataSize>48213</EstimatedDataSize>\
         <IsInline>1</IsInline></Attachment></Attachments></ApplicationData>"
    );
}

#[test]
fn invitations_name_their_meeting_and_their_place_as_the_version_does() {
    let place = item([(b::DISPLAY_NAME, text("Raum 2")), (b::CITY, text("Berlin"))]);
    let invitation = item([
        (c::UID, text("x")),
        (b::LOCATION, Value::Group(place)),
        (e2::MEETING_MESSAGE_TYPE, text("1")),
        (e::RECURRENCES, Value::Groups(vec![item([(e::TYPE, text("0")), (e::INTERVAL, text("1"))])])),
    ]);
    let mail = item([(e::MEETING_REQUEST, Value::Group(invitation))]);
    let old = xml(&mail, Version::V14_0);
    assert!(
        old.contains("<Location>Raum 2</Location>") && old.contains("<GlobalObjId>BAAAAIIA4AB0xbcQGoLgCAAA"),
        "{old}"
    );
    assert!(!old.contains("MeetingMessageType") && !old.contains("UID") && !old.contains("City"), "{old}");
    assert!(
        old.contains("<Recurrences><Recurrence><Type>0</Type><Interval>1</Interval></Recurrence></Recurrences>"),
        "{old}"
    );
    let new = xml(&mail, Version::V16_0);
    assert!(new.contains("<UID \"Calendar\">x</UID>") && new.contains("<City>Berlin</City>"), "{new}");
    assert!(!new.contains("GlobalObjId"), "{new}");
}

#[test]
fn what_a_phone_may_change() {
    let (sent, sound) = read(Version::V14_1, |w| {
        w.text(e::READ, "1");
        w.text(e::SUBJECT, "new");
        w.open(e::FLAG);
        w.int(e::STATUS, 2);
        w.text(e::FLAG_TYPE, "for Follow Up");
        w.text(t::SUBJECT, "call");
        w.close();
        w.empty(e::CATEGORIES);
    });
    assert!(sound);
    let patch = meant(Version::V14_1, &sent);
    assert_eq!(patch.set.0.keys().copied().collect::<Vec<_>>(), [e::READ, e::FLAG]);
    assert_eq!(patch.clear, [e::CATEGORIES], "only what was sent is emptied");
    assert_eq!(patch.set.group(e::FLAG).unwrap().text(t::SUBJECT), Some("call"));
    let drafted = meant(Version::V16_0, &sent);
    assert_eq!(drafted.set.text(e::SUBJECT), Some("new"));
    assert_eq!(meant(Version::V16_1, &Properties::default()), Patch::default());
}

#[test]
fn a_flag_is_cleared_by_status_zero_and_by_nothing() {
    let zero = read(Version::V12_1, |w| {
        w.open(e::FLAG);
        w.int(e::STATUS, 0);
        w.close();
    });
    let nothing = read(Version::V12_1, |w| w.empty(e::FLAG));
    for (sent, sound) in [zero, nothing] {
        assert!(sound);
        assert_eq!(meant(Version::V12_1, &sent), Patch { set: Properties::default(), clear: vec![e::FLAG] });
    }
}

#[test]
fn wrong_values_and_read_only_ones_are_refused() {
    let sound = |write: &dyn Fn(&mut Writer)| read(Version::V16_1, |w| write(w)).1;
    for value in ["", "2", "-1", "true"] {
        assert!(!sound(&|w| w.text(e::READ, value)), "{value}");
    }
    for status in [3, -1] {
        assert!(!sound(&|w| {
            w.open(e::FLAG);
            w.int(e::STATUS, status);
            w.close();
        }));
    }
    assert!(!sound(&|w| w.opaque(e2::CONVERSATION_ID, b"x")));
    assert!(!sound(&|w| w.opaque(e2::CONVERSATION_INDEX, b"x")));
    assert!(!sound(&|w| w.text(e2::SENDER, "a@b")));
    assert!(!sound(&|w| w.int(e2::RECEIVED_AS_BCC, 1)));
    assert!(sound(&|w| w.int(e::READ, 0)));
}

fn upload(w: &mut Writer) {
    w.open(b::ATTACHMENTS);
    w.open(b::ADD);
    w.text(b::CLIENT_ID, "a1");
    w.opaque(b::CONTENT, &[0, 255]);
    w.empty(b::IS_INLINE);
    w.close();
    w.open(b::DELETE);
    w.text(b::FILE_REFERENCE, "f1:7.9:2");
    w.close();
    w.close();
}

#[test]
fn attachments_of_drafts() {
    let (sent, sound) = read(Version::V16_0, upload);
    assert!(sound && takes(Class::Email, Version::V16_0, true, &sent));
    let groups = meant(Version::V16_0, &sent).set.groups(b::ATTACHMENTS).to_vec();
    let added = groups[0].group(b::ADD).unwrap();
    assert_eq!(added.0.get(&b::CONTENT), Some(&Value::Bytes(vec![0, 255])));
    assert_eq!((added.text(b::CLIENT_ID), added.text(b::IS_INLINE)), (Some("a1"), Some("1")));
    assert_eq!(groups[1].group(b::DELETE).unwrap().text(b::FILE_REFERENCE), Some("f1:7.9:2"));
    assert_eq!(meant(Version::V14_1, &sent), Patch::default());
    assert!(!takes(Class::Email, Version::V14_1, true, &sent), "no mail is added before 16.0");
    assert!(takes(Class::Email, Version::V14_1, false, &sent));
    // Events cannot have any, whatever else the same element is for.
    assert!(!takes(Class::Calendar, Version::V16_0, false, &sent));
    assert!(takes(Class::Calendar, Version::V16_0, true, &Properties::default()));
}

#[test]
fn what_can_change_of_a_mail() {
    let mail = item([
        (e::READ, text("1")),
        (e::SUBJECT, text("s")),
        (e2::LAST_VERB_EXECUTED, text("1")),
        (e::FLAG, Value::Group(Properties::default())),
    ]);
    let changing: Vec<Tag> = volatile(Class::Email, &mail).into_owned().0.into_keys().collect();
    assert_eq!(changing, [e::READ, e::FLAG, e2::LAST_VERB_EXECUTED]);
    assert_eq!(*volatile(Class::Notes, &mail), mail);
}

#[test]
fn bodies_of_drafts_are_shown_as_any_body() {
    let body = Value::Body(Body { kind: BodyKind::Html, data: "<p>x</p>".into() });
    let xml = xml(&item([(b::BODY, body)]), Version::V16_1);
    assert!(xml.contains("<Type>2</Type>") && xml.contains("<Data>&lt;p&gt;x&lt;/p&gt;</Data>"), "{xml}");
}

proptest! {
    #[test]
    fn any_text_gets_through(subject in "\\PC{1,40}", to in "\\PC{1,40}", id in proptest::collection::vec(any::<u8>(), 1..40)) {
        let mail = item([
            (e::SUBJECT, text(&subject)),
            (e::TO, text(&to)),
            (e2::CONVERSATION_ID, Value::Bytes(id)),
        ]);
        let document = encoded(Class::Email, &mail, &View { version: Version::V16_1, ..view(Version::V16_1) });
        let mut reader = Reader::new(&document).unwrap();
        reader.root().unwrap();
        let (read, sound) = read_item(&mut reader, Version::V16_1).unwrap();
        prop_assert!(!sound, "ids of conversations are the server's");
        prop_assert_eq!(read, mail);
    }

    #[test]
    fn any_uid_has_an_object_id(uid in "\\PC{0,80}") {
        let id = object_id(&uid, Some("2025-04-28T08:00:00.000Z"));
        prop_assert!(id.starts_with("BAAAAIIA4AB0xbcQGoLgCA"));
    }
}

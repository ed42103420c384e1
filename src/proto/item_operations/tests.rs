use proptest::prelude::*;

use super::*;
use crate::{
    proto::{Version, class::tests::view},
    wbxml::{
        Reader, Writer,
        tag::{email as e, item_operations as io},
        xml::decode_to_xml,
    },
};

#[test]
fn the_head_of_several_parts() {
    // The example of the layout: a document of 60 bytes and a body of 5.
    let expected = [2, 0, 0, 0, 0x14, 0, 0, 0, 0x3c, 0, 0, 0, 0x50, 0, 0, 0, 5, 0, 0, 0];
    assert_eq!(multipart_head(&[60, 5]).unwrap(), expected);
    assert_eq!(multipart_head(&[60, u64::from(u32::MAX)]), None);
    assert_eq!(multipart_head(&[u64::MAX, u64::MAX]), None);
}

fn mail(place: Place, size: u64) -> Outcome {
    let mut item = Properties::default();
    item.set_text(e::SUBJECT, "Grüße");
    let body = Elsewhere { kind: BodyKind::Mime, size, truncated: false, place };
    Outcome::Fetch(Box::new(Fetched {
        status: 1,
        collection: Some("f1".into()),
        item: Some("f1:7.9".into()),
        content: Some(Content::Item { class: Class::Email, item, view: view(Version::V14_1), body: Some(body) }),
        ..Fetched::default()
    }))
}

/// Puts the texts into the holes.
fn filled(document: &Document, texts: &[&str]) -> Vec<u8> {
    assert_eq!(document.holes.len(), texts.len());
    let (mut all, mut from) = (Vec::new(), 0);
    for (hole, text) in document.holes.iter().zip(texts) {
        all.extend_from_slice(&document.bytes[from..*hole]);
        all.extend_from_slice(text.as_bytes());
        from = *hole;
    }
    [all, document.bytes[from..].to_vec()].concat()
}

#[test]
fn what_goes_into_a_hole_is_the_text_of_its_element() {
    let attachment = Outcome::Fetch(Box::new(Fetched {
        status: 1,
        attachment: Some("f1:7.9:2".into()),
        content: Some(Content::Attachment {
            kind: "application/pdf".into(),
            range: Some(Range { first: 0, last: 8 }),
            total: 9,
            place: Place::Hole,
        }),
        ..Fetched::default()
    }));
    let response = Response { status: 1, results: vec![mail(Place::Hole, 4), attachment] };
    let xml = decode_to_xml(&filled(&response.write(), &["To: ä", "JVBERi0xLjQK"])).unwrap();
    let line: String = xml.lines().map(str::trim).collect();
    assert!(line.contains("<Type>4</Type><EstimatedDataSize>4</EstimatedDataSize><Data>To: ä</Data></Body>"), "{line}");
    assert!(line.contains("<Range>0-8</Range><Total>9</Total><Data>JVBERi0xLjQK</Data>"), "{line}");
    assert!(
        line.contains("<Class xmlns=\"AirSync\">Email</Class><Properties><Subject xmlns=\"Email\">Grüße</Subject>"),
        "{line}"
    );
}

#[test]
fn parts_are_named_instead_of_data() {
    let document = Response { status: 1, results: vec![mail(Place::Part(1), 4), mail(Place::Nowhere, 4)] }.write();
    assert!(document.holes.is_empty());
    let xml = decode_to_xml(&document.bytes).unwrap();
    assert!(xml.contains("<Part xmlns=\"ItemOperations\">1</Part>") && !xml.contains("<Data"), "{xml}");
}

#[test]
fn too_many_operations_are_refused() {
    let request = |operations: usize| {
        let mut w = Writer::new();
        w.open(io::ITEM_OPERATIONS);
        for _ in 0..operations {
            w.open(io::FETCH);
            w.text(io::STORE, "Mailbox");
            w.close();
        }
        Request::read(&w.finish())
    };
    assert!(request(0).is_err());
    assert_eq!(request(300).unwrap().operations.len(), 300);
    assert!(request(301).is_err());
}

proptest! {
    #[test]
    fn any_text_in_a_hole(text in "[^\\x00-\\x1f\\x7f\u{fffe}\u{ffff}]{1,200}") {
        let document = Response { status: 1, results: vec![mail(Place::Hole, text.len() as u64)] }.write();
        let bytes = filled(&document, &[&text]);
        let mut reader = Reader::new(&bytes).unwrap();
        let mut found = false;
        while let Some(event) = reader.next_event().unwrap() {
            found |= event == crate::wbxml::Event::Text(text.as_str().into());
        }
        prop_assert!(found);
    }
}

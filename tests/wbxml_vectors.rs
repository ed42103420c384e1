//! The WBXML reader and writer against the test vectors, and against whatever chance makes of them.

// Helpers of tests may panic like the tests themselves.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, unreachable_pub)]

#[path = "vectors/load.rs"]
mod load;

use horde_eas::wbxml::{
    Error, ErrorKind, Event, Reader, Tag, Writer,
    xml::{decode_to_xml, encode_from_xml},
};
use proptest::prelude::*;

/// An event that owns its data; adjacent texts are one.
#[derive(Debug, Clone, PartialEq)]
enum Item {
    Start(Tag),
    Text(String),
    Opaque(Vec<u8>),
    End,
}

fn push(items: &mut Vec<Item>, item: Item) {
    match (items.last_mut(), item) {
        (Some(Item::Text(text)), Item::Text(more)) => text.push_str(&more),
        (_, item) => items.push(item),
    }
}

fn items(document: &[u8]) -> Result<Vec<Item>, Error> {
    let mut reader = Reader::new(document)?;
    let mut all = Vec::new();
    while let Some(event) = reader.next_event()? {
        let item = match event {
            Event::Start(tag) => Item::Start(tag),
            Event::Text(text) => Item::Text(text.into_owned()),
            Event::Opaque(bytes) => Item::Opaque(bytes.to_vec()),
            Event::End(_) => Item::End,
        };
        push(&mut all, item);
    }
    reader.finish()?;
    Ok(all)
}

fn write(items: &[Item]) -> Vec<u8> {
    let mut writer = Writer::new();
    for item in items {
        match item {
            Item::Start(tag) => writer.open(*tag),
            Item::Text(text) => writer.text_piece(text),
            Item::Opaque(bytes) => writer.opaque_piece(bytes),
            Item::End => writer.close(),
        }
    }
    writer.finish()
}

/// Reads a document in all ways there are. They agree on whether it is sound; an error lies within the document.
fn walk(document: &[u8]) -> Result<Vec<Item>, Error> {
    let all = items(document);
    let by_element = elements(document);
    assert_eq!(all.is_ok(), by_element.is_ok(), "{all:?} {by_element:?}");
    let skipped = Reader::new(document).and_then(|mut r| r.root().and_then(|_| r.skip()).and_then(|()| r.finish()));
    assert_eq!(all.as_ref().err(), skipped.as_ref().err());
    assert_eq!(all.as_ref().err(), decode_to_xml(document).as_ref().err());
    for error in all.as_ref().err().into_iter().chain(by_element.as_ref().err()) {
        assert!(error.offset <= document.len(), "{error}");
        assert!(error.to_string().starts_with(&format!("WBXML, byte {}: ", error.offset)));
    }
    all
}

/// Reads with `root` and `child`, and one element in three as bytes.
fn elements(document: &[u8]) -> Result<usize, Error> {
    let mut reader = Reader::new(document)?;
    reader.root()?;
    let (mut open, mut count) = (1, 1);
    while open > 0 {
        match reader.child()? {
            Some(_) if count % 3 == 0 => drop(reader.bytes()?),
            Some(_) => open += 1,
            None => open -= 1,
        }
        count += 1;
    }
    reader.finish()?;
    Ok(count)
}

/// Elements that the code pages do not have are left out, and their parent has nothing in it then.
fn without_unknown(xml: &str) -> String {
    if !xml.contains("<Unknown_") {
        return xml.to_owned();
    }
    let lines: String = xml.split_inclusive('\n').filter(|line| !line.contains("<Unknown_")).collect();
    lines.replace(">\n</", "></")
}

#[test]
fn valid_vectors_decode_to_their_xml_and_encode_to_equivalent_bytes() {
    for v in load::all().iter().filter(|v| v.name.starts_with("valid/")) {
        let expected = without_unknown(&v.xml);
        let original = walk(&v.bytes).unwrap_or_else(|e| panic!("{}: {e}", v.name));
        assert_eq!(decode_to_xml(&v.bytes).unwrap(), expected, "{}", v.name);
        let again = encode_from_xml(&expected).unwrap_or_else(|e| panic!("{}: {e}", v.name));
        assert_eq!(walk(&again).unwrap(), original, "{}", v.name);
        assert_eq!(write(&original), again, "{}", v.name);
    }
}

#[test]
fn malformed_vectors_are_refused_for_the_right_reason() {
    for v in load::all().iter().filter(|v| v.name.starts_with("malformed/")) {
        let result = walk(&v.bytes);
        let Some((_, reason)) = v.note.split_once("reject: ") else {
            assert_eq!(v.name, "malformed/167-unknown-tag-find-0f");
            assert_eq!(decode_to_xml(&v.bytes).unwrap(), "<Find xmlns=\"Find\"></Find>\n");
            continue;
        };
        let kind = result.expect_err(&v.name).kind;
        let number = || u8::from_str_radix(reason.rsplit([' ', 'x']).next().unwrap(), 16).unwrap();
        let page = || reason.rsplit(' ').next().unwrap().parse().unwrap();
        let right = match reason {
            "short header" | "no element" | "unclosed element" => kind == ErrorKind::Truncated,
            r if r.contains("eof") || r.contains("past end") || r.starts_with("unterminated") => {
                kind == ErrorKind::Truncated
            }
            "version" => kind == ErrorKind::Header,
            r if r.starts_with("charset") => kind == ErrorKind::Charset,
            r if r.starts_with("mb_u_int32") => kind == ErrorKind::Integer,
            "bad utf-8" | "string table offset" => kind == ErrorKind::String,
            r if r.starts_with("unknown page") => kind == ErrorKind::Page(page()),
            r if r.starts_with("unsupported") => kind == ErrorKind::Token(number()),
            "attributes not allowed" => matches!(kind, ErrorKind::Token(byte) if byte & 0x80 != 0),
            "too deep" => matches!(kind, ErrorKind::Limit(_)),
            _ => kind == ErrorKind::Structure,
        };
        assert!(right, "{}: {reason}, but the reader says: {kind}", v.name);
    }
}

#[test]
fn every_cut_of_a_valid_vector_is_refused() {
    for v in load::all().iter().filter(|v| v.name.starts_with("valid/")) {
        for length in 0..v.bytes.len() {
            // Page switches may follow the root; nothing is lost when they are cut off.
            if let Ok(all) = walk(&v.bytes[..length]) {
                assert_eq!(all, items(&v.bytes).unwrap(), "{} cut to {length}", v.name);
            }
        }
    }
}

fn any_tag() -> impl Strategy<Value = Tag> {
    let all = (0..=u8::MAX).flat_map(|page| (0..=u8::MAX).filter_map(move |token| Tag::known(page, token)));
    prop::sample::select(all.collect::<Vec<_>>())
}

/// An element with all that is in it, as it is to be read.
fn any_element() -> impl Strategy<Value = Vec<Item>> {
    let text =
        prop_oneof![any::<String>(), "[ -~\\t\\r\\n\\x00-\\x1f\\u{fffe}]{1,8}", "[ \\r\\n]{1,3}"].prop_map(Item::Text);
    let bytes = prop::collection::vec(any::<u8>(), 0..200).prop_map(Item::Opaque);
    let content = prop_oneof![3 => text, 1 => bytes].prop_map(|item| vec![item]);
    let wrap = |(tag, content): (Tag, Vec<Vec<Item>>)| {
        let content = content.into_iter().flatten();
        std::iter::once(Item::Start(tag)).chain(content).chain([Item::End]).collect::<Vec<_>>()
    };
    let leaf = (any_tag(), prop::collection::vec(content.clone(), 0..3)).prop_map(wrap);
    leaf.prop_recursive(8, 60, 6, move |inner| {
        let child = prop_oneof![4 => inner, 1 => content.clone()];
        (any_tag(), prop::collection::vec(child, 0..6)).prop_map(wrap)
    })
}

/// What must come back: without the characters that XML forbids and without empty pieces.
fn written(element: &[Item]) -> Vec<Item> {
    let allowed = |c: &char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    let mut expected = Vec::new();
    for item in element {
        match item {
            Item::Text(text) => {
                let text: String = text.chars().filter(allowed).collect();
                if !text.is_empty() {
                    push(&mut expected, Item::Text(text));
                }
            }
            Item::Opaque(bytes) if bytes.is_empty() => {}
            item => expected.push(item.clone()),
        }
    }
    expected
}

/// What chance does to a document.
fn mutation() -> impl Strategy<Value = Vec<u8>> {
    let documents: Vec<Vec<u8>> = load::all().into_iter().map(|v| v.bytes).filter(|b| !b.is_empty()).collect();
    let change = (any::<prop::sample::Index>(), 0..4, any::<u8>());
    (prop::sample::select(documents), prop::collection::vec(change, 1..5)).prop_map(|(mut document, changes)| {
        for (at, what, byte) in changes {
            let at = at.index(document.len());
            match what {
                0 => document[at] = byte,
                1 => document[at] ^= 1 << (byte & 7),
                2 => document.insert(at, byte),
                _ if document.len() > 1 => drop(document.remove(at)),
                _ => {}
            }
        }
        document
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(element in any_element()) {
        let document = write(&element);
        let expected = written(&element);
        prop_assert_eq!(walk(&document).unwrap(), expected.clone());
        let xml = decode_to_xml(&document).unwrap();
        let again = encode_from_xml(&xml).unwrap();
        prop_assert_eq!(walk(&again).unwrap(), expected, "{}", xml);
    }

    #[test]
    fn what_is_read_can_be_written(document in mutation()) {
        if let Ok(all) = walk(&document) {
            prop_assert_eq!(walk(&write(&all)).unwrap(), written(&all));
        }
    }

    #[test]
    fn no_bytes_cause_a_panic(document in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = walk(&document);
        let _ = walk(&[&[3, 1, 0x6a, 0, 0x45], &document[..]].concat());
        let text: String = String::from_utf8_lossy(&document).into_owned();
        let _ = encode_from_xml(&text);
        let _ = encode_from_xml(&format!("<Sync xmlns=\"AirSync\">{text}</Sync>"));
    }
}

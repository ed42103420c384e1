use super::{Error, ErrorKind, Event, Limits, Reader, Tag, Writer, tag};

/// A document on page 0 from what follows the header.
fn document(body: &[u8]) -> Vec<u8> {
    [&[3, 1, 0x6a, 0], body].concat()
}

fn events(document: &[u8], limits: Limits) -> Result<Vec<String>, Error> {
    let mut reader = Reader::with_limits(document, limits)?;
    let mut all = Vec::new();
    while let Some(event) = reader.next_event()? {
        all.push(match event {
            Event::Start(tag) => format!("+{tag}"),
            Event::Text(text) => format!("{text:?}"),
            Event::Opaque(bytes) => format!("{bytes:?}"),
            Event::End(tag) => format!("-{tag}"),
        });
    }
    Ok(all)
}

fn read(body: &[u8]) -> Result<Vec<String>, Error> {
    events(&document(body), Limits::default())
}

fn refused(body: &[u8]) -> (usize, ErrorKind) {
    let error = read(body).unwrap_err();
    (error.offset, error.kind)
}

#[test]
fn the_three_spellings_of_an_empty_element_are_one() {
    let empty = ["+Sync", "+SyncKey", "-SyncKey", "-Sync"];
    for body in [&[0x45, 0x0b, 1][..], &[0x45, 0x4b, 1, 1], &[0x45, 0x4b, 3, 0, 1, 1], &[0x45, 0x4b, 0xc3, 0, 1, 1]] {
        assert_eq!(read(body).unwrap(), empty);
        let document = document(body);
        let mut r = Reader::new(&document).unwrap();
        assert_eq!(r.root().unwrap(), tag::air_sync::SYNC);
        assert_eq!(r.child().unwrap(), Some(tag::air_sync::SYNC_KEY));
        assert_eq!(r.text().unwrap(), "");
        assert_eq!(r.child().unwrap(), None);
        r.finish().unwrap();
    }
}

#[test]
fn pieces_of_text_are_joined_and_single_ones_borrowed() {
    let body = document(&[0x45, 0x4b, 3, b'a', 0, 2, 0x81, 0x69, 0xc3, 2, 0xc3, 0xa4, 1, 0x4b, 3, b'b', 0, 1, 1]);
    let mut r = Reader::new(&body).unwrap();
    r.root().unwrap();
    r.child().unwrap();
    assert_eq!(r.text().unwrap(), "a\u{e9}\u{e4}");
    r.child().unwrap();
    assert!(matches!(r.text().unwrap(), std::borrow::Cow::Borrowed("b")));
    assert_eq!(r.child().unwrap(), None);
    r.finish().unwrap();
}

#[test]
fn text_comes_from_the_string_table_of_a_client_that_has_one() {
    let table = b"abc\0de\0";
    let head = |index: &[u8]| [&[3, 0, 0, 0x6a, 7], &table[..], &[0x45, 0x4b, 0x83], index, &[1, 1]].concat();
    assert_eq!(events(&head(&[4]), Limits::default()).unwrap()[2], "\"de\"");
    assert_eq!(events(&head(&[2]), Limits::default()).unwrap()[2], "\"c\"");
    let error = events(&head(&[8]), Limits::default()).unwrap_err();
    assert_eq!((error.offset, error.kind), (15, ErrorKind::String));
}

#[test]
fn references_to_the_string_table_cannot_multiply_the_document() {
    let table = [&[b'x'; 99][..], &[0]].concat();
    let mut body = [&[3, 1, 0x6a, 100], &table[..], &[0x45]].concat();
    for _ in 0..20 {
        body.extend([0x4b, 0x83, 0, 1]);
    }
    body.push(1);
    assert!(events(&body, Limits { value: 20 * 99, ..Limits::default() }).is_ok());
    let error = events(&body, Limits { value: 20 * 99 - 1, ..Limits::default() }).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Limit("a value is too long"));
}

#[test]
fn unknown_tags_are_left_out_with_their_subtree() {
    let body = [0x45, 0x7f, 0x4b, 3, b'1', 0, 1, 0x3e, 0, 1, 0x45, 1, 1, 0, 0, 0x4b, 3, b'2', 0, 1, 0x3f, 1];
    assert_eq!(read(&body).unwrap(), ["+Sync", "+SyncKey", "\"2\"", "-SyncKey", "-Sync"]);
}

#[test]
fn a_page_switch_outlives_the_element() {
    let body = [0x45, 0, 17, 0x4a, 1, 0x4a, 1, 0, 0, 1, 0, 3];
    assert_eq!(read(&body).unwrap(), ["+Sync", "+Body", "-Body", "+Body", "-Body", "-Sync"]);
}

#[test]
fn refusals_name_the_byte() {
    assert_eq!(refused(&[]), (4, ErrorKind::Truncated));
    assert_eq!(refused(&[0x45]), (5, ErrorKind::Truncated));
    assert_eq!(refused(&[1]), (4, ErrorKind::Structure));
    assert_eq!(refused(&[0x45, 1, 0x45, 1]), (6, ErrorKind::Structure));
    assert_eq!(refused(&[3, b'a', 0]), (4, ErrorKind::Structure));
    assert_eq!(refused(&[0x45, 0, 26]), (6, ErrorKind::Page(26)));
    assert_eq!(refused(&[0x45, 0x85, 1]), (5, ErrorKind::Token(0x85)));
    assert_eq!(refused(&[0x45, 0x44, 0]), (5, ErrorKind::Token(0x44)));
    assert_eq!(refused(&[0x45, 0x3f, 0x43]), (6, ErrorKind::Token(0x43)));
    assert_eq!(refused(&[0x7f, 1]), (4, ErrorKind::Token(0x7f)));
    assert_eq!(refused(&[0x45, 3, b'a', 0xff, 0, 1]), (7, ErrorKind::String));
    assert_eq!(refused(&[0x45, 0xc3, 0x85, 0]), (8, ErrorKind::Truncated));
    assert_eq!(refused(&[0x45, 0xc3, 0x90, 0x80, 0x80, 0x80, 0, 1]), (6, ErrorKind::Integer));
    assert_eq!(refused(&[0x45, 2, 0, 1]), (6, ErrorKind::String));
    assert_eq!(refused(&[0x45, 2, 0x83, 0xb0, 0, 1]), (6, ErrorKind::String));
}

#[test]
fn limits_hold_exactly() {
    let limits = Limits { depth: 2, elements: 3, value: 3 };
    let read = |body: &[u8]| events(&document(body), limits).map_err(|e| e.kind);
    let too_long = Err(ErrorKind::Limit("a value is too long"));
    assert!(read(&[0x45, 0x4b, 1, 0x4b, 1, 1]).is_ok());
    assert_eq!(read(&[0x45, 0x4b, 0x0b]), Err(ErrorKind::Limit("elements are nested too deeply")));
    assert_eq!(read(&[0x45, 0x0b, 0x0b, 0x0b]), Err(ErrorKind::Limit("the document has too many elements")));
    assert!(read(&[0x45, 3, b'a', b'b', b'c', 0, 1]).is_ok());
    assert_eq!(read(&[0x45, 3, b'a', b'b', b'c', b'd', 0, 1]), too_long);
    assert_eq!(read(&[0x45, 3, b'a', b'b', 0, 3, b'c', b'd', 0, 1]), too_long);
    assert_eq!(read(&[0x45, 0xc3, 4, 0, 0, 0, 0, 1]), too_long);
}

#[test]
fn text_around_a_skipped_child_keeps_the_value_limit() {
    let body = document(&[0x45, 3, b'a', b'b', 0, 0x0b, 3, b'c', b'd', 0, 1]);
    let mut r = Reader::with_limits(&body, Limits { value: 3, ..Limits::default() }).unwrap();
    r.root().unwrap();
    assert_eq!(r.text().unwrap_err().kind, ErrorKind::Limit("a value is too long"));
}

#[test]
fn calls_out_of_place_are_errors() {
    let body = document(&[0x45, 0x4b, 1, 1]);
    let mut r = Reader::new(&body).unwrap();
    assert!(r.child().is_err() && r.text().is_err() && r.bytes().is_err() && r.skip().is_err());
    assert_eq!(r.root().unwrap(), tag::air_sync::SYNC);
    assert!(r.root().is_err() && r.finish().is_err());
    r.skip().unwrap();
    assert!(r.child().is_err());
    r.finish().unwrap();
    assert!(r.root().is_err());
}

#[test]
fn errors_are_readable() {
    let error = read(&[0x45, 0, 26]).unwrap_err();
    assert_eq!(error.to_string(), "WBXML, byte 6: code page 26 does not exist");
}

#[test]
fn the_writer_drops_what_xml_forbids() {
    let written = |text: &str| {
        let mut w = Writer::new();
        w.text(tag::air_sync::SYNC_KEY, text);
        w.finish()
    };
    assert_eq!(written("a\0b\u{1f}c\u{ffff}d\t\r\n\u{feff}"), document("\x4b\x03abcd\t\r\n\u{feff}\0\x01".as_bytes()));
    assert_eq!(written("\0\u{b}"), document(&[0x0b]));
    assert_eq!(written(""), document(&[0x0b]));
}

#[test]
fn the_writer_uses_the_shortest_form() {
    let mut w = Writer::new();
    w.open(tag::air_sync::SYNC);
    w.open(tag::air_sync::COLLECTIONS);
    w.close();
    w.empty(tag::air_sync_base::BODY);
    w.int(tag::air_sync_base::TYPE, -12);
    w.opaque(tag::air_sync_base::DATA, &[0; 200]);
    let expected = [&[0x45, 0x1c, 0, 17, 0x0a, 0x46, 3, b'-', b'1', b'2', 0, 1, 0x4b, 0xc3, 0x81, 0x48], &[0; 200][..]];
    assert_eq!(w.finish(), document(&[expected.concat(), vec![1, 1]].concat()));
    let mut w = Writer::new();
    w.close();
    w.text_piece("nowhere");
    w.opaque_piece(b"nowhere");
    assert!(w.is_empty() && w.finish().is_empty());
}

#[test]
fn numbers_of_all_lengths_come_back() {
    for length in [1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152] {
        let mut w = Writer::new();
        let bytes = vec![7; length];
        w.opaque(tag::air_sync::SYNC, &bytes);
        let document = w.finish();
        let mut r = Reader::new(&document).unwrap();
        r.root().unwrap();
        assert_eq!(r.bytes().unwrap(), bytes);
    }
}

#[test]
fn every_tag_is_found_by_its_name() {
    let mut count = 0;
    for (page, token) in (0..=255).flat_map(|page| (0..=255).map(move |token| (page, token))) {
        if let Some(tag) = Tag::known(page, token) {
            assert_eq!(Tag::by_name(tag.namespace(), tag.name()), Some(tag));
            assert!(!tag.name().is_empty() && (5..64).contains(&token));
            count += 1;
        }
    }
    assert_eq!(count, 656);
    assert!(tag::contacts::PICTURE.name() == "Picture" && tag::compose_mail::MIME.is_byte_array());
}

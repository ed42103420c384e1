//! Any bytes: the reader answers with events or with an error inside the document, the same by every way of reading, and
//! what it accepts survives the readable form.

#![no_main]

use horde_eas::wbxml::{
    Error, Event, Reader, Tag,
    xml::{decode_to_xml, encode_from_xml},
};
use libfuzzer_sys::fuzz_target;

/// Elements only: the writer may drop characters and join pieces.
fn elements(document: &[u8]) -> Result<Vec<Option<Tag>>, Error> {
    let mut reader = Reader::new(document)?;
    let mut all = Vec::new();
    while let Some(event) = reader.next_event()? {
        match event {
            Event::Start(tag) => all.push(Some(tag)),
            Event::End(_) => all.push(None),
            Event::Text(text) => assert!(!text.is_empty()),
            Event::Opaque(bytes) => assert!(!bytes.is_empty()),
        }
    }
    reader.finish()?;
    Ok(all)
}

fn by_element(document: &[u8]) -> Result<(), Error> {
    let mut reader = Reader::new(document)?;
    reader.root()?;
    let (mut open, mut count) = (1, 0);
    while open > 0 {
        count += 1;
        match reader.child()? {
            Some(_) if count % 4 == 0 => drop(reader.bytes()?),
            Some(_) if count % 5 == 0 => reader.skip()?,
            Some(_) => open += 1,
            None => open -= 1,
        }
    }
    reader.finish()
}

fuzz_target!(|document: &[u8]| {
    let elements_of_it = elements(document);
    assert_eq!(elements_of_it.is_ok(), by_element(document).is_ok());
    let xml = decode_to_xml(document);
    assert_eq!(elements_of_it.as_ref().err(), xml.as_ref().err());
    match (elements_of_it, xml) {
        (Ok(expected), Ok(xml)) => {
            let again = encode_from_xml(&xml).expect("the readable form is well-formed");
            assert_eq!(elements(&again).expect("what is written is sound"), expected);
        }
        (Err(error), _) | (_, Err(error)) => assert!(error.offset <= document.len()),
    }
});

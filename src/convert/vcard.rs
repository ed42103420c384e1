//! The two things that Horde tells of a contact in a vCard only: photo and categories. Reading is calcard's; the one property that is
//! written this way (the photo) needs no writer.

use base64::{Engine, prelude::BASE64_STANDARD};
use calcard::{
    Entry, Parser,
    vcard::{VCardProperty, VCardValue},
};

/// What a vCard holds beyond the fields that Horde gives in plain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extras {
    /// Value of UID.
    pub uid: Option<String>,
    /// Bytes of PHOTO as they are stored; an address of a photo counts as none.
    pub photo: Option<Vec<u8>>,
    /// Values of CATEGORIES, in the order of the card.
    pub categories: Vec<String>,
}

/// Reads the first vCard in `text`; `None` when there is none.
pub fn extras(text: &str) -> Option<Extras> {
    let mut parser = Parser::new(text);
    let card = loop {
        match parser.entry() {
            Entry::VCard(card) => break card,
            Entry::InvalidLine(_) => {}
            _ => return None,
        }
    };
    let mut extras = Extras::default();
    for entry in card.entries {
        match entry.name {
            VCardProperty::Uid => extras.uid = entry.values.into_iter().find_map(text_of),
            VCardProperty::Photo => {
                extras.photo = extras.photo.take().or_else(|| entry.values.into_iter().find_map(bytes_of));
            }
            VCardProperty::Categories => extras.categories.extend(entry.values.into_iter().filter_map(text_of)),
            _ => {}
        }
    }
    Some(extras)
}

fn text_of(value: VCardValue) -> Option<String> {
    match value {
        VCardValue::Text(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        VCardValue::Component(parts) => text_of(VCardValue::Text(parts.join(","))),
        // A category may look like a number or a truth value to the parser.
        VCardValue::Integer(n) => Some(n.to_string()),
        VCardValue::Float(n) => Some(n.to_string()),
        VCardValue::Boolean(b) => Some(b.to_string()),
        _ => None,
    }
}

fn bytes_of(value: VCardValue) -> Option<Vec<u8>> {
    match value {
        VCardValue::Binary(data) if !data.data.is_empty() => Some(data.data),
        VCardValue::Text(text) => {
            let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
            BASE64_STANDARD.decode(text).ok().filter(|bytes| !bytes.is_empty())
        }
        _ => None,
    }
}

/// A vCard that holds nothing but a photo. Horde merges it into the contact: everything else stays.
pub fn photo_card(photo: &[u8]) -> String {
    let kind = match photo {
        [0x89, b'P', b'N', b'G', ..] => "PNG",
        [b'G', b'I', b'F', b'8', ..] => "GIF",
        [b'B', b'M', ..] => "BMP",
        _ => "JPEG",
    };
    let data = BASE64_STANDARD.encode(photo);
    format!("BEGIN:VCARD\r\nVERSION:3.0\r\nPHOTO;ENCODING=b;TYPE={kind}:{data}\r\nEND:VCARD\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn photo_and_categories_of_a_horde_card() {
        let card = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:20261124.x@127.0.0.1\r\nPHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQ\r\n SkZJRgAB\r\n\
                    CATEGORIES:Büro,A\\,B,7,true\r\nN:\\;\\;\\;\\;\\;\\;\r\nFN:\r\nEND:VCARD\r\n\n";
        let extras = extras(card).unwrap();
        assert_eq!(extras.uid.as_deref(), Some("20261124.x@127.0.0.1"));
        assert_eq!(extras.photo.as_deref(), Some(&b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01"[..]));
        assert_eq!(extras.categories, ["Büro", "A,B", "7", "true"]);
    }

    #[test]
    fn a_written_photo_is_read_back() {
        let photo: Vec<u8> = (0..=255).cycle().take(20_000).collect();
        assert_eq!(extras(&photo_card(&photo)).unwrap().photo.as_deref(), Some(&photo[..]));
    }

    #[test]
    fn a_card_without_either_has_none() {
        let extras =
            extras("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:\r\nPHOTO;VALUE=uri:http://example.test/a b\r\nEND:VCARD\r\n")
                .unwrap();
        assert_eq!((extras.photo, extras.categories.len()), (None, 0));
    }

    #[test]
    fn text_that_is_no_card_gives_nothing() {
        assert_eq!(extras("A fatal error has occurred"), None);
        assert_eq!(extras(""), None);
    }
}

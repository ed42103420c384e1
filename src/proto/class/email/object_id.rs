//! GlobalObjId (MS-ASEMAIL 2.2.2.37): the uid of a meeting as Outlook's programs name it.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::super::value;

/// How every such id begins.
const CLASS_ID: [u8; 16] = [4, 0, 0, 0, 0x82, 0, 0xe0, 0, 0x74, 0xc5, 0xb7, 0x10, 0x1a, 0x82, 0xe0, 8];

/// What stands before a uid that is no such id itself: the name of the form, version 1.
const FOREIGN: [u8; 12] = *b"vCal-Uid\x01\0\0\0";

/// Shortest uid that is such an id in hexadecimal digits: all but its data, bytes.
const SHORTEST: usize = 40;

/// The base64 text for a uid, and for the occurrence that starts at `instance` (a date in any form) if one is meant.
pub(in super::super) fn object_id(uid: &str, instance: Option<&str>) -> String {
    let mut id = outlook(uid).unwrap_or_else(|| foreign(uid));
    let date = instance.and_then(value::civil).and_then(|start| {
        let [high, low] = u16::try_from(start.year()).ok()?.to_be_bytes();
        Some([high, low, u8::try_from(start.month()).ok()?, u8::try_from(start.day()).ok()?])
    });
    if let Some(place) = id.get_mut(16..20) {
        place.copy_from_slice(&date.unwrap_or_default());
    }
    STANDARD.encode(id)
}

/// The bytes of a uid that is such an id in hexadecimal digits.
fn outlook(uid: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = uid.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes: Option<Vec<u8>> = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    bytes.filter(|bytes| rest.is_empty() && bytes.len() >= SHORTEST && bytes.starts_with(&CLASS_ID))
}

fn foreign(uid: &str) -> Vec<u8> {
    let data = [&FOREIGN[..], uid.as_bytes(), &[0]].concat();
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes();
    // No occurrence, no time of creation, reserved.
    [&CLASS_ID[..], &[0; 20], &length, &data].concat()
}

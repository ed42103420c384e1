//! The uid of an event: phones choose one when they add it, and never change it.

use super::{Class, Patch, Properties, Value};
use crate::wbxml::tag::calendar as c;

/// Longest uid that is taken from a phone, bytes (what Horde's tables hold).
const LONGEST: usize = 255;

/// Takes out of an Add what it says of the uid (UID up to 14.1, ClientUid from 16.0 on); gives it if it can be one.
pub fn wished_uid(item: &mut Properties) -> Option<String> {
    let wishes = [item.0.remove(&c::UID), item.0.remove(&c::CLIENT_UID)];
    wishes.into_iter().flatten().find_map(|wish| match wish {
        Value::Text(text) => sane(&text),
        _ => None,
    })
}

/// Some phones end uids with NUL.
fn sane(text: &str) -> Option<String> {
    let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    let sane = !text.is_empty() && text.len() <= LONGEST && !text.chars().any(char::is_control);
    sane.then(|| text.to_owned())
}

/// The item with the uid that it got, where the class shows one.
pub fn with_uid(class: Class, mut item: Properties, uid: &str) -> Properties {
    if class == Class::Calendar {
        item.set_text(c::UID, uid);
    }
    item
}

/// Takes out of a Change what it says of the uid.
pub fn without_uid(mut patch: Patch) -> Patch {
    let is_uid = |tag: &crate::wbxml::Tag| *tag == c::UID || *tag == c::CLIENT_UID;
    patch.set.0.retain(|tag, _| !is_uid(tag));
    patch.clear.retain(|tag| !is_uid(tag));
    patch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_that_phones_wish() {
        let long = "x".repeat(256);
        for (uid, client_uid, expected) in [
            ("a@b", "", Some("a@b")),
            (" 040000008200E0\0", "", Some("040000008200E0")),
            ("", "{F4C1}", Some("{F4C1}")),
            ("a\nb", "c", Some("c")),
            (&long, "", None),
            ("\u{85}", "", None),
            ("", "", None),
        ] {
            let mut item = Properties::default();
            item.set_text(c::UID, uid);
            item.set_text(c::CLIENT_UID, client_uid);
            item.set_text(c::SUBJECT, "s");
            assert_eq!(wished_uid(&mut item).as_deref(), expected, "{uid:?}");
            assert_eq!(item.0.len(), 1);
            assert_eq!(with_uid(Class::Tasks, item.clone(), "u"), item);
            assert_eq!(with_uid(Class::Calendar, item, "u").text(c::UID), Some("u"));
        }
    }
}

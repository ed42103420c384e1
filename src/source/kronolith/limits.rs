//! What Kronolith's columns take. The whole is kept beside.

use super::Kronolith;
use crate::{
    proto::class::{Body, BodyKind, Properties, Value},
    wbxml::{
        Tag,
        tag::{air_sync_base as b, calendar as c},
    },
};

/// Characters of a title, and of a tag.
const SHORT: usize = 255;
/// Bytes of a description, with some room for line ends.
const LONG: usize = 60_000;

/// What becomes of a text.
type Turn = fn(&str) -> String;

/// The event as Kronolith can take it.
pub(super) fn fit(item: &Properties) -> Properties {
    let mut item = item.clone();
    for_texts(&mut item, &|tag, text| {
        if tag == c::SUBJECT || tag == c::CATEGORIES { start(text, SHORT) } else { text.to_owned() }
    });
    plain(&mut item);
    if let Some(Value::Groups(exceptions)) = item.0.get_mut(&c::EXCEPTIONS) {
        exceptions.iter_mut().for_each(plain);
    }
    item
}

/// Without the characters outside the Basic Multilingual Plane, which MySQL's three-byte `utf8` refuses; `None` when there are none.
pub(super) fn without_rare(item: &Properties) -> Option<Properties> {
    const POORER: Turn = |text| text.chars().map(|c| if u32::from(c) > 0xffff { '\u{fffd}' } else { c }).collect();
    let mut poorer = item.clone();
    for_texts(&mut poorer, &|_, text| POORER(text));
    (poorer != *item).then_some(poorer)
}

impl Kronolith {
    /// Whether a text can be a uid: the column has 255 bytes.
    pub(super) fn is_sane(uid: &str) -> bool {
        !uid.is_empty() && uid.len() <= SHORT && !uid.chars().any(char::is_control)
    }
}

fn start(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

/// Bodies as plain text, no longer than the column.
fn plain(item: &mut Properties) {
    let Some(Value::Body(body)) = item.0.get_mut(&b::BODY) else { return };
    let mut text = match body.kind {
        BodyKind::Html => crate::convert::html::plain(&body.data),
        _ => std::mem::take(&mut body.data),
    };
    let mut end = LONG.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    *body = Body { kind: BodyKind::Plain, data: text };
}

fn for_texts(item: &mut Properties, turn: &dyn Fn(Tag, &str) -> String) {
    for (tag, value) in &mut item.0 {
        match value {
            Value::Text(text) => *text = turn(*tag, text),
            Value::List(list) => list.iter_mut().for_each(|text| *text = turn(*tag, text)),
            Value::Body(body) => body.data = turn(*tag, &body.data),
            Value::Group(group) => for_texts(group, turn),
            Value::Groups(groups) => groups.iter_mut().for_each(|group| for_texts(group, turn)),
            Value::Bytes(_) | Value::Content(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_rare_texts() {
        let mut item = Properties::default();
        item.set_text(c::SUBJECT, "ü".repeat(300));
        item.0.insert(b::BODY, Value::Body(Body { kind: BodyKind::Html, data: "<b>x</b>".into() }));
        let mut exception = Properties::default();
        exception.set_text(c::SUBJECT, "😀".repeat(300));
        item.0.insert(c::EXCEPTIONS, Value::Groups(vec![exception]));
        let fitted = fit(&item);
        assert_eq!(fitted.text(c::SUBJECT).map(|s| s.chars().count()), Some(255));
        assert_eq!(fitted.0[&b::BODY], Value::Body(Body { kind: BodyKind::Plain, data: "x".into() }));
        assert_eq!(fitted.groups(c::EXCEPTIONS)[0].text(c::SUBJECT).map(|s| s.chars().count()), Some(255));
        assert!(without_rare(&fitted).is_some_and(|poorer| without_rare(&poorer).is_none()));
        assert!(!Kronolith::is_sane("a\nb") && !Kronolith::is_sane(&"u".repeat(256)) && Kronolith::is_sane("a b@c"));
    }
}

//! Texts on their way into a column of a database and back.

use serde_json::{Value as Json, json};

use crate::{
    convert::html,
    proto::class::{Body, BodyKind, Properties, Value},
    wbxml::Tag,
};

/// How much a column takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) enum Limit {
    /// `varchar`: so many characters.
    Characters(usize),
    /// `text`: so many bytes of UTF-8.
    Bytes(usize),
}

/// Cuts at a character boundary; never between CR and LF.
pub(in crate::source) fn cut(text: &str, limit: Limit) -> &str {
    let end = match limit {
        Limit::Characters(n) => text.char_indices().nth(n).map_or(text.len(), |(at, _)| at),
        Limit::Bytes(n) if text.len() <= n => text.len(),
        Limit::Bytes(n) => (0..=n).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0),
    };
    let head = text.get(..end).unwrap_or_default();
    if end < text.len() { head.trim_end_matches('\r') } else { head }
}

/// Takes out control characters, which neither a database nor XML can be trusted with.
pub(in crate::source) fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\t' | '\r' | '\n')).collect()
}

/// The text with the line ends that phones have, whichever it had.
pub(in crate::source) fn with_crlf(text: &str) -> String {
    with_lf(text).replace('\n', "\r\n")
}

/// The text with bare line feeds.
pub(in crate::source) fn with_lf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// Takes off the white space around.
pub(in crate::source) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}

/// Trimmed, not empty, each once, in one order.
pub(in crate::source) fn sorted(list: impl Iterator<Item = String>) -> Vec<String> {
    let mut list: Vec<_> = list.map(|s| trim(&s).to_owned()).filter(|s| !s.is_empty()).collect();
    list.sort_by_cached_key(|s| (s.to_lowercase(), s.clone()));
    list.dedup();
    list
}

/// The text or list with U+FFFD for each character beyond U+FFFF; `None` when there is none.
pub(in crate::source) fn without_rare(field: &Json) -> Option<Json> {
    let poorer = |s: &str| s.chars().map(|c| if u32::from(c) > 0xffff { '\u{fffd}' } else { c }).collect::<String>();
    let new = match field {
        Json::String(text) => json!(poorer(text)),
        Json::Array(list) => json!(list.iter().filter_map(Json::as_str).map(poorer).collect::<Vec<_>>()),
        _ => return None,
    };
    (new != *field).then_some(new)
}

/// A body as Horde has it: plain text with bare line feeds.
pub(in crate::source) fn text_of(body: Option<&Value>) -> String {
    match body {
        Some(Value::Body(Body { kind: BodyKind::Html, data })) => with_lf(&html::plain(data)),
        Some(Value::Body(body)) => with_lf(&body.data),
        _ => String::new(),
    }
}

/// A text of Horde as a body; `None`: it is empty.
pub(in crate::source) fn body_of(text: &str) -> Option<Value> {
    let data = with_crlf(&printable(text));
    (!data.is_empty()).then_some(Value::Body(Body { kind: BodyKind::Plain, data }))
}

/// The body that was sent, in the one form in which bodies are compared and kept. HTML stays HTML; a phone that got its plain text and sends
/// that back has not changed it.
pub(in crate::source) fn settled_body(sent: Option<&Value>, seen: Option<&Value>) -> Option<Value> {
    let plain = body_of(&text_of(sent));
    match sent {
        Some(Value::Body(Body { kind: BodyKind::Html, data })) if plain.is_some() => {
            Some(Value::Body(Body { kind: BodyKind::Html, data: printable(data) }))
        }
        _ if plain == body_of(&text_of(seen)) => seen.cloned(),
        _ => plain,
    }
}

/// Categories; `None`: there are none.
pub(in crate::source) fn list_of(tags: Vec<String>) -> Option<Value> {
    (!tags.is_empty()).then_some(Value::List(tags))
}

/// Sets a property, or takes it away.
pub(in crate::source) fn put(item: &mut Properties, tag: Tag, value: Option<Value>) {
    match value {
        Some(value) => item.0.insert(tag, value),
        None => item.0.remove(&tag),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_at_characters_and_never_inside_a_line_end() {
        assert_eq!(cut("äöü", Limit::Characters(2)), "äö");
        assert_eq!(cut("äöü", Limit::Characters(3)), "äöü");
        assert_eq!(cut("äöü", Limit::Bytes(3)), "ä");
        assert_eq!(cut("ab\r\ncd", Limit::Bytes(3)), "ab");
        assert_eq!(cut("ab\r", Limit::Bytes(3)), "ab\r");
    }

    #[test]
    fn html_stays_until_its_text_is_changed() {
        let html = Value::Body(Body { kind: BodyKind::Html, data: "<b>a</b><br>b".into() });
        let plain = |text: &str| body_of(text).unwrap();
        assert_eq!(settled_body(Some(&html), None), Some(html.clone()));
        assert_eq!(settled_body(Some(&plain("a\nb")), Some(&html)), Some(html.clone()));
        assert_eq!(settled_body(Some(&plain("a\nc")), Some(&html)), Some(plain("a\nc")));
        assert_eq!(settled_body(None, Some(&html)), None);
        let empty = Value::Body(Body { kind: BodyKind::Html, data: "<p></p>".into() });
        assert_eq!(settled_body(Some(&empty), None), None);
        assert_eq!(text_of(Some(&html)), "a\nb");
    }
}

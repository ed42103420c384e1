//! Properties that Horde has no place for, as they are kept beside it ([`crate::state::Beside`]): a property and what Horde had of it at
//! that time. As soon as Horde has something else, somebody changed it on the web, and that wins.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use crate::{
    proto::class::{Body, BodyKind, Properties, Value},
    wbxml::Tag,
};

/// Most bytes that are kept for one item.
const MOST: usize = 200 << 10;
/// Longest value of Horde that is kept as it is, bytes of JSON.
const LONG: usize = 1 << 10;
/// Deepest nesting of containers that is read back.
const DEEPEST: u8 = 6;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    /// The value as the phone sent it.
    whole: Json,
    /// What Horde had in its place, or the digest of it when that is long; null = nothing.
    horde: Json,
}

/// What is kept for one item, by name of the property ("Calendar:BusyStatus").
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kept {
    entries: BTreeMap<String, Entry>,
}

impl Kept {
    /// What the store had; nothing when it had nothing that can be read.
    pub fn read(stored: Option<Json>) -> Self {
        stored.and_then(|json| serde_json::from_value(json).ok()).unwrap_or_default()
    }

    /// For the store; `None` = nothing to keep. What does not fit is dropped, the largest first, with a line in the log.
    pub fn write(&self, uid: &str) -> Option<Json> {
        let mut kept = self.clone();
        loop {
            let json = serde_json::to_value(&kept).unwrap_or_default();
            if kept.entries.is_empty() || json.to_string().len() <= MOST {
                return (!kept.entries.is_empty()).then_some(json);
            }
            let largest = kept.entries.iter().max_by_key(|(_, e)| e.whole.to_string().len()).map(|(k, _)| k.clone())?;
            log::warn!("item {uid}: {largest} is too long to be kept whole; only what Horde takes of it remains");
            kept.entries.remove(&largest);
        }
    }

    /// Keeps what should be there where it is not what Horde has, for these properties; the others stay as they were. `wanted` and
    /// `horde` are the whole item, as phones are to see it and as Horde gives it.
    pub fn note(&mut self, tags: impl IntoIterator<Item = Tag>, wanted: &Properties, horde: &Properties) {
        for tag in tags {
            let (whole, there) = (wanted.0.get(&tag), horde.0.get(&tag));
            if whole == there {
                self.entries.remove(&name(tag));
            } else {
                self.entries.insert(name(tag), Entry { whole: encode(whole), horde: mark(there) });
            }
        }
    }

    /// The item as phones see it: what Horde has, with the kept values where they still count.
    pub fn merge(&self, horde: &Properties) -> Properties {
        let mut item = horde.clone();
        for (name, entry) in &self.entries {
            let Some(tag) = tag(name).filter(|tag| entry.horde == mark(horde.0.get(tag))) else { continue };
            match decode(&entry.whole, DEEPEST) {
                Some(value) => item.0.insert(tag, value),
                None => item.0.remove(&tag),
            };
        }
        item
    }

    /// Forgets what does not count any more for an item that Horde has like that.
    pub fn tidy(&mut self, horde: &Properties) {
        self.entries.retain(|name, entry| tag(name).is_some_and(|tag| entry.horde == mark(horde.0.get(&tag))));
    }
}

fn name(tag: Tag) -> String {
    format!("{}:{}", tag.namespace(), tag.name())
}

fn tag(name: &str) -> Option<Tag> {
    let (namespace, name) = name.split_once(':')?;
    Tag::by_name(namespace, name)
}

/// What a value of Horde is recognised by.
fn mark(value: Option<&Value>) -> Json {
    let json = encode(value);
    let text = json.to_string();
    if text.len() <= LONG {
        return json;
    }
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    json!({ "sha256": BASE64_STANDARD.encode(digest) })
}

fn encode(value: Option<&Value>) -> Json {
    match value {
        // Mails keep nothing beside.
        None | Some(Value::Content(_)) => Json::Null,
        Some(Value::Text(text)) => json!(text),
        Some(Value::List(list)) => json!({ "list": list }),
        Some(Value::Body(body)) => json!({ "body": body.data, "type": body.kind as u8 }),
        Some(Value::Bytes(bytes)) => json!({ "base64": BASE64_STANDARD.encode(bytes) }),
        Some(Value::Group(group)) => json!({ "group": encode_group(group) }),
        Some(Value::Groups(groups)) => json!({ "groups": groups.iter().map(encode_group).collect::<Vec<_>>() }),
    }
}

fn encode_group(group: &Properties) -> Json {
    Json::Object(group.0.iter().map(|(tag, value)| (name(*tag), encode(Some(value)))).collect())
}

fn decode(json: &Json, depth: u8) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    let map = match json {
        Json::String(text) => return Some(Value::Text(text.clone())),
        json => json.as_object()?,
    };
    let (form, value) = map.iter().find(|(form, _)| *form != "type")?;
    Some(match form.as_str() {
        "list" => Value::List(value.as_array()?.iter().filter_map(Json::as_str).map(str::to_owned).collect()),
        "body" => {
            let kind = map.get("type").and_then(|kind| BodyKind::parse(&kind.to_string())).unwrap_or_default();
            Value::Body(Body { kind, data: value.as_str()?.to_owned() })
        }
        "base64" => Value::Bytes(BASE64_STANDARD.decode(value.as_str()?).ok()?),
        "group" => Value::Group(decode_group(value.as_object()?, depth)),
        "groups" => {
            let groups = value.as_array()?.iter().filter_map(Json::as_object);
            Value::Groups(groups.map(|group| decode_group(group, depth)).collect())
        }
        _ => return None,
    })
}

fn decode_group(map: &Map<String, Json>, depth: u8) -> Properties {
    Properties(map.iter().filter_map(|(name, json)| Some((tag(name)?, decode(json, depth)?))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wbxml::tag::{air_sync_base as b, calendar as c};

    fn item() -> Properties {
        let mut attendee = Properties::default();
        attendee.set_text(c::EMAIL, "bob@example.org");
        let mut item = Properties::default();
        item.set_text(c::BUSY_STATUS, "0");
        item.0.insert(c::CATEGORIES, Value::List(vec!["a".into(), "b".into()]));
        item.0.insert(c::ATTENDEES, Value::Groups(vec![attendee.clone()]));
        item.0.insert(c::RECURRENCE, Value::Group(attendee));
        item.0.insert(b::BODY, Value::Body(Body { kind: BodyKind::Html, data: "<b>x</b>".into() }));
        item
    }

    #[test]
    fn what_horde_loses_comes_back_until_the_web_changes_it() {
        let mut horde = Properties::default();
        horde.set_text(c::BUSY_STATUS, "2");
        let mut kept = Kept::default();
        kept.note(item().0.into_keys().chain([c::SUBJECT]), &item(), &horde);
        let mut kept = Kept::read(kept.write("x"));
        assert_eq!(kept.merge(&horde), item());
        horde.set_text(c::BUSY_STATUS, "3");
        assert_eq!(kept.merge(&horde).text(c::BUSY_STATUS), Some("3"));
        kept.tidy(&horde);
        horde.set_text(c::BUSY_STATUS, "2");
        assert_eq!(kept.merge(&horde).text(c::BUSY_STATUS), Some("2"), "an old value does not come back");
    }

    #[test]
    fn what_was_emptied_although_horde_still_has_it_stays_empty() {
        let mut horde = Properties::default();
        horde.set_text(c::REMINDER, "15");
        let mut kept = Kept::default();
        kept.note([c::REMINDER], &Properties::default(), &horde);
        assert_eq!(Kept::read(kept.write("x")).merge(&horde), Properties::default());
    }

    #[test]
    fn what_cannot_be_read_is_nothing() {
        for stored in [json!(7), json!({"x": 1}), json!({"Calendar:Nope": {"whole": "a", "horde": null}})] {
            assert_eq!(Kept::read(Some(stored)).merge(&Properties::default()), Properties::default());
        }
    }
}

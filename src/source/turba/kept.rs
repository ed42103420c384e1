//! What is kept beside Horde for a contact: each property with its whole value and with what Horde gave back for it at that time. As
//! long as Horde still gives that, the whole value counts; anything else means that the web side changed it, and the web side wins.
//! For a property without a place in Horde that is "nothing", so that its value counts until such a place appears and is filled.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{
    table::{Kind, Layout, RULES, Rule, rule_of},
    value::{canonical, file_as, from_field, to_field},
};
use crate::{
    proto::class::{Body, BodyKind, Patch, Properties, Value},
    source::app::text::without_rare,
    wbxml::{Tag, tag::contacts as c},
};

/// Most bytes that are kept for a contact (the store takes 256 KiB).
const MOST: usize = 240 * 1024;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    whole: Json,
    #[serde(default, skip_serializing_if = "Json::is_null")]
    horde: Json,
}

/// The kept properties of one contact.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    properties: BTreeMap<String, Entry>,
}

/// What has to be done with the photo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Photo {
    Leave,
    Set(Vec<u8>),
    Clear,
}

/// A change, worked out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    /// Fields for Horde; empty = nothing to write there.
    pub(super) fields: serde_json::Map<String, Json>,
    pub(super) photo: Photo,
    pub(super) kept: Kept,
    /// What Horde will give back when it has done as told.
    pub(super) after: Properties,
}

impl Kept {
    /// As the store gives it. What cannot be understood is an error: taking it for nothing would lose it at the next write.
    pub(super) fn read(value: Json) -> Result<Self, String> {
        serde_json::from_value(value).map_err(|e| format!("what is kept beside Horde cannot be read: {e}"))
    }

    /// For the store; `None` = nothing to keep. What does not fit is dropped, the largest first, with a line in the log.
    pub(super) fn write(&self, uid: &str) -> Option<Json> {
        let mut kept = self.clone();
        loop {
            let value = serde_json::to_value(&kept).unwrap_or_default();
            if kept.properties.is_empty() || value.to_string().len() <= MOST {
                return (!kept.properties.is_empty()).then_some(value);
            }
            let largest =
                kept.properties.iter().max_by_key(|(_, e)| e.whole.to_string().len()).map(|(k, _)| k.clone())?;
            log::warn!("contact {uid}: {largest} is too long to be kept whole; only what Horde takes of it remains");
            kept.properties.remove(&largest);
        }
    }

    /// A contact as the phones see it: what Horde has, with the kept values where they still count, and with a "file as" if anything
    /// names the contact.
    pub(super) fn merge(&self, horde: &Properties) -> Properties {
        let mut item = horde.clone();
        for (name, entry) in self.properties.iter().filter(|(name, _)| **name != name_of(c::FILE_AS)) {
            let Some(rule) = rule_by_name(name) else { continue };
            if let Some(value) = decode(rule, &entry.whole)
                && entry.horde == encode(horde.0.get(&rule.tag))
            {
                item.0.insert(rule.tag, value);
            }
        }
        if !item.0.contains_key(&c::FILE_AS) {
            item.set_text(c::FILE_AS, file_as(&item));
        }
        if let (Some(rule), Some(entry)) = (rule_of(c::FILE_AS), self.properties.get(&name_of(c::FILE_AS)))
            && entry.horde == encode(item.0.get(&c::FILE_AS))
            && let Some(value) = decode(rule, &entry.whole)
        {
            item.0.insert(c::FILE_AS, value);
        }
        item
    }

    /// Forgets what does not count any more for a contact that Horde has like that.
    fn tidy(&mut self, horde: &Properties) {
        let mut plain = self.clone();
        plain.remove(c::FILE_AS);
        let mut there = horde.clone();
        there.0.extend(plain.merge(horde).0.remove_entry(&c::FILE_AS));
        self.properties
            .retain(|name, entry| rule_by_name(name).is_some_and(|rule| entry.horde == encode(there.0.get(&rule.tag))));
    }

    fn set(&mut self, tag: Tag, whole: &Value, horde: Option<&Value>) {
        self.properties.insert(name_of(tag), Entry { whole: encode(Some(whole)), horde: encode(horde) });
    }

    fn remove(&mut self, tag: Tag) {
        self.properties.remove(&name_of(tag));
    }
}

/// Works out what a patch means for a contact of which Horde has `now` (nothing for a new one).
pub(super) fn plan(layout: &Layout, now: &Properties, kept: &Kept, patch: &Patch) -> Plan {
    let seen = kept.merge(now);
    let mut plan = Plan { fields: serde_json::Map::new(), photo: Photo::Leave, kept: kept.clone(), after: now.clone() };
    for rule in RULES.iter().filter(|rule| rule.kind != Kind::FileAs) {
        let value = match (patch.set.0.get(&rule.tag), patch.clear.contains(&rule.tag)) {
            (Some(value), _) => canonical(rule, value),
            (None, true) => None,
            (None, false) => continue,
        };
        // What a phone sends back as it got it is not written: the form that Horde has may hold more (a second address in a field).
        if value.as_ref() != seen.0.get(&rule.tag) || (rule.kind == Kind::Picture && value.is_none()) {
            plan.put(layout, rule, value);
        }
    }
    plan.name(layout, &seen, patch);
    plan.kept.tidy(&plan.after);
    plan
}

impl Plan {
    /// Replaces the characters outside the Basic Multilingual Plane, which MySQL's three-byte `utf8` refuses; says whether there were
    /// any. The whole is kept beside.
    pub(super) fn lose_rare_characters(&mut self, layout: &Layout) -> bool {
        let seen = self.kept.merge(&self.after);
        let mut any = false;
        for rule in RULES {
            let Some(column) = layout.column(rule.tag) else { continue };
            let Some(field) = self.fields.get_mut(column.field) else { continue };
            let Some(poorer) = without_rare(field) else { continue };
            any = true;
            let back = from_field(rule, column, &poorer);
            *field = poorer;
            if let Some(whole) = seen.0.get(&rule.tag) {
                self.kept.set(rule.tag, whole, back.as_ref());
            }
            if let Some(back) = back {
                self.after.0.insert(rule.tag, back);
            }
        }
        any
    }

    fn put(&mut self, layout: &Layout, rule: &Rule, value: Option<Value>) {
        let tag = rule.tag;
        let back = match (layout.column(tag), &value) {
            (None, _) => None,
            (Some(_), value) if rule.kind == Kind::Picture => {
                self.photo = match value {
                    Some(Value::Bytes(bytes)) => Photo::Set(bytes.clone()),
                    _ => Photo::Clear,
                };
                value.clone()
            }
            (Some(column), Some(value)) => {
                let field = to_field(rule, column, value);
                let back = from_field(rule, column, &field);
                self.fields.insert(column.field.to_owned(), field);
                back
            }
            (Some(column), None) => {
                let empty = if rule.kind == Kind::Tags { json!([]) } else { json!("") };
                self.fields.insert(column.field.to_owned(), empty);
                None
            }
        };
        match &value {
            Some(whole) if back.as_ref() != Some(whole) => self.kept.set(tag, whole, back.as_ref()),
            _ => self.kept.remove(tag),
        }
        match back {
            Some(back) => self.after.0.insert(tag, back),
            None => self.after.0.remove(&tag),
        };
    }

    /// "File as" comes last: it follows from the name as it is after the change, unless the phone says otherwise. A phone that sends the
    /// old "file as" along with a new name means it only if it was not the one that followed from the old name.
    fn name(&mut self, layout: &Layout, seen: &Properties, patch: &Patch) {
        let Some(rule) = rule_of(c::FILE_AS) else { return };
        let old = seen.text(c::FILE_AS).unwrap_or_default().to_owned();
        let followed = old == file_as(seen);
        let derived = file_as(&self.kept.merge(&self.after));
        let sent = match patch.set.0.get(&c::FILE_AS).and_then(|value| canonical(rule, value)) {
            Some(Value::Text(text)) if !(followed && text == old) => Some(text),
            _ => None,
        };
        let mentioned = patch.set.0.contains_key(&c::FILE_AS) || patch.clear.contains(&c::FILE_AS);
        match layout.column(c::FILE_AS) {
            None => match sent.filter(|text| *text != derived) {
                Some(text) => {
                    let horde = (!derived.is_empty()).then_some(Value::Text(derived));
                    self.kept.set(c::FILE_AS, &Value::Text(text), horde.as_ref());
                }
                None if mentioned => self.kept.remove(c::FILE_AS),
                None => {}
            },
            Some(_) => {
                let text = sent.unwrap_or_else(|| if mentioned || followed { derived } else { old.clone() });
                if text != old {
                    self.put(layout, rule, (!text.is_empty()).then_some(Value::Text(text)));
                }
            }
        }
    }
}

fn name_of(tag: Tag) -> String {
    format!("{}:{}", tag.namespace(), tag.name())
}

fn rule_by_name(name: &str) -> Option<&'static Rule> {
    let (namespace, name) = name.split_once(':')?;
    rule_of(Tag::by_name(namespace, name)?)
}

fn encode(value: Option<&Value>) -> Json {
    match value {
        // Contacts have no containers.
        None | Some(Value::Group(_) | Value::Groups(_) | Value::Content(_)) => Json::Null,
        Some(Value::Text(text)) => json!(text),
        Some(Value::List(list)) => json!(list),
        Some(Value::Body(body)) => json!(body.data),
        // Horde's own photo is told from another by its presence: it is never kept beside where Horde has a place for it.
        Some(Value::Bytes(bytes)) => json!({ "base64": BASE64_STANDARD.encode(bytes) }),
    }
}

fn decode(rule: &Rule, json: &Json) -> Option<Value> {
    Some(match (rule.kind, json) {
        (Kind::Notes, Json::String(data)) => Value::Body(Body { kind: BodyKind::Plain, data: data.clone() }),
        (Kind::Picture, json) => Value::Bytes(BASE64_STANDARD.decode(json.get("base64")?.as_str()?).ok()?),
        (Kind::Tags | Kind::List, Json::Array(list)) => {
            Value::List(list.iter().filter_map(Json::as_str).map(str::to_owned).collect())
        }
        (_, Json::String(text)) => Value::Text(text.clone()),
        _ => return None,
    })
}

//! Writing items by their tables.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    super::Version,
    Body, BodyKind, Class, Content, Properties, Value, View, email,
    table::{self, Kind, Legacy, Property, Table},
    value,
};
use crate::wbxml::{
    Tag, Writer,
    tag::{
        air_sync::APPLICATION_DATA,
        air_sync_base::{
            ADD, ATTACHMENT, BODY, BODY_PART, DATA, DELETE, ESTIMATED_DATA_SIZE, NATIVE_BODY_TYPE, PREVIEW, STATUS,
            TRUNCATED, TYPE,
        },
        email::RECURRENCE_ID,
    },
};

/// How many characters the values of Truncation (2.5, MS-ASCMD 2.2.3.184) leave of a body; larger values leave all.
const TRUNCATION: [usize; 9] = [0, 512, 1024, 2048, 5120, 10240, 20480, 51200, 102_400];

/// Writes what an item has to say in this version as children of the element that is open (ApplicationData): in the order of the
/// class's table, nothing that is empty, nothing that the version does not know. Bodies are cut as the view asks; they are written
/// in the form they have, who can convert them does so before.
pub fn write_item(w: &mut Writer, class: Class, item: &Properties, view: &View) {
    let Some(table) = table::table(class) else { return };
    let shown = shown_in(table, item, view.version);
    write_properties(w, table.properties, &shown, view);
    if view.version.traits().air_sync_base
        && let Some((_, Value::Body(body))) = written(table.properties, &shown, view).find(|(p, _)| p.tag == BODY)
    {
        w.int(NATIVE_BODY_TYPE, body.kind as i64);
    }
}

/// The item as the version has it.
fn shown_in<'a>(table: &Table, item: &'a Properties, version: Version) -> Cow<'a, Properties> {
    table.form.shown.map_or(Cow::Borrowed(item), |shown| Cow::Owned(shown(item, version)))
}

fn write_properties(w: &mut Writer, table: &'static [Property], item: &Properties, view: &View) {
    for (property, value) in written(table, item, view) {
        if property.blank && value.is_empty() {
            w.empty(property.tag);
            continue;
        }
        match (property.kind, value) {
            (Kind::Body(_), Value::Body(body)) if view.version.traits().air_sync_base => write_body(w, body, view),
            (Kind::Body(legacy), Value::Body(body)) => write_legacy_body(w, legacy, body, view),
            (Kind::List(child), Value::List(values)) => {
                w.open(property.tag);
                for value in values.iter().filter(|value| !value.is_empty()).take(value::CHILDREN) {
                    w.text(child, value);
                }
                w.close();
            }
            (Kind::Attachments { shown, added, removed, most }, Value::Groups(groups)) => {
                w.open(property.tag);
                for group in groups.iter().take(most) {
                    let (child, table, group) = match (group.group(ADD), group.group(DELETE)) {
                        (Some(group), _) => (ADD, added, group),
                        (_, Some(group)) => (DELETE, removed, group),
                        _ => (ATTACHMENT, shown, group),
                    };
                    w.open(child);
                    write_properties(w, table, group, view);
                    w.close();
                }
                w.close();
            }
            (Kind::Content { .. }, Value::Content(content)) if view.version.traits().air_sync_base => {
                write_content(w, BODY, content, view);
            }
            (Kind::Content { text, mime }, Value::Content(content)) => {
                write_legacy_content(w, if content.kind == BodyKind::Mime { mime } else { text }, content);
            }
            (Kind::Content { .. }, Value::Body(body)) if view.version.traits().air_sync_base => {
                write_body(w, body, view)
            }
            (Kind::Content { text, .. }, Value::Body(body)) => write_legacy_body(w, text, body, view),
            (Kind::BodyPart, Value::Content(content)) => write_content(w, BODY_PART, content, view),
            (Kind::ObjectId, Value::Text(uid)) => {
                w.text(property.tag, &email::object_id(uid, item.text(RECURRENCE_ID)));
            }
            (Kind::Bytes, Value::Bytes(bytes)) => w.opaque(property.tag, bytes),
            (Kind::Picture, Value::Bytes(bytes)) => w.text(property.tag, &STANDARD.encode(bytes)),
            (Kind::Group(table), Value::Group(group)) => {
                w.open(property.tag);
                write_properties(w, table, group, view);
                w.close();
            }
            (Kind::Groups(child, table, most), Value::Groups(groups)) => {
                w.open(property.tag);
                for group in groups.iter().filter(|group| any_written(table, group, view)).take(most) {
                    w.open(child);
                    write_properties(w, table, group, view);
                    w.close();
                }
                w.close();
            }
            (Kind::Part(part), Value::Group(group)) => w.text(property.tag, group.text(part).unwrap_or_default()),
            (_, Value::Text(text)) => w.text(property.tag, text),
            _ => {}
        }
    }
}

/// The item alone, as a document of its own: what a phone with this view gets of it, for comparing. Without what says nothing about it.
pub fn encoded(class: Class, item: &Properties, view: &View) -> Vec<u8> {
    let mut item = Cow::Borrowed(item);
    for property in table::properties(class, view.version).filter(|property| property.incidental) {
        if item.0.contains_key(&property.key) {
            item.to_mut().0.remove(&property.key);
        }
    }
    let mut w = Writer::new();
    w.open(APPLICATION_DATA);
    write_item(&mut w, class, &item, view);
    w.finish()
}

/// Whether [`write_item`] writes anything at all.
pub(in crate::proto) fn is_written(class: Class, item: &Properties, view: &View) -> bool {
    table::table(class).is_some_and(|table| any_written(table.properties, &shown_in(table, item, view.version), view))
}

fn any_written(table: &'static [Property], item: &Properties, view: &View) -> bool {
    written(table, item, view).next().is_some()
}

/// The properties that are written, with their values.
fn written<'a>(
    table: &'static [Property],
    item: &'a Properties,
    view: &'a View,
) -> impl Iterator<Item = (&'static Property, &'a Value)> + use<'a> {
    let there = table.iter().filter(|property| property.is_in(view.version));
    there.filter_map(|property| Some((property, item.0.get(&property.key)?))).filter(|(property, value)| {
        match (property.kind, value) {
            (_, value) if property.blank && value.is_empty() => true,
            (Kind::List(_), Value::List(values)) => values.iter().any(|value| !value.is_empty()),
            // A larger one is refused by phones together with the contact.
            (Kind::Picture, Value::Bytes(bytes)) => !bytes.is_empty() && bytes.len() <= value::PICTURE / 4 * 3,
            (Kind::Body(_) | Kind::Content { .. }, Value::Body(body)) => !body.data.is_empty(),
            (Kind::Content { .. } | Kind::BodyPart, Value::Content(_)) => true,
            (Kind::Attachments { .. }, Value::Groups(groups)) => !groups.is_empty(),
            (Kind::Bytes, Value::Bytes(bytes)) => !bytes.is_empty(),
            (Kind::Part(part), Value::Group(group)) => group.text(part).is_some_and(|text| !text.is_empty()),
            (Kind::Group(table), Value::Group(group)) => any_written(table, group, view),
            (Kind::Groups(_, table, _), Value::Groups(groups)) => groups.iter().any(|g| any_written(table, g, view)),
            (
                Kind::Text
                | Kind::Address
                | Kind::Day
                | Kind::Number(..)
                | Kind::Compact
                | Kind::Dashed
                | Kind::Mark
                | Kind::Told
                | Kind::ObjectId,
                Value::Text(text),
            ) => !text.is_empty(),
            _ => false,
        }
    })
}

/// What of a body is shown, and how many characters of preview.
fn shown<'a>(body: &'a Body, view: &View) -> (&'a str, Option<u32>) {
    if view.bodies.is_empty() {
        return (&body.data, None);
    }
    // Asked for other forms only: then their limits are meant for this one.
    let any = view.bodies.iter().all(|preference| preference.kind != body.kind);
    let asked = || view.bodies.iter().filter(|preference| any || preference.kind == body.kind);
    let preview = asked().find_map(|preference| preference.preview);
    for preference in asked() {
        let limit = preference.truncation_size.map_or(usize::MAX, |size| usize::try_from(size).unwrap_or(usize::MAX));
        if body.data.len() <= limit {
            return (&body.data, preview);
        }
        if !preference.all_or_none {
            return (value::cut(&body.data, limit), preview);
        }
    }
    ("", preview)
}

fn write_body(w: &mut Writer, body: &Body, view: &View) {
    let (data, preview) = shown(body, view);
    w.open(BODY);
    w.int(TYPE, body.kind as i64);
    w.int(ESTIMATED_DATA_SIZE, i64::try_from(body.data.len()).unwrap_or(i64::MAX));
    // Truncated=0 stops some phones (Windows Phone 8).
    if data.len() < body.data.len() {
        w.int(TRUNCATED, 1);
    }
    if !data.is_empty() {
        w.text(DATA, data);
    }
    if let Some(characters) = preview.filter(|_| view.version.traits().preview && body.kind == BodyKind::Plain) {
        let text: String = body.data.chars().take(usize::try_from(characters).unwrap_or(usize::MAX)).collect();
        if !text.is_empty() {
            w.text(PREVIEW, &text);
        }
    }
    w.close();
}

fn write_content(w: &mut Writer, tag: Tag, content: &Content, view: &View) {
    w.open(tag);
    if tag == BODY_PART {
        w.int(STATUS, 1);
    }
    w.int(TYPE, content.kind as i64);
    w.int(ESTIMATED_DATA_SIZE, i64::try_from(content.size).unwrap_or(i64::MAX));
    if content.truncated {
        w.int(TRUNCATED, 1);
    }
    if !content.data.is_empty() {
        w.text(DATA, &content.data);
    }
    if let Some(preview) = content.preview.as_ref().filter(|text| view.version.traits().preview && !text.is_empty()) {
        w.text(PREVIEW, preview);
    }
    w.close();
}

fn write_legacy_content(w: &mut Writer, legacy: Legacy, content: &Content) {
    if !content.data.is_empty() {
        w.text(legacy.body, &content.data);
    }
    if let Some(size) = legacy.size {
        w.int(size, i64::try_from(content.size).unwrap_or(i64::MAX));
    }
    w.int(legacy.truncated, content.truncated.into());
}

fn write_legacy_body(w: &mut Writer, legacy: Legacy, body: &Body, view: &View) {
    let limit = view.truncation.and_then(|value| TRUNCATION.get(usize::try_from(value).ok()?));
    let data = match limit.and_then(|limit| body.data.char_indices().nth(*limit)) {
        Some((end, _)) => value::cut(&body.data, end),
        None => &body.data,
    };
    if !data.is_empty() {
        w.text(legacy.body, data);
    }
    if let Some(size) = legacy.size {
        w.int(size, i64::try_from(body.data.len()).unwrap_or(i64::MAX));
    }
    if data.len() < body.data.len() {
        w.int(legacy.truncated, 1);
    }
}

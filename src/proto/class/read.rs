//! Reading items by their tables.

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{
    super::{Malformed, Version},
    Body, BodyKind, Properties, Value,
    table::{self, Kind, Property},
    value,
};
use crate::wbxml::{
    Reader, Tag,
    tag::air_sync_base::{ADD, ATTACHMENT, BODY, DATA, DELETE, TRUNCATED, TYPE},
};

/// Base64 with or without padding, and with whatever bits are left over at the end.
pub(super) const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Most levels of containers in containers: Exceptions/Exception/Attendees/Attendee.
const DEEPEST: usize = 4;

/// Reads the children of the element that is open in `reader` (ApplicationData) and closes it. Elements that no table has are
/// passed over. The second part of the result is `false` when a value cannot be what it should be (a date that is none, a picture
/// of more than 48 KB, more than 300 categories): such a property is left out and the item is to be refused (Status 6).
///
/// # Errors
/// The document is not sound WBXML.
pub fn read_item(reader: &mut Reader<'_>, version: Version) -> Result<(Properties, bool), Malformed> {
    let (item, sound) = read_properties(reader, version, &|tag| table::find(tag, version), DEEPEST)?;
    let sound = sound && table::is_sound(&item);
    Ok((item, sound))
}

fn read_properties(
    reader: &mut Reader<'_>,
    version: Version,
    find: &dyn Fn(Tag) -> Option<&'static Property>,
    depth: usize,
) -> Result<(Properties, bool), Malformed> {
    let mut item = Properties::default();
    let mut sound = true;
    while let Some(tag) = reader.child()? {
        let Some(property) = find(tag) else {
            reader.skip()?;
            continue;
        };
        let read = match property.kind {
            Kind::Body(_) | Kind::Content { .. } if tag == BODY => read_body(reader)?,
            Kind::Group(table) if depth > 0 => {
                let (group, whole) =
                    read_properties(reader, version, &|tag| table::find_in(table, tag, version), depth - 1)?;
                if whole { Read::Value(Value::Group(group)) } else { Read::Unsound }
            }
            Kind::Groups(child, table, most) if depth > 0 => {
                let child = |tag| (tag == child).then_some((table, None));
                read_groups(reader, version, &child, most, depth)?
            }
            Kind::Attachments { shown, added, removed, most } if depth > 0 => {
                let child = |tag| match tag {
                    ATTACHMENT => Some((shown, None)),
                    ADD => Some((added, Some(ADD))),
                    DELETE => Some((removed, Some(DELETE))),
                    _ => None,
                };
                read_groups(reader, version, &child, most, depth)?
            }
            _ => read_value(reader, property)?,
        };
        match read {
            Read::Value(value) => {
                item.0.insert(property.key, value);
            }
            Read::Nothing => {}
            Read::Unsound => sound = false,
        }
    }
    Ok((item, sound))
}

/// Equal containers. `child` gives the table of each of them, and the key under which it stands in a group of its own if it has one.
fn read_groups(
    reader: &mut Reader<'_>,
    version: Version,
    child: &dyn Fn(Tag) -> Option<(&'static [Property], Option<Tag>)>,
    most: usize,
    depth: usize,
) -> Result<Read, Malformed> {
    let (mut groups, mut sound) = (Vec::new(), true);
    while let Some(tag) = reader.child()? {
        let Some((table, key)) = child(tag) else {
            reader.skip()?;
            continue;
        };
        let (group, whole) = read_properties(reader, version, &|tag| table::find_in(table, tag, version), depth - 1)?;
        sound &= whole && groups.len() < most;
        if sound {
            groups.push(match key {
                Some(key) => Properties([(key, Value::Group(group))].into()),
                None => group,
            });
        }
    }
    Ok(if sound { Read::Value(Value::Groups(groups)) } else { Read::Unsound })
}

enum Read {
    Value(Value),
    /// There is an element, but it says nothing about the property.
    Nothing,
    Unsound,
}

impl From<Option<Value>> for Read {
    fn from(value: Option<Value>) -> Self {
        value.map_or(Self::Unsound, Self::Value)
    }
}

fn read_value(reader: &mut Reader<'_>, property: &Property) -> Result<Read, Malformed> {
    Ok(match property.kind {
        Kind::Text | Kind::ObjectId => Read::Value(Value::Text(reader.text()?.into_owned())),
        Kind::Part(part) => {
            let mut group = Properties::default();
            group.set_text(part, reader.text()?);
            Read::Value(Value::Group(group))
        }
        Kind::Address => Read::Value(Value::Text(value::address(&reader.text()?).to_owned())),
        Kind::Day => match reader.text()?.trim() {
            "" => Read::Value(Value::Text(String::new())),
            text => value::day(text).map(Value::Text).into(),
        },
        Kind::List(child) => {
            let mut values = Vec::new();
            while let Some(tag) = reader.child()? {
                if tag == child { values.push(reader.text()?.into_owned()) } else { reader.skip()? }
            }
            values.retain(|value| !value.is_empty());
            (values.len() <= value::CHILDREN).then_some(Value::List(values)).into()
        }
        Kind::Number(min, max) => match reader.text()?.trim() {
            "" => Read::Value(Value::Text(String::new())),
            text => number(text, min, max).into(),
        },
        Kind::Compact => moment(&reader.text()?, value::compact),
        Kind::Dashed => moment(&reader.text()?, value::dashed),
        // Deeper than any schema has it.
        Kind::Group(_) | Kind::Groups(..) | Kind::Attachments { .. } => {
            reader.skip()?;
            Read::Unsound
        }
        // Nothing that a phone sends.
        Kind::Refused(_) | Kind::BodyPart | Kind::Told => {
            reader.skip()?;
            Read::Nothing
        }
        Kind::Bytes => Read::Value(Value::Bytes(reader.bytes()?.into_owned())),
        Kind::Mark => match reader.text()?.trim() {
            "0" => Read::Nothing,
            _ => Read::Value(Value::Text("1".to_owned())),
        },
        Kind::Picture => picture(&reader.bytes()?).map(Value::Bytes).into(),
        Kind::Body(_) | Kind::Content { .. } => {
            Read::Value(Value::Body(Body { kind: BodyKind::Plain, data: value::crlf(&reader.text()?) }))
        }
    })
}

fn number(text: &str, min: i32, max: i32) -> Option<Value> {
    let number = text.parse::<i32>().ok().filter(|number| (min..=max).contains(number))?;
    Some(Value::Text(number.to_string()))
}

fn moment(text: &str, form: fn(&str) -> Option<String>) -> Read {
    match text.trim() {
        "" => Read::Value(Value::Text(String::new())),
        text => form(text).map(Value::Text).into(),
    }
}

/// A picture as base64 text or, from phones that send a byte array, as it is. An image file is never UTF-8, base64 always.
fn picture(bytes: &[u8]) -> Option<Vec<u8>> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return (bytes.len() <= value::PICTURE / 4 * 3).then(|| bytes.to_vec());
    };
    let text: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    if text.len() <= value::PICTURE { LENIENT.decode(text).ok() } else { None }
}

/// AirSyncBase:Body. Without Data nothing is said of the body, and a truncated one would make the server's whole copy shorter:
/// both leave it as it is. An element with nothing in it at all empties the body.
fn read_body(reader: &mut Reader<'_>) -> Result<Read, Malformed> {
    let mut kind = Some(BodyKind::Plain);
    let mut data = None;
    let (mut truncated, mut empty) = (false, true);
    while let Some(tag) = reader.child()? {
        empty = false;
        match tag {
            TYPE => kind = BodyKind::parse(&reader.text()?),
            DATA => data = Some(reader.text()?.into_owned()),
            TRUNCATED => truncated = reader.text()?.trim() == "1",
            _ => reader.skip()?,
        }
    }
    let Some(kind) = kind else { return Ok(Read::Unsound) };
    Ok(match data {
        Some(_) if truncated => Read::Nothing,
        Some(data) => {
            let data = if matches!(kind, BodyKind::Plain | BodyKind::Html) { value::crlf(&data) } else { data };
            Read::Value(Value::Body(Body { kind, data }))
        }
        None if empty => Read::Value(Value::Body(Body::default())),
        None => Read::Nothing,
    })
}

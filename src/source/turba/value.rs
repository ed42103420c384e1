//! Values on their way between a phone and a field of Turba.

use serde_json::{Map, Value as Json};

use super::{
    country,
    table::{Column, Kind, Layout, RULES, Rule},
};
use crate::{
    convert::html,
    proto::class::{Body, BodyKind, Properties, Value},
    source::app::text::{cut, printable, sorted, trim, with_crlf},
    wbxml::tag::contacts as c,
};

/// A value in the one form in which values are compared, kept and given to phones. `None` = there is nothing in it.
pub(super) fn canonical(rule: &Rule, value: &Value) -> Option<Value> {
    let text = match (rule.kind, value) {
        (Kind::Tags, Value::List(list)) => return list_value(sorted(list.iter().map(|s| clean(s)))),
        (Kind::List, Value::List(list)) => return list_value(list.iter().map(|s| clean(s)).collect()),
        (Kind::Picture, Value::Bytes(bytes)) => return (!bytes.is_empty()).then(|| value.clone()),
        (Kind::Notes, Value::Body(body)) => return notes(body),
        (kind, Value::Text(text)) if !matches!(kind, Kind::Tags | Kind::List | Kind::Picture) => text,
        _ => return None,
    };
    let text = match rule.kind {
        Kind::Notes => return notes(&Body { kind: BodyKind::Plain, data: text.clone() }),
        Kind::Date => wire_date(&nearest_day(text)?),
        Kind::Email => bare_address(&clean(text)),
        _ => clean(text),
    };
    (!text.is_empty()).then_some(Value::Text(text))
}

/// What to write into the column (never longer than it takes).
pub(super) fn to_field(rule: &Rule, column: &Column, value: &Value) -> Json {
    match value {
        Value::Text(text) => {
            let text = match rule.kind {
                Kind::Date => text.get(..10).unwrap_or_default(),
                Kind::Country if column.coded => country::code(text).unwrap_or(text),
                _ => text,
            };
            Json::from(trim(cut(text, column.limit)))
        }
        Value::Body(body) => Json::from(trim(cut(&body.data, column.limit))),
        // Horde's tagger separates tags by commas itself, some time later.
        Value::List(list) if rule.kind == Kind::Tags => {
            let tags =
                list.iter().flat_map(|tag| tag.split(',')).map(|tag| trim(cut(trim(tag), column.limit)).to_owned());
            let mut tags = sorted(tags);
            tags.dedup_by_key(|tag| tag.to_lowercase());
            Json::from(tags)
        }
        Value::List(list) => Json::from(trim(cut(&list.join(", "), column.limit))),
        Value::Bytes(_) | Value::Group(_) | Value::Groups(_) | Value::Content(_) => Json::Null,
    }
}

/// What the phone gets for the content of a field.
pub(super) fn from_field(rule: &Rule, column: &Column, field: &Json) -> Option<Value> {
    if rule.kind == Kind::Tags {
        let tags = field.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned);
        return list_value(sorted(tags));
    }
    let text = match field {
        Json::String(text) => text.clone(),
        Json::Number(number) => number.to_string(),
        _ => return None,
    };
    match rule.kind {
        Kind::List => list_value(text.split(',').map(|s| trim(s).to_owned()).collect()),
        Kind::Country if column.coded => {
            canonical(rule, &Value::Text(country::name(&text).map_or(text, str::to_owned)))
        }
        Kind::Picture => None,
        _ => canonical(rule, &Value::Text(text)),
    }
}

/// A row of Horde's answer (field -> value) as properties.
pub(super) fn from_row(layout: &Layout, row: &Map<String, Json>) -> Properties {
    let mut item = Properties::default();
    for rule in RULES {
        let Some(column) = layout.column(rule.tag) else { continue };
        if let Some(value) = row.get(column.field).and_then(|field| from_field(rule, column, field)) {
            item.0.insert(rule.tag, value);
        }
    }
    item
}

/// What "file as" is when nobody chose it: "Last, First Middle", else the company, else the mail address.
pub(super) fn file_as(item: &Properties) -> String {
    let text = |tag| item.text(tag).map(str::trim).unwrap_or_default();
    let given = [text(c::FIRST_NAME), text(c::MIDDLE_NAME)].join(" ").trim().to_owned();
    match (text(c::LAST_NAME), given.as_str()) {
        ("", "") => {
            [c::COMPANY_NAME, c::EMAIL1_ADDRESS].into_iter().map(text).find(|t| !t.is_empty()).unwrap_or("").into()
        }
        (last, "") => last.to_owned(),
        ("", given) => given.to_owned(),
        (last, given) => format!("{last}, {given}"),
    }
}

/// Takes out control characters, which neither a database nor XML can be trusted with, and the white space around, which Turba takes
/// off every text that it is given.
fn clean(text: &str) -> String {
    trim(&printable(text)).to_owned()
}

fn list_value(list: Vec<String>) -> Option<Value> {
    let list: Vec<_> = list.into_iter().filter(|s| !trim(s).is_empty()).collect();
    (!list.is_empty()).then_some(Value::List(list))
}

fn notes(body: &Body) -> Option<Value> {
    let text = match body.kind {
        BodyKind::Html => html::plain(&body.data),
        _ => body.data.clone(),
    };
    let data = with_crlf(&clean(&text));
    (!data.is_empty()).then_some(Value::Body(Body { kind: BodyKind::Plain, data }))
}

/// `"Erika" <erika@example.org>` -> `erika@example.org`.
fn bare_address(text: &str) -> String {
    let inner = text.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(address, _)| address);
    inner.filter(|address| address.contains('@')).unwrap_or(text).trim().to_owned()
}

fn wire_date(day: &str) -> String {
    format!("{day}T00:00:00.000Z")
}

/// The day that is meant by a date that clients write as midnight, as 11:59 or as their local midnight in UTC: the nearest midnight
/// counts. `YYYY-MM-DD`, from either side.
fn nearest_day(text: &str) -> Option<String> {
    let text = text.trim();
    let (day, time) = text.split_once(['T', ' ']).unwrap_or((text, ""));
    let date: jiff::civil::Date = match day.len() {
        8 => format!("{}-{}-{}", day.get(..4)?, day.get(4..6)?, day.get(6..)?).parse().ok()?,
        10 => day.parse().ok()?,
        _ => return None,
    };
    let hour = time.trim_start_matches('T').get(..2).map_or(Some(0), |hour| hour.parse::<u8>().ok())?;
    let date = if hour >= 12 { date.tomorrow().ok()? } else { date };
    Some(date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_the_nearest_midnight() {
        for (text, day) in [
            ("1980-03-01T00:00:00.000Z", "1980-03-01"),
            ("1980-02-28T23:00:00.000Z", "1980-02-29"),
            ("1980-03-01T11:59:00.000Z", "1980-03-01"),
            ("1980-03-01T11:59:00Z", "1980-03-01"),
            ("19800301T000000Z", "1980-03-01"),
            ("1604-12-31", "1604-12-31"),
            ("2024-12-31 23:30:00", "2025-01-01"),
        ] {
            assert_eq!(nearest_day(text).as_deref(), Some(day), "{text}");
        }
        for text in ["", "0000-00-00", "tomorrow", "1980-13-01", "1980-03-01Tuesday", "äääää"] {
            assert_eq!(nearest_day(text), None, "{text}");
        }
    }

    #[test]
    fn file_as_follows_from_the_name() {
        let item = |pairs: &[(crate::wbxml::Tag, &str)]| {
            let mut item = Properties::default();
            pairs.iter().for_each(|(tag, text)| item.set_text(*tag, *text));
            file_as(&item)
        };
        assert_eq!(
            item(&[(c::FIRST_NAME, "Erika"), (c::MIDDLE_NAME, "M."), (c::LAST_NAME, "Muster")]),
            "Muster, Erika M."
        );
        assert_eq!(item(&[(c::LAST_NAME, "Muster")]), "Muster");
        assert_eq!(item(&[(c::FIRST_NAME, "Erika")]), "Erika");
        assert_eq!(item(&[(c::COMPANY_NAME, "ACME"), (c::EMAIL1_ADDRESS, "a@example.test")]), "ACME");
        assert_eq!(item(&[(c::EMAIL1_ADDRESS, "a@example.test")]), "a@example.test");
        assert_eq!(item(&[]), "");
    }

    #[test]
    fn addresses_lose_their_display_name() {
        assert_eq!(bare_address("\"Erika <x>\" <erika@example.test>"), "erika@example.test");
        assert_eq!(bare_address(" erika@example.test "), "erika@example.test");
        assert_eq!(bare_address("not <an> address"), "not <an> address");
    }

    #[test]
    fn html_notes_become_text() {
        let body = Body { kind: BodyKind::Html, data: "<p>a &lt;b&gt; &amp;amp;</p><div>c<br>d</div>".into() };
        let Some(Value::Body(body)) = notes(&body) else { panic!() };
        assert_eq!(body.data, "a <b> &amp;\r\n\r\nc\r\nd");
    }
}

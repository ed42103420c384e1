//! Values out of what calcard has read.

use calcard::{
    Entry, Parser,
    icalendar::{
        ICalendarComponent, ICalendarEntry, ICalendarParameterName, ICalendarParameterValue, ICalendarProperty,
        ICalendarValue, Uri,
    },
};

/// Most bytes of a text that can be an event.
const LARGEST: usize = 8 * 1024 * 1024;
/// Most components of one: 2000 exceptions with a few alarms each.
const MOST: usize = 20_000;

/// The components of a text, flat; `None` when there are more than any event has.
pub(super) fn components(text: &str) -> Option<Vec<ICalendarComponent>> {
    if text.len() > LARGEST {
        return None;
    }
    let mut parser = Parser::new(text);
    let mut all = Vec::new();
    loop {
        match parser.entry() {
            Entry::ICalendar(calendar) => {
                // Children are numbered within their calendar.
                let base = u32::try_from(all.len()).ok()?;
                all.extend(calendar.components.into_iter().map(|mut component| {
                    component.component_ids.iter_mut().for_each(|id| *id = id.saturating_add(base));
                    component
                }));
            }
            Entry::Eof => break,
            _ => {}
        }
        if all.len() > MOST {
            return None;
        }
    }
    Some(all)
}

/// Text without characters that no protocol takes; `None` when nothing is left.
pub(super) fn cleaned(text: &str) -> Option<String> {
    let text: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\r' | '\n' | '\t')).collect();
    (!text.trim().is_empty()).then_some(text)
}

/// A line of text: no line ends in it.
pub(super) fn line(text: &str) -> Option<String> {
    let text = text.replace("\r\n", " ").replace(['\r', '\n', '\t'], " ");
    cleaned(text.trim())
}

fn text(value: &ICalendarValue) -> Option<String> {
    match value {
        ICalendarValue::Text(text) | ICalendarValue::Uri(Uri::Location(text)) => Some(text.clone()),
        ICalendarValue::Integer(number) => Some(number.to_string()),
        ICalendarValue::Float(number) => Some(number.to_string()),
        ICalendarValue::Boolean(yes) => Some(if *yes { "TRUE" } else { "FALSE" }.to_owned()),
        _ => None,
    }
}

/// All values of an entry as texts.
pub(super) fn texts(entry: &ICalendarEntry) -> impl Iterator<Item = String> {
    entry.values.iter().filter_map(text)
}

/// The text of the first such property, whatever commas and semicolons are in it.
pub(super) fn property(component: &ICalendarComponent, name: &ICalendarProperty) -> Option<String> {
    component.properties(name).find_map(|entry| texts(entry).next())
}

/// The text of the first property of a name that no standard has.
pub(super) fn extension(component: &ICalendarComponent, name: &str) -> Option<String> {
    component.entries.iter().find_map(|entry| match &entry.name {
        ICalendarProperty::Other(other) if other.eq_ignore_ascii_case(name) => texts(entry).next(),
        _ => None,
    })
}

/// The text of a parameter.
pub(super) fn parameter(value: &ICalendarParameterValue) -> Option<String> {
    match value {
        ICalendarParameterValue::Text(text) | ICalendarParameterValue::Uri(Uri::Location(text)) => Some(text.clone()),
        _ => None,
    }
}

/// The text of the first parameter of that name.
pub(super) fn named(entry: &ICalendarEntry, name: &ICalendarParameterName) -> Option<String> {
    entry.parameter(name).and_then(parameter)
}

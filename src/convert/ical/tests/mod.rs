//! iCalendar against the corpus, generated events and the protocol.

mod corpus;
mod hostile;
mod round_trips;
mod series;
pub(crate) mod strategy;
mod write;

use std::collections::BTreeMap;

use super::Home;
use crate::proto::class::{Properties, Value};

pub(crate) fn home(zone: &str) -> Home {
    Home { zone: zone.to_owned(), addresses: vec!["alice@example.test".to_owned()] }
}

/// The item as paths and values: `Subject`, `Recurrence/Type`, `Attendees/0/Email`, `Exceptions/20261124T080000Z/Deleted`.
pub(crate) fn flat(item: &Properties) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (tag, value) in &item.0 {
        let name = tag.name().to_owned();
        match value {
            Value::Text(text) => drop(all.insert(name, text.clone())),
            Value::List(values) => drop(all.insert(name, values.join("|"))),
            Value::Body(body) => drop(all.insert(name, body.data.clone())),
            Value::Group(group) if group.0.is_empty() => drop(all.insert(name, String::new())),
            Value::Group(group) => all.extend(flat(group).into_iter().map(|(path, v)| (format!("{name}/{path}"), v))),
            Value::Groups(groups) => {
                all.insert(format!("#{name}"), groups.len().to_string());
                for (n, group) in groups.iter().enumerate() {
                    let mut group = flat(group);
                    let key = group.remove("ExceptionStartTime").unwrap_or_else(|| n.to_string());
                    all.extend(group.into_iter().map(|(path, v)| (format!("{name}/{key}/{path}"), v)));
                }
            }
            Value::Bytes(_) | Value::Content(_) => unreachable!("events have no pictures"),
        }
    }
    all
}

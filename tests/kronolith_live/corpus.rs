//! The events of the corpus, as phones would add them and as the web would have them.

use std::collections::BTreeMap;

use horde_eas::{
    convert::ical::{self, Home},
    proto::class::{Properties, Value},
    source::{Fetched, Source},
    wbxml::tag::calendar as c,
};
use serde_json::json;

use crate::site::*;

const EVENTS: &str = include_str!("../corpus/events/events.txt");
/// Every so many'th event is taken, to keep the test short.
const STEP: usize = 3;

fn samples() -> impl Iterator<Item = (&'static str, &'static str, String)> {
    all_samples().step_by(STEP)
}

/// Name, home zone and text.
pub(crate) fn all_samples() -> impl Iterator<Item = (&'static str, &'static str, String)> {
    EVENTS.split("\n## ").skip(1).filter_map(|part| {
        let (head, rest) = part.split_once('\n')?;
        let (name, zone) = head.rsplit_once(' ')?;
        let text = rest.lines().filter(|line| !line.starts_with("= ")).collect::<Vec<_>>().join("\r\n");
        Some((name, zone, text))
    })
}

pub(crate) fn without_stamps(item: &Properties) -> Properties {
    let mut item = item.clone();
    for tag in [c::DT_STAMP, c::UID] {
        item.0.remove(&tag);
    }
    if let Some(Value::Groups(list)) = item.0.get_mut(&c::EXCEPTIONS) {
        list.iter_mut().for_each(|exception| drop(exception.0.remove(&c::DT_STAMP)));
    }
    item
}

#[tokio::test]
async fn every_event_survives_from_phone_to_phone() {
    let mut sites: BTreeMap<&str, Site> = BTreeMap::new();
    let (mut failures, mut tried) = (Vec::new(), 0);
    for (name, zone, text) in samples() {
        if !sites.contains_key(zone) {
            sites.insert(zone, Site::new(zone).await);
        }
        let site = &sites[zone];
        let home = Home { zone: zone.into(), addresses: vec!["alice@example.test".into()] };
        let Ok(event) = ical::read(&text, &home) else { continue };
        if event.instance.is_some() {
            continue;
        }
        tried += 1;
        let made = without_stamps(&event.item);
        let uid = match site.phone().add(&site.calendar, &wish(), &made).await {
            Ok(uid) => uid,
            Err(error) => {
                failures.push(format!("{name}: {error}"));
                continue;
            }
        };
        let there = site.read_like(&uid, &made).await;
        for tag in made.0.keys().chain(there.0.keys()).filter(|tag| ![c::DT_STAMP, c::UID, c::TIMEZONE].contains(tag)) {
            if made.0.get(tag) != there.0.get(tag) {
                failures.push(format!("{name}: {tag:?}: {:?} became {:?}", made.0.get(tag), there.0.get(tag)));
            }
        }
    }
    println!("{tried} events");
    assert!(tried > 20 && failures.is_empty(), "{} of {tried}:\n{}", failures.len(), failures.join("\n"));
}

/// What the web has is read, and a phone's change of one property changes no other.
#[tokio::test]
async fn a_change_of_one_property_leaves_the_others() {
    let site = Site::new("Europe/Berlin").await;
    let (mut failures, mut tried) = (Vec::new(), 0);
    for (name, _, text) in samples().filter(|(_, zone, _)| *zone == "Europe/Berlin") {
        let params = vec![json!(text), json!("text/calendar"), json!(site.calendar)];
        // Not everything is an event to Kronolith.
        let Ok(serde_json::Value::String(uid)) = site.session().write("calendar.import", params).await else {
            continue;
        };
        let Fetched::Item(before) =
            site.phone().fetch(&site.calendar, std::slice::from_ref(&uid), &[]).await.unwrap().remove(0)
        else {
            failures.push(format!("{name}: cannot be read"));
            continue;
        };
        tried += 1;
        let set = item([text_of(c::REMINDER, "77")]);
        let patch = horde_eas::proto::class::Patch { set, clear: vec![] };
        if let Err(error) = site.phone().change(&site.calendar, &uid, &patch).await {
            failures.push(format!("{name}: {error}"));
            continue;
        }
        let expected = without_stamps(&with(&before, [text_of(c::REMINDER, "77")]));
        let after = without_stamps(&site.read(&uid).await);
        for tag in expected.0.keys().chain(after.0.keys()) {
            if expected.0.get(tag) != after.0.get(tag) {
                failures.push(format!("{name}: {tag:?}: {:?} became {:?}", expected.0.get(tag), after.0.get(tag)));
            }
        }
    }
    println!("{tried} events");
    assert!(tried > 20 && failures.is_empty(), "{} of {tried}:\n{}", failures.len(), failures.join("\n"));
}

fn text_of(tag: horde_eas::wbxml::Tag, value: &str) -> (horde_eas::wbxml::Tag, Value) {
    text(tag, value)
}

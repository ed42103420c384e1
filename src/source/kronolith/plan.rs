//! What has to be written for a change. Horde is told what differs and nothing else: what a phone does not know of an event stays.
//!
//! Three ways, from the least to the most:
//! - `calendar.replace` merges what it is given into an event, be it the series or one of the events that its exceptions are.
//! - `calendar.import` of an exception alone adds it (a second one if there is one already).
//! - `calendar.import` of the whole sets the event and all exceptions anew, under the same uid, and loses what no iCalendar says:
//!   resources, the attendees of exceptions.

use std::collections::BTreeMap;

use super::{
    limits, repair,
    text::{ALARM, Calendar, Vevent},
};
use crate::{
    convert::ical::{self, Home},
    proto::class::{Properties, Value},
    wbxml::tag::calendar as c,
};

/// Clears an alarm, which stays when there is none in what Kronolith merges.
const NO_ALARM: [&str; 4] = ["BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:PT0S", "END:VALARM"];
/// What is sent of any event, as Kronolith reads none without.
const ALWAYS: [&str; 4] = ["UID", "DTSTART", "DTEND", "DURATION"];

/// An event before or after a change.
#[derive(Debug, Clone, Copy)]
pub(super) struct State<'a> {
    /// As phones see it, what is kept beside Horde included.
    pub(super) item: &'a Properties,
    /// IANA name of its zone.
    pub(super) zone: &'a str,
}

/// The event that is to be changed.
#[derive(Debug, Clone, Copy)]
pub(super) struct There<'a> {
    pub(super) uid: &'a str,
    /// As Horde has it.
    pub(super) item: &'a Properties,
    /// As Horde wrote it.
    pub(super) text: &'a str,
    pub(super) home: &'a Home,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Merge a text into the event.
    Replace(String),
    /// Merge a VEVENT, with the zones of the calendar, into the event that is this exception of Horde's.
    Instance { exception: Properties, zones: Calendar, event: Vevent },
    /// Delete the event that is this exception of Horde's.
    Remove { exception: Properties },
    /// Add an exception.
    Add(String),
}

/// What has to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// In this order; `None`: only [`Plan::whole`] does it.
    pub(super) steps: Option<Vec<Step>>,
    /// The event anew, for `calendar.import`.
    pub(super) whole: String,
    /// Horde keeps exceptions of this series.
    pub(super) has_exceptions: bool,
}

/// Works out what makes `new` of `old`.
pub(super) fn plan(there: There<'_>, old: State<'_>, new: State<'_>) -> Plan {
    let write = |state: State<'_>, which: fn(&Properties) -> Vec<Properties>| {
        let mut item = limits::fit(state.item);
        let exceptions = which(&item);
        item.0.insert(c::EXCEPTIONS, Value::Groups(exceptions));
        let mut calendar = Calendar::read(&ical::write(&item, there.uid, state.zone, there.home, None));
        calendar.events.truncate(1);
        calendar
    };
    let (before, after) = (write(old, deleted).master(), write(new, deleted));
    let full = write(new, all_as_deleted).master();
    let theirs = Calendar::read(there.text).master();
    let after_master = after.master();
    let differs: Vec<String> = before.differs(&after_master).into_iter().cloned().collect();
    let has = |name: &str| differs.iter().any(|d| d == name);

    // The rule is one that no phone understands.
    let foreign = !has("RRULE") && theirs.lines.contains_key("RRULE") && there.item.group(c::RECURRENCE).is_none();

    let horde = exceptions(there.item);
    let has_exceptions = !horde.is_empty() || foreign;
    let moved = has("DTSTART") || has("RRULE");
    let rule_differs = has("RRULE") || has("EXDATE");

    let mut event = Vevent::default();
    for name in ALWAYS {
        let source = if has("DTSTART") || has("DTEND") || has("DURATION") { &after_master } else { &theirs };
        event.take(source, name);
    }
    let sets = |event: &mut Vevent, whole: bool| {
        for name in differs.iter().filter(|name| !matches!(name.as_str(), "RRULE" | "EXDATE" | "ORGANIZER")) {
            event.take(&after_master, name);
            match name.as_str() {
                _ if event.lines.contains_key(name) => {}
                ALARM if !whole => drop(event.lines.insert(name.clone(), NO_ALARM.map(str::to_owned).to_vec())),
                _ => {}
            }
        }
        if whole || rule_differs {
            event.take(if has("RRULE") { &full } else { &theirs }, "RRULE");
            event.take(if foreign { &theirs } else { &full }, "EXDATE");
            // An empty rule makes a single event of a series.
            event.lines.entry("RRULE".to_owned()).or_insert_with(|| vec!["RRULE:".to_owned()]);
        }
    };
    sets(&mut event, false);

    let mut anew = theirs.clone();
    ["DTSTAMP", "CREATED", "LAST-MODIFIED", "ORGANIZER"].iter().for_each(|name| drop(anew.lines.remove(*name)));
    sets(&mut anew, true);
    let mut whole = vec![anew];
    if foreign {
        whole.extend(Calendar::read(there.text).exceptions().cloned());
    }
    let mut steps = Vec::new();
    let needed = !differs.iter().all(|name| name == "ORGANIZER");
    if needed {
        steps.push(Step::Replace(after.with([&event])));
    }
    let mut only_whole = !horde.is_empty() && moved || has("ATTENDEE") && !after_master.lines.contains_key("ATTENDEE");

    let (was, is) = (exceptions(old.item), exceptions(new.item));
    only_whole |= horde.keys().any(|start| !is.contains_key(start) && !is_deleted_at(new.item, start));
    let one = |state: State<'_>, exception: &Properties| {
        let fitted = limits::fit(state.item);
        let exception = fitted_exception(&fitted, exception);
        Calendar::read(&ical::write_exception(&fitted, &exception, there.uid, state.zone, there.home, None))
    };
    for (start, exception) in &is {
        let text = one(new, exception);
        let (Some(mut vevent), had) = (text.events.first().cloned(), horde.get(start)) else { continue };
        let old_text = was.get(start).and_then(|exception| one(old, exception).events.first().cloned());
        match (had, old_text) {
            (Some(_), Some(old_text)) if vevent.differs(&old_text).is_empty() => {
                whole.push(horde_exception(there.text, &vevent).unwrap_or(vevent));
            }
            (Some(had), old_text) => {
                whole.push(vevent.clone());
                let mut changed = vevent.clone();
                if let Some(old_text) = old_text {
                    changed.lines.retain(|name, _| ALWAYS.contains(&name.as_str()) || !vevent.agrees(&old_text, name));
                }
                changed.lines.remove("RECURRENCE-ID");
                if !vevent.lines.contains_key(ALARM) {
                    changed.lines.insert(ALARM.to_owned(), NO_ALARM.map(str::to_owned).to_vec());
                }
                steps.push(Step::Instance { exception: (*had).clone(), zones: text.clone(), event: changed });
            }
            (None, _) => {
                vevent.lines.remove("ORGANIZER");
                steps.push(Step::Add(text.with([&vevent])));
                whole.push(vevent);
            }
        }
    }
    let removed = horde.iter().filter(|(start, _)| is_deleted_at(new.item, start));
    steps.extend(removed.map(|(_, exception)| Step::Remove { exception: (*exception).clone() }));

    if steps.is_empty() {
        // Only what is kept beside changes; Horde's history tells the other devices.
        steps.push(Step::Replace(after.with([&event])));
    }
    Plan { steps: (!only_whole).then_some(steps), whole: after.with(&whole), has_exceptions }
}

/// A new event.
pub(super) fn anew(new: State<'_>, uid: &str, home: &Home) -> String {
    let mut calendar = Calendar::read(&ical::write(&limits::fit(new.item), uid, new.zone, home, None));
    for event in &mut calendar.events {
        // Kronolith takes the user for the organizer of whatever is in his calendar.
        event.lines.remove("ORGANIZER");
    }
    calendar.with(&calendar.events)
}

/// The occurrences of a series that are there in another form, by original start.
fn exceptions(item: &Properties) -> BTreeMap<&str, &Properties> {
    let changed = item.groups(c::EXCEPTIONS).iter().filter(|e| !repair::is_deleted(e));
    changed.filter_map(|e| Some((e.text(c::EXCEPTION_START_TIME)?, e))).collect()
}

fn is_deleted_at(item: &Properties, start: &str) -> bool {
    let mut list = item.groups(c::EXCEPTIONS).iter();
    list.any(|e| repair::is_deleted(e) && e.text(c::EXCEPTION_START_TIME) == Some(start))
}

fn deleted(item: &Properties) -> Vec<Properties> {
    item.groups(c::EXCEPTIONS).iter().filter(|e| repair::is_deleted(e)).cloned().collect()
}

fn all_as_deleted(item: &Properties) -> Vec<Properties> {
    let starts = item.groups(c::EXCEPTIONS).iter().filter_map(|e| e.text(c::EXCEPTION_START_TIME));
    starts
        .map(|start| {
            let mut exception = Properties::default();
            exception.set_text(c::EXCEPTION_START_TIME, start);
            exception.set_text(c::DELETED, "1");
            exception
        })
        .collect()
}

/// The exception of that start in the series as it fits.
fn fitted_exception(fitted: &Properties, exception: &Properties) -> Properties {
    let start = exception.text(c::EXCEPTION_START_TIME);
    let found = fitted.groups(c::EXCEPTIONS).iter().find(|e| e.text(c::EXCEPTION_START_TIME) == start);
    found.unwrap_or(exception).clone()
}

/// An exception as Horde has it, under the original start that it should have.
fn horde_exception(text: &str, like: &Vevent) -> Option<Vevent> {
    let calendar = Calendar::read(text);
    let same = |event: &&Vevent| event.agrees(like, "DTSTART") && event.agrees(like, "SUMMARY");
    let mut found = calendar.exceptions().filter(same);
    let mut event = found.next().cloned().filter(|_| found.next().is_none())?;
    event.take(like, "RECURRENCE-ID");
    ["DTSTAMP", "CREATED", "LAST-MODIFIED", "ORGANIZER"].iter().for_each(|name| drop(event.lines.remove(*name)));
    Some(event)
}

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
    Add { text: String, has_attendees: bool },
    /// Set event and exceptions anew.
    Import(String),
}

/// What has to be done, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// The least; `None`: only [`Plan::whole`] does it.
    pub(super) steps: Option<Vec<Step>>,
    /// The event anew.
    pub(super) whole: Vec<Step>,
    /// There are or will be exceptions.
    pub(super) has_exceptions: bool,
}

/// Works out what makes `new` of `old`.
pub(super) fn plan(there: There<'_>, old: State<'_>, new: State<'_>) -> Plan {
    let draft = Draft::new(there, old, new);
    let horde = exceptions(there.item);
    let (mut steps, mut whole) = (Vec::new(), vec![draft.anew()]);
    if draft.differs.iter().any(|name| name != "ORGANIZER") {
        steps.push(draft.replace());
    }
    if draft.foreign {
        whole.extend(Calendar::read(there.text).exceptions().cloned());
    }
    for (start, exception) in exceptions(new.item) {
        let Some(wanted) = vevent(there, new, exception) else { continue };
        let before = exceptions(old.item).get(start).and_then(|exception| vevent(there, old, exception));
        match horde.get(start) {
            Some(_) if before.as_ref().is_some_and(|before| wanted.differs(before).is_empty()) => {
                whole.push(horde_exception(there.text, &wanted).unwrap_or(wanted));
            }
            Some(had) => {
                let event = changed(&wanted, before.as_ref());
                steps.push(Step::Instance { exception: (*had).clone(), zones: draft.after.clone(), event });
                whole.push(wanted);
            }
            None => {
                steps.push(add(&draft.after, &wanted));
                whole.push(wanted);
            }
        }
    }
    let removed = horde.iter().filter(|(start, _)| is_deleted_at(new.item, start));
    steps.extend(removed.map(|(_, exception)| Step::Remove { exception: (*exception).clone() }));
    if steps.is_empty() {
        // Only what is kept beside changes; Horde's history tells the other devices.
        steps.push(draft.replace());
    }
    let stays = |start: &str| exceptions(new.item).contains_key(start) || is_deleted_at(new.item, start);
    let only_whole = draft.loses_attendees() || !horde.is_empty() && draft.moves() || !horde.keys().all(|s| stays(s));
    let has_exceptions = draft.foreign || whole.len() > 1 || !horde.is_empty();
    Plan { steps: (!only_whole).then_some(steps), whole: import(&draft.after, whole), has_exceptions }
}

/// A new event.
pub(super) fn anew(new: State<'_>, uid: &str, home: &Home) -> Vec<Step> {
    let mut calendar = Calendar::read(&ical::write(&limits::fit(new.item), uid, new.zone, home, None));
    let mut events = std::mem::take(&mut calendar.events);
    // Kronolith takes the user for the organizer of whatever is in his calendar.
    events.iter_mut().for_each(|event| drop(event.lines.remove("ORGANIZER")));
    import(&calendar, events)
}

/// Sets everything at once, but for the exceptions with attendees, which Kronolith would lose.
fn import(zones: &Calendar, events: Vec<Vevent>) -> Vec<Step> {
    let is_late = |event: &Vevent| event.lines.contains_key("RECURRENCE-ID") && event.lines.contains_key("ATTENDEE");
    let (late, early): (Vec<Vevent>, Vec<Vevent>) = events.into_iter().partition(is_late);
    let mut steps = vec![Step::Import(zones.with(&early))];
    steps.extend(late.iter().map(|event| add(zones, event)));
    steps
}

fn add(zones: &Calendar, event: &Vevent) -> Step {
    Step::Add { text: zones.with([event]), has_attendees: event.lines.contains_key("ATTENDEE") }
}

/// The event without its exceptions, before and after.
struct Draft {
    /// As Horde wrote it.
    theirs: Vevent,
    /// As it is to be, with the zones that it needs.
    after: Calendar,
    /// The same.
    event: Vevent,
    /// EXDATEs of all exceptions: Kronolith leaves out what it has an exception of.
    full: Vevent,
    /// Properties that are to be changed.
    differs: Vec<String>,
    /// The rule is one that no phone understands.
    foreign: bool,
}

impl Draft {
    fn new(there: There<'_>, old: State<'_>, new: State<'_>) -> Self {
        let write = |state: State<'_>, which: fn(&Properties) -> Vec<Properties>| {
            let mut item = limits::fit(state.item);
            let exceptions = which(&item);
            item.0.insert(c::EXCEPTIONS, Value::Groups(exceptions));
            Calendar::read(&ical::write(&item, there.uid, state.zone, there.home, None))
        };
        let (before, after) = (write(old, deleted).master(), write(new, deleted));
        let (event, theirs) = (after.master(), Calendar::read(there.text).master());
        let differs: Vec<String> = before.differs(&event).into_iter().cloned().collect();
        let has_rule = theirs.lines.contains_key("RRULE");
        let foreign =
            has_rule && there.item.group(c::RECURRENCE).is_none() && !differs.iter().any(|name| name == "RRULE");
        Self { theirs, event, full: write(new, all_as_deleted).master(), after, differs, foreign }
    }

    fn has(&self, name: &str) -> bool {
        self.differs.iter().any(|differs| differs == name)
    }

    /// Whether the exceptions lose what they are exceptions of.
    fn moves(&self) -> bool {
        self.has("DTSTART") || self.has("RRULE")
    }

    /// Kronolith merges no empty list of attendees.
    fn loses_attendees(&self) -> bool {
        self.has("ATTENDEE") && !self.event.lines.contains_key("ATTENDEE")
    }

    /// Tells what differs.
    fn replace(&self) -> Step {
        let mut event = Vevent::default();
        self.set(&mut event);
        if self.has(ALARM) && !event.lines.contains_key(ALARM) {
            event.lines.insert(ALARM.to_owned(), NO_ALARM.map(str::to_owned).to_vec());
        }
        if self.has("RRULE") || self.has("EXDATE") {
            self.set_rule(&mut event);
        }
        Step::Replace(self.after.with([&event]))
    }

    /// The event as Horde has it, with what differs.
    fn anew(&self) -> Vevent {
        let mut event = without_stamps(self.theirs.clone());
        self.set(&mut event);
        self.set_rule(&mut event);
        event
    }

    fn set(&self, event: &mut Vevent) {
        ALWAYS.iter().for_each(|name| event.take(&self.event, name));
        let plain = self.differs.iter().filter(|name| !matches!(name.as_str(), "RRULE" | "EXDATE" | "ORGANIZER"));
        plain.for_each(|name| event.take(&self.event, name));
    }

    fn set_rule(&self, event: &mut Vevent) {
        event.take(if self.has("RRULE") { &self.full } else { &self.theirs }, "RRULE");
        event.take(if self.foreign { &self.theirs } else { &self.full }, "EXDATE");
        // An empty rule makes a single event of a series.
        event.lines.entry("RRULE".to_owned()).or_insert_with(|| vec!["RRULE:".to_owned()]);
    }
}

/// An exception with everything that it inherits.
fn vevent(there: There<'_>, state: State<'_>, exception: &Properties) -> Option<Vevent> {
    let fitted = limits::fit(state.item);
    let start = exception.text(c::EXCEPTION_START_TIME)?;
    let exception = *exceptions(&fitted).get(start)?;
    let text = ical::write_exception(&fitted, exception, there.uid, state.zone, there.home, None);
    let mut event = Calendar::read(&text).events.into_iter().next()?;
    event.lines.remove("ORGANIZER");
    Some(event)
}

/// What has to be merged into the event that Horde has for an exception.
fn changed(wanted: &Vevent, before: Option<&Vevent>) -> Vevent {
    let mut event = wanted.clone();
    if let Some(before) = before {
        event.lines.retain(|name, _| ALWAYS.contains(&name.as_str()) || !wanted.agrees(before, name));
    }
    event.lines.remove("RECURRENCE-ID");
    if !wanted.lines.contains_key(ALARM) {
        event.lines.insert(ALARM.to_owned(), NO_ALARM.map(str::to_owned).to_vec());
    }
    event
}

fn without_stamps(mut event: Vevent) -> Vevent {
    ["DTSTAMP", "CREATED", "LAST-MODIFIED", "ORGANIZER"].iter().for_each(|name| drop(event.lines.remove(*name)));
    event
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

/// An exception as Horde has it, under the original start that it should have.
fn horde_exception(text: &str, like: &Vevent) -> Option<Vevent> {
    let calendar = Calendar::read(text);
    let same = |event: &&Vevent| event.agrees(like, "DTSTART") && event.agrees(like, "SUMMARY");
    let mut found = calendar.exceptions().filter(same);
    let mut event = found.next().cloned().filter(|_| found.next().is_none())?;
    ALWAYS.iter().chain(&["RECURRENCE-ID"]).for_each(|name| event.take(like, name));
    Some(without_stamps(event))
}

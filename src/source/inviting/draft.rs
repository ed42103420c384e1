//! Who is to be told what when an event changes.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    convert::{
        ical,
        itip::{Method, Person, is_address, zone_of},
    },
    proto::class::{Blob, Patch, Properties, Value},
    source::Identity,
    wbxml::{
        Tag,
        tag::{air_sync_base as b, calendar as c},
    },
};

/// Bits of MeetingStatus (MS-ASCAL 2.2.2.28).
pub(super) const MEETING: u8 = 1;
pub(super) const RECEIVED: u8 = 2;
pub(super) const CANCELLED: u8 = 4;

/// What attendees see of an event; a change of anything else is the user's own business.
const SEEN: [Tag; 9] = [
    c::SUBJECT,
    c::START_TIME,
    c::END_TIME,
    c::ALL_DAY_EVENT,
    c::RECURRENCE,
    b::LOCATION,
    b::BODY,
    c::ONLINE_MEETING_CONF_LINK,
    c::ONLINE_MEETING_EXTERNAL_LINK,
];
/// What makes earlier answers void.
const WHEN: [Tag; 5] = [c::START_TIME, c::END_TIME, c::ALL_DAY_EVENT, c::RECURRENCE, c::TIMEZONE];

/// A mail to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) method: Method,
    /// The event as it is to be told.
    pub(super) item: Properties,
    /// The occurrence that is meant.
    pub(super) exception: Option<Properties>,
    pub(super) to: Vec<Person>,
    /// Whether the meeting takes place at another time, or not at all.
    pub(super) moved: bool,
}

/// The mails for a change from `before` (`None`: the event is new) to `after` (`None`: it is deleted). None when nobody takes part, when
/// the user is not the organizer, or when nothing changed that others see.
pub(super) fn drafts(before: Option<&Properties>, after: Option<&Properties>, me: &Identity) -> Vec<Draft> {
    let ours = |item: &&Properties| is_organizer(item, me) && takes_company(item);
    let drafts = match (before.filter(ours), after) {
        (None, Some(after)) if ours(&after) => vec![whole(Method::Request, after, people(after, me), false)],
        (Some(before), None) => cancel(before, people(before, me)).into_iter().collect(),
        (Some(before), Some(after)) if is_cancelled(after) => cancel(before, people(before, me)).into_iter().collect(),
        (Some(before), Some(after)) if is_organizer(after, me) => changed(before, after, me),
        _ => Vec::new(),
    };
    drafts.into_iter().filter(|draft| !draft.to.is_empty()).collect()
}

/// Whether anybody takes part: in all of it, or in an occurrence.
pub(super) fn takes_company(item: &Properties) -> bool {
    let any = |item: &Properties| !item.groups(c::ATTENDEES).is_empty();
    any(item) || item.groups(c::EXCEPTIONS).iter().any(any)
}

/// Whether a change of these properties may concern others.
pub(super) fn concerns(patch: &Patch) -> bool {
    let more = [c::ATTENDEES, c::EXCEPTIONS, c::MEETING_STATUS, c::TIMEZONE];
    patch.set.0.keys().chain(&patch.clear).any(|tag| SEEN.contains(tag) || more.contains(tag))
}

fn changed(before: &Properties, after: &Properties, me: &Identity) -> Vec<Draft> {
    let (had, have) = (people(before, me), people(after, me));
    let gone = without(&had, &have);
    let new = without(&have, &had);
    let mut drafts: Vec<Draft> = cancel(before, gone).into_iter().collect();
    if seen(before) != seen(after) {
        let moved = differs(before, after, &WHEN);
        drafts.push(whole(Method::Update, after, without(&have, &new), moved));
        drafts.push(whole(Method::Request, after, new, moved));
        // The whole has all occurrences in it.
        return drafts;
    }
    drafts.push(whole(Method::Request, after, new.clone(), false));
    drafts.extend(occurrences(before, after, &new, me));
    drafts
}

/// The mails about single occurrences; those who are `new` got the whole.
fn occurrences(before: &Properties, after: &Properties, new: &[Person], me: &Identity) -> Vec<Draft> {
    let start = |exception: &Properties| exception.text(c::EXCEPTION_START_TIME).map(str::to_owned);
    let known: BTreeMap<_, _> = before.groups(c::EXCEPTIONS).iter().map(|e| (start(e), e)).collect();
    let mut drafts = Vec::new();
    for exception in after.groups(c::EXCEPTIONS) {
        let mut unchanged = Properties::default();
        unchanged.set_text(c::EXCEPTION_START_TIME, start(exception).unwrap_or_default());
        let old = known.get(&start(exception)).copied().unwrap_or(&unchanged);
        if is_off(old) {
            continue;
        }
        let zone = |item| zone_of(item, &me.zone);
        let was = ical::occurrence(before, old, &zone(before));
        let is = ical::occurrence(after, exception, &zone(after));
        let (had, have) = (people(&was, me), people(&is, me));
        let one = |method, exception: &Properties, to, moved| Draft {
            method,
            item: after.clone(),
            exception: Some(exception.clone()),
            to,
            moved,
        };
        if is_off(exception) {
            let mut old = old.clone();
            old.set_text(c::DELETED, "1");
            drafts.push(one(Method::Cancel, &old, had, true));
            continue;
        }
        let fresh = without(&have, &had);
        drafts.push(one(Method::Cancel, old, without(&had, &have), true));
        if seen(&was) != seen(&is) {
            let to = without(&without(&have, &fresh), new);
            drafts.push(one(Method::Update, exception, to, differs(&was, &is, &WHEN)));
        }
        drafts.push(one(Method::Request, exception, without(&fresh, new), false));
    }
    drafts
}

fn whole(method: Method, item: &Properties, to: Vec<Person>, moved: bool) -> Draft {
    let mut item = item.clone();
    if moved && let Some(Value::Groups(attendees)) = item.0.get_mut(&c::ATTENDEES) {
        // What was answered was answered for another time.
        attendees.iter_mut().for_each(|attendee| drop(attendee.0.remove(&c::ATTENDEE_STATUS)));
    }
    Draft { method, item, exception: None, to, moved }
}

/// The end of a meeting; nobody is told of one that was called off before.
fn cancel(item: &Properties, to: Vec<Person>) -> Option<Draft> {
    let mut item = item.clone();
    item.0.remove(&c::EXCEPTIONS);
    (!is_cancelled(&item)).then_some(Draft { method: Method::Cancel, item, exception: None, to, moved: true })
}

fn is_off(exception: &Properties) -> bool {
    exception.text(c::DELETED) == Some("1") || is_cancelled(exception)
}

pub(super) fn meeting_status(item: &Properties) -> u8 {
    item.text(c::MEETING_STATUS).and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

fn is_cancelled(item: &Properties) -> bool {
    meeting_status(item) & CANCELLED != 0
}

/// Whether the user is who invites to this event: nobody else is named, and it was not received.
pub(super) fn is_organizer(item: &Properties, me: &Identity) -> bool {
    let named = item.text(c::ORGANIZER_EMAIL).filter(|address| !address.is_empty());
    named.map_or(meeting_status(item) & RECEIVED == 0, |address| me.has(address))
}

/// Everybody who takes part but the user.
fn people(item: &Properties, me: &Identity) -> Vec<Person> {
    let mut met = BTreeSet::new();
    let attendees = item.groups(c::ATTENDEES).iter();
    let others = attendees.filter_map(|attendee| {
        let address = attendee.text(c::EMAIL)?.trim();
        let fresh = is_address(address) && !me.has(address) && met.insert(address.to_lowercase());
        let name = attendee.text(c::NAME).unwrap_or_default().to_owned();
        fresh.then(|| Person { name, address: address.to_owned() })
    });
    others.collect()
}

fn without(people: &[Person], others: &[Person]) -> Vec<Person> {
    let other = |p: &&Person| !others.iter().any(|o| o.address.eq_ignore_ascii_case(&p.address));
    people.iter().filter(other).cloned().collect()
}

fn differs(a: &Properties, b: &Properties, tags: &[Tag]) -> bool {
    let (a, b) = (seen(a), seen(b));
    tags.iter().any(|tag| a.get(tag) != b.get(tag))
}

/// What attendees see, in one form.
pub(super) fn seen(item: &Properties) -> BTreeMap<Tag, Value> {
    let there = SEEN.iter().filter_map(|tag| Some((*tag, item.0.get(tag)?))).filter(|(_, value)| !value.is_empty());
    let mut seen: BTreeMap<Tag, Value> = there.map(|(tag, value)| (tag, plain(value))).collect();
    if seen.get(&c::ALL_DAY_EVENT) == Some(&Value::Text("0".to_owned())) {
        seen.remove(&c::ALL_DAY_EVENT);
    }
    // A series follows its zone, a single event is at its moment whatever the zone is called.
    if seen.contains_key(&c::RECURRENCE)
        && let Some(mut blob) = item.text(c::TIMEZONE).and_then(Blob::parse)
    {
        // Every phone has its own names.
        blob.standard.name.fill(0);
        blob.daylight.name.fill(0);
        seen.insert(c::TIMEZONE, Value::Text(blob.encode()));
    }
    seen
}

fn plain(value: &Value) -> Value {
    match value {
        Value::Body(body) => Value::Text(body.data.split_whitespace().collect::<Vec<_>>().join(" ")),
        Value::Text(text) => Value::Text(text.trim().to_owned()),
        Value::Group(group) => {
            let there = group.0.iter().filter(|(_, value)| !value.is_empty());
            Value::Group(Properties(there.map(|(tag, value)| (*tag, plain(value))).collect()))
        }
        other => other.clone(),
    }
}

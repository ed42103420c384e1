//! What the versions make of events: before 16.0 the dates of all-day events are local midnights in UTC.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use super::super::{super::Version, Properties, Value, value, zone::Blob};
use crate::wbxml::{
    Tag,
    tag::{air_sync_base as b, calendar as c},
};

/// The neutral item as a version writes it.
pub(super) fn shown(item: &Properties, version: Version) -> Properties {
    let mut item = item.clone();
    complete_rule(&mut item);
    let zone = zone(&item, &Properties::default());
    let series = is_all_day(&item);
    if version.traits().plain_days {
        if series == Some(true) {
            item.0.remove(&c::TIMEZONE);
        }
        return item;
    }
    let midnight =
        |civil: DateTime| compact(zone.as_ref().map_or_else(|| utc(civil), |zone| Some(zone.to_utc(civil)))?);
    convert(&mut item, series.unwrap_or(false), series.unwrap_or(false), &midnight);
    item
}

/// What a phone sent for the event `now`, as neutral properties.
pub(super) fn meant(sent: &Properties, now: &Properties, version: Version) -> Properties {
    let mut item = sent.clone();
    // When the phone made its copy means nothing to anybody else.
    item.0.remove(&c::DT_STAMP);
    keep_place(&mut item, now);
    keep_answers(&mut item, now);
    let zone = zone(sent, now).filter(|_| !version.traits().plain_days);
    let day = |civil: DateTime| {
        let local = zone.as_ref().map_or(Some(civil), |zone| Some(zone.to_local(utc(civil)?)));
        Some(written(midnight_of(value::nearest_midnight(local?)?)))
    };
    let was = is_all_day(now).unwrap_or(false);
    let is = is_all_day(sent).unwrap_or(was);
    convert(&mut item, is, is, &day);
    if is {
        at_least_a_day(&mut item);
    }
    item
}

/// The exception that a command for one occurrence makes of what was sent for it (16.0+).
pub(in super::super) fn exception(instance: &str, sent: Properties, series: &Properties) -> Option<Properties> {
    let mut exception = sent;
    exception.0.remove(&c::TIMEZONE);
    exception.0.remove(&c::UID);
    exception.0.remove(&c::CLIENT_UID);
    let civil = value::civil(instance)?;
    let civil = if is_all_day(series) == Some(true) { midnight_of(value::nearest_midnight(civil)?) } else { civil };
    exception.set_text(c::EXCEPTION_START_TIME, written(civil));
    Some(exception)
}

/// Status 6: a rule without Type; WeekOfMonth, DayOfMonth and their like are asked for by the type (MS-ASCAL 2.2.2.37).
pub(super) fn sound(sent: &Properties) -> bool {
    let Some(rule) = sent.group(c::RECURRENCE).filter(|rule| !rule.0.is_empty()) else { return true };
    let there = |tag: &Tag| rule.text(*tag).is_some_and(|text| !text.is_empty());
    let needed: &[Tag] = match rule.text(c::TYPE) {
        Some("0") => &[],
        Some("1") => &[c::DAY_OF_WEEK],
        Some("2") => &[c::DAY_OF_MONTH],
        Some("3") => &[c::WEEK_OF_MONTH, c::DAY_OF_WEEK],
        Some("5") => &[c::DAY_OF_MONTH, c::MONTH_OF_YEAR],
        Some("6") => &[c::WEEK_OF_MONTH, c::DAY_OF_WEEK, c::MONTH_OF_YEAR],
        _ => return false,
    };
    // Lunar and other calendars cannot be stored.
    let gregorian = rule.text(c::CALENDAR_TYPE).is_none_or(|kind| matches!(kind, "" | "0" | "1" | "2"));
    gregorian && needed.iter().all(there)
}

fn is_all_day(item: &Properties) -> Option<bool> {
    item.text(c::ALL_DAY_EVENT).filter(|text| !text.is_empty()).map(|text| text == "1")
}

fn zone(item: &Properties, otherwise: &Properties) -> Option<Blob> {
    let text = |item: &Properties| item.text(c::TIMEZONE).and_then(Blob::parse);
    text(item).or_else(|| text(otherwise))
}

/// Puts the dates of all-day events and of the all-day exceptions of a series through `day`.
fn convert(item: &mut Properties, all_day: bool, series: bool, day: &dyn Fn(DateTime) -> Option<String>) {
    if all_day {
        apply(item, c::START_TIME, day);
        apply(item, c::END_TIME, day);
    }
    if series && let Some(Value::Group(rule)) = item.0.get_mut(&c::RECURRENCE) {
        apply(rule, c::UNTIL, day);
    }
    if let Some(Value::Groups(exceptions)) = item.0.get_mut(&c::EXCEPTIONS) {
        for exception in exceptions {
            if series {
                apply(exception, c::EXCEPTION_START_TIME, day);
            }
            let all_day = is_all_day(exception).unwrap_or(series);
            convert(exception, all_day, false, day);
        }
    }
}

fn apply(item: &mut Properties, tag: Tag, day: &dyn Fn(DateTime) -> Option<String>) {
    if let Some(text) = item.text(tag).and_then(value::civil).and_then(day) {
        item.set_text(tag, text);
    }
}

/// An all-day event lasts a day at least, whatever a phone makes of its end.
fn at_least_a_day(item: &mut Properties) {
    let civil = |tag| item.text(tag).and_then(value::civil);
    if let (Some(start), Some(end)) = (civil(c::START_TIME), civil(c::END_TIME))
        && end <= start
        && let Ok(next) = start.date().tomorrow()
    {
        item.set_text(c::END_TIME, written(midnight_of(next)));
    }
}

/// The name alone is what older versions show of a location; sent back as it was it changes nothing of the rest.
fn keep_place(item: &mut Properties, now: &Properties) {
    let name =
        |item: &Properties| item.group(b::LOCATION).and_then(|place| place.text(b::DISPLAY_NAME)).map(str::to_owned);
    if item.group(b::LOCATION).is_some_and(|place| place.0.len() == 1)
        && name(item) == name(now)
        && let Some(place) = now.0.get(&b::LOCATION)
    {
        item.0.insert(b::LOCATION, place.clone());
    }
}

/// Who has answered what is not for the organizer's phone to say (16.0+), nor known to the oldest: an attendee who stays keeps what is not told
/// of him.
fn keep_answers(item: &mut Properties, now: &Properties) {
    keep_attendees(item, now.groups(c::ATTENDEES));
    if let Some(Value::Groups(exceptions)) = item.0.get_mut(&c::EXCEPTIONS) {
        for exception in exceptions {
            let start = exception.text(c::EXCEPTION_START_TIME);
            let known = now.groups(c::EXCEPTIONS).iter().find(|known| known.text(c::EXCEPTION_START_TIME) == start);
            let own = known.map(|known| known.groups(c::ATTENDEES)).filter(|own| !own.is_empty());
            keep_attendees(exception, own.unwrap_or(now.groups(c::ATTENDEES)));
        }
    }
}

fn keep_attendees(item: &mut Properties, known: &[Properties]) {
    let address = |attendee: &Properties| attendee.text(c::EMAIL).map(str::to_lowercase);
    let known: BTreeMap<_, _> = known.iter().map(|known| (address(known), known)).collect();
    let Some(Value::Groups(attendees)) = item.0.get_mut(&c::ATTENDEES) else { return };
    for attendee in attendees {
        for (tag, value) in known.get(&address(attendee)).iter().flat_map(|known| &known.0) {
            attendee.0.entry(*tag).or_insert_with(|| value.clone());
        }
    }
}

/// What answers must have of a rule although it says nothing new (MS-ASCAL 2.2.2.9, 2.2.2.23): the table leaves it out where a version has not got it.
fn complete_rule(item: &mut Properties) {
    let Some(Value::Group(rule)) = item.0.get_mut(&c::RECURRENCE) else { return };
    let missing = match rule.text(c::TYPE) {
        Some("1") => c::FIRST_DAY_OF_WEEK,
        Some("2" | "3" | "5" | "6") => c::CALENDAR_TYPE,
        _ => return,
    };
    if rule.text(missing).is_none() {
        // Monday, as in RFC 5545; the default calendar.
        rule.set_text(missing, if missing == c::FIRST_DAY_OF_WEEK { "1" } else { "0" });
    }
}

fn utc(civil: DateTime) -> Option<Timestamp> {
    civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

fn compact(at: Timestamp) -> Option<String> {
    Some(written(at.to_zoned(TimeZone::UTC).datetime()))
}

fn written(civil: DateTime) -> String {
    civil.strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn midnight_of(date: jiff::civil::Date) -> DateTime {
    date.to_datetime(jiff::civil::Time::midnight())
}

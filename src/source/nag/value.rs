//! Tasks between a phone and Nag.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use super::{
    series::{Series, same_rule},
    task::Task,
};
use crate::{
    proto::class::{Patch, Properties, Value, applied},
    source::app::text::{Limit, body_of, cut, list_of, printable, put, settled_body, sorted, text_of},
    wbxml::{
        Tag,
        tag::{air_sync_base::BODY, tasks as t},
    },
};

/// Everything that a task has on phones.
pub(super) static TAGS: [Tag; 16] = [
    t::SUBJECT,
    BODY,
    t::IMPORTANCE,
    t::UTC_START_DATE,
    t::START_DATE,
    t::UTC_DUE_DATE,
    t::DUE_DATE,
    t::CATEGORIES,
    t::RECURRENCE,
    t::COMPLETE,
    t::DATE_COMPLETED,
    t::SENSITIVITY,
    t::REMINDER_TIME,
    t::REMINDER_SET,
    t::ORDINAL_DATE,
    t::SUB_ORDINAL_DATE,
];

const START: [Tag; 2] = [t::UTC_START_DATE, t::START_DATE];
const DUE: [Tag; 2] = [t::UTC_DUE_DATE, t::DUE_DATE];
/// Nag's columns.
const NAME: Limit = Limit::Characters(255);
const DESC: Limit = Limit::Bytes(65_535);
const TAG: Limit = Limit::Characters(255);

/// The task as phones see it, without what is kept beside.
pub(super) fn item_of(task: &Task, zone: &TimeZone) -> Properties {
    let mut item = Properties::default();
    item.set_text(t::SUBJECT, printable(&task.name));
    put(&mut item, BODY, body_of(&task.desc));
    item.set_text(t::IMPORTANCE, importance(task.priority));
    for ([utc, at], moment) in [(START, task.next_start()), (DUE, task.next_due())] {
        if moment != 0 {
            item.set_text(utc, wire_utc(moment));
            item.set_text(at, local(moment, zone).map(wire).unwrap_or_default());
        }
    }
    put(&mut item, t::CATEGORIES, list_of(sorted(task.tags.iter().cloned())));
    let rule = task.series.as_ref().filter(|_| task.due != 0).and_then(|series| series.rule(task.next_due(), zone));
    put(&mut item, t::RECURRENCE, rule.map(Value::Group));
    item.set_text(t::COMPLETE, if task.completed { "1" } else { "0" });
    if task.completed && task.completed_date != 0 {
        item.set_text(t::DATE_COMPLETED, wire_utc(task.completed_date));
    }
    item.set_text(t::SENSITIVITY, if task.private { "2" } else { "0" });
    let reminder = task.alarm > 0 && task.due != 0;
    item.set_text(t::REMINDER_SET, if reminder { "1" } else { "0" });
    if reminder {
        item.set_text(t::REMINDER_TIME, wire_utc(task.next_due().saturating_sub(task.alarm.saturating_mul(60))));
    }
    item
}

/// The item as it is to be after a change, every value in the one form in which values are compared and kept.
pub(super) fn wanted(seen: &Properties, patch: &Patch, zone: &TimeZone) -> Properties {
    let mut item = applied(patch, seen);
    item.0.retain(|tag, _| TAGS.contains(tag));
    for tag in [t::SUBJECT, t::SUB_ORDINAL_DATE] {
        let text = printable(item.text(tag).unwrap_or_default());
        item.set_text(tag, text);
    }
    let body = settled_body(item.0.get(&BODY), seen.0.get(&BODY));
    put(&mut item, BODY, body);
    for pair in [START, DUE] {
        settle(&mut item, patch, pair, zone);
    }
    if let Some(Value::List(tags)) = item.0.remove(&t::CATEGORIES) {
        put(&mut item, t::CATEGORIES, list_of(sorted(tags.iter().map(|tag| printable(tag)))));
    }
    for (tag, otherwise) in [(t::COMPLETE, "0"), (t::IMPORTANCE, "1"), (t::SENSITIVITY, "0"), (t::REMINDER_SET, "0")] {
        if item.text(tag).is_none_or(str::is_empty) {
            item.set_text(tag, otherwise);
        }
    }
    if item.text(t::COMPLETE) != Some("1") {
        item.0.remove(&t::DATE_COMPLETED);
    }
    if item.text(t::REMINDER_SET) != Some("1") || moment(&item, t::REMINDER_TIME).is_none() {
        item.set_text(t::REMINDER_SET, "0");
        item.0.remove(&t::REMINDER_TIME);
    }
    if let Some(Value::Group(mut rule)) = item.0.remove(&t::RECURRENCE) {
        rule.0.retain(|_, value| !value.is_empty());
        put(&mut item, t::RECURRENCE, (!rule.0.is_empty()).then_some(Value::Group(rule)));
    }
    item
}

/// Makes the task what `wanted` says where that is not what `seen` says; the rest stays as Nag has it.
pub(super) fn change(task: &Task, seen: &Properties, wanted: &Properties, zone: &TimeZone) -> Task {
    let changed = |tags: &[Tag]| tags.iter().any(|tag| seen.0.get(tag) != wanted.0.get(tag));
    let mut task = task.clone();
    if changed(&[t::SUBJECT]) {
        task.name = cut(wanted.text(t::SUBJECT).unwrap_or_default(), NAME).to_owned();
    }
    if changed(&[BODY]) {
        task.desc = cut(&text_of(wanted.0.get(&BODY)), DESC).to_owned();
    }
    if changed(&[t::IMPORTANCE]) {
        task.priority = match wanted.text(t::IMPORTANCE) {
            Some("0") => 5,
            Some("2") => 1,
            _ => 3,
        };
    }
    let moved = changed(&DUE);
    if moved || changed(&START) {
        // A series of which some occurrences are done begins anew with the one that the phone has.
        let anew = task.series.as_mut().is_some_and(Series::begin_anew);
        if moved || anew {
            task.due = pair(wanted, DUE, zone);
        }
        if changed(&START) || anew {
            task.start = pair(wanted, START, zone);
        }
    }
    if moved || changed(&[t::REMINDER_SET, t::REMINDER_TIME]) {
        task.alarm = minutes(task.next_due(), moment(wanted, t::REMINDER_TIME));
    }
    if changed(&[t::COMPLETE, t::DATE_COMPLETED]) {
        task.completed = wanted.text(t::COMPLETE) == Some("1");
        task.completed_date = moment(wanted, t::DATE_COMPLETED).filter(storable).unwrap_or(0);
    }
    if changed(&[t::SENSITIVITY]) {
        task.private = matches!(wanted.text(t::SENSITIVITY), Some("2" | "3"));
    }
    if changed(&[t::CATEGORIES]) {
        let tags = match wanted.0.get(&t::CATEGORIES) {
            Some(Value::List(tags)) => tags.as_slice(),
            _ => &[],
        };
        task.tags = sorted(tags.iter().map(|tag| cut(tag, TAG).to_owned()));
        task.tags.dedup_by_key(|tag| tag.to_lowercase());
    }
    if changed(&[t::RECURRENCE]) {
        let follows = item_of(&task, zone);
        let same = follows.group(t::RECURRENCE).zip(wanted.group(t::RECURRENCE)).is_some_and(|(a, b)| same_rule(a, b));
        if !same {
            task.series = None;
        }
    }
    task
}

/// Of dates of which a phone sent one or both: both, and the same.
fn settle(item: &mut Properties, patch: &Patch, [utc, at]: [Tag; 2], zone: &TimeZone) {
    let sent = |tag| patch.set.0.contains_key(&tag);
    if sent(utc) != sent(at) {
        item.0.remove(if sent(utc) { &at } else { &utc });
    } else if !sent(utc) && [utc, at].iter().any(|tag| patch.clear.contains(tag)) {
        item.0.remove(&utc);
        item.0.remove(&at);
    }
    let (moment, day) = (moment(item, utc), civil(item, at));
    match (moment, day) {
        (Some(moment), None) => item.set_text(at, local(moment, zone).map(wire).unwrap_or_default()),
        (None, Some(day)) => item.set_text(utc, wire_utc(to_utc(day, zone))),
        (None, None) => {
            item.0.remove(&utc);
            item.0.remove(&at);
        }
        (Some(_), Some(_)) => {}
    }
}

/// The moment that a pair means. A phone in another time zone than Horde means the day that it shows; one that writes the same twice has
/// only told the moment.
fn pair(item: &Properties, [utc, at]: [Tag; 2], zone: &TimeZone) -> i64 {
    let moment = moment(item, utc).filter(storable);
    let day = civil(item, at).filter(|day| moment.is_none_or(|moment| local(moment, zone) != Some(*day)));
    let told = day.filter(|_| item.text(utc) != item.text(at)).map(|day| to_utc(day, zone));
    told.or(moment).filter(storable).unwrap_or(0)
}

/// Whether Nag's column takes it; 0 is none.
fn storable(moment: &i64) -> bool {
    i32::try_from(*moment).is_ok_and(|moment| moment != 0)
}

/// Nag's alarm for a reminder: no later than it, at least a minute before.
fn minutes(due: i64, reminder: Option<i64>) -> i64 {
    match reminder {
        Some(reminder) if due != 0 && reminder <= due => {
            let seconds = due.saturating_sub(reminder);
            let minutes = (seconds / 60 + i64::from(seconds % 60 != 0)).max(1);
            if i32::try_from(minutes).is_ok() { minutes } else { 0 }
        }
        _ => 0,
    }
}

fn importance(priority: i64) -> &'static str {
    match priority {
        1 | 2 => "2",
        4 | 5 => "0",
        _ => "1",
    }
}

/// `2026-12-01T05:40:00.000Z`.
pub(super) fn wire(civil: DateTime) -> String {
    civil.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

fn wire_utc(moment: i64) -> String {
    local(moment, &TimeZone::UTC).map(wire).unwrap_or_default()
}

/// What the clock shows; `None` beyond the year 9999.
pub(super) fn local(moment: i64, zone: &TimeZone) -> Option<DateTime> {
    let civil = zone.to_datetime(Timestamp::from_second(moment).ok()?);
    (0..=9999).contains(&civil.year()).then_some(civil)
}

pub(super) fn to_utc(civil: DateTime, zone: &TimeZone) -> i64 {
    zone.to_timestamp(civil).unwrap_or_default().as_second()
}

fn civil(item: &Properties, tag: Tag) -> Option<DateTime> {
    item.text(tag)?.strip_suffix('Z')?.parse().ok()
}

fn moment(item: &Properties, tag: Tag) -> Option<i64> {
    Some(to_utc(civil(item, tag)?, &TimeZone::UTC))
}

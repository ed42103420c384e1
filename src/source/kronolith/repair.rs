//! Whenever Kronolith saves a series it takes an exception for that of the day on which it now takes place, at the time at which the series
//! starts on the clock of the web user. The original day is then left over as one that was deleted. This puts it right as far as can be
//! told from the outside.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::text::{moment, written};
use crate::{
    convert::ical,
    proto::class::{Properties, Value},
    wbxml::tag::calendar as c,
};

/// How far around an exception an occurrence is looked for that it may be of.
const AROUND: SignedDuration = SignedDuration::from_hours(24 * 40);
/// Most occurrences that are looked at.
const MOST: usize = 3_000;

/// Gives each exception the original start of an occurrence: one that it has none of is that of the nearest one on about the same day, else that of the
/// nearest one that seems to be deleted.
pub(super) fn exceptions(item: &mut Properties, zone: &str) {
    let starts = |deleted: bool| {
        let list = item.groups(c::EXCEPTIONS).iter().filter(move |e| is_deleted(e) == deleted);
        list.filter_map(|e| moment(e, c::EXCEPTION_START_TIME)).collect::<BTreeSet<Timestamp>>()
    };
    let (changed, mut deleted) = (starts(false), starts(true));
    let (Some(first), Some(last)) = (changed.first(), changed.last()) else { return };
    let (Ok(from), Ok(to)) = (first.checked_sub(AROUND), last.checked_add(AROUND)) else { return };
    let occurrences: BTreeSet<Timestamp> = ical::occurrences(item, zone, from, to, MOST).into_iter().collect();
    if occurrences.is_empty() || changed.is_subset(&occurrences) {
        return;
    }
    let mut free: BTreeSet<Timestamp> = occurrences.difference(&changed).copied().collect();
    let Some(Value::Groups(list)) = item.0.get_mut(&c::EXCEPTIONS) else { return };
    for exception in list.iter_mut().filter(|e| !is_deleted(e)) {
        let Some(start) = moment(exception, c::EXCEPTION_START_TIME).filter(|s| !occurrences.contains(s)) else {
            continue;
        };
        let near = nearest(free.iter().filter(|at| !deleted.contains(*at)), start);
        let near = near.filter(|at| at.duration_since(start).abs() <= SignedDuration::from_hours(14));
        let Some(at) = near.or_else(|| nearest(free.intersection(&deleted), start)) else { continue };
        free.remove(&at);
        deleted.remove(&at);
        exception.set_text(c::EXCEPTION_START_TIME, written(at));
    }
    list.retain(|e| !is_deleted(e) || moment(e, c::EXCEPTION_START_TIME).is_none_or(|at| deleted.contains(&at)));
    list.sort_by_key(|e| e.text(c::EXCEPTION_START_TIME).map(str::to_owned));
}

/// The original starts that a phone sends are those of the series as it knows it, some minutes or hours beside for phones with other ideas of the zone.
pub(super) fn to_occurrences(exceptions: &mut [Properties], series: &Properties, zone: &str) {
    for exception in exceptions {
        let start = moment(exception, c::EXCEPTION_START_TIME);
        if let Some(at) = start.and_then(|start| ical::nearest(series, zone, start)) {
            exception.set_text(c::EXCEPTION_START_TIME, written(at));
        }
    }
}

pub(super) fn is_deleted(exception: &Properties) -> bool {
    exception.text(c::DELETED) == Some("1")
}

fn nearest<'a>(all: impl Iterator<Item = &'a Timestamp>, to: Timestamp) -> Option<Timestamp> {
    all.copied().min_by_key(|at| at.duration_since(to).abs())
}

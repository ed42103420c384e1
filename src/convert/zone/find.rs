//! From a law to a zone.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use jiff::{Timestamp, tz::TimeZone};

use super::{
    cache::Cache,
    changes,
    names::{self, canonical},
};
use crate::proto::class::Blob;

/// Names of the tz database, the better known first: of the zones that a law may mean the first one is taken. Those that
/// are nothing but an offset are the last.
static ZONES: LazyLock<Vec<&'static str>> = LazyLock::new(|| include_str!("zones.tsv").lines().skip(1).collect());

/// Which zones do the same in a year, by year. One takes about 50 KB.
static YEARS: Cache<i16, Arc<HashMap<Year, Vec<&'static str>>>, 50> = Cache::new();

/// The name of a zone that does in the year of `at` what `blob` says, and in the year after it if there is a choice: of
/// `preferred` (the zone that the appointment has, the user's own; names of the tz database, given back as they stand there), by the name in the blob, or the best
/// known one. `None`: no zone does that; the instants that the blob gives are still good.
pub fn zone(blob: &Blob, preferred: &[&str], at: Timestamp) -> Option<String> {
    let year = blob.to_local(at).year();
    let wanted = (Year::of_blob(blob, year), Year::of_blob(blob, year.saturating_add(1)));
    let by_name = names::in_blob(&blob.standard.name());
    let lists = [preferred.to_vec(), by_name.as_deref().into_iter().collect()];
    for names in lists {
        let mut fitting = names.into_iter().filter_map(|name| Some((name, fits(name, year, &wanted)?)));
        let first = fitting.next();
        if let Some((name, _)) = fitting.find(|(_, both)| *both && !first.is_some_and(|(_, both)| both)).or(first) {
            return Some(name.to_owned());
        }
    }
    let same = |year: i16, wanted: &Year| index(year).get(wanted).cloned().unwrap_or_default();
    let (this, next) = (same(year, &wanted.0), same(year.saturating_add(1), &wanted.1));
    this.iter().find(|name| next.contains(name)).or(this.first()).and_then(|name| canonical(name))
}

/// Whether a zone does what is wanted in the first year and, the answer, in the second.
fn fits(name: &str, year: i16, wanted: &(Year, Year)) -> Option<bool> {
    let zone = names::in_database(name)?;
    (Year::of_zone(&zone, year) == wanted.0).then(|| Year::of_zone(&zone, year.saturating_add(1)) == wanted.1)
}

fn index(year: i16) -> Arc<HashMap<Year, Vec<&'static str>>> {
    YEARS.get(year, || {
        let mut index: HashMap<Year, Vec<&'static str>> = HashMap::new();
        for name in ZONES.iter() {
            if let Some(zone) = names::in_database(name) {
                index.entry(Year::of_zone(&zone, year)).or_default().push(name);
            }
        }
        Arc::new(index)
    })
}

/// What the clocks do in a year: offset at its beginning, and the changes. The first and the last day do not count: it is there that
/// a blob has changes that are not meant (see [`super::blob`]).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Year(i32, Vec<(Timestamp, i32)>);

impl Year {
    fn of_zone(zone: &TimeZone, year: i16) -> Self {
        let (from, to) = Self::limits(year);
        let changes = changes::between(zone, from, to);
        Self(zone.to_offset(from).seconds(), changes.iter().map(|change| (change.at, change.after.seconds())).collect())
    }

    fn of_blob(blob: &Blob, year: i16) -> Self {
        let (from, to) = Self::limits(year);
        let first = blob.offset_at(from);
        let mut changes = blob.changes(year);
        changes.retain(|(at, _)| from < *at && *at < to);
        let mut before = first;
        changes.retain(|(_, after)| std::mem::replace(&mut before, *after) != *after);
        Self(first, changes)
    }

    fn limits(year: i16) -> (Timestamp, Timestamp) {
        (changes::midnight(year, 1, 2), changes::midnight(year, 12, 31))
    }
}

//! From a zone to the law of one year.

use jiff::{
    SignedDuration, Timestamp,
    civil::Time,
    tz::{Offset, TimeZone},
};

use super::{
    cache::Cache,
    changes::{self, Change},
};
use crate::proto::class::{Blob, SystemTime};

/// Within so many years every weekday falls on every day of the month that it can.
const YEARS: i16 = 11;
/// How the end of a day is written where there is no 24:00.
const DAYS_END: Time = Time::constant(23, 59, 59, 999_000_000);

/// By zone and year; `None` for the years in which it depends on the day.
static KNOWN: Cache<(String, i16), Option<Blob>, 1000> = Cache::new();

/// What `zone` does in the local year of `at`, as a law that a phone can understand.
///
/// The dates recur, for that is what phones expect; for zones without a rule (Cairo, Casablanca, Gaza, ...) they are right in that
/// year. A change for good is paired with one at the turn of the year. What no law of two dates can say - four changes in a year
/// (Ramadan), or three offsets - is said for the part of the year around `at`, of which the offset is always right. Offsets are cut
/// to whole minutes, which matters before 1972 only.
///
/// Of a series `at` decides by which year's law the phone reckons all of it; the start makes a blob that stays the same as time
/// passes, but is the law of that time.
///
/// The names are that of the tz database. It tells zones apart that have the same law when it comes back, and is English and
/// unambiguous for a person who sees it; most phones show a name of their own.
pub fn blob(zone: &TimeZone, at: Timestamp) -> Blob {
    let year = zone.to_datetime(at).year();
    let known = zone.iana_name().map(|name| KNOWN.get((name.to_owned(), year), || whole_year(zone, year)));
    known.unwrap_or_else(|| whole_year(zone, year)).unwrap_or_else(|| part_of_year(zone, year, at))
}

/// The law of a year that has one.
fn whole_year(zone: &TimeZone, year: i16) -> Option<Blob> {
    match changes::in_years(zone, year, year).as_slice() {
        [] => Some(fixed(zone, zone.to_offset(changes::midnight(year, 7, 1)))),
        [change] => Some(for_good(zone, change)),
        [first, second] if first.before == second.after => Some(to_and_fro(zone, first, second)),
        _ => None,
    }
}

/// The law of as much of a year as there can be one for, around `at`.
fn part_of_year(zone: &TimeZone, year: i16, at: Timestamp) -> Blob {
    let changes = changes::in_years(zone, year, year);
    let past = changes.partition_point(|change| change.at <= at);
    // The stretch with `at` in its middle, behind it, before it.
    let pairs = [past.checked_sub(1), Some(past), past.checked_sub(2)].into_iter().flatten();
    let mut pairs = pairs.filter_map(|first| changes.get(first).zip(changes.get(first + 1)));
    if let Some((first, second)) = pairs.find(|(first, second)| first.before == second.after) {
        return to_and_fro(zone, first, second);
    }
    match changes.get(past.saturating_sub(1)) {
        Some(change) => for_good(zone, change),
        None => fixed(zone, zone.to_offset(at)),
    }
}

fn fixed(zone: &TimeZone, offset: Offset) -> Blob {
    let mut blob = Blob { bias: minutes(offset), ..Blob::default() };
    blob.standard.set_name(zone.iana_name().unwrap_or_default());
    blob
}

/// Away and back again within the year.
fn to_and_fro(zone: &TimeZone, first: &Change, second: &Change) -> Blob {
    let (standard, daylight) = (first.before.min(first.after), first.before.max(first.after));
    let (to_daylight, to_standard) = if first.is_forward() { (first, second) } else { (second, first) };
    let mut blob = fixed(zone, standard);
    blob.standard.start = start(zone, to_standard);
    blob.daylight.start = start(zone, to_daylight);
    blob.daylight.name = blob.standard.name;
    blob.daylight.bias = minutes(daylight).saturating_sub(minutes(standard));
    blob
}

/// Away and not back again: the way back is put at the turn of the year, where nobody sees it. A clock that is put on in the year
/// is put back from that much past midnight at its beginning, one that is put back is put on at its end. That is no good when the
/// change is so near to the end that in the year before the two come in the other order: then the clock is put on at the
/// beginning, too, which costs the first hour of the year.
fn for_good(zone: &TimeZone, change: &Change) -> Blob {
    let date = change.local().date();
    let at_start = |time| SystemTime::recurring(1, 1, date.first_of_year().weekday(), time);
    let mut blob = to_and_fro(zone, change, change);
    if change.is_forward() {
        let step = SignedDuration::from_secs(i64::from(change.after.seconds() - change.before.seconds()));
        blob.standard.start = at_start(Time::midnight().checked_add(step).unwrap_or(DAYS_END));
    } else if (date.month(), date.day()) < (12, 25) {
        blob.daylight.start = SystemTime::recurring(12, 5, date.last_of_year().weekday(), DAYS_END);
    } else {
        blob.daylight.start = at_start(Time::midnight());
    }
    blob
}

/// The date of a change by the week of its month.
pub(super) fn start(zone: &TimeZone, change: &Change) -> SystemTime {
    let local = change.local();
    let (date, time) = (local.date(), local.time());
    let in_week = |week| SystemTime::recurring(date.month(), week, date.weekday(), time);
    let week = (date.day() - 1) / 7 + 1;
    if date.day() + 7 <= date.days_in_month() {
        return in_week(week);
    }
    // The last one is the fourth one, too: only what is always the fourth is called so.
    let (last, fourth) = (in_week(5), in_week(4));
    let mut years = changes::in_years(zone, date.year(), date.year().saturating_add(YEARS));
    years.retain(|other| (other.before, other.after) == (change.before, change.after));
    let is_always =
        |start: SystemTime| years.iter().all(|other| start.in_year(other.local().year()) == Some(other.local()));
    if week == 4 && is_always(fourth) && !is_always(last) { fourth } else { last }
}

/// What is added to the local time of an offset to get UTC.
fn minutes(offset: Offset) -> i32 {
    -offset.seconds().div_euclid(60)
}

//! When a zone of the tz database changes its offset.

use jiff::{
    Timestamp,
    civil::{Date, DateTime, Time},
    tz::{Offset, TimeZone},
};

/// A change of a zone's offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) at: Timestamp,
    pub(super) before: Offset,
    pub(super) after: Offset,
    /// What local time is called from then on.
    pub(super) abbreviation: String,
}

impl Change {
    /// When it happens by the clock that is about to be changed. Midnight is the beginning of a day, never the end of one.
    pub(super) fn local(&self) -> DateTime {
        self.before.to_datetime(self.at)
    }

    /// Towards daylight time, whatever the database calls it: it has zones whose daylight time is in winter (Dublin), while
    /// phones know the larger offset only as daylight time.
    pub(super) fn is_forward(&self) -> bool {
        self.after > self.before
    }
}

/// The changes after `from` and before `to`. Changes of the name or of the daylight flag alone are none.
pub(super) fn between(zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<Change> {
    let mut before = zone.to_offset(from);
    let mut changes = Vec::new();
    for transition in zone.following(from).take_while(|transition| transition.timestamp() < to) {
        let (at, after) = (transition.timestamp(), transition.offset());
        if after != before {
            changes.push(Change { at, before, after, abbreviation: transition.abbreviation().to_owned() });
        }
        before = after;
    }
    changes
}

/// The changes within the years `from` to `to` of local time. One in the very moment of New Year is in neither year: all of both is
/// on one side of it.
pub(super) fn in_years(zone: &TimeZone, from: i16, to: i16) -> Vec<Change> {
    // Local years begin up to a day before and after those of UTC.
    let mut changes = between(zone, midnight(from.saturating_sub(1), 12, 30), midnight(to.saturating_add(1), 1, 3));
    changes.retain(|change| {
        let local = change.local();
        (from..=to).contains(&local.year()) && local != local.date().first_of_year().to_datetime(Time::midnight())
    });
    changes
}

/// The beginning of a day in UTC, within the limits of what jiff can say.
pub(super) fn midnight(year: i16, month: i8, day: i8) -> Timestamp {
    let date = Date::new(year, month, day).ok();
    let instant = date.and_then(|date| Offset::UTC.to_timestamp(date.to_datetime(Time::midnight())).ok());
    instant.unwrap_or(if year > 0 { Timestamp::MAX } else { Timestamp::MIN })
}

//! Which items of a collection a phone wants (FilterType, MS-ASCMD 2.2.3.68.2).

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use super::{Class, Properties, value};
use crate::wbxml::tag::{calendar as c, email as e, tasks as t};

const DAY: i64 = 86400;

/// The items that FilterType leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All.
    All,
    /// Events that are not over, and mails that came, since that moment, Unix seconds.
    Since(i64),
    /// Tasks that are not done.
    Incomplete,
}

impl Scope {
    /// What a value of FilterType means for a class at a moment (Unix seconds). The bound moves once a day, at midnight UTC. Values that the
    /// class does not have mean the nearest one that it has.
    pub fn of(class: Class, filter: Option<u32>, now: u64) -> Self {
        let days = match (class, filter.unwrap_or(0)) {
            (_, 0) => return Self::All,
            (Class::Tasks, 8) => return Self::Incomplete,
            (Class::Email, 1) => 1,
            (Class::Email, 2) => 3,
            (Class::Email, 3) => 7,
            (Class::Email, 4) => 14,
            (Class::Email, 5..=7) => 31,
            (Class::Calendar, 1..=4) => 14,
            (Class::Calendar, 5) => 31,
            (Class::Calendar, 6) => 92,
            (Class::Calendar, 7) => 183,
            _ => return Self::All,
        };
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        Self::Since(now - now.rem_euclid(DAY) - days * DAY)
    }

    /// Whether every item of this scope is one of `other`, too.
    pub fn is_within(self, other: Self) -> bool {
        match (self, other) {
            (_, Self::All) => true,
            (Self::Since(bound), Self::Since(other)) => bound >= other,
            (scope, other) => scope == other,
        }
    }

    /// When an item leaves the scope because time passes, Unix seconds; `None` = never.
    pub fn end_of(self, item: &Properties) -> Option<i64> {
        match self {
            Self::Since(_) => end(item),
            Self::All | Self::Incomplete => None,
        }
    }

    /// Whether an item that ends then has left.
    pub fn has_left(self, end: Option<i64>) -> bool {
        match self {
            Self::Since(bound) => end.is_some_and(|end| end < bound),
            Self::All | Self::Incomplete => false,
        }
    }

    /// Whether an item belongs to what the phone wants. A series belongs to it as long as it goes on; when that takes working out, it is rather
    /// taken for too long than for too short.
    pub fn holds(self, item: &Properties) -> bool {
        match self {
            Self::All => true,
            Self::Incomplete => item.text(t::COMPLETE) != Some("1"),
            Self::Since(_) => !self.has_left(end(item)),
        }
    }
}

fn seconds(item: &Properties, tag: crate::wbxml::Tag) -> Option<i64> {
    item.text(tag).and_then(value::civil).and_then(unix)
}

fn unix(civil: DateTime) -> Option<i64> {
    civil.to_zoned(TimeZone::UTC).ok().map(|zoned| Timestamp::as_second(zoned.timestamp()))
}

/// When an event is over for good or a mail came, Unix seconds; `None` = never, or it cannot be told.
fn end(event: &Properties) -> Option<i64> {
    if let Some(received) = seconds(event, e::DATE_RECEIVED) {
        return Some(received);
    }
    let start = seconds(event, c::START_TIME)?;
    let length = seconds(event, c::END_TIME).map_or(0, |end| (end - start).max(0));
    let last_start = match event.group(c::RECURRENCE) {
        None => start,
        Some(rule) => last_start(rule, start)?,
    };
    let moved = event.groups(c::EXCEPTIONS).iter().filter_map(|exception| seconds(exception, c::END_TIME)).max();
    Some(last_start.saturating_add(length).max(moved.unwrap_or(i64::MIN)))
}

/// No occurrence of a series starts later than this; `None`: it has no end.
fn last_start(rule: &Properties, start: i64) -> Option<i64> {
    if let Some(until) = seconds(rule, c::UNTIL) {
        return Some(until);
    }
    let number = |tag| rule.text(tag).and_then(|text| text.parse::<i64>().ok());
    let count = number(c::OCCURRENCES)?;
    let unit = match number(c::TYPE) {
        Some(0) => 1,
        Some(1) => 7,
        Some(2 | 3) => 31,
        // The 29th of February comes every fourth or eighth year.
        _ => 8 * 366,
    };
    let steps = count.saturating_mul(number(c::INTERVAL).unwrap_or(1).max(1));
    Some(start.saturating_add(steps.saturating_mul(unit * DAY)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::class::Value;

    const NOON_2026_11_24: u64 = 1_795_521_600;

    fn event(start: &str, end: &str, rule: &[(crate::wbxml::Tag, &str)]) -> Properties {
        let mut event = Properties::default();
        event.set_text(c::START_TIME, start);
        event.set_text(c::END_TIME, end);
        if !rule.is_empty() {
            let mut group = Properties::default();
            rule.iter().for_each(|(tag, text)| group.set_text(*tag, *text));
            event.0.insert(c::RECURRENCE, Value::Group(group));
        }
        event
    }

    #[test]
    fn filter_types_of_calendars_and_tasks() {
        let two_weeks = Scope::of(Class::Calendar, Some(4), NOON_2026_11_24);
        assert_eq!(two_weeks, Scope::Since(1_794_268_800));
        assert_eq!(Scope::of(Class::Calendar, Some(4), NOON_2026_11_24 + 3600), two_weeks);
        assert_eq!(Scope::of(Class::Calendar, None, NOON_2026_11_24), Scope::All);
        assert_eq!(Scope::of(Class::Tasks, Some(8), NOON_2026_11_24), Scope::Incomplete);
        assert_eq!(Scope::of(Class::Contacts, Some(4), NOON_2026_11_24), Scope::All);
        let week = Scope::of(Class::Email, Some(3), NOON_2026_11_24);
        let mut mail = Properties::default();
        mail.set_text(e::DATE_RECEIVED, "2026-11-17T00:00:00.000Z");
        assert!(week.holds(&mail));
        mail.set_text(e::DATE_RECEIVED, "2026-11-16T23:59:59.000Z");
        assert!(!week.holds(&mail));
    }

    #[test]
    fn what_goes_on_stays() {
        let scope = Scope::of(Class::Calendar, Some(4), NOON_2026_11_24);
        for (start, end, rule, stays) in [
            ("20261110T090000Z", "20261110T100000Z", vec![], true),
            ("20261109T090000Z", "20261109T100000Z", vec![], false),
            ("20261101T090000Z", "20261110T100000Z", vec![], true),
            ("20200101T090000Z", "20200101T100000Z", vec![(c::TYPE, "1")], true),
            ("20200101T090000Z", "20200101T100000Z", vec![(c::TYPE, "1"), (c::UNTIL, "20261109T090000Z")], false),
            ("20200101T090000Z", "20200101T100000Z", vec![(c::TYPE, "1"), (c::UNTIL, "20261111T090000Z")], true),
            ("20200101T090000Z", "20200101T100000Z", vec![(c::TYPE, "0"), (c::OCCURRENCES, "10")], false),
            ("20261101T090000Z", "20261101T100000Z", vec![(c::TYPE, "0"), (c::OCCURRENCES, "10")], true),
        ] {
            assert_eq!(scope.holds(&event(start, end, &rule)), stays, "{start} {rule:?}");
        }
        let mut moved = event("20200101T090000Z", "20200101T100000Z", &[(c::TYPE, "0"), (c::OCCURRENCES, "2")]);
        moved.0.insert(c::EXCEPTIONS, Value::Groups(vec![event("20270101T090000Z", "20270101T100000Z", &[])]));
        assert!(scope.holds(&moved));
        // Rules of Horde have no such bounds as those of phones.
        let endless = [(c::TYPE, "5"), (c::OCCURRENCES, "9223372036854775807"), (c::INTERVAL, "65535")];
        assert!(scope.holds(&event("20200101T090000Z", "20200101T100000Z", &endless)));
        assert!(scope.holds(&Properties::default()), "what cannot be told is kept");
    }
}

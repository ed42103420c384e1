//! Dates, times and zones of an iCalendar text.

use std::collections::BTreeMap;

use calcard::{
    common::PartialDateTime,
    icalendar::{
        ICalendarComponent, ICalendarComponentType, ICalendarEntry, ICalendarParameterName, ICalendarProperty,
        ICalendarValue,
    },
};
use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime, Time},
    tz::{Offset, TimeZone},
};

use super::{Home, law, source};
use crate::convert::zone;

/// A zone that is used in a text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Zone {
    /// Its IANA name, if it has one.
    pub(super) name: Option<String>,
    pub(super) zone: TimeZone,
}

/// The zone of a name in any spelling; UTC for one that nobody knows.
pub(super) fn zone_of(name: &str) -> TimeZone {
    zone::named(name).unwrap_or(TimeZone::UTC)
}

/// A date, or a date and time, as a property has it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum When {
    Day(Date),
    Utc(Timestamp),
    In(DateTime, Zone),
    /// Wherever the user is.
    Floating(DateTime),
}

/// The zones of one text.
pub(super) struct Zones<'a> {
    pub(super) home: Zone,
    all: &'a [ICalendarComponent],
    named: BTreeMap<&'a str, &'a ICalendarComponent>,
}

impl<'a> Zones<'a> {
    pub(super) fn new(all: &'a [ICalendarComponent], home: &Home) -> Self {
        let zones = all.iter().filter(|c| c.component_type == ICalendarComponentType::VTimezone);
        let named = zones.filter_map(|c| Some((c.property(&ICalendarProperty::Tzid)?.values.first()?.as_text()?, c)));
        Self { home: Zone { name: Some(home.zone.clone()), zone: zone_of(&home.zone) }, all, named: named.collect() }
    }

    /// The zone of a TZID: by its name, else by its VTIMEZONE for about `at`, else the user's.
    pub(super) fn find(&self, tzid: &str, at: DateTime) -> Zone {
        if let Some(zone) = zone::named(tzid) {
            return Zone { name: zone.iana_name().map(str::to_owned), zone };
        }
        let Some(law) = self.named.get(tzid).and_then(|component| law::law(component, self.all)) else {
            return self.home.clone();
        };
        let at = law.to_timestamp(at).unwrap_or_default();
        let home = self.home.name.as_deref().unwrap_or_default();
        match zone::zone(&zone::blob(&law, at), &[home], at).and_then(|name| Some((zone::named(&name)?, name))) {
            Some((zone, name)) => Zone { name: Some(name), zone },
            None => Zone { name: None, zone: law },
        }
    }

    /// The dates of a property.
    pub(super) fn all(&self, entry: &ICalendarEntry) -> Vec<When> {
        let tzid = entry.parameter(&ICalendarParameterName::Tzid).and_then(source::parameter);
        let tzid = tzid.as_deref();
        // Many EXDATEs have the same zone.
        let mut known: Option<Zone> = None;
        let dates = entry.values.iter().filter_map(|value| match value {
            ICalendarValue::PartialDateTime(date) => Some(date),
            _ => None,
        });
        let mut one = |date: &PartialDateTime| {
            Some(match (plain(date)?, offset(date), tzid) {
                (Plain::Day(date), ..) => When::Day(date),
                (Plain::Time(civil), Some(offset), _) => When::Utc(offset.to_timestamp(civil).ok()?),
                (Plain::Time(civil), None, None) => When::Floating(civil),
                (Plain::Time(civil), None, Some(tzid)) => {
                    let zone = known.get_or_insert_with(|| self.find(tzid, civil)).clone();
                    match zone.name.as_deref() {
                        Some("UTC" | "Etc/UTC") => When::Utc(zone.zone.to_timestamp(civil).ok()?),
                        _ => When::In(civil, zone),
                    }
                }
            })
        };
        dates.filter_map(|date| one(date)).collect()
    }

    /// The first date of the first such property.
    pub(super) fn first(&self, component: &ICalendarComponent, name: &ICalendarProperty) -> Option<When> {
        component.properties(name).find_map(|entry| self.all(entry).into_iter().next())
    }

    /// The instant; of a day its beginning where the user is.
    pub(super) fn instant(&self, when: &When) -> Option<Timestamp> {
        match when {
            When::Utc(at) => Some(*at),
            When::In(civil, zone) => zone.zone.to_timestamp(*civil).ok(),
            When::Floating(civil) => self.home.zone.to_timestamp(*civil).ok(),
            When::Day(date) => self.home.zone.to_timestamp(date.to_datetime(Time::midnight())).ok(),
        }
    }

    /// The date and time on the clock that is meant.
    pub(super) fn civil(&self, when: &When) -> DateTime {
        match when {
            When::Utc(at) => self.home.zone.to_datetime(*at),
            When::In(civil, _) | When::Floating(civil) => *civil,
            When::Day(date) => date.to_datetime(Time::midnight()),
        }
    }
}

/// A date and time, or a date alone, without zone.
pub(super) enum Plain {
    Day(Date),
    Time(DateTime),
}

pub(super) fn plain(date: &PartialDateTime) -> Option<Plain> {
    let small = |n: u8| i8::try_from(n).ok();
    let day = Date::new(i16::try_from(date.year?).ok()?, small(date.month?)?, small(date.day?)?).ok()?;
    let Some(hour) = date.hour else { return Some(Plain::Day(day)) };
    // Leap seconds.
    let second = small(date.second.unwrap_or(0))?.min(59);
    Some(Plain::Time(day.to_datetime(Time::new(small(hour)?, small(date.minute?)?, second, 0).ok()?)))
}

/// The offset behind a time; none when it is local.
pub(super) fn offset(date: &PartialDateTime) -> Option<Offset> {
    let seconds = i32::from(date.tz_hour?) * 3600 + i32::from(date.tz_minute.unwrap_or(0)) * 60;
    Offset::from_seconds(if date.tz_minus { -seconds } else { seconds }).ok()
}

/// Where and when a series takes place: with it dates are turned into original starts and back.
#[derive(Debug, Clone)]
pub(super) struct Series {
    /// In which its rule is meant.
    pub(super) zone: TimeZone,
    /// Start of the first occurrence on the clock there.
    pub(super) start: DateTime,
    /// Instants are midnights in UTC and stand for dates.
    pub(super) all_day: bool,
}

impl Series {
    pub(super) fn new(start: Timestamp, all_day: bool, zone: &TimeZone) -> Self {
        let zone = if all_day { TimeZone::UTC } else { zone.clone() };
        Self { start: zone.to_datetime(start), zone, all_day }
    }

    /// Start of the occurrence on that day.
    pub(super) fn on(&self, date: Date) -> Option<Timestamp> {
        self.zone.to_timestamp(date.to_datetime(self.start.time())).ok()
    }

    /// The last day whose occurrence would not start after `at`.
    pub(super) fn last_day(&self, at: Timestamp) -> Option<Date> {
        let date = self.zone.to_datetime(at).date();
        if self.on(date)? <= at { Some(date) } else { date.yesterday().ok() }
    }

    /// The day whose occurrence would start at `at`, or next to it.
    pub(super) fn day(&self, at: Timestamp) -> Option<Date> {
        let date = self.zone.to_datetime(at).date();
        let days = [date.yesterday().ok(), Some(date), date.tomorrow().ok()];
        let distance = |date: &Date| self.on(*date).map_or(SignedDuration::MAX, |start| at.duration_since(start).abs());
        days.into_iter().flatten().min_by_key(distance)
    }
}

/// Reads a moment of the neutral item.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let civil: DateTime = text.trim().trim_end_matches(['Z', 'z']).parse().ok()?;
    (0..=9999).contains(&civil.year()).then(|| TimeZone::UTC.to_timestamp(civil).ok())?
}

/// A moment as the neutral item has it.
pub(super) fn compact(at: Timestamp) -> String {
    TimeZone::UTC.to_datetime(at).strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// A day as the neutral item has it.
pub(super) fn compact_day(date: Date) -> String {
    date.strftime("%Y%m%dT000000Z").to_string()
}

//! Tasks (MS-ASTASK).
//!
//! The neutral item has what is on the wire in the newest version: dates in dashed form; StartDate and DueDate are wall-clock dates of
//! the user that carry a `Z` nevertheless, UtcStartDate and UtcDueDate the same moments in UTC. A source gives both of a pair; a phone
//! may send either, and then the source works out the other. Complete is always there; ReminderTime only with ReminderSet 1.

use super::{
    super::Version,
    Class, Properties,
    table::{Form, Kind, Legacy, Property, Table},
};
use crate::wbxml::tag::{air_sync_base, tasks as t};

const BODY: Kind = Kind::Body(Legacy { body: t::BODY, size: Some(t::BODY_SIZE), truncated: t::BODY_TRUNCATED });

const fn date(tag: crate::wbxml::Tag) -> Property {
    Property::new(tag, Kind::Dashed)
}

const fn number(tag: crate::wbxml::Tag, min: i32, max: i32) -> Property {
    Property::number(tag, min, max)
}

pub(super) static RECURRENCE: [Property; 14] = [
    number(t::TYPE, 0, 6),
    date(t::START),
    date(t::UNTIL),
    number(t::OCCURRENCES, 1, 999),
    number(t::INTERVAL, 0, 999),
    number(t::DAY_OF_WEEK, 1, 127),
    number(t::DAY_OF_MONTH, 1, 31),
    number(t::WEEK_OF_MONTH, 1, 5),
    number(t::MONTH_OF_YEAR, 1, 12),
    number(t::REGENERATE, 0, 1),
    number(t::DEAD_OCCUR, 0, i32::MAX),
    number(t::CALENDAR_TYPE, 0, 20).since(Version::V14_0),
    number(t::IS_LEAP_MONTH, 0, 1).since(Version::V14_0),
    number(t::FIRST_DAY_OF_WEEK, 0, 6).since(Version::V14_1),
];

pub(super) static TABLE: Table = Table {
    class: Class::Tasks,
    ghosted_since: None,
    added_since: Version::V2_5,
    volatile: &[],
    form: Form { sound, ..Form::SAME },
    properties: &[
        Property::new(air_sync_base::BODY, BODY).kept(),
        Property::text(t::SUBJECT),
        number(t::IMPORTANCE, 0, 9),
        date(t::UTC_START_DATE),
        date(t::START_DATE),
        date(t::UTC_DUE_DATE),
        date(t::DUE_DATE),
        Property::new(t::CATEGORIES, Kind::List(t::CATEGORY)),
        Property::new(t::RECURRENCE, Kind::Group(&RECURRENCE)),
        number(t::COMPLETE, 0, 1).kept(),
        date(t::DATE_COMPLETED),
        number(t::SENSITIVITY, 0, 3),
        date(t::REMINDER_TIME),
        number(t::REMINDER_SET, 0, 1),
        date(t::ORDINAL_DATE).since(Version::V12_0).rare().kept(),
        Property::text(t::SUB_ORDINAL_DATE).since(Version::V12_0).rare().kept(),
    ],
};

/// MS-ASTASK 3.2.5.3: a recurrence needs Type and Start and has only what its type has, a reminder needs its time.
fn sound(sent: &Properties) -> bool {
    let reminder =
        sent.text(t::REMINDER_SET) != Some("1") || sent.text(t::REMINDER_TIME).is_some_and(|t| !t.is_empty());
    let Some(rule) = sent.group(t::RECURRENCE).filter(|rule| !rule.0.is_empty()) else { return reminder };
    let there = |tag| rule.text(tag).is_some_and(|text| !text.is_empty());
    let allowed: &[(crate::wbxml::Tag, &str)] = &[
        (t::DAY_OF_WEEK, "0136"),
        (t::DAY_OF_MONTH, "25"),
        (t::WEEK_OF_MONTH, "36"),
        (t::MONTH_OF_YEAR, "56"),
        (t::CALENDAR_TYPE, "2356"),
    ];
    let kind = rule.text(t::TYPE).unwrap_or_default();
    let fits = allowed.iter().all(|(tag, kinds)| !there(*tag) || kinds.contains(kind));
    reminder && fits && !kind.is_empty() && kind != "4" && there(t::START)
}

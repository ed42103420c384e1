//! Events (MS-ASCAL).
//!
//! The neutral item has the elements of the newest version, with these rules:
//! - StartTime, EndTime, ExceptionStartTime and Until are in compact form: UTC, but plain dates (`20261224T000000Z`, no zone meant, the end
//!   excluded) when AllDayEvent is "1". An exception's own times follow its own AllDayEvent if it has one; ExceptionStartTime and Until
//!   follow that of the series.
//! - Timezone is the base64 text of the blob and is there for all-day events, too: the older versions need it to write their dates.
//! - Location is the container `AirSyncBase:Location` in every version.
//! - An exception is named by `Calendar:ExceptionStartTime`, the start that the occurrence would have had. A deleted occurrence has nothing else
//!   but Deleted "1". What an exception lacks is that of the series; what it has empty it has not although the series has it.
//! - Reminder is minutes before the start; absent = none.
//! - A series has `Recurrence`; what cannot be said with it never gets here.
//! - ClientUid comes from phones only.

mod form;
#[cfg(test)]
mod tests;

use super::{
    super::Version,
    Class, Properties,
    table::{Form, Kind, Legacy, Property, Table},
};
use crate::wbxml::{
    Tag,
    tag::{air_sync_base as b, calendar as c, meeting_response as m},
};
pub(super) use form::exception;

const BODY: Kind = Kind::Body(Legacy { body: c::BODY, size: None, truncated: c::BODY_TRUNCATED });

/// Most exceptions of a series, and most attendees of a meeting.
const MANY: usize = 2000;

const fn text(tag: Tag) -> Property {
    Property::text(tag)
}

const fn date(tag: Tag) -> Property {
    Property::new(tag, Kind::Compact)
}

const fn number(tag: Tag, min: i32, max: i32) -> Property {
    Property::number(tag, min, max)
}

/// Up to 14.1 only the name of a location is told.
const PLACE: Property =
    Property::new(c::LOCATION, Kind::Part(b::DISPLAY_NAME)).named(b::LOCATION).until(Version::V14_1);

pub(super) static LOCATION: [Property; 13] = [
    text(b::DISPLAY_NAME),
    text(b::ANNOTATION),
    text(b::STREET),
    text(b::CITY),
    text(b::STATE),
    text(b::COUNTRY),
    text(b::POSTAL_CODE),
    text(b::LATITUDE),
    text(b::LONGITUDE),
    text(b::ACCURACY),
    text(b::ALTITUDE),
    text(b::ALTITUDE_ACCURACY),
    text(b::LOCATION_URI),
];

static ATTENDEE: [Property; 6] = [
    Property::new(c::EMAIL, Kind::Address),
    text(c::NAME),
    number(c::ATTENDEE_STATUS, 0, 5).since(Version::V12_0),
    number(c::ATTENDEE_TYPE, 1, 3).since(Version::V12_0),
    date(m::PROPOSED_START_TIME).since(Version::V16_1),
    date(m::PROPOSED_END_TIME).since(Version::V16_1),
];

static RECURRENCE: [Property; 11] = [
    number(c::TYPE, 0, 6),
    date(c::UNTIL),
    number(c::OCCURRENCES, 1, 999),
    number(c::INTERVAL, 0, 999),
    number(c::WEEK_OF_MONTH, 1, 5),
    number(c::DAY_OF_MONTH, 1, 31),
    number(c::DAY_OF_WEEK, 1, 127),
    number(c::MONTH_OF_YEAR, 1, 12),
    number(c::CALENDAR_TYPE, 0, 20).since(Version::V14_0),
    number(c::IS_LEAP_MONTH, 0, 1).since(Version::V14_0),
    number(c::FIRST_DAY_OF_WEEK, 0, 6).since(Version::V14_1),
];

/// What occurrences can have of their own.
static EXCEPTION: [Property; 23] = [
    number(c::DELETED, 0, 1),
    date(c::EXCEPTION_START_TIME).until(Version::V14_1),
    date(b::INSTANCE_ID).named(c::EXCEPTION_START_TIME).since(Version::V16_0),
    text(c::SUBJECT),
    date(c::START_TIME),
    date(c::END_TIME),
    Property::new(b::BODY, BODY).kept(),
    PLACE.blank(),
    Property::new(b::LOCATION, Kind::Group(&LOCATION)).since(Version::V16_0).blank(),
    Property::new(c::CATEGORIES, Kind::List(c::CATEGORY)).blank(),
    number(c::SENSITIVITY, 0, 3),
    number(c::BUSY_STATUS, -1, 4),
    number(c::ALL_DAY_EVENT, 0, 1),
    number(c::REMINDER, 0, i32::MAX).until(Version::V14_0),
    // Only since 14.1 it may be empty.
    number(c::REMINDER, 0, i32::MAX).since(Version::V14_1).blank(),
    date(c::DT_STAMP),
    number(c::MEETING_STATUS, 0, 15).kept(),
    Property::new(c::ATTENDEES, Kind::Groups(c::ATTENDEE, &ATTENDEE, MANY)).since(Version::V14_0).kept(),
    date(c::APPOINTMENT_REPLY_TIME).since(Version::V14_0).kept(),
    number(c::RESPONSE_TYPE, 0, 5).since(Version::V14_0).kept(),
    text(c::ONLINE_MEETING_CONF_LINK).since(Version::V14_1).kept(),
    text(c::ONLINE_MEETING_EXTERNAL_LINK).since(Version::V14_1).kept(),
    text(c::UID).since(Version::V16_0).kept(),
];

/// From 16.0 on what is absent is unchanged. Before, absence empties only what a phone shows and what is not someone else's business:
/// times, zone, attendees, organizer and exceptions are never emptied by omission, as many phones leave them out.
pub(super) static TABLE: Table = Table {
    class: Class::Calendar,
    ghosted_since: Some(Version::V16_0),
    added_since: Version::V2_5,
    volatile: &[],
    form: Form { shown: Some(form::shown), meant: Some(form::meant), sound: form::sound },
    properties: &[
        text(c::TIMEZONE).unghosted().kept(),
        number(c::ALL_DAY_EVENT, 0, 1).unghosted().kept(),
        number(c::BUSY_STATUS, -1, 4).unghosted().kept(),
        text(c::ORGANIZER_NAME).kept(),
        text(c::ORGANIZER_EMAIL).kept(),
        date(c::DT_STAMP).unghosted().kept().incidental(),
        date(c::END_TIME).unghosted().kept(),
        PLACE.unghosted(),
        Property::new(b::LOCATION, Kind::Group(&LOCATION)).since(Version::V16_0),
        number(c::REMINDER, 0, i32::MAX).unghosted(),
        number(c::SENSITIVITY, 0, 3).unghosted(),
        text(c::SUBJECT).unghosted(),
        date(c::START_TIME).unghosted().kept(),
        text(c::UID).unghosted().kept(),
        text(c::CLIENT_UID).since(Version::V16_0).kept(),
        number(c::MEETING_STATUS, 0, 15).kept(),
        Property::new(c::ATTENDEES, Kind::Groups(c::ATTENDEE, &ATTENDEE, MANY)).kept(),
        Property::new(c::CATEGORIES, Kind::List(c::CATEGORY)).unghosted(),
        Property::new(c::RECURRENCE, Kind::Group(&RECURRENCE)).unghosted(),
        Property::new(c::EXCEPTIONS, Kind::Groups(c::EXCEPTION, &EXCEPTION, MANY)).unghosted().kept(),
        number(c::RESPONSE_REQUESTED, 0, 1).since(Version::V14_0).kept(),
        date(c::APPOINTMENT_REPLY_TIME).since(Version::V14_0).kept(),
        number(c::RESPONSE_TYPE, 0, 5).since(Version::V14_0).kept(),
        number(c::DISALLOW_NEW_TIME_PROPOSAL, 0, 1).since(Version::V14_0).kept(),
        text(c::ONLINE_MEETING_CONF_LINK).since(Version::V14_1).kept(),
        text(c::ONLINE_MEETING_EXTERNAL_LINK).since(Version::V14_1).kept(),
        // Horde 5 takes no attachments of events from outside; better no event than one without what belongs to it.
        Property::new(b::ATTACHMENTS, Kind::Refused(b::ADD)).since(Version::V16_0).kept(),
        Property::new(b::BODY, BODY).kept(),
    ],
};

/// Adds to an exception that a phone sent what it does not say of an occurrence that was one before: up to 14.1 what that version never tells
/// or phones leave out, from 16.0 on everything.
pub(super) fn complete(exception: &mut Properties, known: &[Properties], version: Version) {
    let start = exception.text(c::EXCEPTION_START_TIME);
    if exception.text(c::DELETED) == Some("1") {
        exception.0.retain(|tag, _| *tag == c::EXCEPTION_START_TIME || *tag == c::DELETED);
        return;
    }
    let Some(before) = known.iter().find(|known| known.text(c::EXCEPTION_START_TIME) == start) else { return };
    let told = |tag: Tag| EXCEPTION.iter().find(|property| property.key == tag && property.is_in(version));
    let ghosted = TABLE.ghosted_since.is_some_and(|since| version >= since);
    for (tag, value) in &before.0 {
        let stays = *tag != c::DELETED && (ghosted || told(*tag).is_none_or(|property| property.kept));
        if stays && !exception.0.contains_key(tag) {
            exception.0.insert(*tag, value.clone());
        }
    }
}

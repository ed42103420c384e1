//! Mails (MS-ASEMAIL).
//!
//! The neutral item has the elements of the newest version, with these rules:
//! - To, Cc, Bcc, From, ReplyTo, Sender: decoded header text (`"Name" <address>`, To and Cc separated by commas, ReplyTo by semicolons).
//!   Sender only where it differs from From. DisplayTo: names only, separated by semicolons. ThreadTopic: the subject without its prefixes.
//! - DateReceived, LastVerbExecutionTime: dashed. Read: always "0" or "1". Importance: "0" to "2". InternetCPID: "65001" and its like.
//! - Flag is always there: an empty group = not flagged. Else Status ("1" complete, "2" active), FlagType, CompleteTime, and the elements of
//!   tasks (Subject, StartDate, ...). From a phone Status "0" has become the empty group. Categories is always there as well (a list).
//! - `AirSyncBase:Body` and `AirSyncBase:BodyPart` are `Content`, already in the form and length that the phone asked for.
//!   From a phone (drafts) Body is a [`super::Body`]. `AirSyncBase:NativeBodyType`: text.
//! - `AirSyncBase:Attachments`: groups of DisplayName, FileReference, Method, EstimatedDataSize, ContentId, ContentLocation, IsInline ("1"
//!   or absent), and ClientId in the answer to what a phone has added. From a phone (drafts) each group has a single key: `AirSyncBase:Add` =
//!   group of ClientId, Content (bytes), DisplayName, ContentType, ContentId, ContentLocation, IsInline ("1"), Method; or
//!   `AirSyncBase:Delete` = group of FileReference.
//! - `Email2:ConversationId`, `Email2:ConversationIndex`: bytes. LastVerbExecuted: "1" reply, "2" reply to all, "3" forward. ReceivedAsBcc,
//!   IsDraft: "1" or absent. `Email2:Send` "1" comes from phones only: this draft is to be sent.
//! - MeetingRequest: a group with StartTime, EndTime, DtStamp, RecurrenceId dashed, Organizer as an address with name, InstanceType, Reminder
//!   in seconds, TimeZone (base64 of the blob), `AirSyncBase:Location` (a group), `Calendar:UID` (what the older versions get as GlobalObjId),
//!   Recurrences (groups; Until compact), `Email2:MeetingMessageType`, `MeetingResponse:ProposedStartTime` and `…EndTime` (compact).
//!
//! A Change never empties what it does not name. What a phone may change of any mail is Read, Flag and Categories, of a draft (16.0+) the rest
//! as well; whether a mail is a draft is for its source to know.

mod object_id;
#[cfg(test)]
mod tests;

use super::{
    super::Version,
    Class, Properties, Value, calendar,
    table::{Form, Kind, Legacy, Property, Table},
};
use crate::wbxml::{
    Tag,
    tag::{
        air_sync_base as b, calendar as c, compose_mail as cm, email as e, email2 as e2, meeting_response as m,
        tasks as t,
    },
};
pub(super) use object_id::object_id;

/// Text in 2.5.
const BODY: Legacy = Legacy { body: e::BODY, size: Some(e::BODY_SIZE), truncated: e::BODY_TRUNCATED };

/// The message as a whole in 2.5.
const MIME: Legacy = Legacy { body: e::MIME_DATA, size: Some(e::MIME_SIZE), truncated: e::MIME_TRUNCATED };

/// Most attachments of a mail, and most recurrences and forwardees of a meeting request, that are told or taken.
const MANY: usize = 1000;

const fn text(tag: Tag) -> Property {
    Property::text(tag)
}

const fn date(tag: Tag) -> Property {
    Property::new(tag, Kind::Dashed)
}

const fn number(tag: Tag, min: i32, max: i32) -> Property {
    Property::number(tag, min, max)
}

static FLAG: [Property; 13] = [
    text(t::SUBJECT),
    number(e::STATUS, 0, 2),
    text(e::FLAG_TYPE),
    date(t::DATE_COMPLETED),
    date(e::COMPLETE_TIME),
    date(t::START_DATE),
    date(t::DUE_DATE),
    date(t::UTC_START_DATE),
    date(t::UTC_DUE_DATE),
    number(t::REMINDER_SET, 0, 1),
    date(t::REMINDER_TIME),
    date(t::ORDINAL_DATE),
    text(t::SUB_ORDINAL_DATE),
];

static ATTACHMENT: [Property; 10] = [
    text(b::CLIENT_ID).since(Version::V16_0),
    text(b::DISPLAY_NAME),
    text(b::FILE_REFERENCE),
    number(b::METHOD, 0, 6),
    text(b::ESTIMATED_DATA_SIZE),
    text(b::CONTENT_ID),
    text(b::CONTENT_LOCATION),
    Property::new(b::IS_INLINE, Kind::Mark),
    text(e2::UM_ATT_DURATION).since(Version::V14_0),
    text(e2::UM_ATT_ORDER).since(Version::V14_0),
];

static LEGACY_ATTACHMENT: [Property; 4] = [
    text(e::DISPLAY_NAME).named(b::DISPLAY_NAME),
    text(e::ATT_NAME).named(b::FILE_REFERENCE),
    text(e::ATT_METHOD).named(b::METHOD),
    text(e::ATT_SIZE).named(b::ESTIMATED_DATA_SIZE),
];

/// An attachment of a draft.
static ADDED: [Property; 8] = [
    text(b::CLIENT_ID),
    Property::new(b::CONTENT, Kind::Bytes),
    text(b::CONTENT_ID),
    text(b::CONTENT_LOCATION),
    text(b::CONTENT_TYPE),
    text(b::DISPLAY_NAME),
    Property::new(b::IS_INLINE, Kind::Mark),
    number(b::METHOD, 0, 6),
];

static REMOVED: [Property; 1] = [text(b::FILE_REFERENCE)];

static RECURRENCE: [Property; 11] = [
    number(e::TYPE, 0, 6),
    number(e::INTERVAL, 0, 999),
    Property::new(e::UNTIL, Kind::Compact),
    number(e::OCCURRENCES, 1, 999),
    number(e::WEEK_OF_MONTH, 1, 5),
    number(e::DAY_OF_MONTH, 1, 31),
    number(e::DAY_OF_WEEK, 1, 127),
    number(e::MONTH_OF_YEAR, 1, 12),
    number(e2::CALENDAR_TYPE, 0, 20).since(Version::V14_0),
    number(e2::IS_LEAP_MONTH, 0, 1).since(Version::V14_0),
    number(e2::FIRST_DAY_OF_WEEK, 0, 6).since(Version::V14_1),
];

static FORWARDEE: [Property; 2] = [text(cm::EMAIL), text(cm::NAME)];

static MEETING_REQUEST: [Property; 22] = [
    number(e::ALL_DAY_EVENT, 0, 1),
    date(e::START_TIME),
    date(e::DT_STAMP),
    date(e::END_TIME),
    number(e::INSTANCE_TYPE, 0, 4),
    Property::new(e::LOCATION, Kind::Part(b::DISPLAY_NAME)).named(b::LOCATION).until(Version::V14_1),
    Property::new(b::LOCATION, Kind::Group(&calendar::LOCATION)).since(Version::V16_0),
    text(e::ORGANIZER),
    date(e::RECURRENCE_ID),
    number(e::REMINDER, 0, i32::MAX),
    number(e::RESPONSE_REQUESTED, 0, 1),
    Property::new(e::RECURRENCES, Kind::Groups(e::RECURRENCE, &RECURRENCE, MANY)),
    number(e::SENSITIVITY, 0, 3),
    number(e::BUSY_STATUS, -1, 4),
    text(e::TIME_ZONE),
    Property::new(e::GLOBAL_OBJ_ID, Kind::ObjectId).named(c::UID).until(Version::V14_1),
    text(c::UID).since(Version::V16_0),
    number(e::DISALLOW_NEW_TIME_PROPOSAL, 0, 1).since(Version::V14_0),
    number(e2::MEETING_MESSAGE_TYPE, 0, 6).since(Version::V14_1),
    Property::new(m::PROPOSED_START_TIME, Kind::Compact).since(Version::V16_1),
    Property::new(m::PROPOSED_END_TIME, Kind::Compact).since(Version::V16_1),
    Property::new(cm::FORWARDEES, Kind::Groups(cm::FORWARDEE, &FORWARDEE, MANY)).since(Version::V16_0),
];

pub(super) static TABLE: Table = Table {
    class: Class::Email,
    ghosted_since: Some(Version::V2_5),
    added_since: Version::V16_0,
    volatile: &[e::READ, e::FLAG, e::CATEGORIES, e2::LAST_VERB_EXECUTED, e2::LAST_VERB_EXECUTION_TIME],
    form: Form { shown: None, meant: Some(meant), sound },
    properties: &[
        text(e::TO),
        text(e::CC),
        text(e::FROM),
        text(e::SUBJECT),
        text(e::REPLY_TO),
        date(e::DATE_RECEIVED),
        text(e::DISPLAY_TO),
        text(e::THREAD_TOPIC),
        number(e::IMPORTANCE, 0, 2),
        number(e::READ, 0, 1),
        Property::new(e::ATTACHMENTS, Kind::Groups(e::ATTACHMENT, &LEGACY_ATTACHMENT, MANY))
            .named(b::ATTACHMENTS)
            .until(Version::V2_5),
        Property::new(
            b::ATTACHMENTS,
            Kind::Attachments { shown: &ATTACHMENT, added: &ADDED, removed: &REMOVED, most: MANY },
        )
        .since(Version::V12_0),
        Property::new(b::BODY, Kind::Content { text: BODY, mime: MIME }),
        Property::new(b::BODY_PART, Kind::BodyPart).since(Version::V14_1),
        text(e::MESSAGE_CLASS),
        Property::new(e::MEETING_REQUEST, Kind::Group(&MEETING_REQUEST)),
        text(e::INTERNET_CPID),
        Property::new(e::FLAG, Kind::Group(&FLAG)).since(Version::V12_0).blank(),
        text(e::CONTENT_CLASS).since(Version::V12_0),
        Property::new(b::NATIVE_BODY_TYPE, Kind::Told).since(Version::V12_0),
        Property::new(e::CATEGORIES, Kind::List(e::CATEGORY)).since(Version::V14_0).blank(),
        text(e2::UM_CALLER_ID).since(Version::V14_0),
        text(e2::UM_USER_NOTES).since(Version::V14_0),
        Property::new(e2::CONVERSATION_ID, Kind::Bytes).since(Version::V14_0),
        Property::new(e2::CONVERSATION_INDEX, Kind::Bytes).since(Version::V14_0),
        number(e2::LAST_VERB_EXECUTED, 0, 3).since(Version::V14_0),
        date(e2::LAST_VERB_EXECUTION_TIME).since(Version::V14_0),
        number(e2::RECEIVED_AS_BCC, 0, 1).since(Version::V14_0),
        text(e2::SENDER).since(Version::V14_0),
        text(e2::ACCOUNT_ID).since(Version::V14_1),
        number(e2::IS_DRAFT, 0, 1).since(Version::V16_0),
        text(e2::BCC).since(Version::V16_0),
        Property::new(e2::SEND, Kind::Mark).since(Version::V16_0),
    ],
};

/// What a phone may change of any mail.
const CHANGEABLE: [Tag; 3] = [e::READ, e::FLAG, e::CATEGORIES];

/// What it may change of a draft besides (MS-ASEMAIL 3.1.5.1, from 16.0 on).
const OF_DRAFTS: [Tag; 8] = [e::TO, e::CC, e2::BCC, e::SUBJECT, e::IMPORTANCE, b::BODY, b::ATTACHMENTS, e2::SEND];

/// What is not for a phone to say (MS-ASEMAIL 2.2.2.16, 2.2.2.17, 2.2.2.60, 2.2.2.69).
const READ_ONLY: [Tag; 4] = [e2::CONVERSATION_ID, e2::CONVERSATION_INDEX, e2::RECEIVED_AS_BCC, e2::SENDER];

/// What a phone sent, without all that it may not change.
fn meant(sent: &Properties, _: &Properties, version: Version) -> Properties {
    let drafts = version.traits().drafts;
    let mut item = sent.clone();
    item.0.retain(|tag, _| CHANGEABLE.contains(tag) || drafts && OF_DRAFTS.contains(tag));
    if let Some(Value::Group(flag)) = item.0.get_mut(&e::FLAG)
        && flag.text(e::STATUS) == Some("0")
    {
        flag.0.clear();
    }
    item
}

/// MS-ASEMAIL 2.2.2.58: Read is 0 or 1. Numbers out of their bounds have not got this far.
fn sound(sent: &Properties) -> bool {
    sent.text(e::READ) != Some("") && !READ_ONLY.iter().any(|tag| sent.0.contains_key(tag))
}

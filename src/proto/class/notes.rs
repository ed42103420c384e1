//! Notes (MS-ASNOTE), from 14.0 on.
//!
//! The neutral item: Subject, MessageClass ("IPM.StickyNote"), LastModifiedDate (compact; what a phone says of it is not taken),
//! Categories, and `AirSyncBase:Body`.

use super::{
    super::Version,
    Class,
    table::{Form, Kind, Legacy, Property, Table},
};
use crate::wbxml::tag::{air_sync_base, notes as n};

/// 2.5 has no notes; the elements are those of no class.
const BODY: Kind = Kind::Body(Legacy { body: air_sync_base::BODY, size: None, truncated: air_sync_base::TRUNCATED });

pub(super) static TABLE: Table = Table {
    class: Class::Notes,
    ghosted_since: None,
    added_since: Version::V2_5,
    volatile: &[],
    form: Form::SAME,
    properties: &[
        Property::text(n::SUBJECT).since(Version::V14_0).kept(),
        Property::text(n::MESSAGE_CLASS).since(Version::V14_0).kept(),
        Property::new(n::LAST_MODIFIED_DATE, Kind::Compact).since(Version::V14_0).kept(),
        Property::new(n::CATEGORIES, Kind::List(n::CATEGORY)).since(Version::V14_0),
        Property::new(air_sync_base::BODY, BODY).since(Version::V14_0).kept(),
    ],
};

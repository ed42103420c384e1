//! What a property is: the columns of the class tables.

use super::{super::Version, Class, Properties};
use crate::wbxml::Tag;

/// How a property looks on the wire.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Text or a number.
    Text,
    /// A mail address; phones also send `"Name" <address>`.
    Address,
    /// A date whose time of day means nothing (birthdays).
    Day,
    /// A container of equal text children.
    List(Tag),
    /// A whole number within these bounds; also what is a boolean in other protocols.
    Number(i32, i32),
    /// A moment in compact form: `20250330T013000Z`.
    Compact,
    /// A moment in dashed form: `2025-03-30T01:30:00.000Z`.
    Dashed,
    /// Text that is one of the properties of the container that the neutral item has.
    Part(Tag),
    /// A container with properties of its own.
    Group(&'static [Property]),
    /// A container of equal containers, of which there may be so many.
    Groups(Tag, &'static [Property], usize),
    /// Containers of attachments that the class has no place for: never written; with such a child in them the item cannot be taken.
    Refused(Tag),
    /// Attachments: how they are told, and how a phone adds and removes some, with the most there may be.
    Attachments { shown: &'static [Property], added: &'static [Property], removed: &'static [Property], most: usize },
    /// Text that only the server says.
    Told,
    /// A byte array.
    Bytes,
    /// An element that says yes by standing there; "1" in the neutral item.
    Mark,
    /// The uid of a meeting, in the form of MS-ASEMAIL 2.2.2.37.
    ObjectId,
    /// The body of a mail: AirSyncBase:Body, in 2.5 the elements of the class for text and for whole messages.
    Content { text: Legacy, mime: Legacy },
    /// AirSyncBase:BodyPart.
    BodyPart,
    /// Base64 text of an image.
    Picture,
    /// Notes: AirSyncBase:Body, up to 2.5 the elements of the class itself.
    Body(Legacy),
}

/// The elements that are the body in 2.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Legacy {
    pub(super) body: Tag,
    /// Events have none.
    pub(super) size: Option<Tag>,
    pub(super) truncated: Tag,
}

/// One row of a class table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Property {
    pub(super) tag: Tag,
    /// Under which tag the neutral item has it.
    pub(super) key: Tag,
    pub(super) kind: Kind,
    /// First version that has it.
    pub(super) since: Version,
    /// Last version that has it.
    pub(super) until: Version,
    /// A phone may leave it unmanaged (Supported).
    pub(super) ghostable: bool,
    /// Never emptied by being absent from a Change (MS-ASCMD 2.2.3.24.2).
    pub(super) kept: bool,
    /// Many phones do not show it: its absence means something only from a phone that has sent it before.
    pub(super) rare: bool,
    /// Stands there empty where an occurrence has none although its series has one.
    pub(super) blank: bool,
    /// Says nothing about the item: two that differ in it alone are the same.
    pub(super) incidental: bool,
}

impl Property {
    /// A ghostable property that all versions have.
    pub(super) const fn new(tag: Tag, kind: Kind) -> Self {
        Self {
            tag,
            key: tag,
            kind,
            since: Version::V2_5,
            until: Version::V16_1,
            ghostable: true,
            kept: false,
            rare: false,
            blank: false,
            incidental: false,
        }
    }

    /// A ghostable text that all versions have.
    pub(super) const fn text(tag: Tag) -> Self {
        Self::new(tag, Kind::Text)
    }

    pub(super) const fn named(self, key: Tag) -> Self {
        Self { key, ..self }
    }

    pub(super) const fn rare(self) -> Self {
        Self { rare: true, ..self }
    }

    pub(super) const fn number(tag: Tag, min: i32, max: i32) -> Self {
        Self::new(tag, Kind::Number(min, max))
    }

    pub(super) const fn blank(self) -> Self {
        Self { blank: true, ..self }
    }

    pub(super) const fn since(self, since: Version) -> Self {
        Self { since, ..self }
    }

    pub(super) const fn until(self, until: Version) -> Self {
        Self { until, ..self }
    }

    /// Never left to the server by a Supported list: absent means empty.
    pub(super) const fn unghosted(self) -> Self {
        Self { ghostable: false, ..self }
    }

    pub(super) const fn kept(self) -> Self {
        Self { kept: true, ..self }
    }

    pub(super) const fn incidental(self) -> Self {
        Self { incidental: true, ..self }
    }

    pub(super) fn is_in(&self, version: Version) -> bool {
        self.since <= version && version <= self.until
    }
}

/// One class: its properties in the order in which they are written.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) class: Class,
    pub(super) properties: &'static [Property],
    /// From this version on absent means unchanged, whatever was said about Supported.
    pub(super) ghosted_since: Option<Version>,
    /// First version in which phones add items.
    pub(super) added_since: Version,
    /// What can change of an item that is otherwise as it was made; empty = everything can.
    pub(super) volatile: &'static [Tag],
    pub(super) form: Form,
}

/// Where what a version has on the wire is not the neutral item itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    /// The neutral item as this version writes it.
    pub(super) shown: Option<fn(&Properties, Version) -> Properties>,
    /// What was sent in this version for the second item, which is as it is now, as neutral properties.
    pub(super) meant: Option<fn(&Properties, &Properties, Version) -> Properties>,
    /// Whether what was read can be taken at all (Status 6).
    pub(super) sound: fn(&Properties) -> bool,
}

impl Form {
    /// The neutral item is what is on the wire.
    pub(super) const SAME: Self = Self { shown: None, meant: None, sound: |_| true };
}

static TABLES: [&Table; 5] = [
    &super::contacts::TABLE,
    &super::calendar::TABLE,
    &super::tasks::TABLE,
    &super::notes::TABLE,
    &super::email::TABLE,
];

/// The table of a class; `None` for classes that are not served.
pub(super) fn table(class: Class) -> Option<&'static Table> {
    TABLES.into_iter().find(|table| table.class == class)
}

/// The properties that a class has in a version, in the order in which they are written.
pub(super) fn properties(class: Class, version: Version) -> impl Iterator<Item = &'static Property> {
    table(class).into_iter().flat_map(|table| table.properties).filter(move |property| property.is_in(version))
}

/// The property of an item that an element stands for, whatever the class: from 14.0 on a Sync request does not name it.
pub(super) fn find(tag: Tag, version: Version) -> Option<&'static Property> {
    let read = |property: &&Property| !matches!(property.kind, Kind::Refused(_));
    TABLES.into_iter().find_map(|table| find_in(table.properties, tag, version).filter(read))
}

/// Whether a class can take what was read: the version may add its items, and it has nothing in it that the class has no place for.
pub(super) fn takes(class: Class, version: Version, add: bool, item: &Properties) -> bool {
    let Some(table) = table(class) else { return false };
    let refused = |property: &Property| match property.kind {
        Kind::Refused(child) => item.groups(property.key).iter().any(|group| group.0.contains_key(&child)),
        _ => false,
    };
    (!add || version >= table.added_since) && !table.properties.iter().any(refused)
}

/// Whether what was read can be taken. Each class looks at its own elements only.
pub(super) fn is_sound(item: &Properties) -> bool {
    TABLES.into_iter().all(|table| (table.form.sound)(item))
}

/// The property of a table that an element stands for. The body of 2.5 is known in every version.
pub(super) fn find_in(table: &'static [Property], tag: Tag, version: Version) -> Option<&'static Property> {
    let stands_for = |property: &&Property| match property.kind {
        Kind::Body(legacy) | Kind::Content { text: legacy, .. } => property.tag == tag || legacy.body == tag,
        _ => property.tag == tag,
    };
    table.iter().filter(|property| property.is_in(version)).find(stands_for)
}

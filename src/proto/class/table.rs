//! What a property is: the columns of the class tables.

use super::{super::Version, Class};
use crate::wbxml::Tag;

/// How a property looks on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text or a number.
    Text,
    /// A mail address; phones also send `"Name" <address>`.
    Address,
    /// A date whose time of day means nothing (birthdays).
    Day,
    /// A container of equal text children.
    List(Tag),
    /// Base64 text of an image.
    Picture,
    /// Notes: AirSyncBase:Body, up to 2.5 the elements of the class itself.
    Body(Legacy),
}

/// The elements that are the body in 2.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Legacy {
    pub(super) body: Tag,
    pub(super) size: Tag,
    pub(super) truncated: Tag,
}

/// One row of a class table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Property {
    pub(super) tag: Tag,
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
}

impl Property {
    /// A ghostable property that all versions have.
    pub(super) const fn new(tag: Tag, kind: Kind) -> Self {
        Self { tag, kind, since: Version::V2_5, until: Version::V16_1, ghostable: true, kept: false, rare: false }
    }

    /// A ghostable text that all versions have.
    pub(super) const fn text(tag: Tag) -> Self {
        Self::new(tag, Kind::Text)
    }

    pub(super) const fn rare(self) -> Self {
        Self { rare: true, ..self }
    }

    pub(super) const fn since(self, since: Version) -> Self {
        Self { since, ..self }
    }

    pub(super) const fn kept(self) -> Self {
        Self { kept: true, ..self }
    }

    fn is_in(&self, version: Version) -> bool {
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
}

static TABLES: [&Table; 1] = [&super::contacts::TABLE];

/// The table of a class; `None` for classes that are not served.
pub(super) fn table(class: Class) -> Option<&'static Table> {
    TABLES.into_iter().find(|table| table.class == class)
}

/// The properties that a class has in a version, in the order in which they are written.
pub(super) fn properties(class: Class, version: Version) -> impl Iterator<Item = &'static Property> {
    table(class).into_iter().flat_map(|table| table.properties).filter(move |property| property.is_in(version))
}

/// The property that an element stands for, whatever the class: from 14.0 on a Sync request does not name it. The body of 2.5
/// is known in every version.
pub(super) fn find(tag: Tag, version: Version) -> Option<&'static Property> {
    let stands_for = |property: &&Property| match property.kind {
        Kind::Body(legacy) => property.tag == tag || legacy.body == tag,
        _ => property.tag == tag,
    };
    TABLES.into_iter().flat_map(|table| table.properties).filter(|property| property.is_in(version)).find(stands_for)
}

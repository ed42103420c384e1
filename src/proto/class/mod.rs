//! The data classes (MS-ASCNTC and siblings). An item is a bag of properties keyed by tag; which properties a class has, since which
//! version, and how they are written is one table per class. Reading, writing and ghosting follow from the tables.

mod calendar;
mod contacts;
mod email;
mod notes;
mod patch;
mod read;
mod scope;
mod table;
mod tasks;
#[cfg(test)]
pub(in crate::proto) mod tests;
mod uid;
mod value;
mod write;
mod zone;

use std::{borrow::Cow, collections::BTreeMap};

use crate::wbxml::Tag;

pub use patch::{Sender, applied, no_occurrence, patch, patch_of_instance};
pub use read::read_item;
pub use scope::Scope;
pub use uid::{wished_uid, with_uid, without_uid};
pub(in crate::proto) use value::{compact, cut, dashed};
pub(in crate::proto) use write::is_written;
pub use write::{encoded, write_item};
pub use zone::{Blob, Observance, SystemTime};

/// A data class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs)]
pub enum Class {
    Email,
    Contacts,
    Calendar,
    Tasks,
    Notes,
}

impl Class {
    /// As in the Class element.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "Email",
            Self::Contacts => "Contacts",
            Self::Calendar => "Calendar",
            Self::Tasks => "Tasks",
            Self::Notes => "Notes",
        }
    }

    /// The class of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Email, Self::Contacts, Self::Calendar, Self::Tasks, Self::Notes].into_iter().find(|c| c.name() == name)
    }
}

/// The value of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text, numbers and dates as they stand on the wire. "" = present but empty (in a Change: clear).
    Text(String),
    /// A container of equal text children (Categories/Category, Children/Child).
    List(Vec<String>),
    /// Bytes (a picture, decoded from base64).
    Bytes(Vec<u8>),
    /// The notes of an item, whichever form the version gives it; always under the key `AirSyncBase:Body`.
    Body(Body),
    /// A container with properties of its own (Recurrence, Location).
    Group(Properties),
    /// Equal containers (Attendees, Exceptions).
    Groups(Vec<Properties>),
    /// The body of a mail as a phone asked for it.
    Content(Content),
}

/// The body of an item, whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Body {
    /// Which form [`Body::data`] has.
    pub kind: BodyKind,
    /// Text with CRLF line ends.
    pub data: String,
}

/// What a phone gets of the body of a mail: already in the form and length that it asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// Which form [`Content::data`] has.
    pub kind: BodyKind,
    /// The body or as much of it as is to be sent; "" = only its size is told.
    pub data: String,
    /// Length of the whole body in this form, bytes of UTF-8.
    pub size: u64,
    /// [`Content::data`] is not the whole body.
    pub truncated: bool,
    /// The beginning as plain text, where it was asked for (14.0+).
    pub preview: Option<String>,
}

/// Form of a body (MS-ASAIRS 2.2.2.41).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs)]
pub enum BodyKind {
    #[default]
    Plain = 1,
    Html = 2,
    Rtf = 3,
    Mime = 4,
}

impl BodyKind {
    /// The form of that number (the Type element).
    pub fn parse(number: &str) -> Option<Self> {
        let number: u8 = number.trim().parse().ok()?;
        [Self::Plain, Self::Html, Self::Rtf, Self::Mime].into_iter().find(|kind| *kind as u8 == number)
    }
}

/// Whether the items of a class never change but for what [`volatile`] leaves of them.
pub fn is_lasting(class: Class) -> bool {
    table::table(class).is_some_and(|table| !table.volatile.is_empty())
}

/// The properties of an item that can change while it is otherwise as it was made; all of them where everything can.
pub fn volatile(class: Class, item: &Properties) -> Cow<'_, Properties> {
    let Some(table) = table::table(class).filter(|table| !table.volatile.is_empty()) else {
        return Cow::Borrowed(item);
    };
    let kept = item.0.iter().filter(|(tag, _)| table.volatile.contains(tag));
    Cow::Owned(Properties(kept.map(|(tag, value)| (*tag, value.clone())).collect()))
}

/// Whether a class can take what a phone sent in an Add (`add`) or a Change; if not, it is told Status 6. [`read_item`] does not know the
/// class: from 14.0 on a Sync request does not name it.
pub fn takes(class: Class, version: super::Version, add: bool, item: &Properties) -> bool {
    table::takes(class, version, add, item)
}

/// An item: its properties by tag. A property that is absent was not sent (from a phone) or is not set (from a source).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties(pub BTreeMap<Tag, Value>);

impl Properties {
    /// The text of a property.
    pub fn text(&self, tag: Tag) -> Option<&str> {
        match self.0.get(&tag) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A container.
    pub fn group(&self, tag: Tag) -> Option<&Self> {
        match self.0.get(&tag) {
            Some(Value::Group(group)) => Some(group),
            _ => None,
        }
    }

    /// Equal containers; none when there is no such property.
    pub fn groups(&self, tag: Tag) -> &[Self] {
        match self.0.get(&tag) {
            Some(Value::Groups(groups)) => groups,
            _ => &[],
        }
    }

    /// Sets a text property; empty text removes it.
    pub fn set_text(&mut self, tag: Tag, text: impl Into<String>) {
        let text = text.into();
        if text.is_empty() {
            self.0.remove(&tag);
        } else {
            self.0.insert(tag, Value::Text(text));
        }
    }
}

/// A change to an item with everything that the version's ghosting rules say already worked in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patch {
    /// Properties with their new values.
    pub set: Properties,
    /// Properties to be emptied.
    pub clear: Vec<Tag>,
}

/// What the phone asked of bodies for one collection (Options of Sync, sticky).
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BodyPreference {
    /// Which form.
    pub kind: BodyKind,
    /// At most so many bytes; `None` = all.
    pub truncation_size: Option<u32>,
    /// All or nothing: a body that is larger is left out rather than cut.
    pub all_or_none: bool,
    /// Characters of preview text wanted (14.0+).
    pub preview: Option<u32>,
}

/// How the items of a collection are written for one device: version and the body options in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Protocol version of the request.
    pub version: super::Version,
    /// Body preferences in the order of the request; empty = none sent.
    pub bodies: Vec<BodyPreference>,
    /// Value of Truncation of 2.5 (0-9, MS-ASCMD 2.2.3.184), `None` = all.
    pub truncation: Option<u32>,
    /// BodyPartPreference, in the order of the request (14.1+).
    pub body_parts: Vec<BodyPreference>,
    /// MIMESupport: 0 never send a mail as MIME, 1 only signed and encrypted ones, 2 all (MS-ASCMD 2.2.3.110).
    pub mime_support: u32,
    /// Value of MIMETruncation (0-8, MS-ASCMD 2.2.3.109), `None` = all.
    pub mime_truncation: Option<u32>,
}

impl View {
    /// A view without any wish.
    pub const fn plain(version: super::Version) -> Self {
        Self {
            version,
            bodies: Vec::new(),
            truncation: None,
            body_parts: Vec::new(),
            mime_support: 0,
            mime_truncation: None,
        }
    }
}

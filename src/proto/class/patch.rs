//! What a Change means: ghosting (MS-ASCMD 2.2.3.178).

use std::collections::BTreeSet;

use super::{
    super::Version,
    Class, Patch, Properties, Value,
    table::{self, Property},
};
use crate::wbxml::Tag;

impl Value {
    /// Present, but with nothing in it: in a Change the wish to empty the property.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::List(values) => values.is_empty(),
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::Body(body) => body.data.is_empty(),
        }
    }
}

impl Patch {
    /// What an Add means: everything that was sent and is not empty.
    pub fn of_add(sent: &Properties) -> Self {
        let set = sent.0.iter().filter(|(_, value)| !value.is_empty());
        Self { set: Properties(set.map(|(tag, value)| (*tag, value.clone())).collect()), clear: Vec::new() }
    }
}

/// What a Change means for an item. What was sent is set, or cleared when it is empty. What was not sent is cleared if the phone
/// manages it: with `supported` = `None` (no Supported was ever sent) that is everything but what many phones do not show and this one
/// has never sent (`shown`: all tags that it has sent in this collection so far); else what the list names and what cannot be ghosted. Body and Picture are never cleared by absence; nor is anything in the versions in which a class is ghosted as a whole
/// (Calendar from 16.0 on).
pub fn patch(
    class: Class,
    version: Version,
    supported: Option<&[Tag]>,
    shown: &BTreeSet<Tag>,
    sent: &Properties,
) -> Patch {
    let mut patch = Patch::of_add(sent);
    patch.clear.extend(sent.0.iter().filter(|(_, value)| value.is_empty()).map(|(tag, _)| *tag));
    let ghosted = table::table(class).is_none_or(|table| table.ghosted_since.is_some_and(|since| version >= since));
    if !ghosted {
        let absent = table::properties(class, version).filter(|property| !sent.0.contains_key(&property.tag));
        patch
            .clear
            .extend(absent.filter(|property| is_managed(property, supported, shown)).map(|property| property.tag));
    }
    patch
}

/// Whether absence of the property from a Change means that the phone has emptied it.
fn is_managed(property: &Property, supported: Option<&[Tag]>, shown: &BTreeSet<Tag>) -> bool {
    let managed = match supported {
        Some(list) => !property.ghostable || list.contains(&property.tag),
        None => !property.rare || shown.contains(&property.tag),
    };
    managed && !property.kept
}

//! What a Change means: ghosting (MS-ASCMD 2.2.3.178).

use std::collections::BTreeSet;

use super::{
    super::Version,
    Class, Patch, Properties, Value, calendar,
    table::{self, Kind, Property},
};
use crate::wbxml::{
    Tag,
    tag::calendar::{DELETED, EXCEPTION_START_TIME, EXCEPTIONS, RECURRENCE},
};

impl Value {
    /// Present, but with nothing in it: in a Change the wish to empty the property.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::List(values) => values.is_empty(),
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::Body(body) => body.data.is_empty(),
            Self::Group(group) => group.0.values().all(Self::is_empty),
            Self::Groups(groups) => groups.is_empty(),
            Self::Content(content) => content.size == 0,
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

/// Who sends what, and what is known of how he does it.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// Protocol version of the request.
    pub version: Version,
    /// Supported of the first Sync; `None` = not sent.
    pub supported: Option<&'a [Tag]>,
    /// All properties that this phone has sent in this collection so far.
    pub shown: &'a BTreeSet<Tag>,
}

/// What an Add, or a Change of the item `now`, means. What was sent is set, or cleared when it is empty. What was not sent is cleared if
/// the phone manages it: without any Supported that is everything but what many phones do not show and this one has never sent; else
/// what the list names and what cannot be ghosted. Some properties (Body, Picture, ...) are never cleared by absence; nor is anything in
/// the versions in which a class is ghosted as a whole (Calendar from 16.0 on).
pub fn patch(class: Class, sender: Sender<'_>, sent: &Properties, now: &Properties) -> Patch {
    let Some(table) = table::table(class) else { return Patch::default() };
    let mut sent = table.form.meant.map_or_else(|| sent.clone(), |meant| meant(sent, now, sender.version));
    // From 14.0 on a request does not name its class: elements of others have got this far.
    let its_own = |property: &Property| !matches!(property.kind, Kind::Refused(_));
    sent.0.retain(|tag, _| table.properties.iter().any(|property| property.key == *tag && its_own(property)));
    let mut patch = Patch::of_add(&sent);
    patch.clear.extend(sent.0.iter().filter(|(_, value)| value.is_empty()).map(|(tag, _)| *tag));
    if table.ghosted_since.is_none_or(|since| sender.version < since) {
        let absent = table::properties(class, sender.version).filter(|property| !sent.0.contains_key(&property.key));
        patch.clear.extend(absent.filter(|property| is_managed(property, sender)).map(|property| property.key));
    }
    // An event without occurrences of its own has just none: their element never takes any away.
    patch.clear.retain(|tag| *tag != EXCEPTIONS);
    if let Some(Value::Groups(exceptions)) = patch.set.0.get_mut(&EXCEPTIONS) {
        let known = now.groups(EXCEPTIONS);
        exceptions.iter_mut().for_each(|exception| calendar::complete(exception, known, sender.version));
    }
    patch
}

/// What a Change of one occurrence of the series `now` means (16.0+); `sent` with nothing but Deleted takes it away. `None`: it is
/// no series, or the InstanceId no date.
pub fn patch_of_instance(sender: Sender<'_>, instance: &str, sent: &Properties, now: &Properties) -> Option<Patch> {
    now.group(RECURRENCE)?;
    let series =
        Properties(now.0.iter().filter(|(tag, _)| **tag != EXCEPTIONS).map(|(t, v)| (*t, v.clone())).collect());
    let sent = table::table(Class::Calendar)
        .and_then(|table| table.form.meant)
        .map(|meant| meant(sent, &series, sender.version))?;
    let mut exception = calendar::exception(instance, sent, now)?;
    calendar::complete(&mut exception, now.groups(EXCEPTIONS), sender.version);
    let set = Properties([(EXCEPTIONS, Value::Groups(vec![exception]))].into());
    Some(Patch { set, clear: Vec::new() })
}

/// What a Delete of one occurrence sends (16.0+).
pub fn no_occurrence() -> Properties {
    let mut sent = Properties::default();
    sent.set_text(DELETED, "1");
    sent
}

/// The item as it is after the patch: exceptions of a series are replaced one by one.
pub fn applied(patch: &Patch, item: &Properties) -> Properties {
    let mut item = item.clone();
    for tag in &patch.clear {
        item.0.remove(tag);
    }
    for (tag, value) in &patch.set.0 {
        match (value, item.0.get_mut(tag)) {
            (Value::Groups(new), Some(Value::Groups(old))) if *tag == EXCEPTIONS => {
                let start = |exception: &Properties| exception.text(EXCEPTION_START_TIME).map(str::to_owned);
                old.retain(|old| !new.iter().any(|new| start(new) == start(old)));
                old.extend(new.iter().cloned());
                old.sort_by_key(start);
            }
            _ => {
                item.0.insert(*tag, value.clone());
            }
        }
    }
    item
}

/// Whether absence of the property from a Change means that the phone has emptied it.
fn is_managed(property: &Property, sender: Sender<'_>) -> bool {
    let managed = match sender.supported {
        Some(list) => !property.ghostable || list.contains(&property.tag),
        None => !property.rare || sender.shown.contains(&property.key),
    };
    managed && !property.kept
}

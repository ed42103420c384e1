//! Notes between a phone and Mnemo.
//!
//! A note in Horde is one text, whose first line is its title. Phones have a subject and a body; with most of them the subject is the
//! first line of the body, and then the body is the text. A phone that keeps the title apart gets its body back as it sent it, from what
//! is kept beside, while Horde has the title above it.

use crate::{
    convert::vnote::VNote,
    proto::class::{Patch, Properties, Value, applied},
    source::app::{
        Row,
        text::{Limit, body_of, cut, list_of, printable, put, settled_body, sorted, text_of, trim, with_lf},
    },
    wbxml::{
        Tag,
        tag::{air_sync_base::BODY, notes as n},
    },
};

/// Everything that a note has on phones and that they can change.
pub(super) static TAGS: [Tag; 4] = [n::SUBJECT, n::MESSAGE_CLASS, n::CATEGORIES, BODY];

const CLASS: &str = "IPM.StickyNote";
/// Mnemo takes a text that begins so for an encrypted one.
const ENCRYPTED: &str = "-----BEGIN PGP MESSAGE-----";
/// Longest title.
const TITLE: Limit = Limit::Characters(255);
/// Mnemo's columns.
const TEXT: Limit = Limit::Bytes(65_535);
const TAG: Limit = Limit::Characters(255);

/// A note as Mnemo has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Note {
    /// With bare line feeds.
    pub(super) text: String,
    pub(super) tags: Vec<String>,
    /// `20261124T131354Z`; not compared.
    pub(super) modified: Option<String>,
}

impl From<VNote> for Note {
    fn from(note: VNote) -> Self {
        Self { text: with_lf(&note.body), tags: note.categories, modified: note.modified }
    }
}

impl Row for Note {
    fn weight(&self) -> usize {
        128 + self.text.len() + self.tags.iter().map(|tag| tag.len() + 24).sum::<usize>()
    }
}

impl Note {
    /// Whether that is the same text with the same tags.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.text == other.text && sorted(self.tags.iter().cloned()) == sorted(other.tags.iter().cloned())
    }
}

/// The note as phones see it, without what is kept beside.
pub(super) fn item_of(note: &Note) -> Properties {
    let mut item = Properties::default();
    item.set_text(n::SUBJECT, title(&note.text));
    item.set_text(n::MESSAGE_CLASS, CLASS);
    item.set_text(n::LAST_MODIFIED_DATE, note.modified.clone().unwrap_or_default());
    put(&mut item, n::CATEGORIES, list_of(sorted(note.tags.iter().cloned())));
    put(&mut item, BODY, body_of(&note.text));
    item
}

/// The item as it is to be after a change, every value in the one form in which values are compared and kept.
pub(super) fn wanted(seen: &Properties, patch: &Patch) -> Properties {
    let mut item = applied(patch, seen);
    item.0.retain(|tag, _| TAGS.contains(tag));
    let body = settled_body(item.0.get(&BODY), seen.0.get(&BODY));
    put(&mut item, BODY, body);
    if let Some(Value::List(tags)) = item.0.remove(&n::CATEGORIES) {
        put(&mut item, n::CATEGORIES, list_of(sorted(tags.iter().map(|tag| printable(tag)))));
    }
    if !item.text(n::MESSAGE_CLASS).is_some_and(|class| class.starts_with(CLASS)) {
        item.set_text(n::MESSAGE_CLASS, CLASS);
    }
    // A subject that followed from the body goes on doing so.
    let follows =
        !patch.set.0.contains_key(&n::SUBJECT) && seen.text(n::SUBJECT).unwrap_or_default() == title(&text(seen));
    let subject = one_line(item.text(n::SUBJECT).unwrap_or_default());
    item.set_text(n::SUBJECT, if follows || subject.is_empty() { title(&text(&item)) } else { subject });
    item
}

/// Makes the note what `wanted` says where that is not what `seen` says.
pub(super) fn change(note: &Note, seen: &Properties, wanted: &Properties) -> Note {
    let changed = |tag: Tag| seen.0.get(&tag) != wanted.0.get(&tag);
    let mut note = note.clone();
    if changed(n::CATEGORIES) {
        let tags = match wanted.0.get(&n::CATEGORIES) {
            Some(Value::List(tags)) => tags.as_slice(),
            _ => &[],
        };
        let parts = tags.iter().flat_map(|tag| tag.split(',')).map(|tag| cut(trim(tag), TAG).to_owned());
        note.tags = sorted(parts);
        note.tags.dedup_by_key(|tag| tag.to_lowercase());
    }
    let renewed = (changed(n::SUBJECT) || changed(BODY)).then(|| whole(seen, wanted));
    if renewed.is_some() || changed(n::CATEGORIES) {
        let text = renewed.unwrap_or_else(|| note.text.clone());
        note.text = stored(&text, !note.tags.is_empty());
    }
    note
}

/// Subject and body in one text.
fn whole(seen: &Properties, wanted: &Properties) -> String {
    let (subject, text) = (wanted.text(n::SUBJECT).unwrap_or_default(), self::text(wanted));
    let first = title(&text);
    if first.starts_with(subject) {
        return text;
    }
    let renamed = seen.0.get(&BODY) == wanted.0.get(&BODY) && seen.text(n::SUBJECT).unwrap_or_default() == first;
    match text.split_once(first.as_str()) {
        // Only the title was changed.
        Some((_, rest)) if renamed && !first.is_empty() => format!("{subject}{rest}"),
        _ if text.is_empty() => subject.to_owned(),
        _ => format!("{subject}\n{text}"),
    }
}

/// What Mnemo makes of a text: one without tags it takes as it is; with tags the text is in a vNote, where white space around is taken off
/// and no backslash can stand before an n.
fn stored(text: &str, tagged: bool) -> String {
    let mut text = text.to_owned();
    if tagged {
        text = trim(&text.replace("\\n", "\\\n").replace("\\N", "\\\n")).to_owned();
    }
    if text.starts_with(ENCRYPTED) {
        text.insert_str(0, "PGP\n");
    }
    let text = cut(&text, TEXT);
    if tagged { trim(text).to_owned() } else { text.to_owned() }
}

/// The first line that is not blank.
fn title(text: &str) -> String {
    let line = text.split(['\n', '\r']).map(one_line).find(|line| !line.is_empty()).unwrap_or_default();
    trim(cut(&line, TITLE)).to_owned()
}

fn one_line(text: &str) -> String {
    trim(&printable(text).replace(['\r', '\n'], " ")).to_owned()
}

/// The body of an item as plain text with bare line feeds.
fn text(item: &Properties) -> String {
    text_of(item.0.get(&BODY))
}

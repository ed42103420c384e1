//! A whole info file: reading, rewriting in place, and what can be saved of a broken one.

use std::path::Path;

use super::{
    Info, WipeStatus,
    field::{DEVICE_PREFIX, DEVICE_SECTION, FIELDS, HEAD, UNKNOWN_SECTION, quoted},
    line::{self, Entry, Key},
    old,
};
use crate::state::Error;

/// Largest info file, bytes.
pub(in crate::state) const LIMIT: u64 = 64 << 10;

const BOM: char = '\u{feff}';

/// Why a file cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::state) struct Broken {
    /// From 1; 0 = the file as a whole.
    pub(super) line: usize,
    pub(super) reason: String,
}

impl Broken {
    pub(in crate::state) fn in_file(self, file: &Path) -> Error {
        Error::Unreadable { file: file.to_owned(), line: self.line, reason: self.reason }
    }
}

/// A file that was understood, with everything that a rewrite has to keep.
#[derive(Debug, Clone)]
pub(in crate::state) struct Sheet {
    pub(in crate::state) info: Info,
    /// Empty for the form of Horde's first file driver, which is replaced as a whole.
    lines: Vec<Line>,
}

#[derive(Debug, Clone)]
struct Line {
    /// With its line end.
    text: String,
    entry: Option<Entry>,
}

/// Reads a file in either form.
pub(in crate::state) fn parse(bytes: &[u8]) -> Result<Sheet, Broken> {
    if old::is_php(bytes) {
        let info = old::read(bytes).map_err(|reason| Broken { line: 0, reason })?;
        return Ok(Sheet { info, lines: Vec::new() });
    }
    let text = decode(bytes);
    if text.contains('\0') {
        return Err(Broken { line: 0, reason: "the file holds zero bytes; is it UTF-16, or damaged?".to_owned() });
    }
    let mut sheet = Sheet { info: Info::default(), lines: Vec::new() };
    for (index, text) in text.split_inclusive('\n').enumerate() {
        let broken = |reason| Broken { line: index + 1, reason };
        let entry = line::read(text.trim_start_matches(BOM)).map_err(broken)?;
        // Places are counted in the whole line.
        let shift = text.len() - text.trim_start_matches(BOM).len();
        let entry = entry.map(|e| Entry { place: e.place.start + shift..e.place.end + shift, ..e });
        if let Some(entry) = &entry {
            apply(&mut sheet.info, &entry.key, &entry.value).map_err(broken)?;
        }
        sheet.lines.push(Line { text: text.to_owned(), entry });
    }
    if sheet.lines.iter().all(|line| line.entry.is_none()) {
        let reason = "the file says nothing; delete it if the device shall begin anew".to_owned();
        return Err(Broken { line: 0, reason });
    }
    Ok(sheet)
}

/// Files of editors that do not write UTF-8 are taken for Latin-1, so that a comment locks nobody out.
fn decode(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|b| char::from(*b)).collect(),
    }
}

fn apply(info: &mut Info, key: &Key, value: &str) -> Result<(), String> {
    match key {
        Key::Field(index) => FIELDS.get(*index).map_or(Ok(()), |field| (field.set)(info, value)),
        Key::Device(element) => {
            info.device_information.insert(element.clone(), value.to_owned());
            Ok(())
        }
        Key::Unknown(name) => {
            info.unknown.insert(name.clone(), value.to_owned());
            Ok(())
        }
    }
}

/// The strongest `rwstatus` of any line that can be read, whatever the other lines are like.
pub(in crate::state) fn salvage(bytes: &[u8]) -> WipeStatus {
    if let Ok(sheet) = parse(bytes) {
        return sheet.info.wipe;
    }
    let text = decode(bytes);
    let lines = text.lines().filter_map(|text| line::read(text.trim_start_matches(BOM)).ok().flatten());
    let mut found = old::salvage(bytes);
    for entry in lines {
        let mut info = Info::default();
        if apply(&mut info, &entry.key, &entry.value).is_ok() {
            found = stronger(found, info.wipe);
        }
    }
    found
}

pub(super) fn stronger(a: WipeStatus, b: WipeStatus) -> WipeStatus {
    let rank = |status| match status {
        WipeStatus::Pending => 3,
        WipeStatus::Wiped => 2,
        WipeStatus::Ok => 1,
        WipeStatus::None => 0,
    };
    if rank(b) > rank(a) { b } else { a }
}

/// The text for `info`: the old file with only the changed values changed, or a new file.
pub(in crate::state) fn write(old: Option<&Sheet>, info: &Info) -> String {
    match old {
        Some(old) if !old.lines.is_empty() => edit(old, info),
        _ => fresh(info),
    }
}

/// Every value of `info` as it is written, by key.
fn values(info: &Info) -> Vec<(Key, String)> {
    let fields = FIELDS.iter().enumerate().map(|(i, field)| (Key::Field(i), (field.get)(info)));
    let device = info.device_information.iter().map(|(name, text)| (Key::Device(name.clone()), quoted(text)));
    let unknown = info.unknown.iter().map(|(name, raw)| (Key::Unknown(name.clone()), raw.clone()));
    fields.chain(device).chain(unknown).collect()
}

fn name(key: &Key) -> String {
    match key {
        Key::Field(index) => FIELDS.get(*index).map(|field| field.key).unwrap_or_default().to_owned(),
        Key::Device(element) => format!("{DEVICE_PREFIX}{element}"),
        Key::Unknown(name) => name.clone(),
    }
}

fn fresh(info: &Info) -> String {
    let mut out = HEAD.to_owned();
    let mut section = "";
    for (key, value) in values(info) {
        let (above, behind) = match &key {
            Key::Field(index) => FIELDS.get(*index).map_or(("", ""), |field| (field.above, field.behind)),
            Key::Device(_) => (DEVICE_SECTION, ""),
            Key::Unknown(_) => (UNKNOWN_SECTION, ""),
        };
        if !above.is_empty() && above != section {
            out.push_str(above);
            section = above;
        }
        out.push_str(&format!("{} = {value}", name(&key)));
        if !behind.is_empty() {
            out.push_str(&format!("  # {behind}"));
        }
        out.push('\n');
    }
    out
}

fn edit(old: &Sheet, info: &Info) -> String {
    let mut lines = old.lines.clone();
    let before = values(&old.info);
    let after = values(info);
    for (key, _) in before.iter().filter(|(key, _)| !after.iter().any(|(other, _)| other == key)) {
        lines.retain(|line| line.entry.as_ref().is_none_or(|entry| entry.key != *key));
    }
    let changed = after.iter().filter(|pair| !before.contains(pair));
    for (key, value) in changed {
        // The last line with a key is the one that counts.
        match lines.iter_mut().rev().find(|line| line.entry.as_ref().is_some_and(|entry| entry.key == *key)) {
            Some(line) => {
                if let Some(entry) = &line.entry {
                    line.text.replace_range(entry.place.clone(), value);
                }
            }
            None => insert(&mut lines, key, value),
        }
    }
    lines.into_iter().map(|line| line.text).collect()
}

/// Adds a line: elements of DeviceInformation behind their like, everything else at the end.
fn insert(lines: &mut Vec<Line>, key: &Key, value: &str) {
    let end = if lines.first().is_some_and(|line| line.text.ends_with("\r\n")) { "\r\n" } else { "\n" };
    let like = |line: &Line| match &line.entry {
        Some(entry) => matches!((&entry.key, key), (Key::Device(_), Key::Device(_))),
        None => false,
    };
    let place = lines.iter().rposition(like).map_or(lines.len(), |index| index + 1);
    if let Some(before) = place.checked_sub(1).and_then(|index| lines.get_mut(index))
        && !before.text.ends_with('\n')
    {
        before.text.push_str(end);
    }
    let text = format!("{} = {value}{end}", name(key));
    lines.insert(place, Line { text, entry: None });
}

/// What comes of an edit from `base` to `edited` when the file meanwhile says `fresh`: every value that somebody changed in the file
/// stays as he wrote it.
pub(in crate::state) fn merge(base: &Info, edited: &Info, fresh: &Info) -> Info {
    let (base, edited, mut merged) = (values(base), values(edited), fresh.clone());
    let fresh = values(fresh);
    let of = |list: &[(Key, String)], key: &Key| list.iter().find(|(k, _)| k == key).map(|(_, value)| value.clone());
    for (key, _) in base.iter().chain(&edited) {
        let (old, new) = (of(&base, key), of(&edited, key));
        if old == new || of(&fresh, key) != old {
            continue;
        }
        match (key, new) {
            (Key::Device(element), None) => drop(merged.device_information.remove(element)),
            (Key::Unknown(name), None) => drop(merged.unknown.remove(name)),
            (_, Some(new)) => {
                let read = line::read(&format!("{} = {new}", name(key))).ok().flatten();
                // What was written by this program can be read; anything else leaves the file as it is.
                let _ = read.map(|entry| apply(&mut merged, key, &entry.value));
            }
            (Key::Field(_), None) => {}
        }
    }
    merged
}

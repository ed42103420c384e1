//! One line of an info file: valid TOML when written, read as leniently as its meaning is certain.

use std::ops::Range;

use super::field::{DEVICE_PREFIX, FIELDS, Field, GUARDED, MISTAKEN, PHP_PREFIX};

/// What a line with a value is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// Index in [`FIELDS`].
    Field(usize),
    /// Element of DeviceInformation.
    Device(String),
    /// Not ours.
    Unknown(String),
}

/// A line that holds a value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: Key,
    /// Where the value stands in the line, with its quotes.
    pub(super) place: Range<usize>,
    /// The value: without quotes, or for unknown keys as it stands.
    pub(super) value: String,
}

/// Reads a line; `None` for comments, empty lines and table headers.
pub(super) fn read(line: &str) -> Result<Option<Entry>, String> {
    let line = line.trim_end();
    let text = line.trim();
    if text.is_empty() || comment(text) || (text.starts_with('[') && text.ends_with(']')) {
        return Ok(None);
    }
    let start = line.len() - line.trim_start().len();
    let (name, after_key) = key(line, start)?;
    let (value_start, separated) = separator(line, after_key);
    let key = meaning(&name)?;
    if !separated && !matches!(key, Key::Field(_)) {
        return Err(format!("this is neither a comment nor \"key = value\": {:?}", shortened(text)));
    }
    let rest = line.get(value_start..).unwrap_or_default();
    if rest.is_empty() || comment(rest) {
        return Err(format!("{name} has no value"));
    }
    let (length, mut value) = value(rest, is_text(&key)).map_err(|reason| format!("{name}: {reason}"))?;
    let place = value_start..value_start + length;
    if matches!(key, Key::Unknown(_)) {
        line.get(place.clone()).unwrap_or_default().clone_into(&mut value);
    }
    Ok(Some(Entry { key, place, value }))
}

fn is_text(key: &Key) -> bool {
    match key {
        Key::Field(index) => FIELDS.get(*index).is_some_and(|field| field.text),
        Key::Device(_) | Key::Unknown(_) => true,
    }
}

fn comment(text: &str) -> bool {
    text.starts_with(['#', ';']) || text.starts_with("//")
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

/// The key that begins at `start`, and where it ends.
fn key(line: &str, start: usize) -> Result<(String, usize), String> {
    let rest = line.get(start..).unwrap_or_default();
    let plain = |text: &str| text.bytes().take_while(|b| b.is_ascii_alphanumeric() || b"_-.".contains(b)).count();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
    let inner = quote.map_or(rest, |_| rest.get(1..).unwrap_or_default());
    let length = plain(inner);
    let name = inner.get(..length).unwrap_or_default();
    let end = start + length + quote.map_or(0, |_| 2);
    let closed = quote.is_none_or(|quote| inner.get(length..).is_some_and(|after| after.starts_with(quote)));
    if name.is_empty() || length > 64 || !closed {
        return Err(format!("this is neither a comment nor \"key = value\": {:?}", shortened(rest)));
    }
    Ok((name.to_owned(), end))
}

/// Where the value begins, and whether `=` or `:` stands before it.
fn separator(line: &str, after_key: usize) -> (usize, bool) {
    let rest = line.get(after_key..).unwrap_or_default();
    let trimmed = rest.trim_start();
    let (after, separated) = match trimmed.strip_prefix(['=', ':']) {
        Some(after) => (after.trim_start(), true),
        None => (trimmed, false),
    };
    (line.len() - after.len(), separated)
}

/// What a key means; other spellings (case, underscores, hyphens) of a known one are that one.
fn meaning(name: &str) -> Result<Key, String> {
    let wanted = reduced(name);
    if let Some(index) = FIELDS.iter().position(|field: &Field| reduced(field.key) == wanted) {
        return Ok(Key::Field(index));
    }
    if let Some((prefix, element)) = name.split_at_checked(DEVICE_PREFIX.len())
        && prefix.eq_ignore_ascii_case(DEVICE_PREFIX)
        && !element.is_empty()
        && !element.contains('.')
    {
        return Ok(Key::Device(element.to_owned()));
    }
    // What another server left behind was checked when it was taken over.
    let foreign = name.starts_with(PHP_PREFIX);
    match misspelt(name).filter(|_| !foreign) {
        Some(reason) => Err(reason),
        None => Ok(Key::Unknown(name.to_owned())),
    }
}

/// Why a key that is not known must not be passed over: it looks as if one was meant that keeps a device out.
pub(super) fn misspelt(name: &str) -> Option<String> {
    let wanted = reduced(name);
    if let Some(known) = GUARDED.iter().find(|known| distance(known, &wanted) <= 2) {
        return Some(format!("{name:?} is not known; is {known:?} meant?"));
    }
    MISTAKEN.contains(&wanted.as_str()).then(|| {
        format!("{name:?} is not known; to wipe the device write \"rwstatus = 2\", to lock it out \"blocked = true\"")
    })
}

fn reduced(name: &str) -> String {
    name.to_ascii_lowercase().replace(['_', '-'], "")
}

/// How many letters must be added, removed or replaced to make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut left = i + 1;
        let mut next = vec![left];
        for (y, (diagonal, up)) in b.bytes().zip(row.iter().zip(row.iter().skip(1))) {
            left = (left + 1).min(up + 1).min(diagonal + usize::from(x != y));
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

/// The value at the beginning of `rest`: how long it is with its quotes, and what it says.
fn value(rest: &str, text: bool) -> Result<(usize, String), String> {
    let (length, value) = match rest.chars().next() {
        Some('"') => basic(rest)?,
        Some('\'') => literal(rest)?,
        _ => return bare(rest, text),
    };
    let behind = rest.get(length..).unwrap_or_default().trim_start_matches(|c: char| c == ',' || c.is_whitespace());
    if behind.is_empty() || comment(behind) {
        Ok((length, value))
    } else {
        Err(format!("something follows the quoted value: {:?}", shortened(behind)))
    }
}

/// Unquoted: up to a comment or the end.
fn bare(rest: &str, text: bool) -> Result<(usize, String), String> {
    let mut blank = true;
    let mut end = rest.len();
    for (i, c) in rest.char_indices() {
        // In free text (a User-Agent) these signs may be part of the value.
        if (blank || !text) && rest.get(i..).is_some_and(comment) {
            end = i;
            break;
        }
        blank = c.is_whitespace();
    }
    let value = rest.get(..end).unwrap_or_default().trim_end();
    let value = value.strip_suffix(',').unwrap_or(value).trim_end();
    if value.is_empty() { Err("no value".to_owned()) } else { Ok((value.len(), value.to_owned())) }
}

fn literal(rest: &str) -> Result<(usize, String), String> {
    let inner = rest.get(1..).unwrap_or_default();
    let end = inner.find('\'').ok_or("the closing quote is missing")?;
    Ok((end + 2, inner.get(..end).unwrap_or_default().to_owned()))
}

fn basic(rest: &str) -> Result<(usize, String), String> {
    let mut value = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => return Ok((i + 1, value)),
            '\\' => value.push(escaped(&mut chars)?),
            c => value.push(c),
        }
    }
    Err("the closing quote is missing".to_owned())
}

fn escaped(chars: &mut impl Iterator<Item = (usize, char)>) -> Result<char, String> {
    let digits = match chars.next().map(|(_, c)| c) {
        Some(c @ ('"' | '\\' | '/')) => return Ok(c),
        Some('n') => return Ok('\n'),
        Some('t') => return Ok('\t'),
        Some('r') => return Ok('\r'),
        Some('b') => return Ok('\u{8}'),
        Some('f') => return Ok('\u{c}'),
        Some('u') => 4,
        Some('U') => 8,
        _ => return Err("a backslash must be doubled".to_owned()),
    };
    let hex: String = chars.take(digits).map(|(_, c)| c).collect();
    let code = (hex.len() == digits).then(|| u32::from_str_radix(&hex, 16).ok()).flatten();
    code.and_then(char::from_u32).ok_or_else(|| format!("\\u{hex} is not a character"))
}

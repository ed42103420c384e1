//! Which form and how much of a body a phone gets (MS-ASAIRS 2.2.2.9, 3.2; MS-ASCMD 2.2.3.109-110, 2.2.3.184).

use super::{charset, kind, message::Message, part::Part, whole};
use crate::proto::class::{BodyKind, BodyPreference, Content, View};

/// Truncation and MIMETruncation in characters by their value; what is beyond the tables is not cut.
const TRUNCATION: [usize; 9] = [0, 512, 1024, 2048, 5120, 10_240, 20_480, 51_200, 102_400];
const MIME_TRUNCATION: [usize; 8] = [0, 4096, 5120, 7168, 10_240, 20_480, 51_200, 102_400];
/// So many characters are sent to who asks for no body at all: enough to see what it is about.
const GLIMPSE: usize = 255;
/// Longest preview, characters (MS-ASAIRS 2.2.2.35).
const LONGEST_PREVIEW: u32 = 255;

/// The message itself, or its beginning.
#[derive(Debug, Clone, Copy)]
pub struct Raw<'a> {
    /// Its bytes from the first on.
    pub bytes: &'a [u8],
    /// How many it has.
    pub size: u64,
}

/// How long a text may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    None,
    Bytes(usize),
    Characters(usize),
}

impl Limit {
    fn bytes(bytes: Option<u32>) -> Self {
        bytes.map_or(Self::None, |bytes| Self::Bytes(usize::try_from(bytes).unwrap_or(usize::MAX)))
    }

    fn table(value: Option<u32>, table: &[usize]) -> Self {
        let value = value.and_then(|value| usize::try_from(value).ok());
        value.and_then(|value| table.get(value)).map_or(Self::None, |n| Self::Characters(*n))
    }

    /// Bytes or characters; enough of the source to look at.
    const fn number(self) -> Option<usize> {
        match self {
            Self::None => None,
            Self::Bytes(n) | Self::Characters(n) => Some(n),
        }
    }

    fn cut(self, text: &str) -> &str {
        match self {
            Self::None => text,
            Self::Bytes(n) => charset::cut(text, n),
            Self::Characters(n) => characters(text, n),
        }
    }
}

fn characters(text: &str, n: usize) -> &str {
    text.char_indices().nth(n).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// Whether the phone wants the message itself (Type 4, MIMEData) rather than its text, and how many bytes of it at most; the outer `None`:
/// it does not, the inner: all.
pub fn wants_whole(root: &Part, view: &View) -> Option<Option<usize>> {
    mime_preference(root, view).map(|(limit, _)| limit.number())
}

fn mime_preference(root: &Part, view: &View) -> Option<(Limit, bool)> {
    if !(view.mime_support == 2 || (view.mime_support == 1 && kind::is_smime(root))) {
        return None;
    }
    let table = Limit::table(view.mime_truncation, &MIME_TRUNCATION);
    if !view.version.traits().air_sync_base {
        return Some((table, false));
    }
    let preference = view.bodies.iter().find(|preference| preference.kind == BodyKind::Mime)?;
    let limit = if preference.truncation_size.is_some() { Limit::bytes(preference.truncation_size) } else { table };
    Some((limit, preference.all_or_none))
}

/// The body of a message. `raw` is needed where [`wants_whole`] says so, that many bytes of it; without it the text is sent.
pub fn body(message: &Message, view: &View, raw: Option<Raw<'_>>) -> Content {
    let whole = mime_preference(&message.root, view).zip(raw).and_then(|((limit, all_or_none), raw)| {
        let content = mime(message, raw, limit);
        (!(all_or_none && content.truncated)).then_some(content)
    });
    let mut content = whole.unwrap_or_else(|| text_body(message, view));
    content.preview = preview_wish(view, content.kind).map(|characters| preview(message, characters));
    content
}

/// The part of the body that is this message's own (BodyPart, 14.1+): HTML, without what it quotes below.
pub fn body_part(message: &Message, preference: &BodyPreference) -> Content {
    let mut content = form(message, BodyKind::Html, Limit::bytes(preference.truncation_size));
    content.preview = preference.preview.map(|characters| preview(message, characters));
    content
}

fn text_body(message: &Message, view: &View) -> Content {
    if !view.version.traits().air_sync_base {
        return form(message, BodyKind::Plain, Limit::table(view.truncation, &TRUNCATION));
    }
    let Some(first) = view.bodies.first() else {
        return form(message, BodyKind::Plain, Limit::Characters(GLIMPSE));
    };
    let native = if message.has_html() { BodyKind::Html } else { BodyKind::Plain };
    let mut asked: Vec<(BodyKind, &BodyPreference)> = [native, BodyKind::Html, BodyKind::Plain]
        .into_iter()
        .filter_map(|kind| Some((kind, view.bodies.iter().find(|preference| preference.kind == kind)?)))
        .collect();
    if asked.is_empty() {
        // RTF, or MIME from a phone that does not get it.
        asked.push((BodyKind::Plain, first));
    }
    let mut last = Content::default();
    for (kind, preference) in asked {
        let content = form(message, kind, Limit::bytes(preference.truncation_size));
        if !(preference.all_or_none && content.truncated) {
            return content;
        }
        last = Content { data: String::new(), ..content };
    }
    last
}

/// The body in one form, cut.
fn form(message: &Message, kind: BodyKind, limit: Limit) -> Content {
    let html = kind == BodyKind::Html;
    let (text, whole) = if html { message.html(limit.number()) } else { message.plain(limit.number()) };
    let mut data = limit.cut(&text);
    let truncated = data.len() < text.len() || !whole;
    if truncated
        && html
        && let Some((before, _)) = data.rsplit_once('<').filter(|(_, tag)| !tag.contains('>'))
    {
        data = before;
    }
    let size = if whole { text.len() as u64 } else { message.estimated_size(html).max(text.len() as u64 + 1) };
    Content { kind, data: data.to_owned(), size, truncated, preview: None }
}

fn mime(message: &Message, raw: Raw<'_>, limit: Limit) -> Content {
    let text = whole::readable(raw.bytes, &message.root);
    let data = limit.cut(&text);
    let all_there = raw.bytes.len() as u64 >= raw.size;
    let truncated = data.len() < text.len() || !all_there;
    let size = if all_there { text.len() as u64 } else { raw.size.max(text.len() as u64 + 1) };
    // A line that is cut in two may mean something else.
    let data = if truncated { data.rfind('\n').and_then(|end| data.get(..=end)).unwrap_or(data) } else { data };
    Content { kind: BodyKind::Mime, data: data.to_owned(), size, truncated, preview: None }
}

fn preview_wish(view: &View, kind: BodyKind) -> Option<u32> {
    let of = |preference: &BodyPreference| preference.preview;
    let same = view.bodies.iter().find(|preference| preference.kind == kind).and_then(of);
    same.or_else(|| view.bodies.iter().find_map(of))
}

/// The beginning of the text, at most so many characters, on one line.
fn preview(message: &Message, characters_: u32) -> String {
    let most = usize::try_from(characters_.min(LONGEST_PREVIEW)).unwrap_or_default();
    let (text, _) = message.plain(Some(most));
    let begin = characters(&text, most.saturating_mul(8).saturating_add(1_000));
    let words: Vec<&str> = begin.split_whitespace().collect();
    characters(&words.join(" "), most).trim_end().to_owned()
}

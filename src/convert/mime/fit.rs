//! Which form and how much of a body a phone gets (MS-ASAIRS 2.2.2.9, 3.2; MS-ASCMD 2.2.3.109-110, 2.2.3.184).

use super::{charset, kind, message::Message, part::Part, whole};
use crate::proto::class::{BodyKind, BodyPreference};

/// Truncation and MIMETruncation in characters by their value; what is beyond the tables is not cut.
const TRUNCATION: [usize; 9] = [0, 512, 1024, 2048, 5120, 10_240, 20_480, 51_200, 102_400];
const MIME_TRUNCATION: [usize; 8] = [0, 4096, 5120, 7168, 10_240, 20_480, 51_200, 102_400];
/// So many characters are sent to who asks for no body at all: enough to see what it is about.
const GLIMPSE: usize = 255;
/// Longest preview, characters (MS-ASAIRS 2.2.2.35).
const LONGEST_PREVIEW: u32 = 255;

/// What a phone asks of bodies.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wish<'a> {
    /// Whether the version has the AirSyncBase page (12.0+).
    pub air_sync_base: bool,
    /// BodyPreferences in their order.
    pub bodies: &'a [BodyPreference],
    /// Truncation of 2.5.
    pub truncation: Option<u32>,
    /// MIMESupport: 0 never, 1 S/MIME, 2 always.
    pub mime_support: u32,
    /// MIMETruncation.
    pub mime_truncation: Option<u32>,
}

/// What it gets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fitted {
    /// Form of [`Fitted::data`].
    pub kind: BodyKind,
    /// The body or its beginning; "" = only its size is told.
    pub data: String,
    /// Length of the whole in this form, bytes of UTF-8; an estimate where the whole was not looked at.
    pub size: u64,
    /// [`Fitted::data`] is not the whole.
    pub truncated: bool,
    /// The beginning as plain text on one line, where it was asked for.
    pub preview: Option<String>,
}

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
pub fn wants_whole(root: &Part, wish: &Wish<'_>) -> Option<Option<usize>> {
    mime_preference(root, wish).map(|(limit, _)| limit.number())
}

fn mime_preference(root: &Part, wish: &Wish<'_>) -> Option<(Limit, bool)> {
    if !(wish.mime_support == 2 || (wish.mime_support == 1 && kind::is_smime(root))) {
        return None;
    }
    let table = Limit::table(wish.mime_truncation, &MIME_TRUNCATION);
    if !wish.air_sync_base {
        return Some((table, false));
    }
    let preference = wish.bodies.iter().find(|preference| preference.kind == BodyKind::Mime)?;
    let limit = if preference.truncation_size.is_some() { Limit::bytes(preference.truncation_size) } else { table };
    Some((limit, preference.all_or_none))
}

/// The body of a message. `raw` is needed where [`wants_whole`] says so, that many bytes of it; without it the text is sent.
pub fn body(message: &Message, wish: &Wish<'_>, raw: Option<Raw<'_>>) -> Fitted {
    let whole = mime_preference(&message.root, wish).zip(raw).and_then(|((limit, all_or_none), raw)| {
        let fitted = mime(message, raw, limit);
        (!(all_or_none && fitted.truncated)).then_some(fitted)
    });
    let mut fitted = whole.unwrap_or_else(|| text_body(message, wish));
    fitted.preview = preview_wish(wish, fitted.kind).map(|characters| preview(message, characters));
    fitted
}

/// The part of the body that is this message's own (BodyPart, 14.1+): HTML, without what it quotes below.
pub fn body_part(message: &Message, preference: &BodyPreference) -> Fitted {
    let mut fitted = form(message, BodyKind::Html, Limit::bytes(preference.truncation_size));
    fitted.preview = preference.preview.map(|characters| preview(message, characters));
    fitted
}

fn text_body(message: &Message, wish: &Wish<'_>) -> Fitted {
    if !wish.air_sync_base {
        return form(message, BodyKind::Plain, Limit::table(wish.truncation, &TRUNCATION));
    }
    let Some(first) = wish.bodies.first() else {
        return form(message, BodyKind::Plain, Limit::Characters(GLIMPSE));
    };
    let native = if message.has_html() { BodyKind::Html } else { BodyKind::Plain };
    let mut asked: Vec<(BodyKind, &BodyPreference)> = [native, BodyKind::Html, BodyKind::Plain]
        .into_iter()
        .filter_map(|kind| Some((kind, wish.bodies.iter().find(|preference| preference.kind == kind)?)))
        .collect();
    if asked.is_empty() {
        // RTF, or MIME from a phone that does not get it.
        asked.push((BodyKind::Plain, first));
    }
    let mut last = Fitted::default();
    for (kind, preference) in asked {
        let fitted = form(message, kind, Limit::bytes(preference.truncation_size));
        if !(preference.all_or_none && fitted.truncated) {
            return fitted;
        }
        last = Fitted { data: String::new(), ..fitted };
    }
    last
}

/// The body in one form, cut.
fn form(message: &Message, kind: BodyKind, limit: Limit) -> Fitted {
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
    Fitted { kind, data: data.to_owned(), size, truncated, preview: None }
}

fn mime(message: &Message, raw: Raw<'_>, limit: Limit) -> Fitted {
    let text = whole::readable(raw.bytes, &message.root);
    let data = limit.cut(&text);
    let all_there = raw.bytes.len() as u64 >= raw.size;
    let truncated = data.len() < text.len() || !all_there;
    let size = if all_there { text.len() as u64 } else { raw.size.max(text.len() as u64 + 1) };
    // A line that is cut in two may mean something else.
    let data = if truncated { data.rfind('\n').and_then(|end| data.get(..=end)).unwrap_or(data) } else { data };
    Fitted { kind: BodyKind::Mime, data: data.to_owned(), size, truncated, preview: None }
}

fn preview_wish(wish: &Wish<'_>, kind: BodyKind) -> Option<u32> {
    let of = |preference: &BodyPreference| preference.preview;
    let same = wish.bodies.iter().find(|preference| preference.kind == kind).and_then(of);
    same.or_else(|| wish.bodies.iter().find_map(of))
}

/// The beginning of the text, at most so many characters, on one line.
fn preview(message: &Message, characters_: u32) -> String {
    let most = usize::try_from(characters_.min(LONGEST_PREVIEW)).unwrap_or_default();
    let (text, _) = message.plain(Some(most));
    let begin = characters(&text, most.saturating_mul(8).saturating_add(1_000));
    let words: Vec<&str> = begin.split_whitespace().collect();
    characters(&words.join(" "), most).trim_end().to_owned()
}

//! A message as far as a phone is shown it: made from its bytes, or from its header, the tree of its parts and the contents of its texts.

use std::{borrow::Cow, collections::BTreeMap};

use jiff::Timestamp;

use super::{
    address::{self, Mailbox},
    attachment::Attachment,
    charset, clean, flowed,
    header::{self, Headers},
    kind,
    layout::{LONGEST_TEXT, Layout},
    part::Part,
    scan, thread,
};
use crate::{
    convert::html,
    proto::class::{Properties, Value},
    wbxml::tag::{air_sync_base as b, email as e, email2 as e2},
};

/// Longest Subject that is told, bytes.
const LONGEST_SUBJECT: usize = 4 << 10;

/// A message. Reading it never fails: of what is no message, what can be read is there.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// Its header.
    pub headers: Headers,
    /// Its parts.
    pub root: Part,
    /// Decoded texts by section.
    texts: BTreeMap<String, String>,
}

impl Message {
    /// The message with these bytes.
    pub fn parse(raw: &[u8]) -> Self {
        let root = scan::scan(raw);
        let body = root.place.map_or(0, |place| usize::try_from(place.body).unwrap_or(usize::MAX));
        let head = raw.get(..body).unwrap_or(raw);
        let wanted = Self::wanted(&root);
        let texts =
            wanted.into_iter().map(|part| (part.section.clone(), limited(part.encoded(raw)).to_vec())).collect();
        Self::assemble(head, root, &texts)
    }

    /// The parts whose contents [`Message::assemble`] wants; of each at most [`LONGEST_TEXT`] bytes, as they are encoded.
    pub fn wanted(root: &Part) -> Vec<&Part> {
        let mut wanted = Layout::of(root).texts();
        wanted.extend(kind::report_part(root));
        wanted
    }

    /// The message with this header block and these parts. `texts` are the contents of the wanted parts by section, encoded as the part
    /// says; one that is missing is empty, one that was cut is shown as far as it goes.
    pub fn assemble(head: &[u8], root: Part, texts: &BTreeMap<String, Vec<u8>>) -> Self {
        let empty = Vec::new();
        let decoded = |part: &Part| {
            let content = part.encoding.decode(limited(texts.get(&part.section).unwrap_or(&empty)));
            (part.section.clone(), text(part, &content))
        };
        let texts: BTreeMap<String, String> = Self::wanted(&root).into_iter().map(decoded).collect();
        let charset = Layout::of(&root).plain.first().map(|part| part.charset()).unwrap_or_default();
        Self { headers: Headers::parse(head.get(..header::LONGEST).unwrap_or(head), &charset), root, texts }
    }

    /// The addresses of a header field (lower case).
    pub fn addresses(&self, name: &str) -> Vec<Mailbox> {
        let raw: Vec<&str> = self.headers.all(name).take(50).collect();
        address::parse(&raw.join(", "))
    }

    /// The decoded subject.
    pub fn subject(&self) -> String {
        let subject = self.headers.text("subject");
        charset::cut(&subject, LONGEST_SUBJECT).to_owned()
    }

    /// The body as plain text with CRLF line ends, and whether that is all of it: of HTML no more is converted than so many characters
    /// may come from.
    pub fn plain(&self, characters: Option<usize>) -> (String, bool) {
        let mut all = String::new();
        let mut whole = true;
        for part in &Layout::of(&self.root).plain {
            let text = self.text(part);
            let text = if part.kind == "text/html" {
                let shown = clean::without_hidden(text);
                let enough = characters.map_or(usize::MAX, |n| n.saturating_mul(16).saturating_add(8 << 10));
                let begin = charset::cut(clean::bounded(&shown), enough);
                whole &= begin.len() == shown.len();
                Cow::Owned(flowed::crlf(&html::plain(begin)))
            } else {
                Cow::Borrowed(text)
            };
            if !all.is_empty() && !all.ends_with('\n') {
                all.push_str("\r\n");
            }
            all.push_str(&text);
        }
        (all, whole && !self.is_cut())
    }

    /// The body as an HTML document that is safe to show, and whether that is all of it: no more source is looked at than so many bytes
    /// may come from.
    pub fn html(&self, bytes: Option<usize>) -> (String, bool) {
        let mut all = String::new();
        for part in &Layout::of(&self.root).html {
            let text = self.text(part);
            if !all.is_empty() {
                all.push_str("<br>\r\n");
            }
            if part.kind == "text/html" {
                all.push_str(text);
            } else {
                all.push_str("<div>");
                all.push_str(&html::of_plain(text));
                all.push_str("</div>");
            }
        }
        let enough = bytes.map_or(usize::MAX, |n| n.saturating_mul(8).saturating_add(64 << 10));
        let begin = charset::cut(clean::bounded(&all), enough);
        (clean::document(begin), begin.len() == all.len() && !self.is_cut())
    }

    /// Whether texts are longer than what is looked at.
    pub(super) fn is_cut(&self) -> bool {
        Self::wanted(&self.root).iter().any(|part| part.size > LONGEST_TEXT)
    }

    /// About how many bytes the texts of one form of the body have, from the sizes of its parts.
    pub fn estimated_size(&self, html: bool) -> u64 {
        let layout = Layout::of(&self.root);
        let parts = if html { &layout.html } else { &layout.plain };
        parts.iter().map(|part| part.encoding.decoded_size(part.size)).fold(0, u64::saturating_add)
    }

    /// Whether it has HTML of its own.
    pub fn has_html(&self) -> bool {
        Layout::of(&self.root).has_html()
    }

    /// The attachments that a reader sees, and the images within the body.
    pub fn attachments(&self) -> Vec<Attachment> {
        let layout = Layout::of(&self.root);
        let html = layout.html.iter().filter(|part| part.kind == "text/html").map(|part| self.text(part));
        let shown = html.flat_map(clean::content_ids).collect();
        layout.attachments.iter().map(|part| Attachment::of(part, &shown)).collect()
    }

    /// The invitation, answer or cancellation for which the mail was sent: its method in upper case and its text (iCalendar).
    pub fn calendar(&self) -> Option<(String, &str)> {
        let part = Layout::of(&self.root).calendar?;
        Some((part.param("method").to_ascii_uppercase(), self.text(part)))
    }

    /// MessageClass.
    pub fn class(&self) -> &'static str {
        let report = kind::report_part(&self.root).map(|part| self.text(part)).unwrap_or_default();
        kind::message_class(&self.root, self.calendar().map(|(_, text)| text).unwrap_or_default(), report)
    }

    /// The neutral item but for what only its place tells (flags, FileReferences, bodies): `received` is when it arrived, seconds since
    /// 1970.
    pub fn item(&self, received: i64) -> Properties {
        let mut item = Properties::default();
        let subject = self.subject();
        let (from, to) = (self.addresses("from"), self.addresses("to"));
        item.set_text(e::TO, address::shown(&to, ", "));
        item.set_text(e::CC, address::shown(&self.addresses("cc"), ", "));
        item.set_text(e::FROM, address::shown(&from, ", "));
        item.set_text(e::REPLY_TO, address::shown(&self.addresses("reply-to"), "; "));
        item.set_text(e::DISPLAY_TO, address::labels(&to));
        item.set_text(e::THREAD_TOPIC, thread::topic(&subject));
        item.set_text(e::SUBJECT, subject.as_str());
        item.set_text(e::DATE_RECEIVED, dashed(received));
        item.set_text(e::IMPORTANCE, kind::importance(&self.headers));
        let class = self.class();
        item.set_text(e::MESSAGE_CLASS, class);
        let content = if class.starts_with("IPM.Schedule") {
            "urn:content-classes:calendarmessage"
        } else {
            "urn:content-classes:message"
        };
        item.set_text(e::CONTENT_CLASS, content);
        item.set_text(e::INTERNET_CPID, self.code_page().to_string());
        item.set_text(b::NATIVE_BODY_TYPE, if self.has_html() { "2" } else { "1" });
        let sender = self.addresses("sender");
        let is_from = |mailbox: &Mailbox| from.iter().any(|f| f.address.eq_ignore_ascii_case(&mailbox.address));
        if !sender.is_empty() && !sender.iter().all(is_from) {
            item.set_text(e2::SENDER, address::shown(&sender, ", "));
        }
        let time = self.headers.date().unwrap_or(received);
        item.0.insert(e2::CONVERSATION_ID, Value::Bytes(thread::conversation_id(&self.headers, &subject)));
        item.0.insert(e2::CONVERSATION_INDEX, Value::Bytes(thread::conversation_index(&self.headers, time)));
        item
    }

    /// Windows code page of the message as it was sent.
    fn code_page(&self) -> u16 {
        let layout = Layout::of(&self.root);
        let charset =
            layout.html.iter().chain(&layout.plain).map(|part| part.charset()).find(|label| !label.is_empty());
        charset.map_or(20127, |label| charset::code_page(&label))
    }

    /// The text of one of the wanted parts.
    pub(super) fn text(&self, part: &Part) -> &str {
        self.texts.get(&part.section).map(String::as_str).unwrap_or_default()
    }
}

fn limited(encoded: &[u8]) -> &[u8] {
    usize::try_from(LONGEST_TEXT).ok().and_then(|n| encoded.get(..n)).unwrap_or(encoded)
}

/// The text of a part, as readers want it: plain text with its paragraphs joined and with CRLF.
fn text(part: &Part, content: &[u8]) -> String {
    let mut label = part.charset();
    if label.is_empty() && part.kind == "text/html" {
        label = clean::declared_charset(content);
    }
    let text = charset::printable(&charset::decode(content, &label));
    if part.kind != "text/plain" {
        return text;
    }
    let is = |name: &str, value: &str| part.param(name).eq_ignore_ascii_case(value);
    if is("format", "flowed") { flowed::unflowed(&text, is("delsp", "yes")) } else { flowed::crlf(&text) }
}

fn dashed(seconds: i64) -> String {
    let time = Timestamp::from_second(seconds).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

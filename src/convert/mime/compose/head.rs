//! The header of a mail that leaves.

use std::fmt::Write;

use super::{
    super::{Message, address::Mailbox, header::Headers, whole, word},
    Composed, Identity, Own, Stamp,
};

/// Fields that are the server's to write, that tell what must not be told, or that belong to a transport that has ended.
const DROPPED: [&str; 9] =
    ["from", "sender", "bcc", "resent-bcc", "return-path", "received", "delivered-to", "message-id", "date"];
/// Most message ids of References that are handed on: the first, which names the thread, and the last.
const REFERENCES: usize = 30;

/// What a header is made of beside the phone's own fields.
pub(super) struct Frame<'a> {
    pub(super) identity: &'a Identity,
    pub(super) stamp: &'a Stamp,
    /// The message that is answered or forwarded.
    pub(super) original: Option<&'a Headers>,
    /// The fields that describe the content, each with its line end; "" where the phone's own stay.
    pub(super) content: String,
}

/// The header block with the empty line behind it, and the envelope; without pieces.
pub(super) fn built(own: &Own<'_>, frame: &Frame<'_>) -> (Vec<u8>, Composed) {
    let message = own.message;
    let mut composed = envelope(message, frame.identity);
    let mut out = String::new();
    let _ = write!(out, "From: {}\r\n", from(message, frame.identity).written());
    let date = message.headers.raw("date");
    let date = if message.headers.date().is_some() { one_line(date) } else { one_line(&frame.stamp.date) };
    let _ = write!(out, "Date: {date}\r\n");
    composed.message_id = message_id(&message.headers, frame);
    let _ = write!(out, "Message-ID: {}\r\n", composed.message_id);
    out.push_str(&threading(&message.headers, frame.original));
    let mut out = out.into_bytes();
    let own_content = frame.content.is_empty();
    for (name, field) in fields(own.head) {
        let described = name.starts_with("content-") || name == "mime-version";
        let threaded = (name == "in-reply-to" || name == "references") && frame.original.is_some();
        if !DROPPED.contains(&name.as_str()) && !threaded && (own_content || !described) {
            out.extend_from_slice(whole::ascii_field(field, &message.root.charset()).trim_end().as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
    if !own_content {
        out.extend_from_slice(b"MIME-Version: 1.0\r\n");
        out.extend_from_slice(frame.content.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    (out, composed)
}

/// Sender and recipients of a message.
pub(super) fn envelope(message: &Message, identity: &Identity) -> Composed {
    let mut composed = Composed { from: identity.mailbox.address.clone(), ..Composed::default() };
    for mailbox in ["to", "cc", "bcc"].iter().flat_map(|name| message.addresses(name)) {
        recipient(&mailbox, &mut composed);
    }
    composed
}

/// Adds a recipient to the envelope, or to those that are none.
pub(super) fn recipient(mailbox: &Mailbox, composed: &mut Composed) {
    let (list, text) = if mailbox.is_sendable() {
        (&mut composed.recipients, &mailbox.address)
    } else {
        (&mut composed.invalid, if mailbox.address.is_empty() { &mailbox.name } else { &mailbox.address })
    };
    if !list.iter().any(|known| known.eq_ignore_ascii_case(text)) {
        list.push(text.clone());
    }
}

fn from(message: &Message, identity: &Identity) -> Mailbox {
    let mut mailbox = identity.mailbox.clone();
    if mailbox.name.is_empty() {
        mailbox.name = message.addresses("from").into_iter().next().map(|own| own.name).unwrap_or_default();
    }
    mailbox
}

/// The phone's own id where it is one, else a new one in the domain of the sender.
pub(super) fn message_id(headers: &Headers, frame: &Frame<'_>) -> String {
    let good = |id: &String| {
        id.len() <= 200 && id.contains('@') && id.chars().all(|c| c.is_ascii_graphic() && !"<>".contains(c))
    };
    let id = headers.ids("message-id").into_iter().next().filter(good).unwrap_or_else(|| {
        let domain = frame.identity.mailbox.address.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
        let domain: String = domain.chars().filter(|c| c.is_ascii_alphanumeric() || ".-".contains(*c)).collect();
        format!("{}@{domain}", unique(frame.stamp))
    });
    format!("<{id}>")
}

/// What is unique about the mail, as it may stand in ids and boundaries.
pub(super) fn unique(stamp: &Stamp) -> String {
    stamp.unique.chars().filter(char::is_ascii_alphanumeric).take(60).collect()
}

/// In-Reply-To and References (RFC 5322 3.6.4) to the original; the phone's own where it wrote some.
pub(super) fn threading(own: &Headers, original: Option<&Headers>) -> String {
    let Some(original) = original else { return String::new() };
    let (own_reply, own_references) = (own.ids("in-reply-to"), own.ids("references"));
    let parent: Vec<String> = original.ids("message-id").into_iter().take(1).collect();
    let reply = if own_reply.is_empty() { parent.clone() } else { own_reply };
    let references = if own_references.is_empty() {
        let mut known = original.ids("references");
        if known.is_empty() {
            known = original.ids("in-reply-to");
        }
        known.retain(|id| !parent.contains(id));
        known.into_iter().chain(parent).collect()
    } else {
        own_references
    };
    let mut out = String::new();
    for (name, ids) in [("In-Reply-To", reply), ("References", references)] {
        let mut ids: Vec<String> =
            ids.into_iter().filter(|id| id.len() <= 200 && id.chars().all(|c| c.is_ascii_graphic())).collect();
        if ids.len() > REFERENCES {
            let last = ids.split_off(ids.len() + 1 - REFERENCES);
            ids.truncate(1);
            ids.extend(last);
        }
        if !ids.is_empty() {
            let ids: Vec<String> = ids.iter().map(|id| format!("<{id}>")).collect();
            let _ = write!(out, "{name}: {}\r\n", ids.join("\r\n "));
        }
    }
    out
}

/// A header field with a text of the phone.
pub(super) fn text_field(name: &str, text: &str) -> String {
    let value = word::encode(text);
    if value.is_empty() { String::new() } else { format!("{name}: {value}\r\n") }
}

/// A header field with addresses. With `keep`, those that no mail can go to stay as names: a draft may be half-written.
pub(super) fn address_field(name: &str, mailboxes: &[Mailbox], keep: bool) -> String {
    let kept = |mailbox: &Mailbox| match mailbox.written() {
        written if written.is_empty() && keep => {
            format!("\"{}\"", word::ascii(mailbox.label()).replace(['\\', '"'], "_"))
        }
        written => written,
    };
    let all: Vec<String> = mailboxes.iter().map(kept).filter(|text| !text.is_empty()).collect();
    if all.is_empty() { String::new() } else { format!("{name}: {}\r\n", all.join(",\r\n ")) }
}

/// What of a text is ASCII, on one line.
pub(super) fn one_line(text: &str) -> String {
    let text: String = text.chars().filter(|c| c.is_ascii() && !c.is_ascii_control()).collect();
    text.trim().to_owned()
}

/// The fields of a header block with their folded lines: name in lower case, bytes.
fn fields(head: &[u8]) -> Vec<(String, &[u8])> {
    let mut fields = Vec::new();
    let mut rest = head;
    while !rest.is_empty() && !rest.starts_with(b"\n") && !rest.starts_with(b"\r\n") {
        let mut end = line_end(rest, 0);
        while matches!(rest.get(end), Some(b' ' | b'\t')) {
            end = line_end(rest, end);
        }
        let (field, after) = rest.split_at(end);
        rest = after;
        let name = field.split(|b| *b == b':').next().unwrap_or_default().trim_ascii_end();
        let is_field = field.contains(&b':') && !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
        if is_field {
            fields.push((String::from_utf8_lossy(name).to_ascii_lowercase(), field));
        }
    }
    fields
}

fn line_end(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    rest.iter().position(|b| *b == b'\n').map_or(bytes.len(), |at| from + at + 1)
}

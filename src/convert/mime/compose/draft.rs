//! Drafts of 16.0+ phones (MS-ASEMAIL 3.1.5): a message made of the item, and of the old draft where there is one.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    super::{
        Message,
        address::{self, Mailbox},
        attachment,
        encoding::Encoding,
        layout::Layout,
        params,
        part::Part,
        whole,
    },
    Composed, Error, Identity, Piece, Stamp,
    head::{self, Frame},
    node::{self, Node},
};
use crate::{
    convert::html,
    proto::class::{BodyKind, Properties, Value},
    wbxml::{
        Tag,
        tag::{air_sync_base as b, email as e, email2 as e2},
    },
};

/// A draft as the phone wants it: what `item` says, and for what it does not say, what the old draft says. With `sending` it is the mail that
/// leaves (without Bcc in its header). The pieces have sections of the old draft.
///
/// # Errors
/// The old text is to stay, but it is too long to have been read.
pub fn draft(
    old: Option<&Message>,
    item: &Properties,
    identity: &Identity,
    stamp: &Stamp,
    sending: bool,
) -> Result<Composed, Error> {
    let none = Message::default();
    let old = old.unwrap_or(&none);
    let frame = Frame { identity, stamp, original: None, content: String::new() };
    let mut composed = Composed { from: identity.mailbox.address.clone(), ..Composed::default() };
    composed.message_id = head::message_id(&old.headers, &frame);
    let mut out = head::address_field("From", std::slice::from_ref(&identity.mailbox), false);
    out.push_str(&format!("Date: {}\r\nMessage-ID: {}\r\n", head::one_line(&stamp.date), composed.message_id));
    out.push_str(&head::threading(
        &old.headers,
        Some(&old.headers).filter(|headers| !headers.raw("in-reply-to").is_empty()),
    ));
    for (tag, name) in [(e::TO, "To"), (e::CC, "Cc"), (e2::BCC, "Bcc")] {
        let mailboxes = recipients(item, tag, old, name);
        mailboxes.iter().for_each(|mailbox| head::recipient(mailbox, &mut composed));
        if !(sending && name == "Bcc") {
            out.push_str(&head::address_field(name, &mailboxes, !sending));
        }
    }
    let subject = item.text(e::SUBJECT).map_or_else(|| old.subject(), str::to_owned);
    out.push_str(&head::text_field("Subject", &subject));
    out.push_str(match item.text(e::IMPORTANCE).unwrap_or_else(|| super::super::kind::importance(&old.headers)) {
        "2" => "Importance: high\r\nX-Priority: 1\r\n",
        "0" => "Importance: low\r\nX-Priority: 5\r\n",
        _ => "",
    });
    let (described, content) = content(old, item)?.written(&head::unique(stamp), &mut 0);
    out.push_str(&format!("MIME-Version: 1.0\r\n{described}\r\n"));
    let mut pieces = vec![Piece::Bytes(out.into_bytes())];
    pieces.extend(content);
    composed.pieces = node::joined(pieces);
    Ok(composed)
}

fn recipients(item: &Properties, tag: Tag, old: &Message, name: &str) -> Vec<Mailbox> {
    match item.text(tag) {
        // Phones separate with either.
        Some(text) => address::parse(&separated(text)),
        None => old.addresses(&name.to_ascii_lowercase()),
    }
}

/// Semicolons outside of quotes as commas.
fn separated(text: &str) -> String {
    let mut quoted = false;
    let comma = |c: char| {
        quoted ^= c == '"';
        if c == ';' && !quoted { ',' } else { c }
    };
    text.chars().map(comma).collect()
}

fn content(old: &Message, item: &Properties) -> Result<Node, Error> {
    let (mut files, shown) = attachments(old, item);
    let mut texts = texts(old, item)?;
    if texts.len() > 1
        && let Some(html) = texts.pop()
    {
        let related = std::iter::once(html).chain(shown).collect();
        texts.push(Node::several("related", related));
    } else {
        files.splice(0..0, shown);
    }
    let all = std::iter::once(Node::several("alternative", texts)).chain(files).collect();
    Ok(Node::several("mixed", all))
}

/// The body in one form or two, HTML last.
fn texts(old: &Message, item: &Properties) -> Result<Vec<Node>, Error> {
    let (plain, rich) = match item.0.get(&b::BODY) {
        Some(Value::Body(body)) if body.kind == BodyKind::Html => (html::plain(&body.data), Some(body.data.clone())),
        Some(Value::Body(body)) => (body.data.clone(), None),
        _ => old_texts(old)?,
    };
    let mut nodes = vec![Node::text("plain", &super::super::flowed::crlf(&plain))];
    nodes.extend(rich.map(|rich| Node::text("html", &super::super::clean::in_utf8(&rich))));
    Ok(nodes)
}

fn old_texts(old: &Message) -> Result<(String, Option<String>), Error> {
    if old.is_cut() {
        return Err(Error::TooLong);
    }
    let html = Layout::of(&old.root)
        .html
        .iter()
        .filter(|part| part.kind == "text/html")
        .map(|part| old.text(part))
        .collect::<Vec<_>>();
    Ok((old.plain(None).0, (!html.is_empty()).then(|| html.join("<br>\r\n"))))
}

/// The attachments: files, and images within the text.
fn attachments(old: &Message, item: &Properties) -> (Vec<Node>, Vec<Node>) {
    let changes = item.groups(b::ATTACHMENTS);
    let removed = |section: &str| {
        let reference =
            |group: &Properties| group.group(b::DELETE)?.text(b::FILE_REFERENCE)?.rsplit(':').next().map(str::to_owned);
        changes.iter().filter_map(reference).any(|known| known == section)
    };
    let (mut files, mut shown) = (Vec::new(), Vec::new());
    for attachment in old.attachments().iter().filter(|attachment| !removed(&attachment.section)) {
        let list = if attachment.inline { &mut shown } else { &mut files };
        list.extend(old.root.find(&attachment.section).map(Node::section));
    }
    for added in changes.iter().filter_map(|group| group.group(b::ADD)) {
        let inline = added.text(b::IS_INLINE) == Some("1") && added.text(b::CONTENT_ID).is_some();
        let list = if inline { &mut shown } else { &mut files };
        list.push(new(added, inline));
    }
    (files, shown)
}

/// An attachment that the phone has sent.
fn new(added: &Properties, inline: bool) -> Node {
    let empty = Vec::new();
    let content = match added.0.get(&b::CONTENT) {
        Some(Value::Bytes(bytes)) => bytes,
        _ => &empty,
    };
    let name = attachment::safe_name(added.text(b::DISPLAY_NAME).unwrap_or_default());
    let names = |param: &str| if name.is_empty() { Vec::new() } else { vec![params::text(param, &name)] };
    let message = added.text(b::METHOD) == Some("5");
    let kind = match added.text(b::CONTENT_TYPE) {
        _ if message => "message/rfc822",
        Some(kind) if kind.contains('/') && !kind.starts_with("multipart/") && !kind.starts_with("message/") => kind,
        _ => "application/octet-stream",
    };
    // A message must not be encoded (RFC 2046 5.2.1).
    let transfer = if message { "8bit" } else { "base64" };
    let part = Part::new(kind, names("name"))
        .disposed(if inline { "inline" } else { "attachment" }, names("filename"))
        .described(
            added.text(b::CONTENT_ID).unwrap_or_default(),
            added.text(b::CONTENT_LOCATION).unwrap_or_default(),
            transfer,
            0,
        );
    let bytes = if part.encoding == Encoding::Base64 {
        whole::lines(&STANDARD.encode(content)).into_bytes()
    } else {
        content.clone()
    };
    Node::Leaf(node::described(&part), vec![Piece::Bytes(bytes)])
}

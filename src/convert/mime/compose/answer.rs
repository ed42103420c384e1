//! SendMail, SmartReply, SmartForward.

use super::{
    super::{
        Message, kind,
        layout::{LONGEST_TEXT, Layout},
        part::{Part, Place},
    },
    Composed, Error, Identity, Own, Piece, Stamp,
    head::{self, Frame},
    node::{self, Node},
    quote::{self, Quote},
};

/// The phone's message as it is, with the header of the sender. `original` is what it answers or forwards (with ReplaceMime, or when the phone
/// has put the original into its text itself): only its ids are used.
///
/// # Errors
/// What the phone has sent is no message.
pub fn send(own: &Own<'_>, identity: &Identity, stamp: &Stamp, original: Option<&Message>) -> Result<Composed, Error> {
    let frame = Frame { identity, stamp, original: original.map(|message| &message.headers), content: String::new() };
    finished(own, &frame, own_range(place(own)?.body, place(own)?.end))
}

/// The phone's message with the original quoted below its text, in the form or forms that it has; images within the quoted HTML come along.
/// What is signed or encrypted stays as it is.
///
/// # Errors
/// What the phone has sent is no message.
pub fn reply(own: &Own<'_>, identity: &Identity, stamp: &Stamp, original: &Message) -> Result<Composed, Error> {
    let html = own_texts(own.message).iter().any(|part| part.kind == "text/html");
    let shown: Vec<String> = original.attachments().into_iter().filter(|a| a.inline).map(|a| a.section).collect();
    let images =
        shown.iter().filter(|_| html).filter_map(|section| original.root.find(section)).map(Node::section).collect();
    extended(own, identity, stamp, original, &quote::answered(original), images)
}

/// The phone's message with the original below its text and with all attachments of the original. An original that is signed or encrypted
/// goes along as a whole. What the phone has signed or encrypted itself stays as it is.
///
/// # Errors
/// What the phone has sent is no message.
pub fn forward(own: &Own<'_>, identity: &Identity, stamp: &Stamp, original: &Message) -> Result<Composed, Error> {
    if is_sealed(&original.root) {
        let whole = vec![Node::original(&original.subject())];
        return extended(own, identity, stamp, original, &Quote::default(), whole);
    }
    let layout = Layout::of(&original.root);
    let mut carried: Vec<&Part> = layout.attachments.clone();
    if let Some(calendar) = layout.calendar.filter(|part| !carried.iter().any(|known| known.section == part.section)) {
        carried.push(calendar);
    }
    let carried = carried.into_iter().map(Node::section).collect();
    extended(own, identity, stamp, original, &quote::forwarded(original), carried)
}

/// Whether nothing may be added to, or taken out of, a message.
fn is_sealed(root: &Part) -> bool {
    kind::is_smime(root)
        || matches!(root.kind.as_str(), "multipart/signed" | "multipart/encrypted" | "application/pkcs7-mime")
}

fn extended(
    own: &Own<'_>,
    identity: &Identity,
    stamp: &Stamp,
    original: &Message,
    quote: &Quote,
    more: Vec<Node>,
) -> Result<Composed, Error> {
    if is_sealed(&own.message.root) {
        return send(own, identity, stamp, Some(original));
    }
    place(own)?;
    let content = with_more(with_quote(own, quote), more);
    let (described, pieces) = content.written(&head::unique(stamp), &mut 0);
    let frame = Frame { identity, stamp, original: Some(&original.headers), content: described };
    finished(own, &frame, pieces)
}

fn finished(own: &Own<'_>, frame: &Frame<'_>, content: Vec<Piece>) -> Result<Composed, Error> {
    if own.message.headers.is_empty() {
        return Err(Error::NoMessage);
    }
    let (head, mut composed) = head::built(own, frame);
    let mut pieces = vec![Piece::Bytes(head)];
    pieces.extend(content);
    composed.pieces = node::joined(pieces);
    Ok(composed)
}

fn place(own: &Own<'_>) -> Result<Place, Error> {
    own.message.root.place.ok_or(Error::NoMessage)
}

fn own_range(from: u64, to: u64) -> Vec<Piece> {
    vec![Piece::Own { offset: from, len: to.saturating_sub(from) }]
}

/// The texts of the phone's message below which a quote belongs: the last of each form, if it was read as a whole.
fn own_texts(message: &Message) -> Vec<&Part> {
    let layout = Layout::of(&message.root);
    let last =
        |parts: &[&Part], kind: &str| parts.iter().rfind(|part| part.kind == kind).map(|part| part.section.clone());
    let sections = [last(&layout.plain, "text/plain"), last(&layout.html, "text/html")];
    let found = sections.iter().flatten().filter_map(|section| message.root.find(section));
    found.filter(|part| part.size <= LONGEST_TEXT).collect()
}

/// The phone's content with the quote below its texts.
fn with_quote(own: &Own<'_>, quote: &Quote) -> Node {
    let message = own.message;
    let root = &message.root;
    let mut texts = own_texts(message);
    if quote == &Quote::default() {
        return untouched(root);
    }
    texts.sort_by_key(|part| part.place.map(|place| place.head));
    if let Some(text) = texts.iter().find(|part| part.section == root.section) {
        return quoted(message, text, quote);
    }
    let Some(Place { body, end, .. }) = root.place else { return untouched(root) };
    if texts.is_empty() {
        // Attachments only, or a text that nobody reads as a whole.
        return Node::Multi("mixed", vec![Node::text("plain", &quote.plain), untouched(root)]);
    }
    let mut pieces = Vec::new();
    let mut at = body;
    for text in texts {
        let Some(place) = text.place else { continue };
        let (head, content) = quoted(message, text, quote).written("", &mut 0);
        pieces.extend(own_range(at, place.head));
        pieces.push(Piece::Bytes(format!("{head}\r\n").into_bytes()));
        pieces.extend(content);
        at = place.end;
    }
    pieces.extend(own_range(at, end));
    Node::Leaf(node::described(root), pieces)
}

fn untouched(root: &Part) -> Node {
    let Place { body, end, .. } = root.place.unwrap_or_default();
    Node::Leaf(node::described(root), own_range(body, end))
}

fn quoted(message: &Message, part: &Part, quote: &Quote) -> Node {
    let text = message.text(part);
    if part.kind == "text/html" {
        Node::text("html", &quote::below_html(text, &quote.html))
    } else {
        Node::text("plain", &quote::below_plain(text, &quote.plain))
    }
}

fn with_more(content: Node, more: Vec<Node>) -> Node {
    let mut nodes = vec![content];
    nodes.extend(more);
    Node::several("mixed", nodes)
}

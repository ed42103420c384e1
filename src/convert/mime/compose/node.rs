//! The content of a mail as a tree of parts, written as pieces.

use super::{
    super::{encoding::Encoding, params, part::Part, whole},
    Piece,
};

/// A part that is to be written.
#[derive(Debug, Clone)]
pub(super) enum Node {
    /// Fields that describe it, each with its line end; its content.
    Leaf(String, Vec<Piece>),
    /// Subtype of a multipart; its parts.
    Multi(&'static str, Vec<Node>),
}

impl Node {
    /// A text in UTF-8: "plain" or "html".
    pub(super) fn text(subtype: &str, text: &str) -> Self {
        let head =
            format!("Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n");
        Self::Leaf(head, vec![Piece::Bytes(whole::quoted(text.as_bytes()).into_bytes())])
    }

    /// A part of the original as it is.
    pub(super) fn section(part: &Part) -> Self {
        Self::Leaf(described(part), vec![Piece::Section { section: part.section.clone(), len: part.size }])
    }

    /// The original as a whole.
    pub(super) fn original(subject: &str) -> Self {
        let name = super::super::attachment::safe_name(&format!("{}.eml", subject.replace(['/', '\\'], "_")));
        let name = params::written(&vec![params::text("filename", &name)]);
        Self::Leaf(
            format!("Content-Type: message/rfc822\r\nContent-Disposition: attachment{name}\r\n"),
            vec![Piece::Original],
        )
    }

    /// The one of these, or a multipart of them.
    pub(super) fn several(subtype: &'static str, mut nodes: Vec<Self>) -> Self {
        match nodes.pop() {
            Some(only) if nodes.is_empty() => only,
            last => {
                nodes.extend(last);
                Self::Multi(subtype, nodes)
            }
        }
    }

    /// The fields that describe it, and its content. `unique` must occur in no content; the boundaries are made of it.
    pub(super) fn written(self, unique: &str, counter: &mut u32) -> (String, Vec<Piece>) {
        let (subtype, nodes) = match self {
            Self::Leaf(head, pieces) => return (head, pieces),
            Self::Multi(subtype, nodes) => (subtype, nodes),
        };
        *counter += 1;
        let boundary = format!("=_{counter}_{unique}");
        let mut pieces = Vec::new();
        for node in nodes {
            let (head, content) = node.written(unique, counter);
            pieces.push(Piece::Bytes(format!("--{boundary}\r\n{head}\r\n").into_bytes()));
            pieces.extend(content);
            pieces.push(Piece::Bytes(b"\r\n".to_vec()));
        }
        pieces.push(Piece::Bytes(format!("--{boundary}--\r\n").into_bytes()));
        (format!("Content-Type: multipart/{subtype};\r\n boundary=\"{boundary}\"\r\n"), pieces)
    }
}

/// The fields that describe a part of a message, written anew: nothing of what they say can get out of its place.
pub(super) fn described(part: &Part) -> String {
    let token = |text: &str| -> String {
        text.chars().filter(|c| c.is_ascii_alphanumeric() || "/!#$&^_.+-".contains(*c)).take(120).collect()
    };
    let mut out = format!("Content-Type: {}{}\r\n", token(&part.kind), params::written(&part.params));
    let transfer = match (part.encoding, part.transfer.as_str()) {
        (Encoding::Base64, _) => "base64",
        (Encoding::QuotedPrintable, _) => "quoted-printable",
        (Encoding::Identity, "") => "",
        (Encoding::Identity, other) => other,
    };
    if !transfer.is_empty() {
        out.push_str(&format!("Content-Transfer-Encoding: {transfer}\r\n"));
    }
    if !part.disposition.is_empty() {
        let (main, params) = (token(&part.disposition), params::written(&part.disposition_params));
        out.push_str(&format!("Content-Disposition: {main}{params}\r\n"));
    }
    for (name, value, open, close) in [("Content-ID", &part.id, "<", ">"), ("Content-Location", &part.location, "", "")]
    {
        let value: String = value.chars().filter(|c| c.is_ascii_graphic() && !"<>".contains(*c)).take(500).collect();
        if !value.is_empty() {
            out.push_str(&format!("{name}: {open}{value}{close}\r\n"));
        }
    }
    out
}

/// Neighbouring bytes put together, empty pieces left out.
pub(super) fn joined(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut all: Vec<Piece> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match (all.last_mut(), piece) {
            (Some(Piece::Bytes(known)), Piece::Bytes(more)) => known.extend(more),
            (_, Piece::Bytes(bytes)) if bytes.is_empty() => {}
            (_, Piece::Own { len: 0, .. }) => {}
            (_, piece) => all.push(piece),
        }
    }
    all
}

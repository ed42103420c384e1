//! The parts of a message: what IMAP tells in BODYSTRUCTURE (RFC 9051 7.5.2) and what [`super::scan`] finds in the bytes, in one form, so
//! that a message of any size can be shown without fetching more than its header and its texts.

use super::{encoding::Encoding, params, word};

/// Where a part lies in the bytes of its message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// Offset of its header; of the message itself 0.
    pub head: u64,
    /// Offset behind the empty line that ends the header.
    pub body: u64,
    /// Offset behind its last byte; the line end before the next boundary is not its own.
    pub end: u64,
}

/// A part of a message, or the message itself as the outermost part.
///
/// From BODYSTRUCTURE it is made by [`Part::new`] and the setters, children inside, then [`Part::number`] once for the outermost part. A
/// message/rfc822 part has one child: the message within it, with the type that its own header says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// Type and subtype in lower case: "text/plain".
    pub kind: String,
    /// Parameters of Content-Type, raw.
    pub params: params::Raw,
    /// Content-Disposition in lower case: "inline", "attachment"; "" without one.
    pub disposition: String,
    /// Parameters of Content-Disposition, raw.
    pub disposition_params: params::Raw,
    /// Content-ID without angle brackets.
    pub id: String,
    /// Content-Location.
    pub location: String,
    /// Content-Transfer-Encoding.
    pub encoding: Encoding,
    /// As the part calls its encoding; "" when it does not say.
    pub transfer: String,
    /// Length of the encoded content, bytes.
    pub size: u64,
    /// Subject of the message within a message/rfc822 part, decoded.
    pub subject: String,
    /// IMAP section number; "" for the outermost multipart. A message that is no multipart is "1".
    pub section: String,
    /// Parts of a multipart; the message within a message/rfc822 part.
    pub children: Vec<Part>,
    /// Where it lies, if it was found in the bytes.
    pub place: Option<Place>,
}

impl Part {
    /// A part of that type and subtype, in any case.
    pub fn new(kind: &str, params: params::Raw) -> Self {
        let kind = if kind.contains('/') { kind.trim().to_ascii_lowercase() } else { "text/plain".to_owned() };
        Self { kind, params, ..Self::default() }
    }

    /// With a disposition and its parameters.
    pub fn disposed(mut self, disposition: &str, params: params::Raw) -> Self {
        self.disposition = disposition.trim().to_ascii_lowercase();
        self.disposition_params = params;
        self
    }

    /// With Content-ID (with or without angle brackets), Content-Location, Content-Transfer-Encoding and the encoded size in bytes.
    pub fn described(mut self, id: &str, location: &str, encoding: &str, size: u64) -> Self {
        self.id = word::decode(id).trim_matches(['<', '>', ' ']).to_owned();
        self.location = word::decode(location).split_whitespace().collect();
        self.encoding = Encoding::parse(encoding);
        self.transfer = encoding.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').take(40).collect();
        self.size = size;
        self
    }

    /// Gives the outermost part and all within it their section numbers (RFC 9051 6.4.5.1).
    pub fn number(&mut self) {
        self.number_as_message("");
    }

    /// The parts of a message: of a multipart 1, 2, ... below the number of the message, of anything else 1.
    fn number_as_message(&mut self, message: &str) {
        if self.is_multipart() {
            self.section = message.to_owned();
            self.number_children();
        } else {
            self.section = below(message, 1);
            self.number_embedded();
        }
    }

    fn number_children(&mut self) {
        let section = self.section.clone();
        for (at, child) in self.children.iter_mut().enumerate() {
            child.section = below(&section, at + 1);
            if child.is_multipart() {
                child.number_children();
            } else {
                child.number_embedded();
            }
        }
    }

    fn number_embedded(&mut self) {
        let section = self.section.clone();
        if let Some(message) = self.children.first_mut() {
            message.number_as_message(&section);
        }
    }

    /// Whether it is a multipart with parts.
    pub fn is_multipart(&self) -> bool {
        self.kind.starts_with("multipart/") && !self.children.is_empty()
    }

    /// Whether it is a text of some kind.
    pub fn is_text(&self) -> bool {
        self.kind.starts_with("text/")
    }

    /// A parameter of Content-Type, decoded; "" without it.
    pub fn param(&self, name: &str) -> String {
        params::get(&self.params, name)
    }

    /// The charset of a text, as it is called there.
    pub fn charset(&self) -> String {
        self.param("charset")
    }

    /// The name that the sender gave to it, decoded but otherwise as it is; "" without one.
    pub fn given_name(&self) -> String {
        [params::get(&self.disposition_params, "filename"), self.param("name")]
            .into_iter()
            .find(|name| !name.is_empty())
            .unwrap_or_default()
    }

    /// The part with that section number.
    pub fn find(&self, section: &str) -> Option<&Self> {
        if self.section == section && !section.is_empty() {
            return Some(self);
        }
        self.children.iter().find_map(|child| child.find(section))
    }

    /// The part itself and all parts within it, outermost first; what lies in embedded messages is not visited.
    pub fn own_parts(&self) -> Vec<&Self> {
        let mut parts = vec![self];
        if self.is_multipart() {
            parts.extend(self.children.iter().flat_map(Self::own_parts));
        }
        parts
    }

    /// The content of a part that was found in these bytes, decoded.
    pub fn content(&self, raw: &[u8]) -> Vec<u8> {
        self.encoding.decode(self.encoded(raw))
    }

    /// The content of a part that was found in these bytes, as it stands there.
    pub fn encoded<'a>(&self, raw: &'a [u8]) -> &'a [u8] {
        let Some(Place { body, end, .. }) = self.place else { return b"" };
        let at = |offset| usize::try_from(offset).unwrap_or(usize::MAX);
        raw.get(at(body)..at(end)).unwrap_or_default()
    }
}

fn below(section: &str, number: usize) -> String {
    if section.is_empty() { number.to_string() } else { format!("{section}.{number}") }
}

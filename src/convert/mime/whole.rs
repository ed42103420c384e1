//! The message itself as text, as phones get it in Type 4: byte for byte where it is ASCII or UTF-8, re-encoded where it is not.

use std::{borrow::Cow, fmt::Write};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    address, charset,
    encoding::Encoding,
    part::{Part, Place},
    word,
};

/// Headers that hold addresses.
const ADDRESSES: [&str; 6] = ["from", "to", "cc", "bcc", "reply-to", "sender"];

/// The bytes of a message, or of its beginning, as text that means the same: 8-bit contents that are not UTF-8 become quoted-printable or
/// base64, 8-bit headers encoded words. NUL, which no text can hold, is left out. `root` are its parts, with their places if it was parsed;
/// otherwise they are looked for.
pub fn readable<'a>(raw: &'a [u8], root: &Part) -> Cow<'a, str> {
    if let Ok(text) = std::str::from_utf8(raw) {
        return without_nul(Cow::Borrowed(text));
    }
    // Perhaps only the last character was cut off.
    if let Err(error) = std::str::from_utf8(raw)
        && error.error_len().is_none()
        && let Some(Ok(text)) = raw.get(..error.valid_up_to()).map(std::str::from_utf8)
    {
        return without_nul(Cow::Borrowed(text));
    }
    let found;
    let root = if root.place.is_some_and(|place| place.end == raw.len() as u64) {
        root
    } else {
        found = super::scan::scan(raw);
        &found
    };
    let mut writer = Writer { raw, out: String::with_capacity(raw.len() * 5 / 4), at: 0, charset: root.charset() };
    writer.part(root);
    writer.copy(raw.len() as u64);
    without_nul(Cow::Owned(writer.out))
}

fn without_nul(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "")) } else { text }
}

struct Writer<'a> {
    raw: &'a [u8],
    out: String,
    /// How far it has come.
    at: u64,
    charset: String,
}

impl Writer<'_> {
    fn part(&mut self, part: &Part) {
        let Some(Place { head, body, end }) = part.place else { return };
        self.copy(head);
        let content = self.slice(body, end).to_vec();
        let leaf = part.children.is_empty();
        let encode = leaf && std::str::from_utf8(&content).is_err();
        self.header(head, body, if encode { Some(target(part)) } else { None });
        if encode {
            match target(part) {
                Encoding::Base64 => self.out.push_str(&lines(&STANDARD.encode(&content))),
                _ => self.out.push_str(&quoted(&content)),
            }
            self.at = end;
        }
        part.children.iter().for_each(|child| self.part(child));
        self.copy(end);
    }

    /// A header, with the encoding that its content gets now.
    fn header(&mut self, head: u64, body: u64, encoding: Option<Encoding>) {
        let block = self.slice(head, body).to_vec();
        self.at = body.max(self.at);
        let mut lines = block.split_inclusive(|b| *b == b'\n').peekable();
        let mut said = false;
        while let Some(first) = lines.next() {
            let mut field = first.to_vec();
            while let Some(more) = lines.next_if(|line| matches!(line.first(), Some(b' ' | b'\t'))) {
                field.extend_from_slice(more);
            }
            let is_encoding = first.to_ascii_lowercase().starts_with(b"content-transfer-encoding");
            let is_end = matches!(first, b"\n" | b"\r\n");
            if let Some(encoding) = encoding.filter(|_| !said && (is_encoding || is_end)) {
                let name = if encoding == Encoding::Base64 { "base64" } else { "quoted-printable" };
                let _ = write!(self.out, "Content-Transfer-Encoding: {name}\r\n");
                said = true;
            }
            if !(is_encoding && encoding.is_some()) {
                let text = field_text(&field, &self.charset);
                self.out.push_str(&text);
            }
        }
    }

    fn slice(&self, from: u64, to: u64) -> &[u8] {
        let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
        self.raw.get(at(from)..at(to)).unwrap_or_default()
    }

    fn copy(&mut self, to: u64) {
        if to > self.at {
            let text = String::from_utf8_lossy(self.slice(self.at, to)).into_owned();
            self.out.push_str(&text);
            self.at = to;
        }
    }
}

/// What a part is re-encoded in: what is said to be base64 already, with foreign bytes in it, is made so again.
fn target(part: &Part) -> Encoding {
    if part.is_text() && part.encoding != Encoding::Base64 { Encoding::QuotedPrintable } else { Encoding::Base64 }
}

/// A header field as text: as it is where it is UTF-8.
fn field_text(field: &[u8], label: &str) -> String {
    std::str::from_utf8(field).map_or_else(|_| ascii_field(field, label), str::to_owned)
}

/// A header field as ASCII: as it is where it is that, but for parameters of Content-* in other characters.
pub(super) fn ascii_field(field: &[u8], label: &str) -> String {
    if let Some(text) = std::str::from_utf8(field).ok().filter(|text| text.is_ascii()) {
        return text.to_owned();
    }
    let text = match std::str::from_utf8(field) {
        Ok(text) => text.to_owned(),
        Err(_) => charset::decode(field, if label.is_empty() { "windows-1252" } else { label }),
    };
    let Some((name, value)) = text.split_once(':') else { return text };
    let lower = name.trim().to_ascii_lowercase();
    let value = if ADDRESSES.contains(&lower.as_str()) {
        address::written(&address::parse(value.trim()))
    } else if lower.starts_with("content-") {
        // What is not ASCII there is a file name; readers cope with UTF-8.
        return text;
    } else {
        word::encode(&word::decode(value.trim()))
    };
    format!("{name}: {value}\r\n")
}

/// Base64 in lines of 76 characters, without a line end behind the last.
pub(super) fn lines(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() + digits.len() / 38 + 2);
    let mut rest = digits;
    while !rest.is_empty() {
        let (line, more) = rest.split_at_checked(76).unwrap_or((rest, ""));
        out.push_str(line);
        out.push_str("\r\n");
        rest = more;
    }
    out.truncate(out.trim_end().len());
    out
}

/// Quoted-printable; line ends stay line ends.
pub(super) fn quoted(content: &[u8]) -> String {
    let mut out = String::with_capacity(content.len() * 3 / 2);
    let mut column = 0;
    let mut bytes = content.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let next = bytes.peek().copied();
        if byte == b'\n' || (byte == b'\r' && next == Some(b'\n')) {
            if byte == b'\r' {
                bytes.next();
            }
            out.push_str("\r\n");
            column = 0;
            continue;
        }
        let ends_line = matches!(next, None | Some(b'\r' | b'\n'));
        let literal = matches!(byte, b'!'..=b'<' | b'>'..=b'~') || (matches!(byte, b' ' | b'\t') && !ends_line);
        let width = if literal { 1 } else { 3 };
        if column + width > 75 {
            out.push_str("=\r\n");
            column = 0;
        }
        // A dot alone on a line and "From " at its beginning mean something to others.
        if literal && !(column == 0 && matches!(byte, b'.' | b'F')) {
            out.push(char::from(byte));
            column += 1;
        } else {
            let _ = write!(out, "={byte:02X}");
            column += 3;
        }
    }
    out
}

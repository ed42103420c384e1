//! The header block of a message or part (RFC 5322 2.2).

use mail_parser::{HeaderValue, parsers::MessageStream};

use super::{charset, word};

/// More of a header block is not read, bytes and fields.
pub const LONGEST: usize = 1 << 20;
const MOST_FIELDS: usize = 2_000;
/// More of one value is not read, bytes; a thousand recipients need a tenth of it.
const LONGEST_VALUE: usize = 512 << 10;

/// The fields of a header block, in order, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers {
    /// Name in lower case, raw value with its folding, not decoded but for 8-bit bytes.
    fields: Vec<(String, String)>,
}

impl Headers {
    /// Reads a header block: what stands before the first empty line. 8-bit bytes that are not UTF-8 are in `charset` (that of the body), or
    /// windows-1252 when that is "". Lines that are no fields are left out.
    pub fn parse(block: &[u8], charset: &str) -> Self {
        let block = block.get(..LONGEST).unwrap_or(block);
        let mut fields: Vec<(String, Vec<u8>)> = Vec::new();
        for line in block.split_inclusive(|b| *b == b'\n') {
            if line == b"\n" || line == b"\r\n" {
                break;
            }
            if matches!(line.first(), Some(b' ' | b'\t')) {
                if let Some((_, value)) = fields.last_mut().filter(|(_, value)| value.len() < LONGEST_VALUE) {
                    value.extend_from_slice(line);
                }
            } else if let Some((name, value)) = field(line).filter(|_| fields.len() < MOST_FIELDS) {
                fields.push((name, value.get(..LONGEST_VALUE).unwrap_or(value).to_vec()));
            }
        }
        let text = |value: Vec<u8>| match String::from_utf8(value) {
            Ok(text) => text,
            Err(raw) => charset::decode(raw.as_bytes(), if charset.is_empty() { "windows-1252" } else { charset }),
        };
        Self { fields: fields.into_iter().map(|(name, value)| (name, text(value).trim().to_owned())).collect() }
    }

    /// Raw value of the first field of that name (lower case), "" without one.
    pub fn raw(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// Raw values of all fields of that name (lower case).
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The text of the first field of that name, decoded, on one line; "" without one.
    pub fn text(&self, name: &str) -> String {
        word::decode(self.raw(name))
    }

    /// The message ids of a field, without angle brackets.
    pub fn ids(&self, name: &str) -> Vec<String> {
        let line = format!("{}\n", self.raw(name));
        match MessageStream::new(line.as_bytes()).parse_id() {
            HeaderValue::Text(id) => vec![id.into_owned()],
            HeaderValue::TextList(ids) => ids.into_iter().map(|id| id.into_owned()).collect(),
            _ => Vec::new(),
        }
    }

    /// The moment of the Date field, seconds since 1970; `None` when it is missing or means nothing.
    pub fn date(&self) -> Option<i64> {
        let raw = self.raw("date");
        moment(raw).or_else(|| moment(&with_seconds(raw)))
    }

    /// Whether there is no field at all.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

fn moment(raw: &str) -> Option<i64> {
    let line = format!("{raw}\n");
    let HeaderValue::DateTime(mut date) = MessageStream::new(line.as_bytes()).parse_date() else { return None };
    // Years of two digits (RFC 5322 4.3).
    date.year += match date.year {
        0..50 => 2_000,
        50..100 => 1_900,
        _ => 0,
    };
    date.is_valid().then(|| date.to_timestamp())
}

/// Seconds may be missing (RFC 5322 3.3), which the reader of dates does not know.
fn with_seconds(raw: &str) -> String {
    let words: Vec<String> = raw
        .split_whitespace()
        .map(|word| if word.matches(':').count() == 1 { format!("{word}:00") } else { word.to_owned() })
        .collect();
    words.join(" ")
}

/// Name in lower case and the rest of a line that begins a field.
fn field(line: &[u8]) -> Option<(String, &[u8])> {
    let colon = line.iter().position(|b| *b == b':')?;
    let name = line.get(..colon)?.trim_ascii_end();
    let valid = !name.is_empty() && name.iter().all(|b| b.is_ascii_graphic());
    valid.then(|| (String::from_utf8_lossy(name).to_ascii_lowercase(), line.get(colon + 1..).unwrap_or_default()))
}

/// Whether a line can begin a field or go on with one.
pub(super) fn is_header_line(line: &[u8]) -> bool {
    matches!(line.first(), Some(b' ' | b'\t')) || field(line).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_whatever_their_bytes() {
        let block = b"Subject: =?utf-8?Q?=C3=BC?=\r\n folded\r\nX-Raw : Gr\xfc\xdfe\r\nnonsense\r\n: empty\r\nReferences: <a@b>\r\n\t<c@d>\r\n\
            Date: Tue, 24 Nov 2026 10:00:00 +0100\r\n\r\nSubject: no\r\n";
        let headers = Headers::parse(block, "");
        assert_eq!(headers.text("subject"), "ü folded");
        assert_eq!(headers.text("x-raw"), "Grüße");
        assert_eq!(headers.ids("references"), ["a@b", "c@d"]);
        assert_eq!(headers.date(), Some(1_795_510_800));
        assert_eq!(Headers::parse(b"X: \xf0\xd2\n", "koi8-r").text("x"), "Пр");
        assert_eq!(Headers::parse(b"X: \xd0\x9f\n", "koi8-r").text("x"), "П");
        assert_eq!(Headers::parse(b"Date: soon\n", "").date(), None);
        assert_eq!(Headers::parse(b"Date: 24 Nov 26 09:00 GMT\n", "").date(), Some(1_795_510_800));
        assert!(Headers::parse(b"\r\nSubject: no\r\n", "").is_empty());
    }

    #[test]
    fn long_blocks_end() {
        let block = b"A: b\r\n".repeat(1 << 20);
        assert_eq!(Headers::parse(&block, "").fields.len(), MOST_FIELDS);
        let folded = [b"A: b\r\n".to_vec(), b" c\r\n".repeat(1 << 20)].concat();
        assert!(Headers::parse(&folded, "").raw("a").len() <= LONGEST_VALUE + 10);
    }
}

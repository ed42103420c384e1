//! Encoded words (RFC 2047) and what else is done to get 8-bit text into headers.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{charset, encoding::Encoding};

/// The text of an unstructured header value: unfolded, encoded words decoded. Neighbouring words of one charset are decoded together, since
/// programs cut characters in two.
pub fn decode(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for run in runs(value) {
        match run {
            Run::Plain(plain) => text.push_str(&unfolded(plain)),
            Run::Words(words) => text.push_str(&words),
        }
    }
    charset::printable(&text).replace("\r\n", " ").replace(['\r', '\n', '\t'], " ").trim().to_owned()
}

/// The value with every run of encoded words made one word in UTF-8, so that a reader that decodes word by word sees whole characters.
pub fn joined(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for run in runs(value) {
        match run {
            Run::Plain(plain) => text.push_str(plain),
            Run::Words(words) => {
                text.push_str("=?utf-8?B?");
                text.push_str(&STANDARD.encode(charset::printable(&words).as_bytes()));
                text.push_str("?=");
            }
        }
    }
    text
}

/// Without the line ends of folding (RFC 5322 2.2.3); what stays of them counts as one space.
fn unfolded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (n, line) in text.split('\n').enumerate() {
        let line = line.trim_end_matches('\r');
        if n == 0 {
            out.push_str(line);
        } else {
            out.push(' ');
            out.push_str(line.trim_start_matches([' ', '\t']));
        }
    }
    out
}

enum Run<'a> {
    Plain(&'a str),
    Words(String),
}

fn runs(value: &str) -> Vec<Run<'_>> {
    let mut runs = Vec::new();
    let mut rest = value;
    // Where the plain text begins that is not in `runs` yet.
    let mut plain = value;
    while let Some(at) = rest.find("=?") {
        let (_, candidate) = rest.split_at(at);
        let Some((words, after)) = words(candidate) else {
            rest = candidate.get(2..).unwrap_or_default();
            continue;
        };
        let before = plain.get(..plain.len() - candidate.len()).unwrap_or_default();
        if !before.is_empty() {
            runs.push(Run::Plain(before));
        }
        runs.push(Run::Words(words));
        plain = after;
        rest = after;
    }
    if !plain.is_empty() {
        runs.push(Run::Plain(plain));
    }
    runs
}

/// The encoded words at the beginning of the text, with nothing but white space between them, and what follows them.
fn words(text: &str) -> Option<(String, &str)> {
    let (mut label, mut bytes, mut rest) = word(text)?;
    let mut decoded = String::new();
    while let Some((next_label, next, after)) = word(rest.trim_start()) {
        if next_label.eq_ignore_ascii_case(label) {
            bytes.extend(next);
        } else {
            decoded.push_str(&charset::decode(&bytes, label));
            bytes = next;
            label = next_label;
        }
        rest = after;
    }
    decoded.push_str(&charset::decode(&bytes, label));
    Some((decoded, rest))
}

/// One encoded word at the beginning of the text: its charset, its bytes, what follows it.
fn word(text: &str) -> Option<(&str, Vec<u8>, &str)> {
    let (label, rest) = text.strip_prefix("=?")?.split_once('?')?;
    let (encoding, rest) = rest.split_once('?')?;
    if label.is_empty() || label.len() > 60 || label.contains([' ', '\t', '\r', '\n', '=']) || encoding.len() != 1 {
        return None;
    }
    let (data, rest) = rest.split_once("?=")?;
    let bytes = match encoding {
        "b" | "B" => Encoding::Base64.decode(data.as_bytes()),
        "q" | "Q" => Encoding::QuotedPrintable.decode(data.replace('_', "=20").as_bytes()),
        _ => return None,
    };
    // The language of RFC 2231 5.
    Some((label.split('*').next().unwrap_or(label), bytes, rest))
}

/// A text as an unstructured header value: as it is when it is short ASCII, else as encoded words in UTF-8 that are folded (RFC 2047 2).
/// Line ends and control characters cannot get through.
pub fn encode(text: &str) -> String {
    let text: String = charset::printable(text).replace(['\r', '\n', '\t'], " ");
    if text.is_ascii() && !text.contains("=?") && text.len() <= 900 {
        return text.trim().to_owned();
    }
    encoded(text.trim())
}

/// A text without what is not ASCII, on one line.
pub fn ascii(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii() && !c.is_ascii_control() { c } else { '_' }).collect()
}

/// A text as encoded words in UTF-8, folded.
pub fn encoded(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let head = charset::cut(rest, 45);
        if !out.is_empty() {
            out.push_str("\r\n ");
        }
        out.push_str("=?utf-8?B?");
        out.push_str(&STANDARD.encode(head));
        out.push_str("?=");
        rest = rest.get(head.len()..).unwrap_or_default();
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_decoded() {
        for (value, text) in [
            ("plain", "plain"),
            ("=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
            ("=?ISO-8859-1?q?Gr=FC=DFe_an?= alle", "Grüße an alle"),
            ("=?utf-8?B?R3LDvMM=?=\r\n =?utf-8?B?n2U=?=", "Grüße"),
            ("=?utf-8*de?Q?a?= =?iso-8859-1?Q?=FC?= b", "aü b"),
            ("Re: =?koi8-r?B?8NLJ18XU?=", "Re: Привет"),
            ("=?utf-8?Q?=3D?=", "="),
            ("=?x?y?z?= =?utf-8?Z?a?= =?", "=?x?y?z?= =?utf-8?Z?a?= =?"),
            ("a\r\n b\r\n\tc", "a b c"),
            ("=?utf-8?Q?a=00=0D=0Ab?=", "a b"),
            ("=?utf-8?Q?with space?=", "with space"),
        ] {
            assert_eq!(decode(value), text, "{value}");
        }
        assert_eq!(joined("=?utf-8?B?R3LDvMM=?=\r\n =?utf-8?B?n2U=?= <a@b>"), "=?utf-8?B?R3LDvMOfZQ==?= <a@b>");
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(text in "\\PC{0,120}") {
            let encoded = encode(&text);
            prop_assert!(encoded.is_ascii() || encoded == text.trim());
            prop_assert!(encoded.replace("\r\n ", "").find(['\r', '\n']).is_none());
            let wanted = charset::printable(&text);
            prop_assert_eq!(decode(&encoded), wanted.trim());
        }

        #[test]
        fn any_value_is_read(value in "(=\\?|\\?=|\\?|[a-zA-Z0-9=_ \r\nü]|utf-8|Q|B){0,60}") {
            decode(&value);
            joined(&value);
        }
    }
}

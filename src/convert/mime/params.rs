//! Values with parameters: Content-Type and Content-Disposition (RFC 2045 5.1, RFC 2183), with long and foreign values (RFC 2231).

use super::{charset, word};

/// More parameters of one value are not read; of a value that is divided, more pieces are not.
const MOST: usize = 200;

/// Parameters as they stand in a header or in BODYSTRUCTURE: name, raw value.
pub type Raw = Vec<(String, Vec<u8>)>;

/// The value of a header before its parameters, in lower case, and the parameters.
pub fn split(value: &str) -> (String, Raw) {
    let mut rest = value;
    let main = take(&mut rest, |c| c == ';');
    let mut raw = Raw::new();
    while let Some(after) = rest.strip_prefix(';') {
        rest = after;
        let name = take(&mut rest, |c| c == ';' || c == '=');
        if !rest.starts_with('=') {
            continue;
        }
        rest = rest.get(1..).unwrap_or_default().trim_start();
        let value = if rest.starts_with('"') { quoted(&mut rest) } else { take(&mut rest, |c| c == ';') };
        // What stands between a closing quote and the next semicolon.
        take(&mut rest, |c| c == ';');
        if raw.len() < MOST {
            raw.push((name.to_ascii_lowercase(), value.into_bytes()));
        }
    }
    (main.to_ascii_lowercase(), raw)
}

fn take(rest: &mut &str, is_end: impl Fn(char) -> bool) -> String {
    let (head, tail) = rest.split_at(rest.find(is_end).unwrap_or(rest.len()));
    *rest = tail;
    without_comment(head).trim().to_owned()
}

/// `text (comment)`.
fn without_comment(text: &str) -> &str {
    match text.split_once(" (") {
        Some((before, comment)) if comment.trim_end().ends_with(')') => before,
        _ => text,
    }
}

/// A quoted string at the beginning; an unclosed one goes to the end.
fn quoted(rest: &mut &str) -> String {
    let mut value = String::new();
    let mut chars = rest.char_indices().skip(1);
    let mut end = rest.len();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                end = at + 1;
                break;
            }
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            '\r' | '\n' => {}
            c => value.push(c),
        }
    }
    *rest = rest.get(end..).unwrap_or_default();
    value
}

/// The decoded value of a parameter: divided values are put together, charsets and encoded words decoded; "" without it.
pub fn get(raw: &Raw, name: &str) -> String {
    let mut pieces: Vec<(u32, bool, &[u8])> = Vec::new();
    let mut plain = None;
    for (known, value) in raw {
        let Some(rest) = known.get(..name.len()).filter(|k| k.eq_ignore_ascii_case(name)).and(known.get(name.len()..))
        else {
            continue;
        };
        let (number, encoded) = rest.strip_suffix('*').map_or((rest, false), |rest| (rest, true));
        match number.strip_prefix('*').map(str::parse) {
            Some(Ok(number)) => pieces.push((number, encoded, value)),
            Some(Err(_)) => {}
            None if number.is_empty() && encoded => pieces.push((0, true, value)),
            None if number.is_empty() => plain = plain.or(Some(value)),
            None => {}
        }
    }
    if pieces.is_empty() {
        return plain.map(|value| word::decode(&charset::decode(value, ""))).unwrap_or_default();
    }
    pieces.sort_by_key(|(number, ..)| *number);
    let mut label = String::new();
    let mut bytes = Vec::new();
    for (at, (_, encoded, value)) in pieces.into_iter().enumerate() {
        let mut value = value;
        if at == 0 && encoded {
            let mut parts = value.splitn(3, |b| *b == b'\'');
            if let (Some(charset), Some(_), Some(rest)) = (parts.next(), parts.next(), parts.next()) {
                label = String::from_utf8_lossy(charset).into_owned();
                value = rest;
            }
        }
        if encoded {
            bytes.extend(percent_encoding::percent_decode(value));
        } else {
            bytes.extend_from_slice(value);
        }
    }
    // Encoded words do not belong here, but some programs write them even in divided values.
    word::decode(&charset::decode(&bytes, &label))
}

/// Parameters as they are written behind a value, each on a line of its own. Nothing in them can end the line.
pub fn written(raw: &Raw) -> String {
    raw.iter().map(|(name, value)| one(name, value)).collect()
}

/// A parameter with a text of any length in any characters.
pub fn text(name: &str, value: &str) -> (String, Vec<u8>) {
    if value.is_ascii() && value.len() <= 60 {
        return (name.to_owned(), value.as_bytes().to_vec());
    }
    let encoded = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
    (format!("{name}*"), format!("utf-8''{encoded}").into_bytes())
}

fn one(name: &str, value: &[u8]) -> String {
    let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_*.".contains(*c)).take(60).collect();
    let value = charset::printable(&charset::decode(value, "")).replace(['\r', '\n', '\t'], " ");
    if name.is_empty() {
        return String::new();
    }
    if !value.is_ascii() {
        let (name, value) = text(name.trim_end_matches('*'), &value);
        return pieces(&name, &String::from_utf8_lossy(&value));
    }
    if name.ends_with('*') && value.chars().all(|c| c.is_ascii_alphanumeric() || "%'-_.!#$&+^`{}~".contains(c)) {
        return pieces(&name, &value);
    }
    format!(";\r\n {name}=\"{}\"", charset::cut(&value, 900).replace('\\', "\\\\").replace('"', "\\\""))
}

/// An encoded value, divided where it is long (RFC 2231 3).
fn pieces(name: &str, value: &str) -> String {
    if value.len() <= 60 || name.trim_end_matches('*').contains('*') {
        return format!(";\r\n {name}={}", charset::cut(value, 900));
    }
    let name = name.trim_end_matches('*');
    let mut out = String::new();
    let mut rest = value;
    for at in 0..MOST {
        let mut end = charset::cut(rest, 60).len();
        // An escape is not divided.
        if let Some(escape) = rest.get(end.saturating_sub(2)..end).and_then(|last| last.find('%')) {
            end = end - 2 + escape;
        }
        let (head, tail) = rest.split_at_checked(if rest.len() <= 60 { rest.len() } else { end }).unwrap_or((rest, ""));
        out.push_str(&format!(";\r\n {name}*{at}*={head}"));
        rest = tail;
        if rest.is_empty() {
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parameters_are_read() {
        for (value, name, wanted) in [
            ("text/plain; charset=utf-8", "charset", "utf-8"),
            ("text/plain; CHARSET = \"utf-8\" ; x=y", "charset", "utf-8"),
            ("text/plain; charset=utf-8 (comment)", "charset", "utf-8"),
            ("multipart/mixed; boundary=\"a;b=\\\"c\"; x=1", "boundary", "a;b=\"c"),
            ("a/b; name=\"Gr=?utf-8?Q?=C3=BC=C3=9Fe?=.txt\"", "name", "Grüße.txt"),
            ("a/b; name*=utf-8'de'Gr%C3%BC%C3%9Fe.txt", "name", "Grüße.txt"),
            ("a/b; name*0*=iso-8859-1''Gr%FC; name*1*=%DFe; name*2=\".txt\"", "name", "Grüße.txt"),
            ("a/b; name*1=b; name*0=a", "name", "ab"),
            ("a/b; name=old; name*=utf-8''new", "name", "new"),
            ("a/b; name=with space.txt; x", "name", "with space.txt"),
            ("a/b; name=\"unclosed", "name", "unclosed"),
            ("a/b; filename=x", "name", ""),
            ("a/b;;;=; name=x", "name", "x"),
        ] {
            let (_, raw) = split(value);
            assert_eq!(get(&raw, name), wanted, "{value}");
        }
        assert_eq!(split("Text/PLAIN ; a=b").0, "text/plain");
        assert_eq!(split("attachment").0, "attachment");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in "[ -~äöü€\u{1f600}]{0,200}") {
            let value = value.trim();
            let written = format!("a/b{}", written(&vec![text("name", value), ("x".into(), b"y".to_vec())]));
            prop_assert!(written.is_ascii() && !written.replace("\r\n ", "").contains(['\r', '\n']), "{}", written);
            let (_, raw) = split(&written);
            prop_assert_eq!(get(&raw, "name"), word::decode(value));
            prop_assert_eq!(get(&raw, "x"), "y");
        }

        #[test]
        fn any_value_is_read(value in "[ -~ü\r\n]{0,60}|(name|\\*|0|1|=|;|\"|'|%C3|utf-8){0,20}") {
            let (_, raw) = split(&value);
            get(&raw, "name");
        }
    }
}

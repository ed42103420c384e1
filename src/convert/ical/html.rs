//! Text of an HTML body, for what stores plain text.

/// Elements that begin on a line of their own.
const BLOCKS: [&str; 12] = ["p", "div", "br", "tr", "li", "ul", "ol", "table", "h1", "h2", "h3", "blockquote"];
/// Elements whose content nobody sees.
const HIDDEN: [&str; 3] = ["head", "style", "script"];
/// Longest character reference.
const REFERENCE: usize = 12;

/// The text without markup, LF between lines.
pub(super) fn plain(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((text, tail)) = rest.split_once('<') {
        add(&mut out, text);
        let (tag, after) = match tail.strip_prefix("!--") {
            Some(comment) => ("", comment.split_once("-->").map_or("", |(_, after)| after)),
            None => tail.split_once('>').unwrap_or((tail, "")),
        };
        let closing = tag.starts_with('/');
        let name: String = tag.chars().skip(usize::from(closing)).take_while(char::is_ascii_alphanumeric).collect();
        let name = name.to_ascii_lowercase();
        rest = after;
        if HIDDEN.contains(&name.as_str()) && !closing {
            rest = after_end(after, &name);
        } else if BLOCKS.contains(&name.as_str()) && (name == "br" || !(out.is_empty() || out.ends_with('\n'))) {
            out.push('\n');
        }
    }
    add(&mut out, rest);
    out.trim().to_owned()
}

/// What is behind the end tag of `name`.
fn after_end<'a>(html: &'a str, name: &str) -> &'a str {
    let mut rest = html;
    while let Some((_, tail)) = rest.split_once("</") {
        if tail.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name)) {
            return tail.split_once('>').map_or("", |(_, after)| after);
        }
        rest = tail;
    }
    ""
}

/// Adds text between tags: white space is one space, character references are what they stand for.
fn add(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (decoded, length) = reference(rest).unwrap_or((c, c.len_utf8()));
        rest = rest.split_at_checked(length).map_or("", |(_, rest)| rest);
        if length == c.len_utf8() && c.is_whitespace() && c != '\u{a0}' {
            if !out.ends_with([' ', '\n']) && !out.is_empty() {
                out.push(' ');
            }
        } else {
            out.push(if decoded == '\u{a0}' { ' ' } else { decoded });
        }
    }
}

/// The character reference at the beginning, and how long it is.
fn reference(text: &str) -> Option<(char, usize)> {
    let (name, _) = text.strip_prefix('&')?.split_once(';')?;
    if name.len() > REFERENCE {
        return None;
    }
    let c = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        _ => {
            let number = name.strip_prefix('#')?;
            let number = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(number)?
        }
    };
    Some((c, name.len() + 2))
}

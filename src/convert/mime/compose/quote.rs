//! The original below the new text.

use super::super::{Message, address, clean, flowed};
use crate::convert::html::of_plain;

/// Longest header value in a quote, characters.
const LONGEST: usize = 500;

/// What is put below the new text: once as plain text, once as HTML.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Quote {
    pub(super) plain: String,
    pub(super) html: String,
}

/// The original in an answer: who wrote, then what, marked line by line.
pub(super) fn answered(original: &Message) -> Quote {
    let from = address::shown(&original.addresses("from"), ", ");
    let date = original.headers.text("date");
    let line = match (from.is_empty(), date.is_empty()) {
        (true, _) => "Original message:".to_owned(),
        (false, true) => format!("{} wrote:", short(&from)),
        (false, false) => format!("On {}, {} wrote:", short(&date), short(&from)),
    };
    let (text, _) = original.plain(None);
    let mut plain = format!("\r\n{line}\r\n");
    for quoted in text.trim_end().lines() {
        plain.push_str(if quoted.starts_with('>') { ">" } else { "> " });
        plain.push_str(quoted);
        plain.push_str("\r\n");
    }
    let html = format!(
        "<br><div>{}</div>\r\n<blockquote type=\"cite\" style=\"margin:0 0 0 .8ex;border-left:1px solid #ccc;padding-left:1ex\">\r\n{}\r\n</blockquote>\r\n",
        of_plain(&line),
        body(original)
    );
    Quote { plain, html }
}

/// The original in a mail that hands it on: a block of its headers, then what it says.
pub(super) fn forwarded(original: &Message) -> Quote {
    let addresses = |name: &str| address::shown(&original.addresses(name), ", ");
    let fields = [
        ("From", addresses("from")),
        ("Date", original.headers.text("date")),
        ("Subject", original.subject()),
        ("To", addresses("to")),
        ("Cc", addresses("cc")),
    ];
    let (mut plain, mut html) = (
        "\r\n---------- Forwarded message ----------\r\n".to_owned(),
        "<br><div>---------- Forwarded message ----------<br>\r\n".to_owned(),
    );
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        let value = short(value);
        plain.push_str(&format!("{name}: {value}\r\n"));
        html.push_str(&format!("<b>{name}:</b> {}<br>\r\n", of_plain(&value)));
    }
    let (text, _) = original.plain(None);
    plain.push_str(&format!("\r\n{text}"));
    html.push_str(&format!("</div><br>\r\n{}\r\n", body(original)));
    Quote { plain, html }
}

/// The original's own HTML, harmless and without the frame of a document.
fn body(original: &Message) -> String {
    let (document, _) = original.html(None);
    let inner = document.split_once("<body>").and_then(|(_, rest)| rest.rsplit_once("</body>"));
    inner.map(|(inner, _)| inner.trim().to_owned()).unwrap_or_default()
}

fn short(text: &str) -> String {
    let cut: String = text.chars().take(LONGEST).collect();
    if cut.len() < text.len() { format!("{cut} ...") } else { cut }
}

/// A new plain text with the quote below.
pub(super) fn below_plain(text: &str, quote: &str) -> String {
    let text = flowed::crlf(text);
    format!("{}\r\n{quote}", text.trim_end_matches(['\r', '\n']))
}

/// A new HTML text with the quote below: within its document.
pub(super) fn below_html(text: &str, quote: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let end = lower.rfind("</body").or_else(|| lower.rfind("</html")).unwrap_or(text.len());
    let (before, after) = text.split_at_checked(end).unwrap_or((text, ""));
    // What is said about the charset was true of what the phone has sent.
    format!("{}{quote}{after}", clean::in_utf8(before))
}

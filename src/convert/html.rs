//! Bodies between HTML and plain text: Horde's calendars, tasks and notes hold plain text only.

use html2text::{config, render::TrivialDecorator};

/// HTML beyond this many bytes is not looked at, nor beyond this many tags: the time that nested tags take grows with the square of their
/// number.
const LONGEST: usize = 1 << 20;
const MOST_TAGS: usize = 10_000;
/// Wide enough that no line is broken.
const WIDTH: usize = LONGEST;

/// The text of an HTML document or fragment, with LF line ends: paragraphs, line breaks and list items stay, everything else goes.
pub fn plain(html: &str) -> String {
    let tags = html.match_indices('<').nth(MOST_TAGS).map_or(html.len(), |(at, _)| at);
    let mut end = tags.min(LONGEST);
    while !html.is_char_boundary(end) {
        end -= 1;
    }
    let html = html.get(..end).unwrap_or_default();
    let text = config::with_decorator(TrivialDecorator::new())
        .raw_mode(true)
        .no_table_borders()
        .string_from_read(html.as_bytes(), WIDTH)
        .unwrap_or_default();
    let lines: Vec<&str> = text.lines().map(|line| line.trim_end_matches(' ')).collect();
    lines.join("\n").trim_matches('\n').replace('\u{a0}', " ")
}

/// Plain text as an HTML fragment that shows it line by line.
pub fn of_plain(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + text.len() / 8);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' | '\n' => html.push_str("<br>\r\n"),
            // Runs of spaces would be shown as one.
            ' ' if chars.peek() == Some(&' ') => html.push_str("&nbsp;"),
            c => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_phones_send_becomes_readable_text() {
        for (html, text) in [
            ("<p>a &lt;b&gt; &amp;amp;</p><div>c<br>d</div>", "a <b> &amp;\n\nc\nd"),
            ("plain", "plain"),
            ("<html><head><style>p {color: red}</style><title>t</title></head><body>x</body></html>", "x"),
            ("a<script>alert(1)</script>b", "ab"),
            ("<a href=\"javascript:alert(1)\">click</a>", "click"),
            ("Gr&ouml;&szlig;e&nbsp;&#8364; <b>fett</b>", "Größe € fett"),
            ("<ul><li>eins</li><li>zwei</li></ul>", "eins\nzwei"),
            ("<div>x</div><div><br></div><div>y</div>", "x\n\ny"),
            ("", ""),
            ("<", "<"),
        ] {
            assert_eq!(plain(html), text, "{html}");
        }
    }

    #[test]
    fn long_and_deep_documents_end() {
        assert!(plain(&"<div>".repeat(1_000)).is_empty());
        assert_eq!(plain(&"<br>x".repeat(2 * MOST_TAGS)).matches('x').count(), MOST_TAGS);
        assert!(plain(&"ä".repeat(2 << 20)).len() <= LONGEST);
    }

    proptest! {
        #[test]
        fn plain_text_survives_the_way_there_and_back(lines in prop::collection::vec("[!-~äöü€\u{1f600}]( ?[!-~ä]){0,20}", 1..6)) {
            let text = lines.join("\n");
            prop_assert_eq!(plain(&of_plain(&text)), text);
        }
    }
}

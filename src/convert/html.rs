//! Bodies that phones send as HTML; Horde has plain text.

/// The text of an HTML body: tags go, line breaks and paragraphs stay.
pub fn plain(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    for (n, piece) in html.split('<').enumerate() {
        let (tag, text) = if n == 0 { ("", piece) } else { piece.split_once('>').unwrap_or((piece, "")) };
        let name = tag.trim_start_matches('/').split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        let breaks = ["br", "p", "div", "li", "tr"].iter().any(|b| b.eq_ignore_ascii_case(name));
        if breaks && (tag.starts_with('/') || name.eq_ignore_ascii_case("br")) {
            out.push('\n');
        }
        out.extend(text.chars().map(|c| if matches!(c, '\r' | '\n') { ' ' } else { c }));
    }
    let entities = [
        ("&nbsp;", " "),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&apos;", "'"),
        ("&amp;", "&"),
    ];
    let text = entities.iter().fold(out, |text, (from, to)| text.replace(from, to));
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_go_and_line_breaks_stay() {
        assert_eq!(plain("<p>a &lt;b&gt; &amp;amp;</p><div>c<br>d</div>"), "a <b> &amp;\nc\nd");
        assert_eq!(plain("no tags"), "no tags");
        assert_eq!(plain("open <b"), "open");
    }
}

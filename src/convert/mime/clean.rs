//! HTML of mails as phones may show it: no scripts, handlers or forms, UTF-8, at a bounded cost.

use std::{borrow::Cow, collections::HashSet, sync::LazyLock};

use ammonia::Builder;

/// HTML beyond this many bytes is not looked at, nor beyond this many tags, nor what is nested deeper: the time that nested tags take
/// grows with the square of their number.
pub const LONGEST: usize = 1 << 20;
const MOST_TAGS: usize = 30_000;
const DEEPEST: usize = 200;

/// Elements beyond those that are always harmless.
const TAGS: [&str; 4] = ["font", "center", "big", "u"];
/// Looks, without which mails are hard to read.
const ATTRIBUTES: [&str; 22] = [
    "align",
    "background",
    "bgcolor",
    "border",
    "bordercolor",
    "cellpadding",
    "cellspacing",
    "class",
    "color",
    "dir",
    "face",
    "height",
    "hspace",
    "id",
    "lang",
    "name",
    "size",
    "style",
    "valign",
    "vspace",
    "width",
    "nowrap",
];
const SCHEMES: [&str; 10] = ["cid", "data", "ftp", "http", "https", "mailto", "mid", "sms", "tel", "webcal"];
/// What may stand in a data URL; SVG may hold scripts.
const IMAGES: [&str; 6] =
    ["data:image/png", "data:image/jpeg", "data:image/jpg", "data:image/gif", "data:image/webp", "data:image/bmp"];

static CLEANER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut cleaner = Builder::default();
    cleaner
        .add_tags(TAGS)
        .add_generic_attributes(ATTRIBUTES)
        .url_schemes(HashSet::from(SCHEMES))
        .link_rel(None)
        .attribute_filter(|tag, name, value| allowed(tag, name, value).then_some(Cow::Borrowed(value)));
    cleaner
});

fn allowed(tag: &str, name: &str, value: &str) -> bool {
    let value = value.trim_start().to_ascii_lowercase();
    match name {
        // Styles can load and, in old programs, run things; escapes would hide it.
        "style" => {
            !["expression", "javascript", "vbscript", "behavior", "-moz-binding", "@import", "\\", "<", "position"]
                .iter()
                .any(|bad| value.contains(bad))
        }
        "background" => value.starts_with("http:") || value.starts_with("https:") || value.starts_with("cid:"),
        _ if value.starts_with("data:") => {
            tag == "img" && name == "src" && IMAGES.iter().any(|image| value.starts_with(image))
        }
        _ => true,
    }
}

/// A harmless document, whole, in UTF-8. Images that lie elsewhere stay: whether to load them is for the phone.
pub fn document(html: &str) -> String {
    format!(
        "<html><head><meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\"></head><body>\r\n{}\r\n</body></html>",
        fragment(html)
    )
}

/// What stands in the body of the document, harmless.
pub fn fragment(html: &str) -> String {
    CLEANER.clean(bounded(html)).to_string()
}

/// As much of the HTML as is looked at.
pub fn bounded(html: &str) -> &str {
    let html = super::charset::cut(html, LONGEST);
    let (mut tags, mut depth) = (0_usize, 0_usize);
    for (at, _) in html.match_indices('<') {
        tags += 1;
        match html.as_bytes().get(at + 1) {
            Some(b'/') => depth = depth.saturating_sub(1),
            Some(c) if c.is_ascii_alphabetic() && !is_void(html.get(at + 1..).unwrap_or_default()) => depth += 1,
            _ => {}
        }
        if tags > MOST_TAGS || depth > DEEPEST {
            return html.get(..at).unwrap_or(html);
        }
    }
    html
}

/// Elements without a closing tag, or whose closing tag is often left out.
fn is_void(tag: &str) -> bool {
    const VOID: [&str; 12] = ["br", "img", "hr", "meta", "link", "input", "p", "li", "td", "tr", "option", "wbr"];
    let name = tag.get(..tag.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(tag.len())).unwrap_or_default();
    VOID.iter().any(|void| name.eq_ignore_ascii_case(void))
}

/// The content ids that HTML refers to ("cid:" in any case), without what is escaped in them.
pub fn content_ids(html: &str) -> HashSet<String> {
    let lower = html.to_ascii_lowercase();
    let id = |(at, _): (usize, &str)| {
        let rest = html.get(at + 4..)?;
        let end = rest.find(['"', '\'', '>', ')', ' ', '\r', '\n']).unwrap_or(rest.len());
        let id = percent_encoding::percent_decode_str(rest.get(..end)?).decode_utf8_lossy().into_owned();
        Some(id.trim_end_matches("&quot;").to_owned())
    };
    lower.match_indices("cid:").take(1_000).filter_map(id).filter(|id| !id.is_empty()).collect()
}

/// The charset that a document says it has, "" when it says none.
pub fn declared_charset(html: &[u8]) -> String {
    let head = String::from_utf8_lossy(html.get(..4_096).unwrap_or(html)).to_ascii_lowercase();
    let Some((_, rest)) = head.split_once("charset=") else { return String::new() };
    let rest = rest.trim_start_matches(['"', '\'', ' ']);
    rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_.:".contains(*c)).take(40).collect()
}

/// A document that says that it is in UTF-8 if it says anything about its charset.
pub fn in_utf8(html: &str) -> String {
    let head = super::charset::cut(html, 4_096).to_ascii_lowercase();
    let Some(at) = head.find("charset=").map(|at| at + 8) else { return html.to_owned() };
    let (before, rest) = html.split_at_checked(at).unwrap_or((html, ""));
    let quote = rest.len() - rest.trim_start_matches(['"', '\'', ' ']).len();
    let (quote, rest) = rest.split_at_checked(quote).unwrap_or(("", rest));
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c));
    format!("{before}{quote}utf-8{rest}")
}

/// HTML without what never shows: comments, styles, scripts, the head; for a look at its beginning that is cheap.
pub fn without_hidden(html: &str) -> String {
    let mut out = String::with_capacity(html.len().min(64 << 10));
    let lower = html.to_ascii_lowercase();
    let mut at = 0;
    while let Some(found) = lower.get(at..).and_then(|rest| rest.find('<')) {
        let (text, tag) = (html.get(at..at + found).unwrap_or_default(), lower.get(at + found..).unwrap_or_default());
        out.push_str(text);
        at += found;
        let length = match HIDDEN.iter().find(|(start, _)| tag.starts_with(start)) {
            Some((_, end)) => tag.find(end).map(|length| length + end.len()),
            None => {
                out.push('<');
                Some(1)
            }
        };
        // Hidden to the end.
        let Some(length) = length else { return out };
        at += length;
    }
    out.push_str(html.get(at..).unwrap_or_default());
    out
}

const HIDDEN: [(&str, &str); 4] =
    [("<style", "</style>"), ("<script", "</script>"), ("<!--", "-->"), ("<head>", "</head>")];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_runs_and_the_looks_stay() {
        for (html, wanted) in [
            ("<p onclick=\"x()\">a</p><script>alert(1)</script>", "<p>a</p>"),
            ("<a href=\"javascript:x()\">a</a>", "<a>a</a>"),
            ("<a href=\"https://example.test/\">a</a>", "<a href=\"https://example.test/\">a</a>"),
            ("<img src=\"cid:a@b\" width=\"3\">", "<img src=\"cid:a@b\" width=\"3\">"),
            ("<img src=\"https://example.test/a.png\">", "<img src=\"https://example.test/a.png\">"),
            ("<img src=\"data:image/png;base64,AA==\">", "<img src=\"data:image/png;base64,AA==\">"),
            ("<img src=\"data:image/svg+xml,<svg/>\">", "<img>"),
            ("<a href=\"data:text/html,x\">a</a>", "<a>a</a>"),
            ("<p style=\"color: red\">a</p>", "<p style=\"color: red\">a</p>"),
            ("<p style=\"width: expression(x)\">a</p>", "<p>a</p>"),
            ("<style>p {}</style><font color=\"red\">a</font>", "<font color=\"red\">a</font>"),
            ("<html><body bgcolor=\"red\">ü</body></html>", "ü"),
            ("<iframe src=\"https://example.test/\"></iframe>b", "b"),
            ("<form action=\"/x\"><input name=\"a\">c</form>", "c"),
        ] {
            assert_eq!(fragment(html), wanted, "{html}");
        }
        assert!(document("x").contains("charset=utf-8"));
    }

    #[test]
    fn ids_and_charsets_are_found() {
        let ids = content_ids("<img src=\"cid:a@b\"> <img src=CID:c%40d> <td background='cid:e'>");
        assert_eq!(ids, ["a@b", "c@d", "e"].map(str::to_owned).into());
        assert_eq!(declared_charset(b"<meta charset=\"KOI8-R\">"), "koi8-r");
        assert_eq!(declared_charset(b"<meta content='text/html; charset=iso-8859-1'>"), "iso-8859-1");
        assert_eq!(in_utf8("<meta charset='koi8-r'>ü"), "<meta charset='utf-8'>ü");
        assert_eq!(in_utf8("<p>"), "<p>");
        assert_eq!(without_hidden("a<STYLE x>b</style>c<!-- d -->e<script>"), "ace");
    }

    #[test]
    fn hostile_documents_end_soon() {
        let start = std::time::Instant::now();
        let formats = (0..190).map(|n| format!("<b id={n}>")).collect::<String>();
        for html in [
            format!("{formats}{}", "<p>x".repeat(30_000)),
            format!("{}{}", "<b>".repeat(190), "<p>x".repeat(30_000)),
            format!("{}{}", "<div>".repeat(190), "<p>x".repeat(30_000)),
            format!("{}{}", "<div>".repeat(190), "</div>".repeat(190)).repeat(50),
            "<table>".repeat(190) + &"<p>x".repeat(30_000),
            "<p>x <i>y</i></p>\r\n".repeat(13_000),
            "<img src=x>".repeat(39_000),
            "<div>".repeat(200_000),
            "<b><i>x".repeat(100_000),
            "<table><tr><td>".repeat(60_000),
            "<a href=x>".repeat(100_000),
            "<".repeat(1 << 21),
        ] {
            fragment(&html);
        }
        assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
    }

    proptest! {
        #[test]
        fn what_is_clean_stays_clean(html in "(<|>|\"|'|/|a|img|svg|style|script|onload|=|javascript:|data:|cid:| |&lt;|math|<!--|-->){0,40}") {
            let once = fragment(&html);
            let lower = once.to_ascii_lowercase();
            prop_assert!(!lower.contains("<script") && !lower.contains("<svg") && !lower.contains("<style"), "{}", once);
        }
    }
}

//! Charsets (RFC 2978) of what mails say, and what they say wrongly: whatever the bytes are, text comes out.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use mail_parser::decoders::charsets::map::charset_decoder;

/// Windows code pages of charsets (InternetCPID, MS-ASEMAIL 2.2.2.40).
const CODE_PAGES: &[(&str, u16)] = &[
    ("us-ascii", 20127),
    ("ascii", 20127),
    ("utf-8", 65001),
    ("utf8", 65001),
    ("utf-7", 65000),
    ("utf-16", 1200),
    ("utf-16le", 1200),
    ("utf-16be", 1201),
    ("big5", 950),
    ("euc-jp", 51932),
    ("euc-kr", 51949),
    ("gb18030", 54936),
    ("gb2312", 936),
    ("gbk", 936),
    ("hz-gb-2312", 52936),
    ("ibm866", 866),
    ("iso-2022-jp", 50220),
    ("iso-2022-kr", 50225),
    ("iso-8859-1", 28591),
    ("latin1", 28591),
    ("iso-8859-2", 28592),
    ("iso-8859-3", 28593),
    ("iso-8859-4", 28594),
    ("iso-8859-5", 28595),
    ("iso-8859-6", 28596),
    ("iso-8859-7", 28597),
    ("iso-8859-8", 28598),
    ("iso-8859-9", 28599),
    ("iso-8859-13", 28603),
    ("iso-8859-15", 28605),
    ("koi8-r", 20866),
    ("koi8-u", 21866),
    ("ks_c_5601-1987", 949),
    ("macintosh", 10000),
    ("shift_jis", 932),
    ("windows-1250", 1250),
    ("windows-1251", 1251),
    ("windows-1252", 1252),
    ("windows-1253", 1253),
    ("windows-1254", 1254),
    ("windows-1255", 1255),
    ("windows-1256", 1256),
    ("windows-1257", 1257),
    ("windows-1258", 1258),
    ("windows-874", 874),
];

/// Code page of a charset; of UTF-8 when the charset is not known, since that is what the phone gets.
pub fn code_page(label: &str) -> u16 {
    let label = label.trim().to_ascii_lowercase();
    let of = |name: &str| CODE_PAGES.iter().find(|(known, _)| *known == name).map(|(_, page)| *page);
    of(&label)
        .or_else(|| Encoding::for_label(label.as_bytes()).and_then(|known| of(&known.name().to_ascii_lowercase())))
        .unwrap_or(65001)
}

/// The text of bytes in a charset. Without a charset, with an unknown one, or where the bytes are plainly not in it, it is UTF-8 if the
/// bytes are valid UTF-8, else windows-1252. Bytes that mean nothing become U+FFFD.
pub fn decode(bytes: &[u8], label: &str) -> String {
    let label = label.trim().trim_matches(['"', '\'']);
    if !is_stateful(label) && bytes.is_ascii() {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let says_little =
        label.is_empty() || ["us-ascii", "ascii", "utf-8", "utf8"].iter().any(|l| label.eq_ignore_ascii_case(l));
    if says_little {
        return guessed(bytes);
    }
    match Encoding::for_label_no_replacement(label.as_bytes()) {
        Some(known) => known.decode_with_bom_removal(bytes).0.into_owned(),
        None => charset_decoder(label.as_bytes()).map_or_else(|| guessed(bytes), |decode| decode(bytes)),
    }
}

/// Whether ASCII bytes may mean something else in the charset.
fn is_stateful(label: &str) -> bool {
    let label = label.to_ascii_lowercase();
    ["iso-2022", "utf-7", "utf-16", "utf7", "hz-gb", "unicode-1-1-utf-7", "csiso2022jp", "csutf7", "utf-32"]
        .iter()
        .any(|stateful| label.starts_with(stateful))
}

/// UTF-8 with a few broken places stays UTF-8 (a text may be cut within a character); what has none of its sequences is windows-1252.
fn guessed(bytes: &[u8]) -> String {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut broken = 0_usize;
    let mut whole = 0_usize;
    for chunk in bytes.utf8_chunks() {
        whole += usize::from(!chunk.valid().is_ascii());
        broken += usize::from(!chunk.invalid().is_empty());
    }
    let encoding = if broken > whole { WINDOWS_1252 } else { UTF_8 };
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

/// Text as it may stand in XML: without control characters other than tab and line ends, and without noncharacters.
pub fn printable(text: &str) -> String {
    text.chars().filter(|c| !is_forbidden(*c)).collect()
}

const fn is_forbidden(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}' | '\u{fffe}' | '\u{ffff}')
}

/// The longest beginning of at most so many bytes that ends between two characters.
pub fn cut(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charsets_become_text() {
        for (bytes, label, text) in [
            (&b"Gr\xfc\xdfe"[..], "iso-8859-1", "Grüße"),
            (b"\x80uro", "ISO-8859-1", "€uro"),
            (b"Gr\xc3\xbc\xc3\x9fe", "us-ascii", "Grüße"),
            (b"Gr\xfc\xdfe", "utf-8", "Grüße"),
            (b"Gr\xfc\xdfe", "", "Grüße"),
            (b"Gr\xc3\xbc\xc3\x9fe \xc3", "utf-8", "Grüße \u{fffd}"),
            (b"\xf0\xd2\xc9\xd7\xc5\xd4", "koi8-r", "Привет"),
            (b"\x1b$B%F%9%H\x1b(B", "iso-2022-jp", "テスト"),
            (b"Gr+APwA3w-e", "utf-7", "Grüße"),
            (b"\x81", "cp850", "ü"),
            (b"\xc4\xe3\xba\xc3", "gb2312", "你好"),
            (b"\xa7A\xa6n", "big5", "你好"),
            (b"Gr\xfc\xdfe", "x-unknown", "Grüße"),
            (b"", "utf-8", ""),
        ] {
            assert_eq!(decode(bytes, label), text, "{label}");
        }
    }

    #[test]
    fn code_pages_are_those_of_windows() {
        for (label, page) in [
            ("UTF-8", 65001),
            ("ISO-8859-1", 28591),
            ("us-ascii", 20127),
            ("cp1251", 1251),
            ("x", 65001),
            ("gb2312", 936),
        ] {
            assert_eq!(code_page(label), page, "{label}");
        }
    }

    #[test]
    fn nothing_that_xml_forbids_stays() {
        assert_eq!(printable("a\0b\tc\r\nd\u{1b}\u{ffff}ü"), "ab\tc\r\ndü");
    }
}

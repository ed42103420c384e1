//! PHP indents its XML, and writes more blanks than anything else. They are taken out as the answer arrives, so that a large one takes half
//! the memory and is never copied as a whole.

use memchr::{memchr, memmem};

/// Gathers an answer. In texts PHP writes line ends as references: one that follows a tag and comes before another is an indent.
#[derive(Debug, Default)]
pub(super) struct Unindented {
    text: Vec<u8>,
    /// Where blanks begin of which is not known yet what follows them.
    blanks: Option<usize>,
    /// From here on nothing is taken out: sections and comments may hold what looks like an indent.
    verbatim: bool,
}

impl Unindented {
    /// For an answer of about that many bytes.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { text: Vec::with_capacity(bytes), ..Self::default() }
    }

    /// Takes the next part of the answer.
    pub(super) fn push(&mut self, part: &[u8]) {
        let begins = |sign: &[u8]| self.text.ends_with(b"<") && part.starts_with(sign);
        self.verbatim |= begins(b"!") || memmem::find(part, b"<!").is_some();
        let mut rest = self.after_blanks(part);
        while !self.verbatim
            && let Some(at) = memchr(b'\n', rest)
        {
            let (line, after) = rest.split_at_checked(at).unwrap_or((rest, &[]));
            self.text.extend_from_slice(line);
            if self.text.ends_with(b">") && !self.text.ends_with(b"<string>") {
                self.blanks = Some(self.text.len());
                rest = self.after_blanks(after);
            } else {
                self.text.push(b'\n');
                rest = after.get(1..).unwrap_or_default();
            }
        }
        self.text.extend_from_slice(rest);
    }

    /// What follows the blanks, if some have begun: before a tag they are none of the text.
    fn after_blanks<'a>(&mut self, part: &'a [u8]) -> &'a [u8] {
        let Some(begin) = self.blanks else { return part };
        let rest = part.trim_ascii_start();
        let (blanks, _) = part.split_at_checked(part.len() - rest.len()).unwrap_or_default();
        match rest.first() {
            Some(b'<') if !self.verbatim => self.text.truncate(begin),
            _ => self.text.extend_from_slice(blanks),
        }
        self.blanks = self.blanks.filter(|_| rest.is_empty());
        rest
    }

    /// The whole answer.
    pub(super) fn end(mut self) -> Vec<u8> {
        if let Some(begin) = self.blanks {
            self.text.truncate(begin);
        }
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unindented(parts: &[&str]) -> String {
        let mut all = Unindented::default();
        parts.iter().for_each(|part| all.push(part.as_bytes()));
        String::from_utf8(all.end()).unwrap()
    }

    const XML: &str =
        "<?xml version=\"1.0\"?>\n<value>\n <string>a\n b</string>\n</value>\n<string>\n </string>\n<string/>\n";
    const BARE: &str = "<?xml version=\"1.0\"?><value><string>a\n b</string></value><string>\n </string><string/>";

    #[test]
    fn indents_are_no_texts() {
        assert_eq!(unindented(&[XML]), BARE);
        for kept in [
            "<a><![CDATA[<b>\n</b>]]></a>",
            "<a>\n<!-- <b>\n</b> --></a>",
            "<a> </a>",
            "<a>\nb</a>",
            "<string>\n\n</string>",
            "no element at all\n",
            "",
        ] {
            assert_eq!(unindented(&[kept]), kept);
        }
    }

    #[test]
    fn it_does_not_matter_how_an_answer_arrives() {
        for one in 0..XML.len() {
            for two in one..XML.len() {
                assert_eq!(unindented(&[&XML[..one], &XML[one..two], &XML[two..]]), BARE, "{one} {two}");
            }
        }
    }

    #[test]
    fn a_comment_that_arrives_in_two_parts_is_left_alone() {
        assert_eq!(unindented(&["<a>\n <b/><", "!-- <b>\n</b> --></a>"]), "<a><b/><!-- <b>\n</b> --></a>");
        assert_eq!(unindented(&["<a>\n", "<!-- <b>\n</b> --></a>"]), "<a>\n<!-- <b>\n</b> --></a>");
    }
}

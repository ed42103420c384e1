//! Finds the parts of a message in its bytes (RFC 2046 5.1). The bytes come in pieces and are not kept: a message of any size passes
//! through with the memory of one header.

use super::{
    header::{self, Headers},
    params,
    part::{Part, Place},
    word,
};

/// Deeper parts, and more parts, are not told from what surrounds them.
const DEEPEST: usize = 50;
const MOST_PARTS: usize = 1_000;
/// Longest header of one part that is looked at, bytes.
const LONGEST_HEADER: usize = 256 << 10;
/// So much of a line is kept: a boundary has at most 70 characters, but nobody counts.
const LONGEST_LINE: usize = 4 << 10;

/// Takes the bytes of a message.
#[derive(Debug)]
pub struct Scanner {
    /// Open parts, outermost first.
    open: Vec<Open>,
    parts: usize,
    /// Beginning of the line that is being read, and its whole length.
    line: Vec<u8>,
    length: u64,
    /// Offset of the line.
    at: u64,
    /// Length of the line end before it.
    line_end: u64,
}

/// A part whose end has not been seen.
#[derive(Debug)]
struct Open {
    part: Part,
    place: Place,
    /// Header lines so far, while the header is being read.
    head: Option<Vec<u8>>,
    /// Delimiter of a multipart, "--" included.
    delimiter: Option<Vec<u8>>,
    in_digest: bool,
}

impl Open {
    fn at(offset: u64, in_digest: bool) -> Self {
        let place = Place { head: offset, body: offset, end: offset };
        Self { part: Part::default(), place, head: Some(Vec::new()), delimiter: None, in_digest }
    }
}

impl Default for Scanner {
    fn default() -> Self {
        Self { open: vec![Open::at(0, false)], parts: 1, line: Vec::new(), length: 0, at: 0, line_end: 0 }
    }
}

impl Scanner {
    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            let room = LONGEST_LINE.max(self.room_for_header()).saturating_sub(self.line.len());
            self.line.extend_from_slice(piece.get(..room).unwrap_or(piece));
            self.length += piece.len() as u64;
            if piece.ends_with(b"\n") {
                self.end_line();
            }
        }
    }

    fn room_for_header(&self) -> usize {
        let head = self.open.last().and_then(|open| open.head.as_ref());
        head.map_or(0, |head| LONGEST_HEADER.saturating_sub(head.len()))
    }

    /// The outermost part with all others inside, numbered.
    pub fn finish(mut self) -> Part {
        if self.length > 0 {
            self.end_line();
        }
        if self.open.last().is_some_and(|open| open.head.is_some()) {
            self.end_header(self.at);
        }
        self.close_above(0, self.at);
        let mut root = self.open.pop().map(|open| closed(open, self.at)).unwrap_or_default();
        root.number();
        root
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let next = self.at + self.length;
        if self.delimiter(&line).is_none() {
            self.header_line(&line, next);
        }
        if let Some((level, last)) = self.delimiter(&line) {
            self.close_above(level, self.at.saturating_sub(self.line_end));
            if !last && self.parts < MOST_PARTS {
                let in_digest = self.open.last().is_some_and(|open| open.part.kind == "multipart/digest");
                self.parts += 1;
                self.open.push(Open::at(next, in_digest));
            }
        }
        self.line_end = match line.as_slice() {
            [.., b'\r', b'\n'] => 2,
            [.., b'\n'] => 1,
            _ => 0,
        };
        self.line = line;
        self.line.clear();
        self.at = next;
        self.length = 0;
    }

    /// The level of the multipart that the line divides, and whether it ends it.
    fn delimiter(&self, line: &[u8]) -> Option<(usize, bool)> {
        if !line.starts_with(b"--") {
            return None;
        }
        let line = line.trim_ascii_end();
        let of = |open: &Open| {
            let rest = line.strip_prefix(open.delimiter.as_deref()?)?;
            [&b""[..], b"--"].iter().position(|end| *end == rest).map(|end| end == 1)
        };
        self.open.iter().enumerate().rev().find_map(|(level, open)| Some((level, of(open)?)))
    }

    /// A line that divides nothing so far; where it is no header line, it ends the header, and may divide what that header says.
    fn header_line(&mut self, line: &[u8], next: u64) {
        let at = self.at;
        let Some(open) = self.open.last_mut() else { return };
        let Some(head) = &mut open.head else { return };
        let is_empty = matches!(line, b"\n" | b"\r\n");
        if is_empty {
            self.end_header(next);
        } else if header::is_header_line(line) || (head.is_empty() && line.starts_with(b"From ")) {
            if head.len() + line.len() <= LONGEST_HEADER {
                head.extend_from_slice(line);
            }
        } else {
            // No empty line before the text.
            self.end_header(at);
            self.header_line(line, next);
        }
    }

    fn end_header(&mut self, body: u64) {
        let depth = self.open.len();
        let Some(open) = self.open.last_mut() else { return };
        let head = open.head.take().unwrap_or_default();
        open.place.body = body;
        open.part = described(&Headers::parse(&head, ""), open.in_digest);
        let part = &open.part;
        let boundary = part.param("boundary");
        if part.kind.starts_with("multipart/") && !boundary.is_empty() && depth < DEEPEST {
            open.delimiter = Some([b"--", boundary.trim_end().as_bytes()].concat());
        } else if part.kind == "message/rfc822" && depth < DEEPEST && self.parts < MOST_PARTS {
            self.parts += 1;
            self.open.push(Open::at(body, false));
        }
    }

    /// Closes the parts inside the one at that level.
    fn close_above(&mut self, level: usize, end: u64) {
        if self.open.len() > level + 1 && self.open.last().is_some_and(|open| open.head.is_some()) {
            self.end_header(end);
        }
        while self.open.len() > level + 1 {
            let child = self.open.pop().map(|open| closed(open, end));
            if let (Some(child), Some(parent)) = (child, self.open.last_mut()) {
                parent.part.children.push(child);
            }
        }
    }
}

fn closed(open: Open, end: u64) -> Part {
    let mut place = open.place;
    place.end = end.max(place.body);
    let mut part = open.part;
    if part.kind == "message/rfc822" {
        // The subject stays with the message; its part shows it.
        if let Some(message) = part.children.first_mut() {
            part.subject = std::mem::take(&mut message.subject);
        }
    } else if part.kind.starts_with("multipart/") && part.children.is_empty() {
        // Without one boundary it is a text.
        part.kind = "text/plain".to_owned();
    }
    part.size = place.end - place.body;
    part.place = Some(place);
    part
}

/// A part as its header describes it.
fn described(headers: &Headers, in_digest: bool) -> Part {
    let (mut kind, params) = params::split(headers.raw("content-type"));
    if !kind.contains('/') {
        kind = if in_digest && headers.raw("content-type").is_empty() { "message/rfc822" } else { "text/plain" }
            .to_owned();
    }
    let (disposition, disposition_params) = params::split(headers.raw("content-disposition"));
    let mut part = Part::new(&kind, params).disposed(&disposition, disposition_params).described(
        headers.raw("content-id"),
        headers.raw("content-location"),
        headers.raw("content-transfer-encoding"),
        0,
    );
    part.subject = word::decode(headers.raw("subject"));
    part
}

/// The parts of a message that is there as a whole.
pub fn scan(raw: &[u8]) -> Part {
    let mut scanner = Scanner::default();
    scanner.push(raw);
    scanner.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tree(part: &Part) -> String {
        let children: Vec<String> = part.children.iter().map(tree).collect();
        let inner = if children.is_empty() { String::new() } else { format!("[{}]", children.join(" ")) };
        format!("{}={}{inner}", part.section, part.kind)
    }

    const MIXED: &str = "Content-Type: multipart/mixed; boundary=a\r\n\r\npreamble\r\n--a\r\n\r\nText\r\n--a\r\nContent-Type: \
        message/rfc822\r\n\r\nSubject: in\r\nContent-Type: multipart/alternative; boundary=ab\r\n\r\n--ab\r\n\r\nA\r\n--ab\r\n\
        Content-Type: text/html\r\n\r\nB\r\n--ab--\r\n--a\r\nContent-Type: message/rfc822\r\n\r\nSubject: single\r\n\r\nC\r\n--a--\r\nrest\r\n";

    #[test]
    fn sections_are_counted_as_imap_does() {
        let root = scan(MIXED.as_bytes());
        assert_eq!(
            tree(&root),
            "=multipart/mixed[1=text/plain 2=message/rfc822[2=multipart/alternative[2.1=text/plain 2.2=text/html]] \
             3=message/rfc822[3.1=text/plain]]"
        );
        let text = |section: &str| String::from_utf8(root.find(section).unwrap().content(MIXED.as_bytes())).unwrap();
        assert_eq!(
            (text("1"), text("2.1"), text("2.2"), text("3.1")),
            ("Text".into(), "A".into(), "B".into(), "C".into())
        );
        assert_eq!(root.children[1].subject, "in");
        assert!(text("2").starts_with("Subject: in\r\n") && text("2").ends_with("--ab--"));
        assert_eq!(tree(&scan(b"Subject: x\n\nbody")), "1=text/plain");
    }

    #[test]
    fn broken_messages_have_parts_too() {
        for (raw, wanted) in [
            ("", "1=text/plain"),
            ("no header at all\nx", "1=text/plain"),
            ("Content-Type: multipart/mixed\n\nx", "1=text/plain"),
            ("Content-Type: multipart/mixed; boundary=a\n\nx", "1=text/plain"),
            ("Content-Type: multipart/mixed; boundary=a\n\n--a\n\nx", "=multipart/mixed[1=text/plain]"),
            (
                "Content-Type: multipart/mixed; boundary=a\n--a\nContent-Type: text/html\n--a--",
                "=multipart/mixed[1=text/html]",
            ),
            ("Content-Type: nonsense\n\nx", "1=text/plain"),
            (
                "Content-Type: multipart/digest; boundary=a\n\n--a\n\nSubject: x\n\ny\n--a--",
                "=multipart/digest[1=message/rfc822[1.1=text/plain]]",
            ),
            ("Content-Type: message/rfc822\n\nSubject: x\n\ny", "1=message/rfc822[1.1=text/plain]"),
        ] {
            assert_eq!(tree(&scan(raw.as_bytes())), wanted, "{raw}");
        }
        let raw = "no header at all\nx";
        assert_eq!(scan(raw.as_bytes()).encoded(raw.as_bytes()), raw.as_bytes());
    }

    #[test]
    fn depth_and_number_are_bounded() {
        let deep: String =
            (0..1_000).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n")).collect();
        assert!(scan(deep.as_bytes()).own_parts().len() <= DEEPEST);
        let nested = "Content-Type: message/rfc822\n\n".repeat(1_000);
        scan(nested.as_bytes());
        let many = format!("Content-Type: multipart/mixed; boundary=a\n\n{}", "--a\n\nx\n".repeat(5_000));
        assert_eq!(scan(many.as_bytes()).own_parts().len(), MOST_PARTS);
        scan(&b"x".repeat(1 << 20));
        scan(&[b"Subject: ".to_vec(), b"x".repeat(1 << 20)].concat());
    }

    proptest! {
        #[test]
        fn pieces_give_the_parts_of_the_whole(size in 1_usize..50) {
            let mut scanner = Scanner::default();
            MIXED.as_bytes().chunks(size).for_each(|piece| scanner.push(piece));
            prop_assert_eq!(scanner.finish(), scan(MIXED.as_bytes()));
        }

        #[test]
        fn any_bytes_have_parts(raw in "(--a|--b|--|\n|\r\n|Content-Type: multipart/mixed; boundary=a|\
            Content-Type: message/rfc822|Content-Type: multipart/x; boundary=b|x|: ){0,60}") {
            let root = scan(raw.as_bytes());
            for part in root.own_parts() {
                let place = part.place.unwrap();
                prop_assert!(place.head <= place.body && place.body <= place.end && place.end <= raw.len() as u64);
            }
        }
    }
}

//! What the parts of a message are to a reader: its text, its HTML, its attachments (as RFC 8621 4.1.4 divides them), its invitation.

use super::part::Part;

/// A text of which more than this many encoded bytes is not read.
pub const LONGEST_TEXT: u64 = 4 << 20;
/// More texts are not joined, and more attachments not listed.
const MOST: usize = 100;

/// The parts of a message by what they are for. Sections are IMAP's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout<'a> {
    /// What makes up the body for those who read plain text, in order; a part that is HTML only is among them.
    pub plain: Vec<&'a Part>,
    /// What makes up the body for those who read HTML; a part that is plain only is among them.
    pub html: Vec<&'a Part>,
    /// Everything else that a reader wants to open or that HTML refers to.
    pub attachments: Vec<&'a Part>,
    /// The iTIP message (RFC 6047) for which the mail was sent.
    pub calendar: Option<&'a Part>,
}

impl<'a> Layout<'a> {
    /// Divides the parts of a message.
    pub fn of(root: &'a Part) -> Self {
        let mut layout = Self::default();
        if root.is_multipart() {
            layout.divide(root, Context { related: false, alternative: false, plain: true, html: true });
        } else {
            layout.leaf(root, true, Context { related: false, alternative: false, plain: true, html: true });
        }
        // Some programs send the invitation as an attachment only; it is still one.
        layout.calendar =
            layout.calendar.or_else(|| layout.attachments.iter().copied().find(|part| is_invitation(part)));
        layout.plain.truncate(MOST);
        layout.html.truncate(MOST);
        layout.attachments.truncate(10 * MOST);
        layout
    }

    /// The texts whose contents are needed to show the message and what it invites to, each once. At most [`LONGEST_TEXT`] bytes of each are
    /// looked at.
    pub fn texts(&self) -> Vec<&'a Part> {
        let mut texts: Vec<&Part> = Vec::new();
        for part in self.plain.iter().chain(&self.html).copied().chain(self.calendar) {
            if !texts.iter().any(|known| known.section == part.section) {
                texts.push(part);
            }
        }
        texts
    }

    /// Whether the message has HTML of its own.
    pub fn has_html(&self) -> bool {
        self.html.iter().any(|part| part.kind == "text/html")
    }

    fn divide(&mut self, multipart: &'a Part, context: Context) {
        let alternative = multipart.kind == "multipart/alternative";
        let inside = Context {
            related: multipart.kind == "multipart/related",
            alternative: context.alternative || alternative,
            ..context
        };
        let (plain, html) = (self.plain.len(), self.html.len());
        let mut now = inside;
        for (at, child) in multipart.children.iter().enumerate() {
            if child.is_multipart() {
                self.divide(child, now);
            } else if alternative {
                self.alternative(child, now);
            } else {
                now = self.leaf(child, at == 0, now);
            }
        }
        if alternative && inside.plain && inside.html {
            // One form only: it serves for the other as well.
            if self.plain.len() == plain {
                self.plain.extend_from_slice(self.html.get(html..).unwrap_or_default());
            } else if self.html.len() == html {
                self.html.extend_from_slice(self.plain.get(plain..).unwrap_or_default());
            }
        }
    }

    fn alternative(&mut self, part: &'a Part, context: Context) {
        match part.kind.as_str() {
            "text/plain" if context.plain => self.plain.push(part),
            "text/html" if context.html => self.html.push(part),
            "text/calendar" => {
                self.calendar.get_or_insert(part);
            }
            // Forms that nobody asked for (AMP, enriched).
            kind if kind.starts_with("text/") => {}
            _ => self.attachments.push(part),
        }
    }

    fn leaf(&mut self, part: &'a Part, first: bool, context: Context) -> Context {
        let mut after = context;
        let body_text = matches!(part.kind.as_str(), "text/plain" | "text/html");
        let inline = part.disposition != "attachment" && (first || (!context.related && part.given_name().is_empty()));
        if is_invitation(part) && part.disposition != "attachment" && self.calendar.is_none() {
            self.calendar = Some(part);
        } else if body_text && inline {
            // Within one of several forms, a text belongs to that form alone.
            after.plain &= !(context.alternative && part.kind == "text/html");
            after.html &= !(context.alternative && part.kind == "text/plain");
            if after.plain {
                self.plain.push(part);
            }
            if after.html {
                self.html.push(part);
            }
            if !after.plain && !after.html {
                self.attachments.push(part);
            }
        } else {
            self.attachments.push(part);
        }
        after
    }
}

fn is_invitation(part: &Part) -> bool {
    part.kind == "text/calendar" && !part.param("method").is_empty()
}

#[derive(Debug, Clone, Copy)]
struct Context {
    related: bool,
    alternative: bool,
    /// Whether a text belongs to the plain body, to the HTML body.
    plain: bool,
    html: bool,
}

#[cfg(test)]
mod tests {
    use super::{super::scan::scan, *};

    /// A tree written as `mixed(plain html alternative(...))`; "name.x" behind a colon is a file name, "!" an attachment.
    fn message(tree: &str) -> String {
        let mut out = String::new();
        let mut open: Vec<usize> = Vec::new();
        let mut word = String::new();
        for (at, c) in tree.chars().chain([' ']).enumerate() {
            let delimiter = open.last().map(|n| format!("--b{n}.\n")).unwrap_or_default();
            match c {
                '(' => {
                    out.push_str(&format!("{delimiter}Content-Type: multipart/{word}; boundary=\"b{at}.\"\n\n"));
                    open.push(at);
                    word.clear();
                }
                ' ' | ')' => {
                    if !word.is_empty() {
                        let (kind, name) = word.split_once(':').unwrap_or((&word, ""));
                        let kind = match kind.trim_matches('!') {
                            "plain" => "text/plain",
                            "html" => "text/html",
                            "ics" => "text/calendar; method=REQUEST",
                            "amp" => "text/x-amp-html",
                            "img" => "image/png",
                            _ => "application/pdf",
                        };
                        let disposition = if word.contains('!') { "Content-Disposition: attachment\n" } else { "" };
                        let name = if name.is_empty() { String::new() } else { format!("; name={name}") };
                        out.push_str(&format!("{delimiter}Content-Type: {kind}{name}\n{disposition}\nx\n"));
                        word.clear();
                    }
                    if c == ')' {
                        out.push_str(&format!("--b{}.--\n", open.pop().unwrap()));
                    }
                }
                c => word.push(c),
            }
        }
        out
    }

    #[test]
    fn parts_are_what_readers_take_them_for() {
        for (tree, plain, html, attachments, calendar) in [
            ("plain", "1", "1", "", ""),
            ("html", "1", "1", "", ""),
            ("pdf", "", "", "1", ""),
            ("ics", "", "", "", "1"),
            ("alternative(plain html)", "1", "2", "", ""),
            ("alternative(html)", "1", "1", "", ""),
            ("alternative(plain)", "1", "1", "", ""),
            ("alternative(plain amp html)", "1", "3", "", ""),
            ("alternative(plain html ics)", "1", "2", "", "3"),
            ("alternative(plain related(html img))", "1", "2.1", "2.2", ""),
            ("related(alternative(plain html) img)", "1.1", "1.2", "2", ""),
            ("mixed(plain pdf)", "1", "1", "2", ""),
            ("mixed(plain plain)", "1 2", "1 2", "", ""),
            ("mixed(plain img plain)", "1 3", "1 3", "2", ""),
            ("mixed(plain plain:a.txt)", "1", "1", "2", ""),
            ("mixed(plain plain! html!)", "1", "1", "2 3", ""),
            ("mixed(alternative(plain html) pdf plain)", "1.1 3", "1.2 3", "2", ""),
            ("alternative(plain mixed(html pdf html))", "1", "2.1 2.3", "2.2", ""),
            ("mixed(alternative(plain html ics) ics!)", "1.1", "1.2", "2", "1.3"),
            ("mixed(plain ics!)", "1", "1", "2", "2"),
            ("alternative(mixed(html plain))", "1.1", "1.1", "1.2", ""),
            ("mixed(pdf plain)", "2", "2", "1", ""),
            ("related(html html img)", "1", "1", "2 3", ""),
        ] {
            let raw = message(tree);
            let root = scan(raw.as_bytes());
            let layout = Layout::of(&root);
            let sections =
                |parts: &[&Part]| parts.iter().map(|part| part.section.clone()).collect::<Vec<_>>().join(" ");
            let got = (
                sections(&layout.plain),
                sections(&layout.html),
                sections(&layout.attachments),
                layout.calendar.map(|part| part.section.clone()).unwrap_or_default(),
            );
            assert_eq!(got, (plain.into(), html.into(), attachments.into(), calendar.into()), "{tree}\n{raw}");
        }
    }
}

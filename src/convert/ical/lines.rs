//! Content lines (RFC 5545 3.1): escaped, folded, with CRLF.

/// Octets of a line, without its end.
const LINE: usize = 75;

/// Lines that are being written.
#[derive(Debug, Default)]
pub(super) struct Lines {
    out: String,
}

impl Lines {
    /// Lines that are ready.
    pub(super) fn raw(&mut self, lines: &str) {
        self.out.push_str(lines);
    }

    /// `name:value`, folded; the value as it is.
    pub(super) fn line(&mut self, name: &str, value: &str) {
        let mut width = 0;
        for c in name.chars().chain([':']).chain(value.chars()) {
            if width + c.len_utf8() > LINE {
                self.out.push_str("\r\n ");
                width = 1;
            }
            self.out.push(c);
            width += c.len_utf8();
        }
        self.out.push_str("\r\n");
    }

    /// A text.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.line(name, &escaped(text));
    }

    /// A text, if there is one, or if `empty`.
    pub(super) fn text_or(&mut self, name: &str, text: &str, empty: bool) {
        if empty || !text.is_empty() {
            self.text(name, text);
        }
    }

    /// A mail address with parameters; empty ones are left out.
    pub(super) fn address(&mut self, name: &str, parameters: &[(&str, &str)], address: &str) {
        let mut start = name.to_owned();
        for (name, value) in parameters {
            let value = quoted(value);
            if !value.is_empty() {
                start.extend([";", name, "=", &value]);
            }
        }
        let address: String = address.chars().filter(|c| !c.is_control() && !c.is_whitespace()).collect();
        self.line(&start, &format!("mailto:{address}"));
    }

    pub(super) fn into_string(self) -> String {
        self.out
    }
}

/// The text as a value of type TEXT.
pub(crate) fn escaped(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            ',' | ';' | '\\' => out.extend(['\\', c]),
            c if c.is_control() && c != '\t' => {}
            c => out.push(c),
        }
    }
    out
}

/// The text as a value of a parameter, which can have neither quotes nor line ends, and backslashes of which readers disagree.
fn quoted(text: &str) -> String {
    let plain = |c| match c {
        '"' => '\'',
        '\\' => '/',
        c => c,
    };
    let text: String = text.trim().chars().map(plain).filter(|c| !c.is_control()).collect();
    if text.contains([',', ';', ':', '=']) { format!("\"{text}\"") } else { text }
}

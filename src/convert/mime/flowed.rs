//! Plain text as readers want it: format=flowed (RFC 3676) joined to paragraphs, CRLF line ends.

/// The text of a part with `format=flowed`; `delsp` as its parameter DelSp says "yes".
pub fn unflowed(text: &str, delsp: bool) -> String {
    let mut out = String::with_capacity(text.len());
    // Depth of quoting of the paragraph that the last line did not end.
    let mut going_on: Option<usize> = None;
    for line in lines(text) {
        let unquoted = line.trim_start_matches('>');
        let depth = line.len() - unquoted.len();
        let content = unquoted.strip_prefix(' ').unwrap_or(unquoted);
        let is_signature = content == "-- ";
        if going_on.take_if(|open| *open != depth || is_signature).is_some() {
            out.push_str("\r\n");
        }
        if going_on.is_none() && depth > 0 {
            out.push_str(unquoted_prefix(line, depth));
            out.push(' ');
        }
        let flows = content.ends_with(' ') && !is_signature;
        if flows {
            out.push_str(if delsp { content.get(..content.len() - 1).unwrap_or_default() } else { content });
            going_on = Some(depth);
        } else {
            out.push_str(content);
            out.push_str("\r\n");
            going_on = None;
        }
    }
    if !text.ends_with('\n') && out.ends_with("\r\n") {
        out.truncate(out.len() - 2);
    }
    out
}

fn unquoted_prefix(line: &str, depth: usize) -> &str {
    line.get(..depth).unwrap_or_default()
}

/// The lines of a text whatever ends them.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
    text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line))
}

/// The text with every line end made CRLF.
pub fn crlf(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 32);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' | '\n' => out.push_str("\r\n"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flowed_text_is_joined() {
        for (text, delsp, wanted) in [
            ("a \r\nb\r\nc", false, "a b\r\nc"),
            ("a \nb\n", false, "a b\r\n"),
            ("a \nb\n", true, "ab\r\n"),
            (" From x\n", false, "From x\r\n"),
            (">a \n>b\nc\n", false, "> a b\r\nc\r\n"),
            ("> a \n> b \n>> c\n", false, "> a b \r\n>> c\r\n"),
            ("a \n-- \nb\n", false, "a \r\n-- \r\nb\r\n"),
            ("", false, ""),
        ] {
            assert_eq!(unflowed(text, delsp), wanted, "{text:?}");
        }
        assert_eq!(crlf("a\nb\r\nc\rd"), "a\r\nb\r\nc\r\nd");
    }
}

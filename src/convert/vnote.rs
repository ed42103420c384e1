//! vNotes, as Mnemo writes and reads them: lines like those of iCalendar, quoted-printable as in vCalendar 1.0.

/// What a vNote holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VNote {
    /// BODY, the whole text.
    pub body: String,
    /// CATEGORIES.
    pub categories: Vec<String>,
    /// LAST-MODIFIED, or DCREATED when it was never changed: `20261124T131354Z`.
    pub modified: Option<String>,
}

/// Reads a vNote; `None` when `text` is none.
pub fn read(text: &str) -> Option<VNote> {
    let text = text.replace("\r\n", "\n").replace("\n ", "");
    let mut lines = text.lines().skip_while(|line| *line != "BEGIN:VNOTE");
    lines.next()?;
    let (mut note, mut created) = (VNote::default(), None);
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { continue };
        match name.split(';').next().unwrap_or_default() {
            "BODY" => note.body = unescaped(value),
            "CATEGORIES" => note.categories = split(value).into_iter().map(|tag| unescaped(&tag)).collect(),
            "LAST-MODIFIED" => note.modified = Some(value.to_owned()),
            "DCREATED" => created = Some(value.to_owned()),
            "END" => {
                note.modified = note.modified.or(created);
                return Some(note);
            }
            _ => {}
        }
    }
    None
}

/// Writes a vNote. Mnemo takes off white space around the body, and takes categories apart at commas.
pub fn write(body: &str, categories: &[String]) -> String {
    let mut text = "BEGIN:VNOTE\r\nVERSION:1.1\r\n".to_owned();
    line("BODY", body, &mut text);
    if !categories.is_empty() {
        line("CATEGORIES", &categories.join(","), &mut text);
    }
    text.push_str("END:VNOTE\r\n");
    text
}

/// Everything but letters and digits is quoted, so that nothing in it means anything on the way.
fn line(name: &str, value: &str, out: &mut String) {
    use std::fmt::Write as _;
    out.push_str(name);
    out.push_str(";CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:");
    for byte in value.replace('\\', "\\\\").bytes() {
        if byte.is_ascii_alphanumeric() {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "={byte:02X}");
        }
    }
    out.push_str("\r\n");
}

fn unescaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n' | 'N') => out.push('\n'),
                Some(c) => out.push(c),
                None => out.push('\\'),
            },
            c => out.push(c),
        }
    }
    out
}

/// Parts between commas that are not escaped.
fn split(value: &str) -> Vec<String> {
    let (mut parts, mut escaped) = (vec![String::new()], false);
    for c in value.chars() {
        match parts.last_mut() {
            Some(part) if c != ',' || escaped => part.push(c),
            _ => parts.push(String::new()),
        }
        escaped = c == '\\' && !escaped;
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_of_mnemo() {
        let text = "BEGIN:VNOTE\r\nVERSION:1.1\r\nUID:6b05\r\nBODY:back\\\\slash \\\\\\n\\n \\; \\, =41 long\r\n  line\r\nSUMMARY:back\\\\slash\r\n\
                    CATEGORIES:one,two\\;three,\\\\four\r\nDCREATED:20261124T132528Z\r\nLAST-MODIFIED:20261124T132529Z\r\nEND:VNOTE\r\n";
        let note = read(text).unwrap();
        assert_eq!(note.body, "back\\slash \\\n\n ; , =41 long line");
        assert_eq!(note.categories, ["one", "two;three", "\\four"]);
        assert_eq!(note.modified.as_deref(), Some("20261124T132529Z"));
        assert_eq!(read(&text.replace("\r\n", "\n")), Some(note));
    }

    #[test]
    fn what_is_none_gives_nothing() {
        for text in ["", "A fatal error has occurred", "BEGIN:VNOTE\r\nBODY:half"] {
            assert_eq!(read(text), None, "{text}");
        }
        let bare = read("BEGIN:VNOTE\r\nBODY:\r\nnonsense\r\nEND:VNOTE\r\n").unwrap();
        assert_eq!((bare.body.as_str(), bare.modified), ("", None));
    }

    #[test]
    fn nothing_in_a_text_is_syntax() {
        let text = write("END:VNOTE\nü\\n=41", &["a".into(), "b c".into()]);
        assert_eq!(
            text,
            "BEGIN:VNOTE\r\nVERSION:1.1\r\nBODY;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:END=3AVNOTE=0A=C3=BC=5C=5Cn=3D41\r\n\
             CATEGORIES;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:a=2Cb=20c\r\nEND:VNOTE\r\n"
        );
    }
}

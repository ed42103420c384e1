//! The list of attachments as phones get it (MS-ASAIRS 2.2.2.6).

use std::collections::HashSet;

use super::{charset, part::Part};
use crate::{
    proto::class::{Properties, Value},
    wbxml::tag::air_sync_base as b,
};

/// Longest name of a file, bytes: what file systems take.
const LONGEST_NAME: usize = 200;

/// Names for parts without one, by type.
const NAMES: [(&str, &str); 12] = [
    ("application/pkcs7-mime", "smime.p7m"),
    ("application/x-pkcs7-mime", "smime.p7m"),
    ("application/pkcs7-signature", "smime.p7s"),
    ("application/x-pkcs7-signature", "smime.p7s"),
    ("application/pgp-signature", "signature.asc"),
    ("application/ms-tnef", "winmail.dat"),
    ("message/delivery-status", "delivery-status.txt"),
    ("message/disposition-notification", "disposition-notification.txt"),
    ("text/rfc822-headers", "headers.txt"),
    ("text/calendar", "invite.ics"),
    ("text/html", "attachment.html"),
    ("application/octet-stream", "attachment.bin"),
];

/// An attachment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// IMAP section number.
    pub section: String,
    /// Name to save it under: never empty, never a path.
    pub name: String,
    /// Media type, lower case.
    pub kind: String,
    /// About how many bytes its content has.
    pub size: u64,
    /// Content-ID without angle brackets, "" without one.
    pub id: String,
    /// Content-Location, "" without one.
    pub location: String,
    /// Shown within the body rather than listed below it.
    pub inline: bool,
}

impl Attachment {
    /// A part as an attachment; `shown` are the content ids that the HTML of the message refers to.
    pub fn of(part: &Part, shown: &HashSet<String>) -> Self {
        Self {
            section: part.section.clone(),
            name: name(part),
            kind: part.kind.clone(),
            size: part.encoding.decoded_size(part.size),
            id: part.id.clone(),
            location: part.location.clone(),
            inline: !part.id.is_empty() && shown.contains(&part.id.to_ascii_lowercase()),
        }
    }

    /// 1 a file, 5 a message, 6 shown in the body (MS-ASAIRS 2.2.2.29).
    pub fn method(&self) -> &'static str {
        if self.kind == "message/rfc822" {
            "5"
        } else if self.inline {
            "6"
        } else {
            "1"
        }
    }

    /// As the neutral item has it. `message` is the reference of the message: the FileReference is `<message>:<section>`.
    pub fn properties(&self, message: &str) -> Properties {
        let mut item = Properties::default();
        item.set_text(b::DISPLAY_NAME, &self.name);
        item.set_text(b::FILE_REFERENCE, format!("{message}:{}", self.section));
        item.set_text(b::METHOD, self.method());
        item.set_text(b::ESTIMATED_DATA_SIZE, self.size.to_string());
        item.set_text(b::CONTENT_ID, &self.id);
        item.set_text(b::CONTENT_LOCATION, &self.location);
        if self.inline {
            item.set_text(b::IS_INLINE, "1");
        }
        item
    }
}

/// All attachments as the neutral item has them; `None` when there are none.
pub fn groups(attachments: &[Attachment], message: &str) -> Option<Value> {
    let groups: Vec<Properties> = attachments.iter().map(|attachment| attachment.properties(message)).collect();
    (!groups.is_empty()).then_some(Value::Groups(groups))
}

fn name(part: &Part) -> String {
    let given = safe_name(&part.given_name());
    if !given.is_empty() {
        return given;
    }
    if part.kind == "message/rfc822" {
        let subject = safe_name(&charset::cut(&part.subject, 100).replace(['/', '\\'], "_"));
        return if subject.is_empty() { "message.eml".to_owned() } else { format!("{subject}.eml") };
    }
    if let Some((_, name)) = NAMES.iter().find(|(kind, _)| *kind == part.kind) {
        return (*name).to_owned();
    }
    let (main, sub) = part.kind.split_once('/').unwrap_or_default();
    let ending: String = sub.trim_start_matches("x-").chars().filter(char::is_ascii_alphanumeric).take(10).collect();
    match main {
        "image" | "audio" | "video" if !ending.is_empty() => format!("{main}.{}", ending.replace("jpeg", "jpg")),
        "text" => "attachment.txt".to_owned(),
        _ => "attachment.bin".to_owned(),
    }
}

/// A name that no file system takes for anything but a name: without paths, control characters, and characters that turn the writing.
pub fn safe_name(name: &str) -> String {
    let turns = |c: &char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let safe = |c: char| if "/\\:*?\"<>|".contains(c) || c.is_control() { '_' } else { c };
    let last = name.rsplit(['/', '\\']).find(|piece| !piece.trim().is_empty()).unwrap_or_default();
    let clean: String = charset::printable(last).chars().filter(|c| !turns(c)).map(safe).collect();
    let clean = clean.trim().trim_start_matches('.').trim_end_matches(['.', ' ']);
    if clean.len() <= LONGEST_NAME {
        return clean.to_owned();
    }
    // The ending says what it is.
    let ending = clean.rsplit_once('.').map(|(_, ending)| ending).filter(|ending| ending.len() <= 10);
    let ending = ending.map(|ending| format!(".{ending}")).unwrap_or_default();
    format!("{}{ending}", charset::cut(clean, LONGEST_NAME - ending.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_names_of_files() {
        for (given, safe) in [
            ("Grüße.pdf", "Grüße.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Windows\\a.exe", "a.exe"),
            ("a:b*?.txt", "a_b__.txt"),
            ("gpj.\u{202e}exe", "gpj.exe"),
            (" . ", ""),
            (".htaccess", "htaccess"),
            ("a\r\nb\0.txt", "a__b.txt"),
        ] {
            assert_eq!(safe_name(given), safe, "{given}");
        }
        let long = safe_name(&format!("{}.pdf", "ü".repeat(300)));
        assert!(long.len() <= LONGEST_NAME && long.ends_with("ü.pdf"));
    }

    #[test]
    fn parts_without_a_name_get_one() {
        for (kind, subject, wanted) in [
            ("message/rfc822", "Re: x/y", "Re_ x_y.eml"),
            ("message/rfc822", "", "message.eml"),
            ("image/jpeg", "", "image.jpg"),
            ("application/ms-tnef", "", "winmail.dat"),
            ("application/x-thing", "", "attachment.bin"),
        ] {
            let mut part = Part::new(kind, Vec::new());
            part.subject = subject.to_owned();
            assert_eq!(name(&part), wanted, "{kind}");
        }
    }
}

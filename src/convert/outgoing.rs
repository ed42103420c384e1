//! The head of a mail that a phone hands over for sending: who it goes to, and what it must and must not say when it leaves.

use jiff::{Timestamp, tz::TimeZone};

use super::mime::{
    address::{self, Mailbox},
    header::Headers,
};

/// Longest head, bytes.
pub const LONGEST: usize = 1 << 20;

/// Fields that are written anew or that no recipient may see.
const REPLACED: [&str; 6] = ["from", "sender", "bcc", "resent-bcc", "return-path", "x-bcc"];

/// Fields that name recipients.
const RECIPIENTS: [&str; 3] = ["to", "cc", "bcc"];

/// Who sends, as far as it is known.
#[derive(Debug, Clone, Default)]
pub struct Sender {
    /// Name of the user; may be empty.
    pub name: String,
    /// The user's addresses, the main one first. None: what the phone says is taken.
    pub addresses: Vec<String>,
}

/// What the head is completed with where the phone left it out.
#[derive(Debug, Clone, Default)]
pub struct Completion {
    /// Left side of a Message-ID that nobody else has.
    pub id: String,
    /// Seconds since 1970, for Date.
    pub now: i64,
    /// Message-ID of the mail that is answered or forwarded, without angle brackets; "": none.
    pub answers: String,
    /// Message-IDs of the thread up to that mail (References), without angle brackets.
    pub thread: Vec<String>,
}

/// A head that can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The fields and the empty line.
    pub bytes: Vec<u8>,
    /// Envelope sender.
    pub from: String,
    /// Envelope recipients, each once; what cannot be read as an address is among them as it stands.
    pub to: Vec<String>,
    /// Message-ID without angle brackets.
    pub message_id: String,
}

/// Why a head cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// To, Cc and Bcc name nobody.
    NoRecipient,
    /// Neither is known who the user is, nor does the phone say.
    NoSender,
}

/// Offset of the body: behind the first empty line. `None` where there is none in these bytes.
pub fn body_at(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        at += line.len();
        if line == b"\n" || line == b"\r\n" {
            return Some(at);
        }
    }
    None
}

/// Makes the head of a mail ready: From is the user (an address of his that the phone chose stays), recipients that others must not see are
/// taken out, Date, Message-ID, MIME-Version and the thread are there (RFC 5322 3.6). All else stays byte for byte, but for line ends.
///
/// # Errors
/// See [`Fault`].
pub fn prepare(head: &[u8], sender: &Sender, completion: &Completion) -> Result<Head, Fault> {
    let headers = Headers::parse(head, "");
    let from = author(&headers, sender).filter(Mailbox::is_sendable).ok_or(Fault::NoSender)?;
    let to = recipients(&headers);
    if to.is_empty() {
        return Err(Fault::NoRecipient);
    }
    let mut bytes = Vec::with_capacity(head.len() + 512);
    let mut put = |name: &str, value: &str| bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    put("From", &from.written());
    let has = |name: &str| headers.all(name).next().is_some();
    if headers.date().is_none() {
        put("Date", &date(completion.now));
    }
    let given = headers.ids("message-id").into_iter().next().filter(|id| is_id(id));
    let given = given.filter(|_| headers.raw("message-id").starts_with('<'));
    let message_id = given.clone().unwrap_or_else(|| {
        let domain = from.address.rsplit_once('@').map(|(_, domain)| domain).filter(|domain| domain.is_ascii());
        format!("{}@{}", completion.id, domain.unwrap_or("localhost"))
    });
    if given.is_none() {
        put("Message-ID", &format!("<{message_id}>"));
    }
    if !has("mime-version") && has("content-type") {
        put("MIME-Version", "1.0");
    }
    if is_id(&completion.answers) {
        if !has("in-reply-to") {
            put("In-Reply-To", &format!("<{}>", completion.answers));
        }
        if !has("references") {
            let thread = completion.thread.iter().filter(|id| is_id(id) && **id != completion.answers);
            let ids: Vec<String> = thread.chain([&completion.answers]).map(|id| format!("<{id}>")).collect();
            put("References", &ids.join("\r\n "));
        }
    }
    let dropped = |name: &str| {
        REPLACED.contains(&name)
            || name == "date" && headers.date().is_none()
            || name == "message-id" && given.is_none()
    };
    for (name, field) in fields(head) {
        if !dropped(&name) {
            bytes.extend_from_slice(&field);
        }
    }
    bytes.extend_from_slice(b"\r\n");
    Ok(Head { bytes, from: from.address, to, message_id })
}

fn author(headers: &Headers, sender: &Sender) -> Option<Mailbox> {
    let given = address::parse(headers.raw("from")).into_iter().next();
    let Some(main) = sender.addresses.first() else { return given };
    let own = given.filter(|given| sender.addresses.iter().any(|own| own.eq_ignore_ascii_case(&given.address)));
    let mut author = own.unwrap_or_else(|| Mailbox { name: String::new(), address: main.clone() });
    if author.name.is_empty() {
        author.name.clone_from(&sender.name);
    }
    Some(author)
}

fn recipients(headers: &Headers) -> Vec<String> {
    let mut to: Vec<String> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for value in RECIPIENTS.iter().flat_map(|name| headers.all(name)) {
        for mailbox in address::parse(value) {
            let address = if mailbox.address.is_empty() { mailbox.name } else { mailbox.address };
            if seen.insert(address.to_lowercase()) {
                to.push(address);
            }
        }
    }
    to
}

/// The fields of a head with their folding, line ends corrected. Lines that belong to no field are left out.
fn fields(head: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut fields: Vec<(String, Vec<u8>)> = Vec::new();
    for line in head.split(|b| *b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // A bare CR would be the end of a line to some.
        let clean = line.iter().copied().filter(|b| *b != b'\r' && *b != 0).chain(*b"\r\n");
        if matches!(line.first(), Some(b' ' | b'\t')) {
            if let Some((_, value)) = fields.last_mut() {
                value.extend(clean);
            }
            continue;
        }
        let name = line.iter().position(|b| *b == b':').and_then(|colon| line.get(..colon)).unwrap_or_default();
        let name = name.trim_ascii_end();
        if line.is_empty() {
            break;
        }
        if !name.is_empty() && name.iter().all(u8::is_ascii_graphic) {
            fields.push((String::from_utf8_lossy(name).to_ascii_lowercase(), clean.collect()));
        } else {
            // What goes on with a line that is no field is none either.
            fields.push(("bcc".to_owned(), Vec::new()));
        }
    }
    fields
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 900 && id.bytes().all(|b| b.is_ascii_graphic() && b != b'<' && b != b'>')
}

fn date(seconds: i64) -> String {
    let now = Timestamp::from_second(seconds).unwrap_or_default().to_zoned(TimeZone::UTC);
    jiff::fmt::rfc2822::to_string(&now).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn erika() -> Sender {
        Sender { name: "Erika Muster".into(), addresses: vec!["erika@example.test".into(), "em@example.test".into()] }
    }

    fn completion() -> Completion {
        Completion { id: "id1".into(), now: 1_795_510_800, ..Completion::default() }
    }

    fn made(head: &str) -> (String, Head) {
        let head = prepare(head.as_bytes(), &erika(), &completion()).unwrap();
        (String::from_utf8(head.bytes.clone()).unwrap(), head)
    }

    #[test]
    fn the_head_says_who_sends_and_not_who_gets_it_in_secret() {
        let (text, head) = made(
            "Received: x\r\nFrom: Somebody <boss@example.test>\r\nSender: x@y\r\nTo: a@x.test, \"B, C\" <b@x.test>\r\nCc: A@x.test\r\n\
             BCC: secret@x.test,\r\n more@x.test\r\nSubject: =?utf-8?q?=C3=BC?=\r\n folded\r\nMessage-ID: <m1@phone>\r\n\
             Date: Tue, 24 Nov 2026 10:00:00 +0100\r\nContent-Type: text/plain\r\n\r\n",
        );
        assert_eq!(
            text,
            "From: \"Erika Muster\" <erika@example.test>\r\nMIME-Version: 1.0\r\nReceived: x\r\nTo: a@x.test, \"B, C\" <b@x.test>\r\n\
             Cc: A@x.test\r\nSubject: =?utf-8?q?=C3=BC?=\r\n folded\r\nMessage-ID: <m1@phone>\r\n\
             Date: Tue, 24 Nov 2026 10:00:00 +0100\r\nContent-Type: text/plain\r\n\r\n"
        );
        assert_eq!(head.from, "erika@example.test");
        assert_eq!(head.to, ["a@x.test", "b@x.test", "secret@x.test", "more@x.test"]);
        assert_eq!(head.message_id, "m1@phone");
    }

    #[test]
    fn what_is_missing_is_added() {
        let (text, head) = made("To: a@x.test\nDate: soon\nMessage-ID: nothing\nSubject: x\n\n");
        assert_eq!(
            text,
            "From: \"Erika Muster\" <erika@example.test>\r\nDate: Tue, 24 Nov 2026 09:00:00 +0000\r\n\
             Message-ID: <id1@example.test>\r\nTo: a@x.test\r\nSubject: x\r\n\r\n"
        );
        assert_eq!(head.message_id, "id1@example.test");
        let reply = Completion { answers: "o@x".into(), thread: vec!["n@x".into(), "o@x".into()], ..completion() };
        let head = prepare(b"To: a@x.test\r\n\r\n", &erika(), &reply).unwrap();
        let text = String::from_utf8(head.bytes).unwrap();
        assert!(text.contains("In-Reply-To: <o@x>\r\nReferences: <n@x>\r\n <o@x>\r\n"), "{text}");
        let own = b"To: a@x.test\r\nIn-Reply-To: <p@x>\r\nReferences: <p@x>\r\n\r\n";
        let text = String::from_utf8(prepare(own, &erika(), &reply).unwrap().bytes).unwrap();
        assert!(!text.contains("o@x"), "{text}");
    }

    #[test]
    fn an_address_of_ones_own_may_be_chosen() {
        assert!(
            made("From: EM@example.test\r\nTo: a@x\r\n\r\n")
                .0
                .starts_with("From: \"Erika Muster\" <EM@example.test>\r\n")
        );
        assert!(
            made("From: E <em@example.test>\r\nTo: a@x\r\n\r\n").0.starts_with("From: \"E\" <em@example.test>\r\n")
        );
        let nobody = Sender::default();
        let head = prepare(b"From: e@x.test\r\nTo: a@x.test\r\n\r\n", &nobody, &completion()).unwrap();
        assert_eq!(head.from, "e@x.test");
        assert_eq!(prepare(b"To: a@x.test\r\n\r\n", &nobody, &completion()), Err(Fault::NoSender));
        assert_eq!(prepare(b"Subject: x\r\n\r\n", &erika(), &completion()), Err(Fault::NoRecipient));
        assert_eq!(prepare(b"To: undisclosed-recipients:;\r\n\r\n", &erika(), &completion()), Err(Fault::NoRecipient));
    }

    #[test]
    fn nothing_smuggles_a_field_in_or_out() {
        let (text, head) = made(
            "no field\r\n Bcc: x@x.test\r\nTo: a@x.test\r\nX: a\rBcc: b@x.test\0\r\nBcc : c@x.test\r\n\r\nBcc: body\r\n",
        );
        assert_eq!(head.to, ["a@x.test", "c@x.test"]);
        assert!(text.contains("\r\nX: aBcc: b@x.test\r\n\r\n"), "{text:?}");
        assert!(!text.contains("x@x.test") && !text.contains("c@x.test") && !text.contains("body"), "{text:?}");
    }

    #[test]
    fn where_the_body_begins() {
        assert_eq!(body_at(b"A: b\r\n\r\nx"), Some(8));
        assert_eq!(body_at(b"A: b\n\nx"), Some(6));
        assert_eq!(body_at(b"\r\nx"), Some(2));
        assert_eq!(body_at(b"A: b\r\nx"), None);
    }
}

//! Mails about meetings (iTIP, RFC 5546; iMIP, RFC 6047): a text for people and a text/calendar part for programs.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use mail_builder::{
    MessageBuilder,
    headers::{address::Address, content_type::ContentType},
    mime::MimePart,
};

use super::{
    html,
    ical::{self, Home},
    zone,
};
use crate::{
    proto::class::{Blob, BodyKind, Properties, Value},
    wbxml::{
        Tag,
        tag::{air_sync_base as b, calendar as c},
    },
};

/// Longest description that goes into a mail, bytes; a longer one is left out.
const LONGEST_BODY: usize = 256 << 10;
/// Longest line of iCalendar, bytes (RFC 5545 3.1).
const FOLD: usize = 75;
/// What is the sender's own business.
const PRIVATE: [Tag; 5] = [c::REMINDER, c::CATEGORIES, c::SENSITIVITY, c::RESPONSE_TYPE, c::APPOINTMENT_REPLY_TIME];

/// What a mail about a meeting asks or says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// An invitation.
    Request,
    /// The invitation with something changed.
    Update,
    /// The meeting, or one occurrence, does not take place (for the recipients).
    Cancel,
    /// An attendee's answer.
    Accepted,
    /// An attendee's answer.
    Tentative,
    /// An attendee's answer.
    Declined,
    /// An attendee would rather have another time.
    Counter,
}

impl Method {
    /// Value of METHOD.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request | Self::Update => "REQUEST",
            Self::Cancel => "CANCEL",
            Self::Accepted | Self::Tentative | Self::Declined => "REPLY",
            Self::Counter => "COUNTER",
        }
    }

    /// Whether it comes from an attendee.
    pub const fn is_answer(self) -> bool {
        !matches!(self, Self::Request | Self::Update | Self::Cancel)
    }

    /// What stands before the subject in mails of other programs.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Request => "",
            Self::Update => "Updated: ",
            Self::Cancel => "Canceled: ",
            Self::Accepted => "Accepted: ",
            Self::Tentative => "Tentative: ",
            Self::Declined => "Declined: ",
            Self::Counter => "New Time Proposed: ",
        }
    }
}

/// Name and mail address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// Full name; may be empty.
    pub name: String,
    /// Mail address.
    pub address: String,
}

/// Whether mail can be sent there: an address that cannot end a header field, nor be taken for several.
pub fn is_address(text: &str) -> bool {
    let fits = |c: char| !c.is_control() && !c.is_whitespace() && !"<>,;:\"()[]\\".contains(c);
    text.len() <= 254
        && text.chars().all(fits)
        && text
            .split_once('@')
            .is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty() && !domain.contains('@'))
}

/// What a mail is made of.
#[derive(Debug, Clone)]
pub struct Notice<'a> {
    /// What it says.
    pub method: Method,
    /// The event as it is to be told (neutral form): what the recipients may not see is left out in here; of answers the only attendee
    /// is the one who answers.
    pub item: &'a Properties,
    /// The occurrence that is meant; `None` = the whole event.
    pub exception: Option<&'a Properties>,
    /// UID of the event.
    pub uid: &'a str,
    /// Whose calendar it is.
    pub home: &'a Home,
    /// Who writes.
    pub from: &'a Person,
    /// To whom.
    pub to: &'a [Person],
    /// Message-ID without brackets.
    pub message_id: &'a str,
    /// Date and DTSTAMP.
    pub at: Timestamp,
    /// SEQUENCE; `None`: not known (answers).
    pub sequence: Option<u32>,
    /// What the attendee adds to his answer.
    pub comment: &'a str,
}

/// Writes the mail: CRLF line ends, ASCII only.
pub fn write(notice: &Notice<'_>) -> Vec<u8> {
    let item = public(notice.item);
    let exception = notice.exception.map(public);
    let zone = zone_of(&item, &notice.home.zone);
    let shown = exception.as_ref().map_or_else(|| item.clone(), |e| ical::occurrence(&item, e, &zone));
    let subject = format!("{}{}", notice.method.prefix(), one_line(shown.text(c::SUBJECT).unwrap_or_default()));
    let alternative = MimePart::new(
        "multipart/alternative",
        vec![
            MimePart::new("text/plain", text(notice, &shown, &zone)),
            MimePart::new(
                ContentType::new("text/calendar")
                    .attribute("charset", "utf-8")
                    .attribute("method", notice.method.name()),
                calendar(notice, &item, exception.as_ref(), &zone),
            ),
        ],
    );
    let to: Vec<Address<'_>> = notice.to.iter().map(address).collect();
    let message = MessageBuilder::new()
        .message_id(notice.message_id)
        .date(notice.at.as_second())
        .from(address(notice.from))
        .to(to)
        .subject(subject)
        .body(alternative);
    let mut bytes = Vec::new();
    message.serialize(&mut bytes);
    bytes
}

fn public(item: &Properties) -> Properties {
    let mut item = item.clone();
    PRIVATE.iter().for_each(|tag| drop(item.0.remove(tag)));
    if matches!(item.0.get(&b::BODY), Some(Value::Body(body)) if body.data.len() > LONGEST_BODY) {
        item.0.remove(&b::BODY);
    }
    if let Some(Value::Groups(exceptions)) = item.0.get_mut(&c::EXCEPTIONS) {
        exceptions.iter_mut().for_each(|exception| *exception = public(exception));
    }
    item
}

fn address(person: &Person) -> Address<'_> {
    let name = one_line(&person.name);
    Address::new_address((!name.is_empty()).then_some(name), person.address.as_str())
}

/// Header fields and lines of iCalendar end where the line ends.
fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// IANA name of the zone in which an event takes place; `home` is that of its owner, for events that do not say.
pub fn zone_of(item: &Properties, home: &str) -> String {
    let start = item.text(c::START_TIME).and_then(civil).and_then(|civil| civil.to_zoned(TimeZone::UTC).ok());
    let blob = item.text(c::TIMEZONE).and_then(Blob::parse);
    let named = blob.zip(start).and_then(|(blob, start)| zone::zone(&blob, &[home], start.timestamp()));
    named.unwrap_or_else(|| if home.is_empty() { "UTC".to_owned() } else { home.to_owned() })
}

/// What people read.
fn text(notice: &Notice<'_>, shown: &Properties, zone: &str) -> String {
    let mut lines = Vec::new();
    let mut add = |name: &str, value: &str| {
        let value = one_line(value);
        if !value.is_empty() {
            lines.push(format!("{name}: {value}"));
        }
    };
    let who = if notice.from.name.is_empty() { &notice.from.address } else { &notice.from.name };
    let says = match notice.method {
        Method::Request => "invites you to a meeting",
        Method::Update => "has changed a meeting",
        Method::Cancel => "has canceled a meeting",
        Method::Accepted => "has accepted",
        Method::Tentative => "has tentatively accepted",
        Method::Declined => "has declined",
        Method::Counter => "proposes a new time",
    };
    add("What", shown.text(c::SUBJECT).unwrap_or_default());
    add("When", &when(shown, zone));
    add("Where", shown.group(b::LOCATION).and_then(|place| place.text(b::DISPLAY_NAME)).unwrap_or_default());
    let body = match shown.0.get(&b::BODY) {
        _ if !notice.comment.is_empty() => notice.comment.to_owned(),
        Some(Value::Body(body)) if notice.method.name() == "REQUEST" => match body.kind {
            BodyKind::Plain => body.data.clone(),
            BodyKind::Html => html::plain(&body.data),
            BodyKind::Rtf | BodyKind::Mime => String::new(),
        },
        _ => String::new(),
    };
    let body = body.replace("\r\n", "\n").replace('\n', "\r\n");
    let gap = if body.is_empty() { "" } else { "\r\n\r\n" };
    format!("{} {says}.\r\n\r\n{}{gap}{body}\r\n", one_line(who), lines.join("\r\n"))
}

fn when(item: &Properties, zone: &str) -> String {
    let moment = |tag| item.text(tag).and_then(civil);
    let Some(start) = moment(c::START_TIME) else { return String::new() };
    let end = moment(c::END_TIME).unwrap_or(start);
    if item.text(c::ALL_DAY_EVENT) == Some("1") {
        let last = end.date().yesterday().unwrap_or(end.date()).max(start.date());
        let first = start.date();
        return if last == first { first.to_string() } else { format!("{first} - {last}") };
    }
    let tz = zone::named(zone).unwrap_or(TimeZone::UTC);
    let local =
        |civil: DateTime| civil.to_zoned(TimeZone::UTC).map_or(civil, |at| at.with_time_zone(tz.clone()).datetime());
    let (start, end) = (local(start), local(end));
    let until = if start.date() == end.date() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    format!("{} - {} ({zone})", start.strftime("%Y-%m-%d %H:%M"), end.strftime(until))
}

/// What programs read.
fn calendar(notice: &Notice<'_>, item: &Properties, exception: Option<&Properties>, zone: &str) -> String {
    // What answers are made of is the same for all of them.
    let method = if notice.method == Method::Counter { "REPLY" } else { notice.method.name() };
    let text = match exception {
        None => ical::write(item, notice.uid, zone, notice.home, Some(method)),
        Some(exception) => ical::write_exception(item, exception, notice.uid, zone, notice.home, Some(method)),
    };
    let stamp = notice.at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut lines = vec![("DTSTAMP", stamp)];
    if let Some(sequence) = notice.sequence {
        lines.push(("SEQUENCE", sequence.to_string()));
    }
    if !notice.comment.is_empty() {
        lines.push(("COMMENT", escape(notice.comment)));
    }
    if notice.method == Method::Cancel {
        lines.push(("STATUS", "CANCELLED".to_owned()));
    }
    let text = text.replacen("METHOD:REPLY\r\n", &format!("METHOD:{}\r\n", notice.method.name()), 1);
    stamped(&text, &lines, notice.sequence.is_none())
}

/// The text with these lines in every VEVENT, in place of those of the same names.
fn stamped(text: &str, lines: &[(&str, String)], without_sequence: bool) -> String {
    let mut out = String::with_capacity(text.len() + 200);
    let mut dropping = false;
    let mut inside: Vec<&str> = Vec::new();
    for line in text.split_inclusive('\n') {
        let plain = line.trim_end_matches(['\r', '\n']);
        if plain.starts_with([' ', '\t']) {
            if !dropping {
                out.push_str(line);
            }
            continue;
        }
        let name = plain.split([':', ';']).next().unwrap_or_default();
        dropping = inside.last() == Some(&"VEVENT")
            && (lines.iter().any(|(own, _)| *own == name) || without_sequence && name == "SEQUENCE");
        if !dropping {
            out.push_str(line);
        }
        if let Some(component) = plain.strip_prefix("BEGIN:") {
            inside.push(component);
            if component == "VEVENT" {
                lines.iter().for_each(|(name, value)| out.push_str(&folded(&format!("{name}:{value}"))));
            }
        } else if plain.starts_with("END:") {
            inside.pop();
        }
    }
    out
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.replace("\r\n", "\n").chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\\' | ';' | ',' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

fn folded(line: &str) -> String {
    let (mut out, mut length) = (String::new(), 0);
    for c in line.chars() {
        if length + c.len_utf8() > FOLD {
            out.push_str("\r\n ");
            length = 1;
        }
        out.push(c);
        length += c.len_utf8();
    }
    out + "\r\n"
}

fn civil(text: &str) -> Option<DateTime> {
    DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(pairs: &[(Tag, &str)]) -> Properties {
        let mut item = Properties::default();
        pairs.iter().for_each(|(tag, text)| item.set_text(*tag, *text));
        item
    }

    fn notice<'a>(method: Method, item: &'a Properties, people: &'a [Person], home: &'a Home) -> Notice<'a> {
        Notice {
            method,
            item,
            exception: None,
            uid: "u1",
            home,
            from: &people[0],
            to: &people[1..],
            message_id: "abc@example.test",
            at: "2026-11-24T13:00:00Z".parse().unwrap(),
            sequence: Some(3),
            comment: "",
        }
    }

    fn people() -> [Person; 2] {
        [
            Person { name: "Jörg \"J\"\r\nBcc: x@y.test".into(), address: "joerg@example.test".into() },
            Person { name: String::new(), address: "bob@example.test".into() },
        ]
    }

    #[test]
    fn a_mail_has_the_headers_and_two_forms() {
        let event = item(&[
            (c::SUBJECT, "Größe\r\nX-Evil: 1"),
            (c::START_TIME, "20261124T080000Z"),
            (c::END_TIME, "20261124T090000Z"),
        ]);
        let home = Home { zone: "Europe/Berlin".into(), addresses: Vec::new() };
        let people = people();
        let mail = String::from_utf8(write(&notice(Method::Update, &event, &people, &home))).unwrap();
        assert!(mail.is_ascii() && !mail.replace("\r\n", "").contains(['\r', '\n']), "{mail}");
        let head = mail.split("\r\n\r\n").next().unwrap();
        assert!(head.contains("Message-ID: <abc@example.test>"), "{head}");
        assert!(head.contains("Date: Tue, 24 Nov 2026 13:00:00 +0000"), "{head}");
        assert!(head.contains("bob@example.test") && head.contains("<joerg@example.test>"), "{head}");
        assert!(!head.contains("\r\nBcc:") && !head.contains("\r\nX-Evil:"), "{head}");
        assert!(
            mail.contains("text/calendar; charset=\"utf-8\"; method=\"REQUEST\"") || mail.contains("method=REQUEST"),
            "{mail}"
        );
        assert!(mail.contains("2026-11-24 09:00 - 10:00 (Europe/Berlin)"), "{mail}");
    }

    #[test]
    fn addresses() {
        assert!(is_address("bob.x+y@example.test") && is_address("jörg@exämple.test"));
        for bad in ["", "bob", "@x", "b@", "b@c@d", "b@c>\r\nBcc: x@y", "b@c, d@e", "<b@c>", "b b@c", "b@c\n"] {
            assert!(!is_address(bad), "{bad}");
        }
    }

    #[test]
    fn all_day_events_have_days_and_no_times() {
        let day =
            item(&[(c::ALL_DAY_EVENT, "1"), (c::START_TIME, "20261124T000000Z"), (c::END_TIME, "20261125T000000Z")]);
        assert_eq!(when(&day, "Europe/Berlin"), "2026-11-24");
        let days =
            item(&[(c::ALL_DAY_EVENT, "1"), (c::START_TIME, "20261124T000000Z"), (c::END_TIME, "20261127T000000Z")]);
        assert_eq!(when(&days, "Europe/Berlin"), "2026-11-24 - 2026-11-26");
    }

    #[test]
    fn lines_are_replaced_in_events_only() {
        let text = "BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\nDTSTAMP:1\r\n 2\r\nSUMMARY:a\r\n b\r\nSEQUENCE:9\r\nBEGIN:VALARM\r\nSEQUENCE:7\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
        let out = stamped(text, &[("DTSTAMP", "3".into()), ("COMMENT", escape("a,b\nc"))], true);
        assert_eq!(
            out,
            "BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\nDTSTAMP:3\r\nCOMMENT:a\\,b\\nc\r\nSUMMARY:a\r\n b\r\nBEGIN:VALARM\r\nSEQUENCE:7\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        );
        assert_eq!(folded(&"ü".repeat(40)).lines().map(str::len).collect::<Vec<_>>(), [74, 7]);
    }
}

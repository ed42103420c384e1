//! iCalendar texts taken apart into properties, so that of a new text only what differs is sent, and what the neutral event does not know
//! stays as Horde has it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use crate::{proto::class::Properties, wbxml::Tag};

/// Lines end so.
const END: &str = "\r\n";

/// A VEVENT: its content lines, unfolded, by name of the property. Alarms are one property.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Vevent {
    pub(super) lines: BTreeMap<String, Vec<String>>,
}

/// A VCALENDAR.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Calendar {
    /// VTIMEZONEs, as lines.
    zones: Vec<String>,
    pub(super) events: Vec<Vevent>,
}

/// The name under which alarms are filed.
pub(super) const ALARM: &str = "VALARM";

impl Calendar {
    /// Takes a text apart; what belongs to no VEVENT and no VTIMEZONE is left out.
    pub(super) fn read(text: &str) -> Self {
        let mut calendar = Self::default();
        let mut event: Option<Vevent> = None;
        let (mut alarm, mut zone) = (false, false);
        for line in unfolded(text) {
            let upper = line.trim_end().to_ascii_uppercase();
            match upper.as_str() {
                "BEGIN:VTIMEZONE" => zone = true,
                "BEGIN:VEVENT" => event = Some(Vevent::default()),
                "BEGIN:VALARM" => alarm = true,
                "END:VEVENT" => calendar.events.extend(event.take()),
                _ => {}
            }
            if zone {
                zone = upper != "END:VTIMEZONE";
                calendar.zones.push(line);
            } else if let Some(event) = event.as_mut().filter(|_| upper != "BEGIN:VEVENT") {
                let name = if alarm { ALARM.to_owned() } else { name(&upper).to_owned() };
                event.lines.entry(name).or_default().push(line);
                alarm &= upper != "END:VALARM";
            }
        }
        calendar
    }

    /// The event as such, not one of its exceptions.
    pub(super) fn master(&self) -> Vevent {
        let own = |event: &&Vevent| !event.lines.contains_key("RECURRENCE-ID");
        self.events.iter().find(own).or(self.events.first()).cloned().unwrap_or_default()
    }

    pub(super) fn exceptions(&self) -> impl Iterator<Item = &Vevent> {
        self.events.iter().filter(|event| event.lines.contains_key("RECURRENCE-ID"))
    }

    /// The texts of the events in it, by uid: each with its exceptions and the zones that they name.
    pub(super) fn split(self) -> HashMap<String, String> {
        let mut zones: HashMap<String, Vec<String>> = HashMap::new();
        for block in self.zones.split_inclusive(|line| line.trim_end().eq_ignore_ascii_case("END:VTIMEZONE")) {
            let id = block.iter().find_map(|line| line.strip_prefix("TZID:"));
            zones.entry(id.unwrap_or_default().to_owned()).or_insert_with(|| block.to_vec());
        }
        let mut events: HashMap<String, Vec<Vevent>> = HashMap::new();
        for event in self.events {
            let uid = event.lines.get("UID").and_then(|lines| lines.first()?.strip_prefix("UID:"));
            // With parameters, or escaped: it is exported alone.
            if let Some(uid) = uid.filter(|uid| !uid.contains('\\')) {
                events.entry(uid.to_owned()).or_default().push(event);
            }
        }
        let texts = events.into_iter().map(|(uid, events)| {
            let lines = events.iter().flat_map(|event| event.lines.values().flatten());
            let named: BTreeSet<&str> = lines.filter_map(|line| zone_of(line)).collect();
            let named = named.into_iter().filter_map(|id| zones.get(id)).flatten().cloned().collect();
            let text = Self { zones: named, events: Vec::new() }.with(&events);
            (uid, text)
        });
        texts.collect()
    }

    /// A text with other events and the same zones.
    pub(super) fn with<'a>(&self, events: impl IntoIterator<Item = &'a Vevent>) -> String {
        let mut out = String::new();
        let mut put = |line: &str| fold(line, &mut out);
        ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//horde-eas//EN"].into_iter().for_each(&mut put);
        self.zones.iter().for_each(|line| put(line));
        for event in events {
            put("BEGIN:VEVENT");
            event.lines.values().flatten().for_each(|line| put(line));
            put("END:VEVENT");
        }
        put("END:VCALENDAR");
        out
    }
}

impl Vevent {
    /// Whether a property is the same in both.
    pub(super) fn agrees(&self, other: &Self, name: &str) -> bool {
        self.lines.get(name) == other.lines.get(name)
    }

    /// Names of all properties that are not the same in both.
    pub(super) fn differs<'a>(&'a self, other: &'a Self) -> Vec<&'a String> {
        let mut names: Vec<&String> = self.lines.keys().chain(other.lines.keys()).collect();
        names.sort();
        names.dedup();
        names.retain(|name| {
            !matches!(name.as_str(), "DTSTAMP" | "CREATED" | "LAST-MODIFIED") && !self.agrees(other, name)
        });
        names
    }

    /// Takes a property from another one, or its absence.
    pub(super) fn take(&mut self, other: &Self, name: &str) {
        match other.lines.get(name) {
            Some(lines) => drop(self.lines.insert(name.to_owned(), lines.clone())),
            None => drop(self.lines.remove(name)),
        }
    }
}

fn name(line: &str) -> &str {
    line.split([':', ';']).next().unwrap_or_default()
}

/// The zone that a line names.
fn zone_of(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(";TZID=")?;
    Some(rest.split([':', ';']).next()?.trim_matches('"'))
}

fn unfolded(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some(last)) => last.push_str(rest),
            _ if line.trim().is_empty() => {}
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

/// Lines of at most 75 bytes (RFC 5545 3.1).
fn fold(line: &str, out: &mut String) {
    let mut length = 0;
    for character in line.chars() {
        if length + character.len_utf8() > 74 {
            out.push_str("\r\n ");
            length = 1;
        }
        out.push(character);
        length += character.len_utf8();
    }
    out.push_str(END);
}

/// The moment in a property in compact form; of an all-day event its midnight, in UTC.
pub(super) fn moment(item: &Properties, tag: Tag) -> Option<Timestamp> {
    let text = item.text(tag)?;
    let civil: DateTime = text.strip_suffix('Z').unwrap_or(text).parse().ok()?;
    civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// As `20261124T080000Z`.
pub(super) fn written(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "BEGIN:VCALENDAR\r\nX-WR-CALNAME:x\r\nBEGIN:VTIMEZONE\r\nTZID:A\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\nUID:u\r\n\
                        SUMMARY:one t\r\n wo\r\nATTENDEE;CN=a:mailto:a@b\r\nATTENDEE:mailto:c@d\r\nBEGIN:VALARM\r\nTRIGGER:-PT5M\r\n\
                        END:VALARM\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:u\r\nRECURRENCE-ID:20260101T000000Z\r\nEND:VEVENT\r\n\
                        END:VCALENDAR\r\n";

    #[test]
    fn a_text_is_taken_apart_and_put_together() {
        let calendar = Calendar::read(TEXT);
        let master = calendar.master();
        assert_eq!(master.lines["SUMMARY"], ["SUMMARY:one two"]);
        assert_eq!(master.lines["ATTENDEE"].len(), 2);
        assert_eq!(master.lines[ALARM], ["BEGIN:VALARM", "TRIGGER:-PT5M", "END:VALARM"]);
        assert_eq!(calendar.exceptions().count(), 1);
        let again = Calendar::read(&calendar.with(&calendar.events));
        assert_eq!(again, calendar);
    }

    #[test]
    fn a_text_of_many_events_is_split() {
        let zone = |id: &str| format!("BEGIN:VTIMEZONE\r\nTZID:{id}\r\nEND:VTIMEZONE\r\n");
        let event = |uid: &str, more: &str| format!("BEGIN:VEVENT\r\nUID:{uid}\r\n{more}END:VEVENT\r\n");
        let in_zone = "DTSTART;TZID=Europe/Berlin:20260101T090000\r\n";
        let text = [
            "BEGIN:VCALENDAR\r\n".to_owned(),
            zone("Europe/Berlin"),
            event("a", in_zone),
            event("a", "RECURRENCE-ID:20260102T080000Z\r\n"),
            zone("Asia/Tokyo"),
            zone("Europe/Berlin"),
            event("b", "DTSTART:20260101T090000Z\r\n"),
            event("c", in_zone),
            event("d\\,e", ""),
            "END:VCALENDAR\r\n".to_owned(),
        ];
        let texts = Calendar::read(&text.concat()).split();
        let mut uids: Vec<&String> = texts.keys().collect();
        uids.sort();
        assert_eq!(uids, ["a", "b", "c"]);
        assert_eq!(Calendar::read(&texts["a"]).events.len(), 2);
        assert_eq!(texts["a"].matches("TZID:Europe/Berlin").count(), 1);
        assert!(texts["c"].contains("TZID:Europe/Berlin") && !texts["a"].contains("Tokyo"));
        assert!(!texts["b"].contains("VTIMEZONE"));
    }

    #[test]
    fn long_lines_are_folded_between_characters() {
        let mut event = Vevent::default();
        event.lines.insert("SUMMARY".into(), vec![format!("SUMMARY:{}", "ä€😀".repeat(50))]);
        let text = Calendar::default().with([&event]);
        assert!(text.lines().all(|line| line.len() <= 75));
        assert_eq!(Calendar::read(&text).events, [event]);
    }

    #[test]
    fn what_differs() {
        let one = Calendar::read(TEXT).master();
        let mut two = one.clone();
        assert!(one.differs(&two).is_empty());
        two.lines.remove("ATTENDEE");
        two.lines.insert("X-A".into(), vec!["X-A:1".into()]);
        assert_eq!(one.differs(&two), ["ATTENDEE", "X-A"]);
    }
}

//! Events as `calendar.listEvents` has them over XML-RPC. They are put into the words in which Kronolith would have exported them and read as
//! such, so that both ways give the same. Events of which it does not tell all are not among them: meetings (whose organizer it does not
//! name), series with exceptions, what is in a zone that is not the user's or has several categories, other people's private events.

use std::sync::Arc;

use jiff::{
    Timestamp,
    civil::{DateTime, Time},
    tz::TimeZone,
};
use serde_json::Value as Json;

use super::read::{Got, understood};
use crate::{
    convert::{
        ical::{Home, escaped},
        zone,
    },
    source::app::Rows,
};

/// Where an event has what PHP keeps to itself.
const ID: usize = 0;
const CREATOR: usize = 1;
const TAGS: usize = 3;

const WEEKDAYS: [&str; 7] = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"];

/// The events that an answer tells all of.
pub(super) fn rows(answer: &Json, home: &Home, user: &str) -> Rows {
    let mut rows = Rows::new();
    let now = Timestamp::now();
    let days = answer.as_object().into_iter().flat_map(|days| days.values());
    for (id, event) in days.filter_map(Json::as_object).flatten() {
        let uid = event.get("uid").and_then(Json::as_str).unwrap_or_default();
        if let Some(text) = (Listed { id, event, home, user, now }).exported()
            && let Got::Event(read) = understood(Ok(Json::String(text)), home)
        {
            rows.insert(uid.to_owned(), Arc::new(read.item));
        }
    }
    rows
}

/// An event of a listing.
struct Listed<'a> {
    /// Under which it is listed.
    id: &'a str,
    event: &'a Json,
    home: &'a Home,
    /// Who asks.
    user: &'a str,
    now: Timestamp,
}

impl Listed<'_> {
    fn text(&self, name: &str) -> &str {
        self.event.get(name).and_then(Json::as_str).unwrap_or_default()
    }

    fn hidden(&self, at: usize) -> Option<&Json> {
        self.event.get("")?.get(at)
    }

    /// As Kronolith would have exported it; `None` where that cannot be told.
    fn exported(&self) -> Option<String> {
        if self.hidden(ID)?.as_str() != Some(self.id) || !self.is_whole() {
            return None;
        }
        let (start, end) = (Date::of(self.event.get("start")?)?, Date::of(self.event.get("end")?)?);
        let rule = match self.event.get("recurrence")? {
            Json::Object(_) => Some(rule(self.event.get("recurrence")?, &start)?),
            other => is_nothing(other).then_some(None)?,
        };
        let is_mine = || zone::canonical(&start.zone).is_some_and(|zone| zone == self.home.zone);
        let mut zone = self.text("timezone");
        if rule.as_ref().is_some_and(|rule| rule.on_weekdays) && zone.is_empty() {
            zone = &start.zone;
        }
        if (rule.is_some() || !zone.is_empty()) && !is_mine() || !zone.is_empty() && zone != start.zone {
            return None;
        }
        let mut lines = vec!["BEGIN:VCALENDAR".to_owned(), "VERSION:2.0".to_owned(), "BEGIN:VEVENT".to_owned()];
        for (name, date) in [("DTSTART", &start), ("DTEND", &end)] {
            lines.push(match (self.is_all_day(&start, &end), date.utc(), zone) {
                (true, ..) => format!("{name};VALUE=DATE:{}", date.civil.strftime("%Y%m%d")),
                (false, utc, "") => format!("{name}:{}", utc?),
                (false, utc, zone) => {
                    utc.map(|_| format!("{name};TZID={zone}:{}", date.civil.strftime("%Y%m%dT%H%M%S")))?
                }
            });
        }
        if self.is_all_day(&start, &end) {
            lines.push("X-FUNAMBOL-ALLDAY:1".to_owned());
        }
        lines.push(format!("LAST-MODIFIED:{}", TimeZone::UTC.to_datetime(self.now).strftime("%Y%m%dT%H%M%SZ")));
        self.facts(&mut lines)?;
        lines.extend(rule.map(|rule| rule.text));
        lines.extend(["END:VEVENT".to_owned(), "END:VCALENDAR".to_owned(), String::new()]);
        Some(lines.join("\r\n"))
    }

    /// Whether the listing has all that the export has.
    fn is_whole(&self) -> bool {
        let none = |name| self.event.get(name).is_some_and(is_nothing);
        let is_mine = || self.hidden(CREATOR).and_then(Json::as_str) == Some(self.user);
        let is_open = self.event.get("private") == Some(&Json::Bool(false)) || is_mine();
        // An untitled event is called so in the user's language.
        none("attendees") && none("baseid") && is_open && !self.text("title").is_empty()
    }

    fn is_all_day(&self, start: &Date, end: &Date) -> bool {
        let (from, to) = (start.civil.time(), end.civil.time());
        let to_midnight =
            to.hour() == 23 && to.minute() == 59 || to == Time::midnight() && end.civil.date() > start.civil.date();
        self.event.get("allday") == Some(&Json::Bool(true)) || from == Time::midnight() && to_midnight
    }

    fn facts(&self, lines: &mut Vec<String>) -> Option<()> {
        lines.push(format!("UID:{}", escaped(self.text("uid"))));
        lines.push(format!("SUMMARY:{}", escaped(self.text("title"))));
        // PHP takes "0" for empty.
        let said = |name| Some(self.text(name)).filter(|text| !matches!(*text, "" | "0"));
        lines.extend(said("description").map(|text| format!("DESCRIPTION:{}", escaped(text))));
        lines.extend(said("location").map(|text| format!("LOCATION:{}", escaped(text))));
        let tags = tags(self.hidden(TAGS)?)?;
        if !tags.is_empty() {
            lines.push(format!("CATEGORIES:{tags}"));
        }
        let is_private = self.event.get("private")?.as_bool()?;
        lines.push(format!("CLASS:{}", if is_private { "PRIVATE" } else { "PUBLIC" }));
        let status = match self.event.get("status")?.as_i64()? {
            4 => "STATUS:FREE\r\nTRANSP:TRANSPARENT",
            1 => "STATUS:TENTATIVE\r\nTRANSP:OPAQUE",
            2 => "STATUS:CONFIRMED\r\nTRANSP:OPAQUE",
            3 => "STATUS:CANCELLED\r\nTRANSP:TRANSPARENT",
            0 => "TRANSP:OPAQUE",
            _ => return None,
        };
        lines.push(status.to_owned());
        let alarm = self.event.get("alarm")?.as_i64()?;
        if alarm != 0 {
            let sign = if alarm > 0 { "-" } else { "" };
            lines.push(format!(
                "BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER;VALUE=DURATION:{sign}PT{}M\r\nEND:VALARM",
                alarm.unsigned_abs()
            ));
        }
        Some(())
    }
}

/// The category, escaped, or nothing; `None` for what is no list of texts, and for several: their order is not that of an export.
fn tags(tags: &Json) -> Option<String> {
    let list: Vec<&Json> = match tags {
        Json::Object(tags) => tags.values().collect(),
        Json::Array(tags) => tags.iter().collect(),
        other => is_nothing(other).then(Vec::new)?,
    };
    match list.as_slice() {
        [] => Some(String::new()),
        [tag] => tag.as_str().map(escaped),
        _ => None,
    }
}

/// What PHP has for null, nothing, and none.
fn is_nothing(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::String(text) => text.is_empty(),
        Json::Array(list) => list.is_empty(),
        _ => false,
    }
}

/// A date of Horde.
struct Date {
    civil: DateTime,
    /// As PHP calls it.
    zone: String,
}

impl Date {
    fn of(date: &Json) -> Option<Self> {
        let hidden = date.get("")?.as_array()?;
        let number = |at: usize| i8::try_from(hidden.get(at)?.as_i64()?).ok();
        let year = i16::try_from(hidden.first()?.as_i64()?).ok()?;
        let civil = DateTime::new(year, number(1)?, number(2)?, number(3)?, number(4)?, number(5)?, 0).ok()?;
        Some(Self { civil, zone: hidden.get(6)?.as_str()?.to_owned() })
    }

    /// `None` where the clock shows it twice or never: PHP may mean either.
    fn utc(&self) -> Option<String> {
        let at = zone::named(&self.zone)?.to_ambiguous_timestamp(self.civil).unambiguous().ok()?;
        Some(TimeZone::UTC.to_datetime(at).strftime("%Y%m%dT%H%M%SZ").to_string())
    }
}

struct Rule {
    text: String,
    /// Kronolith writes these on the clock of a zone.
    on_weekdays: bool,
}

/// The RRULE of a series without exceptions, in the words of `Horde_Date_Recurrence::toRRule20`.
fn rule(recurrence: &Json, start: &Date) -> Option<Rule> {
    if !is_nothing(recurrence.get("exceptions")?) {
        return None;
    }
    let number = |name: &str| recurrence.get(name).and_then(Json::as_i64);
    let civil = start.civil;
    let weekday = WEEKDAYS.get(usize::try_from(civil.weekday().to_sunday_zero_offset()).ok()?)?;
    let nth = (civil.day() + 6) / 7;
    let days = number("recurData").unwrap_or(0);
    let (freq, by, on_weekdays) = match number("recurType")? {
        1 => ("DAILY", String::new(), false),
        2 => {
            let named = WEEKDAYS.iter().enumerate().filter(|(n, _)| days & (1 << n) != 0).map(|(_, name)| *name);
            let named = named.collect::<Vec<_>>().join(",");
            ("WEEKLY", if named.is_empty() { named } else { format!(";BYDAY={named}") }, true)
        }
        3 => ("MONTHLY", String::new(), false),
        4 => ("MONTHLY", format!(";BYDAY={nth}{weekday}"), true),
        8 => ("MONTHLY", format!(";BYDAY=-1{weekday}"), false),
        5 => ("YEARLY", String::new(), false),
        7 => ("YEARLY", format!(";BYDAY={nth}{weekday};BYMONTH={}", civil.month()), true),
        _ => return None,
    };
    let mut text = format!("RRULE:FREQ={freq};INTERVAL={}{by}", number("recurInterval")?);
    let end = recurrence.get("recurEnd")?;
    if !is_nothing(end) {
        text.push_str(&format!(";UNTIL={}", Date::of(end)?.utc()?));
    }
    if let Some(count) = number("recurCount").filter(|count| *count > 0) {
        text.push_str(&format!(";COUNT={count}"));
    }
    Some(Rule { text, on_weekdays })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn date(civil: [i64; 6], zone: &str) -> Json {
        let [year, month, day, hour, minute, second] = civil;
        json!({"": [year, month, day, hour, minute, second, zone, "Y-m-d H:i:s", []]})
    }

    fn event() -> Json {
        json!({
            "": ["i1", "ann", "", {"7": "A, b"}, "", []], "uid": "u1", "title": "T; t", "location": "0", "timezone": "",
            "status": 4, "description": "d\r\ne", "private": true, "attendees": [], "allday": false, "alarm": -5,
            "start": date([2026, 3, 4, 9, 0, 0], "Europe/Berlin"), "end": date([2026, 3, 4, 10, 0, 0], "Europe/Berlin"),
            "recurrence": "", "baseid": "",
        })
    }

    fn exported(event: &Json) -> Option<String> {
        let home = Home { zone: "Europe/Berlin".into(), addresses: vec!["ann@x".into()] };
        let now = "2026-11-24T10:00:00Z".parse().unwrap();
        (Listed { id: "i1", event, home: &home, user: "ann", now }).exported().map(|text| text.replace("\r\n", "|"))
    }

    #[test]
    fn an_event_in_the_words_of_an_export() {
        let text = exported(&event()).unwrap();
        for part in [
            "|DTSTART:20260304T080000Z|DTEND:20260304T090000Z|",
            "|SUMMARY:T\\; t|DESCRIPTION:d\\ne|CATEGORIES:A\\, b|CLASS:PRIVATE|STATUS:FREE|TRANSP:TRANSPARENT|",
            "|TRIGGER;VALUE=DURATION:PT5M|",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(!text.contains("LOCATION"), "PHP takes 0 for empty");
    }

    #[test]
    fn series_and_days() {
        let mut weekly = event();
        weekly["recurrence"] = json!({
            "recurEnd": date([2026, 4, 1, 23, 59, 59], "Europe/Berlin"), "recurCount": "", "recurType": 2, "recurInterval": 1,
            "recurData": 10, "exceptions": [],
        });
        let text = exported(&weekly).unwrap();
        assert!(text.contains("|DTSTART;TZID=Europe/Berlin:20260304T090000|"), "{text}");
        assert!(text.contains("|RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=MO,WE;UNTIL=20260401T215959Z|"), "{text}");
        let mut days = event();
        days["start"] = date([2026, 3, 4, 0, 0, 0], "Europe/Berlin");
        days["end"] = date([2026, 3, 6, 0, 0, 0], "Europe/Berlin");
        let text = exported(&days).unwrap();
        assert!(text.contains("|DTSTART;VALUE=DATE:20260304|DTEND;VALUE=DATE:20260306|X-FUNAMBOL-ALLDAY:1|"), "{text}");
    }

    #[test]
    fn what_is_not_told_whole_is_exported() {
        let with = |name: &str, value: Json| {
            let mut event = event();
            event[name] = value;
            exported(&event)
        };
        assert!(with("alarm", json!(0)).is_some());
        for (name, value) in [
            ("", json!(["i1", "bob", "", "", "", []])),
            ("", json!(["u1", "ann", "", "", "", []])),
            ("", json!(["i1", "ann", "", ["a", "b"], "", []])),
            ("attendees", json!({"x@y": {}})),
            ("baseid", json!("u0")),
            ("title", json!("")),
            ("timezone", json!("Asia/Tokyo")),
            ("start", json!({})),
            ("status", json!(9)),
            ("recurrence", json!({"recurType": 1, "recurInterval": 1, "recurEnd": "", "exceptions": ["20260305"]})),
            ("recurrence", json!({"recurType": 6, "recurInterval": 1, "recurEnd": "", "exceptions": []})),
        ] {
            assert_eq!(with(name, value.clone()), None, "{name}: {value}");
        }
    }
}

//! Many events in few requests: `calendar.listEvents` over XML-RPC has what PHP keeps of an event, dates included, for a third of what an
//! export costs. It is put into the words in which Kronolith would have exported it and read as such, so that both ways give the same.
//! Events of which it does not tell all are not among them: meetings (whose organizer it does not name), series with exceptions, what is in a
//! zone that is not the user's or has several categories, other people's private events.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{
    Timestamp,
    civil::{DateTime, Time},
    tz::TimeZone,
};
use serde_json::{Value as Json, json};
use tokio::sync::watch;

use super::{
    Kronolith,
    read::{Got, understood},
    text::moment,
};
use crate::{
    convert::{
        ical::{Home, escaped},
        zone,
    },
    source::{
        Error,
        app::{Memory, Rows},
    },
    wbxml::tag::calendar as c,
};

/// Fewer events than this are exported.
const WORTH: usize = 200;
/// Single exports take three times as long for each: fewer than a third of a calendar are exported.
const A_THIRD: usize = 3;
/// About so many events are asked for in one request, 10 KB of XML each: while the phone is given them, the next are read.
const PIECE: usize = 500;
/// So many requests at the same time.
const STREAMS: usize = 2;
/// A larger calendar is never read at once, for the sake of memory here and in PHP.
const LARGEST: usize = 10_000;
/// Arguments of `calendar.listEvents`: no single occurrences, not only alarms, nothing remote, events that are exceptions, too, each once,
/// and tags.
const HOW: [bool; 6] = [false, false, false, false, false, true];
/// Before and after anything that Kronolith can store.
const EVER: [&str; 2] = ["1000-01-01 00:00:00", "9999-12-31 00:00:00"];

/// Where an event has what PHP keeps to itself.
const ID: usize = 0;
const CREATOR: usize = 1;
const TAGS: usize = 3;

const WEEKDAYS: [&str; 7] = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"];

/// Where events are in a listing. Of a uid only a hash is kept; two with the same one cost a moment of waiting.
#[derive(Debug)]
struct Places(Vec<u64>);

impl Places {
    fn hash(uid: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        uid.hash(&mut hasher);
        hasher.finish()
    }

    fn of(&self, uid: &str) -> Option<usize> {
        let hash = Self::hash(uid);
        self.0.iter().position(|known| *known == hash)
    }
}

/// A calendar that is being read.
#[derive(Debug)]
struct Underway {
    places: Arc<Places>,
    /// Which pieces are still to come, by the place in the listing of their first event.
    left: watch::Receiver<BTreeSet<usize>>,
}

impl Underway {
    /// Up to which place in the listing all must be read for these events to be there.
    fn until(&self, wanted: &[String]) -> usize {
        wanted.iter().map(|uid| self.places.of(uid).unwrap_or(usize::MAX)).max().unwrap_or(0)
    }
}

/// The events of some days.
#[derive(Debug, PartialEq, Eq)]
struct Piece {
    from: String,
    to: String,
    /// Place in the listing of the first of them.
    first: usize,
}

/// What the last listing of a calendar tells about reading all of it.
#[derive(Debug)]
pub(super) struct Outline {
    /// Nothing that is over before it was listed, seconds; 0: everything was.
    pub(super) from: i64,
    places: Arc<Places>,
    /// Every so many'th event: Kronolith lists by days, so their dates divide the calendar evenly.
    milestones: Vec<(String, usize)>,
}

impl Outline {
    fn new(from: i64, uids: &[String]) -> Option<Self> {
        let count = uids.len();
        if !(WORTH..=LARGEST).contains(&count) {
            return None;
        }
        let pieces = count.div_ceil(PIECE).max(2);
        let places = (1..pieces).map(|n| n * count / pieces);
        let milestones = places.filter_map(|place| Some((uids.get(place)?.clone(), place))).collect();
        let places = Arc::new(Places(uids.iter().map(|uid| Places::hash(uid)).collect()));
        Some(Self { from, places, milestones })
    }

    fn count(&self) -> usize {
        self.places.0.len()
    }

    /// The events whose dates divide the calendar when these are to be read first.
    fn cuts(&self, wanted: &[String]) -> Vec<(String, usize)> {
        let first = wanted.last().and_then(|uid| Some((uid.clone(), self.places.of(uid)?)));
        first.into_iter().chain(self.milestones.iter().cloned()).collect()
    }
}

impl Kronolith {
    fn outline_fact(&self, calendar: &str) -> String {
        format!("outline of {}/{calendar}", self.app.session.user())
    }

    /// Takes note of a listing.
    pub(super) fn outline(&self, calendar: &str, from: i64, uids: &[String]) {
        self.app.memory.set_fact(&self.outline_fact(calendar), Outline::new(from, uids));
    }

    fn underway_fact(&self, calendar: &str) -> String {
        format!("underway of {}/{calendar}", self.app.session.user())
    }

    /// Begins to read the events of a calendar of which so many are lacking, those that are wanted first; they and all that comes later are
    /// kept. Not where single exports are the better way. Once per listing.
    pub(super) async fn begin_bulk(&self, calendar: &str, wanted: &[String], lacking: usize) -> Result<(), Error> {
        let (fact, read_at) = (self.outline_fact(calendar), self.app.memory.seen(calendar));
        let outline = self.app.memory.fact::<Option<Outline>>(&fact);
        let Some(Some(outline)) = outline.as_deref() else { return Ok(()) };
        let few = lacking < WORTH || lacking * A_THIRD < outline.count();
        if few || read_at.is_none() || !self.app.session.has_multicall().await {
            return Ok(());
        }
        self.app.memory.set_fact::<Option<Outline>>(&fact, None);
        let cuts = outline.cuts(wanted);
        let mut read: Rows = self.app.memory.rows(calendar, cuts.iter().map(|(uid, _)| uid));
        let unread = Memory::lacking(&read, cuts.iter().map(|(uid, _)| uid));
        read.extend(self.read_single(calendar, unread).await?.0);
        let (home, _) = self.with_home(Vec::new()).await?;
        let starts = cuts.iter().filter_map(|(uid, place)| Some((moment(read.get(uid)?, c::START_TIME)?, *place)));
        let pieces = pieces(outline.from, starts.filter(|(at, _)| at.as_second() > outline.from).collect());
        let (left, underway) = watch::channel(pieces.iter().map(|piece| piece.first).collect());
        let fact = self.underway_fact(calendar);
        self.app.memory.set_fact(&fact, Underway { places: Arc::clone(&outline.places), left: underway });
        let (pieces, left) = (Arc::new(Mutex::new(pieces.into_iter())), Arc::new(left));
        for _ in 0..STREAMS {
            let (this, calendar, home) = (self.clone(), calendar.to_owned(), Arc::clone(&home));
            let (pieces, left) = (Arc::clone(&pieces), Arc::clone(&left));
            let next = move || pieces.lock().unwrap_or_else(PoisonError::into_inner).next();
            tokio::spawn(async move {
                while let Some(piece) = next() {
                    this.read_piece(&calendar, read_at, &piece, &home).await;
                    left.send_modify(|left| left.retain(|first| *first != piece.first));
                }
            });
        }
        Ok(())
    }

    /// Waits until what can be read of the wanted events at once is kept, if the calendar is being read. `true`: others still are.
    pub(super) async fn arrived(&self, calendar: &str, wanted: &[String]) -> bool {
        let Some(underway) = self.app.memory.fact::<Underway>(&self.underway_fact(calendar)) else { return false };
        let mut left = underway.left.clone();
        let until = underway.until(wanted);
        let is_here = |left: &BTreeSet<usize>| left.first().is_none_or(|first| *first > until);
        left.wait_for(is_here).await.is_ok_and(|left| !left.is_empty())
    }

    /// Reads and keeps the events of some days. What fails is no loss: whatever is missing is read in another way.
    async fn read_piece(&self, calendar: &str, read_at: Option<u64>, piece: &Piece, home: &Arc<Home>) {
        let params = [json!(piece.from), json!(piece.to), json!([calendar])].into_iter().chain(HOW.map(Json::Bool));
        let call = self.app.call("listEvents", params.collect());
        match self.app.session.read_whole(vec![call]).await {
            Ok(answers) => {
                let (user, home) = (self.app.session.user().to_owned(), Arc::clone(home));
                let read = move || answers.iter().flatten().flat_map(|answer| rows(answer, &home, &user)).collect();
                let rows: Rows = tokio::task::spawn_blocking(read).await.unwrap_or_default();
                self.app.memory.keep(calendar, read_at, &rows);
            }
            Err(error) => log::info!("{calendar}: its events cannot be read at once: {error}"),
        }
    }
}

/// Days from `from` on, cut where events of these places in the listing begin; both ends of each piece belong to it.
fn pieces(from: i64, mut cuts: Vec<(Timestamp, usize)>) -> Vec<Piece> {
    let day = |at: Timestamp| TimeZone::UTC.to_datetime(at).strftime("%Y-%m-%d 00:00:00").to_string();
    cuts.sort_unstable();
    let bound = Timestamp::from_second(from).ok().filter(|_| from > 0);
    let mut begin = bound.map_or_else(|| EVER[0].to_owned(), day);
    let mut pieces = Vec::with_capacity(cuts.len() + 1);
    let mut first = 0;
    for (to, next) in cuts.into_iter().map(|(at, place)| (day(at), place + 1)).chain([(EVER[1].to_owned(), 0)]) {
        if to != begin {
            pieces.push(Piece { from: std::mem::replace(&mut begin, to.clone()), to, first });
        }
        first = next;
    }
    pieces
}

/// The events that an answer tells all of.
fn rows(answer: &Json, home: &Home, user: &str) -> Rows {
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

    fn uids(count: usize) -> Vec<String> {
        (0..count).map(|n| n.to_string()).collect()
    }

    #[test]
    fn a_calendar_is_divided_at_its_milestones() {
        let places = |count: usize, wanted: &[String]| -> Vec<usize> {
            let cuts = Outline::new(0, &uids(count)).unwrap().cuts(wanted);
            cuts.into_iter().map(|(uid, place)| (uid == place.to_string()).then_some(place).unwrap()).collect()
        };
        assert_eq!(places(2500, &uids(100)), [99, 500, 1000, 1500, 2000]);
        assert_eq!(places(1200, &["elsewhere".into()]), [400, 800]);
        assert_eq!(places(300, &uids(200)), [199, 150]);
        assert!(Outline::new(0, &uids(20)).is_none());
    }

    #[test]
    fn pieces_end_on_the_days_of_their_cuts() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let piece = |from: &str, to: &str, first| Piece { from: from.into(), to: to.into(), first };
        let [one, two] = ["2025-01-02 00:00:00", "2026-05-01 00:00:00"];
        assert_eq!(
            pieces(0, vec![(at("2026-05-01T10:00:00Z"), 9), (at("2025-01-02T10:00:00Z"), 4)]),
            [piece(EVER[0], one, 0), piece(one, two, 5), piece(two, EVER[1], 10)]
        );
        assert_eq!(
            pieces(0, vec![(at("2025-01-02T10:00:00Z"), 4), (at("2025-01-02T12:00:00Z"), 5)]),
            [piece(EVER[0], one, 0), piece(one, EVER[1], 6)]
        );
        assert_eq!(pieces(86_400, vec![]), [piece("1970-01-02 00:00:00", EVER[1], 0)]);
    }

    #[test]
    fn events_are_waited_for_no_longer_than_needed() {
        let places = Arc::new(Places(uids(9).iter().map(|uid| Places::hash(uid)).collect()));
        let underway = Underway { places, left: watch::channel(BTreeSet::new()).1 };
        assert_eq!(underway.until(&["3".into()]), 3);
        assert_eq!(underway.until(&["7".into(), "3".into()]), 7);
        assert_eq!(underway.until(&["elsewhere".into()]), usize::MAX);
    }
}

//! The neutral event to iCalendar.

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};

use super::{
    Home, facts,
    lines::Lines,
    people,
    rule::Rule,
    series,
    times::{self, Series},
};
use crate::{convert::zone, proto::class::Properties, wbxml::tag::calendar as c};

/// So many years after its start an endless series is told what its zone does.
const YEARS: i64 = 30;

/// A whole VCALENDAR: the zone, the event, its exceptions. `zone` is the IANA name of the zone in which the event takes place (`UTC`: times
/// in UTC). Without `method` it is meant for Horde: what the item has not got is written empty, because Horde keeps what is not named, and
/// what only Horde understands is used. With `method` (REQUEST, CANCEL, REPLY) it is meant for a mail. A series begins with its first
/// occurrence, whatever the item says ([`super::aligned`]). DTSTAMP is the item's DtStamp, the beginning of time if it has none.
pub fn write(item: &Properties, uid: &str, zone: &str, home: &Home, method: Option<&str>) -> String {
    let item = series::aligned(item, zone);
    let sheet = Sheet::new(&item, uid, zone, home, method);
    let mut out = sheet.begin(&item);
    sheet.event(&item, None, &mut out);
    for exception in item.groups(c::EXCEPTIONS).iter().filter(|exception| !is_deleted(exception)) {
        sheet.exception(&item, exception, &mut out);
    }
    out.line("END", "VCALENDAR");
    out.into_string()
}

/// A whole VCALENDAR as [`write()`] makes it, but the only VEVENT is the occurrence `exception` of the series `item`, with everything that it
/// inherits. A deleted one gets STATUS:CANCELLED.
pub fn write_exception(
    item: &Properties,
    exception: &Properties,
    uid: &str,
    zone: &str,
    home: &Home,
    method: Option<&str>,
) -> String {
    let sheet = Sheet::new(item, uid, zone, home, method);
    let mut out = sheet.begin(exception);
    sheet.exception(item, exception, &mut out);
    out.line("END", "VCALENDAR");
    out.into_string()
}

/// The whole occurrence that an exception makes of one of the series: everything that it inherits worked in, a deleted one cancelled.
/// It has neither rule nor exceptions.
pub fn occurrence(item: &Properties, exception: &Properties, zone: &str) -> Properties {
    let mut whole = item.clone();
    for tag in [c::RECURRENCE, c::EXCEPTIONS] {
        whole.0.remove(&tag);
    }
    let moment = |item: &Properties, tag| item.text(tag).and_then(times::moment);
    let original = moment(exception, c::EXCEPTION_START_TIME);
    let start = moment(exception, c::START_TIME).or_else(|| match (original, series::frame(item, zone)) {
        (Some(at), Some(series)) => series.day(at).and_then(|day| series.on(day)),
        (original, _) => original,
    });
    let length =
        moment(item, c::START_TIME).zip(moment(item, c::END_TIME)).map(|(start, end)| end.duration_since(start));
    let end = start.zip(length).and_then(|(start, length)| start.checked_add(length).ok());
    for (tag, value) in &exception.0 {
        match value {
            value if value.is_empty() => whole.0.remove(tag),
            value => whole.0.insert(*tag, value.clone()),
        };
    }
    if let Some(start) = start {
        whole.set_text(c::START_TIME, times::compact(start));
    }
    if let (Some(end), None) = (end, moment(exception, c::END_TIME)) {
        whole.set_text(c::END_TIME, times::compact(end));
    }
    if is_deleted(exception) {
        let status = people::status(&whole) | people::CANCELLED;
        whole.set_text(c::MEETING_STATUS, status.to_string());
    }
    whole.0.remove(&c::DELETED);
    whole.0.remove(&c::EXCEPTION_START_TIME);
    whole
}

fn is_deleted(exception: &Properties) -> bool {
    exception.text(c::DELETED) == Some("1")
}

/// What is the same for all components of one VCALENDAR.
struct Sheet<'a> {
    uid: &'a str,
    /// Name and rules of the zone; `None`: everything is in UTC.
    zone: Option<(&'a str, TimeZone)>,
    home: &'a Home,
    method: Option<&'a str>,
    /// Where and when the event takes place.
    series: Option<Series>,
}

impl<'a> Sheet<'a> {
    fn new(item: &Properties, uid: &'a str, zone: &'a str, home: &'a Home, method: Option<&'a str>) -> Self {
        let named = zone::named(zone).filter(|_| !matches!(zone, "UTC" | "Etc/UTC"));
        Self { uid, zone: named.map(|rules| (zone, rules)), home, method, series: series::frame(item, zone) }
    }

    /// Everything before the first event; `item` tells of which years the zone's changes have to be.
    fn begin(&self, item: &Properties) -> Lines {
        let mut out = Lines::default();
        out.line("BEGIN", "VCALENDAR");
        out.line("VERSION", "2.0");
        out.line("PRODID", "-//horde-eas//EN");
        if let Some(method) = self.method {
            out.line("METHOD", method);
        }
        if let Some((name, _)) = &self.zone
            && let Some((from, to)) = self.years(item)
            && let Some(component) = zone::vtimezone(name, from, to)
        {
            out.raw(&component);
        }
        out
    }

    fn years(&self, item: &Properties) -> Option<(Date, Date)> {
        let moments = |item: &Properties| {
            [c::START_TIME, c::END_TIME, c::EXCEPTION_START_TIME].map(|tag| item.text(tag).and_then(times::moment))
        };
        let mut all: Vec<Timestamp> = moments(item).into_iter().flatten().collect();
        all.extend(item.groups(c::EXCEPTIONS).iter().flat_map(moments).flatten());
        let group = item.group(c::RECURRENCE);
        all.extend(group.and_then(|group| group.text(c::UNTIL)).and_then(times::moment));
        let day = |at: &Timestamp| TimeZone::UTC.to_datetime(*at).date();
        let (from, mut to) = (all.iter().min().map(day)?, all.iter().max().map(day)?);
        if group.is_some_and(|group| group.text(c::UNTIL).is_none()) {
            to = to.saturating_add(jiff::Span::new().years(YEARS));
        }
        Some((from, to))
    }

    fn exception(&self, item: &Properties, exception: &Properties, out: &mut Lines) {
        let zone = self.zone.as_ref().map_or("UTC", |(name, _)| *name);
        let original = exception.text(c::EXCEPTION_START_TIME).and_then(times::moment);
        if let Some(original) = original {
            self.event(&occurrence(item, exception, zone), Some(original), out);
        }
    }

    /// One VEVENT; with `original` that of an occurrence.
    fn event(&self, item: &Properties, original: Option<Timestamp>, out: &mut Lines) {
        out.line("BEGIN", "VEVENT");
        out.text("UID", self.uid);
        let stamp = item.text(c::DT_STAMP).and_then(times::moment);
        out.line("DTSTAMP", &times::compact(stamp.unwrap_or(Timestamp::UNIX_EPOCH)));
        if let Some(stamp) = stamp {
            out.line("LAST-MODIFIED", &times::compact(stamp));
        }
        self.span(item, out);
        if let Some(original) = original {
            self.original("RECURRENCE-ID", original, out);
        } else {
            self.rule(item, out);
        }
        facts::write(item, self.home, self.method, out);
        facts::write_reminder(item, out);
        out.line("END", "VEVENT");
    }

    fn span(&self, item: &Properties, out: &mut Lines) {
        let all_day = item.text(c::ALL_DAY_EVENT) == Some("1");
        for (name, tag) in [("DTSTART", c::START_TIME), ("DTEND", c::END_TIME)] {
            match item.text(tag).and_then(times::moment) {
                Some(at) if all_day => date(name, TimeZone::UTC.to_datetime(at).date(), out),
                Some(at) => self.time(name, at, out),
                None => {}
            }
        }
        if all_day {
            out.line("X-MICROSOFT-CDO-ALLDAYEVENT", "TRUE");
        }
    }

    /// A moment on the clock of the zone; in UTC when the clock shows that time twice and this is the second.
    fn time(&self, name: &str, at: Timestamp, out: &mut Lines) {
        match &self.zone {
            Some((zone, rules)) if rules.to_timestamp(rules.to_datetime(at)).is_ok_and(|back| back == at) => {
                out.line(&format!("{name};TZID={zone}"), &clock(rules.to_datetime(at)));
            }
            _ => out.line(name, &times::compact(at)),
        }
    }

    fn rule(&self, item: &Properties, out: &mut Lines) {
        let Some(series) = &self.series else { return };
        let Some(rule) = Rule::of(item, series) else { return };
        out.line("RRULE", &rule.rrule(|last| self.until(last, series)));
        for deleted in item.groups(c::EXCEPTIONS).iter().filter(|exception| is_deleted(exception)) {
            if let Some(start) = deleted.text(c::EXCEPTION_START_TIME).and_then(times::moment) {
                self.original("EXDATE", start, out);
            }
        }
    }

    /// The end of a series. Of a mere date Horde makes the day after it, and of everything else the end of the user's day.
    fn until(&self, last: Date, series: &Series) -> String {
        let start = series.on(last).map(times::compact).unwrap_or_default();
        let evening = || times::zone_of(&self.home.zone).to_timestamp(last.at(23, 59, 59, 0)).ok();
        match (series.all_day, self.method) {
            (false, _) => start,
            (true, None) => evening().map(times::compact).unwrap_or(start),
            (true, Some(_)) => last.strftime("%Y%m%d").to_string(),
        }
    }

    /// An original start. Horde makes of it the day that it is on the user's clock: where that is another one than on the clock of
    /// the series it is given the time on the latter as if it were on the former.
    fn original(&self, name: &str, at: Timestamp, out: &mut Lines) {
        let Some(series) = &self.series else { return };
        let Some(day) = series.day(at) else { return };
        let Some(start) = series.on(day) else { return };
        let mine = times::zone_of(&self.home.zone).to_datetime(start).date();
        if series.all_day {
            date(name, day, out);
        } else if self.method.is_none() && mine != day {
            out.line(name, &clock(day.to_datetime(series.start.time())));
        } else {
            self.time(name, start, out);
        }
    }
}

fn date(name: &str, date: Date, out: &mut Lines) {
    out.line(&format!("{name};VALUE=DATE"), &date.strftime("%Y%m%d").to_string());
}

fn clock(civil: DateTime) -> String {
    civil.strftime("%Y%m%dT%H%M%S").to_string()
}

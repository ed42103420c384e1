//! iCalendar to the neutral event.

use std::collections::BTreeMap;

use calcard::{
    common::IanaString,
    icalendar::{
        ICalendarComponent, ICalendarComponentType, ICalendarDuration, ICalendarParameterName, ICalendarProperty,
        ICalendarRecurrenceRule, ICalendarValue,
    },
};
use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime, Time},
    tz::TimeZone,
};

use super::{
    Event, Home, Unreadable, facts, people,
    rule::Rule,
    source,
    times::{self, Plain, Series, When, Zone, Zones},
};
use crate::{
    convert::zone,
    proto::class::{Body, Properties, Value},
    wbxml::tag::{air_sync_base as b, calendar as c},
};

/// Most exceptions of a series.
const MANY: usize = 2000;

/// What an occurrence has of its own if it is not the same as in the series.
const OWN: [crate::wbxml::Tag; 13] = [
    c::ALL_DAY_EVENT,
    c::SUBJECT,
    b::BODY,
    b::LOCATION,
    c::CATEGORIES,
    c::SENSITIVITY,
    c::BUSY_STATUS,
    c::REMINDER,
    c::MEETING_STATUS,
    c::ATTENDEES,
    c::RESPONSE_TYPE,
    c::ONLINE_MEETING_CONF_LINK,
    c::ONLINE_MEETING_EXTERNAL_LINK,
];

/// Reads the event of a VCALENDAR: the first VEVENT without RECURRENCE-ID with the exceptions that have its UID, else the first with
/// one.
///
/// Times without a zone are the user's. A series in UTC is the user's, too: Horde exports those of its series so that are bound to no
/// zone. A rule that the protocol cannot say leaves the first occurrence ([`Event::simplified`]).
///
/// # Errors
/// [`Unreadable`]; never for a property that is odd: that one is left out.
pub fn read(text: &str, home: &Home) -> Result<Event, Unreadable> {
    let components = source::components(text).ok_or(Unreadable::TooLarge)?;
    let method = components.iter().find_map(|component| source::property(component, &ICalendarProperty::Method));
    let method = method.or_else(|| components.iter().find_map(method_of)).map(|method| method.to_ascii_uppercase());
    let text = Text { zones: Zones::new(&components, home), components: &components, home, mailed: method.is_some() };
    let events: Vec<&ICalendarComponent> =
        components.iter().filter(|component| component.component_type == ICalendarComponentType::VEvent).collect();
    let is_exception = |event: &&ICalendarComponent| event.has_property(&ICalendarProperty::RecurrenceId);
    let master = events.iter().find(|event| !is_exception(event)).or(events.first()).ok_or(Unreadable::NoEvent)?;
    let same = |event: &&&ICalendarComponent| uid(event) == uid(master);
    let exceptions: Vec<&ICalendarComponent> =
        events.iter().filter(is_exception_of(master)).filter(same).copied().collect();
    let mut event = text.event(master, &exceptions)?;
    event.method = method;
    Ok(event)
}

fn is_exception_of(master: &ICalendarComponent) -> impl Fn(&&&ICalendarComponent) -> bool + use<'_> {
    move |event| {
        event.has_property(&ICalendarProperty::RecurrenceId) && !std::ptr::eq::<ICalendarComponent>(**event, master)
    }
}

fn method_of(component: &ICalendarComponent) -> Option<String> {
    match component.property(&ICalendarProperty::Method)?.values.first()? {
        ICalendarValue::Method(method) => Some(method.as_str().to_owned()),
        _ => None,
    }
}

fn uid(event: &ICalendarComponent) -> String {
    source::property(event, &ICalendarProperty::Uid).and_then(|uid| source::line(&uid)).unwrap_or_default()
}

/// When an event takes place. All-day: midnights in UTC.
struct Span {
    start: Timestamp,
    end: Timestamp,
    all_day: bool,
}

struct Text<'a> {
    zones: Zones<'a>,
    components: &'a [ICalendarComponent],
    home: &'a Home,
    mailed: bool,
}

impl Text<'_> {
    fn event(&self, master: &ICalendarComponent, exceptions: &[&ICalendarComponent]) -> Result<Event, Unreadable> {
        let dtstart = self.zones.first(master, &ICalendarProperty::Dtstart).ok_or(Unreadable::NoStart)?;
        let span = self.span(master).ok_or(Unreadable::NoStart)?;
        let recurs = has_value(master, &ICalendarProperty::Rrule) || has_value(master, &ICalendarProperty::Rdate);
        let zone = if span.all_day { self.zones.home.clone() } else { self.zone(master, &dtstart, recurs) };
        let mut item = self.item(master, &span);
        let uid = uid(master);
        item.set_text(c::UID, uid.as_str());
        let modified = self.modified(master);
        let stamp = || self.moment(master, &ICalendarProperty::Dtstamp).filter(|_| self.mailed);
        item.set_text(c::DT_STAMP, modified.or_else(stamp).map(times::compact).unwrap_or_default());

        let series = Series::new(span.start, span.all_day, &zone.zone);
        let mut simplified = false;
        if recurs {
            match self.rule(master, &series) {
                Some(rule) => self.recur(&mut item, rule, &series, master, exceptions)?,
                None => simplified = true,
            }
        }
        let start = item.text(c::START_TIME).and_then(times::moment).unwrap_or(span.start);
        let at = if span.all_day { self.midnight(start) } else { start };
        item.set_text(c::TIMEZONE, zone::blob(&zone.zone, at).encode());
        let instance = self.zones.first(master, &ICalendarProperty::RecurrenceId);
        let instance = instance.and_then(|when| match when {
            When::Day(date) => Some(times::compact_day(date)),
            other => self.zones.instant(&other).map(times::compact),
        });
        let bound = !span.all_day && (recurs || !matches!(dtstart, When::Utc(_)));
        let sequence = source::property(master, &ICalendarProperty::Sequence).and_then(|text| text.parse().ok());
        Ok(Event {
            item,
            zone: zone.name.filter(|_| bound),
            uid,
            modified,
            simplified,
            instance,
            method: None,
            sequence: sequence.unwrap_or(0),
        })
    }

    /// In which zone an event takes place.
    fn zone(&self, master: &ICalendarComponent, start: &When, recurs: bool) -> Zone {
        match start {
            When::In(_, zone) => zone.clone(),
            When::Utc(at) if recurs => {
                // Without its archive of time zones Horde names the zone of a series in EXDATE only.
                let named = master.properties(&ICalendarProperty::Exdate);
                let named = named.filter_map(|entry| source::named(entry, &ICalendarParameterName::Tzid)).next();
                named.map_or_else(
                    || self.zones.home.clone(),
                    |name| self.zones.find(&name, TimeZone::UTC.to_datetime(*at)),
                )
            }
            _ => self.zones.home.clone(),
        }
    }

    /// Everything of one VEVENT that is not recurrence.
    fn item(&self, event: &ICalendarComponent, span: &Span) -> Properties {
        let mut item = Properties::default();
        facts::read(event, self.mailed, self.home, &mut item);
        item.set_text(c::ALL_DAY_EVENT, if span.all_day { "1" } else { "0" });
        item.set_text(c::START_TIME, times::compact(span.start));
        item.set_text(c::END_TIME, times::compact(span.end));
        let real = |at| if span.all_day { self.midnight(at) } else { at };
        let reminder = facts::reminder(event, self.components, &self.zones, (real(span.start), real(span.end)));
        item.set_text(c::REMINDER, reminder.map(|minutes| minutes.to_string()).unwrap_or_default());
        item
    }

    /// The moment at which a day begins where the user is.
    fn midnight(&self, day: Timestamp) -> Timestamp {
        self.zones.home.zone.to_timestamp(TimeZone::UTC.to_datetime(day)).unwrap_or(day)
    }

    fn moment(&self, event: &ICalendarComponent, name: &ICalendarProperty) -> Option<Timestamp> {
        self.zones.first(event, name).and_then(|when| self.zones.instant(&when))
    }

    fn modified(&self, event: &ICalendarComponent) -> Option<Timestamp> {
        let of = |name| self.moment(event, name);
        of(&ICalendarProperty::LastModified).or_else(|| of(&ICalendarProperty::Created))
    }

    fn span(&self, event: &ICalendarComponent) -> Option<Span> {
        let start = self.zones.first(event, &ICalendarProperty::Dtstart)?;
        let end = self.zones.first(event, &ICalendarProperty::Dtend);
        let length = event.property(&ICalendarProperty::Duration).and_then(|entry| match entry.values.first()? {
            ICalendarValue::Duration(duration) if !duration.neg => Some(duration),
            _ => None,
        });
        let at = |when: &When| self.zones.civil(when);
        let midnights =
            at(&start).time() == Time::midnight() && end.as_ref().is_none_or(|end| at(end).time() == Time::midnight());
        if matches!(start, When::Day(_)) || (midnights && says_all_day(event)) {
            return days(at(&start).date(), end.map(|end| at(&end)), length);
        }
        let begin = self.zones.instant(&start)?;
        let end = match (end, length) {
            (Some(end), _) => self.zones.instant(&end),
            (None, Some(length)) => self.after(&start, begin, length),
            (None, None) => None,
        };
        Some(Span { start: begin, end: end.filter(|end| *end >= begin).unwrap_or(begin), all_day: false })
    }

    /// The end after that duration: its days are those of the clock, its hours are hours.
    fn after(&self, start: &When, begin: Timestamp, length: &ICalendarDuration) -> Option<Timestamp> {
        let days = ICalendarDuration { weeks: length.weeks, days: length.days, ..ICalendarDuration::default() };
        let hours = ICalendarDuration { weeks: 0, days: 0, ..length.clone() };
        let (days, hours) = (facts::signed(&days)?, facts::signed(&hours)?);
        let moved = match start {
            _ if days.is_zero() => begin,
            When::In(civil, zone) => zone.zone.to_timestamp(civil.checked_add(days).ok()?).ok()?,
            When::Floating(civil) => self.zones.home.zone.to_timestamp(civil.checked_add(days).ok()?).ok()?,
            When::Utc(_) | When::Day(_) => begin.checked_add(days).ok()?,
        };
        moved.checked_add(hours).ok().filter(|end| TimeZone::UTC.to_datetime(*end).year() <= 9999)
    }

    /// The rule, when it can be said.
    fn rule(&self, master: &ICalendarComponent, series: &Series) -> Option<Rule> {
        let mut rules = master.properties(&ICalendarProperty::Rrule).flat_map(|entry| &entry.values);
        let ICalendarValue::RecurrenceRule(rule) = rules.next()? else { return None };
        let more = [ICalendarProperty::Rdate, ICalendarProperty::Exrule];
        if rules.next().is_some() || more.iter().any(|name| has_value(master, name)) {
            return None;
        }
        let last = match &rule.until {
            Some(_) => Some(self.last_day(rule, series)?),
            None => None,
        };
        Rule::said(rule, series.start, last)
    }

    /// The last day on which the series can recur by its UNTIL.
    fn last_day(&self, rule: &ICalendarRecurrenceRule, series: &Series) -> Option<Date> {
        let until = rule.until.as_ref()?;
        match (times::plain(until)?, times::offset(until)) {
            (Plain::Day(date), _) => Some(date),
            // Midnight in UTC is how dates are written by those who cannot write dates; Horde writes the last second of the user's day.
            (Plain::Time(civil), _) if series.all_day && civil.time() == Time::midnight() => Some(civil.date()),
            (Plain::Time(civil), Some(offset)) if series.all_day => {
                Some(self.zones.home.zone.to_datetime(offset.to_timestamp(civil).ok()?).date())
            }
            (Plain::Time(civil), None) if series.all_day => Some(civil.date()),
            (Plain::Time(civil), Some(offset)) => series.last_day(offset.to_timestamp(civil).ok()?),
            (Plain::Time(civil), None) => series.last_day(series.zone.to_timestamp(civil).ok()?),
        }
    }

    /// Adds rule and exceptions, and moves the start to the first occurrence: that is where phones begin.
    fn recur(
        &self,
        item: &mut Properties,
        rule: Rule,
        series: &Series,
        master: &ICalendarComponent,
        exceptions: &[&ICalendarComponent],
    ) -> Result<(), Unreadable> {
        item.0.insert(c::RECURRENCE, Value::Group(rule.group(series)));
        super::series::align(item, rule, series);
        let mut found = BTreeMap::new();
        for when in master.properties(&ICalendarProperty::Exdate).flat_map(|entry| self.zones.all(entry)) {
            if let Some(start) = self.original(&when, series) {
                let mut deleted = Properties::default();
                deleted.set_text(c::DELETED, "1");
                found.insert(start, deleted);
            }
        }
        for exception in exceptions {
            let when = self.zones.first(exception, &ICalendarProperty::RecurrenceId);
            if let (Some(when), Some(span)) = (when, self.span(exception))
                && let Some(start) = self.original(&when, series)
            {
                let mut occurrence = self.item(exception, &span);
                people::inherit(&mut occurrence, item);
                found.insert(start, own(occurrence, item));
            }
        }
        if found.len() > MANY {
            return Err(Unreadable::TooLarge);
        }
        let named = found.into_iter().map(|(start, mut exception)| {
            exception.set_text(c::EXCEPTION_START_TIME, times::compact(start));
            exception
        });
        let named: Vec<Properties> = named.collect();
        if !named.is_empty() {
            item.0.insert(c::EXCEPTIONS, Value::Groups(named));
        }
        Ok(())
    }

    /// The original start that is meant: exact, or by its day alone, or by the user's clock (Horde stores days in his zone), or next to it.
    fn original(&self, when: &When, series: &Series) -> Option<Timestamp> {
        let date = match when {
            When::Day(date) => *date,
            other if series.all_day => self.zones.civil(other).date(),
            When::Floating(civil) if civil.time() == series.start.time() => civil.date(),
            other => {
                let at = self.zones.instant(other)?;
                let day = series.day(at)?;
                let on_my_clock = self.zones.home.zone.to_datetime(at);
                if series.on(day) != Some(at) && on_my_clock.time() == series.start.time() {
                    on_my_clock.date()
                } else {
                    day
                }
            }
        };
        series.on(date)
    }
}

fn says_all_day(event: &ICalendarComponent) -> bool {
    let says =
        |name| source::extension(event, name).is_some_and(|value| matches!(value.as_str(), "1" | "TRUE" | "true"));
    says("X-MICROSOFT-CDO-ALLDAYEVENT") || says("X-FUNAMBOL-ALLDAY")
}

fn has_value(event: &ICalendarComponent, name: &ICalendarProperty) -> bool {
    event.properties(name).any(|entry| !entry.values.is_empty())
}

/// Whole days: an end within a day is that of the day.
fn days(start: Date, end: Option<DateTime>, length: Option<&ICalendarDuration>) -> Option<Span> {
    let midnight = |date: Date| TimeZone::UTC.to_timestamp(date.to_datetime(Time::midnight())).ok();
    let begun =
        |end: DateTime| if end.time() == Time::midnight() { Some(end.date()) } else { end.date().tomorrow().ok() };
    let after = |length: &ICalendarDuration| {
        let days = (facts::signed(length)? + SignedDuration::from_secs(86_399)).as_hours() / 24;
        start.checked_add(SignedDuration::from_hours(days.checked_mul(24)?)).ok()
    };
    let end = end.and_then(begun).or_else(|| length.and_then(after)).filter(|end| *end > start && end.year() <= 9999);
    Some(Span { start: midnight(start)?, end: midnight(end.or(start.tomorrow().ok())?)?, all_day: true })
}

/// What of an occurrence is not as in the series; what it has not is empty.
fn own(occurrence: Properties, series: &Properties) -> Properties {
    let mut own = Properties::default();
    for tag in [c::START_TIME, c::END_TIME].into_iter().chain(OWN) {
        match (occurrence.0.get(&tag), series.0.get(&tag)) {
            (Some(value), before) if tag == c::START_TIME || tag == c::END_TIME || before != Some(value) => {
                own.0.insert(tag, value.clone());
            }
            (None, Some(value)) => {
                own.0.insert(tag, empty(value));
            }
            _ => {}
        }
    }
    own
}

fn empty(value: &Value) -> Value {
    match value {
        Value::Text(_) => Value::Text(String::new()),
        Value::List(_) => Value::List(Vec::new()),
        Value::Bytes(_) => Value::Bytes(Vec::new()),
        Value::Body(_) | Value::Content(_) => Value::Body(Body::default()),
        Value::Group(_) => Value::Group(Properties::default()),
        Value::Groups(_) => Value::Groups(Vec::new()),
    }
}

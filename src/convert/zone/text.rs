//! A zone as iCalendar (RFC 5545 3.6.5).

use std::{collections::BTreeMap, fmt::Write as _};

use jiff::{
    civil::{Date, DateTime, Time},
    tz::{Offset, TimeZone},
};

use super::{
    changes::{self, Change},
    law, names,
};
use crate::proto::class::SystemTime;

/// Years that a component tells of at most, from the first one on.
const YEARS: i16 = 120;
/// Octets of a line, without its end.
const LINE: usize = 75;

/// The VTIMEZONE component of a zone of the tz database for appointments from `from` to `to`, with CRLF line ends; `None` if there
/// is no such zone there. TZID is `name` as it stands, so it should be one that PHP knows.
///
/// It is written so that Horde's importer, which evaluates the component rather than ask PHP, reads the right instants from
/// it. Zones that keep one rule all that time give it as an RRULE and go on for ever. Otherwise the changes are listed; the
/// importer looks for those of the year in question and the one before, takes the clock of a DTSTART for that of the user's zone if
/// there are none, and wants one to be before the time in question. So every stretch of more than a year without a change, and
/// whatever is before and behind the list, is told by an observance of its own, that changes nothing.
pub fn vtimezone(name: &str, from: Date, to: Date) -> Option<String> {
    let zone = names::in_database(name)?;
    let first = from.year().saturating_sub(1);
    let last = to.year().saturating_add(1).clamp(first, first.saturating_add(YEARS));
    let changes =
        changes::between(&zone, changes::midnight(first, 1, 1), changes::midnight(last.saturating_add(1), 1, 1));
    let mut text = Text::default();
    text.line("BEGIN:VTIMEZONE");
    text.line(&format!("TZID:{name}"));
    match rules(&zone, &changes, first, last) {
        Some(rules) => rules.into_iter().for_each(|(change, rule)| text.ruled(change, rule)),
        None => text.listed(&zone, &changes, first),
    }
    text.line("END:VTIMEZONE");
    Some(text.0)
}

/// The two rules that give all of the changes.
fn rules<'a>(zone: &TimeZone, changes: &'a [Change], first: i16, last: i16) -> Option<[(&'a Change, SystemTime); 2]> {
    let rules = [changes.first()?, changes.get(1)?].map(|change| (change, law::start(zone, change)));
    let years = usize::try_from(last.saturating_sub(first)).ok()? + 1;
    let follows = |(change, (model, rule)): (&Change, &(&Change, SystemTime))| {
        (change.before, change.after) == (model.before, model.after)
            && rule.in_year(change.local().year()) == Some(change.local())
    };
    (changes.len() == 2 * years && changes.iter().zip(rules.iter().cycle()).all(follows)).then_some(rules)
}

/// Content lines.
#[derive(Default)]
struct Text(String);

impl Text {
    fn ruled(&mut self, change: &Change, rule: SystemTime) {
        let day = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"].get(usize::from(rule.day_of_week)).unwrap_or(&"SU");
        let week = if rule.day == 5 { -1 } else { i32::from(rule.day) };
        let rule = format!("RRULE:FREQ=YEARLY;BYMONTH={};BYDAY={week}{day}", rule.month);
        self.observance(change, &rule);
    }

    fn listed(&mut self, zone: &TimeZone, changes: &[Change], first: i16) {
        let start =
            changes.first().map_or_else(|| zone.to_offset(changes::midnight(first, 7, 1)), |change| change.before);
        self.steady(1970.min(first), start, "");
        let mut alike: BTreeMap<(Offset, Offset, Time, &str), Vec<&Change>> = BTreeMap::new();
        for change in changes {
            let key = (change.before, change.after, change.local().time(), change.abbreviation.as_str());
            alike.entry(key).or_default().push(change);
        }
        for group in alike.values() {
            let dates: Vec<String> = group.iter().map(|change| date_time(change.local())).collect();
            if let Some(change) = group.first() {
                self.observance(change, &format!("RDATE:{}", dates.join(",")));
            }
        }
        for (number, change) in changes.iter().enumerate() {
            let year = change.local().year();
            if changes.get(number + 1).is_none_or(|next| next.local().year() > year + 1) {
                self.steady(year.saturating_add(1), change.after, &change.abbreviation);
            }
        }
    }

    fn observance(&mut self, change: &Change, dates: &str) {
        let kind = if change.is_forward() { "DAYLIGHT" } else { "STANDARD" };
        self.component(kind, change.local(), (change.before, change.after), &[&name(&change.abbreviation), dates]);
    }

    /// An observance that begins with a year and changes nothing.
    fn steady(&mut self, year: i16, offset: Offset, abbreviation: &str) {
        let start = Date::new(year, 1, 1).unwrap_or(Date::MAX).to_datetime(Time::midnight());
        self.component("STANDARD", start, (offset, offset), &[&name(abbreviation)]);
    }

    fn component(&mut self, kind: &str, start: DateTime, (before, after): (Offset, Offset), rest: &[&str]) {
        self.line(&format!("BEGIN:{kind}"));
        self.line(&format!("DTSTART:{}", date_time(start)));
        self.line(&format!("TZOFFSETFROM:{}", hours(before)));
        self.line(&format!("TZOFFSETTO:{}", hours(after)));
        rest.iter().filter(|line| !line.is_empty()).for_each(|line| self.line(line));
        self.line(&format!("END:{kind}"));
    }

    /// A line, folded where it is too long. All of it is ASCII.
    fn line(&mut self, line: &str) {
        for (number, octet) in line.chars().enumerate() {
            // The space that marks what is folded counts, too.
            if number >= LINE && (number - LINE).is_multiple_of(LINE - 1) {
                self.0.push_str("\r\n ");
            }
            self.0.push(octet);
        }
        self.0.push_str("\r\n");
    }
}

fn name(abbreviation: &str) -> String {
    if abbreviation.is_empty() { String::new() } else { format!("TZNAME:{abbreviation}") }
}

fn date_time(local: DateTime) -> String {
    local.strftime("%Y%m%dT%H%M%S").to_string()
}

fn hours(offset: Offset) -> String {
    let (sign, seconds) = (if offset.is_negative() { '-' } else { '+' }, offset.seconds().unsigned_abs());
    let mut text = format!("{sign}{:02}{:02}", seconds / 3600, seconds / 60 % 60);
    if !seconds.is_multiple_of(60) {
        let _ = write!(text, "{:02}", seconds % 60);
    }
    text
}

//! Rules of recurrence that all three can say: the protocol (MS-ASCAL 2.2.2.37), iCalendar (RFC 5545 3.3.10) and, mostly, Horde.

use calcard::{
    common::CalendarScale,
    icalendar::{ICalendarFrequency, ICalendarRecurrenceRule, ICalendarSkip, ICalendarWeekday},
};
use jiff::civil::{Date, DateTime, Weekday};

use super::times::{self, Series};
use crate::{
    proto::class::{Properties, Value},
    wbxml::tag::calendar as c,
};

/// Weekdays as the protocol adds them up: 1 = Sunday, 2 = Monday, ... 64 = Saturday.
pub(super) type Days = u8;

/// Every day.
pub(super) const ALL: Days = 127;
/// Week number that means the last one.
pub(super) const LAST: i8 = 5;
/// Largest Interval and Occurrences (MS-ASCAL 2.2.2.25, 2.2.2.30).
const LARGEST: u32 = 999;
/// Most occurrences that are counted to find the end of a series of more than 999.
const COUNTED: u32 = 20_000;

/// Most occurrences in two weeks of a weekly series.
const TWO_WEEKS: usize = 14;

/// By which pattern a series recurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pattern {
    Daily,
    Weekly(Days),
    /// On that day of the month; in months that have it.
    Monthly(i8),
    /// On the n-th of these days of the month; the fifth is the last.
    MonthlyNth(i8, Days),
    /// In that month on that day.
    Yearly(i8, i8),
    /// In that month on the n-th of these days.
    YearlyNth(i8, i8, Days),
}

/// How long a series goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Never,
    Count(u32),
    /// This is the last day on which it can recur, where it takes place.
    Until(Date),
}

/// A rule of recurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) pattern: Pattern,
    /// Every so many days, weeks, months or years.
    pub(super) interval: u32,
    /// Weeks begin with it, when it is said.
    pub(super) first_day: Option<Weekday>,
    pub(super) end: End,
}

pub(super) const fn weekday(day: ICalendarWeekday) -> Weekday {
    match day {
        ICalendarWeekday::Sunday => Weekday::Sunday,
        ICalendarWeekday::Monday => Weekday::Monday,
        ICalendarWeekday::Tuesday => Weekday::Tuesday,
        ICalendarWeekday::Wednesday => Weekday::Wednesday,
        ICalendarWeekday::Thursday => Weekday::Thursday,
        ICalendarWeekday::Friday => Weekday::Friday,
        ICalendarWeekday::Saturday => Weekday::Saturday,
    }
}

/// The bit of a weekday.
pub(super) const fn bit(day: Weekday) -> Days {
    1 << day.to_sunday_zero_offset()
}

impl Rule {
    /// The rule of a neutral event.
    pub(super) fn of(item: &Properties, series: &Series) -> Option<Self> {
        let group = item.group(c::RECURRENCE)?;
        let number = |tag| group.text(tag)?.trim().parse::<i32>().ok();
        let within = |tag, most: i8| number(tag).and_then(|n| i8::try_from(n).ok()).filter(|n| (1..=most).contains(n));
        let days = || number(c::DAY_OF_WEEK).and_then(|n| Days::try_from(n).ok()).filter(|n| (1..=ALL).contains(n));
        let (week, day, month) =
            (|| within(c::WEEK_OF_MONTH, LAST), || within(c::DAY_OF_MONTH, 31), || within(c::MONTH_OF_YEAR, 12));
        let pattern = match number(c::TYPE)? {
            // The days of a daily rule are those of a weekly one.
            0 => days().filter(|days| *days != ALL).map_or(Pattern::Daily, Pattern::Weekly),
            1 => Pattern::Weekly(days()?),
            2 => Pattern::Monthly(day()?),
            3 => Pattern::MonthlyNth(week()?, days()?),
            5 => Pattern::Yearly(month()?, day()?),
            6 => Pattern::YearlyNth(month()?, week()?, days()?),
            _ => return None,
        };
        let until = || series.last_day(times::moment(group.text(c::UNTIL)?)?);
        let count = || u32::try_from(number(c::OCCURRENCES)?).ok().filter(|count| *count > 0);
        let first_day = number(c::FIRST_DAY_OF_WEEK).and_then(|n| i8::try_from(n).ok());
        Some(Self {
            pattern,
            interval: number(c::INTERVAL).and_then(|n| u32::try_from(n).ok()).unwrap_or(1).clamp(1, LARGEST),
            first_day: first_day.and_then(|day| Weekday::from_sunday_zero_offset(day).ok()),
            end: until()
                .map(|last| End::Until(last.max(series.start.date())))
                .or_else(|| count().map(End::Count))
                .unwrap_or(End::Never),
        })
    }

    /// Recurrence of the neutral event.
    pub(super) fn group(&self, series: &Series) -> Properties {
        let (kind, days, week, day, month) = match self.pattern {
            Pattern::Daily => (0, None, None, None, None),
            Pattern::Weekly(days) => (1, Some(days), None, None, None),
            Pattern::Monthly(day) => (2, None, None, Some(day), None),
            Pattern::MonthlyNth(week, days) => (3, Some(days), Some(week), None, None),
            Pattern::Yearly(month, day) => (5, None, None, Some(day), Some(month)),
            Pattern::YearlyNth(month, week, days) => (6, Some(days), Some(week), None, Some(month)),
        };
        let mut group = Properties::default();
        let mut set = |tag, number: Option<i64>| {
            if let Some(number) = number {
                group.0.insert(tag, Value::Text(number.to_string()));
            }
        };
        set(c::TYPE, Some(kind));
        set(c::INTERVAL, Some(self.interval.into()));
        set(c::DAY_OF_WEEK, days.map(i64::from));
        set(c::WEEK_OF_MONTH, week.map(i64::from));
        set(c::DAY_OF_MONTH, day.map(i64::from));
        set(c::MONTH_OF_YEAR, month.map(i64::from));
        set(c::FIRST_DAY_OF_WEEK, self.first_day.map(|day| day.to_sunday_zero_offset().into()));
        match self.end {
            End::Never => {}
            End::Count(count) => set(c::OCCURRENCES, Some(count.into())),
            End::Until(last) => group.set_text(c::UNTIL, series.on(last).map(times::compact).unwrap_or_default()),
        }
        group
    }

    /// What an RRULE says of a series that starts at `start`; `None` when the protocol cannot say it. `last` is the day of its UNTIL.
    pub(super) fn said(rule: &ICalendarRecurrenceRule, start: DateTime, last: Option<Date>) -> Option<Self> {
        let gregorian = rule.rscale.as_ref().is_none_or(|scale| *scale == CalendarScale::Gregorian);
        let skipped = rule.skip.is_none_or(|skip| skip == ICalendarSkip::Omit);
        if !gregorian || !skipped || !rule.byweekno.is_empty() || !at_the_start(rule, start) {
            return None;
        }
        let interval = u32::from(rule.interval.unwrap_or(1)).max(1);
        let pattern = pattern(rule, start.date())?;
        let end = match (rule.count, last) {
            (None, None) => End::Never,
            (None, Some(last)) => End::Until(last.max(start.date())),
            (Some(count), _) => End::Count(count.max(1)),
        };
        let first_day = rule.wkst.map(weekday).filter(|_| matches!(pattern, Pattern::Weekly(_)));
        let mut said = Self { pattern, interval, first_day, end };
        if let (End::Count(count), true) = (end, interval <= LARGEST)
            && (count > LARGEST || last.is_some())
        {
            let nth = usize::try_from(count.min(COUNTED)).ok()?.checked_sub(1)?;
            let counted = said.dates(start.date(), None).nth(nth)?;
            if count > COUNTED && last.is_none_or(|last| last > counted) {
                return None;
            }
            said.end = End::Until(last.map_or(counted, |last| last.min(counted)).max(start.date()));
        }
        (interval <= LARGEST).then_some(said)
    }

    /// The value of RRULE.
    pub(super) fn rrule(&self, until: impl Fn(Date) -> String) -> String {
        let by_days = |days: Days, week: Option<i8>| match week {
            None => format!(";BYDAY={}", names(days)),
            Some(week) if days == ALL => format!(";BYMONTHDAY={}", from_end(week)),
            Some(week) if days.count_ones() == 1 => format!(";BYDAY={}{}", from_end(week), names(days)),
            Some(week) => format!(";BYDAY={};BYSETPOS={}", names(days), from_end(week)),
        };
        let (frequency, by) = match self.pattern {
            Pattern::Daily => ("DAILY", String::new()),
            Pattern::Weekly(days) => ("WEEKLY", by_days(days, None)),
            Pattern::Monthly(day) => ("MONTHLY", format!(";BYMONTHDAY={day}")),
            Pattern::MonthlyNth(week, days) => ("MONTHLY", by_days(days, Some(week))),
            Pattern::Yearly(month, day) => ("YEARLY", format!(";BYMONTH={month};BYMONTHDAY={day}")),
            Pattern::YearlyNth(month, week, days) => {
                ("YEARLY", format!(";BYMONTH={month}{}", by_days(days, Some(week))))
            }
        };
        let first_day = self.first_day.map(|day| format!(";WKST={}", names(bit(day)))).unwrap_or_default();
        let end = match self.end {
            End::Never => String::new(),
            End::Count(count) => format!(";COUNT={count}"),
            End::Until(last) => format!(";UNTIL={}", until(last)),
        };
        format!("FREQ={frequency};INTERVAL={}{by}{first_day}{end}", self.interval)
    }

    /// Whether Horde's model has it for a series that starts on `start`: it knows one weekday, the n-th or in a month the last, and the
    /// day of a date. Its weeks begin on Monday.
    pub(super) fn is_in_horde(&self, start: Date) -> bool {
        match self.pattern {
            Pattern::Weekly(_) => {
                let on_monday = Self { first_day: None, ..*self };
                on_monday.dates(start, None).take(TWO_WEEKS).eq(self.dates(start, None).take(TWO_WEEKS))
            }
            Pattern::Daily | Pattern::Monthly(_) | Pattern::Yearly(..) => true,
            Pattern::MonthlyNth(week, days) => days.count_ones() == 1 || (days == ALL && week < LAST),
            Pattern::YearlyNth(_, week, days) => (days.count_ones() == 1 || days == ALL) && week < LAST,
        }
    }
}

/// Hours, minutes and seconds of a rule may say again when it starts, no more.
fn at_the_start(rule: &ICalendarRecurrenceRule, start: DateTime) -> bool {
    let same = |list: &[u8], own: i8| list.iter().all(|n| i8::try_from(*n) == Ok(own));
    same(&rule.byhour, start.hour()) && same(&rule.byminute, start.minute()) && same(&rule.bysecond, start.second())
}

fn pattern(rule: &ICalendarRecurrenceRule, start: Date) -> Option<Pattern> {
    let mut days = 0;
    for day in &rule.byday {
        days |= bit(weekday(day.weekday));
    }
    let ordinals = || rule.byday.iter().any(|day| day.ordwk.is_some());
    let month = match rule.bymonth.as_slice() {
        [] => None,
        [month] if !month.is_leap() => Some(i8::try_from(month.month()).ok().filter(|m| (1..=12).contains(m))?),
        _ => return None,
    };
    let dates = (rule.bymonthday.as_slice(), rule.byyearday.as_slice(), rule.bysetpos.as_slice());
    let interval = rule.interval.unwrap_or(1);
    match (rule.freq, month, dates) {
        (ICalendarFrequency::Daily, None, ([], [], [])) if matches!(days, 0 | ALL) => Some(Pattern::Daily),
        (ICalendarFrequency::Daily, None, ([], [], [])) if interval <= 1 && !ordinals() => Some(Pattern::Weekly(days)),
        (ICalendarFrequency::Weekly, None, ([], [], [])) if !ordinals() => {
            Some(Pattern::Weekly(if days == 0 { bit(start.weekday()) } else { days }))
        }
        (ICalendarFrequency::Monthly, None, (_, [], _)) => match nth(rule, days, start.day())? {
            Nth::Date(day) => Some(Pattern::Monthly(day)),
            Nth::Day(week, days) => Some(Pattern::MonthlyNth(week, days)),
        },
        // A month once a year, whichever way it is said.
        (ICalendarFrequency::Monthly, Some(month), (_, [], _)) if interval <= 1 => yearly(rule, days, month, start),
        (ICalendarFrequency::Yearly, Some(month), (_, [], _)) => yearly(rule, days, month, start),
        (ICalendarFrequency::Yearly, None, ([], [], [])) if days == 0 => {
            Some(Pattern::Yearly(start.month(), start.day()))
        }
        // Before the end of February every year has the same days.
        (ICalendarFrequency::Yearly, None, ([], [day @ 1..=59], [])) if days == 0 => {
            let date = Date::constant(2001, 1, 1).checked_add(jiff::Span::new().days(day - 1)).ok()?;
            Some(Pattern::Yearly(date.month(), date.day()))
        }
        _ => None,
    }
}

fn yearly(rule: &ICalendarRecurrenceRule, days: Days, month: i8, start: Date) -> Option<Pattern> {
    Some(match nth(rule, days, start.day())? {
        Nth::Date(day) => Pattern::Yearly(month, day),
        Nth::Day(week, days) => Pattern::YearlyNth(month, week, days),
    })
}

/// Which day of a month.
enum Nth {
    Date(i8),
    Day(i8, Days),
}

fn nth(rule: &ICalendarRecurrenceRule, days: Days, start: i8) -> Option<Nth> {
    let week = |n: i32| match n {
        -1 => Some(LAST),
        1..=4 => i8::try_from(n).ok(),
        // A fifth one that is not the last where there are four.
        _ => None,
    };
    match (rule.byday.as_slice(), rule.bymonthday.as_slice(), rule.bysetpos.as_slice()) {
        ([], [], []) => Some(Nth::Date(start)),
        ([], [day @ 1..=31], []) => Some(Nth::Date(*day)),
        ([], [-1], []) => Some(Nth::Day(LAST, ALL)),
        // The last day, as some say it.
        ([], [28, 29, 30, 31], [-1]) => Some(Nth::Day(LAST, ALL)),
        ([day], [], []) => Some(Nth::Day(week(day.ordwk?.into())?, days)),
        (several, [], [n]) if several.iter().all(|day| day.ordwk.is_none()) && days != 0 => {
            Some(Nth::Day(week(*n)?, days))
        }
        _ => None,
    }
}

fn from_end(week: i8) -> i8 {
    if week == LAST { -1 } else { week }
}

fn names(days: Days) -> String {
    let names = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"].into_iter().enumerate();
    let set: Vec<&str> = names.filter(|(n, _)| days & (1 << n) != 0).map(|(_, name)| name).collect();
    set.join(",")
}

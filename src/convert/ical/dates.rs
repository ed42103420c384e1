//! The days on which a series recurs.

use jiff::{
    Span,
    civil::{Date, Weekday},
};

use super::rule::{self, Days, End, LAST, Pattern, Rule};

/// Most intervals that are looked at: a day that never comes (30 February) ends with it.
const INTERVALS: i64 = 100_000;

impl Rule {
    /// The days of the series that starts on `start`, in order; with `from` at least those from there on.
    pub(super) fn dates(self, start: Date, from: Option<Date>) -> impl Iterator<Item = Date> {
        // What is counted has to be counted from the first one.
        let first = match (self.end, from) {
            (End::Count(_), _) | (_, None) => 0,
            (_, Some(from)) => self.intervals_before(start, from),
        };
        let most = match self.end {
            End::Count(count) => usize::try_from(count).unwrap_or(usize::MAX),
            _ => usize::MAX,
        };
        let last = match self.end {
            End::Until(last) => last,
            _ => Date::MAX,
        };
        (first..first + INTERVALS)
            .map_while(move |n| self.interval_of(start, n))
            .flatten()
            .filter(move |date| *date >= start)
            .take_while(move |date| *date <= last)
            .take(most)
    }

    /// How many whole intervals of the series are over before that day, rather too few.
    fn intervals_before(&self, start: Date, from: Date) -> i64 {
        let days = from.duration_since(start).as_hours() / 24;
        let longest = match self.pattern {
            Pattern::Daily => 1,
            Pattern::Weekly(_) => 7,
            Pattern::Monthly(_) | Pattern::MonthlyNth(..) => 31,
            Pattern::Yearly(..) | Pattern::YearlyNth(..) => 366,
        };
        (days / (longest * i64::from(self.interval)) - 1).max(0)
    }

    /// The days of its n-th interval; `None` when the calendar is at its end.
    fn interval_of(&self, start: Date, n: i64) -> Option<Vec<Date>> {
        let n = n.checked_mul(self.interval.into())?;
        let months = |first: Date, months: i64| first.checked_add(Span::new().try_months(months).ok()?).ok();
        let month = |month: i8| Date::new(start.year(), month, 1).ok();
        Some(match self.pattern {
            Pattern::Daily => vec![start.checked_add(Span::new().try_days(n).ok()?).ok()?],
            Pattern::Weekly(days) => {
                let first_day = self.first_day.unwrap_or(Weekday::Monday);
                let into = i64::from(start.weekday().since(first_day));
                let week = start.checked_add(Span::new().try_days(n.checked_mul(7)? - into).ok()?).ok()?;
                let all = (0..7).filter_map(|day| week.checked_add(Span::new().days(day)).ok());
                all.filter(|date| days & rule::bit(date.weekday()) != 0).collect()
            }
            Pattern::Monthly(day) => on(months(start.first_of_month(), n)?, day),
            Pattern::MonthlyNth(week, days) => nth(months(start.first_of_month(), n)?, week, days),
            Pattern::Yearly(in_month, day) => on(months(month(in_month)?, n.checked_mul(12)?)?, day),
            Pattern::YearlyNth(in_month, week, days) => nth(months(month(in_month)?, n.checked_mul(12)?)?, week, days),
        })
    }
}

/// That day of the month, if it has it.
fn on(month: Date, day: i8) -> Vec<Date> {
    Date::new(month.year(), month.month(), day).into_iter().collect()
}

/// The n-th of these weekdays in the month.
fn nth(month: Date, week: i8, days: Days) -> Vec<Date> {
    let all = (1..=month.days_in_month()).filter_map(|day| Date::new(month.year(), month.month(), day).ok());
    let mut fitting = all.filter(|date| days & rule::bit(date.weekday()) != 0);
    let found = if week == LAST { fitting.next_back() } else { fitting.nth(usize::try_from(week - 1).unwrap_or(0)) };
    found.into_iter().collect()
}

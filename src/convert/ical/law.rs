//! What a VTIMEZONE says, for zones whose name says nothing.

use calcard::icalendar::{
    ICalendarComponent, ICalendarComponentType, ICalendarProperty, ICalendarRecurrenceRule, ICalendarValue,
};
use jiff::{
    civil::DateTime,
    tz::{Offset, TimeZone},
};

use super::times::{self, Plain};

/// One STANDARD or DAYLIGHT.
struct Observance<'a> {
    start: DateTime,
    offset: Offset,
    rule: Option<&'a ICalendarRecurrenceRule>,
}

/// The zone that the component describes by its newest rules; `None` when it has no sound observance.
pub(super) fn law(component: &ICalendarComponent, all: &[ICalendarComponent]) -> Option<TimeZone> {
    let newest = |kind: ICalendarComponentType| {
        let children = component.component_ids.iter().filter_map(|id| all.get(usize::try_from(*id).ok()?));
        children.filter(|child| child.component_type == kind).filter_map(observance).max_by_key(|o| o.start)
    };
    let standard = newest(ICalendarComponentType::Standard);
    let daylight = newest(ICalendarComponentType::Daylight);
    let (Some(standard), Some(daylight)) = (&standard, &daylight) else {
        return Some(TimeZone::fixed(standard.or(daylight)?.offset));
    };
    match (change(standard), change(daylight)) {
        (Some(to_standard), Some(to_daylight)) => {
            let (standard, daylight) = (posix(standard.offset), posix(daylight.offset));
            TimeZone::posix(&format!("STD{standard}DST{daylight},{to_daylight},{to_standard}")).ok()
        }
        // Who has no rule any more has no daylight time any more.
        _ => Some(TimeZone::fixed(if standard.start > daylight.start { standard.offset } else { daylight.offset })),
    }
}

fn observance(component: &ICalendarComponent) -> Option<Observance<'_>> {
    let first = |name: &ICalendarProperty| component.property(name)?.values.first();
    let date = |name: &ICalendarProperty| match first(name)? {
        ICalendarValue::PartialDateTime(date) => Some(date),
        _ => None,
    };
    let Plain::Time(start) = times::plain(date(&ICalendarProperty::Dtstart)?)? else { return None };
    let offset = times::offset(date(&ICalendarProperty::Tzoffsetto)?)?;
    let rule = match first(&ICalendarProperty::Rrule) {
        Some(ICalendarValue::RecurrenceRule(rule)) => Some(&**rule),
        _ => None,
    };
    Some(Observance { start, offset, rule })
}

/// `M3.5.0/2:00:00`: when it begins every year.
fn change(observance: &Observance<'_>) -> Option<String> {
    let rule = observance.rule?;
    let month = match rule.bymonth.as_slice() {
        [month] => i8::try_from(month.month()).ok()?,
        _ => observance.start.month(),
    };
    let [day] = rule.byday.as_slice() else { return None };
    let week = match (day.ordwk, rule.bymonthday.iter().min()) {
        (Some(-1), _) => 5,
        (Some(week @ 1..=5), _) => week,
        // "The first Sunday on or after the 8th."
        (None, Some(first @ 1..)) => i16::from((first - 1) / 7 + 1),
        _ => return None,
    };
    let weekday = super::rule::weekday(day.weekday).to_sunday_zero_offset();
    let time = observance.start.time();
    Some(format!("M{month}.{week}.{weekday}/{}:{:02}:{:02}", time.hour(), time.minute(), time.second()))
}

/// POSIX counts what is added to local time.
fn posix(offset: Offset) -> String {
    let seconds = offset.seconds();
    let (sign, seconds) = (if seconds > 0 { "-" } else { "" }, seconds.abs());
    format!("{sign}{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

//! The occurrences of a series.

use jiff::Timestamp;

use super::{
    rule::Rule,
    times::{self, Series},
};
use crate::{proto::class::Properties, wbxml::tag::calendar as c};

/// The series that a neutral event is; `None` without a rule, or without a start.
pub(super) fn series(item: &Properties, zone: &str) -> Option<(Series, Rule)> {
    let series = frame(item, zone)?;
    let rule = Rule::of(item, &series)?;
    Some((series, rule))
}

/// Where and when the event takes place, as if it were a series.
pub(super) fn frame(item: &Properties, zone: &str) -> Option<Series> {
    let start = times::moment(item.text(c::START_TIME)?)?;
    Some(Series::new(start, item.text(c::ALL_DAY_EVENT) == Some("1"), &times::zone_of(zone)))
}

/// Moves start and end to the first occurrence of the series.
pub(super) fn align(item: &mut Properties, rule: Rule, series: &Series) {
    let first = rule.dates(series.start.date(), None).next().filter(|first| *first != series.start.date());
    let moment = |tag| item.text(tag).and_then(times::moment);
    if let Some(start) = first.and_then(|first| series.on(first))
        && let (Some(old), Some(end)) = (moment(c::START_TIME), moment(c::END_TIME))
        && let Ok(end) = start.checked_add(end.duration_since(old))
    {
        item.set_text(c::START_TIME, times::compact(start));
        item.set_text(c::END_TIME, times::compact(end));
    }
}

/// The event as it is stored: a series begins with its first occurrence, because Horde takes weekday and number from there (RFC 5545
/// 3.8.5.3 wants it, too). Everything else is as it was.
pub fn aligned(item: &Properties, zone: &str) -> Properties {
    let mut item = item.clone();
    if let Some((series, rule)) = series(&item, zone) {
        align(&mut item, rule, &series);
    }
    item
}

/// Whether Horde can store the event's rule. It knows neither the last Friday of a month in years, nor several weekdays in months, nor
/// weeks that begin on Sunday, where that makes a difference.
pub fn is_in_horde(item: &Properties, zone: &str) -> bool {
    match item.group(c::RECURRENCE) {
        Some(group) if !group.0.is_empty() => {
            series(item, zone).is_some_and(|(series, rule)| rule.is_in_horde(series.start.date()))
        }
        _ => true,
    }
}

/// Original starts of the occurrences of a series from `from` to before `to`, at most `limit` of them, in order; exceptions are not
/// looked at. `zone` is the IANA name of the zone in which it recurs. Of an all-day series midnights in UTC. Of a single event its start.
pub fn occurrences(item: &Properties, zone: &str, from: Timestamp, to: Timestamp, limit: usize) -> Vec<Timestamp> {
    let Some(frame) = frame(item, zone) else { return Vec::new() };
    let within = |at: &Timestamp| *at >= from && *at < to;
    let Some(rule) = Rule::of(item, &frame) else {
        return frame.on(frame.start.date()).filter(within).into_iter().take(limit).collect();
    };
    let day = |at| frame.zone.to_datetime(at).date();
    let days = rule.dates(frame.start.date(), Some(day(from)));
    let last = day(to);
    let days = days.take_while(|date| *date <= last);
    days.filter_map(|date| frame.on(date)).filter(within).take(limit).collect()
}

/// The original start of the occurrence that is meant by `at`: the one next to it, not more than half an interval away for a daily series.
/// Phones send starts that are shifted by an hour or a day (a series that was moved, summer time, all-day exceptions).
pub fn nearest(item: &Properties, zone: &str, at: Timestamp) -> Option<Timestamp> {
    /// How far off a start can be and still be meant.
    const FAR: i64 = 36;
    let reach = jiff::SignedDuration::from_hours(FAR);
    let (from, to) = (at.checked_sub(reach).ok()?, at.checked_add(reach).ok()?);
    let near = occurrences(item, zone, from, to, usize::MAX);
    near.into_iter().min_by_key(|start| start.duration_since(at).abs())
}

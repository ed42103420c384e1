//! Recurrences. Nag tells of them but takes none over RPC; all that can be written is that there is none any more.

use jiff::{civil::DateTime, tz::TimeZone};
use serde_json::Value as Json;

use super::{
    task::whole,
    value::{local, to_utc, wire},
};
use crate::{
    proto::class::Properties,
    wbxml::{Tag, tag::tasks as t},
};

/// A recurrence as `listTasks` tells of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Series {
    /// Horde_Date_Recurrence::RECUR_*.
    kind: i64,
    interval: i64,
    /// Mask of weekdays, Sunday = 1.
    days: i64,
    count: i64,
    /// It has an end, but the answer does not hold it (an object that PHP gives no properties of).
    ends: bool,
    /// How many occurrences are done or left out.
    pub(super) used: usize,
    /// The occurrence to be done next, when that is not the first.
    pub(super) next_start: Option<i64>,
    pub(super) next_due: Option<i64>,
}

/// What makes one rule another.
const CORE: [Tag; 7] =
    [t::TYPE, t::INTERVAL, t::DAY_OF_WEEK, t::DAY_OF_MONTH, t::WEEK_OF_MONTH, t::MONTH_OF_YEAR, t::UNTIL];

/// Whether both say which days those are in the same way. Where the rule begins and how many are left moves with every occurrence.
pub(super) fn same_rule(a: &Properties, b: &Properties) -> bool {
    let value = |rule: &Properties, tag: Tag| match rule.text(tag) {
        None if tag == t::INTERVAL => "1".to_owned(),
        text => text.unwrap_or_default().to_owned(),
    };
    CORE.iter().all(|tag| value(a, *tag) == value(b, *tag))
}

impl Series {
    pub(super) fn read(json: &Json) -> Option<Self> {
        let number = |field: &str| json.get(field).and_then(whole).unwrap_or_default();
        let length = |field: &str| match json.get(field) {
            Some(Json::Array(list)) => list.len(),
            Some(Json::Object(map)) => map.len(),
            _ => 0,
        };
        let series = Self {
            kind: number("recurType"),
            interval: number("recurInterval").clamp(1, 999),
            days: number("recurData"),
            count: number("recurCount"),
            ends: json.get("recurEnd").is_some_and(|end| !end.is_null()),
            used: length("exceptions") + length("completions"),
            next_start: None,
            next_due: None,
        };
        (series.kind > 0).then_some(series)
    }

    /// Learns which occurrence comes next, of a task that begins and is due like that.
    pub(super) fn learn(&mut self, start: i64, due: i64, next: DateTime, zone: &TimeZone) {
        let moment = to_utc(next, zone);
        if moment == due {
            return;
        }
        self.next_due = Some(moment);
        let later = local(due, zone).map(|due| next.duration_since(due));
        let next_start = local(start, zone).zip(later).and_then(|(start, later)| start.checked_add(later).ok());
        self.next_start = next_start.map(|start| to_utc(start, zone));
    }

    /// Forgets which occurrence comes next; says whether it was not the first.
    pub(super) fn begin_anew(&mut self) -> bool {
        let next = (self.next_start.take(), self.next_due.take());
        next != (None, None)
    }

    /// The rule as phones have it, for an occurrence that is due at `due`; `None` when phones cannot be told of it truly. Then they see the
    /// occurrence that is to be done next, and when that is done, the one after it.
    pub(super) fn rule(&self, due: i64, zone: &TimeZone) -> Option<Properties> {
        let due = local(due, zone)?;
        if self.ends {
            return None;
        }
        let mut rule = Properties::default();
        let mut set = |tag, number: i64| rule.set_text(tag, number.to_string());
        let days = 1_i64 << due.weekday().to_sunday_zero_offset();
        let (day, month) = (i64::from(due.day()), i64::from(due.month()));
        let week = (day + 6) / 7;
        match self.kind {
            1 => set(t::TYPE, 0),
            2 => {
                set(t::TYPE, 1);
                set(t::DAY_OF_WEEK, if (1..=127).contains(&self.days) { self.days } else { days });
            }
            3 => {
                set(t::TYPE, 2);
                set(t::DAY_OF_MONTH, day);
            }
            4 | 8 => {
                set(t::TYPE, 3);
                set(t::WEEK_OF_MONTH, if self.kind == 8 { 5 } else { week });
                set(t::DAY_OF_WEEK, days);
            }
            5 => {
                set(t::TYPE, 5);
                set(t::DAY_OF_MONTH, day);
                set(t::MONTH_OF_YEAR, month);
            }
            7 => {
                set(t::TYPE, 6);
                set(t::WEEK_OF_MONTH, week);
                set(t::DAY_OF_WEEK, days);
                set(t::MONTH_OF_YEAR, month);
            }
            // The nth day of the year.
            _ => return None,
        }
        set(t::INTERVAL, self.interval);
        if self.count > 0 {
            let used = i64::try_from(self.used).unwrap_or(i64::MAX);
            set(t::OCCURRENCES, self.count.saturating_sub(used).clamp(1, 999));
        }
        rule.set_text(t::START, wire(due));
        Some(rule)
    }
}

/// What `listTasks` with `json` says of when the next occurrence is due, local date. (What it says of the start is that of the first one.)
pub(super) fn next_due(row: &Json) -> Option<DateTime> {
    row.get("du")?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(json: &Json) -> Option<Vec<(Tag, String)>> {
        // Tuesday 2026-12-01 05:40 in Berlin.
        let rule = Series::read(json)?.rule(1_796_100_000, &TimeZone::get("Europe/Berlin").unwrap())?;
        let text = |(tag, _): (&Tag, _)| (*tag, rule.text(*tag).unwrap_or_default().to_owned());
        Some(rule.0.iter().map(text).filter(|(tag, _)| *tag != t::START && *tag != t::INTERVAL).collect())
    }

    #[test]
    fn rules_of_horde_as_phones_have_them() {
        let of = |kind: i64| rule(&json!({"recurType": kind, "recurInterval": 1, "recurData": null, "recurEnd": null}));
        let pairs = |list: &[(Tag, &str)]| {
            let mut list: Vec<_> = list.iter().map(|(tag, text)| (*tag, (*text).to_owned())).collect();
            list.sort();
            Some(list)
        };
        assert_eq!(of(1), pairs(&[(t::TYPE, "0")]));
        assert_eq!(of(2), pairs(&[(t::TYPE, "1"), (t::DAY_OF_WEEK, "4")]));
        assert_eq!(of(3), pairs(&[(t::TYPE, "2"), (t::DAY_OF_MONTH, "1")]));
        assert_eq!(of(4), pairs(&[(t::TYPE, "3"), (t::WEEK_OF_MONTH, "1"), (t::DAY_OF_WEEK, "4")]));
        assert_eq!(of(8), pairs(&[(t::TYPE, "3"), (t::WEEK_OF_MONTH, "5"), (t::DAY_OF_WEEK, "4")]));
        assert_eq!(of(5), pairs(&[(t::TYPE, "5"), (t::DAY_OF_MONTH, "1"), (t::MONTH_OF_YEAR, "12")]));
        let nth = [(t::TYPE, "6"), (t::WEEK_OF_MONTH, "1"), (t::DAY_OF_WEEK, "4"), (t::MONTH_OF_YEAR, "12")];
        assert_eq!(of(7), pairs(&nth));
        assert_eq!([of(6), of(0)], [None, None]);
        // An end that cannot be read must not become "endless".
        assert_eq!(rule(&json!({"recurType": 1, "recurInterval": 1, "recurEnd": {}})), None);
        let counted = json!({"recurType": "2", "recurInterval": "1", "recurData": 10, "recurCount": 5, "completions": ["20261201"]});
        assert_eq!(rule(&counted), pairs(&[(t::TYPE, "1"), (t::DAY_OF_WEEK, "10"), (t::OCCURRENCES, "4")]));
    }
}

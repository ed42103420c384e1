//! A task as Nag has it.

use serde_json::{Map, Value as Json, json};

use super::series::Series;
use crate::source::app::Row;

/// What of a task a phone can see or change. Moments are Unix seconds; 0 = none.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Task {
    /// Nag's own id, by which it is written.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) desc: String,
    pub(super) start: i64,
    pub(super) due: i64,
    /// 1 (high) to 5 (low).
    pub(super) priority: i64,
    pub(super) completed: bool,
    pub(super) completed_date: i64,
    /// Minutes before `due`; 0 = none.
    pub(super) alarm: i64,
    pub(super) private: bool,
    pub(super) tags: Vec<String>,
    pub(super) series: Option<Series>,
}

impl Task {
    /// A row of `listTasks`, with its uid; `None` when it is none.
    pub(super) fn read(row: &Json) -> Option<(String, Self)> {
        let text = |field: &str| row.get(field).and_then(Json::as_str).unwrap_or_default().to_owned();
        let number = |field: &str| row.get(field).and_then(whole).unwrap_or_default();
        let tags = match row.get("tags") {
            Some(Json::Object(map)) => map.values().filter_map(Json::as_str).map(str::to_owned).collect(),
            Some(Json::Array(list)) => list.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        let task = Self {
            id: row.get("task_id")?.as_str()?.to_owned(),
            name: text("name"),
            desc: text("desc"),
            start: number("start"),
            due: number("due"),
            priority: number("priority"),
            completed: number("completed") != 0,
            completed_date: number("completed_date"),
            alarm: number("alarm"),
            private: number("private") != 0,
            tags,
            series: row.get("recurrence").and_then(Series::read),
        };
        Some((row.get("uid")?.as_str()?.to_owned(), task))
    }

    /// When the occurrence begins that is to be done next.
    pub(super) fn next_start(&self) -> i64 {
        self.series.as_ref().and_then(|series| series.next_start).filter(|_| self.start != 0).unwrap_or(self.start)
    }

    /// When the occurrence is due that is to be done next.
    pub(super) fn next_due(&self) -> i64 {
        self.series.as_ref().and_then(|series| series.next_due).filter(|_| self.due != 0).unwrap_or(self.due)
    }

    /// What to tell Nag so that `before` becomes this.
    pub(super) fn fields(&self, before: &Self) -> Map<String, Json> {
        let mut fields = Map::new();
        let mut put = |differs: bool, field: &str, value: Json| {
            if differs {
                fields.insert(field.to_owned(), value);
            }
        };
        put(self.name != before.name, "name", json!(self.name));
        put(self.desc != before.desc, "desc", json!(self.desc));
        put(self.start != before.start, "start", json!(self.start));
        put(self.due != before.due, "due", json!(self.due));
        put(self.priority != before.priority, "priority", json!(self.priority));
        put(self.alarm != before.alarm, "alarm", json!(self.alarm));
        put(self.private != before.private, "private", json!(self.private));
        put(self.tags != before.tags, "tags", json!(self.tags));
        put(self.series.is_none() && before.series.is_some(), "recurrence", Json::Null);
        let dated = self.completed_date != before.completed_date;
        // With the date alone Nag would set its alarm again.
        put(self.completed != before.completed || dated, "completed", json!(self.completed));
        // Nag completes one occurrence of a series and notes no date for that.
        put(dated && self.series.is_none(), "completed_date", json!(self.completed_date));
        fields
    }
}

impl Row for Task {
    fn weight(&self) -> usize {
        let tags: usize = self.tags.iter().map(|tag| tag.len() + 24).sum();
        256 + self.id.len() + self.name.len() + self.desc.len() + tags
    }
}

/// A whole number, however PHP wrote it.
pub(super) fn whole(value: &Json) -> Option<i64> {
    match value {
        Json::Bool(yes) => Some(i64::from(*yes)),
        Json::String(text) => text.trim().parse().ok(),
        value => value.as_i64(),
    }
}

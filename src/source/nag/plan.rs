//! What a change comes to: a task as Nag is to have it, and what is kept beside.

use jiff::tz::TimeZone;
use serde_json::Value as Json;

use super::{
    task::Task,
    value::{TAGS, change, item_of, wanted},
};
use crate::{
    proto::class::{Patch, Properties},
    source::{Kept, app::text::without_rare},
};

/// A change, worked out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    /// The task as Nag will have it.
    pub(super) after: Task,
    pub(super) kept: Kept,
    /// The task as phones are to see it.
    wanted: Properties,
}

/// Works out what a patch means for a task.
pub(super) fn plan(now: &Task, kept: &Kept, patch: &Patch, zone: &TimeZone) -> Plan {
    let seen = kept.merge(&item_of(now, zone));
    let wanted = wanted(&seen, patch, zone);
    let mut plan = Plan { after: change(now, &seen, &wanted, zone), kept: kept.clone(), wanted };
    plan.note(zone);
    plan
}

impl Plan {
    fn note(&mut self, zone: &TimeZone) {
        self.kept.note(TAGS, &self.wanted, &item_of(&self.after, zone));
    }

    /// Replaces the characters outside the Basic Multilingual Plane, which MySQL's three-byte `utf8` refuses; says whether there were
    /// any. The whole is kept beside.
    pub(super) fn lose_rare_characters(&mut self, zone: &TimeZone) -> bool {
        let mut any = false;
        for text in [&mut self.after.name, &mut self.after.desc].into_iter().chain(&mut self.after.tags) {
            if let Some(Json::String(poorer)) = without_rare(&Json::from(text.as_str())) {
                *text = poorer;
                any = true;
            }
        }
        self.note(zone);
        any
    }
}

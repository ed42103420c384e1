//! What a change comes to: a note as Mnemo is to have it, and what is kept beside.

use serde_json::Value as Json;

use super::value::{Note, TAGS, change, item_of, wanted};
use crate::{
    proto::class::{Patch, Properties},
    source::{Kept, app::text::without_rare},
};

/// A change, worked out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    /// The note as Mnemo will have it.
    pub(super) after: Note,
    pub(super) kept: Kept,
    /// The note as phones are to see it.
    wanted: Properties,
}

/// Works out what a patch means for a note.
pub(super) fn plan(now: &Note, kept: &Kept, patch: &Patch) -> Plan {
    let seen = kept.merge(&item_of(now));
    let wanted = wanted(&seen, patch);
    let mut plan = Plan { after: change(now, &seen, &wanted), kept: kept.clone(), wanted };
    plan.note();
    plan
}

impl Plan {
    fn note(&mut self) {
        self.kept.note(TAGS, &self.wanted, &item_of(&self.after));
    }

    /// Replaces the characters outside the Basic Multilingual Plane, which MySQL's three-byte `utf8` refuses; says whether there were
    /// any. The whole is kept beside.
    pub(super) fn lose_rare_characters(&mut self) -> bool {
        let mut any = false;
        for text in std::iter::once(&mut self.after.text).chain(&mut self.after.tags) {
            if let Some(Json::String(poorer)) = without_rare(&Json::from(text.as_str())) {
                *text = poorer;
                any = true;
            }
        }
        self.note();
        any
    }
}

//! What one device has of one collection: snapshot, generations on top of it, and the intents of writes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::{
    SyncKey,
    items::{Items, Packed},
};
use crate::{
    proto::sync::{CommandKind, Options},
    wbxml::Tag,
};

/// Version of the records below. A reader for older ones is added when this is raised; unknown ones restart the collection.
pub(super) const FORMAT: u32 = 1;

/// An item that the phone has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Item {
    /// Horde's uid.
    pub(super) uid: String,
    /// Fingerprint of the item as the phone has it.
    pub(super) fingerprint: u64,
    /// The phone wrote the item and it was not looked at since: properties that the source fills in by itself are not in the fingerprint.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) own: bool,
    /// Fingerprint of what the source made of the phone's version, if that is something else and the phone was not told yet; 0 = none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) seen: u64,
    /// When a listing was last compared before the phone wrote the item, Unix seconds: until the next one it stays there even if it is not what
    /// the phone wants. Means something only with `own`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) written: u64,
    /// When the item leaves what the phone wants because time passes, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ends: Option<i64>,
}

/// Fingerprint of an item of which the phone has something else than the source in places that never change.
const GIVEN_BACK: u64 = 0;
/// Fingerprint of an item of which the phone does not have all that can change.
const STALE: u64 = 1;

impl Item {
    /// An item of which the phone is to get the source's version whatever it has.
    pub(super) fn given_back(uid: String) -> Self {
        Self::sent(uid, GIVEN_BACK)
    }

    /// An item of which the phone is to get again what can change.
    pub(super) fn stale(uid: String) -> Self {
        Self::sent(uid, STALE)
    }

    /// Whether the phone still lacks something of what can change.
    pub(super) fn is_stale(&self) -> bool {
        self.fingerprint == STALE
    }

    /// Whether the phone needs all of it again.
    pub(super) fn is_given_back(&self) -> bool {
        self.fingerprint == GIVEN_BACK
    }

    /// An item as the source gave it to the phone.
    pub(super) fn sent(uid: String, fingerprint: u64) -> Self {
        Self { uid, fingerprint, own: false, seen: 0, written: 0, ends: None }
    }

    /// An item as the phone gave it to the source, after the listing of that time.
    pub(super) fn received(uid: String, fingerprint: u64, listed: u64) -> Self {
        Self { uid, fingerprint, own: true, seen: 0, written: listed, ends: None }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The state of one generation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) format: u32,
    pub(super) series: u64,
    pub(super) generation: u64,
    /// Where the container's history stood when changes were last taken in; `None` before the first listing.
    pub(super) cursor: Option<u64>,
    /// When a full listing was last compared, Unix seconds.
    pub(super) listed: u64,
    /// FilterType for which it was compared; 0 = all.
    #[serde(default)]
    pub(super) filter: u32,
    /// Since when the source gives none of its items, though it lists them; 0 = it does give some. Unix seconds.
    #[serde(default)]
    pub(super) trouble: u64,
    /// Options, sticky.
    pub(super) options: Vec<Options>,
    /// Supported, as (page, token).
    pub(super) supported: Option<Vec<(u8, u8)>>,
    /// Properties that the phone has sent so far, as (page, token).
    #[serde(default)]
    pub(super) shown: BTreeSet<(u8, u8)>,
    /// What the phone has, by item id.
    pub(super) items: Items,
    /// Those of them that are packed, in a snapshot.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) packed: Vec<Packed>,
    /// uids that are new or changed and not yet looked at, in order.
    pub(super) dirty: VecDeque<String>,
    /// uids of items that are gone and not yet deleted on the phone, in order.
    pub(super) gone: VecDeque<String>,
    /// uids of items that could not be delivered, with the reason.
    pub(super) aside: BTreeMap<String, String>,
}

impl State {
    /// The first generation of a new series.
    pub(super) fn begin(key: SyncKey, options: Vec<Options>, supported: Option<&[Tag]>) -> Self {
        Self {
            format: FORMAT,
            series: key.series,
            generation: key.generation,
            options,
            supported: supported.map(|tags| tags.iter().map(|t| (t.page(), t.token())).collect()),
            ..Self::default()
        }
    }

    /// The key that names this generation.
    pub(super) fn key(&self) -> SyncKey {
        SyncKey { series: self.series, generation: self.generation }
    }

    /// The Supported list as tags.
    pub(super) fn supported(&self) -> Option<Vec<Tag>> {
        self.supported.as_ref().map(|list| list.iter().filter_map(|(page, token)| Tag::known(*page, *token)).collect())
    }

    /// The properties that the phone has sent so far.
    pub(super) fn shown(&self) -> BTreeSet<Tag> {
        self.shown.iter().filter_map(|(page, token)| Tag::known(*page, *token)).collect()
    }

    /// Takes one generation on top.
    pub(super) fn apply(&mut self, delta: &Generation) {
        self.generation = delta.generation;
        self.cursor = delta.cursor;
        self.listed = delta.listed;
        self.filter = delta.filter.unwrap_or(self.filter);
        self.trouble = delta.trouble;
        if let Some(options) = &delta.options {
            self.options.clone_from(options);
        }
        self.shown.extend(&delta.shown);
        for id in &delta.removed {
            self.items.remove(id);
        }
        for (id, item) in &delta.set {
            self.items.insert(id.clone(), item.clone());
        }
        if !delta.done.is_empty() {
            let done: BTreeSet<&String> = delta.done.iter().collect();
            self.dirty.retain(|uid| !done.contains(uid));
            self.gone.retain(|uid| !done.contains(uid));
        }
        self.dirty.extend(delta.dirty.iter().cloned());
        self.gone.extend(delta.gone.iter().cloned());
        for (uid, reason) in &delta.aside {
            match reason {
                Some(reason) => self.aside.insert(uid.clone(), reason.clone()),
                None => self.aside.remove(uid),
            };
        }
    }
}

/// What changed from one generation to the next. Order of application: removed, set, done, then the queues.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Generation {
    /// Number of the generation that this one follows.
    pub(super) from: u64,
    pub(super) generation: u64,
    pub(super) cursor: Option<u64>,
    pub(super) listed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) filter: Option<u32>,
    pub(super) trouble: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) options: Option<Vec<Options>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) shown: Vec<(u8, u8)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) set: Vec<(String, Item)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) removed: Vec<String>,
    /// uids that leave the queues.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) done: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) dirty: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) gone: Vec<String>,
    /// Items put aside (reason) or taken back (`None`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) aside: Vec<(String, Option<String>)>,
    /// Client commands that were carried out for this generation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) settled: Vec<Settled>,
}

/// Names a client command: a repeat of it is recognised by all three.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CommandName {
    pub(super) kind: CommandKind,
    /// ClientId or ServerId.
    pub(super) id: String,
    /// Digest of the command's content.
    pub(super) digest: u64,
}

impl Generation {
    /// What leads from `base` to `state`.
    pub(super) fn between(base: &State, state: &State) -> Self {
        let left = |queue: &VecDeque<String>, now: &VecDeque<String>| {
            let now: BTreeSet<&String> = now.iter().collect();
            queue.iter().filter(|uid| !now.contains(uid)).cloned().collect::<Vec<_>>()
        };
        let mut done = left(&base.dirty, &state.dirty);
        done.extend(left(&base.gone, &state.gone));
        let aside = state.aside.iter().filter(|(uid, reason)| base.aside.get(*uid) != Some(reason));
        let back = base.aside.keys().filter(|uid| !state.aside.contains_key(*uid));
        let (set, removed) = state.items.since(&base.items);
        Self {
            cursor: state.cursor,
            listed: state.listed,
            filter: (base.filter != state.filter).then_some(state.filter),
            trouble: state.trouble,
            options: (base.options != state.options).then(|| state.options.clone()),
            shown: state.shown.difference(&base.shown).copied().collect(),
            set,
            removed,
            dirty: left(&state.dirty, &base.dirty),
            gone: left(&state.gone, &base.gone),
            done,
            aside: aside
                .map(|(uid, reason)| (uid.clone(), Some(reason.clone())))
                .chain(back.map(|uid| (uid.clone(), None)))
                .collect(),
            ..Self::default()
        }
    }

    /// Whether nothing but the cursor moved.
    pub(super) fn is_empty(&self) -> bool {
        let still = Self {
            from: self.from,
            generation: self.generation,
            cursor: self.cursor,
            listed: self.listed,
            trouble: self.trouble,
            ..Self::default()
        };
        *self == still
    }
}

/// A client command with what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Settled {
    #[serde(flatten)]
    pub(super) name: CommandName,
    pub(super) status: u16,
    /// Item id and item after the command (Add, Change).
    pub(super) item: Option<(String, Item)>,
}

/// Client commands that are about to be carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Intent {
    /// Where the container's history stood at some moment before.
    pub(super) cursor: u64,
    pub(super) commands: Vec<CommandName>,
}

/// One record of a collection's journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Record {
    Snapshot(Box<State>),
    Generation(Box<Generation>),
    Intent(Intent),
    /// The newest generation was never received: it is dropped, what it settled is remembered.
    Rollback,
    /// The source began to give none of its items.
    Trouble {
        since: u64,
    },
    /// The phone has moved items to another collection (their ids), or from another one to here.
    Moved {
        from_here: Vec<String>,
        to_here: Vec<(String, Item)>,
    },
    /// History was looked through up to here, nothing for the phone in it.
    Advance {
        cursor: u64,
        listed: u64,
    },
}

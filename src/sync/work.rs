//! What one request works on.

use std::collections::BTreeSet;

use super::{
    Error, Place, digest, item_id, own_options,
    state::{self, State},
    view,
};
use crate::{
    convert::body,
    proto::{
        Version,
        class::{self, Properties, Scope, View},
    },
    source::{Fetched, Source},
};

/// One collection of one device while a request is carried out.
pub(super) struct Work<'a, S> {
    pub(super) source: &'a S,
    pub(super) place: Place<'a>,
    pub(super) view: View,
    /// Which items the phone wants.
    pub(super) scope: Scope,
    pub(super) state: State,
    pub(super) settled: Vec<state::Settled>,
    /// uids that this request wrote to.
    pub(super) touched: BTreeSet<String>,
    /// uids of items whose Add was broken off and that were deleted before it was repeated.
    pub(super) deleted_meanwhile: Vec<String>,
    pub(super) now: u64,
}

impl<'a, S: Source> Work<'a, S> {
    pub(super) fn new(source: &'a S, place: Place<'a>, state: State, version: Version, now: u64) -> Self {
        let view = view(&state.options, version);
        let filter = own_options(&state.options).and_then(|options| options.filter);
        Self {
            source,
            place,
            view,
            scope: Scope::of(source.class(), filter, now),
            state,
            settled: Vec::new(),
            touched: BTreeSet::new(),
            deleted_meanwhile: Vec::new(),
            now,
        }
    }

    /// What the FilterType of the last listing would leave today.
    pub(super) fn listed_scope(&self) -> Scope {
        Scope::of(self.source.class(), Some(self.state.filter), self.now)
    }

    /// Whether the phone wants other items than at the last listing, other than by the mere passing of time.
    pub(super) fn is_refiltered(&self) -> bool {
        self.state.cursor.is_some() && self.listed_scope() != self.scope
    }

    /// FilterType as it is now.
    pub(super) fn filter(&self) -> u32 {
        own_options(&self.state.options).and_then(|options| options.filter).unwrap_or(0)
    }

    /// Items as this phone is to see them.
    pub(super) async fn fetch(&self, uids: &[String], ahead: &[String]) -> Result<Vec<Fetched>, Error> {
        let mut fetched = self.source.fetch(self.place.container, uids, ahead).await?;
        for one in &mut fetched {
            if let Fetched::Item(item) = one {
                body::fit(item, &self.view);
            }
        }
        Ok(fetched)
    }

    pub(super) fn fingerprint(&self, item: &Properties) -> u64 {
        digest(&class::encoded(self.source.class(), item, &self.view))
    }

    /// Fingerprint of an item as the phone wrote it.
    pub(super) fn own_fingerprint(&self, item: &Properties) -> u64 {
        let mut item = item.clone();
        for tag in self.source.filled_in() {
            item.0.remove(tag);
        }
        self.fingerprint(&item)
    }

    /// Whether the phone has the item as it is now.
    pub(super) fn same(&self, had: &state::Item, item: &Properties) -> bool {
        had.fingerprint == if had.own { self.own_fingerprint(item) } else { self.fingerprint(item) }
    }

    /// Whether somebody else changed the item since the phone got it. The fingerprint alone does not tell: it is another one as soon as the
    /// phone asks for other bodies, or speaks another version.
    pub(super) fn is_news(&self, had: &state::Item, item: &Properties) -> bool {
        let waits = self.state.dirty.contains(&had.uid) || self.state.aside.contains_key(&had.uid);
        waits && !self.same(had, item) && self.fingerprint(item) != had.seen
    }

    pub(super) fn server_id(&self, item_id: &str) -> String {
        format!("{}:{item_id}", self.place.id)
    }

    /// The item id in a ServerId of this collection.
    pub(super) fn item_id<'b>(&self, server_id: &'b str) -> Option<&'b str> {
        server_id.strip_prefix(self.place.id)?.strip_prefix(':')
    }

    /// The item that the phone has for a uid.
    pub(super) fn known(&self, uid: &str) -> Option<&state::Item> {
        self.state.items.get(&item_id(uid)).filter(|item| item.uid == uid)
    }
}

//! What one request works on.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Error, Place, digest, item_id, own_options,
    state::{self, State},
    view,
};
use crate::{
    proto::{
        Version,
        class::{self, Class, Properties, Scope, View},
    },
    source::{Fetched, Source, Want},
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
    /// Deleted items are not to go to the trash folder.
    pub(super) deletes_for_good: bool,
    /// Whether items are only counted, not delivered.
    pub(super) light: bool,
    pub(super) now: u64,
    /// Ids of items whose uid is not what the phone knows them by.
    aliases: BTreeMap<String, String>,
}

impl<'a, S: Source> Work<'a, S> {
    pub(super) fn new(source: &'a S, place: Place<'a>, state: State, version: Version, now: u64) -> Self {
        let view = view(&state.options, version);
        let filter = own_options(&state.options).and_then(|options| options.filter);
        let aliases = aliases(source.class(), &state);
        Self {
            source,
            place,
            view,
            scope: Scope::of(source.class(), filter, now),
            state,
            settled: Vec::new(),
            touched: BTreeSet::new(),
            deleted_meanwhile: Vec::new(),
            deletes_for_good: false,
            light: false,
            now,
            aliases,
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

    /// Items as this phone is to see them; of those that it has only what can change, if the rest of them never does.
    pub(super) async fn fetch(&self, uids: &[String], ahead: &[String]) -> Result<Vec<Fetched>, Error> {
        let container = self.place.container;
        let lasting = class::is_lasting(self.source.class());
        let (whole, part): (Vec<&String>, Vec<&String>) = uids
            .iter()
            .partition(|uid| !lasting || !self.light && self.known(uid).is_none_or(|had| self.needs_all(&had)));
        let cloned = |uids: Vec<&String>| uids.into_iter().cloned().collect::<Vec<_>>();
        let (whole, part) = (cloned(whole), cloned(part));
        if part.is_empty() {
            return Ok(self.source.fetch_for(container, &whole, ahead, Want::Whole(&self.view)).await?);
        }
        let mut found: BTreeMap<&String, Fetched> = BTreeMap::new();
        found.extend(part.iter().zip(self.source.fetch_for(container, &part, &[], Want::Volatile).await?));
        if !whole.is_empty() {
            let fetched = self.source.fetch_for(container, &whole, ahead, Want::Whole(&self.view)).await?;
            found.extend(whole.iter().zip(fetched));
        }
        Ok(uids.iter().map(|uid| found.remove(uid).unwrap_or(Fetched::Missing)).collect())
    }

    /// Whether the phone needs all of an item that it has: it has changed what never changes, and that was not taken. Only drafts can be
    /// changed like that, where mails can be added.
    pub(super) fn needs_all(&self, had: &state::Item) -> bool {
        had.is_given_back() && class::takes(self.source.class(), self.view.version, true, &Properties::default())
    }

    /// Items with everything, as this phone is to see them.
    pub(super) async fn fetch_whole(&self, uids: &[String]) -> Result<Vec<Fetched>, Error> {
        Ok(self.source.fetch_for(self.place.container, uids, &[], Want::Whole(&self.view)).await?)
    }

    /// Stands for what the phone has of an item, as far as that can change.
    pub(super) fn fingerprint(&self, item: &Properties) -> u64 {
        let class = self.source.class();
        digest(&class::encoded(class, &class::volatile(class, item), &self.view))
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
        self.waits(&had.uid) && !self.same(had, item) && self.fingerprint(item) != had.seen
    }

    /// Whether the item is to be looked at.
    pub(super) fn waits(&self, uid: &str) -> bool {
        self.state.dirty.iter().any(|waiting| waiting == uid) || self.state.aside.contains_key(uid)
    }

    pub(super) fn server_id(&self, item_id: &str) -> String {
        format!("{}:{item_id}", self.place.id)
    }

    /// The item id in a ServerId of this collection.
    pub(super) fn item_id<'b>(&self, server_id: &'b str) -> Option<&'b str> {
        server_id.strip_prefix(self.place.id)?.strip_prefix(':')
    }

    /// The item id of a uid.
    pub(super) fn id_of(&self, uid: &str) -> String {
        self.aliases.get(uid).cloned().unwrap_or_else(|| item_id(self.source.class(), uid))
    }

    /// The item with that id has another uid now.
    pub(super) fn rename(&mut self, id: &str, uid: &str) {
        self.aliases.insert(uid.to_owned(), id.to_owned());
    }

    /// The item that the phone has for a uid.
    pub(super) fn known(&self, uid: &str) -> Option<state::Item> {
        self.state.items.get(&self.id_of(uid)).filter(|item| item.uid == uid)
    }
}

/// Only mails get other uids.
fn aliases(class: Class, state: &State) -> BTreeMap<String, String> {
    if class != Class::Email {
        return BTreeMap::new();
    }
    state.items.renamed().map(|(id, item)| (item.uid.clone(), id.clone())).collect()
}

//! Changes made elsewhere, for the phone.

use std::{collections::BTreeSet, time::Duration};

use super::{Error, LISTING_INTERVAL, TROUBLE_LASTS, Work, item_id, state::Item};
use crate::{
    proto::{
        class::Scope,
        sync::{ServerCommand, ServerKind},
    },
    source::{self, Changes, Fetched, Source},
};

/// Deletions up to this number are taken at once; more than half of a larger collection needs a second look.
const SUSPICIOUS: usize = 10;
/// How many of the next windows a source is told of.
const AHEAD: usize = 20;

impl<S: Source> Work<'_, S> {
    /// Takes in what happened in the container since the state's cursor.
    pub(super) async fn collect(&mut self, cursor: Option<u64>) -> Result<(), Error> {
        let container = self.place.container;
        let to = match cursor {
            Some(cursor) => cursor,
            None => self.source.cursor(container).await?,
        };
        match self.state.cursor {
            Some(from) if from < to => {
                let changes = self.source.changes(container, from, to).await?;
                self.merge(changes).await?;
            }
            Some(from) if from == to => {
                let idle = self.state.dirty.is_empty() && self.state.gone.is_empty() && self.touched.is_empty();
                if idle && self.now.saturating_sub(self.state.listed) > LISTING_INTERVAL {
                    self.compare_listing(false).await?;
                }
            }
            Some(_) => {
                log::warn!("the history of {container} went backwards (restored from a backup?): comparing all items");
                self.compare_listing(true).await?;
            }
            None => self.compare_listing(true).await?,
        }
        self.state.cursor = Some(to);
        Ok(())
    }

    /// Puts a uid into the queue of those to be looked at.
    pub(super) fn look_at(&mut self, uid: &str) {
        if !self.state.dirty.iter().any(|u| u == uid) {
            self.state.dirty.push_back(uid.to_owned());
        }
    }

    async fn merge(&mut self, changes: Changes) -> Result<(), Error> {
        let added: BTreeSet<&String> = changes.add.iter().collect();
        // Deleted and added in one stretch: only a look at the item tells which came last.
        let (unclear, gone): (Vec<&String>, Vec<&String>) = changes.delete.iter().partition(|uid| added.contains(uid));
        let gone = gone.into_iter().filter(|uid| self.known(uid).is_some()).cloned().collect();
        let dead: BTreeSet<String> = self.confirmed(gone).await?.into_iter().collect();
        for uid in &changes.delete {
            if !added.contains(uid) {
                self.state.aside.remove(uid);
            }
        }
        let unknown_dead: BTreeSet<&String> = changes.delete.iter().filter(|uid| !added.contains(uid)).collect();
        self.state.dirty.retain(|uid| !unknown_dead.contains(uid));
        let mut queued: BTreeSet<String> = self.state.dirty.iter().cloned().collect();
        for uid in unclear.into_iter().chain(&changes.add).chain(&changes.modify) {
            if !unknown_dead.contains(uid) && queued.insert(uid.clone()) {
                self.state.gone.retain(|u| u != uid);
                self.state.dirty.push_back(uid.clone());
            }
        }
        for uid in dead {
            if !self.state.gone.contains(&uid) {
                self.state.gone.push_back(uid);
            }
        }
        Ok(())
    }

    /// Those of `gone` that may be taken for deleted: when most of a collection seems to vanish at once, only what a listing lacks, too.
    async fn confirmed(&self, gone: Vec<String>) -> Result<Vec<String>, Error> {
        if gone.len() <= SUSPICIOUS || gone.len() * 2 <= self.state.items.len() {
            return Ok(gone);
        }
        log::warn!(
            "{} of {} items of {} are said to be deleted: looking again",
            gone.len(),
            self.state.items.len(),
            self.place.container
        );
        let there: BTreeSet<String> = self.source.list(self.place.container, Scope::All).await?.into_iter().collect();
        Ok(gone.into_iter().filter(|uid| !there.contains(uid)).collect())
    }

    /// Compares the state with a full listing. `all`: look at every item (the history cannot be trusted), not only at differences. Items that
    /// were put aside are tried again.
    async fn compare_listing(&mut self, all: bool) -> Result<(), Error> {
        let listed = self.source.list(self.place.container, Scope::All).await?;
        let there: BTreeSet<&String> = listed.iter().collect();
        let known: Vec<String> = self.state.items.values().map(|item| item.uid.clone()).collect();
        let missing = known.iter().filter(|uid| !there.contains(uid)).cloned().collect();
        let missing = self.confirmed(missing).await?;
        let queued: BTreeSet<String> = self.state.dirty.iter().cloned().collect();
        for uid in &listed {
            let wanted = all || self.known(uid).is_none() || self.state.aside.contains_key(uid);
            if wanted && !queued.contains(uid) {
                self.state.dirty.push_back(uid.clone());
            }
        }
        for uid in missing {
            if !self.state.gone.contains(&uid) {
                self.state.gone.push_back(uid);
            }
        }
        self.state.listed = self.now;
        Ok(())
    }

    /// Puts the first item of the queue aside: alone in its answer it was asked for again and again.
    pub(super) fn skip_first(&mut self) {
        let first = self.state.dirty.iter().position(|uid| !self.touched.contains(uid));
        if let Some(uid) = first.and_then(|first| self.state.dirty.remove(first)) {
            self.put_aside(uid, "the phone never accepted it".into());
        }
    }

    /// Takes up to `window` server commands out of the queues; tells whether more are left.
    pub(super) async fn fill(&mut self, window: usize) -> Result<(Vec<ServerCommand>, bool), Error> {
        let mut commands = Vec::new();
        let mut later = Vec::new();
        while commands.len() < window {
            if let Some(uid) = self.state.gone.pop_front() {
                commands.extend(self.deleted(&uid));
                continue;
            }
            let count = (window - commands.len()).min(self.state.dirty.len());
            if count == 0 {
                break;
            }
            let uids: Vec<String> = self.state.dirty.drain(..count).collect();
            let ahead: Vec<String> = self.state.dirty.iter().take(window * AHEAD).cloned().collect();
            let fetched = self.source.fetch(self.place.container, &uids, &ahead).await?;
            self.take_items(uids, fetched, &mut commands, &mut later).await?;
        }
        let more = !self.state.dirty.is_empty() || !self.state.gone.is_empty();
        self.state.dirty.extend(later);
        Ok((commands, more))
    }

    async fn take_items(
        &mut self,
        uids: Vec<String>,
        fetched: Vec<Fetched>,
        commands: &mut Vec<ServerCommand>,
        later: &mut Vec<String>,
    ) -> Result<(), Error> {
        self.distrust(&fetched)?;
        let mut missing = Vec::new();
        for (uid, fetched) in uids.into_iter().zip(fetched) {
            match fetched {
                Fetched::Missing => missing.push(uid),
                Fetched::Broken(reason) => self.put_aside(uid, reason),
                Fetched::Item(item) => {
                    let fingerprint = self.fingerprint(&item);
                    let id = item_id(&uid);
                    let had = self.state.items.get(&id).cloned();
                    let kind = match had {
                        Some(had) if had.uid != uid => {
                            self.put_aside(uid, format!("its id is that of {}", had.uid));
                            continue;
                        }
                        Some(had) if self.same(&had, &item) => {
                            self.state.items.insert(id, Item::sent(uid, fingerprint));
                            continue;
                        }
                        // The phone does not expect an item back that it has just sent.
                        Some(had) if self.touched.contains(&uid) => {
                            self.state.items.insert(id, Item { seen: fingerprint, ..had });
                            later.push(uid);
                            continue;
                        }
                        Some(_) => ServerKind::Change,
                        None => ServerKind::Add,
                    };
                    self.state.aside.remove(&uid);
                    let server_id = self.server_id(&id);
                    self.state.items.insert(id, Item::sent(uid, fingerprint));
                    commands.push(ServerCommand { kind, server_id, item });
                }
            }
        }
        self.take_missing(missing, commands).await
    }

    /// Many items and none of them readable: rather a fault of the site than of each item. The phone comes back later; what is still
    /// the same after a while is taken for what it looks like.
    fn distrust(&mut self, fetched: &[Fetched]) -> Result<(), Error> {
        let reason = fetched.iter().try_fold("", |_, f| match f {
            Fetched::Broken(reason) => Some(reason.as_str()),
            _ => None,
        });
        match reason {
            Some(reason) if fetched.len() > SUSPICIOUS => {
                let since = if self.state.trouble == 0 { self.now } else { self.state.trouble };
                self.state.trouble = since;
                if self.now.saturating_sub(since) < TROUBLE_LASTS {
                    let reason =
                        format!("none of {} items of {} can be read: {reason}", fetched.len(), self.place.container);
                    return Err(source::Error::Unavailable { reason, retry_after: Duration::from_secs(300) }.into());
                }
            }
            None if fetched.iter().any(|f| matches!(f, Fetched::Item(_))) => self.state.trouble = 0,
            _ => {}
        }
        Ok(())
    }

    /// Items that could not be read: deleted if a complete listing lacks them.
    async fn take_missing(&mut self, missing: Vec<String>, commands: &mut Vec<ServerCommand>) -> Result<(), Error> {
        if missing.is_empty() {
            return Ok(());
        }
        let there: BTreeSet<String> = self.source.list(self.place.container, Scope::All).await?.into_iter().collect();
        for uid in missing {
            if there.contains(&uid) {
                self.put_aside(uid, "Horde lists it but does not give it".into());
            } else {
                commands.extend(self.deleted(&uid));
            }
        }
        Ok(())
    }

    fn put_aside(&mut self, uid: String, reason: String) {
        log::warn!("item {uid} of {} is put aside until it changes: {reason}", self.place.container);
        self.state.aside.insert(uid, reason);
    }

    fn deleted(&mut self, uid: &str) -> Option<ServerCommand> {
        self.known(uid)?;
        let id = item_id(uid);
        self.state.items.remove(&id);
        Some(ServerCommand { kind: ServerKind::Delete, server_id: self.server_id(&id), item: Default::default() })
    }
}

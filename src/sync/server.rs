//! Changes made elsewhere, for the phone.

use std::{collections::BTreeSet, time::Duration};

use super::{Error, LISTING_INTERVAL, TROUBLE_LASTS, Work, state::Item};
use crate::{
    proto::{
        class::{self, Properties, Scope},
        sync::{ServerCommand, ServerKind},
    },
    source::{self, Changes, Fetched, Source},
};

/// Deletions up to this number are taken at once; more than half of a larger collection needs a second look.
const SUSPICIOUS: usize = 10;
/// How many of the next windows a source is told of.
const AHEAD: usize = 20;
/// How often items are fetched for an answer that has some already.
const ROUNDS: u32 = 16;

/// What a look at an item comes to; with what the phone has then.
enum Verdict {
    /// The phone is told.
    Tell(ServerKind, Item),
    /// The phone does not want it any more.
    Drop,
    /// The phone neither wants nor has it.
    Unwanted,
    /// The phone has it like that.
    Known(Item),
    /// The phone has just sent it and does not expect it back: it is told next time.
    Later(Item),
    /// Its id is that of another item.
    Clash(String),
}

impl<S: Source> Work<'_, S> {
    /// Takes in what happened in the container since the state's cursor.
    pub(super) async fn collect(&mut self, cursor: Option<u64>) -> Result<(), Error> {
        let container = self.place.container;
        if cursor.is_none() && self.state.cursor.is_none() {
            let (to, listed) = self.source.look(container, self.scope).await?;
            self.compare(listed, true).await?;
            self.state.cursor = Some(to);
            return Ok(());
        }
        let to = match cursor {
            Some(cursor) => cursor,
            None => self.source.cursor(container).await?,
        };
        match self.state.cursor {
            Some(from) if from <= to => {
                if from < to {
                    let changes = self.source.changes(container, from, to).await?;
                    if changes.lost {
                        self.compare_listing(true).await?;
                    }
                    self.merge(changes).await?;
                }
                let idle = self.state.dirty.is_empty() && self.state.gone.is_empty() && self.touched.is_empty();
                let old = from == to && idle && self.now.saturating_sub(self.state.listed) > LISTING_INTERVAL;
                if old || self.is_refiltered() {
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

    /// Compares the state with a listing of what the phone wants. `all`: look at every item (the history cannot be trusted), not only at
    /// differences. Items that were put aside are tried again.
    async fn compare_listing(&mut self, all: bool) -> Result<(), Error> {
        let listed = self.source.list(self.place.container, self.scope).await?;
        self.compare(listed, all).await
    }

    /// Compares the state with a listing that was made.
    async fn compare(&mut self, listed: Vec<String>, all: bool) -> Result<(), Error> {
        // What a narrower filter leaves out may be listed nevertheless.
        let all = all || !self.listed_scope().is_within(self.scope);
        let there: BTreeSet<&String> = listed.iter().collect();
        let missing: Vec<String> = self.state.items.uids().into_iter().filter(|uid| !there.contains(uid)).collect();
        let mut queued: BTreeSet<String> = self.state.dirty.iter().cloned().collect();
        for uid in &listed {
            // The phone's own are looked at so that none stays that it does not want.
            let stays = |item: Item| self.scope == Scope::All || !item.own && !self.scope.has_left(item.ends);
            let known = self.known(uid).is_some_and(stays);
            let wanted = all || !known || self.state.aside.contains_key(uid);
            if wanted && queued.insert(uid.clone()) {
                self.state.dirty.push_back(uid.clone());
            }
        }
        if self.scope == Scope::All {
            for uid in self.confirmed(missing).await? {
                if !self.state.gone.contains(&uid) {
                    self.state.gone.push_back(uid);
                }
            }
        } else {
            // Left out of a part is not gone: a look at the item tells.
            self.state.dirty.extend(missing.into_iter().filter(|uid| queued.insert(uid.clone())));
        }
        self.state.listed = self.now;
        if self.listed_scope() != self.scope {
            self.state.filter = self.filter();
        }
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
        let mut rounds = 0;
        // An answer need not be full when one item after the other turns out to be no news.
        while commands.len() < window && (commands.is_empty() || rounds < ROUNDS) {
            if let Some(uid) = self.state.gone.pop_front() {
                commands.extend(self.deleted(&uid));
                continue;
            }
            let count = (window - commands.len()).min(self.state.dirty.len());
            if count == 0 {
                break;
            }
            rounds += 1;
            let uids: Vec<String> = self.state.dirty.drain(..count).collect();
            let ahead: Vec<String> = self.state.dirty.iter().take(window * AHEAD).cloned().collect();
            let fetched = self.fetch(&uids, &ahead).await?;
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
                Fetched::Item(item) => commands.extend(self.take_item(uid, item, later)),
            }
        }
        self.take_missing(missing, commands).await
    }

    fn take_item(&mut self, uid: String, item: Properties, later: &mut Vec<String>) -> Option<ServerCommand> {
        let id = self.id_of(&uid);
        match self.judge(&uid, &item) {
            Verdict::Tell(kind, has) => {
                self.state.aside.remove(&uid);
                let had = self.state.items.insert(id.clone(), has);
                let item = match kind {
                    ServerKind::Change if !had.is_some_and(|had| self.needs_all(&had)) => {
                        class::volatile(self.source.class(), &item).into_owned()
                    }
                    _ => item,
                };
                Some(ServerCommand { kind, server_id: self.server_id(&id), item })
            }
            Verdict::Drop => {
                self.state.aside.remove(&uid);
                self.state.items.remove(&id);
                Some(self.dropped(ServerKind::SoftDelete, &id))
            }
            Verdict::Unwanted => {
                self.state.aside.remove(&uid);
                None
            }
            Verdict::Known(has) => {
                self.state.items.insert(id, has);
                None
            }
            Verdict::Later(has) => {
                self.state.items.insert(id, has);
                later.push(uid);
                None
            }
            Verdict::Clash(other) => {
                self.put_aside(uid, format!("its id is that of {other}"));
                None
            }
        }
    }

    /// What an item as it is now means for the phone.
    fn judge(&self, uid: &str, item: &Properties) -> Verdict {
        let fingerprint = self.fingerprint(item);
        let sent = || Item { ends: self.scope.end_of(item), ..Item::sent(uid.to_owned(), fingerprint) };
        let holds = self.scope.holds(item);
        let Some(had) = self.state.items.get(&self.id_of(uid)) else {
            return if holds { Verdict::Tell(ServerKind::Add, sent()) } else { Verdict::Unwanted };
        };
        if had.uid != uid {
            return Verdict::Clash(had.uid);
        }
        // What the phone put there itself although it does not want it.
        let stays = had.own && had.written == self.state.listed;
        if !holds && !stays {
            return Verdict::Drop;
        }
        let same = self.same(&had, item);
        if !same && self.touched.contains(uid) {
            return Verdict::Later(Item { seen: fingerprint, ..had });
        }
        let has = match holds {
            true => sent(),
            false => Item::received(had.uid, self.own_fingerprint(item), had.written),
        };
        if same { Verdict::Known(has) } else { Verdict::Tell(ServerKind::Change, has) }
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
        let id = self.id_of(uid);
        self.state.items.remove(&id);
        Some(self.dropped(ServerKind::Delete, &id))
    }

    fn dropped(&self, kind: ServerKind, id: &str) -> ServerCommand {
        ServerCommand { kind, server_id: self.server_id(id), item: Default::default() }
    }
}

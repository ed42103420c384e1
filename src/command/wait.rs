//! Waiting for changes, for Ping and for Sync with Wait or HeartbeatInterval. A device waits once: a newer waiting request ends the older.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep_until},
};

use super::{
    Context, folder_sync,
    sources::{self, classes, present, source_of},
    unix_time,
};
use crate::{
    error::Error,
    proto::class::Class,
    source,
    state::{Info, Stamp, WipeStatus},
    sync::{self, Hierarchy, Place, Watch},
};

/// The folder list is looked at so often, seconds.
const HIERARCHY_INTERVAL: u64 = 120;

/// Where the histories of a user's containers stood when one of his devices last asked.
type Cursors = Arc<tokio::sync::Mutex<BTreeMap<(Class, String), (Instant, u64)>>>;

/// Requests that wait, one per device of a user.
#[derive(Debug)]
pub struct Waits {
    devices: Mutex<HashMap<(String, String), Arc<Notify>>>,
    cursors: Mutex<HashMap<String, Cursors>>,
    stop: watch::Sender<bool>,
}

impl Default for Waits {
    fn default() -> Self {
        Self { devices: Mutex::default(), cursors: Mutex::default(), stop: watch::channel(false).0 }
    }
}

impl Waits {
    /// Ends all waits, now and in future, as if their time were over (the program stops).
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Number of requests that wait.
    pub fn len(&self) -> usize {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn enter(&self, user: &str, device: &str) -> Turn<'_> {
        let key = (user.to_owned(), device.to_ascii_lowercase());
        let ended = Arc::new(Notify::new());
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(older) = devices.insert(key.clone(), ended.clone()) {
            older.notify_one();
        }
        let mut cursors = self.cursors.lock().unwrap_or_else(PoisonError::into_inner);
        let cursors = Arc::clone(cursors.entry(user.to_owned()).or_default());
        Turn { waits: self, key, ended, cursors }
    }
}

/// A place among the waiting requests; given back on drop.
struct Turn<'a> {
    waits: &'a Waits,
    key: (String, String),
    ended: Arc<Notify>,
    cursors: Cursors,
}

impl Turn<'_> {
    /// Where the histories stand. All waiting devices of a user share one question per tick.
    async fn cursors(
        &self,
        ctx: &Context,
        containers: &[(Class, String)],
        tick: Duration,
    ) -> Result<Vec<u64>, sync::Error> {
        let mut known = self.cursors.lock().await;
        let now = Instant::now();
        let fresh = |at: Instant| now.duration_since(at) < tick / 2;
        let stale = |id: &&(Class, String)| !known.get(*id).is_some_and(|(at, _)| fresh(*at));
        let ask: Vec<(Class, String)> = containers.iter().filter(stale).cloned().collect();
        if !ask.is_empty() {
            let cursors = sources::cursors(ctx, &ask).await?;
            known.extend(ask.into_iter().zip(cursors.into_iter().map(|cursor| (now, cursor))));
        }
        Ok(containers.iter().filter_map(|id| known.get(id).map(|(_, cursor)| *cursor)).collect())
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut devices = self.waits.devices.lock().unwrap_or_else(PoisonError::into_inner);
        if devices.get(&self.key).is_some_and(|ended| Arc::ptr_eq(ended, &self.ended)) {
            devices.remove(&self.key);
        }
        let mut cursors = self.waits.cursors.lock().unwrap_or_else(PoisonError::into_inner);
        // One in the table, one in here: nobody else of this user waits.
        if Arc::strong_count(&self.cursors) == 2 {
            cursors.remove(&self.key.0);
        }
    }
}

/// Why a wait ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Collections with changes.
    Changes(Vec<String>),
    /// Time is over, or nobody waits any more.
    Over,
    /// The folder list is not what the phone has.
    Folders,
    /// The info file was edited so that the gate has something to say.
    Gate,
}

/// Waits until one of the collections has something for the phone, at most `time`.
pub(super) async fn changes(ctx: &Context, collections: &[String], time: Duration) -> Result<Ended, Error> {
    let turn = ctx.site.waits.enter(ctx.session.user(), &ctx.query.device_id);
    let deadline = Instant::now() + time;
    let tick = Duration::from_secs(ctx.site.config.ping.tick.max(1));
    let mut watcher = Watcher::new(ctx, &turn, collections);
    let mut stop = ctx.site.waits.stop.subscribe();
    let mut hangup = ctx.hangup.clone();
    loop {
        if let Some(ended) = watcher.look().await? {
            return Ok(ended);
        }
        let next = (Instant::now() + tick).min(deadline);
        let edited = watcher.info_edited();
        ctx.place.rest();
        tokio::select! {
            () = sleep_until(next) => {}
            () = edited => return Ok(Ended::Gate),
            () = hangup.gone() => return Ok(Ended::Over),
            () = turn.ended.notified() => return Ok(Ended::Over),
            _ = stop.wait_for(|stop| *stop) => return Ok(Ended::Over),
        }
        if Instant::now() >= deadline {
            return watcher.over();
        }
    }
}

struct Watcher<'a> {
    ctx: &'a Context,
    turn: &'a Turn<'a>,
    collections: &'a [String],
    watches: BTreeMap<String, Watch>,
    hierarchy_seen: u64,
    /// Stamp of the info file when it was last looked at; `None` = not yet.
    stamp: Option<Stamp>,
    /// Why the last look failed.
    trouble: Option<source::Error>,
}

impl<'a> Watcher<'a> {
    fn new(ctx: &'a Context, turn: &'a Turn<'a>, collections: &'a [String]) -> Self {
        Self {
            ctx,
            turn,
            collections,
            watches: BTreeMap::new(),
            hierarchy_seen: unix_time(),
            stamp: None,
            trouble: None,
        }
    }

    /// One look. Trouble at the back does not end the wait: the next look may work.
    async fn look(&mut self) -> Result<Option<Ended>, Error> {
        match self.ask().await {
            Ok(ended) => {
                self.trouble = None;
                Ok(ended)
            }
            Err(sync::Error::Source(source::Error::Unauthorized)) => Err(Error::Unauthorized),
            Err(sync::Error::Source(source::Error::ContainerGone)) => Ok(Some(Ended::Folders)),
            Err(sync::Error::Source(error)) => {
                log::debug!("waiting on: {error}");
                self.trouble = Some(error);
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn ask(&mut self) -> Result<Option<Ended>, sync::Error> {
        let locked = self.ctx.device.lock().await?;
        let Some(hierarchy) = Hierarchy::load(&mut locked.journal(folder_sync::JOURNAL)?)? else {
            return Ok(Some(Ended::Folders));
        };
        let now = unix_time();
        if now.saturating_sub(self.hierarchy_seen) >= HIERARCHY_INTERVAL {
            self.hierarchy_seen = now;
            let present = present(self.ctx, &classes(self.ctx).await?).await?;
            if present.iter().any(|(class, container)| !hierarchy.has(*class, &container.id)) {
                return Ok(Some(Ended::Folders));
            }
        }
        let mut places = Vec::new();
        for id in self.collections {
            let Some(folder) = hierarchy.folder(id) else {
                return Ok(Some(Ended::Folders));
            };
            places.push((folder.class, Place { id, container: &folder.container, writable: folder.writable }));
        }
        let containers: Vec<(Class, String)> =
            places.iter().map(|(class, place)| (*class, place.container.to_owned())).collect();
        let tick = Duration::from_secs(self.ctx.site.config.ping.tick.max(1));
        let cursors = self.turn.cursors(self.ctx, &containers, tick).await?;
        let mut changed = Vec::new();
        for ((class, place), cursor) in places.into_iter().zip(cursors) {
            let source = source_of(self.ctx, class)?;
            let mut journal = locked.journal(place.id)?;
            let watch = self.watches.entry(place.id.to_owned()).or_default();
            if watch.has_changes(&source, &mut journal, place, self.ctx.version, now, Some(cursor)).await? {
                changed.push(place.id.to_owned());
            }
        }
        Ok((!changed.is_empty()).then_some(Ended::Changes(changed)))
    }

    /// Comes back when the info file was edited in a way that the gate must see.
    async fn info_edited(&mut self) {
        loop {
            let now = self.ctx.device.stamp();
            if self.stamp.replace(now) != Some(now) && self.gate_differs() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Whether the gate has other facts now than when it let the request pass.
    fn gate_differs(&self) -> bool {
        let facts = |i: &Info| (i.policy_key, i.blocked, i.wipe == WipeStatus::Pending, i.wipe == WipeStatus::Wiped);
        let same = |info: &Info| facts(info) == facts(&self.ctx.info);
        !self.ctx.device.info().is_ok_and(|info| info.as_ref().is_some_and(same))
    }

    /// The end of the time: good news only if the last look worked.
    fn over(self) -> Result<Ended, Error> {
        match self.trouble {
            None => Ok(Ended::Over),
            Some(error) => Err(error.into()),
        }
    }
}

//! Waiting for changes, for Ping and for Sync with Wait or HeartbeatInterval. [`crate::watch`] tells in which collections something may have
//! happened; here the device's state is asked whether a Sync would deliver it.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until, timeout};

use super::{
    Context, folder_sync,
    sources::{classes, merges, people_of, source_of},
    unix_time,
};
use crate::{
    error::Error,
    proto::class::Class,
    source::{self, Container, Role, Source as _, merged},
    state::{Edit, Info, Locked},
    sync::{self, Folder, Hierarchy, Place, Standing},
    watch::{Asking, Call, News, Seat, Wish},
};

/// How long a request that may not wait is given to find out how things stand.
const ONE_LOOK: Duration = Duration::from_secs(20);

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

/// Waits until one of the collections has something for the phone, at most `time`; 0: only how things stand now.
pub(super) async fn changes(ctx: &Context, collections: &[String], time: Duration) -> Result<Ended, Error> {
    // What is done seldom is in boxes: all that this function ever waits for takes its room as long as the phone waits.
    let classes = Box::pin(classes(ctx)).await?;
    let seat = ctx.site.watch.enter(&ctx.session, &ctx.query.device_id, &classes, ctx.arrived);
    let mut vigil = Vigil { ctx, seat, classes, collections, ids: Vec::new(), first: true, again: None, trouble: None };
    if let Some(ended) = Box::pin(vigil.begin()).await? {
        return Ok(ended);
    }
    let once = time.is_zero();
    let deadline = Instant::now() + if once { ONE_LOOK } else { time };
    let mut gate = Gate { ctx, edit: ctx.site.store.edits().of(ctx.session.user())? };
    loop {
        let again = vigil.again.unwrap_or(deadline).min(deadline);
        ctx.place.rest();
        let call = tokio::select! {
            call = vigil.seat.called() => call,
            asking = async { Box::pin(vigil.seat.may_ask()).await }, if vigil.may_ask() => {
                Box::pin(vigil.ask(asking)).await;
                Call::News
            }
            () = gate.differs() => return Ok(Ended::Gate),
            () = ctx.hangup.gone() => return Ok(Ended::Over),
            () = sleep_until(again) => Call::News,
        };
        let ended = match call {
            Call::Over => Some(Ended::Over),
            Call::Login => return Err(Error::Unauthorized),
            Call::Folders => Box::pin(vigil.folders()).await?,
            Call::News => Box::pin(vigil.news()).await?,
        };
        if let Some(ended) = ended {
            return Ok(ended);
        }
        if Instant::now() >= deadline || once && vigil.is_settled() {
            return vigil.over();
        }
    }
}

struct Vigil<'a> {
    ctx: &'a Context,
    seat: Seat,
    classes: Vec<Class>,
    collections: &'a [String],
    /// Ids of the collections that are watched, in the order of the wishes.
    ids: Vec<&'a String>,
    /// It is not yet known how things stand.
    first: bool,
    /// When something that could not be found out is to be tried again.
    again: Option<Instant>,
    /// Why the last look failed.
    trouble: Option<source::Error>,
}

impl Vigil<'_> {
    /// Says what is to be watched.
    async fn begin(&mut self) -> Result<Option<Ended>, Error> {
        let locked = self.ctx.device.lock().await?;
        let Some(hierarchy) = hierarchy(&locked)? else {
            return Ok(Some(Ended::Folders));
        };
        let (mut wishes, mut changed) = (Vec::new(), Vec::new());
        for id in self.collections {
            let Some(folder) = hierarchy.folder(id) else {
                return Ok(Some(Ended::Folders));
            };
            let source = source_of(self.ctx, folder.class)?;
            let mut journal = locked.journal(id)?;
            match sync::standing(&source, &mut journal, place(id, folder), self.ctx.version, unix_time())? {
                Standing::Never => {}
                Standing::Changed => changed.push(id.clone()),
                // Horde has no history of them: Syncs look.
                Standing::At(_) if folder.role == Role::RecipientCache => {}
                Standing::At(seen) => {
                    let containers = match source.members_of(&folder.container).await {
                        Ok(containers) => containers,
                        Err(source::Error::ContainerGone) => return Ok(Some(Ended::Folders)),
                        Err(error) => return Err(error.into()),
                    };
                    wishes.push(Wish { class: folder.class, containers, seen });
                    self.ids.push(id);
                }
            }
        }
        drop(locked);
        if !changed.is_empty() {
            return Ok(Some(Ended::Changes(changed)));
        }
        self.seat.watch(wishes);
        self.folders().await
    }

    /// Whether something is in doubt that only a look at Horde can tell, and nobody takes that look.
    fn may_ask(&self) -> bool {
        self.again.is_none() && self.seat.doubts()
    }

    /// Whether it is known how things stand, as far as that can be known now.
    fn is_settled(&self) -> bool {
        self.seat.is_settled() && (self.again.is_some() || self.seat.news().iter().all(|news| news.sure))
    }

    /// Finds out for all who watch it whether anything has happened where that is in doubt.
    async fn ask(&mut self, asking: Option<(News, Asking)>) {
        let Some((news, _asking)) = asking else { return };
        match self.has_moved(news).await {
            Ok(moved) => self.seat.settle(news.wish, news.cursor, moved),
            // The look that follows says so to the phone.
            Err(sync::Error::Source(source::Error::ContainerGone)) => {
                self.seat.settle(news.wish, news.cursor, true);
            }
            Err(error) => {
                log::debug!("waiting on: {error:?}");
                self.again = Some(Instant::now() + self.ctx.site.config.ping.tick());
            }
        }
    }

    async fn has_moved(&self, news: News) -> Result<bool, sync::Error> {
        let hierarchy = hierarchy(&self.ctx.device.lock().await?)?;
        let folder = self.ids.get(news.wish).and_then(|id| hierarchy.as_ref()?.folder(id));
        let Some(folder) = folder else { return Ok(true) };
        let from = self.seat.seen(news.wish).min(news.cursor);
        let changes = source_of(self.ctx, folder.class)?.changes(&folder.container, from, news.cursor).await?;
        Ok(changes != source::Changes::default())
    }

    /// Looks at the collections in which something has happened. Trouble at the back does not end the wait: the next look may work.
    async fn news(&mut self) -> Result<Option<Ended>, Error> {
        (self.again, self.trouble) = (None, None);
        let mut changed = Vec::new();
        let news: Vec<News> = self.seat.news().into_iter().filter(|news| news.sure).collect();
        for news in &news {
            match self.is_change(*news).await {
                Ok(true) => changed.extend(self.ids.get(news.wish).map(|id| (*id).clone())),
                Ok(false) => self.seat.saw(news.wish, news.cursor),
                Err(sync::Error::Source(source::Error::Unauthorized)) => return Err(Error::Unauthorized),
                Err(sync::Error::Source(source::Error::ContainerGone)) => return Ok(Some(Ended::Folders)),
                Err(sync::Error::Source(error)) => {
                    log::debug!("waiting on: {error}");
                    self.again = Some(Instant::now() + self.ctx.site.config.ping.tick());
                    self.trouble = Some(error);
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.first &= !self.seat.is_settled();
        Ok((!changed.is_empty()).then_some(Ended::Changes(changed)))
    }

    /// Whether the phone would be told something. Where Horde has been asked enough for this tick, or is too busy to answer at once, what it
    /// counted is believed: a phone that comes for nothing does no harm, one that is not told does.
    async fn is_change(&self, news: News) -> Result<bool, sync::Error> {
        let Some(id) = self.ids.get(news.wish) else { return Ok(false) };
        let locked = self.ctx.device.lock().await?;
        let hierarchy = hierarchy(&locked)?;
        let Some(folder) = hierarchy.as_ref().and_then(|hierarchy| hierarchy.folder(id)) else {
            return Err(source::Error::ContainerGone.into());
        };
        let source = source_of(self.ctx, folder.class)?;
        let (place, version, now) = (place(id, folder), self.ctx.version, unix_time());
        let mut journal = locked.journal(id)?;
        let known = match sync::standing(&source, &mut journal, place, version, now)? {
            Standing::Never => return Ok(false),
            Standing::Changed => return Ok(true),
            Standing::At(cursor) => cursor,
        };
        if news.restored {
            return Ok(true);
        }
        // What stands there at the beginning may be the phone's own doing.
        let must_look = self.first || folder.class == Class::Email;
        if !must_look && !self.seat.try_look() {
            return Ok(news.cursor > known);
        }
        let look = sync::has_changes(&source, &mut journal, place, version, now, news.cursor);
        if must_look {
            return look.await;
        }
        timeout(self.seat.patience(), look).await.unwrap_or(Ok(news.cursor > known))
    }

    /// Compares the folders that the phone has with those that there are, as far as that is known.
    async fn folders(&mut self) -> Result<Option<Ended>, Error> {
        let Some(hierarchy) = hierarchy(&self.ctx.device.lock().await?)? else {
            return Ok(Some(Ended::Folders));
        };
        if !self.is_outdated(&hierarchy) {
            return Ok(None);
        }
        // The list may be older than what the phone has.
        if let Err(error) = self.ctx.site.watch.list_folders(&self.ctx.session).await {
            log::debug!("folders of {}: {error}", self.ctx.session.user());
            return Ok(None);
        }
        Ok(self.is_outdated(&hierarchy).then_some(Ended::Folders))
    }

    fn is_outdated(&self, hierarchy: &Hierarchy) -> bool {
        let mut present = Vec::new();
        for class in &self.classes {
            let Some(list) = self.seat.folders(*class) else { continue };
            let list: Vec<Container> = match merges(self.ctx, *class) {
                true => merged::whole(&list).into_iter().collect(),
                false => list.to_vec(),
            };
            present.extend(list.into_iter().map(|container| (*class, container)));
        }
        present.extend(people_of(self.ctx, &self.classes));
        let gone = |folder: &Folder| {
            let listed = self.seat.folders(folder.class);
            let there = |list: Arc<[Container]>| list.iter().any(|c| c.id == folder.container);
            folder.container != merged::ALL && listed.is_some_and(|list| !there(list))
        };
        let watched = self.ids.iter().filter_map(|id| hierarchy.folder(id));
        hierarchy.is_outdated(&present) || watched.into_iter().any(gone)
    }

    /// The end of the time: good news only if it is known that nothing has happened.
    fn over(self) -> Result<Ended, Error> {
        match self.trouble.or_else(|| self.seat.trouble()) {
            None => Ok(Ended::Over),
            Some(error) => Err(error.into()),
        }
    }
}

fn hierarchy(locked: &Locked) -> Result<Option<Hierarchy>, crate::state::Error> {
    Hierarchy::load(&mut locked.journal(folder_sync::JOURNAL)?)
}

fn place<'a>(id: &'a str, folder: &'a Folder) -> Place<'a> {
    Place { id, container: &folder.container, writable: folder.writable }
}

/// Edits of the device's info file.
struct Gate<'a> {
    ctx: &'a Context,
    edit: Edit,
}

impl Gate<'_> {
    /// Comes back when the file was edited in a way that the gate must see.
    async fn differs(&mut self) {
        // What was edited before the wait began is seen here.
        while self.is_as_before() {
            self.edit.happened().await;
        }
    }

    /// Whether the gate has the same facts as when it let the request pass.
    fn is_as_before(&self) -> bool {
        let same = |info: &Info| info.facts() == self.ctx.facts;
        self.ctx.device.info().is_ok_and(|info| info.as_ref().is_some_and(same))
    }
}

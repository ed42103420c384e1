//! Looks at the mail of a user for all of his devices that wait: how the folders stand, at each tick, by one short question; and as soon as
//! the server says that something has happened, where it is allowed to ([`Watch`]).

use std::{
    collections::{BTreeSet, HashMap},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::{Duration, Instant},
};

use tokio::time::{sleep, sleep_until};

use super::{
    Error, Imp,
    ear::{Ear, Line, News},
    fault::of_folder,
    of_site, slow,
    table::{Known, Table},
};
use crate::{
    imap::{self, Lease, Purpose, Status, Watch},
    net::Server,
    source::Role,
};

/// How long the server's silence is believed before a folder is looked at nevertheless.
const BELIEVED: Duration = Duration::from_secs(60);
/// Where changes are not counted, the flags are compared so often although the figures are the same: flags other than `\Seen` change none.
const COMPARED: Duration = Duration::from_secs(300);
/// Two looks because of news are at least so far apart, whatever the server says.
const GAP: Duration = Duration::from_millis(300);
/// The server is left alone for so long when it does not listen, and at first when it refuses the login.
const REST: Duration = Duration::from_secs(60);
/// The same difference between folders and mailboxes is told so often.
const INSISTENCE: Duration = Duration::from_secs(600);
/// Such trouble is told to the administrator so often, for all users together.
const COMPLAINT: Duration = Duration::from_secs(3600);

/// Looks at a user's mail folders for all his waiting devices. One is enough per user; it holds a few hundred bytes per watched folder.
#[derive(Debug)]
pub struct Eye {
    imp: Imp,
    tick: Duration,
    /// Where his mail is, as long as it is found there: Horde is not asked again.
    server: Option<Server>,
    /// By id of the container.
    watched: HashMap<String, Watched>,
    /// Whether the server can be listened to, and tells histories; as it was at the last look.
    can: Can,
    ear: Option<Ear>,
    /// News that no look has answered yet.
    due: News,
    /// Nobody listens before.
    rest: Option<Instant>,
    /// The login was refused: nobody tries again before.
    refused: Option<Refused>,
    /// When all folders were last looked at.
    proven: Option<Instant>,
    /// Mailboxes that were found changed though the server had said nothing.
    untold: Vec<String>,
    /// What the server does not say counts for nothing.
    distrusted: bool,
    /// When the last look began.
    looked: Instant,
    /// Above the user's own mailboxes.
    prefix: Option<String>,
    /// What stands for the last difference between folders and mailboxes, and when it was told.
    differed: Option<(u64, Instant)>,
}

#[derive(Debug)]
struct Watched {
    known: Known,
    point: Option<u64>,
    /// Where the server counts no changes: what it said when the flags were last compared, and when that was.
    hint: Option<(Hint, Instant)>,
}

/// Messages, the next uid, unseen ones and the count of changes, as far as the server tells them.
type Hint = (Option<u32>, Option<u32>, Option<u32>, Option<u64>);

#[derive(Debug, Clone, Copy, Default)]
struct Can {
    idle: bool,
    notify: bool,
    history: bool,
}

#[derive(Debug)]
struct Refused {
    until: Instant,
    rest: Duration,
    error: Error,
}

impl Eye {
    /// Nothing is asked yet. `tick` is how long a pause lasts without news.
    pub fn new(imp: Imp, tick: Duration) -> Self {
        Self {
            imp,
            tick,
            server: None,
            watched: HashMap::new(),
            can: Can::default(),
            ear: None,
            due: News::default(),
            rest: None,
            refused: None,
            proven: None,
            untold: Vec::new(),
            distrusted: false,
            looked: Instant::now(),
            prefix: None,
            differed: None,
        }
    }

    /// Where the histories of these folders stand now, in order: the same as [`crate::source::Source::cursors`]. One short question, or none
    /// where the server tells by itself what happens (it is asked once a minute nevertheless). Without CONDSTORE, other flags than `\Seen`
    /// are noticed after five minutes.
    ///
    /// # Errors
    /// As there. [`Error::Unauthorized`] when neither the mail server nor Horde accept the login any more; after a login that was refused the
    /// mail server is left alone for a minute, and longer each time.
    pub async fn look(&mut self, folders: &[String]) -> Result<Vec<u64>, Error> {
        if let Some(refused) = self.refused.as_ref().filter(|refused| Instant::now() < refused.until) {
            return Err(refused.error.clone());
        }
        self.looked = Instant::now();
        self.hear();
        self.recall(folders)?;
        let ask = self.open(folders);
        if !ask.is_empty() {
            self.ask(folders, &ask).await?;
        }
        folders.iter().map(|id| self.watched.get(id).and_then(|w| w.point).ok_or(Error::ContainerGone)).collect()
    }

    /// Comes back when something may have happened in one of the folders: when the server says so, at the latest after a tick. May be
    /// dropped at any time; nothing is lost.
    pub async fn pause(&mut self, folders: &[String]) {
        self.attend(folders);
        let Some(ear) = &self.ear else { return sleep(self.tick).await };
        let rings = async {
            ear.rings().await;
            sleep_until((self.looked + GAP).into()).await;
        };
        tokio::select! {
            () = rings => {}
            () = sleep(self.tick) => {}
        }
    }

    /// Whether the user has other folders than when they were last listed (by FolderSync, for example): made, renamed, deleted, subscribed
    /// to. What stays different after that (mailboxes that the user may see and not open) is told again only after ten minutes. A folder
    /// that was replaced by another of the same name is found by [`Eye::look`].
    ///
    /// # Errors
    /// As [`Eye::look`].
    pub async fn folders_changed(&mut self) -> Result<bool, Error> {
        let (mut lease, listed) = loop {
            let mut lease = self.lease().await?;
            match lease.names().await {
                Ok(listed) => break (lease, listed),
                Err(imap::Error::Unavailable(_)) if !lease.is_fresh() => {}
                Err(error) => return Err(of_folder(error)),
            }
        };
        let prefix = match &self.prefix {
            Some(prefix) => prefix.clone(),
            None => lease.prefix().await.map_err(of_folder)?,
        };
        self.prefix = Some(prefix.clone());
        drop(lease);
        let table = Table::load(&self.imp.beside)?;
        let mut hasher = DefaultHasher::new();
        (&listed, &table).hash(&mut hasher);
        let state = hasher.finish();
        if table.fits(listed, prefix) {
            self.differed = None;
            return Ok(false);
        }
        if self.differed.is_some_and(|(before, at)| before == state && at.elapsed() < INSISTENCE) {
            return Ok(false);
        }
        self.differed = Some((state, Instant::now()));
        Ok(true)
    }

    /// Takes over what the server has said.
    fn hear(&mut self) {
        let Some(ear) = &self.ear else { return };
        self.due.join(ear.news());
        let untold = std::mem::take(&mut self.untold);
        if !self.distrusted && untold.iter().any(|name| !self.due.concern(name)) {
            self.distrusted = true;
            self.complain("the mail server does not tell all that happens (NOTIFY): folders are looked at each tick");
        }
    }

    /// Finds what the ids stand for, as far as that is known; forgets folders that are not watched any more.
    fn recall(&mut self, folders: &[String]) -> Result<(), Error> {
        if self.watched.len() > folders.len() {
            self.watched.retain(|id, _| folders.contains(id));
        }
        if folders.iter().all(|id| self.watched.contains_key(id)) {
            return Ok(());
        }
        let table = Table::load(&self.imp.beside)?;
        for id in folders {
            if let Some(known) = table.find(id) {
                self.watched.entry(id.clone()).or_insert_with(|| Watched::new(known.clone()));
            }
        }
        Ok(())
    }

    /// The folders that have to be looked at.
    fn open(&self, folders: &[String]) -> BTreeSet<String> {
        let ear = self.ear.as_ref().filter(|_| self.can.history && !self.distrusted);
        let believed = ear.filter(|_| self.proven.is_some_and(|at| at.elapsed() < BELIEVED));
        let closed = |id: &String| {
            self.watched.get(id).is_some_and(|watched| {
                let name = &watched.known.name;
                watched.point.is_some()
                    && (watched.known.hollow || believed.is_some_and(|ear| ear.covers(name) && !self.due.concern(name)))
            })
        };
        folders.iter().filter(|id| !closed(id)).cloned().collect()
    }

    async fn ask(&mut self, folders: &[String], ids: &BTreeSet<String>) -> Result<(), Error> {
        let names: BTreeSet<String> = ids
            .iter()
            .filter_map(|id| self.watched.get(id))
            .filter(|watched| !watched.known.hollow)
            .map(|watched| watched.known.name.clone())
            .collect();
        let (mut lease, mut figures) = self.figures(&names).await?;
        self.can = Can { idle: lease.has("IDLE"), notify: lease.has("NOTIFY"), history: lease.tells_history() };
        for id in ids {
            let before = self.watched.get(id).and_then(|watched| watched.point);
            let point = self.point(&mut lease, id, &mut figures).await?;
            let Some(watched) = self.watched.get_mut(id) else { continue };
            watched.point = Some(point);
            let name = &watched.known.name;
            let told = self.ear.as_ref().is_some_and(|ear| ear.covers(name));
            if told && before.is_some_and(|before| before != point) && !self.due.concern(name) {
                self.untold.push(name.clone());
            }
        }
        if folders.iter().all(|id| ids.contains(id) || self.watched.get(id).is_some_and(|w| w.known.hollow)) {
            self.proven = Some(Instant::now());
        }
        self.due = News::default();
        Ok(())
    }

    /// How one folder stands.
    async fn point(
        &mut self,
        lease: &mut Lease,
        id: &str,
        figures: &mut HashMap<String, Status>,
    ) -> Result<u64, Error> {
        if let Some(watched) = self.watched.get_mut(id) {
            if watched.known.hollow {
                return Ok(0);
            }
            if let Some(status) =
                figures.get(&watched.known.name).filter(|s| s.uid_validity == Some(watched.known.validity))
            {
                return watched.point(&self.imp, lease, status).await;
            }
        }
        // New, renamed, replaced or gone.
        let known = self.imp.known(lease, id).await?;
        let point = if known.hollow { 0 } else { self.imp.point(lease, id).await? };
        // That may have found its new name.
        let known = Table::load(&self.imp.beside)?.find(id).cloned().unwrap_or(known);
        self.watched.insert(id.to_owned(), Watched::new(known));
        Ok(point)
    }

    /// Asks for the figures of these mailboxes, by a connection that need not live any more.
    async fn figures(&mut self, names: &BTreeSet<String>) -> Result<(Lease, HashMap<String, Status>), Error> {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let all = self.watched.values().any(|watched| watched.hint.is_some());
        loop {
            let mut lease = self.lease().await?;
            match lease.figures(&names, all).await {
                Ok(figures) => return Ok((lease, figures)),
                Err(imap::Error::Unavailable(_)) if !lease.is_fresh() => {}
                Err(error) => return Err(of_folder(error)),
            }
        }
    }

    async fn lease(&mut self) -> Result<Lease, Error> {
        let pool = &self.imp.shared.pool;
        if self.server.is_none() && pool.settings().url.is_empty() {
            self.server = Some(self.imp.server().await?);
        }
        match pool.lease_for(Purpose::Look(self.tick), &self.imp.login(), self.server.as_ref()).await {
            Ok(lease) => {
                self.refused = None;
                Ok(lease)
            }
            Err(imap::Error::Login(text)) => Err(self.refuse(imap::Error::Login(text)).await),
            Err(error) => {
                self.server = None;
                Err(of_folder(error))
            }
        }
    }

    /// The mail server does not accept the login: whether it still is one, Horde must know.
    async fn refuse(&mut self, error: imap::Error) -> Error {
        let error = match self.imp.session.verify().await {
            Ok(true) => of_folder(error),
            Ok(false) => Error::Unauthorized,
            Err(error) => of_site(error),
        };
        let rest = self.refused.as_ref().map_or(REST, |before| (before.rest * 2).min(REST * 16));
        self.refused = Some(Refused { until: Instant::now() + rest, rest, error: error.clone() });
        error
    }

    /// Makes sure that somebody listens to the server, where that is wanted and possible.
    fn attend(&mut self, folders: &[String]) {
        if self.ear.as_ref().is_some_and(Ear::is_over) {
            self.ear = None;
            self.due.anything = true;
            self.rest = Some(Instant::now() + REST);
        }
        let pool = &self.imp.shared.pool;
        let manner = match pool.settings().watch {
            Watch::Notify if self.can.notify => Watch::Notify,
            Watch::Notify | Watch::Idle if self.can.idle => Watch::Idle,
            _ => return,
        };
        let names = self.names(folders);
        if names.is_empty() {
            return;
        }
        if let Some(ear) = &self.ear {
            return ear.listen_to(names);
        }
        if self.rest.is_some_and(|rest| Instant::now() < rest) {
            return;
        }
        let Some(place) = pool.place() else {
            self.rest = Some(Instant::now() + REST);
            return self.complain("some users are looked at each tick (max_held in [imap])");
        };
        let line = Line { pool: pool.clone(), place, login: self.imp.login(), server: self.server.clone(), manner };
        let imp = self.imp.clone();
        let ended = move |why: &imap::Error| complain(&imp, &format!("news are not listened to for a while: {why}"));
        self.ear = Some(Ear::new(line, names, ended));
    }

    /// The mailboxes of these folders, the inbox first.
    fn names(&self, folders: &[String]) -> Vec<String> {
        let known = folders.iter().filter_map(|id| self.watched.get(id)).map(|watched| &watched.known);
        let mut known: Vec<&Known> = known.filter(|known| !known.hollow).collect();
        known.sort_by_key(|known| known.role != Role::Inbox);
        known.dedup_by_key(|known| &known.name);
        known.into_iter().map(|known| known.name.clone()).collect()
    }

    fn complain(&self, text: &str) {
        complain(&self.imp, text);
    }
}

/// Tells the administrator; the first time, and again after a while.
fn complain(imp: &Imp, text: &str) {
    let mut last = imp.shared.complained.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if last.is_some_and(|at| at.elapsed() < COMPLAINT) {
        log::debug!("{}: {text}", imp.user());
    } else {
        *last = Some(Instant::now());
        log::warn!("{}: {text}", imp.user());
    }
}

impl Watched {
    fn new(known: Known) -> Self {
        Self { known, point: None, hint: None }
    }

    async fn point(&mut self, imp: &Imp, lease: &mut Lease, status: &Status) -> Result<u64, Error> {
        let base = self.known.base;
        if let Some(modseq) = status.highest_modseq.filter(|modseq| *modseq > 0 && lease.tells_history()) {
            self.hint = None;
            return Ok(base.saturating_add(modseq));
        }
        let hint = (status.uid_next, status.messages, status.unseen, status.highest_modseq);
        let told = hint.0.is_some() && hint.1.is_some();
        if let Some((before, at)) = &self.hint
            && told
            && *before == hint
            && at.elapsed() < COMPARED
        {
            // A Sync may have compared them meanwhile.
            return Ok(base.saturating_add(slow::point(imp, &self.known)?));
        }
        let looked = slow::look(imp, lease, &self.known, Some(status)).await?;
        self.hint = Some((hint, Instant::now()));
        Ok(base.saturating_add(looked.point()))
    }
}

#[cfg(test)]
#[path = "eye_tests.rs"]
mod tests;

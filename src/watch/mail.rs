//! The mail folders that a user's devices wait for: one task for all of them, while any waits.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use tokio::{sync::Notify, task::AbortHandle};

use super::{Call, Inner, ledger::Key};
use crate::{
    horde::Session,
    proto::class::Class,
    source::{self, Imp, Source, imp::Eye},
};

/// The folder list is asked for so often.
const LISTED: Duration = Duration::from_secs(60);

/// A user's mail, while his devices wait for it.
#[derive(Debug, Default)]
pub(super) struct Mail {
    /// Watched folders, each with the number of devices.
    folders: BTreeMap<Box<str>, usize>,
    /// Who looks.
    watcher: Option<Watcher>,
    /// When the server last answered.
    heard: Option<Instant>,
    /// The folder list is to be asked for.
    relist: bool,
}

#[derive(Debug)]
struct Watcher {
    task: AbortHandle,
    /// Other folders are watched now.
    wake: Arc<Notify>,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Two users may have folders of the same id.
pub(super) fn key(user: &str, id: &str) -> Key {
    Key { class: Class::Email, id: format!("{user}\0{id}").into() }
}

fn id(key: &Key) -> &str {
    key.id.split_once('\0').map_or("", |(_, id)| id)
}

impl Mail {
    pub(super) fn watch(&mut self, key: &Key) {
        *self.folders.entry(id(key).into()).or_default() += 1;
    }

    pub(super) fn unwatch(&mut self, key: &Key) {
        if let Some(number) = self.folders.get_mut(id(key)) {
            *number = number.saturating_sub(1);
        }
        self.folders.retain(|_, number| *number > 0);
    }

    /// Looks at once, and from now on.
    pub(super) fn attend(&mut self, inner: &Arc<Inner>, session: &Session) {
        if let Some(watcher) = self.watcher.as_ref().filter(|watcher| !watcher.task.is_finished()) {
            watcher.wake.notify_one();
            return;
        }
        let imp = match inner.imp(session) {
            Ok(imp) => imp,
            Err(error) => return log::warn!("mail of {} is not watched: {error}", session.user()),
        };
        let wake = Arc::<Notify>::default();
        let task = tokio::spawn(run(Arc::downgrade(inner), session.user().into(), imp, Arc::clone(&wake)));
        self.watcher = Some(Watcher { task: task.abort_handle(), wake });
    }

    /// Nobody waits any more.
    pub(super) fn rest(&mut self) {
        self.watcher = None;
    }

    /// The folder list is to be asked for with the next look.
    pub(super) fn relist(&mut self) {
        self.relist = true;
        if let Some(watcher) = &self.watcher {
            watcher.wake.notify_one();
        }
    }

    pub(super) fn is_fresh(&self, within: Duration, now: Instant) -> bool {
        self.heard.is_some_and(|at| now.duration_since(at) <= within)
    }
}

async fn run(weak: Weak<Inner>, user: Box<str>, imp: Imp, wake: Arc<Notify>) {
    let Some(tick) = weak.upgrade().map(|inner| inner.tick()) else { return };
    let mut eye = Eye::new(imp.clone(), tick);
    let mut listed: Option<Instant> = None;
    loop {
        let Some(inner) = weak.upgrade() else { return };
        let (folders, relist) = {
            let mut hall = inner.hall();
            let Some(user) = hall.users.get_mut(&user) else { return };
            let folders: Vec<String> = user.mail.folders.keys().map(|id| id.to_string()).collect();
            (folders, std::mem::take(&mut user.mail.relist))
        };
        if !folders.is_empty() {
            let gone = !look(&inner, &user, &mut eye, &folders).await;
            let due = listed.is_none_or(|at| at.elapsed() >= LISTED);
            if gone || relist || due {
                let first = listed.replace(Instant::now()).is_none();
                if first || gone || relist || folders_changed(&user, &mut eye).await {
                    list(&inner, &user, &imp).await;
                }
            }
        }
        drop(inner);
        tokio::select! {
            () = eye.pause(&folders) => {}
            () = wake.notified() => {}
        }
    }
}

/// Looks where the folders stand. `false`: one of them is gone.
async fn look(inner: &Inner, user: &str, eye: &mut Eye, folders: &[String]) -> bool {
    let looked = eye.look(folders).await;
    let mut hall = inner.hall();
    match looked {
        Ok(cursors) => {
            if let Some(user) = hall.users.get_mut(user) {
                user.mail.heard = Some(Instant::now());
            }
            for (id, cursor) in folders.iter().zip(cursors) {
                hall.ledger.learn_exactly(&key(user, id), cursor);
            }
        }
        Err(source::Error::Unauthorized) => hall.refused(user),
        Err(source::Error::ContainerGone) => return false,
        Err(error) => {
            log::debug!("mail of {user}: {error}");
            hall.trouble = Some(error.to_string());
        }
    }
    true
}

async fn folders_changed(user: &str, eye: &mut Eye) -> bool {
    eye.folders_changed().await.unwrap_or_else(|error| {
        log::debug!("mail folders of {user}: {error}");
        false
    })
}

/// Lists the folders, so that the devices learn of new ones and of those that are gone.
async fn list(inner: &Inner, user: &str, imp: &Imp) {
    match imp.containers().await {
        Ok(list) => {
            let mut hall = inner.hall();
            if let Some(user) = hall.users.get_mut(user)
                && user.folders.learn(Class::Email, list)
            {
                user.ring(Call::Folders);
            }
        }
        Err(error) => log::debug!("mail folders of {user}: {error}"),
    }
}

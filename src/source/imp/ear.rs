//! What the mail server says by itself, heard for one user over a connection that is held for him (IDLE, NOTIFY). A task of its own listens,
//! so whoever waits for it can stop waiting at any time.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{Notify, watch};

use super::{Login, Pool, Server};
use crate::imap::{Error, Heard, Place, Watch};

/// The server is asked anew to tell so often: sessions that do nothing for half an hour may be ended.
const RENEWAL: Duration = Duration::from_secs(15 * 60);

/// Listens as long as it lives.
#[derive(Debug)]
pub(super) struct Ear {
    shared: Arc<Shared>,
    wish: watch::Sender<Vec<String>>,
}

/// What the task needs.
pub(super) struct Line {
    pub(super) pool: Pool,
    pub(super) place: Place,
    pub(super) login: Login,
    pub(super) server: Option<Server>,
    /// Never [`Watch::Poll`].
    pub(super) manner: Watch,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    bell: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Mailboxes of which all that happens is told.
    told: BTreeSet<String>,
    heard: News,
    over: bool,
}

/// What was heard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct News {
    /// Mailboxes in which something has happened.
    pub(super) names: BTreeSet<String>,
    /// Anything may have happened.
    pub(super) anything: bool,
}

impl News {
    fn is_empty(&self) -> bool {
        self.names.is_empty() && !self.anything
    }

    /// Adds what came later.
    pub(super) fn join(&mut self, later: Self) {
        self.names.extend(later.names);
        self.anything |= later.anything;
    }

    /// Whether something may have happened in this mailbox.
    pub(super) fn concern(&self, name: &str) -> bool {
        self.anything || self.names.contains(name)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, heard: Heard, names: &[String], manner: Watch) {
        let mut state = self.state();
        match heard {
            Heard::Listening => {
                // What happened before is not told.
                state.heard.anything = true;
                if manner == Watch::Notify {
                    state.told = names.iter().cloned().collect();
                }
            }
            // Others were not asked for.
            Heard::Mailbox(name) if names.contains(&name) => drop(state.heard.names.insert(name)),
            Heard::Mailbox(_) => return,
            Heard::Mailboxes => state.heard.anything = true,
        }
        drop(state);
        self.bell.notify_one();
    }
}

impl Ear {
    /// Begins to listen for news of these mailboxes (names as they travel), of the first one only where IDLE is all there is. `ended` is
    /// told why the server is listened to no more.
    pub(super) fn new(line: Line, names: Vec<String>, ended: impl FnOnce(&Error) + Send + 'static) -> Self {
        let shared = Arc::<Shared>::default();
        let (wish, wishes) = watch::channel(names);
        let heard = Arc::clone(&shared);
        tokio::spawn(async move {
            if let Err(error) = listen(line, wishes, &heard).await {
                ended(&error);
            }
            let mut state = heard.state();
            (state.over, state.heard.anything) = (true, true);
            state.told.clear();
            drop(state);
            heard.bell.notify_one();
        });
        Self { shared, wish }
    }

    /// Changes of which mailboxes is told.
    pub(super) fn listen_to(&self, names: Vec<String>) {
        self.wish.send_if_modified(|there| {
            let other = *there != names;
            if other {
                *there = names;
                self.shared.state().told.clear();
            }
            other
        });
    }

    /// Whether it listens no more.
    pub(super) fn is_over(&self) -> bool {
        self.shared.state().over
    }

    /// Whether the server tells all that happens in this mailbox.
    pub(super) fn covers(&self, name: &str) -> bool {
        self.shared.state().told.contains(name)
    }

    /// What was heard since this was last asked.
    pub(super) fn news(&self) -> News {
        std::mem::take(&mut self.shared.state().heard)
    }

    /// Comes back as soon as there are news.
    pub(super) async fn rings(&self) {
        while self.shared.state().heard.is_empty() {
            self.shared.bell.notified().await;
        }
    }
}

/// Until nobody listens any more.
async fn listen(line: Line, mut wishes: watch::Receiver<Vec<String>>, shared: &Shared) -> Result<(), Error> {
    let mut held = line.pool.hold(line.place, &line.login, line.server.as_ref()).await?;
    let mut manner = line.manner;
    if !held.has("NOTIFY") {
        manner = Watch::Idle;
    }
    loop {
        let names = wishes.borrow_and_update().clone();
        let stop = async {
            tokio::select! {
                _ = wishes.changed() => {}
                () = tokio::time::sleep(RENEWAL) => {}
            }
        };
        let mut hear = |heard| shared.hear(heard, &names, manner);
        let Some(first) = names.first() else { break };
        let result = match manner {
            Watch::Notify => held.notify(&names, &mut hear, stop).await,
            Watch::Idle | Watch::Poll => held.idle(first, &mut hear, stop).await,
        };
        match result {
            Err(Error::No { text, .. } | Error::Bad(text)) if manner == Watch::Notify => {
                log::debug!("NOTIFY is refused: {text}");
                manner = Watch::Idle;
            }
            Err(error) => return Err(error),
            Ok(()) if wishes.has_changed().is_err() => break,
            Ok(()) => {}
        }
    }
    held.close().await;
    Ok(())
}

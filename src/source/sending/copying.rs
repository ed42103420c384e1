//! Puts copies of sent mails into the folder of sent mails, after the phone was answered: one at a time per user. What fails is tried again
//! soon, and then, with growing pauses, when the user comes back.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{
    sync::{Notify, watch},
    time::sleep,
};

use super::Mailroom;
use crate::state::{self, Copies, Copy, OpenCopies};

/// Seconds before the next try, by how many there were; after more, the last.
const PAUSES: [u64; 7] = [0, 5, 60, 300, 900, 1800, 3600];
/// Longest pause, in seconds, that a task waits for. After a longer one the user's next request is waited for: until then his password is
/// not kept.
const SOON: u64 = 60;

/// What is to be done for a user.
#[derive(Debug)]
pub struct Work<M> {
    /// Whose copies they are.
    pub user: String,
    /// Where they lie.
    pub copies: Copies,
    /// Where they are to be put.
    pub room: M,
    /// For how long a copy is tried, seconds.
    pub give_up: u64,
}

/// The tasks that copy. Cheap to clone; all clones have the same tasks.
#[derive(Debug, Clone, Default)]
pub struct Copying {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// One task per user; each is told here that there may be more to do.
    tasks: Mutex<HashMap<String, watch::Sender<()>>>,
    /// A task has ended.
    ended: Notify,
    /// The program is about to end.
    closing: watch::Sender<bool>,
}

impl Copying {
    /// Begins with what is due, or tells the task of the user that there may be more. Returns at once.
    pub fn begin(&self, work: Work<impl Mailroom>) {
        let mut tasks = self.shared.tasks();
        if let Some(task) = tasks.get(&work.user) {
            task.send_replace(());
            return;
        }
        let (more, told) = watch::channel(());
        tasks.insert(work.user.clone(), more);
        tokio::spawn(Arc::clone(&self.shared).run(Arc::new(work), told));
    }

    /// Waits for all tasks; those that only wait for their next try end at once. For the end of the program: what is not done by then waits
    /// on disk.
    pub async fn end(&self) {
        self.shared.closing.send_replace(true);
        loop {
            let mut ended = std::pin::pin!(self.shared.ended.notified());
            ended.as_mut().enable();
            if self.shared.tasks().is_empty() {
                return;
            }
            ended.await;
        }
    }
}

impl Shared {
    fn tasks(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<()>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run<M: Mailroom>(self: Arc<Self>, work: Arc<Work<M>>, mut told: watch::Receiver<()>) {
        let mut closing = self.closing.subscribe();
        loop {
            told.mark_unchanged();
            // A task of its own: should it panic, the user's later copies must not wait for it.
            let pass = tokio::spawn(pass(Arc::clone(&work)));
            let next = pass.await.unwrap_or_else(|error| {
                log::error!("copies of mails of {}: {error}", work.user);
                None
            });
            if let Some(next) = next {
                tokio::select! {
                    () = sleep(Duration::from_secs(next)) => continue,
                    _ = told.changed() => continue,
                    _ = closing.wait_for(|closing| *closing) => {}
                }
            }
            let mut tasks = self.tasks();
            if !told.has_changed().unwrap_or(false) {
                tasks.remove(&work.user);
                self.ended.notify_waiters();
                return;
            }
        }
    }
}

/// Does what is due; gives the pause until there is more to do, if that is soon.
async fn pass<M: Mailroom>(work: Arc<Work<M>>) -> Option<u64> {
    let next = match work.copies.lock().await {
        Ok(open) => work.all(&open).await,
        Err(error) => Err(error),
    };
    let at = next.unwrap_or_else(|error| {
        log::error!("copies of mails of {} wait: {error}", work.user);
        None
    })?;
    Some(at.saturating_sub(unix_time())).filter(|pause| *pause <= SOON)
}

impl<M: Mailroom> Work<M> {
    /// Tries all copies that are due; gives the time at which the next one is.
    async fn all(&self, open: &OpenCopies) -> Result<Option<u64>, state::Error> {
        let mut next = None;
        for copy in open.all()? {
            let mut left = Some(copy);
            while let Some(due) = left.take_if(|copy| copy.not_before <= unix_time()) {
                left = self.one(open, &due).await?;
            }
            next = next.into_iter().chain(left.map(|copy| copy.not_before)).min();
        }
        Ok(next)
    }

    /// One try; what is left to do.
    async fn one(&self, open: &OpenCopies, copy: &Copy) -> Result<Option<Copy>, state::Error> {
        let tries = copy.tries.saturating_add(1);
        let pause = PAUSES.get(copy.tries as usize).or(PAUSES.last()).copied().unwrap_or(SOON);
        let tried = Copy { tries, not_before: unix_time().saturating_add(pause), ..copy.clone() };
        // Before it is tried: whatever becomes of this program, it is known that it may be there.
        open.update(&tried).await?;
        let Err(reason) = self.place(open, copy).await else {
            open.remove(copy).await?;
            return Ok(None);
        };
        let what = format!("the mail {} of {} was sent, but no copy is in Sent", copy.message_id, self.user);
        if unix_time() > copy.since.saturating_add(self.give_up) {
            open.remove(copy).await?;
            log::error!("{what}; given up after {tries} tries: {reason}");
            return Ok(None);
        }
        // A connection that was closed meanwhile: the second time there is a new one.
        let level = if pause == 0 { log::Level::Debug } else { log::Level::Warn };
        log::log!(level, "{what}; it is tried again: {reason}");
        Ok(Some(tried))
    }

    async fn place(&self, open: &OpenCopies, copy: &Copy) -> Result<(), String> {
        if copy.tries > 0 && self.room.has_sent(&copy.message_id).await? {
            return Ok(());
        }
        let mail = open.mail(copy).await.map_err(|e| e.to_string())?;
        self.room.keep(&mail, copy.since).await
    }
}

/// Seconds since 1970.
fn unix_time() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

//! Many phones that wait, each a task of its own: told when one is woken, and what its Sync brought.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::JoinSet,
};

use crate::{
    device::{Brought, Phone, Told, Woken},
    door::Door,
    options::Options,
    report,
    standin::user_name,
};

/// Name of those that wait.
pub(crate) const WAITING: &str = "load";

/// What phones do when they were woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Nothing, until they are told otherwise.
    Rest,
    /// They fetch what has changed, and wait again.
    Return,
    /// They are gone.
    Leave,
}

/// What happened to a phone.
#[derive(Debug)]
pub(crate) enum News {
    /// Its Ping ended.
    Woken { phone: usize, at: Instant, how: Told<Woken> },
    /// It has synced.
    Synced { phone: usize, brought: Vec<Brought> },
}

#[derive(Debug)]
pub(crate) struct Crowd {
    pub(crate) size: usize,
    mode: watch::Sender<Mode>,
    waiting: Arc<AtomicUsize>,
    pub(crate) news: mpsc::UnboundedReceiver<News>,
}

/// New phones of the stand-in's users, several of each. `name` tells them from others of the same users.
pub(crate) fn phones(options: &Options, door: &Arc<Door>, count: usize, name: &str) -> Vec<Phone> {
    let each = if name == WAITING { options.devices } else { 1 };
    let new = |number: usize| {
        let user = user_name(number / each % options.users());
        Phone::new(door, &user, "secret", &format!("{name}{number:06}"), number)
    };
    (0..count).map(new).collect()
}

/// Pairs phones, so many at a time; those that fail are reported and missing.
pub(crate) async fn pair(phones: Vec<Phone>, heartbeat: u32, at_a_time: usize) -> Vec<Phone> {
    let turns = Arc::new(Semaphore::new(at_a_time));
    let mut running = JoinSet::new();
    let mut paired: Vec<Option<Phone>> = vec![None; phones.len()];
    for (number, mut phone) in phones.into_iter().enumerate() {
        phone.waits_for(heartbeat);
        let turns = Arc::clone(&turns);
        running.spawn(async move {
            let _turn = turns.acquire().await;
            let done = phone.pair().await;
            (number, done.map(|()| phone))
        });
    }
    while let Some(joined) = running.join_next().await {
        match joined.unwrap() {
            (number, Ok(phone)) => paired[number] = Some(phone),
            (_, Err(why)) => report::wrong(&why),
        }
    }
    paired.into_iter().flatten().collect()
}

impl Crowd {
    /// Lets the phones wait.
    pub(crate) fn start(phones: Vec<Phone>) -> Self {
        let (mode, _) = watch::channel(Mode::Return);
        let (sender, news) = mpsc::unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let size = phones.len();
        for (number, phone) in phones.into_iter().enumerate() {
            let member =
                Member { number, phone, mode: mode.subscribe(), waiting: Arc::clone(&waiting), sender: sender.clone() };
            tokio::spawn(member.live());
        }
        Self { size, mode, waiting, news }
    }

    pub(crate) fn tell(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Comes back when all wait, and have done so for `time`.
    pub(crate) async fn settle(&mut self, time: Duration, patience: Duration) {
        let since = Instant::now();
        while self.waiting() < self.size {
            if since.elapsed() > patience {
                report::wrong(&format!("only {} of {} phones wait after {patience:?}", self.waiting(), self.size));
                while let Ok(news) = self.news.try_recv() {
                    if let News::Woken { how: Err(why), .. } = news {
                        report::line("  one of them", &why);
                    }
                }
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(time).await;
    }
}

struct Member {
    number: usize,
    phone: Phone,
    mode: watch::Receiver<Mode>,
    waiting: Arc<AtomicUsize>,
    sender: mpsc::UnboundedSender<News>,
}

impl Member {
    async fn live(mut self) {
        loop {
            self.waiting.fetch_add(1, Ordering::Relaxed);
            let how = self.phone.ping().await;
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            let changed = if let Ok(Woken::Changes(kinds)) = &how { kinds.clone() } else { Vec::new() };
            let (failed, folders) = (how.is_err(), how == Ok(Woken::Folders));
            if self.sender.send(News::Woken { phone: self.number, at: Instant::now(), how }).is_err() {
                return;
            }
            if folders && let Err(why) = self.phone.fetch_folders().await {
                return report::wrong(&why);
            }
            let Ok(mode) = self.mode.wait_for(|mode| *mode != Mode::Rest).await.map(|mode| *mode) else { return };
            if mode == Mode::Leave || failed {
                return;
            }
            if !changed.is_empty() && self.fetch(&changed).await.is_err() {
                return;
            }
        }
    }

    async fn fetch(&mut self, changed: &[usize]) -> Result<(), ()> {
        match self.phone.sync(changed).await {
            Ok(brought) => self.sender.send(News::Synced { phone: self.number, brought }).map_err(drop),
            Err(why) => {
                report::wrong(&why);
                Err(())
            }
        }
    }
}

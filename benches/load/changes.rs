//! One user in a hundred changes something in each tick: which phones are woken, when, and what they fetch.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::{
    crowd::{Crowd, News},
    device::Woken,
    options::Options,
    report,
    standin::{App, Change, StandIn, mixed},
};

/// What may be late beyond two ticks, on a machine that has more to do, before a phone counts as not woken.
const LATE: Duration = Duration::from_secs(60);

/// In which applications things change, in turn.
const APPS: [App; 3] = [App::Contacts, App::Calendar, App::Tasks];

/// What was seen while things changed.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// From each change to the end of each Ping.
    pub(crate) times: Vec<Duration>,
    /// Pings that ended without a change.
    pub(crate) for_nothing: usize,
    /// Pings that ended because there were other folders.
    pub(crate) of_folders: usize,
}

/// A change that was made.
#[derive(Debug)]
pub(crate) struct Made {
    /// Number of the user.
    pub(crate) user: usize,
    /// The folder, as place in `device::KINDS`.
    pub(crate) kind: usize,
    /// The title of the item on phones.
    pub(crate) title: String,
}

/// Changes things, and follows what the phones see of it.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    next: usize,
    /// Changes of which a phone has not heard, by phone and place of the folder.
    unheard: HashMap<(usize, usize), (Instant, String)>,
    /// Another server is asked: what it does wrong is told, and no failure.
    of_others: bool,
    /// Changes that a phone has heard of and not fetched.
    unfetched: HashMap<(usize, usize), String>,
}

impl Changes {
    /// For a server that is not ours.
    pub(crate) fn of_others() -> Self {
        Self { of_others: true, ..Self::default() }
    }

    /// Takes note of a change: all devices of that user are to hear of it.
    fn made(&mut self, made: Made, devices: usize, crowd: &Crowd) {
        let at = Instant::now();
        let first = made.user * devices;
        for phone in first..(first + devices).min(crowd.size) {
            self.unheard.insert((phone, made.kind), (at, made.title.clone()));
        }
    }

    fn wrong(&self, what: &str) {
        match self.of_others {
            true => report::line("  what went wrong", what),
            false => report::wrong(what),
        }
    }

    /// Takes note of what happened to a phone.
    fn note(&mut self, news: News, seen: &mut Seen) {
        match news {
            // Horde's own server waits for a minute only.
            News::Woken { how: Ok(Woken::Over), .. } if self.of_others => {}
            News::Woken { how: Ok(Woken::Over), phone, .. } => {
                self.wrong(&format!("the wait of phone {phone} ended"));
            }
            News::Woken { how: Err(why), .. } => self.wrong(&why),
            News::Woken { how: Ok(Woken::Folders), .. } => seen.of_folders += 1,
            News::Woken { how: Ok(Woken::Changes(kinds)), phone, at } => {
                for kind in kinds {
                    match self.unheard.remove(&(phone, kind)) {
                        Some((since, title)) => {
                            seen.times.push(at.saturating_duration_since(since));
                            self.unfetched.insert((phone, kind), title);
                        }
                        None => seen.for_nothing += 1,
                    }
                }
            }
            News::Synced { phone, brought } => {
                for brought in brought {
                    let place = (phone, brought.kind);
                    // What came while it synced it has, and need not hear of.
                    if self.unheard.get(&place).is_some_and(|(_, title)| brought.titles.contains(title)) {
                        self.unheard.remove(&place);
                        self.unfetched.remove(&place);
                    }
                    if let Some(title) = self.unfetched.remove(&place).filter(|title| !brought.titles.contains(title)) {
                        self.wrong(&format!("{title:?} is not among what phone {phone} fetched: {brought:?}"));
                    }
                }
            }
        }
    }

    /// Changes things of the stand-in for so many ticks, evenly, and waits until all phones have heard.
    pub(crate) async fn run(&mut self, options: &Options, crowd: &mut Crowd, horde: &StandIn) -> Seen {
        let count = options.few_users() * options.ticks as usize;
        let make = |n: usize| {
            let (user, app) = (n % options.users(), APPS[n % APPS.len()]);
            let title = format!("change {n}");
            horde.change(user, app, Change::Modify, &title);
            Made { user, kind: app as usize, title }
        };
        self.follow(options, crowd, count, options.tick / u32::try_from(options.few_users()).unwrap(), make).await
    }

    /// Makes so many changes, one in each `period`, and waits until all phones have heard. `make` has a number to tell them apart.
    pub(crate) async fn follow(
        &mut self,
        options: &Options,
        crowd: &mut Crowd,
        count: usize,
        period: Duration,
        make: impl Fn(usize) -> Made,
    ) -> Seen {
        let mut seen = Seen::default();
        let start = tokio::time::Instant::now();
        for n in 0..count {
            // Anywhere in its period, so that nothing beats in time with the bridge.
            let part = n as f64 + (mixed(self.next as u64) % 1000) as f64 / 1000.0;
            let due = start + period.mul_f64(part);
            while let Ok(Some(news)) = tokio::time::timeout_at(due, crowd.news.recv()).await {
                self.note(news, &mut seen);
            }
            tokio::time::sleep_until(due).await;
            let made = tokio::task::block_in_place(|| make(self.next));
            self.next += 1;
            self.made(made, options.devices, crowd);
        }
        self.hear(2 * options.tick + LATE, crowd, &mut seen, |this| this.unheard.is_empty()).await;
        for ((phone, kind), (_, title)) in std::mem::take(&mut self.unheard) {
            self.wrong(&format!("phone {phone} was never told of {title:?} (folder {kind})"));
        }
        seen
    }

    /// Waits until all phones have fetched what they have heard of.
    pub(crate) async fn fetched(&mut self, crowd: &mut Crowd) {
        let mut seen = Seen::default();
        self.hear(LATE, crowd, &mut seen, |this| this.unfetched.is_empty()).await;
        for ((phone, _), title) in std::mem::take(&mut self.unfetched) {
            self.wrong(&format!("phone {phone} has not fetched {title:?}"));
        }
    }

    async fn hear(&mut self, patience: Duration, crowd: &mut Crowd, seen: &mut Seen, done: impl Fn(&Self) -> bool) {
        let end = tokio::time::Instant::now() + patience;
        while !done(self) {
            match tokio::time::timeout_at(end, crowd.news.recv()).await {
                Ok(Some(news)) => self.note(news, seen),
                _ => return,
            }
        }
    }
}

impl Seen {
    /// How long it took.
    pub(crate) fn told(&mut self) -> String {
        let [middle, most] = [50, 99].map(|percent| report::percentile(&mut self.times, percent));
        format!("p50 {}, p99 {}, {} phones", report::ms(middle), report::ms(most), self.times.len())
    }

    /// Prints how long it took.
    pub(crate) fn print(&mut self, options: &Options) {
        let most = report::percentile(&mut self.times, 99);
        let limit = options.tick + Duration::from_millis(200);
        let told = format!("{} ({:.2} ticks)", self.told(), most.as_secs_f64() / options.tick.as_secs_f64());
        report::figure("  from the change to the end of the Ping", &told, "p99 one tick + 200 ms", most <= limit);
        let none = self.for_nothing == 0;
        report::figure("  phones woken for nothing", &self.for_nothing.to_string(), "none", none);
        if self.of_folders > 0 {
            report::line("  phones that were sent for other folders", &self.of_folders.to_string());
        }
    }
}

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

/// What may be late beyond two ticks before a phone counts as not woken.
const LATE: Duration = Duration::from_secs(10);

/// In which applications things change, in turn.
const APPS: [App; 3] = [App::Contacts, App::Calendar, App::Tasks];

/// What was seen while things changed.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// From each change to the end of each Ping.
    pub(crate) times: Vec<Duration>,
    pub(crate) changes: usize,
    /// Pings that ended without a change.
    pub(crate) for_nothing: usize,
}

/// Changes things, and follows what the phones see of it.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    next: usize,
    /// Changes of which a phone has not heard, by phone and place of the folder.
    unheard: HashMap<(usize, usize), (Instant, String)>,
    /// Changes that a phone has heard of and not fetched.
    unfetched: HashMap<(usize, usize), String>,
}

impl Changes {
    /// The next change.
    fn make(&mut self, options: &Options, crowd: &Crowd, horde: &StandIn) {
        let (user, app) = (self.next % options.users(), APPS[self.next % APPS.len()]);
        let title = format!("change {}", self.next);
        self.next += 1;
        horde.change(user, app, Change::Modify, &title);
        let at = Instant::now();
        let first = user * options.devices;
        for phone in first..(first + options.devices).min(crowd.size) {
            self.unheard.insert((phone, app as usize), (at, title.clone()));
        }
    }

    /// Takes note of what happened to a phone.
    fn note(&mut self, news: News, seen: &mut Seen) {
        match news {
            News::Woken { how: Ok(Woken::Over), phone, .. } => {
                report::wrong(&format!("the wait of phone {phone} ended"))
            }
            News::Woken { how: Err(why), .. } => report::wrong(&why),
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
                        report::wrong(&format!("{title:?} is not among what phone {phone} fetched: {brought:?}"));
                    }
                }
            }
        }
    }

    /// Changes things for so many ticks, evenly, and waits until all phones have heard.
    pub(crate) async fn run(&mut self, options: &Options, crowd: &mut Crowd, horde: &StandIn) -> Seen {
        let mut seen = Seen::default();
        let count = options.few_users() * options.ticks as usize;
        let start = tokio::time::Instant::now();
        while seen.changes < count {
            // Anywhere in its part of the tick, so that nothing beats in time with the bridge.
            let part = seen.changes as f64 + (mixed(self.next as u64) % 1000) as f64 / 1000.0;
            let due = start + options.tick.mul_f64(part / options.few_users() as f64);
            tokio::select! {
                () = tokio::time::sleep_until(due) => {
                    self.make(options, crowd, horde);
                    seen.changes += 1;
                }
                Some(news) = crowd.news.recv() => self.note(news, &mut seen),
            }
        }
        self.hear(2 * options.tick + LATE, crowd, &mut seen, |this| this.unheard.is_empty()).await;
        for ((phone, kind), (_, title)) in self.unheard.drain() {
            report::wrong(&format!("phone {phone} was never told of {title:?} (folder {kind})"));
        }
        seen
    }

    /// Waits until all phones have fetched what they have heard of.
    pub(crate) async fn fetched(&mut self, crowd: &mut Crowd) {
        let mut seen = Seen::default();
        self.hear(3 * LATE, crowd, &mut seen, |this| this.unfetched.is_empty()).await;
        for ((phone, _), title) in self.unfetched.drain() {
            report::wrong(&format!("phone {phone} has not fetched {title:?}"));
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
    /// Prints how long it took.
    pub(crate) fn print(&mut self, options: &Options) {
        let (middle, most) = (report::percentile(&mut self.times, 50), report::percentile(&mut self.times, 99));
        let ticks = |time: Duration| time.as_secs_f64() / options.tick.as_secs_f64();
        let told = format!(
            "p50 {} ({:.2} ticks), p99 {} ({:.2})",
            report::ms(middle),
            ticks(middle),
            report::ms(most),
            ticks(most)
        );
        let limit = options.tick + Duration::from_millis(200);
        report::figure("  from the change to the end of the Ping", &told, "p99 one tick + 200 ms", most <= limit);
        report::figure(
            "  phones woken; woken for nothing",
            &format!("{}; {}", self.times.len(), self.for_nothing),
            "none for nothing",
            self.for_nothing == 0,
        );
    }
}

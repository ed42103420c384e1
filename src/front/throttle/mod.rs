//! Who is told to come back later: senders of too much, devices that turn in circles, and everybody when the site has more to do than it
//! can. A phone that was let in is never slowed down by those that are not.

mod memory;
mod note;
mod rules;
mod skim;

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use self::{
    memory::Memory,
    rules::{Kind, Pause, Trouble},
    skim::Skimmed,
};
use crate::{
    command::{Full, Place, Places},
    config::Limits,
    gateway::Response,
    proto::{Command, Query},
    state::{Device, Info},
};

/// So many bytes of a request tell it from others, with its length.
pub(super) const COMPARED: usize = 64 << 10;
/// When to come back after more requests at the same time than a user or device may have.
const SOON: Duration = Duration::from_secs(5);
/// The same for a site that has too much to do.
const OVERLOADED: Duration = Duration::from_secs(30);
/// So far apart the log says that the site has too much to do.
const SAY: Duration = Duration::from_secs(60);

/// What a running program knows of its senders.
#[derive(Debug)]
pub(super) struct Throttle {
    /// With a key of this process, so that nobody can make two devices one.
    hash: RandomState,
    memory: Mutex<Memory>,
    places: RwLock<Arc<Places>>,
    said: Mutex<Option<Instant>>,
    spread: AtomicU64,
}

/// A request that is refused for now.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Slow {
    /// The option that says so, for the log.
    pub(super) limit: &'static str,
    after: Duration,
    /// Value of X-MS-ASThrottle; none where the phone is not to blame.
    reason: Option<&'static str>,
    trouble: Option<Trouble>,
}

impl Slow {
    /// Tells the administrator, if that is new.
    pub(super) async fn tell(&self, device: &Device, user: &str) {
        if let Some(trouble) = self.trouble {
            note::tell(device, user, None, trouble).await;
        }
    }

    /// HTTP 503 in all versions.
    pub(super) fn response(&self) -> Response {
        // Rounded up: who comes at the time that he was told must be let in.
        let seconds = self.after.as_secs() + u64::from(self.after.subsec_nanos() > 0);
        let response = Response::status(503).header("Retry-After", seconds.clamp(1, 3600).to_string());
        match self.reason {
            Some(reason) => response.header("X-MS-ASThrottle", reason),
            None => response,
        }
    }
}

/// How a request was answered.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer<'a> {
    /// With an error, by HTTP status or Status.
    Wrong(u16),
    /// The back is in trouble, or the phone has gone: it says nothing of the device.
    Unknown,
    /// With HTTP 200 and this document.
    Document(&'a [u8]),
}

/// What the administrator is to be told after a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Told {
    /// This is new.
    trouble: Option<Trouble>,
    /// What was noted is over.
    over: bool,
}

impl Throttle {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            hash: RandomState::new(),
            memory: Mutex::default(),
            places: RwLock::new(Arc::new(Places::new(limits.clone()))),
            said: Mutex::default(),
            spread: AtomicU64::new(0),
        }
    }

    /// Other limits hold for requests that come from now on.
    pub(super) fn reload(&self, limits: &Limits) {
        let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
        if places.limits() != limits {
            *places = Arc::new(Places::new(limits.clone()));
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request of a user comes from a device ("" if it is not known which).
    ///
    /// # Errors
    /// One of them sends too much.
    pub(super) fn arrive(&self, user: &str, device: &str) -> Result<Visit<'_>, Slow> {
        let now = Instant::now();
        let places = Arc::clone(&self.places.read().unwrap_or_else(PoisonError::into_inner));
        let limits = places.limits();
        let (of_user, of_device) =
            (self.hash.hash_one(("user", user)), self.hash.hash_one((user, device.to_ascii_lowercase())));
        let slow = |limit, Pause { left, trouble }| {
            Err(Slow { limit, after: left, reason: Some("CommandFrequency"), trouble })
        };
        let mut memory = self.memory();
        let rate = limits.user_rate;
        if let Err(pause) = memory.sender(of_user, rate, now).arrive(rate, limits, now) {
            if pause.trouble.is_some() {
                log::warn!("user {user:?} sends more than {rate} requests in a minute (limits.user_rate)");
            }
            return slow("limits.user_rate", Pause { trouble: None, ..pause });
        }
        let rate = limits.device_rate;
        match memory.sender(of_device, rate, now).arrive(rate, limits, now) {
            Err(pause) => slow("limits.device_rate", pause),
            Ok(()) => {
                drop(memory);
                Ok(Visit { throttle: self, places, of_user, of_device, request: None, device: None, noted: None })
            }
        }
    }

    /// Adds something to the Retry-After of an answer, another time for each, so that phones that were refused together do not come back
    /// together.
    pub(super) fn spread(&self, mut response: Response) -> Response {
        let number = self.spread.fetch_add(1, Ordering::Relaxed);
        for (name, value) in response.headers.iter_mut().filter(|(name, _)| *name == "Retry-After") {
            if let Ok(seconds) = value.parse::<u64>() {
                *value = spread(seconds, self.hash.hash_one((*name, number))).to_string();
            }
        }
        response
    }

    /// Tells the administrator, now and then, that the site has too much to do.
    fn overloaded(&self) {
        let now = Instant::now();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_none_or(|said| now.saturating_duration_since(said) >= SAY) {
            *said = Some(now);
            log::warn!(
                "more requests than limits.working are worked on, and the queue is full or stands still: phones are told to come back later \
                 (said at most once a minute)"
            );
        }
    }
}

/// Up to half as much again.
fn spread(seconds: u64, number: u64) -> u64 {
    seconds + number % (seconds / 2 + 1)
}

/// What tells a request from others.
#[derive(Debug)]
struct Looked {
    command: Command,
    print: u64,
    /// Of a Sync: where it stands.
    skimmed: Skimmed,
}

/// One request that may come in.
#[derive(Debug)]
pub(super) struct Visit<'a> {
    throttle: &'a Throttle,
    /// With the limits of the time when it came.
    places: Arc<Places>,
    of_user: u64,
    of_device: u64,
    request: Option<Looked>,
    device: Option<Device>,
    /// For how long its info file has told of a trouble.
    noted: Option<Duration>,
}

impl Visit<'_> {
    /// The device is known.
    pub(super) fn of(&mut self, device: &Device) {
        self.device = Some(device.clone());
    }

    /// Its info file is known, too.
    pub(super) fn reads(&mut self, info: &Info, now: u64) {
        self.noted = info.trouble_since().map(|since| Duration::from_secs(now.saturating_sub(since)));
    }

    fn limits(&self) -> &Limits {
        self.places.limits()
    }

    fn sender<T>(&self, ask: impl FnOnce(&mut rules::Sender, Instant) -> T) -> T {
        let now = Instant::now();
        ask(self.throttle.memory().sender(self.of_device, self.limits().device_rate, now), now)
    }

    /// The gate tells the device to fetch its policies, by that Status.
    ///
    /// # Errors
    /// It was told so too often.
    pub(super) async fn refused(&self, user: &str, status: u16) -> Result<(), Slow> {
        let print = self.throttle.hash.hash_one("provision");
        let trouble = self.sender(|sender, now| {
            let after = sender.pause(print, self.limits(), now);
            if !after.is_zero() {
                return Err(repeats(after, "RecentCommands"));
            }
            Ok(sender.failed(print, Kind::Provision(status), self.limits(), now))
        })?;
        if let (Some(trouble), Some(device)) = (trouble, &self.device) {
            note::tell(device, user, None, trouble).await;
        }
        Ok(())
    }

    /// The request is there: its first [`COMPARED`] bytes and its length.
    ///
    /// # Errors
    /// The device sent the same in vain too often.
    pub(super) fn look(&mut self, command: Command, query: &Query, head: &[u8], length: u64) -> Result<(), Slow> {
        if self.limits().repeats == 0 {
            return Ok(());
        }
        let sync = command == Command::Sync;
        let skimmed = if sync { skim::skim(head) } else { Skimmed::default() };
        let print = self.throttle.hash.hash_one((command, &query.parameters, head, length));
        let after = self.sender(|sender, now| {
            // That it is here says that the gate let it pass.
            if command != Command::Provision {
                sender.passed();
            }
            let of_collections = skimmed.collections.iter().map(|c| self.collection(c));
            let pauses = of_collections.chain([print]).map(|print| sender.pause(print, self.limits(), now));
            pauses.max().unwrap_or_default()
        });
        if !after.is_zero() {
            return Err(repeats(after, if sync { "RecentSyncs" } else { "RecentCommands" }));
        }
        self.request = Some(Looked { command, print, skimmed });
        Ok(())
    }

    fn collection(&self, collection: &skim::Collection) -> u64 {
        self.throttle.hash.hash_one(("collection", &collection.id, &collection.key))
    }

    /// A place among those that are worked on; waits for one for a short time.
    ///
    /// # Errors
    /// There is none.
    pub(super) async fn place(&self) -> Result<Place, Slow> {
        let full = match self.places.enter(self.of_user, self.of_device).await {
            Ok(place) => return Ok(place),
            Err(full) => full,
        };
        let slow = |limit, after, reason| Slow { limit, after, reason, trouble: None };
        Err(match full {
            Full::Device => slow("limits.device_working", SOON, Some("OutOfBudgets")),
            Full::User => slow("limits.user_working", SOON, Some("OutOfBudgets")),
            Full::Open => slow("limits.user_open", OVERLOADED, Some("OutOfBudgets")),
            Full::Site => {
                self.throttle.overloaded();
                slow("limits.working", OVERLOADED, None)
            }
        })
    }

    /// The request has its answer: the administrator is told what is new.
    pub(super) async fn answered(&self, user: &str, answer: Answer<'_>) {
        let told = self.judge(answer);
        let Some(device) = &self.device else { return };
        if let Some(trouble) = told.trouble {
            note::tell(device, user, self.request.as_ref().map(|request| request.command), trouble).await;
        } else if told.over {
            note::clear(device, user).await;
        }
    }

    fn judge(&self, answer: Answer<'_>) -> Told {
        let Some(Looked { command, print, skimmed: request }) = &self.request else { return Told::default() };
        let (error, answer) = match answer {
            Answer::Unknown => return Told::default(),
            Answer::Wrong(status) => (Some(status), Skimmed::default()),
            Answer::Document(document) => {
                let skimmed = skim::skim(document);
                (skim::error(*command, &skimmed), skimmed)
            }
        };
        self.sender(|sender, now| {
            if let Some(status) = error {
                return Told { trouble: sender.failed(*print, Kind::Wrong(status), self.limits(), now), over: false };
            }
            sender.worked(*print);
            let again = skim::answered(request, &answer).into_iter();
            let troubles = again.filter_map(|collection| {
                let kind = if collection.key == "0" { Kind::Anew } else { Kind::Stuck };
                sender.failed(self.collection(collection), kind, self.limits(), now)
            });
            let trouble = troubles.last();
            let over = self.noted.is_some_and(|age| {
                let ours = sender.is_over(self.limits(), now);
                // Noted before this program was started, or by another process.
                ours || age >= rules::FORGET && !sender.is_in_trouble(self.limits(), now)
            });
            Told { trouble, over }
        })
    }
}

fn repeats(after: Duration, reason: &'static str) -> Slow {
    Slow { limit: "limits.repeats", after, reason: Some(reason), trouble: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_phones_do_not_come_back_in_the_same_second() {
        let throttle = Throttle::new(&Limits::default());
        let mut seconds = std::collections::BTreeMap::new();
        for _ in 0..10_000 {
            let response = throttle.spread(Response::status(503).header("Retry-After", "60"));
            let after: u64 = response.headers[0].1.parse().unwrap();
            *seconds.entry(after).or_insert(0) += 1;
        }
        assert!(seconds.keys().all(|s| (60..=90).contains(s)), "{seconds:?}");
        assert!(seconds.len() == 31 && seconds.values().all(|n| *n < 600), "{seconds:?}");
        assert_eq!(spread(1, u64::MAX), 1);
    }

    #[test]
    fn who_comes_at_the_time_that_he_was_told_is_not_too_early() {
        for (after, told) in [(Duration::ZERO, "1"), (Duration::from_millis(4001), "5"), (Duration::from_secs(5), "5")]
        {
            assert_eq!(repeats(after, "RecentSyncs").response().headers[0], ("Retry-After", told.to_owned()));
        }
    }
}

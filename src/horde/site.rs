//! What all users share: connection, bounded parallelism, circuit, counters, log.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::{
    Login, Settings, Stats,
    circuit::{Circuit, Pass},
    diagnose::{Failure, Kind, Trouble},
    http::{Ask, Http, Protocol, Reply},
    jar::People,
    probe::Offer,
};

/// Each kind of bad news is logged at most that often.
const QUIET: Duration = Duration::from_secs(60);

/// What a line in the log is about; each topic is reported at most once a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Topic {
    Trouble(Kind),
    Fatal,
    Noise,
}

#[derive(Debug)]
pub(super) struct Site {
    pub(super) settings: Settings,
    pub(super) people: People,
    /// Whether XML-RPC multiCall works here.
    pub(super) multicall: Offer,
    /// Whether WebDAV REPORT works here.
    pub(super) multiget: Offer,
    pub(super) http: Http,
    turns: Semaphore,
    circuit: Circuit,
    next_id: AtomicU64,
    counts: [AtomicU64; 3],
    notices: Mutex<HashMap<Topic, (Instant, u64)>>,
}

/// The right to use one of PHP's workers.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    pass: Pass<'a>,
    _permit: SemaphorePermit<'a>,
}

impl Site {
    pub(super) fn new(settings: Settings) -> Result<Arc<Self>, String> {
        Ok(Arc::new(Self {
            people: People::new()?,
            multicall: Offer::new(settings.multicall),
            multiget: Offer::new(settings.multiget),
            http: Http::new(&settings)?,
            turns: Semaphore::new(settings.parallel.clamp(1, 1024)),
            circuit: Circuit::default(),
            next_id: AtomicU64::new(1),
            counts: Default::default(),
            notices: Mutex::default(),
            settings,
        }))
    }

    /// A number for the next call, by which its answer is known.
    pub(super) fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Age at which a session is given up, so that the password is shown to Horde again.
    pub(super) fn age(&self) -> Duration {
        Duration::from_secs(self.settings.recheck)
    }

    pub(super) fn stats(&self) -> Stats {
        let [json, xml, dav] = self.counts.each_ref().map(|count| count.load(Ordering::Relaxed));
        Stats { json, xml, dav }
    }

    /// Waits for a turn; fails at once while the site is known to be down.
    pub(super) async fn turn(&self) -> Result<Turn<'_>, Failure> {
        self.circuit.look().map_err(Failure::Early)?;
        let permit = match tokio::time::timeout(self.http.timeout(), self.turns.acquire()).await {
            Ok(Ok(permit)) => permit,
            _ => return Err(self.early(Kind::Crowded)),
        };
        let pass = self.circuit.pass().map_err(Failure::Early)?;
        Ok(Turn { pass, _permit: permit })
    }

    fn early(&self, kind: Kind) -> Failure {
        let trouble = Trouble::new(kind, "");
        self.report(&trouble);
        Failure::Early(trouble.into_error(false))
    }

    /// One request.
    pub(super) async fn send(&self, ask: &Ask, login: &Login, cookies: Option<&str>) -> Result<Reply, Failure> {
        let request = self.http.request(ask, login, cookies)?;
        let [json, xml, dav] = &self.counts;
        let count = match ask.kind {
            Protocol::Json => json,
            Protocol::Xml => xml,
            Protocol::Report | Protocol::Propfind => dav,
        };
        count.fetch_add(1, Ordering::Relaxed);
        self.http.send(request, ask.kind).await
    }

    /// Tells circuit and log how a request went. That an accelerator is not offered is no bad news.
    pub(super) fn settle<T>(&self, turn: &Turn<'_>, kind: Protocol, method: &str, outcome: &Result<T, Failure>) {
        match outcome {
            Err(Failure::Trouble(trouble)) if kind != Protocol::Json && trouble.may_mean_no_offer() => {}
            Err(Failure::Trouble(trouble)) => {
                if trouble.of_site() {
                    turn.pass.bad(&trouble.reason());
                }
                self.report(trouble);
            }
            Err(Failure::Fatal(text)) => {
                turn.pass.good();
                self.notice(Topic::Fatal, || {
                    format!("{method} makes Horde's PHP fail: {text}; PHP's and Horde's logs tell where")
                });
            }
            Err(Failure::Early(_)) => {}
            _ => turn.pass.good(),
        }
    }

    /// Logs an obstacle.
    fn report(&self, trouble: &Trouble) {
        self.notice(Topic::Trouble(trouble.kind), || format!("Horde cannot answer: {}", trouble.reason()));
    }

    /// Logs what PHP printed beside an answer.
    pub(super) fn noise(&self, method: &str, noise: &str) {
        self.notice(Topic::Noise, || {
            format!("PHP prints messages into the answer to {method}: {noise:?}; set display_errors = Off for rpc.php")
        });
    }

    /// Logs one warning per kind and minute, with the number of those that were kept back.
    pub(super) fn notice(&self, topic: Topic, text: impl FnOnce() -> String) {
        let now = Instant::now();
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        let kept_back = match notices.get_mut(&topic) {
            Some((last, kept_back)) if now.duration_since(*last) < QUIET => {
                *kept_back += 1;
                return;
            }
            Some((_, kept_back)) => *kept_back,
            None => 0,
        };
        notices.insert(topic, (now, 0));
        drop(notices);
        match kept_back {
            0 => log::warn!("{}", text()),
            more => log::warn!("{} ({more} more like this since the last report)", text()),
        }
    }
}

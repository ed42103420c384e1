//! The measurements over the stand-in, one after the other, with the same phones.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use tokio::sync::Mutex;

use crate::{
    bridge::Bridge,
    changes::Changes,
    crowd::{self, Crowd, Mode, News, WAITING},
    device::{PUT_OFF, Phone, Woken},
    options::Options,
    proc,
    report::{self, figure, line, mb},
    standin::{Counts, Size, StandIn},
    syncs,
};

/// 100 MB in KiB.
const MEMORY: u64 = 100_000_000 / 1024;

/// Phones that pair at the same time.
const PAIRING: usize = 64;

/// All that runs.
pub(crate) struct Rig {
    pub(crate) options: Options,
    pub(crate) horde: StandIn,
    pub(crate) bridge: Bridge,
}

impl Rig {
    pub(crate) async fn start(options: Options) -> Self {
        let horde = StandIn::start(Size { users: options.users(), items: options.items, delay: options.delay });
        let bridge = Bridge::start(&options, horde.rpc).await;
        line("the bridge at its start", &resident(&bridge));
        Self { options, horde, bridge }
    }

    /// Pairs phones, and tells how long that took.
    pub(crate) async fn pair(&self, count: usize, name: &str) -> Vec<Phone> {
        let (since, before) = (Instant::now(), self.horde.counts());
        let phones = crowd::phones(&self.options, &self.bridge.door, count, name);
        let phones = crowd::pair(phones, self.options.heartbeat, PAIRING).await;
        let php = self.horde.counts().since(&before).requests as f64 / count as f64;
        let time = since.elapsed().as_secs_f64();
        line(&format!("{} phones paired", phones.len()), &format!("{time:.1} s, {php:.1} PHP requests each"));
        phones
    }

    fn per_tick(&self, counts: &Counts, time: Duration) -> f64 {
        counts.requests as f64 / (time.as_secs_f64() / self.options.tick.as_secs_f64())
    }

    /// Phones that were put off because all came at once are back.
    async fn arrived(&self) {
        let mut before = 0;
        loop {
            let now = PUT_OFF.load(Ordering::Relaxed);
            if now == before {
                return tokio::time::sleep(self.options.tick).await;
            }
            before = now;
            // Longer than any of them was told to stay away.
            tokio::time::sleep(Duration::from_secs(50)).await;
        }
    }

    /// Nothing happens.
    async fn idle(&self, crowd: &Crowd) {
        self.arrived().await;
        let memory = proc::memory(self.bridge.pid());
        let told = resident(&self.bridge);
        let what = format!("memory with {} waiting phones of {} users", crowd.waiting(), self.options.users());
        figure(&what, &told, "at most 100 MB", memory.resident <= MEMORY);
        if let Some(web) = self.bridge.web_pid() {
            let pss = proc::proportional(&proc::family(web));
            line("  the web server beside it", &format!("{} in {} processes", mb(pss), proc::family(web).len()));
        }
        let (cpu, before) = (proc::cpu(self.bridge.pid()), self.horde.counts());
        tokio::time::sleep(self.options.idle).await;
        let used = (proc::cpu(self.bridge.pid()) - cpu).as_secs_f64() / self.options.idle.as_secs_f64() * 100.0;
        let counts = self.horde.counts().since(&before);
        let what = format!("processor time in {} s of nothing", self.options.idle.as_secs());
        figure(&what, &format!("{used:.2} % of one core"), "below 2 %", used < 2.0);
        let each = self.per_tick(&counts, self.options.idle);
        let told = format!("{each:.1}, at most {} in a second", counts.seconds.iter().max().unwrap_or(&0));
        figure("PHP requests per tick while nothing changes", &told, "at most 3", each <= 3.0);
        line("  by what they ask", &counts.by_kind());
    }

    /// Users change things; the phones that hear of it fetch it afterwards, so that every request is one of the watcher.
    async fn changes(&self, crowd: &mut Crowd, changes: &mut Changes) {
        crowd.tell(Mode::Rest);
        let (before, since, cpu) = (self.horde.counts(), Instant::now(), proc::cpu(self.bridge.pid()));
        let mut seen = changes.run(&self.options, crowd, &self.horde).await;
        let (counts, time) = (self.horde.counts().since(&before), since.elapsed());
        let used = (proc::cpu(self.bridge.pid()) - cpu).as_secs_f64() / time.as_secs_f64() * 100.0;
        let each = self.per_tick(&counts, time);
        let what = format!("PHP requests per tick, {} users changing in each", self.options.few_users());
        figure(&what, &format!("{each:.1} ({:.1} calls in each)", calls_each(&counts)), "at most 10", each <= 10.0);
        line("  by what they ask", &counts.by_kind());
        line("  processor time", &format!("{used:.2} % of one core"));
        seen.print(&self.options);
        crowd.tell(Mode::Return);
        changes.fetched(crowd).await;
        crowd.settle(self.options.tick, Duration::from_secs(60)).await;
    }

    /// The same while other phones sync.
    async fn syncs(&self, crowd: &mut Crowd, changes: &mut Changes, workers: &[Arc<Mutex<Phone>>]) {
        let time = self.options.tick * self.options.ticks;
        let (before, since, cpu) = (self.horde.counts(), Instant::now(), proc::cpu(self.bridge.pid()));
        let (mut seen, mut times) =
            tokio::join!(changes.run(&self.options, crowd, &self.horde), syncs::run(workers, self.options.rate, time));
        let (counts, time) = (self.horde.counts().since(&before), since.elapsed());
        let used = (proc::cpu(self.bridge.pid()) - cpu).as_secs_f64() / time.as_secs_f64() * 100.0;
        line("the same while those phones fetch it and others sync", &format!("{used:.1} % of one core"));
        syncs::print(&mut times, self.options.rate);
        seen.print(&self.options);
        line("  PHP requests", &format!("{}: {}", counts.requests, counts.by_kind()));
        changes.fetched(crowd).await;
        crowd.settle(self.options.tick, Duration::from_secs(60)).await;
        line("  memory after that", &resident(&self.bridge));
    }

    /// The bridge is told to end: every wait ends as if its time were over.
    async fn end(&mut self, crowd: &mut Crowd) {
        crowd.tell(Mode::Leave);
        let (waited, since) = (crowd.waiting(), Instant::now());
        self.bridge.terminate();
        let (mut well, mut heard) = (0, 0);
        while heard < waited {
            match tokio::time::timeout(Duration::from_secs(30), crowd.news.recv()).await {
                Ok(Some(News::Woken { how: Ok(Woken::Over), .. })) => well += 1,
                Ok(Some(News::Woken { how: Err(why), .. })) => report::wrong(&why),
                Ok(Some(_)) => {}
                _ => break,
            }
            heard += 1;
        }
        let time = since.elapsed();
        while !self.bridge.has_ended() && since.elapsed() < Duration::from_secs(30) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let told = format!(
            "{well} of {waited} within {}, the program after {}",
            report::ms(time),
            report::ms(since.elapsed())
        );
        figure("SIGTERM: waits that end with \"heartbeat over\"", &told, "all", well == waited);
        if well < waited || !self.bridge.has_ended() {
            report::wrong("the bridge did not end as it should");
        }
    }
}

fn calls_each(counts: &Counts) -> f64 {
    counts.calls as f64 / counts.requests.max(1) as f64
}

/// Resident memory in all, and what of it is the bridge's own.
pub(crate) fn resident(bridge: &Bridge) -> String {
    let memory = proc::memory(bridge.pid());
    format!("{} resident, {} of its own", mb(memory.resident), mb(memory.anonymous))
}

/// Measures what the options want.
pub(crate) async fn run(options: Options) {
    let mut rig = Rig::start(options.clone()).await;
    let phones = rig.pair(options.phones, WAITING).await;
    let mut workers = Vec::new();
    if options.wants("syncs") {
        workers = rig.pair(options.rate as usize, "work").await;
    }
    let workers: Vec<_> = workers.into_iter().map(|phone| Arc::new(Mutex::new(phone))).collect();
    line("the bridge when all have paired", &resident(&rig.bridge));
    let mut crowd = Crowd::start(phones);
    // The first look of each wait is not what waiting costs.
    crowd.settle(2 * options.tick, Duration::from_secs(300)).await;
    let mut changes = Changes::default();
    if options.wants("waiting") {
        rig.idle(&crowd).await;
    }
    if options.wants("changes") {
        rig.changes(&mut crowd, &mut changes).await;
    }
    if options.wants("syncs") && !workers.is_empty() {
        rig.syncs(&mut crowd, &mut changes, &workers).await;
    }
    rig.end(&mut crowd).await;
    let put_off = PUT_OFF.load(Ordering::Relaxed);
    if put_off > 0 {
        line("requests that were put off with 503", &put_off.to_string());
    }
    if report::wrongs() > 0 {
        println!("{}", rig.bridge.log());
    }
}

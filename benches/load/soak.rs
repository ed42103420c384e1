//! Phones that come and go for a long time: they wait by Ping and by hanging Sync, hang up, wait twice, fetch what has changed, stay away.
//! What must not grow is looked at all the time, and what must be given back when all have gone.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::{
    crowd::WAITING,
    device::{Phone, Told, Woken},
    options::Options,
    proc, report,
    run::Rig,
    standin::{App, Change, mixed},
};

/// Samples that are printed.
const SAMPLES: u32 = 20;
/// Descriptors that may be open besides those of the start when all phones have gone: of state files and to Horde.
const SLACK: usize = 16;
/// How long a wait may go on that a newer one ends.
const AT_ONCE: Duration = Duration::from_secs(10);
/// Two requests that are sent closer together than this may arrive in any order.
const CLOSE: Duration = Duration::from_secs(2);
/// How long the bridge may take to see that all have gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the phones have done.
#[derive(Debug, Default)]
struct Deeds {
    waiting: AtomicUsize,
    woken: AtomicU64,
    /// Woken, and nothing was there.
    for_nothing: AtomicU64,
    hung_up: AtomicU64,
    over: AtomicU64,
}

struct Sample {
    descriptors: usize,
    memory: proc::Memory,
    threads: usize,
}

impl Sample {
    fn take(pid: u32) -> Self {
        Self { descriptors: proc::descriptors(pid), memory: proc::memory(pid), threads: proc::threads(pid) }
    }
}

/// One phone's life.
struct Life {
    phone: Phone,
    deeds: Arc<Deeds>,
    heartbeat: u32,
    /// Where its dice stand.
    dice: u64,
}

impl Life {
    /// A number below `end`.
    fn any(&mut self, end: u64) -> u64 {
        self.dice = self.dice.wrapping_add(1);
        mixed(self.dice) % end
    }

    /// A time shorter than a heartbeat.
    fn some_time(&mut self) -> Duration {
        Duration::from_millis(self.any(u64::from(self.heartbeat) * 1000))
    }

    async fn live(mut self) {
        loop {
            let more = self.any(u64::from(self.heartbeat)) as u32;
            self.phone.waits_for(self.heartbeat + more);
            let done = match self.any(100) {
                0..50 => self.ping().await,
                50..65 => self.hanging_sync().await,
                65..85 => self.hang_up().await,
                85..92 => self.wait_twice().await,
                _ => {
                    tokio::time::sleep(self.some_time()).await;
                    self.phone.sync(&self.phone.kinds()).await.map(drop)
                }
            };
            if let Err(why) = done {
                report::wrong(&why);
                return;
            }
        }
    }

    async fn ping(&mut self) -> Told<()> {
        let woken = counted(&self.deeds, self.phone.ping()).await?;
        self.fetch(woken).await
    }

    /// What a phone does that was woken.
    async fn fetch(&mut self, woken: Woken) -> Told<()> {
        let kinds = match woken {
            Woken::Changes(kinds) => kinds,
            Woken::Folders => return Err(self.phone.wrong("Ping", &woken)),
            Woken::Over => {
                self.deeds.over.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
        };
        self.deeds.woken.fetch_add(1, Ordering::Relaxed);
        let brought = self.phone.sync(&kinds).await?;
        if brought.iter().all(|b| b.is_nothing()) {
            self.deeds.for_nothing.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn hanging_sync(&mut self) -> Told<()> {
        let heartbeat = self.heartbeat;
        let brought = counted(&self.deeds, self.phone.hanging_sync(heartbeat)).await?;
        let count = if brought.iter().all(|b| b.is_nothing()) { &self.deeds.over } else { &self.deeds.woken };
        count.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn hang_up(&mut self) -> Told<()> {
        let (time, by_sync) = (self.some_time(), self.any(2) == 0);
        let heartbeat = self.heartbeat;
        let gone = match by_sync {
            true => {
                let wait = counted(&self.deeds, self.phone.hanging_sync(heartbeat));
                tokio::time::timeout(time, wait).await.map(|done| done.map(drop))
            }
            false => {
                let wait = counted(&self.deeds, self.phone.ping());
                tokio::time::timeout(time, wait).await.map(|done| done.map(drop))
            }
        };
        match gone {
            Ok(done) => done,
            Err(_) => {
                self.deeds.hung_up.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    /// A newer Ping ends the older one.
    async fn wait_twice(&mut self) -> Told<()> {
        let (time, deeds) = (self.some_time(), Arc::clone(&self.deeds));
        let (phone, other) = (&self.phone, self.phone.clone());
        let put_off = phone.times_put_off();
        let older = async { (counted(&deeds, phone.ping()).await, Instant::now()) };
        let newer = async {
            tokio::time::sleep(time).await;
            (Instant::now(), counted(&deeds, other.ping()).await, Instant::now())
        };
        let ((first, ended), (began, second, over)) = tokio::join!(older, newer);
        // Of two that are sent so close together either may arrive first, as in the rush at the beginning.
        let ended = if time < CLOSE { ended.min(over) } else { ended };
        // One that was put off came again later: it may have become the newer one.
        let in_order = phone.times_put_off() == put_off;
        if in_order && ended.saturating_duration_since(began) > AT_ONCE {
            let what = format!("a Ping went on for {:?} beside one that was sent {time:?} after it", ended - began);
            return Err(phone.wrong(&what, &"not ended"));
        }
        // Whatever woke the older one the newer one tells again.
        first?;
        self.fetch(second?).await
    }
}

/// Counts a wait for as long as it lasts, however it ends.
async fn counted<T>(deeds: &Deeds, wait: impl Future<Output = T>) -> T {
    struct Place<'a>(&'a AtomicUsize);
    impl Drop for Place<'_> {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }
    deeds.waiting.fetch_add(1, Ordering::Relaxed);
    let _place = Place(&deeds.waiting);
    wait.await
}

/// Changes things until it is dropped: what is added is changed and deleted again.
async fn change(rig: &Rig) {
    let mut clock = tokio::time::interval(rig.options.tick / u32::try_from(rig.options.few_users()).unwrap());
    for n in 0.. {
        clock.tick().await;
        let (user, round) = (n % rig.options.users(), n / rig.options.users());
        let app = App::ALL[(user + round / 3) % App::ALL.len()];
        let change = [Change::Add, Change::Modify, Change::Delete][round % 3];
        rig.horde.change(user, app, change, &format!("change {n}"));
    }
}

/// Lets the phones live for the time, and prints what the bridge takes.
async fn watch(rig: &Rig, deeds: &Deeds) -> Vec<Sample> {
    let start = Instant::now();
    let whole = Duration::from_secs_f64(rig.options.minutes * 60.0);
    println!(
        "   time  waiting  descriptors    resident         own  threads    woken  for nothing  hung up     over  PHP/tick"
    );
    let mut samples = Vec::new();
    let mut before = rig.horde.counts();
    for n in 1..=SAMPLES {
        tokio::time::sleep_until((start + whole * n / SAMPLES).into()).await;
        let sample = Sample::take(rig.bridge.pid());
        let counts = rig.horde.counts();
        let ticks = (whole / SAMPLES).as_secs_f64() / rig.options.tick.as_secs_f64();
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        println!(
            "{:>5.0} s {:>8} {:>12} {:>11} {:>11} {:>8} {:>8} {:>12} {:>8} {:>8} {:>9.1}",
            start.elapsed().as_secs_f64(),
            deeds.waiting.load(Ordering::Relaxed),
            sample.descriptors,
            report::mb(sample.memory.resident),
            report::mb(sample.memory.anonymous),
            sample.threads,
            count(&deeds.woken),
            count(&deeds.for_nothing),
            count(&deeds.hung_up),
            count(&deeds.over),
            counts.since(&before).requests as f64 / ticks
        );
        before = counts;
        samples.push(sample);
    }
    samples
}

/// The last quarter against the second: the first is for everything that is made once.
fn growth(samples: &[Sample], what: &str, value: impl Fn(&Sample) -> u64, slack: u64, show: impl Fn(u64) -> String) {
    let quarter = samples.len() / 4;
    let mean = |part: &[Sample]| part.iter().map(&value).sum::<u64>() / part.len().max(1) as u64;
    let (early, late) = (mean(&samples[quarter..2 * quarter]), mean(&samples[3 * quarter..]));
    let grows = late > early + early / 20 + slack;
    let told = format!("{} in the second quarter, {} in the last", show(early), show(late));
    report::figure(what, &told, "does not grow", !grows);
}

/// Everything that a phone held is given back when it has gone.
async fn all_gone(rig: &Rig, at_start: &Sample) {
    let since = Instant::now();
    let limit = at_start.descriptors + SLACK;
    loop {
        let now = Sample::take(rig.bridge.pid());
        if now.descriptors <= limit || since.elapsed() > PATIENCE {
            let told = format!("{} ({} at the start)", now.descriptors, at_start.descriptors);
            report::figure("descriptors when all have gone", &told, "as at the start", now.descriptors <= limit);
            if now.descriptors > limit {
                report::wrong("descriptors stay open");
            }
            return report::line("memory when all have gone", &crate::run::resident(&rig.bridge));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The soak.
pub(crate) async fn run(options: Options) {
    let rig = Rig::start(options.clone()).await;
    let at_start = Sample::take(rig.bridge.pid());
    let phones = rig.pair(options.phones, WAITING).await;
    let deeds = Arc::new(Deeds::default());
    let mut running = JoinSet::new();
    for (n, phone) in phones.into_iter().enumerate() {
        let life = Life { phone, deeds: Arc::clone(&deeds), heartbeat: options.heartbeat, dice: (n as u64) << 32 };
        running.spawn(life.live());
    }
    let samples = tokio::select! {
        samples = watch(&rig, &deeds) => samples,
        () = change(&rig) => unreachable!("things change for ever"),
    };
    growth(&samples, "descriptors", |s| s.descriptors as u64, 20, |n| n.to_string());
    growth(&samples, "resident memory", |s| s.memory.resident, 2048, report::mb);
    growth(&samples, "memory of its own", |s| s.memory.anonymous, 2048, report::mb);
    growth(&samples, "threads", |s| s.threads as u64, 4, |n| n.to_string());
    running.shutdown().await;
    all_gone(&rig, &at_start).await;
    if report::wrongs() > 0 {
        println!("{}", rig.bridge.log());
    }
}

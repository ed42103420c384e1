//! When a user or a device has sent too much, and when a device turns in circles. Time comes in; what is kept is small and bounded.

use std::time::{Duration, Instant};

use crate::config::Limits;

/// What has not happened for so long is forgotten. Longer than any pause.
pub(super) const FORGET: Duration = Duration::from_secs(2 * 3600);
/// First pause of a device that repeats a request in vain; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// First pause of one that sends too much; doubled each time.
const FLOOD_PAUSE: Duration = Duration::from_secs(30);
/// Requests of one device that are watched for repetitions.
const WATCHED: usize = 8;
/// Troubles of one device are told so far apart at least.
const TELL: Duration = Duration::from_secs(600);

/// What a device does again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A request that is answered with an error: a Status, or an HTTP status.
    Wrong(u16),
    /// Does not take the answer to a Sync: comes with the same key again.
    Stuck,
    /// Begins the Sync of a collection anew.
    Anew,
    /// Is told by the gate to fetch its policies; the Status.
    Provision(u16),
    /// Sends more than it may.
    Flood,
}

/// What the administrator is told, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) kind: Kind,
    /// So often so far; of a flood the limit.
    pub(super) count: u32,
}

/// A request is refused for that long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pause {
    pub(super) left: Duration,
    pub(super) trouble: Option<Trouble>,
}

/// Something that was repeated.
#[derive(Debug, Clone)]
struct Repeated {
    /// Tells it from others.
    print: u64,
    kind: Kind,
    count: u16,
    told: bool,
    /// Its last time, milliseconds after the sender's first: most devices have several of these for as long as they wait.
    last: u64,
}

impl Repeated {
    /// How long after its last time it is refused.
    fn pause(&self, limits: &Limits) -> Duration {
        match self.count.checked_sub(limits.repeats) {
            Some(beyond) if limits.repeats > 0 => growing(FIRST_PAUSE, beyond.into(), limits),
            _ => Duration::ZERO,
        }
    }

    fn is_known(&self, now: u64) -> bool {
        Duration::from_millis(now.saturating_sub(self.last)) < FORGET
    }
}

/// `first`, doubled `times` times, up to the longest pause.
fn growing(first: Duration, times: u32, limits: &Limits) -> Duration {
    first.saturating_mul(1 << times.min(16)).min(Duration::from_secs(limits.max_pause))
}

/// What is remembered of a user or of a device.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    /// When it was first seen.
    born: Instant,
    /// Requests that it may send at once.
    left: f32,
    seen: Instant,
    /// When the last pause for a flood ends, and how many there were.
    closed: Instant,
    floods: u32,
    repeated: Vec<Repeated>,
    /// Requests that gave way to others.
    replaced: u32,
    /// When the administrator was last told of a trouble, and whether that is still shown to him.
    told: Option<Instant>,
    shown: bool,
}

impl Sender {
    /// Nothing is known of it; `rate` requests per minute.
    pub(super) fn new(rate: u32, now: Instant) -> Self {
        Self {
            born: now,
            left: rate as f32,
            seen: now,
            closed: now,
            floods: 0,
            repeated: Vec::new(),
            replaced: 0,
            told: None,
            shown: false,
        }
    }

    /// Milliseconds since it was first seen.
    fn age(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.born).as_millis()).unwrap_or(u64::MAX)
    }

    fn forget(&mut self, now: Instant) {
        let age = self.age(now);
        self.repeated.retain(|one| one.is_known(age));
    }

    /// When it sent something last.
    pub(super) fn seen(&self) -> Instant {
        self.seen
    }

    /// A request comes, of at most `rate` per minute and as many more at once (0 = any number).
    ///
    /// # Errors
    /// Too many came; this one is to be refused.
    pub(super) fn arrive(&mut self, rate: u32, limits: &Limits, now: Instant) -> Result<(), Pause> {
        let since = now.saturating_duration_since(self.seen);
        self.seen = now;
        self.forget(now);
        if rate == 0 {
            return Ok(());
        }
        let most = rate as f32;
        self.left = (self.left + since.as_secs_f32() * most / 60.0).min(most);
        if self.floods > 0 {
            let left = self.closed.saturating_duration_since(now);
            if !left.is_zero() {
                return Err(Pause { left, trouble: None });
            }
            if now.saturating_duration_since(self.closed) >= FORGET {
                self.floods = 0;
            }
        }
        if self.left >= 1.0 {
            self.left -= 1.0;
            return Ok(());
        }
        let left = growing(FLOOD_PAUSE, self.floods, limits);
        self.closed = now + left;
        self.floods = self.floods.saturating_add(1);
        let first = self.floods == 1;
        if first {
            (self.told, self.shown) = (Some(now), true);
        }
        Err(Pause { left, trouble: first.then_some(Trouble { kind: Kind::Flood, count: rate }) })
    }

    /// How long this is refused: the same was sent in vain too often. `Duration::ZERO`: it is not.
    pub(super) fn pause(&self, print: u64, limits: &Limits, now: Instant) -> Duration {
        let now = self.age(now);
        let one = self.repeated.iter().find(|one| one.print == print && one.is_known(now));
        let since = |one: &Repeated| Duration::from_millis(now.saturating_sub(one.last));
        one.map_or(Duration::ZERO, |one| one.pause(limits).saturating_sub(since(one)))
    }

    /// It was in vain. Gives what the administrator is to be told now.
    pub(super) fn failed(&mut self, print: u64, kind: Kind, limits: &Limits, now: Instant) -> Option<Trouble> {
        if limits.repeats == 0 {
            return None;
        }
        self.forget(now);
        let last = self.age(now);
        let index = match self.repeated.iter().position(|one| one.print == print) {
            Some(index) => index,
            None => self.watch(Repeated { print, kind, count: 0, told: false, last }),
        };
        let quiet = self.told.is_some_and(|told| now.saturating_duration_since(told) < TELL);
        let one = self.repeated.get_mut(index)?;
        one.count = one.count.saturating_add(1);
        (one.kind, one.last) = (kind, last);
        if one.count < limits.repeats || one.told || quiet {
            return None;
        }
        one.told = true;
        (self.told, self.shown) = (Some(now), true);
        Some(Trouble { kind, count: one.count.into() })
    }

    /// Puts another request into the list. One of those that were repeated least gives way, ordinary Syncs first; any of them, for if it were
    /// the oldest then a round of more requests than the list holds would never be seen.
    fn watch(&mut self, new: Repeated) -> usize {
        if self.repeated.len() < WATCHED {
            self.repeated.reserve_exact(1);
            self.repeated.push(new);
            return self.repeated.len() - 1;
        }
        let weight = |one: &Repeated| u32::from(one.count) + u32::from(!matches!(one.kind, Kind::Stuck));
        let least = self.repeated.iter().map(weight).min().unwrap_or_default();
        let light: Vec<usize> =
            (0..).zip(&self.repeated).filter(|(_, one)| weight(one) == least).map(|(i, _)| i).collect();
        self.replaced = self.replaced.wrapping_add(1);
        let any = (new.print ^ u64::from(self.replaced).wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 32;
        let index = usize::try_from(any).unwrap_or_default() % light.len().max(1);
        let index = light.get(index).copied().unwrap_or_default();
        if let Some(place) = self.repeated.get_mut(index) {
            *place = new;
        }
        index
    }

    /// It was answered as it should be.
    pub(super) fn worked(&mut self, print: u64) {
        self.repeated.retain(|one| one.print != print);
    }

    /// The gate let a request pass.
    pub(super) fn passed(&mut self) {
        self.repeated.retain(|one| !matches!(one.kind, Kind::Provision(_)));
    }

    /// Whether there is something that the administrator should look at.
    pub(super) fn is_in_trouble(&self, limits: &Limits, now: Instant) -> bool {
        let age = self.age(now);
        let again = |one: &Repeated| limits.repeats > 0 && one.count >= limits.repeats && one.is_known(age);
        let flooding = self.floods > 0 && now.saturating_duration_since(self.closed) < FORGET;
        flooding || self.repeated.iter().any(again)
    }

    /// Whether a trouble was told that is over now; says so once.
    pub(super) fn is_over(&mut self, limits: &Limits, now: Instant) -> bool {
        !self.is_in_trouble(limits, now) && std::mem::take(&mut self.shown)
    }
}

#[cfg(test)]
mod tests;

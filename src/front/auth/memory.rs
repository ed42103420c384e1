//! What is remembered of logins: bounded tables of keyed hashes, no names and no passwords.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// HMAC of something by a key of this process.
pub(super) type Digest = [u8; 32];

/// Most entries of one table.
const MOST: usize = 20_000;
/// How long a login that was right once is exempt from delays, and a wrong one is held against its sender.
const FORGET: Duration = Duration::from_secs(24 * 3600);
/// First delay.
const DELAY: Duration = Duration::from_secs(5);
/// So many times the allowed attempts bring 503 instead of 401.
const STUBBORN: u32 = 4;
/// Different wrong passwords that are known again, per address and user.
const WRONG: usize = 4;

/// What memory says of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Right, and Horde said so not long ago.
    Right,
    /// Horde has to be asked.
    Ask,
    /// Not worth asking now.
    Wrong,
    /// Not worth asking, and the sender should leave us alone for that long.
    Slow(Duration),
}

/// An address and user (hashed) from which wrong passwords came.
#[derive(Debug, Clone)]
struct Failures {
    /// Wrong according to Horde.
    count: u32,
    /// Refused unasked.
    refused: u32,
    last: Instant,
    until: Instant,
    wrong: Vec<Digest>,
}

/// The tables. Time comes in, so that it can be tested.
#[derive(Debug, Default)]
pub(super) struct Memory {
    right: HashMap<Digest, Instant>,
    failures: HashMap<Digest, Failures>,
}

/// Limits from the configuration.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) remember: Duration,
    pub(super) attempts: u32,
    pub(super) max_delay: Duration,
}

impl Memory {
    /// Judges an attempt of `sender` (address and user) with `login` (user and password). A password that is known to be wrong stays
    /// 401: the phone must ask its user for another. Ever new ones bring a pause in the end.
    pub(super) fn judge(&mut self, sender: &Digest, login: &Digest, limits: Limits, now: Instant) -> Verdict {
        let verified = self.right.get(login);
        if verified.is_some_and(|at| now.saturating_duration_since(*at) < limits.remember) {
            return Verdict::Right;
        }
        let Some(failures) = self.failures.get_mut(sender).filter(|f| now < f.until) else { return Verdict::Ask };
        if failures.wrong.contains(login) {
            return Verdict::Wrong;
        }
        if failures.count < limits.attempts || verified.is_some() {
            return Verdict::Ask;
        }
        failures.refused = failures.refused.saturating_add(1);
        if failures.count.saturating_add(failures.refused) > limits.attempts.saturating_mul(STUBBORN) {
            return Verdict::Slow(failures.until.saturating_duration_since(now));
        }
        Verdict::Wrong
    }

    /// Horde said yes.
    pub(super) fn succeeded(&mut self, sender: &Digest, login: Digest, now: Instant) {
        make_room(&mut self.right, now, |at| *at);
        self.right.insert(login, now);
        self.failures.remove(sender);
    }

    /// Horde said no.
    pub(super) fn failed(&mut self, sender: Digest, login: Digest, limits: Limits, now: Instant) {
        self.right.remove(&login);
        make_room(&mut self.failures, now, |f| f.last);
        let fresh = Failures { count: 0, refused: 0, last: now, until: now, wrong: Vec::new() };
        let failures = self.failures.entry(sender).or_insert_with(|| fresh.clone());
        if now.saturating_duration_since(failures.last) > FORGET {
            *failures = fresh;
        }
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
        let doubled = DELAY.saturating_mul(1 << (failures.count - 1).min(16));
        failures.until = now + doubled.min(limits.max_delay);
        if !failures.wrong.contains(&login) {
            if failures.wrong.len() >= WRONG {
                failures.wrong.remove(0);
            }
            failures.wrong.push(login);
        }
    }

    /// A login that turned out to be good no longer.
    pub(super) fn forget(&mut self, login: &Digest) {
        self.right.remove(login);
    }
}

/// Drops what is too old, and if that is not enough the older half.
fn make_room<T>(table: &mut HashMap<Digest, T>, now: Instant, time: impl Fn(&T) -> Instant) {
    if table.len() < MOST {
        return;
    }
    table.retain(|_, entry| now.saturating_duration_since(time(entry)) < FORGET);
    if table.len() < MOST {
        return;
    }
    let mut times: Vec<Instant> = table.values().map(&time).collect();
    let middle = times.len() / 2;
    let (_, median, _) = times.select_nth_unstable(middle);
    let median = *median;
    table.retain(|_, entry| time(entry) > median);
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { remember: Duration::from_secs(600), attempts: 5, max_delay: Duration::from_secs(900) };

    fn digest(n: u32) -> Digest {
        let mut digest = [0; 32];
        digest[..4].copy_from_slice(&n.to_le_bytes());
        digest
    }

    #[test]
    fn right_logins_are_remembered_for_a_while() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        assert_eq!(memory.judge(&digest(1), &digest(2), LIMITS, now), Verdict::Ask);
        memory.succeeded(&digest(1), digest(2), now);
        let after = |s| now + Duration::from_secs(s);
        assert_eq!(memory.judge(&digest(9), &digest(2), LIMITS, after(599)), Verdict::Right);
        assert_eq!(memory.judge(&digest(9), &digest(2), LIMITS, after(600)), Verdict::Ask);
        memory.forget(&digest(2));
        assert_eq!(memory.judge(&digest(9), &digest(2), LIMITS, after(1)), Verdict::Ask);
    }

    #[test]
    fn the_same_wrong_password_is_not_asked_twice() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        memory.failed(digest(1), digest(2), LIMITS, now);
        assert_eq!(memory.judge(&digest(1), &digest(2), LIMITS, now), Verdict::Wrong);
        // The corrected one is asked at once; and the wrong one again after a while, it may have become right.
        assert_eq!(memory.judge(&digest(1), &digest(3), LIMITS, now), Verdict::Ask);
        assert_eq!(memory.judge(&digest(1), &digest(2), LIMITS, now + DELAY), Verdict::Ask);
    }

    #[test]
    fn delays_grow_and_others_are_not_locked_out() {
        let (mut memory, mut now) = (Memory::default(), Instant::now());
        memory.succeeded(&digest(8), digest(7), now);
        now += LIMITS.remember;
        let mut last = Duration::ZERO;
        for n in 0..40 {
            memory.failed(digest(1), digest(100 + n), LIMITS, now);
            let until = memory.failures[&digest(1)].until - now;
            assert!(until >= last && until <= LIMITS.max_delay);
            last = until;
            let verdict = memory.judge(&digest(1), &digest(100 + n), LIMITS, now);
            assert_eq!(verdict, Verdict::Wrong, "known to be wrong {n}");
        }
        assert_eq!(last, LIMITS.max_delay);
        // The same user at another address, and a password that was right before from the same address.
        assert_eq!(memory.judge(&digest(2), &digest(999), LIMITS, now), Verdict::Ask);
        assert_eq!(memory.judge(&digest(1), &digest(7), LIMITS, now), Verdict::Ask);
        memory.succeeded(&digest(1), digest(7), now);
        assert_eq!(memory.judge(&digest(1), &digest(999), LIMITS, now), Verdict::Ask);
    }

    #[test]
    fn who_goes_on_guessing_has_to_pause() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        let mut seen = Vec::new();
        for n in 0..30 {
            let verdict = memory.judge(&digest(1), &digest(n), LIMITS, now);
            if verdict == Verdict::Ask {
                memory.failed(digest(1), digest(n), LIMITS, now);
            }
            seen.push(verdict);
        }
        // Five are asked, the fifth failure brings a pause of 80 s, and 20 in all are borne with.
        let slow = Verdict::Slow(Duration::from_secs(80));
        assert_eq!(seen, [vec![Verdict::Ask; 5], vec![Verdict::Wrong; 15], vec![slow; 10]].concat());
        assert_eq!(memory.judge(&digest(1), &digest(4), LIMITS, now), Verdict::Wrong);
    }

    #[test]
    fn tables_are_bounded() {
        let (mut memory, start) = (Memory::default(), Instant::now());
        for n in 0..(2 * MOST as u32) {
            let now = start + Duration::from_millis(n.into());
            memory.failed(digest(n), digest(n), LIMITS, now);
            memory.succeeded(&digest(u32::MAX), digest(n), now);
        }
        assert!(memory.right.len() <= MOST && memory.failures.len() <= MOST);
        // The newest are still known.
        let newest = digest(2 * MOST as u32 - 1);
        assert!(memory.right.contains_key(&newest) && memory.failures.contains_key(&newest));
    }
}

//! Who is remembered: users and devices by a hash, in one bounded table.

use std::{collections::HashMap, time::Instant};

use super::rules::{FORGET, Sender};

/// Most users and devices that are remembered.
const MOST: usize = 20_000;

/// The table.
#[derive(Debug, Default)]
pub(super) struct Memory(HashMap<u64, Sender>);

impl Memory {
    /// What is known of a user or device; `rate` requests per minute are its share if it is new.
    pub(super) fn sender(&mut self, key: u64, rate: u32, now: Instant) -> &mut Sender {
        if self.0.len() >= MOST && !self.0.contains_key(&key) {
            self.make_room(now);
        }
        self.0.entry(key).or_insert_with(|| Sender::new(rate, now))
    }

    /// Drops whom nothing was heard of for long, and if that is not enough the half that was silent longest.
    fn make_room(&mut self, now: Instant) {
        self.0.retain(|_, sender| now.saturating_duration_since(sender.seen()) < FORGET);
        if self.0.len() < MOST {
            return;
        }
        let mut times: Vec<Instant> = self.0.values().map(Sender::seen).collect();
        let middle = times.len() / 2;
        let (_, median, _) = times.select_nth_unstable(middle);
        let median = *median;
        self.0.retain(|_, sender| sender.seen() > median);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Limits;

    #[test]
    fn the_table_is_bounded_and_keeps_the_newest() {
        let (mut memory, start, limits) = (Memory::default(), Instant::now(), Limits::default());
        for key in 0..(2 * MOST as u64) {
            let now = start + Duration::from_millis(key);
            memory.sender(key, 600, now).arrive(600, &limits, now).unwrap();
            assert!(memory.0.len() <= MOST);
        }
        assert!(memory.0.contains_key(&(2 * MOST as u64 - 1)));
    }

    #[test]
    fn who_was_silent_for_long_goes_first() {
        let (mut memory, start) = (Memory::default(), Instant::now());
        for key in 0..MOST as u64 {
            let now = start + if key % 10 == 0 { FORGET } else { Duration::ZERO };
            memory.sender(key, 600, now);
        }
        memory.sender(u64::MAX, 600, start + FORGET);
        assert_eq!(memory.0.len(), MOST / 10 + 1);
        assert!(memory.0.contains_key(&10));
    }

    /// Ten thousand phones and their users take a few MiB.
    #[test]
    fn an_entry_is_small() {
        assert!(size_of::<(u64, Sender)>() <= 112, "{}", size_of::<(u64, Sender)>());
    }
}

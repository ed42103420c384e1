//! What was worked out once. A first synchronisation asks the same thing for thousands of appointments.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{LazyLock, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Entries beyond which everything is forgotten: phones choose the years.
const ENTRIES: usize = 1000;
/// After this time everything is forgotten: the system's tz database may have been updated.
const AGE: Duration = Duration::from_secs(3600);

/// A map that is filled on demand and stays small.
pub(super) struct Cache<K, V>(LazyLock<Mutex<(Instant, HashMap<K, V>)>>);

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    pub(super) const fn new() -> Self {
        Self(LazyLock::new(|| Mutex::new((Instant::now(), HashMap::new()))))
    }

    /// The value of `key`, worked out by `make` if it is not there. `make` runs unlocked.
    pub(super) fn get(&self, key: K, make: impl FnOnce() -> V) -> V {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut guard = lock();
        if guard.1.len() >= ENTRIES || guard.0.elapsed() > AGE {
            *guard = (Instant::now(), HashMap::new());
        }
        let known = guard.1.get(&key).cloned();
        drop(guard);
        known.unwrap_or_else(|| {
            let value = make();
            lock().1.insert(key, value.clone());
            value
        })
    }
}

//! What was worked out once. A first synchronisation asks the same thing for thousands of appointments.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{LazyLock, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// After this time everything is forgotten: the system's tz database may have been updated.
const AGE: Duration = Duration::from_secs(3600);

/// A map that is filled on demand. At `ENTRIES` everything is forgotten: it is phones that choose the years.
pub(super) struct Cache<K, V, const ENTRIES: usize>(LazyLock<Mutex<(Instant, HashMap<K, V>)>>);

impl<K: Eq + Hash, V: Clone, const ENTRIES: usize> Cache<K, V, ENTRIES> {
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

//! Items of one class that were read ahead, remembered for all users of a site between calls.
//!
//! An item read ahead is served only while it is not older than the cursor its reader works with. Each container remembers the highest
//! modseq that anybody asked for (`seen`) and the one that was current when its rows were read (`read_at`). `changes(from, to)` with
//! `from <= read_at` names all items that moved until `to`: these are dropped and the rest is as good as read at `to`. When the two
//! still differ, nothing is known of what moved in between, and all rows go. A row may be *newer* than the cursor; that is harmless, as
//! the change will be told again later, and who compares fingerprints finds that the phone has it already.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::Changes;
use crate::proto::class::{Properties, Value};

/// How long items read ahead are kept.
const ROWS_FOR: Duration = Duration::from_secs(120);
/// Most bytes of items read ahead for one container, and for all.
const PLACE_BYTES: usize = 24 << 20;
const ALL_BYTES: usize = 96 << 20;
/// Most items read ahead for one container.
const PLACE_ROWS: usize = 20_000;
/// Most containers of which anything is remembered.
const PLACES: usize = 10_000;

/// Items as Horde has them (nothing of what is kept beside), by uid.
pub(super) type Rows = HashMap<String, Arc<Properties>>;

#[derive(Debug, Default)]
struct Place {
    seen: Option<u64>,
    read_at: Option<u64>,
    rows: Rows,
    bytes: usize,
    expires: Option<Instant>,
    /// How many items the last listing had.
    size: Option<usize>,
    used: Option<Instant>,
}

/// The shared memory of one Horde site. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Shared {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    places: HashMap<(String, String), Place>,
}

/// The part of [`Shared`] that concerns one user.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    shared: Shared,
    user: String,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Keeps the whole below its bounds: what has expired goes, then the containers that were not used for longest.
    fn tidy(&mut self) {
        let now = Instant::now();
        for place in self.places.values_mut().filter(|b| b.expires.is_some_and(|at| at <= now)) {
            place.clear();
        }
        while self.places.len() > PLACES || self.places.values().map(|b| b.bytes).sum::<usize>() > ALL_BYTES {
            let Some(oldest) = self.places.iter().min_by_key(|(_, b)| b.used).map(|(key, _)| key.clone()) else {
                return;
            };
            self.places.remove(&oldest);
        }
    }
}

impl Place {
    fn clear(&mut self) {
        self.rows = HashMap::new();
        (self.bytes, self.read_at, self.expires) = (0, None, None);
    }

    fn forget(&mut self, uid: &str) {
        if let Some(row) = self.rows.remove(uid) {
            self.bytes = self.bytes.saturating_sub(size_of_row(uid, &row));
        }
    }
}

impl Memory {
    pub(super) fn new(shared: Shared, user: &str) -> Self {
        Self { shared, user: user.to_owned() }
    }

    fn with<T>(&self, place: &str, f: impl FnOnce(&mut Place) -> T) -> T {
        let mut inner = self.shared.lock();
        let entry = inner.places.entry((self.user.clone(), place.to_owned())).or_default();
        entry.used = Some(Instant::now());
        let result = f(entry);
        if inner.places.len() > PLACES {
            inner.tidy();
        }
        result
    }

    /// Somebody learnt where the container's history stands.
    pub(super) fn saw(&self, place: &str, modseq: u64) {
        self.with(place, |b| {
            // An answer that was overtaken, or a history that was restored: either way the rows are no longer known to be good.
            if b.seen.is_some_and(|seen| modseq < seen) {
                b.clear();
            }
            b.seen = Some(modseq);
        });
    }

    /// Somebody learnt what moved after `from` up to `to`.
    pub(super) fn moved(&self, place: &str, from: u64, to: u64, changes: &Changes) {
        self.with(place, |b| {
            changes.add.iter().chain(&changes.modify).chain(&changes.delete).for_each(|uid| b.forget(uid));
            if b.read_at.is_some_and(|at| from <= at && at < to) {
                b.read_at = Some(to);
            }
        });
    }

    /// How many items the container had when it was last listed.
    pub(super) fn size(&self, place: &str) -> Option<usize> {
        self.with(place, |b| b.size)
    }

    pub(super) fn set_size(&self, place: &str, size: usize) {
        self.with(place, |b| b.size = Some(size));
    }

    /// The items among `uids` that are there and not older than what anybody knows of the container.
    pub(super) fn rows<'a>(&self, place: &str, uids: impl Iterator<Item = &'a String>) -> Rows {
        self.with(place, |b| {
            if b.read_at != b.seen || b.expires.is_none_or(|at| at <= Instant::now()) {
                b.clear();
            }
            uids.filter_map(|uid| Some((uid.clone(), b.rows.get(uid)?.clone()))).collect()
        })
    }

    /// Whether anything of the container is there already.
    pub(super) fn is_warm(&self, place: &str) -> bool {
        self.with(place, |b| !b.rows.is_empty())
    }

    /// The modseq under which a reading that starts now is filed.
    pub(super) fn seen(&self, place: &str) -> Option<u64> {
        self.with(place, |b| b.seen)
    }

    /// Keeps items that were read while the container stood at `read_at`; without that they would never be found valid.
    pub(super) fn keep(&self, place: &str, read_at: Option<u64>, rows: &Rows) {
        if read_at.is_none() {
            return;
        }
        self.with(place, |b| {
            if b.read_at != read_at {
                b.clear();
                (b.read_at, b.expires) = (read_at, Some(Instant::now() + ROWS_FOR));
            }
            for (uid, row) in rows {
                b.forget(uid);
                let size = size_of_row(uid, row);
                if b.bytes + size > PLACE_BYTES || b.rows.len() >= PLACE_ROWS {
                    break;
                }
                b.bytes += size;
                b.rows.insert(uid.clone(), row.clone());
            }
        });
        self.shared.lock().tidy();
    }

    /// An item was written.
    pub(super) fn forget(&self, place: &str, uid: &str) {
        self.with(place, |b| b.forget(uid));
    }

    /// Which of `uids` are not among `rows`, each once, in order.
    pub(super) fn lacking<'a>(rows: &Rows, uids: impl Iterator<Item = &'a String>) -> Vec<String> {
        let mut met = BTreeSet::new();
        uids.filter(|uid| !rows.contains_key(*uid) && met.insert(*uid)).cloned().collect()
    }
}

/// About what a row takes: text, and the nodes that hold it.
fn size_of_row(uid: &str, row: &Properties) -> usize {
    uid.len() + 128 + size_of(row)
}

fn size_of(item: &Properties) -> usize {
    let values = item.0.values().map(|value| {
        80 + match value {
            Value::Text(text) => text.len(),
            Value::List(list) => list.iter().map(|s| s.len() + 24).sum(),
            Value::Bytes(bytes) => bytes.len(),
            Value::Body(body) => body.data.len(),
            Value::Group(group) => size_of(group),
            Value::Groups(groups) => groups.iter().map(|group| size_of(group) + 24).sum(),
        }
    });
    values.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wbxml::tag::contacts as c;

    fn memory() -> Memory {
        Memory::new(Shared::default(), "alice")
    }

    fn rows(uids: &[&str]) -> Rows {
        let mut item = Properties::default();
        item.set_text(c::LAST_NAME, "x");
        uids.iter().map(|uid| ((*uid).to_owned(), Arc::new(item.clone()))).collect()
    }

    fn there(memory: &Memory) -> Vec<String> {
        let all = ["a", "b", "c"].map(str::to_owned);
        let mut uids: Vec<_> = memory.rows("book", all.iter()).into_keys().collect();
        uids.sort();
        uids
    }

    fn changes(modify: &[&str]) -> Changes {
        Changes { modify: modify.iter().map(|uid| (*uid).to_owned()).collect(), ..Changes::default() }
    }

    #[test]
    fn items_that_moved_are_dropped_and_the_others_stay() {
        let memory = memory();
        memory.saw("book", 5);
        memory.keep("book", memory.seen("book"), &rows(&["a", "b", "c"]));
        assert_eq!(there(&memory), ["a", "b", "c"]);
        memory.saw("book", 8);
        memory.moved("book", 4, 8, &changes(&["b"]));
        assert_eq!(there(&memory), ["a", "c"]);
        memory.forget("book", "c");
        assert_eq!(there(&memory), ["a"]);
    }

    /// Another device begins with a newer cursor and never asks what moved before it.
    #[test]
    fn nothing_is_served_that_is_older_than_a_cursor() {
        let memory = memory();
        memory.saw("book", 5);
        memory.keep("book", memory.seen("book"), &rows(&["a", "b"]));
        memory.saw("book", 9);
        assert_eq!(there(&memory), Vec::<String>::new());
        // Neither when only the last part of what moved is known.
        memory.keep("book", Some(9), &rows(&["a"]));
        memory.saw("book", 12);
        memory.moved("book", 11, 12, &changes(&["b"]));
        assert_eq!(there(&memory), Vec::<String>::new());
    }

    /// The book moves while it is read.
    #[test]
    fn a_reading_counts_as_old_as_its_beginning() {
        let memory = memory();
        memory.saw("book", 5);
        let begun = memory.seen("book");
        memory.saw("book", 6);
        memory.keep("book", begun, &rows(&["a"]));
        assert_eq!(there(&memory), Vec::<String>::new());
        memory.saw("book", 4);
        assert_eq!(there(&memory), Vec::<String>::new(), "a history that went back");
    }

    #[test]
    fn nothing_is_kept_without_a_cursor_nor_for_others() {
        let shared = Shared::default();
        let (alice, bob) = (Memory::new(shared.clone(), "alice"), Memory::new(shared, "bob"));
        alice.keep("book", alice.seen("book"), &rows(&["a"]));
        assert_eq!(there(&alice), Vec::<String>::new());
        alice.saw("book", 1);
        bob.saw("book", 1);
        alice.keep("book", Some(1), &rows(&["a"]));
        assert_eq!((there(&alice), there(&bob)), (vec!["a".to_owned()], vec![]));
    }

    #[test]
    fn memory_is_bounded() {
        let memory = memory();
        let mut item = Properties::default();
        item.0.insert(c::PICTURE, Value::Bytes(vec![0; 1 << 20]));
        let item = Arc::new(item);
        for book in 0..10 {
            let book = format!("book{book}");
            memory.saw(&book, 1);
            memory.keep(&book, Some(1), &(0..40).map(|n| (n.to_string(), item.clone())).collect());
        }
        let inner = memory.shared.lock();
        let sizes: Vec<usize> = inner.places.values().map(|place| place.bytes).collect();
        assert!(sizes.iter().all(|size| *size <= PLACE_BYTES) && sizes.iter().sum::<usize>() <= ALL_BYTES, "{sizes:?}");
        assert!(sizes.len() > 2);
    }
}

//! What is remembered for all users of a site between calls: items that were read ahead, and facts that seldom change.
//!
//! An item read ahead is served only while it is not older than the cursor its reader works with. Each container remembers the highest
//! modseq that anybody asked for (`seen`) and the one that was current when its rows were read (`read_at`). `changes(from, to)` with
//! `from <= read_at` names all items that moved until `to`: these are dropped and the rest is as good as read at `to`. When the two
//! still differ, nothing is known of what moved in between, and all rows go. A row may be *newer* than the cursor; that is harmless, as
//! the change will be told again later, and who compares fingerprints finds that the phone has it already.

use std::{
    any::Any,
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use tokio::sync::OwnedMutexGuard;

use crate::{
    proto::class::{Properties, Value},
    source::Changes,
};

/// How long a fact is believed.
const FACTS_FOR: Duration = Duration::from_secs(600);
/// How long items read ahead are kept.
const ROWS_FOR: Duration = Duration::from_secs(60);
/// What has expired is looked for so often.
const SWEPT: Duration = Duration::from_secs(10);
/// Most bytes of items read ahead for one container, and for all.
const CONTAINER_BYTES: usize = 24 << 20;
const ALL_BYTES: usize = 96 << 20;
/// Most items read ahead for one container.
const CONTAINER_ROWS: usize = 20_000;
/// Most containers of which anything is remembered.
const CONTAINERS: usize = 10_000;

/// Items as Horde has them (nothing of what is kept beside), by uid.
pub(in crate::source) type Rows<T = Properties> = HashMap<String, Arc<T>>;

/// What can be read ahead. One container always holds rows of one type.
pub(in crate::source) trait Row: Any + Send + Sync {
    /// About how many bytes it takes.
    fn weight(&self) -> usize;
}

/// A row of whatever type, and its weight.
type Weighed = (Arc<dyn Any + Send + Sync>, usize);

/// A container. There are thousands, most of them without anything read ahead.
#[derive(Debug, Default)]
struct Held {
    seen: Option<u64>,
    /// How many items the last listing had.
    size: Option<usize>,
    used: Option<Instant>,
    ahead: Option<Box<Ahead>>,
}

/// Items read ahead.
#[derive(Debug)]
struct Ahead {
    read_at: u64,
    expires: Instant,
    rows: HashMap<String, Weighed>,
    bytes: usize,
}

/// The shared memory of one Horde site. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Shared {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    facts: HashMap<String, (Instant, Arc<dyn Any + Send + Sync>)>,
    /// Facts that many have in common.
    common: Vec<Weak<dyn Any + Send + Sync>>,
    /// By application, user and container.
    containers: HashMap<Box<str>, Held>,
    /// Of all items read ahead.
    bytes: usize,
    turns: HashMap<(String, &'static str), Arc<tokio::sync::Mutex<()>>>,
    /// When to look next for what has expired.
    sweep: Option<Instant>,
}

/// The part of [`Shared`] that concerns one user and one application.
#[derive(Debug, Clone)]
pub(in crate::source) struct Memory {
    shared: Shared,
    user: String,
    api: &'static str,
}

impl Shared {
    /// An empty memory, for one site.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives back what has expired, if that was not done a moment ago. To be called now and then: where nothing is read, nobody else does.
    pub(in crate::source) fn sweep(&self) {
        self.lock().sweep(Instant::now());
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn sweep(&mut self, now: Instant) {
        if self.sweep.is_some_and(|at| now < at) {
            return;
        }
        self.sweep = Some(now + SWEPT);
        self.facts.retain(|_, (at, _)| now.saturating_duration_since(*at) < FACTS_FOR);
        for held in self.containers.values_mut() {
            held.ahead.take_if(|ahead| ahead.expires <= now);
        }
        self.weigh();
    }

    fn weigh(&mut self) {
        self.bytes = self.containers.values().map(Held::bytes).sum();
    }

    /// Keeps the whole below its bounds: the containers that were not used for longest go, more than need be, so that this is seldom done.
    fn tidy(&mut self) {
        while self.containers.len() > CONTAINERS || self.bytes > ALL_BYTES {
            let mut times: Vec<Option<Instant>> = self.containers.values().map(|held| held.used).collect();
            if times.is_empty() {
                return self.weigh();
            }
            let eighth = times.len() / 8;
            let (_, oldest, _) = times.select_nth_unstable(eighth);
            let oldest = *oldest;
            self.containers.retain(|_, held| held.used > oldest);
            self.weigh();
        }
    }
}

impl Held {
    fn bytes(&self) -> usize {
        self.ahead.as_ref().map_or(0, |ahead| ahead.bytes)
    }

    fn forget(&mut self, uid: &str) {
        if let Some(ahead) = &mut self.ahead {
            ahead.forget(uid);
        }
    }
}

impl Ahead {
    fn forget(&mut self, uid: &str) {
        if let Some((_, size)) = self.rows.remove(uid) {
            self.bytes = self.bytes.saturating_sub(size);
        }
    }
}

impl Memory {
    pub(in crate::source) fn new(shared: Shared, user: &str, api: &'static str) -> Self {
        Self { shared, user: user.to_owned(), api }
    }

    fn with<T>(&self, container: &str, f: impl FnOnce(&mut Held) -> T) -> T {
        // The length tells where the user's name ends, whatever is in it.
        let key = format!("{}/{}/{}/{container}", self.api, self.user.len(), self.user);
        let now = Instant::now();
        let mut inner = self.shared.lock();
        inner.sweep(now);
        let held = inner.containers.entry(key.into()).or_default();
        held.used = Some(now);
        let before = held.bytes();
        let result = f(held);
        let after = held.bytes();
        inner.bytes = (inner.bytes + after).saturating_sub(before);
        inner.tidy();
        result
    }

    /// The turn of this user to write something and look at what has become of it.
    pub(in crate::source) async fn turn(&self) -> OwnedMutexGuard<()> {
        let turn = {
            let mut inner = self.shared.lock();
            inner.turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            inner.turns.entry((self.user.clone(), self.api)).or_default().clone()
        };
        turn.lock_owned().await
    }

    /// A fact that was found out less than ten minutes ago.
    pub(in crate::source) fn fact<T: Any + Send + Sync>(&self, name: &str) -> Option<Arc<T>> {
        let inner = self.shared.lock();
        let fact = inner.facts.get(name).filter(|(at, _)| at.elapsed() < FACTS_FOR)?;
        Arc::clone(&fact.1).downcast().ok()
    }

    /// Remembers a fact; one name always stands for facts of one type.
    pub(in crate::source) fn set_fact<T: Any + Send + Sync>(&self, name: &str, fact: T) -> Arc<T> {
        let (fact, now) = (Arc::new(fact), Instant::now());
        let mut inner = self.shared.lock();
        inner.sweep(now);
        inner.facts.insert(name.to_owned(), (now, fact.clone()));
        fact
    }

    /// Remembers a fact that is the same for most users, and takes the room of one for all who have the same.
    pub(in crate::source) fn set_common_fact<T: Any + Send + Sync + PartialEq>(&self, name: &str, fact: T) -> Arc<T> {
        let now = Instant::now();
        let mut inner = self.shared.lock();
        inner.sweep(now);
        inner.common.retain(|known| known.strong_count() > 0);
        let alike = inner.common.iter().filter_map(Weak::upgrade).filter_map(|known| known.downcast::<T>().ok());
        let alike = alike.into_iter().find(|known| **known == fact);
        let fact = alike.unwrap_or_else(|| {
            let fact = Arc::new(fact);
            let weak = Arc::downgrade(&fact);
            inner.common.push(weak);
            fact
        });
        inner.facts.insert(name.to_owned(), (now, fact.clone()));
        fact
    }

    /// Somebody learnt where the container's history stands.
    pub(in crate::source) fn saw(&self, container: &str, modseq: u64) {
        self.with(container, |b| {
            // An answer that was overtaken, or a history that was restored: either way the rows are no longer known to be good.
            if b.seen.is_some_and(|seen| modseq < seen) {
                b.ahead = None;
            }
            b.seen = Some(modseq);
        });
    }

    /// Somebody learnt what moved after `from` up to `to`.
    pub(in crate::source) fn moved(&self, container: &str, from: u64, to: u64, changes: &Changes) {
        self.with(container, |b| {
            changes.add.iter().chain(&changes.modify).chain(&changes.delete).for_each(|uid| b.forget(uid));
            if let Some(ahead) = b.ahead.as_mut().filter(|ahead| from <= ahead.read_at && ahead.read_at < to) {
                ahead.read_at = to;
            }
        });
    }

    /// How many items the container had when it was last listed.
    pub(in crate::source) fn size(&self, container: &str) -> Option<usize> {
        self.with(container, |b| b.size)
    }

    pub(in crate::source) fn set_size(&self, container: &str, size: usize) {
        self.with(container, |b| b.size = Some(size));
    }

    /// The items among `uids` that are there and not older than what anybody knows of the container.
    pub(in crate::source) fn rows<'a, T: Row>(
        &self,
        container: &str,
        uids: impl Iterator<Item = &'a String>,
    ) -> Rows<T> {
        self.with(container, |b| {
            let (seen, now) = (b.seen, Instant::now());
            b.ahead.take_if(|ahead| Some(ahead.read_at) != seen || ahead.expires <= now);
            let row = |uid| Arc::clone(&b.ahead.as_ref()?.rows.get(uid)?.0).downcast().ok();
            uids.filter_map(|uid| Some((uid.clone(), row(uid)?))).collect()
        })
    }

    /// Whether anything of the container has been read ahead.
    pub(in crate::source) fn is_warm(&self, container: &str) -> bool {
        self.with(container, |b| b.ahead.as_ref().is_some_and(|ahead| !ahead.rows.is_empty()))
    }

    /// The modseq under which a reading that starts now is filed.
    pub(in crate::source) fn seen(&self, container: &str) -> Option<u64> {
        self.with(container, |b| b.seen)
    }

    /// Keeps items that were read while the container stood at `read_at`; without that they would never be found valid.
    pub(in crate::source) fn keep<T: Row>(&self, container: &str, read_at: Option<u64>, rows: &Rows<T>) {
        let Some(read_at) = read_at else { return };
        self.with(container, |b| {
            b.ahead.take_if(|ahead| ahead.read_at != read_at);
            let new = || Ahead { read_at, expires: Instant::now() + ROWS_FOR, rows: HashMap::new(), bytes: 0 };
            let ahead = b.ahead.get_or_insert_with(|| Box::new(new()));
            for (uid, row) in rows {
                ahead.forget(uid);
                let size = uid.len() + 128 + row.weight();
                if ahead.bytes + size > CONTAINER_BYTES || ahead.rows.len() >= CONTAINER_ROWS {
                    break;
                }
                ahead.bytes += size;
                ahead.rows.insert(uid.clone(), (row.clone(), size));
            }
        });
    }

    /// An item was written.
    pub(in crate::source) fn forget(&self, container: &str, uid: &str) {
        self.with(container, |b| b.forget(uid));
    }

    /// Which of `uids` are not among `rows`, each once, in order.
    pub(in crate::source) fn lacking<'a, T>(rows: &Rows<T>, uids: impl Iterator<Item = &'a String>) -> Vec<String> {
        let mut met = BTreeSet::new();
        uids.filter(|uid| !rows.contains_key(*uid) && met.insert(*uid)).cloned().collect()
    }
}

impl Row for Properties {
    fn weight(&self) -> usize {
        size_of(self)
    }
}

/// Text, and the nodes that hold it.
fn size_of(item: &Properties) -> usize {
    let size = |value: &Value| match value {
        Value::Text(text) => text.len(),
        Value::List(list) => list.iter().map(|s| s.len() + 24).sum(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Body(body) => body.data.len(),
        Value::Content(content) => content.data.len() + content.preview.as_ref().map_or(0, String::len),
        Value::Group(group) => size_of(group),
        Value::Groups(groups) => groups.iter().map(size_of).sum(),
    };
    item.0.values().map(|value| 80 + size(value)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wbxml::tag::contacts as c;

    fn memory() -> Memory {
        Memory::new(Shared::new(), "alice", "contacts")
    }

    fn rows(uids: &[&str]) -> Rows {
        let mut item = Properties::default();
        item.set_text(c::LAST_NAME, "x");
        uids.iter().map(|uid| ((*uid).to_owned(), Arc::new(item.clone()))).collect()
    }

    fn there(memory: &Memory) -> Vec<String> {
        let all = ["a", "b", "c"].map(str::to_owned);
        let mut uids: Vec<_> = memory.rows::<Properties>("book", all.iter()).into_keys().collect();
        uids.sort();
        uids
    }

    fn changes(modify: &[&str]) -> Changes {
        Changes { modify: modify.iter().map(|uid| (*uid).to_owned()).collect(), ..Changes::default() }
    }

    #[test]
    fn contacts_that_moved_are_dropped_and_the_others_stay() {
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
        let shared = Shared::new();
        let (alice, bob) = (Memory::new(shared.clone(), "alice", "contacts"), Memory::new(shared, "bob", "contacts"));
        alice.keep("book", alice.seen("book"), &rows(&["a"]));
        assert_eq!(there(&alice), Vec::<String>::new());
        alice.saw("book", 1);
        bob.saw("book", 1);
        alice.keep("book", Some(1), &rows(&["a"]));
        assert_eq!((there(&alice), there(&bob)), (vec!["a".to_owned()], vec![]));
    }

    #[test]
    fn what_users_have_in_common_is_there_once() {
        let shared = Shared::new();
        let set = |user: &str, fact: &str| {
            Memory::new(shared.clone(), user, "contacts").set_common_fact(user, fact.to_owned())
        };
        let (alice, bob, carl) = (set("alice", "layout"), set("bob", "layout"), set("carl", "another"));
        assert!(Arc::ptr_eq(&alice, &bob) && !Arc::ptr_eq(&alice, &carl));
        let known = Memory::new(shared.clone(), "bob", "contacts").fact::<String>("bob");
        assert!(known.is_some_and(|known| Arc::ptr_eq(&known, &alice)));
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
        let sizes: Vec<usize> = inner.containers.values().map(Held::bytes).collect();
        assert!(
            sizes.iter().all(|size| *size <= CONTAINER_BYTES) && sizes.iter().sum::<usize>() <= ALL_BYTES,
            "{sizes:?}"
        );
        assert!(sizes.len() > 2);
    }
}

//! What the phone has of a collection. A folder has tens of thousands of mails, and most are alike but for their numbers: these are kept as runs
//! of numbers. All states that come from one journal share what its snapshot has, so that a request costs what has changed since.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::state::Item;

/// Items that differ in their numbers only, as they stand in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Packed {
    fingerprint: u64,
    /// What all uids begin with, up to and with the point.
    prefix: String,
    /// First and last number of each run.
    runs: Vec<(u32, u32)>,
}

/// Items by id.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, Item>", into = "BTreeMap<String, Item>")]
pub(super) struct Items {
    snapshot: Arc<Snapshot>,
    /// What is otherwise than in the snapshot; `None` = it is not there.
    since: BTreeMap<String, Option<Item>>,
}

/// What does not change any more.
#[derive(Debug, Default)]
struct Snapshot {
    loose: BTreeMap<String, Item>,
    /// By prefix; ascending.
    packed: BTreeMap<String, Vec<Run>>,
}

#[derive(Debug, Clone, Copy)]
struct Run {
    first: u32,
    last: u32,
    fingerprint: u64,
}

impl Snapshot {
    fn get(&self, id: &str) -> Option<Item> {
        self.loose.get(id).cloned().or_else(|| self.packed(id))
    }

    fn packed(&self, id: &str) -> Option<Item> {
        let (prefix, number) = split(id)?;
        let runs = self.packed.get(prefix)?;
        let run = runs.get(runs.partition_point(|run| run.first <= number).checked_sub(1)?)?;
        (number <= run.last).then(|| Item::sent(id.to_owned(), run.fingerprint))
    }

    fn has(&self, id: &str) -> bool {
        self.get(id).is_some()
    }

    fn len(&self) -> usize {
        let numbers = self.packed.values().flatten().map(|run| (run.last - run.first) as usize + 1);
        self.loose.len() + numbers.sum::<usize>()
    }

    /// All packed ones: prefix, number and fingerprint.
    fn numbers(&self) -> impl Iterator<Item = (&str, u32, u64)> {
        let each = |(prefix, run): (_, &Run)| {
            let fingerprint = run.fingerprint;
            (run.first..=run.last).map(move |number| (prefix, number, fingerprint))
        };
        self.packed.iter().flat_map(|(prefix, runs)| runs.iter().map(move |run| (prefix.as_str(), run))).flat_map(each)
    }
}

impl Items {
    /// With those that were packed for the snapshot from which these come.
    pub(super) fn with(self, packed: Vec<Packed>) -> Self {
        let loose = self.collect(|_, _, _| true);
        let mut by_prefix: BTreeMap<String, Vec<Run>> = BTreeMap::new();
        for Packed { fingerprint, prefix, runs } in packed {
            let runs = runs.into_iter().filter(|(first, last)| first <= last);
            by_prefix.entry(prefix).or_default().extend(runs.map(|(first, last)| Run { first, last, fingerprint }));
        }
        by_prefix.values_mut().for_each(|runs| runs.sort_unstable_by_key(|run| run.first));
        Self { snapshot: Arc::new(Snapshot { loose, packed: by_prefix }), since: BTreeMap::new() }
    }

    /// For a snapshot: those that cannot be packed, and the others.
    pub(super) fn pack(&self) -> (Self, Vec<Packed>) {
        let mut groups: BTreeMap<(u64, String), Vec<u32>> = BTreeMap::new();
        let mut add = |prefix: &str, number, fingerprint| {
            groups.entry((fingerprint, prefix.to_owned())).or_default().push(number);
        };
        let mut rest = self.collect(|prefix, number, fingerprint| {
            add(prefix, number, fingerprint);
            false
        });
        rest.retain(|id, item| match split(id).filter(|_| *item == Item::sent(id.clone(), item.fingerprint)) {
            Some((prefix, number)) => {
                add(prefix, number, item.fingerprint);
                false
            }
            None => true,
        });
        let packed = groups.into_iter().map(|((fingerprint, prefix), numbers)| Packed {
            fingerprint,
            prefix,
            runs: runs(numbers),
        });
        (rest.into(), packed.collect())
    }

    /// One by one; of the packed ones those for which `whole` says so.
    fn collect(&self, mut whole: impl FnMut(&str, u32, u64) -> bool) -> BTreeMap<String, Item> {
        let mut all = BTreeMap::new();
        let changed: BTreeSet<(&str, u32)> = self.since.keys().filter_map(|id| split(id)).collect();
        for (prefix, number, fingerprint) in self.snapshot.numbers() {
            if !changed.contains(&(prefix, number)) && whole(prefix, number, fingerprint) {
                let uid = format!("{prefix}{number}");
                all.insert(uid.clone(), Item::sent(uid, fingerprint));
            }
        }
        all.extend(self.loose().map(|(id, item)| (id.clone(), item.clone())));
        all
    }

    /// Those that are not packed.
    fn loose(&self) -> impl Iterator<Item = (&String, &Item)> {
        let old = self.snapshot.loose.iter().filter(|(id, _)| !self.since.contains_key(*id));
        old.chain(self.since.iter().filter_map(|(id, item)| Some((id, item.as_ref()?))))
    }

    /// The item with that id.
    pub(super) fn get(&self, id: &str) -> Option<Item> {
        self.since.get(id).cloned().unwrap_or_else(|| self.snapshot.get(id))
    }

    /// Whether there is an item with that id.
    pub(super) fn contains(&self, id: &str) -> bool {
        self.since.get(id).map_or_else(|| self.snapshot.has(id), Option::is_some)
    }

    /// Puts an item there; gives the one that was there.
    pub(super) fn insert(&mut self, id: String, item: Item) -> Option<Item> {
        let had = self.get(&id);
        self.since.insert(id, Some(item));
        had
    }

    /// Takes an item away, if it is there.
    pub(super) fn remove(&mut self, id: &str) {
        if self.snapshot.has(id) {
            self.since.insert(id.to_owned(), None);
        } else {
            self.since.remove(id);
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        let (there, gone): (Vec<_>, Vec<_>) = self.since.iter().partition(|(_, item)| item.is_some());
        let added = there.iter().filter(|(id, _)| !self.snapshot.has(id)).count();
        (self.snapshot.len() + added).saturating_sub(gone.len())
    }

    /// The uids of all.
    pub(super) fn uids(&self) -> Vec<String> {
        self.collect(|_, _, _| true).into_values().map(|item| item.uid).collect()
    }

    /// Those whose uid is not their id.
    pub(super) fn renamed(&self) -> impl Iterator<Item = (&String, &Item)> {
        self.loose().filter(|(id, item)| **id != item.uid)
    }

    /// Those with these uids; packed ones have their uid as id.
    pub(super) fn ids_of(&self, uids: &[String]) -> Vec<String> {
        let loose = self.loose().filter(|(_, item)| uids.contains(&item.uid)).map(|(id, _)| id);
        let packed = uids.iter().filter(|uid| !self.since.contains_key(*uid) && self.snapshot.packed(uid).is_some());
        loose.chain(packed).cloned().collect()
    }

    /// What leads from `old` to these: what was set, and the ids of what was taken away; in the order of the ids.
    pub(super) fn since(&self, old: &Self) -> (Vec<(String, Item)>, Vec<String>) {
        let ids: BTreeSet<String> = if Arc::ptr_eq(&self.snapshot, &old.snapshot) {
            self.since.keys().chain(old.since.keys()).cloned().collect()
        } else {
            [self, old].iter().flat_map(|items| items.collect(|_, _, _| true).into_keys()).collect()
        };
        let (mut set, mut removed) = (Vec::new(), Vec::new());
        for id in ids {
            match (self.get(&id), old.get(&id)) {
                (Some(item), had) if had.as_ref() != Some(&item) => set.push((id, item)),
                (None, Some(_)) => removed.push(id),
                _ => {}
            }
        }
        (set, removed)
    }
}

impl From<BTreeMap<String, Item>> for Items {
    fn from(loose: BTreeMap<String, Item>) -> Self {
        Self { snapshot: Arc::new(Snapshot { loose, ..Snapshot::default() }), since: BTreeMap::new() }
    }
}

impl From<Items> for BTreeMap<String, Item> {
    fn from(items: Items) -> Self {
        items.collect(|_, _, _| true)
    }
}

impl Extend<(String, Item)> for Items {
    fn extend<T: IntoIterator<Item = (String, Item)>>(&mut self, items: T) {
        self.since.extend(items.into_iter().map(|(id, item)| (id, Some(item))));
    }
}

impl PartialEq for Items {
    fn eq(&self, other: &Self) -> bool {
        let (set, removed) = self.since(other);
        set.is_empty() && removed.is_empty()
    }
}

impl Eq for Items {}

/// Prefix and number of an id that can be packed.
fn split(id: &str) -> Option<(&str, u32)> {
    let (prefix, digits) = id.split_at(id.rfind('.')? + 1);
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    Some((prefix, digits.parse().ok().filter(|_| plain)?))
}

fn runs(mut numbers: Vec<u32>) -> Vec<(u32, u32)> {
    numbers.sort_unstable();
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => runs.push((number, number)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, prop_oneof};

    use super::*;

    fn item(uid: &str, fingerprint: u64) -> (String, Item) {
        (uid.to_owned(), Item::sent(uid.to_owned(), fingerprint))
    }

    fn again(items: &Items) -> (Items, usize) {
        let (rest, packed) = items.pack();
        let json = serde_json::to_vec(&(rest, packed)).unwrap();
        let (rest, packed): (Items, Vec<Packed>) = serde_json::from_slice(&json).unwrap();
        (rest.with(packed), json.len())
    }

    #[test]
    fn what_is_packed_comes_back() {
        let mut items: BTreeMap<String, Item> =
            (1..=30_000).map(|n| item(&format!("1700000000.{n}"), n % 3 / 2)).collect();
        items.extend([item("1700000000.4294967295", 0), item("1700000000.07", 0), item("a hash", 0)]);
        let own = Item::received("1700000000.30001".into(), 7, 1);
        items.insert("1700000000.30001".into(), own);
        let (_, moved) = item("1700000000.30003", 7);
        items.insert("1700000000.30002".into(), moved);
        let packed = Items::from(items.clone()).pack();
        assert_eq!(packed.0.loose().count(), 4, "{packed:?}");
        let (back, length) = again(&Items::from(items.clone()));
        assert!(length < 1 << 20);
        assert_eq!(BTreeMap::from(back.clone()), items);
        assert_eq!(back, Items::from(items));
        assert_eq!(back.renamed().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["1700000000.30002"]);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Insert(u8, u64, bool),
        Remove(u8),
        Store,
    }

    fn id(n: u8) -> String {
        match n {
            0..20 => format!("7.{n}"),
            20..30 => format!("8.{n}"),
            n => format!("{n}"),
        }
    }

    proptest::proptest! {
        /// Whatever happens, and whenever it is put on disk: they are what a plain map would be.
        #[test]
        fn they_are_a_map(steps in proptest::collection::vec(prop_oneof![
            6 => (0..35_u8, 0..3_u64, proptest::bool::weighted(0.1)).prop_map(|(n, f, own)| Step::Insert(n, f, own)),
            3 => (0..35_u8).prop_map(Step::Remove),
            1 => proptest::strategy::Just(Step::Store),
        ], 0..80)) {
            let (mut items, mut plain) = (Items::default(), BTreeMap::new());
            let (mut stored, mut then) = (items.clone(), plain.clone());
            for step in steps {
                match step {
                    Step::Insert(n, fingerprint, own) => {
                        let mut item = Item::sent(id(n), fingerprint);
                        item.own = own;
                        proptest::prop_assert_eq!(items.insert(id(n), item.clone()), plain.insert(id(n), item));
                    }
                    Step::Remove(n) => {
                        items.remove(&id(n));
                        plain.remove(&id(n));
                    }
                    Step::Store => {
                        items = again(&items).0;
                        (stored, then) = (items.clone(), plain.clone());
                    }
                }
                for n in 0..35 {
                    proptest::prop_assert_eq!(items.get(&id(n)), plain.get(&id(n)).cloned());
                    proptest::prop_assert_eq!(items.contains(&id(n)), plain.contains_key(&id(n)));
                }
                proptest::prop_assert_eq!(items.len(), plain.len());
                let set: Vec<_> = plain.iter().filter(|(id, item)| then.get(*id) != Some(item)).collect();
                let removed: Vec<_> = then.keys().filter(|id| !plain.contains_key(*id)).collect();
                let since = items.since(&stored);
                proptest::prop_assert_eq!(since.0.iter().map(|(id, item)| (id, item)).collect::<Vec<_>>(), set);
                proptest::prop_assert_eq!(since.1.iter().collect::<Vec<_>>(), removed);
            }
            let mut ids = items.ids_of(&[id(1), id(34), "none".into()]);
            ids.sort_unstable();
            let found: Vec<String> = [id(1), id(34)].into_iter().filter(|id| plain.contains_key(id)).collect();
            proptest::prop_assert_eq!(ids.len(), found.len());
            proptest::prop_assert_eq!(BTreeMap::from(items), plain);
        }
    }
}

//! What is known of the containers that somebody waits for. Pure: questions and answers come from outside.
//!
//! Horde counts the changes of an application by one number for all users. As long as that number stands still nothing has changed for
//! anybody; when it has moved, the containers are asked what happened since.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use super::bell::{Bell, Call};
use crate::proto::class::Class;

/// How long a container (and a user) is followed that nobody waits for: phones come back.
pub(super) const FOLLOWED: Duration = Duration::from_secs(3600);

/// A container of the site.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) class: Class,
    /// Shared by all who wait for it.
    pub(super) id: Arc<str>,
}

/// Where the history of a container stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// It has no change after this.
    pub(super) last: u64,
    /// It may have one up to this: containers without any change of their own answer with the number of the whole site.
    pub(super) doubt: Option<u64>,
    /// Its history went backwards while it was followed (a backup was restored): numbers say nothing of what was before.
    pub(super) restored: bool,
}

impl Standing {
    fn at(last: u64) -> Self {
        Self { last, doubt: None, restored: false }
    }

    /// What an answer tells of a container: without changes of its own it answers with the number of the site, which is `site` at least, and
    /// with one of its own with a number that is `top` at most. `None`: it may be either.
    fn told(old: Option<Self>, value: u64, top: u64, site: u64) -> Option<Self> {
        let last = old.map_or(0, |old| old.last);
        if value > top {
            Some(Self::at(0))
        } else if value <= last {
            Some(Self::at(last))
        } else {
            (value < site || last > 0).then_some(Self::at(value))
        }
    }
}

#[derive(Debug)]
struct Spot {
    /// `None`: to be asked.
    standing: Option<Standing>,
    restored: bool,
    /// Somebody is finding out what is in doubt.
    asked: bool,
    bells: Vec<Arc<Bell>>,
    /// Since when nobody waits for it.
    left: Option<Instant>,
}

impl Spot {
    fn learn(&mut self, standing: Standing) {
        let standing = Some(Standing { restored: self.restored, ..standing });
        if self.standing != standing {
            self.standing = standing;
            self.bells.iter().for_each(|bell| bell.ring(Call::News));
        }
    }
}

/// All containers that are followed.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    spots: HashMap<Key, Spot>,
    counters: BTreeMap<Class, Counter>,
    unknown: Vec<Key>,
    /// Known ones that are asked again nevertheless, in turn.
    patrol: VecDeque<Key>,
}

/// The number of an application.
#[derive(Debug, Clone, Copy)]
struct Counter {
    value: u64,
    at: Instant,
}

impl Ledger {
    /// Somebody waits for a container. `true`: it has to be asked first.
    pub(super) fn add(&mut self, key: &mut Key, bell: &Arc<Bell>) -> bool {
        if let Some((known, _)) = self.spots.get_key_value(key) {
            key.id = Arc::clone(&known.id);
        }
        let spot = self.spots.entry(key.clone()).or_insert_with(|| {
            self.unknown.push(key.clone());
            Spot { standing: None, restored: false, asked: false, bells: Vec::new(), left: None }
        });
        spot.left = None;
        if spot.bells.is_empty() {
            spot.bells.reserve_exact(1);
        }
        spot.bells.push(Arc::clone(bell));
        spot.standing.is_none()
    }

    /// He waits no more.
    pub(super) fn remove(&mut self, key: &Key, bell: &Arc<Bell>, now: Instant) {
        let Some(spot) = self.spots.get_mut(key) else { return };
        if let Some(at) = spot.bells.iter().position(|other| Arc::ptr_eq(other, bell)) {
            spot.bells.swap_remove(at);
        }
        if spot.bells.is_empty() {
            spot.left = Some(now);
        }
    }

    /// Forgets what nobody has waited for in a long time.
    pub(super) fn prune(&mut self, now: Instant) {
        self.spots.retain(|_, spot| spot.left.is_none_or(|left| now.duration_since(left) < FOLLOWED));
        self.unknown.retain(|key| self.spots.contains_key(key));
        self.spots.shrink_to_fit();
    }

    /// Where a container stands; `None`: not known yet.
    pub(super) fn standing(&self, key: &Key) -> Option<Standing> {
        self.spots.get(key)?.standing
    }

    /// The containers to be asked for the first time, and no more after this.
    pub(super) fn take_unknown(&mut self) -> Vec<Key> {
        std::mem::take(&mut self.unknown)
    }

    /// They could not be asked: next time.
    pub(super) fn put_back(&mut self, keys: impl IntoIterator<Item = Key>) {
        for key in keys {
            if self.spots.get(&key).is_some_and(|spot| spot.standing.is_none()) && !self.unknown.contains(&key) {
                self.unknown.push(key);
            }
        }
    }

    /// The next known containers in turn, at most `most`, and none twice before all had their turn.
    pub(super) fn patrol(&mut self, most: usize) -> Vec<Key> {
        if self.patrol.is_empty() {
            let known = self.spots.iter().filter(|(_, spot)| spot.standing.is_some() && spot.left.is_none());
            self.patrol = known.map(|(key, _)| key.clone()).filter(|key| key.class != Class::Email).collect();
        }
        let number = most.min(self.patrol.len());
        self.patrol.drain(..number).filter(|key| self.spots.contains_key(key)).collect()
    }

    /// All known containers of a class in which something may have happened up to `to`.
    pub(super) fn known(&self, class: Class, to: u64) -> Vec<(Key, Standing)> {
        let of_class = self.spots.iter().filter(|(key, _)| key.class == class);
        let known = of_class.filter_map(|(key, spot)| Some((key, spot.standing?)));
        known.filter(|(_, standing)| standing.last < to).map(|(key, standing)| (key.clone(), standing)).collect()
    }

    /// Classes with containers of which it is in doubt whether anything has happened.
    pub(super) fn doubtful(&self) -> BTreeSet<Class> {
        let doubtful = |spot: &Spot| spot.standing.is_some_and(|standing| standing.doubt.is_some());
        self.spots.iter().filter(|(_, spot)| doubtful(spot)).map(|(key, _)| key.class).collect()
    }

    /// The highest number that any of the applications had.
    pub(super) fn site(&self) -> u64 {
        self.counters.values().map(|counter| counter.value).max().unwrap_or(0)
    }

    /// The number of an application when it was last asked.
    pub(super) fn counter(&self, class: Class) -> Option<u64> {
        self.counters.get(&class).map(|counter| counter.value)
    }

    /// When an application was last asked successfully.
    pub(super) fn asked(&self, class: Class) -> Option<Instant> {
        self.counters.get(&class).map(|counter| counter.at)
    }

    /// All changes up to `value` are in what is known.
    pub(super) fn learn_counter(&mut self, class: Class, value: u64, at: Instant) {
        self.counters.insert(class, Counter { value, at });
    }

    /// The history of an application is not what it was: everything is asked anew.
    pub(super) fn doubt_all(&mut self, class: Class) {
        for (key, spot) in self.spots.iter_mut().filter(|(key, _)| key.class == class) {
            if spot.standing.take().is_some() {
                spot.restored = true;
                self.unknown.push(key.clone());
            }
        }
    }

    /// A container answered `value`; before that the newest change of the site had the number `site` or a higher one, afterwards that of the
    /// application `top`.
    pub(super) fn learn_point(&mut self, key: &Key, value: u64, top: u64, site: u64) {
        let Some(spot) = self.spots.get_mut(key) else { return };
        let old = spot.standing;
        let doubt = || Standing { doubt: Some(value), ..old.unwrap_or(Standing::at(0)) };
        spot.learn(Standing::told(old, value, top, site).unwrap_or_else(doubt));
    }

    /// A container that was asked only to be on the safe side answered `value`. Where that says nothing, a doubt that was there is still there.
    pub(super) fn learn_on_patrol(&mut self, key: &Key, value: u64, top: u64, site: u64) {
        let Some(spot) = self.spots.get_mut(key) else { return };
        if let Some(standing) = Standing::told(spot.standing, value, top, site) {
            spot.learn(standing);
        }
    }

    /// Something has happened in a container, at `to` at the latest.
    pub(super) fn learn_move(&mut self, key: &Key, to: u64) {
        let Some(spot) = self.spots.get_mut(key) else { return };
        spot.standing = Some(Standing { restored: spot.restored, ..Standing::at(to) });
        spot.bells.iter().for_each(|bell| bell.ring(Call::News));
    }

    /// Whether somebody is finding out what is in doubt of a container.
    pub(super) fn is_asked(&self, key: &Key) -> bool {
        self.spots.get(key).is_some_and(|spot| spot.asked)
    }

    /// Somebody begins to find out what is in doubt of a container.
    pub(super) fn ask(&mut self, key: &Key) {
        if let Some(spot) = self.spots.get_mut(key) {
            spot.asked = true;
        }
    }

    /// He has found it out, or given up: the others look what has become of it.
    pub(super) fn asked_no_more(&mut self, key: &Key) {
        if let Some(spot) = self.spots.get_mut(key).filter(|spot| spot.asked) {
            spot.asked = false;
            spot.bells.iter().for_each(|bell| bell.ring(Call::News));
        }
    }

    /// Somebody has found out whether anything has happened, up to `cursor`, in a container of which that was in doubt.
    pub(super) fn settle(&mut self, key: &Key, cursor: u64, moved: bool) {
        let Some(standing) = self.spots.get_mut(key).and_then(|spot| spot.standing.as_mut()) else { return };
        if standing.doubt.is_none_or(|doubt| doubt > cursor) {
            return;
        }
        standing.doubt = None;
        if moved {
            self.learn_move(key, cursor);
        }
    }

    /// A container stands exactly there (mail servers know).
    pub(super) fn learn_exactly(&mut self, key: &Key, value: u64) {
        let Some(spot) = self.spots.get_mut(key) else { return };
        let standing = Some(Standing::at(value));
        if spot.standing != standing {
            spot.standing = standing;
            spot.bells.iter().for_each(|bell| bell.ring(Call::News));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str) -> Key {
        Key { class: Class::Contacts, id: id.into() }
    }

    fn ledger(ids: &[&str]) -> (Ledger, Arc<Bell>) {
        let (mut ledger, bell) = (Ledger::default(), Arc::<Bell>::default());
        for id in ids {
            assert!(ledger.add(&mut key(id), &bell));
        }
        (ledger, bell)
    }

    async fn rings(bell: &Bell) -> bool {
        tokio::time::timeout(Duration::from_millis(2), bell.heard()).await.is_ok()
    }

    #[tokio::test]
    async fn who_waits_is_called_when_his_container_is_known_and_when_it_moves() {
        let (mut ledger, bell) = ledger(&["a"]);
        assert_eq!(ledger.take_unknown(), [key("a")]);
        assert!(ledger.take_unknown().is_empty());
        ledger.learn_point(&key("a"), 5, 9, 9);
        assert!(rings(&bell).await);
        ledger.learn_point(&key("a"), 5, 12, 12);
        assert!(!rings(&bell).await, "nothing new");
        ledger.learn_point(&key("a"), 13, 14, 14);
        assert!(rings(&bell).await);
        assert_eq!(ledger.standing(&key("a")), Some(Standing::at(13)));
        ledger.learn_move(&key("a"), 20);
        assert!(rings(&bell).await);
        ledger.remove(&key("a"), &bell, Instant::now());
        ledger.learn_move(&key("a"), 21);
        assert!(!rings(&bell).await, "he has left");
        assert!(!ledger.add(&mut key("a"), &bell), "it was followed meanwhile");
        assert_eq!(ledger.standing(&key("a")).unwrap().last, 21);
    }

    /// A container without history answers with the number of the whole site, which grows with everybody's changes.
    #[test]
    fn a_container_without_history_is_not_taken_for_changed() {
        let (mut ledger, _) = ledger(&["empty"]);
        let standing = |ledger: &Ledger| ledger.standing(&key("empty")).unwrap();
        ledger.learn_point(&key("empty"), 100, 90, 100);
        assert_eq!(standing(&ledger), Standing::at(0));
        // The newest change of the site is one of contacts: his first, or somebody else's.
        ledger.learn_point(&key("empty"), 101, 101, 101);
        assert_eq!(standing(&ledger), Standing { doubt: Some(101), ..Standing::at(0) });
        ledger.learn_point(&key("empty"), 103, 101, 103);
        assert_eq!(standing(&ledger), Standing::at(0));
        ledger.learn_point(&key("empty"), 104, 104, 104);
        ledger.settle(&key("empty"), 103, true);
        assert_eq!(standing(&ledger).doubt, Some(104), "what was asked is older than the doubt");
        ledger.settle(&key("empty"), 104, false);
        assert_eq!(standing(&ledger), Standing::at(0));
        // It keeps the number while that of the application goes on: it is its own.
        ledger.learn_point(&key("empty"), 104, 105, 105);
        assert_eq!(standing(&ledger), Standing::at(104));
    }

    /// While it was asked somebody else's change became the newest of the application.
    #[test]
    fn a_container_without_history_does_not_get_one_from_a_change_that_comes_between_two_questions() {
        let (mut ledger, _) = ledger(&["empty", "own"]);
        ledger.learn_point(&key("empty"), 101, 102, 101);
        assert_eq!(ledger.standing(&key("empty")), Some(Standing { doubt: Some(101), ..Standing::at(0) }));
        // Another application has gone on: who still has the newest number of this one has it from a change of his own.
        ledger.learn_point(&key("own"), 102, 102, 103);
        assert_eq!(ledger.standing(&key("own")), Some(Standing::at(102)));
        ledger.learn_point(&key("empty"), 103, 102, 103);
        assert_eq!(ledger.standing(&key("empty")), Some(Standing::at(0)));
        // It is known to have a history.
        ledger.learn_point(&key("own"), 104, 104, 104);
        assert_eq!(ledger.standing(&key("own")), Some(Standing::at(104)));
    }

    #[test]
    fn a_history_that_went_backwards_is_asked_anew() {
        let (mut ledger, _) = ledger(&["a", "b"]);
        ledger.take_unknown();
        ledger.learn_point(&key("a"), 5, 9, 9);
        ledger.doubt_all(Class::Contacts);
        assert_eq!(ledger.take_unknown(), [key("a")]);
        assert_eq!(ledger.standing(&key("a")), None);
        ledger.put_back([key("a"), key("a"), key("gone")]);
        assert_eq!(ledger.take_unknown(), [key("a")]);
        ledger.learn_point(&key("a"), 3, 4, 4);
        assert_eq!(ledger.standing(&key("a")), Some(Standing { restored: true, ..Standing::at(3) }));
    }

    #[test]
    fn every_container_is_patrolled_in_turn() {
        let ids: Vec<String> = (0..25).map(|n| n.to_string()).collect();
        let (mut ledger, _) = ledger(&ids.iter().map(String::as_str).collect::<Vec<_>>());
        for id in &ids {
            ledger.learn_point(&key(id), 1, 9, 9);
        }
        let mut seen: Vec<Key> = (0..3).flat_map(|_| ledger.patrol(10)).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 25);
    }

    #[test]
    fn what_nobody_waits_for_is_forgotten_after_a_while() {
        let (mut ledger, bell) = ledger(&["a", "b"]);
        let now = Instant::now();
        ledger.remove(&key("a"), &bell, now);
        ledger.prune(now + FOLLOWED / 2);
        assert_eq!(ledger.spots.len(), 2);
        ledger.prune(now + FOLLOWED);
        assert_eq!(ledger.spots.keys().collect::<Vec<_>>(), [&key("b")]);
        assert_eq!(ledger.take_unknown(), [key("b")]);
    }
}

//! A model: phones and a web user change one address book while answers get lost, the program is killed at every kind of write, and
//! Horde fails. When all is quiet again, phones and Horde agree: nothing lost, doubled or resurrected.

mod adds;
mod filters;
mod horde;
mod imap;
mod mail;
mod mail_model;
mod occurrences;
mod phone;

use std::{cell::Cell, collections::BTreeSet, rc::Rc};

use proptest::prelude::*;

use self::{
    horde::{CONTACTS, DAY, EVENTS, Fault, Horde, Kind, on_day, person, place},
    phone::Phone,
};
use super::*;
use crate::{
    proto::class::{Properties, Scope},
    wbxml::tag::contacts,
};

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[derive(Debug, Clone)]
enum Step {
    WebAdd(i64),
    WebChange(usize),
    WebMove(usize, i64),
    WebDelete(usize),
    WebBreak(usize),
    PhoneAdd(usize, i64),
    Filter(usize, u32),
    Days(u64),
    PhoneChange(usize, usize),
    PhoneDelete(usize, usize),
    Sync { phone: usize, window: usize, lost: bool, fault: Option<(u32, bool)> },
    Resync(usize),
}

/// Days from today: some of them beyond any filter.
fn day() -> impl Strategy<Value = i64> {
    prop_oneof![-250..50i64, -20..5i64, Just(-1000)]
}

fn step() -> impl Strategy<Value = Step> {
    let fault = prop::option::weighted(0.3, (0..12u32, any::<bool>()));
    prop_oneof![
        2 => day().prop_map(Step::WebAdd),
        1 => (0..50usize, day()).prop_map(|(n, day)| Step::WebMove(n, day)),
        2 => (0..50usize).prop_map(Step::WebChange),
        1 => (0..50usize).prop_map(Step::WebDelete),
        1 => (0..50usize).prop_map(Step::WebBreak),
        2 => (0..2usize, day()).prop_map(|(p, day)| Step::PhoneAdd(p, day)),
        1 => (0..2usize, prop::sample::select(vec![0, 4, 5, 6, 7])).prop_map(|(p, f)| Step::Filter(p, f)),
        1 => (1..20u64).prop_map(Step::Days),
        2 => (0..2usize, 0..50usize).prop_map(|(p, n)| Step::PhoneChange(p, n)),
        1 => (0..2usize, 0..50usize).prop_map(|(p, n)| Step::PhoneDelete(p, n)),
        6 => (0..2usize, 1..9usize, prop::bool::weighted(0.25), fault)
            .prop_map(|(phone, window, lost, fault)| Step::Sync { phone, window, lost, fault }),
        1 => (0..2usize).prop_map(Step::Resync),
    ]
}

/// Names of all items, sorted: doubles show.
fn names_of(kind: &Kind, items: impl Iterator<Item = Properties>) -> Vec<(String, String)> {
    let text = |item: &Properties, tag| item.text(tag).unwrap_or_default().to_owned();
    let mut names: Vec<_> = items.map(|item| (text(&item, kind.first), text(&item, kind.last))).collect();
    names.sort();
    names
}

fn names(items: impl Iterator<Item = Properties>) -> Vec<(String, String)> {
    names_of(&CONTACTS, items)
}

struct World {
    horde: Horde,
    phones: [Phone; 2],
    count: Cell<u32>,
    deleted: Rc<std::cell::RefCell<BTreeSet<String>>>,
    created: BTreeSet<String>,
}

impl World {
    fn new(kind: &'static Kind) -> Self {
        let horde = Horde { grants: true, ..Horde::of(kind) };
        let phones = [Phone::new(&horde), Phone::new(&horde)];
        Self { horde, phones, count: Cell::new(0), deleted: Rc::default(), created: BTreeSet::new() }
    }

    fn fresh(&self, prefix: &str) -> String {
        self.count.set(self.count.get() + 1);
        format!("{prefix}{}", self.count.get())
    }

    fn today(&self) -> i64 {
        self.phones[0].now as i64 / DAY
    }

    fn item(&self, first: &str, last: &str, day: i64) -> Properties {
        let item = self.horde.kind.item(first, last);
        if self.horde.kind.class == Class::Calendar { on_day(item, self.today() + day) } else { item }
    }

    fn nth(&self, n: usize) -> Option<(String, Properties)> {
        let book = self.horde.book.lock().unwrap();
        let n = n % book.items.len().max(1);
        book.items.iter().nth(n).map(|(uid, item)| (uid.clone(), item.clone()))
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::WebAdd(day) => {
                let name = self.fresh("w");
                self.created.insert(name.clone());
                self.horde.put(self.item(&name, "web", day));
            }
            Step::WebMove(n, day) => {
                if let Some((uid, item)) = self.nth(n).filter(|_| self.horde.kind.class == Class::Calendar) {
                    self.horde.set(&uid, on_day(item, self.today() + day));
                }
            }
            Step::Filter(p, filter) => (self.phones[p].filter, self.phones[p].filter_said) = (filter, false),
            Step::Days(days) => self.phones.iter_mut().for_each(|phone| phone.now += days * DAY as u64),
            Step::WebChange(n) => {
                if let Some((uid, mut item)) = self.nth(n) {
                    item.set_text(self.horde.kind.last, self.fresh("web"));
                    item.set_text(self.horde.kind.mark, "");
                    self.horde.set(&uid, item);
                }
            }
            Step::WebBreak(n) => {
                if let Some((uid, mut item)) = self.nth(n) {
                    item.set_text(self.horde.kind.mark, "broken");
                    self.horde.set(&uid, item);
                }
            }
            Step::WebDelete(n) => {
                if let Some((uid, item)) = self.nth(n) {
                    self.deleted.borrow_mut().insert(self.horde.kind.first(&item));
                    self.horde.drop(&uid);
                }
            }
            Step::PhoneAdd(p, day) => {
                let name = self.fresh("p");
                self.created.insert(name.clone());
                let item = self.item(&name, "phone", day);
                self.phones[p].add(item);
            }
            Step::PhoneChange(p, n) => {
                // Horde stores every third one differently.
                let last = self.fresh("phone");
                let last = if n % 3 == 0 { format!("{last} ") } else { last };
                self.phones[p].change(n, &last);
            }
            Step::PhoneDelete(p, n) => {
                if let Some(first) = self.phones[p].delete(n) {
                    self.deleted.borrow_mut().insert(first);
                }
            }
            Step::Sync { phone, window, lost, fault } => {
                *self.horde.faults.0.lock().unwrap() = fault.map(|(after, done)| Fault { after, done });
                self.phones[phone].sync(window, lost);
                *self.horde.faults.0.lock().unwrap() = None;
            }
            Step::Resync(p) => {
                // Only a phone that has said all it wanted starts anew of its own accord.
                if self.phones[p].waiting.is_empty() {
                    self.phones[p].key = "0".into();
                    self.phones[p].items.clear();
                }
            }
        }
    }

    fn settle(&mut self) {
        // What was put aside because its answers got lost again and again is tried again on another day.
        for _ in 0..2 {
            self.phones.iter_mut().for_each(|phone| phone.now += 2 * LISTING_INTERVAL);
            // Twice: the changes of the second phone reach the first.
            for p in [0, 1, 0, 1] {
                self.phones[p].settle();
            }
        }
        let book = self.horde.book.lock().unwrap();
        let kind = self.horde.kind;
        let sound = |item: &&Properties| item.text(kind.mark).is_none();
        let broken: BTreeSet<String> = book.items.values().filter(|i| !sound(i)).map(|i| kind.first(i)).collect();
        for phone in &self.phones {
            let scope = Scope::of(kind.class, Some(phone.filter), phone.now);
            let wanted = book.items.values().filter(sound).filter(|item| scope.holds(item));
            let there = names_of(kind, wanted.cloned());
            let has = names_of(kind, phone.items.values().cloned());
            let has: Vec<_> = has.into_iter().filter(|(first, _)| !broken.contains(first)).collect();
            assert_eq!(has, there, "phone and Horde differ");
        }
        let firsts: Vec<String> =
            names_of(kind, book.items.values().cloned()).into_iter().map(|(first, _)| first).collect();
        let distinct: BTreeSet<String> = firsts.iter().cloned().collect();
        assert_eq!(distinct.len(), firsts.len(), "doubled: {firsts:?}");
        let deleted = self.deleted.borrow();
        let lost: Vec<_> = self.created.iter().filter(|n| !deleted.contains(*n) && !distinct.contains(*n)).collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn phones_and_horde_agree_in_the_end(events in any::<bool>(), steps in prop::collection::vec(step(), 1..70)) {
        let mut world = World::new(if events { &EVENTS } else { &CONTACTS });
        for step in steps {
            world.take(step);
        }
        world.settle();
    }
}

fn filled(count: usize) -> (Horde, Phone) {
    let horde = Horde::default();
    for i in 0..count {
        horde.put(person(&format!("n{i}"), "x"));
    }
    let mut phone = Phone::new(&horde);
    phone.settle();
    assert_eq!(phone.items.len(), count);
    (horde, phone)
}

#[test]
fn an_older_key_than_the_one_before_restarts_the_collection() {
    let (horde, mut phone) = filled(3);
    let old = phone.key.clone();
    for i in 0..3 {
        horde.put(person(&format!("m{i}"), "x"));
        phone.sync(9, false);
    }
    phone.key = old;
    phone.sync(9, false);
    assert_eq!(phone.key, "0");
}

#[test]
fn ids_stay_the_same_after_a_resync_and_on_a_second_device() {
    let (horde, phone) = filled(5);
    let mut second = Phone::new(&horde);
    second.settle();
    assert_eq!(phone.items, second.items);
}

#[test]
fn a_sync_without_changes_asks_once_and_writes_nothing() {
    let (horde, mut phone) = filled(5);
    let (calls, writes, key) = (*horde.calls.lock().unwrap(), phone.log.writes, phone.key.clone());
    phone.sync(9, false);
    assert_eq!((*horde.calls.lock().unwrap(), phone.log.writes, phone.key), (calls + 1, writes, key));
}

#[test]
fn the_rest_of_a_new_listing_comes_without_asking_again() {
    let calls = |after: u64| {
        let horde = Horde::default();
        (0..5).for_each(|i| drop(horde.put(person(&format!("n{i}"), "x"))));
        let mut phone = Phone::new(&horde);
        phone.sync(3, false);
        phone.sync(3, false);
        horde.put(person("new", "x"));
        let before = *horde.calls.lock().unwrap();
        phone.now += after;
        phone.sync(3, false);
        let count = *horde.calls.lock().unwrap() - before;
        phone.settle();
        assert_eq!(phone.items.len(), 6, "nothing is lost");
        count
    };
    assert_eq!(calls(0), 1, "a fetch");
    assert_eq!(calls(JUST_NOW), 3, "a cursor, changes and a fetch");
}

#[test]
fn the_cost_of_a_change_does_not_grow_with_the_collection() {
    let bytes = |phone: &Phone| phone.log.records.iter().map(Vec::len).sum::<usize>();
    let (horde, mut phone) = filled(2000);
    phone.sync(9, false);
    let before = bytes(&phone);
    horde.put(person("one", "more"));
    phone.sync(9, false);
    assert!(bytes(&phone) < before + 400, "{} bytes for one change", bytes(&phone) - before);
}

#[test]
fn own_changes_are_not_echoed() {
    let (_, mut phone) = filled(2);
    phone.change(0, "new");
    phone.add(person("mine", "y"));
    let request = phone.request(9);
    let task = Task { place: place(), request: &request, version: Version::V14_1, now: 0, window: 9, cursor: None };
    let outcome = block_on(run(&phone.horde, &mut phone.log, task)).unwrap();
    assert!(outcome.response.commands.is_empty());
    phone.receive(outcome, &request.commands);
    let key = phone.key.clone();
    phone.settle();
    assert_eq!(phone.key, key);
}

#[test]
fn the_server_wins_a_conflict_unless_the_phone_says_otherwise() {
    for (server_wins, expected) in [(None, "web"), (Some(true), "web"), (Some(false), "phone")] {
        let (horde, mut phone) = filled(1);
        let mut request = phone.request(9);
        request.options = Some(vec![Options { server_wins, ..Options::default() }]);
        horde.set("uid-1", person("n0", "web"));
        phone.change(0, "phone");
        request.commands = phone.waiting.clone();
        let task = Task { place: place(), request: &request, version: Version::V14_1, now: 0, window: 9, cursor: None };
        let outcome = block_on(run(&horde, &mut phone.log, task)).unwrap();
        let conflict = outcome.response.responses.iter().any(|r| r.status == 7);
        assert_eq!(conflict, server_wins != Some(false));
        phone.receive(outcome, &request.commands);
        phone.settle();
        assert_eq!(names(phone.items.values().cloned()), [("n0".to_owned(), expected.to_owned())]);
    }
}

#[test]
fn an_item_that_the_phone_never_accepts_is_put_aside() {
    let (horde, mut phone) = filled(1);
    for i in 0..4 {
        horde.put(person(&format!("m{i}"), "x"));
    }
    // The phone chokes on uid-2: every answer that has it counts as lost.
    for _ in 0..20 {
        let request = phone.request(9);
        let task = Task { place: place(), request: &request, version: Version::V14_1, now: 0, window: 9, cursor: None };
        let outcome = block_on(run(&horde, &mut phone.log, task)).unwrap();
        let poison = |item: &Properties| item.text(contacts::FIRST_NAME) == Some("m0");
        if !outcome.response.commands.iter().any(|c| poison(&c.item)) {
            phone.receive(outcome, &request.commands);
        }
    }
    assert_eq!(phone.items.len(), 4);
}

#[test]
fn trouble_at_the_back_never_looks_like_emptiness() {
    let (horde, mut phone) = filled(30);
    let taken: Vec<String> = horde.book.lock().unwrap().items.keys().cloned().collect();
    // History says that all are deleted, a listing still has them: nothing may vanish.
    for uid in &taken {
        Horde::log(&mut horde.book.lock().unwrap(), 'd', uid);
    }
    phone.settle();
    assert_eq!(phone.items.len(), 30);
}

#[test]
fn a_history_that_goes_backwards_compares_all_items() {
    let (horde, mut phone) = filled(5);
    {
        let mut book = horde.book.lock().unwrap();
        book.modseq = 1;
        book.history.clear();
        book.items.insert("uid-2".into(), person("n1", "restored"));
        book.items.remove("uid-3");
    }
    phone.settle();
    assert_eq!(names(phone.items.values().cloned()), names(horde.book.lock().unwrap().items.values().cloned()));
}

#[test]
fn a_watch_wakes_for_foreign_changes_only() {
    let (horde, mut phone) = filled(2);
    let look = |phone: &mut Phone| {
        let horde = phone.horde.clone();
        let to = block_on(horde.cursor(place().container)).unwrap();
        block_on(has_changes(&horde, &mut phone.log, place(), Version::V14_1, phone.now, to)).unwrap()
    };
    assert!(!look(&mut phone));
    phone.change(0, "mine");
    phone.sync(9, false);
    assert!(!look(&mut phone), "own change");
    horde.put(person("other", "z"));
    assert!(look(&mut phone));
}

#[test]
fn a_read_only_folder_gives_back_what_the_phone_changed() {
    let (horde, mut phone) = filled(2);
    let before = phone.items.clone();
    phone.change(0, "mine");
    phone.delete(1);
    phone.add(person("new", "z"));
    let request = phone.request(9);
    let place = Place { writable: false, ..place() };
    let task = Task { place, request: &request, version: Version::V14_1, now: 0, window: 9, cursor: None };
    let outcome = block_on(run(&horde, &mut phone.log, task)).unwrap();
    let statuses: Vec<u16> = outcome.response.responses.iter().map(|r| r.status).collect();
    assert_eq!(statuses, [7, 7, 6]);
    phone.receive(outcome, &request.commands);
    assert_eq!(phone.items, before);
}

#[test]
fn what_horde_makes_of_an_own_change_is_no_conflict() {
    let (horde, mut phone) = filled(1);
    phone.change(0, "first ");
    phone.sync(9, false);
    phone.change(0, "second");
    phone.sync(9, false);
    phone.settle();
    assert_eq!(horde.book.lock().unwrap().items.values().next().unwrap().text(contacts::LAST_NAME), Some("second"));
    assert_eq!(names(phone.items.values().cloned()), [("n0".to_owned(), "second".to_owned())]);
}

#[test]
fn other_options_or_another_version_are_no_conflict() {
    use crate::proto::class::{Body, BodyKind, BodyPreference, Value};
    for (version, truncation_size) in [(Version::V14_1, Some(4)), (Version::V2_5, None), (Version::V16_1, Some(1))] {
        let horde = Horde::default();
        let mut item = person("n0", "x");
        let note = Body { kind: BodyKind::Plain, data: "a long note".into() };
        item.0.insert(crate::wbxml::tag::air_sync_base::BODY, Value::Body(note));
        horde.put(item);
        let mut phone = Phone::new(&horde);
        phone.settle();
        phone.change(0, "phone");
        let mut request = phone.request(9);
        let bodies = vec![BodyPreference { kind: BodyKind::Plain, truncation_size, ..BodyPreference::default() }];
        request.options = Some(vec![Options { bodies, ..Options::default() }]);
        let task = Task { place: place(), request: &request, version, now: 0, window: 9, cursor: None };
        let outcome = block_on(run(&horde, &mut phone.log, task)).unwrap();
        assert!(outcome.response.responses.is_empty(), "{version}: {:?}", outcome.response.responses);
        let book = horde.book.lock().unwrap();
        assert_eq!(book.items["uid-1"].text(contacts::LAST_NAME), Some("phone"), "{version}");
    }
}

#[test]
fn a_phone_that_asks_for_html_only_gets_it() {
    use crate::{
        proto::class::{Body, BodyKind, BodyPreference, Value},
        wbxml::tag::air_sync_base::BODY,
    };
    let horde = Horde::default();
    let mut item = person("n0", "x");
    item.0.insert(BODY, Value::Body(Body { kind: BodyKind::Plain, data: "a < b".into() }));
    horde.put(item);
    let mut phone = Phone::new(&horde);
    phone.sync(9, false);
    let mut request = phone.request(9);
    let bodies = vec![BodyPreference { kind: BodyKind::Html, ..BodyPreference::default() }];
    request.options = Some(vec![Options { bodies, ..Options::default() }]);
    let task = Task { place: place(), request: &request, version: Version::V14_1, now: 0, window: 9, cursor: None };
    let outcome = block_on(run(&horde, &mut phone.log, task)).unwrap();
    let html = Value::Body(Body { kind: BodyKind::Html, data: "a &lt; b".into() });
    assert_eq!(outcome.response.commands[0].item.0.get(&BODY), Some(&html));
}

#[test]
fn a_source_that_gives_none_of_its_items_is_not_an_empty_one() {
    let horde = Horde::default();
    let all: Vec<String> = (0..30).map(|i| horde.put(person(&format!("n{i}"), "x"))).collect();
    let spoil = |suffix: &str| {
        for uid in &all {
            horde.book.lock().unwrap().items.get_mut(uid).unwrap().set_text(contacts::SUFFIX, suffix);
        }
    };
    spoil("broken");
    let mut phone = Phone::new(&horde);
    phone.sync(20, false);
    for minutes in [0, 10, 40] {
        phone.now += minutes * 60;
        assert_eq!(phone.sync(20, false), None, "after {minutes} minutes");
    }
    // What stays so is taken for what it looks like: it must not stop what comes later.
    phone.now += 3600;
    horde.put(person("good", "x"));
    phone.settle();
    assert_eq!(names(phone.items.values().cloned()), [("good".to_owned(), "x".to_owned())]);
    spoil("");
    phone.now += 2 * LISTING_INTERVAL;
    phone.settle();
    assert_eq!(phone.items.len(), 31);
}

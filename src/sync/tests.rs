//! A model: phones and a web user change one address book while answers get lost, the program is killed at every kind of write, and
//! Horde fails. When all is quiet again, phones and Horde agree: nothing lost, doubled or resurrected.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    sync::{Arc, Mutex},
    time::Duration,
};

use proptest::prelude::*;

use super::*;
use crate::{
    proto::sync::{Command, CommandKind, ServerKind},
    source::{Changes, Container, Fetched},
    wbxml::tag::contacts,
};

/// What goes wrong next: the n-th write point from now, before or after the write.
#[derive(Debug, Clone, Copy)]
struct Fault {
    after: u32,
    done: bool,
}

#[derive(Debug, Clone, Default)]
struct Faults(Arc<Mutex<Option<Fault>>>);

impl Faults {
    /// `Some(done)`: fail here, with the write done or not.
    fn hit(&self) -> Option<bool> {
        let mut fault = self.0.lock().unwrap();
        match &mut *fault {
            Some(Fault { after: 0, done }) => {
                let done = *done;
                *fault = None;
                Some(done)
            }
            Some(Fault { after, .. }) => {
                *after -= 1;
                None
            }
            None => None,
        }
    }
}

#[derive(Debug, Default)]
struct Book {
    items: BTreeMap<String, Properties>,
    history: Vec<(u64, char, String)>,
    modseq: u64,
    created: u64,
}

/// Horde with one address book.
#[derive(Debug, Clone, Default)]
struct Horde {
    book: Arc<Mutex<Book>>,
    faults: Faults,
    calls: Arc<Mutex<u32>>,
    /// Whether items get the uid that was wished for.
    grants: bool,
}

/// What Horde makes of an item: it fills in FileAs and trims names.
fn kept(mut item: Properties) -> Properties {
    for tag in [contacts::FIRST_NAME, contacts::LAST_NAME] {
        let trimmed = item.text(tag).unwrap_or_default().trim().to_owned();
        item.set_text(tag, trimmed);
    }
    let text = |tag| item.text(tag).unwrap_or_default().to_owned();
    let file_as = format!("{}, {}", text(contacts::LAST_NAME), text(contacts::FIRST_NAME));
    item.set_text(contacts::FILE_AS, file_as);
    item
}

impl Horde {
    fn log(book: &mut Book, action: char, uid: &str) {
        book.modseq += 1;
        let modseq = book.modseq;
        book.history.push((modseq, action, uid.to_owned()));
    }

    fn put(&self, item: Properties) -> String {
        let uid = {
            let mut book = self.book.lock().unwrap();
            book.created += 1;
            format!("uid-{}", book.created)
        };
        self.put_as(uid, item)
    }

    fn put_as(&self, uid: String, item: Properties) -> String {
        let mut book = self.book.lock().unwrap();
        // Horde makes a second item with the same uid, which can never be changed again.
        assert!(book.items.insert(uid.clone(), kept(item)).is_none(), "{uid} exists");
        Self::log(&mut book, 'a', &uid);
        uid
    }

    fn set(&self, uid: &str, item: Properties) {
        let mut book = self.book.lock().unwrap();
        book.items.insert(uid.to_owned(), kept(item));
        Self::log(&mut book, 'm', uid);
    }

    fn drop(&self, uid: &str) -> bool {
        let mut book = self.book.lock().unwrap();
        let there = book.items.remove(uid).is_some();
        if there {
            Self::log(&mut book, 'd', uid);
        }
        there
    }

    fn lost<T>() -> Result<T, source::Error> {
        Err(source::Error::Uncertain("cut".into()))
    }

    fn down<T>() -> Result<T, source::Error> {
        Err(source::Error::Unavailable { reason: "down".into(), retry_after: Duration::from_secs(1) })
    }

    fn read(&self) -> Result<(), source::Error> {
        *self.calls.lock().unwrap() += 1;
        if self.faults.hit().is_some() { Self::down() } else { Ok(()) }
    }
}

impl Source for Horde {
    fn class(&self) -> Class {
        Class::Contacts
    }

    async fn containers(&self) -> Result<Vec<Container>, source::Error> {
        Ok(Vec::new())
    }

    async fn cursor(&self, _: &str) -> Result<u64, source::Error> {
        self.read()?;
        Ok(self.book.lock().unwrap().modseq)
    }

    async fn changes(&self, _: &str, from: u64, to: u64) -> Result<Changes, source::Error> {
        self.read()?;
        let mut changes = Changes::default();
        for (modseq, action, uid) in &self.book.lock().unwrap().history {
            if (from + 1..=to).contains(modseq) {
                match action {
                    'a' => changes.add.push(uid.clone()),
                    'm' => changes.modify.push(uid.clone()),
                    _ => changes.delete.push(uid.clone()),
                }
            }
        }
        Ok(changes)
    }

    async fn list(&self, _: &str) -> Result<Vec<String>, source::Error> {
        self.read()?;
        Ok(self.book.lock().unwrap().items.keys().cloned().collect())
    }

    async fn fetch(&self, _: &str, uids: &[String], _: &[String]) -> Result<Vec<Fetched>, source::Error> {
        self.read()?;
        let book = self.book.lock().unwrap();
        let one = |uid: &String| match book.items.get(uid) {
            Some(item) if item.text(contacts::SUFFIX) == Some("broken") => Fetched::Broken("cannot be read".into()),
            Some(item) => Fetched::Item(item.clone()),
            None => Fetched::Missing,
        };
        Ok(uids.iter().map(one).collect())
    }

    fn filled_in(&self) -> &'static [crate::wbxml::Tag] {
        &[contacts::FILE_AS]
    }

    fn grants_uids(&self) -> bool {
        self.grants
    }

    async fn add(&self, _: &str, wish: &str, item: &Properties) -> Result<String, source::Error> {
        let fault = self.faults.hit();
        if fault == Some(false) {
            return Self::lost();
        }
        let uid = if self.grants { self.put_as(wish.to_owned(), item.clone()) } else { self.put(item.clone()) };
        if fault == Some(true) { Self::lost() } else { Ok(uid) }
    }

    async fn change(&self, _: &str, uid: &str, patch: &crate::proto::class::Patch) -> Result<(), source::Error> {
        let fault = self.faults.hit();
        if fault == Some(false) {
            return Self::lost();
        }
        let Some(mut item) = self.book.lock().unwrap().items.get(uid).cloned() else {
            return Err(source::Error::NotFound);
        };
        for tag in &patch.clear {
            item.0.remove(tag);
        }
        item.0.extend(patch.set.0.clone());
        self.set(uid, item);
        if fault == Some(true) { Self::lost() } else { Ok(()) }
    }

    async fn delete(&self, _: &str, uid: &str) -> Result<(), source::Error> {
        let fault = self.faults.hit();
        if fault == Some(false) {
            return Self::lost();
        }
        let there = self.drop(uid);
        match (there, fault) {
            (_, Some(true)) => Self::lost(),
            (true, _) => Ok(()),
            (false, _) => Err(source::Error::NotFound),
        }
    }
}

/// A journal in memory that can be killed before or after each write.
#[derive(Debug, Default)]
struct Memory {
    records: Vec<Vec<u8>>,
    faults: Faults,
    writes: u32,
}

impl Memory {
    fn write(&mut self, store: impl FnOnce(&mut Vec<Vec<u8>>)) -> Result<(), crate::state::Error> {
        let killed = || crate::state::Error::Io { file: "memory".into(), source: std::io::Error::other("killed") };
        match self.faults.hit() {
            Some(false) => Err(killed()),
            Some(true) => {
                store(&mut self.records);
                Err(killed())
            }
            None => {
                self.writes += 1;
                store(&mut self.records);
                Ok(())
            }
        }
    }
}

impl Log for Memory {
    fn load(&mut self) -> Result<Vec<Vec<u8>>, crate::state::Error> {
        Ok(self.records.clone())
    }

    async fn append(&mut self, record: &[u8]) -> Result<(), crate::state::Error> {
        self.write(|records| records.push(record.to_vec()))
    }

    async fn replace(&mut self, new: &[Vec<u8>]) -> Result<(), crate::state::Error> {
        self.write(|records| *records = new.to_vec())
    }
}

fn person(first: &str, last: &str) -> Properties {
    let mut item = Properties::default();
    item.set_text(contacts::FIRST_NAME, first);
    item.set_text(contacts::LAST_NAME, last);
    item
}

fn place() -> Place<'static> {
    Place { id: "Co1", container: "book", writable: true }
}

/// A phone: what it has, what it wants to say.
struct Phone {
    horde: Horde,
    log: Memory,
    key: String,
    items: BTreeMap<String, Properties>,
    /// Request under way, repeated until it is answered.
    waiting: Vec<Command>,
    /// Items added here and not yet answered, by ClientId.
    adding: BTreeMap<String, Properties>,
    deleting: BTreeSet<String>,
    next_client_id: u32,
    now: u64,
}

impl Phone {
    fn new(horde: &Horde) -> Self {
        let log = Memory { faults: horde.faults.clone(), ..Memory::default() };
        Self {
            horde: horde.clone(),
            log,
            key: "0".into(),
            items: BTreeMap::new(),
            waiting: Vec::new(),
            adding: BTreeMap::new(),
            deleting: BTreeSet::new(),
            next_client_id: 1,
            now: 1_000_000,
        }
    }

    fn command(kind: CommandKind, id: &str, item: Properties) -> Command {
        Command { kind, id: id.to_owned(), instance: None, item, refused: None }
    }

    fn add(&mut self, item: Properties) {
        let id = format!("c{}", self.next_client_id);
        self.next_client_id += 1;
        self.waiting.push(Self::command(CommandKind::Add, &id, item.clone()));
        self.adding.insert(id, item);
    }

    fn change(&mut self, nth: usize, last: &str) {
        let ids: Vec<String> = self.items.keys().filter(|id| !self.deleting.contains(*id)).cloned().collect();
        if let Some(id) = ids.get(nth % ids.len().max(1)) {
            let item = self.items.get_mut(id).unwrap();
            item.set_text(contacts::LAST_NAME, last);
            self.waiting.push(Self::command(CommandKind::Change, id, item.clone()));
        }
    }

    /// Deletes an item; gives its first name.
    fn delete(&mut self, nth: usize) -> Option<String> {
        let ids: Vec<String> = self.items.keys().filter(|id| !self.deleting.contains(*id)).cloned().collect();
        let id = ids.get(nth % ids.len().max(1))?;
        self.deleting.insert(id.clone());
        self.waiting.push(Self::command(CommandKind::Delete, id, Properties::default()));
        self.items.get(id)?.text(contacts::FIRST_NAME).map(str::to_owned)
    }

    fn request(&self, window: u32) -> Collection {
        let commands = if self.key == "0" { Vec::new() } else { self.waiting.clone() };
        Collection { key: self.key.clone(), id: "Co1".into(), window: Some(window), commands, ..Collection::default() }
    }

    fn sync(&mut self, window: usize, lost: bool) -> Option<bool> {
        let request = self.request(window as u32);
        let task =
            Task { place: place(), request: &request, version: Version::V14_1, now: self.now, window, cursor: None };
        let outcome = block_on(run(&self.horde, &mut self.log, task)).ok()?;
        if lost {
            return None;
        }
        self.receive(outcome, &request.commands);
        Some(true)
    }

    fn receive(&mut self, outcome: Outcome, sent: &[Command]) {
        let response = outcome.response;
        if response.status == 3 {
            self.key = "0".into();
            self.items.clear();
            return;
        }
        assert_eq!(response.status, 1);
        self.key = response.key;
        let answered: Vec<String> = response.responses.iter().filter_map(|r| r.client_id.clone()).collect();
        for command in sent {
            match command.kind {
                CommandKind::Add => assert!(answered.contains(&command.id), "an Add without answer"),
                CommandKind::Delete => {
                    self.deleting.remove(&command.id);
                    self.items.remove(&command.id);
                }
                _ => {}
            }
        }
        for result in response.responses {
            if let Some(client_id) = result.client_id {
                let item = self.adding.remove(&client_id);
                if let (Some(server_id), Some(item)) = (result.server_id, item) {
                    assert!(self.items.insert(server_id, item).is_none(), "an Add answered with an id in use");
                }
            }
        }
        self.waiting.drain(..sent.len());
        for command in response.commands {
            let id = command.server_id;
            match command.kind {
                ServerKind::Add => {
                    assert!(self.items.insert(id.clone(), command.item).is_none(), "{id} added twice");
                }
                ServerKind::Change => {
                    assert!(self.items.insert(id.clone(), command.item).is_some(), "{id} changed, but not there");
                }
                ServerKind::Delete | ServerKind::SoftDelete => {
                    assert!(self.items.remove(&id).is_some(), "{id} deleted, but not there");
                }
            }
        }
    }

    fn settle(&mut self) {
        for _ in 0..2000 {
            let writes = self.log.writes;
            let before = (self.key.clone(), self.waiting.len());
            self.sync(7, false).expect("nothing fails any more");
            if before == (self.key.clone(), self.waiting.len()) {
                // A rollback and a cursor at most, when the answer before got lost.
                assert!(self.log.writes <= writes + 2, "a Sync without changes wrote {}", self.log.writes - writes);
                return;
            }
        }
        panic!("it never becomes quiet");
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[derive(Debug, Clone)]
enum Step {
    WebAdd,
    WebChange(usize),
    WebDelete(usize),
    WebBreak(usize),
    PhoneAdd(usize),
    PhoneChange(usize, usize),
    PhoneDelete(usize, usize),
    Sync { phone: usize, window: usize, lost: bool, fault: Option<(u32, bool)> },
    Resync(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let fault = prop::option::weighted(0.3, (0..12u32, any::<bool>()));
    prop_oneof![
        2 => Just(Step::WebAdd),
        2 => (0..50usize).prop_map(Step::WebChange),
        1 => (0..50usize).prop_map(Step::WebDelete),
        1 => (0..50usize).prop_map(Step::WebBreak),
        2 => (0..2usize).prop_map(Step::PhoneAdd),
        2 => (0..2usize, 0..50usize).prop_map(|(p, n)| Step::PhoneChange(p, n)),
        1 => (0..2usize, 0..50usize).prop_map(|(p, n)| Step::PhoneDelete(p, n)),
        6 => (0..2usize, 1..9usize, prop::bool::weighted(0.25), fault)
            .prop_map(|(phone, window, lost, fault)| Step::Sync { phone, window, lost, fault }),
        1 => (0..2usize).prop_map(Step::Resync),
    ]
}

/// Names of all items, sorted: doubles show.
fn names(items: impl Iterator<Item = Properties>) -> Vec<(String, String)> {
    let text = |item: &Properties, tag| item.text(tag).unwrap_or_default().to_owned();
    let mut names: Vec<_> =
        items.map(|item| (text(&item, contacts::FIRST_NAME), text(&item, contacts::LAST_NAME))).collect();
    names.sort();
    names
}

struct World {
    horde: Horde,
    phones: [Phone; 2],
    count: Cell<u32>,
    deleted: Rc<std::cell::RefCell<BTreeSet<String>>>,
    created: BTreeSet<String>,
}

impl World {
    fn new() -> Self {
        let horde = Horde { grants: true, ..Horde::default() };
        let phones = [Phone::new(&horde), Phone::new(&horde)];
        Self { horde, phones, count: Cell::new(0), deleted: Rc::default(), created: BTreeSet::new() }
    }

    fn fresh(&self, prefix: &str) -> String {
        self.count.set(self.count.get() + 1);
        format!("{prefix}{}", self.count.get())
    }

    fn nth(&self, n: usize) -> Option<(String, Properties)> {
        let book = self.horde.book.lock().unwrap();
        let n = n % book.items.len().max(1);
        book.items.iter().nth(n).map(|(uid, item)| (uid.clone(), item.clone()))
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::WebAdd => {
                let name = self.fresh("w");
                self.created.insert(name.clone());
                self.horde.put(person(&name, "web"));
            }
            Step::WebChange(n) => {
                if let Some((uid, mut item)) = self.nth(n) {
                    item.set_text(contacts::LAST_NAME, self.fresh("web"));
                    item.set_text(contacts::SUFFIX, "");
                    self.horde.set(&uid, item);
                }
            }
            Step::WebBreak(n) => {
                if let Some((uid, mut item)) = self.nth(n) {
                    item.set_text(contacts::SUFFIX, "broken");
                    self.horde.set(&uid, item);
                }
            }
            Step::WebDelete(n) => {
                if let Some((uid, item)) = self.nth(n) {
                    self.deleted.borrow_mut().insert(item.text(contacts::FIRST_NAME).unwrap().to_owned());
                    self.horde.drop(&uid);
                }
            }
            Step::PhoneAdd(p) => {
                let name = self.fresh("p");
                self.created.insert(name.clone());
                self.phones[p].add(person(&name, "phone"));
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
        let sound = |item: &&Properties| item.text(contacts::SUFFIX).is_none();
        let there = names(book.items.values().filter(sound).cloned());
        let broken: BTreeSet<String> =
            book.items.values().filter(|i| !sound(i)).map(|i| i.text(contacts::FIRST_NAME).unwrap().into()).collect();
        for phone in &self.phones {
            let has = names(phone.items.values().cloned());
            let has: Vec<_> = has.into_iter().filter(|(first, _)| !broken.contains(first)).collect();
            assert_eq!(has, there, "phone and Horde differ");
        }
        let firsts: Vec<String> = names(book.items.values().cloned()).into_iter().map(|(first, _)| first).collect();
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
    fn phones_and_horde_agree_in_the_end(steps in prop::collection::vec(step(), 1..70)) {
        let mut world = World::new();
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
    let mut watch = Watch::default();
    let mut look = |phone: &mut Phone| {
        block_on(watch.has_changes(&phone.horde.clone(), &mut phone.log, place(), Version::V14_1, None)).unwrap()
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

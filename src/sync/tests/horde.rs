//! Horde with one container of contacts or events, and a journal in memory: both fail where they are told to.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use super::super::*;
use crate::{
    proto::class::{Patch, Properties, Scope, applied},
    source::{Changes, Container, Fetched},
    wbxml::{
        Tag,
        tag::{calendar, contacts},
    },
};

/// Which properties the model uses.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) class: Class,
    /// Names the item.
    pub(super) first: Tag,
    pub(super) last: Tag,
    /// Says "broken" of an item that cannot be read.
    pub(super) mark: Tag,
    /// Filled in by Horde.
    pub(super) filled: [Tag; 1],
}

pub(super) static CONTACTS: Kind = Kind {
    class: Class::Contacts,
    first: contacts::FIRST_NAME,
    last: contacts::LAST_NAME,
    mark: contacts::SUFFIX,
    filled: [contacts::FILE_AS],
};

pub(super) static EVENTS: Kind = Kind {
    class: Class::Calendar,
    first: calendar::SUBJECT,
    last: calendar::ORGANIZER_NAME,
    mark: calendar::ORGANIZER_EMAIL,
    filled: [calendar::ONLINE_MEETING_EXTERNAL_LINK],
};

impl Kind {
    pub(super) fn item(&self, first: &str, last: &str) -> Properties {
        let mut item = Properties::default();
        item.set_text(self.first, first);
        item.set_text(self.last, last);
        item
    }

    pub(super) fn first(&self, item: &Properties) -> String {
        item.text(self.first).unwrap_or_default().to_owned()
    }

    /// What Horde makes of an item: it fills in a property and trims names.
    pub(super) fn kept(&self, mut item: Properties) -> Properties {
        for tag in [self.first, self.last] {
            let trimmed = item.text(tag).unwrap_or_default().trim().to_owned();
            item.set_text(tag, trimmed);
        }
        let text = |tag| item.text(tag).unwrap_or_default().to_owned();
        let filled = format!("{}, {}", text(self.last), text(self.first));
        self.filled.iter().for_each(|tag| item.set_text(*tag, filled.clone()));
        item
    }
}

pub(super) const DAY: i64 = 86400;

/// An event at noon of a day, counted from the beginning of 1970.
pub(super) fn on_day(mut item: Properties, day: i64) -> Properties {
    let at = |hours: i64| jiff::Timestamp::from_second(day * DAY + hours * 3600).unwrap().strftime("%Y%m%dT%H%M%SZ");
    item.set_text(calendar::START_TIME, at(12).to_string());
    item.set_text(calendar::END_TIME, at(13).to_string());
    item
}

/// What goes wrong next: the n-th write point from now, before or after the write.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fault {
    pub(super) after: u32,
    pub(super) done: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Faults(pub(super) Arc<Mutex<Option<Fault>>>);

impl Faults {
    /// `Some(done)`: fail here, with the write done or not.
    pub(super) fn hit(&self) -> Option<bool> {
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
pub(super) struct Book {
    pub(super) items: BTreeMap<String, Properties>,
    pub(super) history: Vec<(u64, char, String)>,
    pub(super) modseq: u64,
    pub(super) created: u64,
}

/// Horde with one container.
#[derive(Debug, Clone)]
pub(super) struct Horde {
    pub(super) kind: &'static Kind,
    pub(super) book: Arc<Mutex<Book>>,
    pub(super) faults: Faults,
    pub(super) calls: Arc<Mutex<u32>>,
    /// Whether items get the uid that was wished for.
    pub(super) grants: bool,
    /// A uid that is taken in another container.
    pub(super) elsewhere: Option<String>,
}

impl Default for Horde {
    fn default() -> Self {
        Self::of(&CONTACTS)
    }
}

impl Horde {
    pub(super) fn of(kind: &'static Kind) -> Self {
        let (book, faults, calls) = Default::default();
        Self { kind, book, faults, calls, grants: kind.class == Class::Calendar, elsewhere: None }
    }

    pub(super) fn log(book: &mut Book, action: char, uid: &str) {
        book.modseq += 1;
        let modseq = book.modseq;
        book.history.push((modseq, action, uid.to_owned()));
    }

    pub(super) fn put(&self, item: Properties) -> String {
        let uid = {
            let mut book = self.book.lock().unwrap();
            book.created += 1;
            format!("uid-{}", book.created)
        };
        self.put_as(uid, item)
    }

    pub(super) fn put_as(&self, uid: String, item: Properties) -> String {
        let mut book = self.book.lock().unwrap();
        // Horde makes a second item with the same uid, which can never be changed again.
        assert!(book.items.insert(uid.clone(), self.kind.kept(item)).is_none(), "{uid} exists");
        Self::log(&mut book, 'a', &uid);
        uid
    }

    pub(super) fn set(&self, uid: &str, item: Properties) {
        let mut book = self.book.lock().unwrap();
        book.items.insert(uid.to_owned(), self.kind.kept(item));
        Self::log(&mut book, 'm', uid);
    }

    pub(super) fn drop(&self, uid: &str) -> bool {
        let mut book = self.book.lock().unwrap();
        let there = book.items.remove(uid).is_some();
        if there {
            Self::log(&mut book, 'd', uid);
        }
        there
    }

    pub(super) fn lost<T>() -> Result<T, source::Error> {
        Err(source::Error::Uncertain("cut".into()))
    }

    pub(super) fn down<T>() -> Result<T, source::Error> {
        Err(source::Error::Unavailable { reason: "down".into(), retry_after: Duration::from_secs(1) })
    }

    pub(super) fn read(&self) -> Result<(), source::Error> {
        *self.calls.lock().unwrap() += 1;
        if self.faults.hit().is_some() { Self::down() } else { Ok(()) }
    }
}

impl Source for Horde {
    fn class(&self) -> Class {
        self.kind.class
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

    async fn list(&self, _: &str, scope: Scope) -> Result<Vec<String>, source::Error> {
        self.read()?;
        let book = self.book.lock().unwrap();
        // Older ones are listed, too, and very old ones: nobody promises that a listing has nothing else.
        let listed = |item: &Properties| match scope {
            Scope::Since(bound) => {
                Scope::Since(bound - 10 * DAY).holds(item) || !Scope::Since(bound - 500 * DAY).holds(item)
            }
            scope => scope.holds(item),
        };
        Ok(book.items.iter().filter(|(_, item)| listed(item)).map(|(uid, _)| uid.clone()).collect())
    }

    async fn fetch(&self, _: &str, uids: &[String], _: &[String]) -> Result<Vec<Fetched>, source::Error> {
        self.read()?;
        let book = self.book.lock().unwrap();
        let one = |uid: &String| match book.items.get(uid) {
            Some(item) if item.text(self.kind.mark) == Some("broken") => Fetched::Broken("cannot be read".into()),
            Some(item) => Fetched::Item(item.clone()),
            None => Fetched::Missing,
        };
        Ok(uids.iter().map(one).collect())
    }

    fn filled_in(&self) -> &'static [Tag] {
        &self.kind.filled
    }

    fn grants_uids(&self) -> bool {
        self.grants
    }

    async fn add(&self, _: &str, wish: &str, item: &Properties) -> Result<String, source::Error> {
        let fault = self.faults.hit();
        if fault == Some(false) {
            return Self::lost();
        }
        if self.elsewhere.as_deref() == Some(wish) {
            return Err(source::Error::Exists);
        }
        if self.grants && self.book.lock().unwrap().items.contains_key(wish) {
            return Err(source::Error::Exists);
        }
        let uid = if self.grants { self.put_as(wish.to_owned(), item.clone()) } else { self.put(item.clone()) };
        if fault == Some(true) { Self::lost() } else { Ok(uid) }
    }

    async fn change(&self, _: &str, uid: &str, patch: &Patch) -> Result<(), source::Error> {
        let fault = self.faults.hit();
        if fault == Some(false) {
            return Self::lost();
        }
        let Some(item) = self.book.lock().unwrap().items.get(uid).cloned() else {
            return Err(source::Error::NotFound);
        };
        self.set(uid, applied(patch, &item));
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
pub(super) struct Memory {
    pub(super) records: Vec<Vec<u8>>,
    pub(super) faults: Faults,
    pub(super) writes: u32,
}

impl Memory {
    pub(super) fn write(&mut self, store: impl FnOnce(&mut Vec<Vec<u8>>)) -> Result<(), crate::state::Error> {
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

pub(super) fn person(first: &str, last: &str) -> Properties {
    CONTACTS.item(first, last)
}

pub(super) fn place() -> Place<'static> {
    Place { id: "Co1", container: "book", writable: true }
}

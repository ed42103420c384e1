//! A mail folder of an IMAP server: its messages never change but for what readers put on them, and drafts get other uids.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use super::{
    super::*,
    horde::{Faults, Horde},
};
use crate::{
    proto::class::{Body, Patch, Properties, Scope, Value, applied, volatile},
    source::{Changed, Changes, Container, Fetched, Want},
    wbxml::{
        Tag,
        tag::{air_sync_base::BODY, email as e, email2 as e2},
    },
};

#[derive(Debug, Default)]
pub(super) struct Folder {
    pub(super) mails: BTreeMap<u32, Properties>,
    pub(super) modseq: u64,
    history: Vec<(u64, u32)>,
    next: u32,
    pub(super) lost: bool,
    /// What was asked for: uid and whether it was the whole mail.
    read: Vec<(String, bool)>,
    pub(super) discarded: Vec<(String, bool)>,
}

/// A mail folder of an IMAP server.
#[derive(Debug, Clone, Default)]
pub(super) struct Imap(pub(super) Arc<Mutex<Folder>>, pub(super) Faults);

pub(super) fn number(uid: &str) -> u32 {
    uid.strip_prefix("77.").unwrap().parse().unwrap()
}

impl Folder {
    pub(super) fn moved(&mut self, number: u32) {
        self.modseq += 1;
        self.history.push((self.modseq, number));
    }

    fn put(&mut self, mail: Properties) -> String {
        self.next += 1;
        self.mails.insert(self.next, mail);
        self.moved(self.next);
        format!("77.{}", self.next)
    }
}

impl Imap {
    pub(super) fn put(&self, subject: &str) -> String {
        let mut mail = Properties::default();
        mail.set_text(e::SUBJECT, subject);
        mail.set_text(e::READ, "0");
        mail.set_text(e::DATE_RECEIVED, "2026-11-20T12:00:00.000Z");
        mail.0.insert(e::FLAG, Value::Group(Properties::default()));
        mail.0.insert(BODY, Value::Body(Body { data: format!("about {subject}"), ..Body::default() }));
        self.0.lock().unwrap().put(mail)
    }

    pub(super) fn mark(&self, uid: &str, tag: Tag, text: &str) {
        let mut folder = self.0.lock().unwrap();
        folder.mails.get_mut(&number(uid)).unwrap().set_text(tag, text);
        folder.moved(number(uid));
    }

    pub(super) fn expunge(&self, uid: &str) {
        let mut folder = self.0.lock().unwrap();
        folder.mails.remove(&number(uid));
        folder.moved(number(uid));
    }

    pub(super) fn read(&self) -> Vec<(String, bool)> {
        std::mem::take(&mut self.0.lock().unwrap().read)
    }
}

impl Source for Imap {
    fn class(&self) -> Class {
        Class::Email
    }

    async fn containers(&self) -> Result<Vec<Container>, source::Error> {
        unreachable!()
    }

    async fn cursor(&self, _: &str) -> Result<u64, source::Error> {
        self.look()?;
        Ok(self.0.lock().unwrap().modseq)
    }

    async fn changes(&self, _: &str, from: u64, _: u64) -> Result<Changes, source::Error> {
        self.look()?;
        let folder = self.0.lock().unwrap();
        if folder.lost {
            return Ok(Changes { lost: true, ..Changes::default() });
        }
        let touched = folder.history.iter().filter(|(modseq, _)| *modseq > from).map(|(_, number)| *number);
        let (modify, delete): (Vec<u32>, Vec<u32>) = touched.partition(|number| folder.mails.contains_key(number));
        let uids = |numbers: Vec<u32>| numbers.into_iter().map(|number| format!("77.{number}")).collect();
        Ok(Changes { modify: uids(modify), delete: uids(delete), ..Changes::default() })
    }

    async fn list(&self, _: &str, scope: Scope) -> Result<Vec<String>, source::Error> {
        self.look()?;
        let folder = self.0.lock().unwrap();
        let wanted = folder.mails.iter().filter(|(_, mail)| scope.holds(mail));
        Ok(wanted.map(|(number, _)| format!("77.{number}")).collect())
    }

    async fn fetch(&self, _: &str, _: &[String], _: &[String]) -> Result<Vec<Fetched>, source::Error> {
        unreachable!()
    }

    async fn fetch_for(
        &self,
        _: &str,
        uids: &[String],
        _: &[String],
        want: Want<'_>,
    ) -> Result<Vec<Fetched>, source::Error> {
        self.look()?;
        let mut folder = self.0.lock().unwrap();
        let whole = matches!(want, Want::Whole(_));
        folder.read.extend(uids.iter().map(|uid| (uid.clone(), whole)));
        let one = |uid: &String| {
            let Some(mail) = folder.mails.get(&number(uid)) else { return Fetched::Missing };
            let mut part = volatile(Class::Email, mail).into_owned();
            part.set_text(e::DATE_RECEIVED, mail.text(e::DATE_RECEIVED).unwrap());
            Fetched::Item(if whole { mail.clone() } else { part })
        };
        Ok(uids.iter().map(one).collect())
    }

    async fn add(&self, _: &str, _: &str, item: &Properties) -> Result<String, source::Error> {
        Ok(self.0.lock().unwrap().put(item.clone()))
    }

    fn grants_uids(&self) -> bool {
        false
    }

    async fn change(&self, _: &str, _: &str, _: &Patch) -> Result<(), source::Error> {
        unreachable!()
    }

    async fn revise(&self, _: &str, uid: &str, patch: &Patch) -> Result<Changed, source::Error> {
        self.write(|| self.revise_now(uid, patch))
    }

    async fn discard(&self, _: &str, uid: &str, for_good: bool) -> Result<(), source::Error> {
        self.write(|| {
            let mut folder = self.0.lock().unwrap();
            folder.mails.remove(&number(uid)).ok_or(source::Error::NotFound)?;
            folder.moved(number(uid));
            folder.discarded.push((uid.to_owned(), for_good));
            Ok(())
        })
    }

    async fn delete(&self, _: &str, _: &str) -> Result<(), source::Error> {
        unreachable!()
    }
}

impl Imap {
    /// A question that may get no answer.
    fn look(&self) -> Result<(), source::Error> {
        if self.1.hit().is_some() { Horde::down() } else { Ok(()) }
    }

    /// A write whose answer may get lost.
    fn write<T>(&self, write: impl FnOnce() -> Result<T, source::Error>) -> Result<T, source::Error> {
        match self.1.hit() {
            Some(false) => Horde::lost(),
            Some(true) => {
                let _ = write();
                Horde::lost()
            }
            None => write(),
        }
    }

    fn revise_now(&self, uid: &str, patch: &Patch) -> Result<Changed, source::Error> {
        let mut folder = self.0.lock().unwrap();
        let old = folder.mails.get(&number(uid)).ok_or(source::Error::NotFound)?.clone();
        folder.moved(number(uid));
        if patch.set.0.contains_key(&e2::SEND) {
            folder.mails.remove(&number(uid));
            return Ok(Changed::Gone);
        }
        let new = applied(patch, &old);
        if !patch.set.0.contains_key(&e::SUBJECT) {
            folder.mails.insert(number(uid), new);
            return Ok(Changed::Kept);
        }
        folder.mails.remove(&number(uid));
        Ok(Changed::Moved(folder.put(new)))
    }
}

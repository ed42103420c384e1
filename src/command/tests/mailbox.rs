//! A mailbox in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use crate::{
    proto::class::{Class, Patch, Properties, Scope},
    source::{
        Changes, Container, Error, Fetched, Mail, Role, Source,
        mail::{Attachment, Field, Hit, Query},
    },
    spool::Spool,
    wbxml::tag::email as e,
};

/// A mail.
#[derive(Debug, Clone, Default)]
pub(in crate::command) struct Message {
    pub(in crate::command) item: Properties,
    pub(in crate::command) raw: Vec<u8>,
    pub(in crate::command) attachment: Vec<u8>,
}

impl Message {
    pub(in crate::command) fn new(subject: &str) -> Self {
        let mut item = Properties::default();
        item.set_text(e::SUBJECT, subject);
        item.set_text(e::FROM, "max@example.com");
        item.set_text(e::READ, "0");
        item.set_text(e::DATE_RECEIVED, "2026-11-20T12:00:00.000Z");
        Self { item, ..Self::default() }
    }
}

#[derive(Debug, Clone, Default)]
pub(in crate::command) struct Folder {
    pub(in crate::command) name: String,
    pub(in crate::command) parent: Option<String>,
    pub(in crate::command) role: Role,
    pub(in crate::command) mails: BTreeMap<u32, Message>,
    next: u32,
    modseq: u64,
}

#[derive(Debug, Default)]
pub(in crate::command) struct State {
    pub(in crate::command) folders: BTreeMap<String, Folder>,
    made: u32,
    /// Changes of folders and mails that were carried out.
    pub(in crate::command) writes: u32,
    /// After that many more writes the answer of a write is lost.
    pub(in crate::command) fails_after: Option<u32>,
}

impl State {
    fn write(&mut self) -> Result<(), Error> {
        self.writes += 1;
        match &mut self.fails_after {
            Some(0) => {
                self.fails_after = None;
                Err(Error::Uncertain("as told".into()))
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn folder(&mut self, id: &str) -> Result<&mut Folder, Error> {
        self.folders.get_mut(id).ok_or(Error::ContainerGone)
    }

    fn named(&self, parent: Option<&str>, name: &str) -> bool {
        self.folders.values().any(|folder| folder.name == name && folder.parent.as_deref() == parent)
    }
}

/// A mailbox with INBOX, Sent, Trash, Work and Work/Old.
#[derive(Debug, Clone)]
pub(in crate::command) struct Mailbox(Arc<Mutex<State>>);

impl Mailbox {
    pub(in crate::command) fn new() -> Self {
        let mailbox = Self(Arc::default());
        for (id, name, parent, role) in [
            ("inbox", "INBOX", None, Role::Inbox),
            ("sent", "Sent", None, Role::Sent),
            ("trash", "Trash", None, Role::Trash),
            ("work", "Work", None, Role::Plain),
            ("old", "Old", Some("work".to_owned()), Role::Plain),
        ] {
            let folder = Folder { name: name.into(), parent, role, ..Folder::default() };
            mailbox.state().folders.insert(id.into(), folder);
        }
        mailbox
    }

    pub(in crate::command) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Puts a mail into a folder; gives its uid.
    pub(in crate::command) fn put(&self, folder: &str, message: Message) -> String {
        let mut state = self.state();
        let folder = state.folder(folder).unwrap();
        folder.next += 1;
        folder.modseq += 1;
        folder.mails.insert(folder.next, message);
        format!("7.{}", folder.next)
    }

    pub(in crate::command) fn subjects(&self, folder: &str) -> Vec<String> {
        let state = self.state();
        state.folders[folder].mails.values().map(|m| m.item.text(e::SUBJECT).unwrap_or_default().to_owned()).collect()
    }

    pub(in crate::command) fn folders(&self) -> Vec<Container> {
        let container = |(id, folder): (&String, &Folder)| Container {
            id: id.clone(),
            name: folder.name.clone(),
            parent: folder.parent.clone(),
            role: folder.role,
            default: folder.role == Role::Inbox,
            writable: true,
        };
        self.state().folders.iter().map(container).collect()
    }

    fn message(&self, container: &str, uid: &str) -> Result<Message, Error> {
        let mut state = self.state();
        let folder = state.folder(container)?;
        number(uid).and_then(|uid| folder.mails.get(&uid).cloned()).ok_or(Error::NotFound)
    }
}

fn number(uid: &str) -> Option<u32> {
    uid.strip_prefix("7.")?.parse().ok()
}

async fn filled(mut spool: Spool, bytes: &[u8]) -> Arc<Spool> {
    spool.write(bytes).await.unwrap();
    Arc::new(spool)
}

impl Source for Mailbox {
    fn class(&self) -> Class {
        Class::Email
    }

    async fn containers(&self) -> Result<Vec<Container>, Error> {
        Ok(self.folders())
    }

    async fn cursor(&self, container: &str) -> Result<u64, Error> {
        self.state().folder(container).map(|folder| folder.modseq)
    }

    async fn changes(&self, container: &str, _: u64, _: u64) -> Result<Changes, Error> {
        self.state().folder(container).map(|_| Changes { lost: true, ..Changes::default() })
    }

    async fn list(&self, container: &str, _: Scope) -> Result<Vec<String>, Error> {
        self.state().folder(container).map(|folder| folder.mails.keys().map(|uid| format!("7.{uid}")).collect())
    }

    async fn fetch(&self, container: &str, uids: &[String], _: &[String]) -> Result<Vec<Fetched>, Error> {
        self.state().folder(container)?;
        let one = |uid: &String| match self.message(container, uid) {
            Ok(message) => Fetched::Item(message.item),
            Err(_) => Fetched::Missing,
        };
        Ok(uids.iter().map(one).collect())
    }

    async fn add(&self, _: &str, _: &str, _: &Properties) -> Result<String, Error> {
        Err(Error::Denied)
    }

    async fn change(&self, _: &str, _: &str, _: &Patch) -> Result<(), Error> {
        Err(Error::Denied)
    }

    async fn delete(&self, container: &str, uid: &str) -> Result<(), Error> {
        let mut state = self.state();
        let gone = number(uid).and_then(|uid| state.folder(container).ok()?.mails.remove(&uid));
        gone.map(|_| ()).ok_or(Error::NotFound)
    }
}

impl Mail for Mailbox {
    async fn move_items(&self, from: &str, uids: &[String], to: &str) -> Result<Vec<Result<String, Error>>, Error> {
        let mut state = self.state();
        state.folder(to)?;
        let mut moved = Vec::new();
        for uid in uids {
            let source = state.folder(from)?;
            let Some(message) = number(uid).and_then(|uid| source.mails.remove(&uid)) else {
                moved.push(Err(Error::NotFound));
                continue;
            };
            source.modseq += 1;
            let target = state.folder(to)?;
            target.next += 1;
            target.modseq += 1;
            target.mails.insert(target.next, message);
            moved.push(Ok(format!("7.{}", target.next)));
        }
        state.write()?;
        Ok(moved)
    }

    async fn empty(&self, container: &str, folders: bool) -> Result<(), Error> {
        let mut state = self.state();
        state.folder(container)?.mails.clear();
        if folders {
            state.folders.retain(|_, folder| folder.parent.as_deref() != Some(container));
        }
        state.write()
    }

    async fn create_folder(&self, parent: Option<&str>, name: &str) -> Result<String, Error> {
        let mut state = self.state();
        if let Some(parent) = parent {
            state.folder(parent)?;
        }
        if state.named(parent, name) {
            return Err(Error::Exists);
        }
        state.made += 1;
        let id = format!("made{}", state.made);
        let folder = Folder { name: name.into(), parent: parent.map(str::to_owned), ..Folder::default() };
        state.folders.insert(id.clone(), folder);
        state.write().map(|()| id)
    }

    async fn rename_folder(&self, container: &str, parent: Option<&str>, name: &str) -> Result<(), Error> {
        let mut state = self.state();
        state.folder(container)?;
        if state.named(parent, name) {
            return Err(Error::Exists);
        }
        let folder = state.folder(container)?;
        (folder.name, folder.parent) = (name.into(), parent.map(str::to_owned));
        state.write()
    }

    async fn delete_folder(&self, container: &str) -> Result<(), Error> {
        let mut state = self.state();
        state.folders.remove(container).ok_or(Error::ContainerGone)?;
        state.folders.retain(|_, folder| folder.parent.as_deref() != Some(container));
        state.write()
    }

    async fn raw(&self, container: &str, uid: &str, into: Spool) -> Result<Arc<Spool>, Error> {
        let message = self.message(container, uid)?;
        Ok(filled(into, &message.raw).await)
    }

    async fn attachment(&self, container: &str, uid: &str, part: &str, into: Spool) -> Result<Attachment, Error> {
        let message = self.message(container, uid)?;
        if part != "2" {
            return Err(Error::NotFound);
        }
        Ok(Attachment { kind: "application/pdf".into(), bytes: filled(into, &message.attachment).await })
    }

    async fn search(&self, containers: &[String], query: &Query, most: usize) -> Result<Vec<Hit>, Error> {
        let state = self.state();
        let mut hits = Vec::new();
        for container in containers {
            let Some(folder) = state.folders.get(container) else { continue };
            let fits = folder.mails.iter().filter(|(_, message)| holds(query, &message.item));
            hits.extend(fits.map(|(uid, _)| Hit { container: container.clone(), uid: format!("7.{uid}") }));
        }
        hits.truncate(most);
        Ok(hits)
    }
}

fn holds(query: &Query, item: &Properties) -> bool {
    match query {
        Query::All(parts) => parts.iter().all(|part| holds(part, item)),
        Query::Any(parts) => parts.iter().any(|part| holds(part, item)),
        Query::Not(part) => !holds(part, item),
        Query::Has(Field::From, text) => item.text(e::FROM).is_some_and(|from| from.contains(text)),
        Query::Has(_, text) => item.text(e::SUBJECT).is_some_and(|subject| subject.contains(text)),
        _ => true,
    }
}

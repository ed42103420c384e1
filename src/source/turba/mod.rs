//! Contacts in Turba (`docs/mapping.md` says field by field what goes where).

mod cards;
mod country;
mod fault;
mod kept;
mod layouts;
mod read;
mod table;
mod tags;
mod value;
mod write;

#[cfg(test)]
mod tests;

use serde_json::{Value as Json, json};

use layouts::Layouts;
pub use layouts::Shared;

use super::{Changes, Container, Error, Fetched, Source, cache::Memory};
use crate::{
    horde::{self, Call, Session},
    proto::class::{Class, Patch, Properties, Scope},
    state::Beside,
    wbxml::{Tag, tag::contacts},
};

/// The virtual address book of people that the user writes to: no place for contacts.
const FAVOURITES: &str = "favourites";
/// Asks where the history of a book stands.
const CURSOR: &str = "contacts.getHighestModSeq";

/// The address books of one user.
#[derive(Debug, Clone)]
pub struct Turba {
    session: Session,
    beside: Beside,
    memory: Memory,
    layouts: Layouts,
}

impl Turba {
    /// The contacts that the user of `session` sees. `beside` is that user's for contacts; `shared` is one for all users of the site.
    pub fn new(session: Session, beside: Beside, shared: &Shared) -> Self {
        let memory = Memory::new(shared.rows.clone(), session.user());
        Self { session, beside, memory, layouts: shared.layouts.clone() }
    }

    /// A reading call about one address book.
    async fn ask(&self, book: &str, method: &str, params: Vec<Json>) -> Result<Json, Error> {
        match self.session.read(method, params).await {
            Ok(value) => Ok(value),
            Err(error) => Err(self.book_error(book, error).await),
        }
    }

    /// What an error of a call about the whole book means. A refusal in words that are not known may well be "there is no such book" in
    /// the user's language.
    async fn book_error(&self, book: &str, error: horde::Error) -> Error {
        let horde::Error::Fault(text) = &error else { return fault::of_site(error) };
        if fault::is_book_gone(text) {
            return Error::ContainerGone;
        }
        match self.rights(book).await {
            Ok(Rights::None) => Error::ContainerGone,
            Ok(_) => fault::of_site(error),
            Err(error) => error,
        }
    }

    /// What the user may do in a book.
    async fn rights(&self, book: &str) -> Result<Rights, Error> {
        let calls = [false, true].map(|writable| call("contacts.sources", vec![json!(writable), json!(false)]));
        let answers = self.session.batch(calls.to_vec()).await.map_err(fault::of_site)?;
        let mut found = Vec::new();
        for answer in answers {
            found.push(names(answer.map_err(fault::of_site)?)?.iter().any(|(id, _)| id == book));
        }
        Ok(match found.as_slice() {
            [_, true] => Rights::Write,
            [true, _] => Rights::Read,
            _ => Rights::None,
        })
    }

    fn saw(&self, book: &str, answer: &Json) -> Result<u64, Error> {
        let modseq = number(answer).ok_or_else(|| fault::strange(CURSOR))?;
        self.memory.saw(book, modseq);
        Ok(modseq)
    }

    /// Drops what is kept for contacts that were deleted.
    async fn forget_kept(&self, uids: &[String]) {
        if uids.is_empty() {
            return;
        }
        let Ok(names) = self.beside.names() else { return };
        for uid in uids.iter().filter(|uid| names.contains(&Beside::name(uid))) {
            if let Err(error) = self.beside.remove(uid).await {
                log::warn!("contact {uid} is deleted, but what was kept for it is not: {error}");
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rights {
    None,
    Read,
    Write,
}

impl Source for Turba {
    fn class(&self) -> Class {
        Class::Contacts
    }

    async fn containers(&self) -> Result<Vec<Container>, Error> {
        let sources = |writable: bool| call("contacts.sources", vec![json!(writable), json!(false)]);
        let calls = vec![sources(false), sources(true), call("contacts.getDefaultShare", Vec::new())];
        let mut answers = self.session.batch(calls).await.map_err(fault::of_site)?.into_iter();
        let mut next = || answers.next().unwrap_or(Ok(Json::Null)).map_err(fault::of_site);
        let (all, writable, default) = (names(next()?)?, names(next()?)?, next()?);
        Ok(containers(all, &writable, default.as_str().unwrap_or_default()))
    }

    async fn cursor(&self, container: &str) -> Result<u64, Error> {
        let answer = self.ask(container, CURSOR, vec![json!(container)]).await?;
        self.saw(container, &answer)
    }

    async fn cursors(&self, containers: &[String]) -> Result<Vec<u64>, Error> {
        let calls = containers.iter().map(|container| call(CURSOR, vec![json!(container)])).collect();
        let answers = self.session.batch(calls).await.map_err(fault::of_site)?;
        let mut cursors = Vec::with_capacity(containers.len());
        for (container, answer) in containers.iter().zip(answers) {
            match answer {
                Ok(answer) => cursors.push(self.saw(container, &answer)?),
                Err(error) => return Err(self.book_error(container, error).await),
            }
        }
        Ok(cursors)
    }

    async fn changes(&self, container: &str, from: u64, to: u64) -> Result<Changes, Error> {
        if from == to {
            return Ok(Changes::default());
        }
        let method = "contacts.getChangesByModSeq";
        let answer = self.ask(container, method, vec![json!(from), json!(to), json!([container])]).await?;
        let list = |key: &str| match answer.get(key) {
            None if answer.as_array().is_some_and(Vec::is_empty) => Ok(Vec::new()),
            None => Err(fault::strange(method)),
            Some(list) => uids(list).ok_or_else(|| fault::strange(method)),
        };
        let changes = Changes { add: list("add")?, modify: list("modify")?, delete: list("delete")? };
        self.memory.moved(container, from, to, &changes);
        self.forget_kept(&changes.delete).await;
        Ok(changes)
    }

    async fn list(&self, container: &str, _: Scope) -> Result<Vec<String>, Error> {
        let method = "contacts.listUids";
        let answer = self.ask(container, method, vec![json!([container])]).await?;
        let mut list = uids(&answer).ok_or_else(|| fault::strange(method))?;
        let mut met = std::collections::HashSet::new();
        list.retain(|uid| met.insert(uid.clone()));
        self.memory.set_size(container, list.len());
        Ok(list)
    }

    async fn fetch(&self, container: &str, uids: &[String], ahead: &[String]) -> Result<Vec<Fetched>, Error> {
        self.fetch_items(container, uids, ahead).await
    }

    async fn add(&self, container: &str, wish: &str, item: &Properties) -> Result<String, Error> {
        self.add_item(container, wish, item).await
    }

    fn filled_in(&self) -> &'static [Tag] {
        &[contacts::FILE_AS]
    }

    async fn change(&self, container: &str, uid: &str, patch: &Patch) -> Result<(), Error> {
        self.change_item(container, uid, patch).await
    }

    async fn delete(&self, container: &str, uid: &str) -> Result<(), Error> {
        self.delete_item(container, uid).await
    }
}

/// What came back for one call of a batch.
type Answer = Result<Json, horde::Error>;

fn call(method: &str, params: Vec<Json>) -> Call {
    Call { method: method.to_owned(), params }
}

/// The answer of `contacts.sources`: (id, title) in Horde's order.
fn names(answer: Json) -> Result<Vec<(String, String)>, Error> {
    match answer {
        Json::Array(list) if list.is_empty() => Ok(Vec::new()),
        Json::Object(map) => {
            let titled = map.into_iter().map(|(id, title)| {
                let title = title.as_str().filter(|t| !t.is_empty()).unwrap_or(&id).to_owned();
                (id, title)
            });
            Ok(titled.filter(|(id, _)| id != FAVOURITES).collect())
        }
        _ => Err(fault::strange("contacts.sources")),
    }
}

/// The default first: the one that Horde names, else the first that can be written to, else the first.
fn containers(all: Vec<(String, String)>, writable: &[(String, String)], default: &str) -> Vec<Container> {
    let may_write = |id: &str| writable.iter().any(|(w, _)| w == id);
    let default = all.iter().position(|(id, _)| id == default);
    let default = default.or_else(|| all.iter().position(|(id, _)| may_write(id))).unwrap_or(0);
    let mut list: Vec<_> = all
        .into_iter()
        .enumerate()
        .map(|(n, (id, name))| Container { default: n == default, writable: may_write(&id), id, name })
        .collect();
    list.sort_by_key(|container| !container.default);
    list
}

fn uids(list: &Json) -> Option<Vec<String>> {
    let one = |uid: &Json| uid.as_str().map(str::to_owned).or_else(|| uid.as_u64().map(|n| n.to_string()));
    match list {
        Json::Array(list) => list.iter().map(one).collect(),
        // PHP writes an array whose keys have gaps as an object.
        Json::Object(map) => map.values().map(one).collect(),
        _ => None,
    }
}

/// A number, however PHP wrote it; a site without any history has none, which is 0.
fn number(answer: &Json) -> Option<u64> {
    match answer {
        Json::Null | Json::Bool(false) => Some(0),
        Json::String(text) if text.is_empty() => Some(0),
        Json::String(text) => text.parse().ok(),
        answer => answer.as_u64(),
    }
}

//! Contacts in Turba (`docs/mapping.md` says field by field what goes where).

mod cards;
mod country;
mod kept;
mod read;
mod table;
mod tags;
mod value;
mod write;

#[cfg(test)]
mod tests;

use serde_json::Value as Json;

pub use super::app::Shared;
use super::{
    Changes, Container, Error, Fetched, Source,
    app::{App, Manner},
    people::{self, People},
};
use crate::{
    horde::{Call, Session},
    proto::class::{Class, Patch, Properties, Scope},
    state::Beside,
    wbxml::{Tag, tag::contacts},
};

/// The virtual address book of people that the user writes to: no place for contacts.
const FAVOURITES: &str = "favourites";

pub(super) static MANNER: Manner = Manner { api: "contacts", bare: false, blind: false, guarded: true };

/// The address books of one user.
#[derive(Debug, Clone)]
pub struct Turba {
    pub(super) app: App,
    beside: Beside,
}

impl Turba {
    /// The contacts that the user of `session` sees. `beside` is that user's for contacts; `shared` is one for all users of the site.
    pub fn new(session: Session, beside: Beside, shared: &Shared) -> Self {
        Self { app: App::new(session, shared, &MANNER), beside }
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

impl Turba {
    /// Whom the user writes to, if that is what the container has.
    fn people(&self, container: &str) -> Option<People<'_>> {
        (container == people::ID).then_some(People { app: &self.app, beside: &self.beside })
    }

    /// Those of its address books that are folders.
    pub(super) fn served(mut books: Vec<Container>) -> Vec<Container> {
        books.retain(|book| book.id != FAVOURITES);
        books
    }
}

impl Source for Turba {
    fn class(&self) -> Class {
        Class::Contacts
    }

    async fn containers(&self) -> Result<Vec<Container>, Error> {
        Ok(Self::served(self.app.containers().await?))
    }

    async fn cursor(&self, container: &str) -> Result<u64, Error> {
        if let Some(people) = self.people(container) {
            return people.cursor().await;
        }
        self.app.cursor(container).await
    }

    async fn cursors(&self, containers: &[String]) -> Result<Vec<u64>, Error> {
        let Some(place) = containers.iter().position(|container| container == people::ID) else {
            return self.app.cursors(containers).await;
        };
        let (before, after) = containers.split_at(place);
        let books: Vec<String> = before.iter().chain(after.iter().skip(1)).cloned().collect();
        let mut cursors = self.app.cursors(&books).await?;
        cursors.insert(place, self.cursor(people::ID).await?);
        Ok(cursors)
    }

    async fn changes(&self, container: &str, from: u64, to: u64) -> Result<Changes, Error> {
        if let Some(people) = self.people(container) {
            return people.changes(from);
        }
        let changes = self.app.changes(container, from, to).await?;
        self.forget_kept(&changes.delete).await;
        Ok(changes)
    }

    async fn list(&self, container: &str, _: Scope) -> Result<Vec<String>, Error> {
        match self.people(container) {
            Some(people) => people.list().await,
            None => self.app.list_uids(container).await,
        }
    }

    async fn look(&self, container: &str, scope: Scope) -> Result<(u64, Vec<String>), Error> {
        match self.people(container) {
            Some(people) => Ok((people.cursor().await?, self.list(container, scope).await?)),
            None => self.app.look(container, vec![serde_json::json!([container])]).await,
        }
    }

    async fn fetch(&self, container: &str, uids: &[String], ahead: &[String]) -> Result<Vec<Fetched>, Error> {
        if let Some(people) = self.people(container) {
            return people.fetch(uids);
        }
        self.fetch_items(container, uids, ahead).await
    }

    async fn add(&self, container: &str, wish: &str, item: &Properties) -> Result<String, Error> {
        if container == people::ID {
            return Err(Error::Denied);
        }
        self.add_item(container, wish, item).await
    }

    fn filled_in(&self) -> &'static [Tag] {
        &[contacts::FILE_AS]
    }

    async fn change(&self, container: &str, uid: &str, patch: &Patch) -> Result<(), Error> {
        if container == people::ID {
            return Err(Error::Denied);
        }
        self.change_item(container, uid, patch).await
    }

    async fn delete(&self, container: &str, uid: &str) -> Result<(), Error> {
        if container == people::ID {
            return Err(Error::Denied);
        }
        self.delete_item(container, uid).await
    }
}

fn call(method: &str, params: Vec<Json>) -> Call {
    Call { method: method.to_owned(), params }
}

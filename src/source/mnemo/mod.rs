//! Notes in Mnemo (`docs/mapping.md` says what goes where).

mod plan;
mod read;
mod value;
mod write;

#[cfg(test)]
mod tests;

use super::{
    Changes, Container, Error, Fetched, Shared, Source,
    app::{App, Keep, Manner},
};
use crate::{
    horde::Session,
    proto::class::{Class, Patch, Properties, Scope},
    state::Beside,
    wbxml::{Tag, tag::notes as n},
};

pub(super) static MANNER: Manner = Manner { api: "notes", bare: true, blind: false, guarded: false };

/// The notepads of one user.
#[derive(Debug, Clone)]
pub struct Mnemo {
    pub(super) app: App,
    keep: Keep,
}

impl Mnemo {
    /// The notes that the user of `session` sees. `beside` is that user's for notes; `shared` is one for all users of the site.
    pub fn new(session: Session, beside: Beside, shared: &Shared) -> Self {
        Self { app: App::new(session, shared, &MANNER), keep: Keep::new(beside) }
    }
}

impl Source for Mnemo {
    fn class(&self) -> Class {
        Class::Notes
    }

    async fn containers(&self) -> Result<Vec<Container>, Error> {
        self.app.containers().await
    }

    async fn cursor(&self, container: &str) -> Result<u64, Error> {
        self.app.cursor(container).await
    }

    async fn cursors(&self, containers: &[String]) -> Result<Vec<u64>, Error> {
        self.app.cursors(containers).await
    }

    async fn changes(&self, container: &str, from: u64, to: u64) -> Result<Changes, Error> {
        self.app.check_readable(container).await?;
        let changes = self.app.changes(container, from, to).await?;
        self.keep.forget(&changes.delete).await;
        Ok(changes)
    }

    async fn list(&self, container: &str, _: Scope) -> Result<Vec<String>, Error> {
        self.read_list(container).await
    }

    async fn fetch(&self, container: &str, uids: &[String], ahead: &[String]) -> Result<Vec<Fetched>, Error> {
        self.fetch_items(container, uids, ahead).await
    }

    async fn add(&self, container: &str, _: &str, item: &Properties) -> Result<String, Error> {
        self.add_item(container, item).await
    }

    /// Mnemo gives every new note a uid of its own.
    fn grants_uids(&self) -> bool {
        false
    }

    fn filled_in(&self) -> &'static [Tag] {
        // None of them changes without the body.
        &[n::SUBJECT, n::LAST_MODIFIED_DATE, n::MESSAGE_CLASS]
    }

    async fn change(&self, container: &str, uid: &str, patch: &Patch) -> Result<(), Error> {
        self.change_item(container, uid, patch).await
    }

    async fn delete(&self, container: &str, uid: &str) -> Result<(), Error> {
        self.delete_item(container, uid).await
    }
}

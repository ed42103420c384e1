//! Tasks in Nag (`docs/mapping.md` says field by field what goes where).

mod plan;
mod read;
mod series;
mod task;
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
    wbxml::{Tag, tag::tasks as t},
};

pub(super) static MANNER: Manner = Manner { api: "tasks", bare: true, blind: false, guarded: false };

/// The task lists of one user.
#[derive(Debug, Clone)]
pub struct Nag {
    pub(super) app: App,
    keep: Keep,
}

impl Nag {
    /// The tasks that the user of `session` sees. `beside` is that user's for tasks; `shared` is one for all users of the site.
    pub fn new(session: Session, beside: Beside, shared: &Shared) -> Self {
        Self { app: App::new(session, shared, &MANNER), keep: Keep::new(beside) }
    }
}

impl Source for Nag {
    fn class(&self) -> Class {
        Class::Tasks
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

    async fn list(&self, container: &str, scope: Scope) -> Result<Vec<String>, Error> {
        let rows = self.read_list(container).await?;
        let wanted = rows.iter().filter(|(_, task)| scope != Scope::Incomplete || !task.completed);
        Ok(wanted.map(|(uid, _)| uid.clone()).collect())
    }

    async fn fetch(&self, container: &str, uids: &[String], ahead: &[String]) -> Result<Vec<Fetched>, Error> {
        self.fetch_items(container, uids, ahead).await
    }

    async fn add(&self, container: &str, wish: &str, item: &Properties) -> Result<String, Error> {
        self.add_item(container, wish, item).await
    }

    fn filled_in(&self) -> &'static [Tag] {
        // None of them changes without another that a phone sends.
        &[t::START_DATE, t::DUE_DATE, t::DATE_COMPLETED, t::REMINDER_SET]
    }

    async fn change(&self, container: &str, uid: &str, patch: &Patch) -> Result<(), Error> {
        self.change_item(container, uid, patch).await
    }

    async fn delete(&self, container: &str, uid: &str) -> Result<(), Error> {
        self.delete_item(container, uid).await
    }
}

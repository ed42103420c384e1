//! Events in Kronolith (`docs/mapping.md` says property by property what goes where).

mod bulk;
pub(in crate::source) mod home;
mod instances;
mod limits;
mod listed;
mod plan;
mod read;
mod repair;
mod text;
mod whole;
mod write;

#[cfg(test)]
mod tests;

use serde_json::{Value as Json, json};

use super::{
    Changes, Container, Error, Fetched, Shared, Source,
    app::{App, Keep, Manner},
};
use crate::{
    horde::Session,
    proto::class::{Class, Patch, Properties, Scope},
    state::Beside,
    wbxml::Tag,
};

pub(super) static MANNER: Manner = Manner { api: "calendar", bare: false, blind: true, guarded: false };

/// `calendar.listUids` from a moment on leaves out series whose last occurrence has begun before it, and those of which only a moved
/// occurrence is left: it is asked for so much more, seconds.
const MARGIN: i64 = 62 * 86400;

/// The calendars of one user.
#[derive(Debug, Clone)]
pub struct Kronolith {
    pub(super) app: App,
    keep: Keep,
}

impl Kronolith {
    /// The events that the user of `session` sees. `beside` is that user's for events; `shared` is one for all users of the site.
    pub fn new(session: Session, beside: Beside, shared: &Shared) -> Self {
        Self { app: App::new(session, shared, &MANNER), keep: Keep::new(beside) }
    }
}

impl Kronolith {
    /// Remembers which calendars there are.
    pub(super) fn seen(&self, calendars: Vec<Container>) -> Vec<Container> {
        let ids = calendars.iter().map(|calendar| calendar.id.clone()).collect();
        self.app.memory.set_fact::<Vec<String>>(&self.visible_fact(), ids);
        calendars
    }
}

/// From when on events are listed, seconds; 0: all are.
fn earliest(scope: Scope) -> i64 {
    match scope {
        Scope::Since(bound) => (bound - MARGIN).max(0),
        Scope::All | Scope::Incomplete => 0,
    }
}

/// Parameters of `calendar.listUids`.
fn listing(calendar: &str, from: i64) -> Vec<Json> {
    vec![json!([calendar]), json!(from), json!(0)]
}

impl Source for Kronolith {
    fn class(&self) -> Class {
        Class::Calendar
    }

    async fn containers(&self) -> Result<Vec<Container>, Error> {
        Ok(self.seen(self.app.containers().await?))
    }

    async fn cursor(&self, container: &str) -> Result<u64, Error> {
        self.app.cursor(container).await
    }

    async fn cursors(&self, containers: &[String]) -> Result<Vec<u64>, Error> {
        self.app.cursors(containers).await
    }

    async fn changes(&self, container: &str, from: u64, to: u64) -> Result<Changes, Error> {
        let changes = self.app.changes(container, from, to).await?;
        self.keep.forget(&changes.delete).await;
        Ok(changes)
    }

    async fn list(&self, container: &str, scope: Scope) -> Result<Vec<String>, Error> {
        let from = earliest(scope);
        let uids = self.app.list_uids_with(container, listing(container, from)).await?;
        self.outline(container, from, &uids);
        Ok(uids)
    }

    async fn look(&self, container: &str, scope: Scope) -> Result<(u64, Vec<String>), Error> {
        let from = earliest(scope);
        let (cursor, uids) = self.app.look(container, listing(container, from)).await?;
        self.outline(container, from, &uids);
        Ok((cursor, uids))
    }

    async fn fetch(&self, container: &str, uids: &[String], ahead: &[String]) -> Result<Vec<Fetched>, Error> {
        self.fetch_items(container, uids, ahead).await
    }

    async fn add(&self, container: &str, wish: &str, item: &Properties) -> Result<String, Error> {
        self.add_item(container, wish, item).await
    }

    fn filled_in(&self) -> &'static [Tag] {
        write::FILLED_IN
    }

    async fn change(&self, container: &str, uid: &str, patch: &Patch) -> Result<(), Error> {
        self.change_item(container, uid, patch).await
    }

    async fn delete(&self, container: &str, uid: &str) -> Result<(), Error> {
        self.delete_item(container, uid).await
    }
}

//! Events in Kronolith (`docs/mapping.md` says property by property what goes where).

mod dav;
mod fault;
mod home;
mod instances;
mod limits;
mod plan;
mod read;
mod repair;
mod text;
mod write;

#[cfg(test)]
mod tests;

use serde_json::{Value as Json, json};

pub use home::Shared;

use super::{Changes, Container, Error, Fetched, Source, cache::Memory};
use crate::{
    horde::{self, Call, Session},
    proto::class::{Class, Patch, Properties, Scope},
    state::Beside,
    wbxml::Tag,
};

/// Asks where the history of a calendar stands.
const CURSOR: &str = "calendar.getHighestModSeq";
/// `calendar.listUids` from a moment on leaves out series whose last occurrence has begun before it, and those of which only a moved
/// occurrence is left: it is asked for so much more, seconds.
const MARGIN: i64 = 62 * 86400;

/// The calendars of one user.
#[derive(Debug, Clone)]
pub struct Kronolith {
    session: Session,
    beside: Beside,
    memory: Memory,
    shared: Shared,
}

/// What the user may do with a calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rights {
    None,
    Read,
    Write,
}

impl Kronolith {
    /// The events that the user of `session` sees. `beside` is that user's for events; `shared` is one for all users of the site.
    pub fn new(session: Session, beside: Beside, shared: &Shared) -> Self {
        let memory = Memory::new(shared.rows.clone(), session.user());
        Self { session, beside, memory, shared: shared.clone() }
    }

    /// A reading call about one calendar. Kronolith answers for calendars of strangers as for empty ones: whether the user may see it is
    /// asked in the same go.
    async fn ask(&self, calendar: &str, method: &str, params: Vec<Json>) -> Result<Json, Error> {
        let mut answers = self.batch(vec![call(method, params), sources(false)]).await?.into_iter();
        let answer = answers.next().unwrap_or(Ok(Json::Null));
        let visible = self.visible(answers.next().unwrap_or(Ok(Json::Null)))?;
        if !visible.iter().any(|(id, _)| id == calendar) {
            return Err(Error::ContainerGone);
        }
        answer.map_err(fault::of_site)
    }

    async fn batch(&self, calls: Vec<Call>) -> Result<Vec<Answer>, Error> {
        self.session.batch(calls).await.map_err(fault::of_site)
    }

    /// Takes note of the calendars that the user sees.
    fn visible(&self, answer: Answer) -> Result<Vec<(String, String)>, Error> {
        let visible = names(answer.map_err(fault::of_site)?)?;
        self.shared.set_calendars(self.session.user(), visible.iter().map(|(id, _)| id.clone()).collect());
        Ok(visible)
    }

    async fn rights(&self, calendar: &str) -> Result<Rights, Error> {
        let mut answers = self.batch(vec![sources(false), sources(true)]).await?.into_iter();
        let visible = self.visible(answers.next().unwrap_or(Ok(Json::Null)))?;
        let writable = names(answers.next().unwrap_or(Ok(Json::Null)).map_err(fault::of_site)?)?;
        let among = |list: &[(String, String)]| list.iter().any(|(id, _)| id == calendar);
        Ok(match (among(&visible), among(&writable)) {
            (_, true) => Rights::Write,
            (true, _) => Rights::Read,
            _ => Rights::None,
        })
    }

    fn saw(&self, calendar: &str, answer: &Json) -> Result<u64, Error> {
        let modseq = number(answer).ok_or_else(|| fault::strange(CURSOR))?;
        self.memory.saw(calendar, modseq);
        Ok(modseq)
    }

    /// Drops what is kept for events that were deleted.
    async fn forget_kept(&self, uids: &[String]) {
        if uids.is_empty() {
            return;
        }
        let Ok(names) = self.beside.names() else { return };
        for uid in uids.iter().filter(|uid| names.contains(&Beside::name(uid))) {
            if let Err(error) = self.beside.remove(uid).await {
                log::warn!("event {uid} is deleted, but what was kept for it is not: {error}");
            }
        }
    }
}

impl Source for Kronolith {
    fn class(&self) -> Class {
        Class::Calendar
    }

    async fn containers(&self) -> Result<Vec<Container>, Error> {
        let calls = vec![sources(false), sources(true), call("calendar.getDefaultShare", Vec::new())];
        let mut answers = self.batch(calls).await?.into_iter();
        let mut next = || answers.next().unwrap_or(Ok(Json::Null));
        let all = self.visible(next())?;
        let writable = names(next().map_err(fault::of_site)?)?;
        let default = next().map_err(fault::of_site)?;
        Ok(containers(all, &writable, default.as_str().unwrap_or_default()))
    }

    async fn cursor(&self, container: &str) -> Result<u64, Error> {
        let answer = self.session.read(CURSOR, vec![json!(container)]).await.map_err(fault::of_site)?;
        self.saw(container, &answer)
    }

    async fn cursors(&self, containers: &[String]) -> Result<Vec<u64>, Error> {
        let calls = containers.iter().map(|container| call(CURSOR, vec![json!(container)])).collect();
        let answers = self.batch(calls).await?;
        let mut cursors = Vec::with_capacity(containers.len());
        for (container, answer) in containers.iter().zip(answers) {
            cursors.push(self.saw(container, &answer.map_err(fault::of_site)?)?);
        }
        Ok(cursors)
    }

    async fn changes(&self, container: &str, from: u64, to: u64) -> Result<Changes, Error> {
        if from == to {
            return Ok(Changes::default());
        }
        let method = "calendar.getChangesByModSeq";
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

    async fn list(&self, container: &str, scope: Scope) -> Result<Vec<String>, Error> {
        let method = "calendar.listUids";
        let from = match scope {
            Scope::Since(bound) => (bound - MARGIN).max(0),
            Scope::All | Scope::Incomplete => 0,
        };
        let answer = self.ask(container, method, vec![json!([container]), json!(from), json!(0)]).await?;
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
        write::FILLED_IN
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

fn sources(writable: bool) -> Call {
    call("calendar.sources", vec![json!(writable), json!(false)])
}

/// The answer of `calendar.sources`: (id, title) in Horde's order.
fn names(answer: Json) -> Result<Vec<(String, String)>, Error> {
    match answer {
        Json::Array(list) if list.is_empty() => Ok(Vec::new()),
        Json::Object(map) => Ok(map
            .into_iter()
            .map(|(id, title)| {
                let title = title.as_str().filter(|t| !t.is_empty()).unwrap_or(&id).to_owned();
                (id, title)
            })
            .collect()),
        _ => Err(fault::strange("calendar.sources")),
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

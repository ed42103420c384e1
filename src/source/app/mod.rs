//! What the applications of Horde have in common: containers with rights, and a history of what moved in them.

mod answer;
mod cache;
pub(super) mod fault;
mod keep;
pub(super) mod text;

use jiff::tz::TimeZone;
use serde_json::{Value as Json, json};

pub(super) use answer::{number, uids};
pub use cache::Shared;
pub(super) use cache::{Memory, Row, Rows};
pub(super) use keep::Keep;

use super::{Changes, Container, Error};
use crate::{
    convert::zone,
    horde::{self, Call, Session},
};

/// What came back for one call of a batch.
pub(super) type Answer = Result<Json, horde::Error>;

/// How an application answers.
#[derive(Debug)]
pub(super) struct Manner {
    /// Name of its API ("contacts").
    pub(super) api: &'static str,
    /// Whether `getChangesByModSeq` wants the bare id of the container: Nag and Mnemo look into a container named "Array" when they
    /// are given a list, and find nothing.
    pub(super) bare: bool,
    /// Whether it answers for containers that the user may not see as if they were empty, as Kronolith does.
    pub(super) blind: bool,
    /// Whether `getChangesByModSeq` wants the login of somebody who may see the container. The others tell anybody.
    pub(super) guarded: bool,
}

/// One application as one user sees it.
#[derive(Debug, Clone)]
pub(super) struct App {
    pub(super) session: Session,
    pub(super) memory: Memory,
    manner: &'static Manner,
}

/// The calls that list containers. An application makes a new user's default container when it is first asked for anything; asked several
/// things at the same moment it makes several.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) first: Call,
    /// Only when the first has its answer.
    pub(super) then: Vec<Call>,
}

/// What the user may do in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rights {
    None,
    Read,
    Write,
}

impl App {
    pub(super) fn new(session: Session, shared: &Shared, manner: &'static Manner) -> Self {
        let memory = Memory::new(shared.clone(), session.user(), manner.api);
        Self { session, memory, manner }
    }

    /// The full name of a method of this application.
    pub(super) fn method(&self, name: &str) -> String {
        format!("{}.{name}", self.manner.api)
    }

    pub(super) fn call(&self, name: &str, params: Vec<Json>) -> Call {
        Call { method: self.method(name), params }
    }

    pub(super) fn strange(&self, name: &str) -> Error {
        fault::strange(&self.method(name))
    }

    /// A reading call about one container.
    pub(super) async fn ask(&self, container: &str, name: &str, params: Vec<Json>) -> Result<Json, Error> {
        if self.manner.blind {
            return self.ask_the_blind(container, name, params).await;
        }
        self.ask_plainly(container, name, params).await
    }

    /// Whether the user may see the container is asked in the same go.
    async fn ask_the_blind(&self, container: &str, name: &str, params: Vec<Json>) -> Result<Json, Error> {
        let mut answers = self.batch(vec![self.call(name, params), self.sources(false)]).await?.into_iter();
        let (answer, visible) = (next(&mut answers), self.names(next(&mut answers))?);
        if !visible.iter().any(|(id, _)| id == container) {
            return Err(Error::ContainerGone);
        }
        answer.map_err(fault::of_site)
    }

    async fn ask_plainly(&self, container: &str, name: &str, params: Vec<Json>) -> Result<Json, Error> {
        match self.session.read(&self.method(name), params).await {
            Ok(value) => Ok(value),
            Err(error) => Err(self.container_error(container, error).await),
        }
    }

    /// Several reading calls; errors of single ones are in the results.
    pub(super) async fn batch(&self, calls: Vec<Call>) -> Result<Vec<Answer>, Error> {
        self.session.batch(calls).await.map_err(fault::of_site)
    }

    /// What an error of a call about the whole container means. A refusal in words that are not known may well be "there is no such
    /// container" in the user's language.
    pub(super) async fn container_error(&self, container: &str, error: horde::Error) -> Error {
        let horde::Error::Fault(text) = &error else { return fault::of_site(error) };
        if fault::is_container_gone(text) {
            return Error::ContainerGone;
        }
        match self.rights(container).await {
            Ok(Rights::None) => Error::ContainerGone,
            Ok(_) => fault::of_site(error),
            Err(error) => error,
        }
    }

    /// What the user may do in a container.
    pub(super) async fn rights(&self, container: &str) -> Result<Rights, Error> {
        let mut found = Vec::new();
        for answer in self.batch([false, true].map(|writable| self.sources(writable)).to_vec()).await? {
            let names = self.names(answer)?;
            found.push(names.iter().any(|(id, _)| id == container));
        }
        Ok(match found.as_slice() {
            [_, true] => Rights::Write,
            [true, _] => Rights::Read,
            _ => Rights::None,
        })
    }

    /// Why a write to a container was refused, if it is for want of rights.
    pub(super) async fn check_writable(&self, container: &str) -> Result<(), Error> {
        match self.rights(container).await? {
            Rights::None => Err(Error::ContainerGone),
            Rights::Read => Err(Error::Denied),
            Rights::Write => Ok(()),
        }
    }

    /// Why a write to an item was refused: "not found" and "not allowed" look alike.
    pub(super) async fn item_error(&self, container: &str, uid: &str, text: String) -> Error {
        if let Err(error) = self.check_writable(container).await {
            return error;
        }
        match self.list_uids(container).await {
            Err(error) => error,
            Ok(uids) if !uids.iter().any(|u| u == uid) => Error::NotFound,
            Ok(_) => Error::Refused(text),
        }
    }

    /// All containers that the user may see, the default one first.
    pub(super) async fn containers(&self) -> Result<Vec<Container>, Error> {
        let Listing { first, mut then } = self.listing();
        // Whoever lists the containers reads them next.
        then.extend(self.zone_question());
        let mut phases = self.session.sweep(vec![vec![first], then]).await.map_err(fault::of_site)?.into_iter();
        let (mut first, mut then) =
            (phases.next().unwrap_or_default().into_iter(), phases.next().unwrap_or_default().into_iter());
        let containers = self.listed(&mut first, &mut then)?;
        self.take_zone(then.next());
        Ok(containers)
    }

    /// The call that asks for the user's time zone, unless it is known.
    pub(super) fn zone_question(&self) -> Option<Call> {
        self.known_zone().is_none().then(zone_of_user)
    }

    /// Takes the answer to [`App::zone_question`], if it was asked.
    pub(super) fn take_zone(&self, answer: Option<Answer>) {
        if let Some(Ok(zone)) = answer {
            self.learn_zone(&zone);
        }
    }

    /// The calls whose answers [`App::listed`] reads.
    pub(super) fn listing(&self) -> Listing {
        let then = vec![self.sources(true), self.call("getDefaultShare", Vec::new())];
        Listing { first: self.sources(false), then }
    }

    /// All containers that the user may see, the default one first, from the next answers to the first calls and to the others.
    pub(super) fn listed(
        &self,
        first: &mut impl Iterator<Item = Answer>,
        then: &mut impl Iterator<Item = Answer>,
    ) -> Result<Vec<Container>, Error> {
        // All of its answers are taken, whatever they are: the next ones are another application's.
        let [all, writable, default] = [next(first), next(then), next(then)];
        let (all, writable) = (self.names(all)?, self.names(writable)?);
        let default = default.map_err(fault::of_site)?;
        Ok(answer::containers(all, &writable, default.as_str().unwrap_or_default()))
    }

    /// Where the history of a container stands.
    pub(super) async fn cursor(&self, container: &str) -> Result<u64, Error> {
        let answer = self.ask_plainly(container, CURSOR, vec![json!(container)]).await?;
        self.saw(container, &answer)
    }

    /// Where the histories of several containers stand.
    pub(super) async fn cursors(&self, containers: &[String]) -> Result<Vec<u64>, Error> {
        let calls = containers.iter().map(|container| self.call(CURSOR, vec![json!(container)])).collect();
        let mut cursors = Vec::with_capacity(containers.len());
        for (container, answer) in containers.iter().zip(self.batch(calls).await?) {
            match answer {
                Ok(answer) => cursors.push(self.saw(container, &answer)?),
                Err(error) => return Err(self.container_error(container, error).await),
            }
        }
        Ok(cursors)
    }

    /// What moved in a container.
    pub(super) async fn changes(&self, container: &str, from: u64, to: u64) -> Result<Changes, Error> {
        if from == to {
            return Ok(Changes::default());
        }
        let name = "getChangesByModSeq";
        let place = if self.manner.bare { json!(container) } else { json!([container]) };
        let answer = self.ask(container, name, vec![json!(from), json!(to), place]).await?;
        let list = |key: &str| match answer.get(key) {
            None if answer.as_array().is_some_and(Vec::is_empty) => Ok(Vec::new()),
            None => Err(self.strange(name)),
            Some(list) => uids(list).ok_or_else(|| self.strange(name)),
        };
        let changes = Changes { add: list("add")?, modify: list("modify")?, delete: list("delete")?, lost: false };
        self.memory.moved(container, from, to, &changes);
        Ok(changes)
    }

    /// uids of all items of a container, each once.
    pub(super) async fn list_uids(&self, container: &str) -> Result<Vec<String>, Error> {
        self.list_uids_with(container, vec![json!([container])]).await
    }

    /// uids of the items that `listUids` gives for these parameters, each once.
    pub(super) async fn list_uids_with(&self, container: &str, params: Vec<Json>) -> Result<Vec<String>, Error> {
        let answer = self.ask(container, LISTING, params).await?;
        self.listed_uids(container, &answer)
    }

    /// Where the history of a container stands, and after that [`App::list_uids_with`].
    pub(super) async fn look(&self, container: &str, params: Vec<Json>) -> Result<(u64, Vec<String>), Error> {
        let mut then = vec![self.call(LISTING, params)];
        if self.manner.blind {
            then.push(self.sources(false));
        }
        let phases = vec![vec![self.call(CURSOR, vec![json!(container)])], then];
        let mut answers = self.session.sweep(phases).await.map_err(fault::of_site)?.into_iter().flatten();
        let (cursor, list) = (next(&mut answers), next(&mut answers));
        if self.manner.blind && !self.names(next(&mut answers))?.iter().any(|(id, _)| id == container) {
            return Err(Error::ContainerGone);
        }
        match (cursor, list) {
            (Ok(cursor), Ok(list)) => Ok((self.saw(container, &cursor)?, self.listed_uids(container, &list)?)),
            (Err(error), _) | (_, Err(error)) => Err(self.container_error(container, error).await),
        }
    }

    fn listed_uids(&self, container: &str, answer: &Json) -> Result<Vec<String>, Error> {
        let mut list = uids(answer).ok_or_else(|| self.strange(LISTING))?;
        let mut met = std::collections::HashSet::new();
        list.retain(|uid| met.insert(uid.clone()));
        self.memory.set_size(container, list.len());
        Ok(list)
    }

    /// The time zone in which Horde shows dates to this user. One who has chosen none has that of PHP's configuration, which no call
    /// tells; this machine's is taken for it.
    pub(super) async fn zone(&self) -> Result<TimeZone, Error> {
        if let Some(zone) = self.known_zone() {
            return Ok(zone);
        }
        let Call { method, params } = zone_of_user();
        let answer = self.session.read(&method, params).await.map_err(fault::of_site)?;
        Ok(self.learn_zone(&answer))
    }

    fn zone_fact(&self) -> String {
        format!("zone of {}", self.session.user())
    }

    fn known_zone(&self) -> Option<TimeZone> {
        self.memory.fact::<TimeZone>(&self.zone_fact()).map(|zone| (*zone).clone())
    }

    fn learn_zone(&self, answer: &Json) -> TimeZone {
        let zone = answer.as_str().and_then(zone::named).unwrap_or_else(TimeZone::system);
        (*self.memory.set_fact(&self.zone_fact(), zone)).clone()
    }

    /// Refuses a container that the user may not see, for calls of Horde that do not check that themselves. Believed for ten minutes.
    pub(super) async fn check_readable(&self, container: &str) -> Result<(), Error> {
        if self.memory.fact::<()>(&self.seen(container)).is_none() && self.rights(container).await? == Rights::None {
            return Err(Error::ContainerGone);
        }
        Ok(())
    }

    fn seen(&self, container: &str) -> String {
        format!("{} sees {}/{container}", self.session.user(), self.manner.api)
    }

    pub(super) fn sources(&self, writable: bool) -> Call {
        self.call("sources", vec![json!(writable), json!(false)])
    }

    pub(super) fn names(&self, answer: Answer) -> Result<Vec<(String, String)>, Error> {
        let names = answer::names(&answer.map_err(fault::of_site)?).ok_or_else(|| self.strange("sources"))?;
        names.iter().for_each(|(id, _)| drop(self.memory.set_fact(&self.seen(id), ())));
        Ok(names)
    }

    fn saw(&self, container: &str, answer: &Json) -> Result<u64, Error> {
        let modseq = number(answer).ok_or_else(|| self.strange(CURSOR))?;
        self.memory.saw(container, modseq);
        Ok(modseq)
    }
}

/// The next answer of a batch; one that lacks is nothing.
fn next(answers: &mut impl Iterator<Item = Answer>) -> Answer {
    answers.next().unwrap_or(Ok(Json::Null))
}

fn zone_of_user() -> Call {
    Call { method: "horde.getPreference".to_owned(), params: vec![json!("horde"), json!("timezone")] }
}

const CURSOR: &str = "getHighestModSeq";
const LISTING: &str = "listUids";

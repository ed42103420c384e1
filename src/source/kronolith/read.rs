//! Reading events in few PHP requests: by XML-RPC, where the site has it, the most of a calendar at once (0.3 ms per event, `bulk`) and the rest
//! by multiCall of exports (1 ms), else many with all of their calendar (0.5 ms, `whole`), else by exports side by side (17 ms).

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde_json::{Value as Json, json};

use super::{Kronolith, home, repair};
use crate::{
    convert::ical::{self, Home},
    horde::{self, Call},
    proto::class::{Properties, Scope, Value},
    source::{
        Error, Fetched, Source,
        app::{Answer, Memory, Rows},
    },
    wbxml::tag::{air_sync_base as b, calendar as c},
};

/// Most events read at a time beyond those that are wanted: two of Horde's multiCalls, side by side.
const AHEAD: usize = 500;
/// More calls than this are worth two requests side by side.
const HALVE: usize = 40;

/// What was found out about an event.
#[derive(Debug, Clone)]
pub(super) enum Got {
    Event(Box<ical::Event>),
    Missing,
    Broken(String),
}

/// An event as it is now, for a change.
#[derive(Debug)]
pub(super) struct Now {
    pub(super) event: ical::Event,
    /// As Horde wrote it.
    pub(super) text: String,
    pub(super) home: Arc<Home>,
    /// Another calendar of the user has an event of this uid: what names an event by its uid may mean that one.
    pub(super) twin: bool,
}

impl Kronolith {
    pub(super) async fn fetch_items(
        &self,
        calendar: &str,
        uids: &[String],
        ahead: &[String],
    ) -> Result<Vec<Fetched>, Error> {
        let mut rows: Rows = self.app.memory.rows(calendar, uids.iter());
        let wanted = Memory::lacking(&rows, uids.iter());
        let mut rest = HashMap::new();
        if !wanted.is_empty() {
            rows.extend(self.app.memory.rows(calendar, ahead.iter()));
            let lacking = Memory::lacking(&rows, uids.iter().chain(ahead)).len();
            if self.is_read_whole(calendar, lacking).await {
                rows.extend(self.whole(calendar).await?);
            }
            // The first events are to be on the phone soon; whoever comes again gets the more.
            let is_warm = self.app.memory.is_warm(calendar);
            self.begin_bulk(calendar, &wanted, lacking).await?;
            let underway = self.arrived(calendar, &wanted).await;
            let more = if is_warm && !underway { AHEAD } else { 0 };
            rows.extend(self.app.memory.rows(calendar, uids.iter().chain(ahead)));
            let mut single = Memory::lacking(&rows, wanted.iter().chain(ahead));
            single.truncate(Memory::lacking(&rows, wanted.iter()).len().max(more));
            let (read, others) = self.read_single(calendar, single).await?;
            rows.extend(read);
            rest = others;
        }
        let names = self.keep.names()?;
        let mut items = Vec::with_capacity(uids.len());
        for uid in uids {
            items.push(match (rows.get(uid), rest.remove(uid)) {
                (Some(row), _) => match self.keep.get_among(&names, uid) {
                    Ok(kept) => Fetched::Item(kept.merge(row)),
                    Err(reason) => Fetched::Broken(reason),
                },
                (None, Some(Got::Broken(reason))) => Fetched::Broken(reason),
                (None, _) => Fetched::Missing,
            });
        }
        Ok(items)
    }

    /// Reads events one by one, and keeps them; those that are none come apart.
    pub(super) async fn read_single(
        &self,
        calendar: &str,
        uids: Vec<String>,
    ) -> Result<(Rows, HashMap<String, Got>), Error> {
        let (mut rows, mut others) = (Rows::new(), HashMap::new());
        if uids.is_empty() {
            return Ok((rows, others));
        }
        let read_at = self.app.memory.seen(calendar);
        for (uid, got) in self.read(calendar, uids).await? {
            match got {
                Got::Event(event) => drop(rows.insert(uid, Arc::new(event.item))),
                other => drop(others.insert(uid, other)),
            }
        }
        self.app.memory.keep(calendar, read_at, &rows);
        Ok((rows, others))
    }

    /// Reads events, each of them told about.
    async fn read(&self, calendar: &str, uids: Vec<String>) -> Result<Vec<(String, Got)>, Error> {
        let exports = uids.iter().map(|uid| self.export(uid, calendar)).collect();
        let (home, answers) = self.with_home(exports).await?;
        let mut results: Vec<(String, Got)> =
            uids.into_iter().zip(answers).map(|(uid, answer)| (uid, understood(answer, &home))).collect();
        if results.iter().any(|(_, got)| matches!(got, Got::Missing)) {
            // Not found and not allowed look alike: whoever is in the listing is there.
            let there: HashSet<String> = self.list(calendar, Scope::All).await?.into_iter().collect();
            for (uid, got) in results.iter_mut().filter(|(uid, got)| matches!(got, Got::Missing) && there.contains(uid))
            {
                *got = Got::Broken(format!("{uid} is in the calendar, but Kronolith does not give it out"));
            }
        }
        Ok(results)
    }

    /// Makes reading calls, with the questions about the user among them when they have to be asked.
    pub(super) async fn with_home(&self, mut calls: Vec<Call>) -> Result<(Arc<Home>, Vec<Answer>), Error> {
        let known = self.known_home();
        let count = calls.len();
        if known.is_none() {
            calls.extend(home::calls());
        }
        let later = if count > HALVE { calls.split_off(count / 2) } else { Vec::new() };
        let (mut answers, more) = match later.is_empty() {
            true => (self.app.batch(calls).await?, Vec::new()),
            false => tokio::try_join!(self.app.batch(calls), self.app.batch(later))?,
        };
        answers.extend(more);
        let about_user = answers.split_off(count.min(answers.len()));
        let home = match known {
            Some(home) => home,
            None => self.learn_home(&about_user),
        };
        Ok((home, answers))
    }

    pub(super) fn export(&self, uid: &str, calendar: &str) -> Call {
        self.app.call("export", vec![json!(uid), json!("text/calendar"), json!([]), json!([calendar])])
    }

    /// The event as it is now, past all memory.
    pub(super) async fn now(&self, calendar: &str, uid: &str) -> Result<Now, Error> {
        let mut calls = vec![self.export(uid, calendar)];
        let others = self.visible().await?;
        calls.extend(others.iter().filter(|other| *other != calendar).map(|other| self.export(uid, other)));
        let (home, mut answers) = self.with_home(calls).await?;
        let twin = answers.split_off(1.min(answers.len())).iter().any(Result::is_ok);
        let answer = answers.pop().unwrap_or(Ok(Json::Null));
        let text = answer.as_ref().ok().and_then(Json::as_str).unwrap_or_default().to_owned();
        match understood(answer, &home) {
            Got::Event(event) => Ok(Now { event: *event, text, home, twin }),
            Got::Broken(reason) => Err(Error::Refused(reason)),
            Got::Missing if self.list(calendar, Scope::All).await?.iter().any(|there| there == uid) => {
                Err(Error::Refused(format!("{uid} is in the calendar, but Kronolith does not give it out")))
            }
            Got::Missing => Err(Error::NotFound),
        }
    }
}

pub(super) fn understood(answer: Answer, home: &Home) -> Got {
    match answer {
        Ok(Json::String(text)) => match ical::read(&text, home) {
            Ok(mut event) => {
                let zone = event.zone.clone().unwrap_or_else(|| home.zone.clone());
                repair::exceptions(&mut event.item, &zone);
                forget_stamps(&mut event.item);
                forget_coordinates(&mut event.item);
                Got::Event(Box::new(event))
            }
            Err(error) => Got::Broken(format!("Kronolith's iCalendar is none: {error:?}")),
        },
        Ok(_) => Got::Broken("Kronolith gave no text for it".to_owned()),
        Err(horde::Error::Fault(_)) => Got::Missing,
        Err(error) => Got::Broken(error.to_string()),
    }
}

/// Coordinates are kept beside, as only exports have them, and only of a Horde that is told to store them.
fn forget_coordinates(item: &mut Properties) {
    let forget = |item: &mut Properties| {
        if let Some(Value::Group(place)) = item.0.get_mut(&b::LOCATION) {
            [b::LATITUDE, b::LONGITUDE].iter().for_each(|tag| drop(place.0.remove(tag)));
        }
    };
    forget(item);
    if item.group(b::LOCATION).is_some_and(|place| place.0.is_empty()) {
        item.0.remove(&b::LOCATION);
    }
    if let Some(Value::Groups(exceptions)) = item.0.get_mut(&c::EXCEPTIONS) {
        exceptions.iter_mut().for_each(forget);
    }
}

/// When an exception was written says nothing about it: Kronolith writes all of them anew.
fn forget_stamps(item: &mut Properties) {
    if let Some(Value::Groups(exceptions)) = item.0.get_mut(&c::EXCEPTIONS) {
        exceptions.iter_mut().for_each(|exception| drop(exception.0.remove(&c::DT_STAMP)));
    }
}

//! Reading notes: one vNote each, many in one request (1 to 2 ms a note).

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde_json::{Value as Json, json};

use super::{
    Mnemo,
    value::{Note, item_of},
};
use crate::{
    convert::vnote,
    horde::{self, Call},
    source::{
        Error, Fetched,
        app::{Answer, Memory, Rights, Rows, fault, uids},
    },
};

/// Most notes read in one go beyond those that are wanted now.
const AHEAD: usize = 500;
/// How the body of a note begins that Mnemo cannot read: it exports its own exception.
const EXCEPTION: &str = "Mnemo_Exception";

/// What was found out about a note.
#[derive(Debug, Clone)]
pub(super) enum Got {
    Note(Arc<Note>),
    Missing,
    Broken(String),
}

impl Mnemo {
    /// uids of all notes. Mnemo tells them to anybody who knows the id of the notepad, and says "no notes" of one that does not exist.
    pub(super) async fn read_list(&self, notepad: &str) -> Result<Vec<String>, Error> {
        self.app.check_readable(notepad).await?;
        let list = self.app.list_uids(notepad).await?;
        self.check_empty(notepad, list.is_empty()).await?;
        Ok(list)
    }

    async fn check_empty(&self, notepad: &str, empty: bool) -> Result<(), Error> {
        if empty && self.app.rights(notepad).await? == Rights::None { Err(Error::ContainerGone) } else { Ok(()) }
    }

    pub(super) async fn fetch_items(
        &self,
        notepad: &str,
        uids: &[String],
        ahead: &[String],
    ) -> Result<Vec<Fetched>, Error> {
        self.app.check_readable(notepad).await?;
        let mut rows = self.app.memory.rows::<Note>(notepad, uids.iter().chain(ahead));
        let wanted = Memory::lacking(&rows, uids.iter());
        let mut rest = HashMap::new();
        if !wanted.is_empty() {
            let mut all = Memory::lacking(&rows, uids.iter().chain(ahead));
            all.truncate(wanted.len().saturating_add(AHEAD));
            for (uid, got) in self.read_some(notepad, &all).await? {
                match got {
                    Got::Note(note) => drop(rows.insert(uid, note)),
                    Got::Broken(reason) => drop(rest.insert(uid, reason)),
                    Got::Missing => {}
                }
            }
        }
        let names = self.keep.names()?;
        let present = |uid: &String| match (rows.get(uid), rest.get(uid)) {
            (Some(note), _) => match self.keep.get_among(&names, uid) {
                Ok(kept) => Fetched::Item(kept.merge(&item_of(note))),
                Err(reason) => Fetched::Broken(reason),
            },
            (None, Some(reason)) => Fetched::Broken(reason.clone()),
            (None, None) => Fetched::Missing,
        };
        Ok(uids.iter().map(present).collect())
    }

    /// One note.
    pub(super) async fn note(&self, notepad: &str, uid: &str) -> Result<Got, Error> {
        self.app.check_readable(notepad).await?;
        let uids = [uid.to_owned()];
        if let Some(note) = self.app.memory.rows(notepad, uids.iter()).remove(uid) {
            return Ok(Got::Note(note));
        }
        let got = self.read_some(notepad, &uids).await?;
        Ok(got.into_iter().next().map_or(Got::Missing, |(_, got)| got))
    }

    /// Reads notes now, each of them told about. A note of another notepad is missing here.
    async fn read_some(&self, notepad: &str, wanted: &[String]) -> Result<Vec<(String, Got)>, Error> {
        let read_at = self.app.memory.seen(notepad);
        let listing = self.app.call("listUids", vec![json!([notepad])]);
        let calls = std::iter::once(listing).chain(wanted.iter().map(|uid| self.export(uid, "text/x-vnote")));
        let mut answers = self.app.batch(calls.collect()).await?.into_iter();
        let there: HashSet<String> = match answers.next() {
            Some(Ok(list)) => uids(&list).ok_or_else(|| self.app.strange("listUids"))?.into_iter().collect(),
            Some(Err(error)) => return Err(self.app.container_error(notepad, error).await),
            None => return Err(self.app.strange("listUids")),
        };
        self.check_empty(notepad, there.is_empty()).await?;
        let mut rows = Rows::new();
        let mut results = Vec::with_capacity(wanted.len());
        let mut doubtful = Vec::new();
        for (uid, answer) in wanted.iter().zip(answers) {
            let got = if there.contains(uid) { put_together(answer) } else { Got::Missing };
            match &got {
                Got::Note(note) if note.text.starts_with(EXCEPTION) => doubtful.push(uid.clone()),
                Got::Note(note) => drop(rows.insert(uid.clone(), Arc::clone(note))),
                _ => {}
            }
            results.push((uid.clone(), got));
        }
        let broken = self.unreadable(&doubtful).await?;
        for (uid, got) in &mut results {
            if let Some(reason) = broken.get(uid) {
                *got = Got::Broken(reason.clone());
            }
        }
        self.app.memory.keep(notepad, read_at, &rows);
        Ok(results)
    }

    /// Which of these notes Mnemo cannot read, and why. One whose text only looks like an exception is given out as plain text.
    async fn unreadable(&self, doubtful: &[String]) -> Result<HashMap<String, String>, Error> {
        let mut broken = HashMap::new();
        if doubtful.is_empty() {
            return Ok(broken);
        }
        let calls = doubtful.iter().map(|uid| self.export(uid, "text/plain")).collect();
        for (uid, answer) in doubtful.iter().zip(self.app.batch(calls).await?) {
            match answer {
                Ok(Json::String(text)) if text.starts_with(EXCEPTION) => {}
                Ok(_) => drop(broken.insert(uid.clone(), "its text cannot be read".to_owned())),
                Err(horde::Error::Fault(text) | horde::Error::Fatal(text)) => {
                    broken.insert(uid.clone(), format!("the note is encrypted or cannot be read: {text}"));
                }
                Err(error) => return Err(fault::of_site(error)),
            }
        }
        Ok(broken)
    }

    fn export(&self, uid: &str, form: &str) -> Call {
        self.app.call("export", vec![json!(uid), json!(form)])
    }
}

fn put_together(answer: Answer) -> Got {
    match answer {
        Ok(text) => match text.as_str().and_then(vnote::read) {
            Some(note) => Got::Note(Arc::new(note.into())),
            None => Got::Broken("its vNote cannot be read".into()),
        },
        Err(error) => Got::Broken(error.to_string()),
    }
}

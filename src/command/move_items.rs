//! MoveItems: mails into another folder (MS-ASCMD 2.2.1.12).
//!
//! What was moved is remembered before the answer leaves, so that a repeated request gets the same answer; what was about to be moved before the
//! mail server is asked, with what the mail looks like, so that it is found in the other folder should the program be stopped between the two.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    Context, Reply, folder_sync,
    remembered::{recall, remember},
    sources::mail_of,
    unix_time,
};
use crate::{
    error::Error,
    proto::{
        Version,
        class::{Class, Properties, View},
        move_items::{Move, Outcome, Request, Response},
    },
    source::{
        self, Fetched, Mail, Role, Want,
        mail::{Field, Query},
    },
    state::Locked,
    sync::{self, Folder, Hierarchy, Place},
    wbxml::tag::email as e,
};

/// Status values (MS-ASCMD 2.2.3.177.10).
mod status {
    pub(super) const NO_SOURCE: u16 = 1;
    pub(super) const NO_TARGET: u16 = 2;
    pub(super) const MOVED: u16 = 3;
    pub(super) const SAME: u16 = 4;
    pub(super) const CANNOT: u16 = 5;
    pub(super) const LOCKED: u16 = 7;
}

const JOURNAL: &str = "moves";

/// So many moves are remembered.
const REMEMBERED: usize = 1000;

/// So many mails that look alike are looked at to find one that was moved.
const LOOKED_AT: usize = 50;

/// Device types that keep showing a mail that they have moved, under its new id, and show it twice when they are told of it.
const RENAMING: [&str; 1] = ["WindowsOutlook"];

/// What was moved, or was about to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    item: String,
    to: String,
    /// New ServerId; `None`: it is not known whether it was moved.
    moved: Option<String>,
    looks: Looks,
}

/// What a mail looks like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Looks {
    subject: String,
    from: String,
    to: String,
    received: String,
}

impl Looks {
    fn of(mail: &Properties) -> Self {
        let text = |tag| mail.text(tag).unwrap_or_default().to_owned();
        Self { subject: text(e::SUBJECT), from: text(e::FROM), to: text(e::TO), received: text(e::DATE_RECEIVED) }
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
struct Asker<'a> {
    locked: &'a Locked,
    device_type: &'a str,
    version: Version,
    /// Seconds since 1970.
    now: u64,
}

/// One move that can be tried.
struct Job<'a> {
    at: usize,
    item: &'a str,
    uid: String,
    to: &'a str,
}

/// Carries the command out.
///
/// # Errors
/// The request is malformed, or the mail server or the state cannot be had; the same request again moves nothing twice.
pub async fn run(ctx: &Context, body: Bytes) -> Result<Reply, Error> {
    let request = Request::read(&body)?;
    let locked = ctx.device.lock().await?;
    let mail = mail_of(ctx).await?;
    let device_type = &ctx.query.device_type;
    let asker = Asker { locked: &locked, device_type, version: ctx.version, now: unix_time() };
    let results = answer(asker, mail.as_ref(), &request.moves).await?;
    Ok(Reply::document(Response { results }.write()))
}

async fn answer<M: Mail>(asker: Asker<'_>, mail: Option<&M>, moves: &[Move]) -> Result<Vec<Outcome>, Error> {
    let locked = asker.locked;
    let hierarchy = Hierarchy::load(&mut locked.journal(folder_sync::JOURNAL)?)?;
    let mut known: Vec<Known> = recall(locked, JOURNAL)?.unwrap_or_default();
    let outcome = |one: &Move, status| Outcome { item: one.item.clone(), status, moved: None };
    let mut results: Vec<Outcome> = moves.iter().map(|one| outcome(one, status::CANNOT)).collect();
    // All that go the same way are moved at once.
    let mut ways: BTreeMap<(&str, &str), Vec<Job<'_>>> = BTreeMap::new();
    for ((at, one), result) in moves.iter().enumerate().zip(&mut results) {
        let earlier = known.iter().rev().find(|k| k.item == one.item && Some(&k.to) == one.to.as_ref());
        if let Some(moved) = earlier.and_then(|known| known.moved.clone()) {
            (result.status, result.moved) = (status::MOVED, Some(moved));
            continue;
        }
        match check(locked, hierarchy.as_ref(), one)? {
            Ok((uid, to)) => ways.entry((&one.from, to)).or_default().push(Job { at, item: &one.item, uid, to }),
            Err(status) => result.status = status,
        }
    }
    let (Some(mail), Some(hierarchy)) = (mail, &hierarchy) else { return Ok(results) };
    for ((from, to), jobs) in ways {
        let (Some(source), Some(target)) = (hierarchy.folder(from), hierarchy.folder(to)) else { continue };
        let way = Way { asker, mail, from, source, to, target };
        for (job, (status, moved)) in jobs.iter().zip(way.go(&jobs, &mut known).await?) {
            if let Some(result) = results.get_mut(job.at) {
                (result.status, result.moved) = (status, moved);
            }
        }
    }
    Ok(results)
}

/// uid of the mail and id of the folder into which it goes, or the status for what cannot be tried.
fn check<'a>(
    locked: &Locked,
    hierarchy: Option<&Hierarchy>,
    one: &'a Move,
) -> Result<Result<(String, &'a str), u16>, Error> {
    let folder = |id: &str| hierarchy.and_then(|hierarchy| hierarchy.folder(id));
    let Some(source) = folder(&one.from) else { return Ok(Err(status::NO_SOURCE)) };
    let Some(to) = &one.to else { return Ok(Err(status::CANNOT)) };
    let Some(target) = folder(to) else { return Ok(Err(status::NO_TARGET)) };
    if one.from == *to {
        return Ok(Err(status::SAME));
    }
    if source.class != Class::Email {
        return Ok(Err(status::CANNOT));
    }
    let closed = |folder: &Folder| !folder.writable || matches!(folder.role, Role::Outbox | Role::RecipientCache);
    if target.class != Class::Email || closed(target) {
        return Ok(Err(status::NO_TARGET));
    }
    let uid = sync::resolve(&mut locked.journal(&one.from)?, source.class, &one.from, &one.item)?;
    Ok(uid.map(|uid| (uid, to.as_str())).ok_or(status::NO_SOURCE))
}

/// From one folder to another.
struct Way<'a, M> {
    asker: Asker<'a>,
    mail: &'a M,
    from: &'a str,
    source: &'a Folder,
    to: &'a str,
    target: &'a Folder,
}

impl<M: Mail> Way<'_, M> {
    /// Moves mails; status and new ServerId of each.
    async fn go(&self, jobs: &[Job<'_>], known: &mut Vec<Known>) -> Result<Vec<(u16, Option<String>)>, Error> {
        let uids: Vec<String> = jobs.iter().map(|job| job.uid.clone()).collect();
        let looks = match self.look(&uids).await {
            Ok(looks) => looks,
            Err(source::Error::ContainerGone) => return Ok(vec![(status::NO_SOURCE, None); jobs.len()]),
            Err(error) => return Err(error.into()),
        };
        self.announce(jobs, &looks, known).await?;
        let moved = match self.mail.move_items(&self.source.container, &uids, &self.target.container).await {
            Ok(moved) => moved,
            Err(source::Error::ContainerGone) => return Ok(vec![(status::NO_TARGET, None); jobs.len()]),
            Err(source::Error::Denied) => return Ok(vec![(status::CANNOT, None); jobs.len()]),
            Err(error) => return Err(error.into()),
        };
        let mut results = Vec::new();
        let (mut left, mut arrived) = (Vec::new(), Vec::new());
        for (job, moved) in jobs.iter().zip(moved) {
            let new = match moved {
                Ok(new) => Ok(new),
                Err(source::Error::NotFound | source::Error::Uncertain(_)) => {
                    self.find_again(job, known).await?.ok_or(status::NO_SOURCE)
                }
                Err(source::Error::Unavailable { .. }) => Err(status::LOCKED),
                Err(error) => {
                    log::info!("{} is not moved: {error}", job.item);
                    Err(status::CANNOT)
                }
            };
            match new {
                Ok(new) => {
                    let id = format!("{}:{}", self.to, sync::item_id(Class::Email, &new));
                    results.push((status::MOVED, Some(id)));
                    left.push(job.uid.clone());
                    arrived.push(new);
                }
                Err(status) => results.push((status, None)),
            }
        }
        self.settle(jobs, &results, known).await?;
        self.tell(&left, &arrived).await?;
        Ok(results)
    }

    async fn look(&self, uids: &[String]) -> Result<Vec<Option<Looks>>, source::Error> {
        let view = headers(self.asker.version);
        let fetched = self.mail.fetch_for(&self.source.container, uids, &[], Want::Whole(&view)).await?;
        let looks = fetched.iter().map(|fetched| match fetched {
            Fetched::Item(item) => Some(Looks::of(item)),
            _ => None,
        });
        Ok(looks.collect())
    }

    /// Puts on disk what is about to be moved.
    async fn announce(&self, jobs: &[Job<'_>], looks: &[Option<Looks>], known: &mut Vec<Known>) -> Result<(), Error> {
        for (job, looks) in jobs.iter().zip(looks) {
            let Some(looks) = looks else { continue };
            known.retain(|known| known.item != job.item);
            let (item, to) = (job.item.to_owned(), job.to.to_owned());
            known.push(Known { item, to, moved: None, looks: looks.clone() });
        }
        let old = known.len().saturating_sub(REMEMBERED);
        known.drain(..old);
        remember(self.asker.locked, JOURNAL, known).await
    }

    /// Puts on disk what was moved.
    async fn settle(
        &self,
        jobs: &[Job<'_>],
        results: &[(u16, Option<String>)],
        known: &mut Vec<Known>,
    ) -> Result<(), Error> {
        for (job, (_, moved)) in jobs.iter().zip(results) {
            match moved {
                Some(moved) => known
                    .iter_mut()
                    .filter(|known| known.item == job.item && known.to == job.to)
                    .for_each(|known| known.moved = Some(moved.clone())),
                None => known.retain(|known| known.item != job.item),
            }
        }
        remember(self.asker.locked, JOURNAL, known).await
    }

    /// uid of a mail that an earlier request may have moved without living to tell.
    async fn find_again(&self, job: &Job<'_>, known: &[Known]) -> Result<Option<String>, Error> {
        let Some(intent) = known.iter().find(|known| known.item == job.item && known.to == job.to) else {
            return Ok(None);
        };
        let container = &self.target.container;
        let query = Query::Has(Field::Subject, intent.looks.subject.clone());
        let hits = self.mail.search(std::slice::from_ref(container), &query, LOOKED_AT).await?;
        let uids: Vec<String> = hits.into_iter().map(|hit| hit.uid).collect();
        if uids.is_empty() {
            return Ok(None);
        }
        let view = headers(self.asker.version);
        let fetched = self.mail.fetch_for(container, &uids, &[], Want::Whole(&view)).await?;
        let taken = |uid: &String| {
            let id = format!("{}:{uid}", self.to);
            known.iter().any(|known| known.moved.as_ref() == Some(&id))
        };
        let alike = |fetched: &Fetched| matches!(fetched, Fetched::Item(item) if Looks::of(item) == intent.looks);
        let found = uids.into_iter().zip(fetched).find(|(uid, fetched)| alike(fetched) && !taken(uid));
        Ok(found.map(|(uid, _)| uid))
    }

    /// Changes what the device has of both folders.
    async fn tell(&self, left: &[String], arrived: &[String]) -> Result<(), Error> {
        let Asker { locked, device_type, version, now } = self.asker;
        sync::forget(&mut locked.journal(self.from)?, left).await?;
        if RENAMING.iter().any(|renaming| device_type.starts_with(renaming)) {
            let place = Place { id: self.to, container: &self.target.container, writable: self.target.writable };
            sync::receive(self.mail, &mut locked.journal(self.to)?, place, arrived, version, now).await?;
        }
        Ok(())
    }
}

/// A view without bodies.
fn headers(version: Version) -> View {
    use crate::proto::class::{BodyKind, BodyPreference};
    let none = BodyPreference { kind: BodyKind::Plain, truncation_size: Some(0), ..BodyPreference::default() };
    View {
        version,
        bodies: vec![none],
        truncation: Some(0),
        body_parts: Vec::new(),
        mime_support: 0,
        mime_truncation: None,
    }
}

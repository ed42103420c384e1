//! Calendars of a user who meets others: what they have to know is mailed, exactly once.
//!
//! Before a change goes to Horde the mails about it are on disk. When it has succeeded they are released and sent; when it was refused they
//! are deleted. If it is not known what became of it (a crash, a lost answer), the event tells: it is still as it was before, or not.
//! A mail is deleted when the mail server has taken it. What was told last is remembered, so that a repeat of a request tells nobody again.

mod answer;
mod carry;
mod clerk;
mod draft;
#[cfg(test)]
mod tests;

use std::{future::Future, time::Duration};

pub use answer::{Answer, Reply, Response, Unanswered};
pub use clerk::Clerk;

use super::{Changed, Changes, Container, Error, Fetched, Identity, Source, Want};
use crate::{
    proto::class::{Class, Patch, Properties, Scope, applied},
    smtp,
    state::{self, Outbox},
    wbxml::{Tag, tag::calendar as c},
};

/// What mails take: who the user is, a mail server, a clock.
pub trait Office: Send + Sync {
    /// Who the user is.
    fn me(&self) -> impl Future<Output = Result<Identity, Error>> + Send;

    /// Sends a mail as the user.
    fn send(&self, mail: &smtp::Mail) -> impl Future<Output = Result<smtp::Sent, smtp::Error>> + Send;

    /// Seconds since 1970.
    fn now(&self) -> u64;

    /// How long to try to send a mail, seconds.
    fn give_up(&self) -> u64;
}

/// A source whose changes are told to those who take part in its events. What is no calendar passes through.
#[derive(Debug, Clone)]
pub struct Inviting<S, O> {
    source: S,
    office: O,
    outbox: Outbox,
    tells: bool,
}

impl<S: Source, O: Office> Inviting<S, O> {
    /// `tells`: whether changes are told by us; otherwise the phone does that.
    pub fn new(source: S, office: O, outbox: Outbox, tells: bool) -> Self {
        let tells = tells && source.class() == Class::Calendar;
        Self { source, office, outbox, tells }
    }

    /// An event as it is now, not as the source may remember it from before.
    async fn now(&self, container: &str, uid: &str) -> Result<Fetched, Error> {
        self.source.cursor(container).await?;
        self.one(container, uid).await
    }

    async fn one(&self, container: &str, uid: &str) -> Result<Fetched, Error> {
        let fetched = self.source.fetch(container, &[uid.to_owned()], &[]).await?;
        Ok(fetched.into_iter().next().unwrap_or(Fetched::Missing))
    }

    /// Who the user is; `None` (with a line in the log) when he has no address to write from.
    async fn sender(&self) -> Result<Option<Identity>, Error> {
        let me = self.office.me().await?;
        if me.addresses.is_empty() {
            log::warn!("a user has no mail address (identity in Horde, or domain in [mail]): attendees are not told");
            return Ok(None);
        }
        Ok(Some(me))
    }
}

impl<S: Source, O: Office> Source for Inviting<S, O> {
    fn class(&self) -> Class {
        self.source.class()
    }

    async fn containers(&self) -> Result<Vec<Container>, Error> {
        self.source.containers().await
    }

    async fn cursor(&self, container: &str) -> Result<u64, Error> {
        self.source.cursor(container).await
    }

    async fn cursors(&self, containers: &[String]) -> Result<Vec<u64>, Error> {
        self.source.cursors(containers).await
    }

    async fn changes(&self, container: &str, from: u64, to: u64) -> Result<Changes, Error> {
        self.source.changes(container, from, to).await
    }

    async fn list(&self, container: &str, scope: Scope) -> Result<Vec<String>, Error> {
        self.source.list(container, scope).await
    }

    async fn look(&self, container: &str, scope: Scope) -> Result<(u64, Vec<String>), Error> {
        self.source.look(container, scope).await
    }

    async fn fetch(&self, container: &str, uids: &[String], ahead: &[String]) -> Result<Vec<Fetched>, Error> {
        self.source.fetch(container, uids, ahead).await
    }

    async fn fetch_for(
        &self,
        container: &str,
        uids: &[String],
        ahead: &[String],
        want: Want<'_>,
    ) -> Result<Vec<Fetched>, Error> {
        self.source.fetch_for(container, uids, ahead, want).await
    }

    async fn add(&self, container: &str, wish: &str, item: &Properties) -> Result<String, Error> {
        if self.class() != Class::Calendar || !draft::takes_company(item) {
            return self.source.add(container, wish, item).await;
        }
        let me = self.office.me().await?;
        let item = organized(item, &me);
        let drafts = if self.tells { draft::drafts(None, Some(&item), &me) } else { Vec::new() };
        if drafts.is_empty() || self.sender().await?.is_none() {
            return self.source.add(container, wish, &item).await;
        }
        let open = self.outbox.lock().await.map_err(disk)?;
        let change = carry::Change { container, uid: wish, before: None, gone: false };
        let letters = self.compose(&open, &me, &change, &drafts, "")?;
        self.carry(&open, letters, self.source.add(container, wish, &item)).await
    }

    async fn uid_of(&self, container: &str, wish: &str) -> Result<String, Error> {
        self.source.uid_of(container, wish).await
    }

    fn grants_uids(&self) -> bool {
        self.source.grants_uids()
    }

    fn filled_in(&self) -> &'static [Tag] {
        self.source.filled_in()
    }

    async fn change(&self, container: &str, uid: &str, patch: &Patch) -> Result<(), Error> {
        if !self.tells || !draft::concerns(patch) {
            return self.source.change(container, uid, patch).await;
        }
        let open = self.outbox.lock().await.map_err(disk)?;
        // Who changes something has looked where the history stands.
        let Fetched::Item(before) = self.one(container, uid).await? else {
            return self.source.change(container, uid, patch).await;
        };
        let mut patch = patch.clone();
        let company = draft::takes_company(&before) || draft::takes_company(&applied(&patch, &before));
        let Some(me) = (if company { self.sender().await? } else { None }) else {
            return self.source.change(container, uid, &patch).await;
        };
        if draft::takes_company(&patch.set) && draft::is_organizer(&before, &me) {
            let named = organized(&applied(&patch, &before), &me);
            for tag in [c::ORGANIZER_EMAIL, c::ORGANIZER_NAME, c::MEETING_STATUS] {
                if let Some(value) = named.0.get(&tag).filter(|value| before.0.get(&tag) != Some(value)) {
                    patch.set.0.insert(tag, value.clone());
                }
            }
        }
        let after = applied(&patch, &before);
        let change = carry::Change { container, uid, before: Some(&before), gone: false };
        self.settle(&open, &change).await?;
        let letters = self.compose(&open, &me, &change, &draft::drafts(Some(&before), Some(&after), &me), "")?;
        self.carry(&open, letters, self.source.change(container, uid, &patch)).await
    }

    async fn revise(&self, container: &str, uid: &str, patch: &Patch) -> Result<Changed, Error> {
        match self.class() {
            Class::Calendar => self.change(container, uid, patch).await.map(|()| Changed::Kept),
            _ => self.source.revise(container, uid, patch).await,
        }
    }

    async fn discard(&self, container: &str, uid: &str, for_good: bool) -> Result<(), Error> {
        match self.class() {
            Class::Calendar => self.delete(container, uid).await,
            _ => self.source.discard(container, uid, for_good).await,
        }
    }

    async fn delete(&self, container: &str, uid: &str) -> Result<(), Error> {
        if !self.tells {
            return self.source.delete(container, uid).await;
        }
        let open = self.outbox.lock().await.map_err(disk)?;
        let Fetched::Item(before) = self.now(container, uid).await? else {
            return self.source.delete(container, uid).await;
        };
        // Nobody waits for word of what is over.
        let now = i64::try_from(self.office.now()).unwrap_or(i64::MAX);
        let ahead = draft::takes_company(&before) && Scope::Since(now).holds(&before);
        let Some(me) = (if ahead { self.sender().await? } else { None }) else {
            return self.source.delete(container, uid).await;
        };
        let change = carry::Change { container, uid, before: Some(&before), gone: true };
        self.settle(&open, &change).await?;
        let letters = self.compose(&open, &me, &change, &draft::drafts(Some(&before), None, &me), "")?;
        self.carry(&open, letters, self.source.delete(container, uid)).await
    }
}

/// An event to which the user invites, with him as its organizer if nobody is named (iOS: MeetingStatus 1 and no organizer).
fn organized(item: &Properties, me: &Identity) -> Properties {
    let mut item = item.clone();
    let status = draft::meeting_status(&item);
    let named = item.text(c::ORGANIZER_EMAIL).is_some_and(|address| !address.is_empty());
    if let Some(person) = me.person().filter(|_| !named && status & draft::RECEIVED == 0) {
        item.set_text(c::ORGANIZER_EMAIL, person.address);
        item.set_text(c::ORGANIZER_NAME, person.name);
        item.set_text(c::MEETING_STATUS, (status | draft::MEETING).to_string());
    }
    item
}

/// Nothing is changed whose mails cannot be kept.
fn disk(error: state::Error) -> Error {
    Error::Unavailable { reason: error.to_string(), retry_after: Duration::from_secs(60) }
}

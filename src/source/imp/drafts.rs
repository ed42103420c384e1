//! Drafts that phones write (16.0+). A mail server cannot change a message: the new version is stored first, then the old one goes. So there
//! may be one too many after a crash, never one too few.

use std::sync::Arc;

use jiff::{Timestamp, tz::TimeZone};
use ring::digest::{SHA256, digest};

use super::{
    Changed, Error, Imp, Open, Postbox, Reference, Uid,
    fault::{of_folder, of_write},
    one,
    table::Table,
    unavailable, unix_time,
};
use crate::{
    convert::mime::{
        address::Mailbox,
        compose::{self, Composed, Stamp},
    },
    imap::{Command, UidSet},
    proto::class::{Patch, Properties, Value},
    smtp,
    source::{
        Identity, Role,
        app::fault::of_site,
        sending::{Failure, Lying, Order, Outcome, Sender},
    },
    spool::{self, Pieces},
    state::Store,
    wbxml::tag::email2 as e2,
};

/// What a stored draft is marked with.
const FLAGS: [&str; 2] = ["\\Draft", "\\Seen"];

/// What writing needs beside the mailbox.
#[derive(Debug, Clone)]
pub struct Desk {
    /// Room for mails on their way.
    pub store: Store,
    /// Domain of users for whom Horde knows no address.
    pub domain: String,
    /// Sends what is ready.
    pub sender: Sender,
}

/// A draft that is to be stored or sent.
struct Written {
    composed: Composed,
    pieces: Pieces,
}

impl Imp {
    /// Lets the user write drafts.
    pub fn sit_at(&mut self, desk: Desk) {
        self.desk = Some(Arc::new(desk));
    }

    /// Whether a folder is that of the drafts.
    pub(super) fn are_drafts(&self, container: &str) -> Result<bool, Error> {
        Ok(Table::load(&self.beside)?.find(container).is_some_and(|folder| folder.role == Role::Drafts))
    }

    /// Stores a new draft, or sends it at once. The same wish again finds what the first one left.
    pub(super) async fn add_draft(&self, container: &str, wish: &str, item: &Properties) -> Result<String, Error> {
        let desk = self.desk.as_ref().ok_or(Error::Denied)?;
        if !self.are_drafts(container)? {
            return Err(Error::Denied);
        }
        let sending = item.0.contains_key(&e2::SEND);
        let written = self.write(desk, None, item, wish, sending).await?;
        if sending {
            self.send(desk, &written, format!("add {wish}")).await?;
        }
        let id = bare(&written.composed.message_id);
        let uid = match self.find(container, id).await? {
            Some(uid) => uid,
            None => self.store_draft(container, &written).await?,
        };
        if sending {
            // It was there for the moment that it takes to have a name.
            self.remove(container, one(uid.uid), uid).await?;
        }
        Ok(uid.to_string())
    }

    /// Replaces a draft by what it is to be, or sends it.
    pub(super) async fn revise_draft(&self, container: &str, uid: Uid, patch: &Patch) -> Result<Changed, Error> {
        let desk = self.desk.as_ref().ok_or(Error::Denied)?;
        let mut item = patch.set.clone();
        for tag in &patch.clear {
            item.0.insert(*tag, Value::Text(String::new()));
        }
        let mut raw = desk.store.spool();
        self.message(&Reference { container: container.to_owned(), uid, part: None }, &mut raw).await?;
        let len = raw.len();
        let old = Lying::read(&raw.into(), 0..len).await.map_err(disk)?;
        let sending = item.0.contains_key(&e2::SEND);
        let written = self.write(desk, Some(&old), &item, &format!("{container}:{uid}"), sending).await?;
        if sending {
            self.send(desk, &written, format!("draft {container}:{uid}")).await?;
            self.remove(container, one(uid.uid), uid).await?;
            return Ok(Changed::Gone);
        }
        let new = self.store_draft(container, &written).await?;
        let versions = self.versions(container, bare(&written.composed.message_id), uid, new).await?;
        self.remove(container, versions, uid).await?;
        Ok(Changed::Moved(new.to_string()))
    }

    async fn write(
        &self,
        desk: &Desk,
        old: Option<&Lying>,
        item: &Properties,
        name: &str,
        sending: bool,
    ) -> Result<Written, Error> {
        let user = Identity::of(&self.session, &desk.domain).await.map_err(of_site)?;
        let address = user.addresses.first().cloned().unwrap_or_default();
        if sending && address.is_empty() {
            return Err(Error::Refused(
                "no address of the user is known (Horde's identities, or domain in [mail])".into(),
            ));
        }
        let identity = compose::Identity { mailbox: Mailbox { name: user.name.clone(), address } };
        let unique = digest(&SHA256, format!("{}\n{name}", self.user()).as_bytes());
        let unique = unique.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let date = jiff::fmt::rfc2822::to_string(&Timestamp::now().to_zoned(TimeZone::UTC)).unwrap_or_default();
        let stamp = Stamp { date, unique };
        let composed = compose::draft(old.map(|old| &old.message), item, &identity, &stamp, sending)
            .map_err(|error| Error::Refused(error.to_string()))?;
        let pieces = match old {
            Some(old) => old.composed(&composed, Some(old)),
            None => plain(&composed),
        };
        let pieces = pieces.ok_or_else(|| Error::Refused("a part of the draft is not there any more".to_owned()))?;
        Ok(Written { composed, pieces })
    }

    /// Sends a draft, once however often it is asked for.
    async fn send(&self, desk: &Desk, written: &Written, key: String) -> Result<(), Error> {
        let Composed { from, recipients, invalid, message_id, .. } = &written.composed;
        if recipients.is_empty() || !invalid.is_empty() {
            return Err(Error::Refused(format!("a draft is for nobody that mail can go to: {invalid:?}")));
        }
        let order = Order {
            key,
            valid: None,
            message_id: bare(message_id).to_owned(),
            mail: smtp::Mail {
                from: from.clone(),
                to: recipients.clone(),
                message: written.pieces.clone(),
                rule: smtp::Rule::All,
            },
            save: true,
            original: None,
        };
        let room = Postbox::new(self.clone(), self.session.clone(), desk.store.clone());
        let sender = desk.sender.clone();
        // To its end, even if the phone hangs up.
        let sent = tokio::spawn(async move { sender.send(&room, &order, unix_time()).await });
        match sent.await.map_err(|error| unavailable(error.to_string()))? {
            Ok(Outcome::Sent | Outcome::Before) => Ok(()),
            Err(Failure::Smtp(error)) if error.is_final() => Err(Error::Refused(error.to_string())),
            Err(Failure::Smtp(error)) => Err(unavailable(error.to_string())),
            Err(Failure::State(error)) => Err(unavailable(error.to_string())),
            Err(Failure::Unknown(reason)) => Err(Error::Uncertain(reason)),
        }
    }

    async fn store_draft(&self, container: &str, written: &Written) -> Result<Uid, Error> {
        let stored = self.append(container, &FLAGS, None, &written.pieces).await?;
        match stored {
            Some(uid) => Ok(uid),
            // The newest one of that name is ours.
            None => {
                let found = self.find(container, bare(&written.composed.message_id)).await?;
                found.ok_or_else(|| Error::Uncertain("a draft that was stored is not there".to_owned()))
            }
        }
    }

    /// The old version of a draft, and those of attempts that were broken off. Two devices that write at the same time leave the last one.
    async fn versions(&self, container: &str, message_id: &str, old: Uid, new: Uid) -> Result<UidSet, Error> {
        let mut open = self.open(container, false).await?;
        let criteria = Command::new("HEADER Message-ID").argument(message_id);
        let found = open.lease.search(&criteria).await.map_err(of_folder)?;
        Ok(found.iter().take(1 << 22).filter(|uid| *uid < new.uid).chain([old.uid]).collect())
    }

    async fn remove(&self, container: &str, uids: UidSet, uid: Uid) -> Result<(), Error> {
        let mut open: Open = self.open(container, true).await?;
        if open.selected.uid_validity != uid.validity {
            return Ok(());
        }
        open.lease.remove(&uids).await.map_err(of_write)?;
        self.forget(container, uid).await
    }
}

/// The bytes of a draft that has none of another message.
fn plain(composed: &Composed) -> Option<Pieces> {
    let bytes = |piece: &compose::Piece| match piece {
        compose::Piece::Bytes(bytes) => Some(spool::Piece::Bytes(bytes.clone().into())),
        _ => None,
    };
    composed.pieces.iter().map(bytes).collect()
}

fn bare(message_id: &str) -> &str {
    message_id.trim_matches(['<', '>'])
}

fn disk(error: std::io::Error) -> Error {
    unavailable(format!("a draft cannot be read from the state directory: {error}"))
}

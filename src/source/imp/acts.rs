//! What commands do with mail beside syncing it.

use std::io;

use super::{
    Criteria, Error, Imp, Open, Reference, Uid,
    fault::{of_folder, of_write, unavailable},
    internal_date, one, part,
    table::Table,
};
use crate::{
    convert::mime::{Decoder, Part, attachment::Attachment},
    imap::{self, Code, Command, Connection, Placed, Sink, Taking, UidSet, utf7},
    source::Role,
    spool::{Pieces, Spool},
};

/// Most messages that a search names, of all folders together.
const MOST_FOUND: usize = 10_000;
/// Most folders that one deletion takes along.
const MOST_BELOW: usize = 1000;

/// An attachment that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Media type, lower case.
    pub kind: String,
    /// Name to save it under.
    pub name: String,
}

/// What became of a message that was to be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// It has this uid in its new folder.
    To(Uid),
    /// It has moved, and nobody knows what its uid is now.
    Somewhere,
    /// There is no such message.
    Missing,
}

/// Decodes what goes into a spool.
struct Decoding<'a> {
    decoder: Decoder,
    spool: &'a mut Spool,
}

impl Sink for Decoding<'_> {
    fn take<'a>(&'a mut self, piece: &'a [u8]) -> Taking<'a> {
        Box::pin(async move {
            let decoded = self.decoder.push(piece);
            self.spool.write(&decoded).await
        })
    }
}

fn disk(error: io::Error) -> Error {
    unavailable(format!("what was read cannot be kept: {error}"))
}

impl Imp {
    /// Reads an attachment, decoded, into a spool.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such message or part. The spool may have some of it after an error.
    pub async fn attachment(&self, reference: &Reference, spool: &mut Spool) -> Result<Found, Error> {
        let section = reference.part.as_deref().ok_or(Error::NotFound)?;
        let mut open = self.open_at(reference).await?;
        let uid = reference.uid.uid;
        let message = open.lease.fetch(&one(uid), "BODYSTRUCTURE").await.map_err(of_folder)?.pop();
        let root = part::of(message.ok_or(Error::NotFound)?.structure.as_ref().ok_or(Error::NotFound)?);
        let Some(part) = root.find(section) else {
            return self.odd_attachment(&mut open, uid, section, spool).await;
        };
        let mut sink = Decoding { decoder: Decoder::new(part.encoding), spool };
        let read = open.lease.fetch_into(uid, &format!("BODY.PEEK[{section}]"), &mut sink).await.map_err(of_folder)?;
        let rest = sink.decoder.finish();
        spool.write(&rest).await.map_err(disk)?;
        read.ok_or(Error::NotFound)?;
        Ok(found(part))
    }

    /// The server and we do not agree on the parts of every message: those of a small one that was shown are ours.
    async fn odd_attachment(
        &self,
        open: &mut Open,
        uid: u32,
        section: &str,
        spool: &mut Spool,
    ) -> Result<Found, Error> {
        let message = open.lease.fetch(&one(uid), "BODY.PEEK[]").await.map_err(of_folder)?.pop();
        let raw = message.and_then(|message| message.content("BODY[]").cloned()).ok_or(Error::NotFound)?;
        let root = crate::convert::mime::scan::scan(&raw);
        let part = root.find(section).ok_or(Error::NotFound)?;
        spool.write(&part.content(&raw)).await.map_err(disk)?;
        Ok(found(part))
    }

    /// Reads a message as it is into a spool; gives its length.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such message. The spool may have some of it after an error.
    pub async fn message(&self, reference: &Reference, spool: &mut Spool) -> Result<u64, Error> {
        let mut open = self.open_at(reference).await?;
        let read = open.lease.fetch_into(reference.uid.uid, "BODY.PEEK[]", spool).await.map_err(of_folder)?;
        read.ok_or(Error::NotFound)
    }

    async fn open_at(&self, reference: &Reference) -> Result<Open, Error> {
        let open = self.open(&reference.container, false).await.map_err(|error| match error {
            Error::ContainerGone => Error::NotFound,
            error => error,
        })?;
        if open.selected.uid_validity == reference.uid.validity { Ok(open) } else { Err(Error::NotFound) }
    }

    /// Moves messages to another folder; one result per uid, in order.
    ///
    /// # Errors
    /// [`Error::ContainerGone`] when one of the folders is not there (any more).
    pub async fn move_items(&self, from: &str, uids: &[Uid], to: &str) -> Result<Vec<Moved>, Error> {
        let mut open = self.open(from, true).await?;
        let target = self.known(&mut open.lease, to).await?;
        if target.hollow {
            return Err(Error::Denied);
        }
        let here: Vec<u32> = uids.iter().filter(|u| u.validity == open.selected.uid_validity).map(|u| u.uid).collect();
        let set: UidSet = here.into_iter().collect();
        let mut there = UidSet::default();
        for text in set.texts() {
            let found = open.lease.search(&Command::new(&format!("UID {text} UNDELETED"))).await.map_err(of_folder)?;
            there = there.join(found);
        }
        if there.is_empty() {
            return Ok(vec![Moved::Missing; uids.len()]);
        }
        let validity = open.selected.uid_validity;
        let placed = place(&mut open, &there, &target.name).await?;
        let mut moved = Vec::with_capacity(uids.len());
        for uid in uids {
            let new = placed.as_ref().and_then(|placed| now(placed, *uid));
            let is_there = uid.validity == validity && there.contains(uid.uid);
            moved.push(match new {
                _ if !is_there => Moved::Missing,
                Some(new) => {
                    self.carry((from, *uid), (to, new)).await?;
                    Moved::To(new)
                }
                None => Moved::Somewhere,
            });
        }
        Ok(moved)
    }

    /// Deletes all messages of a folder for good, and the folders below it if they are to go, too.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn empty_folder(&self, container: &str, folders: bool) -> Result<(), Error> {
        let mut open = self.open(container, true).await?;
        let all = open.lease.search(&Command::new("ALL")).await.map_err(of_folder)?;
        if !all.is_empty() {
            open.lease.remove(&all).await.map_err(of_write)?;
        }
        if folders {
            let name = open.known.name.clone();
            for below in below(&mut open.lease, &name).await? {
                open.lease.delete(&below).await.map_err(of_write)?;
            }
            self.survey(&mut open.lease).await?;
        }
        Ok(())
    }

    /// Makes a folder below another one, or at the top; gives its id.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::ContainerGone`] for a parent that is not there, [`Error::Refused`] for a name that cannot be.
    pub async fn create_folder(&self, parent: Option<&str>, name: &str) -> Result<String, Error> {
        let mut lease = self.lease().await?;
        let parent = match parent {
            Some(parent) => Some(self.known(&mut lease, parent).await?),
            None => None,
        };
        let name = self.name_below(&mut lease, parent.as_ref(), name).await?;
        match lease.create(&name).await {
            // It is there, but not shown: now it is.
            Err(error) if error.code() == Some(Code::AlreadyExists) => {
                if Table::load(&self.beside)?.named(&name).is_some_and(|there| !there.hollow) {
                    return Err(Error::Exists);
                }
                lease.subscribe(&name, true).await.map_err(of_write)?;
            }
            result => result.map_err(of_write)?,
        }
        let table = self.survey(&mut lease).await?;
        let made = table.named(&name).map(|known| known.id.clone());
        made.ok_or_else(|| unavailable(format!("the new mailbox {name:?} is not listed")))
    }

    /// Renames a folder, and puts it below another one or to the top. Its id stays.
    ///
    /// # Errors
    /// [`Error::Denied`] for folders with a purpose, else as [`Imp::create_folder`].
    pub async fn rename_folder(&self, container: &str, parent: Option<&str>, name: &str) -> Result<(), Error> {
        let mut lease = self.lease().await?;
        let known = self.known(&mut lease, container).await?;
        if known.role != Role::Plain {
            return Err(Error::Denied);
        }
        let parent = match parent {
            Some(parent) => Some(self.known(&mut lease, parent).await?),
            None => None,
        };
        let to = self.name_below(&mut lease, parent.as_ref(), name).await?;
        if to == known.name {
            return Ok(());
        }
        let below_before = below(&mut lease, &known.name).await?;
        lease.rename(&known.name, &to).await.map_err(of_write)?;
        // Subscriptions of what lies below do not go with it by themselves.
        for old in below_before {
            let new = old.replacen(&known.name, &to, 1);
            lease.subscribe(&old, false).await.map_err(of_write)?;
            lease.subscribe(&new, true).await.map_err(of_write)?;
        }
        self.survey(&mut lease).await.map(drop)
    }

    /// Deletes a folder with all that is in it.
    ///
    /// # Errors
    /// [`Error::Denied`] for folders with a purpose, [`Error::ContainerGone`].
    pub async fn delete_folder(&self, container: &str) -> Result<(), Error> {
        let mut lease = self.lease().await?;
        let known = self.known(&mut lease, container).await?;
        if known.role != Role::Plain {
            return Err(Error::Denied);
        }
        let mut names = below(&mut lease, &known.name).await?;
        names.push(known.name.clone());
        for name in names {
            match lease.delete(&name).await {
                Err(error) if known.hollow && error.code().is_some() => log::debug!("{name}: {error}"),
                result => result.map_err(of_write)?,
            }
        }
        self.survey(&mut lease).await.map(drop)
    }

    /// Messages that fit, the newest first, of one folder or of all.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn search(&self, container: Option<&str>, criteria: &Criteria) -> Result<Vec<Reference>, Error> {
        let mut lease = self.lease().await?;
        let folders = match container {
            Some(container) => vec![self.known(&mut lease, container).await?],
            None => self.survey(&mut lease).await?.folders,
        };
        drop(lease);
        let mut found = Vec::new();
        for folder in folders.into_iter().filter(|folder| !folder.hollow) {
            let mut open = match self.open(&folder.id, false).await {
                Err(Error::ContainerGone) if container.is_none() => continue,
                result => result?,
            };
            let uids = open.lease.search(criteria.command()).await.map_err(of_folder)?;
            let validity = open.selected.uid_validity;
            let mut uids: Vec<u32> = uids.iter().take(1 << 22).collect();
            uids.reverse();
            let named = uids.into_iter().map(|uid| Reference {
                container: folder.id.clone(),
                uid: Uid { validity, uid },
                part: None,
            });
            found.extend(named.take(MOST_FOUND - found.len()));
        }
        Ok(found)
    }

    /// The message of a folder with that Message-ID, the newest if there are several.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn find(&self, container: &str, message_id: &str) -> Result<Option<Uid>, Error> {
        let mut open = self.open(container, false).await?;
        let criteria = Command::new("UNDELETED HEADER Message-ID").argument(message_id);
        let uids = open.lease.search(&criteria).await.map_err(of_folder)?;
        let validity = open.selected.uid_validity;
        Ok(uids.iter().take(1 << 22).last().map(|uid| Uid { validity, uid }))
    }

    /// Id of the folder for a purpose.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn folder_for(&self, role: Role) -> Result<Option<String>, Error> {
        if let Some(known) = Table::load(&self.beside)?.role(role) {
            return Ok(Some(known.id.clone()));
        }
        Ok(self.special(&mut *self.lease().await?, role).await?.map(|known| known.id))
    }

    /// Adds a message to a folder: what the pieces have, as received `at` (Unix seconds) or now. Its uid, if the server tells it.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Uncertain`]: look for its Message-ID ([`Imp::find`]).
    pub async fn append(
        &self,
        container: &str,
        flags: &[&str],
        at: Option<u64>,
        content: &Pieces,
    ) -> Result<Option<Uid>, Error> {
        let date = at.map(internal_date);
        let mut lease = self.lease().await?;
        let mut known = self.known(&mut lease, container).await?;
        if known.hollow {
            return Err(Error::Denied);
        }
        for again in [true, false] {
            match lease.append(&known.name, flags, date.as_deref(), content).await.map_err(of_write) {
                Ok(placed) => {
                    let uid = placed.and_then(|p| Some(Uid { validity: p.uid_validity, uid: p.uids.first()?.1 }));
                    return Ok(uid);
                }
                Err(Error::ContainerGone) if again => {
                    known = self.survey(&mut lease).await?.find(container).cloned().ok_or(Error::ContainerGone)?;
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::ContainerGone)
    }
}

fn found(part: &Part) -> Found {
    let shown = Attachment::of(part, &std::collections::HashSet::new());
    Found { kind: shown.kind, name: shown.name }
}

/// Moves messages; where the server does not tell their new uids, they are looked for by their Message-ID.
pub(super) async fn place(open: &mut Open, uids: &UidSet, target: &str) -> Result<Option<Placed>, Error> {
    let mut ids = Vec::new();
    if !open.lease.has("UIDPLUS") {
        ids = open.lease.fetch(uids, "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]").await.map_err(of_folder)?;
    }
    let placed = open.lease.move_to(uids, target).await.map_err(of_write)?;
    if placed.is_some() || ids.is_empty() {
        return Ok(placed);
    }
    let selected = open.lease.select(target, false).await.map_err(of_folder)?;
    let mut found = Placed { uid_validity: selected.uid_validity, uids: Vec::new() };
    for message in ids {
        let header = message.content("BODY[HEADER.FIELDS").map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let id = header.as_deref().and_then(|header| header.split_once(':')).map(|(_, id)| id.trim().to_owned());
        let Some(id) = id.filter(|id| !id.is_empty()) else { continue };
        let criteria = Command::new("UNDELETED HEADER Message-ID").argument(&id);
        let there = open.lease.search(&criteria).await.map_err(of_folder)?;
        found.uids.extend(there.iter().take(1 << 22).last().map(|new| (message.uid, new)));
    }
    Ok(Some(found))
}

/// What a message that was `before` is called where it was moved to, as far as that is known.
pub(super) fn now(placed: &Placed, before: Uid) -> Option<Uid> {
    let (_, new) = placed.uids.iter().find(|(old, _)| *old == before.uid)?;
    Some(Uid { validity: placed.uid_validity, uid: *new })
}

/// The mailboxes below one, the deepest first.
async fn below(connection: &mut Connection, name: &str) -> Result<Vec<String>, Error> {
    let list = connection.list().await.map_err(of_folder)?;
    let inside = |mailbox: &&imap::Mailbox| {
        mailbox.delimiter.is_some_and(|d| mailbox.name.strip_prefix(name).is_some_and(|rest| rest.starts_with(d)))
    };
    let mut names: Vec<String> = list.iter().filter(inside).map(|mailbox| mailbox.name.clone()).collect();
    names.sort_unstable_by(|a, b| b.cmp(a));
    if names.len() > MOST_BELOW {
        return Err(Error::Refused(format!("{} has too many folders below it", utf7::decode(name))));
    }
    Ok(names)
}

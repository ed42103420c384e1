//! Messages for the phone: flags alone, or whole with bodies in the form that it asks for. Small messages are read as they are, many with
//! one command; of a large one only its header, the tree of its parts and its texts.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use jiff::fmt::strtime::BrokenDownTime;

use super::{
    Error, Fetched, Imp, Open, Uid, Want,
    fault::{disk, of_folder, unavailable},
    flags::{key, of_server, with_kept},
    one, part,
    show::{self, Material},
};
use crate::{
    convert::mime::{Message as Mime, fit, layout::LONGEST_TEXT},
    imap::{self, Lease, Message, UidSet},
    proto::class::{Properties, View},
    source::{Kept, Role},
    state::Beside,
    wbxml::tag::email as e,
};

/// A message up to this length is read whole.
const SMALL: u64 = 128 << 10;
/// Bytes of small messages that are read with one command.
const AT_ONCE: u64 = 4 << 20;
/// Longest header that is looked at.
const HEADER: u64 = 256 << 10;
/// Bytes of one message, and of all messages of an answer, for phones that want the message itself.
const WHOLE: u64 = 10 << 20;
const ALL_WHOLE: u64 = 32 << 20;

impl Imp {
    pub(super) async fn read(&self, container: &str, uids: &[String], want: Want<'_>) -> Result<Vec<Fetched>, Error> {
        let mut open = self.open(container, false).await?;
        let validity = open.selected.uid_validity;
        let asked: Vec<Option<u32>> =
            uids.iter().map(|uid| Uid::parse(uid).filter(|uid| uid.validity == validity).map(|uid| uid.uid)).collect();
        let set: UidSet = asked.iter().flatten().copied().collect();
        let (messages, unreadable) = each(&mut open.lease, &set, "FLAGS INTERNALDATE RFC822.SIZE").await?;
        let mut messages: BTreeMap<u32, Message> =
            messages.into_iter().filter(|m| !m.has_flag("\\Deleted")).map(|m| (m.uid, m)).collect();
        let flags = self.flags_of(container, validity, &messages)?;
        let mut items = match want {
            Want::Whole(view) => self.whole(&mut open, &mut messages, view).await?,
            Want::Volatile => messages.values().map(|m| (m.uid, Fetched::Item(dated(m)))).collect(),
        };
        for (uid, flags) in flags {
            if let Some(Fetched::Item(item)) = items.get_mut(&uid) {
                item.0.extend(flags.0);
            }
        }
        for uid in unreadable {
            items.insert(uid, Fetched::Broken("the IMAP server's answer about it cannot be read".to_owned()));
        }
        Ok(asked
            .into_iter()
            .map(|uid| uid.and_then(|uid| items.get(&uid).cloned()).unwrap_or(Fetched::Missing))
            .collect())
    }

    /// What flags say of the messages, with what is kept beside.
    fn flags_of(
        &self,
        container: &str,
        validity: u32,
        messages: &BTreeMap<u32, Message>,
    ) -> Result<BTreeMap<u32, Properties>, Error> {
        let names = self.beside.names().map_err(disk)?;
        let mut all = BTreeMap::new();
        for (uid, message) in messages {
            let id = Uid { validity, uid: *uid };
            let there = names.contains(&Beside::name(&key(container, id)));
            let kept = if there { self.kept(container, id)? } else { Kept::default() };
            all.insert(*uid, with_kept(&of_server(message), &kept));
        }
        Ok(all)
    }

    async fn whole(
        &self,
        open: &mut Open,
        messages: &mut BTreeMap<u32, Message>,
        view: &View,
    ) -> Result<BTreeMap<u32, Fetched>, Error> {
        let mut items = BTreeMap::new();
        let (container, validity) = (open.known.id.clone(), open.selected.uid_validity);
        let draft = open.known.role == Role::Drafts;
        let material = |message: &Message| Material {
            reference: format!("{container}:{}", Uid { validity, uid: message.uid }),
            received: received(message),
            draft,
            ..Material::default()
        };
        let (small, large): (Vec<&Message>, Vec<&Message>) =
            messages.values().partition(|message| message.size.is_some_and(|size| size <= SMALL));
        for group in groups(&small) {
            let set: UidSet = group.iter().map(|message| message.uid).collect();
            let (mut read, unreadable) = each(&mut open.lease, &set, "BODY.PEEK[]").await?;
            items.extend(
                unreadable.into_iter().map(|uid| (uid, Fetched::Broken("its content cannot be read".to_owned()))),
            );
            read.retain(|message| message.content("BODY[]").is_some());
            let mut shown = Vec::new();
            for message in group {
                let Some(there) = read.iter().find(|there| there.uid == message.uid) else { continue };
                let raw = there.content("BODY[]").cloned().unwrap_or_default();
                let size = raw.len() as u64;
                shown.push((message.uid, Material { raw: Some((raw, size)), ..material(message) }));
            }
            items.extend(self.show_all(shown, view).await?);
        }
        let mut left = ALL_WHOLE;
        for message in large {
            let Some(read) = large_one(&mut open.lease, message.uid, view, &mut left).await? else { continue };
            let read = Material { raw: read.raw, message: read.message, ..material(message) };
            items.extend(self.show_all(vec![(message.uid, read)], view).await?);
        }
        Ok(items)
    }

    /// Converting HTML takes its time: it is done where it holds up nobody.
    async fn show_all(&self, materials: Vec<(u32, Material)>, view: &View) -> Result<Vec<(u32, Fetched)>, Error> {
        let home = if materials.iter().any(|(_, m)| show::may_invite(m)) { Some(self.home().await) } else { None };
        let view = view.clone();
        let item = move |material| show::item(material, &view, home.as_deref());
        let work = move || materials.into_iter().map(|(uid, m)| (uid, Fetched::Item(item(m)))).collect();
        tokio::task::spawn_blocking(work).await.map_err(|e| unavailable(format!("a mail cannot be shown: {e}")))
    }
}

/// Reads what of a large message is needed for the view.
async fn large_one(lease: &mut Lease, uid: u32, view: &View, left: &mut u64) -> Result<Option<Material>, Error> {
    let set = one(uid);
    let head = format!("BODYSTRUCTURE BODY.PEEK[HEADER]<0.{HEADER}>");
    let Some(message) = each(lease, &set, &head).await?.0.pop() else { return Ok(None) };
    let header = message.content("BODY[HEADER]").cloned().unwrap_or_default();
    let Some(structure) = &message.structure else {
        // A server that does not know its parts: the beginning tells as much as it can.
        let begin = bytes_of(lease, uid, "", WHOLE.min(LONGEST_TEXT)).await?;
        let size = begin.len() as u64 + 1;
        return Ok(Some(Material { raw: Some((begin, size)), ..Material::default() }));
    };
    let root = part::of(structure);
    let mut raw = None;
    if let Some(limit) = fit::wants_whole(&root, view) {
        let limit = limit.map_or(u64::MAX, |limit| limit as u64 + 1).min(WHOLE).min((*left).max(SMALL));
        let begin = bytes_of(lease, uid, "", limit).await?;
        *left = left.saturating_sub(begin.len() as u64);
        let size = lease.fetch(&set, "RFC822.SIZE").await.map_err(of_folder)?.pop().and_then(|m| m.size);
        let size = size.unwrap_or_default().max(begin.len() as u64);
        raw = Some((begin, size));
    }
    let mut texts = BTreeMap::new();
    for text in Mime::wanted(&root) {
        texts.insert(text.section.clone(), bytes_of(lease, uid, &text.section, LONGEST_TEXT).await?.to_vec());
    }
    Ok(Some(Material { raw, message: Some(Mime::assemble(&header, root, &texts)), ..Material::default() }))
}

/// At most `limit` bytes of a section; none when there is no such section.
async fn bytes_of(lease: &mut Lease, uid: u32, section: &str, limit: u64) -> Result<Bytes, Error> {
    let (mut read, _) = each(lease, &one(uid), &format!("BODY.PEEK[{section}]<0.{limit}>")).await?;
    Ok(read.pop().and_then(|message| message.content(&format!("BODY[{section}]")).cloned()).unwrap_or_default())
}

/// Reads messages; if one answer among them cannot be read, each is asked for alone. The uids of those that cannot be read come second.
async fn each(lease: &mut Lease, uids: &UidSet, items: &str) -> Result<(Vec<Message>, BTreeSet<u32>), Error> {
    match lease.fetch(uids, items).await {
        Ok(messages) => return Ok((messages, BTreeSet::new())),
        Err(imap::Error::Garbled(_) | imap::Error::No { .. }) => {}
        Err(error) => return Err(of_folder(error)),
    }
    let (mut messages, mut unreadable) = (Vec::new(), BTreeSet::new());
    for uid in uids.iter() {
        match lease.fetch(&one(uid), items).await {
            Ok(read) => messages.extend(read),
            Err(imap::Error::Garbled(_) | imap::Error::No { .. }) => drop(unreadable.insert(uid)),
            Err(error) => return Err(of_folder(error)),
        }
    }
    Ok((messages, unreadable))
}

/// Messages that are read together.
fn groups<'a>(messages: &[&'a Message]) -> Vec<Vec<&'a Message>> {
    let mut groups: Vec<Vec<&Message>> = Vec::new();
    let mut length = 0;
    for message in messages {
        let size = message.size.unwrap_or_default();
        match groups.last_mut() {
            Some(group) if length + size <= AT_ONCE => group.push(message),
            _ => {
                groups.push(vec![message]);
                length = 0;
            }
        }
        length += size;
    }
    groups
}

/// When the message came, seconds since 1970; 0 if the server does not say.
fn received(message: &Message) -> i64 {
    let parse = |text: &String| {
        let time = BrokenDownTime::parse("%d-%b-%Y %H:%M:%S %z", text.trim()).ok()?;
        Some(time.to_timestamp().ok()?.as_second())
    };
    message.date.as_ref().and_then(parse).unwrap_or_default()
}

/// What an item has beside its flags when only those are wanted.
fn dated(message: &Message) -> Properties {
    let mut item = Properties::default();
    item.set_text(e::DATE_RECEIVED, show::dashed(received(message)));
    item
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(date: &str) -> i64 {
        received(&Message { date: Some(date.into()), ..Message::default() })
    }

    #[test]
    fn dates_of_arrival() {
        assert_eq!(at("17-Jul-2026 02:44:25 -0700"), 1_784_281_465);
        assert_eq!(at(" 7-Jul-2026 02:44:25 +0000"), 1_783_392_265);
        assert_eq!(at("yesterday"), 0);
    }

    #[test]
    fn messages_are_read_in_groups() {
        let messages: Vec<Message> =
            (0..100).map(|_| Message { size: Some(100 << 10), ..Message::default() }).collect();
        let messages: Vec<&Message> = messages.iter().collect();
        let groups = groups(&messages);
        assert_eq!(groups.iter().map(Vec::len).sum::<usize>(), 100);
        assert_eq!(groups.len(), 3);
    }
}

//! Commands about messages in the selected mailbox.

use std::collections::BTreeMap;

use super::{
    command::{Command, is_flag},
    connection::{Connection, With},
    error::{Code, Error},
    reader::Sink,
    response::{Content, Message, Untagged, Words},
    set::UidSet,
};
use crate::spool::Pieces;

/// What happened in a mailbox since a point of its history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct News {
    /// Messages that are new or have other flags, with uid, flags and modseq; ascending.
    pub messages: Vec<Message>,
    /// Messages that are gone, and perhaps some that never were. `None`: the server cannot tell.
    pub vanished: Option<UidSet>,
}

/// What becomes of flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flagging {
    /// They are added.
    Add,
    /// They are taken off.
    Remove,
}

/// Where moved, copied or appended messages went (RFC 4315): uids in the order of the old ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placed {
    /// UIDVALIDITY of the target.
    pub uid_validity: u32,
    /// Old uid and new uid; the old uid of an appended message is 0.
    pub uids: Vec<(u32, u32)>,
}

impl Placed {
    /// Reads the code of an answer: `COPYUID 38505 304,319:320 3956:3958`, `APPENDUID 38505 3955`.
    fn read(words: &Words) -> Option<Self> {
        let mut arguments = words.argument.split(' ');
        let uid_validity = arguments.next()?.parse().ok()?;
        match words.code.as_str() {
            "APPENDUID" => Some(Self { uid_validity, uids: vec![(0, arguments.next()?.parse().ok()?)] }),
            "COPYUID" => {
                let (old, new) = (in_order(arguments.next()?)?, in_order(arguments.next()?)?);
                let uids = old.into_iter().zip(new).collect();
                Some(Self { uid_validity, uids })
            }
            _ => None,
        }
    }
}

/// Most uids that are taken from one COPYUID.
const MOST_PLACED: usize = 100_000;

/// The uids of a set in the order in which they stand there, which tells which belongs to which.
fn in_order(set: &str) -> Option<Vec<u32>> {
    let mut uids = Vec::new();
    for range in set.split(',') {
        let (a, b) = range.split_once(':').unwrap_or((range, range));
        let (a, b) = (a.parse::<u32>().ok()?, b.parse::<u32>().ok()?);
        uids.extend((a.min(b)..=a.max(b)).take(MOST_PLACED + 1));
        if uids.len() > MOST_PLACED {
            return None;
        }
    }
    Some(uids)
}

impl Connection {
    /// uids of the messages that fit the criteria (RFC 9051 6.4.4).
    ///
    /// # Errors
    /// See [`Error`]. A successful answer is complete.
    pub async fn search(&mut self, criteria: &Command) -> Result<UidSet, Error> {
        let mut command = Command::new("UID SEARCH");
        if self.has("ESEARCH") {
            command = command.words(" RETURN (ALL)");
        }
        if !criteria.is_ascii() {
            command = command.words(" CHARSET UTF-8");
        }
        let mut found = UidSet::default();
        let mut take = |data| {
            if let Untagged::Search(uids) | Untagged::Esearch(_, uids) = data {
                found = std::mem::take(&mut found).join(uids);
            }
        };
        self.run(command.words(" ").join(criteria), With::default(), &mut take).await?.complete()?;
        Ok(found)
    }

    /// Reads what `items` names (our words, `UID` always comes) of these messages; ascending, without those that are not there.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Garbled`] when the answer about one of them cannot be read: ask for each alone then.
    pub async fn fetch(&mut self, uids: &UidSet, items: &str) -> Result<Vec<Message>, Error> {
        let mut found = BTreeMap::new();
        for set in uids.texts() {
            let mut take = |data| {
                if let Untagged::Fetch(message) = data
                    && uids.contains(message.uid)
                {
                    merge(&mut found, *message);
                }
            };
            let command = Command::new(&format!("UID FETCH {set} (UID {items})"));
            self.run(command, With::default(), &mut take).await?.complete()?;
        }
        Ok(found.into_values().collect())
    }

    /// Reads one content of a message (`BODY.PEEK[2]`, `BINARY.PEEK[2]`) into the sink, however long it is; gives its length. `None`: there
    /// is no such message or content. When the connection breaks, the sink may have a part of it.
    ///
    /// # Errors
    /// See [`Error`]; [`Code::UnknownCte`] for a BINARY that the server cannot decode.
    pub async fn fetch_into(&mut self, uid: u32, item: &str, sink: &mut dyn Sink) -> Result<Option<u64>, Error> {
        let mut short = None;
        let mut long = None;
        {
            let mut take = |data| {
                if let Untagged::Fetch(message) = data {
                    for (_, content) in message.contents {
                        match content {
                            Content::Streamed(length) => long = Some(length),
                            // Servers may send short contents as quoted strings.
                            Content::Bytes(bytes) if message.uid == uid => short = Some(bytes),
                            _ => {}
                        }
                    }
                }
            };
            let with = With { sink: Some(&mut *sink), ..With::default() };
            self.run(Command::new(&format!("UID FETCH {uid} (UID {item})")), with, &mut take).await?.complete()?;
        }
        match (long, short) {
            (Some(length), _) => Ok(Some(length)),
            (None, Some(bytes)) => {
                sink.take(&bytes).await.map_err(|e| Error::Unavailable(e.to_string()))?;
                Ok(Some(bytes.len() as u64))
            }
            (None, None) => Ok(None),
        }
    }

    /// What has changed after a modseq. Needs CONDSTORE.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn news(&mut self, since: u64) -> Result<News, Error> {
        let vanished = if self.qresync { " VANISHED" } else { "" };
        let command = Command::new(&format!("UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE {since}{vanished})"));
        let mut found = BTreeMap::new();
        let mut gone = UidSet::default();
        let mut take = |data| match data {
            Untagged::Fetch(message) => merge(&mut found, *message),
            Untagged::Vanished { uids, .. } => gone = std::mem::take(&mut gone).join(uids),
            _ => {}
        };
        self.run(command, With::default(), &mut take).await?.complete()?;
        found.retain(|uid, _| !gone.contains(*uid));
        Ok(News { messages: found.into_values().collect(), vanished: self.qresync.then_some(gone) })
    }

    /// Sets or takes off flags of messages.
    ///
    /// # Errors
    /// See [`Error`]. A flag that is no flag is [`Code::Cannot`]. uids that are not there are none.
    pub async fn store(&mut self, uids: &UidSet, how: Flagging, flags: &[&str]) -> Result<(), Error> {
        if let Some(wrong) = flags.iter().find(|flag| !is_flag(flag)) {
            return Err(Error::No { code: Code::Cannot, text: format!("{wrong:?} is no flag") });
        }
        if flags.is_empty() {
            return Ok(());
        }
        let sign = if how == Flagging::Add { '+' } else { '-' };
        for set in uids.texts() {
            self.change(Command::new(&format!("UID STORE {set} {sign}FLAGS.SILENT ({})", flags.join(" ")))).await?;
        }
        Ok(())
    }

    /// Copies messages to a mailbox, which must be there ([`Code::TryCreate`]). Nothing is told of where they went if the server does not.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn copy(&mut self, uids: &UidSet, target: &str) -> Result<Option<Placed>, Error> {
        self.place("UID COPY", uids, target).await
    }

    /// Moves messages to a mailbox. Servers without MOVE copy and expunge: when that ends half-way, a message is in both.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn move_to(&mut self, uids: &UidSet, target: &str) -> Result<Option<Placed>, Error> {
        if self.has("MOVE") {
            return self.place("UID MOVE", uids, target).await;
        }
        let placed = self.copy(uids, target).await?;
        self.remove(uids).await?;
        Ok(placed)
    }

    async fn place(&mut self, verb: &str, uids: &UidSet, target: &str) -> Result<Option<Placed>, Error> {
        let mut all: Option<Placed> = None;
        for set in uids.texts() {
            // MOVE tells it before its end (RFC 6851 4.3), COPY with it.
            let mut placed = None;
            let mut take = |data| {
                if let Untagged::Words(words) = data {
                    placed = Placed::read(&words).or(placed.take());
                }
            };
            let command = Command::new(&format!("{verb} {set}")).argument(target);
            let done = self.run(command, With { writes: true, ..With::default() }, &mut take).await?;
            if let Some(placed) = Placed::read(&done.words).or(placed) {
                match &mut all {
                    Some(all) => all.uids.extend(placed.uids),
                    None => all = Some(placed),
                }
            }
        }
        Ok(all)
    }

    /// Deletes messages for good.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn remove(&mut self, uids: &UidSet) -> Result<(), Error> {
        self.store(uids, Flagging::Add, &["\\Deleted"]).await?;
        if self.has("UIDPLUS") {
            for set in uids.texts() {
                self.change(Command::new(&format!("UID EXPUNGE {set}"))).await?;
            }
            return Ok(());
        }
        // EXPUNGE takes all that are flagged: those that others have flagged are saved from it, and flagged again afterwards.
        let flagged = self.search(&Command::new("DELETED")).await?;
        let others: UidSet = flagged.iter().filter(|uid| !uids.contains(*uid)).take(MOST_PLACED).collect();
        self.store(&others, Flagging::Remove, &["\\Deleted"]).await?;
        let result = self.change(Command::new("EXPUNGE")).await;
        self.store(&others, Flagging::Add, &["\\Deleted"]).await?;
        result.map(drop)
    }

    /// Adds a message to a mailbox, which need not be selected. `date` is its INTERNALDATE, now if there is none.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Unavailable`] when the content cannot be read: then nothing was added.
    pub async fn append(
        &mut self,
        mailbox: &str,
        flags: &[&str],
        date: Option<&str>,
        content: &Pieces,
    ) -> Result<Option<Placed>, Error> {
        let flags: Vec<&str> = flags.iter().copied().filter(|flag| is_flag(flag)).collect();
        let mut command = Command::new("APPEND").argument(mailbox).words(&format!(" ({}) ", flags.join(" ")));
        if let Some(date) = date {
            command = command.string(date).words(" ");
        }
        let with = With { content: Some(content.clone()), writes: true, ..With::default() };
        let done = self.run(command, with, &mut |_| ()).await?;
        Ok(Placed::read(&done.words))
    }
}

fn merge(found: &mut BTreeMap<u32, Message>, message: Message) {
    if message.uid != 0 {
        match found.entry(message.uid) {
            std::collections::btree_map::Entry::Vacant(free) => {
                free.insert(message);
            }
            std::collections::btree_map::Entry::Occupied(mut there) => there.get_mut().merge(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::response::Condition;

    fn placed(code: &str, argument: &str) -> Option<Placed> {
        let words =
            Words { condition: Condition::Ok, code: code.into(), argument: argument.into(), text: String::new() };
        Placed::read(&words)
    }

    #[test]
    fn where_messages_went() {
        let there = placed("COPYUID", "38505 304,319:320 3956:3958").unwrap();
        assert_eq!((there.uid_validity, there.uids), (38505, vec![(304, 3956), (319, 3957), (320, 3958)]));
        assert_eq!(placed("COPYUID", "1 7,3 9:8").unwrap().uids, [(7, 8), (3, 9)]);
        assert_eq!(placed("APPENDUID", "38505 3955").unwrap().uids, [(0, 3955)]);
        for wrong in ["", "1", "1 2", "x 1 2", "1 1:4294967295 1:4294967295", "1 * 2"] {
            assert_eq!(placed("COPYUID", wrong), None, "{wrong}");
        }
    }
}

//! Flags of a message and what phones make of them.

use super::{
    Error, Imp, Open, Uid,
    fault::{disk, of_folder, of_write},
    one,
};
use crate::{
    imap::{Flagging, Message},
    proto::class::{Patch, Properties, Value, applied},
    source::Kept,
    wbxml::{
        Tag,
        tag::{email as e, email2 as e2},
    },
};

/// What a phone may set and IMAP has only in part.
const KEPT: [Tag; 4] = [e::FLAG, e::CATEGORIES, e2::LAST_VERB_EXECUTED, e2::LAST_VERB_EXECUTION_TIME];

/// The flag of forwarded messages (RFC 5788).
const FORWARDED: &str = "$Forwarded";

/// Comes and goes with what is kept beside, so that the message counts as changed.
const TOUCHED: &str = "$Details";

/// Longest category that becomes a keyword, bytes.
const LONGEST_KEYWORD: usize = 60;

/// What was done with a message last (MS-ASEMAIL 2.2.2.43).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Answered to its sender.
    Reply,
    /// Answered to all.
    ReplyAll,
    /// Sent on.
    Forward,
}

impl Verb {
    const fn number(self) -> &'static str {
        match self {
            Self::Reply => "1",
            Self::ReplyAll => "2",
            Self::Forward => "3",
        }
    }

    const fn flag(self) -> &'static str {
        match self {
            Self::Reply | Self::ReplyAll => "\\Answered",
            Self::Forward => FORWARDED,
        }
    }
}

/// What IMAP's flags alone say.
pub(super) fn of_server(message: &Message) -> Properties {
    let mut item = Properties::default();
    item.set_text(e::READ, if message.has_flag("\\Seen") { "1" } else { "0" });
    let mut flag = Properties::default();
    if message.has_flag("\\Flagged") {
        flag.set_text(e::STATUS, "2");
        flag.set_text(e::FLAG_TYPE, "Flag for follow up");
    }
    item.0.insert(e::FLAG, Value::Group(flag));
    let flags = message.flags.iter().flatten();
    item.0.insert(e::CATEGORIES, Value::List(flags.filter(|flag| is_category(flag)).cloned().collect()));
    if message.has_flag(FORWARDED) {
        item.set_text(e2::LAST_VERB_EXECUTED, Verb::Forward.number());
    } else if message.has_flag("\\Answered") {
        item.set_text(e2::LAST_VERB_EXECUTED, Verb::Reply.number());
    }
    item
}

/// Whether a keyword is a category: those with a dollar sign are for programs (RFC 5788), as are these of old.
fn is_category(flag: &str) -> bool {
    let programs = ["Junk", "NonJunk", "NotJunk", "Forwarded", "MDNSent", "Recent"];
    !programs.iter().any(|name| name.eq_ignore_ascii_case(flag))
        && !flag.starts_with(['$', '\\'])
        && flag.len() <= LONGEST_KEYWORD
        && flag.bytes().all(|byte| byte.is_ascii_graphic() && !b"(){%*\"\\]".contains(&byte))
        && !flag.is_empty()
}

fn categories(item: &Properties) -> &[String] {
    match item.0.get(&e::CATEGORIES) {
        Some(Value::List(names)) => names,
        _ => &[],
    }
}

fn with_categories(item: &Properties, names: Vec<String>) -> Properties {
    let mut item = item.clone();
    item.0.insert(e::CATEGORIES, Value::List(names));
    item
}

/// Without what keywords say: categories that are no keywords are kept whatever keywords there are.
fn bare(item: &Properties, server: &Properties) -> Properties {
    let beside = categories(item).iter().filter(|name| !categories(server).contains(name));
    with_categories(item, beside.cloned().collect())
}

/// With what is kept beside.
pub(super) fn with_kept(server: &Properties, kept: &Kept) -> Properties {
    let merged = kept.merge(&with_categories(server, Vec::new()));
    let mut names = categories(server).to_vec();
    names.extend(categories(&merged).iter().filter(|name| !categories(server).contains(name)).cloned());
    let mut item = with_categories(&merged, names);
    if item.text(e2::LAST_VERB_EXECUTED).is_none() {
        item.0.remove(&e2::LAST_VERB_EXECUTION_TIME);
    }
    item
}

/// Keeps what the server does not have of an item.
fn note(kept: &mut Kept, tags: &[Tag], item: &Properties, server: &Properties) {
    kept.note(tags.iter().copied(), &bare(item, server), &with_categories(server, Vec::new()));
}

/// The flags that say what an item wants: flag, and whether it has to be there.
fn wanted(item: &Properties) -> [(&'static str, bool); 2] {
    let active = item.group(e::FLAG).and_then(|flag| flag.text(e::STATUS)) == Some("2");
    [("\\Seen", item.text(e::READ) == Some("1")), ("\\Flagged", active)]
}

/// What the messages of a folder have beside them is kept under this name.
pub(super) fn key(container: &str, uid: Uid) -> String {
    format!("{container}:{uid}")
}

impl Imp {
    pub(super) fn kept(&self, container: &str, uid: Uid) -> Result<Kept, Error> {
        Ok(Kept::read(self.beside.get(&key(container, uid)).map_err(disk)?))
    }

    async fn keep(&self, container: &str, uid: Uid, kept: &Kept) -> Result<(), Error> {
        let key = key(container, uid);
        match kept.write(&key) {
            Some(json) => self.beside.put(&key, &json).await.map_err(disk),
            None => self.beside.remove(&key).await.map_err(disk),
        }
    }

    pub(super) async fn forget(&self, container: &str, uid: Uid) -> Result<(), Error> {
        self.beside.remove(&key(container, uid)).await.map_err(disk)
    }

    /// What is kept goes with a message to another folder.
    pub(super) async fn carry(&self, from: (&str, Uid), to: (&str, Uid)) -> Result<(), Error> {
        let kept = self.kept(from.0, from.1)?;
        if kept != Kept::default() {
            self.keep(to.0, to.1, &kept).await?;
            self.forget(from.0, from.1).await?;
        }
        Ok(())
    }

    async fn flags(open: &mut Open, uid: Uid) -> Result<Message, Error> {
        if uid.validity != open.selected.uid_validity {
            return Err(Error::NotFound);
        }
        let message = open.lease.fetch(&one(uid.uid), "FLAGS").await.map_err(of_folder)?.pop();
        message.filter(|message| !message.has_flag("\\Deleted")).ok_or(Error::NotFound)
    }

    /// Sets what the patch says of Read, Flag and Categories.
    pub(super) async fn set_flags(&self, container: &str, uid: Uid, patch: &Patch) -> Result<(), Error> {
        let mut patch = patch.clone();
        patch.set.0.retain(|tag, _| [e::READ, e::FLAG, e::CATEGORIES].contains(tag));
        // A Change never empties what it does not name; what it empties is not flagged, and in no category.
        for tag in std::mem::take(&mut patch.clear) {
            match tag {
                e::FLAG => drop(patch.set.0.insert(tag, Value::Group(Properties::default()))),
                e::CATEGORIES => drop(patch.set.0.insert(tag, Value::List(Vec::new()))),
                _ => {}
            }
        }
        if patch.set.0.is_empty() {
            return Ok(());
        }
        let mut open = self.open(container, true).await?;
        let mut message = Self::flags(&mut open, uid).await?;
        let mut kept = self.kept(container, uid)?;
        let item = applied(&patch, &with_kept(&of_server(&message), &kept));
        let mut moved = false;
        for (flag, set) in wanted(&item) {
            if message.has_flag(flag) != set {
                flag_it(&mut open, uid, &mut message, flag, set).await?;
                moved = true;
            }
        }
        for name in categories(&of_server(&message)).to_vec() {
            if !categories(&item).contains(&name) {
                flag_it(&mut open, uid, &mut message, &name, false).await?;
                moved = true;
            }
        }
        for name in categories(&item).iter().filter(|name| is_category(name)) {
            if !message.has_flag(name) {
                match flag_it(&mut open, uid, &mut message, name, true).await {
                    Ok(()) => moved = true,
                    // A server that takes no new keywords: it is kept beside.
                    Err(Error::Refused(why)) => log::debug!("keyword {name}: {why}"),
                    Err(error) => return Err(error),
                }
            }
        }
        let before = kept.clone();
        note(&mut kept, &[e::FLAG, e::CATEGORIES], &item, &of_server(&message));
        if kept == before {
            return Ok(());
        }
        self.keep(container, uid, &kept).await?;
        if !moved {
            // Without it other devices would not hear of what is kept beside.
            let set = !message.has_flag(TOUCHED);
            if let Err(Error::Refused(why)) = flag_it(&mut open, uid, &mut message, TOUCHED, set).await {
                log::debug!("keyword {TOUCHED}: {why}");
            }
        }
        Ok(())
    }

    /// Notes that a message was answered or sent on, at that moment (seconds since 1970).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn mark(&self, container: &str, uid: Uid, verb: Verb, time: i64) -> Result<(), Error> {
        let mut open = self.open(container, true).await?;
        let mut message = Self::flags(&mut open, uid).await?;
        match open.lease.store(&one(uid.uid), Flagging::Add, &[verb.flag()]).await.map_err(of_write) {
            // A server that has no such flag: it is kept beside only.
            Ok(()) => message.flags.get_or_insert_default().push(verb.flag().to_owned()),
            Err(Error::Refused(why)) => log::debug!("{} is not set: {why}", verb.flag()),
            Err(error) => return Err(error),
        }
        let mut kept = self.kept(container, uid)?;
        let server = of_server(&message);
        let mut item = with_kept(&server, &kept);
        let time = jiff::Timestamp::from_second(time).unwrap_or_default();
        item.set_text(e2::LAST_VERB_EXECUTED, verb.number());
        item.set_text(e2::LAST_VERB_EXECUTION_TIME, time.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string());
        note(&mut kept, &KEPT, &item, &server);
        self.keep(container, uid, &kept).await
    }
}

/// Sets a flag of a message, or takes it away.
async fn flag_it(open: &mut Open, uid: Uid, message: &mut Message, flag: &str, set: bool) -> Result<(), Error> {
    let how = if set { Flagging::Add } else { Flagging::Remove };
    open.lease.store(&one(uid.uid), how, &[flag]).await.map_err(of_write)?;
    let flags = message.flags.get_or_insert_default();
    flags.retain(|there| !there.eq_ignore_ascii_case(flag));
    if set {
        flags.push(flag.to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(flags: &[&str]) -> Message {
        Message { flags: Some(flags.iter().map(|&f| f.to_owned()).collect()), ..Message::default() }
    }

    #[test]
    fn flags_of_the_server() {
        let item = of_server(&message(&["\\seen", "$forwarded", "\\Answered"]));
        assert_eq!((item.text(e::READ), item.text(e2::LAST_VERB_EXECUTED)), (Some("1"), Some("3")));
        assert!(item.group(e::FLAG).unwrap().0.is_empty());
        assert_eq!(wanted(&of_server(&message(&["\\Flagged"]))), [("\\Seen", false), ("\\Flagged", true)]);
    }

    #[test]
    fn a_flag_that_is_done_stays_so_until_somebody_flags_it_again() {
        let server = of_server(&message(&[]));
        let mut done = server.clone();
        let mut flag = Properties::default();
        flag.set_text(e::STATUS, "1");
        done.0.insert(e::FLAG, Value::Group(flag));
        let mut kept = Kept::default();
        note(&mut kept, &KEPT, &done, &server);
        assert_eq!(with_kept(&server, &kept), done);
        assert!(!wanted(&done)[1].1);
        let again = of_server(&message(&["\\Flagged"]));
        assert_eq!(with_kept(&again, &kept), again);
    }

    #[test]
    fn categories_are_keywords_where_they_can_be() {
        let there = of_server(&message(&["\\Seen", "Work", "$MDNSent", "NonJunk"]));
        assert_eq!(categories(&there), ["Work"]);
        for (name, is) in
            [("Work", true), ("two words", false), ("Größe", false), ("$x", false), ("a]", false), ("", false)]
        {
            assert_eq!(is_category(name), is, "{name:?}");
        }
        let mut kept = Kept::default();
        let item = with_categories(&there, vec!["Work".into(), "two words".into()]);
        note(&mut kept, &KEPT, &item, &there);
        assert_eq!(with_kept(&there, &kept), item);
        // Others change the keywords: what is none of them stays.
        let changed = of_server(&message(&["Private"]));
        assert_eq!(categories(&with_kept(&changed, &kept)), ["Private", "two words"]);
    }
}

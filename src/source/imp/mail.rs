//! What commands do with mail, in the terms of [`Mail`].

use std::sync::Arc;

use super::{Error, Imp, Moved, Reference, Uid, fault::of_folder, search_date};
use crate::{
    convert::mime::{header::Headers, thread::conversation_id},
    imap::{Command, UidSet},
    source::mail::{Attachment, Field, Hit, Mail, Query},
    spool::Spool,
};

/// So many messages of a folder, the newest, are looked at for a conversation: no server can search for it.
const LOOKED_AT: usize = 5000;
/// Headers read in one go.
const STEP: usize = 500;
const DAY: i64 = 86_400;

fn reference(container: &str, uid: &str, part: Option<&str>) -> Result<Reference, Error> {
    let text = match part {
        Some(part) => format!("{container}:{uid}:{part}"),
        None => format!("{container}:{uid}"),
    };
    Reference::parse(&text)
        .filter(|found| found.container == container && found.part.as_deref() == part)
        .ok_or(Error::NotFound)
}

impl Mail for Imp {
    async fn move_items(&self, from: &str, uids: &[String], to: &str) -> Result<Vec<Result<String, Error>>, Error> {
        // What is no uid is as good as one that no message has.
        let none = Uid { validity: 0, uid: 0 };
        let uids: Vec<Uid> = uids.iter().map(|uid| Uid::parse(uid).unwrap_or(none)).collect();
        let told = |moved| match moved {
            Moved::To(uid) => Ok(uid.to_string()),
            Moved::Somewhere => Err(Error::Uncertain("the server does not tell the new uid".to_owned())),
            Moved::Missing => Err(Error::NotFound),
        };
        Ok(Self::move_items(self, from, &uids, to).await?.into_iter().map(told).collect())
    }

    async fn empty(&self, container: &str, folders: bool) -> Result<(), Error> {
        self.empty_folder(container, folders).await
    }

    async fn create_folder(&self, parent: Option<&str>, name: &str) -> Result<String, Error> {
        Self::create_folder(self, parent, name).await
    }

    async fn rename_folder(&self, container: &str, parent: Option<&str>, name: &str) -> Result<(), Error> {
        Self::rename_folder(self, container, parent, name).await
    }

    async fn delete_folder(&self, container: &str) -> Result<(), Error> {
        Self::delete_folder(self, container).await
    }

    async fn raw(&self, container: &str, uid: &str, mut into: Spool) -> Result<Arc<Spool>, Error> {
        self.message(&reference(container, uid, None)?, &mut into).await?;
        Ok(Arc::new(into))
    }

    async fn attachment(&self, container: &str, uid: &str, part: &str, mut into: Spool) -> Result<Attachment, Error> {
        let found = Self::attachment(self, &reference(container, uid, Some(part))?, &mut into).await?;
        Ok(Attachment { kind: found.kind, bytes: Arc::new(into) })
    }

    async fn search(&self, containers: &[String], query: &Query, most: usize) -> Result<Vec<Hit>, Error> {
        let command = Command::new("UNDELETED ").join(&criteria(query));
        let mut hits = Vec::new();
        for container in containers {
            if hits.len() >= most {
                break;
            }
            let mut open = match self.open(container, false).await {
                Err(Error::ContainerGone | Error::NotFound) => continue,
                open => open?,
            };
            let found = open.lease.search(&command).await.map_err(of_folder)?;
            let mut uids: Vec<u32> = found.iter().take(1 << 22).collect();
            uids.reverse();
            if let Some(wanted) = conversation(query) {
                let mut there = Vec::new();
                for some in uids.chunks(STEP).take(LOOKED_AT / STEP) {
                    let set: UidSet = some.iter().copied().collect();
                    let mut messages = open.lease.fetch(&set, "BODY.PEEK[HEADER]").await.map_err(of_folder)?;
                    messages.retain(|message| {
                        let block = message.content("BODY[HEADER]").map(|bytes| &bytes[..]).unwrap_or_default();
                        let headers = Headers::parse(block, "");
                        conversation_id(&headers, &headers.text("subject")) == wanted
                    });
                    there.extend(messages.into_iter().rev().map(|message| message.uid));
                }
                uids = there;
            }
            let validity = open.selected.uid_validity;
            let hit = |uid| Hit { container: container.clone(), uid: Uid { validity, uid }.to_string() };
            hits.extend(uids.into_iter().take(most - hits.len()).map(hit));
        }
        Ok(hits)
    }
}

/// The conversation that all of a query is about.
fn conversation(query: &Query) -> Option<&[u8]> {
    match query {
        Query::Conversation(id) => Some(id),
        Query::All(parts) => parts.iter().find_map(conversation),
        _ => None,
    }
}

/// The query as SEARCH has it (RFC 9051 6.4.4), always a single search key.
fn criteria(query: &Query) -> Command {
    let text = |key: &str, text: &str| Command::new(key).argument(text);
    let day = |key: &str, seconds: i64| Command::new(&format!("{key} {}", search_date(seconds)));
    match query {
        Query::All(parts) => {
            let all = parts.iter().fold(Command::new("(ALL"), |all, part| all.words(" ").join(&criteria(part)));
            all.words(")")
        }
        Query::Any(parts) => match parts.split_first() {
            None => Command::new("NOT ALL"),
            Some((one, [])) => criteria(one),
            Some((one, others)) => {
                let others = Query::Any(others.to_vec());
                Command::new("OR ").join(&criteria(one)).words(" ").join(&criteria(&others))
            }
        },
        Query::Not(part) => Command::new("NOT ").join(&criteria(part)),
        Query::Has(field, wanted) => {
            let key = match field {
                Field::Anywhere => "TEXT",
                Field::From => "FROM",
                Field::To => "TO",
                Field::Cc => "CC",
                Field::Bcc => "BCC",
                Field::Subject => "SUBJECT",
                Field::Body => "BODY",
            };
            text(key, wanted)
        }
        Query::ReceivedSince(seconds) => day("SINCE", *seconds),
        Query::ReceivedBefore(seconds) => day("BEFORE", seconds.saturating_add(DAY - 1)),
        Query::SentSince(seconds) => day("SENTSINCE", *seconds),
        Query::SentBefore(seconds) => day("SENTBEFORE", seconds.saturating_add(DAY - 1)),
        // Servers do not look into the structure; this is what mail programs write when they attach something.
        Query::Attachments => text("HEADER Content-Type", "multipart/mixed"),
        Query::Conversation(_) => Command::new("ALL"),
        Query::Read => Command::new("SEEN"),
        Query::Flagged => Command::new("FLAGGED"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_become_single_search_keys() {
        let has = |field, text: &str| Query::Has(field, text.to_owned());
        let query = Query::All(vec![
            Query::Any(vec![has(Field::From, "a\" OR \"b"), has(Field::Subject, "x"), Query::Read]),
            Query::Not(Box::new(Query::Any(vec![]))),
            Query::ReceivedSince(1_770_422_400),
        ]);
        let expected = Command::new("(ALL OR FROM")
            .argument("a\" OR \"b")
            .words(" OR SUBJECT \"x\" SEEN NOT NOT ALL SINCE 7-Feb-2026)");
        assert!(criteria(&query) == expected);
        assert_eq!(conversation(&Query::All(vec![Query::Read, Query::Conversation(vec![1])])), Some(&[1][..]));
    }

    #[test]
    fn only_sound_names_reach_the_server() {
        assert!(reference("f0123456789", "1.2", Some("2.1")).is_ok());
        for (container, uid, part) in [
            ("x", "1.2", None),
            ("f0123456789", "1", None),
            ("f0123456789", "1.2", Some("TEXT")),
            ("f0123456789:1.2", "1", None),
        ] {
            assert_eq!(reference(container, uid, part), Err(Error::NotFound));
        }
    }
}

//! The mailbox of a real user: his IMAP server, and what Horde keeps of mails that were answered.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use super::{Imp, Reference, Uid, flags};
use crate::{
    horde::Session,
    source::{
        Error, Role,
        sending::{Mailroom, Original, Verb},
    },
    spool::{Pieces, Spool},
    state::Store,
};

/// Longer nobody waits for a count; it goes on by itself.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where mails that are sent are kept, and where those lie that they answer.
#[derive(Debug, Clone)]
pub struct Postbox {
    imp: Imp,
    session: Session,
    store: Store,
}

impl Postbox {
    /// The mailbox of the user of `session`; `store` has room for mails that are read.
    pub fn new(imp: Imp, session: Session, store: Store) -> Self {
        Self { imp, session, store }
    }

    async fn sent(&self) -> Result<String, String> {
        let folder = self.imp.folder_for(Role::Sent).await.map_err(|e| e.to_string())?;
        folder.ok_or_else(|| "the mailbox has no folder for sent mails".to_owned())
    }

    /// Horde's own record, which its other clients show.
    async fn log(&self, message_id: &str, verb: Verb, to: &[String]) {
        let (action, data) = record(verb, to);
        let id = json!(format!("<{message_id}>"));
        if let Err(error) = self.session.write("mail.logMaillog", vec![json!(action), id, data]).await {
            log::debug!("Horde's log of mails: {error}");
        }
    }
}

/// As what a mail is counted.
fn counted(verb: Option<Verb>) -> &'static str {
    match verb {
        None => "new",
        Some(Verb::Reply | Verb::ReplyAll) => "reply",
        Some(Verb::Forward) => "forward",
    }
}

/// Action and data of an entry; what is forwarded needs to say to whom, or the call ends in a fatal error.
fn record(verb: Verb, to: &[String]) -> (&'static str, serde_json::Value) {
    match verb {
        Verb::Reply => ("reply", json!(null)),
        Verb::ReplyAll => ("reply_all", json!(null)),
        Verb::Forward => ("forward", json!({ "recipients": to.join(", ") })),
    }
}

impl Mailroom for Postbox {
    async fn raw(&self, container: &str, uid: &str) -> Result<Arc<Spool>, Error> {
        let uid = Uid::parse(uid).ok_or(Error::NotFound)?;
        let mut spool = self.store.spool();
        let reference = Reference { container: container.to_owned(), uid, part: None };
        self.imp.message(&reference, &mut spool).await?;
        Ok(Arc::new(spool))
    }

    async fn has_sent(&self, message_id: &str) -> Result<bool, String> {
        let folder = self.sent().await?;
        self.imp.find(&folder, message_id).await.map(|found| found.is_some()).map_err(|e| e.to_string())
    }

    async fn keep(&self, message: &Pieces, at: u64) -> Result<(), String> {
        let folder = self.sent().await?;
        self.imp.append(&folder, &["\\Seen"], Some(at), message).await.map(drop).map_err(|e| e.to_string())
    }

    async fn mark(&self, original: &Original, verb: Verb, to: &[String], now: u64) -> Result<(), String> {
        if !original.message_id.is_empty() {
            self.log(&original.message_id, verb, to).await;
        }
        let uid = Uid::parse(&original.uid).ok_or("no uid")?;
        let verb = match verb {
            Verb::Reply => flags::Verb::Reply,
            Verb::ReplyAll => flags::Verb::ReplyAll,
            Verb::Forward => flags::Verb::Forward,
        };
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        self.imp.mark(&original.container, uid, verb, now).await.map_err(|e| e.to_string())
    }

    async fn count(&self, message_id: &str, verb: Option<Verb>, to: &[String]) {
        let params = vec![json!(counted(verb)), json!(to), json!(format!("<{message_id}>"))];
        let count = self.session.write("mail.logRecipient", params);
        match tokio::time::timeout(PATIENCE, count).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => log::debug!("Horde's count of recipients: {error}"),
            Err(_) => log::debug!("Horde's count of recipients takes long"),
        }
    }
}

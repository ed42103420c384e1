//! Commands about mailboxes as a whole.

use std::collections::HashMap;

use super::{
    command::Command,
    connection::{Connection, Selected, With},
    error::{Code, Error},
    response::{Condition, Status, Untagged},
};

/// A mailbox of the user. Names are as they travel; [`super::utf7::decode`] makes them readable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Mailbox {
    /// Name.
    pub name: String,
    /// Between the levels of the name; `None` for a flat one.
    pub delimiter: Option<char>,
    /// Attributes in lower case: `\noselect`, `\sent`.
    pub attributes: Vec<String>,
    /// Whether the user has subscribed to it.
    pub subscribed: bool,
    /// What STATUS says; nothing for one that cannot be selected, or that the server says nothing of.
    pub status: Option<Status>,
}

impl Mailbox {
    /// Whether it has the attribute, in lower case.
    pub fn is(&self, attribute: &str) -> bool {
        self.attributes.iter().any(|there| there == attribute)
    }

    /// Whether there are messages in it.
    pub fn is_selectable(&self) -> bool {
        !self.is("\\noselect") && !self.is("\\nonexistent")
    }
}

impl Connection {
    /// All mailboxes, with their status. Where the server cannot tell that in one answer, each is asked.
    ///
    /// # Errors
    /// See [`Error`]. A successful answer is complete, but for names that are no text.
    pub async fn list(&mut self) -> Result<Vec<Mailbox>, Error> {
        let extended = self.has("LIST-EXTENDED");
        let mut options = Vec::new();
        if extended {
            options.extend(["SUBSCRIBED", "CHILDREN"]);
            if self.has("SPECIAL-USE") {
                options.push("SPECIAL-USE");
            }
        }
        let with_status = extended && self.has("LIST-STATUS");
        // Of the selected mailbox the server tells what this session has seen of it, even when there is another of that name by now.
        if let Some(name) = self.selected.as_ref().map(|selected| selected.name.clone()) {
            self.unselect(&name).await?;
        }
        let mut words = "LIST \"\" \"*\"".to_owned();
        let items;
        if with_status {
            items = format!("STATUS ({})", self.status_items());
            options.push(&items);
        }
        if !options.is_empty() {
            words = format!("{words} RETURN ({})", options.join(" "));
        }
        let mut mailboxes = match self.list_by(&words).await {
            Err(Error::Bad(text)) if with_status && self.mailbox_id == Some("X-GUID") => {
                log::debug!("the IMAP server knows no X-GUID: {text}");
                self.mailbox_id = None;
                return Box::pin(self.list()).await;
            }
            result => result?,
        };
        if !extended {
            self.add_subscriptions(&mut mailboxes).await?;
        }
        if !with_status {
            for mailbox in mailboxes.iter_mut().filter(|mailbox| mailbox.is_selectable()) {
                match self.status(&mailbox.name).await {
                    Ok(status) => mailbox.status = Some(status),
                    // This one alone cannot be had.
                    Err(Error::No { .. } | Error::Bad(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(mailboxes)
    }

    /// All mailboxes without their status: a shorter question than [`Connection::list`].
    ///
    /// # Errors
    /// As there.
    pub async fn names(&mut self) -> Result<Vec<Mailbox>, Error> {
        if self.has("LIST-EXTENDED") {
            return self.list_by("LIST \"\" \"*\" RETURN (SUBSCRIBED)").await;
        }
        let mut mailboxes = self.list_by("LIST \"\" \"*\"").await?;
        self.add_subscriptions(&mut mailboxes).await?;
        Ok(mailboxes)
    }

    async fn add_subscriptions(&mut self, mailboxes: &mut [Mailbox]) -> Result<(), Error> {
        let subscribed = self.list_by("LSUB \"\" \"*\"").await?;
        for mailbox in mailboxes {
            mailbox.subscribed = subscribed.iter().any(|there| there.name == mailbox.name);
        }
        Ok(())
    }

    async fn list_by(&mut self, words: &str) -> Result<Vec<Mailbox>, Error> {
        let mut found = Vec::new();
        let mut status = HashMap::new();
        let mut take = |data| match data {
            Untagged::List { lsub, attributes, delimiter, name } => {
                let attributes: Vec<String> = attributes.iter().map(|name| name.to_ascii_lowercase()).collect();
                let subscribed = lsub || attributes.iter().any(|name| name == "\\subscribed");
                found.push(Mailbox { name, delimiter, attributes, subscribed, status: None });
            }
            Untagged::Status(name, there) => {
                status.insert(name, there);
            }
            _ => {}
        };
        let done = self.run(Command::new(words), With::default(), &mut take).await?;
        // A name that cannot be read is a mailbox that cannot be used; the others can.
        if let Err(error) = done.complete() {
            log::warn!("a mailbox is left out: {error}");
        }
        for mailbox in &mut found {
            mailbox.status = status.remove(&mailbox.name);
        }
        Ok(found)
    }

    /// What stands before the names of the user's own mailboxes: often nothing, `INBOX.` with some servers.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn prefix(&mut self) -> Result<String, Error> {
        let mut prefix = String::new();
        if self.has("NAMESPACE") {
            let mut take = |data| {
                if let Untagged::Namespace(own, _) = data {
                    prefix = own;
                }
            };
            self.run(Command::new("NAMESPACE"), With::default(), &mut take).await?;
        }
        Ok(prefix)
    }

    fn status_items(&self) -> String {
        let mut items = "UIDVALIDITY UIDNEXT MESSAGES UNSEEN".to_owned();
        if self.has("CONDSTORE") {
            items.push_str(" HIGHESTMODSEQ");
        }
        if let Some(id) = self.mailbox_id {
            items.push(' ');
            items.push_str(id);
        }
        items
    }

    /// What the server says of one mailbox, which need not be selected.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn status(&mut self, name: &str) -> Result<Status, Error> {
        let mut found = None;
        let command = Command::new("STATUS").argument(name).words(&format!(" ({})", self.status_items()));
        let mut take = |data| {
            if let Untagged::Status(there, status) = data
                && there == name
            {
                found = Some(status);
            }
        };
        match self.run(command, With::default(), &mut take).await {
            Err(Error::Bad(text)) if self.mailbox_id == Some("X-GUID") => {
                log::debug!("the IMAP server knows no X-GUID: {text}");
                self.mailbox_id = None;
                Box::pin(self.status(name)).await
            }
            Err(error) => Err(self.explain(error, name).await),
            Ok(_) => found.ok_or_else(|| Error::Garbled("no answer to STATUS".to_owned())),
        }
    }

    /// Selects a mailbox; only for reading unless `write`. One that is selected already stays so, and news of it are asked for.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn select(&mut self, name: &str, write: bool) -> Result<Selected, Error> {
        if let Some(selected) =
            self.selected.as_ref().filter(|there| there.name == name && (!there.read_only || !write))
        {
            let selected = selected.clone();
            if !self.current {
                self.noop().await?;
            }
            return Ok(self.selected.clone().unwrap_or(selected));
        }
        self.reselect(name, write).await
    }

    /// Selects a mailbox anew, whatever is selected: figures like [`Selected::highest_modseq`] are those of now.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn reselect(&mut self, name: &str, write: bool) -> Result<Selected, Error> {
        let condstore = if self.has("CONDSTORE") && !self.qresync { " (CONDSTORE)" } else { "" };
        let command = Command::new(if write { "SELECT" } else { "EXAMINE" }).argument(name).words(condstore);
        // The old one is closed even if the new one cannot be opened.
        self.selected = None;
        let mut selected = Selected { name: name.to_owned(), read_only: !write, ..Selected::default() };
        let has_modseq = self.has("CONDSTORE");
        let mut take = |data| match data {
            Untagged::Exists(messages) => selected.messages = messages,
            Untagged::Words(words) if words.condition == Condition::Ok => match words.code.as_str() {
                // Of the mailbox that was selected before: what came until now is about that.
                "CLOSED" => selected = Selected { name: name.to_owned(), read_only: !write, ..Selected::default() },
                "UIDVALIDITY" => selected.uid_validity = words.argument.parse().unwrap_or_default(),
                "UIDNEXT" => selected.uid_next = words.argument.parse().unwrap_or_default(),
                "HIGHESTMODSEQ" if has_modseq => {
                    selected.highest_modseq = words.argument.parse().ok().filter(|n| *n > 0)
                }
                "PERMANENTFLAGS" => selected.keywords = words.argument.contains("\\*"),
                _ => {}
            },
            _ => {}
        };
        let done = match self.run(command, With::default(), &mut take).await {
            Ok(done) => done,
            Err(error) => return Err(self.explain(error, name).await),
        };
        selected.read_only |= done.complete()?.code == "READ-ONLY";
        self.selected = Some(selected.clone());
        Ok(selected)
    }

    /// Some servers (Dovecot 2.3) refuse a mailbox that is not there without a code: whether it is there is asked for then.
    async fn explain(&mut self, error: Error, name: &str) -> Error {
        let Error::No { code: Code::Other, text } = error else { return error };
        let mut there = false;
        let mut take = |data| {
            if let Untagged::List { name: listed, attributes, .. } = data {
                there |= listed == name && !attributes.iter().any(|a| a.eq_ignore_ascii_case("\\nonexistent"));
            }
        };
        let asked = self.run(Command::new("LIST \"\"").argument(name), With::default(), &mut take).await;
        let gone = asked.is_ok() && !there;
        Error::No { code: if gone { Code::NonExistent } else { Code::Other }, text }
    }

    /// Makes a mailbox and subscribes to it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create(&mut self, name: &str) -> Result<(), Error> {
        self.change(Command::new("CREATE").argument(name)).await?;
        self.subscribe(name, true).await
    }

    /// Renames a mailbox; its subscription goes with it. What is below it is renamed, too.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn rename(&mut self, name: &str, to: &str) -> Result<(), Error> {
        self.unselect(name).await?;
        self.change(Command::new("RENAME").argument(name).argument(to)).await?;
        self.subscribe(name, false).await?;
        self.subscribe(to, true).await
    }

    /// Deletes a mailbox with all messages in it, and its subscription.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn delete(&mut self, name: &str) -> Result<(), Error> {
        self.unselect(name).await?;
        self.change(Command::new("DELETE").argument(name)).await?;
        self.subscribe(name, false).await
    }

    /// Sets or takes off a subscription. A refusal changes nothing for us and is no error.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn subscribe(&mut self, name: &str, on: bool) -> Result<(), Error> {
        let command = Command::new(if on { "SUBSCRIBE" } else { "UNSUBSCRIBE" }).argument(name);
        match self.change(command).await {
            Err(Error::No { text, .. } | Error::Bad(text)) => {
                log::debug!("subscription of {name}: {text}");
                Ok(())
            }
            result => result.map(drop),
        }
    }

    /// Leaves the mailbox if it is the selected one.
    async fn unselect(&mut self, name: &str) -> Result<(), Error> {
        if self.selected.as_ref().is_none_or(|selected| selected.name != name) {
            return Ok(());
        }
        self.selected = None;
        // Without UNSELECT: CLOSE would expunge unless opened by EXAMINE.
        let result = if self.has("UNSELECT") {
            self.simple("UNSELECT").await
        } else {
            self.call(Command::new("EXAMINE").argument("INBOX")).await
        };
        result.map(drop)
    }
}

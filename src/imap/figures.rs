//! One short question about several mailboxes, for those who ask it every few seconds.

use std::collections::{HashMap, HashSet};

use tokio::time::timeout;

use super::{
    command::{Command, Piece},
    connection::{Broken, Connection},
    error::Error,
    response::{Response, Status, Untagged},
};

/// Most commands that go by one write: the answers to them fit into the buffers between both ends.
const AT_ONCE: usize = 64;

impl Connection {
    /// What the server says of these mailboxes, by name; one that it says nothing of (it is not there, for example) is left out. All goes
    /// by one write, a STATUS for each: one LIST-STATUS (RFC 5819) is a little shorter, but has Dovecot look at the list of mailboxes, too,
    /// which costs it two to three times as much. UIDVALIDITY is always told; where the server tells
    /// histories only HIGHESTMODSEQ besides, unless `all` that STATUS has is wanted: UIDNEXT, MESSAGES, UNSEEN. None of them is selected
    /// afterwards: of the selected one the server tells what this session has seen of it.
    ///
    /// # Errors
    /// See [`Error`]; a refusal is none.
    pub async fn figures(&mut self, names: &[&str], all: bool) -> Result<HashMap<String, Status>, Error> {
        let items = match (self.tells_history(), all) {
            (true, false) => "UIDVALIDITY HIGHESTMODSEQ",
            _ if self.has("CONDSTORE") => "UIDVALIDITY UIDNEXT MESSAGES UNSEEN HIGHESTMODSEQ",
            _ => "UIDVALIDITY UIDNEXT MESSAGES UNSEEN",
        };
        let (mut questions, alone) = questions(names, items);
        if let Some(selected) = self.selected.take_if(|selected| names.contains(&selected.name.as_str())) {
            let leave: &[&str] = match (self.has("UNSELECT"), selected.read_only) {
                (true, _) => &["UNSELECT"],
                (false, true) => &["CLOSE"],
                // CLOSE expunges what was not opened by EXAMINE.
                (false, false) => &["EXAMINE \"INBOX\"", "CLOSE"],
            };
            questions.splice(..0, leave.iter().map(|&words| words.to_owned()));
        }
        let mut found = HashMap::new();
        let mut take = |data| {
            if let Untagged::Status(name, status) = data
                && names.contains(&name.as_str())
            {
                found.insert(name, status);
            }
        };
        for questions in questions.chunks(AT_ONCE) {
            self.together(questions, &mut take).await?;
        }
        for name in alone {
            match self.status(name).await {
                Ok(status) => drop(found.insert(name.to_owned(), status)),
                Err(Error::No { .. } | Error::Bad(_) | Error::Garbled(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// Carries out commands that need no answer on their way, by one write. How each of them went is not of interest.
    async fn together(&mut self, commands: &[String], take: &mut (dyn FnMut(Untagged) + Send)) -> Result<(), Error> {
        if !self.sound {
            return Err(Error::Unavailable("the connection is broken".to_owned()));
        }
        // Stays so when this future is dropped half-way.
        (self.sound, self.current) = (false, false);
        let patience = self.patience;
        let result = timeout(patience, self.ask(commands, take)).await;
        match result.unwrap_or_else(|_| Err(Broken::before("no end of the answer"))) {
            Ok(()) => {
                self.sound = true;
                Ok(())
            }
            Err(broken) => Err(Error::Unavailable(self.parting(broken.text))),
        }
    }

    async fn ask(&mut self, commands: &[String], take: &mut (dyn FnMut(Untagged) + Send)) -> Result<(), Broken> {
        let mut open = HashSet::new();
        let mut text = String::new();
        for command in commands {
            let tag = self.next_tag();
            text.extend([&tag, " ", command, "\r\n"]);
            open.insert(tag);
        }
        self.write(text.as_bytes()).await?;
        self.flush().await?;
        while !open.is_empty() {
            match self.read(None).await.map_err(|e| Broken::before(&e.to_string()))? {
                Response::Untagged(data) => take(data),
                Response::Done { tag, .. } if open.remove(&tag) => {}
                Response::Done { tag, .. } => {
                    return Err(Broken::before(&format!("an answer to {tag}, which is not open")));
                }
                Response::Continue => {}
                Response::Unreadable(why) => log::debug!("skipped a response of the IMAP server: {why}"),
            }
        }
        Ok(())
    }
}

/// A name as it stands in a command; `None` when it has to travel by length.
fn quoted(name: &str) -> Option<String> {
    match Command::default().string(name).pieces.pop() {
        Some(Piece::Text(text)) => Some(text),
        _ => None,
    }
}

/// The commands that ask for `items` of all these mailboxes, and the names that cannot stand in them.
fn questions<'a>(names: &[&'a str], items: &str) -> (Vec<String>, Vec<&'a str>) {
    let mut questions = Vec::with_capacity(names.len());
    let mut alone = Vec::new();
    for name in names {
        match quoted(name) {
            Some(text) => questions.push(format!("STATUS {text} ({items})")),
            None => alone.push(*name),
        }
    }
    (questions, alone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_becomes_another_command() {
        let (found, alone) = questions(&["INBOX", "a\"b", "ü", "x\r\ny"], "X");
        assert_eq!(found, ["STATUS \"INBOX\" (X)", "STATUS \"a\\\"b\" (X)"]);
        assert_eq!(alone, ["ü", "x\r\ny"]);
    }
}

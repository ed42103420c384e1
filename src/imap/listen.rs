//! Waiting for what the server says by itself: IDLE (RFC 2177) and NOTIFY (RFC 5465).

use std::pin::pin;

use tokio::io::AsyncBufReadExt as _;

use super::{
    command::Command,
    connection::{Broken, Connection, With},
    error::Error,
    response::{Condition, Response, Untagged},
};

/// What the server says by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// From now on it tells what happens.
    Listening,
    /// Something has happened in this mailbox.
    Mailbox(String),
    /// Mailboxes have come, gone, or been renamed.
    Mailboxes,
}

/// Who hears it.
type Ear<'a> = &'a mut (dyn FnMut(News) + Send);

/// How a NOTIFY ends that asks for changes of the mailboxes themselves, too, and one for servers that cannot tell those.
const FORMS: [&str; 2] =
    [") (MessageNew MessageExpunge FlagChange)) (personal (MailboxName))", ") (MessageNew MessageExpunge FlagChange))"];

impl Connection {
    /// Tells what happens in one mailbox, until `until` is over; that should be after less than half an hour (RFC 2177). The mailbox stays
    /// selected.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Unavailable`] also when the server ends it.
    pub async fn idle(&mut self, name: &str, ear: Ear<'_>, until: impl Future<Output = ()>) -> Result<(), Error> {
        self.select(name, false).await?;
        let tag = self.next_tag();
        (self.sound, self.current) = (false, false);
        let refusal = self.idle_as(&tag, name, ear, until).await.map_err(|broken| self.broken(broken))?;
        self.sound = true;
        refusal.map_or(Ok(()), Err)
    }

    /// Gives the server's refusal.
    async fn idle_as(
        &mut self,
        tag: &str,
        name: &str,
        ear: Ear<'_>,
        until: impl Future<Output = ()>,
    ) -> Result<Option<Error>, Broken> {
        self.write(format!("{tag} IDLE\r\n").as_bytes()).await?;
        self.flush().await?;
        // News until then are a part of what Listening says: that anything may have happened.
        loop {
            match self.hear().await? {
                Response::Continue => break,
                Response::Done { tag: there, words } if there == tag => {
                    return Ok(Some(match words.condition {
                        Condition::No => Error::No { code: words.refusal(), text: words.text },
                        _ => Error::Bad(words.text),
                    }));
                }
                response => drop(data(response)?),
            }
        }
        ear(News::Listening);
        let mut take = |data| {
            if matches!(
                data,
                Untagged::Exists(_) | Untagged::Expunge(_) | Untagged::Vanished { .. } | Untagged::Fetch(_)
            ) {
                ear(News::Mailbox(name.to_owned()));
            }
            Ok(())
        };
        self.listen(&mut take, until).await?;
        self.write(b"DONE\r\n").await?;
        self.flush().await?;
        loop {
            match self.hear().await? {
                Response::Done { tag: there, .. } if there == tag => return Ok(None),
                response => data(response)?.map_or(Ok(()), &mut take)?,
            }
        }
    }

    /// Tells what happens in these mailboxes, until `until` is over; that should be after less than half an hour, for a server ends sessions
    /// without commands. No mailbox may be selected: all are told of by STATUS then.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Unavailable`] also when the server ends it.
    pub async fn notify(
        &mut self,
        names: &[String],
        ear: Ear<'_>,
        until: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        let mut result = Ok(());
        for form in FORMS {
            let start = Command::new("NOTIFY SET (mailboxes (");
            let list = names
                .iter()
                .enumerate()
                .fold(start, |command, (at, name)| if at == 0 { command.string(name) } else { command.argument(name) });
            result = self.run(list.words(form), With::default(), &mut |_| ()).await.map(drop);
            if !matches!(result, Err(Error::No { .. } | Error::Bad(_))) {
                break;
            }
        }
        result?;
        ear(News::Listening);
        let mut take = |data| {
            match data {
                Untagged::Status(name, _) => ear(News::Mailbox(name)),
                Untagged::List { .. } => ear(News::Mailboxes),
                // It has stopped to tell (RFC 5465 5.8).
                Untagged::Words(words) if words.code == "NOTIFICATIONOVERFLOW" => {
                    return Err(Broken::before("more news than the server can tell"));
                }
                _ => {}
            }
            Ok(())
        };
        self.listen(&mut take, until).await.map_err(|broken| self.broken(broken))
    }

    async fn listen(
        &mut self,
        take: &mut (dyn FnMut(Untagged) -> Result<(), Broken> + Send),
        until: impl Future<Output = ()>,
    ) -> Result<(), Broken> {
        let mut until = pin!(until);
        loop {
            tokio::select! {
                ready = self.ready() => ready?,
                () = &mut until => return Ok(()),
            }
            data(self.hear().await?)?.map_or(Ok(()), &mut *take)?;
        }
    }

    fn broken(&mut self, broken: Broken) -> Error {
        self.sound = false;
        Error::Unavailable(self.parting(broken.text))
    }

    /// Comes back when the server has said something. Nothing is lost when it is dropped before.
    async fn ready(&mut self) -> Result<(), Broken> {
        let io = self.io.as_mut().ok_or_else(|| Broken::before("no connection"))?;
        match io.fill_buf().await {
            Ok([]) => Err(Broken::before("the server closed the connection")),
            Ok(_) => Ok(()),
            Err(error) => Err(Broken::before(&error.to_string())),
        }
    }

    /// The next response; an error when the server leaves.
    async fn hear(&mut self) -> Result<Response, Broken> {
        let response = self.read(None).await.map_err(|e| Broken::before(&e.to_string()))?;
        if self.bye.is_some() { Err(Broken::before("the server leaves")) } else { Ok(response) }
    }
}

/// The data of a response that answers nothing.
fn data(response: Response) -> Result<Option<Untagged>, Broken> {
    match response {
        Response::Untagged(data) => Ok(Some(data)),
        Response::Done { tag, words } => {
            Err(Broken::before(&format!("an answer to {tag}, which is not open: {}", words.text)))
        }
        Response::Unreadable(why) => {
            log::debug!("skipped a response of the IMAP server: {why}");
            Ok(None)
        }
        Response::Continue => Ok(None),
    }
}

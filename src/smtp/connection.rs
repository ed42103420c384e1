//! A conversation with a server, up to the end of one message.

use std::{future::Future, time::Duration};

use tokio::{io::AsyncWriteExt, time::timeout};

use super::{
    Error, PATIENCE,
    error::{Step, told},
    reply::Reply,
    text::Text,
};
use crate::net::{self, Security, Server, Stream};

/// Longest time to build up a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// How long the server may take to say good-bye.
const GOODBYE: Duration = Duration::from_secs(2);

/// Why a command did not do what it should.
#[derive(Debug)]
pub(super) enum Fault {
    /// The connection is of no use any more.
    Broken(String),
    /// The server says something else.
    Said(Reply),
}

/// A connection to a server that has said what it can.
#[derive(Debug)]
pub(super) struct Connection {
    /// `None` once nothing more is to be said.
    stream: Option<Stream>,
    /// What the server offers (RFC 5321 4.1.1.1): lines of its answer to EHLO.
    offers: Vec<String>,
    limit: Duration,
}

impl Connection {
    /// Connects, says hello as `name`, and begins TLS where the settings want it. Each step may take `limit`.
    pub(super) async fn open(server: &Server, name: &str, limit: Duration) -> Result<Self, Error> {
        let stream = Stream::connect(server, CONNECT.min(limit)).await.map_err(unreachable)?;
        let mut connection = Self { stream: Some(stream), offers: Vec::new(), limit };
        let hello = |fault| told(Step::Hello, fault);
        connection.expect(2).await.map_err(hello)?;
        connection.hello(name).await.map_err(hello)?;
        if server.security == Security::Starttls {
            if !connection.offers("STARTTLS") {
                return Err(Error::Later("the server offers no STARTTLS (option tls in [smtp])".to_owned()));
            }
            connection.command("STARTTLS", 2).await.map_err(hello)?;
            if let Some(stream) = connection.stream.take() {
                connection.stream = Some(stream.start_tls(server, CONNECT.min(limit)).await.map_err(unreachable)?);
            }
            // What was offered without TLS may come from anybody.
            connection.hello(name).await.map_err(hello)?;
        }
        Ok(connection)
    }

    async fn hello(&mut self, name: &str) -> Result<(), Fault> {
        let name = if name.is_ascii() { name } else { "localhost" };
        match self.command(&format!("EHLO {name}"), 2).await {
            Ok(reply) => self.offers = reply.lines.into_iter().skip(1).collect(),
            Err(Fault::Said(reply)) if reply.class() == 5 => {
                self.offers.clear();
                self.command(&format!("HELO {name}"), 2).await?;
            }
            Err(fault) => return Err(fault),
        }
        Ok(())
    }

    /// Whether the server has that extension (in capitals).
    pub(super) fn offers(&self, extension: &str) -> bool {
        self.parameter(extension).is_some()
    }

    /// What stands behind the name of an extension; empty when nothing does. Old servers put an equals sign there.
    pub(super) fn parameter(&self, extension: &str) -> Option<&str> {
        self.offers.iter().find_map(|line| {
            let (name, rest) = line.split_at_checked(extension.len())?;
            let same = name.eq_ignore_ascii_case(extension) && (rest.is_empty() || rest.starts_with([' ', '=']));
            same.then(|| rest.trim_start_matches([' ', '=']))
        })
    }

    /// Says one command, and reads the answer, whose first digit should be `class`.
    pub(super) async fn command(&mut self, command: &str, class: u16) -> Result<Reply, Fault> {
        self.say(&[command]).await?;
        self.expect(class).await
    }

    /// Says several commands at once, and reads the answers, whatever they are.
    pub(super) async fn commands(&mut self, commands: &[String]) -> Result<Vec<Reply>, Fault> {
        self.say(commands).await?;
        let mut replies = Vec::with_capacity(commands.len());
        for _ in commands {
            replies.push(self.listen(self.limit).await?);
        }
        Ok(replies)
    }

    /// Hands the message over. The server may break it off before its end.
    pub(super) async fn message(&mut self, text: &Text) -> Result<(), Error> {
        let mut flow = text.flow();
        loop {
            let piece = match flow.next().await {
                Ok(Some(piece)) => piece,
                Ok(None) => break,
                Err(error) => {
                    // Without its last dot it is no message.
                    self.stream = None;
                    return Err(super::unread(error));
                }
            };
            if let Err(fault) = self.write(&piece).await {
                return Err(self.last_words(fault).await);
            }
        }
        // From here on the server may have all of it.
        let end = async {
            self.flush().await?;
            match self.listen(self.limit.saturating_mul(PATIENCE)).await? {
                reply if reply.class() == 2 => Ok(()),
                reply => Err(Fault::Said(reply)),
            }
        };
        end.await.map_err(|fault| told(Step::End, fault))
    }

    /// Why the server does not read on, if it says so.
    async fn last_words(&mut self, fault: Fault) -> Error {
        match self.listen(GOODBYE).await {
            Ok(reply) if reply.class() >= 4 => told(Step::Data, Fault::Said(reply)),
            _ => told(Step::Data, fault),
        }
    }

    /// Ends the conversation in order, which nobody waits for.
    pub(super) fn quit(&mut self) {
        if let Some(mut stream) = self.stream.take() {
            tokio::spawn(timeout(GOODBYE, async move {
                stream.write_all(b"QUIT\r\n").await?;
                stream.flush().await?;
                let _ = Reply::read(&mut stream).await;
                stream.shutdown().await
            }));
        }
    }

    async fn say(&mut self, commands: &[impl AsRef<str>]) -> Result<(), Fault> {
        for command in commands {
            self.write(command.as_ref().as_bytes()).await?;
            self.write(b"\r\n").await?;
        }
        self.flush().await
    }

    async fn expect(&mut self, class: u16) -> Result<Reply, Fault> {
        let reply = self.listen(self.limit).await?;
        if reply.class() == class { Ok(reply) } else { Err(Fault::Said(reply)) }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let limit = self.limit;
        let stream = self.stream()?;
        within(limit, async { stream.write_all(bytes).await.map_err(|e| e.to_string()) }).await
    }

    async fn flush(&mut self) -> Result<(), Fault> {
        let limit = self.limit;
        let stream = self.stream()?;
        within(limit, async { stream.flush().await.map_err(|e| e.to_string()) }).await
    }

    async fn listen(&mut self, limit: Duration) -> Result<Reply, Fault> {
        within(limit, Reply::read(self.stream()?)).await
    }

    fn stream(&mut self) -> Result<&mut Stream, Fault> {
        self.stream.as_mut().ok_or_else(|| Fault::Broken("the connection is closed".to_owned()))
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, String>>) -> Result<T, Fault> {
    match timeout(limit, work).await {
        Ok(result) => result.map_err(Fault::Broken),
        Err(_) => Err(Fault::Broken(format!("the server stands still for {} s", limit.as_secs()))),
    }
}

fn unreachable(error: net::Error) -> Error {
    Error::Later(error.to_string())
}

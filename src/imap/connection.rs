//! One connection: greeting, TLS, login, and commands one at a time.

use std::{
    collections::HashSet,
    future::poll_fn,
    io,
    pin::Pin,
    task::Poll,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    io::{AsyncBufRead as _, AsyncWriteExt as _},
    time::timeout,
};

use super::{
    command::{Command, Piece},
    error::{Code, Error},
    reader::{Sink, read_frame},
    response::{Condition, Response, Untagged, Words, capabilities},
    settings::{Credentials, Settings},
};
use crate::{
    net::{self, Security, Server, Stream},
    spool::Pieces,
};

/// Longest time to build up a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest time for one command, whatever the server sends.
const LONGEST: Duration = Duration::from_secs(1800);
/// A literal up to this length goes without asking, where the server allows that; the server can refuse a longer one before it travels.
const UNASKED: u64 = 64 << 10;

/// The mailbox that is selected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selected {
    /// Its name as it travels.
    pub name: String,
    /// UIDVALIDITY; 0 where the server has none: nothing may be remembered of its uids.
    pub uid_validity: u32,
    /// UIDNEXT; 0 if not told.
    pub uid_next: u32,
    /// Messages in it.
    pub messages: u32,
    /// HIGHESTMODSEQ; `None` where changes are not counted.
    pub highest_modseq: Option<u64>,
    /// Opened by EXAMINE, or the server allows no more.
    pub read_only: bool,
    /// Whether flags of other names than the server's own can be set.
    pub keywords: bool,
}

/// The end of a command that was carried out.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) words: Words,
    /// What the first response said that could not be read.
    garbled: Option<String>,
}

impl Done {
    /// For commands whose answer is of no use unless it is complete.
    pub(super) fn complete(self) -> Result<Words, Error> {
        self.garbled.map_or(Ok(self.words), |why| Err(Error::Garbled(why)))
    }
}

/// What goes with a command.
#[derive(Default)]
pub(super) struct With<'a> {
    /// Content at the end of the command.
    pub(super) content: Option<Pieces>,
    /// Where content in the answer goes.
    pub(super) sink: Option<&'a mut dyn Sink>,
    /// Whether it changes something.
    pub(super) writes: bool,
}

/// A connection to an IMAP server, logged in.
pub struct Connection {
    pub(super) io: Option<Stream>,
    tag: u32,
    pub(super) patience: Duration,
    capabilities: HashSet<String>,
    ignored: HashSet<String>,
    /// No command is half done.
    pub(super) sound: bool,
    /// The last command was a NOOP: what the server knows of the selected mailbox is known here.
    pub(super) current: bool,
    /// What the server said when it left.
    pub(super) bye: Option<String>,
    /// Whether VANISHED and MODSEQ come.
    pub(super) qresync: bool,
    /// STATUS item that stays with a mailbox when it is renamed.
    pub(super) mailbox_id: Option<&'static str>,
    pub(super) selected: Option<Selected>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("sound", &self.sound).field("selected", &self.selected).finish()
    }
}

impl Connection {
    /// Connects and logs in.
    pub(super) async fn open(server: &Server, settings: &Settings, credentials: &Credentials) -> Result<Self, Error> {
        let patience = settings.patience();
        let stream = Stream::connect(server, CONNECT.min(patience)).await.map_err(unreachable)?;
        let mut connection = Self {
            io: Some(stream),
            tag: 0,
            patience,
            capabilities: HashSet::new(),
            ignored: settings.ignore.iter().map(|name| name.to_ascii_uppercase()).collect(),
            sound: true,
            current: false,
            bye: None,
            qresync: false,
            mailbox_id: None,
            selected: None,
        };
        let greeting = connection.greeting().await?;
        if server.security == Security::Starttls {
            connection.start_tls(server, &greeting).await?;
        }
        if greeting.condition != Condition::Preauth {
            connection.log_in(credentials).await?;
        }
        connection.settle(&greeting).await?;
        Ok(connection)
    }

    async fn greeting(&mut self) -> Result<Words, Error> {
        let response = self.read(None).await.map_err(|e| Error::Unavailable(e.to_string()))?;
        let Response::Untagged(Untagged::Words(words)) = response else {
            return Err(Error::Unavailable("that is no IMAP server".to_owned()));
        };
        match words.condition {
            Condition::Ok | Condition::Preauth => Ok(words),
            _ => Err(Error::Unavailable(format!("the server does not let us in: {}", words.text))),
        }
    }

    async fn start_tls(&mut self, server: &Server, greeting: &Words) -> Result<(), Error> {
        if greeting.condition == Condition::Preauth {
            return Err(Error::Unavailable("the server skips TLS by PREAUTH".to_owned()));
        }
        self.learn().await?;
        if !self.has("STARTTLS") {
            return Err(Error::Unavailable("the server offers no STARTTLS (option tls in [imap])".to_owned()));
        }
        self.simple("STARTTLS").await?;
        let stream = self.io.take().ok_or_else(|| Error::Unavailable("no connection".to_owned()))?;
        let limit = CONNECT.min(self.patience);
        self.io = Some(stream.start_tls(server, limit).await.map_err(unreachable)?);
        // What was said without TLS counts no more.
        self.capabilities.clear();
        Ok(())
    }

    /// Asks for the capabilities, unless the server has told them.
    async fn learn(&mut self) -> Result<(), Error> {
        if self.capabilities.is_empty() { self.simple("CAPABILITY").await.map(drop) } else { Ok(()) }
    }

    async fn log_in(&mut self, credentials: &Credentials) -> Result<(), Error> {
        self.learn().await?;
        let (user, master, password) = (&credentials.user, &credentials.master, credentials.password.expose_secret());
        if [user, master].iter().any(|name| name.contains('\0')) || password.contains('\0') {
            return Err(Error::Login("a NUL in name or password".to_owned()));
        }
        let (plain, disabled) = (self.has("AUTH=PLAIN"), self.has("LOGINDISABLED"));
        // What was offered before the login counts no more.
        let result = if plain {
            let (authority, name) = if master.is_empty() { ("", user) } else { (user.as_str(), master) };
            let secret = SecretString::from(BASE64_STANDARD.encode(format!("{authority}\0{name}\0{password}")));
            let direct = self.has("SASL-IR");
            self.capabilities.clear();
            self.authenticate(&secret, direct).await
        } else if disabled {
            return Err(Error::Unavailable("the server takes no plain login on this connection".to_owned()));
        } else {
            let name = if master.is_empty() { user.clone() } else { format!("{user}*{master}") };
            self.capabilities.clear();
            self.call(Command::new("LOGIN").argument(&name).argument(password)).await.map(drop)
        };
        result.map_err(|error| match error {
            Error::No { code: Code::Unavailable, text } => Error::Unavailable(text),
            Error::No { text, .. } => Error::Login(text),
            error => error,
        })
    }

    async fn authenticate(&mut self, secret: &SecretString, direct: bool) -> Result<(), Error> {
        if direct {
            let command = Command::new("AUTHENTICATE PLAIN ").words(secret.expose_secret());
            return self.call(command).await.map(drop);
        }
        let line = secret.expose_secret().as_bytes().to_vec();
        let with = With { content: Some(line.into()), ..With::default() };
        self.run(Command::new("AUTHENTICATE PLAIN"), with, &mut |_| ()).await.map(drop)
    }

    /// After the login.
    async fn settle(&mut self, greeting: &Words) -> Result<(), Error> {
        self.learn().await?;
        if self.has("OBJECTID") {
            self.mailbox_id = Some("MAILBOXID");
        } else if greeting.text.contains("Dovecot") && !self.is_ignored("X-GUID") {
            self.mailbox_id = Some("X-GUID");
        }
        if self.has("QRESYNC") && self.has("CONDSTORE") && self.has("ENABLE") {
            match self.simple("ENABLE QRESYNC CONDSTORE").await {
                Ok(_) => self.qresync = true,
                Err(Error::No { text, .. } | Error::Bad(text)) => log::debug!("QRESYNC is not enabled: {text}"),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn is_ignored(&self, capability: &str) -> bool {
        self.ignored.contains(capability)
    }

    /// Whether the server offers a capability (name in upper case), and it may be used.
    pub fn has(&self, capability: &str) -> bool {
        // QRESYNC has CONDSTORE in it (RFC 7162 3.2.3).
        let implied = capability == "CONDSTORE" && self.capabilities.contains("QRESYNC");
        (implied || self.capabilities.contains(capability)) && !self.is_ignored(capability)
    }

    /// Whether the server tells what vanished and changed since a modseq.
    pub fn tells_history(&self) -> bool {
        self.qresync && self.has("CONDSTORE")
    }

    /// The mailbox that is selected.
    pub fn selected(&self) -> Option<&Selected> {
        self.selected.as_ref()
    }

    /// Whether the next command has a chance. Sees what the server has said meanwhile: that it leaves, for example. Unless it has to be
    /// `proven`, a server that says nothing is believed to be there.
    pub(super) async fn is_alive(&mut self, unused: Duration, proven: bool) -> bool {
        if !self.sound {
            return false;
        }
        let Some(io) = &mut self.io else { return false };
        // What has come is seen when the runtime has looked at its sockets; a time limit, even of nothing, would last a millisecond.
        tokio::task::yield_now().await;
        // Something that waits to be read is news of the mailbox or a farewell; NOOP tells them apart.
        let quiet = match poll_fn(|cx| Poll::Ready(Pin::new(&mut *io).poll_fill_buf(cx).map_ok(<[u8]>::len))).await {
            Poll::Pending => true,
            Poll::Ready(Ok(ready)) if ready > 0 => false,
            Poll::Ready(_) => return false,
        };
        // A mailbox that was deleted meanwhile takes the session with it (Dovecot).
        if quiet && (!proven || self.selected.is_none() && unused < Duration::from_secs(10)) {
            return true;
        }
        let patience = std::mem::replace(&mut self.patience, Duration::from_secs(5));
        let alive = self.noop().await.is_ok() && self.bye.is_none();
        self.patience = patience;
        alive
    }

    /// Whether nothing is half done and the server has not left.
    pub(super) fn is_sound(&self) -> bool {
        self.sound && self.bye.is_none()
    }

    /// Lets the server tell what has happened in the selected mailbox.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn noop(&mut self) -> Result<(), Error> {
        self.simple("NOOP").await?;
        self.current = true;
        Ok(())
    }

    /// Says good-bye, without waiting for long.
    pub(super) async fn close(mut self) {
        if self.sound {
            self.patience = Duration::from_secs(1);
            let _ = self.simple("LOGOUT").await;
        }
    }

    /// A command that changes nothing and whose data is not of interest.
    pub(super) async fn simple(&mut self, words: &str) -> Result<Words, Error> {
        self.call(Command::new(words)).await
    }

    /// Like [`Connection::simple`], with strings.
    pub(super) async fn call(&mut self, command: Command) -> Result<Words, Error> {
        Ok(self.run(command, With::default(), &mut |_| ()).await?.words)
    }

    /// A command that changes something.
    pub(super) async fn change(&mut self, command: Command) -> Result<Words, Error> {
        let with = With { writes: true, ..With::default() };
        Ok(self.run(command, with, &mut |_| ()).await?.words)
    }

    /// Carries a command out; `take` gets what the server sends meanwhile.
    pub(super) async fn run(
        &mut self,
        command: Command,
        with: With<'_>,
        take: &mut (dyn FnMut(Untagged) + Send),
    ) -> Result<Done, Error> {
        if !self.sound {
            return Err(Error::Unavailable("the connection is broken".to_owned()));
        }
        let writes = with.writes;
        // Stays so when this future is dropped half-way.
        (self.sound, self.current) = (false, false);
        let result = timeout(LONGEST, self.exchange(command, with, take)).await;
        let result = result.unwrap_or_else(|_| Err(Broken::after("no end of the answer")));
        match result {
            Ok(done) => {
                self.sound = true;
                match done.words.condition {
                    Condition::Ok => Ok(done),
                    Condition::No => Err(Error::No { code: done.words.refusal(), text: done.words.text }),
                    _ => Err(Error::Bad(done.words.text)),
                }
            }
            Err(broken) => {
                let text = self.parting(broken.text);
                Err(if writes && broken.sent { Error::Lost(text) } else { Error::Unavailable(text) })
            }
        }
    }

    /// Why the connection broke, with what the server said last.
    pub(super) fn parting(&self, text: String) -> String {
        match &self.bye {
            Some(bye) => format!("{text} ({bye})"),
            None => text,
        }
    }

    async fn exchange(
        &mut self,
        command: Command,
        mut with: With<'_>,
        take: &mut (dyn FnMut(Untagged) + Send),
    ) -> Result<Done, Broken> {
        let mut talk = Talk { tag: self.next_tag(), garbled: None, begun: Instant::now() };
        let (plus, minus) = (self.has("LITERAL+"), self.has("LITERAL-"));
        let is_free = |length: u64| plus && length <= UNASKED || minus && length <= 4096;
        self.write(format!("{} ", talk.tag).as_bytes()).await?;
        for piece in command.pieces {
            match piece {
                Piece::Text(text) => self.write(text.as_bytes()).await?,
                Piece::Literal(bytes) => {
                    let length = bytes.len() as u64;
                    if let Some(words) = self.announce(&mut talk, length, is_free(length), take).await? {
                        return Ok(Done { words, garbled: talk.garbled });
                    }
                    self.write(&bytes).await?;
                }
            }
        }
        if let Some(content) = with.content.take() {
            let length = content.len();
            // Without writing it is an answer to the server's question, which needs no announcement.
            let refused = if with.writes {
                self.announce(&mut talk, length, is_free(length), take).await?
            } else {
                self.write(b"\r\n").await?;
                self.wait(&mut talk, take).await?
            };
            if let Some(words) = refused {
                return Ok(Done { words, garbled: talk.garbled });
            }
            self.pour(&content).await?;
        }
        self.write(b"\r\n").await?;
        self.flush().await?;
        loop {
            let next = self.next(&mut talk, with.sink.as_mut().map(|sink| &mut **sink as &mut dyn Sink), take).await;
            if let Some(Response::Done { words, .. }) = next.map_err(|e| Broken { text: e.to_string(), sent: true })? {
                return Ok(Done { words, garbled: talk.garbled });
            }
        }
    }

    /// The tag of the next command.
    pub(super) fn next_tag(&mut self) -> String {
        self.tag = self.tag.wrapping_add(1);
        format!("a{}", self.tag)
    }

    /// Announces a literal. Gives the server's words if it does not want it.
    async fn announce(
        &mut self,
        talk: &mut Talk,
        length: u64,
        free: bool,
        take: &mut (dyn FnMut(Untagged) + Send),
    ) -> Result<Option<Words>, Broken> {
        let plus = if free { "+" } else { "" };
        self.write(format!("{{{length}{plus}}}\r\n").as_bytes()).await?;
        if free { Ok(None) } else { self.wait(talk, take).await }
    }

    async fn wait(
        &mut self,
        talk: &mut Talk,
        take: &mut (dyn FnMut(Untagged) + Send),
    ) -> Result<Option<Words>, Broken> {
        self.flush().await?;
        loop {
            match self.next(talk, None, take).await.map_err(|e| Broken::before(&e.to_string()))? {
                Some(Response::Continue) => return Ok(None),
                Some(Response::Done { words, .. }) => {
                    if words.condition == Condition::Ok {
                        return Err(Broken::before("an OK for half a command"));
                    }
                    return Ok(Some(words));
                }
                _ => {}
            }
        }
    }

    /// If the content cannot be read to its end, the command is never ended.
    async fn pour(&mut self, content: &Pieces) -> Result<(), Broken> {
        let mut reader = content.reader();
        let unread = |e: io::Error| Broken::before(&format!("the content cannot be read: {e}"));
        while let Some(bytes) = reader.next().await.map_err(unread)? {
            self.write(&bytes).await?;
        }
        Ok(())
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let patience = self.patience;
        let io = self.io.as_mut().ok_or_else(|| Broken::before("no connection"))?;
        match timeout(patience, io.write_all(bytes)).await {
            Ok(result) => result.map_err(|e| Broken::before(&e.to_string())),
            Err(_) => Err(Broken::before("the server takes nothing")),
        }
    }

    pub(super) async fn flush(&mut self) -> Result<(), Broken> {
        let patience = self.patience;
        let io = self.io.as_mut().ok_or_else(|| Broken::before("no connection"))?;
        match timeout(patience, io.flush()).await {
            Ok(result) => result.map_err(|e| Broken::before(&e.to_string())),
            Err(_) => Err(Broken::before("the server takes nothing")),
        }
    }

    pub(super) async fn read(&mut self, sink: Option<&mut dyn Sink>) -> io::Result<Response> {
        let patience = self.patience;
        let io = self.io.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let response = Response::read(&read_frame(io, sink, patience).await?);
        match &response {
            Response::Untagged(Untagged::Capability(names)) => self.capabilities = names.iter().cloned().collect(),
            Response::Untagged(Untagged::Words(words)) | Response::Done { words, .. } if words.code == "CAPABILITY" => {
                self.capabilities = capabilities(&words.argument).into_iter().collect();
            }
            Response::Untagged(Untagged::Words(words)) if words.condition == Condition::Bye => {
                self.bye = Some(words.text.clone());
            }
            Response::Untagged(Untagged::Exists(messages)) => {
                if let Some(selected) = &mut self.selected {
                    selected.messages = *messages;
                }
            }
            _ => {}
        }
        Ok(response)
    }

    /// The next response that ends or holds up the command; `None` for others.
    async fn next(
        &mut self,
        talk: &mut Talk,
        sink: Option<&mut dyn Sink>,
        take: &mut (dyn FnMut(Untagged) + Send),
    ) -> io::Result<Option<Response>> {
        if talk.begun.elapsed() > LONGEST {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "no end of the answer"));
        }
        match self.read(sink).await? {
            Response::Done { tag, words } if tag == talk.tag => Ok(Some(Response::Done { tag, words })),
            Response::Continue => Ok(Some(Response::Continue)),
            Response::Untagged(data) => {
                take(data);
                Ok(None)
            }
            Response::Done { tag, words } => {
                // The server answers something that was not asked: both may think of another command.
                let text = format!("an answer to {tag} in place of {}: {}", talk.tag, words.text);
                Err(io::Error::new(io::ErrorKind::InvalidData, text))
            }
            Response::Unreadable(why) => {
                log::debug!("skipped a response of the IMAP server: {why}");
                talk.garbled.get_or_insert(why);
                Ok(None)
            }
        }
    }
}

/// A command under way.
struct Talk {
    tag: String,
    garbled: Option<String>,
    begun: Instant,
}

/// The connection cannot go on.
pub(super) struct Broken {
    pub(super) text: String,
    /// The whole command was sent.
    sent: bool,
}

impl Broken {
    pub(super) fn before(text: &str) -> Self {
        Self { text: text.to_owned(), sent: false }
    }

    fn after(text: &str) -> Self {
        Self { text: text.to_owned(), sent: true }
    }
}

fn unreachable(error: net::Error) -> Error {
    Error::Unavailable(error.to_string())
}

//! The other door to mail: IMAP and LMTP as another mail program and another mail server would use them, past the bridge.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use crate::horde::{Horde, Lab};

/// What the server says to one command.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    /// The untagged lines, each with its literals as text behind it.
    pub(crate) lines: Vec<(String, Vec<Vec<u8>>)>,
    /// The tagged line, without its tag.
    pub(crate) end: String,
}

/// A message as IMAP shows it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) uid: u32,
    /// Flags and keywords, in alphabetical order, without `\Recent`.
    pub(crate) flags: Vec<String>,
    pub(crate) date: String,
    pub(crate) raw: Vec<u8>,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text: String = self.text().chars().take(1000).collect();
        write!(f, "{} {:?} {}\n{text}", self.uid, self.flags, self.date)
    }
}

impl Message {
    /// The message as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.raw).into_owned()
    }

    /// The value of a header as it stands there, lines joined.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let text = self.text();
        let head = text.split("\r\n\r\n").next()?.replace("\r\n\t", " ").replace("\r\n ", " ");
        let mut lines = head.split("\r\n").filter_map(|l| l.split_once(':'));
        lines.find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    }

    /// What is behind the headers.
    pub(crate) fn body(&self) -> &[u8] {
        let end = self.raw.windows(4).position(|w| w == b"\r\n\r\n").map_or(self.raw.len(), |at| at + 4);
        &self.raw[end..]
    }

    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|f| f.eq_ignore_ascii_case(flag))
    }
}

/// An IMAP session.
#[derive(Debug)]
pub(crate) struct Mailbox {
    stream: BufReader<TcpStream>,
    count: u32,
    folder: String,
}

impl Mailbox {
    /// Logs a user in.
    pub(crate) fn of(lab: &Lab, user: &Horde) -> Self {
        let stream = TcpStream::connect(lab.port("P_IMAP")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut this = Self { stream: BufReader::new(stream), count: 0, folder: String::new() };
        this.line();
        this.command(&format!("LOGIN {} {}", user.user, user.password));
        this
    }

    fn line(&mut self) -> (String, Vec<Vec<u8>>) {
        let (mut text, mut literals) = (String::new(), Vec::new());
        loop {
            let mut line = Vec::new();
            let length = self.stream.read_until(b'\n', &mut line).unwrap();
            assert_ne!(length, 0, "IMAP: connection closed after {text}");
            let line = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
            text += &line;
            let size = line.strip_suffix('}').and_then(|l| l.rsplit_once('{')).and_then(|(_, n)| n.parse().ok());
            let Some(size) = size else { return (text, literals) };
            let mut literal = vec![0; size];
            self.stream.read_exact(&mut literal).unwrap();
            literals.push(literal);
        }
    }

    /// One command, whatever becomes of it; a `literal` is its last argument.
    pub(crate) fn try_command(&mut self, command: &str, literal: Option<&[u8]>) -> Said {
        self.count += 1;
        let tag = format!("t{}", self.count);
        let mut bytes = format!("{tag} {command}").into_bytes();
        if let Some(literal) = literal {
            bytes.extend(format!(" {{{}+}}\r\n", literal.len()).bytes());
            bytes.extend(literal);
        }
        bytes.extend(b"\r\n");
        self.stream.get_mut().write_all(&bytes).unwrap();
        let mut said = Said::default();
        loop {
            let line = self.line();
            match line.0.strip_prefix(&format!("{tag} ")) {
                Some(end) => {
                    end.clone_into(&mut said.end);
                    return said;
                }
                None => said.lines.push(line),
            }
        }
    }

    /// One command that succeeds.
    pub(crate) fn command(&mut self, command: &str) -> Said {
        let said = self.try_command(command, None);
        assert!(said.end.starts_with("OK"), "{command}: {}", said.end);
        said
    }

    /// Selects a folder (in IMAP's own writing of names, without quotes).
    pub(crate) fn select(&mut self, folder: &str) -> Said {
        folder.clone_into(&mut self.folder);
        self.command(&format!("SELECT \"{folder}\""))
    }

    /// Names of all folders.
    pub(crate) fn folders(&mut self) -> Vec<String> {
        let said = self.command("LIST \"\" *");
        let mut names: Vec<String> = said.lines.iter().map(|(line, literals)| name_of(line, literals)).collect();
        names.sort();
        names
    }

    /// Makes a folder and subscribes to it.
    pub(crate) fn create(&mut self, folder: &str) {
        self.command(&format!("CREATE \"{folder}\""));
        self.command(&format!("SUBSCRIBE \"{folder}\""));
    }

    /// Gives a folder another name, and the subscription with it.
    pub(crate) fn rename(&mut self, from: &str, to: &str) {
        self.command(&format!("RENAME \"{from}\" \"{to}\""));
        self.command(&format!("UNSUBSCRIBE \"{from}\""));
        self.command(&format!("SUBSCRIBE \"{to}\""));
    }

    /// Puts a message into a folder; gives its uid.
    pub(crate) fn append(&mut self, folder: &str, flags: &str, message: &[u8]) -> u32 {
        let said = self.try_command(&format!("APPEND \"{folder}\" ({flags})"), Some(message));
        appended(&said)
    }

    /// Puts a message into a folder with that date of receipt (`17-Jul-1996 02:44:25 -0700`).
    pub(crate) fn append_at(&mut self, folder: &str, date: &str, message: &[u8]) -> u32 {
        let said = self.try_command(&format!("APPEND \"{folder}\" () \"{date}\""), Some(message));
        appended(&said)
    }

    /// All messages of a folder; nothing is marked read.
    pub(crate) fn messages(&mut self, folder: &str) -> Vec<Message> {
        self.select(folder);
        let said = self.command("UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])");
        said.lines.iter().filter(|(line, _)| line.contains(" FETCH ")).map(message).collect()
    }

    /// How many messages a folder has.
    pub(crate) fn count(&mut self, folder: &str) -> usize {
        // A folder that is selected shows what has changed only after a command that may tell it.
        self.command("NOOP");
        let said = self.command(&format!("STATUS \"{folder}\" (MESSAGES)"));
        let (line, _) = said.lines.iter().find(|(line, _)| line.starts_with("* STATUS")).unwrap();
        line.rsplit_once("MESSAGES ").unwrap().1.trim_end_matches(')').parse().unwrap()
    }

    /// The messages of a folder as soon as there are `count`; a little longer, lest there be more.
    pub(crate) fn wait(&mut self, folder: &str, count: usize) -> Vec<Message> {
        let begun = Instant::now();
        while self.count(folder) < count && begun.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(100));
        }
        std::thread::sleep(Duration::from_millis(300));
        let messages = self.messages(folder);
        assert_eq!(messages.len(), count, "messages in {folder}: {messages:?}");
        messages
    }

    /// The only message of a folder that has this subject.
    pub(crate) fn called(&mut self, folder: &str, subject: &str) -> Option<Message> {
        let messages = self.messages(folder);
        let mut fits = messages.into_iter().filter(|m| m.header("Subject").as_deref() == Some(subject));
        let first = fits.next();
        assert!(fits.next().is_none(), "{subject} twice in {folder}");
        first
    }

    /// Changes flags: `store("INBOX", 7, "+FLAGS (\\Seen)")`.
    pub(crate) fn store(&mut self, folder: &str, uid: u32, change: &str) {
        self.select(folder);
        self.command(&format!("UID STORE {uid} {change}"));
    }

    /// Removes a message for good.
    pub(crate) fn expunge(&mut self, folder: &str, uid: u32) {
        self.store(folder, uid, "+FLAGS (\\Deleted)");
        self.command(&format!("UID EXPUNGE {uid}"));
    }

    /// Moves a message as another mail program does.
    pub(crate) fn shift(&mut self, from: &str, uid: u32, to: &str) {
        self.select(from);
        self.command(&format!("UID MOVE {uid} \"{to}\""));
    }
}

fn appended(said: &Said) -> u32 {
    let code = said.end.split_once("APPENDUID ").unwrap_or_else(|| panic!("APPEND: {}", said.end)).1;
    code.split(']').next().unwrap().split(' ').nth(1).unwrap().parse().unwrap()
}

fn name_of(line: &str, literals: &[Vec<u8>]) -> String {
    if let Some(name) = literals.first() {
        return String::from_utf8_lossy(name).into_owned();
    }
    let name = line.split_once("\"/\" ").unwrap_or_else(|| panic!("{line}")).1;
    name.trim_matches('"').replace("\\\"", "\"").replace("\\\\", "\\")
}

fn message((line, literals): &(String, Vec<Vec<u8>>)) -> Message {
    let within = |from: &str, to: char| {
        let rest = line.split_once(from).unwrap_or_else(|| panic!("{from} in {line}")).1;
        rest.split(to).next().unwrap().to_owned()
    };
    let mut flags: Vec<String> = within("FLAGS (", ')').split_whitespace().map(str::to_owned).collect();
    flags.retain(|f| f != "\\Recent");
    flags.sort();
    Message {
        uid: within("UID ", ' ').trim_end_matches(')').parse().unwrap(),
        flags,
        date: within("INTERNALDATE \"", '"'),
        raw: literals.first().cloned().unwrap_or_default(),
    }
}

/// Delivers a message as the mail server does, by LMTP.
pub(crate) fn deliver(lab: &Lab, to: &str, message: &[u8]) {
    let stream = TcpStream::connect(lab.port("P_LMTP")).unwrap();
    let mut stream = BufReader::new(stream);
    let mut say = |text: &[u8], good: &str| {
        stream.get_mut().write_all(text).unwrap();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            assert!(line.starts_with(good), "LMTP: {line}");
            if line.as_bytes().get(3) != Some(&b'-') {
                break;
            }
        }
    };
    say(b"", "220");
    say(b"LHLO test\r\n", "250");
    say(b"MAIL FROM:<sender@example.test>\r\n", "250");
    say(format!("RCPT TO:<{to}>\r\n").as_bytes(), "250");
    say(b"DATA\r\n", "354");
    let mut data = Vec::with_capacity(message.len() + 5);
    for line in message.split_inclusive(|b| *b == b'\n') {
        if line.starts_with(b".") {
            data.push(b'.');
        }
        data.extend(line);
    }
    let end: &[u8] = if data.ends_with(b"\r\n") { b".\r\n" } else { b"\r\n.\r\n" };
    data.extend(end);
    say(&data, "250");
}

/// Where a lab's mail servers are, as lines of the bridge's configuration.
pub(crate) fn servers(imap: SocketAddr, smtp: SocketAddr) -> String {
    format!("[imap]\nurl = \"imap://{imap}\"\n[smtp]\nurl = \"smtp://{smtp}\"\n[mail]\ndomain = \"example.test\"\n")
}

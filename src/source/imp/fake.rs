//! An IMAP server for tests, with a few mailboxes and what can be watched of them.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::broadcast,
};

const MODERN: &str =
    "IMAP4rev1 QRESYNC CONDSTORE ENABLE LIST-EXTENDED LIST-STATUS SPECIAL-USE UNSELECT IDLE NOTIFY NAMESPACE";

/// A mailbox.
#[derive(Debug, Clone)]
pub(super) struct Mailbox {
    pub(super) validity: u32,
    pub(super) modseq: u64,
    /// Flags by uid.
    pub(super) messages: BTreeMap<u32, String>,
    pub(super) next: u32,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) capabilities: String,
    pub(super) mailboxes: BTreeMap<String, Mailbox>,
    /// All commands but those of logging in, without tags.
    pub(super) asked: Vec<String>,
    pub(super) logins: usize,
    /// Whether logins are refused.
    pub(super) shut: bool,
    /// Whether nothing is told that was not asked for.
    pub(super) mute: bool,
}

/// The server.
#[derive(Clone)]
pub(super) struct Fake {
    pub(super) url: String,
    world: Arc<Mutex<World>>,
    news: broadcast::Sender<String>,
}

impl Fake {
    /// Has INBOX, Drafts, Sent and Trash, and no capabilities of these.
    pub(super) async fn new(without: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("imap://{}", listener.local_addr().unwrap());
        let capabilities: Vec<&str> = MODERN.split(' ').filter(|name| !without.contains(name)).collect();
        let mailboxes = ["INBOX", "Drafts", "Sent", "Trash"].iter().zip(1..);
        let new = |validity| Mailbox { validity, modseq: 1, messages: BTreeMap::new(), next: 1 };
        let world = World {
            capabilities: capabilities.join(" "),
            mailboxes: mailboxes.map(|(name, validity)| ((*name).to_owned(), new(validity))).collect(),
            asked: Vec::new(),
            logins: 0,
            shut: false,
            mute: false,
        };
        let fake = Self { url, world: Arc::new(Mutex::new(world)), news: broadcast::channel(100).0 };
        let server = fake.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = server.clone();
                tokio::spawn(async move { server.serve(stream).await });
            }
        });
        fake
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// What was asked since this was last called.
    pub(super) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.world().asked)
    }

    /// Something happens in a mailbox.
    pub(super) fn change(&self, name: &str, what: impl FnOnce(&mut Mailbox)) {
        let mut world = self.world();
        let mailbox = world.mailboxes.get_mut(name).unwrap();
        what(mailbox);
        mailbox.modseq += 1;
        if !world.mute {
            let _ = self.news.send(name.to_owned());
        }
    }

    pub(super) fn deliver(&self, name: &str) {
        self.change(name, |mailbox| {
            mailbox.messages.insert(mailbox.next, String::new());
            mailbox.next += 1;
        });
    }

    /// Ends all sessions to which something is told.
    pub(super) fn hang_up(&self) {
        let _ = self.news.send(String::new());
    }

    /// What may be told at any time: to how many.
    pub(super) fn listeners(&self) -> usize {
        self.news.receiver_count()
    }

    async fn serve(&self, stream: TcpStream) {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        let hello = format!("* OK [CAPABILITY {} AUTH=PLAIN SASL-IR] hi\r\n", self.world().capabilities);
        write.write_all(hello.as_bytes()).await.unwrap();
        let mut tells: Option<(HashSet<String>, String, broadcast::Receiver<String>)> = None;
        loop {
            let told = async {
                match &mut tells {
                    Some((.., news)) => news.recv().await.unwrap(),
                    None => std::future::pending().await,
                }
            };
            let line = tokio::select! {
                line = lines.next_line() => line,
                name = told => {
                    if name.is_empty() {
                        return;
                    }
                    let Some((names, idle, _)) = &tells else { continue };
                    let text = if idle.is_empty() { self.status(&name) } else { "* 1 EXISTS\r\n".to_owned() };
                    if names.contains(&name) && write.write_all(text.as_bytes()).await.is_err() {
                        return;
                    }
                    continue;
                }
            };
            let Ok(Some(line)) = line else { return };
            let (tag, words) = line.split_once(' ').unwrap_or(("", &line));
            let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
            let mut answer = self.answer(verb, rest, words);
            match verb {
                "IDLE" => {
                    tells = Some((HashSet::from(["INBOX".to_owned()]), tag.to_owned(), self.news.subscribe()));
                    answer = "+ idling\r\n".to_owned();
                }
                "DONE" => answer = format!("{} OK\r\n", tells.take().unwrap().1),
                "NOTIFY" => {
                    let names = rest.split('"').skip(1).step_by(2).map(str::to_owned).collect();
                    tells = Some((names, String::new(), self.news.subscribe()));
                    answer = format!("{tag} OK\r\n");
                }
                _ => answer = format!("\n{answer}").replace("\nT ", &format!("\n{tag} "))[1..].to_owned(),
            }
            if write.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    fn answer(&self, verb: &str, rest: &str, words: &str) -> String {
        let mut world = self.world();
        if verb == "AUTHENTICATE" {
            world.logins += 1;
            let shut = "T NO [AUTHENTICATIONFAILED] wrong\r\n".to_owned();
            return if world.shut { shut } else { format!("T OK [CAPABILITY {}] in\r\n", world.capabilities) };
        }
        world.asked.push(words.to_owned());
        let name = rest.split('"').nth(1).unwrap_or_default().to_owned();
        drop(world);
        let mut text = match verb {
            "STATUS" => self.status(&name),
            "LIST" => self.list(rest),
            "EXAMINE" | "SELECT" => {
                let world = self.world();
                let Some(mailbox) = world.mailboxes.get(&name) else { return "T NO [NONEXISTENT] no\r\n".to_owned() };
                format!("* OK [UIDVALIDITY {}] x\r\n", mailbox.validity)
            }
            // Of the inbox: no test looks at others so.
            "UID" => {
                let world = self.world();
                let messages = world.mailboxes["INBOX"].messages.iter();
                messages.map(|(uid, flags)| format!("* {uid} FETCH (UID {uid} FLAGS ({flags}))\r\n")).collect()
            }
            _ => String::new(),
        };
        let there = verb != "STATUS" || !text.is_empty();
        text.push_str(if there { "T OK\r\n" } else { "T NO [NONEXISTENT] no\r\n" });
        text
    }

    fn status(&self, name: &str) -> String {
        let world = self.world();
        let Some(mailbox) = world.mailboxes.get(name) else { return String::new() };
        let modseq = match world.capabilities.contains("CONDSTORE") {
            true => format!(" HIGHESTMODSEQ {}", mailbox.modseq),
            false => String::new(),
        };
        let unseen = mailbox.messages.values().filter(|flags| !flags.contains("\\Seen")).count();
        let (validity, next, messages) = (mailbox.validity, mailbox.next, mailbox.messages.len());
        format!(
            "* STATUS {name} (UIDVALIDITY {validity} UIDNEXT {next} MESSAGES {messages} UNSEEN {unseen}{modseq})\r\n"
        )
    }

    fn list(&self, rest: &str) -> String {
        let names: Vec<String> = self.world().mailboxes.keys().cloned().collect();
        let wanted = |name: &&String| rest.contains("\"*\"") || rest.contains(&format!("\"{name}\""));
        let mut text = String::new();
        for name in names.iter().filter(wanted) {
            let mark =
                if ["Drafts", "Sent", "Trash"].contains(&name.as_str()) { format!("\\{name}") } else { String::new() };
            text.push_str(&format!("* LIST ({mark}) \"/\" {name}\r\n"));
            if rest.contains("STATUS (") {
                text.push_str(&self.status(name));
            }
        }
        text
    }
}

//! With a mail server that counts, and a mailbox that fails when told to.

mod copies;

use std::{
    ops::Deref,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};

use super::*;
use crate::{
    smtp::{Mail, Rule, Settings},
    spool::{Pieces, Spool},
    state::{DeviceId, Store},
};

const NOW: u64 = 1_795_510_800;

/// A mail server. `end` is its answer to a whole message; "" = it hangs up.
struct Server {
    url: String,
    mails: Arc<Mutex<Vec<String>>>,
    end: Arc<Mutex<&'static str>>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let (mails, end) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new("250 ok")));
        let server = Self { url, mails: Arc::clone(&mails), end: Arc::clone(&end) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (read, mut write) = stream.into_split();
                let mut lines = BufReader::new(read).lines();
                let (mut data, mut mail) = (false, String::new());
                write.write_all(b"220 x\r\n").await.unwrap();
                while let Ok(Some(line)) = lines.next_line().await {
                    let answer = match (data, line.as_str()) {
                        (true, ".") => {
                            data = false;
                            mails.lock().unwrap().push(std::mem::take(&mut mail));
                            *end.lock().unwrap()
                        }
                        (true, _) => {
                            mail.push_str(&line);
                            mail.push('\n');
                            continue;
                        }
                        (false, "DATA") => {
                            data = true;
                            "354 go on"
                        }
                        _ => "250 ok",
                    };
                    if answer.is_empty() || write.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
                        break;
                    }
                }
            }
        });
        server
    }

    fn count(&self) -> usize {
        self.mails.lock().unwrap().len()
    }
}

/// A mailbox that remembers what is kept in it.
#[derive(Clone, Default)]
struct Box(Arc<Inside>);

#[derive(Default)]
struct Inside {
    kept: Mutex<Vec<String>>,
    marked: Mutex<Vec<Verb>>,
    /// How and to whom the mails went that were counted.
    counted: Mutex<Vec<(Option<Verb>, Vec<String>)>>,
    /// So many calls fail.
    failing: AtomicUsize,
    /// So many copies are kept, and nobody is told.
    mute: AtomicUsize,
    /// Copies are never finished.
    stuck: AtomicBool,
    /// What others have put into Sent.
    there: Mutex<Vec<String>>,
    /// How many are being kept at the moment, and most at the same time.
    busy: [AtomicUsize; 2],
}

impl Deref for Box {
    type Target = Inside;

    fn deref(&self) -> &Inside {
        &self.0
    }
}

impl Box {
    fn stuck() -> Self {
        let room = Self::default();
        room.stuck.store(true, Ordering::SeqCst);
        room
    }

    fn failing(calls: usize) -> Self {
        let room = Self::default();
        room.failing.store(calls, Ordering::SeqCst);
        room
    }

    fn fails(&self) -> Result<(), String> {
        less(&self.failing)
    }

    fn kept(&self) -> usize {
        self.kept.lock().unwrap().len()
    }
}

fn less(count: &AtomicUsize) -> Result<(), String> {
    let left = count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
    left.map_or(Ok(()), |_| Err("as told".to_owned()))
}

impl Mailroom for Box {
    async fn raw(&self, _: &str, _: &str) -> Result<Arc<Spool>, crate::source::Error> {
        Err(crate::source::Error::NotFound)
    }

    async fn has_sent(&self, message_id: &str) -> Result<bool, String> {
        self.fails()?;
        let line = format!("Message-ID: <{message_id}>\r\n");
        let is_kept = self.kept.lock().unwrap().iter().any(|mail| mail.starts_with(&line));
        Ok(is_kept || self.there.lock().unwrap().iter().any(|id| id == message_id))
    }

    async fn keep(&self, message: &Pieces, at: u64) -> Result<(), String> {
        if self.stuck.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.fails()?;
        assert!((NOW..NOW + 1000).contains(&at), "when it was sent: {at}");
        let busy = self.busy[0].fetch_add(1, Ordering::SeqCst) + 1;
        self.busy[1].fetch_max(busy, Ordering::SeqCst);
        let (mut reader, mut mail) = (message.reader(), Vec::new());
        while let Some(bytes) = reader.next().await.unwrap() {
            mail.extend(bytes);
        }
        self.busy[0].fetch_sub(1, Ordering::SeqCst);
        self.kept.lock().unwrap().push(String::from_utf8(mail).unwrap());
        less(&self.mute)
    }

    async fn mark(&self, _: &Original, verb: Verb, _: &[String], _: u64) -> Result<(), String> {
        self.fails()?;
        self.marked.lock().unwrap().push(verb);
        Ok(())
    }

    async fn count(&self, _: &str, verb: Option<Verb>, to: &[String]) {
        self.counted.lock().unwrap().push((verb, to.to_vec()));
    }
}

struct Place {
    server: Server,
    sender: Sender,
    dir: tempfile::TempDir,
}

impl Place {
    async fn new() -> Self {
        let (server, dir) = (Server::start().await, tempfile::tempdir().unwrap());
        let sender = sender(&server.url, dir.path());
        Self { server, sender, dir }
    }

    /// What a program does that is started now.
    fn sender(&self) -> Sender {
        sender(&self.server.url, self.dir.path())
    }

    async fn stage(&self, key: &str) -> Option<Stage> {
        self.sender.sent.lock().await.unwrap().find(key).map(|sending| sending.stage)
    }
}

fn sender(url: &str, dir: &std::path::Path) -> Sender {
    let store = Store::open(dir).unwrap();
    let sent = store.device("erika", &DeviceId::new("X1").unwrap()).unwrap().sent();
    // Times in the tests are of long ago for the clock that runs.
    let smtp = Settings { url: url.into(), timeout: 5, give_up: 1_000_000, ..Settings::default() };
    let login = smtp::Login { user: "erika".into(), password: "secret".into() };
    Sender { smtp, login, sent, copies: store.copies("erika").unwrap(), copying: Copying::default() }
}

fn order(key: &str) -> Order {
    let message: Pieces = format!("Message-ID: <{key}@x>\r\n\r\nx\r\n").into_bytes().into();
    let mail = Mail { from: "e@x.test".into(), to: vec!["a@x.test".into()], message, rule: Rule::All };
    let original = Some((Original::default(), Verb::Reply));
    Order { key: key.into(), valid: None, message_id: format!("{key}@x"), mail, save: true, original }
}

#[tokio::test]
async fn a_mail_is_sent_once_however_often_it_is_asked_for() {
    let (place, room) = (Place::new().await, Box::default());
    assert_eq!(place.sender.send(&room, &order("a"), NOW).await.unwrap(), Outcome::Sent);
    for _ in 0..3 {
        assert_eq!(place.sender.send(&room, &order("a"), NOW + 9).await.unwrap(), Outcome::Before);
    }
    assert_eq!(place.server.count(), 1);
    assert_eq!(*room.kept.lock().unwrap(), ["Message-ID: <a@x>\r\n\r\nx\r\n"]);
    assert_eq!(*room.marked.lock().unwrap(), [Verb::Reply]);
    assert_eq!(*room.counted.lock().unwrap(), [(Some(Verb::Reply), vec!["a@x.test".to_owned()])]);
    assert_eq!(place.sender.send(&room, &order("b"), NOW).await.unwrap(), Outcome::Sent);
}

#[tokio::test]
async fn both_of_two_requests_at_the_same_time_are_one() {
    let (place, room) = (Place::new().await, Box::default());
    let (a, b) = (order("a"), order("a"));
    let (one, two) = tokio::join!(place.sender.send(&room, &a, NOW), place.sender.send(&room, &b, NOW));
    assert_ne!(one.unwrap(), two.unwrap());
    assert_eq!(place.server.count(), 1);
}

#[tokio::test]
async fn digests_mean_the_same_mail_for_some_time_only() {
    let (place, room) = (Place::new().await, Box::default());
    let brief = Order { valid: Some(600), ..order("a") };
    assert_eq!(place.sender.send(&room, &brief, NOW).await.unwrap(), Outcome::Sent);
    assert_eq!(place.sender.send(&room, &brief, NOW + 599).await.unwrap(), Outcome::Before);
    assert_eq!(place.sender.send(&room, &brief, NOW + 601).await.unwrap(), Outcome::Sent);
}

#[tokio::test]
async fn a_mail_that_was_refused_may_be_tried_again() {
    let (place, room) = (Place::new().await, Box::default());
    *place.server.end.lock().unwrap() = "554 no";
    let refused = place.sender.send(&room, &order("a"), NOW).await;
    assert!(matches!(refused, Err(Failure::Smtp(smtp::Error::Refused(_)))), "{refused:?}");
    assert_eq!(place.stage("a").await, None);
    assert!(room.kept.lock().unwrap().is_empty());
    *place.server.end.lock().unwrap() = "250 ok";
    assert_eq!(place.sender.send(&room, &order("a"), NOW).await.unwrap(), Outcome::Sent);
}

#[tokio::test]
async fn a_lost_answer_is_looked_for_among_the_sent_mails() {
    let (place, room) = (Place::new().await, Box::default());
    *place.server.end.lock().unwrap() = "";
    let lost = place.sender.send(&room, &order("a"), NOW).await;
    assert!(matches!(lost, Err(Failure::Smtp(smtp::Error::Uncertain(_)))), "{lost:?}");
    assert_eq!(place.stage("a").await, Some(Stage::Unknown));
    *place.server.end.lock().unwrap() = "250 ok";
    // Nobody can say: not sent again.
    room.failing.store(1, Ordering::SeqCst);
    assert!(matches!(place.sender.send(&room, &order("a"), NOW).await, Err(Failure::Unknown(_))));
    assert_eq!(place.server.count(), 1);
    room.there.lock().unwrap().push("a@x".into());
    assert_eq!(place.sender.send(&room, &order("a"), NOW).await.unwrap(), Outcome::Before);
    assert_eq!((place.server.count(), place.stage("a").await), (1, Some(Stage::Done)));
    // It is not there: sent again.
    *place.server.end.lock().unwrap() = "";
    assert!(place.sender.send(&room, &order("b"), NOW).await.is_err());
    *place.server.end.lock().unwrap() = "250 ok";
    assert_eq!(place.sender.send(&room, &order("b"), NOW).await.unwrap(), Outcome::Sent);
    assert_eq!(place.server.count(), 3);
}

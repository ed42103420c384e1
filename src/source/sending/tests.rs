//! With a mail server that counts, and a mailbox that fails when told to.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
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
#[derive(Default)]
struct Box {
    kept: Mutex<Vec<Vec<u8>>>,
    marked: Mutex<Vec<Verb>>,
    /// So many calls fail.
    failing: AtomicUsize,
    /// Copies are never finished.
    stuck: bool,
    /// What others have put into Sent.
    there: Mutex<Vec<String>>,
}

impl Box {
    fn fails(&self) -> Result<(), String> {
        let left = self.failing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        left.map_or(Ok(()), |_| Err("as told".to_owned()))
    }
}

impl Mailroom for Box {
    async fn raw(&self, _: &str, _: &str) -> Result<Arc<Spool>, crate::source::Error> {
        Err(crate::source::Error::NotFound)
    }

    async fn has_sent(&self, message_id: &str) -> Result<bool, String> {
        self.fails()?;
        Ok(self.there.lock().unwrap().iter().any(|id| id == message_id))
    }

    async fn keep(&self, message: &Pieces) -> Result<(), String> {
        if self.stuck {
            std::future::pending::<()>().await;
        }
        self.fails()?;
        self.kept.lock().unwrap().push(message.clone().into_bytes().unwrap());
        Ok(())
    }

    async fn mark(&self, _: &Original, verb: Verb, _: &[String], _: u64) -> Result<(), String> {
        self.fails()?;
        self.marked.lock().unwrap().push(verb);
        Ok(())
    }
}

struct Place {
    server: Server,
    sender: Sender,
    _dir: tempfile::TempDir,
}

impl Place {
    async fn new() -> Self {
        let (server, dir) = (Server::start().await, tempfile::tempdir().unwrap());
        let device = Store::open(dir.path()).unwrap().device("erika", &DeviceId::new("X1").unwrap()).unwrap();
        let smtp = Settings { url: server.url.clone(), timeout: 5, ..Settings::default() };
        let login = smtp::Login { user: "erika".into(), password: "secret".into() };
        Self { server, sender: Sender { smtp, login, sent: device.sent() }, _dir: dir }
    }

    async fn stage(&self, key: &str) -> Option<Stage> {
        self.sender.sent.lock().await.unwrap().find(key).map(|sending| sending.stage)
    }
}

fn order(key: &str) -> Order {
    let message: Pieces = b"Subject: x\r\n\r\nx\r\n".to_vec().into();
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
    assert_eq!(*room.kept.lock().unwrap(), [b"Subject: x\r\n\r\nx\r\n"]);
    assert_eq!(*room.marked.lock().unwrap(), [Verb::Reply]);
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
async fn a_copy_that_fails_makes_nothing_unsent() {
    let (place, room) = (Place::new().await, Box::default());
    room.failing.store(1, Ordering::SeqCst);
    assert_eq!(place.sender.send(&room, &order("a"), NOW).await.unwrap(), Outcome::Sent);
    assert_eq!(room.kept.lock().unwrap().len(), 1, "the second try");
    room.failing.store(9, Ordering::SeqCst);
    assert_eq!(place.sender.send(&room, &order("b"), NOW).await.unwrap(), Outcome::Sent);
    assert_eq!(place.sender.send(&room, &order("b"), NOW).await.unwrap(), Outcome::Before);
    assert_eq!(place.server.count(), 2);
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

#[tokio::test]
async fn an_end_of_the_program_between_mail_and_copy_sends_nothing_twice() {
    let place = Place::new().await;
    let stuck = Box { stuck: true, ..Box::default() };
    let (mail, patience) = (order("a"), std::time::Duration::from_millis(500));
    assert!(tokio::time::timeout(patience, place.sender.send(&stuck, &mail, NOW)).await.is_err());
    assert_eq!((place.server.count(), place.stage("a").await), (1, Some(Stage::Accepted)));
    let room = Box::default();
    assert_eq!(place.sender.send(&room, &mail, NOW).await.unwrap(), Outcome::Before);
    assert_eq!((place.server.count(), room.kept.lock().unwrap().len()), (1, 1), "the copy comes with the repetition");
}

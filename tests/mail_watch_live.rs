//! Looking at mail for phones that wait, against the lab's Dovecot and Horde (`HORDE_EAS_LAB_RPC`, `HORDE_EAS_LAB_IMAP`, tests/lab). Each test
//! takes a fresh user. How long things take is printed, for people.
// In here a panic is the report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, dead_code)]

mod live;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use horde_eas::{
    imap::{Flagging, Lease, Login, Pool, Settings, UidSet, Watch},
    source::{
        Error, Imp, Role, Source,
        imp::{Eye, Shared},
    },
    spool::Pieces,
};
use live::Site;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// Long enough that what comes sooner was told by the server.
const TICK: Duration = Duration::from_secs(8);

fn address() -> String {
    std::env::var("HORDE_EAS_LAB_IMAP").expect("HORDE_EAS_LAB_IMAP is not set: host:port of the lab's Dovecot")
}

struct Mail {
    site: Site,
    imp: Imp,
    other: Lease,
    folders: Vec<String>,
}

impl Mail {
    /// Folders: the inbox, Sent, and one called `a b`.
    async fn new(settings: Settings) -> Self {
        let site = Site::new("watch").await;
        let imp = Imp::new(site.session(), site.beside("email"), &Shared::new(settings));
        let pool = Pool::new(Settings { url: format!("imap://{}", address()), timeout: 10, ..Settings::default() });
        let login = Login { user: site.login.user.clone(), password: site.login.password.clone() };
        let other = pool.lease(&login, None).await.unwrap();
        let made = imp.create_folder(None, "a b").await.unwrap();
        let containers = imp.containers().await.unwrap();
        let id = |role| containers.iter().find(|c| c.role == role).unwrap().id.clone();
        let folders = vec![id(Role::Inbox), id(Role::Sent), made];
        Self { site, imp, other, folders }
    }

    async fn put(&mut self, mailbox: &str) -> UidSet {
        let mail = Pieces::from(b"Subject: x\r\n\r\nx\r\n".to_vec());
        let placed = self.other.append(mailbox, &[], None, &mail).await.unwrap().unwrap();
        UidSet::from_iter([placed.uids[0].1])
    }

    /// A new mail, a flag and a deletion in a folder: what a waiting phone would see of each, and after which time.
    async fn happens(&mut self, eye: &mut Eye, at: usize, mailbox: &str) -> Vec<Duration> {
        let mut times = Vec::new();
        let mut uid = UidSet::default();
        let mut before = eye.look(&self.folders).await.unwrap();
        for step in ["new", "flag", "gone"] {
            match step {
                "new" => uid = self.put(mailbox).await,
                "flag" => {
                    self.other.select(mailbox, true).await.unwrap();
                    self.other.store(&uid, Flagging::Add, &["\\Seen"]).await.unwrap();
                }
                _ => self.other.remove(&uid).await.unwrap(),
            }
            let since = Instant::now();
            let after = loop {
                eye.pause(&self.folders).await;
                let after = eye.look(&self.folders).await.unwrap();
                if after != before {
                    break after;
                }
                assert!(since.elapsed() < 3 * TICK, "{step} in {mailbox}: nothing is seen");
            };
            times.push(since.elapsed());
            assert!(after[at] != before[at], "{step} in {mailbox}");
            assert_eq!(after, self.imp.cursors(&self.folders).await.unwrap(), "{step} in {mailbox}");
            before = after;
        }
        times
    }
}

/// Without QRESYNC and CONDSTORE, and all that makes things short.
fn old() -> Vec<String> {
    ["CONDSTORE", "QRESYNC", "LIST-STATUS", "LIST-EXTENDED", "ESEARCH", "MOVE", "X-GUID"].map(str::to_owned).to_vec()
}

async fn seen(watch: Watch, tick: Duration, ignore: Vec<String>) {
    let name = format!("{watch:?}, {}", if ignore.is_empty() { "CONDSTORE" } else { "without CONDSTORE" });
    let mut mail = Mail::new(Settings { watch, ignore, timeout: 10, ..Settings::default() }).await;
    let mut eye = Eye::new(mail.imp.clone(), tick);
    eye.look(&mail.folders).await.unwrap();
    if watch != Watch::Poll {
        eye.pause(&mail.folders).await;
    }
    let mut times = mail.happens(&mut eye, 0, "INBOX").await;
    if watch != Watch::Idle {
        times.extend(mail.happens(&mut eye, 2, "a b").await);
    }
    println!("{name}: {times:?}");
    if watch != Watch::Poll {
        assert!(times.iter().all(|time| *time < tick), "{name}: the server has told nothing: {times:?}");
    }
}

#[tokio::test]
async fn changes_are_seen_by_looking() {
    seen(Watch::Poll, Duration::from_secs(1), Vec::new()).await;
    seen(Watch::Poll, Duration::from_secs(1), old()).await;
}

#[tokio::test]
async fn changes_are_told_by_idle() {
    seen(Watch::Idle, TICK, Vec::new()).await;
    seen(Watch::Idle, TICK, old()).await;
}

#[tokio::test]
async fn changes_are_told_by_notify() {
    seen(Watch::Notify, TICK, Vec::new()).await;
    seen(Watch::Notify, TICK, old()).await;
}

/// Dovecot 2.3 ends the session when the selected mailbox is deleted, and refuses one that is not there without a code.
#[tokio::test]
async fn a_folder_that_is_deleted_while_it_is_watched() {
    for watch in [Watch::Poll, Watch::Idle, Watch::Notify] {
        let mut mail = Mail::new(Settings { watch, timeout: 10, ..Settings::default() }).await;
        let folders = mail.folders[2..].to_vec();
        let mut eye = Eye::new(mail.imp.clone(), Duration::from_secs(1));
        eye.look(&folders).await.unwrap();
        eye.pause(&folders).await;
        eye.look(&folders).await.unwrap();
        assert_eq!(eye.folders_changed().await, Ok(false));
        mail.other.rename("a b", "c").await.unwrap();
        assert_eq!(eye.folders_changed().await, Ok(true), "{watch:?}");
        mail.put("c").await;
        let began = Instant::now();
        while eye.look(&folders).await.unwrap() != mail.imp.cursors(&folders).await.unwrap() {
            eye.pause(&folders).await;
            assert!(began.elapsed() < TICK, "{watch:?}");
        }
        assert_eq!(eye.folders_changed().await, Ok(false), "{watch:?}");
        mail.other.delete("c").await.unwrap();
        let began = Instant::now();
        let error = loop {
            eye.pause(&folders).await;
            match eye.look(&folders).await {
                Err(error) => break error,
                Ok(_) => assert!(began.elapsed() < TICK, "{watch:?}"),
            }
        };
        assert_eq!(error, Error::ContainerGone, "{watch:?}");
        assert_eq!(eye.folders_changed().await, Ok(false), "{watch:?}: that was found already");
    }
}

/// Passes bytes between the program and Dovecot, and counts them: bytes there, bytes back, connections.
async fn counting() -> (String, Arc<[AtomicU64; 3]>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("imap://{}", listener.local_addr().unwrap());
    let counts = Arc::new([const { AtomicU64::new(0) }; 3]);
    let counted = Arc::clone(&counts);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            counted[2].fetch_add(1, Ordering::Relaxed);
            let server = TcpStream::connect(address()).await.unwrap();
            let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
                (client.into_split(), server.into_split());
            let there = Arc::clone(&counted);
            tokio::spawn(async move { pass(&mut from_client, &mut to_server, &there[0]).await });
            let back = Arc::clone(&counted);
            tokio::spawn(async move { pass(&mut from_server, &mut to_client, &back[1]).await });
        }
    });
    (url, counts)
}

async fn pass(
    from: &mut (impl tokio::io::AsyncRead + Unpin),
    to: &mut (impl tokio::io::AsyncWrite + Unpin),
    count: &AtomicU64,
) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        count.fetch_add(read as u64, Ordering::Relaxed);
        if to.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
}

#[tokio::test]
async fn a_look_costs_a_line_per_folder() {
    let (url, counts) = counting().await;
    let mail = Mail::new(Settings { url, timeout: 10, ..Settings::default() }).await;
    for folders in [&mail.folders[..1], &mail.folders[..]] {
        let mut eye = Eye::new(mail.imp.clone(), TICK);
        eye.look(folders).await.unwrap();
        let before: Vec<u64> = counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let requests = mail.site.session().requests();
        for _ in 0..100 {
            eye.look(folders).await.unwrap();
        }
        let cost: Vec<u64> =
            counts.iter().zip(before).map(|(count, before)| count.load(Ordering::Relaxed) - before).collect();
        println!("{} folders: {} bytes there, {} back", folders.len(), cost[0] / 100, cost[1] / 100);
        assert_eq!(cost[2], 0, "no new connection");
        assert_eq!(mail.site.session().requests(), requests, "Horde is not asked");
        assert!(cost[0] + cost[1] < 100 * (100 + 150 * folders.len() as u64), "{cost:?}");
    }
}

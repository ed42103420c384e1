//! Against a server that says what is asked.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    time::timeout,
};

use super::{super::fake::Fake, *};
use crate::{
    horde::{self, Horde},
    imap::Settings,
    source::{Source as _, imp::Shared},
    state::Store,
};

const LONG: Duration = Duration::from_secs(1000);
const SOON: Duration = Duration::from_secs(5);

/// A user and his folders: the inbox, Drafts, Outbox.
struct Site {
    fake: Fake,
    imp: Imp,
    folders: Vec<String>,
    _dir: tempfile::TempDir,
}

impl Site {
    async fn new(watch: Watch, without: &[&str]) -> Self {
        Self::with(Settings { watch, ..Settings::default() }, without, "http://127.0.0.1:1/rpc.php").await
    }

    async fn with(settings: Settings, without: &[&str], rpc: &str) -> Self {
        let fake = Fake::new(without).await;
        let dir = tempfile::tempdir().unwrap();
        let horde = Horde::new(horde::Settings { url: rpc.to_owned(), ..horde::Settings::default() }).unwrap();
        let session = horde.session(&horde::Login { user: "erika".into(), password: "pw".into() });
        let beside = Store::open(dir.path()).unwrap().beside("erika", "email").unwrap();
        let settings = Settings { url: fake.url.clone(), timeout: 3, ..settings };
        let imp = Imp::new(session, beside, &Shared::new(settings));
        let containers = imp.containers().await.unwrap();
        let id = |role| containers.iter().find(|c| c.role == role).unwrap().id.clone();
        let folders = [Role::Inbox, Role::Drafts, Role::Outbox].map(id).to_vec();
        fake.asked();
        Self { fake, imp, folders, _dir: dir }
    }

    fn eye(&self) -> Eye {
        Eye::new(self.imp.clone(), LONG)
    }

    /// An eye to which the server is about to tell everything.
    async fn listening(&self) -> Eye {
        let mut eye = self.eye();
        eye.look(&self.folders).await.unwrap();
        timeout(SOON, eye.pause(&self.folders)).await.expect("it listens");
        eye.look(&self.folders).await.unwrap();
        self.fake.asked();
        eye
    }
}

async fn wakes(eye: &mut Eye, folders: &[String]) -> bool {
    timeout(SOON, eye.pause(folders)).await.is_ok()
}

#[tokio::test]
async fn a_look_is_one_question() {
    let site = Site::new(Watch::Poll, &[]).await;
    let mut eye = site.eye();
    for (count, expected) in [(0, [1, 1, 0]), (2, [3, 1, 0])] {
        (0..count).for_each(|_| site.fake.deliver("INBOX"));
        assert_eq!(eye.look(&site.folders).await.unwrap(), expected);
        assert_eq!(site.imp.cursors(&site.folders).await.unwrap(), expected);
    }
    site.fake.asked();
    eye.look(&site.folders).await.unwrap();
    let asked = ["STATUS \"Drafts\" (UIDVALIDITY HIGHESTMODSEQ)", "STATUS \"INBOX\" (UIDVALIDITY HIGHESTMODSEQ)"];
    assert_eq!(site.fake.asked(), asked);
    assert_eq!(eye.look(&site.folders[..1]).await.unwrap(), [3]);
    assert_eq!(site.fake.asked(), ["STATUS \"INBOX\" (UIDVALIDITY HIGHESTMODSEQ)"]);
    assert_eq!(site.fake.world().logins, 1);
    assert_eq!(eye.look(&site.folders[2..]).await.unwrap(), [0]);
}

#[tokio::test]
async fn flags_are_compared_when_the_figures_differ() {
    let site = Site::new(Watch::Poll, &["QRESYNC", "CONDSTORE", "LIST-STATUS"]).await;
    let inbox = &site.folders[..1];
    let mut eye = site.eye();
    let mut before = eye.look(inbox).await.unwrap();
    for change in [
        |fake: &Fake| fake.deliver("INBOX"),
        |fake: &Fake| fake.change("INBOX", |inbox| drop(inbox.messages.insert(1, "\\Seen".into()))),
        |fake: &Fake| fake.change("INBOX", |inbox| drop(inbox.messages.remove(&1))),
    ] {
        change(&site.fake);
        let after = eye.look(inbox).await.unwrap();
        assert_ne!(after, before);
        site.fake.asked();
        assert_eq!(eye.look(inbox).await.unwrap(), after);
        assert_eq!(site.fake.asked(), ["UNSELECT", "STATUS \"INBOX\" (UIDVALIDITY UIDNEXT MESSAGES UNSEEN)"]);
        before = after;
    }
    // What changes no figure is found by whoever compares first, a Sync or the eye itself after a while.
    site.fake.deliver("INBOX");
    let before = eye.look(inbox).await.unwrap();
    site.fake.change("INBOX", |inbox| drop(inbox.messages.insert(2, "\\Flagged".into())));
    assert_eq!(eye.look(inbox).await.unwrap(), before);
    let found = site.imp.cursors(inbox).await.unwrap();
    assert_ne!(found, before);
    assert_eq!(eye.look(inbox).await.unwrap(), found);
    site.fake.change("INBOX", |inbox| drop(inbox.messages.insert(2, "\\Answered".into())));
    let Some((_, at)) = &mut eye.watched.get_mut(&inbox[0]).unwrap().hint else { panic!() };
    *at -= COMPARED;
    assert_ne!(eye.look(inbox).await.unwrap(), found);
}

#[tokio::test]
async fn idle_hears_of_the_inbox() {
    let site = Site::new(Watch::Idle, &[]).await;
    let mut eye = site.listening().await;
    assert!(timeout(GAP * 2, eye.pause(&site.folders)).await.is_err(), "nothing has happened");
    site.fake.deliver("INBOX");
    assert!(wakes(&mut eye, &site.folders).await);
    assert_eq!(eye.look(&site.folders).await.unwrap(), [2, 1, 0]);
    site.fake.deliver("Drafts");
    assert!(timeout(GAP * 2, eye.pause(&site.folders)).await.is_err(), "other folders are found by the next look");
    assert_eq!(eye.look(&site.folders).await.unwrap(), [2, 2, 0]);
    assert_eq!(site.fake.world().logins, 2, "one to look, one to listen");
}

#[tokio::test]
async fn notify_hears_of_all_folders_and_only_those_are_asked() {
    let site = Site::new(Watch::Notify, &[]).await;
    let mut eye = site.listening().await;
    assert_eq!(eye.look(&site.folders).await.unwrap(), [1, 1, 0]);
    assert_eq!(site.fake.asked(), [""; 0], "nothing was told, so nothing is asked");
    site.fake.deliver("Drafts");
    assert!(wakes(&mut eye, &site.folders).await);
    assert_eq!(eye.look(&site.folders).await.unwrap(), [1, 2, 0]);
    assert_eq!(site.fake.asked(), ["STATUS \"Drafts\" (UIDVALIDITY HIGHESTMODSEQ)"]);
    // Another folder is watched: it is listened to as well.
    let mut folders = site.folders.clone();
    folders.push(site.imp.containers().await.unwrap().iter().find(|c| c.role == Role::Trash).unwrap().id.clone());
    assert_eq!(eye.look(&folders).await.unwrap(), [1, 2, 0, 1]);
    assert!(wakes(&mut eye, &folders).await);
    eye.look(&folders).await.unwrap();
    site.fake.deliver("Trash");
    assert!(wakes(&mut eye, &folders).await);
    assert_eq!(eye.look(&folders).await.unwrap(), [1, 2, 0, 2]);
}

#[tokio::test]
async fn a_server_without_notify_is_listened_to_by_idle() {
    let site = Site::new(Watch::Notify, &["NOTIFY"]).await;
    let mut eye = site.eye();
    eye.look(&site.folders).await.unwrap();
    assert!(wakes(&mut eye, &site.folders).await, "it listens");
    let asked = site.fake.asked();
    assert!(asked.iter().any(|words| words == "IDLE") && !asked.iter().any(|words| words.contains("NOTIFY")));
    eye.look(&site.folders).await.unwrap();
    site.fake.deliver("INBOX");
    assert!(wakes(&mut eye, &site.folders).await);
    let site = Site::new(Watch::Notify, &["NOTIFY", "IDLE"]).await;
    let mut eye = site.eye();
    eye.look(&site.folders).await.unwrap();
    assert!(timeout(GAP, eye.pause(&site.folders)).await.is_err());
    assert_eq!(site.fake.world().logins, 1, "nothing is held where nothing can be told");
}

#[tokio::test]
async fn a_server_that_does_not_tell_all_is_asked() {
    let site = Site::new(Watch::Notify, &[]).await;
    let mut eye = site.listening().await;
    site.fake.world().mute = true;
    site.fake.deliver("INBOX");
    assert_eq!(eye.look(&site.folders).await.unwrap(), [1, 1, 0], "it is believed");
    eye.proven = eye.proven.map(|at| at - BELIEVED);
    assert_eq!(eye.look(&site.folders).await.unwrap(), [2, 1, 0], "not for ever");
    site.fake.deliver("INBOX");
    assert_eq!(eye.look(&site.folders).await.unwrap(), [3, 1, 0], "and never again");
}

#[tokio::test]
async fn a_server_that_hangs_up_is_left_alone_for_a_while() {
    for watch in [Watch::Idle, Watch::Notify] {
        let site = Site::new(watch, &[]).await;
        let mut eye = site.listening().await;
        site.fake.hang_up();
        assert!(wakes(&mut eye, &site.folders).await, "anything may have happened");
        site.fake.deliver("Drafts");
        assert_eq!(eye.look(&site.folders).await.unwrap(), [1, 2, 0]);
        let logins = site.fake.world().logins;
        assert!(timeout(GAP * 2, eye.pause(&site.folders)).await.is_err());
        assert_eq!(site.fake.world().logins, logins);
        eye.rest = None;
        assert!(wakes(&mut eye, &site.folders).await, "it listens again");
        assert_eq!(site.fake.world().logins, logins + 1);
    }
}

#[tokio::test]
async fn users_beyond_the_limit_are_looked_at() {
    let settings = Settings { watch: Watch::Idle, max_held: 1, ..Settings::default() };
    let site = Site::with(settings, &[], "http://127.0.0.1:1/rpc.php").await;
    let first = site.listening().await;
    let mut second = site.eye();
    second.look(&site.folders).await.unwrap();
    assert!(timeout(GAP * 2, second.pause(&site.folders)).await.is_err());
    assert!(second.ear.is_none());
    drop(first);
    let free = async {
        while site.imp.shared.pool.place().is_none() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(timeout(SOON, free).await.is_ok());
    second.rest = None;
    assert!(wakes(&mut second, &site.folders).await, "it listens");
}

#[tokio::test]
async fn nothing_is_held_for_whom_nobody_waits() {
    for watch in [Watch::Idle, Watch::Notify] {
        let site = Site::new(watch, &[]).await;
        let eye = site.listening().await;
        assert_eq!(site.fake.listeners(), 1);
        drop(eye);
        let ended = async {
            while site.fake.listeners() > 0 {
                sleep(Duration::from_millis(10)).await;
            }
        };
        assert!(timeout(SOON, ended).await.is_ok());
        assert!(site.fake.asked().contains(&"LOGOUT".to_owned()));
    }
}

#[tokio::test]
async fn folders_that_are_renamed_replaced_or_gone() {
    for watch in [Watch::Poll, Watch::Notify] {
        let site = Site::new(watch, &[]).await;
        let mut eye = site.eye();
        assert_eq!(eye.folders_changed().await, Ok(false));
        let other = super::super::fake::Mailbox { validity: 77, ..site.fake.world().mailboxes["Sent"].clone() };
        site.fake.world().mailboxes.insert("a".into(), other.clone());
        assert_eq!(eye.folders_changed().await, Ok(true));
        assert_eq!(eye.folders_changed().await, Ok(false), "it was told");
        let a = site.imp.containers().await.unwrap().iter().find(|c| c.name == "a").unwrap().id.clone();
        assert_eq!(eye.folders_changed().await, Ok(false));
        let folders = [site.folders[0].clone(), a];
        assert_eq!(eye.look(&folders).await.unwrap(), [1, 1]);
        let there = site.fake.world().mailboxes.remove("a").unwrap();
        site.fake.world().mailboxes.insert("b".into(), there);
        assert_eq!(eye.folders_changed().await, Ok(true));
        site.fake.deliver("b");
        assert_eq!(eye.look(&folders).await.unwrap(), [1, 2], "by its new name");
        assert_eq!(eye.look(&folders).await.unwrap(), [1, 2]);
        site.fake.world().mailboxes.get_mut("b").unwrap().validity += 1;
        assert_eq!(eye.look(&folders).await, Err(Error::ContainerGone));
        site.fake.world().mailboxes.remove("b");
        assert_eq!(eye.look(&folders).await, Err(Error::ContainerGone));
        assert_eq!(eye.look(&folders[..1]).await.unwrap(), [1], "the others go on");
        site.fake.world().mailboxes.get_mut("INBOX").unwrap().validity += 1;
        let anew = eye.look(&folders[..1]).await.unwrap();
        assert_eq!(anew, site.imp.cursors(&folders[..1]).await.unwrap());
        assert!(anew[0] > 1, "its history goes on");
    }
}

#[tokio::test]
async fn a_login_that_is_refused_is_doubted_by_horde_and_not_repeated() {
    for (status, unauthorized) in [("401 Unauthorized", true), ("503 Busy", false)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let rpc = format!("http://{}/rpc.php", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 4096]).await;
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        let site = Site::with(Settings { idle: 0, ..Settings::default() }, &[], &rpc).await;
        let mut eye = site.eye();
        eye.look(&site.folders).await.unwrap();
        site.fake.world().shut = true;
        let before = site.fake.world().logins;
        for _ in 0..3 {
            let error = eye.look(&site.folders).await.unwrap_err();
            assert_eq!(error == Error::Unauthorized, unauthorized, "{error}");
            assert!(unauthorized || matches!(error, Error::Unavailable { .. }), "{error}");
        }
        assert_eq!(site.fake.world().logins, before + 1);
        site.fake.world().shut = false;
        eye.refused.as_mut().unwrap().until = Instant::now();
        assert_eq!(eye.look(&site.folders).await.unwrap(), [1, 1, 0]);
    }
}

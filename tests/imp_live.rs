//! The mail source against the lab's Dovecot and Horde (`HORDE_EAS_LAB_RPC`, `HORDE_EAS_LAB_IMAP`, tests/lab). Each test takes a fresh user.
// In here a panic is the report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, dead_code)]

mod live;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use horde_eas::{
    imap::{Code, Flagging, Lease, Pool, Settings, UidSet},
    proto::{
        Version,
        class::{BodyKind, BodyPreference, Content, Patch, Properties, Scope, Value, View},
    },
    source::{
        Container, Error, Fetched, Imp, Role, Source, Want,
        imp::{Criteria, Criterion, Moved, Reference, Shared, Uid, Verb},
        people,
        turba::{self, Turba},
    },
    spool::Pieces,
    wbxml::tag::{air_sync_base as b, contacts, email as e, email2 as e2},
};
use live::{Site, set};
use tokio::net::{TcpListener, TcpStream};

fn address() -> String {
    std::env::var("HORDE_EAS_LAB_IMAP").expect("HORDE_EAS_LAB_IMAP is not set: host:port of the lab's Dovecot")
}

/// Without QRESYNC and CONDSTORE, and all that makes things short.
fn old() -> Vec<String> {
    ["CONDSTORE", "QRESYNC", "LIST-STATUS", "LIST-EXTENDED", "ESEARCH", "MOVE", "X-GUID"].map(str::to_owned).to_vec()
}

struct Mail {
    site: Site,
    source: Imp,
    pool: Pool,
}

impl Mail {
    async fn new() -> Self {
        Self::with(Settings { timeout: 10, ..Settings::default() }).await
    }

    /// The source as these settings say; without an URL Horde names the server.
    async fn with(settings: Settings) -> Self {
        let site = Site::new("imp").await;
        let source = Imp::new(site.session(), site.beside("email"), &Shared::new(settings));
        let pool = Pool::new(Settings { url: format!("imap://{}", address()), timeout: 10, ..Settings::default() });
        Self { site, source, pool }
    }

    /// Another client of the same user.
    async fn other(&self) -> Lease {
        let login =
            horde_eas::imap::Login { user: self.site.login.user.clone(), password: self.site.login.password.clone() };
        self.pool.lease(&login, None).await.unwrap()
    }

    async fn put(&self, mailbox: &str, message: &str) -> Uid {
        let bytes = message.replace('\n', "\r\n").into_bytes();
        let placed = self.other().await.append(mailbox, &[], None, &Pieces::from(bytes)).await.unwrap().unwrap();
        Uid { validity: placed.uid_validity, uid: placed.uids[0].1 }
    }

    async fn containers(&self) -> Vec<Container> {
        self.source.containers().await.unwrap()
    }

    async fn inbox(&self) -> String {
        self.containers().await[0].id.clone()
    }

    async fn answered(&self, container: &str, uid: Uid) {
        self.source.mark(container, uid, Verb::ReplyAll, 1_770_422_400).await.unwrap();
    }

    async fn one(&self, container: &str, uid: Uid, view: &View) -> Properties {
        let fetched = self.source.fetch_for(container, &[uid.to_string()], &[], Want::Whole(view)).await.unwrap();
        match fetched.into_iter().next() {
            Some(Fetched::Item(item)) => item,
            other => panic!("{other:?}"),
        }
    }
}

fn named<'a>(containers: &'a [Container], name: &str) -> &'a Container {
    containers.iter().find(|c| c.name == name).unwrap_or_else(|| panic!("{name}: {containers:?}"))
}

fn role(containers: &[Container], role: Role) -> String {
    containers.iter().find(|c| c.role == role).unwrap_or_else(|| panic!("{role:?}: {containers:?}")).id.clone()
}

fn view(kind: BodyKind, truncation_size: Option<u32>) -> View {
    let preference = BodyPreference { kind, truncation_size, ..BodyPreference::default() };
    View { bodies: vec![preference], ..View::plain(Version::V14_1) }
}

fn body(item: &Properties) -> &Content {
    match item.0.get(&b::BODY) {
        Some(Value::Content(content)) => content,
        other => panic!("{other:?}"),
    }
}

fn simple(n: usize) -> String {
    format!("From: a@example.test\nSubject: mail {n}\nMessage-ID: <{n}@imp.example.test>\n\ntext {n}\n")
}

fn one(uid: Uid) -> UidSet {
    UidSet::from_iter([uid.uid])
}

#[tokio::test]
async fn folders_of_a_fresh_user() {
    for ignore in [vec![], old()] {
        let mail = Mail::with(Settings { ignore, ..Settings::default() }).await;
        let containers = mail.containers().await;
        assert_eq!((containers[0].name.as_str(), containers[0].role), ("Inbox", Role::Inbox));
        assert!(containers[0].default && containers[0].writable);
        for wanted in [Role::Drafts, Role::Sent, Role::Trash, Role::Outbox] {
            role(&containers, wanted);
        }
        named(&containers, "Junk");
        assert_eq!(mail.containers().await, containers, "the ids stay");
        let outbox = role(&containers, Role::Outbox);
        assert_eq!(mail.source.list(&outbox, Scope::All).await, Ok(vec![]));
        assert_eq!(mail.source.cursor(&outbox).await, Ok(0));
        assert_eq!(mail.source.list("f0123456789", Scope::All).await, Err(Error::ContainerGone));
    }
}

#[tokio::test]
async fn missing_folders_are_made_under_the_names_of_imp() {
    let mail = Mail::new().await;
    mail.site.web("horde.setPreference", ["imp", "sent_mail_folder", "Gesendet"].map(Into::into).to_vec()).await;
    let mut other = mail.other().await;
    other.list().await.unwrap();
    // The lab makes these for everybody; a server that does not is played by taking them away again and again.
    for name in ["Sent", "Drafts"] {
        other.delete(name).await.unwrap();
    }
    let containers = mail.containers().await;
    role(&containers, Role::Sent);
    role(&containers, Role::Drafts);
}

#[tokio::test]
async fn folders_keep_their_ids_when_somebody_renames_them() {
    for ignore in [vec![], old()] {
        let mail = Mail::with(Settings { ignore, ..Settings::default() }).await;
        let mut other = mail.other().await;
        other.create("imp-a").await.unwrap();
        // Another second, another UIDVALIDITY.
        tokio::time::sleep(Duration::from_millis(1100)).await;
        other.create("imp-a/below").await.unwrap();
        let before = mail.containers().await;
        let (a, below) = (named(&before, "imp-a"), named(&before, "below"));
        assert_eq!(below.parent.as_deref(), Some(a.id.as_str()));
        let uid = mail.put("imp-a", &simple(1)).await;
        other.rename("imp-a", "imp-b").await.unwrap();
        other.subscribe("imp-b/below", true).await.unwrap();
        // Whoever comes first finds it under its new name.
        assert_eq!(mail.source.list(&a.id, Scope::All).await, Ok(vec![uid.to_string()]));
        let after = mail.containers().await;
        assert_eq!((&named(&after, "imp-b").id, &named(&after, "below").id), (&a.id, &below.id));
        other.delete("imp-b/below").await.unwrap();
        other.delete("imp-b").await.unwrap();
        assert_eq!(mail.source.list(&a.id, Scope::All).await, Err(Error::ContainerGone));
        // A new one with the old name is another.
        tokio::time::sleep(Duration::from_millis(1100)).await;
        other.create("imp-b").await.unwrap();
        assert_ne!(named(&mail.containers().await, "imp-b").id, a.id);
        assert_eq!(mail.source.list(&a.id, Scope::All).await, Err(Error::ContainerGone));
    }
}

const MIXED: &str = "From: =?utf-8?q?J=C3=BCrgen?= <j@example.test>\nTo: alice@example.test\nSubject: =?utf-8?q?gr=C3=BCn?=
Message-ID: <mixed@imp.example.test>\nDate: Mon, 2 Feb 2026 10:00:00 +0000\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n
--b
Content-Type: multipart/alternative; boundary=c\n
--c
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

grüne Wiese
--c
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: 8bit

<p>grüne <b>Wiese</b></p>
--c--
--b
Content-Type: application/octet-stream; name=x.bin
Content-Disposition: attachment; filename=x.bin
Content-Transfer-Encoding: base64

FILLING
--b--
";

#[tokio::test]
async fn small_and_large_mails_look_the_same() {
    let mail = Mail::new().await;
    let inbox = mail.inbox().await;
    let small = mail.put("INBOX", &MIXED.replace("FILLING", "AAECAwQ=")).await;
    let line = format!("{}\n", "QUJD".repeat(19));
    let large = mail.put("INBOX", &MIXED.replace("FILLING", &line.repeat(3 << 10))).await;
    for kind in [BodyKind::Plain, BodyKind::Html] {
        let view = view(kind, Some(5000));
        let mut items = [mail.one(&inbox, small, &view).await, mail.one(&inbox, large, &view).await];
        for (item, uid) in items.iter_mut().zip([small, large]) {
            let groups = item.groups(b::ATTACHMENTS);
            assert_eq!(groups.len(), 1);
            assert_eq!(groups[0].text(b::FILE_REFERENCE), Some(format!("{inbox}:{uid}:2").as_str()));
            assert_eq!(groups[0].text(b::DISPLAY_NAME), Some("x.bin"));
            item.0.remove(&b::ATTACHMENTS);
            item.0.remove(&e::DATE_RECEIVED);
        }
        assert_eq!(items[0], items[1]);
        assert_eq!(body(&items[0]).kind, kind);
        assert!(body(&items[0]).data.contains("grüne"), "{:?}", body(&items[0]));
        assert_eq!(items[0].text(e::SUBJECT), Some("grün"));
        assert_eq!(items[0].text(e::FROM), Some("\"Jürgen\" <j@example.test>"));
        assert_eq!(items[0].text(e::READ), Some("0"), "looking is not reading");
    }
    for (uid, size) in [(small, 5), (large, 3 * (3 << 10) * 19)] {
        let reference = Reference::parse(&format!("{inbox}:{uid}:2")).unwrap();
        let mut spool = mail.site.store.spool();
        let found = mail.source.attachment(&reference, &mut spool).await.unwrap();
        assert_eq!((found.name.as_str(), found.kind.as_str()), ("x.bin", "application/octet-stream"));
        assert_eq!(spool.len(), size);
        let whole = Reference { part: None, ..reference.clone() };
        let mut spool = mail.site.store.spool();
        let length = mail.source.message(&whole, &mut spool).await.unwrap();
        assert_eq!(spool.len(), length);
        assert!(spool.read(0, 5).await.unwrap().starts_with(b"From:"));
        let missing = Reference { part: Some("9".into()), ..reference };
        assert_eq!(mail.source.attachment(&missing, &mut mail.site.store.spool()).await, Err(Error::NotFound));
    }
    let whole = View { mime_support: 2, ..view(BodyKind::Mime, Some(200_000)) };
    let item = mail.one(&inbox, large, &whole).await;
    let there = body(&item);
    assert!(there.kind == BodyKind::Mime && there.truncated && there.data.starts_with("From:"));
    assert!(there.data.len() <= 200_000 && there.size > 200_000, "{} {}", there.data.len(), there.size);
}

#[tokio::test]
async fn mails_that_are_none_are_delivered() {
    let mail = Mail::new().await;
    let inbox = mail.inbox().await;
    let mut uids = Vec::new();
    let broken = "Content-Type: multipart/mixed\nSubject: no boundary\n\n--x\n\nlost\n";
    let deep = format!("Subject: deep\n{}\n\nx\n", "Content-Type: message/rfc822\n\n".repeat(300));
    for message in ["x", "\n", ":\n\n", "no header at all\nnone\n", broken, &deep] {
        uids.push(mail.put("INBOX", message).await);
    }
    let bytes = [&b"Subject: \xff\xfe\r\n\r\n"[..], &[0x80, 0xff, 0xfe, b'\r', b'\n']].concat();
    let placed = mail.other().await.append("INBOX", &[], None, &Pieces::from(bytes)).await.unwrap().unwrap();
    uids.push(Uid { validity: placed.uid_validity, uid: placed.uids[0].1 });
    let uids: Vec<String> = uids.iter().map(Uid::to_string).collect();
    for kind in [BodyKind::Plain, BodyKind::Html, BodyKind::Mime] {
        let view = View { mime_support: 2, ..view(kind, None) };
        let fetched = mail.source.fetch_for(&inbox, &uids, &[], Want::Whole(&view)).await.unwrap();
        assert_eq!(fetched.len(), uids.len());
        for one in fetched {
            assert!(matches!(one, Fetched::Item(_)), "{one:?}");
        }
    }
}

#[tokio::test]
async fn flags_go_both_ways() {
    let mail = Mail::new().await;
    let inbox = mail.inbox().await;
    let uid = mail.put("INBOX", &simple(1)).await;
    let mut other = mail.other().await;
    other.select("INBOX", true).await.unwrap();
    let mut patch = Properties::default();
    patch.set_text(e::READ, "1");
    let mut flag = Properties::default();
    flag.set_text(e::STATUS, "2");
    flag.set_text(e::FLAG_TYPE, "for Follow Up");
    patch.0.insert(e::FLAG, Value::Group(flag.clone()));
    patch.0.insert(e::CATEGORIES, Value::List(vec!["blue".into()]));
    mail.source.change(&inbox, &uid.to_string(), &set(&patch)).await.unwrap();
    let there = other.fetch(&one(uid), "FLAGS").await.unwrap().remove(0);
    assert!(there.has_flag("\\Seen") && there.has_flag("\\Flagged"));
    let plain = View::plain(Version::V14_1);
    let item = mail.one(&inbox, uid, &plain).await;
    assert_eq!((item.text(e::READ), item.group(e::FLAG)), (Some("1"), Some(&flag)));
    assert_eq!(item.0.get(&e::CATEGORIES), Some(&Value::List(vec!["blue".into()])));

    mail.answered(&inbox, uid).await;
    let item = mail.one(&inbox, uid, &plain).await;
    assert_eq!(item.text(e2::LAST_VERB_EXECUTED), Some("2"));
    assert_eq!(item.text(e2::LAST_VERB_EXECUTION_TIME), Some("2026-02-07T00:00:00.000Z"));

    other.store(&one(uid), Flagging::Remove, &["\\Seen", "\\Flagged", "\\Answered"]).await.unwrap();
    let fetched = mail.source.fetch_for(&inbox, &[uid.to_string()], &[], Want::Volatile).await.unwrap();
    let Some(Fetched::Item(item)) = fetched.first() else { panic!("{fetched:?}") };
    assert_eq!((item.text(e::READ), item.group(e::FLAG)), (Some("0"), Some(&Properties::default())));
    assert!(item.text(e2::LAST_VERB_EXECUTED).is_none() && item.text(e2::LAST_VERB_EXECUTION_TIME).is_none());
    assert!(item.text(e::DATE_RECEIVED).is_some() && !item.0.contains_key(&b::BODY));

    other.store(&one(uid), Flagging::Add, &["\\Deleted"]).await.unwrap();
    assert_eq!(mail.source.change(&inbox, &uid.to_string(), &set(&patch)).await, Err(Error::NotFound));
    assert_eq!(mail.source.list(&inbox, Scope::All).await, Ok(vec![]), "as in IMP");
    let wrong = Patch { set: patch, clear: vec![] };
    assert_eq!(mail.source.change(&inbox, "x", &wrong).await, Err(Error::NotFound));
}

#[tokio::test]
async fn history_with_and_without_help_of_the_server() {
    for ignore in [vec![], vec!["QRESYNC".to_owned()], old()] {
        let name = format!("{ignore:?}");
        let mail = Mail::with(Settings { ignore, ..Settings::default() }).await;
        let inbox = mail.inbox().await;
        let empty = mail.source.cursor(&inbox).await.unwrap();
        let mut uids = Vec::new();
        for n in 0..5 {
            uids.push(mail.put("INBOX", &simple(n)).await);
        }
        let listed = mail.source.list(&inbox, Scope::All).await.unwrap();
        assert_eq!(listed, uids.iter().rev().map(Uid::to_string).collect::<Vec<_>>(), "the newest first");
        let before = mail.source.cursor(&inbox).await.unwrap();
        assert!(before > empty, "{name}");
        assert_eq!(mail.source.cursor(&inbox).await.unwrap(), before, "{name}: nothing has happened");
        let mut other = mail.other().await;
        other.select("INBOX", true).await.unwrap();
        other.store(&one(uids[0]), Flagging::Add, &["\\Seen"]).await.unwrap();
        other.store(&one(uids[1]), Flagging::Add, &["\\Deleted"]).await.unwrap();
        other.remove(&one(uids[2])).await.unwrap();
        let new = mail.put("INBOX", &simple(9)).await;
        let after = mail.source.cursors(&[inbox.clone(), role(&mail.containers().await, Role::Sent)]).await.unwrap()[0];
        assert!(after > before, "{name}");
        let changes = mail.source.changes(&inbox, before, after).await.unwrap();
        assert!(!changes.lost && changes.add.is_empty(), "{name}: {changes:?}");
        assert_eq!(changes.modify, [new, uids[0]].map(|uid| uid.to_string()), "{name}");
        let mut gone = changes.delete.clone();
        gone.sort();
        assert_eq!(gone, [uids[1], uids[2]].map(|uid| uid.to_string()), "{name}");
    }
}

#[tokio::test]
async fn an_inbox_that_begins_anew_is_compared_by_a_listing() {
    let mail = Mail::new().await;
    let inbox = mail.inbox().await;
    let first = mail.put("INBOX", &simple(1)).await;
    let before = mail.source.cursor(&inbox).await.unwrap();
    // The administrator throws away what Dovecot knows of it.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let lab = std::env::var("HORDE_EAS_LAB").expect("HORDE_EAS_LAB is not set: directory of the lab");
    let dir = std::path::Path::new(&lab).join("mail").join(&mail.site.login.user);
    for entry in std::fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("dovecot.index") || name == "dovecot-uidlist" {
            std::fs::remove_file(path).unwrap();
        }
    }
    // Sessions that had it open are of no use any more.
    let (site, settings) = (mail.site, Settings { timeout: 10, ..Settings::default() });
    let source = Imp::new(site.session(), site.beside("email"), &Shared::new(settings.clone()));
    let pool = Pool::new(Settings { url: format!("imap://{}", address()), ..settings });
    let mail = Mail { site, source, pool };
    let second = mail.put("INBOX", &simple(2)).await;
    assert_ne!(first.validity, second.validity);
    let after = mail.source.cursor(&inbox).await.unwrap();
    assert!(after > before, "the history goes on");
    assert!(mail.source.changes(&inbox, before, after).await.unwrap().lost);
    assert!(!mail.source.changes(&inbox, after, after).await.unwrap().lost);
    let listed = mail.source.list(&inbox, Scope::All).await.unwrap();
    assert_eq!(listed[0], second.to_string());
    assert!(!listed.contains(&first.to_string()));
    let fetched = mail.source.fetch_for(&inbox, &[first.to_string()], &[], Want::Volatile).await.unwrap();
    assert_eq!(fetched, [Fetched::Missing]);
}

/// Passes bytes between the source and Dovecot, and counts those that come back.
async fn counting() -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("imap://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(address()).await.unwrap();
            let counted = Arc::clone(&counted);
            let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
                (client.into_split(), server.into_split());
            tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
            tokio::spawn(async move {
                use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
                let mut buffer = vec![0; 64 << 10];
                while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
                    counted.fetch_add(read as u64, Ordering::Relaxed);
                    if to_client.write_all(&buffer[..read]).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    (url, count)
}

#[tokio::test]
async fn three_changes_among_five_thousand_cost_three_lines() {
    let (url, count) = counting().await;
    let mail = Mail::with(Settings { url, ..Settings::default() }).await;
    let inbox = mail.inbox().await;
    let mut other = mail.other().await;
    let message = Pieces::from(simple(1).replace('\n', "\r\n").into_bytes());
    for _ in 0..100 {
        other.append("Drafts", &[], None, &message).await.unwrap();
    }
    other.select("Drafts", true).await.unwrap();
    for _ in 0..50 {
        other.copy(&(1..=100).collect(), "INBOX").await.unwrap();
    }
    let uids = mail.source.list(&inbox, Scope::All).await.unwrap();
    assert_eq!(uids.len(), 5000);
    let before = mail.source.cursor(&inbox).await.unwrap();
    other.select("INBOX", true).await.unwrap();
    other.store(&[7, 4000].into_iter().collect(), Flagging::Add, &["\\Seen"]).await.unwrap();
    other.remove(&[100].into_iter().collect()).await.unwrap();
    let start = count.load(Ordering::Relaxed);
    let after = mail.source.cursor(&inbox).await.unwrap();
    let cost_of_cursor = count.load(Ordering::Relaxed) - start;
    let changes = mail.source.changes(&inbox, before, after).await.unwrap();
    let cost = count.load(Ordering::Relaxed) - start;
    assert_eq!((changes.modify.len(), changes.delete.len()), (2, 1));
    assert!(cost < 1500, "{cost} bytes, {cost_of_cursor} of them for the cursor");
    let start = count.load(Ordering::Relaxed);
    let began = std::time::Instant::now();
    let window: Vec<String> = uids.iter().take(100).cloned().collect();
    let fetched = mail.source.fetch_for(&inbox, &window, &[], Want::Volatile).await.unwrap();
    assert!(fetched.iter().all(|one| matches!(one, Fetched::Item(_))));
    let volatile = count.load(Ordering::Relaxed) - start;
    assert!(volatile < 100 * 150, "{volatile}");
    let fetched = mail.source.fetch_for(&inbox, &window, &[], Want::Whole(&view(BodyKind::Plain, None))).await.unwrap();
    assert!(fetched.iter().all(|one| matches!(one, Fetched::Item(_))));
    println!(
        "cursor {cost_of_cursor}, changes {}, 100 volatile {volatile} bytes; both {:?}",
        cost - cost_of_cursor,
        began.elapsed()
    );
}

#[tokio::test]
async fn deletions_go_to_the_trash_first() {
    let mail = Mail::new().await;
    let containers = mail.containers().await;
    let (inbox, trash) = (containers[0].id.clone(), role(&containers, Role::Trash));
    let (first, second) = (mail.put("INBOX", &simple(1)).await, mail.put("INBOX", &simple(2)).await);
    mail.source.discard(&inbox, &first.to_string(), false).await.unwrap();
    assert_eq!(mail.source.discard(&inbox, &first.to_string(), false).await, Err(Error::NotFound));
    mail.source.discard(&inbox, &second.to_string(), true).await.unwrap();
    assert_eq!(mail.source.list(&inbox, Scope::All).await, Ok(vec![]));
    let there = mail.source.list(&trash, Scope::All).await.unwrap();
    assert_eq!(there.len(), 1);
    mail.source.discard(&trash, &there[0], false).await.unwrap();
    assert_eq!(mail.source.list(&trash, Scope::All).await, Ok(vec![]));
}

/// The details of its flag and its category with a blank were lost when a phone deleted a mail.
#[tokio::test]
async fn a_mail_that_is_deleted_to_the_trash_keeps_what_is_kept_beside_it() {
    for ignore in [vec![], [old(), vec!["UIDPLUS".to_owned()]].concat()] {
        let mail = Mail::with(Settings { ignore, ..Settings::default() }).await;
        let containers = mail.containers().await;
        let (inbox, trash) = (containers[0].id.clone(), role(&containers, Role::Trash));
        let uid = mail.put("INBOX", &simple(1)).await;
        let (mut wanted, mut flag) = (Properties::default(), Properties::default());
        flag.set_text(e::STATUS, "2");
        flag.set_text(e::FLAG_TYPE, "for Follow Up");
        wanted.0.insert(e::FLAG, Value::Group(flag));
        wanted.0.insert(e::CATEGORIES, Value::List(vec!["two words".into()]));
        mail.source.change(&inbox, &uid.to_string(), &set(&wanted)).await.unwrap();
        mail.source.discard(&inbox, &uid.to_string(), false).await.unwrap();
        let there = mail.source.list(&trash, Scope::All).await.unwrap();
        let item = mail.one(&trash, Uid::parse(&there[0]).unwrap(), &View::plain(Version::V14_1)).await;
        for (tag, value) in &wanted.0 {
            assert_eq!(item.0.get(tag), Some(value));
        }
        mail.source.discard(&trash, &there[0], false).await.unwrap();
        let key = |container: &str, uid: &str| format!("{container}:{uid}");
        for kept in [key(&inbox, &uid.to_string()), key(&trash, &there[0])] {
            assert_eq!(mail.site.beside("email").get(&kept).unwrap(), None, "nothing is left behind");
        }
    }
}

#[tokio::test]
async fn mails_move_with_what_is_kept_of_them() {
    for ignore in [vec![], [old(), vec!["UIDPLUS".to_owned()]].concat()] {
        let mail = Mail::with(Settings { ignore, ..Settings::default() }).await;
        let inbox = mail.inbox().await;
        let target = mail.source.create_folder(None, "imp-target").await.unwrap();
        let (first, second) = (mail.put("INBOX", &simple(1)).await, mail.put("INBOX", &simple(2)).await);
        mail.answered(&inbox, first).await;
        let nothing = Uid { validity: first.validity, uid: 99 };
        let moved = mail.source.move_items(&inbox, &[second, nothing, first], &target).await.unwrap();
        let [Moved::To(_), Moved::Missing, Moved::To(new)] = moved[..] else { panic!("{moved:?}") };
        let item = mail.one(&target, new, &View::plain(Version::V14_1)).await;
        assert_eq!((item.text(e::SUBJECT), item.text(e2::LAST_VERB_EXECUTED)), (Some("mail 1"), Some("2")));
        assert_eq!(mail.source.list(&inbox, Scope::All).await, Ok(vec![]));
        assert_eq!(mail.source.move_items(&inbox, &[first], "f0123456789").await, Err(Error::ContainerGone));
    }
}

#[tokio::test]
async fn folders_are_made_renamed_and_deleted() {
    let mail = Mail::new().await;
    let name = "Grüße & \"mehr\"";
    let a = mail.source.create_folder(None, name).await.unwrap();
    assert_eq!(mail.source.create_folder(None, name).await, Err(Error::Exists));
    let below = mail.source.create_folder(Some(&a), "b").await.unwrap();
    let containers = mail.containers().await;
    assert_eq!(named(&containers, name).id, a);
    assert_eq!(named(&containers, "b").parent.as_deref(), Some(a.as_str()));
    for wrong in ["", " ", "x/y", "x\r\nDELETE INBOX"] {
        assert!(matches!(mail.source.create_folder(None, wrong).await, Err(Error::Refused(_))), "{wrong:?}");
    }
    assert_eq!(mail.source.create_folder(Some("f0123456789"), "x").await, Err(Error::ContainerGone));

    mail.source.rename_folder(&a, None, "imp-new").await.unwrap();
    let containers = mail.containers().await;
    assert_eq!((&named(&containers, "imp-new").id, &named(&containers, "b").id), (&a, &below));
    mail.source.rename_folder(&below, None, "imp-top").await.unwrap();
    assert_eq!(named(&mail.containers().await, "imp-top").parent, None);
    mail.source.rename_folder(&below, Some(&a), "b").await.unwrap();
    assert_eq!(mail.source.rename_folder(&mail.inbox().await, None, "x").await, Err(Error::Denied));
    assert_eq!(mail.source.delete_folder(&mail.inbox().await).await, Err(Error::Denied));

    let uid = mail.put("imp-new", &simple(1)).await;
    assert_eq!(mail.source.list(&a, Scope::All).await, Ok(vec![uid.to_string()]));
    mail.source.empty_folder(&a, false).await.unwrap();
    assert_eq!(mail.source.list(&a, Scope::All).await, Ok(vec![]));
    assert_eq!(mail.source.list(&below, Scope::All).await, Ok(vec![]));
    mail.source.delete_folder(&a).await.unwrap();
    for id in [a, below] {
        assert_eq!(mail.source.list(&id, Scope::All).await, Err(Error::ContainerGone));
    }
    let missing = mail.other().await.status("imp-new").await.unwrap_err();
    assert_eq!(missing.code(), Some(Code::NonExistent));
}

#[tokio::test]
async fn mails_are_added_found_and_searched() {
    let mail = Mail::new().await;
    let containers = mail.containers().await;
    let (inbox, sent) = (containers[0].id.clone(), role(&containers, Role::Sent));
    assert_eq!(mail.source.folder_for(Role::Sent).await, Ok(Some(sent.clone())));
    let content = Pieces::from(simple(5).replace('\n', "\r\n").into_bytes());
    let uid = mail.source.append(&sent, &["\\Seen"], None, &content).await.unwrap().unwrap();
    assert_eq!(mail.source.find(&sent, "<5@imp.example.test>").await, Ok(Some(uid)));
    assert_eq!(mail.source.find(&sent, "<6@imp.example.test>").await, Ok(None));
    let here = mail.put("INBOX", &MIXED.replace("FILLING", "AAECAwQ=")).await;
    let criteria =
        Criteria::default().and(Criterion::Text("Wiese")).and(Criterion::Seen(false)).and(Criterion::Since(0));
    let found = mail.source.search(None, &criteria).await.unwrap();
    assert_eq!(found, [Reference { container: inbox.clone(), uid: here, part: None }]);
    let green = Criteria::default().and(Criterion::Subject("grün"));
    assert_eq!(mail.source.search(Some(&inbox), &green).await.unwrap().len(), 1);
    assert!(mail.source.search(Some(&sent), &green).await.unwrap().is_empty());
    let scope = Scope::Since(i64::try_from(now()).unwrap() - 86400);
    assert_eq!(mail.source.list(&inbox, scope).await.unwrap().len(), 1);
    let scope = Scope::Since(i64::try_from(now()).unwrap() + 3 * 86400);
    assert!(mail.source.list(&inbox, scope).await.unwrap().is_empty());
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

#[tokio::test]
async fn folders_stay_known_while_the_server_is_away() {
    let mail = Mail::new().await;
    let containers = mail.containers().await;
    let away = Settings { url: "imap://127.0.0.1:1".into(), ..Settings::default() };
    let source = Imp::new(mail.site.session(), mail.site.beside("email"), &Shared::new(away.clone()));
    assert_eq!(source.containers().await, Ok(containers.clone()));
    assert!(matches!(source.list(&containers[0].id, Scope::All).await, Err(Error::Unavailable { .. })));
    assert!(matches!(source.cursor(&containers[0].id).await, Err(Error::Unavailable { .. })));
    let fresh = Site::new("imp").await;
    let source = Imp::new(fresh.session(), fresh.beside("email"), &Shared::new(away));
    assert!(matches!(source.containers().await, Err(Error::Unavailable { .. })), "nothing is known: that is told");
}

/// What another process has, which remembers only what is on disk.
fn books(site: &Site) -> Turba {
    Turba::new(site.session(), site.beside("contacts"), &turba::Shared::new())
}

#[tokio::test]
async fn whom_the_user_writes_to_is_a_read_only_list_with_a_history() {
    let site = Site::new("people").await;
    let write = async |to: &str| {
        site.web("mail.logRecipient", ["new", to, "<x@example.test>"].map(Into::into).to_vec()).await;
    };
    let people = people::ID;
    let first = books(&site).cursor(people).await.unwrap();
    assert_eq!(books(&site).list(people, Scope::All).await, Ok(vec![]));
    write("Bob@example.test").await;
    write("Carol <carol@example.test>, Bob@example.test").await;
    let source = books(&site);
    let own = source.containers().await.unwrap()[0].id.clone();
    let second = source.cursors(&[own.clone(), people.to_owned(), own]).await.unwrap()[1];
    assert!(second > first);
    let uids = ["bob@example.test", "carol@example.test"].map(str::to_owned);
    let changes = source.changes(people, first, second).await.unwrap();
    assert_eq!((changes.modify.as_slice(), changes.delete.len(), changes.lost), (&uids[..], 0, false));
    assert_eq!(source.list(people, Scope::All).await.as_deref(), Ok(&uids[..]));
    let fetched = source.fetch(people, &uids, &[]).await.unwrap();
    let Fetched::Item(item) = &fetched[1] else { panic!("{fetched:?}") };
    assert_eq!(item.text(contacts::EMAIL1_ADDRESS), Some("carol@example.test"));
    assert_eq!(item.text(contacts::WEIGHTED_RANK), Some("2"));
    // It is believed for a while; another process sees Carol move up.
    write("carol@example.test").await;
    write("carol@example.test").await;
    assert_eq!(source.cursor(people).await, Ok(second));
    let third = books(&site).cursor(people).await.unwrap();
    let mut moved = source.changes(people, second, third).await.unwrap().modify;
    moved.sort();
    assert_eq!(moved, uids);
    assert!(source.changes(people, third, third).await.unwrap().modify.is_empty());

    assert!(source.containers().await.unwrap().iter().all(|book| book.id != people), "no address book");
    assert_eq!(source.add(people, "x", &Properties::default()).await, Err(Error::Denied));
    assert_eq!(source.change(people, &uids[0], &Patch::default()).await, Err(Error::Denied));
    assert_eq!(source.delete(people, &uids[0]).await, Err(Error::Denied));
}

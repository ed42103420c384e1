//! The IMAP client against a real Dovecot (`HORDE_EAS_LAB_IMAP=host:port`, the lab of tests/lab). Each test takes a fresh user.

use std::sync::atomic::{AtomicU32, Ordering};

use horde_eas::{
    imap::{Code, Command, Content, Error, Flagging, Lease, Login, Pool, Settings, UidSet, utf7},
    spool::{Piece, Pieces},
};

fn settings() -> Settings {
    let server =
        std::env::var("HORDE_EAS_LAB_IMAP").expect("HORDE_EAS_LAB_IMAP is not set: host:port of the lab's Dovecot");
    Settings { url: format!("imap://{server}"), timeout: 10, ..Settings::default() }
}

fn login() -> Login {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let user = format!("e2e-imap-{now:x}-{:x}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    Login { password: format!("{user}-secret").into(), user }
}

async fn open(settings: Settings) -> Lease {
    Pool::new(settings).lease(&login(), None).await.unwrap()
}

fn all() -> Command {
    Command::new("ALL")
}

async fn put(connection: &mut Lease, mailbox: &str, message: &str) -> u32 {
    let message = message.replace('\n', "\r\n");
    let placed = connection.append(mailbox, &[], None, &Pieces::from(message.into_bytes())).await;
    placed.unwrap().unwrap().uids[0].1
}

fn one(uid: u32) -> UidSet {
    UidSet::from_iter([uid])
}

const MAIL: &str = "From: a@example.test\nSubject: =?utf-8?q?gr=C3=BCn?=\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n
--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

grün
--b
Content-Type: application/octet-stream; name=x.bin
Content-Disposition: attachment; filename=x.bin
Content-Transfer-Encoding: base64

AAECAwQ=
--b--
";

#[tokio::test]
async fn a_wrong_password_is_a_login_refused() {
    let wrong = Login { password: "wrong".into(), ..login() };
    let error = Pool::new(settings()).lease(&wrong, None).await.err().unwrap();
    assert!(matches!(error, Error::Login(_)), "{error}");
    let nowhere = Settings { url: "imap://127.0.0.1:1".into(), ..settings() };
    assert!(matches!(Pool::new(nowhere).lease(&login(), None).await, Err(Error::Unavailable(_))));
}

#[tokio::test]
async fn mailboxes_come_go_and_are_renamed() {
    // The second one does without all that is new.
    let old = ["LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE", "CONDSTORE", "QRESYNC", "UNSELECT", "LITERAL+"];
    for ignore in [vec![], old.map(str::to_owned).to_vec()] {
        let modern = ignore.is_empty();
        let mut connection = open(Settings { ignore, ..settings() }).await;
        let name = utf7::encode("Grüße & \"mehr\"");
        connection.create(&name).await.unwrap();
        assert_eq!(connection.create(&name).await.unwrap_err().code(), Some(Code::AlreadyExists));
        let list = connection.list().await.unwrap();
        let there = list.iter().find(|mailbox| mailbox.name == name).unwrap();
        assert!(there.subscribed && there.is_selectable());
        let status = there.status.clone().unwrap();
        assert!(status.uid_validity.is_some() && status.uid_next == Some(1) && status.id.is_some());
        assert_eq!(status.highest_modseq.is_some(), modern);
        let inbox = list.iter().find(|mailbox| mailbox.name == "INBOX").unwrap();
        assert_eq!(inbox.delimiter, Some('/'));
        assert!(list.iter().any(|mailbox| mailbox.is("\\sent")), "{list:?}");

        connection.select(&name, true).await.unwrap();
        connection.rename(&name, "imap-new").await.unwrap();
        assert_eq!(connection.select(&name, false).await.unwrap_err().code(), Some(Code::NonExistent));
        let renamed = connection.status("imap-new").await.unwrap();
        assert_eq!(renamed.id, status.id, "the id stays");
        assert!(connection.list().await.unwrap().iter().any(|m| m.name == "imap-new" && m.subscribed));
        connection.delete("imap-new").await.unwrap();
        assert_eq!(connection.status("imap-new").await.unwrap_err().code(), Some(Code::NonExistent));
        assert!(matches!(connection.delete("INBOX").await, Err(Error::No { .. })));
    }
}

#[tokio::test]
async fn messages_are_read_in_parts() {
    let mut connection = open(settings()).await;
    let uid = put(&mut connection, "INBOX", MAIL).await;
    let selected = connection.select("INBOX", true).await.unwrap();
    assert!(selected.keywords && !selected.read_only && selected.messages == 1);
    let items =
        "FLAGS INTERNALDATE RFC822.SIZE BODYSTRUCTURE BODY.PEEK[HEADER] BODY.PEEK[1]<0.3> BINARY.PEEK[2] BODY.PEEK[7]";
    let there = connection.fetch(&UidSet::from_iter([uid, uid + 1]), items).await.unwrap().remove(0);
    assert_eq!(there.size, Some(MAIL.replace('\n', "\r\n").len() as u64));
    assert!(there.content("BODY[HEADER]").unwrap().starts_with(b"From: a@example.test\r\n"));
    assert_eq!(there.content("BODY[1]").unwrap(), &"grü".as_bytes()[..3]);
    assert_eq!(there.content("BINARY[2]").unwrap(), &[0_u8, 1, 2, 3, 4][..]);
    assert!(there.content("BODY[7]").is_none_or(|content| content.is_empty()));
    let structure = there.structure.unwrap();
    let attachment = structure.part("2").unwrap();
    assert_eq!((attachment.kind.as_str(), attachment.encoding.as_str()), ("application", "base64"));
    assert_eq!(attachment.disposition_params, [("filename".to_owned(), "x.bin".to_owned())]);
    assert_eq!(structure.part("1").unwrap().subtype, "plain");
    let grey = connection.search(&Command::new("SUBJECT ").string("grün")).await.unwrap();
    assert_eq!(grey, one(uid));
    assert!(connection.search(&Command::new("SUBJECT ").string("rot")).await.unwrap().is_empty());
}

#[tokio::test]
async fn flags_moves_and_deletions() {
    for ignore in [vec![], vec!["MOVE".to_owned(), "UIDPLUS".to_owned(), "ESEARCH".to_owned()]] {
        let plus = ignore.is_empty();
        let mut connection = open(Settings { ignore, ..settings() }).await;
        let mut uids = Vec::new();
        for n in 0..4 {
            uids.push(put(&mut connection, "INBOX", &format!("Subject: {n}\n\nx\n")).await);
        }
        connection.select("INBOX", true).await.unwrap();
        connection.store(&one(uids[0]), Flagging::Add, &["\\Seen", "$Forwarded"]).await.unwrap();
        connection.store(&one(uids[0]), Flagging::Remove, &["\\Seen"]).await.unwrap();
        let there = connection.fetch(&one(uids[0]), "FLAGS").await.unwrap().remove(0);
        assert!(there.has_flag("$Forwarded") && !there.has_flag("\\Seen"));

        let nowhere = connection.move_to(&one(uids[1]), "imap-nowhere").await.unwrap_err();
        assert_eq!(nowhere.code(), Some(Code::TryCreate));
        let placed = connection.move_to(&one(uids[1]), "Trash").await.unwrap().unwrap();
        assert_eq!((placed.uids.len(), placed.uids[0].0), (1, uids[1]));
        // What somebody else has flagged is not expunged with it.
        connection.store(&one(uids[3]), Flagging::Add, &["\\Deleted"]).await.unwrap();
        connection.remove(&one(uids[2])).await.unwrap();
        assert_eq!(connection.search(&all()).await.unwrap(), UidSet::from_iter([uids[0], uids[3]]), "{plus}");
        assert_eq!(connection.search(&Command::new("DELETED")).await.unwrap(), one(uids[3]));
        let trash = connection.select("Trash", false).await.unwrap();
        assert!(trash.read_only && trash.uid_validity == placed.uid_validity);
        assert_eq!(connection.search(&all()).await.unwrap(), one(placed.uids[0].1));
    }
}

#[tokio::test]
async fn history_tells_what_another_client_did() {
    let pool = Pool::new(settings());
    let login = login();
    let (mut ours, mut other) = (pool.lease(&login, None).await.unwrap(), pool.lease(&login, None).await.unwrap());
    let mut uids = Vec::new();
    for n in 0..5 {
        uids.push(put(&mut other, "INBOX", &format!("Subject: {n}\n\nx\n")).await);
    }
    let before = ours.select("INBOX", false).await.unwrap().highest_modseq.unwrap();
    other.select("INBOX", true).await.unwrap();
    other.store(&one(uids[1]), Flagging::Add, &["\\Seen"]).await.unwrap();
    other.remove(&one(uids[3])).await.unwrap();
    uids.push(put(&mut other, "INBOX", "Subject: new\n\nx\n").await);
    ours.select("INBOX", false).await.unwrap();
    let news = ours.news(before).await.unwrap();
    assert_eq!(news.messages.iter().map(|m| m.uid).collect::<Vec<_>>(), [uids[1], uids[5]]);
    assert_eq!(news.vanished, Some(one(uids[3])));
    assert!(news.messages.iter().all(|m| m.modseq > Some(before)));
    assert!(ours.status("INBOX").await.unwrap().highest_modseq > Some(before));
}

/// 40 MB pass through without lying in memory here.
#[tokio::test]
async fn large_messages_are_streamed() {
    let mut connection = open(settings()).await;
    let line = Piece::Bytes([&[b'x'; 998][..], b"\r\n"].concat().into());
    let head = Piece::Bytes("Subject: large\r\n\r\n".into());
    let content: Pieces = std::iter::once(head).chain((0..40_000).map(|_| line.clone())).collect();
    let length = content.len();
    let uid = connection.append("INBOX", &[], None, &content).await.unwrap().unwrap().uids[0].1;
    connection.select("INBOX", false).await.unwrap();
    let (mut count, mut largest) = (0_u64, 0);
    let mut sink = |piece: &[u8]| {
        count += piece.len() as u64;
        largest = largest.max(piece.len());
        Ok(())
    };
    let read = connection.fetch_into(uid, "BODY.PEEK[]", &mut sink).await.unwrap();
    assert_eq!((read, count), (Some(length), length));
    assert!(largest <= 64 << 10, "{largest}");
    let whole = connection.fetch(&one(uid), "BODY.PEEK[]").await.unwrap();
    assert_eq!(whole[0].contents[0].1, Content::TooLong(length), "never the whole in memory");
    assert_eq!(connection.search(&all()).await.unwrap(), one(uid), "and the session goes on");
}

#[tokio::test]
async fn a_mailbox_of_thousands_is_one_line() {
    let mut connection = open(settings()).await;
    for _ in 0..200 {
        put(&mut connection, "INBOX", "Subject: x\n\nx\n").await;
    }
    connection.select("INBOX", true).await.unwrap();
    let odd: UidSet = (1..=200).filter(|n| n % 2 == 1).collect();
    connection.store(&odd, Flagging::Add, &["\\Flagged"]).await.unwrap();
    assert_eq!(connection.search(&Command::new("FLAGGED")).await.unwrap(), odd);
    let there = connection.fetch(&UidSet::from(1), "FLAGS").await.unwrap();
    assert_eq!(there.len(), 200);
}

//! Against scripted servers.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};

use super::*;
use crate::{
    net::{Security, Server},
    spool::{Piece, Pieces, Spool},
};

const HELLO: &str = "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR LITERAL+] ready\r\n";
const LOGIN: (&str, &str) = ("AUTHENTICATE PLAIN AGVyaWthAHB3", "T OK [CAPABILITY IMAP4REV1] in\r\n");

/// Serves one connection after the other, each with a script: what must be asked (without tag; literals in place) and the answer (`T` at the
/// begin of a line = the tag). DONE has no tag of its own. An empty answer closes the connection.
async fn serve(scripts: Vec<Vec<(&'static str, &'static str)>>) -> (Server, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server =
        Server { host: "127.0.0.1".into(), port: listener.local_addr().unwrap().port(), security: Security::None };
    let task = tokio::spawn(async move {
        'next: for script in scripts {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            let mut tag = String::new();
            for (asked, answer) in script {
                if asked == "DONE" {
                    assert_eq!(command(&mut stream).await, asked);
                } else if !asked.is_empty() {
                    let command = command(&mut stream).await;
                    let (first, rest) = command.split_once(' ').unwrap_or_else(|| panic!("{command:?} for {asked:?}"));
                    assert_eq!(rest, asked);
                    tag = first.to_owned();
                }
                if answer.is_empty() {
                    continue 'next;
                }
                let answer = format!("\n{answer}").replace("\nT ", &format!("\n{tag} "));
                stream.write_all(&answer.as_bytes()[1..]).await.unwrap();
            }
            // Stays open.
            std::mem::forget(stream);
        }
    });
    (server, task)
}

async fn command(stream: &mut BufReader<tokio::net::TcpStream>) -> String {
    let mut command = String::new();
    loop {
        stream.read_line(&mut command).await.unwrap();
        command.truncate(command.trim_end_matches(['\r', '\n']).len());
        let Some(open) = command.rfind('{').filter(|_| command.ends_with('}')) else { return command };
        let inner = command[open + 1..command.len() - 1].to_owned();
        let length = inner.trim_end_matches('+').parse::<usize>().unwrap();
        if !inner.ends_with('+') {
            stream.write_all(b"+ go\r\n").await.unwrap();
        }
        command.truncate(open);
        let mut bytes = vec![0; length];
        stream.read_exact(&mut bytes).await.unwrap();
        command.push_str(&String::from_utf8(bytes).unwrap());
    }
}

fn login() -> Login {
    Login { user: "erika".into(), password: "pw".into() }
}

fn settings() -> Settings {
    Settings { timeout: 2, ..Settings::default() }
}

async fn lease(settings: Settings, server: &Server) -> Result<Lease, Error> {
    Pool::new(settings).lease(&login(), Some(server)).await
}

/// A connection with these capabilities that goes on with the script.
async fn with(capabilities: &'static str, script: Vec<(&'static str, &'static str)>) -> Lease {
    let mut whole = vec![
        ("", HELLO),
        ("AUTHENTICATE PLAIN AGVyaWthAHB3", "T OK in\r\n"),
        ("CAPABILITY", Box::leak(format!("* CAPABILITY {capabilities}\r\nT OK\r\n").into_boxed_str())),
    ];
    if capabilities.contains("QRESYNC") {
        whole.push(("ENABLE QRESYNC CONDSTORE", "* ENABLED QRESYNC\r\nT OK\r\n"));
    }
    whole.extend(script);
    let (server, _) = serve(vec![whole]).await;
    lease(settings(), &server).await.unwrap()
}

fn uids(text: &str) -> UidSet {
    UidSet::parse(text.as_bytes()).unwrap()
}

#[tokio::test]
async fn logins_of_all_kinds() {
    let scripts: Vec<Vec<(&str, &str)>> = vec![
        vec![("", HELLO), LOGIN],
        vec![
            ("", "* OK hi\r\n"),
            ("CAPABILITY", "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nT OK\r\n"),
            ("AUTHENTICATE PLAIN", "+ \r\n"),
        ],
        vec![("", "* OK [CAPABILITY IMAP4rev1] hi\r\n"), ("LOGIN \"erika\" \"pw\"", "T OK [CAPABILITY IMAP4rev1]\r\n")],
        vec![("", "* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n")],
    ];
    for (n, script) in scripts.into_iter().enumerate() {
        let (server, task) = serve(vec![script]).await;
        if n == 1 {
            // The script ends with the question; the answer is a line of its own, without a tag.
            let result = lease(settings(), &server).await;
            assert!(matches!(result, Err(Error::Unavailable(_))), "{:?}", result.err());
        } else {
            lease(settings(), &server).await.unwrap();
        }
        task.await.unwrap();
    }
}

#[tokio::test]
async fn a_master_user_reads_for_others() {
    let master = Settings { user: "master".into(), password: "all".into(), ..settings() };
    // "erika", NUL, "master", NUL, "all"
    let (server, task) = serve(vec![vec![("", HELLO), ("AUTHENTICATE PLAIN ZXJpa2EAbWFzdGVyAGFsbA==", LOGIN.1)]]).await;
    lease(master.clone(), &server).await.unwrap();
    task.await.unwrap();
    let hello = "* OK [CAPABILITY IMAP4rev1] hi\r\n";
    let (server, task) = serve(vec![vec![("", hello), ("LOGIN \"erika*master\" \"all\"", LOGIN.1)]]).await;
    lease(master, &server).await.unwrap();
    task.await.unwrap();
}

#[tokio::test]
async fn failed_logins_are_told_apart() {
    let asked = LOGIN.0;
    for (hello, answer, refused) in [
        (HELLO, "T NO [AUTHENTICATIONFAILED] Authentication failed.\r\n", true),
        (HELLO, "T NO no\r\n", true),
        (HELLO, "T NO [UNAVAILABLE] Internal authentication failure.\r\n", false),
        (HELLO, "* BYE too many\r\n", false),
    ] {
        let (server, _task) = serve(vec![vec![("", hello), (asked, answer), ("", "")]]).await;
        let error = lease(settings(), &server).await.err().unwrap();
        assert_eq!(matches!(error, Error::Login(_)), refused, "{error}");
        assert!(refused || matches!(error, Error::Unavailable(_)), "{error}");
    }
    for hello in ["* BYE full\r\n", "220 I am no IMAP\r\n", "* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] x\r\n"] {
        let (server, _task) = serve(vec![vec![("", hello)]]).await;
        assert!(matches!(lease(settings(), &server).await, Err(Error::Unavailable(_))), "{hello}");
    }
}

#[tokio::test]
async fn no_password_travels_without_the_tls_that_was_asked_for() {
    for hello in [HELLO, "* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n"] {
        let (mut server, task) = serve(vec![vec![("", hello)]]).await;
        server.security = Security::Starttls;
        assert!(matches!(lease(settings(), &server).await, Err(Error::Unavailable(_))));
        task.await.unwrap();
    }
}

#[tokio::test]
async fn rubbish_does_not_lose_the_session() {
    let mut connection = with(
        "IMAP4rev1 ESEARCH",
        vec![
            ("NOOP", "* 1 FETCH (((\r\nrubbish \"\r\n* FUTURE (data)\r\n* 4 EXISTS\r\nT OK\r\n"),
            ("UID SEARCH RETURN (ALL) ALL", "* ESEARCH (TAG \"x\") UID ALL 1,x\r\nT OK\r\n"),
            ("UID SEARCH RETURN (ALL) ALL", "* ESEARCH (TAG \"x\") UID ALL 1:3\r\nT OK\r\n"),
        ],
    )
    .await;
    connection.noop().await.unwrap();
    let garbled = connection.search(&Command::new("ALL")).await;
    assert!(matches!(garbled, Err(Error::Garbled(_))), "half a list is no list: {garbled:?}");
    assert_eq!(connection.search(&Command::new("ALL")).await.unwrap(), uids("1:3"));
}

#[tokio::test]
async fn an_old_server_does_without() {
    let mut connection = with(
        "IMAP4rev1",
        vec![
            ("LIST \"\" \"*\"", "* LIST (\\NoSelect) \".\" a\r\n* LIST () \".\" Inbox\r\nT OK\r\n"),
            ("LSUB \"\" \"*\"", "* LSUB () \".\" INBOX\r\nT OK\r\n"),
            ("STATUS \"INBOX\" (UIDVALIDITY UIDNEXT MESSAGES UNSEEN)", "* STATUS INBOX (UIDVALIDITY 7)\r\nT OK\r\n"),
            (
                "SELECT \"INBOX\"",
                "* 9 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [PERMANENTFLAGS (\\*)]\r\nT OK [READ-WRITE]\r\n",
            ),
            ("UID SEARCH CHARSET UTF-8 SUBJECT ü", "* SEARCH 5 3\r\nT OK\r\n"),
            ("UID COPY 3 \"Trash\"", "T OK [COPYUID 9 3 8] done\r\n"),
            ("UID STORE 3 +FLAGS.SILENT (\\Deleted)", "T OK\r\n"),
            ("UID SEARCH DELETED", "* SEARCH 3 4\r\nT OK\r\n"),
            ("UID STORE 4 -FLAGS.SILENT (\\Deleted)", "T OK\r\n"),
            ("EXPUNGE", "* 1 EXPUNGE\r\nT OK\r\n"),
            ("UID STORE 4 +FLAGS.SILENT (\\Deleted)", "T OK\r\n"),
        ],
    )
    .await;
    let list = connection.list().await.unwrap();
    assert!(!list[0].is_selectable() && !list[0].subscribed && list[0].status.is_none());
    assert_eq!((list[1].name.as_str(), list[1].subscribed, list[1].delimiter), ("INBOX", true, Some('.')));
    let selected = connection.select("INBOX", true).await.unwrap();
    assert_eq!((selected.uid_validity, selected.messages, selected.highest_modseq), (7, 9, None));
    assert!(selected.keywords && !selected.read_only);
    assert_eq!(connection.search(&Command::new("SUBJECT ").string("ü")).await.unwrap(), uids("3,5"));
    let placed = connection.move_to(&uids("3"), "Trash").await.unwrap().unwrap();
    assert_eq!(placed, Placed { uid_validity: 9, uids: vec![(3, 8)] });
}

#[tokio::test]
async fn history_is_read_with_what_vanished() {
    let mut connection = with(
        "IMAP4rev1 QRESYNC CONDSTORE ENABLE",
        vec![
            ("EXAMINE \"a\"", "* OK [UIDVALIDITY 7] x\r\n* OK [HIGHESTMODSEQ 90] x\r\nT OK [READ-ONLY]\r\n"),
            (
                "UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE 80 VANISHED)",
                "* VANISHED (EARLIER) 2:3\r\n* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (85))\r\n* 9 FETCH (FLAGS ())\r\nT OK\r\n",
            ),
        ],
    )
    .await;
    assert_eq!(connection.select("a", false).await.unwrap().highest_modseq, Some(90));
    let news = connection.news(80).await.unwrap();
    assert_eq!(news.vanished, Some(uids("2:3")));
    assert_eq!(news.messages.iter().map(|m| (m.uid, m.modseq)).collect::<Vec<_>>(), [(1, Some(85))]);
}

#[tokio::test]
async fn answers_about_a_message_are_joined() {
    let answer = "* 1 FETCH (UID 4 BODY[HEADER] {3}\r\na:b)\r\n* 1 FETCH (UID 4 FLAGS (\\Seen))\r\n* 2 FETCH (UID 99 FLAGS ())\r\nT OK\r\n";
    let mut connection = with("IMAP4rev1", vec![("UID FETCH 4:5 (UID FLAGS BODY.PEEK[HEADER])", answer)]).await;
    let there = connection.fetch(&uids("4:5"), "FLAGS BODY.PEEK[HEADER]").await.unwrap();
    assert_eq!(there.len(), 1);
    assert!(there[0].has_flag("\\Seen") && there[0].content("BODY[HEADER]").unwrap() == "a:b");
}

#[tokio::test]
async fn content_is_streamed() {
    let asked = "UID FETCH 4 (UID BODY.PEEK[2])";
    let mut connection = with(
        "IMAP4rev1",
        vec![
            (asked, "* 1 FETCH (UID 4 BODY[2] {5}\r\nhello)\r\nT OK\r\n"),
            (asked, "* 1 FETCH (UID 4 BODY[2] \"short\")\r\nT OK\r\n"),
            (asked, "* 1 FETCH (UID 4 BODY[2] NIL)\r\nT OK\r\n"),
            (asked, "* 1 FETCH (UID 4 BODY[2] {5}\r\nhello)\r\nT OK\r\n"),
        ],
    )
    .await;
    let mut all = Vec::new();
    for length in [Some(5), Some(5), None] {
        let mut sink = |piece: &[u8]| {
            all.extend_from_slice(piece);
            Ok(())
        };
        assert_eq!(connection.fetch_into(4, "BODY.PEEK[2]", &mut sink).await.unwrap(), length);
    }
    assert_eq!(all, b"helloshort");
    let mut full = |_: &[u8]| Err(std::io::Error::other("disk full"));
    let error = connection.fetch_into(4, "BODY.PEEK[2]", &mut full).await.unwrap_err();
    assert!(matches!(&error, Error::Unavailable(text) if text.contains("disk full")), "{error}");
}

#[tokio::test]
async fn appending() {
    let date = Some(" 1-Jan-2026 00:00:00 +0000");
    let asked = "APPEND \"Sent\" (\\Seen) \" 1-Jan-2026 00:00:00 +0000\" hello";
    let done = "T OK [APPENDUID 3 9]\r\n";
    for capabilities in ["IMAP4rev1", "IMAP4rev1 LITERAL+", "IMAP4rev1 LITERAL-"] {
        let mut connection = with(capabilities, vec![(asked, done)]).await;
        let placed = connection.append("Sent", &["\\Seen", "bad flag"], date, &Pieces::from(b"hello".to_vec())).await;
        assert_eq!(placed, Ok(Some(Placed { uid_validity: 3, uids: vec![(0, 9)] })));
    }
    let mut connection = with("IMAP4rev1", vec![("APPEND \"Sent\" () hello", "T NO [OVERQUOTA] full\r\n")]).await;
    let full = connection.append("Sent", &[], None, &Pieces::from(b"hello".to_vec())).await.unwrap_err();
    assert_eq!(full.code(), Some(Code::OverQuota));
    let half = [Piece::Bytes("hell".into()), Piece::Range(Arc::new(Spool::new("/nonexistent")), 0..1)];
    let half = connection.append("Sent", &[], None, &half.into_iter().collect()).await;
    assert!(matches!(half, Err(Error::Unavailable(_))), "half a message is never ended: {half:?}");
}

#[tokio::test]
async fn a_lost_answer_to_a_write_is_uncertain() {
    let mut connection = with("IMAP4rev1", vec![("CREATE \"a\"", "")]).await;
    assert!(matches!(connection.create("a").await, Err(Error::Lost(_))));
    let mut connection = with("IMAP4rev1", vec![("NOOP", "")]).await;
    assert!(matches!(connection.noop().await, Err(Error::Unavailable(_))));
    assert!(
        matches!(connection.create("a").await, Err(Error::Unavailable(_))),
        "nothing is sent on a broken connection"
    );
}

#[tokio::test]
async fn connections_are_used_again_and_dead_ones_replaced() {
    let first = vec![("", HELLO), LOGIN, ("NOOP", "T OK\r\n"), ("NOOP", "T OK\r\n* BYE restart\r\n"), ("NOOP", "")];
    let second = vec![("", HELLO), LOGIN, ("NOOP", "T OK\r\n")];
    let (server, _task) = serve(vec![first, second]).await;
    let pool = Pool::new(settings());
    for _ in 0..2 {
        pool.lease(&login(), Some(&server)).await.unwrap().noop().await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut lease = pool.lease(&login(), Some(&server)).await.unwrap();
    assert!(lease.is_fresh());
    lease.noop().await.unwrap();
}

#[tokio::test]
async fn each_user_has_few_connections() {
    let script = vec![("", HELLO), LOGIN];
    let (server, _task) = serve(vec![script.clone(), script.clone(), script]).await;
    let pool = Pool::new(Settings { timeout: 1, connections: 1, ..settings() });
    let lease = pool.lease(&login(), Some(&server)).await.unwrap();
    assert!(matches!(pool.lease(&login(), Some(&server)).await, Err(Error::Unavailable(_))));
    drop(lease);
    assert!(!pool.lease(&login(), Some(&server)).await.unwrap().is_fresh());
    // Another password does not get what this one has opened.
    let other = Login { password: "other".into(), ..login() };
    assert!(pool.lease(&other, Some(&server)).await.is_err());
}

#[tokio::test]
async fn the_site_has_a_limit_and_idle_ones_make_room() {
    let other = ("AUTHENTICATE PLAIN AG90dG8AcHc=", LOGIN.1);
    let (server, _task) = serve(vec![vec![("", HELLO), LOGIN], vec![("", HELLO), other]]).await;
    let pool = Pool::new(Settings { max_connections: 1, ..settings() });
    drop(pool.lease(&login(), Some(&server)).await.unwrap());
    let otto = Login { user: "otto".into(), ..login() };
    let _lease = pool.lease(&otto, Some(&server)).await.unwrap();
    assert!(pool.lease(&login(), Some(&server)).await.is_err());
}

#[tokio::test]
async fn a_command_that_was_given_up_breaks_the_connection() {
    let mut connection = with("IMAP4rev1", vec![("NOOP", "* 1 EXISTS\r\n"), ("NOOP", "T OK\r\n")]).await;
    let given_up = tokio::time::timeout(Duration::from_millis(100), connection.noop()).await;
    assert!(given_up.is_err());
    assert!(matches!(connection.noop().await, Err(Error::Unavailable(_))));
}

const MODERN: &str = "IMAP4rev1 QRESYNC CONDSTORE ENABLE LIST-STATUS LIST-EXTENDED UNSELECT IDLE NOTIFY";

#[tokio::test]
async fn several_mailboxes_are_asked_for_at_once() {
    let mut connection = with(
        MODERN,
        vec![
            (
                "STATUS \"INBOX\" (UIDVALIDITY HIGHESTMODSEQ)",
                "* STATUS INBOX (UIDVALIDITY 7 HIGHESTMODSEQ 9)\r\nT OK\r\n",
            ),
            (
                "STATUS \"a b\" (UIDVALIDITY HIGHESTMODSEQ)",
                "* STATUS foreign (UIDVALIDITY 1)\r\n* STATUS \"a b\" (UIDVALIDITY 8 HIGHESTMODSEQ 3)\r\nT OK\r\n",
            ),
            ("STATUS \"gone\" (UIDVALIDITY HIGHESTMODSEQ)", "T NO no such mailbox\r\n"),
            ("STATUS \"x\" (UIDVALIDITY UIDNEXT MESSAGES UNSEEN HIGHESTMODSEQ)", "T NO no such mailbox\r\n"),
        ],
    )
    .await;
    let figures = connection.figures(&["INBOX", "a b", "gone"], false).await.unwrap();
    assert_eq!(figures.len(), 2);
    assert_eq!((figures["INBOX"].uid_validity, figures["a b"].highest_modseq), (Some(7), Some(3)));
    assert!(connection.figures(&["x"], true).await.unwrap().is_empty(), "one that is refused is left out");
}

/// Of the selected mailbox Dovecot 2.3 tells what the session has seen of it.
#[tokio::test]
async fn nothing_old_is_told_of_the_selected_mailbox() {
    let selected = "* OK [UIDVALIDITY 7] x\r\nT OK [READ-WRITE]\r\n";
    let asked = "STATUS \"a\" (UIDVALIDITY UIDNEXT MESSAGES UNSEEN)";
    let answer = "* STATUS a (UIDVALIDITY 7 UIDNEXT 2 MESSAGES 1 UNSEEN 1)\r\nT OK\r\n";
    for (capabilities, write, leave) in [
        ("IMAP4rev1 UNSELECT", true, &["UNSELECT"][..]),
        ("IMAP4rev1", false, &["CLOSE"]),
        ("IMAP4rev1", true, &["EXAMINE \"INBOX\"", "CLOSE"]),
    ] {
        let mut script = vec![(if write { "SELECT \"a\"" } else { "EXAMINE \"a\"" }, selected)];
        script.extend(leave.iter().map(|&words| (words, "T OK\r\n")));
        script.push((asked, answer));
        let mut connection = with(capabilities, script).await;
        connection.select("a", write).await.unwrap();
        assert_eq!(connection.figures(&["a"], false).await.unwrap()["a"].messages, Some(1), "{capabilities}");
        assert!(connection.selected().is_none());
    }
}

/// Listens until there are so many news, or until the server ends it.
async fn news(connection: &mut Lease, idle: bool, count: usize) -> (Vec<Heard>, Result<(), Error>) {
    let heard = std::sync::Mutex::new(Vec::new());
    let enough = tokio::sync::Notify::new();
    let mut ear = |news| {
        heard.lock().unwrap().push(news);
        if heard.lock().unwrap().len() == count {
            enough.notify_one();
        }
    };
    let names = ["INBOX".to_owned(), "a b".to_owned()];
    let result = match idle {
        true => connection.idle("INBOX", &mut ear, enough.notified()).await,
        false => connection.notify(&names, &mut ear, enough.notified()).await,
    };
    (heard.into_inner().unwrap(), result)
}

#[tokio::test]
async fn a_server_tells_news_of_the_selected_mailbox() {
    let mut connection = with(
        "IMAP4rev1 IDLE",
        vec![
            ("EXAMINE \"INBOX\"", "* OK [UIDVALIDITY 7] x\r\nT OK [READ-ONLY]\r\n"),
            ("IDLE", "* 1 RECENT\r\n+ idling\r\n* OK Still here\r\n* 4 EXISTS\r\n* 1 RECENT\r\n* 2 EXPUNGE\r\n"),
            ("DONE", "* 1 FETCH (FLAGS (\\Seen))\r\nT OK\r\n"),
            ("NOOP", "T OK\r\n"),
            ("IDLE", "T BAD what?\r\n"),
            ("NOOP", "T OK\r\n"),
            ("IDLE", "+ idling\r\n* BYE restart\r\n"),
        ],
    )
    .await;
    let inbox = Heard::Mailbox("INBOX".into());
    let (heard, result) = news(&mut connection, true, 3).await;
    assert_eq!(heard, [Heard::Listening, inbox.clone(), inbox.clone(), inbox]);
    assert_eq!(result, Ok(()));
    assert!(matches!(news(&mut connection, true, 9).await, (_, Err(Error::Bad(_)))));
    let (heard, result) = news(&mut connection, true, 9).await;
    assert_eq!(heard, [Heard::Listening]);
    assert!(matches!(&result, Err(Error::Unavailable(text)) if text.contains("restart")), "{result:?}");
    assert!(connection.noop().await.is_err(), "nothing is sent on a connection that the server has left");
}

#[tokio::test]
async fn a_server_tells_news_of_all_mailboxes() {
    const SET: &str = "NOTIFY SET (mailboxes (\"INBOX\" \"a b\") (MessageNew MessageExpunge FlagChange))";
    const MORE: &str =
        "NOTIFY SET (mailboxes (\"INBOX\" \"a b\") (MessageNew MessageExpunge FlagChange)) (personal (MailboxName))";
    let mut connection = with(
        MODERN,
        vec![
            (MORE, "T NO [BADEVENT (MessageNew)] no\r\n"),
            (SET, "T OK\r\n* STATUS \"a b\" (MESSAGES 2)\r\n(rubbish\r\n* LIST (\\NonExistent) \"/\" x\r\n"),
            (MORE, "T OK\r\n* STATUS INBOX (UNSEEN 0)\r\n* OK [NOTIFICATIONOVERFLOW] too much\r\n"),
        ],
    )
    .await;
    let (heard, result) = news(&mut connection, false, 3).await;
    assert_eq!(heard, [Heard::Listening, Heard::Mailbox("a b".into()), Heard::Mailboxes]);
    assert_eq!(result, Ok(()));
    let (heard, result) = news(&mut connection, false, 9).await;
    assert_eq!(heard, [Heard::Listening, Heard::Mailbox("INBOX".into())]);
    assert!(matches!(result, Err(Error::Unavailable(_))), "a server that has stopped to tell is not listened to");
    let mut connection = with(MODERN, vec![(MORE, "T BAD what?\r\n"), (SET, "T BAD what?\r\n")]).await;
    assert!(matches!(news(&mut connection, false, 9).await, (_, Err(Error::Bad(_)))));
}

#[tokio::test]
async fn a_look_asks_nothing_but_its_question() {
    let first = vec![("", HELLO), LOGIN, ("SELECT \"a\"", "T OK\r\n"), ("", "")];
    let question = ("STATUS \"b\" (UIDVALIDITY UIDNEXT MESSAGES UNSEEN)", "* STATUS b (UIDVALIDITY 1)\r\nT OK\r\n");
    let second = vec![("", HELLO), LOGIN, question, question];
    let (server, _task) = serve(vec![first, second]).await;
    let pool = Pool::new(settings());
    let login = login();
    let look = || pool.lease_for(Purpose::Look(Duration::from_secs(5)), &login, Some(&server));
    pool.lease(&login, Some(&server)).await.unwrap().select("a", true).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    for _ in 0..2 {
        assert_eq!(look().await.unwrap().figures(&["b"], false).await.unwrap().len(), 1);
    }
}

/// As often as the users are looked at in turn: those that have found a place keep it.
#[tokio::test]
async fn more_users_than_connections() {
    let logins = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let server = crowd(Arc::clone(&logins)).await;
    let pool = Pool::new(Settings { max_connections: 4, ..settings() });
    for round in 0..4 {
        let before = logins.load(std::sync::atomic::Ordering::Relaxed);
        for n in 0..5 {
            let login = Login { user: format!("user{n}"), ..login() };
            let purpose = Purpose::Look(Duration::from_secs(5));
            let mut lease = pool.lease_for(purpose, &login, Some(&server)).await.unwrap();
            assert_eq!(lease.figures(&["INBOX"], false).await.unwrap().len(), 1);
        }
        let now = logins.load(std::sync::atomic::Ordering::Relaxed) - before;
        assert!(if round == 0 { now == 5 } else { now <= 2 }, "{now} logins in round {round}");
    }
}

/// Connections that come back while somebody waits make room: nobody waits until they are closed for being idle.
#[tokio::test]
async fn looks_queue_and_do_not_fail() {
    let server = crowd(Arc::default()).await;
    let pool = Pool::new(Settings { max_connections: 3, timeout: 5, ..settings() });
    let mut looks = tokio::task::JoinSet::new();
    for n in 0..60 {
        let (pool, server) = (pool.clone(), server.clone());
        looks.spawn(async move {
            let login = Login { user: format!("user{n}"), ..login() };
            let purpose = Purpose::Look(Duration::from_secs(5));
            let mut lease = pool.lease_for(purpose, &login, Some(&server)).await?;
            tokio::time::sleep(Duration::from_millis(5)).await;
            lease.figures(&["INBOX"], false).await
        });
    }
    while let Some(look) = looks.join_next().await {
        assert_eq!(look.unwrap().map(|figures| figures.len()), Ok(1));
    }
}

/// Any number of users, of whom nothing is told but that they have an inbox.
async fn crowd(logins: Arc<std::sync::atomic::AtomicUsize>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            logins.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                stream.write_all(HELLO.as_bytes()).await.unwrap();
                loop {
                    let mut line = String::new();
                    if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                        return;
                    }
                    let tag = line.split(' ').next().unwrap();
                    let answer = format!("* STATUS INBOX (UIDVALIDITY 1)\r\n{tag} OK [CAPABILITY IMAP4rev1] x\r\n");
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    Server { host: "127.0.0.1".into(), port, security: Security::None }
}

#[tokio::test]
async fn held_connections_are_counted() {
    let script = vec![("", HELLO), LOGIN];
    let (server, _task) = serve(vec![script.clone(), script]).await;
    let pool = Pool::new(Settings { max_held: 1, connections: 1, ..settings() });
    let held = pool.hold(pool.place().unwrap(), &login(), Some(&server)).await.unwrap();
    assert!(pool.place().is_none());
    assert!(pool.lease(&login(), Some(&server)).await.is_ok(), "the user may have others");
    drop(held);
    assert!(pool.place().is_some());
}

//! Against a scripted server on loopback.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};

use super::*;

/// Answers each command by the first rule whose word it begins with; gives the URL and what clients said.
async fn server(rules: &'static [(&'static str, &'static str)]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let heard = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (read, mut write) = stream.into_split();
            let mut lines = BufReader::new(read).lines();
            let rule = |line: &str| {
                let line = line.to_ascii_uppercase();
                rules.iter().find(|(word, _)| line.starts_with(word)).map_or("250 ok", |(_, answer)| answer)
            };
            write.write_all(format!("{}\r\n", rule("GREETING")).as_bytes()).await.unwrap();
            let mut data = false;
            while let Ok(Some(line)) = lines.next_line().await {
                log.lock().unwrap().push(line.clone());
                if data && line != "." {
                    continue;
                }
                let answer = if data { rule("END") } else { rule(&line) };
                data = answer.starts_with("354");
                if answer.is_empty() || write.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
                    break;
                }
            }
        }
    });
    (url, heard)
}

const GREETING: (&str, &str) = ("GREETING", "220 x");
const EHLO: (&str, &str) = ("EHLO", "250-x\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN");
const DATA: (&str, &str) = ("DATA", "354 go on");

fn login() -> Login {
    Login { user: "erika".into(), password: "secret".into() }
}

fn mail(to: &[&str]) -> Mail {
    let to = to.iter().map(|to| (*to).to_owned()).collect();
    Mail { from: "erika@example.test".into(), to, message: b"Subject: x\r\n\r\n.dot\r\n".to_vec() }
}

fn settings(url: &str) -> Settings {
    Settings { url: url.into(), timeout: 5, ..Settings::default() }
}

#[tokio::test]
async fn a_mail_is_sent_with_the_phones_login() {
    let (url, heard) =
        server(&[GREETING, EHLO, ("AUTH PLAIN AGVYAWTHAHNLY3JLDA==", "235 ok"), ("AUTH", "535 no"), DATA]).await;
    let sent = send(&settings(&url), &login(), &mail(&["a@example.test", "b@example.test"])).await;
    assert_eq!(sent, Ok(Sent::default()));
    let heard = heard.lock().unwrap().join("\n");
    assert!(heard.contains("MAIL FROM:<erika@example.test>\nRCPT TO:<a@example.test>\nRCPT TO:<b@example.test>\nDATA"));
    assert!(heard.contains("\n..dot\n"), "{heard}");
}

#[tokio::test]
async fn a_master_user_or_a_domain_changes_the_login() {
    let password = SecretString::from("p");
    let master = Settings { user: "master".into(), password: "m".into(), ..Settings::default() };
    let name = |settings: &Settings, user: &str| {
        let (user, password) = settings.credentials(user, &password);
        format!("{user}:{}", password.expose_secret())
    };
    assert_eq!(name(&master, "erika"), "master:m");
    let domain = Settings { login_domain: "example.test".into(), ..Settings::default() };
    assert_eq!(name(&domain, "erika"), "erika@example.test:p");
    assert_eq!(name(&domain, "erika@x.test"), "erika@x.test:p");
    assert!(!format!("{master:?}").contains("\"m\""));
}

#[tokio::test]
async fn what_the_server_says_decides_what_becomes_of_the_mail() {
    let one = || mail(&["a@example.test"]);
    let (url, _) = server(&[GREETING, EHLO, ("AUTH", "535 5.7.8 no")]).await;
    assert!(matches!(send(&settings(&url), &login(), &one()).await, Err(Error::Login(_))));
    let (url, _) = server(&[GREETING, EHLO, ("AUTH", "454 4.7.0 later")]).await;
    assert!(matches!(send(&settings(&url), &login(), &one()).await, Err(Error::Later(_))));
    let (url, _) = server(&[GREETING, EHLO, ("AUTH", "235 ok"), ("MAIL", "550 no such sender")]).await;
    assert!(matches!(send(&settings(&url), &login(), &one()).await, Err(Error::Refused(_))));
    let (url, _) = server(&[GREETING, EHLO, ("AUTH", "235 ok"), DATA, ("END", "554 spam")]).await;
    assert!(matches!(send(&settings(&url), &login(), &one()).await, Err(Error::Refused(_))));
    let (url, _) = server(&[GREETING, EHLO, ("AUTH", "235 ok"), DATA, ("END", "451 try again")]).await;
    assert!(matches!(send(&settings(&url), &login(), &one()).await, Err(Error::Later(_))));
    let (url, _) = server(&[("GREETING", "554 closed")]).await;
    assert!(matches!(send(&settings(&url), &login(), &one()).await, Err(Error::Later(_))));
    assert!(matches!(send(&settings("smtp://127.0.0.1:1"), &login(), &one()).await, Err(Error::Later(_))));
}

#[tokio::test]
async fn one_bad_recipient_does_not_stop_the_others() {
    let rules: &[_] =
        &[GREETING, ("EHLO", "250 x"), ("RCPT TO:<BAD", "550 unknown"), ("RCPT TO:<SLOW", "450 busy"), DATA];
    let (url, heard) = server(rules).await;
    let to = ["bad@example.test", "slow@example.test", "good@example.test", "no address", "ü@example.test"];
    let sent = send(&settings(&url), &login(), &mail(&to)).await.unwrap();
    assert_eq!(sent.later, ["slow@example.test"]);
    let refused: Vec<&str> = sent.refused.iter().map(|(address, _)| address.as_str()).collect();
    assert_eq!(refused, ["no address", "ü@example.test", "bad@example.test"]);
    assert!(heard.lock().unwrap().iter().any(|line| line == "DATA"));
    let Err(Error::Recipients(sent)) = send(&settings(&url), &login(), &mail(&to[..2])).await else { panic!() };
    assert_eq!((sent.refused.len(), sent.later.len()), (1, 1));
}

#[tokio::test]
async fn a_server_that_does_not_end_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move { while stream.write_all(&[b'x'; 4096]).await.is_ok() {} });
        }
    });
    let begun = std::time::Instant::now();
    let result = send(&settings(&url), &login(), &mail(&["a@example.test"])).await;
    let Err(Error::Later(text)) = result else { panic!("{result:?}") };
    assert!(text.contains("more than anybody"), "{text}");
    assert!(begun.elapsed() < Duration::from_secs(4));

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", silent.local_addr().unwrap());
    let impatient = Settings { timeout: 1, ..settings(&url) };
    assert!(matches!(send(&impatient, &login(), &mail(&["a@example.test"])).await, Err(Error::Later(_))));
}

#[tokio::test]
async fn nothing_is_told_without_tls_where_it_is_asked_for() {
    let (url, heard) = server(&[GREETING, EHLO]).await;
    let strict = Settings { tls: Tls::Starttls, ..settings(&url) };
    assert!(matches!(send(&strict, &login(), &mail(&["a@example.test"])).await, Err(Error::Later(_))));
    assert!(!heard.lock().unwrap().iter().any(|line| line.starts_with("AUTH") || line.starts_with("MAIL")));

    // What is put behind the answer to STARTTLS is not taken for a word of the server.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let said = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"220 x\r\n").await.unwrap();
        let mut buffer = [0; 512];
        let _ = stream.read(&mut buffer).await.unwrap();
        stream.write_all(b"250-x\r\n250 STARTTLS\r\n").await.unwrap();
        let _ = stream.read(&mut buffer).await.unwrap();
        stream.write_all(b"220 go on\r\n250 AUTH PLAIN\r\n235 ok\r\n").await.unwrap();
        let mut rest = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(2), stream.read_to_end(&mut rest)).await;
        rest
    });
    let strict = Settings { tls: Tls::Starttls, ..settings(&url) };
    assert!(matches!(send(&strict, &login(), &mail(&["a@example.test"])).await, Err(Error::Later(_))));
    let rest = String::from_utf8_lossy(&said.await.unwrap()).into_owned();
    assert!(!rest.contains("AUTH"), "{rest}");
}

#[test]
fn urls() {
    let server = |url: &str, tls| Settings { url: url.into(), tls, ..Settings::default() }.server();
    let get = |url: &str, tls| server(url, tls).map(|s| (s.host, s.port, s.wrapped, s.starttls));
    assert_eq!(get("smtp://mail.example.test", Tls::Auto), Ok(("mail.example.test".into(), 587, false, true)));
    assert_eq!(get("smtp://mail.example.test:25", Tls::None), Ok(("mail.example.test".into(), 25, false, false)));
    assert_eq!(get("smtps://mail.example.test", Tls::None), Ok(("mail.example.test".into(), 465, true, false)));
    assert_eq!(get("smtp://[::1]:25", Tls::Auto), Ok(("::1".into(), 25, false, false)));
    assert_eq!(get("smtp://localhost/", Tls::Auto), Ok(("localhost".into(), 587, false, false)));
    assert_eq!(get("smtp://localhost", Tls::Starttls), Ok(("localhost".into(), 587, false, true)));
    for wrong in ["mail.example.test", "http://x", "smtp://", "smtp://u:p@x", "smtp://x/y", "smtp://x?y", "smtp:x"] {
        assert!(server(wrong, Tls::Auto).is_err(), "{wrong}");
    }
}

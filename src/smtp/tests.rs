//! Against a scripted server on loopback.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};

use super::*;
use secrecy::ExposeSecret;

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
    let message = Pieces::from(b"Subject: x\r\n\r\n.dot\r\n".to_vec());
    Mail { from: "erika@example.test".into(), to, message, rule: Rule::Each }
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
    assert!(matches!(send(&settings(&url), &login(), &one()).await, Err(Error::Sender(_))));
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

#[tokio::test]
async fn refusals_are_told_apart() {
    let one = mail(&["a@example.test"]);
    type Case = (&'static [(&'static str, &'static str)], fn(&Error) -> bool);
    let cases: [Case; 8] = [
        (&[("MAIL", "552 5.3.4 too big")], |e| matches!(e, Error::TooLarge(_))),
        (&[("END", "552 too big")], |e| matches!(e, Error::TooLarge(_))),
        (&[("MAIL", "550 5.4.5 daily limit")], |e| matches!(e, Error::Quota(_))),
        (&[("END", "452 4.2.2 quota")], |e| matches!(e, Error::Quota(_))),
        (&[("MAIL", "553 5.7.1 not owned")], |e| matches!(e, Error::Sender(_))),
        (&[("RCPT", "552 5.2.2 mailbox full")], |e| matches!(e, Error::Recipients(_))),
        (&[("DATA", "554 no")], |e| matches!(e, Error::Refused(_))),
        (&[("END", "")], |e| matches!(e, Error::Uncertain(_))),
    ];
    for (rules, is) in cases {
        let mut rules = rules.to_vec();
        rules.extend([GREETING, ("EHLO", "250 x"), DATA]);
        let (url, _) = server(rules.clone().leak()).await;
        let error = send(&settings(&url), &login(), &one).await.unwrap_err();
        assert!(is(&error), "{rules:?}: {error:?}");
    }
}

#[tokio::test]
async fn one_bad_recipient_stops_all_where_that_is_the_rule() {
    let rules: &[_] = &[GREETING, ("EHLO", "250-x\r\n250 PIPELINING"), ("RCPT TO:<BAD", "550 unknown"), DATA];
    let (url, heard) = server(rules).await;
    let mail = Mail { rule: Rule::All, ..mail(&["good@example.test", "bad@example.test"]) };
    let Err(Error::Recipients(sent)) = send(&settings(&url), &login(), &mail).await else { panic!() };
    assert_eq!(sent.refused, [("bad@example.test".to_owned(), "550 unknown".to_owned())]);
    assert!(!heard.lock().unwrap().iter().any(|line| line == "DATA"));
}

#[tokio::test]
async fn the_server_is_told_what_it_asks_for() {
    let rules: &[_] = &[GREETING, ("EHLO", "250-x\r\n250-SIZE 100\r\n250-8BITMIME\r\n250 SMTPUTF8"), DATA];
    let (url, heard) = server(rules).await;
    let umlaut = Mail { message: "Subject: x\n\nü\n".as_bytes().to_vec().into(), ..mail(&["ü@example.test"]) };
    send(&settings(&url), &login(), &umlaut).await.unwrap();
    let line = "MAIL FROM:<erika@example.test> SIZE=18 BODY=8BITMIME SMTPUTF8";
    assert!(heard.lock().unwrap().iter().any(|heard| heard == line), "{heard:?}");
    heard.lock().unwrap().clear();
    let long = Mail { message: vec![b'x'; 200].into(), ..mail(&["a@example.test"]) };
    assert!(matches!(send(&settings(&url), &login(), &long).await, Err(Error::TooLarge(_))));
    assert!(!heard.lock().unwrap().iter().any(|line| line.starts_with("MAIL")));
}

#[tokio::test]
async fn old_and_odd_servers_are_spoken_to() {
    let old: &[_] = &[GREETING, ("EHLO", "502 what"), DATA];
    let (url, heard) = server(old).await;
    send(&settings(&url), &login(), &mail(&["a@example.test"])).await.unwrap();
    assert!(heard.lock().unwrap().iter().any(|line| line == "HELO example.test"));
    let rules: &[_] = &[
        GREETING,
        ("EHLO", "250-x\r\n250 AUTH=LOGIN"),
        ("AUTH LOGIN", "334 VXNlcm5hbWU6"),
        ("ZXJPA2E=", "334 UGFzc3dvcmQ6"),
        ("C2VJCMV0", "235 ok"),
        DATA,
    ];
    let (url, heard) = server(rules).await;
    send(&settings(&url), &login(), &mail(&["a@example.test"])).await.unwrap();
    let heard = heard.lock().unwrap();
    assert!(heard.iter().any(|line| line == "ZXJpa2E=") && heard.iter().any(|line| line == "c2VjcmV0"));
}

#[tokio::test]
async fn a_server_that_breaks_off_in_the_middle_of_the_message_is_heard() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"220 x\r\n").await.unwrap();
        for answer in ["250 x", "250 ok", "250 ok", "354 go on"] {
            lines.next_line().await.unwrap();
            write.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
        }
        lines.next_line().await.unwrap();
        write.write_all(b"552 5.3.4 enough\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_secs(10)).await;
    });
    let large = Mail { message: vec![b'x'; 64 << 20].into(), ..mail(&["a@example.test"]) };
    let settings = Settings { timeout: 1, ..settings(&url) };
    let result = send(&settings, &login(), &large).await;
    assert!(matches!(result, Err(Error::TooLarge(_))), "{result:?}");
}

//! Against listeners on loopback; certificates are tested with a real server (`tests/smtp_tls.rs`).

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

const MAIL: Schemes = Schemes { plain: ("smtp", 587), wrapped: ("smtps", 465) };
const SOON: Duration = Duration::from_secs(2);

async fn listener(security: Security) -> (TcpListener, Server) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, Server { host: "127.0.0.1".into(), port, security })
}

#[test]
fn urls() {
    let get = |url: &str, tls| Server::parse(url, tls, &MAIL).map(|s| (s.host, s.port, s.security));
    let is = |host: &str, port, security| Ok((host.to_owned(), port, security));
    assert_eq!(get("smtp://mail.example.test", Tls::Auto), is("mail.example.test", 587, Security::Starttls));
    assert_eq!(get("smtp://mail.example.test:25", Tls::None), is("mail.example.test", 25, Security::None));
    assert_eq!(get("smtps://mail.example.test", Tls::None), is("mail.example.test", 465, Security::Wrapped));
    assert_eq!(get("smtp://[::1]:25", Tls::Auto), is("::1", 25, Security::None));
    assert_eq!(get("smtp://localhost/", Tls::Auto), is("localhost", 587, Security::None));
    assert_eq!(get("smtp://localhost", Tls::Starttls), is("localhost", 587, Security::Starttls));
    for wrong in ["mail.example.test", "http://x", "smtp://", "smtp://u:p@x", "smtp://x/y", "smtp://x?y", "smtp:x"] {
        assert!(get(wrong, Tls::Auto).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn what_is_written_arrives_with_flush() {
    let (listener, server) = listener(Security::None).await;
    let echo = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut line = [0; 4];
        stream.read_exact(&mut line).await.unwrap();
        stream.write_all(&line).await.unwrap();
    });
    let mut stream = Stream::connect(&server, SOON).await.unwrap();
    assert!(!stream.is_tls());
    stream.write_all(b"abc\n").await.unwrap();
    stream.flush().await.unwrap();
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    assert_eq!(line, "abc\n");
    echo.await.unwrap();
}

#[tokio::test]
async fn failures_are_told_apart() {
    let (gone, server) = listener(Security::None).await;
    drop(gone);
    assert!(matches!(Stream::connect(&server, SOON).await, Err(Error::Unreachable(_))));

    // A server that never answers the handshake.
    let (silent, server) = listener(Security::Wrapped).await;
    let begun = Instant::now();
    let result = Stream::connect(&server, Duration::from_millis(200)).await;
    assert!(matches!(result, Err(Error::TimedOut(_))), "{result:?}");
    assert!(begun.elapsed() < SOON);
    drop(silent);

    let (plain, server) = listener(Security::Wrapped).await;
    tokio::spawn(async move {
        let (mut stream, _) = plain.accept().await.unwrap();
        stream.write_all(b"220 I speak no TLS\r\n").await.unwrap();
        let _ = stream.read(&mut [0; 100]).await;
    });
    let result = Stream::connect(&server, SOON).await;
    assert!(matches!(result, Err(Error::Tls(_))), "{result:?}");
}

#[tokio::test]
async fn what_stands_behind_the_answer_to_starttls_is_not_taken_for_the_server() {
    let (listener, server) = listener(Security::Starttls).await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"220 go on\r\n250 AUTH PLAIN\r\n").await.unwrap();
        let _ = stream.read(&mut [0; 100]).await;
    });
    let mut stream = Stream::connect(&server, SOON).await.unwrap();
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    assert!(matches!(stream.start_tls(&server, SOON).await, Err(Error::Injected(_))));
}

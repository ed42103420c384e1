//! The samples in `apache/` and `lighttpd/` with the real servers from Debian's packages.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "../fastcgi/echo.rs"]
mod echo;
mod http;
mod servers;

use std::{
    thread,
    time::{Duration, Instant},
};

use http::{BASIC, Body, Reply, ask, send};
use servers::{Place, Web, kill, wait_until};

const EAS: &str = "/Microsoft-Server-ActiveSync";
const PROXY: [&str; 2] = ["proxy", "proxy_fcgi"];

fn sha256(bytes: &[u8]) -> String {
    ring::digest::digest(&ring::digest::SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Asks and takes 200 for granted.
fn good(web: &Web, method: &str, target: &str, body: &Body<'_>) -> Reply {
    let reply = ask(web.port, method, target, body).expect("an answer");
    assert_eq!(reply.status, 200, "{method} {target}: {reply:?}");
    assert!(reply.whole, "{method} {target}: {reply:?}");
    reply
}

/// What must hold behind every sample.
fn exercise(web: &Web) {
    let target = format!("{EAS}?Cmd=Sync&User=erika&DeviceId=a%2Fb&DeviceType=x");
    let reply = good(web, "POST", &target, &Body::Length(b"\x03\x01\x6a\x00"));
    assert_eq!(reply.field("method"), "POST");
    assert_eq!(reply.field("path"), EAS);
    assert_eq!(reply.field("query"), "Cmd=Sync&User=erika&DeviceId=a%2Fb&DeviceType=x");
    assert_eq!(reply.field("authorization"), BASIC);
    assert_eq!(reply.field("sha256"), sha256(b"\x03\x01\x6a\x00"));
    assert_eq!(reply.field("remote"), "127.0.0.1");
    assert_eq!(reply.headers("ms-server-activesync"), ["echo"]);
    assert_eq!(reply.headers("content-length"), [reply.body.len().to_string()]);

    let stranger = send(web.port, "POST", &target, "", &Body::Length(b"body")).unwrap();
    assert_eq!(stranger.status, 401);
    assert_eq!(stranger.headers("www-authenticate"), ["Basic realm=\"echo\""]);
    assert_eq!(stranger.headers("content-length"), ["0"]);

    let mail: Vec<u8> = (0..1_048_576u32).map(|n| (n % 253) as u8).collect();
    for body in [Body::Length(&mail), Body::Chunked(&mail)] {
        let reply = good(web, "POST", &target, &body);
        assert_eq!((reply.field("length"), reply.field("sha256")), (mail.len().to_string(), sha256(&mail)));
    }
    let reply = good(web, "POST", &target, &Body::Chunked(b"small"));
    assert_eq!(reply.field("sha256"), sha256(b"small"));

    let reply = good(web, "OPTIONS", EAS, &Body::None);
    assert_eq!((reply.field("method"), reply.field("length")), ("OPTIONS".to_owned(), "0".to_owned()));

    for path in ["/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml", "/AutoDiscover/AutoDiscover.xml"] {
        let reply = good(web, "POST", path, &Body::Length(b"<Autodiscover/>"));
        assert_eq!((reply.field("path"), reply.field("length")), (path.to_owned(), "15".to_owned()));
        assert_eq!(reply.field("authorization"), BASIC);
    }
    let path = "/autodiscover/autodiscover.json/v1.0/erika@example.org";
    assert_eq!(good(web, "GET", &format!("{path}?Protocol=ActiveSync"), &Body::None).field("path"), path);

    for (status, retry) in [(449, "7"), (503, "7"), (507, "7")] {
        let reply = ask(web.port, "POST", &format!("{EAS}?status={status}"), &Body::Length(b"x")).unwrap();
        assert_eq!((reply.status, reply.headers("retry-after")), (status, vec![retry]));
        assert!(reply.body.is_empty());
    }
    assert_eq!(ask(web.port, "GET", "/other", &Body::None).unwrap().status, 404);
}

/// An answer that the program breaks off must not look whole to the phone.
fn half_is_not_whole(web: &Web) {
    let half = ask(web.port, "POST", &format!("{EAS}?cut"), &Body::Length(b"x"));
    assert!(half.as_ref().is_none_or(|half| !half.whole || half.status >= 500), "{half:?}");
}

/// The program ends and comes back: a waiting phone is answered, then it is 503, then all is well, after `back` at the latest.
fn restart(place: &Place, door: &str, web: &Web, back: Duration) {
    let bridge = place.bridge(door);
    exercise(web);
    half_is_not_whole(web);
    let port = web.port;
    let waiting = thread::spawn(move || ask(port, "POST", &format!("{EAS}?wait=20000"), &Body::Length(b"x")).unwrap());
    thread::sleep(Duration::from_millis(500));
    bridge.stop();
    let over = waiting.join().unwrap();
    assert_eq!((over.status, over.whole, over.field("length")), (200, true, "1".to_owned()));
    for _ in 0..3 {
        let away = ask(web.port, "POST", EAS, &Body::Length(b"x")).unwrap();
        assert_eq!((away.status, away.headers("retry-after")), (503, vec!["30"]), "{away:?}");
    }
    let _bridge = place.bridge(door);
    let start = Instant::now();
    while start.elapsed() < back && ask(web.port, "POST", EAS, &Body::Length(b"x")).unwrap().status == 503 {
        thread::sleep(Duration::from_millis(50));
    }
    good(web, "POST", EAS, &Body::Length(b"x"));
    good(web, "POST", "/autodiscover/autodiscover.xml", &Body::Length(b"x"));
}

/// With a socket that somebody else holds, requests wait while the program restarts.
fn queue(place: &Place, web: impl FnOnce() -> Web) {
    let socket = place.held_socket();
    let bridge = place.bridge_on(&socket);
    let web = web();
    let first = good(&web, "POST", EAS, &Body::Length(b"x")).field("pid");
    bridge.stop();
    let port = web.port;
    let asking: Vec<_> =
        (0..5).map(|_| thread::spawn(move || ask(port, "POST", EAS, &Body::Length(b"queued")).unwrap())).collect();
    thread::sleep(Duration::from_millis(1500));
    let _bridge = place.bridge_on(&socket);
    for reply in asking {
        let reply = reply.join().unwrap();
        assert_eq!((reply.status, reply.field("length")), (200, "6".to_owned()));
        assert_ne!(reply.field("pid"), first);
    }
}

/// A program that the web server started is started again when it dies.
fn respawn(web: &Web) {
    for _ in 0..2 {
        let first = good(web, "POST", EAS, &Body::Length(b"x")).field("pid");
        kill(&first);
        let mut next = None;
        wait_until("a new process", || {
            let reply = ask(web.port, "POST", EAS, &Body::Length(b"x")).expect("an answer");
            assert!(matches!(reply.status, 200 | 500 | 503), "{reply:?}");
            next = (reply.status == 200).then(|| reply.field("pid"));
            next.is_some()
        });
        assert_ne!(next, Some(first));
    }
}

#[test]
fn apache_proxy_with_many_threads() {
    let place = Place::new();
    let web = place.apache(&["apache/mpm-many-phones.conf", "apache/activesync-proxy.conf"], &PROXY);
    restart(&place, &place.unix_door(), &web, Duration::ZERO);
}

#[test]
fn apache_proxy_queues_on_a_socket_that_stays() {
    let place = Place::new();
    queue(&place, || place.apache(&["apache/activesync-proxy.conf"], &PROXY));
}

#[test]
fn apache_tcp() {
    let place = Place::new();
    let web = place.apache(&["apache/activesync-tcp.conf"], &PROXY);
    restart(&place, &format!("fastcgi:tcp:127.0.0.1:{}", place.bridge_port), &web, Duration::ZERO);
}

#[test]
fn apache_http() {
    let place = Place::new();
    let web = place.apache(&["apache/activesync-http.conf"], &["proxy", "proxy_http"]);
    restart(&place, &format!("http:127.0.0.1:{}", place.bridge_port), &web, Duration::ZERO);
}

#[test]
fn apache_fcgid() {
    let place = Place::new();
    let web = place.apache(&["apache/activesync-fcgid.conf"], &["alias", "fcgid"]);
    exercise(&web);
    half_is_not_whole(&web);
    respawn(&web);
}

#[test]
fn apache_cgi() {
    let place = Place::new();
    let web = place.apache(&["apache/activesync-cgi.conf"], &["alias", "cgid"]);
    exercise(&web);
    assert_eq!(good(&web, "POST", EAS, &Body::Length(b"x")).field("may_wait"), "false");
}

#[test]
fn lighttpd_socket() {
    let place = Place::new();
    let web = place.lighttpd("lighttpd/50-activesync.conf");
    // lighttpd looks once a second whether it is back.
    restart(&place, &place.unix_door(), &web, Duration::from_secs(3));
}

#[test]
fn lighttpd_queues_on_a_socket_that_stays() {
    let place = Place::new();
    queue(&place, || place.lighttpd("lighttpd/50-activesync.conf"));
}

/// A phone whose connection is reset while it waits; one that only closed its side may still read, and lighttpd goes on. Of a request
/// that was there as a whole at the first look (never with TLS) lighttpd does not watch the connection.
#[test]
fn lighttpd_tells_of_a_phone_that_was_cut_off() {
    use std::io::Write;
    let place = Place::new();
    let _bridge = place.bridge(&place.unix_door());
    let web = place.lighttpd("lighttpd/50-activesync.conf");
    let waiting = || good(&web, "POST", EAS, &Body::Length(b"x")).field("waiting");
    let start = Instant::now();
    let phones: Vec<_> = (0..5)
        .map(|_| {
            let mut socket = std::net::TcpStream::connect(("127.0.0.1", web.port)).unwrap();
            let head = format!("POST {EAS}?wait=100000 HTTP/1.1\r\nHost: x\r\nAuthorization: {BASIC}\r\n");
            socket.write_all(head.as_bytes()).unwrap();
            thread::sleep(Duration::from_millis(300));
            socket.write_all(b"Content-Length: 1\r\n\r\nx").unwrap();
            rustix::net::sockopt::set_socket_linger(&socket, Some(Duration::ZERO)).unwrap();
            socket
        })
        .collect();
    wait_until("five waits", || waiting() == "5");
    drop(phones);
    wait_until("the end of the waits", || waiting() == "0");
    assert!(start.elapsed() < Duration::from_secs(100), "they ended by themselves");
}

#[test]
fn lighttpd_spawn() {
    let place = Place::new();
    let web = place.lighttpd("lighttpd/50-activesync-spawn.conf");
    exercise(&web);
    half_is_not_whole(&web);
    respawn(&web);
}

#[test]
fn lighttpd_cgi() {
    let place = Place::new();
    let web = place.lighttpd("lighttpd/50-activesync-cgi.conf");
    exercise(&web);
    assert_eq!(good(&web, "POST", EAS, &Body::Length(b"x")).field("may_wait"), "false");
}

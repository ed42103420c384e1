//! The FastCGI door through real unix sockets: what the specification asks for, what web servers do, and what nobody should.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod client;
mod echo;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use client::*;
use horde_eas::gateway::{self, Body, BodyError, Handler, Limits, Listen, Request, Response, ResponseBody, listen};
use tokio::sync::oneshot;

/// Answers by path; counts the requests that wait.
#[derive(Default)]
struct Test {
    waiting: AtomicUsize,
}

/// Counts itself out when the request ends in whatever way.
struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Handler for Test {
    async fn handle(&self, mut request: Request) -> Response {
        match request.path.as_str() {
            "/wait" => {
                self.waiting.fetch_add(1, Ordering::SeqCst);
                let _counted = Counted(&self.waiting);
                let time = String::from_utf8(request.query).unwrap().parse().unwrap();
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_millis(time)) => Response::full(200, "text/plain", b"over".to_vec()),
                    () = request.hangup.gone() => Response::status(500),
                }
            }
            "/deaf" => {
                self.waiting.fetch_add(1, Ordering::SeqCst);
                let _counted = Counted(&self.waiting);
                std::future::pending().await
            }
            "/unread" => Response::status(401),
            "/headers" => {
                let headers =
                    request.headers.iter().map(|(name, value)| [name.as_bytes(), b"=", value, b"\n"].concat());
                Response::full(200, "text/plain", headers.collect::<Vec<_>>().concat())
            }
            "/big" => Response::full(200, "text/plain", vec![b'b'; 5 << 20]),
            "/stream" | "/cut" => {
                let (sender, body) = Body::channel(1);
                tokio::spawn(async move {
                    for _ in 0..10 {
                        sender.send(Bytes::from(vec![b's'; 100_000])).await;
                    }
                    if request.path == "/cut" {
                        sender.fail(BodyError::Aborted).await;
                    }
                });
                Response { status: 200, headers: Vec::new(), body: ResponseBody::Stream(body) }
            }
            "/panic" => panic!("on purpose"),
            _ => match request.body.collect(100 << 20).await {
                Ok(body) => Response::full(200, "text/plain", body),
                Err(_) => Response::status(400),
            },
        }
    }
}

struct Server {
    _dir: tempfile::TempDir,
    path: PathBuf,
    test: Arc<Test>,
    stop: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Server {
    fn start(change: impl FnOnce(&mut Limits)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let mut limits = Limits::default();
        change(&mut limits);
        let listeners = listen::open(&Listen::FastCgiUnix(path.clone()), None).unwrap();
        let test = Arc::new(Test::default());
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(gateway::serve(listeners, Arc::clone(&test), limits, async {
            let _ = stopped.await;
        }));
        Self { _dir: dir, path, test, stop, ended }
    }

    async fn client(&self) -> Client {
        Client::connect(&self.path).await
    }

    async fn waiting(&self, count: usize) {
        let start = Instant::now();
        while self.test.waiting.load(Ordering::SeqCst) != count {
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "{} wait, not {count}",
                self.test.waiting.load(Ordering::SeqCst)
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn values_of_the_program_are_told() {
    let server = Server::start(|limits| limits.max_connections = 77);
    let mut client = server.client().await;
    client
        .send(&record(GET_VALUES, 0, &pairs(&[(b"FCGI_MPXS_CONNS", b""), (b"FCGI_MAX_CONNS", b""), (b"X", b"")])))
        .await;
    let (kind, id, content) = client.record().await.unwrap();
    assert_eq!((kind, id, content), (10, 0, pairs(&[(b"FCGI_MAX_CONNS", b"77"), (b"FCGI_MPXS_CONNS", b"1")])));
    assert_eq!(client.ask(1, false, "/", b"after").await.text(), "after");
    client.expect_close().await;
}

#[tokio::test]
async fn a_connection_is_kept_if_asked_for_and_closed_if_not() {
    let server = Server::start(|_| {});
    let mut client = server.client().await;
    for text in ["one", "two", "three"] {
        let answer = client.ask(1, true, "/", text.as_bytes()).await;
        assert_eq!((answer.status(), answer.end, answer.text().as_str()), (200, 0, text));
    }
    assert_eq!(client.ask(2, false, "/", b"").await.text(), "");
    client.expect_close().await;
}

/// A web server gives the number to the next request as soon as it has seen the end of the one before.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_next_request_may_come_before_the_task_of_the_last_one_is_heard_of() {
    let server = Server::start(|limits| limits.requests_per_connection = 1);
    let asking = (0..32).map(|_| {
        let path = server.path.clone();
        tokio::spawn(async move {
            let mut client = Client::connect(&path).await;
            for _ in 0..300 {
                let answer = client.ask(1, true, "/", b"again").await;
                assert_eq!((answer.end, answer.text().as_str()), (0, "again"));
            }
        })
    });
    for client in asking.collect::<Vec<_>>() {
        client.await.unwrap();
    }
}

#[tokio::test]
async fn large_bodies_both_ways() {
    let server = Server::start(|_| {});
    let mut client = server.client().await;
    let body: Vec<u8> = (0..1_000_003u32).map(|n| (n % 251) as u8).collect();
    assert_eq!(client.ask(1, true, "/", &body).await.body(), body);
    assert_eq!(client.ask(1, true, "/big", &[]).await.body(), vec![b'b'; 5 << 20]);
    let streamed = client.ask(1, true, "/stream", &[]).await;
    assert_eq!(streamed.body(), vec![b's'; 1_000_000]);
    assert!(!String::from_utf8_lossy(&streamed.out[..100]).contains("Content-Length"));
}

#[tokio::test]
async fn variables_cut_anywhere_and_many() {
    let server = Server::start(|_| {});
    let mut client = server.client().await;
    let mut all = params("/headers");
    let long = vec![b'v'; 100_000];
    all.extend(pairs(&[(b"HTTP_LONG", &long), (b"HTTP_LAST", b"here"), (b"HTTP_MORE", &long[..20_000])]));
    for size in [1, 7, 4096, 0xffff] {
        let mut request = begin(1, 1, true);
        request.extend(stream(PARAMS, 1, &all, size));
        request.extend(record(STDIN, 1, &[]));
        client.send(&request).await;
        let (_, answer) = client.answer().await.unwrap();
        assert_eq!(answer.body().len(), "authorization=Basic eDp5\nlong=\nlast=here\nmore=\n".len() + 120_000);
    }
}

#[tokio::test]
async fn too_many_variables_are_refused_and_the_connection_lives_on() {
    let server = Server::start(|_| {});
    let mut client = server.client().await;
    let mut request = begin(1, 1, true);
    request.extend(stream(PARAMS, 1, &vec![0; 200 << 10], 10_000));
    request.extend(record(STDIN, 1, &[]));
    client.send(&request).await;
    assert_eq!(client.answer().await.unwrap().1.status(), 431);
    assert_eq!(client.ask(1, true, "/", b"next").await.text(), "next");
}

#[tokio::test]
async fn a_variable_without_its_end_is_a_bad_request() {
    let server = Server::start(|_| {});
    let mut client = server.client().await;
    let mut request = begin(1, 1, true);
    request.extend(stream(PARAMS, 1, &params("/")[..25], 100));
    request.extend(record(STDIN, 1, &[]));
    client.send(&request).await;
    assert_eq!(client.answer().await.unwrap().1.status(), 400);
}

#[tokio::test]
async fn bodies_over_the_limit_get_413() {
    let server = Server::start(|limits| limits.max_body = 100_000);
    let mut client = server.client().await;
    assert_eq!(client.ask(1, true, "/", &[0; 100_000]).await.status(), 200);
    assert_eq!(client.ask(1, true, "/", &[0; 100_001]).await.status(), 413);
    // Announced: refused before it is sent.
    let mut all = params("/");
    all.extend(pairs(&[(b"CONTENT_LENGTH", b"100001")]));
    let mut request = begin(1, 1, true);
    request.extend(stream(PARAMS, 1, &all, 0xffff));
    client.send(&request).await;
    assert_eq!(client.answer().await.unwrap().1.status(), 413);
    assert_eq!(client.ask(1, true, "/", b"next").await.text(), "next");
}

#[tokio::test]
async fn an_answer_before_the_end_of_the_body_arrives_whole() {
    let server = Server::start(|_| {});
    let mut client = server.client().await;
    assert_eq!(client.ask(1, true, "/unread", &[0; 1_000_000]).await.status(), 401);
    assert_eq!(client.ask(1, false, "/unread", &[0; 1_000_000]).await.status(), 401);
    client.expect_close().await;
}

#[tokio::test]
async fn a_quick_request_overtakes_a_waiting_one() {
    let server = Server::start(|_| {});
    let mut client = server.client().await;
    client.send(&request(1, true, "/wait?1000", b"")).await;
    let start = Instant::now();
    assert_eq!(client.ask(2, true, "/", b"quick").await.text(), "quick");
    assert!(start.elapsed() < Duration::from_millis(700), "{:?}", start.elapsed());
    assert_eq!(client.answer().await.unwrap().0, 1);
    for id in 1..=3 {
        client.send(&request(id, true, "/wait?500", b"")).await;
    }
    let start = Instant::now();
    for _ in 1..=3 {
        client.answer().await.unwrap();
    }
    assert!(start.elapsed() < Duration::from_millis(1200), "one after the other: {:?}", start.elapsed());
}

#[tokio::test]
async fn interleaved_bodies_reach_their_own_requests() {
    let server = Server::start(|_| {});
    let mut client = server.client().await;
    for id in [1, 2] {
        client.send(&[begin(id, 1, true), stream(PARAMS, id, &params("/"), 100)].concat()).await;
    }
    for piece in 0..10 {
        client.send(&[record(STDIN, 1, &[b'1', b'0' + piece]), record(STDIN, 2, &[b'2', b'0' + piece])].concat()).await;
    }
    client.send(&record(STDIN, 2, &[])).await;
    let (id, answer) = client.answer().await.unwrap();
    assert_eq!((id, answer.text().as_str()), (2, "20212223242526272829"));
    client.send(&record(STDIN, 1, &[])).await;
    let (id, answer) = client.answer().await.unwrap();
    assert_eq!((id, answer.text().as_str()), (1, "10111213141516171819"));
}

#[tokio::test]
async fn too_many_requests_on_one_connection() {
    let server = Server::start(|limits| limits.requests_per_connection = 2);
    let mut client = server.client().await;
    for id in 1..=3 {
        client.send(&request(id, true, "/wait?300", b"")).await;
    }
    let (id, answer) = client.answer().await.unwrap();
    assert_eq!((id, answer.end, answer.out.len()), (3, 2, 0));
    client.answer().await.unwrap();
    client.answer().await.unwrap();
    assert_eq!(client.ask(3, true, "/", b"again").await.text(), "again");
}

#[tokio::test]
async fn abort_ends_a_wait_at_once_and_the_connection_lives_on() {
    let server = Server::start(|_| {});
    let mut client = server.client().await;
    client.send(&request(1, true, "/wait?60000", b"")).await;
    server.waiting(1).await;
    let start = Instant::now();
    client.send(&record(ABORT, 1, &[])).await;
    let (id, answer) = client.answer().await.unwrap();
    assert_eq!((id, answer.end, answer.out.len()), (1, 0, 0));
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    server.waiting(0).await;
    assert_eq!(client.ask(1, true, "/", b"next").await.text(), "next");
    // Before the variables are complete, in the middle of the body, and of a request that there is not.
    client.send(&[begin(1, 1, true), record(ABORT, 1, &[])].concat()).await;
    assert!(client.answer().await.unwrap().1.out.is_empty());
    client.send(&[begin(1, 1, true), stream(PARAMS, 1, &params("/"), 100), record(STDIN, 1, b"half")].concat()).await;
    client.send(&[record(ABORT, 1, &[]), record(ABORT, 9, &[])].concat()).await;
    assert!(client.answer().await.unwrap().1.out.is_empty());
    assert_eq!(client.ask(1, true, "/", b"last").await.text(), "last");
}

#[tokio::test]
async fn a_handler_that_does_not_notice_is_ended() {
    let server = Server::start(|limits| limits.hangup_grace = Duration::from_millis(100));
    let mut client = server.client().await;
    client.send(&request(1, true, "/deaf", b"")).await;
    server.waiting(1).await;
    client.send(&record(ABORT, 1, &[])).await;
    assert!(client.answer().await.unwrap().1.out.is_empty());
    client.send(&request(1, true, "/deaf", b"")).await;
    server.waiting(1).await;
    drop(client);
    server.waiting(0).await;
}

#[tokio::test]
async fn a_thousand_clients_vanish_during_their_wait() {
    listen::raise_descriptor_limit();
    let server = Server::start(|_| {});
    let mut clients = Vec::new();
    for _ in 0..1000 {
        let mut client = server.client().await;
        client.send(&request(1, false, "/wait?60000", b"")).await;
        clients.push(client);
    }
    server.waiting(1000).await;
    let start = Instant::now();
    drop(clients);
    server.waiting(0).await;
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[tokio::test]
async fn unknown_role_and_unknown_record_types() {
    let server = Server::start(|_| {});
    let mut client = server.client().await;
    client.send(&begin(1, 3, true)).await;
    let (_, answer) = client.answer().await.unwrap();
    assert_eq!((answer.end, answer.out.len()), (3, 0));
    client.send(&record(42, 0, b"?")).await;
    assert_eq!(client.record().await.unwrap(), (11, 0, vec![42, 0, 0, 0, 0, 0, 0, 0]));
    // What only the program sends, and data for other roles.
    client
        .send(
            &[record(7, 1, b"?"), record(6, 1, b"?"), record(3, 1, b"?"), record(8, 1, b"?"), record(10, 1, b"?")]
                .concat(),
        )
        .await;
    assert_eq!(client.ask(1, true, "/", b"next").await.text(), "next");
    client.send(&begin(1, 2, false)).await;
    assert_eq!(client.answer().await.unwrap().1.end, 3);
}

#[tokio::test]
async fn a_header_that_is_not_utf8_takes_no_other_along() {
    let server = Server::start(|_| {});
    let mut client = server.client().await;
    let all =
        pairs(&[(b"REQUEST_URI", b"/headers"), (b"HTTP_X_NAME", b"M\xfcller"), (b"HTTP_AUTHORIZATION", b"Basic eDp5")]);
    client.send(&[begin(1, 1, true), stream(PARAMS, 1, &all, 100), record(STDIN, 1, &[])].concat()).await;
    assert_eq!(client.answer().await.unwrap().1.body(), b"x-name=M\xfcller\nauthorization=Basic eDp5\n");
}

#[tokio::test]
async fn a_panic_is_answered_and_hurts_nobody_else() {
    let server = Server::start(|_| {});
    let mut client = server.client().await;
    client.send(&request(7, true, "/wait?300", b"")).await;
    assert_eq!(client.ask(1, true, "/panic", b"").await.status(), 500);
    assert_eq!(client.answer().await.unwrap().1.text(), "over");
}

#[tokio::test]
async fn a_streamed_answer_that_breaks_off_has_no_end() {
    let server = Server::start(|_| {});
    let mut client = server.client().await;
    client.send(&request(1, true, "/cut", b"")).await;
    assert!(client.answer().await.is_none());
}

#[tokio::test]
async fn what_breaks_the_protocol_ends_the_connection() {
    let server = Server::start(|_| {});
    let start = begin(1, 1, true);
    let head = [start.clone(), stream(PARAMS, 1, &params("/"), 100)].concat();
    for bytes in [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0xff; 100_000],
        record(BEGIN, 1, b"short"),
        [start.clone(), start.clone()].concat(),
        [start, record(STDIN, 1, b"early")].concat(),
        [head.clone(), record(PARAMS, 1, b"late")].concat(),
    ] {
        let mut client = server.client().await;
        let _ = tokio::io::AsyncWriteExt::write_all(&mut client.socket, &bytes).await;
        client.expect_close().await;
    }
    assert_eq!(server.client().await.ask(1, false, "/", b"alive").await.text(), "alive");
}

#[tokio::test]
async fn the_end_of_the_connection_anywhere() {
    let server = Server::start(|_| {});
    let whole = request(1, true, "/", b"body");
    for cut in 0..whole.len() {
        let mut client = server.client().await;
        client.send(&whole[..cut]).await;
    }
    // Whole, but nobody there for the answer.
    server.client().await.send(&whole).await;
    server.client().await.send(&request(1, true, "/big", b"")).await;
    assert_eq!(server.client().await.ask(1, false, "/", b"alive").await.text(), "alive");
}

#[tokio::test]
async fn silence_ends_by_its_limits() {
    let short = Duration::from_millis(100);
    let server = Server::start(|limits| {
        (limits.first_byte, limits.body_idle, limits.keep_idle) = (short, short, short);
    });
    server.client().await.expect_close().await;

    let mut client = server.client().await;
    client.ask(1, true, "/", b"").await;
    client.expect_close().await;

    let whole = request(1, true, "/", b"body");
    let mut client = server.client().await;
    client.send(&whole[..30]).await;
    client.expect_close().await;

    let mut client = server.client().await;
    client.send(&whole[..whole.len() - 8]).await;
    assert_eq!(client.answer().await.unwrap().1.status(), 408);

    // A wait is no silence.
    let mut client = server.client().await;
    assert_eq!(client.ask(1, true, "/wait?500", b"").await.text(), "over");
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_their_turn() {
    let server = Server::start(|limits| limits.max_connections = 3);
    let path = server.path.clone();
    let asking = (0..12).map(|_| {
        let path = path.clone();
        tokio::spawn(async move { Client::connect(&path).await.ask(1, false, "/wait?50", b"").await.text() })
    });
    for answer in asking.collect::<Vec<_>>() {
        assert_eq!(answer.await.unwrap(), "over");
    }
}

#[tokio::test]
async fn the_end_of_the_program_leaves_no_request_without_answer() {
    let server = Server::start(|_| {});
    let mut idle = server.client().await;
    idle.ask(1, true, "/", b"").await;
    let mut waiting = server.client().await;
    waiting.send(&request(1, true, "/wait?500", b"")).await;
    server.waiting(1).await;
    let (path, stop, ended) = (server.path.clone(), server.stop, server.ended);
    // Connected, not accepted yet when the end comes.
    let mut late = Vec::new();
    for _ in 0..20 {
        let mut client = Client::connect(&path).await;
        client.send(&request(1, true, "/", b"late")).await;
        late.push(client);
    }
    stop.send(()).unwrap();
    for mut client in late {
        assert_eq!(client.answer().await.unwrap().1.text(), "late");
        client.expect_close().await;
    }
    idle.expect_close().await;
    assert_eq!(waiting.answer().await.unwrap().1.text(), "over");
    ended.await.unwrap().unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn the_end_of_the_program_does_not_wait_for_ever() {
    let server = Server::start(|limits| limits.shutdown = Duration::from_millis(200));
    let mut client = server.client().await;
    client.send(&request(1, true, "/wait?60000", b"")).await;
    server.waiting(1).await;
    server.stop.send(()).unwrap();
    // What has not ended by then goes on until the runtime ends, as the program does next.
    tokio::time::timeout(Duration::from_secs(5), server.ended).await.unwrap().unwrap().unwrap();
}

async fn exhausted(dir: &Path, more: &[&str]) {
    let socket = dir.join("s");
    let mut program = std::process::Command::new("sh")
        .args(["-c", "ulimit -n 64 && exec \"$@\"", "sh"])
        .arg(echo::build())
        .args(["--listen", &format!("fastcgi:unix:{}", socket.display())])
        .args(more)
        .spawn()
        .unwrap();
    let start = Instant::now();
    while !socket.exists() {
        assert!(start.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut clients = Vec::new();
    for _ in 0..200 {
        let mut client = Client::connect(&socket).await;
        client.send(&request(1, false, "/?wait=300", b"")).await;
        clients.push(client);
    }
    for mut client in clients {
        assert_eq!(client.answer().await.unwrap().1.status(), 200);
    }
    assert_eq!(program.try_wait().unwrap(), None, "the program has ended");
    rustix::process::kill_process(rustix::process::Pid::from_child(&program), rustix::process::Signal::TERM).unwrap();
    assert!(program.wait().unwrap().success());
}

#[tokio::test]
async fn want_of_descriptors_only_delays() {
    let dir = tempfile::tempdir().unwrap();
    exhausted(dir.path(), &["--max-connections", "100000"]).await;
    exhausted(dir.path(), &[]).await;
}

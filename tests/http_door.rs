//! The HTTP door through real sockets.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use horde_eas::gateway::{self, Body, BodyError, Handler, Limits, Listen, Request, Response, ResponseBody, listen};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
};

#[derive(Default)]
struct Test {
    waiting: AtomicUsize,
}

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
            "/stream" | "/cut" => {
                let (sender, body) = Body::channel(1);
                tokio::spawn(async move {
                    sender.send(Bytes::from_static(b"some")).await;
                    if request.path == "/cut" {
                        sender.fail(BodyError::Aborted).await;
                    }
                });
                Response { status: 200, headers: Vec::new(), body: ResponseBody::Stream(body) }
            }
            "/provision" => Response::status(449).header("X-Bad", "a\r\nb"),
            "/remote" => Response::full(200, "text/plain", request.remote.unwrap().to_string().into_bytes()),
            "/panic" => panic!("on purpose"),
            _ => match request.body.collect(100 << 20).await {
                Ok(body) => Response::full(200, "text/plain", [request.query, body].concat()),
                Err(_) => Response::status(400),
            },
        }
    }
}

struct Server {
    address: SocketAddr,
    test: Arc<Test>,
    stop: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Server {
    fn start(change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        change(&mut limits);
        let listeners = listen::open(&Listen::HttpTcp("127.0.0.1:0".parse().unwrap()), None).unwrap();
        let address = listeners[0].local_addr().unwrap();
        let test = Arc::new(Test::default());
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(gateway::serve(listeners, Arc::clone(&test), limits, async {
            let _ = stopped.await;
        }));
        Self { address, test, stop, ended }
    }

    /// Sends bytes on a new connection and reads to its end.
    async fn talk(&self, bytes: &[u8]) -> String {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        let _ = socket.write_all(bytes).await;
        let mut answer = Vec::new();
        let reading = tokio::time::timeout(Duration::from_secs(20), socket.read_to_end(&mut answer));
        let _ = reading.await.expect("the end of the connection");
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn ask(&self, target: &str, body: &str) -> String {
        let length = body.len();
        let head =
            format!("POST {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
        self.talk((head + body).as_bytes()).await
    }

    async fn waiting(&self, count: usize) {
        let start = Instant::now();
        while self.test.waiting.load(Ordering::SeqCst) != count {
            assert!(start.elapsed() < Duration::from_secs(20));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn bodies_with_length_and_in_chunks() {
    let server = Server::start(|_| {});
    let answer = server.ask("/?a=%20", "body").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\na=%20body"), "{answer}");
    assert!(answer.contains("content-length: 9\r\n"), "{answer}");
    let chunked = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = server.talk(format!("{chunked}2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n").as_bytes()).await;
    assert!(answer.ends_with("\r\n\r\nbody"), "{answer}");
    // Broken off by the client: nothing is answered as if it were whole.
    assert!(!server.talk(format!("{chunked}2\r\nbo\r\nxx").as_bytes()).await.contains(" 200 "));
}

#[tokio::test]
async fn a_connection_is_kept() {
    let server = Server::start(|_| {});
    let twice = "GET /?one HTTP/1.1\r\nHost: x\r\n\r\nGET /?two HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = server.talk(twice.as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2, "{answer}");
    assert!(answer.ends_with("two"), "{answer}");
}

#[tokio::test]
async fn status_lines_and_headers() {
    let server = Server::start(|_| {});
    let answer = server.ask("/provision", "").await;
    assert!(answer.starts_with("HTTP/1.1 449 Retry after sending a PROVISION command\r\n"), "{answer}");
    assert!(answer.contains("content-length: 0\r\n") && !answer.contains("x-bad"), "{answer}");
    assert!(server.ask("/panic", "").await.starts_with("HTTP/1.1 500 "));
    let told = "GET /remote HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-For: 6.6.6.6, 203.0.113.5\r\n\r\n";
    assert!(server.talk(told.as_bytes()).await.ends_with("203.0.113.5"));
}

#[tokio::test]
async fn streamed_answers() {
    let server = Server::start(|_| {});
    assert!(server.ask("/stream", "").await.ends_with("4\r\nsome\r\n0\r\n\r\n"));
    let cut = server.ask("/cut", "").await;
    assert!(!cut.ends_with("0\r\n\r\n"), "{cut}");
}

#[tokio::test]
async fn bodies_over_the_limit_get_413() {
    let server = Server::start(|limits| limits.max_body = 1000);
    assert!(server.ask("/", &"x".repeat(1000)).await.starts_with("HTTP/1.1 200 "));
    assert!(server.ask("/", &"x".repeat(1001)).await.starts_with("HTTP/1.1 413 "));
    let chunked = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = server.talk(format!("{chunked}400\r\n{}\r\n0\r\n\r\n", "x".repeat(0x400)).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn headers_over_the_limit_are_refused() {
    let server = Server::start(|_| {});
    let huge = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(200_000));
    let answer = server.talk(huge.as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    assert!(server.talk(b"\x16\x03\x01\x02\x00 not http\r\n\r\n").await.starts_with("HTTP/1.1 400 "));
}

#[tokio::test]
async fn silence_ends_by_its_limits() {
    let short = Duration::from_millis(100);
    let server = Server::start(|limits| (limits.first_byte, limits.body_idle) = (short, short));
    server.talk(b"").await;
    server.talk(b"GET / HTTP/1.1\r\nHo").await;
    let answer = server.talk(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhalf").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(server.ask("/wait?500", "").await.ends_with("over"));
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_its_wait_at_once() {
    let server = Server::start(|_| {});
    let mut clients = Vec::new();
    for _ in 0..100 {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(b"GET /wait?60000 HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        clients.push(socket);
    }
    server.waiting(100).await;
    let start = Instant::now();
    drop(clients);
    server.waiting(0).await;
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[tokio::test]
async fn the_end_of_the_program_waits_for_answers() {
    let server = Server::start(|_| {});
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET /?x HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(idle.read(&mut [0; 1000]).await.unwrap() > 0);
    let mut waiting = TcpStream::connect(server.address).await.unwrap();
    waiting.write_all(b"GET /wait?1500 HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    server.waiting(1).await;
    server.stop.send(()).unwrap();
    let mut answer = String::new();
    waiting.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("over"), "{answer}");
    assert_eq!(idle.read(&mut [0; 10]).await.unwrap(), 0);
    server.ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_that_is_on_the_way_at_the_end_is_answered_and_silence_is_not_waited_for() {
    let long = Duration::from_secs(100);
    let server = Server::start(|limits| (limits.first_byte, limits.shutdown) = (long, long));
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let mut late = TcpStream::connect(server.address).await.unwrap();
    assert!(server.ask("/", "taken").await.ends_with("taken"));
    server.stop.send(()).unwrap();
    // Its request was on the way.
    late.write_all(b"GET /?late HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    late.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("late"), "{answer}");
    assert_eq!(silent.read(&mut [0; 10]).await.unwrap(), 0);
    let ended = tokio::time::timeout(Duration::from_secs(20), server.ended).await.expect("the end");
    ended.unwrap().unwrap();
}

//! The FastCGI door against the crates `fastcgi` and `tokio-fastcgi`, in the same run: requests per second with kept and with new
//! connections, small and 100 kB answers, and memory for each waiting request. Each server is a process of its own (this program again)
//! with a listening unix socket on descriptor 0. The client takes its share of the same processors, so that the figures compare, and are
//! no more than that.

// A benchmark may stop at the first surprise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../tests/fastcgi/client.rs"]
mod client;

use std::{
    io::{Read, Write},
    os::{fd::OwnedFd, unix::net::UnixListener},
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use client::{Client, request};
use horde_eas::gateway::{self, Handler, Limits, Listen, Request, Response, listen};
use tokio_fastcgi::{RequestResult, Requests};

const SERVERS: [&str; 3] = ["fastcgi 1", "tokio-fastcgi 1", "horde-eas"];
/// Connections of the client in the measurements of speed.
const CONNECTIONS: usize = 32;
const TIME: Duration = Duration::from_secs(3);
const WAITS: usize = 2000;
/// Bytes of user memory that a waiting request may take.
const MEMORY_TARGET: u64 = 4 << 10;

/// What to answer: `/size?BYTES` or `/wait?MILLISECONDS`.
fn wanted(path: &str, number: &str) -> (Duration, usize) {
    let number = number.parse().expect("a number");
    if path == "/wait" { (Duration::from_millis(number), 64) } else { (Duration::ZERO, number as usize) }
}

fn split(uri: &str) -> (Duration, usize) {
    let (path, number) = uri.split_once('?').expect("a query");
    wanted(path, number)
}

/// An answer as CGI programs write it.
fn cgi_answer(size: usize) -> Vec<u8> {
    let mut out = format!("Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {size}\r\n\r\n").into_bytes();
    out.resize(out.len() + size, b'x');
    out
}

struct Ours;

impl Handler for Ours {
    async fn handle(&self, mut request: Request) -> Response {
        let (time, size) = wanted(&request.path, std::str::from_utf8(&request.query).unwrap());
        request.body.collect(1 << 20).await.unwrap();
        if !time.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(time) => {},
                () = request.hangup.gone() => {},
            }
        }
        Response::full(200, "text/plain", vec![b'x'; size])
    }
}

async fn serve_ours() {
    let listeners = listen::open(&Listen::FastCgiFd0, None).unwrap();
    let limits = Limits::default().fit(listen::raise_descriptor_limit());
    gateway::serve(listeners, Arc::new(Ours), limits, std::future::pending()).await.unwrap();
}

async fn serve_tokio_fastcgi() {
    let socket = UnixListener::from(std::os::fd::AsFd::as_fd(&std::io::stdin()).try_clone_to_owned().unwrap());
    socket.set_nonblocking(true).unwrap();
    let listener = tokio::net::UnixListener::from_std(socket).unwrap();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        tokio::spawn(async move {
            let (reader, writer) = stream.into_split();
            let mut requests =
                Requests::from_split_socket((tokio::io::BufReader::with_capacity(4096, reader), writer), 255, 255);
            while let Ok(Some(request)) = requests.next().await {
                let _ = request
                    .process(|request| async move {
                        let (time, size) = split(request.get_str_param("request_uri").unwrap());
                        let mut body = Vec::new();
                        request.get_stdin().read_to_end(&mut body).unwrap();
                        if !time.is_zero() {
                            tokio::time::sleep(time).await;
                        }
                        let _ = request.get_stdout().write(&cgi_answer(size)).await;
                        RequestResult::Complete(0)
                    })
                    .await;
            }
        });
    }
}

fn serve_fastcgi() {
    fastcgi::run(|mut request| {
        let (time, size) = split(&request.param("REQUEST_URI").unwrap());
        let mut body = Vec::new();
        let _ = request.stdin().read_to_end(&mut body);
        std::thread::sleep(time);
        let _ = request.stdout().write_all(&cgi_answer(size));
    });
}

/// One of the servers in a process of its own.
struct Server {
    process: Child,
    path: PathBuf,
    _dir: tempfile::TempDir,
}

impl Server {
    fn start(name: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let socket = UnixListener::bind(&path).unwrap();
        let process = Command::new(std::env::current_exe().unwrap())
            .args(["--serve", name])
            .stdin(Stdio::from(OwnedFd::from(socket)))
            .spawn()
            .unwrap();
        Self { process, path, _dir: dir }
    }

    /// User memory in bytes: what is resident and belongs to no file.
    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Requests per second.
async fn speed(path: &Path, keep: bool, size: usize) -> f64 {
    let count = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let asking = (0..CONNECTIONS).map(|_| {
        let (path, count) = (path.to_owned(), Arc::clone(&count));
        tokio::spawn(async move {
            let bytes = request(1, keep, &format!("/size?{size}"), b"a small body");
            let mut client = Client::connect(&path).await;
            while start.elapsed() < TIME {
                client.send(&bytes).await;
                let (_, answer) = client.answer().await.expect("an answer");
                assert!(answer.out.len() > size);
                count.fetch_add(1, Ordering::Relaxed);
                if !keep {
                    client = Client::connect(&path).await;
                }
            }
        })
    });
    for task in asking.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    count.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()
}

/// Bytes of user memory for each of many requests that wait.
async fn memory(server: &Server) -> u64 {
    // The first request makes threads and buffers that stay.
    Client::connect(&server.path).await.ask(1, false, "/size?64", b"").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let before = server.memory();
    let mut clients = Vec::new();
    for _ in 0..WAITS {
        let mut client = Client::connect(&server.path).await;
        client.send(&request(1, false, "/wait?5000", b"a small body")).await;
        clients.push(client);
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let after = server.memory();
    for mut client in clients {
        client.answer().await.expect("an answer");
    }
    after.saturating_sub(before) / WAITS as u64
}

async fn measure() -> ExitCode {
    listen::raise_descriptor_limit();
    println!(
        "requests per second, {CONNECTIONS} connections, and bytes of user memory for each of {WAITS} waiting requests\n"
    );
    println!(
        "{:16} {:>12} {:>12} {:>12} {:>12} {:>12}",
        "", "64 B keep", "64 B new", "100 kB keep", "100 kB new", "memory"
    );
    let mut table = Vec::new();
    for name in SERVERS {
        let mut row = Vec::new();
        for size in [64, 100_000] {
            for keep in [true, false] {
                let server = Server::start(name);
                row.push(speed(&server.path, keep, size).await);
            }
        }
        row.push(memory(&Server::start(name)).await as f64);
        println!("{name:16} {:>12.0} {:>12.0} {:>12.0} {:>12.0} {:>12.0}", row[0], row[1], row[2], row[3], row[4]);
        table.push(row);
    }
    let ours = table.last().unwrap().clone();
    for (name, row) in SERVERS.iter().zip(&table).take(2) {
        let ratios: Vec<_> = ours.iter().zip(row).map(|(ours, theirs)| ours / theirs).collect();
        println!(
            "ours / {name:9} {:>12.2} {:>12.2} {:>12.2} {:>12.2} {:>12.2}",
            ratios[0], ratios[1], ratios[2], ratios[3], ratios[4]
        );
    }
    let fits = ours[4] <= MEMORY_TARGET as f64;
    println!(
        "\nmemory for each waiting request: {:.1} KiB, target at most {} KiB: {}",
        ours[4] / 1024.0,
        MEMORY_TARGET >> 10,
        if fits { "met" } else { "MISSED" }
    );
    if fits { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--serve", "fastcgi 1"] => serve_fastcgi(),
        ["--serve", "tokio-fastcgi 1"] => runtime.block_on(serve_tokio_fastcgi()),
        ["--serve", _] => runtime.block_on(serve_ours()),
        _ => return runtime.block_on(measure()),
    }
    ExitCode::SUCCESS
}

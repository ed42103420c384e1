//! The program is replaced while requests come in, on a socket that somebody else holds: the test, in the place of systemd or a web server.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "fastcgi/client.rs"]
mod client;

use std::{
    os::{
        fd::OwnedFd,
        unix::net::{UnixListener, UnixStream},
    },
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use client::{Client, PARAMS, STDIN, begin, params, stream};
use rustix::process::{Pid, Signal, kill_process};
use tokio::runtime::Runtime;

/// What the program answers without asking anybody.
const NOTHING: &str = "/nothing-of-that-name";

/// How the socket is passed.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// On descriptor 0.
    Zero,
    /// As systemd does (`LISTEN_FDS`).
    Systemd,
}

/// A running program, ended when the test ends.
struct Program(Child);

impl Program {
    fn start(way: Way, socket: &UnixListener, state: &Path) -> Self {
        let program = env!("CARGO_BIN_EXE_horde-eas");
        let mut command = match way {
            Way::Zero => Command::new(program),
            Way::Systemd => {
                let mut shell = Command::new("sh");
                shell.args(["-c", "exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\"", program]);
                shell
            }
        };
        let socket = OwnedFd::from(socket.try_clone().unwrap());
        command.arg("serve").env_clear().env("HORDE_EAS_STATE", state).env("HORDE_EAS_IMAP", "imap://localhost");
        Self(command.stdin(Stdio::from(socket)).stderr(Stdio::null()).spawn().unwrap())
    }

    fn term(&self) {
        kill_process(Pid::from_child(&self.0), Signal::TERM).unwrap();
    }

    fn ended(&mut self) {
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_until(what: &str, mut ready: impl FnMut() -> bool) {
    let start = Instant::now();
    while !ready() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Asks again and again, each time on a new connection; every request must be answered, and rightly.
async fn ask_on(path: Arc<Path>, stop: Arc<AtomicBool>, answered: Arc<AtomicUsize>) {
    while !stop.load(Ordering::SeqCst) {
        let answer = Client::connect(&path).await.ask(1, false, NOTHING, b"body").await;
        assert_eq!((answer.status(), answer.end), (404, 0));
        answered.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn an_upgrade_on_a_socket_that_stays_loses_no_request() {
    let dir = tempfile::tempdir().unwrap();
    let path: Arc<Path> = dir.path().join("fcgi.sock").into();
    let socket = UnixListener::bind(&path).unwrap();
    let state = dir.path().join("state");
    let runtime = Runtime::new().unwrap();
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> =
        (0..8).map(|_| runtime.spawn(ask_on(Arc::clone(&path), Arc::clone(&stop), Arc::clone(&answered)))).collect();
    for way in [Way::Systemd, Way::Zero, Way::Systemd, Way::Systemd, Way::Zero, Way::Zero] {
        let mut program = Program::start(way, &socket, &state);
        let before = answered.load(Ordering::SeqCst);
        wait_until("no answers", || {
            assert!(!clients.iter().any(tokio::task::JoinHandle::is_finished), "a request was lost");
            answered.load(Ordering::SeqCst) > before + 200
        });
        program.term();
        program.ended();
        // Nobody is there now.
        UnixStream::connect(&path).unwrap();
    }
    let _last = Program::start(Way::Systemd, &socket, &state);
    stop.store(true, Ordering::SeqCst);
    for client in clients {
        runtime.block_on(client).expect("every request is answered");
    }
}

/// A request that has begun to arrive is answered by the program that took it.
#[test]
fn a_request_that_is_on_its_way_is_answered_before_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fcgi.sock");
    let socket = UnixListener::bind(&path).unwrap();
    let mut program = Program::start(Way::Systemd, &socket, &dir.path().join("state"));
    Runtime::new().unwrap().block_on(async {
        let whole = stream(PARAMS, 1, &params(NOTHING), 100);
        let (first, second) = whole.split_at(whole.len() / 2);
        let mut client = Client::connect(&path).await;
        client.send(&[&begin(1, 1, false), first].concat()).await;
        // The program has the connection once it answers another one that came later.
        assert_eq!(Client::connect(&path).await.ask(1, false, NOTHING, b"").await.status(), 404);
        program.term();
        // Not taken any more: left to the next program.
        wait_until("the program goes on to take connections", || queued(&path));
        client.send(&[second, &stream(STDIN, 1, b"body", 100)].concat()).await;
        let (_, answer) = client.answer().await.expect("an answer");
        assert_eq!((answer.status(), answer.end), (404, 0));
    });
    program.ended();
}

/// Whether a request that comes now stays unanswered for a moment.
fn queued(path: &Path) -> bool {
    use std::io::{Read, Write};
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    stream.write_all(&client::request(1, false, NOTHING, b"")).unwrap();
    stream.read(&mut [0; 10]).is_err()
}

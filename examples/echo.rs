//! Tells what it was asked, through whichever door it was started: the place holder of the real program in the tests of the
//! web servers' configuration, and a way to try such a configuration by hand.
//!
//! `echo [--listen fastcgi:unix:PATH | fastcgi:tcp:ADDR | http:ADDR]... [--group NAME] [--max-connections N]`; without `--listen` it takes what the
//! web server or systemd passes. Without credentials it answers 401. Query: `wait=MILLISECONDS` delays the answer, `status=503`
//! answers with that and a `Retry-After`, `cut` breaks a streamed answer off in the middle.

use std::{
    io,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use horde_eas::gateway::{
    self, Body, BodyError, Handler, Limits, Request, Response, ResponseBody, cgi,
    listen::{self, Listen, Start},
};
use tokio::{signal::unix, sync::watch};

struct Echo {
    ending: watch::Receiver<bool>,
    /// Requests that wait now.
    waiting: AtomicUsize,
}

impl Handler for Echo {
    async fn handle(&self, mut request: Request) -> Response {
        let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
        let mut length = 0;
        loop {
            match request.body.next().await {
                Ok(Some(piece)) => {
                    digest.update(&piece);
                    length += piece.len();
                }
                Ok(None) => break,
                Err(_) => return Response::status(400),
            }
        }
        let Some(authorization) = request.headers.text("authorization").map(str::to_owned) else {
            return Response::status(401).header("WWW-Authenticate", "Basic realm=\"echo\"");
        };
        let query = String::from_utf8_lossy(&request.query).into_owned();
        let number = |name: &str| {
            query.split('&').find_map(|pair| pair.split_once('=').filter(|(n, _)| *n == name)?.1.parse::<u64>().ok())
        };
        if let Some(wait) = number("wait") {
            self.wait(&mut request, Duration::from_millis(wait)).await;
        }
        if let Some(status) = number("status").and_then(|status| u16::try_from(status).ok()) {
            return Response::status(status).header("Retry-After", "7");
        }
        if query == "cut" {
            return cut();
        }
        let hex: String = digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let text = format!(
            "method={}\npath={}\nquery={query}\nauthorization={authorization}\nlength={length}\nsha256={hex}\npid={}\nremote={}\n\
             may_wait={}\nwaiting={}\n",
            request.method,
            request.path,
            std::process::id(),
            request.remote.map(|address| address.to_string()).unwrap_or_default(),
            request.may_wait,
            self.waiting.load(Ordering::SeqCst),
        );
        Response::full(200, "text/plain", text.into_bytes()).header("MS-Server-ActiveSync", "echo")
    }
}

impl Echo {
    async fn wait(&self, request: &mut Request, time: Duration) {
        let mut ending = self.ending.clone();
        self.waiting.fetch_add(1, Ordering::SeqCst);
        tokio::select! {
            () = tokio::time::sleep(time) => {},
            () = request.hangup.gone() => {},
            _ = ending.wait_for(|ending| *ending) => {},
        }
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Announces nothing, sends something, breaks off.
fn cut() -> Response {
    let (sender, body) = Body::channel(1);
    tokio::spawn(async move {
        sender.send(Bytes::from_static(&[b'x'; 1000])).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        sender.fail(BodyError::Aborted).await;
    });
    Response { status: 200, headers: Vec::new(), body: ResponseBody::Stream(body) }
}

struct Arguments {
    doors: Vec<Listen>,
    group: Option<String>,
    limits: Limits,
}

fn arguments() -> Result<Arguments, String> {
    let mut group = None;
    let mut limits = Limits::default().fit(listen::raise_descriptor_limit());
    let mut doors = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--listen" => doors.push(value.parse()?),
            "--group" => group = Some(value),
            "--max-connections" => limits.max_connections = value.parse().map_err(|_| "not a number".to_owned())?,
            _ => return Err(format!("unknown argument {name}")),
        }
    }
    Ok(Arguments { doors, group, limits })
}

async fn run(Arguments { doors, group, limits }: Arguments) -> io::Result<()> {
    let (end, ending) = watch::channel(false);
    let echo = Echo { ending, waiting: AtomicUsize::new(0) };
    let doors = match (doors.is_empty(), listen::detect()) {
        (false, _) => doors,
        (true, Start::Listen(door)) => vec![door],
        (true, Start::Cgi) => return cgi::serve_one(&echo, &limits).await,
        (true, Start::Unknown) => return Err(io::Error::other("nowhere to listen: give --listen")),
    };
    let mut listeners = Vec::new();
    for door in &doors {
        listeners.extend(listen::open(door, group.as_deref())?);
    }
    let mut terminate = unix::signal(unix::SignalKind::terminate())?;
    gateway::serve(listeners, Arc::new(echo), limits, async move {
        terminate.recv().await;
        end.send_replace(true);
    })
    .await
}

fn main() -> ExitCode {
    let outcome = arguments().map_err(io::Error::other).and_then(|arguments| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(run(arguments))
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("echo: {error}");
            ExitCode::FAILURE
        }
    }
}

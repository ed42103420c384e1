//! The desk with a stand-in for Horde and with commands that do what their body says.

mod desk;
mod hostile;
mod login;
mod phone;
mod throttle;
mod waiting;

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::prelude::*;
use bytes::Bytes;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{
    dispatch::{Entry, Run},
    *,
};
use crate::{
    command::{Context, Reply, ping, sync},
    error::Error,
    gateway::{Body, Hangup, Headers},
    horde::Horde,
    policy::Mode,
    proto::{Command, Version},
    spool::{Piece, Spool},
    state::{Device, DeviceId, Store},
};

/// Carries out what the body says.
async fn act(ctx: &Context, body: Bytes) -> Result<Reply, Error> {
    match &*body {
        b"panic" => panic!("as told"),
        b"later" => Err(Error::RetryLater { reason: "as told".into(), after: Duration::from_secs(7) }),
        b"unauthorized" => Err(Error::Unauthorized),
        b"internal" => Err(Error::Internal("as told".into())),
        b"status" => Err(Error::Status(113)),
        b"moody" if ctx.user_agent != "well" => Err(Error::Internal("as told".into())),
        b"hold" | b"rest" => {
            if &*body == b"rest" {
                ctx.place.rest();
            }
            throttle::REACHED.notify_one();
            throttle::RELEASE.notified().await;
            ctx.place.resume().await?;
            Ok(Reply::default())
        }
        b"sizes" => {
            let sizes = [size_of_val(&ping::run(ctx, Bytes::new())), size_of_val(&sync::run(ctx, Bytes::new()))];
            Ok(Reply::document(format!("{sizes:?}").into_bytes()))
        }
        b"key" => Ok(Reply::document(format!("{:?}", ctx.query.policy_key).into_bytes())),
        b"" => Ok(Reply::default()),
        other => Ok(Reply::document(other.to_vec())),
    }
}

/// Sends back what it got, first as it is and then in base64.
async fn act_on_spool(_: &Context, body: Arc<Spool>) -> Result<Reply, Error> {
    let all = 0..body.len();
    Ok(Reply::pieces([Piece::Range(Arc::clone(&body), all.clone()), Piece::Base64(body, all)]))
}

const ACTS: &[Entry] = &[
    Entry { command: Command::FolderSync, announces: true, run: Run::Whole(|ctx, body| Box::pin(act(ctx, body))) },
    Entry { command: Command::Settings, announces: false, run: Run::Whole(|ctx, body| Box::pin(act(ctx, body))) },
    Entry { command: Command::Provision, announces: false, run: Run::Whole(|ctx, body| Box::pin(act(ctx, body))) },
    Entry { command: Command::GetAttachment, announces: false, run: Run::Whole(|ctx, body| Box::pin(act(ctx, body))) },
    Entry {
        command: Command::SendMail,
        announces: false,
        run: Run::Spooled(|ctx, body| Box::pin(act_on_spool(ctx, body))),
    },
];

/// A Horde that knows alice and bob (password NAME-secret) and can do nothing.
struct StandIn {
    url: String,
    asked: Arc<AtomicUsize>,
    down: Arc<AtomicBool>,
}

impl StandIn {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/rpc.php", listener.local_addr().unwrap());
        let (asked, down) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (counter, broken) = (Arc::clone(&asked), Arc::clone(&down));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                // To its end: a socket that is closed with something unread is reset, and the answer lost.
                let mut request = Vec::new();
                while !is_whole(&request) {
                    let mut piece = [0; 4096];
                    let read = stream.read(&mut piece).await.unwrap();
                    request.extend_from_slice(&piece[..read]);
                    if read == 0 {
                        break;
                    }
                }
                let head = String::from_utf8_lossy(&request).into_owned();
                let known = ["alice", "bob"].iter().any(|user| head.contains(&basic(user, &format!("{user}-secret"))));
                let json = head
                    .split_once("\r\n\r\n")
                    .and_then(|(_, body)| serde_json::from_str::<serde_json::Value>(body).ok());
                let id = json.map(|json| json["id"].clone()).unwrap_or_default();
                let body = serde_json::json!({"version": "1.1", "result": ["horde", "contacts"], "id": id}).to_string();
                let answer = match (broken.load(Ordering::SeqCst), known) {
                    (true, _) => "HTTP/1.1 500 Error\r\nContent-Type: text/html\r\nContent-Length: 0\r\n".to_owned(),
                    (_, true) => format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
                        body.len()
                    ),
                    _ => "HTTP/1.1 401 Unauthorized\r\nContent-Type: text/html\r\nContent-Length: 0\r\n".to_owned(),
                };
                let body = if answer.contains(" 200 ") { body } else { String::new() };
                let whole = format!("{answer}Connection: close\r\n\r\n{body}");
                let _ = stream.write_all(whole.as_bytes()).await;
            }
        });
        Self { url, asked, down }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length =
        head.to_ascii_lowercase().split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

/// A desk, its state directory and its Horde.
struct Place {
    desk: Desk,
    horde: StandIn,
    dir: TempDir,
}

impl Place {
    async fn new(change: impl FnOnce(&mut Config)) -> Self {
        Self::with(ACTS, change).await
    }

    async fn with(table: &'static [Entry], change: impl FnOnce(&mut Config)) -> Self {
        let horde = StandIn::start().await;
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config { state: dir.path().to_owned(), ..Config::default() };
        config.horde.url.clone_from(&horde.url);
        config.horde.timeout = 5;
        config.policy.mode = Mode::None;
        change(&mut config);
        let site = Site::new(config.clone(), Store::open(dir.path()).unwrap(), Horde::new(config.horde).unwrap());
        Self { desk: Desk::with_table(site, table).unwrap(), horde, dir }
    }

    fn device(&self, id: &str) -> Device {
        self.desk.site().store.device("alice", &DeviceId::new(id).unwrap()).unwrap()
    }
}

/// A request to be sent.
struct Ask {
    method: &'static str,
    path: String,
    query: String,
    login: Option<(String, String)>,
    version: &'static str,
    headers: Vec<(&'static str, String)>,
    remote: &'static str,
    body: Vec<u8>,
}

impl Ask {
    /// A command of alice's phone X1.
    fn command(command: &str, version: &'static str, body: &[u8]) -> Self {
        Self {
            method: "POST",
            path: "/Microsoft-Server-ActiveSync".into(),
            query: format!("Cmd={command}&User=alice&DeviceId=X1&DeviceType=iPhone"),
            login: Some(("alice".into(), "alice-secret".into())),
            version,
            headers: Vec::new(),
            remote: "192.0.2.1",
            body: body.to_vec(),
        }
    }

    fn options() -> Self {
        Self { method: "OPTIONS", ..Self::command("OPTIONS", "", b"") }
    }

    fn login(mut self, user: &str, password: &str) -> Self {
        self.login = Some((user.into(), password.into()));
        self
    }

    fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    async fn send(self, place: &Place) -> Got {
        let mut headers = Headers::default();
        if let Some((user, password)) = &self.login {
            headers.add("Authorization", basic(user, password));
        }
        if !self.version.is_empty() {
            headers.add("MS-ASProtocolVersion", self.version);
        }
        for (name, value) in self.headers {
            headers.add(name, value);
        }
        let remote: IpAddr = self.remote.parse().unwrap();
        let request = Request {
            method: self.method.into(),
            path: self.path,
            query: self.query.into_bytes(),
            headers,
            remote: Some(remote),
            body: in_pieces(self.body),
            hangup: Hangup::new().1,
            may_wait: false,
        };
        let response = place.desk.handle(request).await;
        let body = match response.body {
            ResponseBody::Full(body) => body,
            ResponseBody::Stream(mut body) => body.collect(1 << 30).await.unwrap(),
        };
        Got { status: response.status, headers: response.headers, body }
    }
}

/// As a web server hands it over.
fn in_pieces(bytes: Vec<u8>) -> Body {
    let (sender, body) = Body::channel(1);
    tokio::spawn(async move {
        for piece in bytes.chunks(60_000) {
            sender.send(piece.to_vec().into()).await;
        }
    });
    body
}

/// An answer.
#[derive(Debug)]
struct Got {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Got {
    fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(n, _)| *n == name);
        let first = found.next().map(|(_, v)| v.as_str());
        assert!(found.next().is_none(), "{name} twice");
        first
    }

    /// The Status of a document that holds nothing else, if it is one.
    fn refusal(&self) -> Option<u16> {
        let text = self.body.strip_suffix(&[0, 1, 1])?;
        let start = text.iter().rposition(|b| *b == 3)?;
        std::str::from_utf8(&text[start + 1..]).ok()?.parse().ok()
    }
}

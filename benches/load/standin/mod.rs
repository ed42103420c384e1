//! A stand-in for Horde with any number of users: as much of `rpc.php` as the bridge asks, out of memory, in a process of its own. Any
//! password is right. It counts the requests that would each have been a PHP process, and takes commands on a second port.

mod calls;
mod http;
mod process;
mod store;
mod xml;

use std::{
    collections::{BTreeMap, VecDeque},
    io::Write as _,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

pub(crate) use process::{Counts, StandIn};
pub(crate) use store::{App, Change, mixed, user_name};
use store::{Store, user_number};

/// So many seconds are counted one by one.
const SECONDS: usize = 3600;

/// How large the site is, and how slow PHP.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) users: usize,
    /// Items in each container.
    pub(crate) items: usize,
    /// Pause before each answer.
    pub(crate) delay: Duration,
}

/// What was asked so far.
#[derive(Debug)]
struct Tally {
    since: Instant,
    requests: u64,
    /// Calls; those of a multiCall one by one.
    calls: u64,
    /// Requests by what they ask for.
    kinds: BTreeMap<String, u64>,
    /// Requests of each second, the last one at the end; the number is that of the last.
    seconds: (u64, VecDeque<u64>),
}

impl Tally {
    fn new() -> Self {
        Self { since: Instant::now(), requests: 0, calls: 0, kinds: BTreeMap::new(), seconds: (0, [0].into()) }
    }

    fn count(&mut self, kind: String, calls: usize) {
        self.requests += 1;
        self.calls += calls as u64;
        *self.kinds.entry(kind).or_default() += 1;
        self.advance();
        *self.seconds.1.back_mut().unwrap() += 1;
    }

    fn advance(&mut self) {
        let now = self.since.elapsed().as_secs();
        let (last, seconds) = &mut self.seconds;
        while *last < now {
            *last += 1;
            seconds.push_back(0);
            if seconds.len() > SECONDS {
                seconds.pop_front();
            }
        }
    }

    /// The counters; the seconds begin anew.
    fn told(&mut self) -> Value {
        self.advance();
        let seconds: Vec<u64> = self.seconds.1.drain(..).collect();
        self.seconds.1.push_back(0);
        json!({ "requests": self.requests, "calls": self.calls, "kinds": self.kinds, "seconds": seconds })
    }
}

struct Site {
    store: Mutex<Store>,
    tally: Mutex<Tally>,
    delay: Duration,
}

impl Site {
    /// One request to `rpc.php`, as a whole.
    fn answer(&self, request: &http::Request) -> http::Response {
        // With a cookie, Horde serves its owner, whoever the login names (`horde-rpc.md` 2).
        let login = request.login();
        let number = request.owner().or_else(|| user_number(login.as_deref()?));
        let store = self.store.lock().unwrap();
        let Some(user) = number.filter(|number| login.is_some() && *number < store.users()) else {
            self.tally.lock().unwrap().count("401".to_owned(), 0);
            return http::Response::unauthorized();
        };
        let kind = request.header("content-type").unwrap_or_default();
        let response = if kind.contains("text/xml") {
            self.multicall(&store, user, request)
        } else if kind.contains("application/json") {
            self.json(&store, user, request)
        } else {
            self.tally.lock().unwrap().count("WebDAV".to_owned(), 1);
            http::Response::new(501, "text/html", "501 Not Implemented")
        };
        if request.owner().is_none() { response.with_session(user) } else { response }
    }

    fn json(&self, store: &Store, user: usize, request: &http::Request) -> http::Response {
        let Ok(body) = serde_json::from_slice::<Value>(&request.body) else {
            return http::Response::new(500, "text/html", "Request must be a JSON object");
        };
        let method = body["method"].as_str().unwrap_or_default();
        let params = body["params"].as_array().map(Vec::as_slice).unwrap_or_default();
        self.tally.lock().unwrap().count(method.to_owned(), 1);
        match calls::call(store, user, method, params) {
            Ok(result) => {
                let text = json!({ "version": "1.1", "result": result, "id": body["id"] });
                http::Response::new(200, "application/json", &text.to_string())
            }
            Err(message) => {
                let error = json!({ "name": "JSONRPCError", "code": 999, "message": message });
                let text = json!({ "version": "1.1", "error": error, "id": body["id"] });
                http::Response::new(500, "text/html", &text.to_string())
            }
        }
    }

    fn multicall(&self, store: &Store, user: usize, request: &http::Request) -> http::Response {
        let calls = std::str::from_utf8(&request.body).ok().and_then(xml::calls).unwrap_or_default();
        let mut methods: Vec<&str> = calls.iter().map(|(method, _)| method.as_str()).collect();
        methods.sort_unstable();
        methods.dedup();
        self.tally.lock().unwrap().count(format!("multiCall {}", methods.join("+")), calls.len());
        let results = calls.iter().map(|(method, params)| calls::call(store, user, method, params)).collect();
        http::Response::new(200, "text/xml; charset=UTF-8", &xml::answer(results))
    }

    /// One command of the load generator, as JSON.
    fn command(&self, command: &Value) -> Value {
        let number = |name: &str| command[name].as_u64().unwrap_or_default() as usize;
        match command["do"].as_str() {
            Some("counters") => self.tally.lock().unwrap().told(),
            Some(what @ ("add" | "modify" | "delete")) => {
                let change = match what {
                    "add" => Change::Add,
                    "modify" => Change::Modify,
                    _ => Change::Delete,
                };
                let app = App::of(command["app"].as_str().unwrap_or_default());
                let title = command["title"].as_str().unwrap_or_default();
                let uid = app.and_then(|app| self.store.lock().unwrap().change(number("user"), app, change, title));
                json!({ "uid": uid })
            }
            _ => json!({ "error": "no such command" }),
        }
    }
}

/// Runs the stand-in: prints its two ports, and ends when standard input does.
pub(crate) fn run(size: Size) {
    // The phones and the bridge share this machine; one core for Horde.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let site = Arc::new(Site {
        store: Mutex::new(Store::new(size.users, size.items)),
        tally: Mutex::new(Tally::new()),
        delay: size.delay,
    });
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    runtime.block_on(async {
        let rpc = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let control = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{} {}", rpc.local_addr().unwrap(), control.local_addr().unwrap());
        std::io::stdout().flush().unwrap();
        let for_control = Arc::clone(&site);
        tokio::spawn(async move {
            while let Ok((stream, _)) = control.accept().await {
                tokio::spawn(obey(Arc::clone(&for_control), stream));
            }
        });
        loop {
            let (stream, _) = rpc.accept().await.unwrap();
            tokio::spawn(serve(Arc::clone(&site), stream));
        }
    });
}

async fn serve(site: Arc<Site>, mut stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::new();
    while let Some(request) = http::Request::read(&mut stream, &mut buffer).await {
        if !site.delay.is_zero() {
            tokio::time::sleep(site.delay).await;
        }
        if stream.write_all(&site.answer(&request).bytes()).await.is_err() {
            return;
        }
    }
}

async fn obey(site: Arc<Site>, mut stream: TcpStream) {
    let (reader, mut writer) = stream.split();
    let mut lines = BufReader::new(reader).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let answer = serde_json::from_str(&line).map_or(Value::Null, |command| site.command(&command));
        if writer.write_all(format!("{answer}\n").as_bytes()).await.is_err() {
            return;
        }
    }
}

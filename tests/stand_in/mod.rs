//! A scripted HTTP server that stands in for Horde: every request is handed to a closure, which says what happens on the wire.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::Engine as _;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// User and password.
    pub(crate) fn login(&self) -> (String, String) {
        let coded = self.header("authorization").and_then(|v| v.strip_prefix("Basic ")).expect("Basic login");
        let pair = base64::engine::general_purpose::STANDARD.decode(coded).unwrap();
        let (user, password) = std::str::from_utf8(&pair).unwrap().split_once(':').unwrap();
        (user.into(), password.into())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// Method of the JSON call; empty for other protocols.
    pub(crate) fn call(&self) -> String {
        self.json()["method"].as_str().unwrap_or_default().to_owned()
    }

    /// The answer with that result.
    pub(crate) fn result(&self, value: &Value) -> Act {
        let body = json!({"version": "1.1", "result": value, "id": self.json()["id"]}).to_string();
        Act::answer(200, "application/json", body)
    }

    /// The answer with that error.
    pub(crate) fn fault(&self, text: &str) -> Act {
        let error = json!({"name": "JSONRPCError", "code": 999, "message": text});
        Act::answer(500, "text/html", json!({"version": "1.1", "error": error, "id": self.json()["id"]}).to_string())
    }
}

/// What happens on the wire.
#[derive(Debug, Clone)]
pub(crate) struct Act {
    head: String,
    body: Vec<u8>,
    delay: Duration,
    /// Bytes of the answer that are sent before the connection is cut.
    cut: Option<usize>,
}

impl Act {
    pub(crate) fn answer(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let head =
            format!("HTTP/1.1 {status} Status\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n", body.len());
        Self { head, body, delay: Duration::ZERO, cut: None }
    }

    /// The connection is closed without an answer.
    pub(crate) fn cut() -> Self {
        Self::answer(200, "", "").cut_after(0)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.head += &format!("{name}: {value}\r\n");
        self
    }

    pub(crate) fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    pub(crate) fn cut_after(self, bytes: usize) -> Self {
        Self { cut: Some(bytes), ..self }
    }
}

/// Horde's error page.
pub(crate) fn fatal_page(text: &str) -> Act {
    let page = format!(
        "<html>\n<head><title>Horde :: Fatal Error</title></head>\n<body><h1>Ein schwerer Fehler</h1><h3>{text}</h3>\
         <h3>Details have been logged for the administrator.</h3></body></html>\n"
    );
    Act::answer(200, "text/html; charset=UTF-8", page)
}

type Script = dyn Fn(&Request) -> Act + Send + Sync;

/// The server. Ends with the test's runtime.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) log: Arc<Mutex<Vec<Request>>>,
    /// Most requests that were being answered at the same time.
    pub(crate) most: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) async fn start(script: impl Fn(&Request) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/horde/rpc.php", listener.local_addr().unwrap());
        let (log, most, now) =
            (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let script: Arc<Script> = Arc::new(script);
        let (kept_log, kept_most) = (Arc::clone(&log), Arc::clone(&most));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (script, log) = (Arc::clone(&script), Arc::clone(&kept_log));
                let (most, now) = (Arc::clone(&kept_most), Arc::clone(&now));
                tokio::spawn(async move {
                    while let Some(request) = read(&mut stream).await {
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        log.lock().unwrap().push(request.clone());
                        let act = script(&request);
                        tokio::time::sleep(act.delay).await;
                        now.fetch_sub(1, Ordering::SeqCst);
                        let bytes = [act.head.as_bytes(), b"\r\n", &act.body].concat();
                        let end = act.cut.unwrap_or(bytes.len()).min(bytes.len());
                        if stream.write_all(&bytes[..end]).await.is_err() || act.cut.is_some() {
                            return;
                        }
                    }
                });
            }
        });
        Self { url, log, most }
    }

    pub(crate) fn count(&self) -> usize {
        self.log.lock().unwrap().len()
    }
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let headers: Vec<(String, String)> =
        lines.filter_map(|l| l.split_once(": ")).map(|(n, v)| (n.to_ascii_lowercase(), v.to_owned())).collect();
    let length: usize = headers.iter().find(|(n, _)| n == "content-length").map_or(0, |(_, v)| v.parse().unwrap());
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(Request { method, target, headers, body: String::from_utf8(body).ok()? })
}

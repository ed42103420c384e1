//! Stands between the bridge and Horde, counts PHP requests, and can play a Horde in trouble.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

/// What the bridge meets behind the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Horde as it is.
    Well,
    /// Connections are closed at once.
    Closed,
    /// HTTP 200 with a page for people, as PHP 8 gives for a fatal error.
    Page,
    /// HTTP 500 with an empty body.
    Empty,
    /// HTTP 200 and half a JSON answer.
    Half,
    /// HTTP 200, `"result":[]` whatever was asked.
    Nothing,
    /// Horde as it is, but each connection stands still for two seconds first.
    Slow,
    /// Horde as it is, but the next item that is added is stored and told to have failed in the database.
    Doubtful,
}

/// Calls by which items are added.
const ADDS: [&[u8]; 2] = [b".import\"", b".addTask\""];

#[derive(Debug)]
struct Inner {
    mood: Mood,
    generation: u64,
    requests: u64,
    /// An answer that is to be replaced.
    doubted: bool,
}

/// The proxy; its thread ends with the test program.
#[derive(Debug, Clone)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

impl Proxy {
    pub(crate) fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Mutex::new(Inner { mood: Mood::Well, generation: 0, requests: 0, doubted: false }));
        let proxy = Self { address, inner };
        let for_thread = proxy.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let proxy = for_thread.clone();
                std::thread::spawn(move || proxy.serve(client, target));
            }
        });
        proxy
    }

    /// Changes the mood; connections that are open are cut.
    pub(crate) fn set(&self, mood: Mood) {
        let mut inner = self.inner.lock().unwrap();
        inner.mood = mood;
        inner.generation += 1;
    }

    /// The mood it is in now.
    pub(crate) fn mood(&self) -> Mood {
        self.look().0
    }

    /// POST and REPORT requests that went through since the start.
    pub(crate) fn requests(&self) -> u64 {
        self.inner.lock().unwrap().requests
    }

    fn look(&self) -> (Mood, u64) {
        let inner = self.inner.lock().unwrap();
        (inner.mood, inner.generation)
    }

    fn serve(&self, mut client: TcpStream, target: SocketAddr) {
        let (mood, generation) = self.look();
        let page = b"<html><body><h1>A fatal error has occurred</h1></body></html>";
        let canned: Vec<u8> = match mood {
            Mood::Closed => return,
            Mood::Well | Mood::Doubtful => return self.pass(&client, target, generation),
            Mood::Slow => {
                std::thread::sleep(Duration::from_secs(2));
                return self.pass(&client, target, generation);
            }
            Mood::Page => canned("200 OK", "text/html; charset=UTF-8", page),
            Mood::Empty => canned("500 Internal Server Error", "text/html; charset=UTF-8", b""),
            Mood::Half => canned("200 OK", "application/json", br#"{"version":"1.1","resu"#),
            Mood::Nothing => canned("200 OK", "application/json", br#"{"version":"1.1","result":[],"id":1}"#),
        };
        // The request is read as far as it comes at once, so that the bridge is not cut while it writes.
        let _ = client.set_read_timeout(Some(Duration::from_millis(200)));
        let mut buffer = [0; 65536];
        while matches!(client.read(&mut buffer), Ok(n) if n > 0) {}
        let _ = client.write_all(&canned);
    }

    fn pass(&self, client: &TcpStream, target: SocketAddr, generation: u64) {
        let Ok(server) = TcpStream::connect(target) else { return };
        let (from_server, to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        let proxy = self.clone();
        let back = std::thread::spawn(move || proxy.copy(from_server, to_client, generation, false));
        self.copy(client.try_clone().unwrap(), server, generation, true);
        let _ = back.join();
    }

    /// Notes whether the answer to this part of a request is one that is to be replaced.
    fn doubt(&self, request: &[u8]) {
        let mut inner = self.inner.lock().unwrap();
        if inner.mood == Mood::Doubtful && ADDS.iter().any(|add| request.windows(add.len()).any(|part| part == *add)) {
            inner.mood = Mood::Well;
            inner.doubted = true;
        }
    }

    fn copy(&self, mut from: TcpStream, mut to: TcpStream, generation: u64, count: bool) {
        let _ = from.set_read_timeout(Some(Duration::from_millis(50)));
        let mut buffer = [0; 65536];
        while self.look().1 == generation {
            match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => {
                    let is_request = buffer.starts_with(b"POST /horde/rpc.php")
                        || buffer.starts_with(b"REPORT /")
                        || buffer.starts_with(b"PROPFIND /");
                    if count && is_request {
                        self.inner.lock().unwrap().requests += 1;
                    }
                    if count {
                        self.doubt(&buffer[..n]);
                    } else if std::mem::take(&mut self.inner.lock().unwrap().doubted) {
                        let _ = to.write_all(&database_failure());
                        break;
                    }
                    if to.write_all(&buffer[..n]).is_err() {
                        break;
                    }
                }
                Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
                Err(_) => break,
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}

/// What Horde says when the database refuses a statement.
fn database_failure() -> Vec<u8> {
    let text = "QUERY FAILED: Duplicate entry '2-x' for key 'rampage_objects_type_object_name'";
    let error = serde_json::json!({ "name": "JSONRPCError", "code": 1062, "message": text });
    let body = serde_json::json!({ "version": "1.1", "error": error });
    canned("200 OK", "application/json", body.to_string().as_bytes())
}

fn canned(status: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

//! The web server's side of FastCGI, as far as tests and benchmarks need it: it can also do what no web server should.

#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::{collections::BTreeMap, path::Path, time::Duration};

use horde_eas::gateway::fastcgi::put_pair;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

pub(crate) const BEGIN: u8 = 1;
pub(crate) const ABORT: u8 = 2;
pub(crate) const END: u8 = 3;
pub(crate) const PARAMS: u8 = 4;
pub(crate) const STDIN: u8 = 5;
pub(crate) const STDOUT: u8 = 6;
pub(crate) const STDERR: u8 = 7;
pub(crate) const GET_VALUES: u8 = 9;

pub(crate) fn record(kind: u8, id: u16, content: &[u8]) -> Vec<u8> {
    assert!(content.len() <= 0xffff);
    let padding = (8 - content.len() % 8) % 8;
    let [id_high, id_low] = id.to_be_bytes();
    let mut out = vec![1, kind, id_high, id_low, (content.len() >> 8) as u8, content.len() as u8, padding as u8, 0];
    out.extend_from_slice(content);
    out.resize(out.len() + padding, 0);
    out
}

/// A stream of one kind, cut into records of at most `size` bytes, with its end.
pub(crate) fn stream(kind: u8, id: u16, content: &[u8], size: usize) -> Vec<u8> {
    let mut out: Vec<u8> = content.chunks(size).flat_map(|piece| record(kind, id, piece)).collect();
    out.extend(record(kind, id, &[]));
    out
}

pub(crate) fn begin(id: u16, role: u16, keep: bool) -> Vec<u8> {
    let [high, low] = role.to_be_bytes();
    record(BEGIN, id, &[high, low, u8::from(keep), 0, 0, 0, 0, 0])
}

pub(crate) fn pairs(list: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in list {
        put_pair(&mut out, name, value);
    }
    out
}

pub(crate) fn params(uri: &str) -> Vec<u8> {
    pairs(&[(b"REQUEST_METHOD", b"POST"), (b"REQUEST_URI", uri.as_bytes()), (b"HTTP_AUTHORIZATION", b"Basic eDp5")])
}

/// A whole request without a length.
pub(crate) fn request(id: u16, keep: bool, uri: &str, body: &[u8]) -> Vec<u8> {
    let mut out = begin(id, 1, keep);
    out.extend(stream(PARAMS, id, &params(uri), 0xffff));
    out.extend(stream(STDIN, id, body, 0xffff));
    out
}

/// What came for one request.
#[derive(Debug, Default, Clone)]
pub(crate) struct Answer {
    pub(crate) out: Vec<u8>,
    /// Protocol status of the end.
    pub(crate) end: u8,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        let text = String::from_utf8_lossy(&self.out);
        text.strip_prefix("Status: ").and_then(|text| text.get(..3)).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    pub(crate) fn body(&self) -> &[u8] {
        let at = self.out.windows(4).position(|four| four == b"\r\n\r\n").expect("header");
        &self.out[at + 4..]
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.body()).into_owned()
    }
}

pub(crate) struct Client {
    pub(crate) socket: UnixStream,
    open: BTreeMap<u16, Answer>,
}

impl Client {
    pub(crate) async fn connect(path: &Path) -> Self {
        Self { socket: UnixStream::connect(path).await.expect("connect"), open: BTreeMap::new() }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.expect("send");
    }

    /// The next record; `None` at the end of the connection.
    pub(crate) async fn record(&mut self) -> Option<(u8, u16, Vec<u8>)> {
        let mut header = [0; 8];
        let read = async {
            self.socket.read_exact(&mut header).await.ok()?;
            let length = usize::from(header[4]) << 8 | usize::from(header[5]);
            let mut content = vec![0; length + usize::from(header[6])];
            self.socket.read_exact(&mut content).await.ok()?;
            content.truncate(length);
            Some((header[1], u16::from(header[2]) << 8 | u16::from(header[3]), content))
        };
        tokio::time::timeout(Duration::from_secs(20), read).await.expect("an answer in time")
    }

    /// The next request that ends, with its number; `None` if the connection ends before.
    pub(crate) async fn answer(&mut self) -> Option<(u16, Answer)> {
        loop {
            let (kind, id, content) = self.record().await?;
            let answer = self.open.entry(id).or_default();
            match kind {
                STDOUT => answer.out.extend(content),
                END => {
                    answer.end = content[4];
                    return Some((id, self.open.remove(&id).unwrap()));
                }
                // Some programs end a stream that they did not use.
                STDERR if content.is_empty() => {}
                kind => panic!("record of type {kind} in the answer"),
            }
        }
    }

    /// Sends a request and takes its answer.
    pub(crate) async fn ask(&mut self, id: u16, keep: bool, uri: &str, body: &[u8]) -> Answer {
        self.send(&request(id, keep, uri, body)).await;
        let (answered, answer) = self.answer().await.expect("an answer");
        assert_eq!(answered, id);
        answer
    }

    /// Waits until the other side closes; fails when something comes instead.
    pub(crate) async fn expect_close(&mut self) {
        assert_eq!(self.record().await, None, "expected the end of the connection");
    }
}

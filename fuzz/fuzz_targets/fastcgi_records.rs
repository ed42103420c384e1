//! Any records and any bytes on a FastCGI connection: it ends, nothing panics, what is written is sound, and no request ends more often
//! than it began.

#![no_main]

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use arbitrary::Arbitrary;
use bytes::BytesMut;
use horde_eas::gateway::{Handler, Limits, Request, Response, fastcgi};
use libfuzzer_sys::fuzz_target;
use tokio::{io::AsyncWrite, sync::watch};

#[derive(Debug, Arbitrary)]
enum Piece {
    Begin {
        id: u8,
        role: u8,
        flags: u8,
    },
    Record {
        kind: u8,
        id: u8,
        content: Vec<u8>,
        padding: u8,
    },
    /// A whole request, as a web server sends it.
    Whole {
        id: u8,
        params: Vec<(Vec<u8>, Vec<u8>)>,
        body: Vec<u8>,
    },
    Raw(Vec<u8>),
}

struct Echo;

impl Handler for Echo {
    async fn handle(&self, mut request: Request) -> Response {
        match request.body.collect(1000).await {
            Ok(body) => Response::full(200, "text/plain", body),
            Err(_) => Response::status(400),
        }
    }
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl AsyncWrite for Written {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn put(out: &mut Vec<u8>, kind: u8, id: u8, content: &[u8], padding: u8) {
    let content = &content[..content.len().min(0xffff)];
    let [high, low] = (content.len() as u16).to_be_bytes();
    out.extend_from_slice(&[1, kind, 0, id, high, low, padding, 0]);
    out.extend_from_slice(content);
    out.resize(out.len() + usize::from(padding), 0);
}

fn bytes_of(pieces: &[Piece], begun: &mut HashMap<u16, usize>) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Begin { id, role, flags } => put(&mut out, 1, *id, &[0, *role, *flags, 0, 0, 0, 0, 0], 0),
            Piece::Record { kind, id, content, padding } => put(&mut out, *kind, *id, content, *padding),
            Piece::Whole { id, params, body } => {
                put(&mut out, 1, *id, &[0, 1, 1, 0, 0, 0, 0, 0], 0);
                let mut pairs = Vec::new();
                for (name, value) in params {
                    fastcgi::put_pair(&mut pairs, name, value);
                }
                for (kind, content) in [(4, &pairs), (5, body)] {
                    if !content.is_empty() {
                        put(&mut out, kind, *id, content, 0);
                    }
                    put(&mut out, kind, *id, &[], 0);
                }
            }
            Piece::Raw(raw) => out.extend_from_slice(raw),
        }
    }
    let mut buffer = BytesMut::from(&out[..]);
    while let Ok(Some(record)) = fastcgi::take_record(&mut buffer) {
        if record.kind == 1 && record.id != 0 {
            *begun.entry(record.id).or_default() += 1;
        }
    }
    out
}

fuzz_target!(|pieces: Vec<Piece>| {
    let mut begun = HashMap::new();
    let input = bytes_of(&pieces, &mut begun);
    let written = Written::default();
    let limits = Limits { max_body: 500, max_params: 2000, requests_per_connection: 3, ..Limits::default() };
    let (_open, closing) = watch::channel(false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let serving = fastcgi::serve_connection(&input[..], written.clone(), Arc::new(Echo), Arc::new(limits), closing);
    let _ = runtime.block_on(serving);
    let mut answers = BytesMut::from(&written.0.lock().unwrap()[..]);
    while let Some(record) = fastcgi::take_record(&mut answers).expect("sound records") {
        if record.kind == 3 {
            let left =
                begun.get_mut(&record.id).filter(|left| **left > 0).expect("the end of a request that had begun");
            *left -= 1;
        }
    }
    assert!(answers.is_empty(), "half a record");
});

//! One FastCGI connection: reads records, runs the requests, and tells them when their client has gone.

use std::{future::Future, io, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    time::timeout,
};

use super::{
    pairs::{put_pair, read_pairs},
    record::{End, Record, Records, kind, put_record},
    tasks::{Ended, Tasks},
    writer::{Reply, Writer},
};
use crate::gateway::{
    Body, BodyError, BodySender, Handler, Hangup, HangupSender, Limits, Request, Response, answer::answer,
    body::Verdict, limits::LAST_CALL, params::Head,
};

/// The role of a program that answers requests (specification 1.0, section 6.2); the others are not for us.
const RESPONDER: u16 = 1;
const KEEP_CONN: u8 = 1;
/// Pieces of a body that may wait for the handler, 64 KiB each at most.
const PIECES: usize = 4;

/// Serves a connection to its end. `closing` turns true when the program is to end: running requests are answered, no more taken.
///
/// # Errors
/// The other side broke the protocol or was silent for too long; the text is for the log.
pub fn serve_connection<R, W, H>(
    reader: R,
    writer: W,
    handler: Arc<H>,
    limits: Arc<Limits>,
    closing: watch::Receiver<bool>,
) -> impl Future<Output = io::Result<()>> + Send
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send + 'static,
    H: Handler,
{
    let mut connection = Connection {
        records: Records::new(reader),
        writer: Arc::new(Writer::new(writer, limits.body_idle)),
        handler,
        limits,
        requests: Vec::new(),
        tasks: Tasks::default(),
        closing,
        fresh: true,
        last: false,
        unread: false,
    };
    async move {
        let outcome = connection.run().await;
        Box::pin(connection.finish(matches!(outcome, Ok(Close::Answered)))).await;
        outcome.map(|_| ())
    }
}

/// Why a connection ends.
enum Close {
    /// All is answered.
    Answered,
    /// The other side has gone, or must see the connection cut.
    Cut,
}

/// Each waiting phone has one. So its steps that are seldom taken are in boxes: the future has room for the largest of the others.
struct Connection<R, W, H> {
    records: Records<R>,
    writer: Arc<Writer<W>>,
    handler: Arc<H>,
    limits: Arc<Limits>,
    /// One, as web servers do it; seldom a few.
    requests: Vec<Running>,
    tasks: Tasks,
    closing: watch::Receiver<bool>,
    /// Nothing has arrived yet.
    fresh: bool,
    /// To be closed as soon as nothing runs on it.
    last: bool,
    /// A request was answered before all of it had arrived.
    unread: bool,
}

struct Running {
    id: u16,
    keep: bool,
    hangup: HangupSender,
    stage: Stage,
}

/// How much of a request has arrived.
enum Stage {
    Params(Vec<u8>, Hangup),
    Body {
        sender: BodySender,
        left: u64,
    },
    /// The rest is thrown away.
    Refused,
    Complete,
}

enum Event {
    Record(io::Result<Option<Record>>),
    Ended(Ended),
    Silent,
    Closing,
}

impl<R, W, H> Connection<R, W, H>
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send + 'static,
    H: Handler,
{
    async fn run(&mut self) -> io::Result<Close> {
        loop {
            let last = self.last || (*self.closing.borrow() && !self.fresh);
            if last && self.requests.is_empty() {
                return Ok(Close::Answered);
            }
            match self.event().await {
                Event::Record(Ok(Some(record))) => {
                    self.fresh = false;
                    if let Some(close) = self.record(record).await? {
                        return Ok(close);
                    }
                }
                Event::Record(Ok(None)) => return Ok(Close::Cut),
                // A reset is how a web server says that the phone has gone.
                Event::Record(Err(error)) if error.kind() == io::ErrorKind::InvalidData => return Err(error),
                Event::Record(Err(_)) => return Ok(Close::Cut),
                Event::Ended((id, Ok(()))) => self.ended(id),
                Event::Ended((_, Err(_))) => return Ok(Close::Cut),
                Event::Silent => {
                    if let Some(close) = self.silent()? {
                        return Ok(close);
                    }
                }
                Event::Closing => {}
            }
        }
    }

    async fn event(&mut self) -> Event {
        let patience = self.patience();
        let closing = *self.closing.borrow();
        let next = async {
            match patience {
                // In a box: who waits for an answer has no patience to keep.
                Some(patience) => Box::pin(timeout(patience, self.records.next())).await.ok(),
                None => Some(self.records.next().await),
            }
        };
        let closed = async { drop(Box::pin(self.closing.wait_for(|closing| *closing)).await) };
        tokio::select! {
            // A request that has ended comes first: the other side may give its number to the next.
            biased;
            Some(ended) = self.tasks.next() => Event::Ended(ended),
            // A request that runs is ended by whom it waits for.
            () = closed, if !closing && self.requests.is_empty() => Event::Closing,
            record = next => record.map_or(Event::Silent, Event::Record),
        }
    }

    /// How long the other side may be silent now; for ever while all that it waits for are answers.
    fn patience(&self) -> Option<Duration> {
        let incomplete = |running: &Running| matches!(running.stage, Stage::Params(..) | Stage::Body { .. });
        if self.records.is_partial() || self.requests.iter().any(incomplete) {
            Some(self.limits.body_idle)
        } else if !self.requests.is_empty() {
            None
        } else if !self.fresh {
            Some(self.limits.keep_idle)
        } else if *self.closing.borrow() {
            Some(LAST_CALL)
        } else {
            Some(self.limits.first_byte)
        }
    }

    /// Silence for too long. Bodies end with an error, which their handlers answer; what has not even begun ends the connection.
    fn silent(&mut self) -> io::Result<Option<Close>> {
        if self.requests.is_empty() && !self.records.is_partial() {
            return Ok(Some(Close::Answered));
        }
        if self.records.is_partial() || self.requests.iter().any(|running| matches!(running.stage, Stage::Params(..))) {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "a request stopped in the middle"));
        }
        for running in self.requests.iter_mut().filter(|running| matches!(running.stage, Stage::Body { .. })) {
            if let Stage::Body { sender, .. } = std::mem::replace(&mut running.stage, Stage::Refused) {
                sender.break_off(BodyError::TimedOut);
            }
        }
        Ok(None)
    }

    fn running(&mut self, id: u16) -> Option<&mut Running> {
        self.requests.iter_mut().find(|running| running.id == id)
    }

    fn ended(&mut self, id: u16) {
        if let Some(at) = self.requests.iter().position(|running| running.id == id) {
            let running = self.requests.swap_remove(at);
            self.last |= !running.keep;
            self.unread |= !matches!(running.stage, Stage::Complete);
        }
    }

    async fn record(&mut self, record: Record) -> io::Result<Option<Close>> {
        let Record { kind, id, content } = record;
        let sent = match kind {
            kind::GET_VALUES if id == 0 => {
                let reply = values(&content, &self.limits);
                Box::pin(self.tasks.beside(self.writer.send(&reply))).await
            }
            _ if id == 0 || kind > kind::UNKNOWN_TYPE => {
                let mut reply = Vec::new();
                put_record(&mut reply, kind::UNKNOWN_TYPE, 0, &[kind, 0, 0, 0, 0, 0, 0, 0]);
                Box::pin(self.tasks.beside(self.writer.send(&reply))).await
            }
            kind::BEGIN_REQUEST => return self.begin(id, &content).await,
            kind::PARAMS => return self.params(id, &content).map(|()| None),
            kind::STDIN => return self.stdin(id, content).await.map(|()| None),
            kind::ABORT_REQUEST => Box::pin(self.abort(id)).await,
            // Data for other roles, and what only we send.
            _ => Ok(()),
        };
        Ok(sent.is_err().then_some(Close::Cut))
    }

    async fn begin(&mut self, id: u16, content: &[u8]) -> io::Result<Option<Close>> {
        let Some(&[role_high, role_low, flags, ..]) = content.first_chunk::<8>() else {
            return Err(broken("the begin of a request is too short"));
        };
        if self.running(id).is_some() {
            return Err(broken("a request began while another had its number"));
        }
        let refused = if u16::from_be_bytes([role_high, role_low]) != RESPONDER {
            End::UnknownRole
        } else if self.requests.len() >= self.limits.requests_per_connection {
            End::Overloaded
        } else {
            let (sender, hangup) = Hangup::new();
            let keep = flags & KEEP_CONN != 0;
            let stage = Stage::Params(Vec::new(), hangup);
            if self.requests.is_empty() {
                self.requests.reserve_exact(1);
            }
            self.requests.push(Running { id, keep, hangup: sender, stage });
            return Ok(None);
        };
        self.unread |= flags & KEEP_CONN == 0;
        self.last |= flags & KEEP_CONN == 0;
        let sent = Box::pin(self.tasks.beside(self.writer.end(id, refused))).await;
        Ok(sent.is_err().then_some(Close::Cut))
    }

    /// Collects the variables over record boundaries; a pair may be cut anywhere.
    fn params(&mut self, id: u16, content: &[u8]) -> io::Result<()> {
        let most = self.limits.max_params;
        let Some(running) = self.running(id) else { return Ok(()) };
        match &mut running.stage {
            Stage::Params(bytes, _) if !content.is_empty() && bytes.len() + content.len() <= most => {
                bytes.extend_from_slice(content);
                return Ok(());
            }
            Stage::Refused => return Ok(()),
            Stage::Params(..) => {}
            Stage::Body { .. } | Stage::Complete => return Err(broken("variables after their end")),
        }
        let Stage::Params(bytes, hangup) = std::mem::replace(&mut running.stage, Stage::Refused) else { return Ok(()) };
        if !content.is_empty() {
            log::warn!("a request had more than {} bytes of headers; refused it", self.limits.max_params);
            self.refuse(id, 431, hangup);
        } else if let Some(pairs) = read_pairs(&bytes) {
            let head = Head::from_variables(pairs);
            self.start(id, head, hangup);
        } else {
            log::warn!("the variables of a request end inside a name or value; refused it");
            self.refuse(id, 400, hangup);
        }
        Ok(())
    }

    fn start(&mut self, id: u16, head: Head, hangup: Hangup) {
        if head.length.is_some_and(|length| length > self.limits.max_body) {
            return self.refuse(id, 413, hangup);
        }
        let left = self.limits.max_body;
        let Some(running) = self.running(id) else { return };
        let (sender, body) = Body::channel(PIECES);
        let verdict = sender.verdict();
        running.stage = Stage::Body { sender, left };
        let request = Box::new(Request {
            method: head.method,
            path: head.path,
            query: head.query,
            headers: head.headers,
            remote: head.remote,
            body,
            hangup,
            may_wait: true,
        });
        let reply = Reply { id, writer: Arc::clone(&self.writer) };
        let (handler, grace) = (Arc::clone(&self.handler), self.limits.hangup_grace);
        self.tasks.begin(id, run(request, verdict, handler, reply, grace));
    }

    fn refuse(&mut self, id: u16, status: u16, hangup: Hangup) {
        let reply = Reply { id, writer: Arc::clone(&self.writer) };
        self.tasks.begin(id, async move { reply.answer(Response::status(status), &hangup).await });
    }

    async fn stdin(&mut self, id: u16, content: Bytes) -> io::Result<()> {
        let idle = self.limits.body_idle;
        let (requests, tasks) = (&mut self.requests, &mut self.tasks);
        let Some(running) = requests.iter_mut().find(|running| running.id == id) else { return Ok(()) };
        match &mut running.stage {
            Stage::Params(..) => return Err(broken("a body before the end of the variables")),
            Stage::Body { .. } | Stage::Refused if content.is_empty() => running.stage = Stage::Complete,
            Stage::Refused | Stage::Complete => {}
            Stage::Body { sender, left } => {
                let length = content.len() as u64;
                let failed = if length > *left {
                    BodyError::TooLarge
                } else {
                    *left -= length;
                    let sent = match sender.send_now(content) {
                        Ok(sent) => Ok(sent),
                        Err(content) => Box::pin(tasks.beside(timeout(idle, sender.send(content)))).await,
                    };
                    match sent {
                        Ok(true) => return Ok(()),
                        // The handler has answered without reading to the end.
                        Ok(false) => BodyError::Aborted,
                        Err(_) => BodyError::TimedOut,
                    }
                };
                if let Stage::Body { sender, .. } = std::mem::replace(&mut running.stage, Stage::Refused)
                    && failed != BodyError::Aborted
                {
                    sender.break_off(failed);
                }
            }
        }
        Ok(())
    }

    async fn abort(&mut self, id: u16) -> io::Result<()> {
        let Some(running) = self.running(id) else { return Ok(()) };
        match std::mem::replace(&mut running.stage, Stage::Refused) {
            Stage::Params(..) => {
                self.ended(id);
                return self.tasks.beside(self.writer.end(id, End::Complete)).await;
            }
            Stage::Body { sender, .. } => sender.break_off(BodyError::Aborted),
            stage @ (Stage::Refused | Stage::Complete) => running.stage = stage,
        }
        running.hangup.gone();
        Ok(())
    }

    /// Closes. With something unread in the socket a plain close could take the answer away from the web server, so the rest is read.
    async fn finish(&mut self, answered: bool) {
        self.tasks.beside(self.writer.shutdown()).await;
        if answered {
            if self.unread {
                let _ = timeout(self.limits.body_idle, self.records.discard()).await;
            }
            return;
        }
        for running in self.requests.drain(..) {
            if let Stage::Body { sender, .. } = running.stage {
                sender.break_off(BodyError::Aborted);
            }
            running.hangup.gone();
        }
        while self.tasks.next().await.is_some() {}
    }
}

/// The answer to a question for values; empty where the question cannot be read.
fn values(asked: &[u8], limits: &Limits) -> Vec<u8> {
    let mut reply = Vec::new();
    let Some(asked) = read_pairs(asked) else { return reply };
    let connections = limits.max_connections.to_string();
    let mut values = Vec::new();
    for name in [&b"FCGI_MAX_CONNS"[..], b"FCGI_MAX_REQS", b"FCGI_MPXS_CONNS"] {
        if asked.iter().any(|(asked, _)| *asked == name) {
            put_pair(&mut values, name, if name == b"FCGI_MPXS_CONNS" { b"1" } else { connections.as_bytes() });
        }
    }
    put_record(&mut reply, kind::GET_VALUES_RESULT, 0, &values);
    reply
}

fn broken(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// Answers one request; an error means that the connection is of no use any more.
async fn run<W: AsyncWrite + Unpin, H: Handler>(
    request: Box<Request>,
    verdict: Verdict,
    handler: Arc<H>,
    reply: Reply<W>,
    grace: Duration,
) -> io::Result<()> {
    let hangup = request.hangup.clone();
    match answer(&*handler, request, verdict, grace).await {
        Some(response) if !hangup.is_gone() => Box::pin(reply.answer(response, &hangup)).await,
        _ => Box::pin(reply.give_up()).await,
    }
}

//! Plain HTTP/1.1, for any reverse proxy and for trying out.

use std::{
    io,
    net::IpAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{
    body::{Body as HttpBody, Frame, Incoming, SizeHint},
    ext::ReasonPhrase,
    header::{HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpStream, sync::watch, time::timeout};

use super::{
    Body, BodyError, BodySender, Handler, Hangup, HangupSender, Headers, Limits, Request, Response, ResponseBody,
    answer::answer, body::Verdict, limits::LAST_CALL, patient::Patient,
};

/// Pieces of a body that may wait for the handler.
const PIECES: usize = 4;

/// Serves a connection to its end.
pub(super) async fn serve_connection<H: Handler>(
    stream: TcpStream,
    handler: Arc<H>,
    limits: Arc<Limits>,
    mut closing: watch::Receiver<bool>,
) -> io::Result<()> {
    let peer = stream.peer_addr()?.ip().to_canonical();
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.first_byte).max_buf_size(limits.max_params);
    let stall = limits.body_idle;
    let (begin, mut begun) = watch::channel(false);
    let service = service_fn(move |request| {
        begin.send_replace(true);
        let (handler, limits) = (Arc::clone(&handler), Arc::clone(&limits));
        async move { one_request(request, peer, handler, limits).await }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(Patient::new(stream, stall)), service));
    let closed = async {
        let _ = closing.wait_for(|closing| *closing).await;
    };
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = closed => {
            // hyper would cut off at once what has said nothing yet.
            let said = async { drop(timeout(LAST_CALL, begun.wait_for(|begun| *begun)).await) };
            tokio::select! {
                outcome = connection.as_mut() => outcome,
                () = said => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        },
    };
    // A client that goes away, also in the middle, is the ordinary end; so is one that says nothing more.
    match outcome {
        Err(error) if error.is_parse() => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        _ => Ok(()),
    }
}

/// Tells the handler when the client has gone: hyper drops what it waits for then.
struct Watched(Option<HangupSender>);

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(hangup) = self.0.take() {
            hangup.gone();
        }
    }
}

async fn one_request<H: Handler>(
    request: hyper::Request<Incoming>,
    peer: IpAddr,
    handler: Arc<H>,
    limits: Arc<Limits>,
) -> io::Result<hyper::Response<Outgoing>> {
    let (sender, hangup) = Hangup::new();
    let mut watched = Watched(Some(sender));
    let response = match accept(request, peer, hangup, &limits) {
        Err(refused) => refused,
        // In a task of its own, as the handler may go on for a moment after the connection has gone.
        Ok((request, verdict)) => {
            let grace = limits.hangup_grace;
            let request = Box::new(request);
            let task = tokio::spawn(async move { answer(&*handler, request, verdict, grace).await });
            task.await.map_err(io::Error::other)?.ok_or(io::ErrorKind::ConnectionAborted)?
        }
    };
    if let ResponseBody::Full(_) = response.body {
        watched.0 = None;
    }
    outgoing(response, watched)
}

/// Turns a request of hyper's into ours; an error is the answer that refuses it.
fn accept(
    request: hyper::Request<Incoming>,
    peer: IpAddr,
    hangup: Hangup,
    limits: &Limits,
) -> Result<(Request, Verdict), Response> {
    let (parts, incoming) = request.into_parts();
    if incoming.size_hint().lower() > limits.max_body {
        return Err(Response::status(413));
    }
    let mut headers = Headers::default();
    for (name, value) in &parts.headers {
        headers.add(name.as_str(), value.as_bytes());
    }
    let (body, verdict) = if incoming.is_end_stream() {
        (Body::empty(), Verdict::default())
    } else {
        let (sender, body) = Body::channel(PIECES);
        let verdict = sender.verdict();
        tokio::spawn(pump(incoming, sender, limits.max_body, limits.body_idle));
        (body, verdict)
    };
    let request = Request {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().as_bytes().to_vec(),
        remote: Some(client(peer, &headers)),
        headers,
        body,
        hangup,
        may_wait: true,
    };
    Ok((request, verdict))
}

/// Hands the body on piece by piece.
async fn pump(mut incoming: Incoming, sender: BodySender, max: u64, idle: std::time::Duration) {
    let mut left = max;
    loop {
        let frame = match timeout(idle, incoming.frame()).await {
            Ok(None) => return,
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) => return sender.break_off(BodyError::Aborted),
            Err(_) => return sender.break_off(BodyError::TimedOut),
        };
        let Ok(piece) = frame.into_data() else { continue };
        match left.checked_sub(piece.len() as u64) {
            Some(rest) => left = rest,
            None => return sender.break_off(BodyError::TooLarge),
        }
        if !sender.send(piece).await {
            return;
        }
    }
}

/// Address of the phone: what the nearest proxy says, if the connection comes from this host or a private network. Only the last entry of
/// `X-Forwarded-For` is the proxy's own; those before it are what its client claimed.
fn client(peer: IpAddr, headers: &Headers) -> IpAddr {
    let near = match peer {
        IpAddr::V4(peer) => peer.is_loopback() || peer.is_private() || peer.is_link_local(),
        IpAddr::V6(peer) => peer.is_loopback() || peer.is_unique_local() || peer.is_unicast_link_local(),
    };
    let named = headers
        .iter()
        .filter(|(name, _)| *name == "x-forwarded-for")
        .last()
        .and_then(|(_, value)| std::str::from_utf8(value).ok())
        .and_then(|value| value.rsplit(',').next())
        .and_then(|entry| entry.trim().trim_matches(['[', ']']).parse().ok());
    if near { named.unwrap_or(peer) } else { peer }
}

fn outgoing(response: Response, watched: Watched) -> io::Result<hyper::Response<Outgoing>> {
    let status = hyper::StatusCode::from_u16(response.status).map_err(io::Error::other)?;
    let reason = response.reason();
    let mut answer = hyper::Response::new(match response.body {
        ResponseBody::Full(body) => Outgoing::Full(Some(body.into())),
        ResponseBody::Stream(body) => Outgoing::Stream(body, watched),
    });
    *answer.status_mut() = status;
    answer.extensions_mut().insert(ReasonPhrase::from_static(reason.as_bytes()));
    for (name, value) in response.headers {
        match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value.as_bytes())) {
            (Ok(name), Ok(value)) => {
                answer.headers_mut().append(name, value);
            }
            _ => log::error!("defect: the header {name} of an answer has a value that cannot be sent; left it out"),
        }
    }
    Ok(answer)
}

/// An answer's body as hyper takes it.
enum Outgoing {
    Full(Option<Bytes>),
    Stream(Body, Watched),
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Full(body) => {
                Poll::Ready(body.take().filter(|body| !body.is_empty()).map(|body| Ok(Frame::data(body))))
            }
            Self::Stream(body, watched) => body.poll_next(context).map(|piece| {
                let piece = piece.transpose();
                if piece.is_none() {
                    watched.0 = None;
                }
                piece.map(|piece| piece.map(Frame::data))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Full(body) if body.as_ref().is_none_or(Bytes::is_empty))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(body) => SizeHint::with_exact(body.as_ref().map_or(0, |body| body.len() as u64)),
            Self::Stream(..) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forwarded_addresses_are_believed_of_near_proxies_only() {
        let mut headers = Headers::default();
        let at = |peer: &str, headers: &Headers| client(peer.parse().unwrap(), headers).to_string();
        assert_eq!(at("127.0.0.1", &headers), "127.0.0.1");
        headers.add("X-Forwarded-For", "198.51.100.7");
        headers.add("X-Forwarded-For", "6.6.6.6, 203.0.113.5");
        for near in ["127.0.0.1", "10.1.2.3", "192.168.0.9", "::1", "fd00::1"] {
            assert_eq!(at(near, &headers), "203.0.113.5");
        }
        assert_eq!(at("198.51.100.1", &headers), "198.51.100.1");
        headers.add("X-Forwarded-For", "nonsense");
        assert_eq!(at("127.0.0.1", &headers), "127.0.0.1");
    }
}

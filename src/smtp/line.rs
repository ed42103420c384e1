//! The connection below TLS.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// Most bytes that a server may send in one exchange: certificates and some lines.
const MOST: usize = 256 << 10;

/// A connection that gives no more than [`MOST`] bytes, byte by byte if asked: what a man in the middle puts behind the answer to STARTTLS is then
/// still unread when TLS begins, and breaks its handshake rather than being taken for what the server says under TLS.
#[derive(Debug)]
pub(super) struct Bounded {
    stream: TcpStream,
    left: usize,
    step: usize,
}

impl Bounded {
    pub(super) fn new(stream: TcpStream, byte_by_byte: bool) -> Self {
        Self { stream, left: MOST, step: if byte_by_byte { 1 } else { MOST } }
    }
}

impl AsyncRead for Bounded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.left == 0 {
            return Poll::Ready(Err(io::Error::other("the server says more than anybody needs to say")));
        }
        let wanted = self.step.min(self.left).min(out.remaining());
        let mut piece = ReadBuf::new(out.initialize_unfilled_to(wanted));
        let polled = Pin::new(&mut self.stream).poll_read(cx, &mut piece);
        let read = piece.filled().len();
        out.advance(read);
        self.left -= read;
        polled
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl AsyncTokioStream for Bounded {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

//! The one type of connection.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncBufRead, AsyncRead, AsyncWrite, BufReader, BufWriter, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::client::TlsStream;

use super::{Error, Security, Server, tls};

/// A connection to a server, buffered both ways: what is written leaves with `flush` at the latest. Reading and writing have no time
/// limit of their own.
#[derive(Debug)]
pub struct Stream {
    line: BufReader<BufWriter<Line>>,
}

/// What the bytes go through.
#[derive(Debug)]
enum Line {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Connects in at most `limit`. With [`Security::Starttls`] the stream begins without TLS: the caller asks the server for it in its
    /// protocol, and calls [`Stream::start_tls`].
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn connect(server: &Server, limit: Duration) -> Result<Self, Error> {
        let connecting = async {
            let tcp = TcpStream::connect((server.host.as_str(), server.port)).await;
            let tcp = tcp.map_err(|e| Error::Unreachable(format!("{server}: {e}")))?;
            // Buffered already: waiting for more to send would only delay.
            let _ = tcp.set_nodelay(true);
            let line = match server.security {
                Security::None | Security::Starttls => Line::Plain(tcp),
                Security::Wrapped => Line::Tls(Box::new(tls::handshake(tcp, &server.host).await?)),
            };
            Ok(Self::over(line))
        };
        within(limit, server, connecting).await
    }

    fn over(line: Line) -> Self {
        Self { line: BufReader::new(BufWriter::new(line)) }
    }

    /// Whether TLS protects the bytes.
    pub fn is_tls(&self) -> bool {
        matches!(self.line.get_ref().get_ref(), Line::Tls(_))
    }

    /// Goes on with TLS, in at most `limit`, after the server has agreed to it. A stream that has TLS already stays as it is.
    ///
    /// # Errors
    /// See [`Error`]; the connection is closed.
    pub async fn start_tls(self, server: &Server, limit: Duration) -> Result<Self, Error> {
        if !self.line.buffer().is_empty() {
            return Err(Error::Injected(server.to_string()));
        }
        match self.line.into_inner().into_inner() {
            Line::Plain(tcp) => {
                let handshake = tls::handshake(tcp, &server.host);
                let tls = within(limit, server, handshake).await?;
                Ok(Self::over(Line::Tls(Box::new(tls))))
            }
            line @ Line::Tls(_) => Ok(Self::over(line)),
        }
    }
}

async fn within<T>(limit: Duration, server: &Server, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match timeout(limit, work).await {
        Ok(result) => result,
        Err(_) => Err(Error::TimedOut(format!("{server}: nothing after {} s", limit.as_secs()))),
    }
}

impl AsyncRead for Line {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(line) => Pin::new(line).poll_read(cx, out),
            Self::Tls(line) => Pin::new(line).poll_read(cx, out),
        }
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(line) => Pin::new(line).poll_write(cx, bytes),
            Self::Tls(line) => Pin::new(line).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(line) => Pin::new(line).poll_flush(cx),
            Self::Tls(line) => Pin::new(line).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(line) => Pin::new(line).poll_shutdown(cx),
            Self::Tls(line) => Pin::new(line).poll_shutdown(cx),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().line).poll_read(cx, out)
    }
}

impl AsyncBufRead for Stream {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        Pin::new(&mut self.get_mut().line).poll_fill_buf(cx)
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        Pin::new(&mut self.get_mut().line).consume(amount);
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().line).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().line).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().line).poll_shutdown(cx)
    }
}

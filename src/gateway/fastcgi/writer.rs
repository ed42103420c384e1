//! The answering side of a FastCGI connection, shared by the requests on it.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    sync::Mutex,
    time::timeout,
};

use super::record::{End, MAX_CONTENT, kind, put_end, put_record};
use crate::gateway::{Body, Hangup, Response, ResponseBody, params::answer_header};

/// Writes whole records, one request after the other.
#[derive(Debug)]
pub(super) struct Writer<W> {
    /// `None` after a failure: what followed half a record would be misread.
    to: Mutex<Option<W>>,
    stall: Duration,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    /// `stall` is how long the other side may read nothing.
    pub(super) fn new(to: W, stall: Duration) -> Self {
        Self { to: Mutex::new(Some(to)), stall }
    }

    /// Sends records.
    pub(super) async fn send(&self, mut records: &[u8]) -> io::Result<()> {
        let mut to = self.to.lock().await;
        let mut socket = to.take().ok_or(io::ErrorKind::BrokenPipe)?;
        while !records.is_empty() {
            let written = timeout(self.stall, socket.write(records)).await??;
            match records.get(written..) {
                Some(rest) if written > 0 => records = rest,
                _ => return Err(io::ErrorKind::WriteZero.into()),
            }
        }
        *to = Some(socket);
        Ok(())
    }

    /// Sends the end of a request.
    pub(super) async fn end(&self, id: u16, end: End) -> io::Result<()> {
        let mut records = Vec::with_capacity(16);
        put_end(&mut records, id, end);
        self.send(&records).await
    }

    /// Tells the other side that nothing more will come.
    pub(super) async fn shutdown(&self) {
        if let Some(mut socket) = self.to.lock().await.take() {
            let _ = socket.shutdown().await;
        }
    }
}

/// Where one request is answered.
#[derive(Debug)]
pub(super) struct Reply<W> {
    pub(super) id: u16,
    pub(super) writer: Arc<Writer<W>>,
}

impl<W: AsyncWrite + Unpin> Reply<W> {
    /// Sends a whole answer; a small one in one write. A streamed body that breaks off is an error: the connection must be cut then, so
    /// that the web server does not take the half for the whole.
    pub(super) async fn answer(&self, response: Response, hangup: &Hangup) -> io::Result<()> {
        let mut header = answer_header(&response);
        match response.body {
            ResponseBody::Full(body) if header.len() + body.len() <= MAX_CONTENT => {
                header.extend_from_slice(&body);
                self.last(&header).await
            }
            ResponseBody::Full(body) => {
                self.piece(&header).await?;
                let mut pieces = body.chunks(MAX_CONTENT).peekable();
                while let Some(piece) = pieces.next_if(|piece| piece.len() == MAX_CONTENT) {
                    self.piece(piece).await?;
                }
                self.last(pieces.next().unwrap_or_default()).await
            }
            ResponseBody::Stream(body) => {
                self.piece(&header).await?;
                self.stream(body, hangup.clone()).await?;
                self.last(&[]).await
            }
        }
    }

    async fn stream(&self, mut body: Body, hangup: Hangup) -> io::Result<()> {
        loop {
            let piece = tokio::select! {
                piece = body.next() => piece.map_err(io::Error::other)?,
                () = hangup.gone() => return Ok(()),
            };
            let Some(piece) = piece else { return Ok(()) };
            for piece in piece.chunks(MAX_CONTENT) {
                self.piece(piece).await?;
            }
        }
    }

    async fn piece(&self, piece: &[u8]) -> io::Result<()> {
        let mut records = Vec::with_capacity(piece.len() + 8);
        put_record(&mut records, kind::STDOUT, self.id, piece);
        self.writer.send(&records).await
    }

    async fn last(&self, piece: &[u8]) -> io::Result<()> {
        let mut records = Vec::with_capacity(piece.len() + 32);
        if !piece.is_empty() {
            put_record(&mut records, kind::STDOUT, self.id, piece);
        }
        put_record(&mut records, kind::STDOUT, self.id, &[]);
        put_end(&mut records, self.id, End::Complete);
        self.writer.send(&records).await
    }

    /// Ends a request that nobody wants an answer to any more.
    pub(super) async fn give_up(&self) -> io::Result<()> {
        self.writer.end(self.id, End::Complete).await
    }
}

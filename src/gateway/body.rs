//! Bodies that are read and written piece by piece, and the notice that the other side has gone.

use bytes::Bytes;
use tokio::sync::{mpsc, watch};

/// Why a body ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// The other side went away or broke the rules of the transport.
    Aborted,
    /// More bytes than the reader asked for.
    TooLarge,
    /// Nothing came for too long.
    TimedOut,
}

impl std::fmt::Display for BodyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Aborted => "the body was broken off",
            Self::TooLarge => "the body is larger than allowed",
            Self::TimedOut => "the body did not arrive in time",
        })
    }
}

impl std::error::Error for BodyError {}

/// Sending side of a [`Body`]. Dropping it ends the body.
#[derive(Debug, Clone)]
pub struct BodySender(mpsc::Sender<Result<Bytes, BodyError>>);

impl BodySender {
    /// Hands over one piece; waits while the reader is slow. `false` when nobody reads any more.
    pub async fn send(&self, piece: Bytes) -> bool {
        self.0.send(Ok(piece)).await.is_ok()
    }

    /// Breaks the body off.
    pub async fn fail(&self, error: BodyError) {
        let _ = self.0.send(Err(error)).await;
    }
}

/// A body that is read piece by piece.
#[derive(Debug)]
pub struct Body {
    first: Option<Bytes>,
    rest: Option<mpsc::Receiver<Result<Bytes, BodyError>>>,
}

impl Body {
    /// A body without bytes.
    pub fn empty() -> Self {
        Self { first: None, rest: None }
    }

    /// A body that is there already.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self { first: Some(bytes.into()), rest: None }
    }

    /// A body that comes in pieces, of which `pieces` may wait unread.
    pub fn channel(pieces: usize) -> (BodySender, Self) {
        let (sender, receiver) = mpsc::channel(pieces.max(1));
        (BodySender(sender), Self { first: None, rest: Some(receiver) })
    }

    /// The next piece, `None` at the end.
    ///
    /// # Errors
    /// The body was broken off; what was read so far is not whole.
    pub async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        match &mut self.rest {
            None => Ok(None),
            Some(rest) => rest.recv().await.transpose(),
        }
    }

    /// Reads the whole body, at most `limit` bytes.
    ///
    /// # Errors
    /// The body was broken off or is longer.
    pub async fn collect(&mut self, limit: usize) -> Result<Vec<u8>, BodyError> {
        let mut all = Vec::new();
        while let Some(piece) = self.next().await? {
            if all.len() + piece.len() > limit {
                return Err(BodyError::TooLarge);
            }
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }
}

/// Sending side of a [`Hangup`], held by the door. Dropping it means that nothing more will be told.
#[derive(Debug)]
pub struct HangupSender(watch::Sender<bool>);

impl HangupSender {
    /// Tells that the other side has gone.
    pub fn gone(&self) {
        self.0.send_replace(true);
    }
}

/// Tells a waiting request that nobody waits for its answer any more. Not every web server tells (see `docs`): a newer request of
/// the same device must end the older one, too.
#[derive(Debug, Clone)]
pub struct Hangup(watch::Receiver<bool>);

impl Hangup {
    /// A pair of sender and receiver.
    pub fn new() -> (HangupSender, Self) {
        let (sender, receiver) = watch::channel(false);
        (HangupSender(sender), Self(receiver))
    }

    /// Waits until the other side has gone; for ever if it is never told.
    pub async fn gone(&mut self) {
        if self.0.wait_for(|gone| *gone).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

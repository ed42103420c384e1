//! Bodies that are read and written piece by piece, and the notice that the other side has gone.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::sync::mpsc::{self, error::TrySendError};

use crate::wakers::Wakers;

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

/// Why a body was broken off, if it was. Beside the pieces, so that it is told even when the queue of pieces is full.
#[derive(Debug, Clone, Default)]
pub(super) struct Verdict(Arc<OnceLock<BodyError>>);

impl Verdict {
    pub(super) fn get(&self) -> Option<BodyError> {
        self.0.get().copied()
    }
}

/// Sending side of a [`Body`]. Dropping it ends the body.
#[derive(Debug, Clone)]
pub struct BodySender {
    pieces: mpsc::Sender<Result<Bytes, BodyError>>,
    verdict: Verdict,
}

impl BodySender {
    /// Hands over one piece; waits while the reader is slow. `false` when nobody reads any more.
    pub async fn send(&self, piece: Bytes) -> bool {
        self.pieces.send(Ok(piece)).await.is_ok()
    }

    /// Like [`BodySender::send`], without waiting: gives the piece back when the reader is slow.
    pub(super) fn send_now(&self, piece: Bytes) -> Result<bool, Bytes> {
        match self.pieces.try_send(Ok(piece)) {
            Ok(()) => Ok(true),
            Err(TrySendError::Full(Ok(piece))) => Err(piece),
            Err(_) => Ok(false),
        }
    }

    /// Breaks the body off.
    pub async fn fail(&self, error: BodyError) {
        let _ = self.verdict.0.set(error);
        let _ = self.pieces.send(Err(error)).await;
    }

    /// Breaks the body off without waiting for the reader, who gets the pieces sent so far first.
    pub(super) fn break_off(self, error: BodyError) {
        let _ = self.verdict.0.set(error);
    }

    pub(super) fn verdict(&self) -> Verdict {
        self.verdict.clone()
    }
}

/// A body that is read piece by piece.
#[derive(Debug)]
pub struct Body {
    first: Option<Bytes>,
    rest: Option<mpsc::Receiver<Result<Bytes, BodyError>>>,
    verdict: Verdict,
}

impl Body {
    /// A body without bytes.
    pub fn empty() -> Self {
        Self { first: None, rest: None, verdict: Verdict::default() }
    }

    /// A body that is there already.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self { first: Some(bytes.into()), ..Self::empty() }
    }

    /// A body that comes in pieces, of which `pieces` may wait unread.
    pub fn channel(pieces: usize) -> (BodySender, Self) {
        let (sender, receiver) = mpsc::channel(pieces.max(1));
        let verdict = Verdict::default();
        let body = Self { first: None, rest: Some(receiver), verdict: verdict.clone() };
        (BodySender { pieces: sender, verdict }, body)
    }

    /// The next piece, `None` at the end.
    ///
    /// # Errors
    /// The body was broken off; what was read so far is not whole.
    pub async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyError>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Ok(Some(first)));
        }
        let piece = match &mut self.rest {
            None => None,
            Some(rest) => ready!(rest.poll_recv(context)),
        };
        Poll::Ready(match piece {
            Some(Ok(piece)) => Ok(Some(piece)),
            Some(Err(error)) => {
                self.rest = None;
                Err(error)
            }
            None => {
                // Frees the queue while the reader goes on to wait for something else.
                self.rest = None;
                self.verdict.get().map_or(Ok(None), Err)
            }
        })
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
pub struct HangupSender(Arc<Gone>);

#[derive(Debug, Default)]
struct Gone {
    gone: AtomicBool,
    waiting: Wakers,
}

impl HangupSender {
    /// Tells that the other side has gone.
    pub fn gone(&self) {
        self.0.gone.store(true, Ordering::Release);
        self.0.waiting.wake();
    }
}

/// Tells a waiting request that nobody waits for its answer any more. Not every web server tells (see `docs`): a newer request of
/// the same device must end the older one, too.
#[derive(Debug, Clone)]
pub struct Hangup(Arc<Gone>);

impl Hangup {
    /// A pair of sender and receiver.
    pub fn new() -> (HangupSender, Self) {
        let gone = Arc::<Gone>::default();
        (HangupSender(Arc::clone(&gone)), Self(gone))
    }

    /// Whether the other side is known to have gone.
    pub fn is_gone(&self) -> bool {
        self.0.gone.load(Ordering::Acquire)
    }

    /// Waits until the other side has gone; for ever if it is never told.
    pub fn gone(&self) -> impl Future<Output = ()> {
        self.0.waiting.until(|| self.is_gone().then_some(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pieces_in_order_and_the_end_again_and_again() {
        let (sender, mut body) = Body::channel(4);
        assert!(sender.send(Bytes::from_static(b"ab")).await);
        assert!(sender.send(Bytes::from_static(b"cd")).await);
        drop(sender);
        assert_eq!(body.collect(4).await.unwrap(), b"abcd");
        assert_eq!(body.next().await, Ok(None));
        assert_eq!(Body::full("abc").collect(2).await, Err(BodyError::TooLarge));
    }

    #[tokio::test]
    async fn a_body_broken_off_with_a_full_queue_does_not_end_as_if_whole() {
        let (sender, mut body) = Body::channel(1);
        assert!(sender.send(Bytes::from_static(b"ab")).await);
        sender.break_off(BodyError::Aborted);
        assert_eq!(body.next().await, Ok(Some(Bytes::from_static(b"ab"))));
        assert_eq!(body.next().await, Err(BodyError::Aborted));
        assert_eq!(body.next().await, Err(BodyError::Aborted));
    }

    #[tokio::test]
    async fn failure_is_told_once_the_pieces_before_it_are_read() {
        let (sender, mut body) = Body::channel(1);
        let failing = tokio::spawn(async move {
            assert!(sender.send(Bytes::from_static(b"ab")).await);
            sender.fail(BodyError::TimedOut).await;
        });
        assert_eq!(body.collect(10).await, Err(BodyError::TimedOut));
        failing.await.unwrap();
    }

    #[tokio::test]
    async fn hangup_is_told_to_all_and_also_later() {
        let (sender, hangup) = Hangup::new();
        assert!(!hangup.is_gone());
        sender.gone();
        drop(sender);
        hangup.clone().gone().await;
        hangup.gone().await;
        assert!(hangup.is_gone());
        let (sender, hangup) = Hangup::new();
        drop(sender);
        let never = tokio::time::timeout(std::time::Duration::from_millis(5), hangup.gone());
        assert!(never.await.is_err());
    }
}

//! All doors at once: accepts connections, bounds their number, and ends in order.

use std::{
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    net::{TcpStream, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::{JoinError, JoinSet},
    time::{sleep, timeout},
};

use super::{Handler, Limits, Listener, fastcgi, http, listen::Socket};

/// Pause after the kernel refused a connection for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// More connections than any machine has descriptors for.
const MOST_CONNECTIONS: u32 = 1 << 24;

/// Serves all listeners until `shutdown` completes, then takes the connections that already wait, lets running requests end for at most
/// [`Limits::shutdown`], and returns; what has not ended by then goes on until the runtime ends. A handler whose requests wait must be told
/// of the shutdown by its owner, in the same moment.
///
/// # Errors
/// There is no listener, or one of them cannot be used any more.
pub async fn serve<H: Handler>(
    listeners: Vec<Listener>,
    handler: Arc<H>,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    if listeners.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "nowhere to listen"));
    }
    let (close, closing) = watch::channel(false);
    let most = u32::try_from(limits.max_connections).unwrap_or(u32::MAX).min(MOST_CONNECTIONS);
    let door = Door {
        handler,
        permits: Arc::new(Semaphore::new(most as usize)),
        limits: Arc::new(limits),
        closing,
        trouble: Arc::new(Seldom::new()),
    };
    let mut doors = JoinSet::new();
    for listener in listeners {
        log::info!("listening on {}", listener.name);
        doors.spawn(accept_all(listener, door.clone()));
    }
    let mut outcome = tokio::select! {
        () = shutdown => Ok(()),
        ended = doors.join_next() => flatten(ended),
    };
    close.send_replace(true);
    let rest = async {
        while let Some(ended) = doors.join_next().await {
            if outcome.is_ok() {
                outcome = flatten(Some(ended));
            }
        }
        // All of them are back when the last connection has ended.
        let _all = door.permits.acquire_many(most).await;
    };
    if timeout(door.limits.shutdown, rest).await.is_err() {
        log::warn!(
            "some requests had not ended {} s after the program was told to; left them",
            door.limits.shutdown.as_secs()
        );
    }
    outcome
}

fn flatten(ended: Option<Result<io::Result<()>, JoinError>>) -> io::Result<()> {
    ended.map_or(Ok(()), |ended| ended.map_err(io::Error::other)?)
}

/// What every connection needs.
struct Door<H> {
    handler: Arc<H>,
    limits: Arc<Limits>,
    /// One for each connection that may be open; held by its task.
    permits: Arc<Semaphore>,
    closing: watch::Receiver<bool>,
    trouble: Arc<Seldom>,
}

impl<H> Clone for Door<H> {
    fn clone(&self) -> Self {
        Self {
            handler: Arc::clone(&self.handler),
            limits: Arc::clone(&self.limits),
            permits: Arc::clone(&self.permits),
            closing: self.closing.clone(),
            trouble: Arc::clone(&self.trouble),
        }
    }
}

impl<H: Handler> Door<H> {
    /// Serves a connection in a task of its own, which has room for nothing but what its protocol needs.
    fn open(&self, opened: (Stream, OwnedSemaphorePermit), http: bool) {
        let (stream, permit) = opened;
        let (handler, limits, closing) = (Arc::clone(&self.handler), Arc::clone(&self.limits), self.closing.clone());
        match stream {
            Stream::Tcp(stream) if http => self.spawn(permit, http::serve_connection(stream, handler, limits, closing)),
            Stream::Tcp(stream) => {
                let (reader, writer) = stream.into_split();
                self.spawn(permit, fastcgi::serve_connection(reader, writer, handler, limits, closing));
            }
            Stream::Unix(stream) => {
                let (reader, writer) = stream.into_split();
                self.spawn(permit, fastcgi::serve_connection(reader, writer, handler, limits, closing));
            }
        }
    }

    fn spawn(&self, permit: OwnedSemaphorePermit, connection: impl Future<Output = io::Result<()>> + Send + 'static) {
        // In a box: a task that takes it over has room for it twice.
        let (connection, trouble) = (Box::pin(connection), Arc::clone(&self.trouble));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                trouble.say(|| format!("a connection was closed: {error}"));
            }
            drop(permit);
        });
    }
}

enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Socket {
    async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Unix(listener) => listener.accept().await.map(|(stream, _)| Stream::Unix(stream)),
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // Answers are written whole; waiting for more to send would only delay them.
                let _ = stream.set_nodelay(true);
                Ok(Stream::Tcp(stream))
            }
        }
    }
}

async fn accept_all<H: Handler>(mut listener: Listener, door: Door<H>) -> io::Result<()> {
    let mut closing = door.closing.clone();
    let outcome = loop {
        tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => break Ok(()),
            next = next_connection(&listener, &door) => match next {
                Ok(opened) => door.open(opened, listener.http),
                Err(error) => break Err(error),
            },
        }
    };
    // Nobody else would ever answer those who are connected already.
    listener.remove_file();
    if outcome.is_ok() && !listener.inherited {
        while let Ok(Ok(opened)) = timeout(Duration::ZERO, next_connection(&listener, &door)).await {
            door.open(opened, listener.http);
        }
    }
    outcome
}

/// The next connection, and the permit that it keeps as long as it is open.
async fn next_connection<H>(listener: &Listener, door: &Door<H>) -> io::Result<(Stream, OwnedSemaphorePermit)> {
    let permit = match Arc::clone(&door.permits).try_acquire_owned() {
        Ok(permit) => permit,
        Err(_) => {
            door.trouble
                .say(|| format!("all {} connections are in use; further ones wait", door.limits.max_connections));
            Arc::clone(&door.permits).acquire_owned().await.map_err(io::Error::other)?
        }
    };
    loop {
        match listener.socket.accept().await {
            Ok(stream) => return Ok((stream, permit)),
            Err(error) if is_lasting(&error) => {
                return Err(io::Error::new(error.kind(), format!("{} is of no use any more: {error}", listener.name)));
            }
            Err(error) => {
                door.trouble.say(|| format!("cannot take a connection on {} now: {error}", listener.name));
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether the listener itself is at fault. All else passes: too many descriptors (EMFILE, ENFILE), a client that left (ECONNABORTED),
/// no memory, and what the network says about one connection (accept(2)).
fn is_lasting(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::BADF | Errno::INVAL | Errno::NOTSOCK | Errno::OPNOTSUPP))
}

/// Warnings that could come thousands of times a second: one a minute is written.
struct Seldom {
    start: Instant,
    /// Seconds after `start` at which the next may be written.
    next: AtomicU64,
}

impl Seldom {
    fn new() -> Self {
        Self { start: Instant::now(), next: AtomicU64::new(0) }
    }

    fn say(&self, text: impl FnOnce() -> String) {
        if self.is_due() {
            log::warn!("{} (said at most once a minute)", text());
        }
    }

    fn is_due(&self) -> bool {
        let now = self.start.elapsed().as_secs();
        self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| (now >= next).then_some(now + 60)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_come_once_a_minute() {
        let seldom = Seldom::new();
        assert_eq!((0..100).filter(|_| seldom.is_due()).count(), 1);
    }

    #[test]
    fn want_of_descriptors_passes() {
        use rustix::io::Errno;
        for passing in [Errno::MFILE, Errno::NFILE, Errno::CONNABORTED, Errno::NOBUFS, Errno::NOMEM] {
            assert!(!is_lasting(&passing.into()), "{passing}");
        }
        assert!(is_lasting(&Errno::INVAL.into()));
    }
}

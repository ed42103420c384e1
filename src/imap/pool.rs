//! Connections that wait for the next use: few per user, closed when nobody needs them.

use std::{
    collections::HashMap,
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use secrecy::{ExposeSecret, SecretString};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{
    connection::Connection,
    error::Error,
    settings::{Credentials, Login, Settings},
};
use crate::net::Server;

/// Most connections that are opened at the same time for looks.
const OPENINGS: usize = 32;

/// The connections of a site.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    /// One permit per open connection.
    site: Arc<Semaphore>,
    /// One permit per connection that is being opened for a look.
    openings: Semaphore,
    /// One permit per connection that is held.
    places: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    users: HashMap<Key, User>,
    /// How many wait for the right to open a connection.
    waiting: usize,
    /// Somebody closes what nobody has used for long enough.
    swept: bool,
}

/// What a connection is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// For a request: it is made sure that the connection lives.
    Work,
    /// For a question that is asked again after so long: the connection stays open until then, if there is room. One that the server has
    /// closed silently may be given; ask again with the next one then, unless it [is fresh](Lease::is_fresh).
    Look(Duration),
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    server: Server,
    user: String,
}

struct User {
    /// One permit per connection in use.
    permits: Arc<Semaphore>,
    idle: Vec<Idle>,
}

struct Idle {
    connection: Connection,
    since: Instant,
    until: Instant,
    looked: bool,
    password: SecretString,
    site: OwnedSemaphorePermit,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("users", &self.shared.state().users.len()).finish()
    }
}

/// A connection that is in use; it goes back to the pool when it is dropped, unless it is broken.
pub struct Lease {
    /// Always there until it is dropped.
    connection: Option<Connection>,
    shared: Arc<Shared>,
    key: Key,
    password: SecretString,
    site: Option<OwnedSemaphorePermit>,
    _user: OwnedSemaphorePermit,
    purpose: Purpose,
    fresh: bool,
}

/// The right to hold a connection for a user who waits.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
}

/// A connection that is held as long as its user waits.
pub struct Held {
    connection: Connection,
    _site: OwnedSemaphorePermit,
    _place: Place,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    /// An empty pool.
    pub fn new(settings: Settings) -> Self {
        let site = Arc::new(Semaphore::new(settings.max_connections));
        let places = Arc::new(Semaphore::new(settings.max_held));
        let openings = Semaphore::new(OPENINGS);
        Self { shared: Arc::new(Shared { settings, site, openings, places, state: Mutex::default() }) }
    }

    /// The settings that it was made with.
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// A connection for this user. `otherwise` is the server where the settings name none. A connection that died while nobody used it is
    /// replaced by a new one.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Unavailable`] when none becomes free in time.
    pub async fn lease(&self, login: &Login, otherwise: Option<&Server>) -> Result<Lease, Error> {
        self.lease_for(Purpose::Work, login, otherwise).await
    }

    /// Like [`Pool::lease`], for any purpose.
    ///
    /// # Errors
    /// As there.
    pub async fn lease_for(&self, purpose: Purpose, login: &Login, otherwise: Option<&Server>) -> Result<Lease, Error> {
        let shared = &self.shared;
        let (key, credentials) = self.key(login, otherwise)?;
        let permits = {
            let mut state = shared.state();
            let new = || User { permits: Arc::new(Semaphore::new(shared.settings.connections)), idle: Vec::new() };
            Arc::clone(&state.users.entry(key.clone()).or_insert_with(new).permits)
        };
        let user = within(shared.settings.patience(), permits.acquire_owned(), "all connections are busy").await?;
        let lease = |connection, key, password, site, fresh| Lease {
            connection: Some(connection),
            shared: Arc::clone(shared),
            key,
            password,
            site: Some(site),
            _user: user,
            purpose,
            fresh,
        };
        while let Some(mut idle) = shared.take(&key, &credentials.password) {
            if idle.connection.is_alive(idle.since.elapsed(), purpose == Purpose::Work).await {
                return Ok(lease(idle.connection, key, idle.password, idle.site, false));
            }
        }
        let (connection, site) = shared.open(&key.server, &credentials, purpose != Purpose::Work).await?;
        Ok(lease(connection, key, credentials.password, site, true))
    }

    /// The right to hold a connection; `None` when as many are held as may be.
    pub fn place(&self) -> Option<Place> {
        Arc::clone(&self.shared.places).try_acquire_owned().ok().map(|permit| Place { _permit: permit })
    }

    /// A connection of its own for a user who waits. It is none of those that a user may have at the same time, but one of the site's.
    ///
    /// # Errors
    /// As [`Pool::lease`].
    pub async fn hold(&self, place: Place, login: &Login, otherwise: Option<&Server>) -> Result<Held, Error> {
        let (key, credentials) = self.key(login, otherwise)?;
        let (connection, site) = self.shared.open(&key.server, &credentials, true).await?;
        Ok(Held { connection, _site: site, _place: place })
    }

    fn key(&self, login: &Login, otherwise: Option<&Server>) -> Result<(Key, Credentials), Error> {
        let settings = &self.shared.settings;
        let named = settings.server().map_err(Error::Unavailable)?;
        let server = named.or_else(|| otherwise.cloned());
        let server = server.ok_or_else(|| Error::Unavailable("no mail server is known (url in [imap])".to_owned()))?;
        Ok((Key { server, user: login.user.clone() }, settings.credentials(login)))
    }
}

async fn within<T, E>(limit: Duration, work: impl Future<Output = Result<T, E>>, text: &str) -> Result<T, Error> {
    match timeout(limit, work).await {
        Ok(Ok(done)) => Ok(done),
        _ => Err(Error::Unavailable(text.to_owned())),
    }
}

impl Shared {
    /// The connection of this user that was used last. One that was opened with another password is closed.
    fn take(&self, key: &Key, password: &SecretString) -> Option<Idle> {
        let mut state = self.state();
        let idle = &mut state.users.get_mut(key)?.idle;
        idle.retain(|idle| idle.password.expose_secret() == password.expose_secret());
        idle.pop()
    }

    /// A new connection. Those for looks are opened a few at a time: when all users begin to wait at once, the server has other work, too.
    async fn open(
        &self,
        server: &Server,
        credentials: &Credentials,
        look: bool,
    ) -> Result<(Connection, OwnedSemaphorePermit), Error> {
        let _turn = match look {
            true => Some(within(self.settings.patience(), self.openings.acquire(), "too many connect").await?),
            false => None,
        };
        let site = self.permit(look).await?;
        Ok((Connection::open(server, &self.settings, credentials).await?, site))
    }

    /// The right to open a connection. If there is none left, a connection that nobody uses makes room: for work the one that was not used
    /// for longest. A look takes the place of the look before it: when all are repeated in turn and there is not enough room for all, the
    /// oldest one is the one that is needed next.
    async fn permit(&self, look: bool) -> Result<OwnedSemaphorePermit, Error> {
        if let Ok(permit) = Arc::clone(&self.site).try_acquire_owned() {
            return Ok(permit);
        }
        let (_waiting, spare) = self.wait(look);
        drop(spare);
        let waiting = Arc::clone(&self.site).acquire_owned();
        within(self.settings.patience(), waiting, "all connections of the site are busy (max_connections in [imap])")
            .await
    }

    /// While one waits, connections that come back are closed for him. Gives one that nobody uses now.
    fn wait(&self, look: bool) -> (Waiting<'_>, Option<Idle>) {
        let mut state = self.state();
        state.waiting += 1;
        (Waiting(self), if look { state.newest_look() } else { state.oldest() })
    }

    /// Closes what nobody has used for long enough; gives when there will be something again.
    async fn sweep(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut old = Vec::new();
        let next = {
            let mut state = self.state();
            state.users.retain(|_, user| {
                old.extend(user.idle.extract_if(.., |idle| idle.until <= now));
                !user.idle.is_empty() || Arc::strong_count(&user.permits) > 1
            });
            let next = state.users.values().flat_map(|user| &user.idle).map(|idle| idle.until).min();
            state.swept = next.is_some();
            next
        };
        for idle in old {
            idle.connection.close().await;
        }
        next
    }
}

impl State {
    fn oldest(&mut self) -> Option<Idle> {
        let user = self.users.values_mut().filter(|user| !user.idle.is_empty());
        let user = user.min_by_key(|user| user.idle.first().map(|idle| idle.since))?;
        Some(user.idle.remove(0))
    }

    fn newest_look(&mut self) -> Option<Idle> {
        let newest = |user: &User| user.idle.last().map(|idle| (idle.looked, idle.since));
        self.users.values_mut().max_by_key(|user| newest(user))?.idle.pop()
    }
}

/// Somebody who waits for the right to open a connection.
struct Waiting<'a>(&'a Shared);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
    }
}

impl Held {
    /// Says good-bye, without waiting for long.
    pub async fn close(self) {
        self.connection.close().await;
    }
}

impl Deref for Held {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl Lease {
    /// Whether it was opened for this lease: it cannot have died meanwhile.
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }
}

impl Deref for Lease {
    type Target = Connection;

    #[allow(clippy::expect_used)]
    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("a lease has its connection until it is dropped")
    }
}

impl DerefMut for Lease {
    #[allow(clippy::expect_used)]
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("a lease has its connection until it is dropped")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let (Some(connection), Some(site)) = (self.connection.take(), self.site.take()) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if !connection.is_sound() || self.shared.settings.idle == 0 {
            return;
        }
        let since = Instant::now();
        let mut keep = Duration::from_secs(self.shared.settings.idle);
        if let Purpose::Look(again) = self.purpose {
            keep = keep.max(again.saturating_mul(2));
        }
        let (password, looked) = (self.password.clone(), self.purpose != Purpose::Work);
        let idle = Idle { connection, since, until: since + keep, looked, password, site };
        let mut state = self.shared.state();
        if state.waiting > 0 {
            return;
        }
        if let Some(user) = state.users.get_mut(&self.key) {
            user.idle.push(idle);
        }
        if std::mem::replace(&mut state.swept, true) {
            return;
        }
        let shared = Arc::clone(&self.shared);
        runtime.spawn(async move {
            let usual = Duration::from_secs(shared.settings.idle);
            let mut next = Some(since + keep);
            while let Some(at) = next {
                // One that comes later may have to go sooner; and not each is worth a round of its own.
                let rest = at.saturating_duration_since(Instant::now()).min(usual);
                tokio::time::sleep(rest + Duration::from_millis(200)).await;
                next = shared.sweep().await;
            }
        });
    }
}

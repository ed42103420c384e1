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
    settings::{Login, Settings},
};
use crate::net::Server;

/// The connections of a site.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    /// One permit per open connection.
    site: Arc<Semaphore>,
    users: Mutex<HashMap<Key, User>>,
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
    password: SecretString,
    site: OwnedSemaphorePermit,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("users", &self.shared.users().len()).finish()
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
    fresh: bool,
}

impl Shared {
    fn users(&self) -> MutexGuard<'_, HashMap<Key, User>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    /// An empty pool.
    pub fn new(settings: Settings) -> Self {
        let site = Arc::new(Semaphore::new(settings.max_connections));
        Self { shared: Arc::new(Shared { settings, site, users: Mutex::default() }) }
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
        let shared = &self.shared;
        let named = shared.settings.server().map_err(Error::Unavailable)?;
        let server = named.as_ref().or(otherwise);
        let server = server.ok_or_else(|| Error::Unavailable("no mail server is known (url in [imap])".to_owned()))?;
        let key = Key { server: server.clone(), user: login.user.clone() };
        let credentials = shared.settings.credentials(login);
        let permits = {
            let mut users = shared.users();
            let user = users.entry(key.clone()).or_insert_with(|| User {
                permits: Arc::new(Semaphore::new(shared.settings.connections)),
                idle: Vec::new(),
            });
            Arc::clone(&user.permits)
        };
        let user = within(shared.settings.patience(), permits.acquire_owned(), "all connections are busy").await?;
        while let Some(mut idle) = shared.take(&key, &credentials.password) {
            if idle.connection.is_alive(idle.since.elapsed()).await {
                return Ok(Lease {
                    connection: Some(idle.connection),
                    shared: Arc::clone(shared),
                    key,
                    password: idle.password,
                    site: Some(idle.site),
                    _user: user,
                    fresh: false,
                });
            }
        }
        let site = shared.permit().await?;
        let connection = Connection::open(server, &shared.settings, &credentials).await?;
        Ok(Lease {
            connection: Some(connection),
            shared: Arc::clone(shared),
            key,
            password: credentials.password,
            site: Some(site),
            _user: user,
            fresh: true,
        })
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
        let mut users = self.users();
        let idle = &mut users.get_mut(key)?.idle;
        idle.retain(|idle| idle.password.expose_secret() == password.expose_secret());
        idle.pop()
    }

    /// The right to open a connection; the one that nobody has used for longest makes room.
    async fn permit(&self) -> Result<OwnedSemaphorePermit, Error> {
        if let Ok(permit) = Arc::clone(&self.site).try_acquire_owned() {
            return Ok(permit);
        }
        drop(self.oldest());
        let waiting = Arc::clone(&self.site).acquire_owned();
        within(self.settings.patience(), waiting, "all connections of the site are busy (max_connections in [imap])")
            .await
    }

    fn oldest(&self) -> Option<Idle> {
        let mut users = self.users();
        let user = users.values_mut().filter(|user| !user.idle.is_empty());
        let user = user.min_by_key(|user| user.idle.first().map(|idle| idle.since))?;
        Some(user.idle.remove(0))
    }

    /// Closes what nobody has used for long enough.
    async fn sweep(&self) {
        let limit = Duration::from_secs(self.settings.idle);
        let mut old = Vec::new();
        self.users().retain(|_, user| {
            let keep = user.idle.partition_point(|idle| idle.since.elapsed() >= limit);
            old.extend(user.idle.drain(..keep));
            !user.idle.is_empty() || Arc::strong_count(&user.permits) > 1
        });
        for idle in old {
            idle.connection.close().await;
        }
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
        let idle = Idle { connection, since: Instant::now(), password: self.password.clone(), site };
        if let Some(user) = self.shared.users().get_mut(&self.key) {
            user.idle.push(idle);
        }
        let shared = Arc::clone(&self.shared);
        runtime.spawn(async move {
            tokio::time::sleep(Duration::from_secs(shared.settings.idle) + Duration::from_millis(100)).await;
            shared.sweep().await;
        });
    }
}

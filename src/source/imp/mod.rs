//! Mail: the mailboxes of the IMAP server that IMP uses, as folders of one user. What has no place there (details of flags, when a mail was
//! answered) is kept beside it in the state directory.

mod acts;
mod criteria;
mod drafts;
mod ear;
mod eye;
#[cfg(test)]
mod fake;
mod fault;
mod flags;
mod folders;
mod history;
mod mail;
mod names;
mod part;
mod postbox;
mod read;
mod show;
mod slow;
mod table;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

pub use acts::{Found, Moved};
pub use criteria::{Criteria, Criterion};
pub use drafts::Desk;
pub use eye::Eye;
pub use flags::Verb;
pub use names::{Reference, Uid, is_container};
pub use postbox::Postbox;

use super::{Changed, Changes, Container, Error, Fetched, Source, Want, app::fault::of_site, kronolith::home};
use crate::{
    convert::ical::Home,
    horde::Session,
    imap::{Command, Lease, Login, Pool, Selected, Settings, UidSet},
    net::{Security, Server, Tls},
    proto::{
        Version,
        class::{Class, Patch, Properties, Scope, View},
    },
    state::Beside,
    wbxml::tag::email as e,
};
use fault::{of_folder, of_write, unavailable};
use table::{Known, Table};

/// How long Horde's word on the mail server is believed.
const BELIEVED: Duration = Duration::from_secs(600);
/// Longest list of deleted messages that is taken; beyond it a listing is cheaper.
const MOST_GONE: u64 = 100_000;

/// What was heard of users, and when.
type Believed<T> = Arc<Mutex<HashMap<String, (Instant, T)>>>;

/// Lets one in at a time.
type Turns = Arc<tokio::sync::Mutex<()>>;

/// What all users share: the connections, and where Horde says that their mail is.
#[derive(Debug, Clone)]
pub struct Shared {
    pool: Pool,
    servers: Believed<Server>,
    homes: Believed<Arc<Home>>,
    /// A user's looks at folders without a history are taken one at a time: each counts on from the one before.
    looks: Arc<Mutex<HashMap<String, Turns>>>,
    /// When the administrator was last told that news cannot be listened to.
    complained: Arc<Mutex<Option<Instant>>>,
}

impl Shared {
    /// Without a connection yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            pool: Pool::new(settings),
            servers: Arc::default(),
            homes: Arc::default(),
            looks: Arc::default(),
            complained: Arc::default(),
        }
    }
}

impl Shared {
    async fn turn(&self, user: &str) -> tokio::sync::OwnedMutexGuard<()> {
        let turns = {
            let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
            looks.retain(|_, turns| Arc::strong_count(turns) > 1);
            Arc::clone(looks.entry(user.to_owned()).or_default())
        };
        turns.lock_owned().await
    }
}

impl Default for Shared {
    fn default() -> Self {
        Self::new(Settings::default())
    }
}

/// The mail of one user.
#[derive(Debug, Clone)]
pub struct Imp {
    session: Session,
    beside: Beside,
    shared: Shared,
    /// Without it no drafts are written.
    desk: Option<Arc<Desk>>,
}

/// A mailbox that is selected.
struct Open {
    lease: Lease,
    known: Known,
    selected: Selected,
}

impl Imp {
    /// The mail of the user of `session`; `beside` is his for this class.
    pub fn new(session: Session, beside: Beside, shared: &Shared) -> Self {
        Self { session, beside, shared: shared.clone(), desk: None }
    }

    fn user(&self) -> &str {
        self.session.user()
    }

    async fn lease(&self) -> Result<Lease, Error> {
        let pool = &self.shared.pool;
        let server = if pool.settings().url.is_empty() { Some(self.server().await?) } else { None };
        pool.lease(&self.login(), server.as_ref()).await.map_err(of_folder)
    }

    fn login(&self) -> Login {
        let login = self.session.login();
        Login { user: login.user.clone(), password: login.password.clone() }
    }

    /// Zone and addresses of the user, for meetings in mails; without Horde as this machine has them.
    pub async fn home(&self) -> Arc<Home> {
        let lock = || self.shared.homes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, home)) = lock().get(self.user()).filter(|(at, _)| at.elapsed() < BELIEVED) {
            return Arc::clone(home);
        }
        let answers = match self.session.batch(home::calls()).await {
            Ok(answers) => answers,
            Err(error) => {
                log::warn!("the time zone of {} is not known for now: {error}", self.user());
                return Arc::new(home::home(self.user(), &[]));
            }
        };
        let home = Arc::new(home::home(self.user(), &answers));
        let mut homes = lock();
        homes.retain(|_, (at, _)| at.elapsed() < BELIEVED);
        homes.insert(self.user().to_owned(), (Instant::now(), Arc::clone(&home)));
        home
    }

    /// The server that Horde's settings name for this user.
    async fn server(&self) -> Result<Server, Error> {
        let lock = || self.shared.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, server)) = lock().get(self.user()).filter(|(at, _)| at.elapsed() < BELIEVED) {
            return Ok(server.clone());
        }
        let answer = self.session.read("mail.server", Vec::new()).await.map_err(of_site)?;
        let server = server_of(&answer, self.shared.pool.settings().tls)
            .ok_or_else(|| unavailable("Horde names no IMAP server (url in [imap])".to_owned()))?;
        let mut servers = lock();
        servers.retain(|_, (at, _)| at.elapsed() < BELIEVED);
        servers.insert(self.user().to_owned(), (Instant::now(), server.clone()));
        Ok(server)
    }

    /// Selects the mailbox of a folder, and makes sure that it is still the one that the id stands for.
    async fn open(&self, container: &str, write: bool) -> Result<Open, Error> {
        let mut lease = self.lease().await?;
        let mut known = self.known(&mut lease, container).await?;
        if known.hollow {
            return Err(Error::NotFound);
        }
        for again in [true, false] {
            match lease.select(&known.name, write).await.map_err(of_folder) {
                Ok(selected) if selected.uid_validity == known.validity => {
                    if write && selected.read_only {
                        return Err(Error::Denied);
                    }
                    return Ok(Open { lease, known, selected });
                }
                Ok(_) | Err(Error::ContainerGone) if again => {
                    known = self.survey(&mut lease).await?.find(container).cloned().ok_or(Error::ContainerGone)?;
                }
                Ok(_) => break,
                Err(error) => return Err(error),
            }
        }
        Err(unavailable(format!("mailbox {:?} changes while it is looked at", known.name)))
    }

    /// Whether the folder has no messages by its nature.
    async fn is_hollow(&self, container: &str) -> Result<bool, Error> {
        match Table::load(&self.beside)?.find(container) {
            Some(known) => Ok(known.hollow),
            None => Ok(self.known(&mut *self.lease().await?, container).await?.hollow),
        }
    }

    /// Whether there is such a message, which is not marked as deleted.
    async fn is_there(open: &mut Open, uid: Uid) -> Result<bool, Error> {
        if uid.validity != open.selected.uid_validity {
            return Ok(false);
        }
        let criteria = Command::new(&format!("UID {} UNDELETED", uid.uid));
        Ok(open.lease.search(&criteria).await.map_err(of_folder)?.contains(uid.uid))
    }
}

fn server_of(answer: &serde_json::Value, tls: Tls) -> Option<Server> {
    let text = |name: &str| {
        let value = answer.get(name)?;
        value.as_str().map(str::to_owned).or_else(|| value.as_u64().map(|number| number.to_string()))
    };
    let host = text("hostspec").filter(|host| !host.is_empty())?;
    let secure = text("secure").unwrap_or_default().to_lowercase();
    let encrypted =
        answer.get("secure").and_then(serde_json::Value::as_bool) == Some(true) || secure.starts_with("tls");
    let security = match secure.as_str() {
        "ssl" | "sslv2" | "sslv3" => Security::Wrapped,
        _ if encrypted => Security::of(if tls == Tls::None { Tls::Auto } else { tls }, &host),
        _ => Security::of(tls, &host),
    };
    let default = if security == Security::Wrapped { 993 } else { 143 };
    let port = text("port").and_then(|port| port.parse().ok()).unwrap_or(default);
    Some(Server { host, port, security })
}

/// Seconds since 1970.
fn unix_time() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// `7-Feb-2026`, UTC, as SEARCH wants it.
fn search_date(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds.max(0)).unwrap_or_default().strftime("%-d-%b-%Y").to_string()
}

/// `07-Feb-2026 09:30:00 +0000`, as APPEND wants it.
fn internal_date(seconds: u64) -> String {
    let at = jiff::Timestamp::from_second(i64::try_from(seconds).unwrap_or_default()).unwrap_or_default();
    at.strftime("%d-%b-%Y %H:%M:%S +0000").to_string()
}

fn one(uid: u32) -> UidSet {
    UidSet::from_iter([uid])
}

impl Source for Imp {
    fn class(&self) -> Class {
        Class::Email
    }

    /// The folders as they were last seen while the server is away.
    async fn containers(&self) -> Result<Vec<Container>, Error> {
        let surveyed = match self.lease().await {
            Ok(mut lease) => self.survey(&mut lease).await,
            Err(error) => Err(error),
        };
        match surveyed {
            Ok(table) => Ok(table.containers()),
            Err(error @ Error::Unavailable { .. }) => {
                let table = Table::load(&self.beside)?;
                if table.folders.is_empty() {
                    return Err(error);
                }
                log::warn!("mail folders of {} as they were last seen: {error}", self.user());
                Ok(table.containers())
            }
            Err(error) => Err(error),
        }
    }

    async fn cursor(&self, container: &str) -> Result<u64, Error> {
        if self.is_hollow(container).await? {
            return Ok(0);
        }
        let mut lease = self.lease().await?;
        self.point(&mut lease, container).await
    }

    async fn cursors(&self, containers: &[String]) -> Result<Vec<u64>, Error> {
        if let [container] = containers {
            return Ok(vec![self.cursor(container).await?]);
        }
        let mut lease = self.lease().await?;
        self.points(&mut lease, containers).await
    }

    async fn changes(&self, container: &str, from: u64, to: u64) -> Result<Changes, Error> {
        if self.is_hollow(container).await? {
            return Ok(Changes::default());
        }
        self.happened(container, from, to).await
    }

    /// The newest first. Messages that are marked as deleted are not there, as in IMP.
    async fn list(&self, container: &str, scope: Scope) -> Result<Vec<String>, Error> {
        if self.is_hollow(container).await? {
            return Ok(Vec::new());
        }
        let mut open = self.open(container, false).await?;
        let criteria = match scope {
            // Dates of SEARCH have no zone: a day more is sure to have all.
            Scope::Since(bound) => format!("UNDELETED SINCE {}", search_date(bound - 86400)),
            Scope::All | Scope::Incomplete => "UNDELETED".to_owned(),
        };
        let uids = open.lease.search(&Command::new(&criteria)).await.map_err(of_folder)?;
        let validity = open.selected.uid_validity;
        let mut uids: Vec<String> = uids.iter().take(1 << 22).map(|uid| Uid { validity, uid }.to_string()).collect();
        uids.reverse();
        Ok(uids)
    }

    async fn fetch(&self, container: &str, uids: &[String], ahead: &[String]) -> Result<Vec<Fetched>, Error> {
        self.fetch_for(container, uids, ahead, Want::Whole(&View::plain(Version::V14_1))).await
    }

    async fn fetch_for(
        &self,
        container: &str,
        uids: &[String],
        _ahead: &[String],
        want: Want<'_>,
    ) -> Result<Vec<Fetched>, Error> {
        if uids.is_empty() {
            return Ok(Vec::new());
        }
        if self.is_hollow(container).await? {
            return Ok(uids.iter().map(|_| Fetched::Missing).collect());
        }
        self.read(container, uids, want).await
    }

    async fn add(&self, container: &str, wish: &str, item: &Properties) -> Result<String, Error> {
        self.add_draft(container, wish, item).await
    }

    fn grants_uids(&self) -> bool {
        false
    }

    async fn change(&self, container: &str, uid: &str, patch: &Patch) -> Result<(), Error> {
        self.set_flags(container, Uid::parse(uid).ok_or(Error::NotFound)?, patch).await
    }

    async fn revise(&self, container: &str, uid: &str, patch: &Patch) -> Result<Changed, Error> {
        let flags = [e::READ, e::FLAG, e::CATEGORIES];
        let more = patch.set.0.keys().chain(&patch.clear).any(|tag| !flags.contains(tag));
        if more && self.are_drafts(container)? {
            return self.revise_draft(container, Uid::parse(uid).ok_or(Error::NotFound)?, patch).await;
        }
        self.change(container, uid, patch).await.map(|()| Changed::Kept)
    }

    async fn discard(&self, container: &str, uid: &str, for_good: bool) -> Result<(), Error> {
        let uid = Uid::parse(uid).ok_or(Error::NotFound)?;
        let mut open = self.open(container, true).await?;
        if !Self::is_there(&mut open, uid).await? {
            return Err(Error::NotFound);
        }
        let trash = if for_good { None } else { self.special(&mut open.lease, super::Role::Trash).await? };
        let set = one(uid.uid);
        match trash.filter(|trash| trash.id != container) {
            Some(trash) => {
                let placed = acts::place(&mut open, &set, &trash.name).await?;
                if let Some(new) = placed.and_then(|placed| acts::now(&placed, uid)) {
                    return self.carry((container, uid), (&trash.id, new)).await;
                }
            }
            None => open.lease.remove(&set).await.map_err(of_write)?,
        }
        self.forget(container, uid).await
    }

    async fn delete(&self, container: &str, uid: &str) -> Result<(), Error> {
        self.discard(container, uid, true).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn servers_as_horde_names_them() {
        for (answer, tls, expected) in [
            (
                json!({"hostspec": "127.0.0.1", "port": "21143", "secure": false}),
                Tls::Auto,
                ("127.0.0.1", 21143, Security::None),
            ),
            (
                json!({"hostspec": "mail.example.org", "port": 143, "secure": "tls"}),
                Tls::None,
                ("mail.example.org", 143, Security::Starttls),
            ),
            (
                json!({"hostspec": "mail.example.org", "secure": "ssl"}),
                Tls::Auto,
                ("mail.example.org", 993, Security::Wrapped),
            ),
            (
                json!({"hostspec": "mail.example.org", "secure": false}),
                Tls::Auto,
                ("mail.example.org", 143, Security::Starttls),
            ),
            (
                json!({"hostspec": "mail.example.org", "secure": false}),
                Tls::None,
                ("mail.example.org", 143, Security::None),
            ),
        ] {
            let server = server_of(&answer, tls).unwrap();
            assert_eq!((server.host.as_str(), server.port, server.security), expected);
        }
        assert_eq!(server_of(&json!({}), Tls::Auto), None);
        assert_eq!(server_of(&json!(null), Tls::Auto), None);
    }

    #[test]
    fn dates_of_searches() {
        assert_eq!(search_date(1_770_422_400), "7-Feb-2026");
        assert_eq!(search_date(-5), "1-Jan-1970");
        assert_eq!(internal_date(1_770_456_600), "07-Feb-2026 09:30:00 +0000");
    }
}

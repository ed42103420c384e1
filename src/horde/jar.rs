//! Horde sessions (cookies), kept per user and password.
//!
//! With a valid cookie Horde looks neither at the user name nor at the password (`horde-rpc.md` 2), so a cookie is only ever sent
//! for the user **and** the password with which it was got, and only for a few minutes: every cookie is born in a call without
//! cookies, which is at the same time the renewed check of the password.
//! PHP lets the calls of one session run one after the other; therefore each running call has a jar of its own.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, atomic::AtomicU64},
    time::{Duration, Instant},
};

use ring::hmac;
use secrecy::ExposeSecret;

use super::Login;

/// Most cookies of one session that are kept.
const MOST_COOKIES: usize = 16;
/// What stands between two cookies; no name or value has it.
const APART: &str = "; ";
/// Longest cookie that is kept.
const LONGEST_COOKIE: usize = 4096;
/// How often users without sessions are forgotten.
const SWEEP: Duration = Duration::from_secs(60);

/// Keyed hash of user and password.
pub(super) type Tag = [u8; 32];

/// The cookies of one Horde session.
#[derive(Debug, Clone)]
pub(super) struct Jar {
    born: Instant,
    /// As the `Cookie` header has them: there are some for each user who has asked something not long ago.
    cookies: String,
}

impl Jar {
    pub(super) fn new() -> Self {
        Self { born: Instant::now(), cookies: String::new() }
    }

    /// Takes one `Set-Cookie` value.
    pub(super) fn set(&mut self, header: &str) {
        let mut parts = header.split(';');
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { return };
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() || header.len() > LONGEST_COOKIE {
            return;
        }
        let others =
            self.cookies.split(APART).filter(|known| known.split_once('=').is_some_and(|(known, _)| known != name));
        let mut cookies: Vec<&str> = others.collect();
        let new = format!("{name}={value}");
        if !parts.any(is_removal) && cookies.len() < MOST_COOKIES {
            cookies.push(&new);
        }
        self.cookies = cookies.join(APART);
    }

    /// The `Cookie` header.
    pub(super) fn header(&self) -> &str {
        &self.cookies
    }

    fn is_empty(&self) -> bool {
        self.cookies.is_empty()
    }
}

/// Whether that attribute says that the cookie is over.
fn is_removal(attribute: &str) -> bool {
    let attribute = attribute.trim().to_ascii_lowercase();
    match attribute.split_once('=') {
        Some(("max-age", seconds)) => seconds.trim().parse::<i64>().is_ok_and(|seconds| seconds <= 0),
        Some(("expires", date)) => date.contains("1970"),
        _ => false,
    }
}

/// The idle sessions that were got with one password.
#[derive(Debug)]
struct Bunch {
    tag: Tag,
    jars: Vec<Jar>,
    used: Instant,
    /// Older jars are void.
    since: Instant,
}

/// What belongs to one user, whatever his devices.
#[derive(Debug, Default)]
pub(super) struct Person {
    /// Held by the one write that is running.
    pub(super) writes: Arc<tokio::sync::Mutex<()>>,
    /// Requests made for him.
    pub(super) requests: AtomicU64,
    bunches: Mutex<Vec<Bunch>>,
    /// The logins in use, by user and password.
    logins: Mutex<Vec<(Tag, Weak<Login>)>>,
}

impl Person {
    fn bunches(&self) -> MutexGuard<'_, Vec<Bunch>> {
        self.bunches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The login, shared by all who use it at the same time: however many devices of a user wait, his password is in memory once.
    pub(super) fn login(&self, tag: &Tag, login: &Login) -> Arc<Login> {
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        logins.retain(|(_, known)| known.strong_count() > 0);
        if let Some(known) = logins.iter().find(|(known, _)| known == tag).and_then(|(_, known)| known.upgrade()) {
            return known;
        }
        let shared = Arc::new(login.clone());
        logins.push((*tag, Arc::downgrade(&shared)));
        shared
    }

    /// Takes an idle session that was got with that password less than `age` ago.
    pub(super) fn take(&self, tag: &Tag, age: Duration) -> Option<Jar> {
        let mut bunches = self.bunches();
        let bunch = bunches.iter_mut().find(|bunch| bunch.tag == *tag)?;
        bunch.used = Instant::now();
        bunch.jars.retain(|jar| jar.born.elapsed() < age);
        bunch.jars.pop()
    }

    /// Puts a session back after use, at most `most` of them. The first session with a password that was not in use puts an end to the
    /// sessions of other passwords: most likely the password was changed.
    pub(super) fn put(&self, tag: &Tag, jar: Jar, most: usize) {
        if jar.is_empty() {
            return;
        }
        let mut bunches = self.bunches();
        let now = Instant::now();
        if let Some(bunch) = bunches.iter_mut().find(|bunch| bunch.tag == *tag) {
            if jar.born >= bunch.since && bunch.jars.len() < most {
                bunch.jars.push(jar);
            }
            return;
        }
        for other in bunches.iter_mut() {
            other.jars.clear();
            other.since = now;
        }
        bunches.push(Bunch { tag: *tag, since: jar.born, jars: vec![jar], used: now });
    }

    /// Drops the sessions of a password that Horde does not accept (any more).
    pub(super) fn forget(&self, tag: &Tag) {
        let now = Instant::now();
        if let Some(bunch) = self.bunches().iter_mut().find(|bunch| bunch.tag == *tag) {
            bunch.jars.clear();
            bunch.since = now;
        }
    }

    /// Drops what was not used for `age`; tells whether nothing is left.
    fn sweep(&self, age: Duration) -> bool {
        let mut bunches = self.bunches();
        bunches.retain(|bunch| bunch.used.elapsed() < age);
        bunches.is_empty()
    }
}

/// All users.
#[derive(Debug)]
pub(super) struct People {
    key: hmac::Key,
    known: Mutex<(Instant, HashMap<String, Arc<Person>>)>,
}

impl People {
    pub(super) fn new() -> Result<Self, String> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &ring::rand::SystemRandom::new())
            .map_err(|_| "the system gives no random numbers".to_owned())?;
        Ok(Self { key, known: Mutex::new((Instant::now(), HashMap::new())) })
    }

    /// The keyed hash under which the sessions of that login are kept; worth nothing outside of this process.
    pub(super) fn tag(&self, login: &Login) -> Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&(login.user.len() as u64).to_be_bytes());
        context.update(login.user.as_bytes());
        context.update(login.password.expose_secret().as_bytes());
        let mut tag = Tag::default();
        for (to, from) in tag.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        tag
    }

    /// What belongs to that user; forgets users that were idle for `age` now and then.
    pub(super) fn person(&self, user: &str, age: Duration) -> Arc<Person> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (swept, people) = &mut *known;
        if swept.elapsed() > SWEEP {
            *swept = Instant::now();
            people.retain(|_, person| !person.sweep(age) || Arc::strong_count(person) > 1);
        }
        Arc::clone(people.entry(user.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE: Duration = Duration::from_secs(300);

    fn login(user: &str, password: &str) -> Login {
        Login { user: user.into(), password: password.to_owned().into() }
    }

    fn jar(value: &str) -> Jar {
        let mut jar = Jar::new();
        jar.set(&format!("Horde={value}; path=/horde; HttpOnly"));
        jar
    }

    #[test]
    fn cookies_are_set_replaced_and_removed() {
        let mut jar = jar("a=b");
        jar.set("horde_secret_key=k; path=/horde");
        jar.set("default_horde_view=deleted; expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0; path=/horde");
        assert_eq!(jar.header(), "Horde=a=b; horde_secret_key=k");
        jar.set("Horde=c");
        jar.set("nonsense");
        jar.set("=x");
        assert_eq!(jar.header(), "horde_secret_key=k; Horde=c");
        jar.set("Horde=; Max-Age=-1");
        assert_eq!(jar.header(), "horde_secret_key=k");
        for n in 0..100 {
            jar.set(&format!("c{n}=1"));
        }
        assert_eq!(jar.header().split(APART).count(), MOST_COOKIES);
    }

    #[test]
    fn tags_depend_on_user_and_password_and_process() {
        let people = People::new().unwrap();
        assert_eq!(people.tag(&login("a", "b")), people.tag(&login("a", "b")));
        assert_ne!(people.tag(&login("a", "bc")), people.tag(&login("ab", "c")));
        assert_ne!(people.tag(&login("a", "b")), people.tag(&login("a", "c")));
        assert_ne!(people.tag(&login("a", "b")), People::new().unwrap().tag(&login("a", "b")));
    }

    #[test]
    fn a_password_is_in_memory_once_and_not_longer_than_needed() {
        let person = Person::default();
        let first = person.login(&[1; 32], &login("a", "b"));
        let again = person.login(&[1; 32], &login("a", "b"));
        let other = person.login(&[2; 32], &login("a", "c"));
        assert!(Arc::ptr_eq(&first, &again) && !Arc::ptr_eq(&first, &other));
        assert_eq!(other.password.expose_secret(), "c");
        let weak = Arc::downgrade(&first);
        drop((first, again));
        assert!(weak.upgrade().is_none());
        let third = person.login(&[3; 32], &login("a", "d"));
        assert_eq!(person.logins.lock().unwrap().len(), 2, "what nobody uses is forgotten");
        drop((other, third));
    }

    #[test]
    fn another_password_never_gets_the_cookie() {
        let person = Person::default();
        person.put(&[1; 32], jar("one"), 4);
        assert!(person.take(&[2; 32], AGE).is_none());
        let taken = person.take(&[1; 32], AGE).unwrap();
        assert_eq!(taken.header(), "Horde=one");
        assert!(person.take(&[1; 32], AGE).is_none(), "in use");
        person.put(&[2; 32], jar("two"), 4);
        person.put(&[1; 32], taken, 4);
        assert!(person.take(&[1; 32], AGE).is_none(), "void since the new password was accepted");
        person.put(&[1; 32], jar("three"), 4);
        assert_eq!(person.take(&[2; 32], AGE).unwrap().header(), "Horde=two", "known passwords live side by side");
    }

    #[test]
    fn sessions_are_bounded_in_age_and_number() {
        let person = Person::default();
        for _ in 0..5 {
            person.put(&[1; 32], jar("x"), 2);
        }
        assert!(person.take(&[1; 32], AGE).is_some());
        assert!(person.take(&[1; 32], Duration::ZERO).is_none());
        assert!(person.take(&[1; 32], AGE).is_none());
        person.put(&[1; 32], jar("x"), 2);
        person.forget(&[1; 32]);
        assert!(person.take(&[1; 32], AGE).is_none());
        assert!(!person.sweep(AGE));
        assert!(person.sweep(Duration::ZERO));
    }
}

//! What is known of a user between calls: time zone, mail addresses, calendars.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::tz::TimeZone;
use serde_json::json;
use tokio::sync::OwnedMutexGuard;

use super::{Answer, call};
use crate::{convert::ical::Home, convert::zone, horde::Call, source::cache, state::php};

/// How long preferences are believed.
const BELIEVED: Duration = Duration::from_secs(600);
/// Most users of whom anything is remembered.
const USERS: usize = 10_000;

/// The shared memory of one Horde site. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Shared {
    pub(super) rows: cache::Shared,
    people: Arc<Mutex<HashMap<String, Person>>>,
}

#[derive(Debug, Default)]
struct Person {
    home: Option<(Instant, Arc<Home>)>,
    calendars: Option<Vec<String>>,
    writing: Arc<tokio::sync::Mutex<()>>,
}

impl Shared {
    /// An empty memory, for one site.
    pub fn new() -> Self {
        Self::default()
    }

    fn people(&self) -> MutexGuard<'_, HashMap<String, Person>> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn home(&self, user: &str) -> Option<Arc<Home>> {
        let people = self.people();
        let (at, home) = people.get(user)?.home.as_ref()?;
        (at.elapsed() < BELIEVED).then(|| home.clone())
    }

    pub(super) fn set_home(&self, user: &str, home: Home) -> Arc<Home> {
        let home = Arc::new(home);
        self.with(user, |person| person.home = Some((Instant::now(), home.clone())));
        home
    }

    /// The calendars that the user could see when Horde was last asked.
    pub(super) fn calendars(&self, user: &str) -> Option<Vec<String>> {
        self.people().get(user)?.calendars.clone()
    }

    pub(super) fn set_calendars(&self, user: &str, calendars: Vec<String>) {
        self.with(user, |person| person.calendars = Some(calendars));
    }

    /// The turn of a user to read, write and read back: whoever wrote in between would be taken for Horde, that has lost something.
    pub(super) async fn turn(&self, user: &str) -> OwnedMutexGuard<()> {
        let mut writing: Arc<tokio::sync::Mutex<()>> = Arc::default();
        self.with(user, |person| writing = person.writing.clone());
        writing.lock_owned().await
    }

    fn with(&self, user: &str, f: impl FnOnce(&mut Person)) {
        let mut people = self.people();
        if people.len() >= USERS {
            people.retain(|_, person| person.home.as_ref().is_some_and(|(at, _)| at.elapsed() < BELIEVED));
        }
        f(people.entry(user.to_owned()).or_default());
    }
}

/// The questions that [`home`] is made of.
pub(super) fn calls() -> Vec<Call> {
    [("horde", "timezone"), ("horde", "identities"), ("horde", "default_identity"), ("imp", "identities")]
        .map(|(app, name)| call("horde.getPreference", vec![json!(app), json!(name)]))
        .to_vec()
}

/// Zone and addresses from the answers to [`calls`]; what Horde does not tell is as the user name and this machine have it.
pub(super) fn home(user: &str, answers: &[Answer]) -> Home {
    let text = |n: usize| match answers.get(n) {
        Some(Ok(serde_json::Value::String(text))) => text.clone(),
        Some(Ok(serde_json::Value::Number(number))) => number.to_string(),
        _ => String::new(),
    };
    let zone = zone::canonical(&text(0)).unwrap_or_else(here);
    let mut addresses = Vec::new();
    for n in [1, 3] {
        addresses.extend(identities(&text(n), &text(2)));
    }
    // Where no identity has an address Horde takes the user name for one.
    addresses.push(user.to_lowercase());
    let mut met = std::collections::HashSet::new();
    addresses.retain(|address| !address.is_empty() && met.insert(address.clone()));
    Home { zone, addresses }
}

/// A user without a zone has that of PHP, which tells it to nobody; most often that of the machine, as this program's.
fn here() -> String {
    TimeZone::system().iana_name().and_then(zone::canonical).unwrap_or_else(|| "UTC".to_owned())
}

/// The addresses in PHP's serialised identities, those of the default one first.
fn identities(serialised: &str, default: &str) -> Vec<String> {
    let Ok(value) = php::unserialize(serialised.as_bytes()) else { return Vec::new() };
    let mut entries: Vec<_> = value.entries().unwrap_or_default().iter().collect();
    entries.sort_by_key(|(key, _)| key.text().as_deref() != Some(if default.is_empty() { "0" } else { default }));
    let mut addresses = Vec::new();
    for (_, identity) in entries {
        addresses.extend(identity.get("from_addr").and_then(php::Value::text));
        let aliases = identity.get("alias_addr").and_then(php::Value::entries).unwrap_or_default();
        addresses.extend(aliases.iter().filter_map(|(_, alias)| alias.text()));
    }
    addresses.iter().map(|address| address.trim().to_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_of_a_user() {
        let identities = "a:2:{i:0;a:2:{s:9:\"from_addr\";s:13:\"B@Example.org\";s:10:\"alias_addr\";a:1:{i:0;s:3:\"x@y\";}}\
                          i:1;a:1:{s:9:\"from_addr\";s:13:\"a@example.org\";}}";
        let answers = [Ok(json!("Europe/Berlin")), Ok(json!(identities)), Ok(json!("1")), Ok(json!("a:0:{}"))];
        let home = home("Ann", &answers);
        assert_eq!(home.zone, "Europe/Berlin");
        assert_eq!(home.addresses, ["a@example.org", "b@example.org", "x@y", "ann"]);
    }

    #[test]
    fn a_user_who_has_set_nothing() {
        let home = home("ann", &[Ok(json!("")), Ok(json!("rubbish"))]);
        assert!(jiff::tz::TimeZone::get(&home.zone).is_ok());
        assert_eq!(home.addresses, ["ann"]);
    }
}

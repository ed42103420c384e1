//! Who the user is: time zone and mail addresses in Horde's preferences, and his calendars. Asked for now and then.

use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::json;

use super::Kronolith;
use crate::{
    convert::{ical::Home, zone},
    horde::Call,
    source::{Error, Source, app::Answer, identity},
};

impl Kronolith {
    /// The user, as far as he is known already.
    pub(super) fn known_home(&self) -> Option<Arc<Home>> {
        self.app.memory.fact(&self.home_fact())
    }

    /// Takes note of the user by the answers to [`calls`].
    pub(super) fn learn_home(&self, answers: &[Answer]) -> Arc<Home> {
        self.app.memory.set_fact(&self.home_fact(), home(self.app.session.user(), answers))
    }

    /// The calendars that the user sees.
    pub(super) async fn visible(&self) -> Result<Arc<Vec<String>>, Error> {
        if let Some(known) = self.app.memory.fact(&self.visible_fact()) {
            return Ok(known);
        }
        Ok(Arc::new(self.containers().await?.into_iter().map(|calendar| calendar.id).collect()))
    }

    pub(super) fn visible_fact(&self) -> String {
        format!("calendars of {}", self.app.session.user())
    }

    fn home_fact(&self) -> String {
        format!("home of {}", self.app.session.user())
    }
}

/// The questions that [`home`] is made of.
pub(in crate::source) fn calls() -> Vec<Call> {
    [("horde", "timezone"), ("horde", "identities"), ("horde", "default_identity"), ("imp", "identities")]
        .map(|(app, name)| Call { method: "horde.getPreference".to_owned(), params: vec![json!(app), json!(name)] })
        .to_vec()
}

/// Zone and addresses from the answers to [`calls`]; what Horde does not tell is as the user name and this machine have it.
pub(in crate::source) fn home(user: &str, answers: &[Answer]) -> Home {
    let text = |n: usize| match answers.get(n) {
        Some(Ok(serde_json::Value::String(text))) => text.clone(),
        Some(Ok(serde_json::Value::Number(number))) => number.to_string(),
        _ => String::new(),
    };
    let zone = zone::canonical(&text(0)).unwrap_or_else(here);
    let mut addresses = Vec::new();
    for n in [1, 3] {
        let identity = identity::parse(&text(n), text(2).trim().parse().unwrap_or(0));
        addresses.extend(identity.addresses.iter().map(|address| address.to_lowercase()));
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

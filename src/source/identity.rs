//! Who the user is to others: name and mail addresses, from Horde's preferences.

use serde_json::{Value, json};

use crate::{
    convert::itip::{Person, is_address},
    horde::{self, Call, Session},
    state::php,
};

/// What others know the user by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Full name of the default identity; may be empty.
    pub name: String,
    /// All of the user's mail addresses as he wrote them, the main one first; none when neither Horde nor the configuration knows any.
    pub addresses: Vec<String>,
    /// The zone of the user, as Horde has it; may be empty.
    pub zone: String,
}

impl Identity {
    /// Asks Horde. A user who has set no address has `user@domain`, if there is a domain.
    ///
    /// # Errors
    /// Horde cannot be asked.
    pub async fn of(session: &Session, domain: &str) -> Result<Self, horde::Error> {
        let call = |name| Call { method: "horde.getPreference".to_owned(), params: vec![json!("horde"), json!(name)] };
        let results = session.batch(["identities", "default_identity", "timezone"].map(call).to_vec()).await?;
        let mut results = results.into_iter();
        let mut next = || results.next().unwrap_or(Ok(Value::Null));
        let identities = next()?.as_str().unwrap_or_default().to_owned();
        let default = next()?;
        let default = default.as_u64().or_else(|| default.as_str()?.trim().parse().ok()).unwrap_or(0);
        let mut identity = parse(&identities, default);
        identity.zone = next()?.as_str().unwrap_or_default().to_owned();
        if identity.addresses.is_empty() {
            identity.addresses.extend(fallback(session.user(), domain));
        }
        Ok(identity)
    }

    /// Name and main address; `None` when there is no address.
    pub fn person(&self) -> Option<Person> {
        let address = self.addresses.first()?.clone();
        Some(Person { name: self.name.clone(), address })
    }

    /// Whether an address is one of the user's.
    pub fn has(&self, address: &str) -> bool {
        let address = address.trim();
        self.addresses.iter().any(|own| own.eq_ignore_ascii_case(address))
    }
}

/// The addresses of all identities in PHP's serialised form, that of the default one first.
pub(super) fn parse(identities: &str, default: u64) -> Identity {
    let mut found = Identity::default();
    let identities = php::unserialize(identities.as_bytes()).unwrap_or(php::Value::Null);
    let entries = identities.entries().unwrap_or_default();
    let is_default = |key: &php::Value| key.text() == Some(default.to_string());
    let (first, others): (Vec<_>, Vec<_>) = entries.iter().partition(|(key, _)| is_default(key));
    for (_, identity) in first.into_iter().chain(others) {
        if found.name.is_empty() {
            found.name = identity.get("fullname").and_then(php::Value::text).unwrap_or_default().trim().to_owned();
        }
        for address in ["from_addr", "alias_addr"].into_iter().flat_map(|key| texts(identity.get(key))) {
            if is_address(&address) && !found.has(&address) {
                found.addresses.push(address);
            }
        }
    }
    found
}

/// The texts of a preference: one, one per line, or an array of them.
fn texts(value: Option<&php::Value>) -> Vec<String> {
    let lines = |value: &php::Value| -> Vec<String> {
        value.text().unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    };
    match value {
        Some(value) => match value.entries() {
            Some(entries) => entries.iter().flat_map(|(_, value)| lines(value)).collect(),
            None => lines(value),
        },
        None => Vec::new(),
    }
}

/// The address of a user who has set none in Horde.
fn fallback(user: &str, domain: &str) -> Option<String> {
    if user.contains('@') { Some(user.to_owned()) } else { (!domain.is_empty()).then(|| format!("{user}@{domain}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_identity_comes_first_and_nothing_twice() {
        let identities = concat!(
            "a:3:{i:0;a:3:{s:2:\"id\";s:4:\"Work\";s:8:\"fullname\";s:5:\"Erika\";s:9:\"from_addr\";s:14:\"a@example.test\";}",
            "i:1;a:2:{s:9:\"from_addr\";s:14:\"b@example.test\";s:10:\"alias_addr\";a:2:{i:0;s:14:\"c@example.test\";i:1;s:14:\"A@example.test\";}}",
            "i:2;a:2:{s:9:\"from_addr\";s:7:\"nothing\";s:10:\"alias_addr\";s:29:\"d@example.test\ne@example.test\";}}"
        );
        let found = parse(identities, 1);
        let expected = ["b@example.test", "c@example.test", "A@example.test", "d@example.test", "e@example.test"];
        assert_eq!(found.addresses, expected);
        assert_eq!(found.name, "Erika");
        assert!(found.has(" B@Example.test") && !found.has("x@example.test"));
        assert_eq!(parse(identities, 7).addresses[0], "a@example.test");
        assert_eq!(parse("", 0), Identity::default());
        assert_eq!(parse("a:1:{i:0;i:5;}", 0), Identity::default());
    }

    #[test]
    fn a_user_without_identity_has_an_address_if_the_site_says_so() {
        assert_eq!(fallback("anna", "example.test").as_deref(), Some("anna@example.test"));
        assert_eq!(fallback("anna@x.test", "example.test").as_deref(), Some("anna@x.test"));
        assert_eq!(fallback("anna", ""), None);
    }
}

//! Settings: what the phone tells of itself, and the user's mail addresses (MS-ASCMD 2.2.1.18).

use serde_json::{Value, json};

use super::{Context, Reply};
use crate::{
    error::Error,
    horde::{self, Call},
    proto::settings::{Action, PartResponse, Request, Response, Subject},
    state::php,
};

/// Status values (MS-ASCMD 2.2.3.177.15).
mod status {
    pub(super) const OK: u16 = 1;
    pub(super) const PROTOCOL: u16 = 2;
    pub(super) const ACCESS_DENIED: u16 = 3;
    pub(super) const UNAVAILABLE: u16 = 4;
    pub(super) const DENIED_BY_POLICY: u16 = 7;
    /// Common Status IRM_FeatureDisabled.
    pub(super) const RIGHTS_MANAGEMENT_OFF: u16 = 168;
}

/// Carries the command out.
///
/// # Errors
/// The request is malformed, the login is not accepted any more, or the state cannot be had.
pub async fn run(ctx: &Context, body: &[u8]) -> Result<Reply, Error> {
    let request = Request::read(body)?;
    if let Some(elements) = &request.device_information {
        let locked = ctx.device.lock().await?;
        locked.update(|info| info.describe(elements.iter().map(|(name, text)| (name.as_str(), text.as_str())))).await?;
    }
    let mut parts = Vec::new();
    for part in &request.parts {
        let (status, addresses) = match (part.subject, part.action) {
            (_, None) => (status::PROTOCOL, Vec::new()),
            // Stored above, if there was anything to store.
            (Subject::DeviceInformation, Some(Action::Set)) => (status::OK, Vec::new()),
            (Subject::UserInformation, Some(Action::Get)) => user_information(ctx).await?,
            (Subject::DeviceInformation | Subject::UserInformation, Some(_)) => (status::PROTOCOL, Vec::new()),
            (Subject::Oof, Some(_)) => (status::ACCESS_DENIED, Vec::new()),
            (Subject::DevicePassword, Some(_)) => (status::DENIED_BY_POLICY, Vec::new()),
            (Subject::RightsManagementInformation, Some(_)) => (status::RIGHTS_MANAGEMENT_OFF, Vec::new()),
        };
        parts.push(PartResponse { subject: part.subject, status, addresses });
    }
    let response = Response { status: status::OK, parts };
    Ok(Reply::document(response.write(ctx.version)))
}

/// The user's addresses. Trouble with Horde is the status of this part, not of the others.
async fn user_information(ctx: &Context) -> Result<(u16, Vec<String>), Error> {
    match preferences(ctx).await {
        Ok((identities, default)) => {
            let mut addresses = addresses(&identities, default);
            if addresses.is_empty() {
                addresses.extend(fallback(ctx.session.user(), &ctx.site.config.mail.domain));
            }
            Ok((status::OK, addresses))
        }
        Err(horde::Error::Unauthorized) => Err(Error::Unauthorized),
        Err(error) => {
            log::warn!("mail addresses of {}: {error}", ctx.session.user());
            Ok((status::UNAVAILABLE, Vec::new()))
        }
    }
}

/// Horde's identities in PHP's form, and the number of the default one.
async fn preferences(ctx: &Context) -> Result<(String, u64), horde::Error> {
    let call = |name| Call { method: "horde.getPreference".to_owned(), params: vec![json!("horde"), json!(name)] };
    let results = ctx.session.batch(vec![call("identities"), call("default_identity")]).await?;
    let mut results = results.into_iter();
    let mut next = || results.next().unwrap_or(Ok(Value::Null));
    let identities = next()?.as_str().unwrap_or_default().to_owned();
    let default = next()?;
    let default = default.as_u64().or_else(|| default.as_str()?.trim().parse().ok()).unwrap_or(0);
    Ok((identities, default))
}

/// The addresses of all identities, that of the default one first.
fn addresses(identities: &str, default: u64) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let identities = php::unserialize(identities.as_bytes()).unwrap_or(php::Value::Null);
    let entries = identities.entries().unwrap_or_default();
    let is_default = |key: &php::Value| key.text() == Some(default.to_string());
    let (first, others): (Vec<_>, Vec<_>) = entries.iter().partition(|(key, _)| is_default(key));
    for (_, identity) in first.into_iter().chain(others) {
        for address in ["from_addr", "alias_addr"].into_iter().flat_map(|key| texts(identity.get(key))) {
            let known = found.iter().any(|known| known.eq_ignore_ascii_case(&address));
            if address.contains('@') && !known {
                found.push(address);
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
            "a:3:{i:0;a:2:{s:2:\"id\";s:4:\"Work\";s:9:\"from_addr\";s:14:\"a@example.test\";}",
            "i:1;a:2:{s:9:\"from_addr\";s:14:\"b@example.test\";s:10:\"alias_addr\";a:2:{i:0;s:14:\"c@example.test\";i:1;s:14:\"A@example.test\";}}",
            "i:2;a:2:{s:9:\"from_addr\";s:7:\"nothing\";s:10:\"alias_addr\";s:29:\"d@example.test\ne@example.test\";}}"
        );
        let expected = ["b@example.test", "c@example.test", "A@example.test", "d@example.test", "e@example.test"];
        assert_eq!(addresses(identities, 1), expected);
        assert_eq!(addresses(identities, 7)[0], "a@example.test");
        assert_eq!(addresses("", 0), Vec::<String>::new());
        assert_eq!(addresses("a:1:{i:0;i:5;}", 0), Vec::<String>::new());
    }

    #[test]
    fn a_user_without_identity_has_an_address_if_the_site_says_so() {
        assert_eq!(fallback("anna", "example.test").as_deref(), Some("anna@example.test"));
        assert_eq!(fallback("anna@x.test", "example.test").as_deref(), Some("anna@x.test"));
        assert_eq!(fallback("anna", ""), None);
    }
}

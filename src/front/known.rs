//! The device behind a request: its id, its info file, and what changes in it by the mere fact of a request.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::{
    error::Error,
    proto::Version,
    state::{self, Device, DeviceId, Info},
};

/// `last_seen` is written anew when it is older, seconds.
const SEEN: u64 = 600;

/// Longest device type, characters.
const LONGEST_TYPE: usize = 64;

/// What one request says of its device.
#[derive(Debug)]
pub(super) struct Contact<'a> {
    pub(super) user: &'a str,
    pub(super) id: &'a str,
    pub(super) device_type: &'a str,
    pub(super) agent: &'a str,
    pub(super) version: Version,
    /// Versions that are offered, as X-MS-RP lists them.
    pub(super) offered: &'a str,
}

/// Checks what the query says of the device.
///
/// # Errors
/// Status 108: no id that can be used. 109: no type.
pub(super) fn check(id: &str, device_type: &str) -> Result<DeviceId, Error> {
    let id = DeviceId::new(id).map_err(|_| Error::Status(108))?;
    let length = device_type.chars().count();
    if length == 0 || length > LONGEST_TYPE || device_type.chars().any(char::is_control) {
        return Err(Error::Status(109));
    }
    Ok(id)
}

/// What an error of the state directory means to the phone. The log names the file.
pub(super) fn told(error: state::Error) -> Error {
    match error {
        state::Error::Unreadable { .. } => Error::Internal(error.to_string()),
        state::Error::Io { .. } => Error::RetryLater { reason: error.to_string(), after: Duration::from_secs(60) },
        state::Error::Name(_) => Error::Status(108),
    }
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// Makes the info file of a device that has none.
pub(super) async fn create(device: &Device, contact: &Contact<'_>, now: u64) -> Result<Info, state::Error> {
    device
        .lock()
        .await?
        .update(|info| {
            // Another request of the same phone may have been faster.
            if info.first_seen == 0 {
                info.first_seen = now;
            }
            note(info, contact, now);
        })
        .await
}

/// Writes down what has changed, if anything has. Gives what is in the file now.
pub(super) async fn refresh(
    device: &Device,
    info: Info,
    contact: &Contact<'_>,
    now: u64,
) -> Result<Info, state::Error> {
    let mut wanted = info.clone();
    note(&mut wanted, contact, now);
    if wanted == info {
        return Ok(info);
    }
    device.lock().await?.update(|info| note(info, contact, now)).await
}

/// Remembers that the device is told of the versions that are offered now.
pub(super) async fn announced(device: &Device, contact: &Contact<'_>) -> Result<(), state::Error> {
    let locked = device.lock().await?;
    locked.update(|info| contact.offered.clone_into(&mut info.announced)).await.map(drop)
}

fn note(info: &mut Info, contact: &Contact<'_>, now: u64) {
    let keep = |field: &mut String, value: &str| {
        if field != value && !value.is_empty() {
            *field = value.to_owned();
        }
    };
    keep(&mut info.user, contact.user);
    keep(&mut info.device_type, contact.device_type);
    keep(&mut info.user_agent, contact.agent);
    keep(&mut info.version, contact.version.name());
    if info.announced.is_empty() {
        contact.offered.clone_into(&mut info.announced);
    }
    if !info.id.eq_ignore_ascii_case(contact.id) {
        contact.id.clone_into(&mut info.id);
    }
    if now >= info.last_seen + SEEN || now < info.last_seen {
        info.last_seen = now;
    }
}

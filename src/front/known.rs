//! The device behind a request: its id, its info file, and what changes in it by the mere fact of a request.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::{
    error::Error,
    state::{self, Device, DeviceId, Info, Seen},
};

/// Longest device type, characters.
const LONGEST_TYPE: usize = 64;

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
        // The phone comes back by itself once the administrator has corrected the file.
        state::Error::Unreadable { .. } => {
            Error::RetryLater { reason: error.to_string(), after: Duration::from_secs(300) }
        }
        state::Error::Io { .. } => Error::RetryLater { reason: error.to_string(), after: Duration::from_secs(60) },
        state::Error::Name(_) => Error::Status(108),
    }
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// The info file as it is after this request: written only if it is new or something worth it has changed. `offered` are the
/// protocol versions as X-MS-RP lists them; a device that was never told of any has them from its OPTIONS.
pub(super) async fn refresh(
    device: &Device,
    info: Option<Box<Info>>,
    seen: Seen<'_>,
    offered: &str,
    now: u64,
) -> Result<Box<Info>, state::Error> {
    let edit = |info: &mut Info| {
        let first = info.announced.is_empty();
        if first {
            offered.clone_into(&mut info.announced);
        }
        info.touch(now, &seen) || first
    };
    if let Some(mut info) = info
        && !edit(&mut info)
    {
        return Ok(info);
    }
    device
        .lock()
        .await?
        .update(|info| {
            edit(info);
        })
        .await
        .map(Box::new)
}

/// Remembers that the device is told of the versions that are offered now.
pub(super) async fn announced(device: &Device, offered: &str) -> Result<(), state::Error> {
    device.lock().await?.update(|info| offered.clone_into(&mut info.announced)).await.map(drop)
}

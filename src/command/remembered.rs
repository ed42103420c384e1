//! What a phone need not say again: parameters of Ping, collections of Sync. One record in a journal of the device.

use serde::{Serialize, de::DeserializeOwned};

use crate::{error::Error, state::Locked};

/// What was remembered under that name.
pub(super) fn recall<T: DeserializeOwned>(locked: &Locked, name: &str) -> Result<Option<T>, Error> {
    let records = match locked.journal(name)?.load() {
        // The phone is asked to say it again.
        Err(crate::state::Error::Unreadable { .. }) => return Ok(None),
        other => other?,
    };
    Ok(records.first().and_then(|bytes| serde_json::from_slice(bytes).ok()))
}

/// Remembers `value`, if it is not what is remembered already.
pub(super) async fn remember<T: Serialize>(locked: &Locked, name: &str, value: &T) -> Result<(), Error> {
    let bytes = serde_json::to_vec(value).map_err(|e| Error::Internal(e.to_string()))?;
    let mut journal = locked.journal(name)?;
    if journal.load().is_ok_and(|records| records.first() == Some(&bytes)) {
        return Ok(());
    }
    Ok(journal.replace(&[bytes]).await?)
}

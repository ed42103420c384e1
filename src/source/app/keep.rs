//! What is kept beside the items of one user.

use std::collections::HashSet;

use super::fault;
use crate::{
    source::{Error, Kept},
    state::Beside,
};

/// The kept properties of the items of one user and class.
#[derive(Debug, Clone)]
pub(in crate::source) struct Keep {
    beside: Beside,
}

impl Keep {
    pub(in crate::source) fn new(beside: Beside) -> Self {
        Self { beside }
    }

    /// Which items have anything kept; for [`Keep::get_among`].
    pub(in crate::source) fn names(&self) -> Result<HashSet<String>, Error> {
        self.beside.names().map_err(|e| fault::unavailable(e.to_string()))
    }

    /// What is kept for an item; the reason when it cannot be read: taking that for nothing would lose it with the next write.
    pub(in crate::source) fn get(&self, uid: &str) -> Result<Kept, String> {
        self.beside.get(uid).map(Kept::read).map_err(|e| e.to_string())
    }

    /// Like [`Keep::get`], without looking for files that are not there.
    pub(in crate::source) fn get_among(&self, names: &HashSet<String>, uid: &str) -> Result<Kept, String> {
        if names.contains(&Beside::name(uid)) { self.get(uid) } else { Ok(Kept::default()) }
    }

    /// On disk when this returns.
    pub(in crate::source) async fn put(&self, uid: &str, kept: &Kept) -> Result<(), Error> {
        let result = match kept.write(uid) {
            Some(value) => self.beside.put(uid, &value).await,
            None => self.beside.remove(uid).await,
        };
        result.map_err(|e| fault::unavailable(format!("item {uid}: what Horde has no place for is not kept: {e}")))
    }

    /// Drops what is kept for items that were deleted.
    pub(in crate::source) async fn forget(&self, uids: &[String]) {
        if uids.is_empty() {
            return;
        }
        let Ok(names) = self.beside.names() else { return };
        for uid in uids.iter().filter(|uid| names.contains(&Beside::name(uid))) {
            if let Err(error) = self.beside.remove(uid).await {
                log::warn!("item {uid} is deleted, but what was kept for it is not: {error}");
            }
        }
    }
}

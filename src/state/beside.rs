//! Properties that Horde has no place for, kept per user and item so that every device of the user gets back what one stored.

use std::{collections::HashSet, io, path::PathBuf};

use serde_json::{Value, json};

use super::{
    Error,
    files::{self, at},
};

/// Largest file, bytes.
const LIMIT: usize = 256 << 10;
const SUFFIX: &str = ".json";
const FORMAT: u64 = 1;

/// The kept properties of one user and class: one small file per item, named by a hash of the uid, dropped with the item.
#[derive(Debug, Clone)]
pub struct Beside {
    dir: PathBuf,
}

impl Beside {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Names of all items that have something kept, as [`Beside::name`] gives them; one directory listing.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn names(&self) -> Result<HashSet<String>, Error> {
        let names = files::list(&self.dir)?;
        Ok(names.iter().filter_map(|name| name.strip_suffix(SUFFIX)).map(str::to_owned).collect())
    }

    /// File name (without suffix) for a uid: half of its SHA-256, 32 hexadecimal digits.
    pub fn name(uid: &str) -> String {
        let digest = ring::digest::digest(&ring::digest::SHA256, uid.as_bytes());
        digest.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// What is kept for an item.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn get(&self, uid: &str) -> Result<Option<Value>, Error> {
        let file = self.file(uid);
        // A little more than the value: the uid stands beside it.
        let Some(bytes) = files::read(&file, 2 * LIMIT as u64)? else { return Ok(None) };
        let unreadable = |line, reason| Error::Unreadable { file: file.clone(), line, reason };
        let mut kept: Value = serde_json::from_slice(&bytes).map_err(|e| unreadable(e.line(), e.to_string()))?;
        if kept.get("format").and_then(Value::as_u64) != Some(FORMAT) {
            return Err(unreadable(0, "the file has another format than this version writes".to_owned()));
        }
        // Another uid with the same hash: nothing is kept for this one.
        if kept.get("uid").and_then(Value::as_str) != Some(uid) {
            return Ok(None);
        }
        Ok(kept.get_mut("value").map(Value::take))
    }

    /// Keeps `value` (at most 256 KiB) for an item; on disk when this returns.
    ///
    /// # Errors
    /// The file system refuses, or the value is too large.
    pub async fn put(&self, uid: &str, value: &Value) -> Result<(), Error> {
        let file = self.file(uid);
        let bytes = json!({ "format": FORMAT, "uid": uid, "value": value }).to_string().into_bytes();
        if bytes.len() > LIMIT {
            return Err(at(&file)(io::ErrorKind::FileTooLarge.into()));
        }
        files::blocking(&file, move |file| files::replace(&file, &bytes, None)).await
    }

    /// Forgets an item.
    ///
    /// # Errors
    /// The file system refuses.
    pub async fn remove(&self, uid: &str) -> Result<(), Error> {
        files::blocking(&self.file(uid), |file| files::remove(&file)).await
    }

    fn file(&self, uid: &str) -> PathBuf {
        self.dir.join(Self::name(uid) + SUFFIX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_put_comes_back_until_it_is_removed() {
        let dir = tempfile::tempdir().expect("dir");
        let beside = Beside::new(dir.path().join("beside-contacts"));
        assert!(beside.names().expect("names").is_empty());
        assert_eq!(beside.get("../x").expect("get"), None);
        beside.put("../x", &json!({"Email2Address": "b@example.org"})).await.expect("put");
        assert_eq!(beside.get("../x").expect("get"), Some(json!({"Email2Address": "b@example.org"})));
        assert_eq!(beside.names().expect("names"), HashSet::from([Beside::name("../x")]));
        beside.remove("../x").await.expect("remove");
        beside.remove("../x").await.expect("remove twice");
        assert_eq!(beside.get("../x").expect("get"), None);
    }

    #[tokio::test]
    async fn a_broken_file_is_told_and_a_large_value_refused() {
        let dir = tempfile::tempdir().expect("dir");
        let beside = Beside::new(dir.path().to_owned());
        std::fs::write(beside.file("x"), "{\"format\":1,\n\"uid\"").expect("write");
        assert!(matches!(beside.get("x"), Err(Error::Unreadable { line: 2, .. })));
        assert!(matches!(beside.put("y", &json!("z".repeat(LIMIT))).await, Err(Error::Io { .. })));
        assert_eq!(beside.get("y").expect("get"), None);
    }
}

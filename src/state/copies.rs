//! Copies of sent mails that are still to be put into the user's folder of sent mails: the mail in one file, and beside it what is known of it.
//! A copy is there once its second file is, and until that one is deleted.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::{
    Error,
    files::{self, at},
    lock::{Guard, Locks},
};
use crate::spool::{Piece, Pieces, Spool};

const RECORD: &str = ".json";
const MAIL: &str = ".mail";
const FORMAT: u32 = 1;
/// Largest record, bytes.
const LIMIT: u64 = 64 << 10;

/// What is known of a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copy {
    /// Message-ID of the mail, without angle brackets; names the copy.
    pub message_id: String,
    /// When the mail was sent, Unix seconds.
    pub since: u64,
    /// How often it was begun to put it into its folder: it may be there if that is not 0.
    pub tries: u32,
    /// Not to be tried before, Unix seconds.
    pub not_before: u64,
}

#[derive(Serialize, Deserialize)]
struct Record {
    format: u32,
    #[serde(flatten)]
    copy: Copy,
}

/// The copies of one user. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Copies {
    dir: PathBuf,
    locks: Arc<Locks>,
}

/// A mail that lies beside the copies, but is none yet: it is deleted when this is dropped.
#[derive(Debug)]
pub struct Prepared(NamedTempFile);

impl Copies {
    pub(super) fn new(dir: PathBuf, locks: Arc<Locks>) -> Self {
        Self { dir, locks }
    }

    /// Whether nothing is to be done; one directory listing.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn is_empty(&self) -> Result<bool, Error> {
        Ok(!files::list(&self.dir)?.iter().any(|name| name.ends_with(RECORD) || name.ends_with(MAIL)))
    }

    /// Whether there is a copy of that mail.
    pub fn has(&self, message_id: &str) -> bool {
        self.file(message_id, RECORD).exists()
    }

    /// Writes the mail of a copy; on disk when this returns.
    ///
    /// # Errors
    /// The file system refuses, or the mail cannot be read.
    pub async fn prepare(&self, message: &Pieces) -> Result<Prepared, Error> {
        let file = files::blocking(&self.dir, |dir| files::temporary(&dir)).await?;
        let written = file.as_file().try_clone().map_err(at(&self.dir))?;
        message.save(written).await.map_err(at(&self.dir))?;
        Ok(Prepared(file))
    }

    /// Makes a copy of a mail that was prepared; on disk when this returns. There may be one of that name already.
    ///
    /// # Errors
    /// The file system refuses.
    pub async fn put(&self, mail: Prepared, copy: &Copy) -> Result<(), Error> {
        let lies = self.file(&copy.message_id, MAIL);
        files::blocking(&lies, move |lies| mail.0.persist(&lies).map(drop).map_err(|e| at(&lies)(e.error))).await?;
        // Makes the name of the mail last as well.
        self.write(copy).await
    }

    /// Takes the user's copies for oneself (between tasks and between processes); waits for them.
    ///
    /// # Errors
    /// The lock file cannot be created.
    pub async fn lock(&self) -> Result<OpenCopies, Error> {
        let guard = self.locks.acquire(&self.dir.join("lock"), true).await?;
        Ok(OpenCopies { copies: self.clone(), _guard: guard })
    }

    async fn write(&self, copy: &Copy) -> Result<(), Error> {
        let file = self.file(&copy.message_id, RECORD);
        let record = Record { format: FORMAT, copy: copy.clone() };
        let bytes = serde_json::to_vec(&record).map_err(|e| at(&file)(std::io::Error::other(e)))?;
        files::blocking(&file, move |file| files::replace(&file, &bytes, None)).await
    }

    fn file(&self, message_id: &str, suffix: &str) -> PathBuf {
        let hash = digest(&SHA256, message_id.as_bytes());
        let name: String = hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        self.dir.join(name + suffix)
    }
}

/// Copies whose lock is held; released on drop.
#[derive(Debug)]
pub struct OpenCopies {
    copies: Copies,
    _guard: Guard,
}

impl OpenCopies {
    /// All copies, oldest first. One that cannot be read is left where it is, with a line in the log.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn all(&self) -> Result<Vec<Copy>, Error> {
        let mut copies = Vec::new();
        let names = files::list(&self.copies.dir)?;
        for name in &names {
            let file = self.copies.dir.join(name);
            if name.ends_with(RECORD) {
                match read(&file) {
                    Ok(copy) => copies.extend(copy),
                    Err(error) => log::error!("{error}: no copy of this mail comes into its folder"),
                }
            } else if name.strip_suffix(MAIL).is_some_and(|name| !names.contains(&format!("{name}{RECORD}"))) {
                // Left behind between the deletion of its record and its own, or before it was to be a copy.
                files::sweep(&file);
            }
        }
        copies.sort_by(|a, b| (a.since, &a.message_id).cmp(&(b.since, &b.message_id)));
        Ok(copies)
    }

    /// The mail of a copy.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub async fn mail(&self, copy: &Copy) -> Result<Pieces, Error> {
        let file = self.copies.file(&copy.message_id, MAIL);
        let spool = files::blocking(&file, |file| File::open(&file).and_then(Spool::lying).map_err(at(&file))).await?;
        let len = spool.len();
        Ok(Pieces::from_iter([Piece::Range(Arc::new(spool), 0..len)]))
    }

    /// Remembers what was tried; on disk when this returns.
    ///
    /// # Errors
    /// The file system refuses.
    pub async fn update(&self, copy: &Copy) -> Result<(), Error> {
        self.copies.write(copy).await
    }

    /// Deletes a copy; it need not exist.
    ///
    /// # Errors
    /// The file system refuses.
    pub async fn remove(&self, copy: &Copy) -> Result<(), Error> {
        for suffix in [RECORD, MAIL] {
            files::blocking(&self.copies.file(&copy.message_id, suffix), |file| files::remove(&file)).await?;
        }
        Ok(())
    }
}

fn read(file: &Path) -> Result<Option<Copy>, Error> {
    let Some(bytes) = files::read(file, LIMIT)? else { return Ok(None) };
    let unreadable = |line, reason| Error::Unreadable { file: file.to_owned(), line, reason };
    let found: Record = serde_json::from_slice(&bytes).map_err(|e| unreadable(e.line(), e.to_string()))?;
    if found.format != FORMAT {
        return Err(unreadable(0, "the file has another format than this version writes".to_owned()));
    }
    Ok(Some(found.copy))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(message_id: &str, since: u64) -> Copy {
        Copy { message_id: message_id.into(), since, tries: 0, not_before: 0 }
    }

    async fn text(pieces: &Pieces) -> String {
        let (mut reader, mut text) = (pieces.reader(), Vec::new());
        while let Some(bytes) = reader.next().await.unwrap() {
            text.extend(bytes);
        }
        String::from_utf8(text).unwrap()
    }

    async fn put(copies: &Copies, copy: &Copy, text: &str) {
        let prepared = copies.prepare(&text.as_bytes().to_vec().into()).await.unwrap();
        copies.put(prepared, copy).await.unwrap();
    }

    #[tokio::test]
    async fn copies_stay_until_they_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let copies = Copies::new(dir.path().join("copies"), Arc::default());
        assert!(copies.is_empty().unwrap() && !copies.has("a@x"));
        put(&copies, &copy("b/../@x", 2), "second").await;
        put(&copies, &copy("a@x", 1), "first").await;
        let open = copies.lock().await.unwrap();
        assert_eq!(open.all().unwrap(), [copy("a@x", 1), copy("b/../@x", 2)]);
        assert_eq!(text(&open.mail(&copy("b/../@x", 2)).await.unwrap()).await, "second");
        let tried = Copy { tries: 3, not_before: 9, ..copy("a@x", 1) };
        open.update(&tried).await.unwrap();
        assert_eq!(open.all().unwrap(), [tried.clone(), copy("b/../@x", 2)]);
        assert_eq!(text(&open.mail(&tried).await.unwrap()).await, "first");
        std::fs::write(dir.path().join("copies/x.json"), "{").unwrap();
        for _ in 0..2 {
            open.remove(&tried).await.unwrap();
        }
        assert!(!copies.has("a@x") && copies.has("b/../@x"));
        assert_eq!(open.all().unwrap(), [copy("b/../@x", 2)], "what cannot be read stops nothing");
        open.remove(&copy("b/../@x", 2)).await.unwrap();
        let mut left = files::list(&dir.path().join("copies")).unwrap();
        left.retain(|name| name != "lock" && name != "x.json");
        assert_eq!(left, [""; 0], "nothing is left of what was removed");
    }

    #[tokio::test]
    async fn what_is_only_prepared_is_no_copy() {
        let dir = tempfile::tempdir().unwrap();
        let copies = Copies::new(dir.path().to_owned(), Arc::default());
        let prepared = copies.prepare(&b"x".to_vec().into()).await.unwrap();
        assert!(copies.is_empty().unwrap());
        drop(prepared);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        // A mail whose record is gone is deleted once nobody can be about to write one.
        let file = copies.file("a@x", MAIL);
        std::fs::write(&file, "x").unwrap();
        let open = copies.lock().await.unwrap();
        assert_eq!(open.all().unwrap(), []);
        assert!(file.exists());
        let before = std::time::SystemTime::now() - std::time::Duration::from_secs(4000);
        File::options().write(true).open(&file).unwrap().set_modified(before).unwrap();
        assert_eq!(open.all().unwrap(), []);
        assert!(!file.exists());
    }
}

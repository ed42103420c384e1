//! Mails about meetings on their way: one file per mail, written before the change that it tells of goes to Horde, and deleted when the
//! mail server has taken it. Beside them what is known of each meeting: how often it was told of, and what last.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use super::{
    Beside, Error,
    files::{self, at},
    lock::{Guard, Locks},
};

const SUFFIX: &str = ".json";
const FORMAT: u32 = 1;
/// Largest file, bytes.
const LIMIT: u64 = 4 << 20;
/// How long it is remembered what was told of meetings that are gone.
const REMEMBER: Duration = Duration::from_secs(30 * 24 * 3600);

/// A mail about a change to an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Name of the file.
    pub id: String,
    /// Horde's id of the calendar.
    pub container: String,
    /// uid of the event.
    pub uid: String,
    /// Names the change; its letters have it in common.
    pub change: String,
    /// Digest of the event before the change; `None`: there was no such event.
    pub before: Option<String>,
    /// Whether the change has happened.
    pub released: bool,
    /// What is known of the meeting once the change has happened.
    pub known: Known,
    /// Whether the event is gone after the change.
    pub gone: bool,
    /// When the letter was written, Unix seconds.
    pub written: u64,
    /// Not to be sent before, Unix seconds.
    pub not_before: u64,
    /// How often it was tried to send it.
    pub tries: u32,
    /// Envelope sender.
    pub from: String,
    /// Recipients that have not got it.
    pub to: Vec<String>,
    /// The mail.
    pub message: String,
}

/// What is known of a meeting.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// How many changes were told.
    pub revision: u64,
    /// SEQUENCE of the last mail.
    pub sequence: u32,
    /// Name of the change that was told last.
    pub told: String,
}

#[derive(Serialize, Deserialize)]
struct File {
    format: u32,
    #[serde(flatten)]
    letter: Letter,
}

/// The mails of one user. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbox {
    dir: PathBuf,
    locks: Arc<Locks>,
}

impl Outbox {
    pub(super) fn new(dir: PathBuf, locks: Arc<Locks>) -> Self {
        Self { dir, locks }
    }

    /// Whether there are no letters; one directory listing.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn is_empty(&self) -> Result<bool, Error> {
        Ok(!files::list(&self.dir)?.iter().any(|name| name.ends_with(SUFFIX)))
    }

    /// Takes the user's outbox for oneself (between tasks and between processes); waits for it.
    ///
    /// # Errors
    /// The lock file cannot be created.
    pub async fn lock(&self) -> Result<OpenOutbox, Error> {
        let guard = self.locks.acquire(&self.dir.join("lock"), true).await?;
        let (known, gone) = (Beside::new(self.dir.join("known")), Beside::new(self.dir.join("gone")));
        Ok(OpenOutbox { dir: self.dir.clone(), known, gone, _guard: guard })
    }
}

/// An outbox whose lock is held; released on drop.
#[derive(Debug)]
pub struct OpenOutbox {
    dir: PathBuf,
    known: Beside,
    gone: Beside,
    _guard: Guard,
}

impl OpenOutbox {
    /// All letters, oldest first. One that cannot be read is left where it is, with a line in the log.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn letters(&self) -> Result<Vec<Letter>, Error> {
        let mut letters = Vec::new();
        for name in files::list(&self.dir)?.iter().filter(|name| name.ends_with(SUFFIX)) {
            match read(&self.dir.join(name)) {
                Ok(letter) => letters.extend(letter),
                Err(error) => log::error!("{error}: this mail is not sent"),
            }
        }
        letters.sort_by(|a, b| (a.written, &a.id).cmp(&(b.written, &b.id)));
        Ok(letters)
    }

    /// Writes a letter, or writes it anew; on disk when this returns.
    ///
    /// # Errors
    /// The file system refuses, or the mail is too large.
    pub async fn put(&self, letter: &Letter) -> Result<(), Error> {
        let file = self.file(&letter.id)?;
        let bytes = serde_json::to_vec(&File { format: FORMAT, letter: letter.clone() })
            .map_err(|e| at(&file)(std::io::Error::other(e)))?;
        if bytes.len() as u64 > LIMIT {
            return Err(at(&file)(std::io::ErrorKind::FileTooLarge.into()));
        }
        files::blocking(&file, move |file| files::replace(&file, &bytes, None)).await
    }

    /// Deletes a letter; it need not exist.
    ///
    /// # Errors
    /// The file system refuses.
    pub async fn remove(&self, id: &str) -> Result<(), Error> {
        files::blocking(&self.file(id)?, |file| files::remove(&file)).await
    }

    /// What is known of a meeting; also of one that has been gone for some days.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn known(&self, uid: &str) -> Result<Known, Error> {
        let stored = match self.known.get(uid)? {
            Some(stored) => Some(stored),
            None => self.gone.get(uid)?,
        };
        Ok(stored.and_then(|json| serde_json::from_value(json).ok()).unwrap_or_default())
    }

    /// Remembers what is known of a meeting: as long as it exists, or for some days.
    ///
    /// # Errors
    /// The file system refuses.
    pub async fn learn(&self, uid: &str, known: &Known, gone: bool) -> Result<(), Error> {
        let json = serde_json::to_value(known).unwrap_or_default();
        let (into, from) = if gone { (&self.gone, &self.known) } else { (&self.known, &self.gone) };
        into.put(uid, &json).await?;
        from.remove(uid).await?;
        if gone {
            files::blocking(&self.dir.join("gone"), |dir| forget(&dir, REMEMBER)).await?;
        }
        Ok(())
    }

    fn file(&self, id: &str) -> Result<PathBuf, Error> {
        Ok(self.dir.join(files::encode_name(id)? + SUFFIX))
    }
}

fn read(file: &Path) -> Result<Option<Letter>, Error> {
    let Some(bytes) = files::read(file, LIMIT)? else { return Ok(None) };
    let unreadable = |line, reason| Error::Unreadable { file: file.to_owned(), line, reason };
    let found: File = serde_json::from_slice(&bytes).map_err(|e| unreadable(e.line(), e.to_string()))?;
    if found.format != FORMAT {
        return Err(unreadable(0, "the file has another format than this version writes".to_owned()));
    }
    Ok(Some(found.letter))
}

/// Deletes files that nobody has written for so long.
fn forget(dir: &Path, age: Duration) -> Result<(), Error> {
    for name in files::list(dir)? {
        let file = dir.join(name);
        let written = std::fs::metadata(&file).and_then(|meta| meta.modified()).map_err(at(&file))?;
        if SystemTime::now().duration_since(written).is_ok_and(|since| since > age) {
            files::remove(&file)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(id: &str, written: u64) -> Letter {
        Letter {
            id: id.into(),
            container: "cal".into(),
            uid: "u/1".into(),
            change: "c".into(),
            before: None,
            released: false,
            known: Known { revision: 1, sequence: 0, told: "c".into() },
            gone: false,
            written,
            not_before: 0,
            tries: 0,
            from: "a@example.test".into(),
            to: vec!["b@example.test".into()],
            message: "Subject: x\r\n\r\n".into(),
        }
    }

    #[tokio::test]
    async fn letters_stay_until_they_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let outbox = Outbox::new(dir.path().join("outbox"), Arc::default());
        assert!(outbox.is_empty().unwrap());
        let open = outbox.lock().await.unwrap();
        open.put(&letter("b", 2)).await.unwrap();
        open.put(&letter("a", 3)).await.unwrap();
        assert_eq!(open.letters().unwrap(), [letter("b", 2), letter("a", 3)]);
        assert!(!outbox.is_empty().unwrap());
        std::fs::write(dir.path().join("outbox/x.json"), "{").unwrap();
        open.remove("b").await.unwrap();
        open.remove("b").await.unwrap();
        assert_eq!(open.letters().unwrap(), [letter("a", 3)], "what cannot be read stops nothing");
        let large = Letter { message: "x".repeat(5 << 20), ..letter("c", 1) };
        assert!(open.put(&large).await.is_err());
    }

    #[tokio::test]
    async fn what_is_known_survives_the_meeting_for_some_days() {
        let dir = tempfile::tempdir().unwrap();
        let open = Outbox::new(dir.path().to_owned(), Arc::default()).lock().await.unwrap();
        let known = Known { revision: 4, sequence: 2, told: "x".into() };
        assert_eq!(open.known("u").unwrap(), Known::default());
        open.learn("u", &known, false).await.unwrap();
        open.learn("u", &known, true).await.unwrap();
        assert_eq!(open.known("u").unwrap(), known);
        forget(&dir.path().join("known"), Duration::ZERO).unwrap();
        assert_eq!(open.known("u").unwrap(), known);
        forget(&dir.path().join("gone"), Duration::ZERO).unwrap();
        assert_eq!(open.known("u").unwrap(), Known::default());
    }

    #[tokio::test]
    async fn one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let outbox = Outbox::new(dir.path().to_owned(), Arc::default());
        let open = outbox.lock().await.unwrap();
        let other = Outbox::new(dir.path().to_owned(), Arc::default());
        assert!(tokio::time::timeout(Duration::from_millis(100), outbox.lock()).await.is_err());
        assert!(tokio::time::timeout(Duration::from_millis(100), other.lock()).await.is_err());
        drop(open);
        other.lock().await.unwrap();
    }
}

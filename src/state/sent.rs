//! Which mails of a device were sent, so that a request that is repeated sends nothing twice: written before the mail server is asked, and
//! again when it has taken the mail.

use std::{path::PathBuf, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    Error, files,
    lock::{Guard, Locks},
};

/// Most mails that are remembered, and for how long, seconds.
const MOST: usize = 500;
const REMEMBER: u64 = 30 * 24 * 3600;
/// Largest file, bytes.
const LIMIT: u64 = 1 << 20;
const FORMAT: u32 = 1;

/// One mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sending {
    /// Names the request; the same for its repetition.
    pub key: String,
    /// Message-ID of the mail, without angle brackets.
    pub message_id: String,
    /// When this was written, Unix seconds.
    pub at: u64,
    /// How far it came.
    pub stage: Stage,
}

/// How far a mail came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The mail server is about to be asked: what became of that is not known.
    Unknown,
    /// The mail server has taken it; a copy is still to be kept.
    Accepted,
    /// Nothing is left to do.
    Done,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct File {
    format: u32,
    sendings: Vec<Sending>,
}

/// The mails of one device. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sent {
    file: PathBuf,
    locks: Arc<Locks>,
}

impl Sent {
    pub(super) fn new(file: PathBuf, locks: Arc<Locks>) -> Self {
        Self { file, locks }
    }

    /// Takes what is remembered for oneself (between tasks and between processes): a repetition waits for the end of the first.
    ///
    /// # Errors
    /// The lock file cannot be created, or the file cannot be read.
    pub async fn lock(&self) -> Result<OpenSent, Error> {
        let guard = self.locks.acquire(&self.file.with_extension("lock"), true).await?;
        let unreadable = |reason| Error::Unreadable { file: self.file.clone(), line: 0, reason };
        let content: File = match files::read(&self.file, LIMIT)? {
            None => File { format: FORMAT, sendings: Vec::new() },
            Some(bytes) => serde_json::from_slice(&bytes).map_err(|e| unreadable(e.to_string()))?,
        };
        if content.format != FORMAT {
            return Err(unreadable("the file has another format than this version writes".to_owned()));
        }
        Ok(OpenSent { file: self.file.clone(), content, _guard: guard })
    }
}

/// What is remembered of a device's mails, with the lock held; released on drop.
#[derive(Debug)]
pub struct OpenSent {
    file: PathBuf,
    content: File,
    _guard: Guard,
}

impl OpenSent {
    /// What is remembered of a request.
    pub fn find(&self, key: &str) -> Option<&Sending> {
        self.content.sendings.iter().find(|sending| sending.key == key)
    }

    /// Remembers a mail, or how far it came by now; on disk when this returns.
    ///
    /// # Errors
    /// The file system refuses.
    pub async fn put(&mut self, sending: Sending) -> Result<(), Error> {
        let sendings = &mut self.content.sendings;
        sendings.retain(|known| known.key != sending.key && known.at.saturating_add(REMEMBER) > sending.at);
        sendings.push(sending);
        sendings.drain(..sendings.len().saturating_sub(MOST));
        self.write().await
    }

    /// Forgets a mail that was not sent; on disk when this returns.
    ///
    /// # Errors
    /// The file system refuses.
    pub async fn remove(&mut self, key: &str) -> Result<(), Error> {
        self.content.sendings.retain(|known| known.key != key);
        self.write().await
    }

    async fn write(&self) -> Result<(), Error> {
        let bytes = serde_json::to_vec(&self.content).map_err(|e| files::at(&self.file)(std::io::Error::other(e)))?;
        files::blocking(&self.file, move |file| files::replace(&file, &bytes, None)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sending(key: &str, at: u64, stage: Stage) -> Sending {
        Sending { key: key.into(), message_id: format!("{key}@x"), at, stage }
    }

    #[tokio::test]
    async fn what_was_sent_is_remembered_for_some_time_and_to_some_number() {
        let dir = tempfile::tempdir().unwrap();
        let sent = Sent::new(dir.path().join("sent.json"), Arc::default());
        let mut open = sent.lock().await.unwrap();
        assert_eq!(open.find("a"), None);
        open.put(sending("a", 5, Stage::Unknown)).await.unwrap();
        open.put(sending("b", 6, Stage::Unknown)).await.unwrap();
        open.put(sending("a", 7, Stage::Done)).await.unwrap();
        open.remove("b").await.unwrap();
        drop(open);
        let mut open = sent.lock().await.unwrap();
        assert_eq!((open.find("a"), open.find("b")), (Some(&sending("a", 7, Stage::Done)), None));
        open.put(sending("c", 8 + REMEMBER, Stage::Done)).await.unwrap();
        assert_eq!(open.find("a"), None);
        for n in 0..MOST {
            open.put(sending(&n.to_string(), 9 + REMEMBER, Stage::Done)).await.unwrap();
        }
        assert_eq!((open.content.sendings.len(), open.find("c")), (MOST, None));
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_read_is_not_taken_for_none() {
        let dir = tempfile::tempdir().unwrap();
        let sent = Sent::new(dir.path().join("sent.json"), Arc::default());
        for text in ["{", "{\"format\":2,\"sendings\":[]}"] {
            std::fs::write(dir.path().join("sent.json"), text).unwrap();
            assert!(matches!(sent.lock().await, Err(Error::Unreadable { .. })));
        }
    }

    #[tokio::test]
    async fn a_repetition_waits() {
        let dir = tempfile::tempdir().unwrap();
        let sent = Sent::new(dir.path().join("sent.json"), Arc::default());
        let open = sent.lock().await.unwrap();
        assert!(tokio::time::timeout(std::time::Duration::from_millis(50), sent.lock()).await.is_err());
        drop(open);
        sent.lock().await.unwrap();
    }
}

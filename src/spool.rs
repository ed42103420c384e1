//! Bytes of any length that need not stand in memory: mails and attachments on their way.

mod pieces;
#[cfg(test)]
mod tests;

use std::{
    fs::{DirBuilder, File},
    io,
    os::unix::fs::{DirBuilderExt, FileExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;

pub use pieces::{Piece, Pieces, Reader};

/// Most bytes of a spool that stand in memory.
const IN_MEMORY: usize = 256 << 10;

/// Bytes that are written once from front to back and read from anywhere. The first 256 KiB stand in memory; what is longer lies in an
/// unnamed file, so that nothing is left whatever happens. Writing and reading hold up no other request.
#[derive(Debug, Default)]
pub struct Spool {
    dir: PathBuf,
    /// Holds the bytes before `filed`.
    file: Option<Arc<File>>,
    filed: u64,
    /// The bytes from `filed` on.
    tail: Vec<u8>,
    /// A write failed or was given up half-way: what is there is not what was written.
    broken: bool,
}

impl Spool {
    /// An empty spool; its file, if it comes to need one, is made in `dir` (created with mode 0700 if need be).
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), file: None, filed: 0, tail: Vec::new(), broken: false }
    }

    /// The bytes of a file that nobody changes any more. Nothing is to be written to it.
    ///
    /// # Errors
    /// The file system fails.
    pub fn lying(file: File) -> io::Result<Self> {
        let filed = file.metadata()?.len();
        Ok(Self { file: Some(Arc::new(file)), filed, ..Self::new(PathBuf::new()) })
    }

    /// Bytes written so far.
    pub fn len(&self) -> u64 {
        self.filed + self.tail.len() as u64
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts bytes behind those that are there.
    ///
    /// # Errors
    /// The disk is full or broken; the spool is of no use any more.
    pub async fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.check()?;
        while let Some((piece, rest)) = bytes.split_at_checked(IN_MEMORY - self.tail.len()) {
            self.tail.extend_from_slice(piece);
            self.unload().await?;
            bytes = rest;
        }
        self.tail.extend_from_slice(bytes);
        Ok(())
    }

    /// The bytes from `offset` on: `len` of them, fewer only at the end.
    ///
    /// # Errors
    /// The disk is broken, or a write failed.
    pub async fn read(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        self.check()?;
        let end = offset.saturating_add(len as u64).min(self.len());
        let (middle, offset) = (end.min(self.filed), offset.min(end));
        let mut bytes = vec![0; size(middle.saturating_sub(offset))?];
        if let (Some(file), false) = (&self.file, bytes.is_empty()) {
            let file = Arc::clone(file);
            bytes = blocking(move || file.read_exact_at(&mut bytes, offset).map(|()| bytes)).await?;
        }
        let from = size(offset.max(self.filed) - self.filed)?;
        let to = size(end.max(self.filed) - self.filed)?;
        let tail = self.tail.get(from..to).unwrap_or_default();
        bytes.reserve_exact(tail.len());
        bytes.extend_from_slice(tail);
        Ok(bytes.into())
    }

    fn check(&self) -> io::Result<()> {
        if self.broken { Err(io::Error::other("the spool was not written whole")) } else { Ok(()) }
    }

    /// Moves the bytes in memory to the file.
    async fn unload(&mut self) -> io::Result<()> {
        self.broken = true;
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => {
                let dir = self.dir.clone();
                let file = Arc::new(blocking(move || unnamed(&dir)).await?);
                self.file = Some(Arc::clone(&file));
                file
            }
        };
        let (tail, offset) = (std::mem::take(&mut self.tail), self.filed);
        self.tail = blocking(move || file.write_all_at(&tail, offset).map(|()| tail)).await?;
        self.filed += self.tail.len() as u64;
        self.tail.clear();
        self.broken = false;
        Ok(())
    }
}

fn unnamed(dir: &Path) -> io::Result<File> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    tempfile::tempfile_in(dir)
}

fn size(count: u64) -> io::Result<usize> {
    usize::try_from(count).map_err(io::Error::other)
}

/// Runs work on a file where it does not hold up others.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

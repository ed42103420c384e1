//! Locks of devices: between the tasks of this process by a mutex, between processes by a lock on a file. Waiting occupies no thread.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::sync::{Mutex as TaskMutex, OwnedMutexGuard};

use super::{
    Error,
    files::{self, at},
};

/// How often another process' lock is tried again: first and longest pause.
const PAUSE: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(50));

/// The mutexes of all devices of which a task holds or awaits the lock.
#[derive(Debug, Default)]
pub(super) struct Locks {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    by_path: HashMap<PathBuf, Weak<TaskMutex<()>>>,
    sweep_at: usize,
}

/// A lock that is held; released on drop.
#[derive(Debug)]
pub(super) struct Guard {
    // In this order: the file is unlocked before the next task tries it.
    _file: Option<File>,
    _task: OwnedMutexGuard<()>,
}

impl Locks {
    fn mutex(&self, path: &Path) -> Arc<TaskMutex<()>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.by_path.len() >= known.sweep_at {
            known.by_path.retain(|_, mutex| mutex.strong_count() > 0);
            known.sweep_at = 2 * known.by_path.len() + 64;
        }
        if let Some(mutex) = known.by_path.get(path).and_then(Weak::upgrade) {
            return mutex;
        }
        let mutex = Arc::new(TaskMutex::new(()));
        known.by_path.insert(path.to_owned(), Arc::downgrade(&mutex));
        mutex
    }

    /// Waits for the lock named by the file `path`. With `on_disk` false the lock works in this process only and touches nothing.
    pub(super) async fn acquire(&self, path: &Path, on_disk: bool) -> Result<Guard, Error> {
        let task = self.mutex(path).lock_owned().await;
        if !on_disk {
            return Ok(Guard { _file: None, _task: task });
        }
        let mut pause = PAUSE.0;
        loop {
            if let Some(file) = files::blocking(path, |path| try_file(&path)).await? {
                return Ok(Guard { _file: Some(file), _task: task });
            }
            tokio::time::sleep(pause).await;
            pause = PAUSE.1.min(pause * 2);
        }
    }
}

/// One try for the lock of the file; `None` while another process has it.
fn try_file(path: &Path) -> Result<Option<File>, Error> {
    files::create_dir(path.parent().unwrap_or(Path::new(".")))?;
    let open = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = open.map_err(at(path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(e)) => return Err(at(path)(e)),
    }
    // An administrator may have deleted the directory meanwhile: a lock on a file that nobody finds any more is none.
    let same = std::fs::metadata(path).and_then(|now| Ok(now.ino() == file.metadata()?.ino()));
    Ok(same.unwrap_or(false).then_some(file))
}

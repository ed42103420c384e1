//! The state directory: users, devices.

use std::{
    fmt::Write as _,
    hash::{Hash, Hasher},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::spool::Spool;

use super::{
    Beside, Copies, Edits, Error, Info, Journal, Outbox, Sent, Stamp, WipeStatus,
    files::{self, INFO, at},
    info,
    lock::{Guard, Locks},
};

/// Android asks with this device id whether a login works; it names no device, so nothing is kept for it.
const ACCOUNT_CHECK: &str = "validate";
const DEVICE: &str = "device-";
const JOURNAL: &str = ".journal";
/// How often an update begins anew because somebody edits the file at the same time.
const TRIES: usize = 5;

/// A device id that is safe as part of a file name: 1-64 characters of `[A-Za-z0-9_-]`. Compared without regard to case.
#[derive(Debug, Clone)]
pub struct DeviceId(String);

impl DeviceId {
    /// Checks an id as it comes from the query.
    ///
    /// # Errors
    /// The id is empty, too long or has other characters.
    pub fn new(id: &str) -> Result<Self, Error> {
        let fits = (1..=64).contains(&id.len());
        if fits && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
            Ok(Self(id.to_owned()))
        } else {
            Err(Error::Name(id.chars().take(100).collect()))
        }
    }

    /// The id as the phone sends it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is only Android's check of the login ("validate"), of which nothing is kept.
    pub fn is_account_check(&self) -> bool {
        self.0.eq_ignore_ascii_case(ACCOUNT_CHECK)
    }

    /// The id as servers name it that write the bytes of a base64 query as hexadecimal digits.
    fn hex(&self) -> String {
        self.0.bytes().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

impl PartialEq for DeviceId {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for DeviceId {}

impl Hash for DeviceId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_ascii_lowercase().hash(state);
    }
}

/// The state directory. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    root: Arc<Path>,
    locks: Arc<Locks>,
    edits: Edits,
}

impl Store {
    /// Opens (and if need be creates) the state directory, mode 0700.
    ///
    /// # Errors
    /// It cannot be created or written to.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, Error> {
        let root = root.into();
        files::create_dir(&root)?;
        // Told when the program starts, not when the first phone is refused.
        tempfile::Builder::new().prefix(".new-").tempfile_in(&root).map_err(at(&root))?;
        let root: Arc<Path> = root.into();
        Ok(Self { edits: Edits::new(Arc::clone(&root)), root, locks: Arc::default() })
    }

    fn user_dir(&self, user: &str) -> Result<PathBuf, Error> {
        Ok(self.root.join(files::encode_name(user)?))
    }

    /// One device of one user (Horde's user name; any characters, encoded safely for the file system). Touches nothing.
    ///
    /// # Errors
    /// The name cannot be used (empty, too long).
    pub fn device(&self, user: &str, id: &DeviceId) -> Result<Device, Error> {
        let dir = self.user_dir(user)?;
        Ok(Device {
            inner: Arc::new(Inner { id: id.clone(), dir: dir.into_boxed_path(), locks: Arc::clone(&self.locks) }),
        })
    }

    /// What is kept beside Horde for a user and class ("contacts").
    ///
    /// # Errors
    /// The name cannot be used.
    pub fn beside(&self, user: &str, class: &str) -> Result<Beside, Error> {
        Ok(Beside::new(self.user_dir(user)?.join(format!("beside-{}", files::encode_name(class)?))))
    }

    /// Mails of a user that are on their way.
    ///
    /// # Errors
    /// The name cannot be used.
    pub fn outbox(&self, user: &str) -> Result<Outbox, Error> {
        Ok(Outbox::new(self.user_dir(user)?.join("outbox"), Arc::clone(&self.locks)))
    }

    /// Copies of mails that the user has sent, which are still to be put into a folder.
    ///
    /// # Errors
    /// The name cannot be used.
    pub fn copies(&self, user: &str) -> Result<Copies, Error> {
        Ok(Copies::new(self.user_dir(user)?.join("copies"), Arc::clone(&self.locks)))
    }

    /// An empty spool, whose file (if it needs one) is made in the state directory. No user's directory has a dot in front.
    pub fn spool(&self) -> Spool {
        Spool::new(self.root.join(".tmp"))
    }

    /// Ids of all devices of a user that have an info file.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn devices(&self, user: &str) -> Result<Vec<DeviceId>, Error> {
        let names = files::list(&self.user_dir(user)?)?;
        Ok(names.iter().filter_map(|name| DeviceId::new(name.strip_prefix(INFO)?).ok()).collect())
    }

    /// Tells of edits of info files; one for all that share this store.
    pub fn edits(&self) -> &Edits {
        &self.edits
    }

    /// Names of all users that have state, as Horde knows them.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn users(&self) -> Result<Vec<String>, Error> {
        let names = files::list(&self.root)?;
        Ok(names.iter().filter(|name| !name.starts_with('.')).filter_map(|name| files::decode_name(name)).collect())
    }
}

/// One device of one user. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Device {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    id: DeviceId,
    /// Directory of the user.
    dir: Box<Path>,
    locks: Arc<Locks>,
}

impl Inner {
    /// Directory of the device's machine state. It has one spelling whatever the phone sends, so that both spellings meet one lock.
    fn own(&self) -> PathBuf {
        self.dir.join(format!("{DEVICE}{}", self.id.as_str().to_ascii_lowercase()))
    }
}

impl Device {
    /// The id as the phone sent it.
    pub fn id(&self) -> &DeviceId {
        &self.inner.id
    }

    /// What the device has sent. It has a lock of its own: a long mail holds up nothing else.
    pub fn sent(&self) -> Sent {
        Sent::new(self.inner.own().join("sent.json"), Arc::clone(&self.inner.locks))
    }

    /// Where a new info file goes.
    fn own_file(&self) -> PathBuf {
        self.inner.dir.join(format!("{INFO}{}", self.inner.id.as_str()))
    }

    /// The info file that counts: the device's own in the spelling of this request, in another spelling, or that of a server
    /// which wrote the id in hexadecimal digits. Where there is none: the one to create.
    ///
    /// # Errors
    /// The user's directory cannot be read.
    pub fn info_file(&self) -> Result<PathBuf, Error> {
        let own = self.own_file();
        if own.is_file() {
            return Ok(own);
        }
        let id = &self.inner.id;
        let hex = id.hex();
        let names = files::list(&self.inner.dir)?;
        let find = |wanted: &str| {
            names.iter().find(|name| name.strip_prefix(INFO).is_some_and(|found| found.eq_ignore_ascii_case(wanted)))
        };
        Ok(find(id.as_str()).or_else(|| find(&hex)).map_or(own, |name| self.inner.dir.join(name)))
    }

    /// Reads the info file: `None` when there is none. Also reads the PHP-serialized form of Horde's file driver of 2010.
    ///
    /// # Errors
    /// The file holds a line that cannot be understood ([`Error::Unreadable`]) or cannot be read.
    pub fn info(&self) -> Result<Option<Info>, Error> {
        let file = self.info_file()?;
        let Some(bytes) = files::read(&file, info::LIMIT)? else { return Ok(None) };
        info::parse(&bytes).map(|sheet| Some(sheet.info)).map_err(|broken| broken.in_file(&file))
    }

    /// `rwstatus` as far as it can be read even from a file with other unreadable lines.
    pub fn wipe_even_if_broken(&self) -> WipeStatus {
        let bytes = self.info_file().and_then(|file| files::read(&file, info::LIMIT));
        bytes.ok().flatten().map_or(WipeStatus::None, |bytes| info::salvage(&bytes))
    }

    /// Stamp of the info file, to notice an edit.
    pub fn stamp(&self) -> Stamp {
        let meta = self.info_file().ok().and_then(|file| std::fs::metadata(file).ok());
        meta.map_or_else(Stamp::default, |meta| {
            let seconds = u128::try_from(meta.mtime()).unwrap_or_default();
            let nanoseconds = u128::try_from(meta.mtime_nsec()).unwrap_or_default();
            Stamp { modified: seconds * 1_000_000_000 + nanoseconds, size: meta.size(), inode: meta.ino() }
        })
    }

    /// Takes the device's lock (between tasks and between processes); waits for it. Released on drop.
    ///
    /// # Errors
    /// The lock file cannot be created.
    pub async fn lock(&self) -> Result<Locked, Error> {
        let on_disk = !self.inner.id.is_account_check();
        let guard = self.inner.locks.acquire(&self.inner.own().join("lock"), on_disk).await?;
        Ok(Locked { device: self.clone(), _guard: guard })
    }
}

/// An info file as it was read.
struct ReadInfo {
    file: PathBuf,
    bytes: Option<Vec<u8>>,
    sheet: Option<info::Sheet>,
}

impl ReadInfo {
    fn info(&self) -> Info {
        self.sheet.as_ref().map_or_else(Info::default, |sheet| sheet.info.clone())
    }
}

/// A device whose lock is held.
#[derive(Debug)]
pub struct Locked {
    device: Device,
    _guard: Guard,
}

impl Locked {
    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Reads the info file again, lets `edit` change it, and writes it if anything changed. Comments, unknown keys, mode and owner stay. Creates the
    /// file when there is none. What an administrator changed meanwhile is in what `edit` gets. Nothing is written for
    /// [`DeviceId::is_account_check`].
    ///
    /// # Errors
    /// As [`Device::info`]; an unreadable file is never overwritten.
    pub async fn update(&self, edit: impl FnOnce(&mut Info) + Send) -> Result<Info, Error> {
        let mut read = self.read()?;
        let mut info = read.info();
        edit(&mut info);
        if self.device.inner.id.is_account_check() {
            return Ok(info);
        }
        for _ in 0..TRIES {
            if read.sheet.as_ref().is_some_and(|sheet| sheet.info == info) {
                return Ok(info);
            }
            let text = info::write(read.sheet.as_ref(), &info);
            // A file that cannot be read again would lock the phone out: better no change than that.
            let written = info::parse(text.as_bytes()).map_err(|broken| broken.in_file(&read.file))?;
            if text.len() as u64 > info::LIMIT {
                let reason = format!("the file would become larger than {} bytes", info::LIMIT);
                return Err(Error::Unreadable { file: read.file, line: 0, reason });
            }
            if self.write(&read, text).await? {
                return Ok(written.info);
            }
            // Somebody saved the file in this moment: what he changed counts.
            let fresh = self.read()?;
            info = info::merge(&read.info(), &info, &fresh.info());
            read = fresh;
        }
        Err(at(&read.file)(std::io::ErrorKind::ResourceBusy.into()))
    }

    fn read(&self) -> Result<ReadInfo, Error> {
        let file = self.device.info_file()?;
        let bytes = files::read(&file, info::LIMIT)?;
        let sheet = match &bytes {
            Some(bytes) => Some(info::parse(bytes).map_err(|broken| broken.in_file(&file))?),
            None => None,
        };
        Ok(ReadInfo { file, bytes, sheet })
    }

    /// Writes the info file unless it is another than `read`; one of a replaced server with the id in hexadecimal digits gets the
    /// device's name by it.
    async fn write(&self, read: &ReadInfo, text: String) -> Result<bool, Error> {
        let id = self.device.inner.id.as_str();
        let name = read.file.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix(INFO));
        let ours = name.is_some_and(|name| name.eq_ignore_ascii_case(id));
        let target = if ours { read.file.clone() } else { self.device.own_file() };
        let (found, bytes) = (read.file.clone(), read.bytes.clone());
        files::blocking(&target, move |target| {
            if found != target && bytes.is_some() {
                std::fs::rename(&found, &target).map_err(at(&found))?;
            }
            let old = std::fs::metadata(&target).ok();
            files::replace_if(
                &target,
                text.as_bytes(),
                old.as_ref(),
                || Ok(files::read(&target, info::LIMIT)? == bytes),
            )
        })
        .await
    }

    /// The journal named `name` (a collection id, or "folders") of this device.
    ///
    /// # Errors
    /// The name cannot be used (empty, too long).
    pub fn journal(&self, name: &str) -> Result<Journal, Error> {
        let inner = &self.device.inner;
        let file = inner.own().join(files::encode_name(name)? + JOURNAL);
        Ok(Journal::new((!inner.id.is_account_check()).then_some(file)))
    }

    /// Names of all journals of this device.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn journals(&self) -> Result<Vec<String>, Error> {
        let names = files::list(&self.device.inner.own())?;
        Ok(names.iter().filter_map(|name| files::decode_name(name.strip_suffix(JOURNAL)?)).collect())
    }
}

#[cfg(test)]
mod tests;

//! The state directory: users, devices, locks.

use std::path::PathBuf;

use super::{Beside, Error, Info, Journal, Stamp};

/// A device id that is safe as part of a file name: 1-64 characters of `[A-Za-z0-9_-]`. Compared without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeviceId(String);

impl DeviceId {
    /// Checks an id as it comes from the query.
    ///
    /// # Errors
    /// The id is empty, too long or has other characters.
    pub fn new(id: &str) -> Result<Self, Error> {
        Ok(Self(id.to_owned()))
    }

    /// The id as the phone sends it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The state directory. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    _root: PathBuf,
}

impl Store {
    /// Opens (and if need be creates) the state directory, mode 0700.
    ///
    /// # Errors
    /// It cannot be created or written to.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, Error> {
        Ok(Self { _root: root.into() })
    }

    /// One device of one user (Horde's user name; any characters, encoded safely for the file system). Touches nothing.
    ///
    /// # Errors
    /// The name cannot be used (empty, too long).
    pub fn device(&self, _user: &str, id: &DeviceId) -> Result<Device, Error> {
        Ok(Device { _id: id.clone() })
    }

    /// What is kept beside Horde for a user and class ("contacts").
    ///
    /// # Errors
    /// The name cannot be used.
    pub fn beside(&self, _user: &str, _class: &str) -> Result<Beside, Error> {
        Err(Error::Name(String::new()))
    }

    /// Ids of all devices of a user that have an info file.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn devices(&self, _user: &str) -> Result<Vec<DeviceId>, Error> {
        Ok(Vec::new())
    }
}

/// One device of one user. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Device {
    _id: DeviceId,
}

impl Device {
    /// Reads the info file: `None` when there is none. Also reads the PHP-serialized form of Horde's file driver of 2010.
    ///
    /// # Errors
    /// The file holds a line that cannot be understood ([`Error::Unreadable`]) or cannot be read.
    pub fn info(&self) -> Result<Option<Info>, Error> {
        Ok(None)
    }

    /// `rwstatus` as far as it can be read even from a file with other unreadable lines.
    pub fn wipe_even_if_broken(&self) -> super::WipeStatus {
        super::WipeStatus::None
    }

    /// Stamp of the info file, to notice an edit.
    pub fn stamp(&self) -> Stamp {
        Stamp::default()
    }

    /// Takes the device's lock (between tasks and between processes); waits for it. Released on drop.
    ///
    /// # Errors
    /// The lock file cannot be created.
    pub async fn lock(&self) -> Result<Locked, Error> {
        Ok(Locked { device: self.clone() })
    }
}

/// A device whose lock is held.
#[derive(Debug)]
pub struct Locked {
    device: Device,
}

impl Locked {
    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Reads the info file again, lets `edit` change it, and writes it if anything changed. Comments, unknown keys, mode and owner stay. Creates the
    /// file when there is none. What an administrator changed meanwhile is in what `edit` gets.
    ///
    /// # Errors
    /// As [`Device::info`]; an unreadable file is never overwritten.
    pub async fn update(&self, _edit: impl FnOnce(&mut Info) + Send) -> Result<Info, Error> {
        Ok(Info::default())
    }

    /// The journal named `name` (a collection id, or "folders") of this device.
    pub fn journal(&self, _name: &str) -> Result<Journal, Error> {
        Err(Error::Name(String::new()))
    }

    /// Names of all journals of this device.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn journals(&self) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }
}

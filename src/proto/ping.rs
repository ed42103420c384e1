//! Ping (MS-ASCMD 2.2.1.13).

use super::{Malformed, class::Class, read};
use crate::wbxml::{Reader, Writer, tag::ping as p};

/// A Ping request with a body. (An empty body means "as last time" and never gets here.)
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Seconds the phone wants to wait; `None` = as last time.
    pub heartbeat: Option<u32>,
    /// Folders to watch: `None` = as last time, `Some([])` = the phone sent an empty list.
    pub folders: Option<Vec<Folder>>,
}

/// A folder to watch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folder {
    /// ServerId of the folder; "" when the phone left it out (Status 4).
    pub id: String,
    /// Class; `None` when left out or not one that we know (SMS).
    pub class: Option<Class>,
}

impl Request {
    /// Reads a request. Folders named twice are left in, so that the command can answer Status 4.
    ///
    /// # Errors
    /// The body is not WBXML, not a Ping, or its heartbeat is no number.
    pub fn read(body: &[u8]) -> Result<Self, Malformed> {
        let mut reader = read::open(body, p::PING)?;
        let mut request = Self::default();
        while let Some(tag) = reader.child()? {
            match tag {
                p::HEARTBEAT_INTERVAL => request.heartbeat = read::number(&mut reader, "HeartbeatInterval")?,
                p::FOLDERS => {
                    let folders = request.folders.get_or_insert_default();
                    while let Some(tag) = reader.child()? {
                        match tag {
                            p::FOLDER => folders.push(read_folder(&mut reader)?),
                            _ => reader.skip()?,
                        }
                    }
                }
                _ => reader.skip()?,
            }
        }
        reader.finish()?;
        Ok(request)
    }
}

fn read_folder(reader: &mut Reader<'_>) -> Result<Folder, Malformed> {
    let mut folder = Folder::default();
    while let Some(tag) = reader.child()? {
        match tag {
            p::ID => folder.id = reader.text()?.into_owned(),
            p::CLASS => folder.class = Class::parse(reader.text()?.trim()),
            _ => reader.skip()?,
        }
    }
    Ok(folder)
}

/// The answer to a Ping request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// 1 time is over, 2 changes, 3 parameters missing, 4 syntax, 5 heartbeat out of range, 6 too many folders, 7 FolderSync
    /// needed, 8 server error (MS-ASCMD 2.2.3.177.11).
    pub status: u16,
    /// ServerIds of the folders with changes (Status 2).
    pub folders: Vec<String>,
    /// Nearest heartbeat that would do, seconds (Status 5).
    pub heartbeat: Option<u32>,
    /// How many folders would do (Status 6).
    pub max_folders: Option<u32>,
}

impl Response {
    /// Writes the answer.
    pub fn write(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.open(p::PING);
        w.int(p::STATUS, self.status.into());
        if !self.folders.is_empty() {
            w.open(p::FOLDERS);
            for id in &self.folders {
                w.text(p::FOLDER, id);
            }
            w.close();
        }
        if let Some(max) = self.max_folders {
            w.int(p::MAX_FOLDERS, max.into());
        }
        if let Some(heartbeat) = self.heartbeat {
            w.int(p::HEARTBEAT_INTERVAL, heartbeat.into());
        }
        w.finish()
    }
}

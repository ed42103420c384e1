//! FolderSync (MS-ASCMD 2.2.1.5).

use super::{Malformed, read};
use crate::wbxml::{Writer, tag::folder_hierarchy as fh};

/// A FolderSync request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The key of the hierarchy that the phone has; "0" asks for all folders.
    pub key: String,
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// The body is not WBXML, not a FolderSync, or without a key.
    pub fn read(body: &[u8]) -> Result<Self, Malformed> {
        let mut reader = read::open(body, fh::FOLDER_SYNC)?;
        let mut key = None;
        while let Some(tag) = reader.child()? {
            match tag {
                fh::SYNC_KEY => key = Some(reader.text()?.into_owned()),
                _ => reader.skip()?,
            }
        }
        reader.finish()?;
        Ok(Self { key: key.ok_or(Malformed::Schema("FolderSync without SyncKey"))? })
    }
}

/// The type of a folder (MS-ASCMD 2.2.3.186.3). There is exactly one folder of each `Default…` kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs)]
pub enum FolderKind {
    Generic = 1,
    DefaultInbox = 2,
    DefaultDrafts = 3,
    DefaultTrash = 4,
    DefaultSent = 5,
    DefaultOutbox = 6,
    DefaultTasks = 7,
    DefaultCalendar = 8,
    DefaultContacts = 9,
    DefaultNotes = 10,
    DefaultJournal = 11,
    Mail = 12,
    Calendar = 13,
    Contacts = 14,
    Tasks = 15,
    Journal = 16,
    Notes = 17,
    Unknown = 18,
    RecipientCache = 19,
}

impl FolderKind {
    /// As in the Type element, 1-19.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// A folder as the phone sees it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Folder {
    /// ServerId, at most 64 characters; the CollectionId of all other commands.
    pub server_id: String,
    /// ServerId of the folder it lies in; "0" = at the top.
    pub parent_id: String,
    /// Name to show, 1-256 characters.
    pub name: String,
    /// What it is for.
    pub kind: FolderKind,
}

/// One change of the hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A new folder. Parents come before their children.
    Add(Folder),
    /// A folder with another name, parent or type.
    Update(Folder),
    /// ServerId of a folder that is gone.
    Delete(String),
}

/// The answer to a FolderSync request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// 1 fine, 6 server error, 9 key not known, 10 malformed (MS-ASCMD 2.2.3.177.4).
    pub status: u16,
    /// New key; `None` with an error.
    pub key: Option<String>,
    /// Changes since the phone's key, any order; `None` with an error.
    pub changes: Option<Vec<Change>>,
}

impl Response {
    /// Writes the answer: the schema wants all Updates before the Deletes and these before the Adds.
    pub fn write(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.open(fh::FOLDER_SYNC);
        w.int(fh::STATUS, self.status.into());
        if let Some(key) = &self.key {
            w.text(fh::SYNC_KEY, key);
        }
        if let Some(changes) = &self.changes {
            w.open(fh::CHANGES);
            w.int(fh::COUNT, i64::try_from(changes.len()).unwrap_or(i64::MAX));
            for change in changes {
                if let Change::Update(folder) = change {
                    write_folder(&mut w, fh::UPDATE, folder);
                }
            }
            for change in changes {
                if let Change::Delete(id) = change {
                    w.open(fh::DELETE);
                    w.text(fh::SERVER_ID, id);
                    w.close();
                }
            }
            for change in changes {
                if let Change::Add(folder) = change {
                    write_folder(&mut w, fh::ADD, folder);
                }
            }
            w.close();
        }
        w.finish()
    }
}

fn write_folder(w: &mut Writer, tag: crate::wbxml::Tag, folder: &Folder) {
    w.open(tag);
    w.text(fh::SERVER_ID, &folder.server_id);
    w.text(fh::PARENT_ID, &folder.parent_id);
    w.text(fh::DISPLAY_NAME, &folder.name);
    w.int(fh::TYPE, folder.kind.number().into());
    w.close();
}

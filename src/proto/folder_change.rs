//! FolderCreate, FolderUpdate, FolderDelete (MS-ASCMD 2.2.1.2 to 2.2.1.4), and GetHierarchy up to 12.1.

use super::{Command, Malformed, folder_sync::Folder, read};
use crate::wbxml::{Tag, Writer, tag::folder_hierarchy as fh};

/// Longest name of a folder, characters (MS-ASCMD 2.2.3.49).
const LONGEST: usize = 256;

/// One of the three requests: what its command does not have is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Key of the hierarchy that the phone has.
    pub key: String,
    /// ServerId of the folder (Update, Delete).
    pub folder: String,
    /// ParentId, "0" = at the top (Create, Update).
    pub parent: String,
    /// DisplayName, 1-256 characters (Create, Update).
    pub name: String,
    /// Type of the new folder (Create).
    pub kind: u32,
}

/// The root element of one of the three commands and what its request must have.
const fn schema(command: Command) -> Option<(Tag, &'static [Tag])> {
    Some(match command {
        Command::FolderCreate => {
            (fh::FOLDER_CREATE, &[fh::SYNC_KEY, fh::PARENT_ID, fh::DISPLAY_NAME, fh::TYPE] as &[Tag])
        }
        Command::FolderUpdate => (fh::FOLDER_UPDATE, &[fh::SYNC_KEY, fh::SERVER_ID, fh::PARENT_ID, fh::DISPLAY_NAME]),
        Command::FolderDelete => (fh::FOLDER_DELETE, &[fh::SYNC_KEY, fh::SERVER_ID]),
        _ => return None,
    })
}

impl Request {
    /// Reads a request of one of the three commands.
    ///
    /// # Errors
    /// The body is not WBXML, another command's, or lacks something; a name is longer than 256 characters (Status 10).
    pub fn read(body: &[u8], command: Command) -> Result<Self, Malformed> {
        let (root, needed) = schema(command).ok_or(Malformed::Schema("command"))?;
        let mut reader = read::open(body, root)?;
        let mut request = Self::default();
        let mut there = Vec::new();
        while let Some(tag) = reader.child()? {
            match tag {
                fh::SYNC_KEY => request.key = reader.text()?.into_owned(),
                fh::SERVER_ID => request.folder = reader.text()?.into_owned(),
                fh::PARENT_ID => request.parent = reader.text()?.into_owned(),
                fh::DISPLAY_NAME => request.name = reader.text()?.trim().to_owned(),
                fh::TYPE => request.kind = read::required(&mut reader, "Type")?,
                _ => reader.skip()?,
            }
            there.push(tag);
        }
        reader.finish()?;
        // What only answers have (MS-ASCMD 2.2.3.177.6).
        let answer = there.contains(&fh::STATUS);
        let names = needed.contains(&fh::DISPLAY_NAME);
        let named = !names || (1..=LONGEST).contains(&request.name.chars().count());
        let whole = needed.iter().all(|tag| there.contains(tag)) && !request.key.is_empty();
        if whole && named && !answer { Ok(request) } else { Err(Malformed::Schema("what the command needs")) }
    }
}

/// The answer to one of the three commands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// 1 done, 2 there is one of that name, 3 special folder, 4 no such folder, 5 no such parent, 6 server error, 9 wrong key,
    /// 10 malformed (MS-ASCMD 2.2.3.177.2 to 2.2.3.177.6).
    pub status: u16,
    /// New key of the hierarchy; `None` with an error.
    pub key: Option<String>,
    /// ServerId of the new folder (Create).
    pub folder: Option<String>,
}

impl Response {
    /// Writes the answer.
    pub fn write(&self, command: Command) -> Vec<u8> {
        let Some((root, _)) = schema(command) else { return Vec::new() };
        let mut w = Writer::new();
        w.open(root);
        w.int(fh::STATUS, self.status.into());
        if let Some(key) = &self.key {
            w.text(fh::SYNC_KEY, key);
        }
        if let Some(folder) = &self.folder {
            w.text(fh::SERVER_ID, folder);
        }
        w.finish()
    }
}

/// The answer to GetHierarchy: the folders of mails.
pub fn write_hierarchy(folders: &[Folder]) -> Vec<u8> {
    let mut w = Writer::new();
    w.open(fh::FOLDERS);
    for folder in folders {
        w.open(fh::FOLDER);
        w.text(fh::DISPLAY_NAME, &folder.name);
        w.text(fh::SERVER_ID, &folder.server_id);
        w.int(fh::TYPE, folder.kind.number().into());
        w.text(fh::PARENT_ID, &folder.parent_id);
        w.close();
    }
    w.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{proto::folder_sync::FolderKind, wbxml::xml::decode_to_xml};

    fn read(command: Command, fields: &[(Tag, &str)]) -> Result<Request, Malformed> {
        let mut w = Writer::new();
        w.open(schema(command).unwrap().0);
        fields.iter().for_each(|(tag, text)| w.text(*tag, text));
        Request::read(&w.finish(), command)
    }

    #[test]
    fn what_each_command_needs() {
        let key = (fh::SYNC_KEY, "1");
        let (id, parent, name, kind) =
            ((fh::SERVER_ID, "f1"), (fh::PARENT_ID, "0"), (fh::DISPLAY_NAME, " Rechnungen "), (fh::TYPE, "12"));
        let created = read(Command::FolderCreate, &[key, parent, name, kind]).unwrap();
        assert_eq!((created.name.as_str(), created.kind), ("Rechnungen", 12));
        assert!(read(Command::FolderCreate, &[key, parent, name]).is_err());
        assert!(read(Command::FolderUpdate, &[key, id, parent, name]).is_ok());
        assert!(read(Command::FolderUpdate, &[id, parent, name]).is_err(), "without a key");
        assert!(read(Command::FolderUpdate, &[key, id, parent, name, (fh::STATUS, "1")]).is_err());
        assert!(read(Command::FolderDelete, &[key, id]).is_ok());
        assert!(read(Command::FolderDelete, &[key]).is_err());
        let long = "ä".repeat(257);
        for bad in ["", "  ", long.as_str()] {
            assert!(read(Command::FolderCreate, &[key, parent, (fh::DISPLAY_NAME, bad), kind]).is_err());
        }
        assert!(Request::read(&[], Command::Sync).is_err());
    }

    #[test]
    fn hierarchies_of_old_phones() {
        let folder = Folder {
            server_id: "f1".into(),
            parent_id: "0".into(),
            name: "Posteingang".into(),
            kind: FolderKind::DefaultInbox,
        };
        let xml = decode_to_xml(&write_hierarchy(&[folder])).unwrap();
        let lines: String = xml.lines().map(str::trim).collect();
        assert!(lines.contains("<Folders xmlns=\"FolderHierarchy\"><Folder><DisplayName>Posteingang</DisplayName><ServerId>f1</ServerId><Type>2</Type><ParentId>0</ParentId></Folder></Folders>"), "{lines}");
    }
}

//! Reading requests.

use super::{Bodies, Fetch, Operation, Request};
use crate::{
    proto::{
        Malformed,
        read::{number, open},
        sync::read_preference,
    },
    wbxml::{
        Reader, Tag,
        tag::{air_sync as a, air_sync_base as b, document_library, item_operations as io, search},
    },
};

/// Most operations of one request, and most names in a Schema.
const MOST: usize = 300;

/// Most preferences for bodies: one for each form, and as many again from careless phones.
const PREFERENCES: usize = 8;

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// The body is not WBXML, not an ItemOperations, has nothing to do or more than 300 operations.
    pub fn read(body: &[u8]) -> Result<Self, Malformed> {
        let mut reader = open(body, io::ITEM_OPERATIONS)?;
        let mut operations = Vec::new();
        while let Some(tag) = reader.child()? {
            match tag {
                io::FETCH => operations.push(Operation::Fetch(Fetch::read(&mut reader)?)),
                io::EMPTY_FOLDER_CONTENTS => operations.push(read_empty(&mut reader)?),
                io::MOVE => operations.push(read_move(&mut reader)?),
                _ => reader.skip()?,
            }
            if operations.len() > MOST {
                return Err(Malformed::Schema("too many operations"));
            }
        }
        reader.finish()?;
        if operations.is_empty() { Err(Malformed::Schema("nothing to do")) } else { Ok(Self { operations }) }
    }
}

impl Fetch {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut it = Self::default();
        while let Some(tag) = reader.child()? {
            match tag {
                io::STORE => it.store = reader.text()?.trim().to_owned(),
                a::COLLECTION_ID => it.collection = reader.text()?.into_owned(),
                a::SERVER_ID => it.item = Some(reader.text()?.into_owned()),
                search::LONG_ID => it.long_id = Some(reader.text()?.into_owned()),
                b::FILE_REFERENCE => it.attachment = Some(reader.text()?.into_owned()),
                document_library::LINK_ID => it.link = Some(reader.text()?.into_owned()),
                io::OPTIONS => it.read_options(reader)?,
                _ => reader.skip()?,
            }
        }
        Ok(it)
    }

    fn read_options(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        while let Some(tag) = reader.child()? {
            match tag {
                io::RANGE => self.range = Some(reader.text()?.into_owned()),
                io::SCHEMA => {
                    let mut tags = Vec::new();
                    while let Some(tag) = reader.child()? {
                        reader.skip()?;
                        tags.push(tag);
                    }
                    tags.truncate(MOST);
                    self.schema = Some(tags);
                }
                tag if self.bodies.read(reader, tag)? => {}
                _ => reader.skip()?,
            }
        }
        Ok(())
    }
}

impl Bodies {
    /// Reads one of the options that say how bodies are wanted; `false`: it is another one and still open.
    pub(in crate::proto) fn read(&mut self, reader: &mut Reader<'_>, tag: Tag) -> Result<bool, Malformed> {
        match tag {
            a::MIME_SUPPORT => self.mime_support = number(reader, "MIMESupport")?,
            b::BODY_PREFERENCE => self.preferences.push(read_preference(reader)?),
            b::BODY_PART_PREFERENCE => self.parts.push(read_preference(reader)?),
            _ => return Ok(false),
        }
        if self.preferences.len().max(self.parts.len()) > PREFERENCES {
            return Err(Malformed::Schema("too many preferences"));
        }
        Ok(true)
    }
}

fn read_empty(reader: &mut Reader<'_>) -> Result<Operation, Malformed> {
    let (mut collection, mut folders) = (String::new(), false);
    while let Some(tag) = reader.child()? {
        match tag {
            a::COLLECTION_ID => collection = reader.text()?.into_owned(),
            io::OPTIONS => folders = has(reader, io::DELETE_SUB_FOLDERS)?,
            _ => reader.skip()?,
        }
    }
    if collection.is_empty() {
        return Err(Malformed::Schema("EmptyFolderContents without CollectionId"));
    }
    Ok(Operation::Empty { collection, folders })
}

fn read_move(reader: &mut Reader<'_>) -> Result<Operation, Malformed> {
    let (mut conversation, mut to, mut always) = (Vec::new(), String::new(), false);
    while let Some(tag) = reader.child()? {
        match tag {
            io::CONVERSATION_ID => conversation = reader.bytes()?.into_owned(),
            io::DST_FLD_ID => to = reader.text()?.into_owned(),
            io::OPTIONS => always = has(reader, io::MOVE_ALWAYS)?,
            _ => reader.skip()?,
        }
    }
    if conversation.is_empty() || to.is_empty() {
        return Err(Malformed::Schema("Move without ids"));
    }
    Ok(Operation::Move { conversation, to, always })
}

/// Whether the open element has such a child; closes it.
fn has(reader: &mut Reader<'_>, child: Tag) -> Result<bool, Malformed> {
    let mut found = false;
    while let Some(tag) = reader.child()? {
        found |= tag == child && reader.text()?.trim() != "0";
        if tag != child {
            reader.skip()?;
        }
    }
    Ok(found)
}

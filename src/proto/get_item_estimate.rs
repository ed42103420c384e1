//! GetItemEstimate (MS-ASCMD 2.2.1.9), in the dialect up to 12.1 and in that of 14.0+.

use super::{Malformed, Version, class::Class, read, sync};
use crate::wbxml::{
    Reader, Writer,
    tag::{air_sync, get_item_estimate as e},
};

/// A GetItemEstimate request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The collections asked about, in the order of the request.
    pub collections: Vec<Collection>,
}

/// One collection of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collection {
    /// Class (up to 12.1).
    pub class: Option<Class>,
    /// CollectionId; "" when missing.
    pub id: String,
    /// Sync key; "" when missing.
    pub key: String,
    /// FilterType for which to count, as sent; `None` = everything.
    pub filter: Option<u32>,
    /// ConversationMode (14.0+).
    pub conversation_mode: Option<bool>,
    /// MaxItems (14.0+, recipient cache).
    pub max_items: Option<u32>,
}

impl Request {
    /// Reads a request of either dialect; the phone decides, not the version.
    ///
    /// # Errors
    /// The body is not WBXML, not a GetItemEstimate, or has something else where a number belongs.
    pub fn read(body: &[u8]) -> Result<Self, Malformed> {
        let mut reader = read::open(body, e::GET_ITEM_ESTIMATE)?;
        let mut request = Self::default();
        while let Some(tag) = reader.child()? {
            match tag {
                e::COLLECTIONS => {
                    while let Some(tag) = reader.child()? {
                        match tag {
                            e::COLLECTION => request.collections.push(read_collection(&mut reader)?),
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

fn read_collection(reader: &mut Reader<'_>) -> Result<Collection, Malformed> {
    let mut collection = Collection::default();
    while let Some(tag) = reader.child()? {
        match tag {
            e::CLASS | air_sync::CLASS => collection.class = Class::parse(reader.text()?.trim()),
            e::COLLECTION_ID | air_sync::COLLECTION_ID => collection.id = reader.text()?.into_owned(),
            air_sync::SYNC_KEY => collection.key = reader.text()?.into_owned(),
            air_sync::FILTER_TYPE => collection.filter = read::number(reader, "FilterType")?,
            air_sync::CONVERSATION_MODE => collection.conversation_mode = Some(read::flag(reader, "ConversationMode")?),
            air_sync::OPTIONS => {
                let options = sync::Options::read(reader)?;
                // Options for SMS stand beside those of the folder's own class and must not replace them.
                if options.class.as_deref() != Some("SMS") {
                    collection.filter = options.filter.or(collection.filter);
                    collection.max_items = options.max_items;
                }
            }
            _ => reader.skip()?,
        }
    }
    Ok(collection)
}

/// The answer to a GetItemEstimate request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// Top-level Status, only when the whole request failed.
    pub status: Option<u16>,
    /// One answer per collection, in the order of the request.
    pub collections: Vec<Estimate>,
}

/// The answer for one collection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Estimate {
    /// 1 fine, 2 no such collection, 3 never synced, 4 key not valid (MS-ASCMD 2.2.3.177.6).
    pub status: u16,
    /// Class (written up to 12.1 only).
    pub class: Option<Class>,
    /// CollectionId; with "" no Collection is written.
    pub id: String,
    /// How many changes wait; `None` with an error.
    pub estimate: Option<u32>,
}

impl Response {
    /// Writes the answer.
    pub fn write(&self, version: Version) -> Vec<u8> {
        let mut w = Writer::new();
        w.open(e::GET_ITEM_ESTIMATE);
        if let Some(status) = self.status {
            w.int(e::STATUS, status.into());
        }
        for collection in &self.collections {
            w.open(e::RESPONSE);
            w.int(e::STATUS, collection.status.into());
            if !collection.id.is_empty() {
                w.open(e::COLLECTION);
                if let Some(class) = collection.class.filter(|_| version.traits().class_in_collection) {
                    w.text(e::CLASS, class.name());
                }
                w.text(e::COLLECTION_ID, &collection.id);
                if let Some(estimate) = collection.estimate {
                    w.int(e::ESTIMATE, estimate.into());
                }
                w.close();
            }
            w.close();
        }
        w.finish()
    }
}

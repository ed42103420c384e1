//! Writing answers.

use super::{Content, Document, Elsewhere, Fetched, Outcome, Place, Response};
use crate::{
    proto::class::write_item,
    wbxml::{
        Tag, Writer,
        tag::{air_sync as a, air_sync_base as b, item_operations as io, search},
    },
};

impl Response {
    /// Writes the answer.
    pub fn write(&self) -> Document {
        let mut w = Writer::new();
        let mut holes = Vec::new();
        w.open(io::ITEM_OPERATIONS);
        w.int(io::STATUS, self.status.into());
        if !self.results.is_empty() {
            w.open(io::RESPONSE);
            for outcome in &self.results {
                match outcome {
                    Outcome::Move { conversation, status } => {
                        w.open(io::MOVE);
                        w.int(io::STATUS, (*status).into());
                        w.opaque(io::CONVERSATION_ID, conversation);
                        w.close();
                    }
                    Outcome::Empty { collection, status } => {
                        w.open(io::EMPTY_FOLDER_CONTENTS);
                        w.int(io::STATUS, (*status).into());
                        w.text(a::COLLECTION_ID, collection);
                        w.close();
                    }
                    Outcome::Fetch(fetched) => write_fetched(&mut w, &mut holes, fetched),
                }
            }
            w.close();
        }
        Document { bytes: w.finish(), holes }
    }
}

fn write_fetched(w: &mut Writer, holes: &mut Vec<usize>, fetched: &Fetched) {
    w.open(io::FETCH);
    w.int(io::STATUS, fetched.status.into());
    for (tag, id) in [
        (a::COLLECTION_ID, &fetched.collection),
        (a::SERVER_ID, &fetched.item),
        (search::LONG_ID, &fetched.long_id),
        (b::FILE_REFERENCE, &fetched.attachment),
    ] {
        if let Some(id) = id {
            w.text(tag, id);
        }
    }
    match &fetched.content {
        None => {}
        Some(Content::Item { class, item, view, body }) => {
            w.text(a::CLASS, class.name());
            w.open(io::PROPERTIES);
            write_item(w, *class, item, view);
            if let Some(body) = body {
                write_body(w, holes, body);
            }
            w.close();
        }
        Some(Content::Attachment { kind, range, total, place }) => {
            w.open(io::PROPERTIES);
            w.text(b::CONTENT_TYPE, kind);
            if let Some(range) = range {
                w.text(io::RANGE, &range.to_string());
            }
            w.int(io::TOTAL, i64::try_from(*total).unwrap_or(i64::MAX));
            put(w, holes, io::DATA, *place);
            w.close();
        }
    }
    w.close();
}

fn write_body(w: &mut Writer, holes: &mut Vec<usize>, body: &Elsewhere) {
    w.open(b::BODY);
    w.int(b::TYPE, body.kind as i64);
    w.int(b::ESTIMATED_DATA_SIZE, i64::try_from(body.size).unwrap_or(i64::MAX));
    if body.truncated {
        w.int(b::TRUNCATED, 1);
    }
    put(w, holes, b::DATA, body.place);
    w.close();
}

/// The data, or where they are.
fn put(w: &mut Writer, holes: &mut Vec<usize>, tag: Tag, place: Place) {
    match place {
        Place::Nowhere => {}
        Place::Hole => holes.push(w.hole(tag)),
        Place::Part(number) => w.int(io::PART, number.into()),
    }
}

/// What stands before the parts of an answer in several parts: how many they are, where each begins and how long it is. Part 0 is the document.
/// `None`: together they are longer than 4 GiB.
pub fn multipart_head(lengths: &[u64]) -> Option<Vec<u8>> {
    let count = u32::try_from(lengths.len()).ok()?;
    let mut head = count.to_le_bytes().to_vec();
    let mut offset = 4 + 8 * u64::from(count);
    for length in lengths {
        head.extend(u32::try_from(offset).ok()?.to_le_bytes());
        head.extend(u32::try_from(*length).ok()?.to_le_bytes());
        offset = offset.checked_add(*length)?;
    }
    u32::try_from(offset).ok().map(|_| head)
}

//! What a request and its answer say of repetition, by a quick look at their beginning: whether the answer is an error, and where a Sync
//! stands.

use crate::{
    proto::Command,
    wbxml::{self, Reader, tag::air_sync as a},
};

/// So many bytes of a document are looked at. Keys and statuses come before items.
pub(super) const LOOKED_AT: usize = 16 << 10;
/// Most collections of one document.
const COLLECTIONS: usize = 32;

/// A collection of a Sync, in a request or in an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Collection {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) status: Option<u16>,
}

/// What stands in a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Skimmed {
    /// The Status under the root.
    pub(super) status: Option<u16>,
    /// Of a Sync.
    pub(super) collections: Vec<Collection>,
}

/// Looks at a document; what cannot be read, or stands too far behind, is left out.
pub(super) fn skim(document: &[u8]) -> Skimmed {
    let mut skimmed = Skimmed::default();
    // A document that ends early is as good as one that is not looked at to its end.
    let _ = read(document.get(..LOOKED_AT).unwrap_or(document), &mut skimmed);
    skimmed
}

fn read(document: &[u8], skimmed: &mut Skimmed) -> Result<(), wbxml::Error> {
    if document.is_empty() {
        return Ok(());
    }
    let mut reader = Reader::new(document)?;
    reader.root()?;
    while let Some(tag) = reader.child()? {
        match tag {
            a::COLLECTIONS => {
                while let Some(tag) = reader.child()? {
                    if tag == a::COLLECTION && skimmed.collections.len() < COLLECTIONS {
                        collection(&mut reader, skimmed)?;
                    } else {
                        reader.skip()?;
                    }
                }
            }
            tag if tag.name() == "Status" => skimmed.status = reader.text()?.trim().parse().ok(),
            _ => reader.skip()?,
        }
    }
    Ok(())
}

/// Notes what is read at once, so that it is there if the document ends among the items.
fn collection(reader: &mut Reader<'_>, skimmed: &mut Skimmed) -> Result<(), wbxml::Error> {
    skimmed.collections.push(Collection::default());
    while let Some(tag) = reader.child()? {
        let text = match tag {
            a::SYNC_KEY | a::COLLECTION_ID | a::STATUS => reader.text()?.trim().to_owned(),
            _ => {
                reader.skip()?;
                continue;
            }
        };
        let Some(collection) = skimmed.collections.last_mut() else { return Ok(()) };
        match tag {
            a::SYNC_KEY => collection.key = text,
            a::COLLECTION_ID => collection.id = text,
            _ => collection.status = text.parse().ok(),
        }
    }
    Ok(())
}

/// The Status of an answer that says that the request was in vain.
pub(super) fn error(command: Command, answer: &Skimmed) -> Option<u16> {
    let well = |status: &u16| match command {
        Command::Ping => matches!(status, 1 | 2),
        _ => *status == 1,
    };
    let collections = answer.collections.iter().filter_map(|collection| collection.status);
    answer.status.into_iter().chain(collections).find(|status| !well(status))
}

/// The collections of a Sync whose answer takes the phone further, as they stand in the request.
pub(super) fn answered<'a>(request: &'a Skimmed, answer: &Skimmed) -> Vec<&'a Collection> {
    let taken_further = |asked: &&Collection| {
        let same = answer.collections.iter().find(|c| c.id == asked.id);
        !asked.id.is_empty() && same.is_some_and(|c| c.status == Some(1) && c.key != asked.key)
    };
    request.collections.iter().filter(taken_further).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wbxml::xml::encode_from_xml;

    fn sync(inner: &str) -> Skimmed {
        let collections = if inner.is_empty() { String::new() } else { format!("<Collections>{inner}</Collections>") };
        skim(&encode_from_xml(&format!("<Sync xmlns=\"AirSync\">{collections}</Sync>")).unwrap())
    }

    fn of(id: &str, key: &str, status: Option<u16>) -> Collection {
        Collection { id: id.into(), key: key.into(), status }
    }

    #[test]
    fn statuses_of_answers() {
        for (command, document, expected) in [
            (Command::FolderSync, "<FolderSync xmlns=\"FolderHierarchy\"><Status>1</Status></FolderSync>", None),
            (Command::FolderSync, "<FolderSync xmlns=\"FolderHierarchy\"><Status>9</Status></FolderSync>", Some(9)),
            (Command::Ping, "<Ping xmlns=\"Ping\"><Status>2</Status></Ping>", None),
            (Command::Ping, "<Ping xmlns=\"Ping\"><Status>7</Status></Ping>", Some(7)),
            (Command::Sync, "<Sync xmlns=\"AirSync\"><Status>2</Status></Sync>", Some(2)),
            (Command::SendMail, "<SendMail xmlns=\"ComposeMail\"><Status>120</Status></SendMail>", Some(120)),
        ] {
            let skimmed = skim(&encode_from_xml(document).unwrap());
            assert_eq!(error(command, &skimmed), expected, "{document}");
        }
        // Of a single mail that was moved 3 is the good one, and of one item among others it says nothing of the request.
        let moved =
            "<MoveItems xmlns=\"Move\"><Response><SrcMsgId>1</SrcMsgId><Status>3</Status></Response></MoveItems>";
        assert_eq!(error(Command::MoveItems, &skim(&encode_from_xml(moved).unwrap())), None);
        assert_eq!(error(Command::Sync, &skim(b"")), None);
        assert_eq!(error(Command::Sync, &skim(b"junk")), None);
    }

    #[test]
    fn where_a_sync_stands() {
        let request = sync(
            "<Collection><SyncKey>5</SyncKey><CollectionId>a</CollectionId></Collection>\
             <Collection><SyncKey>0</SyncKey><CollectionId>b</CollectionId></Collection>\
             <Collection><SyncKey>7</SyncKey><CollectionId>c</CollectionId></Collection>\
             <Collection><SyncKey>8</SyncKey></Collection>",
        );
        let answer = sync(
            "<Collection><SyncKey>6</SyncKey><CollectionId>a</CollectionId><Status>1</Status>\
             <Commands><Delete><ServerId>x</ServerId></Delete></Commands></Collection>\
             <Collection><SyncKey>1</SyncKey><CollectionId>b</CollectionId><Status>1</Status></Collection>\
             <Collection><SyncKey>7</SyncKey><CollectionId>c</CollectionId><Status>1</Status></Collection>\
             <Collection><SyncKey>9</SyncKey><Status>1</Status></Collection>",
        );
        assert_eq!(request.collections[..3], [of("a", "5", None), of("b", "0", None), of("c", "7", None)]);
        assert_eq!(error(Command::Sync, &answer), None);
        assert_eq!(answered(&request, &answer), [&of("a", "5", None), &of("b", "0", None)]);
        assert_eq!(answered(&request, &Skimmed::default()), Vec::<&Collection>::new(), "an empty answer");
        let wrong =
            sync("<Collection><SyncKey>0</SyncKey><CollectionId>a</CollectionId><Status>3</Status></Collection>");
        assert_eq!(error(Command::Sync, &wrong), Some(3));
        assert_eq!(answered(&request, &wrong), Vec::<&Collection>::new());
    }

    #[test]
    fn an_answer_full_of_items_is_looked_at_as_far_as_its_key() {
        let mut document = encode_from_xml(
            "<Sync xmlns=\"AirSync\"><Collections><Collection><SyncKey>6</SyncKey><CollectionId>a</CollectionId><Status>1</Status>\
             <Commands><Delete><ServerId>x</ServerId></Delete></Commands></Collection></Collections></Sync>",
        )
        .unwrap();
        let whole = skim(&document);
        let item = document.iter().position(|b| *b == b'x').unwrap();
        document.splice(item..item, std::iter::repeat_n(b'y', 1 << 20));
        assert_eq!(skim(&document), whole);
        assert_eq!(whole.collections, [of("a", "6", Some(1))]);
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let skimmed = skim(&[&b"\x03\x01\x6a\x00\x45\x5c\x4f"[..], &bytes].concat());
            prop_assert!(skimmed.collections.len() <= COLLECTIONS);
        }
    }
}

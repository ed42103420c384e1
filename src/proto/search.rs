//! Search (MS-ASCMD 2.2.1.16).

use super::{
    Malformed, Range,
    class::{Class, Properties, View, dashed, write_item},
    item_operations::Bodies,
    read,
};
use crate::wbxml::{
    Event, Reader, Tag, Writer,
    tag::{air_sync as a, email as e, search as s},
};

/// Most folders and classes of one query.
const MOST: usize = 200;

/// Longest text that is looked for, bytes; what follows is not looked at.
const TEXT: usize = 1024;

/// A Search request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Name of the store: "Mailbox", "GAL", "DocumentLibrary".
    pub store: String,
    /// Query of the store GAL: text.
    pub text: String,
    /// Query of the store Mailbox.
    pub query: Query,
    /// Range, as sent.
    pub range: Option<String>,
    /// DeepTraversal: also the folders in the folders.
    pub deep: bool,
    /// RebuildResults: not what was found before.
    pub rebuild: bool,
    /// In which form bodies are wanted.
    pub bodies: Bodies,
    /// Picture (14.1+): MaxSize and MaxPictures.
    pub picture: Option<Picture>,
}

/// What is looked for among mails. Everything must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Class names; none = mails.
    pub classes: Vec<String>,
    /// CollectionIds; none = all folders.
    pub collections: Vec<String>,
    /// FreeText.
    pub text: Option<String>,
    /// ConversationId (14.0+).
    pub conversation: Option<Vec<u8>>,
    /// Received after that moment (dashed).
    pub after: Option<String>,
    /// Received before that moment (dashed).
    pub before: Option<String>,
    /// There is something that cannot be looked for: Or, EqualTo, several And, a condition outside And (Status 8).
    pub complex: bool,
    /// A condition that is none: a comparison without a date (Status 2).
    pub wrong: bool,
}

/// Limits for pictures of people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Picture {
    /// MaxSize, bytes.
    pub size: Option<u32>,
    /// MaxPictures.
    pub count: Option<u32>,
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// The body is not WBXML, not a Search, or without a Store.
    pub fn read(body: &[u8]) -> Result<Self, Malformed> {
        let mut reader = read::open(body, s::SEARCH)?;
        let mut request = Self::default();
        while let Some(tag) = reader.child()? {
            if tag != s::STORE {
                reader.skip()?;
                continue;
            }
            while let Some(tag) = reader.child()? {
                match tag {
                    s::NAME => request.store = reader.text()?.trim().to_owned(),
                    s::QUERY => request.read_query(&mut reader)?,
                    s::OPTIONS => request.read_options(&mut reader)?,
                    _ => reader.skip()?,
                }
            }
        }
        reader.finish()?;
        if request.store.is_empty() { Err(Malformed::Schema("Search without Store")) } else { Ok(request) }
    }

    /// Text or a container, depending on the store.
    fn read_query(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        let mut conjunctions = 0;
        loop {
            match reader.next_event()? {
                Some(Event::Start(s::AND)) => {
                    conjunctions += 1;
                    self.query.read(reader)?;
                }
                Some(Event::Start(_)) => {
                    reader.skip()?;
                    self.query.complex = true;
                }
                Some(Event::Text(text)) if self.text.len() + text.len() <= TEXT => self.text.push_str(&text),
                Some(Event::Text(_) | Event::Opaque(_)) => {}
                Some(Event::End(_)) | None => break,
            }
        }
        self.query.complex |= conjunctions > 1;
        Ok(())
    }

    fn read_options(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        while let Some(tag) = reader.child()? {
            match tag {
                s::RANGE => self.range = Some(reader.text()?.into_owned()),
                s::DEEP_TRAVERSAL => self.deep = read::flag(reader, "DeepTraversal")?,
                s::REBUILD_RESULTS => self.rebuild = read::flag(reader, "RebuildResults")?,
                s::PICTURE => self.picture = Some(Picture::read(reader, s::MAX_SIZE, s::MAX_PICTURES)?),
                tag if self.bodies.read(reader, tag)? => {}
                _ => reader.skip()?,
            }
        }
        Ok(())
    }
}

impl Query {
    fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        while let Some(tag) = reader.child()? {
            match tag {
                a::CLASS if self.classes.len() < MOST => self.classes.push(reader.text()?.trim().to_owned()),
                a::COLLECTION_ID if self.collections.len() < MOST => self.collections.push(reader.text()?.into_owned()),
                s::FREE_TEXT => self.text = Some(super::class::cut(&reader.text()?, TEXT).to_owned()),
                s::CONVERSATION_ID => self.conversation = Some(reader.bytes()?.into_owned()),
                s::GREATER_THAN => self.after = self.read_date(reader)?,
                s::LESS_THAN => self.before = self.read_date(reader)?,
                _ => {
                    reader.skip()?;
                    self.complex = true;
                }
            }
        }
        Ok(())
    }

    /// The moment that DateReceived is compared with.
    fn read_date(&mut self, reader: &mut Reader<'_>) -> Result<Option<String>, Malformed> {
        let (mut received, mut value) = (false, None);
        while let Some(tag) = reader.child()? {
            match tag {
                s::VALUE => value = dashed(&reader.text()?),
                tag => {
                    reader.skip()?;
                    received |= tag == e::DATE_RECEIVED;
                }
            }
        }
        self.wrong |= !received || value.is_none();
        Ok(value)
    }
}

impl Picture {
    /// Reads the children of Picture, whose names depend on the command.
    pub(in crate::proto) fn read(reader: &mut Reader<'_>, size: Tag, count: Tag) -> Result<Self, Malformed> {
        let mut it = Self::default();
        while let Some(tag) = reader.child()? {
            if tag == size {
                it.size = read::number(reader, "MaxSize")?;
            } else if tag == count {
                it.count = read::number(reader, "MaxPictures")?;
            } else {
                reader.skip()?;
            }
        }
        Ok(it)
    }
}

/// The answer to a Search request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Response {
    /// 1 fine, 3 server error.
    pub status: u16,
    /// What the store says; `None` with an error.
    pub store: Option<StoreResponse>,
}

/// What a store says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoreResponse {
    /// 1 fine, 2 wrong request, 3 server error, 5 denied, 6 not found, 8 too complex, 10 timed out, 11 FolderSync needed, 12 no more results
    /// (MS-ASCMD 2.2.3.177.13).
    pub status: u16,
    /// What was found and lies in the range.
    pub results: Vec<Found>,
    /// Which of the results these are.
    pub range: Option<Range>,
    /// How many there are, in the range or not.
    pub total: Option<u64>,
}

/// A mail that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// LongId.
    pub long_id: String,
    /// CollectionId.
    pub collection: String,
    /// Its properties.
    pub item: Properties,
    /// How it is to be written.
    pub view: View,
}

impl Response {
    /// Writes the answer. Where nothing was found stands an empty Result: phones expect one.
    pub fn write(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.open(s::SEARCH);
        w.int(s::STATUS, self.status.into());
        if let Some(store) = &self.store {
            w.open(s::RESPONSE);
            w.open(s::STORE);
            store.write(&mut w);
        }
        w.finish()
    }
}

impl StoreResponse {
    fn write(&self, w: &mut Writer) {
        w.int(s::STATUS, self.status.into());
        for found in &self.results {
            w.open(s::RESULT);
            w.text(a::CLASS, Class::Email.name());
            w.text(s::LONG_ID, &found.long_id);
            w.text(a::COLLECTION_ID, &found.collection);
            w.open(s::PROPERTIES);
            write_item(w, Class::Email, &found.item, &found.view);
            w.close();
            w.close();
        }
        if self.results.is_empty() && self.status == 1 {
            w.empty(s::RESULT);
        }
        if let Some(range) = self.range {
            w.text(s::RANGE, &range.to_string());
        }
        if let Some(total) = self.total {
            w.int(s::TOTAL, i64::try_from(total).unwrap_or(i64::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        proto::{Version, class::tests::view},
        wbxml::xml::decode_to_xml,
    };

    fn read(query: impl FnOnce(&mut Writer)) -> Query {
        let mut w = Writer::new();
        w.open(s::SEARCH);
        w.open(s::STORE);
        w.text(s::NAME, "Mailbox");
        w.open(s::QUERY);
        query(&mut w);
        Request::read(&w.finish()).unwrap().query
    }

    #[test]
    fn only_one_conjunction_can_be_looked_for() {
        let and = |w: &mut Writer| {
            w.open(s::AND);
            w.text(s::FREE_TEXT, "x");
            w.close();
        };
        assert!(!read(and).complex);
        let twice = read(|w| {
            and(w);
            and(w);
        });
        assert!(twice.complex);
        assert!(read(|w| w.text(s::FREE_TEXT, "x")).complex);
        assert!(read(|w| w.empty(s::OR)).complex);
    }

    #[test]
    fn comparisons_are_with_dates_of_mails() {
        let compared = |tag: Tag, value: &str| {
            read(|w| {
                w.open(s::AND);
                w.open(s::LESS_THAN);
                w.empty(tag);
                w.text(s::VALUE, value);
            })
        };
        let fine = compared(e::DATE_RECEIVED, "20250101T000000Z");
        assert_eq!((fine.before.as_deref(), fine.wrong), (Some("2025-01-01T00:00:00.000Z"), false));
        assert!(compared(e::DATE_RECEIVED, "soon").wrong);
        assert!(compared(e::SUBJECT, "20250101T000000Z").wrong);
    }

    #[test]
    fn what_was_found() {
        let mut item = Properties::default();
        item.set_text(e::SUBJECT, "Rechnung");
        let found = Found { long_id: "f1:7.9".into(), collection: "f1".into(), item, view: view(Version::V14_1) };
        let store =
            StoreResponse { status: 1, results: vec![found], range: Some(Range { first: 0, last: 0 }), total: Some(1) };
        let xml = decode_to_xml(&Response { status: 1, store: Some(store) }.write()).unwrap();
        let line: String = xml.lines().map(str::trim).collect();
        assert!(line.contains("<Result><Class xmlns=\"AirSync\">Email</Class><LongId>f1:7.9</LongId><CollectionId xmlns=\"AirSync\">f1</CollectionId><Properties><Subject xmlns=\"Email\">Rechnung</Subject></Properties></Result><Range>0-0</Range><Total>1</Total>"), "{line}");
    }
}

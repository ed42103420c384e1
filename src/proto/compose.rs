//! SendMail, SmartReply and SmartForward (MS-ASCMD 2.2.1.17, 2.2.1.19, 2.2.1.20). From 14.0 on a document with the message in it, before that the
//! message itself, with parameters in the query. Answers with nothing but a Status are written by [`super::write_status`].

use super::{
    Command, Malformed, Query, Version,
    class::{BodyKind, compact, cut},
    read::flag,
};
use crate::wbxml::{
    Error, ErrorKind, Reader,
    tag::{air_sync_base as b, compose_mail as cm},
};

/// So many bytes of a request must be enough to reach the message in it, and what follows the message must not be longer.
pub const HEAD: usize = 64 << 10;

/// Most recipients of a forwarded event.
const FORWARDEES: usize = 500;

/// Longest ClientId, characters (MS-ASCMD 2.2.3.29.1).
const CLIENT_ID: usize = 40;

const PAGE: u8 = 0x00;
const TEXT: u8 = 0x03;
const OPAQUE: u8 = 0xc3;

/// Where the message stands in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// So many bytes of the document stand before the message and what says its length.
    pub before: usize,
    /// Offset of the message in the document.
    pub at: u64,
    /// Its length, bytes; `None`: it is text and ends before the first NUL, which is part of nothing.
    pub len: Option<u64>,
}

/// Finds the message in a request of `total` bytes, of which `head` is the beginning ([`HEAD`] bytes, or all there are). `None`: there
/// is none in it. What remains when the message is taken out, that is `before` bytes of the head and all that follows the message (after text:
/// and its NUL), is a document for [`Request::read`].
///
/// # Errors
/// The head is not WBXML or not one of the three commands, or the message is said to be longer than the document.
pub fn split(head: &[u8], total: u64) -> Result<Option<Split>, Malformed> {
    let mut reader = Reader::new(head)?;
    command(&mut reader)?;
    while let Some(tag) = reader.child()? {
        if tag == cm::MIME {
            return find(head, reader.offset(), total).map_err(Malformed::from);
        }
        reader.skip()?;
    }
    Ok(None)
}

/// The message whose element has just been opened before the byte at `offset`.
fn find(head: &[u8], offset: usize, total: u64) -> Result<Option<Split>, Error> {
    let fail = |offset, kind| Err(Error { offset, kind });
    let mut at = offset;
    while head.get(at) == Some(&PAGE) {
        at += 2;
    }
    match head.get(at) {
        Some(&TEXT) => Ok(Some(Split { before: at, at: at as u64 + 1, len: None })),
        Some(&OPAQUE) => {
            let (mut length, mut end) = (0_u64, at + 1);
            for _ in 0..5 {
                let Some(byte) = head.get(end) else { return fail(end, ErrorKind::Truncated) };
                length = length << 7 | u64::from(byte & 0x7f);
                end += 1;
                if byte & 0x80 == 0 {
                    let fits = (end as u64).checked_add(length).is_some_and(|end| end <= total);
                    let found = Split { before: at, at: end as u64, len: Some(length) };
                    return if fits { Ok(Some(found)) } else { fail(end, ErrorKind::Truncated) };
                }
            }
            fail(at, ErrorKind::Integer)
        }
        None => fail(head.len(), ErrorKind::Truncated),
        Some(_) => Ok(None),
    }
}

fn command(reader: &mut Reader<'_>) -> Result<Command, Malformed> {
    Ok(match reader.root()? {
        cm::SEND_MAIL => Command::SendMail,
        cm::SMART_REPLY => Command::SmartReply,
        cm::SMART_FORWARD => Command::SmartForward,
        _ => return Err(Malformed::Schema("root element")),
    })
}

/// What is to be done with a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// ClientId (14.0+), at most 40 characters; what was sent before under the same one is not sent again (Status 118).
    pub client_id: Option<String>,
    /// AccountId (14.1+).
    pub account: Option<String>,
    /// The mail that is answered or forwarded; parts that are missing are `None`.
    pub source: Source,
    /// SaveInSentItems: keep a copy.
    pub save: bool,
    /// ReplaceMime: the message is all there is to send; nothing of the original is put into it.
    pub replace: bool,
    /// There is a Mime element, or the body of the request is the message.
    pub mime: bool,
    /// Forwardees (16.0+): an event is forwarded to them, without a message.
    pub forwardees: Vec<Forwardee>,
    /// The text for them, with its form.
    pub body: Option<(BodyKind, String)>,
}

/// Names the mail that is answered or forwarded, as sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// FolderId; CollectionId in a query.
    pub folder: Option<String>,
    /// ItemId.
    pub item: Option<String>,
    /// LongId, of something found by Search.
    pub long_id: Option<String>,
    /// InstanceId: the start of an occurrence; Occurrence in a query.
    pub instance: Option<String>,
}

/// Someone to whom an event is forwarded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forwardee {
    /// Address.
    pub email: String,
    /// Name; "" when there is none.
    pub name: String,
}

impl Request {
    /// Reads a request from which the message was taken out ([`split`]), or that has none.
    ///
    /// # Errors
    /// The document is not WBXML, not one of the three commands, or without ClientId; the message was in several pieces.
    pub fn read(document: &[u8]) -> Result<(Command, Self), Malformed> {
        let mut reader = Reader::new(document)?;
        let command = command(&mut reader)?;
        let mut it = Self::default();
        while let Some(tag) = reader.child()? {
            match tag {
                cm::CLIENT_ID => it.client_id = Some(reader.text()?.into_owned()),
                cm::ACCOUNT_ID => it.account = Some(reader.text()?.into_owned()),
                cm::SAVE_IN_SENT_ITEMS => it.save = flag(&mut reader, "SaveInSentItems")?,
                cm::REPLACE_MIME => it.replace = flag(&mut reader, "ReplaceMime")?,
                // What is left of it here would be missing in what is sent.
                cm::MIME if !reader.bytes()?.is_empty() => return Err(Malformed::Schema("Mime in pieces")),
                cm::MIME => it.mime = true,
                cm::SOURCE => it.source = Source::read(&mut reader)?,
                cm::FORWARDEES => it.forwardees = read_forwardees(&mut reader)?,
                b::BODY => it.body = Some(read_body(&mut reader)?),
                _ => reader.skip()?,
            }
        }
        reader.finish()?;
        let sound = |id: &String| !id.is_empty() && id.chars().count() <= CLIENT_ID;
        if it.client_id.as_ref().is_some_and(sound) { Ok((command, it)) } else { Err(Malformed::Schema("ClientId")) }
    }

    /// What the query says up to 12.1, where the body is the message.
    pub fn of_query(query: &Query) -> Self {
        let parameter = |name| query.parameter(name).filter(|text| !text.is_empty()).map(str::to_owned);
        let source = Source {
            folder: parameter("CollectionId"),
            item: parameter("ItemId"),
            long_id: parameter("LongId"),
            instance: parameter("Occurrence"),
        };
        Self { source, save: query.save_in_sent, mime: true, ..Self::default() }
    }

    /// The Status for a request that cannot be carried out as it is: 104 an InstanceId that is no date, 105 ids that exclude each other,
    /// 103 ids, message or recipients that are missing, 178 a message as well as what stands for one, 179 a text for nobody
    /// (MS-ASCMD 2.2.2, 2.2.3.88, 2.2.3.176).
    pub fn fault(&self, command: Command, version: Version) -> Option<u16> {
        let source = &self.source;
        let forwarding = command == Command::SmartForward && version.traits().drafts && !self.forwardees.is_empty();
        if forwarding && (self.mime || self.save || self.replace) {
            return Some(178);
        }
        if self.body.is_some() && !forwarding {
            return Some(if self.mime { 178 } else { 179 });
        }
        if !self.mime && !forwarding {
            return Some(103);
        }
        if command == Command::SendMail {
            return None;
        }
        if source.instance.as_ref().is_some_and(|text| compact(text).is_none()) {
            return Some(104);
        }
        match (&source.folder, &source.item, &source.long_id) {
            (None, None, Some(_)) if source.instance.is_none() => None,
            (_, _, Some(_)) => Some(105),
            (Some(_), Some(_), None) => None,
            // Up to 12.1 the id of an item alone names it.
            (None, Some(_), None) => None,
            (_, None, None) => Some(103),
        }
    }
}

impl Source {
    /// The start of the occurrence that is meant, in the form of an exception's; `None`: the whole series, or no date.
    pub fn occurrence(&self) -> Option<String> {
        self.instance.as_deref().and_then(compact)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut it = Self::default();
        while let Some(tag) = reader.child()? {
            let place = match tag {
                cm::FOLDER_ID => &mut it.folder,
                cm::ITEM_ID => &mut it.item,
                cm::LONG_ID => &mut it.long_id,
                cm::INSTANCE_ID => &mut it.instance,
                _ => {
                    reader.skip()?;
                    continue;
                }
            };
            *place = Some(reader.text()?.into_owned()).filter(|text| !text.is_empty());
        }
        Ok(it)
    }
}

fn read_forwardees(reader: &mut Reader<'_>) -> Result<Vec<Forwardee>, Malformed> {
    let mut all = Vec::new();
    while let Some(tag) = reader.child()? {
        if tag != cm::FORWARDEE {
            reader.skip()?;
            continue;
        }
        let mut one = Forwardee::default();
        while let Some(tag) = reader.child()? {
            match tag {
                cm::EMAIL => one.email = reader.text()?.trim().to_owned(),
                cm::NAME => one.name = cut(&reader.text()?, 256).to_owned(),
                _ => reader.skip()?,
            }
        }
        if all.len() == FORWARDEES {
            return Err(Malformed::Schema("too many Forwardees"));
        }
        all.push(one);
    }
    Ok(all)
}

fn read_body(reader: &mut Reader<'_>) -> Result<(BodyKind, String), Malformed> {
    let (mut kind, mut data) = (BodyKind::Plain, String::new());
    while let Some(tag) = reader.child()? {
        match tag {
            b::TYPE => kind = BodyKind::parse(&reader.text()?).ok_or(Malformed::Schema("Type"))?,
            b::DATA => data = reader.text()?.into_owned(),
            _ => reader.skip()?,
        }
    }
    Ok((kind, data))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wbxml::{Tag, Writer};

    fn document(root: Tag, content: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut w = Writer::new();
        w.open(root);
        content(&mut w);
        w.finish()
    }

    /// The document without its message, and the message.
    fn apart(document: &[u8], head: usize) -> (Vec<u8>, Vec<u8>) {
        let head = &document[..head.min(document.len())];
        let Some(found) = split(head, document.len() as u64).unwrap() else { return (document.to_vec(), Vec::new()) };
        let (at, len) = (usize::try_from(found.at).unwrap(), found.len.map(|len| usize::try_from(len).unwrap()));
        let text = || document[at..].iter().position(|b| *b == 0).unwrap();
        let end = at + len.unwrap_or_else(text);
        let rest = if len.is_some() { end } else { end + 1 };
        ([&head[..found.before], &document[rest..]].concat(), document[at..end].to_vec())
    }

    #[test]
    fn the_message_is_found_without_reading_it() {
        let message = vec![b'x'; 100_000];
        let whole = document(cm::SMART_REPLY, |w| {
            w.text(cm::CLIENT_ID, "r1");
            w.open(cm::SOURCE);
            w.text(cm::FOLDER_ID, "f1");
            w.text(cm::ITEM_ID, "f1:7.9");
            w.close();
            w.opaque(cm::MIME, &message);
            w.empty(cm::SAVE_IN_SENT_ITEMS);
        });
        let (outline, found) = apart(&whole, 200);
        assert_eq!(found, message);
        let (command, request) = Request::read(&outline).unwrap();
        assert_eq!(command, Command::SmartReply);
        assert!(request.mime && request.save && !request.replace);
        assert_eq!((request.source.folder.as_deref(), request.source.item.as_deref()), (Some("f1"), Some("f1:7.9")));
        assert_eq!(request.fault(command, Version::V14_0), None);
    }

    #[test]
    fn a_message_may_be_text_or_nothing() {
        let text = document(cm::SEND_MAIL, |w| {
            w.text(cm::MIME, "To: a@b\r\n\r\nx");
            w.text(cm::CLIENT_ID, "1");
        });
        let (outline, found) = apart(&text, 1000);
        assert_eq!(found, b"To: a@b\r\n\r\nx");
        assert!(Request::read(&outline).unwrap().1.mime);
        let empty = document(cm::SEND_MAIL, |w| {
            w.text(cm::CLIENT_ID, "1");
            w.empty(cm::MIME);
        });
        assert_eq!(split(&empty, empty.len() as u64).unwrap(), None);
    }

    #[test]
    fn messages_that_are_longer_than_their_request() {
        let whole = document(cm::SEND_MAIL, |w| {
            w.text(cm::CLIENT_ID, "1");
            w.opaque(cm::MIME, &[b'x'; 300]);
        });
        let total = whole.len() as u64;
        assert!(split(&whole[..40], total).is_ok());
        assert!(split(&whole[..40], total - 3).is_err());
        assert!(split(&whole[..40], 0).is_err());
        for end in 0..whole.len() - 303 {
            assert!(split(&whole[..end], total).is_err(), "{end}");
        }
        assert!(split(b"From: a@b\r\n\r\n", 13).is_err());
    }

    #[test]
    fn faults() {
        let source = |folder: &str, item: &str, long: &str, instance: &str| {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            Source { folder: some(folder), item: some(item), long_id: some(long), instance: some(instance) }
        };
        for (ids, fault) in [
            (source("f", "i", "", ""), None),
            (source("", "", "l", ""), None),
            (source("f", "i", "l", ""), Some(105)),
            (source("", "", "l", "20250428T080000Z"), Some(105)),
            (source("f", "", "", ""), Some(103)),
            (source("", "", "", ""), Some(103)),
            (source("f", "i", "", "soon"), Some(104)),
            (source("f", "i", "", "2025-04-28T08:00:00.000Z"), None),
        ] {
            let request = Request { source: ids.clone(), mime: true, ..Request::default() };
            assert_eq!(request.fault(Command::SmartForward, Version::V14_1), fault, "{ids:?}");
            assert_eq!(request.fault(Command::SendMail, Version::V14_1), None);
        }
        assert_eq!(Request::default().fault(Command::SendMail, Version::V14_1), Some(103));
        let event = Request {
            source: source("k", "i", "", ""),
            forwardees: vec![Forwardee::default()],
            body: Some((BodyKind::Plain, String::new())),
            ..Request::default()
        };
        assert_eq!(event.fault(Command::SmartForward, Version::V16_0), None);
        assert_eq!(event.fault(Command::SmartForward, Version::V14_1), Some(179));
        assert_eq!(Request { mime: true, ..event }.fault(Command::SmartForward, Version::V16_0), Some(178));
    }

    #[test]
    fn queries_of_old_phones() {
        let query = Query::parse(b"Cmd=SmartReply&CollectionId=f1&ItemId=f1%3A7.9&SaveInSent=T").unwrap();
        let request = Request::of_query(&query);
        assert!(request.save && request.mime && !request.replace);
        assert_eq!(request.source.item.as_deref(), Some("f1:7.9"));
        assert_eq!(request.fault(Command::SmartReply, Version::V12_1), None);
    }

    #[test]
    fn a_client_id_has_one_to_forty_characters() {
        let read = |id: &str| Request::read(&document(cm::SEND_MAIL, |w| w.text(cm::CLIENT_ID, id)));
        assert!(read(&"ä".repeat(40)).is_ok());
        assert!(read(&"ä".repeat(41)).is_err() && read("").is_err());
    }

    proptest! {
        #[test]
        fn any_message_is_found(message in proptest::collection::vec(any::<u8>(), 1..2000), id in "[a-z0-9]{1,40}") {
            let whole = document(cm::SEND_MAIL, |w| {
                w.text(cm::CLIENT_ID, &id);
                w.opaque(cm::MIME, &message);
            });
            let (outline, found) = apart(&whole, 60);
            prop_assert_eq!(found, message);
            prop_assert_eq!(Request::read(&outline).unwrap().1.client_id, Some(id));
        }

        #[test]
        fn any_head_is_split_or_refused(head in proptest::collection::vec(any::<u8>(), 0..200), total in any::<u64>()) {
            if let Ok(Some(found)) = split(&head, total) {
                prop_assert!(found.before <= head.len() && found.at + found.len.unwrap_or(0) <= total.max(head.len() as u64));
            }
        }
    }
}

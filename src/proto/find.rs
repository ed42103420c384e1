//! Find (MS-ASCMD 2.2.1.1), 16.1.

use super::{
    Malformed, Range,
    class::{Class, Properties, cut},
    read,
    search::Picture,
};
use crate::wbxml::{
    Reader, Tag, Writer,
    tag::{air_sync as a, email as e, email2 as e2, find as f, item_operations as io},
};

/// Longest query that is looked at, bytes.
const TEXT: usize = 1024;

/// A Find request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// SearchId: which search the phone goes on with.
    pub id: String,
    /// What is looked for among mails.
    pub mailbox: Option<Mailbox>,
    /// What is looked for among people.
    pub people: Option<People>,
}

/// What is looked for among mails.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mailbox {
    /// Class; "" when missing.
    pub class: String,
    /// CollectionId; `None` = all folders.
    pub collection: Option<String>,
    /// FreeText: a query in KQL.
    pub text: String,
    /// Range, as sent.
    pub range: Option<String>,
    /// DeepTraversal: also the folders in the folder.
    pub deep: bool,
}

/// What is looked for among people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct People {
    /// The beginning of a name or an address.
    pub text: String,
    /// Range, as sent.
    pub range: Option<String>,
    /// Limits of pictures.
    pub picture: Option<Picture>,
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// The body is not WBXML, not a Find, or without SearchId or anything to look for.
    pub fn read(body: &[u8]) -> Result<Self, Malformed> {
        let mut reader = read::open(body, f::FIND)?;
        let mut request = Self::default();
        while let Some(tag) = reader.child()? {
            match tag {
                f::SEARCH_ID => request.id = cut(&reader.text()?, TEXT).to_owned(),
                f::EXECUTE_SEARCH => {
                    while let Some(tag) = reader.child()? {
                        match tag {
                            f::MAIL_BOX_SEARCH_CRITERION => request.mailbox = Some(Mailbox::read(&mut reader)?),
                            f::GAL_SEARCH_CRITERION => request.people = Some(People::read(&mut reader)?),
                            _ => reader.skip()?,
                        }
                    }
                }
                _ => reader.skip()?,
            }
        }
        reader.finish()?;
        let whole = !request.id.is_empty() && (request.mailbox.is_some() || request.people.is_some());
        if whole { Ok(request) } else { Err(Malformed::Schema("Find without SearchId or criterion")) }
    }
}

impl Mailbox {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut it = Self::default();
        while let Some(tag) = reader.child()? {
            match tag {
                f::QUERY => {
                    while let Some(tag) = reader.child()? {
                        match tag {
                            a::CLASS => it.class = reader.text()?.trim().to_owned(),
                            a::COLLECTION_ID => it.collection = Some(reader.text()?.into_owned()),
                            f::FREE_TEXT => it.text = cut(&reader.text()?, TEXT).to_owned(),
                            _ => reader.skip()?,
                        }
                    }
                }
                f::OPTIONS => {
                    while let Some(tag) = reader.child()? {
                        match tag {
                            f::RANGE => it.range = Some(reader.text()?.into_owned()),
                            f::DEEP_TRAVERSAL => it.deep = read::flag(reader, "DeepTraversal")?,
                            _ => reader.skip()?,
                        }
                    }
                }
                _ => reader.skip()?,
            }
        }
        Ok(it)
    }
}

impl People {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut it = Self::default();
        while let Some(tag) = reader.child()? {
            match tag {
                f::QUERY => it.text = cut(&reader.text()?, TEXT).to_owned(),
                f::OPTIONS => {
                    while let Some(tag) = reader.child()? {
                        match tag {
                            f::RANGE => it.range = Some(reader.text()?.into_owned()),
                            f::PICTURE => it.picture = Some(Picture::read(reader, f::MAX_SIZE, f::MAX_PICTURES)?),
                            _ => reader.skip()?,
                        }
                    }
                }
                _ => reader.skip()?,
            }
        }
        Ok(it)
    }
}

/// The answer to a Find request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Response {
    /// 1 fine, 2 wrong request, 3 FolderSync needed, 4 the first range does not start with 0 (MS-ASCMD 2.2.3.177.3).
    pub status: u16,
    /// The mails that were found and lie in the range; `None` with an error.
    pub results: Option<Vec<Found>>,
    /// Which of the results these are.
    pub range: Option<Range>,
    /// How many there are, in the range or not.
    pub total: Option<u64>,
}

/// A mail that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// ServerId.
    pub item: String,
    /// CollectionId.
    pub collection: String,
    /// The mail; of its properties the answer has only some.
    pub mail: Properties,
    /// The beginning of its text.
    pub preview: String,
    /// Whether it has attachments.
    pub attachments: bool,
}

/// What the answer has of a mail, before and after what Find itself names.
const SHOWN: [Tag; 4] = [e::SUBJECT, e::DATE_RECEIVED, e::DISPLAY_TO, e::IMPORTANCE];

impl Response {
    /// Writes the answer.
    pub fn write(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.open(f::FIND);
        let Some(results) = &self.results else {
            w.int(f::STATUS, self.status.into());
            return w.finish();
        };
        w.int(f::STATUS, 1);
        w.open(f::RESPONSE);
        w.text(io::STORE, "Mailbox");
        w.int(f::STATUS, self.status.into());
        for found in results {
            w.open(f::RESULT);
            w.text(a::CLASS, Class::Email.name());
            w.text(a::SERVER_ID, &found.item);
            w.text(a::COLLECTION_ID, &found.collection);
            w.open(f::PROPERTIES);
            found.write(&mut w);
            w.close();
            w.close();
        }
        if let Some(range) = self.range {
            w.text(f::RANGE, &range.to_string());
        }
        if let Some(total) = self.total {
            w.int(f::TOTAL, i64::try_from(total).unwrap_or(i64::MAX));
        }
        w.finish()
    }
}

impl Found {
    fn write(&self, w: &mut Writer) {
        let mut text = |tag: Tag, text: &str| {
            if !text.is_empty() {
                w.text(tag, text);
            }
        };
        let mail = |tag| self.mail.text(tag).unwrap_or_default();
        for tag in SHOWN {
            text(tag, mail(tag));
        }
        text(f::DISPLAY_CC, mail(e::CC));
        text(f::DISPLAY_BCC, mail(e2::BCC));
        text(e::READ, mail(e::READ));
        text(e2::IS_DRAFT, if mail(e2::IS_DRAFT) == "1" { "1" } else { "0" });
        text(f::PREVIEW, &self.preview);
        text(f::HAS_ATTACHMENTS, if self.attachments { "1" } else { "0" });
        text(e::FROM, mail(e::FROM));
    }
}

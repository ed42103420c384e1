//! Reading requests.

use super::{Collection, Command, CommandKind, Options, Request, Wait};
use crate::{
    proto::{
        Malformed, Version,
        class::{self, BodyKind, BodyPreference, Class, Properties},
        read::{flag, number, open, required},
    },
    wbxml::{
        Reader, Tag,
        tag::{air_sync as a, air_sync_base as b, email2 as e2},
    },
};

/// What cannot be stored because it is malformed (MS-ASCMD 2.2.3.177.17).
const MALFORMED_ITEM: u16 = 6;

impl Request {
    /// Reads a request. What the schema says about order, ids and combinations is not checked here: it gets to the command as
    /// data, for MS-ASCMD names a Status for it. An item that cannot be understood refuses only its own command.
    ///
    /// # Errors
    /// The body is not WBXML, not a Sync, or has something else where a number or a boolean belongs.
    pub fn read(body: &[u8], version: Version) -> Result<Self, Malformed> {
        let mut reader = open(body, a::SYNC)?;
        let mut request = Self::default();
        let (mut minutes, mut seconds) = (None, None);
        while let Some(tag) = reader.child()? {
            match tag {
                a::COLLECTIONS => {
                    while let Some(tag) = reader.child()? {
                        match tag {
                            a::COLLECTION => request.collections.push(Collection::read(&mut reader, version)?),
                            _ => reader.skip()?,
                        }
                    }
                }
                a::WAIT => minutes = Some(required(&mut reader, "Wait")?),
                a::HEARTBEAT_INTERVAL => seconds = Some(required(&mut reader, "HeartbeatInterval")?),
                a::WINDOW_SIZE => request.window = number(&mut reader, "WindowSize")?,
                a::PARTIAL => request.partial = flag(&mut reader, "Partial")?,
                _ => reader.skip()?,
            }
        }
        reader.finish()?;
        request.wait = match (minutes, seconds) {
            (Some(_), Some(_)) => Some(Wait::Both),
            (Some(minutes), None) => Some(Wait::Minutes(minutes)),
            (None, seconds) => seconds.map(Wait::Seconds),
        };
        Ok(request)
    }
}

impl Collection {
    fn read(reader: &mut Reader<'_>, version: Version) -> Result<Self, Malformed> {
        let mut it = Self::default();
        while let Some(tag) = reader.child()? {
            match tag {
                a::CLASS => it.class = Class::parse(reader.text()?.trim()),
                a::SYNC_KEY => it.key = reader.text()?.into_owned(),
                a::COLLECTION_ID => it.id = reader.text()?.into_owned(),
                a::SUPPORTED => it.supported = Some(read_supported(reader)?),
                a::DELETES_AS_MOVES => it.deletes_as_moves = Some(flag(reader, "DeletesAsMoves")?),
                a::GET_CHANGES => it.get_changes = Some(flag(reader, "GetChanges")?),
                a::WINDOW_SIZE => it.window = number(reader, "WindowSize")?,
                a::CONVERSATION_MODE => it.conversation_mode = Some(flag(reader, "ConversationMode")?),
                a::OPTIONS => it.options.get_or_insert_default().push(Options::read(reader)?),
                a::COMMANDS => {
                    while let Some(tag) = reader.child()? {
                        match kind(tag) {
                            Some(kind) => it.commands.push(Command::read(reader, kind, version)?),
                            None => reader.skip()?,
                        }
                    }
                }
                _ => reader.skip()?,
            }
        }
        Ok(it)
    }
}

fn read_supported(reader: &mut Reader<'_>) -> Result<Vec<Tag>, Malformed> {
    let mut tags = Vec::new();
    while let Some(tag) = reader.child()? {
        reader.skip()?;
        tags.push(tag);
    }
    Ok(tags)
}

impl Options {
    /// Reads the children of an Options element that is open, and closes it.
    ///
    /// # Errors
    /// The document is not sound, or has something else where a number or a boolean belongs.
    pub(in crate::proto) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut it = Self::default();
        while let Some(tag) = reader.child()? {
            match tag {
                a::CLASS => it.class = Some(reader.text()?.trim().to_owned()),
                a::FILTER_TYPE => it.filter = number(reader, "FilterType")?,
                a::CONFLICT => it.server_wins = Some(flag(reader, "Conflict")?),
                a::MIME_SUPPORT => it.mime_support = number(reader, "MIMESupport")?,
                a::MIME_TRUNCATION => it.mime_truncation = number(reader, "MIMETruncation")?,
                a::TRUNCATION => it.truncation = number(reader, "Truncation")?,
                a::MAX_ITEMS => it.max_items = number(reader, "MaxItems")?,
                b::BODY_PREFERENCE => it.bodies.push(read_preference(reader)?),
                b::BODY_PART_PREFERENCE => it.body_parts.push(read_preference(reader)?),
                _ => reader.skip()?,
            }
        }
        Ok(it)
    }
}

pub(in crate::proto) fn read_preference(reader: &mut Reader<'_>) -> Result<BodyPreference, Malformed> {
    let mut it = BodyPreference::default();
    let mut kind = None;
    while let Some(tag) = reader.child()? {
        match tag {
            b::TYPE => kind = BodyKind::parse(&reader.text()?),
            b::TRUNCATION_SIZE => it.truncation_size = number(reader, "TruncationSize")?,
            b::ALL_OR_NONE => it.all_or_none = flag(reader, "AllOrNone")?,
            b::PREVIEW => it.preview = number(reader, "Preview")?,
            _ => reader.skip()?,
        }
    }
    it.kind = kind.ok_or(Malformed::Schema("BodyPreference without a known Type"))?;
    Ok(it)
}

const fn kind(tag: Tag) -> Option<CommandKind> {
    match tag {
        a::ADD => Some(CommandKind::Add),
        a::CHANGE => Some(CommandKind::Change),
        a::DELETE => Some(CommandKind::Delete),
        a::FETCH => Some(CommandKind::Fetch),
        _ => None,
    }
}

impl Command {
    fn read(reader: &mut Reader<'_>, kind: CommandKind, version: Version) -> Result<Self, Malformed> {
        let own_id = if kind == CommandKind::Add { a::CLIENT_ID } else { a::SERVER_ID };
        let mut it = Self { kind, id: String::new(), instance: None, item: Properties::default(), refused: None };
        let mut sound = None;
        let mut send = false;
        while let Some(tag) = reader.child()? {
            match tag {
                a::APPLICATION_DATA => {
                    let (item, whole) = class::read_item(reader, version)?;
                    it.item = item;
                    sound = Some(whole);
                }
                e2::SEND => {
                    reader.skip()?;
                    send = true;
                }
                b::INSTANCE_ID => it.instance = Some(reader.text()?.into_owned()),
                tag if tag == own_id => it.id = reader.text()?.into_owned(),
                _ => reader.skip()?,
            }
        }
        if send {
            it.item.set_text(e2::SEND, "1");
        }
        // An Add or a Change without data is not one that could be carried out; a draft may be sent as it is.
        let without = matches!(kind, CommandKind::Delete | CommandKind::Fetch) || send && kind == CommandKind::Change;
        it.refused = (!sound.unwrap_or(without)).then_some(MALFORMED_ITEM);
        Ok(it)
    }
}

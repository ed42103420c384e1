//! From lines to what they say. What is not known is [`Untagged::Other`], what cannot be read [`Response::Unreadable`].

use bytes::Bytes;

use super::{
    error::Code,
    set::UidSet,
    structure::Structure,
    value::{Cursor, Frame, Value},
};

/// How a command or a greeting went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Done.
    Ok,
    /// Refused.
    No,
    /// Not understood.
    Bad,
    /// The server leaves.
    Bye,
    /// Logged in from the start.
    Preauth,
}

/// The words of a status response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// How it went.
    pub condition: Condition,
    /// Name of the response code in upper case; empty when there is none.
    pub code: String,
    /// What stands behind the name in the code.
    pub argument: String,
    /// For people.
    pub text: String,
}

impl Words {
    /// What the code means for a refused command.
    pub fn refusal(&self) -> Code {
        Code::of(&self.code)
    }
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// The server waits for more of the command.
    Continue,
    /// The end of a command.
    Done {
        /// The command's tag.
        tag: String,
        /// How it went.
        words: Words,
    },
    /// Anything else.
    Untagged(Untagged),
    /// Skipped; the text says why.
    Unreadable(String),
}

/// Data that the server sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Untagged {
    /// OK, NO, BAD, BYE, PREAUTH.
    Words(Words),
    /// Names in upper case.
    Capability(Vec<String>),
    /// A mailbox.
    List {
        /// By LSUB: it is subscribed.
        lsub: bool,
        /// As the server writes them: `\HasChildren`.
        attributes: Vec<String>,
        /// Between the levels of the name; `None` for a flat one.
        delimiter: Option<char>,
        /// The name as it travels.
        name: String,
    },
    /// What STATUS says of a mailbox.
    Status(String, Status),
    /// Prefix and delimiter of the user's own mailboxes.
    Namespace(String, Option<char>),
    /// uids of SEARCH.
    Search(UidSet),
    /// uids of ESEARCH; the tag of its command.
    Esearch(String, UidSet),
    /// Messages in the selected mailbox.
    Exists(u32),
    /// The message with this number in the selected mailbox is gone.
    Expunge(u32),
    /// Messages that are gone. `earlier`: since the time that was asked for, not now.
    Vanished {
        /// See above.
        earlier: bool,
        /// Their uids, and perhaps uids that never were.
        uids: UidSet,
    },
    /// Data of a message.
    Fetch(Box<Message>),
    /// Something else.
    Other,
}

/// What STATUS says of a mailbox.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Status {
    /// UIDVALIDITY.
    pub uid_validity: Option<u32>,
    /// UIDNEXT.
    pub uid_next: Option<u32>,
    /// Messages.
    pub messages: Option<u32>,
    /// Messages not seen.
    pub unseen: Option<u32>,
    /// HIGHESTMODSEQ; `None` or 0 where changes are not counted.
    pub highest_modseq: Option<u64>,
    /// What stays when the mailbox is renamed (MAILBOXID of RFC 8474, X-GUID of Dovecot).
    pub id: Option<String>,
}

/// What FETCH says of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// uid; 0 when the server did not say.
    pub uid: u32,
    /// Flags as the server writes them; `None` = not told.
    pub flags: Option<Vec<String>>,
    /// MODSEQ.
    pub modseq: Option<u64>,
    /// RFC822.SIZE, bytes.
    pub size: Option<u64>,
    /// INTERNALDATE: `17-Jul-2026 02:44:25 -0700`.
    pub date: Option<String>,
    /// BODYSTRUCTURE.
    pub structure: Option<Box<Structure>>,
    /// Contents by their name in upper case: `BODY[HEADER]`, `BODY[1]<0>`, `BINARY[2]`.
    pub contents: Vec<(String, Content)>,
}

/// A content of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The bytes.
    Bytes(Bytes),
    /// So many went to the sink.
    Streamed(u64),
    /// It is larger than an answer may be.
    TooLong(u64),
    /// The message has no such part.
    None,
}

impl Message {
    /// The bytes of a content, by the begin of its name: `BODY[1]` finds `BODY[1]<0>`.
    pub fn content(&self, name: &str) -> Option<&Bytes> {
        self.contents.iter().find_map(|(there, content)| match content {
            Content::Bytes(bytes) if there.starts_with(name) => Some(bytes),
            _ => None,
        })
    }

    /// Whether the flag is set; flags know no upper and lower case.
    pub fn has_flag(&self, flag: &str) -> bool {
        self.flags.iter().flatten().any(|there| there.eq_ignore_ascii_case(flag))
    }

    /// Adds what a later answer says of the same message.
    pub fn merge(&mut self, later: Self) {
        self.flags = later.flags.or(self.flags.take());
        self.modseq = later.modseq.or(self.modseq);
        self.size = later.size.or(self.size);
        self.date = later.date.or(self.date.take());
        self.structure = later.structure.or(self.structure.take());
        self.contents.extend(later.contents);
    }

    fn read(list: &[Value]) -> Self {
        let mut message = Self::default();
        for pair in list.chunks(2) {
            let [name, value] = pair else { continue };
            let name = name.text().unwrap_or_default().to_ascii_uppercase();
            match name.as_str() {
                "UID" => message.uid = number(value).unwrap_or_default(),
                "FLAGS" => message.flags = Some(texts(value.list())),
                "MODSEQ" => message.modseq = value.list().first().and_then(Value::number),
                "RFC822.SIZE" => message.size = value.number(),
                "INTERNALDATE" => message.date = value.text(),
                "BODYSTRUCTURE" => message.structure = Structure::read(value).map(Box::new),
                _ if name.starts_with("BODY[") || name.starts_with("BINARY[") => {
                    let content = match value {
                        Value::Text(bytes) => Content::Bytes(bytes.clone()),
                        Value::Atom(atom) => Content::Bytes(Bytes::copy_from_slice(atom.as_bytes())),
                        Value::Streamed(length) => Content::Streamed(*length),
                        Value::Skipped(length) => Content::TooLong(*length),
                        Value::Nil | Value::List(_) => Content::None,
                    };
                    message.contents.push((name, content));
                }
                _ => {}
            }
        }
        message
    }
}

impl Status {
    fn read(list: &[Value]) -> Self {
        let mut status = Self::default();
        for pair in list.chunks(2) {
            let [name, value] = pair else { continue };
            match name.text().unwrap_or_default().to_ascii_uppercase().as_str() {
                "UIDVALIDITY" => status.uid_validity = number(value),
                "UIDNEXT" => status.uid_next = number(value),
                "MESSAGES" => status.messages = number(value),
                "UNSEEN" => status.unseen = number(value),
                "HIGHESTMODSEQ" => status.highest_modseq = value.number(),
                "X-GUID" => status.id = value.text(),
                "MAILBOXID" => status.id = value.list().first().and_then(Value::text),
                _ => {}
            }
        }
        status
    }
}

fn number(value: &Value) -> Option<u32> {
    value.number().and_then(|number| u32::try_from(number).ok())
}

fn texts(list: &[Value]) -> Vec<String> {
    list.iter().filter_map(Value::text).collect()
}

impl Response {
    /// Reads a response.
    pub fn read(frame: &Frame) -> Self {
        if frame.cut {
            return Self::Unreadable("a line that is too long".to_owned());
        }
        let mut cursor = Cursor::new(frame);
        let result = match cursor.word() {
            b"*" => untagged(&mut cursor).map(Self::Untagged),
            b"+" => Ok(Self::Continue),
            tag => {
                let tag = String::from_utf8_lossy(tag).into_owned();
                condition(cursor.word()).map(|c| Self::Done { tag, words: words(c, &cursor) }).ok_or("no response")
            }
        };
        result.unwrap_or_else(|why| {
            let shown = frame.text.get(..frame.text.len().min(80)).unwrap_or_default();
            Self::Unreadable(format!("{why}: {:?}", String::from_utf8_lossy(shown)))
        })
    }
}

fn condition(word: &[u8]) -> Option<Condition> {
    Some(match word.to_ascii_uppercase().as_slice() {
        b"OK" => Condition::Ok,
        b"NO" => Condition::No,
        b"BAD" => Condition::Bad,
        b"BYE" => Condition::Bye,
        b"PREAUTH" => Condition::Preauth,
        _ => return None,
    })
}

fn words(condition: Condition, cursor: &Cursor<'_>) -> Words {
    let text = String::from_utf8_lossy(cursor.rest());
    let text = text.trim_start();
    let (code, text) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).unwrap_or(("", text));
    let (name, argument) = code.split_once(' ').unwrap_or((code, ""));
    Words {
        condition,
        code: name.to_ascii_uppercase(),
        argument: argument.to_owned(),
        text: text.trim().chars().filter(|c| !c.is_control()).take(300).collect(),
    }
}

fn untagged(cursor: &mut Cursor<'_>) -> Result<Untagged, &'static str> {
    let word = cursor.word();
    if let Some(condition) = condition(word) {
        return Ok(Untagged::Words(words(condition, cursor)));
    }
    if word.first().is_some_and(u8::is_ascii_digit) {
        let number = std::str::from_utf8(word).ok().and_then(|word| word.parse().ok()).ok_or("a strange number")?;
        return Ok(match cursor.word().to_ascii_uppercase().as_slice() {
            b"EXISTS" => Untagged::Exists(number),
            b"EXPUNGE" => Untagged::Expunge(number),
            b"FETCH" => {
                let values = cursor.values()?;
                Untagged::Fetch(Box::new(Message::read(values.first().map(Value::list).unwrap_or_default())))
            }
            _ => Untagged::Other,
        });
    }
    match word.to_ascii_uppercase().as_slice() {
        b"CAPABILITY" => Ok(Untagged::Capability(capabilities(&String::from_utf8_lossy(cursor.rest())))),
        b"LIST" => list(&cursor.values()?, false),
        b"LSUB" => list(&cursor.values()?, true),
        b"STATUS" => match cursor.values()?.as_slice() {
            [name, items, ..] => Ok(Untagged::Status(name_of(name)?, Status::read(items.list()))),
            _ => Err("STATUS of nothing"),
        },
        b"NAMESPACE" => {
            let values = cursor.values()?;
            let own = values.first().and_then(|own| own.list().first()).map(Value::list).unwrap_or_default();
            let delimiter = own.get(1).and_then(Value::text).and_then(|text| text.chars().next());
            Ok(Untagged::Namespace(own.first().and_then(Value::text).unwrap_or_default(), delimiter))
        }
        b"SEARCH" => search(cursor.rest()).map(Untagged::Search),
        b"ESEARCH" => esearch(cursor),
        b"VANISHED" => {
            let mut word = cursor.word();
            let earlier = word.eq_ignore_ascii_case(b"(EARLIER)");
            if earlier {
                word = cursor.word();
            }
            let uids = UidSet::parse(word).ok_or("VANISHED without uids")?;
            Ok(Untagged::Vanished { earlier, uids })
        }
        _ => Ok(Untagged::Other),
    }
}

/// The names in a capability response or code.
pub(super) fn capabilities(text: &str) -> Vec<String> {
    text.split_ascii_whitespace().map(str::to_ascii_uppercase).collect()
}

/// The name of a mailbox: it has to be one that can be said again.
fn name_of(value: &Value) -> Result<String, &'static str> {
    let name = match value {
        // A mailbox may be called so, and not all servers quote it.
        Value::Nil => "NIL".to_owned(),
        value => {
            let bytes = value.bytes().ok_or("a mailbox without a name")?;
            String::from_utf8(bytes.to_vec()).map_err(|_| "a name that is no text")?
        }
    };
    Ok(if name.eq_ignore_ascii_case("inbox") { "INBOX".to_owned() } else { name })
}

fn list(values: &[Value], lsub: bool) -> Result<Untagged, &'static str> {
    let [attributes, delimiter, name, ..] = values else { return Err("LIST of nothing") };
    Ok(Untagged::List {
        lsub,
        attributes: texts(attributes.list()),
        delimiter: delimiter.text().and_then(|text| text.chars().next()),
        name: name_of(name)?,
    })
}

fn search(rest: &[u8]) -> Result<UidSet, &'static str> {
    // "(MODSEQ 7)" may follow.
    let numbers = rest.split(|b| *b == b' ').filter(|word| !word.is_empty()).take_while(|word| !word.starts_with(b"("));
    let numbers = numbers.map(|word| std::str::from_utf8(word).ok()?.parse::<u32>().ok());
    numbers.collect::<Option<UidSet>>().ok_or("SEARCH without numbers")
}

/// `(TAG "a1") UID COUNT 3 ALL 2,10:11`, in any order.
fn esearch(cursor: &mut Cursor<'_>) -> Result<Untagged, &'static str> {
    let values = cursor.values()?;
    let mut values = values.iter().peekable();
    let mut tag = String::new();
    if let Some(Value::List(correlator)) = values.peek() {
        tag = correlator.get(1).and_then(Value::text).unwrap_or_default();
        values.next();
    }
    let mut uids = UidSet::default();
    while let Some(name) = values.next() {
        if name.bytes().is_some_and(|name| name.eq_ignore_ascii_case(b"UID")) {
            continue;
        }
        let value = values.next();
        if name.bytes().is_some_and(|name| name.eq_ignore_ascii_case(b"ALL")) {
            uids = value.and_then(Value::bytes).and_then(UidSet::parse).ok_or("ESEARCH without uids")?;
        }
    }
    Ok(Untagged::Esearch(tag, uids))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Response {
        Response::read(&Frame { text: text.into(), ..Frame::default() })
    }

    fn untagged(text: &str) -> Untagged {
        match read(&format!("* {text}")) {
            Response::Untagged(data) => data,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn set(text: &str) -> UidSet {
        UidSet::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn searches() {
        assert_eq!(untagged("SEARCH"), Untagged::Search(UidSet::default()));
        assert_eq!(untagged("SEARCH 2 5 6 (MODSEQ 917162500)"), Untagged::Search(set("2,5:6")));
        assert_eq!(untagged("ESEARCH (TAG \"a7\") UID"), Untagged::Esearch("a7".into(), UidSet::default()));
        let there = untagged("ESEARCH (TAG \"a7\") UID COUNT 3 ALL 2,10:11 MODSEQ 1236");
        assert_eq!(there, Untagged::Esearch("a7".into(), set("2,10:11")));
        assert!(matches!(read("* SEARCH 1 x"), Response::Unreadable(_)), "never half of the uids");
        assert!(matches!(read("* ESEARCH UID ALL 1,x"), Response::Unreadable(_)));
    }

    #[test]
    fn mailboxes() {
        let Untagged::List { attributes, delimiter, name, .. } = untagged(r#"LIST (\Noselect \Foo) "/" foo "X" (a b)"#)
        else {
            panic!()
        };
        assert_eq!((attributes.len(), delimiter, name.as_str()), (2, Some('/'), "foo"));
        assert!(
            matches!(untagged("LIST () NIL Inbox"), Untagged::List { delimiter: None, name, .. } if name == "INBOX")
        );
        let Untagged::Status(name, status) = untagged(
            r#"STATUS "a b" (MESSAGES 2 UIDVALIDITY 9 HIGHESTMODSEQ 18446744073709551615 MAILBOXID (F1) SIZE 7)"#,
        ) else {
            panic!()
        };
        assert_eq!((name.as_str(), status.messages, status.uid_validity), ("a b", Some(2), Some(9)));
        assert_eq!((status.highest_modseq, status.id.as_deref()), (Some(u64::MAX), Some("F1")));
    }

    #[test]
    fn messages() {
        let text = "FETCH (UID 4 MODSEQ (65402) FLAGS (\\Seen $Forwarded) EMAILID (M1) BODY[1]<0> \"abc\" BODY[9] NIL)";
        let Untagged::Fetch(message) = untagged(&format!("2 {text}")) else { panic!() };
        assert_eq!((message.uid, message.modseq), (4, Some(65402)));
        assert!(message.has_flag("\\seen") && !message.has_flag("\\Flagged"));
        assert_eq!(message.content("BODY[1]").unwrap(), "abc");
        assert_eq!(message.contents[1], ("BODY[9]".into(), Content::None));
        let vanished = Untagged::Vanished { earlier: true, uids: set("41,43:116") };
        assert_eq!(untagged("VANISHED (EARLIER) 41,43:116"), vanished);
    }

    #[test]
    fn words_and_codes() {
        let Response::Done { tag, words } = read("a1 no [NONEXISTENT] Mailbox doesn't exist: x\u{7}") else { panic!() };
        assert_eq!((tag.as_str(), words.condition, words.refusal()), ("a1", Condition::No, Code::NonExistent));
        assert_eq!(words.text, "Mailbox doesn't exist: x");
        let Untagged::Words(words) = untagged("OK [PERMANENTFLAGS (\\Seen \\*)] Flags") else { panic!() };
        assert_eq!((words.code.as_str(), words.argument.as_str()), ("PERMANENTFLAGS", "(\\Seen \\*)"));
        assert!(matches!(read("rubbish"), Response::Unreadable(_)));
        assert!(matches!(read(""), Response::Unreadable(_)));
        assert!(matches!(read("* 9999999999 EXISTS"), Response::Unreadable(_)));
    }
}

//! An IMAP client (RFC 9051, and RFC 3501 with the extensions that servers have): thin, tolerant, bounded. A response that cannot be
//! understood is skipped and never loses the session; whether an answer without it is of any use is decided by command. Knows no EAS.

mod command;
mod connection;
mod error;
mod figures;
mod listen;
mod mailboxes;
mod messages;
mod pool;
mod reader;
mod response;
mod set;
mod settings;
mod structure;
#[cfg(test)]
mod tests;
pub mod utf7;
mod value;

pub use command::{Command, is_flag};
pub use connection::{Connection, Selected};
pub use error::{Code, Error};
pub use listen::News as Heard;
pub use mailboxes::Mailbox;
pub use messages::{Flagging, News, Placed};
pub use pool::{Held, Lease, Place, Pool, Purpose};
pub use reader::{Sink, Taking, read_frame};
pub use response::{Condition, Content, Message, Response, Status, Untagged, Words};
pub use set::UidSet;
pub use settings::{Login, Settings, Watch};
pub use structure::Structure;
pub use value::{Cursor, Frame, Literal, Value};

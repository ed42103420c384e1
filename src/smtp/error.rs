//! Why a message was not sent.

use std::fmt;

use super::{connection::Fault, reply::Reply};

/// What became of the recipients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// Recipients that the server does not take at all, with its words.
    pub refused: Vec<(String, String)>,
    /// Recipients that may be tried again.
    pub later: Vec<String>,
}

impl Sent {
    /// Whether all were taken.
    pub fn is_complete(&self) -> bool {
        self.refused.is_empty() && self.later.is_empty()
    }
}

/// Why a message was not sent. The texts are for the administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The configuration names no server.
    NoServer,
    /// No time, trouble on the way: try again later.
    Later(String),
    /// The message was handed over, the answer was lost: perhaps it was sent, perhaps not.
    Uncertain(String),
    /// The server does not accept the login.
    Login(String),
    /// The user has sent enough for now.
    Quota(String),
    /// The user may not send as this sender.
    Sender(String),
    /// The server does not take enough of the recipients; it may take some of them later.
    Recipients(Sent),
    /// The message is too large for the server.
    TooLarge(String),
    /// The server will never take this message.
    Refused(String),
}

impl Error {
    /// Whether the same message would fare no better at another time.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Sender(_) | Self::TooLarge(_) | Self::Refused(_) => true,
            Self::Recipients(sent) => sent.later.is_empty(),
            Self::NoServer | Self::Later(_) | Self::Uncertain(_) | Self::Login(_) | Self::Quota(_) => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoServer => f.write_str("there is no mail server (option --smtp, or url in [smtp])"),
            Self::Later(text) => write!(f, "not sent for now: {text}"),
            Self::Uncertain(text) => write!(f, "perhaps sent: {text}"),
            Self::Login(text) => write!(f, "login not accepted: {text}"),
            Self::Quota(text) => write!(f, "enough sent for now: {text}"),
            Self::Sender(text) => write!(f, "sender not accepted: {text}"),
            Self::Recipients(Sent { refused, later }) => {
                write!(f, "recipients not accepted ({} for good, {} for now)", refused.len(), later.len())?;
                refused.iter().try_for_each(|(address, words)| write!(f, "; {address}: {words}"))
            }
            Self::TooLarge(text) => write!(f, "too large: {text}"),
            Self::Refused(text) => write!(f, "refused: {text}"),
        }
    }
}

impl std::error::Error for Error {}

/// What the server was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Greeting, EHLO, STARTTLS.
    Hello,
    Login,
    Sender,
    Data,
    /// It has the whole message.
    End,
}

/// Details of enhanced status codes that name a limit of the sender: storage, daily messages (RFC 3463 3.3, 3.5; 1.90 at one large provider).
const QUOTA: [&str; 3] = ["2.2", "4.5", "1.90"];

/// Details that name the size of the message (RFC 3463 3.3, 3.4).
const SIZE: [&str; 2] = ["2.3", "3.4"];

/// What a fault means for the message.
pub(super) fn told(step: Step, fault: Fault) -> Error {
    match fault {
        Fault::Broken(text) if step == Step::End => Error::Uncertain(text),
        Fault::Broken(text) => Error::Later(text),
        Fault::Said(reply) => said(step, &reply),
    }
}

fn said(step: Step, reply: &Reply) -> Error {
    let (text, detail) = (reply.to_string(), reply.detail().unwrap_or_default());
    match (reply.class(), step) {
        (4 | 5, Step::Sender | Step::Data | Step::End) if QUOTA.contains(&detail) => Error::Quota(text),
        (5, Step::Sender | Step::Data | Step::End) if reply.code == 552 || SIZE.contains(&detail) => {
            Error::TooLarge(text)
        }
        (5, Step::Login) => Error::Login(text),
        (5, Step::Sender) => Error::Sender(text),
        (5, Step::Data | Step::End) => Error::Refused(text),
        (2 | 3, Step::End) => Error::Uncertain(text),
        _ => Error::Later(text),
    }
}

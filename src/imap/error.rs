//! What can go wrong with an IMAP server, told apart by what has to follow.

/// Response codes that mean something here (RFC 9051 7.1, RFC 5530).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The mailbox is not there.
    NonExistent,
    /// It is not there, and could be made.
    TryCreate,
    /// There is one with that name.
    AlreadyExists,
    /// No room left, or the message is too large.
    OverQuota,
    /// The user may not do that.
    NoPerm,
    /// The server never does that.
    Cannot,
    /// The server cannot do that now.
    Unavailable,
    /// The login is not accepted.
    AuthenticationFailed,
    /// Content in a transfer encoding that the server cannot take off (RFC 3516).
    UnknownCte,
    /// Another one, or none.
    Other,
}

impl Code {
    pub(super) fn of(name: &str) -> Self {
        const CODES: &[(&str, Code)] = &[
            ("NONEXISTENT", Code::NonExistent),
            ("TRYCREATE", Code::TryCreate),
            ("ALREADYEXISTS", Code::AlreadyExists),
            ("OVERQUOTA", Code::OverQuota),
            ("TOOBIG", Code::OverQuota),
            ("LIMIT", Code::Unavailable),
            ("NOPERM", Code::NoPerm),
            ("CANNOT", Code::Cannot),
            ("UNAVAILABLE", Code::Unavailable),
            ("INUSE", Code::Unavailable),
            ("SERVERBUG", Code::Unavailable),
            ("CONTACTADMIN", Code::Unavailable),
            ("AUTHENTICATIONFAILED", Code::AuthenticationFailed),
            ("AUTHORIZATIONFAILED", Code::AuthenticationFailed),
            ("EXPIRED", Code::AuthenticationFailed),
            ("UNKNOWN-CTE", Code::UnknownCte),
        ];
        CODES.iter().find(|(code, _)| code.eq_ignore_ascii_case(name)).map_or(Self::Other, |(_, code)| *code)
    }
}

/// Why a command gave no result. The texts are for the administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The server cannot be reached, is not ready, or stopped answering before anything was changed.
    Unavailable(String),
    /// The server does not accept the login.
    Login(String),
    /// The server refuses the command.
    No {
        /// Why.
        code: Code,
        /// In its words.
        text: String,
    },
    /// The server does not understand the command.
    Bad(String),
    /// What the server answered cannot be read; the connection goes on.
    Garbled(String),
    /// A writing command was sent and its answer lost: it may have been carried out.
    Lost(String),
}

impl Error {
    /// The code of a refusal.
    pub fn code(&self) -> Option<Code> {
        if let Self::No { code, .. } = self { Some(*code) } else { None }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unavailable(text) => write!(f, "the IMAP server cannot answer: {text}"),
            Self::Login(text) => write!(f, "the IMAP server does not accept the login: {text}"),
            Self::No { text, .. } => write!(f, "the IMAP server refuses: {text}"),
            Self::Bad(text) => write!(f, "the IMAP server does not understand: {text}"),
            Self::Garbled(text) => write!(f, "the IMAP server's answer cannot be read: {text}"),
            Self::Lost(text) => write!(f, "the answer of the IMAP server was lost: {text}"),
        }
    }
}

impl std::error::Error for Error {}

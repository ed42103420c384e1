//! Tells apart what comes back instead of an answer, and says what the administrator should do about it.

use std::time::Duration;

use super::{Error, http::Reply};

/// Longest text taken out of an error page or a fault, in characters.
const TEXT_LIMIT: usize = 300;

/// What kept a request from being answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Refused,
    Dns,
    Tls,
    Timeout,
    Cut,
    Crowded,
    Busy,
    Gateway,
    Redirect,
    LoginPage,
    BrokenRpc,
    AlwaysFatal,
    Database,
    ServerError,
    Status,
    HalfAnswer,
    NotRpc,
    Foreign,
}

/// What is known about a [`Kind`].
struct Row {
    kind: Kind,
    /// What was seen, in plain words.
    seen: &'static str,
    /// What the administrator should do.
    advice: &'static str,
    /// Seconds for which the site is better left alone.
    wait: u64,
    /// A writing call may have been carried out.
    maybe_done: bool,
    /// A reading call may be sent again at once.
    again: bool,
    /// Speaks against the site, not only against this call.
    site: bool,
}

const fn row(
    kind: Kind,
    seen: &'static str,
    advice: &'static str,
    wait: u64,
    [maybe_done, again, site]: [bool; 3],
) -> Row {
    Row { kind, seen, advice, wait, maybe_done, again, site }
}

const NO: bool = false;
const YES: bool = true;

/// One row per kind; the last three columns are `maybe_done`, `again`, `site`.
const ROWS: &[Row] = &[
    row(
        Kind::Refused,
        "no connection to Horde's web server",
        "check that the web server runs and that [horde] url names its address and port",
        10,
        [NO, YES, YES],
    ),
    row(
        Kind::Dns,
        "the host name in [horde] url cannot be resolved",
        "check the spelling of the host and the resolver of this machine",
        30,
        [NO, YES, YES],
    ),
    row(
        Kind::Tls,
        "no trusted TLS connection to Horde's web server",
        "check its certificate: name, dates, chain; a private CA belongs into the certificate store of this machine",
        60,
        [NO, NO, YES],
    ),
    row(
        Kind::Timeout,
        "Horde did not answer in time",
        "look for slow queries, a hanging IMAP server, or too few PHP workers; or raise [horde] timeout",
        20,
        [YES, NO, YES],
    ),
    row(
        Kind::Cut,
        "the connection was closed before the answer was complete",
        "look into the logs of the web server and of PHP (crash, restart, request_terminate_timeout)",
        10,
        [YES, YES, YES],
    ),
    row(
        Kind::Crowded,
        "too many calls wait for Horde",
        "raise [horde] parallel together with the number of PHP workers",
        20,
        [NO, NO, NO],
    ),
    row(
        Kind::Busy,
        "Horde's web server says that the service is not available",
        "check that PHP runs (php-fpm status, number of workers) and that Horde is not in maintenance",
        15,
        [YES, YES, YES],
    ),
    row(
        Kind::Gateway,
        "the proxy before Horde got no good answer from it",
        "check PHP behind the web server and the time-outs of the proxy",
        15,
        [YES, NO, YES],
    ),
    row(
        Kind::Redirect,
        "a redirection came instead of an answer",
        "put the final address of rpc.php into [horde] url (https, host name, path), and exempt rpc.php from single sign-on",
        60,
        [NO, NO, YES],
    ),
    row(
        Kind::LoginPage,
        "a login page came instead of an answer",
        "[horde] url must name rpc.php itself, and rpc.php must be exempt from single sign-on",
        60,
        [NO, NO, YES],
    ),
    row(
        Kind::BrokenRpc,
        "Horde's RPC is broken: a plain call died without an answer",
        "Horde 5.2 does not run its RPC on PHP 8 as Debian 12 ships it: put repaired copies of Horde/Rpc/Jsonrpc.php (and \
         Xmlrpc.php) first in PHP's include_path, or run Horde on PHP 7.4, or update Horde_Rpc; PHP's error log names the line",
        120,
        [NO, NO, YES],
    ),
    row(
        Kind::AlwaysFatal,
        "Horde's PHP fails on every call",
        "Horde's log and PHP's error log tell why (database, IMAP server, permissions, an unfinished update)",
        30,
        [YES, NO, YES],
    ),
    row(
        Kind::Database,
        "Horde cannot use its database",
        "check that the database runs and has connections left",
        20,
        [YES, NO, YES],
    ),
    row(
        Kind::ServerError,
        "the web server reports an internal error",
        "look into the error logs of the web server and of PHP",
        30,
        [YES, NO, YES],
    ),
    row(
        Kind::Status,
        "an unexpected HTTP status came back",
        "check [horde] url, access rules and content filters of Horde's web server",
        60,
        [NO, NO, YES],
    ),
    row(
        Kind::HalfAnswer,
        "the answer is cut off or damaged",
        "look into PHP's error log (memory_limit, max_execution_time) and at proxies between here and Horde",
        20,
        [YES, YES, NO],
    ),
    row(
        Kind::NotRpc,
        "something else than an RPC answer came back",
        "check that [horde] url names Horde's rpc.php",
        60,
        [YES, NO, YES],
    ),
    row(
        Kind::Foreign,
        "the answer belongs to another call",
        "no cache may sit between here and Horde",
        60,
        [YES, NO, YES],
    ),
];

/// What database drivers say about the database as a whole; Horde hands it on as the error of the call.
const DATABASE: &[&str] = &[
    "sqlstate[08",
    "sqlstate[hy000] [",
    "connect failed:",
    "server has gone away",
    "lost connection",
    "too many connections",
    "deadlock found",
    "lock wait timeout",
    "database is locked",
];

/// One obstacle: its kind and what was seen of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) kind: Kind,
    detail: String,
    retry_after: Option<u64>,
}

impl Trouble {
    pub(super) fn new(kind: Kind, detail: impl AsRef<str>) -> Self {
        Self { kind, detail: shorten(detail.as_ref()), retry_after: None }
    }

    fn row(&self) -> Option<&'static Row> {
        ROWS.iter().find(|row| row.kind == self.kind)
    }

    /// What was seen and what to do.
    pub(super) fn reason(&self) -> String {
        let (seen, advice) = self.row().map_or(("", ""), |row| (row.seen, row.advice));
        if self.detail.is_empty() { format!("{seen}; {advice}") } else { format!("{seen} ({}); {advice}", self.detail) }
    }

    /// Whether a reading call may be repeated at once.
    pub(super) fn again(&self) -> bool {
        self.row().is_some_and(|row| row.again)
    }

    /// Whether the trouble speaks against the whole site.
    pub(super) fn of_site(&self) -> bool {
        self.row().is_some_and(|row| row.site)
    }

    /// Whether, on an accelerator, it can mean that the site does not offer it.
    pub(super) fn may_mean_no_offer(&self) -> bool {
        use Kind::*;
        matches!(self.kind, NotRpc | HalfAnswer | BrokenRpc | ServerError | Status | LoginPage)
    }

    /// Whether a writing call may have been carried out. A web server that says when to come back has turned the call away.
    fn maybe_done(&self) -> bool {
        self.retry_after.is_none() && self.row().is_some_and(|row| row.maybe_done)
    }

    /// The error for the caller.
    pub(super) fn into_error(self, writing: bool) -> Error {
        let reason = self.reason();
        if writing && self.maybe_done() {
            return Error::Uncertain(reason);
        }
        let seconds = self.retry_after.or_else(|| self.row().map(|row| row.wait)).unwrap_or(30);
        Error::Unavailable { reason, retry_after: Duration::from_secs(seconds.clamp(1, 3600)) }
    }
}

/// Why a request gave no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    Unauthorized,
    Fault(String),
    Fatal(String),
    Trouble(Trouble),
    /// Stopped before it was sent.
    Early(Error),
}

impl Failure {
    pub(super) fn trouble(kind: Kind, detail: impl AsRef<str>) -> Self {
        Self::Trouble(Trouble::new(kind, detail))
    }

    pub(super) fn into_error(self, writing: bool) -> Error {
        match self {
            Self::Unauthorized => Error::Unauthorized,
            Self::Fault(text) => Error::Fault(text),
            Self::Fatal(text) => Error::Fatal(text),
            Self::Trouble(trouble) => trouble.into_error(writing),
            Self::Early(error) => error,
        }
    }
}

/// An error that Horde answered: of this call, or of the database behind it.
pub(super) fn fault(text: &str) -> Failure {
    let text = shorten(text);
    let lower = text.to_ascii_lowercase();
    if DATABASE.iter().any(|sign| lower.contains(sign)) {
        return Failure::trouble(Kind::Database, text);
    }
    Failure::Fault(text)
}

/// What an answer means that is not what the protocol promises.
pub(super) fn page(reply: &Reply) -> Failure {
    let text = String::from_utf8_lossy(reply.body.get(..reply.body.len().min(64 << 10)).unwrap_or_default());
    let lower = text.to_ascii_lowercase();
    match reply.status {
        401 => Failure::Unauthorized,
        300..=399 => Failure::trouble(Kind::Redirect, reply.location.as_deref().unwrap_or("")),
        _ if is_broken_rpc(&lower) => Failure::trouble(Kind::BrokenRpc, bare(&text)),
        200 if is_fatal(&lower) => Failure::Fatal(fatal_text(&text)),
        200 if lower.contains("type=\"password\"") => Failure::trouble(Kind::LoginPage, bare(&text)),
        200 if reply.body.is_empty() => Failure::trouble(Kind::HalfAnswer, "empty answer"),
        200 => Failure::trouble(Kind::NotRpc, format!("{}: {}", reply.content_type, bare(&text))),
        500 if text.trim().is_empty() => Failure::trouble(Kind::BrokenRpc, "HTTP 500 with an empty body"),
        500 => Failure::trouble(Kind::ServerError, bare(&text)),
        503 => {
            let mut trouble = Trouble::new(Kind::Busy, bare(&text));
            trouble.retry_after = reply.retry_after;
            Failure::Trouble(trouble)
        }
        502 | 504 => Failure::trouble(Kind::Gateway, format!("HTTP {}", reply.status)),
        status => Failure::trouble(Kind::Status, format!("HTTP {status}: {}", bare(&text))),
    }
}

/// The page that PHP prints when it cannot load the RPC drivers and shows errors; `lower` is in lower case.
fn is_broken_rpc(lower: &str) -> bool {
    (lower.contains("declaration of horde_rpc") && lower.contains("must be compatible"))
        || lower.contains("non-static method horde_rpc")
}

/// Whether it is Horde's or PHP's last word; the title of Horde's page is not translated, its heading is.
fn is_fatal(lower: &str) -> bool {
    ["<title>horde :: fatal error</title>", "a fatal error has occurred", "serialization failed", "<b>fatal error</b>"]
        .iter()
        .any(|sign| lower.contains(sign))
}

/// The message of Horde's error page: its first `<h3>`, else the whole text. Traces, which may show arguments, stay out.
fn fatal_text(html: &str) -> String {
    let message = html.split_once("<h3>").and_then(|(_, rest)| rest.split("</h3>").next()).map(bare);
    message.filter(|text| !text.is_empty()).unwrap_or_else(|| bare(html))
}

/// Text without tags and head, entities resolved, on one line, bounded.
pub(super) fn bare(html: &str) -> String {
    let html = html.split_once("</head>").map_or(html, |(_, body)| body);
    let mut text = String::new();
    let mut rest = html;
    while text.len() < 8 * TEXT_LIMIT {
        let Some((before, tag)) = rest.split_once('<') else {
            text.push_str(rest);
            break;
        };
        text.push_str(before);
        text.push(' ');
        rest = tag.split_once('>').map_or("", |(_, after)| after);
    }
    for (entity, sign) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#039;", "'"), ("&amp;", "&")] {
        text = text.replace(entity, sign);
    }
    shorten(&text)
}

/// One line without control characters, at most [`TEXT_LIMIT`] characters.
pub(super) fn shorten(text: &str) -> String {
    let mut out = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().take(TEXT_LIMIT + 1));
        if out.len() > 4 * TEXT_LIMIT {
            break;
        }
    }
    match out.char_indices().nth(TEXT_LIMIT) {
        Some((end, _)) => format!("{}…", out.get(..end).unwrap_or_default()),
        None => out,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Kind; 18] = [
        Kind::Refused,
        Kind::Dns,
        Kind::Tls,
        Kind::Timeout,
        Kind::Cut,
        Kind::Crowded,
        Kind::Busy,
        Kind::Gateway,
        Kind::Redirect,
        Kind::LoginPage,
        Kind::BrokenRpc,
        Kind::AlwaysFatal,
        Kind::Database,
        Kind::ServerError,
        Kind::Status,
        Kind::HalfAnswer,
        Kind::NotRpc,
        Kind::Foreign,
    ];

    #[test]
    fn every_kind_has_one_row() {
        assert_eq!(ROWS.len(), ALL.len());
        for kind in ALL {
            assert_eq!(ROWS.iter().filter(|row| row.kind == kind).count(), 1, "{kind:?}");
        }
    }

    #[test]
    fn texts_are_one_bounded_line() {
        assert_eq!(bare("<html><head><title>x</title></head><h1>A</h1>\n<b>b&amp;c</b> d"), "A b&c d");
        assert_eq!(bare("<p unclosed"), "");
        let long = shorten(&"ä\u{1b}".repeat(1000));
        assert_eq!(long.chars().count(), TEXT_LIMIT + 1);
        assert!(shorten(&"ö".repeat(5000)).ends_with('…'));
    }

    /// A page for an administrator shows a trace with arguments, perhaps passwords, behind the message.
    #[test]
    fn traces_stay_out_of_the_text() {
        let page = "<h1>A fatal error has occurred</h1><h3>Broken</h3><div>1. authenticate('alice', 'secret')</div>";
        assert_eq!(fatal_text(page), "Broken");
    }
}

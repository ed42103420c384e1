//! How a request arrives. Three doors (FastCGI, plain CGI, HTTP/1.1) hand over one neutral [`Request`] and take one
//! neutral [`Response`]; nothing behind them knows which door it was.

mod answer;
mod body;
pub mod cgi;
pub mod fastcgi;
mod http;
mod keep_open;
mod limits;
pub mod listen;
mod params;
mod patient;
mod serve;

use std::{future::Future, net::IpAddr};

pub use body::{Body, BodyError, BodySender, Hangup, HangupSender};
pub use limits::{Limits, Settings};
pub use listen::{Listen, Listener};
pub use serve::serve;

/// A header list: names in lower case, values as bytes (phones send Latin-1, too).
#[derive(Debug, Clone, Default)]
pub struct Headers(Vec<(String, Vec<u8>)>);

impl Headers {
    /// Adds a header; the name is put into lower case.
    pub fn add(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.0.push((name.to_ascii_lowercase(), value.into()));
    }

    /// The first header of that name (given in lower case).
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_slice())
    }

    /// Like [`Headers::get`], as trimmed text, if it is UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.get(name)?).ok().map(str::trim)
    }

    /// All headers in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_slice()))
    }
}

/// One request as the web server handed it over.
#[derive(Debug)]
pub struct Request {
    /// Method as sent ("POST").
    pub method: String,
    /// Path without the query, not decoded ("/Microsoft-Server-ActiveSync").
    pub path: String,
    /// Query without the question mark, not decoded; may hold any bytes.
    pub query: Vec<u8>,
    /// Request headers. `content-length` is not to be trusted: read [`Request::body`] to its end.
    pub headers: Headers,
    /// Address of the phone as the web server sees it.
    pub remote: Option<IpAddr>,
    /// The body, to be read piece by piece.
    pub body: Body,
    /// Tells when the phone or the web server has gone.
    pub hangup: Hangup,
    /// Whether the answer may be delayed (not for plain CGI, where each wait costs a process).
    pub may_wait: bool,
}

/// The answer. A [`ResponseBody::Full`] body gets a `Content-Length`, also when it is empty.
#[derive(Debug)]
pub struct Response {
    /// HTTP status code.
    pub status: u16,
    /// Headers; of a full body without `Content-Length`.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: ResponseBody,
}

/// Body of a [`Response`].
#[derive(Debug)]
pub enum ResponseBody {
    /// All bytes at once.
    Full(Vec<u8>),
    /// Piece by piece; the headers may say how long it is. When the sender breaks off with an error the connection is cut, so that the
    /// phone does not take the half for the whole.
    Stream(Body),
}

impl Response {
    /// An answer without body.
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: ResponseBody::Full(Vec::new()) }
    }

    /// An answer with a body of that type.
    pub fn full(status: u16, content_type: &str, body: Vec<u8>) -> Self {
        Self { status, headers: vec![("Content-Type", content_type.to_owned())], body: ResponseBody::Full(body) }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Reason phrase for the status line.
    pub fn reason(&self) -> &'static str {
        match self.status {
            200 => "OK",
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            408 => "Request Timeout",
            413 => "Content Too Large",
            431 => "Request Header Fields Too Large",
            449 => "Retry after sending a PROVISION command",
            451 => "Redirect",
            500 => "Internal Server Error",
            501 => "Not Implemented",
            502 => "Bad Gateway",
            503 => "Service Unavailable",
            505 => "HTTP Version Not Supported",
            507 => "Insufficient Storage",
            _ => "Status",
        }
    }
}

/// What answers requests. One value serves all doors and all connections at the same time.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. Dropped (cancelled) when the phone or the web server goes away.
    fn handle(&self, request: Request) -> impl Future<Output = Response> + Send;
}

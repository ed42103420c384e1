//! Answers to phones, as the web server takes them.

use super::refuse::{WBXML, refuse};
use crate::{
    command::Reply,
    error::Error,
    gateway::{Body, BodyError, Response, ResponseBody},
    proto::{Command, Version},
    spool::Pieces,
};

const SERVER: &str = "MS-Server-ActiveSync";

/// Pieces of a streamed answer that may wait for the web server.
const PIECES: usize = 4;

impl Response {
    /// With the version of the server that such phones expect.
    pub(super) fn with_server_of(self, version: Version) -> Self {
        if self.headers.iter().any(|(name, _)| *name == SERVER) {
            return self;
        }
        self.header(SERVER, version.traits().server)
    }
}

/// What a command has answered.
pub(super) fn of_reply(reply: Reply) -> Response {
    // Known beforehand: the phone sees how far it has come, and that an answer broke off.
    let length = reply.body.len();
    let body = match reply.body.into_bytes() {
        Ok(bytes) => ResponseBody::Full(bytes),
        Err(pieces) => ResponseBody::Stream(stream(&pieces)),
    };
    let empty = matches!(&body, ResponseBody::Full(bytes) if bytes.is_empty());
    let mut response = Response { body, ..Response::status(200) };
    if !empty {
        response = response.header("Content-Type", WBXML);
    }
    if matches!(response.body, ResponseBody::Stream(_)) {
        response = response.header("Content-Length", length.to_string());
    }
    for (name, value) in reply.headers {
        if name == "Content-Type" {
            response.headers.retain(|(n, _)| *n != name);
        }
        response = response.header(name, value);
    }
    response
}

/// The pieces as the web server takes them.
fn stream(pieces: &Pieces) -> Body {
    let (sender, body) = Body::channel(PIECES);
    let mut reader = pieces.reader();
    tokio::spawn(async move {
        loop {
            match reader.next().await {
                Ok(Some(bytes)) => {
                    if !sender.send(bytes).await {
                        return;
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    log::error!("an answer breaks off: {error}");
                    return sender.fail(BodyError::Aborted).await;
                }
            }
        }
    });
    body
}

/// A small status is one of HTTP, for what is wrong with the query itself.
pub(super) fn of_query(status: u16, asked: Option<(Command, Version)>, realm: &str) -> Response {
    match asked {
        Some(asked) => refuse(&Error::Status(status), Some(asked), realm).with_server_of(asked.1),
        None => Response::status(status),
    }
    .header("Cache-Control", "private")
}

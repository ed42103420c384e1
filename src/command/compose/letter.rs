//! What is forwarded to those whom a phone only names (Forwardees, 16.0+): the mail that it would have written.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{disk, status};
use crate::{
    command::Context,
    convert::mime::{address, address::Mailbox, word},
    error::Error,
    proto::{class::BodyKind, compose::Request},
    source::sending::Lying,
};

/// The mail to those whom a phone names beside its text, instead of writing a mail itself (16.0+).
pub(super) async fn write(ctx: &Context, request: &Request, original: &Lying) -> Result<Lying, Error> {
    let to: Vec<Mailbox> = request
        .forwardees
        .iter()
        .map(|forwardee| Mailbox { name: forwardee.name.clone(), address: forwardee.email.clone() })
        .collect();
    if !to.iter().all(Mailbox::is_sendable) {
        return Err(Error::Status(status::FORWARDEES));
    }
    let (kind, text) = match &request.body {
        Some((BodyKind::Html, text)) => ("html", text.as_str()),
        Some((_, text)) => ("plain", text.as_str()),
        None => ("plain", ""),
    };
    let mut mime = format!(
        "To: {}\r\nSubject: {}\r\nMIME-Version: 1.0\r\nContent-Type: text/{kind}; charset=utf-8\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n",
        address::written(&to),
        word::encode(&format!("Fwd: {}", original.message.subject())),
    );
    for line in STANDARD.encode(text).as_bytes().chunks(76) {
        mime.push_str(&String::from_utf8_lossy(line));
        mime.push_str("\r\n");
    }
    lying(ctx, mime.as_bytes()).await
}

/// A message that is made here.
pub(super) async fn lying(ctx: &Context, message: &[u8]) -> Result<Lying, Error> {
    let mut spool = ctx.site.store.spool();
    spool.write(message).await.map_err(|e| disk(&e))?;
    let all = 0..spool.len();
    Lying::read(&Arc::new(spool), all).await.map_err(|e| disk(&e))
}

//! Events that are forwarded: as an invitation that looks as if its organizer had sent it (RFC 5546 3.2.2.6), in a mail of the user.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;

use super::{disk, sources, status};
use crate::{
    command::Context,
    convert::{
        ical::Home,
        itip::{self, Method, Notice, Person, is_address},
        mime::{address, address::Mailbox, word},
    },
    error::Error,
    proto::{
        class::{BodyKind, Class, Properties},
        compose::Request,
    },
    source::{Fetched, Identity, Source, merged, sending::Lying},
    wbxml::tag::calendar as c,
};

/// The event as the mail that would invite to it.
pub(super) async fn invitation(
    ctx: &Context,
    user: &Identity,
    container: &str,
    uid: &str,
    start: Option<String>,
) -> Result<Lying, Error> {
    let gone = || Error::Status(status::NOT_FOUND);
    let (container, uid) = merged::place(container, uid).ok_or_else(gone)?;
    let uids = [uid.to_owned()];
    let fetched = sources::items(ctx, Class::Calendar)?.fetch(container, &uids, &[]).await?;
    let Some(Fetched::Item(item)) = fetched.into_iter().next() else { return Err(gone()) };
    let organizer = organizer(&item, user).ok_or(Error::Status(status::REPLY_FAILED))?;
    let exception = start.map(|start| occurrence(&item, start));
    let notice = Notice {
        method: Method::Request,
        item: &item,
        exception: exception.as_ref(),
        uid,
        home: &Home { zone: user.zone.clone(), addresses: user.addresses.clone() },
        from: &organizer,
        to: &[],
        message_id: "",
        at: Timestamp::now(),
        sequence: None,
        comment: "",
    };
    // It stands for an event: there is no mail that the new one could answer.
    let mail = String::from_utf8_lossy(&itip::write(&notice)).replacen("Message-ID: <>\r\n", "", 1);
    lying(ctx, mail.as_bytes()).await
}

/// Who has called the meeting; who has made an event that is none.
fn organizer(item: &Properties, user: &Identity) -> Option<Person> {
    let address = item.text(c::ORGANIZER_EMAIL).filter(|address| is_address(address));
    let named = address.map(|address| Person {
        name: item.text(c::ORGANIZER_NAME).unwrap_or_default().to_owned(),
        address: address.to_owned(),
    });
    named.or_else(|| user.person())
}

/// The occurrence of a series that is meant; one that is as all others has no exception yet.
fn occurrence(item: &Properties, start: String) -> Properties {
    let is_meant = |exception: &&Properties| exception.text(c::EXCEPTION_START_TIME) == Some(start.as_str());
    item.groups(c::EXCEPTIONS).iter().find(is_meant).cloned().unwrap_or_else(|| {
        let mut exception = Properties::default();
        exception.set_text(c::EXCEPTION_START_TIME, start);
        exception
    })
}

/// The mail to those whom a phone names beside its text, instead of writing a mail itself (16.0+).
pub(super) async fn letter(ctx: &Context, request: &Request, original: &Lying) -> Result<Lying, Error> {
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

async fn lying(ctx: &Context, message: &[u8]) -> Result<Lying, Error> {
    let mut spool = ctx.site.store.spool();
    spool.write(message).await.map_err(|e| disk(&e))?;
    let all = 0..spool.len();
    Lying::read(&Arc::new(spool), all).await.map_err(|e| disk(&e))
}

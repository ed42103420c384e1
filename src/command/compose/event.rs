//! Events that are forwarded: as an invitation that looks as if its organizer had sent it (RFC 5546 3.2.2.6), in a mail of the user.

use jiff::Timestamp;

use super::{letter, sources, status};
use crate::{
    command::Context,
    convert::{
        ical::Home,
        itip::{self, Method, Notice, Person, is_address},
    },
    error::Error,
    proto::class::{Class, Properties},
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
    letter::lying(ctx, mail.as_bytes()).await
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

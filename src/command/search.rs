//! Search: mails on the server that the phone has not got (MS-ASCMD 2.2.1.16).

#[cfg(test)]
mod tests;

use bytes::Bytes;
use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::{
    Context, Reply, folder_sync,
    found::{self, MOST},
    kql, sources, unix_time,
};
use crate::{
    error::Error,
    proto::{
        Range, Version,
        class::{BodyKind, View},
        search::{Found, Request, Response, StoreResponse},
    },
    source::{self, Mail, mail::Query},
    sync::Hierarchy,
};

/// Status values of a store (MS-ASCMD 2.2.3.177.13).
mod status {
    pub(super) const OK: u16 = 1;
    pub(super) const INVALID: u16 = 2;
    pub(super) const DENIED: u16 = 5;
    pub(super) const COMPLEX: u16 = 8;
    pub(super) const FOLDERS: u16 = 11;
    pub(super) const END: u16 = 12;
    pub(super) const BODY_PART: u16 = 164;
}

/// Results of an answer when nothing is said of it, and the most of one answer.
const PAGE: u64 = 100;

/// Carries the command out.
///
/// # Errors
/// The request is malformed, or the mail server or the state cannot be had.
pub async fn run(ctx: &Context, body: Bytes) -> Result<Reply, Error> {
    let request = Request::read(&body)?;
    let hierarchy = {
        let locked = ctx.device.lock().await?;
        Hierarchy::load(&mut locked.journal(folder_sync::JOURNAL)?)?
    };
    let mail = sources::mail_of(ctx).await?;
    let store = answer(mail.as_ref(), hierarchy.as_ref(), &request, ctx.version, unix_time()).await?;
    Ok(Reply::document(Response { status: 1, store: Some(store) }.write()))
}

fn refused(status: u16) -> StoreResponse {
    StoreResponse { status, ..StoreResponse::default() }
}

async fn answer<M: Mail>(
    mail: Option<&M>,
    hierarchy: Option<&Hierarchy>,
    request: &Request,
    version: Version,
    now: u64,
) -> Result<StoreResponse, Error> {
    // People are looked for elsewhere, and documents nowhere.
    let (Some(mail), true) = (mail, request.store.eq_ignore_ascii_case("Mailbox")) else {
        let people = request.store.eq_ignore_ascii_case("GAL");
        return Ok(refused(if people || mail.is_none() { status::DENIED } else { status::INVALID }));
    };
    let Some(hierarchy) = hierarchy else { return Ok(refused(status::FOLDERS)) };
    let (query, range) = match checked(request, now) {
        Ok(asked) => asked,
        Err(status) => return Ok(refused(status)),
    };
    let asked = &request.query;
    let other = !asked.classes.is_empty() && !asked.classes.iter().any(|class| class == "Email");
    if other {
        return Ok(refused(status::OK));
    }
    let Some(containers) = found::containers(hierarchy, &asked.collections, request.deep) else {
        return Ok(refused(status::FOLDERS));
    };
    let fits = |date: &str| {
        asked.after.as_deref().is_none_or(|after| date > after) && asked.before.as_deref().is_none_or(|b| date < b)
    };
    let hits = match found::hits(mail, &containers, &query, fits).await {
        Ok(hits) => hits,
        Err(error) => return Err(error),
    };
    let total = Some(hits.len() as u64).filter(|total| *total > 0);
    let view = view(request, version);
    let Some((range, items)) = found::page(mail, hits, range, &view).await? else {
        return Ok(StoreResponse { total, ..refused(status::OK) });
    };
    let found = |(hit, item): (source::mail::Hit, _)| Found {
        long_id: format!("{}:{}", hit.container, hit.uid),
        collection: found::folder_of(hierarchy, &hit.container),
        item,
        view: view.clone(),
    };
    let results = items.into_iter().map(found).collect();
    Ok(StoreResponse { status: status::OK, results, range: Some(range), total })
}

/// What is looked for and which results are wanted, or the status for what cannot be looked for.
fn checked(request: &Request, now: u64) -> Result<(Query, Range), u16> {
    let asked = &request.query;
    if asked.complex {
        return Err(status::COMPLEX);
    }
    if request.bodies.parts.iter().any(|part| part.kind != BodyKind::Html) {
        return Err(status::BODY_PART);
    }
    let mut all: Vec<Query> = asked.text.as_deref().and_then(|text| kql::parse(text, day(now))).into_iter().collect();
    all.extend(asked.conversation.clone().map(Query::Conversation));
    let moment = |text: &String| text.parse::<Timestamp>().map_or(0, Timestamp::as_second);
    all.extend(asked.after.as_ref().map(|after| Query::ReceivedSince(moment(after) - DAY)));
    all.extend(asked.before.as_ref().map(|before| Query::ReceivedBefore(moment(before) + DAY)));
    if asked.wrong || all.is_empty() {
        return Err(status::INVALID);
    }
    let range = match &request.range {
        None => Range { first: 0, last: PAGE - 1 },
        Some(text) => Range::parse(text).ok_or(status::INVALID)?,
    };
    if range.first >= MOST as u64 {
        return Err(status::END);
    }
    Ok((Query::All(all), Range { last: range.last.min(range.first + PAGE - 1), ..range }))
}

const DAY: i64 = 86_400;

/// The day in UTC.
pub(super) fn day(now: u64) -> Date {
    let moment = i64::try_from(now).ok().and_then(|now| Timestamp::from_second(now).ok()).unwrap_or_default();
    moment.to_zoned(TimeZone::UTC).date()
}

fn view(request: &Request, version: Version) -> View {
    View {
        bodies: request.bodies.preferences.clone(),
        body_parts: request.bodies.parts.clone(),
        mime_support: request.bodies.mime_support.unwrap_or(0),
        ..View::plain(version)
    }
}

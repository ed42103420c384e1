//! Find: mails on the server, as Outlook and newer phones look for them (MS-ASCMD 2.2.1.1), 16.1.

use bytes::Bytes;

use super::{
    Context, Reply, folder_sync,
    found::{self, MOST},
    kql,
    remembered::{recall, remember},
    search::day,
    sources, unix_time,
};
use crate::{
    error::Error,
    proto::{
        Range, Version,
        class::{BodyKind, BodyPreference, Content, Value, View},
        find::{Found, Mailbox, Request, Response},
    },
    source::Mail,
    state::Locked,
    sync::Hierarchy,
    wbxml::tag::air_sync_base as b,
};

/// Status values (MS-ASCMD 2.2.3.177.3).
mod status {
    pub(super) const OK: u16 = 1;
    pub(super) const INVALID: u16 = 2;
    pub(super) const FOLDERS: u16 = 3;
    pub(super) const RANGE: u16 = 4;
}

/// Remembers the SearchId of the search that the phone may go on with.
const JOURNAL: &str = "find";

/// Results of an answer when nothing is said of it, and the most of one answer.
const PAGE: u64 = 100;

/// Characters of the text that are shown.
const PREVIEW: u32 = 255;

/// Carries the command out.
///
/// # Errors
/// The request is malformed, or the mail server or the state cannot be had.
pub async fn run(ctx: &Context, body: Bytes) -> Result<Reply, Error> {
    let request = Request::read(&body)?;
    let locked = ctx.device.lock().await?;
    let mail = sources::mail_of(ctx).await?;
    let response = answer(&locked, mail.as_ref(), &request, ctx.version, unix_time()).await?;
    Ok(Reply::document(response.write()))
}

fn refused(status: u16) -> Response {
    Response { status, ..Response::default() }
}

async fn answer<M: Mail>(
    locked: &Locked,
    mail: Option<&M>,
    request: &Request,
    version: Version,
    now: u64,
) -> Result<Response, Error> {
    // People are looked for elsewhere.
    let (Some(asked), Some(mail)) = (&request.mailbox, mail) else { return Ok(refused(status::INVALID)) };
    let Some(range) = range(asked) else { return Ok(refused(status::INVALID)) };
    let query = kql::parse(&asked.text, day(now));
    let Some(query) = query.filter(|_| matches!(asked.class.as_str(), "" | "Email")) else {
        return Ok(refused(status::INVALID));
    };
    let goes_on = recall::<String>(locked, JOURNAL)?.as_deref() == Some(&request.id);
    if range.first > 0 && !goes_on {
        return Ok(Response { results: Some(Vec::new()), ..refused(status::RANGE) });
    }
    let hierarchy = Hierarchy::load(&mut locked.journal(folder_sync::JOURNAL)?)?;
    let folders: Vec<String> = asked.collection.iter().cloned().collect();
    let searched = hierarchy.as_ref().and_then(|h| Some((h, found::containers(h, &folders, asked.deep)?)));
    let Some((hierarchy, containers)) = searched else { return Ok(refused(status::FOLDERS)) };
    let hits = found::hits(mail, &containers, &query, |_| true).await?;
    let total = Some(hits.len() as u64);
    remember(locked, JOURNAL, &request.id).await?;
    let Some((range, items)) = found::page(mail, hits, range, &view(version)).await? else {
        return Ok(Response { results: Some(Vec::new()), total, ..refused(status::OK) });
    };
    let found = |(hit, mail): (crate::source::mail::Hit, _)| {
        let collection = found::folder_of(hierarchy, &hit.container);
        shown(format!("{collection}:{}", hit.uid), collection, mail)
    };
    let results = items.into_iter().map(found).collect();
    Ok(Response { status: status::OK, results: Some(results), range: Some(range), total })
}

/// Which results are wanted (0 to 999); `None`: it cannot be.
fn range(asked: &Mailbox) -> Option<Range> {
    let range = match &asked.range {
        None => Range { first: 0, last: PAGE - 1 },
        Some(text) => Range::parse(text).filter(|range| range.last < MOST as u64)?,
    };
    Some(Range { last: range.last.min(range.first + PAGE - 1), ..range })
}

fn shown(item: String, collection: String, mail: crate::proto::class::Properties) -> Found {
    let preview = match mail.0.get(&b::BODY) {
        Some(Value::Content(Content { data, preview, .. })) => preview.clone().unwrap_or_else(|| data.clone()),
        _ => String::new(),
    };
    let attachments = !mail.groups(b::ATTACHMENTS).is_empty();
    Found { item, collection, preview, attachments, mail }
}

fn view(version: Version) -> View {
    let beginning = BodyPreference {
        kind: BodyKind::Plain,
        truncation_size: Some(PREVIEW),
        all_or_none: false,
        preview: Some(PREVIEW),
    };
    View { bodies: vec![beginning], ..View::plain(version) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        command::tests::{Device, Mailbox as Mails, Message, block_on},
        wbxml::tag::email as e,
    };

    #[test]
    fn a_search_begins_with_the_first_result_and_goes_on() {
        block_on(async {
            let mail = Mails::new();
            for n in 0..5 {
                mail.put("inbox", Message::new(&format!("Rechnung {n}")));
            }
            let device = Device::knowing(&mail).await;
            let ask = async |id: &str, change: &dyn Fn(&mut Mailbox)| {
                let mut mailbox = Mailbox { text: "subject:Rechnung".into(), ..Mailbox::default() };
                change(&mut mailbox);
                let request = Request { id: id.into(), mailbox: Some(mailbox), people: None };
                answer(&device.locked, Some(&mail), &request, Version::V16_1, 1_795_521_600).await.unwrap()
            };
            let late = ask("1", &|m| m.range = Some("2-3".into())).await;
            assert_eq!((late.status, late.results), (status::RANGE, Some(vec![])));
            let first = ask("1", &|m| m.range = Some("0-1".into())).await;
            assert_eq!((first.status, first.total, first.range), (1, Some(5), Some(Range { first: 0, last: 1 })));
            let results = first.results.unwrap();
            assert!(results[0].item.starts_with(&format!("{}:7.", device.id("INBOX"))));
            assert!(results[0].mail.text(e::SUBJECT).unwrap().starts_with("Rechnung"));
            let second = ask("1", &|m| m.range = Some("2-9".into())).await;
            assert_eq!(second.range, Some(Range { first: 2, last: 4 }));
            for (status, change) in [
                (status::INVALID, &(|m: &mut Mailbox| m.text.clear()) as &dyn Fn(&mut Mailbox)),
                (status::INVALID, &|m| m.range = Some("0-1000".into())),
                (status::INVALID, &|m| m.class = "Tasks".into()),
                (status::FOLDERS, &|m| m.collection = Some("nowhere".into())),
            ] {
                assert_eq!(ask("2", change).await, refused(status));
            }
        });
    }
}

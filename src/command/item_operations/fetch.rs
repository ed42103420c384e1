//! Fetch: items by their ids, attachments by their references.

use std::sync::Arc;

use super::{Desk, MAILBOX, answer::Parts, status, text, told};
use crate::{
    error::Error,
    proto::{
        Range,
        class::{BodyKind, BodyPreference, Class, Content as Body, Properties, Value, View},
        item_operations::{Content, Elsewhere, Fetch, Fetched},
    },
    source::{self, Fetched as Found, Mail, Source, Want},
    spool::Spool,
    sync::{self, Folder},
    wbxml::tag::{air_sync_base as b, email as e},
};

/// Messages that are longer are not read into memory.
const IN_MEMORY: u32 = 256 << 10;

/// The ids of the request, as the answer has them.
pub(super) fn named(fetch: &Fetch) -> Fetched {
    let collection = Some(fetch.collection.clone()).filter(|id| !id.is_empty());
    Fetched {
        status: status::OK,
        collection: collection.filter(|_| fetch.item.is_some()),
        item: fetch.item.clone(),
        long_id: fetch.long_id.clone(),
        attachment: fetch.attachment.clone(),
        content: None,
    }
}

impl<M: Mail> Desk<'_, M> {
    /// An item of a class other than mail.
    pub(super) async fn item<S: Source>(&self, source: &S, folder: &Folder, fetch: &Fetch) -> Result<Fetched, Error> {
        let refused = |status| Fetched { status, ..named(fetch) };
        if let Some(status) = wrong(fetch) {
            return Ok(refused(status));
        }
        let Some(uid) = self.resolve(folder.class, fetch)? else { return Ok(refused(status::NOT_FOUND)) };
        let view = self.view(fetch);
        let found = source.fetch_for(&folder.container, &[uid], &[], Want::Whole(&view)).await;
        let item = match found.map(|mut found| found.pop()) {
            Ok(Some(Found::Item(item))) => item,
            Ok(_) => return Ok(refused(status::NOT_FOUND)),
            Err(error) => return told(error).map(refused),
        };
        let item = only(item, fetch);
        let content = Content::Item { class: folder.class, item, view, body: None };
        Ok(Fetched { content: Some(content), ..named(fetch) })
    }

    /// A mail or an attachment.
    pub(super) async fn fetch(&self, mail: &M, fetch: &Fetch, parts: &mut Parts) -> Result<Fetched, Error> {
        let content = match (wrong(fetch), &fetch.attachment) {
            (Some(status), _) => Err(status),
            (None, Some(reference)) => attachment(mail, reference, fetch, self.store.spool(), parts).await?,
            (None, None) => self.message(mail, fetch, parts).await?,
        };
        Ok(match content {
            Ok(content) => Fetched { content: Some(content), ..named(fetch) },
            Err(status) => Fetched { status, ..named(fetch) },
        })
    }

    fn resolve(&self, class: Class, fetch: &Fetch) -> Result<Option<String>, Error> {
        let Some(item) = &fetch.item else { return Ok(None) };
        Ok(sync::resolve(&mut self.locked.journal(&fetch.collection)?, class, &fetch.collection, item)?)
    }

    /// Who asks for nothing in particular gets the text, whole.
    fn view(&self, fetch: &Fetch) -> View {
        let mut bodies = fetch.bodies.preferences.clone();
        if bodies.is_empty() {
            bodies.push(BodyPreference::default());
        }
        View {
            bodies,
            body_parts: fetch.bodies.parts.clone(),
            mime_support: fetch.bodies.mime_support.unwrap_or(0),
            ..View::plain(self.version)
        }
    }

    async fn message(&self, mail: &M, fetch: &Fetch, parts: &mut Parts) -> Result<Result<Content, u16>, Error> {
        let place = match &fetch.long_id {
            Some(long_id) => long_id.split_once(':').map(|(container, uid)| (container.to_owned(), uid.to_owned())),
            None => {
                let folder = self.folder(&fetch.collection).filter(|folder| folder.class == Class::Email);
                let uid = if folder.is_some() { self.resolve(Class::Email, fetch)? } else { None };
                folder.map(|folder| folder.container.clone()).zip(uid)
            }
        };
        let Some((container, uid)) = place else { return Ok(Err(status::NOT_FOUND)) };
        let view = self.view(fetch);
        let small = bounded(&view);
        let mut item = match look(mail, &container, &uid, &small).await? {
            Ok(item) => item,
            Err(status) => return Ok(Err(status)),
        };
        let wish = view.bodies.iter().find(|preference| preference.kind == BodyKind::Mime);
        let body = match (item.0.get(&b::BODY), wish) {
            (Some(Value::Content(body)), Some(wish)) if body.kind == BodyKind::Mime && body.truncated => {
                let size = body.size;
                let fits = wish.truncation_size.is_none_or(|limit| u64::from(limit) >= size);
                if wish.all_or_none && !fits {
                    let others = View { mime_support: 0, ..view.clone() };
                    item = match look(mail, &container, &uid, &others).await? {
                        Ok(item) => item,
                        Err(status) => return Ok(Err(status)),
                    };
                    None
                } else if fits || wish.truncation_size > Some(IN_MEMORY) {
                    if parts.is_too_large(size) {
                        return Ok(Err(status::TOO_LARGE));
                    }
                    match self.raw(mail, &container, &uid, wish, parts).await? {
                        Ok(body) => Some(body),
                        Err(status) => return Ok(Err(status)),
                    }
                } else {
                    None
                }
            }
            _ => None,
        };
        let body = body.or_else(|| apart(&mut item, parts));
        if body.is_some() {
            item.0.remove(&b::BODY);
        }
        let item = only(item, fetch);
        Ok(Ok(Content::Item { class: Class::Email, item, view, body }))
    }

    /// A whole message, however long.
    async fn raw(
        &self,
        mail: &M,
        container: &str,
        uid: &str,
        wish: &BodyPreference,
        parts: &mut Parts,
    ) -> Result<Result<Elsewhere, u16>, Error> {
        let raw = match mail.raw(container, uid, self.store.spool()).await {
            Ok(raw) => raw,
            Err(error) => return told(error).map(Err),
        };
        let limit = wish.truncation_size.map_or(u64::MAX, u64::from);
        let readable = text::readable(&raw, self.store.spool(), limit).await.map_err(disk)?;
        let (size, truncated) = (readable.size, readable.text.len() < readable.size);
        let place = parts.add_text(Arc::new(readable.text));
        Ok(Ok(Elsewhere { kind: BodyKind::Mime, size, truncated, place }))
    }
}

fn disk(error: std::io::Error) -> Error {
    Error::RetryLater { reason: format!("a spool: {error}"), after: std::time::Duration::from_secs(60) }
}

/// The status for a request that is wrong by itself.
fn wrong(fetch: &Fetch) -> Option<u16> {
    let ids = [&fetch.item, &fetch.long_id, &fetch.attachment].into_iter().flatten().count();
    if !fetch.store.eq_ignore_ascii_case(MAILBOX) || fetch.link.is_some() {
        return Some(status::STORE);
    }
    if fetch.bodies.parts.iter().any(|part| part.kind != BodyKind::Html) {
        return Some(status::BODY_PART);
    }
    match &fetch.attachment {
        Some(reference) if reference.is_empty() => Some(status::WRONG_ID),
        _ if ids != 1 => Some(status::PROTOCOL),
        _ => None,
    }
}

/// The view with messages cut where they become too long for memory.
fn bounded(view: &View) -> View {
    let mut view = view.clone();
    for preference in view.bodies.iter_mut().filter(|preference| preference.kind == BodyKind::Mime) {
        preference.truncation_size = Some(preference.truncation_size.unwrap_or(IN_MEMORY).min(IN_MEMORY));
        preference.all_or_none = false;
    }
    view
}

async fn look<M: Mail>(mail: &M, container: &str, uid: &str, view: &View) -> Result<Result<Properties, u16>, Error> {
    match mail.fetch_for(container, &[uid.to_owned()], &[], Want::Whole(view)).await.map(|mut found| found.pop()) {
        Ok(Some(Found::Item(item))) => Ok(Ok(item)),
        Ok(Some(Found::Broken(reason))) => {
            log::warn!("{container}, {uid}: {reason}");
            Ok(Err(status::SERVER))
        }
        Ok(_) => Ok(Err(status::NOT_FOUND)),
        Err(error) => told(error).map(Err),
    }
}

/// The body in a part of its own, if the phone takes parts.
fn apart(item: &mut Properties, parts: &mut Parts) -> Option<Elsewhere> {
    if !parts.are_asked_for() {
        return None;
    }
    let Some(Value::Content(Body { kind, data, size, truncated, .. })) = item.0.get_mut(&b::BODY) else { return None };
    let place = parts.add_short(std::mem::take(data));
    Some(Elsewhere { kind: *kind, size: *size, truncated: *truncated, place })
}

/// What Schema leaves.
fn only(mut item: Properties, fetch: &Fetch) -> Properties {
    if let Some(schema) = &fetch.schema {
        item.0.retain(|tag, _| schema.contains(tag) || *tag == b::ATTACHMENTS && schema.contains(&e::ATTACHMENTS));
    }
    item
}

/// Container, uid and part that a FileReference names; the source looks at them more closely.
pub(in crate::command) fn reference(text: &str) -> Option<(&str, &str, &str)> {
    let (container, rest) = text.split_once(':')?;
    let (uid, part) = rest.split_once(':')?;
    let sound = !container.is_empty() && !uid.is_empty() && !part.is_empty() && !part.contains(':');
    sound.then_some((container, uid, part))
}

async fn attachment<M: Mail>(
    mail: &M,
    text: &str,
    fetch: &Fetch,
    into: Spool,
    parts: &mut Parts,
) -> Result<Result<Content, u16>, Error> {
    let Some((container, uid, part)) = reference(text) else { return Ok(Err(status::WRONG_ID)) };
    let range = match &fetch.range {
        None => None,
        Some(text) => match Range::parse(text) {
            None => return Ok(Err(status::RANGE)),
            range => range,
        },
    };
    let found = match mail.attachment(container, uid, part, into).await {
        Ok(found) => found,
        Err(source::Error::NotFound) => return Ok(Err(status::WRONG_ID)),
        Err(error) => return told(error).map(Err),
    };
    let total = found.bytes.len();
    let taken = match range {
        None => None,
        Some(_) if total == 0 => return Ok(Err(status::EMPTY)),
        Some(range) => match range.within(total) {
            None => return Ok(Err(status::RANGE)),
            taken => taken,
        },
    };
    let bytes = taken.map_or(0..total, |range| range.first..range.last + 1);
    if parts.is_too_large(bytes.end - bytes.start) {
        return Ok(Err(status::TOO_LARGE));
    }
    let place = parts.add_bytes(found.bytes, bytes);
    Ok(Ok(Content::Attachment { kind: found.kind, range: taken, total, place }))
}

//! Reading contacts in as few PHP requests as possible.
//!
//! A few contacts: one batch with one `search` by uid for the text fields and one small vCard each for photo and categories. Many: one
//! `search` over the whole book, one batch that asks for the tags, one that asks for the uids under each tag and for the vCards of those
//! who have a photo.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde_json::{Map, Value as Json, json};

use super::{
    Turba, call,
    kept::Kept,
    table::{Layout, rule_of},
    tags::Scan,
    value::{from_field, from_row},
};
use crate::{
    convert::vcard,
    horde::{self, Call},
    proto::class::{Properties, Scope, Value},
    source::{
        Error, Fetched, Source,
        app::{Answer, Memory, Rows, fault},
    },
    state::Beside,
    wbxml::tag::contacts as c,
};

/// Up to so many contacts are read one by one (2 ms for the fields, 2 ms for the vCard); more by a search over the whole book (0.13 ms
/// per contact of the book).
const FEW: usize = 60;
/// In a book of more contacts than this, the whole is never read at once, for the sake of memory here and in PHP.
const WHOLE_BOOK: usize = 5_000;
/// Largest photo that a phone takes: 48 KiB of base64 (MS-ASCNTC 2.2.2.53).
pub(super) const LARGEST_PHOTO: usize = 36 * 1024;

/// What was found out about a contact.
#[derive(Debug, Clone)]
pub(super) enum Got {
    Item(Arc<Properties>),
    Missing,
    Broken(String),
}

impl Turba {
    pub(super) async fn fetch_items(
        &self,
        book: &str,
        uids: &[String],
        ahead: &[String],
    ) -> Result<Vec<Fetched>, Error> {
        let mut rows = self.app.memory.rows(book, uids.iter().chain(ahead));
        let wanted = Memory::lacking(&rows, uids.iter());
        let mut rest = HashMap::new();
        if !wanted.is_empty() {
            let all = Memory::lacking(&rows, uids.iter().chain(ahead));
            let read_at = self.app.memory.seen(book);
            let whole = all.len() > FEW && self.app.memory.size(book).is_none_or(|size| size <= WHOLE_BOOK);
            let (layout, scan) =
                if whole { self.layout_and_scan(book).await? } else { (self.layout(book).await?, None) };
            let mut fresh = match scan {
                Some(scan) => self.read_book(book, &layout, &scan, &all).await?,
                None => Rows::new(),
            };
            let few = match fresh.is_empty() {
                true => all.into_iter().take(FEW.max(wanted.len())).collect(),
                false => Memory::lacking(&fresh, wanted.iter()),
            };
            for piece in few.chunks(FEW) {
                for (uid, got) in self.read_few(book, &layout, piece, true).await? {
                    match got {
                        Got::Item(row) => drop(fresh.insert(uid, row)),
                        other => drop(rest.insert(uid, other)),
                    }
                }
            }
            self.app.memory.keep(book, read_at, &fresh);
            rows.extend(fresh);
        }
        let names = self.beside.names().map_err(|e| fault::unavailable(e.to_string()))?;
        Ok(uids.iter().map(|uid| self.present(uid, rows.get(uid), rest.get(uid), &names)).collect())
    }

    /// One contact, whole or (cheaper) without photo and categories.
    pub(super) async fn row(&self, book: &str, uid: &str, complete: bool) -> Result<Got, Error> {
        let uids = [uid.to_owned()];
        if let Some(row) = self.app.memory.rows(book, uids.iter()).remove(uid) {
            return Ok(Got::Item(row));
        }
        let layout = self.layout(book).await?;
        let got = self.read_few(book, &layout, &uids, complete).await?;
        Ok(got.into_iter().next().map_or(Got::Missing, |(_, got)| got))
    }

    /// What is kept beside Horde for a contact.
    pub(super) fn kept(&self, uid: &str) -> Result<Kept, String> {
        match self.beside.get(uid) {
            Ok(None) => Ok(Kept::default()),
            Ok(Some(value)) => Kept::read(value),
            Err(error) => Err(error.to_string()),
        }
    }

    fn present(
        &self,
        uid: &str,
        row: Option<&Arc<Properties>>,
        other: Option<&Got>,
        names: &HashSet<String>,
    ) -> Fetched {
        let Some(row) = row else {
            return match other {
                Some(Got::Broken(reason)) => Fetched::Broken(reason.clone()),
                _ => Fetched::Missing,
            };
        };
        let kept = if names.contains(&Beside::name(uid)) { self.kept(uid) } else { Ok(Kept::default()) };
        let mut item = match kept {
            Ok(kept) => kept.merge(row),
            Err(reason) => return Fetched::Broken(reason),
        };
        if let Some(Value::Bytes(photo)) = item.0.get(&c::PICTURE)
            && photo.len() > LARGEST_PHOTO
        {
            log::info!("contact {uid}: the photo has {} bytes, more than phones take; it is left out", photo.len());
            item.0.remove(&c::PICTURE);
        }
        Fetched::Item(item)
    }

    /// Which fields the book has; asked for now and then.
    pub(super) async fn layout(&self, book: &str) -> Result<Arc<Layout>, Error> {
        match self.app.memory.fact::<Layout>(&fact(book)) {
            Some(layout) => Ok(layout),
            None => {
                let answers = self.app.session.batch(layout_calls(book)).await.map_err(fault::of_site)?;
                self.learn_layout(book, &answers).await
            }
        }
    }

    /// Fields and tags at once.
    async fn layout_and_scan(&self, book: &str) -> Result<(Arc<Layout>, Option<Scan>), Error> {
        let known = self.app.memory.fact::<Layout>(&fact(book));
        let mut calls = if known.is_some() { Vec::new() } else { layout_calls(book) };
        let count = calls.len();
        calls.extend(self.scan_calls());
        let answers = self.app.session.batch(calls).await.map_err(fault::of_site)?;
        let (fields, tags) = answers.split_at_checked(count).unwrap_or_default();
        let layout = match known {
            Some(layout) => layout,
            None => self.learn_layout(book, fields).await?,
        };
        Ok((layout, self.scan(book, tags).await?))
    }

    async fn learn_layout(&self, book: &str, answers: &[Answer]) -> Result<Arc<Layout>, Error> {
        let fields = match answers.first() {
            Some(Ok(fields)) if fields.is_object() => fields,
            Some(Err(error)) => return Err(self.app.container_error(book, error.clone()).await),
            _ => return Err(fault::strange("contacts.fields")),
        };
        let plain = answers.get(1).and_then(|a| a.as_ref().ok()).and_then(|config| plain_name(config, book));
        Ok(self.app.memory.set_common_fact(&fact(book), Layout::new(fields, plain)))
    }

    /// Reads some contacts, each of them told about.
    async fn read_few(
        &self,
        book: &str,
        layout: &Layout,
        uids: &[String],
        complete: bool,
    ) -> Result<Vec<(String, Got)>, Error> {
        let mut todo = vec![uids.to_vec()];
        let mut results = Vec::new();
        while let Some(mut piece) = todo.pop() {
            let searches = searches(book, layout, &by_uid(&piece, book));
            let count = searches.len();
            let cards = piece.iter().filter(|_| complete).map(|uid| card(uid, book));
            let answers =
                self.app.session.batch(searches.into_iter().chain(cards).collect()).await.map_err(fault::of_site)?;
            let (found, cards) = answers.split_at_checked(count).unwrap_or_default();
            let table = match collect(found) {
                Ok(table) => table,
                Err(horde::Error::Fatal(reason)) if piece.len() == 1 => {
                    results.extend(piece.pop().map(|uid| (uid, Got::Broken(reason))));
                    continue;
                }
                // One contact with bytes that are no text spoils the answer for all: look for it.
                Err(horde::Error::Fatal(_)) => {
                    todo.push(piece.split_off(piece.len() / 2));
                    todo.push(piece);
                    continue;
                }
                Err(error) => return Err(self.app.container_error(book, error).await),
            };
            for (n, uid) in piece.into_iter().enumerate() {
                let got = put_together(layout, table.get(&uid), complete.then(|| cards.get(n)).flatten());
                results.push((uid, got));
            }
        }
        if results.iter().any(|(_, got)| matches!(got, Got::Missing)) {
            // Not found and not allowed look alike: whoever is in the listing is there.
            let there: HashSet<String> = self.list(book, Scope::All).await?.into_iter().collect();
            for (uid, got) in results.iter_mut().filter(|(uid, got)| matches!(got, Got::Missing) && there.contains(uid))
            {
                *got = Got::Broken(format!("{uid} is in the address book, but Turba does not give it out"));
            }
        }
        Ok(results)
    }

    /// Reads the whole book for the sake of `uids`; gives those of them that could be read so, none at all when it is not the way.
    async fn read_book(&self, book: &str, layout: &Layout, scan: &Scan, uids: &[String]) -> Result<Rows, Error> {
        let mut found = Vec::new();
        for search in searches(book, layout, &(json!([""]), Map::new())) {
            found.push(self.app.session.read(&search.method, search.params).await);
        }
        let table = match collect(&found) {
            Ok(table) => table,
            Err(horde::Error::Fatal(reason)) => {
                log::warn!(
                    "address book {book} cannot be read as a whole ({reason}); its contacts are read in small portions"
                );
                return Ok(Rows::new());
            }
            Err(error) => return Err(self.app.container_error(book, error).await),
        };
        let known: Vec<_> = uids.iter().filter_map(|uid| Some((uid, table.get(uid)?))).collect();
        let pictured: Vec<_> = known.iter().filter(|(_, row)| has_photo(row)).copied().collect();
        let (found, cards) = tokio::join!(self.app.session.batch(scan.calls.clone()), self.cards(book, &pictured));
        let (found, cards) = (found.map_err(fault::of_site)?, cards?);
        let Some(tags) = scan.read(&found) else { return Ok(Rows::new()) };
        let mut rows = Rows::new();
        for (uid, row) in known {
            let got = match has_photo(row) {
                true => put_together(layout, Some(row), cards.get(uid)),
                false => Got::Item(Arc::new(with_tags(layout, row, tags.get(uid).map_or(&[][..], Vec::as_slice)))),
            };
            if let Got::Item(item) = got {
                rows.insert(uid.clone(), item);
            }
        }
        Ok(rows)
    }
}

/// Under which name the layout of a book is remembered.
fn fact(book: &str) -> String {
    format!("layout of {book}")
}

fn layout_calls(book: &str) -> Vec<Call> {
    vec![call("contacts.fields", vec![json!(book)]), call("contacts.getSourcesConfig", vec![json!({"browse": true})])]
}

/// Whether the book's "name" is a field of its own; `None` when the configuration does not tell.
fn plain_name(config: &Json, book: &str) -> Option<bool> {
    let is_share =
        |source: &&Json| source.get("use_shares").is_some_and(|v| v.as_bool() == Some(true) || v.as_u64() == Some(1));
    let source = config.get(book).or_else(|| config.as_object()?.values().find(is_share))?;
    source.get("map")?.get("name").map(Json::is_string)
}

fn by_uid(uids: &[String], book: &str) -> (Json, Map<String, Json>) {
    let mut options = Map::new();
    options.insert("fields".into(), json!({ book: ["__uid"] }));
    options.insert("customStrict".into(), json!(["__uid"]));
    (json!(uids), options)
}

/// The searches that give the fields of contacts. Horde's search puts any address of a contact into `email` when there are several
/// fields of that type; the true one is told when it alone is asked for.
fn searches(book: &str, layout: &Layout, (names, options): &(Json, Map<String, Json>)) -> Vec<Call> {
    let search = |fields: Vec<&str>| {
        let mut options = options.clone();
        options.insert("sources".into(), json!([book]));
        // Without this, Turba searches the default book instead of one that it does not find.
        options.insert("forceSource".into(), json!(true));
        options.insert("returnFields".into(), json!(fields));
        call("contacts.search", vec![names.clone(), Json::Object(options)])
    };
    let mut fields = layout.fields();
    if !layout.has_several_emails() {
        return vec![search(fields)];
    }
    fields.retain(|field| *field != "email");
    vec![search(fields), search(vec!["email", "__uid", "__key"])]
}

/// The vCard of a contact with nothing in it but photo and categories.
pub(super) fn card(uid: &str, book: &str) -> Call {
    let only = json!({"PHOTO": {"wanted": true}, "CATEGORIES": {"wanted": true}});
    call("contacts.export", vec![json!(uid), json!("text/vcard"), json!([book]), only, json!({"skip_empty": true})])
}

/// uid -> fields of the answers of [`searches`]. A contact with several addresses comes in several rows of the same key, two contacts
/// with one uid in rows of different keys (then `"__key"` is null, and the vCard, which Turba refuses, tells the reason).
fn collect(answers: &[Answer]) -> Result<HashMap<String, Map<String, Json>>, horde::Error> {
    let mut table: HashMap<String, Map<String, Json>> = HashMap::new();
    for (n, answer) in answers.iter().enumerate() {
        let answer = answer.as_ref().map_err(Clone::clone)?;
        let lists = match answer {
            Json::Object(map) => map.values().collect::<Vec<_>>(),
            Json::Array(list) => list.iter().collect(),
            _ => return Err(horde::Error::Fatal("contacts.search gave neither a list nor nothing".into())),
        };
        for row in lists.into_iter().filter_map(Json::as_array).flatten().filter_map(Json::as_object) {
            let Some(uid) = row.get("__uid").and_then(Json::as_str).filter(|uid| !uid.is_empty()) else { continue };
            match table.get_mut(uid) {
                None if n == 0 => drop(table.insert(uid.to_owned(), row.clone())),
                None => {}
                Some(known) if known.get("__key") != row.get("__key") => drop(known.insert("__key".into(), Json::Null)),
                Some(known) => row.iter().for_each(|(field, value)| {
                    known.entry(field.clone()).or_insert_with(|| value.clone());
                }),
            }
        }
    }
    Ok(table)
}

fn has_photo(row: &Map<String, Json>) -> bool {
    row.get("phototype").and_then(Json::as_str).is_some_and(|kind| !kind.is_empty())
}

fn with_tags(layout: &Layout, row: &Map<String, Json>, tags: &[String]) -> Properties {
    // A tag with a comma in it is two tags in the vCard, and after the next change also in Horde.
    let tags: Vec<&str> = tags.iter().flat_map(|tag| tag.split(',')).map(str::trim).collect();
    let mut item = from_row(layout, row);
    if let (Some(rule), Some(column)) = (rule_of(c::CATEGORIES), layout.column(c::CATEGORIES))
        && let Some(value) = from_field(rule, column, &json!(tags))
    {
        item.0.insert(c::CATEGORIES, value);
    }
    item
}

/// A contact from its fields and its vCard (`None`: none was asked for).
fn put_together(layout: &Layout, row: Option<&Map<String, Json>>, card: Option<&Answer>) -> Got {
    let Some(row) = row else {
        return match card {
            Some(Err(horde::Error::Fatal(reason))) => Got::Broken(reason.clone()),
            _ => Got::Missing,
        };
    };
    let card = match card {
        None if row.get("__key").is_some_and(Json::is_null) => return Got::Broken("two contacts have this uid".into()),
        None => return Got::Item(Arc::new(from_row(layout, row))),
        Some(Err(error)) => return Got::Broken(error.to_string()),
        Some(Ok(card)) => card.as_str().and_then(vcard::extras),
    };
    let Some(card) = card else { return Got::Broken("its vCard cannot be read".into()) };
    let mut whole = with_tags(layout, row, &card.categories);
    if let Some(photo) = card.photo.filter(|_| layout.has_photos()) {
        whole.0.insert(c::PICTURE, Value::Bytes(photo));
    }
    Got::Item(Arc::new(whole))
}

//! Writing contacts. Horde takes fields in its array form, which merges, and a photo only in a vCard, which merges as well: a second call.

use std::collections::HashMap;

use serde_json::{Map, Value as Json, json};

use super::{
    Rights, Turba, call, fault,
    kept::{Kept, Photo, Plan, plan},
    number,
    read::{Got, LARGEST_PHOTO, collect, searches},
    table::{Kind, Layout, RULES},
    value::from_row,
};
use crate::{
    convert::vcard,
    horde,
    proto::class::{Patch, Properties, Value},
    source::{Error, Source},
    wbxml::tag::contacts as c,
};

impl Turba {
    pub(super) async fn add_item(&self, book: &str, item: &Properties) -> Result<String, Error> {
        let patch = Patch { set: item.clone(), clear: Vec::new() };
        check_photo(&patch)?;
        let layout = self.layout(book).await?;
        let mut plan = plan(&layout, &Properties::default(), &Kept::default(), &patch);
        let uid = match self.import(book, &layout, &plan).await {
            Err(Error::Refused(text)) if plan.lose_rare_characters(&layout) => {
                log::info!("{text}: trying again without the characters that an old database does not take");
                self.import(book, &layout, &plan).await?
            }
            result => result?,
        };
        match self.finish(book, &uid, &plan, false).await {
            Ok(()) => Ok(uid),
            Err(Error::Unavailable { reason, .. }) => Err(Error::Uncertain(reason)),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn change_item(&self, book: &str, uid: &str, patch: &Patch) -> Result<(), Error> {
        check_photo(patch)?;
        let now = match self.row(book, uid, needs_card(patch)).await? {
            Got::Item(item) => item,
            Got::Missing => return Err(Error::NotFound),
            Got::Broken(reason) => return Err(Error::Refused(reason)),
        };
        let before = self.kept(uid).map_err(fault::unavailable)?;
        let layout = self.layout(book).await?;
        let mut plan = plan(&layout, &now, &before, patch);
        if !plan.fields.is_empty() {
            match self.replace(book, uid, &plan).await {
                Err(Error::Refused(text)) if plan.lose_rare_characters(&layout) => {
                    log::info!("{text}: trying again without the characters that an old database does not take");
                    self.replace(book, uid, &plan).await?;
                }
                result => result?,
            }
        }
        self.finish(book, uid, &plan, plan.kept != before).await
    }

    pub(super) async fn delete_item(&self, book: &str, uid: &str) -> Result<(), Error> {
        let before = self.memory.seen(book);
        let answer = self.session.write("contacts.delete", vec![json!(uid), json!([book])]).await;
        self.memory.forget(book, uid);
        let failure = match answer {
            Ok(Json::Bool(false)) => Some("Turba could not delete it".to_owned()),
            Ok(_) => None,
            Err(horde::Error::Fault(text) | horde::Error::Fatal(text)) => Some(text),
            Err(horde::Error::Uncertain(text)) => return Err(Error::Uncertain(text)),
            Err(error) => return Err(fault::of_site(error)),
        };
        // Horde says yes to everything: look.
        let stamp = vec![json!(uid), json!("delete"), json!([book]), json!(true)];
        let calls = vec![call("contacts.listUids", vec![json!([book])]), call("contacts.getActionTimestamp", stamp)];
        let mut answers = self.session.batch(calls).await.map_err(fault::of_site)?.into_iter();
        let there = match answers.next().unwrap_or(Ok(Json::Null)) {
            Ok(list) => super::uids(&list).ok_or_else(|| fault::strange("contacts.listUids"))?.iter().any(|u| u == uid),
            Err(error) => return Err(self.book_error(book, error).await),
        };
        if there {
            return Err(failure.map_or(Error::Denied, Error::Refused));
        }
        self.forget_kept(&[uid.to_owned()]).await;
        let deleted = answers.next().and_then(Result::ok).as_ref().and_then(number).unwrap_or(0);
        // Deleted before the caller looked at the history: then it was not this call that did it.
        if deleted == 0 || before.is_some_and(|before| deleted <= before) { Err(Error::NotFound) } else { Ok(()) }
    }

    pub(super) async fn find_item(&self, book: &str, item: &Properties) -> Result<Option<String>, Error> {
        let layout = self.layout(book).await?;
        let patch = Patch { set: item.clone(), clear: Vec::new() };
        self.find_equal(book, &layout, &plan(&layout, &Properties::default(), &Kept::default(), &patch)).await
    }

    async fn import(&self, book: &str, layout: &Layout, plan: &Plan) -> Result<String, Error> {
        let mut fields = plan.fields.clone();
        for attempt in 0..2 {
            let params = vec![Json::Object(fields.clone()), json!("array"), json!(book)];
            let text = match self.session.write("contacts.import", params).await {
                Ok(Json::String(uid)) if !uid.is_empty() => return Ok(uid),
                Ok(_) => return Err(Error::Uncertain("Turba gave no uid for a new contact".into())),
                Err(horde::Error::Fault(text)) => text,
                Err(horde::Error::Fatal(text)) => {
                    // PHP died, perhaps after it had stored the contact.
                    return self.find_equal(book, layout, plan).await?.ok_or(Error::Refused(text));
                }
                Err(horde::Error::Uncertain(text)) => return Err(Error::Uncertain(text)),
                Err(error) => return Err(fault::of_site(error)),
            };
            if fault::is_book_gone(&text) {
                return Err(Error::ContainerGone);
            }
            match self.rights(book).await? {
                Rights::None => return Err(Error::ContainerGone),
                Rights::Read => return Err(Error::Denied),
                Rights::Write => {}
            }
            if attempt > 0 {
                return Err(Error::Refused(text));
            }
            if self.find_equal(book, layout, plan).await?.is_some() {
                return Err(Error::Exists);
            }
            // Turba takes "Ann" for a duplicate of "Anna": its check is a substring search. With a uid of its own, the contact is compared
            // with none but itself. (The text may be another refusal, in any language: then it comes again.)
            fields.insert("__uid".into(), json!(new_uid()?));
        }
        Err(Error::Refused("Turba takes it for a duplicate".into()))
    }

    async fn replace(&self, book: &str, uid: &str, plan: &Plan) -> Result<(), Error> {
        let params = vec![json!(uid), Json::Object(plan.fields.clone()), json!("array"), json!([book])];
        let result = self.session.write("contacts.replace", params).await;
        self.memory.forget(book, uid);
        match result {
            Ok(_) => Ok(()),
            Err(horde::Error::Fault(text)) => Err(self.item_error(book, uid, text).await),
            Err(horde::Error::Fatal(text)) => match self.row(book, uid, true).await? {
                Got::Item(item) if same(&item, &plan.after, false) => Ok(()),
                Got::Missing => Err(Error::NotFound),
                _ => Err(Error::Refused(text)),
            },
            Err(horde::Error::Uncertain(text)) => Err(Error::Uncertain(text)),
            Err(error) => Err(fault::of_site(error)),
        }
    }

    /// Why a write to a contact was refused: "not found" and "not allowed" look alike.
    async fn item_error(&self, book: &str, uid: &str, text: String) -> Error {
        match self.rights(book).await {
            Err(error) => return error,
            Ok(Rights::None) => return Error::ContainerGone,
            Ok(Rights::Read) => return Error::Denied,
            Ok(Rights::Write) => {}
        }
        match self.list(book).await {
            Err(error) => error,
            Ok(uids) if !uids.iter().any(|u| u == uid) => Error::NotFound,
            Ok(_) => Error::Refused(text),
        }
    }

    /// What comes after the fields: the photo, and what is kept beside.
    async fn finish(&self, book: &str, uid: &str, plan: &Plan, kept_changed: bool) -> Result<(), Error> {
        let result = match &plan.kept.write(uid) {
            Some(value) => self.beside.put(uid, value).await,
            None if kept_changed => self.beside.remove(uid).await,
            None => Ok(()),
        };
        let kept = result.map_err(|error| {
            fault::unavailable(format!("contact {uid}: what Horde has no place for is not kept: {error}"))
        });
        let (content, form) = match &plan.photo {
            Photo::Leave => return kept,
            Photo::Clear => (json!({"photo": "", "phototype": ""}), "array"),
            Photo::Set(bytes) => (json!(vcard::photo_card(bytes)), "text/vcard"),
        };
        let params = vec![json!(uid), content, json!(form), json!([book])];
        let mut result = self.session.write("contacts.replace", params.clone()).await;
        if result.as_ref().is_err_and(horde::Error::is_temporary) {
            // Writing the same photo twice does no harm; the rest of the contact is stored already.
            result = self.session.write("contacts.replace", params).await;
        }
        self.memory.forget(book, uid);
        if let Err(error) = result {
            // The contact as such is there: an error would make the phone send all of it again, as a new one.
            log::error!("contact {uid}: the photo cannot be stored: {error}");
        }
        kept
    }

    /// A contact that has the same text in all fields.
    async fn find_equal(&self, book: &str, layout: &Layout, plan: &Plan) -> Result<Option<String>, Error> {
        // By strict comparison of one field that is likely to tell contacts apart; Turba trims what it searches for.
        let preferred = ["lastname", "firstname", "company", "homePhone", "cellPhone", "workPhone", "email"];
        let usable = |field: &str| plan.fields.get(field)?.as_str().filter(|t| !t.is_empty() && t.trim() == *t);
        let mut candidates = preferred.into_iter().chain(layout.fields());
        let Some((field, text)) = candidates.find_map(|f| Some((f, usable(f)?))).filter(|(f, _)| *f != "notes") else {
            return Ok(None);
        };
        let mut options = Map::new();
        options.insert("fields".into(), json!({ book: [field] }));
        options.insert("customStrict".into(), json!([field]));
        let calls = searches(book, layout, &(json!([text]), options));
        let found = self.session.batch(calls).await.map_err(fault::of_site)?;
        let table = match collect(&found) {
            Ok(table) => table,
            Err(error) => return Err(self.book_error(book, error).await),
        };
        let rows: HashMap<_, _> = table.into_iter().map(|(uid, row)| (uid, from_row(layout, &row))).collect();
        Ok(rows.into_iter().find(|(_, item)| same(item, &plan.after, true)).map(|(uid, _)| uid))
    }
}

/// Whether two contacts have the same text in Horde (and, unless only that is known of one of them, the same categories).
fn same(a: &Properties, b: &Properties, text_only: bool) -> bool {
    let told = |kind: Kind| !(matches!(kind, Kind::Picture | Kind::FileAs) || text_only && kind == Kind::Tags);
    RULES.iter().filter(|rule| told(rule.kind)).all(|rule| a.0.get(&rule.tag) == b.0.get(&rule.tag))
}

/// Whether the patch can only be compared with the whole contact.
fn needs_card(patch: &Patch) -> bool {
    [c::PICTURE, c::CATEGORIES].iter().any(|tag| patch.set.0.contains_key(tag) || patch.clear.contains(tag))
}

fn check_photo(patch: &Patch) -> Result<(), Error> {
    match patch.set.0.get(&c::PICTURE) {
        Some(Value::Bytes(photo)) if photo.len() > LARGEST_PHOTO => {
            Err(Error::Refused(format!("the photo has {} bytes, more than a contact may have", photo.len())))
        }
        _ => Ok(()),
    }
}

fn new_uid() -> Result<String, Error> {
    let mut bytes = [0u8; 16];
    let random = ring::rand::SystemRandom::new();
    ring::rand::SecureRandom::fill(&random, &mut bytes)
        .map_err(|_| fault::unavailable("the system gives no random numbers".into()))?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{hex}@horde-eas"))
}

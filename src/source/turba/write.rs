//! Writing contacts. Horde takes fields in its array form, which merges, and a photo only in a vCard, which merges as well: a second call.

use serde_json::{Value as Json, json};

use super::{
    Turba, call,
    kept::{Kept, Photo, Plan, plan},
    read::{Got, LARGEST_PHOTO},
    table::{Kind, Layout, RULES},
};
use crate::{
    convert::vcard,
    horde,
    proto::class::{Patch, Properties, Scope, Value},
    source::{
        Error, Source,
        app::{fault, number, uids},
    },
    wbxml::tag::contacts as c,
};

impl Turba {
    /// What is kept beside is on disk before Horde has the contact: whoever repeats an Add whose answer was lost finds both.
    pub(super) async fn add_item(&self, book: &str, wish: &str, item: &Properties) -> Result<String, Error> {
        let patch = Patch { set: item.clone(), clear: Vec::new() };
        check_photo(&patch)?;
        let layout = self.layout(book).await?;
        let mut plan = plan(&layout, &Properties::default(), &Kept::default(), &patch);
        self.keep(wish, &plan).await?;
        let mut result = self.import(book, wish, &plan).await;
        if let Err(Error::Refused(text)) = &result
            && plan.lose_rare_characters(&layout)
        {
            log::info!("{text}: trying again without the characters that an old database does not take");
            self.keep(wish, &plan).await?;
            result = self.import(book, wish, &plan).await;
        }
        match result {
            Ok(()) => self.photo(book, wish, &plan.photo).await?,
            Err(error @ (Error::Exists | Error::Uncertain(_))) => return Err(error),
            Err(error) => {
                self.forget_kept(&[wish.to_owned()]).await;
                return Err(error);
            }
        }
        Ok(wish.to_owned())
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
        if plan.kept != before {
            self.keep(uid, &plan).await?;
            // Horde's history tells the user's other devices; it must move although Horde itself gets nothing new.
            if plan.fields.is_empty() && plan.kept.merge(&plan.after) != before.merge(&now) {
                plan.fields.insert("__uid".into(), json!(uid));
            }
        }
        if !plan.fields.is_empty()
            && let Err(error) = self.replace_as_far_as_possible(book, uid, &layout, &mut plan).await
        {
            // What may have been carried out all the same is asked for again, with the same result.
            if !matches!(error, Error::Uncertain(_)) && plan.kept != before {
                plan.kept = before;
                self.keep(uid, &plan).await?;
            }
            return Err(error);
        }
        self.photo(book, uid, &plan.photo).await
    }

    async fn replace_as_far_as_possible(
        &self,
        book: &str,
        uid: &str,
        layout: &Layout,
        plan: &mut Plan,
    ) -> Result<(), Error> {
        match self.replace(book, uid, plan).await {
            Err(Error::Refused(text)) if plan.lose_rare_characters(layout) => {
                log::info!("{text}: trying again without the characters that an old database does not take");
                self.keep(uid, plan).await?;
                self.replace(book, uid, plan).await
            }
            result => result,
        }
    }

    pub(super) async fn delete_item(&self, book: &str, uid: &str) -> Result<(), Error> {
        let before = self.app.memory.seen(book);
        let answer = self.app.session.write("contacts.delete", vec![json!(uid), json!([book])]).await;
        self.app.memory.forget(book, uid);
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
        let mut answers = self.app.session.batch(calls).await.map_err(fault::of_site)?.into_iter();
        let there = match answers.next().unwrap_or(Ok(Json::Null)) {
            Ok(list) => uids(&list).ok_or_else(|| fault::strange("contacts.listUids"))?.iter().any(|u| u == uid),
            Err(error) => return Err(self.app.container_error(book, error).await),
        };
        if there {
            return Err(failure.map_or(Error::Denied, Error::Refused));
        }
        self.forget_kept(&[uid.to_owned()]).await;
        let deleted = answers.next().and_then(Result::ok).as_ref().and_then(number).unwrap_or(0);
        // Deleted before the caller looked at the history: then it was not this call that did it.
        if deleted == 0 || before.is_some_and(|before| deleted <= before) { Err(Error::NotFound) } else { Ok(()) }
    }

    /// Turba takes "Ann" for a duplicate of "Anna", as its check is a substring search over all fields; a contact that brings its own uid
    /// is compared with none but itself.
    async fn import(&self, book: &str, wish: &str, plan: &Plan) -> Result<(), Error> {
        let mut fields = plan.fields.clone();
        fields.insert("__uid".into(), json!(wish));
        let text = match self
            .app
            .session
            .write("contacts.import", vec![Json::Object(fields), json!("array"), json!(book)])
            .await
        {
            Ok(Json::String(uid)) if uid == wish => return Ok(()),
            Ok(other) => {
                return Err(Error::Uncertain(format!("Turba stored a new contact under {other} instead of {wish}")));
            }
            Err(horde::Error::Fault(text)) if fault::is_container_gone(&text) => return Err(Error::ContainerGone),
            Err(horde::Error::Fault(text)) if !fault::is_of_database(&text) => {
                self.app.check_writable(book).await?;
                return Err(if self.list(book, Scope::All).await?.iter().any(|uid| uid == wish) {
                    Error::Exists
                } else {
                    Error::Refused(text)
                });
            }
            Err(horde::Error::Fatal(text) | horde::Error::Fault(text)) => text,
            Err(horde::Error::Uncertain(text)) => return Err(Error::Uncertain(text)),
            Err(error) => return Err(fault::of_site(error)),
        };
        // PHP died or the database failed, perhaps after the contact had been stored.
        match self.list(book, Scope::All).await {
            Ok(uids) if uids.iter().any(|uid| uid == wish) => Ok(()),
            Ok(_) => Err(Error::Refused(text)),
            Err(_) => Err(Error::Uncertain(text)),
        }
    }

    async fn replace(&self, book: &str, uid: &str, plan: &Plan) -> Result<(), Error> {
        let params = vec![json!(uid), Json::Object(plan.fields.clone()), json!("array"), json!([book])];
        let result = self.app.session.write("contacts.replace", params).await;
        self.app.memory.forget(book, uid);
        match result {
            Ok(_) => Ok(()),
            Err(horde::Error::Fault(text)) => Err(self.app.item_error(book, uid, text).await),
            Err(horde::Error::Fatal(text)) => match self.row(book, uid, true).await? {
                Got::Item(item) if same(&item, &plan.after) => Ok(()),
                Got::Missing => Err(Error::NotFound),
                _ => Err(Error::Refused(text)),
            },
            Err(horde::Error::Uncertain(text)) => Err(Error::Uncertain(text)),
            Err(error) => Err(fault::of_site(error)),
        }
    }

    /// Keeps what Horde has no place for.
    async fn keep(&self, uid: &str, plan: &Plan) -> Result<(), Error> {
        let result = match plan.kept.write(uid) {
            Some(value) => self.beside.put(uid, &value).await,
            None => self.beside.remove(uid).await,
        };
        result.map_err(|error| {
            fault::unavailable(format!("contact {uid}: what Horde has no place for is not kept: {error}"))
        })
    }

    /// Writes or clears the photo of a contact that is there otherwise. When Horde cannot be asked now, the phone has to send its change
    /// again: the contact is found by its uid then, and only the photo is missing.
    async fn photo(&self, book: &str, uid: &str, photo: &Photo) -> Result<(), Error> {
        let (content, form) = match photo {
            Photo::Leave => return Ok(()),
            Photo::Clear => (json!({"photo": "", "phototype": ""}), "array"),
            Photo::Set(bytes) => (json!(vcard::photo_card(bytes)), "text/vcard"),
        };
        let params = vec![json!(uid), content, json!(form), json!([book])];
        let mut result = self.app.session.write("contacts.replace", params.clone()).await;
        if result.as_ref().is_err_and(horde::Error::is_temporary) {
            // Writing the same photo twice does no harm.
            result = self.app.session.write("contacts.replace", params).await;
        }
        self.app.memory.forget(book, uid);
        match result {
            Err(error) if error.is_temporary() => Err(Error::Uncertain(format!("the photo of {uid}: {error}"))),
            // The contact as such is there, and Horde will not take this photo next time either.
            Err(error) => {
                log::error!("contact {uid}: the photo cannot be stored: {error}");
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }
}

/// Whether a contact is what a change was to make of it. Of the photo a change of the fields says nothing.
fn same(a: &Properties, b: &Properties) -> bool {
    let told = RULES.iter().filter(|rule| !matches!(rule.kind, Kind::Picture | Kind::FileAs));
    told.into_iter().all(|rule| a.0.get(&rule.tag) == b.0.get(&rule.tag))
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

//! Writing notes, text and tags as a whole.

use serde_json::{Value as Json, json};

use super::{
    Mnemo,
    plan::{Plan, plan},
    read::Got,
    value::{Note, item_of},
};
use crate::{
    convert::vnote,
    horde,
    proto::class::{Patch, Properties},
    source::{Error, Kept, app::fault},
};

impl Mnemo {
    pub(super) async fn add_item(&self, notepad: &str, item: &Properties) -> Result<String, Error> {
        let patch = Patch { set: item.clone(), clear: Vec::new() };
        let mut plan = plan(&Note::default(), &Kept::default(), &patch);
        let mut result = self.import(notepad, &plan).await;
        if let Err(Error::Refused(text)) = &result
            && plan.lose_rare_characters()
        {
            log::info!("{text}: trying again without the characters that an old database does not take");
            result = self.import(notepad, &plan).await;
        }
        let uid = result?;
        // The note is there; whoever repeats the Add has to find it.
        self.keep.put(&uid, &plan.kept).await.map_err(|error| Error::Uncertain(error.to_string()))?;
        Ok(uid)
    }

    async fn import(&self, notepad: &str, plan: &Plan) -> Result<String, Error> {
        let (content, form) = written(&plan.after);
        let params = vec![content, form, json!(notepad)];
        match self.app.session.write(&self.app.method("import"), params).await {
            Ok(Json::String(uid)) if !uid.is_empty() => Ok(uid),
            Ok(other) => Err(Error::Uncertain(format!("notes.import gave {other}"))),
            Err(horde::Error::Fault(text)) => {
                self.app.check_writable(notepad).await?;
                Err(Error::Refused(text))
            }
            // What PHP has stored before it died comes to the phone as a new note.
            Err(horde::Error::Fatal(text)) => Err(Error::Refused(text)),
            Err(horde::Error::Uncertain(text)) => Err(Error::Uncertain(text)),
            Err(error) => Err(fault::of_site(error)),
        }
    }

    pub(super) async fn change_item(&self, notepad: &str, uid: &str, patch: &Patch) -> Result<(), Error> {
        let now = match self.note(notepad, uid).await? {
            Got::Note(note) => note,
            Got::Missing => return Err(Error::NotFound),
            Got::Broken(reason) => return Err(Error::Refused(reason)),
        };
        let before = self.keep.get(uid).map_err(fault::unavailable)?;
        let mut plan = plan(&now, &before, patch);
        if plan.kept != before {
            self.keep.put(uid, &plan.kept).await?;
        }
        // Horde's history tells the user's other devices; it must move although Horde itself gets nothing new.
        let unseen = before.merge(&item_of(&now)) == plan.kept.merge(&item_of(&plan.after));
        if unseen && now.same(&plan.after) {
            return Ok(());
        }
        let mut result = self.replace(notepad, uid, &plan).await;
        if let Err(Error::Refused(text)) = &result
            && plan.lose_rare_characters()
        {
            log::info!("{text}: trying again without the characters that an old database does not take");
            self.keep.put(uid, &plan.kept).await?;
            result = self.replace(notepad, uid, &plan).await;
        }
        // What may have been carried out all the same is asked for again, with the same result.
        if let Err(error) = &result
            && !matches!(error, Error::Uncertain(_))
            && plan.kept != before
        {
            self.keep.put(uid, &before).await?;
        }
        result
    }

    async fn replace(&self, notepad: &str, uid: &str, plan: &Plan) -> Result<(), Error> {
        let (content, form) = written(&plan.after);
        let params = vec![json!(uid), content, form];
        let result = self.app.session.write(&self.app.method("replace"), params).await;
        self.app.memory.forget(notepad, uid);
        match result {
            Ok(_) => Ok(()),
            Err(horde::Error::Fault(text)) => Err(self.app.item_error(notepad, uid, text).await),
            Err(horde::Error::Fatal(text)) => match self.note(notepad, uid).await? {
                Got::Note(note) if note.same(&plan.after) => Ok(()),
                Got::Missing => Err(Error::NotFound),
                _ => Err(Error::Refused(text)),
            },
            Err(horde::Error::Uncertain(text)) => Err(Error::Uncertain(text)),
            Err(error) => Err(fault::of_site(error)),
        }
    }

    /// Mnemo deletes by uid, whichever notepad the note is in by now.
    pub(super) async fn delete_item(&self, notepad: &str, uid: &str) -> Result<(), Error> {
        if !self.read_list(notepad).await?.iter().any(|there| there == uid) {
            return Err(Error::NotFound);
        }
        let answer = self.app.session.write(&self.app.method("delete"), vec![json!(uid)]).await;
        self.app.memory.forget(notepad, uid);
        match answer {
            Ok(_) => {
                self.keep.forget(&[uid.to_owned()]).await;
                Ok(())
            }
            Err(horde::Error::Fault(text) | horde::Error::Fatal(text)) => {
                Err(self.app.item_error(notepad, uid, text).await)
            }
            Err(horde::Error::Uncertain(text)) => Err(Error::Uncertain(text)),
            Err(error) => Err(fault::of_site(error)),
        }
    }
}

/// Content and its form: plain text is taken as it is, but clears all tags.
fn written(note: &Note) -> (Json, Json) {
    match note.tags.as_slice() {
        [] => (json!(note.text), json!("text/plain")),
        tags => (json!(vnote::write(&note.text, tags)), json!("text/x-vnote")),
    }
}

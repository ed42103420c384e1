//! Writing tasks, in Nag's array form: it keeps whatever is not named (parent, estimate, assignee, recurrence, ...).

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value as Json, json};

use super::{
    Nag,
    plan::{Plan, plan},
    task::Task,
    value::item_of,
};
use crate::{
    horde,
    proto::class::{Patch, Properties},
    source::{Error, Kept, app::fault},
};

impl Nag {
    /// What is kept beside is on disk before Horde has the task: whoever repeats an Add whose answer was lost finds both.
    pub(super) async fn add_item(&self, list: &str, wish: &str, item: &Properties) -> Result<String, Error> {
        // Nag takes a uid that it has already for another task.
        if self.app.list_uids(list).await?.iter().any(|uid| uid == wish) {
            return Err(Error::Exists);
        }
        let zone = self.app.zone().await?;
        let empty = Task { priority: 3, ..Task::default() };
        let patch = Patch { set: item.clone(), clear: Vec::new() };
        let mut plan = plan(&empty, &Kept::default(), &patch, &zone);
        self.keep.put(wish, &plan.kept).await?;
        let mut result = self.import(list, wish, &plan, &empty).await;
        if let Err(Error::Refused(text)) = &result
            && plan.lose_rare_characters(&zone)
        {
            log::info!("{text}: trying again without the characters that an old database does not take");
            self.keep.put(wish, &plan.kept).await?;
            result = self.import(list, wish, &plan, &empty).await;
        }
        match result {
            Ok(()) => Ok(wish.to_owned()),
            Err(error @ (Error::Exists | Error::Uncertain(_))) => Err(error),
            Err(error) => {
                self.keep.forget(&[wish.to_owned()]).await;
                Err(error)
            }
        }
    }

    async fn import(&self, list: &str, wish: &str, plan: &Plan, empty: &Task) -> Result<(), Error> {
        let mut fields = plan.after.fields(empty);
        fields.remove("completed_date");
        fields.insert("tasklist".into(), json!(list));
        fields.insert("uid".into(), json!(wish));
        // Nag's own form always has both.
        fields.insert("name".into(), json!(plan.after.name));
        fields.insert("desc".into(), json!(plan.after.desc));
        let answer = self.app.session.write(&self.app.method("addTask"), vec![Json::Object(fields)]).await;
        let id = match answer {
            Ok(answer) => match answer.get(0).and_then(Json::as_str) {
                Some(id) => id.to_owned(),
                None => return Err(Error::Uncertain(format!("tasks.addTask gave {answer}"))),
            },
            Err(horde::Error::Fault(text)) if !fault::is_of_database(&text) => {
                self.app.check_writable(list).await?;
                return Err(Error::Refused(text));
            }
            // PHP died or the database failed, perhaps after the task had been stored.
            Err(horde::Error::Fatal(text) | horde::Error::Fault(text)) => match self.app.list_uids(list).await {
                Ok(uids) if uids.iter().any(|uid| uid == wish) => return Ok(()),
                Ok(_) => return Err(Error::Refused(text)),
                Err(_) => return Err(Error::Uncertain(text)),
            },
            Err(horde::Error::Uncertain(text)) => return Err(Error::Uncertain(text)),
            Err(error) => return Err(fault::of_site(error)),
        };
        if !plan.after.completed {
            return Ok(());
        }
        // Nag stores when a task was completed only with a change.
        let date = if plan.after.completed_date == 0 { now() } else { plan.after.completed_date };
        let fields = json!({"completed": true, "completed_date": date});
        let params = vec![json!(list), json!(id), fields];
        match self.app.session.write(&self.app.method("updateTask"), params).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_temporary() => {
                Err(Error::Uncertain(format!("when the task {wish} was done: {error}")))
            }
            Err(error) => {
                log::error!("task {wish}: when it was done cannot be stored: {error}");
                Ok(())
            }
        }
    }

    pub(super) async fn change_item(&self, list: &str, uid: &str, patch: &Patch) -> Result<(), Error> {
        let Some(now) = self.task(list, uid).await? else { return Err(Error::NotFound) };
        let before = self.keep.get(uid).map_err(fault::unavailable)?;
        let zone = self.app.zone().await?;
        let mut plan = plan(&now, &before, patch, &zone);
        let mut fields = plan.after.fields(&now);
        if plan.kept != before {
            self.keep.put(uid, &plan.kept).await?;
            // Horde's history tells the user's other devices; it must move although Horde itself gets nothing new.
            let shown = (before.merge(&item_of(&now, &zone)), plan.kept.merge(&item_of(&plan.after, &zone)));
            if fields.is_empty() && shown.0 != shown.1 {
                fields.insert("name".into(), json!(now.name));
            }
        }
        if fields.is_empty() {
            return Ok(());
        }
        let mut result = self.replace(list, uid, &now, &plan, fields).await;
        if let Err(Error::Refused(text)) = &result
            && plan.lose_rare_characters(&zone)
        {
            log::info!("{text}: trying again without the characters that an old database does not take");
            self.keep.put(uid, &plan.kept).await?;
            result = self.replace(list, uid, &now, &plan, plan.after.fields(&now)).await;
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

    async fn replace(
        &self,
        list: &str,
        uid: &str,
        now: &Task,
        plan: &Plan,
        fields: Map<String, Json>,
    ) -> Result<(), Error> {
        let params = vec![json!(list), json!(now.id), Json::Object(fields)];
        let result = self.app.session.write(&self.app.method("updateTask"), params).await;
        self.app.memory.forget(list, uid);
        match result {
            Ok(_) => Ok(()),
            Err(horde::Error::Fault(text)) => Err(self.app.item_error(list, uid, text).await),
            Err(horde::Error::Fatal(text)) => match self.task(list, uid).await? {
                Some(task) if *task == plan.after => Ok(()),
                Some(_) => Err(Error::Refused(text)),
                None => Err(Error::NotFound),
            },
            Err(horde::Error::Uncertain(text)) => Err(Error::Uncertain(text)),
            Err(error) => Err(fault::of_site(error)),
        }
    }

    pub(super) async fn delete_item(&self, list: &str, uid: &str) -> Result<(), Error> {
        let Some(task) = self.task(list, uid).await? else { return Err(Error::NotFound) };
        let answer = self.app.session.write(&self.app.method("deleteTask"), vec![json!(list), json!(task.id)]).await;
        self.app.memory.forget(list, uid);
        match answer {
            Ok(_) => {
                self.keep.forget(&[uid.to_owned()]).await;
                Ok(())
            }
            Err(horde::Error::Fault(text) | horde::Error::Fatal(text)) => {
                Err(self.app.item_error(list, uid, text).await)
            }
            Err(horde::Error::Uncertain(text)) => Err(Error::Uncertain(text)),
            Err(error) => Err(fault::of_site(error)),
        }
    }
}

/// Unix seconds.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX))
}

//! Reading tasks: `listTasks` gives a whole list, typed, in one request (0.2 ms a task); nothing else gives tags and recurrence of a
//! single one.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use serde_json::{Value as Json, json};

use super::{Nag, series, task::Task, value::item_of};
use crate::source::{
    Error, Fetched,
    app::{Memory, Rows},
};

const LIST: &str = "listTasks";

impl Nag {
    /// All tasks of a list, read now.
    pub(super) async fn read_list(&self, list: &str) -> Result<Rows<Task>, Error> {
        // Nag gives anybody the tasks of any list whose id he knows.
        self.app.check_readable(list).await?;
        let read_at = self.app.memory.seen(list);
        let answer = self.app.ask(list, LIST, vec![options(list, false)]).await?;
        let (mut rows, twice) = read(&answer).ok_or_else(|| self.app.strange(LIST))?;
        if rows.values().any(|task| task.series.as_ref().is_some_and(|series| series.used > 0)) {
            self.learn_next(list, &mut rows).await?;
        }
        for uid in twice {
            log::warn!("two tasks of list {list} have the uid {uid}: only one of them is seen by phones");
        }
        let rows = rows.into_iter().map(|(uid, task)| (uid, Arc::new(task))).collect();
        self.app.memory.keep(list, read_at, &rows);
        self.app.memory.set_size(list, rows.len());
        Ok(rows)
    }

    /// Asks which occurrences of series come next, where some are done.
    async fn learn_next(&self, list: &str, rows: &mut HashMap<String, Task>) -> Result<(), Error> {
        let zone = self.app.zone().await?;
        let answer = self.app.ask(list, LIST, vec![options(list, true)]).await?;
        for task in rows.values_mut() {
            let next = answer.get(&task.id).and_then(series::next_due);
            if let (Some(series), Some(next)) = (task.series.as_mut(), next) {
                series.learn(task.start, task.due, next, &zone);
            }
        }
        Ok(())
    }

    /// One task; `None`: it is not there.
    pub(super) async fn task(&self, list: &str, uid: &str) -> Result<Option<Arc<Task>>, Error> {
        let mut rows = self.app.memory.rows(list, [uid.to_owned()].iter());
        if rows.is_empty() {
            rows = self.read_list(list).await?;
        }
        Ok(rows.remove(uid))
    }

    pub(super) async fn fetch_items(
        &self,
        list: &str,
        uids: &[String],
        ahead: &[String],
    ) -> Result<Vec<Fetched>, Error> {
        self.app.check_readable(list).await?;
        let mut rows = self.app.memory.rows::<Task>(list, uids.iter().chain(ahead));
        if !Memory::lacking(&rows, uids.iter()).is_empty() {
            rows = self.read_list(list).await?;
        }
        let (zone, names) = (self.app.zone().await?, self.keep.names()?);
        let present = |uid: &String| {
            let Some(task) = rows.get(uid) else { return Fetched::Missing };
            match self.keep.get_among(&names, uid) {
                Ok(kept) => Fetched::Item(kept.merge(&item_of(task, &zone))),
                Err(reason) => Fetched::Broken(reason),
            }
        };
        Ok(uids.iter().map(present).collect())
    }
}

/// `short`: with the dates of the next occurrence, and little else. Nag's "incomplete" leaves out what has not begun yet.
fn options(list: &str, short: bool) -> Json {
    json!({"tasklists": [list], "completed": "all", "include_tags": !short, "include_history": false, "json": short})
}

/// Tasks by uid, and the uids that more than one of them has. `None`: the answer is no list of tasks.
fn read(answer: &Json) -> Option<(HashMap<String, Task>, Vec<String>)> {
    let rows = match answer {
        Json::Array(list) => list.iter().collect::<Vec<_>>(),
        Json::Object(map) => map.values().collect(),
        _ => return None,
    };
    let (mut tasks, mut twice) = (HashMap::with_capacity(rows.len()), Vec::new());
    for row in rows {
        let (uid, task) = Task::read(row)?;
        match tasks.entry(uid) {
            Entry::Occupied(first) => twice.push(first.key().clone()),
            Entry::Vacant(place) => drop(place.insert(task)),
        }
    }
    Some((tasks, twice))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_php_are_read_leniently() {
        let row = |id: &str, uid: &str| {
            json!({"task_id": id, "uid": uid, "name": "n", "desc": null, "due": "1796100000", "start": 0, "completed": "1",
                   "priority": "2", "tags": {"8": "A"}, "private": false, "alarm": 60, "completed_date": null, "recurrence": null})
        };
        let (tasks, twice) = read(&json!({"1": row("1", "a"), "2": row("2", "a"), "3": row("3", "b")})).unwrap();
        assert_eq!((tasks.len(), twice), (2, vec!["a".to_owned()]));
        let task = &tasks["b"];
        assert_eq!((task.due, task.completed, task.priority, task.private), (1_796_100_000, true, 2, false));
        assert_eq!(task.tags, ["A"]);
        assert_eq!(read(&json!([])), Some((HashMap::new(), vec![])));
        for bad in [json!(null), json!("x"), json!(false), json!([{"uid": "x"}])] {
            assert_eq!(read(&bad), None, "{bad}");
        }
    }
}

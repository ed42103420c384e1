//! Categories of a whole address book at once. Horde keeps them with the tagger, outside the address book, and tells them of a contact
//! only in its vCard (2 ms each). The other way round is cheap: the tags that a user has given (one call), and the uids under each tag
//! (0.3 ms each in a batch). It is complete only when everybody who may have tagged contacts of the book is asked for.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value as Json, json};

use super::{Turba, call};
use crate::{
    horde::Call,
    source::{
        Error,
        app::{Answer, number, uids},
    },
};

/// `contacts.listTagInfo` gives no more than this.
const MOST_TAGS: usize = 500;
/// Horde_Perms::EDIT.
const EDIT: u64 = 8;

/// Tags by name, and for each the call that gives the uids under it.
pub(super) struct Scan {
    names: Vec<String>,
    pub(super) calls: Vec<Call>,
}

impl Turba {
    /// The questions that [`Turba::scan`] begins with.
    pub(super) fn scan_calls(&self) -> Vec<Call> {
        // 4: Horde_Perms::READ.
        vec![call("contacts.listShares", vec![json!(4)]), info(self.app.session.user())]
    }

    /// The calls that tell the categories of all contacts of a book; `None` when they would not tell all of them. `first` are the answers
    /// to [`Turba::scan_calls`].
    pub(super) async fn scan(&self, book: &str, first: &[Answer]) -> Result<Option<Scan>, Error> {
        let [Ok(shares), Ok(mine)] = first else { return Ok(None) };
        let Some(mut writers) = writers(shares, book) else { return Ok(None) };
        let me = self.app.session.user();
        let others: Vec<_> = writers.iter().filter(|user| *user != me).map(|user| info(user)).collect();
        writers.insert(me.to_owned());
        let mut infos = vec![mine.clone()];
        for answer in self.app.batch(others).await? {
            let Ok(answer) = answer else { return Ok(None) };
            infos.push(answer);
        }
        let Some(tags) = infos.iter().map(tags).collect::<Option<Vec<_>>>() else { return Ok(None) };
        let tags: HashMap<u64, String> = tags.into_iter().flatten().collect();
        let users: Vec<_> = writers.into_iter().collect();
        let search = |id: &u64| {
            let params = vec![json!(id), json!(10), json!(0), json!(""), json!(users), json!(true)];
            call("contacts.searchTags", params)
        };
        Ok(Some(Scan { calls: tags.keys().map(search).collect(), names: tags.into_values().collect() }))
    }
}

/// The tags that a user has given. "" for all tags: null does not pass through XML-RPC.
fn info(user: &str) -> Call {
    call("contacts.listTagInfo", vec![json!(""), json!(user)])
}

impl Scan {
    /// uid -> tags, from the answers to the calls; `None` when one of them failed.
    pub(super) fn read(&self, answers: &[Answer]) -> Option<HashMap<String, Vec<String>>> {
        let mut found: HashMap<String, Vec<String>> = HashMap::new();
        for (name, answer) in self.names.iter().zip(answers) {
            for uid in uids(answer.as_ref().ok()?)? {
                found.entry(uid).or_default().push(name.clone());
            }
        }
        Some(found)
    }
}

/// Owner of a book and the users who may write to it; `None` when that is not a short list of names (groups, everybody). Nobody: a site
/// without shares, where everybody has contacts of his own only.
fn writers(shares: &Json, book: &str) -> Option<BTreeSet<String>> {
    let mut users = BTreeSet::new();
    let Some(data) = shares.get(book).and_then(|share| share.get("data")) else { return Some(users) };
    users.insert(data.get("share_owner")?.as_str()?.to_owned());
    let may_edit =
        |bits: &Json| bits.as_u64().or_else(|| bits.as_str()?.parse().ok()).is_some_and(|bits| bits & EDIT != 0);
    let perm = data.get("perm")?;
    if ["default", "guest"].iter().filter_map(|who| perm.get(who)).any(may_edit) {
        return None;
    }
    if perm.get("groups").and_then(Json::as_object).is_some_and(|groups| groups.values().any(may_edit)) {
        return None;
    }
    let named = perm.get("users").and_then(Json::as_object);
    users.extend(named.into_iter().flatten().filter(|(_, bits)| may_edit(bits)).map(|(user, _)| user.clone()));
    Some(users)
}

/// id -> name; `None` when there may be more than were told.
fn tags(info: &Json) -> Option<HashMap<u64, String>> {
    let rows: Vec<&Json> = match info {
        Json::Object(map) => map.values().collect(),
        Json::Array(list) => list.iter().collect(),
        _ => return None,
    };
    if rows.len() >= MOST_TAGS {
        return None;
    }
    let row = |row: &&Json| Some((number(row.get("tag_id")?)?, row.get("tag_name")?.as_str()?.to_owned()));
    rows.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(perm: Json) -> Json {
        json!({"b": {"data": {"share_owner": "alice", "perm": perm}}})
    }

    #[test]
    fn who_may_have_tagged() {
        let list = |shares: Json| writers(&shares, "b").map(|w| w.into_iter().collect::<Vec<_>>());
        let none = json!({"type": "matrix", "creator": 0, "guest": 0, "default": 0});
        assert_eq!(list(share(none)), Some(vec!["alice".to_owned()]));
        let some = json!({"default": 6, "users": {"bob": 30, "carol": 6}, "groups": {"1": 6}});
        assert_eq!(list(share(some)), Some(vec!["alice".to_owned(), "bob".to_owned()]));
        assert_eq!(list(share(json!({"default": 14}))), None);
        assert_eq!(list(share(json!({"groups": {"1": "30"}}))), None);
        assert_eq!(list(json!([])), Some(vec![]));
    }

    #[test]
    fn tags_are_complete_or_not_told() {
        assert_eq!(tags(&json!([])), Some(HashMap::new()));
        assert_eq!(
            tags(&json!({"6": {"tag_id": "6", "tag_name": "Büro", "count": 1}})),
            Some(HashMap::from([(6, "Büro".into())]))
        );
        let many: Vec<_> = (0..500).map(|n| json!({"tag_id": n, "tag_name": "x"})).collect();
        assert_eq!(tags(&json!(many)), None);
        assert_eq!(tags(&json!("A fatal error")), None);
    }
}

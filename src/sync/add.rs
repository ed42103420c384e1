//! Items that the phone adds: under the uid that it wishes, once however often it asks, and never under an id that it has.

use std::collections::BTreeSet;

use super::{
    Error,
    client::{name, patch, refusal, status},
    short_hash,
    state::{CommandName, Item},
    work::Work,
};
use crate::{
    proto::{
        class::{self, Patch, Properties, Scope, Value},
        sync::Command,
    },
    source::{self, Fetched, Source},
};

/// Status and, if that is success, item id and item.
type Outcome = (u16, Option<(String, Item)>);

/// Carries out an Add. `before`: where the container's history stood before the first attempt at it; `unsure`: one was broken off.
pub(super) async fn add<S: Source>(
    work: &mut Work<'_, S>,
    command: &Command,
    before: u64,
    unsure: bool,
) -> Result<Outcome, Error> {
    let mut item = patch(work, &command.item, &Properties::default()).set;
    let mut wishes = wishes(work, command, &mut item).await?;
    if unsure {
        if let Some(found) = find_added(work, &wishes, &item, before).await? {
            let plain = wishes.iter().find(|wish| wish.uid == found).map(|wish| wish.plain.as_str());
            let item = plain.map_or(item.clone(), |plain| class::with_uid(work.source.class(), item.clone(), plain));
            return take_over(work, found, &item).await;
        }
        if let Some(uid) = deleted_since(work, &wishes, before).await? {
            // It must not rise again; the phone is told of its deletion next time.
            work.deleted_meanwhile.push(uid.clone());
            return Ok(adopt(work, uid, &item));
        }
    }
    loop {
        // Where the uid that the phone wants is taken by an item elsewhere, ours has to do.
        let Some(Wish { plain, uid }) = wishes.first().cloned() else { return Ok((status::MALFORMED, None)) };
        item = class::with_uid(work.source.class(), item, &plain);
        let error = match work.source.add(work.place.container, &plain, &item).await {
            Ok(uid) => return Ok(adopt(work, uid, &item)),
            Err(error) => error,
        };
        if matches!(error, source::Error::Exists | source::Error::Uncertain(_))
            && let Some(found) = find_added(work, &[Wish { plain, uid }], &item, before).await?
        {
            return take_over(work, found, &item).await;
        }
        if error != source::Error::Exists {
            return refusal(error, status::MALFORMED).map(|status| (status, None));
        }
        wishes.remove(0);
    }
}

/// A uid for an item that is to be added.
#[derive(Debug, Clone)]
struct Wish {
    /// As the source takes it.
    plain: String,
    /// As it would be called then.
    uid: String,
}

/// The uids to be tried: that of the phone, and one that is the same for a repeat of this Add, and for no other Add.
async fn wishes<S: Source>(work: &Work<'_, S>, command: &Command, item: &mut Properties) -> Result<Vec<Wish>, Error> {
    let CommandName { id, digest, .. } = name(command);
    let (series, generation) = (work.state.series, work.state.generation);
    let hash = short_hash(&format!("{series}\0{generation}\0{id}\0{digest}"));
    let mut wishes = Vec::new();
    for plain in class::wished_uid(item).into_iter().chain([format!("{hash}.{series:016x}@horde-eas")]) {
        let uid = work.source.uid_of(work.place.container, &plain).await?;
        wishes.push(Wish { plain, uid });
    }
    Ok(wishes)
}

/// Takes an item that is there already as the one that the phone adds.
async fn take_over<S: Source>(work: &mut Work<'_, S>, uid: String, item: &Properties) -> Result<Outcome, Error> {
    if work.known(&uid).is_none() {
        complete(work, &uid, item).await?;
        // It may be older than this Add, and another one.
        work.look_at(&uid);
    }
    Ok(adopt(work, uid, item))
}

/// Adds what a broken off Add did not come to (a picture, for example); what was changed there meanwhile stays.
async fn complete<S: Source>(work: &Work<'_, S>, uid: &str, item: &Properties) -> Result<(), Error> {
    let fetched = work.source.fetch(work.place.container, &[uid.to_owned()], &[]).await?;
    let Some(Fetched::Item(there)) = fetched.into_iter().next() else {
        return Ok(());
    };
    let mut patch = class::without_uid(Patch { set: item.clone(), clear: Vec::new() });
    patch.set.0.retain(|tag, _| !there.0.contains_key(tag));
    if patch.set.0.is_empty() {
        return Ok(());
    }
    match work.source.change(work.place.container, uid, &patch).await {
        Ok(()) | Err(source::Error::NotFound) => Ok(()),
        Err(error) => refusal(error, status::MALFORMED).map(|_| ()),
    }
}

/// Takes an item of Horde as the one that the phone added.
fn adopt<S: Source>(work: &mut Work<'_, S>, uid: String, item: &Properties) -> Outcome {
    let id = work.id_of(&uid);
    if work.state.items.contains(&id) {
        // An id that the phone has already must never answer an Add: phones delete the item then.
        return (status::MALFORMED, None);
    }
    let fingerprint = work.own_fingerprint(item);
    (status::SUCCESS, Some((id, Item::received(uid, fingerprint, work.state.listed))))
}

/// An item that was there and has been deleted.
async fn deleted_since<S: Source>(work: &Work<'_, S>, wishes: &[Wish], since: u64) -> Result<Option<String>, Error> {
    let now = work.source.cursor(work.place.container).await?;
    let changes = work.source.changes(work.place.container, since, now).await?;
    Ok(changes.delete.into_iter().find(|deleted| wishes.iter().any(|wish| wish.uid == *deleted)))
}

/// Lists have no order in Horde.
fn same_value(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::List(a), Value::List(b)) => a.iter().collect::<BTreeSet<_>>() == b.iter().collect(),
        _ => a == b,
    }
}

/// What an earlier attempt at an Add left behind, or what was there before.
async fn find_added<S: Source>(
    work: &Work<'_, S>,
    wishes: &[Wish],
    item: &Properties,
    since: u64,
) -> Result<Option<String>, Error> {
    let container = work.place.container;
    if work.source.grants_uids() {
        let all = work.source.list(container, Scope::All).await?;
        return Ok(wishes.iter().map(|wish| &wish.uid).find(|uid| all.contains(uid)).cloned());
    }
    let now = work.source.cursor(container).await?;
    let mut uids = work.source.changes(container, since, now).await?.add;
    uids.retain(|uid| work.known(uid).is_none() && !work.touched.contains(uid));
    if uids.is_empty() {
        return Ok(None);
    }
    let fetched = work.source.fetch(container, &uids, &[]).await?;
    // What the source fills in by itself need not be what the phone sent.
    let filled_in = work.source.filled_in();
    let told = || item.0.iter().filter(|(tag, _)| !filled_in.contains(tag));
    let holds = |there: &Properties| told().all(|(tag, value)| there.0.get(tag).is_some_and(|t| same_value(t, value)));
    let found = uids.into_iter().zip(fetched).find(|(_, f)| matches!(f, Fetched::Item(there) if holds(there)));
    Ok(found.map(|(uid, _)| uid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_are_the_same_in_any_order() {
        let list = |tags: &[&str]| Value::List(tags.iter().map(|&tag| tag.to_owned()).collect());
        assert!(same_value(&list(&["b", "a"]), &list(&["a", "b"])));
        assert!(!same_value(&list(&["a"]), &list(&["a", "b"])));
        assert!(same_value(&Value::Text("x".into()), &Value::Text("x".into())));
        assert!(!same_value(&Value::Text("a".into()), &list(&["a"])));
    }
}

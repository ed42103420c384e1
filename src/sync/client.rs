//! Changes that the phone made.

use std::collections::BTreeMap;

use super::{
    Error, Work, digest,
    history::{History, Log, encode},
    item_id,
    state::{CommandName, Intent, Item, Record, Settled},
};
use crate::{
    proto::{
        class::{self, Class, Patch, Properties, Scope, Sender},
        sync::{Command, CommandKind, CommandResult},
    },
    source::{self, Fetched, Source},
};

/// Status values of single commands (MS-ASCMD 2.2.3.177.17).
mod status {
    pub(super) const SUCCESS: u16 = 1;
    pub(super) const MALFORMED: u16 = 6;
    pub(super) const CONFLICT: u16 = 7;
    pub(super) const NOT_FOUND: u16 = 8;
}

/// Carries out the commands one by one and gives the answers that the protocol wants: for Adds, Fetches, and what failed.
pub(super) async fn carry_out<S: Source>(
    work: &mut Work<'_, S>,
    log: &mut impl Log,
    history: &History,
    commands: &[Command],
) -> Result<Vec<CommandResult>, Error> {
    let plans: Vec<Plan> = commands.iter().map(|command| plan(command, history)).collect();
    let before = announce(work, log, commands, &plans).await?;
    let mut items = read_ahead(work, commands, &plans).await?;
    let mut results = Vec::new();
    for (command, plan) in commands.iter().zip(plans) {
        let result = match (command.kind, plan) {
            (CommandKind::Fetch, _) => Some(fetch(work, command, &items)),
            (_, Plan::Settled(settled)) => settle_again(work, command, settled),
            (_, Plan::Refused(status)) => Some(answer(command, status)),
            (kind, Plan::New { unsure, .. }) => {
                let (status, item) = match kind {
                    _ if !work.place.writable => (refuse(work, command), None),
                    CommandKind::Add => add(work, command, before, unsure).await?,
                    CommandKind::Change => change(work, command, &mut items, unsure).await?,
                    _ => delete(work, command).await?,
                };
                settle(work, command, status, item)
            }
        };
        results.extend(result);
    }
    Ok(results)
}

/// What is to be done with a command.
enum Plan {
    /// It was carried out for an answer that got lost.
    Settled(Settled),
    /// It cannot be carried out.
    Refused(u16),
    /// Carry it out. `unsure`: an earlier attempt was broken off and may have done it.
    New { name: CommandName, unsure: bool },
}

fn name(command: &Command) -> CommandName {
    let content = format!("{:?}{:?}", command.instance, command.item);
    CommandName { kind: command.kind, id: command.id.clone(), digest: digest(content.as_bytes()) }
}

fn plan(command: &Command, history: &History) -> Plan {
    let name = name(command);
    let lost = history.dropped.iter().find(|s| s.name == name);
    // Some phones repeat an Add although its answer has arrived.
    let again = || history.settled().iter().find(|s| s.name == name && name.kind == CommandKind::Add);
    // What failed is tried again: it may work now, and if not, the phone must get back what it has lost.
    if let Some(settled) = lost.or_else(again).filter(|s| s.status == status::SUCCESS) {
        return Plan::Settled(settled.clone());
    }
    if let Some(status) = command.refused {
        return Plan::Refused(status);
    }
    let unsure = history.open.iter().any(|intent| intent.commands.contains(&name));
    Plan::New { name, unsure }
}

/// Puts the intents on disk; gives the cursor before the first write.
async fn announce<S: Source>(
    work: &mut Work<'_, S>,
    log: &mut impl Log,
    commands: &[Command],
    plans: &[Plan],
) -> Result<u64, Error> {
    let writes = commands.iter().zip(plans).filter(|(command, _)| command.kind != CommandKind::Fetch);
    let new: Vec<CommandName> = writes
        .filter_map(|(_, plan)| match plan {
            Plan::New { name, .. } => Some(name.clone()),
            _ => None,
        })
        .collect();
    if new.is_empty() {
        return Ok(0);
    }
    let cursor = match work.state.cursor {
        Some(cursor) => cursor,
        None => work.source.cursor(work.place.container).await?,
    };
    log.append(&encode(&Record::Intent(Intent { cursor, commands: new }))?).await?;
    Ok(cursor)
}

/// Reads all items that Changes and Fetches name, in one go; by item id.
async fn read_ahead<S: Source>(
    work: &mut Work<'_, S>,
    commands: &[Command],
    plans: &[Plan],
) -> Result<BTreeMap<String, Fetched>, Error> {
    let mut ids = Vec::new();
    for (command, plan) in commands.iter().zip(plans) {
        let wanted = command.kind == CommandKind::Fetch
            || command.kind == CommandKind::Change && matches!(plan, Plan::New { .. });
        if wanted && let Some(id) = work.item_id(&command.id) {
            ids.push(id.to_owned());
        }
    }
    ids.sort_unstable();
    ids.dedup();
    ids.retain(|id| work.state.items.contains_key(id));
    let uids: Vec<String> = ids.iter().filter_map(|id| work.state.items.get(id)).map(|item| item.uid.clone()).collect();
    if uids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let fetched = work.source.fetch(work.place.container, &uids, &[]).await?;
    Ok(ids.into_iter().zip(fetched).collect())
}

async fn add<S: Source>(
    work: &mut Work<'_, S>,
    command: &Command,
    before: u64,
    unsure: bool,
) -> Result<(u16, Option<(String, Item)>), Error> {
    let item = patch(work, &command.item, &Properties::default()).set;
    let wish = wish(work, command);
    if unsure {
        if let Some(uid) = find_added(work, &wish, &item, before).await? {
            complete(work, &uid, &item).await?;
            return Ok(adopt(work, uid, &item));
        }
        if deleted_since(work, &wish, before).await? {
            // It must not rise again; the phone is told of its deletion next time.
            work.deleted_meanwhile.push(wish.clone());
            return Ok(adopt(work, wish, &item));
        }
    }
    match work.source.add(work.place.container, &wish, &item).await {
        Ok(uid) => Ok(adopt(work, uid, &item)),
        Err(error @ (source::Error::Exists | source::Error::Uncertain(_))) => {
            match find_added(work, &wish, &item, before).await? {
                Some(uid) => {
                    complete(work, &uid, &item).await?;
                    Ok(adopt(work, uid, &item))
                }
                None => refusal(error, status::MALFORMED).map(|status| (status, None)),
            }
        }
        Err(error) => refusal(error, status::MALFORMED).map(|status| (status, None)),
    }
}

/// Adds what a broken off Add did not come to (a picture, for example); what was changed there meanwhile stays.
async fn complete<S: Source>(work: &Work<'_, S>, uid: &str, item: &Properties) -> Result<(), Error> {
    let fetched = work.source.fetch(work.place.container, &[uid.to_owned()], &[]).await?;
    let Some(Fetched::Item(there)) = fetched.into_iter().next() else {
        return Ok(());
    };
    let mut patch = Patch { set: item.clone(), clear: Vec::new() };
    patch.set.0.retain(|tag, _| !there.0.contains_key(tag));
    if patch.set.0.is_empty() {
        return Ok(());
    }
    match work.source.change(work.place.container, uid, &patch).await {
        Ok(()) | Err(source::Error::NotFound) => Ok(()),
        Err(error) => refusal(error, status::MALFORMED).map(|_| ()),
    }
}

/// The uid for an Add: the same for a repeat of it, and for no other Add.
fn wish<S: Source>(work: &Work<'_, S>, command: &Command) -> String {
    let CommandName { id, digest, .. } = name(command);
    let (series, generation) = (work.state.series, work.state.generation);
    let hash = item_id(&format!("{series}\0{generation}\0{id}\0{digest}"));
    format!("{hash}.{series:016x}@horde-eas")
}

/// Takes an item of Horde as the one that the phone added.
fn adopt<S: Source>(work: &mut Work<'_, S>, uid: String, item: &Properties) -> (u16, Option<(String, Item)>) {
    let id = item_id(&uid);
    if work.state.items.contains_key(&id) {
        // An id that the phone has already must never answer an Add: phones delete the item then.
        return (status::MALFORMED, None);
    }
    let fingerprint = work.own_fingerprint(item);
    (status::SUCCESS, Some((id, Item::received(uid, fingerprint))))
}

/// Whether an item was there and has been deleted.
async fn deleted_since<S: Source>(work: &Work<'_, S>, uid: &str, since: u64) -> Result<bool, Error> {
    let now = work.source.cursor(work.place.container).await?;
    let changes = work.source.changes(work.place.container, since, now).await?;
    Ok(changes.delete.iter().any(|deleted| deleted == uid))
}

/// What an earlier attempt at an Add left behind.
async fn find_added<S: Source>(
    work: &Work<'_, S>,
    wish: &str,
    item: &Properties,
    since: u64,
) -> Result<Option<String>, Error> {
    let container = work.place.container;
    if work.source.grants_uids() {
        let all = work.source.list(container, Scope::All).await?;
        return Ok(all.into_iter().find(|uid| uid == wish));
    }
    let now = work.source.cursor(container).await?;
    let mut uids = work.source.changes(container, since, now).await?.add;
    uids.retain(|uid| work.known(uid).is_none() && !work.touched.contains(uid));
    if uids.is_empty() {
        return Ok(None);
    }
    let fetched = work.source.fetch(container, &uids, &[]).await?;
    let holds = |there: &Properties| item.0.iter().all(|(tag, value)| there.0.get(tag) == Some(value));
    let found = uids.into_iter().zip(fetched).find(|(_, f)| matches!(f, Fetched::Item(there) if holds(there)));
    Ok(found.map(|(uid, _)| uid))
}

async fn change<S: Source>(
    work: &mut Work<'_, S>,
    command: &Command,
    items: &mut BTreeMap<String, Fetched>,
    unsure: bool,
) -> Result<(u16, Option<(String, Item)>), Error> {
    let known = work.item_id(&command.id).and_then(|id| work.state.items.get_key_value(id));
    let Some((id, had)) = known.map(|(id, item)| (id.clone(), item.clone())) else {
        return Ok((status::NOT_FOUND, None));
    };
    let current = match items.get(&id) {
        Some(Fetched::Item(current)) => current.clone(),
        Some(Fetched::Broken(_)) => return Ok((status::MALFORMED, None)),
        _ => {
            work.look_at(&had.uid);
            return Ok((status::NOT_FOUND, None));
        }
    };
    let server_changed = work.is_news(&had, &current);
    if server_changed && !unsure && server_wins(work) {
        work.look_at(&had.uid);
        return Ok((status::CONFLICT, None));
    }
    let Some(patch) = meant(work, command, &current) else { return Ok((status::MALFORMED, None)) };
    let changed = class::applied(&patch, &current);
    if changed != current {
        match work.source.change(work.place.container, &had.uid, &patch).await {
            Ok(()) => {}
            Err(source::Error::NotFound) => {
                work.look_at(&had.uid);
                return Ok((status::NOT_FOUND, None));
            }
            Err(error) => {
                let status = refusal(error, status::CONFLICT)?;
                give_back(work, &id, &had);
                return Ok((status, None));
            }
        }
    }
    let fingerprint = work.own_fingerprint(&changed);
    items.insert(id.clone(), Fetched::Item(changed));
    Ok((status::SUCCESS, Some((id, Item::received(had.uid, fingerprint)))))
}

async fn delete<S: Source>(work: &mut Work<'_, S>, command: &Command) -> Result<(u16, Option<(String, Item)>), Error> {
    let known = work.item_id(&command.id).and_then(|id| work.state.items.get_key_value(id));
    let Some((id, had)) = known.map(|(id, item)| (id.clone(), item.clone())) else {
        return Ok((status::SUCCESS, None));
    };
    match work.source.delete(work.place.container, &had.uid).await {
        Ok(()) | Err(source::Error::NotFound) => {
            work.touched.insert(had.uid.clone());
            work.state.items.remove(&id);
            Ok((status::SUCCESS, None))
        }
        Err(error) => {
            refusal(error, status::CONFLICT)?;
            // The phone has deleted it already: it gets it again, as an Add.
            Ok((refuse(work, command), None))
        }
    }
}

fn fetch<S: Source>(work: &Work<'_, S>, command: &Command, items: &BTreeMap<String, Fetched>) -> CommandResult {
    let mut result = match work.item_id(&command.id).and_then(|id| items.get(id)) {
        Some(Fetched::Item(item)) => CommandResult { item: Some(item.clone()), ..answer(command, status::SUCCESS) },
        Some(Fetched::Broken(_)) => answer(command, status::MALFORMED),
        _ => answer(command, status::NOT_FOUND),
    };
    result.client_id = None;
    result
}

/// A change in a folder that may only be read: the phone gets back what it changed or deleted.
fn refuse<S: Source>(work: &mut Work<'_, S>, command: &Command) -> u16 {
    let known = work.item_id(&command.id).and_then(|id| work.state.items.get_key_value(id));
    let Some((id, had)) = known.map(|(id, item)| (id.clone(), item.clone())) else {
        return if command.kind == CommandKind::Add { status::MALFORMED } else { status::NOT_FOUND };
    };
    if command.kind == CommandKind::Delete {
        work.state.items.remove(&id);
        work.look_at(&had.uid);
    } else {
        give_back(work, &id, &had);
    }
    status::CONFLICT
}

/// The phone's version of an item was not taken: it gets the server's, even if that has not changed.
fn give_back<S: Source>(work: &mut Work<'_, S>, id: &str, had: &Item) {
    work.state.items.insert(id.to_owned(), Item::sent(had.uid.clone(), 0));
    work.look_at(&had.uid);
}

fn server_wins<S: Source>(work: &Work<'_, S>) -> bool {
    work.state.options.iter().find_map(|o| o.server_wins).unwrap_or(true)
}

fn patch<S: Source>(work: &mut Work<'_, S>, sent: &Properties, now: &Properties) -> Patch {
    with_sender(work, sent, |class, sender| class::patch(class, sender, sent, now))
}

/// What a Change means, be it of the item or of one occurrence of it.
fn meant<S: Source>(work: &mut Work<'_, S>, command: &Command, now: &Properties) -> Option<Patch> {
    let sent = &command.item;
    match &command.instance {
        None => Some(patch(work, sent, now)),
        Some(instance) => with_sender(work, sent, |_, sender| class::patch_of_instance(sender, instance, sent, now)),
    }
}

fn with_sender<S: Source, T>(work: &mut Work<'_, S>, sent: &Properties, f: impl FnOnce(Class, Sender<'_>) -> T) -> T {
    work.state.shown.extend(sent.0.keys().map(|tag| (tag.page(), tag.token())));
    let (supported, shown) = (work.state.supported(), work.state.shown());
    f(work.source.class(), Sender { version: work.view.version, supported: supported.as_deref(), shown: &shown })
}

/// The status for an error that concerns only this item; others end the request.
fn refusal(error: source::Error, status: u16) -> Result<u16, Error> {
    match error {
        source::Error::Denied | source::Error::Exists => Ok(status),
        source::Error::Refused(reason) => {
            log::warn!("a change of a phone was not taken: {reason}");
            Ok(status)
        }
        source::Error::NotFound => Ok(status::NOT_FOUND),
        error => Err(error.into()),
    }
}

fn settle<S: Source>(
    work: &mut Work<'_, S>,
    command: &Command,
    status: u16,
    item: Option<(String, Item)>,
) -> Option<CommandResult> {
    let settled = Settled { name: name(command), status, item };
    settle_again(work, command, settled)
}

/// Brings the outcome of a command into the state and gives the answer to it.
fn settle_again<S: Source>(work: &mut Work<'_, S>, command: &Command, settled: Settled) -> Option<CommandResult> {
    let mut result = answer(command, settled.status);
    if let Some((id, item)) = &settled.item {
        work.touched.insert(item.uid.clone());
        work.state.items.insert(id.clone(), item.clone());
        if command.kind == CommandKind::Add {
            result.server_id = Some(work.server_id(id));
        }
    } else if command.kind == CommandKind::Delete
        && settled.status == status::SUCCESS
        && let Some(id) = work.item_id(&command.id)
    {
        work.state.items.remove(id);
    }
    let wanted = command.kind == CommandKind::Add || settled.status != status::SUCCESS;
    work.settled.push(settled);
    wanted.then_some(result)
}

fn answer(command: &Command, status: u16) -> CommandResult {
    let add = command.kind == CommandKind::Add;
    CommandResult {
        kind: command.kind,
        client_id: add.then(|| command.id.clone()),
        server_id: (!add).then(|| command.id.clone()),
        instance: command.instance.clone(),
        status,
        item: None,
    }
}

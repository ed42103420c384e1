//! Changes that the phone made.

use std::collections::BTreeMap;

use super::{
    Error,
    add::add,
    digest,
    history::{History, Log, encode},
    state::{CommandName, Intent, Item, Record, Settled},
    work::Work,
};
use crate::{
    proto::{
        class::{self, Class, Patch, Properties, Sender, Value},
        sync::{Command, CommandKind, CommandResult},
    },
    source::{self, Changed, Fetched, Source},
    wbxml::tag::air_sync_base as b,
};

/// Status values of single commands (MS-ASCMD 2.2.3.177.17).
pub(super) mod status {
    pub(in crate::sync) const SUCCESS: u16 = 1;
    pub(in crate::sync) const MALFORMED: u16 = 6;
    pub(in crate::sync) const CONFLICT: u16 = 7;
    pub(in crate::sync) const NOT_FOUND: u16 = 8;
}

/// Carries out the commands one by one and gives the answers that the protocol wants: for Adds, Fetches, and what failed.
pub(super) async fn carry_out<S: Source>(
    work: &mut Work<'_, S>,
    log: &mut impl Log,
    history: &History,
    commands: &[Command],
) -> Result<Vec<CommandResult>, Error> {
    let plans: Vec<Plan> = commands.iter().map(|command| plan(work, command, history)).collect();
    let before = announce(work, log, commands, &plans).await?;
    for plan in &plans {
        // Where an item went by what was carried out already: other commands may name it as well.
        if let Plan::Settled(Settled { item: Some((id, item)), .. }) = plan {
            take_in(work, id, item);
        }
    }
    let Items { asked, mut changed } = read_ahead(work, commands, &plans).await?;
    let mut results = Vec::new();
    for (command, plan) in commands.iter().zip(plans) {
        let result = match (command.kind, plan) {
            (CommandKind::Fetch, _) => Some(fetch(work, command, &asked)),
            (_, Plan::Settled(settled)) => settle_again(work, command, settled),
            (_, Plan::Refused(status)) => Some(answer(command, status)),
            (kind, Plan::New { unsure, .. }) => {
                let (status, item) = match kind {
                    _ if !work.place.writable => (refuse(work, command), None),
                    CommandKind::Add => add(work, command, unsure.unwrap_or(before), unsure.is_some()).await?,
                    _ if is_change(command) => change(work, command, &mut changed, unsure.is_some()).await?,
                    _ => delete(work, command).await?,
                };
                settle(work, command, status, item)
            }
        };
        let result = with_attachments(work, command, result).await?;
        results.extend(result);
    }
    Ok(results)
}

/// Whether the item stays: an occurrence that is deleted is a change of its series.
fn is_change(command: &Command) -> bool {
    command.kind == CommandKind::Change || command.kind == CommandKind::Delete && command.instance.is_some()
}

/// What is to be done with a command.
enum Plan {
    /// It was carried out for an answer that got lost.
    Settled(Settled),
    /// It cannot be carried out.
    Refused(u16),
    /// Carry it out. `unsure`: an earlier attempt was broken off and may have done it; where the container's history stood before it.
    New { name: CommandName, unsure: Option<u64> },
}

/// Names a command among those of its generation.
pub(super) fn name(command: &Command) -> CommandName {
    let content = format!("{:?}{:?}", command.instance, command.item);
    CommandName { kind: command.kind, id: command.id.clone(), digest: digest(content.as_bytes()) }
}

fn plan<S: Source>(work: &Work<'_, S>, command: &Command, history: &History) -> Plan {
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
    let add = command.kind == CommandKind::Add;
    if !class::takes(work.source.class(), work.view.version, add, &command.item) {
        return Plan::Refused(status::MALFORMED);
    }
    let unsure = history.open.iter().find(|intent| intent.commands.contains(&name)).map(|intent| intent.cursor);
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

/// Items that commands name, by item id: for Fetches whole, for Changes what there is to be compared.
#[derive(Default)]
struct Items {
    asked: BTreeMap<String, Fetched>,
    changed: BTreeMap<String, Fetched>,
}

/// Reads all items that Changes and Fetches name, in one go.
async fn read_ahead<S: Source>(work: &mut Work<'_, S>, commands: &[Command], plans: &[Plan]) -> Result<Items, Error> {
    let known = |wanted: &dyn Fn(&Command, &Plan) -> bool| {
        let named = commands.iter().zip(plans).filter(|(command, plan)| wanted(command, plan));
        let mut ids: Vec<String> =
            named.filter_map(|(command, _)| Some(work.item_id(&command.id)?.to_owned())).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|id| work.state.items.contains(id));
        let uids = ids.iter().filter_map(|id| work.state.items.get(id)).map(|item| item.uid);
        let uids: Vec<String> = uids.collect();
        (ids, uids)
    };
    let mut items = Items::default();
    let (ids, uids) = known(&|command, _| command.kind == CommandKind::Fetch);
    if !uids.is_empty() {
        items.asked = ids.into_iter().zip(work.fetch_whole(&uids).await?).collect();
    }
    let (ids, uids) = known(&|command, plan| is_change(command) && matches!(plan, Plan::New { .. }));
    if !uids.is_empty() {
        items.changed = ids.into_iter().zip(work.fetch(&uids, &[]).await?).collect();
    }
    Ok(items)
}

async fn change<S: Source>(
    work: &mut Work<'_, S>,
    command: &Command,
    items: &mut BTreeMap<String, Fetched>,
    unsure: bool,
) -> Result<(u16, Option<(String, Item)>), Error> {
    let Some((id, had)) = had(work, command) else {
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
    // What readers put on a mail stands side by side.
    let lasting = class::is_lasting(work.source.class());
    if server_changed && !lasting && !unsure && server_wins(work) {
        give_back(work, &id, &had);
        return Ok((status::CONFLICT, None));
    }
    let Some(patch) = meant(work, command, &current) else { return Ok((status::MALFORMED, None)) };
    let changed = class::applied(&patch, &current);
    let mut uid = had.uid.clone();
    if changed != current {
        match work.source.revise(work.place.container, &had.uid, &patch).await {
            Ok(Changed::Kept) => {}
            Ok(Changed::Moved(new)) => {
                work.touched.insert(uid);
                work.rename(&id, &new);
                uid = new;
            }
            Ok(Changed::Gone) => {
                work.deleted_meanwhile.push(uid);
                return Ok((status::SUCCESS, None));
            }
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
    // Nothing fills in mails by itself: what the phone does not have somebody else has put there, also if it was looked at before.
    let untold = work.waits(&had.uid) && !work.same(&had, &current);
    if lasting && (untold || had.is_stale()) {
        // The phone does not know yet what others put there.
        work.look_at(&uid);
        return Ok((status::SUCCESS, Some((id, Item::stale(uid)))));
    }
    Ok((status::SUCCESS, Some((id, Item::received(uid, fingerprint, work.state.listed)))))
}

async fn delete<S: Source>(work: &mut Work<'_, S>, command: &Command) -> Result<(u16, Option<(String, Item)>), Error> {
    let Some((id, had)) = had(work, command) else {
        return Ok((status::SUCCESS, None));
    };
    match work.source.discard(work.place.container, &had.uid, work.deletes_for_good).await {
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

/// The item that a command names, with its id, if the phone has it.
fn had<S: Source>(work: &Work<'_, S>, command: &Command) -> Option<(String, Item)> {
    let id = work.item_id(&command.id)?;
    Some((id.to_owned(), work.state.items.get(id)?))
}

/// A change in a folder that may only be read: the phone gets back what it changed or deleted.
fn refuse<S: Source>(work: &mut Work<'_, S>, command: &Command) -> u16 {
    let Some((id, had)) = had(work, command) else {
        return if command.kind == CommandKind::Add { status::MALFORMED } else { status::NOT_FOUND };
    };
    if command.kind == CommandKind::Delete && !is_change(command) {
        work.state.items.remove(&id);
        work.look_at(&had.uid);
    } else {
        give_back(work, &id, &had);
    }
    status::CONFLICT
}

/// The phone's version of an item was not taken: it gets the server's, even if that has not changed.
fn give_back<S: Source>(work: &mut Work<'_, S>, id: &str, had: &Item) {
    work.state.items.insert(id.to_owned(), Item::given_back(had.uid.clone()));
    work.look_at(&had.uid);
}

fn server_wins<S: Source>(work: &Work<'_, S>) -> bool {
    work.state.options.iter().find_map(|o| o.server_wins).unwrap_or(true)
}

/// What an Add, or a Change of the item `now`, means.
pub(super) fn patch<S: Source>(work: &mut Work<'_, S>, sent: &Properties, now: &Properties) -> Patch {
    with_sender(work, sent, |class, sender| class::patch(class, sender, sent, now))
}

/// What a Change means, be it of the item or of one occurrence of it; `None`: nothing that could be done.
fn meant<S: Source>(work: &mut Work<'_, S>, command: &Command, now: &Properties) -> Option<Patch> {
    let sent = &command.item;
    let patch = match &command.instance {
        None => patch(work, sent, now),
        Some(_) if work.source.class() != Class::Calendar => return None,
        Some(instance) => {
            let gone = class::no_occurrence();
            let sent = if command.kind == CommandKind::Delete { &gone } else { sent };
            with_sender(work, sent, |_, sender| class::patch_of_instance(sender, instance, sent, now))?
        }
    };
    Some(class::without_uid(patch))
}

fn with_sender<S: Source, T>(work: &mut Work<'_, S>, sent: &Properties, f: impl FnOnce(Class, Sender<'_>) -> T) -> T {
    work.state.shown.extend(sent.0.keys().map(|tag| (tag.page(), tag.token())));
    let (supported, shown) = (work.state.supported(), work.state.shown());
    f(work.source.class(), Sender { version: work.view.version, supported: supported.as_deref(), shown: &shown })
}

/// The status for an error that concerns only this item; others end the request.
pub(super) fn refusal(error: source::Error, status: u16) -> Result<u16, Error> {
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

/// Brings an item as a command left it into the state.
fn take_in<S: Source>(work: &mut Work<'_, S>, id: &str, item: &Item) {
    work.touched.insert(item.uid.clone());
    if work.id_of(&item.uid) != *id {
        work.rename(id, &item.uid);
    }
    work.state.items.insert(id.to_owned(), item.clone());
}

/// Brings the outcome of a command into the state and gives the answer to it.
fn settle_again<S: Source>(work: &mut Work<'_, S>, command: &Command, settled: Settled) -> Option<CommandResult> {
    let mut result = answer(command, settled.status);
    if let Some((id, item)) = &settled.item {
        take_in(work, id, item);
        if command.kind == CommandKind::Add {
            result.server_id = Some(work.server_id(id));
        }
    } else if command.kind == CommandKind::Delete
        && !is_change(command)
        && settled.status == status::SUCCESS
        && let Some(id) = work.item_id(&command.id)
    {
        work.state.items.remove(id);
    }
    let wanted = command.kind == CommandKind::Add || settled.status != status::SUCCESS;
    work.settled.push(settled);
    wanted.then_some(result)
}

/// The answer with what the attachments that the phone has added are called from now on (MS-ASAIRS 2.2.2.2).
async fn with_attachments<S: Source>(
    work: &Work<'_, S>,
    command: &Command,
    result: Option<CommandResult>,
) -> Result<Option<CommandResult>, Error> {
    let added: Vec<&Properties> =
        command.item.groups(b::ATTACHMENTS).iter().filter_map(|one| one.group(b::ADD)).collect();
    let id = match &result {
        Some(result) if result.status != status::SUCCESS => return Ok(Some(result.clone())),
        Some(result) => result.server_id.clone(),
        None => Some(command.id.clone()),
    };
    let known = id.as_deref().and_then(|id| work.item_id(id)).and_then(|id| work.state.items.get(id));
    let Some(had) = known.filter(|_| !added.is_empty()) else { return Ok(result) };
    let Some(Fetched::Item(item)) = work.fetch_whole(std::slice::from_ref(&had.uid)).await?.into_iter().next() else {
        return Ok(result);
    };
    let mut there = item.groups(b::ATTACHMENTS).to_vec();
    let mut told = Vec::new();
    for one in added {
        // The newest ones stand last.
        let named = |group: &Properties| group.text(b::DISPLAY_NAME) == one.text(b::DISPLAY_NAME);
        if let Some(at) = there.iter().rposition(named) {
            let mut group = there.remove(at);
            group.set_text(b::CLIENT_ID, one.text(b::CLIENT_ID).unwrap_or_default());
            told.push(group);
        }
    }
    let mut item = Properties::default();
    item.0.insert(b::ATTACHMENTS, Value::Groups(told));
    Ok(Some(CommandResult { item: Some(item), ..result.unwrap_or_else(|| answer(command, status::SUCCESS)) }))
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

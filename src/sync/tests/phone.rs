//! A phone as the engine sees it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::*,
    block_on,
    horde::{Horde, Memory, place},
};
use crate::proto::{
    class::Properties,
    sync::{Command, CommandKind, ServerKind},
};

/// A day in 2026.
pub(super) const NOW: u64 = 1_795_521_600;

/// A phone: what it has, what it wants to say.
pub(super) struct Phone {
    pub(super) horde: Horde,
    pub(super) log: Memory,
    pub(super) key: String,
    pub(super) items: BTreeMap<String, Properties>,
    /// Request under way, repeated until it is answered.
    pub(super) waiting: Vec<Command>,
    /// Items added here and not yet answered, by ClientId.
    pub(super) adding: BTreeMap<String, Properties>,
    pub(super) deleting: BTreeSet<String>,
    pub(super) next_client_id: u32,
    pub(super) now: u64,
    pub(super) version: Version,
    pub(super) filter: u32,
    /// Whether the server knows the filter.
    pub(super) filter_said: bool,
}

impl Phone {
    pub(super) fn new(horde: &Horde) -> Self {
        let log = Memory { faults: horde.faults.clone(), ..Memory::default() };
        Self {
            horde: horde.clone(),
            log,
            key: "0".into(),
            items: BTreeMap::new(),
            waiting: Vec::new(),
            adding: BTreeMap::new(),
            deleting: BTreeSet::new(),
            next_client_id: 1,
            now: NOW,
            version: Version::V14_1,
            filter: 0,
            filter_said: true,
        }
    }

    pub(super) fn command(kind: CommandKind, id: &str, item: Properties) -> Command {
        Command { kind, id: id.to_owned(), instance: None, item, refused: None }
    }

    pub(super) fn add(&mut self, item: Properties) {
        let id = format!("c{}", self.next_client_id);
        self.next_client_id += 1;
        self.waiting.push(Self::command(CommandKind::Add, &id, item.clone()));
        self.adding.insert(id, item);
    }

    pub(super) fn change(&mut self, nth: usize, last: &str) {
        let ids: Vec<String> = self.items.keys().filter(|id| !self.deleting.contains(*id)).cloned().collect();
        if let Some(id) = ids.get(nth % ids.len().max(1)) {
            let item = self.items.get_mut(id).unwrap();
            item.set_text(self.horde.kind.last, last);
            self.waiting.push(Self::command(CommandKind::Change, id, item.clone()));
        }
    }

    /// Deletes an item; gives its first name.
    pub(super) fn delete(&mut self, nth: usize) -> Option<String> {
        let ids: Vec<String> = self.items.keys().filter(|id| !self.deleting.contains(*id)).cloned().collect();
        let id = ids.get(nth % ids.len().max(1))?;
        self.deleting.insert(id.clone());
        self.waiting.push(Self::command(CommandKind::Delete, id, Properties::default()));
        self.items.get(id).map(|item| self.horde.kind.first(item))
    }

    pub(super) fn request(&self, window: u32) -> Collection {
        let commands = if self.key == "0" { Vec::new() } else { self.waiting.clone() };
        let said = self.filter_said && self.key != "0";
        let options = (!said).then(|| vec![Options { filter: Some(self.filter), ..Options::default() }]);
        let (key, id) = (self.key.clone(), "Co1".to_owned());
        Collection { key, id, window: Some(window), options, commands, ..Collection::default() }
    }

    pub(super) fn ask(&mut self, request: &Collection, version: Version, place: Place<'_>) -> Result<Outcome, Error> {
        let window = request.window.unwrap_or(9) as usize;
        let task = Task { place, request, version, now: self.now, window, cursor: None };
        block_on(run(&self.horde, &mut self.log, task))
    }

    pub(super) fn sync(&mut self, window: usize, lost: bool) -> Option<bool> {
        let request = self.request(window as u32);
        let outcome = self.ask(&request, self.version, place()).ok()?;
        if lost {
            return None;
        }
        self.receive(outcome, &request.commands);
        Some(true)
    }

    pub(super) fn receive(&mut self, outcome: Outcome, sent: &[Command]) {
        let response = outcome.response;
        if response.status == 3 {
            self.key = "0".into();
            self.items.clear();
            return;
        }
        assert_eq!(response.status, 1);
        self.key = response.key;
        self.filter_said = true;
        let answered: Vec<String> = response.responses.iter().filter_map(|r| r.client_id.clone()).collect();
        for command in sent {
            match command.kind {
                CommandKind::Add => assert!(answered.contains(&command.id), "an Add without answer"),
                CommandKind::Delete => {
                    self.deleting.remove(&command.id);
                    self.items.remove(&command.id);
                }
                _ => {}
            }
        }
        for result in response.responses {
            if let Some(client_id) = result.client_id {
                let item = self.adding.remove(&client_id);
                if let (Some(server_id), Some(item)) = (result.server_id, item) {
                    assert!(self.items.insert(server_id, item).is_none(), "an Add answered with an id in use");
                }
            }
        }
        self.waiting.drain(..sent.len());
        for command in response.commands {
            let id = command.server_id;
            match command.kind {
                ServerKind::Add => {
                    assert!(self.items.insert(id.clone(), command.item).is_none(), "{id} added twice");
                }
                ServerKind::Change => {
                    assert!(self.items.insert(id.clone(), command.item).is_some(), "{id} changed, but not there");
                }
                ServerKind::Delete | ServerKind::SoftDelete => {
                    assert!(self.items.remove(&id).is_some(), "{id} deleted, but not there");
                }
            }
        }
    }

    pub(super) fn settle(&mut self) {
        for _ in 0..2000 {
            let writes = self.log.writes;
            let before = (self.key.clone(), self.waiting.len());
            self.sync(7, false).expect("nothing fails any more");
            if before == (self.key.clone(), self.waiting.len()) {
                // A rollback and a cursor at most, when the answer before got lost.
                assert!(self.log.writes <= writes + 2, "a Sync without changes wrote {}", self.log.writes - writes);
                return;
            }
        }
        panic!("it never becomes quiet");
    }
}

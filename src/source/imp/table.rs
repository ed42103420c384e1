//! The folders that a user had when they were last listed: what their ids stand for. Kept in the state directory, so that an id outlives
//! restarts and renames.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::{
    fault::{disk, unavailable},
    names::container_id,
};
use crate::{
    source::{Container, Error, Role},
    state::Beside,
};

/// Where a piece of the table is kept; no message has such a uid.
const KEY: &str = "folders";
/// Folders in one piece: what is kept in one place has a limit.
const PIECE: usize = 200;
/// Most folders of a user.
const MOST: usize = 10_000;

/// A folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Known {
    /// Id of the container.
    pub(super) id: String,
    /// Name as it travels.
    pub(super) name: String,
    /// Name to show.
    pub(super) shown: String,
    /// Name of the folder in which it lies, as it travels.
    pub(super) above: Option<String>,
    /// What it is for.
    pub(super) role: Role,
    /// There are no messages in it, only folders.
    pub(super) hollow: bool,
    /// UIDVALIDITY; 0 for a hollow one.
    pub(super) validity: u32,
    /// What stays when it is renamed, where the server has that.
    pub(super) guid: Option<String>,
    /// What is added to its modseq for a cursor: the inbox keeps its id when its UIDVALIDITY changes, and its history goes on.
    pub(super) base: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Piece {
    folders: Vec<Known>,
    more: bool,
}

/// All folders.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Table {
    pub(super) folders: Vec<Known>,
}

impl Table {
    /// What was kept; empty when nothing was.
    pub(super) fn load(beside: &Beside) -> Result<Self, Error> {
        let mut table = Self::default();
        while table.folders.len() < MOST {
            let Some(stored) = beside.get(&key(table.folders.len())).map_err(disk)? else { break };
            let piece: Piece = serde_json::from_value(stored).map_err(|e| unavailable(format!("kept folders: {e}")))?;
            table.folders.extend(piece.folders);
            if !piece.more {
                break;
            }
        }
        Ok(table)
    }

    pub(super) async fn store(&self, beside: &Beside) -> Result<(), Error> {
        let pieces: Vec<&[Known]> = self.folders.chunks(PIECE).collect();
        // The last one first: the one before says that it is there.
        for (at, folders) in pieces.iter().enumerate().rev() {
            let piece = Piece { folders: folders.to_vec(), more: at + 1 < pieces.len() };
            let json = serde_json::to_value(piece).map_err(|e| unavailable(e.to_string()))?;
            beside.put(&key(at * PIECE), &json).await.map_err(disk)?;
        }
        Ok(())
    }

    pub(super) fn find(&self, id: &str) -> Option<&Known> {
        self.folders.iter().find(|folder| folder.id == id)
    }

    pub(super) fn role(&self, role: Role) -> Option<&Known> {
        self.folders.iter().find(|folder| folder.role == role)
    }

    pub(super) fn named(&self, name: &str) -> Option<&Known> {
        self.folders.iter().find(|folder| folder.name == name)
    }

    /// The folders as the engine wants them; the inbox comes first.
    pub(super) fn containers(&self) -> Vec<Container> {
        let ids: HashMap<&str, &str> = self.folders.iter().map(|f| (f.name.as_str(), f.id.as_str())).collect();
        let container = |folder: &Known| Container {
            id: folder.id.clone(),
            name: folder.shown.clone(),
            parent: folder.above.as_deref().and_then(|above| ids.get(above)).map(|id| (*id).to_owned()),
            role: folder.role,
            default: folder.role == Role::Inbox,
            writable: !folder.hollow,
        };
        self.folders.iter().map(container).collect()
    }

    /// Gives the ids of an older table to the same folders in this one, and ids to new ones. `now`: seconds since 1970.
    pub(super) fn take_over(&mut self, old: &Self, now: u64) {
        let names: BTreeSet<&str> = self.folders.iter().map(|folder| folder.name.as_str()).collect();
        // Folders that are not there any more under their names: renamed, perhaps.
        let lost: Vec<&Known> = old.folders.iter().filter(|folder| !names.contains(folder.name.as_str())).collect();
        let fresh: Vec<u32> =
            self.folders.iter().filter(|f| old.named(&f.name).is_none()).map(|f| f.validity).collect();
        let mut taken = BTreeSet::new();
        let mut found: BTreeMap<usize, String> = BTreeMap::new();
        let mut bases = BTreeMap::new();
        for (at, folder) in self.folders.iter().enumerate() {
            let before = old.named(&folder.name).filter(|before| folder.is_still(before)).or_else(|| {
                let mut renamed = lost.iter().filter(|before| folder.was(before));
                let only = renamed.next().filter(|_| renamed.next().is_none())?;
                // Without a GUID it must be the only one that fits.
                let clear = folder.guid.is_some() || fresh.iter().filter(|v| **v == folder.validity).count() == 1;
                clear.then_some(*only)
            });
            if let Some(before) = before.filter(|before| taken.insert(before.id.clone())) {
                found.insert(at, before.id.clone());
                let moved_on = before.validity != folder.validity;
                bases.insert(at, if moved_on { now << 20 } else { before.base });
            }
        }
        for (at, folder) in self.folders.iter_mut().enumerate() {
            folder.base = bases.get(&at).copied().unwrap_or_default();
            folder.id = found.remove(&at).unwrap_or_else(|| {
                let seed = folder.seed();
                let mut seeds = std::iter::once(seed.clone()).chain((0..u32::MAX).map(|n| format!("{seed} {n}")));
                let free = seeds.find_map(|seed| Some(container_id(&seed)).filter(|id| taken.insert(id.clone())));
                free.unwrap_or_default()
            });
        }
    }
}

fn key(from: usize) -> String {
    if from == 0 { KEY.to_owned() } else { format!("{KEY}/{from}") }
}

impl Known {
    /// Whether it is what had the same name before.
    fn is_still(&self, before: &Self) -> bool {
        self.role == Role::Inbox
            || self.role == Role::Outbox
            || self.validity == before.validity
                && (self.guid.is_none() || before.guid.is_none() || self.guid == before.guid)
    }

    /// Whether it is what had another name before.
    fn was(&self, before: &Self) -> bool {
        let movable = |folder: &Self| !matches!(folder.role, Role::Inbox | Role::Outbox) && !folder.hollow;
        movable(self) && movable(before) && self.validity == before.validity && self.guid == before.guid
    }

    fn seed(&self) -> String {
        match (self.role, &self.guid) {
            (Role::Inbox, _) => "inbox".to_owned(),
            (Role::Outbox, _) => "outbox".to_owned(),
            (_, Some(guid)) => format!("guid {guid} {}", self.validity),
            (_, None) => format!("name {} {}", self.validity, self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str, validity: u32, guid: Option<&str>) -> Known {
        let role = if name == "INBOX" { Role::Inbox } else { Role::Plain };
        Known { name: name.into(), validity, guid: guid.map(Into::into), role, ..Known::default() }
    }

    fn table(old: &Table, folders: Vec<Known>) -> Table {
        let mut table = Table { folders };
        table.take_over(old, 1000);
        table
    }

    fn id(table: &Table, name: &str) -> String {
        table.named(name).unwrap().id.clone()
    }

    #[test]
    fn ids_outlive_renames() {
        for guid in [Some("g"), None] {
            let old =
                table(&Table::default(), vec![folder("INBOX", 1, None), folder("a", 2, guid), folder("b", 3, None)]);
            let new = table(&old, vec![folder("INBOX", 1, None), folder("c/a", 2, guid), folder("b", 3, None)]);
            assert_eq!(id(&new, "c/a"), id(&old, "a"), "{guid:?}");
            assert_eq!((id(&new, "b"), id(&new, "INBOX")), (id(&old, "b"), id(&old, "INBOX")));
        }
    }

    #[test]
    fn a_new_folder_under_an_old_name_is_another_but_for_the_inbox() {
        let old = table(&Table::default(), vec![folder("INBOX", 1, Some("i")), folder("a", 2, Some("g"))]);
        let new = table(&old, vec![folder("INBOX", 9, Some("j")), folder("a", 8, Some("g"))]);
        assert_ne!(id(&new, "a"), id(&old, "a"));
        assert_eq!(id(&new, "INBOX"), id(&old, "INBOX"));
        assert!(new.named("INBOX").unwrap().base > 0, "its history goes on");
        let later = table(&new, vec![folder("INBOX", 9, Some("j"))]);
        assert_eq!(later.named("INBOX").unwrap().base, new.named("INBOX").unwrap().base);
    }

    #[test]
    fn what_may_be_two_is_no_rename() {
        let old = table(&Table::default(), vec![folder("a", 2, None), folder("b", 2, None)]);
        let new = table(&old, vec![folder("c", 2, None), folder("d", 2, None)]);
        for name in ["c", "d"] {
            assert!(old.find(&id(&new, name)).is_none());
        }
        let swapped = table(&old, vec![folder("a", 2, None), folder("c", 2, None)]);
        assert_eq!((id(&swapped, "a"), id(&swapped, "c")), (id(&old, "a"), id(&old, "b")));
    }

    #[tokio::test]
    async fn any_number_of_folders_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let beside = crate::state::Store::open(dir.path()).unwrap().beside("erika", "email").unwrap();
        assert_eq!(Table::load(&beside).unwrap(), Table::default());
        for count in [450, 3, 200] {
            let folders = (0..count).map(|n| folder(&format!("folder {n}"), n, None)).collect();
            let table = table(&Table::default(), folders);
            table.store(&beside).await.unwrap();
            assert_eq!(Table::load(&beside).unwrap(), table);
        }
    }
}

//! The folder hierarchy that a device knows: two generations of it, under keys of the same form as those of collections.

mod change;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Log, SyncKey, short_hash};
use crate::{
    proto::{
        class::Class,
        folder_sync::{Change, FolderKind},
    },
    source::{Container, Role, merged},
    state::Error,
};
pub use change::Turn;

/// Version of the record below.
const FORMAT: u32 = 1;

/// A folder of the hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folder {
    /// Class of its items.
    pub class: Class,
    /// Horde's id of the container.
    pub container: String,
    /// Name to show.
    pub name: String,
    /// Whether it is the default folder of its class.
    pub default: bool,
    /// Whether items may be changed.
    pub writable: bool,
    /// Id of the container in which it lies; `None` = at the top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// What it is for.
    #[serde(default)]
    pub role: Role,
}

type Folders = BTreeMap<String, Folder>;

/// What a device knows of the folders.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hierarchy {
    format: u32,
    series: u64,
    generation: u64,
    last_generation: u64,
    folders: Folders,
    /// The generation before, until the key of the newest comes back.
    before: Option<(u64, Folders)>,
}

/// The answer to a FolderSync.
#[derive(Debug, Clone, PartialEq)]
pub struct HierarchyAnswer {
    /// Key for the answer.
    pub key: String,
    /// What is to be told, in the order of the protocol.
    pub changes: Vec<Change>,
}

impl Hierarchy {
    /// What is on disk; `None` when there is nothing, or nothing that can be read: the phone starts anew.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn load(log: &mut impl Log) -> Result<Option<Self>, Error> {
        let records = match log.load() {
            Err(error @ Error::Unreadable { .. }) => {
                log::error!("{error}: the folder list starts anew");
                return Ok(None);
            }
            other => other?,
        };
        let hierarchy = records.first().and_then(|bytes| serde_json::from_slice::<Self>(bytes).ok());
        Ok(hierarchy.filter(|hierarchy| hierarchy.format == FORMAT))
    }

    /// The folder of that id, as the device knows it.
    pub fn folder(&self, id: &str) -> Option<&Folder> {
        self.folders.get(id).or_else(|| self.before.as_ref().and_then(|(_, folders)| folders.get(id)))
    }

    /// Whether the device knows a folder for that container.
    pub fn has(&self, class: Class, container: &str) -> bool {
        self.folders.values().any(|folder| folder.class == class && folder.container == container)
    }

    /// Id of the folder that the device has for a container, or for all containers of the class.
    pub fn id_of(&self, class: Class, container: &str) -> Option<&str> {
        let all = |f: &Folder| f.container == container || f.container == merged::ALL;
        self.folders.iter().find(|(_, f)| f.class == class && all(f)).map(|(id, _)| id.as_str())
    }

    /// The default folder of a class (2.5 may name the class alone).
    pub fn default_of(&self, class: Class) -> Option<(&str, &Folder)> {
        self.folders.iter().find(|(_, f)| f.class == class && f.default).map(|(id, folder)| (id.as_str(), folder))
    }

    /// Folders that the device knows and `present` lacks: to be looked at twice before they are deleted.
    pub fn missing<'a>(&'a self, present: &'a [(Class, Container)]) -> impl Iterator<Item = &'a Folder> {
        let there = |f: &Folder| present.iter().any(|(class, c)| *class == f.class && c.id == f.container);
        self.folders.values().filter(move |folder| !there(folder))
    }

    /// Whether `present` has folders that the device does not know, or knows under another name or in another place.
    pub fn is_outdated(&self, present: &[(Class, Container)]) -> bool {
        differences(&self.folders, &folders(present)).iter().any(|change| !matches!(change, Change::Delete(_)))
    }

    /// Ids of all folders that may still be in use.
    pub fn ids(&self) -> BTreeSet<&str> {
        let before = self.before.iter().flat_map(|(_, folders)| folders.keys());
        self.folders.keys().chain(before).map(String::as_str).collect()
    }

    /// Answers a FolderSync with that key; `None`: the key is not valid (Status 9). What follows must be written with
    /// [`Hierarchy::write`] before the answer leaves, if `true` comes with it.
    pub fn answer(
        loaded: Option<Self>,
        key: &str,
        present: &[(Class, Container)],
    ) -> Option<(Self, HierarchyAnswer, bool)> {
        let now = folders(present);
        if key == "0" {
            let SyncKey { series, generation } = SyncKey::begin();
            let changes = differences(&Folders::new(), &now);
            let hierarchy =
                Self { format: FORMAT, series, generation, last_generation: generation, folders: now, before: None };
            let key = hierarchy.key();
            return Some((hierarchy, HierarchyAnswer { key, changes }, true));
        }
        let key = SyncKey::parse(key)?;
        let mut hierarchy = loaded.filter(|h| h.series == key.series)?;
        match hierarchy.before.take() {
            // The newest answer was lost: as if it had never been given.
            Some((generation, folders)) if generation == key.generation => {
                (hierarchy.generation, hierarchy.folders) = (generation, folders);
            }
            before if hierarchy.generation == key.generation => hierarchy.before = before,
            _ => return None,
        }
        let changes = differences(&hierarchy.folders, &now);
        let silent = changes.is_empty();
        // What the phone is not told of (rights) is brought up to date all the same.
        let write = hierarchy.folders != now;
        if !silent {
            hierarchy.before = Some((hierarchy.generation, std::mem::take(&mut hierarchy.folders)));
            hierarchy.last_generation += 1;
            hierarchy.generation = hierarchy.last_generation;
        }
        hierarchy.folders = now;
        let key = hierarchy.key();
        Some((hierarchy, HierarchyAnswer { key, changes }, write))
    }

    /// Puts the hierarchy on disk.
    ///
    /// # Errors
    /// The file system refuses.
    pub async fn write(&self, log: &mut impl Log) -> Result<(), Error> {
        let bytes = serde_json::to_vec(self)
            .map_err(|e| Error::Io { file: "folders".into(), source: std::io::Error::other(e.to_string()) })?;
        log.replace(&[bytes]).await
    }

    fn key(&self) -> String {
        SyncKey { series: self.series, generation: self.generation }.to_string()
    }
}

/// The id of a folder: the same for every device, after every restart and resync, because it follows from Horde's id.
fn folder_id(class: Class, container: &str) -> String {
    let letter = class.name().get(..2).unwrap_or("X");
    let hash: String = short_hash(&format!("{}\0{container}", class.name())).chars().take(12).collect();
    format!("{letter}{hash}")
}

fn folders(present: &[(Class, Container)]) -> Folders {
    let mut defaults = BTreeSet::new();
    let mut folders = Folders::new();
    for (class, container) in present {
        // Exactly one default folder per class; the first container serves when Horde names none.
        let own = container.role != Role::RecipientCache;
        let wanted = own && (container.default || !present.iter().any(|(c, other)| c == class && other.default));
        folders.insert(
            folder_id(*class, &container.id),
            Folder {
                class: *class,
                container: container.id.clone(),
                name: container.name.clone(),
                default: wanted && defaults.insert(*class),
                writable: container.writable,
                parent: container.parent.clone(),
                role: container.role,
            },
        );
    }
    folders
}

fn kind(folder: &Folder) -> FolderKind {
    match (folder.role, folder.class, folder.default) {
        (Role::Inbox, ..) => FolderKind::DefaultInbox,
        (Role::Drafts, ..) => FolderKind::DefaultDrafts,
        (Role::Outbox, ..) => FolderKind::DefaultOutbox,
        (Role::Sent, ..) => FolderKind::DefaultSent,
        (Role::Trash, ..) => FolderKind::DefaultTrash,
        (Role::RecipientCache, ..) => FolderKind::RecipientCache,
        (Role::Plain, Class::Contacts, true) => FolderKind::DefaultContacts,
        (Role::Plain, Class::Contacts, false) => FolderKind::Contacts,
        (Role::Plain, Class::Calendar, true) => FolderKind::DefaultCalendar,
        (Role::Plain, Class::Calendar, false) => FolderKind::Calendar,
        (Role::Plain, Class::Tasks, true) => FolderKind::DefaultTasks,
        (Role::Plain, Class::Tasks, false) => FolderKind::Tasks,
        (Role::Plain, Class::Notes, true) => FolderKind::DefaultNotes,
        (Role::Plain, Class::Notes, false) => FolderKind::Notes,
        (Role::Plain, Class::Email, _) => FolderKind::Mail,
    }
}

/// Id of the folder in which a folder lies, among `folders`; "0" = at the top.
fn parent_id<'a>(folders: &'a Folders, folder: &Folder) -> &'a str {
    let parent = folder.parent.as_ref();
    let found = parent.and_then(|parent| folders.get_key_value(&folder_id(folder.class, parent)));
    found.map_or("0", |(id, _)| id)
}

/// In how many folders a folder lies. Who makes folders lie in one another in a circle gets a large number.
fn depth(folders: &Folders, folder: &Folder) -> usize {
    let mut depth = 0;
    let mut parent = folders.get(parent_id(folders, folder));
    while let Some(folder) = parent.filter(|_| depth < folders.len()) {
        depth += 1;
        parent = folders.get(parent_id(folders, folder));
    }
    depth
}

/// A folder as the phone is told of it.
fn told(folders: &Folders, id: &str, folder: &Folder) -> crate::proto::folder_sync::Folder {
    crate::proto::folder_sync::Folder {
        server_id: id.to_owned(),
        parent_id: parent_id(folders, folder).to_owned(),
        name: folder.name.clone(),
        kind: kind(folder),
    }
}

fn differences(before: &Folders, now: &Folders) -> Vec<Change> {
    let told = |id: &str, folder: &Folder| told(now, id, folder);
    let same =
        |a: &Folder, b: &Folder| (&a.name, kind(a), parent_id(before, a)) == (&b.name, kind(b), parent_id(now, b));
    let updates = now.iter().filter(|(id, f)| before.get(*id).is_some_and(|b| !same(b, f)));
    let deletes = before.keys().filter(|id| !now.contains_key(*id));
    let mut adds: Vec<_> = now.iter().filter(|(id, _)| !before.contains_key(*id)).collect();
    adds.sort_by_key(|(_, folder)| (depth(now, folder), !folder.default, kind(folder), folder.name.to_lowercase()));
    let mut changes: Vec<Change> = updates.map(|(id, f)| Change::Update(told(id, f))).collect();
    changes.extend(deletes.map(|id| Change::Delete(id.clone())));
    changes.extend(adds.into_iter().map(|(id, f)| Change::Add(told(id, f))));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(id: &str, default: bool) -> Container {
        Container { id: id.to_owned(), name: id.to_uppercase(), default, writable: true, ..Container::default() }
    }

    fn all() -> Vec<(Class, Container)> {
        let classes = [Class::Contacts, Class::Calendar, Class::Tasks, Class::Notes];
        classes
            .into_iter()
            .flat_map(|class| [(class, container("me", true)), (class, container("team", false))])
            .collect()
    }

    #[test]
    fn every_class_has_one_default_folder() {
        let (_, answer, _) = Hierarchy::answer(None, "0", &all()).unwrap();
        let kind = |change: &Change| match change {
            Change::Add(folder) => folder.kind.number(),
            other => panic!("{other:?}"),
        };
        let mut kinds: Vec<u8> = answer.changes.iter().map(kind).collect();
        assert!(kinds[..4].iter().all(|kind| (7..=10).contains(kind)), "the default ones first: {kinds:?}");
        kinds.sort_unstable();
        assert_eq!(kinds, [7, 8, 9, 10, 13, 14, 15, 17]);
    }

    /// As it was written when contacts were all there was.
    #[test]
    fn a_device_that_knows_contacts_only_gets_the_other_folders() {
        let stored = r#"{"format":1,"series":171,"generation":2,"last_generation":2,"before":null,"folders":{
            "Co3b4cc00c04b5":{"class":"Contacts","container":"me","name":"ME","default":true,"writable":true}}}"#;
        let known: Hierarchy = serde_json::from_str(stored).unwrap();
        let present: Vec<_> = all().into_iter().filter(|(_, container)| container.default).collect();
        let (_, answer, write) = Hierarchy::answer(Some(known), "{00000000000000ab}2", &present).unwrap();
        assert!(write);
        assert_eq!(answer.key, "{00000000000000ab}3");
        assert_eq!(answer.changes.len(), 3);
        assert!(answer.changes.iter().all(|change| matches!(change, Change::Add(_))), "{:?}", answer.changes);
    }

    #[test]
    fn a_device_that_is_to_have_one_folder_gets_it_instead_of_the_others() {
        let (before, first, _) = Hierarchy::answer(None, "0", &all()).unwrap();
        let mut merged = all();
        merged.retain(|(class, _)| *class != Class::Tasks);
        merged.push((Class::Tasks, container("*", true)));
        let (_, answer, _) = Hierarchy::answer(Some(before), &first.key, &merged).unwrap();
        let (deleted, added): (Vec<_>, Vec<_>) =
            answer.changes.iter().partition(|change| matches!(change, Change::Delete(_)));
        assert_eq!((deleted.len(), added.len()), (2, 1));
    }

    #[test]
    fn mail_folders_have_types_and_lie_in_one_another() {
        let folder = |id: &str, parent: Option<&str>, role| {
            let container = Container { parent: parent.map(str::to_owned), role, ..container(id, role == Role::Inbox) };
            (Class::Email, container)
        };
        let mut present = vec![
            folder("c", Some("b"), Role::Plain),
            folder("b", Some("a"), Role::Plain),
            folder("a", None, Role::Plain),
            folder("inbox", None, Role::Inbox),
            folder("trash", None, Role::Trash),
            (Class::Contacts, Container { role: Role::RecipientCache, ..container("people", false) }),
        ];
        let (known, first, _) = Hierarchy::answer(None, "0", &present).unwrap();
        let adds: Vec<_> = first
            .changes
            .iter()
            .map(|change| match change {
                Change::Add(folder) => (folder.name.as_str(), folder.kind.number(), folder.parent_id.clone()),
                other => panic!("{other:?}"),
            })
            .collect();
        let names: Vec<&str> = adds.iter().map(|(name, ..)| *name).collect();
        assert_eq!(names, ["INBOX", "TRASH", "A", "PEOPLE", "B", "C"]);
        assert_eq!(adds.iter().map(|(_, kind, _)| *kind).collect::<Vec<_>>(), [2, 4, 12, 19, 12, 12]);
        assert_eq!((adds[0].2.as_str(), adds[2].2.as_str()), ("0", "0"));
        assert_eq!(adds[5].2, folder_id(Class::Email, "b"));
        assert_eq!(known.default_of(Class::Email).unwrap().1.container, "inbox");
        // One is renamed, one is moved to the top.
        present[2].1.name = "Z".into();
        present[0].1.parent = None;
        let (_, answer, write) = Hierarchy::answer(Some(known), &first.key, &present).unwrap();
        assert!(write);
        assert_eq!(answer.changes.len(), 2, "{:?}", answer.changes);
        assert!(answer.changes.iter().all(|change| matches!(change, Change::Update(_))));
    }

    #[test]
    fn folders_that_lie_in_one_another_in_a_circle_are_told_nevertheless() {
        let folder = |id: &str, parent: &str| {
            (Class::Email, Container { parent: Some(parent.to_owned()), ..container(id, false) })
        };
        let (_, answer, _) = Hierarchy::answer(None, "0", &[folder("a", "b"), folder("b", "a")]).unwrap();
        assert_eq!(answer.changes.len(), 2);
    }
}

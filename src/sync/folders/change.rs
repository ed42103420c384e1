//! Changes of the hierarchy that the phone itself makes: FolderCreate, FolderUpdate, FolderDelete.

use super::{Folder, Folders, Hierarchy, SyncKey, folder_id, folders, parent_id, told};
use crate::{proto::class::Class, source::Container};

/// How a key stands to what the device knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The phone has the newest answer.
    Newest,
    /// The newest answer was lost.
    Repeat,
}

impl Hierarchy {
    /// What a key means; `None`: it is not valid (Status 9).
    pub fn turn(&self, key: &str) -> Option<Turn> {
        let key = SyncKey::parse(key).filter(|key| key.series == self.series)?;
        let before = self.before.as_ref().map(|(generation, _)| *generation);
        match key.generation {
            n if n == self.generation => Some(Turn::Newest),
            n if Some(n) == before => Some(Turn::Repeat),
            _ => None,
        }
    }

    /// Drops the newest answer, which was lost.
    pub fn roll_back(&mut self) {
        if let Some((generation, folders)) = self.before.take() {
            (self.generation, self.folders) = (generation, folders);
        }
    }

    /// Key of the newest answer.
    pub fn newest_key(&self) -> String {
        self.key()
    }

    /// The folder of that id in the newest answer.
    pub fn now(&self, id: &str) -> Option<&Folder> {
        self.folders.get(id)
    }

    /// All folders of the newest answer, by id.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Folder)> {
        self.folders.iter().map(|(id, folder)| (id.as_str(), folder))
    }

    /// The folders of a class as the phone is told of them.
    pub fn told(&self, class: Class) -> Vec<crate::proto::folder_sync::Folder> {
        let own = self.folders.iter().filter(|(_, folder)| folder.class == class);
        own.map(|(id, folder)| told(&self.folders, id, folder)).collect()
    }

    /// Id of the folder in which a folder of the newest answer lies; "0" = at the top.
    pub fn parent_of(&self, folder: &Folder) -> &str {
        parent_id(&self.folders, folder)
    }

    /// Whether the newest answer was the first to have a folder of that name there (`Some(id)`).
    pub fn created(&self, parent: &str, name: &str) -> Option<&str> {
        let (_, before) = self.before.as_ref()?;
        let fits = |(id, folder): &(&String, &Folder)| {
            !before.contains_key(*id) && folder.name == name && parent_id(&self.folders, folder) == parent
        };
        self.folders.iter().find(fits).map(|(id, _)| id.as_str())
    }

    /// Whether the newest answer was the first without that folder.
    pub fn deleted(&self, id: &str) -> bool {
        self.before.as_ref().is_some_and(|(_, before)| before.contains_key(id)) && !self.folders.contains_key(id)
    }

    /// Takes in a folder that the phone has made or changed; gives its id. To be written before the answer leaves, as all of these.
    pub fn put(&mut self, class: Class, container: Container) -> String {
        let id = folder_id(class, &container.id);
        let made = folders(&[(class, container)]).remove(&id);
        self.advance(|all| {
            if let Some(made) = made {
                all.insert(id.clone(), Folder { default: false, ..made });
            }
        });
        id
    }

    /// Takes out a folder that the phone has deleted, and those in it.
    pub fn remove(&mut self, id: &str) {
        let inside: Vec<String> =
            self.folders.keys().filter(|other| lies_in(&self.folders, other, id)).cloned().collect();
        self.advance(|all| all.retain(|id, _| !inside.contains(id)));
    }

    /// Whether a folder is another one, or lies somewhere in it.
    pub fn lies_in(&self, id: &str, other: &str) -> bool {
        lies_in(&self.folders, id, other)
    }

    fn advance(&mut self, change: impl FnOnce(&mut Folders)) {
        self.before = Some((self.generation, self.folders.clone()));
        self.last_generation += 1;
        self.generation = self.last_generation;
        change(&mut self.folders);
    }
}

fn lies_in(all: &Folders, id: &str, other: &str) -> bool {
    let mut id = id;
    // Folders that lie in one another in a circle come to an end, too.
    for _ in 0..=all.len() {
        if id == other {
            return true;
        }
        match all.get(id) {
            Some(folder) => id = parent_id(all, folder),
            None => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(id: &str, parent: Option<&str>) -> (Class, Container) {
        let container = Container {
            id: id.into(),
            name: id.to_uppercase(),
            parent: parent.map(str::to_owned),
            writable: true,
            ..Container::default()
        };
        (Class::Email, container)
    }

    fn known() -> (Hierarchy, String) {
        let present = [mail("a", None), mail("b", Some("a")), mail("c", Some("b"))];
        let (hierarchy, answer, _) = Hierarchy::answer(None, "0", &present).unwrap();
        (hierarchy, answer.key)
    }

    #[test]
    fn what_the_phone_has_made_is_not_told_again() {
        let (mut hierarchy, key) = known();
        assert_eq!(hierarchy.turn(&key), Some(Turn::Newest));
        let id = hierarchy.put(Class::Email, mail("d", Some("a")).1);
        assert_eq!(hierarchy.turn(&key), Some(Turn::Repeat));
        assert_eq!(hierarchy.created(&folder_id(Class::Email, "a"), "D"), Some(id.as_str()));
        assert_eq!(hierarchy.created("0", "D"), None);
        let new = hierarchy.newest_key();
        let present = [mail("a", None), mail("b", Some("a")), mail("c", Some("b")), mail("d", Some("a"))];
        let (_, answer, write) = Hierarchy::answer(Some(hierarchy), &new, &present).unwrap();
        assert_eq!((answer.changes.len(), write), (0, false));
        assert_eq!(answer.key, new);
    }

    #[test]
    fn what_is_deleted_takes_what_is_in_it_along() {
        let (mut hierarchy, key) = known();
        let [a, b, c] = ["a", "b", "c"].map(|name| folder_id(Class::Email, name));
        assert!(hierarchy.lies_in(&c, &a) && !hierarchy.lies_in(&a, &c));
        hierarchy.remove(&b);
        assert!(hierarchy.deleted(&b) && hierarchy.deleted(&c) && !hierarchy.deleted(&a));
        assert!(hierarchy.now(&a).is_some() && hierarchy.now(&c).is_none());
        assert!(hierarchy.folder(&c).is_some(), "until the new key comes back");
        hierarchy.roll_back();
        assert_eq!(hierarchy.turn(&key), Some(Turn::Newest));
        assert!(hierarchy.now(&c).is_some());
        // A number is never used twice.
        hierarchy.remove(&c);
        assert!(hierarchy.newest_key().ends_with("}3"), "{}", hierarchy.newest_key());
    }

    #[test]
    fn other_keys_are_not_valid() {
        let (hierarchy, _) = known();
        for key in ["0", "", "{0000000000000000}1", &hierarchy.newest_key().replace("}1", "}2")] {
            assert_eq!(hierarchy.turn(key), None, "{key}");
        }
    }
}

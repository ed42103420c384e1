//! A mailbox and a device for the tests of commands.

mod mailbox;

use std::future::Future;

pub(super) use mailbox::{Mailbox, Message};

use crate::{
    proto::class::Class,
    state::{DeviceId, Locked, Store},
    sync::Hierarchy,
};

/// Runs what never really waits.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A device that knows the folders of a mailbox.
pub(super) struct Device {
    pub(super) locked: Locked,
    pub(super) key: String,
    /// Ids of the folders by their names.
    pub(super) ids: std::collections::BTreeMap<String, String>,
    _dir: tempfile::TempDir,
}

impl Device {
    pub(super) async fn knowing(mailbox: &Mailbox) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let locked = store.device("alice", &DeviceId::new("X1").unwrap()).unwrap().lock().await.unwrap();
        let present: Vec<_> = mailbox.folders().into_iter().map(|container| (Class::Email, container)).collect();
        let (hierarchy, answer, _) = Hierarchy::answer(None, "0", &present).unwrap();
        hierarchy.write(&mut locked.journal(super::folder_sync::JOURNAL).unwrap()).await.unwrap();
        let ids = hierarchy.all().map(|(id, folder)| (folder.name.clone(), id.to_owned())).collect();
        Self { locked, key: answer.key, ids, _dir: dir }
    }

    pub(super) fn id(&self, name: &str) -> &str {
        &self.ids[name]
    }

    pub(super) fn hierarchy(&self) -> Hierarchy {
        Hierarchy::load(&mut self.locked.journal(super::folder_sync::JOURNAL).unwrap()).unwrap().unwrap()
    }
}

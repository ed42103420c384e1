//! The folders of those who wait. Horde has no number that tells of new, renamed or deleted containers: each user's are listed, few users
//! per tick, in turn.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Call, Inner, Watch};
use crate::{
    horde::Session,
    proto::class::Class,
    source::{self, Any, Container},
};

/// The folders of a user are listed no more often than this, unless somebody knows that they have changed.
const INTERVAL: Duration = Duration::from_secs(30);

/// The folders of a user, as they were when they were last listed.
#[derive(Debug, Default)]
pub(super) struct Folders {
    wanted: Vec<Class>,
    lists: BTreeMap<Class, Arc<[Container]>>,
    listed: Option<Instant>,
}

impl Folders {
    /// These classes are to be listed, too.
    pub(super) fn expect(&mut self, classes: &[Class]) {
        for class in classes {
            if !self.wanted.contains(class) {
                self.wanted.push(*class);
                self.listed = None;
            }
        }
    }

    pub(super) fn of(&self, class: Class) -> Option<Arc<[Container]>> {
        self.lists.get(&class).cloned()
    }

    /// `true`: that was not known.
    pub(super) fn learn(&mut self, class: Class, list: Vec<Container>) -> bool {
        if self.lists.get(&class).is_some_and(|known| **known == *list) {
            return false;
        }
        self.lists.insert(class, list.into());
        true
    }
}

impl Watch {
    /// The folders of a user have changed: his other devices are to know soon.
    pub fn folders_changed(&self, user: &str) {
        if let Some(user) = self.0.hall().users.get_mut(user) {
            user.folders.listed = None;
            user.mail.relist();
        }
        self.0.soon.notify_one();
    }

    /// Lists the folders of a user now, those of mail excepted.
    ///
    /// # Errors
    /// Horde or the state directory cannot be had.
    pub async fn list_folders(&self, session: &Session) -> Result<(), source::Error> {
        list(&self.0, session).await
    }
}

/// Lists the folders of those whose turn it is, at most `most` users.
pub(super) async fn round(inner: &Arc<Inner>, most: usize) {
    let now = Instant::now();
    let mut due: Vec<(Option<Instant>, Session)> = {
        let hall = inner.hall();
        let due = |listed: Option<Instant>| listed.is_none_or(|at| now.duration_since(at) >= INTERVAL);
        let there = hall.users.values().filter(|user| !user.seats.is_empty() && due(user.folders.listed));
        there.filter_map(|user| Some((user.folders.listed, user.session.clone()?))).collect()
    };
    due.sort_by_key(|(listed, _)| *listed);
    for (_, session) in due.into_iter().take(most) {
        if let Err(error) = list(inner, &session).await {
            log::debug!("folders of {}: {error}", session.user());
            if matches!(error, source::Error::Unauthorized) {
                inner.hall().refused(session.user());
            }
        }
    }
}

async fn list(inner: &Arc<Inner>, session: &Session) -> Result<(), source::Error> {
    let wanted = {
        let mut hall = inner.hall();
        let Some(user) = hall.users.get_mut(session.user()) else { return Ok(()) };
        // Also when it fails: the others have their turn.
        user.folders.listed = Some(Instant::now());
        user.folders.wanted.clone()
    };
    let mut sources = Vec::new();
    for class in wanted.into_iter().filter(|class| *class != Class::Email) {
        let beside = inner.store.beside(session.user(), &class.name().to_ascii_lowercase());
        let beside = beside.map_err(|error| source::Error::Unavailable {
            reason: error.to_string(),
            retry_after: Duration::from_secs(60),
        })?;
        sources.push(Any::new(class, session.clone(), beside, &inner.shared));
    }
    let lists = Any::containers_of(&sources, false).await?;
    let mut hall = inner.hall();
    let Some(user) = hall.users.get_mut(session.user()) else { return Ok(()) };
    let mut changed = false;
    for (class, list) in lists {
        match list {
            Ok(list) => changed |= user.folders.learn(class, list),
            Err(error) => log::debug!("{} of {}: {error}", class.name(), session.user()),
        }
    }
    if changed {
        user.ring(Call::Folders);
    }
    Ok(())
}

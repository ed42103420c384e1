//! Where items live. A [`Source`] is one application of Horde as one user sees it; it knows nothing of phones and sync keys.

pub mod any;
mod app;
mod identity;
pub mod imp;
pub mod inviting;
mod kept;
pub mod kronolith;
pub mod mail;
pub mod merged;
pub mod mnemo;
pub mod nag;
pub mod people;
pub mod pulse;
pub mod sending;
pub mod turba;
mod vacation;

pub use any::Any;
pub use app::Shared;
pub use identity::Identity;
pub use imp::Imp;
pub use inviting::Inviting;
pub use kept::Kept;
pub use mail::Mail;
pub use merged::Merged;
pub use vacation::Vacation;

use std::{future::Future, time::Duration};

use crate::{
    convert::body,
    proto::class::{Class, Patch, Properties, Scope, View},
    wbxml::Tag,
};

/// What a container is for, beside holding items of its class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Role {
    /// Nothing else.
    #[default]
    Plain,
    /// Where mail arrives.
    Inbox,
    /// Mail that is being written.
    Drafts,
    /// Mail on its way. Always empty: this program has sent what it has taken.
    Outbox,
    /// Mail that was sent.
    Sent,
    /// Mail that was deleted.
    Trash,
    /// The people whom the user writes to most (14.0+).
    RecipientCache,
}

/// A container of items (address book, calendar, mail folder, ...) that the user may see.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Container {
    /// Horde's id of it.
    pub id: String,
    /// Name to show.
    pub name: String,
    /// Id of the container of the same class in which it lies; `None` = at the top.
    pub parent: Option<String>,
    /// What it is for. There is at most one container of each role but [`Role::Plain`].
    pub role: Role,
    /// The user's default container of this class.
    pub default: bool,
    /// Whether items may be added, changed and deleted.
    pub writable: bool,
}

/// What happened in a container between two cursors. An item may be in several lists: delete beats add beats modify.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// uids of new items.
    pub add: Vec<String>,
    /// uids of changed items.
    pub modify: Vec<String>,
    /// uids of deleted items (may name items nobody ever saw: exceptions of series, for example).
    pub delete: Vec<String>,
    /// The history does not reach back that far: only a listing tells what happened.
    pub lost: bool,
}

/// How much of an item is wanted.
#[derive(Debug, Clone, Copy)]
pub enum Want<'a> {
    /// All that a phone with this view gets, bodies in the form that it asks for.
    Whole(&'a View),
    /// Only what can change in an item that never changes otherwise ([`crate::proto::class::volatile`]), and what the scope needs.
    Volatile,
}

/// What became of an item that was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// It is still itself.
    Kept,
    /// It has another uid now (a draft: mail servers cannot change a message).
    Moved(String),
    /// It is not in the container any more (a draft that was sent).
    Gone,
}

/// What a fetch of one item gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// The item.
    Item(Properties),
    /// Horde says that there is no such item. Not yet proof of a deletion.
    Missing,
    /// The item cannot be read; the reason is for the administrator. It is put aside and tried again when it changes.
    Broken(String),
}

/// Why something cannot be done, told apart by what the phone must be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// Not now: retryable status, nothing is lost.
    Unavailable {
        /// For the administrator.
        reason: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// The login is no longer accepted.
    Unauthorized,
    /// The container is not there (any more) for this user.
    ContainerGone,
    /// The user may not do that.
    Denied,
    /// There is no such item.
    NotFound,
    /// An equal item exists already (contacts: Horde compares all fields).
    Exists,
    /// Horde refuses this item or fails on it: a fault of the item, not of the site.
    Refused(String),
    /// A write was sent but its answer lost: it may have been carried out.
    Uncertain(String),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unavailable { reason, .. } => write!(f, "not available: {reason}"),
            Self::Unauthorized => f.write_str("login not accepted"),
            Self::ContainerGone => f.write_str("the container is gone"),
            Self::Denied => f.write_str("permission denied"),
            Self::NotFound => f.write_str("not found"),
            Self::Exists => f.write_str("exists already"),
            Self::Refused(text) => write!(f, "refused: {text}"),
            Self::Uncertain(text) => write!(f, "answer lost: {text}"),
        }
    }
}

impl std::error::Error for Error {}

/// One application as one user sees it.
pub trait Source: Send + Sync {
    /// Which class its items have.
    fn class(&self) -> Class;

    /// All containers that the user may see, the default one first.
    fn containers(&self) -> impl Future<Output = Result<Vec<Container>, Error>> + Send;

    /// Where the container's history stands now. Equal cursors mean that nothing happened; a larger one is no proof that something did.
    fn cursor(&self, container: &str) -> impl Future<Output = Result<u64, Error>> + Send;

    /// Like [`Source::cursor`] for several containers, in as few questions as possible.
    fn cursors(&self, containers: &[String]) -> impl Future<Output = Result<Vec<u64>, Error>> + Send {
        async move {
            let mut cursors = Vec::with_capacity(containers.len());
            for container in containers {
                cursors.push(self.cursor(container).await?);
            }
            Ok(cursors)
        }
    }

    /// What happened after `from` up to and including `to`.
    fn changes(&self, container: &str, from: u64, to: u64) -> impl Future<Output = Result<Changes, Error>> + Send;

    /// uids of all items in the scope, perhaps with some that are not. A successful answer is complete; anything else is an error.
    fn list(&self, container: &str, scope: Scope) -> impl Future<Output = Result<Vec<String>, Error>> + Send;

    /// [`Source::cursor`] and then [`Source::list`], in as few questions as possible.
    fn look(&self, container: &str, scope: Scope) -> impl Future<Output = Result<(u64, Vec<String>), Error>> + Send {
        async move {
            let cursor = self.cursor(container).await?;
            Ok((cursor, self.list(container, scope).await?))
        }
    }

    /// Reads items; one result per uid, in order. `ahead` names uids that will be asked for next, so that the source may read them in
    /// the same go.
    fn fetch(
        &self,
        container: &str,
        uids: &[String],
        ahead: &[String],
    ) -> impl Future<Output = Result<Vec<Fetched>, Error>> + Send;

    /// Like [`Source::fetch`], with bodies as the phone is to get them, or only what can change.
    fn fetch_for(
        &self,
        container: &str,
        uids: &[String],
        ahead: &[String],
        want: Want<'_>,
    ) -> impl Future<Output = Result<Vec<Fetched>, Error>> + Send {
        async move {
            let mut fetched = self.fetch(container, uids, ahead).await?;
            if let Want::Whole(view) = want {
                for one in &mut fetched {
                    if let Fetched::Item(item) = one {
                        body::fit(item, view);
                    }
                }
            }
            Ok(fetched)
        }
    }

    /// Adds an item under the uid `wish`; gives its uid. [`Error::Exists`] when there is one with that uid. A source whose items get their
    /// uids from Horde ([`Source::grants_uids`] is false) gives another one.
    fn add(&self, container: &str, wish: &str, item: &Properties)
    -> impl Future<Output = Result<String, Error>> + Send;

    /// The uid that an item gets that is added under `wish`; another one where a container stands for several.
    fn uid_of(&self, container: &str, wish: &str) -> impl Future<Output = Result<String, Error>> + Send {
        let _ = container;
        std::future::ready(Ok(wish.to_owned()))
    }

    /// Whether [`Source::add`] uses the uid that it is given.
    fn grants_uids(&self) -> bool {
        true
    }

    /// Properties that the source fills in by itself when nobody sets them.
    fn filled_in(&self) -> &'static [Tag] {
        &[]
    }

    /// Changes the properties that the patch names, and no others.
    fn change(&self, container: &str, uid: &str, patch: &Patch) -> impl Future<Output = Result<(), Error>> + Send;

    /// Like [`Source::change`], for containers in which a change may give an item another uid.
    fn revise(&self, container: &str, uid: &str, patch: &Patch) -> impl Future<Output = Result<Changed, Error>> + Send {
        async move { self.change(container, uid, patch).await.map(|()| Changed::Kept) }
    }

    /// Like [`Source::delete`], for classes that have a trash folder: it goes there unless it is to be gone `for_good`, or lies there already.
    fn discard(&self, container: &str, uid: &str, for_good: bool) -> impl Future<Output = Result<(), Error>> + Send {
        let _ = for_good;
        self.delete(container, uid)
    }

    /// Deletes an item. Deleting what is not there is [`Error::NotFound`].
    fn delete(&self, container: &str, uid: &str) -> impl Future<Output = Result<(), Error>> + Send;
}

//! Where items live. A [`Source`] is one application of Horde as one user sees it; it knows nothing of phones and sync keys.

pub mod any;
mod app;
mod kept;
pub mod kronolith;
pub mod merged;
pub mod mnemo;
pub mod nag;
pub mod turba;

pub use any::Any;
pub use app::Shared;
pub use kept::Kept;
pub use merged::Merged;

use std::{future::Future, time::Duration};

use crate::{
    proto::class::{Class, Patch, Properties, Scope},
    wbxml::Tag,
};

/// A container of items (address book, calendar, ...) that the user may see.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Container {
    /// Horde's id of it.
    pub id: String,
    /// Name to show.
    pub name: String,
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

    /// Reads items; one result per uid, in order. `ahead` names uids that will be asked for next, so that the source may read them in
    /// the same go.
    fn fetch(
        &self,
        container: &str,
        uids: &[String],
        ahead: &[String],
    ) -> impl Future<Output = Result<Vec<Fetched>, Error>> + Send;

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

    /// Deletes an item. Deleting what is not there is [`Error::NotFound`].
    fn delete(&self, container: &str, uid: &str) -> impl Future<Output = Result<(), Error>> + Send;
}

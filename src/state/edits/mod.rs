//! Tells waiting requests that an info file may have been edited: one notifier for the whole site, one watch per user for whom
//! somebody waits.

mod kernel;
mod look;
mod site;
#[cfg(test)]
mod tests;

use std::{
    io,
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::runtime::Handle;

use self::site::{Site, User};
use super::{
    Error,
    files::{self, at},
};

/// Pause between two looks at the files of which the kernel does not tell.
const POLL: Duration = Duration::from_secs(5);

/// The notifier of a state directory. Cheap to clone. Costs nothing until somebody asks for the first [`Edit`]; from then on one inotify
/// descriptor and one task.
///
/// On network file systems, and where the system refuses inotify or further watches (`fs.inotify.max_user_instances`,
/// `max_user_watches`), the files of those users for whom somebody waits are looked at every five seconds instead.
#[derive(Debug, Clone)]
pub struct Edits {
    site: Arc<Site>,
}

/// Tells of edits of one user's info files since it was made. All of a user share one watch, which ends with the last of them.
#[derive(Debug)]
pub struct Edit {
    user: Arc<User>,
    site: Arc<Site>,
    /// [`User::edits`] when it was last asked.
    seen: u64,
}

impl Edit {
    /// Comes back when any info file of the user may have been created, written, replaced, renamed, deleted, or changed in its attributes
    /// since this was made, or since it last came back; at once if that has happened already. A burst of changes counts once, told about
    /// 50 ms after its begin. It may come back for nothing, so look at the file then; it never misses a change of a file in the user's
    /// directory (a symbolic link that points out of there is not followed). Dropping the future loses nothing.
    pub async fn happened(&mut self) {
        loop {
            // Made before the number is read: what comes in between wakes it.
            let woken = self.user.woken.notified();
            let edits = self.user.edits.load(Ordering::Acquire);
            if edits != self.seen {
                self.seen = edits;
                return;
            }
            woken.await;
        }
    }
}

impl Drop for Edit {
    fn drop(&mut self) {
        self.site.leave(&self.user);
    }
}

impl Edits {
    /// For the users of that state directory.
    pub(super) fn new(root: Arc<Path>) -> Self {
        Self::with(root, true, POLL)
    }

    fn with(root: Arc<Path>, ask_kernel: bool, poll: Duration) -> Self {
        Self { site: Arc::new(Site::new(root, ask_kernel, poll)) }
    }

    /// Begins to watch the info files of a user (Horde's name). Make it before you look at the file, and what happens after the look is told.
    /// The user's directory need not exist.
    ///
    /// # Errors
    /// The name cannot be used; there is no tokio runtime here.
    pub fn of(&self, user: &str) -> Result<Edit, Error> {
        let name = files::encode_name(user)?;
        let runtime = Handle::try_current().map_err(|e| at(&self.site.root)(io::Error::other(e)))?;
        let user = self.site.enter(name, &runtime);
        Ok(Edit { seen: user.edits.load(Ordering::Acquire), user, site: Arc::clone(&self.site) })
    }
}

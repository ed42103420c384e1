//! For whom somebody waits, and where the news of these users come from.

use std::{
    collections::{BTreeSet, HashMap, hash_map},
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rustix::io::Errno;
use tokio::{
    runtime::Handle,
    sync::Notify,
    task::{AbortHandle, spawn_blocking},
    time::sleep,
};

use super::{
    super::files::INFO,
    kernel::{Kernel, Notice},
    look,
};

/// Users whose files are looked at in one go, on one thread.
const BATCH: usize = 64;

/// A user for whom somebody waits.
#[derive(Debug)]
pub(super) struct User {
    /// Name of the directory.
    name: Arc<str>,
    /// How often something may have been edited.
    pub(super) edits: AtomicU64,
    /// Woken after [`User::edits`] has grown.
    pub(super) woken: Notify,
}

/// Where the news of a user's directory come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// From the kernel, by that watch.
    Watched(i32),
    /// From the watch on the state directory, as there is no directory yet.
    Awaited,
    /// From looking; what the last look saw, if there was one.
    Polled(Option<u64>),
}

#[derive(Debug)]
struct Entry {
    user: Arc<User>,
    /// How many wait.
    handles: usize,
    how: How,
}

impl Entry {
    fn tell(&self) {
        self.user.edits.fetch_add(1, Ordering::Release);
        self.user.woken.notify_waiters();
    }
}

/// The state directory.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) root: Arc<Path>,
    /// Whether the kernel may be asked at all.
    ask_kernel: bool,
    poll: Duration,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    users: HashMap<Arc<str>, Entry>,
    /// Names by watch.
    watches: HashMap<i32, Arc<str>>,
    ear: Ear,
    poller: Option<AbortHandle>,
    /// Whether the log says already that the kernel does not tell everything.
    said: bool,
}

/// The way in which the kernel tells.
#[derive(Debug, Default)]
enum Ear {
    #[default]
    Untried,
    Open(Listener),
    /// It does not, now and in future.
    Deaf,
}

#[derive(Debug)]
struct Listener {
    kernel: Arc<Kernel>,
    /// Watch on the state directory itself.
    root: i32,
    task: AbortHandle,
}

/// What a burst of notices comes to.
#[derive(Debug, Default)]
struct News {
    lost: bool,
    gone: BTreeSet<i32>,
    /// Watches of directories with an edited info file.
    edited: BTreeSet<i32>,
    /// Entries of the state directory.
    users: BTreeSet<Vec<u8>>,
}

impl News {
    fn add(&mut self, notice: Notice<'_>, root: i32) {
        match notice {
            Notice::Lost => self.lost = true,
            Notice::Gone(watch) => drop(self.gone.insert(watch)),
            Notice::Entry(watch, name) if watch == root => drop(self.users.insert(name.to_owned())),
            Notice::Entry(watch, name) if name.is_empty() || name.starts_with(INFO.as_bytes()) => {
                self.edited.insert(watch);
            }
            Notice::Entry(..) => {}
        }
    }
}

impl Table {
    /// Ends a watch.
    fn leave(&mut self, how: How) {
        if let (How::Watched(watch), Ear::Open(listener)) = (how, &self.ear) {
            self.watches.remove(&watch);
            listener.kernel.unwatch(watch);
        }
    }

    /// From now on news come from there; the watches of before have ended with what they belonged to.
    fn change_ear(&mut self, ear: Ear) {
        self.ear = ear;
        self.watches.clear();
        for entry in self.users.values_mut() {
            entry.how = How::Awaited;
        }
    }

    fn polls(&self) -> bool {
        self.users.values().any(|entry| matches!(entry.how, How::Polled(_)))
    }

    /// Says once that files are looked at, and why.
    fn say(&mut self, poll: Duration, reason: &str) {
        if !std::mem::replace(&mut self.said, true) {
            log::warn!("{reason}: info files of waiting phones are looked at every {} s instead", poll.as_secs());
        }
    }
}

impl Site {
    pub(super) fn new(root: Arc<Path>, ask_kernel: bool, poll: Duration) -> Self {
        Self { root, ask_kernel, poll, table: Mutex::default() }
    }

    /// One more waits for the user with that directory.
    pub(super) fn enter(self: &Arc<Self>, name: String, runtime: &Handle) -> Arc<User> {
        let mut table = self.table();
        self.listen(&mut table, runtime);
        let user = match table.users.get_mut(name.as_str()) {
            Some(entry) => {
                entry.handles += 1;
                Arc::clone(&entry.user)
            }
            None => {
                let name: Arc<str> = name.into();
                let user = User { name: Arc::clone(&name), edits: AtomicU64::new(0), woken: Notify::new() };
                let user = Arc::new(user);
                let entry = Entry { user: Arc::clone(&user), handles: 1, how: How::Awaited };
                table.users.insert(Arc::clone(&name), entry);
                self.attach(&mut table, &name);
                user
            }
        };
        self.start_polling(&mut table, runtime);
        user
    }

    /// One waits no more.
    pub(super) fn leave(&self, user: &User) {
        let mut table = self.table();
        let Some(entry) = table.users.get_mut(&user.name) else { return };
        entry.handles = entry.handles.saturating_sub(1);
        if entry.handles == 0
            && let Some(entry) = table.users.remove(&user.name)
        {
            table.leave(entry.how);
        }
    }

    /// Watches that exist now.
    #[cfg(test)]
    pub(super) fn watches(&self) -> usize {
        let table = self.table();
        table.watches.len() + usize::from(matches!(table.ear, Ear::Open(_)))
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the ear if it is not open, or if the runtime in which it listened has ended.
    fn listen(self: &Arc<Self>, table: &mut Table, runtime: &Handle) {
        let begin = match &table.ear {
            Ear::Untried => true,
            Ear::Open(listener) => listener.task.is_finished(),
            Ear::Deaf => false,
        };
        if !begin {
            return;
        }
        let ear = match self.open(runtime) {
            Ok(listener) => Ear::Open(listener),
            Err(reason) => {
                table.say(self.poll, &reason);
                Ear::Deaf
            }
        };
        table.change_ear(ear);
        self.renew_all(table);
    }

    /// The error is the reason, in words for the administrator.
    fn open(self: &Arc<Self>, runtime: &Handle) -> Result<Listener, String> {
        if !self.ask_kernel {
            return Err("inotify is not to be used".to_owned());
        }
        if let Some(name) = look::remote(&self.root) {
            return Err(format!("{} is on a network file system ({name})", self.root.display()));
        }
        let kernel = Kernel::open().map_err(|e| format!("no inotify (fs.inotify.max_user_instances): {e}"))?;
        let root = kernel.watch(&self.root).map_err(|e| refused(&self.root, e))?;
        let kernel = Arc::new(kernel);
        let task = runtime.spawn(hear(Arc::downgrade(self), Arc::clone(&kernel), root)).abort_handle();
        Ok(Listener { kernel, root, task })
    }

    /// Finds out where the news of a user come from now.
    fn attach(&self, table: &mut Table, name: &Arc<str>) {
        let how = self.find(table, name);
        let Some(entry) = table.users.get_mut(name) else { return };
        let before = std::mem::replace(&mut entry.how, how);
        if before != how {
            table.leave(before);
        }
    }

    fn find(&self, table: &mut Table, name: &Arc<str>) -> How {
        let Ear::Open(listener) = &table.ear else { return How::Polled(None) };
        let dir = self.root.join(&**name);
        // A link may lead anywhere, and where it leads nobody tells when a missing directory appears.
        if dir.is_symlink() || look::remote(&dir).is_some() {
            return How::Polled(None);
        }
        match listener.kernel.watch(&dir) {
            Ok(watch) => match table.watches.entry(watch) {
                // Two names for one directory.
                hash_map::Entry::Occupied(known) if known.get() != name => How::Polled(None),
                known => {
                    known.insert_entry(Arc::clone(name));
                    How::Watched(watch)
                }
            },
            Err(Errno::NOENT | Errno::NOTDIR) => How::Awaited,
            Err(error) => {
                table.say(self.poll, &refused(&dir, error));
                How::Polled(None)
            }
        }
    }

    /// Anything may have happened to anybody.
    fn renew_all(&self, table: &mut Table) {
        let names: Vec<Arc<str>> = table.users.keys().cloned().collect();
        for name in names {
            self.renew(table, &name);
        }
    }

    fn renew(&self, table: &mut Table, name: &Arc<str>) {
        self.attach(table, name);
        if let Some(entry) = table.users.get(name) {
            entry.tell();
        }
    }

    fn take(self: &Arc<Self>, news: &News, runtime: &Handle) {
        let mut table = self.table();
        let Ear::Open(listener) = &table.ear else { return };
        let moved = || listener.kernel.watch(&self.root) != Ok(listener.root);
        if news.gone.contains(&listener.root) || (news.lost && moved()) {
            drop(table);
            return self.go_deaf(&format!("{} was moved or deleted", self.root.display()), runtime);
        }
        if news.lost {
            self.renew_all(&mut table);
        }
        for watch in &news.gone {
            if let Some(name) = table.watches.get(watch).cloned() {
                // It may live on elsewhere.
                table.leave(How::Watched(*watch));
                self.renew(&mut table, &name);
            }
        }
        for name in &news.users {
            let known = OsStr::from_bytes(name).to_str().and_then(|name| table.users.get(name));
            if let Some(name) = known.map(|entry| Arc::clone(&entry.user.name)) {
                self.renew(&mut table, &name);
            }
        }
        for watch in &news.edited {
            if let Some(entry) = table.watches.get(watch).and_then(|name| table.users.get(name)) {
                entry.tell();
            }
        }
        self.start_polling(&mut table, runtime);
    }

    fn go_deaf(self: &Arc<Self>, reason: &str, runtime: &Handle) {
        let mut table = self.table();
        table.say(self.poll, reason);
        table.change_ear(Ear::Deaf);
        self.renew_all(&mut table);
        self.start_polling(&mut table, runtime);
    }

    fn start_polling(self: &Arc<Self>, table: &mut Table, runtime: &Handle) {
        let runs = table.poller.as_ref().is_some_and(|task| !task.is_finished());
        if !runs && table.polls() {
            table.poller = Some(runtime.spawn(poll(Arc::downgrade(self), self.poll)).abort_handle());
        }
    }

    /// Names of all that must be looked at; `None` if there are none, and then no more looks come.
    fn polled(&self) -> Option<Vec<Arc<str>>> {
        let mut table = self.table();
        let polled = table.users.iter().filter(|(_, entry)| matches!(entry.how, How::Polled(_)));
        let names: Vec<Arc<str>> = polled.map(|(name, _)| Arc::clone(name)).collect();
        if names.is_empty() {
            table.poller = None;
            return None;
        }
        Some(names)
    }

    fn looked(&self, looks: Vec<(u64, Arc<str>)>) {
        let mut table = self.table();
        for (now, name) in looks {
            // The first look may be later than an edit.
            if let Some(entry) = table.users.get_mut(&name)
                && matches!(entry.how, How::Polled(last) if last != Some(now))
            {
                entry.how = How::Polled(Some(now));
                entry.tell();
            }
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let table = self.table.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Ear::Open(listener) = &table.ear {
            listener.task.abort();
        }
        if let Some(poller) = &table.poller {
            poller.abort();
        }
    }
}

fn refused(dir: &Path, error: Errno) -> String {
    let hint = if error == Errno::NOSPC { " (fs.inotify.max_user_watches)" } else { "" };
    format!("inotify cannot watch {}{hint}: {error}", dir.display())
}

/// Hands the kernel's notices on until nobody wants them any more.
async fn hear(site: Weak<Site>, kernel: Arc<Kernel>, root: i32) {
    loop {
        let mut news = News::default();
        let heard = kernel.notices(|notice| news.add(notice, root)).await;
        let Some(site) = site.upgrade() else { return };
        match heard {
            Ok(()) => site.take(&news, &Handle::current()),
            Err(error) => return site.go_deaf(&format!("inotify: {error}"), &Handle::current()),
        }
    }
}

/// Looks at the files of which the kernel does not tell, as long as there are any.
async fn poll(site: Weak<Site>, pause: Duration) {
    loop {
        sleep(pause).await;
        let Some(site) = site.upgrade() else { return };
        let Some(names) = site.polled() else { return };
        for names in names.chunks(BATCH) {
            let (names, root) = (names.to_vec(), Arc::clone(&site.root));
            let look_at = move |name: Arc<str>| (look::look(&root.join(&*name)), name);
            match spawn_blocking(move || names.into_iter().map(look_at).collect()).await {
                Ok(looks) => site.looked(looks),
                // The runtime ends.
                Err(_) => return,
            }
        }
    }
}

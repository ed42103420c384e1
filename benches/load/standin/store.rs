//! What the stand-in knows: users, each with one container of every application, items with text, and one history of the whole site.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
};

/// The applications, in the order in which changes rotate over them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum App {
    Contacts,
    Calendar,
    Tasks,
    Notes,
}

impl App {
    pub(crate) const ALL: [Self; 4] = [Self::Contacts, Self::Calendar, Self::Tasks, Self::Notes];

    /// Name of its interface.
    pub(crate) fn api(self) -> &'static str {
        ["contacts", "calendar", "tasks", "notes"][self as usize]
    }

    /// The application with that interface.
    pub(crate) fn of(api: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|app| app.api() == api)
    }
}

/// An item, and where the history of the site stood when something happened to it; 0 = never.
#[derive(Debug, Default)]
pub(crate) struct Item {
    pub(crate) uid: String,
    /// What phones show as its title.
    pub(crate) title: String,
    pub(crate) added: u64,
    pub(crate) modified: u64,
    pub(crate) deleted: u64,
}

/// A container of a user.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) app: App,
    pub(crate) id: String,
    pub(crate) items: Vec<Item>,
    /// Highest modseq of its history; `None` = it has none.
    highest: Option<u64>,
}

impl Container {
    pub(crate) fn present(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.deleted == 0)
    }
}

/// What moved between two modseqs.
#[derive(Debug, Default)]
pub(crate) struct Moved<'a> {
    pub(crate) add: Vec<&'a str>,
    pub(crate) modify: Vec<&'a str>,
    pub(crate) delete: Vec<&'a str>,
}

/// What a command of the load generator does to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Add,
    Modify,
    Delete,
}

/// The whole site.
#[derive(Debug)]
pub(crate) struct Store {
    /// Containers of all users, four for each.
    containers: Vec<Container>,
    by_id: HashMap<String, usize>,
    by_uid: HashMap<String, (usize, usize)>,
    /// The one counter.
    modseq: u64,
    /// Where the history of each application stands.
    highest: BTreeMap<App, u64>,
}

/// Name of the user with that number.
pub(crate) fn user_name(number: usize) -> String {
    format!("user{number:05}")
}

/// Number of the user with that name.
pub(crate) fn user_number(name: &str) -> Option<usize> {
    name.strip_prefix("user")?.parse().ok()
}

/// A name as long and as random as those of Horde.
fn name(seed: u64) -> String {
    let mut text = String::with_capacity(24);
    let _ = write!(text, "{:016x}{:07x}", mixed(seed), mixed(seed + 1) >> 36);
    text
}

/// splitmix64: the same at each run, and without a pattern.
pub(crate) fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Store {
    /// A site of so many users with so many items in each container. Every other notepad is empty and has never been used.
    pub(crate) fn new(users: usize, items: usize) -> Self {
        let mut store = Self {
            containers: Vec::new(),
            by_id: HashMap::new(),
            by_uid: HashMap::new(),
            modseq: 0,
            highest: BTreeMap::new(),
        };
        for user in 0..users {
            for app in App::ALL {
                let place = store.containers.len();
                let id = name(place as u64);
                store.by_id.insert(id.clone(), place);
                store.containers.push(Container { app, id, items: Vec::new(), highest: None });
                let count = if app == App::Notes && user % 2 == 1 { 0 } else { items };
                for n in 0..count {
                    store.change(user, app, Change::Add, &format!("{} {n} of {}", app.api(), user_name(user)));
                }
            }
        }
        store
    }

    pub(crate) fn users(&self) -> usize {
        self.containers.len() / App::ALL.len()
    }

    /// The container of a user.
    pub(crate) fn of_user(&self, user: usize, app: App) -> &Container {
        &self.containers[user * App::ALL.len() + app as usize]
    }

    /// The container with that id, whoever it belongs to.
    pub(crate) fn container(&self, app: App, id: &str) -> Option<&Container> {
        self.by_id.get(id).map(|place| &self.containers[*place]).filter(|container| container.app == app)
    }

    /// An item that is there, and its container.
    pub(crate) fn item(&self, app: App, uid: &str) -> Option<(&Container, &Item)> {
        let (place, n) = self.by_uid.get(uid)?;
        let container = &self.containers[*place];
        let item = &container.items[*n];
        (container.app == app && item.deleted == 0).then_some((container, item))
    }

    /// Where a history stands (`horde-rpc.md` 6): without an id that of all users' containers; a container without history is where the
    /// one counter is.
    pub(crate) fn highest(&self, app: App, id: &str) -> u64 {
        let history = match id {
            "" => self.highest.get(&app).copied(),
            id => self.container(app, id).and_then(|container| container.highest),
        };
        history.unwrap_or(self.modseq)
    }

    /// What moved in a container: each item has one moment for each kind of action.
    pub(crate) fn moved(&self, app: App, id: &str, from: u64, to: u64) -> Moved<'_> {
        let mut moved = Moved::default();
        let within = |at: u64| from < at && at <= to;
        for item in self.container(app, id).into_iter().flat_map(|container| &container.items) {
            for (at, list) in
                [(item.added, &mut moved.add), (item.modified, &mut moved.modify), (item.deleted, &mut moved.delete)]
            {
                if within(at) {
                    list.push(&item.uid);
                }
            }
        }
        moved
    }

    /// Changes the container of a user; gives the uid. Modify gives the first item that is there the title; Delete takes the last one.
    pub(crate) fn change(&mut self, user: usize, app: App, change: Change, title: &str) -> Option<String> {
        let place = user * App::ALL.len() + app as usize;
        let container = self.containers.get_mut(place)?;
        let now = self.modseq + 1;
        let uid = match change {
            Change::Add => {
                let uid = format!("20261101000000.{}@horde.test", name(1 << 40 | now));
                self.by_uid.insert(uid.clone(), (place, container.items.len()));
                container.items.push(Item { uid: uid.clone(), title: title.to_owned(), added: now, ..Item::default() });
                uid
            }
            Change::Modify => {
                let item = container.items.iter_mut().find(|item| item.deleted == 0)?;
                title.clone_into(&mut item.title);
                item.modified = now;
                item.uid.clone()
            }
            Change::Delete => {
                let item = container.items.iter_mut().rfind(|item| item.deleted == 0)?;
                item.deleted = now;
                item.uid.clone()
            }
        };
        container.highest = Some(now);
        self.highest.insert(app, now);
        self.modseq = now;
        Some(uid)
    }
}

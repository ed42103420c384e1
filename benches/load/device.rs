//! A phone of which there can be thousands: it pairs, syncs its folders, and waits. What no phone should be told is an error, in words.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    door::{Answer, Ask, Door},
    http,
    tree::{El, el, t},
};

/// How often a request that was answered "come back later" is sent, and the longest pause before that, seconds.
const PATIENCE: usize = 6;
const LONGEST_PAUSE: u64 = 10;

/// Answers 503 that phones got so far.
pub(crate) static PUT_OFF: AtomicU64 = AtomicU64::new(0);

/// What a phone says when something is wrong.
pub(crate) type Told<T> = Result<T, String>;

/// Types of folders (MS-ASCMD 2.2.3.186.3) that a phone syncs: contacts, calendar, tasks, notes, inbox.
pub(crate) const KINDS: [u32; 5] = [9, 8, 7, 10, 2];

/// The inbox among [`KINDS`].
pub(crate) const INBOX: usize = 4;

/// A folder that a phone syncs.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    /// Place in [`KINDS`].
    pub(crate) kind: usize,
    id: String,
    key: String,
}

/// How a Ping ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Woken {
    /// The heartbeat is over.
    Over,
    /// Folders with changes, as places in [`KINDS`].
    Changes(Vec<usize>),
    /// The list of folders is another one.
    Folders,
}

/// What a Sync brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Brought {
    /// Place in [`KINDS`].
    pub(crate) kind: usize,
    /// Titles of items that are new or changed.
    pub(crate) titles: Vec<String>,
    /// Items that are gone.
    pub(crate) gone: usize,
}

impl Brought {
    fn nothing(kind: usize) -> Self {
        Self { kind, titles: Vec::new(), gone: 0 }
    }

    /// Whether nothing came.
    pub(crate) fn is_nothing(&self) -> bool {
        self.titles.is_empty() && self.gone == 0
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Phone {
    door: Arc<Door>,
    user: String,
    login: String,
    device: String,
    remote: IpAddr,
    policy_key: u32,
    /// Sync key of the list of folders.
    hierarchy: String,
    pub(crate) folders: Vec<Folder>,
    heartbeat: u32,
    /// Shared with its clones: they are one device.
    put_off: Arc<AtomicU64>,
}

impl Phone {
    /// A phone that was never seen; `number` gives it an address of its own.
    pub(crate) fn new(door: &Arc<Door>, user: &str, password: &str, device: &str, number: usize) -> Self {
        let [_, a, b, c] = u32::try_from(number).unwrap().to_be_bytes();
        Self {
            door: Arc::clone(door),
            user: user.to_owned(),
            login: http::basic(user, password),
            device: device.to_owned(),
            remote: Ipv4Addr::new(10, a, b, c).into(),
            policy_key: 0,
            hierarchy: "0".to_owned(),
            folders: Vec::new(),
            heartbeat: 0,
            put_off: Arc::default(),
        }
    }

    /// How long its Pings wait, seconds.
    pub(crate) fn waits_for(&mut self, heartbeat: u32) {
        self.heartbeat = heartbeat;
    }

    pub(crate) fn wrong(&self, what: &str, answer: &impl std::fmt::Debug) -> String {
        format!("{} of {}: {what}: {answer:?}", self.device, self.user)
    }

    async fn send(&self, method: &str, target: &str, body: &[u8]) -> Told<Answer> {
        let mut headers = vec![("Authorization", self.login.clone()), ("User-Agent", "horde-eas-load/1".to_owned())];
        if method == "POST" {
            headers.push(("MS-ASProtocolVersion", "14.1".to_owned()));
            headers.push(("X-MS-PolicyKey", self.policy_key.to_string()));
            headers.push(("Content-Type", "application/vnd.ms-sync.wbxml".to_owned()));
        }
        let ask = Ask { method, target, headers: &headers, body, remote: self.remote };
        for _ in 0..PATIENCE {
            let answer = self.door.ask(&ask).await.map_err(|e| self.wrong(target, &e))?;
            if answer.status != 503 {
                return if answer.status == 200 { Ok(answer) } else { Err(self.wrong(target, &answer)) };
            }
            PUT_OFF.fetch_add(1, Ordering::Relaxed);
            self.put_off.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_secs(answer.retry_after.unwrap_or(1).min(LONGEST_PAUSE))).await;
        }
        Err(self.wrong(target, &"put off again and again"))
    }

    /// How often it was told to come back later.
    pub(crate) fn times_put_off(&self) -> u64 {
        self.put_off.load(Ordering::Relaxed)
    }

    /// A command; `None` when the answer is empty.
    async fn command(&self, name: &str, doc: &El) -> Told<Option<El>> {
        let (user, device) = (&self.user, &self.device);
        let target =
            format!("/Microsoft-Server-ActiveSync?Cmd={name}&User={user}&DeviceId={device}&DeviceType=LoadPhone");
        let answer = self.send("POST", &target, &doc.encode()).await?;
        if answer.body.is_empty() {
            return Ok(None);
        }
        let doc = El::decode(&answer.body).map_err(|e| self.wrong(name, &e))?;
        if doc.name == name { Ok(Some(doc)) } else { Err(self.wrong(name, &doc)) }
    }

    async fn document(&self, name: &str, doc: &El) -> Told<El> {
        self.command(name, doc).await?.ok_or_else(|| self.wrong(name, &"an empty answer"))
    }

    /// What a new phone does until it has everything.
    pub(crate) async fn pair(&mut self) -> Told<()> {
        self.send("OPTIONS", "/Microsoft-Server-ActiveSync", &[]).await?;
        self.provision().await?;
        let doc = self.fetch_folders().await?;
        if self.folders.len() < KINDS.len() - 1 {
            return Err(self.wrong("folders are missing", &doc));
        }
        let all = self.kinds();
        // The first Sync gives keys.
        self.sync(&all).await?;
        self.sync(&all).await?;
        Ok(())
    }

    /// Fetches what has changed in the list of folders; of each of the [`KINDS`] it takes the first that it hears of.
    pub(crate) async fn fetch_folders(&mut self) -> Told<El> {
        let asked = el("FolderHierarchy:FolderSync", [t("SyncKey", &self.hierarchy)]);
        let doc = self.document("FolderSync", &asked).await?;
        let (Some(1), Some(key)) = (doc.number("Status"), doc.text("SyncKey")) else {
            return Err(self.wrong("FolderSync", &doc));
        };
        key.clone_into(&mut self.hierarchy);
        let added: Vec<&El> = doc.get("Changes").map(|c| c.all("Add").collect()).unwrap_or_default();
        for (kind, number) in KINDS.into_iter().enumerate() {
            let found = added.iter().find(|add| add.number("Type") == Some(number));
            let id = found.and_then(|add| add.text("ServerId")).filter(|_| !self.kinds().contains(&kind));
            if let Some(id) = id {
                self.folders.push(Folder { kind, id: id.to_owned(), key: "0".to_owned() });
            }
        }
        Ok(doc)
    }

    async fn provision(&mut self) -> Told<()> {
        let policy = |fields: Vec<El>| {
            let kind = t("PolicyType", "MS-EAS-Provisioning-WBXML");
            el("Policies", [el("Policy", std::iter::once(kind).chain(fields))])
        };
        let information = el("Settings:DeviceInformation", [el("Set", [t("Model", "Load Phone")])]);
        let asked = el("Provision:Provision", [information, policy(Vec::new())]);
        let offer = self.document("Provision", &asked).await?;
        let key = |doc: &El| doc.number("Policies/Policy/PolicyKey").filter(|key| *key != 0);
        let Some(temporary) = key(&offer) else {
            // No policies are asked for.
            return if offer.number("Status") == Some(1) { Ok(()) } else { Err(self.wrong("Provision", &offer)) };
        };
        self.policy_key = temporary;
        let taken = policy(vec![t("PolicyKey", temporary), t("Status", 1)]);
        let doc = self.document("Provision", &el("Provision:Provision", [taken])).await?;
        self.policy_key = key(&doc).ok_or_else(|| self.wrong("Provision", &doc))?;
        Ok(())
    }

    /// Syncs these folders until nothing more is available.
    pub(crate) async fn sync(&mut self, kinds: &[usize]) -> Told<Vec<Brought>> {
        let mut brought: Vec<Brought> = kinds.iter().map(|kind| Brought::nothing(*kind)).collect();
        let mut todo = kinds.to_vec();
        for _ in 0..1000 {
            todo = self.sync_once(&todo, 0, &mut brought).await?;
            if todo.is_empty() {
                return Ok(brought);
            }
        }
        Err(self.wrong("Sync", &"MoreAvailable without end"))
    }

    /// A Sync that is answered when something has changed, or after so many seconds; what it brought.
    pub(crate) async fn hanging_sync(&mut self, heartbeat: u32) -> Told<Vec<Brought>> {
        let all = self.kinds();
        let mut brought: Vec<Brought> = all.iter().map(|kind| Brought::nothing(*kind)).collect();
        self.sync_once(&all, heartbeat, &mut brought).await?;
        Ok(brought)
    }

    /// Its folders, as places in [`KINDS`].
    pub(crate) fn kinds(&self) -> Vec<usize> {
        self.folders.iter().map(|folder| folder.kind).collect()
    }

    /// One Sync, which hangs for so many seconds; gives the folders of which more is available.
    async fn sync_once(&mut self, kinds: &[usize], heartbeat: u32, brought: &mut [Brought]) -> Told<Vec<usize>> {
        let wanted = self.folders.iter().filter(|folder| kinds.contains(&folder.kind));
        let collection = |folder: &Folder| {
            let head = [t("SyncKey", &folder.key), t("CollectionId", &folder.id)];
            let body = el("AirSyncBase:BodyPreference", [t("Type", 1), t("TruncationSize", 5120)]);
            let rest = [t("WindowSize", 100), el("Options", [body])];
            el("Collection", head.into_iter().chain(rest.into_iter().filter(|_| folder.key != "0")))
        };
        let hangs = (heartbeat > 0).then(|| t("HeartbeatInterval", heartbeat));
        let asked = el("AirSync:Sync", std::iter::once(el("Collections", wanted.map(collection))).chain(hangs));
        let Some(doc) = self.command("Sync", &asked).await? else { return Ok(Vec::new()) };
        let mut more = Vec::new();
        let answered = doc.get("Collections").map(|all| all.all("Collection").collect()).unwrap_or_else(Vec::new);
        if answered.is_empty() || doc.number("Status").is_some_and(|status| status != 1) {
            return Err(self.wrong("Sync", &doc));
        }
        for c in answered {
            let folder = self.folders.iter_mut().find(|folder| c.text("CollectionId") == Some(&folder.id));
            let (Some(1), Some(key), Some(folder)) = (c.number("Status"), c.text("SyncKey"), folder) else {
                return Err(self.wrong("Sync", &doc));
            };
            key.clone_into(&mut folder.key);
            if c.get("MoreAvailable").is_some() {
                more.push(folder.kind);
            }
            let Some(brought) = brought.iter_mut().find(|b| b.kind == folder.kind) else { continue };
            for command in c.get("Commands").map(|c| c.children.as_slice()).unwrap_or_default() {
                match command.name.as_str() {
                    "Add" | "Change" => {
                        let data = command.get("ApplicationData");
                        let title = data.and_then(|data| data.text("LastName").or_else(|| data.text("Subject")));
                        brought.titles.extend(title.map(str::to_owned));
                    }
                    _ => brought.gone += 1,
                }
            }
        }
        Ok(more)
    }

    /// Waits until something changes in any of its folders, at most for the heartbeat.
    pub(crate) async fn ping(&self) -> Told<Woken> {
        let class = |kind: usize| ["Contacts", "Calendar", "Tasks", "Notes", "Email"][kind];
        let folder = |f: &Folder| el("Folder", [t("Id", &f.id), t("Class", class(f.kind))]);
        let folders = el("Folders", self.folders.iter().map(folder));
        let asked = el("Ping:Ping", [t("HeartbeatInterval", self.heartbeat), folders]);
        let doc = self.document("Ping", &asked).await?;
        match doc.number("Status") {
            Some(1) => Ok(Woken::Over),
            Some(2) => {
                let ids: Vec<&El> = doc.get("Folders").map(|all| all.all("Folder").collect()).unwrap_or_default();
                let known = |id: &&El| self.folders.iter().find(|folder| folder.id == id.text).map(|f| f.kind);
                let kinds: Option<Vec<usize>> = ids.iter().map(known).collect();
                kinds.filter(|kinds| !kinds.is_empty()).map(Woken::Changes).ok_or_else(|| self.wrong("Ping", &doc))
            }
            Some(7) => Ok(Woken::Folders),
            _ => Err(self.wrong("Ping", &doc)),
        }
    }
}

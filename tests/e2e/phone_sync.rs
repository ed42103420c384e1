//! What a phone does with Sync: remembers keys and items, and is strict with what comes.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    phone::{Answer, Phone},
    tree::{El, el, empty, t},
};

/// What the phone has of a folder.
#[derive(Debug, Clone, Default)]
pub(crate) struct Collection {
    /// Last key received; "" before the first Sync.
    pub(crate) key: String,
    /// Items by ServerId: their ApplicationData.
    pub(crate) items: BTreeMap<String, El>,
    /// Adds by ClientId that were not answered yet.
    pub(crate) pending: BTreeMap<String, El>,
    /// Items that MoveItems brought here, or took away: the server may say so once more.
    pub(crate) moved: BTreeSet<String>,
}

/// One Sync of one folder.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    /// Another key than the last one received.
    pub(crate) key: Option<String>,
    pub(crate) window: Option<u32>,
    pub(crate) get_changes: Option<bool>,
    /// With key 0: elements that this phone manages.
    pub(crate) supported: Option<Vec<&'static str>>,
    pub(crate) conflict: Option<u32>,
    /// Says nothing of options: those of before hold.
    pub(crate) as_before: bool,
    /// FilterType.
    pub(crate) filter: Option<u32>,
    /// What else belongs into Options; with a BodyPreference or a MIMESupport among it instead of the plain text otherwise asked for.
    pub(crate) options: Vec<El>,
    pub(crate) deletes_as_moves: Option<bool>,
    /// Add, Change, Delete, Fetch.
    pub(crate) commands: Vec<El>,
}

impl Phone {
    /// The document of a Sync of one folder.
    pub(crate) fn sync_request(&self, folder: &str, request: &Request) -> El {
        let last = self.collections.get(folder).map(|c| c.key.clone()).filter(|k| !k.is_empty());
        let key = request.key.clone().or(last).unwrap_or_else(|| "0".to_owned());
        let mut c = Vec::new();
        if !self.at_least("14.0") {
            c.push(t("Class", self.class(folder)));
        }
        c.extend([t("SyncKey", &key), t("CollectionId", folder)]);
        if let Some(names) = &request.supported {
            c.push(el("Supported", names.iter().map(|n| empty(n))));
        }
        if let Some(moves) = request.deletes_as_moves {
            c.push(t("DeletesAsMoves", u8::from(moves)));
        }
        if let Some(get) = request.get_changes {
            c.push(t("GetChanges", u8::from(get)));
        }
        if let Some(window) = request.window {
            c.push(t("WindowSize", window));
        }
        let mut options: Vec<El> = request.filter.map(|f| t("FilterType", f)).into_iter().collect();
        options.extend(request.options.iter().cloned());
        let chosen = options.iter().any(|o| matches!(o.name.as_str(), "BodyPreference" | "MIMESupport"));
        if self.at_least("12.0") && !chosen {
            options.push(el("AirSyncBase:BodyPreference", [t("Type", 1), t("TruncationSize", 400_000)]));
        }
        options.extend(request.conflict.map(|c| t("Conflict", c)));
        if key != "0" && !options.is_empty() && !request.as_before {
            c.push(el("Options", options));
        }
        if !request.commands.is_empty() {
            c.push(el("Commands", request.commands.iter().cloned()));
        }
        el("AirSync:Sync", [el("Collections", [el("Collection", c)])])
    }

    /// One Sync of one folder; applies what comes.
    pub(crate) fn sync(&mut self, folder: &str, request: &Request) -> Answer {
        let doc = self.sync_request(folder, request);
        self.sent(folder, request);
        let answer = self.command("Sync", &doc);
        self.apply(folder, request, &answer);
        answer
    }

    /// Remembers the Adds of a request until they are answered.
    pub(crate) fn sent(&mut self, folder: &str, request: &Request) {
        let pending = &mut self.collections.entry(folder.to_owned()).or_default().pending;
        for add in request.commands.iter().filter(|c| c.name == "Add") {
            pending.insert(add.text("ClientId").unwrap().to_owned(), add.get("ApplicationData").unwrap().clone());
        }
    }

    /// Applies an answer as a phone does, and is strict with it.
    pub(crate) fn apply(&mut self, folder: &str, request: &Request, answer: &Answer) {
        assert_eq!(answer.http.status, 200, "{} {}", answer.http.status, answer.http.reason);
        let Some(doc) = &answer.doc else {
            assert!(self.at_least("12.1"), "an empty answer in {}", self.version);
            assert!(request.commands.iter().all(|c| c.name != "Add" && c.name != "Fetch"), "Adds were not answered");
            return self.confirm(folder, request, None);
        };
        let Some(c) = doc.get("Collections/Collection") else { return };
        assert_eq!(c.text("CollectionId"), Some(folder), "{doc:?}");
        assert_eq!(c.get("Class").is_some(), !self.at_least("14.0"), "Class: {doc:?}");
        let head: Vec<&str> = c.order().into_iter().filter(|n| *n != "Class").take(3).collect();
        assert_eq!(head, ["SyncKey", "CollectionId", "Status"], "{doc:?}");
        if c.number("Status") != Some(1) {
            return;
        }
        let mail = self.class(folder) == "Email";
        let this = self.collections.entry(folder.to_owned()).or_default();
        let key = c.text("SyncKey").unwrap();
        assert!(!key.is_empty() && key != "0" && key.len() <= 64, "{doc:?}");
        if c.get("Commands").is_some() || c.get("Responses").is_some() || this.key.is_empty() {
            assert_ne!(this.key, key, "the key stayed although something came: {doc:?}");
        }
        if request.key.as_deref() == Some("0") || this.key.is_empty() {
            assert!(c.get("Commands").is_none(), "items with key 0: {doc:?}");
            this.items.clear();
        }
        key.clone_into(&mut this.key);
        self.confirm(folder, request, c.get("Responses"));
        let this = self.collections.get_mut(folder).unwrap();
        let commands = c.get("Commands").map(|c| c.children.as_slice()).unwrap_or_default();
        if let Some(window) = request.window {
            assert!(commands.len() <= window as usize, "{} items in a window of {window}", commands.len());
        }
        for command in commands {
            let id = command.text("ServerId").unwrap_or_else(|| panic!("no ServerId: {command:?}")).to_owned();
            assert!(!id.is_empty() && id.len() <= 64, "{id}");
            let data = command.get("ApplicationData").cloned();
            match command.name.as_str() {
                "Add" => {
                    let before = this.items.insert(id.clone(), data.unwrap());
                    assert!(before.is_none() || this.moved.remove(&id), "item {id} came twice");
                }
                // Of a mail comes what has changed.
                "Change" if mail => {
                    let item = this.items.get_mut(&id).unwrap_or_else(|| panic!("Change of unknown {id}"));
                    data.unwrap().children.into_iter().for_each(|child| item.set(child));
                }
                "Change" => assert!(this.items.insert(id.clone(), data.unwrap()).is_some(), "Change of unknown {id}"),
                "Delete" | "SoftDelete" => {
                    let known = this.items.remove(&id).is_some() || this.moved.remove(&id);
                    assert!(known, "Delete of unknown {id}");
                }
                other => panic!("{other} in Commands"),
            }
        }
        if c.get("MoreAvailable").is_some() {
            assert!(!commands.is_empty() || request.get_changes == Some(false), "MoreAvailable without items");
        }
    }

    /// What the request changed is now the truth of the phone, as far as the Responses do not say otherwise.
    fn confirm(&mut self, folder: &str, request: &Request, responses: Option<&El>) {
        let this = self.collections.get_mut(folder).unwrap();
        let failed = |kind: &str, id: &str| {
            let mut all = responses.iter().flat_map(|r| r.all(kind));
            all.any(|r| r.text("ServerId") == Some(id) && r.number("Status") != Some(1))
        };
        for add in responses.iter().flat_map(|r| r.all("Add")) {
            let client = add.text("ClientId").unwrap_or_else(|| panic!("no ClientId: {add:?}"));
            let data = this.pending.remove(client).unwrap_or_else(|| panic!("unknown ClientId: {add:?}"));
            if add.number("Status") == Some(1) {
                let id = add.text("ServerId").unwrap_or_else(|| panic!("no ServerId: {add:?}"));
                assert_eq!(this.items.insert(id.to_owned(), data), None, "an Add got the id of another item: {add:?}");
            } else {
                assert!(add.get("ServerId").is_none(), "{add:?}");
            }
        }
        for command in &request.commands {
            let id = command.text("ServerId").unwrap_or_default();
            match command.name.as_str() {
                // What becomes of the series the phone works out for itself.
                "Change" | "Delete" if command.get("InstanceId").is_some() => {}
                "Change" if !failed("Change", id) => {
                    let item = this.items.entry(id.to_owned()).or_default();
                    for child in &command.get("ApplicationData").unwrap().children {
                        item.set(child.clone());
                    }
                }
                "Delete" => drop(this.items.remove(id)),
                _ => {}
            }
        }
    }

    /// Syncs a folder until nothing more is available; gives the number of requests.
    pub(crate) fn sync_all(&mut self, folder: &str) -> usize {
        self.sync_all_by(folder, 100)
    }

    pub(crate) fn sync_all_by(&mut self, folder: &str, window: u32) -> usize {
        let before = self.requests;
        if self.collections.get(folder).is_none_or(|c| c.key.is_empty()) {
            self.prime(folder, None);
        }
        loop {
            let answer = self.sync(folder, &Request { window: Some(window), ..Request::default() });
            let Some(_) = &answer.doc else { break };
            assert_eq!(answer.collection_status(), 1, "{:?}", answer.doc);
            if answer.collection().get("MoreAvailable").is_none() {
                break;
            }
            assert!(self.requests - before < 1000, "MoreAvailable without end");
        }
        self.requests - before
    }

    /// The Sync with key 0.
    pub(crate) fn prime(&mut self, folder: &str, supported: Option<Vec<&'static str>>) {
        let answer = self.sync(folder, &Request { key: Some("0".to_owned()), supported, ..Request::default() });
        assert_eq!(answer.collection_status(), 1, "{:?}", answer.doc);
    }

    /// What the phone has of a folder.
    pub(crate) fn items(&self, folder: &str) -> &BTreeMap<String, El> {
        &self.collections[folder].items
    }

    /// The ServerId and data of the only item whose FirstName this is.
    pub(crate) fn find(&self, folder: &str, first_name: &str) -> Option<(String, &El)> {
        self.find_by(folder, "FirstName", first_name)
    }

    /// The ServerId and data of the only item that has this text in that element.
    pub(crate) fn find_by(&self, folder: &str, element: &str, text: &str) -> Option<(String, &El)> {
        let mut found = self.items(folder).iter().filter(|(_, i)| i.text(element) == Some(text));
        let first = found.next().map(|(id, item)| (id.clone(), item));
        assert!(found.next().is_none(), "{text} twice");
        first
    }
}

//! A phone: speaks any version, plain and base64, remembers keys and items as a phone does, and is strict with the server: what a
//! real phone would stumble over fails the test at once.

use std::{collections::BTreeMap, net::SocketAddr};

use base64::Engine as _;

use crate::{
    http::{self, Pending, Response},
    tree::{El, el, t},
};

pub(crate) use crate::phone_sync::{Collection, Request};

/// All protocol versions, oldest first.
pub(crate) const VERSIONS: [&str; 7] = ["2.5", "12.0", "12.1", "14.0", "14.1", "16.0", "16.1"];

/// Command codes of base64 queries (MS-ASHTTP 2.2.1.1.1.1.2).
const CODES: [(&str, u8); 18] = [
    ("Sync", 0),
    ("SendMail", 1),
    ("SmartForward", 2),
    ("SmartReply", 3),
    ("GetAttachment", 4),
    ("FolderSync", 9),
    ("FolderCreate", 10),
    ("FolderDelete", 11),
    ("FolderUpdate", 12),
    ("MoveItems", 13),
    ("GetItemEstimate", 14),
    ("MeetingResponse", 15),
    ("Search", 16),
    ("Settings", 17),
    ("Ping", 18),
    ("ItemOperations", 19),
    ("Provision", 20),
    ("Find", 23),
];

/// Parameters of base64 queries (MS-ASHTTP 2.2.1.1.1.1.3).
const PARAMETERS: [(&str, u8); 4] = [("AttachmentName", 0), ("CollectionId", 1), ("ItemId", 3), ("LongId", 4)];

/// A folder as FolderSync told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folder {
    pub(crate) parent: String,
    pub(crate) name: String,
    pub(crate) kind: u32,
}

/// Any answer of the server: HTTP and, if there was one, the document.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) http: Response,
    pub(crate) doc: Option<El>,
}

impl Answer {
    /// The Status under the root.
    pub(crate) fn status(&self) -> Option<u32> {
        self.doc.as_ref()?.number("Status")
    }

    /// The document.
    pub(crate) fn doc(&self) -> &El {
        self.doc.as_ref().unwrap_or_else(|| panic!("no document in {} {}", self.http.status, self.http.reason))
    }

    /// The only collection of a Sync answer.
    pub(crate) fn collection(&self) -> &El {
        self.doc().get("Collections/Collection").unwrap_or_else(|| panic!("no Collection: {:?}", self.doc))
    }

    /// The Status of the only collection.
    pub(crate) fn collection_status(&self) -> u32 {
        self.collection().number("Status").unwrap_or_else(|| panic!("no Status: {:?}", self.doc))
    }

    /// Elements of that name in the Responses.
    pub(crate) fn responses<'a>(&'a self, name: &'a str) -> Vec<&'a El> {
        self.collection().get("Responses").map(|r| r.all(name).collect()).unwrap_or_default()
    }

    /// Elements of that name in the Commands; none when the answer is empty.
    pub(crate) fn commands<'a>(&'a self, name: &'a str) -> Vec<&'a El> {
        let commands = self.doc.as_ref().and_then(|d| d.get("Collections/Collection/Commands"));
        commands.map(|r| r.all(name).collect()).unwrap_or_default()
    }
}

/// A phone.
#[derive(Debug, Clone)]
pub(crate) struct Phone {
    pub(crate) to: SocketAddr,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) device: String,
    pub(crate) kind: String,
    pub(crate) agent: String,
    pub(crate) version: &'static str,
    pub(crate) base64: bool,
    pub(crate) policy_key: u32,
    pub(crate) folder_key: String,
    pub(crate) folders: BTreeMap<String, Folder>,
    pub(crate) collections: BTreeMap<String, Collection>,
    /// Whether answers are taken that a strict phone would stumble over.
    pub(crate) lenient: bool,
    /// Requests so far.
    pub(crate) requests: usize,
    next_client_id: u32,
}

impl Phone {
    pub(crate) fn new(to: SocketAddr, user: &str, password: &str, device: &str, version: &'static str) -> Self {
        Self {
            to,
            user: user.to_owned(),
            password: password.to_owned(),
            device: device.to_owned(),
            kind: "TestPhone".to_owned(),
            agent: "horde-eas-phone/1".to_owned(),
            version,
            base64: false,
            policy_key: 0,
            folder_key: "0".to_owned(),
            folders: BTreeMap::new(),
            collections: BTreeMap::new(),
            lenient: false,
            requests: 0,
            next_client_id: 1,
        }
    }

    pub(crate) fn at_least(&self, version: &str) -> bool {
        let place = |v: &str| VERSIONS.iter().position(|x| *x == v).unwrap();
        place(self.version) >= place(version)
    }

    // ---- requests

    /// Path and query of a command; `SaveInSent` and `AcceptMultiPart` among the parameters are bits of `Options`.
    fn target(&self, command: &str, parameters: &[(&str, &str)]) -> String {
        if !self.base64 {
            let (user, device, kind) = (&self.user, &self.device, &self.kind);
            let more: String = parameters.iter().map(|(name, value)| format!("&{name}={}", escape(value))).collect();
            return format!(
                "/Microsoft-Server-ActiveSync?Cmd={command}&User={user}&DeviceId={device}&DeviceType={kind}{more}"
            );
        }
        let code = CODES.iter().find(|(name, _)| *name == command).unwrap().1;
        let version: u8 = self.version.replace('.', "").parse().unwrap();
        let mut query = vec![version, code, 0x09, 0x04, u8::try_from(self.device.len()).unwrap()];
        query.extend(self.device.as_bytes());
        query.push(4);
        query.extend(self.policy_key.to_le_bytes());
        query.push(u8::try_from(self.kind.len()).unwrap());
        query.extend(self.kind.as_bytes());
        let mut options = 0;
        for (name, value) in parameters {
            match *name {
                "SaveInSent" => options |= 1,
                "AcceptMultiPart" => options |= 2,
                _ => {
                    let tag = PARAMETERS.iter().find(|(n, _)| n == name).unwrap().1;
                    query.extend([tag, u8::try_from(value.len()).unwrap()]);
                    query.extend(value.as_bytes());
                }
            }
        }
        if options != 0 {
            query.extend([7, 1, options]);
        }
        format!("/Microsoft-Server-ActiveSync?{}", base64::engine::general_purpose::STANDARD.encode(query))
    }

    /// Sends any bytes as a command, without waiting.
    pub(crate) fn send(&self, command: &str, body: &[u8]) -> Pending {
        self.try_send(command, body).unwrap_or_else(|e| panic!("{command}: {e}"))
    }

    pub(crate) fn try_send(&self, command: &str, body: &[u8]) -> std::io::Result<Pending> {
        let kind = (!body.is_empty()).then_some("application/vnd.ms-sync.wbxml");
        self.try_send_with(command, &[], kind, body)
    }

    /// Sends any bytes as a command with parameters in the query.
    pub(crate) fn try_send_with(
        &self,
        command: &str,
        parameters: &[(&str, &str)],
        kind: Option<&str>,
        body: &[u8],
    ) -> std::io::Result<Pending> {
        let mut headers =
            vec![("Authorization", http::basic(&self.user, &self.password)), ("User-Agent", self.agent.clone())];
        headers.extend(kind.map(|kind| ("Content-Type", kind.to_owned())));
        if !self.base64 {
            headers.push(("MS-ASProtocolVersion", self.version.to_owned()));
            headers.push(("X-MS-PolicyKey", self.policy_key.to_string()));
        }
        let (multipart, parameters): (Vec<_>, Vec<_>) =
            parameters.iter().partition(|(name, _)| *name == "AcceptMultiPart" && !self.base64);
        headers.extend(multipart.iter().map(|_| ("MS-ASAcceptMultiPart", "T".to_owned())));
        http::send(self.to, "POST", &self.target(command, &parameters), &headers, body)
    }

    /// Sends any bytes as a command and checks what holds for every answer.
    pub(crate) fn post(&mut self, command: &str, body: &[u8]) -> Answer {
        self.requests += 1;
        let response = self.send(command, body).answer().unwrap_or_else(|e| panic!("{command}: {e}"));
        self.check(command, response)
    }

    /// Sends a document.
    pub(crate) fn command(&mut self, command: &str, doc: &El) -> Answer {
        self.post(command, &doc.encode())
    }

    /// OPTIONS with credentials.
    pub(crate) fn options(&mut self) -> Response {
        self.requests += 1;
        let headers = [("Authorization", http::basic(&self.user, &self.password)), ("User-Agent", self.agent.clone())];
        http::send(self.to, "OPTIONS", "/Microsoft-Server-ActiveSync", &headers, &[]).unwrap().answer().unwrap()
    }

    /// What holds for every answer to a command.
    pub(crate) fn check(&self, command: &str, http: Response) -> Answer {
        let what = format!("{command} in {}: HTTP {} {}", self.version, http.status, http.reason);
        assert_ne!(http.status, 500, "{what}: {}", String::from_utf8_lossy(&http.body));
        if self.lenient {
            return Answer { doc: El::decode(&http.body).ok(), http };
        }
        let kind = http.header("Content-Type").unwrap_or_default();
        assert!(!kind.contains("html"), "{what}: a page for people: {}", String::from_utf8_lossy(&http.body));
        let length = http.header("Content-Length");
        // What flows from the mail server may come in chunks.
        let flows = command == "ItemOperations" && http.header("Transfer-Encoding").is_some();
        assert!(flows || length == Some(http.body.len().to_string().as_str()), "{what}: Content-Length {length:?}");
        if http.status != 200 {
            return Answer { doc: El::decode(&http.body).ok(), http };
        }
        if http.body.is_empty() {
            return Answer { http, doc: None };
        }
        assert_eq!(kind, "application/vnd.ms-sync.wbxml", "{what}");
        let doc = El::decode(&http.body).unwrap_or_else(|e| panic!("{what}: {e}: {:02x?}", http.body));
        assert_eq!(doc.name, command, "{what}: another root");
        assert_eq!(doc.empty_containers(), Vec::<String>::new(), "{what}: empty containers in {doc:?}");
        Answer { http, doc: Some(doc) }
    }

    // ---- commands

    fn device_information(&self) -> El {
        el(
            "Settings:DeviceInformation",
            [el(
                "Set",
                [
                    t("Model", "Test Phone"),
                    t("FriendlyName", "Größe"),
                    t("OS", "Test 1.0"),
                    t("UserAgent", &self.agent),
                ],
            )],
        )
    }

    /// Policy type of this version.
    pub(crate) fn policy_type(&self) -> &'static str {
        if self.version == "2.5" { "MS-WAP-Provisioning-XML" } else { "MS-EAS-Provisioning-WBXML" }
    }

    /// The first of the two Provision requests.
    pub(crate) fn provision_request(&self) -> El {
        let policies = el("Policies", [el("Policy", [t("PolicyType", self.policy_type())])]);
        let information = self.at_least("14.1").then(|| self.device_information());
        el("Provision:Provision", information.into_iter().chain([policies]))
    }

    /// The acknowledgement of a policy.
    pub(crate) fn acknowledgement(&self, key: &str, status: u32) -> El {
        let policy = el("Policy", [t("PolicyType", self.policy_type()), t("PolicyKey", key), t("Status", status)]);
        el("Provision:Provision", [el("Policies", [policy])])
    }

    /// Asks for the policy and accepts it.
    pub(crate) fn provision(&mut self) {
        self.policy_key = 0;
        let offer = self.command("Provision", &self.provision_request());
        let doc = offer.doc();
        assert_eq!(doc.number("Status"), Some(1), "{doc:?}");
        assert!(doc.get("RemoteWipe").is_none(), "{doc:?}");
        if self.at_least("14.1") {
            assert_eq!(doc.number("DeviceInformation/Status"), Some(1), "{doc:?}");
        }
        let policy = doc.get("Policies/Policy").unwrap_or_else(|| panic!("{doc:?}"));
        assert_eq!(policy.text("PolicyType"), Some(self.policy_type()), "{doc:?}");
        assert_eq!(policy.number("Status"), Some(1), "{doc:?}");
        let data = policy.get("Data").unwrap_or_else(|| panic!("{doc:?}"));
        if self.version == "2.5" {
            assert!(data.text.contains("wap-provisioningdoc"), "{doc:?}");
        } else {
            assert!(data.get("EASProvisionDoc/DevicePasswordEnabled").is_some(), "{doc:?}");
        }
        let temporary = policy.text("PolicyKey").unwrap().to_owned();
        assert_ne!(temporary.parse::<u32>().unwrap(), 0, "{doc:?}");
        self.policy_key = temporary.parse().unwrap();
        let accepted = self.command("Provision", &self.acknowledgement(&temporary, 1));
        let doc = accepted.doc();
        assert_eq!(doc.number("Status"), Some(1), "{doc:?}");
        let policy = doc.get("Policies/Policy").unwrap_or_else(|| panic!("{doc:?}"));
        assert_eq!(policy.number("Status"), Some(1), "{doc:?}");
        assert!(policy.get("Data").is_none(), "{doc:?}");
        self.policy_key = policy.number("PolicyKey").unwrap_or_else(|| panic!("{doc:?}"));
        assert_ne!(self.policy_key, 0, "{doc:?}");
        assert_ne!(self.policy_key.to_string(), temporary, "{doc:?}");
    }

    /// FolderSync with the last key; applies what comes.
    pub(crate) fn folder_sync(&mut self) -> Answer {
        let answer = self.command("FolderSync", &el("FolderHierarchy:FolderSync", [t("SyncKey", &self.folder_key)]));
        if answer.status() == Some(1) {
            self.apply_folders(answer.doc());
        }
        answer
    }

    fn apply_folders(&mut self, doc: &El) {
        assert_eq!(doc.order(), ["Status", "SyncKey", "Changes"], "{doc:?}");
        if self.folder_key == "0" {
            self.folders.clear();
        }
        let changes = doc.get("Changes").unwrap();
        let told = changes.number("Count").unwrap_or_else(|| panic!("no Count: {doc:?}"));
        assert_eq!(told as usize, changes.children.len() - 1, "{doc:?}");
        for c in &changes.children {
            let id = c.text("ServerId").unwrap_or_default().to_owned();
            assert!(id.len() <= 64, "{id}");
            let folder = || Folder {
                parent: c.text("ParentId").unwrap().to_owned(),
                name: c.text("DisplayName").unwrap().to_owned(),
                kind: c.number("Type").unwrap(),
            };
            match c.name.as_str() {
                "Add" => assert_eq!(self.folders.insert(id.clone(), folder()), None, "folder {id} twice"),
                "Update" => assert!(self.folders.insert(id.clone(), folder()).is_some(), "unknown folder {id}"),
                "Delete" => assert!(self.folders.remove(&id).is_some(), "unknown folder {id}"),
                _ => assert_eq!(c.name, "Count"),
            }
        }
        for kind in [2, 3, 4, 5, 6, 7, 8, 9, 10] {
            assert!(
                self.folders.values().filter(|f| f.kind == kind).count() <= 1,
                "two default folders of type {kind}"
            );
        }
        doc.text("SyncKey").unwrap().clone_into(&mut self.folder_key);
    }

    /// The id of the default address book.
    pub(crate) fn contacts(&self) -> String {
        self.default_folder(9)
    }

    /// The id of the only folder of that type (MS-ASCMD 2.2.3.186.3: 2 inbox, 3 drafts, 4 deleted, 5 sent, 7 tasks, 8 calendar, 9 contacts, 10 notes).
    pub(crate) fn default_folder(&self, kind: u32) -> String {
        let folder = self.folders.iter().find(|(_, f)| f.kind == kind);
        folder.unwrap_or_else(|| panic!("no folder of type {kind} in {:?}", self.folders)).0.clone()
    }

    /// The class of a folder's items.
    pub(crate) fn class(&self, folder: &str) -> &'static str {
        match self.folders.get(folder).map(|f| f.kind) {
            Some(7 | 15) => "Tasks",
            Some(8 | 13) => "Calendar",
            Some(10 | 17) => "Notes",
            Some(9 | 14 | 19) | None => "Contacts",
            Some(_) => "Email",
        }
    }

    /// What a new phone does: OPTIONS, Provision, FolderSync.
    pub(crate) fn pair(&mut self) {
        let options = self.options();
        assert_eq!(options.status, 200, "OPTIONS: {} {}", options.status, options.reason);
        self.provision();
        let answer = self.folder_sync();
        assert_eq!(answer.status(), Some(1), "{:?}", answer.doc);
    }

    /// A new phone with its address book.
    pub(crate) fn pair_and_sync(&mut self) -> String {
        self.pair();
        let book = self.contacts();
        self.sync_all(&book);
        book
    }

    // ---- building commands

    /// A ClientId that was not used before.
    pub(crate) fn client_id(&mut self) -> String {
        self.next_client_id += 1;
        format!("c{}", self.next_client_id)
    }

    /// An Add of any item.
    pub(crate) fn add(&mut self, fields: impl IntoIterator<Item = El>) -> El {
        let client = self.client_id();
        el("AirSync:Add", [t("ClientId", client), el("ApplicationData", fields)])
    }

    /// Adds an item and gives its ServerId.
    pub(crate) fn add_item(&mut self, folder: &str, fields: impl IntoIterator<Item = El>) -> String {
        let add = self.add(fields);
        let answer = self.sync(folder, &Request { commands: vec![add], ..Request::default() });
        let responses = answer.responses("Add");
        assert_eq!(responses.len(), 1, "{:?}", answer.doc);
        assert_eq!(responses[0].number("Status"), Some(1), "{:?}", answer.doc);
        responses[0].text("ServerId").unwrap().to_owned()
    }

    /// A note, in the form of this version.
    pub(crate) fn note(&self, text: &str) -> El {
        if self.at_least("12.0") {
            el("AirSyncBase:Body", [t("Type", 1), t("Data", text)])
        } else {
            t("Contacts:Body", text)
        }
    }

    /// The note of an item.
    pub(crate) fn note_of<'a>(&self, item: &'a El) -> Option<&'a str> {
        if self.at_least("12.0") { item.text("Body/Data") } else { item.text("Body") }
    }
}

/// A value of a query.
fn escape(value: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    value.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// A Change of an item.
pub(crate) fn change(id: &str, fields: impl IntoIterator<Item = El>) -> El {
    el("AirSync:Change", [t("ServerId", id), el("ApplicationData", fields)])
}

/// A Change of one occurrence of a series (16.0+).
pub(crate) fn change_instance(id: &str, start: &str, fields: impl IntoIterator<Item = El>) -> El {
    let data = el("ApplicationData", fields);
    el("AirSync:Change", [t("ServerId", id), t("AirSyncBase:InstanceId", start), data])
}

/// A Delete of one occurrence of a series (16.0+).
pub(crate) fn delete_instance(id: &str, start: &str) -> El {
    el("AirSync:Delete", [t("ServerId", id), t("AirSyncBase:InstanceId", start)])
}

/// A Delete of an item.
pub(crate) fn delete(id: &str) -> El {
    el("AirSync:Delete", [t("ServerId", id)])
}

/// A Ping request.
pub(crate) fn ping(heartbeat: Option<u32>, folders: &[&str]) -> El {
    let list = folders.iter().map(|id| el("Folder", [t("Id", id), t("Class", "Contacts")]));
    let folders = (!folders.is_empty()).then(|| el("Folders", list));
    el("Ping:Ping", heartbeat.map(|h| t("HeartbeatInterval", h)).into_iter().chain(folders))
}

//! What a phone does with mail beside Sync.

use crate::{
    http::Response,
    phone::{Answer, Phone},
    tree::{El, el, empty, t},
};

/// The message that a SmartReply or SmartForward starts from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Origin<'a> {
    /// Folder and ServerId.
    Item(&'a str, &'a str),
    /// LongId of a Search.
    Long(&'a str),
}

/// One mail that leaves.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing<'a> {
    pub(crate) mime: &'a [u8],
    /// SaveInSentItems.
    pub(crate) save: bool,
    /// ReplaceMime.
    pub(crate) replace: bool,
    pub(crate) client_id: Option<String>,
    pub(crate) origin: Option<Origin<'a>>,
}

impl<'a> Outgoing<'a> {
    pub(crate) fn new(mime: &'a [u8]) -> Self {
        Self { mime, save: true, replace: false, client_id: None, origin: None }
    }
}

/// An answer in several parts (MS-ASHTTP 2.2.2.1.1); the first is the document.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) doc: El,
    pub(crate) parts: Vec<Vec<u8>>,
}

/// What came of an attachment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attachment {
    pub(crate) data: Vec<u8>,
    pub(crate) kind: String,
    /// As told: "0-1023".
    pub(crate) range: Option<String>,
    pub(crate) total: Option<usize>,
}

/// A BodyPreference.
pub(crate) fn preference(kind: u32, size: Option<u32>) -> El {
    let size = size.map(|size| t("TruncationSize", size));
    el("AirSyncBase:BodyPreference", [t("Type", kind)].into_iter().chain(size))
}

/// Whole messages (MIMESupport 2).
pub(crate) fn whole_mime() -> Vec<El> {
    vec![t("AirSync:MIMESupport", 2), preference(4, None)]
}

impl Phone {
    // ---- sending

    /// SendMail, or the given Smart command, in the form of this version.
    pub(crate) fn submit(&mut self, command: &str, mail: &Outgoing<'_>) -> Answer {
        if self.at_least("14.0") {
            let doc = self.compose(command, mail);
            return self.command(command, &doc);
        }
        self.requests += 1;
        let mut parameters = Vec::new();
        match mail.origin {
            Some(Origin::Item(folder, item)) => parameters.extend([("CollectionId", folder), ("ItemId", item)]),
            Some(Origin::Long(id)) => parameters.push(("LongId", id)),
            None => {}
        }
        parameters.extend(mail.save.then_some(("SaveInSent", "T")));
        let sent = self.try_send_with(command, &parameters, Some("message/rfc822"), mail.mime).unwrap();
        Answer { http: sent.answer().unwrap(), doc: None }
    }

    /// The document of 14.0 and later.
    pub(crate) fn compose(&mut self, command: &str, mail: &Outgoing<'_>) -> El {
        let next = self.client_id();
        let id = mail.client_id.clone().unwrap_or_else(|| format!("mail-{}-{next}", self.device));
        let mut children = vec![t("ClientId", id)];
        children.extend(mail.origin.map(|origin| match origin {
            Origin::Item(folder, item) => el("Source", [t("FolderId", folder), t("ItemId", item)]),
            Origin::Long(id) => el("Source", [t("LongId", id)]),
        }));
        children.extend(mail.save.then(|| empty("SaveInSentItems")));
        children.extend(mail.replace.then(|| empty("ReplaceMime")));
        children.push(El { opaque: Some(mail.mime.to_vec()), ..empty("Mime") });
        el(&format!("ComposeMail:{command}"), children)
    }

    /// SendMail that succeeds.
    pub(crate) fn send_mail(&mut self, mime: &[u8]) {
        sent(&self.submit("SendMail", &Outgoing::new(mime)));
    }

    /// SmartReply or SmartForward that succeeds.
    pub(crate) fn smart(&mut self, command: &str, mime: &[u8], folder: &str, item: &str) {
        let origin = Some(Origin::Item(folder, item));
        sent(&self.submit(command, &Outgoing { origin, ..Outgoing::new(mime) }));
    }

    // ---- fetching

    /// ItemOperations in one document.
    pub(crate) fn item_operations(&mut self, operations: Vec<El>) -> Answer {
        self.command("ItemOperations", &el("ItemOperations:ItemOperations", operations))
    }

    /// ItemOperations whose data comes in parts of its own.
    pub(crate) fn item_operations_in_parts(&mut self, operations: Vec<El>) -> Parts {
        self.requests += 1;
        let body = el("ItemOperations:ItemOperations", operations).encode();
        let kind = Some("application/vnd.ms-sync.wbxml");
        let sent = self.try_send_with("ItemOperations", &[("AcceptMultiPart", "T")], kind, &body);
        parts(&sent.unwrap().answer().unwrap())
    }

    /// A message with all its data.
    pub(crate) fn fetch(&mut self, folder: &str, item: &str, options: Vec<El>) -> El {
        let answer = self.item_operations(vec![fetch_item(folder, item, options)]);
        properties(answer.doc())
    }

    /// An attachment; of a range of it ("0-99") what is there.
    pub(crate) fn attachment(&mut self, reference: &str, range: Option<&str>) -> Attachment {
        use base64::Engine as _;
        let answer = self.item_operations(vec![fetch_attachment(reference, range)]);
        let properties = properties(answer.doc());
        let text = match properties.text("Data") {
            None if properties.number("Total") == Some(0) => "",
            data => data.unwrap_or_else(|| panic!("no Data: {properties:?}")),
        };
        attachment(&properties, base64::engine::general_purpose::STANDARD.decode(text).unwrap())
    }

    /// The same by a multipart answer.
    pub(crate) fn attachment_in_parts(&mut self, reference: &str, range: Option<&str>) -> Attachment {
        let Parts { doc, parts } = self.item_operations_in_parts(vec![fetch_attachment(reference, range)]);
        let properties = properties(&doc);
        assert!(properties.get("Data").is_none(), "{doc:?}");
        if properties.number("Total") == Some(0) && properties.get("Part").is_none() {
            return attachment(&properties, Vec::new());
        }
        let part = properties.number("Part").unwrap_or_else(|| panic!("no Part: {doc:?}"));
        // Horde's own server counts from 0.
        let at = if self.lenient { part.saturating_sub(1) } else { part - 1 };
        attachment(&properties, parts[at as usize].clone())
    }

    /// GetAttachment of versions up to 12.1.
    pub(crate) fn get_attachment(&mut self, name: &str) -> Response {
        self.requests += 1;
        let sent = self.try_send_with("GetAttachment", &[("AttachmentName", name)], None, &[]);
        sent.unwrap().answer().unwrap()
    }

    // ---- moving and folders

    /// Moves one message; its new ServerId, or the status of the refusal.
    pub(crate) fn move_item(&mut self, item: &str, from: &str, to: &str) -> Result<String, u32> {
        let one = el("Move", [t("SrcMsgId", item), t("SrcFldId", from), t("DstFldId", to)]);
        let answer = self.command("MoveItems", &el("Move:MoveItems", [one]));
        let response = answer.doc().get("Response").unwrap_or_else(|| panic!("{:?}", answer.doc));
        assert_eq!(response.text("SrcMsgId"), Some(item), "{response:?}");
        if response.number("Status") != Some(3) {
            assert!(response.get("DstMsgId").is_none(), "{response:?}");
            return Err(response.number("Status").unwrap());
        }
        let new = response.text("DstMsgId").unwrap_or_else(|| panic!("{response:?}")).to_owned();
        let data = self.collections.get_mut(from).and_then(|c| {
            c.moved.insert(item.to_owned());
            c.items.remove(item)
        });
        if let (Some(there), Some(data)) = (self.collections.get_mut(to), data) {
            there.moved.insert(new.clone());
            there.items.insert(new.clone(), data);
        }
        Ok(new)
    }

    /// EmptyFolderContents; its status.
    pub(crate) fn empty_folder(&mut self, folder: &str, subfolders: bool) -> Option<u32> {
        let options = subfolders.then(|| el("Options", [empty("DeleteSubFolders")]));
        let operation = el("EmptyFolderContents", [t("AirSync:CollectionId", folder)].into_iter().chain(options));
        self.item_operations(vec![operation]).doc().number("Response/EmptyFolderContents/Status")
    }

    /// FolderCreate, FolderUpdate or FolderDelete; takes the new key.
    pub(crate) fn folder(&mut self, command: &str, fields: impl IntoIterator<Item = El>) -> Answer {
        let key = t("SyncKey", &self.folder_key);
        let doc = el(&format!("FolderHierarchy:{command}"), [key].into_iter().chain(fields));
        let answer = self.command(command, &doc);
        if answer.status() == Some(1) {
            answer.doc().text("SyncKey").unwrap().clone_into(&mut self.folder_key);
        } else {
            assert!(answer.doc().get("SyncKey").is_none(), "{:?}", answer.doc);
        }
        answer
    }

    /// Makes a mail folder; its id.
    pub(crate) fn create_folder(&mut self, parent: &str, name: &str) -> String {
        let answer = self.folder("FolderCreate", [t("ParentId", parent), t("DisplayName", name), t("Type", 12)]);
        assert_eq!(answer.status(), Some(1), "{:?}", answer.doc);
        let id = answer.doc().text("ServerId").unwrap().to_owned();
        let folder = crate::phone::Folder { parent: parent.to_owned(), name: name.to_owned(), kind: 12 };
        self.folders.insert(id.clone(), folder);
        id
    }

    /// The id of the only folder of that name.
    pub(crate) fn folder_called(&self, name: &str) -> Option<String> {
        let mut fits = self.folders.iter().filter(|(_, f)| f.name == name);
        let first = fits.next().map(|(id, _)| id.clone());
        assert!(fits.next().is_none(), "{name} twice: {:?}", self.folders);
        first
    }

    // ---- searching

    /// Search of the mailbox: children of And, and Options.
    pub(crate) fn search(&mut self, query: Vec<El>, options: Vec<El>) -> El {
        let store = [t("Name", "Mailbox"), el("Query", [el("And", query)]), el("Options", options)];
        let answer = self.command("Search", &el("Search:Search", [el("Store", store)]));
        assert_eq!(answer.status(), Some(1), "{:?}", answer.doc);
        answer.doc().get("Response/Store").unwrap_or_else(|| panic!("{:?}", answer.doc)).clone()
    }

    /// Find (16.1) of a text, in a folder or everywhere.
    pub(crate) fn find_mail(&mut self, text: &str, folder: Option<&str>, options: Vec<El>) -> El {
        let folder = folder.map(|id| t("AirSync:CollectionId", id));
        let query: Vec<El> =
            [t("AirSync:Class", "Email")].into_iter().chain(folder).chain([t("FreeText", text)]).collect();
        let criterion = el("MailBoxSearchCriterion", [el("Query", query), el("Options", options)]);
        let id = t("SearchId", "4a6e4ee0-3f5d-4ee1-8f4e-0d3a29a1e0c1");
        let answer = self.command("Find", &el("Find:Find", [id, el("ExecuteSearch", [criterion])]));
        assert_eq!(answer.status(), Some(1), "{:?}", answer.doc);
        answer.doc().get("Response").unwrap_or_else(|| panic!("{:?}", answer.doc)).clone()
    }
}

/// Asserts that the mail was taken: 200 and no document.
pub(crate) fn sent(answer: &Answer) {
    let text = String::from_utf8_lossy(&answer.http.body);
    assert_eq!(answer.http.status, 200, "{} {text}", answer.http.reason);
    assert!(answer.http.body.is_empty(), "{:?}", answer.doc);
}

/// Fetch of a message.
pub(crate) fn fetch_item(folder: &str, item: &str, options: Vec<El>) -> El {
    let options = (!options.is_empty()).then(|| el("Options", options));
    let head = [t("Store", "Mailbox"), t("AirSync:CollectionId", folder), t("AirSync:ServerId", item)];
    el("Fetch", head.into_iter().chain(options))
}

/// Fetch of an attachment.
pub(crate) fn fetch_attachment(reference: &str, range: Option<&str>) -> El {
    let options = range.map(|range| el("Options", [t("Range", range)]));
    let head = [t("Store", "Mailbox"), t("AirSyncBase:FileReference", reference)];
    el("Fetch", head.into_iter().chain(options))
}

/// The Properties of the only Fetch, which succeeded.
pub(crate) fn properties(doc: &El) -> El {
    assert_eq!(doc.number("Status"), Some(1), "{doc:?}");
    let fetch = doc.get("Response/Fetch").unwrap_or_else(|| panic!("{doc:?}"));
    assert_eq!(fetch.number("Status"), Some(1), "{doc:?}");
    fetch.get("Properties").unwrap_or_else(|| panic!("{doc:?}")).clone()
}

fn attachment(properties: &El, data: Vec<u8>) -> Attachment {
    Attachment {
        data,
        kind: properties.text("ContentType").unwrap_or_default().to_owned(),
        range: properties.text("Range").map(str::to_owned),
        total: properties.number("Total").map(|n| n as usize),
    }
}

/// Takes a multipart answer apart.
fn parts(http: &Response) -> Parts {
    assert_eq!(http.status, 200, "{}", http.reason);
    assert_eq!(http.header("Content-Type"), Some("application/vnd.ms-sync.multipart"));
    let body = &http.body;
    let number = |at: usize| u32::from_le_bytes(body[at..at + 4].try_into().unwrap()) as usize;
    let count = number(0);
    assert_eq!(number(4), 4 + 8 * count, "the first part begins behind the table");
    let part = |n: usize| body[number(4 + 8 * n)..][..number(8 + 8 * n)].to_vec();
    let mut parts: Vec<Vec<u8>> = (0..count).map(part).collect();
    let last = number(4 + 8 * (count - 1)) + number(8 + 8 * (count - 1));
    assert_eq!(last, body.len(), "bytes behind the last part");
    let doc = El::decode(&parts.remove(0)).unwrap();
    Parts { doc, parts }
}

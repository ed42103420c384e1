//! The other door: Horde as a user of its web interface would change it, by JSON-RPC and past the bridge.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use base64::Engine as _;
use serde_json::{Value, json};

use crate::http;

/// The lab that `tests/lab/up` made.
#[derive(Debug, Clone)]
pub(crate) struct Lab {
    pub(crate) dir: PathBuf,
    settings: BTreeMap<String, String>,
}

impl Lab {
    /// The lab in `$HORDE_EAS_LAB`.
    pub(crate) fn get() -> Self {
        let dir = std::env::var_os("HORDE_EAS_LAB").map_or_else(|| PathBuf::from("/srv/horde-eas-lab"), PathBuf::from);
        let text = std::fs::read_to_string(dir.join("settings"))
            .unwrap_or_else(|e| panic!("there is no lab in {} ({e}): run tests/lab/up", dir.display()));
        let words = text.split_whitespace().filter_map(|w| w.split_once('='));
        Self { dir, settings: words.map(|(k, v)| (k.to_owned(), v.to_owned())).collect() }
    }

    /// Where a server of the lab listens, by the name of its port in the settings.
    pub(crate) fn port(&self, name: &str) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.settings[name].parse().unwrap()))
    }

    /// Where Horde's rpc.php is.
    pub(crate) fn rpc(&self) -> SocketAddr {
        self.port("P_LIGHTTPD")
    }

    /// A user who was never seen before.
    pub(crate) fn user(&self, name: &str) -> Horde {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let user = format!("e2e-{name}-{}-{count}", since.as_millis() % 100_000_000_000);
        let horde = Horde { rpc: self.rpc(), password: format!("{user}-secret"), user };
        // The first call makes the address book, which gets its final name with the second.
        horde.books();
        horde
    }

    /// One of the lab's named users.
    pub(crate) fn named(&self, user: &str) -> Horde {
        Horde { rpc: self.rpc(), user: user.to_owned(), password: format!("{user}-secret") }
    }
}

/// Horde, asked by one user.
#[derive(Debug, Clone)]
pub(crate) struct Horde {
    rpc: SocketAddr,
    pub(crate) user: String,
    pub(crate) password: String,
}

impl Horde {
    /// One call; the message of an error.
    pub(crate) fn try_call(&self, method: &str, params: &Value) -> Result<Value, String> {
        let headers = [
            ("Authorization", http::basic(&self.user, &self.password)),
            ("Content-Type", "application/json".to_owned()),
        ];
        let body = json!({ "version": "1.1", "id": 1, "method": method, "params": params }).to_string();
        let answer = http::send(self.rpc, "POST", "/horde/rpc.php", &headers, body.as_bytes())
            .and_then(http::Pending::answer)
            .map_err(|e| e.to_string())?;
        let text = String::from_utf8_lossy(&answer.body);
        let value: Value = serde_json::from_str(&text).map_err(|_| format!("HTTP {}: {text}", answer.status))?;
        match value.get("error") {
            Some(error) => Err(error["message"].as_str().unwrap_or_default().to_owned()),
            None => Ok(value["result"].clone()),
        }
    }

    /// One call.
    pub(crate) fn call(&self, method: &str, params: &Value) -> Value {
        self.try_call(method, params).unwrap_or_else(|e| panic!("{method}{params} for {}: {e}", self.user))
    }

    /// Ids of the address books that the user may write to.
    pub(crate) fn books(&self) -> Vec<String> {
        let books = self.call("contacts.sources", &json!([true, false]));
        books.as_object().unwrap().keys().filter(|k| *k != "favourites").cloned().collect()
    }

    /// Id of the default address book.
    pub(crate) fn book(&self) -> String {
        let book = self.call("contacts.getDefaultShare", &json!([]));
        match book.as_str() {
            Some(id) if !id.is_empty() => id.to_owned(),
            _ => self.books().remove(0),
        }
    }

    /// Uids of the contacts in the default address book.
    pub(crate) fn uids(&self) -> Vec<String> {
        let uids = self.call("contacts.listUids", &json!([[self.book()]]));
        let mut uids: Vec<String> = serde_json::from_value(uids).unwrap();
        uids.sort();
        uids
    }

    /// Makes a contact in the default address book.
    pub(crate) fn make(&self, fields: &Value) -> String {
        self.call("contacts.import", &json!([fields, "array", self.book()])).as_str().unwrap().to_owned()
    }

    /// Changes a contact.
    pub(crate) fn change(&self, uid: &str, fields: &Value) {
        self.call("contacts.replace", &json!([uid, fields, "array", [self.book()]]));
    }

    /// Deletes a contact.
    pub(crate) fn delete(&self, uid: &str) {
        self.call("contacts.delete", &json!([uid, [self.book()]]));
    }

    /// Some fields of all contacts of the default address book.
    pub(crate) fn search(&self, fields: &[&str]) -> Vec<Value> {
        let mut wanted = vec!["__uid"];
        wanted.extend(fields);
        let found = self.call("contacts.search", &json!([[""], { "sources": [self.book()], "returnFields": wanted }]));
        found.as_object().into_iter().flat_map(|o| o.values()).flat_map(|l| l.as_array().unwrap().clone()).collect()
    }

    /// The only contact whose `firstname` this is, with some of its fields.
    pub(crate) fn find(&self, first_name: &str, fields: &[&str]) -> Option<Value> {
        let mut wanted = vec!["firstname"];
        wanted.extend(fields);
        let mut found = self.search(&wanted).into_iter().filter(|c| c["firstname"] == first_name);
        let first = found.next();
        assert!(found.next().is_none(), "{first_name} is twice in Horde");
        first
    }

    /// The vCard of a contact, unfolded.
    pub(crate) fn vcard(&self, uid: &str) -> String {
        let card = self.call("contacts.export", &json!([uid, "text/vcard", [self.book()]]));
        card.as_str().unwrap().replace("\r\n ", "").replace("\n ", "")
    }

    /// The picture of a contact.
    pub(crate) fn photo(&self, uid: &str) -> Option<Vec<u8>> {
        let card = self.vcard(uid);
        let line = card.lines().find(|l| l.starts_with("PHOTO"))?;
        base64::engine::general_purpose::STANDARD.decode(line.split_once(':')?.1.trim()).ok()
    }

    /// Gives a contact a picture.
    pub(crate) fn set_photo(&self, uid: &str, jpeg: &[u8]) {
        let data = base64::engine::general_purpose::STANDARD.encode(jpeg);
        let card = format!("BEGIN:VCARD\r\nVERSION:3.0\r\nPHOTO;ENCODING=b;TYPE=JPEG:{data}\r\nEND:VCARD\r\n");
        self.call("contacts.replace", &json!([uid, card, "text/vcard", [self.book()]]));
    }
}

/// Bytes that look like a JPEG and hold every byte value, NUL above all.
pub(crate) fn jpeg(size: usize) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8, 0xff, 0xe0, 0, 16, b'J', b'F', b'I', b'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0];
    bytes.extend((0..size).map(|i| u8::try_from((i * 31 + i / 256) % 256).unwrap()));
    bytes.extend([0xff, 0xd9]);
    bytes
}

/// The other applications.
impl Horde {
    /// Id of the default container of an application ("calendar", "tasks", "notes").
    pub(crate) fn container(&self, app: &str) -> String {
        let id = self.call(&format!("{app}.getDefaultShare"), &json!([]));
        id.as_str().unwrap_or_else(|| panic!("{app}: no default container")).to_owned()
    }

    /// Puts an event into the default calendar: lines of a VEVENT.
    pub(crate) fn event(&self, lines: &[&str]) -> String {
        let text = calendar(lines);
        let calendar = self.container("calendar");
        let uid = self.call("calendar.import", &json!([text, "text/calendar", calendar]));
        uid.as_str().unwrap_or_else(|| panic!("not imported: {text}")).to_owned()
    }

    /// Changes an event as the web interface does.
    pub(crate) fn change_event(&self, uid: &str, lines: &[&str]) {
        let text = calendar(lines);
        self.call("calendar.replace", &json!([uid, text, "text/calendar", self.container("calendar")]));
    }

    /// Uids of all items of the default container.
    pub(crate) fn uids_of(&self, app: &str) -> Vec<String> {
        let container = self.container(app);
        let uids = self.call(&format!("{app}.listUids"), &json!([[container]]));
        let mut uids: Vec<String> = match uids {
            Value::Object(map) => map.values().map(|u| u.as_str().unwrap().to_owned()).collect(),
            list => serde_json::from_value(list).unwrap(),
        };
        uids.sort();
        uids
    }

    /// An item as Horde exports it, folded lines joined.
    pub(crate) fn export(&self, app: &str, uid: &str) -> String {
        let form = if app == "notes" { "text/x-vnote" } else { "text/calendar" };
        let text = self.call(&format!("{app}.export"), &json!([uid, form]));
        text.as_str().unwrap().replace("\r\n", "\n").replace("\n ", "")
    }

    /// The only event with that title, as Horde exports it.
    pub(crate) fn event_called(&self, title: &str) -> Option<(String, String)> {
        let wanted = format!("\nSUMMARY:{title}\n");
        let events = self.uids_of("calendar").into_iter().map(|uid| (uid.clone(), self.export("calendar", &uid)));
        let found: Vec<_> = events.filter(|(_, text)| text.contains(&wanted)).collect();
        assert!(found.len() <= 1, "{title} is there {} times", found.len());
        found.into_iter().next()
    }

    /// All tasks of the default list, by name.
    pub(crate) fn tasks(&self) -> BTreeMap<String, Value> {
        let list = self.container("tasks");
        let tasks = self.call("tasks.listTasks", &json!([{ "tasklists": [list], "completed": 1 }]));
        let tasks: Vec<Value> = match tasks {
            Value::Object(map) => map.into_iter().map(|(_, task)| task).collect(),
            Value::Array(list) => list,
            other => panic!("{other}"),
        };
        tasks.into_iter().map(|task| (task["name"].as_str().unwrap().to_owned(), task)).collect()
    }
}

/// A calendar with one VEVENT of these lines, with the time zones that the tests use before it.
fn calendar(lines: &[&str]) -> String {
    let zone = |name: &str, std: (&str, &str, &str), dst: (&str, &str, &str)| {
        let part = |kind, (from, to, rule): (&str, &str, &str), start| {
            format!(
                "BEGIN:{kind}\r\nDTSTART:{start}\r\nTZOFFSETFROM:{from}\r\nTZOFFSETTO:{to}\r\nRRULE:FREQ=YEARLY;{rule}\r\nEND:{kind}\r\n"
            )
        };
        let (standard, daylight) = (part("STANDARD", std, "19961027T030000"), part("DAYLIGHT", dst, "19810329T020000"));
        format!("BEGIN:VTIMEZONE\r\nTZID:{name}\r\n{daylight}{standard}END:VTIMEZONE\r\n")
    };
    let berlin =
        zone("Europe/Berlin", ("+0200", "+0100", "BYMONTH=10;BYDAY=-1SU"), ("+0100", "+0200", "BYMONTH=3;BYDAY=-1SU"));
    let body: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{berlin}BEGIN:VEVENT\r\n{body}END:VEVENT\r\nEND:VCALENDAR\r\n")
}

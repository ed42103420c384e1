//! The calls of Horde's interfaces that the bridge makes, with the answers of `horde-rpc.md`.

use serde_json::{Value, json};

use super::store::{App, Container, Item, Store};

/// What a call gives, or the text of its fault.
pub(super) type Outcome = Result<Value, String>;

/// Answers one call of a user.
pub(super) fn call(store: &Store, user: usize, method: &str, params: &[Value]) -> Outcome {
    let undefined = || Err(format!("Method \"{method}\" is not defined"));
    match method {
        "horde.listAPIs" => return Ok(json!(["horde", "contacts", "calendar", "tasks", "notes"])),
        "horde.getPreference" => return Ok(preference(params)),
        _ => {}
    }
    let Some((api, name)) = method.split_once('.') else { return undefined() };
    let Some(app) = App::of(api) else { return undefined() };
    let own = store.of_user(user, app);
    match name {
        "sources" => Ok(json!({ &own.id: title(app) })),
        "getDefaultShare" => Ok(json!(own.id)),
        "getHighestModSeq" => Ok(json!(store.highest(app, text(params, 0)))),
        "getChangesByModSeq" => changes(store, own, params),
        "listUids" => {
            let container = named(store, own, params.first())?;
            Ok(json!(container.present().map(|item| item.uid.as_str()).collect::<Vec<_>>()))
        }
        "export" => export(store, own, params),
        _ => match (app, name) {
            (App::Contacts, "fields") => Ok(fields()),
            (App::Contacts, "getSourcesConfig") => {
                Ok(json!({ &own.id: { "use_shares": true, "map": { "name": {} } } }))
            }
            (App::Contacts, "search") => search(store, own, params),
            (App::Contacts, "listShares") => Ok(share(own, user)),
            (App::Contacts, "listTagInfo" | "searchTags") => Ok(json!([])),
            (App::Tasks, "listTasks") => tasks(store, params),
            _ => undefined(),
        },
    }
}

fn text(params: &[Value], at: usize) -> &str {
    params.get(at).and_then(Value::as_str).unwrap_or_default()
}

/// A number, which XML-RPC brings as a text when it is large.
fn number(params: &[Value], at: usize) -> u64 {
    let value = params.get(at);
    value.and_then(|v| v.as_u64().or_else(|| v.as_str()?.parse().ok())).unwrap_or_default()
}

fn title(app: App) -> &'static str {
    ["Address book", "Calendar", "Task list", "Notepad"][app as usize]
}

fn preference(params: &[Value]) -> Value {
    if [text(params, 0), text(params, 1)] == ["horde", "timezone"] { json!("Europe/Berlin") } else { Value::Null }
}

/// The container of a list of one, as the applications take it: Turba refuses what is not the user's, the others look at no rights.
fn named<'a>(store: &'a Store, own: &'a Container, list: Option<&Value>) -> Result<&'a Container, String> {
    let id = list.and_then(|list| list.get(0).or(Some(list))).and_then(Value::as_str).unwrap_or(&own.id);
    let found = store.container(own.app, id);
    match own.app {
        App::Contacts => found.filter(|found| found.id == own.id).ok_or_else(|| format!("Invalid address book: {id}")),
        _ => found.ok_or_else(|| "Share name  not found".to_owned()),
    }
}

fn changes(store: &Store, own: &Container, params: &[Value]) -> Outcome {
    let (from, to) = (number(params, 0), number(params, 1));
    let id = match (own.app, params.get(2)) {
        (App::Contacts, list) => named(store, own, list)?.id.as_str(),
        (App::Calendar, Some(Value::Array(list))) => text(list, 0),
        // Nag and Mnemo look into a container named "Array".
        (_, Some(Value::Array(_))) => "Array",
        _ => text(params, 2),
    };
    let moved = store.moved(own.app, id, from, to);
    Ok(json!({ "add": moved.add, "modify": moved.modify, "delete": moved.delete }))
}

fn export(store: &Store, own: &Container, params: &[Value]) -> Outcome {
    let uid = text(params, 0);
    let found = store.item(own.app, uid).filter(|(container, _)| container.id == own.id);
    let not_found = match own.app {
        App::Contacts => format!("Object {uid} not found."),
        _ => format!("{uid} not found"),
    };
    let (_, Item { uid, title, .. }) = found.ok_or(not_found)?;
    let lines: &[&str] = match own.app {
        App::Contacts => &["BEGIN:VCARD", "VERSION:3.0", "UID:{uid}", "END:VCARD"],
        App::Calendar => &[
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:-//The Horde Project//Horde iCalendar Library//EN",
            "BEGIN:VEVENT",
            "DTSTART:20300601T080000Z",
            "DTEND:20300601T090000Z",
            "DTSTAMP:20261101T000000Z",
            "UID:{uid}",
            "SUMMARY:{title}",
            "CLASS:PUBLIC",
            "STATUS:CONFIRMED",
            "TRANSP:OPAQUE",
            "END:VEVENT",
            "END:VCALENDAR",
        ],
        App::Notes => &[
            "BEGIN:VNOTE",
            "VERSION:1.1",
            "UID:{uid}",
            "BODY:{title}\\nMore.",
            "SUMMARY:{title}",
            "DCREATED:20261101T000000Z",
            "END:VNOTE",
        ],
        App::Tasks => return Err("Unsupported Content-Type: text/calendar".to_owned()),
    };
    let lines = lines.iter().map(|line| line.replace("{uid}", uid).replace("{title}", title) + "\r\n");
    Ok(json!(lines.collect::<String>()))
}

/// Some of Turba's fields, one of each type.
fn fields() -> Value {
    let field = |(name, kind): (&str, &str)| (name.to_owned(), json!({ "name": name, "type": kind }));
    let all = [
        ("firstname", "text"),
        ("lastname", "text"),
        ("email", "email"),
        ("cellPhone", "cellphone"),
        ("company", "text"),
        ("birthday", "monthdayyear"),
        ("photo", "image"),
        ("phototype", "text"),
        ("notes", "longtext"),
    ];
    all.into_iter().map(field).collect::<serde_json::Map<_, _>>().into()
}

fn row(item: &Item, wanted: &[Value]) -> Value {
    let value = |name: &str| match name {
        "__uid" | "__key" => json!(item.uid),
        "firstname" => json!("Contact"),
        "lastname" => json!(item.title),
        "email" => json!("contact@example.test"),
        "cellPhone" => json!("+49 30 123456"),
        "company" => json!("Example Ltd."),
        _ => Value::Null,
    };
    let named = wanted.iter().filter_map(Value::as_str).map(|name| (name.to_owned(), value(name)));
    named.collect::<serde_json::Map<_, _>>().into()
}

fn search(store: &Store, own: &Container, params: &[Value]) -> Outcome {
    let none = json!({});
    let options = params.get(1).unwrap_or(&none);
    let book = named(store, own, options.get("sources"))?;
    let wanted = options.get("returnFields").and_then(Value::as_array).cloned().unwrap_or_default();
    let by_uid = options.get("customStrict").is_some();
    let mut found = serde_json::Map::new();
    for name in params.first().and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        let hits = book.present().filter(|item| if by_uid { item.uid == name } else { item.title.contains(name) });
        let rows: Vec<Value> = hits.map(|item| row(item, &wanted)).collect();
        if !rows.is_empty() {
            found.insert(name.to_owned(), rows.into());
        }
    }
    Ok(if found.is_empty() { json!([]) } else { found.into() })
}

fn share(own: &Container, user: usize) -> Value {
    let owner = super::store::user_name(user);
    json!({ &own.id: { "data": { "share_id": user, "share_name": own.id, "share_owner": owner, "perm": { "type": "matrix" } } } })
}

/// Nag gives anybody the tasks of any list.
fn tasks(store: &Store, params: &[Value]) -> Outcome {
    let lists = params.first().and_then(|options| options.get("tasklists")).and_then(Value::as_array);
    let mut rows = serde_json::Map::new();
    for list in lists.into_iter().flatten().filter_map(|id| store.container(App::Tasks, id.as_str()?)) {
        for item in list.present() {
            let id = item.uid.trim_start_matches(|c| c != '.').trim_matches('.');
            let id = id.split('@').next().unwrap_or(id);
            let row = json!({
                "task_id": id, "tasklist_id": list.id, "uid": item.uid, "name": item.title, "desc": "", "start": 0,
                "due": 1_906_531_200, "priority": 3, "completed": false, "alarm": 0, "private": false, "tags": [],
                "completed_date": null, "recurrence": null,
            });
            rows.insert(id.to_owned(), row);
        }
    }
    Ok(if rows.is_empty() { json!([]) } else { rows.into() })
}

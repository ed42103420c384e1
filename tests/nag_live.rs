//! Tasks in a real Nag. Not part of `cargo test`; started with
//! `HORDE_EAS_LAB=... HORDE_EAS_LAB_RPC=http://host/horde/rpc.php cargo test --test nag_live`.

mod live;

use std::time::Instant;

use horde_eas::{
    proto::class::{Body, BodyKind, Patch, Properties, Scope, Value},
    source::{Error, Fetched, Shared, Source, nag::Nag},
    wbxml::{
        Tag,
        tag::{air_sync_base::BODY, tasks as t},
    },
};
use live::{Site, check_rights, clear, holds, item, lab_php, own, read, set, with_body, with_list};
use serde_json::{Value as Json, json};

/// A fresh instance that remembers nothing but what is on disk, as another process or device has it.
fn nag(site: &Site) -> Nag {
    Nag::new(site.session(), site.beside("tasks"), &Shared::new())
}

static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);

/// A uid that no other Add has.
fn wish() -> String {
    let n = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    format!("nag-live.{:x}.{n}@horde-eas", live::now())
}

/// The row that Nag has.
async fn row(site: &Site, list: &str, uid: &str) -> Json {
    let options = json!({"tasklists": [list], "completed": "all"});
    let all = site.session().read("tasks.listTasks", vec![options]).await.unwrap();
    all.as_object().unwrap().values().find(|row| row["uid"] == uid).unwrap().clone()
}

async fn web(site: &Site, list: &str, uid: &str, fields: Json) {
    let id = row(site, list, uid).await["task_id"].clone();
    site.web("tasks.updateTask", vec![json!(list), id, fields]).await;
}

fn rule(item: Properties, pairs: &[(Tag, &str)]) -> Properties {
    let mut item = item;
    let mut group = Properties::default();
    pairs.iter().for_each(|(tag, text)| group.set_text(*tag, *text));
    item.0.insert(t::RECURRENCE, Value::Group(group));
    item
}

fn item_with_html(data: &str) -> Properties {
    let body = Body { kind: BodyKind::Html, data: data.to_owned() };
    Properties([(BODY, Value::Body(body))].into())
}

/// Dates of Europe/London, which the users of the lab have: (UTC, local).
const DAYS: [(&str, &str); 6] = [
    ("2026-12-23T00:00:00.000Z", "2026-12-23T00:00:00.000Z"),
    ("2026-06-30T23:00:00.000Z", "2026-07-01T00:00:00.000Z"),
    ("2026-03-29T00:00:00.000Z", "2026-03-29T00:00:00.000Z"),
    ("2026-03-29T23:00:00.000Z", "2026-03-30T00:00:00.000Z"),
    ("2026-10-24T23:00:00.000Z", "2026-10-25T00:00:00.000Z"),
    ("2027-10-31T17:30:00.000Z", "2027-10-31T17:30:00.000Z"),
];

fn dated(item: Properties, tags: [Tag; 2], (utc, local): (&str, &str)) -> Properties {
    let mut item = item;
    item.set_text(tags[0], utc);
    item.set_text(tags[1], local);
    item
}

fn due(item: Properties, day: usize) -> Properties {
    dated(item, [t::UTC_DUE_DATE, t::DUE_DATE], DAYS[day])
}

fn start(item: Properties, day: usize) -> Properties {
    dated(item, [t::UTC_START_DATE, t::START_DATE], DAYS[day])
}

/// Tasks as phones send them: (what is kept beside Horde, task).
fn corpus() -> Vec<(usize, Properties)> {
    let plain = |subject: &str| {
        item([
            (t::SUBJECT, subject),
            (t::COMPLETE, "0"),
            (t::IMPORTANCE, "1"),
            (t::SENSITIVITY, "0"),
            (t::REMINDER_SET, "0"),
        ])
    };
    let with = |mut item: Properties, pairs: &[(Tag, &str)]| {
        pairs.iter().for_each(|(tag, text)| item.set_text(*tag, *text));
        item
    };
    let remind = |item: Properties, at: &str| with(item, &[(t::REMINDER_SET, "1"), (t::REMINDER_TIME, at)]);
    let mut list = Vec::new();
    for subject in [
        "Milch kaufen",
        "Größe prüfen: Ärmel & Öse",
        "牛乳を買う",
        "Купить молоко",
        "שלום עולם",
        "Smile 😀👨‍👩‍👧",
        "a",
        "\"quoted\" <tag> &amp;",
        "50% of 'everything'; DROP TABLE",
        "  spaces around  ",
        "tab\tinside",
        "back\\slash \\n",
    ] {
        list.push((0, plain(subject)));
    }
    for body in [
        "one line",
        "zwei\r\nZeilen",
        "\r\nleading and trailing\r\n\r\n",
        "<b>not html</b> &nbsp;",
        "😀 emoji",
        "- [ ] a\r\n- [x] b",
        "\ttab",
        "END:VTODO",
    ] {
        list.push((0, with_body(plain("with text"), body)));
    }
    for importance in ["0", "2"] {
        list.push((0, with(plain("importance"), &[(t::IMPORTANCE, importance)])));
    }
    list.push((0, with(plain("private"), &[(t::SENSITIVITY, "2")])));
    list.push((1, with(plain("confidential"), &[(t::SENSITIVITY, "3")])));
    list.push((1, with(plain("personal"), &[(t::SENSITIVITY, "1")])));
    for day in 0..DAYS.len() {
        list.push((0, start(due(plain("dated"), day), day)));
    }
    list.push((0, start(plain("only a start"), 1)));
    list.push((0, remind(due(plain("a day before"), 0), "2026-12-22T00:00:00.000Z")));
    list.push((0, remind(due(plain("a minute before"), 1), "2026-06-30T22:59:00.000Z")));
    list.push((1, remind(due(plain("at the same time"), 0), DAYS[0].0)));
    list.push((2, remind(due(plain("after"), 0), "2026-12-23T09:00:00.000Z")));
    list.push((2, remind(plain("without a date"), "2026-12-23T09:00:00.000Z")));
    list.push((1, remind(due(plain("seconds"), 0), "2026-12-22T11:30:17.000Z")));
    list.push((0, with_list(plain("one category"), t::CATEGORIES, &["nag-live Büro"])));
    list.push((0, with_list(plain("three"), t::CATEGORIES, &["nag-live a, with comma", "nag-live b", "nag-live 😀"])));
    let done = with(due(plain("done"), 1), &[(t::COMPLETE, "1"), (t::DATE_COMPLETED, "2026-06-15T10:00:00.000Z")]);
    list.push((0, done.clone()));
    list.push((
        1,
        dated(
            plain("beyond 2038"),
            [t::UTC_DUE_DATE, t::DUE_DATE],
            ("2045-01-01T00:00:00.000Z", "2045-01-01T00:00:00.000Z"),
        ),
    ));
    let tokyo = ("2026-12-22T15:00:00.000Z", "2026-12-23T00:00:00.000Z");
    list.push((2, dated(plain("from Tokyo"), [t::UTC_DUE_DATE, t::DUE_DATE], tokyo)));
    list.push((1, plain(&"long ü".repeat(60))));
    list.push((1, with_body(plain("long text"), &"ü😀 line\r\n".repeat(6000))));
    let weekly = [(t::TYPE, "1"), (t::START, DAYS[0].1), (t::INTERVAL, "1"), (t::DAY_OF_WEEK, "8")];
    list.push((1, rule(due(plain("weekly"), 0), &weekly)));
    let regenerate = [(t::TYPE, "0"), (t::START, DAYS[0].1), (t::INTERVAL, "3"), (t::REGENERATE, "1")];
    list.push((1, rule(due(plain("again three days after"), 0), &regenerate)));
    let dead =
        [(t::TYPE, "2"), (t::START, DAYS[1].1), (t::DAY_OF_MONTH, "1"), (t::OCCURRENCES, "5"), (t::DEAD_OCCUR, "1")];
    list.push((1, rule(done, &dead)));
    list
}

#[tokio::test]
async fn tasks_survive_from_one_phone_to_another_and_can_be_cleared() {
    let site = Site::new("nag").await;
    let source = nag(&site);
    let list = own(&source).await;
    let before = source.cursor(&list).await.unwrap();
    let corpus = corpus();
    assert!(corpus.len() >= 40, "{}", corpus.len());
    let mut uids = Vec::new();
    for (_, made) in &corpus {
        let wish = wish();
        assert_eq!(source.add(&list, &wish, made).await, Ok(wish.clone()));
        uids.push(wish);
    }
    assert_eq!(source.add(&list, &uids[0], &corpus[0].1).await, Err(Error::Exists));
    let changes = source.changes(&list, before, source.cursor(&list).await.unwrap()).await.unwrap();
    assert!(uids.iter().all(|uid| changes.add.contains(uid)), "{changes:?}");

    let other = nag(&site);
    other.cursor(&list).await.unwrap();
    let names = site.beside("tasks").names().unwrap();
    let fetched = other.fetch(&list, &uids, &[]).await.unwrap();
    for ((uid, (kept, made)), fetched) in uids.iter().zip(&corpus).zip(fetched) {
        let name = made.text(t::SUBJECT).unwrap_or_default().to_owned();
        let Fetched::Item(there) = fetched else { panic!("{name}: {fetched:?}") };
        assert_eq!(&there, made, "{name}");
        let is_kept = names.contains(&horde_eas::state::Beside::name(uid));
        assert_eq!(is_kept, *kept > 0, "{name}: {:?}", site.beside("tasks").get(uid));
    }
    // A phone that sends everything back as it got it writes nothing at all.
    let seen = other.cursor(&list).await.unwrap();
    for (uid, (_, made)) in uids.iter().zip(&corpus) {
        other.change(&list, uid, &set(made)).await.unwrap();
    }
    assert_eq!(other.cursor(&list).await, Ok(seen));

    let bare = item([
        (t::SUBJECT, "bare"),
        (t::COMPLETE, "0"),
        (t::IMPORTANCE, "1"),
        (t::SENSITIVITY, "0"),
        (t::REMINDER_SET, "0"),
    ]);
    for (uid, (_, made)) in uids.iter().zip(&corpus) {
        let clear = made.0.keys().copied().filter(|tag| *tag != t::SUBJECT).collect();
        other.change(&list, uid, &Patch { set: item([(t::SUBJECT, "bare")]), clear }).await.unwrap();
    }
    let last = nag(&site);
    for (fetched, (_, made)) in last.fetch(&list, &uids, &[]).await.unwrap().into_iter().zip(&corpus) {
        assert_eq!(fetched, Fetched::Item(bare.clone()), "{made:?}");
    }
    assert!(site.beside("tasks").names().unwrap().is_empty());
    for uid in &uids {
        assert_eq!(last.delete(&list, uid).await, Ok(()));
        assert_eq!(last.delete(&list, uid).await, Err(Error::NotFound));
        assert_eq!(last.change(&list, uid, &set(&bare)).await, Err(Error::NotFound));
    }
    let changes = last.changes(&list, seen, last.cursor(&list).await.unwrap()).await.unwrap();
    assert!(uids.iter().all(|uid| changes.delete.contains(uid)), "{changes:?}");
    assert_eq!(last.list(&list, Scope::All).await, Ok(vec![]));
}

/// A phone's edit of one field leaves what only the web side knows, and both sides' edits meet.
#[tokio::test]
async fn one_edit_changes_one_field() {
    let site = Site::new("nag").await;
    let source = nag(&site);
    let list = own(&source).await;
    let fields = |name: &str, uid: &str, parent: &Json| {
        json!({"tasklist": list, "name": name, "desc": "d", "uid": uid, "parent": parent, "estimate": 2.25, "assignee": "bob",
               "priority": 2, "due": 1_796_100_000, "alarm": 60, "methods": {"notify": {"show": 1}}, "tags": ["nag-live x"]})
    };
    let (top, child) = (wish(), wish());
    let parent = site.web("tasks.addTask", vec![fields("parent", &top, &json!(""))]).await[0].clone();
    site.web("tasks.addTask", vec![fields("child", &child, &parent)]).await;
    let mut made = row(&site, &list, &child).await;
    for (patch, field, value) in [
        (set(&item([(t::SUBJECT, "renamed")])), "name", json!("renamed")),
        (set(&with_body(Properties::default(), "new\r\ntext")), "desc", json!("new\ntext")),
        (set(&item([(t::SENSITIVITY, "2")])), "private", json!(1)),
        (set(&item([(t::IMPORTANCE, "2")])), "priority", json!(2)),
        (set(&item([(t::IMPORTANCE, "0")])), "priority", json!(5)),
        (set(&item([(t::REMINDER_SET, "1"), (t::REMINDER_TIME, "2026-12-01T04:20:00.000Z")])), "alarm", json!(20)),
        (set(&item([(t::START_DATE, "2026-06-01T00:00:00.000Z")])), "start", json!(1_780_268_400)),
        (clear(&[t::UTC_START_DATE, t::START_DATE]), "start", json!(0)),
        (set(&item([(t::REMINDER_SET, "0")])), "alarm", json!(0)),
    ] {
        nag(&site).change(&list, &child, &patch).await.unwrap();
        made[field] = value;
        let there = row(&site, &list, &child).await;
        for (key, value) in made.as_object().unwrap().iter().filter(|(key, _)| *key != "completed_date") {
            assert_eq!(&there[key], value, "{key} after {field}");
        }
    }
    let phone = nag(&site);
    phone.cursor(&list).await.unwrap();
    let seen = read(&phone, &list, &child).await;
    web(&site, &list, &child, json!({"desc": "from the web", "tags": ["nag-live y", "nag-live z"]})).await;
    phone.change(&list, &child, &set(&item([(t::SUBJECT, "from the phone")]))).await.unwrap();
    let there = read(&nag(&site), &list, &child).await;
    assert_eq!(there.text(t::SUBJECT), Some("from the phone"));
    holds(&there, &with_list(with_body(item([]), "from the web"), t::CATEGORIES, &["nag-live y", "nag-live z"]), "web");
    assert_eq!(there.text(t::UTC_DUE_DATE), seen.text(t::UTC_DUE_DATE));
    assert_eq!(row(&site, &list, &child).await["parent"], parent);

    // Nag deletes no task that has others below it.
    assert!(matches!(phone.delete(&list, &top).await, Err(Error::Refused(_))));
    phone.delete(&list, &child).await.unwrap();
    phone.delete(&list, &top).await.unwrap();
}

#[tokio::test]
async fn what_is_kept_beside_goes_when_the_web_side_changes_it() {
    let site = Site::new("nag").await;
    let source = nag(&site);
    let list = own(&source).await;
    let made = rule(
        item([
            (t::SUBJECT, &*"long subject ".repeat(30)),
            (t::SENSITIVITY, "3"),
            (t::DUE_DATE, "2026-12-01T00:00:00.000Z"),
            (t::REMINDER_SET, "1"),
            (t::REMINDER_TIME, "2026-12-01T08:00:00.000Z"),
        ]),
        &[(t::TYPE, "0"), (t::START, "2026-12-01T00:00:00.000Z"), (t::INTERVAL, "1")],
    );
    let uid = source.add(&list, &wish(), &made).await.unwrap();
    holds(&read(&nag(&site), &list, &uid).await, &made, "kept");
    // The phone moves its own series on.
    let next = rule(
        item([(t::DUE_DATE, "2026-12-02T00:00:00.000Z")]),
        &[(t::TYPE, "0"), (t::START, "2026-12-02T00:00:00.000Z"), (t::INTERVAL, "1")],
    );
    source.change(&list, &uid, &set(&next)).await.unwrap();
    holds(&read(&nag(&site), &list, &uid).await, &next, "moved on");
    web(&site, &list, &uid, json!({"name": "web", "private": false, "alarm": 30})).await;
    let there = read(&nag(&site), &list, &uid).await;
    let expected = item([
        (t::SUBJECT, "web"),
        (t::SENSITIVITY, "0"),
        (t::REMINDER_SET, "1"),
        (t::REMINDER_TIME, "2026-12-01T23:30:00.000Z"),
    ]);
    holds(&there, &expected, "web");
    assert_eq!(there.group(t::RECURRENCE), next.group(t::RECURRENCE));
    // HTML stays as long as the text is the same.
    let html = |data: &str| item_with_html(data);
    source.change(&list, &uid, &set(&html("<p><b>bold</b> text</p>"))).await.unwrap();
    assert_eq!(row(&site, &list, &uid).await["desc"], "bold text");
    holds(&read(&nag(&site), &list, &uid).await, &html("<p><b>bold</b> text</p>"), "html");
    source.change(&list, &uid, &set(&with_body(item([(t::SUBJECT, "plain")]), "bold text"))).await.unwrap();
    holds(&read(&nag(&site), &list, &uid).await, &html("<p><b>bold</b> text</p>"), "sent back as plain text");
    web(&site, &list, &uid, json!({"desc": "of the web"})).await;
    holds(&read(&nag(&site), &list, &uid).await, &with_body(Properties::default(), "of the web"), "web");

    // A change of what is only kept tells the user's other devices.
    let cursor = source.cursor(&list).await.unwrap();
    source.change(&list, &uid, &set(&item([(t::ORDINAL_DATE, "2026-11-01T00:00:00.000Z")]))).await.unwrap();
    let changes = source.changes(&list, cursor, source.cursor(&list).await.unwrap()).await.unwrap();
    assert_eq!(changes.modify, [uid]);
}

/// Series that Horde made: read, done as Horde and as phones do it, taken away.
#[tokio::test]
async fn series_of_horde() {
    let site = Site::new("nag").await;
    let source = nag(&site);
    let list = own(&source).await;
    let user = site.login.user.clone();
    // Tuesday 2026-12-01 04:40 UTC.
    let due = "1796100000";
    let weekly = lab_php("series.php", &[&user, "weekly", due, "2", "1", "4", "5", ""]);
    let ends = lab_php("series.php", &[&user, "ends", due, "1", "1", "0", "0", "2026-12-20 00:00:00"]);
    let rule_of = |item: &Properties| item.group(t::RECURRENCE).cloned().unwrap_or_default();
    let first = read(&nag(&site), &list, &weekly).await;
    let expected = item([
        (t::TYPE, "1"),
        (t::INTERVAL, "1"),
        (t::DAY_OF_WEEK, "4"),
        (t::OCCURRENCES, "5"),
        (t::START, "2026-12-01T04:40:00.000Z"),
    ]);
    assert_eq!(rule_of(&first), expected);
    assert_eq!(first.text(t::REMINDER_TIME), Some("2026-12-01T04:10:00.000Z"));
    assert_eq!(first.text(t::UTC_START_DATE), Some("2026-11-30T04:40:00.000Z"));

    // Horde does one of them.
    web(&site, &list, &weekly, json!({"completed": true})).await;
    let second = read(&nag(&site), &list, &weekly).await;
    let expected = item([
        (t::SUBJECT, "weekly"),
        (t::COMPLETE, "0"),
        (t::UTC_DUE_DATE, "2026-12-08T04:40:00.000Z"),
        (t::REMINDER_TIME, "2026-12-08T04:10:00.000Z"),
        (t::UTC_START_DATE, "2026-12-07T04:40:00.000Z"),
    ]);
    holds(&second, &expected, "second");
    assert_eq!(
        (rule_of(&second).text(t::OCCURRENCES), rule_of(&second).text(t::START)),
        (Some("4"), Some("2026-12-08T04:40:00.000Z"))
    );

    // A phone that renames it leaves the rest.
    source.change(&list, &weekly, &set(&item([(t::SUBJECT, "renamed")]))).await.unwrap();
    let there = row(&site, &list, &weekly).await;
    assert_eq!((&there["due"], &there["recurrence"]["completions"]), (&json!(1_796_100_000), &json!(["20261201"])));

    // A phone does the second one: a task that is done, and the series moved on.
    let mut dead = second.clone();
    dead.set_text(t::COMPLETE, "1");
    dead.set_text(t::DATE_COMPLETED, "2026-12-08T09:00:00.000Z");
    let mut split = rule_of(&second);
    split.set_text(t::DEAD_OCCUR, "1");
    dead.0.insert(t::RECURRENCE, Value::Group(split));
    let done = source.add(&list, &wish(), &dead).await.unwrap();
    let mut moved = rule_of(&second);
    moved.set_text(t::START, "2026-12-15T04:40:00.000Z");
    moved.set_text(t::OCCURRENCES, "3");
    let mut next = item([
        (t::UTC_DUE_DATE, "2026-12-15T04:40:00.000Z"),
        (t::DUE_DATE, "2026-12-15T04:40:00.000Z"),
        (t::UTC_START_DATE, "2026-12-14T04:40:00.000Z"),
        (t::START_DATE, "2026-12-14T04:40:00.000Z"),
        (t::REMINDER_SET, "1"),
        (t::REMINDER_TIME, "2026-12-15T04:10:00.000Z"),
    ]);
    next.0.insert(t::RECURRENCE, Value::Group(moved));
    source.change(&list, &weekly, &set(&next)).await.unwrap();
    holds(&read(&nag(&site), &list, &weekly).await, &next, "third");
    assert_eq!(read(&nag(&site), &list, &done).await, dead);
    assert_eq!(row(&site, &list, &weekly).await["recurrence"]["recurType"], json!(2));

    // A simple phone only says "done": Horde goes on to the next one.
    source.change(&list, &weekly, &set(&item([(t::COMPLETE, "1")]))).await.unwrap();
    let fourth = read(&nag(&site), &list, &weekly).await;
    assert_eq!((fourth.text(t::COMPLETE), fourth.text(t::UTC_DUE_DATE)), (Some("0"), Some("2026-12-22T04:40:00.000Z")));

    // An end that Horde does not tell: no rule rather than a wrong one, and the next occurrence when one is done.
    let there = read(&nag(&site), &list, &ends).await;
    assert_eq!(rule_of(&there), Properties::default());
    source.change(&list, &ends, &set(&item([(t::COMPLETE, "1")]))).await.unwrap();
    assert_eq!(read(&nag(&site), &list, &ends).await.text(t::UTC_DUE_DATE), Some("2026-12-02T04:40:00.000Z"));
    source.change(&list, &weekly, &clear(&[t::RECURRENCE])).await.unwrap();
    assert_eq!(row(&site, &list, &weekly).await["recurrence"], Json::Null);
}

#[tokio::test]
async fn trouble_is_told_apart() {
    let (site, other) = (Site::new("nag").await, Site::new("nag").await);
    let (source, theirs) = (nag(&site), nag(&other));
    let (list, foreign) = (own(&source).await, own(&theirs).await);
    let new = item([(t::SUBJECT, "trouble")]);
    let uid = theirs.add(&foreign, &wish(), &new).await.unwrap();
    for gone in [foreign.as_str(), "no-such-list"] {
        check_rights(&source, gone, &uid, &new, false).await;
    }
    assert_eq!(
        source.fetch(&list, std::slice::from_ref(&uid), &[]).await,
        Ok(vec![Fetched::Missing]),
        "of another list"
    );
    assert_eq!(source.delete(&list, &uid).await, Err(Error::NotFound));

    lab_php("share.php", &["nag", &other.login.user, &site.login.user, "6"]);
    let reader = nag(&site);
    let containers = reader.containers().await.unwrap();
    assert!(containers.iter().any(|c| c.id == foreign && !c.writable && !c.default), "{containers:?}");
    assert_eq!(reader.list(&foreign, Scope::All).await, Ok(vec![uid.clone()]));
    assert_eq!(read(&reader, &foreign, &uid).await.text(t::SUBJECT), Some("trouble"));
    check_rights(&reader, &foreign, &uid, &item([(t::SUBJECT, "changed")]), true).await;
    lab_php("share.php", &["nag", &other.login.user, &site.login.user, "0"]);
    check_rights(&nag(&site), &foreign, &uid, &new, false).await;

    let mut login = site.login.clone();
    login.password = "certainly-wrong".to_owned().into();
    let wrong = Nag::new(site.horde.session(&login), site.beside("tasks"), &Shared::new());
    assert_eq!(wrong.containers().await, Err(Error::Unauthorized));
    assert_eq!(wrong.list(&list, Scope::All).await, Err(Error::Unauthorized));
}

/// The target: 200 tasks of a first Sync in two PHP requests, the next ones out of memory.
#[tokio::test]
async fn reading_is_frugal() {
    let site = Site::new("nag").await;
    let source = nag(&site);
    let list = own(&source).await;
    for n in 0..200 {
        let fields = json!({"tasklist": list, "name": format!("task {n}"), "desc": "text", "uid": format!("{}-{n}", wish()),
                            "due": 1_796_100_000 + n * 86400, "completed": n % 2, "tags": [format!("nag-live {}", n % 7)]});
        site.web("tasks.addTask", vec![fields]).await;
    }
    let (source, cursor) = (nag(&site), site.horde.stats().total());
    source.containers().await.unwrap();
    source.fetch(&list, &[], &[]).await.unwrap();
    let (requests, begun) = (site.horde.stats().total(), Instant::now());
    source.cursor(&list).await.unwrap();
    let uids = source.list(&list, Scope::All).await.unwrap();
    let mut items = 0;
    for window in uids.chunks(50) {
        items += source
            .fetch(&list, window, &[])
            .await
            .unwrap()
            .iter()
            .filter(|f| matches!(f, Fetched::Item(i) if i.0.contains_key(&BODY)))
            .count();
    }
    let spent = site.horde.stats().total() - requests;
    println!("200 tasks: {spent} PHP requests, {} ms; {} before that", begun.elapsed().as_millis(), requests - cursor);
    assert_eq!((uids.len(), items), (200, 200));
    assert!(spent <= 2, "{spent}");
    assert_eq!(source.list(&list, Scope::Incomplete).await.unwrap().len(), 100);
}

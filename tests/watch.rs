//! The watcher of a site against a scripted Horde: who is asked what, with whose login, and who is called.

// A test may stop at the first surprise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "stand_in/mod.rs"]
#[allow(dead_code)]
mod stand_in;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use horde_eas::{
    horde::{Horde, Login, Session, Settings},
    proto::class::Class,
    source::any,
    state::Store,
    watch::{Call, Seat, Watch, Wish},
};
use serde_json::{Value, json};
use stand_in::{Act, Request, Server};
use tokio::time::timeout;

const TICK: Duration = Duration::from_millis(100);
const CLASSES: [(Class, &str); 2] = [(Class::Contacts, "contacts"), (Class::Calendar, "calendar")];

/// A site whose histories can be moved. Containers have the names of their owners.
#[derive(Debug, Default)]
struct Site {
    /// Number of the newest change of all applications.
    newest: u64,
    /// Newest change of each container that has one, by application and owner.
    history: BTreeMap<(String, String), u64>,
    /// Users whose passwords are wrong by now.
    refused: Vec<String>,
    /// Address books and calendars, the same names for everybody.
    books: Vec<String>,
    down: bool,
}

impl Site {
    fn change(&mut self, api: &str, owner: &str) {
        self.newest += 1;
        self.history.insert((api.to_owned(), owner.to_owned()), self.newest);
    }

    fn cursor(&self, api: &str, id: &Value) -> u64 {
        let of = |wanted: &dyn Fn(&str) -> bool| {
            self.history.iter().filter(|((a, o), _)| a == api && wanted(o)).map(|(_, modseq)| *modseq).max()
        };
        match id.as_str() {
            None => of(&|_| true),
            Some(id) => of(&|owner| owner == id),
        }
        .unwrap_or(self.newest)
    }

    fn answer(&self, request: &Request) -> Act {
        if self.down {
            return Act::answer(503, "text/plain", "");
        }
        if self.refused.contains(&request.login().0) {
            return Act::answer(401, "text/plain", "").header("WWW-Authenticate", "Basic realm=\"Horde\"");
        }
        let (call, body) = (request.call(), request.json());
        let params = &body["params"];
        let Some((api, method)) = call.split_once('.') else { return Act::answer(500, "text/plain", "no such call") };
        match method {
            "listAPIs" => request.result(&json!(["contacts", "calendar"])),
            "getHighestModSeq" => request.result(&json!(self.cursor(api, &params[0]))),
            "getChangesByModSeq" => {
                assert_ne!(api, "contacts", "Turba tells nobody of other people's address books");
                let (from, to) = (params[0].as_u64().unwrap(), params[1].as_u64().unwrap());
                let owner = params[2][0].as_str().unwrap().to_owned();
                let moved = self.history.get(&(api.to_owned(), owner)).is_some_and(|at| from < *at && *at <= to);
                let uids = if moved { json!(["uid"]) } else { json!([]) };
                request.result(&json!({"add": [], "modify": uids, "delete": []}))
            }
            "sources" => {
                let books: BTreeMap<&String, &String> = self.books.iter().map(|book| (book, book)).collect();
                request.result(&json!(books))
            }
            "getDefaultShare" => request.result(&json!("")),
            _ => request.fault(&format!("no such call: {call}")),
        }
    }
}

struct Stage {
    site: Arc<Mutex<Site>>,
    server: Server,
    horde: Horde,
    watch: Watch,
    _dir: tempfile::TempDir,
}

impl Stage {
    async fn new() -> Self {
        let site = Arc::new(Mutex::new(Site { newest: 100, ..Site::default() }));
        let scripted = Arc::clone(&site);
        let server = Server::start(move |request| scripted.lock().unwrap().answer(request)).await;
        let settings = Settings { url: server.url.clone(), multicall: false, multiget: false, ..Settings::default() };
        let dir = tempfile::tempdir().unwrap();
        let watch = Watch::new(Store::open(dir.path()).unwrap(), any::Shared::default(), TICK);
        Self { site, server, horde: Horde::new(settings).unwrap(), watch, _dir: dir }
    }

    fn session(&self, user: &str) -> Session {
        self.horde.session(&Login { user: user.to_owned(), password: "secret".to_owned().into() })
    }

    /// A device that has all there is in the user's address book and calendar.
    fn wait(&self, user: &str, device: &str) -> Seat {
        let classes: Vec<Class> = CLASSES.iter().map(|(class, _)| *class).collect();
        let mut seat = self.watch.enter(&self.session(user), device, &classes, Instant::now());
        let site = self.site.lock().unwrap();
        let wish = |(class, api): &(Class, &str)| {
            let seen = site.cursor(api, &json!(user));
            Wish { class: *class, containers: vec![user.to_owned()], seen }
        };
        seat.watch(CLASSES.iter().map(wish).collect());
        seat
    }

    fn change(&self, api: &str, owner: &str) {
        self.site.lock().unwrap().change(api, owner);
    }

    /// Calls of Horde since the last question, with the users who made them.
    fn calls(&self) -> Vec<(String, String, Value)> {
        let requests = std::mem::take(&mut *self.server.log.lock().unwrap());
        requests.iter().map(|r| (r.login().0, r.call(), r.json()["params"].clone())).collect()
    }
}

/// Listens until something else than the folder list is told, and looks at it.
async fn called(seat: &Seat) -> Call {
    loop {
        match timeout(Duration::from_secs(20), seat.called()).await.expect("called within reason") {
            Call::Folders => {}
            Call::News if seat.news().is_empty() => {}
            call => return call,
        }
    }
}

/// Waits until something has happened for certain.
async fn sure(seat: &Seat) -> Result<(), tokio::time::error::Elapsed> {
    let sure = async {
        while !seat.news().iter().any(|news| news.sure) {
            seat.called().await;
        }
    };
    timeout(Duration::from_secs(20), sure).await
}

/// Whether nothing is told for some ticks.
async fn is_left_alone(seat: &Seat) -> bool {
    timeout(TICK * 8, called(seat)).await.is_err()
}

async fn settled(seats: &[&Seat]) {
    for seat in seats {
        while !seat.is_settled() {
            tokio::time::sleep(TICK / 4).await;
        }
    }
    tokio::time::sleep(TICK * 3).await;
}

#[tokio::test]
async fn who_is_concerned_is_called_and_nobody_else() {
    let stage = Stage::new().await;
    for owner in ["anna", "bert"] {
        stage.change("contacts", owner);
        stage.change("calendar", owner);
    }
    let (mut anna, bert) = (stage.wait("anna", "a1"), stage.wait("bert", "b1"));
    settled(&[&anna, &bert]).await;
    for (wish, api) in [(1, "calendar"), (0, "contacts")] {
        stage.change(api, "anna");
        // A later change of the same application, so that hers is not the newest of the site.
        stage.change(api, "somebody");
        assert_eq!(called(&anna).await, Call::News);
        let news = anna.news();
        assert_eq!((news.len(), news[0].wish, news[0].sure), (1, wish, true), "{news:?}");
        anna.saw(wish, news[0].cursor);
        assert!(is_left_alone(&anna).await, "{:?}", anna.news());
        assert!(bert.news().is_empty(), "{:?}", bert.news());
    }
    assert!(is_left_alone(&bert).await);
}

#[tokio::test]
async fn while_nothing_changes_only_the_applications_are_asked() {
    let stage = Stage::new().await;
    for owner in ["anna", "bert", "carl"] {
        stage.change("contacts", owner);
        stage.change("calendar", owner);
    }
    let seats = [stage.wait("anna", "1"), stage.wait("anna", "2"), stage.wait("bert", "1"), stage.wait("carl", "1")];
    settled(&seats.iter().collect::<Vec<_>>()).await;
    stage.calls();
    tokio::time::sleep(TICK * 10).await;
    let calls = stage.calls();
    let asked = |method: &str| calls.iter().filter(|(_, call, params)| call == method && params[0].is_null()).count();
    // One before and one after the containers that are asked in turn to be on the safe side.
    assert!((10..=24).contains(&asked("calendar.getHighestModSeq")), "{calls:?}");
    assert!(!calls.iter().any(|(_, call, _)| call.ends_with("getChangesByModSeq")), "{calls:?}");
    let users: std::collections::BTreeSet<&String> = calls.iter().map(|(user, _, _)| user).collect();
    assert!(users.len() > 1, "the questions are asked with everybody's login in turn");
}

#[tokio::test]
async fn an_empty_container_is_in_doubt_only_while_the_newest_change_may_be_its_own() {
    let stage = Stage::new().await;
    stage.change("contacts", "anna");
    let empty = stage.wait("bert", "b1");
    settled(&[&empty]).await;
    // The newest change of the site is one of contacts: his first, or not.
    stage.change("contacts", "anna");
    assert_eq!(called(&empty).await, Call::News);
    let news = empty.news();
    assert_eq!((news.len(), news[0].wish, news[0].sure), (1, 0, false), "{news:?}");
    // It is one of another application now: the doubt is gone with the next change of contacts.
    stage.change("contacts", "anna");
    stage.change("tasks", "anna");
    tokio::time::sleep(TICK * 6).await;
    assert!(empty.news().is_empty(), "{:?}", empty.news());
    stage.change("contacts", "bert");
    stage.change("contacts", "anna");
    assert_eq!(called(&empty).await, Call::News);
    assert!(empty.news()[0].sure);
}

#[tokio::test]
async fn a_container_with_changes_of_its_own_is_never_in_doubt() {
    let stage = Stage::new().await;
    stage.change("contacts", "anna");
    stage.change("tasks", "somebody");
    let anna = stage.wait("anna", "1");
    settled(&[&anna]).await;
    stage.change("contacts", "anna");
    assert_eq!(called(&anna).await, Call::News);
    assert!(anna.news()[0].sure, "{:?}", anna.news());
}

#[tokio::test]
async fn a_change_of_another_application_ends_the_doubt() {
    let stage = Stage::new().await;
    stage.change("contacts", "anna");
    stage.change("tasks", "somebody");
    let (first, empty) = (stage.wait("bert", "b1"), stage.wait("carl", "c1"));
    settled(&[&first, &empty]).await;
    // Bert's first contact is the newest change of the site, so that Carl may have it as well.
    stage.change("contacts", "bert");
    for seat in [&first, &empty] {
        assert_eq!(called(seat).await, Call::News);
        assert!(!seat.news()[0].sure);
    }
    stage.change("tasks", "somebody");
    sure(&first).await.expect("it is Bert's");
    assert!(empty.news().is_empty(), "{:?}", empty.news());
}

#[tokio::test]
async fn what_is_in_doubt_is_asked_by_one_of_those_who_wait_for_it() {
    let stage = Stage::new().await;
    stage.change("contacts", "anna");
    let (one, other) = (stage.wait("bert", "1"), stage.wait("bert", "2"));
    settled(&[&one, &other]).await;
    stage.change("contacts", "anna");
    for seat in [&one, &other] {
        assert_eq!(called(seat).await, Call::News);
    }
    let (news, asking) = timeout(TICK * 20, one.may_ask()).await.unwrap().expect("it is in doubt");
    assert!(!other.doubts() && other.news()[0].asked);
    assert!(timeout(TICK * 20, other.may_ask()).await.unwrap().is_none());
    one.settle(news.wish, news.cursor, false);
    drop(asking);
    assert_eq!(timeout(Duration::from_secs(20), other.called()).await.unwrap(), Call::News);
    assert!(other.news().is_empty() && !other.doubts());
}

#[tokio::test]
async fn what_changed_before_the_wait_is_told_at_once_and_what_was_asked_is_not_asked_again() {
    let stage = Stage::new().await;
    stage.change("contacts", "anna");
    stage.change("calendar", "anna");
    let first = stage.wait("anna", "1");
    settled(&[&first]).await;
    drop(first);
    let again = stage.wait("anna", "1");
    assert!(again.is_settled(), "the containers are followed between two waits");
    drop(again);
    stage.change("calendar", "somebody");
    tokio::time::sleep(TICK * 4).await;
    let mut behind = stage.watch.enter(&stage.session("anna"), "2", &[Class::Calendar], Instant::now());
    behind.watch(vec![Wish { class: Class::Calendar, containers: vec!["anna".into()], seen: 7 }]);
    sure(&behind).await.expect("the doubt is gone with the next change of somebody");
}

#[tokio::test]
async fn a_history_that_was_restored_calls_everybody() {
    let stage = Stage::new().await;
    for _ in 0..5 {
        stage.change("calendar", "anna");
    }
    stage.change("contacts", "anna");
    let anna = stage.wait("anna", "1");
    settled(&[&anna]).await;
    {
        let mut site = stage.site.lock().unwrap();
        site.newest = 90;
        site.history.insert(("calendar".to_owned(), "anna".to_owned()), 88);
        site.history.insert(("calendar".to_owned(), "bert".to_owned()), 89);
        site.history.insert(("contacts".to_owned(), "anna".to_owned()), 90);
    }
    assert_eq!(called(&anna).await, Call::News);
    assert!(anna.news().iter().any(|news| news.restored), "{:?}", anna.news());
}

#[tokio::test]
async fn a_wrong_password_ends_the_waits_of_its_user_only() {
    let stage = Stage::new().await;
    for owner in ["anna", "bert"] {
        stage.change("contacts", owner);
        stage.change("calendar", owner);
    }
    let (anna, bert) = (stage.wait("anna", "a1"), stage.wait("bert", "b1"));
    settled(&[&anna, &bert]).await;
    stage.site.lock().unwrap().refused.push("anna".to_owned());
    assert_eq!(called(&anna).await, Call::Login);
    stage.change("calendar", "bert");
    assert_eq!(called(&bert).await, Call::News);
}

#[tokio::test]
async fn a_request_that_was_overtaken_does_not_end_the_newer_one() {
    let stage = Stage::new().await;
    let arrived = Instant::now();
    let newer = stage.wait("anna", "DEVICE");
    let older = stage.watch.enter(&stage.session("anna"), "device", &[Class::Calendar], arrived);
    assert_eq!(called(&older).await, Call::Over);
    drop(older);
    stage.change("calendar", "anna");
    assert_eq!(called(&newer).await, Call::News);
}

#[tokio::test]
async fn new_folders_are_told_to_all_devices_of_the_user() {
    let stage = Stage::new().await;
    stage.site.lock().unwrap().books.push("first".to_owned());
    let seats = [stage.wait("anna", "1"), stage.wait("anna", "2")];
    let listed = |seat: &Seat| seat.folders(Class::Contacts).map_or(0, |list| list.len());
    for seat in &seats {
        while listed(seat) < 1 {
            assert!(timeout(Duration::from_secs(20), seat.called()).await.is_ok());
        }
    }
    stage.site.lock().unwrap().books.push("second".to_owned());
    stage.watch.folders_changed("anna");
    for seat in &seats {
        while listed(seat) < 2 {
            assert!(timeout(Duration::from_secs(20), seat.called()).await.is_ok());
        }
    }
}

#[tokio::test]
async fn a_device_waits_once_and_the_end_of_the_program_ends_all_waits() {
    let stage = Stage::new().await;
    let (older, other) = (stage.wait("anna", "DEVICE"), stage.wait("anna", "other"));
    let newer = stage.wait("anna", "device");
    assert_eq!(called(&older).await, Call::Over);
    drop(older);
    assert_eq!(stage.watch.len(), 2);
    stage.watch.stop();
    for seat in [&newer, &other] {
        assert_eq!(called(seat).await, Call::Over);
    }
    let late = stage.wait("anna", "late");
    assert_eq!(called(&late).await, Call::Over);
    drop((newer, other, late));
    assert!(stage.watch.is_empty());
}

#[tokio::test]
async fn without_an_answer_of_horde_nothing_is_good_news() {
    let stage = Stage::new().await;
    stage.site.lock().unwrap().down = true;
    let anna = stage.wait("anna", "1");
    tokio::time::sleep(TICK * 5).await;
    assert!(!anna.is_settled());
    assert!(matches!(anna.trouble(), Some(horde_eas::source::Error::Unavailable { .. })), "{:?}", anna.trouble());
    stage.site.lock().unwrap().down = false;
    // Horde is left alone for a while after it was down.
    timeout(Duration::from_secs(60), settled(&[&anna])).await.unwrap();
    assert!(anna.trouble().is_none(), "{:?}", anna.trouble());
}

#[tokio::test]
async fn looks_are_rationed_per_tick() {
    let stage = Stage::new().await;
    let anna = stage.wait("anna", "1");
    settled(&[&anna]).await;
    let mut taken = 0;
    while anna.try_look() {
        taken += 1;
        assert!(taken < 100);
    }
    assert!(taken > 0);
    let again = async {
        while !anna.try_look() {
            tokio::time::sleep(TICK / 4).await;
        }
    };
    timeout(TICK * 20, again).await.expect("there are new ones with the next tick");
}

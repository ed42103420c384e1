//! The Horde client against a scripted stand-in for Horde's web server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy knows #[test] functions, but not their helpers"
)]

#[path = "horde_client/bulk.rs"]
mod bulk;
mod stand_in;

use std::{
    io::Write,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use horde_eas::horde::{Call, Error, Horde, Login, Settings};
use serde_json::{Value, json};
use stand_in::{Act, Request, Server, fatal_page};

const TRIVIAL: &str = "horde.listAPIs";

fn login(user: &str, password: &str) -> Login {
    Login { user: user.into(), password: password.to_owned().into() }
}

fn settings(server: &Server) -> Settings {
    Settings { url: server.url.clone(), timeout: 5, multicall: false, multiget: false, ..Settings::default() }
}

fn client(server: &Server) -> Horde {
    Horde::new(settings(server)).unwrap()
}

/// A stand-in that answers the trivial call well and all others as scripted.
async fn on_call(act: impl Fn(&Request) -> Act + Send + Sync + 'static) -> Server {
    Server::start(move |request| if request.call() == TRIVIAL { request.result(&json!([])) } else { act(request) })
        .await
}

async fn read(server: &Server) -> Result<Value, Error> {
    client(server).session(&login("u", "p")).read("x.y", vec![json!(1)]).await
}

async fn write(server: &Server) -> Result<Value, Error> {
    client(server).session(&login("u", "p")).write("x.y", vec![]).await
}

fn unavailable(result: &Result<Value, Error>, sign: &str) {
    match result {
        Err(Error::Unavailable { reason, retry_after }) if !retry_after.is_zero() => {
            assert!(reason.contains(sign), "{reason}");
        }
        other => panic!("not unavailable because of {sign:?}: {other:?}"),
    }
}

fn uncertain(result: &Result<Value, Error>) {
    assert!(matches!(result, Err(Error::Uncertain(_))), "{result:?}");
}

#[tokio::test]
async fn a_call_is_sent_as_horde_wants_it() {
    let server = on_call(|request| request.result(&json!({"ä": [null, 1.5, ""]}))).await;
    assert_eq!(read(&server).await, Ok(json!({"ä": [null, 1.5, ""]})));
    let request = server.log.lock().unwrap().remove(0);
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/horde/rpc.php"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("cookie"), None);
    assert!(request.header("user-agent").unwrap().starts_with("horde-eas/"));
    assert_eq!(request.login(), ("u".into(), "p".into()));
    assert_eq!((request.call().as_str(), request.json()["params"].clone()), ("x.y", json!([1])));
}

#[tokio::test]
async fn faults_and_fatal_errors_belong_to_the_call() {
    let server = on_call(|request| request.fault("Object a\n<b> not found.")).await;
    assert_eq!(read(&server).await, Err(Error::Fault("Object a <b> not found.".into())));
    let server = on_call(|_| fatal_page("count(): Argument #1 (&quot;x&quot;) &lt;bad&gt;")).await;
    assert_eq!(read(&server).await, Err(Error::Fatal("count(): Argument #1 (\"x\") <bad>".into())));
    assert!(write(&server).await.unwrap_err().is_uncertain());
    let server = on_call(|_| Act::answer(200, "text/html", "<p>Serialization failed.</p>")).await;
    assert_eq!(read(&server).await, Err(Error::Fatal("Serialization failed.".into())));
}

/// A database that is down must not look like a thousand broken items.
#[tokio::test]
async fn fatal_errors_on_every_call_belong_to_the_site() {
    let server = Server::start(|_| fatal_page("no database")).await;
    unavailable(&read(&server).await, "on every call (no database)");
    uncertain(&write(&server).await);
    assert!(matches!(client(&server).verify(&login("u", "p")).await, Err(Error::Unavailable { .. })));
    let server = on_call(|request| request.fault("SQLSTATE[HY000] [2002] Connection refused")).await;
    unavailable(&read(&server).await, "database");
    uncertain(&write(&server).await);
}

#[tokio::test]
async fn an_empty_500_is_the_broken_rpc_of_horde_5_on_php_8() {
    let server = Server::start(|_| Act::answer(500, "text/html", "")).await;
    for result in [read(&server).await, write(&server).await] {
        unavailable(&result, "HTTP 500 with an empty body");
        unavailable(&result, "PHP 8");
    }
    let result = client(&server).verify(&login("u", "p")).await.map(Value::from);
    unavailable(&result, "Horde_Rpc");
    let page = "<b>Fatal error</b>: Declaration of Horde_Rpc_Jsonrpc::request($r) must be compatible with Horde_Rpc";
    let server = Server::start(move |_| Act::answer(200, "text/html", page)).await;
    unavailable(&read(&server).await, "PHP 8");
}

/// The same sign on one call only is a crash that this call causes.
#[tokio::test]
async fn an_empty_500_of_one_call_belongs_to_the_call() {
    let server = on_call(|_| Act::answer(500, "text/html", "")).await;
    for result in [read(&server).await, write(&server).await] {
        assert!(matches!(&result, Err(Error::Fatal(text)) if text.contains("memory_limit")), "{result:?}");
    }
}

#[tokio::test]
async fn answers_that_are_none_are_told_apart() {
    let html = "text/html";
    let good = r#"{"version":"1.1","result":1}"#;
    let cases: Vec<(Act, &str, bool)> = vec![
        (Act::answer(502, html, "<h1>Bad Gateway</h1>"), "HTTP 502", true),
        (Act::answer(504, html, ""), "HTTP 504", true),
        (Act::answer(302, html, "").header("Location", "/horde/login.php"), "/horde/login.php", false),
        (Act::answer(200, html, "<form><input type=\"password\"></form>"), "login page", false),
        (Act::answer(404, html, "<title>404</title>Nothing here"), "HTTP 404", false),
        (Act::answer(403, html, "Forbidden"), "HTTP 403", false),
        (Act::answer(501, html, ""), "HTTP 501", false),
        (Act::answer(200, html, "<h1>It works!</h1>"), "It works!", true),
        (Act::answer(200, html, good), "content type", true),
        (Act::answer(200, "application/json", "[1]"), "ends too early", true),
        (Act::answer(200, "application/json", &good[..good.len() - 3]), "ends too early", true),
        (Act::answer(200, "application/json", r#"{"version":"1.1"}"#), "without result", true),
        (Act::answer(200, "application/json", r#"{"result":1,"id":"x"}"#), "another call", true),
        (Act::answer(200, "application/json", ""), "ends too early", true),
        (Act::answer(200, "application/json", good).cut_after(90), "closed", true),
        (Act::answer(200, "application/json", "junk").header("Content-Encoding", "gzip"), "damaged", true),
    ];
    for (act, sign, maybe_done) in cases {
        let server = on_call(move |_| act.clone()).await;
        unavailable(&read(&server).await, sign);
        let result = write(&server).await;
        if maybe_done { uncertain(&result) } else { unavailable(&result, sign) }
    }
}

#[tokio::test]
async fn a_503_says_when_to_come_back() {
    let server = on_call(|_| Act::answer(503, "text/html", "maintenance").header("Retry-After", "77")).await;
    for result in [read(&server).await, write(&server).await] {
        unavailable(&result, "maintenance");
        assert!(
            matches!(result, Err(Error::Unavailable { retry_after, .. }) if retry_after == Duration::from_secs(77))
        );
    }
    let server = on_call(|_| Act::answer(503, "text/html", "")).await;
    uncertain(&write(&server).await);
}

#[tokio::test]
async fn php_messages_around_the_json_do_no_harm() {
    let server = on_call(|request| {
        let json = json!({"version": "1.1", "result": {"a": "{\"b"}, "id": request.json()["id"]});
        let noise = "<br />\n<b>Warning</b>: Undefined key {\"x\"} in <b>/usr/share/x.php</b> on line <b>3</b><br />\n";
        Act::answer(200, "text/html; charset=UTF-8", format!("{noise}{json}\n<br />"))
    })
    .await;
    assert_eq!(read(&server).await, Ok(json!({"a": "{\"b"})));
    assert_eq!(write(&server).await, Ok(json!({"a": "{\"b"})));
    let server = on_call(|_| Act::answer(200, "text/html", "Warning: x {\"result\":1,\"id\":0}")).await;
    unavailable(&read(&server).await, "another call");
}

#[tokio::test]
async fn nobody_listens() {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/rpc.php", socket.local_addr().unwrap());
    drop(socket);
    let session = Horde::new(Settings { url, ..Settings::default() }).unwrap().session(&login("u", "p"));
    unavailable(&session.write("x.y", vec![]).await, "no connection");
    unavailable(&session.read("x.y", vec![]).await, "no connection");
    let url = "http://no-such-host.invalid/rpc.php".into();
    let session = Horde::new(Settings { url, ..Settings::default() }).unwrap().session(&login("u", "p"));
    unavailable(&session.write("x.y", vec![]).await, "cannot be resolved");
}

#[tokio::test]
async fn tls_to_a_server_without_tls() {
    let server = Server::start(|_| Act::cut()).await;
    let url = server.url.replace("http:", "https:");
    match Horde::new(Settings { url, timeout: 5, ..Settings::default() }) {
        Ok(horde) => unavailable(&horde.session(&login("u", "p")).write("x.y", vec![]).await, "connection"),
        // A machine without any CA certificate.
        Err(text) => assert!(text.contains("TLS"), "{text}"),
    }
}

#[test]
fn bad_urls_are_refused_with_a_reason() {
    for (url, sign) in [
        ("horde/rpc.php", "relative"),
        ("ftp://h/rpc.php", "http"),
        ("http://h/horde/", "path of rpc.php"),
        ("http://h/horde/rpc.php?x=1", "end with"),
        ("http://u:p@h/rpc.php", "login"),
        ("http://h/Microsoft-Server-ActiveSync/rpc.php", "ActiveSync"),
    ] {
        let error = Horde::new(Settings { url: url.into(), ..Settings::default() }).unwrap_err();
        assert!(error.contains(sign) && error.contains("[horde] url"), "{error}");
    }
}

#[test]
fn a_login_shows_no_password() {
    let login = login("alice", "hunter2");
    let horde = Horde::new(Settings::default()).unwrap();
    let text = format!("{login:?} {horde:?} {:?}", horde.session(&login));
    assert!(text.contains("alice") && !text.contains("hunter2"), "{text}");
}

/// Only reads are sent again, and not for ever.
#[tokio::test]
async fn reads_are_repeated_and_writes_are_not() {
    for failing in [Act::cut(), Act::answer(503, "text/html", "")] {
        let tries = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&tries);
        let script = move |request: &Request| match counted.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => failing.clone(),
            _ => request.result(&json!("third")),
        };
        let server = on_call(script).await;
        uncertain(&write(&server).await);
        assert_eq!(tries.swap(0, Ordering::SeqCst), 1);
        assert_eq!(read(&server).await, Ok(json!("third")));
        assert_eq!(tries.load(Ordering::SeqCst), 3);
    }
    let server = on_call(|_| Act::cut()).await;
    unavailable(&read(&server).await, "closed");
    assert_eq!(server.count(), 3);
}

#[tokio::test]
async fn time_outs_are_not_repeated() {
    let server = on_call(|request| request.result(&json!(1)).after(Duration::from_secs(4))).await;
    let horde = Horde::new(Settings { timeout: 1, ..settings(&server) }).unwrap();
    let session = horde.session(&login("u", "p"));
    let begun = Instant::now();
    unavailable(&session.read("x.y", vec![]).await, "in time");
    assert!(begun.elapsed() < Duration::from_secs(2));
    uncertain(&session.write("x.y", vec![]).await);
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn large_answers_are_bounded() {
    let server = on_call(|request| request.result(&json!("x".repeat(900_000)))).await;
    let small = Settings { answer_limit: 1, ..settings(&server) };
    let session = Horde::new(small.clone()).unwrap().session(&login("u", "p"));
    assert_eq!(session.read("x.y", vec![]).await.unwrap().as_str().unwrap().len(), 900_000);
    let server = on_call(|request| {
        let body = json!({"version": "1.1", "result": "x".repeat(3 << 20), "id": request.json()["id"]}).to_string();
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(body.as_bytes()).unwrap();
        assert_eq!(request.header("accept-encoding"), Some("identity"), "on the same machine");
        Act::answer(200, "application/json", packed.finish().unwrap()).header("Content-Encoding", "gzip")
    })
    .await;
    assert_eq!(read(&server).await.unwrap().as_str().unwrap().len(), 3 << 20);
    let small = Settings { url: server.url.clone(), ..small };
    let result = Horde::new(small).unwrap().session(&login("u", "p")).read("x.y", vec![]).await;
    assert!(matches!(&result, Err(Error::Fatal(text)) if text.contains("answer_limit")), "{result:?}");
}

/// A stand-in with Horde's sessions: a known cookie decides who is served, whatever the credentials are.
struct Sessions {
    /// (cookie, user).
    known: Vec<(String, String)>,
    password: String,
    made: usize,
}

impl Sessions {
    fn new() -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self { known: Vec::new(), password: "right".into(), made: 0 }))
    }

    fn answer(&mut self, request: &Request) -> Act {
        let (user, password) = request.login();
        let cookie = request.header("cookie").unwrap_or_default();
        let sent = cookie.split("; ").find_map(|pair| pair.strip_prefix("Horde="));
        if let Some((_, owner)) = self.known.iter().find(|(id, _)| Some(id.as_str()) == sent) {
            return request.result(&json!(owner));
        }
        if password != self.password {
            return Act::answer(401, "text/html", "401 Unauthorized")
                .header("Set-Cookie", "Horde=refused; path=/horde");
        }
        self.made += 1;
        let id = format!("s{}", self.made);
        self.known.push((id.clone(), user.clone()));
        request
            .result(&json!(user))
            .header("Set-Cookie", &format!("Horde={id}; path=/horde; HttpOnly"))
            .header("Set-Cookie", &format!("horde_secret_key={id}; path=/horde; HttpOnly"))
            .header("Set-Cookie", "default_horde_view=deleted; expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0")
    }
}

async fn with_sessions() -> (Server, Arc<Mutex<Sessions>>) {
    let sessions = Sessions::new();
    let inner = Arc::clone(&sessions);
    (Server::start(move |request| inner.lock().unwrap().answer(request)).await, sessions)
}

#[tokio::test]
async fn one_session_serves_all_devices_of_a_user_and_nobody_else() {
    let (server, sessions) = with_sessions().await;
    let horde = client(&server);
    for _ in 0..3 {
        for user in ["alice", "bob", "Alice"] {
            let device = horde.session(&login(user, "right"));
            assert_eq!(device.read("x.y", vec![]).await, Ok(json!(user)));
            assert_eq!(device.write("x.y", vec![]).await, Ok(json!(user)));
            assert_eq!(horde.verify(&login(user, "wrong")).await, Ok(false));
            assert_eq!(horde.session(&login(user, "wrong")).read("x.y", vec![]).await, Err(Error::Unauthorized));
            assert_eq!(horde.session(&login(user, "")).write("x.y", vec![]).await, Err(Error::Unauthorized));
        }
    }
    assert_eq!(sessions.lock().unwrap().made, 3);
    let log = server.log.lock().unwrap();
    let with_cookie = log.iter().filter(|request| request.header("cookie").is_some());
    assert!(with_cookie.clone().all(|request| request.login().1 == "right"));
    assert!(with_cookie.clone().all(|request| request.header("cookie").unwrap().contains("horde_secret_key=s")));
    assert_eq!(with_cookie.count(), 15);
}

#[tokio::test]
async fn verify_never_sends_a_cookie() {
    let (server, _) = with_sessions().await;
    let horde = client(&server);
    horde.session(&login("alice", "right")).read("x.y", vec![]).await.unwrap();
    assert_eq!(horde.verify(&login("alice", "right")).await, Ok(true));
    assert_eq!(server.log.lock().unwrap()[1].header("cookie"), None);
}

#[tokio::test]
async fn an_expired_session_is_renewed_at_once() {
    let (server, sessions) = with_sessions().await;
    // This site refuses an unknown cookie.
    let refusing = {
        let sessions = Arc::clone(&sessions);
        Server::start(move |request| {
            let mut sessions = sessions.lock().unwrap();
            let cookie = request.header("cookie").unwrap_or_default().to_owned();
            let known =
                cookie.is_empty() || sessions.known.iter().any(|(id, _)| cookie.contains(&format!("Horde={id};")));
            if known { sessions.answer(request) } else { Act::answer(401, "text/html", "") }
        })
        .await
    };
    for server in [&server, &refusing] {
        let session = client(server).session(&login("alice", "right"));
        assert_eq!(session.read("x.y", vec![]).await, Ok(json!("alice")));
        sessions.lock().unwrap().known.clear();
        assert_eq!(session.write("x.y", vec![]).await, Ok(json!("alice")));
        let before = server.count();
        assert_eq!(session.read("x.y", vec![]).await, Ok(json!("alice")));
        assert_eq!(server.count(), before + 1, "the new session is kept");
        assert!(server.log.lock().unwrap().last().unwrap().header("cookie").is_some());
    }
}

#[tokio::test]
async fn a_changed_password_ends_the_sessions_of_the_old_one() {
    let (server, sessions) = with_sessions().await;
    let horde = Horde::new(Settings { recheck: 1, ..settings(&server) }).unwrap();
    let old = horde.session(&login("alice", "right"));
    old.read("x.y", vec![]).await.unwrap();
    sessions.lock().unwrap().password = "new".into();
    // By time.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(old.read("x.y", vec![]).await, Err(Error::Unauthorized));
    // By the first success of the new one.
    sessions.lock().unwrap().password = "right".into();
    old.read("x.y", vec![]).await.unwrap();
    sessions.lock().unwrap().password = "new".into();
    horde.session(&login("alice", "new")).read("x.y", vec![]).await.unwrap();
    assert_eq!(old.read("x.y", vec![]).await, Err(Error::Unauthorized));
}

#[tokio::test]
async fn writes_of_one_user_run_one_after_the_other() {
    let server = Server::start(|request| request.result(&json!(1)).after(Duration::from_millis(50))).await;
    let horde = client(&server);
    let writes = |user: &str| {
        let tasks = (0..4).map(|_| {
            let session = horde.session(&login(user, "p"));
            tokio::spawn(async move { session.write("x.y", vec![]).await.unwrap() })
        });
        tasks.collect::<Vec<_>>()
    };
    for task in writes("alice") {
        task.await.unwrap();
    }
    assert_eq!(server.most.load(Ordering::SeqCst), 1);
    let (alice, bob) = (writes("alice"), writes("bob"));
    for task in alice.into_iter().chain(bob) {
        task.await.unwrap();
    }
    assert_eq!(server.most.load(Ordering::SeqCst), 2);
}

/// When the phone goes away a write that has begun keeps its place until Horde has answered.
#[tokio::test]
async fn a_write_outlives_its_caller() {
    let server = Server::start(|request| request.result(&json!(1)).after(Duration::from_millis(300))).await;
    let session = client(&server).session(&login("u", "p"));
    assert!(tokio::time::timeout(Duration::from_millis(100), session.write("x.y", vec![])).await.is_err());
    let begun = Instant::now();
    session.write("x.y", vec![]).await.unwrap();
    assert!(begun.elapsed() > Duration::from_millis(450));
    assert_eq!(server.most.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn parallel_calls_are_bounded_and_have_sessions_of_their_own() {
    let (server, sessions) = with_sessions().await;
    let horde = Horde::new(Settings { parallel: 3, ..settings(&server) }).unwrap();
    let session = horde.session(&login("alice", "right"));
    let calls = vec![Call { method: "x.y".into(), params: vec![] }; 40];
    let results = session.batch(calls).await.unwrap();
    assert!(results.len() == 40 && results.iter().all(|result| *result == Ok(json!("alice"))));
    assert!(sessions.lock().unwrap().made <= 3);
    assert_eq!((horde.stats().json, session.requests()), (40, 40));

    let slow = Server::start(|request| request.result(&json!(1)).after(Duration::from_millis(20))).await;
    let horde = Horde::new(Settings { parallel: 3, ..settings(&slow) }).unwrap();
    horde.session(&login("a", "p")).batch(vec![Call { method: "x.y".into(), params: vec![] }; 12]).await.unwrap();
    assert_eq!(slow.most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_dead_site_is_left_alone_for_a_while() {
    let down = Arc::new(AtomicUsize::new(1));
    let state = Arc::clone(&down);
    let script = move |request: &Request| match state.load(Ordering::SeqCst) {
        0 => request.result(&json!(1)),
        _ => Act::answer(502, "text/html", ""),
    };
    let server = Server::start(script).await;
    let session = client(&server).session(&login("u", "p"));
    for _ in 0..20 {
        unavailable(&session.read("x.y", vec![]).await, "HTTP 502");
    }
    assert_eq!(server.count(), 3);
    unavailable(&session.write("x.y", vec![]).await, "not asked again yet");
    down.store(0, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(session.read("x.y", vec![]).await, Ok(json!(1)));
    assert_eq!(session.read("x.y", vec![]).await, Ok(json!(1)));
}

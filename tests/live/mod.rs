//! What the tests of the sources against a real Horde share. Each test takes a fresh user of the lab (`e2e-NAME`, password `e2e-NAME-secret`).

use std::{
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use horde_eas::{
    horde::{Horde, Login, Session, Settings},
    proto::class::{Body, BodyKind, Patch, Properties, Value},
    source::{Error, Fetched, Source},
    state::{Beside, Store},
    wbxml::{Tag, tag::air_sync_base::BODY},
};
use serde_json::Value as Json;

/// A user of the lab, and a state directory of this program.
pub(crate) struct Site {
    pub(crate) horde: Horde,
    pub(crate) login: Login,
    pub(crate) store: Store,
    _dir: tempfile::TempDir,
}

impl Site {
    /// A fresh user, who lives in London.
    pub(crate) async fn new(app: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let url = std::env::var("HORDE_EAS_LAB_RPC")
            .expect("HORDE_EAS_LAB_RPC is not set: these tests need the URL of rpc.php of the lab");
        let user = format!("e2e-{app}-{:x}-{}", now() & 0xff_ffff, COUNT.fetch_add(1, Ordering::Relaxed));
        let dir = tempfile::tempdir().unwrap();
        let site = Self {
            horde: Horde::new(Settings { url, ..Settings::default() }).unwrap(),
            login: Login { password: format!("{user}-secret").into(), user },
            store: Store::open(dir.path()).unwrap(),
            _dir: dir,
        };
        let zone = ["horde", "timezone", "Europe/London"].map(Json::from);
        site.web("horde.setPreference", zone.to_vec()).await;
        site
    }

    pub(crate) fn session(&self) -> Session {
        self.horde.session(&self.login)
    }

    pub(crate) fn beside(&self, class: &str) -> Beside {
        self.store.beside(&self.login.user, class).unwrap()
    }

    /// Somebody at the web interface.
    pub(crate) async fn web(&self, method: &str, params: Vec<Json>) -> Json {
        self.session().write(method, params).await.unwrap()
    }
}

/// Seconds since 1970, made different for every process.
pub(crate) fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_secs() ^ u64::from(std::process::id()) << 4
}

/// Runs a script of tests/lab/php as the lab's web server would; its output.
pub(crate) fn lab_php(script: &str, args: &[&str]) -> String {
    let code = format!(". tests/lab/lib.sh; lab_php tests/lab/php/{script} \"$@\"");
    let out = Command::new("bash").args(["-c", &code, "lab"]).args(args).output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout).trim().to_owned();
    assert!(out.status.success() && !text.is_empty(), "{script}: {}", String::from_utf8_lossy(&out.stderr));
    text
}

pub(crate) fn item<'a>(pairs: impl IntoIterator<Item = (Tag, &'a str)>) -> Properties {
    let mut item = Properties::default();
    pairs.into_iter().for_each(|(tag, text)| item.set_text(tag, text));
    item
}

pub(crate) fn with_body(mut item: Properties, data: &str) -> Properties {
    item.0.insert(BODY, Value::Body(Body { kind: BodyKind::Plain, data: data.to_owned() }));
    item
}

pub(crate) fn with_list(mut item: Properties, tag: Tag, list: &[&str]) -> Properties {
    item.0.insert(tag, Value::List(list.iter().map(|&s| s.to_owned()).collect()));
    item
}

pub(crate) fn set(item: &Properties) -> Patch {
    Patch { set: item.clone(), clear: Vec::new() }
}

pub(crate) fn clear(tags: &[Tag]) -> Patch {
    Patch { set: Properties::default(), clear: tags.to_vec() }
}

pub(crate) async fn own<S: Source>(source: &S) -> String {
    let containers = source.containers().await.unwrap();
    assert!(containers[0].default && containers[0].writable, "{containers:?}");
    containers[0].id.clone()
}

pub(crate) async fn read<S: Source>(source: &S, container: &str, uid: &str) -> Properties {
    match source.fetch(container, &[uid.to_owned()], &[]).await.unwrap().remove(0) {
        Fetched::Item(item) => item,
        other => panic!("{uid}: {other:?}"),
    }
}

/// Everything in `made` is in `there`.
#[track_caller]
pub(crate) fn holds(there: &Properties, made: &Properties, name: &str) {
    for (tag, value) in &made.0 {
        assert_eq!(there.0.get(tag), Some(value), "{name}: {tag:?}");
    }
}

/// What is refused in a container that the user does not have (any more), and in one that he may only read.
pub(crate) async fn check_rights<S: Source>(source: &S, container: &str, uid: &str, new: &Properties, readable: bool) {
    let denied = if readable { Error::Denied } else { Error::ContainerGone };
    assert_eq!(source.add(container, "no-uid", new).await, Err(denied.clone()));
    assert_eq!(source.change(container, uid, &set(new)).await, Err(denied.clone()));
    assert_eq!(source.delete(container, uid).await, Err(denied.clone()));
    if !readable {
        use horde_eas::proto::class::Scope;
        assert_eq!(source.list(container, Scope::All).await, Err(denied.clone()));
        assert_eq!(source.changes(container, 1, 2).await, Err(denied.clone()));
        assert_eq!(source.fetch(container, &[uid.to_owned()], &[]).await, Err(denied));
    }
}

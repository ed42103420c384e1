//! A user at a real Horde, with a phone and a web browser.

use std::sync::atomic::{AtomicU32, Ordering};

use horde_eas::{
    horde::{Horde, Login, Session, Settings},
    proto::class::{Blob, Body, BodyKind, Patch, Properties, Value},
    source::{Fetched, Shared, Source, kronolith::Kronolith},
    state::Store,
    wbxml::{
        Tag,
        tag::{air_sync_base as b, calendar as c},
    },
};
use serde_json::{Value as Json, json};

/// A user and what he has on disk.
pub(crate) struct Site {
    pub(crate) horde: Horde,
    pub(crate) login: Login,
    pub(crate) store: Store,
    /// His own calendar.
    pub(crate) calendar: String,
    _dir: tempfile::TempDir,
}

pub(crate) fn settings() -> Settings {
    let url = std::env::var("HORDE_EAS_LAB_RPC")
        .expect("HORDE_EAS_LAB_RPC is not set: these tests need the URL of rpc.php of a real Horde");
    Settings { url, ..Settings::default() }
}

fn number() -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

impl Site {
    /// A user whom nobody has met, in that zone ("": Horde's default).
    pub(crate) async fn new(zone: &str) -> Self {
        let names = std::env::var("HORDE_EAS_LAB_USERS").unwrap_or_else(|_| "e2e-live".into());
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() % 1_000_000;
        let user = format!("{names}-{now}-{}-{}", std::process::id(), number());
        Self::with(Login { password: format!("{user}-secret").into(), user }, zone).await
    }

    pub(crate) async fn with(login: Login, zone: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let horde = Horde::new(settings()).unwrap();
        let session = horde.session(&login);
        if !zone.is_empty() {
            let set = vec![json!("horde"), json!("timezone"), json!(zone)];
            session.write("horde.setPreference", set).await.unwrap();
        }
        let store = Store::open(dir.path()).unwrap();
        let mut site = Self { horde, login, store, calendar: String::new(), _dir: dir };
        let calendars = site.phone().containers().await.unwrap();
        assert!(calendars[0].default && calendars[0].writable, "{calendars:?}");
        site.calendar = calendars[0].id.clone();
        site
    }

    /// A fresh instance that remembers nothing but what is on disk, as another process or device has it.
    pub(crate) fn phone(&self) -> Kronolith {
        let beside = self.store.beside(&self.login.user, "calendar").unwrap();
        Kronolith::new(self.horde.session(&self.login), beside, &Shared::new())
    }

    pub(crate) fn session(&self) -> Session {
        self.horde.session(&self.login)
    }

    pub(crate) async fn web(&self, method: &str, params: Json) -> Json {
        let Json::Array(params) = params else { panic!("no list") };
        self.session().write(method, params).await.unwrap()
    }

    /// Somebody at the web interface changes an event.
    pub(crate) async fn web_change(&self, uid: &str, lines: &[&str]) {
        self.web("calendar.replace", json!([uid, vcalendar(uid, lines), "text/calendar", self.calendar])).await;
    }

    pub(crate) async fn web_add(&self, uid: &str, lines: &[&str]) {
        self.web("calendar.import", json!([vcalendar(uid, lines), "text/calendar", self.calendar])).await;
    }

    /// The event as Horde has it.
    pub(crate) async fn text(&self, uid: &str) -> String {
        let params = json!([uid, "text/calendar", [], [self.calendar]]);
        self.web("calendar.export", params).await.as_str().unwrap().replace("\r\n ", "").replace("\r\n", "\n")
    }

    pub(crate) async fn add(&self, item: &Properties) -> String {
        self.phone().add(&self.calendar, &wish(), item).await.unwrap()
    }

    pub(crate) async fn change(&self, uid: &str, set: Properties) {
        self.patch(uid, Patch { set, clear: vec![] }).await;
    }

    pub(crate) async fn clear(&self, uid: &str, clear: &[Tag]) {
        self.patch(uid, Patch { set: Properties::default(), clear: clear.to_vec() }).await;
    }

    pub(crate) async fn patch(&self, uid: &str, patch: Patch) {
        self.phone().change(&self.calendar, uid, &patch).await.unwrap();
    }

    /// What another device sees.
    pub(crate) async fn read(&self, uid: &str) -> Properties {
        match self.phone().fetch(&self.calendar, &[uid.to_owned()], &[]).await.unwrap().remove(0) {
            Fetched::Item(item) => item,
            other => panic!("{uid}: {other:?}"),
        }
    }

    /// What another device sees, without what the source fills in by itself unless it was set.
    pub(crate) async fn read_like(&self, uid: &str, like: &Properties) -> Properties {
        let mut item = self.read(uid).await;
        let filled = self.phone().filled_in();
        item.0.retain(|tag, _| !filled.contains(tag) || like.0.contains_key(tag));
        item
    }
}

pub(crate) fn vcalendar(uid: &str, lines: &[&str]) -> String {
    let uid = format!("UID:{uid}");
    let all = ["BEGIN:VCALENDAR", "VERSION:2.0", BERLIN, "BEGIN:VEVENT", &uid].into_iter();
    all.chain(lines.iter().copied()).chain(["END:VEVENT", "END:VCALENDAR", ""]).collect::<Vec<_>>().join("\r\n")
}

const BERLIN: &str = "BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nBEGIN:STANDARD\r\nDTSTART:19701025T030000\r\n\
    RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nBEGIN:DAYLIGHT\r\n\
    DTSTART:19700329T020000\r\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\nEND:DAYLIGHT\r\n\
    END:VTIMEZONE";

/// A uid that no other Add has.
pub(crate) fn wish() -> String {
    format!("kronolith-live.{}.{}@horde-eas", std::process::id(), number())
}

pub(crate) fn text(tag: Tag, text: &str) -> (Tag, Value) {
    (tag, Value::Text(text.into()))
}

pub(crate) fn item(pairs: impl IntoIterator<Item = (Tag, Value)>) -> Properties {
    Properties(pairs.into_iter().collect())
}

pub(crate) fn with(base: &Properties, pairs: impl IntoIterator<Item = (Tag, Value)>) -> Properties {
    let mut base = base.clone();
    base.0.extend(pairs);
    base
}

/// A meeting on 2026-12-01 from 08:00 to 09:00 UTC.
pub(crate) fn event(subject: &str) -> Properties {
    item([text(c::SUBJECT, subject), text(c::START_TIME, "20261201T080000Z"), text(c::END_TIME, "20261201T090000Z")])
}

pub(crate) fn zone(name: &str) -> (Tag, Value) {
    let zone = jiff::tz::TimeZone::get(name).unwrap();
    let at = "2026-12-01T08:00:00Z".parse().unwrap();
    text(c::TIMEZONE, &horde_eas::convert::zone::blob(&zone, at).encode())
}

/// The zone as a phone tells it, without a name.
pub(crate) fn nameless(name: &str) -> (Tag, Value) {
    let (tag, value) = zone(name);
    let Value::Text(base64) = value else { panic!("no text") };
    let mut blob = Blob::parse(&base64).unwrap();
    blob.standard.set_name("");
    blob.daylight.set_name("");
    text(tag, &blob.encode())
}

pub(crate) fn body(kind: BodyKind, data: &str) -> (Tag, Value) {
    (b::BODY, Value::Body(Body { kind, data: data.into() }))
}

pub(crate) fn place(name: &str) -> (Tag, Value) {
    (b::LOCATION, Value::Group(item([text(b::DISPLAY_NAME, name)])))
}

pub(crate) fn categories(list: &[&str]) -> (Tag, Value) {
    (c::CATEGORIES, Value::List(list.iter().map(|s| (*s).to_owned()).collect()))
}

pub(crate) fn rule(pairs: &[(Tag, &str)]) -> (Tag, Value) {
    (c::RECURRENCE, Value::Group(item(pairs.iter().map(|(tag, value)| text(*tag, value)))))
}

/// Ten Tuesdays.
pub(crate) fn weekly() -> (Tag, Value) {
    let parts = [(c::TYPE, "1"), (c::INTERVAL, "1"), (c::OCCURRENCES, "10"), (c::DAY_OF_WEEK, "4")];
    rule(&[&parts[..], &[(c::FIRST_DAY_OF_WEEK, "1")]].concat())
}

pub(crate) fn exceptions(list: impl IntoIterator<Item = Properties>) -> (Tag, Value) {
    (c::EXCEPTIONS, Value::Groups(list.into_iter().collect()))
}

pub(crate) fn exception(start: &str, pairs: impl IntoIterator<Item = (Tag, Value)>) -> Properties {
    with(&item(pairs), [text(c::EXCEPTION_START_TIME, start)])
}

pub(crate) fn deleted(start: &str) -> Properties {
    exception(start, [text(c::DELETED, "1")])
}

pub(crate) fn attendee(email: &str, status: &str) -> Properties {
    item([text(c::EMAIL, email), text(c::NAME, "Bob"), text(c::ATTENDEE_STATUS, status), text(c::ATTENDEE_TYPE, "1")])
}

pub(crate) fn attendees(list: impl IntoIterator<Item = Properties>) -> (Tag, Value) {
    (c::ATTENDEES, Value::Groups(list.into_iter().collect()))
}

//! Contacts in a real Turba. Not part of `cargo test`; started with
//! `HORDE_EAS_LAB_RPC=http://host/horde/rpc.php cargo test --test turba_live`.
//! `HORDE_EAS_LAB_WRITER` (`name:password`) may be written to: the tests take away what they made. `HORDE_EAS_LAB_READER` is somebody
//! with many contacts, some with photo.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Instant,
};

use horde_eas::{
    horde::{Horde, Login, Settings},
    proto::class::{Body, BodyKind, Patch, Properties, Scope, Value},
    source::{
        Error, Fetched, Source,
        turba::{Shared, Turba},
    },
    state::Store,
    wbxml::{
        Tag,
        tag::{air_sync_base as asb, contacts as c, contacts2 as c2},
    },
};
use serde_json::json;

struct Site {
    horde: Horde,
    login: Login,
    _dir: tempfile::TempDir,
    store: Store,
}

impl Site {
    fn new(variable: &str, otherwise: &str) -> Self {
        let url = std::env::var("HORDE_EAS_LAB_RPC")
            .expect("HORDE_EAS_LAB_RPC is not set: these tests need the URL of rpc.php of a real Horde");
        let pair = std::env::var(variable).unwrap_or_else(|_| otherwise.into());
        let (user, password) = pair.split_once(':').expect("name:password");
        let dir = tempfile::tempdir().unwrap();
        Self {
            horde: Horde::new(Settings { url, ..Settings::default() }).unwrap(),
            login: Login { user: user.into(), password: password.to_owned().into() },
            store: Store::open(dir.path()).unwrap(),
            _dir: dir,
        }
    }

    fn writer() -> Self {
        Self::new("HORDE_EAS_LAB_WRITER", "dave:dave-secret")
    }

    fn reader() -> Self {
        Self::new("HORDE_EAS_LAB_READER", "carol:carol-secret")
    }

    /// A fresh instance that remembers nothing but what is on disk, as another process or device has it.
    fn turba(&self) -> Turba {
        let beside = self.store.beside(&self.login.user, "contacts").unwrap();
        Turba::new(self.horde.session(&self.login), beside, &Shared::new())
    }

    /// Somebody at the web interface.
    async fn web(&self, uid: &str, book: &str, fields: serde_json::Value) {
        let session = self.horde.session(&self.login);
        session.write("contacts.replace", vec![json!(uid), fields, json!("array"), json!([book])]).await.unwrap();
    }
}

fn marked(what: &str) -> String {
    format!("turba-live {what} {}", std::process::id())
}

/// A uid that no other Add has.
fn wish() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("turba-live.{}.{}@horde-eas", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

fn text(tag: Tag, text: &str) -> (Tag, Value) {
    (tag, Value::Text(text.into()))
}

fn item(pairs: impl IntoIterator<Item = (Tag, Value)>) -> Properties {
    Properties(pairs.into_iter().collect())
}

async fn own_book(turba: &Turba) -> String {
    let books = turba.containers().await.unwrap();
    assert!(books[0].default && books[0].writable, "{books:?}");
    books[0].id.clone()
}

async fn read(turba: &Turba, book: &str, uid: &str) -> Properties {
    match turba.fetch(book, &[uid.to_owned()], &[]).await.unwrap().remove(0) {
        Fetched::Item(item) => item,
        other => panic!("{uid}: {other:?}"),
    }
}

fn photo(size: usize) -> Vec<u8> {
    let noise = (0..size as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8);
    [0xff, 0xd8, 0xff, 0xe0].into_iter().chain(noise).take(size).collect()
}

/// Every property, with values that the columns take.
fn everything(name: &str) -> Properties {
    let plain = [
        c::MIDDLE_NAME,
        c::TITLE,
        c::SUFFIX,
        c2::NICK_NAME,
        c::YOMI_FIRST_NAME,
        c::YOMI_LAST_NAME,
        c::YOMI_COMPANY_NAME,
        c::HOME_PHONE_NUMBER,
        c::HOME2_PHONE_NUMBER,
        c::BUSINESS_PHONE_NUMBER,
        c::BUSINESS2_PHONE_NUMBER,
        c::MOBILE_PHONE_NUMBER,
        c::HOME_FAX_NUMBER,
        c::BUSINESS_FAX_NUMBER,
        c::CAR_PHONE_NUMBER,
        c::PAGER_NUMBER,
        c::RADIO_PHONE_NUMBER,
        c::ASSISTANT_PHONE_NUMBER,
        c2::COMPANY_MAIN_PHONE,
        c2::MMS,
        c::HOME_ADDRESS_STREET,
        c::HOME_ADDRESS_CITY,
        c::HOME_ADDRESS_STATE,
        c::HOME_ADDRESS_POSTAL_CODE,
        c::BUSINESS_ADDRESS_STREET,
        c::BUSINESS_ADDRESS_CITY,
        c::BUSINESS_ADDRESS_STATE,
        c::BUSINESS_ADDRESS_POSTAL_CODE,
        c::OTHER_ADDRESS_STREET,
        c::OTHER_ADDRESS_CITY,
        c::OTHER_ADDRESS_STATE,
        c::OTHER_ADDRESS_POSTAL_CODE,
        c::COMPANY_NAME,
        c::DEPARTMENT,
        c::JOB_TITLE,
        c::OFFICE_LOCATION,
        c2::MANAGER_NAME,
        c::ASSISTANT_NAME,
        c::SPOUSE,
        c2::IM_ADDRESS,
        c2::IM_ADDRESS2,
        c2::IM_ADDRESS3,
        c2::CUSTOMER_ID,
        c2::GOVERNMENT_ID,
        c2::ACCOUNT_NAME,
        c::ALIAS,
        c::WEIGHTED_RANK,
    ];
    let numbered = plain.iter().enumerate().map(|(n, tag)| text(*tag, &format!("ü€😀 {n}")));
    let others = [
        text(c::FILE_AS, "Chosen Ω"),
        text(c::LAST_NAME, name),
        text(c::FIRST_NAME, "Jürgen 王"),
        text(c::EMAIL1_ADDRESS, "one@example.test"),
        text(c::EMAIL2_ADDRESS, "two@example.test"),
        text(c::EMAIL3_ADDRESS, "three@example.test"),
        text(c::HOME_ADDRESS_COUNTRY, "Germany"),
        text(c::BUSINESS_ADDRESS_COUNTRY, "Deutschland"),
        text(c::OTHER_ADDRESS_COUNTRY, "Atlantis"),
        text(c::BIRTHDAY, "1604-02-29T00:00:00.000Z"),
        text(c::ANNIVERSARY, "2001-12-31T00:00:00.000Z"),
        text(c::WEB_PAGE, "https://example.test/?a=b&c=%C3%BC"),
        (c::CHILDREN, Value::List(vec!["Anna".into(), "Öle".into()])),
        (
            c::CATEGORIES,
            Value::List(vec!["turba-live Büro".into(), "turba-live Freunde, alte".into(), "turba-live 😀".into()]),
        ),
        (c::PICTURE, Value::Bytes(photo(30_000))),
        (asb::BODY, Value::Body(Body { kind: BodyKind::Plain, data: "one\r\n\r\n<two> & 😀".into() })),
    ];
    item(numbered.chain(others))
}

#[tokio::test]
async fn everything_survives_from_one_phone_to_another_and_can_be_cleared() {
    let site = Site::writer();
    let turba = site.turba();
    let book = own_book(&turba).await;
    let before = turba.cursor(&book).await.unwrap();
    let made = everything(&marked("everything"));
    let uid = turba.add(&book, &wish(), &made).await.unwrap();

    let there = read(&site.turba(), &book, &uid).await;
    for (tag, value) in &made.0 {
        assert_eq!(there.0.get(tag), Some(value), "{tag:?}");
    }
    assert_eq!(there, made);
    let changes = turba.changes(&book, before, turba.cursor(&book).await.unwrap()).await.unwrap();
    assert!(changes.add.contains(&uid), "{changes:?}");
    let both = [book.clone(), book.clone()];
    let at_least = turba.cursor(&book).await.unwrap();
    let cursors = turba.cursors(&both).await.unwrap();
    assert!(cursors.len() == 2 && cursors.iter().all(|cursor| *cursor >= at_least), "{cursors:?} {at_least}");

    // The same contact again is another one, unless it brings the same uid.
    assert_eq!(site.turba().add(&book, &uid, &made).await, Err(Error::Exists));
    let twin = site.turba().add(&book, &wish(), &made).await.unwrap();
    assert_eq!(read(&site.turba(), &book, &twin).await, made);
    turba.delete(&book, &twin).await.unwrap();

    let clear: Vec<Tag> = made.0.keys().copied().filter(|tag| *tag != c::LAST_NAME).collect();
    turba.change(&book, &uid, &Patch { set: Properties::default(), clear }).await.unwrap();
    let name = marked("everything");
    assert_eq!(read(&site.turba(), &book, &uid).await, item([text(c::LAST_NAME, &name), text(c::FILE_AS, &name)]));
    assert!(site.store.beside(&site.login.user, "contacts").unwrap().names().unwrap().is_empty());

    assert_eq!(turba.delete(&book, &uid).await, Ok(()));
    assert_eq!(turba.fetch(&book, std::slice::from_ref(&uid), &[]).await, Ok(vec![Fetched::Missing]));
    turba.cursor(&book).await.unwrap();
    assert_eq!(turba.delete(&book, &uid).await, Err(Error::NotFound));
    assert_eq!(turba.change(&book, &uid, &Patch::default()).await, Err(Error::NotFound));
}

/// Turba compares a new contact by substring search: "Ann" is a duplicate of "Anna" to it.
#[tokio::test]
async fn a_contact_whose_text_is_part_of_another_is_not_refused() {
    let site = Site::writer();
    let turba = site.turba();
    let book = own_book(&turba).await;
    let long = item([text(c::LAST_NAME, &marked("part and more")), text(c::FIRST_NAME, "Anna")]);
    let short = item([text(c::LAST_NAME, &marked("part").replace(&format!(" {}", std::process::id()), ""))]);
    let first = turba.add(&book, &wish(), &long).await.unwrap();
    let second = turba.add(&book, &wish(), &short).await;
    let nothing = turba.add(&book, &wish(), &Properties::default()).await;
    for uid in [Ok(first), second.clone(), nothing.clone()].into_iter().flatten() {
        turba.delete(&book, &uid).await.unwrap();
    }
    assert!(second.is_ok(), "{second:?}");
    assert!(nothing.is_ok(), "{nothing:?}");
}

#[tokio::test]
async fn long_values_are_kept_whole_until_the_web_side_changes_them() {
    let site = Site::writer();
    let turba = site.turba();
    let book = own_book(&turba).await;
    let (long, notes) = ("☎0123456789".repeat(5), "ü😀 line\r\n".repeat(9_000) + "end");
    let made = item([
        text(c::LAST_NAME, &marked("long")),
        text(c::HOME_PHONE_NUMBER, &long),
        text(c::BUSINESS_PHONE_NUMBER, &long),
        text(c::HOME_ADDRESS_POSTAL_CODE, "123456789012345"),
        text(c::SUFFIX, &"ß".repeat(40)),
        text(c::SPOUSE, &"😀".repeat(300)),
        text(c::EMAIL2_ADDRESS, "two@example.test"),
        (asb::BODY, Value::Body(Body { kind: BodyKind::Plain, data: notes })),
    ]);
    let uid = turba.add(&book, &wish(), &made).await.unwrap();
    let mut expected = made.clone();
    expected.set_text(c::FILE_AS, marked("long"));
    assert_eq!(read(&site.turba(), &book, &uid).await, expected);

    site.web(&uid, &book, json!({"homePhone": "110", "spouse": ""})).await;
    expected.set_text(c::HOME_PHONE_NUMBER, "110");
    expected.set_text(c::SPOUSE, "");
    assert_eq!(read(&site.turba(), &book, &uid).await, expected);

    // A phone that sends everything back as it got it writes nothing at all.
    let seen = turba.cursor(&book).await.unwrap();
    turba.change(&book, &uid, &Patch { set: expected.clone(), clear: vec![] }).await.unwrap();
    // Other tests write to the same address book meanwhile.
    let changes = turba.changes(&book, seen, turba.cursor(&book).await.unwrap()).await.unwrap();
    assert!(!changes.modify.contains(&uid));

    let patch =
        Patch { set: item([text(c::JOB_TITLE, "Boss"), text(c::FILE_AS, "Mine")]), clear: vec![c::EMAIL2_ADDRESS] };
    turba.change(&book, &uid, &patch).await.unwrap();
    expected.set_text(c::JOB_TITLE, "Boss");
    expected.set_text(c::FILE_AS, "Mine");
    expected.set_text(c::EMAIL2_ADDRESS, "");
    assert_eq!(read(&site.turba(), &book, &uid).await, expected);
    site.web(&uid, &book, json!({"lastname": marked("web")})).await;
    expected.set_text(c::LAST_NAME, marked("web"));
    expected.set_text(c::FILE_AS, marked("web"));
    assert_eq!(read(&site.turba(), &book, &uid).await, expected);
    turba.delete(&book, &uid).await.unwrap();
}

#[tokio::test]
async fn photo_and_categories_change_alone() {
    let site = Site::writer();
    let turba = site.turba();
    let book = own_book(&turba).await;
    let mut expected = item([
        text(c::LAST_NAME, &marked("photo")),
        text(c::JOB_TITLE, "stays"),
        (c::PICTURE, Value::Bytes(photo(5_000))),
        (c::CATEGORIES, Value::List(vec!["turba-live A".into(), "turba-live b".into()])),
    ]);
    let uid = turba.add(&book, &wish(), &expected).await.unwrap();
    expected.set_text(c::FILE_AS, marked("photo"));
    assert_eq!(read(&site.turba(), &book, &uid).await, expected);
    for (tag, value) in [
        (c::PICTURE, Value::Bytes(photo(6_000))),
        (c::CATEGORIES, Value::List(vec!["turba-live b".into(), "turba-live Ç".into()])),
    ] {
        turba.change(&book, &uid, &Patch { set: item([(tag, value.clone())]), clear: vec![] }).await.unwrap();
        expected.0.insert(tag, value);
        assert_eq!(read(&site.turba(), &book, &uid).await, expected);
    }
    for tag in [c::CATEGORIES, c::PICTURE] {
        turba.change(&book, &uid, &Patch { set: Properties::default(), clear: vec![tag] }).await.unwrap();
        expected.0.remove(&tag);
        assert_eq!(read(&site.turba(), &book, &uid).await, expected);
    }
    let large = Patch { set: item([(c::PICTURE, Value::Bytes(photo(40_000)))]), clear: vec![] };
    assert!(matches!(turba.change(&book, &uid, &large).await, Err(Error::Refused(_))));
    turba.delete(&book, &uid).await.unwrap();
}

#[tokio::test]
async fn trouble_is_told_apart() {
    let site = Site::writer();
    let turba = site.turba();
    let books = turba.containers().await.unwrap();
    assert!(books.iter().all(|book| book.id != "favourites"), "{books:?}");
    let reader = Site::reader();
    let foreign = own_book(&reader.turba()).await;
    let uid = reader.turba().list(&foreign, Scope::All).await.unwrap().remove(0);
    let new = item([text(c::LAST_NAME, &marked("trouble"))]);
    for gone in [foreign.as_str(), "no-such-book"] {
        assert_eq!(turba.list(gone, Scope::All).await, Err(Error::ContainerGone));
        assert_eq!(turba.look(gone, Scope::All).await, Err(Error::ContainerGone));
        assert_eq!(turba.changes(gone, 1, 2).await, Err(Error::ContainerGone));
        assert_eq!(turba.fetch(gone, std::slice::from_ref(&uid), &[]).await, Err(Error::ContainerGone));
        assert_eq!(turba.add(gone, &wish(), &new).await, Err(Error::ContainerGone));
        assert_eq!(
            turba.change(gone, &uid, &Patch { set: new.clone(), clear: vec![] }).await,
            Err(Error::ContainerGone)
        );
        assert_eq!(turba.delete(gone, &uid).await, Err(Error::ContainerGone));
    }
    if let Some(shared) = books.iter().find(|book| !book.writable) {
        let uid = turba.list(&shared.id, Scope::All).await.unwrap().remove(0);
        assert_eq!(turba.add(&shared.id, &wish(), &new).await, Err(Error::Denied));
        assert_eq!(turba.change(&shared.id, &uid, &Patch { set: new, clear: vec![] }).await, Err(Error::Denied));
        assert_eq!(turba.delete(&shared.id, &uid).await, Err(Error::Denied));
    }
    let wrong = Login { password: "certainly-wrong".to_owned().into(), ..site.login.clone() };
    let turba = Turba::new(
        site.horde.session(&wrong),
        site.store.beside(&site.login.user, "contacts").unwrap(),
        &Shared::new(),
    );
    assert_eq!(turba.containers().await, Err(Error::Unauthorized));
    assert_eq!(turba.list("x", Scope::All).await, Err(Error::Unauthorized));
}

/// The targets: a first sync of 1,000 contacts in at most 8 PHP requests, one changed contact in one.
#[tokio::test]
async fn reading_is_frugal() {
    let site = Site::reader();
    let turba = site.turba();
    let book = own_book(&turba).await;
    site.horde.session(&site.login).has_multicall().await;

    let (requests, start) = (site.horde.stats().total(), Instant::now());
    turba.cursor(&book).await.unwrap();
    let uids = turba.list(&book, Scope::All).await.unwrap();
    let listed = start.elapsed();
    let mut items = Vec::new();
    for (n, window) in uids.chunks(100).enumerate() {
        let ahead = uids.get((n + 1) * 100..).unwrap_or_default();
        items.extend(turba.fetch(&book, window, ahead).await.unwrap());
    }
    let (bulk, time) = (site.horde.stats().total() - requests, start.elapsed());
    println!(
        "{} contacts: {bulk} PHP requests, {} ms, of these {} ms for cursor and list",
        uids.len(),
        time.as_millis(),
        listed.as_millis()
    );
    assert!(bulk <= 6, "{bulk}");

    let mut single = std::time::Duration::ZERO;
    let mut sample: Vec<_> = uids.iter().step_by(97).cloned().collect();
    sample.push(uids[20].clone());
    for uid in &sample {
        let shared = Shared::new();
        let beside = site.store.beside(&site.login.user, "contacts").unwrap();
        let other = Turba::new(site.horde.session(&site.login), beside, &shared);
        other.fetch(&book, &["no-such-contact".to_owned()], &[]).await.unwrap();
        let (requests, start) = (site.horde.stats().total(), Instant::now());
        let one = other.fetch(&book, std::slice::from_ref(uid), &[]).await.unwrap().remove(0);
        single += start.elapsed();
        assert_eq!(site.horde.stats().total() - requests, 1);
        let bulk = &items[uids.iter().position(|u| u == uid).unwrap()];
        assert_eq!(&one, bulk, "the two ways of reading differ");
    }
    println!("one contact: 1 PHP request, {} ms", single.as_millis() / sample.len() as u128);
    let with = |tag: Tag| items.iter().filter(|i| matches!(i, Fetched::Item(p) if p.0.contains_key(&tag))).count();
    println!("with photo {}, with categories {}", with(c::PICTURE), with(c::CATEGORIES));
    assert!(with(c::PICTURE) > 0 && with(c::CATEGORIES) > 0 && with(c::LAST_NAME) == uids.len());
}

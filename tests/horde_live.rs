//! The Horde client against a real Horde. Not part of `cargo test`; started with
//! `HORDE_EAS_LAB_RPC=http://host/horde/rpc.php cargo test --test horde_live`.
//! Users come from `HORDE_EAS_LAB_USERS`: two pairs `name:password` separated by a blank, the second being allowed to be written to.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy knows #[test] functions, but not their helpers"
)]

use horde_eas::horde::{Call, Error, Horde, Login, Session, Settings};
use serde_json::{Value, json};

fn url() -> String {
    std::env::var("HORDE_EAS_LAB_RPC")
        .expect("HORDE_EAS_LAB_RPC is not set: these tests need the URL of rpc.php of a real Horde")
}

/// The n-th user of the site.
fn login(n: usize) -> Login {
    let users = std::env::var("HORDE_EAS_LAB_USERS").unwrap_or_else(|_| "alice:alice-secret bob:bob-secret".into());
    let pair = users.split_whitespace().nth(n).expect("HORDE_EAS_LAB_USERS names too few users");
    let (user, password) = pair.split_once(':').expect("HORDE_EAS_LAB_USERS: name:password");
    Login { user: user.into(), password: password.to_owned().into() }
}

fn wrong(n: usize) -> Login {
    Login { password: "certainly-wrong".to_owned().into(), ..login(n) }
}

fn horde() -> Horde {
    Horde::new(Settings { url: url(), ..Settings::default() }).unwrap()
}

async fn own_books(session: &Session) -> Value {
    session.read("contacts.sources", vec![json!(true), json!(false)]).await.unwrap()
}

#[tokio::test]
async fn verify_tells_right_from_wrong() {
    let horde = horde();
    assert_eq!(horde.verify(&login(0)).await, Ok(true));
    assert_eq!(horde.verify(&wrong(0)).await, Ok(false));
    assert_eq!(horde.verify(&Login { user: "nobody-here".into(), ..login(0) }).await, Ok(false));
    assert_eq!(horde.verify(&Login { user: "a:b".into(), ..login(0) }).await, Ok(false));
    assert_eq!(horde.stats().json, 3);
}

/// The cookie of one user gives his data to whoever presents it, with any password: `horde-rpc.md` 2 (a) and (b).
#[tokio::test]
async fn a_kept_session_never_serves_another_user_or_a_wrong_password() {
    let horde = horde();
    let first = own_books(&horde.session(&login(0))).await;
    let second = own_books(&horde.session(&login(1))).await;
    assert_ne!(first, second);
    for _ in 0..3 {
        assert_eq!(own_books(&horde.session(&login(0))).await, first);
        let denied = horde.session(&wrong(0)).read("contacts.sources", vec![]).await;
        assert_eq!(denied, Err(Error::Unauthorized));
        assert_eq!(horde.verify(&wrong(0)).await, Ok(false));
        assert_eq!(own_books(&horde.session(&login(1))).await, second);
    }
}

/// The error table of `horde-rpc.md` 3.
#[tokio::test]
async fn errors_are_told_apart() {
    let session = horde().session(&login(0));
    let fault = |text: &str| Err(Error::Fault(text.into()));
    assert_eq!(session.read("contacts.nope", vec![]).await, fault("Method \"contacts.nope\" is not defined"));
    let vcard = json!("text/x-vcard");
    assert_eq!(
        session.read("contacts.export", vec![json!("nosuchuid"), vcard.clone()]).await,
        fault("Object nosuchuid not found.")
    );
    let ics = json!("text/calendar");
    assert_eq!(session.read("calendar.export", vec![json!("nosuchuid"), ics]).await, fault("nosuchuid not found"));
    let note = session.read("notes.export", vec![json!("nosuchuid"), json!("text/plain")]).await;
    assert!(matches!(&note, Err(Error::Fatal(text)) if text.contains("count()")), "{note:?}");
    let few = session.read("contacts.export", vec![]).await;
    assert!(matches!(&few, Err(Error::Fatal(text)) if text.contains("Too few arguments")), "{few:?}");
    let book = session.read("contacts.listUids", vec![json!("nosuchbook")]).await;
    assert!(matches!(&book, Err(Error::Fault(_))), "{book:?}");
}

/// The user's own address book that may be written to.
async fn own_book(session: &Session) -> String {
    let books = session.read("contacts.sources", vec![json!(true), json!(false)]).await.unwrap();
    let books = books.as_object().expect("an address book that may be written to");
    books.keys().find(|id| *id != "favourites").cloned().unwrap()
}

fn export(uid: &Value, book: &str) -> Call {
    Call { method: "contacts.export".into(), params: vec![uid.clone(), json!("text/vcard"), json!(book)] }
}

#[tokio::test]
async fn a_batch_tells_faults_from_results_and_takes_few_requests() {
    let horde = horde();
    let session = horde.session(&login(0));
    let book = own_book(&session).await;
    assert!(session.has_multicall().await, "the site must offer multiCall");
    let uids = session.read("contacts.listUids", vec![json!(book)]).await.unwrap();
    let uid = uids.as_array().and_then(|uids| uids.first()).expect("a contact");
    let call = |method: &str, params: Vec<Value>| Call { method: method.into(), params };
    let calls = vec![
        call("horde.listAPIs", vec![]),
        export(&json!("nosuchuid"), &book),
        export(uid, &book),
        call("contacts.nope", vec![]),
    ];
    let before = horde.stats();
    let results = session.batch(calls.clone()).await.unwrap();
    assert_eq!(horde.stats().total() - before.total(), 1);
    assert!(results[0].as_ref().unwrap().is_array());
    assert_eq!(results[1], Err(Error::Fault("Object nosuchuid not found.".into())));
    let card = results[2].as_ref().unwrap();
    assert!(card.as_str().unwrap().starts_with("BEGIN:VCARD\r\n"), "{card}");
    assert!(matches!(&results[3], Err(Error::Fault(text)) if text.contains("not found")));

    let plain = Horde::new(Settings { url: url(), multicall: false, ..Settings::default() }).unwrap();
    let singly = plain.session(&login(0)).batch(calls).await.unwrap();
    assert_eq!(singly[..3], results[..3], "both protocols give the same");

    let before = horde.stats();
    let results = session.batch(vec![export(uid, &book); 300]).await.unwrap();
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(horde.stats().xml - before.xml, 2);
    assert_eq!(horde.stats().total() - before.total(), 2);
}

/// A PHP fatal error in one entry kills the whole answer of multiCall.
#[tokio::test]
async fn a_fatal_entry_is_found_and_spoils_no_other() {
    let horde = horde();
    let session = horde.session(&login(0));
    let mut calls = vec![Call { method: "horde.listAPIs".into(), params: vec![] }; 30];
    calls[17] = Call { method: "notes.export".into(), params: vec![json!("nosuchuid"), json!("text/plain")] };
    let results = session.batch(calls).await.unwrap();
    for (n, result) in results.iter().enumerate() {
        match (n, result) {
            (17, Err(Error::Fatal(text))) => assert!(text.contains("count()"), "{text}"),
            (17, other) => panic!("{other:?}"),
            (_, result) => assert!(result.is_ok(), "{n}: {result:?}"),
        }
    }
    assert!(session.has_multicall().await);
    assert!(horde.stats().total() < 20, "{:?}", horde.stats());
}

#[tokio::test]
async fn texts_of_all_kinds_arrive_by_both_protocols() {
    let horde = horde();
    let session = horde.session(&login(1));
    let book = own_book(&session).await;
    let name = "ZZ horde_live Ångström 日本 <&> \"'😀";
    let notes = "größer\nzweite Zeile 🎉\ttab €";
    let contact = json!({"lastname": name, "firstname": "Zoë", "notes": notes});
    let uid = session.write("contacts.import", vec![contact, json!("array"), json!(book)]).await.unwrap();
    let export = Call { method: "contacts.export".into(), params: vec![uid.clone(), json!("array"), json!(book)] };
    let by_json = session.read(&export.method, export.params.clone()).await;
    let by_xml = session.batch(vec![export; 2]).await;
    session.write("contacts.delete", vec![uid, json!(book)]).await.unwrap();
    assert_eq!(horde.stats().xml, 2, "probe and batch");
    for result in [by_json, by_xml.unwrap().swap_remove(1)] {
        let fields = result.unwrap();
        assert_eq!(fields["lastname"], name);
        assert_eq!(fields["firstname"], "Zoë");
        assert_eq!(fields["notes"], notes);
    }
}

#[tokio::test]
async fn multiget_gives_what_propfind_lists() {
    let horde = horde();
    let session = horde.session(&login(0));
    let book = own_book(&session).await;
    let path = format!("addressbooks/{}/contacts~{book}/", session.user());
    let hrefs = session.list_hrefs(&path).await.unwrap().expect("the site must offer WebDAV");
    let hrefs: Vec<String> = hrefs.into_iter().map(|(href, _)| href).filter(|h| !h.ends_with('/')).take(7).collect();
    let cards = session.multiget(&path, &hrefs).await.unwrap().unwrap();
    assert_eq!(cards.len(), hrefs.len());
    assert!(cards.iter().all(|(href, card)| hrefs.contains(href) && card.starts_with("BEGIN:VCARD\r\n")));
    assert_eq!(horde.stats().dav, 2);
    let gone = session.list_hrefs("addressbooks/nobody/contacts~nothing/").await;
    assert!(matches!(gone, Err(Error::Fault(_))), "{gone:?}");
}

//! The Horde client against a real Horde. Not part of `cargo test`; started with
//! `HORDE_EAS_LAB_RPC=http://host/horde/rpc.php cargo test --test horde_live`.
//! Users come from `HORDE_EAS_LAB_USERS`: two pairs `name:password` separated by a blank, the second being allowed to be written to.

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

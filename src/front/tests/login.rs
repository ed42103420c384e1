use super::*;

#[tokio::test]
async fn a_known_login_costs_no_php() {
    let place = Place::new(|_| {}).await;
    for _ in 0..5 {
        let got = Ask::options().send(&place).await;
        assert_eq!(got.status, 200);
        assert_eq!(got.header("MS-ASProtocolVersions"), Some("2.5,12.0,12.1,14.0,14.1,16.0,16.1"));
        assert_eq!(got.header("MS-ASProtocolCommands"), Some("FolderSync,Settings,Provision,GetAttachment,SendMail"));
        assert_eq!(got.header("MS-Server-ActiveSync"), Some("15.1"));
        assert!(got.body.is_empty());
        assert_eq!(Ask::command("FolderSync", "14.1", b"x").send(&place).await.status, 200);
    }
    assert_eq!(place.horde.asked(), 1);
}

#[tokio::test]
async fn without_remembering_horde_is_asked_each_time() {
    let place = Place::new(|config| config.login.remember = 0).await;
    for n in 1..4 {
        assert_eq!(Ask::options().send(&place).await.status, 200);
        assert_eq!(place.horde.asked(), n);
    }
}

#[tokio::test]
async fn names_are_mapped_before_horde_sees_them() {
    let place = Place::new(|config| config.mail.domain = "example.org".into()).await;
    for name in ["alice@example.org", "EXAMPLE\\alice", "alice"] {
        assert_eq!(Ask::options().login(name, "alice-secret").send(&place).await.status, 200, "{name}");
    }
    // All three are one login.
    assert_eq!(place.horde.asked(), 1);
    assert_eq!(Ask::options().login("alice@example.net", "alice-secret").send(&place).await.status, 401);
}

#[tokio::test]
async fn nobody_gets_in_without_a_login() {
    let place = Place::new(|config| config.login.realm = "Our Horde".into()).await;
    for login in [None, Some(("alice", "")), Some(("", "alice-secret")), Some(("a/b", "x")), Some(("a\nb", "x"))] {
        for method in ["OPTIONS", "POST", "GET"] {
            let mut ask = Ask::command("FolderSync", "14.1", b"x");
            ask.method = method;
            ask.login = login.map(|(u, p)| (u.to_owned(), p.to_owned()));
            let got = ask.send(&place).await;
            assert_eq!((got.status, got.header("WWW-Authenticate")), (401, Some("Basic realm=\"Our Horde\"")));
            assert!(got.body.is_empty());
        }
    }
    assert_eq!(place.horde.asked(), 0);
}

#[tokio::test]
async fn wrong_passwords_are_not_passed_on_for_ever() {
    let place = Place::new(|_| {}).await;
    let mut seen = Vec::new();
    for n in 0..30 {
        let got = Ask::options().login("alice", &format!("guess {n}")).send(&place).await;
        assert_eq!(got.header("Retry-After").is_some(), got.status == 503);
        seen.push(got.status);
    }
    assert_eq!(place.horde.asked(), 5);
    assert_eq!(seen, [vec![401; 20], vec![503; 10]].concat());
    // The right password of the same user at another address, and another user at the same address.
    let mut ask = Ask::options();
    ask.remote = "198.51.100.9";
    assert_eq!(ask.send(&place).await.status, 200);
    assert_eq!(Ask::options().login("bob", "bob-secret").send(&place).await.status, 200);
    // Known by now, whatever others do at that address.
    assert_eq!(Ask::options().send(&place).await.status, 200);
}

#[tokio::test]
async fn a_phone_with_an_old_password_does_not_reach_php() {
    let place = Place::new(|_| {}).await;
    for _ in 0..20 {
        assert_eq!(Ask::options().login("alice", "old").send(&place).await.status, 401);
    }
    assert_eq!(place.horde.asked(), 1);
    assert_eq!(Ask::options().send(&place).await.status, 200);
}

#[tokio::test]
async fn horde_out_of_reach_is_503_and_never_401() {
    let place = Place::new(|_| {}).await;
    place.horde.down.store(true, Ordering::SeqCst);
    let got = Ask::command("FolderSync", "14.1", b"x").send(&place).await;
    assert_eq!(got.status, 503);
    assert!(got.header("Retry-After").unwrap().parse::<u32>().unwrap() > 0);
}

#[tokio::test]
async fn a_login_that_horde_takes_back_is_asked_again() {
    let place = Place::new(|_| {}).await;
    assert_eq!(Ask::command("FolderSync", "14.1", b"unauthorized").send(&place).await.status, 401);
    assert_eq!(place.horde.asked(), 1);
    assert_eq!(Ask::options().send(&place).await.status, 200);
    assert_eq!(place.horde.asked(), 2);
}

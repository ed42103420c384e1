//! Notes in a real Mnemo. Not part of `cargo test`; started with
//! `HORDE_EAS_LAB=... HORDE_EAS_LAB_RPC=http://host/horde/rpc.php cargo test --test mnemo_live`.

mod live;

use std::time::Instant;

use horde_eas::{
    proto::class::{Body, BodyKind, Patch, Properties, Scope, Value},
    source::{Error, Fetched, Shared, Source, mnemo::Mnemo},
    state::Beside,
    wbxml::tag::{air_sync_base::BODY, notes as n},
};
use live::{Site, check_rights, clear, holds, item, lab_php, own, read, set, with_body, with_list};
use serde_json::{Value as Json, json};

/// A fresh instance that remembers nothing but what is on disk, as another process or device has it.
fn mnemo(site: &Site) -> Mnemo {
    Mnemo::new(site.session(), site.beside("notes"), &Shared::new())
}

/// The text that Mnemo has.
async fn text(site: &Site, uid: &str) -> Result<String, String> {
    let answer = site.session().read("notes.export", vec![json!(uid), json!("text/plain")]).await;
    answer.map(|text| text.as_str().unwrap().replace("\r\n", "\n")).map_err(|error| error.to_string())
}

async fn web(site: &Site, uid: &str, text: &str) {
    site.web("notes.replace", vec![json!(uid), json!(text), json!("text/plain")]).await;
}

fn note(subject: &str, body: &str) -> Properties {
    with_body(item([(n::SUBJECT, subject), (n::MESSAGE_CLASS, "IPM.StickyNote")]), body)
}

/// Notes as phones send them: (what is kept beside Horde, text that Horde is to have, note).
fn corpus() -> Vec<(usize, String, Properties)> {
    let mut list = Vec::new();
    // The subject is the first line of the body, as with Outlook and most phones.
    for body in [
        "Einkauf\r\nMilch\r\nBrot",
        "one line",
        "Größe: Ärmel\r\n\r\nÖse – „quoted“",
        "牛乳\r\n買う",
        "Купить\r\nмолоко",
        "😀 emoji\r\n👨‍👩‍👧",
        "<b>not html</b>\r\n&nbsp; &amp;",
        "back\\slash \\n \\N \\\\ \\;\r\nend\\",
        "C:\\new\\Notes\r\n",
        "\r\n  space around \r\n\r\n",
        "semi; comma, colon: = =41 =C3",
        "END:VNOTE\r\nBEGIN:VNOTE\r\nBODY:x",
        "- [ ] a\r\n- [x] b\r\n\r\n\r\n- c",
        "tab\tinside\r\n\tand before",
        "trailing   \r\n   spaces   \r\ninside",
        "1234\r\n5678",
    ] {
        let subject = body.split("\r\n").map(str::trim).find(|line| !line.is_empty()).unwrap();
        list.push((0, body.replace("\r\n", "\n"), note(subject, body)));
    }
    let long = "w".repeat(300) + " x\r\n" + &"much text, ".repeat(500) + "end";
    list.push((0, long.replace("\r\n", "\n"), note(&"w".repeat(255), &long)));
    list.push((
        0,
        "cats\nx".into(),
        with_list(note("cats", "cats\r\nx"), n::CATEGORIES, &["mnemo-live a", "mnemo-live Büro; 2"]),
    ));
    // Others keep the title apart.
    list.push((1, "Titel\neins\nzwei".into(), note("Titel", "eins\r\nzwei")));
    list.push((1, "Eine lange Zeile\nx".into(), note("Eine lange", "Eine lange Zeile\r\nx")));
    let tagged = |subject, body| with_list(note(subject, body), n::CATEGORIES, &["mnemo-live c"]);
    list.push((0, "back\\slash \\\\ \\; end".into(), tagged("back\\slash \\\\ \\; end", "back\\slash \\\\ \\; end")));
    list.push((1, "space around".into(), tagged("space around", "\r\n  space around \r\n\r\n")));
    list.push((1, "C:\\\new\\\notes".into(), tagged("C:\\new\\Notes", "C:\\new\\Notes")));
    list.push((1, "x".into(), with_list(note("x", "x"), n::CATEGORIES, &["mnemo-live with, comma"])));
    let mut class = note("class", "class");
    class.set_text(n::MESSAGE_CLASS, "IPM.StickyNote.Own");
    list.push((1, "class".into(), class));
    let pgp = "-----BEGIN PGP MESSAGE-----\r\nabc";
    list.push((1, format!("PGP\n{}", pgp.replace("\r\n", "\n")), note("-----BEGIN PGP MESSAGE-----", pgp)));
    list.push((
        1,
        "only a subject".into(),
        item([(n::SUBJECT, "only a subject"), (n::MESSAGE_CLASS, "IPM.StickyNote")]),
    ));
    let large = "ü😀 line\r\n".repeat(7000) + "end";
    list.push((1, String::new(), note("ü😀 line", &large)));
    list
}

/// Without what the source fills in.
fn bare(mut there: Properties) -> Properties {
    assert!(there.text(n::LAST_MODIFIED_DATE).is_some_and(|date| date.len() == 16), "{there:?}");
    there.0.remove(&n::LAST_MODIFIED_DATE);
    there
}

#[tokio::test]
async fn notes_survive_from_one_phone_to_another_and_can_be_cleared() {
    let site = Site::new("mnemo").await;
    let source = mnemo(&site);
    let pad = own(&source).await;
    let before = source.cursor(&pad).await.unwrap();
    let corpus = corpus();
    assert!(corpus.len() >= 20, "{}", corpus.len());
    let mut uids = Vec::new();
    for (_, _, made) in &corpus {
        uids.push(source.add(&pad, "not granted", made).await.unwrap());
    }
    let changes = source.changes(&pad, before, source.cursor(&pad).await.unwrap()).await.unwrap();
    assert!(uids.iter().all(|uid| changes.add.contains(uid)), "{changes:?}");

    let other = mnemo(&site);
    other.cursor(&pad).await.unwrap();
    let names = site.beside("notes").names().unwrap();
    let fetched = other.fetch(&pad, &uids, &[]).await.unwrap();
    for ((uid, (kept, there, made)), fetched) in uids.iter().zip(&corpus).zip(fetched) {
        let name = made.text(n::SUBJECT).unwrap_or_default();
        if !there.is_empty() && !there.starts_with("PGP") {
            assert_eq!(text(&site, uid).await.as_ref(), Ok(there), "{name}");
        }
        let Fetched::Item(seen) = fetched else { panic!("{name}: {fetched:?}") };
        assert_eq!(&bare(seen), made, "{name}");
        assert_eq!(names.contains(&Beside::name(uid)), *kept > 0, "{name}: {:?}", site.beside("notes").get(uid));
    }
    // A phone that sends everything back as it got it writes nothing at all.
    let seen = other.cursor(&pad).await.unwrap();
    for (uid, (_, _, made)) in uids.iter().zip(&corpus) {
        other.change(&pad, uid, &set(made)).await.unwrap();
    }
    assert_eq!(other.cursor(&pad).await, Ok(seen));

    for uid in &uids {
        other.change(&pad, uid, &clear(&[n::SUBJECT, n::CATEGORIES, n::MESSAGE_CLASS, BODY])).await.unwrap();
    }
    let last = mnemo(&site);
    let empty = item([(n::MESSAGE_CLASS, "IPM.StickyNote")]);
    for fetched in last.fetch(&pad, &uids, &[]).await.unwrap() {
        let Fetched::Item(there) = fetched else { panic!("{fetched:?}") };
        assert_eq!(bare(there), empty);
    }
    assert!(site.beside("notes").names().unwrap().is_empty());
    for uid in &uids {
        assert_eq!(last.delete(&pad, uid).await, Ok(()));
        assert_eq!(last.delete(&pad, uid).await, Err(Error::NotFound));
        assert_eq!(last.change(&pad, uid, &set(&empty)).await, Err(Error::NotFound));
    }
    let changes = last.changes(&pad, seen, last.cursor(&pad).await.unwrap()).await.unwrap();
    assert!(uids.iter().all(|uid| changes.delete.contains(uid)), "{changes:?}");
    assert_eq!(last.list(&pad, Scope::All).await, Ok(vec![]));
}

#[tokio::test]
async fn edits_of_phone_and_web_meet() {
    let site = Site::new("mnemo").await;
    let source = mnemo(&site);
    let pad = own(&source).await;
    let made = with_list(note("Titel", "eins\r\nzwei"), n::CATEGORIES, &["mnemo-live a"]);
    let uid = source.add(&pad, "", &made).await.unwrap();
    let change = |patch: Patch| {
        let (source, pad, uid) = (mnemo(&site), pad.clone(), uid.clone());
        async move { source.change(&pad, &uid, &patch).await.unwrap() }
    };
    change(set(&with_body(Properties::default(), "drei"))).await;
    assert_eq!(text(&site, &uid).await.as_deref(), Ok("Titel\ndrei"));
    change(set(&item([(n::SUBJECT, "Neu")]))).await;
    assert_eq!(text(&site, &uid).await.as_deref(), Ok("Neu\ndrei"));
    let there = read(&mnemo(&site), &pad, &uid).await;
    holds(&there, &with_list(note("Neu", "drei"), n::CATEGORIES, &["mnemo-live a"]), "two edits");
    change(set(&with_list(Properties::default(), n::CATEGORIES, &["mnemo-live b", "mnemo-live c"]))).await;
    assert_eq!(text(&site, &uid).await.as_deref(), Ok("Neu\ndrei"));
    holds(
        &read(&mnemo(&site), &pad, &uid).await,
        &with_list(note("Neu", "drei"), n::CATEGORIES, &["mnemo-live b", "mnemo-live c"]),
        "tags",
    );

    let body = Body { kind: BodyKind::Html, data: "<div>Neu</div><div><i>html</i></div>".into() };
    let html = Properties([(BODY, Value::Body(body))].into());
    change(set(&html)).await;
    assert_eq!(text(&site, &uid).await.as_deref(), Ok("Neu\nhtml"));
    holds(&read(&mnemo(&site), &pad, &uid).await, &html, "html");
    change(set(&with_body(Properties::default(), "Neu\r\nhtml"))).await;
    holds(&read(&mnemo(&site), &pad, &uid).await, &html, "sent back as plain text");

    // The web wins, and what was kept does not come back.
    let phone = mnemo(&site);
    let cursor = phone.cursor(&pad).await.unwrap();
    web(&site, &uid, "Web\nfour").await;
    let changes = phone.changes(&pad, cursor, phone.cursor(&pad).await.unwrap()).await.unwrap();
    assert_eq!(changes.modify, [uid.clone()]);
    let there = read(&phone, &pad, &uid).await;
    assert_eq!(bare(there), note("Web", "Web\r\nfour"));
    change(set(&with_body(Properties::default(), "Web 2\r\nfour"))).await;
    assert_eq!(bare(read(&mnemo(&site), &pad, &uid).await), note("Web 2", "Web 2\r\nfour"));
    assert_eq!(text(&site, &uid).await.as_deref(), Ok("Web 2\nfour"));
    // A change of what is only kept tells the user's other devices.
    let cursor = phone.cursor(&pad).await.unwrap();
    phone.change(&pad, &uid, &set(&item([(n::MESSAGE_CLASS, "IPM.StickyNote.X")]))).await.unwrap();
    assert!(phone.cursor(&pad).await.unwrap() > cursor);
    assert_eq!(read(&mnemo(&site), &pad, &uid).await.text(n::MESSAGE_CLASS), Some("IPM.StickyNote.X"));
    phone.delete(&pad, &uid).await.unwrap();
    assert!(site.beside("notes").names().unwrap().is_empty());
}

/// Encrypted notes are put aside, and their cipher text stays as it is. A text that only looks so is a text.
#[tokio::test]
async fn encrypted_notes_are_put_aside() {
    let site = Site::new("mnemo").await;
    let source = mnemo(&site);
    let pad = own(&source).await;
    let import = |text: &'static str| site.web("notes.import", vec![json!(text), json!("text/plain"), json!(pad)]);
    let uid_of = |uid: Json| uid.as_str().map(str::to_owned);
    let encrypted = lab_php("secret.php", &[&site.login.user, "-----BEGIN PGP MESSAGE-----\nhQEMA"]);
    let looks = uid_of(import("Mnemo_Exception: is what PHP said").await).unwrap();
    let plain = uid_of(import("plain").await).unwrap();
    let uids = [encrypted.clone(), looks, plain, "no-such-note".to_owned()];
    let fetched = mnemo(&site).fetch(&pad, &uids, &[]).await.unwrap();
    let Fetched::Broken(reason) = &fetched[0] else { panic!("{:?}", fetched[0]) };
    assert!(reason.contains("encrypted"), "{reason}");
    let Fetched::Item(there) = &fetched[1] else { panic!("{:?}", fetched[1]) };
    assert_eq!(there.text(n::SUBJECT), Some("Mnemo_Exception: is what PHP said"));
    assert!(matches!(fetched[2], Fetched::Item(_)), "{:?}", fetched[2]);
    assert_eq!(fetched[3], Fetched::Missing);
    let change = set(&item([(n::SUBJECT, "x")]));
    assert!(matches!(source.change(&pad, &encrypted, &change).await, Err(Error::Refused(_))));
    assert!(text(&site, &encrypted).await.unwrap_err().contains("encrypted"), "still what it was");
}

#[tokio::test]
async fn trouble_is_told_apart() {
    let (site, other) = (Site::new("mnemo").await, Site::new("mnemo").await);
    let (source, theirs) = (mnemo(&site), mnemo(&other));
    let (pad, foreign) = (own(&source).await, own(&theirs).await);
    let new = note("trouble", "trouble");
    let uid = theirs.add(&foreign, "", &new).await.unwrap();
    for gone in [foreign.as_str(), "no-such-pad"] {
        check_rights(&source, gone, &uid, &new, false).await;
    }
    lab_php("share.php", &["mnemo", &other.login.user, &site.login.user, "6"]);
    let reader = mnemo(&site);
    let containers = reader.containers().await.unwrap();
    assert!(containers.iter().any(|c| c.id == foreign && !c.writable && !c.default), "{containers:?}");
    assert_eq!(reader.list(&foreign, Scope::All).await, Ok(vec![uid.clone()]));
    assert_eq!(bare(read(&reader, &foreign, &uid).await), new);
    assert_eq!(
        reader.fetch(&pad, std::slice::from_ref(&uid), &[]).await,
        Ok(vec![Fetched::Missing]),
        "of another notepad"
    );
    assert_eq!(reader.delete(&pad, &uid).await, Err(Error::NotFound));
    check_rights(&reader, &foreign, &uid, &note("changed", "changed"), true).await;
    lab_php("share.php", &["mnemo", &other.login.user, &site.login.user, "0"]);
    check_rights(&mnemo(&site), &foreign, &uid, &new, false).await;

    let mut login = site.login.clone();
    login.password = "certainly-wrong".to_owned().into();
    let wrong = Mnemo::new(site.horde.session(&login), site.beside("notes"), &Shared::new());
    assert_eq!(wrong.containers().await, Err(Error::Unauthorized));
    assert_eq!(wrong.list(&pad, Scope::All).await, Err(Error::Unauthorized));
}

/// The target: 200 notes of a first Sync in few PHP requests.
#[tokio::test]
async fn reading_is_frugal() {
    let site = Site::new("mnemo").await;
    let source = mnemo(&site);
    let pad = own(&source).await;
    for n in 0..200 {
        let text = format!("note {n}\ntext");
        site.web("notes.import", vec![json!(text), json!("text/plain"), json!(pad)]).await;
    }
    site.session().has_multicall().await;
    let source = mnemo(&site);
    source.containers().await.unwrap();
    let (requests, begun) = (site.horde.stats().total(), Instant::now());
    source.cursor(&pad).await.unwrap();
    let uids = source.list(&pad, Scope::All).await.unwrap();
    let mut items = 0;
    for (n, window) in uids.chunks(50).enumerate() {
        let ahead = uids.get((n + 1) * 50..).unwrap_or_default();
        let there = |f: &&Fetched| matches!(f, Fetched::Item(i) if matches!(i.0.get(&BODY), Some(Value::Body(_))));
        items += source.fetch(&pad, window, ahead).await.unwrap().iter().filter(there).count();
    }
    let spent = site.horde.stats().total() - requests;
    println!("200 notes: {spent} PHP requests, {} ms", begun.elapsed().as_millis());
    assert_eq!((uids.len(), items), (200, 200));
    assert!(spent <= 3, "{spent}");
}

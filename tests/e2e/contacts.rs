//! Contacts both ways, read back through the other door.

use base64::Engine as _;
use serde_json::json;

use crate::{
    horde::jpeg,
    phone::{Request, VERSIONS, change, delete},
    site::Site,
    tree::{El, el, t},
};

fn name(first: &str, last: &str) -> [El; 2] {
    [t("Contacts:FirstName", first), t("Contacts:LastName", last)]
}

#[test]
fn initial_sync_comes_in_windows() {
    let site = Site::start("windows");
    for i in 0..25 {
        site.horde.make(
            &json!({ "firstname": format!("F{i}"), "lastname": "Windows", "email": format!("w{i}@example.test") }),
        );
    }
    for version in ["2.5", "14.1", "16.1"] {
        let mut phone = site.phone(&format!("win{}", version.replace('.', "")), version);
        phone.pair();
        let book = phone.contacts();
        let requests = phone.sync_all_by(&book, 10);
        assert_eq!(phone.items(&book).len(), 25);
        assert!(requests <= 5, "{requests} requests for 3 windows");
        for i in 0..25 {
            let (_, item) = phone.find(&book, &format!("F{i}")).unwrap();
            assert!(item.text("Email1Address").unwrap().contains(&format!("w{i}@example.test")), "{item:?}");
        }
    }
}

#[test]
fn from_horde_to_the_phone() {
    let site = Site::start("tophone");
    let mut phone = site.phone("tophone1", "14.1");
    let book = phone.pair_and_sync();
    let uid = site.horde.make(
        &json!({ "firstname": "Jürgen", "lastname": "Ångström", "cellPhone": "+49 170 1", "notes": "Zeile 1\nZeile 2",
        "homeStreet": "Hauptstraße 1", "homeCity": "Köln", "birthday": "1980-02-29", "title": "Ingénieur" }),
    );
    phone.sync_all(&book);
    let (id, item) = phone.find(&book, "Jürgen").expect("the contact came");
    assert_eq!(item.text("LastName"), Some("Ångström"));
    assert_eq!(item.text("MobilePhoneNumber"), Some("+49 170 1"));
    assert_eq!(item.text("HomeAddressCity"), Some("Köln"));
    assert_eq!(item.text("HomeAddressStreet"), Some("Hauptstraße 1"));
    assert_eq!(item.text("JobTitle"), Some("Ingénieur"));
    assert!(item.text("Birthday").unwrap().starts_with("1980-02-29T"), "{item:?}");
    assert_eq!(phone.note_of(item).map(|n| n.replace("\r\n", "\n")).as_deref(), Some("Zeile 1\nZeile 2"));

    site.horde.change(&uid, &json!({ "lastname": "Nordström", "cellPhone": "" }));
    phone.sync_all(&book);
    let (same, item) = phone.find(&book, "Jürgen").unwrap();
    assert_eq!(same, id);
    assert_eq!(item.text("LastName"), Some("Nordström"));
    assert_eq!(item.text("MobilePhoneNumber").unwrap_or_default(), "");

    site.horde.delete(&uid);
    phone.sync_all(&book);
    assert_eq!(phone.items(&book).len(), 0);
}

/// The core scenario: Add, Change, Delete on the phone, each read back in Horde, and nothing comes back as an echo.
#[test]
fn from_the_phone_to_horde_in_each_version() {
    let site = Site::start("tohorde");
    for version in VERSIONS {
        let short = version.replace('.', "");
        let mut phone = site.phone(&format!("toh{short}"), version);
        let book = phone.pair_and_sync();
        let first = format!("Zoë{short}");
        let note = phone.note("Größe: 1,80 m\r\nzweite Zeile");
        let email = t("Contacts:Email1Address", "zoe@example.test");
        let category = el("Contacts:Categories", [t("Category", "Arbeit"), t("Category", "Freunde")]);
        let job = t("Contacts:JobTitle", "Ärztin");
        let id = phone.add_item(&book, name(&first, "Müller").into_iter().chain([email, category, job, note]));
        let found = site.horde.find(&first, &["lastname", "email", "title", "notes"]).expect("it is in Horde");
        assert_eq!(found["lastname"], "Müller");
        assert_eq!(found["email"], "zoe@example.test");
        assert_eq!(found["title"], "Ärztin");
        assert_eq!(found["notes"].as_str().unwrap().replace("\r\n", "\n"), "Größe: 1,80 m\nzweite Zeile");
        let uid = found["__uid"].as_str().unwrap().to_owned();
        let card = site.horde.vcard(&uid);
        assert!(card.contains("Arbeit") && card.contains("Freunde"), "{card}");

        let answer = phone.sync(&book, &Request::default());
        assert_eq!(answer.commands("Add").len() + answer.commands("Change").len(), 0, "an echo: {:?}", answer.doc);

        let mut fields = name(&first, "Meier").to_vec();
        fields.push(t("Contacts:JobTitle", "Chefärztin"));
        let answer = phone.sync(&book, &Request { commands: vec![change(&id, fields)], ..Request::default() });
        if let Some(response) = answer.doc.as_ref().and_then(|d| d.get("Collections/Collection/Responses/Change")) {
            assert_eq!(response.number("Status"), Some(1), "{response:?}");
        }
        let found = site.horde.find(&first, &["lastname", "title"]).unwrap();
        assert_eq!(found["lastname"], "Meier");
        assert_eq!(found["title"], "Chefärztin");
        assert_eq!(found["__uid"], uid.as_str());

        phone.sync(&book, &Request { commands: vec![delete(&id)], ..Request::default() });
        assert_eq!(site.horde.find(&first, &[]), None);
        phone.sync_all(&book);
        assert_eq!(phone.items(&book).len(), 0);
    }
}

#[test]
fn pictures_survive_both_ways() {
    let site = Site::start("photo");
    let picture = jpeg(20_000);
    let encoded = base64::engine::general_purpose::STANDARD.encode(&picture);
    let mut phone = site.phone("photo1", "14.1");
    let book = phone.pair_and_sync();

    let id = phone.add_item(&book, name("Photo", "Phone").into_iter().chain([t("Contacts:Picture", &encoded)]));
    let uid = site.horde.find("Photo", &[]).unwrap()["__uid"].as_str().unwrap().to_owned();
    assert_eq!(site.horde.photo(&uid), Some(picture.clone()), "phone to Horde");

    // A Change without the picture keeps it.
    phone.sync(&book, &Request { commands: vec![change(&id, name("Photo", "Kept"))], ..Request::default() });
    assert_eq!(site.horde.photo(&uid), Some(picture), "a Change without Picture");

    let other = jpeg(9_999);
    let uid = site.horde.make(&json!({ "firstname": "Photo2", "lastname": "Horde" }));
    site.horde.set_photo(&uid, &other);
    phone.sync_all(&book);
    let (_, item) = phone.find(&book, "Photo2").unwrap();
    let data = base64::engine::general_purpose::STANDARD.decode(item.text("Picture").unwrap()).unwrap();
    assert!(data == other, "Horde to phone");
    // Also in a first sync, and on an old phone.
    let mut second = site.phone("photo2", "2.5");
    let book = second.pair_and_sync();
    let (_, item) = second.find(&book, "Photo").unwrap();
    assert_eq!(item.text("Picture"), Some(encoded.as_str()));
}

#[test]
fn a_second_device_sees_all_also_what_turba_lacks() {
    let site = Site::start("second");
    let mut first = site.phone("second1", "14.1");
    let book = first.pair_and_sync();
    let children = el("Contacts:Children", [t("Child", "Émile"), t("Child", "Zoé")]);
    let fields = [
        t("Contacts:Email1Address", "one@example.test"),
        t("Contacts:Email2Address", "two@example.test"),
        t("Contacts:Email3Address", "three@example.test"),
        t("Contacts:YomiFirstName", "ヨミ"),
        t("Contacts:CarPhoneNumber", "+49 30 77"),
        t("Contacts:Spouse", "Åsa"),
        t("Contacts2:GovernmentId", "G-42"),
        t("Contacts2:CustomerId", "C-43"),
        t("Contacts2:MMS", "+49 170 44"),
        t("Contacts2:IMAddress2", "im2@example.test"),
        t("Contacts2:NickName", "Zed"),
        t("Contacts:BusinessPhoneNumber", "+49 30 1234567 ext. 1234567890 floor 3"),
        children.clone(),
    ];
    let id = first.add_item(&book, name("Alles", "Dabei").into_iter().chain(fields.clone()));
    let mut second = site.phone("second2", "16.1");
    let book2 = second.pair_and_sync();
    let item = second.find(&book2, "Alles").expect("on the second device").1.clone();
    let mut missing = Vec::new();
    for field in fields.iter().filter(|f| f.name != "Children") {
        let got = item.text(&field.name).unwrap_or_default();
        let same = if field.name.starts_with("Email") { got.contains(&field.text) } else { got == field.text };
        if !same {
            missing.push(format!("{}: {:?} instead of {:?}", field.name, got, field.text));
        }
    }
    assert_eq!(missing, Vec::<String>::new());
    let names: Vec<&str> = item.get("Children").unwrap().all("Child").map(|c| c.text.as_str()).collect();
    assert_eq!(names, ["Émile", "Zoé"]);

    // What the second device changes comes to the first, also without a column in Turba.
    let their = second.find(&book2, "Alles").unwrap().0;
    let mut all = item.children.clone();
    all.iter_mut().filter(|f| f.name == "GovernmentId").for_each(|f| "G-4711".clone_into(&mut f.text));
    all.retain(|f| f.name != "Picture");
    second.sync(&book2, &Request { commands: vec![change(&their, all)], ..Request::default() });
    first.sync_all(&book);
    assert_eq!(first.items(&book)[&id].text("GovernmentId"), Some("G-4711"));
}

#[test]
fn what_the_web_side_changes_wins_over_what_is_kept_beside() {
    let site = Site::start("webwins");
    let mut phone = site.phone("webwins1", "14.1");
    let book = phone.pair_and_sync();
    let long = "+49 30 1234567 ext. 1234567890 floor 3";
    let id = phone.add_item(&book, name("Lang", "Nummer").into_iter().chain([t("Contacts:BusinessPhoneNumber", long)]));
    let found = site.horde.find("Lang", &["workPhone"]).unwrap();
    let cut = found["workPhone"].as_str().unwrap();
    assert!(!cut.is_empty() && long.starts_with(cut), "{cut}");
    site.horde.change(found["__uid"].as_str().unwrap(), &json!({ "workPhone": "+49 30 1" }));
    phone.sync_all(&book);
    assert_eq!(phone.items(&book)[&id].text("BusinessPhoneNumber"), Some("+49 30 1"));
}

#[test]
fn an_element_that_is_missing_in_a_change_is_deleted() {
    let site = Site::start("absent");
    let mut phone = site.phone("absent1", "14.1");
    let book = phone.pair_and_sync();
    let id = phone.add_item(&book, name("Absent", "X").into_iter().chain([t("Contacts:JobTitle", "Chef")]));
    phone.sync(&book, &Request { commands: vec![change(&id, name("Absent", "Y"))], ..Request::default() });
    let found = site.horde.find("Absent", &["lastname", "title"]).unwrap();
    assert_eq!(found["lastname"], "Y");
    assert_eq!(found["title"].as_str().unwrap_or_default(), "");
}

#[test]
fn ghosted_elements_are_kept() {
    let site = Site::start("ghost");
    let mut phone = site.phone("ghost1", "14.1");
    phone.pair();
    let book = phone.contacts();
    phone.prime(&book, Some(vec!["Contacts:FirstName", "Contacts:LastName", "Contacts:CompanyName"]));
    let uid = site
        .horde
        .make(&json!({ "firstname": "Ghost", "lastname": "A", "company": "Firma", "title": "Chef", "cellPhone": "1" }));
    phone.sync_all(&book);
    let id = phone.find(&book, "Ghost").unwrap().0;
    phone.sync(&book, &Request { commands: vec![change(&id, name("Ghost", "B"))], ..Request::default() });
    let found = site.horde.find("Ghost", &["lastname", "company", "title", "cellPhone"]).unwrap();
    assert_eq!(found["__uid"], uid.as_str());
    assert_eq!(found["lastname"], "B");
    assert_eq!(found["title"], "Chef", "JobTitle is not managed by this phone");
    assert_eq!(found["cellPhone"], "1", "MobilePhoneNumber is not managed by this phone");
    assert_eq!(found["company"].as_str().unwrap_or_default(), "", "CompanyName is managed and was left out");
}

#[test]
fn a_conflict_is_decided_as_the_phone_asks() {
    let site = Site::start("conflict");
    for (conflict, winner) in [(1, "Server"), (0, "Client")] {
        let mut phone = site.phone(&format!("conflict{conflict}"), "14.1");
        let book = phone.pair_and_sync();
        let first = format!("Conflict{conflict}");
        let id = phone.add_item(&book, name(&first, "Start"));
        phone.sync_all(&book);
        let uid = site.horde.find(&first, &[]).unwrap()["__uid"].as_str().unwrap().to_owned();
        site.horde.change(&uid, &json!({ "lastname": "Server" }));
        let request = Request {
            conflict: Some(conflict),
            commands: vec![change(&id, name(&first, "Client"))],
            ..Request::default()
        };
        let answer = phone.sync(&book, &request);
        let status = answer.responses("Change").first().and_then(|r| r.number("Status"));
        match conflict {
            1 => assert_eq!(status, Some(7), "{:?}", answer.doc),
            _ => assert!(matches!(status, None | Some(1)), "{:?}", answer.doc),
        }
        phone.sync_all(&book);
        assert_eq!(site.horde.find(&first, &["lastname"]).unwrap()["lastname"], winner);
        assert_eq!(phone.items(&book)[&id].text("LastName"), Some(winner));
    }
}

#[test]
fn a_deletion_in_horde_wins_over_a_change_on_the_phone() {
    let site = Site::start("delwins");
    let mut phone = site.phone("delwins1", "14.1");
    let book = phone.pair_and_sync();
    let id = phone.add_item(&book, name("Weg", "Weg"));
    phone.sync_all(&book);
    let uid = site.horde.find("Weg", &[]).unwrap()["__uid"].as_str().unwrap().to_owned();
    site.horde.delete(&uid);
    let request = Request { conflict: Some(0), commands: vec![change(&id, name("Weg", "Da"))], ..Request::default() };
    phone.sync(&book, &request);
    phone.sync_all(&book);
    assert_eq!(phone.items(&book).len(), 0);
    assert_eq!(site.horde.uids().len(), 0);
}

#[test]
fn fetch_gives_an_item_again() {
    let site = Site::start("fetch");
    let mut phone = site.phone("fetch1", "14.1");
    let book = phone.pair_and_sync();
    let id = phone.add_item(&book, name("Fetch", "Me"));
    let fetch = |id: &str| el("AirSync:Fetch", [t("ServerId", id)]);
    let commands = vec![fetch(&id), fetch("no-such-item")];
    let answer = phone.sync(&book, &Request { commands, ..Request::default() });
    let responses = answer.responses("Fetch");
    assert_eq!(responses.len(), 2, "{:?}", answer.doc);
    assert_eq!(responses[0].number("Status"), Some(1));
    assert_eq!(responses[0].text("ApplicationData/FirstName"), Some("Fetch"));
    assert_eq!(responses[1].number("Status"), Some(8), "{:?}", answer.doc);
}

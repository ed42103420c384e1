//! A new phone: OPTIONS, passwords, provisioning, folders.

use crate::{
    http,
    phone::{Phone, VERSIONS},
    site::{Door, Site},
    tree::{el, t},
};

/// The phone was told to provision: HTTP 449, or from 14.0 on a Status in the body.
pub(crate) fn assert_must_provision(phone: &mut Phone, command: &str, statuses: &[u32]) {
    let body = match command {
        "FolderSync" => el("FolderHierarchy:FolderSync", [t("SyncKey", &phone.folder_key)]).encode(),
        "Ping" => Vec::new(),
        _ => el("AirSync:Sync", [el("Collections", [el("Collection", [t("SyncKey", "0"), t("CollectionId", "x")])])])
            .encode(),
    };
    let answer = phone.post(command, &body);
    if phone.at_least("14.0") {
        let status = answer.status().unwrap_or_else(|| panic!("no Status: {} {:?}", answer.http.status, answer.doc));
        assert!(statuses.contains(&status), "{command} in {}: Status {status}", phone.version);
    } else {
        assert_eq!(answer.http.status, 449, "{command} in {}: {:?}", phone.version, answer.doc);
        assert!(answer.http.body.is_empty(), "{:?}", answer.doc);
    }
}

#[test]
fn options_asks_for_a_password_and_tells_versions_and_commands() {
    let site = Site::start("options");
    let bare = http::send(site.door, "OPTIONS", "/Microsoft-Server-ActiveSync", &[], &[]).unwrap().answer().unwrap();
    assert_eq!(bare.status, 401);
    assert!(bare.header("WWW-Authenticate").unwrap().starts_with("Basic realm="));

    let mut phone = site.phone("options1", "14.1");
    phone.password = "wrong".to_owned();
    assert_eq!(phone.options().status, 401);
    phone.password.clone_from(&site.horde.password);
    let options = phone.options();
    assert_eq!(options.status, 200);
    assert_eq!(options.header("Content-Length"), Some("0"));
    assert_eq!(options.header("MS-ASProtocolVersions"), Some(VERSIONS.join(",").as_str()));
    let commands: Vec<&str> = options.header("MS-ASProtocolCommands").unwrap().split(',').map(str::trim).collect();
    for needed in ["Sync", "FolderSync", "GetItemEstimate", "Ping", "Provision", "Settings"] {
        assert!(commands.contains(&needed), "{needed} is missing in {commands:?}");
    }
}

#[test]
fn what_options_tells_is_there() {
    let site = Site::start("told");
    let mut phone = site.phone("told1", "14.1");
    phone.pair();
    let options = phone.options();
    for command in options.header("MS-ASProtocolCommands").unwrap().split(',') {
        let answer = phone.post(command.trim(), &[]);
        assert_ne!(answer.http.status, 501, "{command}");
        assert_ne!(answer.status(), Some(137), "{command}");
    }
}

#[test]
fn a_known_login_and_a_refused_request_cost_no_php() {
    let site = Site::start("nophp");
    let mut phone = site.phone("nophp1", "12.1");
    phone.pair();
    let before = site.proxy.requests();
    assert_eq!(phone.options().status, 200);
    phone.policy_key ^= 1;
    assert_must_provision(&mut phone, "Sync", &[]);
    assert_must_provision(&mut phone, "FolderSync", &[]);
    assert_eq!(site.proxy.requests(), before);
}

#[test]
fn wrong_passwords_are_slowed_down_without_php() {
    let site = Site::start("throttle");
    let mut thief = site.phone("throttle1", "14.1");
    thief.password = "guess".to_owned();
    for _ in 0..12 {
        let answer = thief.options();
        assert!(matches!(answer.status, 401 | 403 | 429 | 503), "{}", answer.status);
    }
    assert!(site.proxy.requests() <= 8, "{} of 12 guesses reached Horde", site.proxy.requests());
    // Somebody else is not hit.
    let other = site.lab.user("throttle-other");
    assert_eq!(site.phone_of(&other, "throttle2", "14.1").options().status, 200);
}

#[test]
fn first_pairing_in_each_version() {
    let site = Site::start("pairing");
    for version in VERSIONS {
        let mut phone = site.phone(&format!("pair{}", version.replace('.', "")), version);
        assert_must_provision(&mut phone, "FolderSync", &[141, 142, 144]);
        phone.pair();
        let book = phone.contacts();
        phone.sync_all(&book);
        assert_eq!(phone.items(&book).len(), 0);
        let info = site.info(&phone.device);
        assert_eq!(info.value("policykey"), Some(phone.policy_key.to_string()), "{}", info.read());
        assert_eq!(info.value("rwstatus").as_deref(), Some("1"), "{}", info.read());
    }
}

#[test]
fn the_temporary_key_opens_nothing_but_provision() {
    let site = Site::start("temporary");
    for version in ["12.1", "14.1"] {
        let mut phone = site.phone(&format!("temp{}", version.replace('.', "")), version);
        let offer = phone.command("Provision", &phone.provision_request());
        let temporary = offer.doc().text("Policies/Policy/PolicyKey").unwrap().to_owned();
        phone.policy_key = temporary.parse().unwrap();
        assert_must_provision(&mut phone, "FolderSync", &[142, 143, 144]);
        // A wrong key in the acknowledgement is refused.
        let wrong = phone.command("Provision", &phone.acknowledgement("12345", 1));
        assert_eq!(wrong.doc().number("Policies/Policy/Status"), Some(5), "{:?}", wrong.doc);
        assert_must_provision(&mut phone, "FolderSync", &[142, 143, 144]);
    }
}

#[test]
fn a_new_phone_of_14_1_must_describe_itself() {
    let site = Site::start("describe");
    let mut phone = site.phone("describe1", "14.1");
    let bare = phone.provision_request().without("DeviceInformation");
    let answer = phone.command("Provision", &bare);
    assert_eq!(answer.status(), Some(165), "{:?}", answer.doc);
    phone.provision();
    assert!(site.info("describe1").read().contains("Größe"), "{}", site.info("describe1").read());
}

#[test]
fn base64_queries_and_plain_ones_are_the_same_phone() {
    let site = Site::start("base64");
    for version in ["12.1", "14.0", "14.1", "16.0", "16.1"] {
        let mut phone = site.phone(&format!("Base{}x", version.replace('.', "")), version);
        phone.pair();
        phone.base64 = true;
        let book = phone.contacts();
        phone.sync_all(&book);
        let id = phone.add_item(&book, [t("Contacts:FirstName", version), t("Contacts:LastName", "Base64")]);
        phone.base64 = false;
        phone.sync_all(&book);
        assert!(phone.items(&book).contains_key(&id));
        assert_eq!(phone.folder_sync().status(), Some(1));
    }
    assert_eq!(site.horde.uids().len(), 5);
}

#[test]
fn folders_stay_the_same() {
    let mut site = Site::start("folders");
    let mut phone = site.phone("folders1", "14.1");
    phone.pair();
    let first = phone.folders.clone();
    assert_eq!(first.values().filter(|f| f.kind == 9).count(), 1, "{first:?}");
    assert!(first.values().any(|f| f.kind == 14 && f.name.contains("Company Directory")), "{first:?}");
    assert!(!first.values().any(|f| f.name.contains("Favorite")), "{first:?}");
    let key = phone.folder_key.clone();
    let answer = phone.folder_sync();
    assert_eq!(answer.doc().number("Changes/Count"), Some(0), "{:?}", answer.doc);
    site.restart_bridge();
    phone.folder_key = key;
    let answer = phone.folder_sync();
    assert_eq!(answer.doc().number("Changes/Count"), Some(0), "{:?}", answer.doc);
    phone.folder_key = "0".to_owned();
    let answer = phone.folder_sync();
    assert_eq!(phone.folders, first);
    assert!(answer.http.header("MS-ASProtocolVersions").is_some(), "{:?}", answer.http.headers);
    phone.folder_key = "nonsense7".to_owned();
    let answer = phone.folder_sync();
    assert_eq!(answer.status(), Some(9), "{:?}", answer.doc);
    assert_eq!(answer.doc().order(), ["Status"], "{:?}", answer.doc);
}

#[test]
fn a_new_address_book_appears_and_goes() {
    let site = Site::start("newbook");
    let mut phone = site.phone("newbook1", "14.1");
    phone.pair_and_sync();
    let before = phone.folders.len();
    site.horde.call("contacts.addAddressbook", &serde_json::json!(["Bücher", { "synchronize": true }]));
    let answer = phone.folder_sync();
    assert_eq!(answer.doc().number("Changes/Count"), Some(1), "{:?}", answer.doc);
    assert_eq!(phone.folders.len(), before + 1);
    let new = phone.folders.iter().find(|(_, f)| f.name == "Bücher").unwrap_or_else(|| panic!("{:?}", phone.folders));
    assert_eq!(new.1.kind, 14);
    let id = new.0.clone();
    phone.sync_all(&id);
    phone.add_item(&id, [t("Contacts:FirstName", "In"), t("Contacts:LastName", "Bücher")]);
    assert_eq!(site.horde.uids().len(), 0, "it went into another address book");
}

#[test]
fn the_same_road_behind_apache() {
    road_behind(Door::Apache);
}

#[test]
fn the_same_road_without_a_web_server() {
    road_behind(Door::Http);
}

fn road_behind(door: Door) {
    let site = Site::with("door", door, "");
    let mut phone = site.phone("door1", "14.1");
    let book = phone.pair_and_sync();
    let id = phone.add_item(&book, [t("Contacts:FirstName", "Über"), t("Contacts:LastName", "Tür")]);
    let found = site.horde.find("Über", &["lastname"]).unwrap();
    assert_eq!(found["lastname"], "Tür");
    site.horde.delete(found["__uid"].as_str().unwrap());
    phone.sync_all(&book);
    assert!(!phone.items(&book).contains_key(&id));
}

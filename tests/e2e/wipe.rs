//! Remote wipe by editing a file, and what an administrator can do to that file.

use std::time::Duration;

use crate::{
    pairing::assert_must_provision,
    phone::{Phone, Request, VERSIONS, ping},
    site::Site,
    tree::{el, t},
};

fn assert_refused_for_wipe(phone: &mut Phone) {
    for command in ["FolderSync", "Sync"] {
        assert_must_provision(phone, command, &[140]);
    }
}

/// The phone asks for the policy and is told to wipe itself.
fn assert_told_to_wipe(phone: &mut Phone) {
    let before = phone.policy_key;
    let answer = phone.command("Provision", &phone.provision_request());
    let doc = answer.doc();
    assert_eq!(doc.number("Status"), Some(1), "{doc:?}");
    let wipe = doc.get("RemoteWipe").unwrap_or_else(|| panic!("no RemoteWipe in {}: {doc:?}", phone.version));
    assert!(wipe.children.is_empty() && wipe.text.is_empty(), "{doc:?}");
    assert_eq!(*doc.order().last().unwrap(), "RemoteWipe", "{doc:?}");
    assert_ne!(doc.text("Policies/Policy/PolicyKey"), Some("0"), "{doc:?}");
    phone.policy_key = before;
}

fn acknowledge(phone: &mut Phone, status: u32) {
    let answer = phone.command("Provision", &el("Provision:Provision", [el("RemoteWipe", [t("Status", status)])]));
    assert_eq!(answer.doc().number("Status"), Some(1), "{:?}", answer.doc);
}

#[test]
fn by_rwstatus_alone_in_each_version() {
    let site = Site::start("wipealone");
    for version in VERSIONS {
        let mut phone = site.phone(&format!("alone{}", version.replace('.', "")), version);
        phone.pair_and_sync();
        let info = site.info(&phone.device);
        info.edit("rwstatus", "2");
        assert_refused_for_wipe(&mut phone);
        assert_told_to_wipe(&mut phone);
        // Delivered is not done: it stays until the phone says so.
        assert_eq!(info.value("rwstatus").as_deref(), Some("2"), "{}", info.read());
        assert_refused_for_wipe(&mut phone);
        assert_told_to_wipe(&mut phone);
        acknowledge(&mut phone, 1);
        assert_eq!(info.value("rwstatus").as_deref(), Some("3"), "{}", info.read());
        // A wiped phone stays out, also with a new pairing.
        assert_refused_for_wipe(&mut phone);
        assert_told_to_wipe(&mut phone);
        // Until the administrator clears it.
        info.edit("rwstatus", "0");
        phone.pair();
        assert_eq!(info.value("rwstatus").as_deref(), Some("1"), "{}", info.read());
    }
}

#[test]
fn with_policykey_0_too() {
    let site = Site::start("wipeboth");
    for version in ["2.5", "12.1", "14.1", "16.1"] {
        let mut phone = site.phone(&format!("both{}", version.replace('.', "")), version);
        phone.pair_and_sync();
        let info = site.info(&phone.device);
        info.edit("rwstatus", "2");
        info.edit("policykey", "0");
        assert_refused_for_wipe(&mut phone);
        assert_told_to_wipe(&mut phone);
        acknowledge(&mut phone, 1);
        assert_eq!(info.value("rwstatus").as_deref(), Some("3"), "{}", info.read());
        phone.policy_key = 0;
        assert_refused_for_wipe(&mut phone);
    }
}

#[test]
fn while_the_phone_waits() {
    let site = Site::start("wipewait");
    for version in ["12.1", "14.1"] {
        let mut phone = site.phone(&format!("wait{}", version.replace('.', "")), version);
        let book = phone.pair_and_sync();
        let waiting = phone.send("Ping", &ping(Some(120), &[&book]).encode());
        assert!(waiting.silent_for(Duration::from_secs(3)), "nothing has happened yet");
        site.info(&phone.device).edit("rwstatus", "2");
        let answer = waiting.answer().unwrap();
        assert!(answer.time < Duration::from_secs(15), "the waiting phone heard of it after {:?}", answer.time);
        let answer = phone.check("Ping", answer);
        let status = answer.doc.as_ref().and_then(|d| d.number("Status"));
        assert!(
            answer.http.status == 449 || matches!(status, Some(1 | 7 | 140)),
            "{} {:?}",
            answer.http.status,
            answer.doc
        );
        assert_refused_for_wipe(&mut phone);
        assert_told_to_wipe(&mut phone);
        acknowledge(&mut phone, 1);
    }
}

#[test]
fn a_failed_wipe_stays_pending() {
    let site = Site::start("wipefail");
    let mut phone = site.phone("wipefail1", "14.1");
    phone.pair_and_sync();
    let info = site.info("wipefail1");
    info.edit("rwstatus", "2");
    assert_told_to_wipe(&mut phone);
    acknowledge(&mut phone, 2);
    assert_eq!(info.value("rwstatus").as_deref(), Some("2"), "{}", info.read());
    assert_refused_for_wipe(&mut phone);
    assert_told_to_wipe(&mut phone);
}

#[test]
fn an_acknowledgement_that_nobody_asked_for_changes_nothing() {
    let site = Site::start("wipeunasked");
    let mut phone = site.phone("unasked1", "14.1");
    let book = phone.pair_and_sync();
    phone.command("Provision", &el("Provision:Provision", [el("RemoteWipe", [t("Status", 1)])]));
    assert_ne!(site.info("unasked1").value("rwstatus").as_deref(), Some("3"));
    phone.sync_all(&book);
}

#[test]
fn an_empty_provision_is_told_to_wipe_too() {
    let site = Site::start("wipeempty");
    for version in ["12.1", "14.1"] {
        let mut phone = site.phone(&format!("wempty{}", version.replace('.', "")), version);
        phone.pair_and_sync();
        site.info(&phone.device).edit("rwstatus", "2");
        let answer = phone.command("Provision", &el("Provision:Provision", []));
        assert!(answer.doc().get("RemoteWipe").is_some(), "{:?}", answer.doc);
    }
}

#[test]
fn a_wipe_that_was_called_off() {
    let site = Site::start("calledoff");
    let mut phone = site.phone("calledoff1", "14.1");
    let book = phone.pair_and_sync();
    let info = site.info("calledoff1");
    info.edit("rwstatus", "2");
    assert_refused_for_wipe(&mut phone);
    info.edit("rwstatus", "1");
    phone.sync_all(&book);
}

#[test]
fn of_the_account_only() {
    let site = Site::start("accountonly");
    let mut phone = site.phone("account1", "16.1");
    phone.pair_and_sync();
    let info = site.info("account1");
    info.edit("account_only", "1");
    info.edit("rwstatus", "2");
    assert_refused_for_wipe(&mut phone);
    let answer = phone.command("Provision", &phone.provision_request());
    assert!(answer.doc().get("AccountOnlyRemoteWipe").is_some(), "{:?}", answer.doc);
    assert!(answer.doc().get("RemoteWipe").is_none(), "{:?}", answer.doc);
    phone.command("Provision", &el("Provision:Provision", [el("AccountOnlyRemoteWipe", [t("Status", 1)])]));
    assert_eq!(info.value("rwstatus").as_deref(), Some("3"), "{}", info.read());
    // An older version does not know it: the device is shut out, but never wiped as a whole.
    let mut old = site.phone("account2", "14.1");
    old.pair_and_sync();
    let info = site.info("account2");
    info.edit("account_only", "1");
    info.edit("rwstatus", "2");
    let answer = old.post("Sync", &[]);
    assert!(answer.http.status != 200 || answer.status().is_some_and(|s| s > 100), "{:?}", answer.doc);
    let answer = old.command("Provision", &old.provision_request());
    assert!(answer.doc.as_ref().is_none_or(|d| d.get("RemoteWipe").is_none()), "{:?}", answer.doc);
}

#[test]
fn policykey_0_alone_makes_the_phone_provision_again() {
    let site = Site::start("policykey");
    for version in ["2.5", "12.1", "14.1"] {
        let mut phone = site.phone(&format!("policy{}", version.replace('.', "")), version);
        let book = phone.pair_and_sync();
        site.info(&phone.device).edit("policykey", "0");
        assert_must_provision(&mut phone, "FolderSync", &[142, 143, 144]);
        phone.provision();
        phone.sync_all(&book);
    }
}

#[test]
fn a_deleted_info_file_means_a_new_pairing_and_nothing_is_lost() {
    let site = Site::start("deleted");
    for version in ["12.1", "14.1"] {
        let short = version.replace('.', "");
        let mut phone = site.phone(&format!("deleted{short}"), version);
        let book = phone.pair_and_sync();
        phone.add_item(&book, [t("Contacts:FirstName", format!("D{short}")), t("Contacts:LastName", "X")]);
        site.info(&phone.device).delete();
        assert_must_provision(&mut phone, "FolderSync", &[141, 142, 144]);
        phone.provision();
        phone.folder_key = "0".to_owned();
        assert_eq!(phone.folder_sync().status(), Some(1));
        let book = phone.contacts();
        let answer = phone.sync(&book, &Request::default());
        if answer.doc.is_some() && answer.collection_status() == 3 {
            phone.collections.remove(&book);
        }
        phone.sync_all(&book);
        assert!(phone.find(&book, &format!("D{short}")).is_some());
        assert!(site.horde.find(&format!("D{short}"), &[]).is_some());
    }
}

#[test]
fn a_file_that_cannot_be_read_lets_nobody_in_and_stays() {
    let site = Site::start("unparsable");
    for version in ["12.1", "14.1"] {
        let mut phone = site.phone(&format!("typo{}", version.replace('.', "")), version);
        let book = phone.pair_and_sync();
        let info = site.info(&phone.device);
        let good = info.read();
        let line = good.lines().position(|l| l.starts_with("rwstatus")).unwrap() + 1;
        let bad = good.replacen("\nrwstatus", "\nrwstatus = tow #", 1);
        info.write(&bad);
        assert_must_provision(&mut phone, "Sync", &[142, 143, 144]);
        let answer = phone.command("Provision", &phone.provision_request());
        assert!(answer.doc.as_ref().is_none_or(|d| d.get("Policies/Policy/PolicyKey").is_none()), "{:?}", answer.doc);
        assert_must_provision(&mut phone, "FolderSync", &[142, 143, 144]);
        assert_eq!(info.read(), bad, "the file was touched");
        let log = site.log();
        let place = format!("{}:{line}", info.0.file_name().unwrap().to_str().unwrap());
        assert!(log.contains(&place), "{place} is not in the log: {log}");
        info.write(&good);
        phone.sync_all(&book);
    }
}

#[test]
fn a_typing_error_elsewhere_does_not_cancel_a_wipe() {
    let site = Site::start("typowipe");
    let mut phone = site.phone("typowipe1", "14.1");
    phone.pair_and_sync();
    let info = site.info("typowipe1");
    info.edit("rwstatus", "2");
    let key = info.value("policykey").unwrap();
    info.write(&info.read().replace(&key, "none at all"));
    assert_refused_for_wipe(&mut phone);
    assert_told_to_wipe(&mut phone);
}

#[test]
fn comments_and_unknown_keys_stay() {
    let site = Site::start("comments");
    let mut phone = site.phone("comments1", "14.1");
    phone.pair_and_sync();
    let info = site.info("comments1");
    info.write(&format!("# Erika's phone, ask her first\n{}\ninventory = \"A-17\"  # keep\n", info.read()));
    info.edit("policykey", "0");
    phone.provision();
    let text = info.read();
    for kept in ["# Erika's phone, ask her first", "inventory = \"A-17\"", "# keep"] {
        assert!(text.contains(kept), "{kept} is gone: {text}");
    }
}

/// The form of Horde's first file driver (2010) is understood: its policy key is good, its pending wipe is carried out.
#[test]
fn an_old_php_file_keeps_its_key_and_its_wipe() {
    let site = Site::start("php");
    let old = |status: u32, id: &str| {
        format!(
            "O:8:\"stdClass\":6:{{s:9:\"userAgent\";s:5:\"Old/1\";s:10:\"deviceType\";s:9:\"TestPhone\";s:9:\"policykey\";i:1234567890;\
             s:8:\"rwstatus\";i:{status};s:4:\"user\";s:{}:\"{}\";s:2:\"id\";s:{}:\"{id}\";}}\n",
            site.horde.user.len(),
            site.horde.user,
            id.len()
        )
    };
    for version in ["12.1", "14.1"] {
        let short = version.replace('.', "");
        let device = format!("php{short}");
        let mut phone = site.phone(&device, version);
        phone.pair();
        let info = site.info(&device);
        info.write(&old(1, &device));
        phone.policy_key = 1_234_567_890;
        assert_eq!(phone.folder_sync().status(), Some(1));
        let book = phone.contacts();
        phone.sync_all(&book);
        info.write(&old(2, &device));
        assert_refused_for_wipe(&mut phone);
        assert_told_to_wipe(&mut phone);
        acknowledge(&mut phone, 1);
        assert_eq!(info.value("rwstatus").as_deref(), Some("3"), "rewritten in our own form: {}", info.read());
    }
}

#[test]
fn a_blocked_device_is_refused() {
    let site = Site::start("blocked");
    for version in ["12.1", "14.1"] {
        let mut phone = site.phone(&format!("blocked{}", version.replace('.', "")), version);
        let book = phone.pair_and_sync();
        let info = site.info(&phone.device);
        info.edit("blocked", "1");
        let answer = phone.post("Sync", &phone.sync_request(&book, &Request::default()).encode());
        assert!(answer.http.status == 403 || answer.status() == Some(129), "{} {:?}", answer.http.status, answer.doc);
        info.edit("blocked", "0");
        phone.sync_all(&book);
    }
}

use super::*;
use crate::state::{Info, WipeStatus};

async fn edit(device: &Device, edit: impl FnOnce(&mut Info) + Send) {
    device.lock().await.unwrap().update(edit).await.unwrap();
}

/// Status of the gate for a FolderSync, as 12.1 (HTTP) and as 14.1 (body) see it.
async fn gate(place: &Place, key: Option<&str>) -> (u16, Option<u16>) {
    let ask = |version| {
        let ask = Ask::command("FolderSync", version, b"x");
        match key {
            Some(key) => ask.header("X-MS-PolicyKey", key),
            None => ask,
        }
    };
    let (old, new) = (ask("12.1").send(place).await, ask("14.1").send(place).await);
    assert_eq!(new.status, 200);
    if old.status == 449 {
        assert!(old.header("MS-ASProtocolVersions").is_some() && old.header("MS-ASProtocolCommands").is_some());
        assert_eq!(old.header("MS-Server-ActiveSync"), Some("8.1"));
        assert!(old.body.is_empty());
    }
    (old.status, new.refusal())
}

#[tokio::test]
async fn the_gate_is_before_all_commands() {
    let place = Place::new(|config| config.policy.mode = Mode::Require).await;
    assert_eq!(gate(&place, None).await, (449, Some(142)));
    assert_eq!(gate(&place, Some("5")).await, (449, Some(142)));
    // Provision passes and leaves a file; what the device sends then has to be the key in it.
    assert_eq!(Ask::command("Provision", "14.1", b"x").send(&place).await.body, b"x");
    let device = place.device("X1");
    let policy = place.desk.site().config.policy.hash(Version::V14_1);
    edit(&device, |info| {
        (info.wipe, info.policy_key, info.policy) = (WipeStatus::Ok, 77, policy);
    })
    .await;
    assert_eq!(gate(&place, Some("77")).await, (200, None));
    assert_eq!(gate(&place, Some("78")).await, (449, Some(144)));
    edit(&device, |info| info.blocked = true).await;
    assert_eq!(gate(&place, Some("77")).await, (403, Some(129)));
}

#[tokio::test]
async fn a_wipe_is_told_though_no_policies_are_asked_for() {
    let place = Place::new(|_| {}).await;
    assert_eq!(gate(&place, None).await, (200, None));
    edit(&place.device("X1"), |info| info.wipe = WipeStatus::Pending).await;
    assert_eq!(gate(&place, None).await, (449, Some(140)));
    assert_eq!(Ask::command("Provision", "12.1", b"x").send(&place).await.status, 200);
}

#[tokio::test]
async fn a_file_with_a_typing_error_lets_nobody_in_and_stays() {
    let place = Place::new(|_| {}).await;
    assert_eq!(gate(&place, None).await, (200, None));
    let file = place.device("X1").info_file().unwrap();
    let text = std::fs::read_to_string(&file).unwrap().replace("rwstatus", "rwstatus = two #");
    std::fs::write(&file, &text).unwrap();
    assert_eq!(gate(&place, None).await, (449, Some(142)));
    Ask::command("Provision", "14.1", b"x").send(&place).await;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[tokio::test]
async fn old_phones_that_claim_more_get_both() {
    let place = Place::new(|config| {
        config.policy.mode = Mode::Require;
        config.policy.answer_both = true;
    })
    .await;
    let got = Ask::command("FolderSync", "14.1", b"x").send(&place).await;
    assert_eq!((got.status, got.refusal()), (449, Some(142)));
}

#[tokio::test]
async fn the_info_file_tells_of_the_phone_and_is_not_written_for_nothing() {
    let place = Place::new(|_| {}).await;
    Ask::command("FolderSync", "14.1", b"x").header("User-Agent", "Apple-iPhone/1 \u{1b}[2J").send(&place).await;
    let device = place.device("X1");
    let info = device.info().unwrap().unwrap();
    assert_eq!((info.user.as_str(), info.id.as_str(), info.device_type.as_str()), ("alice", "X1", "iPhone"));
    assert_eq!((info.user_agent.as_str(), info.version.as_str()), ("Apple-iPhone/1 [2J", "14.1"));
    assert!(info.first_seen > 0 && info.last_seen == info.first_seen);
    let stamp = device.stamp();
    Ask::command("FolderSync", "14.1", b"x").header("User-Agent", "Apple-iPhone/1 \u{1b}[2J").send(&place).await;
    assert_eq!(device.stamp(), stamp);
    Ask::command("FolderSync", "16.0", b"x").send(&place).await;
    assert_eq!(device.info().unwrap().unwrap().version, "16.0");
    assert_eq!(device.info().unwrap().unwrap().user_agent, "Apple-iPhone/1 [2J");
}

#[tokio::test]
async fn the_account_check_of_android_leaves_nothing() {
    let place = Place::new(|_| {}).await;
    let query = "Cmd=FolderSync&User=alice&DeviceId=validate&DeviceType=Android".to_owned();
    assert_eq!(Ask { query, ..Ask::command("", "12.1", b"x") }.send(&place).await.status, 200);
    assert!(place.device("validate").info().unwrap().is_none());
}

#[tokio::test]
async fn other_versions_are_announced_once() {
    let place = Place::new(|_| {}).await;
    let folder_sync = async || {
        let got = Ask::command("FolderSync", "12.1", b"x").send(&place).await;
        got.header("X-MS-RP").map(str::to_owned)
    };
    assert_eq!(folder_sync().await, None);
    let mut config = place.desk.site().config.clone();
    let rule = crate::config::Ceiling {
        max: Version::V14_1,
        user: "al*".into(),
        device_type: "iphone".into(),
        agent: "*".into(),
    };
    config.versions.ceiling.push(rule);
    place.desk.reload(config);
    // Not where the phone cannot begin anew, and not when the command failed.
    assert_eq!(Ask::command("Settings", "12.1", b"x").send(&place).await.header("X-MS-RP"), None);
    assert_eq!(Ask::command("FolderSync", "12.1", b"later").send(&place).await.header("X-MS-RP"), None);
    assert_eq!(folder_sync().await.as_deref(), Some("2.5,12.0,12.1,14.0,14.1"));
    assert_eq!(folder_sync().await, None);
    assert_eq!(Ask::options().send(&place).await.header("MS-ASProtocolVersions"), Some("2.5,12.0,12.1,14.0,14.1"));
    assert_eq!(Ask::options().send(&place).await.header("MS-Server-ActiveSync"), Some("14.3"));
    let bob = Ask::options().login("bob", "bob-secret").send(&place).await;
    assert_eq!(bob.header("MS-ASProtocolVersions"), Some("2.5,12.0,12.1,14.0,14.1,16.0,16.1"));
}

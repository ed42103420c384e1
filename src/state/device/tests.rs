use std::{fs, process::Command, time::Duration};

use super::*;
use crate::state::Seen;

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().expect("dir");
    let store = Store::open(dir.path().join("state")).expect("store");
    (dir, store)
}

fn device(store: &Store, id: &str) -> Device {
    store.device("anna", &DeviceId::new(id).expect("id")).expect("device")
}

#[test]
fn ids_that_could_leave_the_directory_are_refused() {
    for id in ["", ".", "..", "a/b", "a\0b", "a.b", "ä", &"x".repeat(65)] {
        assert!(matches!(DeviceId::new(id), Err(Error::Name(_))), "{id:?}");
    }
    assert_eq!(DeviceId::new("ApplX").expect("id"), DeviceId::new("aPPLx").expect("id"));
}

#[tokio::test]
async fn an_info_file_is_created_kept_and_changed_only_if_need_be() {
    let (_dir, store) = store();
    let device = device(&store, "ApplDN1");
    assert_eq!(device.info().expect("info"), None);
    assert_eq!(device.stamp(), Stamp::default());
    let locked = device.lock().await.expect("lock");
    let info = locked.update(|info| info.policy_key = 5).await.expect("update");
    assert_eq!(device.info().expect("info"), Some(info));
    let stamp = device.stamp();
    locked.update(|info| info.policy_key = 5).await.expect("update");
    assert_eq!(device.stamp(), stamp, "nothing changed, nothing written");
    assert_eq!(store.devices("anna").expect("devices"), [DeviceId::new("appldn1").expect("id")]);
    assert_eq!(store.devices("bob").expect("devices"), []);
    assert_eq!(store.users().expect("users"), ["anna"]);
}

#[tokio::test]
async fn an_unreadable_file_is_never_overwritten_but_can_wipe() {
    let (_dir, store) = store();
    let device = device(&store, "x1");
    let file = device.info_file().expect("file");
    let text = "rwstatus = 2\npolicykey = O\n";
    fs::create_dir_all(file.parent().expect("parent")).expect("mkdir");
    fs::write(&file, text).expect("write");
    assert!(matches!(device.info(), Err(Error::Unreadable { line: 2, .. })));
    assert_eq!(device.wipe_even_if_broken(), WipeStatus::Pending);
    let locked = device.lock().await.expect("lock");
    assert!(matches!(locked.update(|info| info.wipe = WipeStatus::Ok).await, Err(Error::Unreadable { line: 2, .. })));
    assert_eq!(fs::read_to_string(&file).expect("read"), text);
}

#[tokio::test]
async fn spellings_of_an_id_are_one_device() {
    let (_dir, store) = store();
    let (upper, lower) = (device(&store, "APPL1"), device(&store, "appl1"));
    upper.lock().await.expect("lock").update(|info| info.policy_key = 5).await.expect("update");
    assert_eq!(lower.info().expect("info").map(|info| info.policy_key), Some(5));
    let locked = lower.lock().await.expect("lock");
    locked.update(|info| info.policy_key = 6).await.expect("update");
    locked.journal("folders").expect("journal").append(b"x").await.expect("append");
    drop(locked);
    assert_eq!(store.devices("anna").expect("devices").len(), 1);
    let locked = upper.lock().await.expect("lock");
    assert_eq!(locked.journals().expect("journals"), ["folders"]);
    let other = tokio::time::timeout(Duration::from_millis(50), lower.lock()).await;
    assert!(other.is_err(), "one lock for both");
}

#[tokio::test]
async fn files_of_a_replaced_server_are_taken_over() {
    let (_dir, store) = store();
    let device = device(&store, "Nine2EC7");
    let dir = device.info_file().expect("file").parent().expect("parent").to_owned();
    fs::create_dir_all(&dir).expect("mkdir");
    let old = dir.join("info-4e696e6532454337");
    fs::write(&old, "O:8:\"stdClass\":2:{s:9:\"policykey\";i:77;s:8:\"rwstatus\";i:1;}").expect("write");
    assert_eq!(device.info().expect("info").map(|info| info.policy_key), Some(77));
    assert!(old.exists(), "reading changes nothing");
    let locked = device.lock().await.expect("lock");
    let seen = Seen { id: "Nine2EC7", ..Seen::default() };
    locked.update(|info| assert!(info.touch(1_700_000_000, &seen))).await.expect("update");
    assert!(!old.exists());
    let text = fs::read_to_string(dir.join("info-Nine2EC7")).expect("read");
    assert!(text.contains("policykey = 77 ") && text.contains("id = \"Nine2EC7\""), "{text}");
    assert_eq!(store.devices("anna").expect("devices").len(), 1);
}

#[tokio::test]
async fn nothing_is_kept_for_a_check_of_the_account() {
    let (_dir, store) = store();
    let device = device(&store, "Validate");
    let locked = device.lock().await.expect("lock");
    locked.update(|info| info.policy_key = 5).await.expect("update");
    let mut journal = locked.journal("folders").expect("journal");
    journal.append(b"x").await.expect("append");
    journal.replace(&[b"x".to_vec()]).await.expect("replace");
    assert!(journal.load().expect("load").is_empty());
    journal.remove().await.expect("remove");
    assert_eq!(device.info().expect("info"), None);
    assert_eq!(store.users().expect("users"), Vec::<String>::new());
}

/// An editor that saves between reading and writing.
#[tokio::test]
async fn an_edit_made_meanwhile_is_not_lost() {
    let (_dir, store) = store();
    let device = device(&store, "x1");
    let locked = device.lock().await.expect("lock");
    locked.update(|info| info.policy_key = 5).await.expect("update");
    let file = device.info_file().expect("file");
    let edited =
        fs::read_to_string(&file).expect("read").replace("rwstatus = 0", "rwstatus = 2").replace("5  #", "0  #");
    let info = locked
        .update(|info| {
            fs::write(&file, edited).expect("write");
            info.policy_key = 6;
            info.policy_status = 1;
        })
        .await
        .expect("update");
    assert_eq!((info.wipe, info.policy_key, info.policy_status), (WipeStatus::Pending, 0, 1));
    assert_eq!(device.info().expect("info"), Some(info));
}

/// The second process of the tests below: takes the lock many times and counts up in a file, which loses counts if anybody else has it, too.
#[tokio::test]
async fn other_process() {
    let Some(root) = std::env::var_os("EAS_TEST_STATE") else { return };
    let store = Store::open(PathBuf::from(root)).expect("store");
    count(&store, 40).await;
}

async fn count(store: &Store, times: usize) {
    for _ in 0..times {
        let device = device(store, "counter");
        let locked = device.lock().await.expect("lock");
        let file = device.inner.own().join("count");
        let count: usize = fs::read_to_string(&file).map_or(0, |text| text.parse().expect("whole"));
        tokio::task::yield_now().await;
        fs::write(&file, (count + 1).to_string()).expect("write");
        locked.update(|info| info.policy_key += 1).await.expect("update");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lock_works_between_tasks_and_processes() {
    let (_dir, store) = store();
    let spawn = || {
        Command::new(std::env::current_exe().expect("test binary"))
            .args(["--exact", "state::device::tests::other_process"])
            .env("EAS_TEST_STATE", store.root.as_os_str())
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("spawn")
    };
    let mut children = [spawn(), spawn()];
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { count(&store, 10).await })
        })
        .collect();
    for task in tasks {
        task.await.expect("task");
    }
    for child in &mut children {
        assert!(child.wait().expect("wait").success());
    }
    let device = device(&store, "counter");
    assert_eq!(fs::read_to_string(device.inner.own().join("count")).expect("read"), "120");
    assert_eq!(device.info().expect("info").map(|info| info.policy_key), Some(120));
}

/// A process that dies (kill -9) leaves no lock behind, and a lock whose file was deleted is not taken for one.
#[tokio::test]
async fn a_deleted_lock_file_does_not_let_two_in() {
    let (_dir, store) = store();
    let device = device(&store, "x1");
    let first = device.lock().await.expect("lock");
    fs::remove_dir_all(device.inner.own()).expect("remove");
    drop(first);
    let second = device.lock().await.expect("lock");
    assert!(device.inner.own().join("lock").exists());
    let other = Store::open(&*store.root).expect("store");
    let third = super::super::device::tests::device(&other, "x1");
    assert!(tokio::time::timeout(Duration::from_millis(60), third.lock()).await.is_err(), "held on disk");
    drop(second);
    assert!(tokio::time::timeout(Duration::from_secs(5), third.lock()).await.is_ok());
}

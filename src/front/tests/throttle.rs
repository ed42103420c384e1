//! Overload, and devices that turn in circles.

use tokio::sync::Notify;

use super::*;

/// A request with the body `hold` or `rest` runs; used by one test.
pub(super) static REACHED: Notify = Notify::const_new();
/// It may end.
pub(super) static RELEASE: Notify = Notify::const_new();

fn folder_sync(body: &[u8]) -> Ask {
    Ask::command("FolderSync", "14.1", body)
}

fn of_device(mut ask: Ask, device: &str) -> Ask {
    ask.query = ask.query.replace("X1", device);
    ask
}

/// Told to come back after so many seconds, for that reason.
fn assert_slowed(got: &Got, seconds: std::ops::RangeInclusive<u64>, reason: Option<&str>) {
    assert_eq!((got.status, got.header("X-MS-ASThrottle")), (503, reason), "{got:?}");
    let after: u64 = got.header("Retry-After").unwrap().parse().unwrap();
    assert!(seconds.contains(&after), "{got:?}");
}

fn trouble(place: &super::Place) -> String {
    place.device("X1").info().unwrap().unwrap().trouble
}

#[tokio::test]
async fn the_same_failing_request_is_slowed_down_and_shown_until_it_works() {
    let place = Place::new(|config| (config.limits.repeats, config.limits.max_pause) = (3, 1)).await;
    for _ in 0..3 {
        assert_eq!(trouble_or_none(&place), "");
        assert_eq!(folder_sync(b"moody").send(&place).await.refusal(), Some(110));
    }
    let noted = trouble(&place);
    assert!(noted.ends_with("Z FolderSync 500, the same request 3 times"), "{noted}");
    assert_slowed(&folder_sync(b"moody").send(&place).await, 1..=2, Some("RecentCommands"));
    // Everything else works meanwhile.
    assert_eq!(folder_sync(b"x").send(&place).await.status, 200);
    assert_eq!(of_device(folder_sync(b"moody"), "X2").send(&place).await.refusal(), Some(110));
    assert_eq!(trouble(&place), noted);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(folder_sync(b"moody").header("User-Agent", "well").send(&place).await.status, 200);
    assert_eq!(trouble(&place), "");
    assert_eq!(folder_sync(b"moody").header("User-Agent", "well").send(&place).await.status, 200);
}

fn trouble_or_none(place: &super::Place) -> String {
    place.device("X1").info().unwrap().map(|info| info.trouble).unwrap_or_default()
}

#[tokio::test]
async fn an_administrators_edit_is_not_fought_over() {
    let place = Place::new(|config| (config.limits.repeats, config.limits.max_pause) = (3, 0)).await;
    for n in 0..10 {
        folder_sync(b"panic").send(&place).await;
        if n == 5 {
            assert!(trouble(&place).contains("FolderSync 500"));
            let edit = |info: &mut crate::state::Info| info.trouble.clear();
            place.device("X1").lock().await.unwrap().update(edit).await.unwrap();
        }
    }
    assert_eq!(trouble(&place), "", "what he removed does not come back");
}

#[tokio::test]
async fn trouble_at_the_back_is_nobodys_fault() {
    let place = Place::new(|config| config.limits.repeats = 3).await;
    for _ in 0..50 {
        let got = folder_sync(b"later").send(&place).await;
        assert_slowed(&got, 7..=10, None);
    }
    assert_eq!(trouble(&place), "");
}

#[tokio::test]
async fn wrong_in_every_form_counts() {
    for (version, body) in [("14.1", &b"status"[..]), ("12.1", b"status"), ("14.1", b"internal"), ("12.1", b"panic")] {
        let place = Place::new(|config| config.limits.repeats = 3).await;
        for _ in 0..3 {
            let got = Ask::command("FolderSync", version, body).send(&place).await;
            assert!(got.refusal().is_some() || got.status >= 500, "{got:?}");
        }
        let got = Ask::command("FolderSync", version, body).send(&place).await;
        assert_slowed(&got, 4..=7, Some("RecentCommands"));
    }
}

#[tokio::test]
async fn a_flood_is_refused_without_work_and_others_are_served() {
    let place = Place::new(|config| (config.limits.device_rate, config.limits.user_rate) = (5, 20)).await;
    for _ in 0..5 {
        assert_eq!(folder_sync(b"x").send(&place).await.status, 200);
    }
    assert_eq!(trouble(&place), "");
    for _ in 0..10 {
        assert_slowed(&folder_sync(b"x").send(&place).await, 29..=45, Some("CommandFrequency"));
    }
    assert!(trouble(&place).ends_with("Z more than 5 requests in a minute"), "{}", trouble(&place));
    assert_eq!(of_device(folder_sync(b"x"), "X2").send(&place).await.status, 200);
    // Ever new devices of one user do not help.
    for n in 0..4 {
        assert_eq!(of_device(folder_sync(b"x"), &format!("Y{n}")).send(&place).await.status, 200);
    }
    assert_slowed(&of_device(folder_sync(b"x"), "Y9").send(&place).await, 29..=45, Some("CommandFrequency"));
    let bob = folder_sync(b"x").login("bob", "bob-secret");
    assert_eq!(bob.send(&place).await.status, 200);
}

#[tokio::test]
async fn a_device_that_never_fetches_its_policies_is_slowed_down_and_may_still_do_so() {
    let place = Place::new(|config| (config.policy.mode, config.limits.repeats) = (Mode::Require, 3)).await;
    assert_eq!(Ask::command("Provision", "14.1", b"x").send(&place).await.status, 200);
    for body in [&b"a"[..], b"b", b"c"] {
        assert_eq!(folder_sync(body).send(&place).await.refusal(), Some(142));
    }
    assert!(trouble(&place).ends_with("told 3 times to fetch its policies (142)"), "{}", trouble(&place));
    assert_slowed(&folder_sync(b"d").send(&place).await, 4..=7, Some("RecentCommands"));
    assert_eq!(Ask::command("Provision", "14.1", b"x").send(&place).await.status, 200);
    let policy = place.desk.site().config.policy.hash(Version::V14_1);
    let edit = |info: &mut crate::state::Info| (info.policy_key, info.policy) = (7, policy);
    place.device("X1").lock().await.unwrap().update(edit).await.unwrap();
    assert_eq!(folder_sync(b"e").header("X-MS-PolicyKey", "7").send(&place).await.status, 200);
    assert_eq!(trouble(&place), "");
}

#[tokio::test]
async fn a_wipe_comes_before_all_slowness() {
    let place = Place::new(|config| config.limits.repeats = 2).await;
    for _ in 0..4 {
        folder_sync(b"internal").send(&place).await;
    }
    let edit = |info: &mut crate::state::Info| info.wipe = crate::state::WipeStatus::Pending;
    place.device("X1").lock().await.unwrap().update(edit).await.unwrap();
    for _ in 0..10 {
        assert_eq!(folder_sync(b"internal").send(&place).await.refusal(), Some(140));
    }
}

#[tokio::test]
async fn who_works_takes_a_place_and_who_waits_gives_it_back() {
    let place = Arc::new(Place::new(|config| (config.limits.working, config.limits.queue) = (1, 0)).await);
    assert_eq!(folder_sync(b"x").send(&place).await.status, 200);
    for (body, others) in [(&b"hold"[..], 503), (b"rest", 200)] {
        let running = tokio::spawn({
            let place = Arc::clone(&place);
            async move { folder_sync(body).send(&place).await }
        });
        REACHED.notified().await;
        let got = of_device(folder_sync(b"x"), "X2").send(&place).await;
        assert_eq!(got.status, others);
        if others == 503 {
            // The phone is not to blame.
            assert_slowed(&got, 30..=45, None);
        }
        RELEASE.notify_one();
        assert_eq!(running.await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn other_limits_hold_after_a_reload() {
    let place = Place::new(|config| config.limits.user_open = 0).await;
    assert_eq!(folder_sync(b"x").send(&place).await.status, 200);
    let mut config = place.desk.site().config.clone();
    config.limits.device_rate = 1;
    place.desk.reload(config);
    let got = [folder_sync(b"x").send(&place).await.status, folder_sync(b"x").send(&place).await.status];
    assert_eq!(got, [200, 503]);
}

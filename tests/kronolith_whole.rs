//! Calendars that are read at once without multiCall, against a scripted Horde: each way of failing costs time and no event.

// A test may stop at the first surprise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "stand_in/mod.rs"]
#[allow(dead_code)]
mod stand_in;

use horde_eas::{
    horde::{Horde, Login, Settings},
    source::{Fetched, Shared, Source, kronolith::Kronolith},
    state::Store,
    wbxml::tag::calendar as c,
};
use serde_json::json;
use stand_in::Server;

const COUNT: usize = 80;

fn event(uid: &str) -> String {
    format!(
        "BEGIN:VEVENT\r\nUID:{uid}\r\nSUMMARY:Event {uid}\r\nDTSTART:20261201T080000Z\r\nDTEND:20261201T090000Z\r\nEND:VEVENT\r\n"
    )
}

fn calendar(events: &str) -> String {
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}END:VCALENDAR\r\n")
}

/// Fetches all events twice, a new reading each time, where `exportCalendar` gives `whole` (`None`: a fault); gives how often it was called,
/// and how often single events were exported.
async fn calls(whole: Option<String>) -> (usize, usize) {
    let server = Server::start(move |request| {
        let (call, body) = (request.call(), request.json());
        match call.as_str() {
            "calendar.exportCalendar" => match &whole {
                Some(text) => request.result(&json!(text)),
                None => request.fault("it is too much for me"),
            },
            "calendar.export" => request.result(&json!(calendar(&event(body["params"][0].as_str().unwrap())))),
            _ => request.fault("no such call"),
        }
    })
    .await;
    let settings = Settings { url: server.url.clone(), multicall: false, multiget: false, ..Settings::default() };
    let session =
        Horde::new(settings).unwrap().session(&Login { user: "ann".into(), password: "secret".to_owned().into() });
    let dir = tempfile::tempdir().unwrap();
    let beside = Store::open(dir.path()).unwrap().beside("ann", "calendar").unwrap();
    let phone = Kronolith::new(session, beside, &Shared::new());
    let uids: Vec<String> = (0..COUNT).map(|n| format!("e{n}")).collect();
    for _ in 0..2 {
        let items = phone.fetch("cal", &uids, &[]).await.unwrap();
        for (uid, item) in uids.iter().zip(items) {
            let Fetched::Item(item) = item else { panic!("{uid}: {item:?}") };
            assert_eq!(item.text(c::SUBJECT), Some(format!("Event {uid}").as_str()));
        }
    }
    let log = server.log.lock().unwrap();
    let count = |name: &str| log.iter().filter(|request| request.call() == name).count();
    (count("calendar.exportCalendar"), count("calendar.export"))
}

#[tokio::test]
async fn all_of_a_calendar_comes_by_one_call() {
    let all: String = (0..COUNT).map(|n| event(&format!("e{n}"))).collect();
    assert_eq!(calls(Some(calendar(&all))).await, (2, 0));
}

#[tokio::test]
async fn what_is_missing_or_half_is_exported_alone() {
    let most: String = (2..COUNT).map(|n| event(&format!("e{n}"))).collect();
    assert_eq!(calls(Some(calendar(&most))).await, (2, 4));
    let half = calendar(&most);
    let (_, single) = calls(Some(half[..half.len() / 2].to_owned())).await;
    assert!(single > COUNT / 2, "{single}");
    assert_eq!(calls(Some("no calendar".to_owned())).await.1, 2 * COUNT);
}

#[tokio::test]
async fn a_calendar_that_cannot_be_read_at_once_is_not_tried_again_soon() {
    assert_eq!(calls(None).await, (1, 2 * COUNT));
}

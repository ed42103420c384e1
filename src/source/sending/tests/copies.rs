//! What becomes of the copies.

use tokio::runtime::Runtime;

use super::*;
use crate::state::Copy;

/// A mail whose copy waits until the phone was answered.
fn large(key: &str) -> Order {
    let mut order = order(key);
    let lines = "All work and no play makes Jack a dull boy.\r\n".repeat(10_000);
    order.mail.message = format!("Message-ID: <{key}@x>\r\n\r\n{lines}").into_bytes().into();
    assert!(order.mail.message.len() > SMALL);
    order
}

/// Everything is done, or waits for another request.
async fn quiet(sender: &Sender) {
    tokio::time::timeout(Duration::from_secs(10), sender.copying.end()).await.unwrap();
}

/// The copies on disk.
async fn waiting(sender: &Sender) -> Vec<Copy> {
    sender.copies.lock().await.unwrap().all().unwrap()
}

/// As if the pause before the next try were over.
async fn later(sender: &Sender) {
    let open = sender.copies.lock().await.unwrap();
    for copy in open.all().unwrap() {
        open.update(&Copy { not_before: 0, ..copy }).await.unwrap();
    }
}

/// Files in the directory of the copies.
fn files(place: &Place) -> usize {
    let names = std::fs::read_dir(place.dir.path().join("erika/copies"));
    names.into_iter().flatten().filter(|name| name.as_ref().unwrap().file_name() != "lock").count()
}

#[tokio::test]
async fn the_copy_of_a_large_mail_follows_the_answer() {
    let (place, room) = (Place::new().await, Box::default());
    let mail = large("a");
    assert_eq!(place.sender.send(&room, &mail, NOW).await.unwrap(), Outcome::Sent);
    assert_eq!(place.stage("a").await, Some(Stage::Done));
    assert_eq!(*room.marked.lock().unwrap(), [Verb::Reply]);
    quiet(&place.sender).await;
    let expected = String::from_utf8(mail.mail.message.clone().into_bytes().unwrap()).unwrap();
    assert!(*room.kept.lock().unwrap() == [expected], "the copy is the mail");
    assert_eq!(files(&place), 0);
    // Who does not want one gets none.
    let unsaved = Order { save: false, ..large("b") };
    assert_eq!(place.sender.send(&room, &unsaved, NOW).await.unwrap(), Outcome::Sent);
    quiet(&place.sender).await;
    assert_eq!((room.kept(), files(&place)), (1, 0));
}

#[tokio::test]
async fn an_answer_does_not_wait_for_the_copy_of_a_large_mail() {
    let (place, room) = (Place::new().await, Box::stuck());
    assert_eq!(place.sender.send(&room, &large("a"), NOW).await.unwrap(), Outcome::Sent);
    assert_eq!(place.sender.send(&room, &large("b"), NOW).await.unwrap(), Outcome::Sent);
    assert_eq!((place.server.count(), room.kept()), (2, 0));
}

#[tokio::test]
async fn of_a_refused_mail_no_copy_is_left() {
    let (place, room) = (Place::new().await, Box::default());
    *place.server.end.lock().unwrap() = "554 no";
    assert!(place.sender.send(&room, &large("a"), NOW).await.is_err());
    quiet(&place.sender).await;
    assert_eq!((room.kept(), files(&place)), (0, 0));
}

#[tokio::test]
async fn a_copy_that_fails_makes_nothing_unsent_and_is_tried_again() {
    for order in [order, large] {
        let place = Place::new().await;
        let room = Box::failing(1);
        assert_eq!(place.sender.send(&room, &order("a"), NOW).await.unwrap(), Outcome::Sent);
        quiet(&place.sender).await;
        assert_eq!((room.kept(), files(&place)), (1, 0), "at once");

        let room = Box::failing(usize::MAX);
        let sender = place.sender();
        assert_eq!(sender.send(&room, &order("b"), NOW).await.unwrap(), Outcome::Sent);
        assert_eq!(sender.send(&room, &order("b"), NOW).await.unwrap(), Outcome::Before);
        quiet(&sender).await;
        let left = waiting(&sender).await;
        assert_eq!((place.server.count(), room.kept(), left.len()), (2, 0, 1));
        assert!(left[0].tries > 1 && left[0].not_before > NOW, "{left:?}");

        room.failing.store(0, Ordering::SeqCst);
        let sender = place.sender();
        sender.resume(room.clone());
        quiet(&sender).await;
        assert_eq!((room.kept(), waiting(&sender).await), (0, left), "not before its time");
        later(&sender).await;
        sender.resume(room.clone());
        quiet(&sender).await;
        assert_eq!((room.kept(), files(&place)), (1, 0));
    }
}

#[tokio::test]
async fn pauses_grow_until_a_copy_is_given_up() {
    let (place, room) = (Place::new().await, Box::failing(usize::MAX));
    assert_eq!(place.sender.send(&room, &large("a"), NOW).await.unwrap(), Outcome::Sent);
    quiet(&place.sender).await;
    let (mut last, mut pauses) = (0, Vec::new());
    for _ in 0..8 {
        later(&place.sender).await;
        let sender = place.sender();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        sender.resume(room.clone());
        quiet(&sender).await;
        let left = waiting(&sender).await;
        assert!(left[0].tries > last, "{left:?}");
        last = left[0].tries;
        pauses.push(left[0].not_before - now);
    }
    assert!(pauses.is_sorted() && *pauses.last().unwrap() >= 3600, "{pauses:?}");
    later(&place.sender).await;
    let mut sender = place.sender();
    sender.smtp.give_up = 0;
    sender.resume(room.clone());
    quiet(&sender).await;
    assert_eq!((room.kept(), files(&place)), (0, 0));
}

#[tokio::test]
async fn a_copy_whose_answer_was_lost_is_not_doubled() {
    for order in [order, large] {
        let (place, room) = (Place::new().await, Box::default());
        room.mute.store(1, Ordering::SeqCst);
        assert_eq!(place.sender.send(&room, &order("a"), NOW).await.unwrap(), Outcome::Sent);
        quiet(&place.sender).await;
        assert_eq!((room.kept(), files(&place)), (1, 0));
    }
}

#[tokio::test]
async fn copies_of_a_user_are_kept_one_at_a_time() {
    let (place, room) = (Place::new().await, Box::default());
    for n in 0..5 {
        let mail = large(&n.to_string());
        assert_eq!(place.sender.send(&room, &mail, NOW + n).await.unwrap(), Outcome::Sent);
        place.sender.resume(room.clone());
    }
    // Another process.
    place.sender().resume(room.clone());
    quiet(&place.sender).await;
    assert_eq!((room.kept(), room.busy[1].load(Ordering::SeqCst), files(&place)), (5, 1, 0));
}

#[tokio::test]
async fn a_mail_whose_copy_waits_is_not_taken_for_unsent() {
    let (place, room) = (Place::new().await, Box::stuck());
    assert_eq!(place.sender.send(&room, &large("a"), NOW).await.unwrap(), Outcome::Sent);
    // The disk was full when it was to be noted.
    let unknown = Sending { key: "a".into(), message_id: "a@x".into(), at: NOW, stage: Stage::Unknown };
    place.sender.sent.lock().await.unwrap().put(unknown).await.unwrap();
    assert_eq!(place.sender.send(&room, &large("a"), NOW).await.unwrap(), Outcome::Before);
    assert_eq!(place.server.count(), 1);
}

/// Sends a mail in a program that is killed when the mailbox is stuck, and sends it again in the next one.
fn killed(order: fn(&str) -> Order, answered: bool) {
    let world = Runtime::new().unwrap();
    let place = world.block_on(Place::new());
    let first = Runtime::new().unwrap();
    first.block_on(async {
        let (sender, room, mail) = (place.sender(), Box::stuck(), order("a"));
        let sent = tokio::time::timeout(Duration::from_secs(1), sender.send(&room, &mail, NOW)).await;
        assert_eq!(sent.is_ok(), answered);
    });
    drop(first);
    assert_eq!((place.server.count(), files(&place) > 0), (1, answered));
    let second = Runtime::new().unwrap();
    second.block_on(async {
        let (sender, room) = (place.sender(), Box::default());
        sender.resume(room.clone());
        if !answered {
            assert_eq!(place.stage("a").await, Some(Stage::Accepted));
            assert_eq!(sender.send(&room, &order("a"), NOW).await.unwrap(), Outcome::Before);
        }
        quiet(&sender).await;
        assert_eq!((place.server.count(), room.kept(), files(&place)), (1, 1, 0));
        assert_eq!(place.stage("a").await, Some(Stage::Done));
        assert_eq!(sender.send(&room, &order("a"), NOW).await.unwrap(), Outcome::Before);
        quiet(&sender).await;
        assert_eq!((place.server.count(), room.kept()), (1, 1));
    });
}

#[test]
fn a_kill_between_mail_and_copy_neither_loses_the_copy_nor_sends_twice() {
    killed(order, false);
}

#[test]
fn a_kill_between_answer_and_copy_neither_loses_nor_doubles_the_copy() {
    killed(large, true);
}

#[tokio::test]
async fn a_kill_between_copy_and_note_doubles_nothing() {
    for order in [order, large] {
        let (place, room) = (Place::new().await, Box::default());
        assert_eq!(place.sender.send(&room, &order("a"), NOW).await.unwrap(), Outcome::Sent);
        quiet(&place.sender).await;
        let accepted = Sending { key: "a".into(), message_id: "a@x".into(), at: NOW, stage: Stage::Accepted };
        place.sender.sent.lock().await.unwrap().put(accepted).await.unwrap();
        let sender = place.sender();
        assert_eq!(sender.send(&room, &order("a"), NOW).await.unwrap(), Outcome::Before);
        quiet(&sender).await;
        assert_eq!((place.server.count(), room.kept(), files(&place)), (1, 1, 0));
    }
}

//! Which uid an item gets that a phone adds.

use super::{
    horde::{EVENTS, Fault, Horde, on_day, place},
    phone::{NOW, Phone},
    *,
};
use crate::{
    proto::sync::{Command, CommandKind, CommandResult},
    wbxml::tag::calendar as c,
};

fn event(subject: &str) -> Properties {
    on_day(EVENTS.item(subject, "x"), NOW as i64 / horde::DAY)
}

fn add(tag: crate::wbxml::Tag, uid: &str, subject: &str) -> Command {
    let mut item = event(subject);
    item.set_text(tag, uid);
    Phone::command(CommandKind::Add, "c1", item)
}

fn send(phone: &mut Phone, command: &Command) -> CommandResult {
    let request = Collection { commands: vec![command.clone()], ..phone.request(9) };
    let mut outcome = phone.ask(&request, Version::V16_1, place()).unwrap();
    phone.key = outcome.response.key;
    outcome.response.responses.remove(0)
}

fn filled(uids: &[&str]) -> (Horde, Phone) {
    let horde = Horde::of(&EVENTS);
    for uid in uids {
        horde.put_as((*uid).into(), event("server"));
    }
    let mut phone = Phone::new(&horde);
    phone.version = Version::V16_1;
    phone.settle();
    (horde, phone)
}

fn uids(horde: &Horde) -> Vec<String> {
    horde.book.lock().unwrap().items.keys().cloned().collect()
}

#[test]
fn the_phone_chooses_the_uid_of_an_event() {
    for (tag, uid, taken) in [(c::UID, "a@b", true), (c::CLIENT_UID, "a@b", true), (c::UID, "a\u{7}b", false)] {
        let (horde, mut phone) = filled(&[]);
        assert_eq!(send(&mut phone, &add(tag, uid, "new")).status, 1);
        assert_eq!(uids(&horde) == ["a@b"], taken);
        let key = phone.key.clone();
        phone.items.insert("?".into(), event("new"));
        phone.settle();
        assert_eq!(phone.key, key, "an echo");
    }
}

#[test]
fn an_event_that_the_phone_has_not_got_yet_is_that_event() {
    let (horde, mut phone) = filled(&[]);
    horde.put_as("a@b".into(), event("server"));
    let result = send(&mut phone, &add(c::UID, "a@b", "phone"));
    assert_eq!(result.status, 1);
    assert_eq!(uids(&horde), ["a@b"]);
    // What Horde has counts; the phone gets it.
    phone.items.insert(result.server_id.unwrap(), event("phone"));
    phone.settle();
    let subjects: Vec<String> = phone.items.values().map(|item| EVENTS.first(item)).collect();
    assert_eq!(subjects, ["server"]);
}

#[test]
fn an_event_that_the_phone_has_is_not_added_again() {
    let (horde, mut phone) = filled(&["a@b"]);
    let before = horde.book.lock().unwrap().modseq;
    let result = send(&mut phone, &add(c::UID, "a@b", "phone"));
    assert_eq!((result.status, result.server_id), (6, None));
    assert_eq!(horde.book.lock().unwrap().modseq, before);
}

#[test]
fn a_uid_that_is_taken_elsewhere_does_not_lose_the_event() {
    let (mut horde, mut phone) = filled(&[]);
    horde.elsewhere = Some("a@b".into());
    phone.horde = horde.clone();
    assert_eq!(send(&mut phone, &add(c::UID, "a@b", "phone")).status, 1);
    assert_eq!(uids(&horde).len(), 1);
    assert!(uids(&horde)[0].ends_with("@horde-eas"));
}

/// The second attempt fails, too, and what the first one added is deleted before the third.
#[test]
fn what_was_deleted_between_attempts_does_not_rise_again() {
    let (horde, mut phone) = filled(&[]);
    let command = add(c::UID, "", "new");
    let request = Collection { commands: vec![command.clone()], ..phone.request(9) };
    for delete in [false, true] {
        // The intent is written, the event added; what follows fails.
        *horde.faults.0.lock().unwrap() = Some(Fault { after: 2, done: true });
        phone.ask(&request, Version::V16_1, place()).unwrap_err();
        *horde.faults.0.lock().unwrap() = None;
        assert_eq!(uids(&horde).len(), 1);
        if delete {
            horde.drop(&uids(&horde)[0]);
        }
    }
    assert_eq!(send(&mut phone, &command).status, 1);
    assert_eq!(uids(&horde).len(), 0);
}

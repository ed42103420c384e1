//! Commands for one occurrence of a series (16.0+).

use super::{
    horde::{EVENTS, Horde, on_day, place},
    phone::{NOW, Phone},
    *,
};
use crate::{
    proto::{
        class::Value,
        sync::{Command, CommandKind},
    },
    wbxml::tag::calendar as c,
};

const UID: &str = "series";
const MONDAY: &str = "20261130T120000Z";
const TUESDAY: &str = "20261201T120000Z";

fn filled() -> (Horde, Phone, String) {
    let horde = Horde::of(&EVENTS);
    let mut series = on_day(EVENTS.item("s", "x"), NOW as i64 / horde::DAY);
    let mut rule = Properties::default();
    rule.set_text(c::TYPE, "0");
    series.0.insert(c::RECURRENCE, Value::Group(rule));
    horde.put_as(UID.into(), series);
    let mut phone = Phone::new(&horde);
    phone.version = Version::V16_1;
    phone.settle();
    let id = phone.items.keys().next().unwrap().clone();
    (horde, phone, id)
}

fn command(kind: CommandKind, id: &str, instance: &str, subject: &str) -> Command {
    let mut item = Properties::default();
    item.set_text(c::SUBJECT, subject);
    Command { instance: Some(instance.into()), ..Phone::command(kind, id, item) }
}

/// Sends commands; the status of each answer.
fn send(phone: &mut Phone, place: Place<'_>, commands: &[Command]) -> Vec<u16> {
    let request = Collection { commands: commands.to_vec(), ..phone.request(9) };
    let outcome = phone.ask(&request, Version::V16_1, place).unwrap();
    for result in &outcome.response.responses {
        let sent = commands.iter().find(|c| c.instance == result.instance).unwrap();
        assert_eq!(result.server_id.as_ref(), Some(&sent.id));
    }
    let statuses = outcome.response.responses.iter().map(|result| result.status).collect();
    phone.key = outcome.response.key;
    statuses
}

/// Start, subject and whether deleted of all occurrences of their own.
fn exceptions(horde: &Horde) -> Vec<(String, Option<String>, bool)> {
    let book = horde.book.lock().unwrap();
    let one = |e: &Properties| {
        let text = |tag| e.text(tag).map(str::to_owned);
        (text(c::EXCEPTION_START_TIME).unwrap(), text(c::SUBJECT), text(c::DELETED).as_deref() == Some("1"))
    };
    book.items[UID].groups(c::EXCEPTIONS).iter().map(one).collect()
}

#[test]
fn two_occurrences_in_one_request_and_the_series_stays() {
    let (horde, mut phone, id) = filled();
    let commands = [
        command(CommandKind::Change, &id, MONDAY, "other"),
        command(CommandKind::Delete, &id, TUESDAY, ""),
        command(CommandKind::Change, &id, MONDAY, "another"),
    ];
    assert!(send(&mut phone, place(), &commands).is_empty());
    let expected = [(MONDAY.to_owned(), Some("another".to_owned()), false), (TUESDAY.to_owned(), None, true)];
    assert_eq!(exceptions(&horde), expected);
    assert_eq!(EVENTS.first(&horde.book.lock().unwrap().items[UID]), "s");
    let key = phone.key.clone();
    phone.settle();
    assert_eq!(phone.key, key, "an echo");
}

#[test]
fn a_repeat_of_a_lost_request_changes_nothing() {
    let (horde, mut phone, id) = filled();
    let commands = [command(CommandKind::Delete, &id, TUESDAY, ""), command(CommandKind::Change, &id, MONDAY, "other")];
    let key = phone.key.clone();
    send(&mut phone, place(), &commands);
    let writes = horde.book.lock().unwrap().modseq;
    phone.key = key;
    assert!(send(&mut phone, place(), &commands).is_empty());
    assert_eq!(horde.book.lock().unwrap().modseq, writes);
    let key = phone.key.clone();
    phone.settle();
    assert_eq!(phone.key, key);
}

#[test]
fn what_is_no_occurrence_is_malformed() {
    let (horde, mut phone, id) = filled();
    for (kind, instance) in [(CommandKind::Change, "next week"), (CommandKind::Delete, "")] {
        assert_eq!(send(&mut phone, place(), &[command(kind, &id, instance, "x")]), [6]);
    }
    let unknown = command(CommandKind::Delete, "Co1:00", MONDAY, "");
    assert_eq!(send(&mut phone, place(), &[unknown]), [8]);
    assert_eq!(exceptions(&horde), []);
    // Neither a single event nor anything but an event has occurrences.
    let single = Horde::of(&EVENTS);
    single.put_as(UID.into(), on_day(EVENTS.item("s", "x"), 20_000));
    let person = Horde::default();
    person.put(person_named("n"));
    for horde in [single, person] {
        let mut phone = Phone::new(&horde);
        phone.settle();
        let id = phone.items.keys().next().unwrap().clone();
        for kind in [CommandKind::Change, CommandKind::Delete] {
            assert_eq!(send(&mut phone, place(), &[command(kind, &id, MONDAY, "x")]), [6]);
        }
        assert_eq!(horde.book.lock().unwrap().items.len(), 1);
    }
}

fn person_named(name: &str) -> Properties {
    person(name, "x")
}

#[test]
fn the_server_wins_against_an_occurrence_too() {
    let (horde, mut phone, id) = filled();
    let mut series = horde.book.lock().unwrap().items[UID].clone();
    series.set_text(c::SUBJECT, "web");
    horde.set(UID, series);
    let commands = [command(CommandKind::Delete, &id, TUESDAY, ""), command(CommandKind::Change, &id, MONDAY, "other")];
    assert_eq!(send(&mut phone, place(), &commands), [7, 7]);
    assert_eq!(exceptions(&horde), []);
}

#[test]
fn a_read_only_calendar_gives_the_series_back() {
    let (horde, mut phone, id) = filled();
    let place = Place { writable: false, ..place() };
    let request = Collection { commands: vec![command(CommandKind::Delete, &id, TUESDAY, "")], ..phone.request(9) };
    let outcome = phone.ask(&request, Version::V16_1, place).unwrap();
    assert_eq!(outcome.response.responses[0].status, 7);
    assert_eq!(outcome.response.responses[0].instance.as_deref(), Some(TUESDAY));
    assert_eq!(outcome.response.commands.len(), 1, "the phone has the series still, and gets it as it is");
    assert_eq!(outcome.response.commands[0].kind, crate::proto::sync::ServerKind::Change);
    assert_eq!(exceptions(&horde), []);
}

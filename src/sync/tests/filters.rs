//! FilterType: which items a phone gets, and when they leave it.

use super::{
    horde::{DAY, EVENTS, Horde, on_day, place},
    phone::{NOW, Phone},
    *,
};
use crate::proto::sync::ServerKind;

const TODAY: i64 = NOW as i64 / DAY;

/// A phone with a filter and a calendar with one event on each of these days, counted from today.
fn filled(filter: u32, days: &[i64]) -> (Horde, Phone) {
    let horde = Horde::of(&EVENTS);
    for day in days {
        horde.put_as(format!("day{day}"), event(*day));
    }
    let mut phone = Phone::new(&horde);
    phone.filter = filter;
    phone.settle();
    (horde, phone)
}

fn event(day: i64) -> Properties {
    on_day(EVENTS.item(&format!("{day}"), "x"), TODAY + day)
}

fn has(phone: &Phone) -> Vec<i64> {
    let mut days: Vec<i64> = phone.items.values().map(|item| EVENTS.first(item).parse().unwrap()).collect();
    days.sort_unstable();
    days
}

/// One Sync; what the server tells.
fn kinds(phone: &mut Phone) -> Vec<ServerKind> {
    let request = phone.request(99);
    let outcome = phone.ask(&request, Version::V14_1, place()).unwrap();
    let kinds = outcome.response.commands.iter().map(|command| command.kind).collect();
    phone.receive(outcome, &request.commands);
    kinds
}

fn filter(phone: &mut Phone, filter: u32) {
    (phone.filter, phone.filter_said) = (filter, false);
}

#[test]
fn a_narrower_filter_takes_items_away_and_a_wider_one_brings_them_back() {
    let (horde, mut phone) = filled(5, &[-700, -100, -20, -3, 40]);
    assert_eq!(has(&phone), [-20, -3, 40]);
    filter(&mut phone, 4);
    assert_eq!(kinds(&mut phone), [ServerKind::SoftDelete]);
    assert_eq!(has(&phone), [-3, 40]);
    filter(&mut phone, 0);
    assert_eq!(kinds(&mut phone), [ServerKind::Add; 3]);
    assert_eq!(has(&phone), [-700, -100, -20, -3, 40]);
    filter(&mut phone, 6);
    assert_eq!(kinds(&mut phone), [ServerKind::SoftDelete; 2]);
    assert_eq!(horde.book.lock().unwrap().items.len(), 5, "nothing is deleted in Horde");
}

#[test]
fn the_filter_is_remembered_and_a_lost_answer_does_not_change_that() {
    let (_, mut phone) = filled(0, &[-20, -3]);
    filter(&mut phone, 4);
    assert_eq!(phone.sync(9, true), None);
    phone.settle();
    assert_eq!(has(&phone), [-3]);
    let (key, calls) = (phone.key.clone(), *phone.horde.calls.lock().unwrap());
    phone.sync(9, false);
    assert_eq!((phone.key.clone(), *phone.horde.calls.lock().unwrap()), (key, calls + 1), "no further listing");
}

#[test]
fn time_takes_items_away_once_a_day() {
    let (_, mut phone) = filled(4, &[-13, -10, 0]);
    assert_eq!(has(&phone), [-13, -10, 0]);
    phone.now += 20 * 3600;
    phone.settle();
    assert_eq!(has(&phone), [-13, -10, 0]);
    phone.now += 40 * 3600;
    assert_eq!(kinds(&mut phone), [ServerKind::SoftDelete]);
    phone.settle();
    assert_eq!(has(&phone), [-10, 0]);
}

#[test]
fn an_item_that_comes_back_is_an_add() {
    let (horde, mut phone) = filled(4, &[-3]);
    horde.set("day-3", on_day(event(-3), TODAY - 90));
    assert_eq!(kinds(&mut phone), [ServerKind::SoftDelete]);
    horde.set("day-3", event(-3));
    assert_eq!(kinds(&mut phone), [ServerKind::Add]);
    assert_eq!(has(&phone), [-3]);
}

#[test]
fn what_the_phone_does_not_want_wakes_nobody_and_is_not_counted() {
    let (horde, mut phone) = filled(4, &[-100, -3]);
    let look = |phone: &mut Phone| {
        let (now, to) = (phone.now, block_on(horde.cursor(place().container)).unwrap());
        block_on(has_changes(&horde, &mut phone.log, place(), Version::V14_1, now, to)).unwrap()
    };
    let count = |phone: &mut Phone, filter| {
        let (key, now) = (phone.key.clone(), phone.now);
        block_on(estimate(&horde, &mut phone.log, place(), &key, filter, Version::V14_1, now)).unwrap().unwrap()
    };
    let mut changed = event(-100);
    changed.set_text(EVENTS.last, "y");
    horde.set("day-100", changed);
    horde.put(event(-50));
    assert!(!look(&mut phone));
    assert_eq!((count(&mut phone, None), count(&mut phone, Some(0))), (0, 2));
    assert_eq!(kinds(&mut phone), []);
    horde.put(event(5));
    assert!(look(&mut phone));
    assert_eq!(count(&mut phone, None), 1);
}

#[test]
fn an_event_of_last_year_stays_on_the_phone_that_wrote_it_until_the_next_listing() {
    for day in [-300, -2000] {
        let (horde, mut phone) = filled(4, &[-3]);
        phone.add(event(day));
        phone.settle();
        assert_eq!(has(&phone), [day, -3]);
        // The web changes it meanwhile.
        let uid = horde.book.lock().unwrap().items.keys().find(|uid| *uid != "day-3").unwrap().clone();
        let mut changed = event(day);
        changed.set_text(EVENTS.last, "web");
        horde.set(&uid, changed);
        assert_eq!(kinds(&mut phone), [ServerKind::Change]);
        phone.now += LISTING_INTERVAL + 1;
        phone.settle();
        assert_eq!(has(&phone), [-3]);
        assert_eq!(horde.book.lock().unwrap().items.len(), 2);
    }
}

#[test]
fn what_a_part_does_not_list_is_gone_only_if_the_whole_does_not_either() {
    let (horde, mut phone) = filled(4, &[-3, 1]);
    // Deleted without a trace in the history.
    horde.book.lock().unwrap().items.remove("day1");
    phone.now += LISTING_INTERVAL + 1;
    assert_eq!(kinds(&mut phone), [ServerKind::Delete]);
    assert_eq!(has(&phone), [-3]);
}

#[test]
fn a_change_of_what_has_left_the_phone_is_told_so() {
    let (horde, mut phone) = filled(4, &[-3]);
    let mut left = phone.items.clone();
    let (id, mut item) = left.pop_first().unwrap();
    horde.set("day-3", on_day(event(-3), TODAY - 90));
    phone.settle();
    item.set_text(EVENTS.last, "late");
    let mut request = phone.request(9);
    request.commands = vec![Phone::command(crate::proto::sync::CommandKind::Change, &id, item)];
    let outcome = phone.ask(&request, Version::V14_1, place()).unwrap();
    assert_eq!(outcome.response.responses[0].status, 8);
    assert_eq!(horde.book.lock().unwrap().items["day-3"].text(EVENTS.last), Some("x"));
}

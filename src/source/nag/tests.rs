//! The mapping, against a stand-in for Nag that does what the real one was seen to do: keep what is not named, refuse what is too long.

use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use super::{
    plan::plan,
    task::Task,
    value::{TAGS, item_of, wanted},
};
use crate::{
    proto::class::{Body, BodyKind, Patch, Properties, Value, applied},
    source::Kept,
    wbxml::{
        Tag,
        tag::{air_sync_base::BODY, tasks as t},
    },
};

/// A task in Nag.
struct Stored {
    row: Map<String, Json>,
    kept: Kept,
}

impl Stored {
    fn new() -> Self {
        let row = json!({"task_id": "id", "uid": "uid", "priority": 3, "parent": "p", "estimate": 1.5});
        Self { row: row.as_object().unwrap().clone(), kept: Kept::default() }
    }

    fn task(&self) -> Task {
        Task::read(&Json::Object(self.row.clone())).unwrap().1
    }

    fn seen(&self, zone: &TimeZone) -> Properties {
        self.kept.merge(&item_of(&self.task(), zone))
    }

    /// Carries a patch out; the fields that Nag was told.
    fn apply(&mut self, patch: &Patch, zone: &TimeZone) -> Vec<String> {
        let now = self.task();
        let plan = plan(&now, &self.kept, patch, zone);
        let fields = plan.after.fields(&now);
        for (field, value) in &fields {
            match value {
                Json::String(text) if field == "name" => assert!(text.chars().count() <= 255),
                Json::String(text) => assert!(text.len() <= 65_535, "{field} is too long"),
                Json::Number(number) => assert!(i32::try_from(number.as_i64().unwrap()).is_ok(), "{field}: {number}"),
                Json::Array(list) => assert!(list.iter().all(|tag| tag.as_str().unwrap().chars().count() <= 255)),
                _ => {}
            }
            self.row.insert(field.clone(), value.clone());
        }
        self.kept = Kept::read(plan.kept.write("uid"));
        assert_eq!(self.task(), plan.after);
        fields.into_iter().map(|(field, _)| field).collect()
    }
}

fn zones() -> [TimeZone; 4] {
    ["Europe/Berlin", "America/New_York", "Pacific/Apia", "UTC"].map(|name| TimeZone::get(name).unwrap())
}

fn set(item: &Properties) -> Patch {
    Patch { set: item.clone(), clear: Vec::new() }
}

fn item<'a>(pairs: impl IntoIterator<Item = (Tag, &'a str)>) -> Properties {
    let mut item = Properties::default();
    pairs.into_iter().for_each(|(tag, text)| item.set_text(tag, text));
    item
}

fn some_date() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "20[0-3][0-9]-(0[1-9]|1[0-2])-[0-2][1-8]T[0-2][0-3]:[0-5][0-9]:00\\.000Z",
        1 => "20[0-3][0-9]-(03|10)-(2[5-9]|3[01])T0[0-3]:(00|30):[0-5][0-9]\\.000Z",
        1 => "(0001|1601|1970|2099|9999)-01-01T00:00:0[0-9]\\.000Z",
        1 => Just("nonsense".to_owned()),
    ]
}

fn some_text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zA-Z0-9 ]{1,30}", "\\PC{0,40}", "[ä😀\u{301},;\r\n\u{0}]{20,60}", "[x€]{250,300}"]
}

fn some_rule() -> impl Strategy<Value = Value> {
    let pair = prop_oneof![
        (Just(t::TYPE), "[01235]".prop_map(String::from)),
        (Just(t::START), some_date()),
        (Just(t::INTERVAL), "[0-9]{1,2}".prop_map(String::from)),
        (Just(t::REGENERATE), "[01]".prop_map(String::from)),
        (Just(t::DEAD_OCCUR), "[01]?".prop_map(String::from)),
    ];
    proptest::collection::vec(pair, 0..5).prop_map(|pairs| {
        Value::Group(Properties(pairs.into_iter().map(|(tag, text)| (tag, Value::Text(text))).collect()))
    })
}

fn some_value(tag: Tag) -> BoxedStrategy<Value> {
    let text = |strategy: BoxedStrategy<String>| strategy.prop_map(Value::Text).boxed();
    match tag {
        BODY => (some_text(), any::<bool>(), 0..12)
            .prop_map(|(data, html, long)| {
                let kind = if html { BodyKind::Html } else { BodyKind::Plain };
                let times = if long == 0 { 70_000 / data.len().max(1) } else { 1 };
                Value::Body(Body { kind, data: data.repeat(times) })
            })
            .boxed(),
        t::CATEGORIES => proptest::collection::vec(some_text(), 0..4).prop_map(Value::List).boxed(),
        t::RECURRENCE => some_rule().boxed(),
        t::SUBJECT | t::SUB_ORDINAL_DATE => text(some_text().boxed()),
        t::COMPLETE | t::REMINDER_SET => text("[01]?".prop_map(String::from).boxed()),
        t::IMPORTANCE | t::SENSITIVITY => text("[0-3]?".prop_map(String::from).boxed()),
        _ => text(some_date().boxed()),
    }
}

fn some_item() -> impl Strategy<Value = Properties> {
    let one = proptest::sample::select(TAGS.to_vec()).prop_flat_map(|tag| (Just(tag), some_value(tag)));
    proptest::collection::vec(one, 0..20).prop_map(|pairs| Properties(pairs.into_iter().collect()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Phone -> Horde -> phone.
    #[test]
    fn every_property_survives(item in some_item(), zone in proptest::sample::select(zones().to_vec())) {
        let mut stored = Stored::new();
        let expected = wanted(&stored.seen(&zone), &set(&item), &zone);
        stored.apply(&set(&item), &zone);
        prop_assert_eq!(stored.seen(&zone), expected.clone());
        // Sent back as it was got, it is no change.
        prop_assert_eq!(stored.apply(&set(&expected), &zone), Vec::<String>::new());
        prop_assert_eq!(stored.seen(&zone), expected);
    }

    /// A change touches what it names and nothing else, and everything can be taken away again.
    #[test]
    fn changes_touch_what_they_name(first in some_item(), second in some_item(), clear in proptest::sample::subsequence(TAGS.to_vec(), 0..TAGS.len()), zone in proptest::sample::select(zones().to_vec())) {
        let mut stored = Stored::new();
        stored.apply(&set(&first), &zone);
        let before = stored.seen(&zone);
        let patch = Patch { set: second.clone(), clear: clear.iter().copied().filter(|tag| !second.0.contains_key(tag)).collect() };
        stored.apply(&patch, &zone);
        let after = stored.seen(&zone);
        prop_assert_eq!(&after, &wanted(&before, &patch, &zone));
        for tag in TAGS.iter().filter(|tag| !patch.set.0.contains_key(tag) && !patch.clear.contains(tag)) {
            // These follow from others.
            if ![t::UTC_START_DATE, t::START_DATE, t::UTC_DUE_DATE, t::DUE_DATE, t::DATE_COMPLETED, t::REMINDER_SET, t::REMINDER_TIME].contains(tag) {
                prop_assert_eq!(after.0.get(tag), before.0.get(tag));
            }
        }
        stored.apply(&Patch { set: Properties::default(), clear: TAGS.to_vec() }, &zone);
        prop_assert_eq!(stored.seen(&zone), Stored::new().seen(&zone));
        prop_assert!(stored.kept.write("uid").is_none(), "{:?}", stored.kept);
    }
}

#[test]
fn one_field_changes_one_field() {
    let zone = &zones()[0];
    let mut stored = Stored::new();
    let made = item([
        (t::SUBJECT, "Steuer"),
        (t::IMPORTANCE, "2"),
        (t::DUE_DATE, "2026-05-31T00:00:00.000Z"),
        (t::UTC_DUE_DATE, "2026-05-30T22:00:00.000Z"),
        (t::REMINDER_SET, "1"),
        (t::REMINDER_TIME, "2026-05-30T20:00:00.000Z"),
    ]);
    stored.apply(&set(&made), zone);
    assert_eq!(stored.row.get("alarm"), Some(&json!(120)));
    assert!(stored.kept.write("x").is_none(), "{:?}", stored.kept);
    for (tag, text, fields) in [
        (t::SUBJECT, "Steuern", vec!["name"]),
        (t::IMPORTANCE, "0", vec!["priority"]),
        (t::SENSITIVITY, "2", vec!["private"]),
        (t::COMPLETE, "1", vec!["completed"]),
        (t::REMINDER_TIME, "2026-05-30T21:00:00.000Z", vec!["alarm"]),
        (t::START_DATE, "2026-05-01T00:00:00.000Z", vec!["start"]),
        // The reminder stays where it is.
        (t::UTC_DUE_DATE, "2026-05-30T23:00:00.000Z", vec!["alarm", "due"]),
    ] {
        let before = stored.seen(zone);
        assert_eq!(stored.apply(&set(&item([(tag, text)])), zone), fields, "{tag:?}");
        assert_eq!(stored.seen(zone).text(tag), Some(text));
        assert_eq!(stored.seen(zone).text(t::REMINDER_SET), before.text(t::REMINDER_SET));
    }
    assert_eq!(stored.seen(zone).text(t::REMINDER_TIME), Some("2026-05-30T21:00:00.000Z"));
    assert_eq!((stored.row.get("parent"), stored.row.get("estimate")), (Some(&json!("p")), Some(&json!(1.5))));
}

#[test]
fn dates_are_those_of_the_user_in_summer_and_winter() {
    let zone = &zones()[0];
    for (utc, day) in [
        ("2026-03-28T23:00:00.000Z", "2026-03-29T00:00:00.000Z"),
        ("2026-03-29T22:00:00.000Z", "2026-03-30T00:00:00.000Z"),
        ("2026-10-24T22:00:00.000Z", "2026-10-25T00:00:00.000Z"),
        ("2026-10-25T23:00:00.000Z", "2026-10-26T00:00:00.000Z"),
        // The hour that comes twice.
        ("2026-10-25T01:30:00.000Z", "2026-10-25T02:30:00.000Z"),
    ] {
        for sent in [vec![(t::UTC_DUE_DATE, utc)], vec![(t::UTC_DUE_DATE, utc), (t::DUE_DATE, day)]] {
            let mut stored = Stored::new();
            stored.apply(&set(&item(sent)), zone);
            let seen = stored.seen(zone);
            assert_eq!((seen.text(t::UTC_DUE_DATE), seen.text(t::DUE_DATE)), (Some(utc), Some(day)));
            assert!(stored.kept.write("x").is_none(), "{:?}", stored.kept);
        }
    }
    let mut stored = Stored::new();
    stored.apply(&set(&item([(t::START_DATE, "2026-07-01T00:00:00.000Z")])), zone);
    assert_eq!(stored.seen(zone).text(t::UTC_START_DATE), Some("2026-06-30T22:00:00.000Z"));
    stored.apply(&Patch { set: Properties::default(), clear: vec![t::START_DATE] }, zone);
    assert_eq!(stored.seen(zone), Stored::new().seen(zone), "one of a pair alone is none");
}

/// What the phone shows as the day is the day in Horde, wherever the phone is; the phone gets back what it sent.
#[test]
fn the_day_counts_for_a_phone_in_another_zone() {
    let zone = &zones()[0];
    let mut stored = Stored::new();
    let tokyo = [(t::UTC_DUE_DATE, "2026-03-01T15:00:00.000Z"), (t::DUE_DATE, "2026-03-02T00:00:00.000Z")];
    stored.apply(&set(&item(tokyo)), zone);
    assert_eq!(stored.row.get("due"), Some(&json!(1_772_406_000)), "midnight in Berlin");
    let seen = stored.seen(zone);
    assert_eq!(tokyo.map(|(tag, _)| seen.text(tag)), tokyo.map(|(_, text)| Some(text)));
    stored.row.insert("due".into(), json!(1_772_492_400));
    assert_eq!(stored.seen(zone).text(t::DUE_DATE), Some("2026-03-03T00:00:00.000Z"), "the web wins");
}

#[test]
fn what_the_web_side_changes_wins() {
    let zone = &zones()[0];
    let mut stored = Stored::new();
    let mut made = item([
        (t::SUBJECT, &*"s".repeat(300)),
        (t::UTC_DUE_DATE, "2026-05-30T22:00:00.000Z"),
        (t::REMINDER_SET, "1"),
        (t::REMINDER_TIME, "2026-05-31T08:00:00.000Z"),
        (t::SENSITIVITY, "3"),
    ]);
    let rule = item([(t::TYPE, "1"), (t::START, "2026-05-31T00:00:00.000Z"), (t::REGENERATE, "1")]);
    made.0.insert(t::RECURRENCE, Value::Group(rule.clone()));
    stored.apply(&set(&made), zone);
    let seen = stored.seen(zone);
    assert!(made.0.iter().all(|(tag, value)| seen.0.get(tag) == Some(value)), "{seen:?}");
    stored.row.insert("name".into(), json!("web"));
    stored.row.insert("private".into(), json!(0));
    stored.row.insert("alarm".into(), json!(60));
    let seen = stored.seen(zone);
    assert_eq!(seen.text(t::SUBJECT), Some("web"));
    assert_eq!(seen.text(t::SENSITIVITY), Some("0"));
    assert_eq!(seen.text(t::REMINDER_TIME), Some("2026-05-30T21:00:00.000Z"));
    assert_eq!(seen.group(t::RECURRENCE), Some(&rule), "nobody touched that");
    let series = json!({"recurType": 1, "recurInterval": 1, "recurEnd": null, "exceptions": [], "completions": []});
    stored.row.insert("recurrence".into(), series);
    assert_eq!(stored.seen(zone).group(t::RECURRENCE).unwrap().text(t::TYPE), Some("0"));
}

/// A series of Horde: the phone moves it on (as phones complete an occurrence), changes a detail, changes the rule, takes it away.
#[test]
fn a_series_of_horde_stays_as_long_as_its_rule() {
    let zone = &zones()[0];
    let series = json!({"recurType": 2, "recurInterval": 1, "recurData": 4, "recurEnd": null, "exceptions": [], "completions": ["20261201"]});
    let stored = || {
        let mut stored = Stored::new();
        stored.row.extend([("due".to_owned(), json!(1_796_100_000)), ("recurrence".to_owned(), series.clone())]);
        stored
    };
    let seen = stored().seen(zone);
    let rule = seen.group(t::RECURRENCE).unwrap().clone();
    assert_eq!(rule.text(t::START), Some("2026-12-01T05:40:00.000Z"));
    let moved = |mut rule: Properties, pairs: &[(Tag, &str)]| {
        pairs.iter().for_each(|(tag, text)| rule.set_text(*tag, *text));
        rule
    };
    let next = moved(rule.clone(), &[(t::START, "2026-12-08T05:40:00.000Z"), (t::FIRST_DAY_OF_WEEK, "1")]);
    let mut patch = set(&item([(t::DUE_DATE, "2026-12-08T05:40:00.000Z")]));
    patch.set.0.insert(t::RECURRENCE, Value::Group(next.clone()));
    let mut on = stored();
    assert_eq!(on.apply(&patch, zone), ["due"]);
    assert_eq!(on.seen(zone).group(t::RECURRENCE), Some(&next));

    let other = moved(rule.clone(), &[(t::INTERVAL, "2")]);
    let mut patch = Patch::default();
    patch.set.0.insert(t::RECURRENCE, Value::Group(other.clone()));
    let mut changed = stored();
    assert_eq!(changed.apply(&patch, zone), ["recurrence"]);
    assert_eq!(changed.seen(zone).group(t::RECURRENCE), Some(&other));

    let mut none = stored();
    assert_eq!(none.apply(&Patch { set: Properties::default(), clear: vec![t::RECURRENCE] }, zone), ["recurrence"]);
    assert_eq!(none.seen(zone).group(t::RECURRENCE), None);
}

#[test]
fn characters_that_the_database_refuses_are_kept_beside() {
    let zone = &zones()[0];
    let mut made = item([(t::SUBJECT, "Smile 😀")]);
    made.0.insert(t::CATEGORIES, Value::List(vec!["😀".into(), "plain".into()]));
    let now = Stored::new().task();
    let mut plan = plan(&now, &Kept::default(), &set(&made), zone);
    assert!(plan.lose_rare_characters(zone));
    assert_eq!(plan.after.name, "Smile \u{fffd}");
    let seen = plan.kept.merge(&item_of(&plan.after, zone));
    assert_eq!(applied(&set(&made), &seen), {
        let mut sorted = seen.clone();
        sorted.0.insert(t::CATEGORIES, made.0[&t::CATEGORIES].clone());
        sorted
    });
    assert!(!plan.lose_rare_characters(zone), "there is nothing left to lose");
}

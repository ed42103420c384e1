//! The mapping, against a stand-in for Mnemo that does what the real one was seen to do: with tags there is a vNote, of which it trims the
//! text, takes a backslash before an n for a line end, and splits the tags at commas.

use proptest::prelude::*;

use super::{
    plan::plan,
    value::{Note, TAGS, item_of, wanted},
};
use crate::{
    proto::class::{Body, BodyKind, Patch, Properties, Value},
    source::Kept,
    wbxml::{
        Tag,
        tag::{air_sync_base::BODY, notes as n},
    },
};

/// A note in Mnemo.
#[derive(Default)]
struct Stored {
    note: Note,
    kept: Kept,
}

impl Stored {
    fn seen(&self) -> Properties {
        self.kept.merge(&item_of(&self.note))
    }

    /// Carries a patch out; whether Mnemo was told anything.
    fn apply(&mut self, patch: &Patch) -> bool {
        let plan = plan(&self.note, &self.kept, patch);
        let told = !plan.after.same(&self.note);
        if told {
            assert!(plan.after.text.len() <= 65_535);
            self.note.text.clone_from(&plan.after.text);
            if !plan.after.tags.is_empty() {
                let text = plan.after.text.replace("\\n", "\\\n").replace("\\N", "\\\n");
                self.note.text = text.trim_matches([' ', '\t', '\r', '\n']).to_owned();
            }
            let tags = plan.after.tags.join(",");
            let trimmed = tags.split(',').map(|tag| tag.trim_matches([' ', '\t', '\r', '\n']).to_owned());
            self.note.tags = trimmed.filter(|tag| !tag.is_empty()).collect();
        }
        self.kept = Kept::read(plan.kept.write("uid"));
        assert!(self.note.same(&plan.after), "{:?} {:?}", self.note, plan.after);
        told
    }
}

fn set(item: &Properties) -> Patch {
    Patch { set: item.clone(), clear: Vec::new() }
}

fn note(subject: &str, body: &str) -> Properties {
    let mut item = Properties::default();
    item.set_text(n::SUBJECT, subject);
    if !body.is_empty() {
        item.0.insert(BODY, Value::Body(Body { kind: BodyKind::Plain, data: body.to_owned() }));
    }
    item
}

fn texts(item: &Properties) -> (&str, &str) {
    let body = match item.0.get(&BODY) {
        Some(Value::Body(body)) => body.data.as_str(),
        _ => "",
    };
    (item.text(n::SUBJECT).unwrap_or_default(), body)
}

fn some_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9 ]{0,30}",
        "\\PC{0,40}",
        "[ä😀\\\\nN,;: \r\n\u{0}]{10,60}",
        "[x€]{250,300}",
        "(title|Title)[\r\n]{1,3}[a-z \n]{0,40}",
        Just("title".to_owned()),
        Just("-----BEGIN PGP MESSAGE-----\nx".to_owned()),
    ]
}

fn some_value(tag: Tag) -> BoxedStrategy<Value> {
    match tag {
        BODY => (some_text(), any::<bool>(), 0..12)
            .prop_map(|(data, html, long)| {
                let kind = if html { BodyKind::Html } else { BodyKind::Plain };
                let times = if long == 0 { 70_000 / data.len().max(1) } else { 1 };
                Value::Body(Body { kind, data: data.repeat(times) })
            })
            .boxed(),
        n::CATEGORIES => proptest::collection::vec(some_text(), 0..4).prop_map(Value::List).boxed(),
        n::MESSAGE_CLASS => "(IPM.StickyNote(.x)?|IPM.Note)?".prop_map(Value::Text).boxed(),
        _ => some_text().prop_map(Value::Text).boxed(),
    }
}

fn some_item() -> impl Strategy<Value = Properties> {
    let one = proptest::sample::select(TAGS.to_vec()).prop_flat_map(|tag| (Just(tag), some_value(tag)));
    proptest::collection::vec(one, 0..6).prop_map(|pairs| Properties(pairs.into_iter().collect()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    /// Phone -> Horde -> phone; a change touches what it names, and everything can be taken away again.
    #[test]
    fn every_property_survives(first in some_item(), second in some_item(), clear in proptest::sample::subsequence(TAGS.to_vec(), 0..4)) {
        let mut stored = Stored::default();
        let expected = wanted(&stored.seen(), &set(&first));
        stored.apply(&set(&first));
        prop_assert_eq!(stored.seen(), expected.clone());
        prop_assert!(!stored.apply(&set(&expected)), "sent back as it was got, it is no change");
        prop_assert_eq!(stored.seen(), expected.clone());

        let clear = clear.into_iter().filter(|tag| !second.0.contains_key(tag)).collect();
        let patch = Patch { set: second, clear };
        let changed = wanted(&expected, &patch);
        stored.apply(&patch);
        prop_assert_eq!(stored.seen(), changed.clone());
        for tag in [n::CATEGORIES, n::MESSAGE_CLASS, BODY] {
            if !patch.set.0.contains_key(&tag) && !patch.clear.contains(&tag) {
                prop_assert_eq!(changed.0.get(&tag), expected.0.get(&tag));
            }
        }
        stored.apply(&Patch { set: Properties::default(), clear: TAGS.to_vec() });
        prop_assert_eq!(stored.seen(), item_of(&Note::default()));
        prop_assert!(stored.kept.write("uid").is_none(), "{:?}", stored.kept);
    }
}

#[test]
fn the_subject_is_the_first_line_where_the_phone_has_it_so() {
    let mut stored = Stored::default();
    stored.apply(&set(&note("Einkauf", "Einkauf\r\nMilch")));
    assert_eq!(stored.note.text, "Einkauf\nMilch");
    assert!(stored.kept.write("x").is_none(), "{:?}", stored.kept);
    // The body alone: the subject follows.
    stored.apply(&set(&note("", "Einkaufen\r\nMilch")));
    assert_eq!(texts(&stored.seen()), ("Einkaufen", "Einkaufen\r\nMilch"));
    // The subject alone: the title in Horde is another, the phone has what it sent.
    stored.apply(&set(&note("Markt", "")));
    assert_eq!(stored.note.text, "Markt\nMilch");
    assert_eq!(texts(&stored.seen()), ("Markt", "Einkaufen\r\nMilch"));
    // The web wins.
    stored.note.text = "Markt\nKäse".into();
    assert_eq!(texts(&stored.seen()), ("Markt", "Markt\r\nKäse"));
}

#[test]
fn a_title_apart_stands_above_the_text() {
    let mut stored = Stored::default();
    stored.apply(&set(&note("Titel", "eins\r\nzwei")));
    assert_eq!(stored.note.text, "Titel\neins\nzwei");
    assert_eq!(texts(&stored.seen()), ("Titel", "eins\r\nzwei"));
    stored.apply(&set(&note("", "drei")));
    assert_eq!(stored.note.text, "Titel\ndrei");
    assert_eq!(texts(&stored.seen()), ("Titel", "drei"));
    stored.apply(&set(&note("Neu", "")));
    assert_eq!(stored.note.text, "Neu\ndrei");
    // A subject that the phone has cut from the first line.
    let mut stored = Stored::default();
    stored.apply(&set(&note("Eine lange", "Eine lange Zeile\r\nx")));
    assert_eq!(stored.note.text, "Eine lange Zeile\nx");
    assert_eq!(texts(&stored.seen()).0, "Eine lange");
}

#[test]
fn a_text_that_looks_encrypted_is_not_made_unreadable() {
    let mut stored = Stored::default();
    let text = "-----BEGIN PGP MESSAGE-----\r\nabc";
    stored.apply(&set(&note("", text)));
    assert!(stored.note.text.starts_with("PGP\n"));
    assert_eq!(texts(&stored.seen()).1, text);
}

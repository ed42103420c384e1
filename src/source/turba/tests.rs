//! The mapping, against a stand-in for Turba that does what the real one was seen to do: merge, trim, refuse what is too long.

use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use super::{
    kept::{Kept, Photo, plan},
    table::{Kind, Layout, RULES, TAGS, rule_of},
    value::{canonical, file_as, from_field, from_row},
};
use crate::{
    proto::class::{Body, BodyKind, Patch, Properties, Value},
    source::app::text::Limit,
    wbxml::{
        Tag,
        tag::{air_sync_base as asb, contacts as c, contacts2 as c2},
    },
};

fn kind_of(field: &str) -> &'static str {
    match field {
        "notes" => "longtext",
        "photo" => "image",
        "homeCountry" | "workCountry" | "otherCountry" => "country",
        "cellPhone" | "homeCellPhone" | "workCellPhone" => "cellphone",
        "fax" | "homeFax" | "workFax" | "pager" => "phone",
        _ if field.contains("Phone") || field == "phone" => "phone",
        _ if field == "email" || field.ends_with("Email") => "email",
        "birthday" | "anniversary" => "monthdayyear",
        _ => "text",
    }
}

fn layout(fields: impl IntoIterator<Item = &'static str>, plain_name: Option<bool>) -> Layout {
    let fields: Map<String, Json> =
        fields.into_iter().map(|f| (f.to_owned(), json!({"name": f, "type": kind_of(f)}))).collect();
    Layout::new(&Json::Object(fields), plain_name)
}

/// Debian's `backends.php`.
const DEBIAN: &[&str] = &[
    "firstname",
    "lastname",
    "middlenames",
    "namePrefix",
    "nameSuffix",
    "name",
    "alias",
    "yomifirstname",
    "yomilastname",
    "birthday",
    "anniversary",
    "spouse",
    "photo",
    "phototype",
    "homeStreet",
    "homePOBox",
    "homeCity",
    "homeProvince",
    "homePostalCode",
    "homeCountry",
    "homeAddress",
    "workStreet",
    "workPOBox",
    "workCity",
    "workProvince",
    "workPostalCode",
    "workCountry",
    "workAddress",
    "otherStreet",
    "otherPOBox",
    "otherCity",
    "otherProvince",
    "otherPostalCode",
    "otherCountry",
    "otherAddress",
    "department",
    "manager",
    "assistant",
    "timezone",
    "email",
    "homePhone",
    "homePhone2",
    "homeFax",
    "workPhone",
    "workPhone2",
    "cellPhone",
    "carPhone",
    "radioPhone",
    "companyPhone",
    "assistPhone",
    "fax",
    "pager",
    "title",
    "role",
    "company",
    "logo",
    "logotype",
    "notes",
    "website",
    "freebusyUrl",
    "pgpPublicKey",
    "smimePublicKey",
    "imaddress",
    "imaddress2",
    "imaddress3",
];

fn sites() -> Vec<(&'static str, Layout)> {
    let full = || RULES.iter().flat_map(|rule| rule.fields).copied().filter(|f| *f != TAGS);
    vec![
        ("everything", layout(full(), Some(false))),
        ("everything, name apart", layout(full(), Some(true))),
        ("Debian", layout(DEBIAN.iter().copied(), None)),
        ("minimal", layout(["name", "email"], None)),
        ("nothing", layout([], None)),
    ]
}

/// A contact in Turba.
#[derive(Default)]
struct Stored {
    row: Map<String, Json>,
    photo: Option<Vec<u8>>,
    kept: Kept,
}

impl Stored {
    fn now(&self, layout: &Layout) -> Properties {
        let mut item = from_row(layout, &self.row);
        if let Some(photo) = &self.photo {
            item.0.insert(c::PICTURE, Value::Bytes(photo.clone()));
        }
        item
    }

    fn seen(&self, layout: &Layout) -> Properties {
        self.kept.merge(&self.now(layout))
    }

    /// Carries a patch out; how many fields Turba was told.
    fn apply(&mut self, layout: &Layout, patch: &Patch) -> usize {
        let plan = plan(layout, &self.now(layout), &self.kept, patch);
        for (field, value) in &plan.fields {
            let column =
                RULES.iter().filter_map(|r| layout.column(r.tag)).find(|column| column.field == field).unwrap();
            let value = match value {
                Json::String(text) => {
                    match column.limit {
                        Limit::Characters(n) => assert!(text.chars().count() <= n, "{field}: {text:?}"),
                        Limit::Bytes(n) => assert!(text.len() <= n, "{field} is too long"),
                    }
                    let text = text.trim_matches([' ', '\t', '\r', '\n']);
                    if text.is_empty() { Json::Null } else { json!(text) }
                }
                list => list.clone(),
            };
            self.row.insert(field.clone(), value);
        }
        match &plan.photo {
            Photo::Leave => {}
            Photo::Set(bytes) => self.photo = Some(bytes.clone()),
            Photo::Clear => self.photo = None,
        }
        self.kept = plan.kept.write("uid").map_or_else(Kept::default, |json| Kept::read(json).unwrap());
        assert_eq!(self.now(layout), plan.after);
        plan.fields.len()
    }
}

fn set(item: &Properties) -> Patch {
    Patch { set: item.clone(), clear: Vec::new() }
}

/// What a phone is to get back.
fn expected(item: &Properties) -> Properties {
    let values = item.0.iter().filter_map(|(tag, value)| Some((*tag, canonical(rule_of(*tag)?, value)?)));
    Properties(values.collect())
}

fn some_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9 ]{1,30}",
        "\\PC{0,40}",
        "[ä😀\u{301},;\r\n]{20,60}",
        Just("Deutschland".to_owned()),
        Just("Germany".to_owned()),
        "[x€]{250,300}",
    ]
}

fn some_value(kind: Kind) -> BoxedStrategy<Value> {
    let list = || proptest::collection::vec(some_text(), 0..5).prop_map(Value::List);
    match kind {
        Kind::Text | Kind::Country | Kind::FileAs => some_text().prop_map(Value::Text).boxed(),
        Kind::Email => {
            prop_oneof!["[a-z]{1,10}@[a-z]{1,10}\\.test", "\"[a-z]{1,9}\" <[a-z]{1,9}@b\\.test>", some_text()]
                .prop_map(Value::Text)
                .boxed()
        }
        Kind::Date => prop_oneof!["[12][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:00\\.000Z", some_text()]
            .prop_map(Value::Text)
            .boxed(),
        Kind::Notes => prop_oneof![some_text(), some_text().prop_map(|t| t.repeat(100))]
            .prop_map(|data| Value::Body(Body { kind: BodyKind::Plain, data }))
            .boxed(),
        Kind::List | Kind::Tags => list().boxed(),
        Kind::Picture => proptest::collection::vec(any::<u8>(), 0..200).prop_map(Value::Bytes).boxed(),
    }
}

fn some_item() -> impl Strategy<Value = Properties> {
    let one = proptest::sample::select(RULES).prop_flat_map(|rule| (Just(rule.tag), some_value(rule.kind)));
    proptest::collection::vec(one, 0..30).prop_map(|pairs| Properties(pairs.into_iter().collect()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Phone -> Horde -> phone, whatever fields the site has.
    #[test]
    fn every_property_survives_on_every_site(item in some_item()) {
        for (site, layout) in sites() {
            let mut stored = Stored::default();
            stored.apply(&layout, &set(&item));
            let mut expected = expected(&item);
            if !expected.0.contains_key(&c::FILE_AS) {
                let name = file_as(&expected);
                expected.set_text(c::FILE_AS, name);
            }
            prop_assert_eq!(stored.seen(&layout), expected.clone(), "{}", site);
            // Sent back as it was got, it is no change.
            prop_assert_eq!(stored.apply(&layout, &set(&expected)), 0, "{}", site);
            prop_assert_eq!(stored.seen(&layout), expected, "{}", site);
        }
    }

    /// A change touches what it names and nothing else, and everything can be taken away again.
    #[test]
    fn changes_touch_what_they_name(first in some_item(), second in some_item(), clear in proptest::sample::subsequence(
        RULES.iter().map(|r| r.tag).collect::<Vec<_>>(), 0..RULES.len(),
    )) {
        for (site, layout) in sites() {
            let mut stored = Stored::default();
            stored.apply(&layout, &set(&first));
            let before = stored.seen(&layout);
            let clear: Vec<Tag> = clear.iter().copied().filter(|tag| !second.0.contains_key(tag)).collect();
            stored.apply(&layout, &Patch { set: second.clone(), clear: clear.clone() });
            let after = stored.seen(&layout);
            for rule in RULES.iter().filter(|rule| rule.kind != Kind::FileAs) {
                let wanted = match second.0.get(&rule.tag) {
                    Some(value) => canonical(rule, value),
                    None if clear.contains(&rule.tag) => None,
                    None => before.0.get(&rule.tag).cloned(),
                };
                prop_assert_eq!(after.0.get(&rule.tag), wanted.as_ref(), "{}: {:?}", site, rule.tag);
            }
            stored.apply(&layout, &Patch { set: Properties::default(), clear: RULES.iter().map(|r| r.tag).collect() });
            prop_assert_eq!(stored.seen(&layout), Properties::default(), "{}", site);
            prop_assert!(stored.kept.write("uid").is_none(), "{}: {:?}", site, stored.kept);
        }
    }
}

fn item(pairs: impl IntoIterator<Item = (Tag, &'static str)>) -> Properties {
    let mut item = Properties::default();
    pairs.into_iter().for_each(|(tag, text)| item.set_text(tag, text));
    item
}

fn debian() -> Layout {
    layout(DEBIAN.iter().copied(), None)
}

#[test]
fn every_property_of_both_pages_is_in_the_table_once() {
    let not_of_an_item = [c::BODY, c::BODY_SIZE, c::BODY_TRUNCATED, c::CATEGORY, c::CHILD, c::COMPRESSED_RTF];
    for page in [c::FILE_AS.page(), c2::MMS.page()] {
        for tag in (5..64).filter_map(|token| Tag::known(page, token)).filter(|tag| !not_of_an_item.contains(tag)) {
            assert_eq!(RULES.iter().filter(|rule| rule.tag == tag).count(), 1, "{tag:?}");
        }
    }
    assert!(rule_of(asb::BODY).is_some());
}

#[test]
fn what_the_web_side_changes_wins() {
    let layout = debian();
    let mut stored = Stored::default();
    let long = "0123456789".repeat(4);
    let mut made = item([(c::LAST_NAME, "Muster"), (c::EMAIL2_ADDRESS, "b@example.test"), (c::FILE_AS, "The Muster")]);
    made.set_text(c::HOME_PHONE_NUMBER, &long);
    made.set_text(c::PAGER_NUMBER, &long);
    stored.apply(&layout, &set(&made));
    assert_eq!(stored.row.get("homePhone"), Some(&json!(&long[..25])));
    assert_eq!(stored.seen(&layout), made);

    stored.row.insert("homePhone".into(), json!("110"));
    stored.row.insert("pager".into(), Json::Null);
    stored.row.insert("lastname".into(), json!("Neu"));
    let seen = item([
        (c::LAST_NAME, "Neu"),
        (c::EMAIL2_ADDRESS, "b@example.test"),
        (c::FILE_AS, "Neu"),
        (c::HOME_PHONE_NUMBER, "110"),
    ]);
    assert_eq!(stored.seen(&layout), seen);
    // What no longer counts is forgotten with the next change.
    stored.apply(&layout, &set(&item([(c::JOB_TITLE, "Boss")])));
    assert_eq!(stored.kept.write("uid").unwrap()["properties"].as_object().unwrap().len(), 1);
}

/// A site gets a column for the second address: what is kept counts until the column is filled.
#[test]
fn a_new_column_takes_over_when_it_is_filled() {
    let mut stored = Stored::default();
    stored.apply(&debian(), &set(&item([(c::EMAIL2_ADDRESS, "kept@example.test")])));
    let layout = layout(DEBIAN.iter().copied().chain(["homeEmail"]), None);
    assert_eq!(stored.seen(&layout).text(c::EMAIL2_ADDRESS), Some("kept@example.test"));
    stored.row.insert("homeEmail".into(), json!("web@example.test"));
    assert_eq!(stored.seen(&layout).text(c::EMAIL2_ADDRESS), Some("web@example.test"));
}

/// Sending the old "file as" along with a new name does not freeze it, unless it was chosen.
#[test]
fn file_as_follows_the_name_unless_it_was_chosen() {
    for (site, layout) in sites().into_iter().filter(|(_, layout)| layout.column(c::LAST_NAME).is_some()) {
        let mut stored = Stored::default();
        stored.apply(&layout, &set(&item([(c::LAST_NAME, "Alt"), (c::FIRST_NAME, "Eva")])));
        assert_eq!(stored.seen(&layout).text(c::FILE_AS), Some("Alt, Eva"), "{site}");
        stored.apply(&layout, &set(&item([(c::LAST_NAME, "Neu"), (c::FILE_AS, "Alt, Eva")])));
        assert_eq!(stored.seen(&layout).text(c::FILE_AS), Some("Neu, Eva"), "{site}");
        stored.apply(&layout, &set(&item([(c::FILE_AS, "Chefin")])));
        stored.apply(&layout, &set(&item([(c::LAST_NAME, "Neuer"), (c::FILE_AS, "Chefin")])));
        assert_eq!(stored.seen(&layout).text(c::FILE_AS), Some("Chefin"), "{site}");
        stored.apply(&layout, &Patch { set: Properties::default(), clear: vec![c::FILE_AS] });
        assert_eq!(stored.seen(&layout).text(c::FILE_AS), Some("Neuer, Eva"), "{site}");
    }
}

/// MySQL's `utf8` holds three bytes a character and refuses the whole contact for an emoji.
#[test]
fn characters_that_the_database_refuses_are_kept_beside() {
    let layout = debian();
    let made = item([(c::LAST_NAME, "Smile 😀"), (c::FIRST_NAME, "Eva"), (c::SPOUSE, "plain")]);
    let mut plan = plan(&layout, &Properties::default(), &Kept::default(), &set(&made));
    assert!(plan.lose_rare_characters(&layout));
    assert_eq!(plan.fields.get("lastname"), Some(&json!("Smile \u{fffd}")));
    let mut seen = made.clone();
    seen.set_text(c::FILE_AS, "Smile 😀, Eva");
    let there = from_row(&layout, &plan.fields);
    assert_eq!((plan.kept.merge(&there), there), (seen, plan.after.clone()));
    assert!(!plan.lose_rare_characters(&layout), "there is nothing left to lose");
}

#[test]
fn countries_are_codes_in_turba_and_names_on_phones() {
    let layout = debian();
    let mut stored = Stored::default();
    let made = item([
        (c::HOME_ADDRESS_COUNTRY, "Germany"),
        (c::BUSINESS_ADDRESS_COUNTRY, "Deutschland"),
        (c::OTHER_ADDRESS_COUNTRY, "Atlantis"),
    ]);
    stored.apply(&layout, &set(&made));
    let field = |name: &str| stored.row.get(name).and_then(Json::as_str).unwrap_or_default();
    assert_eq!([field("homeCountry"), field("workCountry"), field("otherCountry")], ["DE", "DE", "Atlantis"]);
    assert_eq!(stored.seen(&layout), made);
    stored.row.insert("workCountry".into(), json!("AT"));
    assert_eq!(stored.seen(&layout).text(c::BUSINESS_ADDRESS_COUNTRY), Some("Austria"));
}

#[test]
fn the_places_for_mail_addresses_depend_on_the_site() {
    let fields = |layout: &Layout| {
        [c::EMAIL1_ADDRESS, c::EMAIL2_ADDRESS, c::EMAIL3_ADDRESS]
            .map(|tag| layout.column(tag).map_or("", |column| column.field))
    };
    let of = |list: &[&'static str]| layout(list.iter().copied(), None);
    assert_eq!(fields(&of(&["email"])), ["email", "", ""]);
    assert_eq!(fields(&of(&["email", "workEmail"])), ["email", "workEmail", ""]);
    assert_eq!(fields(&of(&["email", "homeEmail", "workEmail"])), ["email", "homeEmail", "workEmail"]);
    assert_eq!(fields(&of(&["homeEmail", "workEmail"])), ["homeEmail", "workEmail", ""]);
    assert!(!of(&["email"]).has_several_emails() && of(&["email", "workEmail"]).has_several_emails());
}

#[test]
fn what_is_kept_has_an_end() {
    let layout = layout([], None);
    let mut stored = Stored::default();
    let notes = Value::Body(Body { kind: BodyKind::Plain, data: "x".repeat(300_000) });
    let mut made = item([(c2::MMS, "short")]);
    made.0.insert(asb::BODY, notes);
    stored.apply(&layout, &set(&made));
    assert_eq!(stored.seen(&layout), item([(c2::MMS, "short")]));
}

#[test]
fn kept_files_of_another_form_are_not_taken_for_empty() {
    assert!(Kept::read(json!({"properties": ["x"]})).is_err());
    assert!(Kept::read(json!(null)).is_err());
}

#[test]
fn numbers_in_fields_are_text() {
    let column = debian();
    let rule = rule_of(c::JOB_TITLE).unwrap();
    assert_eq!(from_field(rule, column.column(c::JOB_TITLE).unwrap(), &json!(7)), Some(Value::Text("7".into())));
}

#[test]
fn every_contact_that_has_a_name_has_a_file_as() {
    for (site, layout) in sites() {
        let mut stored = Stored::default();
        stored.apply(&layout, &set(&item([(c::COMPANY_NAME, "ACME"), (c::EMAIL1_ADDRESS, "a@example.test")])));
        assert_eq!(stored.seen(&layout).text(c::FILE_AS), Some("ACME"), "{site}");
    }
}

//! Which property of a contact lives in which field of Turba: the table, and what one address book makes of it.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::{
    source::app::text::Limit,
    wbxml::{
        Tag,
        tag::{air_sync_base as asb, contacts as c, contacts2 as c2},
    },
};

/// How a value is written on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text as it is.
    Text,
    /// One mail address; a display name around it is taken off.
    Email,
    /// A day: `YYYY-MM-DD` in Horde.
    Date,
    /// Name of a country; ISO 3166 code in a field of Horde's type `country`, free text in others.
    Country,
    /// The notes, with CRLF line ends to the phone.
    Notes,
    /// A list, in one text field separated by commas.
    List,
    /// Horde's tags: no field of the address book, see [`TAGS`].
    Tags,
    /// The photo: cannot pass through Horde's array form.
    Picture,
    /// "File as", which follows from the name unless somebody chose otherwise.
    FileAs,
}

/// One property: where it lives, best place first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    pub(super) tag: Tag,
    pub(super) kind: Kind,
    pub(super) fields: &'static [&'static str],
}

const fn rule(tag: Tag, kind: Kind, fields: &'static [&'static str]) -> Rule {
    Rule { tag, kind, fields }
}

/// The pseudo field by which Turba takes tags.
pub(super) const TAGS: &str = "__tags";

/// Every property of the classes Contacts and Contacts2 (MS-ASCNTC 2.2.2). An empty list of fields: Turba knows no such thing.
pub(super) static RULES: &[Rule] = &[
    rule(c::FILE_AS, Kind::FileAs, &["name"]),
    rule(c::FIRST_NAME, Kind::Text, &["firstname"]),
    rule(c::MIDDLE_NAME, Kind::Text, &["middlenames"]),
    rule(c::LAST_NAME, Kind::Text, &["lastname"]),
    rule(c::TITLE, Kind::Text, &["namePrefix"]),
    rule(c::SUFFIX, Kind::Text, &["nameSuffix"]),
    rule(c2::NICK_NAME, Kind::Text, &["nickname", "alias"]),
    rule(c::YOMI_FIRST_NAME, Kind::Text, &["yomifirstname"]),
    rule(c::YOMI_LAST_NAME, Kind::Text, &["yomilastname"]),
    rule(c::YOMI_COMPANY_NAME, Kind::Text, &[]),
    // Each takes the first field that no other took: an address book with one mail field keeps the first address there.
    rule(c::EMAIL1_ADDRESS, Kind::Email, &["email", "homeEmail", "workEmail"]),
    rule(c::EMAIL2_ADDRESS, Kind::Email, &["homeEmail", "workEmail"]),
    rule(c::EMAIL3_ADDRESS, Kind::Email, &["workEmail"]),
    rule(c::HOME_PHONE_NUMBER, Kind::Text, &["homePhone", "phone"]),
    rule(c::HOME2_PHONE_NUMBER, Kind::Text, &["homePhone2"]),
    rule(c::BUSINESS_PHONE_NUMBER, Kind::Text, &["workPhone"]),
    rule(c::BUSINESS2_PHONE_NUMBER, Kind::Text, &["workPhone2"]),
    rule(c::MOBILE_PHONE_NUMBER, Kind::Text, &["cellPhone", "homeCellPhone", "workCellPhone"]),
    rule(c::HOME_FAX_NUMBER, Kind::Text, &["homeFax"]),
    rule(c::BUSINESS_FAX_NUMBER, Kind::Text, &["fax", "workFax"]),
    rule(c::CAR_PHONE_NUMBER, Kind::Text, &["carPhone"]),
    rule(c::PAGER_NUMBER, Kind::Text, &["pager"]),
    rule(c::RADIO_PHONE_NUMBER, Kind::Text, &["radioPhone"]),
    rule(c::ASSISTANT_PHONE_NUMBER, Kind::Text, &["assistPhone"]),
    rule(c2::COMPANY_MAIN_PHONE, Kind::Text, &["companyPhone"]),
    rule(c2::MMS, Kind::Text, &[]),
    rule(c::HOME_ADDRESS_STREET, Kind::Text, &["homeStreet", "homeAddress"]),
    rule(c::HOME_ADDRESS_CITY, Kind::Text, &["homeCity"]),
    rule(c::HOME_ADDRESS_STATE, Kind::Text, &["homeProvince"]),
    rule(c::HOME_ADDRESS_POSTAL_CODE, Kind::Text, &["homePostalCode"]),
    rule(c::HOME_ADDRESS_COUNTRY, Kind::Country, &["homeCountry", "homeCountryFree"]),
    rule(c::BUSINESS_ADDRESS_STREET, Kind::Text, &["workStreet", "workAddress"]),
    rule(c::BUSINESS_ADDRESS_CITY, Kind::Text, &["workCity"]),
    rule(c::BUSINESS_ADDRESS_STATE, Kind::Text, &["workProvince"]),
    rule(c::BUSINESS_ADDRESS_POSTAL_CODE, Kind::Text, &["workPostalCode"]),
    rule(c::BUSINESS_ADDRESS_COUNTRY, Kind::Country, &["workCountry", "workCountryFree"]),
    rule(c::OTHER_ADDRESS_STREET, Kind::Text, &["otherStreet", "otherAddress"]),
    rule(c::OTHER_ADDRESS_CITY, Kind::Text, &["otherCity"]),
    rule(c::OTHER_ADDRESS_STATE, Kind::Text, &["otherProvince"]),
    rule(c::OTHER_ADDRESS_POSTAL_CODE, Kind::Text, &["otherPostalCode"]),
    rule(c::OTHER_ADDRESS_COUNTRY, Kind::Country, &["otherCountry", "otherCountryFree"]),
    rule(c::COMPANY_NAME, Kind::Text, &["company"]),
    rule(c::DEPARTMENT, Kind::Text, &["department"]),
    rule(c::JOB_TITLE, Kind::Text, &["title"]),
    rule(c::OFFICE_LOCATION, Kind::Text, &["office"]),
    rule(c2::MANAGER_NAME, Kind::Text, &["manager"]),
    rule(c::ASSISTANT_NAME, Kind::Text, &["assistant"]),
    rule(c::SPOUSE, Kind::Text, &["spouse"]),
    rule(c::CHILDREN, Kind::List, &["children"]),
    rule(c::BIRTHDAY, Kind::Date, &["birthday"]),
    rule(c::ANNIVERSARY, Kind::Date, &["anniversary"]),
    rule(c::WEB_PAGE, Kind::Text, &["website"]),
    rule(c2::IM_ADDRESS, Kind::Text, &["imaddress"]),
    rule(c2::IM_ADDRESS2, Kind::Text, &["imaddress2"]),
    rule(c2::IM_ADDRESS3, Kind::Text, &["imaddress3"]),
    rule(c2::CUSTOMER_ID, Kind::Text, &[]),
    rule(c2::GOVERNMENT_ID, Kind::Text, &[]),
    rule(c2::ACCOUNT_NAME, Kind::Text, &[]),
    rule(c::ALIAS, Kind::Text, &[]),
    rule(c::WEIGHTED_RANK, Kind::Text, &[]),
    rule(asb::BODY, Kind::Notes, &["notes"]),
    rule(c::CATEGORIES, Kind::Tags, &[TAGS]),
    rule(c::PICTURE, Kind::Picture, &["photo"]),
];

/// Columns of Turba's own tables that hold less than 255 characters.
static SHORT: &[(&str, usize)] = &[
    ("namePrefix", 32),
    ("nameSuffix", 32),
    ("alias", 32),
    ("homePostalCode", 10),
    ("workPostalCode", 10),
    ("otherPostalCode", 10),
    ("birthday", 10),
    ("anniversary", 10),
];

impl Limit {
    /// Of a field with that name and type of Horde.
    fn of(field: &str, kind: &str) -> Self {
        if kind == "longtext" {
            return Self::Bytes(65_535);
        }
        let short = SHORT.iter().find(|(name, _)| *name == field).map(|(_, limit)| *limit);
        Self::Characters(short.unwrap_or(if matches!(kind, "phone" | "cellphone") { 25 } else { 255 }))
    }
}

/// The field that a property has in one address book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) field: &'static str,
    pub(super) limit: Limit,
    /// The field takes a country code.
    pub(super) coded: bool,
}

/// What the table comes to in one address book.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Layout {
    columns: BTreeMap<Tag, Column>,
}

impl Layout {
    /// From the answer of `contacts.fields` and, if known, whether "name" is a field of its own rather than made of the others.
    pub(super) fn new(fields: &Json, plain_name: Option<bool>) -> Self {
        let kind_of = |field: &str| fields.get(field).map(|f| f.get("type").and_then(Json::as_str).unwrap_or("text"));
        let mut columns = BTreeMap::new();
        let mut taken = Vec::new();
        let has_parts = kind_of("firstname").is_some() || kind_of("lastname").is_some();
        for rule in RULES {
            let column = rule.fields.iter().find_map(|field| {
                let kind = if *field == TAGS { "tags" } else { kind_of(field)? };
                let usable = match *field {
                    "name" => plain_name.unwrap_or(!has_parts),
                    _ => !taken.contains(field),
                };
                usable.then(|| Column { field, limit: Limit::of(field, kind), coded: kind == "country" })
            });
            if let Some(column) = column {
                taken.push(column.field);
                columns.insert(rule.tag, column);
            }
        }
        Self { columns }
    }

    /// Where that property lives, if there is a place.
    pub(super) fn column(&self, tag: Tag) -> Option<&Column> {
        self.columns.get(&tag)
    }

    /// Fields to ask Horde for: all that this table reads in plain, and those that say which contact it is and whether it has a photo.
    pub(super) fn fields(&self) -> Vec<&'static str> {
        let plain = self.columns.values().map(|c| c.field).filter(|f| !matches!(*f, TAGS | "photo"));
        let photo = self.has_photos().then_some("phototype");
        plain.chain(["__uid", "__key"]).chain(photo).collect()
    }

    /// Whether contacts may have photos here.
    pub(super) fn has_photos(&self) -> bool {
        self.columns.contains_key(&c::PICTURE)
    }

    /// Whether there is a field `email` and others of that type: then Horde's search puts the wrong address into it.
    pub(super) fn has_several_emails(&self) -> bool {
        let fields: Vec<_> = [c::EMAIL1_ADDRESS, c::EMAIL2_ADDRESS, c::EMAIL3_ADDRESS]
            .iter()
            .filter_map(|tag| self.column(*tag).map(|c| c.field))
            .collect();
        fields.len() > 1 && fields.contains(&"email")
    }
}

/// The rule for a property.
pub(super) fn rule_of(tag: Tag) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.tag == tag)
}

//! What devices are asked to be like (`[policy]` of the configuration), and how it is said in each version of the protocol.

mod read;
mod table;
#[cfg(test)]
mod tests;
mod wap;

use self::table::{Kind, TABLE};
use crate::{
    proto::{
        Version,
        provision::{PolicyData, PolicyValue},
    },
    wbxml::Tag,
};

/// Whether a device must take the policies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Every device must hold the current policy key. (Horde: "Force".)
    #[default]
    Require,
    /// Devices that cannot take policies, or take them in part only, are let in. (Horde: "Allow".)
    Allow,
    /// No device is asked. A remote wipe reaches it all the same.
    None,
}

/// `[policy]`. Elements of a policy document are options of that section with the names of MS-ASPROV 2.2.2
/// (`DevicePasswordEnabled = true`); what is not set permits everything, but still gives the device a policy key, without which
/// some devices cannot be wiped.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// Whether a device must take them.
    pub mode: Mode,
    /// Hours after which devices have to fetch the policies again though they are the same; 0 = never.
    pub refresh_hours: u32,
    /// Whether "provision first" is said twice, by HTTP status 449 and in the body, from 14.0 on: for devices that announce 14.x, but
    /// understand 449 only.
    pub answer_both: bool,
    /// One per row of the table.
    values: Vec<Value>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Text(String),
    List(Vec<String>),
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Settings");
        shown.field("mode", &self.mode).field("refresh_hours", &self.refresh_hours);
        shown.field("answer_both", &self.answer_both);
        for (row, value) in TABLE.iter().zip(&self.values) {
            shown.field(row.tag.name(), value);
        }
        shown.finish()
    }
}

impl Default for Settings {
    fn default() -> Self {
        let permissive = |row: &table::Row| match row.kind {
            Kind::List(_) => Value::List(Vec::new()),
            _ => Value::Text(row.default.to_owned()),
        };
        Self {
            mode: Mode::default(),
            refresh_hours: 0,
            answer_both: false,
            values: TABLE.iter().map(permissive).collect(),
        }
    }
}

impl Settings {
    /// PolicyType of a version: `MS-WAP-Provisioning-XML` or `MS-EAS-Provisioning-WBXML`.
    pub fn kind(version: Version) -> &'static str {
        if version.traits().policy_document { "MS-EAS-Provisioning-WBXML" } else { "MS-WAP-Provisioning-XML" }
    }

    /// The policy in the dialect of a version.
    pub fn data(&self, version: Version) -> PolicyData {
        if version.traits().policy_document {
            PolicyData::Document(self.document(version))
        } else {
            PolicyData::Wap(self.wap())
        }
    }

    /// Children of EASProvisionDoc, those that the version knows.
    pub fn document(&self, version: Version) -> Vec<(Tag, PolicyValue)> {
        let known = TABLE.iter().zip(&self.values).filter(|(row, _)| row.since <= version);
        known
            .map(|(row, value)| {
                let value = match (value, row.kind) {
                    (Value::List(texts), Kind::List(child)) => PolicyValue::List(child, texts.clone()),
                    (Value::Text(text), _) => PolicyValue::Text(text.clone()),
                    (Value::List(texts), _) => PolicyValue::Text(texts.concat()),
                };
                (row.tag, value)
            })
            .collect()
    }

    /// Digest of what is sent to devices of a version, and of nothing else: settings that a device never gets must not make it
    /// fetch its policies again.
    pub fn hash(&self, version: Version) -> String {
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        match self.data(version) {
            PolicyData::Wap(text) => context.update(text.as_bytes()),
            PolicyData::Document(settings) => {
                for (tag, value) in settings {
                    let value = match value {
                        PolicyValue::Text(text) => text,
                        PolicyValue::List(_, texts) => texts.join("\n"),
                    };
                    context.update(format!("{tag}={value}\0").as_bytes());
                }
            }
        }
        context.finish().as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether nothing is asked of devices: every setting has its default.
    pub fn asks_nothing(&self) -> bool {
        self.values == Self::default().values
    }

    /// The value of a setting that is one text.
    fn text(&self, tag: Tag) -> &str {
        let found = TABLE.iter().zip(&self.values).find(|(row, _)| row.tag == tag);
        match found {
            Some((_, Value::Text(text))) => text,
            _ => "",
        }
    }
}

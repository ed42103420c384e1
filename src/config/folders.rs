//! Which devices get one folder for all containers of a class.

use serde::{Deserialize, Deserializer};

use super::pattern::fits;
use crate::proto::class::Class;

/// `[folders]`: folders of items other than mail.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Folders {
    /// Devices that can show only one folder of some classes.
    pub merge: Vec<Merge>,
}

/// `[[folders.merge]]`: one folder of each of these classes for devices that both patterns fit. Patterns may have `*`; letter case does not
/// count.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Merge {
    /// Pattern for the device type.
    #[serde(default = "any", rename = "type")]
    pub device_type: String,
    /// Pattern for the User-Agent.
    #[serde(default = "any")]
    pub agent: String,
    /// Which classes.
    #[serde(deserialize_with = "classes")]
    pub classes: Vec<Class>,
}

const SERVED: [Class; 4] = [Class::Contacts, Class::Calendar, Class::Tasks, Class::Notes];

/// Device types and agents that are known to show one folder only.
const KNOWN: [(&str, &str, &[Class]); 14] = [
    ("SAMSUNG*", "*", &SERVED),
    ("PocketPC", "*", &SERVED),
    // The mail program of Android before 4.4.
    ("Android*", "Android/0.*", &SERVED),
    ("Android*", "Android/1.*", &SERVED),
    ("Android*", "Android/2.*", &SERVED),
    ("Android*", "Android/3.*", &SERVED),
    ("Android*", "Android/4.0*", &SERVED),
    ("Android*", "Android/4.1*", &SERVED),
    ("Android*", "Android/4.2*", &SERVED),
    ("Android*", "Android/4.3*", &SERVED),
    ("Android*", "Android-EAS/*", &SERVED),
    ("WP8", "MSFT-WP/8.0*", &[Class::Contacts, Class::Calendar]),
    ("WP8", "MSFT-WP/8.1*", &[Class::Contacts]),
    ("WindowsOutlook15", "*", &[Class::Contacts]),
];

impl Default for Folders {
    fn default() -> Self {
        let merge = KNOWN.map(|(device_type, agent, classes)| Merge {
            device_type: device_type.to_owned(),
            agent: agent.to_owned(),
            classes: classes.to_vec(),
        });
        Self { merge: merge.to_vec() }
    }
}

impl Folders {
    /// Whether such a device gets one folder for all containers of a class.
    pub fn merges(&self, device_type: &str, agent: &str, class: Class) -> bool {
        let fitting = |m: &Merge| fits(&m.device_type, device_type) && fits(&m.agent, agent);
        self.merge.iter().any(|m| m.classes.contains(&class) && fitting(m))
    }
}

fn any() -> String {
    "*".to_owned()
}

fn classes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Class>, D::Error> {
    let class = |name: String| {
        SERVED.into_iter().find(|class| class.name().eq_ignore_ascii_case(&name)).ok_or_else(|| {
            let known = SERVED.map(|class| class.name().to_ascii_lowercase()).join(", ");
            serde::de::Error::custom(format!("no class {name:?}: one of {known}"))
        })
    };
    let names = Vec::<String>::deserialize(deserializer)?;
    if names.is_empty() {
        return Err(serde::de::Error::custom("names no class"));
    }
    names.into_iter().map(class).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_that_show_one_folder() {
        let folders = Folders::default();
        for (device_type, agent, expected) in [
            ("SAMSUNGSGHI317M", "SAMSUNG-SGH-I317M/101.403", "Contacts Calendar Tasks Notes"),
            ("PocketPC", "MSFT-PPC/5.2.5082", "Contacts Calendar Tasks Notes"),
            ("Android", "Android/4.3-EAS-1.3", "Contacts Calendar Tasks Notes"),
            ("Android", "Android/4.4.2-EAS-1.3", ""),
            ("Android", "Android/10-EAS-2.0", ""),
            ("Android", "Android/0.3", "Contacts Calendar Tasks Notes"),
            ("WP8", "MSFT-WP/8.0.10211", "Contacts Calendar"),
            ("WP8", "MSFT-WP/8.10.12397", "Contacts"),
            ("WindowsOutlook15", "Outlook/15.0", "Contacts"),
            ("iPhone", "Apple-iPhone/1.0", ""),
        ] {
            let merged = SERVED.into_iter().filter(|class| folders.merges(device_type, agent, *class));
            let merged: Vec<&str> = merged.map(Class::name).collect();
            assert_eq!(merged.join(" "), expected, "{device_type} {agent}");
        }
    }
}

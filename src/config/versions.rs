//! Which protocol versions are offered to whom.

use serde::{Deserialize, Deserializer};

use super::pattern::fits;
use crate::proto::Version;

/// `[versions]`: protocol versions that are offered.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Versions {
    /// Lowest.
    #[serde(deserialize_with = "version")]
    pub min: Version,
    /// Highest.
    #[serde(deserialize_with = "version")]
    pub max: Version,
    /// Lower highest versions for some users, device types and agents.
    pub ceiling: Vec<Ceiling>,
}

impl Default for Versions {
    fn default() -> Self {
        Self { min: Version::V2_5, max: Version::V16_1, ceiling: Vec::new() }
    }
}

/// `[[versions.ceiling]]`: a lower highest version for those whom all given patterns fit. Patterns may have `*`; letter case does not count.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ceiling {
    /// Highest version for them.
    #[serde(deserialize_with = "version")]
    pub max: Version,
    /// Pattern for the user name as Horde knows it.
    #[serde(default = "any")]
    pub user: String,
    /// Pattern for the device type.
    #[serde(default = "any", rename = "type")]
    pub device_type: String,
    /// Pattern for the User-Agent.
    #[serde(default = "any")]
    pub agent: String,
}

fn any() -> String {
    "*".to_owned()
}

fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Version, D::Error> {
    let text = String::deserialize(deserializer)?;
    Version::parse(&text).ok_or_else(|| {
        let known: Vec<&str> = Version::ALL.into_iter().map(Version::name).collect();
        serde::de::Error::custom(format!("no protocol version {text:?}: one of {}", known.join(", ")))
    })
}

impl Versions {
    /// What is offered to that user, device type and agent, lowest first; never nothing.
    pub fn offered(&self, user: &str, device_type: &str, agent: &str) -> Vec<Version> {
        let fitting = self
            .ceiling
            .iter()
            .filter(|c| fits(&c.user, user) && fits(&c.device_type, device_type) && fits(&c.agent, agent));
        let max = fitting.map(|c| c.max).fold(self.max, Version::min).max(self.min);
        Version::ALL.into_iter().filter(|v| (self.min..=max).contains(v)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lowest_fitting_ceiling_counts() {
        let ceiling = |max, user: &str, device_type: &str| Ceiling {
            max,
            user: user.to_owned(),
            device_type: device_type.to_owned(),
            agent: any(),
        };
        let versions = Versions {
            min: Version::V12_1,
            max: Version::V16_0,
            ceiling: vec![
                ceiling(Version::V14_1, "bob", "*"),
                ceiling(Version::V14_0, "*", "Outlook*"),
                ceiling(Version::V2_5, "old", "*"),
            ],
        };
        let highest = |user, kind| versions.offered(user, kind, "agent").last().copied();
        assert_eq!(highest("alice", "iPhone"), Some(Version::V16_0));
        assert_eq!(highest("bob", "iPhone"), Some(Version::V14_1));
        assert_eq!(highest("bob", "outlook"), Some(Version::V14_0));
        assert_eq!(versions.offered("old", "", ""), [Version::V12_1]);
    }
}

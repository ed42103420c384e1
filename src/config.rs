//! Settings: one TOML file, every option with a default, command line flags over it.

/// All settings.
#[derive(Debug, Clone, Default, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How to reach Horde.
    pub horde: crate::horde::Settings,
}

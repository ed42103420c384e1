//! Sync keys: `{<series>}<generation>`. A series begins with key "0"; a generation follows another with each answer that says something.

use std::fmt;

/// A sync key other than "0" (MS-ASCMD 2.2.3.181; at most 64 characters).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncKey {
    /// Random number of the series.
    pub series: u64,
    /// Number of the generation, from 1.
    pub generation: u64,
}

impl SyncKey {
    /// Reads a key; `None` when it is none of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let (series, generation) = text.strip_prefix('{')?.split_once('}')?;
        let sound = series.len() == 16 && generation.len() <= 20 && generation.bytes().all(|b| b.is_ascii_digit());
        sound.then_some(())?;
        Some(Self { series: u64::from_str_radix(series, 16).ok()?, generation: generation.parse().ok()? })
    }

    /// The first key of a new series.
    pub fn begin() -> Self {
        Self { series: super::random(), generation: 1 }
    }
}

impl fmt::Display for SyncKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{:016x}}}{}", self.series, self.generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back() {
        let key = SyncKey { series: 0xab, generation: 17 };
        assert_eq!(key.to_string(), "{00000000000000ab}17");
        assert_eq!(SyncKey::parse(&key.to_string()), Some(key));
    }

    #[test]
    fn foreign_keys_are_refused() {
        for text in [
            "",
            "0",
            "1",
            "{}1",
            "{00000000000000ab}",
            "{00000000000000ab}-1",
            "{00000000000000ab}1x",
            "{+0000000000000ab}1 ",
        ] {
            assert_eq!(SyncKey::parse(text), None, "{text}");
        }
    }
}

//! Countries: Turba stores ISO 3166 codes, phones write names.

use std::{collections::HashMap, sync::LazyLock};

static TABLE: &str = include_str!("countries.tsv");

struct Countries {
    by_name: HashMap<String, &'static str>,
    by_code: HashMap<&'static str, &'static str>,
}

static COUNTRIES: LazyLock<Countries> = LazyLock::new(|| {
    let mut countries = Countries { by_name: HashMap::new(), by_code: HashMap::new() };
    for line in TABLE.lines().skip(1) {
        let mut columns = line.split('\t');
        let (Some(code), Some(name)) = (columns.next(), columns.next()) else { continue };
        countries.by_code.insert(code, name);
        for spelling in [code, name].into_iter().chain(columns.next().unwrap_or("").split('|')) {
            countries.by_name.insert(spelling.to_lowercase(), code);
        }
    }
    countries
});

/// The code of a country name in any spelling of the table, or of the code itself.
pub(super) fn code(name: &str) -> Option<&'static str> {
    let name = name.trim().to_lowercase();
    if name.is_empty() { None } else { COUNTRIES.by_name.get(&name).copied() }
}

/// The English name of a code.
pub(super) fn name(code: &str) -> Option<&'static str> {
    COUNTRIES.by_code.get(code.trim().to_uppercase().as_str()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_survives_both_ways() {
        assert!(COUNTRIES.by_code.len() > 240);
        for (code_, name_) in &COUNTRIES.by_code {
            assert_eq!(code(name_), Some(*code_), "{name_}");
            assert_eq!(name(code_), Some(*name_));
        }
    }

    #[test]
    fn spellings_and_strangers() {
        assert_eq!(code("deutschland"), Some("DE"));
        assert_eq!(code(" USA "), Some("US"));
        assert_eq!(code("Atlantis"), None);
        assert_eq!(code(""), None);
        assert_eq!(name("de"), Some("Germany"));
        assert_eq!(name("Atlantis"), None);
    }
}

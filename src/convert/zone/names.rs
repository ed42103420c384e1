//! Names of zones.

use std::{collections::HashMap, sync::LazyLock};

use jiff::tz::{TimeZone, TimeZoneDatabase};

/// Names beyond this many bytes are nobody's zone.
const LENGTH: usize = 255;
/// UTF-16 units at which a name fills its field in a blob.
const FIELD: usize = 31;

/// Parts and files of the system's database that are no zone of its own.
const NO_ZONES: [&str; 4] = ["right/", "localtime", "posixrules", "factory"];

/// Names of Windows and the texts of its lists, in small letters, with the name of the tz database that Unicode (CLDR) gives for
/// the territory 001.
static WINDOWS: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    let mut names = HashMap::new();
    for line in include_str!("windows.tsv").lines().skip(1) {
        let mut columns = line.split('\t');
        let (Some(windows), Some(iana)) = (columns.next(), columns.next()) else { continue };
        for name in [windows].into_iter().chain(columns.next().into_iter().flat_map(|listed| listed.split('|'))) {
            names.insert(name.to_lowercase(), iana);
        }
    }
    names
});

/// The copy in the program, for names that the system's database does not have: distributions leave out old ones, and old systems
/// do not know new ones.
static COPY: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The zone of a name: of the tz database (also old names, also behind a vendor's prefix such as `/citadel.org/20210210_1/`), of
/// Windows, or from Outlook's lists ("(UTC+01:00) Amsterdam, ..."), in small or capital letters. `None` for everything else,
/// offsets of display names included: they do not say when the clocks are changed.
pub fn named(tzid: &str) -> Option<TimeZone> {
    let name = tzid.trim().trim_matches('"').trim();
    if name.is_empty() || name.len() > LENGTH {
        return None;
    }
    in_database(name).or_else(|| in_database(in_windows(name)?)).or_else(|| behind_prefix(name))
}

/// The name of the tz database for a name in any spelling that [`named`] knows, as Horde and PHP list it: `Asia/Calcutta` gives
/// `Asia/Kolkata`.
pub fn canonical(tzid: &str) -> Option<String> {
    let zone = named(tzid)?;
    zone.primary_iana_name().or(zone.iana_name()).map(str::to_owned)
}

/// What the name in a blob says, as [`canonical`]. A long one is the beginning of a name only, and abbreviations say nothing, though
/// some (`EST`, `CET`) are names in the database.
pub(super) fn in_blob(name: &str) -> Option<String> {
    let beginning = || {
        let places = places(name).to_lowercase();
        let is_cut = name.encode_utf16().count() >= FIELD;
        WINDOWS.iter().find(|(listed, _)| is_cut && listed.starts_with(&places)).map(|(_, iana)| *iana)
    };
    match in_windows(name).or_else(beginning) {
        Some(iana) => canonical(iana),
        None if name.contains('/') => canonical(name),
        None => None,
    }
}

/// The zone of a name of the tz database as it stands, in small or capital letters. What passes is fit to be written anywhere.
pub(super) fn in_database(name: &str) -> Option<TimeZone> {
    let lower = name.to_ascii_lowercase();
    let name = if lower.starts_with("posix/") { name.get(6..)? } else { name };
    if NO_ZONES.iter().any(|no| lower.starts_with(no)) {
        return None;
    }
    TimeZone::get(name).ok().or_else(|| {
        let zone = COPY.get(name).ok()?;
        let system = zone.primary_iana_name().and_then(|name| TimeZone::get(name).ok());
        Some(system.unwrap_or(zone))
    })
}

fn in_windows(name: &str) -> Option<&'static str> {
    WINDOWS.get(&places(name).to_lowercase()).copied()
}

/// A name without the offset in front of it. It says nothing that the zone itself does not say, and changes while the places do not.
fn places(name: &str) -> &str {
    name.strip_prefix('(').and_then(|rest| rest.split_once(')')).map_or(name, |(_, places)| places).trim()
}

/// `/softwarestudio.org/Olson_20011030_5/America/Chicago`, `tzone://Microsoft/Utc`
fn behind_prefix(name: &str) -> Option<TimeZone> {
    let mut rest = name.strip_prefix('/').or_else(|| name.split_once("://").map(|(_, rest)| rest))?;
    while let Some((_, behind)) = rest.split_once('/') {
        if let Some(zone) = in_database(rest) {
            return Some(zone);
        }
        rest = behind;
    }
    in_database(rest)
}

//! Every zone of the system's tz database in the years 2010 to 2035, as blobs and back, against another reader of the database:
//! zdump of the C library; and VTIMEZONE components as Horde's own importer reads them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    collections::{BTreeSet, HashMap},
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    sync::LazyLock,
};

use horde_eas::{
    convert::zone::{blob, canonical, named, vtimezone, zone},
    proto::class::Blob,
};
use jiff::{Timestamp, civil::DateTime, tz::Offset};

const YEARS: std::ops::RangeInclusive<i16> = 2010..=2035;

/// What zdump says of a zone.
struct Zone {
    name: String,
    /// Since when (seconds since 1970), how many seconds east of UTC.
    offsets: Vec<(i64, i32)>,
}

static ZONES: LazyLock<Vec<Zone>> = LazyLock::new(|| {
    let no_zone = |name: &str| {
        ["right/", "posix/"].iter().any(|p| name.starts_with(p))
            || ["localtime", "posixrules", "Factory"].contains(&name)
    };
    let names: Vec<String> =
        jiff::tz::db().available().map(|name| name.to_string()).filter(|name| !no_zone(name)).collect();
    let said = Command::new("zdump").args(["-i", "-c", "2009,2037"]).args(&names).output();
    let said = said.and_then(|said| String::from_utf8(said.stdout).map_err(std::io::Error::other));
    let (Ok(said), true) = (said, Path::new("/usr/share/zoneinfo/UTC").exists()) else {
        skipped("time zones against zdump");
        return Vec::new();
    };
    let zones: Vec<Zone> = said.split("TZ=").skip(1).map(read).collect();
    assert_eq!(zones.len(), names.len());
    assert!(zones.len() > 500, "{} zones", zones.len());
    zones
});

static BY_NAME: LazyLock<HashMap<&str, &Zone>> =
    LazyLock::new(|| ZONES.iter().map(|zone| (zone.name.as_str(), zone)).collect());

/// `"Europe/Berlin"`, the offset at first, then a line for every change: date and time by the new clock, and its offset.
fn read(said: &str) -> Zone {
    let mut lines = said.lines();
    let name = lines.next().unwrap().trim_matches('"').to_owned();
    let offset = |line: &str| {
        let column = line.split('\t').nth(2).unwrap();
        let part = |at: usize| column.get(at..at + 2).map_or(0, |digits| digits.parse::<i32>().unwrap());
        let seconds = part(1) * 3600 + part(3) * 60 + part(5);
        if column.starts_with('-') { -seconds } else { seconds }
    };
    let mut offsets = vec![(i64::MIN, offset(lines.next().unwrap()))];
    for line in lines.filter(|line| !line.is_empty()) {
        let mut columns = line.split('\t');
        let (date, time) = (columns.next().unwrap(), columns.next().unwrap());
        let time = format!("{time}{}", &":00:00"[time.len().saturating_sub(2).min(6)..]);
        let local: DateTime = format!("{date}T{time}").parse().unwrap();
        let seconds = Offset::UTC.to_timestamp(local).unwrap().as_second() - i64::from(offset(line));
        offsets.push((seconds, offset(line)));
    }
    Zone { name, offsets }
}

impl Zone {
    fn offset(&self, second: i64) -> i32 {
        self.offsets.iter().rfind(|(since, _)| *since <= second).unwrap().1
    }

    /// The seconds before and of every change in a year of local time, and the middle of every month.
    fn instants(&self, year: i16) -> Vec<Timestamp> {
        let months = (1..=12).map(|month| jiff::civil::date(year, month, 15).at(12, 0, 0, 0));
        let months = months.map(|date| Offset::UTC.to_timestamp(date).unwrap().as_second());
        let changes = self.offsets.iter().skip(1).flat_map(|(at, _)| [at - 1, *at, at + 1]);
        let local = |second: i64| utc(instant(second + i64::from(self.offset(second))));
        months.chain(changes).filter(|second| local(*second).year() == year).map(instant).collect()
    }

    fn is_said_by(&self, blob: &Blob, instants: &[Timestamp]) -> bool {
        instants.iter().all(|at| blob.offset_at(*at) == self.offset(at.as_second()))
    }
}

fn skipped(what: &str) {
    // Straight to the file descriptor: the test harness would swallow a print of a test that succeeds.
    let _ = writeln!(std::io::stderr(), "skipped: {what}, which is not there");
}

fn instant(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn utc(at: Timestamp) -> DateTime {
    Offset::UTC.to_datetime(at)
}

fn middle(year: i16) -> Timestamp {
    format!("{year}-07-01T00:00Z").parse().unwrap()
}

fn nameless(mut blob: Blob) -> Blob {
    blob.standard.set_name("");
    blob.daylight.set_name("");
    blob
}

/// What no blob can say: year and zone.
fn irregular() -> BTreeSet<(i16, &'static str)> {
    let lines = include_str!("vectors/irregular-zone-years.tsv").lines().skip(1);
    let row = |line: &'static str| {
        let columns: Vec<&str> = line.split('\t').collect();
        (columns[0].parse().unwrap(), columns[1])
    };
    lines.map(row).collect()
}

/// The blob of a year is right all the year, but for the years that are listed: the list is exact.
#[test]
fn a_blob_says_what_the_clocks_do_in_its_year() {
    let mut wrong = BTreeSet::new();
    for zone in ZONES.iter() {
        let rules = named(&zone.name).unwrap();
        for year in YEARS {
            if !zone.is_said_by(&blob(&rules, middle(year)), &zone.instants(year)) {
                wrong.insert((year, zone.name.as_str()));
            }
        }
    }
    if !ZONES.is_empty() {
        assert_eq!(wrong, irregular());
    }
}

/// Even in those years it is right at the instant for which it was asked.
#[test]
fn a_blob_is_right_at_its_instant() {
    let irregular: BTreeSet<&str> = irregular().into_iter().map(|(_, name)| name).collect();
    for zone in ZONES.iter().filter(|zone| irregular.contains(zone.name.as_str())) {
        let rules = named(&zone.name).unwrap();
        for at in YEARS.flat_map(|year| zone.instants(year)) {
            assert_eq!(blob(&rules, at).offset_at(at), zone.offset(at.as_second()), "{} {at}", zone.name);
        }
    }
}

#[test]
fn a_blob_leads_back_to_its_zone_or_to_one_that_does_the_same() {
    let irregular = irregular();
    for said in ZONES.iter() {
        let name = said.name.as_str();
        let rules = named(name).unwrap();
        for year in YEARS.filter(|year| !irregular.contains(&(*year, name))) {
            let blob = blob(&rules, middle(year));
            if !blob.standard.name().is_empty() && name.contains('/') {
                assert_eq!(zone(&blob, &[], middle(year)), canonical(name), "{name} {year}");
            }
            let blob = nameless(blob);
            assert_eq!(zone(&blob, &["Mars/Phobos", name], middle(year)).as_deref(), Some(name), "{year}");
            let other = zone(&blob, &[], middle(year)).unwrap_or_else(|| panic!("nothing like {name} in {year}"));
            let other = BY_NAME.get(other.as_str()).unwrap_or_else(|| panic!("zdump does not know {other}"));
            let mut inner = said.instants(year);
            inner.extend(other.instants(year));
            inner.retain(|at| ![(1, 1), (12, 31)].contains(&(utc(*at).month(), utc(*at).day())));
            let differ = inner.iter().find(|at| said.offset(at.as_second()) != other.offset(at.as_second()));
            assert_eq!(differ, None, "{name} and {} in {year}", other.name);
        }
    }
}

/// Horde's importer gets the right instant for every local time, whatever the zone of the user.
#[test]
fn hordes_importer_reads_our_components() {
    if !Path::new("/usr/share/php/Horde/Icalendar.php").exists() {
        return skipped("VTIMEZONE against Horde's importer");
    }
    let mut text = String::new();
    let canonical = ZONES.iter().filter(|zone| canonical(&zone.name).as_deref() == Some(&zone.name));
    for (name, (from, to)) in canonical.map(|zone| &zone.name).zip(
        [(2025, 2025), (2010, 2012), (2014, 2014), (2018, 2021), (2019, 2035), (2011, 2011), (2030, 2034)]
            .iter()
            .cycle(),
    ) {
        let january = |year| jiff::civil::date(year, 1, 1);
        text.push_str(&format!("#{name} {from} {to}\r\n{}", vtimezone(name, january(*from), january(*to)).unwrap()));
    }
    for user in ["Europe/Berlin", "America/Bogota", "Asia/Tokyo"] {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/zones/importer.php");
        let mut php = Command::new("php");
        let php = php.arg(script).arg(user).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut php = php.spawn().expect("php");
        php.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let said = String::from_utf8(php.wait_with_output().unwrap().stdout).unwrap();
        let (wrong, count) = said.trim_end().rsplit_once('\n').unwrap_or(("", said.trim_end()));
        assert_eq!(wrong, "", "user in {user}");
        let count: usize = count.trim_end_matches(" times").parse().unwrap();
        assert!(count > 10_000, "{said}");
    }
}

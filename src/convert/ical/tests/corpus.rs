//! Texts that others write.

use jiff::Timestamp;

use super::{
    super::{Event, occurrences, read, times::compact, write},
    flat, home,
};

const EVENTS: &str = include_str!("../../../../tests/corpus/events/events.txt");

/// One item of the corpus.
pub(super) struct Sample {
    pub(super) name: &'static str,
    pub(super) zone: &'static str,
    expected: Vec<(&'static str, &'static str)>,
    pub(super) text: String,
}

pub(super) fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    for item in EVENTS.split("\n## ").skip(1) {
        let (head, rest) = item.split_once('\n').unwrap();
        let (name, zone) = head.split_once(' ').unwrap();
        let (expected, text): (Vec<_>, Vec<_>) = rest.trim_end().lines().partition(|line| line.starts_with("= "));
        let pair = |line: &'static str| {
            let line = &line[2..];
            line.split_once(' ').unwrap_or((line, ""))
        };
        let text: String = text.iter().flat_map(|line| [line, "\r\n"]).collect();
        samples.push(Sample { name, zone, expected: expected.into_iter().map(pair).collect(), text });
    }
    samples
}

fn field<'a>(event: &'a Event, path: &str) -> Option<std::borrow::Cow<'a, str>> {
    match path {
        "!zone" => event.zone.as_deref().map(Into::into),
        "!simplified" => event.simplified.then(|| "1".into()),
        "!instance" => event.instance.as_deref().map(Into::into),
        "!method" => event.method.as_deref().map(Into::into),
        "!occurrences" => {
            let zone = event.zone.as_deref().unwrap_or("UTC");
            let far = Timestamp::from_second(60_000_000_000).unwrap();
            let starts = occurrences(&event.item, zone, Timestamp::MIN, far, 12);
            let starts: Vec<String> = starts.into_iter().map(compact).collect();
            Some(starts.join(" ").into())
        }
        "!sequence" => Some(event.sequence.to_string().into()),
        _ => panic!("{path}"),
    }
}

#[test]
fn every_text_is_read_as_it_is_meant() {
    let samples = samples();
    assert!(samples.len() >= 150);
    let mut wrong = Vec::new();
    for sample in &samples {
        let event = read(&sample.text, &home(sample.zone)).unwrap();
        let item = flat(&event.item);
        for (path, expected) in &sample.expected {
            let expected = expected.replace("\\r", "\r").replace("\\n", "\n").replace("\\\\", "\\");
            let found = if path.starts_with('!') {
                field(&event, path).map(std::borrow::Cow::into_owned)
            } else {
                let missing = path.starts_with('#').then(|| "0".to_owned());
                item.get(*path).cloned().or(missing)
            };
            let fits = match &found {
                None => expected == "-",
                Some(found) => *found == expected,
            };
            if !fits {
                wrong.push(format!("{}: {path} is {found:?} and not {expected:?}", sample.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_written_is_read_back_field_by_field() {
    for sample in samples() {
        let home = home(sample.zone);
        let event = read(&sample.text, &home).unwrap();
        let zone = event.zone.as_deref().unwrap_or(sample.zone);
        let written = write(&event.item, &event.uid, zone, &home, None);
        let again = read(&written, &home).unwrap_or_else(|why| panic!("{}: {why:?}\n{written}", sample.name));
        let (mut expected, mut found) = (flat(&event.item), flat(&again.item));
        // Only a mail has an organizer without attendees.
        if event.method.is_some() && !expected.contains_key("#Attendees") {
            for path in ["MeetingStatus", "OrganizerEmail", "OrganizerName", "ResponseType"] {
                expected.remove(path);
                found.remove(path);
            }
        }
        assert_eq!(expected, found, "{}\n{written}", sample.name);
        assert_eq!(again.uid, event.uid, "{}", sample.name);
        assert!(!again.simplified, "{}", sample.name);
        if event.zone.is_some() {
            assert_eq!(again.zone, event.zone, "{}", sample.name);
        }
    }
}

#[test]
fn mails_are_read_back_with_their_method() {
    for sample in samples() {
        let home = home(sample.zone);
        let event = read(&sample.text, &home).unwrap();
        let zone = event.zone.as_deref().unwrap_or(sample.zone);
        let written = write(&event.item, &event.uid, zone, &home, Some("PUBLISH"));
        let again = read(&written, &home).unwrap();
        assert_eq!(again.method.as_deref(), Some("PUBLISH"));
        let mut expected = flat(&event.item);
        let mut found = flat(&again.item);
        for path in ["DtStamp", "MeetingStatus"] {
            expected.remove(path);
            found.remove(path);
        }
        assert_eq!(expected, found, "{}\n{written}", sample.name);
        assert!(!written.contains("\nSTATUS:FREE") && !written.contains("LOCATION:\r\n"), "{written}");
    }
}

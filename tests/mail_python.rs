//! Answers and forwarded mails, read by Python's own email library. Not part of `cargo test`: needs python3.

// Helpers of tests may panic like the tests themselves.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use horde_eas::convert::mime::{
    Message,
    address::Mailbox,
    compose::{Composed, Identity, Own, Piece, Stamp, forward, reply},
};
use serde_json::Value;

const OWN: &str = "To: Carol <carol@example.test>\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nContent-Type: multipart/alternative; boundary=own\r\n\r\n\
    --own\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nMein ü Text\r\n--own\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
    <p>Mein ü Text</p>\r\n--own--\r\n";

fn written(composed: &Composed, original: &[u8], parts: &Message) -> Vec<u8> {
    let at = |offset: &u64| usize::try_from(*offset).unwrap();
    let piece = |piece: &Piece| match piece {
        Piece::Bytes(bytes) => bytes.clone(),
        Piece::Own { offset, len } => OWN.as_bytes()[at(offset)..at(offset) + at(len)].to_vec(),
        Piece::Section { section, .. } => parts.root.find(section).unwrap().encoded(original).to_vec(),
        Piece::Original => original.to_vec(),
    };
    composed.pieces.iter().flat_map(piece).collect()
}

fn texts<'a>(mail: &'a Value, field: &str) -> Vec<&'a str> {
    mail["parts"].as_array().unwrap().iter().filter_map(|part| part[field].as_str()).collect()
}

#[test]
fn python_reads_answers_and_forwarded_mails_as_they_are_meant() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/mail");
    let dir = tempfile::tempdir().unwrap();
    let phone = Message::parse(OWN.as_bytes());
    let head = &OWN.as_bytes()[..usize::try_from(phone.root.place.unwrap().body).unwrap()];
    let own = Own { head, message: &phone };
    let identity = Identity { mailbox: Mailbox { name: "Älice".into(), address: "alice@example.test".into() } };
    let stamp = Stamp { date: "Tue, 24 Nov 2026 12:00:00 +0000".into(), unique: "0123456789abcdefghij".into() };
    for entry in fs::read_dir(corpus.join("eml")).unwrap() {
        let path = entry.unwrap().path();
        let (name, raw) = (path.file_stem().unwrap().to_str().unwrap(), fs::read(&path).unwrap());
        let original = Message::parse(&raw);
        for (way, composed) in [
            ("reply", reply(&own, &identity, &stamp, &original).unwrap()),
            ("forward", forward(&own, &identity, &stamp, &original).unwrap()),
        ] {
            fs::write(dir.path().join(format!("{name}.{way}.eml")), written(&composed, &raw, &original)).unwrap();
        }
    }
    let script = corpus.join("expect.py");
    let output = Command::new("python3").arg(script).arg(dir.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: BTreeMap<String, Value> = serde_json::from_slice(&output.stdout).unwrap();
    let expected: BTreeMap<String, Value> =
        serde_json::from_slice(&fs::read(corpus.join("expected.json")).unwrap()).unwrap();
    assert_eq!(read.len(), 2 * expected.len());
    let mut carried = 0;
    for (name, mail) in &read {
        assert_eq!(mail["from"], serde_json::json!([["Älice", "alice@example.test"]]), "{name}");
        assert_eq!(mail["to"], serde_json::json!([["Carol", "carol@example.test"]]), "{name}");
        assert_eq!(mail["subject"], "Grüße", "{name}");
        let bodies = texts(mail, "text");
        assert!(bodies.iter().filter(|text| text.contains("Mein ü Text")).count() >= 2, "{name}: {bodies:?}");
        let (original, way) = name.rsplit_once('.').unwrap();
        // What is broken is carried as it is, and the other library reads it as it likes.
        if way == "reply" || original.starts_with("broken") {
            continue;
        }
        let there = texts(mail, "sha256");
        for part in expected[original]["parts"].as_array().unwrap() {
            let kind = part["kind"].as_str().unwrap();
            let is_file = !kind.starts_with("text/") && part["section"].as_str().unwrap().len() <= 3;
            if let Some(hash) = part["sha256"].as_str().filter(|_| is_file) {
                assert!(there.contains(&hash), "{name}: {part} is lost");
                carried += 1;
            }
        }
    }
    assert!(carried > 50, "{carried}");
}

//! Our reading of the corpus against that of Python's email library (tests/corpus/mail/expect.py), field by field.

use std::{collections::BTreeMap, fs, path::PathBuf};

use ring::digest;
use serde::Deserialize;

use super::super::{Message, Part, address::Mailbox, layout::Layout};

/// What the other library makes of a mail.
#[derive(Deserialize)]
struct Expected {
    subject: String,
    from: Option<Vec<(String, String)>>,
    to: Option<Vec<(String, String)>>,
    cc: Option<Vec<(String, String)>>,
    date: Option<i64>,
    parts: Vec<ExpectedPart>,
    plain: Option<String>,
    html: Option<String>,
}

#[derive(Deserialize)]
struct ExpectedPart {
    section: String,
    kind: String,
    name: Option<String>,
    size: Option<u64>,
    sha256: Option<String>,
    text: Option<String>,
}

/// Where we read otherwise, and why: beginning of the mail's name, field, reason.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("broken-base64-cut", "content", "the other library gives up on base64 that is cut off; we keep what is there"),
    ("broken-body-control", "text", "the other library takes a form feed for a line end"),
    ("broken-boundary-", "parts", "a multipart without boundaries is shown as the text that it is"),
    ("broken-boundary-", "plain", "a multipart without boundaries is shown as the text that it is"),
    ("broken-deep-multipart", "content", "the other library takes off the last line end of parts that are not closed"),
    ("broken-from-name-only", "from", "the other library takes the first word for the address"),
    ("broken-header-koi8", "", "the other library does not guess the charset of raw headers"),
    ("broken-header-latin1", "", "the other library does not guess the charset of raw headers"),
    ("broken-header-utf8", "", "the other library does not read UTF-8 in headers"),
    ("broken-header-long", "subject", "our subjects are cut"),
    ("broken-header-nul", "subject", "the other library makes a space of NUL"),
    ("broken-to-spaces", "to", "the other library loses the addresses"),
    ("charset-windows-874", "", "the other library does not know this charset"),
    ("name-both", "name", "we prefer the name that can hold all characters"),
    ("name-raw-utf8", "name", "the other library does not read UTF-8 in headers"),
];

pub(in super::super) fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/mail")
}

/// All mails of the corpus by name.
pub(in super::super) fn mails() -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(directory().join("eml")).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap())).collect()
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn pairs(mailboxes: &[Mailbox]) -> String {
    let one = |mailbox: &Mailbox| format!("{} <{}>", squeezed(&mailbox.name), mailbox.address);
    mailboxes.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn lines(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join("\n")
}

fn leaves(part: &Part) -> Vec<&Part> {
    let mut all = if part.is_multipart() { Vec::new() } else { vec![part] };
    all.extend(part.children.iter().flat_map(leaves));
    all
}

/// Field, ours, theirs, where both have an opinion.
fn compared(raw: &[u8], expected: &Expected) -> Vec<(String, String, String)> {
    let message = Message::parse(raw);
    let mut all = vec![("subject".to_owned(), squeezed(&message.subject()), expected.subject.clone())];
    for (name, theirs) in [("from", &expected.from), ("to", &expected.to), ("cc", &expected.cc)] {
        if let Some(theirs) = theirs {
            let theirs: Vec<Mailbox> =
                theirs.iter().map(|(name, address)| Mailbox { name: name.clone(), address: address.clone() }).collect();
            all.push((name.to_owned(), pairs(&message.addresses(name)), pairs(&theirs)));
        }
    }
    all.push(("date".to_owned(), format!("{:?}", message.headers.date()), format!("{:?}", expected.date)));
    let parts = leaves(&message.root);
    let tree = |parts: Vec<String>| parts.join(" ");
    all.push((
        "parts".to_owned(),
        tree(parts.iter().map(|part| format!("{}={}", part.section, part.kind)).collect()),
        tree(expected.parts.iter().map(|part| format!("{}={}", part.section, part.kind)).collect()),
    ));
    for (ours, theirs) in parts.iter().zip(&expected.parts) {
        let field = |name: &str| format!("{name} {}", theirs.section);
        if let Some(name) = &theirs.name {
            all.push((field("name"), squeezed(&ours.given_name()), name.clone()));
        }
        let content = ours.content(raw);
        if let (Some(size), Some(sha256)) = (theirs.size, &theirs.sha256) {
            let hash: String =
                digest::digest(&digest::SHA256, &content).as_ref().iter().map(|b| format!("{b:02x}")).collect();
            all.push((field("content"), format!("{} {hash}", content.len()), format!("{size} {sha256}")));
        }
        if let Some(text) = &theirs.text {
            let label = ours.charset();
            all.push((field("text"), lines(&super::super::charset::decode(&content, &label)), text.clone()));
        }
    }
    let layout = Layout::of(&message.root);
    for (name, ours, theirs) in [("plain", &layout.plain, &expected.plain), ("html", &layout.html, &expected.html)] {
        let first = ours.iter().find(|part| part.kind == format!("text/{name}")).map(|part| part.section.clone());
        if let Some(theirs) = theirs {
            all.push((name.to_owned(), first.unwrap_or_default(), theirs.clone()));
        }
    }
    all
}

#[test]
fn another_library_reads_the_same() {
    let expected = fs::read_to_string(directory().join("expected.json")).unwrap();
    let expected: BTreeMap<String, Expected> = serde_json::from_str(&expected).unwrap();
    let mails = mails();
    assert!(mails.len() >= 200 && mails.keys().eq(expected.keys()), "expect.py was not run");
    let mut wrong = Vec::new();
    let mut used = vec![false; DIFFERENCES.len()];
    let mut fields = 0;
    for (name, raw) in &mails {
        for (field, ours, theirs) in compared(raw, &expected[name]) {
            fields += 1;
            if ours == theirs {
                continue;
            }
            let known =
                DIFFERENCES.iter().position(|(mail, known, _)| name.starts_with(mail) && field.starts_with(known));
            match known {
                Some(known) => used[known] = true,
                None => wrong.push(format!("{name}: {field}: {ours:.200} != {theirs:.200}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {fields}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(fields > 3_000, "{fields}");
    assert!(used.iter().all(|used| *used), "differences that are none: {used:?}");
}

//! The corpus of `tests/corpus/mail`, delivered and read on the phone, against what Python's email library reads in it.

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;

use super::Post;
use crate::{
    mailbox::{Mailbox, deliver},
    phone::{Phone, Request},
    phone_mail::preference,
    tree::El,
};

/// Where the other library is not to be followed: it knows neither windows-874 nor format=flowed, takes `filename` before `filename*`,
/// leaves paths, quotes and endless names to its callers, reads raw UTF-8 in parameters as nothing; and IMAP has CRLF where a file has LF.
const OTHERWISE: [&str; 13] = [
    "charset-windows-874-8bit",
    "charset-windows-874-base64",
    "charset-windows-874-quoted-printable",
    "flowed",
    "flowed-delsp",
    "horde",
    "name-both",
    "name-long",
    "name-path",
    "name-quotes",
    "name-raw-utf8",
    "name-windows-path",
    "tree-mixed-csv",
];

/// Name, message, and what the other library says.
fn corpus() -> Vec<(String, Vec<u8>, Value)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/mail");
    let expected: BTreeMap<String, Value> =
        serde_json::from_slice(&std::fs::read(dir.join("expected.json")).unwrap()).unwrap();
    let read = |name: &String| std::fs::read(dir.join("eml").join(format!("{name}.eml"))).unwrap();
    expected.into_iter().map(|(name, value)| (name.clone(), read(&name), value)).collect()
}

/// Puts a message into the inbox; its uid. What IMAP does not take (NUL bytes) comes as mail.
fn put(post: &Post, mailbox: &mut Mailbox, message: &[u8]) -> u32 {
    let said = mailbox.try_command("APPEND INBOX ()", Some(message));
    if !said.end.starts_with("OK") {
        deliver(&post.site.lab, &post.address(), message);
        return mailbox.messages("INBOX").last().unwrap().uid;
    }
    let code = said.end.split_once("APPENDUID ").unwrap().1;
    code.split(']').next().unwrap().split(' ').nth(1).unwrap().parse().unwrap()
}

/// Words with single spaces.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn digest(data: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, data);
    digest.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

/// What differs.
fn differences(phone: &mut Phone, item: &El, expected: &Value) -> Vec<String> {
    let mut out = Vec::new();
    let mut differ = |what: &str, ours: &str, theirs: &str| {
        out.push(format!(
            "{what}: {:?} is not {:?}",
            ours.chars().take(200).collect::<String>(),
            theirs.chars().take(200).collect::<String>()
        ));
    };
    let subject = words(item.text("Subject").unwrap_or_default());
    let theirs = expected["subject"].as_str().unwrap();
    if subject != theirs {
        differ("subject", &subject, theirs);
    }
    if let Some(address) = expected["from"][0][1].as_str() {
        let from = item.text("From").unwrap_or_default();
        if !from.contains(address) {
            differ("from", from, address);
        }
    }
    let part = |section: &str| {
        let parts = expected["parts"].as_array().unwrap();
        parts.iter().find(|p| p["section"].as_str() == Some(section)).cloned().unwrap_or_default()
    };
    if let Some(text) = expected["plain"].as_str().and_then(|s| part(s)["text"].as_str().map(words)) {
        let body = words(item.text("Body/Data").unwrap_or_default());
        if !body.contains(&text) {
            differ("text", &body, &text);
        }
    }
    for attachment in item.get("Attachments").into_iter().flat_map(|a| a.all("Attachment")) {
        let reference = attachment.text("FileReference").unwrap();
        let known = part(reference.rsplit(':').next().unwrap());
        let Some(theirs) = known["sha256"].as_str() else { continue };
        let got = phone.attachment(reference, None);
        if digest(&got.data) != theirs {
            differ(reference, &format!("{} bytes", got.data.len()), &known["size"].to_string());
        }
        let name = words(attachment.text("DisplayName").unwrap_or_default());
        let theirs = known["name"].as_str().unwrap_or_default();
        if !theirs.is_empty() && !name.contains(theirs) {
            differ("name", &name, theirs);
        }
    }
    out
}

#[test]
fn the_corpus_is_read_as_another_library_reads_it() {
    let post = Post::start("corpus");
    let mut mailbox = post.mailbox();
    let corpus = corpus();
    assert!(corpus.len() > 200, "{} messages", corpus.len());
    let uids: Vec<u32> = corpus.iter().map(|(_, message, _)| put(&post, &mut mailbox, message)).collect();
    for version in ["2.5", "12.1", "14.1", "16.1"] {
        let mut phone = post.phone(version);
        let inbox = phone.default_folder(super::INBOX);
        phone.prime(&inbox, None);
        let options = if version == "2.5" { vec![] } else { vec![preference(1, None)] };
        let request = Request { window: Some(50), options, ..Request::default() };
        while phone.sync(&inbox, &request).collection().get("MoreAvailable").is_some() {}
        let items = phone.items(&inbox).clone();
        assert_eq!(items.len(), corpus.len(), "{version}");
        if version != "14.1" {
            continue;
        }
        let mut different = Vec::new();
        for ((name, _, expected), uid) in corpus.iter().zip(&uids) {
            let end = format!(".{uid}");
            let (_, item) = items.iter().find(|(id, _)| id.ends_with(&end)).unwrap_or_else(|| panic!("no {name}"));
            let found = differences(&mut phone, item, expected);
            // What is broken is read by each library as it likes; that it came, and can be fetched, was seen.
            let compared = !name.starts_with("broken-") && !OTHERWISE.contains(&name.as_str());
            if compared && !found.is_empty() {
                different.push(format!("{name}: {}", found.join("; ")));
            }
        }
        assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
    }
}

//! The WBXML reader and writer against libwbxml, an implementation that has nothing in common with them.

// Helpers of tests may panic like the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, unreachable_pub)]

#[path = "vectors/load.rs"]
mod load;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use horde_eas::wbxml::{Event, Reader, xml::encode_from_xml};
use load::Vector;
use quick_xml::events::Event as Xml;

/// An element: how deep it lies, namespace, name. Content is compared by the round trips of the vectors.
type Element = (usize, String, String);

fn ours(document: &[u8]) -> Vec<Element> {
    let mut reader = Reader::new(document).unwrap();
    let (mut depth, mut all) = (0, Vec::new());
    while let Some(event) = reader.next_event().unwrap() {
        match event {
            Event::Start(tag) => {
                all.push((depth, tag.namespace().to_owned(), tag.name().to_owned()));
                depth += 1;
            }
            Event::End(_) => depth -= 1,
            Event::Text(_) | Event::Opaque(_) => {}
        }
    }
    all
}

/// The elements of what `wbxml2xml` writes.
fn theirs(xml: &[u8]) -> Vec<Element> {
    let xml = String::from_utf8_lossy(xml);
    let mut reader = quick_xml::Reader::from_str(&xml);
    reader.config_mut().expand_empty_elements = true;
    let (mut namespaces, mut all) = (Vec::<String>::new(), Vec::new());
    loop {
        match reader.read_event().unwrap() {
            Xml::Start(start) => {
                let own = start.try_get_attribute("xmlns").unwrap();
                let own = own.map(|a| a.value.trim_end_matches(':').to_owned());
                let namespace = own.or_else(|| namespaces.last().cloned()).unwrap();
                all.push((namespaces.len(), namespace.clone(), start.name().into_inner().to_owned()));
                namespaces.push(namespace);
            }
            Xml::End(_) => drop(namespaces.pop()),
            Xml::Eof => return all,
            _ => {}
        }
    }
}

/// Whether libwbxml 0.11.8 does not know the tag: all of page 25 and what came with protocol 16.1.
fn too_new(namespace: &str, name: &str) -> bool {
    namespace == "Find" || ["AccountOnlyRemoteWipe", "ProposedStartTime", "ProposedEndTime"].contains(&name)
}

/// Whether two spellings mean one tag. libwbxml's differ in case and put the context in front (`Attendee_Name`).
fn same_name(our_name: &str, their_name: &str) -> bool {
    let spelled = match their_name {
        "DeviceEncryptionEnabled" => "RequireStorageCardEncryption",
        "FlagStatus" => "Status",
        "ForwardeeName" => "Name",
        "ForwardeeEmail" => "Email",
        "Reply-To" => "ReplyTo",
        other => other,
    };
    let short = spelled.rsplit('_').next().unwrap();
    our_name.eq_ignore_ascii_case(short) || our_name.eq_ignore_ascii_case(&spelled.replace('_', ""))
}

fn compare(what: &str, document: &[u8], xml: &[u8]) {
    let (ours, mut theirs) = (ours(document), theirs(xml));
    if what.contains("unknownTag") {
        theirs.retain(|(_, _, name)| name != "unknown");
    }
    assert_eq!(ours.len(), theirs.len(), "{what}");
    // An unknown page has no xmlns in their XML, so that nothing in such a document can be told by its namespace.
    let namespaces = !ours.iter().any(|(_, namespace, _)| namespace == "Find");
    for (our, their) in ours.iter().zip(&theirs) {
        let name = if too_new(&our.1, &our.2) { their.2 == "unknown" } else { same_name(&our.2, &their.2) };
        let namespace = !namespaces || our.1.eq_ignore_ascii_case(&their.1);
        assert!(name && namespace && our.0 == their.0, "{what}: {our:?} and {their:?}");
    }
}

/// The tools of libwbxml with a folder for their files.
struct Tools {
    folder: tempfile::TempDir,
}

impl Tools {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// Runs a tool; what it refuses is a failure of the test.
    fn run(&self, name: &str, options: &[&str], input: &[u8]) -> Vec<u8> {
        let file = |name| -> PathBuf { self.folder.path().join(name) };
        let (from, to): (PathBuf, PathBuf) = (file("in"), file("out"));
        fs::write(&from, input).unwrap();
        let result = Command::new(name).args(options).arg("-o").arg(&to).arg(&from).output();
        let result = result.unwrap_or_else(|e| panic!("cannot run {name} ({e}); install the package libwbxml2-utils"));
        assert!(result.status.success() && Path::exists(&to), "{name} {options:?}: {result:?}");
        let output = fs::read(&to).unwrap();
        fs::remove_file(&to).unwrap();
        output
    }

    fn to_xml(&self, document: &[u8]) -> Vec<u8> {
        self.run("wbxml2xml", &["-l", "ACTIVESYNC"], document)
    }
}

fn valid() -> Vec<Vector> {
    load::all().into_iter().filter(|v| v.name.starts_with("valid/")).collect()
}

#[test]
fn both_read_the_same_elements() {
    let tools = Tools::new();
    for v in valid() {
        compare(&v.name, &v.bytes, &tools.to_xml(&v.bytes));
    }
}

#[test]
fn libwbxml_reads_what_the_writer_writes() {
    let tools = Tools::new();
    for v in valid().iter().filter(|v| !v.xml.contains("<Unknown_")) {
        let written = encode_from_xml(&v.xml).unwrap();
        // Everything but spellings of empty elements and string tables is as it was, so is the XML.
        let again = String::from_utf8(tools.to_xml(&written)).unwrap();
        compare(&v.name, &written, again.as_bytes());
        let before = String::from_utf8(tools.to_xml(&v.bytes)).unwrap();
        assert_eq!(again, before, "{}", v.name);
    }
}

#[test]
fn the_reader_reads_what_libwbxml_writes() {
    let tools = Tools::new();
    for v in valid() {
        let xml = tools.to_xml(&v.bytes);
        // wbxml2xml writes the control characters of this one into its XML, which then is none.
        let broken = v.name.ends_with("aosp-opaqueTagWithOpaqueData");
        if broken || String::from_utf8_lossy(&xml).contains("<unknown") {
            continue;
        }
        // With and without string table and public id.
        for options in [&["-n", "-a"][..], &[]] {
            let document = tools.run("xml2wbxml", options, &xml);
            compare(&v.name, &document, &xml);
        }
    }
}

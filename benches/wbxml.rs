//! Reader and writer against libwbxml in the same run, on a Sync response with 100 contacts.
//!
//! Ours: decoding walks through all events with their values; encoding writes the document from such events.
//! libwbxml's conversions to and from XML are what it offers to programs, so they are what a server built on it would pay
//! per request: the speed must be 20 times theirs. Its steps from and to its own tree are no public interface; they are
//! printed for comparison.
//!
//! Needs a C compiler and the package libwbxml2-dev.

// A benchmark may stop at the first surprise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    collections::HashMap,
    hint::black_box,
    path::Path,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use horde_eas::wbxml::{
    Event, Reader, Tag, Writer,
    tag::{air_sync as a, air_sync_base as b, contacts as c},
};

const TARGET: f64 = 20.0;

/// A first sync of an address book in protocol 14.1, with umlauts and short notes, without photos: many small values are
/// the harder case. Line breaks without CR: those do not survive the XML that libwbxml makes.
fn response() -> Vec<u8> {
    let mut w = Writer::new();
    w.open(a::SYNC);
    w.open(a::COLLECTIONS);
    w.open(a::COLLECTION);
    w.text(a::SYNC_KEY, "{5f3a9c}17");
    w.text(a::COLLECTION_ID, "c12");
    w.int(a::STATUS, 1);
    w.open(a::COMMANDS);
    for number in 0..100 {
        contact(&mut w, number);
    }
    w.close();
    w.empty(a::MORE_AVAILABLE);
    w.finish()
}

fn contact(w: &mut Writer, number: u32) {
    let texts: [(Tag, String); 15] = [
        (c::FILE_AS, format!("Müller-Lüdenscheidt {number}, Erika")),
        (c::FIRST_NAME, "Erika".to_owned()),
        (c::LAST_NAME, format!("Müller-Lüdenscheidt {number}")),
        (c::COMPANY_NAME, "Beispiel & Söhne GmbH".to_owned()),
        (c::DEPARTMENT, "Einkauf".to_owned()),
        (c::JOB_TITLE, "Leiterin".to_owned()),
        (c::EMAIL1_ADDRESS, format!("\"Erika Müller\" <erika.mueller{number}@example.org>")),
        (c::EMAIL2_ADDRESS, format!("erika{number}@example.com")),
        (c::BUSINESS_PHONE_NUMBER, format!("+49 89 555 {number:04}")),
        (c::MOBILE_PHONE_NUMBER, format!("+49 170 555 {number:04}")),
        (c::BUSINESS_ADDRESS_STREET, format!("Lange Straße {number}")),
        (c::BUSINESS_ADDRESS_CITY, "München".to_owned()),
        (c::BUSINESS_ADDRESS_POSTAL_CODE, format!("80{number:03}")),
        (c::BUSINESS_ADDRESS_COUNTRY, "Deutschland".to_owned()),
        (c::BIRTHDAY, "1971-05-13T00:00:00.000Z".to_owned()),
    ];
    let note = format!("Kennengelernt auf der Messe in Köln, Stand {number}.\nRuft lieber an, als zu schreiben.");
    w.open(a::ADD);
    w.text(a::SERVER_ID, &format!("c12:{number:08x}"));
    w.open(a::APPLICATION_DATA);
    for (tag, text) in &texts {
        w.text(*tag, text);
    }
    w.open(c::CATEGORIES);
    w.text(c::CATEGORY, "Lieferanten");
    w.close();
    w.open(b::BODY);
    w.int(b::TYPE, 1);
    w.int(b::ESTIMATED_DATA_SIZE, i64::try_from(note.len()).unwrap());
    w.text(b::DATA, &note);
    w.close();
    w.close();
    w.close();
}

fn events(document: &[u8]) -> Vec<Event<'_>> {
    let mut reader = Reader::new(document).unwrap();
    std::iter::from_fn(|| reader.next_event().unwrap()).collect()
}

fn decode(document: &[u8]) {
    let mut reader = Reader::new(black_box(document)).unwrap();
    while let Some(event) = reader.next_event().unwrap() {
        match event {
            Event::Start(tag) | Event::End(tag) => _ = black_box(tag),
            Event::Text(text) => _ = black_box(&*text),
            Event::Opaque(bytes) => _ = black_box(bytes),
        }
    }
}

fn encode(events: &[Event<'_>]) -> Vec<u8> {
    let mut writer = Writer::new();
    for event in black_box(events) {
        match event {
            Event::Start(tag) => writer.open(*tag),
            Event::Text(text) => writer.text_piece(text),
            Event::Opaque(bytes) => writer.opaque_piece(bytes),
            Event::End(_) => writer.close(),
        }
    }
    writer.finish()
}

/// Nanoseconds for one document, best of 500 batches of 2 ms, as in `libwbxml/loop.c`.
fn measure(mut work: impl FnMut()) -> f64 {
    let mut batch = || {
        let (start, mut rounds) = (Instant::now(), 0.0);
        while start.elapsed() < Duration::from_millis(2) {
            // The clock costs a good part of a microsecond on some machines.
            (0..16).for_each(|_| work());
            rounds += 16.0;
        }
        start.elapsed().as_secs_f64() * 1e9 / rounds
    };
    (0..500).map(|_| batch()).fold(f64::INFINITY, f64::min)
}

/// The same for libwbxml, by name of the step.
fn libwbxml(document: &[u8]) -> HashMap<String, f64> {
    let folder = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/libwbxml/loop.c");
    let (program, file) = (folder.path().join("loop"), folder.path().join("document.wbxml"));
    std::fs::write(&file, document).unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-O2", "-I/usr/include/libwbxml-1.0", "-o"]).arg(&program).arg(source).arg("-lwbxml2");
    let built = cc.status().expect("cannot run cc; install a C compiler and the package libwbxml2-dev");
    assert!(built.success(), "libwbxml/loop.c was not built; install the package libwbxml2-dev");
    let run = Command::new(program).arg(file).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let lines = String::from_utf8(run.stdout).unwrap();
    lines.lines().map(|l| l.split_once(' ').unwrap()).map(|(name, ns)| (name.to_owned(), ns.parse().unwrap())).collect()
}

fn main() -> ExitCode {
    let document = response();
    let events = events(&document);
    assert_eq!(encode(&events), document);
    // `cargo test --all-targets` runs benchmarks, too, without this option and without optimization.
    if !std::env::args().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    let ours = [("decode", measure(|| decode(&document))), ("encode", measure(|| drop(black_box(encode(&events)))))];
    let theirs = libwbxml(&document);
    let speed = |ns: f64| document.len() as f64 * 1e3 / ns;
    println!("Sync response, 100 contacts, {} bytes, {} events", document.len(), events.len());
    let mut reached = true;
    for (step, ns) in ours {
        println!("{step}: horde-eas {:.0} MB/s ({:.1} us)", speed(ns), ns / 1e3);
        for (form, counts) in [("xml", true), ("tree", false)] {
            let their_ns = theirs[&format!("{step}-{form}")];
            let ratio = their_ns / ns;
            println!("{step}: libwbxml, {form}: {:.1} MB/s, ratio {ratio:.1}", speed(their_ns));
            reached &= !counts || ratio >= TARGET;
        }
    }
    println!(
        "target: {TARGET} times libwbxml's conversion from and to XML: {}",
        if reached { "reached" } else { "MISSED" }
    );
    if reached { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

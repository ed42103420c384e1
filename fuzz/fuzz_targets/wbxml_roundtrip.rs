//! Any document: what the writer writes is what the reader reads.

#![no_main]

use arbitrary::Arbitrary;
use horde_eas::wbxml::{Event, Reader, Tag, Writer, tag::air_sync::SYNC};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
enum Step {
    Open(u8, u8),
    Close,
    Text(String),
    Opaque(Vec<u8>),
    TextElement(u8, u8, String),
    IntElement(u8, u8, i64),
    OpaqueElement(u8, u8, Vec<u8>),
    EmptyElement(u8, u8),
}

/// What is expected; adjacent texts are one.
#[derive(Debug, PartialEq)]
enum Item {
    Start(Tag),
    Text(String),
    Opaque(Vec<u8>),
    End,
}

#[derive(Default)]
struct Items(Vec<Item>);

impl Items {
    fn text(&mut self, text: &str) {
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some(Item::Text(before)) => before.push_str(text),
            _ => self.0.push(Item::Text(text.to_owned())),
        }
    }

    fn opaque(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.0.push(Item::Opaque(bytes.to_vec()));
        }
    }

    fn element(&mut self, tag: Tag, content: impl FnOnce(&mut Self)) {
        self.0.push(Item::Start(tag));
        content(self);
        self.0.push(Item::End);
    }
}

fn allowed(text: &str) -> String {
    text.chars().filter(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)).collect()
}

/// Most bytes stand for a tag; those that do not, for the root's.
fn tag(page: u8, token: u8) -> Tag {
    Tag::known(page % 26, token % 64).unwrap_or(SYNC)
}

fuzz_target!(|steps: Vec<Step>| {
    let (mut w, mut expected, mut depth) = (Writer::new(), Items::default(), 1);
    w.open(SYNC);
    expected.0.push(Item::Start(SYNC));
    for step in steps {
        match step {
            Step::Open(page, token) if depth < 60 => {
                depth += 1;
                w.open(tag(page, token));
                expected.0.push(Item::Start(tag(page, token)));
            }
            Step::Close if depth > 1 => {
                depth -= 1;
                w.close();
                expected.0.push(Item::End);
            }
            Step::Open(..) | Step::Close => {}
            Step::Text(text) => {
                w.text_piece(&text);
                expected.text(&allowed(&text));
            }
            Step::Opaque(bytes) => {
                w.opaque_piece(&bytes);
                expected.opaque(&bytes);
            }
            Step::TextElement(page, token, text) => {
                w.text(tag(page, token), &text);
                expected.element(tag(page, token), |e| e.text(&allowed(&text)));
            }
            Step::IntElement(page, token, value) => {
                w.int(tag(page, token), value);
                expected.element(tag(page, token), |e| e.text(&value.to_string()));
            }
            Step::OpaqueElement(page, token, bytes) => {
                w.opaque(tag(page, token), &bytes);
                expected.element(tag(page, token), |e| e.opaque(&bytes));
            }
            Step::EmptyElement(page, token) => {
                w.empty(tag(page, token));
                expected.element(tag(page, token), |_| {});
            }
        }
    }
    expected.0.extend((0..depth).map(|_| Item::End));
    let document = w.finish();
    let mut reader = Reader::new(&document).expect("the header is sound");
    let mut read = Items::default();
    while let Some(event) = reader.next_event().expect("the document is sound") {
        match event {
            Event::Start(tag) => read.0.push(Item::Start(tag)),
            Event::Text(text) => read.text(&text),
            Event::Opaque(bytes) => read.opaque(bytes),
            Event::End(_) => read.0.push(Item::End),
        }
    }
    assert_eq!(read.0, expected.0);
});

//! Any text as a vCard, a vNote or HTML: it is read or not; a note that is read is written in lines that nothing breaks out of.

#![no_main]

use horde_eas::convert::{html, vcard, vnote};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = vcard::extras(text);
    if let Some(note) = vnote::read(text) {
        let written = vnote::write(&note.body, &note.categories);
        let lines = 4 + usize::from(!note.categories.is_empty());
        assert!(written.is_ascii() && written.lines().count() == lines, "{written}");
    }
    let plain = html::plain(text);
    assert!(!html::of_plain(&plain).contains("<script"));
});

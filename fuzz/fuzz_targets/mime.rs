//! Any bytes as a mail: it can be shown in every form, its attachments can be read, and as MIME it is text that means the same.

#![no_main]

use horde_eas::{
    convert::mime::{
        Message,
        fit::{Raw, body},
        whole,
    },
    proto::{
        Version,
        class::{BodyKind, BodyPreference, View},
    },
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|raw: &[u8]| {
    let message = Message::parse(raw);
    let _ = (message.item(0), message.calendar());
    for attachment in message.attachments() {
        assert!(!attachment.name.is_empty() && !attachment.name.contains(['/', '\\', '\0', '\n']));
        let part = message.root.find(&attachment.section).expect("an attachment has a part");
        let _ = part.content(raw);
    }
    let whole = Raw { bytes: raw, size: raw.len() as u64 };
    for kind in [BodyKind::Plain, BodyKind::Html, BodyKind::Mime] {
        for truncation_size in [None, Some(200)] {
            let preference = BodyPreference { kind, truncation_size, preview: Some(50), ..BodyPreference::default() };
            let view = View {
                version: Version::V14_1,
                bodies: vec![preference],
                truncation: None,
                body_parts: Vec::new(),
                mime_support: 2,
                mime_truncation: None,
            };
            let fitted = body(&message, &view, Some(whole));
            assert!(truncation_size.is_none_or(|size| fitted.data.len() <= size as usize));
            assert!(!fitted.data.contains('\0'));
            if kind == BodyKind::Html {
                assert!(!fitted.data.to_lowercase().contains("<script"));
            }
        }
    }
    let again = Message::parse(whole::readable(raw, &message.root).as_bytes());
    let _ = again.item(0);
});

//! Any bytes as any request: an answer or an error, and items that can be written and read again.

#![no_main]

use horde_eas::{
    proto::{
        Version,
        class::{Class, Properties, Sender, View, encoded, patch, read_item},
        folder_sync, get_item_estimate, ping, provision, settings, sync,
    },
    wbxml::Reader,
};
use libfuzzer_sys::fuzz_target;

fn check(command: &sync::Command, version: Version) {
    let shown = command.item.0.keys().copied().collect();
    let patch = patch(
        Class::Contacts,
        Sender { version, supported: None, shown: &shown },
        &command.item,
        &Properties::default(),
    );
    assert!(patch.clear.iter().all(|tag| !patch.set.0.contains_key(tag)));
    let document = encoded(Class::Contacts, &command.item, &View { version, bodies: Vec::new(), truncation: None });
    let mut reader = Reader::new(&document).expect("the header is sound");
    reader.root().expect("there is a root");
    let (item, sound) = read_item(&mut reader, version).expect("what is written is sound WBXML");
    assert!(sound, "what is written is a sound item");
    reader.finish().expect("nothing follows");
    assert!(item.0.keys().all(|tag| command.item.0.contains_key(tag)));
}

fuzz_target!(|body: &[u8]| {
    for version in Version::ALL {
        let Ok(request) = sync::Request::read(body, version) else { continue };
        for command in request.collections.iter().flat_map(|collection| &collection.commands) {
            check(command, version);
        }
    }
    let _ = folder_sync::Request::read(body);
    let _ = get_item_estimate::Request::read(body);
    let _ = ping::Request::read(body);
    let _ = provision::Request::read(body);
    let _ = settings::Request::read(body);
});

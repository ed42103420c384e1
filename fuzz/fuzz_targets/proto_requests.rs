//! Any bytes as any request: an answer or an error, and items that can be written and read again.

#![no_main]

use horde_eas::{
    proto::{
        class::{
            Class, Properties, Scope, Sender, View, applied, encoded, patch, patch_of_instance, read_item, wished_uid,
        },
        Command, Range, Version, compose, find, folder_change, folder_sync, get_item_estimate, item_operations, meeting_response,
        move_items, ping, provision, search, settings, sync,
    },
    wbxml::Reader,
};
use libfuzzer_sys::fuzz_target;

const CLASSES: [Class; 5] = [Class::Email, Class::Contacts, Class::Calendar, Class::Tasks, Class::Notes];

fn check(command: &sync::Command, class: Class, version: Version) {
    let shown = command.item.0.keys().copied().collect();
    let sender = Sender { version, supported: None, shown: &shown };
    let patch = patch(class, sender, &command.item, &Properties::default());
    assert!(patch.clear.iter().all(|tag| !patch.set.0.contains_key(tag)));
    let item = applied(&patch, &Properties::default());
    for filter in 0..9 {
        Scope::of(class, Some(filter), 1_795_521_600).holds(&item);
    }
    if let Some(patch) = patch_of_instance(sender, command.instance.as_deref().unwrap_or_default(), &command.item, &item) {
        assert_eq!(applied(&patch, &applied(&patch, &item)), applied(&patch, &item), "once is enough");
    }
    if let Some(uid) = wished_uid(&mut command.item.clone()) {
        assert!(!uid.is_empty() && uid.len() <= 255);
    }
    let document = encoded(class, &command.item, &View::plain(version));
    let mut reader = Reader::new(&document).expect("the header is sound");
    reader.root().expect("there is a root");
    let (read, _) = read_item(&mut reader, version).expect("what is written is sound WBXML");
    reader.finish().expect("nothing follows");
    assert!(read.0.keys().all(|tag| command.item.0.contains_key(tag)));
}

/// A message is found in its request and can be taken out of it.
fn check_message(body: &[u8]) {
    let Ok(Some(found)) = compose::split(body, body.len() as u64) else { return };
    let at = usize::try_from(found.at).expect("it lies in the request");
    let Some(len) = found.len else { return };
    let end = at + usize::try_from(len).expect("it lies in the request");
    let outline = [&body[..found.before], &body[end..]].concat();
    if let Ok((command, request)) = compose::Request::read(&outline) {
        for version in Version::ALL {
            let _ = request.fault(command, version);
        }
    }
}

fuzz_target!(|body: &[u8]| {
    for version in Version::ALL {
        let Ok(request) = sync::Request::read(body, version) else { continue };
        for command in request.collections.iter().flat_map(|collection| &collection.commands) {
            CLASSES.into_iter().for_each(|class| check(command, class, version));
        }
    }
    check_message(body);
    for command in [Command::FolderCreate, Command::FolderUpdate, Command::FolderDelete] {
        let _ = folder_change::Request::read(body, command);
    }
    if let Ok(request) = item_operations::Request::read(body) {
        for operation in request.operations {
            let item_operations::Operation::Fetch(fetch) = operation else { continue };
            if let Some(range) = fetch.range.as_deref().and_then(Range::parse) {
                assert!(range.len() > 0);
            }
        }
    }
    let _ = find::Request::read(body);
    let _ = move_items::Request::read(body);
    let _ = search::Request::read(body);
    let _ = folder_sync::Request::read(body);
    let _ = get_item_estimate::Request::read(body);
    let _ = meeting_response::Request::read(body);
    let _ = ping::Request::read(body);
    let _ = provision::Request::read(body);
    let _ = settings::Request::read(body);
});

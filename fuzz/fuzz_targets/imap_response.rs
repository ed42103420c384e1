//! Any bytes from an IMAP server: responses are read or skipped, nothing panics, and what follows a sound literal is still read.

#![no_main]

use std::time::Duration;

use horde_eas::imap::{Response, UidSet, Untagged, read_frame, utf7};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut rest = input;
    let mut streamed = 0;
    loop {
        let mut sink = |piece: &[u8]| {
            streamed += piece.len();
            Ok(())
        };
        let before = rest.len();
        let Ok(frame) = runtime.block_on(read_frame(&mut rest, Some(&mut sink), Duration::from_secs(1))) else { break };
        assert!(rest.len() < before, "each response takes something");
        match Response::read(&frame) {
            Response::Untagged(Untagged::List { name, .. }) => {
                let readable = utf7::decode(&name);
                assert_eq!(utf7::decode(&utf7::encode(&readable)), readable);
            }
            Response::Untagged(Untagged::Vanished { uids, .. } | Untagged::Search(uids)) => {
                let again = uids.texts().iter().fold(UidSet::default(), |all, text| {
                    all.join(UidSet::parse(text.replace('*', "4294967295").as_bytes()).expect("our own form"))
                });
                assert_eq!(again, uids);
            }
            Response::Untagged(Untagged::Fetch(message)) => {
                if let Some(structure) = &message.structure {
                    assert!(structure.all().count() <= 2000);
                }
            }
            _ => {}
        }
    }
    assert!(streamed <= input.len());
});

//! Any bytes as an info file: it is read, or refused with the line that is wrong; a rewrite says what it should and loses no wipe.

#![no_main]

use horde_eas::state::Info;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| match Info::parse(file) {
    Err((line, reason)) => {
        assert!(line <= 1 + file.iter().filter(|byte| **byte == b'\n').count());
        assert!(!reason.is_empty());
    }
    Ok(info) => {
        let changed = Info { policy_key: info.policy_key ^ 1, last_seen: 77, user: "a \"b\"".to_owned(), ..info };
        let text = changed.rewrite(file);
        assert_eq!(Info::parse(text.as_bytes()), Ok(changed), "{text}");
    }
});

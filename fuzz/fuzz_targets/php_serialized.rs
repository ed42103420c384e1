//! Any bytes as PHP's serialized form: a value or an error at an offset inside the input.

#![no_main]

use horde_eas::state::php;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| match php::unserialize(bytes) {
    Ok(value) => {
        assert_eq!(php::first(bytes).as_ref(), Ok(&value));
        let _ = value.to_string();
    }
    Err(error) => assert!(error.offset <= bytes.len()),
});

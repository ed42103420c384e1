//! Any bytes as a query, as they come and behind base64: read or refused.

#![no_main]

use horde_eas::proto::Query;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(query) = Query::parse(bytes) {
        assert!(query.parameters.len() <= 5);
        assert!(query.device_id.len() <= bytes.len() * 2);
    }
});

use proptest::{prelude::*, test_runner::TestRunner};

use super::*;

/// Bodies that are no request: not WBXML, cut off, another command's, nothing.
const MALFORMED: [&[u8]; 8] = [
    b"junk",
    b"<html></html>",
    b"\x03",
    b"\x03\x01\x6a\x00",
    b"\x03\x01\x6a\x00\x45",
    b"\x03\x01\x6a\x00\x00\xff\x45\x01",
    b"\x03\x01\x6a\x00\x00\x07\x56\x01",
    b"\x03\x01\x6a\x00\x45\x5c\x4f\x4b\xc3\xff\xff\xff\xff\x7f\x01",
];

#[tokio::test]
async fn malformed_bodies_are_the_phones_fault() {
    let place = Place::with(dispatch::TABLE, |config| config.limits.device_rate = 0).await;
    for entry in dispatch::TABLE {
        for version in Version::ALL.into_iter().filter(|v| entry.command.versions().contains(v)) {
            for body in MALFORMED {
                let got = Ask::command(entry.command.name(), version.name(), body).send(&place).await;
                let what = format!("{} {version} {body:?}: {got:?}", entry.command);
                // They have no body to look at; there is nothing to answer with.
                if matches!(entry.command, Command::GetAttachment | Command::GetHierarchy) {
                    assert_eq!((got.status, got.body.len()), (500, 0), "{what}");
                    continue;
                }
                assert!(matches!(got.status, 200 | 400), "{what}");
                if got.status == 400 {
                    assert!(got.body.is_empty() && !version.traits().status_in_body, "{what}");
                } else {
                    assert!(got.body.starts_with(b"\x03\x01\x6a\x00"), "{what}");
                }
            }
        }
    }
}

/// Whatever comes, the answer is one of those that are documented.
#[test]
fn any_request_has_an_answer() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let place = runtime.block_on(Place::with(dispatch::TABLE, |config| config.gateway.max_body = 65_536));
    let query =
        prop_oneof!["\\PC{0,60}", "Cmd=(Sync|Ping|FolderSync|Settings|Provision)&DeviceId=[a-z./]{0,3}&DeviceType=x"];
    let header = "[ -~]{0,30}";
    let body = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..60),
        proptest::collection::vec(any::<u8>(), 0..60).prop_map(|b| [&b"\x03\x01\x6a\x00"[..], &b].concat()),
    ];
    let strategy = (query, header, header, header, body);
    let mut runner = TestRunner::new(ProptestConfig { cases: 300, ..ProptestConfig::default() });
    runner
        .run(&strategy, |(query, version, key, encoding, body)| {
            let ask = Ask { query, body, ..Ask::command("", "", b"") };
            let ask = ask.header("MS-ASProtocolVersion", &version).header("X-MS-PolicyKey", &key);
            let ask = if encoding.len() < 3 { ask } else { ask.header("Content-Encoding", &encoding) };
            let got = runtime.block_on(ask.send(&place));
            prop_assert!(matches!(got.status, 200 | 400 | 413 | 415 | 449 | 501 | 503 | 505), "{:?}", got);
            prop_assert!(!got.body.starts_with(b"<"));
            Ok(())
        })
        .unwrap();
}

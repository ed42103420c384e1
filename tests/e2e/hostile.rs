//! Whatever a network sends gets an answer that a phone understands: a Status or 4xx, never a 500 and never a page for people.

use std::path::Path;

use crate::{
    http,
    phone::{Answer, Phone, Request, VERSIONS},
    site::Site,
    tree::{El, el, empty, t},
};

const COMMANDS: [&str; 6] = ["Sync", "FolderSync", "Ping", "Provision", "GetItemEstimate", "Settings"];

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap()).collect()
}

/// The malformed documents of the repository, and all beginnings of a good one.
fn malformed() -> Vec<(String, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/malformed");
    let files = std::fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut all: Vec<_> = files
        .map(|f| f.unwrap().path())
        .map(|p| (p.display().to_string(), hex(&std::fs::read_to_string(p).unwrap())))
        .collect();
    assert!(all.len() > 40, "{} vectors", all.len());
    let good =
        el("AirSync:Sync", [el("Collections", [el("Collection", [t("SyncKey", "0"), t("CollectionId", "abc")])])])
            .encode();
    all.extend((1..good.len()).map(|n| (format!("{n} bytes of a Sync"), good[..n].to_vec())));
    // An empty body has a meaning of its own.
    all.retain(|(_, bytes)| !bytes.is_empty());
    all
}

fn refused(answer: &Answer) -> bool {
    if answer.http.status != 200 {
        return matches!(answer.http.status, 400 | 403 | 413 | 501);
    }
    let Some(doc) = &answer.doc else { return false };
    let inner = ["Status", "Collections/Collection/Status", "Response/Status"];
    inner.iter().any(|path| doc.number(path).is_some_and(|s| s != 1))
}

#[test]
fn malformed_documents_are_refused() {
    let site = Site::start("malformed");
    for version in ["12.1", "14.1"] {
        let mut phone = site.phone(&format!("malformed{}", version.replace('.', "")), version);
        phone.pair_and_sync();
        for (name, bytes) in malformed() {
            for command in COMMANDS {
                let answer = phone.post(command, &bytes);
                assert!(
                    refused(&answer),
                    "{command} in {version} took {name}: {} {:?}",
                    answer.http.status,
                    answer.doc
                );
                if version == "12.1" && command != "Settings" {
                    assert!(answer.status().is_none_or(|s| s < 100), "a Status of 14.0 in {version}: {:?}", answer.doc);
                }
            }
        }
        // And it still serves.
        let book = phone.contacts();
        phone.sync_all(&book);
    }
}

fn sync_of(collection: impl IntoIterator<Item = El>) -> El {
    el("AirSync:Sync", [el("Collections", [el("Collection", collection)])])
}

#[test]
fn missing_and_wrong_elements_have_their_status() {
    let site = Site::start("schema");
    for version in VERSIONS {
        let mut phone = site.phone(&format!("schema{}", version.replace('.', "")), version);
        let book = phone.pair_and_sync();
        let key = phone.collections[&book].key.clone();
        let wrong = [
            ("no SyncKey", sync_of([t("CollectionId", &book)])),
            ("no CollectionId", sync_of([t("SyncKey", &key)])),
            ("unknown collection", sync_of([t("SyncKey", "0"), t("CollectionId", "no-such-folder")])),
            ("no collections", el("AirSync:Sync", [empty("Collections")])),
            ("a window of words", sync_of([t("SyncKey", &key), t("CollectionId", &book), t("WindowSize", "many")])),
            ("an Add without data", {
                let add = el("Add", [t("ClientId", "1")]);
                sync_of([t("SyncKey", &key), t("CollectionId", &book), el("Commands", [add])])
            }),
            ("another root", el("FolderHierarchy:FolderSync", [t("SyncKey", "0")])),
        ];
        for (what, doc) in wrong {
            let answer = phone.command("Sync", &doc);
            let inner = answer
                .doc
                .as_ref()
                .and_then(|d| d.get("Collections/Collection/Responses/Add"))
                .and_then(|a| a.number("Status"));
            assert!(refused(&answer) || inner.is_some_and(|s| s != 1), "{what} in {version}: {:?}", answer.doc);
        }
        let answer = phone.command("FolderSync", &el("FolderHierarchy:FolderSync", []));
        assert!(refused(&answer), "FolderSync without key in {version}: {:?}", answer.doc);
        phone.sync_all(&book);
    }
    assert_eq!(site.horde.uids().len(), 0);
}

fn get(site: &Site, method: &str, target: &str, body: &[u8]) -> http::Response {
    let headers = [
        ("Authorization", http::basic(&site.horde.user, &site.horde.password)),
        ("MS-ASProtocolVersion", "14.1".to_owned()),
    ];
    let answer = http::send(site.door, method, target, &headers, body).unwrap().answer().unwrap();
    assert_ne!(answer.status, 500, "{method} {target}");
    answer
}

#[test]
fn bad_queries_are_refused() {
    let site = Site::start("queries");
    let base = "/Microsoft-Server-ActiveSync";
    let who = format!("User={}&DeviceType=X", site.horde.user);
    let long = "x".repeat(300);
    for (query, fits) in [
        (String::new(), &[400, 501][..]),
        ("?".to_owned(), &[400, 501]),
        (format!("?Cmd=Nonsense&DeviceId=abc&{who}"), &[400, 501]),
        (format!("?Cmd=FolderSync&{who}"), &[200, 400]),
        (format!("?Cmd=FolderSync&DeviceId=..%2F..%2Fetc%2Fpasswd&{who}"), &[200, 400]),
        (format!("?Cmd=FolderSync&DeviceId=%00&{who}"), &[200, 400]),
        (format!("?Cmd=FolderSync&DeviceId={long}&{who}"), &[200, 400]),
        ("?AAAA".to_owned(), &[400]),
        ("?jAAJ".to_owned(), &[400]),
        ("?%ff%fe%fd".to_owned(), &[400]),
        (format!("?{}", "A".repeat(5000)), &[400, 414]),
    ] {
        let answer = get(
            &site,
            "POST",
            &format!("{base}{query}"),
            &el("FolderHierarchy:FolderSync", [t("SyncKey", "0")]).encode(),
        );
        assert!(fits.contains(&answer.status), "{query}: {}", answer.status);
        if answer.status == 200 {
            let doc = El::decode(&answer.body).unwrap();
            assert!(matches!(doc.number("Status"), Some(108 | 109)), "{query}: {doc:?}");
        }
    }
    let users = std::fs::read_dir(site.state()).map(Iterator::count).unwrap_or_default();
    assert!(users <= 1, "a bad query left something in the state directory");
}

#[test]
fn a_browser_is_told_politely() {
    let site = Site::start("browser");
    let answer = get(&site, "GET", "/Microsoft-Server-ActiveSync", &[]);
    assert!(matches!(answer.status, 200 | 405 | 501), "{}", answer.status);
    let bare = http::send(site.door, "GET", "/Microsoft-Server-ActiveSync", &[], &[]).unwrap().answer().unwrap();
    assert_eq!(bare.status, 401);
}

#[test]
fn headers_are_those_that_phones_expect() {
    let site = Site::start("headers");
    for version in VERSIONS {
        let mut phone: Phone = site.phone(&format!("headers{}", version.replace('.', "")), version);
        let book = phone.pair_and_sync();
        let answer = phone.sync(&book, &Request::default());
        let http = &answer.http;
        assert!(http.header("MS-Server-ActiveSync").is_some(), "{:?}", http.headers);
        assert!(
            http.header("Cache-Control").is_some_and(|c| c.contains("private") || c.contains("no-store")),
            "{:?}",
            http.headers
        );
        assert!(http.header("X-MS-RP").is_none(), "every answer would make the phone start again: {:?}", http.headers);
        assert!(http.header("Set-Cookie").is_none(), "{:?}", http.headers);
        if version == "2.5" || version == "12.0" {
            assert!(answer.doc.is_some(), "an empty answer in {version}");
        }
    }
}

#[test]
fn names_of_users_are_taken_as_they_are() {
    let site =
        Site::with("names", crate::site::Door::wanted(), "[login]\nlower_case = true\nstrip_domain = \"always\"\n");
    let user = site.horde.user.clone();
    for (i, name) in [format!("{user}@example.test"), user.to_uppercase(), format!("DOMAIN\\{user}")].iter().enumerate()
    {
        let mut phone = site.phone(&format!("names{i}"), "14.1");
        phone.user.clone_from(name);
        assert_eq!(phone.options().status, 200, "{name}");
    }
    for name in ["", "nobody", "../../etc", "a/b", "x\0y"] {
        let mut phone = site.phone("names9", "14.1");
        name.clone_into(&mut phone.user);
        assert!(matches!(phone.options().status, 400 | 401 | 403), "{name:?}");
    }
}

#[test]
fn garbage_and_half_requests_do_no_harm() {
    let site = Site::start("garbage");
    let mut phone = site.phone("garbage1", "14.1");
    let book = phone.pair_and_sync();
    let body = phone.sync_request(&book, &Request::default()).encode();
    // From one byte on: an empty Sync is a request of its own.
    for n in 1..20_usize {
        phone.send("Sync", &body[..body.len() * n / 20]).break_off();
    }
    phone.sync_all(&book);
    // A text where WBXML belongs.
    let answer = phone.post("Sync", b"<?xml version=\"1.0\"?><Sync/>");
    assert!(refused(&answer), "{} {:?}", answer.http.status, answer.doc);
    // A body larger than any phone's request.
    let answer = phone.post("FolderSync", &vec![0; 3 << 20]);
    assert!(refused(&answer), "{} {:?}", answer.http.status, answer.doc);
    phone.sync_all(&book);
}

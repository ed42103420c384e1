use super::*;

/// HTTP status up to 12.1, Status in the body from 14.0 on.
async fn told(place: &Place, ask: impl Fn(&'static str) -> Ask, http: u16, status: u16) {
    for version in Version::ALL {
        let got = ask(version.name()).send(place).await;
        if version.traits().status_in_body {
            assert_eq!((got.status, got.refusal()), (200, Some(status)), "{version} {got:?}");
            assert_eq!(got.header("Content-Type"), Some("application/vnd.ms-sync.wbxml"));
        } else {
            assert_eq!((got.status, got.body.len()), (http, 0), "{version} {got:?}");
        }
        assert_eq!(got.header("MS-Server-ActiveSync"), Some(version.traits().server));
        assert_eq!(got.header("Cache-Control"), Some("private"));
    }
}

#[tokio::test]
async fn errors_of_commands() {
    let place = Place::new(|_| {}).await;
    told(&place, |v| Ask::command("FolderSync", v, b"status"), 507, 113).await;
    told(&place, |v| Ask::command("FolderSync", v, b"internal"), 500, 110).await;
    for version in Version::ALL {
        let got = Ask::command("FolderSync", version.name(), b"later").send(&place).await;
        let after: u64 = got.header("Retry-After").unwrap().parse().unwrap();
        assert!(got.status == 503 && (7..=10).contains(&after), "{got:?}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_query() {
    let place = Place::new(|_| {}).await;
    let with = |query: &'static str| move |v| Ask { query: query.to_owned(), ..Ask::command("", v, b"x") };
    told(&place, with("Cmd=FolderSync&DeviceId=..%2F..%2Fx&DeviceType=iPhone"), 400, 108).await;
    told(&place, with("Cmd=FolderSync&DeviceType=iPhone"), 400, 108).await;
    told(&place, with("Cmd=FolderSync&DeviceId=X1"), 400, 109).await;
    told(&place, with("Cmd=FolderSync&DeviceId=X1&DeviceType=a%0Ab"), 400, 109).await;
    told(&place, with("Cmd=MoveItems&DeviceId=X1&DeviceType=iPhone"), 501, 137).await;
    for (query, status) in [("Cmd=Frobnicate&DeviceId=X1&DeviceType=y", 501), ("", 400), ("%%%", 400)] {
        assert_eq!(with(query)("14.1").send(&place).await.status, status, "{query}");
    }
    assert_eq!(std::fs::read_dir(place.dir.path()).unwrap().count(), 0, "nothing of all that leaves a trace");
}

#[tokio::test]
async fn versions() {
    let place = Place::new(|_| {}).await;
    // Settings came with 12.0, GetAttachment went with 14.0 and never had documents.
    assert_eq!(Ask::command("Settings", "2.5", b"x").send(&place).await.status, 400);
    assert_eq!(Ask::command("Settings", "12.0", b"x").send(&place).await.status, 200);
    assert_eq!(Ask::command("GetAttachment", "14.0", b"x").send(&place).await.status, 400);
    for (version, status) in [("", 200), ("14.2", 200), ("1.0", 505), ("x", 400)] {
        assert_eq!(Ask::command("FolderSync", version, b"x").send(&place).await.status, status, "{version}");
    }
}

#[tokio::test]
async fn methods_and_paths() {
    let place = Place::new(|_| {}).await;
    for (method, path, status) in [
        ("GET", "/Microsoft-Server-ActiveSync", 200),
        ("OPTIONS", "/microsoft-server-activesync/", 200),
        ("OPTIONS", "/horde/Microsoft-Server-ActiveSync", 200),
        ("PUT", "/Microsoft-Server-ActiveSync", 501),
        ("BREW", "/Microsoft-Server-ActiveSync", 501),
        ("GET", "/", 404),
        ("POST", "/../Microsoft-Server-ActiveSync/x", 404),
    ] {
        let got = Ask { method, path: path.into(), ..Ask::options() }.send(&place).await;
        assert_eq!(got.status, status, "{method} {path}");
        assert!(!String::from_utf8_lossy(&got.body).contains('<'));
    }
}

#[tokio::test]
async fn a_panic_harms_no_other_request() {
    let place = Place::new(|_| {}).await;
    assert_eq!(Ask::command("FolderSync", "14.1", b"panic").send(&place).await.status, 500);
    assert_eq!(Ask::command("FolderSync", "14.1", b"x").send(&place).await.body, b"x");
}

#[tokio::test]
async fn answers() {
    let place = Place::new(|_| {}).await;
    let got = Ask::command("FolderSync", "12.1", b"document").send(&place).await;
    assert_eq!((got.status, got.body.as_slice()), (200, &b"document"[..]));
    assert_eq!(got.header("Content-Type"), Some("application/vnd.ms-sync.wbxml"));
    assert_eq!(got.header("MS-Server-ActiveSync"), Some("8.1"));
    assert_eq!(got.header("MS-ASProtocolVersions"), None);
    let empty = Ask::command("FolderSync", "12.1", b"").send(&place).await;
    assert_eq!((empty.status, empty.body.len(), empty.header("Content-Type")), (200, 0, None));
    // FolderSync with key 0: the phone begins anew and learns what there is.
    let got =
        Ask::command("FolderSync", "12.1", b"\x03\x01\x6a\x00\x00\x07\x56\x52\x030\x00\x01\x01").send(&place).await;
    assert_eq!(got.header("MS-ASProtocolVersions"), Some("2.5,12.0,12.1,14.0,14.1,16.0,16.1"));
    assert_eq!(got.header("MS-Server-ActiveSync"), Some("8.1"));
}

#[tokio::test]
async fn policy_keys() {
    let place = Place::new(|_| {}).await;
    let key = async |ask: Ask| String::from_utf8(ask.send(&place).await.body).unwrap();
    assert_eq!(key(Ask::command("FolderSync", "14.1", b"key")).await, "None");
    assert_eq!(
        key(Ask::command("FolderSync", "14.1", b"key").header("X-MS-PolicyKey", "4294967295")).await,
        "Some(4294967295)"
    );
    for wrong in ["0", "", "abc", "-1", "4294967296"] {
        assert_eq!(key(Ask::command("FolderSync", "14.1", b"key").header("X-MS-PolicyKey", wrong)).await, "Some(0)");
    }
    // Base64: FolderSync, 14.1, key 1307199584; the header does not count.
    let query = "jQkHBBBBQkNERUYwMTIzNDU2Nzg5BGBI6k0HQW5kcm9pZA==".to_owned();
    let ask = Ask { query, ..Ask::command("", "", b"key") }.header("X-MS-PolicyKey", "5");
    assert_eq!(key(ask).await, "Some(1307199584)");
}

#[tokio::test]
async fn bodies_have_a_limit() {
    let place = Place::new(|config| config.gateway.max_body = 70_000).await;
    assert_eq!(Ask::command("FolderSync", "14.1", &[b'x'; 70_001]).send(&place).await.status, 413);
    assert_eq!(Ask::command("FolderSync", "14.1", &[b'x'; 70_000]).send(&place).await.body.len(), 70_000);
}

#[tokio::test]
async fn mails_have_a_limit_of_their_own_and_answers_may_be_streamed() {
    let change = |config: &mut Config| (config.gateway.max_body, config.gateway.max_mail) = (70_000, 1_000_000);
    let place = Place::new(change).await;
    let mail: Vec<u8> = (0..1_000_000).map(|i| (i / 3 % 251) as u8).collect();
    let expected = [mail.clone(), BASE64_STANDARD.encode(&mail).into_bytes()].concat();
    let got = Ask::command("SendMail", "14.1", &mail).send(&place).await;
    assert_eq!((got.status, got.header("Content-Type")), (200, Some("application/vnd.ms-sync.wbxml")));
    assert!(got.body == expected);
    let length = expected.len().to_string();
    assert_eq!(got.header("Content-Length"), Some(length.as_str()), "a streamed answer says how long it is");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &mail).unwrap();
    let packed = Ask::command("SendMail", "14.1", &gzip.finish().unwrap()).header("Content-Encoding", "gzip");
    assert!(packed.send(&place).await.body == expected);
    assert_eq!(Ask::command("SendMail", "14.1", &[b'x'; 1_000_001]).send(&place).await.status, 413);
    assert_eq!(Ask::command("FolderSync", "14.1", &[b'x'; 70_001]).send(&place).await.status, 413);
}

#[tokio::test]
async fn autodiscover() {
    let place = Place::new(|config| config.mail.domain = "example.org".into()).await;
    let ask =
        || Ask { path: "/AutoDiscover/AutoDiscover.xml".into(), query: String::new(), ..Ask::command("", "", b"") };
    let got = Ask { login: None, ..ask() }.send(&place).await;
    assert_eq!(got.status, 401);
    let got = ask().header("Host", "mail.example.org").send(&place).await;
    let text = String::from_utf8(got.body).unwrap();
    assert_eq!(got.status, 200);
    assert!(text.contains("<EMailAddress>alice@example.org</EMailAddress>"), "{text}");
    assert!(text.contains("<Url>https://mail.example.org/Microsoft-Server-ActiveSync</Url>"), "{text}");
    for body in [&b"<Autodiscover/>"[..], b"junk", &[b' '; 70_000]] {
        let got = Ask { body: body.to_vec(), ..ask() }.header("Host", "h").send(&place).await;
        let text = String::from_utf8(got.body).unwrap();
        assert!(got.status == 200 && text.contains("<ErrorCode>600</ErrorCode>"), "{text}");
    }
}

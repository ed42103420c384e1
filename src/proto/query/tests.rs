use proptest::prelude::*;

use super::*;

/// What stands in the columns of the vector file, as we read it.
fn columns(query: &Query) -> Vec<String> {
    let mut parameters: Vec<String> = query.parameters.iter().map(|(n, v)| format!("{n}={v}")).collect();
    if !query.user.is_empty() {
        parameters.push(format!("User={}", query.user));
    }
    parameters.sort();
    vec![
        query.version.map_or(String::new(), |v| v.to_string()),
        query.command.map_or(String::new(), |c| c.to_string()),
        query.locale.map_or(String::new(), |l| format!("{l:#06X}").replace("0X", "0x")),
        query.device_id.clone(),
        query.policy_key.map_or("None".to_owned(), |k| k.to_string()),
        query.device_type.clone(),
        parameters.join("&"),
    ]
}

/// Whether a request with this query would be let in: the desk refuses unknown commands and ids that cannot be file names.
fn usable(query: &Result<Query, BadQuery>) -> bool {
    query.as_ref().is_ok_and(|q| {
        q.command.is_some() && q.device_id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    })
}

#[test]
fn vectors() {
    let mut read = 0;
    for line in include_str!("../../../tests/vectors/queries.tsv").lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let query = Query::parse(fields[0].as_bytes());
        if fields[8].starts_with("REJECT") {
            assert!(!usable(&query), "{line}: {query:?}");
        } else {
            let query = query.expect(line);
            let mut expected: Vec<String> = fields[1..8].iter().map(ToString::to_string).collect();
            let mut parameters: Vec<&str> =
                fields[7].split('&').filter(|p| !p.is_empty() && !p.starts_with("Options=")).collect();
            parameters.sort_unstable();
            expected[6] = parameters.join("&");
            assert_eq!(columns(&query), expected, "{line}");
            let options = fields[7].split('&').find_map(|p| p.strip_prefix("Options=")).unwrap_or("00");
            assert_eq!((query.save_in_sent, query.accept_multipart), (options == "01", options == "02"), "{line}");
        }
        read += 1;
    }
    assert_eq!(read, 19);
}

#[test]
fn base64_forgiveness() {
    let whole = Query::parse(b"oBEJBBBOaW5lMkVDN0VDMEJCNTREBAGJpmIHQW5kcm9pZAcBAA==").unwrap();
    for form in [
        &b"oBEJBBBOaW5lMkVDN0VDMEJCNTREBAGJpmIHQW5kcm9pZAcBAA"[..],
        b"oBEJBBBOaW5lMkVDN0VDMEJCNTREBAGJpmIHQW5kcm9pZAcBAA%3D%3D",
        b"oBEJBBBOaW5lMkVDN0VDMEJCNTREBAGJpmIHQW5kcm9pZAcBAA%3d=",
    ] {
        assert_eq!(Query::parse(form).unwrap(), whole);
    }
    // A raw GUID with "+" and "/" in its base64.
    let guid = Query::parse(b"oRIHBBD7/vv++/77/vv++/77/vv+AAJXUA").unwrap();
    assert_eq!(guid.device_id, "FBFEFBFEFBFEFBFEFBFEFBFEFBFEFBFE");
    for form in [
        &b"oRIHBBD7_vv--_77_vv--_77_vv-AAJXUA"[..],
        b"oRIHBBD7/vv  /77/vv  /77/vv AAJXUA==",
        b"oRIHBBD7%2Fvv%2B%2b%2F77/vv++/77/vv+AAJXUA",
    ] {
        assert_eq!(Query::parse(form).unwrap(), guid, "{}", text(form));
    }
}

#[test]
fn plain_in_any_order_and_case() {
    let query =
        Query::parse(b"DEVICETYPE=SAMSUNGSGHI317M&user=DOM%5Cj%C3%B6rg&cmd=foldersync&DeviceId=SEC17CD1A3E9E3F2")
            .unwrap();
    assert_eq!(query.command, Some(Command::FolderSync));
    assert_eq!((query.device_id.as_str(), query.device_type.as_str()), ("SEC17CD1A3E9E3F2", "SAMSUNGSGHI317M"));
    assert_eq!(query.user, "DOM\\j\u{f6}rg");
    assert_eq!(Query::parse(b"User=j%F6rg&Cmd=Ping").unwrap().user, "j\u{f6}rg");
    assert_eq!(Query::parse(b"User=j\xf6rg&Cmd=Ping").unwrap().user, "j\u{f6}rg");
}

#[test]
fn plain_parameters() {
    let query = Query::parse(
        b"Cmd=SmartReply&User=a&DeviceId=x&DeviceType=y&ItemId=m1%3A2&itemid=other&CollectionId=m1&SaveInSent=T&x=y",
    )
    .unwrap();
    assert_eq!(query.parameter("ItemId"), Some("m1:2"));
    assert_eq!(query.parameter("CollectionId"), Some("m1"));
    assert_eq!(query.parameter("LongId"), None);
    assert!(query.save_in_sent);
    let unknown = Query::parse(b"Cmd=Frobnicate&User=a").unwrap();
    assert_eq!((unknown.command, unknown.command_name.as_str()), (None, "Frobnicate"));
}

#[test]
fn the_first_of_two_commands_counts() {
    assert_eq!(Query::parse(b"Cmd=Ping&Cmd=Sync").unwrap().command, Some(Command::Ping));
}

#[test]
fn nothing_and_too_much_are_refused() {
    assert_eq!(Query::parse(b""), Err(BadQuery("empty")));
    assert_eq!(Query::parse(&[b'A'; LONGEST + 1]), Err(BadQuery("too long")));
}

#[test]
fn table_of_commands_is_whole() {
    for command in Command::all() {
        assert_eq!(Command::parse(&command.name().to_ascii_uppercase()), Some(command));
        assert!(!command.versions().is_empty());
    }
    assert_eq!(Command::from_code(NO_CODE), None);
    assert_eq!(Command::from_code(20), Some(Command::Provision));
    for code in 5..=8 {
        assert_eq!(Command::from_code(code), None);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(query in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Query::parse(&query);
    }

    #[test]
    fn any_fields_behind_base64(fields in proptest::collection::vec(any::<u8>(), 0..300)) {
        use ::base64::prelude::*;
        let _ = Query::parse(BASE64_STANDARD.encode(fields).as_bytes());
    }

    #[test]
    fn what_was_written_is_read(
        code in 9u8..=23,
        version in prop::sample::select(vec![121u8, 140, 141, 160, 161]),
        id in "[A-Za-z0-9_-]{1,64}",
        key in proptest::option::of(any::<u32>()),
        kind in "\\PC{0,40}",
        item in "\\PC{0,60}",
    ) {
        use ::base64::prelude::*;
        let mut bytes = vec![version, code, 7, 4, id.len() as u8];
        bytes.extend(id.bytes());
        match key {
            Some(key) => { bytes.push(4); bytes.extend(key.to_le_bytes()); }
            None => bytes.push(0),
        }
        bytes.push(kind.len() as u8);
        bytes.extend(kind.bytes());
        // An unknown tag in between.
        bytes.extend([99, 2, 1, 2, 3, item.len() as u8]);
        bytes.extend(item.bytes());
        let query = Query::parse(BASE64_URL_SAFE_NO_PAD.encode(bytes).as_bytes()).unwrap();
        prop_assert_eq!(query.command, Command::from_code(code));
        prop_assert_eq!(&query.device_id, &id);
        prop_assert_eq!(query.policy_key, key);
        prop_assert_eq!(&query.device_type, &kind);
        prop_assert_eq!(query.parameter("ItemId"), Some(item.as_str()));
    }
}

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Result<Info, (usize, String)> {
    Info::parse(text.as_bytes())
}

#[test]
fn a_new_file_is_toml_and_reads_back() {
    let mut info = Info { wipe: WipeStatus::Ok, policy_key: 7, first_seen: 1_700_000_000, ..Info::default() };
    info.user = "a\"b\\c\u{7f}".to_owned();
    info.describe([("Model", "iPhone"), ("OS", "iOS 17; x")]);
    info.unknown.insert("loglevel".to_owned(), "\"trace\"".to_owned());
    let text = write(None, &info);
    assert_eq!(read(&text), Ok(info));
    let toml: toml::Table = text.parse().expect("TOML");
    assert_eq!(toml["rwstatus"].as_integer(), Some(1));
    assert_eq!(toml["device_information"]["Model"].as_str(), Some("iPhone"));
    assert_eq!(toml["first_seen"].as_datetime().map(ToString::to_string).as_deref(), Some("2023-11-14T22:13:20Z"));
    assert!(text.lines().all(|line| line.len() <= 125), "fits on a screen:\n{text}");
}

#[test]
fn sloppy_edits_are_read_as_meant() {
    for (line, wipe) in [
        ("rwstatus=2", WipeStatus::Pending),
        ("  RWSTATUS : 2 ", WipeStatus::Pending),
        ("rwstatus 2", WipeStatus::Pending),
        ("\"rwstatus\": \"2\",", WipeStatus::Pending),
        ("'rwstatus' = '02' // now", WipeStatus::Pending),
        ("rwstatus = 2;wipe", WipeStatus::Pending),
        ("rwstatus = 2# wipe", WipeStatus::Pending),
        ("rwstatus = wipe", WipeStatus::Pending),
        ("\u{feff}rw_status = 2\r", WipeStatus::Pending),
        ("rwstatus = 0\nrwstatus = 2", WipeStatus::Pending),
        ("rwstatus = 2\nrwstatus = 1", WipeStatus::Ok),
        ("rwstatus = 00", WipeStatus::None),
        ("rwstatus = 3, # x", WipeStatus::Wiped),
    ] {
        assert_eq!(read(line).map(|info| info.wipe), Ok(wipe), "{line}");
    }
    assert_eq!(read("policykey: 00").map(|info| info.policy_key), Ok(0));
    assert_eq!(read("policykey = 0042").map(|info| info.policy_key), Ok(42));
    assert_eq!(read("blocked = yes").map(|info| info.blocked), Ok(true));
    let agent = read("user_agent = Mozilla/5.0 (iPhone; U) http://x ; note").map(|info| info.user_agent);
    assert_eq!(agent.as_deref(), Ok("Mozilla/5.0 (iPhone; U) http://x"));
    assert_eq!(read("last_seen = 2023-11-14T22:13:20Z").map(|info| info.last_seen), Ok(1_700_000_000));
    assert_eq!(read("last_seen = 1700000000").map(|info| info.last_seen), Ok(1_700_000_000));
    assert_eq!(read("# caf\u{e9}\nrwstatus = 2").map(|info| info.wipe), Ok(WipeStatus::Pending));
    let latin = b"rwstatus = 2 # Ger\xe4t\n";
    assert_eq!(parse(latin).map(|sheet| sheet.info.wipe), Ok(WipeStatus::Pending));
}

#[test]
fn what_is_not_certain_is_told_with_its_line() {
    for line in [
        "rwstatus = 7",
        "rwstatus =",
        "rwstatus = # 2",
        "rwstatus = \"2",
        "rwstatus = 2 2",
        "rwstatus = two",
        "rwstats = 2",
        "rwstauts = 2",
        "wipe = 1",
        "policykey = abc",
        "policykey = -1",
        "policykey = 4294967296",
        "policy = \"x\" y",
        "bloked = true",
        "blocked = perhaps",
        "please wipe this phone",
        "last_seen = tomorrow",
        "= 2",
        "[rwstatus = 2",
    ] {
        let text = format!("# comment\r\nuser = \"a\"\r\n{line}\r\nid = \"x\"\n");
        let (number, reason) = read(&text).expect_err(line);
        assert_eq!(number, 3, "{line}: {reason}");
        assert!(!reason.is_empty());
    }
    assert_eq!(read("").map_err(|(line, _)| line), Err(0));
    assert_eq!(read("# rwstatus = 2\n").map_err(|(line, _)| line), Err(0));
    assert_eq!(parse(b"\xff\xfer\0w\0").map(|_| ()).map_err(|broken| broken.line), Err(0));
}

#[test]
fn a_wipe_is_found_in_a_broken_file() {
    assert_eq!(salvage(b"nonsense\nrwstatus = 2\n"), WipeStatus::Pending);
    assert_eq!(salvage(b"rwstatus = 2\npolicykey = abc\nrwstatus = 1\n"), WipeStatus::Pending);
    assert_eq!(salvage(b"rwstatus = 3\npolicykey = abc\n"), WipeStatus::Wiped);
    assert_eq!(salvage(b"rwstatus = 2\nrwstatus = 1\n"), WipeStatus::Ok, "nothing is broken here: the last one counts");
    assert_eq!(salvage(b"rwstatus = seven\n"), WipeStatus::None);
    assert_eq!(salvage(b"a:2:{s:9:\"policykey\";i:x;s:8:\"rwstatus\";i:2;}"), WipeStatus::Pending);
    assert_eq!(salvage(b"O:8:\"stdClass\":1:{s:99:\"rwstatus\";s:1:\"2\";}"), WipeStatus::Pending);
}

const EDITED: &str = "\u{feff}# Anna's old phone; call before wiping\r
  rwstatus : 1 ; see ticket 12\r
policykey=0042 // was 41\r
\r
[section]\r
loglevel = [1, 2] # mine\r
User_Agent = 'x' # y\r
device_information.Model = \"M\" # m";

#[test]
fn a_rewrite_changes_nothing_but_values() {
    let sheet = parse(EDITED.as_bytes()).expect("readable");
    assert_eq!(write(Some(&sheet), &sheet.info), EDITED);
    let mut info = sheet.info.clone();
    info.wipe = WipeStatus::Wiped;
    info.policy_key = 0;
    info.user_agent = "z \"q\"".to_owned();
    info.describe([("Model", "N"), ("OS", "o")]);
    info.wiped = 1_700_000_000;
    info.unknown.insert("loglevel".to_owned(), "3".to_owned());
    let text = write(Some(&sheet), &info);
    let expected = EDITED
        .replace(": 1 ;", ": 3 ;")
        .replace("0042", "0")
        .replace("'x'", "\"z \\\"q\\\"\"")
        .replace("\"M\"", "\"N\"")
        .replace("[1, 2]", "3")
        + "\r\ndevice_information.OS = \"o\"\r\nwiped = 2023-11-14T22:13:20Z\r\n";
    assert_eq!(text, expected);
    assert_eq!(read(&text), Ok(info.clone()));
    let sheet = parse(text.as_bytes()).expect("readable");
    info.device_information.remove("Model");
    info.unknown.clear();
    let text = write(Some(&sheet), &info);
    assert!(!text.contains("Model") && !text.contains("loglevel") && text.contains("ticket 12"));
    assert_eq!(read(&text), Ok(info));
}

/// Text that was pasted from a web page has such blanks; a rewrite made the line unreadable, because it quotes the value.
#[test]
fn a_no_break_space_in_front_of_a_comment_is_a_blank() {
    let text = "user = x\u{a0}# his\nrwstatus = \"2\"\u{a0}# now\n";
    let sheet = parse(text.as_bytes()).expect("readable");
    assert_eq!((sheet.info.wipe, sheet.info.user.as_str()), (WipeStatus::Pending, "x"));
    let info = Info { user: "y".to_owned(), ..sheet.info.clone() };
    assert_eq!(read(&write(Some(&sheet), &info)), Ok(info));
}

/// Files as the driver wrote them in its three periods, and what administrators made of them.
#[test]
fn old_php_files_are_read() {
    let object = concat!(
        "O:8:\"stdClass\":7:{s:9:\"userAgent\";s:12:\"Apple-iPhone\";s:10:\"deviceType\";s:6:\"iPhone\";s:9:\"policykey\";i:2;",
        "s:8:\"rwstatus\";i:2;s:4:\"user\";s:4:\"anna\";s:2:\"id\";s:5:\"APPL1\";s:9:\"supported\";a:2:{i:0;s:5:\"email\";i:1;s:3:\"fax\";}}\r\n"
    );
    let info = read(object).expect("readable");
    assert_eq!((info.wipe, info.policy_key), (WipeStatus::Pending, 2));
    assert_eq!((info.user_agent.as_str(), info.device_type.as_str()), ("Apple-iPhone", "iPhone"));
    assert_eq!((info.user.as_str(), info.id.as_str()), ("anna", "APPL1"));
    assert_eq!(info.unknown.get("php_supported").map(String::as_str), Some("\"[email, fax]\""));
    let text = write(parse(object.as_bytes()).ok().as_ref(), &info);
    assert_eq!(read(&text), Ok(info), "rewritten in the new form");
    assert!(text.starts_with('#'));

    let array =
        "a:3:{s:9:\"policykey\";s:10:\"1234567890\";s:9:\"useragent\";s:1:\"x\";s:10:\"devicetype\";s:2:\"PP\";}";
    let info = read(array).expect("readable");
    assert_eq!((info.wipe, info.policy_key, info.device_type.as_str()), (WipeStatus::None, 1_234_567_890, "PP"));
    let large = read("a:1:{s:9:\"policykey\";i:9999999999;}").expect("readable");
    assert_eq!(large.policy_key, 0);
    assert!(read("a:1:{s:9:\"policykey\";i:1;").is_err());
    assert!(read("a:1:{s:8:\"rwstatus\";i:7;}").is_err());
    assert!(read("a:1:{s:9:\"rwstatuss\";i:2;}").is_err(), "a misspelt key is told, as in the other form");
    assert_eq!(read("a:1:{s:8:\"rwstatus\";b:0;}").map(|info| info.wipe), Ok(WipeStatus::None));
}

/// With its prefix such a key looked like a misspelt one, so that the rewritten file could not be read.
#[test]
fn keys_of_an_old_file_are_not_taken_for_misspelt_ones_afterwards() {
    let old = b"a:1:{s:6:\"icykey\";i:2;}";
    let info = Info::parse(old).expect("readable");
    assert_eq!(read(&info.rewrite(old)), Ok(info));
}

#[test]
fn what_an_administrator_saves_meanwhile_counts() {
    let base = Info { policy_key: 5, ..Info::default() };
    let edited = Info { policy_key: 6, wipe: WipeStatus::Ok, last_seen: 9, ..base.clone() };
    let fresh = Info { wipe: WipeStatus::Pending, blocked: true, ..base.clone() };
    let merged = merge(&base, &edited, &fresh);
    assert_eq!(merged, Info { policy_key: 6, wipe: WipeStatus::Pending, blocked: true, last_seen: 9, ..base });
}

#[test]
fn a_request_is_noted_every_ten_minutes_only() {
    let seen = Seen { user: "anna", id: "X1", device_type: "iPhone", user_agent: "a", version: "14.1" };
    let mut info = Info::default();
    assert!(info.touch(1000, &seen));
    assert_eq!((info.first_seen, info.last_seen), (1000, 1000));
    let before = info.clone();
    assert!(!info.touch(1599, &seen));
    assert_eq!(info, before);
    assert!(info.touch(1600, &seen));
    assert!(info.touch(1601, &Seen { version: "16.1", ..seen }));
    assert!(info.touch(10, &seen), "the clock was set back");
    assert_eq!(info.first_seen, 1000);
}

#[test]
fn a_talkative_phone_is_bounded() {
    let mut info = Info::default();
    let long = "x".repeat(1000);
    let names: Vec<String> = (0..100).map(|i| format!("N{i}")).collect();
    info.describe(names.iter().map(|name| (name.as_str(), long.as_str())));
    info.describe([("a.b", "x"), ("", "x"), ("N0", "")]);
    assert_eq!(info.device_information.len(), 31);
    assert!(info.device_information.values().all(|text| text.len() == 256));
    assert!(info.touch(1, &Seen { user_agent: &long, ..Seen::default() }));
    assert_eq!(info.user_agent.len(), 256);
}

prop_compose! {
    fn any_info()(
        wipe in prop_oneof![Just(WipeStatus::None), Just(WipeStatus::Ok), Just(WipeStatus::Pending), Just(WipeStatus::Wiped)],
        numbers in any::<(u32, u32, u32)>(),
        flags in any::<(bool, bool)>(),
        times in (0..1u64 << 40, any::<u32>(), any::<u32>()),
        texts in (any::<String>(), any::<String>(), any::<String>(), any::<String>()),
        device_information in proptest::collection::btree_map("[A-Za-z0-9]{1,10}", any::<String>(), 0..4),
        unknown in proptest::collection::btree_map("zz[A-Za-z0-9_]{1,10}", "[1-9][0-9]{0,4}|\"[a-z #;]{0,9}\"", 0..4),
    ) -> Info {
        Info {
            wipe, policy_key: numbers.0, temporary_key: numbers.1, policy_status: numbers.2,
            blocked: flags.0, account_only: flags.1,
            policy_time: times.0, last_seen: times.1.into(), wiped: times.2.into(),
            user: texts.0, user_agent: texts.1, policy: texts.2, device_type: texts.3,
            device_information, unknown, ..Info::default()
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(info in any_info(), next in any_info()) {
        let text = write(None, &info);
        let sheet = parse(text.as_bytes()).expect("own file");
        prop_assert_eq!(&sheet.info, &info);
        prop_assert!(text.parse::<toml::Table>().is_ok(), "{}", text);
        let text = write(Some(&sheet), &next);
        prop_assert_eq!(read(&text), Ok(next));
    }

    #[test]
    fn comments_survive(lines in proptest::collection::vec("[#;] [a-z =\"'#0-9é]{0,20}|", 0..6), info in any_info(), key in any::<u32>()) {
        let text = format!("{}\nrwstatus = 1 # {}\n", lines.join("\n"), lines.concat());
        let sheet = parse(text.as_bytes()).expect("comments only");
        let text = write(Some(&sheet), &Info { policy_key: key, ..info });
        for line in &lines {
            prop_assert!(text.lines().any(|l| l == line.as_str()), "{:?} in {}", line, text);
        }
        let end = format!("# {}", lines.concat());
        prop_assert!(text.lines().any(|l| l.ends_with(&end)));
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = salvage(&bytes);
        if let Ok(sheet) = parse(&bytes) {
            let info = Info { policy_key: 77, ..sheet.info.clone() };
            let _ = write(Some(&sheet), &info);
        }
    }

    #[test]
    fn anything_like_a_file_is_read_and_rewritten(text in "(\u{feff})?([ \"']{0,2}(rwstatus|policykey|user|x|device_information\\.OS)[\"']?[ ]?[=: ]?[ \"']?[0-9a-z\\\\]{0,4}[\"',#;/ ]{0,3}(\r\n|\n))*") {
        if let Ok(sheet) = parse(text.as_bytes()) {
            let info = Info { policy_key: 77, user: "u".to_owned(), wipe: WipeStatus::Wiped, ..sheet.info.clone() };
            let text = write(Some(&sheet), &info);
            prop_assert_eq!(read(&text), Ok(info), "{}", text);
        }
    }
}

#[test]
fn items_that_were_put_aside_are_noted_by_folder() {
    let item = |uid: &str, reason: &str| (uid.to_owned(), reason.to_owned());
    let mut info = Info::default();
    info.note_aside("Email Inbox", &[item("5.1", "no such; part\n"), item("5.2", "empty")]);
    info.note_aside("Contacts Me", &[item("a", "b")]);
    let read = |info: &Info| Info::parse(info.rewrite(b"").as_bytes()).unwrap().put_aside;
    assert_eq!(read(&info), "Email Inbox/5.1: no such, part\n; Email Inbox/5.2: empty; Contacts Me/a: b");
    info.note_aside("Email Inbox", &[]);
    assert_eq!(read(&info), "Contacts Me/a: b");
    let many: Vec<_> = (0..1000).map(|n| item(&n.to_string(), &"x".repeat(1000))).collect();
    info.note_aside("Email Inbox", &many);
    assert!(read(&info).len() < 2000);
    info.note_aside("Contacts Me", &[]);
    info.note_aside("Email Inbox", &[]);
    assert_eq!(read(&info), "");
}

#[test]
fn a_trouble_is_noted_and_cleared_and_an_administrators_words_stay() {
    let mut info = Info::default();
    assert_eq!(info.trouble_since(), None);
    info.note_trouble(1_700_000_000, "Sync 500, the same request 20 times");
    assert_eq!(info.trouble, "2023-11-14T22:13:20Z Sync 500, the same request 20 times");
    assert_eq!(info.trouble_since(), Some(1_700_000_000));
    assert_eq!(read(&info.rewrite(b"")).map(|info| info.trouble), Ok(info.trouble.clone()));
    info.note_trouble(1_700_000_600, "Ping 7");
    assert_eq!(info.trouble, "2023-11-14T22:13:20Z Ping 7".replace("13:20", "23:20"));
    info.clear_trouble();
    assert_eq!(info.trouble, "");
    info.trouble = "I have called him. Erika".to_owned();
    info.note_trouble(1_700_000_000, "Sync 500");
    info.clear_trouble();
    assert_eq!(info.trouble, "I have called him. Erika");
}

use super::*;
use crate::wbxml::tag::provision as p;

#[derive(Debug, serde::Deserialize)]
struct File {
    #[serde(default)]
    policy: Settings,
}

fn read(text: &str) -> Result<Settings, String> {
    toml::from_str::<File>(text).map(|file| file.policy).map_err(|e| e.to_string())
}

#[test]
fn the_table_is_complete_and_in_the_order_of_the_tokens() {
    assert_eq!(TABLE.len(), 42);
    assert!(TABLE.windows(2).all(|pair| pair[0].tag < pair[1].tag));
    assert!(TABLE.iter().all(|row| !row.tag.name().is_empty()));
    assert_eq!(Settings::default().document(Version::V12_0).len(), 11);
    assert_eq!(Settings::default().document(Version::V16_1).len(), 42);
}

#[test]
fn every_default_is_a_value_that_may_be_configured() {
    for row in TABLE.iter().filter(|row| !matches!(row.kind, Kind::List(_))) {
        let value = if row.default.is_empty() { "\"\"" } else { row.default };
        let settings = read(&format!("[policy]\n{} = {value}", row.tag.name())).expect("default");
        assert_eq!(settings, Settings::default(), "{:?}", row.tag);
    }
    assert_eq!(read(""), Ok(Settings::default()));
}

#[test]
fn settings_are_read_as_flags_numbers_and_lists() {
    let settings = read(concat!(
        "[policy]\nmode = \"allow\"\nrefresh_hours = 24\nanswer_both = true\nDevicePasswordEnabled = true\nMinDevicePasswordLength = 6\n",
        "allowcamera = 0\nUnapprovedInROMApplicationList = [\"game.exe\"]\n"
    ));
    let settings = settings.expect("settings");
    assert_eq!((settings.mode, settings.refresh_hours, settings.answer_both), (Mode::Allow, 24, true));
    let document = settings.document(Version::V14_1);
    let text = |tag| document.iter().find(|(t, _)| *t == tag).map(|(_, value)| value.clone());
    assert_eq!(text(p::DEVICE_PASSWORD_ENABLED), Some(PolicyValue::Text("1".to_owned())));
    assert_eq!(text(p::MIN_DEVICE_PASSWORD_LENGTH), Some(PolicyValue::Text("6".to_owned())));
    assert_eq!(text(p::ALLOW_CAMERA), Some(PolicyValue::Text("0".to_owned())));
    let list = PolicyValue::List(p::APPLICATION_NAME, vec!["game.exe".to_owned()]);
    assert_eq!(text(p::UNAPPROVED_IN_ROM_APPLICATION_LIST), Some(list));
}

#[test]
fn a_wrong_value_is_told_with_line_option_and_reason() {
    for (line, reason) in [
        ("MinDevicePasswordLength = 17", "MinDevicePasswordLength: 17 is not a number from 1 to 16, or \"\""),
        ("DevicePasswordEnabled = 2", "DevicePasswordEnabled: 2 is not true or false"),
        ("DevicePasswordEnabled = \"yes\"", "DevicePasswordEnabled: \"yes\" is not true or false"),
        ("MaxCalendarAgeFilter = 3", "MaxCalendarAgeFilter: 3 is not one of [0, 4, 5, 6, 7]"),
        ("ApprovedApplicationList = [\"\"]", "ApprovedApplicationList: \"\" is not a list"),
        ("AllowCamera = []", "AllowCamera: [] is not true or false"),
        ("PasswordRecoveryEnabled = true", "keeps no recovery passwords"),
        ("DevicePasswordLength = 4", "unknown option \"DevicePasswordLength\""),
        ("refresh_hours = 9000", "refresh_hours: 9000 is more than 8784"),
        ("mode = \"force\"", "unknown variant `force`"),
    ] {
        let error = read(&format!("[policy]\nanswer_both = false\n{line}\n")).expect_err(line);
        assert!(error.contains(reason) && error.contains("line 3"), "{line}: {error}");
    }
}

#[test]
fn the_hash_covers_what_a_version_is_sent_and_nothing_else() {
    let plain = Settings::default();
    let camera = read("[policy]\nAllowCamera = false").expect("settings");
    let password = read("[policy]\nDevicePasswordEnabled = true").expect("settings");
    let mode = read("[policy]\nmode = \"allow\"\nrefresh_hours = 1").expect("settings");
    for version in Version::ALL {
        assert_eq!(mode.hash(version), plain.hash(version));
        assert_ne!(password.hash(version), plain.hash(version), "{version}");
        let sent = version >= Version::V12_1;
        assert_eq!(camera.hash(version) != plain.hash(version), sent, "{version}");
    }
    assert_eq!(plain.hash(Version::V12_1), plain.hash(Version::V16_1), "a change of the version changes no policy");
}

#[test]
fn windows_mobile_gets_its_own_dialect() {
    assert_eq!(
        Settings::default().wap(),
        "<wap-provisioningdoc><characteristic type=\"SecurityPolicy\"><parm name=\"4131\" value=\"1\"/></characteristic></wap-provisioningdoc>"
    );
    let strict = read(concat!(
        "[policy]\nDevicePasswordEnabled = true\nMaxInactivityTimeDeviceLock = 301\nMaxDevicePasswordFailedAttempts = 8\n",
        "MinDevicePasswordLength = 5\nAlphanumericDevicePasswordRequired = true\n"
    ));
    let text = strict.expect("settings").wap();
    for part in [
        "\"4131\" value=\"0\"",
        "AEFrequencyType\" value=\"1\"",
        "AEFrequencyValue\" value=\"6\"",
        "DeviceWipeThreshold\" value=\"8\"",
        "MinimumPasswordLength\" value=\"5\"",
        "PasswordComplexity\" value=\"0\"",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let mut reader = quick_xml::Reader::from_str(&text);
    let mut ends = 0;
    loop {
        match reader.read_event().expect("well-formed") {
            quick_xml::events::Event::Eof => break,
            quick_xml::events::Event::End(_) => ends += 1,
            _ => {}
        }
    }
    assert_eq!(ends, 6);
}

/// Each setting stands in the sample, commented out, with its default.
#[test]
fn the_sample_shows_every_setting() {
    let sample = include_str!("../../docs/horde-eas.toml");
    let mut shown = "[policy]\n".to_owned();
    for row in TABLE {
        let start = format!("#{} = ", row.tag.name());
        let line = sample.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("{start}"));
        shown.extend([&line[1..], "\n"]);
    }
    assert_eq!(read(&shown), Ok(Settings::default()));
}

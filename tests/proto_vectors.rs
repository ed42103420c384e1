//! Typed requests and answers against the vectors: what a document says, and that our answers are the very bytes.

// Helpers of tests may panic like the tests themselves.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, unreachable_pub)]

#[path = "vectors/load.rs"]
#[allow(dead_code)]
mod load;

use std::{
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};

use horde_eas::{
    proto::{
        Command, Malformed, Version,
        class::{Body, BodyKind, BodyPreference, Class, Properties, Value, View},
        folder_sync::{self, Change, Folder, FolderKind},
        get_item_estimate::{self, Estimate},
        meeting_response::{self as meeting, Outcome},
        ping,
        provision::{self, Policy, PolicyData, PolicyValue},
        settings::{self, Action, Part, PartResponse, Subject, oof},
        sync::{self, CollectionResponse, CommandKind, CommandResult, ServerCommand, ServerKind, Wait},
        write_status,
    },
    wbxml::tag::{air_sync_base as b, contacts as c, contacts2 as c2, provision as p},
};

static VECTORS: LazyLock<HashMap<String, Vec<u8>>> =
    LazyLock::new(|| load::all().into_iter().map(|vector| (vector.name, vector.bytes)).collect());

/// A vector of this folder.
fn vector(name: &str) -> &'static [u8] {
    &VECTORS[&format!("valid/{name}")]
}

/// A vector of public origin, where it is at hand.
fn public(name: &str) -> Option<&'static [u8]> {
    VECTORS.get(&format!("valid/{name}")).map(Vec::as_slice)
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn properties<const N: usize>(values: [(horde_eas::wbxml::Tag, Value); N]) -> Properties {
    Properties(BTreeMap::from(values))
}

fn map<const N: usize>(values: [(&str, &str); N]) -> BTreeMap<String, String> {
    values.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn folder(server_id: &str, name: &str, kind: FolderKind) -> Folder {
    Folder { server_id: server_id.to_owned(), parent_id: "0".to_owned(), name: name.to_owned(), kind }
}

#[test]
fn folder_sync_requests() {
    let request = |name| folder_sync::Request::read(vector(name)).unwrap().key;
    assert_eq!(request("050-c-foldersync-initial-req"), "0");
    for name in [
        "003-mobilitydojo-foldersync",
        "037-libwbxml-activesync-020-folder-sync-initial-request-plain",
        "038-libwbxml-activesync-020-folder-sync-initial-request-strtbl",
    ] {
        if let Some(bytes) = public(name) {
            assert_eq!(folder_sync::Request::read(bytes).unwrap().key, "0", "{name}");
        }
    }
}

#[test]
fn folder_sync_answers() {
    let response = folder_sync::Response {
        status: 1,
        key: Some("{6f1c}2".to_owned()),
        // Given in the wrong order on purpose.
        changes: Some(vec![
            Change::Add(folder("n1", "Notizen – Café", FolderKind::DefaultNotes)),
            Change::Delete("m9".to_owned()),
            Change::Update(folder("c12", "Kunden & Partner", FolderKind::Contacts)),
        ]),
    };
    assert_eq!(response.write(), vector("051-c-foldersync-delta-resp"));
    let response = folder_sync::Response { status: 9, ..Default::default() };
    assert_eq!(response.write(), vector("052-c-foldersync-status9-resp"));
    if let Some(bytes) = public("016-hstern-foldersync-count0") {
        let key = "{5fb48ba6-3dc7-43d6-8b6d-1ef1a2b30cb2}1";
        let response = folder_sync::Response { status: 1, key: Some(key.to_owned()), changes: Some(vec![]) };
        let ours = horde_eas::wbxml::xml::decode_to_xml(&response.write()).unwrap();
        let theirs = horde_eas::wbxml::xml::decode_to_xml(bytes).unwrap();
        let skeleton = |xml: &str| -> Vec<String> {
            xml.lines().filter(|line| !line.contains("SyncKey")).map(str::to_owned).collect()
        };
        assert_eq!(skeleton(&ours), skeleton(&theirs));
    }
}

#[test]
fn initial_sync_requests() {
    let initial = sync::Collection { key: "0".to_owned(), id: "c12".to_owned(), ..Default::default() };
    let one = |name, version| {
        let mut request = sync::Request::read(vector(name), version).unwrap();
        assert_eq!((request.wait, request.window, request.partial), (None, None, false));
        assert_eq!(request.collections.len(), 1);
        request.collections.remove(0)
    };
    assert_eq!(
        one("057-c-sync-initial-25-req", Version::V2_5),
        sync::Collection { class: Some(Class::Contacts), ..initial.clone() }
    );
    assert_eq!(one("058-c-sync-initial-141-req", Version::V14_1), initial);
    let supported = vec![c::FIRST_NAME, c::LAST_NAME, c::MOBILE_PHONE_NUMBER, c2::NICK_NAME, c::PICTURE];
    assert_eq!(
        one("059-c-sync-initial-supported-req", Version::V14_1),
        sync::Collection { supported: Some(supported), ..initial }
    );
}

#[test]
fn sync_requests_with_options() {
    let mut request = sync::Request::read(vector("061-c-sync-getchanges-25-req"), Version::V2_5).unwrap();
    assert_eq!(
        request.collections.remove(0),
        sync::Collection {
            class: Some(Class::Email),
            key: "{a1}1".to_owned(),
            id: "m1".to_owned(),
            deletes_as_moves: Some(true),
            get_changes: Some(true),
            window: Some(25),
            options: Some(vec![sync::Options {
                filter: Some(3),
                truncation: Some(4),
                mime_truncation: Some(1),
                mime_support: Some(0),
                server_wins: Some(true),
                ..Default::default()
            }]),
            ..Default::default()
        }
    );
    let request = sync::Request::read(vector("062-c-sync-email-options-121-req"), Version::V12_1).unwrap();
    assert_eq!((request.wait, request.window, request.partial), (Some(Wait::Minutes(8)), Some(100), false));
    let bodies = &request.collections[0].options.as_ref().unwrap()[0].bodies;
    let html = BodyPreference { kind: BodyKind::Html, truncation_size: Some(51200), ..Default::default() };
    assert_eq!(bodies, &[html, BodyPreference { kind: BodyKind::Mime, ..Default::default() }]);
    let request = sync::Request::read(vector("074-c-sync-wait-partial-141-req"), Version::V14_1).unwrap();
    assert_eq!(request, sync::Request { wait: Some(Wait::Seconds(900)), partial: true, ..Default::default() });
    if let Some(bytes) = public("002-blog-sync-bodypreference") {
        let request = sync::Request::read(bytes, Version::V12_1).unwrap();
        let bodies = &request.collections[0].options.as_ref().unwrap()[0].bodies;
        assert_eq!(bodies, &[BodyPreference { truncation_size: Some(32768), ..Default::default() }]);
    }
}

#[test]
fn sync_requests_with_commands() {
    let request = sync::Request::read(vector("066-c-sync-contact-add-141-req"), Version::V14_1).unwrap();
    let collection = &request.collections[0];
    assert_eq!((collection.get_changes, collection.commands.len()), (Some(false), 1));
    let body = Body { kind: BodyKind::Plain, data: "Zeile 1\r\nZeile 2".to_owned() };
    assert_eq!(
        collection.commands[0],
        sync::Command {
            kind: CommandKind::Add,
            id: "1001".to_owned(),
            instance: None,
            item: properties([
                (c::FILE_AS, text("Muster, Erika")),
                (c::FIRST_NAME, text("Erika")),
                (c::LAST_NAME, text("Muster")),
                (c::BIRTHDAY, text("1980-02-29T00:00:00.000Z")),
                (c::EMAIL1_ADDRESS, text("erika@example.org")),
                (c::MOBILE_PHONE_NUMBER, text("+49 170 0000000")),
                (c::CATEGORIES, Value::List(vec!["Freunde".to_owned(), "Verein".to_owned()])),
                (c2::NICK_NAME, text("Eri")),
                (c2::IM_ADDRESS, text("eri@chat.example.org")),
                (b::BODY, Value::Body(body)),
            ]),
            refused: None,
        }
    );
    let request = sync::Request::read(vector("064-c-sync-email-change-141-req"), Version::V14_1).unwrap();
    let commands: Vec<_> = request.collections[0].commands.iter().map(|c| (c.kind, c.id.as_str())).collect();
    assert_eq!(
        commands,
        [(CommandKind::Change, "m1:4711"), (CommandKind::Delete, "m1:4712"), (CommandKind::Fetch, "m1:4713")]
    );
    let request = sync::Request::read(vector("070-c-sync-calendar-instance-161-req"), Version::V16_1).unwrap();
    let commands = &request.collections[0].commands;
    let instances: Vec<_> = commands.iter().map(|c| (c.id.as_str(), c.instance.as_deref())).collect();
    assert_eq!(instances, [("k4:3", Some("20250505T080000Z")), ("k4:3", Some("20250512T080000Z"))]);
}

fn answer(class: Class, key: &str, id: &str, version: Version) -> CollectionResponse {
    CollectionResponse {
        class,
        key: key.to_owned(),
        id: id.to_owned(),
        status: 1,
        commands: Vec::new(),
        responses: Vec::new(),
        more_available: false,
        view: View::plain(version),
    }
}

fn write(collection: CollectionResponse) -> Vec<u8> {
    let version = collection.view.version;
    sync::Response { collections: vec![collection], ..Default::default() }.write(version)
}

fn result(kind: CommandKind, client_id: Option<&str>, server_id: Option<&str>, status: u16) -> CommandResult {
    CommandResult {
        kind,
        client_id: client_id.map(str::to_owned),
        server_id: server_id.map(str::to_owned),
        instance: None,
        status,
        item: None,
    }
}

#[test]
fn sync_answers() {
    let v14_1 = |key, id| answer(Class::Contacts, key, id, Version::V14_1);
    assert_eq!(write(v14_1("{a1}1", "c12")), vector("060-c-sync-initial-141-resp"));
    let stale = CollectionResponse { status: 3, ..v14_1("0", "c12") };
    assert_eq!(write(stale), vector("077-c-sync-status3-resp"));

    let gone =
        |kind, server_id: &str| ServerCommand { kind, server_id: server_id.to_owned(), item: Properties::default() };
    let commands = vec![gone(ServerKind::SoftDelete, "m1:12"), gone(ServerKind::Delete, "m1:13")];
    let mail = CollectionResponse { commands, ..answer(Class::Email, "{a1}3", "m1", Version::V12_1) };
    assert_eq!(write(mail), vector("065-c-sync-softdelete-121-resp"));

    let responses = vec![result(CommandKind::Add, Some("1001"), Some("c12:77"), 1)];
    let added = CollectionResponse { responses, ..v14_1("{c}2", "c12") };
    assert_eq!(write(added), vector("067-c-sync-contact-add-141-resp"));
    let responses = vec![
        result(CommandKind::Add, Some("1002"), None, 6),
        result(CommandKind::Change, None, Some("c12:5"), 7),
        result(CommandKind::Change, None, Some("c12:6"), 8),
    ];
    let mixed = CollectionResponse { responses, ..v14_1("{c}3", "c12") };
    assert_eq!(write(mixed), vector("068-c-sync-responses-mixed-141-resp"));

    let changed = CommandResult {
        instance: Some("20250505T080000Z".to_owned()),
        ..result(CommandKind::Change, None, Some("k4:3"), 1)
    };
    let instance =
        CollectionResponse { responses: vec![changed], ..answer(Class::Calendar, "{k}7", "k4", Version::V16_1) };
    assert_eq!(write(instance), vector("071-c-sync-calendar-instance-161-resp"));
}

#[test]
fn sync_failures() {
    let failed =
        |status, limit| sync::Response { status: Some(status), limit, collections: Vec::new() }.write(Version::V12_1);
    assert_eq!(failed(14, Some(59)), vector("075-c-sync-limit14-resp"));
    assert_eq!(failed(15, Some(100)), vector("076-c-sync-limit15-resp"));
    assert_eq!(failed(12, None), vector("078-c-sync-status12-resp"));
    assert_eq!(write_status(Command::Sync, 12, Version::V2_5), vector("078-c-sync-status12-resp"));
}

/// The worked example of MS-ASWBXML has an empty body with Truncated, which a note that is there cannot have: a cut one has the
/// same form with another size.
#[test]
fn the_contact_of_the_specification() {
    let Some(bytes) = public("001-aswbxml-spec-contact-add") else { return };
    let body = Body { kind: BodyKind::Plain, data: "x".to_owned() };
    let item = properties([
        (c::FILE_AS, text("Funk, Don")),
        (c::FIRST_NAME, text("Don")),
        (c::LAST_NAME, text("Funk")),
        (b::BODY, Value::Body(body)),
    ]);
    let commands = vec![ServerCommand { kind: ServerKind::Add, server_id: "2:1".to_owned(), item }];
    let mut collection = CollectionResponse { commands, ..answer(Class::Contacts, "2", "2", Version::V12_1) };
    collection.view.bodies = vec![BodyPreference { truncation_size: Some(0), ..Default::default() }];
    let mut expected = bytes.to_vec();
    let size = bytes.windows(4).position(|w| w == [0x4c, 3, b'0', 0]).unwrap();
    expected[size + 2] = b'1';
    assert_eq!(write(collection), expected);
}

#[test]
fn ping() {
    let folder = |id: &str, class| ping::Folder { id: id.to_owned(), class: Some(class) };
    assert_eq!(
        ping::Request::read(vector("080-c-ping-req")).unwrap(),
        ping::Request {
            heartbeat: Some(470),
            folders: Some(vec![folder("m1", Class::Email), folder("k4", Class::Calendar)]),
        }
    );
    let response = |status| ping::Response { status, ..Default::default() };
    assert_eq!(response(1).write(), vector("081-c-ping-status1-resp"));
    let changed = ping::Response { folders: vec!["m1".to_owned()], ..response(2) };
    assert_eq!(changed.write(), vector("082-c-ping-status2-resp"));
    assert_eq!(ping::Response { heartbeat: Some(60), ..response(5) }.write(), vector("083-c-ping-status5-resp"));
    assert_eq!(ping::Response { max_folders: Some(200), ..response(6) }.write(), vector("084-c-ping-status6-resp"));
    assert_eq!(response(7).write(), vector("085-c-ping-status7-resp"));
}

#[test]
fn provision_requests() {
    let request = |name| provision::Request::read(vector(name)).unwrap();
    let eas = provision::Request { policy_type: Some("MS-EAS-Provisioning-WBXML".to_owned()), ..Default::default() };
    assert_eq!(request("086-c-provision-phase1-121-req"), eas);
    let device = map([
        ("Model", "Phone X"),
        ("IMEI", "356938035643809"),
        ("FriendlyName", "Erikas Phone"),
        ("OS", "Android 15"),
        ("OSLanguage", "de"),
        ("PhoneNumber", "+491700000000"),
        ("UserAgent", "Mail/1.0"),
        ("EnableOutboundSMS", "0"),
        ("MobileOperator", "Test"),
    ]);
    assert_eq!(
        request("087-c-provision-phase1-141-req"),
        provision::Request { device_information: Some(device), ..eas.clone() }
    );
    assert_eq!(
        request("089-c-provision-ack-141-req"),
        provision::Request { policy_key: Some(1_307_199_584), policy_status: Some(1), ..eas.clone() }
    );
    assert_eq!(
        request("093-c-provision-remotewipe-ack-req"),
        provision::Request { remote_wipe: Some(1), ..Default::default() }
    );
    assert_eq!(
        request("095-c-provision-accountwipe-ack-161-req"),
        provision::Request { account_only_remote_wipe: Some(1), ..Default::default() }
    );
    if let Some(bytes) = public("034-libwbxml-activesync-010-provision-eas-plain") {
        assert_eq!(provision::Request::read(bytes).unwrap(), eas);
    }
}

#[test]
fn provision_answers() {
    let policy = |kind: &str, key, data| Some(Policy { kind: kind.to_owned(), status: 1, key: Some(key), data });
    let settings = [
        (p::DEVICE_PASSWORD_ENABLED, "1"),
        (p::ALPHANUMERIC_DEVICE_PASSWORD_REQUIRED, "0"),
        (p::PASSWORD_RECOVERY_ENABLED, "0"),
        (p::REQUIRE_STORAGE_CARD_ENCRYPTION, "0"),
        (p::ATTACHMENTS_ENABLED, "1"),
        (p::MIN_DEVICE_PASSWORD_LENGTH, "4"),
        (p::MAX_INACTIVITY_TIME_DEVICE_LOCK, "900"),
        (p::MAX_DEVICE_PASSWORD_FAILED_ATTEMPTS, "8"),
        (p::MAX_ATTACHMENT_SIZE, ""),
        (p::ALLOW_SIMPLE_DEVICE_PASSWORD, "1"),
        (p::DEVICE_PASSWORD_EXPIRATION, ""),
        (p::DEVICE_PASSWORD_HISTORY, "0"),
    ];
    let mut settings: Vec<_> =
        settings.into_iter().map(|(tag, text)| (tag, PolicyValue::Text(text.to_owned()))).collect();
    settings.push((p::APPROVED_APPLICATION_LIST, PolicyValue::List(p::HASH, Vec::new())));
    let first = provision::Response {
        device_information_status: Some(1),
        status: 1,
        policy: policy("MS-EAS-Provisioning-WBXML", 1_307_199_584, Some(PolicyData::Document(settings))),
        ..Default::default()
    };
    assert_eq!(first.write(), vector("088-c-provision-phase1-141-resp"));
    let second = provision::Response {
        status: 1,
        policy: policy("MS-EAS-Provisioning-WBXML", 3_942_919_513, None),
        ..Default::default()
    };
    assert_eq!(second.write(), vector("090-c-provision-ack-141-resp"));
    let document = r#"<wap-provisioningdoc><characteristic type="SecurityPolicy"><parm name="4131" value="0"/></characteristic></wap-provisioningdoc>"#;
    let wap = provision::Response {
        status: 1,
        policy: policy("MS-WAP-Provisioning-XML", 3_942_919_513, Some(PolicyData::Wap(document.to_owned()))),
        ..Default::default()
    };
    assert_eq!(wap.write(), vector("091-c-provision-wap-25-resp"));
    let wipe = provision::Response { status: 1, remote_wipe: true, ..Default::default() };
    assert_eq!(wipe.write(), vector("092-c-provision-remotewipe-resp"));
    let wipe = provision::Response { status: 1, account_only_remote_wipe: true, ..Default::default() };
    assert_eq!(wipe.write(), vector("094-c-provision-accountwipe-161-resp"));
    // RemoteWipe stands last, behind the policies.
    let both = provision::Response { remote_wipe: true, ..second.clone() };
    let mut expected = second.write();
    expected.pop();
    expected.extend([0x0c, 1]);
    assert_eq!(both.write(), expected);
    if let Some(bytes) = public("004-easarchiver-provision-165") {
        assert_eq!(write_status(Command::Provision, 165, Version::V14_1), bytes);
    }
}

#[test]
fn get_item_estimate() {
    let request = |name| get_item_estimate::Request::read(vector(name)).unwrap().collections;
    let collection = get_item_estimate::Collection {
        id: "m1".to_owned(),
        key: "{a1}2".to_owned(),
        filter: Some(3),
        ..Default::default()
    };
    let old = get_item_estimate::Collection { class: Some(Class::Email), ..collection.clone() };
    assert_eq!(request("096-c-getitemestimate-25-req"), [old]);
    assert_eq!(request("097-c-getitemestimate-141-req"), [collection]);
    let estimate = Estimate { status: 1, class: Some(Class::Email), id: "m1".to_owned(), estimate: Some(42) };
    let response = get_item_estimate::Response { status: None, collections: vec![estimate] };
    assert_eq!(response.write(Version::V14_1), vector("098-c-getitemestimate-resp"));
    let named = [&[0x49, 3][..], b"Email", &[0, 1]].concat();
    let contains = |bytes: Vec<u8>| bytes.windows(named.len()).any(|window| window == named);
    assert!(contains(response.write(Version::V12_1)));
    assert!(!contains(response.write(Version::V14_0)));
}

#[test]
fn meeting_responses() {
    let answer = |name| meeting::Request::read(vector(name)).unwrap().answers.remove(0);
    let instance =
        meeting::Instance { text: "2025-04-28T08:00:00.000Z".to_owned(), start: Some("20250428T080000Z".to_owned()) };
    let expected = meeting::Answer {
        collection: "m1".to_owned(),
        request: "m1:815".to_owned(),
        instance: Some(instance),
        ..Default::default()
    };
    assert_eq!(answer("101-c-meetingresponse-141-req"), expected);
    let send = meeting::Send {
        body: Some((BodyKind::Plain, "Komme später".to_owned())),
        start: Some("20250428T090000Z".to_owned()),
        end: Some("20250428T093000Z".to_owned()),
    };
    let expected = meeting::Answer {
        response: meeting::Response::Tentative,
        collection: "k4".to_owned(),
        request: "k4:3".to_owned(),
        send: Some(send),
        ..Default::default()
    };
    assert_eq!(answer("102-c-meetingresponse-161-req"), expected);
    let outcome =
        Outcome { request: "m1:815".to_owned(), status: 1, calendar: Some("k4:99".to_owned()), instance: None };
    let reply = meeting::Reply { results: vec![outcome] };
    assert_eq!(reply.write(Version::V14_1), vector("103-c-meetingresponse-resp"));
}

#[test]
fn settings_requests() {
    let request = |name| settings::Request::read(vector(name)).unwrap();
    let part = |subject, action| vec![Part { subject, action: Some(action) }];
    let device = request("122-c-settings-deviceinfo-140-req");
    assert_eq!(device.parts, part(Subject::DeviceInformation, Action::Set));
    assert_eq!(
        device.device_information.unwrap(),
        map([("Model", "Phone X"), ("OS", "Android 15"), ("OSLanguage", "de"), ("UserAgent", "Mail/1.0")])
    );
    assert_eq!(request("124-c-settings-oof-get-req").parts, part(Subject::Oof, Action::Get));
    assert_eq!(request("124-c-settings-oof-get-req").oof, Some(oof::Request::Get { html: false }));
    let off = oof::Oof { state: Some(oof::State::Off), ..Default::default() };
    assert_eq!(request("126-c-settings-oof-set-req").oof, Some(oof::Request::Set(off)));
    assert_eq!(request("126-c-settings-oof-set-req").parts, part(Subject::Oof, Action::Set));
    assert_eq!(request("127-c-settings-userinfo-req").parts, part(Subject::UserInformation, Action::Get));
    assert_eq!(request("130-c-settings-devicepassword-req").parts, part(Subject::DevicePassword, Action::Set));
    if let Some(bytes) = public("029-libwbxml-activesync-001-settings-device-information-plain") {
        let device = settings::Request::read(bytes).unwrap().device_information.unwrap();
        assert_eq!(device["FriendlyName"], "Test Device");
    }
}

#[test]
fn settings_answers() {
    let response = |subject, addresses: &[&str]| settings::Response {
        status: 1,
        parts: vec![PartResponse {
            subject,
            status: 1,
            addresses: addresses.iter().map(|&address| address.to_owned()).collect(),
            oof: None,
        }],
    };
    let device = response(Subject::DeviceInformation, &[]);
    assert_eq!(device.write(Version::V14_0), vector("123-c-settings-deviceinfo-140-resp"));
    let message = oof::Message {
        audience: oof::Audience::Internal,
        enabled: true,
        text: Some("Im Urlaub".to_owned()),
        html: false,
    };
    let mut away = response(Subject::Oof, &[]);
    away.parts[0].oof = Some(oof::Oof {
        state: Some(oof::State::Timed),
        start: Some("2025-08-01T00:00:00.000Z".to_owned()),
        end: Some("2025-08-15T00:00:00.000Z".to_owned()),
        messages: vec![message],
        wrong: false,
    });
    assert_eq!(away.write(Version::V12_0), vector("125-c-settings-oof-get-resp"));
    let user = response(Subject::UserInformation, &["erika@example.org"]);
    assert_eq!(user.write(Version::V12_1), vector("128-c-settings-userinfo-121-resp"));
    assert_eq!(user.write(Version::V14_0), vector("128-c-settings-userinfo-121-resp"));
    assert_eq!(user.write(Version::V14_1), vector("129-c-settings-userinfo-141-resp"));
}

#[test]
fn a_status_alone() {
    assert_eq!(write_status(Command::FolderSync, 9, Version::V2_5), vector("052-c-foldersync-status9-resp"));
    let mail = write_status(Command::SendMail, 120, Version::V14_1);
    assert_eq!(mail, vector("105-c-sendmail-status-resp"), "{mail:02x?}");
}

#[test]
fn malformed_documents_are_malformed_requests() {
    let malformed: Vec<_> = VECTORS.iter().filter(|(name, _)| name.starts_with("malformed/")).collect();
    assert_eq!(malformed.len(), 53);
    for (name, bytes) in malformed {
        assert!(sync::Request::read(bytes, Version::V14_1).is_err(), "{name}");
        assert!(ping::Request::read(bytes).is_err(), "{name}");
        assert!(provision::Request::read(bytes).is_err(), "{name}");
        assert!(settings::Request::read(bytes).is_err(), "{name}");
        assert!(get_item_estimate::Request::read(bytes).is_err(), "{name}");
        let result = folder_sync::Request::read(bytes);
        assert!(result.is_err(), "{name}");
        if name.contains("truncated-foldersync") {
            assert!(matches!(result, Err(Malformed::Wbxml(_))), "{name}: {result:?}");
        }
    }
}

use std::{collections::HashSet, sync::LazyLock};

use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{
    Command, Malformed, Version,
    class::{
        BodyKind, BodyPreference, Class, View,
        tests::{any_contact, view},
    },
    folder_sync, get_item_estimate, ping, provision, settings,
    sync::{self, CollectionResponse, CommandKind, CommandResult, ServerCommand, ServerKind},
    write_status,
};
use crate::wbxml::{
    Reader, Tag,
    tag::provision as p,
    xml::{decode_to_xml, encode_from_xml},
};

/// Elements that are containers and nothing else.
static CONTAINERS: LazyLock<HashSet<Tag>> = LazyLock::new(|| {
    let rows = include_str!("../wbxml/code-pages.tsv").lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
    rows.filter(|row| row[5] == "container").map(|row| Tag::by_name(row[1], row[3]).unwrap()).collect()
});

/// Reads a document to its end and gives its containers that have nothing in them.
fn empty_containers(document: &[u8]) -> Vec<Tag> {
    fn walk(reader: &mut Reader<'_>, tag: Tag, found: &mut Vec<Tag>) {
        if !CONTAINERS.contains(&tag) {
            return reader.skip().unwrap();
        }
        let mut empty = true;
        while let Some(child) = reader.child().unwrap() {
            empty = false;
            walk(reader, child, found);
        }
        if empty {
            found.push(tag);
        }
    }
    let mut reader = Reader::new(document).unwrap();
    let root = reader.root().unwrap();
    let mut found = Vec::new();
    walk(&mut reader, root, &mut found);
    reader.finish().unwrap();
    found
}

#[test]
fn the_test_sees_empty_containers() {
    let document = encode_from_xml(r#"<Sync xmlns="AirSync"><Collections/></Sync>"#).unwrap();
    assert_eq!(format!("{:?}", empty_containers(&document)), "[AirSync:Collections]");
}

fn xml(document: &[u8]) -> String {
    decode_to_xml(document).unwrap().lines().map(str::trim).collect()
}

#[test]
fn what_phones_make_of_provision_is_understood() {
    let read = |children: &str| {
        let xml = format!(r#"<Provision xmlns="Provision">{children}</Provision>"#);
        provision::Request::read(&encode_from_xml(&xml).unwrap()).unwrap()
    };
    let nothing = provision::Request::default();
    assert_eq!(read(""), nothing);
    // One byte of root.
    assert_eq!(provision::Request::read(&[3, 1, 0x6a, 0, 0, 0x0e, 0x05]).unwrap(), nothing);
    // A stray Status where the PolicyType belongs, before the acknowledgement of a wipe.
    let stray = read(
        "<Status>1</Status><Policies><Policy><Status>1</Status></Policy></Policies><RemoteWipe><Status>1</Status></RemoteWipe>",
    );
    assert_eq!((stray.policy_type, stray.policy_status, stray.remote_wipe), (None, Some(1), Some(1)));
    assert_eq!(read("<RemoteWipe/>").remote_wipe, Some(0));
    assert_eq!(read("<RemoteWipe><Status/></RemoteWipe>").remote_wipe, Some(0));
    assert_eq!(read("<RemoteWipe><Status>2</Status></RemoteWipe>").remote_wipe, Some(2));
    assert_eq!(read("<AccountOnlyRemoteWipe/>").account_only_remote_wipe, Some(0));
    // A key that is none must look like a wrong key, not like the first phase.
    for key in ["", "-1", "x", "4294967296"] {
        let read = read(&format!("<Policies><Policy><PolicyKey>{key}</PolicyKey></Policy></Policies>"));
        assert_eq!(read.policy_key, Some(0), "{key}");
    }
    assert_eq!(
        read("<Policies><Policy><PolicyKey>4294967295</PolicyKey></Policy></Policies>").policy_key,
        Some(u32::MAX)
    );
    let device = read(r#"<DeviceInformation xmlns="Settings"/>"#).device_information.unwrap();
    assert!(device.is_empty());
    let device = read(r#"<DeviceInformation xmlns="Settings"><Model>X</Model></DeviceInformation>"#);
    assert_eq!(device.device_information.unwrap()["Model"], "X");
    let long = format!(
        r#"<DeviceInformation xmlns="Settings"><Set><Model>{}</Model></Set></DeviceInformation>"#,
        "ä".repeat(600)
    );
    assert_eq!(read(&long).device_information.unwrap()["Model"].len(), 1024);
}

#[test]
fn a_ping_without_folders_differs_from_one_with_none() {
    let read = |children: &str| {
        ping::Request::read(&encode_from_xml(&format!(r#"<Ping xmlns="Ping">{children}</Ping>"#)).unwrap())
    };
    assert_eq!(read("").unwrap(), ping::Request::default());
    assert_eq!(read("<Folders/>").unwrap().folders, Some(vec![]));
    let folders = read("<Folders><Folder><Id>1</Id><Class>SMS</Class></Folder><Folder/></Folders>").unwrap().folders;
    let expected = [ping::Folder { id: "1".to_owned(), class: None }, ping::Folder::default()];
    assert_eq!(folders.unwrap(), expected);
    assert_eq!(read("<HeartbeatInterval/>").unwrap().heartbeat, None);
    assert_eq!(read("<HeartbeatInterval>x</HeartbeatInterval>"), Err(Malformed::Schema("HeartbeatInterval")));
}

#[test]
fn a_folder_sync_without_key_is_not_according_to_the_schema() {
    let read = |xml: &str| folder_sync::Request::read(&encode_from_xml(xml).unwrap());
    let missing = read(r#"<FolderSync xmlns="FolderHierarchy"/>"#);
    assert!(matches!(missing, Err(Malformed::Schema(_))));
    let empty = read(r#"<FolderSync xmlns="FolderHierarchy"><SyncKey/></FolderSync>"#);
    assert_eq!(empty.unwrap().key, "");
}

#[test]
fn options_for_sms_do_not_change_the_estimate() {
    let body = encode_from_xml(
        r#"<GetItemEstimate xmlns="GetItemEstimate"><Collections><Collection><SyncKey xmlns="AirSync">1</SyncKey><CollectionId>m1</CollectionId>
        <Options xmlns="AirSync"><Class>Email</Class><FilterType>3</FilterType></Options>
        <Options xmlns="AirSync"><Class>SMS</Class><FilterType>5</FilterType></Options></Collection></Collections></GetItemEstimate>"#,
    );
    let request = get_item_estimate::Request::read(&body.unwrap()).unwrap();
    assert_eq!(request.collections[0].filter, Some(3));
}

#[test]
fn settings_are_answered_in_the_order_of_the_request() {
    let body = encode_from_xml(
        r#"<Settings xmlns="Settings"><UserInformation><Get/></UserInformation><Oof><Get><BodyType>Text</BodyType></Get></Oof><DevicePassword/>
        <RightsManagementInformation><Get/></RightsManagementInformation><DeviceInformation><Set><Model>X</Model></Set></DeviceInformation></Settings>"#,
    );
    let request = settings::Request::read(&body.unwrap()).unwrap();
    assert_eq!(request.parts[2], settings::Part { subject: settings::Subject::DevicePassword, action: None });
    let status = |part: &settings::Part| if part.action.is_some() { 1 } else { 2 };
    let part = |part: &settings::Part| settings::PartResponse {
        subject: part.subject,
        status: status(part),
        addresses: vec![],
        oof: None,
    };
    let response = settings::Response { status: 1, parts: request.parts.iter().map(part).collect() };
    assert_eq!(
        xml(&response.write(Version::V14_1)),
        r#"<Settings xmlns="Settings"><Status>1</Status><UserInformation><Status>1</Status></UserInformation><Oof><Status>1</Status></Oof><DevicePassword><Status>2</Status></DevicePassword><RightsManagementInformation><Status>1</Status></RightsManagementInformation><DeviceInformation><Status>1</Status></DeviceInformation></Settings>"#
    );
}

const COMMANDS: [(Command, bool); 24] = [
    (Command::Sync, true),
    (Command::SendMail, true),
    (Command::SmartForward, true),
    (Command::SmartReply, true),
    (Command::GetAttachment, false),
    (Command::GetHierarchy, false),
    (Command::CreateCollection, false),
    (Command::DeleteCollection, false),
    (Command::MoveCollection, false),
    (Command::FolderSync, true),
    (Command::FolderCreate, true),
    (Command::FolderDelete, true),
    (Command::FolderUpdate, true),
    (Command::MoveItems, true),
    (Command::GetItemEstimate, true),
    (Command::MeetingResponse, true),
    (Command::Search, true),
    (Command::Settings, true),
    (Command::Ping, true),
    (Command::ItemOperations, true),
    (Command::Provision, true),
    (Command::ResolveRecipients, true),
    (Command::ValidateCert, true),
    (Command::Find, true),
];

#[test]
fn a_status_stands_in_the_root_of_its_command() {
    for (command, answers) in COMMANDS {
        let document = write_status(command, 142, Version::V14_1);
        if answers {
            let xml = xml(&document);
            assert!(xml.starts_with(&format!("<{command:?} xmlns=")), "{xml}");
            assert!(xml.ends_with(&format!("><Status>142</Status></{command:?}>")), "{xml}");
        } else {
            assert!(document.is_empty(), "{command:?}");
        }
    }
}

#[test]
fn common_statuses_are_told_only_to_versions_that_know_them() {
    for version in Version::ALL {
        let tells = |status| !write_status(Command::FolderSync, status, version).is_empty();
        assert_eq!(tells(140), version >= Version::V14_0, "{version}");
        assert!(tells(9), "{version}");
    }
}

fn text() -> impl Strategy<Value = String> + Clone {
    "[ -~ä\u{0}\u{1}]{0,6}"
}

fn any_version() -> impl Strategy<Value = Version> {
    select(&Version::ALL[..])
}

fn any_view() -> impl Strategy<Value = View> {
    let kind = select(vec![BodyKind::Plain, BodyKind::Html, BodyKind::Mime]);
    let preference = (kind, option::of(0..40u32), any::<bool>(), option::of(0..20u32)).prop_map(
        |(kind, truncation_size, all_or_none, preview)| BodyPreference { kind, truncation_size, all_or_none, preview },
    );
    (any_version(), vec(preference, 0..3), option::of(0..11u32)).prop_map(|(version, bodies, truncation)| View {
        bodies,
        truncation,
        ..view(version)
    })
}

fn any_collection() -> impl Strategy<Value = CollectionResponse> {
    let kind = select(vec![ServerKind::Add, ServerKind::Change, ServerKind::Delete, ServerKind::SoftDelete]);
    let command =
        (kind, text(), any_contact()).prop_map(|(kind, server_id, item)| ServerCommand { kind, server_id, item });
    let kind = select(vec![CommandKind::Add, CommandKind::Change, CommandKind::Delete, CommandKind::Fetch]);
    let result =
        (kind, option::of(text()), option::of(text()), option::of(text()), any::<u16>(), option::of(any_contact()))
            .prop_map(|(kind, client_id, server_id, instance, status, item)| CommandResult {
                kind,
                client_id,
                server_id,
                instance,
                status,
                item,
            });
    let class = select(vec![Class::Email, Class::Contacts, Class::Notes]);
    (class, text(), text(), vec(command, 0..4), vec(result, 0..4), any::<bool>(), any_view()).prop_map(
        |(class, key, id, commands, responses, more_available, view)| CollectionResponse {
            class,
            key,
            id,
            status: 1,
            commands,
            responses,
            more_available,
            view,
        },
    )
}

fn any_provision() -> impl Strategy<Value = provision::Response> {
    let value = prop_oneof![
        text().prop_map(provision::PolicyValue::Text),
        vec(text(), 0..3).prop_map(|values| provision::PolicyValue::List(p::HASH, values)),
    ];
    let tag = select(vec![p::APPROVED_APPLICATION_LIST, p::MAX_ATTACHMENT_SIZE]);
    let data = prop_oneof![
        text().prop_map(provision::PolicyData::Wap),
        vec((tag, value), 0..4).prop_map(provision::PolicyData::Document),
    ];
    let policy = (text(), any::<u16>(), option::of(any::<u32>()), option::of(data))
        .prop_map(|(kind, status, key, data)| provision::Policy { kind, status, key, data });
    (option::of(any::<u16>()), any::<u16>(), option::of(policy), any::<bool>(), any::<bool>()).prop_map(
        |(device_information_status, status, policy, remote_wipe, account_only_remote_wipe)| provision::Response {
            device_information_status,
            status,
            policy,
            remote_wipe,
            account_only_remote_wipe,
        },
    )
}

fn any_folder_sync() -> impl Strategy<Value = folder_sync::Response> {
    let folder = (text(), text(), text()).prop_map(|(server_id, parent_id, name)| folder_sync::Folder {
        server_id,
        parent_id,
        name,
        kind: folder_sync::FolderKind::Contacts,
    });
    let change = prop_oneof![
        folder.clone().prop_map(folder_sync::Change::Add),
        folder.prop_map(folder_sync::Change::Update),
        text().prop_map(folder_sync::Change::Delete),
    ];
    (any::<u16>(), option::of(text()), option::of(vec(change, 0..5)))
        .prop_map(|(status, key, changes)| folder_sync::Response { status, key, changes })
}

/// Real requests, for bending.
fn requests() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/valid");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let hex = |file: std::path::PathBuf| {
        let text = std::fs::read_to_string(file).unwrap();
        text.split_whitespace().map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
    };
    let requests: Vec<_> = files.filter(|file| file.to_string_lossy().ends_with("req.hex")).map(hex).collect();
    assert!(requests.len() > 20);
    requests
}

proptest! {
    #[test]
    fn sync_answers_are_readable_and_have_no_empty_containers(collections in vec(any_collection(), 0..3), status in option::of(any::<u16>())) {
        for version in Version::ALL {
            let document = sync::Response { status, limit: None, collections: collections.clone() }.write(version);
            if !document.is_empty() {
                prop_assert_eq!(empty_containers(&document), vec![]);
            }
        }
    }

    #[test]
    fn other_answers_are_readable_and_have_no_empty_containers(
        provision in any_provision(),
        folder_sync in any_folder_sync(),
        folders in vec(text(), 0..3),
        addresses in vec(text(), 0..3),
        version in any_version(),
    ) {
        let ping = ping::Response { status: 2, folders: folders.clone(), ..Default::default() };
        let estimate = |id: &String| get_item_estimate::Estimate { status: 1, class: Some(Class::Contacts), id: id.clone(), estimate: None };
        let estimates = get_item_estimate::Response { status: Some(1), collections: folders.iter().map(estimate).collect() };
        let part = settings::PartResponse { subject: settings::Subject::UserInformation, status: 1, addresses, oof: None };
        let settings = settings::Response { status: 1, parts: vec![part] };
        for document in [provision.write(), folder_sync.write(), ping.write(), estimates.write(version), settings.write(version)] {
            prop_assert_eq!(empty_containers(&document), vec![]);
        }
    }

    #[test]
    fn bent_requests_are_answered_not_panicked_on(
        request in select(requests()),
        bends in vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 0..6),
        version in any_version(),
    ) {
        let mut body = request;
        for (at, byte, how) in bends {
            if body.is_empty() {
                break;
            }
            let at = at.index(body.len());
            match how {
                0 => body[at] = byte,
                1 => body.insert(at, byte),
                _ => drop(body.remove(at)),
            }
        }
        let _ = sync::Request::read(&body, version);
        let _ = folder_sync::Request::read(&body);
        let _ = get_item_estimate::Request::read(&body);
        let _ = ping::Request::read(&body);
        let _ = provision::Request::read(&body);
        let _ = settings::Request::read(&body);
    }
}

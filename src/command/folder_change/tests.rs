use super::*;
use crate::{
    command::tests::{Device, Mailbox, block_on},
    source::Source as _,
};

fn request(device: &Device, key: &str, folder: &str, parent: &str, name: &str) -> Request {
    let id = |name: &str| device.ids.get(name).cloned().unwrap_or_else(|| name.to_owned());
    Request { key: key.into(), folder: id(folder), parent: id(parent), name: name.into(), kind: 12 }
}

async fn ask(device: &Device, mail: &Mailbox, command: Command, request: &Request) -> Result<Response, Error> {
    answer(&device.locked, Some(mail), command, request).await
}

fn names(mail: &Mailbox) -> Vec<String> {
    mail.folders().into_iter().map(|folder| folder.name).collect()
}

#[test]
fn folders_are_made_renamed_and_deleted_and_the_next_folder_sync_is_silent() {
    block_on(async {
        let mail = Mailbox::new();
        let device = Device::knowing(&mail).await;
        let made = ask(&device, &mail, Command::FolderCreate, &request(&device, &device.key, "", "Work", "New")).await;
        let made = made.unwrap();
        let (id, key) = (made.folder.unwrap(), made.key.unwrap());
        assert_eq!(made.status, 1);
        let renamed =
            ask(&device, &mail, Command::FolderUpdate, &request(&device, &key, &id, TOP, "Neu")).await.unwrap();
        let key = renamed.key.unwrap();
        let there = mail.folders().into_iter().find(|folder| folder.name == "Neu").unwrap();
        assert_eq!(there.parent, None);
        let deleted =
            ask(&device, &mail, Command::FolderDelete, &request(&device, &key, "Work", "", "")).await.unwrap();
        assert_eq!(names(&mail), ["INBOX", "Neu", "Sent", "Trash"]);
        let present: Vec<_> = mail.containers().await.unwrap().into_iter().map(|c| (Class::Email, c)).collect();
        let (_, answer, _) = Hierarchy::answer(Some(device.hierarchy()), &deleted.key.unwrap(), &present).unwrap();
        assert_eq!(answer.changes, []);
    });
}

#[test]
fn a_repeated_request_gets_the_same_answer_and_changes_nothing() {
    block_on(async {
        let mail = Mailbox::new();
        let device = Device::knowing(&mail).await;
        let key = device.key.clone();
        for (command, folder, parent, name) in [
            (Command::FolderCreate, "", "Work", "New"),
            (Command::FolderUpdate, "Old", TOP, "Older"),
            (Command::FolderDelete, "Old", "", ""),
        ] {
            let key = if command == Command::FolderCreate { key.clone() } else { device.hierarchy().newest_key() };
            let asked = request(&device, &key, folder, parent, name);
            let first = ask(&device, &mail, command, &asked).await.unwrap();
            let writes = mail.state().writes;
            assert_eq!(first.status, 1, "{command}");
            assert_eq!(ask(&device, &mail, command, &asked).await.unwrap(), first, "{command}");
            assert_eq!(mail.state().writes, writes, "{command}");
        }
    });
}

#[test]
fn a_write_whose_answer_was_lost_is_found() {
    block_on(async {
        let mail = Mailbox::new();
        let device = Device::knowing(&mail).await;
        for (command, folder, name) in [
            (Command::FolderCreate, "", "New"),
            (Command::FolderUpdate, "Old", "Older"),
            (Command::FolderDelete, "Old", ""),
        ] {
            let asked = request(&device, &device.hierarchy().newest_key(), folder, "Work", name);
            mail.state().fails_after = Some(0);
            assert!(matches!(ask(&device, &mail, command, &asked).await, Err(Error::RetryLater { .. })), "{command}");
            let again = ask(&device, &mail, command, &asked).await.unwrap();
            assert_eq!((again.status, again.folder.is_some()), (1, command == Command::FolderCreate), "{command}");
        }
        assert_eq!(names(&mail), ["INBOX", "New", "Sent", "Trash", "Work"].map(str::to_owned));
    });
}

#[test]
fn refusals() {
    use Command::{FolderCreate as Create, FolderDelete as Delete, FolderUpdate as Update};
    block_on(async {
        let mail = Mailbox::new();
        let device = Device::knowing(&mail).await;
        let key = device.key.as_str();
        for (command, folder, parent, name, expected) in [
            (Create, "", "Work", "Old", status::EXISTS),
            (Create, "", "nowhere", "New", status::NO_PARENT),
            (Update, "nowhere", TOP, "New", status::NO_FOLDER),
            (Update, "Old", "nowhere", "New", status::NO_PARENT),
            (Update, "Work", "Old", "New", status::NO_PARENT),
            (Update, "Old", TOP, "Work", status::EXISTS),
            (Update, "INBOX", TOP, "New", status::EXISTS),
            (Delete, "Trash", "", "", status::SPECIAL),
            (Delete, "nowhere", "", "", status::NO_FOLDER),
        ] {
            let refused = ask(&device, &mail, command, &request(&device, key, folder, parent, name)).await.unwrap();
            assert_eq!(refused, Response { status: expected, key: None, folder: None }, "{command} {folder} {name}");
        }
        for (kind, expected) in [(13, status::SPECIAL), (2, status::MALFORMED), (19, status::MALFORMED)] {
            let asked = Request { kind, ..request(&device, key, "", TOP, "New") };
            assert_eq!(ask(&device, &mail, Create, &asked).await.unwrap().status, expected, "{kind}");
        }
        let stale = request(&device, "{00000000000000ab}7", "", TOP, "New");
        assert_eq!(ask(&device, &mail, Create, &stale).await.unwrap().status, status::KEY);
        assert_eq!(mail.state().writes, 0);
        let bytes = carry_out(&device.locked, Some(&mail), Delete, b"\x03\x01\x6a\x00\x00\x07\x14").await.unwrap();
        assert_eq!(bytes, refused(status::MALFORMED).write(Delete));
    });
}

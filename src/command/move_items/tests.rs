use super::*;
use crate::command::tests::{Device, Mailbox, Message, block_on};

fn asker<'a>(device: &'a Device, device_type: &'a str) -> Asker<'a> {
    Asker { locked: &device.locked, device_type, version: Version::V14_1, now: 1_795_521_600 }
}

fn one(device: &Device, uid: &str, from: &str, to: &str) -> Move {
    let id = |name: &str| device.ids.get(name).cloned().unwrap_or_else(|| name.to_owned());
    Move { item: format!("{}:{uid}", id(from)), from: id(from), to: Some(id(to)) }
}

async fn ask(device: &Device, mail: &Mailbox, moves: &[Move]) -> Result<Vec<Outcome>, Error> {
    answer(asker(device, "iPhone"), Some(mail), moves).await
}

#[test]
fn mails_are_moved_and_a_repeated_request_gets_the_same_answer() {
    block_on(async {
        let mail = Mailbox::new();
        let device = Device::knowing(&mail).await;
        let (a, b) = (mail.put("inbox", Message::new("a")), mail.put("inbox", Message::new("b")));
        mail.put("work", Message::new("c"));
        let moves = [one(&device, &a, "INBOX", "Work"), one(&device, &b, "INBOX", "Old")];
        let first = ask(&device, &mail, &moves).await.unwrap();
        assert_eq!(first[0].status, status::MOVED);
        assert_eq!(first[0].moved, Some(format!("{}:7.2", device.id("Work"))));
        assert_eq!(first[1].moved, Some(format!("{}:7.1", device.id("Old"))));
        assert_eq!((mail.subjects("work"), mail.subjects("old")), (vec!["c".into(), "a".into()], vec!["b".to_owned()]));
        let writes = mail.state().writes;
        assert_eq!(ask(&device, &mail, &moves).await.unwrap(), first);
        assert_eq!(mail.state().writes, writes);
        // Back again, and there once more.
        let back = one(&device, "7.2", "Work", "INBOX");
        let back = ask(&device, &mail, &[back]).await.unwrap();
        assert_eq!(back[0].moved, Some(format!("{}:7.3", device.id("INBOX"))));
    });
}

#[test]
fn a_move_whose_answer_was_lost_is_found() {
    block_on(async {
        let mail = Mailbox::new();
        let device = Device::knowing(&mail).await;
        let mut other = Message::new("a");
        other.item.set_text(e::FROM, "erika@example.org");
        mail.put("work", other);
        let uid = mail.put("inbox", Message::new("a"));
        let moves = [one(&device, &uid, "INBOX", "Work")];
        mail.state().fails_after = Some(0);
        assert!(ask(&device, &mail, &moves).await.is_err());
        let again = ask(&device, &mail, &moves).await.unwrap();
        assert_eq!(again[0].moved, Some(format!("{}:7.2", device.id("Work"))));
        assert_eq!(mail.subjects("work"), ["a", "a"]);
        assert_eq!(ask(&device, &mail, &moves).await.unwrap(), again);
    });
}

#[test]
fn refusals() {
    block_on(async {
        let mail = Mailbox::new();
        let device = Device::knowing(&mail).await;
        let uid = mail.put("inbox", Message::new("a"));
        for (one, expected) in [
            (one(&device, &uid, "nowhere", "Work"), status::NO_SOURCE),
            (one(&device, "7.9", "INBOX", "Work"), status::NO_SOURCE),
            (Move { item: "else:7.1".into(), ..one(&device, &uid, "INBOX", "Work") }, status::NO_SOURCE),
            (one(&device, &uid, "INBOX", "nowhere"), status::NO_TARGET),
            (one(&device, &uid, "INBOX", "INBOX"), status::SAME),
            (Move { to: None, ..one(&device, &uid, "INBOX", "Work") }, status::CANNOT),
        ] {
            let results = ask(&device, &mail, std::slice::from_ref(&one)).await.unwrap();
            assert_eq!(results, [Outcome { item: one.item.clone(), status: expected, moved: None }]);
        }
        let none: Option<&Mailbox> = None;
        let results = answer(asker(&device, "x"), none, &[one(&device, &uid, "INBOX", "Work")]).await.unwrap();
        assert_eq!(results[0].status, status::CANNOT);
        assert_eq!(mail.subjects("inbox"), ["a"]);
    });
}

/// Item ids that a Sync tells of: added and deleted.
async fn told(device: &Device, mail: &Mailbox, folder: &str, key: &mut String) -> (Vec<String>, Vec<String>) {
    use crate::proto::sync::{Collection, ServerKind};
    let request = Collection { key: key.clone(), id: device.id(folder).into(), ..Collection::default() };
    let hierarchy = device.hierarchy();
    let container = hierarchy.folder(device.id(folder)).unwrap().container.clone();
    let place = Place { id: device.id(folder), container: &container, writable: true };
    let task =
        sync::Task { place, request: &request, version: Version::V14_1, now: 1_795_521_600, window: 100, cursor: None };
    let mut journal = device.locked.journal(device.id(folder)).unwrap();
    let response = sync::run(mail, &mut journal, task).await.unwrap().response;
    assert_eq!(response.status, 1);
    *key = response.key;
    let of = |kind| response.commands.iter().filter(move |c| c.kind == kind).map(|c| c.server_id.clone()).collect();
    (of(ServerKind::Add), of(ServerKind::Delete))
}

#[test]
fn phones_are_told_of_no_deletion_and_outlook_of_no_addition_either() {
    block_on(async {
        for (device_type, added) in [("iPhone", 1), ("WindowsOutlook15", 0)] {
            let mail = Mailbox::new();
            let device = Device::knowing(&mail).await;
            let uid = mail.put("inbox", Message::new("a"));
            mail.put("inbox", Message::new("stays"));
            let (mut inbox, mut work) = ("0".to_owned(), "0".to_owned());
            for _ in 0..2 {
                told(&device, &mail, "INBOX", &mut inbox).await;
                told(&device, &mail, "Work", &mut work).await;
            }
            let moves = [one(&device, &uid, "INBOX", "Work")];
            let moved = answer(asker(&device, device_type), Some(&mail), &moves).await.unwrap();
            assert_eq!(told(&device, &mail, "INBOX", &mut inbox).await, (vec![], vec![]), "{device_type}");
            let (adds, deletes) = told(&device, &mail, "Work", &mut work).await;
            assert_eq!((adds.len(), deletes.len()), (added, 0), "{device_type}");
            assert!(adds.iter().all(|id| Some(id) == moved[0].moved.as_ref()));
            assert_eq!(told(&device, &mail, "Work", &mut work).await, (vec![], vec![]), "{device_type}");
        }
    });
}

use super::*;
use crate::{
    command::tests::{Device, Mailbox, Message, block_on},
    proto::search::Query as Asked,
    wbxml::tag::email as e,
};

fn asked(text: &str, range: Option<&str>) -> Request {
    let query = Asked { text: Some(text.to_owned()), ..Asked::default() };
    Request { store: "Mailbox".into(), query, range: range.map(str::to_owned), ..Request::default() }
}

async fn ask(device: &Device, mail: &Mailbox, request: &Request) -> StoreResponse {
    answer(Some(mail), Some(&device.hierarchy()), request, Version::V14_1, 1_795_521_600).await.unwrap()
}

fn put(mail: &Mailbox, folder: &str, subject: &str, date: &str) {
    let mut message = Message::new(subject);
    message.item.set_text(e::DATE_RECEIVED, format!("{date}T12:00:00.000Z"));
    mail.put(folder, message);
}

fn subjects(store: &StoreResponse) -> Vec<&str> {
    store.results.iter().filter_map(|found| found.item.text(e::SUBJECT)).collect()
}

fn mailbox() -> Mailbox {
    let mail = Mailbox::new();
    put(&mail, "inbox", "Rechnung 1", "2026-11-01");
    put(&mail, "work", "Rechnung 2", "2026-11-03");
    put(&mail, "old", "Rechnung 3", "2026-11-02");
    put(&mail, "inbox", "anderes", "2026-11-04");
    mail
}

#[test]
fn the_last_received_comes_first_whatever_its_folder() {
    block_on(async {
        let mail = mailbox();
        let device = Device::knowing(&mail).await;
        let store = ask(&device, &mail, &asked("Rechnung", None)).await;
        assert_eq!(subjects(&store), ["Rechnung 2", "Rechnung 3", "Rechnung 1"]);
        assert_eq!((store.range, store.total), (Some(Range { first: 0, last: 2 }), Some(3)));
        assert_eq!(store.results[0].long_id, "work:7.1");
        assert_eq!(store.results[0].collection, device.id("Work"));
        let second = ask(&device, &mail, &asked("Rechnung", Some("1-1"))).await;
        assert_eq!((subjects(&second), second.total), (vec!["Rechnung 3"], Some(3)));
        let none = ask(&device, &mail, &asked("nirgends", None)).await;
        assert_eq!(none, refused(status::OK));
    });
}

#[test]
fn folders_and_dates() {
    block_on(async {
        let mail = mailbox();
        let device = Device::knowing(&mail).await;
        let mut request = asked("Rechnung", None);
        request.query.collections = vec![device.id("Work").into()];
        assert_eq!(subjects(&ask(&device, &mail, &request).await), ["Rechnung 2"]);
        request.deep = true;
        assert_eq!(subjects(&ask(&device, &mail, &request).await), ["Rechnung 2", "Rechnung 3"]);
        request.query.after = Some("2026-11-02T12:00:00.000Z".into());
        assert_eq!(subjects(&ask(&device, &mail, &request).await), ["Rechnung 2"]);
        request.query.before = Some("2026-11-03T12:00:00.000Z".into());
        assert_eq!(subjects(&ask(&device, &mail, &request).await), [] as [&str; 0]);
    });
}

#[test]
fn refusals() {
    block_on(async {
        let mail = mailbox();
        let device = Device::knowing(&mail).await;
        let good = asked("Rechnung", None);
        let with = |change: &dyn Fn(&mut Request)| {
            let mut request = good.clone();
            change(&mut request);
            request
        };
        for (request, expected) in [
            (with(&|r| r.store = "GAL".into()), status::DENIED),
            (with(&|r| r.store = "DocumentLibrary".into()), status::INVALID),
            (with(&|r| r.query.complex = true), status::COMPLEX),
            (with(&|r| r.query.wrong = true), status::INVALID),
            (with(&|r| r.query.text = None), status::INVALID),
            (with(&|r| r.range = Some("x".into())), status::INVALID),
            (with(&|r| r.range = Some("1000-1001".into())), status::END),
            (with(&|r| r.query.collections = vec!["nowhere".into()]), status::FOLDERS),
        ] {
            assert_eq!(ask(&device, &mail, &request).await, refused(expected));
        }
        let sms = with(&|r| r.query.classes = vec!["SMS".into()]);
        assert_eq!(ask(&device, &mail, &sms).await, refused(status::OK));
    });
}

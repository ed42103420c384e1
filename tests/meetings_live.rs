//! Meetings between users of a real Horde with real mail servers. Not part of `cargo test`; started with
//! `HORDE_EAS_LAB_RPC=http://host/horde/rpc.php HORDE_EAS_LAB_SMTP=smtp://host:587 HORDE_EAS_LAB_IMAP=host:143 cargo test --test meetings_live`.
//! Any user `e2e-NAME` (password `e2e-NAME-secret`, address `e2e-NAME@example.test`) must exist; python3 reads the mails.

// Helpers of tests may panic like the tests themselves.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use horde_eas::{
    command::{Context, Place, Site, flush, folder_sync, meeting_response, sync},
    config::Config,
    convert::ical::{self, Home},
    gateway::Hangup,
    horde::{Horde, Login, Settings},
    proto::{
        Query, Version,
        class::{Patch, Properties, Value},
    },
    smtp,
    source::{
        Error, Fetched, Identity, Inviting, Shared, Source,
        inviting::{Answer, Clerk, Office, Reply, Response},
        kronolith::Kronolith,
    },
    state::{DeviceId, Facts, Store},
    wbxml::{
        Tag, Writer,
        tag::{air_sync as a, air_sync_base as b, calendar as c, folder_hierarchy as fh, meeting_response as m},
        xml,
    },
};
use serde_json::Value as Json;

/// The office of a user, whose clock can be put forward.
struct Desk {
    clerk: Clerk,
    forward: AtomicU64,
}

impl Office for Desk {
    async fn me(&self) -> Result<Identity, Error> {
        self.clerk.me().await
    }

    async fn send(&self, mail: &smtp::Mail) -> Result<smtp::Sent, smtp::Error> {
        self.clerk.send(mail).await
    }

    fn now(&self) -> u64 {
        self.clerk.now() + self.forward.load(Ordering::SeqCst)
    }

    fn give_up(&self) -> u64 {
        self.clerk.give_up()
    }
}

struct User {
    name: String,
    dir: tempfile::TempDir,
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: these tests need the servers of tests/lab"))
}

impl User {
    fn new(role: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::SeqCst);
        let name = format!("e2e-meet-{role}-{}-{n}", std::process::id());
        Self { name, dir: tempfile::tempdir().unwrap() }
    }

    fn address(&self) -> String {
        format!("{}@example.test", self.name)
    }

    fn password(&self) -> String {
        format!("{}-secret", self.name)
    }

    /// The user's calendars as a request of his phone has them.
    fn calendars(&self, smtp: &str, forward: u64) -> Inviting<Kronolith, Desk> {
        let url = variable("HORDE_EAS_LAB_RPC");
        let horde = Horde::new(Settings { url, ..Settings::default() }).unwrap();
        let session = horde.session(&Login { user: self.name.clone(), password: self.password().into() });
        let store = Store::open(self.dir.path()).unwrap();
        let beside = store.beside(&self.name, "calendar").unwrap();
        let source = Kronolith::new(session.clone(), beside, &Shared::default());
        let smtp = smtp::Settings { url: smtp.to_owned(), ..smtp::Settings::default() };
        let clerk = Clerk::new(session, smtp, "example.test".into());
        let desk = Desk { clerk, forward: forward.into() };
        Inviting::new(source, desk, store.outbox(&self.name).unwrap(), true)
    }

    fn now(&self) -> Inviting<Kronolith, Desk> {
        self.calendars(&variable("HORDE_EAS_LAB_SMTP"), 0)
    }

    async fn calendar(&self) -> String {
        self.now().containers().await.unwrap().remove(0).id
    }

    /// The mails in the user's inbox, once there are `count` of them; a little longer, lest there be more.
    fn mails(&self, count: usize) -> Vec<Json> {
        let begun = Instant::now();
        while inbox(&self.name, &self.password()).len() < count && begun.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(200));
        }
        std::thread::sleep(Duration::from_secs(1));
        let mails: Vec<Json> = inbox(&self.name, &self.password()).iter().map(|mail| parse(mail)).collect();
        assert_eq!(mails.len(), count, "{mails:#?}");
        mails
    }
}

/// All messages in an inbox, by IMAP.
fn inbox(user: &str, password: &str) -> Vec<Vec<u8>> {
    let mut stream = TcpStream::connect(variable("HORDE_EAS_LAB_IMAP")).unwrap();
    let commands = format!("a login {user} {password}\r\nb select INBOX\r\nc fetch 1:* (BODY.PEEK[])\r\nd logout\r\n");
    stream.write_all(commands.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let (mut mails, mut line) = (Vec::new(), String::new());
    while reader.read_line(&mut line).unwrap() > 0 {
        assert!(!line.starts_with("a NO") && !line.starts_with("b NO"), "{line}");
        if let Some(size) = line.trim_end().strip_suffix('}').and_then(|l| l.rsplit_once('{')).map(|(_, n)| n) {
            let mut mail = vec![0; size.parse().unwrap()];
            reader.read_exact(&mut mail).unwrap();
            mails.push(mail);
        }
        line.clear();
    }
    mails
}

/// What Python's email package makes of a message.
fn parse(mail: &[u8]) -> Json {
    let script = "import sys, json, email, email.policy\n\
        m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)\n\
        parts = [{'type': p.get_content_type(), 'method': p.get_param('method'), 'charset': p.get_param('charset'), 'text': p.get_content()}\n\
                 for p in m.walk() if not p.is_multipart()]\n\
        print(json.dumps({'type': m.get_content_type(), 'subject': m['subject'], 'from': str(m['from']), 'to': str(m['to']),\n\
                          'id': m['message-id'], 'date': m['date'], 'defects': [str(d) for d in m.defects], 'parts': parts}))";
    let mut python =
        Command::new("python3").args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    python.stdin.take().unwrap().write_all(mail).unwrap();
    serde_json::from_slice(&python.wait_with_output().unwrap().stdout).unwrap()
}

/// The iCalendar part, as text and as our reader has it.
fn event(mail: &Json, method: &str) -> (String, ical::Event) {
    assert_eq!((mail["type"].as_str(), mail["defects"].as_array().unwrap().len()), (Some("multipart/alternative"), 0));
    assert_eq!(mail["parts"][0]["type"], "text/plain");
    let part = &mail["parts"][1];
    assert_eq!((part["type"].as_str(), part["charset"].as_str()), (Some("text/calendar"), Some("utf-8")), "{part}");
    assert_eq!(part["method"].as_str(), Some(method));
    let text = part["text"].as_str().unwrap().replace("\r\n", "\n").replace('\n', "\r\n");
    let event = ical::read(&text, &Home::default()).unwrap();
    assert_eq!(event.method.as_deref(), Some(method));
    (text.replace("\r\n ", ""), event)
}

fn texts(pairs: &[(Tag, &str)]) -> Properties {
    let mut item = Properties::default();
    pairs.iter().for_each(|(tag, text)| item.set_text(*tag, *text));
    item
}

fn attendee(user: &User) -> Properties {
    texts(&[(c::EMAIL, &user.address()), (c::NAME, "Bö, B."), (c::ATTENDEE_TYPE, "1")])
}

fn meeting(users: &[&User]) -> Properties {
    let mut item = texts(&[
        (c::SUBJECT, "Planung für \"2030\""),
        (c::START_TIME, "20301202T080000Z"),
        (c::END_TIME, "20301202T090000Z"),
        (c::REMINDER, "15"),
        (c::BUSY_STATUS, "2"),
    ]);
    item.0.insert(c::ATTENDEES, Value::Groups(users.iter().map(|user| attendee(user)).collect()));
    item
}

fn set(pairs: &[(Tag, &str)]) -> Patch {
    Patch { set: texts(pairs), clear: Vec::new() }
}

async fn read(calendars: &Inviting<Kronolith, Desk>, calendar: &str, uid: &str) -> Properties {
    calendars.cursor(calendar).await.unwrap();
    match calendars.fetch(calendar, &[uid.to_owned()], &[]).await.unwrap().remove(0) {
        Fetched::Item(item) => item,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invitation_answer_update_and_cancellation_arrive_once() {
    let (anna, bob) = (User::new("anna"), User::new("bob"));
    let (hers, his) = (anna.calendar().await, bob.calendar().await);
    let uid = format!("{}@meet.test", anna.name);

    anna.now().add(&hers, &uid, &meeting(&[&bob])).await.unwrap();
    let mails = bob.mails(1);
    let (text, invitation) = event(&mails[0], "REQUEST");
    assert_eq!(invitation.uid, uid);
    assert_eq!(mails[0]["subject"], "Planung für \"2030\"");
    assert!(mails[0]["from"].as_str().unwrap().contains(&anna.address()), "{}", mails[0]);
    assert!(mails[0]["to"].as_str().unwrap().contains(&bob.address()), "{}", mails[0]);
    assert!(text.contains(&format!("mailto:{}", anna.address())) && text.contains("ORGANIZER"), "{text}");
    assert!(text.contains("PARTSTAT=NEEDS-ACTION;RSVP=TRUE") && text.contains("SEQUENCE:0\r\n"), "{text}");
    assert!(!text.contains("VALARM") && !text.contains("DTSTAMP:1970"), "{text}");

    // As his phone, or his mail program, puts it into his calendar.
    let mut received = invitation.item.clone();
    received.set_text(c::MEETING_STATUS, "3");
    bob.now().add(&his, &uid, &received).await.unwrap();
    assert_eq!(inbox(&anna.name, &anna.password()).len(), 0, "putting it there answers nothing");
    let reply = Reply { comment: "Gern, bis dann".into(), proposal: None };
    let answer = Answer { response: Response::Accepted, instance: None, reply: Some(reply) };
    for _ in 0..2 {
        bob.now().answer(&his, &uid, &answer).await.unwrap();
    }
    let mails = anna.mails(1);
    let (text, told) = event(&mails[0], "REPLY");
    assert_eq!(mails[0]["subject"], "Accepted: Planung für \"2030\"");
    assert_eq!(told.uid, uid);
    let attendees = told.item.groups(c::ATTENDEES);
    assert_eq!(attendees.len(), 1, "{text}");
    assert_eq!(attendees[0].text(c::EMAIL), Some(&*bob.address()));
    assert_eq!(attendees[0].text(c::ATTENDEE_STATUS), Some("3"));
    assert!(text.contains("COMMENT:Gern\\, bis dann\r\n"), "{text}");
    assert!(mails[0]["parts"][0]["text"].as_str().unwrap().contains("Gern, bis dann"));
    let there = read(&bob.now(), &his, &uid).await;
    assert_eq!((there.text(c::RESPONSE_TYPE), there.text(c::BUSY_STATUS)), (Some("3"), Some("2")), "{there:?}");
    assert_eq!(there.text(c::MEETING_STATUS), Some("3"));
    assert_eq!(there.groups(c::ATTENDEES)[0].text(c::ATTENDEE_STATUS), Some("3"));

    // What only she sees, then the time.
    anna.now().change(&hers, &uid, &set(&[(c::REMINDER, "30")])).await.unwrap();
    anna.now().change(&hers, &uid, &set(&[(c::END_TIME, "20301202T093000Z")])).await.unwrap();
    anna.now().flush().await;
    let mails = bob.mails(2);
    let (text, update) = event(&mails[1], "REQUEST");
    assert_eq!((update.sequence, update.item.text(c::END_TIME)), (1, Some("20301202T093000Z")), "{text}");
    assert_ne!(mails[0]["id"], mails[1]["id"]);

    anna.now().delete(&hers, &uid).await.unwrap();
    let mails = bob.mails(3);
    let (text, cancel) = event(&mails[2], "CANCEL");
    assert!(text.contains("STATUS:CANCELLED\r\n") && cancel.sequence == 2, "{text}");
    assert_eq!(mails[2]["subject"], "Canceled: Planung für \"2030\"");

    bob.now().delete(&his, &uid).await.unwrap();
    bob.mails(3);
    anna.mails(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn single_occurrences_have_their_own_mails() {
    let (anna, bob) = (User::new("anna"), User::new("bob"));
    let (hers, his) = (anna.calendar().await, bob.calendar().await);
    let uid = format!("{}@meet.test", anna.name);
    let mut series = meeting(&[&bob]);
    let rule = texts(&[(c::TYPE, "1"), (c::INTERVAL, "1"), (c::DAY_OF_WEEK, "2"), (c::OCCURRENCES, "5")]);
    series.0.insert(c::RECURRENCE, Value::Group(rule));
    anna.now().add(&hers, &uid, &series).await.unwrap();
    let (text, invitation) = event(&bob.mails(1)[0], "REQUEST");
    assert!(text.contains("RRULE:FREQ=WEEKLY"), "{text}");

    let exception = |pairs: &[(Tag, &str)]| {
        let mut exception = texts(pairs);
        exception.set_text(c::EXCEPTION_START_TIME, "20301209T080000Z");
        Patch { set: Properties([(c::EXCEPTIONS, Value::Groups(vec![exception]))].into()), clear: Vec::new() }
    };
    let moved = [(c::START_TIME, "20301209T100000Z"), (c::END_TIME, "20301209T110000Z")];
    anna.now().change(&hers, &uid, &exception(&moved)).await.unwrap();
    let (text, update) = event(&bob.mails(2)[1], "REQUEST");
    assert!(text.contains("RECURRENCE-ID") && !text.contains("RRULE"), "{text}");
    assert_eq!(update.instance.as_deref(), Some("20301209T080000Z"), "{text}");

    let mut received = invitation.item.clone();
    received.set_text(c::MEETING_STATUS, "3");
    bob.now().add(&his, &uid, &received).await.unwrap();
    let times = ("20301216T120000Z".to_owned(), "20301216T130000Z".to_owned());
    let reply = Some(Reply { comment: String::new(), proposal: Some(times) });
    let third = Some("20301216T080000Z".to_owned());
    let counter = Answer { response: Response::Tentative, instance: third.clone(), reply };
    bob.now().answer(&his, &uid, &counter).await.unwrap();
    let (text, told) = event(&anna.mails(1)[0], "COUNTER");
    assert_eq!(told.instance, third, "{text}");
    assert_eq!(told.item.text(c::START_TIME), Some("20301216T120000Z"), "{text}");
    let declined = Answer { response: Response::Declined, instance: third.clone(), reply: Some(Reply::default()) };
    for _ in 0..2 {
        bob.now().answer(&his, &uid, &declined).await.unwrap();
    }
    let (text, _) = event(&anna.mails(2)[1], "REPLY");
    assert!(text.contains("PARTSTAT=DECLINED") && text.contains("RECURRENCE-ID"), "{text}");
    let there = read(&bob.now(), &his, &uid).await;
    let off = |e: &&Properties| e.text(c::DELETED) == Some("1") && e.text(c::EXCEPTION_START_TIME) == third.as_deref();
    assert_eq!(there.groups(c::EXCEPTIONS).iter().filter(off).count(), 1, "{there:?}");

    anna.now().change(&hers, &uid, &exception(&[(c::DELETED, "1")])).await.unwrap();
    let (text, _) = event(&bob.mails(3)[2], "CANCEL");
    assert!(text.contains("RECURRENCE-ID") && text.contains("STATUS:CANCELLED"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_waits_for_its_server_and_then_goes_once() {
    let (anna, bob) = (User::new("anna"), User::new("bob"));
    let hers = anna.calendar().await;
    let uid = format!("{}@meet.test", anna.name);
    anna.calendars("smtp://127.0.0.1:1", 0).add(&hers, &uid, &meeting(&[&bob])).await.unwrap();
    anna.now().flush().await;
    assert_eq!(inbox(&bob.name, &bob.password()).len(), 0);
    for forward in [100, 100, 200] {
        anna.calendars(&variable("HORDE_EAS_LAB_SMTP"), forward).flush().await;
    }
    event(&bob.mails(1)[0], "REQUEST");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_checks_the_login_and_refuses_strangers() {
    let (anna, bob) = (User::new("anna"), User::new("bob"));
    let settings = smtp::Settings { url: variable("HORDE_EAS_LAB_SMTP"), ..smtp::Settings::default() };
    let mail = |to: &[String]| smtp::Mail {
        from: anna.address(),
        to: to.to_vec(),
        message: b"Subject: x\r\n\r\nx\r\n".to_vec().into(),
        rule: smtp::Rule::Each,
    };
    let login = |password: &str| smtp::Login { user: anna.name.clone(), password: password.into() };
    let result = smtp::send(&settings, &login("wrong"), &mail(&[bob.address()])).await;
    assert!(matches!(result, Err(smtp::Error::Login(_))), "{result:?}");
    let both = [bob.address(), "somebody@elsewhere.test".to_owned()];
    let sent = smtp::send(&settings, &login(&anna.password()), &mail(&both)).await.unwrap();
    assert_eq!(sent.refused.len(), 1, "{sent:?}");
    bob.mails(1);
}

/// A phone of a user, from command to command.
struct Phone<'a> {
    user: &'a User,
    site: std::sync::Arc<Site>,
    version: Version,
    folder: String,
    key: String,
}

/// The text of the first element of that name behind `after`.
fn element<'a>(xml: &'a str, after: &str, name: &str) -> &'a str {
    let rest = &xml[xml.find(after).unwrap_or_else(|| panic!("{after} in {xml}"))..];
    let begin = rest.find(&format!("<{name}")).unwrap_or_else(|| panic!("{name} in {rest}"));
    let rest = &rest[begin..];
    let rest = &rest[rest.find('>').unwrap() + 1..];
    &rest[..rest.find('<').unwrap()]
}

impl<'a> Phone<'a> {
    async fn new(user: &'a User, version: Version) -> Self {
        let mut config = Config::default();
        config.smtp.url = variable("HORDE_EAS_LAB_SMTP");
        config.mail.domain = "example.test".into();
        let horde = Horde::new(Settings { url: variable("HORDE_EAS_LAB_RPC"), ..Settings::default() }).unwrap();
        let site = Site::new(config, Store::open(user.dir.path()).unwrap(), horde).into();
        let mut phone = Self { user, site, version, folder: String::new(), key: String::new() };
        let mut w = Writer::new();
        w.open(fh::FOLDER_SYNC);
        w.text(fh::SYNC_KEY, "0");
        let ctx = phone.context();
        let folders =
            xml::decode_to_xml(&folder_sync::run(&ctx, w.finish().into()).await.unwrap().body.into_bytes().unwrap())
                .unwrap();
        // Type 8: the default calendar.
        let at = folders.find("<Type>8</Type>").unwrap_or_else(|| panic!("{folders}"));
        let before = &folders[..at];
        phone.folder = element(&before[before.rfind("<ServerId>").unwrap()..], "", "ServerId").to_owned();
        phone.key = "0".to_owned();
        phone.sync(|_| ()).await;
        phone
    }

    fn context(&self) -> Context {
        let login = Login { user: self.user.name.clone(), password: self.user.password().into() };
        let id = DeviceId::new(&format!("MEET{}", self.version.name().replace('.', ""))).unwrap();
        Context {
            site: self.site.clone(),
            session: self.site.horde.session(&login),
            device: self.site.store.device(&self.user.name, &id).unwrap(),
            facts: Facts::default(),
            user_agent: String::new(),
            version: self.version,
            query: Query::default(),
            arrived: Instant::now(),
            hangup: Hangup::new().1,
            may_wait: false,
            place: Place::free(),
        }
    }

    fn request(&self, commands: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut w = Writer::new();
        w.open(a::SYNC);
        w.open(a::COLLECTIONS);
        w.open(a::COLLECTION);
        w.text(a::SYNC_KEY, &self.key);
        w.text(a::COLLECTION_ID, &self.folder);
        commands(&mut w);
        w.finish()
    }

    async fn send(&self, request: &[u8]) -> String {
        let ctx = self.context();
        flush(&ctx).await;
        let body = sync::run(&ctx, request.to_vec().into()).await.unwrap().body;
        let body = body.into_bytes().unwrap();
        if body.is_empty() { String::new() } else { xml::decode_to_xml(&body).unwrap() }
    }

    async fn sync(&mut self, commands: impl FnOnce(&mut Writer)) -> String {
        let answer = self.send(&self.request(commands)).await;
        if !answer.is_empty() {
            self.key = element(&answer, "<Collection>", "SyncKey").to_owned();
        }
        answer
    }

    async fn answer(&self, request: &str, response: i64, send: bool) -> String {
        let mut w = Writer::new();
        w.open(m::MEETING_RESPONSE);
        w.open(m::REQUEST);
        w.int(m::USER_RESPONSE, response);
        w.text(m::COLLECTION_ID, &self.folder);
        w.text(m::REQUEST_ID, request);
        if send {
            w.open(m::SEND_RESPONSE);
            w.open(b::BODY);
            w.int(b::TYPE, 1);
            w.text(b::DATA, "Schön");
            w.close();
            w.close();
        }
        xml::decode_to_xml(
            &meeting_response::run(&self.context(), w.finish().into()).await.unwrap().body.into_bytes().unwrap(),
        )
        .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn phones_invite_and_answer_by_commands() {
    let (anna, bob) = (User::new("anna"), User::new("bob"));
    let mut hers = Phone::new(&anna, Version::V16_1).await;
    hers.sync(|_| ()).await;
    let request = hers.request(|w| {
        w.open(a::COMMANDS);
        w.open(a::ADD);
        w.text(a::CLIENT_ID, "1");
        w.open(a::APPLICATION_DATA);
        w.text(c::SUBJECT, "Kurz");
        w.text(c::START_TIME, "20301202T080000Z");
        w.text(c::END_TIME, "20301202T090000Z");
        w.int(c::MEETING_STATUS, 1);
        w.open(c::ATTENDEES);
        w.open(c::ATTENDEE);
        w.text(c::EMAIL, &bob.address());
        w.text(c::NAME, "Bob");
        w.close();
        w.close();
    });
    // Its answer is lost twice.
    for _ in 0..3 {
        assert!(hers.send(&request).await.contains("<Status>1</Status>"));
    }
    let mails = bob.mails(1);
    let (_, invitation) = event(&mails[0], "REQUEST");

    let calendar = bob.calendar().await;
    let mut received = invitation.item.clone();
    received.set_text(c::MEETING_STATUS, "3");
    bob.now().add(&calendar, &invitation.uid, &received).await.unwrap();
    for (version, mailed) in [(Version::V14_1, 0), (Version::V16_1, 1)] {
        let mut his = Phone::new(&bob, version).await;
        let items = his.sync(|_| ()).await;
        let id = element(&items, "<Add>", "ServerId").to_owned();
        for _ in 0..2 {
            let answer = his.answer(&id, 1, true).await;
            assert!(answer.contains("<Status>1</Status>") && answer.contains(&format!("<CalendarId>{id}")), "{answer}");
        }
        anna.mails(mailed);
        let changed = his.sync(|_| ()).await;
        assert_eq!(element(&changed, "<Change>", "ResponseType"), "3");
    }
    let mut his = Phone::new(&bob, Version::V16_1).await;
    let items = his.sync(|_| ()).await;
    let id = element(&items, "<Add>", "ServerId").to_owned();
    let unknown = his.answer(&format!("{}:nothing", his.folder), 1, true).await;
    assert!(unknown.contains("<Status>2</Status>") && !unknown.contains("CalendarId"), "{unknown}");
    for _ in 0..2 {
        let answer = his.answer(&id, 3, true).await;
        assert!(answer.contains("<Status>1</Status>") && !answer.contains("CalendarId"), "{answer}");
    }
    let (text, _) = event(&anna.mails(2)[1], "REPLY");
    assert!(text.contains("PARTSTAT=DECLINED") && text.contains("COMMENT:Schön"), "{text}");
    let gone = his.sync(|_| ()).await;
    assert!(gone.contains("<Delete>"), "{gone}");
}

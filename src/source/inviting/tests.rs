//! A calendar in memory, an office that counts, and crashes at every step.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use tokio::task::yield_now;

use super::*;
use crate::{proto::class::Value, state::Store};

const NOW: u64 = 1_795_521_600;

/// What goes wrong with the next write.
#[derive(Debug, Clone)]
enum Trouble {
    Refused,
    /// The answer is lost; the write is carried out or not.
    Lost(bool),
}

#[derive(Debug, Default)]
struct World {
    items: Mutex<BTreeMap<String, Properties>>,
    trouble: Mutex<VecDeque<Trouble>>,
    fetches: AtomicUsize,
    sent: Mutex<Vec<(Vec<String>, String)>>,
    replies: Mutex<VecDeque<Result<smtp::Sent, smtp::Error>>>,
    late: AtomicU64,
}

#[derive(Debug, Clone, Default)]
struct Desk(Arc<World>);

impl Desk {
    async fn write(
        &self,
        effect: impl FnOnce(&mut BTreeMap<String, Properties>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        yield_now().await;
        let trouble = self.0.trouble.lock().unwrap().pop_front();
        let result = match trouble {
            Some(Trouble::Refused) => Err(Error::Refused("as told".into())),
            Some(Trouble::Lost(false)) => Err(Error::Uncertain("as told".into())),
            Some(Trouble::Lost(true)) => {
                effect(&mut self.0.items.lock().unwrap()).and(Err(Error::Uncertain("as told".into())))
            }
            None => effect(&mut self.0.items.lock().unwrap()),
        };
        yield_now().await;
        result
    }

    fn item(&self, uid: &str) -> Option<Properties> {
        self.0.items.lock().unwrap().get(uid).cloned()
    }
}

impl Source for Desk {
    fn class(&self) -> Class {
        Class::Calendar
    }

    async fn containers(&self) -> Result<Vec<Container>, Error> {
        Ok(Vec::new())
    }

    async fn cursor(&self, _: &str) -> Result<u64, Error> {
        Ok(0)
    }

    async fn changes(&self, _: &str, _: u64, _: u64) -> Result<Changes, Error> {
        Ok(Changes::default())
    }

    async fn list(&self, _: &str, _: Scope) -> Result<Vec<String>, Error> {
        Ok(self.0.items.lock().unwrap().keys().cloned().collect())
    }

    async fn fetch(&self, _: &str, uids: &[String], _: &[String]) -> Result<Vec<Fetched>, Error> {
        self.0.fetches.fetch_add(1, Ordering::SeqCst);
        // As Kronolith does: another stamp at every reading.
        let stamp = format!("stamp {}", self.0.fetches.load(Ordering::SeqCst));
        let stamped = |mut item: Properties| {
            item.set_text(c::DT_STAMP, stamp.as_str());
            Fetched::Item(item)
        };
        Ok(uids.iter().map(|uid| self.item(uid).map_or(Fetched::Missing, stamped)).collect())
    }

    async fn add(&self, _: &str, wish: &str, item: &Properties) -> Result<String, Error> {
        let effect = |items: &mut BTreeMap<String, Properties>| match items.contains_key(wish) {
            true => Err(Error::Exists),
            false => {
                items.insert(wish.to_owned(), item.clone());
                Ok(())
            }
        };
        self.write(effect).await.map(|()| wish.to_owned())
    }

    async fn change(&self, _: &str, uid: &str, patch: &Patch) -> Result<(), Error> {
        self.write(|items| {
            let item = items.get_mut(uid).ok_or(Error::NotFound)?;
            *item = applied(patch, item);
            Ok(())
        })
        .await
    }

    async fn delete(&self, _: &str, uid: &str) -> Result<(), Error> {
        self.write(|items| items.remove(uid).map(drop).ok_or(Error::NotFound)).await
    }
}

impl Office for Desk {
    async fn me(&self) -> Result<Identity, Error> {
        yield_now().await;
        let addresses = vec!["me@example.test".into(), "Alias@example.test".into()];
        Ok(Identity { name: "Erika M".into(), addresses, zone: "Europe/Berlin".into() })
    }

    async fn send(&self, mail: &smtp::Mail) -> Result<smtp::Sent, smtp::Error> {
        yield_now().await;
        let reply = self.0.replies.lock().unwrap().pop_front().unwrap_or(Ok(smtp::Sent::default()));
        if reply.is_ok() {
            let text = mail.message.reader().next().await.unwrap().unwrap();
            let text = String::from_utf8(text.to_vec()).unwrap();
            self.0.sent.lock().unwrap().push((mail.to.clone(), text));
        }
        reply
    }

    fn now(&self) -> u64 {
        NOW + self.0.late.load(Ordering::SeqCst)
    }

    fn give_up(&self) -> u64 {
        5 * 24 * 3600
    }
}

struct Site {
    desk: Desk,
    outbox: Outbox,
    _dir: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let outbox = Store::open(dir.path()).unwrap().outbox("erika").unwrap();
        Self { desk: Desk::default(), outbox, _dir: dir }
    }

    fn calendar(&self) -> Inviting<Desk, Desk> {
        Inviting::new(self.desk.clone(), self.desk.clone(), self.outbox.clone(), true)
    }

    /// What was sent since the last question: method, subject and recipients.
    fn sent(&self) -> Vec<String> {
        let sent = std::mem::take(&mut *self.desk.0.sent.lock().unwrap());
        let mut lines: Vec<String> = sent.iter().map(|(to, mail)| line(to, mail)).collect();
        lines.sort();
        lines
    }

    async fn letters(&self) -> usize {
        self.outbox.lock().await.unwrap().letters().unwrap().len()
    }
}

fn line(to: &[String], mail: &str) -> String {
    let method = mail.split("method=").nth(1).unwrap().trim_start_matches('"');
    let method: String = method.chars().take_while(char::is_ascii_alphabetic).collect();
    let subject = mail.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap();
    format!("{method} [{subject}] {}", to.iter().map(|a| a.split('@').next().unwrap()).collect::<Vec<_>>().join(","))
}

fn id(mail: &str) -> &str {
    mail.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap()
}

fn texts(pairs: &[(Tag, &str)]) -> Properties {
    let mut item = Properties::default();
    pairs.iter().for_each(|(tag, text)| item.set_text(*tag, *text));
    item
}

fn attendees(names: &[&str]) -> Value {
    let one =
        |name: &&str| texts(&[(c::EMAIL, &format!("{name}@example.test")), (c::NAME, name), (c::ATTENDEE_STATUS, "5")]);
    Value::Groups(names.iter().map(one).collect())
}

fn meeting(names: &[&str]) -> Properties {
    let mut item = texts(&[
        (c::SUBJECT, "Plan"),
        (c::START_TIME, "20261201T080000Z"),
        (c::END_TIME, "20261201T090000Z"),
        (c::REMINDER, "15"),
    ]);
    if !names.is_empty() {
        item.0.insert(c::ATTENDEES, attendees(names));
    }
    item
}

fn series(names: &[&str]) -> Properties {
    let mut item = meeting(names);
    item.0.insert(c::RECURRENCE, Value::Group(texts(&[(c::TYPE, "0"), (c::INTERVAL, "1")])));
    item
}

fn received(mut item: Properties) -> Properties {
    item.set_text(c::ORGANIZER_EMAIL, "boss@example.test");
    item.set_text(c::MEETING_STATUS, "3");
    item
}

fn set(pairs: &[(Tag, &str)]) -> Patch {
    Patch { set: texts(pairs), clear: Vec::new() }
}

fn with(tag: Tag, value: Value) -> Patch {
    Patch { set: Properties([(tag, value)].into()), clear: Vec::new() }
}

fn exception(pairs: &[(Tag, &str)]) -> Patch {
    with(c::EXCEPTIONS, Value::Groups(vec![texts(pairs)]))
}

#[tokio::test]
async fn invitation_update_and_cancellation() {
    let site = Site::new();
    let calendar = site.calendar();
    calendar.add("cal", "u", &meeting(&["bob", "me", "carol"])).await.unwrap();
    assert_eq!(site.sent(), ["REQUEST [Plan] bob,carol"]);
    let there = site.desk.item("u").unwrap();
    assert_eq!(there.text(c::ORGANIZER_EMAIL), Some("me@example.test"));
    assert_eq!(there.text(c::MEETING_STATUS), Some("1"));

    calendar.change("cal", "u", &set(&[(c::SUBJECT, "Plan B")])).await.unwrap();
    assert_eq!(site.sent(), ["REQUEST [Updated: Plan B] bob,carol"]);

    calendar.change("cal", "u", &with(c::ATTENDEES, attendees(&["carol", "dave"]))).await.unwrap();
    assert_eq!(site.sent(), ["CANCEL [Canceled: Plan B] bob", "REQUEST [Plan B] dave"]);

    let mut both = with(c::ATTENDEES, attendees(&["carol", "bob"]));
    both.set.set_text(c::START_TIME, "20261201T083000Z");
    calendar.change("cal", "u", &both).await.unwrap();
    let expected = ["CANCEL [Canceled: Plan B] dave", "REQUEST [Plan B] bob", "REQUEST [Updated: Plan B] carol"];
    assert_eq!(site.sent(), expected);

    calendar.delete("cal", "u").await.unwrap();
    assert_eq!(site.sent(), ["CANCEL [Canceled: Plan B] carol,bob"]);
    assert_eq!(site.letters().await, 0);
}

#[tokio::test]
async fn what_nobody_else_sees_is_told_to_nobody() {
    let site = Site::new();
    let calendar = site.calendar();
    calendar.add("cal", "alone", &meeting(&[])).await.unwrap();
    calendar.change("cal", "alone", &set(&[(c::SUBJECT, "x")])).await.unwrap();
    calendar.delete("cal", "alone").await.unwrap();
    calendar.add("cal", "me", &meeting(&["me", "ALIAS"])).await.unwrap();
    assert_eq!(site.sent(), [""; 0]);

    calendar.add("cal", "u", &meeting(&["bob"])).await.unwrap();
    site.sent();
    let fetches = || site.desk.0.fetches.load(Ordering::SeqCst);
    let before = fetches();
    for private in [(c::REMINDER, "5"), (c::SENSITIVITY, "2"), (c::BUSY_STATUS, "0")] {
        calendar.change("cal", "u", &set(&[private])).await.unwrap();
    }
    calendar.change("cal", "u", &with(c::CATEGORIES, Value::List(vec!["x".into()]))).await.unwrap();
    assert_eq!(fetches(), before, "no further question to Horde");
    // Sent again as it was, with other white space and another zone for a single event.
    let mut same = set(&[(c::SUBJECT, " Plan"), (c::ALL_DAY_EVENT, "0"), (c::TIMEZONE, "AAAA")]);
    same.set.0.insert(c::ATTENDEES, attendees(&["BOB"]));
    calendar.change("cal", "u", &same).await.unwrap();
    assert_eq!(site.sent(), [""; 0]);
}

#[tokio::test]
async fn single_occurrences() {
    let site = Site::new();
    let calendar = site.calendar();
    calendar.add("cal", "u", &series(&["bob"])).await.unwrap();
    site.sent();
    let third = (c::EXCEPTION_START_TIME, "20261203T080000Z");
    calendar.change("cal", "u", &exception(&[third, (c::REMINDER, "5")])).await.unwrap();
    assert_eq!(site.sent(), [""; 0]);
    calendar.change("cal", "u", &exception(&[third, (c::SUBJECT, "Other")])).await.unwrap();
    assert_eq!(site.sent(), ["REQUEST [Updated: Other] bob"]);
    calendar.change("cal", "u", &exception(&[third, (c::DELETED, "1")])).await.unwrap();
    assert_eq!(site.sent(), ["CANCEL [Canceled: Other] bob"]);
    calendar.change("cal", "u", &exception(&[third, (c::DELETED, "1")])).await.unwrap();
    assert_eq!(site.sent(), [""; 0]);
    let mut more = exception(&[(c::EXCEPTION_START_TIME, "20261204T080000Z")]);
    let Some(Value::Groups(exceptions)) = more.set.0.get_mut(&c::EXCEPTIONS) else { panic!() };
    exceptions[0].0.insert(c::ATTENDEES, attendees(&["carol"]));
    calendar.change("cal", "u", &more).await.unwrap();
    assert_eq!(site.sent(), ["CANCEL [Canceled: Plan] bob", "REQUEST [Plan] carol"]);
}

#[tokio::test]
async fn what_others_organize_or_what_is_over_is_not_told() {
    let site = Site::new();
    let calendar = site.calendar();
    calendar.add("cal", "u", &received(meeting(&["bob", "me"]))).await.unwrap();
    calendar.change("cal", "u", &set(&[(c::SUBJECT, "mine")])).await.unwrap();
    calendar.delete("cal", "u").await.unwrap();
    let mut over = meeting(&["bob"]);
    over.set_text(c::START_TIME, "20261101T080000Z");
    over.set_text(c::END_TIME, "20261101T090000Z");
    site.desk.0.items.lock().unwrap().insert("v".into(), over);
    calendar.delete("cal", "v").await.unwrap();
    assert_eq!(site.sent(), [""; 0]);
    // Called off by a change, then deleted: told once.
    calendar.add("cal", "w", &meeting(&["bob"])).await.unwrap();
    calendar.change("cal", "w", &set(&[(c::MEETING_STATUS, "5")])).await.unwrap();
    calendar.delete("cal", "w").await.unwrap();
    assert_eq!(site.sent(), ["CANCEL [Canceled: Plan] bob", "REQUEST [Plan] bob"]);
}

#[tokio::test]
async fn phones_that_tell_themselves_are_left_to_it() {
    let site = Site::new();
    let silent = Inviting::new(site.desk.clone(), site.desk.clone(), site.outbox.clone(), false);
    silent.add("cal", "u", &meeting(&["bob"])).await.unwrap();
    assert_eq!(site.desk.item("u").unwrap().text(c::ORGANIZER_EMAIL), Some("me@example.test"));
    silent.change("cal", "u", &set(&[(c::SUBJECT, "x")])).await.unwrap();
    silent.delete("cal", "u").await.unwrap();
    assert_eq!(site.sent(), [""; 0]);
}

#[tokio::test]
async fn a_change_that_did_not_happen_is_not_told() {
    let site = Site::new();
    let calendar = site.calendar();
    let trouble = |trouble| site.desk.0.trouble.lock().unwrap().push_back(trouble);
    trouble(Trouble::Refused);
    assert!(calendar.add("cal", "u", &meeting(&["bob"])).await.is_err());
    assert_eq!((site.letters().await, site.sent().len()), (0, 0));

    trouble(Trouble::Lost(false));
    assert!(calendar.add("cal", "u", &meeting(&["bob"])).await.is_err());
    calendar.flush().await;
    assert_eq!((site.letters().await, site.sent().len()), (1, 0), "it may still be under way");
    site.desk.0.late.store(700, Ordering::SeqCst);
    calendar.flush().await;
    assert_eq!((site.letters().await, site.sent().len()), (0, 0));

    trouble(Trouble::Lost(true));
    assert!(calendar.add("cal", "u", &meeting(&["bob"])).await.is_err());
    assert_eq!(site.sent().len(), 0);
    calendar.flush().await;
    calendar.flush().await;
    assert_eq!(site.sent(), ["REQUEST [Plan] bob"]);
    assert_eq!(calendar.add("cal", "u", &meeting(&["bob"])).await, Err(Error::Exists), "the phone asks again");
    calendar.flush().await;
    assert_eq!((site.letters().await, site.sent().len()), (0, 0));
}

#[tokio::test]
async fn a_mail_server_that_is_away_gets_it_later() {
    let site = Site::new();
    let calendar = site.calendar();
    let reply = |reply| site.desk.0.replies.lock().unwrap().push_back(reply);
    reply(Err(smtp::Error::Later("down".into())));
    calendar.add("cal", "u", &meeting(&["bob", "carol"])).await.unwrap();
    calendar.flush().await;
    assert_eq!(site.sent(), [""; 0], "not at once again");
    site.desk.0.late.store(100, Ordering::SeqCst);
    let sent = smtp::Sent { refused: Vec::new(), later: vec!["carol@example.test".into()] };
    reply(Ok(sent));
    calendar.flush().await;
    assert_eq!(site.sent(), ["REQUEST [Plan] bob,carol"]);
    site.desk.0.late.store(10_000, Ordering::SeqCst);
    calendar.flush().await;
    assert_eq!(site.sent(), ["REQUEST [Plan] carol"], "only who has not got it");
    assert_eq!(site.letters().await, 0);

    reply(Err(smtp::Error::Login("no".into())));
    calendar.change("cal", "u", &set(&[(c::SUBJECT, "x")])).await.unwrap();
    site.desk.0.late.store(6 * 24 * 3600, Ordering::SeqCst);
    reply(Err(smtp::Error::Later("down".into())));
    calendar.flush().await;
    assert_eq!((site.letters().await, site.sent().len()), (0, 0), "given up");
    reply(Err(smtp::Error::Refused("spam".into())));
    calendar.change("cal", "u", &set(&[(c::SUBJECT, "y")])).await.unwrap();
    assert_eq!(site.letters().await, 0);
}

#[tokio::test]
async fn the_same_news_is_told_once_and_other_news_again() {
    let site = Site::new();
    let calendar = site.calendar();
    calendar.add("cal", "u", &meeting(&["bob"])).await.unwrap();
    // The store does not keep the change: the phone's repeat looks like news.
    calendar.change("cal", "u", &set(&[(c::SUBJECT, "x")])).await.unwrap();
    site.desk.0.items.lock().unwrap().get_mut("u").unwrap().set_text(c::SUBJECT, "Plan");
    calendar.change("cal", "u", &set(&[(c::SUBJECT, "x")])).await.unwrap();
    assert_eq!(site.sent(), ["REQUEST [Plan] bob", "REQUEST [Updated: x] bob"]);
    // To and fro is news every time, under another Message-ID.
    let mut ids = std::collections::BTreeSet::new();
    for subject in ["y", "x", "y", "x"] {
        calendar.change("cal", "u", &set(&[(c::SUBJECT, subject)])).await.unwrap();
        let sent = site.desk.0.sent.lock().unwrap();
        ids.insert(id(&sent.last().unwrap().1).to_owned());
    }
    assert_eq!((site.sent().len(), ids.len()), (4, 4));
}

/// Polls `future` at most `steps` times, then drops it: a crash. Gives whether it came to its end.
async fn crash<T>(future: impl Future<Output = T>, steps: usize) -> bool {
    let mut polls = 0;
    let stop = std::future::poll_fn(|_| {
        polls += 1;
        if polls >= steps { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    });
    let ended = tokio::select! {
        biased;
        _ = future => true,
        () = stop => false,
    };
    // What a thread has begun to write it writes.
    tokio::time::sleep(Duration::from_millis(5)).await;
    ended
}

/// What a phone does until it has its change through, and what the engine makes of it.
async fn insist(site: &Site, deed: &str) {
    let calendar = site.calendar();
    calendar.flush().await;
    let now = site.desk.item("u");
    match (deed, now) {
        ("add", None) => drop(calendar.add("cal", "u", &meeting(&["bob", "carol"])).await.unwrap()),
        ("change", Some(now)) if now.text(c::SUBJECT) != Some("x") => {
            calendar.change("cal", "u", &set(&[(c::SUBJECT, "x")])).await.unwrap();
        }
        ("delete", Some(_)) => calendar.delete("cal", "u").await.unwrap(),
        ("decline", Some(_)) => calendar.answer("cal", "u", &answer(Response::Declined)).await.unwrap(),
        ("accept", Some(_)) => calendar.answer("cal", "u", &answer(Response::Accepted)).await.unwrap(),
        _ => {}
    }
    calendar.flush().await;
}

#[tokio::test]
async fn a_crash_at_any_step_tells_everybody_once() {
    for deed in ["add", "change", "delete", "decline", "accept"] {
        let mut steps = 0;
        loop {
            steps += 1;
            let site = Site::new();
            let invited = matches!(deed, "decline" | "accept");
            let there = if invited { received(meeting(&["me", "bob"])) } else { meeting(&["bob", "carol"]) };
            if deed != "add" {
                site.desk.0.items.lock().unwrap().insert("u".into(), there);
            }
            let ended = crash(insist(&site, deed), steps).await;
            insist(&site, deed).await;
            insist(&site, deed).await;
            let to = if invited { "boss" } else { "bob,carol" };
            let sent = site.sent();
            assert!(sent.len() == 1 && sent[0].ends_with(to), "{deed}, step {steps}: {sent:?}");
            assert_eq!(site.letters().await, 0, "{deed}, step {steps}");
            if ended {
                break;
            }
        }
        assert!(steps > 8, "{deed} has more than {steps} steps");
    }
}

#[tokio::test]
async fn a_crash_between_the_servers_word_and_ours_repeats_the_very_same_mail() {
    let site = Site::new();
    let calendar = site.calendar();
    calendar.add("cal", "u", &meeting(&["bob"])).await.unwrap();
    let first = site.desk.0.sent.lock().unwrap()[0].1.clone();
    // The letter as it was before the server took it.
    let site = Site::new();
    site.desk.0.replies.lock().unwrap().push_back(Err(smtp::Error::Later("down".into())));
    site.calendar().add("cal", "u", &meeting(&["bob"])).await.unwrap();
    site.desk.0.late.store(100, Ordering::SeqCst);
    site.calendar().flush().await;
    let second = site.desk.0.sent.lock().unwrap()[0].1.clone();
    assert_eq!(id(&first), id(&second));
}

fn answer(response: Response) -> Answer {
    Answer { response, instance: None, reply: Some(Reply::default()) }
}

#[tokio::test]
async fn answers_change_the_calendar_and_tell_the_organizer() {
    let site = Site::new();
    let calendar = site.calendar();
    site.desk.0.items.lock().unwrap().insert("u".into(), received(meeting(&["me", "bob"])));
    for _ in 0..2 {
        calendar.answer("cal", "u", &answer(Response::Tentative)).await.unwrap();
    }
    assert_eq!(site.sent(), ["REPLY [Tentative: Plan] boss"]);
    let there = site.desk.item("u").unwrap();
    let own = &there.groups(c::ATTENDEES)[0];
    assert_eq!((own.text(c::EMAIL), own.text(c::ATTENDEE_STATUS)), (Some("me@example.test"), Some("2")));
    assert_eq!(there.groups(c::ATTENDEES)[1].text(c::ATTENDEE_STATUS), Some("5"));
    assert_eq!((there.text(c::RESPONSE_TYPE), there.text(c::BUSY_STATUS)), (Some("2"), Some("1")));
    assert_eq!(there.text(c::APPOINTMENT_REPLY_TIME), Some("20261124T120000Z"));

    let silent = Answer { reply: None, ..answer(Response::Accepted) };
    calendar.answer("cal", "u", &silent).await.unwrap();
    assert_eq!((site.sent().len(), site.desk.item("u").unwrap().text(c::RESPONSE_TYPE)), (0, Some("3")));

    let times = ("20261201T100000Z".to_owned(), "20261201T110000Z".to_owned());
    let reply = Reply { comment: "Later, please".into(), proposal: Some(times) };
    let counter = Answer { reply: Some(reply), ..answer(Response::Tentative) };
    calendar.answer("cal", "u", &counter).await.unwrap();
    assert_eq!(site.sent(), ["COUNTER [New Time Proposed: Plan] boss"]);

    for _ in 0..2 {
        calendar.answer("cal", "u", &answer(Response::Declined)).await.unwrap();
    }
    assert_eq!(site.sent(), ["REPLY [Declined: Plan] boss"]);
    assert_eq!(site.desk.item("u"), None);
    assert_eq!(calendar.answer("cal", "u", &answer(Response::Accepted)).await, Err(Unanswered::NoInvitation));
}

#[tokio::test]
async fn answers_for_one_occurrence() {
    let site = Site::new();
    let calendar = site.calendar();
    site.desk.0.items.lock().unwrap().insert("u".into(), received(series(&["me"])));
    let third = |response| Answer { instance: Some("20261203T080000Z".into()), ..answer(response) };
    calendar.answer("cal", "u", &third(Response::Accepted)).await.unwrap();
    let there = site.desk.item("u").unwrap();
    assert_eq!(there.text(c::RESPONSE_TYPE), None);
    assert_eq!(there.groups(c::EXCEPTIONS)[0].text(c::RESPONSE_TYPE), Some("3"));
    calendar.answer("cal", "u", &third(Response::Declined)).await.unwrap();
    assert_eq!(site.desk.item("u").unwrap().groups(c::EXCEPTIONS)[0].text(c::DELETED), Some("1"));
    assert_eq!(site.sent(), ["REPLY [Accepted: Plan] boss", "REPLY [Declined: Plan] boss"]);

    site.desk.0.items.lock().unwrap().insert("v".into(), received(meeting(&["me"])));
    assert_eq!(calendar.answer("cal", "v", &third(Response::Accepted)).await, Err(Unanswered::NotRecurring));
    site.desk.0.items.lock().unwrap().insert("w".into(), meeting(&["bob"]));
    assert_eq!(calendar.answer("cal", "w", &answer(Response::Accepted)).await, Err(Unanswered::NoInvitation));
}

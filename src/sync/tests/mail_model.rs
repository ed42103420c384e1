//! A model with a mail folder: two phones and another reader mark, delete and write mails while answers get lost, the program is killed at
//! every kind of write, and the server fails or forgets its history. When all is quiet again, all agree.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{
    super::*,
    block_on,
    horde::{Fault, Memory},
    imap::Imap,
    phone::{NOW, Phone},
};
use crate::{
    proto::{
        class::{Properties, applied},
        sync::{Command, CommandKind, ServerKind},
    },
    wbxml::tag::{email as e, email2 as e2},
};

#[derive(Debug, Clone)]
enum Step {
    Arrive,
    Mark(usize, bool),
    Expunge(usize),
    Forget(bool),
    PhoneMark(usize, usize, bool),
    PhoneDelete(usize, usize),
    PhoneWrite(usize, usize),
    PhoneSend(usize, usize),
    Sync { phone: usize, window: usize, lost: bool, fault: Option<(u32, bool)> },
    Resync(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let fault = prop::option::weighted(0.3, (0..10u32, any::<bool>()));
    prop_oneof![
        3 => Just(Step::Arrive),
        2 => (0..50usize, any::<bool>()).prop_map(|(n, read)| Step::Mark(n, read)),
        1 => (0..50usize).prop_map(Step::Expunge),
        1 => any::<bool>().prop_map(Step::Forget),
        2 => (0..2usize, 0..50usize, any::<bool>()).prop_map(|(p, n, read)| Step::PhoneMark(p, n, read)),
        1 => (0..2usize, 0..50usize).prop_map(|(p, n)| Step::PhoneDelete(p, n)),
        1 => (0..2usize, 0..50usize).prop_map(|(p, n)| Step::PhoneWrite(p, n)),
        1 => (0..2usize, 0..50usize).prop_map(|(p, n)| Step::PhoneSend(p, n)),
        6 => (0..2usize, 1..6usize, prop::bool::weighted(0.25), fault)
            .prop_map(|(phone, window, lost, fault)| Step::Sync { phone, window, lost, fault }),
        1 => (0..2usize).prop_map(Step::Resync),
    ]
}

struct Reader {
    imap: Imap,
    log: Memory,
    key: String,
    mails: BTreeMap<String, Properties>,
    waiting: Vec<Command>,
    deleting: BTreeSet<String>,
    now: u64,
}

impl Reader {
    fn new(imap: &Imap) -> Self {
        let log = Memory { faults: imap.1.clone(), ..Memory::default() };
        let (mails, waiting, deleting) = Default::default();
        Self { imap: imap.clone(), log, key: "0".into(), mails, waiting, deleting, now: NOW }
    }

    fn nth(&self, n: usize) -> Option<String> {
        let there: Vec<&String> = self.mails.keys().filter(|id| !self.deleting.contains(*id)).collect();
        there.get(n % there.len().max(1)).map(|id| (*id).clone())
    }

    fn change(&mut self, n: usize, item: Properties) {
        let Some(id) = self.nth(n) else { return };
        let patch = crate::proto::class::Patch::of_add(&item);
        if let Some(mail) = self.mails.get_mut(&id) {
            *mail = applied(&patch, mail);
        }
        self.waiting.push(Phone::command(CommandKind::Change, &id, item));
    }

    fn delete(&mut self, n: usize) {
        let Some(id) = self.nth(n) else { return };
        self.deleting.insert(id.clone());
        self.waiting.push(Phone::command(CommandKind::Delete, &id, Properties::default()));
    }

    fn sync(&mut self, window: usize, lost: bool) -> Option<()> {
        let commands = if self.key == "0" { Vec::new() } else { self.waiting.clone() };
        let request = Collection { key: self.key.clone(), id: "Em1".into(), commands, ..Collection::default() };
        let place = Place { id: "Em1", container: "f1", writable: true };
        let task = Task { place, request: &request, version: Version::V16_1, now: self.now, window, cursor: None };
        let response = block_on(run(&self.imap, &mut self.log, task)).ok()?.response;
        if lost {
            return None;
        }
        if response.status == 3 {
            self.key = "0".into();
            self.mails.clear();
            return Some(());
        }
        self.key.clone_from(&response.key);
        self.waiting.drain(..request.commands.len());
        for command in request.commands.iter().filter(|command| command.kind == CommandKind::Delete) {
            self.deleting.remove(&command.id);
            self.mails.remove(&command.id);
        }
        for command in response.commands {
            let id = command.server_id;
            match command.kind {
                ServerKind::Add => assert!(self.mails.insert(id.clone(), command.item).is_none(), "{id} added twice"),
                ServerKind::Change => {
                    let mail = self.mails.get_mut(&id).unwrap_or_else(|| panic!("{id} changed, but not there"));
                    mail.0.extend(command.item.0);
                }
                _ => assert!(self.mails.remove(&id).is_some(), "{id} deleted, but not there"),
            }
        }
        Some(())
    }

    fn settle(&mut self) {
        self.now += 2 * LISTING_INTERVAL;
        for _ in 0..1000 {
            let before = (self.key.clone(), self.waiting.len());
            self.sync(4, false).expect("nothing fails any more");
            if before == (self.key.clone(), self.waiting.len()) {
                return;
            }
        }
        panic!("it never becomes quiet");
    }
}

/// Subject and mark of each mail, sorted: doubles show.
fn facts<'a>(mails: impl Iterator<Item = &'a Properties>) -> Vec<(String, String)> {
    let text = |mail: &Properties, tag| mail.text(tag).unwrap_or_default().to_owned();
    let mut facts: Vec<_> = mails.map(|mail| (text(mail, e::SUBJECT), text(mail, e::READ))).collect();
    facts.sort();
    facts
}

fn take(imap: &Imap, phones: &mut [Reader; 2], count: &mut u32, step: Step) {
    let nth = |n: usize| {
        let folder = imap.0.lock().unwrap();
        folder.mails.keys().nth(n % folder.mails.len().max(1)).map(|number| format!("77.{number}"))
    };
    let mark = |read: bool| if read { "1" } else { "0" };
    let mut item = Properties::default();
    match step {
        Step::Arrive => {
            *count += 1;
            imap.put(&format!("mail {count}"));
        }
        Step::Mark(n, read) => nth(n).into_iter().for_each(|uid| imap.mark(&uid, e::READ, mark(read))),
        Step::Expunge(n) => nth(n).into_iter().for_each(|uid| imap.expunge(&uid)),
        Step::Forget(lost) => imap.0.lock().unwrap().lost = lost,
        Step::PhoneMark(p, n, read) => {
            item.set_text(e::READ, mark(read));
            phones[p].change(n, item);
        }
        Step::PhoneDelete(p, n) => phones[p].delete(n),
        Step::PhoneWrite(p, n) => {
            *count += 1;
            item.set_text(e::SUBJECT, format!("draft {count}"));
            phones[p].change(n, item);
        }
        Step::PhoneSend(p, n) => {
            item.set_text(e2::SEND, "1");
            phones[p].change(n, item);
        }
        Step::Sync { phone, window, lost, fault } => {
            *imap.1.0.lock().unwrap() = fault.map(|(after, done)| Fault { after, done });
            let _ = phones[phone].sync(window, lost);
            *imap.1.0.lock().unwrap() = None;
        }
        Step::Resync(p) if phones[p].waiting.is_empty() => {
            phones[p].key = "0".into();
            phones[p].mails.clear();
        }
        Step::Resync(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn phones_and_mail_server_agree_in_the_end(steps in prop::collection::vec(step(), 1..70)) {
        let imap = Imap::default();
        let mut phones = [Reader::new(&imap), Reader::new(&imap)];
        let mut count = 0;
        for step in steps {
            take(&imap, &mut phones, &mut count, step);
        }
        for p in [0, 1, 0, 1] {
            phones[p].settle();
        }
        let there = facts(imap.0.lock().unwrap().mails.values());
        for phone in &phones {
            prop_assert_eq!(facts(phone.mails.values()), there.clone());
        }
    }
}

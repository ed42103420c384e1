//! Mails: they never change but for what readers put on them, drafts get other uids, and nothing is read twice.

use super::{
    super::*,
    block_on,
    horde::Memory,
    imap::Imap,
    phone::{NOW, Phone},
};
use crate::{
    proto::{
        class::Properties,
        sync::{Command, CommandKind, ServerCommand, ServerKind},
    },
    wbxml::{
        Tag,
        tag::{air_sync_base::BODY, email as e, email2 as e2},
    },
};

struct Client {
    imap: Imap,
    log: Memory,
    key: String,
    now: u64,
    options: Option<Vec<Options>>,
    deletes_as_moves: Option<bool>,
}

impl Client {
    /// A phone that has what is in the folder.
    fn new(imap: &Imap) -> Self {
        let mut client = Self {
            imap: imap.clone(),
            log: Memory::default(),
            key: "0".into(),
            now: NOW,
            options: None,
            deletes_as_moves: None,
        };
        client.sync(Vec::new());
        client.sync(Vec::new());
        imap.read();
        client
    }

    fn sync(&mut self, commands: Vec<Command>) -> CollectionResponse {
        let request = Collection {
            key: self.key.clone(),
            id: "Em1".into(),
            commands,
            options: self.options.clone(),
            deletes_as_moves: self.deletes_as_moves,
            ..Collection::default()
        };
        let place = Place { id: "Em1", container: "f1", writable: true };
        let task = Task { place, request: &request, version: Version::V16_1, now: self.now, window: 100, cursor: None };
        let response = block_on(run(&self.imap, &mut self.log, task)).unwrap().response;
        assert_eq!(response.status, 1);
        self.key.clone_from(&response.key);
        response
    }
}

fn told(response: &CollectionResponse) -> Vec<(ServerKind, &str)> {
    response.commands.iter().map(|ServerCommand { kind, server_id, .. }| (*kind, server_id.as_str())).collect()
}

fn change(id: &str, tag: Tag, text: &str) -> Vec<Command> {
    let mut item = Properties::default();
    item.set_text(tag, text);
    vec![Phone::command(CommandKind::Change, id, item)]
}

#[test]
fn of_a_known_mail_only_what_readers_put_on_it_is_read_and_told() {
    let imap = Imap::default();
    let (one, _) = (imap.put("one"), imap.put("two"));
    let mut client = Client::new(&imap);
    imap.mark(&one, e::READ, "1");
    let new = imap.put("three");
    let response = client.sync(Vec::new());
    assert_eq!(told(&response), [(ServerKind::Change, "Em1:77.1"), (ServerKind::Add, "Em1:77.3")]);
    let mut tags: Vec<Tag> = response.commands[0].item.0.keys().copied().collect();
    tags.sort();
    assert_eq!(tags, {
        let mut tags = vec![e::READ, e::FLAG];
        tags.sort();
        tags
    });
    assert!(response.commands[1].item.0.contains_key(&BODY));
    assert_eq!(imap.read(), [(one, false), (new, true)]);
}

#[test]
fn what_the_phone_put_on_a_mail_is_not_echoed() {
    let imap = Imap::default();
    let one = imap.put("one");
    let mut client = Client::new(&imap);
    let response = client.sync(change("Em1:77.1", e::READ, "1"));
    assert!(response.commands.is_empty() && response.responses.is_empty());
    assert!(client.sync(Vec::new()).commands.is_empty());
    assert_eq!(imap.0.lock().unwrap().mails[&1].text(e::READ), Some("1"));
    assert!(imap.read().iter().all(|(uid, whole)| *uid == one && !whole));
}

#[test]
fn deletes_go_to_the_trash_unless_the_phone_says_otherwise() {
    let imap = Imap::default();
    let (one, two) = (imap.put("one"), imap.put("two"));
    let mut client = Client::new(&imap);
    client.sync(vec![Phone::command(CommandKind::Delete, "Em1:77.1", Properties::default())]);
    client.deletes_as_moves = Some(false);
    client.sync(vec![Phone::command(CommandKind::Delete, "Em1:77.2", Properties::default())]);
    assert_eq!(imap.0.lock().unwrap().discarded, [(one, false), (two, true)]);
}

#[test]
fn a_lost_history_costs_a_look_at_flags_and_nothing_is_told_twice() {
    let imap = Imap::default();
    let (one, two) = (imap.put("one"), imap.put("two"));
    let mut client = Client::new(&imap);
    imap.0.lock().unwrap().mails.remove(&1);
    imap.put("three");
    imap.0.lock().unwrap().lost = true;
    let response = client.sync(Vec::new());
    assert_eq!(told(&response), [(ServerKind::Delete, "Em1:77.1"), (ServerKind::Add, "Em1:77.3")]);
    assert_eq!(imap.read(), [(two, false), ("77.3".to_owned(), true)], "{one} is gone");
}

#[test]
fn a_draft_keeps_its_id_on_the_phone_that_writes_it() {
    let imap = Imap::default();
    imap.put("draft");
    let mut writer = Client::new(&imap);
    let mut reader = Client::new(&imap);
    let response = writer.sync(change("Em1:77.1", e::SUBJECT, "better"));
    assert!(response.commands.is_empty() && response.responses.is_empty(), "{response:?}");
    assert!(writer.sync(Vec::new()).commands.is_empty());
    assert_eq!(told(&reader.sync(Vec::new())), [(ServerKind::Delete, "Em1:77.1"), (ServerKind::Add, "Em1:77.2")]);
    assert_eq!(resolve(&mut writer.log, Class::Email, "Em1", "Em1:77.1").unwrap().as_deref(), Some("77.2"));
    assert_eq!(resolve(&mut reader.log, Class::Email, "Em1", "Em1:77.9").unwrap().as_deref(), Some("77.9"));
    writer.sync(change("Em1:77.1", e::SUBJECT, "best"));
    imap.mark("77.3", e::READ, "1");
    assert_eq!(told(&writer.sync(Vec::new())), [(ServerKind::Change, "Em1:77.1")]);
    let response = writer.sync(change("Em1:77.1", e2::SEND, "1"));
    assert_eq!(told(&response), []);
    assert_eq!(told(&writer.sync(Vec::new())), [(ServerKind::Delete, "Em1:77.1")]);
    assert!(imap.0.lock().unwrap().mails.is_empty());
}

#[test]
fn old_mails_leave_with_the_daily_listing() {
    let imap = Imap::default();
    imap.put("one");
    let mut client = Client::new(&imap);
    client.options = Some(vec![Options { filter: Some(3), ..Options::default() }]);
    assert!(client.sync(Vec::new()).commands.is_empty());
    client.now += 9 * 86400;
    imap.put("old, too");
    assert_eq!(told(&client.sync(Vec::new())), [] as [(ServerKind, &str); 0]);
    assert_eq!(told(&client.sync(Vec::new())), [(ServerKind::SoftDelete, "Em1:77.1")]);
    client.options = Some(vec![Options::default()]);
    let mut all = client.sync(Vec::new());
    all.commands.sort_by(|a, b| a.server_id.cmp(&b.server_id));
    assert_eq!(told(&all), [(ServerKind::Add, "Em1:77.1"), (ServerKind::Add, "Em1:77.2")]);
}

/// The answer to a mark got lost, somebody else took the mark away, and the next change of the phone hid that from it.
#[test]
fn a_mark_taken_away_after_a_lost_answer_is_told_although_the_phone_changes_the_mail_again() {
    let imap = Imap::default();
    let one = imap.put("one");
    let mut client = Client::new(&imap);
    let before = client.key.clone();
    client.sync(change("Em1:77.1", e::READ, "1"));
    client.key = before;
    imap.mark(&one, e::READ, "0");
    let mut told: Vec<ServerCommand> = client.sync(change("Em1:77.1", e::READ, "1")).commands;
    told.extend(client.sync(change("Em1:77.1", e::SUBJECT, "another")).commands);
    told.extend(client.sync(Vec::new()).commands);
    let marks: Vec<_> = told.iter().filter_map(|command| command.item.text(e::READ)).collect();
    assert_eq!(marks, ["0"], "{told:?}");
}

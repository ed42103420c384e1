//! Mail, end to end: each test reads back through IMAP what the phone did, and lets the phone see what others did.

mod bodies;
mod copies;
mod corpus;
mod drafts;
mod events;
mod files;
mod flags;
mod folders;
mod large;
mod moving;
mod people;
mod search;
mod sending;
mod syncing;
mod trouble;
mod waiting;

use crate::{
    horde::{Horde, Lab},
    mailbox::{self, Mailbox},
    mailproxy::MailProxy,
    phone::{Phone, Request},
    site::{Door, Site},
    tree::El,
};

/// The types of the default mail folders (MS-ASCMD 2.2.3.186.3).
const INBOX: u32 = 2;
const DRAFTS: u32 = 3;
const TRASH: u32 = 4;
const SENT: u32 = 5;
const OUTBOX: u32 = 6;

/// A site with mail servers that can be put into trouble.
#[derive(Debug)]
struct Post {
    site: Site,
    imap: MailProxy,
    smtp: MailProxy,
}

impl Post {
    fn start(test: &str) -> Self {
        Self::with(test, "")
    }

    /// With further lines for the section `[imap]`.
    fn with(test: &str, more: &str) -> Self {
        let lab = Lab::get();
        let (imap, smtp) = (MailProxy::start(lab.port("P_IMAP")), MailProxy::start(lab.port("P_SMTP")));
        let config = mailbox::servers(imap.address, smtp.address).replace("[smtp]", &format!("{more}\n[smtp]"));
        Self { site: Site::with(test, Door::wanted(), &config), imap, smtp }
    }

    /// The test's user at the other door.
    fn mailbox(&self) -> Mailbox {
        self.mailbox_of(&self.site.horde)
    }

    fn mailbox_of(&self, user: &Horde) -> Mailbox {
        Mailbox::of(&self.site.lab, user)
    }

    /// A paired phone.
    fn phone(&self, version: &'static str) -> Phone {
        self.phone_called("phone", version)
    }

    fn phone_called(&self, name: &str, version: &'static str) -> Phone {
        let mut phone = self.site.phone(&format!("{name}{}", version.replace('.', "")), version);
        phone.pair();
        phone
    }

    /// A paired phone with the messages of its inbox.
    fn phone_with_inbox(&self, version: &'static str) -> (Phone, String) {
        let mut phone = self.phone(version);
        let inbox = phone.default_folder(INBOX);
        phone.sync_all(&inbox);
        (phone, inbox)
    }

    /// The user's address.
    fn address(&self) -> String {
        address(&self.site.horde)
    }
}

fn address(user: &Horde) -> String {
    format!("{}@example.test", user.user)
}

/// A small message.
fn plain(subject: &str, body: &str) -> Vec<u8> {
    format!(
        "From: Anna Sender <anna@example.test>\r\nTo: You <you@example.test>\r\nSubject: {subject}\r\n\
         Date: Mon, 2 Nov 2026 10:00:00 +0100\r\nMessage-ID: <{}@example.test>\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{body}\r\n",
        subject.replace(' ', "-")
    )
    .into_bytes()
}

/// The id and data of the only item with that subject.
fn item(phone: &Phone, folder: &str, subject: &str) -> (String, El) {
    let found = phone.find_by(folder, "Subject", subject);
    let (id, item) = found.unwrap_or_else(|| panic!("no {subject} among {:?}", subjects(phone, folder)));
    (id, item.clone())
}

/// Subjects of all that the phone has of a folder.
fn subjects(phone: &Phone, folder: &str) -> Vec<String> {
    let text = |item: &El| item.text("Subject").unwrap_or_default().to_owned();
    let mut subjects: Vec<String> = phone.items(folder).values().map(text).collect();
    subjects.sort();
    subjects
}

/// One Sync with commands; none of them may fail.
fn tell(phone: &mut Phone, folder: &str, commands: Vec<El>) {
    let answer = phone.sync(folder, &Request { commands, ..Request::default() });
    if answer.doc.is_some() {
        assert_eq!(answer.collection_status(), 1, "{:?}", answer.doc);
        let responses = answer.collection().get("Responses").map(|r| r.children.clone()).unwrap_or_default();
        assert!(responses.iter().all(|r| r.number("Status") == Some(1)), "{:?}", answer.doc);
    }
}

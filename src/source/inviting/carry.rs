//! Changes with the mails about them: written before, released after, sent, forgotten.

use std::future::Future;

use jiff::Timestamp;
use ring::digest::{SHA256, digest};

use super::{Inviting, Office, disk, draft::Draft, draft::seen};
use crate::{
    convert::{
        ical::Home,
        itip::{self, Notice, Person},
    },
    proto::class::{Properties, Value},
    smtp,
    source::{Error, Fetched, Identity, Source},
    state::{Known, Letter, OpenOutbox},
    wbxml::tag::calendar as c,
};

/// So long a change may still be under way whose answer was lost, seconds.
const UNDER_WAY: u64 = 600;
/// First and longest pause before a mail is tried again, seconds.
const PAUSE: (u64, u64) = (60, 3600);

/// What is about to happen to an event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change<'a> {
    pub(super) container: &'a str,
    pub(super) uid: &'a str,
    /// The event as it is; `None`: there is none yet.
    pub(super) before: Option<&'a Properties>,
    /// Whether it will be gone.
    pub(super) gone: bool,
}

impl<S: Source, O: Office> Inviting<S, O> {
    /// The letters about a change; none when the last ones said the same. `comment` goes with an answer.
    pub(super) fn compose(
        &self,
        open: &OpenOutbox,
        me: &Identity,
        change: &Change<'_>,
        drafts: &[Draft],
        comment: &str,
    ) -> Result<Vec<Letter>, Error> {
        let Some(from) = me.person().filter(|_| !drafts.is_empty()) else { return Ok(Vec::new()) };
        let known = open.known(change.uid).map_err(disk)?;
        let name = name(drafts, comment);
        if known.told == name {
            return Ok(Vec::new());
        }
        let moved = change.before.is_some() && drafts.iter().any(|draft| draft.moved);
        let sequence = known.sequence.saturating_add(u32::from(moved));
        let known = Known { revision: known.revision + 1, sequence, told: name };
        let letters =
            drafts.iter().enumerate().map(|(n, draft)| self.letter(me, &from, change, &known, n, draft, comment));
        Ok(letters.collect())
    }

    #[allow(clippy::too_many_arguments, reason = "one letter is made of that")]
    fn letter(
        &self,
        me: &Identity,
        from: &Person,
        change: &Change<'_>,
        known: &Known,
        number: usize,
        draft: &Draft,
        comment: &str,
    ) -> Letter {
        let now = self.office.now();
        let id = hex(format!("{}\0{}\0{}\0{number}", change.uid, known.revision, known.told).as_bytes(), 10);
        let domain = from.address.rsplit('@').next().unwrap_or("localhost");
        // Who answers does not know the organizer's SEQUENCE: Horde keeps none.
        let answers = draft.method.is_answer();
        let notice = Notice {
            method: draft.method,
            item: &draft.item,
            exception: draft.exception.as_ref(),
            uid: change.uid,
            home: &Home { zone: me.zone.clone(), addresses: me.addresses.clone() },
            from,
            to: &draft.to,
            message_id: &format!("{id}@{domain}"),
            at: Timestamp::from_second(i64::try_from(now).unwrap_or_default()).unwrap_or_default(),
            sequence: (!answers).then_some(known.sequence),
            comment,
        };
        Letter {
            message: String::from_utf8_lossy(&itip::write(&notice)).into_owned(),
            container: change.container.to_owned(),
            uid: change.uid.to_owned(),
            change: known.told.clone(),
            before: change.before.map(fingerprint),
            released: false,
            known: known.clone(),
            gone: change.gone,
            written: now,
            not_before: 0,
            tries: 0,
            from: from.address.clone(),
            to: draft.to.iter().map(|person| person.address.clone()).collect(),
            id,
        }
    }

    /// Makes a change, with its letters on disk before and on their way after.
    pub(super) async fn carry<T>(
        &self,
        open: &OpenOutbox,
        letters: Vec<Letter>,
        change: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        for letter in &letters {
            open.put(letter).await.map_err(disk)?;
        }
        let result = change.await;
        match &result {
            // From here on nothing may tell the phone that its change failed.
            Ok(_) => {
                for letter in letters {
                    release(open, letter).await.unwrap_or_else(|error| log::error!("{error}"));
                }
                self.deliver(open).await.unwrap_or_else(|error| log::error!("{error}"));
            }
            // Perhaps it was carried out: the event will tell.
            Err(Error::Uncertain(_) | Error::Unavailable { .. } | Error::Exists) => {}
            Err(_) => {
                for letter in letters {
                    open.remove(&letter.id).await.map_err(disk)?;
                }
            }
        }
        result
    }

    /// Finds out what became of changes of this event whose end nobody saw: before the next one begins.
    pub(super) async fn settle(&self, open: &OpenOutbox, change: &Change<'_>) -> Result<(), Error> {
        let now = change.before.map(fingerprint);
        for letter in open.letters().map_err(disk)? {
            if letter.uid == change.uid && !letter.released {
                match letter.before == now {
                    true => open.remove(&letter.id).await.map_err(disk)?,
                    false => release(open, letter).await.map_err(disk)?,
                }
            }
        }
        Ok(())
    }

    /// Takes care of everything that was left behind by earlier requests: finds out which changes have happened, and sends what is due.
    pub async fn flush(&self) {
        if let Err(error) = self.try_flush().await {
            log::warn!("mails about meetings wait: {error}");
        }
    }

    async fn try_flush(&self) -> Result<(), Error> {
        if self.outbox.is_empty().map_err(disk)? {
            return Ok(());
        }
        let open = self.outbox.lock().await.map_err(disk)?;
        for letter in open.letters().map_err(disk)?.into_iter().filter(|letter| !letter.released) {
            let now = match self.now(&letter.container, &letter.uid).await? {
                Fetched::Item(item) => Some(fingerprint(&item)),
                Fetched::Missing => None,
                Fetched::Broken(_) => continue,
            };
            if letter.before != now {
                release(&open, letter).await.map_err(disk)?;
            } else if self.office.now() > letter.written + UNDER_WAY {
                open.remove(&letter.id).await.map_err(disk)?;
            }
        }
        self.deliver(&open).await
    }

    /// Sends all letters that are due.
    async fn deliver(&self, open: &OpenOutbox) -> Result<(), Error> {
        let now = self.office.now();
        let letters = open.letters().map_err(disk)?;
        let mut due = letters.into_iter().filter(|letter| letter.released && letter.not_before <= now);
        while let Some(letter) = due.next() {
            let mail = smtp::Mail {
                from: letter.from.clone(),
                to: letter.to.clone(),
                message: letter.message.clone().into_bytes().into(),
                rule: smtp::Rule::Each,
            };
            match self.office.send(&mail).await {
                Ok(sent) | Err(smtp::Error::Recipients(sent)) => self.sent(open, letter, sent).await?,
                Err(error) if error.is_final() => {
                    open.remove(&letter.id).await.map_err(disk)?;
                    log::error!("the mail {} about {} is dropped: {error}", letter.id, letter.uid);
                }
                // The others would fare no better.
                Err(error) => {
                    log::warn!("mails about meetings wait: {error}");
                    for letter in std::iter::once(letter).chain(due.by_ref()) {
                        self.postpone(open, letter).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The server has taken the letter, or refused it for single recipients: that is noted before anything else happens.
    async fn sent(&self, open: &OpenOutbox, letter: Letter, sent: smtp::Sent) -> Result<(), Error> {
        let (id, uid) = (letter.id.clone(), letter.uid.clone());
        if sent.later.is_empty() {
            open.remove(&letter.id).await.map_err(disk)?;
        } else {
            self.postpone(open, Letter { to: sent.later, ..letter }).await?;
        }
        for (address, words) in sent.refused {
            log::error!("{address} cannot be told of {uid} (mail {id}): {words}");
        }
        Ok(())
    }

    async fn postpone(&self, open: &OpenOutbox, mut letter: Letter) -> Result<(), Error> {
        let now = self.office.now();
        if now > letter.written.saturating_add(self.office.give_up()) {
            open.remove(&letter.id).await.map_err(disk)?;
            log::error!("the mail {} about {} to {} is dropped: too old", letter.id, letter.uid, letter.to.join(", "));
            return Ok(());
        }
        letter.not_before = now + PAUSE.1.min(PAUSE.0 << letter.tries.min(10));
        letter.tries += 1;
        open.put(&letter).await.map_err(disk)
    }
}

/// The change has happened: what was told is known, and the letter may go.
async fn release(open: &OpenOutbox, letter: Letter) -> Result<(), crate::state::Error> {
    open.learn(&letter.uid, &letter.known, letter.gone).await?;
    open.put(&Letter { released: true, ..letter }).await
}

/// Names what is told: the same for the same news, of the same event, to the same people.
fn name(drafts: &[Draft], comment: &str) -> String {
    let told = drafts.iter().map(|draft| {
        let to: Vec<String> = draft.to.iter().map(|person| person.address.to_lowercase()).collect();
        let exception =
            draft.exception.as_ref().map(|exception| (exception.text(c::EXCEPTION_START_TIME), seen(exception)));
        format!("{:?}{:?}{exception:?}{to:?}{comment}", draft.method, seen(&draft.item))
    });
    hex(told.collect::<String>().as_bytes(), 16)
}

/// What tells an event from the same event after a change.
fn fingerprint(item: &Properties) -> String {
    let mut item = item.clone();
    // Some sources fill that in at every reading.
    item.0.remove(&c::DT_STAMP);
    if let Some(Value::Groups(exceptions)) = item.0.get_mut(&c::EXCEPTIONS) {
        exceptions.iter_mut().for_each(|exception| drop(exception.0.remove(&c::DT_STAMP)));
    }
    hex(format!("{item:?}").as_bytes(), 16)
}

fn hex(bytes: &[u8], length: usize) -> String {
    digest(&SHA256, bytes).as_ref().iter().take(length).map(|byte| format!("{byte:02x}")).collect()
}

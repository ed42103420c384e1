//! Sends a user's mails so that nothing is sent twice and nothing that was sent is taken for unsent: what is about to be done is on disk
//! before the mail server is asked, what was done before anything else follows. The copy of a mail that is not small waits on disk until the
//! phone was answered.

mod copying;
mod lying;
mod mailroom;
#[cfg(test)]
mod tests;

pub use copying::{Copying, Work};
pub use lying::Lying;
pub use mailroom::{Mailroom, Original, Verb};

use crate::{
    smtp,
    state::{self, Copies, Copy, OpenSent, Prepared, Sending, Sent, Stage},
};

/// Longest mail whose copy is put into its folder before the phone is answered, bytes: a phone that looks there at once finds it.
const SMALL: u64 = 256 << 10;

/// A mail that is to be sent, and what follows from it.
#[derive(Debug, Clone)]
pub struct Order {
    /// Names the request; the same for its repetition.
    pub key: String,
    /// Seconds for which the same key means the same mail; `None`: as long as it is remembered.
    pub valid: Option<u64>,
    /// Message-ID of the mail, without angle brackets; the same in a repetition.
    pub message_id: String,
    /// The mail.
    pub mail: smtp::Mail,
    /// Whether a copy is kept.
    pub save: bool,
    /// The mail that it answers or forwards.
    pub original: Option<(Original, Verb)>,
}

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The mail was sent.
    Sent,
    /// It was sent by an earlier request.
    Before,
}

/// Why a mail was not sent.
#[derive(Debug)]
pub enum Failure {
    /// What the mail server says.
    Smtp(smtp::Error),
    /// The state directory cannot be used.
    State(state::Error),
    /// It cannot be found out what became of an earlier request.
    Unknown(String),
}

impl From<state::Error> for Failure {
    fn from(error: state::Error) -> Self {
        Self::State(error)
    }
}

/// Who sends, and where to.
#[derive(Debug, Clone)]
pub struct Sender {
    /// The mail server.
    pub smtp: smtp::Settings,
    /// The user.
    pub login: smtp::Login,
    /// What the device has sent before.
    pub sent: Sent,
    /// Copies of the user's mails that are still to be kept.
    pub copies: Copies,
    /// Who keeps them.
    pub copying: Copying,
}

/// What is there of a copy when the mail server has taken the mail.
enum Draft {
    /// Nothing: it is small.
    Small,
    /// It can lie in the state directory.
    Ready(Result<Prepared, state::Error>),
    /// An earlier request may have put it anywhere.
    Perhaps,
}

impl Sender {
    /// Carries an order out. To be run to its end, whoever waits for it: `now` is in seconds since 1970. A copy may still have to be put into
    /// its folder then: that goes on by itself.
    ///
    /// # Errors
    /// The mail was not sent, or ([`smtp::Error::Uncertain`]) nobody knows; a repetition finds out.
    pub async fn send<M: Mailroom + Clone>(&self, room: &M, order: &Order, now: u64) -> Result<Outcome, Failure> {
        let mut sent = self.sent.lock().await?;
        let is_valid = |at: u64| order.valid.is_none_or(|valid| at.saturating_add(valid) > now);
        let known = sent.find(&order.key).filter(|known| is_valid(known.at)).cloned();
        let at = |stage| Sending { key: order.key.clone(), message_id: order.message_id.clone(), at: now, stage };
        match known.as_ref().map(|known| known.stage) {
            Some(Stage::Done) => return Ok(Outcome::Before),
            Some(Stage::Accepted) => {
                self.follow(room, order, Draft::Perhaps, &mut sent, at(Stage::Done)).await;
                return Ok(Outcome::Before);
            }
            Some(Stage::Unknown) if self.arrived(room, &known).await? => {
                mark(room, order, now).await;
                noted(sent.put(at(Stage::Done)).await, order);
                return Ok(Outcome::Before);
            }
            Some(Stage::Unknown) | None => {}
        }
        sent.put(at(Stage::Unknown)).await?;
        let (taken, draft) = tokio::join!(smtp::send(&self.smtp, &self.login, &order.mail), self.draft(order));
        match taken {
            Ok(_) => {}
            Err(error @ smtp::Error::Uncertain(_)) => return Err(Failure::Smtp(error)),
            Err(error) => {
                noted(sent.remove(&order.key).await, order);
                return Err(Failure::Smtp(error));
            }
        }
        noted(sent.put(at(Stage::Accepted)).await, order);
        self.follow(room, order, draft, &mut sent, at(Stage::Done)).await;
        Ok(Outcome::Sent)
    }

    /// Goes on with copies that earlier requests of the user have left behind. Returns at once.
    pub fn resume(&self, room: impl Mailroom) {
        match self.copies.is_empty() {
            Ok(true) => {}
            Ok(false) => self.copy(room),
            Err(error) => log::warn!("copies of sent mails wait: {error}"),
        }
    }

    fn copy(&self, room: impl Mailroom) {
        let give_up = self.smtp.give_up.saturating_mul(24 * 3600);
        self.copying.begin(Work { user: self.login.user.clone(), copies: self.copies.clone(), room, give_up });
    }

    /// Whether a mail of which nobody knows lies among those that were sent, or is about to.
    async fn arrived(&self, room: &impl Mailroom, known: &Option<Sending>) -> Result<bool, Failure> {
        match known {
            Some(known) if self.copies.has(&known.message_id) => Ok(true),
            Some(known) => room.has_sent(&known.message_id).await.map_err(Failure::Unknown),
            None => Ok(false),
        }
    }

    /// The copy of a mail that is about to be sent.
    async fn draft(&self, order: &Order) -> Draft {
        match order.mail.message.len() {
            len if order.save && len > SMALL => Draft::Ready(self.copies.prepare(&order.mail.message).await),
            _ => Draft::Small,
        }
    }

    /// What follows from a mail that the server has taken: nothing of that can make it unsent.
    async fn follow<M: Mailroom + Clone>(
        &self,
        room: &M,
        order: &Order,
        draft: Draft,
        sent: &mut OpenSent,
        done: Sending,
    ) {
        let verb = order.original.as_ref().map(|(_, verb)| *verb);
        let keep = async { order.save && self.keep(room, order, draft, done.at).await };
        let (waits, ()) = tokio::join!(keep, room.count(&order.message_id, verb, &order.mail.to));
        mark(room, order, done.at).await;
        noted(sent.put(done).await, order);
        if waits {
            self.copy(room.clone());
        }
    }

    /// Keeps the copy, on disk at least; gives whether it is still to be put into its folder.
    async fn keep(&self, room: &impl Mailroom, order: &Order, draft: Draft, now: u64) -> bool {
        let message = &order.mail.message;
        let (prepared, tries) = match draft {
            Draft::Ready(prepared) => (prepared, 0),
            Draft::Perhaps => (self.copies.prepare(message).await, 1),
            Draft::Small => match room.keep(message, now).await {
                Ok(()) => return false,
                Err(reason) => {
                    log::debug!("the copy of the mail {} waits: {reason}", order.message_id);
                    (self.copies.prepare(message).await, 1)
                }
            },
        };
        let copy = Copy { message_id: order.message_id.clone(), since: now, tries, not_before: 0 };
        let put = match prepared {
            Ok(prepared) => self.copies.put(prepared, &copy).await,
            Err(error) => Err(error),
        };
        let Err(error) = put else { return true };
        log::error!("the copy of the mail {} cannot wait on disk: {error}", order.message_id);
        let kept = match tries > 0 && room.has_sent(&order.message_id).await.unwrap_or(false) {
            true => Ok(()),
            false => room.keep(message, now).await,
        };
        if let Err(reason) = kept {
            log::warn!("the mail {} was sent, but no copy is in Sent: {reason}", order.message_id);
        }
        false
    }
}

async fn mark(room: &impl Mailroom, order: &Order, now: u64) {
    if let Some((original, verb)) = &order.original
        && let Err(reason) = room.mark(original, *verb, &order.mail.to, now).await
    {
        log::warn!("the mail {} was sent, but its original is not marked: {reason}", order.message_id);
    }
}

fn noted(written: Result<(), state::Error>, order: &Order) {
    if let Err(error) = written {
        log::error!("what became of the mail {} cannot be noted: {error}", order.message_id);
    }
}

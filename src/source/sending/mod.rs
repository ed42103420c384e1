//! Sends a user's mails so that nothing is sent twice and nothing that was sent is taken for unsent: what is about to be done is on disk
//! before the mail server is asked, what was done before anything else follows.

mod lying;
mod mailroom;
#[cfg(test)]
mod tests;

pub use lying::Lying;
pub use mailroom::{Mailroom, Original, Verb};

use crate::{
    smtp,
    state::{self, OpenSent, Sending, Sent, Stage},
};

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
}

impl Sender {
    /// Carries an order out. To be run to its end, whoever waits for it: `now` is in seconds since 1970.
    ///
    /// # Errors
    /// The mail was not sent, or ([`smtp::Error::Uncertain`]) nobody knows; a repetition finds out.
    pub async fn send(&self, room: &impl Mailroom, order: &Order, now: u64) -> Result<Outcome, Failure> {
        let mut sent = self.sent.lock().await?;
        let is_valid = |at: u64| order.valid.is_none_or(|valid| at.saturating_add(valid) > now);
        let known = sent.find(&order.key).filter(|known| is_valid(known.at)).cloned();
        let at = |stage| Sending { key: order.key.clone(), message_id: order.message_id.clone(), at: now, stage };
        match known.as_ref().map(|known| known.stage) {
            Some(Stage::Done) => return Ok(Outcome::Before),
            Some(Stage::Accepted) => {
                follow(room, order, &mut sent, at(Stage::Done)).await;
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
        match smtp::send(&self.smtp, &self.login, &order.mail).await {
            Ok(_) => {}
            Err(error @ smtp::Error::Uncertain(_)) => return Err(Failure::Smtp(error)),
            Err(error) => {
                noted(sent.remove(&order.key).await, order);
                return Err(Failure::Smtp(error));
            }
        }
        noted(sent.put(at(Stage::Accepted)).await, order);
        follow(room, order, &mut sent, at(Stage::Done)).await;
        Ok(Outcome::Sent)
    }

    /// Whether a mail of which nobody knows lies among those that were sent.
    async fn arrived(&self, room: &impl Mailroom, known: &Option<Sending>) -> Result<bool, Failure> {
        match known {
            Some(known) => room.has_sent(&known.message_id).await.map_err(Failure::Unknown),
            None => Ok(false),
        }
    }
}

/// What follows from a mail that the server has taken: nothing of that can make it unsent.
async fn follow(room: &impl Mailroom, order: &Order, sent: &mut OpenSent, done: Sending) {
    if order.save {
        let kept = match room.keep(&order.mail.message).await {
            // A connection that was closed meanwhile: the second time there is a new one.
            Err(_) => room.keep(&order.mail.message).await,
            kept => kept,
        };
        if let Err(reason) = kept {
            log::warn!("the mail {} was sent, but no copy is in Sent: {reason}", order.message_id);
        }
    }
    mark(room, order, done.at).await;
    noted(sent.put(done).await, order);
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

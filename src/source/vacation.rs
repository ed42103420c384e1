//! Out-of-office replies in Ingo (`filter.*`), as phones set them (MS-ASCMD 2.2.3.122).
//!
//! Ingo has one reply in plain text that everybody gets. It is the one meant for the widest audience, as no stranger is to read what is for
//! colleagues only. What the phone said for each audience is kept beside and told again as long as Ingo has the reply that was made of it;
//! as soon as somebody has changed that on the web, the web's goes for all.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{
    Error,
    app::{fault, number},
};
use crate::{
    convert::html,
    horde::{self, Session},
    proto::settings::oof::{Audience, Message, Oof, State},
    state::Beside,
};

/// Name of what is kept.
const KEPT: &str = "vacation";
/// Longest reply, bytes of plain text: Ingo's column has 64 KiB.
const LONGEST: usize = 60_000;
/// Audiences, the widest first.
const WIDEST: [Audience; 3] = [Audience::ExternalUnknown, Audience::ExternalKnown, Audience::Internal];

/// The out-of-office reply of one user.
#[derive(Debug, Clone)]
pub struct Vacation {
    session: Session,
    beside: Beside,
}

/// What the phone said, and the reply that Ingo was given for it.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    reply: String,
    messages: Vec<Said>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Said {
    /// Index in [`WIDEST`].
    audience: usize,
    enabled: bool,
    text: Option<String>,
    html: bool,
}

/// What Ingo has.
struct Rule {
    state: State,
    /// Seconds since 1970; 0 = none.
    times: [i64; 2],
    reply: String,
}

impl Vacation {
    /// `beside` is that user's for "filter".
    pub fn new(session: Session, beside: Beside) -> Self {
        Self { session, beside }
    }

    /// The setting as it is, texts as HTML or plain.
    ///
    /// # Errors
    /// [`Error::Denied`]: there is no Ingo for this user; else Horde cannot be asked.
    pub async fn get(&self, html: bool) -> Result<Oof, Error> {
        let rule = self.rule().await?;
        let mut messages = self.messages(&rule)?;
        for message in &mut messages {
            message.text = message.text.take().map(|text| in_form(text, message.html, html));
            message.html = html;
        }
        let times = rule.times.map(|at| Timestamp::from_second(at).ok().filter(|_| rule.state == State::Timed));
        let [start, end] = times.map(|at| at.map(|at| at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()));
        Ok(Oof { state: Some(rule.state), start, end, messages, wrong: false })
    }

    /// Changes what `oof` says and leaves the rest.
    ///
    /// # Errors
    /// As [`Vacation::get`]. [`Error::Refused`]: a reply that is too long, or none although one is to be sent.
    pub async fn set(&self, oof: &Oof) -> Result<(), Error> {
        let rule = self.rule().await?;
        let mut messages = self.messages(&rule)?;
        for said in &oof.messages {
            let before =
                messages.iter().position(|message| message.audience == said.audience).map(|at| messages.remove(at));
            let (text, html) = match (&said.text, before) {
                (None, Some(before)) => (before.text, before.html),
                (text, _) => (text.clone(), said.html),
            };
            messages.push(Message { text, html, ..said.clone() });
        }
        let state = oof.state.unwrap_or(rule.state);
        let reply = reply(&messages).unwrap_or_else(|| rule.reply.clone());
        if reply.len() > LONGEST {
            return Err(Error::Refused("the reply is too long".to_owned()));
        }
        let is_on = state != State::Off && (messages.is_empty() || messages.iter().any(|message| message.enabled));
        if is_on && reply.trim().is_empty() {
            return Err(Error::Refused("a reply without text".to_owned()));
        }
        let seconds = |text: &Option<String>| text.as_deref()?.parse::<Timestamp>().ok().map(Timestamp::as_second);
        let [start, end] = match (state, seconds(&oof.start), seconds(&oof.end)) {
            (State::Timed, Some(start), Some(end)) => [start, end],
            (State::Timed, ..) => rule.times,
            _ => [0, 0],
        };
        self.keep(&reply, &messages).await?;
        let info = json!({ "reason": reply, "start": start, "end": end });
        self.session.write("filter.setVacation", vec![info, json!(is_on)]).await.map(drop).map_err(told)
    }

    async fn rule(&self) -> Result<Rule, Error> {
        let name = "filter.getVacation";
        let answer = self.session.read(name, Vec::new()).await.map_err(told)?;
        let reply = answer.get("reason").and_then(Json::as_str).ok_or_else(|| fault::strange(name))?;
        let time = |name| answer.get(name).and_then(number).and_then(|at| i64::try_from(at).ok()).unwrap_or(0);
        let times = [time("start"), time("end")];
        let is_over = times[1] > 0 && times[1] < Timestamp::now().as_second();
        let state = match answer.get("disabled") {
            Some(Json::Bool(false)) if is_over => State::Off,
            Some(Json::Bool(false)) if times.iter().all(|at| *at > 0) => State::Timed,
            Some(Json::Bool(false)) => State::On,
            _ => State::Off,
        };
        Ok(Rule { state, times, reply: with_lf(reply) })
    }

    /// What each audience gets by what is kept, if Ingo still has what was made of it; else all get Ingo's.
    fn messages(&self, rule: &Rule) -> Result<Vec<Message>, Error> {
        let kept = self.beside.get(KEPT).map_err(|e| fault::unavailable(e.to_string()))?;
        let kept = kept.and_then(|kept| serde_json::from_value::<Kept>(kept).ok());
        if let Some(kept) = kept.filter(|kept| kept.reply.trim() == rule.reply.trim()) {
            let told = kept.messages.into_iter().filter_map(|said| {
                let audience = *WIDEST.get(said.audience)?;
                Some(Message { audience, enabled: said.enabled, text: said.text, html: said.html })
            });
            return Ok(told.collect());
        }
        if rule.reply.is_empty() {
            return Ok(Vec::new());
        }
        let all =
            WIDEST.map(|audience| Message { audience, enabled: true, text: Some(rule.reply.clone()), html: false });
        Ok(all.to_vec())
    }

    async fn keep(&self, reply: &str, messages: &[Message]) -> Result<(), Error> {
        let said = |message: &Message| Said {
            audience: WIDEST.iter().position(|audience| *audience == message.audience).unwrap_or_default(),
            enabled: message.enabled,
            text: message.text.clone(),
            html: message.html,
        };
        let kept = json!(Kept { reply: reply.to_owned(), messages: messages.iter().map(said).collect() });
        self.beside.put(KEPT, &kept).await.map_err(|e| fault::unavailable(e.to_string()))
    }
}

/// Ingo has refused, or is not there: both say the same.
fn told(error: horde::Error) -> Error {
    match error {
        horde::Error::Fault(text) => {
            log::info!("no out-of-office replies: {text}");
            Error::Denied
        }
        error => fault::of_site(error),
    }
}

/// What everybody gets, in plain text: the reply for the widest audience that gets one, else for the widest that has one.
fn reply(messages: &[Message]) -> Option<String> {
    let of = |enabled: bool| {
        let candidates = WIDEST.iter().filter_map(|audience| messages.iter().find(|m| m.audience == *audience));
        candidates.filter(|m| m.enabled == enabled).find_map(|m| Some(in_form(m.text.clone()?, m.html, false)))
    };
    let given = |text: &String| !text.trim().is_empty();
    of(true).filter(given).or_else(|| of(false).filter(given))
}

/// The text in the other form, if it is not in the wanted one.
fn in_form(text: String, is_html: bool, html: bool) -> String {
    match (is_html, html) {
        (true, false) => with_lf(&html::plain(&text)),
        (false, true) => html::of_plain(&text),
        (true, true) => text,
        (false, false) => with_lf(&text),
    }
}

fn with_lf(text: &str) -> String {
    text.replace("\r\n", "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(audience: Audience, enabled: bool, text: &str) -> Message {
        Message { audience, enabled, text: Some(text.into()), html: text.starts_with('<') }
    }

    #[test]
    fn everybody_gets_what_is_for_the_widest_audience() {
        let colleagues = message(Audience::Internal, true, "ask Bob, room 5");
        let friends = message(Audience::ExternalKnown, true, "<p>away</p>");
        let strangers = message(Audience::ExternalUnknown, false, "no");
        assert_eq!(reply(&[colleagues.clone(), friends, strangers.clone()]).as_deref(), Some("away"));
        assert_eq!(reply(&[strangers, colleagues]).as_deref(), Some("ask Bob, room 5"));
        assert_eq!(reply(&[message(Audience::Internal, false, "later")]).as_deref(), Some("later"));
        assert_eq!(reply(&[]), None);
    }
}

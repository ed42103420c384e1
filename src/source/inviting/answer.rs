//! The user's answer to an invitation (MS-ASCMD 2.2.1.11).

use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{DateTime, Time},
    tz::TimeZone,
};

use super::{
    Inviting, Office, carry, disk,
    draft::{self, Draft},
};
use crate::{
    convert::{
        ical,
        itip::{Method, Person, is_address, zone_of},
    },
    proto::class::{Patch, Properties, Value},
    source::{Error, Fetched, Identity, Source},
    wbxml::tag::calendar as c,
};

/// Less the moment that would take noon to the next day.
const HALF_A_DAY: SignedDuration = SignedDuration::from_secs(12 * 3600 - 1);

/// What the user says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Response {
    Accepted,
    Tentative,
    Declined,
}

impl Response {
    /// AttendeeStatus and ResponseType (MS-ASCAL 2.2.2.4, 2.2.2.38).
    const fn status(self) -> &'static str {
        match self {
            Self::Accepted => "3",
            Self::Tentative => "2",
            Self::Declined => "4",
        }
    }

    const fn method(self) -> Method {
        match self {
            Self::Accepted => Method::Accepted,
            Self::Tentative => Method::Tentative,
            Self::Declined => Method::Declined,
        }
    }
}

/// An answer to an invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What the user says.
    pub response: Response,
    /// The occurrence that is meant, by its original start (`20261124T080000Z`); `None` = all of it.
    pub instance: Option<String>,
    /// What the organizer is told; `None`: nothing by us.
    pub reply: Option<Reply>,
}

/// What goes to the organizer with the answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// Some words.
    pub comment: String,
    /// Start and end that would suit better (`20261124T080000Z`).
    pub proposal: Option<(String, String)>,
}

/// Why an answer was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// It is nothing that somebody else invites to, or it is not there.
    NoInvitation,
    /// An occurrence of what does not recur.
    NotRecurring,
    /// The source.
    Source(Error),
}

impl From<Error> for Unanswered {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound | Error::ContainerGone => Self::NoInvitation,
            error => Self::Source(error),
        }
    }
}

impl<S: Source, O: Office> Inviting<S, O> {
    /// Puts the answer into the user's calendar (what is declined goes from it) and tells the organizer if [`Answer::reply`] says so. The
    /// same answer again changes and tells nothing.
    ///
    /// # Errors
    /// See [`Unanswered`].
    pub async fn answer(&self, container: &str, uid: &str, answer: &Answer) -> Result<(), Unanswered> {
        let open = self.outbox.lock().await.map_err(disk)?;
        let before = match self.now(container, uid).await? {
            Fetched::Item(before) => before,
            // Declined before, and the phone has not heard of it.
            Fetched::Missing if answer.response == Response::Declined && self.is_told(&open, uid)? => return Ok(()),
            Fetched::Missing | Fetched::Broken(_) => return Err(Unanswered::NoInvitation),
        };
        let me = self.office.me().await?;
        let Some(organizer) = organizer(&before).filter(|_| !draft::is_organizer(&before, &me)) else {
            return Err(Unanswered::NoInvitation);
        };
        let answer = match &answer.instance {
            None => answer.clone(),
            Some(_) if before.group(c::RECURRENCE).is_none() => return Err(Unanswered::NotRecurring),
            Some(instance) => {
                let instance = occurrence(&before, instance, &me).ok_or(Unanswered::NoInvitation)?;
                Answer { instance: Some(instance), ..answer.clone() }
            }
        };
        let answer = &answer;
        let gone = answer.instance.is_none() && answer.response == Response::Declined;
        let change = carry::Change { container, uid, before: Some(&before), gone };
        self.settle(&open, &change).await?;
        let mut letters = Vec::new();
        if let Some(reply) = &answer.reply {
            let draft = reply_draft(&before, &me, organizer, answer, reply);
            letters = self.compose(&open, &me, &change, &[draft], &reply.comment)?;
        }
        if letters.is_empty() && is_answered(&before, &me, answer) {
            return Ok(());
        }
        let now = self.office.now();
        if gone {
            return Ok(self.carry(&open, letters, self.source.delete(container, uid)).await?);
        }
        let patch = patch(&before, &me, answer, now);
        Ok(self.carry(&open, letters, self.source.change(container, uid, &patch)).await?)
    }

    fn is_told(&self, open: &crate::state::OpenOutbox, uid: &str) -> Result<bool, Error> {
        Ok(!open.known(uid).map_err(disk)?.told.is_empty())
    }
}

/// The original start of the occurrence that is meant; `None`: there is none.
fn occurrence(series: &Properties, instance: &str, me: &Identity) -> Option<String> {
    let at = DateTime::strptime("%Y%m%dT%H%M%SZ", instance).ok()?;
    let all_day = series.text(c::ALL_DAY_EVENT) == Some("1");
    // Older versions name days by their local midnight: the nearest is meant.
    let at = if all_day { at.checked_add(HALF_A_DAY).ok()?.date().to_datetime(Time::midnight()) } else { at };
    let name = at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let known = |e: &&Properties| e.text(c::EXCEPTION_START_TIME) == Some(&name);
    if series.groups(c::EXCEPTIONS).iter().any(|e| known(&e)) {
        return Some(name);
    }
    let at = at.to_zoned(TimeZone::UTC).ok()?.timestamp();
    let next = at.checked_add(1.second()).ok()?;
    let starts = ical::occurrences(series, &zone_of(series, &me.zone), at, next, 1);
    starts.contains(&at).then_some(name)
}

/// Whether the calendar has this answer already.
fn is_answered(item: &Properties, me: &Identity, answer: &Answer) -> bool {
    let own = |a: &&Properties| a.text(c::EMAIL).is_some_and(|address| me.has(address));
    let status = item.groups(c::ATTENDEES).iter().find(own).and_then(|own| own.text(c::ATTENDEE_STATUS));
    let wanted = Some(answer.response.status());
    answer.instance.is_none() && status == wanted && item.text(c::RESPONSE_TYPE) == wanted
}

fn organizer(item: &Properties) -> Option<Person> {
    let address = item.text(c::ORGANIZER_EMAIL)?.trim();
    let name = item.text(c::ORGANIZER_NAME).unwrap_or_default().to_owned();
    is_address(address).then(|| Person { name, address: address.to_owned() })
}

/// What the answer makes of the event in the user's calendar.
fn patch(before: &Properties, me: &Identity, answer: &Answer, now: u64) -> Patch {
    let set = match &answer.instance {
        None => answered(before, me, answer.response, now),
        Some(instance) => {
            let mut exception = Properties::default();
            exception.set_text(c::EXCEPTION_START_TIME, instance.as_str());
            if answer.response == Response::Declined {
                exception.set_text(c::DELETED, "1");
            } else {
                let known = known_exception(before, instance);
                let whole = known.clone().unwrap_or_default();
                let attendees = if whole.groups(c::ATTENDEES).is_empty() { before } else { &whole };
                exception.0.extend(known.unwrap_or_default().0);
                exception.0.extend(answered(attendees, me, answer.response, now).0);
            }
            Properties([(c::EXCEPTIONS, Value::Groups(vec![exception]))].into())
        }
    };
    Patch { set, clear: Vec::new() }
}

fn known_exception(item: &Properties, instance: &str) -> Option<Properties> {
    let exceptions = item.groups(c::EXCEPTIONS).iter();
    exceptions
        .filter(|e| e.text(c::DELETED) != Some("1"))
        .find(|e| e.text(c::EXCEPTION_START_TIME) == Some(instance))
        .cloned()
}

fn answered(item: &Properties, me: &Identity, response: Response, now: u64) -> Properties {
    let mut set = Properties::default();
    let mut attendees = item.groups(c::ATTENDEES).to_vec();
    let own = attendees.iter().position(|a| a.text(c::EMAIL).is_some_and(|address| me.has(address)));
    match own.and_then(|own| attendees.get_mut(own)) {
        Some(own) => own.set_text(c::ATTENDEE_STATUS, response.status()),
        None => attendees.extend(own_attendee(me, response)),
    }
    let at = i64::try_from(now).ok().and_then(|now| Timestamp::from_second(now).ok()).unwrap_or_default();
    set.0.insert(c::ATTENDEES, Value::Groups(attendees));
    set.set_text(c::RESPONSE_TYPE, response.status());
    set.set_text(c::BUSY_STATUS, if response == Response::Accepted { "2" } else { "1" });
    set.set_text(c::APPOINTMENT_REPLY_TIME, at.strftime("%Y%m%dT%H%M%SZ").to_string());
    set.set_text(c::MEETING_STATUS, (draft::MEETING | draft::RECEIVED).to_string());
    set
}

fn own_attendee(me: &Identity, response: Response) -> Option<Properties> {
    let person = me.person()?;
    let mut own = Properties::default();
    own.set_text(c::EMAIL, person.address);
    own.set_text(c::NAME, person.name);
    own.set_text(c::ATTENDEE_STATUS, response.status());
    own.set_text(c::ATTENDEE_TYPE, "1");
    Some(own)
}

/// The mail to the organizer: the event with the one attendee who answers.
fn reply_draft(before: &Properties, me: &Identity, organizer: Person, answer: &Answer, reply: &Reply) -> Draft {
    let known = answer.instance.as_deref().map(|instance| {
        let mut exception = known_exception(before, instance).unwrap_or_default();
        exception.set_text(c::EXCEPTION_START_TIME, instance);
        exception
    });
    let shown = known
        .as_ref()
        .map_or_else(|| before.clone(), |known| ical::occurrence(before, known, &zone_of(before, &me.zone)));
    let listed = shown.groups(c::ATTENDEES).iter().find(|a| a.text(c::EMAIL).is_some_and(|address| me.has(address)));
    let own = match listed {
        Some(listed) => {
            let mut own = listed.clone();
            own.set_text(c::ATTENDEE_STATUS, answer.response.status());
            Some(own)
        }
        None => own_attendee(me, answer.response),
    };
    let own = Value::Groups(own.into_iter().collect());
    let may_propose = before.text(c::DISALLOW_NEW_TIME_PROPOSAL) != Some("1");
    let proposal = reply.proposal.as_ref().filter(|_| may_propose);
    let mut item = before.clone();
    item.0.remove(&c::EXCEPTIONS);
    item.0.insert(c::ATTENDEES, own.clone());
    let mut exception = known;
    if let Some(exception) = &mut exception {
        exception.0.insert(c::ATTENDEES, own);
    }
    if let Some((start, end)) = proposal {
        let told = exception.as_mut().unwrap_or(&mut item);
        told.set_text(c::START_TIME, start.as_str());
        told.set_text(c::END_TIME, end.as_str());
    }
    let method = if proposal.is_some() { Method::Counter } else { answer.response.method() };
    Draft { method, item, exception, to: vec![organizer], moved: false }
}

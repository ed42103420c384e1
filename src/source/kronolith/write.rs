//! Writing events. What Horde has no place for is kept beside: on disk before Horde has the event, as it will come back as far as is known,
//! and once more when it has come back.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use super::{
    Kronolith, limits,
    plan::{self, Plan, State, Step, There},
    read::Now,
    repair,
    text::{moment, written},
};
use crate::{
    convert::{
        ical::{self, Home},
        zone,
    },
    horde,
    proto::class::{Blob, Patch, Properties, Value, applied},
    source::{
        Error, Kept,
        app::{fault, number, uids},
    },
    wbxml::{Tag, tag::calendar as c},
};

/// Never kept beside: Horde's own, or said by other means.
pub(super) const NEVER: [Tag; 4] = [c::DT_STAMP, c::UID, c::CLIENT_UID, c::TIMEZONE];
/// What belongs to an event in iCalendar's form.
const FORM: &str = "text/calendar";

impl Kronolith {
    pub(super) async fn add_item(&self, calendar: &str, wish: &str, item: &Properties) -> Result<String, Error> {
        if !Self::is_sane(wish) {
            return Err(Error::Refused(format!("{wish:?} is no uid")));
        }
        let _turn = self.app.memory.turn().await;
        // Kronolith takes an event of a known uid for that one.
        let calls = vec![self.export(wish, calendar)];
        let (home, mut answers) = self.with_home(calls).await?;
        if answers.pop().is_some_and(|answer| answer.is_ok()) {
            return Err(Error::Exists);
        }
        let mut item = with_times(item, Timestamp::now());
        let blob = item.text(c::TIMEZONE).and_then(Blob::parse);
        let zone = new_zone(&item, blob, &home, &home.zone);
        settle_exceptions(&mut item, &zone);
        let nothing = Properties::default();
        let added = Change { there: &nothing, seen: &nothing, wanted: &item };
        tell_of_rule(wish, &item, &zone);
        let mut kept = foresee(&Kept::default(), added, &item, &zone, &home);
        self.keep.put(wish, &kept).await?;
        let mut sent = item.clone();
        let mut result = self
            .carry_out_all(calendar, wish, plan::anew(State { item: &sent, zone: &zone }, wish, &home), Vec::new())
            .await;
        if let (Err(Error::Refused(text)), Some(poorer)) = (&result, limits::without_rare(&item)) {
            log::info!("{text}: trying again without the characters that an old database does not take");
            sent = poorer;
            kept = foresee(&Kept::default(), added, &sent, &zone, &home);
            self.keep.put(wish, &kept).await?;
            result = self
                .carry_out_all(calendar, wish, plan::anew(State { item: &sent, zone: &zone }, wish, &home), Vec::new())
                .await;
        }
        match result {
            Ok(()) => self.compare(calendar, wish, added, kept).await,
            Err(error @ Error::Uncertain(_)) => return Err(error),
            Err(error) => {
                self.keep.forget(&[wish.to_owned()]).await;
                return Err(error);
            }
        }
        Ok(wish.to_owned())
    }

    pub(super) async fn change_item(&self, calendar: &str, uid: &str, patch: &Patch) -> Result<(), Error> {
        let _turn = self.app.memory.turn().await;
        let now = self.now(calendar, uid).await?;
        let before = self.keep.get(uid).map_err(fault::unavailable)?;
        let seen = before.merge(&now.event.item);
        let old_zone = now.event.zone.clone().unwrap_or_else(|| plain_zone(&seen, &now.home));
        let (wanted, new_zone) = wanted(&seen, patch, &now, &old_zone);
        if wanted == seen {
            return Ok(());
        }
        tell_of_rule(uid, &wanted, &new_zone);
        let there = There { uid, item: &now.event.item, text: &now.text, home: &now.home };
        let (old, new) = (State { item: &seen, zone: &old_zone }, State { item: &wanted, zone: &new_zone });
        let change = Change { there: &now.event.item, seen: &seen, wanted: &wanted };
        let kept = foresee(&before, change, &wanted, &new_zone, &now.home);
        if kept != before {
            self.keep.put(uid, &kept).await?;
        }
        let mut result = self.carry_out(calendar, &now, uid, plan::plan(there, old, new)).await;
        if let (Err(Error::Refused(text)), Some(poorer)) = (&result, limits::without_rare(&wanted)) {
            log::info!("{text}: trying again without the characters that an old database does not take");
            let new = State { item: &poorer, zone: &new_zone };
            result = self.carry_out(calendar, &now, uid, plan::plan(there, old, new)).await;
        }
        self.app.memory.forget(calendar, uid);
        match result {
            Ok(()) => {
                self.compare(calendar, uid, change, kept).await;
                Ok(())
            }
            // What may have been carried out all the same is asked for again, with the same result.
            Err(error @ Error::Uncertain(_)) => Err(error),
            Err(error) => {
                if kept != before {
                    self.keep.put(uid, &before).await?;
                }
                Err(error)
            }
        }
    }

    pub(super) async fn delete_item(&self, calendar: &str, uid: &str) -> Result<(), Error> {
        let before = self.app.memory.seen(calendar);
        let now = match self.now(calendar, uid).await {
            Err(Error::NotFound) => return Err(Error::NotFound),
            Err(error @ (Error::Unavailable { .. } | Error::Unauthorized | Error::ContainerGone)) => return Err(error),
            now => now.ok(),
        };
        let answer = match now.filter(|now| now.twin) {
            // By its uid alone Kronolith would take the event of another calendar.
            Some(now) => {
                let start = moment(&now.event.item, c::START_TIME).unwrap_or_default().as_second();
                let Some(id) = self.id(calendar, uid, start).await? else {
                    return Err(Error::Refused(format!(
                        "{uid} is in several calendars and cannot be told from the others"
                    )));
                };
                let path = format!("{}/{calendar}/{id}", self.app.session.user());
                self.app.session.write("calendar.path_delete", vec![json!(path)]).await
            }
            None => self.app.session.write("calendar.delete", vec![json!(uid)]).await,
        };
        self.app.memory.forget(calendar, uid);
        let failure = match answer {
            Ok(_) => None,
            Err(horde::Error::Fault(text) | horde::Error::Fatal(text)) => Some(text),
            Err(horde::Error::Uncertain(text)) => return Err(Error::Uncertain(text)),
            Err(error) => return Err(fault::of_site(error)),
        };
        let stamp = vec![json!(uid), json!("delete"), json!(calendar), json!(true)];
        let calls = vec![
            self.app.call("listUids", vec![json!([calendar])]),
            self.app.call("getActionTimestamp", stamp),
            self.app.sources(false),
        ];
        let mut answers = self.app.batch(calls).await?.into_iter();
        let mut next = || answers.next().unwrap_or(Ok(Json::Null));
        let (list, stamp) = (next().map_err(fault::of_site)?, next());
        if !self.app.names(next())?.iter().any(|(id, _)| id == calendar) {
            return Err(Error::ContainerGone);
        }
        if uids(&list).ok_or_else(|| self.app.strange("listUids"))?.iter().any(|there| there == uid) {
            self.app.check_writable(calendar).await?;
            return Err(failure.map_or(Error::Denied, Error::Refused));
        }
        self.keep.forget(&[uid.to_owned()]).await;
        let deleted = stamp.ok().as_ref().and_then(number).unwrap_or(0);
        // Deleted before the caller looked at the history: then it was not this call that did it.
        if deleted == 0 || before.is_some_and(|before| deleted <= before) { Err(Error::NotFound) } else { Ok(()) }
    }

    async fn carry_out(&self, calendar: &str, now: &Now, uid: &str, plan: Plan) -> Result<(), Error> {
        if now.twin && plan.has_exceptions {
            return Err(Error::Refused(format!("{uid} is in several calendars and has exceptions")));
        }
        let Some(steps) = plan.steps.filter(|_| !now.twin) else {
            return self.carry_out_all(calendar, uid, plan.whole, Vec::new()).await;
        };
        // Looked for before anything moves.
        let mut instances = Vec::new();
        for step in &steps {
            if let Step::Instance { exception, .. } | Step::Remove { exception } = step {
                let pair = (&now.event.item, exception);
                match self.instance(calendar, uid, pair, &now.home.zone).await? {
                    Some(instance) => instances.push(instance),
                    None => return self.carry_out_all(calendar, uid, plan.whole, Vec::new()).await,
                }
            }
        }
        self.carry_out_all(calendar, uid, steps, instances).await
    }

    /// Carries steps out; `instances` has the uids of the events that are the exceptions in them.
    async fn carry_out_all(
        &self,
        calendar: &str,
        uid: &str,
        steps: Vec<Step>,
        instances: Vec<String>,
    ) -> Result<(), Error> {
        let mut instances = instances.into_iter();
        for step in steps {
            match step {
                Step::Replace(text) => self.replace(calendar, uid, uid, text).await?,
                Step::Import(text) => self.import(calendar, uid, text).await?,
                Step::Add { text, has_attendees } => {
                    let result = match has_attendees {
                        true => self.replace(calendar, uid, uid, text.clone()).await,
                        false => self.import(calendar, uid, text.clone()).await,
                    };
                    match result {
                        // Only a replace keeps the attendees, but it takes some exceptions for events that are there already.
                        Err(Error::Refused(_)) if has_attendees => self.import(calendar, uid, text).await?,
                        result => result?,
                    }
                }
                Step::Instance { zones, mut event, .. } => {
                    let instance = instances.next().unwrap_or_default();
                    event.lines.insert("UID".to_owned(), vec![format!("UID:{instance}")]);
                    self.replace(calendar, uid, &instance, zones.with([&event])).await?;
                }
                Step::Remove { .. } => {
                    let instance = instances.next().unwrap_or_default();
                    let result = self.app.session.write("calendar.delete", vec![json!(instance)]).await;
                    self.written(calendar, uid, result).await?;
                }
            }
        }
        Ok(())
    }

    async fn replace(&self, calendar: &str, uid: &str, target: &str, text: String) -> Result<(), Error> {
        let params = vec![json!(target), json!(text), json!(FORM), json!(calendar)];
        let result = self.store("calendar.replace", params).await;
        self.written(calendar, uid, result).await
    }

    async fn import(&self, calendar: &str, uid: &str, text: String) -> Result<(), Error> {
        let params = vec![json!(text), json!(FORM), json!(calendar)];
        match self.store("calendar.import", params).await {
            // An exception alone gives no uid.
            Ok(Json::String(given)) if given != uid => {
                Err(Error::Uncertain(format!("Kronolith stored an event under {given} instead of {uid}")))
            }
            result => self.written(calendar, uid, result).await,
        }
    }

    /// A write that may be repeated, as the uid is in it. Where the database refused a statement the event may be stored already, and
    /// what was in the way is there now.
    async fn store(&self, method: &str, params: Vec<Json>) -> Result<Json, horde::Error> {
        match self.app.session.write(method, params.clone()).await {
            Err(horde::Error::Fault(text)) if fault::is_of_database(&text) => {
                log::info!("{method} once more: {text}");
                self.app.session.write(method, params).await
            }
            result => result,
        }
    }

    /// What the outcome of a write means.
    async fn written(&self, calendar: &str, uid: &str, result: Result<Json, horde::Error>) -> Result<(), Error> {
        self.app.memory.forget(calendar, uid);
        match result {
            Ok(_) => Ok(()),
            Err(horde::Error::Fault(text)) => {
                self.app.check_writable(calendar).await?;
                Err(Error::Refused(text))
            }
            // PHP died, perhaps after it had stored the event: repeating all of it does no harm.
            Err(horde::Error::Fatal(text)) => match self.app.check_writable(calendar).await {
                Err(Error::Unavailable { .. }) => Err(Error::Uncertain(text)),
                Err(error) => Err(error),
                Ok(()) => Err(Error::Refused(text)),
            },
            Err(horde::Error::Uncertain(text)) => Err(Error::Uncertain(text)),
            Err(error) => Err(fault::of_site(error)),
        }
    }

    /// Reads an event that was written, and keeps what did not come back. The event is stored: what fails here is made up for at the next write.
    async fn compare(&self, calendar: &str, uid: &str, change: Change<'_>, mut kept: Kept) {
        let now = match self.now(calendar, uid).await {
            Ok(now) => now,
            Err(error) => return log::warn!("event {uid} is stored, but cannot be read back: {error}"),
        };
        let foreseen = kept.clone();
        note(&mut kept, change, &now.event.item);
        if kept != foreseen
            && let Err(error) = self.keep.put(uid, &kept).await
        {
            log::warn!("{error}");
        }
    }
}

/// What has to be kept if Horde gives back all that it can be told; `sent` is what it is told.
fn foresee(before: &Kept, change: Change<'_>, sent: &Properties, zone: &str, home: &Home) -> Kept {
    let mut kept = before.clone();
    let text = ical::write(&limits::fit(sent), "", zone, home, None);
    if let Ok(event) = ical::read(&text, home) {
        note(&mut kept, change, &event.item);
    }
    kept
}

/// Keeps whatever Horde has otherwise than it should be of what a change moves. What nobody has set is as Horde fills it in.
pub(super) fn note(kept: &mut Kept, change: Change<'_>, horde: &Properties) {
    let mut tags: Vec<Tag> = [change.seen, change.wanted, horde].iter().flat_map(|i| i.0.keys()).copied().collect();
    tags.sort();
    tags.dedup();
    let is_set = |tag: &Tag| change.wanted.0.contains_key(tag) || !FILLED_IN.contains(tag);
    tags.retain(|tag| change.moves(*tag) && is_set(tag) && !NEVER.contains(tag));
    kept.note(tags, change.wanted, horde);
}

/// A change.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change<'a> {
    /// As Horde had it.
    pub(super) there: &'a Properties,
    /// As phones saw it.
    pub(super) seen: &'a Properties,
    /// As phones are to see it.
    pub(super) wanted: &'a Properties,
}

/// Follow from the attendees, in Horde.
pub(super) const OF_MEETING: [Tag; 5] =
    [c::MEETING_STATUS, c::ORGANIZER_NAME, c::ORGANIZER_EMAIL, c::RESPONSE_TYPE, c::RESPONSE_REQUESTED];

impl Change<'_> {
    /// Whether Horde's value of a property may have become another one by this change.
    fn moves(&self, tag: Tag) -> bool {
        let differs = |tag| self.seen.0.get(&tag) != self.wanted.0.get(&tag);
        let was_kept = || self.seen.0.get(&tag) != self.there.0.get(&tag);
        let is_new = self.there.0.is_empty();
        // Of a series Horde changes the exceptions along with everything else.
        is_new
            || differs(tag)
            || tag == c::EXCEPTIONS
            || OF_MEETING.contains(&tag) && differs(c::ATTENDEES) && was_kept()
    }
}

/// What Kronolith fills in by itself.
pub(super) const FILLED_IN: &[Tag] = &[
    c::DT_STAMP,
    c::UID,
    c::CLIENT_UID,
    c::TIMEZONE,
    c::ALL_DAY_EVENT,
    c::BUSY_STATUS,
    c::SENSITIVITY,
    c::MEETING_STATUS,
    c::ORGANIZER_NAME,
    c::ORGANIZER_EMAIL,
    c::RESPONSE_TYPE,
    c::RESPONSE_REQUESTED,
];

/// Phones have the rule all the same.
fn tell_of_rule(uid: &str, item: &Properties, zone: &str) {
    if item.group(c::RECURRENCE).is_some() && !ical::is_in_horde(item, zone) {
        log::info!("event {uid}: Horde has no such rule; its web pages show other occurrences than phones do");
    }
}

/// The event as the patch wants it, and its zone.
pub(super) fn wanted(seen: &Properties, patch: &Patch, now: &Now, old_zone: &str) -> (Properties, String) {
    let mut wanted = applied(patch, seen);
    let blob = patch.set.text(c::TIMEZONE).filter(|text| seen.text(c::TIMEZONE) != Some(*text)).and_then(Blob::parse);
    let base = match wanted.group(c::RECURRENCE).is_some() && now.event.zone.is_none() {
        true => now.home.zone.as_str(),
        false => old_zone,
    };
    let zone = match blob {
        Some(blob) if !blob.says_nothing() => new_zone(&wanted, Some(blob), &now.home, base),
        _ => base.to_owned(),
    };
    if zone == old_zone
        && let Some(blob) = seen.0.get(&c::TIMEZONE)
    {
        wanted.0.insert(c::TIMEZONE, blob.clone());
    }
    let frame = [c::START_TIME, c::END_TIME, c::ALL_DAY_EVENT, c::RECURRENCE];
    let differs = |tag: &Tag| match (seen.group(*tag), wanted.group(*tag)) {
        (Some(a), Some(b)) => is_other_rule(a, b),
        _ => seen.0.get(tag) != wanted.0.get(tag),
    };
    let moved = frame.iter().any(differs);
    // Those that are there stay under the days that Horde has for them; what a phone sends is meant for an occurrence.
    let mut sent =
        Properties(patch.set.0.get_key_value(&c::EXCEPTIONS).map(|(t, v)| (*t, v.clone())).into_iter().collect());
    sent.0.extend(frame.iter().filter_map(|tag| Some((*tag, wanted.0.get(tag)?.clone()))));
    settle_exceptions(&mut sent, &zone);
    let exceptions = sent.0.remove(&c::EXCEPTIONS);
    // Occurrences of their own of a series that was moved belong to one that is no more.
    match seen.0.get(&c::EXCEPTIONS).filter(|_| !moved) {
        Some(before) => wanted.0.insert(c::EXCEPTIONS, before.clone()),
        None => wanted.0.remove(&c::EXCEPTIONS),
    };
    if let Some(exceptions) = exceptions.filter(|_| wanted.group(c::RECURRENCE).is_some()) {
        let set = Properties([(c::EXCEPTIONS, exceptions)].into());
        wanted = applied(&Patch { set, clear: Vec::new() }, &wanted);
    }
    (wanted, zone)
}

/// Whether two rules give other occurrences; which day a week begins on or what calendar is named does not tell.
fn is_other_rule(a: &Properties, b: &Properties) -> bool {
    let tells = |rule: &Properties| {
        let mut rule = rule.clone();
        [c::CALENDAR_TYPE, c::IS_LEAP_MONTH].iter().for_each(|tag| drop(rule.0.remove(tag)));
        if rule.text(c::INTERVAL).is_none() {
            rule.set_text(c::INTERVAL, "1");
        }
        if rule.text(c::FIRST_DAY_OF_WEEK).is_none() {
            rule.set_text(c::FIRST_DAY_OF_WEEK, "1");
        }
        rule
    };
    tells(a) != tells(b)
}

/// The zone of an event that has none in Horde: single ones are in UTC there.
pub(super) fn plain_zone(item: &Properties, home: &Home) -> String {
    if item.group(c::RECURRENCE).is_some() { home.zone.clone() } else { "UTC".to_owned() }
}

/// The zone that the phone means.
fn new_zone(item: &Properties, blob: Option<Blob>, home: &Home, otherwise: &str) -> String {
    let at = moment(item, c::START_TIME).unwrap_or_default();
    let found = blob.filter(|blob| !blob.says_nothing()).and_then(|b| zone::zone(&b, &[otherwise, &home.zone], at));
    found.unwrap_or_else(|| otherwise.to_owned())
}

/// Each exception under the start of an occurrence, and one only.
pub(super) fn settle_exceptions(item: &mut Properties, zone: &str) {
    let Some(Value::Groups(mut exceptions)) = item.0.remove(&c::EXCEPTIONS) else { return };
    repair::to_occurrences(&mut exceptions, item, zone);
    let start = |e: &Properties| e.text(c::EXCEPTION_START_TIME).map(str::to_owned);
    exceptions.sort_by_key(start);
    exceptions.dedup_by(|later, earlier| {
        let same = start(later) == start(earlier);
        if same {
            std::mem::swap(later, earlier);
        }
        same
    });
    if !exceptions.is_empty() {
        item.0.insert(c::EXCEPTIONS, Value::Groups(exceptions));
    }
}

/// Times for an event that was sent without (MS-ASCAL 2.2.2.18, 2.2.2.44): from the next half hour on, for half an hour.
fn with_times(item: &Properties, now: Timestamp) -> Properties {
    let mut item = item.clone();
    let rounded = Timestamp::from_second((now.as_second() / 1800 + 1) * 1800).unwrap_or(now);
    let (start, end) = (moment(&item, c::START_TIME), moment(&item, c::END_TIME));
    let mut start = start.or(end.filter(|end| *end < rounded)).unwrap_or(rounded);
    let mut length = SignedDuration::from_mins(30);
    if item.text(c::ALL_DAY_EVENT) == Some("1") {
        let day = 86_400;
        start = Timestamp::from_second(start.as_second().div_euclid(day) * day).unwrap_or(start);
        length = SignedDuration::from_secs(day);
    } else if end.is_none() && start < now {
        length = rounded.duration_since(start) + length;
    }
    let least = start.checked_add(length).unwrap_or(start);
    item.set_text(c::START_TIME, written(start));
    item.set_text(c::END_TIME, written(end.filter(|end| *end >= start).unwrap_or(least)));
    item
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_for_an_event_without() {
        let now: Timestamp = "2026-11-24T10:10:00Z".parse().unwrap();
        for (start, end, expected) in [
            ("", "", ["20261124T103000Z", "20261124T110000Z"]),
            ("", "20261124T120000Z", ["20261124T103000Z", "20261124T120000Z"]),
            ("20261124T080000Z", "", ["20261124T080000Z", "20261124T110000Z"]),
            ("20261124T120000Z", "", ["20261124T120000Z", "20261124T123000Z"]),
            ("20261124T120000Z", "20261124T130000Z", ["20261124T120000Z", "20261124T130000Z"]),
        ] {
            let mut item = Properties::default();
            item.set_text(c::START_TIME, start);
            item.set_text(c::END_TIME, end);
            let timed = with_times(&item, now);
            assert_eq!([c::START_TIME, c::END_TIME].map(|tag| timed.text(tag).unwrap()), expected, "{start} {end}");
        }
    }
}

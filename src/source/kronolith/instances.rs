//! The events that Kronolith makes of the exceptions of a series: each has a uid of its own, by which it can be changed and deleted without
//! touching anything else. No export tells it.

use serde_json::{Value as Json, json};

use super::{Kronolith, text::moment};
use crate::{
    convert::zone,
    proto::class::Properties,
    source::{Error, app::fault},
    wbxml::tag::calendar as c,
};

/// Arguments of `calendar.listEvents`: single events, no alarms only, nothing remote, exceptions too, once each, no tags.
const PLAINLY: [bool; 6] = [false, false, false, false, false, false];
const DAY: i64 = 86_400;

impl Kronolith {
    /// The uid of the event that is the exception `exception` of the series `series`, both as Horde has them; `None` when it is not the only one that
    /// looks so.
    pub(super) async fn instance(
        &self,
        calendar: &str,
        uid: &str,
        (series, exception): (&Properties, &Properties),
        home: &str,
    ) -> Result<Option<String>, Error> {
        let Some(start) = moment(exception, c::START_TIME).or(moment(exception, c::EXCEPTION_START_TIME)) else {
            return Ok(None);
        };
        let all_day = exception.text(c::ALL_DAY_EVENT).or(series.text(c::ALL_DAY_EVENT)) == Some("1");
        let zone = if all_day { jiff::tz::TimeZone::UTC } else { zone::named(home).unwrap_or(jiff::tz::TimeZone::UTC) };
        let day = start.to_zoned(zone).strftime("%Y%m%d").to_string();
        let title = exception.text(c::SUBJECT).or(series.text(c::SUBJECT)).unwrap_or_default();
        let looks_so = |event: &Json| {
            event.get("baseid").and_then(Json::as_str) == Some(uid)
                && event.get("title").and_then(Json::as_str) == Some(title)
                && event.get("allday").and_then(Json::as_bool) == Some(all_day)
        };
        let events = self.events(calendar, start.as_second() - 2 * DAY, start.as_second() + 2 * DAY).await?;
        let mut found = events.iter().filter(|(on, _, event)| *on == day && looks_so(event));
        let first = found.next().and_then(|(_, _, event)| event.get("uid")?.as_str()).map(str::to_owned);
        Ok(first.filter(|_| found.next().is_none()))
    }

    /// Kronolith's internal id of an event that takes place at about `start`.
    pub(super) async fn id(&self, calendar: &str, uid: &str, start: i64) -> Result<Option<String>, Error> {
        let events = self.events(calendar, start - 2 * DAY, start + 2 * DAY).await?;
        let found = events.into_iter().find(|(_, _, event)| event.get("uid").and_then(Json::as_str) == Some(uid));
        Ok(found.map(|(_, id, _)| id))
    }

    /// Day, internal id and properties of the events in some time.
    async fn events(&self, calendar: &str, from: i64, to: i64) -> Result<Vec<(String, String, Json)>, Error> {
        let name = "listEvents";
        let mut params = vec![json!(from), json!(to), json!([calendar])];
        params.extend(PLAINLY.map(Json::Bool));
        let days = match self.app.session.read(&self.app.method(name), params).await.map_err(fault::of_site)? {
            Json::Object(days) => days,
            Json::Array(none) if none.is_empty() => return Ok(Vec::new()),
            _ => return Err(self.app.strange(name)),
        };
        let mut events = Vec::new();
        for (day, list) in days {
            if let Json::Object(list) = list {
                events.extend(list.into_iter().map(|(id, event)| (day.clone(), id, event)));
            }
        }
        Ok(events)
    }
}

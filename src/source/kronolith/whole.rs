//! All events of a calendar by one plain JSON-RPC call, for sites without multiCall. Kronolith writes them as it exports single ones, in half
//! a millisecond each; where most are series in a zone the time grows with the square (2,000 of these: ten seconds, as single exports take).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value as Json, json};

use super::{
    Kronolith,
    read::{Got, understood},
    text::Calendar,
};
use crate::{
    horde,
    source::{Error, app::Rows},
};

/// A larger calendar is never read at once, for the sake of memory and time in PHP.
const LARGEST: usize = 3_000;
/// Fewer events than this are exported one by one, side by side: 17 ms each.
const LEAST: usize = 60;
/// A calendar that could not be read at once is not tried again for so long.
const PAUSE: Duration = Duration::from_secs(600);

impl Kronolith {
    fn failed_fact(&self, calendar: &str) -> String {
        format!("not at once: {}/{calendar}", self.app.session.user())
    }

    /// Whether so many events are better read with all others of their calendar.
    pub(super) async fn is_read_whole(&self, calendar: &str, wanted: usize) -> bool {
        let failed = self.app.memory.fact::<Instant>(&self.failed_fact(calendar));
        (LEAST..=LARGEST).contains(&wanted)
            && failed.is_none_or(|at| at.elapsed() > PAUSE)
            && !self.app.session.has_multicall().await
    }

    /// All events of a calendar that can be understood, which are kept; none when that does not work.
    pub(super) async fn whole(&self, calendar: &str) -> Result<Rows, Error> {
        let read_at = self.app.memory.seen(calendar);
        let export = self.app.call("exportCalendar", vec![json!(calendar), json!("text/calendar")]);
        let exported = self.app.session.read(&export.method, export.params);
        let (exported, (home, _)) = tokio::try_join!(async { Ok(exported.await) }, self.with_home(Vec::new()))?;
        let text = match exported {
            Ok(Json::String(text)) => text,
            // No loss: whatever is missing is read in another way.
            other => {
                let reason = other.map_or_else(|error: horde::Error| error.to_string(), |_| "no text".to_owned());
                log::info!("{calendar}: its events cannot be read at once: {reason}");
                self.app.memory.set_fact(&self.failed_fact(calendar), Instant::now());
                return Ok(Rows::new());
            }
        };
        let read = move || -> Rows {
            let texts = Calendar::read(&text).split().into_iter();
            let read = texts.filter_map(|(uid, text)| match understood(Ok(Json::String(text)), &home) {
                Got::Event(event) => Some((uid, Arc::new(event.item))),
                Got::Missing | Got::Broken(_) => None,
            });
            read.collect()
        };
        let rows = tokio::task::spawn_blocking(read).await.unwrap_or_default();
        self.app.memory.keep(calendar, read_at, &rows);
        Ok(rows)
    }
}

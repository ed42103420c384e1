//! All events of a calendar by WebDAV. The hrefs have Kronolith's internal ids in them, not the uids: all or nothing.

use std::collections::HashMap;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;

use super::Kronolith;
use crate::{
    convert::ical::{self, Home},
    horde,
    source::{Error, app::Answer},
};

/// A larger calendar is never read at once, for the sake of memory here and in PHP.
const LARGEST: usize = 5_000;

impl Kronolith {
    /// Events by uid. An error is no loss: whatever is missing is read in another way.
    pub(super) async fn multiget(&self, calendar: &str) -> Result<HashMap<String, Answer>, Error> {
        Ok(match self.whole(calendar).await {
            Ok(texts) => {
                let nobody = Home::default();
                let named = texts.into_iter().filter_map(|text| Some((ical::read(&text, &nobody).ok()?.uid, text)));
                named.map(|(uid, text)| (uid, Ok(Json::String(text)))).collect()
            }
            Err(error) => {
                log::debug!("{calendar}: no events by WebDAV: {error}");
                HashMap::new()
            }
        })
    }

    async fn whole(&self, calendar: &str) -> Result<Vec<String>, horde::Error> {
        let user = utf8_percent_encode(self.app.session.user(), NON_ALPHANUMERIC);
        let path = format!("calendars/{user}/calendar~{calendar}");
        let Some(members) = self.app.session.list_hrefs(&path).await? else { return Ok(Vec::new()) };
        let hrefs: Vec<String> = members.into_iter().map(|(href, _)| href).filter(|h| h.ends_with(".ics")).collect();
        if hrefs.is_empty() || hrefs.len() > LARGEST {
            return Ok(Vec::new());
        }
        let events = self.app.session.multiget(&path, &hrefs).await?.unwrap_or_default();
        Ok(events.into_iter().map(|(_, text)| text).collect())
    }
}

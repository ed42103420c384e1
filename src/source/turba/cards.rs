//! The vCards of many contacts, for their photos: by WebDAV multiget where the site offers it (1.6 ms each), else by a batch of exports (4 ms
//! each).

use std::collections::HashMap;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value as Json};

use super::{Turba, read::card};
use crate::{
    convert::vcard,
    source::{
        Error,
        app::{Answer, fault},
    },
};

/// Contacts for which multiget is worth a request of its own.
const MANY: usize = 10;

/// A contact whose card is wanted: uid and fields.
type Wanted<'a> = (&'a String, &'a Map<String, Json>);

impl Turba {
    /// The vCards of contacts, by uid. What is not among them cannot be read; the reason is in its place.
    pub(super) async fn cards(&self, book: &str, wanted: &[Wanted<'_>]) -> Result<HashMap<String, Answer>, Error> {
        let mut cards = HashMap::new();
        if wanted.len() >= MANY {
            let found = self.multiget(book, wanted).await;
            cards.extend(found.into_iter().map(|(uid, card)| (uid, Ok(Json::String(card)))));
        }
        let rest: Vec<&String> = wanted.iter().map(|(uid, _)| *uid).filter(|uid| !cards.contains_key(*uid)).collect();
        if !rest.is_empty() {
            let calls = rest.iter().map(|uid| card(uid, book)).collect();
            let answers = self.app.session.batch(calls).await.map_err(fault::of_site)?;
            cards.extend(rest.into_iter().cloned().zip(answers));
        }
        Ok(cards)
    }

    /// Cards by WebDAV, by the uid in them. An error is no loss: whatever is missing is read in another way.
    async fn multiget(&self, book: &str, wanted: &[Wanted<'_>]) -> Vec<(String, String)> {
        let user = utf8_percent_encode(self.app.session.user(), NON_ALPHANUMERIC);
        let path = format!("addressbooks/{user}/contacts~{book}");
        let keys = wanted.iter().filter_map(|(_, row)| row.get("__key")?.as_str());
        let hrefs: Vec<String> = keys.map(|key| self.app.session.href(&format!("{path}/{key}.vcf"))).collect();
        match self.app.session.multiget(&path, &hrefs).await {
            Ok(Some(cards)) => {
                cards.into_iter().filter_map(|(_, card)| Some((vcard::extras(&card)?.uid?, card))).collect()
            }
            Ok(None) => Vec::new(),
            Err(error) => {
                log::debug!("{book}: no cards by WebDAV: {error}");
                Vec::new()
            }
        }
    }
}

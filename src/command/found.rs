//! What Search and Find have in common: folders, mails that were found, the ones that lie in a range.

use std::collections::BTreeMap;

use crate::{
    error::Error,
    proto::{
        Range,
        class::{Class, Properties, View},
    },
    source::{
        self, Fetched, Mail, Role, Want,
        mail::{Hit, Query},
    },
    sync::{Folder, Hierarchy},
    wbxml::tag::email as e,
};

/// Most mails that one search finds (MS-ASCMD 2.2.3.143.2).
pub(super) const MOST: usize = 1000;

/// Ids of the containers of these folders, and with `deep` of those in them; without any folders of all. `None`: one of them is not known, or none of
/// mails.
pub(super) fn containers(hierarchy: &Hierarchy, folders: &[String], deep: bool) -> Option<Vec<String>> {
    let searched =
        |folder: &Folder| folder.class == Class::Email && !matches!(folder.role, Role::Outbox | Role::RecipientCache);
    let known = |id: &String| hierarchy.now(id).is_some_and(|folder| folder.class == Class::Email);
    if !folders.iter().all(known) {
        return None;
    }
    let wanted = |id: &str| {
        folders.is_empty() || folders.iter().any(|folder| folder == id || deep && hierarchy.lies_in(id, folder))
    };
    let all = hierarchy.all().filter(|(id, folder)| searched(folder) && wanted(id));
    Some(all.map(|(_, folder)| folder.container.clone()).collect())
}

/// Mails that were found, the last received first.
pub(super) async fn hits<M: Mail>(
    mail: &M,
    containers: &[String],
    query: &Query,
    fits: impl Fn(&str) -> bool,
) -> Result<Vec<Hit>, Error> {
    let hits = mail.search(containers, query, MOST).await?;
    let read = read(mail, &hits, Want::Volatile).await?;
    let mut dated: Vec<(String, Hit)> = hits
        .into_iter()
        .zip(read)
        .filter_map(|(hit, item)| Some((item?.text(e::DATE_RECEIVED).unwrap_or_default().to_owned(), hit)))
        .filter(|(date, _)| fits(date))
        .collect();
    dated.sort_by(|(a, _), (b, _)| b.cmp(a));
    Ok(dated.into_iter().map(|(_, hit)| hit).collect())
}

/// The mails of a range, with the range that they really are; `None`: there are none in it.
pub(super) async fn page<M: Mail>(
    mail: &M,
    hits: Vec<Hit>,
    range: Range,
    view: &View,
) -> Result<Option<(Range, Vec<(Hit, Properties)>)>, Error> {
    let Some(range) = range.within(hits.len() as u64) else { return Ok(None) };
    let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let wanted: Vec<Hit> = hits.into_iter().skip(number(range.first)).take(number(range.len())).collect();
    let items = read(mail, &wanted, Want::Whole(view)).await?;
    // What is gone since, or cannot be read, leaves a gap.
    let found = wanted.into_iter().zip(items).filter_map(|(hit, item)| Some((hit, item?))).collect();
    Ok(Some((range, found)))
}

async fn read<M: Mail>(mail: &M, hits: &[Hit], want: Want<'_>) -> Result<Vec<Option<Properties>>, Error> {
    let mut by_folder: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, hit) in hits.iter().enumerate() {
        by_folder.entry(&hit.container).or_default().push(at);
    }
    let mut items = vec![None; hits.len()];
    for (container, places) in by_folder {
        let uids: Vec<String> = places.iter().filter_map(|at| Some(hits.get(*at)?.uid.clone())).collect();
        let fetched = match mail.fetch_for(container, &uids, &[], want).await {
            Err(source::Error::ContainerGone) => continue,
            fetched => fetched?,
        };
        for (at, fetched) in places.into_iter().zip(fetched) {
            if let (Some(place), Fetched::Item(item)) = (items.get_mut(at), fetched) {
                *place = Some(item);
            }
        }
    }
    Ok(items)
}

/// Id of the folder of a container.
pub(super) fn folder_of(hierarchy: &Hierarchy, container: &str) -> String {
    let mut all = hierarchy.all();
    let found = all.find(|(_, folder)| folder.class == Class::Email && folder.container == container);
    found.map(|(id, _)| id.to_owned()).unwrap_or_default()
}

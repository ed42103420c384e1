//! All containers of a class as one, for phones that show one folder only.
//!
//! Its items are those of all containers, each under its container's id and its uid. Horde counts changes of all containers by one counter, so the
//! highest cursor is that of the whole: whatever happens later in any container gets a higher number.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{Changed, Changes, Container, Error, Fetched, Source, Want};
use crate::{
    proto::class::{Class, Patch, Properties, Scope},
    wbxml::Tag,
};

/// Id of the container that is all containers.
pub const ALL: &str = "*";

/// Between the id of a container and a uid: in no id that Horde makes.
const SEPARATOR: char = '\u{1f}';
/// How long the list of a user's containers is believed.
const BELIEVED: Duration = Duration::from_secs(60);

type Known = HashMap<(String, Class), (Instant, Arc<[Container]>)>;

/// Which containers the users of a site have.
#[derive(Debug, Clone, Default)]
pub struct Shared(Arc<Mutex<Known>>);

impl Shared {
    fn get(&self, key: &(String, Class)) -> Option<Arc<[Container]>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(key).filter(|(at, _)| at.elapsed() < BELIEVED).map(|(_, members)| Arc::clone(members))
    }

    fn set(&self, key: &(String, Class), members: Option<&Arc<[Container]>>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (at, _)| at.elapsed() < BELIEVED);
        match members {
            Some(members) => known.insert(key.clone(), (Instant::now(), Arc::clone(members))),
            None => known.remove(key),
        };
    }
}

/// A source with one container more: [`ALL`]. The others are as they were.
#[derive(Debug, Clone)]
pub struct Merged<S> {
    source: S,
    key: (String, Class),
    shared: Shared,
}

impl<S: Source> Merged<S> {
    /// The containers of `user` in `source`.
    pub fn new(source: S, user: &str, shared: &Shared) -> Self {
        let key = (user.to_owned(), source.class());
        Self { source, key, shared: shared.clone() }
    }

    /// The container that is all containers; `None` when there are none. It has the name of the default one, and can be written to if any can.
    ///
    /// # Errors
    /// As [`Source::containers`].
    pub async fn whole(&self) -> Result<Option<Container>, Error> {
        Ok(whole(&self.learn().await?))
    }

    /// The containers whose histories are that of `container`.
    ///
    /// # Errors
    /// As [`Source::containers`]; [`Error::ContainerGone`] when there are none.
    pub async fn members_of(&self, container: &str) -> Result<Vec<String>, Error> {
        match container {
            ALL => Ok(self.members().await?.iter().map(|member| member.id.clone()).collect()),
            container => Ok(vec![container.to_owned()]),
        }
    }

    async fn learn(&self) -> Result<Arc<[Container]>, Error> {
        let members: Arc<[Container]> = self.source.containers().await?.into();
        self.shared.set(&self.key, Some(&members));
        Ok(members)
    }

    async fn members(&self) -> Result<Arc<[Container]>, Error> {
        let members = match self.shared.get(&self.key) {
            Some(members) => members,
            None => self.learn().await?,
        };
        if members.is_empty() { Err(Error::ContainerGone) } else { Ok(members) }
    }

    /// One container less is no reason to give up the whole: who asks again finds the others.
    fn lost(&self, error: Error) -> Error {
        match error {
            Error::ContainerGone => {
                self.shared.set(&self.key, None);
                let reason = format!("a container of {} is gone", self.key.0);
                Error::Unavailable { reason, retry_after: Duration::from_secs(30) }
            }
            error => error,
        }
    }

    /// The container to which new items go.
    async fn home(&self) -> Result<String, Error> {
        home(&self.members().await?).map(|member| member.id.clone()).ok_or(Error::Denied)
    }

    /// Container and uid of an item that is to be changed.
    async fn writable<'a>(&self, uid: &'a str) -> Result<(&'a str, &'a str), Error> {
        let (container, uid) = split(uid).ok_or(Error::NotFound)?;
        match self.members().await?.iter().find(|member| member.id == container) {
            Some(member) if member.writable => Ok((container, uid)),
            Some(_) => Err(Error::Denied),
            None => Err(Error::NotFound),
        }
    }

    /// Reads items as the single source has them, or as they are wanted.
    async fn read(
        &self,
        container: &str,
        uids: &[String],
        ahead: &[String],
        want: Option<Want<'_>>,
    ) -> Result<Vec<Fetched>, Error> {
        match (container, want) {
            (ALL, want) => self.read_all(uids, ahead, want).await,
            (container, None) => self.source.fetch(container, uids, ahead).await,
            (container, Some(want)) => self.source.fetch_for(container, uids, ahead, want).await,
        }
    }

    async fn read_all(&self, uids: &[String], ahead: &[String], want: Option<Want<'_>>) -> Result<Vec<Fetched>, Error> {
        let members = self.members().await?;
        let (wanted, next) = (by_container(uids), by_container(ahead));
        let mut found = vec![Fetched::Missing; uids.len()];
        for member in members.iter() {
            let Some(part) = wanted.get(member.id.as_str()) else { continue };
            let plain: Vec<String> = part.iter().map(|(_, uid)| (*uid).to_owned()).collect();
            let ahead = next.get(member.id.as_str()).into_iter().flatten().map(|(_, uid)| (*uid).to_owned());
            let ahead: Vec<String> = ahead.collect();
            let fetched = match want {
                None => self.source.fetch(&member.id, &plain, &ahead).await,
                Some(want) => self.source.fetch_for(&member.id, &plain, &ahead, want).await,
            }
            .map_err(|e| self.lost(e))?;
            for ((at, _), item) in part.iter().zip(fetched) {
                if let Some(place) = found.get_mut(*at) {
                    *place = item;
                }
            }
        }
        Ok(found)
    }

    async fn changes_of_all(&self, from: u64, to: u64) -> Result<Changes, Error> {
        let members = self.members().await?;
        let ids: Vec<String> = members.iter().map(|member| member.id.clone()).collect();
        let cursors = self.source.cursors(&ids).await.map_err(|e| self.lost(e))?;
        let mut all = Changes::default();
        for (id, _) in ids.iter().zip(cursors).filter(|(_, cursor)| *cursor > from) {
            let changes = self.source.changes(id, from, to).await.map_err(|e| self.lost(e))?;
            all.add.extend(changes.add.iter().map(|uid| join(id, uid)));
            all.modify.extend(changes.modify.iter().map(|uid| join(id, uid)));
            all.delete.extend(changes.delete.iter().map(|uid| join(id, uid)));
            all.lost |= changes.lost;
        }
        Ok(all)
    }
}

/// Container and uid of an item as the single source has them; `None`: there is no such item.
pub fn place<'a>(container: &'a str, uid: &'a str) -> Option<(&'a str, &'a str)> {
    if container == ALL { split(uid) } else { Some((container, uid)) }
}

/// The container that stands for all of these; `None` when there are none.
pub fn whole(members: &[Container]) -> Option<Container> {
    let writable = members.iter().any(|member| member.writable);
    let name = home(members).or(members.first())?.name.clone();
    Some(Container { id: ALL.to_owned(), name, default: true, writable, ..Container::default() })
}

fn home(members: &[Container]) -> Option<&Container> {
    members.iter().find(|member| member.writable)
}

fn join(container: &str, uid: &str) -> String {
    format!("{container}{SEPARATOR}{uid}")
}

fn split(uid: &str) -> Option<(&str, &str)> {
    uid.split_once(SEPARATOR)
}

/// Where in `uids` each stands and its plain uid, by container.
fn by_container(uids: &[String]) -> BTreeMap<&str, Vec<(usize, &str)>> {
    let mut parts: BTreeMap<&str, Vec<(usize, &str)>> = BTreeMap::new();
    for (at, (container, uid)) in uids.iter().enumerate().filter_map(|(at, uid)| Some((at, split(uid)?))) {
        parts.entry(container).or_default().push((at, uid));
    }
    parts
}

impl<S: Source> Source for Merged<S> {
    fn class(&self) -> Class {
        self.source.class()
    }

    async fn containers(&self) -> Result<Vec<Container>, Error> {
        self.source.containers().await
    }

    async fn cursor(&self, container: &str) -> Result<u64, Error> {
        match self.cursors(&[container.to_owned()]).await?.first() {
            Some(cursor) => Ok(*cursor),
            None => Err(Error::ContainerGone),
        }
    }

    async fn cursors(&self, containers: &[String]) -> Result<Vec<u64>, Error> {
        let mut asked = Vec::new();
        let mut parts = Vec::with_capacity(containers.len());
        for container in containers {
            let begin = asked.len();
            if container == ALL {
                asked.extend(self.members().await?.iter().map(|member| member.id.clone()));
            } else {
                asked.push(container.clone());
            }
            parts.push(begin..asked.len());
        }
        let answer = match asked.as_slice() {
            [one] => self.source.cursor(one).await.map(|cursor| vec![cursor]),
            _ => self.source.cursors(&asked).await,
        };
        let cursors = answer.map_err(|e| if containers.iter().any(|c| c == ALL) { self.lost(e) } else { e })?;
        Ok(parts.into_iter().map(|part| cursors.get(part).into_iter().flatten().copied().max().unwrap_or(0)).collect())
    }

    async fn changes(&self, container: &str, from: u64, to: u64) -> Result<Changes, Error> {
        match container {
            ALL => self.changes_of_all(from, to).await,
            container => self.source.changes(container, from, to).await,
        }
    }

    async fn list(&self, container: &str, scope: Scope) -> Result<Vec<String>, Error> {
        if container != ALL {
            return self.source.list(container, scope).await;
        }
        let mut all = Vec::new();
        for member in self.members().await?.iter() {
            let uids = self.source.list(&member.id, scope).await.map_err(|e| self.lost(e))?;
            all.extend(uids.iter().map(|uid| join(&member.id, uid)));
        }
        Ok(all)
    }

    async fn look(&self, container: &str, scope: Scope) -> Result<(u64, Vec<String>), Error> {
        if container != ALL {
            return self.source.look(container, scope).await;
        }
        let cursor = self.cursor(container).await?;
        Ok((cursor, self.list(container, scope).await?))
    }

    async fn fetch(&self, container: &str, uids: &[String], ahead: &[String]) -> Result<Vec<Fetched>, Error> {
        self.read(container, uids, ahead, None).await
    }

    async fn fetch_for(
        &self,
        container: &str,
        uids: &[String],
        ahead: &[String],
        want: Want<'_>,
    ) -> Result<Vec<Fetched>, Error> {
        self.read(container, uids, ahead, Some(want)).await
    }

    async fn add(&self, container: &str, wish: &str, item: &Properties) -> Result<String, Error> {
        if container != ALL {
            return self.source.add(container, wish, item).await;
        }
        let home = self.home().await?;
        let uid = self.source.add(&home, wish, item).await.map_err(|e| self.lost(e))?;
        Ok(join(&home, &uid))
    }

    async fn uid_of(&self, container: &str, wish: &str) -> Result<String, Error> {
        match container {
            ALL => Ok(join(&self.home().await?, wish)),
            container => self.source.uid_of(container, wish).await,
        }
    }

    fn grants_uids(&self) -> bool {
        self.source.grants_uids()
    }

    fn filled_in(&self) -> &'static [Tag] {
        self.source.filled_in()
    }

    async fn change(&self, container: &str, uid: &str, patch: &Patch) -> Result<(), Error> {
        match container {
            ALL => {
                let (container, uid) = self.writable(uid).await?;
                self.source.change(container, uid, patch).await.map_err(|e| self.lost(e))
            }
            container => self.source.change(container, uid, patch).await,
        }
    }

    async fn revise(&self, container: &str, uid: &str, patch: &Patch) -> Result<Changed, Error> {
        match container {
            ALL => self.change(container, uid, patch).await.map(|()| Changed::Kept),
            container => self.source.revise(container, uid, patch).await,
        }
    }

    async fn discard(&self, container: &str, uid: &str, for_good: bool) -> Result<(), Error> {
        match container {
            ALL => self.delete(container, uid).await,
            container => self.source.discard(container, uid, for_good).await,
        }
    }

    async fn delete(&self, container: &str, uid: &str) -> Result<(), Error> {
        match container {
            ALL => {
                let (container, uid) = self.writable(uid).await?;
                self.source.delete(container, uid).await.map_err(|e| self.lost(e))
            }
            container => self.source.delete(container, uid).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wbxml::tag::notes;

    /// Two notepads, the second one read-only.
    #[derive(Debug, Default)]
    struct Pads {
        items: Mutex<BTreeMap<(String, String), Properties>>,
        gone: Mutex<Option<String>>,
    }

    fn note(subject: &str) -> Properties {
        let mut note = Properties::default();
        note.set_text(notes::SUBJECT, subject);
        note
    }

    impl Pads {
        fn new() -> Self {
            let pads = Self::default();
            for (pad, uid) in [("a", "1"), ("b", "1"), ("b", "2")] {
                let place = (pad.to_owned(), uid.to_owned());
                pads.items.lock().unwrap().insert(place, note(&format!("{pad}{uid}")));
            }
            pads
        }

        fn check(&self, container: &str) -> Result<(), Error> {
            assert_ne!(container, ALL);
            if self.gone.lock().unwrap().as_deref() == Some(container) { Err(Error::ContainerGone) } else { Ok(()) }
        }

        fn key(container: &str, uid: &str) -> (String, String) {
            (container.to_owned(), uid.to_owned())
        }
    }

    impl Source for &Pads {
        fn class(&self) -> Class {
            Class::Notes
        }

        async fn containers(&self) -> Result<Vec<Container>, Error> {
            let one = |id: &str, default| Container {
                id: id.to_owned(),
                name: id.to_uppercase(),
                default,
                writable: default,
                ..Container::default()
            };
            let all = [one("a", true), one("b", false)];
            let gone = self.gone.lock().unwrap().clone();
            Ok(all.into_iter().filter(|c| gone.as_ref() != Some(&c.id)).collect())
        }

        async fn cursor(&self, container: &str) -> Result<u64, Error> {
            self.check(container)?;
            Ok(if container == "a" { 7 } else { 9 })
        }

        async fn changes(&self, container: &str, from: u64, to: u64) -> Result<Changes, Error> {
            self.check(container)?;
            assert_eq!((container, from, to), ("b", 7, 9), "nothing to be asked of the other");
            Ok(Changes { add: vec!["2".into()], modify: vec!["1".into()], delete: vec!["3".into()], lost: false })
        }

        async fn list(&self, container: &str, _: Scope) -> Result<Vec<String>, Error> {
            self.check(container)?;
            let items = self.items.lock().unwrap();
            Ok(items.keys().filter(|(pad, _)| pad == container).map(|(_, uid)| uid.clone()).collect())
        }

        async fn fetch(&self, container: &str, uids: &[String], _: &[String]) -> Result<Vec<Fetched>, Error> {
            self.check(container)?;
            let items = self.items.lock().unwrap();
            let one = |uid: &String| items.get(&Pads::key(container, uid)).cloned();
            Ok(uids.iter().map(|uid| one(uid).map_or(Fetched::Missing, Fetched::Item)).collect())
        }

        async fn add(&self, container: &str, wish: &str, item: &Properties) -> Result<String, Error> {
            self.items.lock().unwrap().insert(Pads::key(container, wish), item.clone());
            Ok(wish.to_owned())
        }

        async fn change(&self, container: &str, uid: &str, patch: &Patch) -> Result<(), Error> {
            self.items.lock().unwrap().insert(Pads::key(container, uid), patch.set.clone());
            Ok(())
        }

        async fn delete(&self, container: &str, uid: &str) -> Result<(), Error> {
            let removed = self.items.lock().unwrap().remove(&Pads::key(container, uid));
            removed.map(drop).ok_or(Error::NotFound)
        }
    }

    fn block_on<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    fn merged(pads: &Pads) -> Merged<&Pads> {
        Merged::new(pads, "alice", &Shared::default())
    }

    #[test]
    fn all_containers_are_one() {
        let pads = Pads::new();
        let merged = merged(&pads);
        let whole = block_on(merged.whole()).unwrap().unwrap();
        assert_eq!((whole.name.as_str(), whole.default, whole.writable), ("A", true, true));
        let all = block_on(merged.list(ALL, Scope::All)).unwrap();
        assert_eq!(all, [join("a", "1"), join("b", "1"), join("b", "2")]);
        let asked = [join("b", "2"), join("c", "1"), join("a", "1"), "1".to_owned()];
        let subject = |fetched: Fetched| match fetched {
            Fetched::Item(item) => item.text(notes::SUBJECT).unwrap().to_owned(),
            _ => String::new(),
        };
        let found = block_on(merged.fetch(ALL, &asked, &all)).unwrap().into_iter().map(subject);
        assert_eq!(found.collect::<Vec<_>>(), ["b2", "", "a1", ""]);
        // The single containers are still there for those who know them.
        assert_eq!(block_on(merged.list("a", Scope::All)).unwrap(), ["1"]);
    }

    #[test]
    fn the_newest_cursor_is_that_of_the_whole() {
        let pads = Pads::new();
        let merged = merged(&pads);
        let asked = ["a".to_owned(), ALL.to_owned(), "b".to_owned()];
        assert_eq!(block_on(merged.cursors(&asked)).unwrap(), [7, 9, 9]);
        assert_eq!(block_on(merged.cursor(ALL)).unwrap(), 9);
        let changes = block_on(merged.changes(ALL, 7, 9)).unwrap();
        assert_eq!(changes.add, [join("b", "2")]);
        assert_eq!((changes.modify, changes.delete), (vec![join("b", "1")], vec![join("b", "3")]));
    }

    #[test]
    fn new_items_go_where_they_may_and_rights_are_those_of_the_container() {
        let pads = Pads::new();
        let merged = merged(&pads);
        let uid = block_on(merged.add(ALL, "new", &note("x"))).unwrap();
        assert_eq!(uid, join("a", "new"));
        assert_eq!(block_on(merged.uid_of(ALL, "new")).unwrap(), uid);
        let patch = Patch { set: note("y"), clear: Vec::new() };
        assert_eq!(block_on(merged.change(ALL, &uid, &patch)), Ok(()));
        assert_eq!(block_on(merged.change(ALL, &join("b", "1"), &patch)), Err(Error::Denied));
        assert_eq!(block_on(merged.delete(ALL, &join("b", "1"))), Err(Error::Denied));
        assert_eq!(block_on(merged.delete(ALL, &join("c", "1"))), Err(Error::NotFound));
        assert_eq!(block_on(merged.delete(ALL, &uid)), Ok(()));
        assert_eq!(pads.items.lock().unwrap().len(), 3);
    }

    #[test]
    fn a_container_less_is_trouble_first_and_then_less() {
        let pads = Pads::new();
        let merged = merged(&pads);
        assert_eq!(block_on(merged.list(ALL, Scope::All)).unwrap().len(), 3);
        *pads.gone.lock().unwrap() = Some("b".to_owned());
        assert!(matches!(block_on(merged.list(ALL, Scope::All)), Err(Error::Unavailable { .. })));
        assert_eq!(block_on(merged.list(ALL, Scope::All)).unwrap(), [join("a", "1")]);
    }
}

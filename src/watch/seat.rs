//! The place of one waiting request.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use super::{
    Inner,
    bell::{Bell, Call},
    ledger::{Key, Standing},
    mail,
};
use crate::{
    proto::class::Class,
    source::{self, Container},
};

/// After so many ticks without an answer of Horde a wait does not end as if all were well.
const TICKS_UNANSWERED: u32 = 3;
/// For shorter ticks.
const LEAST_UNANSWERED: Duration = Duration::from_secs(10);
/// A look may take as long as so many answers, within these bounds.
const PACES: u32 = 3;
const LEAST_PATIENCE: Duration = Duration::from_millis(100);
const MOST_PATIENCE: Duration = Duration::from_secs(2);

/// Something to be watched: the items of a collection.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Class of the items.
    pub class: Class,
    /// Horde's ids of the containers in which they lie: several for a folder that stands for all containers of a class.
    pub containers: Vec<String>,
    /// The device knows of all changes up to this.
    pub seen: u64,
}

/// A collection in which something may have happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct News {
    /// Which of the wishes.
    pub wish: usize,
    /// Up to where: a cursor as those of [`crate::source::Source::cursor`].
    pub cursor: u64,
    /// Whether something has happened for certain.
    pub sure: bool,
    /// Where it is not certain: whether another waiting request is finding it out.
    pub asked: bool,
    /// Whether the history is not the one that it was, so that only a Sync can tell what has happened.
    pub restored: bool,
}

/// The place of one waiting request; given back on drop.
#[derive(Debug)]
pub struct Seat {
    inner: Arc<Inner>,
    user: Box<str>,
    bell: Arc<Bell>,
    keys: Vec<Key>,
    wishes: Vec<Watched>,
}

/// A wish: what is watched are the keys from the end of the wish before to `end`.
#[derive(Debug)]
struct Watched {
    end: usize,
    seen: u64,
}

impl Seat {
    pub(super) fn new(inner: Arc<Inner>, user: Box<str>, bell: Arc<Bell>) -> Self {
        Self { inner, user, bell, keys: Vec::new(), wishes: Vec::new() }
    }

    /// Says what is watched, in place of what was said before.
    pub fn watch(&mut self, wishes: Vec<Wish>) {
        self.unwatch();
        let key = |class: Class, id: String| match class {
            // Two users may have mail folders of the same id.
            Class::Email => mail::key(&self.user, &id),
            class => Key { class, id: id.into() },
        };
        // Exactly as long as they are: thousands may watch.
        self.keys = Vec::with_capacity(wishes.iter().map(|wish| wish.containers.len()).sum());
        self.wishes = Vec::with_capacity(wishes.len());
        for wish in wishes {
            self.keys.extend(wish.containers.into_iter().map(|id| key(wish.class, id)));
            self.wishes.push(Watched { end: self.keys.len(), seen: wish.seen });
        }
        let mut guard = self.inner.hall();
        let hall = &mut *guard;
        let mut unknown = false;
        for key in &mut self.keys {
            unknown |= hall.ledger.add(key, &self.bell) && key.class != Class::Email;
            if let Some(user) = hall.users.get_mut(&self.user) {
                user.watch(key);
            }
        }
        if let Some(user) = hall.users.get_mut(&self.user) {
            user.attend_mail(&self.inner);
        }
        drop(guard);
        if unknown {
            self.inner.soon.notify_one();
        }
        self.bell.ring(Call::News);
    }

    fn unwatch(&mut self) {
        let now = Instant::now();
        let mut guard = self.inner.hall();
        let hall = &mut *guard;
        for key in &self.keys {
            hall.ledger.remove(key, &self.bell, now);
            if let Some(user) = hall.users.get_mut(&self.user) {
                user.unwatch(key);
            }
        }
    }

    /// The containers of a wish.
    fn keys(&self, wish: usize) -> &[Key] {
        let end = |wish: usize| self.wishes.get(wish).map(|wish| wish.end);
        let from = wish.checked_sub(1).and_then(end).unwrap_or(0);
        end(wish).and_then(|end| self.keys.get(from..end)).unwrap_or_default()
    }

    /// Waits to be called. Nothing is lost when the caller stops waiting.
    pub fn called(&self) -> impl Future<Output = Call> {
        self.bell.heard()
    }

    /// Wishes whose containers have gone on; those that the caller has looked at ([`Seat::saw`]) no more.
    pub fn news(&self) -> Vec<News> {
        let hall = self.inner.hall();
        let mut news = Vec::new();
        for (at, wish) in self.wishes.iter().enumerate() {
            let standings = || self.keys(at).iter().filter_map(|key| Some((key.class, hall.ledger.standing(key)?)));
            // What a mail server says is exact; less than before is a change, too.
            let later = |(class, standing): &(Class, Standing)| match class {
                Class::Email => standing.last != wish.seen,
                _ => standing.last > wish.seen || standing.restored,
            };
            let sure = standings().filter(later).map(|(_, standing)| standing.last).max();
            let doubt = standings().filter_map(|(_, standing)| standing.doubt).max().filter(|doubt| *doubt > wish.seen);
            let restored = standings().any(|(_, standing)| standing.restored);
            if let Some(cursor) = sure.or(doubt) {
                let asked = self.keys(at).iter().any(|key| hall.ledger.is_asked(key));
                news.push(News { wish: at, cursor, sure: sure.is_some(), asked, restored });
            }
        }
        news
    }

    /// The device has, or does not want, what happened up to `cursor`.
    pub fn saw(&mut self, wish: usize, cursor: u64) {
        if let Some(wish) = self.wishes.get_mut(wish) {
            wish.seen = cursor;
        }
    }

    /// Up to where the device knows what happened.
    pub fn seen(&self, wish: usize) -> u64 {
        self.wishes.get(wish).map_or(0, |wish| wish.seen)
    }

    /// Tells all who watch the containers of a wish what has been found out where it was in doubt: whether anything has happened up to
    /// `cursor`.
    pub fn settle(&self, wish: usize, cursor: u64, moved: bool) {
        let mut hall = self.inner.hall();
        self.keys(wish).iter().for_each(|key| hall.ledger.settle(key, cursor, moved));
    }

    /// Whether it is known of all containers where they stand.
    pub fn is_settled(&self) -> bool {
        let hall = self.inner.hall();
        self.keys.iter().all(|key| hall.ledger.standing(key).is_some())
    }

    /// Whether something is in doubt that nobody is finding out.
    pub fn doubts(&self) -> bool {
        self.news().iter().any(|news| !news.sure && !news.asked)
    }

    /// Waits for permission to ask Horde what is in doubt: few are given per tick, whatever the number of those who wait. With it the caller
    /// is the one who finds out about the containers of that wish, until it drops what it gets.
    pub async fn may_ask(&self) -> Option<(News, Asking)> {
        let permit = self.inner.doubts.acquire().await.ok()?;
        // It may have been found out while this one stood in line.
        let news = self.news().into_iter().find(|news| !news.sure && !news.asked)?;
        permit.forget();
        let keys = self.keys(news.wish).to_vec();
        let mut hall = self.inner.hall();
        keys.iter().for_each(|key| hall.ledger.ask(key));
        drop(hall);
        Some((news, Asking { inner: Arc::clone(&self.inner), keys }))
    }

    /// Takes permission to look at Horde, if one is left.
    pub fn try_look(&self) -> bool {
        self.inner.looks.try_acquire().map(tokio::sync::SemaphorePermit::forget).is_ok()
    }

    /// How long a look may take: some times as long as Horde took for its last answer. It takes longer when many were called at once and already
    /// fetch what is there.
    pub fn patience(&self) -> Duration {
        let pace = Duration::from_millis(self.inner.pace.load(Ordering::Relaxed));
        (pace * PACES).clamp(LEAST_PATIENCE, MOST_PATIENCE)
    }

    /// Why it is not known any more whether anything has happened; `None`: it is known.
    pub fn trouble(&self) -> Option<source::Error> {
        let within = (self.inner.tick() * TICKS_UNANSWERED).max(LEAST_UNANSWERED);
        let now = Instant::now();
        let hall = self.inner.hall();
        let stale = self.keys.iter().find(|key| {
            let unheard = match key.class {
                Class::Email => hall.users.get(&self.user).is_none_or(|user| !user.mail.is_fresh(within, now)),
                class => !hall.is_fresh(class, within, now),
            };
            unheard || hall.ledger.standing(key).is_none()
        })?;
        let reason = hall.trouble.clone().unwrap_or_else(|| format!("nothing was heard of {}", stale.class.name()));
        Some(source::Error::Unavailable { reason, retry_after: Duration::from_secs(60) })
    }

    /// The user's folders of a class, if they are known.
    pub fn folders(&self, class: Class) -> Option<Arc<[Container]>> {
        self.inner.hall().users.get(&self.user)?.folders.of(class)
    }
}

/// Somebody is finding out what is in doubt of some containers; nobody else does, until this is dropped.
#[derive(Debug)]
pub struct Asking {
    inner: Arc<Inner>,
    keys: Vec<Key>,
}

impl Drop for Asking {
    fn drop(&mut self) {
        let mut hall = self.inner.hall();
        self.keys.iter().for_each(|key| hall.ledger.asked_no_more(key));
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.unwatch();
        let mut guard = self.inner.hall();
        let hall = &mut *guard;
        hall.seats = hall.seats.saturating_sub(1);
        if let Some(user) = hall.users.get_mut(&self.user) {
            user.seats.retain(|other| !Arc::ptr_eq(&other.bell, &self.bell));
            if user.seats.is_empty() {
                // Nobody needs the password now.
                user.session = None;
                user.left = Some(Instant::now());
                user.mail.rest();
            }
        }
    }
}

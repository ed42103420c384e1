//! Who may work: the requests that are worked on at the same time, of the whole site, of a user and of a device. A request that waits for
//! changes gives its place back, so that any number of waiting phones never delays one that works.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{config::Limits, error::Error};

/// When a phone should come back that found no place after its wait.
const LATER: Duration = Duration::from_secs(30);

/// Which limit leaves no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// Requests of the device that are worked on.
    Device,
    /// Requests of the user that are worked on.
    User,
    /// Requests of the user, with those that wait.
    Open,
    /// The site works on as many as it may, and the queue is full or did not move.
    Site,
}

/// All places of a site. Its tables hold only whom a request is running for.
#[derive(Debug)]
pub struct Places {
    limits: Limits,
    /// `None`: no limit.
    site: Option<Arc<Semaphore>>,
    queued: AtomicUsize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    open: HashMap<u64, u32>,
    users: HashMap<u64, u32>,
    devices: HashMap<u64, u32>,
}

/// One more in `table`, unless there are `limit` already (0 = any number).
fn count(table: &mut HashMap<u64, u32>, key: u64, limit: u32) -> bool {
    let count = table.entry(key).or_insert(0);
    let fits = limit == 0 || *count < limit;
    if fits {
        *count = count.saturating_add(1);
    }
    fits
}

/// One less in `table`; who has none is not remembered.
fn uncount(table: &mut HashMap<u64, u32>, key: u64) {
    if let Entry::Occupied(mut entry) = table.entry(key) {
        match entry.get().saturating_sub(1) {
            0 => drop(entry.remove()),
            left => *entry.get_mut() = left,
        }
    }
}

impl Places {
    /// Nobody works yet.
    pub fn new(limits: Limits) -> Self {
        let most = limits.working.min(Semaphore::MAX_PERMITS);
        let site = (most > 0).then(|| Arc::new(Semaphore::new(most)));
        Self { limits, site, queued: AtomicUsize::new(0), counts: Mutex::default() }
    }

    /// The limits that are kept here.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A place for a request of that user and device (any numbers that tell them apart). Waits in the queue when the site works on as many
    /// as it may.
    ///
    /// # Errors
    /// Which limit leaves none.
    pub async fn enter(self: &Arc<Self>, user: u64, device: u64) -> Result<Place, Full> {
        if !count(&mut self.counts().open, user, self.limits.user_open) {
            return Err(Full::Open);
        }
        // From here on it is counted, and counted out however this ends.
        let place = Place { places: Some(Arc::clone(self)), user, device, work: Mutex::default() };
        let limits = [self.limits.user_working, self.limits.device_working];
        place.begin(limits).await.map(|()| place)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The site's leave to work; `None` where there is no limit.
    async fn permit(&self) -> Result<Option<OwnedSemaphorePermit>, Full> {
        let Some(site) = &self.site else { return Ok(None) };
        if let Ok(permit) = Arc::clone(site).try_acquire_owned() {
            return Ok(Some(permit));
        }
        let _queued = Queued::enter(self).ok_or(Full::Site)?;
        let patience = Duration::from_secs(self.limits.queue_time);
        match timeout(patience, Arc::clone(site).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Some(permit)),
            Ok(Err(_)) | Err(_) => Err(Full::Site),
        }
    }
}

/// A place in the queue; given back on drop.
struct Queued<'a>(&'a AtomicUsize);

impl<'a> Queued<'a> {
    fn enter(places: &'a Places) -> Option<Self> {
        let (queued, most) = (&places.queued, places.limits.queue);
        let more = |now: usize| (now < most).then_some(now + 1);
        queued.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok().map(|_| Self(queued))
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The place of one request; given back on drop.
#[derive(Debug, Default)]
pub struct Place {
    /// `None`: nothing is limited.
    places: Option<Arc<Places>>,
    user: u64,
    device: u64,
    work: Mutex<Option<Work>>,
}

/// The right to work, counted for user and device; given back on drop.
#[derive(Debug)]
struct Work {
    places: Arc<Places>,
    user: u64,
    device: u64,
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Work {
    fn drop(&mut self) {
        let mut counts = self.places.counts();
        uncount(&mut counts.users, self.user);
        uncount(&mut counts.devices, self.device);
    }
}

impl Place {
    /// A place that nobody counts.
    pub fn free() -> Self {
        Self::default()
    }

    /// From now on the request only waits: others may have its place. May be called again and again.
    pub fn rest(&self) {
        let work = self.work().take();
        drop(work);
    }

    /// The request has something to do again after [`Place::rest`]; waits for a place in the queue of the site. Nothing happens if it has one.
    ///
    /// # Errors
    /// The site is overloaded.
    pub async fn resume(&self) -> Result<(), Error> {
        if self.work().is_some() {
            return Ok(());
        }
        // Of user and device it is one of those that were let in.
        self.begin([0, 0]).await.map_err(|_| Error::RetryLater {
            reason: "more requests than limits.working, and limits.queue or limits.queue_time is exceeded".to_owned(),
            after: LATER,
        })
    }

    /// Counts the request as working; at most `limits` of the user and of the device.
    async fn begin(&self, [of_user, of_device]: [u32; 2]) -> Result<(), Full> {
        let Some(places) = &self.places else { return Ok(()) };
        let (user, device) = (self.user, self.device);
        {
            let mut counts = places.counts();
            if !count(&mut counts.users, user, of_user) {
                return Err(Full::User);
            }
            if !count(&mut counts.devices, device, of_device) {
                uncount(&mut counts.users, user);
                return Err(Full::Device);
            }
        }
        let mut work = Work { places: Arc::clone(places), user, device, permit: None };
        work.permit = places.permit().await?;
        *self.work() = Some(work);
        Ok(())
    }

    fn work(&self) -> MutexGuard<'_, Option<Work>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(places) = &self.places {
            uncount(&mut places.counts().open, self.user);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(change: impl FnOnce(&mut Limits)) -> Arc<Places> {
        let mut limits = Limits {
            working: 0,
            queue: 0,
            queue_time: 1,
            user_working: 0,
            device_working: 0,
            user_open: 0,
            ..Limits::default()
        };
        change(&mut limits);
        Arc::new(Places::new(limits))
    }

    fn is_empty(places: &Places) -> bool {
        let counts = places.counts();
        let nobody = counts.open.is_empty() && counts.users.is_empty() && counts.devices.is_empty();
        nobody && places.queued.load(Ordering::Relaxed) == 0
    }

    #[tokio::test]
    async fn each_limit_has_its_name_and_nothing_is_remembered_of_those_who_left() {
        for (change, full) in [
            (Box::new(|l: &mut Limits| l.device_working = 2) as Box<dyn FnOnce(&mut Limits)>, Full::Device),
            (Box::new(|l: &mut Limits| l.user_working = 2), Full::User),
            (Box::new(|l: &mut Limits| l.user_open = 2), Full::Open),
            (Box::new(|l: &mut Limits| l.working = 2), Full::Site),
        ] {
            let places = places(change);
            let first = places.enter(1, 10).await.unwrap();
            let second = places.enter(1, 10).await.unwrap();
            assert_eq!(places.enter(1, 10).await.unwrap_err(), full);
            drop(first);
            let third = places.enter(1, 10).await.unwrap();
            assert_eq!(places.enter(1, 10).await.unwrap_err(), full);
            drop((second, third));
            assert!(is_empty(&places), "{places:?}");
        }
    }

    #[tokio::test]
    async fn others_are_not_held_up_by_a_user_or_a_device() {
        let places = places(|l| (l.device_working, l.user_working, l.user_open) = (1, 2, 2));
        let _first = places.enter(1, 10).await.unwrap();
        assert_eq!(places.enter(1, 10).await.unwrap_err(), Full::Device);
        let _second = places.enter(1, 11).await.unwrap();
        assert_eq!(places.enter(1, 12).await.unwrap_err(), Full::Open);
        assert!(places.enter(2, 20).await.is_ok());
    }

    #[tokio::test]
    async fn zero_is_no_limit() {
        let places = places(|_| {});
        let mut all = Vec::new();
        for _ in 0..1000 {
            all.push(places.enter(1, 10).await.unwrap());
        }
        drop(all);
        assert!(is_empty(&places));
        Place::free().rest();
        assert_eq!(Place::free().resume().await, Ok(()));
    }

    #[tokio::test]
    async fn who_waits_for_changes_leaves_the_place_to_others() {
        let places = places(|l| (l.working, l.user_working, l.device_working, l.user_open) = (1, 1, 1, 100));
        let mut waiting = Vec::new();
        for device in 0..100 {
            let place = places.enter(1, device).await.unwrap();
            place.rest();
            place.rest();
            waiting.push(place);
        }
        assert_eq!(places.enter(1, 7).await.unwrap_err(), Full::Open);
        let working = places.enter(2, 200).await.unwrap();
        assert!(waiting[0].resume().await.is_err(), "the site works on another one");
        drop(working);
        assert_eq!(waiting[0].resume().await, Ok(()));
        assert_eq!(waiting[0].resume().await, Ok(()), "it has a place");
        assert_eq!(places.enter(2, 200).await.unwrap_err(), Full::Site);
        drop(waiting);
        assert!(is_empty(&places));
    }

    #[tokio::test]
    async fn the_queue_is_short_in_time_and_number_and_first_come_is_first_served() {
        let places = places(|l| (l.working, l.queue, l.queue_time) = (1, 2, 2));
        let first = places.enter(1, 10).await.unwrap();
        let queue = |user: u64| {
            let places = Arc::clone(&places);
            tokio::spawn(async move { places.enter(user, 10 * user).await })
        };
        let (second, third) = (queue(2), queue(3));
        tokio::task::yield_now().await;
        assert_eq!(places.enter(4, 40).await.unwrap_err(), Full::Site, "no third in the queue");
        drop(first);
        let second = second.await.unwrap().unwrap();
        assert_eq!(third.await.unwrap().unwrap_err(), Full::Site, "nothing moved for two seconds");
        // One that is given up in the queue leaves it.
        let given_up = queue(5);
        tokio::task::yield_now().await;
        given_up.abort();
        assert!(given_up.await.unwrap_err().is_cancelled());
        drop(second);
        assert!(is_empty(&places), "{places:?}");
        assert!(places.enter(6, 60).await.is_ok());
    }
}

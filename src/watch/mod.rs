//! One watcher for all waiting requests of all phones of a site. A waiting request takes a [`Seat`], says what it watches, and sleeps; the
//! watcher asks Horde for everybody at once, with the login of anybody who waits, and rings the bells of those in whose containers
//! something has happened. Whether that is anything a Sync would deliver is found out by the one who was called.
//!
//! Per tick: one PHP request while nothing changes (`round.rs`), one look at the folders of few users (`folders.rs`), and one question to
//! the mail server per user who waits for mail (`mail.rs`).

mod bell;
mod folders;
mod ledger;
mod mail;
mod round;
mod seat;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{Notify, Semaphore};

pub use bell::Call;
pub use seat::{Asking, News, Seat, Wish};

use crate::{
    horde::Session,
    proto::class::Class,
    source::{any, imp::Imp},
    state::Store,
};
use bell::Bell;
use folders::Folders;
use ledger::{Key, Ledger};
use mail::Mail;

/// Looks of waiting requests at Horde per tick, for the whole site: whether a Sync would deliver what has happened.
const LOOKS: usize = 1;
/// The same for what is in doubt: nobody is told of that before.
const DOUBTS: usize = 2;
/// The same in a tick in which something has happened.
const MORE_DOUBTS: usize = 5;

/// The watcher of a site. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Watch(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    shared: any::Shared,
    /// Milliseconds.
    tick: AtomicU64,
    hall: Mutex<Hall>,
    /// Something is to be asked that need not wait for the tick.
    soon: Arc<Notify>,
    looks: Semaphore,
    doubts: Semaphore,
    /// How long Horde took for the last question, milliseconds.
    pace: AtomicU64,
    stopped: AtomicBool,
}

/// Who is there.
#[derive(Debug, Default)]
struct Hall {
    ledger: Ledger,
    users: HashMap<Box<str>, User>,
    seats: usize,
    /// Whether somebody asks at every tick.
    running: bool,
    /// Why the last question was not answered.
    trouble: Option<String>,
    /// Where to go on when a login is chosen.
    turn: usize,
}

/// A user with waiting devices, or one who had some not long ago.
#[derive(Debug)]
struct User {
    /// The login that the questions about him are asked with: one for all his devices, and gone with the last.
    session: Option<Session>,
    seats: Vec<Sitting>,
    /// Since when none of his devices waits.
    left: Option<Instant>,
    /// How many of his waiting devices watch something of a class.
    watched: BTreeMap<Class, usize>,
    folders: Folders,
    mail: Mail,
}

/// A device that waits.
#[derive(Debug)]
struct Sitting {
    device: Box<str>,
    /// When its request reached this program.
    arrived: Instant,
    bell: Arc<Bell>,
}

impl Watch {
    /// Nobody waits yet. `shared` is what is remembered of the applications.
    pub fn new(store: Store, shared: any::Shared, tick: Duration) -> Self {
        Self(Arc::new(Inner {
            store,
            shared,
            tick: AtomicU64::new(milliseconds(tick)),
            hall: Mutex::default(),
            soon: Arc::default(),
            looks: Semaphore::new(LOOKS),
            doubts: Semaphore::new(DOUBTS),
            pace: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
        }))
    }

    /// How often Horde is asked from now on.
    pub fn set_tick(&self, tick: Duration) {
        self.0.tick.store(milliseconds(tick), Ordering::Relaxed);
    }

    /// A place for a request that is going to wait; an older one of the same device (compared without regard to case) is over, and so is this
    /// one if a newer one has overtaken it since it `arrived`. `classes` are those whose folders the user may have.
    pub fn enter(&self, session: &Session, device: &str, classes: &[Class], arrived: Instant) -> Seat {
        let (bell, device) = (Arc::<Bell>::default(), device.to_ascii_lowercase());
        let sitting = Sitting { device: device.into(), arrived, bell: Arc::clone(&bell) };
        let mut hall = self.0.hall();
        let user = hall.users.entry(session.user().into()).or_insert_with(User::new);
        user.session = Some(session.clone());
        user.left = None;
        user.folders.expect(classes);
        match user.seats.iter_mut().find(|other| other.device == sitting.device) {
            Some(newer) if newer.arrived > arrived => bell.ring(Call::Over),
            Some(older) => std::mem::replace(older, sitting).bell.ring(Call::Over),
            None => user.seats.push(sitting),
        }
        hall.seats += 1;
        if !std::mem::replace(&mut hall.running, true) {
            tokio::spawn(round::run(Arc::downgrade(&self.0), Arc::clone(&self.0.soon)));
        }
        if self.0.stopped.load(Ordering::Acquire) {
            bell.ring(Call::Over);
        }
        drop(hall);
        Seat::new(Arc::clone(&self.0), session.user().into(), bell)
    }

    /// Ends all waits, now and in future, as if their time were over (the program stops).
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::Release);
        let hall = self.0.hall();
        hall.users.values().for_each(|user| user.ring(Call::Over));
    }

    /// Number of requests that wait.
    pub fn len(&self) -> usize {
        self.0.hall().seats
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Inner {
    fn hall(&self) -> MutexGuard<'_, Hall> {
        self.hall.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tick(&self) -> Duration {
        Duration::from_millis(self.tick.load(Ordering::Relaxed))
    }

    /// The user's mail.
    fn imp(&self, session: &Session) -> Result<Imp, crate::state::Error> {
        let beside = self.store.beside(session.user(), &Class::Email.name().to_ascii_lowercase())?;
        Ok(Imp::new(session.clone(), beside, self.shared.mail()))
    }
}

impl User {
    fn new() -> Self {
        let (watched, folders, mail) = (BTreeMap::new(), Folders::default(), Mail::default());
        Self { session: None, seats: Vec::new(), left: None, watched, folders, mail }
    }

    fn watch(&mut self, key: &Key) {
        *self.watched.entry(key.class).or_default() += 1;
        if key.class == Class::Email {
            self.mail.watch(key);
        }
    }

    fn unwatch(&mut self, key: &Key) {
        if let Some(number) = self.watched.get_mut(&key.class) {
            *number = number.saturating_sub(1);
        }
        self.watched.retain(|_, number| *number > 0);
        if key.class == Class::Email {
            self.mail.unwatch(key);
        }
    }

    /// Has the mail folders looked at, if any are watched.
    fn attend_mail(&mut self, inner: &Arc<Inner>) {
        if let Some(session) = self.session.as_ref().filter(|_| self.watched.contains_key(&Class::Email)) {
            self.mail.attend(inner, session);
        }
    }

    fn ring(&self, call: Call) {
        self.seats.iter().for_each(|seat| seat.bell.ring(call));
    }
}

impl Hall {
    /// Logins with which these classes can be asked for, few of them, and each time others if there are any.
    fn askers(&mut self, classes: &[Class]) -> Vec<(Session, Vec<Class>)> {
        let mut left = classes.to_vec();
        let mut askers = Vec::new();
        self.turn = (self.turn + 1) % self.users.len().max(1);
        let there = self.users.values().cycle().skip(self.turn).take(self.users.len());
        let mut there: Vec<&User> = there.filter(|user| user.session.is_some()).take(64).collect();
        let covers = |user: &User, left: &[Class]| left.iter().filter(|class| user.watched.contains_key(class)).count();
        while !left.is_empty() {
            there.sort_by_key(|user| std::cmp::Reverse(covers(user, &left)));
            let Some((user, session)) = there.first().and_then(|user| Some((user, user.session.clone()?))) else {
                break;
            };
            let (his, others): (Vec<Class>, Vec<Class>) =
                left.iter().partition(|class| user.watched.contains_key(class));
            if his.is_empty() {
                // Nobody of those who were looked at watches it: anybody may know.
                askers.push((session, others));
                break;
            }
            askers.push((session, his));
            left = others;
        }
        askers
    }

    /// Forgets whom nobody has waited for in a long time.
    fn prune(&mut self, now: Instant) {
        self.ledger.prune(now);
        self.users.retain(|_, user| user.left.is_none_or(|left| now.duration_since(left) < ledger::FOLLOWED));
    }

    /// Horde does not accept the password of a user any more.
    fn refused(&mut self, user: &str) {
        if let Some(user) = self.users.get_mut(user) {
            user.session = None;
            user.ring(Call::Login);
        }
    }

    /// Whether anything was heard of a class within that time.
    fn is_fresh(&self, class: Class, within: Duration, now: Instant) -> bool {
        self.ledger.asked(class).is_some_and(|at| now.duration_since(at) <= within)
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}

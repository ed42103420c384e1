//! What is asked at each tick, for everybody at once.

use std::{
    collections::BTreeSet,
    sync::{Arc, Weak, atomic::Ordering},
    time::{Duration, Instant},
};

use tokio::{sync::Notify, time::sleep};

use super::{DOUBTS, Inner, LOOKS, MORE_DOUBTS, folders, ledger::Key, milliseconds};
use crate::{
    horde::Session,
    proto::class::Class,
    source::{
        Error,
        pulse::{self, Answer, Question, Told},
    },
};

/// New questions are collected for so long before they are asked.
const GATHER: Duration = Duration::from_millis(20);
/// So many known containers are asked at each tick nevertheless, in turn: a history that was restored or trimmed, and whatever else may
/// have been missed, does not stay unnoticed.
const PATROL: usize = 20;
/// Users whose folders are listed per tick while nothing changes.
const LISTED: usize = 2;
/// Logins that are tried for one question.
const LOGINS: usize = 3;
/// Ticks without anybody waiting before the watcher rests.
const RESTS: u32 = 3;

/// Asks as long as anybody waits.
pub(super) async fn run(weak: Weak<Inner>, soon: Arc<Notify>) {
    let (mut next, mut alone) = (Instant::now(), 0);
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(next.into()) => {}
            () = soon.notified() => sleep(GATHER).await,
        }
        let Some(inner) = weak.upgrade() else { return };
        let now = Instant::now();
        let due = now >= next;
        if due {
            next = now + inner.tick();
            inner.shared.sweep();
            let mut hall = inner.hall();
            hall.prune(now);
            alone = if hall.seats == 0 { alone + 1 } else { 0 };
            if alone >= RESTS {
                hall.running = false;
                return;
            }
        }
        inner.round(due).await;
    }
}

/// An application with the numbers before and after.
struct Moved {
    class: Class,
    from: u64,
    to: u64,
}

impl Moved {
    /// Only its doubts are to be cleared up.
    fn stands(&self) -> bool {
        self.from == self.to
    }
}

impl Inner {
    /// Asks what is to be asked now; `due`: it is time for a tick.
    async fn round(self: &Arc<Self>, due: bool) {
        if due {
            self.looks.add_permits(LOOKS.saturating_sub(self.looks.available_permits()));
            self.doubts.add_permits(DOUBTS.saturating_sub(self.doubts.available_permits()));
        }
        let (mut points, patrol, counters) = {
            let mut hall = self.hall();
            let points = hall.ledger.take_unknown();
            let patrol = if due { hall.ledger.patrol(PATROL) } else { Vec::new() };
            let mut counters: BTreeSet<Class> = BTreeSet::new();
            if due {
                counters.extend(hall.users.values().flat_map(|user| user.watched.keys().copied()));
            }
            // The number of the application comes first: what happens later is seen at the next tick.
            counters.extend(points.iter().map(|key| key.class).filter(|class| hall.ledger.counter(*class).is_none()));
            counters.remove(&Class::Email);
            (points, patrol, counters)
        };
        points.retain(|key| key.class != Class::Email);
        let classes: Vec<Class> = counters
            .iter()
            .copied()
            .chain(points.iter().map(|key| key.class))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let mut moved = Vec::new();
        for (session, classes) in self.askers(&classes) {
            let of = |keys: &[Key]| -> Vec<Key> {
                keys.iter().filter(|key| classes.contains(&key.class)).cloned().collect()
            };
            let counters = counters.iter().copied().filter(|class| classes.contains(class)).collect();
            moved.extend(self.first(session, counters, of(&points), of(&patrol)).await);
        }
        self.hall().ledger.put_back(points);
        if moved.is_empty() && due {
            folders::round(self, LISTED).await;
        } else if !due {
            folders::round(self, 1).await;
        }
        if !moved.is_empty() {
            let hall = self.hall();
            let site = moved.iter().map(|moved| moved.to).max().unwrap_or(0).max(hall.ledger.site());
            // Now that the site goes on, a container that still has the newest number of its application has it from a change of its own.
            for class in hall.ledger.doubtful() {
                let counter = hall.ledger.counter(class).filter(|counter| *counter < site);
                if let Some(to) = counter.filter(|_| moved.iter().all(|moved| moved.class != class)) {
                    moved.push(Moved { class, from: to, to });
                }
            }
            drop(hall);
            self.doubts.add_permits(MORE_DOUBTS.saturating_sub(self.doubts.available_permits()));
        }
        let classes: Vec<Class> = moved.iter().map(|moved| moved.class).collect();
        for (session, classes) in self.askers(&classes) {
            let moved = moved.iter().filter(|moved| classes.contains(&moved.class));
            self.second(session, &moved.collect::<Vec<_>>()).await;
        }
    }

    fn askers(&self, classes: &[Class]) -> Vec<(Session, Vec<Class>)> {
        if classes.is_empty() { Vec::new() } else { self.hall().askers(classes) }
    }

    /// Numbers of applications, and of containers that are not known. Gives the applications that have moved.
    async fn first(&self, session: Session, counters: Vec<Class>, points: Vec<Key>, patrol: Vec<Key>) -> Vec<Moved> {
        let keys: Vec<&Key> = points.iter().chain(&patrol).collect();
        let tops: Vec<Class> = keys.iter().map(|key| key.class).collect::<BTreeSet<_>>().into_iter().collect();
        let question = Question {
            counters,
            points: keys.iter().map(|key| (key.class, key.id.to_string())).collect(),
            moves: Vec::new(),
            tops,
        };
        let Some(answer) = self.ask(session, &question).await else { return Vec::new() };
        log::debug!("asked for {:?}, {} new containers, {} on patrol", question.counters, points.len(), patrol.len());
        let now = Instant::now();
        let mut guard = self.hall();
        let hall = &mut *guard;
        hall.trouble = None;
        let mut moved = Vec::new();
        let mut backwards = false;
        for (class, value) in question.counters.iter().zip(answer.counters) {
            let Some(value) = heard(*class, value, &mut hall.trouble) else { continue };
            match hall.ledger.counter(*class) {
                Some(from) if from < value => moved.push(Moved { class: *class, from, to: value }),
                Some(from) if from > value => {
                    log::warn!("the history of {} went backwards: all of its containers are asked anew", class.name());
                    hall.ledger.doubt_all(*class);
                    hall.ledger.learn_counter(*class, value, now);
                    backwards = true;
                }
                _ => hall.ledger.learn_counter(*class, value, now),
            }
        }
        let site = moved.iter().map(|moved: &Moved| moved.to).max().unwrap_or(0).max(hall.ledger.site());
        let tops: Vec<(Class, Told<u64>)> = question.tops.iter().copied().zip(answer.tops).collect();
        for (number, (key, value)) in keys.into_iter().zip(answer.points).enumerate() {
            let top = tops.iter().find(|(class, _)| *class == key.class);
            let Some((Ok(value), Ok(top))) = top.map(|(_, top)| (value, top)) else { continue };
            if number < points.len() {
                hall.ledger.learn_point(key, value, *top, site);
            } else {
                hall.ledger.learn_on_patrol(key, value, *top, site);
            }
        }
        drop(guard);
        if backwards {
            self.soon.notify_one();
        }
        moved
    }

    /// What has happened in the containers of applications that have moved.
    async fn second(&self, session: Session, moved: &[&Moved]) {
        let mut question = Question::default();
        let mut keys: (Vec<Key>, Vec<Key>) = Default::default();
        for moved in moved {
            let Moved { class, from, to } = moved;
            let known = self.hall().ledger.known(*class, *to);
            let tells = pulse::tells_moves(*class);
            for (key, standing) in known {
                if tells && !moved.stands() {
                    // What was found out meanwhile is not to be found again.
                    question.moves.push((*class, key.id.to_string(), (*from).max(standing.last), *to));
                    keys.0.push(key.clone());
                }
                if !tells && !moved.stands() || standing.doubt.is_some() {
                    question.points.push((*class, key.id.to_string()));
                    keys.1.push(key);
                }
            }
            question.tops.push(*class);
        }
        let Some(answer) = self.ask(session, &question).await else { return };
        self.learn(moved, &question, &answer, &keys);
    }

    fn learn(&self, moved: &[&Moved], question: &Question, answer: &Answer, keys: &(Vec<Key>, Vec<Key>)) {
        let now = Instant::now();
        let mut guard = self.hall();
        let hall = &mut *guard;
        let site = moved.iter().map(|moved| moved.to).max().unwrap_or(0).max(hall.ledger.site());
        // Without all answers the same is asked again at the next tick.
        let mut whole: BTreeSet<Class> = moved.iter().map(|moved| moved.class).collect();
        for ((key, (_, _, _, to)), told) in keys.0.iter().zip(&question.moves).zip(&answer.moves) {
            match heard(key.class, told.clone(), &mut hall.trouble) {
                Some(true) => hall.ledger.learn_move(key, *to),
                Some(false) => {}
                None => drop(whole.remove(&key.class)),
            }
        }
        for (key, told) in keys.1.iter().zip(&answer.points) {
            let top = question.tops.iter().zip(&answer.tops).find(|(class, _)| **class == key.class);
            let top = top.and_then(|(class, top)| heard(*class, top.clone(), &mut hall.trouble));
            match heard(key.class, told.clone(), &mut hall.trouble).zip(top) {
                // That nothing has moved is certain; only an old doubt can end.
                Some((value, top)) if pulse::tells_moves(key.class) => {
                    hall.ledger.learn_on_patrol(key, value, top, site);
                }
                Some((value, top)) => hall.ledger.learn_point(key, value, top, site),
                None => drop(whole.remove(&key.class)),
            }
        }
        for Moved { class, to, .. } in moved.iter().filter(|moved| whole.contains(&moved.class)) {
            hall.ledger.learn_counter(*class, *to, now);
        }
    }

    /// Asks with that login, or with another one where it is not accepted any more.
    async fn ask(&self, mut session: Session, question: &Question) -> Option<Answer> {
        for _ in 0..LOGINS {
            let since = Instant::now();
            match pulse::ask(&session, question).await {
                Ok(answer) => {
                    self.pace.store(milliseconds(since.elapsed()), Ordering::Relaxed);
                    return Some(answer);
                }
                Err(Error::Unauthorized) => {
                    let mut hall = self.hall();
                    hall.refused(session.user());
                    session = hall.users.values().find_map(|user| user.session.clone())?;
                }
                Err(error) => {
                    let mut hall = self.hall();
                    if hall.trouble.replace(error.to_string()).is_none() {
                        log::warn!("waiting phones hear nothing from Horde: {error}");
                    }
                    return None;
                }
            }
        }
        None
    }
}

/// What was told of a class, with a note of what was not.
fn heard<T>(class: Class, told: Told<T>, trouble: &mut Option<String>) -> Option<T> {
    match told {
        Ok(value) => Some(value),
        Err(error) => {
            log::debug!("{}: {error}", class.name());
            *trouble = Some(format!("{}: {error}", class.name()));
            None
        }
    }
}

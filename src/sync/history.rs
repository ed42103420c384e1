//! Reading and writing the journal of a collection.

use std::future::Future;

use super::{
    SyncKey,
    state::{FORMAT, Generation, Intent, Item, Record, Settled, State},
};
use crate::state::{Error, Journal};

/// Generations after which a journal is written anew, however small they are.
const MOST_RECORDS: usize = 64;

/// Where records are kept. The journal of a device in the program; memory in tests.
pub trait Log: Send {
    /// All records, oldest first.
    ///
    /// # Errors
    /// They cannot be read.
    fn load(&mut self) -> Result<Vec<Vec<u8>>, Error>;
    /// Adds a record, on disk when done.
    fn append(&mut self, record: &[u8]) -> impl Future<Output = Result<(), Error>> + Send;
    /// Replaces all records, atomically.
    fn replace(&mut self, records: &[Vec<u8>]) -> impl Future<Output = Result<(), Error>> + Send;
}

impl Log for Journal {
    fn load(&mut self) -> Result<Vec<Vec<u8>>, Error> {
        Journal::load(self)
    }

    async fn append(&mut self, record: &[u8]) -> Result<(), Error> {
        Journal::append(self, record).await
    }

    async fn replace(&mut self, records: &[Vec<u8>]) -> Result<(), Error> {
        Journal::replace(self, records).await
    }
}

/// Which generation a key names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    /// The newest: the phone has all that was sent.
    Newest,
    /// The one before: the newest answer was lost.
    Repeat,
}

/// A journal, taken in.
#[derive(Debug, Default)]
pub(super) struct History {
    base: State,
    generations: Vec<Generation>,
    /// Intents after the last generation: outcome unknown.
    pub(super) open: Vec<Intent>,
    /// What dropped generations had settled.
    pub(super) dropped: Vec<Settled>,
    /// How often in a row the answer to the same key was asked for again.
    pub(super) replays: u32,
    replayed_from: u64,
    last_generation: u64,
    snapshot_bytes: usize,
    other_bytes: usize,
}

impl History {
    /// Takes in the records. `None` when there are none, or when they are of a kind that this program does not know: the collection restarts.
    pub(super) fn load(log: &mut impl Log) -> Result<Option<Self>, Error> {
        let mut history = Self::default();
        let records = log.load()?;
        if records.is_empty() {
            return Ok(None);
        }
        for (i, bytes) in records.iter().enumerate() {
            let Ok(record) = serde_json::from_slice::<Record>(bytes) else {
                log::warn!("a sync state has a record that this version does not know; the collection starts anew");
                return Ok(None);
            };
            match (i, record) {
                (0, Record::Snapshot(state)) if state.format == FORMAT => {
                    history.last_generation = state.generation;
                    history.base = *state;
                    let packed = std::mem::take(&mut history.base.packed);
                    history.base.items = std::mem::take(&mut history.base.items).with(packed);
                    history.snapshot_bytes = bytes.len();
                    continue;
                }
                (0, _) | (_, Record::Snapshot(_)) => return Ok(None),
                (_, record) => history.take(record),
            }
            history.other_bytes += bytes.len();
        }
        Ok(Some(history))
    }

    fn take(&mut self, record: Record) {
        match record {
            Record::Snapshot(_) => {}
            Record::Generation(generation) => {
                if generation.from != self.replayed_from {
                    self.replays = 0;
                }
                self.last_generation = generation.generation;
                self.generations.push(*generation);
                self.open.clear();
                self.dropped.clear();
            }
            Record::Intent(intent) => self.open.push(intent),
            Record::Rollback => {
                if let Some(mut dropped) = self.generations.pop() {
                    self.replays = if dropped.from == self.replayed_from { self.replays + 1 } else { 1 };
                    self.replayed_from = dropped.from;
                    self.dropped.append(&mut dropped.settled);
                }
            }
            Record::Trouble { since } => match self.generations.last_mut() {
                Some(newest) => newest.trouble = since,
                None => self.base.trouble = since,
            },
            Record::Moved { from_here, to_here } => self.take_moved(from_here, to_here),
            Record::Advance { cursor, listed } => match self.generations.last_mut() {
                Some(newest) => (newest.cursor, newest.listed) = (Some(cursor), listed),
                None => (self.base.cursor, self.base.listed) = (Some(cursor), listed),
            },
        }
    }

    /// The newest generation counts as one with which the phone got this; should its answer be lost, what was moved is told once more.
    fn take_moved(&mut self, from_here: Vec<String>, to_here: Vec<(String, Item)>) {
        match self.generations.last_mut() {
            Some(newest) => {
                newest.set.retain(|(id, _)| !from_here.contains(id));
                newest.removed.extend(from_here);
                newest.set.extend(to_here);
            }
            None => {
                from_here.iter().for_each(|id| self.base.items.remove(id));
                self.base.items.extend(to_here);
            }
        }
    }

    /// Which generation the key names; `None` = neither of the two that are kept (Status 3).
    pub(super) fn position(&self, key: SyncKey) -> Option<Position> {
        if key.series != self.base.series {
            return None;
        }
        let newest = self.generations.last().map_or(self.base.generation, |g| g.generation);
        let before = self.generations.last().map(|g| g.from);
        match key.generation {
            n if n == newest => Some(Position::Newest),
            n if Some(n) == before => Some(Position::Repeat),
            _ => None,
        }
    }

    /// The state of that generation.
    pub(super) fn state(&self, position: Position) -> State {
        let mut state = self.base.clone();
        let skip = usize::from(position == Position::Repeat);
        for generation in self.generations.iter().take(self.generations.len().saturating_sub(skip)) {
            state.apply(generation);
        }
        state
    }

    /// What the newest generation settled.
    pub(super) fn settled(&self) -> &[Settled] {
        self.generations.last().map_or(&[], |g| &g.settled)
    }

    /// Number of the next generation; never used twice in a series.
    pub(super) fn next_generation(&self) -> u64 {
        self.last_generation + 1
    }

    /// Drops the newest generation, on disk first.
    pub(super) async fn roll_back(&mut self, log: &mut impl Log) -> Result<(), Error> {
        log.append(&encode(&Record::Rollback)?).await?;
        self.take(Record::Rollback);
        Ok(())
    }

    /// Writes the generation that follows the newest; the journal is written anew when it has outgrown its snapshot.
    pub(super) async fn write(&self, log: &mut impl Log, generation: Generation) -> Result<(), Error> {
        let record = encode(&Record::Generation(Box::new(generation)))?;
        let outgrown = self.other_bytes + record.len() > self.snapshot_bytes.max(16 * 1024);
        if outgrown || self.generations.len() >= MOST_RECORDS {
            let mut state = self.state(Position::Newest);
            (state.items, state.packed) = state.items.pack();
            let snapshot = encode(&Record::Snapshot(Box::new(state)))?;
            log.replace(&[snapshot, record]).await
        } else {
            log.append(&record).await
        }
    }
}

/// Replaces the journal by a first generation.
pub(super) async fn begin(log: &mut impl Log, state: State) -> Result<(), Error> {
    log.replace(&[encode(&Record::Snapshot(Box::new(state)))?]).await
}

/// A record's bytes.
pub(super) fn encode(record: &Record) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(record)
        .map_err(|e| Error::Io { file: "sync state".into(), source: std::io::Error::other(e.to_string()) })
}

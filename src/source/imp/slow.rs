//! A history for servers that have none: each look at a folder compares the flags of its messages with those of the look before, and
//! counts the looks that found something. What was seen is kept in the state directory.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Error, Imp,
    fault::{disk, of_folder, unavailable},
    table::Known,
};
use crate::imap::{Lease, Message, Status, UidSet};

/// Messages in one piece of what is kept.
const PIECE: usize = 4000;
/// Vanished messages that are remembered.
const MOST_GONE: usize = 5000;

/// The folder as it was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Seen {
    head: Head,
    /// By uid: what stands for its flags, and the look that found them so.
    messages: BTreeMap<u32, (u32, u64)>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    /// Looks that found something, from 1 on.
    looks: u64,
    /// Vanished uids and the look that missed them first, ascending by look.
    gone: Vec<(u32, u64)>,
    /// Nothing is known of what vanished in looks up to this one.
    forgotten: u64,
    /// How many messages the pieces have.
    count: usize,
    /// What the server said of the folder as a whole.
    status: (u32, u32, u64),
}

#[derive(Debug, Serialize, Deserialize)]
struct Piece {
    uids: Vec<u32>,
    marks: Vec<u32>,
    looks: Vec<u64>,
}

fn broken(error: &serde_json::Error) -> Error {
    unavailable(format!("what is kept of a folder: {error}"))
}

impl Head {
    fn load(imp: &Imp, key: &str) -> Result<Option<Self>, Error> {
        let stored = imp.beside.get(key).map_err(disk)?;
        stored.map(|stored| serde_json::from_value(stored).map_err(|e| broken(&e))).transpose()
    }
}

impl Seen {
    /// Where the history stands.
    pub(super) fn point(&self) -> u64 {
        self.head.looks
    }

    /// Messages that are new or changed and those that are gone after a look; `None`: that is not known any more.
    pub(super) fn since(&self, look: u64) -> Option<(Vec<u32>, Vec<u32>)> {
        if look < self.head.forgotten {
            return None;
        }
        let changed = self.messages.iter().rev().filter(|(_, (_, at))| *at > look).map(|(uid, _)| *uid).collect();
        let gone = self.head.gone.iter().filter(|(_, at)| *at > look).map(|(uid, _)| *uid).collect();
        Some((changed, gone))
    }

    /// Takes in what is there now (uid and what stands for its flags); whether that is something else.
    fn update(&mut self, now: &BTreeMap<u32, u32>) -> bool {
        let look = self.head.looks + 1;
        let gone: Vec<u32> = self.messages.keys().filter(|uid| !now.contains_key(uid)).copied().collect();
        let mut changed = !gone.is_empty() || self.head.looks == 0;
        for uid in gone {
            self.messages.remove(&uid);
            self.head.gone.push((uid, look));
        }
        for (uid, mark) in now {
            let there = self.messages.entry(*uid).or_insert((*mark, 0));
            if there.1 == 0 || there.0 != *mark {
                *there = (*mark, look);
                changed = true;
            }
        }
        let surplus = self.head.gone.len().saturating_sub(MOST_GONE);
        if let Some((_, look)) = self.head.gone.drain(..surplus).next_back() {
            self.head.forgotten = look;
        }
        if changed {
            self.head.looks = look;
        }
        changed
    }

    fn load(imp: &Imp, key: &str) -> Result<Self, Error> {
        let Some(head) = Head::load(imp, key)? else { return Ok(Self::default()) };
        let mut messages = BTreeMap::new();
        for at in (0..head.count).step_by(PIECE) {
            // A piece that is missing: a folder that is seen for the first time again.
            let Some(stored) = imp.beside.get(&format!("{key}/{at}")).map_err(disk)? else { break };
            let piece: Piece = serde_json::from_value(stored).map_err(|e| broken(&e))?;
            let marks = piece.marks.into_iter().zip(piece.looks);
            messages.extend(piece.uids.into_iter().zip(marks));
        }
        Ok(Self { head, messages })
    }

    /// The pieces come first: a look that is broken off is repeated.
    async fn store(&mut self, imp: &Imp, key: &str) -> Result<(), Error> {
        let entries: Vec<(u32, u32, u64)> =
            self.messages.iter().map(|(uid, (mark, look))| (*uid, *mark, *look)).collect();
        for (at, part) in entries.chunks(PIECE).enumerate() {
            let piece = Piece {
                uids: part.iter().map(|(uid, ..)| *uid).collect(),
                marks: part.iter().map(|(_, mark, _)| *mark).collect(),
                looks: part.iter().map(|(.., look)| *look).collect(),
            };
            let json = serde_json::to_value(piece).map_err(|e| unavailable(e.to_string()))?;
            imp.beside.put(&format!("{key}/{}", at * PIECE), &json).await.map_err(disk)?;
        }
        for at in (entries.len().next_multiple_of(PIECE)..self.head.count).step_by(PIECE) {
            imp.beside.remove(&format!("{key}/{at}")).await.map_err(disk)?;
        }
        self.head.count = entries.len();
        let json = serde_json::to_value(&self.head).map_err(|e| unavailable(e.to_string()))?;
        imp.beside.put(key, &json).await.map_err(disk)
    }
}

/// Stands for the flags of a message.
fn mark(message: &Message) -> u32 {
    let mut flags: Vec<String> = message.flags.iter().flatten().map(|flag| flag.to_ascii_lowercase()).collect();
    // Says nothing of the message.
    flags.retain(|flag| flag != "\\recent");
    flags.sort_unstable();
    let digest = ring::digest::digest(&ring::digest::SHA256, flags.join(" ").as_bytes());
    digest.as_ref().iter().take(4).fold(0, |mark, byte| mark << 8 | u32::from(*byte))
}

fn key(known: &Known) -> String {
    format!("history {} {}", known.id, known.validity)
}

/// Where the history of a folder stood when somebody looked at it last; 0 if nobody did.
pub(super) fn point(imp: &Imp, known: &Known) -> Result<u64, Error> {
    Ok(Head::load(imp, &key(known))?.map_or(0, |head| head.looks))
}

/// Looks at a folder. Where the server counts changes (CONDSTORE), a folder with the same figures is not looked at again.
pub(super) async fn look(imp: &Imp, lease: &mut Lease, known: &Known, status: Option<&Status>) -> Result<Seen, Error> {
    let key = key(known);
    let _turn = imp.shared.turn(imp.user()).await;
    let mut seen = Seen::load(imp, &key)?;
    let figures = status.and_then(|status| {
        let modseq = status.highest_modseq.filter(|modseq| *modseq > 0)?;
        Some((status.uid_next?, status.messages?, modseq))
    });
    if seen.head.looks > 0 && figures.is_some_and(|figures| figures == seen.head.status) {
        return Ok(seen);
    }
    lease.select(&known.name, false).await.map_err(of_folder)?;
    let messages = lease.fetch(&UidSet::from(1), "FLAGS").await.map_err(of_folder)?;
    let now = messages.iter().filter(|m| !m.has_flag("\\Deleted")).map(|m| (m.uid, mark(m))).collect();
    let changed = seen.update(&now);
    // What came after the figures is found by the next look.
    let refreshed = figures.is_some_and(|figures| figures != seen.head.status);
    seen.head.status = figures.unwrap_or_default();
    if changed || refreshed {
        seen.store(imp, &key).await?;
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_tell_what_changed_between_them() {
        let mut seen = Seen::default();
        assert!(seen.update(&BTreeMap::from([(1, 7), (2, 7), (3, 7)])));
        assert!(!seen.update(&BTreeMap::from([(1, 7), (2, 7), (3, 7)])));
        assert_eq!(seen.point(), 1);
        assert!(seen.update(&BTreeMap::from([(1, 7), (3, 8), (4, 7)])));
        assert_eq!(seen.since(1), Some((vec![4, 3], vec![2])));
        assert!(seen.update(&BTreeMap::from([(1, 8), (3, 8), (4, 7)])));
        assert_eq!(seen.since(2), Some((vec![1], vec![])));
        assert_eq!(seen.since(3), Some((vec![], vec![])));
    }

    #[test]
    fn an_empty_folder_has_a_history_too() {
        let mut seen = Seen::default();
        assert!(seen.update(&BTreeMap::new()));
        assert_eq!((seen.point(), seen.update(&BTreeMap::new())), (1, false));
    }

    #[test]
    fn what_is_forgotten_is_lost() {
        let mut seen = Seen::default();
        let many = u32::try_from(MOST_GONE).unwrap();
        seen.update(&(1..=many + 2).map(|uid| (uid, 1)).collect());
        seen.update(&(2..=many + 2).map(|uid| (uid, 1)).collect());
        assert!(seen.since(1).is_some());
        seen.update(&BTreeMap::new());
        assert_eq!(seen.since(1), None);
        assert_eq!(seen.head.gone.len(), MOST_GONE);
    }
}

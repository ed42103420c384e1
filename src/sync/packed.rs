//! Mails in a snapshot: a folder has tens of thousands of them, and most are alike but for their numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::state::Item;

/// Items that differ in their numbers only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Packed {
    fingerprint: u64,
    /// What all uids begin with, up to and with the point.
    prefix: String,
    /// First and last number of each run.
    runs: Vec<(u32, u32)>,
}

/// Takes the items out that can be packed.
pub(super) fn pack(items: &mut BTreeMap<String, Item>) -> Vec<Packed> {
    let mut groups: BTreeMap<(u64, String), Vec<u32>> = BTreeMap::new();
    items.retain(|id, item| match number(id, item) {
        Some((prefix, number)) => {
            groups.entry((item.fingerprint, prefix.to_owned())).or_default().push(number);
            false
        }
        None => true,
    });
    let packed =
        groups.into_iter().map(|((fingerprint, prefix), numbers)| Packed { fingerprint, prefix, runs: runs(numbers) });
    packed.collect()
}

/// Puts them back.
pub(super) fn unpack(packed: Vec<Packed>, items: &mut BTreeMap<String, Item>) {
    for Packed { fingerprint, prefix, runs } in packed {
        for number in runs.into_iter().flat_map(|(first, last)| first..=last) {
            let uid = format!("{prefix}{number}");
            items.insert(uid.clone(), Item::sent(uid, fingerprint));
        }
    }
}

/// Prefix and number of an item that is nothing but fingerprint and number.
fn number<'a>(id: &'a str, item: &Item) -> Option<(&'a str, u32)> {
    let (prefix, digits) = id.split_at(id.rfind('.')? + 1);
    let number: u32 = digits.parse().ok()?;
    let same = *item == Item::sent(id.to_owned(), item.fingerprint) && number.to_string() == digits;
    same.then_some((prefix, number))
}

fn runs(mut numbers: Vec<u32>) -> Vec<(u32, u32)> {
    numbers.sort_unstable();
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => runs.push((number, number)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(uid: &str, fingerprint: u64) -> (String, Item) {
        (uid.to_owned(), Item::sent(uid.to_owned(), fingerprint))
    }

    #[test]
    fn what_is_packed_comes_back() {
        let mut items: BTreeMap<String, Item> =
            (1..=30_000).map(|n| item(&format!("1700000000.{n}"), n % 3 / 2)).collect();
        items.extend([item("1700000000.4294967295", 0), item("1700000000.07", 0), item("a hash", 0)]);
        let own = Item::received("1700000000.30001".into(), 7, 1);
        items.insert("1700000000.30001".into(), own);
        let (_, moved) = item("1700000000.30003", 7);
        items.insert("1700000000.30002".into(), moved);
        let mut rest = items.clone();
        let packed = pack(&mut rest);
        assert_eq!(rest.len(), 4, "{:?}", rest.keys());
        assert!(serde_json::to_vec(&packed).unwrap().len() < 1 << 20);
        unpack(packed, &mut rest);
        assert_eq!(rest, items);
    }
}

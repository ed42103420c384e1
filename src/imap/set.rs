//! Sets of uids (RFC 9051 9, sequence-set).

/// Longest text of a set in one command, bytes: the whole command stays below the 8 KB that servers must take (RFC 7162 4).
const LONGEST: usize = 7000;

/// A set of uids as ascending ranges that do not touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UidSet {
    ranges: Vec<(u32, u32)>,
}

impl FromIterator<u32> for UidSet {
    fn from_iter<I: IntoIterator<Item = u32>>(uids: I) -> Self {
        Self::of(uids.into_iter().map(|uid| (uid, uid)).collect())
    }
}

impl UidSet {
    fn of(mut ranges: Vec<(u32, u32)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
                _ => merged.push((first, last)),
            }
        }
        Self { ranges: merged }
    }

    /// All uids from `first` on.
    pub fn from(first: u32) -> Self {
        Self { ranges: vec![(first.max(1), u32::MAX)] }
    }

    /// Reads `4,7:9,12:10`. `None` for what is no set; `*` is not in answers.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let ranges = text.split(',').map(|range| {
            let (a, b) = range.split_once(':').unwrap_or((range, range));
            let (a, b) = (a.parse::<u32>().ok()?, b.parse::<u32>().ok()?);
            Some((a.min(b), a.max(b)))
        });
        ranges.collect::<Option<_>>().map(Self::of)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.ranges.iter().map(|(first, last)| u64::from(last - first) + 1).sum()
    }

    /// Whether it is one of them.
    pub fn contains(&self, uid: u32) -> bool {
        let at = self.ranges.partition_point(|(_, last)| *last < uid);
        self.ranges.get(at).is_some_and(|(first, _)| *first <= uid)
    }

    /// All of both.
    pub fn join(self, other: Self) -> Self {
        let mut ranges = self.ranges;
        ranges.extend(other.ranges);
        Self::of(ranges)
    }

    /// The uids, ascending. A set from a server may be as long as it likes to say in few bytes: limit what you take.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.ranges.iter().flat_map(|(first, last)| *first..=*last)
    }

    /// The texts for commands, none of them long; none for an empty set.
    pub fn texts(&self) -> Vec<String> {
        use std::fmt::Write as _;
        let mut texts: Vec<String> = Vec::new();
        for (first, last) in &self.ranges {
            let mut range = first.to_string();
            let _ = match last {
                last if last == first => Ok(()),
                &u32::MAX => range.write_str(":*"),
                last => write!(range, ":{last}"),
            };
            match texts.last_mut() {
                Some(text) if text.len() + range.len() < LONGEST => {
                    text.push(',');
                    text.push_str(&range);
                }
                _ => texts.push(range),
            }
        }
        texts
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn forms() {
        let set = UidSet::from_iter([9, 1, 2, 3, 7, 9]);
        assert_eq!(set.texts(), ["1:3,7,9"]);
        assert!(set.contains(2) && set.contains(9) && !set.contains(8) && !set.contains(0));
        assert_eq!(UidSet::from(5).texts(), ["5:*"]);
        assert_eq!(UidSet::parse(b"3:1,7,9"), Some(set));
        assert_eq!(UidSet::parse(b"1:4294967295").unwrap().len(), 4_294_967_295);
        for wrong in [&b""[..], b"*", b"1:", b"-1", b"4294967296", b"1,,2", b"\xff"] {
            assert_eq!(UidSet::parse(wrong), None);
        }
        assert!(UidSet::default().texts().is_empty());
    }

    #[test]
    fn long_sets_are_split() {
        let set = UidSet::from_iter((0..20_000).map(|n| 4_000_000_000 + n * 2));
        let texts = set.texts();
        assert!(texts.len() > 1 && texts.iter().all(|text| text.len() <= LONGEST));
        let again = texts.iter().fold(UidSet::default(), |all, t| all.join(UidSet::parse(t.as_bytes()).unwrap()));
        assert_eq!(again, set);
    }

    proptest! {
        #[test]
        fn round_trip(uids in proptest::collection::btree_set(1..200_u32, 1..80)) {
            let set: UidSet = uids.iter().copied().collect();
            prop_assert_eq!(set.iter().collect::<Vec<_>>(), uids.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(UidSet::parse(set.texts().concat().as_bytes()), Some(set));
        }
    }
}

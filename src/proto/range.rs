//! Ranges of results and of bytes: "m-n", counted from 0, both ends included.

/// A range; the first is never after the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub first: u64,
    /// The last, included.
    pub last: u64,
}

impl Range {
    /// Reads a Range element; `None`: it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |digits: &str| {
            let sound = !digits.is_empty() && digits.len() <= 18 && digits.bytes().all(|b| b.is_ascii_digit());
            digits.parse::<u64>().ok().filter(|_| sound)
        };
        let (first, last) = text.trim().split_once('-')?;
        let range = Self { first: number(first.trim())?, last: number(last.trim())? };
        (range.first <= range.last).then_some(range)
    }

    /// The part of `total` things that lies in the range; `None`: none of them does.
    pub fn within(self, total: u64) -> Option<Self> {
        let last = total.checked_sub(1)?;
        (self.first <= last).then_some(Self { first: self.first, last: self.last.min(last) })
    }

    /// How many it has.
    #[allow(clippy::len_without_is_empty)]
    pub const fn len(self) -> u64 {
        self.last - self.first + 1
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let range = |text| Range::parse(text).map(|range| range.to_string());
        assert_eq!(range("0-0").as_deref(), Some("0-0"));
        assert_eq!(range(" 3 - 17 ").as_deref(), Some("3-17"));
        for bad in ["", "-", "1", "3-2", "-1-2", "a-b", "0-+1", "0-9999999999999999999", "1-2-3"] {
            assert_eq!(range(bad), None, "{bad}");
        }
        let range = Range { first: 2, last: 9 };
        assert_eq!(range.within(5), Some(Range { first: 2, last: 4 }));
        assert_eq!((range.within(2), range.within(0), range.len()), (None, None, 8));
    }
}

//! How a waiting request is called.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::wakers::Wakers;

/// Why a waiting request is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// A newer waiting request of the device took its place, or the program ends.
    Over,
    /// Horde does not accept the user's password any more.
    Login,
    /// The user's folders may be others.
    Folders,
    /// Something may have happened in what it watches; [`super::Seat::news`] tells what.
    News,
}

/// The most urgent first.
const CALLS: [Call; 4] = [Call::Over, Call::Login, Call::Folders, Call::News];

/// The bell at the place of one waiting request: it is heard once for each reason, however often it was rung.
#[derive(Debug, Default)]
pub(super) struct Bell {
    why: AtomicU8,
    rung: Wakers,
}

impl Bell {
    pub(super) fn ring(&self, call: Call) {
        self.why.fetch_or(bit(call), Ordering::AcqRel);
        self.rung.wake();
    }

    /// Waits for a ring. What was not heard yet is kept when the caller stops waiting.
    pub(super) fn heard(&self) -> impl Future<Output = Call> {
        self.rung.until(|| {
            let why = self.why.load(Ordering::Acquire);
            let call = CALLS.into_iter().find(|call| why & bit(*call) != 0)?;
            self.why.fetch_and(!bit(call), Ordering::AcqRel);
            Some(call)
        })
    }
}

fn bit(call: Call) -> u8 {
    1 << call as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_reason_is_heard_once_and_the_most_urgent_first() {
        let bell = Bell::default();
        for call in [Call::News, Call::News, Call::Folders, Call::Over, Call::News] {
            bell.ring(call);
        }
        for call in [Call::Over, Call::Folders, Call::News] {
            assert_eq!(bell.heard().await, call);
        }
        let silent = tokio::time::timeout(std::time::Duration::from_millis(5), bell.heard());
        assert!(silent.await.is_err());
    }
}

//! Whether the site offers an accelerator (XML-RPC multiCall, WebDAV): found out by the first use, remembered, tried again after a
//! pause when it failed.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// First pause after a failure; doubled with each further one.
const PAUSE: Duration = Duration::from_secs(60);
/// Longest pause.
const LONGEST: Duration = Duration::from_secs(3600);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Unknown,
    Works,
    Broken { since: Instant, pause: Duration },
    Off,
}

/// What is known about one accelerator.
#[derive(Debug)]
pub(super) struct Offer(Mutex<State>);

impl Offer {
    pub(super) fn new(allowed: bool) -> Self {
        Self(Mutex::new(if allowed { State::Unknown } else { State::Off }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `Some(true)`: it works; `Some(false)`: leave it alone; `None`: try.
    pub(super) fn known(&self) -> Option<bool> {
        match *self.state() {
            State::Unknown => None,
            State::Works => Some(true),
            State::Off => Some(false),
            State::Broken { since, pause } => (since.elapsed() < pause).then_some(false),
        }
    }

    /// It worked.
    pub(super) fn works(&self) {
        let mut state = self.state();
        if *state != State::Off {
            *state = State::Works;
        }
    }

    /// It failed; tells whether that is news.
    pub(super) fn failed(&self) -> bool {
        let mut state = self.state();
        let (news, pause) = match *state {
            State::Off => return false,
            State::Broken { pause, .. } => (false, (pause * 2).min(LONGEST)),
            State::Unknown | State::Works => (true, PAUSE),
        };
        *state = State::Broken { since: Instant::now(), pause };
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_tried_again_after_growing_pauses() {
        let offer = Offer::new(true);
        assert_eq!(offer.known(), None);
        offer.works();
        assert_eq!(offer.known(), Some(true));
        assert!(offer.failed());
        assert_eq!(offer.known(), Some(false));
        assert!(!offer.failed());
        let State::Broken { pause, .. } = *offer.state() else { panic!() };
        assert_eq!(pause, 2 * PAUSE);
        *offer.state() = State::Broken { since: Instant::now(), pause: Duration::from_nanos(1) };
        assert_eq!(offer.known(), None);
        for _ in 0..60 {
            offer.failed();
        }
        let State::Broken { pause, .. } = *offer.state() else { panic!() };
        assert_eq!(pause, LONGEST);
    }

    #[test]
    fn switched_off_stays_off() {
        let offer = Offer::new(false);
        offer.works();
        assert!(!offer.failed());
        assert_eq!(offer.known(), Some(false));
    }
}

//! Keeps thousands of phones from piling up on a Horde that is down: after some failures in a row calls fail at once for a short
//! while; then a single one may try.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::Error;

/// Failures in a row that open the circuit.
const TOLERATED: u32 = 3;
/// Longest pause.
const LONGEST: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    until: Option<Instant>,
    probing: bool,
    reason: String,
}

#[derive(Debug, Default)]
pub(super) struct Circuit(Mutex<State>);

/// The right to send one request. Its outcome is to be told; dropped without, it leaves no trace.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    circuit: &'a Circuit,
    probe: bool,
}

impl Circuit {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a call would be let through now; claims nothing.
    pub(super) fn look(&self) -> Result<(), Error> {
        self.state().verdict(Instant::now())
    }

    /// Lets a call through, or says why not.
    pub(super) fn pass(&self) -> Result<Pass<'_>, Error> {
        let mut state = self.state();
        state.verdict(Instant::now())?;
        let probe = state.until.is_some();
        state.probing = probe;
        Ok(Pass { circuit: self, probe })
    }
}

impl State {
    fn verdict(&self, now: Instant) -> Result<(), Error> {
        let Some(until) = self.until else { return Ok(()) };
        if now >= until && !self.probing {
            return Ok(());
        }
        let retry_after = until.saturating_duration_since(now).max(Duration::from_secs(1));
        Err(Error::Unavailable { reason: format!("not asked again yet: {}", self.reason), retry_after })
    }
}

impl Pass<'_> {
    /// The site answered, whatever it said.
    pub(super) fn good(&self) {
        *self.circuit.state() = State::default();
    }

    /// The site failed.
    pub(super) fn bad(&self, reason: &str) {
        let mut state = self.circuit.state();
        state.failures = state.failures.saturating_add(1);
        reason.clone_into(&mut state.reason);
        if state.failures >= TOLERATED && (self.probe || state.until.is_none()) {
            let doublings = (state.failures - TOLERATED).min(5);
            state.until = Some(Instant::now() + Duration::from_secs(1 << doublings).min(LONGEST));
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.probe {
            self.circuit.state().probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(circuit: &Circuit) {
        circuit.pass().unwrap().bad("down");
    }

    #[test]
    fn opens_after_failures_in_a_row_and_lets_one_probe_pass() {
        let circuit = Circuit::default();
        fail(&circuit);
        fail(&circuit);
        circuit.pass().unwrap().good();
        fail(&circuit);
        fail(&circuit);
        assert!(circuit.look().is_ok());
        fail(&circuit);
        let Err(Error::Unavailable { reason, .. }) = circuit.look() else { panic!() };
        assert!(reason.contains("down"));

        circuit.state().until = Some(Instant::now());
        let probe = circuit.pass().unwrap();
        assert!(circuit.pass().is_err(), "only one probe");
        drop(probe);
        let probe = circuit.pass().unwrap();
        probe.bad("still");
        drop(probe);
        assert!(circuit.state().until.unwrap() > Instant::now() + Duration::from_millis(1500), "pause grows");

        circuit.state().until = Some(Instant::now());
        circuit.pass().unwrap().good();
        assert!(circuit.look().is_ok());
        assert_eq!(circuit.state().failures, 0);
    }
}

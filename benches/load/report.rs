//! The lines that are printed, and what went wrong.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

/// Most wrong answers that are shown.
const SHOWN: usize = 20;

static WRONG: AtomicUsize = AtomicUsize::new(0);

/// One figure without a target.
pub(crate) fn line(what: &str, value: &str) {
    println!("{what:<54} {value}");
}

/// One figure and its target.
pub(crate) fn figure(what: &str, value: &str, target: &str, is_met: bool) {
    let verdict = if is_met { "met" } else { "MISSED" };
    println!("{what:<54} {value:<44} target: {target}: {verdict}");
}

/// Something that no phone may be told; the run has failed.
pub(crate) fn wrong(what: &str) {
    if WRONG.fetch_add(1, Ordering::Relaxed) < SHOWN {
        println!("WRONG: {what}");
    }
}

/// How much went wrong.
pub(crate) fn wrongs() -> usize {
    WRONG.load(Ordering::Relaxed)
}

/// So many of a hundred took at most that long.
pub(crate) fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    let at = (times.len() * percent).div_ceil(100).saturating_sub(1);
    times.get(at).copied().unwrap_or_default()
}

pub(crate) fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// KiB as MB.
pub(crate) fn mb(kib: u64) -> String {
    format!("{:.1} MB", kib as f64 * 1024.0 / 1e6)
}

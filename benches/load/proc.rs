//! What the kernel tells about a process.

use std::time::Duration;

/// Clock ticks per second in `/proc/PID/stat`; 100 on every Linux (`USER_HZ`).
const TICKS: u64 = 100;

/// Memory of a process, in KiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// All that is resident, files included.
    pub(crate) resident: u64,
    /// What is its own.
    pub(crate) anonymous: u64,
}

fn number(text: &str, name: &str) -> u64 {
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

/// `VmRSS` and `RssAnon`.
pub(crate) fn memory(pid: u32) -> Memory {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    Memory { resident: number(&text, "VmRSS:"), anonymous: number(&text, "RssAnon:") }
}

/// Memory with a share of what several processes have in common, in KiB.
pub(crate) fn proportional(pids: &[u32]) -> u64 {
    let text = |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    pids.iter().map(|pid| number(&text(pid), "Pss:")).sum()
}

/// Processor time used so far, user and system, all threads.
pub(crate) fn cpu(pid: u32) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name may have anything in it; what follows has numbers only.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    Duration::from_millis((ticks(11) + ticks(12)) * 1000 / TICKS)
}

fn count(pid: u32, what: &str) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/{what}")).map_or(0, Iterator::count)
}

/// Open descriptors.
pub(crate) fn descriptors(pid: u32) -> usize {
    count(pid, "fd")
}

/// Threads.
pub(crate) fn threads(pid: u32) -> usize {
    count(pid, "task")
}

/// A process and all that came from it.
pub(crate) fn family(root: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let all: Vec<u32> = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    let parent = |pid: u32| {
        let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        u32::try_from(number(&text, "PPid:")).unwrap_or(0)
    };
    let parents: Vec<(u32, u32)> = all.into_iter().map(|pid| (pid, parent(pid))).collect();
    let mut family = vec![root];
    let mut at = 0;
    while let Some(of) = family.get(at).copied() {
        family.extend(parents.iter().filter(|(_, parent)| *parent == of).map(|(pid, _)| *pid));
        at += 1;
    }
    family
}

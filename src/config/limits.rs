//! How much is borne with at the same time, and of whom.

use serde::Deserialize;

/// `[limits]`: how much is borne with, of the whole site, of a user and of a device. 0 switches a limit off.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Requests that are worked on at the same time; those that wait for changes do not count.
    pub working: usize,
    /// Requests beyond `working` that queue. With 0 they are refused at once.
    pub queue: usize,
    /// Longest time in the queue, seconds.
    pub queue_time: u64,
    /// Requests of one user that are worked on, or queue, at the same time.
    pub user_working: u32,
    /// The same of one device.
    pub device_working: u32,
    /// Requests of one user at the same time, also those that wait for changes.
    pub user_open: u32,
    /// Requests per minute of one user; as many more may come at once.
    pub user_rate: u32,
    /// The same of one device.
    pub device_rate: u32,
    /// So often a device may send the same request in vain before it is slowed down.
    pub repeats: u16,
    /// Longest time for which a device is refused, seconds.
    pub max_pause: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            working: 400,
            queue: 4000,
            queue_time: 20,
            user_working: 50,
            device_working: 16,
            user_open: 500,
            user_rate: 2400,
            device_rate: 600,
            repeats: 20,
            max_pause: 900,
        }
    }
}

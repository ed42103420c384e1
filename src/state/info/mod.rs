//! `info-<deviceid>`: what is known about one device of one user, in a form that a hurried administrator can edit.

mod field;
mod line;
mod old;
mod sheet;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub(super) use sheet::{LIMIT, Sheet, merge, parse, salvage, write};

/// `rwstatus`: where a remote wipe stands. An administrator sets 2.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WipeStatus {
    /// 0: never provisioned.
    #[default]
    None = 0,
    /// 1: provisioned, nothing pending.
    Ok = 1,
    /// 2: wipe requested, not acknowledged by the phone.
    Pending = 2,
    /// 3: the phone acknowledged the wipe; it stays refused until an administrator clears this.
    Wiped = 3,
}

impl WipeStatus {
    /// Whether the device must get nothing but the directive to wipe itself.
    pub fn refuses(self) -> bool {
        matches!(self, Self::Pending | Self::Wiped)
    }
}

/// Between the items that [`Info::note_aside`] notes.
const ASIDE_END: &str = "; ";
/// Most items that are noted.
const ASIDE_MOST: usize = 10;
/// Longest name or reason that is noted, characters.
const ASIDE_LONGEST: usize = 120;

/// What the file says. Times are Unix seconds. Keys of the file have the names of the fields, without underscores where Horde's
/// first file driver had them (`policykey`, `rwstatus`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Info {
    /// `rwstatus`.
    pub wipe: WipeStatus,
    /// `policykey`: the key that the phone must send; 0 = must provision.
    pub policy_key: u32,
    /// `account_only`: a pending wipe removes this account only (16.1).
    pub account_only: bool,
    /// `blocked`: refused with 403 / Status 129.
    pub blocked: bool,
    /// Temporary key of a Provision in progress, 0 = none.
    pub temporary_key: u32,
    /// Hash of the policy that belongs to `temporary_key`.
    pub temporary_policy: String,
    /// Hash of the policy that the phone acknowledged.
    pub policy: String,
    /// What the phone said of the policy: 1 applied, 2 partly, 3 not, 4 managed elsewhere; 0 = nothing yet.
    pub policy_status: u32,
    /// When the policy was acknowledged.
    pub policy_time: u64,
    /// When a wipe directive was last sent, 0 = never.
    pub wipe_sent: u64,
    /// When the phone acknowledged a wipe, 0 = never.
    pub wiped: u64,
    /// User as Horde knows him.
    pub user: String,
    /// Device id as the phone sends it.
    pub id: String,
    /// DeviceType of the query.
    pub device_type: String,
    /// User-Agent header.
    pub user_agent: String,
    /// Protocol version last used ("14.1").
    pub version: String,
    /// First request.
    pub first_seen: u64,
    /// Last request (kept to a granularity of some minutes, so that a Sync without changes writes nothing).
    pub last_seen: u64,
    /// What the phone told of itself in DeviceInformation (Model, IMEI, FriendlyName, OS, ...), by element name.
    pub device_information: BTreeMap<String, String>,
    /// List of protocol versions last announced by X-MS-RP.
    pub announced: String,
    /// Items that could not be delivered, with reasons; see [`Info::note_aside`].
    pub put_aside: String,
    /// What the device does again and again in vain, with the time at which that was noted; see [`Info::note_trouble`].
    pub trouble: String,
    /// Keys that this program does not know, kept as they are.
    pub unknown: BTreeMap<String, String>,
}

/// What a request shows of its device; see [`Info::touch`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen<'a> {
    /// User as Horde knows him.
    pub user: &'a str,
    /// Device id as the phone sends it.
    pub id: &'a str,
    /// DeviceType of the query.
    pub device_type: &'a str,
    /// User-Agent header, "" when there is none.
    pub user_agent: &'a str,
    /// Protocol version ("14.1").
    pub version: &'a str,
}

/// How much older than now `last_seen` may be, seconds.
const LAST_SEEN_STEP: u64 = 600;
/// Longest text that is taken over from a phone, characters.
const TEXT_MAX: usize = 256;
/// Most things a phone may tell of itself.
const DEVICE_INFORMATION_MAX: usize = 32;

/// What of an [`Info`] decides whether a request is let in. Requests with equal facts are treated alike.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts {
    policy_key: u32,
    blocked: bool,
    wipe: Option<WipeStatus>,
}

impl Info {
    /// Reads an info file in either form ([`super::Device::info`] does, with the file's name).
    ///
    /// # Errors
    /// A line that cannot be understood: its number from 1 (0 = the file as a whole), and the reason in words.
    pub fn parse(file: &[u8]) -> Result<Self, (usize, String)> {
        parse(file).map(|sheet| sheet.info).map_err(|broken| (broken.line, broken.reason))
    }

    /// What a request is let in or refused by.
    pub fn facts(&self) -> Facts {
        let wipe = Some(self.wipe).filter(|wipe| wipe.refuses());
        Facts { policy_key: self.policy_key, blocked: self.blocked, wipe }
    }

    /// The text that replaces `old`: the same file with only those values changed that differ, or a new file where `old` is empty
    /// or cannot be read.
    pub fn rewrite(&self, old: &[u8]) -> String {
        write(parse(old).ok().as_ref(), self)
    }

    /// Takes over what a request shows. Gives whether anything changed that is worth writing: `last_seen` alone only
    /// every ten minutes.
    pub fn touch(&mut self, now: u64, seen: &Seen<'_>) -> bool {
        let mut changed = false;
        for (kept, new) in [
            (&mut self.user, seen.user),
            (&mut self.id, seen.id),
            (&mut self.device_type, seen.device_type),
            (&mut self.user_agent, seen.user_agent),
            (&mut self.version, seen.version),
        ] {
            let new = bounded(new);
            if !new.is_empty() && *kept != new {
                *kept = new;
                changed = true;
            }
        }
        if self.first_seen == 0 {
            self.first_seen = now;
        }
        // A clock that was set back must not stop the count for years.
        if now < self.last_seen || now - self.last_seen >= LAST_SEEN_STEP {
            self.last_seen = now;
            changed = true;
        }
        changed
    }

    /// Notes which items of a folder could not be delivered (uid and reason each), in place of what was noted for it before.
    pub fn note_aside(&mut self, folder: &str, items: &[(String, String)]) {
        let plain = |text: &str| text.replace(ASIDE_END, ", ").chars().take(ASIDE_LONGEST).collect::<String>();
        let folder = plain(folder);
        let others =
            self.put_aside.split(ASIDE_END).filter(|one| !one.is_empty() && !one.starts_with(&format!("{folder}/")));
        let mut all: Vec<String> = others.map(str::to_owned).collect();
        all.extend(
            items.iter().take(ASIDE_MOST).map(|(uid, reason)| format!("{folder}/{}: {}", plain(uid), plain(reason))),
        );
        all.truncate(ASIDE_MOST);
        self.put_aside = all.join(ASIDE_END);
    }

    /// Notes what the device does again and again in vain, in place of what was noted before. What an administrator wrote there stays.
    pub fn note_trouble(&mut self, now: u64, text: &str) {
        let time = i64::try_from(now).ok().and_then(|now| jiff::Timestamp::from_second(now).ok()).unwrap_or_default();
        if self.trouble.is_empty() || self.trouble_since().is_some() {
            self.trouble = format!("{time} {}", bounded(text));
        }
    }

    /// When the trouble was noted; `None`: there is none, or it is a text of an administrator.
    pub fn trouble_since(&self) -> Option<u64> {
        let time = self.trouble.split_whitespace().next()?.parse::<jiff::Timestamp>().ok()?;
        u64::try_from(time.as_second()).ok()
    }

    /// The trouble is over.
    pub fn clear_trouble(&mut self) {
        if self.trouble_since().is_some() {
            self.trouble.clear();
        }
    }

    /// Takes over what the phone tells of itself, as (element name, text): what it does not name stays, an empty text removes.
    /// At most 32 entries of 256 characters are kept.
    pub fn describe<'a>(&mut self, elements: impl IntoIterator<Item = (&'a str, &'a str)>) {
        for (name, text) in elements {
            let plain = !name.is_empty() && name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric());
            if text.is_empty() {
                self.device_information.remove(name);
            } else if plain
                && (self.device_information.len() < DEVICE_INFORMATION_MAX
                    || self.device_information.contains_key(name))
            {
                self.device_information.insert(name.to_owned(), bounded(text));
            }
        }
    }
}

fn bounded(text: &str) -> String {
    text.chars().take(TEXT_MAX).collect()
}

/// Tells whether a file is still the one that was read (mtime, size, inode).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Modification time, nanoseconds since 1970; 0 when the file does not exist.
    pub modified: u128,
    /// Bytes.
    pub size: u64,
    /// Inode.
    pub inode: u64,
}

//! The keys of an info file as a table: name, explanation, and how the value is written and read.

use super::{Info, WipeStatus};

/// One key.
pub(super) struct Field {
    /// Name in the file.
    pub(super) key: &'static str,
    /// Comment lines above it in a new file; starts a section.
    pub(super) above: &'static str,
    /// Comment behind it in a new file.
    pub(super) behind: &'static str,
    /// Whether the value is free text: then a `;` in it starts no comment, and the value is written in quotes.
    pub(super) text: bool,
    /// The value as it is written.
    pub(super) get: fn(&Info) -> String,
    /// Takes a value as it was read (without quotes); the error is for the administrator.
    pub(super) set: fn(&mut Info, &str) -> Result<(), String>,
}

const FIELD: Field = Field { key: "", above: "", behind: "", text: false, get: |_| String::new(), set: |_, _| Ok(()) };

/// What stands at the head of a new file.
pub(super) const HEAD: &str = "\
# One device of one user. You may edit this file at any time: it is read again at the next request of the device.
#
# To WIPE the device, set rwstatus to 2. (You may also set policykey to 0, as other servers want it; it is not needed.)
#   Everything on the device is deleted at its next contact. When the device has acknowledged that, rwstatus becomes 3
#   and the device stays locked out until you set rwstatus to 0 or delete this file.
# To remove only this account from the device (protocol 16.1; older devices are locked out), also set account_only = true.
# To lock the device out without deleting anything, set blocked = true.
# To let the device fetch its policies again, set policykey to 0.
# If a line cannot be understood, the device is refused until the line is repaired; the log names it.
";

/// All keys in the order of a new file.
pub(super) const FIELDS: &[Field] = &[
    Field {
        key: "rwstatus",
        above: "\n",
        behind: "0 = never provisioned, 1 = in order, 2 = WIPE at the next contact, 3 = has been wiped",
        get: |info| (info.wipe as u8).to_string(),
        set: |info, value| {
            info.wipe = wipe(value)?;
            Ok(())
        },
        ..FIELD
    },
    Field {
        key: "policykey",
        behind: "0 = the device must fetch its policies first",
        get: |info| info.policy_key.to_string(),
        set: |info, value| number(value).map(|n| info.policy_key = n),
        ..FIELD
    },
    Field {
        key: "account_only",
        behind: "true = rwstatus 2 removes only this account",
        get: |info| info.account_only.to_string(),
        set: |info, value| flag(value).map(|f| info.account_only = f),
        ..FIELD
    },
    Field {
        key: "blocked",
        behind: "true = the device is refused",
        get: |info| info.blocked.to_string(),
        set: |info, value| flag(value).map(|f| info.blocked = f),
        ..FIELD
    },
    Field {
        key: "user",
        above: "\n# Whose device it is, and what it is.\n",
        text: true,
        get: |info| quoted(&info.user),
        set: |info, value| keep(&mut info.user, value),
        ..FIELD
    },
    Field {
        key: "id",
        text: true,
        get: |info| quoted(&info.id),
        set: |info, value| keep(&mut info.id, value),
        ..FIELD
    },
    Field {
        key: "device_type",
        text: true,
        get: |info| quoted(&info.device_type),
        set: |info, value| keep(&mut info.device_type, value),
        ..FIELD
    },
    Field {
        key: "user_agent",
        text: true,
        get: |info| quoted(&info.user_agent),
        set: |info, value| keep(&mut info.user_agent, value),
        ..FIELD
    },
    Field {
        key: "version",
        behind: "of the protocol",
        text: true,
        get: |info| quoted(&info.version),
        set: |info, value| keep(&mut info.version, value),
        ..FIELD
    },
    Field {
        key: "announced",
        behind: "protocol versions that the device was last told of",
        text: true,
        get: |info| quoted(&info.announced),
        set: |info, value| keep(&mut info.announced, value),
        ..FIELD
    },
    Field {
        key: "first_seen",
        get: |info| moment(info.first_seen),
        set: |info, value| time(value).map(|t| info.first_seen = t),
        ..FIELD
    },
    Field {
        key: "last_seen",
        behind: "to about ten minutes",
        get: |info| moment(info.last_seen),
        set: |info, value| time(value).map(|t| info.last_seen = t),
        ..FIELD
    },
    Field {
        key: "put_aside",
        behind: "items that could not be delivered, with reasons",
        text: true,
        get: |info| quoted(&info.put_aside),
        set: |info, value| keep(&mut info.put_aside, value),
        ..FIELD
    },
    Field {
        key: "trouble",
        behind: "what it does again and again in vain",
        text: true,
        get: |info| quoted(&info.trouble),
        set: |info, value| keep(&mut info.trouble, value),
        ..FIELD
    },
    Field {
        key: "wipe_sent",
        above: "\n# What the device was told and what it answered.\n",
        behind: "when it was last told to wipe; 0 = never",
        get: |info| moment(info.wipe_sent),
        set: |info, value| time(value).map(|t| info.wipe_sent = t),
        ..FIELD
    },
    Field {
        key: "wiped",
        behind: "when it acknowledged a wipe; 0 = never",
        get: |info| moment(info.wiped),
        set: |info, value| time(value).map(|t| info.wiped = t),
        ..FIELD
    },
    Field {
        key: "policy_status",
        behind: "its answer to the policies: 1 = applied, 2 = partly, 3 = not, 4 = managed elsewhere, 0 = none",
        get: |info| info.policy_status.to_string(),
        set: |info, value| number(value).map(|n| info.policy_status = n),
        ..FIELD
    },
    Field {
        key: "policy_time",
        get: |info| moment(info.policy_time),
        set: |info, value| time(value).map(|t| info.policy_time = t),
        ..FIELD
    },
    Field {
        key: "policy",
        text: true,
        get: |info| quoted(&info.policy),
        set: |info, value| keep(&mut info.policy, value),
        ..FIELD
    },
    Field {
        key: "temporary_key",
        get: |info| info.temporary_key.to_string(),
        set: |info, value| number(value).map(|n| info.temporary_key = n),
        ..FIELD
    },
    Field {
        key: "temporary_policy",
        text: true,
        get: |info| quoted(&info.temporary_policy),
        set: |info, value| keep(&mut info.temporary_policy, value),
        ..FIELD
    },
];

/// Above what the phone told of itself.
pub(super) const DEVICE_SECTION: &str = "\n# What the device tells of itself.\n";
/// In front of those keys.
pub(super) const DEVICE_PREFIX: &str = "device_information.";
/// In front of keys that come from the PHP-serialized form.
pub(super) const PHP_PREFIX: &str = "php_";
/// Above keys of unknown meaning.
pub(super) const UNKNOWN_SECTION: &str = "\n# Kept, but not used.\n";

/// Keys of which a misspelling must not go unnoticed, because it would cancel a wipe or let a device in; and words that look
/// as if they were meant for them.
pub(super) const GUARDED: &[&str] = &["rwstatus", "policykey", "accountonly", "blocked"];
pub(super) const MISTAKEN: &[&str] = &["wipe", "remotewipe", "wipestatus", "block", "locked"];

/// Writes text as a TOML basic string.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c) || c == '\u{feff}' => {
                out.push_str(&format!("\\u{:04X}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn keep(kept: &mut String, value: &str) -> Result<(), String> {
    value.clone_into(kept);
    Ok(())
}

fn wipe(value: &str) -> Result<WipeStatus, String> {
    let word = value.to_ascii_lowercase();
    match word.trim_start_matches('0') {
        "" if !word.is_empty() => Ok(WipeStatus::None),
        "none" => Ok(WipeStatus::None),
        "1" | "ok" => Ok(WipeStatus::Ok),
        "2" | "wipe" | "pending" => Ok(WipeStatus::Pending),
        "3" | "wiped" => Ok(WipeStatus::Wiped),
        _ => Err(format!("rwstatus must be 0, 1, 2 or 3, not {value:?}")),
    }
}

fn number(value: &str) -> Result<u32, String> {
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    let number = digits.then(|| value.parse().ok()).flatten();
    number.ok_or_else(|| format!("{value:?} is not a number from 0 to {}", u32::MAX))
}

fn flag(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err(format!("{value:?} is neither true nor false")),
    }
}

fn time(value: &str) -> Result<u64, String> {
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        return value.parse().map_err(|_| format!("{value:?} is too large for a time"));
    }
    let seconds = value.parse::<jiff::Timestamp>().ok().and_then(|time| u64::try_from(time.as_second()).ok());
    seconds.ok_or_else(|| format!("{value:?} is not a time such as 2026-03-31T12:00:00Z"))
}

fn moment(time: u64) -> String {
    let known = i64::try_from(time).ok().filter(|_| time > 0).and_then(|s| jiff::Timestamp::from_second(s).ok());
    known.map_or_else(|| time.to_string(), |time| time.to_string())
}

//! The one gate before all commands: remote wipe, block, policy. Pure; asked again for requests that wait when the info file changed.

use crate::{
    policy::{Mode, Settings},
    proto::{Command, Version},
    state::{self, Info, WipeStatus},
};

/// What the gate has to know of a request.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// The command.
    pub command: Command,
    /// Protocol version.
    pub version: Version,
    /// The policy key that was sent, by header or base64 query; `None` = no header, or an empty field.
    pub key: Option<u32>,
    /// Unix seconds.
    pub now: u64,
}

/// What the gate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// The command may be carried out.
    Pass,
    /// The command must not be carried out.
    Refuse {
        /// HTTP status for versions that do not know the Status (up to 12.1) and commands without documents; with
        /// [`Settings::answer_both`] in all versions.
        http: u16,
        /// Common Status (MS-ASCMD 2.2.2) in the root of the command.
        status: u16,
    },
}

const WIPE: Gate = Gate::Refuse { http: 449, status: 140 };
const BLOCKED: Gate = Gate::Refuse { http: 403, status: 129 };
const NOT_PROVISIONED: Gate = Gate::Refuse { http: 449, status: 142 };
const POLICY_REFRESH: Gate = Gate::Refuse { http: 449, status: 143 };
const WRONG_KEY: Gate = Gate::Refuse { http: 449, status: 144 };

/// Decides on a request. To be asked for every command; OPTIONS and Autodiscover are none. `info` is the info file (`Ok(None)`: there is
/// none), `salvaged` the wipe status as far as an unreadable one has it ([`state::Device::wipe_even_if_broken`]).
///
/// Provision passes unless the device is blocked: it is how a device gets its policies and the directive to wipe itself, and how
/// it acknowledges that. A wipe goes before everything else, also where no policies are asked for; what has been wiped stays
/// refused. A file that cannot be read lets nobody in (MS-ASPROV 3.2.5.1.1, 3.2.5.1.2.1).
pub fn decide(
    info: Result<Option<&Info>, &state::Error>,
    salvaged: WipeStatus,
    policy: &Settings,
    asked: &Asked,
) -> Gate {
    let provision = asked.command == Command::Provision;
    let known = info.as_ref().ok().copied().flatten();
    let wipe = if info.is_ok() { known.map_or(WipeStatus::None, |info| info.wipe) } else { salvaged };
    if wipe.refuses() {
        // Only 16.1 can remove an account; the next best thing for others is to lock them out.
        let account_only = known.is_some_and(|info| info.account_only);
        return match (provision, account_only && !asked.version.traits().account_only_wipe) {
            (_, true) => BLOCKED,
            (true, false) => Gate::Pass,
            (false, false) => WIPE,
        };
    }
    if known.is_some_and(|info| info.blocked) {
        return BLOCKED;
    }
    if provision {
        return Gate::Pass;
    }
    if info.is_err() {
        return NOT_PROVISIONED;
    }
    if policy.mode == Mode::None {
        return Gate::Pass;
    }
    provisioned(known, policy, asked)
}

fn provisioned(info: Option<&Info>, policy: &Settings, asked: &Asked) -> Gate {
    let stored = info.map_or(0, |info| info.policy_key);
    let key = match asked.key {
        // A device that cannot take policies sends no key at all, not even 0.
        None if policy.mode == Mode::Allow => return Gate::Pass,
        // Devices need not send their key with Ping (MS-ASPROV 2.2.1).
        None if asked.command == Command::Ping => stored,
        key => key.unwrap_or(0),
    };
    if key == 0 || stored == 0 {
        return NOT_PROVISIONED;
    }
    if key != stored {
        return WRONG_KEY;
    }
    let current = info.is_some_and(|info| {
        // A clock that was set back does not make a policy expire.
        let age = asked.now.saturating_sub(info.policy_time);
        let fresh = policy.refresh_hours == 0 || age < u64::from(policy.refresh_hours) * 3600;
        // Keys that were taken over from another server stay good while there is nothing to be asked of the device.
        let taken_over = info.policy.is_empty() && policy.asks_nothing();
        fresh && (taken_over || info.policy == policy.hash(asked.version))
    });
    if current { Gate::Pass } else { POLICY_REFRESH }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::front::refuse::http;

    const COMMANDS: [Command; 6] = [
        Command::Sync,
        Command::FolderSync,
        Command::SendMail,
        Command::ItemOperations,
        Command::Settings,
        Command::Ping,
    ];
    const KEYS: [Option<u32>; 4] = [None, Some(0), Some(7), Some(8)];

    fn policy(mode: Mode) -> Settings {
        let mut policy = Settings::default();
        policy.mode = mode;
        policy
    }

    fn asked(command: Command, version: Version, key: Option<u32>) -> Asked {
        Asked { command, version, key, now: 1_000_000 }
    }

    /// A device in order, with key 7.
    fn good(version: Version) -> Info {
        let policy = policy(Mode::Require).hash(version);
        Info { wipe: WipeStatus::Ok, policy_key: 7, policy, policy_time: 999_000, ..Info::default() }
    }

    fn gate(info: &Info, mode: Mode, asked: &Asked) -> Gate {
        decide(Ok(Some(info)), WipeStatus::None, &policy(mode), asked)
    }

    fn every(mut check: impl FnMut(Mode, Command, Version, Option<u32>)) {
        for mode in [Mode::Require, Mode::Allow, Mode::None] {
            for version in Version::ALL {
                for command in COMMANDS {
                    for key in KEYS {
                        check(mode, command, version, key);
                    }
                }
            }
        }
    }

    #[test]
    fn a_wipe_beats_everything() {
        every(|mode, command, version, key| {
            for wipe in [WipeStatus::Pending, WipeStatus::Wiped] {
                for blocked in [false, true] {
                    let info = Info { wipe, blocked, ..good(version) };
                    assert_eq!(gate(&info, mode, &asked(command, version, key)), WIPE);
                    assert_eq!(gate(&info, mode, &asked(Command::Provision, version, key)), Gate::Pass);
                }
            }
        });
    }

    #[test]
    fn an_account_is_wiped_where_that_is_possible_and_locked_out_elsewhere() {
        every(|mode, command, version, key| {
            let info = Info { wipe: WipeStatus::Pending, account_only: true, ..good(version) };
            let (others, provision) = if version == Version::V16_1 { (WIPE, Gate::Pass) } else { (BLOCKED, BLOCKED) };
            assert_eq!(gate(&info, mode, &asked(command, version, key)), others);
            assert_eq!(gate(&info, mode, &asked(Command::Provision, version, key)), provision);
        });
    }

    #[test]
    fn a_file_that_cannot_be_read_lets_nobody_in() {
        let error = state::Error::Unreadable { file: "info-x".into(), line: 1, reason: String::new() };
        every(|mode, command, version, key| {
            let asked_ = asked(command, version, key);
            let decide = |salvaged, asked: &Asked| decide(Err(&error), salvaged, &policy(mode), asked);
            assert_eq!(decide(WipeStatus::None, &asked_), NOT_PROVISIONED);
            assert_eq!(decide(WipeStatus::Pending, &asked_), WIPE);
            assert_eq!(decide(WipeStatus::Pending, &asked(Command::Provision, version, key)), Gate::Pass);
        });
    }

    #[test]
    fn a_blocked_device_gets_nothing() {
        every(|mode, command, version, key| {
            let info = Info { blocked: true, ..good(version) };
            assert_eq!(gate(&info, mode, &asked(command, version, key)), BLOCKED);
            assert_eq!(gate(&info, mode, &asked(Command::Provision, version, key)), BLOCKED);
        });
    }

    #[test]
    fn the_key_decides() {
        every(|mode, command, version, key| {
            let asked = asked(command, version, key);
            let expected = match (mode, key) {
                (Mode::None, _) | (Mode::Allow, None) | (_, Some(7)) => Gate::Pass,
                (_, None) if command == Command::Ping => Gate::Pass,
                (_, None | Some(0)) => NOT_PROVISIONED,
                (_, Some(_)) => WRONG_KEY,
            };
            assert_eq!(gate(&good(version), mode, &asked), expected, "{mode:?} {asked:?}");
        });
    }

    #[test]
    fn without_a_stored_key_everybody_has_to_provision() {
        every(|mode, command, version, key| {
            let asked = asked(command, version, key);
            let pass = mode == Mode::None || mode == Mode::Allow && key.is_none();
            let expected = if pass { Gate::Pass } else { NOT_PROVISIONED };
            let reset = Info { policy_key: 0, ..good(version) };
            assert_eq!(gate(&reset, mode, &asked), expected, "policykey set to 0: {mode:?} {asked:?}");
            let none = decide(Ok(None), WipeStatus::None, &policy(mode), &asked);
            assert_eq!(none, expected, "the file was deleted: {mode:?} {asked:?}");
        });
    }

    #[test]
    fn other_policies_and_old_ones_are_fetched_again() {
        for version in Version::ALL {
            for command in COMMANDS {
                let asked = asked(command, version, Some(7));
                let changed = Info { policy: "other".to_owned(), ..good(version) };
                assert_eq!(gate(&changed, Mode::Require, &asked), POLICY_REFRESH);
                assert_eq!(gate(&changed, Mode::Allow, &asked), POLICY_REFRESH);
                for (hours, time, expected) in [
                    (1, 996_399, POLICY_REFRESH),
                    (1, 996_401, Gate::Pass),
                    (1, 2_000_000, Gate::Pass),
                    (0, 0, Gate::Pass),
                ] {
                    let mut policy = policy(Mode::Require);
                    policy.refresh_hours = hours;
                    let info = Info { policy_time: time, ..good(version) };
                    let gate = decide(Ok(Some(&info)), WipeStatus::None, &policy, &asked);
                    assert_eq!(gate, expected, "{hours} {time}");
                }
            }
        }
    }

    #[test]
    fn a_new_version_of_the_protocol_asks_again_only_if_it_is_sent_something_else() {
        let newer = asked(Command::Sync, Version::V16_1, Some(7));
        assert_eq!(gate(&good(Version::V12_1), Mode::Require, &newer), Gate::Pass);
        assert_eq!(gate(&good(Version::V12_0), Mode::Require, &newer), POLICY_REFRESH);
    }

    #[test]
    fn both_ways_of_refusing_agree() {
        for gate in [WIPE, BLOCKED, NOT_PROVISIONED, POLICY_REFRESH, WRONG_KEY] {
            let Gate::Refuse { http: code, status } = gate else { panic!("{gate:?}") };
            assert_eq!(code, http(status));
        }
    }
}

use std::collections::BTreeMap;

use super::*;
use crate::proto::provision::PolicyData;

const NOW: u64 = 1_700_000_000;

/// A phone: what it holds and how it behaves.
struct Phone {
    version: Version,
    key: u32,
}

fn policy(mode: Mode) -> Settings {
    let mut policy = Settings::default();
    policy.mode = mode;
    policy
}

fn desk(policy: &Settings, version: Version) -> Desk<'_> {
    Desk { policy, version, now: NOW, keys: Keys { temporary: 111, last: 222 } }
}

fn described() -> Option<BTreeMap<String, String>> {
    Some(BTreeMap::from([("Model".to_owned(), "X".to_owned())]))
}

fn initial(version: Version) -> Request {
    Request {
        device_information: version.traits().device_information_first.then(described).flatten(),
        policy_type: Some(Settings::kind(version).to_owned()),
        ..Request::default()
    }
}

fn acknowledgement(version: Version, key: u32, status: u32) -> Request {
    Request {
        policy_type: Some(Settings::kind(version).to_owned()),
        policy_key: Some(key),
        policy_status: Some(status),
        ..Request::default()
    }
}

/// What the gate asks for.
fn let_in(info: &Info, policy: &Settings, version: Version, key: u32) -> bool {
    key != 0 && info.policy_key == key && info.policy == policy.hash(version) && !info.wipe.refuses()
}

impl Phone {
    /// Both phases; gives whether the phone is let in afterwards.
    fn provision(&mut self, info: &mut Info, policy: &Settings, status: u32) -> Result<bool, Error> {
        let first = desk(policy, self.version).answer(info, &initial(self.version))?;
        let temporary = first.policy.as_ref().and_then(|policy| policy.key).unwrap_or(0);
        assert!(!let_in(info, policy, self.version, temporary), "the temporary key opens nothing");
        let second = desk(policy, self.version).answer(info, &acknowledgement(self.version, temporary, status))?;
        let section = second.policy.expect("policy section");
        assert_eq!(section.data, None);
        self.key = section.key.unwrap_or(0);
        Ok(let_in(info, policy, self.version, self.key))
    }
}

#[test]
fn two_phases_let_a_phone_in_in_every_version() {
    for version in Version::ALL {
        let policy = policy(Mode::Require);
        let mut info = Info::default();
        let first = desk(&policy, version).answer(&mut info, &initial(version)).expect("first");
        let section = first.policy.expect("policy");
        assert_eq!((first.status, section.status, section.key), (1, 1, Some(111)));
        let wap = matches!(section.data, Some(PolicyData::Wap(_)));
        assert_eq!(wap, version == Version::V2_5);
        assert!(!first.remote_wipe && !first.account_only_remote_wipe);
        let mut phone = Phone { version, key: 0 };
        assert_eq!(phone.provision(&mut info, &policy, 1), Ok(true), "{version}");
        assert_eq!(phone.key, 222);
        assert_eq!((info.wipe, info.policy_status, info.policy_time), (WipeStatus::Ok, 1, NOW));
    }
}

#[test]
fn a_lost_answer_to_the_acknowledgement_is_repeated() {
    let policy = policy(Mode::Require);
    let version = Version::V14_1;
    let mut info = Info::default();
    let mut phone = Phone { version, key: 0 };
    assert_eq!(phone.provision(&mut info, &policy, 1), Ok(true));
    let before = info.clone();
    let mut again = desk(&policy, version);
    again.keys.last = 999;
    let response = again.answer(&mut info, &acknowledgement(version, 111, 1)).expect("again");
    assert_eq!(response.policy.and_then(|policy| policy.key), Some(222));
    assert_eq!(info, before);
    // But a policykey that was set to 0 means: begin anew.
    info.policy_key = 0;
    let response = desk(&policy, version).answer(&mut info, &acknowledgement(version, 111, 1)).expect("again");
    assert_eq!(response.policy.map(|policy| (policy.status, policy.key)), Some((5, None)));
    assert_eq!(info.policy_key, 0);
}

#[test]
fn only_the_temporary_key_can_be_acknowledged() {
    let policy = policy(Mode::Require);
    let version = Version::V12_1;
    for key in [0, 110, 222, u32::MAX] {
        let mut info = Info::default();
        desk(&policy, version).answer(&mut info, &initial(version)).expect("first");
        let response = desk(&policy, version).answer(&mut info, &acknowledgement(version, key, 1)).expect("second");
        assert_eq!(response.policy.map(|policy| (policy.status, policy.key)), Some((5, None)), "{key}");
        assert_eq!(info.policy_key, 0);
    }
    let mut never = Info::default();
    let response = desk(&policy, version).answer(&mut never, &acknowledgement(version, 0, 1)).expect("second");
    assert_eq!(response.policy.map(|policy| policy.status), Some(5), "no phase before");
}

#[test]
fn who_does_not_take_the_policies_depends_on_the_mode() {
    for version in Version::ALL {
        for (status, refusal) in [(2, 139), (3, 139), (4, 145)] {
            let mut phone = Phone { version, key: 0 };
            let mut info = Info { policy_key: 5, ..Info::default() };
            let result = phone.provision(&mut info, &policy(Mode::Require), status);
            assert_eq!(result, Err(Error::Status(refusal)));
            assert_eq!((info.policy_status, info.policy_key), (status, 0), "noted for the administrator");
            let mut info = Info::default();
            assert_eq!(phone.provision(&mut info, &policy(Mode::Allow), status), Ok(true), "{version}");
        }
    }
}

#[test]
fn without_policies_the_answer_is_that_there_are_none() {
    let none = policy(Mode::None);
    for version in Version::ALL {
        for request in [initial(version), acknowledgement(version, 1, 1), Request::default()] {
            let mut info = Info::default();
            let response = desk(&none, version).answer(&mut info, &request).expect("answer");
            assert_eq!(response.status, 1);
            assert_eq!(response.policy.map(|policy| (policy.status, policy.key, policy.data)), Some((2, None, None)));
        }
    }
}

#[test]
fn malformed_requests_are_told_apart() {
    let policy = policy(Mode::Require);
    for version in Version::ALL {
        let answer = |request: &Request| desk(&policy, version).answer(&mut Info::default(), request);
        let late = version.traits().device_information_first;
        let bare = Request { device_information: None, ..initial(version) };
        assert_eq!(answer(&bare).is_err_and(|error| error == Error::Status(165)), late);
        let without_type = Request { policy_type: None, device_information: described(), ..Request::default() };
        let response = answer(&without_type).expect("answer");
        assert_eq!((response.status, response.policy, response.device_information_status), (2, None, Some(1)));
        let other = if version == Version::V2_5 { Version::V12_0 } else { Version::V2_5 };
        let kind = Some(Settings::kind(other).to_owned());
        let wrong_type = Request { policy_type: kind.clone(), device_information: described(), ..Request::default() };
        let section = answer(&wrong_type).expect("answer").policy.expect("policy");
        assert_eq!((section.status, Some(section.kind), section.key), (3, kind, None));
        let no_status = Request { policy_status: None, ..acknowledgement(version, 111, 1) };
        assert_eq!(answer(&no_status).expect("answer").status, 2);
    }
}

/// All the ways in which an administrator can ask for a wipe, and phones can take it.
#[test]
fn a_wipe_is_delivered_until_it_is_acknowledged() {
    for mode in [Mode::Require, Mode::Allow, Mode::None] {
        for version in Version::ALL {
            for reset_key in [false, true] {
                let policy = policy(mode);
                let mut info =
                    Info { policy_key: 5, policy: policy.hash(version), wipe: WipeStatus::Ok, ..Info::default() };
                info.wipe = WipeStatus::Pending;
                if reset_key {
                    info.policy_key = 0;
                }
                for request in [Request::default(), initial(version), acknowledgement(version, 111, 1)] {
                    let response = desk(&policy, version).answer(&mut info, &request).expect("answer");
                    assert!(response.remote_wipe && !response.account_only_remote_wipe);
                    let section = response.policy.expect("some phones look for policies first");
                    assert!(section.data.is_some() && section.key.is_some());
                    assert_eq!((info.wipe, info.wipe_sent), (WipeStatus::Pending, NOW), "the answer may be lost");
                }
                let failed = Request { remote_wipe: Some(2), ..Request::default() };
                desk(&policy, version).answer(&mut info, &failed).expect("answer");
                assert_eq!(info.wipe, WipeStatus::Pending);
                // Some send policies with a stray Status along with it.
                let done = Request { remote_wipe: Some(1), policy_status: Some(1), ..Request::default() };
                let response = desk(&policy, version).answer(&mut info, &done).expect("answer");
                assert_eq!(response, Response { status: 1, ..Response::default() });
                assert_eq!((info.wipe, info.wiped, info.policy_key), (WipeStatus::Wiped, NOW, 0));
                let again = desk(&policy, version).answer(&mut info, &initial(version)).expect("answer");
                assert!(again.remote_wipe, "a phone that comes back is not let in");
                // The administrator lets it in again.
                info.wipe = WipeStatus::None;
                let answer = Phone { version, key: 0 }.provision(&mut info, &policy, 1);
                assert!(mode == Mode::None || answer == Ok(true));
            }
        }
    }
}

#[test]
fn an_acknowledgement_that_nobody_asked_for_changes_nothing() {
    let policy = policy(Mode::Require);
    let mut info = Info { policy_key: 5, wipe: WipeStatus::Ok, ..Info::default() };
    let before = info.clone();
    let done = Request { remote_wipe: Some(1), ..Request::default() };
    let response = desk(&policy, Version::V14_1).answer(&mut info, &done).expect("answer");
    assert_eq!((response.status, info), (1, before));
}

#[test]
fn only_the_account_is_wiped_where_that_is_possible() {
    let policy = policy(Mode::Require);
    for version in Version::ALL {
        let mut info = Info { wipe: WipeStatus::Pending, account_only: true, ..Info::default() };
        let answer = desk(&policy, version).answer(&mut info, &initial(version));
        if version == Version::V16_1 {
            assert!(answer.is_ok_and(|response| response.account_only_remote_wipe && !response.remote_wipe));
            let done = Request { account_only_remote_wipe: Some(1), ..Request::default() };
            desk(&policy, version).answer(&mut info, &done).expect("answer");
            assert_eq!(info.wipe, WipeStatus::Wiped);
        } else {
            assert_eq!(answer, Err(Error::Status(129)));
            assert_eq!(info.wipe_sent, 0);
        }
    }
}

#[test]
fn keys_are_positive_and_differ() {
    let keys: std::collections::HashSet<u32> = (0..200).map(|_| draw().expect("random")).collect();
    assert!(keys.len() > 190 && keys.iter().all(|key| (1..=0x7fff_ffff).contains(key)));
}

//! Provision: policies in two phases, and remote wipe with its acknowledgement (MS-ASPROV).

#[cfg(test)]
mod tests;

use bytes::Bytes;
use ring::rand::{SecureRandom, SystemRandom};

use super::{Context, Reply, unix_time};
use crate::{
    error::Error,
    policy::{Mode, Settings},
    proto::{
        Version,
        provision::{Policy, Request, Response},
    },
    state::{self, Info, WipeStatus},
};

/// Status values in an acknowledgement of policies that say less than "applied" (MS-ASPROV 2.2.2.54.1).
mod applied {
    pub(super) const PARTLY: u32 = 2;
    pub(super) const NOT: u32 = 3;
    pub(super) const MANAGED_ELSEWHERE: u32 = 4;
}

/// Status values of a policy in an answer (MS-ASPROV 2.2.2.54.2).
mod policy_status {
    pub(super) const OK: u16 = 1;
    pub(super) const NONE: u16 = 2;
    pub(super) const UNKNOWN_TYPE: u16 = 3;
    pub(super) const WRONG_KEY: u16 = 5;
}

const OK: u16 = 1;
const PROTOCOL_ERROR: u16 = 2;
/// Status in an acknowledgement of a wipe: it was carried out.
const WIPED: u32 = 1;

/// Carries the command out.
///
/// # Errors
/// The request is malformed, the device is not let in (common Status 129, 139, 145, 165), or the state cannot be had. While a
/// wipe is pending, neither a malformed request nor an unreadable info file keeps it from the device.
pub async fn run(ctx: &Context, body: Bytes) -> Result<Reply, Error> {
    let read = if body.is_empty() { Ok(Request::default()) } else { Request::read(&body) };
    let policy = &ctx.site.config.policy;
    let keys = Keys { temporary: draw()?, last: draw()? };
    let desk = Desk { policy, version: ctx.version, now: unix_time(), keys };
    let locked = ctx.device.lock().await?;
    let mut answer = Err(Error::Internal("the info file was not asked".to_owned()));
    let updated = locked
        .update(|info| {
            if ctx.device.id().is_account_check() {
                desk.remember_nothing(info, read.as_ref().ok());
            }
            answer = match &read {
                Ok(request) => desk.answer(info, request),
                Err(_) if info.wipe.refuses() => desk.answer(info, &Request::default()),
                Err(malformed) => Err(malformed.clone().into()),
            };
        })
        .await;
    match updated {
        Ok(_) => answer.map(|response| Reply::document(response.write())),
        Err(error) => unwritten(ctx, &desk, &read.unwrap_or_default(), error),
    }
}

/// What can be answered though the info file could not be read or written: the directive to wipe, which needs no state.
fn unwritten(ctx: &Context, desk: &Desk<'_>, request: &Request, error: state::Error) -> Result<Reply, Error> {
    let wipe = ctx.device.wipe_even_if_broken();
    if !wipe.refuses() {
        return Err(error.into());
    }
    let mut info = match ctx.device.info() {
        Ok(Some(info)) => info,
        _ => Info { wipe, ..Info::default() },
    };
    log::error!("{error}; the wipe of {} goes on, but is not noted", ctx.device.id().as_str());
    desk.answer(&mut info, request).map(|response| Reply::document(response.write()))
}

/// A random policy key: positive in 32 bits with sign, because some phones read it so.
fn draw() -> Result<u32, Error> {
    let mut bytes = [0; 4];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| Error::Internal("the system has no random numbers".to_owned()))?;
    Ok((u32::from_le_bytes(bytes) & 0x7fff_ffff).max(1))
}

/// Keys that were drawn for this request.
struct Keys {
    temporary: u32,
    last: u32,
}

/// What an answer depends on besides request and info file.
struct Desk<'a> {
    policy: &'a Settings,
    version: Version,
    now: u64,
    keys: Keys,
}

impl Desk<'_> {
    /// Answers a request and notes in `info` what the answer means. An error is told to the phone, and what was noted is kept.
    fn answer(&self, info: &mut Info, request: &Request) -> Result<Response, Error> {
        let mut response = Response { status: OK, ..Response::default() };
        if let Some(elements) = &request.device_information {
            info.describe(elements.iter().map(|(name, text)| (name.as_str(), text.as_str())));
            response.device_information_status = Some(OK);
        }
        if let Some(status) = request.remote_wipe.or(request.account_only_remote_wipe) {
            self.acknowledge(info, status);
            return Ok(response);
        }
        if info.wipe.refuses() {
            return self.wipe(info, request, response);
        }
        if info.blocked {
            return Err(Error::Status(129));
        }
        response.policy = match request.policy_key {
            // Without policies there is nothing to ask for or to acknowledge.
            _ if self.policy.mode == Mode::None => Some(self.section(request, policy_status::NONE)),
            None => self.first_phase(info, request)?,
            Some(key) => self.second_phase(info, request, key)?,
        };
        if response.policy.is_none() {
            response.status = PROTOCOL_ERROR;
        }
        Ok(response)
    }

    /// Nothing is kept for a check of the account, so that no key it acknowledges can be wrong.
    fn remember_nothing(&self, info: &mut Info, request: Option<&Request>) {
        info.temporary_key = request.and_then(|request| request.policy_key).unwrap_or(0);
        info.temporary_policy = self.policy.hash(self.version);
    }

    fn acknowledge(&self, info: &mut Info, status: u32) {
        if info.wipe != WipeStatus::Pending {
            return;
        }
        if status == WIPED {
            log::warn!("device {} of {} acknowledges that it has been wiped", info.id, info.user);
            info.wipe = WipeStatus::Wiped;
            info.wiped = self.now;
            info.policy_key = 0;
            info.temporary_key = 0;
        } else {
            log::error!("device {} of {} says that it could not be wiped; it will be told again", info.id, info.user);
        }
    }

    /// The directive to wipe, behind the policies, without which some phones do not look at it. No key is handed out that would
    /// be good for anything.
    fn wipe(&self, info: &mut Info, request: &Request, mut response: Response) -> Result<Response, Error> {
        if info.account_only && !self.version.traits().account_only_wipe {
            return Err(Error::Status(129));
        }
        let what = if info.account_only { "its account" } else { "everything" };
        log::warn!("device {} of {} is told to wipe {what}", info.id, info.user);
        info.wipe_sent = self.now;
        let permissive = Settings::default();
        let policy = if self.policy.mode == Mode::None { &permissive } else { self.policy };
        let mut section = self.section(request, policy_status::OK);
        section.key = Some(self.keys.temporary);
        section.data = Some(policy.data(self.version));
        response.policy = Some(section);
        response.account_only_remote_wipe = info.account_only;
        response.remote_wipe = !info.account_only;
        Ok(response)
    }

    fn first_phase(&self, info: &mut Info, request: &Request) -> Result<Option<Policy>, Error> {
        if self.version.traits().device_information_first && info.device_information.is_empty() {
            return Err(Error::Status(165));
        }
        let Some(kind) = &request.policy_type else { return Ok(None) };
        if kind != Settings::kind(self.version) {
            return Ok(Some(self.section(request, policy_status::UNKNOWN_TYPE)));
        }
        info.temporary_key = self.keys.temporary;
        info.temporary_policy = self.policy.hash(self.version);
        let mut section = self.section(request, policy_status::OK);
        section.key = Some(self.keys.temporary);
        section.data = Some(self.policy.data(self.version));
        Ok(Some(section))
    }

    fn second_phase(&self, info: &mut Info, request: &Request, key: u32) -> Result<Option<Policy>, Error> {
        let Some(status) = request.policy_status.filter(|status| (1..=4).contains(status)) else { return Ok(None) };
        if request.policy_type.as_deref().is_some_and(|kind| kind != Settings::kind(self.version)) {
            return Ok(Some(self.section(request, policy_status::UNKNOWN_TYPE)));
        }
        if key == 0 || key != info.temporary_key {
            return Ok(Some(self.section(request, policy_status::WRONG_KEY)));
        }
        info.policy_status = status;
        if let Some(refusal) = self.refusal(status) {
            log::warn!("device {} of {} does not take the policies: {refusal}", info.id, info.user);
            info.policy_key = 0;
            return Err(Error::Status(refusal));
        }
        // Taken already: the answer to the first acknowledgement was lost, and this one gets the same key.
        let repeated = info.temporary_policy.is_empty();
        if repeated && info.policy_key == 0 {
            return Ok(Some(self.section(request, policy_status::WRONG_KEY)));
        }
        if !repeated {
            info.policy_key = self.keys.last;
            info.policy = std::mem::take(&mut info.temporary_policy);
            info.policy_time = self.now;
        }
        if info.wipe == WipeStatus::None {
            info.wipe = WipeStatus::Ok;
        }
        let mut section = self.section(request, policy_status::OK);
        section.key = Some(info.policy_key);
        Ok(Some(section))
    }

    /// The common Status for a device that does not take the policies as it should.
    fn refusal(&self, status: u32) -> Option<u16> {
        match (self.policy.mode, status) {
            (Mode::Require, applied::PARTLY | applied::NOT) => Some(139),
            (Mode::Require, applied::MANAGED_ELSEWHERE) => Some(145),
            _ => None,
        }
    }

    /// A policy section with the type that the phone asked for.
    fn section(&self, request: &Request, status: u16) -> Policy {
        let kind = request.policy_type.clone().unwrap_or_else(|| Settings::kind(self.version).to_owned());
        Policy { kind, status, ..Policy::default() }
    }
}

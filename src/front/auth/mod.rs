//! Who is there. Horde decides; what it said is remembered for some minutes as a keyed hash, and wrong passwords are not passed on
//! for ever. No password is logged or stored.

mod basic;
mod memory;

use std::{
    net::IpAddr,
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use ring::{hmac, rand::SystemRandom};
use secrecy::ExposeSecret;

use self::memory::{Digest, Limits, Memory, Verdict};
use crate::{
    config::Config,
    error::Error,
    horde::{self, Horde, Login},
};

pub(super) use basic::{name, user};

/// Attempts of one address and user are made one after the other, so that many at once do not get around the delays.
const STRIPES: usize = 64;

/// The logins of a running program.
#[derive(Debug)]
pub(super) struct Auth {
    key: hmac::Key,
    memory: Mutex<Memory>,
    stripes: Vec<tokio::sync::Mutex<()>>,
}

impl Auth {
    /// Nobody is known yet.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub(super) fn new() -> Result<Self, String> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| "the system gives no random numbers".to_owned())?;
        let stripes = (0..STRIPES).map(|_| tokio::sync::Mutex::new(())).collect();
        Ok(Self { key, memory: Mutex::default(), stripes })
    }

    /// Finds out whose request this is.
    ///
    /// # Errors
    /// `Unauthorized`: no or wrong login. `RetryLater`: too many wrong ones, or Horde cannot be asked.
    pub(super) async fn check(
        &self,
        config: &Config,
        horde: &Horde,
        header: Option<&[u8]>,
        remote: Option<IpAddr>,
    ) -> Result<Login, Error> {
        let login = header.and_then(|h| basic::login(config, h)).ok_or(Error::Unauthorized)?;
        let limits = Limits {
            remember: Duration::from_secs(config.login.remember),
            attempts: config.login.attempts,
            max_delay: Duration::from_secs(config.login.max_delay),
        };
        let digest = self.login(&login);
        let address = remote.map(|a| a.to_string()).unwrap_or_default();
        let sender = self.digest(&[b"sender", address.as_bytes(), login.user.as_bytes()]);
        if let Some(known) = self.known(&sender, &digest, limits) {
            return known.map(|()| login);
        }
        let stripe = usize::from(sender[0]) % STRIPES;
        let _turn = match self.stripes.get(stripe) {
            Some(stripe) => Some(stripe.lock().await),
            None => None,
        };
        if let Some(known) = self.known(&sender, &digest, limits) {
            return known.map(|()| login);
        }
        let right = match horde.verify(&login).await {
            Ok(right) => right,
            Err(horde::Error::Unauthorized) => false,
            Err(horde::Error::Unavailable { reason, retry_after }) => {
                return Err(Error::RetryLater { reason, after: retry_after });
            }
            Err(other) => {
                return Err(Error::RetryLater { reason: other.to_string(), after: Duration::from_secs(60) });
            }
        };
        if right {
            self.memory().succeeded(&sender, digest, Instant::now());
            Ok(login)
        } else {
            log::warn!("wrong password for {:?} from {}", login.user, if address.is_empty() { "?" } else { &address });
            self.memory().failed(sender, digest, limits, Instant::now());
            Err(Error::Unauthorized)
        }
    }

    /// Horde does not accept that login any more: ask again next time.
    pub(super) fn forget(&self, login: &Login) {
        let digest = self.login(login);
        self.memory().forget(&digest);
    }

    /// The answer, where memory has one.
    fn known(&self, sender: &Digest, login: &Digest, limits: Limits) -> Option<Result<(), Error>> {
        match self.memory().judge(sender, login, limits, Instant::now()) {
            Verdict::Right => Some(Ok(())),
            Verdict::Ask => None,
            Verdict::Wrong => Some(Err(Error::Unauthorized)),
            Verdict::Slow(after) => {
                Some(Err(Error::RetryLater { reason: "too many wrong passwords".to_owned(), after }))
            }
        }
    }

    fn login(&self, login: &Login) -> Digest {
        self.digest(&[b"login", login.user.as_bytes(), login.password.expose_secret().as_bytes()])
    }

    /// Keyed hash of some parts, none of which holds a NUL.
    fn digest(&self, parts: &[&[u8]]) -> Digest {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(part);
            context.update(&[0]);
        }
        let mut digest = Digest::default();
        for (to, from) in digest.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        digest
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

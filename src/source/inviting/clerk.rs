//! The office of a real user: his identity in Horde, the site's mail server.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::OnceCell;

use super::Office;
use crate::{
    horde::{self, Session},
    smtp,
    source::{Error, Identity},
};

/// Sends with the login of the phone.
#[derive(Debug, Clone)]
pub struct Clerk {
    session: Session,
    smtp: smtp::Settings,
    domain: String,
    /// Who the user is, once Horde was asked.
    me: OnceCell<Identity>,
}

impl Clerk {
    /// The office of the user of `session`; `domain` is that of the users' addresses.
    pub fn new(session: Session, smtp: smtp::Settings, domain: String) -> Self {
        Self { session, smtp, domain, me: OnceCell::new() }
    }
}

impl Office for Clerk {
    async fn me(&self) -> Result<Identity, Error> {
        let ask = || Identity::of(&self.session, &self.domain);
        self.me.get_or_try_init(ask).await.cloned().map_err(|error| match error {
            horde::Error::Unauthorized => Error::Unauthorized,
            horde::Error::Unavailable { reason, retry_after } => Error::Unavailable { reason, retry_after },
            error => Error::Unavailable {
                reason: format!("identities of {}: {error}", self.session.user()),
                retry_after: std::time::Duration::from_secs(60),
            },
        })
    }

    async fn send(&self, mail: &smtp::Mail) -> Result<smtp::Sent, smtp::Error> {
        let login = self.session.login();
        let login = smtp::Login { user: login.user.clone(), password: login.password.clone() };
        smtp::send(&self.smtp, &login, mail).await
    }

    fn now(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
    }

    fn give_up(&self) -> u64 {
        self.smtp.give_up.saturating_mul(24 * 3600)
    }
}

//! What all sub-commands need: configuration, log, state, Horde, front desk.

use std::path::{Path, PathBuf};

use super::Failure;
use crate::{command::Site, config::Config, front::Desk, horde::Horde, state::Store};

/// Read when nobody names another.
const DEFAULT_FILE: &str = "/etc/horde-eas/horde-eas.toml";

/// Options over the configuration file.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Common {
    /// Configuration file [default: /etc/horde-eas/horde-eas.toml, if it is there]
    #[arg(long, value_name = "FILE", env = "HORDE_EAS_CONFIG", hide_env_values = true)]
    pub(super) config: Option<PathBuf>,
    /// URL of Horde's rpc.php [default: http://localhost/horde/rpc.php]
    #[arg(long, value_name = "URL", env = "HORDE_EAS_HORDE", hide_env_values = true)]
    horde: Option<String>,
    /// Directory of what is known about each phone [default: /var/lib/horde-eas]
    #[arg(long, value_name = "DIR", env = "HORDE_EAS_STATE", hide_env_values = true)]
    state: Option<PathBuf>,
    /// Domain of the users' mail addresses: erika@NAME logs in as erika, and autodiscover names erika@NAME
    #[arg(long, value_name = "NAME", env = "HORDE_EAS_MAIL_DOMAIN", hide_env_values = true)]
    mail_domain: Option<String>,
    /// IMAP server with the users' mail, as imap://HOST:PORT or imaps://HOST:PORT [default: the one that Horde uses]
    #[arg(long, value_name = "URL", env = "HORDE_EAS_IMAP", hide_env_values = true)]
    imap: Option<String>,
    /// Mail server for invitations and answers to them, as smtp://HOST:PORT or smtps://HOST:PORT [default: none is sent]
    #[arg(long, value_name = "URL", env = "HORDE_EAS_SMTP", hide_env_values = true)]
    smtp: Option<String>,
}

impl Common {
    /// The configuration: defaults, file, flags.
    pub(super) fn config(&self) -> Result<Config, Failure> {
        let mut config = match self.file() {
            Some(file) => Config::load(file).map_err(Failure::usage)?,
            None => Config::default(),
        };
        if let Some(horde) = &self.horde {
            config.horde.url.clone_from(horde);
        }
        if let Some(state) = &self.state {
            config.state.clone_from(state);
        }
        if let Some(domain) = &self.mail_domain {
            config.mail.domain = domain.trim_start_matches('@').to_owned();
        }
        if let Some(imap) = &self.imap {
            config.imap.url.clone_from(imap);
        }
        if let Some(smtp) = &self.smtp {
            config.smtp.url.clone_from(smtp);
        }
        config.checked().map_err(Failure::usage)
    }

    /// The file that is read.
    pub(super) fn file(&self) -> Option<&Path> {
        let default = Path::new(DEFAULT_FILE);
        self.config.as_deref().or_else(|| default.exists().then_some(default))
    }
}

/// Opens the state directory and gets the desk ready.
pub(super) fn desk(config: Config) -> Result<Desk, Failure> {
    let store = Store::open(&config.state).map_err(|error| {
        let name = config.state.display();
        Failure::runtime(format!(
            "the state directory {name} cannot be used: {error} (option --state, or state in the configuration)"
        ))
    })?;
    let horde = Horde::new(config.horde.clone()).map_err(|error| {
        Failure::usage(format!("Horde cannot be called: {error} (option --horde, or url in [horde])"))
    })?;
    Desk::new(Site::new(config, store, horde)).map_err(Failure::runtime)
}

//! Settings: one TOML file, every option with a default, command line flags over it. `docs/horde-eas.toml` shows all of them.

mod check;
mod folders;
mod limits;
mod pattern;
#[cfg(test)]
mod tests;
mod versions;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};

pub use folders::{Folders, Merge};
pub use limits::Limits;
pub use versions::{Ceiling, Versions};

/// All settings.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// State directory.
    pub state: PathBuf,
    /// How to reach Horde.
    pub horde: crate::horde::Settings,
    /// How requests come in.
    pub gateway: crate::gateway::Settings,
    /// User names and passwords.
    pub login: Login,
    /// How much is borne with.
    pub limits: Limits,
    /// Mail addresses of the users.
    pub mail: Mail,
    /// How mail is read.
    pub imap: crate::imap::Settings,
    /// How mail is sent.
    pub smtp: crate::smtp::Settings,
    /// Protocol versions.
    pub versions: Versions,
    /// Folders.
    pub folders: Folders,
    /// Waiting for changes.
    pub ping: Ping,
    /// Items per answer.
    pub sync: Sync,
    /// What devices are asked to be like.
    pub policy: crate::policy::Settings,
    /// Autodiscover.
    pub autodiscover: Autodiscover,
    /// Logging.
    pub log: Log,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state: PathBuf::from("/var/lib/horde-eas"),
            horde: crate::horde::Settings::default(),
            gateway: crate::gateway::Settings::default(),
            login: Login::default(),
            limits: Limits::default(),
            mail: Mail::default(),
            imap: crate::imap::Settings::default(),
            smtp: crate::smtp::Settings::default(),
            versions: Versions::default(),
            folders: Folders::default(),
            ping: Ping::default(),
            sync: Sync::default(),
            policy: crate::policy::Settings::default(),
            autodiscover: Autodiscover::default(),
            log: Log::default(),
        }
    }
}

/// Which domains are taken off a login name that is a mail address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strip {
    /// None: Horde's user names are mail addresses, or phones send plain names.
    Never,
    /// Those of `login.domains` and `mail.domain`.
    #[default]
    Listed,
    /// Any.
    Always,
}

/// `[login]`: user names and passwords.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Login {
    /// Name that phones and browsers show when they ask for a password.
    pub realm: String,
    /// Whether `erika@example.org` logs in as `erika`.
    pub strip_domain: Strip,
    /// Domains for `strip_domain = "listed"`.
    pub domains: Vec<String>,
    /// Whether names are put into lower case before Horde sees them.
    pub lower_case: bool,
    /// How many seconds a verified login is good for without asking Horde again.
    pub remember: u64,
    /// Wrong passwords per address and user before answers are delayed.
    pub attempts: u32,
    /// Longest time in seconds for which further attempts are refused unasked.
    pub max_delay: u64,
}

impl Default for Login {
    fn default() -> Self {
        Self {
            realm: "ActiveSync".to_owned(),
            strip_domain: Strip::default(),
            domains: Vec::new(),
            lower_case: false,
            remember: 600,
            attempts: 5,
            max_delay: 900,
        }
    }
}

/// `[mail]`: mail addresses of the users.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mail {
    /// Domain of the users' addresses: taken off login names, put behind plain names by Autodiscover.
    pub domain: String,
}

/// `[ping]`: waiting for changes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ping {
    /// Shortest heartbeat in seconds.
    pub min: u32,
    /// Longest heartbeat in seconds; must be shorter than the time-outs of the web server and of what is in front of it.
    pub max: u32,
    /// Seconds between two looks at Horde.
    pub tick: u64,
    /// Most folders in one Ping.
    pub max_folders: usize,
}

impl Default for Ping {
    fn default() -> Self {
        Self { min: 60, max: 3540, tick: 5, max_folders: 200 }
    }
}

impl Ping {
    /// Time between two looks at Horde.
    pub fn tick(&self) -> std::time::Duration {
        std::time::Duration::from_secs(self.tick.max(1))
    }
}

/// `[sync]`: items per answer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sync {
    /// Items per answer when the phone does not say.
    pub window: u32,
    /// Most items per answer, whatever the phone says.
    pub max_window: u32,
}

impl Default for Sync {
    fn default() -> Self {
        Self { window: 100, max_window: 512 }
    }
}

/// `[autodiscover]`
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Autodiscover {
    /// URL that phones are told. Empty: `https://`, the host of the request, `/Microsoft-Server-ActiveSync`.
    pub url: String,
}

/// Form of log lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogForm {
    /// `Journal` when standard error goes to systemd's journal, else `Plain`.
    #[default]
    Auto,
    /// Time, level, module, text.
    Plain,
    /// Level as `<n>`, module, text: for systemd's journal, which adds the time.
    Journal,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// File to append to, opened anew on SIGHUP. Empty: standard error.
    pub file: PathBuf,
    /// Form of the lines on standard error; a file has the plain form.
    pub form: LogForm,
    /// error, warn, info, debug, trace or off.
    #[serde(deserialize_with = "level")]
    pub level: log::LevelFilter,
    /// Other levels for modules: `"horde_eas::horde" = "debug"`; the longest name that fits counts.
    #[serde(deserialize_with = "levels")]
    pub modules: std::collections::BTreeMap<String, log::LevelFilter>,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            file: PathBuf::new(),
            form: LogForm::default(),
            level: log::LevelFilter::Info,
            modules: std::collections::BTreeMap::new(),
        }
    }
}

fn level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<log::LevelFilter, D::Error> {
    parse_level(&String::deserialize(deserializer)?)
}

fn levels<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<std::collections::BTreeMap<String, log::LevelFilter>, D::Error> {
    let texts = std::collections::BTreeMap::<String, String>::deserialize(deserializer)?;
    texts.into_iter().map(|(module, text)| Ok((module, parse_level(&text)?))).collect()
}

fn parse_level<E: serde::de::Error>(text: &str) -> Result<log::LevelFilter, E> {
    text.parse().map_err(|_| E::custom(format!("no log level {text:?}: error, warn, info, debug, trace or off")))
}

/// Why a configuration cannot be used; the text names file, line and reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The file; empty when the command line is meant.
    pub file: PathBuf,
    /// Line, from 1; 0 when the file as a whole is meant.
    pub line: usize,
    /// What is wrong, in words for the administrator.
    pub reason: String,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.file.as_os_str().is_empty(), self.line) {
            (true, _) => f.write_str(&self.reason),
            (false, 0) => write!(f, "{}: {}", self.file.display(), self.reason),
            (false, line) => write!(f, "{}:{line}: {}", self.file.display(), self.reason),
        }
    }
}

impl std::error::Error for Error {}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// The file cannot be read, is not TOML, has an unknown option, or a value that cannot be.
    pub fn load(file: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(file).map_err(|e| Error {
            file: file.to_owned(),
            line: 0,
            reason: format!("cannot be read: {e}"),
        })?;
        Self::parse(&text, file)
    }

    /// Reads and checks the text of a file; `file` is for the messages.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(text: &str, file: &Path) -> Result<Self, Error> {
        let config: Self = toml::from_str(text).map_err(|e| Error {
            file: file.to_owned(),
            line: e.span().map_or(0, |span| line_at(text, span.start)),
            reason: in_words(e.message()),
        })?;
        config.check().map_err(|fault| Error {
            file: file.to_owned(),
            line: check::line_of(text, fault.section, fault.option),
            reason: fault.to_string(),
        })?;
        Ok(config)
    }

    /// Checks values against each other; for what came from the command line.
    ///
    /// # Errors
    /// A value that cannot be; the text names the option.
    pub fn checked(self) -> Result<Self, Error> {
        match self.check() {
            Ok(()) => Ok(self),
            Err(fault) => Err(Error { file: PathBuf::new(), line: 0, reason: fault.to_string() }),
        }
    }

    /// Whether `domain` (in any letter case) is one that is taken off login names.
    pub fn strips(&self, domain: &str) -> bool {
        match self.login.strip_domain {
            Strip::Never => false,
            Strip::Always => true,
            Strip::Listed => {
                let mut served = self.login.domains.iter().chain(std::iter::once(&self.mail.domain));
                served.any(|d| !d.is_empty() && d.eq_ignore_ascii_case(domain))
            }
        }
    }
}

/// What is said of a value of the wrong kind, without names of types of Rust.
fn in_words(message: &str) -> String {
    let message = message.replace('\n', ", ");
    let kind = KINDS.iter().find_map(|(kind, words)| Some((message.strip_suffix(kind)?, words)));
    kind.map_or_else(|| message.clone(), |(before, words)| format!("{before}{words}"))
}

/// How kinds of values are called.
const KINDS: [(&str, &str); 7] = [
    ("expected u16", "expected a number from 0 to 65535"),
    ("expected u32", "expected a number from 0 to 4294967295"),
    ("expected u64", "expected a number, 0 or more"),
    ("expected usize", "expected a number, 0 or more"),
    ("expected a boolean", "expected true or false"),
    ("expected a string", "expected a text in quotes"),
    ("expected a sequence", "expected a list in brackets"),
];

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|b| *b == b'\n').count() + 1
}

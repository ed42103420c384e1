//! Values that TOML allows and this program does not.

use super::Config;

/// What is wrong with which option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// Section, "" for the top of the file.
    pub(super) section: &'static str,
    /// Option.
    pub(super) option: &'static str,
    reason: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let dot = if self.section.is_empty() { "" } else { "." };
        write!(f, "{}{dot}{}: {}", self.section, self.option, self.reason)
    }
}

impl Config {
    pub(super) fn check(&self) -> Result<(), Fault> {
        let url = |section, option, text: &str| {
            let whole = text.parse::<hyper::Uri>().ok().filter(|u| u.host().is_some_and(|h| !h.is_empty()));
            let known =
                whole.and_then(|u| u.scheme_str().map(str::to_owned)).is_some_and(|s| s == "http" || s == "https");
            ensure(known, section, option, || format!("{text:?} is no http:// or https:// URL"))
        };
        url("horde", "url", &self.horde.url)?;
        self.horde.check().map_err(|reason| Fault { section: "horde", option: "url", reason })?;
        if !self.autodiscover.url.is_empty() {
            url("autodiscover", "url", &self.autodiscover.url)?;
        }
        let positive = [
            ("horde", "timeout", self.horde.timeout),
            ("horde", "parallel", self.horde.parallel as u64),
            ("gateway", "max_connections", self.gateway.max_connections as u64),
            ("gateway", "idle_timeout", self.gateway.idle_timeout),
            ("login", "attempts", self.login.attempts.into()),
            ("ping", "min", self.ping.min.into()),
            ("ping", "tick", self.ping.tick),
            ("ping", "max_folders", self.ping.max_folders as u64),
            ("sync", "window", self.sync.window.into()),
            ("imap", "timeout", self.imap.timeout),
            ("imap", "connections", self.imap.connections as u64),
            ("imap", "max_connections", self.imap.max_connections as u64),
            ("imap", "max_held", self.imap.max_held as u64),
            ("smtp", "timeout", self.smtp.timeout),
            ("smtp", "give_up", self.smtp.give_up),
        ];
        for (section, option, value) in positive {
            ensure(value > 0, section, option, || "must be 1 or more".to_owned())?;
        }
        ensure(self.gateway.max_body >= 64 * 1024, "gateway", "max_body", || "must be 65536 or more".to_owned())?;
        ensure(self.gateway.max_mail >= 64 * 1024, "gateway", "max_mail", || "must be 65536 or more".to_owned())?;
        ensure(self.ping.max >= self.ping.min, "ping", "max", || format!("is less than min ({})", self.ping.min))?;
        ensure(self.ping.max <= 3540, "ping", "max", || {
            "must be 3540 or less: the protocol knows no longer wait".to_owned()
        })?;
        ensure(self.sync.max_window <= 512, "sync", "max_window", || "must be 512 or less".to_owned())?;
        ensure(self.sync.max_window >= self.sync.window, "sync", "max_window", || {
            format!("is less than window ({})", self.sync.window)
        })?;
        ensure(self.versions.max >= self.versions.min, "versions", "max", || {
            format!("is less than min ({})", self.versions.min)
        })?;
        ensure(!self.state.as_os_str().is_empty(), "", "state", || "must name a directory".to_owned())?;
        let printable = |text: &str| text.chars().all(|c| (' '..='~').contains(&c) && c != '"' && c != '\\');
        ensure(printable(&self.login.realm), "login", "realm", || {
            "may only have ASCII letters, digits and signs".to_owned()
        })?;
        self.imap.server().map_err(|reason| Fault { section: "imap", option: "url", reason })?;
        ensure(!self.imap.login_domain.contains('@'), "imap", "login_domain", || {
            "is what stands behind the @".to_owned()
        })?;
        ensure(self.imap.max_connections <= 100_000, "imap", "max_connections", || {
            "must be 100000 or less".to_owned()
        })?;
        let holds = self.imap.watch != crate::imap::Watch::Poll;
        ensure(!holds || self.imap.max_held < self.imap.max_connections, "imap", "max_held", || {
            format!("must be less than max_connections ({})", self.imap.max_connections)
        })?;
        ensure(self.limits.queue <= 100_000, "limits", "queue", || "must be 100000 or less".to_owned())?;
        ensure(self.limits.queue_time <= 300, "limits", "queue_time", || {
            "must be 300 or less: phones do not wait longer".to_owned()
        })?;
        ensure(self.limits.repeats != 1, "limits", "repeats", || {
            "must be 0 or 2 and more: a first mistake is no repetition".to_owned()
        })?;
        ensure(self.limits.max_pause <= 3600, "limits", "max_pause", || "must be 3600 or less".to_owned())?;
        ensure(self.imap.connections <= 1000, "imap", "connections", || "must be 1000 or less".to_owned())?;
        self.smtp.check().map_err(|reason| Fault { section: "smtp", option: "url", reason })?;
        ensure(!self.mail.domain.contains('@'), "mail", "domain", || "is what stands behind the @".to_owned())?;
        ensure(!self.smtp.login_domain.contains('@'), "smtp", "login_domain", || {
            "is what stands behind the @".to_owned()
        })?;
        ensure(!self.login.domains.iter().any(|d| d.contains('@')), "login", "domains", || {
            "are what stands behind the @".to_owned()
        })
    }
}

fn ensure(
    good: bool,
    section: &'static str,
    option: &'static str,
    reason: impl FnOnce() -> String,
) -> Result<(), Fault> {
    if good { Ok(()) } else { Err(Fault { section, option, reason: reason() }) }
}

/// The line of an option, 0 when it is not in the file (its default is meant, or another spelling of TOML).
pub(super) fn line_of(text: &str, section: &str, option: &str) -> usize {
    let mut current = "";
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[') {
            current = name.split(']').next().unwrap_or_default().trim();
        } else if current == section && line.split('=').next().is_some_and(|name| name.trim() == option) {
            return number + 1;
        }
    }
    0
}

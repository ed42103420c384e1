//! Limits of what comes in, and the `[gateway]` section of the configuration.

use std::time::Duration;

use super::listen::Listen;

/// How long a connection that has not sent anything may stay when the program is to end: its request may be on the way.
pub(super) const LAST_CALL: Duration = Duration::from_secs(1);

/// Limits that all doors keep, whatever arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Largest request body, bytes; more is answered with 413.
    pub max_body: u64,
    /// Largest set of headers and CGI variables of one request, bytes; more is answered with 431.
    pub max_params: usize,
    /// Connections open at the same time, all listeners together. Further ones wait in the kernel's queue.
    pub max_connections: usize,
    /// Requests running at the same time on one FastCGI connection; more is answered with "overloaded".
    pub requests_per_connection: usize,
    /// How long a new connection may be silent.
    pub first_byte: Duration,
    /// How long a request that is not complete yet, or an answer that is being sent, may stand still.
    pub body_idle: Duration,
    /// How long a connection may be kept open without a request.
    pub keep_idle: Duration,
    /// How long a request may go on after it was told that nobody waits for its answer.
    pub hangup_grace: Duration,
    /// How long running requests may go on after the program was told to end.
    pub shutdown: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Settings::default().limits()
    }
}

impl Limits {
    /// Lowers [`Limits::max_connections`] so that of `descriptors` (the limit of the process) some are left for state files and for
    /// connections to Horde: a quarter, at most 512.
    #[must_use]
    pub fn fit(mut self, descriptors: u64) -> Self {
        let left = descriptors - (descriptors / 4).min(512);
        self.max_connections = self.max_connections.min(usize::try_from(left).unwrap_or(usize::MAX)).max(1);
        self
    }
}

/// How requests come in (`[gateway]` of the configuration).
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where to listen; empty: what the web server or systemd passes.
    pub listen: Vec<Listen>,
    /// Group (name or number) that may connect to unix sockets made here: the web server's. Empty: the program's own.
    pub socket_group: String,
    /// Largest request body besides those that are mails, bytes; it stands in memory.
    pub max_body: u64,
    /// Largest mail that a phone may send, bytes, as it is in the request. The web server has a limit of its own.
    pub max_mail: u64,
    /// Connections open at the same time. Each waiting phone holds one.
    pub max_connections: usize,
    /// Seconds that a request may stand still while it arrives, or its answer while it is sent.
    pub idle_timeout: u64,
    /// Seconds that running requests may go on after the program was told to end.
    pub shutdown_timeout: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            socket_group: String::new(),
            max_body: 50 << 20,
            max_mail: 100 << 20,
            max_connections: 30_000,
            idle_timeout: 60,
            shutdown_timeout: 20,
        }
    }
}

impl Settings {
    /// The limits that follow from the settings.
    pub fn limits(&self) -> Limits {
        Limits {
            max_body: self.max_body.max(self.max_mail),
            max_params: 128 << 10,
            max_connections: self.max_connections.max(1),
            requests_per_connection: 1000,
            first_byte: Duration::from_secs(30),
            body_idle: Duration::from_secs(self.idle_timeout.max(1)),
            keep_idle: Duration::from_secs(600),
            hangup_grace: Duration::from_secs(10),
            shutdown: Duration::from_secs(self.shutdown_timeout),
        }
    }

    /// The group for [`super::listen::open`].
    pub fn group(&self) -> Option<&str> {
        (!self.socket_group.is_empty()).then_some(self.socket_group.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_from_toml() {
        let settings: Settings = toml::from_str("listen = ['fastcgi:unix:/run/s']\nsocket_group = 'www-data'").unwrap();
        assert_eq!(settings.listen, [Listen::FastCgiUnix("/run/s".into())]);
        assert_eq!(settings.group(), Some("www-data"));
        assert_eq!(settings.limits(), Limits::default());
        let error = toml::from_str::<Settings>("listen = ['fastcgi:unix:s']").unwrap_err();
        assert!(error.to_string().contains("must begin with `/`"), "{error}");
        assert!(toml::from_str::<Settings>("lisen = []").is_err());
    }

    #[test]
    fn descriptors_are_left_for_state_and_horde() {
        assert_eq!(Limits::default().fit(64).max_connections, 48);
        assert_eq!(Limits::default().fit(20_000).max_connections, 20_000 - 512);
        assert_eq!(Limits::default().fit(u64::MAX).max_connections, 30_000);
        assert_eq!(Limits::default().fit(1).max_connections, 1);
    }
}

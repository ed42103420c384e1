//! What is to be measured, from the command line.

use std::{path::PathBuf, time::Duration};

pub(crate) const HELP: &str = "\
cargo bench --bench load -- [what ...] [options]

what (all of the first three if nothing is named):
  waiting          memory and processor time while nothing happens, PHP requests per tick
  changes          PHP requests per tick and time to the phone while users change things
  syncs            small Syncs of other phones meanwhile
  soak             phones come and go; descriptors, memory, threads (alone)
  lab              through lighttpd and Apache against the real Horde of tests/lab, beside Horde's own server (alone; as root)

options:
  --phones N       phones that wait (10000; soak 2000; lab 100)
  --devices N      devices of each user (5)
  --items N        items in each container of the stand-in (3)
  --tick S         the bridge's [ping] tick, seconds (5)
  --heartbeat S    of the phones' Pings (3540; soak 60)
  --idle S         how long nothing happens while that is measured (60)
  --ticks N        how many ticks long users change things (8)
  --rate N         Syncs per second (300)
  --minutes N      length of the soak (20)
  --delay MS       how long the stand-in takes for each PHP request (0)
  --door NAME      fastcgi (the bridge's socket), lighttpd, apache (fastcgi)
  --state DIR      where the bridge's state is made (the system's directory for temporary files)
  --config FILE    further lines for the bridge's configuration
  --short          a few hundred phones, some 20 s in all
The program is target/release/horde-eas, or $HORDE_EAS_BIN.";

/// How the phones reach the bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Front {
    FastCgi,
    Lighttpd,
    Apache,
}

#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) what: Vec<String>,
    pub(crate) phones: usize,
    pub(crate) devices: usize,
    pub(crate) items: usize,
    pub(crate) tick: Duration,
    pub(crate) heartbeat: u32,
    pub(crate) idle: Duration,
    pub(crate) ticks: u32,
    pub(crate) rate: u32,
    pub(crate) minutes: f64,
    pub(crate) delay: Duration,
    pub(crate) front: Front,
    pub(crate) state: Option<PathBuf>,
    pub(crate) config: String,
}

impl Options {
    /// Reads the command line; the text of an error says what is wrong.
    pub(crate) fn read(arguments: &[String]) -> Result<Self, String> {
        let short = arguments.iter().any(|a| a == "--short");
        let named = |what: &str| arguments.iter().any(|a| a == what);
        let (soak, lab) = (named("soak"), named("lab"));
        let mut options = Self {
            what: Vec::new(),
            phones: if lab { 100 } else { [10_000, 2000, 300, 300][usize::from(soak) + 2 * usize::from(short)] },
            devices: 5,
            items: 3,
            tick: Duration::from_secs(if short { 2 } else { 5 }),
            heartbeat: if soak { [60, 5][usize::from(short)] } else { 3540 },
            idle: Duration::from_secs(if short { 6 } else { 60 }),
            ticks: if short { 2 } else { 8 },
            rate: if soak || short { 50 } else { 300 },
            minutes: if short { 0.3 } else { 20.0 },
            delay: Duration::ZERO,
            front: Front::FastCgi,
            state: None,
            config: String::new(),
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "waiting" | "changes" | "syncs" | "soak" | "lab" => options.what.push(argument.clone()),
                // cargo adds --bench.
                "--short" | "--bench" => {}
                option => {
                    let value = rest.next().ok_or_else(|| format!("{option}: unknown, or its value is missing"))?;
                    options.set(option, value).map_err(|why| format!("{option} {value}: {why}"))?;
                }
            }
        }
        if options.what.len() > 1 && (soak || lab) {
            return Err("soak and lab are done alone".to_owned());
        }
        Ok(options)
    }

    fn set(&mut self, option: &str, value: &str) -> Result<(), String> {
        let number = || value.parse::<u32>().map_err(|e| e.to_string());
        let positive = || number().and_then(|n| if n > 0 { Ok(n as usize) } else { Err("at least 1".to_owned()) });
        match option {
            "--phones" => self.phones = positive()?,
            "--devices" => self.devices = positive()?,
            "--items" => self.items = positive()?,
            "--tick" => self.tick = Duration::from_secs(positive()? as u64),
            "--heartbeat" => self.heartbeat = number()?,
            "--idle" => self.idle = Duration::from_secs(positive()? as u64),
            "--ticks" => self.ticks = number()?,
            "--rate" => self.rate = number()?,
            "--minutes" => self.minutes = value.parse().map_err(|_| "no number".to_owned())?,
            "--delay" => self.delay = Duration::from_millis(number()?.into()),
            "--door" => {
                self.front = match value {
                    "fastcgi" => Front::FastCgi,
                    "lighttpd" => Front::Lighttpd,
                    "apache" => Front::Apache,
                    _ => return Err("fastcgi, lighttpd or apache".to_owned()),
                }
            }
            "--state" => self.state = Some(value.into()),
            "--config" => self.config = std::fs::read_to_string(value).map_err(|e| e.to_string())?,
            _ => return Err("no such option".to_owned()),
        }
        Ok(())
    }

    /// Whether that is to be measured.
    pub(crate) fn wants(&self, what: &str) -> bool {
        let named = self.what.iter().any(|w| w == what);
        named || self.what.is_empty() && !matches!(what, "soak" | "lab")
    }

    /// Users of the site.
    pub(crate) fn users(&self) -> usize {
        self.phones.div_ceil(self.devices)
    }

    /// One user in a hundred.
    pub(crate) fn few_users(&self) -> usize {
        self.users().div_ceil(100)
    }
}

//! Logging: `log` in front, simplelog behind it. One line per message whatever a phone sends, a level per module, and a file that is
//! opened anew on SIGHUP.

mod out;

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use log::{Level, LevelFilter, Metadata, Record};
use simplelog::{ConfigBuilder, LevelPadding, WriteLogger};

use self::out::{Form, Out, Target};
use crate::config::{self, LogForm};

/// Level per module. The longest name that fits counts.
#[derive(Debug)]
struct Levels {
    other: LevelFilter,
    modules: BTreeMap<String, LevelFilter>,
}

impl Levels {
    fn of(settings: &config::Log) -> Self {
        Self { other: settings.level, modules: settings.modules.clone() }
    }

    fn get(&self, target: &str) -> LevelFilter {
        let fits =
            |module: &str| target.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
        let fitting = self.modules.iter().filter(|(module, _)| fits(module));
        fitting.max_by_key(|(module, _)| module.len()).map_or(self.other, |(_, level)| *level)
    }

    fn highest(&self) -> LevelFilter {
        self.modules.values().copied().fold(self.other, Ord::max)
    }
}

/// A way to change levels and to open the file anew.
#[derive(Debug, Clone)]
pub struct Handle {
    levels: Arc<RwLock<Levels>>,
    target: Arc<Mutex<Target>>,
}

impl Handle {
    /// Takes other levels and another file (or the same one anew).
    ///
    /// # Errors
    /// The file cannot be opened; all goes on into the old one.
    pub fn reload(&self, settings: &config::Log) -> io::Result<()> {
        let target = Target::open(&settings.file)?;
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = target;
        let levels = Levels::of(settings);
        log::set_max_level(levels.highest());
        *self.levels.write().unwrap_or_else(PoisonError::into_inner) = levels;
        Ok(())
    }
}

struct Front {
    levels: Arc<RwLock<Levels>>,
    /// One per level, as the journal wants the level in front of the line.
    behind: Vec<(Level, Box<WriteLogger<Out>>)>,
}

impl log::Log for Front {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let levels = self.levels.read().unwrap_or_else(PoisonError::into_inner);
        metadata.level() <= levels.get(metadata.target())
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let text = one_line(&record.args().to_string());
        if let Some((_, logger)) = self.behind.iter().find(|(level, _)| *level == record.level()) {
            logger.log(&Record::builder().metadata(record.metadata().clone()).args(format_args!("{text}")).build());
        }
    }

    fn flush(&self) {}
}

/// Control characters as escapes: a phone must not be able to write lines of its own.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.trim_end().chars() {
        if c.is_control() { line.extend(c.escape_default()) } else { line.push(c) }
    }
    line
}

fn form(settings: &config::Log) -> Form {
    match settings.form {
        _ if !settings.file.as_os_str().is_empty() => Form::Plain,
        LogForm::Plain => Form::Plain,
        LogForm::Journal => Form::Journal,
        LogForm::Auto => {
            if is_journal() {
                Form::Journal
            } else {
                Form::Plain
            }
        }
    }
}

/// Whether standard error is the journal's (systemd.exec(5), JOURNAL_STREAM).
fn is_journal() -> bool {
    let Ok(named) = std::env::var("JOURNAL_STREAM") else { return false };
    rustix::fs::fstat(io::stderr()).is_ok_and(|stat| named == format!("{}:{}", stat.st_dev, stat.st_ino))
}

fn front(settings: &config::Log, target: &Arc<Mutex<Target>>) -> Front {
    let form = form(settings);
    let mut config = ConfigBuilder::new();
    // The time is written by us: a long-lived program sees the clocks change.
    config.set_time_level(LevelFilter::Off).set_thread_level(LevelFilter::Off).set_location_level(LevelFilter::Off);
    config.set_target_level(LevelFilter::Error).set_level_padding(LevelPadding::Right);
    if form == Form::Journal {
        config.set_max_level(LevelFilter::Off);
    }
    let config = config.build();
    let behind = Level::iter()
        .map(|level| {
            (level, WriteLogger::new(LevelFilter::Trace, config.clone(), Out::new(Arc::clone(target), form, level)))
        })
        .collect();
    Front { levels: Arc::new(RwLock::new(Levels::of(settings))), behind }
}

/// Begins to log, and to log panics.
///
/// # Errors
/// The file cannot be opened, or something logs already; the text is for the administrator.
pub fn start(settings: &config::Log) -> Result<Handle, String> {
    let target = Target::open(&settings.file).map_err(|e| format!("log file {}: {e}", settings.file.display()))?;
    let target = Arc::new(Mutex::new(target));
    let front = front(settings, &target);
    let handle = Handle { levels: Arc::clone(&front.levels), target };
    log::set_boxed_logger(Box::new(front)).map_err(|e| e.to_string())?;
    log::set_max_level(Levels::of(settings).highest());
    std::panic::set_hook(Box::new(|panic| {
        log::error!("panic: {panic}");
    }));
    Ok(handle)
}

#[cfg(test)]
mod tests {
    use log::Log as _;

    use super::*;

    fn settings(file: &std::path::Path) -> config::Log {
        let modules = [
            ("horde_eas::horde".to_owned(), LevelFilter::Debug),
            ("horde_eas::horde::site".to_owned(), LevelFilter::Off),
        ];
        config::Log { file: file.to_owned(), modules: modules.into(), ..config::Log::default() }
    }

    fn say(front: &Front, level: Level, target: &str, text: &str) {
        front.log(&Record::builder().level(level).target(target).args(format_args!("{text}")).build());
    }

    #[test]
    fn levels_per_module() {
        let levels = Levels::of(&settings("".as_ref()));
        assert_eq!(levels.get("horde_eas::front"), LevelFilter::Info);
        assert_eq!(levels.get("horde_eas::horde"), LevelFilter::Debug);
        assert_eq!(levels.get("horde_eas::horde::jar"), LevelFilter::Debug);
        assert_eq!(levels.get("horde_eas::horde::site::x"), LevelFilter::Off);
        assert_eq!(levels.get("horde_eas::hordes"), LevelFilter::Info);
        assert_eq!(levels.highest(), LevelFilter::Debug);
    }

    #[test]
    fn one_line_per_message_and_a_new_file_after_rotation() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("eas.log");
        let settings = settings(&file);
        let target = Arc::new(Mutex::new(Target::open(&file).unwrap()));
        let front = front(&settings, &target);
        let handle = Handle { levels: Arc::clone(&front.levels), target };
        say(&front, Level::Info, "horde_eas::front", "user=x\r\n[ERROR] forged \u{1b}[2J");
        say(&front, Level::Debug, "horde_eas::front", "not wanted");
        say(&front, Level::Debug, "horde_eas::horde", "wanted");
        let old = dir.path().join("eas.log.1");
        std::fs::rename(&file, &old).unwrap();
        handle.reload(&settings).unwrap();
        say(&front, Level::Warn, "horde_eas::front", "after");
        let first = std::fs::read_to_string(old).unwrap();
        let lines: Vec<&str> = first.lines().collect();
        assert_eq!(lines.len(), 2, "{first}");
        assert!(lines[0].ends_with(r" [INFO ] horde_eas::front: user=x\r\n[ERROR] forged \u{1b}[2J"), "{first}");
        assert!(lines[0].starts_with("20") && lines[1].ends_with("[DEBUG] horde_eas::horde: wanted"), "{first}");
        let second = std::fs::read_to_string(&file).unwrap();
        assert!(second.ends_with("[WARN ] horde_eas::front: after\n") && second.lines().count() == 1, "{second}");
    }

    #[test]
    fn a_file_that_cannot_be_opened_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("eas.log");
        let target = Arc::new(Mutex::new(Target::open(&file).unwrap()));
        let front = front(&settings(&file), &target);
        let handle = Handle { levels: Arc::clone(&front.levels), target };
        assert!(handle.reload(&settings(dir.path())).is_err());
        say(&front, Level::Error, "x", "still here");
        assert!(std::fs::read_to_string(&file).unwrap().contains("still here"));
    }
}

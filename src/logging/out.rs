//! Where lines go.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use log::Level;

/// What a line looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// With the time in front.
    Plain,
    /// With `<n>` in front (sd-daemon(3)).
    Journal,
}

/// A file or standard error.
#[derive(Debug)]
pub(super) enum Target {
    Stderr,
    File(File),
}

impl Target {
    /// Opens a file to append to; an empty name means standard error.
    pub(super) fn open(file: &Path) -> io::Result<Self> {
        if file.as_os_str().is_empty() {
            return Ok(Self::Stderr);
        }
        OpenOptions::new().append(true).create(true).mode(0o640).open(file).map(Self::File)
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        match self {
            Self::Stderr => io::stderr().write_all(line),
            Self::File(file) => file.write_all(line),
        }
    }
}

/// Collects what belongs to one line and writes it at once, so that the lines of several processes do not mix.
pub(super) struct Out {
    target: Arc<Mutex<Target>>,
    form: Form,
    level: Level,
    line: Vec<u8>,
}

impl Out {
    pub(super) fn new(target: Arc<Mutex<Target>>, form: Form, level: Level) -> Self {
        Self { target, form, level, line: Vec::new() }
    }

    fn prefix(&self) -> String {
        match self.form {
            Form::Plain => jiff::Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%.3f%:z ").to_string(),
            Form::Journal => {
                let priority = match self.level {
                    Level::Error => 3,
                    Level::Warn => 4,
                    Level::Info => 6,
                    Level::Debug | Level::Trace => 7,
                };
                format!("<{priority}>")
            }
        }
    }
}

impl Write for Out {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.line.is_empty() {
            let prefix = self.prefix();
            self.line.extend_from_slice(prefix.as_bytes());
        }
        self.line.extend_from_slice(piece);
        if piece.ends_with(b"\n") {
            let line = std::mem::take(&mut self.line);
            // Nobody could be told that the log cannot be written.
            let _ = self.target.lock().unwrap_or_else(PoisonError::into_inner).write(&line);
        }
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn journal_lines_begin_with_the_level() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x");
        let target = Arc::new(Mutex::new(Target::open(&file).unwrap()));
        for (level, expected) in
            [(Level::Error, "<3>"), (Level::Warn, "<4>"), (Level::Info, "<6>"), (Level::Debug, "<7>")]
        {
            let mut out = Out::new(Arc::clone(&target), Form::Journal, level);
            write!(out, "a").unwrap();
            writeln!(out, "b").unwrap();
            let text = std::fs::read_to_string(&file).unwrap();
            assert_eq!(text.lines().last(), Some(format!("{expected}ab").as_str()));
        }
    }
}

//! What can go wrong with state.

use std::path::PathBuf;

/// Why state cannot be read or written.
#[derive(Debug)]
pub enum Error {
    /// A line that an administrator (or a fault) wrote cannot be understood. The device is refused; the file is never overwritten.
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Line, from 1; 0 when the file as a whole is meant.
        line: usize,
        /// What is wrong there, in words for the administrator.
        reason: String,
    },
    /// The file system refuses: full, read-only, no rights.
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// User or device name cannot be a file name.
    Name(String),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable { file, line, reason } => write!(f, "{}:{line}: {reason}", file.display()),
            Self::Io { file, source } => write!(f, "{}: {source}", file.display()),
            Self::Name(name) => write!(f, "{name:?} cannot be used as a file name"),
        }
    }
}

impl std::error::Error for Error {}

//! The few things that are done with files, each so that a crash at any moment leaves either the old or the new state.

use std::{
    fs::{self, DirBuilder, File, Metadata},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use tempfile::NamedTempFile;

use super::Error;

/// Longest encoded name: leaves room for prefix and suffix below the 255 bytes of usual file systems.
const NAME_MAX: usize = 200;

/// Prefix of info files.
pub(super) const INFO: &str = "info-";

/// Prefix of files that are being written.
const TEMPORARY: &str = ".new-";

/// How old a temporary file must be before it is taken for one that a crash left behind.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Puts the path into an error of the system.
pub(super) fn at(file: &Path) -> impl FnOnce(io::Error) -> Error + use<'_> {
    move |source| Error::Io { file: file.to_owned(), source }
}

/// Encodes a name so that it is one harmless path component: `[A-Za-z0-9._@+-]` stay, everything else (and a dot in front)
/// becomes `%XX`. Different names have different encodings.
pub(super) fn encode_name(name: &str) -> Result<String, Error> {
    let mut out = String::with_capacity(name.len());
    for (i, byte) in name.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || b"_@+-".contains(&byte) || (byte == b'.' && i > 0);
        if plain {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        if out.len() > NAME_MAX {
            return Err(Error::Name(name.to_owned()));
        }
    }
    if out.is_empty() { Err(Error::Name(name.to_owned())) } else { Ok(out) }
}

/// Undoes [`encode_name`].
pub(super) fn decode_name(name: &str) -> Option<String> {
    percent_encoding::percent_decode_str(name).decode_utf8().ok().map(|name| name.into_owned())
}

/// Reads a file of at most `limit` bytes; `None` when it does not exist.
pub(super) fn read(file: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    let open = match File::open(file) {
        Ok(open) => open,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(at(file)(e)),
    };
    let length = open.metadata().map_err(at(file))?.len().min(limit);
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default().saturating_add(1));
    open.take(limit + 1).read_to_end(&mut bytes).map_err(at(file))?;
    if bytes.len() as u64 > limit {
        let reason = format!("the file is larger than {limit} bytes");
        return Err(Error::Unreadable { file: file.to_owned(), line: 0, reason });
    }
    Ok(Some(bytes))
}

/// Creates a directory (mode 0700) with its parents, if it is not there yet, and makes its entry last.
pub(super) fn create_dir(dir: &Path) -> Result<(), Error> {
    if dir.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(at(dir))?;
    dir.parent().map_or(Ok(()), sync_dir)
}

/// Makes the entries of a directory last.
pub(super) fn sync_dir(dir: &Path) -> Result<(), Error> {
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    File::open(dir).and_then(|d| d.sync_all()).map_err(at(dir))
}

/// Replaces a file (or creates it, mode 0600); mode and owner of `old` are kept as far as the rights of this process go.
pub(super) fn replace(file: &Path, bytes: &[u8], old: Option<&Metadata>) -> Result<(), Error> {
    replace_if(file, bytes, old, || Ok(true)).map(drop)
}

/// Like [`replace`], but asks `still` at the last moment whether to do it, and gives its answer.
pub(super) fn replace_if(
    file: &Path,
    bytes: &[u8],
    old: Option<&Metadata>,
    still: impl FnOnce() -> Result<bool, Error>,
) -> Result<bool, Error> {
    let dir = file.parent().unwrap_or(Path::new("."));
    let mut new = temporary(dir)?;
    new.write_all(bytes).map_err(at(file))?;
    if let Some(old) = old {
        keep_rights(new.as_file(), old).map_err(at(file))?;
    }
    new.as_file().sync_all().map_err(at(file))?;
    if !still()? {
        return Ok(false);
    }
    new.persist(file).map_err(|e| at(file)(e.error))?;
    sync_dir(dir).map(|()| true)
}

/// A new file (mode 0600) in a directory that need not exist; it is deleted when it is dropped, or by [`list`] after a crash.
pub(super) fn temporary(dir: &Path) -> Result<NamedTempFile, Error> {
    create_dir(dir)?;
    tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(dir).map_err(at(dir))
}

fn keep_rights(new: &File, old: &Metadata) -> io::Result<()> {
    let own = new.metadata()?;
    let uid = (own.uid() != old.uid()).then(|| rustix::fs::Uid::from_raw(old.uid()));
    let gid = (own.gid() != old.gid()).then(|| rustix::fs::Gid::from_raw(old.gid()));
    if uid.is_some() || gid.is_some() {
        // Only root may give files away; for everybody else the file becomes his own, which he can read at least.
        let _ = rustix::fs::fchown(new, uid, gid);
    }
    new.set_permissions(old.permissions())
}

/// Deletes a file and makes that last; it need not exist.
pub(super) fn remove(file: &Path) -> Result<(), Error> {
    match fs::remove_file(file) {
        Ok(()) => file.parent().map_or(Ok(()), sync_dir),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(at(file)(e)),
    }
}

/// Names of the entries of a directory, sorted; empty when it does not exist. Temporary files are left out, and those that a
/// crash left behind are deleted.
pub(super) fn list(dir: &Path) -> Result<Vec<String>, Error> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(at(dir)(e)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let Ok(name) = entry.map_err(at(dir))?.file_name().into_string() else { continue };
        if name.starts_with(TEMPORARY) {
            sweep(&dir.join(&name));
        } else {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Deletes a file if it is old enough to have been left behind by a crash.
pub(super) fn sweep(file: &Path) {
    let age = fs::metadata(file).and_then(|m| m.modified()).ok().and_then(|t| SystemTime::now().duration_since(t).ok());
    if age.is_some_and(|age| age > ABANDONED) {
        let _ = fs::remove_file(file);
    }
}

/// Runs work on files where it does not hold up other requests.
pub(super) async fn blocking<T: Send + 'static>(
    file: &Path,
    work: impl FnOnce(PathBuf) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let path = file.to_owned();
    match tokio::task::spawn_blocking(move || work(path)).await {
        Ok(result) => result,
        Err(e) => Err(at(file)(io::Error::other(e))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_harmless_component() {
        assert_eq!(encode_name("anna.lee+x@example.org").expect("name"), "anna.lee+x@example.org");
        assert_eq!(encode_name("..").expect("name"), "%2E.");
        assert_eq!(encode_name("a/b\0c d%").expect("name"), "a%2Fb%00c%20d%25");
        assert!(encode_name("").is_err());
        assert!(encode_name(&"x".repeat(201)).is_err());
        assert!(encode_name(&"ä".repeat(40)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn encoded_names_can_be_told_apart(name in ".{1,30}") {
            if let Ok(encoded) = encode_name(&name) {
                proptest::prop_assert_eq!(decode_name(&encoded), Some(name));
                proptest::prop_assert!(!encoded.starts_with('.') && !encoded.contains('/'));
            }
        }
    }

    #[test]
    fn replace_keeps_the_mode_and_creates_private_files() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("dir");
        let file = dir.path().join("sub/file");
        replace(&file, b"1", None).expect("create");
        assert_eq!(fs::metadata(&file).expect("meta").permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("chmod");
        let old = fs::metadata(&file).expect("meta");
        replace(&file, b"2", Some(&old)).expect("replace");
        assert_eq!(fs::metadata(&file).expect("meta").permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read(&file).expect("read"), b"2");
        assert_eq!(list(&dir.path().join("sub")).expect("list"), ["file"]);
    }
}

//! Looking at files, where the kernel tells nothing: it does not hear of what other machines do.

use std::{
    ffi::OsString,
    fs::{self, Metadata, OpenOptions},
    hash::{DefaultHasher, Hash, Hasher},
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, OpenOptionsExt},
    },
    path::Path,
};

use super::super::files::INFO;

/// File systems whose files other machines (or programs outside the kernel) change: name, and type as statfs(2) gives it. Source:
/// linux/magic.h, and what `stat -f` of GNU coreutils calls remote (src/stat.c).
const REMOTE: [(&str, u32); 22] = [
    ("9p", 0x0102_1997),
    ("acfs", 0x6163_6673),
    ("afs", 0x5346_414F),
    ("beegfs", 0x1983_0326),
    ("ceph", 0x00C3_6400),
    ("cifs", 0xFF53_4D42),
    ("coda", 0x7375_7245),
    ("fuse, virtiofs, GlusterFS", 0x6573_5546),
    ("gfs2", 0x0116_1970),
    ("gpfs", 0x4750_4653),
    ("kafs", 0x6B41_4653),
    ("lustre", 0x0BD0_0BD0),
    ("ncp", 0x0000_564C),
    ("nfs", 0x0000_6969),
    ("ocfs2", 0x7461_636F),
    ("orangefs", 0x2003_0528),
    ("panfs", 0xAAD7_AAEA),
    ("prl_fs", 0x7C7C_6673),
    ("smb", 0x0000_517B),
    ("smb2", 0xFE53_4D42),
    ("vboxsf", 0x786F_4256),
    ("vmhgfs", 0xBACB_ACBC),
];

/// Name of the network file system on which a directory lies; `None` for others, and where nobody knows.
pub(super) fn remote(dir: &Path) -> Option<&'static str> {
    named(rustix::fs::statfs(dir).ok()?.f_type as u32)
}

fn named(kind: u32) -> Option<&'static str> {
    REMOTE.iter().find(|(_, known)| *known == kind).map(|(name, _)| *name)
}

/// A number that is another one when an info file in that directory has come, gone or changed.
pub(super) fn look(dir: &Path) -> u64 {
    let mut seen = DefaultHasher::new();
    match names(dir) {
        Ok(names) => {
            for name in names {
                name.hash(&mut seen);
                match stamp(&dir.join(name)) {
                    Ok(meta) => {
                        (meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec()).hash(&mut seen);
                        (meta.size(), meta.ino()).hash(&mut seen);
                    }
                    Err(error) => error.kind().hash(&mut seen),
                }
            }
        }
        Err(error) => error.kind().hash(&mut seen),
    }
    seen.finish()
}

fn names(dir: &Path) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        if name.as_bytes().starts_with(INFO.as_bytes()) {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Opens the file: only then does NFS ask its server (close-to-open); a plain stat may be answered from memory for a minute.
fn stamp(file: &Path) -> io::Result<Metadata> {
    let now = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    OpenOptions::new().read(true).custom_flags(now).open(file)?.metadata()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_known() {
        let dir = tempfile::tempdir().expect("dir");
        assert_eq!(remote(dir.path()), None);
        assert_eq!(remote(&dir.path().join("none")), None);
        assert_eq!((named(0x6969), named(0xEF53)), (Some("nfs"), None), "ext4 is local");
        let mut kinds: Vec<u32> = REMOTE.iter().map(|(_, kind)| *kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds.len(), REMOTE.len());
    }

    #[test]
    fn a_look_sees_each_kind_of_change() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("dir");
        let (user, file, other) = (dir.path().join("u"), dir.path().join("u/info-x"), dir.path().join("u/info-y"));
        let mut last = look(&user);
        let mut step = |what: &str, differs: bool| {
            let now = look(&user);
            assert_eq!(now != last, differs, "{what}");
            last = now;
        };
        fs::create_dir(dir.path().join("u")).expect("mkdir");
        step("directory made", true);
        fs::write(&file, "1").expect("write");
        step("file made", true);
        fs::write(dir.path().join("u/outbox"), "1").expect("write");
        step("another file made", false);
        fs::write(&file, "12").expect("write");
        step("written in place", true);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("chmod");
        step("attributes", true);
        fs::rename(&file, &other).expect("rename");
        step("renamed", true);
        fs::remove_file(&other).expect("remove");
        step("deleted", true);
        step("nothing", false);
    }
}

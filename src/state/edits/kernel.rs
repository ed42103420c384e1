//! The kernel's notices about directories (inotify(7)), for all of them on one descriptor.

use std::{io, mem::MaybeUninit, os::fd::OwnedFd, path::Path, time::Duration};

use rustix::{
    fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags},
    io::Errno,
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    time::sleep,
};

/// How long notices are collected, so that an editor's burst (backup, temporary file, rename) is told once, when the file is whole.
const COLLECT: Duration = Duration::from_millis(50);
/// Bytes of notices that are read at once; the longest notice has less than 300.
const BUFFER: usize = 4096;
/// Reads before other tasks get a turn.
const READS: usize = 256;

/// What is told about a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notice<'a> {
    /// More has happened than the kernel could remember: anything, anywhere.
    Lost,
    /// The directory of that watch is not there any more, or not in its place.
    Gone(i32),
    /// Something happened to the entry of that name; an empty name is the directory itself.
    Entry(i32, &'a [u8]),
}

/// One inotify descriptor.
#[derive(Debug)]
pub(super) struct Kernel {
    inotify: AsyncFd<OwnedFd>,
}

impl Kernel {
    /// Must be called inside a tokio runtime.
    pub(super) fn open() -> io::Result<Self> {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        // Deprecated for types that may change or close their descriptor meanwhile, which an `OwnedFd` does not; what replaces it is unsafe.
        #[allow(deprecated)]
        let inotify = AsyncFd::with_interest(inotify, Interest::READABLE)?;
        Ok(Self { inotify })
    }

    /// Watches a directory; the same directory has the same number, however often it is asked for.
    pub(super) fn watch(&self, dir: &Path) -> Result<i32, Errno> {
        let about = WatchFlags::CREATE
            | WatchFlags::MODIFY
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::ATTRIB
            | WatchFlags::MOVE
            | WatchFlags::DELETE
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF;
        inotify::add_watch(self.inotify.get_ref(), dir, about | WatchFlags::ONLYDIR)
    }

    /// Ends a watch; one that has ended by itself does no harm.
    pub(super) fn unwatch(&self, watch: i32) {
        let _ = inotify::remove_watch(self.inotify.get_ref(), watch);
    }

    /// Waits for notices, collects for a moment, and hands all of them on.
    pub(super) async fn notices(&self, mut each: impl FnMut(Notice<'_>) + Send) -> io::Result<()> {
        let mut ready = self.inotify.readable().await?;
        sleep(COLLECT).await;
        if self.read_all(&mut each)? {
            ready.clear_ready();
        }
        Ok(())
    }

    /// Whether nothing is left.
    fn read_all(&self, each: &mut impl FnMut(Notice<'_>)) -> io::Result<bool> {
        let mut buffer = vec![MaybeUninit::uninit(); BUFFER];
        let mut reader = Reader::new(self.inotify.get_ref(), &mut buffer);
        let mut reads = 0;
        loop {
            if reader.is_buffer_empty() {
                reads += 1;
                if reads > READS {
                    return Ok(false);
                }
            }
            match reader.next() {
                Ok(event) => each(notice(&event)),
                Err(Errno::AGAIN) => return Ok(true),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn notice<'a>(event: &'a inotify::Event<'_>) -> Notice<'a> {
    let gone = ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF | ReadFlags::IGNORED | ReadFlags::UNMOUNT;
    if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
        Notice::Lost
    } else if event.events().intersects(gone) {
        Notice::Gone(event.wd())
    } else {
        Notice::Entry(event.wd(), event.file_name().map(std::ffi::CStr::to_bytes).unwrap_or_default())
    }
}

//! Per-device state in plain files. The administrator's file is `<state>/<user>/info-<deviceid>`; machine state lies beside it in
//! `<state>/<user>/device-<deviceid>/`, what Horde cannot hold in `<state>/<user>/beside-<class>/`, mails on
//! their way in `<state>/<user>/outbox/`, copies of sent ones in `<state>/<user>/copies/`. Everything is written atomically
//! (temporary file, fsync, rename, fsync of the directory), guarded by a lock that works between processes, and carries a format version.

mod beside;
mod copies;
mod device;
mod edits;
mod error;
mod files;
mod info;
mod journal;
mod lock;
mod outbox;
pub mod php;
mod sent;

pub use beside::Beside;
pub use copies::{Copies, Copy, OpenCopies, Prepared};
pub use device::{Device, DeviceId, Locked, Store};
pub use edits::{Edit, Edits};
pub use error::Error;
pub use info::{Facts, Info, Seen, Stamp, WipeStatus};
pub use journal::Journal;
pub use outbox::{Known, Letter, OpenOutbox, Outbox};
pub use sent::{OpenSent, Sending, Sent, Stage};

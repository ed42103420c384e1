//! Exchange ActiveSync for Horde sites. See `docs/architecture.md` for who lives where.

pub mod cli;
pub mod command;
pub mod config;
pub mod convert;
pub mod error;
pub mod front;
pub mod gateway;
pub mod horde;
pub mod imap;
pub mod logging;
pub mod net;
pub mod policy;
pub mod proto;
pub mod smtp;
pub mod source;
pub mod spool;
pub mod state;
pub mod sync;
mod wakers;
pub mod watch;
pub mod wbxml;

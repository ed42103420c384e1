//! The whole road, end to end: a phone, a real web server, the bridge, and the real Horde of `tests/lab`.
//!
//! Needs root (the site runs as www-data) and a lab: `tests/lab/up && cargo test --test e2e`.
//! `HORDE_EAS_DOOR=apache` puts Apache in front instead of lighttpd, `http` nothing; `HORDE_EAS_BIN` takes another binary.
// In here a panic is the report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod horde;
mod http;
mod mail;
mod mailbox;
mod mailproxy;
mod phone;
mod phone_mail;
mod phone_sync;
mod proxy;
mod site;
mod tree;

mod calendar;
mod contacts;
mod ends;
mod folders;
mod hostile;
mod notes;
mod oof;
mod pairing;
mod ping;
mod replay;
mod series;
mod shared;
mod sync;
mod tasks;
mod throttle;
mod trouble;
mod wipe;

//! Events in a real Kronolith. Not part of `cargo test`; started with
//! `HORDE_EAS_LAB_RPC=http://host/horde/rpc.php cargo test --test kronolith_live`. Each test takes a fresh user of the lab
//! (`e2e-NAME:e2e-NAME-secret`, `HORDE_EAS_LAB_USERS` is the beginning of the name); `HORDE_EAS_LAB_ADMIN` (`name:password`) may share
//! calendars.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bulk;
mod corpus;
mod kept;
mod reading;
mod series;
mod single;
mod site;
mod trouble;

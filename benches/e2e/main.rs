//! The bridge against Horde's own PHP ActiveSync: same lab, same run, same phone. Prints times, PHP requests and ratios.
//!
//! Needs root and a running lab: `tests/lab/up && cargo bench --bench e2e`; with `-- --short` fewer repetitions, with `-- calendar`,
//! `-- contacts`, `-- mail` or `-- waiting` that part alone.
// In here a panic is the report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(dead_code, reason = "the tests use more of the phone")]

#[path = "../../tests/e2e/horde.rs"]
mod horde;
#[path = "../../tests/e2e/http.rs"]
mod http;
#[path = "../../tests/e2e/mailbox.rs"]
mod mailbox;
#[path = "../../tests/e2e/phone.rs"]
mod phone;
#[path = "../../tests/e2e/phone_mail.rs"]
mod phone_mail;
#[path = "../../tests/e2e/phone_sync.rs"]
mod phone_sync;
#[path = "../../tests/e2e/proxy.rs"]
mod proxy;
#[path = "../../tests/e2e/site.rs"]
mod site;
#[path = "../../tests/e2e/tree.rs"]
mod tree;

mod calendar;
mod contacts;
mod mail;
mod side;
mod waiting;

use horde::Lab;

fn main() {
    let short = std::env::args().any(|a| a == "--short");
    let parts: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|p| p == part);
    let (rounds, repeats) = if short { (1, 5) } else { (3, 20) };
    let lab = Lab::get();
    if wanted("contacts") {
        contacts::run(&lab, rounds, repeats);
    }
    if wanted("calendar") {
        calendar::run(&lab, rounds);
    }
    if wanted("mail") {
        mail::run(&lab, rounds);
    }
    if wanted("waiting") {
        waiting::run(&lab, if short { 100 } else { 1000 });
    }
}

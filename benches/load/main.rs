//! Thousands of waiting phones on this machine: what they cost the bridge and Horde, and how soon they hear of a change.
//!
//! `cargo bench --bench load` holds 10,000 phones over FastCGI before a stand-in for Horde; `-- --help` tells what else there is. It talks
//! to this machine only. Figures are printed with their targets; the exit code is 1 only when phones got wrong answers.
// In here a panic is the report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(dead_code, reason = "the tests use more of the phone")]

#[path = "../../tests/fastcgi/client.rs"]
mod client;
#[path = "../../tests/e2e/horde.rs"]
mod horde;
#[path = "../../tests/e2e/http.rs"]
mod http;
#[path = "../../tests/e2e/mailbox.rs"]
mod mailbox;
#[path = "../../tests/e2e/phone.rs"]
mod phone;
#[path = "../../tests/e2e/phone_sync.rs"]
mod phone_sync;
#[path = "../../tests/e2e/proxy.rs"]
mod proxy;
#[path = "../e2e/side.rs"]
mod side;
#[path = "../../tests/e2e/site.rs"]
mod site;
#[path = "../../tests/e2e/tree.rs"]
mod tree;

mod bridge;
mod changes;
mod crowd;
mod device;
mod door;
mod lab;
mod options;
mod proc;
mod report;
mod run;
mod soak;
mod standin;
mod syncs;

use std::{process::ExitCode, time::Duration};

use options::{Front, HELP, Options};

/// Descriptors that lighttpd needs besides those of the phones.
pub(crate) const WEB: usize = 1500;
/// Descriptors that are needed besides those of the phones.
const MORE: usize = 200;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "--stand-in") {
        let [users, items, delay] = [1, 2, 3].map(|at| arguments[at].parse::<usize>().unwrap());
        standin::run(standin::Size { users, items, delay: Duration::from_millis(delay as u64) });
        return ExitCode::SUCCESS;
    }
    if arguments.iter().any(|argument| argument == "--help") {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let options = match Options::read(&arguments) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    let limit = horde_eas::gateway::listen::raise_descriptor_limit();
    // The bridge keeps some of its own for state files and Horde.
    let needed = options.phones + options.rate as usize + 512 + MORE;
    // Lighttpd has two for each phone.
    let needed = if options.front == Front::Lighttpd { needed.max(2 * options.phones + WEB) } else { needed };
    if limit < needed as u64 {
        eprintln!(
            "{needed} descriptors are needed and {limit} is the hard limit of this user: raise it (ulimit -Hn, LimitNOFILE, \
             /etc/security/limits.conf) or take fewer --phones"
        );
        return ExitCode::from(2);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        if options.wants("lab") {
            lab::run(&options).await;
        } else if options.wants("soak") {
            soak::run(options).await;
        } else {
            run::run(options).await;
        }
    });
    match report::wrongs() {
        0 => ExitCode::SUCCESS,
        wrong => {
            println!("{wrong} wrong answers");
            ExitCode::FAILURE
        }
    }
}

//! The command line: one file per sub-command.

mod cgi;
mod serve;
mod setup;
#[cfg(test)]
mod tests;

use std::{fmt::Display, process::ExitCode};

use clap::{CommandFactory, Parser, Subcommand};

use crate::gateway::listen::{self, Start};

/// Sub-commands and what they are called with.
#[derive(Debug, Parser)]
#[command(
    name = "horde-eas",
    version,
    about = "Exchange ActiveSync server for a Horde site",
    long_about = "Exchange ActiveSync server for a Horde site: phones talk to it through a web server, it talks to Horde through rpc.php.\n\n\
        Without a sub-command it looks how it was started: by a web server or systemd with a listening socket (as `serve`), by a web \
        server as CGI program (as `cgi`). Options then come from environment variables and from the configuration file.",
    after_help = EXAMPLES
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve phones until told to end
    #[command(long_about = serve::ABOUT, after_help = serve::EXAMPLES)]
    Serve(serve::Args),
    /// Answer the one request that a web server hands over by CGI
    #[command(long_about = cgi::ABOUT, after_help = cgi::EXAMPLES)]
    Cgi(cgi::Args),
}

const EXAMPLES: &str = "Examples:
  horde-eas serve --listen fastcgi:unix:/run/horde-eas/fcgi.sock --horde http://localhost/horde/rpc.php
      behind lighttpd or Apache on the same machine
  horde-eas serve --listen http:127.0.0.1:8080 --state /tmp/eas-try
      for a try, behind any reverse proxy
  horde-eas serve --check-config --config /etc/horde-eas/horde-eas.toml
      tells whether a configuration can be used

Exit status: 0 ended as told, 1 cannot go on (state directory, socket, ...), 2 wrong command line or configuration.";

/// Why the program ends: exit status and what to say.
#[derive(Debug)]
struct Failure {
    code: u8,
    text: String,
}

impl Failure {
    /// Wrong command line or configuration.
    fn usage(text: impl Display) -> Self {
        Self { code: 2, text: text.to_string() }
    }

    /// Cannot go on.
    fn runtime(text: impl Display) -> Self {
        Self { code: 1, text: text.to_string() }
    }
}

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Some(Command::Serve(args)) => serve::run(&args),
        Some(Command::Cgi(args)) => cgi::run(&args),
        None => match listen::detect() {
            Start::Cgi => from_environment().and_then(|args| cgi::run(&args)),
            Start::Listen(_) => from_environment().and_then(|args| serve::run(&args)),
            Start::Unknown => {
                let help = Cli::command().render_help();
                Err(Failure::usage(format!("what to do? No web server has started this program.\n\n{help}")))
            }
        },
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("horde-eas: {}", failure.text);
            ExitCode::from(failure.code)
        }
    }
}

/// Options of a sub-command that was not named: environment variables only.
fn from_environment<A: clap::Args>() -> Result<A, Failure> {
    let matches = A::augment_args(clap::Command::new("horde-eas")).try_get_matches_from(["horde-eas"]);
    matches.and_then(|m| A::from_arg_matches(&m)).map_err(Failure::usage)
}

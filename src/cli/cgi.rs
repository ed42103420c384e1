//! `horde-eas cgi`

use std::{fs::File, io::Write};

use rustix::stdio::dup2_stdout;
use tokio::time::timeout;

use super::{
    Failure,
    setup::{Common, desk},
};
use crate::{
    gateway::{cgi, listen},
    logging,
};

pub(super) const ABOUT: &str = "Answers the one request that the environment (RFC 3875) and standard input describe, and ends. Waiting for changes (Ping) is \
    answered at once, as each waiting phone would cost a process: prefer `serve` behind FastCGI.";

pub(super) const EXAMPLES: &str = "Example, for a try from a shell:
  GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=OPTIONS SCRIPT_NAME=/Microsoft-Server-ActiveSync horde-eas cgi";

/// Flags of `cgi`.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    common: Common,
}

/// What the phone is told when the program cannot be used: come back, nothing is lost.
const UNAVAILABLE: &[u8] = b"Status: 503 Service Unavailable\r\nRetry-After: 60\r\nContent-Type: text/plain\r\n\r\n";

/// Runs `cgi`.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    if !listen::is_cgi_environment() {
        return Err(Failure::usage("no CGI request: GATEWAY_INTERFACE and REQUEST_METHOD are not set"));
    }
    let ready = || {
        let config = args.common.config()?;
        logging::start(&config.log).map_err(Failure::runtime)?;
        let limits = config.gateway.limits();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::runtime)?;
        Ok((desk(config)?, limits, runtime))
    };
    let (desk, limits, runtime) = match ready() {
        Ok(ready) => ready,
        Err(failure) => {
            std::io::stdout().write_all(UNAVAILABLE).map_err(Failure::runtime)?;
            return Err(failure);
        }
    };
    runtime.block_on(async {
        cgi::serve_one(&desk, &limits).await.map_err(Failure::runtime)?;
        // The phone has its answer once nobody can write to it any more; what follows from its request goes on meanwhile.
        let closed = File::options().write(true).open("/dev/null").and_then(|null| Ok(dup2_stdout(null)?));
        if let Err(error) = closed {
            log::debug!("standard output stays open: {error}");
        }
        if timeout(limits.shutdown, desk.end()).await.is_err() {
            log::warn!("copies of sent mails wait on disk for the next requests of their users");
        }
        Ok(())
    })
}

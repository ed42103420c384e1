//! `horde-eas serve`

use std::sync::Arc;

use tokio::{
    runtime::Runtime,
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
    time::{Instant, timeout_at},
};

use super::{
    Failure,
    setup::{Common, desk},
};
use crate::{
    config::Config,
    front::Desk,
    gateway::{
        self, Listen, Listener,
        listen::{self, Start},
    },
    logging,
};

pub(super) const ABOUT: &str = "Serves phones until SIGTERM or SIGINT. SIGHUP opens the log file anew and reads the configuration again (all of it but \
    the state directory, [horde], [imap] and [gateway]).\n\n\
    Runs without any file. With no --listen and nothing in the configuration it takes the listening socket on descriptor 0 (lighttpd, \
    mod_fcgid, systemd with StandardInput=socket) or the ones that systemd passes.";

pub(super) const EXAMPLES: &str = "Examples:
  horde-eas serve --listen fastcgi:unix:/run/horde-eas/fcgi.sock
  horde-eas serve --listen fastcgi:tcp:127.0.0.1:9010 --listen http:127.0.0.1:8080
  horde-eas serve --horde https://horde.example.org/horde/rpc.php --mail-domain example.org
  horde-eas serve --check-config

docs/horde-eas.toml of the distribution shows all options of the configuration file.";

/// Flags of `serve`.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    common: Common,
    /// Where to listen: fastcgi:unix:PATH, fastcgi:tcp:ADDRESS:PORT, http:ADDRESS:PORT, fastcgi:fd0, fastcgi:systemd; may be repeated
    #[arg(long, value_name = "LISTENER", env = "HORDE_EAS_LISTEN", hide_env_values = true, value_delimiter = ',')]
    listen: Vec<Listen>,
    /// Check the configuration and end
    #[arg(long)]
    check_config: bool,
}

impl Args {
    fn config(&self) -> Result<Config, Failure> {
        let mut config = self.common.config()?;
        if !self.listen.is_empty() {
            config.gateway.listen.clone_from(&self.listen);
        }
        Ok(config)
    }
}

/// Runs `serve`.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let config = args.config()?;
    if args.check_config {
        let file = args.common.file().map_or_else(|| "defaults".to_owned(), |file| file.display().to_string());
        println!("{file}: the configuration can be used");
        return Ok(());
    }
    let log = logging::start(&config.log).map_err(Failure::runtime)?;
    let desk = Arc::new(desk(config.clone())?);
    let limits = config.gateway.limits().fit(listen::raise_descriptor_limit());
    let runtime = Runtime::new().map_err(Failure::runtime)?;
    let served: Result<(), Failure> = runtime.block_on(async {
        let listeners = open(&config)?;
        let (hangup, mut end) = signals()?;
        log::info!(
            "horde-eas {}, Horde at {}, state in {}",
            env!("CARGO_PKG_VERSION"),
            config.horde.url,
            config.state.display()
        );
        tokio::spawn(reload(hangup, args.clone(), log, Arc::clone(&desk)));
        let (closing, patience) = (Arc::clone(&desk), limits.shutdown);
        let (tell, mut told) = oneshot::channel();
        let shutdown = async move {
            end.recv().await;
            log::info!("told to end");
            let _ = tell.send(Instant::now());
            closing.close();
        };
        let served = gateway::serve(listeners, Arc::clone(&desk), limits, shutdown).await.map_err(Failure::runtime);
        // Requests and what follows them have that time together.
        let since = told.try_recv().unwrap_or_else(|_| Instant::now());
        if timeout_at(since + patience, desk.end()).await.is_err() {
            log::warn!("copies of sent mails wait on disk for the next requests of their users");
        }
        served
    });
    runtime.shutdown_background();
    served?;
    log::info!("ended");
    Ok(())
}

/// Opens all listeners.
fn open(config: &Config) -> Result<Vec<Listener>, Failure> {
    let mut wanted = config.gateway.listen.clone();
    if wanted.is_empty() {
        match listen::detect() {
            Start::Listen(passed) => wanted.push(passed),
            Start::Cgi | Start::Unknown => {
                return Err(Failure::usage(
                    "nowhere to listen: give --listen (for example --listen fastcgi:unix:/run/horde-eas/fcgi.sock), or let a web server \
                     or systemd pass a listening socket",
                ));
            }
        }
    }
    let mut listeners = Vec::new();
    for listen in &wanted {
        listeners.extend(listen::open(listen, config.gateway.group()).map_err(Failure::runtime)?);
    }
    Ok(listeners)
}

/// Signals that end the program.
struct End {
    term: Signal,
    int: Signal,
}

impl End {
    async fn recv(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}

fn signals() -> Result<(Signal, End), Failure> {
    let on = |kind| signal(kind).map_err(Failure::runtime);
    let end = End { term: on(SignalKind::terminate())?, int: on(SignalKind::interrupt())? };
    Ok((on(SignalKind::hangup())?, end))
}

/// On each SIGHUP: log file anew, configuration again.
async fn reload(mut hangup: Signal, args: Args, log: logging::Handle, desk: Arc<Desk>) {
    while hangup.recv().await.is_some() {
        let now = desk.site();
        let fresh = match args.config() {
            Ok(fresh) => fresh,
            Err(failure) => {
                if let Err(error) = log.reload(&now.config.log) {
                    log::error!("log file: {error}");
                }
                log::error!("the configuration stays as it was: {}", failure.text);
                continue;
            }
        };
        if let Err(error) = log.reload(&fresh.log) {
            log::error!("log file {}: {error}", fresh.log.file.display());
        }
        let old = &now.config;
        let kept = Config {
            state: old.state.clone(),
            horde: old.horde.clone(),
            imap: old.imap.clone(),
            gateway: old.gateway.clone(),
            ..fresh.clone()
        };
        if kept != fresh {
            log::warn!(
                "state, [horde], [imap] or [gateway] has changed: that takes effect when the program is started again"
            );
        }
        desk.reload(kept);
        log::info!("configuration read again");
    }
}

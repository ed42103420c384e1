//! The bridge under load, and if need be a web server in front of it, in a directory of their own.

use std::{
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    WEB,
    door::{Answer, Ask, Door},
    options::{Front, Options},
    site::{free_port, sample},
};

/// Longest time that a program may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

const WEB_USER: &str = "www-data";

#[derive(Debug)]
pub(crate) struct Bridge {
    dir: tempfile::TempDir,
    process: Child,
    web: Option<Child>,
    pub(crate) door: Arc<Door>,
}

/// Whether this program may become another user; web servers do not run as root.
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

impl Bridge {
    /// Starts the bridge before a Horde at that address, and waits until it answers.
    pub(crate) async fn start(options: &Options, horde: SocketAddr) -> Self {
        let mut builder = tempfile::Builder::new();
        builder.prefix("load-");
        let dir = match &options.state {
            Some(parent) => builder.tempdir_in(parent),
            None => builder.tempdir(),
        };
        let dir = dir.unwrap();
        let path = |name: &str| dir.path().join(name);
        let socket = path("fcgi.sock");
        std::fs::write(path("config.toml"), config(options, horde, dir.path())).unwrap();
        let program = std::env::var_os("HORDE_EAS_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_horde-eas").into());
        let mut command = Command::new(program);
        command.args(["serve", "--listen", &format!("fastcgi:unix:{}", socket.display()), "--config"]);
        command.arg(path("config.toml"));
        let process = logged(&mut command, &path("bridge.log")).spawn().unwrap();
        let (web, door) = match options.front {
            Front::FastCgi => (None, Door::FastCgi(socket)),
            front => {
                std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
                let (child, address) = web_server(front, options.phones, dir.path(), &socket);
                (Some(child), Door::Http(address))
            }
        };
        let mut this = Self { dir, process, web, door: Arc::new(door) };
        this.wait_until_ready().await;
        this
    }

    async fn wait_until_ready(&mut self) {
        let since = Instant::now();
        while !self.asks_for_a_password().await {
            if let Some(status) = self.ended() {
                panic!("a program ended with {status}\n{}", self.log());
            }
            assert!(since.elapsed() < PATIENCE, "no answer within {PATIENCE:?}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// How a program ended that should not have.
    fn ended(&mut self) -> Option<ExitStatus> {
        let web = self.web.as_mut().and_then(|web| web.try_wait().unwrap());
        self.process.try_wait().unwrap().or(web)
    }

    async fn asks_for_a_password(&self) -> bool {
        let remote = std::net::Ipv4Addr::LOCALHOST.into();
        let target = "/Microsoft-Server-ActiveSync";
        let ask = Ask { method: "OPTIONS", target, headers: &[], body: &[], remote };
        matches!(self.door.ask(&ask).await, Ok(Answer { status: 401, .. }))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn web_pid(&self) -> Option<u32> {
        self.web.as_ref().map(Child::id)
    }

    /// The end of what the bridge and the web server logged.
    pub(crate) fn log(&self) -> String {
        let end = |name: &str| {
            let text = std::fs::read_to_string(self.dir.path().join(name)).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            format!("--- {name}\n{}\n", lines[lines.len().saturating_sub(15)..].join("\n"))
        };
        end("bridge.log") + &end("web.log")
    }

    /// Asks the bridge to end, as systemd does.
    pub(crate) fn terminate(&self) {
        terminate(&self.process);
    }

    /// Whether the bridge has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }
}

fn terminate(child: &Child) {
    let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        for child in [self.web.as_mut(), Some(&mut self.process)].into_iter().flatten() {
            // Not KILL: Apache's children would stay.
            terminate(child);
            let since = Instant::now();
            while since.elapsed() < Duration::from_secs(5) && matches!(child.try_wait(), Ok(None)) {
                std::thread::sleep(Duration::from_millis(10));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn config(options: &Options, horde: SocketAddr, dir: &Path) -> String {
    let group = if options.front != Front::FastCgi && is_root() { WEB_USER } else { "" };
    let (tick, heartbeat) = (options.tick.as_secs(), options.heartbeat);
    format!(
        "state = {:?}\n[horde]\nurl = \"http://{horde}/horde/rpc.php\"\n[gateway]\nsocket_group = {group:?}\n\
         [ping]\ntick = {tick}\nmin = {}\nmax = {}\n{}",
        dir.join("state"),
        heartbeat.min(60),
        heartbeat.max(3540),
        options.config
    )
}

fn logged<'a>(command: &'a mut Command, log: &Path) -> &'a mut Command {
    let log = std::fs::File::options().create(true).append(true).open(log).unwrap();
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log)
}

/// A web server with the sample configuration of this repository, for so many phones.
fn web_server(front: Front, phones: usize, dir: &Path, socket: &Path) -> (Child, SocketAddr) {
    let port = free_port();
    let (program, name, arguments, text) = match front {
        Front::Apache => ("apache2", "apache.conf", "-DFOREGROUND", apache(port, dir, socket)),
        _ => ("lighttpd", "lighttpd.conf", "-D", lighttpd(port, phones, dir, socket)),
    };
    let conf: PathBuf = dir.join(name);
    std::fs::write(&conf, text).unwrap();
    std::fs::create_dir(dir.join("www")).unwrap();
    std::fs::create_dir(dir.join("web")).unwrap();
    std::fs::set_permissions(dir.join("web"), PermissionsExt::from_mode(0o1777)).unwrap();
    let mut command = match is_root() {
        true => Command::new("setpriv"),
        false => Command::new(program),
    };
    if is_root() {
        command.args(["--reuid", WEB_USER, "--regid", WEB_USER, "--clear-groups", "--", program]);
    }
    command.arg(arguments).arg("-f").arg(conf);
    let child = logged(&mut command, &dir.join("web.log")).spawn();
    (child.unwrap_or_else(|e| panic!("{program}: {e}")), SocketAddr::from(([127, 0, 0, 1], port)))
}

fn lighttpd(port: u16, phones: usize, dir: &Path, socket: &Path) -> String {
    let dir = dir.display();
    let head = format!(
        "server.document-root = \"{dir}/www\"\nserver.port = {port}\nserver.bind = \"127.0.0.1\"\nserver.upload-dirs = ( \"{dir}/web\" )\n"
    );
    // Two descriptors for each phone.
    let (connections, descriptors) = (phones + 500, 2 * phones + WEB);
    let sample = sample("lighttpd", "fastcgi.server", socket);
    head + &sample.replace("65536", &descriptors.to_string()).replace("28000", &connections.to_string())
}

fn apache(port: u16, dir: &Path, socket: &Path) -> String {
    let dir = dir.display();
    let modules = ["mpm_event", "authz_core", "alias", "env", "setenvif", "proxy", "proxy_fcgi", "mime", "headers"];
    let load = modules.map(|m| format!("LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so\n"));
    let head = format!(
        "ServerRoot \"{dir}\"\nServerName 127.0.0.1\nPidFile {dir}/web/apache.pid\nDefaultRuntimeDir {dir}/web\nErrorLog /dev/stderr\n{}\
         TypesConfig /dev/null\nListen 127.0.0.1:{port}\nDocumentRoot \"{dir}/www\"\n<Directory />\nRequire all denied\n</Directory>\n",
        load.concat()
    );
    let threads = include_str!("../../apache/mpm-many-phones.conf");
    head + threads + &sample("apache", "proxy:unix:", socket)
}

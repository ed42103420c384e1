//! A site of its own for each test: the bridge with an empty state directory behind a real web server that uses this project's
//! sample configuration. Everything ends when the test ends, however it ends.

use std::{
    net::{SocketAddr, TcpListener},
    os::{
        fd::OwnedFd,
        unix::{
            fs::{PermissionsExt, chown},
            net::UnixListener,
        },
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use crate::{
    horde::{Horde, Lab},
    http,
    phone::Phone,
    proxy::Proxy,
};

/// The web server in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    Lighttpd,
    Apache,
    /// None: the bridge's own HTTP listener.
    Http,
}

impl Door {
    /// What `$HORDE_EAS_DOOR` asks for.
    pub(crate) fn wanted() -> Self {
        match std::env::var("HORDE_EAS_DOOR").as_deref() {
            Ok("apache") => Self::Apache,
            Ok("http") => Self::Http,
            Ok("lighttpd") | Err(_) => Self::Lighttpd,
            Ok(other) => panic!("HORDE_EAS_DOOR={other}: lighttpd, apache or http"),
        }
    }
}

/// A site.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) lab: Lab,
    pub(crate) door: SocketAddr,
    pub(crate) proxy: Proxy,
    /// The user of this test.
    pub(crate) horde: Horde,
    dir: tempfile::TempDir,
    listen: String,
    bridge: Option<Child>,
    web: Option<Child>,
}

const WEB_USER: &str = "www-data";
const PATIENCE: Duration = Duration::from_secs(20);

fn web_ids() -> (u32, u32) {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = passwd.lines().find(|l| l.starts_with(&format!("{WEB_USER}:"))).expect("user www-data");
    let mut fields = line.split(':').skip(2).map(|f| f.parse().unwrap());
    (fields.next().unwrap(), fields.next().unwrap())
}

/// A copy of the bridge where www-data can start it.
fn program() -> &'static Path {
    static COPY: OnceLock<PathBuf> = OnceLock::new();
    COPY.get_or_init(|| {
        let from = std::env::var_os("HORDE_EAS_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_horde-eas").into());
        let to = Lab::get().dir.join("tmp").join(format!("horde-eas-{}", std::process::id()));
        std::fs::copy(&from, &to).unwrap_or_else(|e| panic!("{}: {e}", Path::new(&from).display()));
        to
    })
}

/// A program that runs as www-data and dies with the thread of the test.
fn as_web(program: &Path, log: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid", WEB_USER, "--regid", WEB_USER, "--clear-groups", "--pdeathsig", "TERM", "--"]);
    let log = std::fs::File::options().create(true).append(true).open(log).unwrap();
    log.set_permissions(PermissionsExt::from_mode(0o666)).unwrap();
    command.arg(program).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    command
}

fn terminate(child: &Child) {
    let _ = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
}

/// Below those that the system gives to connections: one of these could be taken again before the web server has it.
pub(crate) fn free_port() -> u16 {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let first = std::process::id() * 64;
    let mut ports = std::iter::repeat_with(|| {
        let next = first.wrapping_add(NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        24_000 + (next % 8_000) as u16
    });
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

fn wait_for(what: &str, mut ready: impl FnMut() -> bool) {
    let since = Instant::now();
    while !ready() {
        assert!(since.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The sample of the repository that connects by a socket, with another path for the socket.
pub(crate) fn sample(server: &str, mark: &str, socket: &Path) -> String {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(server);
    let files = std::fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut texts: Vec<String> = files.map(|f| std::fs::read_to_string(f.unwrap().path()).unwrap()).collect();
    texts.retain(|t| t.contains(mark) && t.contains(".sock") && !t.contains("bin-path"));
    assert_eq!(texts.len(), 1, "samples in {server}/ that connect by a socket");
    let text = texts.remove(0);
    let end = text.find(".sock").unwrap() + 5;
    let start = text[..end].rfind(['"', ':']).unwrap() + 1;
    text.replace(&text[start..end], socket.to_str().unwrap())
}

impl Site {
    /// Starts a site for a test of that name, with a user that Horde never saw.
    pub(crate) fn start(test: &str) -> Self {
        Self::with(test, Door::wanted(), "")
    }

    /// Starts a site with further lines for the configuration file.
    pub(crate) fn with(test: &str, door: Door, config: &str) -> Self {
        let lab = Lab::get();
        let dir = tempfile::Builder::new().prefix("e2e-").tempdir_in(lab.dir.join("tmp")).unwrap();
        std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let (uid, gid) = web_ids();
        chown(dir.path(), Some(uid), Some(gid)).unwrap();
        let port = free_port();
        let mut site = Self {
            door: SocketAddr::from(([127, 0, 0, 1], port)),
            proxy: Proxy::start(lab.rpc()),
            horde: lab.user(test),
            lab,
            dir,
            listen: String::new(),
            bridge: None,
            web: None,
        };
        site.listen = match door {
            Door::Http => format!("http:{}", site.door),
            _ => format!("fastcgi:unix:{}", site.path("fcgi.sock").display()),
        };
        // Short heartbeats and a quick tick, so that tests of waiting do not take minutes.
        let ping = if config.contains("[ping]") { "" } else { "[ping]\nmin = 2\nmax = 300\ntick = 1\n" };
        let head = format!("state = {:?}\n", site.state());
        let url = format!("[horde]\nurl = \"http://{}/horde/rpc.php\"\n", site.proxy.address);
        let horde = if config.contains("[horde]") { "" } else { &url };
        std::fs::write(site.path("config.toml"), format!("{head}{horde}{ping}{config}")).unwrap();
        std::fs::create_dir(site.path("www")).unwrap();
        site.start_bridge();
        site.web = match door {
            Door::Lighttpd => Some(site.lighttpd(port)),
            Door::Apache => Some(site.apache(port)),
            Door::Http => None,
        };
        site.wait_until_ready();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The bridge's state directory.
    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    fn lighttpd(&self, port: u16) -> Child {
        let conf = format!(
            "server.document-root = \"{www}\"\nserver.port = {port}\nserver.bind = \"127.0.0.1\"\nserver.errorlog = \"{dir}/web.log\"\n\
             server.upload-dirs = ( \"{dir}\" )\n{sample}",
            www = self.path("www").display(),
            dir = self.dir.path().display(),
            sample = sample("lighttpd", "fastcgi.server", &self.path("fcgi.sock")),
        );
        // More descriptors than the test's user may have are not what is tested here.
        let conf = conf.replace("65536", "1024").replace("28000", "400");
        std::fs::write(self.path("lighttpd.conf"), conf).unwrap();
        let mut command = as_web(Path::new("lighttpd"), &self.path("web.log"));
        command.arg("-D").arg("-f").arg(self.path("lighttpd.conf")).spawn().unwrap()
    }

    fn apache(&self, port: u16) -> Child {
        let modules = ["mpm_event", "authz_core", "alias", "env", "setenvif", "proxy", "proxy_fcgi", "mime", "headers"];
        let load: String =
            modules.iter().map(|m| format!("LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so\n")).collect();
        let conf = format!(
            "ServerRoot \"{dir}\"\nServerName 127.0.0.1\nPidFile {dir}/apache.pid\nDefaultRuntimeDir {dir}\nErrorLog {dir}/web.log\n{load}\
             TypesConfig /dev/null\nListen 127.0.0.1:{port}\nDocumentRoot \"{dir}/www\"\n<Directory />\nRequire all denied\n</Directory>\n{sample}",
            dir = self.dir.path().display(),
            sample = sample("apache", "proxy:unix:", &self.path("fcgi.sock")),
        );
        std::fs::write(self.path("apache.conf"), conf).unwrap();
        let mut command = as_web(Path::new("apache2"), &self.path("web.log"));
        command.arg("-DFOREGROUND").arg("-f").arg(self.path("apache.conf")).spawn().unwrap()
    }

    /// Starts the bridge.
    pub(crate) fn start_bridge(&mut self) {
        let mut command = as_web(program(), &self.path("bridge.log"));
        self.bridge = Some(
            command
                .args(["serve", "--listen", &self.listen, "--config"])
                .arg(self.path("config.toml"))
                .spawn()
                .unwrap(),
        );
    }

    /// Waits until the web server and the bridge answer.
    pub(crate) fn wait_until_ready(&mut self) {
        let door = self.door;
        let mut children = [self.bridge.as_mut(), self.web.as_mut()];
        wait_for("the site", || {
            for child in children.iter_mut().flatten() {
                if let Some(status) = child.try_wait().unwrap() {
                    panic!("{child:?} ended with {status}");
                }
            }
            let asked = http::send(door, "OPTIONS", "/Microsoft-Server-ActiveSync", &[], &[]);
            asked.and_then(http::Pending::answer).is_ok_and(|a| a.status == 401)
        });
    }

    /// Ends the bridge as a power failure would.
    pub(crate) fn kill_bridge(&mut self) {
        let mut bridge = self.bridge.take().unwrap();
        bridge.kill().unwrap();
        bridge.wait().unwrap();
    }

    /// Ends the bridge in order.
    pub(crate) fn stop_bridge(&mut self) {
        let mut bridge = self.bridge.take().unwrap();
        terminate(&bridge);
        wait_for("the bridge's end", || bridge.try_wait().unwrap().is_some());
    }

    /// Sends a signal to the bridge.
    pub(crate) fn signal_bridge(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Replaces a line of the configuration file, which the bridge reads at SIGHUP.
    pub(crate) fn configure(&self, line: &str, by: &str) {
        let text = std::fs::read_to_string(self.path("config.toml")).unwrap();
        assert!(text.contains(line), "{line} is not in {text}");
        std::fs::write(self.path("config.toml"), text.replace(line, by)).unwrap();
    }

    /// Opens the socket to which the web server connects, as systemd does.
    pub(crate) fn hold_socket(&self) -> UnixListener {
        let path = self.path("fcgi.sock");
        let socket = UnixListener::bind(&path).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o777)).unwrap();
        socket
    }

    /// Starts the bridge on that socket: by `LISTEN_FDS`, or on descriptor 0.
    pub(crate) fn start_bridge_on(&mut self, socket: OwnedFd, systemd: bool) {
        let mut command = as_web(if systemd { Path::new("sh") } else { program() }, &self.path("bridge.log"));
        if systemd {
            let pass = "exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\"";
            command.args(["-c", pass]).arg(program());
        }
        command.args(["serve", "--config"]).arg(self.path("config.toml")).stdin(Stdio::from(socket));
        self.bridge = Some(command.spawn().unwrap());
    }

    /// Connections of clients that the bridge's own HTTP listener has and has not closed.
    pub(crate) fn connections(&self) -> usize {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap().filter_map(|fd| {
            let name = std::fs::read_link(fd.unwrap().path()).ok()?;
            Some(name.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
        });
        let open: Vec<String> = open.collect();
        let local = format!("0100007F:{:04X}", self.door.port());
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        // Local address, state (0A: it listens), number of the socket.
        let taken = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).filter(|fields| {
            fields.get(1) == Some(&local.as_str())
                && fields.get(3) != Some(&"0A")
                && fields.get(9).is_some_and(|number| open.iter().any(|fd| fd == number))
        });
        taken.count()
    }

    /// Ends the bridge as an update would, and starts it again.
    pub(crate) fn restart_bridge(&mut self) {
        self.stop_bridge();
        self.start_bridge();
        self.wait_until_ready();
    }

    /// Process id of the bridge.
    pub(crate) fn pid(&self) -> u32 {
        self.bridge.as_ref().unwrap().id()
    }

    /// What the bridge logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("bridge.log")).unwrap_or_default()
    }

    /// A phone of this test's user.
    pub(crate) fn phone(&self, device: &str, version: &'static str) -> Phone {
        self.phone_of(&self.horde, device, version)
    }

    /// A phone of another user.
    pub(crate) fn phone_of(&self, horde: &Horde, device: &str, version: &'static str) -> Phone {
        Phone::new(self.door, &horde.user, &horde.password, device, version)
    }

    /// The administrator's file of a device.
    pub(crate) fn info(&self, device: &str) -> Info {
        let name = format!("info-{device}").to_lowercase();
        let users = std::fs::read_dir(self.state()).unwrap().map(|u| u.unwrap().path()).filter(|p| p.is_dir());
        let files = users.flat_map(|u| std::fs::read_dir(u).unwrap().map(|f| f.unwrap().path()));
        let mut fits = files.filter(|f| f.file_name().unwrap().to_string_lossy().to_lowercase() == name);
        let file = fits.next().unwrap_or_else(|| panic!("no {name} below {}", self.state().display()));
        assert!(fits.next().is_none(), "two files {name}");
        Info(file)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for mut child in [self.web.take(), self.bridge.take()].into_iter().flatten() {
            // Not KILL: Apache's children would stay.
            terminate(&child);
            let since = Instant::now();
            while since.elapsed() < Duration::from_secs(5) && matches!(child.try_wait(), Ok(None)) {
                std::thread::sleep(Duration::from_millis(10));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            for name in ["bridge.log", "web.log"] {
                let text = std::fs::read_to_string(self.path(name)).unwrap_or_default();
                let lines: Vec<&str> = text.lines().collect();
                eprintln!("--- {name}\n{}", lines[lines.len().saturating_sub(30)..].join("\n"));
            }
        }
    }
}

/// `info-<deviceid>`, edited as a hurried administrator does.
#[derive(Debug)]
pub(crate) struct Info(pub(crate) PathBuf);

impl Info {
    pub(crate) fn read(&self) -> String {
        std::fs::read_to_string(&self.0).unwrap_or_else(|e| panic!("{}: {e}", self.0.display()))
    }

    /// The value of a key.
    pub(crate) fn value(&self, key: &str) -> Option<String> {
        let text = self.read();
        let line = text.lines().find(|l| l.trim_start().starts_with(key))?;
        let value = line.split_once('=')?.1.split('#').next()?;
        Some(value.trim().trim_matches('"').to_owned())
    }

    /// Replaces the value of a key, as `sed -i` does: another file takes the place of the old one.
    pub(crate) fn edit(&self, key: &str, value: &str) {
        if self.value(key).is_none() {
            return self.write(&format!("{}\n{key} = {value}\n", self.read()));
        }
        let expression = format!("s/^{key}( *=).*/{key}\\1 {value}/");
        assert!(Command::new("sed").args(["-i", "-E", &expression]).arg(&self.0).status().unwrap().success());
        assert_eq!(self.value(key).as_deref(), Some(value), "{}", self.read());
    }

    /// Writes the file anew, as its owner.
    pub(crate) fn write(&self, text: &str) {
        std::fs::write(&self.0, text).unwrap();
    }

    pub(crate) fn delete(&self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

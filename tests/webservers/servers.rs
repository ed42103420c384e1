//! Starts real web servers with a sample configuration, and the echo program in the place of the real one.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::{
        fd::OwnedFd,
        unix::{fs::PermissionsExt, net::UnixListener},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Resource, Signal};

/// A directory for one web server, which its processes may enter and write.
pub(crate) struct Place {
    dir: tempfile::TempDir,
    pub(crate) bridge_port: u16,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for path in [dir.path().to_owned(), dir.path().join("run"), dir.path().join("log"), dir.path().join("bin")] {
            let _ = fs::create_dir(&path);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        for writable in ["run", "log"] {
            fs::set_permissions(dir.path().join(writable), fs::Permissions::from_mode(0o777)).unwrap();
        }
        let program = dir.path().join("bin/horde-eas");
        fs::copy(echo_program(), &program).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Self { dir, bridge_port: free_port() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// A sample with the paths of this place. Fails when the sample does not have what is to be replaced.
    fn sample(&self, name: &str) -> String {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let mut sample = fs::read_to_string(&file).unwrap();
        assert!(sample.contains("/horde-eas") || name.contains("mpm") || name.contains("tcp") || name.contains("http"));
        let port = format!("127.0.0.1:{}", self.bridge_port);
        for (from, to) in [
            ("/run/horde-eas/fcgi.sock", self.text("run/fcgi.sock")),
            ("/run/lighttpd/", self.text("run/")),
            ("/usr/lib/horde-eas", self.text("bin")),
            ("127.0.0.1:9010", port.clone()),
            ("127.0.0.1:8090", port),
        ] {
            sample = sample.replace(from, &to);
        }
        // More than this process may have cannot be given to the server.
        let descriptors = rustix::process::getrlimit(Resource::Nofile).maximum.unwrap_or(65536).min(65536);
        sample.replace("65536", &descriptors.to_string()).replace("28000", &(descriptors / 3).to_string())
    }

    /// Starts the program as a service of its own.
    pub(crate) fn bridge(&self, door: &str) -> Running {
        let mut command = Command::new(self.path("bin/horde-eas"));
        command.args(["--listen", door]);
        if rustix::process::geteuid().is_root() {
            command.args(["--group", "www-data"]);
        }
        let running = Running(command.spawn().unwrap());
        match door.strip_prefix("fastcgi:unix:") {
            Some(path) => wait_until("the socket of the program", || Path::new(path).exists()),
            None => {
                wait_until("the port of the program", || TcpStream::connect(("127.0.0.1", self.bridge_port)).is_ok())
            }
        }
        running
    }

    /// The name of the unix socket of the samples as a listener of the program.
    pub(crate) fn unix_door(&self) -> String {
        format!("fastcgi:unix:{}", self.text("run/fcgi.sock"))
    }

    /// The socket of the samples, held by the test as systemd would.
    pub(crate) fn held_socket(&self) -> UnixListener {
        let path = self.path("run/fcgi.sock");
        let socket = UnixListener::bind(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        socket
    }

    /// Starts the program with that socket on descriptor 0.
    pub(crate) fn bridge_on(&self, socket: &UnixListener) -> Running {
        let socket = OwnedFd::from(socket.try_clone().unwrap());
        Running(Command::new(self.path("bin/horde-eas")).stdin(Stdio::from(socket)).spawn().unwrap())
    }

    pub(crate) fn apache(&self, samples: &[&str], modules: &[&str]) -> Web {
        let port = free_port();
        let mut conf = format!(
            "ServerRoot /usr/lib/apache2\nServerName localhost\nListen 127.0.0.1:{port}\nPidFile {run}/apache.pid\n\
             DefaultRuntimeDir {run}\nErrorLog {log}\nLogLevel warn\nDocumentRoot {run}\n",
            run = self.text("run"),
            log = self.text("log/web"),
        );
        if rustix::process::geteuid().is_root() {
            conf += "User www-data\nGroup www-data\n";
        }
        for module in ["mpm_event", "authz_core", "env", "headers"].iter().chain(modules) {
            conf += &format!("LoadModule {module}_module modules/mod_{module}.so\n");
        }
        if modules.contains(&"cgid") {
            conf += &format!("ScriptSock {}\n", self.text("run/cgisock"));
        }
        if modules.contains(&"fcgid") {
            conf += &format!("FcgidIPCDir {0}/fcgid\nFcgidProcessTableFile {0}/fcgid_shm\n", self.text("run"));
        }
        for sample in samples {
            conf += &self.sample(sample);
        }
        fs::write(self.path("web.conf"), conf).unwrap();
        let program =
            found("apache2", if modules.contains(&"fcgid") { "apache2 libapache2-mod-fcgid" } else { "apache2" });
        let module = "/usr/lib/apache2/modules/mod_fcgid.so";
        let complete = !modules.contains(&"fcgid") || Path::new(module).exists();
        assert!(complete, "{module} is missing: apt-get install libapache2-mod-fcgid");
        self.start(Command::new(program).args(["-DFOREGROUND", "-f"]).arg(self.path("web.conf")), port)
    }

    pub(crate) fn lighttpd(&self, sample: &str) -> Web {
        let port = free_port();
        let mut conf = format!(
            "server.modules = ()\nserver.bind = \"127.0.0.1\"\nserver.port = {port}\nserver.document-root = \"{run}\"\n\
             server.errorlog = \"{log}\"\nserver.upload-dirs = ( \"{run}\" )\n",
            run = self.text("run"),
            log = self.text("log/web"),
        );
        if rustix::process::geteuid().is_root() {
            conf += "server.username = \"www-data\"\nserver.groupname = \"www-data\"\n";
        }
        conf += &self.sample(sample);
        fs::write(self.path("web.conf"), conf).unwrap();
        self.start(Command::new(found("lighttpd", "lighttpd")).args(["-D", "-f"]).arg(self.path("web.conf")), port)
    }

    fn start(&self, command: &mut Command, port: u16) -> Web {
        let mut running = Running(command.spawn().unwrap());
        wait_until("the web server", || {
            assert!(running.0.try_wait().unwrap().is_none(), "the web server ended: {}", self.web_log());
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Web { port, _running: running }
    }

    pub(crate) fn web_log(&self) -> String {
        fs::read_to_string(self.path("log/web")).unwrap_or_default()
    }
}

/// A web server.
pub(crate) struct Web {
    pub(crate) port: u16,
    _running: Running,
}

/// A process that is ended when dropped.
pub(crate) struct Running(Child);

impl Running {
    /// Ends it in order and waits for that.
    pub(crate) fn stop(mut self) {
        signal(Pid::from_child(&self.0), Signal::TERM);
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.try_wait().is_ok_and(|ended| ended.is_none()) {
            signal(Pid::from_child(&self.0), Signal::TERM);
            let start = Instant::now();
            while self.0.try_wait().is_ok_and(|ended| ended.is_none()) && start.elapsed() < Duration::from_secs(10) {
                std::thread::sleep(Duration::from_millis(10));
            }
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

/// Kills a process by its number, as told by the echo program.
pub(crate) fn kill(pid: &str) {
    signal(Pid::from_raw(pid.parse().unwrap()).unwrap(), Signal::KILL);
}

fn signal(pid: Pid, signal: Signal) {
    let _ = rustix::process::kill_process(pid, signal);
}

pub(crate) fn wait_until(what: &str, mut ready: impl FnMut() -> bool) {
    let start = Instant::now();
    while !ready() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what} did not appear");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn found(program: &str, packages: &str) -> PathBuf {
    let path = ["/usr/sbin", "/usr/bin"].iter().map(|dir| Path::new(dir).join(program)).find(|path| path.exists());
    path.unwrap_or_else(|| panic!("{program} is missing: apt-get install {packages}"))
}

fn echo_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(crate::echo::build)
}

//! The program as an administrator or a web server starts it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::net::UnixListener,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_horde-eas"));
    command.env_clear().stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
}

fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn help() {
    let (code, out, _) = said(&run(&["--help"]));
    assert_eq!(code, 0);
    for word in ["serve", "cgi", "Examples:", "--check-config", "Exit status"] {
        assert!(out.contains(word), "{word}: {out}");
    }
    let (_, out, _) = said(&run(&["serve", "--help"]));
    for word in [
        "--config <FILE>",
        "--listen <LISTENER>",
        "--horde <URL>",
        "--state <DIR>",
        "--mail-domain <NAME>",
        "--imap <URL>",
        "--smtp <URL>",
        "fastcgi:unix:PATH",
        "http:ADDRESS:PORT",
        "[default: http://localhost/horde/rpc.php]",
        "[default: /var/lib/horde-eas]",
        "SIGHUP",
        "HORDE_EAS_CONFIG",
        "Examples:",
    ] {
        assert!(out.contains(word), "{word}: {out}");
    }
    let (_, out, _) = said(&run(&["cgi", "--help"]));
    assert!(out.contains("RFC 3875") && out.contains("--state <DIR>"), "{out}");
}

#[test]
fn mistakes_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("eas.toml");
    std::fs::write(&file, "# ours\n[ping]\nmaxx = 5\n").unwrap();
    let file = file.to_str().unwrap();
    let occupied = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let occupied = format!("http:{}", occupied.local_addr().unwrap());
    let state = dir.path().join("state");
    let state = state.to_str().unwrap();
    let not_a_directory = format!("{file}/x");
    for (arguments, code, parts) in [
        (&["serve", "--config", file][..], 2, &[file, ":3: ", "unknown field `maxx`"][..]),
        (&["serve", "--check-config", "--config", file], 2, &[":3: "]),
        (&["serve", "--config", "/nonexistent.toml"], 2, &["/nonexistent.toml: cannot be read"]),
        (
            &["serve", "--horde", "localhost", "--state", state],
            2,
            &["horde.url: \"localhost\" is no http:// or https:// URL"],
        ),
        (&["serve", "--listen", "fastcgi:unix:x", "--state", state], 2, &["must begin with `/`"]),
        (&["serve", "--state", state], 2, &["nowhere to listen", "--listen"]),
        (&["serve", "--state", state, "--listen", &occupied], 1, &["cannot listen on", "in use"]),
        (
            &["serve", "--state", &not_a_directory, "--listen", "http:127.0.0.1:0"],
            1,
            &["state directory", &not_a_directory, "--state"],
        ),
        (&["cgi"], 2, &["no CGI request"]),
        (&[], 2, &["No web server has started this program", "Usage:"]),
        (&["serve", "--nonsense"], 2, &["--nonsense"]),
    ] {
        let (found, out, err) = said(&run(arguments));
        assert_eq!(found, code, "{arguments:?}: {err}");
        assert!(out.is_empty(), "{out}");
        for part in parts {
            assert!(err.contains(part), "{arguments:?}: {part}: {err}");
        }
        assert!(!err.contains("panicked") && !err.contains("Error {"), "{err}");
    }
}

#[test]
fn a_configuration_can_be_checked() {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/horde-eas.toml");
    let (code, out, err) = said(&run(&["serve", "--check-config", "--config", sample]));
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("can be used"), "{out}");
    let output =
        program().args(["serve", "--check-config"]).env("HORDE_EAS_CONFIG", "/nonexistent.toml").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// A running server, ended when the test ends.
struct Running {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStderr>>,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Reads the log up to a line with that text.
    fn until(&mut self, text: &str) -> String {
        let mut seen = String::new();
        for line in self.lines.by_ref() {
            let line = line.unwrap();
            if line.contains(text) {
                return line;
            }
            seen.push_str(&line);
            seen.push('\n');
        }
        panic!("{text} is not in {seen}");
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn http(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

const OPTIONS: &str = "OPTIONS /Microsoft-Server-ActiveSync HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

#[test]
fn serves_reloads_and_ends() {
    let dir = tempfile::tempdir().unwrap();
    let (file, log) = (dir.path().join("eas.toml"), dir.path().join("eas.log"));
    let write = |realm: &str| {
        let text = format!("state = {:?}\n[login]\nrealm = \"{realm}\"\n", dir.path().join("state"));
        std::fs::write(&file, text).unwrap();
    };
    write("first");
    let port = free_port();
    let listen = format!("http:127.0.0.1:{port}");
    let mut server = Running::start(
        program().args(["serve", "--listen", &listen, "--imap", "imap://localhost"]).arg("--config").arg(&file),
    );
    server.until("listening on http:");
    let answer = http(port, OPTIONS);
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("Basic realm=\"first\""), "{answer}");
    assert!(server.until("method=OPTIONS").contains("status=401"));
    // A mistake changes nothing.
    std::fs::write(&file, "oops").unwrap();
    server.signal("HUP");
    assert!(server.until("stays as it was").contains("eas.toml:1:"));
    assert!(http(port, OPTIONS).contains("realm=\"first\""));
    write("second");
    server.signal("HUP");
    server.until("configuration read again");
    assert!(http(port, OPTIONS).contains("realm=\"second\""));
    // Into a file from now on.
    write(&format!("third\"\n[log]\nfile = \"{}", log.display()));
    server.signal("HUP");
    while !std::fs::read_to_string(&log).is_ok_and(|text| text.contains("read again")) {
        std::thread::sleep(Duration::from_millis(10));
    }
    server.signal("TERM");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    assert!(std::fs::read_to_string(&log).unwrap().contains("ended"));
}

#[test]
fn takes_the_listener_of_a_web_server_without_any_argument() {
    let dir = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(dir.path().join("fcgi.sock")).unwrap();
    let fd: std::os::fd::OwnedFd = listener.into();
    let mut server = Running::start(program().stdin(Stdio::from(fd)).env("HORDE_EAS_STATE", dir.path().join("state")));
    server.until("listening on fastcgi:fd0");
    server.signal("TERM");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

/// The sample units: the command can be carried out, the socket is that of the web servers' samples, and systemd (where it is) has no complaint.
#[test]
fn systemd_units() {
    let place = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| std::fs::read_to_string(place.join(name)).unwrap();
    let (service, socket) = (read("docs/systemd/horde-eas.service"), read("docs/systemd/horde-eas.socket"));
    let value = |text: &str, key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("no {key}")).to_owned()
    };
    let command = value(&service, "ExecStart");
    let (installed, arguments) = command.split_once(' ').unwrap();
    let arguments: Vec<&str> = arguments.split(' ').chain(["--check-config", "--config", "/dev/null"]).collect();
    let (code, _, err) = said(&run(&arguments));
    assert_eq!(code, 0, "{err}");
    let path = value(&socket, "ListenStream");
    for sample in ["lighttpd/50-activesync.conf", "apache/activesync-proxy.conf"] {
        assert!(read(sample).contains(&path), "{path} is not in {sample}");
    }
    let patience: u64 = value(&service, "TimeoutStopSec").parse().unwrap();
    assert!(patience > horde_eas::gateway::Settings::default().shutdown_timeout, "killed before requests are answered");

    let dir = tempfile::tempdir().unwrap();
    let files = ["horde-eas.service", "horde-eas.socket"].map(|name| dir.path().join(name));
    std::fs::write(&files[0], service.replace(installed, env!("CARGO_BIN_EXE_horde-eas"))).unwrap();
    std::fs::write(&files[1], socket).unwrap();
    if let Ok(output) = Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&files).output() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && !said.contains("horde-eas"), "{said}");
    }
}

fn cgi(state: &Path, arguments: &[&str], method: &str) -> (i32, String, String) {
    let mut command = program();
    command
        .args(arguments)
        .env("HORDE_EAS_STATE", state)
        .env("GATEWAY_INTERFACE", "CGI/1.1")
        .env("REQUEST_METHOD", method);
    said(
        &command
            .env("SCRIPT_NAME", "/Microsoft-Server-ActiveSync")
            .env("SERVER_PROTOCOL", "HTTP/1.1")
            .output()
            .unwrap(),
    )
}

#[test]
fn answers_one_cgi_request() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    for arguments in [&["cgi"][..], &[]] {
        let (code, out, _) = cgi(&state, arguments, "OPTIONS");
        assert_eq!(code, 0);
        assert!(out.starts_with("Status: 401 ") && out.contains("WWW-Authenticate: Basic"), "{out}");
    }
    let (_, out, _) = cgi(&state, &[], "BREW");
    assert!(out.starts_with("Status: 501 "), "{out}");
    // What cannot work is no reason for the phone to give up.
    let (code, out, err) = cgi(&state, &["cgi", "--config", "/nonexistent.toml"], "OPTIONS");
    assert_eq!(code, 2);
    assert!(out.starts_with("Status: 503 ") && out.contains("Retry-After: 60"), "{out}");
    assert!(err.contains("/nonexistent.toml"), "{err}");
}

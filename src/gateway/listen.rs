//! Where requests come in: names of listeners as an administrator writes them, what a web server or systemd handed over on a
//! descriptor, and the sockets themselves.

use std::{
    fmt, io,
    net::SocketAddr,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{
            fs::{FileTypeExt, MetadataExt, PermissionsExt},
            net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream},
        },
    },
    path::{Path, PathBuf},
    str::FromStr,
};

use rustix::{
    net::{AddressFamily, sockopt},
    process::{Resource, Rlimit},
};
use tokio::net::{TcpListener, UnixListener};

use super::keep_open;

/// Mode of unix sockets made here: the permission is the only access control that FastCGI has.
const SOCKET_MODE: u32 = 0o660;
/// Connections to a TCP port that may wait in the kernel while the program is busy (the kernel cuts it to `net.core.somaxconn`; for unix
/// sockets the standard library asks for all that it gives).
const BACKLOG: u32 = 4096;

/// One place where requests come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// FastCGI on a unix socket of that path, made at the start and removed at the end.
    FastCgiUnix(PathBuf),
    /// FastCGI on a TCP port. FastCGI has no password: loopback or a private network only.
    FastCgiTcp(SocketAddr),
    /// FastCGI on the listening socket that a web server or systemd (`StandardInput=socket`) put on descriptor 0.
    FastCgiFd0,
    /// FastCGI on every socket that systemd passed (`LISTEN_FDS`).
    FastCgiSystemd,
    /// Plain HTTP/1.1 for a reverse proxy that speaks TLS to the phones.
    HttpTcp(SocketAddr),
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FastCgiUnix(path) => write!(f, "fastcgi:unix:{}", path.display()),
            Self::FastCgiTcp(address) => write!(f, "fastcgi:tcp:{address}"),
            Self::FastCgiFd0 => f.write_str("fastcgi:fd0"),
            Self::FastCgiSystemd => f.write_str("fastcgi:systemd"),
            Self::HttpTcp(address) => write!(f, "http:{address}"),
        }
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORMS: &str =
            "fastcgi:unix:/PATH, fastcgi:tcp:ADDRESS:PORT, http:ADDRESS:PORT, fastcgi:fd0 or fastcgi:systemd";
        match text.split_once(':') {
            Some(("fastcgi", "fd0")) => Ok(Self::FastCgiFd0),
            Some(("fastcgi", "systemd")) => Ok(Self::FastCgiSystemd),
            Some(("fastcgi", rest)) => match rest.split_once(':') {
                Some(("unix", path)) if Path::new(path).is_absolute() => Ok(Self::FastCgiUnix(path.into())),
                Some(("unix", path)) => {
                    Err(format!("`{text}`: the path of the socket must begin with `/`, not `{path}`"))
                }
                Some(("tcp", at)) => address(text, at).map(Self::FastCgiTcp),
                _ => Err(format!("`{text}` is not a listener: expected {FORMS}")),
            },
            Some(("http", at)) => address(text, at.trim_start_matches("//").trim_end_matches('/')).map(Self::HttpTcp),
            Some(("https", _)) => Err(format!(
                "`{text}`: TLS is left to the web server in front; use http: on a loopback address behind it"
            )),
            _ => Err(format!("`{text}` is not a listener: expected {FORMS}")),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Listen {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

fn address(whole: &str, text: &str) -> Result<SocketAddr, String> {
    let named = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    named.as_deref().unwrap_or(text).parse().map_err(|_| {
        format!("`{whole}`: `{text}` is not an address with a port; write it like 127.0.0.1:9010 or [::1]:9010 (no host name)")
    })
}

/// How the program was started, when nobody said where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// A web server or systemd passed listening sockets.
    Listen(Listen),
    /// A web server runs the program for one request.
    Cgi,
    /// None of these: the administrator must say where to listen.
    Unknown,
}

/// Finds out how the program was started, by what is on descriptor 0 and in the environment.
pub fn detect() -> Start {
    if fd0_listens() {
        Start::Listen(Listen::FastCgiFd0)
    } else if is_cgi_environment() {
        Start::Cgi
    } else if systemd_passed() {
        Start::Listen(Listen::FastCgiSystemd)
    } else {
        Start::Unknown
    }
}

/// Whether descriptor 0 is a listening socket. Asks for `SO_ACCEPTCONN`, as Apache's mod_cgid runs CGI programs with a *connected*
/// socket there.
pub fn fd0_listens() -> bool {
    sockopt::socket_acceptconn(io::stdin().as_fd()).unwrap_or(false)
}

/// Whether the environment is that of a CGI program (RFC 3875 4.1.4, 4.1.12).
pub fn is_cgi_environment() -> bool {
    std::env::var_os("GATEWAY_INTERFACE").is_some() && std::env::var_os("REQUEST_METHOD").is_some()
}

fn systemd_passed() -> bool {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    let ours = std::env::var_os("LISTEN_PID").is_none() || number("LISTEN_PID") == Some(std::process::id());
    ours && number("LISTEN_FDS").is_some_and(|count| count > 0)
}

/// A listener that is open. Dropping it closes it and removes the socket file that it made.
#[derive(Debug)]
pub struct Listener {
    pub(super) socket: Socket,
    pub(super) http: bool,
    /// Whether somebody else holds the socket, too, and it goes on to collect connections after this program ends.
    pub(super) inherited: bool,
    pub(super) name: String,
    /// Removes the file; nothing reads it.
    file: Option<SocketFile>,
}

#[derive(Debug)]
pub(super) enum Socket {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Listener {
    /// Takes the socket file away, so that nobody connects any more while connections already made are still to be accepted.
    pub(super) fn remove_file(&mut self) {
        self.file = None;
    }

    /// The address in use, of TCP listeners (port 0 asks the kernel for a free one).
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socket::Tcp(socket) => socket.local_addr().ok(),
            Socket::Unix(_) => None,
        }
    }

    fn unix(socket: StdUnixListener, name: String, file: Option<SocketFile>) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let socket = Socket::Unix(UnixListener::from_std(socket)?);
        Ok(Self { socket, http: false, inherited: file.is_none(), name, file })
    }

    fn inherited_tcp(socket: std::net::TcpListener, name: String) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        keep_open::probe(&socket, socket.local_addr().ok().map(|local| local.ip()));
        let socket = Socket::Tcp(TcpListener::from_std(socket)?);
        Ok(Self { socket, http: false, inherited: true, name, file: None })
    }
}

/// Opens a listener; several for [`Listen::FastCgiSystemd`]. Must be called inside a tokio runtime. `group` is the name or number of
/// the group that may connect to a unix socket made here (the web server's), if not the program's own.
///
/// # Errors
/// The address is taken, the path is not a socket, another program listens there, the group is unknown, nothing was passed, ...; the
/// text names the listener.
pub fn open(listen: &Listen, group: Option<&str>) -> io::Result<Vec<Listener>> {
    let opened = match listen {
        Listen::FastCgiUnix(path) => open_unix(path, group, listen).map(|listener| vec![listener]),
        Listen::FastCgiTcp(address) => open_tcp(*address, false, listen).map(|listener| vec![listener]),
        Listen::HttpTcp(address) => open_tcp(*address, true, listen).map(|listener| vec![listener]),
        Listen::FastCgiFd0 => open_fd0(listen).map(|listener| vec![listener]),
        Listen::FastCgiSystemd => open_systemd(),
    };
    opened.map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {listen}: {error}")))
}

fn open_tcp(address: SocketAddr, http: bool, listen: &Listen) -> io::Result<Listener> {
    let socket = if address.is_ipv4() { tokio::net::TcpSocket::new_v4() } else { tokio::net::TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let socket = socket.listen(BACKLOG)?;
    keep_open::probe(&socket, Some(address.ip()));
    let socket = Socket::Tcp(socket);
    Ok(Listener { socket, http, inherited: false, name: listen.to_string(), file: None })
}

fn open_fd0(listen: &Listen) -> io::Result<Listener> {
    if !fd0_listens() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "descriptor 0 is not a listening socket"));
    }
    let socket: OwnedFd = io::stdin().as_fd().try_clone_to_owned()?;
    if sockopt::socket_domain(&socket)? == AddressFamily::UNIX {
        Listener::unix(socket.into(), listen.to_string(), None)
    } else {
        Listener::inherited_tcp(socket.into(), listen.to_string())
    }
}

fn open_systemd() -> io::Result<Vec<Listener>> {
    let mut passed = listenfd::ListenFd::from_env();
    let mut listeners = Vec::new();
    for index in 0..passed.len() {
        let name = format!("fastcgi:systemd, socket {}", index + 1);
        if let Ok(Some(socket)) = passed.take_unix_listener(index) {
            listeners.push(Listener::unix(socket, name, None)?);
        } else if let Some(socket) = passed.take_tcp_listener(index)? {
            listeners.push(Listener::inherited_tcp(socket, name)?);
        }
    }
    if listeners.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "systemd passed no socket (LISTEN_FDS)"));
    }
    Ok(listeners)
}

fn open_unix(path: &Path, group: Option<&str>, listen: &Listen) -> io::Result<Listener> {
    remove_stale(path)?;
    let group = group.map(group_id).transpose()?;
    // Bound under a name that no web server knows, so that nobody gets in (or is kept out) before the permissions are right.
    let hidden = hidden_name(path);
    let _ = std::fs::remove_file(&hidden);
    let socket = StdUnixListener::bind(&hidden)?;
    let ready: io::Result<SocketFile> = (|| {
        if let Some(group) = group {
            std::os::unix::fs::chown(&hidden, None, Some(group))?;
        }
        std::fs::set_permissions(&hidden, std::fs::Permissions::from_mode(SOCKET_MODE))?;
        std::fs::rename(&hidden, path)?;
        Ok(SocketFile { path: path.to_owned(), inode: inode(path)? })
    })();
    if ready.is_err() {
        let _ = std::fs::remove_file(&hidden);
    }
    Listener::unix(socket, listen.to_string(), Some(ready?))
}

fn hidden_name(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", std::process::id()));
    path.with_file_name(name)
}

/// Removes a socket file that nobody listens on. Anything else in that place is left alone.
fn remove_stale(path: &Path) -> io::Result<()> {
    let found = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if !found.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file of that name that is not a socket"));
    }
    match StdUnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another program listens there")),
    }
}

/// The number of a group that is given by number or by its name in `/etc/group`.
fn group_id(name: &str) -> io::Result<u32> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    let groups = std::fs::read_to_string("/etc/group")?;
    groups
        .lines()
        .find_map(|line| {
            let mut fields = line.split(':');
            (fields.next() == Some(name)).then(|| fields.nth(1).and_then(|number| number.parse().ok())).flatten()
        })
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no group `{name}` in /etc/group")))
}

/// The socket file of a listener. Removed when dropped, unless a newer program has put its own in its place.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    inode: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if inode(&self.path).is_ok_and(|now| now == self.inode) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Device and number of a file.
fn inode(path: &Path) -> io::Result<(u64, u64)> {
    let found = std::fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

/// Raises the soft limit of open descriptors to the hard one and returns what is in force now.
pub fn raise_descriptor_limit() -> u64 {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let _ = rustix::process::setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    rustix::process::getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written_alike() {
        for name in [
            "fastcgi:unix:/run/eas.sock",
            "fastcgi:tcp:127.0.0.1:9010",
            "http:[::1]:8080",
            "fastcgi:fd0",
            "fastcgi:systemd",
        ] {
            assert_eq!(name.parse::<Listen>().unwrap().to_string(), name);
        }
        assert_eq!("http:localhost:80".parse::<Listen>().unwrap().to_string(), "http:127.0.0.1:80");
        assert_eq!("http://127.0.0.1:80/".parse::<Listen>().unwrap().to_string(), "http:127.0.0.1:80");
    }

    #[test]
    fn mistyped_names_are_explained() {
        for (name, hint) in [
            ("", "fastcgi:unix:/PATH"),
            ("unix:/run/x", "fastcgi:unix:/PATH"),
            ("fastcgi:/run/x", "fastcgi:unix:/PATH"),
            ("fastcgi:unix:run/x", "must begin with `/`"),
            ("fastcgi:tcp:9010", "127.0.0.1:9010"),
            ("http:example.org:80", "no host name"),
            ("https://127.0.0.1:443", "TLS"),
        ] {
            let error = name.parse::<Listen>().unwrap_err();
            assert!(error.contains(hint), "{name}: {error}");
        }
    }

    #[tokio::test]
    async fn unix_socket_is_made_with_its_mode_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let listen = Listen::FastCgiUnix(path.clone());
        let group = std::fs::metadata(dir.path()).unwrap().gid().to_string();
        let listener = open(&listen, Some(&group)).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o660);
        StdUnixStream::connect(&path).unwrap();
        drop(listener);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn only_a_stale_socket_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let listen = Listen::FastCgiUnix(path.clone());
        drop(StdUnixListener::bind(&path).unwrap());
        let alive = open(&listen, None).unwrap();
        let error = open(&listen, None).unwrap_err();
        assert!(error.to_string().contains("another program listens"), "{error}");
        drop(alive);

        std::fs::write(&path, "precious").unwrap();
        let error = open(&listen, None).unwrap_err();
        assert!(error.to_string().contains("not a socket"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn the_socket_of_a_successor_is_not_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let old = open(&Listen::FastCgiUnix(path.clone()), None).unwrap();
        std::fs::rename(&path, dir.path().join("old")).unwrap();
        let _new = StdUnixListener::bind(&path).unwrap();
        drop(old);
        StdUnixStream::connect(&path).unwrap();
    }

    #[test]
    fn groups() {
        assert_eq!(group_id("0").unwrap(), 0);
        assert_eq!(group_id("root").unwrap(), 0);
        assert!(group_id("no-such-group").unwrap_err().to_string().contains("no-such-group"));
    }
}

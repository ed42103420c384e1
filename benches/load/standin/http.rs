//! HTTP as far as the bridge speaks it: requests with a length, connections that stay.

use base64::Engine as _;
use tokio::{io::AsyncReadExt, net::TcpStream};

/// Longest head and longest body that are read.
const LONGEST: usize = 16 << 20;

#[derive(Debug)]
pub(super) struct Request {
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// The next request of a connection; `buffer` keeps what came too early. `None` at its end.
    pub(super) async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Self> {
        let end = loop {
            if let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break end;
            }
            if buffer.len() > LONGEST || stream.read_buf(buffer).await.ok()? == 0 {
                return None;
            }
        };
        let head = std::str::from_utf8(&buffer[..end]).ok()?;
        let fields = head.split("\r\n").skip(1).filter_map(|line| line.split_once(": "));
        let headers: Vec<(String, String)> =
            fields.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        let mut request = Self { headers, body: Vec::new() };
        let length: usize = request.header("content-length").and_then(|v| v.parse().ok()).unwrap_or(0);
        let whole = end + 4 + length;
        while buffer.len() < whole {
            if length > LONGEST || stream.read_buf(buffer).await.ok()? == 0 {
                return None;
            }
        }
        request.body = buffer[end + 4..whole].to_vec();
        buffer.drain(..whole);
        Some(request)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The name of the user; `None` without a login.
    pub(super) fn login(&self) -> Option<String> {
        let coded = self.header("authorization")?.strip_prefix("Basic ")?;
        let pair = base64::engine::general_purpose::STANDARD.decode(coded).ok()?;
        Some(std::str::from_utf8(&pair).ok()?.split_once(':')?.0.to_owned())
    }

    /// Number of the user whose session the cookie is.
    pub(super) fn owner(&self) -> Option<usize> {
        let mut cookies = self.header("cookie")?.split("; ").filter_map(|cookie| cookie.strip_prefix("Horde="));
        cookies.next()?.split('x').next()?.parse().ok()
    }
}

#[derive(Debug)]
pub(super) struct Response {
    head: String,
    body: String,
}

impl Response {
    pub(super) fn new(status: u16, kind: &str, body: &str) -> Self {
        let head = format!("HTTP/1.1 {status} Status\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n", body.len());
        Self { head, body: body.to_owned() }
    }

    pub(super) fn unauthorized() -> Self {
        let mut this = Self::new(401, "text/html; charset=UTF-8", "401 Unauthorized");
        this.head += "WWW-Authenticate: Basic realm=\"Horde RPC\"\r\n";
        this
    }

    /// With the two cookies of a session, as long as those of PHP.
    pub(super) fn with_session(mut self, user: usize) -> Self {
        let value = format!("{user}x{:020x}", super::mixed(user as u64));
        for name in ["Horde", "horde_secret_key"] {
            self.head += &format!("Set-Cookie: {name}={value}; path=/horde; HttpOnly\r\n");
        }
        self
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        [self.head.as_bytes(), b"\r\n", self.body.as_bytes()].concat()
    }
}

//! A small HTTP client that hides nothing: one connection per request, headers as sent, waiting and breaking off under control.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

/// Longest time that any answer may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// From the first byte sent to the last byte received.
    pub(crate) time: Duration,
}

impl Response {
    /// The value of a header, by name in any letter case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

/// A request that was sent and whose answer is still to be read. Dropping it is what a phone does that loses its network.
#[derive(Debug)]
pub(crate) struct Pending {
    stream: TcpStream,
    since: Instant,
}

/// Sends a request.
pub(crate) fn send(
    to: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, String)],
    body: &[u8],
) -> std::io::Result<Pending> {
    let since = Instant::now();
    let mut stream = TcpStream::connect_timeout(&to, Duration::from_secs(10))?;
    stream.set_nodelay(true)?;
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() || method == "POST" {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    let mut bytes = (head + "\r\n").into_bytes();
    bytes.extend_from_slice(body);
    stream.write_all(&bytes)?;
    Ok(Pending { stream, since })
}

impl Pending {
    /// Reads the answer.
    pub(crate) fn answer(mut self) -> std::io::Result<Response> {
        self.stream.set_read_timeout(Some(PATIENCE))?;
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes)?;
        parse(&bytes, self.since.elapsed()).ok_or_else(|| {
            let start = String::from_utf8_lossy(bytes.get(..200).unwrap_or(&bytes)).into_owned();
            std::io::Error::other(format!("not an HTTP answer ({} bytes): {start:?}", bytes.len()))
        })
    }

    /// Whether no byte of an answer came within `time`.
    pub(crate) fn silent_for(&self, time: Duration) -> bool {
        self.stream.set_read_timeout(Some(time)).unwrap();
        let mut byte = [0];
        match self.stream.peek(&mut byte) {
            Ok(_) => false,
            Err(e) => matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut),
        }
    }

    /// Resets the connection, as the system of a phone does that has thrown it away.
    pub(crate) fn reset(self) {
        rustix::net::sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO)).unwrap();
    }

    /// Breaks the connection off.
    pub(crate) fn break_off(self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

pub(crate) fn parse(bytes: &[u8], time: Duration) -> Option<Response> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut body = bytes[end + 4..].to_vec();
    let mut lines = head.split("\r\n");
    let mut status = lines.next()?.splitn(3, ' ');
    if !status.next()?.starts_with("HTTP/1.") {
        return None;
    }
    let code = status.next()?.parse().ok()?;
    let reason = status.next().unwrap_or_default().to_owned();
    let headers: Vec<(String, String)> =
        lines.filter_map(|l| l.split_once(':').map(|(n, v)| (n.trim().to_owned(), v.trim().to_owned()))).collect();
    let response = Response { status: code, reason, headers, body: Vec::new(), time };
    if response.header("Transfer-Encoding").is_some_and(|t| t.eq_ignore_ascii_case("chunked")) {
        body = dechunk(&body)?;
    } else if let Some(length) = response.header("Content-Length") {
        (body.len() == length.parse::<usize>().ok()?).then_some(())?;
    }
    Some(Response { body, ..response })
}

fn dechunk(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    loop {
        let end = bytes.windows(2).position(|w| w == b"\r\n")?;
        let size =
            usize::from_str_radix(std::str::from_utf8(&bytes[..end]).ok()?.split(';').next()?.trim(), 16).ok()?;
        bytes = &bytes[end + 2..];
        if size == 0 {
            return Some(out);
        }
        out.extend_from_slice(bytes.get(..size)?);
        bytes = bytes.get(size + 2..)?;
    }
}

/// The value of an Authorization header.
pub(crate) fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

//! A phone's side of HTTP/1.1, plain enough to see what a web server really sent.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

/// What came back.
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the body came to the end that was announced.
    pub(crate) whole: bool,
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let start = String::from_utf8_lossy(&self.body[..self.body.len().min(300)]).into_owned();
        write!(f, "{} {:?} whole={} {} bytes: {start:?}", self.status, self.headers, self.whole, self.body.len())
    }
}

impl Reply {
    /// All headers of that name (lower case).
    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect()
    }

    /// A line `name=value` of the echo program's answer.
    pub(crate) fn field(&self, name: &str) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let line = text.lines().find_map(|line| line.split_once('=').filter(|(n, _)| *n == name));
        line.unwrap_or_else(|| panic!("no `{name}` in {self:?}")).1.to_owned()
    }
}

/// How a request body is sent.
pub(crate) enum Body<'a> {
    None,
    Length(&'a [u8]),
    Chunked(&'a [u8]),
}

/// Credentials of every request that has some.
pub(crate) const BASIC: &str = "Basic ZXJpa2E6Z2VoZWlt";

/// Sends a request with credentials. `None` when the connection was refused or ended without an answer.
pub(crate) fn ask(port: u16, method: &str, target: &str, body: &Body<'_>) -> Option<Reply> {
    send(port, method, target, &format!("Authorization: {BASIC}\r\n"), body)
}

/// Sends a request with those header lines.
pub(crate) fn send(port: u16, method: &str, target: &str, headers: &str, body: &Body<'_>) -> Option<Reply> {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).ok()?;
    socket.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    let framing = match body {
        Body::None => String::new(),
        Body::Length(body) => format!("Content-Length: {}\r\n", body.len()),
        Body::Chunked(_) => "Transfer-Encoding: chunked\r\n".to_owned(),
    };
    let head = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}{framing}\r\n");
    let mut request = head.into_bytes();
    match body {
        Body::None => {}
        Body::Length(body) => request.extend_from_slice(body),
        Body::Chunked(body) => {
            for piece in body.chunks(10_000) {
                request.extend(format!("{:x}\r\n", piece.len()).bytes());
                request.extend_from_slice(piece);
                request.extend_from_slice(b"\r\n");
            }
            request.extend_from_slice(b"0\r\n\r\n");
        }
    }
    // The answer may come before all is sent.
    let _ = socket.write_all(&request);
    let mut bytes = Vec::new();
    let _ = socket.read_to_end(&mut bytes);
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> Option<Reply> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut reply = Reply { status, headers, body: bytes[end + 4..].to_vec(), whole: true };
    if reply.headers("transfer-encoding") == ["chunked"] {
        (reply.body, reply.whole) = unchunk(&reply.body);
    } else if let [length] = reply.headers("content-length")[..] {
        reply.whole = length.parse() == Ok(reply.body.len());
    }
    Some(reply)
}

fn unchunk(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(line) = bytes.windows(2).position(|two| two == b"\r\n") else { return (body, false) };
        let length = std::str::from_utf8(&bytes[..line]).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
        let Some(length) = length.filter(|length| bytes.len() >= line + 2 + length + 2) else { return (body, false) };
        if length == 0 {
            return (body, true);
        }
        body.extend_from_slice(&bytes[line + 2..line + 2 + length]);
        bytes = &bytes[line + 2 + length + 2..];
    }
}

//! How phones reach the bridge: FastCGI on its socket, as a web server speaks it, or HTTP through a real web server. One connection per
//! request; whoever drops the future has hung up.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UnixStream},
};

use crate::{
    client::{END, PARAMS, STDIN, STDOUT, begin, pairs, stream},
    http,
};

/// Pause before a full backlog is tried again.
const AGAIN: Duration = Duration::from_millis(5);

#[derive(Debug, Clone)]
pub(crate) enum Door {
    FastCgi(PathBuf),
    Http(SocketAddr),
}

/// A request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    pub(crate) headers: &'a [(&'a str, String)],
    pub(crate) body: &'a [u8],
    /// Address of the phone; web servers see that of this machine.
    pub(crate) remote: IpAddr,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Retry-After, seconds.
    pub(crate) retry_after: Option<u64>,
    pub(crate) body: Vec<u8>,
}

impl Door {
    /// Sends a request and waits for the whole answer.
    pub(crate) async fn ask(&self, ask: &Ask<'_>) -> io::Result<Answer> {
        match self {
            Self::FastCgi(path) => {
                let mut stream = connect(path).await?;
                stream.write_all(&fastcgi_request(ask)).await?;
                // While nothing comes there is no buffer.
                stream.readable().await?;
                fastcgi_answer(&read_fastcgi(&mut stream).await?)
            }
            Self::Http(address) => {
                let mut stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                stream.write_all(&http_request(ask, *address)).await?;
                stream.readable().await?;
                let mut bytes = Vec::new();
                stream.read_to_end(&mut bytes).await?;
                http_answer(&bytes)
            }
        }
    }
}

async fn connect(path: &PathBuf) -> io::Result<UnixStream> {
    let since = Instant::now();
    loop {
        match UnixStream::connect(path).await {
            // The backlog of a unix socket does not make its clients wait.
            Err(e) if e.kind() == io::ErrorKind::WouldBlock && since.elapsed() < http::PATIENCE => {
                tokio::time::sleep(AGAIN).await;
            }
            other => return other,
        }
    }
}

/// What lighttpd sends.
fn fastcgi_request(ask: &Ask<'_>) -> Vec<u8> {
    let (length, remote) = (ask.body.len().to_string(), ask.remote.to_string());
    let query = ask.target.split_once('?').map_or("", |(_, query)| query);
    let mut list: Vec<(String, &str)> = [
        ("CONTENT_LENGTH", length.as_str()),
        ("QUERY_STRING", query),
        ("REQUEST_URI", ask.target),
        ("REDIRECT_STATUS", "200"),
        ("SCRIPT_NAME", "/Microsoft-Server-ActiveSync"),
        ("SCRIPT_FILENAME", "/var/www/html/Microsoft-Server-ActiveSync"),
        ("DOCUMENT_ROOT", "/var/www/html"),
        ("REQUEST_METHOD", ask.method),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("SERVER_SOFTWARE", "lighttpd/1.4"),
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("REQUEST_SCHEME", "https"),
        ("HTTPS", "on"),
        ("SERVER_PORT", "443"),
        ("SERVER_ADDR", "127.0.0.1"),
        ("SERVER_NAME", "mail.example.org"),
        ("REMOTE_ADDR", remote.as_str()),
        ("REMOTE_PORT", "40000"),
        ("HTTP_HOST", "mail.example.org"),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    for (name, value) in ask.headers {
        let name = name.to_ascii_uppercase().replace('-', "_");
        list.push((if name == "CONTENT_TYPE" { name } else { format!("HTTP_{name}") }, value));
    }
    let list: Vec<(&[u8], &[u8])> = list.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    let mut out = begin(1, 1, false);
    out.extend(stream(PARAMS, 1, &pairs(&list), 0xffff));
    out.extend(stream(STDIN, 1, ask.body, 0xffff));
    out
}

/// The content of STDOUT, up to the end of the request.
async fn read_fastcgi(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let (mut bytes, mut out) = (Vec::with_capacity(2048), Vec::new());
    let mut at = 0;
    loop {
        while let Some([_, kind, _, _, high, low, padding, _]) = bytes.get(at..at + 8) {
            let (start, length) = (at + 8, usize::from(*high) << 8 | usize::from(*low));
            let (kind, end) = (*kind, start + length + usize::from(*padding));
            let Some(content) = bytes.get(start..start + length).filter(|_| bytes.len() >= end) else { break };
            match kind {
                STDOUT => out.extend_from_slice(content),
                END if content.get(4) == Some(&0) => return Ok(out),
                END => return Err(io::Error::other(format!("FastCGI: ended with {content:?}"))),
                _ => {}
            }
            at = end;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::Error::other("the connection ended without the end of the request"));
        }
    }
}

fn fastcgi_answer(out: &[u8]) -> io::Result<Answer> {
    let strange = || io::Error::other(format!("no CGI answer: {:?}", String::from_utf8_lossy(out)));
    let end = out.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(strange)?;
    let head = String::from_utf8_lossy(&out[..end]);
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    };
    let status = header("Status").and_then(|status| status.get(..3)?.parse().ok()).ok_or_else(strange)?;
    let retry_after = header("Retry-After").and_then(|seconds| seconds.parse().ok());
    Ok(Answer { status, retry_after, body: out[end + 4..].to_vec() })
}

fn http_request(ask: &Ask<'_>, to: SocketAddr) -> Vec<u8> {
    let mut head = format!("{} {} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n", ask.method, ask.target);
    for (name, value) in ask.headers {
        head += &format!("{name}: {value}\r\n");
    }
    if ask.method == "POST" {
        head += &format!("Content-Length: {}\r\n", ask.body.len());
    }
    [head.as_bytes(), b"\r\n", ask.body].concat()
}

fn http_answer(bytes: &[u8]) -> io::Result<Answer> {
    let response = http::parse(bytes, Duration::ZERO).ok_or_else(|| {
        let start = String::from_utf8_lossy(bytes.get(..200).unwrap_or(bytes)).into_owned();
        io::Error::other(format!("no HTTP answer ({} bytes): {start:?}", bytes.len()))
    })?;
    let retry_after = response.header("Retry-After").and_then(|seconds| seconds.parse().ok());
    Ok(Answer { status: response.status, retry_after, body: response.body })
}

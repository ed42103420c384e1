//! One HTTP request to the Horde site: bounded in time and size, told apart by how it failed.

use std::{error::Error as _, net::IpAddr, sync::Once, time::Duration};

use base64::Engine as _;
use reqwest::{
    Method, RequestBuilder, Response,
    header::{
        ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue, LOCATION,
        RETRY_AFTER, SET_COOKIE,
    },
    redirect::Policy,
};
use secrecy::ExposeSecret;

use super::{
    Login, Settings,
    diagnose::{Failure, Kind},
    indents::Unindented,
};

/// Longest time to build up a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Idle connections are given up before Apache and lighttpd (5 s by default) close them under a request.
const IDLE: Duration = Duration::from_secs(3);
/// Of large answers by XML-RPC so large a part is left without indents: one in so many bytes.
const INDENTS: usize = 3;
/// Most cookies taken from one answer.
const MOST_COOKIES: usize = 32;

/// What is sent, besides login and cookies.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) kind: Protocol,
    /// Behind `rpc.php`, empty or starting with a slash.
    pub(super) path: String,
    pub(super) body: bytes::Bytes,
}

/// How the site is talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Json,
    Xml,
    Report,
    Propfind,
}

impl Protocol {
    /// Method and content type, which decide which server `rpc.php` becomes.
    const fn signs(self) -> (&'static [u8], &'static str) {
        match self {
            Self::Json => (b"POST", "application/json"),
            Self::Xml => (b"POST", "text/xml; charset=utf-8"),
            Self::Report => (b"REPORT", "application/xml; charset=utf-8"),
            Self::Propfind => (b"PROPFIND", "application/xml; charset=utf-8"),
        }
    }
}

/// What came back.
#[derive(Debug, Clone, Default)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// In lower case, with parameters.
    pub(super) content_type: String,
    pub(super) location: Option<String>,
    /// Seconds.
    pub(super) retry_after: Option<u64>,
    pub(super) cookies: Vec<String>,
    pub(super) body: Vec<u8>,
}

/// The HTTP client: one connection pool, no cookies of its own.
#[derive(Debug)]
pub(super) struct Http {
    client: reqwest::Client,
    url: String,
    path: String,
    timeout: Duration,
    limit: usize,
}

impl Http {
    pub(super) fn new(settings: &Settings) -> Result<Self, String> {
        let url = reqwest::Url::parse(&settings.url).map_err(|e| format!("[horde] url {:?}: {e}", settings.url))?;
        check(&url).map_err(|e| format!("[horde] url {:?}: {e}", settings.url))?;
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            // Fails only when there is one already.
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let timeout = Duration::from_secs(settings.timeout.max(1));
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("horde-eas/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .no_proxy()
            .http1_only()
            .tcp_nodelay(true)
            // Well before the end of the whole, so that a write that was not sent is known as such.
            .connect_timeout(CONNECT.min(timeout / 2))
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(settings.parallel.max(1));
        if is_loopback(&url) {
            // Within one machine packing costs more than sending: a tenth of what PHP needs for a large answer.
            builder = builder
                .default_headers([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))].into_iter().collect());
        }
        if url.scheme() == "http" {
            // Machines without any CA certificate need none for this.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|e| format!("TLS for [horde] url {:?}: {}", settings.url, causes(&e)))?;
        let limit = settings.answer_limit.saturating_mul(1 << 20);
        Ok(Self { client, path: url.path().to_owned(), url: url.to_string(), timeout, limit })
    }

    /// Path of `rpc.php` on its server.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Longest time for one request.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends one request and reads the whole answer, of whatever status; XML-RPC without its indents.
    pub(super) async fn send(&self, request: RequestBuilder, kind: Protocol) -> Result<Reply, Failure> {
        let mut response = request.send().await.map_err(|e| transport(&e))?;
        let headers = response.headers();
        let reply = Reply {
            status: response.status().as_u16(),
            content_type: text(headers, &CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase(),
            location: text(headers, &LOCATION),
            retry_after: text(headers, &RETRY_AFTER).and_then(|value| value.trim().parse().ok()),
            cookies: headers
                .get_all(SET_COOKIE)
                .iter()
                .take(MOST_COOKIES)
                .filter_map(|v| Some(v.to_str().ok()?.to_owned()))
                .collect(),
            body: Vec::new(),
        };
        let told = response.content_length().and_then(|length| usize::try_from(length).ok());
        let room = told.unwrap_or_default().min(self.limit);
        let body = match kind {
            Protocol::Xml => {
                let mut body = Unindented::with_capacity(room / INDENTS);
                self.read(&mut response, |part| body.push(part)).await?;
                body.end()
            }
            Protocol::Json | Protocol::Report | Protocol::Propfind => {
                let mut body = Vec::with_capacity(room);
                self.read(&mut response, |part| body.extend_from_slice(part)).await?;
                body
            }
        };
        Ok(Reply { body, ..reply })
    }

    /// Reads the body of an answer, part by part.
    async fn read(&self, response: &mut Response, mut take: impl FnMut(&[u8])) -> Result<(), Failure> {
        let mut length: usize = 0;
        while let Some(part) = response.chunk().await.map_err(|e| transport(&e))? {
            length = length.saturating_add(part.len());
            if length > self.limit {
                return Err(Failure::Fatal(format!(
                    "the answer is larger than [horde] answer_limit ({} MiB)",
                    self.limit >> 20
                )));
            }
            take(&part);
        }
        Ok(())
    }

    /// Puts a request together.
    pub(super) fn request(&self, ask: &Ask, login: &Login, cookies: Option<&str>) -> Result<RequestBuilder, Failure> {
        let (method, content_type) = ask.kind.signs();
        let method = Method::from_bytes(method).unwrap_or(Method::POST);
        let mut request = self
            .client
            .request(method, format!("{}{}", self.url, ask.path))
            .timeout(self.timeout)
            .header(CONTENT_TYPE, content_type)
            .header(AUTHORIZATION, authorization(login)?)
            .body(ask.body.clone());
        if ask.kind == Protocol::Propfind {
            request = request.header("Depth", "1");
        }
        if let Some(cookies) = cookies {
            request = request.header(COOKIE, sensitive(cookies)?);
        }
        Ok(request)
    }
}

/// The `Authorization` header.
fn authorization(login: &Login) -> Result<HeaderValue, Failure> {
    let pair = zeroizing(format!("{}:{}", login.user, login.password.expose_secret()));
    let header = zeroizing(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair.expose_secret())));
    sensitive(header.expose_secret())
}

fn zeroizing(text: String) -> secrecy::SecretString {
    text.into()
}

fn sensitive(value: &str) -> Result<HeaderValue, Failure> {
    let mut value =
        HeaderValue::from_str(value).map_err(|_| Failure::trouble(Kind::NotRpc, "a cookie that cannot be sent"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

impl Settings {
    /// Checks the URL.
    ///
    /// # Errors
    /// It is not one that can be called; the text is for the administrator.
    pub fn check(&self) -> Result<(), String> {
        let url = reqwest::Url::parse(&self.url).map_err(|e| format!("{:?}: {e}", self.url))?;
        check(&url).map_err(|e| format!("{:?}: {e}", self.url))
    }
}

/// Whether RPC can be called at that address at all (`horde-rpc.md` 1).
fn check(url: &reqwest::Url) -> Result<(), &'static str> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err("must begin with http:// or https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not contain a login");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must end with the path of rpc.php");
    }
    let lower = url.as_str().to_ascii_lowercase();
    if !url.path().ends_with(".php") {
        return Err("must end with the path of rpc.php, for example https://mail.example.org/horde/rpc.php");
    }
    if lower.contains("microsoft-server-activesync") || lower.contains("autodiscover/autodiscover") {
        return Err("Horde would take each call for ActiveSync: these words must not be in it");
    }
    Ok(())
}

/// Whether the site is on this machine.
fn is_loopback(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Why no (whole) answer came. None of the texts contains header values or the login.
fn transport(error: &reqwest::Error) -> Failure {
    let text = causes(error);
    let lower = text.to_ascii_lowercase();
    let kind = if error.is_connect() {
        if error.is_dns() || lower.contains("dns") || lower.contains("lookup address") {
            Kind::Dns
        } else if lower.contains("certificate") || lower.contains("tls") || lower.contains("corrupt message") {
            Kind::Tls
        } else {
            Kind::Refused
        }
    } else if error.is_timeout() {
        Kind::Timeout
    } else if error.is_decode() && !lower.contains("reading a body") {
        // Broken gzip.
        Kind::HalfAnswer
    } else {
        Kind::Cut
    };
    Failure::trouble(kind, text)
}

/// The innermost causes, without the URL.
fn causes(error: &reqwest::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        parts.push(cause.to_string());
        next = cause.source();
    }
    if parts.is_empty() { "no details".to_owned() } else { parts.join(": ") }
}

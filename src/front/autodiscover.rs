//! Autodiscover: how a phone that knows only a mail address finds this server (MS-ASCMD 2.2.1.1, mobilesync schema; and the JSON of
//! newer clients). Errors are documents behind HTTP 200, never pages.

mod request;

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use percent_encoding::percent_decode_str;
use quick_xml::escape::escape;
use serde_json::json;

use self::request::Asked;
use super::{Desk, auth, body, eas::note, line::Line, refuse::refuse};
use crate::{
    command::Site,
    config::Config,
    gateway::{Request, Response},
};

/// Longest request document, bytes.
const LONGEST: u64 = 64 * 1024;

const XML: &str = "text/xml; charset=utf-8";
const OUTER: &str = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006";
const INNER: &str = "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006";

/// Errors of the framework (MS-ASCMD 2.2.3.60): number and text.
type Fault = (u16, &'static str);
const INVALID: Fault = (600, "Invalid Request");
const NO_PROVIDER: Fault = (601, "Provider is not available");

/// Which answer a path (in lower case) asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Xml,
    /// With the address, if the path has one.
    Json(Option<String>),
}

/// Recognises the paths of Autodiscover, below whatever prefix.
pub(super) fn kind(path: &str) -> Option<Kind> {
    let lower = path.to_ascii_lowercase();
    if lower.ends_with("/autodiscover/autodiscover.xml") {
        return Some(Kind::Xml);
    }
    let (_, rest) = lower.split_once("/autodiscover/autodiscover.json")?;
    if rest.is_empty() {
        return Some(Kind::Json(None));
    }
    let address = rest.strip_prefix("/v1.0/")?;
    Some(Kind::Json(Some(percent_decode_str(address).decode_utf8_lossy().into_owned())))
}

impl Desk {
    /// Answers a request for an address of Autodiscover.
    pub(super) async fn autodiscover(
        &self,
        site: &Arc<Site>,
        kind: Kind,
        request: Request,
        line: &mut Line,
    ) -> Response {
        match kind {
            Kind::Xml => self.xml(site, request, line).await,
            Kind::Json(_) => json_answer(site, &request, line),
        }
    }

    async fn xml(&self, site: &Arc<Site>, mut request: Request, line: &mut Line) -> Response {
        if !matches!(request.method.as_str(), "POST" | "GET") {
            return Response::status(501).header("Allow", "GET,POST");
        }
        let header = request.headers.get("authorization");
        let login = match self.auth.check(&site.config, &site.horde, header, request.remote).await {
            Ok(login) => login,
            Err(error) => {
                note(line, &error);
                return refuse(&error, None, &site.config.login.realm);
            }
        };
        line.add("user", &login.user);
        let asked = match body::whole(&mut request, LONGEST, site.store.spool()).await {
            Ok(body) if request.method == "POST" => Asked::read(&body),
            Ok(_) => Err(INVALID),
            Err(400) => return Response::status(400),
            Err(_) => Err(INVALID),
        };
        let name = header_name(&request);
        let answer = asked.and_then(|asked| {
            let url = url(&site.config, &request, "/Microsoft-Server-ActiveSync").ok_or(INVALID)?;
            Ok(settings(&address(&site.config, &asked, &login.user, &name), &url))
        });
        let document = answer.unwrap_or_else(|fault| {
            line.add("error", format!("{} {}", fault.0, fault.1));
            error_document(fault, since_1970())
        });
        Response::full(200, XML, document.into_bytes()).header("Cache-Control", "private")
    }
}

/// The login name as the phone sent it: often the mail address.
fn header_name(request: &Request) -> String {
    request.headers.get("authorization").and_then(auth::name).unwrap_or_default()
}

/// The address to answer with: the one asked for if it is the user's, else his login name, else what can be made of it.
fn address(config: &Config, asked: &Asked, user: &str, name: &str) -> String {
    if asked.address.contains('@') && auth::user(config, &asked.address).as_deref() == Some(user) {
        return asked.address.clone();
    }
    if name.contains('@') {
        return name.to_owned();
    }
    match (user.contains('@'), config.mail.domain.as_str(), asked.address.as_str()) {
        (true, ..) | (false, "", "") => user.to_owned(),
        (false, "", address) => address.to_owned(),
        (false, domain, _) => format!("{user}@{domain}"),
    }
}

/// The URL that phones are told; `None` when nobody says under which name they see this server.
fn url(config: &Config, request: &Request, path: &str) -> Option<String> {
    if path.starts_with("/Microsoft") && !config.autodiscover.url.is_empty() {
        return Some(config.autodiscover.url.clone());
    }
    let host = request.headers.text("host")?;
    let usable = !host.is_empty()
        && host.len() <= 255
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']'));
    if !usable {
        log::warn!("autodiscover: no usable Host header; set autodiscover.url in the configuration");
    }
    usable.then(|| format!("https://{host}{path}"))
}

fn settings(address: &str, url: &str) -> String {
    let (address, url) = (escape(address), escape(url));
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Autodiscover xmlns=\"{OUTER}\"><Response xmlns=\"{INNER}\">\
         <Culture>en:us</Culture><User><DisplayName>{address}</DisplayName><EMailAddress>{address}</EMailAddress></User>\
         <Action><Settings><Server><Type>MobileSync</Type><Url>{url}</Url><Name>{url}</Name></Server></Settings></Action>\
         </Response></Autodiscover>"
    )
}

fn error_document((code, message): Fault, (seconds, nanoseconds): (u64, u32)) -> String {
    let (hours, minutes, rest) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let ticks = nanoseconds / 100;
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Autodiscover xmlns=\"{OUTER}\"><Response>\
         <Error Time=\"{hours:02}:{minutes:02}:{rest:02}.{ticks:07}\" Id=\"{nanoseconds}\"><ErrorCode>{code}</ErrorCode>\
         <Message>{message}</Message><DebugData/></Error></Response></Autodiscover>"
    )
}

fn since_1970() -> (u64, u32) {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or((0, 0), |d| (d.as_secs(), d.subsec_nanos()))
}

/// Version 2: no login is asked for, so the answer is the same for every address.
fn json_answer(site: &Site, request: &Request, line: &mut Line) -> Response {
    if request.method != "GET" {
        return Response::status(501).header("Allow", "GET");
    }
    let query = String::from_utf8_lossy(&request.query).into_owned();
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let protocol = pairs
        .filter(|(name, _)| name.eq_ignore_ascii_case("protocol"))
        .map(|(_, value)| percent_decode_str(value).decode_utf8_lossy().into_owned())
        .next()
        .unwrap_or_default();
    line.add("protocol", &protocol);
    let known = [("ActiveSync", "/Microsoft-Server-ActiveSync"), ("AutodiscoverV1", "/Autodiscover/Autodiscover.xml")];
    let (status, answer) = match known.iter().find(|(name, _)| name.eq_ignore_ascii_case(&protocol)) {
        Some((name, path)) => match url(&site.config, request, path) {
            Some(url) => (200, json!({"Protocol": name, "Url": url})),
            None => (400, json!({"ErrorCode": "InvalidRequest", "ErrorMessage": "The request names no host."})),
        },
        None if protocol.is_empty() => (
            400,
            json!({"ErrorCode": "MandatoryParameterMissing", "ErrorMessage": "A valid value must be provided for the query parameter 'Protocol'"}),
        ),
        None => {
            let text = format!(
                "The given protocol value '{protocol}' is invalid. Supported values are 'ActiveSync,AutodiscoverV1'"
            );
            (400, json!({"ErrorCode": "InvalidProtocol", "ErrorMessage": text}))
        }
    };
    Response::full(status, "application/json; charset=utf-8", answer.to_string().into_bytes())
}

#[cfg(test)]
mod tests;

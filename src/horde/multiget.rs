//! WebDAV on `rpc.php` (`horde-rpc.md` 13): listing a collection and reading many items of it in one request.

use quick_xml::{Reader, events::Event};

use super::{
    Error, Session,
    diagnose::{self, Failure, Kind},
    http::{Ask, Protocol, Reply},
    multicall, xmlrpc,
};

/// Most items in one request.
const CHUNK: usize = 250;
/// Deepest nesting that is read.
const DEPTH: usize = 32;

/// What a REPORT asks for, by the first segment of the path.
struct Dialect {
    root: &'static str,
    namespace: &'static str,
    report: &'static str,
    data: &'static str,
}

const DIALECTS: [Dialect; 2] = [
    Dialect {
        root: "/addressbooks/",
        namespace: "urn:ietf:params:xml:ns:carddav",
        report: "addressbook-multiget",
        data: "address-data",
    },
    Dialect {
        root: "/calendars/",
        namespace: "urn:ietf:params:xml:ns:caldav",
        report: "calendar-multiget",
        data: "calendar-data",
    },
];

impl Session {
    /// WebDAV multiget REPORT on `rpc.php/<path>` for `hrefs` (as [`Session::list_hrefs`] gives them); gives (href, data) of those that
    /// were found. `path` is percent-encoded and begins with `addressbooks/` or `calendars/`. `None` when the site does not offer it.
    ///
    /// # Errors
    /// See [`Error`]. [`Error::Fatal`]: PHP dies on one of the items and with it on the whole request; ask for them one by one.
    pub async fn multiget(&self, path: &str, hrefs: &[String]) -> Result<Option<Vec<(String, String)>>, Error> {
        let path = checked(path)?;
        let Some(dialect) = DIALECTS.iter().find(|dialect| path.starts_with(dialect.root)) else { return Ok(None) };
        let pieces: Vec<Vec<String>> = hrefs.chunks(CHUNK).map(<[String]>::to_vec).collect();
        let session = self.clone();
        let results = multicall::run(pieces, multicall::STREAMS, move |piece| {
            let (session, path) = (session.clone(), path.clone());
            async move { session.dav(Protocol::Report, path, dialect.report(&piece), dialect.data).await }
        });
        let Some(pieces) = results.await?.into_iter().collect::<Option<Vec<_>>>() else { return Ok(None) };
        Ok(Some(pieces.into_iter().flatten().collect()))
    }

    /// The href of a path below `rpc.php`, as [`Session::multiget`] wants it, where Horde is reached under its own address.
    pub fn href(&self, path: &str) -> String {
        format!("{}/{}", self.site.http.path(), path.trim_start_matches('/'))
    }

    /// (href, etag) of all members of a collection; `path` as for [`Session::multiget`]. `None` when the site offers no WebDAV.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_hrefs(&self, path: &str) -> Result<Option<Vec<(String, String)>>, Error> {
        let body = "<?xml version=\"1.0\" encoding=\"utf-8\"?><d:propfind xmlns:d=\"DAV:\"><d:prop><d:getetag/></d:prop></d:propfind>";
        self.dav(Protocol::Propfind, checked(path)?, body.into(), "getetag").await
    }

    async fn dav(
        &self,
        kind: Protocol,
        path: String,
        body: String,
        property: &'static str,
    ) -> Result<Option<Vec<(String, String)>>, Error> {
        let offer = &self.site.multiget;
        if offer.known() == Some(false) {
            return Ok(None);
        }
        let ask = Ask { kind, path, body: body.into() };
        let name = if kind == Protocol::Report { "REPORT" } else { "PROPFIND" };
        let result = self.fetch(&ask, name, |reply| multistatus(reply, property)).await;
        match self.doubt(name, result).await {
            Ok(found) => {
                offer.works();
                Ok(Some(found))
            }
            Err(failure) if no_offer(&failure, offer.known()) => {
                if offer.failed() {
                    log::info!("Horde offers no WebDAV, single calls are used ({})", failure.into_error(false));
                }
                Ok(None)
            }
            Err(failure) => Err(failure.into_error(false)),
        }
    }
}

/// Whether that failure means that there is no WebDAV. PHP dying tells that only as long as nothing has ever worked.
fn no_offer(failure: &Failure, known: Option<bool>) -> bool {
    match failure {
        Failure::Trouble(trouble) => trouble.may_mean_no_offer(),
        Failure::Fatal(_) => known.is_none(),
        _ => false,
    }
}

impl Dialect {
    fn report(&self, hrefs: &[String]) -> String {
        let (name, data) = (self.report, self.data);
        let mut out = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><c:{name} xmlns:d=\"DAV:\" xmlns:c=\"{}\"><d:prop><c:{data}/></d:prop>",
            self.namespace
        );
        for href in hrefs {
            out.push_str("<d:href>");
            xmlrpc::escape(href, &mut out);
            out.push_str("</d:href>");
        }
        out.push_str("</c:");
        out.push_str(name);
        out.push('>');
        out
    }
}

/// The path with a slash in front; nothing in it may lead out of `rpc.php`.
fn checked(path: &str) -> Result<String, Error> {
    let path = format!("/{}", path.trim_start_matches('/'));
    let lower = path.to_ascii_lowercase().replace("%2e", ".");
    if path.contains(['?', '#', '\\']) || lower.split('/').any(|segment| segment == "." || segment == "..") {
        return Err(Error::Fatal(format!("{path:?} is no path of a collection")));
    }
    Ok(path)
}

/// (href, `property`) of all members that have that property.
fn multistatus(reply: &Reply, property: &str) -> Result<Vec<(String, String)>, Failure> {
    let xml = reply.content_type.starts_with("application/xml") || reply.content_type.starts_with("text/xml");
    if reply.status != 207 {
        return Err(if xml { refusal(reply) } else { diagnose::page(reply) });
    }
    let half = |problem: &str| Failure::trouble(Kind::HalfAnswer, format!("WebDAV: {problem}"));
    let text = std::str::from_utf8(&reply.body).map_err(|_| half("not UTF-8"))?;
    let start = text.find('<').unwrap_or_default();
    read(text.get(start..).unwrap_or_default(), property).map_err(|problem| half(&problem))
}

/// Sabre's error document: what it says about an item or a collection is Horde's answer, not a failure of the site.
fn refusal(reply: &Reply) -> Failure {
    let text = String::from_utf8_lossy(&reply.body);
    let message = text.split_once("<s:message>").and_then(|(_, rest)| rest.split_once("</s:message>")).map(|(m, _)| m);
    match (reply.status, message) {
        (403 | 404 | 409 | 412, _) => {
            diagnose::fault(&format!("HTTP {} {}", reply.status, message.unwrap_or_default()))
        }
        (500, Some(message)) => match diagnose::fault(message) {
            Failure::Fault(message) => Failure::Fatal(message),
            failure => failure,
        },
        _ => diagnose::page(reply),
    }
}

fn read(xml: &str, property: &str) -> Result<Vec<(String, String)>, String> {
    let mut reader = Reader::from_str(xml);
    let mut path: Vec<String> = Vec::new();
    let mut found = Vec::new();
    let (mut href, mut data, mut text) = (String::new(), None, String::new());
    loop {
        match reader.read_event().map_err(|e| e.to_string())? {
            Event::Start(tag) if path.len() < DEPTH => {
                path.push(tag.local_name().as_ref().to_owned());
                text.clear();
            }
            Event::Start(_) => return Err("nested too deeply".into()),
            Event::Text(part) => text.push_str(&part.xml10_content()),
            Event::CData(part) => text.push_str(&part.xml10_content()),
            Event::GeneralRef(name) => text.push_str(&xmlrpc::resolve(&name)?),
            Event::End(_) => {
                let name = path.pop().unwrap_or_default();
                match (path.last().map(String::as_str), name.as_str()) {
                    (Some("response"), "href") => href = text.trim().to_owned(),
                    (Some("prop"), name) if name == property => data = Some(std::mem::take(&mut text)),
                    (Some("multistatus"), "response") => {
                        found.extend(
                            data.take().filter(|d| !d.is_empty()).map(|data| (std::mem::take(&mut href), data)),
                        );
                    }
                    (None, "multistatus") => return Ok(found),
                    _ => {}
                }
                text.clear();
            }
            Event::DocType(_) => return Err("a document type declaration".into()),
            Event::Eof => return Err("it ends too early".into()),
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

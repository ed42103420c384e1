//! Requests for `/Microsoft-Server-ActiveSync`.

use std::{ops::RangeInclusive, sync::Arc};

use super::{
    Desk, body,
    catch::Caught,
    dispatch::{self, Run},
    gate::{self, Gate},
    known,
    line::Line,
    negotiate,
    refuse::{WBXML, refuse},
    throttle::{Answer, COMPARED, Slow, Visit},
};
use crate::{
    command::{Context, Reply, Site},
    error::Error,
    gateway::{Body, BodyError, Request, Response, ResponseBody},
    horde::Login,
    proto::{Command, Query, Version, folder_sync},
    spool::Pieces,
    state::{self, Device, DeviceId, Info, Seen, WipeStatus},
};

/// What a browser shows.
const PAGE: &str = "This is the address for phones and other programs that speak Exchange ActiveSync.\n\
    There is nothing to see for a browser.\n";

/// What the gate says to devices that have not taken the policies.
const PROVISION: RangeInclusive<u16> = 142..=144;

/// Pieces of a streamed answer that may wait for the web server.
const PIECES: usize = 4;

/// A command whose version and table entry are known.
struct Asked {
    query: Query,
    command: Command,
    version: Version,
    entry: &'static dispatch::Entry,
}

/// Who asks, and where.
struct Caller<'a> {
    site: &'a Arc<Site>,
    login: &'a Login,
    offer: Offer,
}

/// Who is offered what.
struct Offer {
    versions: Vec<Version>,
    /// Value of MS-ASProtocolVersions.
    list: String,
    /// Value of MS-ASProtocolCommands.
    commands: String,
}

impl Desk {
    /// Answers a request for the address of ActiveSync.
    pub(super) async fn active_sync(&self, site: &Arc<Site>, request: Request, line: &mut Line) -> Response {
        let method = request.method.as_str();
        if !matches!(method, "OPTIONS" | "POST" | "GET") {
            return Response::status(501).header("Allow", "OPTIONS,POST");
        }
        let realm = &site.config.login.realm;
        let header = request.headers.get("authorization");
        let login = match self.auth.check(&site.config, &site.horde, header, request.remote).await {
            Ok(login) => login,
            Err(error) => {
                note(line, &error);
                return refuse(&error, None, realm);
            }
        };
        line.add("user", &login.user);
        match method {
            "GET" => Response::full(200, "text/plain; charset=utf-8", PAGE.into()),
            "OPTIONS" => self.options(site, &request, &login, line),
            _ => self.command(site, request, login, line).await,
        }
    }

    fn offer(&self, site: &Site, user: &str, device_type: &str, agent: &str) -> Offer {
        let versions = site.config.versions.offered(user, device_type, agent);
        let list = negotiate::list(&versions);
        let commands = dispatch::advertised(self.table, &versions);
        Offer { versions, list, commands }
    }

    fn options(&self, site: &Site, request: &Request, login: &Login, line: &mut Line) -> Response {
        let query = Query::parse(&request.query).unwrap_or_default();
        line.add("device", &query.device_id);
        let offer = self.offer(site, &login.user, &query.device_type, &agent(request));
        Response::status(200).header("Allow", "OPTIONS,POST").header("Public", "OPTIONS,POST").offering(&offer)
    }

    /// Answers a POST.
    async fn command(&self, site: &Arc<Site>, request: Request, login: Login, line: &mut Line) -> Response {
        let realm = &site.config.login.realm;
        let asked = self.asked(&request, line);
        let id = asked.as_ref().map_or("", |asked| &asked.query.device_id);
        let mut visit = match self.throttle.arrive(&site.config.limits, &login.user, id) {
            Ok(visit) => visit,
            Err(slow) => {
                if let Ok(device) = DeviceId::new(id).and_then(|id| site.store.device(&login.user, &id)) {
                    slow.tell(&device, &login.user).await;
                }
                return slowed(&slow, line);
            }
        };
        let asked = match asked {
            Ok(asked) => asked,
            Err((status, known)) => return known_error(status, known, realm),
        };
        let offer = self.offer(site, &login.user, &asked.query.device_type, &agent(&request));
        let caller = Caller { site, login: &login, offer };
        let (command, version) = (asked.command, asked.version);
        let outcome = match Caught::new(self.run(&caller, request, asked, &mut visit, line)).await {
            Ok(outcome) => outcome,
            Err(panic) => {
                super::defect(&panic);
                Err(Failure::Http(500))
            }
        };
        visit.answered(&login.user, judged(&outcome)).await;
        let answer = match outcome {
            Ok(answer) => answer,
            Err(Failure::Http(status)) => return Response::status(status),
            Err(Failure::Slow(slow)) => return slowed(&slow, line),
            Err(Failure::Gate { http, status }) => {
                line.add("gate", status);
                if PROVISION.contains(&status)
                    && let Err(slow) = visit.refused(&login.user, status).await
                {
                    return slowed(&slow, line);
                }
                let mut refusal = refuse(&Error::Status(status), Some((command, version)), realm);
                if site.config.policy.answer_both && http == 449 {
                    refusal.status = http;
                }
                refusal
            }
            Err(Failure::Error(error)) => {
                note(line, &error);
                if error == Error::Unauthorized {
                    self.auth.forget(&login);
                }
                refuse(&error, Some((command, version)), realm)
            }
        };
        let answer = answer.with_server_of(version);
        let answer = if answer.status == 449 { answer.offering(&caller.offer) } else { answer };
        answer.header("Cache-Control", "private")
    }

    /// What the query asks for, if this program has it.
    fn asked(&self, request: &Request, line: &mut Line) -> Result<Asked, (u16, Option<(Command, Version)>)> {
        let mut query = Query::parse(&request.query).map_err(|error| {
            line.add("error", error);
            (400, None)
        })?;
        line.add("device", &query.device_id);
        line.add("command", &query.command_name);
        let version = negotiate::version(&query, &request.headers).map_err(|status| (status, None))?;
        line.add("version", version);
        let command = query.command.ok_or((501, None))?;
        let known = Some((command, version));
        let entry = dispatch::find(self.table, command).ok_or((137, known))?;
        if !command.versions().contains(&version) {
            return Err((138, known));
        }
        if query.version.is_none() {
            // A header that is no number is a wrong key, not the lack of one.
            let key = |_| request.headers.text("x-ms-policykey").and_then(|key| key.parse().ok()).unwrap_or(0);
            let parts = request.headers.text("ms-asacceptmultipart");
            query.accept_multipart = parts.is_some_and(|text| text.trim().eq_ignore_ascii_case("T"));
            query.policy_key = request.headers.get("x-ms-policykey").map(key);
        }
        Ok(Asked { query, command, version, entry })
    }

    /// Carries a command out.
    async fn run(
        &self,
        caller: &Caller<'_>,
        mut request: Request,
        asked: Asked,
        visit: &mut Visit<'_>,
        line: &mut Line,
    ) -> Result<Response, Failure> {
        let Caller { site, login, offer } = caller;
        let Asked { query, command, version, entry } = asked;
        let id = known::check(&query.device_id, &query.device_type)?;
        let agent = agent(&request);
        let seen = Seen {
            user: &login.user,
            id: id.as_str(),
            device_type: &query.device_type,
            user_agent: &agent,
            version: version.name(),
        };
        let device = site.store.device(&login.user, &id).map_err(known::told)?;
        visit.of(&device);
        let now = known::now();
        let key = query.policy_key;
        let info = admit(site, &device, &gate::Asked { command, version, key, now })?;
        let info = match info {
            Ok(info) => known::refresh(&device, info, seen, &offer.list, now).await.map_err(known::told)?,
            Err(wipe) => Info { wipe, announced: offer.list.clone(), ..Info::default() },
        };
        let renewed = entry.announces && info.announced != offer.list;
        let limit = entry.run.limit(&site.config.gateway);
        let body = body::read(&mut request, limit, site.store.spool()).await.map_err(Failure::Http)?;
        line.add("in", body.len());
        visit.reads(&info, now);
        {
            // Not kept while the phone waits.
            let head = body.read(0, COMPARED).await.map_err(|e| Failure::Http(body::unkept(&e)))?;
            visit.look(command, &query, &head, body.len())?;
        }
        let place = visit.place().await?;
        let context = Context {
            site: Arc::clone(site),
            session: site.horde.session(login),
            device: device.clone(),
            info,
            version,
            query: query.clone(),
            hangup: request.hangup,
            may_wait: request.may_wait,
            place,
        };
        crate::command::flush(&context).await;
        let (reply, begins) = match entry.run {
            Run::Spooled(run) => (run(&context, Arc::new(body)).await?, false),
            Run::Whole(run) => {
                let body = body::in_memory(&body).await.map_err(Failure::Http)?;
                (run(&context, &body).await?, begins(command, &body))
            }
        };
        let mut response = answer(reply);
        if renewed {
            known::announced(&device, &offer.list).await.map_err(known::told)?;
            response = response.header("X-MS-RP", offer.list.clone());
        }
        if begins {
            response = response.with_server_of(version).offering(offer);
        }
        Ok(response)
    }
}

/// Reads the info file and asks the gate. `Err` inside: the file cannot be read, but the wipe that it asks for is still to be carried out.
fn admit(site: &Site, device: &Device, asked: &gate::Asked) -> Result<Result<Option<Info>, WipeStatus>, Failure> {
    let info = match device.info() {
        Err(error @ state::Error::Unreadable { .. }) => {
            log::error!("{error}: the device is refused until this is corrected");
            Err(error)
        }
        info => Ok(info.map_err(known::told)?),
    };
    let salvaged = if info.is_err() { device.wipe_even_if_broken() } else { WipeStatus::None };
    let policy = &site.config.policy;
    match gate::decide(info.as_ref().map(Option::as_ref), salvaged, policy, asked) {
        Gate::Pass => Ok(info.map_err(|_| salvaged)),
        Gate::Refuse { http, status } => Err(Failure::Gate { http, status }),
    }
}

/// Why a command has no answer of its own.
enum Failure {
    /// An HTTP status in all versions.
    Http(u16),
    /// Told as the version wants it.
    Error(Error),
    /// What the gate says.
    Gate { http: u16, status: u16 },
    /// Not now.
    Slow(Slow),
}

impl From<Slow> for Failure {
    fn from(slow: Slow) -> Self {
        Self::Slow(slow)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Response {
    fn offering(self, offer: &Offer) -> Self {
        let highest = offer.versions.last().copied().unwrap_or(Version::V2_5);
        self.with_server_of(highest)
            .header("MS-ASProtocolVersions", offer.list.clone())
            .header("MS-ASProtocolCommands", offer.commands.clone())
    }

    fn with_server_of(self, version: Version) -> Self {
        if self.headers.iter().any(|(name, _)| *name == SERVER) {
            return self;
        }
        self.header(SERVER, version.traits().server)
    }
}

const SERVER: &str = "MS-Server-ActiveSync";

fn answer(reply: Reply) -> Response {
    // Known beforehand: the phone sees how far it has come, and that an answer broke off.
    let length = reply.body.len();
    let body = match reply.body.into_bytes() {
        Ok(bytes) => ResponseBody::Full(bytes),
        Err(pieces) => ResponseBody::Stream(stream(&pieces)),
    };
    let empty = matches!(&body, ResponseBody::Full(bytes) if bytes.is_empty());
    let mut response = Response { body, ..Response::status(200) };
    if !empty {
        response = response.header("Content-Type", WBXML);
    }
    if matches!(response.body, ResponseBody::Stream(_)) {
        response = response.header("Content-Length", length.to_string());
    }
    for (name, value) in reply.headers {
        if name == "Content-Type" {
            response.headers.retain(|(n, _)| *n != name);
        }
        response = response.header(name, value);
    }
    response
}

/// The pieces as the web server takes them.
fn stream(pieces: &Pieces) -> Body {
    let (sender, body) = Body::channel(PIECES);
    let mut reader = pieces.reader();
    tokio::spawn(async move {
        loop {
            match reader.next().await {
                Ok(Some(bytes)) => {
                    if !sender.send(bytes).await {
                        return;
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    log::error!("an answer breaks off: {error}");
                    return sender.fail(BodyError::Aborted).await;
                }
            }
        }
    });
    body
}

/// A small status is one of HTTP, for what is wrong with the query itself.
fn known_error(status: u16, asked: Option<(Command, Version)>, realm: &str) -> Response {
    match asked {
        Some(asked) => refuse(&Error::Status(status), Some(asked), realm).with_server_of(asked.1),
        None => Response::status(status),
    }
    .header("Cache-Control", "private")
}

/// What an outcome says of the device that asked.
fn judged(outcome: &Result<Response, Failure>) -> Answer<'_> {
    match outcome {
        Ok(Response { body: ResponseBody::Full(bytes), .. }) => Answer::Document(bytes),
        Ok(_) => Answer::Document(&[]),
        Err(Failure::Http(503) | Failure::Slow(_) | Failure::Gate { .. }) => Answer::Unknown,
        Err(Failure::Error(Error::RetryLater { .. } | Error::Unauthorized | Error::Status(111))) => Answer::Unknown,
        Err(Failure::Error(Error::Status(status)) | Failure::Http(status)) => Answer::Wrong(*status),
        Err(Failure::Error(Error::Internal(_))) => Answer::Wrong(500),
    }
}

/// The answer to a request that is refused for now. The administrator has been told of the device; a line for each of its requests would
/// only fill the log.
fn slowed(slow: &Slow, line: &mut Line) -> Response {
    line.add("limit", slow.limit);
    line.quiet();
    slow.response().header("Cache-Control", "private")
}

/// Whether the phone begins anew, so that it should learn what there is.
fn begins(command: Command, body: &[u8]) -> bool {
    command == Command::FolderSync && folder_sync::Request::read(body).is_ok_and(|r| r.key == "0")
}

/// User-Agent without what does not belong into a header, for rules and files.
fn agent(request: &Request) -> String {
    let bytes = request.headers.get("user-agent").unwrap_or_default();
    String::from_utf8_lossy(bytes).trim().chars().filter(|c| !c.is_control()).take(200).collect()
}

/// The reason of an error, for the log.
pub(super) fn note(line: &mut Line, error: &Error) {
    match error {
        Error::Internal(_) => log::error!("{error}"),
        Error::RetryLater { .. } => log::warn!("{error}"),
        Error::Status(_) | Error::Unauthorized => {}
    }
    line.add("error", error);
}

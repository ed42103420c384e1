//! Requests for `/Microsoft-Server-ActiveSync`.

use std::{ops::RangeInclusive, sync::Arc};

use bytes::Bytes;

use super::{
    Desk, answer, body,
    catch::Caught,
    dispatch::{self, Outcome, Run, SpooledWork, WholeWork},
    gate::{self, Gate},
    known,
    line::Line,
    negotiate,
    refuse::refuse,
    throttle::{Answer, COMPARED, Slow, Visit},
};
use crate::{
    command::{Context, Place, Reply, Site},
    error::Error,
    gateway::{Request, Response, ResponseBody},
    horde::Login,
    proto::{Command, Query, Version, folder_sync},
    spool::Spool,
    state::{self, Device, DeviceId, Info, Seen, WipeStatus},
};

/// What a browser shows.
const PAGE: &str = "This is the address for phones and other programs that speak Exchange ActiveSync.\n\
    There is nothing to see for a browser.\n";

/// What the gate says to devices that have not taken the policies.
const PROVISION: RangeInclusive<u16> = 142..=144;

/// A command whose version and table entry are known.
struct Asked {
    query: Query,
    command: Command,
    version: Version,
    entry: &'static dispatch::Entry,
}

/// A command that may begin when its turn has come, with all that it needs. It stays as long as a phone waits.
pub(super) struct Begun<'a> {
    /// Without a place until its turn has come.
    context: Context,
    visit: Visit<'a>,
    command: Command,
    run: Run,
    body: Option<Box<Spool>>,
    /// The versions that are offered to this phone.
    versions: Vec<Version>,
    /// Other versions are offered now than the device was last told of.
    renewed: bool,
    /// The phone begins anew, so that it should learn what there is.
    begins: bool,
}

/// Status of what is not asked for as it has to be, and what is known of it.
type Unknown = (u16, Option<(Command, Version)>);

/// What carries a command out, and the body of its request.
enum Work {
    Whole(WholeWork, Bytes),
    Spooled(SpooledWork, Arc<Spool>),
}

impl Work {
    fn begin(self, context: &Context) -> Outcome<'_> {
        match self {
            Self::Whole(run, body) => run(context, body),
            Self::Spooled(run, body) => run(context, body),
        }
    }
}

impl Desk {
    /// Takes a request for the address of ActiveSync, as far as a command that may begin; `Err`: its answer.
    pub(super) async fn active_sync(
        &self,
        site: &Arc<Site>,
        request: Box<Request>,
        line: &mut Line,
    ) -> Result<Box<Begun<'_>>, Response> {
        let method = request.method.as_str();
        if !matches!(method, "OPTIONS" | "POST" | "GET") {
            return Err(Response::status(501).header("Allow", "OPTIONS,POST"));
        }
        let realm = &site.config.login.realm;
        let header = request.headers.get("authorization");
        let login = match Box::pin(self.auth.check(&site.config, &site.horde, header, request.remote)).await {
            Ok(login) => login,
            Err(error) => {
                note(line, &error);
                return Err(refuse(&error, None, realm));
            }
        };
        line.add("user", &login.user);
        match method {
            "GET" => Err(Response::full(200, "text/plain; charset=utf-8", PAGE.into())),
            "OPTIONS" => Err(self.options(site, &request, &login, line)),
            _ => self.command(site, request, login, line).await,
        }
    }

    fn options(&self, site: &Site, request: &Request, login: &Login, line: &mut Line) -> Response {
        let query = Query::parse(&request.query).unwrap_or_default();
        line.add("device", &query.device_id);
        let versions = site.config.versions.offered(&login.user, &query.device_type, &agent(request));
        let response = Response::status(200).header("Allow", "OPTIONS,POST").header("Public", "OPTIONS,POST");
        self.offering(response, &versions)
    }

    /// Takes a POST.
    async fn command(
        &self,
        site: &Arc<Site>,
        request: Box<Request>,
        login: Login,
        line: &mut Line,
    ) -> Result<Box<Begun<'_>>, Response> {
        let realm = &site.config.login.realm;
        let asked = self.asked(&request, line);
        let id = asked.as_ref().map_or("", |asked| &asked.query.device_id);
        let mut visit = match self.throttle.arrive(&login.user, id) {
            Ok(visit) => visit,
            Err(slow) => {
                if let Ok(device) = DeviceId::new(id).and_then(|id| site.store.device(&login.user, &id)) {
                    Box::pin(slow.tell(&device, &login.user)).await;
                }
                return Err(slowed(&slow, line));
            }
        };
        let asked = asked.map_err(|(status, known)| answer::of_query(status, known, realm))?;
        let versions = site.config.versions.offered(&login.user, &asked.query.device_type, &agent(&request));
        let known = (asked.command, asked.version);
        match begin(site, request, &login, asked, versions.clone(), &mut visit, line).await {
            Ok(Ready { context, command, run, body, renewed }) => {
                let body = Some(Box::new(body));
                Ok(Box::new(Begun { context, visit, command, run, body, versions, renewed, begins: false }))
            }
            Err(failure) => {
                Box::pin(visit.answered(&login.user, judged(Err(&failure)))).await;
                if let Failure::Gate { status, .. } = failure
                    && PROVISION.contains(&status)
                    && let Err(slow) = Box::pin(visit.refused(&login.user, status)).await
                {
                    return Err(slowed(&slow, line));
                }
                Err(self.failed(site, &login, known, failure, &versions, line))
            }
        }
    }

    /// What the query asks for, if this program has it.
    fn asked(&self, request: &Request, line: &mut Line) -> Result<Box<Asked>, Unknown> {
        let mut query = Query::parse(&request.query).map_err(|error| {
            line.add("error", error);
            (400, None)
        })?;
        line.add("device", &query.device_id);
        line.add("command", std::mem::take(&mut query.command_name));
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
        Ok(Box::new(Asked { query, command, version, entry }))
    }

    /// Carries a command out when its turn has come.
    pub(super) async fn carry_out(&self, mut begun: Box<Begun<'_>>, line: &mut Line) -> Response {
        // In boxes: a waiting request has no use for what comes before and after.
        let work = match Box::pin(begun.turn()).await {
            Ok(work) => work,
            Err(failure) => return Box::pin(self.concluded(begun, Err(failure), line)).await,
        };
        let outcome = match Caught::new(work.begin(&begun.context)).await {
            Ok(outcome) => outcome.map_err(Failure::Error),
            Err(panic) => {
                log::error!("a defect of this program, please report it: {panic}");
                Err(Failure::Http(500))
            }
        };
        Box::pin(self.concluded(begun, outcome, line)).await
    }

    /// What a command came to, as its phone is told.
    async fn concluded(&self, begun: Box<Begun<'_>>, outcome: Result<Reply, Failure>, line: &mut Line) -> Response {
        let context = &begun.context;
        let answer = match outcome {
            Ok(reply) => Box::pin(self.answer(&begun, reply)).await,
            Err(failure) => Err(failure),
        };
        Box::pin(begun.visit.answered(&context.session.login().user, judged(answer.as_ref()))).await;
        let (known, versions) = ((begun.command, context.version), &begun.versions);
        match answer {
            Ok(answer) => self.finished(answer, context.version, versions),
            Err(failure) => self.failed(&context.site, context.session.login(), known, failure, versions, line),
        }
    }

    /// The answer of a command that was carried out.
    async fn answer(&self, begun: &Begun<'_>, reply: Reply) -> Result<Response, Failure> {
        let mut response = answer::of_reply(reply);
        if begun.renewed {
            let list = negotiate::list(&begun.versions);
            known::announced(&begun.context.device, &list).await.map_err(known::told)?;
            response = response.header("X-MS-RP", list);
        }
        if begun.begins {
            response = self.offering(response.with_server_of(begun.context.version), &begun.versions);
        }
        Ok(response)
    }

    /// The answer that tells why a command was not carried out.
    fn failed(
        &self,
        site: &Site,
        login: &Login,
        known: (Command, Version),
        failure: Failure,
        versions: &[Version],
        line: &mut Line,
    ) -> Response {
        let realm = &site.config.login.realm;
        let answer = match failure {
            Failure::Http(status) => return Response::status(status),
            Failure::Slow(slow) => return slowed(&slow, line),
            Failure::Gate { http, status } => {
                line.add("gate", status);
                let mut refusal = refuse(&Error::Status(status), Some(known), realm);
                if site.config.policy.answer_both && http == 449 {
                    refusal.status = http;
                }
                refusal
            }
            Failure::Error(error) => {
                note(line, &error);
                if error == Error::Unauthorized {
                    self.auth.forget(login);
                }
                refuse(&error, Some(known), realm)
            }
        };
        self.finished(answer, known.1, versions)
    }

    /// What all answers to commands have.
    fn finished(&self, answer: Response, version: Version, versions: &[Version]) -> Response {
        let answer = answer.with_server_of(version);
        let answer = if answer.status == 449 { self.offering(answer, versions) } else { answer };
        answer.header("Cache-Control", "private")
    }

    /// The answer with what is offered to its phone.
    fn offering(&self, answer: Response, versions: &[Version]) -> Response {
        let highest = versions.last().copied().unwrap_or(Version::V2_5);
        answer
            .with_server_of(highest)
            .header("MS-ASProtocolVersions", negotiate::list(versions))
            .header("MS-ASProtocolCommands", dispatch::advertised(self.table, versions))
    }
}

/// What a command needs beside its [`Visit`].
struct Ready {
    context: Context,
    command: Command,
    run: Run,
    body: Spool,
    renewed: bool,
}

impl Begun<'_> {
    /// Waits for its turn, and does what then comes first.
    async fn turn(&mut self) -> Result<Work, Failure> {
        self.context.place = self.visit.place().await?;
        Box::pin(crate::command::flush(&self.context)).await;
        let body = self.body.take().map(|body| *body).unwrap_or_default();
        match self.run {
            Run::Spooled(run) => Ok(Work::Spooled(run, Arc::new(body))),
            Run::Whole(run) => {
                let bytes = body::in_memory(&body).await.map_err(Failure::Http)?;
                self.begins = begins(self.command, &bytes);
                Ok(Work::Whole(run, bytes))
            }
        }
    }
}

/// Lets a command begin: asks the gate, brings the info file up to date, takes the body.
async fn begin(
    site: &Arc<Site>,
    mut request: Box<Request>,
    login: &Login,
    asked: Box<Asked>,
    versions: Vec<Version>,
    visit: &mut Visit<'_>,
    line: &mut Line,
) -> Result<Ready, Failure> {
    let (command, version, entry) = (asked.command, asked.version, asked.entry);
    let query = &asked.query;
    let id = known::check(&query.device_id, &query.device_type)?;
    let agent = agent(&request);
    let offered = negotiate::list(&versions);
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
    let admitted = admit(site, &device, &gate::Asked { command, version, key, now })?;
    let info = match admitted {
        Ok(info) => Box::pin(known::refresh(&device, info, seen, &offered, now)).await.map_err(known::told)?,
        Err(wipe) => Box::new(Info { wipe, announced: offered.clone(), ..Info::default() }),
    };
    let renewed = entry.announces && info.announced != offered;
    let limit = entry.run.limit(&site.config.gateway);
    let body = Box::pin(body::read(&mut request, limit, site.store.spool())).await.map_err(Failure::Http)?;
    line.add("in", body.len());
    visit.reads(&info, now);
    let (facts, user_agent) = (info.facts(), info.user_agent.clone());
    drop(info);
    let head = body.read(0, COMPARED).await.map_err(|e| Failure::Http(body::unkept(&e)))?;
    visit.look(command, query, &head, body.len())?;
    let context = Context {
        site: Arc::clone(site),
        session: site.horde.session(login),
        device,
        facts,
        user_agent,
        version,
        query: asked.query,
        arrived: line.start(),
        hangup: request.hangup,
        may_wait: request.may_wait,
        place: Place::free(),
    };
    Ok(Ready { context, command, run: entry.run, body, renewed })
}

/// Reads the info file and asks the gate. `Err` inside: the file cannot be read, but the wipe that it asks for is still to be carried out.
fn admit(site: &Site, device: &Device, asked: &gate::Asked) -> Result<Result<Option<Box<Info>>, WipeStatus>, Failure> {
    let info = match device.info() {
        Err(error @ state::Error::Unreadable { .. }) => {
            log::error!("{error}: the device is refused until this is corrected");
            Err(error)
        }
        info => Ok(info.map_err(known::told)?.map(Box::new)),
    };
    let salvaged = if info.is_err() { device.wipe_even_if_broken() } else { WipeStatus::None };
    let policy = &site.config.policy;
    match gate::decide(info.as_ref().map(Option::as_deref), salvaged, policy, asked) {
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

/// What an outcome says of the device that asked.
fn judged<'a>(outcome: Result<&'a Response, &Failure>) -> Answer<'a> {
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

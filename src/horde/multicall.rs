//! Many reading calls in few PHP requests: XML-RPC `system.multiCall`, else JSON calls side by side.

use serde_json::Value;
use tokio::task::JoinSet;

use super::{
    Call, Error, Session,
    diagnose::{Failure, Kind},
    http::{Ask, Protocol},
    xmlrpc,
};

/// Most calls in one request: large enough for a first sync in few requests; far larger ones cost PHP more than they save
/// (`horde-rpc.md` 4: calendar exports).
const CHUNK: usize = 250;
/// The same for calls that cost PHP next to nothing each.
const SWEEP: usize = 2000;
/// Requests that may be spent on finding the entries that kill a multiCall, per chunk; what is left then goes by single calls.
const SEARCHES: usize = 40;
/// Fewer calls than this are cheaper as they are.
const WORTH: usize = 2;

/// Multicalls of one batch at the same time.
pub(super) const STREAMS: usize = 2;

type Results = Vec<Result<Value, Error>>;

impl Session {
    /// Many reading calls: PHP requests of up to 250 calls by multiCall where the site offers it, else JSON calls side by side. One result
    /// per call, in order. A PHP fatal error in one entry kills a whole multiCall answer: then the batch is halved until the bad one is
    /// alone. By multiCall a null comes back as an empty string: do not tell `null` from `""` in results.
    ///
    /// # Errors
    /// The site cannot be asked at all; the errors of single calls are in the results.
    pub async fn batch(&self, calls: Vec<Call>) -> Result<Vec<Result<Value, Error>>, Error> {
        let fit = calls.iter().all(|call| call.params.iter().all(xmlrpc::can_carry));
        if calls.len() < WORTH || !fit || !self.has_multicall().await {
            return self.side_by_side(calls).await;
        }
        let pieces: Vec<Vec<Call>> = calls.chunks(even_chunk(calls.len())).map(<[Call]>::to_vec).collect();
        let session = self.clone();
        let results = run(pieces, STREAMS, move |piece| {
            let session = session.clone();
            async move { session.chunk(piece).await }
        });
        Ok(results.await?.into_iter().flatten().collect())
    }

    /// Very many small reading calls, in phases: none is made before those of the phases before it have their answers. PHP requests of up to
    /// 2,000 calls, one after the other, where the site offers multiCall; else as [`Session::batch`], phase by phase.
    ///
    /// # Errors
    /// As [`Session::batch`].
    pub async fn sweep(&self, phases: Vec<Vec<Call>>) -> Result<Vec<Vec<Result<Value, Error>>>, Error> {
        let lengths: Vec<usize> = phases.iter().map(Vec::len).collect();
        let mut results = Vec::with_capacity(lengths.iter().sum());
        if lengths.iter().sum::<usize>() < WORTH || !self.has_multicall().await {
            for phase in phases {
                results.extend(self.side_by_side(phase).await?);
            }
        } else {
            let calls: Vec<Call> = phases.into_iter().flatten().collect();
            for piece in calls.chunks(SWEEP) {
                results.extend(self.clone().chunk(piece.to_vec()).await?);
            }
        }
        let mut results = results.into_iter();
        Ok(lengths.into_iter().map(|length| results.by_ref().take(length).collect()).collect())
    }

    /// Large reading calls by XML-RPC, each in a request of its own, side by side. Answers have what objects of PHP keep to themselves, which JSON
    /// has not: a list under the empty name, in the order of declaration. `None` when the site offers no XML-RPC.
    ///
    /// # Errors
    /// See [`Error`]; one failure ends it all.
    pub async fn read_whole(&self, calls: Vec<Call>) -> Result<Option<Vec<Value>>, Error> {
        if !self.has_multicall().await {
            return Ok(None);
        }
        let session = self.clone();
        let answers = run(calls, STREAMS, move |call| {
            let session = session.clone();
            async move {
                let mut entries = session.multicall(&[call]).await.map_err(|failure| failure.into_error(false))?;
                let answer = entries.pop().unwrap_or_else(|| Ok(Value::default()));
                answer.map_err(|failure| failure.into_error(false))
            }
        });
        answers.await.map(Some)
    }

    /// Whether [`Session::batch`] takes one PHP request for up to 250 calls. Asks the site when that is not known yet.
    pub async fn has_multicall(&self) -> bool {
        let offer = &self.site.multicall;
        if let Some(known) = offer.known() {
            return known;
        }
        let probe = [Call { method: "horde.listAPIs".into(), params: Vec::new() }];
        match self.multicall(&probe).await {
            Ok(results) if results.iter().all(Result::is_ok) => {
                offer.works();
                log::info!("Horde offers XML-RPC multiCall: bulk reads take few requests");
            }
            Err(failure) if is_no_statement(&failure) => return false,
            other => {
                let text = other.err().map_or_else(|| "an entry failed".into(), |f| f.into_error(false).to_string());
                self.no_multicall(&text);
            }
        }
        offer.known() == Some(true)
    }

    fn no_multicall(&self, why: &str) {
        if self.site.multicall.failed() {
            log::info!(
                "Horde offers no XML-RPC multiCall, single calls are used ({why}); the package php-xmlrpc and a repaired Horde_Rpc \
                 make first syncs several times faster"
            );
        }
    }

    async fn multicall(&self, calls: &[Call]) -> Result<Vec<Result<Value, Failure>>, Failure> {
        let body = xmlrpc::multicall(calls).into();
        let ask = Ask { kind: Protocol::Xml, path: String::new(), body };
        let (entries, noise) =
            self.fetch(&ask, "system.multiCall", |reply| xmlrpc::entries(reply, calls.len())).await?;
        if let Some(noise) = noise {
            self.site.noise("system.multiCall", &noise);
        }
        Ok(entries)
    }

    /// One chunk, halved while PHP dies on it.
    async fn chunk(self, calls: Vec<Call>) -> Result<Results, Error> {
        let mut results = Vec::with_capacity(calls.len());
        let mut todo = vec![calls];
        let mut left = SEARCHES;
        while let Some(mut piece) = todo.pop() {
            if piece.len() < WORTH || left == 0 {
                results.extend(self.side_by_side(piece).await?);
                continue;
            }
            left -= 1;
            match self.multicall(&piece).await {
                Ok(entries) => {
                    for entry in entries {
                        results.push(of_single(entry.map_err(|failure| failure.into_error(false)))?);
                    }
                }
                Err(Failure::Fatal(_)) => {
                    todo.push(piece.split_off(piece.len() / 2));
                    todo.push(piece);
                }
                Err(failure) if is_no_statement(&failure) => return Err(failure.into_error(false)),
                Err(failure) => {
                    left = 0;
                    self.no_multicall(&failure.into_error(false).to_string());
                    todo.push(piece);
                }
            }
        }
        Ok(results)
    }

    /// Single JSON calls, several at a time, each with a session of its own (PHP lets the calls of one session wait for each other).
    async fn side_by_side(&self, calls: Vec<Call>) -> Result<Results, Error> {
        let session = self.clone();
        run(calls, self.site.settings.parallel, move |call| {
            let session = session.clone();
            async move { of_single(session.read(&call.method, call.params).await) }
        })
        .await
    }
}

/// Sorts a result: of this one call, or of the site as a whole.
fn of_single(result: Result<Value, Error>) -> Result<Result<Value, Error>, Error> {
    match result {
        Err(error @ (Error::Unauthorized | Error::Unavailable { .. })) => Err(error),
        result => Ok(result),
    }
}

/// Chunks of about the same size, none larger than [`CHUNK`].
fn even_chunk(count: usize) -> usize {
    let chunks = count.div_ceil(CHUNK).max(1);
    count.div_ceil(chunks).max(1)
}

/// Whether that failure says nothing about multiCall: JSON would fare no better.
fn is_no_statement(failure: &Failure) -> bool {
    match failure {
        Failure::Unauthorized | Failure::Early(_) => true,
        Failure::Fault(_) | Failure::Fatal(_) => false,
        Failure::Trouble(trouble) => !trouble.may_mean_no_offer(),
    }
}

/// Runs `work` on all items, `width` at a time; results in order. The first error ends it all.
pub(super) async fn run<T, R, F>(items: Vec<T>, width: usize, work: impl Fn(T) -> F) -> Result<Vec<R>, Error>
where
    R: Send + 'static,
    F: Future<Output = Result<R, Error>> + Send + 'static,
{
    let count = items.len();
    let mut items = items.into_iter().enumerate();
    let mut running = JoinSet::new();
    let mut results: Vec<Option<R>> = std::iter::repeat_with(|| None).take(count).collect();
    loop {
        while running.len() < width.max(1)
            && let Some((n, item)) = items.next()
        {
            let future = work(item);
            running.spawn(async move { (n, future.await) });
        }
        let Some(joined) = running.join_next().await else { break };
        let (n, result) = joined.map_err(|_| broken_off())?;
        // The others run to their end: one of them may be the call by which a site that was down is tried again.
        let result = result.inspect_err(|_| running.detach_all())?;
        if let Some(slot) = results.get_mut(n) {
            *slot = Some(result);
        }
    }
    results.into_iter().collect::<Option<Vec<R>>>().ok_or_else(broken_off)
}

fn broken_off() -> Error {
    Failure::trouble(Kind::Cut, "broken off").into_error(false)
}

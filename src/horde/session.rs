//! The calls of one user.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    Error, Horde, Login,
    diagnose::{Failure, Kind},
    http::{Ask, Protocol, Reply},
    jar::{Jar, Person, Tag},
    jsonrpc,
    site::Site,
};

/// Pauses before a reading call is repeated.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_millis(1000)];
/// A call that works wherever Horde works.
const TRIVIAL: &str = "horde.listAPIs";

/// The calls of one user, sharing one Horde session (cookie) with all his devices. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Session {
    pub(super) site: Arc<Site>,
    login: Arc<Login>,
    person: Arc<Person>,
    tag: Tag,
}

/// Where the cookies of a request come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cookies {
    /// From an idle session of this user and password, if there is one.
    Kept,
    /// None: Horde has to look at the password.
    Fresh,
}

impl Session {
    pub(super) fn new(horde: &Horde, login: &Login) -> Self {
        let site = Arc::clone(&horde.site);
        let person = site.people.person(&login.user, site.age());
        let tag = site.people.tag(login);
        let login = person.login(&tag, login);
        Self { site, login, person, tag }
    }

    /// Horde's name of the user.
    pub fn user(&self) -> &str {
        &self.login.user
    }

    /// The login; other servers of the site take the same.
    pub fn login(&self) -> &Login {
        &self.login
    }

    /// PHP requests that were made for this user since he was last forgotten (some minutes without a call).
    pub fn requests(&self) -> u64 {
        self.person.requests.load(Ordering::Relaxed)
    }

    /// A call that changes nothing; repeated (at most twice) after a failure of the transport or a 503.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn read(&self, method: &str, params: Vec<Value>) -> Result<Value, Error> {
        let result = self.read_json(method, &params, Cookies::Kept).await;
        self.doubt(method, result).await.map_err(|failure| failure.into_error(false))
    }

    /// A call that changes something; never repeated. [`Error::is_uncertain`] tells whether it may have been carried out all the same.
    /// Writes of one user run one after the other (Horde has no locking over RPC). When the caller goes away, a write that has begun
    /// runs to its end nevertheless.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn write(&self, method: &str, params: Vec<Value>) -> Result<Value, Error> {
        let (session, method) = (self.clone(), method.to_owned());
        let turn = Arc::clone(&self.person.writes).lock_owned().await;
        let task = tokio::spawn(async move {
            let result = session.json(&method, &params, Cookies::Kept).await;
            let result = session.doubt(&method, result).await;
            drop(turn);
            result
        });
        match task.await {
            Ok(result) => result.map_err(|failure| failure.into_error(true)),
            Err(_) => Err(Error::Uncertain("the call was broken off because this program ends".into())),
        }
    }

    /// Whether Horde accepts the login: a call without cookies.
    ///
    /// # Errors
    /// See [`Error`]: nobody knows.
    pub async fn verify(&self) -> Result<bool, Error> {
        match self.read_json(TRIVIAL, &[], Cookies::Fresh).await {
            Ok(_) | Err(Failure::Fault(_)) => Ok(true),
            Err(Failure::Unauthorized) => Ok(false),
            Err(Failure::Fatal(text)) => Err(Failure::trouble(Kind::AlwaysFatal, text).into_error(false)),
            Err(failure) => Err(failure.into_error(false)),
        }
    }

    async fn read_json(&self, method: &str, params: &[Value], cookies: Cookies) -> Result<Value, Failure> {
        for pause in PAUSES {
            match self.json(method, params, cookies).await {
                Err(Failure::Trouble(trouble)) if trouble.again() => tokio::time::sleep(pause).await,
                result => return result,
            }
        }
        self.json(method, params, cookies).await
    }

    async fn json(&self, method: &str, params: &[Value], cookies: Cookies) -> Result<Value, Failure> {
        let id = self.site.next_id();
        let body = jsonrpc::request(id, method, params).into();
        let ask = Ask { kind: Protocol::Json, path: String::new(), body };
        let answer = self.ask(&ask, method, cookies, |reply| jsonrpc::answer(reply, id)).await?;
        if let Some(noise) = &answer.noise {
            self.site.noise(method, noise);
        }
        Ok(answer.value)
    }

    /// Reads with kept cookies by another protocol; repeated like [`Session::read`].
    pub(super) async fn fetch<T>(
        &self,
        ask: &Ask,
        name: &str,
        parse: impl Fn(&Reply) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        for pause in PAUSES {
            match self.ask(ask, name, Cookies::Kept, &parse).await {
                Err(Failure::Trouble(trouble)) if trouble.again() => tokio::time::sleep(pause).await,
                result => return result,
            }
        }
        self.ask(ask, name, Cookies::Kept, &parse).await
    }

    /// PHP dying on a call, with or without a last word, is the fault of that call only if other calls work.
    pub(super) async fn doubt<T>(&self, method: &str, result: Result<T, Failure>) -> Result<T, Failure> {
        let failure = match result {
            Err(failure @ Failure::Fatal(_)) => failure,
            Err(Failure::Trouble(trouble)) if matches!(trouble.kind, Kind::BrokenRpc | Kind::ServerError) => {
                Failure::Trouble(trouble)
            }
            other => return other,
        };
        let works =
            method != TRIVIAL && matches!(self.json(TRIVIAL, &[], Cookies::Kept).await, Ok(_) | Err(Failure::Fault(_)));
        Err(match failure {
            Failure::Fatal(text) if !works => Failure::trouble(Kind::AlwaysFatal, text),
            Failure::Trouble(_) if works => Failure::Fatal(format!(
                "PHP died on {method} without a word (memory_limit, max_execution_time, a crash); its error log tells more"
            )),
            failure => failure,
        })
    }

    /// One request; when a kept session has expired, once more without cookies.
    async fn ask<T>(
        &self,
        ask: &Ask,
        name: &str,
        cookies: Cookies,
        parse: impl Fn(&Reply) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if self.login.user.contains(':') {
            // A colon ends the user name in the Authorization header: Horde would see another one.
            return Err(Failure::Unauthorized);
        }
        let turn = self.site.turn().await?;
        let begun = Instant::now();
        let jar = match cookies {
            Cookies::Kept => self.person.take(&self.tag, self.site.age()),
            Cookies::Fresh => None,
        };
        let kept = jar.is_some();
        let mut outcome = self.exchange(ask, jar, &parse).await;
        if kept && outcome.as_ref().err().is_some_and(is_expired) {
            outcome = self.exchange(ask, None, &parse).await;
        }
        if matches!(outcome, Err(Failure::Unauthorized)) {
            self.person.forget(&self.tag);
        }
        self.site.settle(&turn, ask.kind, name, &outcome);
        let word = if outcome.is_ok() { "answered" } else { "failed" };
        log::debug!("{name} for {:?} {word} after {} ms", self.login.user, begun.elapsed().as_millis());
        outcome
    }

    /// One HTTP request. The session is put back only when PHP has finished with it and has let the user in.
    async fn exchange<T>(
        &self,
        ask: &Ask,
        jar: Option<Jar>,
        parse: impl Fn(&Reply) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let known = jar.is_some();
        let mut jar = jar.unwrap_or_else(Jar::new);
        self.person.requests.fetch_add(1, Ordering::Relaxed);
        let reply = self.site.send(ask, &self.login, known.then(|| jar.header())).await?;
        let outcome = parse(&reply);
        if matches!(outcome, Ok(_) | Err(Failure::Fault(_))) {
            reply.cookies.iter().for_each(|cookie| jar.set(cookie));
            self.person.put(&self.tag, jar, self.site.settings.parallel.max(1));
        }
        outcome
    }
}

/// Whether the answer may mean that the session is over.
fn is_expired(failure: &Failure) -> bool {
    match failure {
        Failure::Unauthorized => true,
        Failure::Trouble(trouble) => matches!(trouble.kind, Kind::Redirect | Kind::LoginPage),
        _ => false,
    }
}

//! The front desk: query, version, login, the one gate (wipe, block, policy), throttling, dispatch, and which error becomes which
//! HTTP status or Status element.

mod answer;
mod auth;
mod autodiscover;
mod body;
mod catch;
mod dispatch;
mod eas;
pub mod gate;
mod known;
mod line;
mod negotiate;
mod refuse;
#[cfg(test)]
mod tests;
mod throttle;

use std::{
    future::Future,
    sync::{Arc, PoisonError, RwLock},
};

use self::{auth::Auth, dispatch::Entry, eas::Begun, line::Line, throttle::Throttle};
use crate::{
    command::Site,
    config::Config,
    gateway::{Handler, Request, Response, ResponseBody},
};

/// Answers all requests of all doors.
#[derive(Debug)]
pub struct Desk {
    site: RwLock<Arc<Site>>,
    auth: Auth,
    throttle: Throttle,
    table: &'static [Entry],
}

impl Desk {
    /// A desk for that site.
    ///
    /// # Errors
    /// The system has no random numbers; the text is for the administrator.
    pub fn new(site: Site) -> Result<Self, String> {
        Self::with_table(site, dispatch::TABLE)
    }

    fn with_table(site: Site, table: &'static [Entry]) -> Result<Self, String> {
        let throttle = Throttle::new(&site.config.limits);
        Ok(Self { site: RwLock::new(Arc::new(site)), auth: Auth::new()?, throttle, table })
    }

    /// The site as it is now.
    pub fn site(&self) -> Arc<Site> {
        Arc::clone(&self.site.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes another configuration for all requests from now on. State directory and Horde stay as they are.
    pub fn reload(&self, config: Config) {
        self.throttle.reload(&config.limits);
        let mut site = self.site.write().unwrap_or_else(PoisonError::into_inner);
        *site = Arc::new(site.with(config));
    }

    /// The program is about to end: requests that wait for changes end their wait and answer.
    pub fn close(&self) {
        self.site().watch.stop();
    }

    /// Waits for what goes on after requests were answered: copies of sent mails. To be called when there are no more requests; what is not
    /// done when the waiting is broken off is done at later requests of the users.
    pub async fn end(&self) {
        self.site().memory.end().await;
    }

    /// All that comes before the work of a command: gives the command that may begin, or the answer where there is nothing to begin.
    async fn arrive(&self, request: Box<Request>) -> (Line, Result<Box<Begun<'_>>, Box<Response>>) {
        let mut line = Line::new();
        line.add("from", request.remote.map(|a| a.to_string()).unwrap_or_default());
        let arrived = self.route(request, &mut line).await;
        line.shrink();
        (line, arrived.map_err(Box::new))
    }

    async fn route(&self, request: Box<Request>, line: &mut Line) -> Result<Box<Begun<'_>>, Response> {
        let site = self.site();
        let path = request.path.trim_end_matches('/').to_ascii_lowercase();
        line.add("method", &request.method);
        if path.ends_with("/microsoft-server-activesync") {
            return self.active_sync(&site, request, line).await;
        }
        line.add("path", &request.path);
        Err(match autodiscover::kind(&path) {
            Some(kind) => Box::pin(self.autodiscover(&site, kind, *request, line)).await,
            None => Response::status(404),
        })
    }
}

impl Handler for Desk {
    fn handle(&self, request: Request) -> impl Future<Output = Response> + Send {
        // In a box that is gone when the command begins: a phone may wait an hour in there, and this is larger than all that waits.
        let arriving = Box::pin(self.arrive(Box::new(request)));
        async move {
            let (mut line, arrived) = arriving.await;
            let response = match arrived {
                Ok(begun) => self.carry_out(begun, &mut line).await,
                Err(response) => *response,
            };
            let response = self.throttle.spread(response);
            line.add("status", response.status);
            if let ResponseBody::Full(body) = &response.body {
                line.add("out", body.len());
            }
            line.end();
            response
        }
    }
}

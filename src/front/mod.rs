//! The front desk: query, version, login, the one gate (wipe, block, policy), throttling, dispatch, and which error becomes which
//! HTTP status or Status element.

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

use std::sync::{Arc, PoisonError, RwLock};

use self::{auth::Auth, catch::Caught, dispatch::Entry, line::Line};
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
        Ok(Self { site: RwLock::new(Arc::new(site)), auth: Auth::new()?, table })
    }

    /// The site as it is now.
    pub fn site(&self) -> Arc<Site> {
        Arc::clone(&self.site.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes another configuration for all requests from now on. State directory and Horde stay as they are.
    pub fn reload(&self, config: Config) {
        let mut site = self.site.write().unwrap_or_else(PoisonError::into_inner);
        *site = Arc::new(site.with(config));
    }

    /// The program is about to end: requests that wait for changes end their wait and answer.
    pub fn close(&self) {
        self.site().waits.stop();
    }

    /// Waits for what goes on after requests were answered: copies of sent mails. To be called when there are no more requests; what is not
    /// done when the waiting is broken off is done at later requests of the users.
    pub async fn end(&self) {
        self.site().memory.end().await;
    }

    async fn route(&self, request: Request, line: &mut Line) -> Response {
        let site = self.site();
        let path = request.path.trim_end_matches('/').to_ascii_lowercase();
        line.add("method", &request.method);
        if path.ends_with("/microsoft-server-activesync") {
            return self.active_sync(&site, request, line).await;
        }
        line.add("path", &request.path);
        match autodiscover::kind(&path) {
            Some(kind) => self.autodiscover(&site, kind, request, line).await,
            None => Response::status(404),
        }
    }
}

impl Handler for Desk {
    async fn handle(&self, request: Request) -> Response {
        let mut line = Line::start();
        line.add("from", request.remote.map(|a| a.to_string()).unwrap_or_default());
        let response = match Caught::new(self.route(request, &mut line)).await {
            Ok(response) => response,
            Err(panic) => {
                log::error!("a defect of this program, please report it: {panic}");
                Response::status(500)
            }
        };
        line.add("status", response.status);
        if let ResponseBody::Full(body) = &response.body {
            line.add("out", body.len());
        }
        line.end();
        response
    }
}

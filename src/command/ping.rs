//! Ping: waits until a folder has changes (MS-ASCMD 2.2.1.13).

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    Context, Reply,
    remembered::{recall, remember},
    wait::{self, Ended},
};
use crate::{
    error::Error,
    proto::ping::{Request, Response},
};

const JOURNAL: &str = "ping";

/// Status values (MS-ASCMD 2.2.3.177.11).
mod status {
    pub(super) const OVER: u16 = 1;
    pub(super) const CHANGES: u16 = 2;
    pub(super) const PARAMETERS: u16 = 3;
    pub(super) const SYNTAX: u16 = 4;
    pub(super) const HEARTBEAT: u16 = 5;
    pub(super) const TOO_MANY: u16 = 6;
    pub(super) const FOLDERS: u16 = 7;
}

/// What a phone need not send again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Parameters {
    heartbeat: Option<u32>,
    folders: Vec<String>,
}

/// Carries the command out.
///
/// # Errors
/// The request is malformed, the state cannot be had, or Horde could not be asked until the end of the time.
pub async fn run(ctx: &Context, body: Bytes) -> Result<Reply, Error> {
    let request = if body.is_empty() { Request::default() } else { Request::read(&body)? };
    drop(body);
    // Taken out of the match: what that looks at would be kept as long as the phone waits.
    let (heartbeat, folders) = match Box::pin(parameters(ctx, request)).await? {
        Ok(parameters) => parameters,
        Err(response) => return Ok(Reply::document(response.write())),
    };
    let response = wait(ctx, heartbeat, &folders).await?;
    Ok(Reply::document(response.write()))
}

/// Heartbeat and folders from the request and what is remembered, or what is wrong with them.
async fn parameters(ctx: &Context, request: Request) -> Result<Result<(u32, Vec<String>), Response>, Error> {
    let refused = |status| Ok(Err(Response { status, ..Response::default() }));
    let limits = &ctx.site.config.ping;
    let locked = ctx.device.lock().await?;
    let mut parameters: Parameters = recall(&locked, JOURNAL)?.unwrap_or_default();
    if let Some(heartbeat) = request.heartbeat {
        if heartbeat < limits.min || heartbeat > limits.max {
            let nearest = heartbeat.clamp(limits.min, limits.max);
            let status = status::HEARTBEAT;
            return Ok(Err(Response { status, heartbeat: Some(nearest), ..Response::default() }));
        }
        parameters.heartbeat = Some(heartbeat);
    }
    if let Some(folders) = request.folders.filter(|folders| !folders.is_empty()) {
        let distinct: BTreeSet<&str> = folders.iter().map(|folder| folder.id.as_str()).collect();
        if distinct.len() < folders.len() || distinct.contains("") {
            return refused(status::SYNTAX);
        }
        if folders.len() > limits.max_folders {
            let max_folders = u32::try_from(limits.max_folders).ok();
            return Ok(Err(Response { status: status::TOO_MANY, max_folders, ..Response::default() }));
        }
        parameters.folders = folders.into_iter().map(|folder| folder.id).collect();
        // It may be kept for an hour, in the room that the folders had.
        parameters.folders.shrink_to_fit();
    }
    remember(&locked, JOURNAL, &parameters).await?;
    match parameters.heartbeat {
        Some(heartbeat) if !parameters.folders.is_empty() => {
            Ok(Ok((heartbeat.clamp(limits.min, limits.max), parameters.folders)))
        }
        _ => refused(status::PARAMETERS),
    }
}

async fn wait(ctx: &Context, heartbeat: u32, folders: &[String]) -> Result<Response, Error> {
    // Where a wait costs a process the phone is answered after one look.
    let time = if ctx.may_wait { Duration::from_secs(heartbeat.into()) } else { Duration::ZERO };
    let (status, folders) = match wait::changes(ctx, folders, time).await? {
        Ended::Changes(folders) => (status::CHANGES, folders),
        Ended::Over => (status::OVER, Vec::new()),
        // FolderSync is what the phone sends next, and what the gate answers.
        Ended::Folders | Ended::Gate => (status::FOLDERS, Vec::new()),
    };
    Ok(Response { status, folders, ..Response::default() })
}

//! Settings: what the phone tells of itself, the user's mail addresses and out-of-office replies (MS-ASCMD 2.2.1.18).

use bytes::Bytes;

use super::{Context, Reply};
use crate::{
    error::Error,
    horde,
    proto::settings::{Action, PartResponse, Request, Response, Subject, oof},
    source::{self, Identity, Vacation},
};

/// Status values (MS-ASCMD 2.2.3.177.15).
mod status {
    pub(super) const OK: u16 = 1;
    pub(super) const PROTOCOL: u16 = 2;
    pub(super) const ACCESS_DENIED: u16 = 3;
    pub(super) const UNAVAILABLE: u16 = 4;
    pub(super) const WRONG: u16 = 5;
    pub(super) const DENIED_BY_POLICY: u16 = 7;
    /// Common Status IRM_FeatureDisabled.
    pub(super) const RIGHTS_MANAGEMENT_OFF: u16 = 168;
}

/// Carries the command out.
///
/// # Errors
/// The request is malformed, the login is not accepted any more, or the state cannot be had.
pub async fn run(ctx: &Context, body: Bytes) -> Result<Reply, Error> {
    let request = Request::read(&body)?;
    if let Some(elements) = &request.device_information {
        let locked = ctx.device.lock().await?;
        locked.update(|info| info.describe(elements.iter().map(|(name, text)| (name.as_str(), text.as_str())))).await?;
    }
    let mut parts = Vec::new();
    for part in &request.parts {
        if let (Subject::Oof, Some(asked)) = (part.subject, request.oof.as_ref().filter(|_| part.action.is_some())) {
            let (status, oof) = out_of_office(ctx, asked).await?;
            parts.push(PartResponse { subject: part.subject, status, addresses: Vec::new(), oof });
            continue;
        }
        let (status, addresses) = match (part.subject, part.action) {
            (_, None) => (status::PROTOCOL, Vec::new()),
            // Stored above, if there was anything to store.
            (Subject::DeviceInformation, Some(Action::Set)) => (status::OK, Vec::new()),
            (Subject::UserInformation, Some(Action::Get)) => user_information(ctx).await?,
            (Subject::DeviceInformation | Subject::UserInformation, Some(_)) => (status::PROTOCOL, Vec::new()),
            (Subject::Oof, Some(_)) => (status::PROTOCOL, Vec::new()),
            (Subject::DevicePassword, Some(_)) => (status::DENIED_BY_POLICY, Vec::new()),
            (Subject::RightsManagementInformation, Some(_)) => (status::RIGHTS_MANAGEMENT_OFF, Vec::new()),
        };
        parts.push(PartResponse { subject: part.subject, status, addresses, oof: None });
    }
    let response = Response { status: status::OK, parts };
    Ok(Reply::document(response.write(ctx.version)))
}

/// The user's addresses. Trouble with Horde is the status of this part, not of the others.
async fn user_information(ctx: &Context) -> Result<(u16, Vec<String>), Error> {
    match Identity::of(&ctx.session, &ctx.site.config.mail.domain).await {
        Ok(identity) => Ok((status::OK, identity.addresses)),
        Err(horde::Error::Unauthorized) => Err(Error::Unauthorized),
        Err(error) => {
            log::warn!("mail addresses of {}: {error}", ctx.session.user());
            Ok((status::UNAVAILABLE, Vec::new()))
        }
    }
}

/// Out-of-office replies. Trouble with Horde is the status of this part, not of the others.
async fn out_of_office(ctx: &Context, asked: &oof::Request) -> Result<(u16, Option<oof::Oof>), Error> {
    let user = ctx.session.user();
    let vacation = Vacation::new(ctx.session.clone(), ctx.site.store.beside(user, "filter")?);
    let result = match asked {
        oof::Request::Get { html } => vacation.get(*html).await.map(Some),
        oof::Request::Set(oof) if oof.wrong => return Ok((status::WRONG, None)),
        oof::Request::Set(oof) => vacation.set(oof).await.map(|()| None),
    };
    let status = match result {
        Ok(oof) => return Ok((status::OK, oof)),
        Err(source::Error::Unauthorized) => return Err(Error::Unauthorized),
        Err(source::Error::Denied) => status::ACCESS_DENIED,
        Err(source::Error::Refused(reason)) => {
            log::info!("{user}: {reason}");
            status::WRONG
        }
        Err(error) => {
            log::warn!("out-of-office replies of {user}: {error}");
            status::UNAVAILABLE
        }
    };
    Ok((status, None))
}

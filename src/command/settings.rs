//! Settings: what the phone tells of itself, and the user's mail addresses (MS-ASCMD 2.2.1.18).

use super::{Context, Reply};
use crate::{
    error::Error,
    horde,
    proto::settings::{Action, PartResponse, Request, Response, Subject},
    source::Identity,
};

/// Status values (MS-ASCMD 2.2.3.177.15).
mod status {
    pub(super) const OK: u16 = 1;
    pub(super) const PROTOCOL: u16 = 2;
    pub(super) const ACCESS_DENIED: u16 = 3;
    pub(super) const UNAVAILABLE: u16 = 4;
    pub(super) const DENIED_BY_POLICY: u16 = 7;
    /// Common Status IRM_FeatureDisabled.
    pub(super) const RIGHTS_MANAGEMENT_OFF: u16 = 168;
}

/// Carries the command out.
///
/// # Errors
/// The request is malformed, the login is not accepted any more, or the state cannot be had.
pub async fn run(ctx: &Context, body: &[u8]) -> Result<Reply, Error> {
    let request = Request::read(body)?;
    if let Some(elements) = &request.device_information {
        let locked = ctx.device.lock().await?;
        locked.update(|info| info.describe(elements.iter().map(|(name, text)| (name.as_str(), text.as_str())))).await?;
    }
    let mut parts = Vec::new();
    for part in &request.parts {
        let (status, addresses) = match (part.subject, part.action) {
            (_, None) => (status::PROTOCOL, Vec::new()),
            // Stored above, if there was anything to store.
            (Subject::DeviceInformation, Some(Action::Set)) => (status::OK, Vec::new()),
            (Subject::UserInformation, Some(Action::Get)) => user_information(ctx).await?,
            (Subject::DeviceInformation | Subject::UserInformation, Some(_)) => (status::PROTOCOL, Vec::new()),
            (Subject::Oof, Some(_)) => (status::ACCESS_DENIED, Vec::new()),
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

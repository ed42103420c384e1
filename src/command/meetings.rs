//! The user's events, with what has to be mailed about them.

use super::Context;
use crate::{
    error::Error,
    source::{Inviting, inviting::Clerk, kronolith::Kronolith},
};

/// The user's calendars.
pub(super) fn events(ctx: &Context) -> Result<Inviting<Kronolith, Clerk>, Error> {
    let kept = ctx.site.store.beside(ctx.session.user(), "calendar")?;
    let source = Kronolith::new(ctx.session.clone(), kept, &ctx.site.events);
    let config = &ctx.site.config;
    let clerk = Clerk { session: ctx.session.clone(), smtp: config.smtp.clone(), domain: config.mail.domain.clone() };
    let outbox = ctx.site.store.outbox(ctx.session.user())?;
    Ok(Inviting::new(source, clerk, outbox, ctx.version.traits().server_invites))
}

/// Sends what earlier requests of the user have left behind. What cannot be sent now waits; no request fails for it.
pub async fn flush(ctx: &Context) {
    match events(ctx) {
        Ok(events) => events.flush().await,
        Err(error) => log::warn!("mails about meetings wait: {error}"),
    }
}

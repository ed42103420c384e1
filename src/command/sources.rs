//! Where the items of a user live: which classes the site has, which containers, and where their histories stand.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::Context;
use crate::{
    horde, imap,
    proto::class::Class,
    smtp,
    source::{
        self, Any, Container, Imp, Inviting, Merged, Source, any,
        imp::{Desk, Postbox},
        inviting::Clerk,
        merged, people,
        sending::{Copying, Sender},
    },
    sync::Error,
};

/// How long the list of Horde's applications is believed.
const BELIEVED: Duration = Duration::from_secs(300);
/// Lists Horde's interfaces.
const INTERFACES: &str = "horde.listAPIs";

/// What is remembered of Horde's applications for all users.
#[derive(Debug, Default)]
pub struct Memory {
    shared: any::Shared,
    merged: merged::Shared,
    copying: Copying,
    /// Classes for which there is an application.
    classes: Mutex<Option<(Instant, Vec<Class>)>>,
}

impl Memory {
    /// Nothing yet; mail is read as these settings say.
    pub(super) fn new(imap: imap::Settings) -> Self {
        Self { shared: any::Shared::new(imap), ..Self::default() }
    }

    /// What the applications remember.
    pub(super) fn shared(&self) -> &any::Shared {
        &self.shared
    }

    /// Waits until the copies of sent mails that are under way are in their folders: for the end of the program.
    pub async fn end(&self) {
        self.copying.end().await;
    }
}

/// The user's items of a class. All classes have the container [`merged::ALL`] beside those of Horde.
pub(super) fn source_of(ctx: &Context, class: Class) -> Result<Merged<Items>, Error> {
    Ok(Merged::new(items(ctx, class)?, ctx.session.user(), &ctx.site.memory.merged))
}

/// The user's items of a class; who takes part in events is told of what happens to them.
pub(super) type Items = Inviting<Any, Clerk>;

/// The user's items of a class, container by container.
pub(super) fn items(ctx: &Context, class: Class) -> Result<Items, Error> {
    let site = &ctx.site;
    let user = ctx.session.user();
    let mut source = any(ctx, class)?;
    if let Any::Email(imp) = &mut source {
        imp.sit_at(Desk { store: site.store.clone(), domain: site.config.mail.domain.clone(), sender: sender(ctx)? });
    }
    let (smtp, domain) = (site.config.smtp.clone(), site.config.mail.domain.clone());
    let clerk = Clerk::new(ctx.session.clone(), smtp, domain);
    Ok(Inviting::new(source, clerk, site.store.outbox(user)?, ctx.version.traits().server_invites))
}

/// The application that holds the user's items of a class.
fn any(ctx: &Context, class: Class) -> Result<Any, Error> {
    let beside = ctx.site.store.beside(ctx.session.user(), &class.name().to_ascii_lowercase())?;
    Ok(Any::new(class, ctx.session.clone(), beside, &ctx.site.memory.shared))
}

/// The user's mail, for what is done with it beside syncing.
///
/// # Errors
/// The state directory cannot be used.
pub fn mail(ctx: &Context) -> Result<Imp, Error> {
    let beside = ctx.site.store.beside(ctx.session.user(), &Class::Email.name().to_ascii_lowercase())?;
    Ok(Imp::new(ctx.session.clone(), beside, ctx.site.memory.shared.mail()))
}

/// Who sends for the user.
///
/// # Errors
/// The state directory cannot be used.
pub(super) fn sender(ctx: &Context) -> Result<Sender, Error> {
    let login = ctx.session.login();
    let login = smtp::Login { user: login.user.clone(), password: login.password.clone() };
    let copies = ctx.site.store.copies(ctx.session.user())?;
    let copying = ctx.site.memory.copying.clone();
    Ok(Sender { smtp: ctx.site.config.smtp.clone(), login, sent: ctx.device.sent(), copies, copying })
}

/// The user's mailbox, as far as sending needs it.
pub(super) fn postbox(ctx: &Context) -> Result<Postbox, Error> {
    Ok(Postbox::new(mail(ctx)?, ctx.session.clone(), ctx.site.store.clone()))
}

/// The user's mail; `None` where Horde has none.
///
/// # Errors
/// Horde or the state directory cannot be had.
pub(super) async fn mail_of(ctx: &Context) -> Result<Option<Imp>, Error> {
    if classes(ctx).await?.contains(&Class::Email) { mail(ctx).map(Some) } else { Ok(None) }
}

/// Sends mails about meetings that earlier requests of the user have left behind, and begins with copies of sent mails that still are to be
/// put into their folder. What cannot be done now waits; no request fails for it.
pub async fn flush(ctx: &Context) {
    match sender(ctx).and_then(|sender| Ok((sender, postbox(ctx)?))) {
        Ok((sender, room)) => sender.resume(room),
        Err(error) => log::warn!("copies of sent mails wait: {error:?}"),
    }
    match items(ctx, Class::Calendar) {
        Ok(events) => events.flush().await,
        Err(error) => log::warn!("mails about meetings wait: {error:?}"),
    }
}

/// The classes that have folders: served here, known to the version, and with an application in Horde.
pub(super) async fn classes(ctx: &Context) -> Result<Vec<Class>, Error> {
    let there = installed(ctx).await?;
    let known = |class: &Class| *class != Class::Notes || ctx.version.traits().notes;
    Ok(there.into_iter().filter(known).collect())
}

async fn installed(ctx: &Context) -> Result<Vec<Class>, Error> {
    let lock = || ctx.site.memory.classes.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, classes)) = lock().as_ref().filter(|(at, _)| at.elapsed() < BELIEVED) {
        return Ok(classes.clone());
    }
    let answer = ctx.session.read(INTERFACES, Vec::new()).await.map_err(told)?;
    let Some(list) = answer.as_array().filter(|list| !list.is_empty()) else {
        return Err(unavailable(format!("{INTERFACES} gave no list")).into());
    };
    let has = |name: &str| list.iter().any(|entry| entry.as_str() == Some(name));
    let classes: Vec<Class> = Any::SERVED.iter().filter(|(_, name)| has(name)).map(|(class, _)| *class).collect();
    *lock() = Some((Instant::now(), classes.clone()));
    Ok(classes)
}

fn told(error: horde::Error) -> source::Error {
    match error {
        horde::Error::Unauthorized => source::Error::Unauthorized,
        horde::Error::Unavailable { reason, retry_after } => source::Error::Unavailable { reason, retry_after },
        error => unavailable(format!("{INTERFACES}: {error}")),
    }
}

fn unavailable(reason: String) -> source::Error {
    source::Error::Unavailable { reason, retry_after: Duration::from_secs(60) }
}

/// Whether this device gets one folder for all containers of a class.
pub(super) fn merges(ctx: &Context, class: Class) -> bool {
    ctx.site.config.folders.merges(&ctx.query.device_type, &ctx.user_agent, class)
}

/// The folder of the people whom the user writes to most: IMP counts them, and a device with several folders of contacts gets them. That it is there
/// follows from nothing that could change while a phone waits.
pub(super) fn people_of(ctx: &Context, classes: &[Class]) -> Option<(Class, Container)> {
    let there =
        ctx.version.traits().recipient_cache && [Class::Email, Class::Contacts].iter().all(|c| classes.contains(c));
    (there && !merges(ctx, Class::Contacts)).then(|| (Class::Contacts, people::container()))
}

/// All containers of these classes that the user may see, as this device is to have them.
pub(super) async fn present(ctx: &Context, classes: &[Class]) -> Result<Vec<(Class, Container)>, Error> {
    let (apart, together): (Vec<Class>, Vec<Class>) =
        classes.iter().partition(|class| **class == Class::Email || merges(ctx, **class));
    let apps = together.into_iter().map(|class| any(ctx, class)).collect::<Result<Vec<Any>, Error>>()?;
    let (lists, others) = tokio::join!(Any::containers_of(&apps, true), apart_from_others(ctx, &apart));
    let mut lists: BTreeMap<_, _> = lists?.into_iter().chain(others?).collect();
    let mut present = Vec::new();
    for class in classes {
        match lists.remove(class).unwrap_or_else(|| Ok(Vec::new())) {
            Ok(containers) => present.extend(containers.into_iter().map(|container| (*class, container))),
            // An application that this user may not use has nothing for him.
            Err(source::Error::Denied) => log::info!("{} may not use {}", ctx.session.user(), class.name()),
            // Without its mail server a user still has the rest; mail folders that the phone has are asked for one by one.
            Err(source::Error::Unavailable { reason, .. }) if *class == Class::Email => {
                log::warn!("{} has no mail folders for now: {reason}", ctx.session.user());
            }
            Err(error) => return Err(error.into()),
        }
    }
    present.extend(people_of(ctx, classes));
    Ok(present)
}

/// The containers of classes that cannot be asked for with others.
async fn apart_from_others(
    ctx: &Context,
    classes: &[Class],
) -> Result<Vec<(Class, Result<Vec<Container>, source::Error>)>, Error> {
    let mut lists = Vec::new();
    for class in classes {
        let source = source_of(ctx, *class)?;
        let containers = match merges(ctx, *class) {
            true => source.whole().await.map(|whole| whole.into_iter().collect()),
            false => source.containers().await,
        };
        lists.push((*class, containers));
    }
    Ok(lists)
}

/// Where the histories of containers stand, in as few questions as possible; in order.
pub(super) async fn cursors(ctx: &Context, containers: &[(Class, String)]) -> Result<Vec<u64>, Error> {
    let mut by_class: BTreeMap<Class, Vec<(usize, String)>> = BTreeMap::new();
    for (at, (class, container)) in containers.iter().enumerate() {
        by_class.entry(*class).or_default().push((at, container.clone()));
    }
    let mut found = vec![0; containers.len()];
    for (class, part) in by_class {
        let ids: Vec<String> = part.iter().map(|(_, id)| id.clone()).collect();
        for ((at, _), cursor) in part.iter().zip(source_of(ctx, class)?.cursors(&ids).await?) {
            if let Some(place) = found.get_mut(*at) {
                *place = cursor;
            }
        }
    }
    Ok(found)
}

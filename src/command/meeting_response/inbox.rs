//! Answers to invitations that are mails: the event is in the calendar before it is answered, and the mail goes when it is.

use super::super::{Context, folder_sync, sources};
use crate::{
    convert::{ical, mime::Message},
    error::Error,
    proto::class::{self, Class, Patch, Properties},
    source::{self, Fetched, Imp, Source, mail::Mail},
    sync::{self, Hierarchy},
    wbxml::{
        Tag,
        tag::{air_sync_base as b, calendar as c},
    },
};

/// Largest mail that is read for its invitation, bytes.
const LARGEST: u64 = 10 << 20;

/// What an update may change of an event that is in the calendar already.
const UPDATED: [Tag; 8] =
    [c::SUBJECT, c::START_TIME, c::END_TIME, c::ALL_DAY_EVENT, c::TIMEZONE, c::RECURRENCE, b::LOCATION, b::BODY];

/// An invitation, and where its event is.
pub(super) struct Invitation {
    imp: Imp,
    /// Folder and uid of the mail.
    mail: (String, String),
    /// Calendar of the event.
    pub(super) calendar: String,
    /// Its uid.
    pub(super) uid: String,
}

impl Invitation {
    /// Reads the mail and sees to it that its event is in a calendar; `None`: it invites to nothing.
    pub(super) async fn open(ctx: &Context, folder: &str, mail: &str) -> Result<Option<Self>, Error> {
        let Some(imp) = sources::mail_of(ctx).await? else { return Ok(None) };
        let raw = match imp.raw(folder, mail, ctx.site.store.spool()).await {
            Ok(raw) if raw.len() <= LARGEST => raw,
            Ok(_) | Err(source::Error::NotFound | source::Error::ContainerGone) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let bytes =
            raw.read(0, usize::try_from(raw.len()).unwrap_or(usize::MAX)).await.map_err(|error| Error::RetryLater {
                reason: format!("a mail cannot be read: {error}"),
                after: std::time::Duration::from_secs(60),
            })?;
        let message = Message::parse(&bytes);
        let Some((method, text)) = message.calendar() else { return Ok(None) };
        let Ok(event) = ical::read(text, &*imp.home().await) else { return Ok(None) };
        let method = event.method.clone().unwrap_or(method);
        // A single occurrence of a series that is not here has nowhere to go.
        if method != "REQUEST" || event.uid.is_empty() || event.instance.is_some() {
            return Ok(None);
        }
        let calendar = place(ctx, &event.uid, event.item).await?;
        let mail = (folder.to_owned(), mail.to_owned());
        Ok(calendar.map(|calendar| Self { imp, mail, calendar, uid: event.uid }))
    }

    /// The mail is done with. If it cannot be moved it stays where it is: the answer was given all the same.
    pub(super) async fn close(&self) {
        match self.imp.discard(&self.mail.0, &self.mail.1, false).await {
            Ok(()) | Err(source::Error::NotFound) => {}
            Err(error) => log::warn!("an invitation that was answered stays in its folder: {error}"),
        }
    }

    /// What the phone calls the event; `None`: it has no folder for that calendar.
    pub(super) async fn calendar_id(&self, ctx: &Context) -> Result<Option<String>, Error> {
        let locked = ctx.device.lock().await?;
        let hierarchy = Hierarchy::load(&mut locked.journal(folder_sync::JOURNAL)?)?;
        let folder = hierarchy.as_ref().and_then(|hierarchy| hierarchy.id_of(Class::Calendar, &self.calendar));
        Ok(folder.map(|folder| format!("{folder}:{}", sync::item_id(Class::Calendar, &self.uid))))
    }
}

/// The calendar in which the event is by now; `None`: it cannot be in any.
async fn place(ctx: &Context, uid: &str, item: Properties) -> Result<Option<String>, Error> {
    let events = sources::items(ctx, Class::Calendar)?;
    let calendars = events.containers().await?;
    let own: Vec<String> = calendars.into_iter().filter(|calendar| calendar.writable).map(|one| one.id).collect();
    for calendar in &own {
        let found = events.fetch(calendar, &[uid.to_owned()], &[]).await?;
        if let Some(Fetched::Item(there)) = found.into_iter().next() {
            update(&events, calendar, uid, &there, &item).await?;
            return Ok(Some(calendar.clone()));
        }
    }
    let Some(home) = own.into_iter().next() else { return Ok(None) };
    let item = class::with_uid(Class::Calendar, item, uid);
    match events.add(&home, uid, &item).await {
        Ok(_) | Err(source::Error::Exists) => Ok(Some(home)),
        Err(error @ (source::Error::Denied | source::Error::Refused(_))) => {
            log::warn!("an invitation cannot be put into the calendar: {error}");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

async fn update<S: Source>(
    events: &S,
    calendar: &str,
    uid: &str,
    there: &Properties,
    item: &Properties,
) -> Result<(), Error> {
    let news = UPDATED.iter().filter(|tag| item.0.get(tag).is_some_and(|value| there.0.get(tag) != Some(value)));
    let set = Properties(news.filter_map(|tag| Some((*tag, item.0.get(tag)?.clone()))).collect());
    if set.0.is_empty() {
        return Ok(());
    }
    match events.change(calendar, uid, &Patch { set, clear: Vec::new() }).await {
        Ok(()) | Err(source::Error::NotFound | source::Error::Denied) => Ok(()),
        Err(source::Error::Refused(reason)) => {
            log::warn!("an updated invitation is answered as it was before: {reason}");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

//! MeetingResponse: answers to invitations (MS-ASCMD 2.2.1.11).
//!
//! Phones name the mail, or the event in the calendar. From 16.0 on the organizer is told by us if the phone says so
//! (SendResponse); before, the phone sends that mail itself and we must not.

mod inbox;

use inbox::Invitation;

use bytes::Bytes;

use super::{Context, Reply, folder_sync, sources};
use crate::{
    convert::html,
    error::Error,
    proto::{
        class::{BodyKind, Class},
        meeting_response::{self as proto, Outcome, Request},
    },
    source::{
        self,
        inviting::{Answer, Reply as Told, Response, Unanswered},
        merged,
    },
    sync::{self, Hierarchy},
};

/// Most answers of one request.
const MOST: usize = 100;
/// Longest words to the organizer, bytes.
const LONGEST: usize = 64 << 10;

/// Status values (MS-ASCMD 2.2.3.177.9, and common ones).
mod status {
    pub(super) const OK: u16 = 1;
    pub(super) const NO_INVITATION: u16 = 2;
    pub(super) const MAILBOX: u16 = 3;
    pub(super) const WRONG_INSTANCE: u16 = 104;
    pub(super) const NOT_RECURRING: u16 = 146;
}

/// Carries the command out.
///
/// # Errors
/// The request is malformed, or Horde or the state cannot be had; the same request again repeats nothing that was done.
pub async fn run(ctx: &Context, body: Bytes) -> Result<Reply, Error> {
    let request = Request::read(&body)?;
    if request.answers.len() > MOST {
        return Err(Error::Status(103));
    }
    let mut results = Vec::new();
    for answer in &request.answers {
        let (status, calendar) = one(ctx, answer).await?;
        let stays = status == status::OK && answer.response != proto::Response::Declined;
        results.push(Outcome {
            request: answer.request.clone(),
            status,
            calendar: calendar.filter(|_| stays),
            instance: answer.instance.as_ref().map(|instance| instance.text.clone()),
        });
    }
    Ok(Reply::document(proto::Reply { results }.write(ctx.version)))
}

/// Status, and what the phone calls the event.
async fn one(ctx: &Context, answer: &proto::Answer) -> Result<(u16, Option<String>), Error> {
    match find(ctx, answer).await? {
        None => Ok((status::NO_INVITATION, None)),
        Some((Class::Calendar, container, uid)) => {
            Ok((put(ctx, answer, &container, &uid).await?, Some(answer.request.clone())))
        }
        Some((_, folder, mail)) => {
            let Some(invitation) = Invitation::open(ctx, &folder, &mail).await? else {
                return Ok((status::NO_INVITATION, None));
            };
            let status = put(ctx, answer, &invitation.calendar, &invitation.uid).await?;
            if status == status::OK {
                invitation.close().await;
            }
            Ok((status, invitation.calendar_id(ctx).await?))
        }
    }
}

/// Puts the answer into the calendar, and tells the organizer if that is ours to do.
async fn put(ctx: &Context, answer: &proto::Answer, container: &str, uid: &str) -> Result<u16, Error> {
    let instance = match &answer.instance {
        Some(_) if !ctx.version.traits().meeting_instances => return Ok(status::NO_INVITATION),
        Some(proto::Instance { start: None, .. }) => return Ok(status::WRONG_INSTANCE),
        Some(proto::Instance { start, .. }) => start.clone(),
        None => None,
    };
    let reply = answer.send.as_ref().filter(|_| ctx.version.traits().server_invites).map(told);
    let response = match answer.response {
        proto::Response::Accepted => Response::Accepted,
        proto::Response::Tentative => Response::Tentative,
        proto::Response::Declined => Response::Declined,
    };
    match sources::items(ctx, Class::Calendar)?.answer(container, uid, &Answer { response, instance, reply }).await {
        Ok(()) => Ok(status::OK),
        Err(Unanswered::NoInvitation) => Ok(status::NO_INVITATION),
        Err(Unanswered::NotRecurring) => Ok(status::NOT_RECURRING),
        Err(Unanswered::Source(error @ (source::Error::Denied | source::Error::Refused(_)))) => {
            log::warn!("the answer to {uid} cannot be stored: {error}");
            Ok(status::MAILBOX)
        }
        Err(Unanswered::Source(error)) => Err(error.into()),
    }
}

/// What is meant: an event with its calendar, or a mail with its folder; `None`: it names nothing of this device.
async fn find(ctx: &Context, answer: &proto::Answer) -> Result<Option<(Class, String, String)>, Error> {
    if let Some(long_id) = &answer.long_id {
        let place = long_id.split_once(':');
        return Ok(place.map(|(folder, mail)| (Class::Email, folder.to_owned(), mail.to_owned())));
    }
    let named = if answer.collection.is_empty() { answer.request.split(':').next() } else { Some(&*answer.collection) };
    let Some(collection) = named else { return Ok(None) };
    let locked = ctx.device.lock().await?;
    let hierarchy = Hierarchy::load(&mut locked.journal(folder_sync::JOURNAL)?)?;
    let folder = hierarchy.as_ref().and_then(|hierarchy| hierarchy.folder(collection));
    let Some(folder) = folder.filter(|folder| matches!(folder.class, Class::Calendar | Class::Email)) else {
        return Ok(None);
    };
    let uid = sync::resolve(&mut locked.journal(collection)?, folder.class, collection, &answer.request)?;
    let place = uid.as_deref().and_then(|uid| merged::place(&folder.container, uid));
    Ok(place.map(|(container, uid)| (folder.class, container.to_owned(), uid.to_owned())))
}

fn told(send: &proto::Send) -> Told {
    let comment = match &send.body {
        Some((BodyKind::Html, data)) => html::plain(data),
        Some((BodyKind::Plain, data)) => data.clone(),
        _ => String::new(),
    };
    let comment: String = comment.trim().chars().take(LONGEST / 4).collect();
    Told { comment, proposal: send.start.clone().zip(send.end.clone()) }
}

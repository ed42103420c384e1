//! SendMail, SmartReply and SmartForward (MS-ASCMD 2.2.1.17, 2.2.1.19, 2.2.1.20): one way for all three, for they differ in what is put into the
//! mail. The mail stays in its spool from the first byte to the last.

mod event;
mod letter;

use std::{fmt::Write as _, ops::Range, sync::Arc};

use jiff::{Timestamp, tz::TimeZone};
use ring::digest::{Context as Digest, SHA256};

use super::{Context, Reply, folder_sync, sources, unix_time};
use crate::{
    convert::mime::{
        address::Mailbox,
        compose::{self as mime, Composed, Identity, Stamp},
    },
    error::Error,
    proto::{
        Command,
        class::Class,
        compose::{HEAD, Request, Split, split},
    },
    smtp,
    source::{
        self, Identity as User,
        sending::{Failure, Lying, Mailroom, Order, Original, Outcome, Verb},
    },
    spool::{Piece, Pieces, Spool},
    sync::{self, Hierarchy},
};

/// Status values of all three (MS-ASCMD 2.2.2).
mod status {
    pub(super) const INVALID_CONTENT: u16 = 101;
    pub(super) const INVALID_MIME: u16 = 107;
    pub(super) const SEND_QUOTA: u16 = 115;
    pub(super) const RECIPIENT_UNRESOLVED: u16 = 116;
    pub(super) const PREVIOUSLY_SENT: u16 = 118;
    pub(super) const NO_RECIPIENT: u16 = 119;
    pub(super) const SUBMISSION_FAILED: u16 = 120;
    pub(super) const REPLY_FAILED: u16 = 121;
    pub(super) const TOO_LARGE: u16 = 122;
    pub(super) const UNEXPECTED_CLASS: u16 = 147;
    pub(super) const NOT_FOUND: u16 = 150;
    pub(super) const FORWARDEES: u16 = 179;
}

/// Seconds for which the same bytes are the same mail, for phones that give their requests no ids (up to 12.1).
const SAME: u64 = 1800;

/// What the phone wants, and where in the request its message lies.
struct Asked {
    command: Command,
    request: Request,
    mime: Range<u64>,
}

/// Carries the command out. It goes to its end even when the phone hangs up meanwhile.
///
/// # Errors
/// The request is malformed, the mail cannot be sent, or the state cannot be had; the same request again sends nothing twice.
pub async fn run(ctx: &Context, body: Arc<Spool>) -> Result<Reply, Error> {
    let asked = read(ctx, &body).await?;
    if let Some(fault) = asked.request.fault(asked.command, ctx.version) {
        return Err(Error::Status(fault));
    }
    let room = sources::postbox(ctx)?;
    // To read a large mail takes about as long as to ask Horde.
    let (user, own) =
        tokio::join!(User::of(&ctx.session, &ctx.site.config.mail.domain), Lying::read(&body, asked.mime.clone()));
    let (user, own) = (user.map_err(unavailable)?, own.map_err(|e| disk(&e))?);
    let original = original(ctx, &room, &asked, &user).await?;
    let own = match &original {
        Some(original) if !asked.request.mime => letter::write(ctx, &asked.request, &original.mail).await?,
        _ => own,
    };
    let key = key(&asked, &body).await?;
    let mail = mail(ctx, &asked, &user, &own, original.as_ref(), &key)?;
    let order = order(&asked, &own, original.as_ref(), mail, key)?;
    let sender = sources::sender(ctx)?;
    let sending = tokio::spawn(async move { sender.send(&room, &order, unix_time()).await });
    match sending.await.map_err(|e| Error::Internal(e.to_string()))? {
        Ok(Outcome::Before) if asked.request.client_id.is_some() => Err(Error::Status(status::PREVIOUSLY_SENT)),
        Ok(Outcome::Sent | Outcome::Before) => Ok(Reply::default()),
        Err(failure) => Err(told(failure)),
    }
}

async fn read(ctx: &Context, body: &Arc<Spool>) -> Result<Asked, Error> {
    if !ctx.version.traits().status_in_body {
        let command = ctx.query.command.ok_or(Error::Status(status::INVALID_CONTENT))?;
        return Ok(Asked { command, request: Request::of_query(&ctx.query), mime: 0..body.len() });
    }
    let head = body.read(0, HEAD).await.map_err(|e| disk(&e))?;
    let Some(Split { before, at, len }) = split(&head, body.len())? else {
        let (command, request) = Request::read(&whole(&head, body)?)?;
        return Ok(Asked { command, request, mime: 0..0 });
    };
    let (end, rest) = match len {
        Some(len) => (at.saturating_add(len), at.saturating_add(len)),
        None => {
            let end = nul(body, at).await?;
            (end, end + 1)
        }
    };
    let tail = body.read(rest, HEAD + 1).await.map_err(|e| disk(&e))?;
    if tail.len() > HEAD {
        return Err(Error::Status(103));
    }
    let outline = [head.get(..before).unwrap_or_default(), &tail].concat();
    let (command, request) = Request::read(&outline)?;
    Ok(Asked { command, request, mime: at..end })
}

/// A request without a message; there is no reason for it to be long.
fn whole(head: &[u8], body: &Spool) -> Result<Vec<u8>, Error> {
    if body.len() > head.len() as u64 { Err(Error::Status(103)) } else { Ok(head.to_vec()) }
}

/// The end of a text that begins at `at`.
async fn nul(body: &Spool, mut at: u64) -> Result<u64, Error> {
    loop {
        let bytes = body.read(at, HEAD).await.map_err(|e| disk(&e))?;
        if let Some(found) = bytes.iter().position(|b| *b == 0) {
            return Ok(at + found as u64);
        }
        if bytes.is_empty() {
            return Err(Error::Status(102));
        }
        at += bytes.len() as u64;
    }
}

/// What names the request: the id that the phone gave it, or what it says.
async fn key(asked: &Asked, body: &Arc<Spool>) -> Result<String, Error> {
    if let Some(id) = &asked.request.client_id {
        return Ok(format!("id {id}"));
    }
    let mut digest = Digest::new(&SHA256);
    digest.update(format!("{:?} {:?}\n", asked.command, asked.request.source).as_bytes());
    let mut reader = Pieces::from_iter([Piece::Range(Arc::clone(body), asked.mime.clone())]).reader();
    while let Some(bytes) = reader.next().await.map_err(|e| disk(&e))? {
        digest.update(&bytes);
    }
    Ok(format!("digest {}", hex(digest.finish().as_ref())))
}

/// What is answered or forwarded.
struct Answered {
    /// Where it lies.
    place: Place,
    /// The mail; of an event the one that would invite to it.
    mail: Lying,
}

/// Container and uid of what a phone names.
enum Place {
    Mail(String, String),
    Event(String, String),
}

async fn original(ctx: &Context, room: &impl Mailroom, asked: &Asked, user: &User) -> Result<Option<Answered>, Error> {
    if asked.command == Command::SendMail {
        return Ok(None);
    }
    let place = place(ctx, asked).await?;
    let mail = match &place {
        Place::Mail(container, uid) => {
            let spool = room.raw(container, uid).await.map_err(missing)?;
            Lying::read(&spool, 0..spool.len()).await.map_err(|e| disk(&e))?
        }
        Place::Event(container, uid) => {
            event::invitation(ctx, user, container, uid, asked.request.source.occurrence()).await?
        }
    };
    Ok(Some(Answered { place, mail }))
}

fn missing(error: source::Error) -> Error {
    match error {
        source::Error::NotFound | source::Error::ContainerGone => Error::Status(status::NOT_FOUND),
        error => error.into(),
    }
}

/// Folder and uid of what the phone names.
async fn place(ctx: &Context, asked: &Asked) -> Result<Place, Error> {
    let source = &asked.request.source;
    let gone = || Error::Status(status::NOT_FOUND);
    let named = |text: &str| text.split_once(':').map(|(place, uid)| (place.to_owned(), uid.to_owned()));
    if let Some(long_id) = &source.long_id {
        return named(long_id).map(|(container, uid)| Place::Mail(container, uid)).ok_or_else(gone);
    }
    let item = source.item.as_deref().ok_or_else(gone)?;
    let (collection, uid) = named(item).ok_or_else(gone)?;
    if source.folder.as_ref().is_some_and(|folder| *folder != collection) {
        return Err(gone());
    }
    let locked = ctx.device.lock().await?;
    let hierarchy = Hierarchy::load(&mut locked.journal(folder_sync::JOURNAL)?)?;
    let folder = hierarchy.as_ref().and_then(|hierarchy| hierarchy.folder(&collection)).ok_or_else(gone)?;
    match folder.class {
        Class::Email => Ok(Place::Mail(folder.container.clone(), uid)),
        Class::Calendar => {
            let uid = sync::resolve(&mut locked.journal(&collection)?, folder.class, &collection, item)?;
            Ok(Place::Event(folder.container.clone(), uid.ok_or_else(gone)?))
        }
        _ => Err(Error::Status(status::UNEXPECTED_CLASS)),
    }
}

/// The mail as it leaves.
fn mail(
    ctx: &Context,
    asked: &Asked,
    user: &User,
    own: &Lying,
    original: Option<&Answered>,
    key: &str,
) -> Result<Composed, Error> {
    if own.message.headers.is_empty() {
        return Err(Error::Status(status::INVALID_MIME));
    }
    let identity = Identity { mailbox: author(user, own)? };
    // The same for a repetition of the request, and only for that.
    let mut digest = Digest::new(&SHA256);
    for text in [ctx.session.user(), ctx.device.id().as_str(), key] {
        digest.update(text.as_bytes());
        digest.update(b"\n");
    }
    digest.update(own.own().head);
    let stamp = Stamp { date: now(), unique: hex(digest.finish().as_ref().get(..16).unwrap_or_default()) };
    let message = original.map(|original| &original.mail.message);
    let composed = match (asked.command, message) {
        (Command::SmartReply, Some(message)) if !asked.request.replace => {
            mime::reply(&own.own(), &identity, &stamp, message)
        }
        (Command::SmartForward, Some(message)) if !asked.request.replace => {
            mime::forward(&own.own(), &identity, &stamp, message)
        }
        _ => mime::send(&own.own(), &identity, &stamp, message),
    };
    let composed = composed.map_err(|_| Error::Status(status::INVALID_MIME))?;
    if !composed.invalid.is_empty() {
        log::warn!("a mail of {} is for nobody that mail can go to: {:?}", ctx.session.user(), composed.invalid);
        return Err(Error::Status(status::RECIPIENT_UNRESOLVED));
    }
    if composed.recipients.is_empty() {
        return Err(Error::Status(status::NO_RECIPIENT));
    }
    Ok(composed)
}

/// Who sends: the address that the phone gives if it is the user's own, else the main one.
fn author(user: &User, own: &Lying) -> Result<Mailbox, Error> {
    let given = own.message.addresses("from").into_iter().next();
    if let Some(given) = given.as_ref().filter(|given| user.has(&given.address)) {
        let name = if given.name.is_empty() { &user.name } else { &given.name };
        return Ok(Mailbox { name: name.clone(), address: given.address.clone() });
    }
    let Some(address) = user.addresses.first() else {
        log::error!("no address of the user is known (Horde's identities, or domain in [mail]): a mail is not sent");
        return Err(Error::Status(status::SUBMISSION_FAILED));
    };
    Ok(Mailbox { name: user.name.clone(), address: address.clone() })
}

fn order(
    asked: &Asked,
    own: &Lying,
    original: Option<&Answered>,
    composed: Composed,
    key: String,
) -> Result<Order, Error> {
    let message = own.composed(&composed, original.map(|original| &original.mail));
    let message = message.ok_or_else(|| Error::Internal("a part of the original has no place".to_owned()))?;
    let verb = match asked.command {
        Command::SmartForward => Verb::Forward,
        _ if composed.recipients.len() > 1 => Verb::ReplyAll,
        _ => Verb::Reply,
    };
    let original = original.and_then(|original| {
        let Place::Mail(container, uid) = &original.place else { return None };
        let message_id = original.mail.message.headers.ids("message-id").into_iter().next().unwrap_or_default();
        Some((Original { container: container.clone(), uid: uid.clone(), message_id }, verb))
    });
    Ok(Order {
        valid: asked.request.client_id.is_none().then_some(SAME),
        key,
        message_id: composed.message_id.trim_matches(['<', '>']).to_owned(),
        mail: smtp::Mail { from: composed.from, to: composed.recipients, message, rule: smtp::Rule::All },
        save: asked.request.save,
        original,
    })
}

/// What the phone is told of a mail that was not sent; the administrator reads the reason in the log.
fn told(failure: Failure) -> Error {
    let later = |reason: String| Error::RetryLater { reason, after: std::time::Duration::from_secs(60) };
    let error = match failure {
        Failure::State(error) => return error.into(),
        Failure::Unknown(reason) => return later(format!("nobody knows whether a mail was sent: {reason}")),
        Failure::Smtp(error) => error,
    };
    let status = match &error {
        smtp::Error::Later(_) | smtp::Error::Uncertain(_) => return later(error.to_string()),
        smtp::Error::Recipients(sent) if sent.refused.is_empty() => return later(error.to_string()),
        smtp::Error::Recipients(_) => status::RECIPIENT_UNRESOLVED,
        smtp::Error::Quota(_) => status::SEND_QUOTA,
        smtp::Error::TooLarge(_) => status::TOO_LARGE,
        smtp::Error::NoServer | smtp::Error::Login(_) | smtp::Error::Sender(_) | smtp::Error::Refused(_) => {
            status::SUBMISSION_FAILED
        }
    };
    log::warn!("a mail of a phone: {error}");
    Error::Status(status)
}

fn disk(error: &std::io::Error) -> Error {
    let reason = format!("a mail cannot be read from the state directory: {error}");
    Error::RetryLater { reason, after: std::time::Duration::from_secs(60) }
}

fn unavailable(error: crate::horde::Error) -> Error {
    match error {
        crate::horde::Error::Unauthorized => Error::Unauthorized,
        crate::horde::Error::Unavailable { reason, retry_after } => Error::RetryLater { reason, after: retry_after },
        error => {
            Error::RetryLater { reason: format!("identities: {error}"), after: std::time::Duration::from_secs(60) }
        }
    }
}

fn now() -> String {
    jiff::fmt::rfc2822::to_string(&Timestamp::now().to_zoned(TimeZone::UTC)).unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

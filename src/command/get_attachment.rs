//! GetAttachment, up to 12.1: an attachment as the body of the answer (MS-ASCMD 2.2.1.7).

use super::{Context, Reply, item_operations::reference, sources::mail_of};
use crate::{
    error::Error,
    proto::Query,
    source::{self, Mail},
    spool::{Piece, Spool},
};

/// Told as HTTP 500: there is no such attachment.
const NONE: Error = Error::Status(110);

/// Carries the command out.
///
/// # Errors
/// There is no such attachment, or the mail server cannot be had.
pub async fn run(ctx: &Context) -> Result<Reply, Error> {
    let mail = mail_of(ctx).await?;
    answer(mail.as_ref(), &ctx.query, ctx.site.store.spool()).await
}

async fn answer<M: Mail>(mail: Option<&M>, query: &Query, into: Spool) -> Result<Reply, Error> {
    let named = query.parameter("AttachmentName").and_then(reference);
    let (Some((container, uid, part)), Some(mail)) = (named, mail) else { return Err(NONE) };
    match mail.attachment(container, uid, part, into).await {
        Ok(found) => {
            let all = 0..found.bytes.len();
            let mut reply = Reply::pieces([Piece::Range(found.bytes, all)]);
            reply.headers.push(("Content-Type", found.kind));
            Ok(reply)
        }
        Err(source::Error::NotFound | source::Error::ContainerGone | source::Error::Denied) => Err(NONE),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::tests::{Mailbox, Message, block_on};

    #[test]
    fn attachments_of_old_phones() {
        block_on(async {
            let mail = Mailbox::new();
            let uid = mail.put("inbox", Message { attachment: b"%PDF".to_vec(), ..Message::new("a") });
            let ask = async |name: &str| {
                let query = format!("Cmd=GetAttachment&AttachmentName={name}");
                answer(Some(&mail), &Query::parse(query.as_bytes()).unwrap(), Spool::new(std::env::temp_dir())).await
            };
            let reply = ask(&format!("inbox:{uid}:2")).await.unwrap();
            assert_eq!(reply.headers, [("Content-Type", "application/pdf".to_owned())]);
            assert_eq!(reply.body.reader().next().await.unwrap().unwrap(), &b"%PDF"[..]);
            for wrong in ["", "x", "inbox:7.9:2", "nowhere:7.1:2", "inbox:7.1:3", "inbox:7.1:2:2"] {
                assert_eq!(ask(wrong).await.unwrap_err(), NONE, "{wrong}");
            }
        });
    }
}

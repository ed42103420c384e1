//! What happened in a folder. With QRESYNC (RFC 7162) the server knows; otherwise its flags are compared ([`super::slow`]).

use super::{
    Changes, Error, Imp, MOST_GONE, Open, Uid,
    fault::of_folder,
    slow,
    table::{Known, Table},
};
use crate::imap::{Lease, Message, Status};

impl Imp {
    /// Where the history of one folder stands.
    pub(super) async fn point(&self, lease: &mut Lease, container: &str) -> Result<u64, Error> {
        let mut known = self.known(lease, container).await?;
        for again in [true, false] {
            match lease.status(&known.name).await.map_err(of_folder) {
                Ok(status) if status.uid_validity == Some(known.validity) => {
                    return self.point_of(lease, &known, &status).await;
                }
                Ok(_) | Err(Error::ContainerGone) if again => {
                    known = self.survey(lease).await?.find(container).cloned().ok_or(Error::ContainerGone)?;
                }
                Ok(_) => break,
                Err(error) => return Err(error),
            }
        }
        Err(super::unavailable(format!("mailbox {:?} changes while it is looked at", known.name)))
    }

    /// The same for several, by one listing.
    pub(super) async fn points(&self, lease: &mut Lease, containers: &[String]) -> Result<Vec<u64>, Error> {
        let table = Table::load(&self.beside)?;
        let listed = lease.list().await.map_err(of_folder)?;
        let mut points = Vec::with_capacity(containers.len());
        for container in containers {
            let known = table.find(container);
            let status = known.and_then(|known| {
                let status = listed.iter().find(|mailbox| mailbox.name == known.name)?.status.as_ref()?;
                Some(status).filter(|status| status.uid_validity == Some(known.validity))
            });
            points.push(match (known, status) {
                (Some(known), _) if known.hollow => 0,
                (Some(known), Some(status)) => self.point_of(lease, known, status).await?,
                // Renamed, replaced or gone.
                _ => self.point(lease, container).await?,
            });
        }
        Ok(points)
    }

    async fn point_of(&self, lease: &mut Lease, known: &Known, status: &Status) -> Result<u64, Error> {
        match status.highest_modseq.filter(|modseq| *modseq > 0 && lease.tells_history()) {
            Some(modseq) => Ok(known.base.saturating_add(modseq)),
            None => {
                let looked = slow::look(self, lease, known, Some(status)).await?;
                Ok(known.base.saturating_add(looked.point()))
            }
        }
    }

    /// What happened after `from`. `to` is not needed: more than was asked for does no harm.
    pub(super) async fn happened(&self, container: &str, from: u64, _to: u64) -> Result<Changes, Error> {
        let Open { mut lease, known, selected } = self.open(container, false).await?;
        let lost = Changes { lost: true, ..Changes::default() };
        let Some(since) = from.checked_sub(known.base).filter(|since| *since > 0 || known.base == 0) else {
            return Ok(lost);
        };
        let validity = selected.uid_validity;
        let name = |uid: u32| Uid { validity, uid }.to_string();
        if selected.highest_modseq.is_none() || !lease.tells_history() {
            let looked = slow::look(self, &mut lease, &known, None).await?;
            return Ok(looked.since(since).map_or(lost, |(changed, gone)| Changes {
                modify: changed.into_iter().map(name).collect(),
                delete: gone.into_iter().map(name).collect(),
                ..Changes::default()
            }));
        }
        let news = lease.news(since).await.map_err(of_folder)?;
        let Some(vanished) = news.vanished.filter(|vanished| vanished.len() <= MOST_GONE) else { return Ok(lost) };
        let (gone, there): (Vec<Message>, Vec<Message>) =
            news.messages.into_iter().partition(|message| message.has_flag("\\Deleted"));
        Ok(Changes {
            modify: there.into_iter().rev().map(|message| name(message.uid)).collect(),
            delete: vanished.iter().chain(gone.into_iter().map(|message| message.uid)).map(name).collect(),
            ..Changes::default()
        })
    }
}

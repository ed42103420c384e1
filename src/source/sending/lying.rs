//! A message that lies in a spool, and mails made of such messages.

use std::{collections::BTreeMap, io, ops::Range, sync::Arc};

use bytes::Bytes;

use crate::{
    convert::mime::{
        Message,
        compose::{Composed, Own, Piece},
        layout::LONGEST_TEXT,
        scan::Scanner,
    },
    spool::{self, Pieces, Spool},
};

/// Longest header block that is read, bytes.
const HEAD: usize = 1 << 20;

/// A message in a spool: its header and its texts are known, the rest stays where it is.
#[derive(Debug, Clone)]
pub struct Lying {
    spool: Arc<Spool>,
    range: Range<u64>,
    head: Bytes,
    /// What it says.
    pub message: Message,
}

impl Lying {
    /// Reads a stretch of a spool as a message.
    ///
    /// # Errors
    /// The spool cannot be read.
    pub async fn read(spool: &Arc<Spool>, range: Range<u64>) -> io::Result<Self> {
        let all = Pieces::from_iter([spool::Piece::Range(Arc::clone(spool), range.clone())]);
        let (mut reader, mut scanner) = (all.reader(), Scanner::default());
        while let Some(bytes) = reader.next().await? {
            scanner.push(&bytes);
            // Megabytes of lines are work without a pause.
            tokio::task::yield_now().await;
        }
        let root = scanner.finish();
        let body = root.place.map_or(0, |place| place.body);
        let head = spool.read(range.start, usize::try_from(body).unwrap_or(HEAD).min(HEAD)).await?;
        let mut texts = BTreeMap::new();
        for part in Message::wanted(&root) {
            let Some(place) = part.place else { continue };
            let longest = usize::try_from(LONGEST_TEXT).unwrap_or(usize::MAX);
            let len = usize::try_from(place.end.saturating_sub(place.body)).unwrap_or(longest).min(longest);
            texts.insert(part.section.clone(), spool.read(range.start + place.body, len).await?.to_vec());
        }
        let message = Message::assemble(&head, root, &texts);
        Ok(Self { spool: Arc::clone(spool), range, head, message })
    }

    /// As that which the phone has sent.
    pub fn own(&self) -> Own<'_> {
        Own { head: &self.head, message: &self.message }
    }

    /// A stretch of it.
    fn stretch(&self, offset: u64, len: u64) -> spool::Piece {
        let start = self.range.start.saturating_add(offset).min(self.range.end);
        let end = start.saturating_add(len).min(self.range.end);
        spool::Piece::Range(Arc::clone(&self.spool), start..end)
    }

    /// The content of a part, as it is encoded.
    fn section(&self, section: &str) -> Option<spool::Piece> {
        let place = self.message.root.find(section)?.place?;
        Some(self.stretch(place.body, place.end.saturating_sub(place.body)))
    }

    /// The mail made of this message and the one that it answers or forwards. `None`: it wants a part that is not there.
    pub fn composed(&self, mail: &Composed, original: Option<&Self>) -> Option<Pieces> {
        let piece = |piece: &Piece| match piece {
            Piece::Bytes(bytes) => Some(spool::Piece::Bytes(bytes.clone().into())),
            Piece::Own { offset, len } => Some(self.stretch(*offset, *len)),
            Piece::Section { section, .. } => original?.section(section),
            Piece::Original => original.map(|original| original.stretch(0, u64::MAX)),
        };
        mail.pieces.iter().map(piece).collect()
    }
}

//! The answer: one document with what is large put into it, or followed by it in parts.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    command::Reply,
    error::Error,
    proto::item_operations::{Place, Response, multipart_head},
    spool::{Piece, Spool},
};

/// Content type of an answer in several parts (MS-ASHTTP 2.2.2.1.1).
const MULTIPART: &str = "application/vnd.ms-sync.multipart";

/// Most bytes that one answer takes from the mail server.
const MOST: u64 = 512 << 20;

/// What is large, in the order in which the document names it.
#[derive(Debug)]
pub(super) struct Parts {
    multipart: bool,
    pieces: Vec<Piece>,
    bytes: u64,
}

impl Parts {
    pub(super) fn new(multipart: bool) -> Self {
        Self { multipart, pieces: Vec::new(), bytes: 0 }
    }

    /// Whether so many bytes more are too much.
    pub(super) fn is_too_large(&self, more: u64) -> bool {
        self.bytes.saturating_add(more) > MOST
    }

    /// A stretch of bytes that are no text.
    pub(super) fn add_bytes(&mut self, spool: Arc<Spool>, range: std::ops::Range<u64>) -> Place {
        let multipart = self.multipart;
        self.add(if multipart { Piece::Range(spool, range) } else { Piece::Base64(spool, range) })
    }

    /// Text without characters that XML does not have.
    pub(super) fn add_text(&mut self, spool: Arc<Spool>) -> Place {
        let all = 0..spool.len();
        self.add(Piece::Range(spool, all))
    }

    /// Text that stands in memory; to be put into the document unless there are parts.
    pub(super) fn add_short(&mut self, text: String) -> Place {
        self.add(Piece::Bytes(Bytes::from(text)))
    }

    pub(super) const fn are_asked_for(&self) -> bool {
        self.multipart
    }

    fn add(&mut self, piece: Piece) -> Place {
        if piece.is_empty() && !self.multipart {
            return Place::Nowhere;
        }
        self.bytes = self.bytes.saturating_add(piece.len());
        self.pieces.push(piece);
        if self.multipart { Place::Part(u32::try_from(self.pieces.len()).unwrap_or(u32::MAX)) } else { Place::Hole }
    }

    /// The answer as a whole.
    pub(super) fn reply(self, response: &Response) -> Result<Reply, Error> {
        let document = response.write();
        if self.multipart {
            let lengths: Vec<u64> =
                std::iter::once(document.bytes.len() as u64).chain(self.pieces.iter().map(Piece::len)).collect();
            let head = multipart_head(&lengths).ok_or(Error::Status(110))?;
            let pieces = [head, document.bytes].map(|bytes| Piece::Bytes(bytes.into()));
            let mut reply = Reply::pieces(pieces.into_iter().chain(self.pieces));
            reply.headers.push(("Content-Type", MULTIPART.to_owned()));
            return Ok(reply);
        }
        let mut rest = Bytes::from(document.bytes);
        let (mut all, mut from) = (Vec::new(), 0);
        for (hole, piece) in document.holes.into_iter().zip(self.pieces) {
            all.push(Piece::Bytes(rest.split_to((hole - from).min(rest.len()))));
            all.push(piece);
            from = hole;
        }
        all.push(Piece::Bytes(rest));
        Ok(Reply::pieces(all))
    }
}

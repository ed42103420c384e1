//! A whole put together from bytes and stretches of spools, written to the network piece by piece.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Write as _},
    ops::Range,
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;

use super::{Spool, blocking};

/// Bytes read at once; a multiple of three, so that the base64 of pieces is that of the whole. Twice as many, and the allocator takes another
/// 8 MiB for two mails of 50 MB: each thread keeps pages of its own for blocks of that size.
const STEP: usize = 48 << 10;

/// One part of a whole.
#[derive(Debug, Clone)]
pub enum Piece {
    /// As they are.
    Bytes(Bytes),
    /// A stretch of a spool as it is.
    Range(Arc<Spool>, Range<u64>),
    /// A stretch of a spool in base64 with padding, without line ends (RFC 4648 4).
    Base64(Arc<Spool>, Range<u64>),
}

impl Piece {
    /// Bytes that are written.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Range(_, range) => length(range),
            Self::Base64(_, range) => length(range).div_ceil(3).saturating_mul(4),
        }
    }

    /// Whether nothing is written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn length(range: &Range<u64>) -> u64 {
    range.end.saturating_sub(range.start)
}

/// A whole: its parts in their order. Cheap to clone, so that it can be written more than once.
#[derive(Debug, Clone, Default)]
pub struct Pieces(Vec<Piece>);

impl Pieces {
    /// A whole without bytes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a part behind the others.
    pub fn push(&mut self, piece: Piece) {
        self.0.push(piece);
    }

    /// Bytes of the whole.
    pub fn len(&self) -> u64 {
        self.0.iter().map(Piece::len).fold(0, u64::saturating_add)
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, where all of them stand in memory.
    ///
    /// # Errors
    /// Some lie in a spool; the whole comes back.
    pub fn into_bytes(self) -> Result<Vec<u8>, Self> {
        let in_memory = |piece: &Piece| matches!(piece, Piece::Bytes(_));
        if !self.0.iter().all(in_memory) {
            return Err(self);
        }
        let mut bytes = Vec::new();
        for piece in self.0 {
            match piece {
                Piece::Bytes(piece) if bytes.is_empty() => bytes = piece.into(),
                Piece::Bytes(piece) => bytes.extend_from_slice(&piece),
                Piece::Range(..) | Piece::Base64(..) => {}
            }
        }
        Ok(bytes)
    }

    /// Writes the whole to a file that is empty; on disk when this returns.
    ///
    /// # Errors
    /// A spool cannot be read, or the file not be written.
    pub async fn save(&self, file: File) -> io::Result<()> {
        let (file, mut reader) = (Arc::new(file), self.reader());
        while let Some(bytes) = reader.next().await? {
            let file = Arc::clone(&file);
            blocking(move || (&*file).write_all(&bytes)).await?;
        }
        blocking(move || file.sync_data()).await
    }

    /// Reads the whole from its beginning.
    pub fn reader(&self) -> Reader {
        Reader { pieces: self.0.iter().cloned().collect() }
    }
}

impl From<Vec<u8>> for Pieces {
    fn from(bytes: Vec<u8>) -> Self {
        Self(vec![Piece::Bytes(bytes.into())])
    }
}

impl FromIterator<Piece> for Pieces {
    fn from_iter<I: IntoIterator<Item = Piece>>(pieces: I) -> Self {
        Self(pieces.into_iter().collect())
    }
}

/// Gives a whole in pieces of some ten kilobytes.
#[derive(Debug)]
pub struct Reader {
    pieces: VecDeque<Piece>,
}

impl Reader {
    /// The next bytes, never empty; `None` at the end.
    ///
    /// # Errors
    /// A spool cannot be read or is shorter than its stretch.
    pub async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            let Some(piece) = self.pieces.front_mut() else { return Ok(None) };
            let bytes = match piece {
                Piece::Bytes(bytes) => bytes.split_to(bytes.len().min(STEP)),
                Piece::Range(spool, range) => step(spool, range).await?,
                Piece::Base64(spool, range) => STANDARD.encode(step(spool, range).await?).into(),
            };
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
            self.pieces.pop_front();
        }
    }
}

async fn step(spool: &Spool, range: &mut Range<u64>) -> io::Result<Bytes> {
    let wanted = usize::try_from(length(range)).unwrap_or(STEP).min(STEP);
    let bytes = spool.read(range.start, wanted).await?;
    if bytes.len() < wanted {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    range.start += bytes.len() as u64;
    Ok(bytes)
}

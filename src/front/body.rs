//! The whole body of a request, unpacked.

use std::io::{self, Write as _};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;

use crate::{
    gateway::{BodyError, Request},
    spool::Spool,
};

/// Packed bytes that are unpacked at once: a thousand times as many may come out.
const STEP: usize = 1 << 10;

/// Reads the body into `spool`; at most `limit` bytes, packed and unpacked.
///
/// # Errors
/// The HTTP status that says why not.
pub(super) async fn read(request: &mut Request, limit: u64, mut spool: Spool) -> Result<Spool, u16> {
    let packed = match request.headers.text("content-encoding") {
        None | Some("" | "identity") => false,
        Some(name) if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => true,
        Some(_) => return Err(415),
    };
    let (mut unpacking, mut arrived) = (packed.then(|| MultiGzDecoder::new(Vec::new())), 0_u64);
    while let Some(piece) = request.body.next().await.map_err(broken)? {
        arrived = arrived.saturating_add(piece.len() as u64);
        if arrived > limit {
            return Err(413);
        }
        let Some(unpacking) = &mut unpacking else {
            keep(&mut spool, &piece, limit).await?;
            continue;
        };
        for packed in piece.chunks(STEP) {
            unpacking.write_all(packed).map_err(|_| 400_u16)?;
            keep(&mut spool, unpacking.get_ref(), limit).await?;
            unpacking.get_mut().clear();
        }
    }
    if let Some(unpacking) = unpacking {
        keep(&mut spool, &unpacking.finish().map_err(|_| 400_u16)?, limit).await?;
    }
    Ok(spool)
}

/// Like [`read`], for what may stand in memory.
///
/// # Errors
/// The HTTP status that says why not.
pub(super) async fn whole(request: &mut Request, limit: u64, spool: Spool) -> Result<Bytes, u16> {
    in_memory(&read(request, limit, spool).await?).await
}

/// All bytes of a body.
///
/// # Errors
/// The HTTP status that says why not.
pub(super) async fn in_memory(spool: &Spool) -> Result<Bytes, u16> {
    spool.read(0, usize::MAX).await.map_err(|e| unkept(&e))
}

async fn keep(spool: &mut Spool, bytes: &[u8], limit: u64) -> Result<(), u16> {
    if spool.len().saturating_add(bytes.len() as u64) > limit {
        return Err(413);
    }
    spool.write(bytes).await.map_err(|e| unkept(&e))
}

fn broken(error: BodyError) -> u16 {
    match error {
        BodyError::TooLarge => 413,
        BodyError::Aborted | BodyError::TimedOut => 400,
    }
}

/// The disk does not take what the phone sends: it comes back by itself.
pub(super) fn unkept(error: &io::Error) -> u16 {
    log::error!("a request cannot be kept in the state directory: {error}");
    503
}

#[cfg(test)]
mod tests {
    use flate2::{Compression, write::GzEncoder};

    use super::*;
    use crate::gateway::{Body, Hangup, Headers};

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    async fn sent(encoding: Option<&str>, body: Vec<u8>) -> Result<Vec<u8>, u16> {
        sent_within(1000, encoding, body).await
    }

    async fn sent_within(limit: u64, encoding: Option<&str>, body: Vec<u8>) -> Result<Vec<u8>, u16> {
        let mut headers = Headers::default();
        if let Some(encoding) = encoding {
            headers.add("Content-Encoding", encoding);
        }
        let mut request = Request {
            method: "POST".into(),
            path: "/".into(),
            query: Vec::new(),
            headers,
            remote: None,
            body: Body::full(body),
            hangup: Hangup::new().1,
            may_wait: true,
        };
        let dir = tempfile::tempdir().unwrap();
        whole(&mut request, limit, Spool::new(dir.path())).await.map(|bytes| bytes.to_vec())
    }

    #[tokio::test]
    async fn packed_and_not() {
        assert_eq!(sent(None, b"abc".to_vec()).await.unwrap(), b"abc");
        assert_eq!(sent(Some("GZIP"), gzip(b"abc")).await.unwrap(), b"abc");
        assert_eq!(sent(Some("gzip"), b"abc".to_vec()).await, Err(400));
        assert_eq!(sent(Some("br"), b"abc".to_vec()).await, Err(415));
        let mut cut = gzip(b"abc");
        cut.truncate(cut.len() - 4);
        assert_eq!(sent(Some("gzip"), cut).await, Err(400));
        let two = [gzip(b"abc"), gzip(b"def")].concat();
        assert_eq!(sent(Some("gzip"), two).await.unwrap(), b"abcdef");
        let large: Vec<u8> = (0..3_000_000_u32).map(|i| (i / 7 % 251) as u8).collect();
        assert_eq!(sent_within(3_000_000, Some("gzip"), gzip(&large)).await.unwrap(), large);
        assert_eq!(sent_within(2_999_999, Some("gzip"), gzip(&large)).await, Err(413));
    }

    #[tokio::test]
    async fn too_much_packed_or_not() {
        assert_eq!(sent(None, vec![0; 1001]).await, Err(413));
        assert_eq!(sent(None, vec![0; 1000]).await.unwrap().len(), 1000);
        assert_eq!(sent(Some("gzip"), gzip(&vec![0; 100_000])).await, Err(413));
        assert_eq!(sent(Some("gzip"), gzip(&[0; 1000])).await.unwrap().len(), 1000);
    }
}

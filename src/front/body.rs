//! The whole body of a request, unpacked.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::gateway::{BodyError, Request};

/// Reads the body; at most `limit` bytes, packed and unpacked.
///
/// # Errors
/// The HTTP status that says why not.
pub(super) async fn read(request: &mut Request, limit: usize) -> Result<Vec<u8>, u16> {
    let packed = match request.headers.text("content-encoding") {
        None | Some("" | "identity") => false,
        Some(name) if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => true,
        Some(_) => return Err(415),
    };
    let body = request.body.collect(limit).await.map_err(|error| match error {
        BodyError::TooLarge => 413_u16,
        BodyError::Aborted | BodyError::TimedOut => 400,
    })?;
    if packed { unpack(&body, limit) } else { Ok(body) }
}

fn unpack(packed: &[u8], limit: usize) -> Result<Vec<u8>, u16> {
    let mut body = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(packed).take(most).read_to_end(&mut body).map_err(|_| 400_u16)?;
    if body.len() > limit { Err(413) } else { Ok(body) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;
    use crate::gateway::{Body, Hangup, Headers};

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    async fn sent(encoding: Option<&str>, body: Vec<u8>) -> Result<Vec<u8>, u16> {
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
        read(&mut request, 1000).await
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
    }

    #[tokio::test]
    async fn too_much_packed_or_not() {
        assert_eq!(sent(None, vec![0; 1001]).await, Err(413));
        assert_eq!(sent(None, vec![0; 1000]).await.unwrap().len(), 1000);
        assert_eq!(sent(Some("gzip"), gzip(&vec![0; 100_000])).await, Err(413));
        assert_eq!(sent(Some("gzip"), gzip(&[0; 1000])).await.unwrap().len(), 1000);
    }
}

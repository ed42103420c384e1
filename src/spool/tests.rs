use std::os::unix::fs::PermissionsExt;

use super::*;

/// Bytes that differ from place to place.
fn sample(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 % 251) as u8).collect()
}

async fn filled(dir: &Path, bytes: &[u8], step: usize) -> Spool {
    let mut spool = Spool::new(dir.join("tmp"));
    for piece in bytes.chunks(step) {
        spool.write(piece).await.unwrap();
    }
    spool
}

async fn all(pieces: &Pieces) -> Vec<u8> {
    let (mut reader, mut out) = (pieces.reader(), Vec::new());
    while let Some(bytes) = reader.next().await.unwrap() {
        assert!(!bytes.is_empty() && bytes.len() <= 1 << 17);
        out.extend_from_slice(&bytes);
    }
    out
}

#[tokio::test]
async fn what_is_written_is_read_from_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    for len in [0, 1, IN_MEMORY - 1, IN_MEMORY, IN_MEMORY + 1, 3 * IN_MEMORY + 7] {
        let bytes = sample(len);
        for step in [1000, IN_MEMORY, 10 * IN_MEMORY] {
            let spool = filled(dir.path(), &bytes, step).await;
            assert_eq!(spool.len(), len as u64);
            assert_eq!(spool.is_empty(), len == 0);
            assert_eq!(spool.read(0, usize::MAX).await.unwrap(), bytes);
            for offset in [0, 1, IN_MEMORY - 1, IN_MEMORY, IN_MEMORY + 1, len, len + 1] {
                let expected: Vec<u8> = bytes.iter().copied().skip(offset).take(70_000).collect();
                assert_eq!(spool.read(offset as u64, 70_000).await.unwrap(), expected, "{len} {step} {offset}");
            }
        }
    }
}

#[tokio::test]
async fn small_ones_need_no_file_and_large_ones_leave_none() {
    let dir = tempfile::tempdir().unwrap();
    drop(filled(dir.path(), &sample(IN_MEMORY - 1), 5000).await);
    assert!(!dir.path().join("tmp").exists());
    let spool = filled(dir.path(), &sample(2 * IN_MEMORY), 5000).await;
    assert_eq!(std::fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
    assert_eq!(std::fs::metadata(dir.path().join("tmp")).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(spool.tail.capacity() <= 2 * IN_MEMORY);
}

#[tokio::test]
async fn a_spool_that_could_not_be_written_does_not_pass_for_whole() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("tmp"), b"a file where the directory should be").unwrap();
    let mut spool = Spool::new(dir.path().join("tmp"));
    assert!(spool.write(&sample(IN_MEMORY)).await.is_err());
    assert!(spool.write(b"more").await.is_err());
    assert!(spool.read(0, 1).await.is_err());
}

#[tokio::test]
async fn a_whole_is_put_together_from_pieces() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = sample(400_001);
    let spool = Arc::new(filled(dir.path(), &bytes, 7777).await);
    let mut pieces = Pieces::from(b"before ".to_vec());
    pieces.push(Piece::Range(Arc::clone(&spool), 10..300_010));
    pieces.push(Piece::Bytes(Bytes::from_static(b"")));
    pieces.push(Piece::Base64(Arc::clone(&spool), 3..400_001));
    pieces.push(Piece::Bytes(sample(100_000).into()));
    use base64::Engine as _;
    let mut expected = b"before ".to_vec();
    expected.extend_from_slice(&bytes[10..300_010]);
    expected.extend(base64::engine::general_purpose::STANDARD.encode(&bytes[3..]).bytes());
    expected.extend(sample(100_000));
    assert_eq!(pieces.len(), expected.len() as u64);
    assert_eq!(all(&pieces).await, expected);
    assert_eq!(all(&pieces).await, expected, "and once more");
    let beyond = Pieces::from_iter([Piece::Range(spool, 400_000..400_002)]);
    assert!(beyond.reader().next().await.is_err());
}

//! Records of FastCGI (FastCGI specification 1.0, sections 3.3 and 8): reading them from any bytes, writing them.

use std::{future::poll_fn, io, mem::MaybeUninit, pin::Pin, task::ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, ReadBuf};

/// Record types.
pub(super) mod kind {
    pub(in super::super) const BEGIN_REQUEST: u8 = 1;
    pub(in super::super) const ABORT_REQUEST: u8 = 2;
    pub(in super::super) const END_REQUEST: u8 = 3;
    pub(in super::super) const PARAMS: u8 = 4;
    pub(in super::super) const STDIN: u8 = 5;
    pub(in super::super) const STDOUT: u8 = 6;
    pub(in super::super) const GET_VALUES: u8 = 9;
    pub(in super::super) const GET_VALUES_RESULT: u8 = 10;
    pub(in super::super) const UNKNOWN_TYPE: u8 = 11;
}

/// How a request ended, for the last record of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Complete = 0,
    Overloaded = 2,
    UnknownRole = 3,
}

/// Bytes of a record before its content.
const HEADER: usize = 8;
/// Largest content of one record.
pub(super) const MAX_CONTENT: usize = 0xffff;
/// How much is read at once.
const READ: usize = 32 << 10;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Type of the record.
    pub kind: u8,
    /// Number of the request that it belongs to, 0 for the connection itself.
    pub id: u16,
    /// Content, at most 65535 bytes.
    pub content: Bytes,
}

/// The bytes are not FastCGI: the version is not 1. Nothing that follows can be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotFastCgi(
    /// The byte in the place of the version.
    pub u8,
);

impl std::fmt::Display for NotFastCgi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not FastCGI: version {} instead of 1", self.0)
    }
}

impl std::error::Error for NotFastCgi {}

/// Takes the first record out of `buffer`; `None` while it is not complete.
///
/// # Errors
/// The bytes are not FastCGI.
pub fn take_record(buffer: &mut BytesMut) -> Result<Option<Record>, NotFastCgi> {
    let Some(&[version, kind, id_high, id_low, length_high, length_low, padding, _]) = buffer.first_chunk::<HEADER>()
    else {
        return buffer
            .first()
            .map_or(Ok(None), |&version| if version == 1 { Ok(None) } else { Err(NotFastCgi(version)) });
    };
    if version != 1 {
        return Err(NotFastCgi(version));
    }
    let length = usize::from(u16::from_be_bytes([length_high, length_low]));
    if buffer.len() < HEADER + length + usize::from(padding) {
        return Ok(None);
    }
    buffer.advance(HEADER);
    let content = buffer.split_to(length).freeze();
    buffer.advance(usize::from(padding));
    Ok(Some(Record { kind, id: u16::from_be_bytes([id_high, id_low]), content }))
}

/// Appends a record with that content, of which only the first 65535 bytes fit.
pub(super) fn put_record(out: &mut Vec<u8>, kind: u8, id: u16, content: &[u8]) {
    let content = content.get(..MAX_CONTENT).unwrap_or(content);
    let [id_high, id_low] = id.to_be_bytes();
    let [length_high, length_low] = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
    out.extend_from_slice(&[1, kind, id_high, id_low, length_high, length_low, 0, 0]);
    out.extend_from_slice(content);
}

/// Appends the record that ends a request.
pub(super) fn put_end(out: &mut Vec<u8>, id: u16, end: End) {
    put_record(out, kind::END_REQUEST, id, &[0, 0, 0, 0, end as u8, 0, 0, 0]);
}

/// Records from a connection.
#[derive(Debug)]
pub(super) struct Records<R> {
    from: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> Records<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, buffer: BytesMut::new() }
    }

    /// The next record, `None` at the end of the connection. May be dropped and called again without losing anything.
    pub(super) async fn next(&mut self) -> io::Result<Option<Record>> {
        loop {
            if let Some(record) =
                take_record(&mut self.buffer).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?
            {
                return Ok(Some(record));
            }
            if self.fill().await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Whether a record has begun and not ended.
    pub(super) fn is_partial(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Reads and throws away until the other side closes.
    pub(super) async fn discard(&mut self) -> io::Result<()> {
        loop {
            self.buffer.clear();
            if self.fill().await? == 0 {
                return Ok(());
            }
        }
    }

    /// Reads by way of the stack, so that a connection with a phone that waits an hour holds no buffer.
    async fn fill(&mut self) -> io::Result<usize> {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
        poll_fn(|context| {
            let mut space = [MaybeUninit::<u8>::uninit(); READ];
            let mut space = ReadBuf::uninit(&mut space);
            ready!(Pin::new(&mut self.from).poll_read(context, &mut space))?;
            self.buffer.extend_from_slice(space.filled());
            io::Result::Ok(space.filled().len()).into()
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_writing_and_any_cut() {
        let mut bytes = Vec::new();
        put_record(&mut bytes, kind::STDIN, 0x1234, b"abc");
        put_record(&mut bytes, kind::STDIN, 0x1234, b"");
        bytes.extend_from_slice(&[1, kind::PARAMS, 0, 1, 0, 1, 3, 0, b'x', 9, 9, 9]);
        for cut in 0..=bytes.len() {
            let mut buffer = BytesMut::from(&bytes[..cut]);
            let mut records = Vec::new();
            while let Some(record) = take_record(&mut buffer).unwrap() {
                records.push(record);
            }
            buffer.extend_from_slice(&bytes[cut..]);
            while let Some(record) = take_record(&mut buffer).unwrap() {
                records.push(record);
            }
            assert!(buffer.is_empty());
            let expected = [(kind::STDIN, 0x1234, &b"abc"[..]), (kind::STDIN, 0x1234, b""), (kind::PARAMS, 1, b"x")];
            assert_eq!(records.iter().map(|r| (r.kind, r.id, &r.content[..])).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn another_protocol_is_seen_at_its_first_byte() {
        assert_eq!(take_record(&mut BytesMut::from(&b"G"[..])), Err(NotFastCgi(b'G')));
        assert_eq!(take_record(&mut BytesMut::from(&b"GET / HTTP/1.1\r\n"[..])), Err(NotFastCgi(b'G')));
        assert_eq!(take_record(&mut BytesMut::new()), Ok(None));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_give_records_or_an_error(bytes: Vec<u8>) {
            let mut buffer = BytesMut::from(&bytes[..]);
            let mut seen = 0;
            while let Ok(Some(record)) = take_record(&mut buffer) {
                seen += HEADER + record.content.len();
            }
            proptest::prop_assert!(seen + buffer.len() <= bytes.len());
        }
    }
}

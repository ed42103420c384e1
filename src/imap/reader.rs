//! Lines and literals, bounded. A response is read to its end whatever it says, so the next one begins where it should.

use std::{io, pin::Pin, time::Duration};

use bytes::Bytes;
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt as _},
    time::timeout,
};

use super::value::{Frame, Literal};
use crate::spool::Spool;

/// Longest line that is kept, bytes: an old SEARCH that names a million messages.
const LINE: usize = 8 << 20;
/// Most bytes of literals that are kept of one response.
const LITERALS: u64 = 32 << 20;
/// Most literals in one response.
const COUNT: usize = 2000;

/// Work of a [`Sink`].
pub type Taking<'a> = Pin<Box<dyn Future<Output = io::Result<()>> + Send + 'a>>;

/// Where long content goes instead of memory. An error ends the command and the connection.
pub trait Sink: Send {
    /// Takes the next piece.
    fn take<'a>(&'a mut self, piece: &'a [u8]) -> Taking<'a>;
}

impl Sink for Spool {
    fn take<'a>(&'a mut self, piece: &'a [u8]) -> Taking<'a> {
        Box::pin(self.write(piece))
    }
}

impl<F: FnMut(&[u8]) -> io::Result<()> + Send> Sink for F {
    fn take<'a>(&'a mut self, piece: &'a [u8]) -> Taking<'a> {
        Box::pin(std::future::ready(self(piece)))
    }
}

/// Reads one response. `sink` takes the literals of responses about messages (`* n FETCH`). `patience` is how long the server may be
/// silent.
///
/// # Errors
/// The connection has ended or is silent, or the sink fails.
pub async fn read_frame<R: AsyncBufRead + Unpin + Send>(
    input: &mut R,
    mut sink: Option<&mut dyn Sink>,
    patience: Duration,
) -> io::Result<Frame> {
    let mut frame = Frame::default();
    let mut kept = 0;
    loop {
        read_line(input, &mut frame, patience).await?;
        if is_prose(&frame.text) {
            return Ok(frame);
        }
        let Some(length) = take_announcement(&mut frame.text) else { return Ok(frame) };
        let literal = if let Some(sink) = sink.as_mut().filter(|_| is_fetch(&frame.text)) {
            pass(input, length, patience, &mut **sink).await?;
            Literal::Streamed(length)
        } else if length > LITERALS - kept || frame.literals.len() >= COUNT {
            pass(input, length, patience, &mut |_: &[u8]| Ok(())).await?;
            Literal::Skipped(length)
        } else {
            kept += length;
            let mut bytes = Vec::new();
            pass(input, length, patience, &mut |piece: &[u8]| {
                bytes.extend_from_slice(piece);
                Ok(())
            })
            .await?;
            Literal::Whole(Bytes::from(bytes))
        };
        if frame.literals.len() < COUNT {
            frame.literals.push((frame.text.len(), literal));
        } else {
            frame.cut = true;
        }
    }
}

/// Adds what is left of the line to the frame.
async fn read_line<R: AsyncBufRead + Unpin + Send>(
    input: &mut R,
    frame: &mut Frame,
    patience: Duration,
) -> io::Result<()> {
    loop {
        let ready = fill(input, patience).await?;
        let end = ready.iter().position(|b| *b == b'\n');
        let taken = end.map_or(ready.len(), |end| end + 1);
        let piece = ready.get(..taken).unwrap_or_default();
        // The end of a line that is too long may still announce a literal.
        if frame.text.len() + piece.len() > LINE {
            frame.cut = true;
            frame.text.truncate(1 << 10);
        }
        frame.text.extend_from_slice(piece);
        input.consume(taken);
        if end.is_some() {
            while matches!(frame.text.last(), Some(b'\n' | b'\r')) {
                frame.text.pop();
            }
            return Ok(());
        }
    }
}

async fn pass<R: AsyncBufRead + Unpin + Send>(
    input: &mut R,
    mut left: u64,
    patience: Duration,
    sink: &mut dyn Sink,
) -> io::Result<()> {
    while left > 0 {
        let ready = fill(input, patience).await?;
        let taken = usize::try_from(left).map_or(ready.len(), |left| left.min(ready.len()));
        sink.take(ready.get(..taken).unwrap_or_default()).await?;
        input.consume(taken);
        left -= taken as u64;
    }
    Ok(())
}

async fn fill<R: AsyncBufRead + Unpin + Send>(input: &mut R, patience: Duration) -> io::Result<&[u8]> {
    match timeout(patience, input.fill_buf()).await {
        Ok(Ok([])) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection")),
        Ok(ready) => ready,
        Err(_) => {
            let text = format!("the server is silent for {} s", patience.as_secs());
            Err(io::Error::new(io::ErrorKind::TimedOut, text))
        }
    }
}

/// Takes `{123}`, `{123+}` or `~{123}` off the end of a line.
fn take_announcement(line: &mut Vec<u8>) -> Option<u64> {
    let inner = line.strip_suffix(b"}")?;
    let open = inner.iter().rposition(|b| *b == b'{')?;
    let digits = inner.get(open + 1..)?;
    let digits = digits.strip_suffix(b"+").unwrap_or(digits);
    let number = Some(digits).filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    let number = std::str::from_utf8(number).ok()?.parse().ok()?;
    let literal8 = open.checked_sub(1).filter(|at| line.get(*at) == Some(&b'~'));
    line.truncate(literal8.unwrap_or(open));
    Some(number)
}

/// Responses that end in words for people, which announce nothing: `* OK ...`, `a1 NO ...`, `+ ...`.
fn is_prose(line: &[u8]) -> bool {
    let mut words = line.split(|b| *b == b' ');
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let is = |word: &&[u8]| second.eq_ignore_ascii_case(word);
    first == b"+" || [&b"OK"[..], b"NO", b"BAD", b"BYE", b"PREAUTH"].iter().any(is)
}

fn is_fetch(line: &[u8]) -> bool {
    line.split(|b| *b == b' ').nth(2).is_some_and(|word| word.eq_ignore_ascii_case(b"FETCH"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Duration = Duration::from_secs(1);

    async fn read(mut input: &[u8]) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Ok(frame) = read_frame(&mut input, None, NOW).await {
            frames.push(frame);
        }
        frames
    }

    #[tokio::test]
    async fn literals_are_taken_out() {
        let frames = read(b"* 1 FETCH (BODY[] {5}\r\na\r\n() UID 7 X ~{2+}\nab)\n* OK wait {5}\r\n+ go {3}\r\n").await;
        assert_eq!(frames.len(), 3);
        assert_eq!(frames[0].text, b"* 1 FETCH (BODY[]  UID 7 X )");
        let text = Literal::Whole(Bytes::from_static(b"a\r\n()"));
        assert_eq!(frames[0].literals, [(18, text), (27, Literal::Whole(Bytes::from_static(b"ab")))]);
        assert_eq!((&frames[1].text[..], &frames[2].text[..]), (&b"* OK wait {5}"[..], &b"+ go {3}"[..]));
    }

    #[tokio::test]
    async fn a_sink_takes_only_what_belongs_to_messages() {
        let mut input = &b"* LIST () \"/\" {1}\r\nx\r\n* 2 FETCH (BODY[2] {4}\r\nabcd)\r\n"[..];
        let mut taken = Vec::new();
        let mut sink = |piece: &[u8]| {
            taken.extend_from_slice(piece);
            Ok(())
        };
        let list = read_frame(&mut input, Some(&mut sink), NOW).await.unwrap();
        let fetch = read_frame(&mut input, Some(&mut sink), NOW).await.unwrap();
        assert_eq!(list.literals, [(14, Literal::Whole(Bytes::from_static(b"x")))]);
        assert_eq!(fetch.literals, [(19, Literal::Streamed(4))]);
        assert_eq!(taken, b"abcd");
    }

    #[tokio::test]
    async fn too_much_is_read_past() {
        let mut input = format!("* 1 FETCH (X {{{}}}\r\n", LITERALS + 1).into_bytes();
        input.resize(input.len() + usize::try_from(LITERALS).unwrap() + 1, b'x');
        input.extend_from_slice(b")\r\n* ");
        input.resize(input.len() + LINE + 10, b'y');
        input.extend_from_slice(b" {3}\r\nabc\r\n");
        input.extend_from_slice(b"a1 OK\r\n");
        let frames = read(&input).await;
        assert_eq!(frames.len(), 3);
        assert_eq!(frames[0].literals, [(13, Literal::Skipped(LITERALS + 1))]);
        assert!(frames[1].cut && frames[1].text.len() < LINE);
        assert_eq!(frames[2].text, b"a1 OK");
    }

    #[tokio::test]
    async fn a_silent_server_is_left() {
        let (_server, client) = tokio::io::duplex(64);
        let mut client = tokio::io::BufReader::new(client);
        let error = read_frame(&mut client, None, Duration::from_millis(20)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_their_end(pieces in proptest::collection::vec("[ -~\r\n]{0,30}|\\* 1 FETCH \\(A \\{[0-9]{1,2}\\}\r\n", 0..20)) {
            let input = pieces.concat().into_bytes();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            for frame in runtime.block_on(read(&input)) {
                prop_assert!(frame.text.len() <= input.len());
                let _ = crate::imap::value::Cursor::new(&frame).values();
            }
        }
    }
}

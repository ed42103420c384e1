//! Plain CGI (RFC 3875): one request from the environment and standard input, its answer to standard output.

use std::{
    io::{self, Read, Write},
    os::unix::ffi::OsStringExt,
};

use bytes::Bytes;

use super::{
    Body, BodyError, BodySender, Handler, Hangup, Limits, Request, Response, ResponseBody,
    answer::answer,
    params::{Head, answer_header},
};

/// How much of the body is read at once.
const PIECE: usize = 64 << 10;

/// Answers the one request that a web server started this process for. Request and answer are streamed. A single-threaded runtime is
/// enough; standard input is read by a thread of its own, standard output is written where this runs.
///
/// # Errors
/// Standard output cannot be written, or the body of a streamed answer broke off: the program should end with a failure, as then
/// the web server may tell the half from the whole.
pub async fn serve_one<H: Handler>(handler: &H, limits: &Limits) -> io::Result<()> {
    let variables: Vec<_> = std::env::vars_os().map(|(name, value)| (name.into_vec(), value.into_vec())).collect();
    let head = Head::from_variables(variables.iter().map(|(name, value)| (name.as_slice(), value.as_slice())));
    let response = respond(handler, head, io::stdin(), limits).await;
    write_answer(&mut io::stdout().lock(), response).await
}

async fn respond<H: Handler>(handler: &H, head: Head, input: impl Read + Send + 'static, limits: &Limits) -> Response {
    if head.length.is_some_and(|length| length > limits.max_body) {
        return Response::status(413);
    }
    let (sender, body) = Body::channel(2);
    let verdict = sender.verdict();
    let (max, length) = (limits.max_body, head.length);
    let runtime = tokio::runtime::Handle::current();
    std::thread::spawn(move || runtime.block_on(pump(input, length, max, sender)));
    let (_never, hangup) = Hangup::new();
    let request = Request {
        method: head.method,
        path: head.path,
        query: head.query,
        headers: head.headers,
        remote: head.remote,
        body,
        hangup,
        may_wait: false,
    };
    answer(handler, Box::new(request), verdict, limits.hangup_grace).await.unwrap_or_else(|| Response::status(400))
}

/// Hands the body on. Without a length (chunked uploads) it goes to the end of the input.
async fn pump(mut input: impl Read, length: Option<u64>, max: u64, sender: BodySender) {
    let mut left = length.unwrap_or(max);
    let mut buffer = vec![0; PIECE];
    loop {
        // With a length, reading on could wait for ever: the web server may leave the input open.
        if left == 0 && length.is_some() {
            return;
        }
        match input.read(&mut buffer) {
            Ok(0) if length.is_none() => return,
            Ok(0) => return sender.break_off(BodyError::Aborted),
            Ok(count) => {
                let Some(rest) = left.checked_sub(count as u64).or(length.map(|_| 0)) else {
                    return sender.break_off(BodyError::TooLarge);
                };
                let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(count);
                left = rest;
                if !sender.send(Bytes::copy_from_slice(buffer.get(..wanted).unwrap_or_default())).await {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return sender.break_off(BodyError::Aborted),
        }
    }
}

async fn write_answer(out: &mut impl Write, response: Response) -> io::Result<()> {
    out.write_all(&answer_header(&response))?;
    match response.body {
        ResponseBody::Full(body) => out.write_all(&body)?,
        ResponseBody::Stream(mut body) => {
            while let Some(piece) = body.next().await.map_err(io::Error::other)? {
                out.write_all(&piece)?;
                out.flush()?;
            }
        }
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Echo;

    impl Handler for Echo {
        async fn handle(&self, mut request: Request) -> Response {
            assert!(!request.may_wait);
            match request.body.collect(1 << 20).await {
                Ok(body) => Response::full(200, "text/plain", body),
                Err(_) => Response::status(400),
            }
        }
    }

    async fn run(length: Option<&str>, input: &'static [u8], max_body: u64) -> String {
        let variables = length.map(|length| (&b"CONTENT_LENGTH"[..], length.as_bytes()));
        let limits = Limits { max_body, ..Limits::default() };
        let response = respond(&Echo, Head::from_variables(variables), input, &limits).await;
        let mut out = Vec::new();
        write_answer(&mut out, response).await.unwrap();
        String::from_utf8(out).unwrap()
    }

    #[tokio::test]
    async fn body_with_length_and_without() {
        let whole = "Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(run(Some("5"), b"hello", 5).await, whole);
        assert_eq!(run(Some("5"), b"hello, what follows is not ours", 5).await, whole);
        assert_eq!(run(None, b"hello", 5).await, whole);
        assert!(run(None, b"", 5).await.ends_with("Content-Length: 0\r\n\r\n"));
    }

    #[tokio::test]
    async fn too_large_or_not_whole() {
        for (length, input) in [(Some("6"), &b"hello!"[..]), (None, b"hello!")] {
            assert!(run(length, input, 5).await.starts_with("Status: 413 "));
        }
        assert!(run(Some("5"), b"hell", 5).await.starts_with("Status: 400 "));
    }

    #[tokio::test]
    async fn a_streamed_answer_that_breaks_off_is_a_failure() {
        let (sender, body) = Body::channel(1);
        sender.break_off(BodyError::Aborted);
        let response = Response { body: ResponseBody::Stream(body), ..Response::status(200) };
        assert!(write_answer(&mut Vec::new(), response).await.is_err());
    }
}

//! Runs the handler for one request, the same way for every door: ends it when nobody waits any more, turns its panic into a 500, and
//! sees to it that a body that did not come whole is not answered as if it had.

use std::{
    any::Any,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
    time::Duration,
};

use super::{BodyError, Handler, Request, Response, body::Verdict};

/// The answer to a request; `None` when nobody waits for one any more. `verdict` belongs to the body of the request.
///
/// The request comes in a box, as all futures around this one would have room for it as long as its phone waits.
pub(super) async fn answer<H: Handler>(
    handler: &H,
    request: Box<Request>,
    verdict: Verdict,
    grace: Duration,
) -> Option<Response> {
    let hangup = request.hangup.clone();
    let given_up = async {
        hangup.gone().await;
        Box::pin(tokio::time::sleep(grace)).await;
    };
    let response = tokio::select! {
        biased;
        response = guarded(handler, request) => response,
        () = given_up => {
            log::warn!("a request went on for {} s after its client had gone; ended it", grace.as_secs());
            return None;
        },
    };
    match verdict.get() {
        None => Some(response),
        Some(BodyError::TooLarge) => Some(Response::status(413)),
        Some(BodyError::TimedOut) => Some(Response::status(408)),
        Some(BodyError::Aborted) => None,
    }
}

/// Like the handler, with a panic answered by 500: one request must not take the connections of others along.
async fn guarded<H: Handler>(handler: &H, request: Box<Request>) -> Response {
    let what = format!("{} {}", request.method, request.path);
    let mut future = pin!(handler.handle(unboxed(request)));
    let outcome = poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(response)) => Poll::Ready(Ok(response)),
        Err(panic) => Poll::Ready(Err(panic)),
    });
    outcome.await.unwrap_or_else(|panic| {
        log::error!("defect: {what} ended in a panic: {}", panic_text(panic.as_ref()));
        Response::status(500)
    })
}

/// What is in a box, which is gone then.
#[expect(
    clippy::boxed_local,
    reason = "a box that an async function moves out of keeps its memory until the function ends"
)]
fn unboxed<T>(boxed: Box<T>) -> T {
    *boxed
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no text)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::{Body, Hangup, Headers};

    struct Test;

    impl Handler for Test {
        async fn handle(&self, request: Request) -> Response {
            tokio::task::yield_now().await;
            match request.path.as_str() {
                "/panic" => panic!("on purpose"),
                "/wait" => std::future::pending().await,
                "/polite" => {
                    let hangup = request.hangup;
                    hangup.gone().await;
                    Response::status(200)
                }
                _ => Response::status(200),
            }
        }
    }

    fn request(path: &str, hangup: Hangup) -> Request {
        Request {
            method: "GET".to_owned(),
            path: path.to_owned(),
            query: Vec::new(),
            headers: Headers::default(),
            remote: None,
            body: Body::empty(),
            hangup,
            may_wait: true,
        }
    }

    async fn status(path: &str, gone: bool, broken: Option<BodyError>) -> Option<u16> {
        let (sender, hangup) = Hangup::new();
        let (body, _) = Body::channel(1);
        let verdict = body.verdict();
        if let Some(error) = broken {
            body.break_off(error);
        }
        if gone {
            sender.gone();
        }
        let answer = answer(&Test, Box::new(request(path, hangup)), verdict, Duration::from_millis(20)).await;
        answer.map(|response| response.status)
    }

    #[tokio::test]
    async fn answers() {
        assert_eq!(status("/", false, None).await, Some(200));
        assert_eq!(status("/panic", false, None).await, Some(500));
        assert_eq!(status("/", false, Some(BodyError::TooLarge)).await, Some(413));
        assert_eq!(status("/", false, Some(BodyError::TimedOut)).await, Some(408));
        assert_eq!(status("/", false, Some(BodyError::Aborted)).await, None);
    }

    #[tokio::test]
    async fn a_handler_may_notice_the_hangup_and_is_ended_if_it_does_not() {
        assert_eq!(status("/polite", true, None).await, Some(200));
        assert_eq!(status("/wait", true, None).await, None);
    }
}

//! The requests that run on one connection. They run in its task: thousands of phones wait, each on a connection of its own, and a task
//! more for each of them would take half a kilobyte.

use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    task::{Context, Poll},
};

type Task = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

/// How a request ended: its number, and whether the connection is still of use.
pub(super) type Ended = (u16, io::Result<()>);

/// Whatever a connection waits for, it must go on with these meanwhile ([`Tasks::beside`]): they may be what it waits for.
#[derive(Default)]
pub(super) struct Tasks {
    /// One, as web servers do it; seldom a few.
    running: Vec<(u16, Task)>,
    /// Those that ended while the connection waited for something else.
    ended: Vec<Ended>,
}

impl Tasks {
    /// Begins one.
    pub(super) fn begin(&mut self, id: u16, task: impl Future<Output = io::Result<()>> + Send + 'static) {
        if self.running.is_empty() {
            self.running.reserve_exact(1);
        }
        self.running.push((id, Box::pin(task)));
    }

    /// Waits for the end of any of them; `None` when there are none.
    pub(super) async fn next(&mut self) -> Option<Ended> {
        poll_fn(|context| match self.ended.pop().map_or_else(|| self.poll(context), Poll::Ready) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            Poll::Pending if self.running.is_empty() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// Does something else, and goes on with them meanwhile.
    pub(super) async fn beside<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|context| {
            while let Poll::Ready(ended) = self.poll(context) {
                self.ended.push(ended);
            }
            work.as_mut().poll(context)
        })
        .await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Ended> {
        for (at, (id, task)) in self.running.iter_mut().enumerate() {
            if let Poll::Ready(outcome) = task.as_mut().poll(context) {
                let id = *id;
                drop(self.running.swap_remove(at));
                return Poll::Ready((id, outcome));
            }
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        sync::mpsc,
        time::{sleep, timeout},
    };

    use super::*;

    #[tokio::test]
    async fn all_go_on_while_something_else_is_waited_for() {
        let mut tasks = Tasks::default();
        assert!(tasks.next().await.is_none());
        let (sender, mut receiver) = mpsc::channel(1);
        tasks.begin(1, async move {
            while receiver.recv().await.is_some() {}
            Ok(())
        });
        tasks.begin(2, async { Err(io::ErrorKind::BrokenPipe.into()) });
        // The channel has room for one: this ends only if the task reads.
        let sent = async {
            for number in 0..10 {
                sender.send(number).await.unwrap();
            }
        };
        timeout(Duration::from_secs(5), tasks.beside(sent)).await.expect("the task goes on");
        assert!(matches!(tasks.next().await, Some((2, Err(_)))));
        assert!(timeout(Duration::from_millis(5), tasks.next()).await.is_err());
        drop(sender);
        assert!(matches!(tasks.next().await, Some((1, Ok(())))));
        assert!(tasks.next().await.is_none());
    }

    #[tokio::test]
    async fn what_is_woken_is_polled() {
        let mut tasks = Tasks::default();
        for id in 0..3 {
            tasks.begin(id, async move {
                sleep(Duration::from_millis(u64::from(30 - 10 * id))).await;
                Ok(())
            });
        }
        let mut order = Vec::new();
        while let Some((id, _)) = tasks.next().await {
            order.push(id);
        }
        assert_eq!(order, [2, 1, 0]);
    }
}

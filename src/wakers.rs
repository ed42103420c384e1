//! Signals that thousands of requests wait for, one by one or few together, where each byte counts: tokio's own take a hundred bytes for each
//! who waits.

use std::{
    future::poll_fn,
    sync::{Mutex, PoisonError},
    task::{Poll, Waker},
};

/// Tasks that wait for the same. A task that has ended stays in here until the next [`Wakers::wake`], so this is for what lives about as long
/// as those who wait for it.
#[derive(Debug, Default)]
pub(crate) struct Wakers(Mutex<Vec<Waker>>);

impl Wakers {
    /// Wakes all who wait, so that they look again.
    pub(crate) fn wake(&self) {
        let wakers = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Waits until `look` finds something; it looks again after each [`Wakers::wake`].
    pub(crate) fn until<T>(&self, look: impl Fn() -> Option<T>) -> impl Future<Output = T> {
        poll_fn(move |context| {
            if let Some(found) = look() {
                return Poll::Ready(found);
            }
            self.add(context.waker());
            // It may have come before the waker was there.
            look().map_or(Poll::Pending, Poll::Ready)
        })
    }

    fn add(&self, waker: &Waker) {
        let mut wakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !wakers.iter().any(|other| other.will_wake(waker)) {
            wakers.reserve_exact(1);
            wakers.push(waker.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    };

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn all_who_wait_are_woken_however_close_the_news_are() {
        for _ in 0..200 {
            let shared = Arc::new((Wakers::default(), AtomicUsize::new(0)));
            let wait = |shared: Arc<(Wakers, AtomicUsize)>| async move {
                let (wakers, number) = &*shared;
                wakers.until(|| (number.load(Ordering::SeqCst) == 3).then_some(())).await;
            };
            let waiting: Vec<_> = (0..3).map(|_| tokio::spawn(wait(Arc::clone(&shared)))).collect();
            for _ in 0..3 {
                shared.1.fetch_add(1, Ordering::SeqCst);
                shared.0.wake();
            }
            for one in waiting {
                timeout(Duration::from_secs(5), one).await.expect("woken").unwrap();
            }
        }
    }

    #[tokio::test]
    async fn a_task_that_looks_again_and_again_is_there_once() {
        let wakers = Wakers::default();
        for _ in 0..3 {
            let wait = wakers.until(|| None::<()>);
            assert!(timeout(Duration::from_millis(1), wait).await.is_err());
        }
        assert_eq!(wakers.0.lock().unwrap().len(), 1);
    }
}

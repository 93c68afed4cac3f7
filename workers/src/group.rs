//! Group commit: single requests gathered into one transaction.
//!
//! While one group is being written the next gathers, so an idle line costs a request nothing and a
//! busy one shares its commits. A request is answered when its group is durable.

use std::future::Future;
use std::ops::RangeInclusive;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use tokio::sync::{mpsc, oneshot};

/// Requests that wait while a group is being written, at most; past it, submitters wait.
const WAITING_MAX: usize = 4_096;

/// Gathers `In`s and answers each with an `Out`.
#[derive(Debug)]
pub struct Group<In, Out> {
    requests: mpsc::Sender<(In, oneshot::Sender<Out>)>,
}

impl<In, Out> Clone for Group<In, Out> {
    fn clone(&self) -> Self {
        Self { requests: self.requests.clone() }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// The group's writer has ended.
    #[error("the process is stopping")]
    Stopping,
    /// The writer panicked with this request: nobody knows what was written of it.
    #[error("the writer of a group panicked")]
    Panicked,
}

impl<In: Send + 'static, Out: Send + 'static> Group<In, Out> {
    /// Write groups with `write`, which gives one answer a request, in order. A group is half of what
    /// waits, held to `sizes`; at the lower bound it is whatever waits. It ends when the last clone of the
    /// group is gone and all that was asked is written. A `write` that panics costs its own requests their
    /// answers, and no later ones.
    pub fn start<Write, Written>(sizes: RangeInclusive<usize>, write: Write) -> Self
    where
        Write: Fn(Vec<In>) -> Written + Send + Sync + 'static,
        Written: Future<Output = Vec<Out>> + Send,
    {
        let (requests, mut waiting) = mpsc::channel::<(In, oneshot::Sender<Out>)>(WAITING_MAX);
        tokio::spawn(async move {
            let mut gathered = Vec::new();
            loop {
                let most = (waiting.len() / 2).clamp(*sizes.start(), *sizes.end());
                if waiting.recv_many(&mut gathered, most).await == 0 {
                    return;
                }
                let (items, replies): (Vec<_>, Vec<_>) = gathered.drain(..).unzip();
                let written = AssertUnwindSafe(async { write(items).await }).catch_unwind().await;
                let Ok(answers) = written else {
                    metrics::counter!("callwright_groups_panicked_total").increment(1);
                    tracing::error!(requests = replies.len(), "the writer of a group panicked");
                    continue;
                };
                for (reply, answer) in replies.into_iter().zip(answers) {
                    // Whoever asked may have gone: its lease was lost.
                    let _ = reply.send(answer);
                }
            }
        });
        Self { requests }
    }

    /// Ask, and wait until it is durable.
    pub async fn submit(&self, item: In) -> Result<Out, Unanswered> {
        let (reply, answer) = oneshot::channel();
        self.requests.send((item, reply)).await.map_err(|_| Unanswered::Stopping)?;
        answer.await.map_err(|_| match self.requests.is_closed() {
            true => Unanswered::Stopping,
            false => Unanswered::Panicked,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn requests_made_while_one_is_written_share_the_next_write() {
        let writes = Arc::new(AtomicUsize::new(0));
        let gate = Arc::new(tokio::sync::Semaphore::new(0));
        let group = {
            let (writes, gate) = (writes.clone(), gate.clone());
            Group::start(100..=100, move |items: Vec<u32>| {
                let (writes, gate) = (writes.clone(), gate.clone());
                async move {
                    let _open = gate.acquire().await;
                    writes.fetch_add(1, Ordering::SeqCst);
                    items.into_iter().map(|item| item * 2).collect()
                }
            })
        };
        let asked = (0..50).map(|item| {
            let group = group.clone();
            tokio::spawn(async move { group.submit(item).await })
        });
        let asked: Vec<_> = asked.collect();
        tokio::task::yield_now().await;
        gate.add_permits(50);
        for (item, answer) in asked.into_iter().enumerate() {
            let answer = answer.await.expect("the submitter ran").expect("it was written");
            assert_eq!(answer as usize, item * 2);
        }
        assert!(writes.load(Ordering::SeqCst) < 10, "groups were not shared");
    }

    #[tokio::test]
    async fn a_writer_that_panics_answers_those_who_come_later() {
        let group = Group::start(1..=1, |items: Vec<u32>| async move {
            assert!(items != [1], "this one can't be written");
            items
        });
        assert_eq!(group.submit(1).await, Err(Unanswered::Panicked));
        assert_eq!(group.submit(2).await, Ok(2));
    }
}

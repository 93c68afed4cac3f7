//! Tells Redis how deliveries ended, many at a time.

use std::time::Duration;

use ::redis::RedisResult;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

use super::ack::{Outcome, Settled};
use super::backend::Engine;
use super::scripts::{Failure, Returned, SETTLE_MAX};

/// Waits between tries while Redis can't be reached.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(2);
/// How long a drain waits for Redis. Leases of what was not settled then expire.
const DRAIN_MAX: Duration = Duration::from_secs(10);

impl<J: crate::Job> Engine<J> {
    /// Settles deliveries until all tickets are gone. What ends during one round trip goes with the
    /// next one.
    pub(crate) async fn settle(&self, mut ended: UnboundedReceiver<Settled>) {
        let mut settled = Vec::with_capacity(SETTLE_MAX);
        while ended.recv_many(&mut settled, SETTLE_MAX).await > 0 {
            self.settle_all(&settled).await;
            for one in settled.drain(..) {
                self.in_flight.leave(&one.leased);
            }
        }
    }

    /// Send these until Redis has taken them. Sending them again is safe, as each seat fences its job.
    async fn settle_all(&self, settled: &[Settled]) {
        let mut wait = RETRY_FIRST;
        let mut given_up_at = None;
        while let Err(error) = self.send(settled).await {
            tracing::warn!(queue = %self.wire.keys.queue, %error, "jobs can't be settled");
            if self.closing.is_cancelled() {
                let until = *given_up_at.get_or_insert_with(|| Instant::now() + DRAIN_MAX);
                if Instant::now() >= until {
                    return;
                }
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(RETRY_MAX);
        }
    }

    async fn send(&self, settled: &[Settled]) -> RedisResult<()> {
        let (mut done, mut failed, mut returned) = (Vec::new(), Vec::new(), Vec::new());
        for Settled { leased, outcome, .. } in settled {
            match outcome {
                Outcome::Done => done.push(leased),
                Outcome::Failed { reason } => {
                    let delay = Some(self.backoff.after(leased.deliveries));
                    failed.push(Failure { leased, delay, reason });
                }
                Outcome::Unreadable { reason } => {
                    failed.push(Failure { leased, delay: None, reason });
                }
                Outcome::Abandoned { started } => {
                    returned.push(Returned { leased, started: *started });
                }
                Outcome::Lost => {}
            }
        }
        if !done.is_empty() {
            let all = done.len() as u64;
            let refused = self.wire.ack(done).await?;
            self.meters.refused.increment(refused);
            self.meters.finished.increment(all.saturating_sub(refused));
        }
        if !failed.is_empty() {
            let deliveries_max = self.subscription.deliveries_max;
            let (dead, refused) = self.wire.fail(&failed, deliveries_max).await?;
            self.meters.refused.increment(refused);
            self.bury(dead);
        }
        if !returned.is_empty() {
            self.wire.release(&returned).await?;
        }
        Ok(())
    }

    pub(crate) fn bury(&self, dead: u64) {
        if dead > 0 {
            tracing::error!(queue = %self.wire.keys.queue, dead, "jobs were given up as dead");
            self.meters.dead.increment(dead);
        }
    }
}

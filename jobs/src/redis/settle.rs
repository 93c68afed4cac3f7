//! Tells Redis how deliveries ended, many at a time.

use std::sync::Arc;
use std::time::Duration;

use ::redis::RedisResult;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

use super::ack::{Outcome, Settled, Told};
use super::backend::Engine;
use super::scripts::{Adoption, Failure, Leased, Returned, SETTLE_MAX};
use super::seat::Seat;

/// Waits between tries while Redis can't be reached.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(2);
/// How long a drain waits for Redis. Leases of what was not settled then expire.
const DRAIN_MAX: Duration = Duration::from_secs(10);

impl<J: crate::Job> Engine<J> {
    /// Tells of deliveries until all tickets are gone. What ends during one round trip goes with the
    /// next one.
    pub(crate) async fn settle(&self, mut told: UnboundedReceiver<Told>) {
        let mut news = Vec::with_capacity(SETTLE_MAX);
        while told.recv_many(&mut news, SETTLE_MAX).await > 0 {
            let (mut adopted, mut ended) = (Vec::new(), Vec::new());
            for one in news.drain(..) {
                match one {
                    Told::Adopted(seat) => adopted.push(seat),
                    Told::Ended(settled) => ended.push(settled),
                }
            }
            self.tell_all(&adopted, &ended).await;
            for one in ended {
                self.in_flight.leave(&one.seat.known());
            }
        }
    }

    /// Send these until Redis has taken them. Sending them again is safe, as each seat fences its job.
    async fn tell_all(&self, adopted: &[Arc<Seat>], ended: &[Settled]) {
        let mut wait = RETRY_FIRST;
        let mut given_up_at = None;
        let mut adoptions: Vec<_> = adopted.iter().filter_map(adoption_of).collect();
        loop {
            let sent = async {
                self.adopt(&mut adoptions).await?;
                self.send(ended).await
            };
            let Err(error) = sent.await else { return };
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

    /// Tell of the jobs that follow in seats, before their ends are told.
    async fn adopt(&self, adoptions: &mut Vec<(Arc<Seat>, Adoption)>) -> RedisResult<()> {
        if adoptions.is_empty() {
            return Ok(());
        }
        let told: Vec<&Adoption> = adoptions.iter().map(|(_, adoption)| adoption).collect();
        let refused = self.wire.adopt(&told, self.subscription.lease).await?;
        self.meters.refused.increment(refused);
        self.meters.adopted.increment(told.len() as u64);
        for (seat, adoption) in adoptions.drain(..) {
            self.in_flight.adopt(&adoption.done, &adoption.follows);
            seat.adopted(&adoption);
        }
        Ok(())
    }

    async fn send(&self, settled: &[Settled]) -> RedisResult<()> {
        let leased: Vec<Leased> = settled.iter().map(|one| one.seat.known()).collect();
        let (mut done, mut failed, mut returned) = (Vec::new(), Vec::new(), Vec::new());
        for (Settled { outcome, .. }, leased) in settled.iter().zip(&leased) {
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

fn adoption_of(seat: &Arc<Seat>) -> Option<(Arc<Seat>, Adoption)> {
    seat.adoption().map(|adoption| (seat.clone(), adoption))
}

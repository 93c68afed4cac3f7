//! The leases of the jobs in flight, renewed for as long as their handlers live.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::backend::Engine;
use super::scripts::{Hold, Leased, SETTLE_MAX};

/// How often the worker's state is looked at: apalis tells a backend nothing of a shutdown before
/// the last handler has ended.
const LOOK: Duration = Duration::from_millis(100);

struct Held {
    leased: Leased,
    lost: CancellationToken,
}

/// The deliveries that this worker answers for, by the job's id.
#[derive(Default)]
pub(crate) struct InFlight(Mutex<HashMap<Arc<str>, Held>>);

impl InFlight {
    fn held(&self) -> MutexGuard<'_, HashMap<Arc<str>, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a delivery. An older one of the same job has lost its lease by that.
    pub(crate) fn enter(&self, leased: &Leased) -> CancellationToken {
        let lost = CancellationToken::new();
        let held = Held { leased: leased.clone(), lost: lost.clone() };
        if let Some(older) = self.held().insert(leased.id.clone(), held) {
            older.lost.cancel();
        }
        lost
    }

    /// Leaves a delivery that is settled.
    pub(crate) fn leave(&self, leased: &Leased) {
        let mut held = self.held();
        if held.get(&leased.id).is_some_and(|held| held.leased.same(leased)) {
            held.remove(&leased.id);
        }
    }

    /// Another job follows in a delivery's seat, under the same lease.
    pub(crate) fn adopt(&self, done: &Leased, follows: &Leased) {
        let mut all = self.held();
        if !all.get(&done.id).is_some_and(|held| held.leased.same(done)) {
            return;
        }
        if let Some(Held { lost, .. }) = all.remove(&done.id) {
            all.insert(follows.id.clone(), Held { leased: follows.clone(), lost });
        }
    }

    fn lose(&self, leased: &Leased) {
        let held = self.held();
        if let Some(held) = held.get(&leased.id).filter(|held| held.leased.same(leased)) {
            held.lost.cancel();
        }
    }

    fn all(&self) -> Vec<Leased> {
        self.held().values().map(|held| held.leased.clone()).collect()
    }
}

impl<J: crate::Job> Engine<J> {
    /// Renews leases, and notices that the worker is to stop, until it is dropped.
    pub(crate) async fn keep(&self) {
        let period = self.subscription.lease / 3;
        let mut renew_at = Instant::now() + period;
        let mut look = tokio::time::interval(LOOK.min(period));
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            look.tick().await;
            if self.worker.is_shutting_down() {
                self.closing.cancel();
            }
            if Instant::now() >= renew_at {
                let renewed = self.renew().await;
                renew_at = Instant::now() + if renewed { period } else { period.min(LOOK) };
            }
        }
    }

    /// Whether Redis answered.
    async fn renew(&self) -> bool {
        for leases in self.in_flight.all().chunks(SETTLE_MAX) {
            let holds = match self.wire.renew(leases, self.subscription.lease).await {
                Ok(holds) => holds,
                Err(error) => {
                    tracing::warn!(queue = %self.wire.keys.queue, %error, "leases can't be renewed");
                    return false;
                }
            };
            for (leased, hold) in leases.iter().zip(holds) {
                // A job that has vanished has no rival, so its handler goes on; should the job be
                // pushed and delivered anew, the lease is lost then.
                if hold == Hold::Lost {
                    self.meters.lost.increment(1);
                    self.in_flight.lose(leased);
                }
            }
        }
        true
    }
}

//! The simulated line: a seeded model of carriers and customers, the embedded default.
//!
//! What becomes of a call is drawn from (seed, callee, round, place in the chain) and nothing else, so
//! a run can be had again; numbers that end in a test suffix act by rule (`docs/simulated-line.md`).
//! It runs on business time, and a call is a state machine with one timer, polled by whoever waits for
//! it: no task, no thread, and an unanswered call of zero length never waits at all.

mod agenda;
mod call;
mod customer;
mod draw;
mod persona;
mod plan;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use clock::Clock;
use outbound::ids::AttemptId;
use tokio::sync::Notify;

use crate::carrier::{Call, Carrier, CarrierError, Order, Timeline};
use crate::journal::{Entry, Event, Journal, real_us};
use call::SimulatedCall;

pub use persona::persona_names;
pub use plan::{RULES, Rule};

/// The simulated line of one process. Clones share their calls.
#[derive(Debug, Clone)]
pub struct SimulatedCarrier {
    network: Arc<Network>,
}

/// What all calls of the line share.
#[derive(Debug)]
struct Network {
    clock: Clock,
    journal: Arc<Journal>,
    /// Calls up in this process, so that a lost one can be hung up.
    up: Mutex<HashMap<AttemptId, Arc<Notify>>>,
}

impl SimulatedCarrier {
    pub fn new(clock: Clock, journal: Arc<Journal>) -> Self {
        Self { network: Arc::new(Network { clock, journal, up: Mutex::default() }) }
    }

    /// Calls that are up in this process.
    pub fn calls_up(&self) -> usize {
        self.network.up.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

#[async_trait]
impl Carrier for SimulatedCarrier {
    async fn originate(&self, order: Order) -> Result<Box<dyn Call>, CarrierError> {
        let plan = plan::plan(&order.line.simulated, order.callee, order.round, order.chain_index);
        let timeline = Timeline::start(&self.network.clock);
        let call = SimulatedCall::invite(Arc::clone(&self.network), order, plan, timeline)?;
        Ok(Box::new(call))
    }

    /// A call of this process is hung up where it is. One of another process has no network that could
    /// be asked but the journal: it gets its BYE there, as the far end would see it.
    async fn hang_up_lost(&self, attempt: AttemptId) -> bool {
        if let Some(lost) = self.network.signal_of(attempt) {
            lost.notify_one();
            return true;
        }
        let network = Arc::clone(&self.network);
        let ended = tokio::task::spawn_blocking(move || network.end_elsewhere(attempt)).await;
        ended.unwrap_or(false)
    }
}

impl Network {
    fn enter(&self, attempt: AttemptId) -> Arc<Notify> {
        let lost = Arc::new(Notify::new());
        let mut up = self.up.lock().unwrap_or_else(PoisonError::into_inner);
        up.insert(attempt, Arc::clone(&lost));
        lost
    }

    /// A later call of the same attempt (begun again before its INVITE) keeps its own entry.
    fn leave(&self, attempt: AttemptId, lost: &Arc<Notify>) {
        let mut up = self.up.lock().unwrap_or_else(PoisonError::into_inner);
        if up.get(&attempt).is_some_and(|found| Arc::ptr_eq(found, lost)) {
            up.remove(&attempt);
        }
    }

    fn signal_of(&self, attempt: AttemptId) -> Option<Arc<Notify>> {
        let up = self.up.lock().unwrap_or_else(PoisonError::into_inner);
        up.get(&attempt).map(Arc::clone)
    }

    fn end_elsewhere(&self, attempt: AttemptId) -> bool {
        let last = match self.journal.last_of(attempt) {
            Ok(Some(last)) if last.event != Event::Bye => last,
            Ok(_) => return false,
            Err(error) => {
                tracing::error!(%error, %attempt, "the journal can't be searched for a lost call");
                return false;
            }
        };
        let bye = Entry {
            at: self.clock.now(),
            real_us: real_us(),
            event: Event::Bye,
            worker: self.journal.worker().to_owned(),
            ..last
        };
        let written = self.journal.append(&[bye]);
        if let Err(error) = &written {
            tracing::error!(%error, %attempt, "the BYE of a lost call can't be journaled");
        }
        written.is_ok()
    }
}

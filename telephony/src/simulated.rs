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

use std::sync::Arc;

use clock::Clock;

use crate::carrier::{CarrierError, Order, Timeline};
use crate::gate::{Driver, Gate, Permit};
use crate::journal::Journal;
pub use call::SimulatedCall;

pub use persona::persona_names;
pub use plan::{RULES, Rule};

/// The simulated line behind its gate.
pub type SimulatedCarrier = Gate<Simulated>;

/// The driver of simulated calls.
#[derive(Debug)]
pub struct Simulated {
    clock: Clock,
}

impl Simulated {
    pub fn new(clock: Clock) -> Self {
        Self { clock }
    }
}

impl SimulatedCarrier {
    pub fn new(clock: Clock, journal: Arc<Journal>) -> Self {
        Self::around(Simulated::new(clock.clone()), clock, journal)
    }
}

impl Driver for Simulated {
    type Leg = SimulatedCall;

    async fn ready(&self, order: Order, _: Permit) -> Result<SimulatedCall, CarrierError> {
        let plan = plan::plan(&order.line.simulated, order.callee, order.round, order.chain_index);
        Ok(SimulatedCall::new(order, plan, Timeline::start(&self.clock)))
    }
}

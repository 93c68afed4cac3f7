//! All lines of a process behind one gate: each order goes to the driver that its trunk names.

use std::collections::VecDeque;

use outbound::Time;
use outbound::trunk::Driver as TrunkDriver;

use crate::carrier::{CallEvent, CarrierError, Command, Order};
use crate::gate::{Driver, Leg, Permit};
use crate::simulated::{Simulated, SimulatedCall};
use crate::sip::{Sip, SipLeg};

/// The drivers of a process.
pub struct Lines {
    simulated: Simulated,
    /// None: the process has no SIP.
    sip: Option<Sip>,
}

impl Lines {
    pub fn new(simulated: Simulated, sip: Option<Sip>) -> Self {
        Self { simulated, sip }
    }

    pub fn sip(&self) -> Option<&Sip> {
        self.sip.as_ref()
    }
}

impl Driver for Lines {
    type Leg = AnyLeg;

    async fn ready(&self, order: Order, permit: Permit) -> Result<AnyLeg, CarrierError> {
        match (order.line.driver, &self.sip) {
            (TrunkDriver::Simulated, _) => {
                self.simulated.ready(order, permit).await.map(AnyLeg::Simulated)
            }
            (TrunkDriver::Sip, Some(sip)) => sip.ready(order, permit).await.map(AnyLeg::Sip),
            (TrunkDriver::Sip | TrunkDriver::Asterisk, _) => {
                let reason = "this process has no driver for the trunk".to_owned();
                Err(CarrierError::Refused(reason))
            }
        }
    }
}

/// A call of whichever driver.
#[expect(clippy::large_enum_variant, reason = "a simulated call must not cost another allocation")]
pub enum AnyLeg {
    Simulated(SimulatedCall),
    Sip(SipLeg),
}

impl Leg for AnyLeg {
    fn call_id(&self) -> &str {
        match self {
            Self::Simulated(leg) => leg.call_id(),
            Self::Sip(leg) => leg.call_id(),
        }
    }

    fn now(&mut self) -> Time {
        match self {
            Self::Simulated(leg) => leg.now(),
            Self::Sip(leg) => leg.now(),
        }
    }

    fn invite(&mut self) {
        match self {
            Self::Simulated(leg) => leg.invite(),
            Self::Sip(leg) => leg.invite(),
        }
    }

    async fn next(&mut self, told: &mut VecDeque<CallEvent>) -> Option<&'static str> {
        match self {
            Self::Simulated(leg) => leg.next(told).await,
            Self::Sip(leg) => leg.next(told).await,
        }
    }

    async fn send(&mut self, command: Command) {
        match self {
            Self::Simulated(leg) => leg.send(command).await,
            Self::Sip(leg) => leg.send(command).await,
        }
    }

    fn hang_up(&mut self, cause: &'static str, told: &mut VecDeque<CallEvent>) {
        match self {
            Self::Simulated(leg) => leg.hang_up(cause, told),
            Self::Sip(leg) => leg.hang_up(cause, told),
        }
    }
}
